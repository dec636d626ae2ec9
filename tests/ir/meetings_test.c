/* What lanes may do together and what the iterations of a foreach may do apart: accepted, or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ir/builder.h"

enum { NO_VALUE = 0 };

/* A Program with one parameter of each kind, whose body is being built. */
typedef struct made {
  vyre_builder_t builder, *b;
  vyre_param_id_t data, window, other, sum, floats;
} made_t;

static void begin(made_t *m, uint32_t lanes) {
  m->b = &m->builder;
  vyre_builder_init(m->b, "made", "", false);
  m->b->program->workgroup_size = lanes;
  m->data = vyre_build_stream(m->b, "data", VYRE_TYPE_U32);
  m->window = vyre_build_window(m->b, "w", VYRE_TYPE_U32, VYRE_ACCESS_READ_WRITE);
  m->other = vyre_build_window(m->b, "v", VYRE_TYPE_U32, VYRE_ACCESS_READ_WRITE);
  m->sum = vyre_build_output(m->b, "sum", VYRE_TYPE_U32, 0, VYRE_REDUCER_SUM);
  m->floats = vyre_build_output(m->b, "floats", VYRE_TYPE_F32, 0, VYRE_REDUCER_SUM);
}

static void expect(made_t *m, bool is_accepted, const char *what) {
  vyre_program_t *program = NULL;
  vyre_status_t status = vyre_builder_finish(m->b, &program);
  bool was_accepted = status == NULL;
  if (was_accepted != is_accepted) fail_msg("%s: %s", what, status ? vyre_status_detail(status) : "accepted");
  if (status) assert_int_equal(vyre_status_code(status), VYRE_E_INVALID_PROGRAM);
  vyre_status_destroy(&status);
  vyre_program_destroy(&program);
}

static vyre_expr_id_t number(made_t *m, vyre_type_t type, uint64_t value) {
  return vyre_build_const(m->b, type, value);
}

/* leaf == 0 */
static vyre_expr_id_t is_zero(made_t *m, vyre_expr_id_t value) {
  return vyre_build_binary(m->b, VYRE_EXPR_EQ, value, number(m, VYRE_TYPE_U32, 0));
}

static vyre_expr_id_t leaf_is_zero(made_t *m, vyre_expr_op_t op) { return is_zero(m, vyre_build_leaf(m->b, op)); }

static void barrier(made_t *m) { vyre_build_barrier(m->b, VYRE_ORDER_ACQ_REL); }

static void subgroup_op(made_t *m) {
  vyre_build_let(m->b, "s", vyre_build_collective(m->b, VYRE_EXPR_SUBGROUP_ADD, number(m, VYRE_TYPE_U32, 1), 0), false);
}

/* ---- lanes ---- */

/* `if leaf == 0 { barrier, or an op of the subgroup }` */
static void check_under(vyre_expr_op_t leaf, uint32_t lanes, bool is_barrier, bool is_accepted) {
  made_t m;
  begin(&m, lanes);
  vyre_build_if(m.b, leaf_is_zero(&m, leaf));
  is_barrier ? barrier(&m) : subgroup_op(&m);
  vyre_build_end(m.b);
  expect(&m, is_accepted, vyre_expr_text(leaf));
}

static void meetings_under_conditions(void **state) {
  (void)state;
  check_under(VYRE_EXPR_LANE, 64, true, false);
  check_under(VYRE_EXPR_SUBGROUP_LANE, 64, true, false);
  check_under(VYRE_EXPR_SUBGROUP_LANE, 64, false, false);
  check_under(VYRE_EXPR_SUBGROUP, 64, true, false);
  check_under(VYRE_EXPR_SUBGROUP, 64, false, true);
  check_under(VYRE_EXPR_SUBGROUP, 32, true, true); /* there is but one */
  check_under(VYRE_EXPR_WORKGROUP_SIZE, 64, true, true);
}

