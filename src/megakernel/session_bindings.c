/* Scalars, constants and state of registered Programs: their values, their memory, and the templates that the loop
 * makes bindings of. */
#include <string.h>

#include "base/memory.h"
#include "megakernel/protocol.h"
#include "megakernel/session_state.h"

static bool is_fixed(const vyre_param_t *param) {
  return param->role == VYRE_ROLE_CONSTANT || param->role == VYRE_ROLE_STATE;
}

static vyre_template_kind_t kind_of(const vyre_param_t *param) {
  switch (param->role) {
    case VYRE_ROLE_CONSTANT:
    case VYRE_ROLE_STATE: return VYRE_TEMPLATE_FIXED;
    case VYRE_ROLE_SCALAR: return VYRE_TEMPLATE_SCALAR;
    case VYRE_ROLE_WINDOW: return VYRE_TEMPLATE_WINDOW;
    case VYRE_ROLE_STREAM: return vyre_param_has_halo(param) ? VYRE_TEMPLATE_HALO : VYRE_TEMPLATE_NONE;
    default: return VYRE_TEMPLATE_NONE;
  }
}

uint32_t vyre_session_templates(const vyre_program_t *program) {
  for (uint32_t i = 0; i < program->param_count; i++)
    if (kind_of(&program->params[i]) != VYRE_TEMPLATE_NONE) return program->param_count;
  return 0;
}

/* ---- values ---- */

static vyre_status_t check_size(const vyre_program_t *program, const vyre_param_t *param, uint64_t bytes) {
  uint64_t size = vyre_type_bytes(param->type), wanted = size * (param->count ? param->count : 1);
  if (param->role == VYRE_ROLE_CONSTANT && !param->count) {
    if (bytes % size == 0 && bytes <= VYRE_LIMIT_STATE_BYTES) return NULL;
    return vyre_status_with_fix(
        vyre_program_error(program, VYRE_E_ARGUMENT, param->position, "%llu bytes for the constant '%s'",
                           (unsigned long long)bytes, param->name),
        "Give whole elements of %llu bytes, at most %d bytes.", (unsigned long long)size, VYRE_LIMIT_STATE_BYTES);
  }
  if (bytes == wanted) return NULL;
  return vyre_status_with_fix(vyre_program_error(program, VYRE_E_ARGUMENT, param->position, "%llu bytes for '%s'",
                                                 (unsigned long long)bytes, param->name),
                              "Give %llu bytes.", (unsigned long long)wanted);
}

vyre_status_t vyre_session_set_param(vyre_session_t *session, uint32_t opcode, const char *name, const void *value,
                                     uint64_t bytes) {
  if (session->was_started) return vyre_status_make(VYRE_E_STATE, "values are given before the session is started");
  if (!name) return vyre_status_make(VYRE_E_ARGUMENT, "the name is NULL");
  if (!value && bytes) return vyre_status_make(VYRE_E_ARGUMENT, "the value of '%s' is NULL", name);
  uint32_t index = vyre_session_find_handler(session, opcode);
  if (index == session->handler_count)
    return vyre_status_make(VYRE_E_ARGUMENT, "no Program has the opcode 0x%x", opcode);
  vyre_handler_t *handler = &session->handlers[index];
  const vyre_program_t *program = handler->program;
  uint32_t i = 0;
  while (i < program->param_count && strcmp(program->params[i].name, name) != 0) i++;
  bool can_be_set = i < program->param_count &&
                    (program->params[i].role == VYRE_ROLE_SCALAR || program->params[i].role == VYRE_ROLE_CONSTANT);
  if (!can_be_set)
    return vyre_status_with_fix(
        vyre_program_error(program, VYRE_E_NAME, 0, "'%s' is no scalar parameter or constant", name),
        "Name one that the Program declares with `param` or `constant`.");
  VYRE_TRY(check_size(program, &program->params[i], bytes));
  uint8_t *copy = vyre_alloc(bytes ? bytes : 1);
  if (!copy) return vyre_out_of_memory(bytes);
  if (bytes) memcpy(copy, value, bytes);
  vyre_free(handler->values[i].bytes);
  handler->values[i].bytes = copy;
  handler->values[i].size = bytes;
  return NULL;
}

void vyre_session_free_values(vyre_session_t *session) {
  for (uint32_t i = 0; i < session->handler_count; i++) {
    vyre_handler_t *handler = &session->handlers[i];
    for (uint32_t k = 0; k < handler->program->param_count; k++) vyre_free(handler->values[k].bytes);
    vyre_free(handler->values);
  }
}

vyre_status_t vyre_session_check_values(const vyre_session_t *session) {
  for (uint32_t i = 0; i < session->handler_count; i++) {
    const vyre_handler_t *handler = &session->handlers[i];
    const vyre_program_t *program = handler->program;
    if (program->needs_order && session->params.workers > 1)
      return vyre_status_with_fix(
          vyre_program_error(program, VYRE_E_UNSUPPORTED, 0,
                             "its slots run in order, because it writes state, and the session has %u workers",
                             session->params.workers),
          "Create the session with one worker (--workers 1), or update the state with atomics whose result is not "
          "used.");
    for (uint32_t k = 0; k < program->param_count; k++) {
      const vyre_param_t *param = &program->params[k];
      if (param->role != VYRE_ROLE_CONSTANT || handler->values[k].bytes) continue;
      return vyre_status_with_fix(
          vyre_program_error(program, VYRE_E_ARGUMENT, param->position, "the constant '%s' has no value", param->name),
          "Give it with vyre_session_set_param before start, or with `--constant %s=FILE`.", param->name);
    }
  }
  return NULL;
}

