/* The generator keeps its promises: every node is covered, the same seed gives the same Program, fault-free Programs
 * have no faults, and the others have every kind. The shrinker keeps what it is told to keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "ir/typing.h"
#include "support/generate.h"
#include "support/random.h"
#include "support/run.h"
#include "support/shrink.h"

typedef struct seen {
  uint32_t exprs[VYRE_EXPR_COUNT], stmts[VYRE_STMT_COUNT];
  uint32_t casts[VYRE_TYPE_COUNT][VYRE_TYPE_COUNT], loads[VYRE_TYPE_COUNT], vars[VYRE_TYPE_COUNT];
  uint32_t outputs[VYRE_TYPE_COUNT][2];
} seen_t;

static void see(seen_t *seen, const vyre_program_t *p) {
  for (uint32_t i = 1; i < p->expr_count; i++) {
    const vyre_expr_t *e = &p->exprs[i];
    seen->exprs[e->op]++;
    if (e->op == VYRE_EXPR_CAST) seen->casts[p->exprs[e->a].type][e->type]++;
    if (e->op == VYRE_EXPR_LOAD) seen->loads[e->type]++;
  }
  for (uint32_t i = 1; i < p->stmt_count; i++) seen->stmts[p->stmts[i].op]++;
  for (uint32_t i = 1; i < p->var_count; i++) seen->vars[p->vars[i].type]++;
  for (uint32_t i = 0; i < p->param_count; i++)
    if (p->params[i].role == VYRE_ROLE_OUTPUT) seen->outputs[p->params[i].type][p->params[i].count != 0]++;
}

static void covers_the_language(void **state) {
  (void)state;
  static seen_t seen;
  for (uint64_t seed = 0; seed < 600; seed++) {
    vyre_program_t *program = generate_program(seed, &(generate_options_t){0});
    assert_true(program->is_validated && !program->is_privileged);
    see(&seen, program);
    vyre_program_release(program);
  }
  for (vyre_expr_op_t op = VYRE_EXPR_NONE + 1; op <= VYRE_EXPR_CAST; op++)
    if ((vyre_expr_class(op) == VYRE_CLASS_PRIVILEGED) != (seen.exprs[op] == 0))
      fail_msg("expression %d (%s): %u times", op, vyre_expr_text(op), seen.exprs[op]);
  for (vyre_stmt_op_t op = VYRE_STMT_NONE + 1; op <= VYRE_STMT_TRAP; op++)
    if (vyre_stmt_is_privileged(op) != (seen.stmts[op] == 0))
      fail_msg("statement %d (%s): %u times", op, vyre_stmt_text(op), seen.stmts[op]);
  for (vyre_type_t from = VYRE_TYPE_BOOL; from <= VYRE_TYPE_I64; from++) {
    assert_true(seen.vars[from] > 0);
    assert_true(from == VYRE_TYPE_BOOL || seen.loads[from] > 0);
    for (vyre_type_t to = VYRE_TYPE_BOOL; to <= VYRE_TYPE_I64; to++) assert_true(seen.casts[from][to] > 0);
    if (vyre_type_bits(from) >= 32) assert_true(seen.outputs[from][0] > 0 && seen.outputs[from][1] > 0);
  }
}

/* Data, fuel and position by the seed; `data` has room for 600 bytes. */
static run_input_t input_of(uint64_t seed, uint8_t *data) {
  random_t random = {seed ^ 0x5EED};
  run_input_t input = {.data = data, .data_bytes = random_below(&random, 4) ? random_below(&random, 600) : 0};
  for (size_t i = 0; i < input.data_bytes; i++) data[i] = (uint8_t)random_next(&random);
  input.fuel = random_below(&random, 20000);
  input.stream_offset = random_next(&random) >> random_below(&random, 64);
  input.is_last = random_once_in(&random, 2);
  input.output_fill = (uint8_t)random_next(&random);
  return input;
}

