/* The private sums of a call. One thread keeps scalars in registers and array outputs in its worker's scratch, in
 * several copies. A group keeps a scalar per thread and one table that all its threads add to atomically. */
#include "codegen/lower.h"

/* Shared memory that a kernel may declare is 48 KiB on every architecture; the loop has 8 of them. */
enum { SHARED_TABLE_BYTES_MAX = 32 << 10 };

static bool is_output(const vyre_param_t *param) { return param->role == VYRE_ROLE_OUTPUT; }

/* for i in first .. count step `step`: gives i and opens the body, which end_elements closes. */
typedef struct elements {
  LLVMBasicBlockRef head, after;
  LLVMValueRef index, step;
} elements_t;

static elements_t begin_elements(vyre_lower_t *l, uint32_t count) {
  elements_t e = {.head = vyre_lower_block(l, "elements"), .after = vyre_lower_block(l, "endelements")};
  bool is_group = l->target->is_group;
  LLVMValueRef first = is_group ? l->thread : vyre_lower_i64(l, 0);
  e.step = is_group ? l->threads : vyre_lower_i64(l, 1);
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir), body = vyre_lower_block(l, "element");
  LLVMBuildBr(l->ir, e.head);
  LLVMPositionBuilderAtEnd(l->ir, e.head);
  e.index = LLVMBuildPhi(l->ir, l->i64, "i");
  LLVMAddIncoming(e.index, &first, &before, 1);
  LLVMValueRef more = LLVMBuildICmp(l->ir, LLVMIntULT, e.index, vyre_lower_i64(l, count), "");
  LLVMBuildCondBr(l->ir, more, body, e.after);
  LLVMPositionBuilderAtEnd(l->ir, body);
  return e;
}

static void end_elements(vyre_lower_t *l, elements_t e) {
  LLVMValueRef next = LLVMBuildAdd(l->ir, e.index, e.step, "");
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(l->ir);
  LLVMAddIncoming(e.index, &next, &latch, 1);
  LLVMBuildBr(l->ir, e.head);
  LLVMPositionBuilderAtEnd(l->ir, e.after);
}

static LLVMValueRef element(vyre_lower_t *l, LLVMTypeRef type, LLVMValueRef table, LLVMValueRef index) {
  return LLVMBuildInBoundsGEP2(l->ir, type, table, &index, 1, "");
}

static LLVMValueRef scratch_table(vyre_lower_t *l, uint32_t param, unsigned copy) {
  uint64_t offset = l->layout.scratch_offset[param] + (uint64_t)copy * l->layout.table_stride[param];
  return vyre_lower_byte_offset(l, l->scratch, offset);
}

static void add_atomically(vyre_lower_t *l, LLVMValueRef pointer, LLVMValueRef value) {
  LLVMBuildAtomicRMW(l->ir, LLVMAtomicRMWBinOpAdd, pointer, value, LLVMAtomicOrderingMonotonic, false);
}

/* ---- clear ---- */

static bool fits_shared(uint32_t used, uint32_t stride) { return used + stride <= SHARED_TABLE_BYTES_MAX; }

uint32_t vyre_lower_shared_table_bytes(const vyre_program_t *program) {
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  uint32_t used = 0;
  for (uint32_t i = 0; i < program->param_count; i++)
    if (is_output(&program->params[i]) && program->params[i].count && fits_shared(used, layout.table_stride[i]))
      used += layout.table_stride[i];
  return used;
}

/* Tables lie in the kernel's shared memory, one after another, as far as they fit; the others in the scratch. */
static void place_group_tables(vyre_lower_t *l) {
  LLVMValueRef shared = LLVMGetNamedGlobal(l->module, VYRE_KERNEL_TABLES);
  uint32_t used = 0;
  for (uint32_t i = 0; i < l->program->param_count; i++) {
    const vyre_param_t *param = &l->program->params[i];
    if (!is_output(param) || !param->count) continue;
    l->tables[i] = scratch_table(l, i, 0);
    if (!fits_shared(used, l->layout.table_stride[i])) continue;
    l->tables[i] = vyre_lower_byte_offset(l, shared, used);
    used += l->layout.table_stride[i];
  }
}

