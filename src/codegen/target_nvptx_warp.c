/* The NVPTX hook of the megakernel's loop: privileged nodes on a warp.
 *
 * Uniform code is executed by all 32 threads alike. Its loads are one request, since the address is the same in all;
 * its stores, fences and atomics are made by the first thread. An acquire load, which may race, and an atomic are read
 * by the first thread and given to the others. In a lanes block every access is the thread's own.
 *
 * Every access is inline assembly, see nvptx_asm.h. A relaxed 16-byte access is one vector instruction: records
 * validate themselves by their tag.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "codegen/nvptx_asm.h"

enum { SLEEP_NS = 1000 };

static LLVMValueRef i32_const(vyre_lower_t *l, uint32_t value) { return LLVMConstInt(l->i32, value, false); }
static LLVMValueRef all_lanes(vyre_lower_t *l) { return i32_const(l, UINT32_MAX); }
static LLVMValueRef lane_index(vyre_lower_t *l) {
  return vyre_lower_intrinsic(l, "llvm.nvvm.read.ptx.sreg.laneid", NULL, NULL, 0);
}
static void warp_sync(vyre_lower_t *l) {
  LLVMValueRef argument = all_lanes(l);
  vyre_lower_intrinsic(l, "llvm.nvvm.bar.warp.sync", NULL, &argument, 1);
}

static LLVMValueRef first_of_word(vyre_lower_t *l, LLVMValueRef word) {
  LLVMValueRef arguments[] = {all_lanes(l), word, i32_const(l, 0), i32_const(l, 31)};
  return vyre_lower_intrinsic(l, "llvm.nvvm.shfl.sync.idx.i32", NULL, arguments, 4);
}

/* The first thread's value, in all. */
static LLVMValueRef first_of(vyre_lower_t *l, LLVMValueRef value) {
  LLVMTypeRef type = LLVMTypeOf(value);
  if (type == l->i64) {
    LLVMValueRef half = vyre_lower_i64(l, 32);
    LLVMValueRef low = first_of_word(l, LLVMBuildTrunc(l->ir, value, l->i32, ""));
    LLVMValueRef high = first_of_word(l, LLVMBuildTrunc(l->ir, LLVMBuildLShr(l->ir, value, half, ""), l->i32, ""));
    high = LLVMBuildShl(l->ir, LLVMBuildZExt(l->ir, high, l->i64, ""), half, "");
    return LLVMBuildOr(l->ir, LLVMBuildZExt(l->ir, low, l->i64, ""), high, "");
  }
  LLVMValueRef word = LLVMBuildZExt(l->ir, value, l->i32, "");
  return LLVMBuildTrunc(l->ir, first_of_word(l, word), type, "");
}

/* An instruction without a result: as it is in a lanes block, else by the first thread of the warp. Its operands are
 * $0 .. $(count - 1); constraints are those of the operands. */
static void effect(vyre_lower_t *l, const char *instruction, const char *constraints, const LLVMValueRef *operands,
                   unsigned count) {
  char text[192], all[48];
  LLVMValueRef arguments[6];
  for (unsigned i = 0; i < count; i++) arguments[i] = operands[i];
  if (l->in_lanes) {
    snprintf(text, sizeof text, "%s;", instruction);
    snprintf(all, sizeof all, "%s%s~{memory}", constraints, count ? "," : "");
  } else {
    snprintf(text, sizeof text, "{ .reg .pred p; setp.eq.u32 p, $%u, 0; @p %s; }", count, instruction);
    snprintf(all, sizeof all, "%s%sr,~{memory}", constraints, count ? "," : "");
    arguments[count++] = lane_index(l);
  }
  vyre_nvptx_assembly(l, l->void_, text, all, arguments, count);
}

static LLVMTypeRef register_type(vyre_lower_t *l, unsigned bits) {
  return LLVMIntTypeInContext(l->context, bits < 16 ? 16 : bits);
}

static void fence(vyre_lower_t *l, vyre_order_t order, vyre_scope_t scope) {
  char text[VYRE_NVPTX_FENCE_TEXT];
  vyre_nvptx_fence_text(text, order, scope);
  effect(l, text, "", NULL, 0);
}

/* ---- expressions ---- */

