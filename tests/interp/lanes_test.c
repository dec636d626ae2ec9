/* docs/language.md, "Lanes together": what each op gives to each lane, and what lanes see of each other. */
#include "interp/fixture.h"
#include "support/random.h"

enum { LANES = 64, SUBGROUP = 32 };

/* Runs `op` on the elements of `in`, one for each lane, with `second` for the operand b: into `got`. */
static void run_op(vyre_expr_op_t op, vyre_type_t type, const uint64_t *in, const uint32_t *second, uint64_t *got) {
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  lanes(&f, LANES);
  bool is_bool = type == VYRE_TYPE_BOOL, is_ballot = op == VYRE_EXPR_SUBGROUP_BALLOT;
  vyre_type_t stored = is_bool ? VYRE_TYPE_U8 : type, result = is_ballot ? VYRE_TYPE_U32 : stored;
  vyre_param_id_t from = vyre_build_window(b, "from", stored, VYRE_ACCESS_READ);
  vyre_param_id_t by = vyre_build_memory(b, VYRE_ROLE_CONSTANT, "by", VYRE_TYPE_U32, LANES);
  vyre_param_id_t to_ = vyre_build_window(b, "to", result, VYRE_ACCESS_WRITE);
  vyre_expr_id_t value = vyre_build_load(b, from, lane(b));
  if (is_bool) value = to(b, VYRE_TYPE_BOOL, value);
  vyre_expr_id_t lane_of = 0;
  if (vyre_expr_arity(op) == 2) {
    bool is_same = op == VYRE_EXPR_SUBGROUP_BROADCAST || op == VYRE_EXPR_WORKGROUP_BROADCAST;
    lane_of = vyre_build_load(b, by, is_same ? u32(b, 0) : lane(b));
  }
  vyre_var_id_t x = together(b, "x", op, value, lane_of);
  vyre_build_store(b, to_, lane(b), is_bool && !is_ballot ? to(b, VYRE_TYPE_U8, get(b, x)) : get(b, x));
  unsigned bytes = vyre_type_bytes(stored);
  uint8_t memory[LANES * 8] = {0};
  for (unsigned l = 0; l < LANES; l++) memcpy(memory + l * bytes, &in[l], bytes);
  run_binding_t bindings[VYRE_LIMIT_PARAMS] = {0};
  bindings[from] = (run_binding_t){.bytes = memory, .size = LANES * bytes};
  bindings[by] = (run_binding_t){.bytes = second};
  bindings[to_] = (run_binding_t){.size = LANES * vyre_type_bytes(result)};
  f.input.bindings = bindings;
  fixture_expect_sum(&f, 0);
  for (unsigned l = 0; l < LANES; l++) got[l] = run_result_element(f.program, &f.result, "to", l);
  fixture_close(&f);
}

static uint64_t f32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static float float_of(uint64_t bits) {
  uint32_t word = (uint32_t)bits;
  float x;
  memcpy(&x, &word, sizeof x);
  return x;
}

static void integers_are_reduced_and_scanned(void **state) {
  (void)state;
  random_t random = {11};
  uint64_t in[LANES], got[LANES];
  uint32_t none[LANES] = {0};
  for (unsigned round = 0; round < 8; round++) {
    for (unsigned l = 0; l < LANES; l++) in[l] = random_next(&random) & UINT32_MAX;
    for (unsigned is_workgroup = 0; is_workgroup < 2; is_workgroup++) {
      uint32_t sum = 0, all = UINT32_MAX, any = 0, parity = 0;
      int32_t low = INT32_MAX, high = INT32_MIN;
      uint64_t expected[8][LANES];
      for (unsigned l = 0; l < LANES; l++) {
        if (!is_workgroup && l == SUBGROUP) sum = any = parity = 0, all = UINT32_MAX, low = INT32_MAX, high = INT32_MIN;
        uint32_t v = (uint32_t)in[l];
        expected[7][l] = sum;
        sum += v, all &= v, any |= v, parity ^= v;
        low = (int32_t)v < low ? (int32_t)v : low;
        high = (int32_t)v > high ? (int32_t)v : high;
        expected[6][l] = sum;
        uint64_t last[] = {sum, (uint32_t)low, (uint32_t)high, all, any, parity};
        for (unsigned k = is_workgroup ? 0 : l / SUBGROUP * SUBGROUP; k <= l; k++)
          for (unsigned i = 0; i < 6; i++) expected[i][k] = last[i];
      }
      vyre_expr_op_t first = is_workgroup ? VYRE_EXPR_WORKGROUP_ADD : VYRE_EXPR_SUBGROUP_ADD;
      for (unsigned i = 0; i < 8; i++) {
        run_op(first + i, VYRE_TYPE_I32, in, none, got);
        for (unsigned l = 0; l < LANES; l++)
          if (got[l] != expected[i][l]) fail_msg("op %u lane %u: %llx", first + i, l, (unsigned long long)got[l]);
      }
    }
  }
}

