/* Where lanes meet: ops, barriers, copies. In control flow that the validator can show to be theirs. */
#include "support/generate_state.h"

static bool may_meet(const generator_t *g, vyre_level_t most) {
  return g->lanes > 1 && g->place == GENERATE_BODY && !g->in_foreach && g->control <= most;
}

static vyre_type_t operand_type(generator_t *g, vyre_expr_op_t op) {
  switch (vyre_expr_on(op)) {
    case VYRE_ON_BOOL: return VYRE_TYPE_BOOL;
    case VYRE_ON_WORD: return generate_word_type(g);
    case VYRE_ON_MOVABLE:
      if (random_once_in(&g->random, 6)) return VYRE_TYPE_BOOL; /* fall through */
    default: return generate_reducible_type(g);
  }
}

/* Of what the op gives. */
static vyre_level_t result_level(const generator_t *g, vyre_expr_op_t op) {
  bool is_scan = op == VYRE_EXPR_SUBGROUP_INCLUSIVE_ADD || op == VYRE_EXPR_SUBGROUP_EXCLUSIVE_ADD ||
                 op == VYRE_EXPR_WORKGROUP_INCLUSIVE_ADD || op == VYRE_EXPR_WORKGROUP_EXCLUSIVE_ADD;
  bool is_shuffle = op >= VYRE_EXPR_SUBGROUP_SHUFFLE && op <= VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN;
  if (is_scan || is_shuffle) return VYRE_LEVEL_LANE;
  vyre_level_t level = vyre_expr_class(op) == VYRE_CLASS_SUBGROUP ? generate_subgroup_level(g) : VYRE_LEVEL_WORKGROUP;
  return level > g->control ? level : g->control;
}

/* The lane of a broadcast is the same for all that meet. */
static vyre_expr_id_t lane_operand(generator_t *g, vyre_expr_op_t op) {
  vyre_level_t level = op == VYRE_EXPR_WORKGROUP_BROADCAST  ? VYRE_LEVEL_WORKGROUP
                       : op == VYRE_EXPR_SUBGROUP_BROADCAST ? generate_subgroup_level(g)
                                                            : VYRE_LEVEL_LANE;
  if (random_once_in(&g->random, 2)) return generate_number(g, VYRE_TYPE_U32, random_below(&g->random, 40));
  return generate_expr_at(g, level, VYRE_TYPE_U32, 3);
}

/* Another number in each lane; of floats one that fills the fraction, so that the order of a sum shows. */
static vyre_expr_id_t value_of_lane(generator_t *g, vyre_type_t type) {
  vyre_expr_id_t lane = vyre_build_leaf(generate_at(g), VYRE_EXPR_LANE);
  vyre_expr_id_t factor = generate_number(g, VYRE_TYPE_U32, random_next(&g->random) | 1);
  vyre_expr_id_t value = vyre_build_binary(generate_at(g), VYRE_EXPR_MUL, lane, factor);
  value = generate_cast(g, type, value);
  return vyre_type_is_float(type) ? vyre_build_unary(generate_at(g), VYRE_EXPR_SQRT, value) : value;
}

static void collective(generator_t *g, vyre_expr_op_t op) {
  char buffer[16];
  vyre_type_t type = operand_type(g, op);
  bool is_spread = random_once_in(&g->random, 3) && !generate_lacks(g, GENERATE_LACKS_OPS);
  vyre_expr_id_t value = is_spread ? value_of_lane(g, type) : generate_expr(g, type, generate_expr_depth(g));
  vyre_expr_id_t lane = vyre_expr_arity(op) == 2 ? lane_operand(g, op) : 0;
  vyre_expr_id_t result = vyre_build_collective(generate_at(g), op, value, lane);
  if (op == VYRE_EXPR_SUBGROUP_BALLOT) type = VYRE_TYPE_U32;
  vyre_level_t level = result_level(g, op);
  for (uint32_t i = g->var_count; i-- > 0 && random_once_in(&g->random, 2);) {
    const generate_var_t *var = &g->vars[i];
    if (!var->is_assignable || var->type != type || var->level < level || g->control > var->level) continue;
    vyre_build_assign(generate_at(g), var->id, result);
    return;
  }
  bool is_mutable = random_once_in(&g->random, 2);
  vyre_var_id_t var = vyre_build_let(generate_at(g), generate_name(g, 'v', buffer), result, is_mutable);
  generate_remember(
      g,
      (generate_var_t){.id = var, .type = type, .is_assignable = is_mutable, .is_fixed = !is_mutable, .level = level});
}

