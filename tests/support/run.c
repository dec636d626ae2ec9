#include "support/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "interp/interp.h"
#include "ir/layout.h"

static void require(bool condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "run_entry: %s\n", what);
  abort();
}

/* Pages with an untouchable one on either side. */
typedef struct fence {
  uint8_t *map;
  size_t page, usable;
} fence_t;

static fence_t fence_open(size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  fence_t fence = {.page = page, .usable = (bytes + page - 1) / page * page};
  fence.map = mmap(NULL, fence.usable + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(fence.map != MAP_FAILED, "mmap failed");
  if (fence.usable) require(mprotect(fence.map + page, fence.usable, PROT_READ | PROT_WRITE) == 0, "mprotect failed");
  return fence;
}

/* Where `bytes` bytes begin that end at the fence, or up to alignment - 1 bytes before it. */
static uint8_t *fence_end(const fence_t *fence, size_t bytes, size_t alignment) {
  return fence->map + fence->page + fence->usable - (bytes + alignment - 1) / alignment * alignment;
}

static void fence_close(const fence_t *fence) { munmap(fence->map, fence->usable + 2 * fence->page); }

static size_t stream_alignment(const vyre_program_t *program) {
  for (uint32_t i = 0; i < program->param_count; i++)
    if (program->params[i].role == VYRE_ROLE_STREAM) return vyre_type_bytes(program->params[i].type);
  return 1;
}

/* ---- what the entry gets ---- */

static bool is_written(const vyre_param_t *param) {
  return param->role == VYRE_ROLE_STATE || param->role == VYRE_ROLE_WINDOW;
}

static bool is_bound(const vyre_param_t *param) { return is_written(param) || param->role == VYRE_ROLE_CONSTANT; }

typedef struct bound {
  fence_t fence;
  uint8_t *bytes;
  size_t size;
} bound_t;

/* The bytes of a buffer, fenced; without write access where the Program has none. */
static bound_t bind_buffer(const vyre_param_t *param, const run_binding_t *binding) {
  size_t element = vyre_type_bytes(param->type);
  bound_t bound = {.size = binding->size ? binding->size : param->count * element};
  require(bound.size >= param->count * element, "a binding is shorter than declared");
  bound.fence = fence_open(bound.size);
  bound.bytes = fence_end(&bound.fence, bound.size, element);
  if (binding->bytes && bound.size) memcpy(bound.bytes, binding->bytes, bound.size);
  if (!(param->access & VYRE_ACCESS_WRITE) && bound.fence.usable)
    require(mprotect(bound.fence.map + bound.fence.page, bound.fence.usable, PROT_READ) == 0, "mprotect failed");
  return bound;
}

static void fill_outputs(const vyre_program_t *program, const vyre_layout_t *layout, const run_input_t *input,
                         uint8_t *block) {
  if (input->outputs) {
    memcpy(block, input->outputs, layout->output_bytes);
    return;
  }
  uint8_t *first = vyre_alloc(layout->output_bytes + 1u);
  require(first != NULL, "out of memory");
  vyre_program_init_outputs(program, first);
  memset(block, input->output_fill, layout->output_bytes);
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    bool is_extreme = param->reducer == VYRE_REDUCER_MIN || param->reducer == VYRE_REDUCER_MAX;
    if (is_extreme)
      memcpy(block + layout->output_offset[i], first + layout->output_offset[i], (size_t)vyre_output_bytes(param));
  }
  vyre_free(first);
}

/* ---- what it left ---- */

static size_t record_bytes; /* of the records that are being compared; qsort has no context */

static int compare_records(const void *a, const void *b) {
  uint64_t first, second;
  memcpy(&first, a, 8);
  memcpy(&second, b, 8);
  if (first != second) return first < second ? -1 : 1;
  return memcmp((const uint8_t *)a + 8, (const uint8_t *)b + 8, record_bytes - 8);
}

