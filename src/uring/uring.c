#include "uring/uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"
#include "uring/refusal.h"

#define PAGE_BYTES UINT64_C(4096)
/* How long destroy waits for one completion before it looks again for something to cancel. */
#define CANCEL_ROUND_NS (10 * VYRE_NS_PER_MS)
/* For how long ENOMEM is tried again while closed rings may still be counted (see refusal.h): 20 times 5 ms. */
#define MEMLOCK_TRIES 20
#define MEMLOCK_PAUSE_NS (5 * VYRE_NS_PER_MS)

/* COOP_TASKRUN: completions of slow reads are run when the using thread enters the kernel anyway, instead of
 * interrupting its computation. SINGLE_ISSUER with DEFER_TASKRUN would do that as well and measured the same, but ties
 * the ring to one thread, destroy included. */
#define SETUP_FLAGS (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG)

struct vyre_uring {
  struct io_uring ring;
  uint32_t entries;
  uint32_t in_flight;    /* prepared or submitted, not reaped */
  struct iovec *buffers; /* what is registered, to hold reads against; owned, NULL before registration */
  uint32_t buffer_count;
};

/* Memory of all live rings of this process: newer kernels count it against RLIMIT_MEMLOCK as well, but show it nowhere,
 * and the number in a Fix has to be enough. */
static _Atomic uint64_t all_rings_bytes;

/* Entries of 64 bytes; twice as many completions of 16, an index array and the heads; both in pages. */
static uint64_t ring_bytes(uint32_t entries) {
  uint64_t slots = 1;
  while (slots < entries) slots *= 2;
  uint64_t submission = (slots * 64 + PAGE_BYTES - 1) / PAGE_BYTES;
  uint64_t rings = (slots * 4 + slots * 32 + 512 + PAGE_BYTES - 1) / PAGE_BYTES;
  return (submission + rings) * PAGE_BYTES;
}

static int cancel_everything(vyre_uring_t *uring) {
  struct io_uring_sync_cancel_reg request = {.fd = -1, .flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY};
  return io_uring_register_sync_cancel(&uring->ring, &request);
}

static vyre_status_t open_ring(vyre_uring_t *uring, uint32_t io_workers_max) {
  uint64_t locked_bytes = atomic_load(&all_rings_bytes) + ring_bytes(uring->entries);
  int error = io_uring_queue_init(uring->entries, &uring->ring, SETUP_FLAGS);
  for (int i = 0; error == -ENOMEM && i < MEMLOCK_TRIES && vyre_uring_memlock_may_pass(locked_bytes); i++) {
    vyre_sleep_ns(MEMLOCK_PAUSE_NS);
    error = io_uring_queue_init(uring->entries, &uring->ring, SETUP_FLAGS);
  }
  if (error == -EINVAL) return vyre_uring_too_old("io_uring_setup");
  if (error < 0) return vyre_uring_refusal(-error, "io_uring_setup", locked_bytes);
  /* Destroy relies on it, so a kernel that lacks it (before 6.0) is refused here and not found out there. */
  error = cancel_everything(uring);
  if (error < 0 && error != -ENOENT) {
    io_uring_queue_exit(&uring->ring);
    if (error == -EINVAL) return vyre_uring_too_old("io_uring_register (SYNC_CANCEL)");
    return vyre_uring_refusal(-error, "io_uring_register (SYNC_CANCEL)", 0);
  }
  if (io_workers_max > 0) {
    unsigned limits[2] = {io_workers_max, io_workers_max}; /* of regular files; of pipes and sockets */
    error = io_uring_register_iowq_max_workers(&uring->ring, limits);
    if (error < 0) {
      io_uring_queue_exit(&uring->ring);
      return vyre_uring_refusal(-error, "io_uring_register (IOWQ_MAX_WORKERS)", 0);
    }
  }
  return NULL;
}

vyre_status_t vyre_uring_create(const vyre_uring_params_t *params, vyre_uring_t **out_uring) {
  static const vyre_uring_params_t defaults;
  if (!params) params = &defaults;
  uint32_t entries = params->entries ? params->entries : VYRE_URING_ENTRIES_DEFAULT;
  if (entries > VYRE_URING_ENTRIES_MAX)
    return vyre_status_with_fix(vyre_status_make(VYRE_E_ARGUMENT, "%u entries for an io_uring, the limit is %u",
                                                 entries, VYRE_URING_ENTRIES_MAX),
                                "Choose from 1 to %u entries, or 0 for %u.", VYRE_URING_ENTRIES_MAX,
                                VYRE_URING_ENTRIES_DEFAULT);
  vyre_uring_t *uring = vyre_calloc(1, sizeof *uring);
  if (!uring) return vyre_out_of_memory(sizeof *uring);
  uring->entries = entries;
  vyre_status_t status = open_ring(uring, params->io_workers_max);
  if (status) {
    vyre_free(uring);
    return vyre_status_context(status, "creating an io_uring of %u entries", entries);
  }
  atomic_fetch_add(&all_rings_bytes, ring_bytes(entries));
  *out_uring = uring;
  return NULL;
}

