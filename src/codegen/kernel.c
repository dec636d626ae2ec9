/* What a GPU launches: a kernel around Programs, each of which a block of threads executes.
 *
 * In the megakernel the first warp of a block runs the loop; its 32 threads execute uniform code alike. The other warps
 * wait at a barrier for a command: a handler's index and its frame, or the end. All warps then call the handler. */
#include "codegen/lower.h"

enum {
  PTX_KERNEL = 71, /* llvm::CallingConv::PTX_Kernel */
  WARP_THREADS = 32,
};
#define COMMAND_LEAVE UINT32_MAX

static uint32_t shared_bytes(const vyre_program_t *program) {
  vyre_group_memory_t memory;
  vyre_lower_plan_shared(program, &memory);
  return memory.bytes;
}

static void add_shared_memory(vyre_lower_t *l, uint32_t bytes) {
  vyre_lower_add_shared(l, VYRE_KERNEL_SHARED, LLVMArrayType2(l->i8, bytes ? bytes : 16), 16);
}

static LLVMValueRef thread_index(vyre_lower_t *l) { return vyre_target_nvptx.thread(l); }

/* The kernel's head: its function, positioned in its first block, and the frame of this block. */
static LLVMValueRef begin_kernel(vyre_lower_t *l, LLVMValueRef *out_frame) {
  LLVMTypeRef parameters[] = {l->ptr, l->i64};
  LLVMTypeRef type = LLVMFunctionType(l->void_, parameters, 2, false);
  LLVMValueRef kernel = LLVMAddFunction(l->module, VYRE_CODEGEN_SYMBOL, type);
  LLVMSetFunctionCallConv(kernel, PTX_KERNEL);
  vyre_lower_add_attribute(kernel, (unsigned)LLVMAttributeFunctionIndex, "nounwind");
  vyre_lower_add_attribute(kernel, (unsigned)LLVMAttributeFunctionIndex, "convergent");
  l->function = kernel;
  LLVMPositionBuilderAtEnd(l->ir, vyre_lower_block(l, "entry"));
  LLVMValueRef block = LLVMBuildZExt(l->ir, vyre_target_nvptx.group(l), l->i64, "block");
  LLVMValueRef offset = LLVMBuildMul(l->ir, block, LLVMGetParam(kernel, 1), "");
  *out_frame = LLVMBuildInBoundsGEP2(l->ir, l->i8, LLVMGetParam(kernel, 0), &offset, 1, "frame");
  return kernel;
}

static void annotate(vyre_lower_t *l, LLVMValueRef kernel, const char *name, size_t length, unsigned value) {
  LLVMMetadataRef operands[] = {LLVMValueAsMetadata(kernel), LLVMMDStringInContext2(l->context, name, length),
                                LLVMValueAsMetadata(LLVMConstInt(l->i32, value, false))};
  LLVMMetadataRef node = LLVMMDNodeInContext2(l->context, operands, 3);
  LLVMAddNamedMetadataOperand(l->module, "nvvm.annotations", LLVMMetadataAsValue(l->context, node));
}

/* So many threads are launched in a block, and one block on a multiprocessor is enough: it may have all registers. */
static void set_threads(vyre_lower_t *l, LLVMValueRef kernel, unsigned threads) {
  enum { REGISTERS = 65536, THREAD_REGISTERS_MAX = 255 };
  unsigned registers = REGISTERS / threads / 8 * 8;
  annotate(l, kernel, "reqntidx", 8, threads);
  annotate(l, kernel, "maxnreg", 7, registers < THREAD_REGISTERS_MAX ? registers : THREAD_REGISTERS_MAX);
}

static void call(vyre_lower_t *l, LLVMValueRef function, LLVMValueRef *arguments, unsigned count) {
  LLVMBuildCall2(l->ir, LLVMGlobalGetValueType(function), function, arguments, count, "");
}

bool vyre_lower_finite_kernel(const vyre_program_t *program, const vyre_lower_options_t *options,
                              LLVMModuleRef module) {
  vyre_lower_t l = {.program = program, .target = &vyre_target_nvptx};
  vyre_lower_types(&l, module);
  add_shared_memory(&l, shared_bytes(program));
  LLVMValueRef function = vyre_lower_program(program, &vyre_target_nvptx, options, module, "program");
  if (!function) return false;
  l.ir = LLVMCreateBuilderInContext(l.context);
  LLVMValueRef frame;
  LLVMValueRef kernel = begin_kernel(&l, &frame);
  if (options->threads) set_threads(&l, kernel, options->threads);
  call(&l, function, &frame, 1);
  LLVMBuildRetVoid(l.ir);
  LLVMDisposeBuilder(l.ir);
  return true;
}

