/* A GPU as a device: its contexts, memory, the kernel.
 *
 * The execution context holds the megakernel. While that lives, frees, unregistrations, module loads and first launches
 * in its context wait for its end, which never comes; so what must be done beside it is done in the ingest context,
 * which shares the device's memory and starts neither kernels nor memsets (docs/decisions/0007-two-contexts.md). What a
 * copy would wait for, the pages of a mapped file that are registered and given back while it streams, has a third one.
 *
 * Owns:    the contexts, from open to close.
 * Threads: any; each call makes a context current to its thread and gives it back.
 * Limits:  one kernel at a time. */
#ifndef VYRE_DEVICE_CUDA_GPU_H
#define VYRE_DEVICE_CUDA_GPU_H

#include <pthread.h>
#include <stdatomic.h>

#include "device/cuda/driver.h"
#include "device/device.h"

enum { VYRE_GPU_THREADS = 512 /* of a block */ };

typedef struct vyre_gpu {
  vyre_device_t base; /* first */
  const vyre_cuda_t *cuda;
  vyre_cu_device_t device;
  const char *architecture; /* that code is made for: "sm_90" */
  uint32_t multiprocessors;
  vyre_cu_context_t execution;
  pthread_mutex_t lock;                   /* the next two, and the staging memory */
  vyre_cu_context_t ingest, registration; /* NULL until something needs them */
  vyre_cu_stream_t words;                 /* of the execution context: copies beside the kernel */
  uint8_t *staging;                       /* host memory that is pinned, STAGING_BYTES */
  atomic_bool has_kernel;
} vyre_gpu_t;

static inline vyre_gpu_t *vyre_gpu_of(vyre_device_t *device) { return (vyre_gpu_t *)(void *)device; }

/* Makes a context current; every enter has its leave. */
vyre_status_t vyre_gpu_enter(vyre_gpu_t *gpu, vyre_cu_context_t context);
void vyre_gpu_leave(vyre_gpu_t *gpu);
/* The context for what would block beside a kernel: the ingest context when one lives, else the execution context. */
vyre_status_t vyre_gpu_side(vyre_gpu_t *gpu, vyre_cu_context_t *out_context);
vyre_status_t vyre_gpu_ingest(vyre_gpu_t *gpu, vyre_cu_context_t *out_context);
vyre_status_t vyre_gpu_registration(vyre_gpu_t *gpu, vyre_cu_context_t *out_context);

#define VYRE_GPU_CALL(gpu, name, arguments) vyre_cuda_status((gpu)->cuda, (gpu)->cuda->name arguments, "cu" #name)

/* memory.c */
vyre_status_t vyre_gpu_allocate(vyre_device_t *device, vyre_memory_kind_t kind, uint64_t bytes,
                                vyre_memory_t *out_memory);
vyre_status_t vyre_gpu_prepare_pin(vyre_device_t *device);
vyre_status_t vyre_gpu_pin(vyre_device_t *device, const void *memory, uint64_t bytes, vyre_memory_t *out_memory);
vyre_status_t vyre_gpu_unpin(vyre_device_t *device, vyre_memory_t *memory);
vyre_status_t vyre_gpu_bind(vyre_device_t *device, void *host, uint64_t bytes, vyre_memory_t *out_memory);
/* Of a status that says the device's memory is full: what did not fit (bytes 0: of unknown size) and how much is free.
 * In a context. */
vyre_status_t vyre_gpu_tell_memory(vyre_gpu_t *gpu, uint64_t bytes, const char *what, vyre_status_t status);
void vyre_gpu_release(vyre_device_t *device, vyre_memory_t *memory);
vyre_status_t vyre_gpu_write(vyre_device_t *device, uint64_t to, const void *from, uint64_t bytes);
vyre_status_t vyre_gpu_read(vyre_device_t *device, void *to, uint64_t from, uint64_t bytes);
vyre_status_t vyre_gpu_init_staging(vyre_gpu_t *gpu); /* in the execution context */
void vyre_gpu_deinit_staging(vyre_gpu_t *gpu);

/* kernel.c */
vyre_status_t vyre_gpu_build(vyre_device_t *device, const vyre_build_params_t *params, vyre_image_t **out_image);
void vyre_gpu_image_destroy(vyre_image_t *image);
vyre_status_t vyre_gpu_launch(vyre_device_t *device, vyre_image_t *image, const vyre_launch_params_t *params,
                              vyre_launch_t **out_launch);

/* copies.c */
extern const vyre_copy_ops_t vyre_gpu_copies;

#endif
