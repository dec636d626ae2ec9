/* docs/language.md, "Reducers" and finish: what a call leaves in its block. */
#include <math.h>

#include "base/memory.h"
#include "interp/fixture.h"
#include "ir/layout.h"
#include "support/random.h"

static uint64_t f32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static uint64_t f64(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static uint64_t output(const fixture_t *f, const char *name, uint32_t index) {
  return run_result_output(f->program, &f->result, name, index);
}

/* Every commutative reducer over the elements of a stream of i64, and what was in the block before. */
static void commutative_reducers(void **state) {
  (void)state;
  static const int64_t data[] = {5, -7, 12, 3};
  static const vyre_reducer_t reducers[] = {VYRE_REDUCER_SUM, VYRE_REDUCER_MIN, VYRE_REDUCER_MAX, VYRE_REDUCER_OR,
                                            VYRE_REDUCER_XOR};
  static const char *const names[] = {"r0", "r1", "r2", "r3", "r4"}, *const arrays[] = {"a0", "a1", "a2", "a3", "a4"};
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_I64);
  vyre_builder_t *b = &f.builder;
  vyre_param_id_t scalars[5], tables[5];
  for (unsigned i = 0; i < 5; i++) {
    scalars[i] = vyre_build_output(b, names[i], VYRE_TYPE_I32, 0, reducers[i]);
    tables[i] = vyre_build_output(b, arrays[i], VYRE_TYPE_I64, 3, reducers[i]);
  }
  vyre_var_id_t k = vyre_build_range(b, VYRE_STMT_FOREACH, "k", u64(b, 0), vyre_build_len(b, f.data));
  for (unsigned i = 0; i < 5; i++) {
    vyre_build_reduce(b, scalars[i], to(b, VYRE_TYPE_I32, vyre_build_load(b, f.data, get(b, k))));
    vyre_build_reduce_at(b, tables[i], u64(b, 1), vyre_build_load(b, f.data, get(b, k)));
  }
  vyre_build_end(b);
  f.input.data = data;
  f.input.data_bytes = sizeof data;
  fixture_expect_sum(&f, 0);
  static const int64_t expected[] = {13, -7, 12, -1, 5 ^ -7 ^ 12 ^ 3};
  static const int64_t identities[] = {0, INT64_MAX, INT64_MIN, 0, 0};
  for (unsigned i = 0; i < 5; i++) {
    assert_int_equal((int64_t)output(&f, names[i], 0), expected[i]);
    assert_int_equal((int64_t)output(&f, arrays[i], 1), expected[i]);
    assert_int_equal((int64_t)output(&f, arrays[i], 2), identities[i]);
  }
  /* A second call into the same block takes up what is there. */
  uint8_t *block = f.result.outputs;
  f.result.outputs = NULL;
  static const int64_t more[] = {-9, 20};
  f.input = (run_input_t){.data = more, .data_bytes = sizeof more, .fuel = 100, .outputs = block};
  fixture_run(&f);
  static const int64_t both[] = {24, -9, 20, -1, 5 ^ -7 ^ 12 ^ 3 ^ -9 ^ 20};
  for (unsigned i = 0; i < 5; i++) {
    assert_int_equal((int64_t)output(&f, names[i], 0), both[i]);
    assert_int_equal((int64_t)output(&f, arrays[i], 1), both[i]);
  }
  vyre_free(block);
  fixture_close(&f);
}

static void extremes_of_floats(void **state) {
  (void)state;
  for (unsigned has_nan = 0; has_nan < 2; has_nan++) {
    fixture_t f;
    fixture_open(&f, VYRE_TYPE_F32);
    vyre_builder_t *b = &f.builder;
    vyre_param_id_t low = vyre_build_output(b, "low", VYRE_TYPE_F32, 0, VYRE_REDUCER_MIN);
    vyre_param_id_t high = vyre_build_output(b, "high", VYRE_TYPE_F64, 2, VYRE_REDUCER_MAX);
    vyre_var_id_t k = vyre_build_range(b, VYRE_STMT_FOR, "k", u64(b, 0), vyre_build_len(b, f.data));
    vyre_build_reduce(b, low, vyre_build_load(b, f.data, get(b, k)));
    vyre_build_reduce_at(b, high, u64(b, 0), to(b, VYRE_TYPE_F64, vyre_build_load(b, f.data, get(b, k))));
    vyre_build_end(b);
    float data[] = {0.0f, -0.0f, has_nan ? NAN : 0.0f};
    f.input.data = data;
    f.input.data_bytes = sizeof data;
    fixture_expect_sum(&f, 0);
    assert_int_equal(output(&f, "low", 0), has_nan ? 0x7FC00000 : f32(-0.0f));
    assert_int_equal(output(&f, "high", 0), has_nan ? UINT64_C(0x7FF8000000000000) : 0);
    assert_int_equal(output(&f, "high", 1), f64(-INFINITY));
    fixture_close(&f);
  }
}

