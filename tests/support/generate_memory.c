/* Accesses to buffers, each as the buffer's mode has it. */
#include "support/generate_state.h"

enum { OWN_BEYOND_MAX = 40 }; /* elements of a lane's own, of which most buffers have fewer */

bool generate_is_shared(const generate_buffer_t *buffer) {
  return buffer->role == VYRE_ROLE_STATE || buffer->role == VYRE_ROLE_WORKGROUP ||
         (buffer->role == VYRE_ROLE_WINDOW && (buffer->access & VYRE_ACCESS_WRITE));
}

/* The element lane() + k * lanes, spelled in one of its ways. */
static vyre_expr_id_t own_index(generator_t *g, uint32_t k, bool is_wide) {
  vyre_expr_id_t index;
  if (random_once_in(&g->random, 5)) {
    vyre_expr_id_t subgroup = vyre_build_leaf(generate_at(g), VYRE_EXPR_SUBGROUP);
    vyre_expr_id_t size = generate_number(g, VYRE_TYPE_U32, VYRE_SUBGROUP_LANES);
    vyre_expr_id_t first = vyre_build_binary(generate_at(g), VYRE_EXPR_MUL, subgroup, size);
    vyre_expr_id_t lane = vyre_build_leaf(generate_at(g), VYRE_EXPR_SUBGROUP_LANE);
    index = vyre_build_binary(generate_at(g), VYRE_EXPR_ADD, first, lane);
  } else {
    index = vyre_build_leaf(generate_at(g), VYRE_EXPR_LANE);
  }
  vyre_type_t type = is_wide ? VYRE_TYPE_U64 : VYRE_TYPE_U32;
  if (is_wide) index = vyre_build_cast(generate_at(g), type, index);
  if (k == 0) return index;
  vyre_expr_id_t offset = generate_number(g, type, (uint64_t)k * g->lanes);
  return vyre_build_binary(generate_at(g), VYRE_EXPR_ADD, index, offset);
}

/* Any element. A length that is not known yet may be 0 where faults are allowed. */
static vyre_expr_id_t any_index(generator_t *g, const generate_buffer_t *buffer, uint32_t depth) {
  if (buffer->count) return generate_index(g, buffer->count);
  if (generate_unsafe(g)) return generate_expr(g, generate_unsigned_type(g), depth);
  vyre_expr_id_t value = generate_expr(g, VYRE_TYPE_U64, depth);
  vyre_expr_id_t length = vyre_build_len(generate_at(g), buffer->id);
  return vyre_build_binary(generate_at(g), VYRE_EXPR_REM, value, length);
}

static vyre_expr_id_t index_own(generator_t *g, const generate_buffer_t *buffer) {
  bool is_wide = random_once_in(&g->random, 3);
  if (generate_unsafe(g)) return own_index(g, random_below(&g->random, OWN_BEYOND_MAX), is_wide);
  if (buffer->is_guarded) return own_index(g, buffer->guard_k, is_wide);
  uint32_t rows = buffer->count / g->lanes;
  return rows ? own_index(g, random_below(&g->random, rows), is_wide) : 0;
}

static vyre_expr_id_t index_form(generator_t *g, const generate_buffer_t *buffer) {
  bool is_wide = random_once_in(&g->random, 3);
  if (buffer->is_guarded && !generate_unsafe(g)) return generate_form_index(g, buffer, buffer->guard_k, is_wide);
  if (g->options.no_faults || !random_once_in(&g->random, 3)) return 0;
  return generate_form_index(g, buffer, random_below(&g->random, (uint32_t)buffer->factor), is_wide);
}

/* The element of `buffer` to access, or 0 where that would not be safe and no unsafe choice is made. */
static vyre_expr_id_t index_of(generator_t *g, const generate_buffer_t *buffer, uint32_t depth) {
  switch (buffer->mode) {
    case GENERATE_OWN: return index_own(g, buffer);
    case GENERATE_FORM: return index_form(g, buffer);
    case GENERATE_NONE: return 0;
    default: return any_index(g, buffer, depth);
  }
}

