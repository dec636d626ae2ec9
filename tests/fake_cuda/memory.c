/* Memory of the host that is pinned, memory of the device, virtual memory that is mapped. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_cuda/state.h"

enum { PAGE = 4096, GRANULARITY = 2 << 20 };

/* ---- pinned ---- */

static fake_object_t *add_filled(fake_kind_t kind, fake_object_t *context, size_t bytes) {
  void *memory = aligned_alloc(PAGE, (bytes + PAGE - 1) / PAGE * PAGE);
  if (!memory) abort();
  memset(memory, 0xA5, bytes); /* nothing may rely on zeros */
  fake_object_t *object = fake_object_add_range(kind, context, (uintptr_t)memory, bytes);
  object->memory = memory;
  return object;
}

vyre_cu_result_t fake_MemHostAlloc(void **memory, size_t bytes, unsigned flags) {
  FAKE_BEGIN_IN(MemHostAlloc, context);
  (void)flags;
  if (bytes == 0) return INVALID_VALUE;
  *memory = add_filled(HOST_MEMORY, context, bytes)->memory;
  return 0;
}

/* On a GPU this waits for the kernels of the context that the memory was made in. */
static vyre_cu_result_t give_back(fake_object_t *object, const char *call, vyre_cu_result_t told) {
  if (!object) return INVALID_VALUE;
  fake_object_t *context;
  vyre_cu_result_t result = fake_need_context(&context);
  if (result) return result;
  fake_would_wait(object->context, call);
  fake_object_drop(object);
  return told;
}

vyre_cu_result_t fake_MemFreeHost(void *memory) {
  vyre_cu_result_t told = fake_count("cuMemFreeHost");
  return give_back(fake_object_at(HOST_MEMORY, (uintptr_t)memory, 0, true), "cuMemFreeHost", told);
}

vyre_cu_result_t fake_MemHostRegister(void *memory, size_t bytes, unsigned flags) {
  FAKE_BEGIN_IN(MemHostRegister, context);
  (void)flags;
  uint64_t address = (uintptr_t)memory;
  if (bytes == 0 || address % PAGE || bytes % PAGE) return INVALID_VALUE;
  for (uint64_t at = 0; at < bytes; at += PAGE)
    if (fake_object_at(REGISTERED, address + at, PAGE, false)) return ALREADY_REGISTERED;
  fake_object_add_range(REGISTERED, context, address, bytes);
  return 0;
}

vyre_cu_result_t fake_MemHostUnregister(void *memory) {
  vyre_cu_result_t told = fake_count("cuMemHostUnregister");
  return give_back(fake_object_at(REGISTERED, (uintptr_t)memory, 0, true), "cuMemHostUnregister", told);
}

vyre_cu_result_t fake_MemHostGetDevicePointer(vyre_cu_address_t *address, void *memory, unsigned flags) {
  FAKE_BEGIN_IN(MemHostGetDevicePointer, context);
  *address = (uintptr_t)memory;
  bool is_known = fake_object_at(HOST_MEMORY, *address, 1, false) || fake_object_at(REGISTERED, *address, 1, false);
  return flags == 0 && is_known ? 0 : INVALID_VALUE;
}

/* ---- the device's ---- */

vyre_cu_result_t fake_MemGetInfo(size_t *free_bytes, size_t *total_bytes) {
  FAKE_BEGIN_IN(MemGetInfo, context);
  uint64_t used = fake_device_bytes();
  *total_bytes = fake_settings.memory_bytes;
  *free_bytes = used < *total_bytes ? *total_bytes - used : 0;
  return 0;
}

static bool fits(uint64_t bytes) {
  uint64_t used = fake_device_bytes();
  return used <= fake_settings.memory_bytes && bytes <= fake_settings.memory_bytes - used;
}

vyre_cu_result_t fake_MemAlloc(vyre_cu_address_t *address, size_t bytes) {
  FAKE_BEGIN_IN(MemAlloc, context);
  fake_would_wait(context, "cuMemAlloc");
  if (bytes == 0) return INVALID_VALUE;
  if (!fits(bytes)) return OUT_OF_MEMORY;
  *address = add_filled(PLAIN_MEMORY, context, bytes)->address;
  return 0;
}

