#include "support/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "interp/interp.h"

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

void run_entry(const vyre_program_t *program, vyre_entry_t entry, const run_input_t *input, run_result_t *out_result) {
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  fence_t data = fence_open(input->data_bytes), output = fence_open(layout.output_bytes),
          scratch = fence_open(layout.scratch_bytes);
  uint8_t *bytes = fence_end(&data, input->data_bytes, stream_alignment(program));
  if (input->data_bytes) memcpy(bytes, input->data, input->data_bytes);
  if (data.usable) require(mprotect(data.map + data.page, data.usable, PROT_READ) == 0, "mprotect failed");
  memset(output.map + output.page, input->output_fill, output.usable);
  memset(scratch.map + scratch.page, 0xA5, scratch.usable);

  _Alignas(64) uint32_t stop = input->stop;
  _Alignas(64) vyre_frame_t frame = {
      .data = (uint64_t)(uintptr_t)bytes,
      .data_bytes = input->data_bytes,
      .stream_offset = input->stream_offset,
      .output = (uint64_t)(uintptr_t)fence_end(&output, layout.output_bytes, 64),
      .scratch = (uint64_t)(uintptr_t)fence_end(&scratch, layout.scratch_bytes, 64),
      .fuel = input->fuel,
      .stop = (uint64_t)(uintptr_t)&stop,
      .flags = input->is_last ? VYRE_FRAME_IS_LAST : 0,
      .fault = 0xDEAD, /* an entry writes it even when nothing faulted */
      .fault_node = 0xDEAD,
      .fault_iteration = 0xDEAD,
  };
  vyre_frame_t before = frame;
  entry.function(&frame, entry.context);
  require(memcmp(&frame, &before, offsetof(vyre_frame_t, fault)) == 0, "the inputs of the frame were changed");

  const uint8_t *block = (const uint8_t *)(uintptr_t)before.output;
  for (const uint8_t *at = output.map + output.page; at < block; at++)
    require(*at == input->output_fill, "bytes before the outputs were written");
  if (frame.fault != VYRE_FAULT_NONE)
    for (uint32_t i = 0; i < layout.output_bytes; i++)
      require(block[i] == input->output_fill, "a call that faulted wrote to the outputs");
  *out_result = (run_result_t){.output_bytes = layout.output_bytes,
                               .fault = frame.fault,
                               /* without a fault the other two mean nothing */
                               .fault_position = frame.fault ? vyre_program_node_position(program, frame.fault_node) : 0,
                               .fault_iteration = frame.fault ? frame.fault_iteration : 0};
  out_result->outputs = vyre_alloc(layout.output_bytes + 1u);
  require(out_result->outputs != NULL, "out of memory");
  memcpy(out_result->outputs, block, layout.output_bytes);
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
  *result = (run_result_t){0};
}

bool run_results_equal(const run_result_t *a, const run_result_t *b) {
  return a->fault == b->fault && a->fault_position == b->fault_position && a->fault_iteration == b->fault_iteration &&
         a->output_bytes == b->output_bytes && memcmp(a->outputs, b->outputs, a->output_bytes) == 0;
}

static uint64_t element(const vyre_program_t *program, const run_result_t *result, uint32_t param, uint32_t index) {
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  unsigned bytes = vyre_type_bytes(program->params[param].type);
  const uint8_t *at = result->outputs + layout.output_offset[param] + (size_t)index * bytes;
  uint32_t word = 0;
  uint64_t value = 0;
  memcpy(bytes == 4 ? (void *)&word : (void *)&value, at, bytes);
  if (bytes == 8) return value;
  return vyre_type_is_signed(program->params[param].type) ? (uint64_t)(int64_t)(int32_t)word : word;
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
    if (param->role != VYRE_ROLE_OUTPUT) continue;
    for (uint32_t k = 0; k < (param->count ? param->count : 1); k++) {
      uint64_t first = element(program, a, i, k), second = element(program, b, i, k);
      if (first != second)
        fprintf(to, "%s[%u]: %llu, %llu\n", param->name, k, (unsigned long long)first, (unsigned long long)second);
    }
  }
}

uint64_t run_result_output(const vyre_program_t *program, const run_result_t *result, const char *name,
                           uint32_t index) {
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    if (param->role != VYRE_ROLE_OUTPUT || strcmp(param->name, name) != 0) continue;
    require(index < (param->count ? param->count : 1), "the output has no such element");
    return element(program, result, i, index);
  }
  require(false, "no such output");
  return 0;
}
