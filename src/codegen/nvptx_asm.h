/* PTX as inline assembly, for both NVPTX hooks: LLVM 19 loses orders and scopes of memory accesses on this target, so
 * whatever has one is written here. PTX ISA 8.5, "Memory Consistency Model". */
#ifndef VYRE_CODEGEN_NVPTX_ASM_H
#define VYRE_CODEGEN_NVPTX_ASM_H

#include "codegen/lower.h"

/* One instruction or several; the constraints as LLVM takes them, with memory clobbered. */
LLVMValueRef vyre_nvptx_assembly(vyre_lower_t *l, LLVMTypeRef result, const char *text, const char *constraints,
                                 LLVMValueRef *arguments, unsigned count);
const char *vyre_nvptx_scope(vyre_scope_t scope);
const char *vyre_nvptx_order_of_atomic(vyre_order_t order); /* seq_cst: that behind a fence of its own */
/* How an integer of `bits` is named in an instruction and held in a register (8 bits: in one of 16). */
const char *vyre_nvptx_suffix(unsigned bits);
char vyre_nvptx_register(unsigned bits);
enum { VYRE_NVPTX_FENCE_TEXT = 48 };
void vyre_nvptx_fence_text(char text[VYRE_NVPTX_FENCE_TEXT], vyre_order_t order, vyre_scope_t scope);

/* By each thread that comes here. */
void vyre_nvptx_fence(vyre_lower_t *l, vyre_order_t order, vyre_scope_t scope);
/* ATOMIC_*: the old value, or NULL of a store. */
LLVMValueRef vyre_nvptx_update(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef at, LLVMValueRef value,
                               LLVMValueRef desired);

#endif
