/* Arithmetic on values, as docs/language.md has it. Halfs are i16 here: they are converted only. */
#include <stdio.h>

#include "base/assert.h"
#include "codegen/lower.h"

static bool is_float(vyre_type_t type) { return vyre_type_is_float(type); }

LLVMValueRef vyre_lower_const(const vyre_lower_t *l, vyre_type_t type, uint64_t bits) {
  if (!is_float(type)) return LLVMConstInt(vyre_lower_type(l, type), bits, false);
  LLVMTypeRef word = type == VYRE_TYPE_F32 ? l->i32 : l->i64;
  return LLVMConstBitCast(LLVMConstInt(word, bits, false), vyre_lower_type(l, type));
}

static uint64_t nan_bits(vyre_type_t type) {
  return type == VYRE_TYPE_F32 ? UINT64_C(0x7FC00000) : UINT64_C(0x7FF8000000000000);
}

LLVMValueRef vyre_lower_seen(vyre_lower_t *l, vyre_type_t type, LLVMValueRef value) {
  if (is_float(type)) {
    LLVMValueRef is_nan = LLVMBuildFCmp(l->ir, LLVMRealUNO, value, value, "");
    return LLVMBuildSelect(l->ir, is_nan, vyre_lower_const(l, type, nan_bits(type)), value, "");
  }
  if (vyre_type_kind(type) != VYRE_KIND_HALF) return value;
  /* All exponent bits and some of the fraction. */
  bool is_f16 = type == VYRE_TYPE_F16;
  LLVMValueRef magnitude = LLVMBuildAnd(l->ir, value, LLVMConstInt(l->i16, 0x7FFF, false), "");
  LLVMValueRef infinity = LLVMConstInt(l->i16, is_f16 ? 0x7C00 : 0x7F80, false);
  LLVMValueRef is_nan = LLVMBuildICmp(l->ir, LLVMIntUGT, magnitude, infinity, "");
  return LLVMBuildSelect(l->ir, is_nan, LLVMConstInt(l->i16, is_f16 ? 0x7E00 : 0x7FC0, false), value, "");
}

/* A function of the runtime's: "vyre_exp_f32" and so on. The names are not libm's, because LLVM folds calls of those
 * that it knows, with results of its own. */
static LLVMValueRef call_math(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef *arguments, unsigned count) {
  char name[32];
  LLVMTypeRef type = vyre_lower_type(l, e->type);
  snprintf(name, sizeof name, "vyre_%s_%s", vyre_expr_text(e->op), vyre_type_text(e->type));
  return vyre_lower_runtime(l, name, type, arguments, count);
}

/* libclc's for a GPU (device_math.c). Its exp, exp2 and pow of f32 give 0 where the result is denormal: those of f64
 * are taken. Where pow does not hang on one side it does not hang on that being a NaN, which a host's function sees to.
 */
static LLVMValueRef call_device_math(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef *arguments, unsigned count) {
  bool is_pow = e->op == VYRE_EXPR_POW;
  bool is_wide = e->type == VYRE_TYPE_F32 && (is_pow || e->op == VYRE_EXPR_EXP || e->op == VYRE_EXPR_EXP2);
  LLVMTypeRef type = vyre_lower_type(l, e->type);
  vyre_expr_t wide = {.op = e->op, .type = VYRE_TYPE_F64};
  LLVMValueRef value, operands[2];
  for (unsigned i = 0; i < count; i++)
    operands[i] = is_wide ? LLVMBuildFPExt(l->ir, arguments[i], l->f64, "") : arguments[i];
  value = call_math(l, is_wide ? &wide : e, operands, count);
  if (is_wide) value = LLVMBuildFPTrunc(l->ir, value, type, "");
  if (!is_pow) return value;
  LLVMValueRef one = LLVMConstReal(type, 1), zero = LLVMConstReal(type, 0);
  LLVMValueRef is_one = LLVMBuildOr(l->ir, LLVMBuildFCmp(l->ir, LLVMRealOEQ, arguments[0], one, ""),
                                    LLVMBuildFCmp(l->ir, LLVMRealOEQ, arguments[1], zero, ""), "");
  return LLVMBuildSelect(l->ir, is_one, one, value, "");
}

