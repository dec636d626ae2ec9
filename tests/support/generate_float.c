/* Values of floating point, with corners in all of them; halfs and vectors, which are moved only. */
#include "support/generate_state.h"

vyre_expr_id_t generate_float_const(generator_t *g, vyre_type_t type) {
  bool is_wide = type == VYRE_TYPE_F64;
  unsigned mantissa = is_wide ? 52 : 23;
  uint64_t sign = UINT64_C(1) << (vyre_type_bits(type) - 1);
  uint64_t infinity = (is_wide ? UINT64_C(0x7FF) : UINT64_C(0xFF)) << mantissa;
  uint64_t quiet = UINT64_C(1) << (mantissa - 1), one = infinity / 2 & ~(quiet * 2 - 1) & infinity, value;
  switch (random_below(&g->random, 11)) {
    case 0: value = 0; break;
    case 1: value = one; break;
    case 2: value = infinity | quiet; break; /* the one NaN there is */
    case 3: value = infinity; break;
    case 4: value = infinity - 1; break;                                               /* the largest */
    case 5: value = 1 + random_below(&g->random, 3); break;                            /* denormals */
    case 6: value = (UINT64_C(1) << mantissa) - random_below(&g->random, 2); break;    /* at their end */
    case 7: value = one + ((uint64_t)random_below(&g->random, 40) << mantissa); break; /* 2^k */
    case 8: value = one - ((uint64_t)random_below(&g->random, 40) << mantissa) + quiet; break;
    case 9: value = one + (uint64_t)random_below(&g->random, 64) * quiet / 4; break; /* small, with a fraction */
    default: value = random_next(&g->random) & vyre_type_mask(type) & ~sign; break;
  }
  if ((value & ~sign) > infinity) return vyre_build_const(generate_at(g), type, infinity | quiet);
  return vyre_build_const(generate_at(g), type, random_once_in(&g->random, 3) ? value | sign : value);
}

static vyre_expr_id_t unary(generator_t *g, vyre_type_t type, uint32_t depth) {
  static const vyre_expr_op_t ops[] = {VYRE_EXPR_NEG,   VYRE_EXPR_ABS,  VYRE_EXPR_SQRT, VYRE_EXPR_FLOOR, VYRE_EXPR_CEIL,
                                       VYRE_EXPR_TRUNC, VYRE_EXPR_RINT, VYRE_EXPR_EXP,  VYRE_EXPR_EXP2,  VYRE_EXPR_LOG,
                                       VYRE_EXPR_LOG2,  VYRE_EXPR_SIN,  VYRE_EXPR_COS};
  enum { EXACT = 7 };
  uint32_t count = sizeof ops / sizeof *ops;
  if (generate_lacks(g, GENERATE_LACKS_LIBM)) count = EXACT;
  if (generate_lacks(g, GENERATE_LACKS_OPS)) count = 1;
  vyre_expr_id_t value = generate_expr(g, type, depth);
  return vyre_build_unary(generate_at(g), ops[random_below(&g->random, count)], value);
}

vyre_expr_id_t generate_float_expr(generator_t *g, vyre_type_t type, uint32_t depth) {
  static const vyre_expr_op_t ops[] = {VYRE_EXPR_ADD, VYRE_EXPR_SUB, VYRE_EXPR_MUL, VYRE_EXPR_DIV,
                                       VYRE_EXPR_MIN, VYRE_EXPR_MAX, VYRE_EXPR_POW};
  uint32_t kind = random_below(&g->random, 8);
  bool has_ops = !generate_lacks(g, GENERATE_LACKS_OPS);
  if (kind < 3) return unary(g, type, depth);
  vyre_expr_id_t left = generate_expr(g, type, depth);
  vyre_expr_id_t right = generate_expr(g, type, depth);
  if (kind == 3 && has_ops) {
    vyre_expr_id_t third = generate_expr(g, type, depth);
    return vyre_build_fma(generate_at(g), left, right, third);
  }
  /* POW is dear. */
  uint32_t count = has_ops && random_once_in(&g->random, 3) ? 7 : 6;
  if (generate_lacks(g, GENERATE_LACKS_LIBM)) count = 6;
  return vyre_build_binary(generate_at(g), ops[random_below(&g->random, count)], left, right);
}

vyre_expr_id_t generate_moved_expr(generator_t *g, vyre_type_t type, uint32_t depth) {
  if (vyre_type_kind(type) == VYRE_KIND_HALF) {
    vyre_type_t from = random_once_in(&g->random, 2) ? VYRE_TYPE_F32 : VYRE_TYPE_F64;
    vyre_expr_id_t value = generate_expr(g, from, depth);
    return vyre_build_cast(generate_at(g), type, value);
  }
  vyre_expr_id_t parts[4];
  for (unsigned i = 0; i < vyre_type_bits(type) / 32; i++) parts[i] = generate_expr(g, VYRE_TYPE_U32, depth);
  return vyre_build_vector(generate_at(g), type, parts);
}