vyre_cu_result_t fake_MemFree(vyre_cu_address_t address) {
  vyre_cu_result_t told = fake_count("cuMemFree");
  return give_back(fake_object_at(PLAIN_MEMORY, address, 0, true), "cuMemFree", told);
}

/* ---- virtual memory: needs no context ---- */

static bool is_of_device(const vyre_cu_allocation_t *allocation) {
  return allocation->type == 1 && allocation->location.type == 1 && allocation->location.id < fake_settings.devices;
}

vyre_cu_result_t fake_MemGetAllocationGranularity(size_t *bytes, const vyre_cu_allocation_t *allocation, int option) {
  FAKE_BEGIN(MemGetAllocationGranularity);
  *bytes = GRANULARITY;
  return option == 0 && is_of_device(allocation) ? 0 : INVALID_VALUE;
}

vyre_cu_result_t fake_MemAddressReserve(vyre_cu_address_t *address, size_t bytes, size_t alignment,
                                        vyre_cu_address_t wanted, unsigned long long flags) {
  FAKE_BEGIN(MemAddressReserve);
  if (bytes == 0 || bytes % GRANULARITY || alignment || wanted || flags) return INVALID_VALUE;
  void *memory = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return OUT_OF_MEMORY;
  *address = (uintptr_t)memory;
  fake_object_add_range(A_RANGE, NULL, *address, bytes);
  return 0;
}

vyre_cu_result_t fake_MemAddressFree(vyre_cu_address_t address, size_t bytes) {
  vyre_cu_result_t told = fake_count("cuMemAddressFree");
  fake_object_t *object = fake_object_at(A_RANGE, address, bytes, true);
  if (!object || fake_object_at(A_MAPPING, address, 0, true)) return INVALID_VALUE;
  munmap((void *)(uintptr_t)address, bytes);
  fake_object_drop(object);
  return told;
}

vyre_cu_result_t fake_MemCreate(unsigned long long *handle, size_t bytes, const vyre_cu_allocation_t *allocation,
                                unsigned long long flags) {
  FAKE_BEGIN(MemCreate);
  if (bytes == 0 || bytes % GRANULARITY || flags || !is_of_device(allocation)) return INVALID_VALUE;
  if (!fits(bytes)) return OUT_OF_MEMORY;
  fake_object_t *object = fake_object_add_range(AN_ALLOCATION, NULL, 0, bytes);
  *handle = (uintptr_t)object;
  return 0;
}

vyre_cu_result_t fake_MemRelease(unsigned long long handle) {
  vyre_cu_result_t told = fake_count("cuMemRelease");
  fake_object_t *object = (fake_object_t *)(uintptr_t)handle;
  if (!fake_object_is(object, AN_ALLOCATION)) return INVALID_VALUE;
  fake_object_drop(object);
  return told;
}

vyre_cu_result_t fake_MemMap(vyre_cu_address_t address, size_t bytes, size_t offset, unsigned long long handle,
                             unsigned long long flags) {
  FAKE_BEGIN(MemMap);
  fake_object_t *allocation = (fake_object_t *)(uintptr_t)handle;
  if (!fake_object_is(allocation, AN_ALLOCATION) || allocation->bytes != bytes || offset || flags) return INVALID_VALUE;
  if (!fake_object_at(A_RANGE, address, bytes, true) || fake_object_at(A_MAPPING, address, 0, true))
    return INVALID_VALUE;
  fake_object_add_range(A_MAPPING, NULL, address, bytes);
  return 0;
}

vyre_cu_result_t fake_MemUnmap(vyre_cu_address_t address, size_t bytes) {
  vyre_cu_result_t told = fake_count("cuMemUnmap");
  fake_object_t *object = fake_object_at(A_MAPPING, address, bytes, true);
  if (!object) return INVALID_VALUE;
  /* The kernel must not find memory there any more. */
  if (mmap((void *)(uintptr_t)address, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
           0) == MAP_FAILED)
    abort();
  fake_object_drop(object);
  return told;
}