/* Whether the code here can see the buffer at all. */
static bool is_reachable(const generator_t *g, const generate_buffer_t *buffer) {
  if (buffer->role == VYRE_ROLE_CONSTANT) return true;
  if (generate_is_shared(buffer)) return (g->reach == GENERATE_ANY || g->in_foreach) && generate_may_differ(g);
  if (buffer->role == VYRE_ROLE_PRIVATE) return g->reach == GENERATE_ANY && generate_may_differ(g);
  return g->reach != GENERATE_PURE && generate_may_differ(g);
}

static void touch(generator_t *g, const generate_buffer_t *buffer) {
  if (generate_is_shared(buffer)) g->touches |= 1u << (buffer - g->buffers);
}

/* ---- loads ---- */

/* Something near a loop variable: outside of the stream in few iterations, or in many. */
static vyre_expr_id_t near(generator_t *g, const generate_var_t *var) {
  static const vyre_expr_op_t ops[] = {VYRE_EXPR_ADD, VYRE_EXPR_ADD, VYRE_EXPR_SUB, VYRE_EXPR_MUL, VYRE_EXPR_XOR};
  vyre_expr_id_t index = vyre_build_var(generate_at(g), var->id);
  vyre_expr_id_t offset = generate_number(g, var->type, 1 + random_below(&g->random, 8));
  return vyre_build_binary(generate_at(g), ops[random_below(&g->random, 5)], index, offset);
}

/* i64(i) + k, between the ends of what is there: max(-left, min(i + k, len - 1 + right)). */
static vyre_expr_id_t halo_index(generator_t *g, const generate_var_t *var) {
  vyre_expr_id_t index = vyre_build_var(generate_at(g), var->id);
  index = vyre_build_cast(generate_at(g), VYRE_TYPE_I64, index);
  vyre_expr_id_t offset = generate_number(g, VYRE_TYPE_I64, (uint64_t)random_below(&g->random, 13) - 6);
  index = vyre_build_binary(generate_at(g), VYRE_EXPR_ADD, index, offset);
  if (generate_unsafe(g)) return index;
  vyre_expr_id_t length = vyre_build_len(generate_at(g), g->stream);
  length = vyre_build_cast(generate_at(g), VYRE_TYPE_I64, length);
  vyre_expr_id_t right = vyre_build_leaf(generate_at(g), VYRE_EXPR_HALO_RIGHT);
  vyre_expr_id_t end = vyre_build_binary(generate_at(g), VYRE_EXPR_ADD, length, right);
  vyre_expr_id_t one = generate_number(g, VYRE_TYPE_I64, 1);
  vyre_expr_id_t last = vyre_build_binary(generate_at(g), VYRE_EXPR_SUB, end, one);
  index = vyre_build_binary(generate_at(g), VYRE_EXPR_MIN, index, last);
  vyre_expr_id_t left = vyre_build_leaf(generate_at(g), VYRE_EXPR_HALO_LEFT);
  left = vyre_build_unary(generate_at(g), VYRE_EXPR_NEG, left);
  return vyre_build_binary(generate_at(g), VYRE_EXPR_MAX, left, index);
}

/* An index into the stream, or 0 when there is no safe one and no unsafe choice is made. */
static vyre_expr_id_t stream_index(generator_t *g, uint32_t depth) {
  bool is_unsafe = generate_unsafe(g);
  for (uint32_t i = g->var_count; i-- > 0;) {
    if (!g->vars[i].is_in_stream || !generate_level_fits(g, g->vars[i].level)) continue;
    if (g->has_halo && random_once_in(&g->random, 3)) return halo_index(g, &g->vars[i]);
    if (!is_unsafe) return vyre_build_var(generate_at(g), g->vars[i].id);
    if (!random_once_in(&g->random, 3)) return near(g, &g->vars[i]);
  }
  if (!is_unsafe) return 0;
  if (random_once_in(&g->random, 2)) return generate_number(g, VYRE_TYPE_U64, random_below(&g->random, 64));
  return generate_expr(g, g->has_halo ? generate_integer_type(g) : generate_unsigned_type(g), depth);
}

static vyre_expr_id_t stream_load(generator_t *g, uint32_t depth) {
  if (g->stream == VYRE_PARAM_NONE || g->reach == GENERATE_PURE) return 0;
  vyre_expr_id_t index = stream_index(g, depth);
  return index ? vyre_build_load(generate_at(g), g->stream, index) : 0;
}