static LLVMValueRef lower_function(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef *arguments, unsigned count) {
  return l->target->is_gpu ? call_device_math(l, e, arguments, count) : call_math(l, e, arguments, count);
}

LLVMValueRef vyre_lower_unary(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef a) {
  LLVMTypeRef type = vyre_lower_type(l, e->type);
  LLVMValueRef no = LLVMConstInt(l->i1, 0, false); /* of 0: the width, of MIN: MIN, and not poison */
  switch (e->op) {
    case VYRE_EXPR_NEG: return is_float(e->type) ? LLVMBuildFNeg(l->ir, a, "") : LLVMBuildNeg(l->ir, a, "");
    case VYRE_EXPR_NOT:
    case VYRE_EXPR_LOGICAL_NOT: return LLVMBuildNot(l->ir, a, "");
    case VYRE_EXPR_POPCOUNT: return vyre_lower_intrinsic(l, "llvm.ctpop", type, &a, 1);
    case VYRE_EXPR_CTZ: return vyre_lower_intrinsic(l, "llvm.cttz", type, (LLVMValueRef[]){a, no}, 2);
    case VYRE_EXPR_CLZ: return vyre_lower_intrinsic(l, "llvm.ctlz", type, (LLVMValueRef[]){a, no}, 2);
    case VYRE_EXPR_BIT_REVERSE: return vyre_lower_intrinsic(l, "llvm.bitreverse", type, &a, 1);
    case VYRE_EXPR_BYTE_SWAP:
      return vyre_type_bits(e->type) == 8 ? a : vyre_lower_intrinsic(l, "llvm.bswap", type, &a, 1);
    case VYRE_EXPR_ABS:
      if (is_float(e->type)) return vyre_lower_intrinsic(l, "llvm.fabs", type, &a, 1);
      return vyre_type_is_signed(e->type) ? vyre_lower_intrinsic(l, "llvm.abs", type, (LLVMValueRef[]){a, no}, 2) : a;
    case VYRE_EXPR_SQRT: return vyre_lower_intrinsic(l, "llvm.sqrt", type, &a, 1);
    case VYRE_EXPR_FLOOR: return vyre_lower_intrinsic(l, "llvm.floor", type, &a, 1);
    case VYRE_EXPR_CEIL: return vyre_lower_intrinsic(l, "llvm.ceil", type, &a, 1);
    case VYRE_EXPR_TRUNC: return vyre_lower_intrinsic(l, "llvm.trunc", type, &a, 1);
    case VYRE_EXPR_RINT: return vyre_lower_intrinsic(l, "llvm.rint", type, &a, 1);
    case VYRE_EXPR_EXP:
    case VYRE_EXPR_EXP2:
    case VYRE_EXPR_LOG:
    case VYRE_EXPR_LOG2:
    case VYRE_EXPR_SIN:
    case VYRE_EXPR_COS: return lower_function(l, e, &a, 1);
    default: VYRE_UNREACHABLE();
  }
}

/* A divisor that is not known, and not 0. LLVM 19's vectorizer computes the addresses in a loop before the loop, and
 * when a guarded division is part of one it does that without the guard: not when it does not know the divisor there.
 */
static LLVMValueRef hidden(vyre_lower_t *l, LLVMValueRef divisor, bool is_constant) {
  return is_constant || l->target->is_gpu ? divisor : vyre_lower_opaque(l, divisor);
}

