/* From a lowered module to text or an object, through LLVM's own pass pipeline; and the table that the library is for.
 */
#include <llvm-c/Analysis.h>
#include <llvm-c/Linker.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "codegen/device_math.h"
#include "codegen/lower.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void initialize(void) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
}

/* ThreadSanitizer knows only accesses that call it. In a build with it machine code for this process does, as all of
 * that build does: it is another compiler then, and its name says so. */
#ifdef VYRE_JIT_TSAN
static const bool has_tsan = true;
static const char *version(void) { return "LLVM " LLVM_VERSION_STRING " with ThreadSanitizer"; }
#else
static const bool has_tsan = false;
static const char *version(void) { return "LLVM " LLVM_VERSION_STRING; }
#endif

static vyre_status_t target_text(char **out_text) {
  char *cpu = LLVMGetHostCPUName();
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_strbuf_printf(&text, "x86_64 %s", cpu);
  LLVMDisposeMessage(cpu);
  *out_text = vyre_strbuf_take(&text);
  return *out_text ? NULL : vyre_out_of_memory(0);
}

/* The megakernel's loop is compiled in every process that starts a session, and has nothing that vectorizes: it gets
 * what turns variables into registers and folds branches, in 20 ms where default<O2> takes 85 for the same speed. */
static const char loop_passes[] = "function(sroa,early-cse,simplifycfg,instcombine<no-verify-fixpoint>,simplifycfg)";
static const char handler_passes[] = "default<O2>";
/* What is lean in a large Program, see lower_part.h: these take a tenth of the time. */
static const char lean_passes[] =
    "function(sroa,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,simplifycfg)";

/* A machine for this process's own CPU, or for a GPU's architecture. PIC and the small model: the loader puts code and
 * constants side by side. */
static vyre_status_t create_machine(const char *gpu, bool is_loop_alone, LLVMTargetMachineRef *out_machine) {
  const char *triple = gpu ? "nvptx64-nvidia-cuda" : "x86_64-unknown-linux-gnu";
  LLVMTargetRef target;
  char *message = NULL;
  if (LLVMGetTargetFromTriple(triple, &target, &message)) {
    vyre_status_t status = vyre_status_make(VYRE_E_COMPILER, "%s", message);
    LLVMDisposeMessage(message);
    return status;
  }
  char *cpu = gpu ? LLVMCreateMessage(gpu) : LLVMGetHostCPUName();
  char *features = gpu ? LLVMCreateMessage("") : LLVMGetHostCPUFeatures();
  *out_machine = LLVMCreateTargetMachine(target, triple, cpu, features,
                                         is_loop_alone ? LLVMCodeGenLevelLess : LLVMCodeGenLevelDefault, LLVMRelocPIC,
                                         LLVMCodeModelSmall);
  LLVMDisposeMessage(cpu);
  LLVMDisposeMessage(features);
  return *out_machine ? NULL : vyre_status_make(VYRE_E_COMPILER, "no target machine for %s", triple);
}

static vyre_status_t verify(const vyre_program_t *program, LLVMModuleRef module) {
  char *message = NULL;
  vyre_status_t status = NULL;
  if (LLVMVerifyModule(module, LLVMReturnStatusAction, &message))
    status = vyre_program_error(program, VYRE_E_COMPILER, 0, "%s", message);
  LLVMDisposeMessage(message);
  return status;
}

static vyre_status_t run_passes(const vyre_program_t *program, const char *passes, LLVMModuleRef module,
                                LLVMTargetMachineRef machine) {
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  /* ThreadSanitizer's pass passes over accesses of more than 16 bytes, gathers and masked ones. */
  LLVMPassBuilderOptionsSetLoopVectorization(options, !has_tsan);
  LLVMPassBuilderOptionsSetSLPVectorization(options, !has_tsan);
  LLVMErrorRef error = LLVMRunPasses(module, passes, machine, options);
  LLVMDisposePassBuilderOptions(options);
  if (!error) return NULL;
  char *message = LLVMGetErrorMessage(error);
  vyre_status_t status = vyre_program_error(program, VYRE_E_COMPILER, 0, "%s", message);
  LLVMDisposeErrorMessage(message);
  return status;
}

/* Before any pass: of such functions none loads earlier than the Program does. */
static void mark_for_tsan(LLVMModuleRef module) {
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f)) vyre_lower_add_attribute(f, (unsigned)LLVMAttributeFunctionIndex, "sanitize_thread");
}

