#include "device/cuda/baseline.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "device/cuda/baseline_state.h"

enum {
  WARP = 32,
  CAPTURE_THREAD_LOCAL = 1, /* CU_STREAM_CAPTURE_MODE_THREAD_LOCAL */
  LOOKS_CLOCK = 1 << 16,
};
#define QUESTION_STOP UINT32_MAX
#define PONG_IDLE_NS_MAX (10 * VYRE_NS_PER_S)
#define ANSWER_NS_MAX (5 * VYRE_NS_PER_S)

static vyre_status_t load_kernels(vyre_cuda_baseline_t *b) {
  void *cubin;
  size_t size;
  VYRE_TRY(vyre_cuda_link(b->cuda, vyre_cuda_baseline_ptx, strlen(vyre_cuda_baseline_ptx), &cubin, &size));
  vyre_cu_module_t module;
  vyre_status_t status = vyre_cuda_status(b->cuda, b->cuda->ModuleLoadData(&module, cubin), "cuModuleLoadData");
  vyre_free(cubin);
  VYRE_TRY(status);
  VYRE_CUDA_TRY(b->cuda, ModuleGetFunction, (&b->empty, module, "vyre_empty"));
  VYRE_CUDA_TRY(b->cuda, ModuleGetFunction, (&b->pong, module, "vyre_pong"));
  return NULL;
}

static vyre_status_t make_graph(vyre_cuda_baseline_t *b) {
  vyre_cu_graph_t graph;
  VYRE_CUDA_TRY(b->cuda, StreamBeginCapture, (b->stream, CAPTURE_THREAD_LOCAL));
  VYRE_TRY(vyre_cuda_baseline_launch(b));
  VYRE_CUDA_TRY(b->cuda, StreamEndCapture, (b->stream, &graph));
  vyre_status_t status =
      vyre_cuda_status(b->cuda, b->cuda->GraphInstantiate(&b->graph, graph, 0), "cuGraphInstantiateWithFlags");
  vyre_status_t destroyed = vyre_cuda_status(b->cuda, b->cuda->GraphDestroy(graph), "cuGraphDestroy");
  return status ? vyre_status_because(status, destroyed) : destroyed;
}

static vyre_status_t make_flags(vyre_cuda_baseline_t *b) {
  void *memory;
  VYRE_CUDA_TRY(b->cuda, MemHostAlloc, (&memory, sizeof *b->flags, VYRE_CU_HOST_PORTABLE | VYRE_CU_HOST_DEVICEMAP));
  memset(memory, 0, sizeof *b->flags);
  b->flags = memory;
  VYRE_CUDA_TRY(b->cuda, MemHostGetDevicePointer, (&b->flags_address, memory, 0));
  return NULL;
}

/* Under lazy loading the first launch loads the code: none of that belongs into a measurement. */
static vyre_status_t warm_up(vyre_cuda_baseline_t *b) {
  VYRE_TRY(vyre_cuda_baseline_launch(b));
  VYRE_TRY(vyre_cuda_baseline_launch_graph(b));
  VYRE_TRY(vyre_cuda_baseline_synchronize(b));
  VYRE_TRY(vyre_cuda_baseline_pong_start(b));
  uint32_t answer;
  vyre_status_t status = vyre_cuda_baseline_ask(b, 1, &answer);
  vyre_status_t stopped = vyre_cuda_baseline_pong_stop(b);
  return status ? vyre_status_because(status, stopped) : stopped;
}

static vyre_status_t open_all(vyre_cuda_baseline_t *b, int gpu) {
  vyre_cu_device_t device;
  VYRE_TRY(vyre_cuda_load(&b->cuda));
  VYRE_TRY(vyre_cuda_device(b->cuda, gpu, &device));
  VYRE_CUDA_TRY(b->cuda, CtxCreate, (&b->context, 0, device));
  VYRE_CUDA_TRY(b->cuda, StreamCreate, (&b->stream, VYRE_CU_STREAM_NON_BLOCKING));
  VYRE_TRY(load_kernels(b));
  VYRE_TRY(make_flags(b));
  VYRE_TRY(make_graph(b));
  return warm_up(b);
}