/* Zero and, for signed types, -1 are kept away from the machine's division, which would trap. */
static LLVMValueRef lower_division(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef type = vyre_lower_type(l, e->type);
  bool is_signed = vyre_type_is_signed(e->type), is_rem = e->op == VYRE_EXPR_REM;
  LLVMValueRef none = LLVMConstInt(type, 0, false), one = LLVMConstInt(type, 1, false);
  LLVMValueRef is_zero = LLVMBuildICmp(l->ir, LLVMIntEQ, b, none, "");
  bool is_constant = LLVMIsAConstantInt(b) && LLVMConstIntGetZExtValue(b) != 0;
  if (!is_constant) vyre_lower_check(l, is_zero, VYRE_FAULT_DIVISION, vyre_node_of_expr(l->program, e));
  if (!is_signed) {
    LLVMValueRef divisor = hidden(l, LLVMBuildSelect(l->ir, is_zero, one, b, ""), is_constant);
    LLVMValueRef result = is_rem ? LLVMBuildURem(l->ir, a, divisor, "") : LLVMBuildUDiv(l->ir, a, divisor, "");
    return LLVMBuildSelect(l->ir, is_zero, none, result, "");
  }
  LLVMValueRef is_minus = LLVMBuildICmp(l->ir, LLVMIntEQ, b, LLVMConstAllOnes(type), "");
  LLVMValueRef is_special = LLVMBuildOr(l->ir, is_zero, is_minus, "");
  LLVMValueRef divisor = hidden(l, LLVMBuildSelect(l->ir, is_special, one, b, ""), is_constant);
  LLVMValueRef result = is_rem ? LLVMBuildSRem(l->ir, a, divisor, "") : LLVMBuildSDiv(l->ir, a, divisor, "");
  LLVMValueRef of_minus = is_rem ? none : LLVMBuildNeg(l->ir, a, "");
  return LLVMBuildSelect(l->ir, is_zero, none, LLVMBuildSelect(l->ir, is_minus, of_minus, result, ""), "");
}

/* LLVM 19's minimum and maximum take a signaling NaN for a number where the machine has vfpclass. Equal values differ
 * in the sign of 0 at most: the minimum has the sign of either, the maximum of both. */
static LLVMValueRef float_extreme(vyre_lower_t *l, bool is_min, vyre_type_t type, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef word = type == VYRE_TYPE_F32 ? l->i32 : l->i64, lowered = vyre_lower_type(l, type);
  LLVMValueRef a_bits = LLVMBuildBitCast(l->ir, a, word, ""), b_bits = LLVMBuildBitCast(l->ir, b, word, "");
  LLVMValueRef bits = is_min ? LLVMBuildOr(l->ir, a_bits, b_bits, "") : LLVMBuildAnd(l->ir, a_bits, b_bits, "");
  LLVMValueRef equal = LLVMBuildBitCast(l->ir, bits, lowered, "");
  LLVMValueRef is_a = LLVMBuildFCmp(l->ir, is_min ? LLVMRealOLT : LLVMRealOGT, a, b, "");
  LLVMValueRef is_b = LLVMBuildFCmp(l->ir, is_min ? LLVMRealOGT : LLVMRealOLT, a, b, "");
  LLVMValueRef is_nan = LLVMBuildFCmp(l->ir, LLVMRealUNO, a, b, "");
  LLVMValueRef other = LLVMBuildSelect(l->ir, is_nan, vyre_lower_const(l, type, nan_bits(type)), equal, "");
  return LLVMBuildSelect(l->ir, is_a, a, LLVMBuildSelect(l->ir, is_b, b, other, ""), "");
}

LLVMValueRef vyre_lower_extreme(vyre_lower_t *l, bool is_min, vyre_type_t type, LLVMValueRef a, LLVMValueRef b) {
  if (is_float(type)) return float_extreme(l, is_min, type, a, b);
  LLVMValueRef is_less = LLVMBuildICmp(l->ir, vyre_type_is_signed(type) ? LLVMIntSLT : LLVMIntULT, a, b, "");
  return is_min ? LLVMBuildSelect(l->ir, is_less, a, b, "") : LLVMBuildSelect(l->ir, is_less, b, a, "");
}

/* By an instruction of its own on a GPU, which has no 128 bits: LLVM would widen a division beside the product to them
 * and end the process, because there is no function for it. */
static LLVMValueRef lower_mulhigh(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef a, LLVMValueRef b) {
  unsigned bits = vyre_type_bits(e->type);
  bool is_signed = vyre_type_is_signed(e->type);
  if (l->target->is_gpu && bits == 64)
    return vyre_lower_intrinsic(l, is_signed ? "llvm.nvvm.mulhi.ll" : "llvm.nvvm.mulhi.ull", NULL,
                                (LLVMValueRef[]){a, b}, 2);
  LLVMTypeRef narrow = vyre_lower_type(l, e->type), wide = LLVMIntTypeInContext(l->context, 2 * bits);
  LLVMValueRef product = LLVMBuildMul(l->ir, LLVMBuildIntCast2(l->ir, a, wide, is_signed, ""),
                                      LLVMBuildIntCast2(l->ir, b, wide, is_signed, ""), "");
  LLVMValueRef upper = LLVMBuildLShr(l->ir, product, LLVMConstInt(wide, bits, false), "");
  return LLVMBuildTrunc(l->ir, upper, narrow, "");
}

