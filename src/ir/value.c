#include "ir/value.h"

#include "base/assert.h"
#include "ir/value_float.h"

/* What program.h tells of types, without a call: each operation looks at it. */
static const struct {
  uint8_t bits, kind;
} types[VYRE_TYPE_COUNT] = {
#define VYRE_TYPE(name, text, bits, kind) {bits, VYRE_KIND_##kind},
#include "ir/types.def"
#undef VYRE_TYPE
};

static bool is_signed(vyre_type_t type) { return types[type].kind == VYRE_KIND_SIGNED; }

static bool is_floating(vyre_type_t type) {
  return types[type].kind == VYRE_KIND_FLOAT || types[type].kind == VYRE_KIND_HALF;
}

static uint64_t mask_of(vyre_type_t type) { return UINT64_MAX >> (64 - types[type].bits); }

int64_t vyre_value_signed(vyre_type_t type, uint64_t value) {
  uint64_t sign = UINT64_C(1) << (types[type].bits - 1);
  return (int64_t)(value & sign ? value | ~mask_of(type) : value);
}

static bool is_less(vyre_type_t type, uint64_t a, uint64_t b) {
  return is_signed(type) ? vyre_value_signed(type, a) < vyre_value_signed(type, b) : a < b;
}

/* The lowest 2^k bits trade places with the next ones, for k = 0, 1, ...: bits, pairs, ... up to the halves. */
static uint64_t reverse(uint64_t a, unsigned first_bits, unsigned bits) {
  for (unsigned width = first_bits; width < bits; width *= 2) {
    uint64_t low = UINT64_MAX / ((UINT64_C(1) << width) + 1); /* width ones, width zeros, and so on */
    a = (a & low) << width | (a >> width & low);
  }
  return a;
}

uint64_t vyre_value_unary(vyre_expr_op_t op, vyre_type_t type, uint64_t a) {
  if (is_floating(type)) return vyre_float_unary(op, type, a);
  unsigned bits = types[type].bits;
  switch (op) {
    case VYRE_EXPR_NEG: return (0 - a) & mask_of(type);
    case VYRE_EXPR_NOT: return ~a & mask_of(type);
    case VYRE_EXPR_LOGICAL_NOT: return a == 0;
    case VYRE_EXPR_POPCOUNT: return (uint64_t)__builtin_popcountll(a);
    case VYRE_EXPR_CTZ: return a ? (uint64_t)__builtin_ctzll(a) : bits;
    case VYRE_EXPR_CLZ: return a ? (uint64_t)__builtin_clzll(a) - (64 - bits) : bits;
    case VYRE_EXPR_BIT_REVERSE: return reverse(a, 1, bits);
    case VYRE_EXPR_BYTE_SWAP: return reverse(a, 8, bits);
    case VYRE_EXPR_ABS: return is_signed(type) && vyre_value_signed(type, a) < 0 ? (0 - a) & mask_of(type) : a;
    default: VYRE_UNREACHABLE();
  }
}

/* C rounds towards zero as well. -1 is apart because MIN / -1 has no value in C; x / -1 is -x, which wraps to MIN. */
static uint64_t divide(vyre_type_t type, uint64_t a, uint64_t b) {
  if (!is_signed(type)) return a / b;
  int64_t divisor = vyre_value_signed(type, b);
  return divisor == -1 ? 0 - a : (uint64_t)(vyre_value_signed(type, a) / divisor);
}

static uint64_t remainder_of(vyre_type_t type, uint64_t a, uint64_t b) {
  if (!is_signed(type)) return a % b;
  int64_t divisor = vyre_value_signed(type, b);
  return divisor == -1 ? 0 : (uint64_t)(vyre_value_signed(type, a) % divisor);
}

/* gcc and clang shift negative numbers arithmetically. */
static uint64_t shift_right(vyre_type_t type, uint64_t a, uint64_t count) {
  return is_signed(type) ? (uint64_t)(vyre_value_signed(type, a) >> count) : a >> count;
}

