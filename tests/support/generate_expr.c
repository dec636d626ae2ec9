#include "support/generate_state.h"

vyre_type_t generate_type(generator_t *g) {
  return (vyre_type_t)(VYRE_TYPE_BOOL + random_below(&g->random, VYRE_TYPE_I64 + 1 - VYRE_TYPE_BOOL));
}

vyre_type_t generate_unsigned_type(generator_t *g) { return (vyre_type_t)(VYRE_TYPE_U8 + random_below(&g->random, 4)); }

/* Corners of the type more often than not. */
static vyre_expr_id_t constant(generator_t *g, vyre_type_t type) {
  unsigned bits = vyre_type_bits(type);
  uint64_t sign = UINT64_C(1) << (bits - 1), value;
  switch (random_below(&g->random, 8)) {
    case 0: value = 0; break;
    case 1: value = 1; break;
    case 2: value = UINT64_MAX; break; /* MAX, or -1 */
    case 3: value = sign; break;       /* MIN of a signed type */
    case 4: value = sign - 1; break;
    case 5: value = bits - random_below(&g->random, 2); break; /* shift counts at the width */
    case 6: value = random_below(&g->random, 20); break;
    default: value = random_next(&g->random); break;
  }
  return vyre_build_const(generate_at(g), type, value);
}

/* A variable of `type` in scope, or 0. */
static vyre_expr_id_t variable(generator_t *g, vyre_type_t type) {
  if (g->var_count == 0) return 0;
  uint32_t start = random_below(&g->random, g->var_count);
  for (uint32_t i = 0; i < g->var_count; i++) {
    const generate_var_t *var = &g->vars[(start + i) % g->var_count];
    if (var->type == type) return vyre_build_var(generate_at(g), var->id);
  }
  return 0;
}

static vyre_expr_id_t length(generator_t *g) {
  uint32_t start = random_below(&g->random, g->output_count);
  for (uint32_t i = 0; i < g->output_count; i++) {
    const generate_output_t *output = &g->outputs[(start + i) % g->output_count];
    if (output->count && random_once_in(&g->random, 2)) return vyre_build_len(generate_at(g), output->id);
  }
  if (g->stream == VYRE_PARAM_NONE) return vyre_build_leaf(generate_at(g), VYRE_EXPR_STREAM_OFFSET);
  return vyre_build_len(generate_at(g), g->stream);
}

static vyre_expr_id_t leaf(generator_t *g, vyre_type_t type) {
  if (!random_once_in(&g->random, 4)) {
    vyre_expr_id_t var = variable(g, type);
    if (var) return var;
  }
  if (type == VYRE_TYPE_BOOL && random_once_in(&g->random, 2))
    return vyre_build_leaf(generate_at(g), VYRE_EXPR_IS_LAST);
  if (type == VYRE_TYPE_U64 && random_once_in(&g->random, 2)) {
    if (random_once_in(&g->random, 2)) return vyre_build_leaf(generate_at(g), VYRE_EXPR_STREAM_OFFSET);
    return length(g);
  }
  return constant(g, type);
}

/* Something near a loop variable: outside of the stream in few iterations, or in many. */
static vyre_expr_id_t near(generator_t *g, const generate_var_t *var) {
  static const vyre_expr_op_t ops[] = {VYRE_EXPR_ADD, VYRE_EXPR_ADD, VYRE_EXPR_SUB, VYRE_EXPR_MUL, VYRE_EXPR_XOR};
  vyre_expr_id_t index = vyre_build_var(generate_at(g), var->id);
  vyre_expr_id_t offset = vyre_build_const(generate_at(g), var->type, 1 + random_below(&g->random, 8));
  return vyre_build_binary(generate_at(g), ops[random_below(&g->random, 5)], index, offset);
}