static LLVMValueRef lower_float_binary(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef a, LLVMValueRef b) {
  switch (e->op) {
    case VYRE_EXPR_ADD: return LLVMBuildFAdd(l->ir, a, b, "");
    case VYRE_EXPR_SUB: return LLVMBuildFSub(l->ir, a, b, "");
    case VYRE_EXPR_MUL: return LLVMBuildFMul(l->ir, a, b, "");
    case VYRE_EXPR_DIV: return LLVMBuildFDiv(l->ir, a, b, "");
    case VYRE_EXPR_POW: return lower_function(l, e, (LLVMValueRef[]){a, b}, 2);
    default: VYRE_UNREACHABLE();
  }
}

LLVMValueRef vyre_lower_binary(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef type = vyre_lower_type(l, e->type);
  LLVMValueRef both[] = {a, b}, rotated[] = {a, a, b};
  bool is_signed = vyre_type_is_signed(e->type);
  if (e->op == VYRE_EXPR_MIN || e->op == VYRE_EXPR_MAX)
    return vyre_lower_extreme(l, e->op == VYRE_EXPR_MIN, e->type, a, b);
  if (is_float(e->type)) return lower_float_binary(l, e, a, b);
  switch (e->op) {
    case VYRE_EXPR_ADD: return LLVMBuildAdd(l->ir, a, b, "");
    case VYRE_EXPR_SUB: return LLVMBuildSub(l->ir, a, b, "");
    case VYRE_EXPR_MUL: return LLVMBuildMul(l->ir, a, b, "");
    case VYRE_EXPR_DIV:
    case VYRE_EXPR_REM: return lower_division(l, e, a, b);
    case VYRE_EXPR_AND: return LLVMBuildAnd(l->ir, a, b, "");
    case VYRE_EXPR_OR: return LLVMBuildOr(l->ir, a, b, "");
    case VYRE_EXPR_XOR: return LLVMBuildXor(l->ir, a, b, "");
    case VYRE_EXPR_SHL:
    case VYRE_EXPR_SHR: {
      LLVMValueRef count = LLVMBuildAnd(l->ir, b, LLVMConstInt(type, vyre_type_bits(e->type) - 1, false), "");
      if (e->op == VYRE_EXPR_SHL) return LLVMBuildShl(l->ir, a, count, "");
      return is_signed ? LLVMBuildAShr(l->ir, a, count, "") : LLVMBuildLShr(l->ir, a, count, "");
    }
    case VYRE_EXPR_ADD_SAT:
      return vyre_lower_intrinsic(l, is_signed ? "llvm.sadd.sat" : "llvm.uadd.sat", type, both, 2);
    case VYRE_EXPR_SUB_SAT:
      return vyre_lower_intrinsic(l, is_signed ? "llvm.ssub.sat" : "llvm.usub.sat", type, both, 2);
    case VYRE_EXPR_MULHIGH: return lower_mulhigh(l, e, a, b);
    case VYRE_EXPR_ROTL: return vyre_lower_intrinsic(l, "llvm.fshl", type, rotated, 3);
    case VYRE_EXPR_ROTR: return vyre_lower_intrinsic(l, "llvm.fshr", type, rotated, 3);
    case VYRE_EXPR_ABS_DIFF:
      return LLVMBuildSub(l->ir, vyre_lower_extreme(l, false, e->type, a, b),
                          vyre_lower_extreme(l, true, e->type, a, b), "");
    default: VYRE_UNREACHABLE();
  }
}

