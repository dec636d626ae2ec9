#include "device/host.h"

#include <stdatomic.h>
#include <string.h>

#include "base/memory.h"

enum { PAGE_BYTES = 4096 };

vyre_status_t vyre_host_allocate(vyre_device_t *device, vyre_memory_kind_t kind, uint64_t bytes,
                                 vyre_memory_t *out_memory) {
  (void)device, (void)kind;
  uint8_t *memory = vyre_alloc_aligned(bytes < PAGE_BYTES ? 64 : PAGE_BYTES, bytes);
  if (!memory) return vyre_out_of_memory(bytes);
  *out_memory = (vyre_memory_t){.address = (uint64_t)(uintptr_t)memory, .host = memory, .bytes = bytes, .own = {true}};
  return NULL;
}

vyre_status_t vyre_host_bind(vyre_device_t *device, void *host, uint64_t bytes, vyre_memory_t *out_memory) {
  (void)device;
  *out_memory = (vyre_memory_t){.address = (uint64_t)(uintptr_t)host, .host = host, .bytes = bytes};
  return NULL;
}

void vyre_host_release(vyre_device_t *device, vyre_memory_t *memory) {
  (void)device;
  if (memory->own[0]) vyre_free(memory->host);
  *memory = (vyre_memory_t){0};
}

/* Workers may read neighbouring words meanwhile, and words of the same record by a handle that was never given out. */
vyre_status_t vyre_host_write(vyre_device_t *device, uint64_t to, const void *from, uint64_t bytes) {
  (void)device;
  const uint8_t *source = from;
  for (; bytes >= 4 && to % 4 == 0; to += 4, source += 4, bytes -= 4) {
    uint32_t word;
    memcpy(&word, source, 4);
    atomic_store_explicit((_Atomic uint32_t *)(uintptr_t)to, word, memory_order_release);
  }
  memcpy((void *)(uintptr_t)to, source, bytes);
  return NULL;
}

vyre_status_t vyre_host_read(vyre_device_t *device, void *to, uint64_t from, uint64_t bytes) {
  (void)device;
  uint8_t *target = to;
  for (; bytes >= 4 && from % 4 == 0; from += 4, target += 4, bytes -= 4) {
    uint32_t word = atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)from, memory_order_acquire);
    memcpy(target, &word, 4);
  }
  memcpy(target, (const void *)(uintptr_t)from, bytes);
  return NULL;
}

void vyre_host_close(vyre_device_t *device) { vyre_free(device); }