static void truths_are_counted(void **state) {
  (void)state;
  uint64_t in[LANES] = {0}, got[LANES];
  uint32_t none[LANES] = {0};
  in[3] = in[31] = 1;
  for (unsigned l = SUBGROUP; l < LANES; l++) in[l] = 1;
  run_op(VYRE_EXPR_SUBGROUP_BALLOT, VYRE_TYPE_BOOL, in, none, got);
  assert_int_equal(got[0], 0x80000008);
  assert_int_equal(got[SUBGROUP + 5], UINT32_MAX);
  run_op(VYRE_EXPR_SUBGROUP_ALL, VYRE_TYPE_BOOL, in, none, got);
  assert_true(got[0] == 0 && got[SUBGROUP] == 1);
  run_op(VYRE_EXPR_SUBGROUP_ANY, VYRE_TYPE_BOOL, in, none, got);
  assert_true(got[0] == 1 && got[SUBGROUP] == 1);
  run_op(VYRE_EXPR_WORKGROUP_ALL, VYRE_TYPE_BOOL, in, none, got);
  assert_true(got[0] == 0 && got[LANES - 1] == 0);
  run_op(VYRE_EXPR_WORKGROUP_ANY, VYRE_TYPE_BOOL, in, none, got);
  assert_true(got[0] == 1 && got[LANES - 1] == 1);
}

static void values_move_between_lanes(void **state) {
  (void)state;
  uint64_t in[LANES], got[LANES];
  uint32_t by[LANES];
  random_t random = {5};
  for (unsigned l = 0; l < LANES; l++) in[l] = 1000 + l, by[l] = (uint32_t)random_next(&random);
  for (vyre_expr_op_t op = VYRE_EXPR_SUBGROUP_BROADCAST; op <= VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN; op++) {
    run_op(op, VYRE_TYPE_U64, in, by, got);
    for (unsigned l = 0; l < LANES; l++) {
      unsigned own = l % 32, base = l - own, n = by[l] % 32, source = own;
      if (op == VYRE_EXPR_SUBGROUP_BROADCAST) source = by[0] % 32;
      if (op == VYRE_EXPR_SUBGROUP_SHUFFLE) source = n;
      if (op == VYRE_EXPR_SUBGROUP_SHUFFLE_XOR) source = own ^ n;
      if (op == VYRE_EXPR_SUBGROUP_SHUFFLE_UP && own >= n) source = own - n;
      if (op == VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN && own + n < 32) source = own + n;
      assert_int_equal(got[l], 1000 + base + source);
    }
  }
  by[0] = LANES * 3 + 41;
  run_op(VYRE_EXPR_WORKGROUP_BROADCAST, VYRE_TYPE_U64, in, by, got);
  assert_int_equal(got[7], 1041);
  /* What moves has no payload. */
  in[9] = 0xFFFFFFFF;
  by[0] = 9;
  run_op(VYRE_EXPR_SUBGROUP_BROADCAST, VYRE_TYPE_F32, in, by, got);
  assert_int_equal(got[0], 0x7FC00000);
}

/* The order is part of the meaning: 1 beside 2^24 is lost or not. */
static void floats_add_in_their_tree(void **state) {
  (void)state;
  random_t random = {17};
  uint64_t in[LANES], got[LANES];
  uint32_t none[LANES] = {0};
  for (unsigned round = 0; round < 20; round++) {
    for (unsigned l = 0; l < LANES; l++)
      in[l] = f32((float)(random_below(&random, 1 << 20) + 1) * (random_below(&random, 2) ? 1e6f : -0.37f));
    float sums[2];
    for (unsigned s = 0; s < 2; s++) {
      float v[32];
      for (unsigned l = 0; l < 32; l++) v[l] = float_of(in[s * 32 + l]);
      for (unsigned half = 16; half; half /= 2)
        for (unsigned l = 0; l < half; l++) v[l] = v[l] + v[l + half];
      sums[s] = v[0];
    }
    run_op(VYRE_EXPR_SUBGROUP_ADD, VYRE_TYPE_F32, in, none, got);
    assert_true(got[0] == f32(sums[0]) && got[LANES - 1] == f32(sums[1]));
    run_op(VYRE_EXPR_WORKGROUP_ADD, VYRE_TYPE_F32, in, none, got);
    assert_int_equal(got[5], f32(sums[0] + sums[1]));
    run_op(VYRE_EXPR_WORKGROUP_INCLUSIVE_ADD, VYRE_TYPE_F32, in, none, got);
    float sum = float_of(in[0]);
    for (unsigned l = 1; l < LANES; l++) {
      sum += float_of(in[l]);
      assert_int_equal(got[l], f32(sum));
    }
    run_op(VYRE_EXPR_SUBGROUP_EXCLUSIVE_ADD, VYRE_TYPE_F32, in, none, got);
    assert_true(got[0] == 0 && got[1] == in[0] && got[32] == 0 && got[33] == in[32]);
  }
}

