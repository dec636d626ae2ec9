/* What a call contributes to its outputs. One thread keeps scalars in registers and array outputs in its worker's
 * scratch, in several copies. A group keeps a scalar per thread and one table that all its threads add to atomically.
 */
#include "codegen/lower.h"

static bool is_output(const vyre_param_t *param) { return param->role == VYRE_ROLE_OUTPUT; }
static bool is_table(const vyre_param_t *param) {
  return is_output(param) && param->count && vyre_reducer_is_commutative(param->reducer);
}

/* ---- reducers ---- */

LLVMValueRef vyre_lower_identity(vyre_lower_t *l, const vyre_param_t *param) {
  return vyre_lower_const(l, param->type, vyre_output_identity(param));
}

LLVMValueRef vyre_lower_combine(vyre_lower_t *l, const vyre_param_t *param, LLVMValueRef a, LLVMValueRef b) {
  switch (param->reducer) {
    case VYRE_REDUCER_SUM: return LLVMBuildAdd(l->ir, a, b, "");
    case VYRE_REDUCER_OR: return LLVMBuildOr(l->ir, a, b, "");
    case VYRE_REDUCER_XOR: return LLVMBuildXor(l->ir, a, b, "");
    default: return vyre_lower_extreme(l, param->reducer == VYRE_REDUCER_MIN, param->type, a, b);
  }
}

/* A float's minimum or maximum: until nobody else has written between the look and the exchange. */
static void exchange_extreme(vyre_lower_t *l, const vyre_param_t *param, LLVMValueRef pointer, LLVMValueRef value) {
  bool is_f32 = param->type == VYRE_TYPE_F32;
  LLVMTypeRef word = is_f32 ? l->i32 : l->i64, type = vyre_lower_type(l, param->type);
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir), again = vyre_lower_block(l, "exchange");
  LLVMBasicBlockRef after = vyre_lower_block(l, "exchanged");
  LLVMValueRef first = vyre_lower_load(l, word, pointer, "");
  LLVMSetOrdering(first, LLVMAtomicOrderingMonotonic);
  LLVMSetAlignment(first, vyre_type_bytes(param->type));
  LLVMBuildBr(l->ir, again);
  LLVMPositionBuilderAtEnd(l->ir, again);
  LLVMValueRef old = LLVMBuildPhi(l->ir, word, "old");
  LLVMValueRef joined = vyre_lower_combine(l, param, LLVMBuildBitCast(l->ir, old, type, ""), value);
  joined = LLVMBuildBitCast(l->ir, vyre_lower_seen(l, param->type, joined), word, "");
  LLVMValueRef pair = LLVMBuildAtomicCmpXchg(l->ir, pointer, old, joined, LLVMAtomicOrderingMonotonic,
                                             LLVMAtomicOrderingMonotonic, false);
  LLVMValueRef values[] = {first, LLVMBuildExtractValue(l->ir, pair, 0, "")};
  LLVMBasicBlockRef blocks[] = {before, LLVMGetInsertBlock(l->ir)};
  LLVMAddIncoming(old, values, blocks, 2);
  LLVMBuildCondBr(l->ir, LLVMBuildExtractValue(l->ir, pair, 1, ""), after, again);
  LLVMPositionBuilderAtEnd(l->ir, after);
}

static void combine_atomically(vyre_lower_t *l, const vyre_param_t *param, LLVMValueRef pointer, LLVMValueRef value) {
  bool is_signed = vyre_type_is_signed(param->type);
  LLVMAtomicRMWBinOp op = LLVMAtomicRMWBinOpAdd;
  if (vyre_type_is_float(param->type)) {
    exchange_extreme(l, param, pointer, value);
    return;
  }
  switch (param->reducer) {
    case VYRE_REDUCER_MIN: op = is_signed ? LLVMAtomicRMWBinOpMin : LLVMAtomicRMWBinOpUMin; break;
    case VYRE_REDUCER_MAX: op = is_signed ? LLVMAtomicRMWBinOpMax : LLVMAtomicRMWBinOpUMax; break;
    case VYRE_REDUCER_OR: op = LLVMAtomicRMWBinOpOr; break;
    case VYRE_REDUCER_XOR: op = LLVMAtomicRMWBinOpXor; break;
    default: break;
  }
  LLVMBuildAtomicRMW(l->ir, op, pointer, value, LLVMAtomicOrderingMonotonic, false);
}

