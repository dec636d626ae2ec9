#include "support/inputs.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/random.h"

enum { HALO_MAX = 20, WINDOW_MAX = 700, LANES_FUEL_MAX = 400 };

/* ---- values ---- */

static uint64_t integer_of(random_t *r, vyre_type_t type) {
  unsigned bits = vyre_type_bits(type);
  uint64_t sign = UINT64_C(1) << (bits - 1);
  switch (random_below(r, 8)) {
    case 0: return random_below(r, 3);
    case 1: return UINT64_MAX - random_below(r, 3);
    case 2: return sign - random_below(r, 2);
    case 3: return random_below(r, 100);
    default: return random_next(r);
  }
}

/* Numbers of a usual size, whose sums and products stay numbers: between 1/2 and 128. */
static uint64_t tame_float_of(random_t *r, vyre_type_t type) {
  unsigned mantissa = type == VYRE_TYPE_F64 ? 52 : type == VYRE_TYPE_F32 ? 23 : type == VYRE_TYPE_F16 ? 10 : 7;
  uint64_t unit = UINT64_C(1) << mantissa, infinity = (UINT64_C(1) << (vyre_type_bits(type) - 1)) - unit;
  return ((infinity >> 1) & ~(unit - 1)) - unit + random_next(r) % (unit * 8);
}

/* Halfs have their own widths of exponent; the corners are the same. */
static uint64_t float_of(random_t *r, vyre_type_t type) {
  unsigned bits = vyre_type_bits(type);
  unsigned mantissa = type == VYRE_TYPE_F64 ? 52 : type == VYRE_TYPE_F32 ? 23 : type == VYRE_TYPE_F16 ? 10 : 7;
  uint64_t sign = random_once_in(r, 3) ? UINT64_C(1) << (bits - 1) : 0, unit = UINT64_C(1) << mantissa;
  uint64_t infinity = (UINT64_C(1) << (bits - 1)) - unit, one = (infinity >> 1) & ~(unit - 1);
  switch (random_below(r, 12)) {
    case 0: return sign;
    case 1: return sign | infinity;
    case 2: return sign | infinity | (unit >> 1);
    case 3: return sign | infinity | (1 + random_next(r) % (unit - 1)); /* a NaN that says something */
    case 4: return sign | random_next(r) % unit;                        /* denormals */
    case 5: return sign | (infinity - 1);
    case 6: return random_next(r);
    case 7: return sign | (one + (uint64_t)random_below(r, 8) * unit); /* powers of two */
    default: return sign | tame_float_of(r, type);
  }
}

static uint64_t value_of(random_t *r, vyre_type_t type) {
  vyre_type_kind_t kind = vyre_type_kind(type);
  bool is_float = kind == VYRE_KIND_FLOAT || kind == VYRE_KIND_HALF;
  return (is_float ? float_of(r, type) : integer_of(r, type)) & vyre_type_mask(type);
}

/* `size` bytes of elements; what is behind the last whole one is filled, too. */
static void fill(random_t *r, vyre_type_t type, uint8_t *bytes, size_t size) {
  bool is_vector = vyre_type_kind(type) == VYRE_KIND_VECTOR;
  vyre_type_t element = is_vector ? VYRE_TYPE_U32 : type;
  size_t step = vyre_type_bytes(element);
  vyre_type_kind_t kind = vyre_type_kind(element);
  bool is_tame = (kind == VYRE_KIND_FLOAT || kind == VYRE_KIND_HALF) && random_once_in(r, 2);
  for (size_t at = 0; at < size; at += step) {
    uint64_t value = is_tame ? tame_float_of(r, element) : value_of(r, element);
    memcpy(bytes + at, &value, size - at < step ? size - at : step);
  }
}

static uint8_t *allocate(inputs_t *inputs, uint32_t index, size_t size) {
  uint8_t *bytes = vyre_alloc(size + 1);
  if (!bytes) abort();
  inputs->memory[index] = bytes;
  return bytes;
}

/* ---- parameters ---- */

