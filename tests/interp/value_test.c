/* Arithmetic on single values, held against slow code of another kind: bit by bit, in wider types, by distance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "ir/value.h"
#include "support/random.h"

__extension__ typedef __int128 wide_t;

static const vyre_type_t integers[] = {VYRE_TYPE_U8, VYRE_TYPE_U16, VYRE_TYPE_U32, VYRE_TYPE_U64,
                                       VYRE_TYPE_I8, VYRE_TYPE_I16, VYRE_TYPE_I32, VYRE_TYPE_I64};
enum { INTEGERS = sizeof integers / sizeof *integers };

static uint64_t f32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static uint64_t f64(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static double double_of(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* ---- integers ---- */

/* The number that a value stands for, and the value of a number. */
static wide_t number(vyre_type_t type, uint64_t value) {
  return vyre_type_is_signed(type) ? vyre_value_signed(type, value) : (wide_t)value;
}

static uint64_t value(vyre_type_t type, wide_t x) { return (uint64_t)x & vyre_type_mask(type); }

static wide_t clamp(vyre_type_t type, wide_t x) {
  unsigned bits = vyre_type_bits(type) - vyre_type_is_signed(type);
  wide_t high = ((wide_t)1 << bits) - 1, low = vyre_type_is_signed(type) ? -high - 1 : 0;
  return x < low ? low : x > high ? high : x;
}

/* That of two u64 has a bit more than wide_t; what is shifted out above is not looked at. */
static wide_t product_of(vyre_type_t type, uint64_t a, uint64_t b) {
  __extension__ typedef unsigned __int128 unsigned_wide_t;
  return (wide_t)((unsigned_wide_t)number(type, a) * (unsigned_wide_t)number(type, b));
}

static void check_binary(vyre_type_t type, uint64_t a, uint64_t b) {
  wide_t x = number(type, a), y = number(type, b);
  unsigned bits = vyre_type_bits(type), count = (unsigned)(b % bits);
  assert_int_equal(vyre_value_binary(VYRE_EXPR_ADD, type, a, b), value(type, x + y));
  assert_int_equal(vyre_value_binary(VYRE_EXPR_ADD_SAT, type, a, b), value(type, clamp(type, x + y)));
  assert_int_equal(vyre_value_binary(VYRE_EXPR_SUB_SAT, type, a, b), value(type, clamp(type, x - y)));
  assert_int_equal(vyre_value_binary(VYRE_EXPR_MULHIGH, type, a, b), value(type, product_of(type, a, b) >> bits));
  assert_int_equal(vyre_value_binary(VYRE_EXPR_ABS_DIFF, type, a, b), value(type, x < y ? y - x : x - y));
  assert_int_equal(vyre_value_binary(VYRE_EXPR_MIN, type, a, b), x < y ? a : b);
  assert_int_equal(vyre_value_compare(VYRE_EXPR_LE, type, a, b), x <= y);
  uint64_t left = a, right = a;
  for (unsigned i = 0; i < count; i++) {
    left = (left << 1 | left >> (bits - 1)) & vyre_type_mask(type);
    right = (right >> 1 | right << (bits - 1)) & vyre_type_mask(type);
  }
  assert_int_equal(vyre_value_binary(VYRE_EXPR_ROTL, type, a, b), left);
  assert_int_equal(vyre_value_binary(VYRE_EXPR_ROTR, type, a, b), right);
  if (!b) return;
  assert_int_equal(vyre_value_binary(VYRE_EXPR_DIV, type, a, b), value(type, x / y));
  assert_int_equal(vyre_value_binary(VYRE_EXPR_REM, type, a, b), value(type, x % y));
}

