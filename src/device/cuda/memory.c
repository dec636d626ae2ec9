/* Memory that the kernel reaches: pinned memory of the host, and the device's own, mapped so that both contexts see it
 * at one address. Every function works beside a live kernel. */
#include <stdio.h>
#include <string.h>

#include "device/cuda/gpu.h"

enum {
  STAGING_BYTES = 1 << 20,
  PAGE_BYTES = 4096,
  /* CUresult */
  ERROR_INVALID_VALUE = 1,
  ERROR_ALREADY_REGISTERED = 712,
};

/* vyre_memory_t.own[0]: what there is to release; own[1]: the context, or the allocation's handle. */
enum { OWN_HOST = 1, OWN_REGISTERED, OWN_DEVICE };

static uint64_t round_up(uint64_t bytes, uint64_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }

/* The driver says "out of memory" of the host's memory, too. */
static vyre_status_t tell_pinned(vyre_status_t status, uint64_t bytes) {
  if (vyre_status_code(status) == VYRE_E_DEVICE_MEMORY)
    status = vyre_status_because(
        vyre_status_with_fix(
            vyre_status_make(VYRE_E_MEMORY, "%llu KiB of the host's memory cannot be pinned",
                             (unsigned long long)(bytes >> 10)),
            "Free memory of the host, or lower --chunk and --depth; what is pinned cannot be swapped out."),
        status);
  return vyre_status_context(status, "pinning %llu KiB of the host's memory", (unsigned long long)(bytes >> 10));
}

/* ---- staging: small writes and reads ---- */

vyre_status_t vyre_gpu_init_staging(vyre_gpu_t *gpu) {
  void *staging;
  VYRE_TRY(VYRE_GPU_CALL(gpu, StreamCreate, (&gpu->words, VYRE_CU_STREAM_NON_BLOCKING)));
  VYRE_TRY(
      tell_pinned(VYRE_GPU_CALL(gpu, MemHostAlloc, (&staging, STAGING_BYTES, VYRE_CU_HOST_PORTABLE)), STAGING_BYTES));
  gpu->staging = staging;
  return NULL;
}

void vyre_gpu_deinit_staging(vyre_gpu_t *gpu) {
  vyre_status_t status = gpu->execution ? vyre_gpu_enter(gpu, gpu->execution) : NULL;
  if (!status && gpu->execution) {
    if (gpu->staging) gpu->cuda->MemFreeHost(gpu->staging);
    if (gpu->words) gpu->cuda->StreamDestroy(gpu->words);
    vyre_gpu_leave(gpu);
  }
  vyre_status_destroy(&status); /* a lost context has freed all it had */
}

/* One piece of at most STAGING_BYTES, under the lock, the context entered. */
static vyre_status_t write_piece(vyre_gpu_t *gpu, uint64_t to, const void *from, uint64_t bytes) {
  if (from)
    memcpy(gpu->staging, from, bytes);
  else
    memset(gpu->staging, 0, bytes);
  VYRE_TRY(VYRE_GPU_CALL(gpu, MemcpyHtoDAsync, (to, gpu->staging, bytes, gpu->words)));
  return VYRE_GPU_CALL(gpu, StreamSynchronize, (gpu->words));
}

static vyre_status_t read_piece(vyre_gpu_t *gpu, void *to, uint64_t from, uint64_t bytes) {
  VYRE_TRY(VYRE_GPU_CALL(gpu, MemcpyDtoHAsync, (gpu->staging, from, bytes, gpu->words)));
  VYRE_TRY(VYRE_GPU_CALL(gpu, StreamSynchronize, (gpu->words)));
  memcpy(to, gpu->staging, bytes);
  return NULL;
}

/* `from` NULL writes zeros. */
static vyre_status_t write_all(vyre_gpu_t *gpu, uint64_t to, const void *from, uint64_t bytes) {
  VYRE_TRY(vyre_gpu_enter(gpu, gpu->execution));
  pthread_mutex_lock(&gpu->lock);
  vyre_status_t status = NULL;
  for (uint64_t at = 0; at < bytes && !status; at += STAGING_BYTES) {
    uint64_t size = bytes - at < STAGING_BYTES ? bytes - at : STAGING_BYTES;
    status = write_piece(gpu, to + at, from ? (const uint8_t *)from + at : NULL, size);
  }
  pthread_mutex_unlock(&gpu->lock);
  vyre_gpu_leave(gpu);
  return status;
}

vyre_status_t vyre_gpu_write(vyre_device_t *device, uint64_t to, const void *from, uint64_t bytes) {
  return write_all(vyre_gpu_of(device), to, from, bytes);
}

vyre_status_t vyre_gpu_read(vyre_device_t *device, void *to, uint64_t from, uint64_t bytes) {
  vyre_gpu_t *gpu = vyre_gpu_of(device);
  VYRE_TRY(vyre_gpu_enter(gpu, gpu->execution));
  pthread_mutex_lock(&gpu->lock);
  vyre_status_t status = NULL;
  for (uint64_t at = 0; at < bytes && !status; at += STAGING_BYTES) {
    uint64_t size = bytes - at < STAGING_BYTES ? bytes - at : STAGING_BYTES;
    status = read_piece(gpu, (uint8_t *)to + at, from + at, size);
  }
  pthread_mutex_unlock(&gpu->lock);
  vyre_gpu_leave(gpu);
  return status;
}