static bool is_lean(LLVMValueRef function) {
  return LLVMGetStringAttributeAtIndex(function, (unsigned)LLVMAttributeFunctionIndex, VYRE_LEAN_ATTRIBUTE,
                                       sizeof VYRE_LEAN_ATTRIBUTE - 1) != NULL;
}

static void set_untouched(LLVMValueRef function, bool is_untouched) {
  static const char name[] = "optnone";
  if (is_untouched)
    vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, name);
  else
    LLVMRemoveEnumAttributeAtIndex(function, (unsigned)LLVMAttributeFunctionIndex,
                                   LLVMGetEnumAttributeKindForName(name, sizeof name - 1));
}

/* Passes leave functions with this attribute alone. Gives whether there are any of the kind. */
static bool set_all_untouched(LLVMModuleRef module, bool of_lean, bool is_untouched) {
  bool has_any = false;
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f)) {
    if (LLVMIsDeclaration(f) || is_lean(f) != of_lean) continue;
    has_any = true;
    set_untouched(f, is_untouched);
  }
  return has_any;
}

/* Of functions with the attribute instructions are chosen fast. */
static void choose_fast(LLVMModuleRef module) {
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f)) {
    if (LLVMIsDeclaration(f) || !is_lean(f)) continue;
    LLVMAttributeRef lean = LLVMGetStringAttributeAtIndex(f, (unsigned)LLVMAttributeFunctionIndex, VYRE_LEAN_ATTRIBUTE,
                                                          sizeof VYRE_LEAN_ATTRIBUTE - 1);
    unsigned length;
    if (strcmp(LLVMGetStringAttributeValue(lean, &length), VYRE_LEAN_HASTY) == 0) set_untouched(f, true);
  }
}

/* Programs as they were lowered: each function by the passes that are its own. */
static vyre_status_t optimize_handlers(const vyre_program_t *program, LLVMModuleRef module,
                                       LLVMTargetMachineRef machine) {
  bool has_lean = set_all_untouched(module, true, true);
  VYRE_TRY(run_passes(program, handler_passes, module, machine));
  if (!has_lean) return NULL;
  set_all_untouched(module, true, false);
  set_all_untouched(module, false, true);
  VYRE_TRY(run_passes(program, lean_passes, module, machine));
  set_all_untouched(module, false, false);
  choose_fast(module);
  return NULL;
}

/* LLVM 19's NVPTX takes the signed i1 that is true for 1, which is -1: such conversions, made by passes of selections
 * and sign extensions, become selections. See docs/decisions/0014-what-llvm-19-is-not-told.md. */
static void convert_signed_bits(LLVMModuleRef module) {
  LLVMContextRef context = LLVMGetModuleContext(module);
  LLVMBuilderRef ir = LLVMCreateBuilderInContext(context);
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block))
      for (LLVMValueRef i = LLVMGetFirstInstruction(block), next; i; i = next) {
        next = LLVMGetNextInstruction(i);
        if (LLVMGetInstructionOpcode(i) != LLVMSIToFP) continue;
        LLVMValueRef bit = LLVMGetOperand(i, 0);
        if (LLVMTypeOf(bit) != LLVMInt1TypeInContext(context)) continue;
        LLVMPositionBuilderBefore(ir, i);
        LLVMTypeRef type = LLVMTypeOf(i);
        LLVMValueRef value = LLVMBuildSelect(ir, bit, LLVMConstReal(type, -1), LLVMConstReal(type, 0), "");
        LLVMReplaceAllUsesWith(i, value);
        LLVMInstructionEraseFromParent(i);
      }
  LLVMDisposeBuilder(ir);
}

static vyre_status_t copy_out(const char *bytes, size_t size, char **out_bytes, size_t *out_size) {
  char *copy = vyre_alloc(size + 1);
  if (!copy) return vyre_out_of_memory(size);
  memcpy(copy, bytes, size);
  copy[size] = '\0';
  *out_bytes = copy;
  *out_size = size;
  return NULL;
}

