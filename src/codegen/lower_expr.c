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
    } else if (e->op == VYRE_EXPR_CAST && vyre_type_kind(e->type) == VYRE_KIND_UNSIGNED) {
      const vyre_expr_t *inner = &l->program->exprs[e->a];
      bool is_plain = inner->type == VYRE_TYPE_BOOL || vyre_type_kind(inner->type) == VYRE_KIND_UNSIGNED;
      if (!is_plain || vyre_type_bits(e->type) < vyre_type_bits(inner->type)) return e;
      e = inner;
    } else {
      return e;
    }
  }
}

enum { PROOF_DEPTH = 8 };

static uint64_t max_value(const vyre_lower_t *l, const vyre_expr_t *expr, unsigned depth);

static uint64_t max_operand(const vyre_lower_t *l, uint32_t operand, unsigned depth) {
  return max_value(l, &l->program->exprs[operand], depth - 1);
}

static uint64_t max_leaf(const vyre_lower_t *l, const vyre_expr_t *e, uint64_t bound, unsigned depth) {
  switch (e->op) {
    case VYRE_EXPR_LANE: return l->lanes.count - 1;
    case VYRE_EXPR_WORKGROUP_SIZE: return l->program->workgroup_size; /* in finish too, which has one lane */
    case VYRE_EXPR_SUBGROUP: return l->lanes.count / VYRE_SUBGROUP_LANES;
    case VYRE_EXPR_SUBGROUP_LANE: return VYRE_SUBGROUP_LANES - 1;
    case VYRE_EXPR_LEN: return l->program->params[e->a].count ? l->program->params[e->a].count : bound;
    case VYRE_EXPR_VAR: {
      if (!l->ranges[e->a]) return bound;
      uint64_t high = max_operand(l, l->ranges[e->a]->arg[1], depth);
      return high ? high - 1 : 0;
    }
    default: return bound;
  }
}

static uint64_t all_ones_from(uint64_t value) {
  uint64_t ones = 0;
  while (ones < value) ones = ones << 1 | 1;
  return ones;
}

static uint64_t max_binary(const vyre_lower_t *l, const vyre_expr_t *e, uint64_t bound, unsigned depth) {
  const vyre_expr_t *exprs = l->program->exprs;
  uint64_t left = max_operand(l, e->a, depth), right = max_operand(l, e->b, depth);
  const vyre_expr_t *fixed = resolve(l, &exprs[e->b]);
  uint64_t constant = fixed->op == VYRE_EXPR_CONST ? fixed->imm : 0;
  switch (e->op) {
    case VYRE_EXPR_AND:
    case VYRE_EXPR_MIN: return left < right ? left : right;
    case VYRE_EXPR_MAX: return left > right ? left : right;
    case VYRE_EXPR_OR:
    case VYRE_EXPR_XOR: return all_ones_from(left > right ? left : right);
    case VYRE_EXPR_ADD: return left <= bound && right <= bound - left ? left + right : bound;
    case VYRE_EXPR_MUL: return right == 0 || left <= bound / right ? left * right : bound;
    case VYRE_EXPR_REM: return constant && constant - 1 < left ? constant - 1 : left;
    case VYRE_EXPR_DIV: return constant ? left / constant : left;
    case VYRE_EXPR_SHR: return fixed->op == VYRE_EXPR_CONST ? left >> (constant % vyre_type_bits(e->type)) : left;
    case VYRE_EXPR_SHL:
      if (fixed->op != VYRE_EXPR_CONST || left > bound >> (constant % vyre_type_bits(e->type))) return bound;
      return left << (constant % vyre_type_bits(e->type));
    default: return bound;
  }
}