/* A variable is as its widest assignment, wherever that stands. */
static void meetings_under_variables(void **state) {
  (void)state;
  for (unsigned kind = 0; kind < 4; kind++) {
    made_t m;
    begin(&m, 64);
    vyre_var_id_t x = vyre_build_let(m.b, "x", number(&m, VYRE_TYPE_U32, 0), true);
    vyre_build_if(m.b, is_zero(&m, vyre_build_var(m.b, x)));
    barrier(&m);
    vyre_build_end(m.b);
    bool is_divergent = kind == 1, is_loaded = kind == 2, is_any = kind == 3;
    if (is_divergent) vyre_build_if(m.b, leaf_is_zero(&m, VYRE_EXPR_LANE));
    vyre_expr_id_t value = number(&m, VYRE_TYPE_U32, 1);
    if (is_loaded) value = vyre_build_load(m.b, m.window, value);
    if (is_any) value = vyre_build_collective(m.b, VYRE_EXPR_WORKGROUP_MAX, vyre_build_leaf(m.b, VYRE_EXPR_LANE), 0);
    vyre_build_assign(m.b, x, value);
    if (is_divergent) vyre_build_end(m.b);
    expect(&m, kind == 0 || is_any, "a variable");
  }
}

/* forever { if lane() == 0 { break, continue, return } barrier }, and the same with one that is uniform */
static void lanes_that_leave_apart(void **state) {
  (void)state;
  static const vyre_stmt_op_t leaves[] = {VYRE_STMT_BREAK, VYRE_STMT_CONTINUE, VYRE_STMT_RETURN};
  for (unsigned i = 0; i < 3; i++)
    for (unsigned is_apart = 0; is_apart < 2; is_apart++) {
      made_t m;
      begin(&m, 64);
      vyre_build_forever(m.b);
      vyre_build_if(m.b, leaf_is_zero(&m, is_apart ? VYRE_EXPR_LANE : VYRE_EXPR_WORKGROUP_SIZE));
      vyre_build_plain(m.b, leaves[i]);
      vyre_build_end(m.b);
      barrier(&m);
      vyre_build_end(m.b);
      expect(&m, !is_apart, vyre_stmt_text(leaves[i]));
    }
}

/* ---- iterations ---- */

typedef struct index {
  uint64_t factor, offset, base; /* (i * factor + offset) + base, as far as they are not 0 */
  bool has_variable;             /* base is a variable */
} index_t;

static vyre_expr_id_t build_index(made_t *m, index_t index, vyre_var_id_t i, vyre_var_id_t variable) {
  vyre_expr_id_t e = vyre_build_var(m->b, i);
  if (index.factor) e = vyre_build_binary(m->b, VYRE_EXPR_MUL, e, number(m, VYRE_TYPE_U64, index.factor));
  if (index.offset) e = vyre_build_binary(m->b, VYRE_EXPR_ADD, e, number(m, VYRE_TYPE_U64, index.offset));
  if (index.has_variable) return vyre_build_binary(m->b, VYRE_EXPR_ADD, vyre_build_var(m->b, variable), e);
  return index.base ? vyre_build_binary(m->b, VYRE_EXPR_ADD, number(m, VYRE_TYPE_U64, index.base), e) : e;
}

/* foreach i { w[first] = w[second] } */
static void check_own(index_t first, index_t second, bool is_mutable, bool is_accepted, const char *what) {
  made_t m;
  begin(&m, 1);
  vyre_var_id_t base = vyre_build_let(m.b, "base", number(&m, VYRE_TYPE_U64, 3), is_mutable);
  vyre_var_id_t i =
      vyre_build_range(m.b, VYRE_STMT_FOREACH, "i", number(&m, VYRE_TYPE_U64, 0), vyre_build_len(m.b, m.window));
  vyre_expr_id_t to = build_index(&m, first, i, base);
  vyre_expr_id_t value = vyre_build_load(m.b, m.window, build_index(&m, second, i, base));
  vyre_build_store(m.b, m.window, to, value);
  vyre_build_end(m.b);
  expect(&m, is_accepted, what);
}

