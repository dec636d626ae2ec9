#include "support/generate.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/generate_state.h"

enum {
  DEPTH_MAX = 6, /* of ordinary nesting */
  DEEP_LEVELS_MAX = VYRE_LIMIT_DEPTH - 2 * DEPTH_MAX,
  LANES_WORK = 16, /* what several lanes are taken to cost */
};

const char *generate_name(generator_t *g, char prefix, char buffer[16]) {
  snprintf(buffer, 16, "%c%u", prefix, ++g->names);
  return buffer;
}

void generate_remember(generator_t *g, generate_var_t var) {
  if (g->var_count < GENERATE_VARS_MAX) g->vars[g->var_count++] = var;
}

vyre_expr_id_t generate_number(generator_t *g, vyre_type_t type, uint64_t value) {
  return vyre_build_const(generate_at(g), type, value);
}

vyre_level_t generate_level(generator_t *g) {
  if (g->lanes == 1 || g->control == VYRE_LEVEL_LANE) return g->control;
  uint32_t kind = random_below(&g->random, 8);
  vyre_level_t level = kind < 4 ? VYRE_LEVEL_WORKGROUP : kind == 4 ? VYRE_LEVEL_SUBGROUP : VYRE_LEVEL_LANE;
  /* A foreach takes uniform values only. */
  if (g->in_foreach) level = VYRE_LEVEL_WORKGROUP;
  return level > g->control ? level : g->control;
}

/* A variable keeps the level that its first value may have: what is assigned to it later may not be wider. */
void generate_let(generator_t *g) {
  char buffer[16];
  vyre_type_t type = generate_type(g);
  bool is_mutable = !random_once_in(&g->random, 3);
  vyre_level_t level = generate_level(g);
  vyre_expr_id_t value = generate_expr_at(g, level, type, generate_expr_depth(g));
  vyre_var_id_t var = vyre_build_let(generate_at(g), generate_name(g, 'v', buffer), value, is_mutable);
  generate_remember(
      g,
      (generate_var_t){.id = var, .type = type, .is_assignable = is_mutable, .is_fixed = !is_mutable, .level = level});
}

static void assign(generator_t *g) {
  uint32_t first = g->in_foreach ? g->foreach_vars : 0;
  for (uint32_t i = g->var_count; i-- > first;) {
    const generate_var_t *var = &g->vars[i];
    bool fits = var->is_assignable && (g->lanes == 1 || g->control <= var->level);
    if (!fits || random_once_in(&g->random, 3)) continue;
    vyre_expr_id_t value = generate_expr_at(g, var->level, var->type, generate_expr_depth(g));
    vyre_build_assign(generate_at(g), var->id, value);
    return;
  }
  generate_contribution(g, generate_expr_depth(g));
}

static void call_stmt(generator_t *g) {
  vyre_expr_id_t call = generate_call(g, VYRE_TYPE_VOID, 3);
  if (call)
    vyre_build_eval(generate_at(g), call);
  else
    assign(g);
}

static void simple(generator_t *g) {
  bool is_done = false;
  switch (random_below(&g->random, 12)) {
    case 0:
    case 1: generate_let(g); return;
    case 2:
    case 3: assign(g); return;
    case 4: call_stmt(g); return;
    case 5: is_done = generate_store(g); break;
    case 6: is_done = generate_atomic_stmt(g); break;
    case 7: is_done = generate_collective(g); break;
    case 8: is_done = g->depth < DEPTH_MAX && generate_guarded(g); break;
    default: break;
  }
  if (!is_done) generate_contribution(g, generate_expr_depth(g));
}

static bool meet(generator_t *g) {
  switch (random_below(&g->random, 4)) {
    case 0: return generate_copy(g);
    case 1: return generate_section(g);
    default: return generate_collective(g);
  }
}

