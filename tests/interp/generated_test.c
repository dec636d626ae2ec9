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
#include "support/inputs.h"
#include "support/random.h"
#include "support/run.h"
#include "support/shrink.h"

/* What the interpreter lacks. */
enum { LACKS = 0 };

enum { DATA_BYTES = 600, KINDS = 8 };

typedef struct seen {
  uint32_t exprs[VYRE_EXPR_COUNT], stmts[VYRE_STMT_COUNT];
  uint32_t casts[VYRE_TYPE_COUNT][VYRE_TYPE_COUNT], bitcasts[VYRE_TYPE_COUNT][VYRE_TYPE_COUNT];
  uint32_t loads[VYRE_ROLE_COUNT][VYRE_TYPE_COUNT], stores[VYRE_ROLE_COUNT][VYRE_TYPE_COUNT];
  uint32_t atomics[VYRE_ROLE_COUNT][VYRE_EXPR_COUNT], orders[VYRE_EXPR_COUNT][VYRE_ORDER_COUNT];
  uint32_t vars[VYRE_TYPE_COUNT], args[VYRE_TYPE_COUNT], results[VYRE_TYPE_COUNT], scalars[VYRE_TYPE_COUNT];
  uint32_t outputs[VYRE_REDUCER_COUNT][VYRE_TYPE_COUNT], arrays[VYRE_REDUCER_COUNT],
      accesses[VYRE_ACCESS_READ_WRITE + 1];
  uint32_t lanes[VYRE_LIMIT_WORKGROUP_SIZE + 1], halos, finishes, ordered;
} seen_t;

static void see_expr(seen_t *seen, const vyre_program_t *p, const vyre_expr_t *e) {
  seen->exprs[e->op]++;
  if (e->op == VYRE_EXPR_CAST) seen->casts[p->exprs[e->a].type][e->type]++;
  if (e->op == VYRE_EXPR_BITCAST) seen->bitcasts[p->exprs[e->a].type][e->type]++;
  if (e->op == VYRE_EXPR_LOAD) seen->loads[p->params[e->a].role][e->type]++;
  if (vyre_expr_class(e->op) != VYRE_CLASS_ATOMIC) return;
  seen->atomics[p->params[e->a].role][e->op]++;
  seen->orders[e->op][e->order]++;
}

static void see(seen_t *seen, const vyre_program_t *p) {
  for (uint32_t i = 1; i < p->expr_count; i++) see_expr(seen, p, &p->exprs[i]);
  for (uint32_t i = 1; i < p->stmt_count; i++) {
    const vyre_stmt_t *s = &p->stmts[i];
    seen->stmts[s->op]++;
    if (s->op == VYRE_STMT_STORE) seen->stores[p->params[s->param].role][p->params[s->param].type]++;
  }
  for (uint32_t i = 1; i < p->var_count; i++) seen->vars[p->vars[i].type]++;
  for (uint32_t i = 0; i < p->function_count; i++) {
    const vyre_function_t *f = &p->functions[i];
    seen->results[f->type]++;
    for (uint32_t k = 0; k < f->arg_count; k++) seen->args[p->vars[f->first_arg + k].type]++;
  }
  for (uint32_t i = 0; i < p->param_count; i++) {
    const vyre_param_t *param = &p->params[i];
    if (param->role == VYRE_ROLE_OUTPUT) seen->outputs[param->reducer][param->type]++;
    if (param->role == VYRE_ROLE_OUTPUT && param->count) seen->arrays[param->reducer]++;
    if (param->role == VYRE_ROLE_SCALAR) seen->scalars[param->type]++;
    if (param->role == VYRE_ROLE_WINDOW) seen->accesses[param->access]++;
    seen->halos += vyre_param_has_halo(param);
  }
  seen->lanes[p->workgroup_size]++;
  seen->finishes += p->has_finish;
  seen->ordered += p->needs_order;
}

#define SEEN(what, count)                      \
  do {                                         \
    if ((count) == 0) fail_msg("no %s", what); \
  } while (0)

