/* Buffers of the host's memory with an io_uring of their own, in which they are registered. */
#include <errno.h>

#include "base/assert.h"
#include "device/buffer.h"
#include "uring/uring.h"

enum { PIECE_BYTES = 1 << 20, ENTRIES = 16 };

static void close_reader(vyre_buffer_t *buffer) {
  vyre_uring_t *uring = buffer->reader;
  vyre_uring_destroy(&uring);
  buffer->reader = NULL;
}

/* What one call of read_file asks for. */
typedef struct reads {
  vyre_uring_t *uring;
  uint8_t *to;
  int fd;
  uint64_t file_offset, bytes;
  uint64_t next; /* the first byte that nothing was asked for */
  uint64_t end;  /* the first that the file does not have */
  int error;
} reads_t;

static void ask(const reads_t *r, uint64_t at, uint64_t piece_end) {
  bool has_room = vyre_uring_read_fixed(r->uring, r->fd, 0, r->to + at, (uint32_t)(piece_end - at), r->file_offset + at,
                                        at, VYRE_URING_ASYNC);
  VYRE_ASSERT(has_room);
}

static uint64_t piece_end(const reads_t *r, uint64_t at) {
  uint64_t end = at / PIECE_BYTES * PIECE_BYTES + PIECE_BYTES;
  return end < r->bytes ? end : r->bytes;
}

/* A short read goes on where it ended; the end of the file ends what is behind it. */
static void take(reads_t *r, const vyre_uring_completion_t *completion) {
  uint64_t at = completion->user_data, end = piece_end(r, at);
  if (vyre_uring_result_is_retryable(completion->result)) {
    ask(r, at, end);
  } else if (completion->result < 0) {
    if (!r->error) r->error = -completion->result;
  } else if (completion->result == 0) {
    if (at < r->end) r->end = at;
  } else if (at + (uint64_t)completion->result < end) {
    ask(r, at + (uint64_t)completion->result, end);
  }
}

static vyre_status_t read_all(reads_t *r) {
  while (!r->error && (r->next < r->end || vyre_uring_in_flight(r->uring))) {
    for (; r->next < r->end && vyre_uring_in_flight(r->uring) < ENTRIES; r->next = piece_end(r, r->next))
      ask(r, r->next, piece_end(r, r->next));
    VYRE_TRY(vyre_uring_submit_and_wait(r->uring, 1, UINT64_MAX));
    vyre_uring_completion_t completions[ENTRIES];
    uint32_t count = vyre_uring_reap(r->uring, completions, ENTRIES);
    for (uint32_t i = 0; i < count; i++) take(r, &completions[i]);
  }
  while (vyre_uring_in_flight(r->uring)) { /* after an error: nothing is written behind the caller's back */
    VYRE_TRY(vyre_uring_submit_and_wait(r->uring, 1, UINT64_MAX));
    vyre_uring_completion_t completions[ENTRIES];
    vyre_uring_reap(r->uring, completions, ENTRIES);
  }
  return r->error ? vyre_status_from_errno(r->error, VYRE_E_IO, "read") : NULL;
}

static vyre_status_t read_file(vyre_buffer_t *buffer, uint64_t offset, int fd, uint64_t file_offset, uint64_t bytes,
                               uint64_t *out_read) {
  reads_t r = {.uring = buffer->reader,
               .to = buffer->memory.host + offset,
               .fd = fd,
               .file_offset = file_offset,
               .bytes = bytes,
               .end = bytes};
  VYRE_TRY(read_all(&r));
  *out_read = r.end;
  return NULL;
}

vyre_status_t vyre_gpu_mapped_buffer(vyre_device_t *device, uint64_t bytes, vyre_buffer_t **out_buffer) {
  if (bytes > VYRE_URING_BUFFER_BYTES_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT,
                            "a mapped buffer of %llu bytes; the operating system registers 1 GiB at most",
                            (unsigned long long)bytes);
  vyre_buffer_t *buffer;
  VYRE_TRY(vyre_buffer_allocate(device, VYRE_MEMORY_HOST, bytes, &buffer));
  vyre_uring_t *uring = NULL;
  struct iovec all = {buffer->memory.host, bytes};
  vyre_status_t status = vyre_uring_create(&(vyre_uring_params_t){.entries = ENTRIES}, &uring);
  if (!status) status = vyre_uring_register_buffers(uring, &all, 1);
  if (status) {
    vyre_uring_destroy(&uring);
    vyre_buffer_destroy(&buffer);
    return status;
  }
  buffer->reader = uring;
  buffer->read_file = read_file;
  buffer->close_reader = close_reader;
  *out_buffer = buffer;
  return NULL;
}
