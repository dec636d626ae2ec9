/* docs/language.md: evaluation order, parameters, and how control flows through blocks and loops. */
#include "interp/fixture.h"

static void logic_evaluates_the_right_side_when_it_decides(void **state) {
  (void)state;
  for (unsigned left = 0; left < 2; left++) {
    for (unsigned is_or = 0; is_or < 2; is_or++) {
      fixture_t f;
      fixture_open(&f, VYRE_TYPE_U8);
      vyre_builder_t *b = &f.builder;
      vyre_expr_id_t a = truth(b, left);
      fixture_line(&f, 7);
      vyre_expr_id_t fault = op2(b, VYRE_EXPR_EQ, bad(b), u64(b, 0));
      add_sum(&f, op2(b, is_or ? VYRE_EXPR_LOGICAL_OR : VYRE_EXPR_LOGICAL_AND, a, fault));
      if (left == is_or)
        fixture_expect_sum(&f, left);
      else
        fixture_expect_fault(&f, VYRE_FAULT_DIVISION, 7, 0);
      fixture_close(&f);
    }
  }
}

static void logic_gives_the_right_side(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  for (uint64_t i = 0; i < 8; i++) {
    vyre_expr_op_t op = i & 4 ? VYRE_EXPR_LOGICAL_OR : VYRE_EXPR_LOGICAL_AND;
    vyre_expr_id_t value = to(b, VYRE_TYPE_U64, op2(b, op, truth(b, i & 2), truth(b, i & 1)));
    add_sum(&f, op2(b, VYRE_EXPR_SHL, value, u64(b, i)));
  }
  fixture_expect_sum(&f, 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7);
  fixture_close(&f);
}

static void select_evaluates_all_three(void **state) {
  (void)state;
  for (unsigned condition = 0; condition < 2; condition++) {
    for (unsigned faulty = 0; faulty < 3; faulty++) { /* 2: none */
      fixture_t f;
      fixture_open(&f, VYRE_TYPE_U8);
      vyre_builder_t *b = &f.builder;
      vyre_expr_id_t c = truth(b, condition);
      fixture_line(&f, 3);
      vyre_expr_id_t yes = faulty == 0 ? bad(b) : u64(b, 10), no = faulty == 1 ? bad(b) : u64(b, 20);
      add_sum(&f, vyre_build_select(b, c, yes, no));
      if (faulty == 2)
        fixture_expect_sum(&f, condition ? 10 : 20);
      else
        fixture_expect_fault(&f, VYRE_FAULT_DIVISION, 3, 0);
      fixture_close(&f);
    }
  }
}

/* The first of two faults is the one on the left; an operand's fault comes before that of its operator. */
static void operands_from_left_to_right(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  fixture_line(&f, 2);
  vyre_expr_id_t right = bad(b); /* built first, evaluated second */
  fixture_line(&f, 1);
  vyre_expr_id_t left = to(b, VYRE_TYPE_U64, vyre_build_load(b, f.data, u64(b, 9)));
  add_sum(&f, op2(b, VYRE_EXPR_ADD, left, right));
  fixture_expect_fault(&f, VYRE_FAULT_OUT_OF_RANGE, 1, 0);
  fixture_close(&f);

  fixture_open(&f, VYRE_TYPE_U8);
  vyre_param_id_t table = vyre_build_output(&f.builder, "table", VYRE_TYPE_U64, 4, VYRE_REDUCER_SUM);
  fixture_line(&f, 1);
  vyre_expr_id_t value = bad(&f.builder);
  fixture_line(&f, 2);
  vyre_build_reduce_at(&f.builder, table, u64(&f.builder, 4), value);
  fixture_expect_fault(&f, VYRE_FAULT_DIVISION, 1, 0);
  fixture_close(&f);
}

static void parameters(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_I16);
  vyre_builder_t *b = &f.builder;
  vyre_param_id_t facts = vyre_build_output(b, "facts", VYRE_TYPE_U64, 5, VYRE_REDUCER_SUM);
  vyre_build_reduce_at(b, facts, u64(b, 0), vyre_build_len(b, f.data));
  vyre_build_reduce_at(b, facts, u64(b, 1), vyre_build_leaf(b, VYRE_EXPR_STREAM_OFFSET));
  vyre_build_reduce_at(b, facts, u64(b, 2), to(b, VYRE_TYPE_U64, vyre_build_leaf(b, VYRE_EXPR_IS_LAST)));
  vyre_build_reduce_at(b, facts, u64(b, 3), vyre_build_len(b, facts));
  vyre_build_reduce_at(b, facts, u32(b, 4), to(b, VYRE_TYPE_U64, vyre_build_load(b, f.data, u32(b, 1))));
  static const uint8_t data[] = {1, 2, 0xFE, 0xFF, 5}; /* the fifth byte is half an element: not one */
  f.input.data = data;
  f.input.data_bytes = sizeof data;
  f.input.stream_offset = UINT64_C(1) << 40;
  for (unsigned is_last = 0; is_last < 2; is_last++) {
    f.input.is_last = is_last;
    fixture_expect_sum(&f, 0);
    const uint64_t expected[] = {2, UINT64_C(1) << 40, is_last, 5, (uint64_t)-2};
    for (uint32_t i = 0; i < 5; i++) assert_int_equal(run_result_output(f.program, &f.result, "facts", i), expected[i]);
  }
  fixture_close(&f);
}

