/* Bools and integers, and what is of any type: leaves, casts, selections. */
#include "support/generate_state.h"

enum { DEEP_EXPR_MAX = VYRE_LIMIT_DEPTH - 24 }; /* room for the nodes that are put around an expression */

/* ---- types ---- */

vyre_type_t generate_integer_type(generator_t *g) { return (vyre_type_t)(VYRE_TYPE_U8 + random_below(&g->random, 8)); }

vyre_type_t generate_unsigned_type(generator_t *g) { return (vyre_type_t)(VYRE_TYPE_U8 + random_below(&g->random, 4)); }

vyre_type_t generate_word_type(generator_t *g) {
  static const vyre_type_t types[] = {VYRE_TYPE_U32, VYRE_TYPE_U64, VYRE_TYPE_I32, VYRE_TYPE_I64};
  return types[random_below(&g->random, 4)];
}

static vyre_type_t float_type(generator_t *g) { return random_once_in(&g->random, 2) ? VYRE_TYPE_F32 : VYRE_TYPE_F64; }

vyre_type_t generate_reducible_type(generator_t *g) {
  bool is_float = random_once_in(&g->random, g->options.float_heavy ? 2 : 4) && !generate_lacks(g, VYRE_NEEDS_FLOATS);
  return is_float ? float_type(g) : generate_word_type(g);
}

/* A type of floating point or a vector now and then; VOID: neither. */
static vyre_type_t odd_type(generator_t *g) {
  uint32_t kind = random_below(&g->random, 16), floats = g->options.float_heavy ? 9 : 4;
  if (kind < floats && !generate_lacks(g, VYRE_NEEDS_FLOATS)) return float_type(g);
  if (kind == 9 && !generate_lacks(g, VYRE_NEEDS_FLOATS))
    return random_once_in(&g->random, 2) ? VYRE_TYPE_F16 : VYRE_TYPE_BF16;
  if (kind == 10 && !generate_lacks(g, VYRE_NEEDS_VECTORS))
    return random_once_in(&g->random, 2) ? VYRE_TYPE_U32X2 : VYRE_TYPE_U32X4;
  return VYRE_TYPE_VOID;
}

vyre_type_t generate_memory_type(generator_t *g) {
  vyre_type_t type = odd_type(g);
  return type ? type : generate_integer_type(g);
}

vyre_type_t generate_type(generator_t *g) {
  vyre_type_t type = odd_type(g);
  return type ? type : (vyre_type_t)(VYRE_TYPE_BOOL + random_below(&g->random, 9));
}

uint32_t generate_expr_depth(generator_t *g) {
  if (g->options.deep_nesting && random_once_in(&g->random, 8))
    return 20 + random_below(&g->random, DEEP_EXPR_MAX - 20);
  return 1 + random_below(&g->random, 5);
}

/* ---- leaves ---- */

