/* docs/language.md, "Values": wrapping, shifts, division, comparison, casts. Expected values are written out. */
#include "interp/fixture.h"

#define I(bits, value) ((uint64_t)(int##bits##_t)(value))

typedef struct binary_case {
  vyre_expr_op_t op;
  vyre_type_t type;
  uint64_t a, b;
  uint64_t value; /* sign-extended to 64 bits when the type is signed */
} binary_case_t;

/* The value of `a op b` as u64(...) gives it. */
static void expect_binary(const binary_case_t *c) {
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  add_sum(&f, op2(b, c->op, vyre_build_const(b, c->type, c->a), vyre_build_const(b, c->type, c->b)));
  fixture_run(&f);
  uint64_t value = run_result_output(f.program, &f.result, "sum", 0);
  if (f.result.fault || value != c->value)
    fail_msg("%llx %s %llx of %s is %llx (%s), not %llx", (unsigned long long)c->a, vyre_expr_text(c->op),
             (unsigned long long)c->b, vyre_type_text(c->type), (unsigned long long)value,
             vyre_fault_text(f.result.fault), (unsigned long long)c->value);
  fixture_close(&f);
}

#define EXPECT_ALL(cases) \
  for (size_t i = 0; i < sizeof(cases) / sizeof *(cases); i++) expect_binary(&(cases)[i])

static void arithmetic_wraps(void **state) {
  (void)state;
  static const binary_case_t cases[] = {
      {VYRE_EXPR_ADD, VYRE_TYPE_U8, 255, 1, 0},
      {VYRE_EXPR_ADD, VYRE_TYPE_I8, 127, 1, I(8, -128)},
      {VYRE_EXPR_ADD, VYRE_TYPE_I32, 0x7FFFFFFF, 1, I(32, INT32_MIN)},
      {VYRE_EXPR_ADD, VYRE_TYPE_U64, UINT64_MAX, 2, 1},
      {VYRE_EXPR_ADD, VYRE_TYPE_I64, INT64_MAX, 1, I(64, INT64_MIN)},
      {VYRE_EXPR_SUB, VYRE_TYPE_U16, 0, 1, 0xFFFF},
      {VYRE_EXPR_SUB, VYRE_TYPE_I16, 0x8000, 1, 0x7FFF},
      {VYRE_EXPR_SUB, VYRE_TYPE_U64, 0, 1, UINT64_MAX},
      {VYRE_EXPR_MUL, VYRE_TYPE_U8, 16, 17, 16},
      {VYRE_EXPR_MUL, VYRE_TYPE_I8, 0x80, 0xFF, I(8, -128)},
      {VYRE_EXPR_MUL, VYRE_TYPE_U32, 0x10000, 0x10001, 0x10000},
      {VYRE_EXPR_MUL, VYRE_TYPE_I64, UINT64_C(1) << 63, UINT64_MAX, I(64, INT64_MIN)},
  };
  EXPECT_ALL(cases);
}

static void shift_counts_are_modulo_the_width(void **state) {
  (void)state;
  static const binary_case_t cases[] = {
      {VYRE_EXPR_SHL, VYRE_TYPE_U8, 1, 7, 128},
      {VYRE_EXPR_SHL, VYRE_TYPE_U8, 1, 8, 1},
      {VYRE_EXPR_SHL, VYRE_TYPE_U8, 3, 255, 128},
      {VYRE_EXPR_SHL, VYRE_TYPE_U32, 1, 32, 1},
      {VYRE_EXPR_SHL, VYRE_TYPE_U32, 1, 33, 2},
      {VYRE_EXPR_SHL, VYRE_TYPE_U64, 1, 64, 1},
      {VYRE_EXPR_SHL, VYRE_TYPE_I8, 1, 7, I(8, -128)},
      {VYRE_EXPR_SHL, VYRE_TYPE_I16, 1, 0xFFFF /* -1 is 15 modulo 16 */, I(16, -32768)},
      {VYRE_EXPR_SHR, VYRE_TYPE_U8, 128, 9, 64},
      {VYRE_EXPR_SHR, VYRE_TYPE_U64, UINT64_MAX, 127, 1},
      {VYRE_EXPR_SHR, VYRE_TYPE_I8, 0x80, 1, I(8, -64)}, /* arithmetic */
      {VYRE_EXPR_SHR, VYRE_TYPE_I32, 0xFFFFFFFF, 31, I(32, -1)},
      {VYRE_EXPR_SHR, VYRE_TYPE_I64, UINT64_C(1) << 63, 63, UINT64_MAX},
      {VYRE_EXPR_SHR, VYRE_TYPE_I16, 0x7FFF, 17, 0x3FFF},
  };
  EXPECT_ALL(cases);
}

