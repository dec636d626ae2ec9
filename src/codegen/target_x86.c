/* The x86-64 hook: privileged nodes on a host device, where an address is a pointer of this process and the hooks of
 * struct vyre_hooks are called through the frame. */
#include <stddef.h>

#include "base/assert.h"
#include "codegen/lower.h"

static LLVMValueRef pointer(vyre_lower_t *l, LLVMValueRef address, uint64_t offset) {
  if (offset) address = LLVMBuildAdd(l->ir, address, vyre_lower_i64(l, offset), "");
  return LLVMBuildIntToPtr(l->ir, address, l->ptr, "");
}

static LLVMValueRef atomic_load(vyre_lower_t *l, LLVMTypeRef type, LLVMValueRef from, vyre_order_t order,
                                unsigned bytes) {
  LLVMValueRef value = vyre_lower_load(l, type, from, "");
  LLVMSetAlignment(value, bytes);
  LLVMSetOrdering(value, vyre_lower_ordering(order));
  return value;
}

static void atomic_store(vyre_lower_t *l, LLVMValueRef value, LLVMValueRef to, vyre_order_t order, unsigned bytes) {
  LLVMValueRef store = LLVMBuildStore(l->ir, value, to);
  LLVMSetAlignment(store, bytes);
  LLVMSetOrdering(store, vyre_lower_ordering(order));
}

static LLVMValueRef worker(vyre_lower_t *l) {
  return vyre_lower_frame_field(l, l->frame, l->i32, offsetof(vyre_frame_t, worker), "worker");
}

static LLVMValueRef hooks(vyre_lower_t *l) {
  return vyre_lower_frame_field(l, l->frame, l->ptr, offsetof(vyre_frame_t, hooks), "hooks");
}

/* hooks->FIELD(hooks, arguments...) */
static LLVMValueRef call_hook(vyre_lower_t *l, uint64_t field, LLVMTypeRef result, LLVMValueRef *rest,
                              LLVMTypeRef *rest_types, unsigned rest_count) {
  LLVMValueRef arguments[4] = {hooks(l)};
  LLVMTypeRef types[4] = {l->ptr};
  VYRE_ASSERT(rest_count < 4);
  for (unsigned i = 0; i < rest_count; i++) {
    arguments[1 + i] = rest[i];
    types[1 + i] = rest_types[i];
  }
  LLVMValueRef function = vyre_lower_frame_field(l, arguments[0], l->ptr, field, "hook");
  return LLVMBuildCall2(l->ir, LLVMFunctionType(result, types, 1 + rest_count, false), function, arguments,
                        1 + rest_count, "");
}

static LLVMValueRef lower_expr(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef operands[3]) {
  LLVMTypeRef type = vyre_lower_type(l, e->type);
  switch (e->op) {
    case VYRE_EXPR_CONTROL:
      return vyre_lower_frame_field(l, l->frame, l->i64, offsetof(vyre_frame_t, control), "control");
    case VYRE_EXPR_FRAME: return LLVMBuildPtrToInt(l->ir, l->frame, l->i64, "");
    case VYRE_EXPR_LOCAL: return LLVMBuildPtrToInt(l->ir, l->scratch, l->i64, "");
    case VYRE_EXPR_WORKER: return worker(l);
    case VYRE_EXPR_RAW_LOAD:
      return atomic_load(l, type, pointer(l, operands[0], 0), e->order, vyre_type_bytes(e->type));
    case VYRE_EXPR_RAW_ATOMIC_ADD:
      return LLVMBuildAtomicRMW(l->ir, LLVMAtomicRMWBinOpAdd, pointer(l, operands[0], 0), operands[1],
                                vyre_lower_ordering(e->order), false);
    case VYRE_EXPR_RAW_ATOMIC_CAS: {
      LLVMValueRef pair =
          LLVMBuildAtomicCmpXchg(l->ir, pointer(l, operands[0], 0), operands[1], operands[2],
                                 vyre_lower_ordering(e->order), vyre_lower_failure_ordering(e->order), false);
      return LLVMBuildExtractValue(l->ir, pair, 0, "");
    }
    case VYRE_EXPR_CLOCK: return call_hook(l, offsetof(vyre_hooks_t, clock), l->i64, NULL, NULL, 0);
    case VYRE_EXPR_PUMP: {
      LLVMValueRef arguments[] = {worker(l)};
      return call_hook(l, offsetof(vyre_hooks_t, pump), l->i32, arguments, (LLVMTypeRef[]){l->i32}, 1);
    }
    default: VYRE_UNREACHABLE();
  }
}

/* In a relaxed one, too, the words belong to the tag. There a fence orders them, which is no instruction on this
 * machine, and which ThreadSanitizer passes over: to it, too, a relaxed one says nothing of other memory. */
static void lower_load16(vyre_lower_t *l, const vyre_stmt_t *s, LLVMValueRef address) {
  LLVMValueRef words[4];
  words[s->tag] = atomic_load(l, l->i32, pointer(l, address, 4u * s->tag), s->order, 4);
  if (s->order == VYRE_ORDER_RELAXED) LLVMBuildFence(l->ir, LLVMAtomicOrderingAcquire, false, "");
  for (unsigned i = 0; i < 4; i++)
    if (i != s->tag) words[i] = atomic_load(l, l->i32, pointer(l, address, 4u * i), VYRE_ORDER_RELAXED, 4);
  for (unsigned i = 0; i < 4; i++) LLVMBuildStore(l->ir, words[i], l->vars[s->out[i]]);
}