vyre_status_t vyre_cuda_baseline_open(int gpu, vyre_cuda_baseline_t **out_baseline) {
  vyre_cuda_baseline_t *b = vyre_calloc(1, sizeof *b);
  if (!b) return vyre_out_of_memory(sizeof *b);
  vyre_status_t status = open_all(b, gpu);
  if (status) {
    vyre_status_t closed = vyre_cuda_baseline_close(&b);
    return vyre_status_because(vyre_status_context(status, "opening the baseline of cuda:%d", gpu), closed);
  }
  *out_baseline = b;
  return NULL;
}

vyre_status_t vyre_cuda_baseline_close(vyre_cuda_baseline_t **baseline) {
  vyre_cuda_baseline_t *b = *baseline;
  *baseline = NULL;
  if (!b) return NULL;
  vyre_status_t status = NULL, graph = NULL, context = NULL;
  if (b->is_ponging) status = vyre_cuda_baseline_pong_stop(b);
  if (b->graph) graph = vyre_cuda_status(b->cuda, b->cuda->GraphExecDestroy(b->graph), "cuGraphExecDestroy");
  /* Streams, events, memory and modules go with the context. */
  if (b->context) context = vyre_cuda_status(b->cuda, b->cuda->CtxDestroy(b->context), "cuCtxDestroy");
  vyre_free(b);
  graph = graph ? vyre_status_because(graph, context) : context;
  return status ? vyre_status_because(status, graph) : graph;
}

vyre_status_t vyre_cuda_baseline_launch(vyre_cuda_baseline_t *b) {
  VYRE_CUDA_TRY(b->cuda, LaunchKernel, (b->empty, 1, 1, 1, WARP, 1, 1, 0, b->stream, NULL, NULL));
  return NULL;
}

vyre_status_t vyre_cuda_baseline_launch_graph(vyre_cuda_baseline_t *b) {
  VYRE_CUDA_TRY(b->cuda, GraphLaunch, (b->graph, b->stream));
  return NULL;
}

vyre_status_t vyre_cuda_baseline_synchronize(vyre_cuda_baseline_t *b) {
  VYRE_CUDA_TRY(b->cuda, StreamSynchronize, (b->stream));
  return NULL;
}

vyre_status_t vyre_cuda_baseline_pong_start(vyre_cuda_baseline_t *b) {
  atomic_store(&b->flags->question, 0);
  atomic_store(&b->flags->answer, 0);
  b->last_answer = 0;
  uint64_t question = b->flags_address + offsetof(vyre_cuda_flags_t, question);
  uint64_t answer = b->flags_address + offsetof(vyre_cuda_flags_t, answer);
  uint64_t limit_ns = PONG_IDLE_NS_MAX;
  void *arguments[] = {&question, &answer, &limit_ns};
  VYRE_CUDA_TRY(b->cuda, LaunchKernel, (b->pong, 1, 1, 1, WARP, 1, 1, 0, b->stream, arguments, NULL));
  b->is_ponging = true;
  return NULL;
}

vyre_status_t vyre_cuda_baseline_ask(vyre_cuda_baseline_t *b, uint32_t value, uint32_t *out_answer) {
  uint64_t deadline_ns = UINT64_MAX;
  uint32_t answer, looks = 0;
  atomic_store_explicit(&b->flags->question, value, memory_order_release);
  while ((answer = atomic_load_explicit(&b->flags->answer, memory_order_acquire)) == b->last_answer) {
    vyre_cpu_relax();
    if (++looks % LOOKS_CLOCK != 0) continue;
    if (deadline_ns == UINT64_MAX) deadline_ns = vyre_clock_deadline_ns(ANSWER_NS_MAX);
    if (vyre_clock_ns() > deadline_ns)
      return vyre_status_make(VYRE_E_DEADLINE, "the kernel has not answered %u for 5 s", value);
  }
  b->last_answer = *out_answer = answer;
  return NULL;
}

vyre_status_t vyre_cuda_baseline_pong_stop(vyre_cuda_baseline_t *b) {
  atomic_store(&b->flags->question, QUESTION_STOP);
  b->is_ponging = false;
  return vyre_cuda_baseline_synchronize(b);
}