static void elements_of_an_iteration(void **state) {
  (void)state;
  index_t plain = {0}, variable = {.has_variable = true};
  check_own(plain, plain, false, true, "i");
  check_own(plain, (index_t){.offset = 1}, false, false, "i, i + 1");
  check_own((index_t){.factor = 2}, (index_t){.factor = 2, .offset = 1}, false, true, "i * 2, i * 2 + 1");
  check_own((index_t){.factor = 2}, (index_t){.factor = 2, .offset = 2}, false, false, "i * 2, i * 2 + 2");
  check_own((index_t){.factor = 2}, (index_t){.factor = 3}, false, false, "i * 2, i * 3");
  check_own((index_t){.base = 5}, (index_t){.base = 5}, false, true, "5 + i");
  check_own((index_t){.base = 5}, (index_t){.base = 7}, false, false, "5 + i, 7 + i");
  check_own(variable, variable, false, true, "base + i");
  check_own(variable, variable, true, false, "base + i of a base that changes");
  check_own(variable, plain, false, false, "base + i, i");
}

/* foreach i { op w[0]; and perhaps a load of w[i] } */
static void atomics_of_iterations(void **state) {
  (void)state;
  for (vyre_expr_op_t op = VYRE_EXPR_ATOMIC_ADD; op <= VYRE_EXPR_ATOMIC_EXCHANGE; op++)
    for (unsigned is_loaded = 0; is_loaded < 2; is_loaded++) {
      made_t m;
      begin(&m, 1);
      vyre_var_id_t i =
          vyre_build_range(m.b, VYRE_STMT_FOREACH, "i", number(&m, VYRE_TYPE_U64, 0), vyre_build_len(m.b, m.window));
      vyre_build_eval(m.b, vyre_build_atomic(m.b, op, VYRE_ORDER_RELAXED, m.window, number(&m, VYRE_TYPE_U64, 0),
                                             number(&m, VYRE_TYPE_U32, 1), NO_VALUE));
      vyre_build_reduce(m.b, m.sum, vyre_build_load(m.b, is_loaded ? m.window : m.other, vyre_build_var(m.b, i)));
      vyre_build_end(m.b);
      expect(&m, op != VYRE_EXPR_ATOMIC_EXCHANGE && !is_loaded, vyre_expr_text(op));
    }
}

/* Only iterations over all of the stream have the positions that a sum of floats is ordered by. */
static void sums_of_floats(void **state) {
  (void)state;
  for (unsigned low = 0; low < 2; low++)
    for (unsigned is_for = 0; is_for < 2; is_for++) {
      made_t m;
      begin(&m, 1);
      vyre_build_range(m.b, is_for ? VYRE_STMT_FOR : VYRE_STMT_FOREACH, "i", number(&m, VYRE_TYPE_U64, low),
                       vyre_build_len(m.b, m.data));
      vyre_build_reduce(m.b, m.floats, number(&m, VYRE_TYPE_F32, 0));
      vyre_build_end(m.b);
      expect(&m, low == 0 && !is_for, "a sum of floats");
    }
}

/* A value that differs between lanes has no place in an iteration. */
static void iterations_belong_to_no_lane(void **state) {
  (void)state;
  for (unsigned is_uniform = 0; is_uniform < 2; is_uniform++) {
    made_t m;
    begin(&m, 64);
    vyre_expr_id_t value = vyre_build_leaf(m.b, VYRE_EXPR_LANE);
    if (is_uniform) value = vyre_build_collective(m.b, VYRE_EXPR_WORKGROUP_MAX, value, 0);
    vyre_var_id_t x = vyre_build_let(m.b, "x", value, false);
    vyre_build_range(m.b, VYRE_STMT_FOREACH, "i", number(&m, VYRE_TYPE_U64, 0), vyre_build_len(m.b, m.data));
    vyre_build_reduce(m.b, m.sum, vyre_build_var(m.b, x));
    vyre_build_end(m.b);
    expect(&m, is_uniform, "a variable of lanes");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(meetings_under_conditions),    cmocka_unit_test(meetings_under_variables),
      cmocka_unit_test(lanes_that_leave_apart),       cmocka_unit_test(elements_of_an_iteration),
      cmocka_unit_test(atomics_of_iterations),        cmocka_unit_test(sums_of_floats),
      cmocka_unit_test(iterations_belong_to_no_lane),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
