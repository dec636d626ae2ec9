/* Expressions, and what can be proven about them. */
#include "base/assert.h"
#include "codegen/lower.h"
#include "ir/typing.h"

/* ---- what can be proven about an index ---- */

/* Follows immutable lets and casts that keep the value of an unsigned expression. A cast from bool is 0 or 1. */
static const vyre_expr_t *resolve(const vyre_lower_t *l, const vyre_expr_t *e) {
  for (;;) {
    if (e->op == VYRE_EXPR_VAR && l->definitions[e->a]) {
      e = l->definitions[e->a];
    } else if (e->op == VYRE_EXPR_CAST && vyre_type_is_integer(e->type)) {
      const vyre_expr_t *inner = &l->program->exprs[e->a];
      if (vyre_type_is_signed(inner->type) || vyre_type_bits(e->type) < vyre_type_bits(inner->type)) return e;
      e = inner;
    } else {
      return e;
    }
  }
}

enum { PROOF_DEPTH = 8 };

static uint64_t max_value(const vyre_lower_t *l, const vyre_expr_t *expr, unsigned depth) {
  const vyre_expr_t *e = resolve(l, expr);
  uint64_t bound = vyre_type_mask(e->type);
  if (e->op == VYRE_EXPR_CONST) return e->imm;
  if (depth == 0 || vyre_type_is_signed(e->type)) return bound;
  const vyre_expr_t *exprs = l->program->exprs;
  uint64_t left, right;
  switch (e->op) {
    case VYRE_EXPR_AND:
    case VYRE_EXPR_MIN:
      left = max_value(l, &exprs[e->a], depth - 1);
      right = max_value(l, &exprs[e->b], depth - 1);
      return left < right ? left : right;
    case VYRE_EXPR_REM: {
      const vyre_expr_t *divisor = resolve(l, &exprs[e->b]);
      return divisor->op == VYRE_EXPR_CONST && divisor->imm ? divisor->imm - 1 : bound;
    }
    case VYRE_EXPR_SHR: {
      const vyre_expr_t *count = resolve(l, &exprs[e->b]);
      if (count->op != VYRE_EXPR_CONST) return bound;
      return max_value(l, &exprs[e->a], depth - 1) >> (count->imm % vyre_type_bits(e->type));
    }
    default: return bound;
  }
}

uint64_t vyre_lower_max_value(const vyre_lower_t *l, uint32_t expr) {
  return max_value(l, &l->program->exprs[expr], PROOF_DEPTH);
}

static bool is_bounded_by_len(const vyre_lower_t *l, const vyre_expr_t *expr, uint32_t param, unsigned depth) {
  const vyre_expr_t *e = resolve(l, expr);
  if (e->op == VYRE_EXPR_LEN) return e->a == param;
  if (e->op != VYRE_EXPR_MIN || depth == 0) return false;
  return is_bounded_by_len(l, &l->program->exprs[e->a], param, depth - 1) ||
         is_bounded_by_len(l, &l->program->exprs[e->b], param, depth - 1);
}

bool vyre_lower_is_bounded_by_len(const vyre_lower_t *l, uint32_t expr, uint32_t param) {
  return is_bounded_by_len(l, &l->program->exprs[expr], param, PROOF_DEPTH);
}

bool vyre_lower_in_range(const vyre_lower_t *l, const vyre_param_t *param, uint32_t param_index, uint32_t index_expr) {
  const vyre_expr_t *index = &l->program->exprs[index_expr];
  if (param->role == VYRE_ROLE_OUTPUT && max_value(l, index, PROOF_DEPTH) < param->count) return true;
  index = resolve(l, index);
  if (index->op != VYRE_EXPR_VAR || !l->ranges[index->a]) return false;
  return is_bounded_by_len(l, &l->program->exprs[l->ranges[index->a]->arg[1]], param_index, PROOF_DEPTH);
}

/* ---- nodes ---- */

