/* Outputs that a call writes into a block of its own: values that it assigns, records; and `finish`, which reads and
 * writes what was reduced. */
#include "codegen/lower.h"

static LLVMValueRef output_of(vyre_lower_t *l, uint32_t param) {
  return vyre_lower_byte_offset(l, l->output, l->layout.output_offset[param]);
}

/* Where the value of a scalar lies: behind the word that says whether there is one. */
static LLVMValueRef value_place(vyre_lower_t *l, uint32_t param) {
  LLVMValueRef place = output_of(l, param);
  return vyre_reducer_is_commutative(l->program->params[param].reducer) ? place : vyre_lower_byte_offset(l, place, 8);
}

/* Values narrower than 8 bytes have zeros behind them. */
static void store_value(vyre_lower_t *l, const vyre_param_t *param, LLVMValueRef value, LLVMValueRef place) {
  value = vyre_lower_seen(l, param->type, value);
  bool is_padded = vyre_type_bytes(param->type) < vyre_output_value_bytes(param);
  if (is_padded) LLVMSetAlignment(LLVMBuildStore(l->ir, vyre_lower_i64(l, 0), place), 8);
  LLVMSetAlignment(LLVMBuildStore(l->ir, value, place),
                   vyre_type_bytes(param->type) < 8 ? vyre_type_bytes(param->type) : 8);
}

/* ---- assigned values ---- */

/* In finish an assigned value is there from then on. */
static void set_in_finish(vyre_lower_t *l, const vyre_stmt_t *s, LLVMValueRef value) {
  const vyre_param_t *param = &l->program->params[s->param];
  if (!vyre_reducer_is_commutative(param->reducer)) {
    LLVMBuildStore(l->ir, vyre_lower_i64(l, 1), output_of(l, s->param));
    store_value(l, param, value, value_place(l, s->param));
    return;
  }
  LLVMBuildStore(l->ir, vyre_lower_seen(l, param->type, value), value_place(l, s->param));
}

static void set_element(vyre_lower_t *l, const vyre_stmt_t *s) {
  const vyre_param_t *param = &l->program->params[s->param];
  LLVMValueRef index = LLVMBuildZExt(l->ir, vyre_lower_expr(l, s->arg[0]), l->i64, ""), outside = NULL;
  LLVMValueRef value = vyre_lower_seen(l, param->type, vyre_lower_expr(l, s->arg[1]));
  if (!vyre_lower_in_range(l, param, s->param, s->arg[0]))
    outside = LLVMBuildICmp(l->ir, LLVMIntUGE, index, vyre_lower_i64(l, param->count), "outside");
  vyre_access_check_t check = vyre_lower_begin_access(l, outside, vyre_node_of_stmt(l->program, s));
  LLVMBuildStore(l->ir, value, vyre_lower_element(l, vyre_lower_type(l, param->type), output_of(l, s->param), index));
  vyre_lower_end_access(l, check, NULL);
}

void vyre_lower_set(vyre_lower_t *l, const vyre_stmt_t *s) {
  if (s->op == VYRE_STMT_SET_AT) {
    set_element(l, s);
    return;
  }
  LLVMValueRef value = vyre_lower_expr(l, s->arg[0]);
  if (!l->scalars[s->param]) { /* finish is lowered before anything is cleared */
    set_in_finish(l, s, value);
    return;
  }
  LLVMBuildStore(l->ir, value, l->scalars[s->param]);
  LLVMBuildStore(l->ir, vyre_lower_i64(l, 1), l->assigned[s->param]);
}

LLVMValueRef vyre_lower_output_value(vyre_lower_t *l, const vyre_expr_t *e) {
  const vyre_param_t *param = &l->program->params[e->a];
  LLVMTypeRef type = vyre_lower_type(l, e->type);
  if (e->op == VYRE_EXPR_OUTPUT) {
    LLVMValueRef value = vyre_lower_load(l, type, value_place(l, e->a), param->name);
    LLVMSetAlignment(value, vyre_type_bytes(e->type) < 8 ? vyre_type_bytes(e->type) : 8);
    return value;
  }
  LLVMValueRef index = LLVMBuildZExt(l->ir, vyre_lower_expr(l, e->b), l->i64, ""), outside = NULL;
  if (!vyre_lower_in_range(l, param, e->a, e->b))
    outside = LLVMBuildICmp(l->ir, LLVMIntUGE, index, vyre_lower_i64(l, param->count), "outside");
  vyre_access_check_t check = vyre_lower_begin_access(l, outside, vyre_node_of_expr(l->program, e));
  LLVMValueRef value = vyre_lower_load(l, type, vyre_lower_element(l, type, output_of(l, e->a), index), "");
  return vyre_lower_end_access(l, check, value);
}

