/* docs/language.md, "Faults": which, where, in which iteration, and what becomes of the outputs. */
#include "interp/fixture.h"

static const uint8_t bytes[] = {3, 1, 4, 1, 5, 9, 2, 6};

static void open_with_bytes(fixture_t *f, vyre_type_t type) {
  fixture_open(f, type);
  f->input.data = bytes;
  f->input.data_bytes = sizeof bytes;
  f->input.output_fill = 0x5A; /* run_entry checks that a fault leaves it alone */
}

static void a_load_outside(void **state) {
  (void)state;
  static const struct {
    vyre_type_t index;
    uint64_t value;
    bool is_inside;
  } cases[] = {
      {VYRE_TYPE_U64, 3, true},           {VYRE_TYPE_U64, 4, false}, {VYRE_TYPE_U8, 255, false},
      {VYRE_TYPE_U64, UINT64_MAX, false}, {VYRE_TYPE_U16, 0, true},  {VYRE_TYPE_U64, UINT64_C(1) << 63, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fixture_t f;
    open_with_bytes(&f, VYRE_TYPE_U16);
    f.input.output_fill = 0;
    fixture_line(&f, 1);
    vyre_expr_id_t index = vyre_build_const(&f.builder, cases[i].index, cases[i].value);
    fixture_line(&f, 2);
    vyre_expr_id_t value = vyre_build_load(&f.builder, f.data, index);
    fixture_line(&f, 3);
    add_sum(&f, value);
    if (cases[i].is_inside)
      fixture_expect_sum(&f, cases[i].value == 3 ? 0x602 : 0x103);
    else
      fixture_expect_fault(&f, VYRE_FAULT_OUT_OF_RANGE, 2, 0);
    fixture_close(&f);
  }
}

static void an_addition_outside(void **state) {
  (void)state;
  for (uint64_t index = 3; index < 5; index++) {
    fixture_t f;
    open_with_bytes(&f, VYRE_TYPE_U8);
    f.input.output_fill = 0;
    vyre_builder_t *b = &f.builder;
    vyre_param_id_t table = vyre_build_output(b, "table", VYRE_TYPE_U32, 4, VYRE_REDUCER_SUM);
    fixture_line(&f, 6);
    vyre_expr_id_t at = u64(b, index), value = u32(b, 9);
    fixture_line(&f, 7);
    vyre_build_reduce_at(b, table, at, value);
    if (index == 4) {
      fixture_expect_fault(&f, VYRE_FAULT_OUT_OF_RANGE, 7, 0);
    } else {
      fixture_expect_sum(&f, 0);
      assert_int_equal(run_result_output(f.program, &f.result, "table", 3), 9);
    }
    fixture_close(&f);
  }
}

static void division_by_zero(void **state) {
  (void)state;
  for (vyre_type_t type = VYRE_TYPE_U8; type <= VYRE_TYPE_I64; type++) {
    for (vyre_expr_op_t op = VYRE_EXPR_DIV; op <= VYRE_EXPR_REM; op++) {
      fixture_t f;
      open_with_bytes(&f, VYRE_TYPE_U8);
      fixture_line(&f, 1);
      vyre_expr_id_t left = vyre_build_const(&f.builder, type, 77), right = vyre_build_const(&f.builder, type, 0);
      fixture_line(&f, 2);
      vyre_expr_id_t value = op2(&f.builder, op, left, right);
      fixture_line(&f, 3);
      add_sum(&f, value);
      fixture_expect_fault(&f, VYRE_FAULT_DIVISION, 2, 0);
      fixture_close(&f);
    }
  }
}

static void a_trap_ends_the_call(void **state) {
  (void)state;
  fixture_t f;
  open_with_bytes(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  fixture_line(&f, 4);
  add_sum(&f, u64(b, 1));
  range(b, VYRE_STMT_FOR, "i", 10);
  fixture_line(&f, 5);
  vyre_build_plain(b, VYRE_STMT_TRAP);
  fixture_line(&f, 6);
  add_sum(&f, bad(b)); /* a second fault, not reached */
  vyre_build_end(b);
  fixture_expect_fault(&f, VYRE_FAULT_TRAP, 5, 0); /* the iteration of a for is not told */
  fixture_close(&f);
}

/* Additions made before the fault are dropped, those of arrays too. */
static void a_fault_drops_the_outputs(void **state) {
  (void)state;
  for (unsigned faulty = 0; faulty < 2; faulty++) {
    fixture_t f;
    open_with_bytes(&f, VYRE_TYPE_U8);
    vyre_builder_t *b = &f.builder;
    vyre_param_id_t table = vyre_build_output(b, "table", VYRE_TYPE_I32, 300, VYRE_REDUCER_SUM);
    add_sum(&f, u64(b, 1));
    range(b, VYRE_STMT_FOREACH, "i", 8);
    vyre_build_reduce_at(b, table, u64(b, 299), vyre_build_const(b, VYRE_TYPE_I32, 1));
    vyre_build_end(b);
    fixture_line(&f, 9);
    if (faulty) vyre_build_plain(b, VYRE_STMT_TRAP);
    fixture_run(&f);
    assert_int_equal(f.result.fault, faulty ? VYRE_FAULT_TRAP : VYRE_FAULT_NONE);
    assert_int_equal(run_result_output(f.program, &f.result, "sum", 0),
                     UINT64_C(0x5A5A5A5A5A5A5A5A) + (faulty ? 0 : 1));
    assert_int_equal(run_result_output(f.program, &f.result, "table", 299), 0x5A5A5A5A + (faulty ? 0 : 8));
    fixture_close(&f);
  }
}

/* foreach over {3, 1, 4, 1, 5, 9, 2, 6} from 1: the 9 faults in one way, the 5 before it in another. */
static void the_fault_of_the_lowest_iteration(void **state) {
  (void)state;
  fixture_t f;
  open_with_bytes(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  fixture_line(&f, 1);
  vyre_var_id_t i = vyre_build_range(b, VYRE_STMT_FOREACH, "i", u64(b, 1), vyre_build_len(b, f.data));
  vyre_var_id_t x = vyre_build_let(b, "x", vyre_build_load(b, f.data, get(b, i)), false);
  fixture_line(&f, 2);
  when(b, VYRE_EXPR_EQ, get(b, x), vyre_build_const(b, VYRE_TYPE_U8, 9));
  vyre_build_plain(b, VYRE_STMT_TRAP);
  vyre_build_end(b);
  fixture_line(&f, 3); /* 8 / (x - 5), and 1 / (x - x) behind it */
  vyre_expr_id_t five = op2(b, VYRE_EXPR_SUB, get(b, x), vyre_build_const(b, VYRE_TYPE_U8, 5));
  add_sum(&f, op2(b, VYRE_EXPR_DIV, vyre_build_const(b, VYRE_TYPE_U8, 8), five));
  fixture_line(&f, 4);
  when(b, VYRE_EXPR_EQ, get(b, x), vyre_build_const(b, VYRE_TYPE_U8, 5));
  add_sum(&f, bad(b));
  vyre_build_end(b);
  vyre_build_end(b);
  fixture_expect_fault(&f, VYRE_FAULT_DIVISION, 3, 3); /* data[4] is iteration 3, counted from the lower bound */
  fixture_close(&f);
}

/* After a foreach, and in the bounds of one, a fault has no iteration. */
static void faults_outside_a_foreach(void **state) {
  (void)state;
  for (unsigned in_bounds = 0; in_bounds < 2; in_bounds++) {
    fixture_t f;
    open_with_bytes(&f, VYRE_TYPE_U8);
    vyre_builder_t *b = &f.builder;
    range(b, VYRE_STMT_FOREACH, "i", 5);
    vyre_build_end(b);
    fixture_line(&f, 8);
    if (in_bounds) {
      vyre_expr_id_t low = u64(b, 0), high = bad(b);
      fixture_line(&f, 9);
      vyre_build_range(b, VYRE_STMT_FOREACH, "j", low, high);
      vyre_build_end(b);
    } else {
      vyre_build_plain(b, VYRE_STMT_TRAP);
    }
    fixture_expect_fault(&f, in_bounds ? VYRE_FAULT_DIVISION : VYRE_FAULT_TRAP, 8, 0);
    fixture_close(&f);
  }
}

/* The fault of an inner loop belongs to the iteration of the foreach around it. */
static void a_fault_in_an_inner_loop(void **state) {
  (void)state;
  fixture_t f;
  open_with_bytes(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  range(b, VYRE_STMT_FOR, "outer", 2);
  vyre_var_id_t i = range(b, VYRE_STMT_FOREACH, "i", 5);
  vyre_var_id_t j = range(b, VYRE_STMT_FOR, "j", 5);
  fixture_line(&f, 4);
  when(b, VYRE_EXPR_EQ, op2(b, VYRE_EXPR_MUL, get(b, i), get(b, j)), u64(b, 6));
  vyre_build_plain(b, VYRE_STMT_TRAP);
  vyre_build_end(b);
  vyre_build_end(b);
  vyre_build_end(b);
  vyre_build_end(b);
  fixture_expect_fault(&f, VYRE_FAULT_TRAP, 4, 2);
  fixture_close(&f);
}

/* Which loops look at the stop word: an iteration that does not begin does not look. */
static void stop_is_seen(void **state) {
  (void)state;
  static const struct {
    vyre_stmt_op_t op;
    uint64_t n;
    bool is_seen;
  } cases[] = {
      {VYRE_STMT_WHILE, 1, true},    {VYRE_STMT_WHILE, 0, false}, {VYRE_STMT_FOREVER, 1, true},
      {VYRE_STMT_FOR, 4097, true},   {VYRE_STMT_FOR, 0, false},   {VYRE_STMT_FOREACH, 4097, true},
      {VYRE_STMT_FOREACH, 0, false},
  };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    fixture_t f;
    open_with_bytes(&f, VYRE_TYPE_U8);
    f.input.output_fill = 0;
    vyre_builder_t *b = &f.builder;
    vyre_var_id_t n = vyre_build_let(b, "n", u64(b, 0), true);
    fixture_line(&f, 3);
    if (cases[k].op == VYRE_STMT_WHILE)
      vyre_build_while(b, op2(b, VYRE_EXPR_LT, get(b, n), u64(b, cases[k].n)));
    else if (cases[k].op == VYRE_STMT_FOREVER)
      vyre_build_forever(b);
    else
      range(b, cases[k].op, "i", cases[k].n);
    fixture_line(&f, 4);
    if (cases[k].op != VYRE_STMT_FOREACH) step(b, n, 1);
    add_sum(&f, u64(b, 1));
    if (cases[k].op == VYRE_STMT_FOREVER) vyre_build_plain(b, VYRE_STMT_BREAK);
    vyre_build_end(b);
    f.input.stop = 1; /* drain: not yet a reason to leave */
    fixture_expect_sum(&f, cases[k].n);
    f.input.stop = 2;
    if (cases[k].is_seen)
      fixture_expect_fault(&f, VYRE_FAULT_CANCELLED, 3, 0);
    else
      fixture_expect_sum(&f, 0);
    f.input.stop = 0;
    fixture_expect_sum(&f, cases[k].n);
    fixture_close(&f);
  }
}

/* A call without loops does not look, and ends by itself. */
static void stop_does_not_break_straight_code(void **state) {
  (void)state;
  fixture_t f;
  open_with_bytes(&f, VYRE_TYPE_U8);
  f.input.output_fill = 0;
  add_sum(&f, u64(&f.builder, 11));
  f.input.stop = 2;
  fixture_expect_sum(&f, 11);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_load_outside),
      cmocka_unit_test(an_addition_outside),
      cmocka_unit_test(division_by_zero),
      cmocka_unit_test(a_trap_ends_the_call),
      cmocka_unit_test(a_fault_drops_the_outputs),
      cmocka_unit_test(the_fault_of_the_lowest_iteration),
      cmocka_unit_test(faults_outside_a_foreach),
      cmocka_unit_test(a_fault_in_an_inner_loop),
      cmocka_unit_test(stop_is_seen),
      cmocka_unit_test(stop_does_not_break_straight_code),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