static vyre_status_t write_module(const vyre_program_t *program, LLVMModuleRef module, LLVMTargetMachineRef machine,
                                  vyre_codegen_form_t form, char **out_bytes, size_t *out_size) {
  if (form == VYRE_CODEGEN_LLVM || form == VYRE_CODEGEN_LLVM_OPT) {
    char *text = LLVMPrintModuleToString(module);
    vyre_status_t status = copy_out(text, strlen(text), out_bytes, out_size);
    LLVMDisposeMessage(text);
    return status;
  }
  LLVMMemoryBufferRef buffer = NULL;
  char *message = NULL;
  LLVMCodeGenFileType type = form == VYRE_CODEGEN_ASSEMBLY ? LLVMAssemblyFile : LLVMObjectFile;
  if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, type, &message, &buffer)) {
    vyre_status_t status = vyre_program_error(program, VYRE_E_COMPILER, 0, "%s", message);
    LLVMDisposeMessage(message);
    return status;
  }
  vyre_status_t status = copy_out(LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer), out_bytes, out_size);
  LLVMDisposeMemoryBuffer(buffer);
  return status;
}

static bool is_host_loop(const vyre_program_t *program, const vyre_codegen_options_t *options) {
  return program->is_privileged && !options->gpu;
}

static bool is_fused(const vyre_program_t *program, const vyre_codegen_options_t *options) {
  return is_host_loop(program, options) && options->handlers;
}

static bool lower(LLVMModuleRef module, const vyre_program_t *program, const vyre_codegen_options_t *options) {
  vyre_lower_options_t how = {.is_checked = !options->is_unchecked,
                              .threads = options->threads,
                              .large_nodes = options->large_nodes,
                              .part = options->part};
  if (options->is_emulated_group) return vyre_lower_emulated(program, &how, module);
  if (is_fused(program, options)) return vyre_lower_fused_loop(program, &how, module);
  if (!options->gpu) return vyre_lower_program(program, &vyre_target_x86, &how, module, VYRE_CODEGEN_SYMBOL) != NULL;
  if (!program->is_privileged) return vyre_lower_finite_kernel(program, &how, module);
  return vyre_lower_megakernel(program, options->handlers, options->handler_count, &how, module);
}

/* The loop was lowered for what its blocks need of it. */
static void drop_loop(LLVMModuleRef module) {
  LLVMDeleteFunction(LLVMGetNamedFunction(module, VYRE_CODEGEN_SYMBOL));
  LLVMDeleteFunction(LLVMGetNamedFunction(module, VYRE_LOWER_BODY));
}

static void set_target(LLVMModuleRef module, LLVMTargetMachineRef machine) {
  char *triple = LLVMGetTargetMachineTriple(machine);
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
  LLVMSetTarget(module, triple);
  LLVMSetModuleDataLayout(module, layout);
  LLVMDisposeTargetData(layout);
  LLVMDisposeMessage(triple);
}

static vyre_status_t make_handlers(LLVMModuleRef module, LLVMTargetMachineRef machine, const vyre_program_t *loop,
                                   const vyre_codegen_options_t *options) {
  vyre_lower_options_t how = {.is_checked = !options->is_unchecked, .large_nodes = options->large_nodes};
  if (!vyre_lower_handlers(options->handlers, options->handler_count, &how, module)) return vyre_out_of_memory(0);
  set_target(module, machine);
  if (has_tsan) mark_for_tsan(module);
  VYRE_TRY(verify(loop, module));
  return options->form == VYRE_CODEGEN_LLVM ? NULL : optimize_handlers(loop, module, machine);
}

/* Only the entry is seen from outside; what has been inlined everywhere goes. */
static vyre_status_t hide_all_but_entry(LLVMModuleRef module, LLVMTargetMachineRef machine,
                                        const vyre_program_t *loop) {
  for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
    if (!LLVMIsDeclaration(f) && strcmp(LLVMGetValueName(f), VYRE_CODEGEN_SYMBOL) != 0)
      LLVMSetLinkage(f, LLVMInternalLinkage);
  return run_passes(loop, "globaldce", module, machine);
}

/* A fused loop is two modules until both are optimized: the loop keeps its short list of passes (all of it under
 * default<O2> takes 36 ms more for the same round trip), the Programs need theirs. While they are optimized
 * the Programs are visible from outside: small ones are inlined into the switch, large ones stay functions; else all of
 * them would become one function that grows with each registration. See docs/decisions/0010-a-fused-loop.md. */
