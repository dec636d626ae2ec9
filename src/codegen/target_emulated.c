/* A group of threads on a host, for tests: what a GPU's instructions do is done by functions of the caller's, so that
 * the code that groups execute is tested where there is no GPU. Each thread calls the entry with the same frame; a
 * function is given the number of the place that it is called from, because threads must meet at one.
 *
 *   u32 vyre_group_thread(), vyre_group_threads()
 *   void vyre_group_barrier(u32 place)               u32 vyre_group_any(u32 place, u32 bit)
 *   void vyre_group_warp_sync(u32 place)             u32 vyre_group_ballot(u32 place, u32 bit)
 *   u32 vyre_group_shuffle(u32 place, u32 word, u32 lane)
 *
 * Memory that the group shares is the object's own: one group at a time. */
#include "codegen/lower.h"

static LLVMValueRef place(vyre_lower_t *l) {
  /* The module counts them. */
  static const char name[] = "vyre_group_places";
  unsigned count = LLVMGetNamedMetadataNumOperands(l->module, name);
  LLVMMetadataRef empty = LLVMMDNodeInContext2(l->context, NULL, 0);
  LLVMAddNamedMetadataOperand(l->module, name, LLVMMetadataAsValue(l->context, empty));
  return LLVMConstInt(l->i32, count, false);
}

static LLVMValueRef call(vyre_lower_t *l, const char *name, LLVMTypeRef result, LLVMValueRef *arguments,
                         unsigned count) {
  LLVMTypeRef types[3] = {l->i32, l->i32, l->i32};
  LLVMTypeRef type = LLVMFunctionType(result, types, count, false);
  LLVMValueRef function = LLVMGetNamedFunction(l->module, name);
  if (!function) {
    function = LLVMAddFunction(l->module, name, type);
    vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "nounwind");
    vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "convergent");
    vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "noduplicate");
  }
  return LLVMBuildCall2(l->ir, type, function, arguments, count, "");
}

static LLVMValueRef thread(vyre_lower_t *l) { return call(l, "vyre_group_thread", l->i32, NULL, 0); }
static LLVMValueRef threads(vyre_lower_t *l) { return call(l, "vyre_group_threads", l->i32, NULL, 0); }
static LLVMValueRef group(vyre_lower_t *l) { return LLVMConstInt(l->i32, 0, false); }

static void barrier(vyre_lower_t *l) {
  LLVMValueRef arguments[] = {place(l)};
  call(l, "vyre_group_barrier", l->void_, arguments, 1);
}

static void warp_sync(vyre_lower_t *l) {
  LLVMValueRef arguments[] = {place(l)};
  call(l, "vyre_group_warp_sync", l->void_, arguments, 1);
}

static LLVMValueRef any(vyre_lower_t *l, LLVMValueRef bit) {
  LLVMValueRef arguments[] = {place(l), LLVMBuildZExt(l->ir, bit, l->i32, "")};
  return LLVMBuildTrunc(l->ir, call(l, "vyre_group_any", l->i32, arguments, 2), l->i1, "");
}

static LLVMValueRef ballot(vyre_lower_t *l, LLVMValueRef bit) {
  LLVMValueRef arguments[] = {place(l), LLVMBuildZExt(l->ir, bit, l->i32, "")};
  return call(l, "vyre_group_ballot", l->i32, arguments, 2);
}

static LLVMValueRef shuffle(vyre_lower_t *l, LLVMValueRef word, LLVMValueRef lane) {
  LLVMValueRef arguments[] = {place(l), word, lane};
  return call(l, "vyre_group_shuffle", l->i32, arguments, 3);
}

/* One thread at a time: everything is in order. */
static void fence(vyre_lower_t *l, vyre_order_t order, vyre_scope_t scope) {
  (void)scope;
  LLVMBuildFence(l->ir, vyre_lower_ordering(order), false, "");
}

const vyre_target_t vyre_target_emulated = {.is_group = true,
                                            .has_garbage = true,
                                            .thread = thread,
                                            .threads = threads,
                                            .group = group,
                                            .fence = fence,
                                            .barrier = barrier,
                                            .any = any,
                                            .warp_sync = warp_sync,
                                            .ballot = ballot,
                                            .shuffle = shuffle};