static void division_rounds_towards_zero(void **state) {
  (void)state;
  static const binary_case_t cases[] = {
      {VYRE_EXPR_DIV, VYRE_TYPE_I32, (uint32_t)-7, 2, I(32, -3)},
      {VYRE_EXPR_REM, VYRE_TYPE_I32, (uint32_t)-7, 2, I(32, -1)},
      {VYRE_EXPR_DIV, VYRE_TYPE_I32, 7, (uint32_t)-2, I(32, -3)},
      {VYRE_EXPR_REM, VYRE_TYPE_I32, 7, (uint32_t)-2, 1},
      {VYRE_EXPR_DIV, VYRE_TYPE_I8, 0x80, 0xFF, I(8, -128)},
      {VYRE_EXPR_REM, VYRE_TYPE_I8, 0x80, 0xFF, 0},
      {VYRE_EXPR_DIV, VYRE_TYPE_I16, 0x8000, 0xFFFF, I(16, -32768)},
      {VYRE_EXPR_DIV, VYRE_TYPE_I32, 0x80000000, 0xFFFFFFFF, I(32, INT32_MIN)},
      {VYRE_EXPR_REM, VYRE_TYPE_I32, 0x80000000, 0xFFFFFFFF, 0},
      {VYRE_EXPR_DIV, VYRE_TYPE_I64, UINT64_C(1) << 63, UINT64_MAX, UINT64_C(1) << 63},
      {VYRE_EXPR_REM, VYRE_TYPE_I64, UINT64_C(1) << 63, UINT64_MAX, 0},
      {VYRE_EXPR_DIV, VYRE_TYPE_U8, 0x80, 0xFF, 0},
      {VYRE_EXPR_REM, VYRE_TYPE_U8, 0x80, 0xFF, 0x80},
      {VYRE_EXPR_DIV, VYRE_TYPE_U64, UINT64_MAX, 2, INT64_MAX},
  };
  EXPECT_ALL(cases);
}

static void order_follows_the_sign(void **state) {
  (void)state;
  static const binary_case_t cases[] = {
      {VYRE_EXPR_LT, VYRE_TYPE_U8, 0x80, 0x7F, 0},
      {VYRE_EXPR_LT, VYRE_TYPE_I8, 0x80, 0x7F, 1},
      {VYRE_EXPR_GT, VYRE_TYPE_U8, 0x80, 0x7F, 1},
      {VYRE_EXPR_GT, VYRE_TYPE_I8, 0x80, 0x7F, 0},
      {VYRE_EXPR_LE, VYRE_TYPE_I64, 5, 5, 1},
      {VYRE_EXPR_LT, VYRE_TYPE_I64, 5, 5, 0},
      {VYRE_EXPR_GE, VYRE_TYPE_U64, 5, 5, 1},
      {VYRE_EXPR_GT, VYRE_TYPE_U64, 5, 5, 0},
      {VYRE_EXPR_LE, VYRE_TYPE_U64, 6, 5, 0},
      {VYRE_EXPR_GE, VYRE_TYPE_I64, UINT64_MAX, 0, 0},
      {VYRE_EXPR_EQ, VYRE_TYPE_I16, 0xFFFF, 0xFFFF, 1},
      {VYRE_EXPR_NE, VYRE_TYPE_U16, 1, 2, 1},
      {VYRE_EXPR_EQ, VYRE_TYPE_BOOL, 1, 0, 0},
      {VYRE_EXPR_NE, VYRE_TYPE_BOOL, 1, 0, 1},
      {VYRE_EXPR_MIN, VYRE_TYPE_U32, 0x80000000, 1, 1},
      {VYRE_EXPR_MIN, VYRE_TYPE_I32, 0x80000000, 1, I(32, INT32_MIN)},
      {VYRE_EXPR_MAX, VYRE_TYPE_U64, UINT64_MAX, 1, UINT64_MAX},
      {VYRE_EXPR_MAX, VYRE_TYPE_I64, UINT64_MAX, 1, 1},
  };
  EXPECT_ALL(cases);
}

static void bits(void **state) {
  (void)state;
  static const binary_case_t cases[] = {
      {VYRE_EXPR_AND, VYRE_TYPE_I8, 0xF0, 0x9F, I(8, -112)},
      {VYRE_EXPR_OR, VYRE_TYPE_U8, 0xF0, 0x0F, 0xFF},
      {VYRE_EXPR_XOR, VYRE_TYPE_U64, UINT64_MAX, 1, UINT64_MAX - 1},
      {VYRE_EXPR_AND, VYRE_TYPE_BOOL, 1, 0, 0},
      {VYRE_EXPR_OR, VYRE_TYPE_BOOL, 1, 0, 1},
      {VYRE_EXPR_XOR, VYRE_TYPE_BOOL, 1, 1, 0},
  };
  EXPECT_ALL(cases);
}