/* Elements of a buffer whose length comes with the call: often those of the stream or near them. */
static size_t length_of(random_t *r, size_t stream_length, bool no_faults) {
  size_t length;
  switch (random_below(r, 6)) {
    case 0: length = random_below(r, 9); break;
    case 1: length = stream_length; break;
    case 2: length = stream_length + random_below(r, 20); break;
    case 3: length = stream_length * 3 + 32; break;
    default: length = random_below(r, WINDOW_MAX); break;
  }
  return length == 0 && no_faults ? 1 : length;
}

static void bind_buffer(inputs_t *inputs, random_t *r, const vyre_param_t *param, uint32_t index, size_t length) {
  if (param->count) length = param->count;
  size_t size = length * vyre_type_bytes(param->type);
  uint8_t *bytes = allocate(inputs, index, size);
  fill(r, param->type, bytes, size);
  inputs->bindings[index] = (run_binding_t){.bytes = bytes, .size = size};
}

/* What is there of a declared halo: nothing at an end of the file, else up to all of it. */
static uint32_t halo_of(const inputs_t *inputs, random_t *r, vyre_halo_t halo, uint32_t element) {
  uint64_t most = halo.is_param ? inputs->bindings[halo.count].value : halo.count;
  if (most > HALO_MAX) most = HALO_MAX;
  if (random_once_in(r, 4)) return 0;
  return (random_once_in(r, 2) ? (uint32_t)most : random_below(r, (uint32_t)most + 1)) * element;
}

static void make_chunk(inputs_t *inputs, random_t *r, const vyre_program_t *program, const vyre_param_t *stream,
                       size_t size) {
  run_input_t *input = &inputs->input;
  vyre_type_t type = stream ? (vyre_type_t)stream->type : VYRE_TYPE_U8;
  if (stream && vyre_param_has_halo(stream)) {
    size -= size % vyre_type_bytes(type);
    input->halo_left = halo_of(inputs, r, stream->left, vyre_type_bytes(type));
    input->halo_right = halo_of(inputs, r, stream->right, vyre_type_bytes(type));
  }
  size_t all = size + input->halo_left + input->halo_right;
  uint8_t *bytes = allocate(inputs, program->param_count, all);
  fill(r, type, bytes, all);
  input->data = bytes + input->halo_left;
  input->data_bytes = size;
}

static uint64_t fuel_of(random_t *r, const vyre_program_t *program) {
  static const uint64_t fuels[] = {50000, 3, 1000, 200000, 60, 20000};
  /* Each lane has a budget like this. */
  if (program->workgroup_size > 1) return random_below(r, random_once_in(r, 2) ? LANES_FUEL_MAX : 30);
  return fuels[random_below(r, 6)] + random_below(r, 50);
}

void inputs_init(inputs_t *inputs, const vyre_program_t *program, uint64_t seed, const inputs_options_t *options) {
  random_t random = {seed ^ UINT64_C(0x5EED0000)}, *r = &random;
  *inputs = (inputs_t){0};
  const vyre_param_t *stream = NULL;
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    if (param->role == VYRE_ROLE_STREAM) stream = param;
    if (param->role == VYRE_ROLE_SCALAR) inputs->bindings[i].value = value_of(r, param->type);
  }
  size_t stream_length = stream ? options->data_bytes / vyre_type_bytes(stream->type) : 0;
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    if (param->role == VYRE_ROLE_CONSTANT || param->role == VYRE_ROLE_STATE || param->role == VYRE_ROLE_WINDOW)
      bind_buffer(inputs, r, param, i, length_of(r, stream_length, options->no_faults));
  }
  make_chunk(inputs, r, program, stream, options->data_bytes);
  run_input_t *input = &inputs->input;
  input->fuel = options->no_faults ? UINT64_C(1) << 62 : fuel_of(r, program);
  input->stream_offset = random_next(r) >> random_below(r, 64);
  input->is_last = random_below(r, 2);
  input->output_fill = (uint8_t)random_below(r, 256);
  input->bindings = inputs->bindings;
}

void inputs_deinit(inputs_t *inputs) {
  for (uint32_t i = 0; i <= VYRE_LIMIT_PARAMS; i++) vyre_free(inputs->memory[i]);
  *inputs = (inputs_t){0};
}