vyre_elements_t vyre_lower_begin_elements(vyre_lower_t *l, LLVMValueRef count) {
  vyre_elements_t e = {.head = vyre_lower_block(l, "elements"), .after = vyre_lower_block(l, "endelements")};
  LLVMValueRef first = l->is_group ? l->thread : vyre_lower_i64(l, 0);
  e.step = l->is_group ? l->threads : vyre_lower_i64(l, 1);
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir), body = vyre_lower_block(l, "element");
  LLVMBuildBr(l->ir, e.head);
  LLVMPositionBuilderAtEnd(l->ir, e.head);
  e.index = LLVMBuildPhi(l->ir, l->i64, "i");
  LLVMAddIncoming(e.index, &first, &before, 1);
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntULT, e.index, count, ""), body, e.after);
  LLVMPositionBuilderAtEnd(l->ir, body);
  return e;
}

void vyre_lower_end_elements(vyre_lower_t *l, vyre_elements_t e) {
  LLVMValueRef next = LLVMBuildAdd(l->ir, e.index, e.step, "");
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(l->ir);
  LLVMAddIncoming(e.index, &next, &latch, 1);
  LLVMBuildBr(l->ir, e.head);
  LLVMPositionBuilderAtEnd(l->ir, e.after);
}

static LLVMValueRef scratch_table(vyre_lower_t *l, uint32_t param, unsigned copy) {
  uint64_t offset = l->layout.scratch_offset[param] + (uint64_t)copy * l->layout.table_stride[param];
  return vyre_lower_byte_offset(l, l->scratch, offset);
}

/* ---- clear ---- */

static void place_group_table(vyre_lower_t *l, uint32_t i) {
  uint32_t offset = l->shared.offset[i];
  l->tables[i] = offset != VYRE_NOT_SHARED ? vyre_lower_shared(l, offset) : scratch_table(l, i, 0);
}

/* What the calls' outputs are in memory that the group shares: no thread may be late with what it does there. */
static bool has_shared_outputs(const vyre_lower_t *l) {
  for (uint32_t i = 0; i < l->program->param_count; i++) {
    const vyre_param_t *param = &l->program->params[i];
    if (l->is_group && (is_table(param) || (is_output(param) && param->reducer == VYRE_REDUCER_APPEND))) return true;
  }
  return false;
}

static void clear_table(vyre_lower_t *l, uint32_t i) {
  const vyre_param_t *param = &l->program->params[i];
  LLVMTypeRef type = vyre_lower_type(l, param->type);
  if (l->is_group) {
    place_group_table(l, i);
    vyre_elements_t e = vyre_lower_begin_elements(l, vyre_lower_i64(l, param->count));
    LLVMBuildStore(l->ir, vyre_lower_identity(l, param), vyre_lower_element(l, type, l->tables[i], e.index));
    vyre_lower_end_elements(l, e);
    return;
  }
  uint64_t bytes = (uint64_t)l->layout.table_stride[i] * l->layout.table_copies[i];
  if (vyre_output_identity(param) == 0) {
    LLVMBuildMemSet(l->ir, scratch_table(l, i, 0), LLVMConstInt(l->i8, 0, false), vyre_lower_i64(l, bytes), 64);
    return;
  }
  vyre_counted_t loop =
      vyre_lower_begin_loop(l, vyre_lower_i64(l, 0), vyre_lower_i64(l, bytes / vyre_type_bytes(param->type)));
  LLVMBuildStore(l->ir, vyre_lower_identity(l, param), vyre_lower_element(l, type, scratch_table(l, i, 0), loop.index));
  vyre_lower_end_loop(l, loop);
}

static bool clear_output(vyre_lower_t *l, uint32_t i) {
  const vyre_param_t *param = &l->program->params[i];
  LLVMTypeRef type = vyre_lower_type(l, param->type);
  if (vyre_lower_is_float_sum(param)) return vyre_lower_clear_float_sum(l, i);
  if (is_table(param)) {
    clear_table(l, i);
    return true;
  }
  bool is_append = param->reducer == VYRE_REDUCER_APPEND,
       is_set = !is_append && !vyre_reducer_is_commutative(param->reducer);
  if (is_append && l->is_group) {
    l->scalars[i] = vyre_lower_shared(l, l->shared.counts + 8 * i);
    vyre_first_t first = vyre_lower_begin_first(l);
    LLVMBuildStore(l->ir, vyre_lower_i64(l, 0), l->scalars[i]);
    vyre_lower_end_first(l, first, NULL);
    return true;
  }
  l->scalars[i] = vyre_lower_alloca(l, is_append ? l->i64 : type, param->name);
  LLVMValueRef first = is_append ? vyre_lower_i64(l, 0) : is_set ? LLVMConstNull(type) : vyre_lower_identity(l, param);
  LLVMBuildStore(l->ir, first, l->scalars[i]);
  if (!is_set) return true;
  l->assigned[i] = vyre_lower_alloca(l, l->i64, "assigned");
  LLVMBuildStore(l->ir, vyre_lower_i64(l, 0), l->assigned[i]);
  return true;
}

