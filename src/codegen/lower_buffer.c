/* Elements of buffers: where they are, whether an index can be out of range, loads, stores, atomics, copies. */
#include <stddef.h>

#include "base/assert.h"
#include "codegen/lower.h"

/* ---- where they are ---- */

static LLVMValueRef binding_field(vyre_lower_t *l, LLVMValueRef bindings, LLVMTypeRef type, uint32_t param,
                                  uint64_t offset, const char *name) {
  return vyre_lower_frame_field(l, bindings, type, (uint64_t)param * sizeof(vyre_binding_t) + offset, name);
}

static LLVMValueRef divide_by_size(vyre_lower_t *l, LLVMValueRef bytes, vyre_type_t type) {
  unsigned size = vyre_type_bytes(type);
  return size == 1 ? bytes : LLVMBuildUDiv(l->ir, bytes, vyre_lower_i64(l, size), "elements");
}

static void clear_words(vyre_lower_t *l, LLVMValueRef memory, LLVMValueRef bytes) {
  LLVMValueRef count = LLVMBuildUDiv(l->ir, bytes, vyre_lower_i64(l, 8), "");
  vyre_elements_t e = vyre_lower_begin_elements(l, count);
  LLVMBuildStore(l->ir, vyre_lower_i64(l, 0), vyre_lower_element(l, l->i64, memory, e.index));
  vyre_lower_end_elements(l, e);
}

static void bind_group_workgroup(vyre_lower_t *l, uint32_t i) {
  uint32_t offset = l->shared.offset[i];
  l->buffers[i] = offset != VYRE_NOT_SHARED ? vyre_lower_shared(l, offset)
                                            : vyre_lower_byte_offset(l, l->scratch, l->layout.scratch_offset[i]);
  clear_words(l, l->buffers[i], vyre_lower_i64(l, l->layout.table_stride[i]));
}

/* Memory that the lanes of one call share lies in the function's own, where LLVM knows that nothing else touches it. */
static void bind_workgroup(vyre_lower_t *l, uint32_t i) {
  if (l->target->is_group) {
    bind_group_workgroup(l, i);
    return;
  }
  const vyre_param_t *param = &l->program->params[i];
  uint64_t bytes = (uint64_t)param->count * vyre_type_bytes(param->type);
  l->buffers[i] = vyre_lower_alloca(l, LLVMArrayType2(l->i8, bytes), param->name);
  LLVMSetAlignment(l->buffers[i], 64);
  LLVMBuildMemSet(l->ir, l->buffers[i], LLVMConstInt(l->i8, 0, false), vyre_lower_i64(l, bytes), 64);
}

static void bind_private(vyre_lower_t *l, uint32_t i) {
  uint64_t bytes = (uint64_t)l->layout.table_stride[i] * l->lanes.count;
  l->buffers[i] = vyre_lower_byte_offset(l, l->scratch, l->layout.scratch_offset[i]);
  if (l->target->is_group) {
    clear_words(l, l->buffers[i], vyre_lower_i64(l, bytes));
    return;
  }
  LLVMBuildMemSet(l->ir, l->buffers[i], LLVMConstInt(l->i8, 0, false), vyre_lower_i64(l, bytes), 16);
}

static LLVMValueRef scalar_of(vyre_lower_t *l, vyre_type_t type, LLVMValueRef word) {
  LLVMTypeRef narrow = LLVMIntTypeInContext(l->context, vyre_type_bits(type));
  LLVMValueRef bits = LLVMBuildTruncOrBitCast(l->ir, word, narrow, "");
  return vyre_type_is_float(type) ? LLVMBuildBitCast(l->ir, bits, vyre_lower_type(l, type), "") : bits;
}