static LLVMValueRef raw_load(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef address) {
  unsigned bits = vyre_type_bits(e->type) < 8 ? 8 : vyre_type_bits(e->type);
  char text[64], constraints[32];
  snprintf(text, sizeof text, "ld.%s.%s.%s $0, [$1];", e->order == VYRE_ORDER_RELAXED ? "relaxed" : "acquire",
           vyre_nvptx_scope(e->scope), vyre_nvptx_suffix(bits));
  snprintf(constraints, sizeof constraints, "=%c,l,~{memory}", vyre_nvptx_register(bits));
  LLVMValueRef value = vyre_nvptx_assembly(l, register_type(l, bits), text, constraints, &address, 1);
  if (!l->in_lanes && e->order != VYRE_ORDER_RELAXED) value = first_of(l, value);
  return LLVMBuildTrunc(l->ir, value, vyre_lower_type(l, e->type), "");
}

/* atom.ORDER.SCOPE.OP; seq_cst: behind a fence of its own. */
static LLVMValueRef atomic(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef operands[3]) {
  unsigned bits = vyre_type_bits(e->type);
  bool is_add = e->op == VYRE_EXPR_RAW_ATOMIC_ADD;
  char text[160], constraints[32];
  if (e->order == VYRE_ORDER_SEQ_CST) fence(l, e->order, e->scope);
  snprintf(text, sizeof text,
           "{ .reg .pred p; setp.%s.u32 p, $2, 0; mov.%s $0, 0; @p atom.%s.%s.%s.%s $0, [$1], $3%s; }",
           l->in_lanes ? "ge" : "eq", vyre_nvptx_suffix(bits), vyre_nvptx_order_of_atomic(e->order),
           vyre_nvptx_scope(e->scope), is_add ? "add" : "cas",
           is_add       ? vyre_nvptx_suffix(bits)
           : bits == 64 ? "b64"
                        : "b32",
           is_add ? "" : ", $4");
  char r = vyre_nvptx_register(bits);
  snprintf(constraints, sizeof constraints, is_add ? "=&%c,l,r,%c,~{memory}" : "=&%c,l,r,%c,%c,~{memory}", r, r, r);
  LLVMValueRef arguments[] = {operands[0], lane_index(l), operands[1], operands[2]};
  LLVMValueRef value =
      vyre_nvptx_assembly(l, vyre_lower_type(l, e->type), text, constraints, arguments, is_add ? 3 : 4);
  return l->in_lanes ? value : first_of(l, value);
}

static LLVMValueRef lower_expr(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef operands[3]) {
  switch (e->op) {
    case VYRE_EXPR_CONTROL:
      return vyre_lower_frame_field(l, l->frame, l->i64, offsetof(vyre_frame_t, control), "control");
    case VYRE_EXPR_FRAME: return LLVMBuildPtrToInt(l->ir, l->frame, l->i64, "");
    case VYRE_EXPR_WORKER: return vyre_lower_frame_field(l, l->frame, l->i32, offsetof(vyre_frame_t, worker), "worker");
    case VYRE_EXPR_LOCAL: {
      LLVMValueRef shared = LLVMGetNamedGlobal(l->module, VYRE_KERNEL_LOCAL);
      return LLVMBuildPtrToInt(l->ir, LLVMBuildAddrSpaceCast(l->ir, shared, l->ptr, ""), l->i64, "local");
    }
    case VYRE_EXPR_RAW_LOAD: return raw_load(l, e, operands[0]);
    case VYRE_EXPR_RAW_ATOMIC_ADD:
    case VYRE_EXPR_RAW_ATOMIC_CAS: return atomic(l, e, operands);
    case VYRE_EXPR_CLOCK: {
      LLVMValueRef now = vyre_nvptx_assembly(l, l->i64, "mov.u64 $0, %globaltimer;", "=l,~{memory}", NULL, 0);
      return l->in_lanes ? now : first_of(l, now);
    }
    case VYRE_EXPR_PUMP: return i32_const(l, 0); /* io is pumped by a thread of the host */
    default: VYRE_UNREACHABLE();
  }
}

/* ---- statements ---- */

static void raw_store(vyre_lower_t *l, const vyre_stmt_t *s, LLVMValueRef address, LLVMValueRef value) {
  unsigned bits = vyre_type_bits(s->type) < 8 ? 8 : vyre_type_bits(s->type);
  char text[64], constraints[16];
  snprintf(text, sizeof text, "st.%s.%s.%s [$0], $1", s->order == VYRE_ORDER_RELAXED ? "relaxed" : "release",
           vyre_nvptx_scope(s->scope), vyre_nvptx_suffix(bits));
  snprintf(constraints, sizeof constraints, "l,%c", vyre_nvptx_register(bits));
  LLVMValueRef operands[] = {address, LLVMBuildZExt(l->ir, value, register_type(l, bits), "")};
  effect(l, text, constraints, operands, 2);
}