static void statement(generator_t *g) {
  if (g->statements > 0) g->statements--;
  bool is_simple = g->statements == 0 || g->depth >= DEPTH_MAX;
  if (!is_simple && g->lanes > 1 && random_once_in(&g->random, g->options.lanes_heavy ? 2 : 6) && meet(g)) return;
  if (is_simple || random_once_in(&g->random, 2)) {
    simple(g);
    return;
  }
  uint32_t kind = random_below(&g->random, GENERATE_CONTROL_KINDS);
  if (g->options.foreach_heavy && g->depth == 1 && kind > 2) kind = GENERATE_CONTROL_KINDS - 1;
  generate_control(g, kind);
}

void generate_block(generator_t *g, uint32_t statements_max) {
  uint32_t var_count = g->var_count;
  g->depth++;
  uint32_t count = random_once_in(&g->random, 16) ? 0 : 1 + random_below(&g->random, statements_max);
  for (uint32_t i = 0; i < count; i++) statement(g);
  g->depth--;
  g->var_count = var_count;
}

static void choose_lanes(generator_t *g) {
  static const uint32_t sizes[] = {32, 32, 64, 64, 96, 128, 256};
  g->lanes = 1;
  if (generate_lacks(g, VYRE_NEEDS_LANES)) return;
  if (!g->options.lanes_heavy && !random_once_in(&g->random, 3)) return;
  g->lanes = sizes[random_below(&g->random, sizeof sizes / sizeof *sizes)];
  if (random_once_in(&g->random, 60)) g->lanes = VYRE_LIMIT_WORKGROUP_SIZE;
  g->builder.program->workgroup_size = g->lanes;
  g->work = g->least_work = LANES_WORK;
  /* Lanes that may return apart never meet. */
  uint32_t kind = random_below(&g->random, g->options.lanes_heavy ? 40 : 12);
  g->root_level = kind == 0 ? VYRE_LEVEL_LANE : kind == 1 ? generate_subgroup_level(g) : VYRE_LEVEL_WORKGROUP;
}

static void body(generator_t *g) {
  g->place = GENERATE_BODY;
  g->reach = GENERATE_ANY;
  g->control = g->root_level;
  g->ceiling = VYRE_LEVEL_LANE;
  g->may_return = true;
  g->depth = 1;
  generate_let(g);
  generate_let(g);
  while (g->statements > 0) statement(g);
  if (g->options.deep_nesting) {
    g->statements = 4;
    generate_nest(g, 20 + random_below(&g->random, DEEP_LEVELS_MAX - 20));
  }
  generate_last_contributions(g);
}

vyre_program_t *generate_program(uint64_t seed, const generate_options_t *options) {
  static const uint32_t fault_rates[] = {0, 12, 40, 150};
  generator_t g = {.random = {seed}, .options = *options, .stream = VYRE_PARAM_NONE, .work = 1, .least_work = 1};
  vyre_builder_init(&g.builder, "generated", "", false);
  uint32_t rate = fault_rates[random_below(&g.random, 4)];
  g.fault_rate = options->no_faults ? 0 : rate;
  g.statements = options->statements ? options->statements : 1 + random_below(&g.random, 40);
  choose_lanes(&g);
  generate_params(&g, options->foreach_heavy || !random_once_in(&g.random, 8));
  uint32_t statements = g.statements;
  generate_functions(&g);
  g.statements = statements;
  body(&g);
  generate_finish(&g);
  vyre_program_t *program = NULL;
  vyre_status_t status = vyre_builder_finish(&g.builder, &program);
  if (status) {
    char text[1024];
    vyre_status_format(status, text, sizeof text);
    fprintf(stderr, "generate_program: seed %llu: %s", (unsigned long long)seed, text);
    abort();
  }
  return program;
}

uint32_t generate_lacks_given(uint32_t usual) {
  const char *text = getenv("VYRE_LACKS");
  return text && *text ? (uint32_t)strtoul(text, NULL, 0) : usual;
}