static void assigned_values_and_those_that_are_not(void **state) {
  (void)state;
  for (unsigned is_set = 0; is_set < 2; is_set++) {
    fixture_t f;
    fixture_open(&f, VYRE_TYPE_U8);
    vyre_builder_t *b = &f.builder;
    f.builder.program->chunk_bytes = 4096;
    static const char *const names[] = {"a", "b"};
    static const vyre_type_t types[] = {VYRE_TYPE_F32, VYRE_TYPE_F32};
    vyre_var_id_t args[2];
    vyre_function_id_t add = vyre_build_function(b, "add", VYRE_TYPE_F32, names, types, 2, args);
    vyre_build_return(b, op2(b, VYRE_EXPR_ADD, get(b, args[0]), get(b, args[1])));
    vyre_build_end(b);
    vyre_param_id_t folded = vyre_build_param(b, "folded",
                                              (vyre_param_t){.role = VYRE_ROLE_OUTPUT,
                                                             .type = VYRE_TYPE_F32,
                                                             .access = VYRE_ACCESS_WRITE,
                                                             .reducer = VYRE_REDUCER_COMBINE,
                                                             .function = add});
    vyre_param_id_t each = vyre_build_output(b, "each", VYRE_TYPE_U32X4, 0, VYRE_REDUCER_PER_CHUNK);
    when(b, VYRE_EXPR_NE, vyre_build_len(b, f.data), u64(b, 0));
    vyre_build_set(b, folded, vyre_build_const(b, VYRE_TYPE_F32, f32(1)));
    vyre_build_set(b, folded, vyre_build_const(b, VYRE_TYPE_F32, 0xFFFFFFFF)); /* the last one stays, without payload */
    vyre_expr_id_t parts[4] = {u32(b, 1), u32(b, 2), u32(b, 3), u32(b, 4)};
    vyre_build_set(b, each, vyre_build_vector(b, VYRE_TYPE_U32X4, parts));
    vyre_build_end(b);
    f.input.data = "x";
    f.input.data_bytes = is_set;
    f.input.output_fill = 0;
    fixture_expect_sum(&f, 0);
    assert_int_equal(output(&f, "folded", 1), is_set);
    assert_int_equal(output(&f, "folded", 0), is_set ? 0x7FC00000 : 0);
    assert_int_equal(output(&f, "each", 1), is_set);
    assert_int_equal(output(&f, "each", 0), is_set ? UINT64_C(0x200000001) : 0);
    fixture_close(&f);
  }
}

static void records_up_to_their_number(void **state) {
  (void)state;
  for (uint64_t n = 9; n < 12; n++) {
    fixture_t f;
    fixture_open(&f, VYRE_TYPE_U8);
    vyre_builder_t *b = &f.builder;
    vyre_param_id_t found = vyre_build_output(b, "found", VYRE_TYPE_I32, 10, VYRE_REDUCER_APPEND);
    vyre_var_id_t k = range(b, VYRE_STMT_FOREACH, "k", n);
    vyre_expr_id_t key = op2(b, VYRE_EXPR_SUB, u64(b, 100), get(b, k));
    vyre_build_append(b, found, key, to(b, VYRE_TYPE_I32, op2(b, VYRE_EXPR_SUB, u64(b, 0), get(b, k))));
    vyre_build_end(b);
    fixture_run(&f);
    assert_int_equal(f.result.fault, n > 10 ? VYRE_FAULT_RECORDS : VYRE_FAULT_NONE);
    if (n <= 10) {
      assert_int_equal(run_result_records(f.program, &f.result, "found"), n);
      for (uint32_t i = 0; i < n; i++) { /* sorted: the largest k first */
        assert_int_equal(output(&f, "found", 2 * i), 100 - (n - 1 - i));
        assert_int_equal((int64_t)output(&f, "found", 2 * i + 1), -(int64_t)(n - 1 - i));
      }
    }
    fixture_close(&f);
  }
}