static vyre_expr_id_t buffer_load(generator_t *g, generate_buffer_t *buffer, uint32_t depth) {
  bool may_load = (buffer->access & VYRE_ACCESS_READ) && buffer->mode != GENERATE_ATOMIC && is_reachable(g, buffer);
  vyre_expr_id_t index = may_load ? index_of(g, buffer, depth) : 0;
  if (!index) return 0;
  touch(g, buffer);
  return vyre_build_load(generate_at(g), buffer->id, index);
}

vyre_expr_id_t generate_load(generator_t *g, vyre_type_t type, uint32_t depth) {
  vyre_expr_id_t value = random_once_in(&g->random, 2) ? stream_load(g, depth) : 0;
  uint32_t start = g->buffer_count ? random_below(&g->random, g->buffer_count) : 0;
  for (uint32_t i = 0; i < g->buffer_count && !value; i++)
    value = buffer_load(g, &g->buffers[(start + i) % g->buffer_count], depth);
  if (!value) value = stream_load(g, depth);
  return value ? generate_cast(g, type, value) : 0;
}

/* ---- stores ---- */

static bool may_store(const generator_t *g, const generate_buffer_t *buffer) {
  bool fits = buffer->mode == GENERATE_FREE || buffer->mode == GENERATE_OWN || buffer->mode == GENERATE_FORM;
  return fits && (buffer->access & VYRE_ACCESS_WRITE) && is_reachable(g, buffer) && g->place != GENERATE_FINISH;
}

static bool store(generator_t *g, generate_buffer_t *buffer) {
  if (!may_store(g, buffer)) return false;
  vyre_expr_id_t index = index_of(g, buffer, 2);
  if (!index) return false;
  touch(g, buffer);
  vyre_expr_id_t value = generate_expr(g, buffer->type, generate_expr_depth(g));
  vyre_build_store(generate_at(g), buffer->id, index, value);
  return true;
}

bool generate_store(generator_t *g) {
  if (g->buffer_count == 0) return false;
  uint32_t start = random_below(&g->random, g->buffer_count);
  for (uint32_t i = 0; i < g->buffer_count; i++)
    if (store(g, &g->buffers[(start + i) % g->buffer_count])) return true;
  return false;
}

/* ---- atomics ---- */

static vyre_order_t order_of(generator_t *g, vyre_expr_op_t op) {
  static const vyre_order_t loads[] = {VYRE_ORDER_RELAXED, VYRE_ORDER_ACQUIRE, VYRE_ORDER_SEQ_CST};
  static const vyre_order_t stores[] = {VYRE_ORDER_RELAXED, VYRE_ORDER_RELEASE, VYRE_ORDER_SEQ_CST};
  if (random_once_in(&g->random, 2)) return VYRE_ORDER_RELAXED;
  if (op == VYRE_EXPR_ATOMIC_LOAD) return loads[random_below(&g->random, 3)];
  if (op == VYRE_EXPR_ATOMIC_STORE) return stores[random_below(&g->random, 3)];
  return (vyre_order_t)random_below(&g->random, VYRE_ORDER_COUNT);
}

static vyre_expr_id_t atomic(generator_t *g, generate_buffer_t *buffer, vyre_expr_op_t op, uint32_t depth) {
  vyre_expr_id_t index = index_of(g, buffer, depth);
  if (!index) return 0;
  touch(g, buffer);
  vyre_expr_id_t value = 0, desired = 0;
  if (op != VYRE_EXPR_ATOMIC_LOAD) value = generate_expr(g, buffer->type, depth);
  if (op == VYRE_EXPR_ATOMIC_CAS) desired = generate_expr(g, buffer->type, depth);
  vyre_order_t order = order_of(g, op);
  vyre_builder_t *b = generate_at(g);
  vyre_scope_t scope = b->scope;
  b->scope = (vyre_scope_t)random_below(&g->random, VYRE_SCOPE_COUNT);
  vyre_expr_id_t result = vyre_build_atomic(b, op, order, buffer->id, index, value, desired);
  b->scope = scope;
  return result;
}

static bool may_atomic(const generator_t *g, const generate_buffer_t *buffer) {
  bool has_atomics =
      buffer->role == VYRE_ROLE_STATE || buffer->role == VYRE_ROLE_WINDOW || buffer->role == VYRE_ROLE_WORKGROUP;
  return has_atomics && !generate_lacks(g, VYRE_NEEDS_ATOMICS) && vyre_type_fits(buffer->type, VYRE_ON_WORD) &&
         is_reachable(g, buffer) && g->place != GENERATE_FINISH;
}