static void check_unary(vyre_type_t type, uint64_t a) {
  unsigned bits = vyre_type_bits(type), ones = 0, leading = bits, trailing = bits;
  uint64_t reversed = 0, swapped = 0;
  for (unsigned i = 0; i < bits; i++) {
    if (!(a >> i & 1)) continue;
    ones++;
    leading = bits - 1 - i;
    if (trailing == bits) trailing = i;
    reversed |= UINT64_C(1) << (bits - 1 - i);
    swapped |= UINT64_C(1) << (bits - 8 - i / 8 * 8 + i % 8);
  }
  assert_int_equal(vyre_value_unary(VYRE_EXPR_POPCOUNT, type, a), ones);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_CLZ, type, a), leading);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_CTZ, type, a), trailing);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_BIT_REVERSE, type, a), reversed);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_BYTE_SWAP, type, a), swapped);
  wide_t x = number(type, a);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_ABS, type, a), value(type, x < 0 ? -x : x));
  assert_int_equal(vyre_value_unary(VYRE_EXPR_NEG, type, a), value(type, -x));
}

static void integers_are_those_of_wider_ones(void **state) {
  (void)state;
  random_t random = {7};
  for (unsigned t = 0; t < INTEGERS; t++) {
    vyre_type_t type = integers[t];
    uint64_t mask = vyre_type_mask(type);
    bool is_byte = vyre_type_bits(type) == 8;
    for (uint32_t i = 0; i < 65536; i++) {
      /* All pairs of bytes; of the others, corners and any. */
      uint64_t a = is_byte ? i & 0xFF : random_next(&random) >> random_below(&random, 64);
      uint64_t b = is_byte ? i >> 8 : random_next(&random) >> random_below(&random, 64);
      if (!is_byte && i % 4 == 0) a = mask ^ (i % 8 ? 0 : mask / 2) ^ i % 3;
      if (!is_byte && i % 5 == 0) b = mask ^ (i % 10 ? 0 : mask / 2) ^ i % 3;
      check_binary(type, a & mask, b & mask);
      check_unary(type, vyre_type_bits(type) == 16 ? i : a & mask);
    }
  }
}

/* ---- f16, bf16 ---- */

static double half_value(bool is_bf16, unsigned bits) {
  unsigned mantissa_bits = is_bf16 ? 7 : 10, bias = is_bf16 ? 127 : 15;
  unsigned exponent = (bits & 0x7FFF) >> mantissa_bits, mantissa = bits & ((1u << mantissa_bits) - 1);
  double x = mantissa;
  for (unsigned i = 0; i < mantissa_bits; i++) x /= 2;
  if (exponent) x += 1;
  int power = (int)(exponent ? exponent : 1) - (int)bias;
  for (; power > 0; power--) x *= 2;
  for (; power < 0; power++) x /= 2;
  return bits & 0x8000 ? -x : x;
}

/* Every half there and back; the middle of every two neighbours, and a bit to each side of it. */
static void check_halfs(vyre_type_t type) {
  bool is_bf16 = type == VYRE_TYPE_BF16;
  unsigned infinity = is_bf16 ? 0x7F80 : 0x7C00, nan = is_bf16 ? 0x7FC0 : 0x7E00;
  for (unsigned sign = 0; sign <= 0x8000; sign += 0x8000) {
    for (unsigned bits = sign; bits < (sign | infinity); bits++) {
      double x = half_value(is_bf16, bits), next = half_value(is_bf16, bits + 1);
      assert_int_equal(vyre_value_cast(type, VYRE_TYPE_F64, bits), f64(x));
      assert_int_equal(vyre_value_cast(type, VYRE_TYPE_F32, bits), f32((float)x));
      assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, type, f64(x)), bits);
      assert_int_equal(vyre_value_cast(VYRE_TYPE_F32, type, f32((float)x)), bits);
      double middle = (x + next) / 2, even = bits % 2 ? bits + 1 : bits;
      assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, type, f64(middle)), (unsigned)even);
      assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, type, f64(nextafter(middle, x))), bits);
      assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, type, f64(nextafter(middle, next))), bits + 1);
      /* bf16 has denormals that f32 has only without the bit behind them. */
      if ((double)(float)middle != middle) continue;
      assert_int_equal(vyre_value_cast(VYRE_TYPE_F32, type, f32((float)middle)), (unsigned)even);
    }
    assert_int_equal(vyre_value_cast(VYRE_TYPE_F32, type, f32(sign ? -INFINITY : INFINITY)), sign | infinity);
    assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, type, f64(sign ? -1e300 : 1e300)), sign | infinity);
    assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, type, f64(sign ? -1e-310 : 1e-310)), sign);
    assert_int_equal(vyre_value_cast(type, VYRE_TYPE_F32, sign | infinity), f32(sign ? -INFINITY : INFINITY));
    for (unsigned bits = (sign | infinity) + 1; bits <= (sign | 0x7FFF); bits++) {
      assert_int_equal(vyre_value_cast(type, VYRE_TYPE_F32, bits), 0x7FC00000);
      assert_int_equal(vyre_value_cast(type, VYRE_TYPE_F64, bits), UINT64_C(0x7FF8000000000000));
      assert_int_equal(vyre_value_canonical(type, bits), nan);
      assert_int_equal(vyre_value_bitcast(type, VYRE_TYPE_U16, bits), nan);
    }
  }
  assert_int_equal(vyre_value_cast(VYRE_TYPE_F32, type, 0xFF800001), nan);
}