static void load16(vyre_lower_t *l, const vyre_stmt_t *s, LLVMValueRef address) {
  LLVMTypeRef words[] = {l->i32, l->i32, l->i32, l->i32};
  char text[64];
  snprintf(text, sizeof text, "ld.relaxed.%s.v4.u32 {$0, $1, $2, $3}, [$4];", vyre_nvptx_scope(s->scope));
  LLVMValueRef record = vyre_nvptx_assembly(l, LLVMStructTypeInContext(l->context, words, 4, false), text,
                                            "=r,=r,=r,=r,l,~{memory}", &address, 1);
  for (unsigned i = 0; i < 4; i++) {
    LLVMValueRef word = LLVMBuildExtractValue(l->ir, record, i, "");
    if (!l->in_lanes && s->order != VYRE_ORDER_RELAXED) word = first_of(l, word);
    LLVMBuildStore(l->ir, word, l->vars[s->out[i]]);
  }
  if (s->order != VYRE_ORDER_RELAXED) fence(l, VYRE_ORDER_ACQUIRE, s->scope);
}

static void store16(vyre_lower_t *l, const vyre_stmt_t *s, LLVMValueRef operands[5]) {
  if (s->order != VYRE_ORDER_RELAXED) fence(l, VYRE_ORDER_RELEASE, s->scope);
  char text[80];
  snprintf(text, sizeof text, "st.relaxed.%s.v4.u32 [$0], {$1, $2, $3, $4}", vyre_nvptx_scope(s->scope));
  effect(l, text, "l,r,r,r,r", operands, 5);
}

/* The first warp of all warps of the block: its threads come together first. */
static void barrier(vyre_lower_t *l) {
  warp_sync(l);
  vyre_target_nvptx.barrier(l);
}

static void lower_call(vyre_lower_t *l, LLVMValueRef index, LLVMValueRef frame) {
  LLVMValueRef pointer = LLVMBuildIntToPtr(l->ir, frame, l->ptr, "");
  LLVMSetVolatile(LLVMBuildStore(l->ir, index, LLVMGetNamedGlobal(l->module, VYRE_KERNEL_COMMAND)), true);
  LLVMSetVolatile(LLVMBuildStore(l->ir, pointer, LLVMGetNamedGlobal(l->module, VYRE_KERNEL_FRAME)), true);
  barrier(l);
  LLVMValueRef function = LLVMGetNamedFunction(l->module, VYRE_KERNEL_CALL);
  LLVMValueRef arguments[] = {index, pointer};
  LLVMBuildCall2(l->ir, LLVMGlobalGetValueType(function), function, arguments, 2, "");
  barrier(l);
}

/* Units of 16 bytes or of one, between the offsets begin and end, dealt out to the threads of the warp. */
static void copy_units(vyre_lower_t *l, LLVMValueRef operands[3], LLVMValueRef begin, LLVMValueRef end, unsigned unit) {
  static const char wide[] =
      "{ .reg .b32 a, b, c, d; ld.relaxed.sys.v4.u32 {a, b, c, d}, [$1]; "
      "st.relaxed.sys.v4.u32 [$0], {a, b, c, d}; }";
  static const char narrow[] = "{ .reg .u16 v; ld.relaxed.sys.u8 v, [$1]; st.relaxed.sys.u8 [$0], v; }";
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir);
  LLVMValueRef function = LLVMGetBasicBlockParent(before);
  LLVMBasicBlockRef head = LLVMAppendBasicBlockInContext(l->context, function, "copy");
  LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(l->context, function, "unit");
  LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(l->context, function, "copied");
  LLVMValueRef mine = LLVMBuildMul(l->ir, LLVMBuildZExt(l->ir, lane_index(l), l->i64, ""), vyre_lower_i64(l, unit), "");
  LLVMValueRef first = LLVMBuildAdd(l->ir, begin, mine, "");
  LLVMBuildBr(l->ir, head);
  LLVMPositionBuilderAtEnd(l->ir, head);
  LLVMValueRef at = LLVMBuildPhi(l->ir, l->i64, "at");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntULT, at, end, ""), body, after);
  LLVMPositionBuilderAtEnd(l->ir, body);
  LLVMValueRef addresses[] = {LLVMBuildAdd(l->ir, operands[0], at, ""), LLVMBuildAdd(l->ir, operands[1], at, "")};
  vyre_nvptx_assembly(l, l->void_, unit == 16 ? wide : narrow, "l,l,~{memory}", addresses, 2);
  LLVMValueRef next = LLVMBuildAdd(l->ir, at, vyre_lower_i64(l, VYRE_LANES * unit), "");
  LLVMBuildBr(l->ir, head);
  LLVMAddIncoming(at, (LLVMValueRef[]){first, next}, (LLVMBasicBlockRef[]){before, body}, 2);
  LLVMPositionBuilderAtEnd(l->ir, after);
}