void vyre_lower_bind(vyre_lower_t *l) {
  const vyre_program_t *p = l->program;
  LLVMValueRef bindings = NULL;
  bool is_cleared = false;
  for (uint32_t i = 0; i < p->param_count; i++) {
    const vyre_param_t *param = &p->params[i];
    bool is_bound = param->role == VYRE_ROLE_SCALAR || param->role == VYRE_ROLE_CONSTANT ||
                    param->role == VYRE_ROLE_STATE || param->role == VYRE_ROLE_WINDOW;
    if (is_bound && !bindings)
      bindings = vyre_lower_frame_field(l, l->frame, l->ptr, offsetof(vyre_frame_t, bindings), "bindings");
    if (param->role == VYRE_ROLE_STREAM) {
      l->buffers[i] = l->data;
      l->lengths[i] = l->data_elements;
    } else if (param->role == VYRE_ROLE_SCALAR) {
      LLVMValueRef word = binding_field(l, bindings, l->i64, i, offsetof(vyre_binding_t, value), param->name);
      l->buffers[i] = scalar_of(l, param->type, word);
    } else if (is_bound) {
      l->buffers[i] = binding_field(l, bindings, l->ptr, i, offsetof(vyre_binding_t, value), param->name);
      l->lengths[i] =
          param->count ? vyre_lower_i64(l, param->count)
                       : divide_by_size(l, binding_field(l, bindings, l->i64, i, offsetof(vyre_binding_t, bytes), ""),
                                        param->type);
    } else {
      l->lengths[i] = vyre_lower_i64(l, param->count);
      if (param->role == VYRE_ROLE_WORKGROUP) bind_workgroup(l, i);
      if (param->role == VYRE_ROLE_PRIVATE) bind_private(l, i);
      is_cleared |= param->role == VYRE_ROLE_WORKGROUP || param->role == VYRE_ROLE_PRIVATE;
    }
  }
  if (is_cleared && l->is_group) l->target->barrier(l);
}

static LLVMValueRef base_of(vyre_lower_t *l, uint32_t param) {
  const vyre_param_t *info = &l->program->params[param];
  if (info->role != VYRE_ROLE_PRIVATE || l->lanes.count == 1) return l->buffers[param];
  VYRE_ASSERT(l->lanes.lane);
  LLVMValueRef offset = LLVMBuildMul(l->ir, l->lanes.lane, vyre_lower_i64(l, l->layout.table_stride[param]), "");
  return LLVMBuildInBoundsGEP2(l->ir, l->i8, l->buffers[param], &offset, 1, info->name);
}

/* ---- checks ---- */

vyre_access_check_t vyre_lower_begin_access(vyre_lower_t *l, LLVMValueRef outside, vyre_node_t node) {
  vyre_access_check_t check = {NULL, NULL};
  if (!outside || !l->is_checked) return check;
  vyre_lower_check(l, outside, VYRE_FAULT_OUT_OF_RANGE, node);
  if (l->mode != VYRE_MODE_FAST) return check; /* a fault has left already */
  LLVMBasicBlockRef good = vyre_lower_block(l, "access");
  check.after = vyre_lower_block(l, "accessed");
  check.skipped = LLVMGetInsertBlock(l->ir);
  LLVMBuildCondBr(l->ir, outside, check.after, good);
  LLVMPositionBuilderAtEnd(l->ir, good);
  return check;
}

LLVMValueRef vyre_lower_end_access(vyre_lower_t *l, vyre_access_check_t check, LLVMValueRef value) {
  if (!check.after) return value;
  LLVMBasicBlockRef good = LLVMGetInsertBlock(l->ir);
  vyre_lower_continue_in(l, check.after);
  if (!value) return NULL;
  LLVMTypeRef type = LLVMTypeOf(value);
  LLVMValueRef phi = LLVMBuildPhi(l->ir, type, "");
  LLVMValueRef values[] = {LLVMConstNull(type), value};
  LLVMBasicBlockRef blocks[] = {check.skipped, good};
  LLVMAddIncoming(phi, values, blocks, 2);
  return phi;
}

/* i64, of an unsigned index or a signed one of a stream with a halo. */
static LLVMValueRef widen_index(vyre_lower_t *l, uint32_t expr) {
  bool is_signed = vyre_type_is_signed(l->program->exprs[expr].type);
  return LLVMBuildIntCast2(l->ir, vyre_lower_expr(l, expr), l->i64, is_signed, "");
}

