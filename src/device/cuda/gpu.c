#include "device/cuda/gpu.h"

#include <stdio.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "device/registry.h"

enum {
  WORKERS_MAX = 512,
  CONTEXT_MAP_HOST = 8, /* CU_CTX_MAP_HOST */
  /* CUdevice_attribute */
  ATTRIBUTE_MULTIPROCESSORS = 16,
  ATTRIBUTE_EXEC_TIMEOUT = 17,
  ATTRIBUTE_MAJOR = 75,
  ATTRIBUTE_MINOR = 76,
  ATTRIBUTE_VMM = 102,
};

/* ---- contexts ---- */

vyre_status_t vyre_gpu_enter(vyre_gpu_t *gpu, vyre_cu_context_t context) {
  return VYRE_GPU_CALL(gpu, CtxPushCurrent, (context));
}

void vyre_gpu_leave(vyre_gpu_t *gpu) {
  vyre_cu_context_t popped;
  gpu->cuda->CtxPopCurrent(&popped); /* fails only where enter has failed */
}

/* A new context is current to the thread: it is taken away again. */
static vyre_status_t create_context(vyre_gpu_t *gpu, vyre_cu_context_t *out_context) {
  vyre_status_t status = VYRE_GPU_CALL(gpu, CtxCreate, (out_context, CONTEXT_MAP_HOST, gpu->device));
  /* How much is free is not to be had without a context. */
  if (vyre_status_code(status) == VYRE_E_DEVICE_MEMORY)
    status = vyre_status_because(vyre_status_make(VYRE_E_DEVICE_MEMORY, "a context does not fit on %s (%s)",
                                                  gpu->base.name, gpu->base.description),
                                 status);
  if (status) return status;
  vyre_gpu_leave(gpu);
  return NULL;
}

/* One that comes up when it is needed. */
static vyre_status_t need_context(vyre_gpu_t *gpu, vyre_cu_context_t *context, const char *what,
                                  vyre_cu_context_t *out_context) {
  pthread_mutex_lock(&gpu->lock);
  vyre_status_t status = *context ? NULL : create_context(gpu, context);
  *out_context = *context;
  pthread_mutex_unlock(&gpu->lock);
  return vyre_status_context(status, "creating the %s context of %s", what, gpu->base.name);
}

vyre_status_t vyre_gpu_ingest(vyre_gpu_t *gpu, vyre_cu_context_t *out_context) {
  return need_context(gpu, &gpu->ingest, "ingest", out_context);
}

vyre_status_t vyre_gpu_registration(vyre_gpu_t *gpu, vyre_cu_context_t *out_context) {
  return need_context(gpu, &gpu->registration, "registration", out_context);
}

vyre_status_t vyre_gpu_side(vyre_gpu_t *gpu, vyre_cu_context_t *out_context) {
  if (atomic_load(&gpu->has_kernel)) return vyre_gpu_ingest(gpu, out_context);
  *out_context = gpu->execution;
  return NULL;
}

/* ---- open ---- */

static vyre_status_t attribute(const vyre_gpu_t *gpu, int which, int *out_value) {
  return VYRE_GPU_CALL(gpu, DeviceGetAttribute, (out_value, which, gpu->device));
}

static vyre_status_t describe(vyre_gpu_t *gpu, uint32_t index) {
  char name[64] = "";
  size_t bytes = 0;
  int multiprocessors, timeout, major, minor, has_vmm;
  VYRE_TRY(VYRE_GPU_CALL(gpu, DeviceGetName, (name, sizeof name, gpu->device)));
  VYRE_TRY(VYRE_GPU_CALL(gpu, DeviceTotalMem, (&bytes, gpu->device)));
  VYRE_TRY(attribute(gpu, ATTRIBUTE_MULTIPROCESSORS, &multiprocessors));
  VYRE_TRY(attribute(gpu, ATTRIBUTE_EXEC_TIMEOUT, &timeout));
  VYRE_TRY(attribute(gpu, ATTRIBUTE_MAJOR, &major));
  VYRE_TRY(attribute(gpu, ATTRIBUTE_MINOR, &minor));
  VYRE_TRY(attribute(gpu, ATTRIBUTE_VMM, &has_vmm));
  snprintf(gpu->base.name, sizeof gpu->base.name, "cuda:%u", index);
  if (major < 8 || !has_vmm)
    return vyre_status_with_fix(
        vyre_status_make(VYRE_E_NO_DEVICE, "%s is a %s, compute capability %d.%d%s", gpu->base.name, name, major, minor,
                         has_vmm ? "" : " without virtual memory management"),
        "Use a GPU of compute capability 8.0 or later, or choose --device cpu.");
  if (timeout)
    return vyre_status_with_fix(
        vyre_status_make(VYRE_E_NO_DEVICE, "%s drives a display: the driver ends every kernel after seconds",
                         gpu->base.name),
        "Stop the display server on this GPU, or choose another one.");
  /* Code for sm_90 runs on what came later, as PTX does. */
  gpu->architecture = major >= 9 ? "sm_90" : minor >= 9 ? "sm_89" : minor >= 6 ? "sm_86" : "sm_80";
  gpu->multiprocessors = (uint32_t)multiprocessors;
  snprintf(gpu->base.target, sizeof gpu->base.target, "%s", gpu->architecture);
  snprintf(gpu->base.description, sizeof gpu->base.description, "%s, %d multiprocessors, %zu GiB", name,
           multiprocessors, bytes >> 30);
  gpu->base.info.workers_max = WORKERS_MAX;
  /* One block on each multiprocessor; one of the blocks is the dispatcher. */
  gpu->base.info.workers_default = gpu->multiprocessors > 1 ? gpu->multiprocessors - 1 : 1;
  return NULL;
}