static vyre_expr_op_t workgroup_op(generator_t *g) {
  return (vyre_expr_op_t)(VYRE_EXPR_WORKGROUP_ANY +
                          random_below(&g->random, VYRE_EXPR_WORKGROUP_BROADCAST - VYRE_EXPR_WORKGROUP_ANY + 1));
}

/* A sum or a scan of floats whose last bits are added to an output at once: its order is part of the language. */
static void ordered_sum(generator_t *g, bool is_wide) {
  static const vyre_expr_op_t ops[][3] = {
      {VYRE_EXPR_SUBGROUP_ADD, VYRE_EXPR_SUBGROUP_INCLUSIVE_ADD, VYRE_EXPR_SUBGROUP_EXCLUSIVE_ADD},
      {VYRE_EXPR_WORKGROUP_ADD, VYRE_EXPR_WORKGROUP_INCLUSIVE_ADD, VYRE_EXPR_WORKGROUP_EXCLUSIVE_ADD}};
  char buffer[16];
  bool is_double = random_once_in(&g->random, 2);
  vyre_expr_op_t op = ops[is_wide][random_below(&g->random, 3)];
  vyre_expr_id_t value = value_of_lane(g, is_double ? VYRE_TYPE_F64 : VYRE_TYPE_F32);
  vyre_expr_id_t result = vyre_build_collective(generate_at(g), op, value, 0);
  vyre_var_id_t var = vyre_build_let(generate_at(g), generate_name(g, 'v', buffer), result, false);
  vyre_expr_id_t bits = vyre_build_var(generate_at(g), var);
  bits = vyre_build_bitcast(generate_at(g), is_double ? VYRE_TYPE_U64 : VYRE_TYPE_U32, bits);
  bits = generate_cast(g, g->outputs[0].type, bits);
  if (g->outputs[0].count)
    vyre_build_reduce_at(generate_at(g), g->outputs[0].id, generate_number(g, VYRE_TYPE_U32, 0), bits);
  else
    vyre_build_reduce(generate_at(g), g->outputs[0].id, bits);
}

bool generate_collective(generator_t *g) {
  if (!may_meet(g, generate_subgroup_level(g))) return false;
  bool is_wide = may_meet(g, VYRE_LEVEL_WORKGROUP) && random_once_in(&g->random, 2);
  if (random_once_in(&g->random, 6) && !generate_lacks(g, VYRE_NEEDS_FLOATS | GENERATE_LACKS_OPS)) {
    ordered_sum(g, is_wide);
    return true;
  }
  collective(
      g, is_wide ? workgroup_op(g)
                 : (vyre_expr_op_t)(VYRE_EXPR_SUBGROUP_ANY + random_below(&g->random, VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN -
                                                                                          VYRE_EXPR_SUBGROUP_ANY + 1)));
  return true;
}

/* ---- barriers ---- */

/* Forbids all shared memory, and gives the modes back. */
static void hide(generator_t *g, generate_mode_t modes[GENERATE_BUFFERS_MAX]) {
  for (uint32_t i = 0; i < g->buffer_count; i++) {
    modes[i] = g->buffers[i].mode;
    if (generate_is_shared(&g->buffers[i])) g->buffers[i].mode = GENERATE_NONE;
  }
}

static void show(generator_t *g, const generate_mode_t modes[GENERATE_BUFFERS_MAX]) {
  for (uint32_t i = 0; i < g->buffer_count; i++) g->buffers[i].mode = modes[i];
}