/* Corners of the type more often than not. */
static vyre_expr_id_t constant(generator_t *g, vyre_type_t type) {
  unsigned bits = vyre_type_bits(type);
  uint64_t sign = UINT64_C(1) << (bits - 1), value;
  if (vyre_type_is_float(type)) return generate_float_const(g, type);
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

/* A variable of `type` in scope that may stand here, or 0. */
static vyre_expr_id_t variable(generator_t *g, vyre_type_t type) {
  if (g->var_count == 0) return 0;
  uint32_t start = random_below(&g->random, g->var_count);
  for (uint32_t i = 0; i < g->var_count; i++) {
    const generate_var_t *var = &g->vars[(start + i) % g->var_count];
    if (var->type == type && generate_level_fits(g, var->level)) return vyre_build_var(generate_at(g), var->id);
  }
  return 0;
}

static vyre_expr_id_t scalar(generator_t *g, vyre_type_t type) {
  uint32_t start = g->scalar_count ? random_below(&g->random, g->scalar_count) : 0;
  for (uint32_t i = 0; i < g->scalar_count; i++) {
    const struct generate_scalar *scalar = &g->scalars[(start + i) % g->scalar_count];
    if (scalar->type == type) return vyre_build_param_value(generate_at(g), VYRE_EXPR_SCALAR, scalar->id);
  }
  return 0;
}

static vyre_expr_id_t length(generator_t *g) {
  uint32_t start = random_below(&g->random, g->output_count);
  for (uint32_t i = 0; i < g->output_count; i++) {
    const generate_output_t *output = &g->outputs[(start + i) % g->output_count];
    if (output->count && random_once_in(&g->random, 2)) return vyre_build_len(generate_at(g), output->id);
  }
  if (g->buffer_count && random_once_in(&g->random, 2)) {
    const generate_buffer_t *buffer = &g->buffers[random_below(&g->random, g->buffer_count)];
    if (buffer->role == VYRE_ROLE_CONSTANT || buffer->count || g->reach != GENERATE_PURE)
      return vyre_build_len(generate_at(g), buffer->id);
  }
  if (g->reach == GENERATE_PURE) return constant(g, VYRE_TYPE_U64);
  if (g->stream == VYRE_PARAM_NONE) return vyre_build_leaf(generate_at(g), VYRE_EXPR_STREAM_OFFSET);
  return vyre_build_len(generate_at(g), g->stream);
}

/* Who and where this lane is. */
static vyre_expr_id_t position(generator_t *g) {
  static const vyre_expr_op_t ops[] = {VYRE_EXPR_LANE, VYRE_EXPR_SUBGROUP_LANE, VYRE_EXPR_SUBGROUP,
                                       VYRE_EXPR_WORKGROUP_SIZE};
  static const vyre_level_t levels[] = {VYRE_LEVEL_LANE, VYRE_LEVEL_LANE, VYRE_LEVEL_SUBGROUP, VYRE_LEVEL_WORKGROUP};
  uint32_t first = g->reach == GENERATE_ANY ? random_below(&g->random, 4) : 3;
  while (!generate_level_fits(g, levels[first])) first++;
  return vyre_build_leaf(generate_at(g), ops[first]);
}

/* What finish sees of an output. */
static vyre_expr_id_t reduced(generator_t *g, vyre_type_t type) {
  uint32_t start = random_below(&g->random, g->output_count);
  for (uint32_t i = 0; i < g->output_count; i++) {
    const generate_output_t *output = &g->outputs[(start + i) % g->output_count];
    bool is_read = vyre_reducer_is_commutative(output->reducer) || output->reducer == VYRE_REDUCER_COMBINE;
    if (!is_read || output->type != type) continue;
    if (output->count == 0) return vyre_build_param_value(generate_at(g), VYRE_EXPR_OUTPUT, output->id);
    vyre_expr_id_t index = generate_unsafe(g)
                               ? generate_expr(g, VYRE_TYPE_U16, 2)
                               : generate_number(g, VYRE_TYPE_U32, random_below(&g->random, output->count));
    return vyre_build_output_at(generate_at(g), output->id, index);
  }
  return 0;
}

vyre_expr_id_t generate_leaf(generator_t *g, vyre_type_t type) {
  vyre_expr_id_t found = 0;
  bool has_ops = !generate_lacks(g, GENERATE_LACKS_OPS);
  if (g->place == GENERATE_FINISH && random_once_in(&g->random, 2)) found = reduced(g, type);
  if (!found && !random_once_in(&g->random, 4)) found = variable(g, type);
  if (!found && random_once_in(&g->random, 3)) found = scalar(g, type);
  if (found) return found;
  bool sees_chunk = g->reach != GENERATE_PURE;
  if (type == VYRE_TYPE_BOOL && sees_chunk && random_once_in(&g->random, 2))
    return vyre_build_leaf(generate_at(g), VYRE_EXPR_IS_LAST);
  if (type == VYRE_TYPE_U64 && random_once_in(&g->random, 2)) {
    if (sees_chunk && random_once_in(&g->random, 2)) return vyre_build_leaf(generate_at(g), VYRE_EXPR_STREAM_OFFSET);
    return length(g);
  }
  if (type == VYRE_TYPE_U32 && has_ops && random_once_in(&g->random, g->lanes > 1 ? 2 : 6)) return position(g);
  if (type == VYRE_TYPE_I64 && g->has_halo && sees_chunk && random_once_in(&g->random, 2))
    return vyre_build_leaf(generate_at(g), random_once_in(&g->random, 2) ? VYRE_EXPR_HALO_LEFT : VYRE_EXPR_HALO_RIGHT);
  vyre_type_kind_t kind = vyre_type_kind(type);
  if (kind == VYRE_KIND_HALF || kind == VYRE_KIND_VECTOR) return generate_moved_expr(g, type, 0);
  return constant(g, type);
}

/* ---- what is of any type ---- */

vyre_expr_id_t generate_index(generator_t *g, uint32_t count) {
  if (generate_unsafe(g)) return generate_expr(g, generate_unsigned_type(g), 2);
  if (count >= 256 && random_once_in(&g->random, 2)) return generate_expr(g, VYRE_TYPE_U8, 3);
  vyre_type_t type = random_once_in(&g->random, 2) ? VYRE_TYPE_U32 : VYRE_TYPE_U64;
  vyre_expr_id_t value = generate_expr(g, type, 3);
  vyre_expr_id_t bound = generate_number(g, type, count);
  return vyre_build_binary(generate_at(g), VYRE_EXPR_REM, value, bound);
}

/* From a float to a half the one way there is, from a vector by one of its parts. */
vyre_expr_id_t generate_cast(generator_t *g, vyre_type_t type, vyre_expr_id_t value) {
  vyre_type_t from = g->builder.program ? (vyre_type_t)g->builder.program->exprs[value].type : type;
  if (from == type) return value;
  if (vyre_type_kind(type) == VYRE_KIND_VECTOR) {
    vyre_expr_id_t parts[4];
    parts[0] = generate_cast(g, VYRE_TYPE_U32, value);
    for (unsigned i = 1; i < 4; i++) parts[i] = generate_number(g, VYRE_TYPE_U32, i);
    return vyre_build_vector(generate_at(g), type, parts);
  }
  if (vyre_type_kind(from) == VYRE_KIND_VECTOR) {
    value = vyre_build_part(generate_at(g), value, random_below(&g->random, vyre_type_bits(from) / 32));
    from = VYRE_TYPE_U32;
    if (from == type) return value;
  }
  /* A conversion to an integer hides the last bits of a float. */
  bool is_seen = vyre_type_is_float(from) && vyre_type_is_integer(type) && !generate_lacks(g, GENERATE_LACKS_OPS);
  if (is_seen && random_once_in(&g->random, 2)) {
    from = from == VYRE_TYPE_F32 ? VYRE_TYPE_U32 : VYRE_TYPE_U64;
    value = vyre_build_bitcast(generate_at(g), from, value);
    if (from == type) return value;
  }
  bool is_half = vyre_type_kind(from) == VYRE_KIND_HALF || vyre_type_kind(type) == VYRE_KIND_HALF;
  if (is_half && !vyre_type_is_float(from) && !vyre_type_is_float(type))
    value = vyre_build_cast(generate_at(g), random_once_in(&g->random, 2) ? VYRE_TYPE_F32 : VYRE_TYPE_F64, value);
  return vyre_build_cast(generate_at(g), type, value);
}

static vyre_expr_id_t cast(generator_t *g, vyre_type_t type, uint32_t depth) {
  vyre_expr_id_t value = generate_expr(g, generate_type(g), depth);
  return generate_cast(g, type, value);
}

/* A scalar type of so many bits. */
static vyre_type_t type_of_width(generator_t *g, unsigned bits) {
  vyre_type_t type;
  do {
    type = (vyre_type_t)(VYRE_TYPE_U8 + random_below(&g->random, VYRE_TYPE_BF16 + 1 - VYRE_TYPE_U8));
  } while (vyre_type_bits(type) != bits || (!vyre_type_is_integer(type) && generate_lacks(g, VYRE_NEEDS_FLOATS)));
  return type;
}

/* The bits of another type of the same width. */
static vyre_expr_id_t bitcast(generator_t *g, vyre_type_t type, uint32_t depth) {
  bool fits = vyre_type_is_scalar(type) && type != VYRE_TYPE_BOOL && !generate_lacks(g, GENERATE_LACKS_OPS);
  if (!fits) return cast(g, type, depth);
  vyre_expr_id_t value = generate_expr(g, type_of_width(g, vyre_type_bits(type)), depth);
  return vyre_build_bitcast(generate_at(g), type, value);
}

static vyre_expr_id_t select_of(generator_t *g, vyre_type_t type, uint32_t depth) {
  vyre_expr_id_t condition = generate_expr(g, VYRE_TYPE_BOOL, depth);
  vyre_expr_id_t yes = generate_expr(g, type, depth);
  vyre_expr_id_t no = generate_expr(g, type, depth);
  return vyre_build_select(generate_at(g), condition, yes, no);
}

/* Ways to a value that all types share; 0 when this one leads nowhere. */
static vyre_expr_id_t common_expr(generator_t *g, vyre_type_t type, uint32_t depth) {
  switch (random_below(&g->random, 14)) {
    case 0: return select_of(g, type, depth);
    case 1: return bitcast(g, type, depth);
    case 2: return cast(g, type, depth);
    case 3:
    case 4: return generate_load(g, type, depth);
    case 5: return random_once_in(&g->random, 2) ? generate_call(g, type, depth) : 0;
    case 6: return random_once_in(&g->random, 2) ? generate_atomic_value(g, type, depth) : 0;
    default: return 0;
  }
}

/* ---- bools and integers ---- */

static vyre_expr_id_t division(generator_t *g, vyre_type_t type, uint32_t depth) {
  vyre_expr_op_t op = random_once_in(&g->random, 2) ? VYRE_EXPR_DIV : VYRE_EXPR_REM;
  vyre_expr_id_t left = generate_expr(g, type, depth);
  vyre_expr_id_t right = generate_expr(g, type, depth);
  bool is_unsafe = generate_unsafe(g);
  if (!is_unsafe || random_once_in(&g->random, 2)) { /* never 0, or 0 now and then */
    vyre_expr_id_t bits = generate_number(g, type, is_unsafe ? 63 : 1);
    right = vyre_build_binary(generate_at(g), is_unsafe ? VYRE_EXPR_AND : VYRE_EXPR_OR, right, bits);
  }
  return vyre_build_binary(generate_at(g), op, left, right);
}

static vyre_expr_id_t binary(generator_t *g, vyre_expr_op_t op, vyre_type_t type, uint32_t depth) {
  vyre_expr_id_t left = generate_expr(g, type, depth);
  vyre_expr_id_t right = generate_expr(g, type, depth);
  return vyre_build_binary(generate_at(g), op, left, right);
}

static vyre_expr_id_t comparison(generator_t *g, uint32_t depth) {
  vyre_type_t type = generate_type(g);
  if (!vyre_type_fits(type, VYRE_ON_SCALAR)) type = generate_integer_type(g);
  uint32_t ops = type == VYRE_TYPE_BOOL ? 2 : VYRE_EXPR_GE - VYRE_EXPR_EQ + 1; /* bool: == and != only */
  return binary(g, (vyre_expr_op_t)(VYRE_EXPR_EQ + random_below(&g->random, ops)), type, depth);
}

static vyre_expr_id_t bool_expr(generator_t *g, uint32_t depth) {
  static const vyre_expr_op_t logic[] = {VYRE_EXPR_LOGICAL_AND, VYRE_EXPR_LOGICAL_OR, VYRE_EXPR_AND, VYRE_EXPR_OR,
                                         VYRE_EXPR_XOR};
  uint32_t kind = random_below(&g->random, 8);
  if (kind == 0) {
    vyre_expr_id_t value = generate_expr(g, VYRE_TYPE_BOOL, depth);
    return vyre_build_unary(generate_at(g), VYRE_EXPR_LOGICAL_NOT, value);
  }
  return kind < 4 ? binary(g, logic[random_below(&g->random, 5)], VYRE_TYPE_BOOL, depth) : comparison(g, depth);
}

static vyre_expr_id_t integer_unary(generator_t *g, vyre_type_t type, uint32_t depth) {
  static const vyre_expr_op_t ops[] = {VYRE_EXPR_NEG, VYRE_EXPR_NOT,         VYRE_EXPR_POPCOUNT,  VYRE_EXPR_CTZ,
                                       VYRE_EXPR_CLZ, VYRE_EXPR_BIT_REVERSE, VYRE_EXPR_BYTE_SWAP, VYRE_EXPR_ABS};
  vyre_expr_id_t value = generate_expr(g, type, depth);
  return vyre_build_unary(generate_at(g), ops[random_below(&g->random, generate_lacks(g, GENERATE_LACKS_OPS) ? 4 : 8)],
                          value);
}

static vyre_expr_id_t integer_expr(generator_t *g, vyre_type_t type, uint32_t depth) {
  static const vyre_expr_op_t ops[] = {VYRE_EXPR_ADD, VYRE_EXPR_ADD, VYRE_EXPR_SUB, VYRE_EXPR_MUL,
                                       VYRE_EXPR_AND, VYRE_EXPR_OR,  VYRE_EXPR_XOR, VYRE_EXPR_SHL,
                                       VYRE_EXPR_SHR, VYRE_EXPR_MIN, VYRE_EXPR_MAX};
  uint32_t kind = random_below(&g->random, 9);
  if (kind == 0) return division(g, type, depth);
  if (kind < 3) return integer_unary(g, type, depth);
  if (kind == 3 && !generate_lacks(g, GENERATE_LACKS_OPS)) /* ADD_SAT .. ABS_DIFF */
    return binary(g, (vyre_expr_op_t)(VYRE_EXPR_ADD_SAT + random_below(&g->random, 6)), type, depth);
  if (kind == 4 && type == VYRE_TYPE_U32 && !generate_lacks(g, VYRE_NEEDS_VECTORS)) {
    vyre_type_t from = random_once_in(&g->random, 2) ? VYRE_TYPE_U32X2 : VYRE_TYPE_U32X4;
    vyre_expr_id_t vector = generate_expr(g, from, depth);
    return vyre_build_part(generate_at(g), vector, random_below(&g->random, vyre_type_bits(from) / 32));
  }
  return binary(g, ops[random_below(&g->random, sizeof ops / sizeof *ops)], type, depth);
}

/* One long arm and short ones beside it, so that depth costs few nodes. */
static vyre_expr_id_t chain(generator_t *g, vyre_type_t type, uint32_t depth) {
  vyre_expr_id_t value = generate_leaf(g, type);
  for (uint32_t i = 1; i < depth; i++) {
    vyre_expr_op_t op = type == VYRE_TYPE_BOOL ? VYRE_EXPR_LOGICAL_NOT : VYRE_EXPR_NEG;
    if (random_once_in(&g->random, 4)) {
      value = vyre_build_unary(generate_at(g), op, value);
    } else {
      vyre_expr_id_t other = generate_leaf(g, type);
      op = type == VYRE_TYPE_BOOL ? VYRE_EXPR_XOR : random_once_in(&g->random, 2) ? VYRE_EXPR_SUB : VYRE_EXPR_MUL;
      bool swap = random_once_in(&g->random, 2);
      value = vyre_build_binary(generate_at(g), op, swap ? other : value, swap ? value : other);
    }
  }
  return value;
}

vyre_expr_id_t generate_expr(generator_t *g, vyre_type_t type, uint32_t depth) {
  if (depth <= 1 || random_once_in(&g->random, 5)) return generate_leaf(g, type);
  vyre_type_kind_t kind = vyre_type_kind(type);
  bool is_moved = kind == VYRE_KIND_HALF || kind == VYRE_KIND_VECTOR;
  if (depth > 8 && !is_moved) return chain(g, type, depth);
  if (depth > 8) depth = 8;
  vyre_expr_id_t value = common_expr(g, type, depth - 1);
  if (value) return value;
  if (is_moved) return generate_moved_expr(g, type, depth - 1);
  if (kind == VYRE_KIND_FLOAT) return generate_float_expr(g, type, depth - 1);
  return type == VYRE_TYPE_BOOL ? bool_expr(g, depth - 1) : integer_expr(g, type, depth - 1);
}

vyre_expr_id_t generate_expr_at(generator_t *g, vyre_level_t level, vyre_type_t type, uint32_t depth) {
  vyre_level_t ceiling = g->ceiling;
  if (level < g->ceiling) g->ceiling = level;
  vyre_expr_id_t value = generate_expr(g, type, depth);
  g->ceiling = ceiling;
  return value;
}
