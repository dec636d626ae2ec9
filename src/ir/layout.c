#include "ir/layout.h"

#include <string.h>

/* Array outputs up to this many bytes get several private copies per worker, so that neighbouring iterations do not
 * wait for each other's store; larger ones would only fall out of the first-level cache. */
enum { COPIED_TABLE_BYTES_MAX = 4096, TABLE_COPIES = 4 };

static uint32_t round_up(uint32_t value, uint32_t multiple) { return (value + multiple - 1) / multiple * multiple; }

uint32_t vyre_output_value_bytes(const vyre_param_t *param) {
  uint32_t bytes = vyre_type_bytes(param->type);
  return vyre_reducer_is_commutative(param->reducer) || bytes > 8 ? bytes : 8;
}

uint64_t vyre_output_bytes(const vyre_param_t *param) {
  uint64_t value = vyre_output_value_bytes(param);
  switch (param->reducer) {
    case VYRE_REDUCER_COMBINE:
    case VYRE_REDUCER_PER_CHUNK: return 8 + value;
    case VYRE_REDUCER_APPEND: return 8 + param->count * (8 + value);
    default: return value * (param->count ? param->count : 1);
  }
}

void vyre_program_layout(const vyre_program_t *program, vyre_layout_t *out_layout) {
  *out_layout = (vyre_layout_t){0};
  uint32_t output = 0, scratch = 0;
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    uint32_t bytes = vyre_type_bytes(param->type) * (param->count ? param->count : 1);
    if (param->role == VYRE_ROLE_OUTPUT) {
      out_layout->output_offset[i] = round_up(output, 8);
      output = out_layout->output_offset[i] + (uint32_t)vyre_output_bytes(param);
    }
    bool has_table = param->role == VYRE_ROLE_OUTPUT && param->count && vyre_reducer_is_commutative(param->reducer);
    if (!has_table && param->role != VYRE_ROLE_WORKGROUP && param->role != VYRE_ROLE_PRIVATE) continue;
    bool is_private = param->role == VYRE_ROLE_PRIVATE;
    out_layout->scratch_offset[i] = scratch;
    out_layout->table_copies[i] = (uint8_t)(has_table && bytes <= COPIED_TABLE_BYTES_MAX ? TABLE_COPIES : 1);
    out_layout->table_stride[i] = round_up(bytes, is_private ? 16 : 64);
    scratch += out_layout->table_stride[i] * (is_private ? program->workgroup_size : out_layout->table_copies[i]);
    scratch = round_up(scratch, 64);
  }
  out_layout->output_bytes = round_up(output, 64);
  out_layout->scratch_bytes = scratch;
}

uint64_t vyre_output_identity(const vyre_param_t *param) {
  if (!vyre_reducer_is_commutative(param->reducer)) return 0;
  vyre_type_t type = param->type;
  uint64_t sign = UINT64_C(1) << (vyre_type_bits(type) - 1); /* commutative reducers are of scalars */
  uint64_t infinity = vyre_type_bits(type) == 64 ? UINT64_C(0x7FF0000000000000) : UINT64_C(0x7F800000);
  bool is_float = vyre_type_is_float(type), is_signed = vyre_type_is_signed(type);
  switch (param->reducer) {
    case VYRE_REDUCER_SUM: return is_float ? sign : 0;
    case VYRE_REDUCER_MIN: return is_float ? infinity : vyre_type_mask(type) ^ (is_signed ? sign : 0);
    case VYRE_REDUCER_MAX: return is_float ? infinity | sign : is_signed ? sign : 0;
    default: return 0;
  }
}

void vyre_program_init_outputs(const vyre_program_t *program, void *block) {
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  memset(block, 0, layout.output_bytes);
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    if (param->role != VYRE_ROLE_OUTPUT || !vyre_reducer_is_commutative(param->reducer)) continue;
    uint64_t identity = vyre_output_identity(param);
    uint32_t bytes = vyre_output_value_bytes(param);
    uint8_t *at = (uint8_t *)block + layout.output_offset[i];
    for (uint32_t k = 0; k < (param->count ? param->count : 1); k++) memcpy(at + (size_t)k * bytes, &identity, bytes);
  }
}