static vyre_status_t add_handlers(LLVMModuleRef module, LLVMTargetMachineRef machine, const vyre_program_t *loop,
                                  const vyre_codegen_options_t *options) {
  LLVMModuleRef handlers = LLVMModuleCreateWithNameInContext("handlers", LLVMGetModuleContext(module));
  vyre_status_t status = make_handlers(handlers, machine, loop, options);
  if (status) {
    LLVMDisposeModule(handlers);
    return status;
  }
  if (LLVMLinkModules2(module, handlers))
    return vyre_program_error(loop, VYRE_E_COMPILER, 0, "the handlers do not link");
  return hide_all_but_entry(module, machine, loop);
}

static vyre_status_t compile_in(LLVMContextRef context, LLVMTargetMachineRef machine, const vyre_program_t *program,
                                const vyre_codegen_options_t *options, char **out_bytes, size_t *out_size) {
  LLVMModuleRef module = LLVMModuleCreateWithNameInContext(program->name, context);
  if (!lower(module, program, options)) {
    LLVMDisposeModule(module);
    return vyre_out_of_memory(0);
  }
  if (options->part == VYRE_CODEGEN_COLD) drop_loop(module);
  set_target(module, machine);
  bool calls_tsan = has_tsan && !options->gpu;
  if (calls_tsan) mark_for_tsan(module);
  vyre_status_t status = options->gpu ? vyre_device_math_link(module) : NULL;
  if (!status) status = verify(program, module);
  if (!status && options->form != VYRE_CODEGEN_LLVM)
    status = is_host_loop(program, options) ? run_passes(program, loop_passes, module, machine)
                                            : optimize_handlers(program, module, machine);
  if (options->gpu) convert_signed_bits(module);
  if (!status && is_fused(program, options)) status = add_handlers(module, machine, program, options);
  /* When all else is done to the code. "tsan-module" would add a constructor, which the process itself has. */
  if (!status && calls_tsan && options->form != VYRE_CODEGEN_LLVM)
    status = run_passes(program, "function(tsan)", module, machine);
  if (!status) status = write_module(program, module, machine, options->form, out_bytes, out_size);
  LLVMDisposeModule(module);
  return status;
}

static vyre_status_t check_gpu(const vyre_program_t *program, const vyre_codegen_options_t *options) {
  static const char *const known[] = {"sm_80", "sm_86", "sm_89", "sm_90"};
  bool is_known = false;
  for (unsigned i = 0; i < sizeof known / sizeof *known; i++) is_known |= strcmp(known[i], options->gpu) == 0;
  if (!is_known)
    return vyre_status_with_fix(
        vyre_status_make(VYRE_E_UNSUPPORTED, "code for the GPU architecture '%s'", options->gpu),
        "Choose sm_80, sm_86, sm_89 or sm_90; newer GPUs run code for sm_90.");
  if (options->form == VYRE_CODEGEN_OBJECT)
    return vyre_status_with_fix(vyre_status_make(VYRE_E_UNSUPPORTED, "objects for a GPU"), "Ask for PTX text.");
  VYRE_TRY(vyre_program_check_needs(program, VYRE_CODEGEN_GPU_LACKS, "code for GPUs"));
  for (uint32_t i = 0; i < options->handler_count; i++)
    VYRE_TRY(vyre_program_check_needs(options->handlers[i], VYRE_CODEGEN_GPU_LACKS, "code for GPUs"));
  return NULL;
}

static vyre_status_t compile(const vyre_program_t *program, const vyre_codegen_options_t *options, char **out_bytes,
                             size_t *out_size) {
  if (options->gpu) VYRE_TRY(check_gpu(program, options));
  pthread_once(&once, initialize);
  LLVMTargetMachineRef machine;
  VYRE_TRY(create_machine(options->gpu, is_host_loop(program, options) && !options->handlers, &machine));
  LLVMContextRef context = LLVMContextCreate();
  vyre_status_t status = compile_in(context, machine, program, options, out_bytes, out_size);
  LLVMContextDispose(context);
  LLVMDisposeTargetMachine(machine);
  return vyre_status_context(status, "compiling %s", program->name);
}

VYRE_API extern const vyre_codegen_table_t vyre_codegen_table;
const vyre_codegen_table_t vyre_codegen_table = {
    .abi = VYRE_CODEGEN_ABI, .version = version, .target = target_text, .compile = compile};
