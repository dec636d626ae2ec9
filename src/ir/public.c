/* The part of the public API that is about Programs alone. */
#include <vyre/program.h>

#include "ir/program.h"

const char *vyre_program_name(const vyre_program_t *program) { return program->name; }

uint32_t vyre_program_output_count(const vyre_program_t *program) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < program->param_count; i++) count += program->params[i].role == VYRE_ROLE_OUTPUT;
  return count;
}

vyre_status_t vyre_program_output_info(const vyre_program_t *program, uint32_t index, vyre_output_info_t *out_info) {
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    if (param->role != VYRE_ROLE_OUTPUT || index-- != 0) continue;
    *out_info = (vyre_output_info_t){.name = param->name,
                                     .type = vyre_type_text(param->type),
                                     .reducer = vyre_reducer_text(param->reducer),
                                     .is_signed = vyre_type_is_signed(param->type),
                                     .is_float = vyre_type_is_float(param->type),
                                     .element_bytes = vyre_type_bytes(param->type),
                                     .count = param->count ? param->count : 1,
                                     .is_array = param->count != 0};
    return NULL;
  }
  return vyre_status_make(VYRE_E_ARGUMENT, "the Program has %u outputs", vyre_program_output_count(program));
}

static bool is_input(const vyre_param_t *param) {
  return param->role == VYRE_ROLE_SCALAR || param->role == VYRE_ROLE_CONSTANT || param->role == VYRE_ROLE_STATE ||
         param->role == VYRE_ROLE_WINDOW;
}

uint32_t vyre_program_input_count(const vyre_program_t *program) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < program->param_count; i++) count += is_input(&program->params[i]);
  return count;
}

vyre_status_t vyre_program_input_info(const vyre_program_t *program, uint32_t index, vyre_input_info_t *out_info) {
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    if (!is_input(param) || index-- != 0) continue;
    *out_info = (vyre_input_info_t){.name = param->name,
                                    .role = vyre_role_text(param->role),
                                    .type = vyre_type_text(param->type),
                                    .element_bytes = vyre_type_bytes(param->type),
                                    .count = param->role == VYRE_ROLE_SCALAR ? 1 : param->count};
    return NULL;
  }
  return vyre_status_make(VYRE_E_ARGUMENT, "the Program has %u inputs", vyre_program_input_count(program));
}