static void halfs_round_to_nearest_even(void **state) {
  (void)state;
  check_halfs(VYRE_TYPE_F16);
  check_halfs(VYRE_TYPE_BF16);
  /* One rounding, not two: by way of f32 this would end in the middle of two halfs and go to the even one. */
  double x = 1 + 0x1p-11 + 0x1p-40;
  assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, VYRE_TYPE_F16, f64(x)), 0x3C01);
  /* Arithmetic on halfs is on f32; the same type converts to itself. */
  assert_int_equal(vyre_value_cast(VYRE_TYPE_F16, VYRE_TYPE_F16, 0x7C01), 0x7C01);
}

/* ---- floats ---- */

static void floats_become_integers_towards_zero(void **state) {
  (void)state;
  static const double numbers[] = {0.0,     -0.0,     0.5,       -0.5,         0.999,  -0.999,  1.5,     -1.5,
                                   126.9,   127.5,    128,       -128,         -128.9, -129,    255.9,   256,
                                   32767.5, -32769,   65536,     2147483647.5, 0x1p31, -0x1p31, -0x1p32, 0x1p32,
                                   0x1p53,  0x1p62,   0x1p63,    -0x1p63,      0x1p64, 1e30,    -1e30,   1e308,
                                   -1e308,  INFINITY, -INFINITY, 5e-324,       -5e-324};
  for (unsigned t = 0; t < INTEGERS; t++) {
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
      double x = numbers[i];
      wide_t whole = x > 1e20 ? (wide_t)1 << 100 : x < -1e20 ? -((wide_t)1 << 100) : (wide_t)x;
      uint64_t expected = value(integers[t], clamp(integers[t], whole));
      assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, integers[t], f64(x)), expected);
      if ((double)(float)x == x) assert_int_equal(vyre_value_cast(VYRE_TYPE_F32, integers[t], f32((float)x)), expected);
    }
    assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, integers[t], UINT64_C(0x7FF0000000000001)), 0);
    assert_int_equal(vyre_value_cast(VYRE_TYPE_F32, integers[t], 0xFFC12345), 0);
  }
  assert_int_equal(vyre_value_cast(VYRE_TYPE_F32, VYRE_TYPE_BOOL, 0x7FC00000), 1);
  assert_int_equal(vyre_value_cast(VYRE_TYPE_F32, VYRE_TYPE_BOOL, 0x80000000), 0);
  assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, VYRE_TYPE_BOOL, 1), 1);
  assert_int_equal(vyre_value_cast(VYRE_TYPE_BOOL, VYRE_TYPE_F32, 1), f32(1));
}