/* Of an unsigned expression; of others what their bits can be. */
static uint64_t max_value(const vyre_lower_t *l, const vyre_expr_t *expr, unsigned depth) {
  const vyre_expr_t *e = resolve(l, expr);
  uint64_t bound = vyre_type_mask(e->type);
  if (e->op == VYRE_EXPR_CONST) return e->imm;
  if (depth == 0 || vyre_type_kind(e->type) != VYRE_KIND_UNSIGNED) return bound;
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF: return max_leaf(l, e, bound, depth);
    case VYRE_CLASS_BINARY: return max_binary(l, e, bound, depth);
    case VYRE_CLASS_SELECT: {
      uint64_t yes = max_operand(l, e->b, depth), no = max_operand(l, e->c, depth);
      return yes > no ? yes : no;
    }
    case VYRE_CLASS_CAST: {
      const vyre_expr_t *inner = &l->program->exprs[e->a];
      if (e->op != VYRE_EXPR_CAST || vyre_type_kind(inner->type) != VYRE_KIND_UNSIGNED) return bound;
      uint64_t value = max_operand(l, e->a, depth);
      return value < bound ? value : bound;
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
  bool is_unsigned = vyre_type_kind(index->type) == VYRE_KIND_UNSIGNED;
  if (is_unsigned && max_value(l, index, PROOF_DEPTH) < param->count) return true;
  index = resolve(l, index);
  if (index->op != VYRE_EXPR_VAR || !l->ranges[index->a]) return false;
  return is_bounded_by_len(l, &l->program->exprs[l->ranges[index->a]->arg[1]], param_index, PROOF_DEPTH);
}

/* ---- nodes ---- */

static LLVMValueRef lower_id(vyre_lower_t *l, const vyre_expr_t *e) {
  LLVMValueRef none = LLVMConstInt(l->i32, 0, false);
  if (l->lanes.count == 1) return none;
  if (e->op == VYRE_EXPR_SUBGROUP)
    return l->lanes.subgroup ? LLVMBuildTrunc(l->ir, l->lanes.subgroup, l->i32, "") : none;
  LLVMValueRef lane = l->lanes.lane_number;
  if (e->op == VYRE_EXPR_LANE) return lane;
  return LLVMBuildAnd(l->ir, lane, LLVMConstInt(l->i32, VYRE_SUBGROUP_LANES - 1, false), "subgroup_lane");
}

static LLVMValueRef lower_leaf(vyre_lower_t *l, const vyre_expr_t *e) {
  switch (e->op) {
    case VYRE_EXPR_CONST: return vyre_lower_const(l, e->type, e->imm);
    case VYRE_EXPR_VAR:
      if (l->lanes.count > 1 && l->lanes.is_made[e->a])
        return vyre_lower_expr(l, (uint32_t)(l->definitions[e->a] - l->program->exprs));
      return vyre_lower_load(l, vyre_lower_type(l, e->type), vyre_lower_var(l, e->a), "");
    case VYRE_EXPR_LEN: return l->lengths[e->a];
    case VYRE_EXPR_STREAM_OFFSET: return l->stream_offset;
    case VYRE_EXPR_IS_LAST: return l->is_last;
    case VYRE_EXPR_HALO_LEFT: return l->halo_left;
    case VYRE_EXPR_HALO_RIGHT: return l->halo_right;
    case VYRE_EXPR_SCALAR: return l->buffers[e->a];
    case VYRE_EXPR_WORKGROUP_SIZE: return LLVMConstInt(l->i32, l->program->workgroup_size, false);
    case VYRE_EXPR_LANE:
    case VYRE_EXPR_SUBGROUP:
    case VYRE_EXPR_SUBGROUP_LANE: return lower_id(l, e);
    case VYRE_EXPR_OUTPUT: return vyre_lower_output_value(l, e);
    default: VYRE_UNREACHABLE();
  }
}

/* One element of the words that were loaded for this turn of the loop. */
static LLVMValueRef wide_element(vyre_lower_t *l, vyre_type_t type) {
  unsigned bits = vyre_type_bits(type), word_bits = LLVMGetIntTypeWidth(LLVMGetElementType(LLVMTypeOf(l->wide)));
  unsigned each = word_bits / bits;
  LLVMValueRef word = LLVMBuildExtractElement(l->ir, l->wide, LLVMConstInt(l->i32, l->wide_element / each, false), "");
  LLVMValueRef shift = LLVMConstInt(LLVMTypeOf(word), l->wide_element % each * bits, false);
  LLVMTypeRef plain = LLVMIntTypeInContext(l->context, bits);
  LLVMValueRef value = LLVMBuildTrunc(l->ir, LLVMBuildLShr(l->ir, word, shift, ""), plain, "");
  return LLVMBuildBitCast(l->ir, value, vyre_lower_type(l, type), "");
}

static LLVMValueRef lower_load(vyre_lower_t *l, const vyre_expr_t *e) {
  const vyre_expr_t *at = resolve(l, &l->program->exprs[e->b]);
  bool is_wide = l->wide_var && at->op == VYRE_EXPR_VAR && at->a == l->wide_var;
  if (is_wide && l->program->params[e->a].role == VYRE_ROLE_STREAM) return wide_element(l, e->type);
  return vyre_lower_load_element(l, e);
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

static LLVMValueRef lower_vector(vyre_lower_t *l, const vyre_expr_t *e, const LLVMValueRef parts[4]) {
  LLVMValueRef vector = LLVMGetPoison(vyre_lower_type(l, e->type));
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++)
    vector = LLVMBuildInsertElement(l->ir, vector, parts[i], LLVMConstInt(l->i32, i, false), "");
  return vector;
}

LLVMValueRef vyre_lower_expr(vyre_lower_t *l, uint32_t id) {
  const vyre_expr_t *e = &l->program->exprs[id];
  vyre_op_class_t class_ = vyre_expr_class(e->op);
  /* Those that do not simply evaluate their operands. */
  switch (class_) {
    case VYRE_CLASS_LEAF: return lower_leaf(l, e);
    case VYRE_CLASS_LOAD: return e->op == VYRE_EXPR_OUTPUT_AT ? vyre_lower_output_value(l, e) : lower_load(l, e);
    case VYRE_CLASS_LOGIC: return lower_logic(l, e);
    case VYRE_CLASS_ATOMIC: return vyre_lower_atomic(l, e);
    case VYRE_CLASS_CALL: return vyre_lower_call(l, e);
    default: break;
  }
  LLVMValueRef v[4] = {NULL, NULL, NULL, NULL};
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) v[i] = vyre_lower_expr(l, vyre_expr_operand(e, i));
  vyre_type_t from = l->program->exprs[e->a].type;
  switch (class_) {
    case VYRE_CLASS_UNARY: return vyre_lower_unary(l, e, v[0]);
    case VYRE_CLASS_BINARY: return vyre_lower_binary(l, e, v[0], v[1]);
    case VYRE_CLASS_TERNARY: return vyre_lower_intrinsic(l, "llvm.fma", vyre_lower_type(l, e->type), v, 3);
    case VYRE_CLASS_COMPARE: return vyre_lower_compare(l, e->op, from, v[0], v[1]);
    case VYRE_CLASS_SELECT: return LLVMBuildSelect(l->ir, v[0], v[1], v[2], "");
    case VYRE_CLASS_CAST:
      return e->op == VYRE_EXPR_CAST ? vyre_lower_cast(l, from, e->type, v[0])
                                     : vyre_lower_bitcast(l, from, e->type, v[0]);
    case VYRE_CLASS_MAKE: return lower_vector(l, e, v);
    case VYRE_CLASS_PART: return LLVMBuildExtractElement(l->ir, v[0], LLVMConstInt(l->i32, e->imm, false), "");
    case VYRE_CLASS_PRIVILEGED: return l->target->expr(l, e, v);
    default: VYRE_UNREACHABLE();
  }
}