static void normalize_output(const vyre_param_t *param, uint8_t *at, bool is_fault) {
  if (!vyre_output_is_ordered(param)) return;
  size_t bytes = (size_t)vyre_output_bytes(param);
  uint64_t head;
  if (is_fault) memset(at, 0, bytes);
  if (param->reducer == VYRE_REDUCER_SUM) return;
  memcpy(&head, at, 8);
  if (param->reducer == VYRE_REDUCER_APPEND) {
    require(head <= param->count, "more records than the output holds");
    record_bytes = 8 + vyre_output_value_bytes(param);
    qsort(at + 8, (size_t)head, record_bytes, compare_records);
    memset(at + 8 + head * record_bytes, 0, bytes - 8 - (size_t)head * record_bytes);
    return;
  }
  require(head <= 1, "whether a value was assigned is neither 0 nor 1");
  if (head == 0) memset(at, 0, bytes);
}

static void take_outputs(const vyre_program_t *program, const vyre_layout_t *layout, const run_input_t *input,
                         const uint8_t *block, run_result_t *result) {
  uint8_t *before = vyre_alloc(layout->output_bytes + 1u);
  result->outputs = vyre_alloc(layout->output_bytes + 1u);
  require(before && result->outputs, "out of memory");
  result->output_bytes = layout->output_bytes;
  fill_outputs(program, layout, input, before);
  memcpy(result->outputs, block, layout->output_bytes);
  bool is_fault = result->fault != VYRE_FAULT_NONE;
  if (!input->is_finish) {
    for (uint32_t i = 0; i < program->param_count; i++) {
      const vyre_param_t *param = &program->params[i];
      if (param->role != VYRE_ROLE_OUTPUT) continue;
      uint32_t at = layout->output_offset[i];
      bool is_shared = !vyre_output_is_ordered(param);
      if (is_fault && is_shared)
        require(memcmp(block + at, before + at, (size_t)vyre_output_bytes(param)) == 0,
                "a call that faulted wrote to the outputs");
      normalize_output(param, result->outputs + at, is_fault);
    }
  } else if (is_fault) {
    memset(result->outputs, 0, layout->output_bytes);
  }
  vyre_free(before);
}

static void take_buffers(const vyre_program_t *program, const bound_t *bounds, run_result_t *result) {
  result->param_count = program->param_count;
  for (uint32_t i = 0; i < program->param_count; i++) {
    if (!is_written(&program->params[i])) continue;
    result->buffers[i] = vyre_alloc(bounds[i].size + 1);
    require(result->buffers[i] != NULL, "out of memory");
    memcpy(result->buffers[i], bounds[i].bytes, bounds[i].size);
    result->buffer_bytes[i] = bounds[i].size;
  }
}