bool vyre_lower_clear_outputs(vyre_lower_t *l) {
  const vyre_program_t *p = l->program;
  for (uint32_t i = 0; i < p->param_count; i++)
    if (is_output(&p->params[i]) && !clear_output(l, i)) return false;
  if (has_shared_outputs(l)) l->target->barrier(l);
  return true;
}

/* ---- add ---- */

void vyre_lower_add_scalar(vyre_lower_t *l, uint32_t param, LLVMValueRef value) {
  const vyre_param_t *info = &l->program->params[param];
  LLVMTypeRef type = vyre_lower_type(l, info->type);
  LLVMValueRef sum = l->scalars[param];
  if (vyre_lower_is_float_sum(info)) {
    vyre_lower_add_float(l, param, value);
    return;
  }
  if (l->mode == VYRE_MODE_FAST && l->narrow[param]) {
    type = l->narrow_type[param];
    sum = l->narrow[param];
    value = LLVMBuildTrunc(l->ir, value, type, "");
  }
  /* Outside of iterations all threads of a group are here; one of them counts. */
  if (vyre_lower_is_alike(l))
    value = LLVMBuildSelect(l->ir, vyre_lower_is_first(l), value, vyre_lower_identity(l, info), "");
  LLVMBuildStore(l->ir, vyre_lower_combine(l, info, vyre_lower_load(l, type, sum, ""), value), sum);
}

static void add_group_element(vyre_lower_t *l, uint32_t param, LLVMValueRef index, LLVMValueRef value) {
  if (l->is_rerun) return; /* the call has faulted: its sums are dropped */
  const vyre_param_t *info = &l->program->params[param];
  LLVMValueRef slot = vyre_lower_element(l, vyre_lower_type(l, info->type), l->tables[param], index);
  vyre_first_t first = vyre_lower_begin_first(l);
  combine_atomically(l, info, slot, value);
  vyre_lower_end_first(l, first, NULL);
}

void vyre_lower_add_element(vyre_lower_t *l, uint32_t param, LLVMValueRef index, LLVMValueRef value) {
  if (l->target->is_group) {
    add_group_element(l, param, index, value);
    return;
  }
  LLVMTypeRef type = vyre_lower_type(l, l->program->params[param].type);
  unsigned copy = l->table_copy < l->layout.table_copies[param] ? l->table_copy : 0;
  LLVMValueRef offset =
      vyre_lower_i64(l, l->layout.scratch_offset[param] + (uint64_t)copy * l->layout.table_stride[param]);
  const char *name = l->program->params[param].name;
  LLVMValueRef table = LLVMBuildInBoundsGEP2(l->ir, l->i8, l->scratch, &offset, 1, name);
  LLVMValueRef slot = vyre_lower_element(l, type, table, index);
  LLVMValueRef joined = vyre_lower_combine(l, &l->program->params[param], vyre_lower_load(l, type, slot, ""), value);
  LLVMBuildStore(l->ir, joined, slot);
}

/* ---- flush ---- */

/* Adds `value` to the output unless it changes nothing or `is_mine` (i1, or NULL for always) is false. */
static void flush_value(vyre_lower_t *l, const vyre_param_t *param, LLVMValueRef pointer, LLVMValueRef value,
                        LLVMValueRef is_mine) {
  LLVMValueRef identity = vyre_lower_identity(l, param);
  LLVMValueRef wanted = vyre_type_is_float(param->type) ? LLVMConstInt(l->i1, 1, false)
                                                        : LLVMBuildICmp(l->ir, LLVMIntNE, value, identity, "");
  if (is_mine) wanted = LLVMBuildAnd(l->ir, wanted, is_mine, "");
  LLVMBasicBlockRef adds = vyre_lower_block(l, "flush"), after = vyre_lower_block(l, "flushed");
  LLVMBuildCondBr(l->ir, wanted, adds, after);
  LLVMPositionBuilderAtEnd(l->ir, adds);
  combine_atomically(l, param, pointer, value);
  vyre_lower_continue_in(l, after);
}