static void unary(void **state) {
  (void)state;
  static const struct {
    vyre_expr_op_t op;
    vyre_type_t type;
    uint64_t a, value;
  } cases[] = {
      {VYRE_EXPR_NEG, VYRE_TYPE_U8, 1, 255},
      {VYRE_EXPR_NEG, VYRE_TYPE_I8, 0x80, I(8, -128)},
      {VYRE_EXPR_NEG, VYRE_TYPE_I64, 1, UINT64_MAX},
      {VYRE_EXPR_NOT, VYRE_TYPE_U16, 1, 0xFFFE},
      {VYRE_EXPR_NOT, VYRE_TYPE_I32, 0, UINT64_MAX},
      {VYRE_EXPR_LOGICAL_NOT, VYRE_TYPE_BOOL, 1, 0},
      {VYRE_EXPR_LOGICAL_NOT, VYRE_TYPE_BOOL, 0, 1},
      {VYRE_EXPR_POPCOUNT, VYRE_TYPE_U8, 255, 8},
      {VYRE_EXPR_POPCOUNT, VYRE_TYPE_I8, 0xFF, 8},
      {VYRE_EXPR_POPCOUNT, VYRE_TYPE_U16, 0x8001, 2},
      {VYRE_EXPR_POPCOUNT, VYRE_TYPE_I16, 0, 0},
      {VYRE_EXPR_POPCOUNT, VYRE_TYPE_U32, 0xF0F0F0F0, 16},
      {VYRE_EXPR_POPCOUNT, VYRE_TYPE_I32, UINT32_MAX, 32},
      {VYRE_EXPR_POPCOUNT, VYRE_TYPE_U64, UINT64_MAX, 64},
      {VYRE_EXPR_POPCOUNT, VYRE_TYPE_I64, INT64_MAX, 63},
      {VYRE_EXPR_CTZ, VYRE_TYPE_U8, 0, 8},
      {VYRE_EXPR_CTZ, VYRE_TYPE_I8, 0x80, 7},
      {VYRE_EXPR_CTZ, VYRE_TYPE_U16, 0, 16},
      {VYRE_EXPR_CTZ, VYRE_TYPE_I16, 0xFFFF, 0},
      {VYRE_EXPR_CTZ, VYRE_TYPE_U32, 0, 32},
      {VYRE_EXPR_CTZ, VYRE_TYPE_I32, 0x80000000, 31},
      {VYRE_EXPR_CTZ, VYRE_TYPE_U64, 0, 64},
      {VYRE_EXPR_CTZ, VYRE_TYPE_I64, UINT64_C(1) << 40, 40},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fixture_t f;
    fixture_open(&f, VYRE_TYPE_U8);
    vyre_expr_id_t a = vyre_build_const(&f.builder, cases[i].type, cases[i].a);
    add_sum(&f, vyre_build_unary(&f.builder, cases[i].op, a));
    fixture_expect_sum(&f, cases[i].value);
    fixture_close(&f);
  }
}

/* Truncates, or extends by the sign of the source; to bool: x != 0. The result is widened once more, to u64. */
static void casts(void **state) {
  (void)state;
  static const struct {
    vyre_type_t from, to;
    uint64_t a, value;
  } cases[] = {
      {VYRE_TYPE_U64, VYRE_TYPE_U8, 0x1234, 0x34},
      {VYRE_TYPE_U64, VYRE_TYPE_I8, 0x12F4, I(8, -12)},
      {VYRE_TYPE_I8, VYRE_TYPE_U16, 0xFF, 0xFFFF},
      {VYRE_TYPE_U8, VYRE_TYPE_I16, 0xFF, 0xFF},
      {VYRE_TYPE_I32, VYRE_TYPE_I64, 0x80000000, I(32, INT32_MIN)},
      {VYRE_TYPE_I32, VYRE_TYPE_U64, 0x80000000, I(32, INT32_MIN)},
      {VYRE_TYPE_U32, VYRE_TYPE_I64, 0x80000000, 0x80000000},
      {VYRE_TYPE_I64, VYRE_TYPE_I32, UINT64_C(0xFFFFFFFF7FFFFFFF), 0x7FFFFFFF},
      {VYRE_TYPE_U32, VYRE_TYPE_BOOL, 256, 1},
      {VYRE_TYPE_I8, VYRE_TYPE_BOOL, 0x80, 1},
      {VYRE_TYPE_U64, VYRE_TYPE_BOOL, 0, 0},
      {VYRE_TYPE_BOOL, VYRE_TYPE_I8, 1, 1},
      {VYRE_TYPE_BOOL, VYRE_TYPE_U64, 0, 0},
      {VYRE_TYPE_BOOL, VYRE_TYPE_BOOL, 1, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fixture_t f;
    fixture_open(&f, VYRE_TYPE_U8);
    vyre_expr_id_t a = vyre_build_const(&f.builder, cases[i].from, cases[i].a);
    add_sum(&f, to(&f.builder, cases[i].to, a));
    fixture_expect_sum(&f, cases[i].value);
    fixture_close(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arithmetic_wraps),
      cmocka_unit_test(shift_counts_are_modulo_the_width),
      cmocka_unit_test(division_rounds_towards_zero),
      cmocka_unit_test(order_follows_the_sign),
      cmocka_unit_test(bits),
      cmocka_unit_test(unary),
      cmocka_unit_test(casts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