/* NULL when it is proven that it is not. */
static LLVMValueRef is_outside(vyre_lower_t *l, uint32_t param, uint32_t index_expr, LLVMValueRef index) {
  const vyre_param_t *info = &l->program->params[param];
  if (vyre_lower_in_range(l, info, param, index_expr)) return NULL;
  if (info->role != VYRE_ROLE_STREAM || !vyre_param_has_halo(info))
    return LLVMBuildICmp(l->ir, LLVMIntUGE, index, l->lengths[param], "outside");
  /* From -left to length + right, as an unsigned distance from the first; an unsigned index of 2^63 or more is none. */
  LLVMValueRef from_first = LLVMBuildAdd(l->ir, index, l->halo_left, "");
  LLVMValueRef length =
      LLVMBuildAdd(l->ir, LLVMBuildAdd(l->ir, l->halo_left, l->lengths[param], ""), l->halo_right, "");
  LLVMValueRef outside = LLVMBuildICmp(l->ir, LLVMIntUGE, from_first, length, "outside");
  bool is_u64 = l->program->exprs[index_expr].type == VYRE_TYPE_U64;
  if (!is_u64) return outside;
  return LLVMBuildOr(l->ir, outside, LLVMBuildICmp(l->ir, LLVMIntSLT, index, vyre_lower_i64(l, 0), ""), "outside");
}

static LLVMValueRef element_at(vyre_lower_t *l, uint32_t param, LLVMValueRef index) {
  LLVMTypeRef type = vyre_lower_type(l, l->program->params[param].type);
  return LLVMBuildInBoundsGEP2(l->ir, type, base_of(l, param), &index, 1, "");
}

/* ---- loads and stores ---- */

LLVMValueRef vyre_lower_load_element(vyre_lower_t *l, const vyre_expr_t *e) {
  LLVMValueRef index = widen_index(l, e->b);
  LLVMValueRef outside = is_outside(l, e->a, e->b, index);
  vyre_access_check_t check = vyre_lower_begin_access(l, outside, vyre_node_of_expr(l->program, e));
  vyre_role_t role = l->program->params[e->a].role;
  bool is_fixed = role == VYRE_ROLE_STREAM || role == VYRE_ROLE_CONSTANT;
  vyre_first_t first = {0};
  if (!is_fixed) first = vyre_lower_begin_first(l);
  LLVMValueRef value = vyre_lower_load(l, vyre_lower_type(l, e->type), element_at(l, e->a, index), "");
  LLVMSetAlignment(value, vyre_type_bytes(e->type));
  return vyre_lower_end_access(l, check, vyre_lower_end_first(l, first, value));
}

void vyre_lower_store_element(vyre_lower_t *l, const vyre_stmt_t *s) {
  LLVMValueRef index = widen_index(l, s->arg[0]);
  vyre_type_t type = l->program->params[s->param].type;
  LLVMValueRef value = vyre_lower_seen(l, type, vyre_lower_expr(l, s->arg[1]));
  LLVMValueRef outside = is_outside(l, s->param, s->arg[0], index);
  vyre_access_check_t check = vyre_lower_begin_access(l, outside, vyre_node_of_stmt(l->program, s));
  vyre_first_t first = vyre_lower_begin_first(l);
  LLVMSetAlignment(LLVMBuildStore(l->ir, value, element_at(l, s->param, index)), vyre_type_bytes(type));
  vyre_lower_end_first(l, first, NULL);
  vyre_lower_end_access(l, check, NULL);
}

/* ---- atomics ---- */

LLVMAtomicOrdering vyre_lower_ordering(vyre_order_t order) {
  switch (order) {
    case VYRE_ORDER_RELAXED: return LLVMAtomicOrderingMonotonic;
    case VYRE_ORDER_ACQUIRE: return LLVMAtomicOrderingAcquire;
    case VYRE_ORDER_RELEASE: return LLVMAtomicOrderingRelease;
    case VYRE_ORDER_ACQ_REL: return LLVMAtomicOrderingAcquireRelease;
    case VYRE_ORDER_SEQ_CST: return LLVMAtomicOrderingSequentiallyConsistent;
    case VYRE_ORDER_COUNT: break;
  }
  VYRE_UNREACHABLE();
}

LLVMAtomicOrdering vyre_lower_failure_ordering(vyre_order_t order) {
  switch (order) {
    case VYRE_ORDER_RELAXED:
    case VYRE_ORDER_RELEASE: return LLVMAtomicOrderingMonotonic;
    case VYRE_ORDER_SEQ_CST: return LLVMAtomicOrderingSequentiallyConsistent;
    default: return LLVMAtomicOrderingAcquire;
  }
}

