/* Built without contraction of a * b + c (src/CMakeLists.txt): every operation rounds on its own. */
#include "ir/value_float.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "ir/value.h"

static float f32_of(uint64_t bits) {
  uint32_t word = (uint32_t)bits;
  float x;
  memcpy(&x, &word, sizeof x);
  return x;
}

static uint64_t bits32(float x) {
  uint32_t word;
  memcpy(&word, &x, sizeof word);
  return vyre_value_canonical(VYRE_TYPE_F32, word);
}

static double f64_of(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static uint64_t bits64(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return vyre_value_canonical(VYRE_TYPE_F64, bits);
}

/* Both widths are the same text: `s` is the suffix of libm's names. */
#define FLOAT_OPS(T, s)                                              \
  static T unary_##T(vyre_expr_op_t op, T x) {                       \
    switch (op) {                                                    \
      case VYRE_EXPR_NEG: return -x;                                 \
      case VYRE_EXPR_ABS: return fabs##s(x);                         \
      case VYRE_EXPR_SQRT: return sqrt##s(x);                        \
      case VYRE_EXPR_FLOOR: return floor##s(x);                      \
      case VYRE_EXPR_CEIL: return ceil##s(x);                        \
      case VYRE_EXPR_TRUNC: return trunc##s(x);                      \
      case VYRE_EXPR_RINT: return rint##s(x);                        \
      case VYRE_EXPR_EXP: return exp##s(x);                          \
      case VYRE_EXPR_EXP2: return exp2##s(x);                        \
      case VYRE_EXPR_LOG: return log##s(x);                          \
      case VYRE_EXPR_LOG2: return log2##s(x);                        \
      case VYRE_EXPR_SIN: return sin##s(x);                          \
      case VYRE_EXPR_COS: return cos##s(x);                          \
      default: VYRE_UNREACHABLE();                                   \
    }                                                                \
  }                                                                  \
  /* NaN when either side is; of two zeros the one with that sign */ \
  static T extreme_##T(T x, T y, bool is_min) {                      \
    if (x != x || y != y) return x + y;                              \
    if (x == y) return (signbit(x) != 0) == is_min ? x : y;          \
    return (x < y) == is_min ? x : y;                                \
  }                                                                  \
  static T binary_##T(vyre_expr_op_t op, T x, T y) {                 \
    switch (op) {                                                    \
      case VYRE_EXPR_ADD: return x + y;                              \
      case VYRE_EXPR_SUB: return x - y;                              \
      case VYRE_EXPR_MUL: return x * y;                              \
      case VYRE_EXPR_DIV: return x / y;                              \
      case VYRE_EXPR_MIN: return extreme_##T(x, y, true);            \
      case VYRE_EXPR_MAX: return extreme_##T(x, y, false);           \
      case VYRE_EXPR_POW: return vyre_value_pow_##T(x, y);           \
      default: VYRE_UNREACHABLE();                                   \
    }                                                                \
  }

/* Where the result does not hang on one side it does not hang on that being a NaN either; libm makes an exception of
 * signaling ones, which are not told apart here (C17 F.10.4.4). */
float vyre_value_pow_float(float x, float y) { return x == 1 || y == 0 ? 1 : powf(x, y); }
double vyre_value_pow_double(double x, double y) { return x == 1 || y == 0 ? 1 : pow(x, y); }

FLOAT_OPS(float, f)
FLOAT_OPS(double, )

uint64_t vyre_float_unary(vyre_expr_op_t op, vyre_type_t type, uint64_t a) {
  return type == VYRE_TYPE_F32 ? bits32(unary_float(op, f32_of(a))) : bits64(unary_double(op, f64_of(a)));
}

uint64_t vyre_float_binary(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b) {
  return type == VYRE_TYPE_F32 ? bits32(binary_float(op, f32_of(a), f32_of(b)))
                               : bits64(binary_double(op, f64_of(a), f64_of(b)));
}

uint64_t vyre_value_fma(vyre_type_t type, uint64_t a, uint64_t b, uint64_t c) {
  return type == VYRE_TYPE_F32 ? bits32(fmaf(f32_of(a), f32_of(b), f32_of(c)))
                               : bits64(fma(f64_of(a), f64_of(b), f64_of(c)));
}

uint64_t vyre_float_compare(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b) {
  /* f64 holds every f32, so that one comparison does for both. */
  double x = type == VYRE_TYPE_F32 ? (double)f32_of(a) : f64_of(a);
  double y = type == VYRE_TYPE_F32 ? (double)f32_of(b) : f64_of(b);
  switch (op) {
    case VYRE_EXPR_EQ: return x == y;
    case VYRE_EXPR_NE: return x != y;
    case VYRE_EXPR_LT: return x < y;
    case VYRE_EXPR_LE: return x <= y;
    case VYRE_EXPR_GT: return x > y;
    case VYRE_EXPR_GE: return x >= y;
    default: VYRE_UNREACHABLE();
  }
}

