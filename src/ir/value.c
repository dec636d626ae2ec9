#include "ir/value.h"

#include "base/assert.h"

int64_t vyre_value_signed(vyre_type_t type, uint64_t value) {
  uint64_t sign = UINT64_C(1) << (vyre_type_bits(type) - 1);
  return (int64_t)(value & sign ? value | ~vyre_type_mask(type) : value);
}

static bool is_less(vyre_type_t type, uint64_t a, uint64_t b) {
  return vyre_type_is_signed(type) ? vyre_value_signed(type, a) < vyre_value_signed(type, b) : a < b;
}

uint64_t vyre_value_unary(vyre_expr_op_t op, vyre_type_t type, uint64_t a) {
  switch (op) {
    case VYRE_EXPR_NEG: return (0 - a) & vyre_type_mask(type);
    case VYRE_EXPR_NOT: return ~a & vyre_type_mask(type);
    case VYRE_EXPR_LOGICAL_NOT: return a == 0;
    case VYRE_EXPR_POPCOUNT: return (uint64_t)__builtin_popcountll(a);
    case VYRE_EXPR_CTZ: return a ? (uint64_t)__builtin_ctzll(a) : vyre_type_bits(type);
    default: VYRE_UNREACHABLE();
  }
}

/* C rounds towards zero as well. -1 is apart because MIN / -1 has no value in C; x / -1 is -x, which wraps to MIN. */
static uint64_t divide(vyre_type_t type, uint64_t a, uint64_t b) {
  if (!vyre_type_is_signed(type)) return a / b;
  int64_t divisor = vyre_value_signed(type, b);
  return divisor == -1 ? 0 - a : (uint64_t)(vyre_value_signed(type, a) / divisor);
}

static uint64_t remainder_of(vyre_type_t type, uint64_t a, uint64_t b) {
  if (!vyre_type_is_signed(type)) return a % b;
  int64_t divisor = vyre_value_signed(type, b);
  return divisor == -1 ? 0 : (uint64_t)(vyre_value_signed(type, a) % divisor);
}

/* gcc and clang shift negative numbers arithmetically. */
static uint64_t shift_right(vyre_type_t type, uint64_t a, uint64_t count) {
  return vyre_type_is_signed(type) ? (uint64_t)(vyre_value_signed(type, a) >> count) : a >> count;
}

uint64_t vyre_value_binary(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b) {
  uint64_t mask = vyre_type_mask(type);
  /* Widths are powers of two, so the low bits of a signed count are its value modulo the width too. */
  uint64_t count = b % vyre_type_bits(type);
  switch (op) {
    case VYRE_EXPR_ADD: return (a + b) & mask;
    case VYRE_EXPR_SUB: return (a - b) & mask;
    case VYRE_EXPR_MUL: return (a * b) & mask;
    case VYRE_EXPR_DIV: return divide(type, a, b) & mask;
    case VYRE_EXPR_REM: return remainder_of(type, a, b) & mask;
    case VYRE_EXPR_AND: return a & b;
    case VYRE_EXPR_OR: return a | b;
    case VYRE_EXPR_XOR: return a ^ b;
    case VYRE_EXPR_SHL: return (a << count) & mask;
    case VYRE_EXPR_SHR: return shift_right(type, a, count) & mask;
    case VYRE_EXPR_MIN: return is_less(type, b, a) ? b : a;
    case VYRE_EXPR_MAX: return is_less(type, a, b) ? b : a;
    default: VYRE_UNREACHABLE();
  }
}

uint64_t vyre_value_compare(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b) {
  switch (op) {
    case VYRE_EXPR_EQ: return a == b;
    case VYRE_EXPR_NE: return a != b;
    case VYRE_EXPR_LT: return is_less(type, a, b);
    case VYRE_EXPR_LE: return !is_less(type, b, a);
    case VYRE_EXPR_GT: return is_less(type, b, a);
    case VYRE_EXPR_GE: return !is_less(type, a, b);
    default: VYRE_UNREACHABLE();
  }
}

uint64_t vyre_value_cast(vyre_type_t from, vyre_type_t to, uint64_t a) {
  if (to == VYRE_TYPE_BOOL) return a != 0;
  uint64_t wide = vyre_type_is_signed(from) ? (uint64_t)vyre_value_signed(from, a) : a;
  return wide & vyre_type_mask(to);
}
