/* What the threads of a group do together: memory that they share, what one does for all, sums over all.
 *
 * Code outside of iterations and lanes is executed by all threads alike: their control flow must never differ there,
 * because they meet at barriers. So a value that might differ (a load from memory that somebody else may change
 * meanwhile, the old value of an atomic) is read by one of them and told to the others. */
#include "base/assert.h"
#include "codegen/lower.h"
#include "ir/typing.h"

/* What a kernel may declare is 48 KiB on every architecture; the megakernel's loop has 8 of them, words of this file
 * and commands the rest. */
enum { SHARED_BYTES_MAX = 38 << 10 };

/* ---- memory ---- */

static uint32_t take(vyre_group_memory_t *memory, uint32_t bytes) {
  bytes = (bytes + 15) / 16 * 16;
  if (memory->bytes + bytes > SHARED_BYTES_MAX) return VYRE_NOT_SHARED;
  uint32_t offset = memory->bytes;
  memory->bytes += bytes;
  return offset;
}

static bool has_class(const vyre_program_t *p, vyre_op_class_t class_) {
  for (uint32_t i = 1; i < p->expr_count; i++)
    if (vyre_expr_class(p->exprs[i].op) == class_) return true;
  return false;
}

/* The small things that are always shared first. */
void vyre_lower_plan_shared(const vyre_program_t *program, vyre_group_memory_t *out_memory) {
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  *out_memory = (vyre_group_memory_t){0};
  bool has_records = false, has_float_sums = false;
  for (uint32_t i = 0; i < program->param_count; i++) {
    has_records |= program->params[i].role == VYRE_ROLE_OUTPUT && program->params[i].reducer == VYRE_REDUCER_APPEND;
    has_float_sums |= vyre_lower_is_float_sum(&program->params[i]);
  }
  if (has_records) out_memory->counts = take(out_memory, 8 * program->param_count);
  if (has_float_sums) out_memory->blocks = take(out_memory, 8 * VYRE_GROUP_BLOCKS * program->param_count);
  if (program->workgroup_size > 1 && has_class(program, VYRE_CLASS_WORKGROUP)) {
    out_memory->parts = take(out_memory, 16 * (program->workgroup_size / VYRE_SUBGROUP_LANES));
    out_memory->values = take(out_memory, 8 * program->workgroup_size);
  }
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    out_memory->offset[i] = VYRE_NOT_SHARED;
    bool is_table = param->role == VYRE_ROLE_OUTPUT && param->count && vyre_reducer_is_commutative(param->reducer);
    if (is_table || param->role == VYRE_ROLE_WORKGROUP)
      out_memory->offset[i] = take(out_memory, layout.table_stride[i]);
  }
}

LLVMValueRef vyre_lower_add_shared(vyre_lower_t *l, const char *name, LLVMTypeRef type, unsigned alignment) {
  LLVMValueRef global = LLVMGetNamedGlobal(l->module, name);
  if (global) return global;
  unsigned space = l->target->shared_space;
  global = LLVMAddGlobalInAddressSpace(l->module, type, name, space);
  LLVMSetLinkage(global, LLVMInternalLinkage);
  LLVMSetInitializer(global, space ? LLVMGetUndef(type) : LLVMConstNull(type));
  LLVMSetAlignment(global, alignment);
  return global;
}

LLVMValueRef vyre_lower_shared(vyre_lower_t *l, uint32_t offset) {
  LLVMValueRef memory = LLVMGetNamedGlobal(l->module, VYRE_KERNEL_SHARED);
  if (l->target->shared_space) memory = LLVMBuildAddrSpaceCast(l->ir, memory, l->ptr, "");
  return vyre_lower_byte_offset(l, memory, offset);
}

/* ---- one for all ---- */

bool vyre_lower_is_alike(const vyre_lower_t *l) { return l->is_group && l->mode == VYRE_MODE_UNIFORM; }

LLVMValueRef vyre_lower_is_first(vyre_lower_t *l) {
  return LLVMBuildICmp(l->ir, LLVMIntEQ, l->thread, vyre_lower_i64(l, 0), "is_first");
}

vyre_first_t vyre_lower_begin_first(vyre_lower_t *l) {
  vyre_first_t first = {.is_warp = l->mode == VYRE_MODE_SUBGROUP};
  if (!l->is_group || (l->mode != VYRE_MODE_UNIFORM && l->mode != VYRE_MODE_SUBGROUP)) return first;
  LLVMValueRef is_mine =
      first.is_warp ? LLVMBuildICmp(l->ir, LLVMIntEQ, l->warp_lane, vyre_lower_i64(l, 0), "") : vyre_lower_is_first(l);
  LLVMBasicBlockRef mine = vyre_lower_block(l, "first");
  first.after = vyre_lower_block(l, "after_first");
  first.before = LLVMGetInsertBlock(l->ir);
  LLVMBuildCondBr(l->ir, is_mine, mine, first.after);
  LLVMPositionBuilderAtEnd(l->ir, mine);
  return first;
}

static LLVMValueRef told_word(vyre_lower_t *l) {
  return vyre_lower_add_shared(l, "group_told", LLVMArrayType2(l->i64, 3), 16);
}