bool vyre_lower_emulated(const vyre_program_t *program, const vyre_lower_options_t *options, LLVMModuleRef module) {
  vyre_lower_t l = {.program = program, .target = &vyre_target_emulated};
  vyre_lower_types(&l, module);
  add_shared_memory(&l, shared_bytes(program));
  return vyre_lower_program(program, &vyre_target_emulated, options, module, VYRE_CODEGEN_SYMBOL) != NULL;
}

/* The other warps: wait for a command, carry it out, meet the first warp again. */
static void build_followers(vyre_lower_t *l, LLVMValueRef call_function, LLVMValueRef command,
                            LLVMValueRef frame_word) {
  LLVMBasicBlockRef wait = vyre_lower_block(l, "wait"), work = vyre_lower_block(l, "work");
  LLVMBasicBlockRef leave = vyre_lower_block(l, "leave");
  LLVMBuildBr(l->ir, wait);
  LLVMPositionBuilderAtEnd(l->ir, wait);
  vyre_target_nvptx.barrier(l);
  LLVMValueRef arguments[2] = {vyre_lower_load(l, l->i32, command, "command"),
                               vyre_lower_load(l, l->ptr, frame_word, "frame")};
  LLVMSetVolatile(arguments[0], true);
  LLVMSetVolatile(arguments[1], true);
  LLVMValueRef ends = LLVMBuildICmp(l->ir, LLVMIntEQ, arguments[0], LLVMConstInt(l->i32, COMMAND_LEAVE, false), "");
  LLVMBuildCondBr(l->ir, ends, leave, work);
  LLVMPositionBuilderAtEnd(l->ir, work);
  call(l, call_function, arguments, 2);
  vyre_target_nvptx.barrier(l);
  LLVMBuildBr(l->ir, wait);
  LLVMPositionBuilderAtEnd(l->ir, leave);
  LLVMBuildRetVoid(l->ir);
}

bool vyre_lower_megakernel(const vyre_program_t *loop, const vyre_program_t *const *handlers, uint32_t handler_count,
                           const vyre_lower_options_t *options, LLVMModuleRef module) {
  vyre_lower_t l = {.program = loop, .target = &vyre_target_nvptx};
  vyre_lower_types(&l, module);
  uint32_t most = 0;
  for (uint32_t i = 0; i < handler_count; i++) {
    uint32_t bytes = shared_bytes(handlers[i]);
    if (bytes > most) most = bytes;
  }
  add_shared_memory(&l, most);
  vyre_lower_add_shared(&l, VYRE_KERNEL_LOCAL, LLVMArrayType2(l.i8, VYRE_LOCAL_BYTES), 64);
  LLVMValueRef command = vyre_lower_add_shared(&l, VYRE_KERNEL_COMMAND, l.i32, 4);
  LLVMValueRef frame_word = vyre_lower_add_shared(&l, VYRE_KERNEL_FRAME, l.ptr, 8);
  LLVMValueRef call_function = vyre_lower_declare_call(&l);
  LLVMValueRef loop_function = vyre_lower_program(loop, &vyre_target_nvptx_warp, options, module, "loop");
  l.ir = LLVMCreateBuilderInContext(l.context);
  bool is_whole = loop_function && vyre_lower_define_call(&l, call_function, handlers, handler_count, options);
  if (is_whole) {
    LLVMValueRef frame;
    LLVMValueRef kernel = begin_kernel(&l, &frame);
    if (options->threads) set_threads(&l, kernel, options->threads);
    LLVMBasicBlockRef first = vyre_lower_block(&l, "first_warp"), others = vyre_lower_block(&l, "others");
    LLVMValueRef is_first =
        LLVMBuildICmp(l.ir, LLVMIntULT, thread_index(&l), LLVMConstInt(l.i32, WARP_THREADS, false), "");
    LLVMBuildCondBr(l.ir, is_first, first, others);
    LLVMPositionBuilderAtEnd(l.ir, first);
    call(&l, loop_function, &frame, 1);
    LLVMSetVolatile(LLVMBuildStore(l.ir, LLVMConstInt(l.i32, COMMAND_LEAVE, false), command), true);
    vyre_target_nvptx_warp.barrier(&l);
    LLVMBuildRetVoid(l.ir);
    LLVMPositionBuilderAtEnd(l.ir, others);
    build_followers(&l, call_function, command, frame_word);
  }
  LLVMDisposeBuilder(l.ir);
  return is_whole;
}