/* Calls add to what is there, at the width of the element, and sums wrap. */
static void outputs_are_added_to(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_param_id_t narrow = vyre_build_output(b, "narrow", VYRE_TYPE_U32, 3, VYRE_REDUCER_SUM);
  vyre_param_id_t scalar = vyre_build_output(b, "scalar", VYRE_TYPE_I32, 0, VYRE_REDUCER_SUM);
  vyre_param_id_t wide = vyre_build_output(b, "wide", VYRE_TYPE_I64, 2, VYRE_REDUCER_SUM);
  vyre_build_reduce_at(b, narrow, u64(b, 1), u32(b, 1));
  vyre_build_reduce_at(b, narrow, u64(b, 1), u32(b, 1));
  vyre_build_reduce(b, scalar, vyre_build_const(b, VYRE_TYPE_I32, UINT64_MAX));
  vyre_build_reduce_at(b, wide, u64(b, 0), vyre_build_const(b, VYRE_TYPE_I64, UINT64_MAX));
  f.input.output_fill = 0xFF;
  fixture_expect_sum(&f, UINT64_MAX);
  assert_int_equal(run_result_output(f.program, &f.result, "narrow", 0), UINT32_MAX);
  assert_int_equal(run_result_output(f.program, &f.result, "narrow", 1), 1);
  assert_int_equal(run_result_output(f.program, &f.result, "narrow", 2), UINT32_MAX);
  assert_int_equal(run_result_output(f.program, &f.result, "scalar", 0), (uint64_t)-2);
  assert_int_equal(run_result_output(f.program, &f.result, "wide", 0), (uint64_t)-2);
  assert_int_equal(run_result_output(f.program, &f.result, "wide", 1), UINT64_MAX);
  fixture_close(&f);
}

static void variables_hold_values_of_their_type(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_var_id_t x = vyre_build_let(b, "x", vyre_build_const(b, VYRE_TYPE_I8, 100), true);
  vyre_var_id_t before = vyre_build_let(b, "before", get(b, x), false);
  vyre_build_assign(b, x, op2(b, VYRE_EXPR_ADD, get(b, x), vyre_build_const(b, VYRE_TYPE_I8, 100)));
  add_sum(&f, get(b, x));
  add_sum(&f, get(b, before));
  fixture_expect_sum(&f, (uint64_t)(-56 + 100));
  fixture_close(&f);
}

static void if_takes_one_branch(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  for (unsigned i = 0; i < 2; i++) {
    vyre_build_if(b, truth(b, i));
    add_sum(&f, u64(b, i ? 1 : 100));
    vyre_build_else(b);
    add_sum(&f, u64(b, i ? 100 : 2));
    vyre_build_end(b);
    vyre_build_if(b, truth(b, i)); /* no else */
    add_sum(&f, u64(b, i ? 4 : 100));
    vyre_build_end(b);
  }
  fixture_expect_sum(&f, 7);
  fixture_close(&f);
}

static void while_tests_before_each_iteration(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_var_id_t n = vyre_build_let(b, "n", u64(b, 0), true);
  vyre_build_while(b, op2(b, VYRE_EXPR_LT, get(b, n), u64(b, 10)));
  step(b, n, 1);
  when(b, VYRE_EXPR_LE, get(b, n), u64(b, 3));
  vyre_build_plain(b, VYRE_STMT_CONTINUE);
  vyre_build_end(b);
  when(b, VYRE_EXPR_EQ, get(b, n), u64(b, 6));
  vyre_build_plain(b, VYRE_STMT_BREAK);
  vyre_build_end(b);
  add_sum(&f, get(b, n)); /* 4 and 5 */
  vyre_build_end(b);
  vyre_build_while(b, truth(b, false));
  add_sum(&f, u64(b, 1000));
  vyre_build_end(b);
  add_sum(&f, u64(b, 100));
  fixture_expect_sum(&f, 109);
  fixture_close(&f);
}

