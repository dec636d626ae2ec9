#include "support/generate_state.h"

/* Float sums have an order that only a foreach over the stream gives. */
static bool is_float_sum(const generate_output_t *output) {
  return output->reducer == VYRE_REDUCER_SUM && vyre_type_is_float(output->type);
}

/* Another number in each iteration, which fills the fraction, so that the order of a sum shows. */
static vyre_expr_id_t value_of_iteration(generator_t *g, vyre_type_t type) {
  vyre_expr_id_t value = vyre_build_var(generate_at(g), g->foreach_var.id);
  vyre_expr_id_t factor = generate_number(g, g->foreach_var.type, random_below(&g->random, 1 << 16) | 1);
  value = vyre_build_binary(generate_at(g), VYRE_EXPR_MUL, value, factor);
  value = vyre_build_cast(generate_at(g), type, value);
  return vyre_build_unary(generate_at(g), VYRE_EXPR_SQRT, value);
}

/* What is added in a foreach is often small whatever the data is: of such sums a compiler knows more. */
static vyre_expr_id_t value_of(generator_t *g, vyre_type_t type, uint32_t depth) {
  if (!g->in_foreach || !random_once_in(&g->random, 3)) return generate_expr(g, type, depth);
  vyre_expr_id_t value = generate_expr(g, random_once_in(&g->random, 3) ? VYRE_TYPE_BOOL : VYRE_TYPE_U8, depth);
  return generate_cast(g, type, value);
}

static bool reduce(generator_t *g, const generate_output_t *output, uint32_t depth) {
  if (is_float_sum(output) && !g->foreach_is_whole) return false;
  if (is_float_sum(output) && !generate_lacks(g, GENERATE_LACKS_OPS) && random_once_in(&g->random, 3)) {
    vyre_expr_id_t value = value_of_iteration(g, output->type);
    vyre_build_reduce(generate_at(g), output->id, value);
    return true;
  }
  if (output->count == 0) {
    vyre_expr_id_t value = value_of(g, output->type, depth);
    vyre_build_reduce(generate_at(g), output->id, value);
    return true;
  }
  vyre_expr_id_t index = generate_index(g, output->count);
  vyre_expr_id_t value = value_of(g, output->type, depth);
  vyre_build_reduce_at(generate_at(g), output->id, index, value);
  return true;
}

/* Where records must not run out, each statement runs once in each lane. Which of several lanes has one too many is not
 * specified. */
static bool append(generator_t *g, generate_output_t *output, uint32_t depth) {
  bool is_counted = g->options.no_faults || g->lanes > 1;
  if (is_counted && (g->work > g->least_work || g->in_foreach || output->room == 0)) return false;
  if (is_counted) output->room--;
  vyre_expr_id_t key = generate_expr(g, VYRE_TYPE_U64, depth);
  vyre_expr_id_t value = generate_expr(g, output->type, depth);
  vyre_build_append(generate_at(g), output->id, key, value);
  return true;
}

static bool set(generator_t *g, const generate_output_t *output, uint32_t depth) {
  if (g->in_foreach || (g->lanes > 1 && g->control != VYRE_LEVEL_WORKGROUP)) return false;
  vyre_expr_id_t value = generate_expr_at(g, VYRE_LEVEL_WORKGROUP, output->type, depth);
  vyre_build_set(generate_at(g), output->id, value);
  return true;
}

static bool contribute(generator_t *g, generate_output_t *output, uint32_t depth) {
  if (output->reducer == VYRE_REDUCER_APPEND) return append(g, output, depth);
  return vyre_reducer_is_commutative(output->reducer) ? reduce(g, output, depth) : set(g, output, depth);
}

static bool assign_reduced(generator_t *g, const generate_output_t *output, uint32_t depth) {
  if (!vyre_reducer_is_commutative(output->reducer) && output->reducer != VYRE_REDUCER_COMBINE) return false;
  if (output->count == 0) {
    vyre_expr_id_t value = generate_expr(g, output->type, depth);
    vyre_build_set(generate_at(g), output->id, value);
    return true;
  }
  vyre_expr_id_t index = generate_index(g, output->count);
  vyre_expr_id_t value = generate_expr(g, output->type, depth);
  vyre_build_set_at(generate_at(g), output->id, index, value);
  return true;
}

void generate_contribution(generator_t *g, uint32_t depth) {
  for (uint32_t tries = 0; tries < 3 && g->place != GENERATE_FUNCTION; tries++) {
    generate_output_t *output = &g->outputs[random_below(&g->random, g->output_count)];
    if (g->place == GENERATE_FINISH ? assign_reduced(g, output, depth) : contribute(g, output, depth)) return;
  }
  generate_let(g);
}

void generate_last_contributions(generator_t *g) {
  for (uint32_t i = 0; i < g->var_count; i++) {
    const generate_output_t *output = &g->outputs[i % g->output_count];
    if (!vyre_reducer_is_commutative(output->reducer) || is_float_sum(output)) output = &g->outputs[0];
    vyre_expr_id_t value = vyre_build_var(generate_at(g), g->vars[i].id);
    value = generate_cast(g, output->type, value);
    if (output->count == 0) {
      vyre_build_reduce(generate_at(g), output->id, value);
    } else {
      vyre_expr_id_t index = generate_number(g, VYRE_TYPE_U32, i % output->count);
      vyre_build_reduce_at(generate_at(g), output->id, index, value);
    }
  }
}

/* Once over what was reduced, by one lane. */
void generate_finish(generator_t *g) {
  if (generate_lacks(g, VYRE_NEEDS_REDUCERS) || !random_once_in(&g->random, 4)) return;
  vyre_build_finish(generate_at(g));
  uint32_t lanes = g->lanes;
  g->place = GENERATE_FINISH;
  g->reach = GENERATE_PURE;
  g->lanes = 1;
  g->control = g->ceiling = g->loop_level = VYRE_LEVEL_WORKGROUP;
  g->var_count = g->loops = 0;
  g->work = g->least_work = 1;
  g->statements = 1 + random_below(&g->random, 10);
  generate_block(g, 6);
  generate_contribution(g, 3);
  g->lanes = lanes;
  vyre_build_end(&g->builder);
}