static void check_nodes(const seen_t *seen) {
  for (vyre_expr_op_t op = VYRE_EXPR_NONE + 1; op < VYRE_EXPR_COUNT; op++) {
    vyre_op_class_t class_ = vyre_expr_class(op);
    if ((class_ == VYRE_CLASS_PRIVILEGED) != (seen->exprs[op] == 0))
      fail_msg("expression %d (%s): %u times", op, vyre_expr_text(op), seen->exprs[op]);
    if (class_ != VYRE_CLASS_ATOMIC) continue;
    SEEN(vyre_expr_text(op), seen->atomics[VYRE_ROLE_STATE][op]);
    SEEN(vyre_expr_text(op), seen->atomics[VYRE_ROLE_WINDOW][op]);
    SEEN(vyre_expr_text(op), seen->atomics[VYRE_ROLE_WORKGROUP][op]);
    SEEN(vyre_expr_text(op), seen->orders[op][VYRE_ORDER_RELAXED]);
    SEEN(vyre_expr_text(op), seen->orders[op][VYRE_ORDER_SEQ_CST]);
  }
  for (vyre_stmt_op_t op = VYRE_STMT_NONE + 1; op < VYRE_STMT_COUNT; op++)
    if (vyre_stmt_is_privileged(op) != (seen->stmts[op] == 0))
      fail_msg("statement %d (%s): %u times", op, vyre_stmt_text(op), seen->stmts[op]);
}

static bool is_half(vyre_type_t type) { return vyre_type_kind(type) == VYRE_KIND_HALF; }

static void check_types(const seen_t *seen) {
  for (vyre_type_t from = VYRE_TYPE_BOOL; from < VYRE_TYPE_COUNT; from++) {
    const char *text = vyre_type_text(from);
    SEEN(text, seen->vars[from]);
    SEEN(text, seen->args[from]);
    SEEN(text, seen->results[from]);
    if (vyre_type_fits(from, VYRE_ON_SCALAR)) SEEN(text, seen->scalars[from]);
    for (vyre_role_t role = 0; role < VYRE_ROLE_COUNT && from != VYRE_TYPE_BOOL; role++) {
      if (role == VYRE_ROLE_OUTPUT || role == VYRE_ROLE_SCALAR) continue;
      SEEN(text, seen->loads[role][from]);
      if (role != VYRE_ROLE_STREAM && role != VYRE_ROLE_CONSTANT) SEEN(text, seen->stores[role][from]);
    }
    for (vyre_type_t to = VYRE_TYPE_BOOL; to < VYRE_TYPE_COUNT; to++) {
      if (from == to || !vyre_type_is_scalar(from) || !vyre_type_is_scalar(to)) continue;
      bool is_cast = (!is_half(from) && !is_half(to)) || vyre_type_is_float(from) || vyre_type_is_float(to);
      bool is_bitcast = from != VYRE_TYPE_BOOL && to != VYRE_TYPE_BOOL && vyre_type_bits(from) == vyre_type_bits(to);
      if (is_cast != (seen->casts[from][to] > 0) || is_bitcast != (seen->bitcasts[from][to] > 0))
        fail_msg("from %s to %s: %u casts, %u bitcasts", text, vyre_type_text(to), seen->casts[from][to],
                 seen->bitcasts[from][to]);
    }
  }
  SEEN("void functions", seen->results[VYRE_TYPE_VOID]);
}

