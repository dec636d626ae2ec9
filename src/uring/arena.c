#include "uring/arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/memory.h"

#define PAGE_BYTES UINT64_C(4096)
#define HUGE_PAGE_BYTES (UINT64_C(2) << 20)

struct vyre_uring_arena {
  uint8_t *memory;
  uint64_t bytes; /* of the mapping */
  uint64_t buffer_bytes;
  uint32_t buffer_count;
};

static uint64_t round_up(uint64_t bytes, uint64_t unit) { return (bytes + unit - 1) / unit * unit; }

/* MAP_FAILED or a mapping of `bytes` that begins on a multiple of `alignment`. */
static uint8_t *map_aligned(uint64_t bytes, uint64_t alignment) {
  uint64_t slack = alignment - PAGE_BYTES;
  uint8_t *memory = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || slack == 0) return memory;
  uint64_t before = round_up((uint64_t)(uintptr_t)memory, alignment) - (uint64_t)(uintptr_t)memory;
  if (before > 0) munmap(memory, before);
  if (before < slack) munmap(memory + before + bytes, slack - before);
  return memory + before;
}

vyre_status_t vyre_uring_arena_create(uint64_t buffer_bytes, uint32_t buffer_count, bool huge,
                                      vyre_uring_arena_t **out_arena) {
  if (buffer_bytes == 0 || buffer_count == 0 || buffer_bytes > VYRE_URING_ARENA_BYTES_MAX / buffer_count)
    return vyre_status_with_fix(vyre_status_make(VYRE_E_ARGUMENT, "an arena of %u buffers of %llu bytes", buffer_count,
                                                 (unsigned long long)buffer_bytes),
                                "Choose at least one buffer of at least one byte, and %llu GiB in all at most.",
                                (unsigned long long)(VYRE_URING_ARENA_BYTES_MAX >> 30));
  vyre_uring_arena_t *arena = vyre_calloc(1, sizeof *arena);
  if (!arena) return vyre_out_of_memory(sizeof *arena);
  arena->buffer_bytes = round_up(buffer_bytes, PAGE_BYTES);
  arena->buffer_count = buffer_count;
  arena->bytes = round_up(arena->buffer_bytes * buffer_count, huge ? HUGE_PAGE_BYTES : PAGE_BYTES);
  arena->memory = map_aligned(arena->bytes, huge ? HUGE_PAGE_BYTES : PAGE_BYTES);
  if (arena->memory == MAP_FAILED) {
    vyre_status_t status = vyre_status_from_errno(errno, VYRE_E_MEMORY, "mapping %llu KiB of read buffers",
                                                  (unsigned long long)(arena->bytes / 1024));
    vyre_free(arena);
    return status;
  }
  /* Advice: a kernel without transparent huge pages says no, and small pages serve as well, only slower. Where small
   * ones are asked for they are also enforced, since a huge page would count as 2 MiB of locked memory. */
  madvise(arena->memory, arena->bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  memset(arena->memory, 0, arena->bytes); /* the first read does not pay the page faults */
  *out_arena = arena;
  return NULL;
}

void vyre_uring_arena_destroy(vyre_uring_arena_t **handle) {
  if (!handle || !*handle) return;
  munmap((*handle)->memory, (*handle)->bytes);
  vyre_free(*handle);
  *handle = NULL;
}

uint8_t *vyre_uring_arena_buffer(const vyre_uring_arena_t *arena, uint32_t index) {
  VYRE_ASSERT(index < arena->buffer_count);
  return arena->memory + index * arena->buffer_bytes;
}

uint64_t vyre_uring_arena_buffer_bytes(const vyre_uring_arena_t *arena) { return arena->buffer_bytes; }
uint32_t vyre_uring_arena_buffer_count(const vyre_uring_arena_t *arena) { return arena->buffer_count; }
uint64_t vyre_uring_arena_bytes(const vyre_uring_arena_t *arena) { return arena->bytes; }