static LLVMAtomicRMWBinOp update_of(vyre_expr_op_t op, bool is_signed) {
  switch (op) {
    case VYRE_EXPR_ATOMIC_ADD: return LLVMAtomicRMWBinOpAdd;
    case VYRE_EXPR_ATOMIC_MIN: return is_signed ? LLVMAtomicRMWBinOpMin : LLVMAtomicRMWBinOpUMin;
    case VYRE_EXPR_ATOMIC_MAX: return is_signed ? LLVMAtomicRMWBinOpMax : LLVMAtomicRMWBinOpUMax;
    case VYRE_EXPR_ATOMIC_AND: return LLVMAtomicRMWBinOpAnd;
    case VYRE_EXPR_ATOMIC_OR: return LLVMAtomicRMWBinOpOr;
    case VYRE_EXPR_ATOMIC_XOR: return LLVMAtomicRMWBinOpXor;
    case VYRE_EXPR_ATOMIC_EXCHANGE: return LLVMAtomicRMWBinOpXchg;
    default: VYRE_UNREACHABLE();
  }
}

/* Workgroup memory belongs to this thread alone on a host device, and needs no locked operation. */
static LLVMValueRef update_alone(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef at, LLVMValueRef value,
                                 LLVMValueRef desired) {
  vyre_type_t type = l->program->params[e->a].type;
  LLVMValueRef old = vyre_lower_load(l, vyre_lower_type(l, type), at, "");
  vyre_expr_op_t plain = VYRE_EXPR_NONE;
  switch (e->op) {
    case VYRE_EXPR_ATOMIC_LOAD: return old;
    case VYRE_EXPR_ATOMIC_CAS:
      value = LLVMBuildSelect(l->ir, LLVMBuildICmp(l->ir, LLVMIntEQ, old, value, ""), desired, old, "");
      break;
    case VYRE_EXPR_ATOMIC_ADD: plain = VYRE_EXPR_ADD; break;
    case VYRE_EXPR_ATOMIC_MIN: plain = VYRE_EXPR_MIN; break;
    case VYRE_EXPR_ATOMIC_MAX: plain = VYRE_EXPR_MAX; break;
    case VYRE_EXPR_ATOMIC_AND: plain = VYRE_EXPR_AND; break;
    case VYRE_EXPR_ATOMIC_OR: plain = VYRE_EXPR_OR; break;
    case VYRE_EXPR_ATOMIC_XOR: plain = VYRE_EXPR_XOR; break;
    default: break; /* STORE, EXCHANGE */
  }
  vyre_expr_t update = {.op = (uint8_t)plain, .type = (uint8_t)type};
  LLVMBuildStore(l->ir, plain ? vyre_lower_binary(l, &update, old, value) : value, at);
  return old;
}

static LLVMValueRef update_shared(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef at, LLVMValueRef value,
                                  LLVMValueRef desired) {
  if (l->target->update) return l->target->update(l, e, at, value, desired);
  vyre_type_t type = l->program->params[e->a].type;
  LLVMAtomicOrdering order = vyre_lower_ordering(e->order);
  if (e->op == VYRE_EXPR_ATOMIC_LOAD || e->op == VYRE_EXPR_ATOMIC_STORE) {
    bool is_load = e->op == VYRE_EXPR_ATOMIC_LOAD;
    LLVMValueRef access =
        is_load ? vyre_lower_load(l, vyre_lower_type(l, type), at, "") : LLVMBuildStore(l->ir, value, at);
    LLVMSetAlignment(access, vyre_type_bytes(type));
    LLVMSetOrdering(access, order);
    return access;
  }
  if (e->op == VYRE_EXPR_ATOMIC_CAS) {
    LLVMValueRef pair =
        LLVMBuildAtomicCmpXchg(l->ir, at, value, desired, order, vyre_lower_failure_ordering(e->order), false);
    return LLVMBuildExtractValue(l->ir, pair, 0, "");
  }
  return LLVMBuildAtomicRMW(l->ir, update_of(e->op, vyre_type_is_signed(type)), at, value, order, false);
}

