/* docs/language.md, "Parameters", "Atomics", copies: what is bound to a call, at its ends and beyond them. */
#include "interp/fixture.h"

static vyre_expr_id_t scalar(fixture_t *f, vyre_param_id_t param) {
  return vyre_build_param_value(&f->builder, VYRE_EXPR_SCALAR, param);
}

static void scalars_and_constants(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_param_id_t x = vyre_build_memory(b, VYRE_ROLE_SCALAR, "x", VYRE_TYPE_I16, 0);
  vyre_param_id_t c = vyre_build_memory(b, VYRE_ROLE_CONSTANT, "c", VYRE_TYPE_U16, 3);
  vyre_param_id_t d = vyre_build_memory(b, VYRE_ROLE_CONSTANT, "d", VYRE_TYPE_U32, 0);
  add_sum(&f, op2(b, VYRE_EXPR_SUB, vyre_build_const(b, VYRE_TYPE_I16, 100), scalar(&f, x))); /* 102 */
  add_sum(&f, vyre_build_load(b, c, u64(b, 2)));                                              /* 3000 */
  add_sum(&f, op2(b, VYRE_EXPR_MUL, vyre_build_len(b, d), vyre_build_len(b, c)));             /* 5 * 3 */
  fixture_line(&f, 4);
  add_sum(&f, vyre_build_load(b, d, to(b, VYRE_TYPE_U64, scalar(&f, x)))); /* index -2, as u64 */
  static const uint16_t three[] = {1000, 2000, 3000, 4000};
  static const uint32_t five[] = {1, 2, 3, 4, 5};
  run_binding_t bindings[VYRE_LIMIT_PARAMS] = {0};
  bindings[x].value = 0xFFFE;
  bindings[c] =
      (run_binding_t){.bytes = three, .size = sizeof three}; /* longer than declared: len is what is declared */
  bindings[d] = (run_binding_t){.bytes = five, .size = sizeof five};
  f.input.bindings = bindings;
  fixture_expect_fault(&f, VYRE_FAULT_OUT_OF_RANGE, 4, 0);
  bindings[x].value = 4;
  fixture_expect_sum(&f, 96 + 3000 + 15 + 5);
  fixture_close(&f);
}

/* Each element of a buffer of every type comes back, NaN without its payload; one more is a fault. */
static void elements_of_every_type(void **state) {
  (void)state;
  for (vyre_type_t type = VYRE_TYPE_U8; type < VYRE_TYPE_COUNT; type++) {
    unsigned bytes = vyre_type_bytes(type);
    for (unsigned role = 0; role < 4; role++) { /* window, state, private, workgroup memory on the way */
      for (uint64_t n = 3; n < 5; n++) {
        fixture_t f;
        fixture_open(&f, VYRE_TYPE_U8);
        vyre_builder_t *b = &f.builder;
        if (role == 3) lanes(&f, 32);
        vyre_param_id_t from = vyre_build_window(b, "from", type, VYRE_ACCESS_READ);
        vyre_param_id_t to_ = role == 1 ? vyre_build_memory(b, VYRE_ROLE_STATE, "to", type, 3)
                                        : vyre_build_window(b, "to", type, VYRE_ACCESS_READ_WRITE);
        vyre_param_id_t way =
            role < 2 ? to_ : vyre_build_memory(b, role == 2 ? VYRE_ROLE_PRIVATE : VYRE_ROLE_WORKGROUP, "way", type, 3);
        vyre_var_id_t i = range(b, VYRE_STMT_FOR, "i", n);
        fixture_line(&f, 2);
        vyre_var_id_t x = vyre_build_let(b, "x", vyre_build_load(b, from, get(b, i)), false);
        fixture_line(&f, 3);
        vyre_build_store(b, way, get(b, i), get(b, x));
        vyre_build_store(b, to_, get(b, i), vyre_build_load(b, way, get(b, i)));
        vyre_build_end(b);
        uint8_t memory[4 * 16];
        for (unsigned k = 0; k < sizeof memory; k++) memory[k] = (uint8_t)(k * 37 + 11);
        memset(memory, 0xFF, bytes); /* of floats: a NaN with a payload */
        run_binding_t bindings[VYRE_LIMIT_PARAMS] = {0};
        bindings[from] = (run_binding_t){.bytes = memory, .size = 4 * bytes};
        bindings[to_].size = 3 * bytes;
        f.input.bindings = bindings;
        if (n == 4) {
          fixture_expect_fault(&f, VYRE_FAULT_OUT_OF_RANGE, 3, 0);
        } else {
          fixture_expect_sum(&f, 0);
          const uint8_t *got = f.result.buffers[to_];
          assert_memory_equal(got + bytes, memory + bytes, 2 * bytes);
          uint64_t first = 0, expected = UINT64_MAX & vyre_type_mask(type);
          memcpy(&first, got, bytes < 8 ? bytes : 8);
          if (type == VYRE_TYPE_F32) expected = 0x7FC00000;
          if (type == VYRE_TYPE_F64) expected = UINT64_C(0x7FF8000000000000);
          if (type == VYRE_TYPE_F16) expected = 0x7E00;
          if (type == VYRE_TYPE_BF16) expected = 0x7FC0;
          assert_int_equal(first, expected);
        }
        fixture_close(&f);
      }
    }
  }
}