/* Waits until `count` completions are there or the deadline has passed (UINT64_MAX: never). A positive errno when the
 * wait itself is refused, else 0. */
static int wait_for(vyre_uring_t *uring, uint32_t count, uint64_t deadline_ns) {
  while (io_uring_cq_ready(&uring->ring) < count) {
    struct __kernel_timespec left = {0, 0};
    struct io_uring_getevents_arg argument = {.sigmask_sz = _NSIG / 8};
    if (deadline_ns != UINT64_MAX) {
      uint64_t now = vyre_clock_ns();
      uint64_t left_ns = deadline_ns > now ? deadline_ns - now : 0;
      left.tv_sec = (long long)(left_ns / VYRE_NS_PER_S);
      left.tv_nsec = (long long)(left_ns % VYRE_NS_PER_S);
      argument.ts = (uint64_t)(uintptr_t)&left;
    }
    int result = io_uring_enter2((unsigned)uring->ring.ring_fd, 0, count, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                                 (sigset_t *)&argument, sizeof argument);
    if (result == -ETIME) return 0;
    if (result < 0 && result != -EINTR && result != -EAGAIN) return -result;
  }
  return 0;
}

static uint32_t submitted(const vyre_uring_t *uring) {
  return uring->in_flight - (uint32_t)io_uring_sq_ready(&uring->ring);
}

void vyre_uring_destroy(vyre_uring_t **handle) {
  if (!handle || !*handle) return;
  vyre_uring_t *uring = *handle;
  *handle = NULL;
  uring->in_flight = submitted(uring); /* what the kernel never saw needs no end */
  while (uring->in_flight > 0) {
    /* Again in every round: a read can pass from one state to the next just when it is looked for. */
    cancel_everything(uring);
    int error = wait_for(uring, 1, vyre_clock_deadline_ns(CANCEL_ROUND_NS));
    VYRE_ASSERT(error == 0);
    vyre_uring_completion_t ended[16];
    while (vyre_uring_reap(uring, ended, 16) > 0) continue;
  }
  /* Closing alone would unpin some time later, and the pages would count against the next ring's limit meanwhile. */
  if (uring->buffers) io_uring_unregister_buffers(&uring->ring);
  io_uring_queue_exit(&uring->ring);
  atomic_fetch_sub(&all_rings_bytes, ring_bytes(uring->entries));
  vyre_free(uring->buffers);
  vyre_free(uring);
}

static vyre_status_t register_locked(vyre_uring_t *uring, const struct iovec *iovecs, uint32_t count,
                                     uint64_t locked_bytes) {
  struct iovec *copy = vyre_calloc(count, sizeof *copy);
  if (!copy) return vyre_out_of_memory(count * sizeof *copy);
  memcpy(copy, iovecs, count * sizeof *copy);
  uint64_t with_rings = locked_bytes + atomic_load(&all_rings_bytes);
  int error = io_uring_register_buffers(&uring->ring, iovecs, count);
  for (int i = 0; error == -ENOMEM && i < MEMLOCK_TRIES && vyre_uring_memlock_may_pass(with_rings); i++) {
    vyre_sleep_ns(MEMLOCK_PAUSE_NS);
    error = io_uring_register_buffers(&uring->ring, iovecs, count);
  }
  if (error < 0) {
    vyre_free(copy);
    return vyre_status_context(vyre_uring_refusal(-error, "io_uring_register (BUFFERS)", with_rings),
                               "registering %u read buffers, %llu KiB", count,
                               (unsigned long long)(locked_bytes / 1024));
  }
  uring->buffers = copy;
  uring->buffer_count = count;
  return NULL;
}

static vyre_status_t check_registration(const vyre_uring_t *uring, uint64_t count) {
  if (uring->buffers)
    return vyre_status_with_fix(vyre_status_make(VYRE_E_STATE, "the io_uring has registered buffers already"),
                                "Create another ring, or register all buffers in one call.");
  if (count == 0 || count > VYRE_URING_BUFFERS_MAX)
    return vyre_status_with_fix(vyre_status_make(VYRE_E_ARGUMENT, "%llu buffers", (unsigned long long)count),
                                "Choose from 1 to %u buffers.", VYRE_URING_BUFFERS_MAX);
  return NULL;
}