LLVMValueRef vyre_lower_atomic(vyre_lower_t *l, const vyre_expr_t *e) {
  LLVMValueRef index = widen_index(l, e->b);
  unsigned arity = vyre_expr_arity(e->op);
  LLVMValueRef value = arity > 1 ? vyre_lower_expr(l, e->c) : NULL,
               desired = arity > 2 ? vyre_lower_expr(l, e->d) : NULL;
  LLVMValueRef outside = is_outside(l, e->a, e->b, index);
  vyre_access_check_t check = vyre_lower_begin_access(l, outside, vyre_node_of_expr(l->program, e));
  LLVMValueRef at = element_at(l, e->a, index);
  vyre_first_t first = vyre_lower_begin_first(l);
  bool is_alone = l->program->params[e->a].role == VYRE_ROLE_WORKGROUP && !l->target->is_group;
  LLVMValueRef old = is_alone ? update_alone(l, e, at, value, desired) : update_shared(l, e, at, value, desired);
  if (e->op == VYRE_EXPR_ATOMIC_STORE) old = NULL;
  return vyre_lower_end_access(l, check, vyre_lower_end_first(l, first, old));
}

/* ---- copies ---- */

/* One behind the last element that a copy reaches: of a stream the right halo is there, too. */
static LLVMValueRef copy_end(vyre_lower_t *l, uint32_t param) {
  const vyre_param_t *info = &l->program->params[param];
  if (info->role != VYRE_ROLE_STREAM || !vyre_param_has_halo(info)) return l->lengths[param];
  return LLVMBuildAdd(l->ir, l->lengths[param], l->halo_right, "");
}

/* Some of the n elements from `at` on lie outside; of none, none does. */
static LLVMValueRef reaches_out(vyre_lower_t *l, LLVMValueRef at, LLVMValueRef n, LLVMValueRef end) {
  LLVMValueRef room = vyre_lower_intrinsic(l, "llvm.usub.sat", l->i64, (LLVMValueRef[]){end, at}, 2);
  return LLVMBuildICmp(l->ir, LLVMIntUGT, n, room, "");
}

/* Of a copy of nothing: some place in the buffer, whatever its index. */
static LLVMValueRef copy_place(vyre_lower_t *l, uint32_t param, LLVMValueRef index, LLVMValueRef count) {
  LLVMValueRef zero = vyre_lower_i64(l, 0);
  LLVMValueRef is_empty = LLVMBuildICmp(l->ir, LLVMIntEQ, count, zero, "");
  return element_at(l, param, LLVMBuildSelect(l->ir, is_empty, zero, index, ""));
}

/* One of both lies in workgroup memory: they do not overlap. */
static void copy_by_group(vyre_lower_t *l, const vyre_stmt_t *s, LLVMValueRef to_index, LLVMValueRef from_index,
                          LLVMValueRef count) {
  LLVMTypeRef type = vyre_lower_type(l, l->program->params[s->param].type);
  unsigned alignment = vyre_type_bytes(l->program->params[s->param].type);
  vyre_elements_t e = vyre_lower_begin_elements(l, count);
  LLVMValueRef from = element_at(l, s->param2, LLVMBuildAdd(l->ir, from_index, e.index, ""));
  LLVMValueRef value = vyre_lower_load(l, type, from, "");
  LLVMSetAlignment(value, alignment);
  LLVMValueRef to = element_at(l, s->param, LLVMBuildAdd(l->ir, to_index, e.index, ""));
  LLVMSetAlignment(LLVMBuildStore(l->ir, value, to), alignment);
  vyre_lower_end_elements(l, e);
  l->target->barrier(l);
}

/* The bytes are there at once; the wait is a meeting all the same. */
void vyre_lower_copy(vyre_lower_t *l, const vyre_stmt_t *s) {
  LLVMValueRef to_index = vyre_lower_expr(l, s->arg[0]), from_index = vyre_lower_expr(l, s->arg[1]);
  LLVMValueRef count = vyre_lower_expr(l, s->arg[2]);
  LLVMValueRef outside = LLVMBuildOr(l->ir, reaches_out(l, to_index, count, copy_end(l, s->param)),
                                     reaches_out(l, from_index, count, copy_end(l, s->param2)), "outside");
  vyre_lower_check(l, outside, VYRE_FAULT_OUT_OF_RANGE, vyre_node_of_stmt(l->program, s));
  unsigned size = vyre_type_bytes(l->program->params[s->param].type);
  if (l->is_group) {
    copy_by_group(l, s, to_index, from_index, count);
    return;
  }
  LLVMBuildMemMove(l->ir, copy_place(l, s->param, to_index, count), size, copy_place(l, s->param2, from_index, count),
                   size, LLVMBuildMul(l->ir, count, vyre_lower_i64(l, size), ""));
}