static void check_params(const seen_t *seen) {
  for (vyre_type_t type = VYRE_TYPE_BOOL; type < VYRE_TYPE_COUNT; type++) {
    bool is_word = vyre_type_fits(type, VYRE_ON_WORD), is_carried = type != VYRE_TYPE_BOOL && !is_half(type);
    for (vyre_reducer_t reducer = VYRE_REDUCER_SUM; reducer < VYRE_REDUCER_COUNT; reducer++) {
      bool fits = !vyre_reducer_is_commutative(reducer) ? is_carried
                  : reducer >= VYRE_REDUCER_OR          ? is_word
                                                        : vyre_type_fits(type, VYRE_ON_REDUCIBLE);
      if (fits != (seen->outputs[reducer][type] > 0))
        fail_msg("%s %s: %u outputs", vyre_reducer_text(reducer), vyre_type_text(type), seen->outputs[reducer][type]);
    }
  }
  for (vyre_reducer_t reducer = VYRE_REDUCER_SUM; reducer <= VYRE_REDUCER_XOR; reducer++)
    SEEN("array of the reducer", seen->arrays[reducer]);
  SEEN("window to read", seen->accesses[VYRE_ACCESS_READ]);
  SEEN("window to write", seen->accesses[VYRE_ACCESS_WRITE]);
  SEEN("window to read and write", seen->accesses[VYRE_ACCESS_READ_WRITE]);
  SEEN("halo", seen->halos);
  SEEN("finish", seen->finishes);
  SEEN("Program that needs order", seen->ordered);
  SEEN("workgroup of 32", seen->lanes[32]);
  SEEN("workgroup of 96", seen->lanes[96]);
  SEEN("workgroup of 256", seen->lanes[256]);
  SEEN("workgroup of the most lanes", seen->lanes[VYRE_LIMIT_WORKGROUP_SIZE]);
  assert_true(seen->lanes[1] > 400);
}

static generate_options_t kind_of(uint64_t seed, uint32_t lacks) {
  static const generate_options_t kinds[KINDS] = {{0},
                                                  {.foreach_heavy = true},
                                                  {.lanes_heavy = true},
                                                  {.float_heavy = true},
                                                  {.no_faults = true},
                                                  {0},
                                                  {.foreach_heavy = true, .lanes_heavy = true},
                                                  {.statements = 8}};
  generate_options_t kind = kinds[seed % KINDS];
  kind.lacks = lacks;
  kind.deep_nesting = seed % 31 == 1;
  return kind;
}

static void covers_the_language(void **state) {
  (void)state;
  static seen_t seen;
  for (uint64_t seed = 0; seed < 2400; seed++) {
    generate_options_t kind = kind_of(seed, 0);
    vyre_program_t *program = generate_program(seed, &kind);
    assert_true(program->is_validated && !program->is_privileged);
    see(&seen, program);
    vyre_program_destroy(&program);
  }
  check_nodes(&seen);
  check_types(&seen);
  check_params(&seen);
}

/* What a Program needs is never more than what it may use. */
static void does_without_what_lacks(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 1200; seed++) {
    random_t random = {seed};
    uint32_t lacks = random_below(&random, VYRE_NEEDS_ALL + 1) | (random_once_in(&random, 2) ? GENERATE_LACKS_OPS : 0);
    generate_options_t kind = kind_of(seed, lacks);
    vyre_program_t *program = generate_program(seed, &kind);
    if (program->needs & lacks) fail_msg("seed %u needs %x and lacks %x", (unsigned)seed, program->needs, lacks);
    for (uint32_t i = 1; i < program->expr_count && (lacks & GENERATE_LACKS_OPS); i++) {
      const vyre_expr_t *e = &program->exprs[i];
      bool is_new = e->op >= VYRE_EXPR_CLZ && e->op <= VYRE_EXPR_BITCAST;
      if (is_new) fail_msg("seed %u has %s", (unsigned)seed, vyre_expr_text(e->op));
    }
    vyre_program_destroy(&program);
  }
}

static bool changes_outputs(const run_input_t *input, const run_result_t *result) {
  for (uint32_t i = 0; i < result->output_bytes; i++)
    if (result->outputs[i] != input->output_fill) return true;
  return false;
}