/* To the nearest even: halfway, a bit above, the end of the range. */
static void integers_become_floats(void **state) {
  (void)state;
  assert_int_equal(vyre_value_cast(VYRE_TYPE_U64, VYRE_TYPE_F32, UINT64_MAX), f32(0x1p64f));
  assert_int_equal(vyre_value_cast(VYRE_TYPE_U64, VYRE_TYPE_F64, UINT64_MAX), f64(0x1p64));
  assert_int_equal(vyre_value_cast(VYRE_TYPE_U64, VYRE_TYPE_F32, (UINT64_C(1) << 63) + (UINT64_C(1) << 39)),
                   f32(0x1p63f));
  assert_int_equal(vyre_value_cast(VYRE_TYPE_U64, VYRE_TYPE_F32, (UINT64_C(1) << 63) + (UINT64_C(1) << 39) + 1),
                   f32(0x1.000002p63f));
  assert_int_equal(vyre_value_cast(VYRE_TYPE_I64, VYRE_TYPE_F64, (UINT64_C(1) << 53) + 1), f64(0x1p53));
  assert_int_equal(vyre_value_cast(VYRE_TYPE_I64, VYRE_TYPE_F32, UINT64_C(1) << 63), f32(-0x1p63f));
  assert_int_equal(vyre_value_cast(VYRE_TYPE_I8, VYRE_TYPE_F32, 0x80), f32(-128));
  assert_int_equal(vyre_value_cast(VYRE_TYPE_U32, VYRE_TYPE_F32, 16777217), f32(16777216));
  assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, VYRE_TYPE_F32, f64(1 + 0x1p-24)), f32(1));
  assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, VYRE_TYPE_F32, f64(1 + 0x1.000001p-24)), f32(1 + 0x1p-23f));
  assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, VYRE_TYPE_F32, f64(0x1p-149)), 1);
  assert_int_equal(vyre_value_cast(VYRE_TYPE_F64, VYRE_TYPE_F32, f64(0x1p-150)), 0);
}

static void floats_follow_ieee_754(void **state) {
  (void)state;
  uint64_t nan = 0x7FC00000, minus_zero = 0x80000000;
  const vyre_type_t t = VYRE_TYPE_F32;
  assert_int_equal(vyre_value_binary(VYRE_EXPR_MIN, t, f32(0), minus_zero), minus_zero);
  assert_int_equal(vyre_value_binary(VYRE_EXPR_MIN, t, minus_zero, f32(0)), minus_zero);
  assert_int_equal(vyre_value_binary(VYRE_EXPR_MAX, t, f32(0), minus_zero), 0);
  assert_int_equal(vyre_value_binary(VYRE_EXPR_MAX, t, minus_zero, f32(0)), 0);
  assert_int_equal(vyre_value_binary(VYRE_EXPR_MIN, t, f32(1), 0xFFFFFFFF), nan);
  assert_int_equal(vyre_value_binary(VYRE_EXPR_MAX, t, 0x7F800001, f32(1)), nan);
  assert_int_equal(vyre_value_binary(VYRE_EXPR_MAX, t, f32(1), f32(-2)), f32(1));
  assert_int_equal(vyre_value_binary(VYRE_EXPR_DIV, t, f32(1), minus_zero), f32(-INFINITY));
  assert_int_equal(vyre_value_binary(VYRE_EXPR_DIV, t, 0, minus_zero), nan);
  assert_int_equal(vyre_value_binary(VYRE_EXPR_SUB, t, f32(INFINITY), f32(INFINITY)), nan);
  assert_int_equal(vyre_value_binary(VYRE_EXPR_ADD, t, 1, 1), 2); /* denormals */
  assert_int_equal(vyre_value_binary(VYRE_EXPR_MUL, t, f32(0x1p-126f), f32(0.5f)), 0x00400000);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_NEG, t, 0), minus_zero);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_ABS, t, minus_zero), 0);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_NEG, t, nan), nan);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_RINT, t, f32(2.5f)), f32(2));
  assert_int_equal(vyre_value_unary(VYRE_EXPR_RINT, t, f32(-0.5f)), minus_zero);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_FLOOR, t, f32(-1.5f)), f32(-2));
  assert_int_equal(vyre_value_unary(VYRE_EXPR_CEIL, t, f32(-0.5f)), minus_zero);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_TRUNC, t, f32(-1.5f)), f32(-1));
  assert_int_equal(vyre_value_unary(VYRE_EXPR_SQRT, t, f32(2)), 0x3FB504F3);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_SQRT, t, f32(-1)), nan);
  assert_int_equal(vyre_value_unary(VYRE_EXPR_SQRT, VYRE_TYPE_F64, f64(2)), UINT64_C(0x3FF6A09E667F3BCD));
  for (vyre_expr_op_t op = VYRE_EXPR_EQ; op <= VYRE_EXPR_GE; op++)
    assert_int_equal(vyre_value_compare(op, t, nan, nan), op == VYRE_EXPR_NE);
  assert_int_equal(vyre_value_compare(VYRE_EXPR_EQ, t, 0, minus_zero), 1);
  assert_int_equal(vyre_value_compare(VYRE_EXPR_LT, VYRE_TYPE_F64, f64(-1), f64(1)), 1);
  /* One rounding: the product alone would lose the last bit. */
  double x = 1 + 0x1p-30;
  assert_int_equal(vyre_value_fma(VYRE_TYPE_F64, f64(x), f64(x), f64(-1 - 0x1p-29)), f64(0x1p-60));
  assert_int_equal(vyre_value_fma(t, f32(1 + 0x1p-12f), f32(1 + 0x1p-12f), f32(-1 - 0x1p-11f)), f32(0x1p-24f));
}