static uint64_t rotate_left(vyre_type_t type, uint64_t a, uint64_t count) {
  return count ? (a << count | a >> (types[type].bits - count)) & mask_of(type) : a;
}

static uint64_t add_saturating(vyre_type_t type, uint64_t a, uint64_t b) {
  uint64_t mask = mask_of(type), sum = (a + b) & mask;
  if (!is_signed(type)) return sum < a ? mask : sum;
  uint64_t sign = UINT64_C(1) << (types[type].bits - 1);
  bool is_over = (~(a ^ b) & (a ^ sum) & sign) != 0; /* the signs of a and b are one, that of the sum another */
  return !is_over ? sum : a & sign ? sign : sign - 1;
}

static uint64_t sub_saturating(vyre_type_t type, uint64_t a, uint64_t b) {
  uint64_t difference = (a - b) & mask_of(type);
  if (!is_signed(type)) return a < b ? 0 : difference;
  uint64_t sign = UINT64_C(1) << (types[type].bits - 1);
  bool is_over = ((a ^ b) & (a ^ difference) & sign) != 0;
  return !is_over ? difference : a & sign ? sign : sign - 1;
}

static uint64_t multiply_high(vyre_type_t type, uint64_t a, uint64_t b) {
  __extension__ typedef __int128 signed_wide_t;
  __extension__ typedef unsigned __int128 wide_t;
  unsigned bits = types[type].bits;
  if (!is_signed(type)) return (uint64_t)((wide_t)a * b >> bits);
  signed_wide_t product = (signed_wide_t)vyre_value_signed(type, a) * vyre_value_signed(type, b);
  return (uint64_t)(product >> bits) & mask_of(type);
}

uint64_t vyre_value_binary(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b) {
  if (is_floating(type)) return vyre_float_binary(op, type, a, b);
  uint64_t mask = mask_of(type);
  /* Widths are powers of two, so the low bits of a signed count are its value modulo the width too. */
  uint64_t count = b & (types[type].bits - 1u);
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
    case VYRE_EXPR_ADD_SAT: return add_saturating(type, a, b);
    case VYRE_EXPR_SUB_SAT: return sub_saturating(type, a, b);
    case VYRE_EXPR_MULHIGH: return multiply_high(type, a, b);
    case VYRE_EXPR_ROTL: return rotate_left(type, a, count);
    case VYRE_EXPR_ROTR: return rotate_left(type, a, (types[type].bits - count) & (types[type].bits - 1u));
    case VYRE_EXPR_ABS_DIFF: return (is_less(type, a, b) ? b - a : a - b) & mask;
    default: VYRE_UNREACHABLE();
  }
}

uint64_t vyre_value_compare(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b) {
  if (is_floating(type)) return vyre_float_compare(op, type, a, b);
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
  if (from == to) return a;
  if (is_floating(from) || is_floating(to)) return vyre_float_cast(from, to, a);
  if (to == VYRE_TYPE_BOOL) return a != 0;
  uint64_t wide = is_signed(from) ? (uint64_t)vyre_value_signed(from, a) : a;
  return wide & mask_of(to);
}

uint64_t vyre_value_bitcast(vyre_type_t from, vyre_type_t to, uint64_t a) {
  return vyre_value_canonical(to, vyre_value_canonical(from, a));
}

uint64_t vyre_value_canonical(vyre_type_t type, uint64_t a) {
  switch (type) {
    case VYRE_TYPE_F32: return (a & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC00000 : a;
    case VYRE_TYPE_F64: return (a & INT64_MAX) > UINT64_C(0x7FF0000000000000) ? UINT64_C(0x7FF8000000000000) : a;
    case VYRE_TYPE_F16: return (a & 0x7FFF) > 0x7C00 ? 0x7E00 : a;
    case VYRE_TYPE_BF16: return (a & 0x7FFF) > 0x7F80 ? 0x7FC0 : a;
    default: return a;
  }
}