static void lower_store16(vyre_lower_t *l, const vyre_stmt_t *s, LLVMValueRef operands[5]) {
  for (unsigned i = 0; i < 4; i++)
    if (i != s->tag) atomic_store(l, operands[1 + i], pointer(l, operands[0], 4u * i), VYRE_ORDER_RELAXED, 4);
  if (s->order == VYRE_ORDER_RELAXED) LLVMBuildFence(l->ir, LLVMAtomicOrderingRelease, false, "");
  atomic_store(l, operands[1 + s->tag], pointer(l, operands[0], 4u * s->tag), s->order, 4);
}

/* Fused: call_handler(index, frame); else handlers[index].function(frame, handlers[index].context). */
static void lower_call(vyre_lower_t *l, LLVMValueRef index, LLVMValueRef frame) {
  LLVMValueRef fused = LLVMGetNamedFunction(l->module, VYRE_KERNEL_CALL);
  if (fused) {
    LLVMValueRef operands[] = {index, pointer(l, frame, 0)};
    LLVMBuildCall2(l->ir, LLVMGlobalGetValueType(fused), fused, operands, 2, "");
    return;
  }
  LLVMValueRef handlers = vyre_lower_frame_field(l, hooks(l), l->ptr, offsetof(vyre_hooks_t, handlers), "handlers");
  LLVMValueRef offset =
      LLVMBuildMul(l->ir, LLVMBuildZExt(l->ir, index, l->i64, ""), vyre_lower_i64(l, sizeof(vyre_entry_t)), "");
  LLVMValueRef entry = LLVMBuildInBoundsGEP2(l->ir, l->i8, handlers, &offset, 1, "");
  LLVMValueRef function = vyre_lower_frame_field(l, entry, l->ptr, offsetof(vyre_entry_t, function), "function");
  LLVMValueRef context = vyre_lower_frame_field(l, entry, l->ptr, offsetof(vyre_entry_t, context), "context");
  LLVMTypeRef types[] = {l->ptr, l->ptr};
  LLVMValueRef arguments[] = {pointer(l, frame, 0), context};
  LLVMBuildCall2(l->ir, LLVMFunctionType(l->void_, types, 2, false), function, arguments, 2, "");
}

static void lower_stmt(vyre_lower_t *l, const vyre_stmt_t *s, LLVMValueRef operands[5]) {
  switch (s->op) {
    case VYRE_STMT_RAW_STORE:
      atomic_store(l, operands[1], pointer(l, operands[0], 0), s->order, vyre_type_bytes(s->type));
      return;
    case VYRE_STMT_LOAD16: lower_load16(l, s, operands[0]); return;
    case VYRE_STMT_STORE16: lower_store16(l, s, operands); return;
    case VYRE_STMT_FENCE: LLVMBuildFence(l->ir, vyre_lower_ordering(s->order), false, ""); return;
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE: {
      LLVMValueRef to_write = LLVMConstInt(l->i32, s->op == VYRE_STMT_PREFETCH_WRITE, false);
      LLVMValueRef local = LLVMConstInt(l->i32, 3, false), is_data = LLVMConstInt(l->i32, 1, false);
      LLVMValueRef arguments[] = {pointer(l, operands[0], 0), to_write, local, is_data};
      vyre_lower_intrinsic(l, "llvm.prefetch", l->ptr, arguments, 4);
      return;
    }
    case VYRE_STMT_PAUSE: vyre_lower_intrinsic(l, "llvm.x86.sse2.pause", NULL, NULL, 0); return;
    case VYRE_STMT_HEAVY_FENCE: call_hook(l, offsetof(vyre_hooks_t, heavy_fence), l->void_, NULL, NULL, 0); return;
    case VYRE_STMT_SLEEP: {
      LLVMValueRef arguments[] = {worker(l), operands[0], operands[1]};
      call_hook(l, offsetof(vyre_hooks_t, sleep), l->void_, arguments, (LLVMTypeRef[]){l->i32, l->i64, l->i32}, 3);
      return;
    }
    case VYRE_STMT_WAKE: {
      call_hook(l, offsetof(vyre_hooks_t, wake), l->void_, operands, (LLVMTypeRef[]){l->i64}, 1);
      return;
    }
    case VYRE_STMT_RAW_COPY:
      LLVMBuildMemCpy(l->ir, pointer(l, operands[0], 0), 1, pointer(l, operands[1], 0), 1, operands[2]);
      return;
    case VYRE_STMT_CALL_HANDLER: lower_call(l, operands[0], operands[1]); return;
    default: VYRE_UNREACHABLE();
  }
}

static void lower_lanes(vyre_lower_t *l, const vyre_stmt_t *s) {
  LLVMBasicBlockRef head = LLVMGetInsertBlock(l->ir);
  LLVMBasicBlockRef body = vyre_lower_block(l, "lane"), after = vyre_lower_block(l, "endlanes");
  LLVMBuildBr(l->ir, body);
  LLVMPositionBuilderAtEnd(l->ir, body);
  LLVMValueRef lane = LLVMBuildPhi(l->ir, l->i32, "lane");
  vyre_lower_lane_body(l, s, lane);
  LLVMValueRef next = LLVMBuildAdd(l->ir, lane, LLVMConstInt(l->i32, 1, false), "");
  LLVMValueRef is_done = LLVMBuildICmp(l->ir, LLVMIntEQ, next, LLVMConstInt(l->i32, VYRE_LANES, false), "");
  LLVMValueRef values[] = {LLVMConstInt(l->i32, 0, false), next};
  LLVMBasicBlockRef blocks[] = {head, LLVMGetInsertBlock(l->ir)};
  LLVMAddIncoming(lane, values, blocks, 2);
  LLVMBuildCondBr(l->ir, is_done, after, body);
  LLVMPositionBuilderAtEnd(l->ir, after);
}

const vyre_target_t vyre_target_x86 = {.expr = lower_expr, .stmt = lower_stmt, .lanes = lower_lanes};
