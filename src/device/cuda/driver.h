/* The CUDA driver, loaded with dlopen: neither building nor running needs a toolkit.
 *
 * Owns:    the library, once loaded, for the life of the process.
 * Threads: load from any thread; the driver's own rules for the rest (a context is current to a thread).
 * Errors:  NO_DRIVER when there is no libcuda.so.1, no GPU behind it, or a driver too old for what the table needs;
 *          DRIVER for what it refuses, with its own words. */
#ifndef VYRE_DEVICE_CUDA_DRIVER_H
#define VYRE_DEVICE_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef int vyre_cu_result_t; /* CUresult: 0 is success */
typedef int vyre_cu_device_t;
typedef struct vyre_cu_context *vyre_cu_context_t;
typedef struct vyre_cu_module *vyre_cu_module_t;
typedef struct vyre_cu_function *vyre_cu_function_t;
typedef struct vyre_cu_stream *vyre_cu_stream_t;
typedef struct vyre_cu_link *vyre_cu_link_t;
typedef struct vyre_cu_event *vyre_cu_event_t;
typedef struct vyre_cu_graph *vyre_cu_graph_t;
typedef struct vyre_cu_graph_exec *vyre_cu_graph_exec_t;
typedef uint64_t vyre_cu_address_t; /* CUdeviceptr */

/* Of the driver's enumerations, what is used in more than one place; by their names there. */
enum {
  VYRE_CU_NOT_READY = 600, /* CUresult */
  /* CU_MEMHOSTALLOC_*, CU_MEMHOSTREGISTER_* */
  VYRE_CU_HOST_PORTABLE = 1,
  VYRE_CU_HOST_DEVICEMAP = 2,
  VYRE_CU_HOST_READ_ONLY = 8,
  VYRE_CU_STREAM_NON_BLOCKING = 1,
  VYRE_CU_EVENT_DISABLE_TIMING = 2,
};

typedef struct vyre_cu_location { /* CUmemLocation */
  int type;                       /* 1: a device */
  int id;
} vyre_cu_location_t;

typedef struct vyre_cu_allocation { /* CUmemAllocationProp */
  int type;                         /* 1: pinned */
  int handle_types;
  vyre_cu_location_t location;
  void *metadata;
  uint8_t flags[8];
} vyre_cu_allocation_t;

typedef struct vyre_cu_access { /* CUmemAccessDesc */
  vyre_cu_location_t location;
  int flags; /* 3: read and write */
} vyre_cu_access_t;

typedef struct vyre_cuda {
#define VYRE_CUDA(name, symbol, arguments) vyre_cu_result_t(*name) arguments;
#include "device/cuda/driver.def"
#undef VYRE_CUDA
} vyre_cuda_t;

/* Loads and initializes the driver on the first call that succeeds. */
vyre_status_t vyre_cuda_load(const vyre_cuda_t **out_cuda);

/* NULL for success; else the driver's name and words for the result of `call`. */
vyre_status_t vyre_cuda_status(const vyre_cuda_t *cuda, vyre_cu_result_t result, const char *call);

/* The number of GPUs, and one of them by index (VYRE_E_NO_DEVICE out of range). */
vyre_status_t vyre_cuda_device(const vyre_cuda_t *cuda, int index, vyre_cu_device_t *out_device);

/* Compiles PTX to a cubin with the driver's linker, off to the side; the log of a refusal is in the error. The bytes
 * are the caller's (vyre_free). A context is current. */
vyre_status_t vyre_cuda_link(const vyre_cuda_t *cuda, const char *ptx, size_t size, void **out_cubin,
                             size_t *out_cubin_size);

#define VYRE_CUDA_TRY(cuda, name, arguments) VYRE_TRY(vyre_cuda_status((cuda), (cuda)->name arguments, "cu" #name))

#endif