LLVMValueRef vyre_lower_end_first(vyre_lower_t *l, vyre_first_t first, LLVMValueRef value) {
  if (!first.after) return value;
  LLVMTypeRef type = value ? LLVMTypeOf(value) : NULL;
  bool is_told = value && !first.is_warp;
  if (is_told) LLVMBuildStore(l->ir, value, told_word(l));
  LLVMBasicBlockRef from = LLVMGetInsertBlock(l->ir);
  vyre_lower_continue_in(l, first.after);
  if (!value) return NULL;
  if (first.is_warp) {
    LLVMValueRef phi = LLVMBuildPhi(l->ir, type, "");
    LLVMAddIncoming(phi, (LLVMValueRef[]){LLVMConstNull(type), value}, (LLVMBasicBlockRef[]){first.before, from}, 2);
    return vyre_lower_shuffle(l, phi, LLVMConstInt(l->i32, 0, false));
  }
  l->target->barrier(l);
  LLVMValueRef told = vyre_lower_load(l, type, told_word(l), "told");
  l->target->barrier(l); /* all have read it */
  return told;
}

void vyre_lower_tell_fault(vyre_lower_t *l, LLVMValueRef is_owner) {
  LLVMValueRef word = told_word(l);
  LLVMBasicBlockRef owner = vyre_lower_block(l, "owner"), after = vyre_lower_block(l, "told");
  LLVMBuildCondBr(l->ir, is_owner, owner, after);
  LLVMPositionBuilderAtEnd(l->ir, owner);
  LLVMBuildStore(l->ir, vyre_lower_load(l, l->i32, l->fault, ""), word);
  LLVMBuildStore(l->ir, vyre_lower_load(l, l->i32, l->node, ""), vyre_lower_byte_offset(l, word, 8));
  LLVMBuildStore(l->ir, vyre_lower_load(l, l->i64, l->iteration, ""), vyre_lower_byte_offset(l, word, 16));
  vyre_lower_continue_in(l, after);
  l->target->barrier(l);
  LLVMBuildStore(l->ir, vyre_lower_load(l, l->i32, word, ""), l->fault);
  LLVMBuildStore(l->ir, vyre_lower_load(l, l->i32, vyre_lower_byte_offset(l, word, 8), ""), l->node);
  LLVMBuildStore(l->ir, vyre_lower_load(l, l->i64, vyre_lower_byte_offset(l, word, 16), ""), l->iteration);
  l->target->barrier(l);
}

/* ---- over all ---- */

LLVMValueRef vyre_lower_shuffle(vyre_lower_t *l, LLVMValueRef value, LLVMValueRef lane) {
  LLVMTypeRef type = LLVMTypeOf(value);
  LLVMTypeKind kind = LLVMGetTypeKind(type);
  if (kind == LLVMVectorTypeKind) {
    LLVMValueRef result = LLVMGetPoison(type);
    for (unsigned i = 0; i < LLVMGetVectorSize(type); i++) {
      LLVMValueRef at = LLVMConstInt(l->i32, i, false);
      LLVMValueRef word = l->target->shuffle(l, LLVMBuildExtractElement(l->ir, value, at, ""), lane);
      result = LLVMBuildInsertElement(l->ir, result, word, at, "");
    }
    return result;
  }
  bool is_float = kind != LLVMIntegerTypeKind;
  LLVMTypeRef bits = is_float ? type == l->f32 ? l->i32 : l->i64 : type;
  LLVMValueRef word = LLVMBuildBitCast(l->ir, value, bits, "");
  if (LLVMGetIntTypeWidth(bits) == 64) {
    LLVMValueRef half = vyre_lower_i64(l, 32);
    LLVMValueRef low = l->target->shuffle(l, LLVMBuildTrunc(l->ir, word, l->i32, ""), lane);
    LLVMValueRef high =
        l->target->shuffle(l, LLVMBuildTrunc(l->ir, LLVMBuildLShr(l->ir, word, half, ""), l->i32, ""), lane);
    high = LLVMBuildShl(l->ir, LLVMBuildZExt(l->ir, high, l->i64, ""), half, "");
    word = LLVMBuildOr(l->ir, LLVMBuildZExt(l->ir, low, l->i64, ""), high, "");
  } else {
    word = l->target->shuffle(l, LLVMBuildZExtOrBitCast(l->ir, word, l->i32, ""), lane);
    word = LLVMBuildTruncOrBitCast(l->ir, word, bits, "");
  }
  return LLVMBuildBitCast(l->ir, word, type, "");
}

/* One word: set by the first, updated by all, read by all. */
static LLVMValueRef over_group(vyre_lower_t *l, LLVMAtomicRMWBinOp op, uint64_t identity, LLVMValueRef value) {
  LLVMValueRef word = vyre_lower_add_shared(l, "group_word", l->i64, 8);
  LLVMBasicBlockRef first = vyre_lower_block(l, "first"), after = vyre_lower_block(l, "after_first");
  l->target->barrier(l); /* what was there has been read */
  LLVMBuildCondBr(l->ir, vyre_lower_is_first(l), first, after);
  LLVMPositionBuilderAtEnd(l->ir, first);
  LLVMBuildStore(l->ir, vyre_lower_i64(l, identity), word);
  vyre_lower_continue_in(l, after);
  l->target->barrier(l);
  LLVMBuildAtomicRMW(l->ir, op, word, value, LLVMAtomicOrderingMonotonic, false);
  l->target->barrier(l);
  LLVMValueRef result = vyre_lower_load(l, l->i64, word, "");
  LLVMSetVolatile(result, true);
  return result;
}

LLVMValueRef vyre_lower_group_sum(vyre_lower_t *l, LLVMValueRef value) {
  return over_group(l, LLVMAtomicRMWBinOpAdd, 0, value);
}

LLVMValueRef vyre_lower_group_min(vyre_lower_t *l, LLVMValueRef value) {
  return over_group(l, LLVMAtomicRMWBinOpUMin, UINT64_MAX, value);
}
