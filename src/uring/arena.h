/* Read buffers: one mapping, cut into equal page-aligned buffers, every page present before the first read.
 *
 * Owns:    its mapping. Destroy it after the rings it is registered with.
 * Threads: create and destroy on any thread; the buffers are plain memory.
 * Units:   bytes. buffer_bytes is rounded up to the page size of 4 KiB.
 * Limits:  VYRE_URING_ARENA_BYTES_MAX in all.
 * Errors:  ARGUMENT, MEMORY.
 * Blocking: create touches every page (about 0.1 ms per MiB in small pages). */
#ifndef VYRE_URING_ARENA_H
#define VYRE_URING_ARENA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define VYRE_URING_ARENA_BYTES_MAX (UINT64_C(1) << 36)

typedef struct vyre_uring_arena vyre_uring_arena_t;

/* huge: ask for 2 MiB pages (advice: the kernel may not have them). The whole is then rounded up to 2 MiB, and counts
 * as that against RLIMIT_MEMLOCK when it is registered. */
vyre_status_t vyre_uring_arena_create(uint64_t buffer_bytes, uint32_t buffer_count, bool huge,
                                      vyre_uring_arena_t **out_arena);
void vyre_uring_arena_destroy(vyre_uring_arena_t **arena); /* accepts NULL; sets *arena to NULL */

uint8_t *vyre_uring_arena_buffer(const vyre_uring_arena_t *arena, uint32_t index);
uint64_t vyre_uring_arena_buffer_bytes(const vyre_uring_arena_t *arena);
uint32_t vyre_uring_arena_buffer_count(const vyre_uring_arena_t *arena);
uint64_t vyre_uring_arena_bytes(const vyre_uring_arena_t *arena); /* of the mapping: what registration locks */

#endif