/* An index into the stream, or 0 when there is no safe one and no unsafe choice is made. */
static vyre_expr_id_t stream_index(generator_t *g, uint32_t depth) {
  bool is_unsafe = generate_unsafe(g);
  for (uint32_t i = g->var_count; i-- > 0;) {
    if (!g->vars[i].is_in_stream) continue;
    if (!is_unsafe) return vyre_build_var(generate_at(g), g->vars[i].id);
    if (!random_once_in(&g->random, 3)) return near(g, &g->vars[i]);
  }
  if (!is_unsafe) return 0;
  if (random_once_in(&g->random, 2))
    return vyre_build_const(generate_at(g), VYRE_TYPE_U64, random_below(&g->random, 64));
  return generate_expr(g, generate_unsigned_type(g), depth);
}

static vyre_expr_id_t load(generator_t *g, vyre_type_t type, uint32_t depth) {
  if (g->stream == VYRE_PARAM_NONE) return leaf(g, type);
  vyre_expr_id_t index = stream_index(g, depth);
  if (!index) return leaf(g, type);
  vyre_expr_id_t value = vyre_build_load(generate_at(g), g->stream, index);
  return g->stream_type == type ? value : vyre_build_cast(generate_at(g), type, value);
}

vyre_expr_id_t generate_index(generator_t *g, uint32_t count) {
  if (generate_unsafe(g)) return generate_expr(g, generate_unsigned_type(g), 2);
  if (count >= 256 && random_once_in(&g->random, 2)) return generate_expr(g, VYRE_TYPE_U8, 3);
  vyre_type_t type = random_once_in(&g->random, 2) ? VYRE_TYPE_U32 : VYRE_TYPE_U64;
  vyre_expr_id_t value = generate_expr(g, type, 3);
  vyre_expr_id_t bound = vyre_build_const(generate_at(g), type, count);
  return vyre_build_binary(generate_at(g), VYRE_EXPR_REM, value, bound);
}

static vyre_expr_id_t division(generator_t *g, vyre_type_t type, uint32_t depth) {
  vyre_expr_op_t op = random_once_in(&g->random, 2) ? VYRE_EXPR_DIV : VYRE_EXPR_REM;
  vyre_expr_id_t left = generate_expr(g, type, depth);
  vyre_expr_id_t right = generate_expr(g, type, depth);
  bool is_unsafe = generate_unsafe(g);
  if (!is_unsafe || random_once_in(&g->random, 2)) { /* never 0, or 0 now and then */
    vyre_expr_id_t bits = vyre_build_const(generate_at(g), type, is_unsafe ? 63 : 1);
    right = vyre_build_binary(generate_at(g), is_unsafe ? VYRE_EXPR_AND : VYRE_EXPR_OR, right, bits);
  }
  return vyre_build_binary(generate_at(g), op, left, right);
}

static vyre_expr_id_t select_of(generator_t *g, vyre_type_t type, uint32_t depth) {
  vyre_expr_id_t condition = generate_expr(g, VYRE_TYPE_BOOL, depth);
  vyre_expr_id_t yes = generate_expr(g, type, depth);
  vyre_expr_id_t no = generate_expr(g, type, depth);
  return vyre_build_select(generate_at(g), condition, yes, no);
}

static vyre_expr_id_t cast(generator_t *g, vyre_type_t type, uint32_t depth) {
  vyre_expr_id_t value = generate_expr(g, generate_type(g), depth);
  return vyre_build_cast(generate_at(g), type, value);
}

static vyre_expr_id_t binary(generator_t *g, vyre_expr_op_t op, vyre_type_t type, uint32_t depth) {
  vyre_expr_id_t left = generate_expr(g, type, depth);
  vyre_expr_id_t right = generate_expr(g, type, depth);
  return vyre_build_binary(generate_at(g), op, left, right);
}