static void vectors_are_made_and_taken_apart(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U32X4);
  vyre_builder_t *b = &f.builder;
  vyre_param_id_t w = vyre_build_window(b, "w", VYRE_TYPE_U32X2, VYRE_ACCESS_WRITE);
  vyre_var_id_t v = vyre_build_let(b, "v", vyre_build_load(b, f.data, u64(b, 1)), false);
  vyre_expr_id_t turned[4];
  for (unsigned i = 0; i < 4; i++) turned[i] = vyre_build_part(b, get(b, v), 3 - i);
  vyre_expr_id_t mixed = vyre_build_select(b, truth(b, true), vyre_build_vector(b, VYRE_TYPE_U32X4, turned), get(b, v));
  vyre_var_id_t t = vyre_build_let(b, "t", mixed, false);
  vyre_expr_id_t ends[2] = {vyre_build_part(b, get(b, t), 0), vyre_build_part(b, get(b, t), 2)};
  vyre_build_store(b, w, u64(b, 0), vyre_build_vector(b, VYRE_TYPE_U32X2, ends));
  add_sum(&f, vyre_build_part(b, get(b, t), 3));
  static const uint32_t data[] = {0, 0, 0, 0, 1, 2, 3, 4};
  run_binding_t bindings[VYRE_LIMIT_PARAMS] = {0};
  bindings[w].size = 8;
  f.input = (run_input_t){.data = data, .data_bytes = sizeof data, .bindings = bindings};
  fixture_expect_sum(&f, 1);
  assert_int_equal(run_result_element(f.program, &f.result, "w", 0), UINT64_C(2) << 32 | 4);
  fixture_close(&f);
}

/* data[-2 .. len + 1) of what is really there, with a signed index; and nothing beyond. */
static void halos(void **state) {
  (void)state;
  static const uint16_t elements[] = {10, 20, 30, 40, 50, 60};
  for (int64_t index = -3; index <= 5; index++) {
    fixture_t f;
    memset(&f, 0, sizeof f);
    vyre_builder_init(&f.builder, "fixture", "", false);
    vyre_builder_t *b = &f.builder;
    f.data = vyre_build_param(b, "data",
                              (vyre_param_t){.role = VYRE_ROLE_STREAM,
                                             .type = VYRE_TYPE_U16,
                                             .access = VYRE_ACCESS_READ,
                                             .left = {.count = 8},
                                             .right = {.count = 8}});
    f.sum = vyre_build_output(b, "sum", VYRE_TYPE_U64, 0, VYRE_REDUCER_SUM);
    fixture_line(&f, 2);
    add_sum(&f, vyre_build_load(b, f.data, vyre_build_const(b, VYRE_TYPE_I8, (uint64_t)index)));
    vyre_expr_id_t sides =
        op2(b, VYRE_EXPR_ADD,
            op2(b, VYRE_EXPR_MUL, vyre_build_leaf(b, VYRE_EXPR_HALO_LEFT), vyre_build_const(b, VYRE_TYPE_I64, 1000)),
            vyre_build_leaf(b, VYRE_EXPR_HALO_RIGHT));
    add_sum(&f, sides);
    f.input = (run_input_t){.data = elements + 2, .data_bytes = 6, .halo_left = 4, .halo_right = 2, .fuel = 1};
    if (index < -2 || index > 3)
      fixture_expect_fault(&f, VYRE_FAULT_OUT_OF_RANGE, 2, 0);
    else
      fixture_expect_sum(&f, elements[index + 2] + 2001u);
    fixture_close(&f);
  }
}