void run_entry(const vyre_program_t *program, vyre_entry_t entry, const run_input_t *input, run_result_t *out_result) {
  static const run_binding_t none[VYRE_LIMIT_PARAMS];
  const run_binding_t *given = input->bindings ? input->bindings : none;
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  size_t chunk = input->data_bytes + input->halo_left + input->halo_right;
  fence_t data = fence_open(chunk), output = fence_open(layout.output_bytes),
          scratch = fence_open(layout.scratch_bytes);
  uint8_t *bytes = fence_end(&data, chunk, stream_alignment(program));
  if (chunk) memcpy(bytes, (const uint8_t *)input->data - input->halo_left, chunk);
  if (data.usable) require(mprotect(data.map + data.page, data.usable, PROT_READ) == 0, "mprotect failed");
  memset(output.map + output.page, input->output_fill, output.usable);
  memset(scratch.map + scratch.page, 0xA5, scratch.usable);
  uint8_t *block = fence_end(&output, layout.output_bytes, 64);
  fill_outputs(program, &layout, input, block);
  bound_t bounds[VYRE_LIMIT_PARAMS];
  vyre_binding_t bindings[VYRE_LIMIT_PARAMS];
  memset(bindings, 0xA5, sizeof bindings);
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    if (param->role == VYRE_ROLE_SCALAR) bindings[i].value = given[i].value;
    if (!is_bound(param)) continue;
    bounds[i] = bind_buffer(param, &given[i]);
    bindings[i] = (vyre_binding_t){(uint64_t)(uintptr_t)bounds[i].bytes, bounds[i].size};
  }

  _Alignas(64) uint32_t stop = input->stop;
  _Alignas(64) vyre_frame_t frame = {
      .data = (uint64_t)(uintptr_t)(bytes + input->halo_left),
      .data_bytes = input->data_bytes,
      .stream_offset = input->stream_offset,
      .output = (uint64_t)(uintptr_t)block,
      .scratch = (uint64_t)(uintptr_t)fence_end(&scratch, layout.scratch_bytes, 64),
      .fuel = input->fuel,
      .stop = (uint64_t)(uintptr_t)&stop,
      .flags = (input->is_last ? VYRE_FRAME_IS_LAST : 0) | (input->is_finish ? VYRE_FRAME_FINISH : 0),
      .fault = 0xDEAD, /* an entry writes it even when nothing faulted */
      .fault_node = 0xDEAD,
      .fault_iteration = 0xDEAD,
      .bindings = (uint64_t)(uintptr_t)bindings,
      .halo_left = input->halo_left,
      .halo_right = input->halo_right,
  };
  vyre_frame_t before = frame;
  entry.function(&frame, entry.context);
  require(memcmp(&frame, &before, offsetof(vyre_frame_t, fault)) == 0, "the inputs of the frame were changed");

  for (const uint8_t *at = output.map + output.page; at < block; at++)
    require(*at == input->output_fill, "bytes before the outputs were written");
  *out_result =
      (run_result_t){.fault = frame.fault,
                     /* without a fault the other two mean nothing */
                     .fault_position = frame.fault ? vyre_program_node_position(program, frame.fault_node) : 0,
                     .fault_iteration = frame.fault ? frame.fault_iteration : 0};
  take_outputs(program, &layout, input, block, out_result);
  take_buffers(program, bounds, out_result);
  for (uint32_t i = 0; i < program->param_count; i++)
    if (is_bound(&program->params[i])) fence_close(&bounds[i].fence);
  fence_close(&data);
  fence_close(&output);
  fence_close(&scratch);
}

void run_reference(const vyre_program_t *program, const run_input_t *input, run_result_t *out_result) {
  vyre_interp_t *interp = NULL;
  require(vyre_interp_create(program, &interp) == NULL, "the interpreter refused the program");
  run_entry(program, (vyre_entry_t){vyre_interp_call, interp}, input, out_result);
  vyre_interp_destroy(interp);
}

void run_result_deinit(run_result_t *result) {
  vyre_free(result->outputs);
  for (uint32_t i = 0; i < result->param_count; i++) vyre_free(result->buffers[i]);
  *result = (run_result_t){0};
}

static bool is_same_buffer(const run_result_t *a, const run_result_t *b, uint32_t param) {
  if (!a->buffers[param] || !b->buffers[param]) return a->buffers[param] == b->buffers[param];
  return a->buffer_bytes[param] == b->buffer_bytes[param] &&
         memcmp(a->buffers[param], b->buffers[param], a->buffer_bytes[param]) == 0;
}

bool run_results_equal(const run_result_t *a, const run_result_t *b) {
  bool is_same_end = a->fault == b->fault && a->fault_position == b->fault_position &&
                     a->fault_iteration == b->fault_iteration && a->output_bytes == b->output_bytes &&
                     memcmp(a->outputs, b->outputs, a->output_bytes) == 0;
  if (!is_same_end || a->fault) return is_same_end;
  for (uint32_t i = 0; i < a->param_count; i++)
    if (!is_same_buffer(a, b, i)) return false;
  return true;
}

/* Extends a value of `bytes` bytes as its type has it. */
static uint64_t value_at(vyre_type_t type, const uint8_t *at) {
  unsigned bytes = vyre_type_bytes(type) < 8 ? vyre_type_bytes(type) : 8;
  uint64_t value = 0;
  memcpy(&value, at, bytes);
  return vyre_type_is_signed(type) && bytes == 4 ? (uint64_t)(int64_t)(int32_t)value : value;
}

static uint64_t word_at(const uint8_t *at) { return value_at(VYRE_TYPE_U64, at); }

static const uint8_t *output_at(const vyre_program_t *program, const run_result_t *result, uint32_t param) {
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  return result->outputs + layout.output_offset[param];
}