/* ---- the device's own ---- */

static vyre_cu_allocation_t allocation_of(const vyre_gpu_t *gpu) {
  return (vyre_cu_allocation_t){.type = 1, .location = {.type = 1, .id = gpu->device}};
}

/* Address space, memory, the one mapped into the other; what failed takes back what came before it. */
static vyre_status_t map_device(vyre_gpu_t *gpu, uint64_t bytes, vyre_memory_t *out_memory) {
  vyre_cu_allocation_t allocation = allocation_of(gpu);
  vyre_cu_access_t access = {.location = allocation.location, .flags = 3};
  vyre_cu_address_t address;
  unsigned long long handle;
  VYRE_TRY(VYRE_GPU_CALL(gpu, MemAddressReserve, (&address, bytes, 0, 0, 0)));
  vyre_status_t status = VYRE_GPU_CALL(gpu, MemCreate, (&handle, bytes, &allocation, 0));
  if (status) {
    gpu->cuda->MemAddressFree(address, bytes);
    return status;
  }
  status = VYRE_GPU_CALL(gpu, MemMap, (address, bytes, 0, handle, 0));
  if (!status) {
    status = VYRE_GPU_CALL(gpu, MemSetAccess, (address, bytes, &access, 1));
    if (status) gpu->cuda->MemUnmap(address, bytes);
  }
  if (status) {
    gpu->cuda->MemRelease(handle);
    gpu->cuda->MemAddressFree(address, bytes);
    return status;
  }
  *out_memory = (vyre_memory_t){.address = address, .bytes = bytes, .own = {OWN_DEVICE, handle}};
  return NULL;
}

vyre_status_t vyre_gpu_tell_memory(vyre_gpu_t *gpu, uint64_t bytes, const char *what, vyre_status_t status) {
  size_t free_bytes = 0, total_bytes = 0;
  if (vyre_status_code(status) != VYRE_E_DEVICE_MEMORY || gpu->cuda->MemGetInfo(&free_bytes, &total_bytes) != 0)
    return status;
  char size[48] = "";
  if (bytes) snprintf(size, sizeof size, ", %llu MiB", (unsigned long long)(bytes >> 20));
  vyre_status_t told = vyre_status_make(VYRE_E_DEVICE_MEMORY, "no room for %s%s: %zu of %zu MiB are free on %s", what,
                                        size, free_bytes >> 20, total_bytes >> 20, gpu->base.name);
  return vyre_status_because(told, status);
}

static vyre_status_t allocate_device(vyre_gpu_t *gpu, uint64_t bytes, vyre_memory_t *out_memory) {
  vyre_cu_allocation_t allocation = allocation_of(gpu);
  size_t granularity;
  VYRE_TRY(vyre_gpu_enter(gpu, gpu->execution));
  vyre_status_t status = VYRE_GPU_CALL(gpu, MemGetAllocationGranularity, (&granularity, &allocation, 0));
  if (!status) {
    uint64_t size = round_up(bytes, granularity);
    status = vyre_gpu_tell_memory(gpu, size, "what was asked for", map_device(gpu, size, out_memory));
  }
  vyre_gpu_leave(gpu);
  if (status) return status;
  status = write_all(gpu, out_memory->address, NULL, bytes);
  if (status) vyre_gpu_release(&gpu->base, out_memory);
  return status;
}

/* ---- the host's ---- */

static vyre_status_t allocate_host(vyre_gpu_t *gpu, uint64_t bytes, vyre_memory_t *out_memory) {
  vyre_cu_context_t context;
  vyre_cu_address_t address = 0;
  void *host = NULL;
  VYRE_TRY(vyre_gpu_side(gpu, &context));
  VYRE_TRY(vyre_gpu_enter(gpu, context));
  vyre_status_t status =
      VYRE_GPU_CALL(gpu, MemHostAlloc, (&host, bytes, VYRE_CU_HOST_PORTABLE | VYRE_CU_HOST_DEVICEMAP));
  if (!status) {
    status = VYRE_GPU_CALL(gpu, MemHostGetDevicePointer, (&address, host, 0));
    if (status) gpu->cuda->MemFreeHost(host);
  }
  vyre_gpu_leave(gpu);
  if (status) return tell_pinned(status, bytes);
  memset(host, 0, bytes);
  *out_memory = (vyre_memory_t){.address = address,
                                .host = host,
                                .bytes = bytes,
                                .is_host = true,
                                .own = {OWN_HOST, (uint64_t)(uintptr_t)context}};
  return NULL;
}

vyre_status_t vyre_gpu_allocate(vyre_device_t *device, vyre_memory_kind_t kind, uint64_t bytes,
                                vyre_memory_t *out_memory) {
  vyre_gpu_t *gpu = vyre_gpu_of(device);
  return kind == VYRE_MEMORY_HOST ? allocate_host(gpu, bytes, out_memory) : allocate_device(gpu, bytes, out_memory);
}