/* The operand of an op is evaluated before it, when other lanes may still be where they were. */
void generate_barrier(generator_t *g) {
  generate_mode_t modes[GENERATE_BUFFERS_MAX];
  if (random_once_in(&g->random, 4)) {
    hide(g, modes);
    collective(g, workgroup_op(g));
    show(g, modes);
    return;
  }
  vyre_builder_t *b = generate_at(g);
  vyre_scope_t scope = b->scope;
  bool is_plain = random_once_in(&g->random, 2);
  b->scope = is_plain ? VYRE_SCOPE_WORKGROUP : (vyre_scope_t)random_below(&g->random, VYRE_SCOPE_COUNT);
  vyre_build_barrier(b, is_plain ? VYRE_ORDER_ACQ_REL
                                 : (vyre_order_t)(VYRE_ORDER_ACQUIRE + random_below(&g->random, VYRE_ORDER_COUNT - 1)));
  b->scope = scope;
}

static void choose_modes(generator_t *g) {
  for (uint32_t i = 0; i < g->buffer_count; i++) {
    generate_buffer_t *buffer = &g->buffers[i];
    if (!generate_is_shared(buffer)) continue;
    bool is_word = vyre_type_fits(buffer->type, VYRE_ON_WORD) && buffer->access == VYRE_ACCESS_READ_WRITE;
    uint32_t kind = random_below(&g->random, 4);
    buffer->mode = kind == 0 || buffer->access == VYRE_ACCESS_WRITE ? GENERATE_OWN : GENERATE_READ;
    if (kind == 1 && is_word && !generate_lacks(g, VYRE_NEEDS_ATOMICS)) buffer->mode = GENERATE_ATOMIC;
    buffer->atomic = (vyre_expr_op_t)(VYRE_EXPR_ATOMIC_ADD + random_below(&g->random, 6));
  }
}

/* A block of statements that nothing leaves early: a barrier stands before it and behind it. */
static void closed_block(generator_t *g, uint32_t statements_max) {
  uint32_t loops = g->loops;
  bool may_return = g->may_return;
  uint64_t work = g->work;
  g->loops = 0;
  g->may_return = false;
  generate_block(g, statements_max);
  g->loops = loops;
  g->may_return = may_return;
  g->work = work;
}

bool generate_section(generator_t *g) {
  if (!may_meet(g, VYRE_LEVEL_WORKGROUP)) return false;
  generate_mode_t modes[GENERATE_BUFFERS_MAX], ignored[GENERATE_BUFFERS_MAX];
  generate_barrier(g);
  hide(g, modes);
  choose_modes(g);
  closed_block(g, 4);
  hide(g, ignored);
  generate_barrier(g);
  show(g, modes);
  return true;
}

/* ---- copies ---- */

/* An index or a count that is mostly inside. */
static vyre_expr_id_t copy_number(generator_t *g, uint32_t below) {
  if (generate_unsafe(g)) return generate_expr_at(g, VYRE_LEVEL_WORKGROUP, VYRE_TYPE_U64, 2);
  if (below == 0 || random_once_in(&g->random, 2))
    return generate_number(g, VYRE_TYPE_U64, below ? random_below(&g->random, below) : 0);
  vyre_expr_id_t value = generate_expr_at(g, VYRE_LEVEL_WORKGROUP, VYRE_TYPE_U64, 3);
  vyre_expr_id_t bound = generate_number(g, VYRE_TYPE_U64, below);
  return vyre_build_binary(generate_at(g), VYRE_EXPR_REM, value, bound);
}

/* How many of a buffer's elements can be counted on: of an unknown length, len(b) or a few of them. */
static vyre_expr_id_t copy_count(generator_t *g, vyre_param_id_t far, uint32_t far_left, uint32_t near_left) {
  uint32_t left = far_left && far_left < near_left ? far_left : near_left;
  if (far_left) return copy_number(g, left + 1);
  vyre_expr_id_t length = vyre_build_len(generate_at(g), far);
  vyre_expr_id_t most = generate_number(g, VYRE_TYPE_U64, left);
  return vyre_build_binary(generate_at(g), VYRE_EXPR_MIN, length, most);
}