static void gpu_close(vyre_device_t *device) {
  vyre_gpu_t *gpu = vyre_gpu_of(device);
  /* A kernel that did not stop: its context waits for it for ever, so it stays, on purpose. */
  if (atomic_load(&gpu->has_kernel)) return;
  vyre_gpu_deinit_staging(gpu);
  if (gpu->registration) gpu->cuda->CtxDestroy(gpu->registration);
  if (gpu->ingest) gpu->cuda->CtxDestroy(gpu->ingest);
  if (gpu->execution) gpu->cuda->CtxDestroy(gpu->execution);
  pthread_mutex_destroy(&gpu->lock);
  vyre_free(gpu);
}

static const vyre_device_ops_t gpu_ops = {.close = gpu_close,
                                          .build = vyre_gpu_build,
                                          .image_destroy = vyre_gpu_image_destroy,
                                          .launch = vyre_gpu_launch,
                                          .allocate = vyre_gpu_allocate,
                                          .bind = vyre_gpu_bind,
                                          .release = vyre_gpu_release,
                                          .write = vyre_gpu_write,
                                          .read = vyre_gpu_read,
                                          .copies = &vyre_gpu_copies};

static vyre_status_t open_gpu(vyre_gpu_t *gpu, uint32_t index) {
  VYRE_TRY(describe(gpu, index));
  VYRE_TRY(create_context(gpu, &gpu->execution));
  VYRE_TRY(vyre_gpu_enter(gpu, gpu->execution));
  vyre_status_t status = vyre_gpu_tell_memory(gpu, 0, "a stream", vyre_gpu_init_staging(gpu));
  vyre_gpu_leave(gpu);
  return status;
}

vyre_status_t vyre_cuda_open(uint32_t index, vyre_device_t **out_device) {
  const vyre_cuda_t *cuda;
  vyre_cu_device_t device;
  VYRE_TRY(vyre_cuda_load(&cuda));
  VYRE_TRY(vyre_cuda_device(cuda, (int)index, &device));
  vyre_gpu_t *gpu = vyre_calloc(1, sizeof *gpu);
  if (!gpu) return vyre_out_of_memory(sizeof *gpu);
  gpu->cuda = cuda;
  gpu->device = device;
  gpu->base.ops = &gpu_ops;
  gpu->base.topology = VYRE_TOPOLOGY_DISPATCHED;
  gpu->base.only_fused = true;
  gpu->base.pumps = 1;
  gpu->base.lacks = VYRE_CODEGEN_GPU_LACKS;
  pthread_mutex_init(&gpu->lock, NULL);
  vyre_status_t status = open_gpu(gpu, index);
  if (status) {
    gpu_close(&gpu->base);
    return vyre_status_context(status, "opening cuda:%u", index);
  }
  *out_device = &gpu->base;
  return NULL;
}

uint32_t vyre_cuda_count(void) {
  const vyre_cuda_t *cuda;
  int count = 0;
  vyre_status_t status = vyre_cuda_load(&cuda);
  if (!status) status = vyre_cuda_status(cuda, cuda->DeviceGetCount(&count), "cuDeviceGetCount");
  if (status) count = 0;
  vyre_status_destroy(&status); /* whoever opens a GPU is told */
  return (uint32_t)count;
}