/* The bounds are evaluated once; b <= a is no iteration; the variable has the type of the bounds. */
static void for_counts_upwards(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_var_id_t high = vyre_build_let(b, "high", u64(b, 5), true);
  vyre_var_id_t i = vyre_build_range(b, VYRE_STMT_FOR, "i", u64(b, 2), get(b, high));
  vyre_build_assign(b, high, u64(b, 100));
  add_sum(&f, get(b, i)); /* 2, 3, 4 */
  vyre_build_end(b);
  vyre_build_range(b, VYRE_STMT_FOR, "j", u64(b, 5), u64(b, 5));
  add_sum(&f, u64(b, 1000));
  vyre_build_end(b);
  vyre_build_range(b, VYRE_STMT_FOR, "k", u64(b, 6), u64(b, 5));
  add_sum(&f, u64(b, 1000));
  vyre_build_end(b);
  vyre_expr_id_t low = vyre_build_const(b, VYRE_TYPE_U8, 250), top = vyre_build_const(b, VYRE_TYPE_U8, 255);
  vyre_var_id_t m = vyre_build_range(b, VYRE_STMT_FOR, "m", low, top);
  add_sum(&f, op2(b, VYRE_EXPR_ADD, get(b, m), vyre_build_const(b, VYRE_TYPE_U8, 6))); /* 0, 1, 2, 3, 4 */
  vyre_build_end(b);
  fixture_expect_sum(&f, 9 + 10);
  fixture_close(&f);
}

/* break and continue belong to the innermost loop. */
static void break_and_continue_in_nested_loops(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_var_id_t i = range(b, VYRE_STMT_FOR, "i", 4);
  when(b, VYRE_EXPR_EQ, get(b, i), u64(b, 1));
  vyre_build_plain(b, VYRE_STMT_CONTINUE);
  vyre_build_end(b);
  vyre_build_forever(b);
  add_sum(&f, u64(b, 1));
  vyre_build_plain(b, VYRE_STMT_BREAK);
  vyre_build_end(b);
  when(b, VYRE_EXPR_EQ, get(b, i), u64(b, 2));
  vyre_build_plain(b, VYRE_STMT_BREAK);
  vyre_build_end(b);
  add_sum(&f, u64(b, 10));
  vyre_build_end(b);
  fixture_expect_sum(&f, 12); /* i = 0: 1 + 10; i = 2: 1 */
  fixture_close(&f);
}

static void return_ends_the_call(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_var_id_t i = range(b, VYRE_STMT_FOR, "i", 10);
  vyre_build_forever(b);
  add_sum(&f, u64(b, 1));
  when(b, VYRE_EXPR_EQ, get(b, i), u64(b, 3));
  vyre_build_plain(b, VYRE_STMT_RETURN);
  vyre_build_end(b);
  vyre_build_plain(b, VYRE_STMT_BREAK);
  vyre_build_end(b);
  vyre_build_end(b);
  add_sum(&f, u64(b, 1000));
  fixture_expect_sum(&f, 4); /* what was added before it stays */
  fixture_close(&f);
}

static void foreach_runs_every_iteration(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U16);
  vyre_builder_t *b = &f.builder;
  vyre_var_id_t i = vyre_build_range(b, VYRE_STMT_FOREACH, "i", u64(b, 1), vyre_build_len(b, f.data));
  vyre_var_id_t x = vyre_build_let(b, "x", vyre_build_load(b, f.data, get(b, i)), false);
  when(b, VYRE_EXPR_EQ, get(b, x), vyre_build_const(b, VYRE_TYPE_U16, 7));
  vyre_build_plain(b, VYRE_STMT_CONTINUE); /* ends the iteration */
  vyre_build_end(b);
  vyre_build_forever(b);
  vyre_build_plain(b, VYRE_STMT_BREAK); /* an inner loop's own */
  vyre_build_end(b);
  add_sum(&f, get(b, x));
  vyre_build_end(b);
  add_sum(&f, u64(b, 100000));
  static const uint16_t data[] = {50, 1, 7, 2, 30000};
  f.input.data = data;
  f.input.data_bytes = sizeof data;
  fixture_expect_sum(&f, 130003);
  fixture_close(&f);
}

static void an_empty_stream(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U32);
  vyre_builder_t *b = &f.builder;
  vyre_var_id_t i = vyre_build_range(b, VYRE_STMT_FOREACH, "i", u64(b, 0), vyre_build_len(b, f.data));
  add_sum(&f, vyre_build_load(b, f.data, get(b, i)));
  vyre_build_end(b);
  vyre_build_if(b, vyre_build_leaf(b, VYRE_EXPR_IS_LAST));
  add_sum(&f, u64(b, 5));
  vyre_build_end(b);
  f.input.is_last = true;
  f.input.fuel = 0;
  fixture_expect_sum(&f, 5);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(logic_evaluates_the_right_side_when_it_decides),
      cmocka_unit_test(logic_gives_the_right_side),
      cmocka_unit_test(select_evaluates_all_three),
      cmocka_unit_test(operands_from_left_to_right),
      cmocka_unit_test(parameters),
      cmocka_unit_test(outputs_are_added_to),
      cmocka_unit_test(variables_hold_values_of_their_type),
      cmocka_unit_test(if_takes_one_branch),
      cmocka_unit_test(while_tests_before_each_iteration),
      cmocka_unit_test(for_counts_upwards),
      cmocka_unit_test(break_and_continue_in_nested_loops),
      cmocka_unit_test(return_ends_the_call),
      cmocka_unit_test(foreach_runs_every_iteration),
      cmocka_unit_test(an_empty_stream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
