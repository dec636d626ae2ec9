#include "ir/rules.h"

/* The notation of rules.def: a node is its op and what follows. */
#define X VYRE_TERM_X
#define Y VYRE_TERM_Y
#define Z VYRE_TERM_Z
#define V VYRE_TERM_V
#define W VYRE_TERM_W
#define C VYRE_TERM_C
#define D VYRE_TERM_D
#define ZERO VYRE_TERM_ZERO
#define ONE VYRE_TERM_ONE
#define MINUS_ONE VYRE_TERM_MINUS_ONE
#define MINUS_ZERO VYRE_TERM_MINUS_ZERO
#define HIGHEST VYRE_TERM_HIGHEST
#define LOWEST VYRE_TERM_LOWEST
#define TRUE VYRE_TERM_TRUE
#define FALSE VYRE_TERM_FALSE
#define COUNT_MASK VYRE_TERM_COUNT_MASK

#define NEG(a) VYRE_EXPR_NEG, a
#define NOT(a) VYRE_EXPR_NOT, a
#define LOGICAL_NOT(a) VYRE_EXPR_LOGICAL_NOT, a
#define CTZ(a) VYRE_EXPR_CTZ, a
#define BIT_REVERSE(a) VYRE_EXPR_BIT_REVERSE, a
#define BYTE_SWAP(a) VYRE_EXPR_BYTE_SWAP, a
#define ABS(a) VYRE_EXPR_ABS, a
#define FLOOR(a) VYRE_EXPR_FLOOR, a
#define CEIL(a) VYRE_EXPR_CEIL, a
#define TRUNC(a) VYRE_EXPR_TRUNC, a
#define RINT(a) VYRE_EXPR_RINT, a
#define CAST(a) VYRE_EXPR_CAST, a
#define BITCAST(a) VYRE_EXPR_BITCAST, a
#define PART(number, a) VYRE_EXPR_PART, number, a
#define ADD(a, b) VYRE_EXPR_ADD, a, b
#define SUB(a, b) VYRE_EXPR_SUB, a, b
#define MUL(a, b) VYRE_EXPR_MUL, a, b
#define DIV(a, b) VYRE_EXPR_DIV, a, b
#define REM(a, b) VYRE_EXPR_REM, a, b
#define AND(a, b) VYRE_EXPR_AND, a, b
#define OR(a, b) VYRE_EXPR_OR, a, b
#define XOR(a, b) VYRE_EXPR_XOR, a, b
#define SHL(a, b) VYRE_EXPR_SHL, a, b
#define SHR(a, b) VYRE_EXPR_SHR, a, b
#define ROTL(a, b) VYRE_EXPR_ROTL, a, b
#define ROTR(a, b) VYRE_EXPR_ROTR, a, b
#define MIN(a, b) VYRE_EXPR_MIN, a, b
#define MAX(a, b) VYRE_EXPR_MAX, a, b
#define ADD_SAT(a, b) VYRE_EXPR_ADD_SAT, a, b
#define SUB_SAT(a, b) VYRE_EXPR_SUB_SAT, a, b
#define ABS_DIFF(a, b) VYRE_EXPR_ABS_DIFF, a, b
#define MULHIGH(a, b) VYRE_EXPR_MULHIGH, a, b
#define EQ(a, b) VYRE_EXPR_EQ, a, b
#define NE(a, b) VYRE_EXPR_NE, a, b
#define LT(a, b) VYRE_EXPR_LT, a, b
#define LE(a, b) VYRE_EXPR_LE, a, b
#define GT(a, b) VYRE_EXPR_GT, a, b
#define GE(a, b) VYRE_EXPR_GE, a, b
#define LOGICAL_AND(a, b) VYRE_EXPR_LOGICAL_AND, a, b
#define LOGICAL_OR(a, b) VYRE_EXPR_LOGICAL_OR, a, b
#define SELECT(a, b, c) VYRE_EXPR_SELECT, a, b, c
#define MAKE2(a, b) VYRE_EXPR_MAKE2, a, b

enum {
  ON_UNSIGNED = 1 << VYRE_KIND_UNSIGNED,
  ON_SIGNED = 1 << VYRE_KIND_SIGNED,
  ON_INTEGER = ON_UNSIGNED | ON_SIGNED,
  ON_FLOAT = 1 << VYRE_KIND_FLOAT,
  ON_NUMBER = ON_INTEGER | ON_FLOAT,
  ON_BOOL = 1 << VYRE_KIND_BOOL,
  ON_BITS = ON_INTEGER | ON_BOOL,
  ON_ANY = ON_NUMBER | ON_BOOL | 1 << VYRE_KIND_HALF | 1 << VYRE_KIND_VECTOR,
};

const vyre_rule_t vyre_rules[] = {
#define VYRE_COMMUTES(name)
#define VYRE_RULE(on, pattern, replacement, when) \
  {#pattern, ON_##on, VYRE_WHEN_##when, {pattern, VYRE_TERM_END}, {replacement, VYRE_TERM_END}},
#include "ir/rules.def"
#undef VYRE_COMMUTES
#undef VYRE_RULE
};
const uint32_t vyre_rule_count = sizeof vyre_rules / sizeof *vyre_rules;

bool vyre_expr_commutes(vyre_expr_op_t op) {
  switch (op) {
#define VYRE_COMMUTES(name) case VYRE_EXPR_##name:
#define VYRE_RULE(on, pattern, replacement, when)
#include "ir/rules.def"
#undef VYRE_COMMUTES
#undef VYRE_RULE
    return true;
    default: return false;
  }
}

static bool integer_value(vyre_term_t term, vyre_type_t type, uint64_t *out_value) {
  uint64_t mask = vyre_type_mask(type), half = mask >> 1;
  bool is_signed = vyre_type_is_signed(type);
  switch (term) {
    case ZERO: *out_value = 0; return true;
    case ONE: *out_value = 1; return true;
    case MINUS_ONE: *out_value = mask; return true;
    case HIGHEST: *out_value = is_signed ? half : mask; return true;
    case LOWEST: *out_value = is_signed ? half + 1 : 0; return true;
    case COUNT_MASK: *out_value = vyre_type_bits(type) - 1; return true;
    default: return false;
  }
}

static bool float_value(vyre_term_t term, vyre_type_t type, uint64_t *out_value) {
  bool is_double = type == VYRE_TYPE_F64;
  uint64_t sign = is_double ? UINT64_C(1) << 63 : UINT64_C(1) << 31;
  uint64_t one = is_double ? UINT64_C(0x3FF0000000000000) : UINT64_C(0x3F800000);
  switch (term) {
    case ZERO: *out_value = 0; return true;
    case ONE: *out_value = one; return true;
    case MINUS_ONE: *out_value = one | sign; return true;
    case MINUS_ZERO: *out_value = sign; return true;
    default: return false;
  }
}

bool vyre_term_value(vyre_term_t term, vyre_type_t type, uint64_t *out_value) {
  if (vyre_type_is_integer(type)) return integer_value(term, type, out_value);
  if (vyre_type_is_float(type)) return float_value(term, type, out_value);
  if (type != VYRE_TYPE_BOOL || (term != TRUE && term != FALSE)) return false;
  *out_value = term == TRUE;
  return true;
}