/* One side of a copy that is no workgroup memory; UINT32_MAX: none, `buffer_count`: the stream. */
static uint32_t far_side(generator_t *g, vyre_type_t type, vyre_access_t access) {
  uint32_t start = random_below(&g->random, g->buffer_count + 1);
  for (uint32_t i = 0; i <= g->buffer_count; i++) {
    uint32_t at = (start + i) % (g->buffer_count + 1);
    if (at == g->buffer_count) {
      if (g->stream != VYRE_PARAM_NONE && g->stream_type == type && access == VYRE_ACCESS_READ) return at;
      continue;
    }
    const generate_buffer_t *b = &g->buffers[at];
    bool is_far = b->role != VYRE_ROLE_WORKGROUP && b->role != VYRE_ROLE_PRIVATE;
    if (is_far && b->type == type && (b->access & access) && b->mode != GENERATE_NONE) return at;
  }
  return UINT32_MAX;
}

static bool copy(generator_t *g, generate_buffer_t *tile) {
  bool is_load = random_once_in(&g->random, 2);
  uint32_t at = far_side(g, tile->type, is_load ? VYRE_ACCESS_READ : VYRE_ACCESS_WRITE);
  if (at == UINT32_MAX) return false;
  bool is_stream = at == g->buffer_count;
  vyre_param_id_t far = is_stream ? g->stream : g->buffers[at].id;
  uint32_t far_count = is_stream ? 0 : g->buffers[at].count;
  uint32_t to_skip = random_below(&g->random, 4), from_skip = far_count > 4 ? random_below(&g->random, 4) : 0;
  vyre_expr_id_t tile_at = generate_number(g, VYRE_TYPE_U64, to_skip);
  vyre_expr_id_t far_at = generate_unsafe(g) ? copy_number(g, 9) : generate_number(g, VYRE_TYPE_U64, from_skip);
  vyre_expr_id_t count = generate_unsafe(g)
                             ? copy_number(g, 400)
                             : copy_count(g, far, far_count ? far_count - from_skip : 0, tile->count - to_skip);
  if (is_load)
    vyre_build_copy(generate_at(g), VYRE_STMT_ASYNC_LOAD, tile->id, tile_at, far, far_at, count);
  else
    vyre_build_copy(generate_at(g), VYRE_STMT_ASYNC_STORE, far, far_at, tile->id, tile_at, count);
  /* Until the wait nobody touches either place. */
  tile->mode = GENERATE_NONE;
  if (!is_stream && (generate_is_shared(&g->buffers[at]) || !is_load)) g->buffers[at].mode = GENERATE_NONE;
  return true;
}

bool generate_copy(generator_t *g) {
  if (!may_meet(g, VYRE_LEVEL_WORKGROUP)) return false;
  uint32_t first = GENERATE_BUFFERS_MAX;
  for (uint32_t i = 0; i < g->buffer_count; i++)
    if (g->buffers[i].role == VYRE_ROLE_WORKGROUP && (first == GENERATE_BUFFERS_MAX || random_once_in(&g->random, 2)))
      first = i;
  if (first == GENERATE_BUFFERS_MAX) return false;
  generate_mode_t modes[GENERATE_BUFFERS_MAX];
  for (uint32_t i = 0; i < g->buffer_count; i++) modes[i] = g->buffers[i].mode;
  if (g->buffers[first].mode == GENERATE_NONE ||
      far_side(g, g->buffers[first].type, VYRE_ACCESS_READ_WRITE) == UINT32_MAX)
    return false;
  generate_barrier(g);
  bool is_started = copy(g, &g->buffers[first]);
  for (uint32_t i = 0; i < g->buffer_count; i++) {
    generate_buffer_t *tile = &g->buffers[i];
    if (tile->role == VYRE_ROLE_WORKGROUP && tile->mode != GENERATE_NONE && random_once_in(&g->random, 2))
      copy(g, tile);
  }
  if (is_started && random_once_in(&g->random, 2)) closed_block(g, 2);
  vyre_build_plain(generate_at(g), VYRE_STMT_ASYNC_WAIT);
  show(g, modes);
  return true;
}
