/* Which fault a workgroup reports, what dead lanes do no more, and which budget a loop draws on. */
#include "interp/fixture.h"

enum { LANES = 64 };

static void open_lanes(fixture_t *f, uint32_t count) {
  fixture_open(f, VYRE_TYPE_U8);
  lanes(f, count);
}

/* Lane 7 divides by zero later in the text than lane 40 traps, lane 9 first of all: the lowest lane counts. */
static void the_lowest_lane_is_reported(void **state) {
  (void)state;
  fixture_t f;
  open_lanes(&f, LANES);
  vyre_builder_t *b = &f.builder;
  fixture_line(&f, 1);
  trap_in(b, 9);
  fixture_line(&f, 2);
  trap_in(b, 40);
  fixture_line(&f, 3);
  when(b, VYRE_EXPR_EQ, lane(b), u32(b, 7));
  vyre_build_let(b, "x", bad(b), false);
  vyre_build_end(b);
  fixture_line(&f, 4);
  add_sum(&f, u64(b, 1));
  fixture_expect_fault(&f, VYRE_FAULT_DIVISION, 3, 0);
  fixture_close(&f);
}

/* A meeting of all ends the call before lane 0 comes to its own fault; one of another subgroup does not. */
static void a_meeting_ends_what_it_holds(void **state) {
  (void)state;
  static const struct {
    uint32_t dead, line;
    int meeting; /* 0: barrier, 1: workgroup op, 2: subgroup op, 3: foreach */
  } cases[] = {{40, 1, 0}, {40, 1, 1}, {40, 3, 2}, {20, 1, 2}, {40, 1, 3}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fixture_t f;
    open_lanes(&f, LANES);
    vyre_builder_t *b = &f.builder;
    fixture_line(&f, 1);
    trap_in(b, cases[i].dead);
    fixture_line(&f, 2);
    switch (cases[i].meeting) {
      case 0: barrier(b); break;
      case 1: together(b, "x", VYRE_EXPR_WORKGROUP_ADD, u64(b, 1), 0); break;
      case 2: together(b, "x", VYRE_EXPR_SUBGROUP_ADD, u64(b, 1), 0); break;
      default:
        range(b, VYRE_STMT_FOREACH, "i", 3);
        vyre_build_plain(b, VYRE_STMT_TRAP);
        vyre_build_end(b);
        break;
    }
    fixture_line(&f, 3);
    trap_in(b, 0);
    fixture_expect_fault(&f, VYRE_FAULT_TRAP, cases[i].line, 0);
    fixture_close(&f);
  }
}

/* The operands of an op are evaluated by all; a lane that faults there is dead at the op. */
static void a_fault_in_an_operand(void **state) {
  (void)state;
  fixture_t f;
  open_lanes(&f, LANES);
  vyre_builder_t *b = &f.builder;
  fixture_line(&f, 1);
  vyre_expr_id_t zero_in_5 = op2(b, VYRE_EXPR_XOR, lane(b), u32(b, 5));
  together(b, "x", VYRE_EXPR_SUBGROUP_ADD, op2(b, VYRE_EXPR_DIV, u32(b, 7), zero_in_5), 0);
  fixture_line(&f, 2);
  vyre_build_plain(b, VYRE_STMT_TRAP); /* the second subgroup; the first has no lane that comes here */
  fixture_expect_fault(&f, VYRE_FAULT_DIVISION, 1, 0);
  fixture_close(&f);
}

/* A dead lane leaves its loop; nobody waits for what it would have stored. */
static void dead_lanes_have_no_effect(void **state) {
  (void)state;
  fixture_t f;
  open_lanes(&f, 32);
  vyre_builder_t *b = &f.builder;
  vyre_param_id_t w = vyre_build_window(b, "w", VYRE_TYPE_U32, VYRE_ACCESS_READ_WRITE);
  run_binding_t bindings[3] = {{0}, {0}, {.size = 4 * 32}};
  f.input.bindings = bindings;
  fixture_line(&f, 1);
  vyre_build_range(b, VYRE_STMT_FOR, "i", u32(b, 0), op2(b, VYRE_EXPR_ADD, lane(b), u32(b, 1)));
  trap_in(b, 31);
  vyre_build_store(b, w, lane(b), u32(b, 1));
  vyre_build_end(b);
  fixture_run(&f);
  assert_int_equal(f.result.fault, VYRE_FAULT_TRAP);
  for (unsigned l = 0; l < 32; l++) assert_int_equal(run_result_element(f.program, &f.result, "w", l), l != 31);
  fixture_close(&f);
}

static void a_foreach_reports_its_lowest_iteration(void **state) {
  (void)state;
  fixture_t f;
  open_lanes(&f, LANES);
  vyre_builder_t *b = &f.builder;
  vyre_var_id_t i = range(b, VYRE_STMT_FOREACH, "i", 100);
  fixture_line(&f, 5);
  when(b, VYRE_EXPR_GE, get(b, i), u64(b, 70));
  vyre_build_plain(b, VYRE_STMT_TRAP);
  vyre_build_end(b);
  vyre_build_end(b);
  fixture_expect_fault(&f, VYRE_FAULT_TRAP, 5, 70);
  fixture_close(&f);
}

/* ---- budgets ---- */

