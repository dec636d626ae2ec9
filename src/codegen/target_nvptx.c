/* The NVPTX hook: a call is executed by the threads of one block.
 *
 * LLVM 19 loses orderings and scopes of atomics on this target. Additions to outputs and tables need none: what comes
 * out, relaxed at device scope, is right for them. The megakernel's loop has a hook of its own, target_nvptx_warp.c. */
#include "base/assert.h"
#include "codegen/lower.h"

static LLVMValueRef special_register(vyre_lower_t *l, const char *name) {
  return vyre_lower_intrinsic(l, name, NULL, NULL, 0);
}

static LLVMValueRef thread(vyre_lower_t *l) { return special_register(l, "llvm.nvvm.read.ptx.sreg.tid.x"); }
static LLVMValueRef threads(vyre_lower_t *l) { return special_register(l, "llvm.nvvm.read.ptx.sreg.ntid.x"); }
static LLVMValueRef group(vyre_lower_t *l) { return special_register(l, "llvm.nvvm.read.ptx.sreg.ctaid.x"); }
static void barrier(vyre_lower_t *l) { vyre_lower_intrinsic(l, "llvm.nvvm.barrier0", NULL, NULL, 0); }

static LLVMValueRef any(vyre_lower_t *l, LLVMValueRef bit) {
  LLVMValueRef argument = LLVMBuildZExt(l->ir, bit, l->i32, "");
  LLVMValueRef result = vyre_lower_intrinsic(l, "llvm.nvvm.barrier0.or", NULL, &argument, 1);
  return LLVMBuildICmp(l->ir, LLVMIntNE, result, LLVMConstInt(l->i32, 0, false), "");
}

static LLVMValueRef warp_votes(vyre_lower_t *l, LLVMValueRef bit) {
  LLVMValueRef arguments[] = {LLVMConstInt(l->i32, UINT32_MAX, false), bit};
  return vyre_lower_intrinsic(l, "llvm.nvvm.vote.ballot.sync", NULL, arguments, 2);
}

static LLVMValueRef shuffle_down(vyre_lower_t *l, LLVMValueRef word, unsigned distance) {
  LLVMValueRef arguments[] = {LLVMConstInt(l->i32, UINT32_MAX, false), word, LLVMConstInt(l->i32, distance, false),
                              LLVMConstInt(l->i32, 31, false)};
  return vyre_lower_intrinsic(l, "llvm.nvvm.shfl.sync.down.i32", NULL, arguments, 4);
}

static LLVMValueRef warp_sum(vyre_lower_t *l, LLVMValueRef value) {
  LLVMTypeRef type = LLVMTypeOf(value);
  for (unsigned distance = 16; distance > 0; distance /= 2) {
    LLVMValueRef other;
    if (type == l->i64) {
      LLVMValueRef half = vyre_lower_i64(l, 32);
      LLVMValueRef low = shuffle_down(l, LLVMBuildTrunc(l->ir, value, l->i32, ""), distance);
      LLVMValueRef high = LLVMBuildTrunc(l->ir, LLVMBuildLShr(l->ir, value, half, ""), l->i32, "");
      high = LLVMBuildShl(l->ir, LLVMBuildZExt(l->ir, shuffle_down(l, high, distance), l->i64, ""), half, "");
      other = LLVMBuildOr(l->ir, LLVMBuildZExt(l->ir, low, l->i64, ""), high, "");
    } else {
      VYRE_ASSERT(type == l->i32);
      other = shuffle_down(l, value, distance);
    }
    value = LLVMBuildAdd(l->ir, value, other, "");
  }
  return value;
}

/* One word in memory that the group shares: cleared, added to by all, read by all. */
static LLVMValueRef group_sum(vyre_lower_t *l, LLVMValueRef value) {
  static const char name[] = "group_sum";
  LLVMValueRef word = LLVMGetNamedGlobal(l->module, name);
  if (!word) {
    word = LLVMAddGlobalInAddressSpace(l->module, l->i64, name, VYRE_SHARED_ADDRESS_SPACE);
    LLVMSetLinkage(word, LLVMInternalLinkage);
    LLVMSetInitializer(word, LLVMGetUndef(l->i64));
    LLVMSetAlignment(word, 8);
  }
  barrier(l); /* the sum before this one has been read */
  LLVMBuildStore(l->ir, vyre_lower_i64(l, 0), word);
  barrier(l);
  LLVMBuildAtomicRMW(l->ir, LLVMAtomicRMWBinOpAdd, word, value, LLVMAtomicOrderingMonotonic, false);
  barrier(l);
  LLVMValueRef sum = vyre_lower_load(l, l->i64, word, "");
  LLVMSetVolatile(sum, true);
  return sum;
}

const vyre_target_t vyre_target_nvptx = {.is_gpu = true,
                                         .is_group = true,
                                         .thread = thread,
                                         .threads = threads,
                                         .group = group,
                                         .barrier = barrier,
                                         .any = any,
                                         .warp_votes = warp_votes,
                                         .warp_sum = warp_sum,
                                         .group_sum = group_sum};