static bool has_group_tables(const vyre_lower_t *l) {
  for (uint32_t i = 0; i < l->program->param_count; i++)
    if (l->target->is_group && is_output(&l->program->params[i]) && l->program->params[i].count) return true;
  return false;
}

void vyre_lower_clear_outputs(vyre_lower_t *l) {
  const vyre_program_t *p = l->program;
  if (l->target->is_group) place_group_tables(l);
  for (uint32_t i = 0; i < p->param_count; i++) {
    const vyre_param_t *param = &p->params[i];
    if (!is_output(param)) continue;
    LLVMTypeRef type = vyre_lower_type(l, param->type);
    LLVMValueRef zero = LLVMConstInt(type, 0, false);
    if (param->count == 0) {
      l->scalars[i] = vyre_lower_alloca(l, type, param->name);
      LLVMBuildStore(l->ir, zero, l->scalars[i]);
    } else if (l->target->is_group) {
      elements_t e = begin_elements(l, param->count);
      LLVMBuildStore(l->ir, zero, element(l, type, l->tables[i], e.index));
      end_elements(l, e);
    } else {
      LLVMBuildMemSet(l->ir, scratch_table(l, i, 0), LLVMConstInt(l->i8, 0, false),
                      vyre_lower_i64(l, (uint64_t)l->layout.table_stride[i] * l->layout.table_copies[i]), 64);
    }
  }
  if (has_group_tables(l)) l->target->barrier(l);
}

/* ---- add ---- */

void vyre_lower_add_scalar(vyre_lower_t *l, uint32_t param, LLVMValueRef value) {
  LLVMTypeRef type = vyre_lower_type(l, l->program->params[param].type);
  LLVMValueRef sum = l->scalars[param];
  if (l->mode == VYRE_MODE_FAST && l->narrow[param]) {
    type = l->narrow_type[param];
    sum = l->narrow[param];
    value = LLVMBuildTrunc(l->ir, value, type, "");
  }
  /* Outside of iterations all threads of a group are here; one of them counts. */
  if (l->target->is_group && l->mode == VYRE_MODE_UNIFORM) {
    LLVMValueRef is_first = LLVMBuildICmp(l->ir, LLVMIntEQ, l->thread, vyre_lower_i64(l, 0), "");
    value = LLVMBuildSelect(l->ir, is_first, value, LLVMConstInt(type, 0, false), "");
  }
  LLVMBuildStore(l->ir, LLVMBuildAdd(l->ir, vyre_lower_load(l, type, sum, ""), value, ""), sum);
}

static void add_group_element(vyre_lower_t *l, uint32_t param, LLVMValueRef index, LLVMValueRef value) {
  if (l->mode == VYRE_MODE_SLOW) return; /* the call has faulted: its sums are dropped */
  LLVMValueRef slot = element(l, vyre_lower_type(l, l->program->params[param].type), l->tables[param], index);
  if (l->mode == VYRE_MODE_FAST) {
    add_atomically(l, slot, value);
    return;
  }
  LLVMBasicBlockRef first = vyre_lower_block(l, "first"), after = vyre_lower_block(l, "added_once");
  LLVMValueRef is_first = LLVMBuildICmp(l->ir, LLVMIntEQ, l->thread, vyre_lower_i64(l, 0), "");
  LLVMBuildCondBr(l->ir, is_first, first, after);
  LLVMPositionBuilderAtEnd(l->ir, first);
  add_atomically(l, slot, value);
  vyre_lower_continue_in(l, after);
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
  LLVMValueRef slot = element(l, type, table, index);
  LLVMBuildStore(l->ir, LLVMBuildAdd(l->ir, vyre_lower_load(l, type, slot, ""), value, ""), slot);
}

/* ---- flush ---- */