static LLVMValueRef zero(const vyre_lower_t *l, vyre_type_t type) {
  return LLVMConstInt(vyre_lower_type(l, type), 0, false);
}

static LLVMValueRef lower_leaf(vyre_lower_t *l, const vyre_expr_t *e) {
  switch (e->op) {
    case VYRE_EXPR_CONST: return LLVMConstInt(vyre_lower_type(l, e->type), e->imm, false);
    case VYRE_EXPR_VAR: return vyre_lower_load(l, vyre_lower_type(l, e->type), l->vars[e->a], "");
    case VYRE_EXPR_LEN: {
      const vyre_param_t *param = &l->program->params[e->a];
      return param->role == VYRE_ROLE_STREAM ? l->data_elements : vyre_lower_i64(l, param->count);
    }
    case VYRE_EXPR_STREAM_OFFSET: return l->stream_offset;
    case VYRE_EXPR_IS_LAST: return l->is_last;
    default: VYRE_UNREACHABLE();
  }
}

/* One element of the words that were loaded for this turn of the loop. */
static LLVMValueRef wide_element(vyre_lower_t *l, LLVMTypeRef type) {
  unsigned bits = LLVMGetIntTypeWidth(type);
  unsigned word_bits = LLVMGetIntTypeWidth(LLVMGetElementType(LLVMTypeOf(l->wide)));
  unsigned each = word_bits / bits;
  LLVMValueRef word =
      LLVMBuildExtractElement(l->ir, l->wide, LLVMConstInt(l->i32, l->wide_element / each, false), "");
  LLVMValueRef shift = LLVMConstInt(LLVMTypeOf(word), l->wide_element % each * bits, false);
  return LLVMBuildTrunc(l->ir, LLVMBuildLShr(l->ir, word, shift, ""), type, "");
}

/* In the fast loop of a foreach a load that fails its check is skipped, not jumped away from. */
static LLVMValueRef lower_stream_load(vyre_lower_t *l, const vyre_expr_t *e) {
  LLVMTypeRef type = vyre_lower_type(l, e->type);
  const vyre_expr_t *at = resolve(l, &l->program->exprs[e->b]);
  if (l->wide_var && at->op == VYRE_EXPR_VAR && at->a == l->wide_var) return wide_element(l, type);
  LLVMValueRef index = LLVMBuildZExt(l->ir, vyre_lower_expr(l, e->b), l->i64, "");
  bool is_proven = vyre_lower_in_range(l, &l->program->params[e->a], e->a, e->b);
  LLVMBasicBlockRef skipped = NULL, join = NULL;
  if (!is_proven && l->is_checked) {
    LLVMValueRef outside = LLVMBuildICmp(l->ir, LLVMIntUGE, index, l->data_elements, "outside");
    vyre_lower_check(l, outside, VYRE_FAULT_OUT_OF_RANGE, vyre_node_of_expr(l->program, e));
    if (l->mode == VYRE_MODE_FAST) {
      LLVMBasicBlockRef load = vyre_lower_block(l, "load");
      join = vyre_lower_block(l, "loaded");
      skipped = LLVMGetInsertBlock(l->ir);
      LLVMBuildCondBr(l->ir, outside, join, load);
      LLVMPositionBuilderAtEnd(l->ir, load);
    }
  }
  LLVMValueRef address = LLVMBuildInBoundsGEP2(l->ir, type, l->data, &index, 1, "");
  LLVMValueRef value = vyre_lower_load(l, type, address, "");
  LLVMSetAlignment(value, vyre_type_bytes(e->type));
  if (!join) return value;
  LLVMBasicBlockRef loaded = LLVMGetInsertBlock(l->ir);
  vyre_lower_continue_in(l, join);
  LLVMValueRef phi = LLVMBuildPhi(l->ir, type, "");
  LLVMValueRef values[] = {LLVMConstInt(type, 0, false), value};
  LLVMBasicBlockRef blocks[] = {skipped, loaded};
  LLVMAddIncoming(phi, values, blocks, 2);
  return phi;
}