/* ---- conversions ---- */

typedef struct half_format {
  unsigned mantissa_bits;
  int exponent_min; /* of the smallest normal number */
  uint64_t infinity;
} half_format_t;

static half_format_t format_of(vyre_type_t type) {
  return type == VYRE_TYPE_F16 ? (half_format_t){10, -14, 0x7C00} : (half_format_t){7, -126, 0x7F80};
}

/* f64 holds every f16 and bf16. */
static double widen(vyre_type_t type, uint64_t a) {
  half_format_t format = format_of(type);
  uint64_t magnitude = a & 0x7FFF, exponent = magnitude >> format.mantissa_bits;
  uint64_t mantissa = magnitude & ((UINT64_C(1) << format.mantissa_bits) - 1);
  double x;
  if (magnitude >= format.infinity)
    x = mantissa ? (double)NAN : (double)INFINITY;
  else if (exponent == 0)
    x = ldexp((double)mantissa, format.exponent_min - (int)format.mantissa_bits);
  else
    x = ldexp((double)(mantissa + (UINT64_C(1) << format.mantissa_bits)),
              format.exponent_min - (int)format.mantissa_bits + (int)exponent - 1);
  return a & 0x8000 ? -x : x;
}

/* mantissa / 2^shift to the nearest integer, to the even one of two. */
static uint64_t shift_rounded(uint64_t mantissa, unsigned shift) {
  if (shift > 54) return 0; /* below a quarter: the mantissa has 53 bits */
  uint64_t kept = mantissa >> shift, rest = mantissa - (kept << shift), half = UINT64_C(1) << (shift - 1);
  return kept + (rest > half || (rest == half && (kept & 1)));
}

/* To f16 or bf16 in one rounding: the wider formats are all inside f64. */
static uint64_t narrow(vyre_type_t type, double x) {
  half_format_t format = format_of(type);
  uint64_t bits = bits64(x), sign = bits >> 63 << 15;
  int exponent = (int)(bits >> 52 & 0x7FF) - 1023;
  if (x != x) return vyre_value_canonical(type, format.infinity + 1);
  if (exponent == -1023)
    return sign; /* 0, and what f64 itself holds with less precision, far below half of the least */
  uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52, magnitude;
  unsigned shift = 52 - format.mantissa_bits;
  if (exponent < format.exponent_min) {
    magnitude = shift_rounded(mantissa, shift + (unsigned)(format.exponent_min - exponent));
  } else {
    /* The leading bit of the mantissa counts the exponent up by one; a carry does so once more, up to infinity. */
    uint64_t below = (uint64_t)(exponent - format.exponent_min) << format.mantissa_bits;
    magnitude = below + shift_rounded(mantissa, shift);
  }
  return sign | (magnitude < format.infinity ? magnitude : format.infinity);
}

/* Towards zero, to the ends of the type; NaN is 0. */
static uint64_t to_integer(vyre_type_t to, double x) {
  int bits = (int)vyre_type_bits(to);
  uint64_t mask = vyre_type_mask(to), sign = UINT64_C(1) << (bits - 1);
  if (x != x) return 0;
  if (!vyre_type_is_signed(to)) return x >= ldexp(1, bits) ? mask : x > 0 ? (uint64_t)x : 0;
  if (x >= ldexp(1, bits - 1)) return sign - 1;
  return x <= -ldexp(1, bits - 1) ? sign : (uint64_t)(int64_t)x & mask;
}

static uint64_t from_integer(vyre_type_t from, vyre_type_t to, uint64_t a) {
  if (vyre_type_is_signed(from)) {
    int64_t x = vyre_value_signed(from, a);
    return to == VYRE_TYPE_F32 ? bits32((float)x) : bits64((double)x);
  }
  return to == VYRE_TYPE_F32 ? bits32((float)a) : bits64((double)a);
}

uint64_t vyre_float_cast(vyre_type_t from, vyre_type_t to, uint64_t a) {
  double x;
  switch (from) {
    case VYRE_TYPE_F32: x = (double)f32_of(a); break;
    case VYRE_TYPE_F64: x = f64_of(a); break;
    case VYRE_TYPE_F16:
    case VYRE_TYPE_BF16: x = widen(from, a); break;
    default: return from_integer(from, to, a); /* bool is 0 or 1 */
  }
  switch (to) {
    case VYRE_TYPE_F32: return bits32((float)x);
    case VYRE_TYPE_F64: return bits64(x);
    case VYRE_TYPE_F16:
    case VYRE_TYPE_BF16: return narrow(to, x);
    case VYRE_TYPE_BOOL: return x != 0;
    default: return to_integer(to, x);
  }
}