/* Adds `value` to the output unless it is 0 or `is_mine` (i1, or NULL for always) is false. */
static void flush_value(vyre_lower_t *l, LLVMValueRef pointer, LLVMValueRef value, LLVMValueRef is_mine) {
  LLVMValueRef zero = LLVMConstInt(LLVMTypeOf(value), 0, false);
  LLVMValueRef wanted = LLVMBuildICmp(l->ir, LLVMIntNE, value, zero, "");
  if (is_mine) wanted = LLVMBuildAnd(l->ir, wanted, is_mine, "");
  LLVMBasicBlockRef adds = vyre_lower_block(l, "flush"), after = vyre_lower_block(l, "flushed");
  LLVMBuildCondBr(l->ir, wanted, adds, after);
  LLVMPositionBuilderAtEnd(l->ir, adds);
  add_atomically(l, pointer, value);
  vyre_lower_continue_in(l, after);
}

static void flush_table(vyre_lower_t *l, uint32_t param, LLVMValueRef output) {
  const vyre_param_t *info = &l->program->params[param];
  LLVMTypeRef type = vyre_lower_type(l, info->type);
  elements_t e = begin_elements(l, info->count);
  LLVMValueRef sum;
  if (l->target->is_group) {
    sum = vyre_lower_load(l, type, element(l, type, l->tables[param], e.index), "");
  } else {
    sum = LLVMConstInt(type, 0, false);
    for (unsigned copy = 0; copy < l->layout.table_copies[param]; copy++) {
      LLVMValueRef slot = element(l, type, scratch_table(l, param, copy), e.index);
      sum = LLVMBuildAdd(l->ir, sum, vyre_lower_load(l, type, slot, ""), "");
    }
  }
  flush_value(l, element(l, type, output, e.index), sum, NULL);
  end_elements(l, e);
}

/* Each warp adds the sum of its threads' values. Often only one of them has any: when what was added was uniform. */
static void flush_group_scalar(vyre_lower_t *l, LLVMValueRef output, LLVMValueRef value) {
  LLVMValueRef zero = LLVMConstInt(LLVMTypeOf(value), 0, false), no_votes = LLVMConstInt(l->i32, 0, false);
  LLVMValueRef votes = l->target->warp_votes(l, LLVMBuildICmp(l->ir, LLVMIntNE, value, zero, ""));
  LLVMValueRef others = LLVMBuildAnd(l->ir, votes, LLVMBuildSub(l->ir, votes, LLVMConstInt(l->i32, 1, false), ""), "");
  LLVMBasicBlockRef alone = vyre_lower_block(l, "alone"), many = vyre_lower_block(l, "many");
  LLVMBasicBlockRef after = vyre_lower_block(l, "flushed_scalar");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntEQ, others, no_votes, ""), alone, many);
  LLVMPositionBuilderAtEnd(l->ir, alone);
  flush_value(l, output, value, NULL);
  vyre_lower_continue_in(l, after);
  LLVMPositionBuilderAtEnd(l->ir, many);
  LLVMValueRef lane = LLVMBuildAnd(l->ir, l->thread, vyre_lower_i64(l, 31), "");
  LLVMValueRef is_first = LLVMBuildICmp(l->ir, LLVMIntEQ, lane, vyre_lower_i64(l, 0), "");
  flush_value(l, output, l->target->warp_sum(l, value), is_first);
  vyre_lower_continue_in(l, after);
}

void vyre_lower_flush_outputs(vyre_lower_t *l) {
  const vyre_program_t *p = l->program;
  if (has_group_tables(l)) l->target->barrier(l); /* all additions to the tables are done */
  for (uint32_t i = 0; i < p->param_count; i++) {
    if (!is_output(&p->params[i])) continue;
    LLVMValueRef output = vyre_lower_byte_offset(l, l->output, l->layout.output_offset[i]);
    if (p->params[i].count) {
      flush_table(l, i, output);
      continue;
    }
    LLVMValueRef sum = vyre_lower_load(l, vyre_lower_type(l, p->params[i].type), l->scalars[i], "");
    if (l->target->is_group)
      flush_group_scalar(l, output, sum);
    else
      flush_value(l, output, sum, NULL);
  }
}
