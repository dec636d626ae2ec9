/* The NVPTX hook: a call is executed by the threads of one block.
 *
 * LLVM 19 loses orderings and scopes of atomics on this target. Additions to outputs and tables need none: what comes
 * out, relaxed at device scope, is right for them; atomics of a Program are inline assembly. The megakernel's loop has
 * a hook of its own, target_nvptx_warp.c. */
#include "codegen/nvptx_asm.h"

static LLVMValueRef special_register(vyre_lower_t *l, const char *name) {
  return vyre_lower_intrinsic(l, name, NULL, NULL, 0);
}

static LLVMValueRef thread(vyre_lower_t *l) { return special_register(l, "llvm.nvvm.read.ptx.sreg.tid.x"); }
static LLVMValueRef threads(vyre_lower_t *l) { return special_register(l, "llvm.nvvm.read.ptx.sreg.ntid.x"); }
static LLVMValueRef group(vyre_lower_t *l) { return special_register(l, "llvm.nvvm.read.ptx.sreg.ctaid.x"); }

static LLVMValueRef all_lanes(vyre_lower_t *l) { return LLVMConstInt(l->i32, UINT32_MAX, false); }

static void warp_sync(vyre_lower_t *l) {
  LLVMValueRef argument = all_lanes(l);
  vyre_lower_intrinsic(l, "llvm.nvvm.bar.warp.sync", NULL, &argument, 1);
}

/* The barriers are of whole warps ("aligned"): their threads come together first, wherever they come from. */
static void barrier(vyre_lower_t *l) {
  warp_sync(l);
  vyre_lower_intrinsic(l, "llvm.nvvm.barrier0", NULL, NULL, 0);
}

static LLVMValueRef any(vyre_lower_t *l, LLVMValueRef bit) {
  warp_sync(l);
  LLVMValueRef argument = LLVMBuildZExt(l->ir, bit, l->i32, "");
  LLVMValueRef result = vyre_lower_intrinsic(l, "llvm.nvvm.barrier0.or", NULL, &argument, 1);
  return LLVMBuildICmp(l->ir, LLVMIntNE, result, LLVMConstInt(l->i32, 0, false), "");
}

static LLVMValueRef ballot(vyre_lower_t *l, LLVMValueRef bit) {
  LLVMValueRef arguments[] = {all_lanes(l), bit};
  return vyre_lower_intrinsic(l, "llvm.nvvm.vote.ballot.sync", NULL, arguments, 2);
}

static LLVMValueRef shuffle(vyre_lower_t *l, LLVMValueRef word, LLVMValueRef lane) {
  LLVMValueRef arguments[] = {all_lanes(l), word, lane, LLVMConstInt(l->i32, 31, false)};
  return vyre_lower_intrinsic(l, "llvm.nvvm.shfl.sync.idx.i32", NULL, arguments, 4);
}

const vyre_target_t vyre_target_nvptx = {.is_gpu = true,
                                         .is_group = true,
                                         .shared_space = VYRE_SHARED_ADDRESS_SPACE,
                                         .thread = thread,
                                         .threads = threads,
                                         .group = group,
                                         .fence = vyre_nvptx_fence,
                                         .update = vyre_nvptx_update,
                                         .barrier = barrier,
                                         .any = any,
                                         .warp_sync = warp_sync,
                                         .ballot = ballot,
                                         .shuffle = shuffle};