LLVMValueRef vyre_lower_compare(vyre_lower_t *l, vyre_expr_op_t op, vyre_type_t type, LLVMValueRef a, LLVMValueRef b) {
  static const struct {
    LLVMIntPredicate is_unsigned, is_signed;
    LLVMRealPredicate is_float;
  } predicates[] = {{LLVMIntEQ, LLVMIntEQ, LLVMRealOEQ},   {LLVMIntNE, LLVMIntNE, LLVMRealUNE},
                    {LLVMIntULT, LLVMIntSLT, LLVMRealOLT}, {LLVMIntULE, LLVMIntSLE, LLVMRealOLE},
                    {LLVMIntUGT, LLVMIntSGT, LLVMRealOGT}, {LLVMIntUGE, LLVMIntSGE, LLVMRealOGE}};
  unsigned i = (unsigned)op - VYRE_EXPR_EQ;
  VYRE_ASSERT(i < sizeof predicates / sizeof *predicates);
  if (is_float(type)) return LLVMBuildFCmp(l->ir, predicates[i].is_float, a, b, "");
  bool is_signed = vyre_type_is_signed(type);
  return LLVMBuildICmp(l->ir, is_signed ? predicates[i].is_signed : predicates[i].is_unsigned, a, b, "");
}

/* A GPU converts f16 itself. To bf16 only f32 is narrowed: the 24 bits of an f32 that was rounded to odd are enough to
 * round to 8 once more as if it were the first time (Boldo, Melquiond: Emulation of FMA and Correctly Rounded Sums,
 * 2008, theorem 3). */
static LLVMValueRef narrow_to_bf16(vyre_lower_t *l, vyre_type_t from, LLVMValueRef a) {
  LLVMValueRef one = LLVMConstInt(l->i32, 1, false), sixteen = LLVMConstInt(l->i32, 16, false), bits;
  LLVMValueRef is_nan = LLVMBuildFCmp(l->ir, LLVMRealUNO, a, a, "");
  if (from == VYRE_TYPE_F32) {
    bits = LLVMBuildBitCast(l->ir, a, l->i32, "");
  } else {
    LLVMValueRef nearest = LLVMBuildFPTrunc(l->ir, a, l->f32, ""), back = LLVMBuildFPExt(l->ir, nearest, l->f64, "");
    LLVMValueRef far = vyre_lower_intrinsic(l, "llvm.fabs", l->f64, &back, 1);
    LLVMValueRef wanted = vyre_lower_intrinsic(l, "llvm.fabs", l->f64, &a, 1);
    LLVMValueRef is_over = LLVMBuildZExt(l->ir, LLVMBuildFCmp(l->ir, LLVMRealOGT, far, wanted, ""), l->i32, "");
    LLVMValueRef is_inexact = LLVMBuildZExt(l->ir, LLVMBuildFCmp(l->ir, LLVMRealUNE, back, a, ""), l->i32, "");
    bits = LLVMBuildSub(l->ir, LLVMBuildBitCast(l->ir, nearest, l->i32, ""), is_over, ""); /* towards zero */
    bits = LLVMBuildOr(l->ir, bits, is_inexact, "");
  }
  LLVMValueRef lowest = LLVMBuildAnd(l->ir, LLVMBuildLShr(l->ir, bits, sixteen, ""), one, "");
  LLVMValueRef half = LLVMBuildAdd(l->ir, lowest, LLVMConstInt(l->i32, 0x7FFF, false), "");
  bits = LLVMBuildLShr(l->ir, LLVMBuildAdd(l->ir, bits, half, ""), sixteen, "");
  LLVMValueRef result = LLVMBuildTrunc(l->ir, bits, l->i16, "");
  return LLVMBuildSelect(l->ir, is_nan, LLVMConstInt(l->i16, 0x7FC0, false), result, "");
}

static LLVMValueRef cast_half_on_gpu(vyre_lower_t *l, vyre_type_t from, vyre_type_t to, LLVMValueRef a) {
  LLVMTypeRef half = LLVMHalfTypeInContext(l->context);
  if (from == VYRE_TYPE_F16) {
    a = LLVMBuildFPExt(l->ir, LLVMBuildBitCast(l->ir, a, half, ""), l->f32, "");
    from = VYRE_TYPE_F32;
  } else if (from == VYRE_TYPE_BF16) {
    a = LLVMBuildShl(l->ir, LLVMBuildZExt(l->ir, a, l->i32, ""), LLVMConstInt(l->i32, 16, false), "");
    a = LLVMBuildBitCast(l->ir, a, l->f32, "");
    from = VYRE_TYPE_F32;
  }
  if (to == VYRE_TYPE_BF16) return narrow_to_bf16(l, from, a);
  if (to != VYRE_TYPE_F16) return to == VYRE_TYPE_F64 ? LLVMBuildFPExt(l->ir, a, l->f64, "") : a;
  LLVMValueRef is_nan = LLVMBuildFCmp(l->ir, LLVMRealUNO, a, a, "");
  LLVMValueRef result = LLVMBuildBitCast(l->ir, LLVMBuildFPTrunc(l->ir, a, half, ""), l->i16, "");
  return LLVMBuildSelect(l->ir, is_nan, LLVMConstInt(l->i16, 0x7E00, false), result, "");
}