typedef enum bounds { UNIFORM, BY_SUBGROUP, BY_LANE } bounds_t;

/* `n` iterations in each lane, of a loop whose bound is known to be the same in all, in a subgroup, or not at all. */
static void spend(fixture_t *f, const char *name, bounds_t bounds, uint32_t n) {
  vyre_builder_t *b = &f->builder;
  vyre_expr_id_t none = bounds == UNIFORM       ? u32(b, 0)
                        : bounds == BY_SUBGROUP ? op2(b, VYRE_EXPR_AND, subgroup(b), u32(b, 0))
                                                : op2(b, VYRE_EXPR_AND, lane(b), u32(b, 0));
  vyre_build_range(b, VYRE_STMT_FOR, name, none, u32(b, n));
  vyre_build_end(b);
}

static void loops_draw_on_their_level(void **state) {
  (void)state;
  static const struct {
    bounds_t first, second;
    bool is_enough; /* 6 and 5 of 10 */
  } cases[] = {{UNIFORM, UNIFORM, false}, {UNIFORM, BY_SUBGROUP, true}, {UNIFORM, BY_LANE, true},
               {BY_LANE, BY_LANE, false}, {BY_SUBGROUP, BY_LANE, true}, {BY_SUBGROUP, BY_SUBGROUP, false},
               {BY_LANE, UNIFORM, true},  {BY_LANE, BY_SUBGROUP, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (unsigned is_apart = 0; is_apart < 2; is_apart++) { /* a barrier between, or one stretch */
      fixture_t f;
      open_lanes(&f, LANES);
      f.input.fuel = 10;
      fixture_line(&f, 1);
      spend(&f, "i", cases[i].first, 6);
      if (is_apart) barrier(&f.builder);
      fixture_line(&f, 2);
      spend(&f, "k", cases[i].second, 5);
      add_sum(&f, u64(&f.builder, 1));
      if (cases[i].is_enough)
        fixture_expect_sum(&f, LANES);
      else
        fixture_expect_fault(&f, VYRE_FAULT_FUEL, 2, 0);
      fixture_close(&f);
    }
  }
}

/* A uniform loop is charged once, whether or not lanes meet in it; what is in it by level, each time. */
static void shared_budgets_are_charged_once(void **state) {
  (void)state;
  for (unsigned meets = 0; meets < 3; meets++) {
    for (uint32_t inner = 3; inner < 5; inner++) {
      fixture_t f;
      open_lanes(&f, LANES);
      vyre_builder_t *b = &f.builder;
      f.input.fuel = 9;
      range(b, VYRE_STMT_FOR, "i", 3); /* 3 of the workgroup's 9; 3 * inner of each lane's 9 */
      if (meets == 1) barrier(b);
      if (meets == 2) together(b, "x", VYRE_EXPR_SUBGROUP_ANY, truth(b, true), 0);
      fixture_line(&f, 2);
      spend(&f, "k", BY_LANE, inner);
      vyre_build_end(b);
      spend(&f, "m", UNIFORM, 6);
      add_sum(&f, u64(b, 1));
      if (inner == 3)
        fixture_expect_sum(&f, LANES);
      else
        fixture_expect_fault(&f, VYRE_FAULT_FUEL, 2, 0);
      fixture_close(&f);
    }
  }
}

/* In a function every loop is its lane's; in a foreach it is the iteration's. */
static void functions_draw_on_the_lane(void **state) {
  (void)state;
  for (unsigned is_foreach = 0; is_foreach < 2; is_foreach++) {
    for (uint64_t n = 5; n < 7; n++) {
      fixture_t f;
      open_lanes(&f, 32);
      vyre_builder_t *b = &f.builder;
      f.input.fuel = is_foreach ? 4 + 4 * 5 + 3 : 5;
      vyre_function_id_t function = vyre_build_function(b, "spin", VYRE_TYPE_VOID, NULL, NULL, 0, NULL);
      fixture_line(&f, 3);
      range(b, VYRE_STMT_FOR, "i", n);
      vyre_build_end(b);
      vyre_build_end(b);
      if (is_foreach) range(b, VYRE_STMT_FOREACH, "k", 4);
      vyre_build_eval(b, vyre_build_call(b, function, NULL, 0));
      if (is_foreach) vyre_build_end(b);
      /* The rest of the workgroup's: 5, as the function took nothing; or 3, as the foreach took 4 + 20. */
      range(b, VYRE_STMT_FOR, "m", is_foreach ? 3 : 5);
      vyre_build_end(b);
      add_sum(&f, u64(b, 1));
      if (n == 5)
        fixture_expect_sum(&f, 32);
      else
        fixture_expect_fault(&f, VYRE_FAULT_FUEL, 3, 0);
      fixture_close(&f);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_lowest_lane_is_reported),
      cmocka_unit_test(a_meeting_ends_what_it_holds),
      cmocka_unit_test(a_fault_in_an_operand),
      cmocka_unit_test(dead_lanes_have_no_effect),
      cmocka_unit_test(a_foreach_reports_its_lowest_iteration),
      cmocka_unit_test(loops_draw_on_their_level),
      cmocka_unit_test(shared_budgets_are_charged_once),
      cmocka_unit_test(functions_draw_on_the_lane),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