static uint64_t element(const vyre_program_t *program, const run_result_t *result, uint32_t param, uint32_t index) {
  const vyre_param_t *p = &program->params[param];
  const uint8_t *at = output_at(program, result, param);
  size_t bytes = vyre_output_value_bytes(p);
  switch (p->reducer) {
    case VYRE_REDUCER_COMBINE:
    case VYRE_REDUCER_PER_CHUNK: return index ? word_at(at) : value_at(p->type, at + 8);
    case VYRE_REDUCER_APPEND: {
      const uint8_t *record = at + 8 + index / 2 * (8 + bytes);
      return index % 2 ? value_at(p->type, record + 8) : word_at(record);
    }
    default: return value_at(p->type, at + index * bytes);
  }
}

static uint32_t element_count(const vyre_param_t *param) {
  if (param->reducer == VYRE_REDUCER_APPEND) return 2 * param->count;
  return vyre_reducer_is_commutative(param->reducer) ? (param->count ? param->count : 1) : 2;
}

static void explain_buffer(FILE *to, const vyre_param_t *param, const run_result_t *a, const run_result_t *b,
                           uint32_t index) {
  enum { LINES = 8 };
  size_t bytes = vyre_type_bytes(param->type), lines = 0;
  for (size_t at = 0; at + bytes <= a->buffer_bytes[index] && lines < LINES; at += bytes) {
    if (memcmp(a->buffers[index] + at, b->buffers[index] + at, bytes) == 0) continue;
    lines++;
    fprintf(to, "%s[%zu]: %llx, %llx\n", param->name, at / bytes,
            (unsigned long long)value_at(param->type, a->buffers[index] + at),
            (unsigned long long)value_at(param->type, b->buffers[index] + at));
  }
}

void run_results_explain(FILE *to, const vyre_program_t *program, const run_result_t *a, const run_result_t *b) {
  if (a->fault != b->fault || a->fault_position != b->fault_position || a->fault_iteration != b->fault_iteration) {
    const run_result_t *both[] = {a, b};
    for (int i = 0; i < 2; i++)
      fprintf(to, "%s: %s at %u:%u, iteration %llu\n", i ? "second" : "first", vyre_fault_text(both[i]->fault),
              vyre_position_line(both[i]->fault_position), vyre_position_column(both[i]->fault_position),
              (unsigned long long)both[i]->fault_iteration);
  }
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    if (param->role != VYRE_ROLE_OUTPUT) {
      if (!a->fault && !b->fault && !is_same_buffer(a, b, i)) explain_buffer(to, param, a, b, i);
      continue;
    }
    for (uint32_t k = 0; k < element_count(param); k++) {
      uint64_t first = element(program, a, i, k), second = element(program, b, i, k);
      if (first != second)
        fprintf(to, "%s[%u]: %llu, %llu (0x%llx, 0x%llx)\n", param->name, k, (unsigned long long)first,
                (unsigned long long)second, (unsigned long long)first, (unsigned long long)second);
    }
  }
}

static uint32_t param_named(const vyre_program_t *program, const char *name) {
  for (uint32_t i = 0; i < program->param_count; i++)
    if (strcmp(program->params[i].name, name) == 0) return i;
  require(false, "no such parameter");
  return 0;
}

uint64_t run_result_output(const vyre_program_t *program, const run_result_t *result, const char *name,
                           uint32_t index) {
  uint32_t i = param_named(program, name);
  require(program->params[i].role == VYRE_ROLE_OUTPUT, "no such output");
  require(index < element_count(&program->params[i]), "the output has no such element");
  return element(program, result, i, index);
}

uint64_t run_result_records(const vyre_program_t *program, const run_result_t *result, const char *name) {
  uint32_t i = param_named(program, name);
  require(program->params[i].reducer == VYRE_REDUCER_APPEND, "no output of records");
  return word_at(output_at(program, result, i));
}

uint64_t run_result_element(const vyre_program_t *program, const run_result_t *result, const char *name, size_t index) {
  uint32_t i = param_named(program, name);
  size_t bytes = vyre_type_bytes(program->params[i].type);
  require(result->buffers[i] && (index + 1) * bytes <= result->buffer_bytes[i], "the buffer has no such element");
  uint64_t value = 0;
  memcpy(&value, result->buffers[i] + index * bytes, bytes < 8 ? bytes : 8);
  return value;
}