/* t[lane] = lane; barrier; each reads its neighbour's; many times over, in a uniform loop. */
static void barriers_order_workgroup_memory(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  lanes(&f, LANES);
  vyre_param_id_t t = vyre_build_memory(b, VYRE_ROLE_WORKGROUP, "t", VYRE_TYPE_U64, LANES);
  vyre_param_id_t own = vyre_build_memory(b, VYRE_ROLE_PRIVATE, "own", VYRE_TYPE_U64, 2);
  vyre_var_id_t x = vyre_build_let(b, "x", to(b, VYRE_TYPE_U64, lane(b)), true);
  range(b, VYRE_STMT_FOR, "i", 10);
  vyre_build_store(b, t, lane(b), get(b, x));
  barrier(b);
  vyre_expr_id_t next = op2(b, VYRE_EXPR_REM, op2(b, VYRE_EXPR_ADD, lane(b), u32(b, 1)), u32(b, LANES));
  vyre_build_assign(b, x, vyre_build_load(b, t, next));
  barrier(b);
  vyre_build_end(b);
  /* 10 places on; own[1] is zero at first, and each lane's own. */
  vyre_build_store(b, own, u64(b, 1), op2(b, VYRE_EXPR_ADD, vyre_build_load(b, own, u64(b, 1)), get(b, x)));
  vyre_expr_id_t expected =
      op2(b, VYRE_EXPR_REM, op2(b, VYRE_EXPR_ADD, to(b, VYRE_TYPE_U64, lane(b)), u64(b, 10)), u64(b, LANES));
  when(b, VYRE_EXPR_EQ, vyre_build_load(b, own, u64(b, 1)), expected);
  add_sum(&f, u64(b, 1));
  vyre_build_end(b);
  fixture_expect_sum(&f, LANES);
  fixture_close(&f);
}

/* Subgroups go different ways and meet among themselves; lanes go different ways where nobody meets. */
static void subgroups_and_lanes_part(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  lanes(&f, 96);
  vyre_var_id_t n = vyre_build_let(b, "n", u64(b, 0), true);
  vyre_build_range(b, VYRE_STMT_FOR, "i", u32(b, 0), subgroup(b)); /* 0, 1, 2 times */
  vyre_var_id_t s = together(b, "s", VYRE_EXPR_SUBGROUP_ADD, u64(b, 1), 0);
  vyre_build_assign(b, n, op2(b, VYRE_EXPR_ADD, get(b, n), get(b, s)));
  vyre_build_end(b);
  vyre_build_range(b, VYRE_STMT_FOR, "k", u32(b, 0), lane(b));
  step(b, n, 1);
  vyre_build_end(b);
  when(b, VYRE_EXPR_EQ, subgroup(b), u32(b, 1));
  vyre_build_plain(b, VYRE_STMT_RETURN); /* subgroup 1 adds nothing */
  vyre_build_end(b);
  vyre_var_id_t all = together(b, "all", VYRE_EXPR_SUBGROUP_ADD, get(b, n), 0);
  when(b, VYRE_EXPR_EQ, vyre_build_leaf(b, VYRE_EXPR_SUBGROUP_LANE), u32(b, 0));
  add_sum(&f, get(b, all));
  vyre_build_end(b);
  uint64_t expected = 0;
  for (uint64_t l = 0; l < 96; l++) expected += l / 32 == 1 ? 0 : l / 32 * 32 + l;
  fixture_expect_sum(&f, expected);
  fixture_close(&f);
}

/* switch, while and break under uniform conditions with a barrier inside. */
static void uniform_control_flow_with_meetings(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  lanes(&f, LANES);
  vyre_var_id_t i = vyre_build_let(b, "i", u64(b, 0), true);
  vyre_build_forever(b);
  step(b, i, 1);
  vyre_build_switch(b, get(b, i));
  vyre_expr_id_t label = u64(b, 3), others[2] = {u64(b, 5), u64(b, 6)};
  vyre_build_case(b, &label, 1);
  vyre_build_plain(b, VYRE_STMT_CONTINUE);
  vyre_build_end(b);
  vyre_build_case(b, others, 2);
  barrier(b);
  vyre_build_plain(b, VYRE_STMT_BREAK);
  vyre_build_end(b);
  vyre_build_default(b);
  vyre_var_id_t any = together(b, "any", VYRE_EXPR_WORKGROUP_ADD, u64(b, 1), 0);
  when(b, VYRE_EXPR_EQ, lane(b), u32(b, 1));
  add_sum(&f, get(b, any));
  vyre_build_end(b);
  vyre_build_end(b);
  vyre_build_end(b);
  vyre_build_end(b);
  add_sum(&f, get(b, i)); /* 5, in each */
  fixture_expect_sum(&f, 3 * LANES + 5 * LANES);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(integers_are_reduced_and_scanned),   cmocka_unit_test(truths_are_counted),
      cmocka_unit_test(values_move_between_lanes),          cmocka_unit_test(floats_add_in_their_tree),
      cmocka_unit_test(barriers_order_workgroup_memory),    cmocka_unit_test(subgroups_and_lanes_part),
      cmocka_unit_test(uniform_control_flow_with_meetings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