static void faults_of_every_kind(void **state) {
  (void)state;
  uint32_t faults[VYRE_FAULT_CANCELLED] = {0}, inside = 0, changed = 0;
  uint8_t data[600];
  for (uint64_t seed = 0; seed < 1000; seed++) {
    generate_options_t options = {.foreach_heavy = seed % 4 == 0, .deep_nesting = seed % 16 == 1};
    vyre_program_t *program = generate_program(seed, &options), *again = generate_program(seed, &options);
    run_input_t input = input_of(seed, data);
    run_result_t first, second;
    run_reference(program, &input, &first);
    run_reference(again, &input, &second);
    if (!run_results_equal(&first, &second)) fail_msg("seed %llu gives two results", (unsigned long long)seed);
    assert_true(first.fault < VYRE_FAULT_CANCELLED);
    faults[first.fault]++;
    inside += first.fault_iteration != 0;
    for (uint32_t i = 0; i < first.output_bytes; i++)
      if (first.outputs[i] != input.output_fill) {
        changed++;
        break;
      }
    run_result_deinit(&first);
    run_result_deinit(&second);
    vyre_program_release(program);
    vyre_program_release(again);
  }
  for (uint32_t fault = 0; fault < VYRE_FAULT_CANCELLED; fault++)
    if (faults[fault] < 4) fail_msg("%s: %u of 1000", vyre_fault_text(fault), faults[fault]);
  assert_true(inside > 4);
  assert_true(changed > 500);
}

static void no_faults_when_asked(void **state) {
  (void)state;
  uint8_t data[600];
  for (uint64_t seed = 0; seed < 300; seed++) {
    generate_options_t options = {.no_faults = true, .foreach_heavy = seed % 3 == 0, .deep_nesting = seed % 16 == 1};
    vyre_program_t *program = generate_program(seed, &options);
    run_input_t input = input_of(seed, data);
    input.fuel = UINT64_C(1) << 62;
    run_result_t result;
    run_reference(program, &input, &result);
    if (result.fault)
      fail_msg("seed %llu: %s at line %u", (unsigned long long)seed, vyre_fault_text(result.fault),
               vyre_position_line(result.fault_position));
    run_result_deinit(&result);
    vyre_program_release(program);
  }
}

static bool faults_late(const vyre_program_t *program, void *context) {
  run_result_t result;
  run_reference(program, context, &result);
  bool shows = result.fault && result.fault != VYRE_FAULT_FUEL && result.fault_iteration > 2;
  run_result_deinit(&result);
  return shows;
}

static uint32_t statements_of(const vyre_program_t *p, uint32_t block) {
  uint32_t count = 0;
  for (uint32_t id = block; id != 0; id = p->stmts[id].next)
    count += 1 + statements_of(p, p->stmts[id].body) + statements_of(p, p->stmts[id].orelse);
  return count;
}

static void shrinks_to_the_defect(void **state) {
  (void)state;
  uint8_t data[600];
  uint32_t found = 0;
  for (uint64_t seed = 0; seed < 2000 && found < 8; seed++) {
    vyre_program_t *program = generate_program(seed, &(generate_options_t){.foreach_heavy = true, .statements = 30});
    run_input_t input = input_of(seed, data);
    if (faults_late(program, &input)) {
      found++;
      assert_true(shrink_program(program, faults_late, &input) > 5);
      assert_true(program->is_validated && faults_late(program, &input));
      /* What is left is the foreach, the division, and what it hangs on. */
      uint32_t left = statements_of(program, program->body);
      if (left > 6) fail_msg("seed %llu: %u statements are left", (unsigned long long)seed, left);
    }
    vyre_program_release(program);
  }
  assert_int_equal(found, 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(covers_the_language),
      cmocka_unit_test(faults_of_every_kind),
      cmocka_unit_test(no_faults_when_asked),
      cmocka_unit_test(shrinks_to_the_defect),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