static LLVMValueRef lower_unary(vyre_lower_t *l, const vyre_expr_t *e) {
  LLVMValueRef a = vyre_lower_expr(l, e->a);
  switch (e->op) {
    case VYRE_EXPR_NEG: return LLVMBuildNeg(l->ir, a, "");
    case VYRE_EXPR_NOT:
    case VYRE_EXPR_LOGICAL_NOT: return LLVMBuildNot(l->ir, a, "");
    case VYRE_EXPR_POPCOUNT: return vyre_lower_intrinsic(l, "llvm.ctpop", vyre_lower_type(l, e->type), &a, 1);
    case VYRE_EXPR_CTZ: {
      LLVMValueRef arguments[] = {a, LLVMConstInt(l->i1, 0, false)}; /* of 0: the width, not poison */
      return vyre_lower_intrinsic(l, "llvm.cttz", vyre_lower_type(l, e->type), arguments, 2);
    }
    default: VYRE_UNREACHABLE();
  }
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
    LLVMValueRef divisor = LLVMBuildSelect(l->ir, is_zero, one, b, "");
    LLVMValueRef result = is_rem ? LLVMBuildURem(l->ir, a, divisor, "") : LLVMBuildUDiv(l->ir, a, divisor, "");
    return LLVMBuildSelect(l->ir, is_zero, none, result, "");
  }
  LLVMValueRef is_minus = LLVMBuildICmp(l->ir, LLVMIntEQ, b, LLVMConstAllOnes(type), "");
  LLVMValueRef is_special = LLVMBuildOr(l->ir, is_zero, is_minus, "");
  LLVMValueRef divisor = LLVMBuildSelect(l->ir, is_special, one, b, "");
  LLVMValueRef result = is_rem ? LLVMBuildSRem(l->ir, a, divisor, "") : LLVMBuildSDiv(l->ir, a, divisor, "");
  LLVMValueRef of_minus = is_rem ? none : LLVMBuildNeg(l->ir, a, "");
  return LLVMBuildSelect(l->ir, is_zero, none, LLVMBuildSelect(l->ir, is_minus, of_minus, result, ""), "");
}

static LLVMValueRef lower_extreme(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef a, LLVMValueRef b) {
  LLVMIntPredicate less = vyre_type_is_signed(e->type) ? LLVMIntSLT : LLVMIntULT;
  LLVMValueRef is_less = LLVMBuildICmp(l->ir, less, a, b, "");
  return e->op == VYRE_EXPR_MIN ? LLVMBuildSelect(l->ir, is_less, a, b, "") : LLVMBuildSelect(l->ir, is_less, b, a, "");
}

static LLVMValueRef lower_binary(vyre_lower_t *l, const vyre_expr_t *e) {
  LLVMValueRef a = vyre_lower_expr(l, e->a), b = vyre_lower_expr(l, e->b);
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
      LLVMValueRef mask = LLVMConstInt(vyre_lower_type(l, e->type), vyre_type_bits(e->type) - 1, false);
      LLVMValueRef count = LLVMBuildAnd(l->ir, b, mask, "");
      if (e->op == VYRE_EXPR_SHL) return LLVMBuildShl(l->ir, a, count, "");
      return vyre_type_is_signed(e->type) ? LLVMBuildAShr(l->ir, a, count, "") : LLVMBuildLShr(l->ir, a, count, "");
    }
    case VYRE_EXPR_MIN:
    case VYRE_EXPR_MAX: return lower_extreme(l, e, a, b);
    default: VYRE_UNREACHABLE();
  }
}