/* ---- records ---- */

/* The one behind the last is written over and over when there are too many; the count tells. */
void vyre_lower_append(vyre_lower_t *l, const vyre_stmt_t *s) {
  const vyre_param_t *param = &l->program->params[s->param];
  LLVMValueRef key = vyre_lower_expr(l, s->arg[0]), value = vyre_lower_expr(l, s->arg[1]);
  if (l->is_rerun) return; /* the call has faulted */
  vyre_first_t first = vyre_lower_begin_first(l);
  LLVMValueRef count, one = vyre_lower_i64(l, 1);
  if (l->is_group)
    count =
        LLVMBuildAtomicRMW(l->ir, LLVMAtomicRMWBinOpAdd, l->scalars[s->param], one, LLVMAtomicOrderingMonotonic, false);
  else
    count = vyre_lower_load(l, l->i64, l->scalars[s->param], "records");
  LLVMBasicBlockRef fits = vyre_lower_block(l, "append"), after = vyre_lower_block(l, "appended");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntULT, count, vyre_lower_i64(l, param->count), ""), fits, after);
  LLVMPositionBuilderAtEnd(l->ir, fits);
  LLVMValueRef offset = LLVMBuildMul(l->ir, count, vyre_lower_i64(l, 8u + vyre_output_value_bytes(param)), "");
  LLVMValueRef records = vyre_lower_byte_offset(l, output_of(l, s->param), 8);
  LLVMValueRef record = LLVMBuildInBoundsGEP2(l->ir, l->i8, records, &offset, 1, "");
  LLVMSetAlignment(LLVMBuildStore(l->ir, key, record), 8);
  store_value(l, param, value, vyre_lower_byte_offset(l, record, 8));
  vyre_lower_continue_in(l, after);
  if (!l->is_group) LLVMBuildStore(l->ir, LLVMBuildAdd(l->ir, count, one, ""), l->scalars[s->param]);
  vyre_lower_end_first(l, first, NULL);
}

LLVMValueRef vyre_lower_count_records(vyre_lower_t *l) {
  LLVMValueRef is_over = NULL;
  bool has_records = false;
  for (uint32_t i = 0; i < l->program->param_count; i++)
    has_records |= l->program->params[i].reducer == VYRE_REDUCER_APPEND;
  if (has_records && l->is_group) l->target->barrier(l); /* all of them are counted */
  for (uint32_t i = 0; i < l->program->param_count; i++) {
    const vyre_param_t *param = &l->program->params[i];
    if (param->reducer != VYRE_REDUCER_APPEND) continue;
    LLVMValueRef count = vyre_lower_load(l, l->i64, l->scalars[i], "");
    LLVMValueRef here = LLVMBuildICmp(l->ir, LLVMIntUGT, count, vyre_lower_i64(l, param->count), "");
    is_over = is_over ? LLVMBuildOr(l->ir, is_over, here, "") : here;
  }
  return is_over;
}

/* Records lie in the block already, but are not counted before the call has ended well. */
void vyre_lower_flush_block_output(vyre_lower_t *l, uint32_t i, LLVMValueRef output) {
  const vyre_param_t *param = &l->program->params[i];
  if (param->reducer == VYRE_REDUCER_APPEND) {
    LLVMBuildStore(l->ir, vyre_lower_load(l, l->i64, l->scalars[i], ""), output);
    return;
  }
  LLVMBuildStore(l->ir, vyre_lower_load(l, l->i64, l->assigned[i], ""), output);
  LLVMValueRef value = vyre_lower_load(l, vyre_lower_type(l, param->type), l->scalars[i], "");
  store_value(l, param, value, value_place(l, i));
}