static void flush_table(vyre_lower_t *l, uint32_t param, LLVMValueRef output) {
  const vyre_param_t *info = &l->program->params[param];
  LLVMTypeRef type = vyre_lower_type(l, info->type);
  vyre_elements_t e = vyre_lower_begin_elements(l, vyre_lower_i64(l, info->count));
  LLVMValueRef sum;
  if (l->is_group) {
    sum = vyre_lower_load(l, type, vyre_lower_element(l, type, l->tables[param], e.index), "");
  } else {
    sum = vyre_lower_identity(l, info);
    for (unsigned copy = 0; copy < l->layout.table_copies[param]; copy++) {
      LLVMValueRef slot = vyre_lower_element(l, type, scratch_table(l, param, copy), e.index);
      sum = vyre_lower_combine(l, info, sum, vyre_lower_load(l, type, slot, ""));
    }
  }
  flush_value(l, info, vyre_lower_element(l, type, output, e.index), sum, NULL);
  vyre_lower_end_elements(l, e);
}

/* Of the warp's values, in its first thread; floats have but minimum and maximum here, whose order does not count. */
static LLVMValueRef combine_warp(vyre_lower_t *l, const vyre_param_t *param, LLVMValueRef value) {
  LLVMValueRef lane = LLVMBuildTrunc(l->ir, l->warp_lane, l->i32, "");
  for (unsigned distance = VYRE_WARP_THREADS / 2; distance > 0; distance /= 2) {
    LLVMValueRef other = LLVMBuildXor(l->ir, lane, LLVMConstInt(l->i32, distance, false), "");
    value = vyre_lower_combine(l, param, value, vyre_lower_shuffle(l, value, other));
  }
  return value;
}

/* One addition for each warp. Often only one of its threads has anything: when what was added was uniform. */
static void flush_group_scalar(vyre_lower_t *l, const vyre_param_t *param, LLVMValueRef output, LLVMValueRef value) {
  LLVMValueRef has_any = LLVMConstInt(l->i1, 1, false), no_votes = LLVMConstInt(l->i32, 0, false);
  if (!vyre_type_is_float(param->type))
    has_any = LLVMBuildICmp(l->ir, LLVMIntNE, value, vyre_lower_identity(l, param), "");
  LLVMValueRef votes = l->target->ballot(l, has_any);
  LLVMValueRef others = LLVMBuildAnd(l->ir, votes, LLVMBuildSub(l->ir, votes, LLVMConstInt(l->i32, 1, false), ""), "");
  LLVMBasicBlockRef alone = vyre_lower_block(l, "alone"), many = vyre_lower_block(l, "many");
  LLVMBasicBlockRef after = vyre_lower_block(l, "flushed_scalar");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntEQ, others, no_votes, ""), alone, many);
  LLVMPositionBuilderAtEnd(l->ir, alone);
  flush_value(l, param, output, value, NULL);
  vyre_lower_continue_in(l, after);
  LLVMPositionBuilderAtEnd(l->ir, many);
  LLVMValueRef is_first = LLVMBuildICmp(l->ir, LLVMIntEQ, l->warp_lane, vyre_lower_i64(l, 0), "");
  flush_value(l, param, output, combine_warp(l, param, value), is_first);
  vyre_lower_continue_in(l, after);
}

/* The block is this call's: one thread writes to it. */
static void flush_own(vyre_lower_t *l, uint32_t i, LLVMValueRef output) {
  const vyre_param_t *param = &l->program->params[i];
  vyre_first_t first = vyre_lower_begin_first(l);
  if (vyre_lower_is_float_sum(param))
    LLVMBuildStore(l->ir, vyre_lower_seen(l, param->type, vyre_lower_float_sum(l, i)), output);
  else
    vyre_lower_flush_block_output(l, i, output);
  vyre_lower_end_first(l, first, NULL);
}

static void flush_output(vyre_lower_t *l, uint32_t i) {
  const vyre_param_t *param = &l->program->params[i];
  LLVMValueRef output = vyre_lower_byte_offset(l, l->output, l->layout.output_offset[i]);
  if (vyre_lower_is_float_sum(param) || !vyre_reducer_is_commutative(param->reducer)) {
    flush_own(l, i, output);
  } else if (param->count) {
    flush_table(l, i, output);
  } else {
    LLVMValueRef value = vyre_lower_load(l, vyre_lower_type(l, param->type), l->scalars[i], "");
    if (l->is_group)
      flush_group_scalar(l, param, output, value);
    else
      flush_value(l, param, output, value, NULL);
  }
}

void vyre_lower_flush_outputs(vyre_lower_t *l) {
  if (has_shared_outputs(l)) l->target->barrier(l); /* all additions to the tables are done */
  for (uint32_t i = 0; i < l->program->param_count; i++)
    if (is_output(&l->program->params[i])) flush_output(l, i);
}
