#include "support/generate_state.h"

enum {
  CALL_WORK = 400, /* a function is called from loops: what its body is taken to run in one */
  FUNCTION_STATEMENTS = 10,
};

/* ---- calls ---- */

static bool is_usual(const generator_t *g, const generate_function_t *f) {
  generate_mode_t usual = g->lanes > 1 ? GENERATE_OWN : GENERATE_FREE;
  for (uint32_t i = 0; i < g->buffer_count; i++)
    if ((f->touches >> i & 1) && g->buffers[i].mode != usual) return false;
  return true;
}

static bool may_call(const generator_t *g, const generate_function_t *f) {
  return f->reach <= g->reach && generate_may_differ(g) && is_usual(g, f);
}

/* What can be cast into each other by generate_cast: everything that has a value. */
static bool gives(const generate_function_t *f, vyre_type_t type) {
  return type == VYRE_TYPE_VOID || f->type != VYRE_TYPE_VOID;
}

vyre_expr_id_t generate_call(generator_t *g, vyre_type_t type, uint32_t depth) {
  if (g->function_count == 0) return 0;
  uint32_t start = random_below(&g->random, g->function_count);
  for (uint32_t i = 0; i < g->function_count; i++) {
    const generate_function_t *f = &g->functions[(start + i) % g->function_count];
    if (!gives(f, type) || !may_call(g, f)) continue;
    vyre_expr_id_t arguments[GENERATE_ARGUMENTS_MAX];
    g->touches |= f->touches;
    for (uint32_t k = 0; k < f->arg_count; k++) arguments[k] = generate_expr(g, f->args[k], depth < 3 ? depth : 3);
    vyre_expr_id_t value = vyre_build_call(generate_at(g), f->id, arguments, f->arg_count);
    return type == VYRE_TYPE_VOID ? value : generate_cast(g, type, value);
  }
  return 0;
}

/* ---- bodies ---- */

static void function_body(generator_t *g, generate_function_t *f, const vyre_var_id_t *args) {
  g->place = GENERATE_FUNCTION;
  g->reach = f->reach;
  g->result = f->type;
  g->touches = 0;
  g->control = g->ceiling = g->loop_level = VYRE_LEVEL_LANE; /* nothing is known of the caller */
  g->may_return = true;
  g->var_count = g->loops = 0;
  g->depth = 2;
  uint64_t work = g->work;
  g->work = CALL_WORK;
  g->statements = random_below(&g->random, FUNCTION_STATEMENTS);
  for (uint32_t i = 0; i < f->arg_count; i++)
    generate_remember(g,
                      (generate_var_t){.id = args[i], .type = f->args[i], .is_fixed = true, .level = VYRE_LEVEL_LANE});
  generate_block(g, 5);
  if (random_once_in(&g->random, 3)) generate_if_leave(g);
  if (f->type != VYRE_TYPE_VOID) {
    vyre_expr_id_t value = generate_expr(g, f->type, 4);
    vyre_build_return(generate_at(g), value);
  }
  vyre_build_end(&g->builder);
  g->var_count = 0;
  g->work = work;
  f->touches = g->touches;
}

static void function(generator_t *g, generate_function_t made) {
  char name[16], arg_buffers[GENERATE_ARGUMENTS_MAX][16];
  const char *arg_names[GENERATE_ARGUMENTS_MAX];
  vyre_var_id_t args[GENERATE_ARGUMENTS_MAX];
  for (uint32_t i = 0; i < made.arg_count; i++) arg_names[i] = generate_name(g, 'a', arg_buffers[i]);
  made.id = vyre_build_function(generate_at(g), generate_name(g, 'f', name), made.type, arg_names, made.args,
                                made.arg_count, args);
  function_body(g, &made, args);
  g->functions[g->function_count++] = made; /* from here on it can be called */
}

void generate_functions(generator_t *g) {
  for (uint32_t i = 0; i < g->output_count; i++) {
    vyre_type_t type = g->outputs[i].type;
    if (g->outputs[i].reducer != VYRE_REDUCER_COMBINE) continue;
    function(g, (generate_function_t){.type = type, .args = {type, type}, .arg_count = 2, .reach = GENERATE_PURE});
  }
  if (generate_lacks(g, VYRE_NEEDS_CALLS) || random_once_in(&g->random, 2)) return;
  uint32_t count = 1 + random_below(&g->random, GENERATE_FUNCTIONS_MAX - 2);
  for (uint32_t i = 0; i < count; i++) {
    generate_function_t made = {.reach = (generate_reach_t)random_below(&g->random, 3),
                                .arg_count = random_below(&g->random, GENERATE_ARGUMENTS_MAX + 1)};
    for (uint32_t k = 0; k < made.arg_count; k++) made.args[k] = generate_type(g);
    if (!random_once_in(&g->random, 5)) made.type = generate_type(g);
    function(g, made);
  }
}