/* What both addresses allow in units of 16 bytes, the rest in bytes. The threads meet at either end: what stood at the
 * destination has been read, and what was copied can be read by all. */
static void raw_copy(vyre_lower_t *l, LLVMValueRef operands[3]) {
  LLVMValueRef zero = vyre_lower_i64(l, 0), both = LLVMBuildOr(l->ir, operands[0], operands[1], "");
  LLVMValueRef is_aligned =
      LLVMBuildICmp(l->ir, LLVMIntEQ, LLVMBuildAnd(l->ir, both, vyre_lower_i64(l, 15), ""), zero, "");
  LLVMValueRef whole = LLVMBuildAnd(l->ir, operands[2], vyre_lower_i64(l, ~UINT64_C(15)), "");
  LLVMValueRef middle = LLVMBuildSelect(l->ir, is_aligned, whole, zero, "");
  warp_sync(l);
  copy_units(l, operands, zero, middle, 16);
  copy_units(l, operands, middle, operands[2], 1);
  warp_sync(l);
}

static void lower_stmt(vyre_lower_t *l, const vyre_stmt_t *s, LLVMValueRef operands[5]) {
  switch (s->op) {
    case VYRE_STMT_RAW_STORE: raw_store(l, s, operands[0], operands[1]); return;
    case VYRE_STMT_LOAD16: load16(l, s, operands[0]); return;
    case VYRE_STMT_STORE16: store16(l, s, operands); return;
    case VYRE_STMT_FENCE: fence(l, s->order, s->scope); return;
    case VYRE_STMT_HEAVY_FENCE: fence(l, VYRE_ORDER_SEQ_CST, VYRE_SCOPE_SYSTEM); return;
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE:
    case VYRE_STMT_WAKE:
    case VYRE_STMT_PAUSE: return; /* who polls waits for its loads anyway */
    case VYRE_STMT_RAW_COPY: raw_copy(l, operands); return;
    case VYRE_STMT_SLEEP: {
      LLVMValueRef duration = i32_const(l, SLEEP_NS);
      vyre_nvptx_assembly(l, l->void_, "nanosleep.u32 $0;", "r,~{memory}", &duration, 1);
      return;
    }
    case VYRE_STMT_CALL_HANDLER: lower_call(l, operands[0], operands[1]); return;
    default: VYRE_UNREACHABLE();
  }
}

/* Each thread is a lane. They meet before the block, so that none overwrites what another still reads, and behind it.
 */
static void lower_lanes(vyre_lower_t *l, const vyre_stmt_t *s) {
  warp_sync(l);
  LLVMValueRef lane = lane_index(l);
  vyre_lower_lane_body(l, s, lane);
  warp_sync(l);
  for (uint32_t i = 0; i < l->mask_count; i++) {
    LLVMValueRef place = l->vars[l->masks[i]];
    LLVMValueRef mask = vyre_lower_load(l, l->i32, place, "");
    LLVMValueRef bit = LLVMBuildTrunc(l->ir, LLVMBuildLShr(l->ir, mask, lane, ""), l->i1, "");
    LLVMValueRef arguments[] = {all_lanes(l), bit};
    LLVMBuildStore(l->ir, vyre_lower_intrinsic(l, "llvm.nvvm.vote.ballot.sync", NULL, arguments, 2), place);
  }
}

const vyre_target_t vyre_target_nvptx_warp = {
    .is_gpu = true, .expr = lower_expr, .stmt = lower_stmt, .lanes = lower_lanes, .barrier = barrier};