static LLVMValueRef lower_compare(vyre_lower_t *l, const vyre_expr_t *e) {
  bool is_signed = vyre_type_is_signed(l->program->exprs[e->a].type);
  LLVMValueRef a = vyre_lower_expr(l, e->a), b = vyre_lower_expr(l, e->b);
  LLVMIntPredicate predicate = LLVMIntEQ;
  switch (e->op) {
    case VYRE_EXPR_EQ: predicate = LLVMIntEQ; break;
    case VYRE_EXPR_NE: predicate = LLVMIntNE; break;
    case VYRE_EXPR_LT: predicate = is_signed ? LLVMIntSLT : LLVMIntULT; break;
    case VYRE_EXPR_LE: predicate = is_signed ? LLVMIntSLE : LLVMIntULE; break;
    case VYRE_EXPR_GT: predicate = is_signed ? LLVMIntSGT : LLVMIntUGT; break;
    case VYRE_EXPR_GE: predicate = is_signed ? LLVMIntSGE : LLVMIntUGE; break;
    default: VYRE_UNREACHABLE();
  }
  return LLVMBuildICmp(l->ir, predicate, a, b, "");
}

static LLVMValueRef lower_logic(vyre_lower_t *l, const vyre_expr_t *e) {
  bool is_and = e->op == VYRE_EXPR_LOGICAL_AND;
  LLVMValueRef left = vyre_lower_expr(l, e->a);
  LLVMBasicBlockRef decided = LLVMGetInsertBlock(l->ir);
  LLVMBasicBlockRef other = vyre_lower_block(l, "right"), join = vyre_lower_block(l, "logic");
  LLVMBuildCondBr(l->ir, left, is_and ? other : join, is_and ? join : other);
  LLVMPositionBuilderAtEnd(l->ir, other);
  LLVMValueRef right = vyre_lower_expr(l, e->b);
  LLVMBasicBlockRef evaluated = LLVMGetInsertBlock(l->ir);
  LLVMBuildBr(l->ir, join);
  LLVMPositionBuilderAtEnd(l->ir, join);
  LLVMValueRef phi = LLVMBuildPhi(l->ir, l->i1, "");
  LLVMValueRef values[] = {LLVMConstInt(l->i1, !is_and, false), right};
  LLVMBasicBlockRef blocks[] = {decided, evaluated};
  LLVMAddIncoming(phi, values, blocks, 2);
  return phi;
}

static LLVMValueRef lower_cast(vyre_lower_t *l, const vyre_expr_t *e) {
  vyre_type_t from = l->program->exprs[e->a].type;
  LLVMValueRef a = vyre_lower_expr(l, e->a);
  if (e->type == VYRE_TYPE_BOOL) return LLVMBuildICmp(l->ir, LLVMIntNE, a, zero(l, from), "");
  return LLVMBuildIntCast2(l->ir, a, vyre_lower_type(l, e->type), vyre_type_is_signed(from), "");
}

LLVMValueRef vyre_lower_expr(vyre_lower_t *l, uint32_t id) {
  const vyre_expr_t *e = &l->program->exprs[id];
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF: return lower_leaf(l, e);
    case VYRE_CLASS_LOAD: return lower_stream_load(l, e);
    case VYRE_CLASS_UNARY: return lower_unary(l, e);
    case VYRE_CLASS_BINARY: return lower_binary(l, e);
    case VYRE_CLASS_COMPARE: return lower_compare(l, e);
    case VYRE_CLASS_LOGIC: return lower_logic(l, e);
    case VYRE_CLASS_SELECT: {
      LLVMValueRef condition = vyre_lower_expr(l, e->a), yes = vyre_lower_expr(l, e->b), no = vyre_lower_expr(l, e->c);
      return LLVMBuildSelect(l->ir, condition, yes, no, "");
    }
    case VYRE_CLASS_CAST: return lower_cast(l, e);
    case VYRE_CLASS_PRIVILEGED: {
      LLVMValueRef operands[3] = {NULL, NULL, NULL};
      for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) operands[i] = vyre_lower_expr(l, vyre_expr_operand(e, i));
      return l->target->expr(l, e, operands);
    }
    default: break;
  }
  VYRE_UNREACHABLE();
}