const vyre_param_t *vyre_session_operand(const vyre_session_t *session, uint32_t opcode) {
  for (uint32_t i = 0; i < session->handler_count; i++) {
    const vyre_handler_t *handler = &session->handlers[i];
    if (handler->opcode != opcode) continue;
    for (uint32_t k = 0; k < handler->program->param_count; k++) {
      const vyre_param_t *param = &handler->program->params[k];
      bool is_open = param->role == VYRE_ROLE_SCALAR && !handler->values[k].bytes;
      if (is_open || param->role == VYRE_ROLE_WINDOW) return param;
    }
  }
  return NULL;
}

/* ---- memory ---- */

static uint64_t length_of(const vyre_handler_t *handler, uint32_t k) {
  const vyre_param_t *param = &handler->program->params[k];
  return param->count ? (uint64_t)param->count * vyre_type_bytes(param->type) : handler->values[k].size;
}

void vyre_session_place_values(vyre_session_t *session, uint64_t *next) {
  for (uint32_t i = 0; i < session->handler_count; i++) {
    vyre_handler_t *handler = &session->handlers[i];
    for (uint32_t k = 0; k < handler->program->param_count; k++) {
      if (!is_fixed(&handler->program->params[k])) continue;
      handler->values[k].offset = *next;
      *next += (length_of(handler, k) + 63) & ~UINT64_C(63);
    }
  }
}

/* State is zero already. */
vyre_status_t vyre_session_write_constants(vyre_session_t *session) {
  for (uint32_t i = 0; i < session->handler_count; i++) {
    const vyre_handler_t *handler = &session->handlers[i];
    for (uint32_t k = 0; k < handler->program->param_count; k++) {
      const vyre_value_t *value = &handler->values[k];
      if (handler->program->params[k].role != VYRE_ROLE_CONSTANT || !value->size) continue;
      VYRE_TRY(session->device->ops->write(session->device, session->own.address + value->offset, value->bytes,
                                           value->size));
    }
  }
  return NULL;
}

/* ---- templates ---- */

uint64_t vyre_session_template_bytes(const vyre_session_t *session) {
  uint64_t bytes = (uint64_t)session->handler_count * VYRE_BINDING_BYTES_EACH;
  for (uint32_t i = 0; i < session->handler_count; i++)
    bytes += (uint64_t)session->handlers[i].program->param_count * VYRE_TEMPLATE_BYTES_EACH;
  return bytes;
}

static void store32(uint8_t *at, uint32_t value) { memcpy(at, &value, sizeof value); }
static void store64(uint8_t *at, uint64_t value) { memcpy(at, &value, sizeof value); }

static void fill_template(const vyre_session_t *session, const vyre_handler_t *handler, uint32_t k, uint8_t *at) {
  const vyre_param_t *param = &handler->program->params[k];
  vyre_template_kind_t kind = kind_of(param);
  store32(at + VYRE_TEMPLATE_KIND, kind);
  store32(at + VYRE_TEMPLATE_ELEMENT_BYTES, vyre_type_bytes(param->type));
  if (kind == VYRE_TEMPLATE_FIXED) {
    store64(at + VYRE_TEMPLATE_VALUE, session->own.address + handler->values[k].offset);
    store64(at + VYRE_TEMPLATE_BYTES, length_of(handler, k));
  } else if (kind == VYRE_TEMPLATE_SCALAR && handler->values[k].bytes) {
    uint64_t value = 0;
    memcpy(&value, handler->values[k].bytes, handler->values[k].size);
    store64(at + VYRE_TEMPLATE_VALUE, value & vyre_type_mask(param->type));
    store64(at + VYRE_TEMPLATE_BYTES, handler->values[k].size);
  }
}

void vyre_session_fill_templates(const vyre_session_t *session, uint8_t *at, uint64_t address) {
  uint64_t offset = (uint64_t)session->handler_count * VYRE_BINDING_BYTES_EACH;
  for (uint32_t i = 0; i < session->handler_count; i++) {
    const vyre_handler_t *handler = &session->handlers[i];
    uint8_t *entry = at + (size_t)i * VYRE_BINDING_BYTES_EACH;
    uint64_t operands = 0;
    store64(entry + VYRE_BINDING_TEMPLATES, address + offset);
    for (uint32_t k = 0; k < handler->program->param_count; k++, offset += VYRE_TEMPLATE_BYTES_EACH) {
      vyre_template_kind_t kind = kind_of(&handler->program->params[k]);
      operands += kind > VYRE_TEMPLATE_FIXED;
      fill_template(session, handler, k, at + offset);
    }
    store64(entry + VYRE_BINDING_OPERAND_BYTES, operands * VYRE_OPERAND_BYTES_EACH);
  }
}