vyre_cu_result_t fake_MemSetAccess(vyre_cu_address_t address, size_t bytes, const vyre_cu_access_t *access,
                                   size_t count) {
  FAKE_BEGIN(MemSetAccess);
  if (count != 1 || access->flags != 3 || !fake_object_at(A_MAPPING, address, bytes, true)) return INVALID_VALUE;
  if (mprotect((void *)(uintptr_t)address, bytes, PROT_READ | PROT_WRITE) != 0) return OUT_OF_MEMORY;
  memset((void *)(uintptr_t)address, 0xA5, 2 * PAGE); /* nothing may rely on zeros */
  return 0;
}

/* ---- copies ---- */

static bool is_device_memory(vyre_cu_address_t address, size_t bytes) {
  return fake_object_at(A_MAPPING, address, bytes, false) || fake_object_at(PLAIN_MEMORY, address, bytes, false);
}

/* Aligned words are written whole: a kernel may read them meanwhile. */
static void copy(void *to, const void *from, size_t bytes) {
  _Atomic uint32_t *words = to;
  const uint8_t *source = from;
  size_t at = 0;
  if ((uintptr_t)to % 4 == 0)
    for (; at + 4 <= bytes; at += 4) {
      uint32_t word;
      memcpy(&word, source + at, 4);
      atomic_store_explicit(&words[at / 4], word, memory_order_relaxed);
    }
  memcpy((uint8_t *)to + at, source + at, bytes - at);
}

static vyre_cu_result_t copy_in(vyre_cu_address_t to, const void *from, size_t bytes) {
  if (!is_device_memory(to, bytes)) return INVALID_VALUE;
  copy((void *)(uintptr_t)to, from, bytes - atomic_exchange(&fake_settings.spoils_copy, false));
  return 0;
}

static vyre_cu_result_t copy_out(void *to, vyre_cu_address_t from, size_t bytes) {
  if (!is_device_memory(from, bytes)) return INVALID_VALUE;
  copy(to, (const void *)(uintptr_t)from, bytes);
  return 0;
}

static bool is_stream(vyre_cu_stream_t stream, const fake_object_t *context) {
  return fake_object_is(stream, A_STREAM) && ((fake_object_t *)(void *)stream)->context == context;
}

vyre_cu_result_t fake_MemcpyHtoDAsync(vyre_cu_address_t to, const void *from, size_t bytes, vyre_cu_stream_t stream) {
  FAKE_BEGIN_IN(MemcpyHtoDAsync, context);
  return is_stream(stream, context) ? copy_in(to, from, bytes) : INVALID_HANDLE;
}

vyre_cu_result_t fake_MemcpyDtoHAsync(void *to, vyre_cu_address_t from, size_t bytes, vyre_cu_stream_t stream) {
  FAKE_BEGIN_IN(MemcpyDtoHAsync, context);
  return is_stream(stream, context) ? copy_out(to, from, bytes) : INVALID_HANDLE;
}

vyre_cu_result_t fake_MemcpyHtoD(vyre_cu_address_t to, const void *from, size_t bytes) {
  FAKE_BEGIN_IN(MemcpyHtoD, context);
  fake_would_wait(context, "cuMemcpyHtoD");
  return copy_in(to, from, bytes);
}

vyre_cu_result_t fake_MemcpyDtoH(void *to, vyre_cu_address_t from, size_t bytes) {
  FAKE_BEGIN_IN(MemcpyDtoH, context);
  fake_would_wait(context, "cuMemcpyDtoH");
  return copy_out(to, from, bytes);
}

vyre_cu_result_t fake_MemsetD8(vyre_cu_address_t address, unsigned char value, size_t bytes) {
  FAKE_BEGIN_IN(MemsetD8, context);
  fake_would_wait(context, "cuMemsetD8");
  if (!is_device_memory(address, bytes)) return INVALID_VALUE;
  memset((void *)(uintptr_t)address, value, bytes);
  return 0;
}