/* ---- sums of floats ---- */

/* The node over blocks first .. first + 2^level - 1, from the definition: halves are nodes, too; NULL of none. */
static bool node(const float *data, uint64_t low, uint64_t high, uint64_t first, unsigned level, float *out_sum) {
  if (first * 4096 >= high || (first + (UINT64_C(1) << level)) * 4096 <= low) return false;
  if (level > 0) {
    float left = 0, right = 0;
    bool has_left = node(data, low, high, first, level - 1, &left);
    bool has_right = node(data, low, high, first + (UINT64_C(1) << (level - 1)), level - 1, &right);
    *out_sum = has_left && has_right ? left + right : has_left ? left : right;
    return has_left || has_right;
  }
  float s[32];
  for (unsigned j = 0; j < 32; j++) s[j] = -0.0f;
  uint64_t begin = first * 4096 > low ? first * 4096 : low, end = (first + 1) * 4096 < high ? (first + 1) * 4096 : high;
  for (uint64_t p = begin; p < end; p++) s[p % 32] += data[p - low];
  for (unsigned half = 16; half; half /= 2)
    for (unsigned j = 0; j < half; j++) s[j] += s[j + half];
  *out_sum = s[0];
  return begin < end;
}

static float sum_of(fixture_t *f, const float *data, uint64_t position, uint64_t count) {
  f->input.data = data;
  f->input.data_bytes = count * 4;
  f->input.stream_offset = position * 4;
  f->input.output_fill = 0x33; /* it is written, not added to */
  fixture_run(f);
  assert_int_equal(f->result.fault, VYRE_FAULT_NONE);
  uint64_t bits = output(f, "total", 0);
  float sum;
  memcpy(&sum, &bits, sizeof sum);
  return sum;
}

enum { FLOATS = 1 << 17 };

static float *random_floats(void) {
  float *data = vyre_alloc(FLOATS * sizeof *data);
  assert_non_null(data);
  random_t random = {23};
  for (unsigned i = 0; i < FLOATS; i++)
    data[i] = (float)(int32_t)random_next(&random) * (random_below(&random, 3) ? 1e-7f : 1.0f);
  return data;
}

static void open_total(fixture_t *f) {
  fixture_open(f, VYRE_TYPE_F32);
  vyre_builder_t *b = &f->builder;
  vyre_param_id_t total = vyre_build_output(b, "total", VYRE_TYPE_F32, 0, VYRE_REDUCER_SUM);
  vyre_var_id_t k = vyre_build_range(b, VYRE_STMT_FOREACH, "k", u64(b, 0), vyre_build_len(b, f->data));
  vyre_build_reduce(b, total, vyre_build_load(b, f->data, get(b, k)));
  vyre_build_end(b);
}

static void a_sum_of_floats_is_its_tree(void **state) {
  (void)state;
  float *data = random_floats();
  fixture_t f;
  open_total(&f);
  static const struct {
    uint64_t position, count;
  } cases[] = {{0, 0},
               {0, 1},
               {0, 33},
               {0, 4096},
               {0, 4097},
               {5, 4091},
               {5, 4092},
               {4095, 2},
               {8192, 4096},
               {4096, 8192},
               {12288, 20480},
               {100, 100000},
               {4096 * 7, 90000},
               {1 << 20, FLOATS},
               {12345678, FLOATS - 5},
               {UINT64_C(1) << 40, 50000},
               {(UINT64_C(1) << 40) - 9000, 50000}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint64_t low = cases[i].position, high = low + cases[i].count;
    unsigned level = 0; /* of the lowest node over all blocks */
    while (high > low && low / 4096 >> level != (high - 1) / 4096 >> level) level++;
    float expected = -0.0f;
    node(data, low, high, low / 4096 >> level << level, level, &expected);
    if (high == low) expected = -0.0f;
    float sum = sum_of(&f, data, low, cases[i].count);
    if (f32(sum) != f32(expected)) fail_msg("case %zu: %a, %a", i, (double)sum, (double)expected);
  }
  vyre_free(data);
  fixture_close(&f);
}

