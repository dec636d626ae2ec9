#include "support/cuda_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "codegen/codegen.h"

enum { ARENA_BYTES = 256 << 20, ALIGNMENT = 256, AREAS_MAX = VYRE_LIMIT_PARAMS + 8 };

/* Grows from call to call: nothing is given back before the end. */
static struct {
  vyre_cu_address_t base;
  size_t used;
} arena;

/* Memory of the host and its copy on the GPU, equally aligned. */
typedef struct area {
  uint8_t *host;
  size_t bytes;
  vyre_cu_address_t device;
  bool is_written;
} area_t;

typedef struct copies {
  cuda_call_t *call;
  area_t areas[AREAS_MAX];
  unsigned count;
} copies_t;

static void check(cuda_call_t *call, vyre_cu_result_t result) {
  const char *text = "?";
  if (result == 0 || call->trouble) return;
  call->cuda->GetErrorString(result, &text);
  call->trouble = text;
}

static vyre_cu_address_t add(copies_t *c, uint64_t host, size_t bytes, bool is_written) {
  size_t offset = (arena.used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + host % ALIGNMENT;
  if (offset + bytes > ARENA_BYTES) {
    c->call->trouble = "the test's memory on the GPU is too small";
    return 0;
  }
  arena.used = offset + bytes;
  area_t *area = &c->areas[c->count++];
  *area = (area_t){(uint8_t *)(uintptr_t)host, bytes, arena.base + offset, is_written};
  if (bytes) check(c->call, c->call->cuda->MemcpyHtoD(area->device, area->host, bytes));
  return area->device;
}

static size_t bytes_of_binding(const vyre_param_t *param, const vyre_binding_t *binding) {
  bool is_bound =
      param->role == VYRE_ROLE_CONSTANT || param->role == VYRE_ROLE_STATE || param->role == VYRE_ROLE_WINDOW;
  return is_bound ? (size_t)binding->bytes : 0;
}

static void launch(cuda_call_t *call, vyre_frame_t *frame, copies_t *c) {
  vyre_frame_t theirs = *frame;
  vyre_binding_t bindings[VYRE_LIMIT_PARAMS];
  memcpy(bindings, (const void *)(uintptr_t)frame->bindings, sizeof bindings);
  for (uint32_t i = 0; i < call->program->param_count; i++) {
    size_t bytes = bytes_of_binding(&call->program->params[i], &bindings[i]);
    if (call->program->params[i].role == VYRE_ROLE_SCALAR) continue;
    if (bytes)
      bindings[i].value = add(c, bindings[i].value, bytes, call->program->params[i].access & VYRE_ACCESS_WRITE);
  }
  theirs.bindings = add(c, (uint64_t)(uintptr_t)bindings, sizeof bindings, false);
  theirs.data =
      add(c, frame->data - frame->halo_left, frame->halo_left + frame->data_bytes + frame->halo_right, false) +
      frame->halo_left;
  theirs.output = add(c, frame->output, call->layout.output_bytes, true);
  theirs.scratch = add(c, frame->scratch, call->layout.scratch_bytes, false);
  theirs.stop = add(c, frame->stop, 4, false);
  vyre_cu_address_t at = add(c, (uint64_t)(uintptr_t)&theirs, sizeof theirs, true);
  uint64_t stride = sizeof theirs;
  void *arguments[] = {&at, &stride};
  if (call->trouble) return;
  check(call, call->cuda->LaunchKernel(call->function, 1, 1, 1, call->threads, 1, 1, 0, NULL, arguments, NULL));
  check(call, call->cuda->CtxSynchronize());
  for (unsigned i = 0; i < c->count && !call->trouble; i++) {
    const area_t *area = &c->areas[i];
    if (area->is_written && area->bytes) check(call, call->cuda->MemcpyDtoH(area->host, area->device, area->bytes));
  }
  frame->fault = theirs.fault;
  frame->fault_node = theirs.fault_node;
  frame->fault_iteration = theirs.fault_iteration;
}

static void call_gpu(vyre_frame_t *frame, void *context) {
  cuda_call_t *call = context;
  copies_t copies = {.call = call};
  arena.used = 0;
  launch(call, frame, &copies);
}

vyre_status_t cuda_call_init(cuda_call_t *call, const vyre_cuda_t *cuda, const vyre_program_t *program, const char *gpu,
                             uint32_t threads, bool is_known, vyre_entry_t *out_entry) {
  const char *given = getenv("VYRE_CUDA_THREADS"); /* with VYRE_CUBIN for a look at one Program */
  *call = (cuda_call_t){.cuda = cuda, .program = program, .threads = given ? (uint32_t)atoi(given) : threads};
  vyre_program_layout(program, &call->layout);
  if (!arena.base) VYRE_CUDA_TRY(cuda, MemAlloc, (&arena.base, ARENA_BYTES));
  const vyre_codegen_table_t *compiler;
  VYRE_TRY(vyre_codegen_load(&compiler));
  vyre_codegen_options_t options = {.form = VYRE_CODEGEN_ASSEMBLY, .gpu = gpu, .threads = is_known ? threads : 0};
  char *ptx;
  size_t size, cubin_size;
  void *cubin;
  VYRE_TRY(compiler->compile(program, &options, &ptx, &size));
  vyre_status_t status = vyre_cuda_link(cuda, ptx, size, &cubin, &cubin_size);
  vyre_free(ptx);
  if (status) return status;
  const char *path = getenv("VYRE_CUBIN"); /* for a look at what the driver made of it */
  FILE *file = path ? fopen(path, "w") : NULL;
  if (file) fwrite(cubin, 1, cubin_size, file);
  if (file) fclose(file);
  status = vyre_cuda_status(cuda, cuda->ModuleLoadData(&call->module, cubin), "cuModuleLoadData");
  vyre_free(cubin);
  if (status) return status;
  VYRE_CUDA_TRY(cuda, ModuleGetFunction, (&call->function, call->module, VYRE_CODEGEN_SYMBOL));
  *out_entry = (vyre_entry_t){.function = call_gpu, .context = call};
  return NULL;
}

void cuda_call_deinit(cuda_call_t *call) {
  if (call->module) call->cuda->ModuleUnload(call->module);
  *call = (cuda_call_t){0};
}

void cuda_call_free_memory(const vyre_cuda_t *cuda) {
  if (arena.base) cuda->MemFree(arena.base);
  arena.base = 0;
}
