/* The part of the public API that shows what the compiler makes of a Program. */
#include <vyre/program.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "device/registry.h"
#include "ir/canonical.h"

static vyre_status_t emit(const vyre_program_t *canonical, const vyre_codegen_options_t *options, bool is_cubin,
                          char **out_bytes, size_t *out_size) {
  const vyre_codegen_table_t *compiler = NULL;
  VYRE_TRY(vyre_codegen_load(&compiler));
  if (is_cubin) return vyre_cuda_emit_cubin(canonical, out_bytes, out_size);
  return compiler->compile(canonical, options, out_bytes, out_size);
}

vyre_status_t vyre_program_emit(const vyre_program_t *program, vyre_emit_t form, char **out_bytes, size_t *out_size) {
  vyre_codegen_options_t options = {.form = VYRE_CODEGEN_ASSEMBLY};
  switch (form) {
    case VYRE_EMIT_LLVM: options.form = VYRE_CODEGEN_LLVM; break;
    case VYRE_EMIT_LLVM_OPT: options.form = VYRE_CODEGEN_LLVM_OPT; break;
    case VYRE_EMIT_ASSEMBLY:
    case VYRE_EMIT_CUBIN: break;
    case VYRE_EMIT_OBJECT: options.form = VYRE_CODEGEN_OBJECT; break;
    case VYRE_EMIT_PTX_SM_80: options.gpu = "sm_80"; break;
    case VYRE_EMIT_PTX_SM_86: options.gpu = "sm_86"; break;
    case VYRE_EMIT_PTX_SM_89: options.gpu = "sm_89"; break;
    case VYRE_EMIT_PTX_SM_90: options.gpu = "sm_90"; break;
    default: return vyre_status_make(VYRE_E_ARGUMENT, "no form %d", (int)form);
  }
  vyre_program_t *canonical; /* what sessions compile */
  VYRE_TRY(vyre_canonicalize(program, &canonical));
  vyre_status_t status = emit(canonical, &options, form == VYRE_EMIT_CUBIN, out_bytes, out_size);
  vyre_program_destroy(&canonical);
  return status;
}