/* The pages that hold the caller's bytes are registered, in the ingest context: unregistering waits for no kernel
 * there. */
vyre_status_t vyre_gpu_bind(vyre_device_t *device, void *host, uint64_t bytes, vyre_memory_t *out_memory) {
  vyre_gpu_t *gpu = vyre_gpu_of(device);
  vyre_cu_context_t context;
  vyre_cu_address_t address = 0;
  uintptr_t first = (uintptr_t)host & ~(uintptr_t)(PAGE_BYTES - 1);
  uint64_t size = round_up((uintptr_t)host + bytes - first, PAGE_BYTES);
  VYRE_TRY(vyre_gpu_ingest(gpu, &context));
  VYRE_TRY(vyre_gpu_enter(gpu, context));
  vyre_cu_result_t result =
      gpu->cuda->MemHostRegister((void *)first, size, VYRE_CU_HOST_PORTABLE | VYRE_CU_HOST_DEVICEMAP);
  vyre_status_t status = vyre_cuda_status(gpu->cuda, result, "cuMemHostRegister");
  if (result == ERROR_ALREADY_REGISTERED)
    status = vyre_status_with_fix(
        status, "Keep windows on pages of their own (4 KiB), or remove the one that has these first.");
  if (result == ERROR_INVALID_VALUE)
    status = vyre_status_with_fix(
        status, "Pass memory that this process has mapped and may write, from its first byte to its last.");
  if (!status) {
    status = VYRE_GPU_CALL(gpu, MemHostGetDevicePointer, (&address, (void *)first, 0));
    if (status) gpu->cuda->MemHostUnregister((void *)first);
  }
  vyre_gpu_leave(gpu);
  if (status) return tell_pinned(status, size);
  *out_memory = (vyre_memory_t){.address = address + ((uintptr_t)host - first),
                                .host = host,
                                .bytes = bytes,
                                .is_host = true,
                                .own = {OWN_REGISTERED, (uint64_t)(uintptr_t)context}};
  return NULL;
}

vyre_status_t vyre_gpu_prepare_pin(vyre_device_t *device) {
  vyre_cu_context_t context;
  return vyre_gpu_registration(vyre_gpu_of(device), &context);
}

/* For the copy engine only: it needs no address of the device's. Not in the context of the copies: unregistering waits
 * for those of its context, and new ones wait for it. */
vyre_status_t vyre_gpu_pin(vyre_device_t *device, const void *memory, uint64_t bytes, vyre_memory_t *out_memory) {
  vyre_gpu_t *gpu = vyre_gpu_of(device);
  vyre_cu_context_t context;
  void *pages = (void *)(uintptr_t)memory;
  VYRE_TRY(vyre_gpu_registration(gpu, &context));
  VYRE_TRY(vyre_gpu_enter(gpu, context));
  vyre_status_t status =
      VYRE_GPU_CALL(gpu, MemHostRegister, (pages, bytes, VYRE_CU_HOST_PORTABLE | VYRE_CU_HOST_READ_ONLY));
  vyre_gpu_leave(gpu);
  if (status) return tell_pinned(status, bytes);
  *out_memory = (vyre_memory_t){
      .host = pages, .bytes = bytes, .is_host = true, .own = {OWN_REGISTERED, (uint64_t)(uintptr_t)context}};
  return NULL;
}

vyre_status_t vyre_gpu_unpin(vyre_device_t *device, vyre_memory_t *memory) {
  vyre_gpu_t *gpu = vyre_gpu_of(device);
  VYRE_TRY(vyre_gpu_enter(gpu, (vyre_cu_context_t)(uintptr_t)memory->own[1]));
  vyre_status_t status = VYRE_GPU_CALL(gpu, MemHostUnregister, (memory->host));
  vyre_gpu_leave(gpu);
  *memory = (vyre_memory_t){0};
  return status;
}

/* Errors of a context that is lost need no telling here: what it had is gone. The device's memory is of no context, so
 * it is given back even where none can be entered. */
void vyre_gpu_release(vyre_device_t *device, vyre_memory_t *memory) {
  vyre_gpu_t *gpu = vyre_gpu_of(device);
  const vyre_cuda_t *cuda = gpu->cuda;
  uint64_t owned = memory->own[0];
  if (owned == 0) return;
  vyre_cu_context_t context = owned == OWN_DEVICE ? gpu->execution : (vyre_cu_context_t)(uintptr_t)memory->own[1];
  vyre_status_t status = vyre_gpu_enter(gpu, context);
  if (owned == OWN_DEVICE) {
    cuda->MemUnmap(memory->address, memory->bytes);
    cuda->MemRelease(memory->own[1]);
    cuda->MemAddressFree(memory->address, memory->bytes);
  } else if (!status && owned == OWN_HOST) {
    cuda->MemFreeHost(memory->host);
  } else if (!status) {
    cuda->MemHostUnregister((void *)((uintptr_t)memory->host & ~(uintptr_t)(PAGE_BYTES - 1)));
  }
  if (!status) vyre_gpu_leave(gpu);
  vyre_status_destroy(&status);
  *memory = (vyre_memory_t){0};
}