static vyre_expr_id_t bool_expr(generator_t *g, uint32_t depth) {
  static const vyre_expr_op_t logic[] = {VYRE_EXPR_LOGICAL_AND, VYRE_EXPR_LOGICAL_OR, VYRE_EXPR_AND, VYRE_EXPR_OR,
                                         VYRE_EXPR_XOR};
  switch (random_below(&g->random, 10)) {
    case 0: return select_of(g, VYRE_TYPE_BOOL, depth);
    case 1: return cast(g, VYRE_TYPE_BOOL, depth);
    case 2: {
      vyre_expr_id_t value = generate_expr(g, VYRE_TYPE_BOOL, depth);
      return vyre_build_unary(generate_at(g), VYRE_EXPR_LOGICAL_NOT, value);
    }
    case 3:
    case 4:
    case 5: return binary(g, logic[random_below(&g->random, 5)], VYRE_TYPE_BOOL, depth);
    default: {
      vyre_type_t type = generate_type(g);
      uint32_t ops = type == VYRE_TYPE_BOOL ? 2 : VYRE_EXPR_GE - VYRE_EXPR_EQ + 1; /* bool: == and != only */
      return binary(g, (vyre_expr_op_t)(VYRE_EXPR_EQ + random_below(&g->random, ops)), type, depth);
    }
  }
}

static vyre_expr_id_t integer_expr(generator_t *g, vyre_type_t type, uint32_t depth) {
  static const vyre_expr_op_t ops[] = {VYRE_EXPR_ADD, VYRE_EXPR_ADD, VYRE_EXPR_SUB, VYRE_EXPR_MUL,
                                       VYRE_EXPR_AND, VYRE_EXPR_OR,  VYRE_EXPR_XOR, VYRE_EXPR_SHL,
                                       VYRE_EXPR_SHR, VYRE_EXPR_MIN, VYRE_EXPR_MAX};
  switch (random_below(&g->random, 12)) {
    case 0: return select_of(g, type, depth);
    case 1:
    case 2: return cast(g, type, depth);
    case 3:
    case 4: return load(g, type, depth);
    case 5: return division(g, type, depth);
    case 6: {
      static const vyre_expr_op_t unary[] = {VYRE_EXPR_NEG, VYRE_EXPR_NOT, VYRE_EXPR_POPCOUNT, VYRE_EXPR_CTZ};
      vyre_expr_id_t value = generate_expr(g, type, depth);
      return vyre_build_unary(generate_at(g), unary[random_below(&g->random, 4)], value);
    }
    default: return binary(g, ops[random_below(&g->random, sizeof ops / sizeof *ops)], type, depth);
  }
}

/* One long arm and short ones beside it, so that depth costs few nodes. */
static vyre_expr_id_t chain(generator_t *g, vyre_type_t type, uint32_t depth) {
  vyre_expr_id_t value = leaf(g, type);
  for (uint32_t i = 1; i < depth; i++) {
    vyre_expr_op_t op = type == VYRE_TYPE_BOOL ? VYRE_EXPR_LOGICAL_NOT : VYRE_EXPR_NEG;
    if (random_once_in(&g->random, 4)) {
      value = vyre_build_unary(generate_at(g), op, value);
    } else {
      vyre_expr_id_t other = leaf(g, type);
      op = type == VYRE_TYPE_BOOL ? VYRE_EXPR_XOR : random_once_in(&g->random, 2) ? VYRE_EXPR_SUB : VYRE_EXPR_MUL;
      bool swap = random_once_in(&g->random, 2);
      value = vyre_build_binary(generate_at(g), op, swap ? other : value, swap ? value : other);
    }
  }
  return value;
}

vyre_expr_id_t generate_expr(generator_t *g, vyre_type_t type, uint32_t depth) {
  if (depth <= 1 || random_once_in(&g->random, 5)) return leaf(g, type);
  if (depth > 8) return chain(g, type, depth);
  if (type == VYRE_TYPE_BOOL) return bool_expr(g, depth - 1);
  return integer_expr(g, type, depth - 1);
}
