/* One io_uring for positional reads into registered memory. Completions are matched by user data, never by order.
 *
 * Owns:     the ring and its kernel side. Registered memory and file descriptors stay the caller's and outlive the
 *           reads that use them; vyre_uring_destroy ends those reads first.
 * Threads:  a ring is used by one thread at a time and is not bound to the one that created it. Destroy it on the
 *           thread that used it last, or after that thread has ended or gone to sleep.
 * Units:    bytes, nanoseconds. A result is the kernel's: bytes read, or a negated errno.
 * Limits:   VYRE_URING_ENTRIES_MAX reads in flight, VYRE_URING_BUFFERS_MAX registered buffers of at most 1 GiB each.
 * Errors:   create and register: NO_URING, MEMLOCK, FILES, MEMORY, each with the values found on this machine.
 *           A read that fails is a completion with a negative result: what to do about it is the caller's policy.
 * Blocking: create and register for at most 0.2 s, when the locked memory of rings just closed is not yet given back.
 *           Prepare and reap never; submit for as long as the reads that finish inline take (a read of the page cache
 *           copies during submit); submit_and_wait until its timeout. After create and register nothing allocates or
 *           locks, statuses of failures apart. */
#ifndef VYRE_URING_URING_H
#define VYRE_URING_URING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/status.h"
#include "uring/arena.h"

#define VYRE_URING_ENTRIES_MAX 4096u
#define VYRE_URING_ENTRIES_DEFAULT 8u
#define VYRE_URING_BUFFERS_MAX 1024u
#define VYRE_URING_BUFFER_BYTES_MAX (UINT64_C(1) << 30) /* the kernel's limit for one registered buffer */

typedef struct vyre_uring vyre_uring_t;

typedef struct vyre_uring_params {
  uint32_t entries;        /* reads in flight at most; 0: VYRE_URING_ENTRIES_DEFAULT */
  uint32_t io_workers_max; /* kernel threads for VYRE_URING_ASYNC reads of the using thread; 0: the kernel's default */
} vyre_uring_params_t;

typedef struct vyre_uring_completion {
  uint64_t user_data; /* as given to vyre_uring_read_fixed */
  int32_t result;     /* bytes, less than asked for at the end of the file or when cut short; or -errno */
} vyre_uring_completion_t;

typedef enum vyre_uring_read_flags {
  VYRE_URING_INLINE = 0, /* what is in the page cache is copied by the submitting thread */
  VYRE_URING_ASYNC = 1,  /* the copy is made by a kernel thread: submit returns at once */
} vyre_uring_read_flags_t;

/* params may be NULL. */
vyre_status_t vyre_uring_create(const vyre_uring_params_t *params, vyre_uring_t **out_uring);

/* Cancels what is in flight and waits for its end, so that the kernel writes nothing after the return. A read that
 * waits for a pipe ends at once, one that a disk has begun when the disk answers. Sets *uring to NULL; accepts NULL. */
void vyre_uring_destroy(vyre_uring_t **uring);

/* Pins memory: iovecs[i] becomes fixed buffer i. Once per ring, unless it failed. Of the kernel's accounting: a user
 * without CAP_IPC_LOCK pays for the pages out of RLIMIT_MEMLOCK, shared by all processes of that user. */
vyre_status_t vyre_uring_register_buffers(vyre_uring_t *uring, const struct iovec *iovecs, uint32_t count);

/* The same for an arena: its buffer i becomes fixed buffer i. */
vyre_status_t vyre_uring_register_arena(vyre_uring_t *uring, const vyre_uring_arena_t *arena);

/* Prepares a read of `bytes` at `file_offset` into [address, address + bytes), which lies inside fixed buffer
 * `buffer`. For a pipe or a socket file_offset is ignored by the kernel. False when `entries` reads are in flight. */
bool vyre_uring_read_fixed(vyre_uring_t *uring, int fd, uint32_t buffer, void *address, uint32_t bytes,
                           uint64_t file_offset, uint64_t user_data, vyre_uring_read_flags_t flags);

/* Hands what was prepared to the kernel. What the kernel cannot take while others are in flight stays prepared and
 * goes with the next submit. */
vyre_status_t vyre_uring_submit(vyre_uring_t *uring);

/* Submits, then waits until `count` completions can be reaped (at most as many as are in flight) or the timeout has
 * passed: both are success, reap tells. UINT64_MAX waits without end. A signal does not end the wait. */
vyre_status_t vyre_uring_submit_and_wait(vyre_uring_t *uring, uint32_t count, uint64_t timeout_ns);

/* Takes up to `max` completions; returns how many. */
uint32_t vyre_uring_reap(vyre_uring_t *uring, vyre_uring_completion_t *out_completions, uint32_t max);

/* Reads prepared or submitted and not yet reaped. */
uint32_t vyre_uring_in_flight(const vyre_uring_t *uring);

/* Whether the same read may simply be asked for again: EINTR, EAGAIN. */
bool vyre_uring_result_is_retryable(int32_t result);

#endif