/* Chunks of aligned powers of two, added up as a tree: the same bits whatever their size. */
static void chunks_do_not_matter(void **state) {
  (void)state;
  float *data = random_floats();
  fixture_t f;
  open_total(&f);
  float whole = sum_of(&f, data, 0, FLOATS);
  for (uint64_t chunk = 4096; chunk < FLOATS; chunk *= 2) {
    float sums[FLOATS / 4096];
    uint64_t count = FLOATS / chunk;
    for (uint64_t i = 0; i < count; i++) sums[i] = sum_of(&f, data + i * chunk, i * chunk, chunk);
    for (; count > 1; count /= 2)
      for (uint64_t i = 0; i < count / 2; i++) sums[i] = sums[2 * i] + sums[2 * i + 1];
    assert_int_equal(f32(sums[0]), f32(whole));
  }
  vyre_free(data);
  fixture_close(&f);
}

/* ---- finish ---- */

static void finish_changes_the_block(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_param_id_t table = vyre_build_output(b, "table", VYRE_TYPE_U32, 4, VYRE_REDUCER_SUM);
  vyre_param_id_t mean = vyre_build_output(b, "mean", VYRE_TYPE_F64, 0, VYRE_REDUCER_MAX);
  vyre_param_id_t scale = vyre_build_memory(b, VYRE_ROLE_SCALAR, "scale", VYRE_TYPE_U64, 0);
  vyre_build_finish(b);
  vyre_var_id_t all = vyre_build_let(b, "all", u64(b, 0), true);
  vyre_var_id_t k = vyre_build_range(b, VYRE_STMT_FOR, "k", u64(b, 0), vyre_build_len(b, table));
  vyre_expr_id_t next = to(b, VYRE_TYPE_U64, vyre_build_output_at(b, table, get(b, k)));
  vyre_build_assign(b, all, op2(b, VYRE_EXPR_ADD, get(b, all), next));
  vyre_build_set_at(b, table, get(b, k), to(b, VYRE_TYPE_U32, get(b, all)));
  vyre_build_end(b);
  vyre_expr_id_t part =
      op2(b, VYRE_EXPR_DIV, to(b, VYRE_TYPE_F64, get(b, all)), vyre_build_const(b, VYRE_TYPE_F64, f64(4)));
  vyre_build_set(b, mean, part);
  vyre_build_set(b, f.sum,
                 op2(b, VYRE_EXPR_MUL, vyre_build_param_value(b, VYRE_EXPR_OUTPUT, f.sum),
                     vyre_build_param_value(b, VYRE_EXPR_SCALAR, scale)));
  fixture_line(&f, 9);
  when(b, VYRE_EXPR_EQ, vyre_build_param_value(b, VYRE_EXPR_SCALAR, scale), u64(b, 7));
  vyre_build_set_at(b, table, u64(b, 4), u32(b, 1));
  vyre_build_end(b);
  vyre_build_end(b);
  fixture_finish(&f);
  vyre_layout_t layout;
  vyre_program_layout(f.program, &layout);
  _Alignas(8) uint8_t block[256] = {0};
  assert_true(layout.output_bytes <= sizeof block);
  uint64_t sum = 11;
  uint32_t counts[] = {1, 2, 3, 4};
  memcpy(block + layout.output_offset[f.sum], &sum, 8);
  memcpy(block + layout.output_offset[table], counts, sizeof counts);
  for (uint64_t factor = 6; factor < 8; factor++) {
    run_binding_t bindings[VYRE_LIMIT_PARAMS] = {0};
    bindings[scale].value = factor;
    f.input = (run_input_t){.fuel = 4, .is_finish = true, .outputs = block, .bindings = bindings};
    if (factor == 7) {
      fixture_expect_fault(&f, VYRE_FAULT_OUT_OF_RANGE, 9, 0);
      continue;
    }
    fixture_expect_sum(&f, 66);
    assert_int_equal(output(&f, "mean", 0), f64(2.5));
    assert_int_equal(output(&f, "table", 3), 10);
    assert_int_equal(output(&f, "table", 1), 3);
  }
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(commutative_reducers),
      cmocka_unit_test(extremes_of_floats),
      cmocka_unit_test(assigned_values_and_those_that_are_not),
      cmocka_unit_test(records_up_to_their_number),
      cmocka_unit_test(a_sum_of_floats_is_its_tree),
      cmocka_unit_test(chunks_do_not_matter),
      cmocka_unit_test(finish_changes_the_block),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
