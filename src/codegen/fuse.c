/* A loop with the Programs that it calls: call_handler, a switch over functions of the same code. */
#include "base/memory.h"
#include "codegen/lower.h"

/* void call_handler(u32 index, frame): on a GPU by all threads of the block. */
LLVMValueRef vyre_lower_declare_call(vyre_lower_t *l) {
  LLVMTypeRef parameters[] = {l->i32, l->ptr};
  LLVMValueRef function =
      LLVMAddFunction(l->module, VYRE_KERNEL_CALL, LLVMFunctionType(l->void_, parameters, 2, false));
  LLVMSetLinkage(function, LLVMInternalLinkage);
  static const char *const attributes[] = {"nounwind", "convergent", "noinline"};
  for (unsigned i = 0; i < (l->target->is_gpu ? 3 : 1); i++)
    vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, attributes[i]);
  return function;
}

/* An index that the opcode table does not hold: no call on a GPU, where a trap would end the context; the end of the
 * process on a host. */
static void build_none(vyre_lower_t *l) {
  if (l->target->is_gpu) {
    LLVMBuildRetVoid(l->ir);
    return;
  }
  vyre_lower_intrinsic(l, "llvm.trap", NULL, NULL, 0);
  LLVMBuildUnreachable(l->ir);
}

static void build_case(vyre_lower_t *l, LLVMValueRef entry) {
  LLVMValueRef arguments[] = {LLVMGetParam(l->function, 1), LLVMConstNull(l->ptr)}; /* frame, context */
  LLVMBuildCall2(l->ir, LLVMGlobalGetValueType(entry), entry, arguments, LLVMCountParams(entry), "");
  LLVMBuildRetVoid(l->ir);
}

bool vyre_lower_define_call(vyre_lower_t *l, LLVMValueRef function, const vyre_program_t *const *handlers,
                            uint32_t count, const vyre_lower_options_t *options) {
  LLVMValueRef *entries = vyre_calloc(count + 1, sizeof *entries);
  bool is_whole = entries != NULL;
  for (uint32_t i = 0; i < count && is_whole; i++) {
    entries[i] = vyre_lower_program(handlers[i], l->target, options, l->module, "handler");
    is_whole = entries[i] != NULL;
  }
  l->function = function;
  LLVMPositionBuilderAtEnd(l->ir, vyre_lower_block(l, "entry"));
  LLVMBasicBlockRef none = vyre_lower_block(l, "none");
  LLVMValueRef choice = LLVMBuildSwitch(l->ir, LLVMGetParam(function, 0), none, count);
  LLVMPositionBuilderAtEnd(l->ir, none);
  build_none(l);
  for (uint32_t i = 0; i < count && is_whole; i++) {
    LLVMBasicBlockRef here = vyre_lower_block(l, "case");
    LLVMAddCase(choice, LLVMConstInt(l->i32, i, false), here);
    LLVMPositionBuilderAtEnd(l->ir, here);
    build_case(l, entries[i]);
  }
  vyre_free(entries);
  return is_whole;
}

bool vyre_lower_fused_loop(const vyre_program_t *loop, const vyre_lower_options_t *options, LLVMModuleRef module) {
  vyre_lower_t l = {.program = loop, .target = &vyre_target_x86};
  vyre_lower_types(&l, module);
  LLVMSetLinkage(vyre_lower_declare_call(&l), LLVMExternalLinkage);
  return vyre_lower_program(loop, &vyre_target_x86, options, module, VYRE_CODEGEN_SYMBOL) != NULL;
}

bool vyre_lower_handlers(const vyre_program_t *const *handlers, uint32_t handler_count,
                         const vyre_lower_options_t *options, LLVMModuleRef module) {
  vyre_lower_t l = {.target = &vyre_target_x86};
  vyre_lower_types(&l, module);
  LLVMValueRef function = vyre_lower_declare_call(&l);
  LLVMSetLinkage(function, LLVMExternalLinkage);
  l.ir = LLVMCreateBuilderInContext(l.context);
  bool is_whole = vyre_lower_define_call(&l, function, handlers, handler_count, options);
  LLVMDisposeBuilder(l.ir);
  return is_whole;
}
