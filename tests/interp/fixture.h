/* Small Programs for the tests of the interpreter, one expression or statement at a time.
 *
 * A test opens a fixture (a stream `data` of a chosen type and an output `sum` of u64), builds into `b`, and runs it.
 * Positions: fixture_line says which line the next nodes get. */
#ifndef TESTS_INTERP_FIXTURE_H
#define TESTS_INTERP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ir/builder.h"
#include "support/run.h"

enum { FIXTURE_FUEL = 1 << 20 };

typedef struct fixture {
  vyre_builder_t builder;
  vyre_param_id_t data, sum;
  vyre_program_t *program; /* after fixture_finish */
  run_input_t input;       /* fuel FIXTURE_FUEL, everything else 0 */
  run_result_t result;     /* of the last run */
} fixture_t;

void fixture_open(fixture_t *f, vyre_type_t stream_type);
void fixture_finish(fixture_t *f); /* fails the test when the Program is not valid */
void fixture_run(fixture_t *f);    /* finishes at the first call */
void fixture_close(fixture_t *f);

/* Runs, and holds the result against what is expected. */
void fixture_expect_sum(fixture_t *f, uint64_t sum);
void fixture_expect_fault(fixture_t *f, vyre_fault_t fault, uint32_t line, uint64_t iteration);

static inline void fixture_line(fixture_t *f, uint32_t line) { f->builder.position = vyre_position_make(line, 1); }

/* Nodes, with the builder first. */
static inline vyre_expr_id_t u64(vyre_builder_t *b, uint64_t value) {
  return vyre_build_const(b, VYRE_TYPE_U64, value);
}
static inline vyre_expr_id_t u32(vyre_builder_t *b, uint32_t value) {
  return vyre_build_const(b, VYRE_TYPE_U32, value);
}
static inline vyre_expr_id_t truth(vyre_builder_t *b, bool value) { return vyre_build_const(b, VYRE_TYPE_BOOL, value); }
static inline vyre_expr_id_t get(vyre_builder_t *b, vyre_var_id_t var) { return vyre_build_var(b, var); }
static inline vyre_expr_id_t op2(vyre_builder_t *b, vyre_expr_op_t op, vyre_expr_id_t left, vyre_expr_id_t right) {
  return vyre_build_binary(b, op, left, right);
}
static inline vyre_expr_id_t to(vyre_builder_t *b, vyre_type_t type, vyre_expr_id_t a) {
  return vyre_build_cast(b, type, a);
}

/* `sum += value` for a value of any type. */
static inline void add_sum(fixture_t *f, vyre_expr_id_t value) {
  vyre_build_reduce(&f->builder, f->sum, to(&f->builder, VYRE_TYPE_U64, value));
}
/* `var += value` for a u64 variable. */
static inline void step(vyre_builder_t *b, vyre_var_id_t var, uint64_t value) {
  vyre_build_assign(b, var, op2(b, VYRE_EXPR_ADD, get(b, var), u64(b, value)));
}
/* `for name in 0 .. n {`, or foreach. */
static inline vyre_var_id_t range(vyre_builder_t *b, vyre_stmt_op_t op, const char *name, uint64_t n) {
  return vyre_build_range(b, op, name, u64(b, 0), u64(b, n));
}
/* `if a OP b {` */
static inline void when(vyre_builder_t *b, vyre_expr_op_t op, vyre_expr_id_t left, vyre_expr_id_t right) {
  vyre_build_if(b, op2(b, op, left, right));
}
/* `1 / 0` of u64: a fault that shows whether it was evaluated. */
static inline vyre_expr_id_t bad(vyre_builder_t *b) { return op2(b, VYRE_EXPR_DIV, u64(b, 1), u64(b, 0)); }

/* Programs of several lanes. */
static inline void lanes(fixture_t *f, uint32_t count) { f->builder.program->workgroup_size = count; }
static inline vyre_expr_id_t lane(vyre_builder_t *b) { return vyre_build_leaf(b, VYRE_EXPR_LANE); }
static inline vyre_expr_id_t subgroup(vyre_builder_t *b) { return vyre_build_leaf(b, VYRE_EXPR_SUBGROUP); }
static inline void barrier(vyre_builder_t *b) { vyre_build_barrier(b, VYRE_ORDER_ACQ_REL); }
/* `trap` in the lane of this number. */
static inline void trap_in(vyre_builder_t *b, uint32_t number) {
  when(b, VYRE_EXPR_EQ, lane(b), u32(b, number));
  vyre_build_plain(b, VYRE_STMT_TRAP);
  vyre_build_end(b);
}
/* `let name = op(value, second)` */
static inline vyre_var_id_t together(vyre_builder_t *b, const char *name, vyre_expr_op_t op, vyre_expr_id_t value,
                                     vyre_expr_id_t second) {
  return vyre_build_let(b, name, vyre_build_collective(b, op, value, second), false);
}

#endif
