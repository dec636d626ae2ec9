/* Kernels: a thread each. */
#include <sched.h>
#include <stdlib.h>

#include "device/cuda/gpu.h"
#include "fake_cuda/state.h"

enum { WARP = 32, REGISTERS = 4 };

bool fake_kernel_runs(fake_object_t *stream) {
  return stream->kernel.is_there && atomic_load(&stream->kernel.result) == NOT_READY;
}

void fake_kernel_end(fake_object_t *stream) {
  while (fake_kernel_runs(stream)) sched_yield();
}

void fake_kernel_lose(fake_object_t *stream) {
  atomic_store(&stream->kernel.is_lost, true);
  fake_kernel_end(stream);
}

/* Answers until it is told to stop: the baseline of `vyre bench`. */
static void pong(const fake_kernel_t *kernel) {
  _Atomic uint32_t *question = (_Atomic uint32_t *)(uintptr_t)kernel->arguments[0];
  _Atomic uint32_t *answer = (_Atomic uint32_t *)(uintptr_t)kernel->arguments[1];
  uint32_t last = 0, value;
  while ((value = atomic_load(question)) != UINT32_MAX && !atomic_load(&kernel->is_lost)) {
    if (value == last) {
      sched_yield();
      continue;
    }
    last = value;
    atomic_store(answer, value * 3 + 1);
  }
}

static void *run(void *argument) {
  fake_kernel_t *kernel = argument;
  int result = 0;
  if (kernel->is_megakernel)
    result = fake_megakernel(kernel->arguments[0], &kernel->is_lost);
  else
    pong(kernel);
  atomic_store(&kernel->result, result);
  return NULL;
}

static vyre_cu_result_t start(fake_object_t *stream, bool is_megakernel, void **arguments) {
  fake_kernel_t *kernel = &stream->kernel;
  if (kernel->is_there) pthread_join(kernel->thread, NULL);
  kernel->is_there = false;
  kernel->is_megakernel = is_megakernel;
  for (int i = 0; i < 2; i++) kernel->arguments[i] = *(uint64_t *)arguments[i];
  atomic_store(&kernel->is_lost, false);
  atomic_store(&kernel->result, NOT_READY);
  if (pthread_create(&kernel->thread, NULL, run, kernel)) abort();
  kernel->is_there = true;
  return 0;
}

vyre_cu_result_t fake_LaunchKernel(vyre_cu_function_t handle, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                                   vyre_cu_stream_t stream_handle, void **arguments, void **extra) {
  FAKE_BEGIN_IN(LaunchKernel, context);
  fake_object_t *stream = (void *)stream_handle;
  const fake_function_t *function = (void *)handle;
  if (!fake_object_is(stream, A_STREAM) || stream->context != context || !fake_object_is(function->module, A_MODULE) ||
      function->module->context != context)
    return INVALID_HANDLE;
  unsigned threads = function->which == MEGAKERNEL ? VYRE_GPU_THREADS : WARP;
  if (grid_y * grid_z * block_y * block_z != 1 || block_x != threads || shared_bytes || extra) return INVALID_VALUE;
  if (function->which != MEGAKERNEL && grid_x != 1) return INVALID_VALUE;
  if (stream->is_capturing) return 0;
  fake_would_wait(context, "cuLaunchKernel");
  if (fake_kernel_runs(stream)) return INVALID_VALUE; /* it would wait for the kernel before it on this stream */
  if (grid_x > (unsigned)(fake_settings.blocks * fake_settings.multiprocessors)) return TOO_LARGE;
  fake_launches++;
  return function->which == EMPTY ? 0 : start(stream, function->which == MEGAKERNEL, arguments);
}

vyre_cu_result_t fake_OccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, vyre_cu_function_t function, int threads,
                                                                size_t shared_bytes) {
  FAKE_BEGIN_IN(OccupancyMaxActiveBlocksPerMultiprocessor, context);
  (void)function;
  *blocks = fake_settings.blocks;
  return threads == VYRE_GPU_THREADS && shared_bytes == 0 ? 0 : INVALID_VALUE;
}

vyre_cu_result_t fake_FuncGetAttribute(int *value, int attribute, vyre_cu_function_t function) {
  FAKE_BEGIN_IN(FuncGetAttribute, context);
  (void)function;
  *value = 40;
  return attribute == REGISTERS ? 0 : INVALID_VALUE;
}
