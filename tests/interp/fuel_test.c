/* docs/language.md, "Loops and fuel": what each kind of loop charges, and what is left afterwards.
 *
 * How much is left shows in a last loop over the stream, `for left in 0 .. len(data) { }`: the longest stream that
 * does not fault is the fuel that was left. */
#include "interp/fixture.h"

enum { STREAM_MAX = 200, LOOP_LINE = 10, LEFT_LINE = 99 };

/* After the loop under test. */
static void finish_with_left(fixture_t *f) {
  fixture_line(f, LEFT_LINE);
  vyre_builder_t *b = &f->builder;
  vyre_build_range(b, VYRE_STMT_FOR, "left", u64(b, 0), vyre_build_len(b, f->data));
  vyre_build_end(b);
  fixture_finish(f);
}

/* What is left of `fuel` after the loop, which must not fault itself. */
static uint64_t left_of(fixture_t *f, uint64_t fuel) {
  static const uint8_t data[STREAM_MAX];
  f->input.data = data;
  f->input.fuel = fuel;
  for (f->input.data_bytes = 0; f->input.data_bytes < STREAM_MAX; f->input.data_bytes++) {
    fixture_run(f);
    if (f->result.fault == VYRE_FAULT_NONE) continue;
    assert_int_equal(f->result.fault, VYRE_FAULT_FUEL);
    assert_int_equal(vyre_position_line(f->result.fault_position), LEFT_LINE);
    return f->input.data_bytes - 1;
  }
  fail_msg("more fuel is left than the test can see");
  return 0;
}

static void expect_out_of_fuel(fixture_t *f, uint64_t fuel, uint64_t iteration) {
  f->input.fuel = fuel;
  f->input.data_bytes = 0;
  fixture_expect_fault(f, VYRE_FAULT_FUEL, LOOP_LINE, iteration);
}

/* `while n < 5`: five iterations are charged, the test that ends it is free. */
static void while_charges_each_iteration(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_var_id_t n = vyre_build_let(b, "n", u64(b, 0), true);
  fixture_line(&f, LOOP_LINE);
  vyre_build_while(b, op2(b, VYRE_EXPR_LT, get(b, n), u64(b, 5)));
  fixture_line(&f, LOOP_LINE + 1);
  step(b, n, 1);
  vyre_build_end(b);
  finish_with_left(&f);
  for (uint64_t fuel = 0; fuel < 5; fuel++) expect_out_of_fuel(&f, fuel, 0);
  assert_int_equal(left_of(&f, 5), 0);
  assert_int_equal(left_of(&f, 25), 20);
  fixture_close(&f);
}

/* A condition that faults comes before the fuel of the iteration. */
static void while_evaluates_before_it_charges(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  fixture_line(&f, 3);
  vyre_expr_id_t condition = op2(b, VYRE_EXPR_EQ, bad(b), u64(b, 0));
  fixture_line(&f, LOOP_LINE);
  vyre_build_while(b, condition);
  vyre_build_end(b);
  f.input.fuel = 0;
  fixture_expect_fault(&f, VYRE_FAULT_DIVISION, 3, 0);
  fixture_close(&f);
}

/* forever { n += 1; if n > 5 { break } }: the iteration that leaves is charged like any other. */
static void forever_charges_each_iteration(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_var_id_t n = vyre_build_let(b, "n", u64(b, 0), true);
  fixture_line(&f, LOOP_LINE);
  vyre_build_forever(b);
  fixture_line(&f, LOOP_LINE + 1);
  step(b, n, 1);
  when(b, VYRE_EXPR_GT, get(b, n), u64(b, 5));
  vyre_build_plain(b, VYRE_STMT_BREAK);
  vyre_build_end(b);
  vyre_build_end(b);
  finish_with_left(&f);
  expect_out_of_fuel(&f, 0, 0);
  expect_out_of_fuel(&f, 5, 0);
  assert_int_equal(left_of(&f, 6), 0);
  assert_int_equal(left_of(&f, 16), 10);
  fixture_close(&f);
}

static void an_endless_loop_ends(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  fixture_line(&f, LOOP_LINE);
  vyre_build_forever(&f.builder);
  vyre_build_end(&f.builder);
  fixture_expect_fault(&f, VYRE_FAULT_FUEL, LOOP_LINE, 0);
  fixture_close(&f);
}