/* The op to use on elements that nobody else has; 0: none. */
static vyre_expr_op_t own_op(generator_t *g, const generate_buffer_t *buffer, bool needs_value) {
  if (buffer->access == VYRE_ACCESS_READ || buffer->mode == GENERATE_READ)
    return (buffer->access & VYRE_ACCESS_READ) ? VYRE_EXPR_ATOMIC_LOAD : VYRE_EXPR_NONE;
  if (buffer->access == VYRE_ACCESS_WRITE) return needs_value ? VYRE_EXPR_NONE : VYRE_EXPR_ATOMIC_STORE;
  vyre_expr_op_t op = (vyre_expr_op_t)(VYRE_EXPR_ATOMIC_LOAD + random_below(&g->random, 10));
  return op == VYRE_EXPR_ATOMIC_STORE && needs_value ? VYRE_EXPR_ATOMIC_EXCHANGE : op;
}

vyre_expr_id_t generate_atomic_value(generator_t *g, vyre_type_t type, uint32_t depth) {
  if (g->in_foreach || g->reach != GENERATE_ANY || g->buffer_count == 0) return 0;
  uint32_t start = random_below(&g->random, g->buffer_count);
  for (uint32_t i = 0; i < g->buffer_count; i++) {
    generate_buffer_t *buffer = &g->buffers[(start + i) % g->buffer_count];
    if (!may_atomic(g, buffer) || buffer->mode == GENERATE_ATOMIC) continue;
    vyre_expr_op_t op = own_op(g, buffer, true);
    vyre_expr_id_t value = op ? atomic(g, buffer, op, depth) : 0;
    if (value) return generate_cast(g, type, value);
  }
  return 0;
}

bool generate_atomic_stmt(generator_t *g) {
  if (g->buffer_count == 0) return false;
  uint32_t start = random_below(&g->random, g->buffer_count);
  for (uint32_t i = 0; i < g->buffer_count; i++) {
    generate_buffer_t *buffer = &g->buffers[(start + i) % g->buffer_count];
    if (!may_atomic(g, buffer)) continue;
    if (buffer->mode != GENERATE_ATOMIC && (g->in_foreach || g->reach != GENERATE_ANY)) continue;
    vyre_expr_op_t op = buffer->mode == GENERATE_ATOMIC ? buffer->atomic : own_op(g, buffer, false);
    vyre_expr_id_t value = op ? atomic(g, buffer, op, 3) : 0;
    if (!value) continue;
    vyre_build_eval(generate_at(g), value);
    return true;
  }
  return false;
}

/* ---- guarded ---- */

bool generate_guarded(generator_t *g) {
  if (g->buffer_count == 0 || g->place == GENERATE_FINISH) return false;
  generate_buffer_t *buffer = &g->buffers[random_below(&g->random, g->buffer_count)];
  bool is_own = buffer->mode == GENERATE_OWN, is_form = buffer->mode == GENERATE_FORM;
  if ((!is_own && !is_form) || buffer->is_guarded || !is_reachable(g, buffer)) return false;
  buffer->guard_k = random_below(&g->random, is_own ? 3 : (uint32_t)buffer->factor);
  vyre_expr_id_t index =
      is_own ? own_index(g, buffer->guard_k, true) : generate_form_index(g, buffer, buffer->guard_k, true);
  vyre_expr_id_t length = vyre_build_len(generate_at(g), buffer->id);
  vyre_expr_id_t condition = vyre_build_binary(generate_at(g), VYRE_EXPR_LT, index, length);
  touch(g, buffer);
  vyre_level_t control = g->control;
  uint32_t var_count = g->var_count;
  vyre_build_if(generate_at(g), condition);
  if (is_own) g->control = VYRE_LEVEL_LANE;
  buffer->is_guarded = true;
  if (random_once_in(&g->random, 2)) generate_block(g, 2);
  if (!store(g, buffer)) generate_contribution(g, generate_expr_depth(g));
  buffer->is_guarded = false;
  g->control = control;
  g->var_count = var_count;
  vyre_build_end(&g->builder);
  return true;
}
