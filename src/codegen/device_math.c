#include "codegen/device_math.h"

#include <llvm-c/BitReader.h>
#include <llvm-c/Linker.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* The bitcode, as the build has extracted it. */
__asm__(
    ".pushsection .rodata\n"
    ".balign 16\n"
    ".type vyre_device_math_begin, @object\n"
    ".hidden vyre_device_math_begin\n"
    ".globl vyre_device_math_begin\n"
    "vyre_device_math_begin:\n"
    ".incbin \"" VYRE_DEVICE_MATH_BITCODE
    "\"\n"
    ".hidden vyre_device_math_end\n"
    ".globl vyre_device_math_end\n"
    "vyre_device_math_end:\n"
    ".byte 0\n"
    ".popsection\n");
extern const char vyre_device_math_begin[], vyre_device_math_end[];

static const char *const names[] = {"exp", "exp2", "log", "log2", "sin", "cos", "pow"};
enum { NAMES = sizeof names / sizeof *names, NAME_MAX = 32 };

static void name_of(char ours[NAME_MAX], char theirs[NAME_MAX], unsigned index, bool is_f32) {
  const char *type = is_f32 ? "f" : "d";
  bool is_binary = strcmp(names[index], "pow") == 0;
  snprintf(ours, NAME_MAX, "vyre_%s_%s", names[index], is_f32 ? "f32" : "f64");
  snprintf(theirs, NAME_MAX, "_Z%zu%s%s%s", strlen(names[index]), names[index], type, is_binary ? type : "");
}

/* What was chosen for another compilation: this one has its own target, and decides itself what to inline. */
static void clean(LLVMValueRef function) {
  static const char *const texts[] = {"target-features", "target-cpu", "no-builtins", "stack-protector-buffer-size",
                                      "frame-pointer"};
  unsigned at = (unsigned)LLVMAttributeFunctionIndex;
  for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
    LLVMRemoveStringAttributeAtIndex(function, at, texts[i], (unsigned)strlen(texts[i]));
  static const char *const kinds[] = {"alwaysinline", "convergent"};
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
    LLVMRemoveEnumAttributeAtIndex(function, at, LLVMGetEnumAttributeKindForName(kinds[i], strlen(kinds[i])));
}

static vyre_status_t parse(LLVMContextRef context, LLVMModuleRef *out_library) {
  size_t size = (size_t)(vyre_device_math_end - vyre_device_math_begin);
  LLVMMemoryBufferRef buffer =
      LLVMCreateMemoryBufferWithMemoryRange(vyre_device_math_begin, size, "device math", false);
  bool has_failed = LLVMParseBitcodeInContext2(context, buffer, out_library);
  LLVMDisposeMemoryBuffer(buffer);
  return has_failed ? vyre_status_make(VYRE_E_COMPILER, "the device's math library does not parse") : NULL;
}

/* Only what is wanted, under the names that it is called by. */
static void choose(LLVMModuleRef library, LLVMModuleRef module) {
  for (unsigned i = 0; i < 2 * NAMES; i++) {
    char ours[NAME_MAX], theirs[NAME_MAX];
    name_of(ours, theirs, i / 2, i % 2);
    LLVMValueRef function = LLVMGetNamedFunction(library, theirs), wanted = LLVMGetNamedFunction(module, ours);
    VYRE_ASSERT(function);
    if (!wanted) {
      LLVMSetLinkage(function, LLVMInternalLinkage);
      continue;
    }
    clean(function);
    LLVMSetValueName2(function, ours, strlen(ours));
    LLVMSetLinkage(function, LLVMExternalLinkage);
  }
}

static bool wants_any(LLVMModuleRef module) {
  for (unsigned i = 0; i < 2 * NAMES; i++) {
    char ours[NAME_MAX], theirs[NAME_MAX];
    name_of(ours, theirs, i / 2, i % 2);
    if (LLVMGetNamedFunction(module, ours)) return true;
  }
  return false;
}

vyre_status_t vyre_device_math_link(LLVMModuleRef module) {
  if (!wants_any(module)) return NULL;
  LLVMModuleRef library;
  VYRE_TRY(parse(LLVMGetModuleContext(module), &library));
  choose(library, module);
  LLVMSetTarget(library, LLVMGetTarget(module));
  LLVMSetDataLayout(library, LLVMGetDataLayoutStr(module));
  for (LLVMValueRef global = LLVMGetFirstGlobal(library); global; global = LLVMGetNextGlobal(global))
    LLVMSetLinkage(global, LLVMInternalLinkage);
  if (LLVMLinkModules2(module, library)) return vyre_status_make(VYRE_E_COMPILER, "the device's math does not link");
  for (unsigned i = 0; i < 2 * NAMES; i++) {
    char ours[NAME_MAX], theirs[NAME_MAX];
    name_of(ours, theirs, i / 2, i % 2);
    LLVMValueRef function = LLVMGetNamedFunction(module, ours);
    if (function) LLVMSetLinkage(function, LLVMInternalLinkage);
  }
  return NULL;
}