vyre_status_t vyre_uring_register_buffers(vyre_uring_t *uring, const struct iovec *iovecs, uint32_t count) {
  VYRE_TRY(check_registration(uring, count));
  uint64_t locked_bytes = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint64_t begin = (uint64_t)(uintptr_t)iovecs[i].iov_base, end = begin + iovecs[i].iov_len;
    if (iovecs[i].iov_len == 0 || iovecs[i].iov_len > VYRE_URING_BUFFER_BYTES_MAX)
      return vyre_status_with_fix(vyre_status_make(VYRE_E_ARGUMENT, "buffer %u has %zu bytes", i, iovecs[i].iov_len),
                                  "Choose from 1 byte to %llu MiB for each buffer.",
                                  (unsigned long long)(VYRE_URING_BUFFER_BYTES_MAX >> 20));
    locked_bytes += ((end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1)) - (begin & ~(PAGE_BYTES - 1));
  }
  return register_locked(uring, iovecs, count, locked_bytes);
}

vyre_status_t vyre_uring_register_arena(vyre_uring_t *uring, const vyre_uring_arena_t *arena) {
  uint32_t count = vyre_uring_arena_buffer_count(arena);
  VYRE_TRY(check_registration(uring, count));
  if (vyre_uring_arena_buffer_bytes(arena) > VYRE_URING_BUFFER_BYTES_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "an arena with buffers over 1 GiB cannot be registered");
  struct iovec iovecs[VYRE_URING_BUFFERS_MAX];
  for (uint32_t i = 0; i < count; i++)
    iovecs[i] = (struct iovec){vyre_uring_arena_buffer(arena, i), (size_t)vyre_uring_arena_buffer_bytes(arena)};
  return register_locked(uring, iovecs, count, vyre_uring_arena_bytes(arena));
}

bool vyre_uring_read_fixed(vyre_uring_t *uring, int fd, uint32_t buffer, void *address, uint32_t bytes,
                           uint64_t file_offset, uint64_t user_data, vyre_uring_read_flags_t flags) {
  VYRE_ASSERT(buffer < uring->buffer_count);
  const struct iovec *fixed = &uring->buffers[buffer];
  uintptr_t skipped = (uintptr_t)address - (uintptr_t)fixed->iov_base; /* wraps when address is below */
  VYRE_ASSERT(skipped <= fixed->iov_len && bytes <= fixed->iov_len - skipped);
  VYRE_ASSERT(flags == VYRE_URING_INLINE || flags == VYRE_URING_ASYNC);
  if (uring->in_flight == uring->entries) return false;
  struct io_uring_sqe *entry = io_uring_get_sqe(&uring->ring);
  VYRE_ASSERT(entry); /* the kernel's queue has at least `entries` places, and what waits in it is in flight */
  io_uring_prep_read_fixed(entry, fd, address, bytes, file_offset, (int)buffer);
  entry->user_data = user_data;
  if (flags == VYRE_URING_ASYNC) entry->flags |= IOSQE_ASYNC;
  uring->in_flight++;
  return true;
}

vyre_status_t vyre_uring_submit(vyre_uring_t *uring) {
  while (io_uring_sq_ready(&uring->ring) > 0) {
    int result = io_uring_submit(&uring->ring);
    if (result > 0 || result == -EINTR) continue;
    /* No memory for requests, or completions unread: both pass when some are reaped, if there are any. */
    bool passes = result == 0 || result == -EAGAIN || result == -EBUSY;
    if (passes && submitted(uring) > 0) return NULL;
    return vyre_uring_refusal(passes ? ENOMEM : -result, "io_uring_enter", 0);
  }
  return NULL;
}

vyre_status_t vyre_uring_submit_and_wait(vyre_uring_t *uring, uint32_t count, uint64_t timeout_ns) {
  VYRE_TRY(vyre_uring_submit(uring));
  uint32_t possible = submitted(uring);
  if (count > possible) count = possible;
  if (io_uring_cq_ready(&uring->ring) >= count) return NULL;
  int error = wait_for(uring, count, vyre_clock_deadline_ns(timeout_ns));
  return error ? vyre_uring_refusal(error, "io_uring_enter", 0) : NULL;
}

uint32_t vyre_uring_reap(vyre_uring_t *uring, vyre_uring_completion_t *out_completions, uint32_t max) {
  uint32_t taken = 0;
  while (taken < max) {
    struct io_uring_cqe *batch[16];
    unsigned wanted = max - taken < 16 ? max - taken : 16;
    /* Enters the kernel only when nothing is ready and the kernel has flagged completions still to be run. */
    unsigned found = io_uring_peek_batch_cqe(&uring->ring, batch, wanted);
    if (found == 0) break;
    for (unsigned i = 0; i < found; i++)
      out_completions[taken++] = (vyre_uring_completion_t){batch[i]->user_data, batch[i]->res};
    io_uring_cq_advance(&uring->ring, found);
  }
  VYRE_ASSERT(taken <= uring->in_flight);
  uring->in_flight -= taken;
  return taken;
}

uint32_t vyre_uring_in_flight(const vyre_uring_t *uring) { return uring->in_flight; }

bool vyre_uring_result_is_retryable(int32_t result) { return result == -EINTR || result == -EAGAIN; }