/* Within 4 units in the last place of what the wider function gives. */
static void functions_are_close(void **state) {
  (void)state;
  static const struct {
    vyre_expr_op_t op;
    double (*function)(double);
  } functions[] = {{VYRE_EXPR_EXP, exp},   {VYRE_EXPR_EXP2, exp2}, {VYRE_EXPR_LOG, log},
                   {VYRE_EXPR_LOG2, log2}, {VYRE_EXPR_SIN, sin},   {VYRE_EXPR_COS, cos}};
  random_t random = {3};
  for (unsigned i = 0; i < 6 * 2000; i++) {
    float x = (float)random_below(&random, 1 << 24) / (float)(1 << (random_below(&random, 22) + 4)) * 16;
    if (functions[i % 6].op <= VYRE_EXPR_EXP2 && x > 80) x = 80;
    uint64_t bits = vyre_value_unary(functions[i % 6].op, VYRE_TYPE_F32, f32(x));
    double exact = functions[i % 6].function((double)x);
    int64_t apart = (int64_t)bits - (int64_t)f32((float)exact);
    assert_true(isinf(exact) || (apart >= -4 && apart <= 4));
    assert_int_equal(vyre_value_unary(functions[i % 6].op, VYRE_TYPE_F64, f64((double)x)), f64(exact));
  }
  assert_int_equal(vyre_value_binary(VYRE_EXPR_POW, VYRE_TYPE_F64, f64(2), f64(10)), f64(1024));
  assert_int_equal(vyre_value_unary(VYRE_EXPR_LOG, VYRE_TYPE_F64, f64(-1)), UINT64_C(0x7FF8000000000000));
}

static void bits_show_no_payload(void **state) {
  (void)state;
  assert_int_equal(vyre_value_bitcast(VYRE_TYPE_F32, VYRE_TYPE_U32, 0xFFFFFFFF), 0x7FC00000);
  assert_int_equal(vyre_value_bitcast(VYRE_TYPE_F64, VYRE_TYPE_I64, UINT64_C(0xFFF0000000000001)),
                   UINT64_C(0x7FF8000000000000));
  assert_int_equal(vyre_value_bitcast(VYRE_TYPE_F32, VYRE_TYPE_I32, 0x80000000), 0x80000000);
  assert_int_equal(vyre_value_bitcast(VYRE_TYPE_U32, VYRE_TYPE_F32, 0x3F800000), f32(1));
  assert_int_equal(vyre_value_canonical(VYRE_TYPE_U32, 0xFFFFFFFF), 0xFFFFFFFF);
  assert_int_equal(vyre_value_canonical(VYRE_TYPE_F32, 0xFF800000), 0xFF800000);
  assert_true(isnan(double_of(vyre_value_canonical(VYRE_TYPE_F64, UINT64_MAX))));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(integers_are_those_of_wider_ones),
      cmocka_unit_test(halfs_round_to_nearest_even),
      cmocka_unit_test(floats_become_integers_towards_zero),
      cmocka_unit_test(integers_become_floats),
      cmocka_unit_test(floats_follow_ieee_754),
      cmocka_unit_test(functions_are_close),
      cmocka_unit_test(bits_show_no_payload),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