/* i, then e, then the check: a fault in e comes first; a commuting pair of buffers keeps its order. */
static void stores_evaluate_before_they_check(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_param_id_t s = vyre_build_memory(b, VYRE_ROLE_STATE, "s", VYRE_TYPE_U64, 4);
  fixture_line(&f, 2);
  vyre_expr_id_t value = bad(b);
  fixture_line(&f, 3);
  vyre_build_store(b, s, u64(b, 99), value);
  fixture_expect_fault(&f, VYRE_FAULT_DIVISION, 2, 0);
  fixture_close(&f);
}

static void atomics_give_the_old_value(void **state) {
  (void)state;
  static const struct {
    vyre_expr_op_t op;
    uint64_t i32_after; /* of 5 with -3; exchange and compare-exchange (expects 5) the same */
  } cases[] = {{VYRE_EXPR_ATOMIC_LOAD, 5},
               {VYRE_EXPR_ATOMIC_STORE, UINT32_MAX - 2},
               {VYRE_EXPR_ATOMIC_ADD, 2},
               {VYRE_EXPR_ATOMIC_MIN, UINT32_MAX - 2},
               {VYRE_EXPR_ATOMIC_MAX, 5},
               {VYRE_EXPR_ATOMIC_AND, 5},
               {VYRE_EXPR_ATOMIC_OR, UINT32_MAX - 2},
               {VYRE_EXPR_ATOMIC_XOR, UINT32_MAX - 7},
               {VYRE_EXPR_ATOMIC_EXCHANGE, UINT32_MAX - 2},
               {VYRE_EXPR_ATOMIC_CAS, UINT32_MAX - 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (vyre_order_t order = 0; order < VYRE_ORDER_COUNT; order++) {
      vyre_expr_op_t op = cases[i].op;
      bool is_load = op == VYRE_EXPR_ATOMIC_LOAD, is_store = op == VYRE_EXPR_ATOMIC_STORE;
      if (is_load && (order == VYRE_ORDER_RELEASE || order == VYRE_ORDER_ACQ_REL)) continue;
      if (is_store && (order == VYRE_ORDER_ACQUIRE || order == VYRE_ORDER_ACQ_REL)) continue;
      fixture_t f;
      fixture_open(&f, VYRE_TYPE_U8);
      vyre_builder_t *b = &f.builder;
      vyre_param_id_t w = vyre_build_window(b, "w", VYRE_TYPE_I32, VYRE_ACCESS_READ_WRITE);
      vyre_expr_id_t minus_three = is_load ? 0 : vyre_build_const(b, VYRE_TYPE_I32, (uint64_t)-3),
                     operand = minus_three;
      vyre_expr_id_t desired = 0;
      if (op == VYRE_EXPR_ATOMIC_CAS) {
        operand = vyre_build_const(b, VYRE_TYPE_I32, 5);
        desired = minus_three;
      }
      vyre_expr_id_t old = vyre_build_atomic(b, op, order, w, u64(b, 1), operand, desired);
      if (is_store)
        vyre_build_eval(b, old);
      else
        add_sum(&f, old);
      static const int32_t before[] = {77, 5, 78};
      run_binding_t bindings[VYRE_LIMIT_PARAMS] = {0};
      bindings[w] = (run_binding_t){.bytes = before, .size = sizeof before};
      f.input.bindings = bindings;
      fixture_expect_sum(&f, is_store ? 0 : 5);
      assert_int_equal(run_result_element(f.program, &f.result, "w", 0), 77);
      assert_int_equal(run_result_element(f.program, &f.result, "w", 1), cases[i].i32_after);
      assert_int_equal(run_result_element(f.program, &f.result, "w", 2), 78);
      fixture_close(&f);
    }
  }
}

static void atomics_stay_inside(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  lanes(&f, 64);
  vyre_param_id_t t = vyre_build_memory(b, VYRE_ROLE_WORKGROUP, "t", VYRE_TYPE_U64, 2);
  vyre_param_id_t n = vyre_build_memory(b, VYRE_ROLE_SCALAR, "n", VYRE_TYPE_U64, 0);
  fixture_line(&f, 1);
  vyre_build_eval(b, vyre_build_atomic(b, VYRE_EXPR_ATOMIC_ADD, VYRE_ORDER_RELAXED, t, scalar(&f, n),
                                       to(b, VYRE_TYPE_U64, lane(b)), 0));
  barrier(b);
  when(b, VYRE_EXPR_EQ, lane(b), u32(b, 0));
  add_sum(&f, vyre_build_load(b, t, u64(b, 1)));
  vyre_build_end(b);
  run_binding_t bindings[VYRE_LIMIT_PARAMS] = {0};
  f.input.bindings = bindings;
  bindings[n].value = 1;
  fixture_expect_sum(&f, 63 * 64 / 2);
  bindings[n].value = 2;
  fixture_expect_fault(&f, VYRE_FAULT_OUT_OF_RANGE, 1, 0);
  fixture_close(&f);
}

/* In, doubled, out again; what lies outside of either buffer is a fault of the copy. */
static void copies(void **state) {
  (void)state;
  for (uint64_t n = 6; n < 8; n++) {
    for (unsigned is_store = 0; is_store < 2; is_store++) {
      fixture_t f;
      fixture_open(&f, VYRE_TYPE_U32);
      vyre_builder_t *b = &f.builder;
      lanes(&f, 32);
      vyre_param_id_t tile = vyre_build_memory(b, VYRE_ROLE_WORKGROUP, "tile", VYRE_TYPE_U32, 10);
      vyre_param_id_t w = vyre_build_window(b, "w", VYRE_TYPE_U32, VYRE_ACCESS_WRITE);
      fixture_line(&f, 1);
      vyre_build_copy(b, VYRE_STMT_ASYNC_LOAD, tile, u64(b, 2), f.data, u64(b, 1), u64(b, is_store ? 6 : n));
      vyre_build_plain(b, VYRE_STMT_ASYNC_WAIT);
      when(b, VYRE_EXPR_LT, lane(b), u32(b, 10));
      vyre_expr_id_t twice = op2(b, VYRE_EXPR_MUL, vyre_build_load(b, tile, lane(b)), u32(b, 2));
      vyre_build_store(b, tile, lane(b), twice);
      vyre_build_end(b);
      barrier(b);
      fixture_line(&f, 2);
      vyre_build_copy(b, VYRE_STMT_ASYNC_STORE, w, u64(b, 3), tile, u64(b, 1), u64(b, is_store ? n : 6));
      vyre_build_plain(b, VYRE_STMT_ASYNC_WAIT);
      static const uint32_t data[] = {1, 2, 3, 4, 5, 6, 7};
      run_binding_t bindings[VYRE_LIMIT_PARAMS] = {0};
      bindings[w].size = 4 * 9;
      f.input = (run_input_t){.data = data, .data_bytes = sizeof data, .fuel = 10, .bindings = bindings};
      if (n == 7) {
        fixture_expect_fault(&f, VYRE_FAULT_OUT_OF_RANGE, 1 + is_store, 0);
      } else {
        fixture_expect_sum(&f, 0);
        static const uint32_t expected[] = {0, 0, 0, 0, 4, 6, 8, 10, 12};
        assert_memory_equal(f.result.buffers[w], expected, sizeof expected);
      }
      fixture_close(&f);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scalars_and_constants),
      cmocka_unit_test(elements_of_every_type),
      cmocka_unit_test(vectors_are_made_and_taken_apart),
      cmocka_unit_test(halos),
      cmocka_unit_test(stores_evaluate_before_they_check),
      cmocka_unit_test(atomics_give_the_old_value),
      cmocka_unit_test(atomics_stay_inside),
      cmocka_unit_test(copies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