/* To and from f16 and bf16, by the same integer code that ref has; exact widening of bf16 is a shift. */
static LLVMValueRef cast_half(vyre_lower_t *l, vyre_type_t from, vyre_type_t to, LLVMValueRef a) {
  if (l->target->is_gpu) return cast_half_on_gpu(l, from, to, a);
  if (from == VYRE_TYPE_BF16 && to == VYRE_TYPE_F32) {
    LLVMValueRef wide = LLVMBuildZExt(l->ir, a, l->i32, "");
    return LLVMBuildBitCast(l->ir, LLVMBuildShl(l->ir, wide, LLVMConstInt(l->i32, 16, false), ""), l->f32, "");
  }
  LLVMTypeRef from_word = LLVMIntTypeInContext(l->context, vyre_type_bits(from));
  LLVMTypeRef to_word = LLVMIntTypeInContext(l->context, vyre_type_bits(to));
  LLVMValueRef bits = is_float(from) ? LLVMBuildBitCast(l->ir, a, from_word, "") : a;
  LLVMValueRef arguments[] = {LLVMConstInt(l->i32, from, false), LLVMConstInt(l->i32, to, false),
                              LLVMBuildZExtOrBitCast(l->ir, bits, l->i64, "")};
  LLVMValueRef result = vyre_lower_runtime(l, "vyre_cast", l->i64, arguments, 3);
  result = LLVMBuildTruncOrBitCast(l->ir, result, to_word, "");
  return is_float(to) ? LLVMBuildBitCast(l->ir, result, vyre_lower_type(l, to), "") : result;
}

/* Float to integer: stops at the ends of the type, NaN is 0. The intrinsic has two types in its name. */
static LLVMValueRef saturate(vyre_lower_t *l, vyre_type_t from, vyre_type_t to, LLVMValueRef a) {
  const char *name = vyre_type_is_signed(to) ? "llvm.fptosi.sat" : "llvm.fptoui.sat";
  LLVMTypeRef types[] = {vyre_lower_type(l, to), vyre_lower_type(l, from)};
  return vyre_lower_intrinsic_of(l, name, types, 2, &a, 1);
}

LLVMValueRef vyre_lower_cast(vyre_lower_t *l, vyre_type_t from, vyre_type_t to, LLVMValueRef a) {
  LLVMTypeRef type = vyre_lower_type(l, to);
  if (from == to) return a;
  if (vyre_type_kind(from) == VYRE_KIND_HALF || vyre_type_kind(to) == VYRE_KIND_HALF) return cast_half(l, from, to, a);
  if (to == VYRE_TYPE_BOOL) return vyre_lower_compare(l, VYRE_EXPR_NE, from, a, vyre_lower_const(l, from, 0));
  if (is_float(from)) return is_float(to) ? LLVMBuildFPCast(l->ir, a, type, "") : saturate(l, from, to, a);
  bool is_signed = vyre_type_is_signed(from);
  if (is_float(to)) return is_signed ? LLVMBuildSIToFP(l->ir, a, type, "") : LLVMBuildUIToFP(l->ir, a, type, "");
  return LLVMBuildIntCast2(l->ir, a, type, is_signed, "");
}

LLVMValueRef vyre_lower_bitcast(vyre_lower_t *l, vyre_type_t from, vyre_type_t to, LLVMValueRef a) {
  a = vyre_lower_seen(l, from, a);
  bool is_same = vyre_lower_type(l, from) == vyre_lower_type(l, to); /* halfs are integers here */
  return is_same ? a : LLVMBuildBitCast(l->ir, a, vyre_lower_type(l, to), "");
}
