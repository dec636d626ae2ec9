/* The part of the public API that shows what the compiler makes of a Program. */
#include <vyre/program.h>

#include "codegen/codegen.h"
#include "ir/canonical.h"

vyre_status_t vyre_program_emit(const vyre_program_t *program, vyre_emit_t form, char **out_bytes, size_t *out_size) {
  vyre_codegen_options_t options = {0};
  switch (form) {
    case VYRE_EMIT_LLVM: options.form = VYRE_CODEGEN_LLVM; break;
    case VYRE_EMIT_LLVM_OPT: options.form = VYRE_CODEGEN_LLVM_OPT; break;
    case VYRE_EMIT_ASSEMBLY: options.form = VYRE_CODEGEN_ASSEMBLY; break;
    case VYRE_EMIT_OBJECT: options.form = VYRE_CODEGEN_OBJECT; break;
    case VYRE_EMIT_PTX_SM_80:
    case VYRE_EMIT_PTX_SM_90:
      options.form = VYRE_CODEGEN_ASSEMBLY;
      options.gpu = form == VYRE_EMIT_PTX_SM_80 ? "sm_80" : "sm_90";
      break;
    default: return vyre_status_make(VYRE_E_ARGUMENT, "no form %d", (int)form);
  }
  const vyre_codegen_table_t *compiler = NULL;
  VYRE_TRY(vyre_codegen_load(&compiler));
  vyre_program_t *canonical; /* what sessions compile */
  VYRE_TRY(vyre_canonicalize(program, &canonical));
  vyre_status_t status = compiler->compile(canonical, &options, out_bytes, out_size);
  vyre_program_destroy(&canonical);
  return status;
}