static void faults_of_every_kind(void **state) {
  (void)state;
  enum { PROGRAMS = 1200 };
  uint32_t lacks = generate_lacks_given(LACKS);
  uint32_t faults[VYRE_FAULT_RECORDS + 1] = {0}, inside = 0, changed = 0;
  for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
    generate_options_t kind = kind_of(seed, lacks);
    vyre_program_t *program = generate_program(seed, &kind), *again = generate_program(seed, &kind);
    inputs_t inputs;
    inputs_init(&inputs, program, seed, &(inputs_options_t){.data_bytes = (seed * 37) % DATA_BYTES});
    run_result_t first, second;
    run_reference(program, &inputs.input, &first);
    run_reference(again, &inputs.input, &second);
    if (!run_results_equal(&first, &second)) fail_msg("seed %llu gives two results", (unsigned long long)seed);
    assert_true(first.fault < VYRE_FAULT_CANCELLED || first.fault == VYRE_FAULT_RECORDS);
    faults[first.fault]++;
    inside += first.fault_iteration != 0;
    changed += changes_outputs(&inputs.input, &first);
    inputs_deinit(&inputs);
    run_result_deinit(&first);
    run_result_deinit(&second);
    vyre_program_destroy(&program);
    vyre_program_destroy(&again);
  }
  for (uint32_t fault = 0; fault < VYRE_FAULT_CANCELLED; fault++)
    if (faults[fault] < 4) fail_msg("%s: %u of %d", vyre_fault_text(fault), faults[fault], PROGRAMS);
  if (!(lacks & VYRE_NEEDS_REDUCERS)) assert_true(faults[VYRE_FAULT_RECORDS] > 0);
  assert_true(faults[VYRE_FAULT_NONE] > PROGRAMS / 3);
  assert_true(inside > 4);
  assert_true(changed > PROGRAMS / 3);
}

static void no_faults_when_asked(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 300; seed++) {
    generate_options_t kind = kind_of(seed, generate_lacks_given(LACKS));
    kind.no_faults = true;
    vyre_program_t *program = generate_program(seed, &kind);
    inputs_t inputs;
    inputs_init(&inputs, program, seed, &(inputs_options_t){.data_bytes = (seed * 37) % DATA_BYTES, .no_faults = true});
    run_result_t result;
    run_reference(program, &inputs.input, &result);
    if (result.fault)
      fail_msg("seed %llu: %s at line %u", (unsigned long long)seed, vyre_fault_text(result.fault),
               vyre_position_line(result.fault_position));
    inputs_deinit(&inputs);
    run_result_deinit(&result);
    vyre_program_destroy(&program);
  }
}

/* The inputs are those of the Program that is left: it has fewer parameters than before. */
static bool faults_late(const vyre_program_t *program, void *context) {
  const uint64_t *seed = context;
  inputs_t inputs;
  run_result_t result;
  inputs_init(&inputs, program, *seed, &(inputs_options_t){.data_bytes = DATA_BYTES});
  run_reference(program, &inputs.input, &result);
  bool shows = result.fault && result.fault != VYRE_FAULT_FUEL && result.fault_iteration > 2;
  run_result_deinit(&result);
  inputs_deinit(&inputs);
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
  uint32_t found = 0;
  for (uint64_t seed = 0; seed < 2000 && found < 8; seed++) {
    generate_options_t kind = {.foreach_heavy = true, .statements = 30, .lacks = generate_lacks_given(LACKS)};
    vyre_program_t *program = generate_program(seed, &kind);
    if (faults_late(program, &seed)) {
      found++;
      assert_true(shrink_program(program, faults_late, &seed) > 5);
      assert_true(program->is_validated && faults_late(program, &seed));
      /* What is left is the foreach, the division, and what it hangs on. */
      uint32_t left = statements_of(program, program->body);
      if (left > 8) fail_msg("seed %llu: %u statements are left", (unsigned long long)seed, left);
    }
    vyre_program_destroy(&program);
  }
  assert_int_equal(found, 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(covers_the_language),   cmocka_unit_test(does_without_what_lacks),
      cmocka_unit_test(faults_of_every_kind),  cmocka_unit_test(no_faults_when_asked),
      cmocka_unit_test(shrinks_to_the_defect),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