/* for i in 0 .. 10, left in iteration `leave` by break: all ten are charged at entry and stay charged. */
static void open_for(fixture_t *f, uint64_t leave) {
  fixture_open(f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f->builder;
  fixture_line(f, LOOP_LINE);
  vyre_var_id_t i = range(b, VYRE_STMT_FOR, "i", 10);
  fixture_line(f, LOOP_LINE + 1);
  when(b, VYRE_EXPR_EQ, get(b, i), u64(b, leave));
  vyre_build_plain(b, VYRE_STMT_BREAK);
  vyre_build_end(b);
  add_sum(f, u64(b, 1));
  vyre_build_end(b);
  finish_with_left(f);
}

static void for_charges_at_entry(void **state) {
  (void)state;
  fixture_t f;
  open_for(&f, UINT64_MAX);
  expect_out_of_fuel(&f, 0, 0);
  expect_out_of_fuel(&f, 9, 0);
  assert_int_equal(left_of(&f, 10), 0);
  assert_int_equal(left_of(&f, 30), 20);
  fixture_close(&f);

  open_for(&f, 3);
  expect_out_of_fuel(&f, 0, 0);
  expect_out_of_fuel(&f, 3, 0);        /* iterations 0, 1, 2 ran to their end, the third is missing */
  assert_int_equal(left_of(&f, 4), 0); /* iteration 3 runs, and leaves: no fault though m < n */
  assert_int_equal(left_of(&f, 9), 0);
  assert_int_equal(left_of(&f, 30), 20);
  fixture_close(&f);
}

/* A return in iteration 2 of 10 with fuel for 3: what was added counts. */
static void return_out_of_a_short_for(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  fixture_line(&f, LOOP_LINE);
  vyre_var_id_t i = range(b, VYRE_STMT_FOR, "i", 10);
  fixture_line(&f, LOOP_LINE + 1);
  add_sum(&f, u64(b, 1));
  when(b, VYRE_EXPR_EQ, get(b, i), u64(b, 2));
  vyre_build_plain(b, VYRE_STMT_RETURN);
  vyre_build_end(b);
  vyre_build_end(b);
  f.input.fuel = 3;
  fixture_expect_sum(&f, 3);
  expect_out_of_fuel(&f, 2, 0);
  fixture_close(&f);
}

/* A continue in the last iteration that fuel allows is an end like any other: the fault follows. */
static void continue_in_a_short_for(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  fixture_line(&f, LOOP_LINE);
  range(&f.builder, VYRE_STMT_FOR, "i", 10);
  vyre_build_plain(&f.builder, VYRE_STMT_CONTINUE);
  vyre_build_end(&f.builder);
  expect_out_of_fuel(&f, 9, 0);
  f.input.fuel = 10;
  fixture_expect_sum(&f, 0);
  fixture_close(&f);
}

/* 3 outer iterations, then 3 times 4 inner ones out of what is left. */
static void nested_for_share_one_budget(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  fixture_line(&f, 5);
  range(&f.builder, VYRE_STMT_FOR, "i", 3);
  fixture_line(&f, LOOP_LINE);
  range(&f.builder, VYRE_STMT_FOR, "j", 4);
  vyre_build_end(&f.builder);
  vyre_build_end(&f.builder);
  finish_with_left(&f);
  expect_out_of_fuel(&f, 14, 0);
  assert_int_equal(left_of(&f, 15), 0);
  assert_int_equal(left_of(&f, 20), 5);
  fixture_close(&f);
}

/* foreach i in 0 .. 10 { sum += 1 }: no loop inside, so what is left stays. */
static void foreach_without_a_loop(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  fixture_line(&f, LOOP_LINE);
  range(&f.builder, VYRE_STMT_FOREACH, "i", 10);
  add_sum(&f, u64(&f.builder, 1));
  vyre_build_end(&f.builder);
  finish_with_left(&f);
  for (uint64_t fuel = 0; fuel < 10; fuel++) expect_out_of_fuel(&f, fuel, fuel); /* the fault of iteration m */
  assert_int_equal(left_of(&f, 10), 0);
  assert_int_equal(left_of(&f, 33), 23);
  assert_int_equal(run_result_output(f.program, &f.result, "sum", 0), 0);
  fixture_close(&f);
}

/* foreach i in 0 .. 10 { if i == 7 { for j in 0 .. `inner` { } } } */
static void open_foreach_with_loop(fixture_t *f, uint64_t inner) {
  fixture_open(f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f->builder;
  fixture_line(f, LOOP_LINE);
  vyre_var_id_t i = range(b, VYRE_STMT_FOREACH, "i", 10);
  when(b, VYRE_EXPR_EQ, get(b, i), u64(b, 7));
  fixture_line(f, LOOP_LINE + 1);
  range(b, VYRE_STMT_FOR, "j", inner);
  vyre_build_end(b);
  vyre_build_end(b);
  vyre_build_end(b);
  finish_with_left(f);
}

/* fuel 10 + f: q = f / 10 for each iteration; f less what the iterations used is left. */
static void foreach_with_a_loop_shares_out(void **state) {
  (void)state;
  fixture_t f;
  open_foreach_with_loop(&f, 3);
  expect_out_of_fuel(&f, 7, 7); /* m = 7: iteration 7, the one with the inner loop, does not run */
  static const uint64_t too_little[] = {8, 9, 10, 10 + 29}; /* q = 0, 0, 0, 2 */
  for (size_t k = 0; k < sizeof too_little / sizeof *too_little; k++) {
    f.input.fuel = too_little[k];
    f.input.data_bytes = 0;
    fixture_expect_fault(&f, VYRE_FAULT_FUEL, LOOP_LINE + 1, 7);
  }
  assert_int_equal(left_of(&f, 10 + 30), 27); /* q = 3, all of it used once */
  assert_int_equal(left_of(&f, 10 + 39), 36); /* q = 39 / 10 = 3 */
  assert_int_equal(left_of(&f, 10 + 40), 37); /* q = 4, 3 used */
  fixture_close(&f);

  open_foreach_with_loop(&f, 0); /* the loop stands there, though it never runs */
  assert_int_equal(left_of(&f, 10), 0);
  assert_int_equal(left_of(&f, 10 + 9), 9);   /* q = 0 */
  assert_int_equal(left_of(&f, 10 + 20), 20); /* q = 2 */
  fixture_close(&f);
}

/* An iteration's budget is its own: each of 4 iterations may use q, and none uses what another saved. */
static void foreach_budgets_are_apart(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  fixture_line(&f, LOOP_LINE);
  vyre_var_id_t i = range(b, VYRE_STMT_FOREACH, "i", 4);
  fixture_line(&f, LOOP_LINE + 1);
  vyre_build_range(b, VYRE_STMT_FOR, "j", u64(b, 0), op2(b, VYRE_EXPR_MUL, get(b, i), u64(b, 2))); /* 0, 2, 4, 6 */
  add_sum(&f, u64(b, 1));
  vyre_build_end(b);
  vyre_build_end(b);
  f.input.fuel = 4 + 23; /* q = 5 */
  fixture_expect_fault(&f, VYRE_FAULT_FUEL, LOOP_LINE + 1, 3);
  f.input.fuel = 4 + 24; /* q = 6 */
  fixture_expect_sum(&f, 12);
  fixture_close(&f);
}

/* A foreach without iterations, m = 0, shares out nothing, with a loop in it or not. */
static void an_empty_foreach_costs_nothing(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  range(&f.builder, VYRE_STMT_FOREACH, "i", 0);
  range(&f.builder, VYRE_STMT_FOR, "j", 5);
  vyre_build_end(&f.builder);
  vyre_build_end(&f.builder);
  finish_with_left(&f);
  assert_int_equal(left_of(&f, 0), 0);
  assert_int_equal(left_of(&f, 30), 30);
  fixture_close(&f);
}

/* With m < n, a fault of one of the m iterations is lower than the missing fuel. */
static void fuel_is_the_fault_of_iteration_m(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  fixture_line(&f, LOOP_LINE);
  vyre_var_id_t i = range(b, VYRE_STMT_FOREACH, "i", 100);
  fixture_line(&f, LOOP_LINE + 1);
  when(b, VYRE_EXPR_EQ, get(b, i), u64(b, 5));
  vyre_build_plain(b, VYRE_STMT_TRAP);
  vyre_build_end(b);
  vyre_build_end(b);
  expect_out_of_fuel(&f, 5, 5);
  f.input.fuel = 6;
  fixture_expect_fault(&f, VYRE_FAULT_TRAP, LOOP_LINE + 1, 5);
  fixture_close(&f);
}

/* n may be as large as the type allows. */
static void the_longest_loop(void **state) {
  (void)state;
  for (unsigned is_foreach = 0; is_foreach < 2; is_foreach++) {
    fixture_t f;
    fixture_open(&f, VYRE_TYPE_U8);
    fixture_line(&f, LOOP_LINE);
    range(&f.builder, is_foreach ? VYRE_STMT_FOREACH : VYRE_STMT_FOR, "i", UINT64_MAX);
    vyre_build_end(&f.builder);
    expect_out_of_fuel(&f, 5000, is_foreach ? 5000 : 0);
    fixture_close(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(while_charges_each_iteration),
      cmocka_unit_test(while_evaluates_before_it_charges),
      cmocka_unit_test(forever_charges_each_iteration),
      cmocka_unit_test(an_endless_loop_ends),
      cmocka_unit_test(for_charges_at_entry),
      cmocka_unit_test(return_out_of_a_short_for),
      cmocka_unit_test(continue_in_a_short_for),
      cmocka_unit_test(nested_for_share_one_budget),
      cmocka_unit_test(foreach_without_a_loop),
      cmocka_unit_test(foreach_with_a_loop_shares_out),
      cmocka_unit_test(foreach_budgets_are_apart),
      cmocka_unit_test(an_empty_foreach_costs_nothing),
      cmocka_unit_test(fuel_is_the_fault_of_iteration_m),
      cmocka_unit_test(the_longest_loop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
