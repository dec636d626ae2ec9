/* Reads into registered buffers, each of which belongs to one buffer of the pump. On a host device the kernel of vyre
 * works on them in place; on a GPU the copy engine brings what was read to the same place in a mirror, in the device's
 * memory, and the reads are spread over the io threads of the operating system's kernel.
 *
 * Past the page cache goes a chunk when `direct` was asked for, or when `auto` finds that the page cache holds less
 * than half of it. A direct read asks for whole blocks, the last one of a file too; what ends elsewhere goes on through
 * the page cache. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "megakernel/session.h"
#include "stream/path.h"
#include "uring/arena.h"
#include "uring/uring.h"

enum { BLOCK_BYTES = 4096 };

typedef struct reader {
  vyre_uring_t *uring;
  vyre_uring_arena_t *arena;
  vyre_memory_t pinned; /* the arena, as the copy engine reaches it */
  vyre_stream_mirror_t mirror;
  bool is_broken; /* the kernel refused its reads: the io_uring is only destroyed any more */
} reader_t;

static reader_t *reader_of(const vyre_stream_worker_t *worker) { return worker->own; }

/* ---- which way a chunk goes ---- */

/* How many of the range's pages the page cache holds; as many as there are where the kernel (before 6.5) cannot say. */
static uint64_t count_cached(int fd, uint64_t offset, uint64_t bytes) {
  struct {
    uint64_t offset, bytes;
  } range = {offset, bytes};
  struct {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
  } counts = {0};
  enum { SYS_CACHESTAT = 451 };
  if (syscall(SYS_CACHESTAT, fd, &range, &counts, 0) != 0) return UINT64_MAX;
  return counts.cached;
}

static bool goes_direct(const vyre_stream_pump_t *pump, const vyre_stream_chunk_t *chunk) {
  const vyre_stream_file_t *file = &pump->files->files[chunk->file];
  if (file->direct_fd < 0) return false;
  if (!pump->is_auto) return pump->is_direct;
  uint64_t pages = (chunk->bytes + (uint64_t)BLOCK_BYTES - 1) / BLOCK_BYTES;
  return count_cached(file->fd, chunk->offset, chunk->bytes) < pages / 2;
}

/* ---- reads ---- */

static void request_read(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  reader_t *reader = reader_of(worker);
  uint32_t index = vyre_stream_index_of(worker, buffer);
  const vyre_stream_chunk_t *chunk = &buffer->chunk;
  const vyre_stream_file_t *file = &pump->files->files[chunk->file];
  uint32_t bytes = chunk->bytes - buffer->filled;
  if (buffer->is_direct) bytes = (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
  bool has_room = vyre_uring_read_fixed(reader->uring, buffer->is_direct ? file->direct_fd : file->fd, index,
                                        vyre_uring_arena_buffer(reader->arena, index) + buffer->filled, bytes,
                                        chunk->offset + buffer->filled, index,
                                        pump->copy_ops || buffer->is_direct ? VYRE_URING_ASYNC : VYRE_URING_INLINE);
  VYRE_ASSERT(has_room); /* the ring has an entry per buffer */
}

static bool begin(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  if (reader_of(worker)->is_broken) return false;
  buffer->is_direct = goes_direct(pump, &buffer->chunk);
  request_read(pump, worker, buffer);
  return true;
}

/* The file ends before the size it had: somebody cut it, or its size was never true, as in /sys. */
static vyre_status_t early_end(const vyre_stream_file_t *file) {
  struct stat now;
  if (fstat(file->fd, &now) == 0 && (uint64_t)now.st_size == file->bytes)
    return vyre_status_with_fix(
        vyre_status_make(VYRE_E_NOT_A_FILE, "it ends here though its size says %llu bytes, as in /sys",
                         (unsigned long long)file->bytes),
        "Copy it first (`cat %s >FILE`) and name the copy.", file->path);
  return vyre_status_make(VYRE_E_FILE_CHANGED, "it ends here; it had %llu bytes when it was opened",
                          (unsigned long long)file->bytes);
}

/* The chunk is in the arena. */
static void deliver(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  reader_t *reader = reader_of(worker);
  const void *from = vyre_uring_arena_buffer(reader->arena, vyre_stream_index_of(worker, buffer));
  if (pump->copy_ops)
    vyre_stream_mirror_begin(pump, worker, &reader->mirror, buffer, from);
  else
    vyre_stream_arrive(pump, worker, buffer);
}

static vyre_status_t direct_refused(const vyre_stream_file_t *file) {
  return vyre_status_with_fix(
      vyre_status_make(VYRE_E_UNSUPPORTED,
                       "direct read: this file system reads no blocks of %d bytes past the page cache", BLOCK_BYTES),
      "Use --ingest fixed, or auto, for %s.", file->path);
}

/* A read has ended: goes on after a short one, delivers a full chunk, ends the stream on an error. */
static void finish_read(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer,
                        int32_t result) {
  const vyre_stream_chunk_t *chunk = &buffer->chunk;
  const vyre_stream_file_t *file = &pump->files->files[chunk->file];
  if (vyre_uring_result_is_retryable(result)) {
    request_read(pump, worker, buffer);
    return;
  }
  vyre_status_t status = NULL;
  if (result < 0 && vyre_session_has_ended(pump->session))
    /* The kernel fails what it still had to do on a thread that is gone: EFAULT, or ECANCELED. */
    status = vyre_status_make(VYRE_E_STOPPED, "the session ended during a read");
  else if (result == -ECANCELED)
    /* Nobody has cancelled it: the kernel found no thread to make it on. */
    status = vyre_status_make(VYRE_E_THREADS, "read: the kernel cannot start a thread for io_uring");
  else if (result == -EINVAL && buffer->is_direct)
    status = direct_refused(file);
  else if (result < 0)
    status = vyre_status_from_errno(-result, VYRE_E_IO, "read");
  else if (result == 0)
    status = early_end(file);
  if (status) {
    vyre_stream_lose(pump, buffer, buffer->filled, status);
    return;
  }
  uint32_t wanted = chunk->bytes - buffer->filled, got = (uint32_t)result < wanted ? (uint32_t)result : wanted;
  atomic_fetch_add(buffer->is_direct ? &pump->bytes_direct : &pump->bytes_cached, got);
  buffer->filled += got;
  if (buffer->filled % BLOCK_BYTES) buffer->is_direct = false;
  if (buffer->filled < chunk->bytes)
    request_read(pump, worker, buffer);
  else
    deliver(pump, worker, buffer);
}

static uint32_t reap_reads(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  vyre_uring_completion_t completions[16];
  uint32_t total = 0, count;
  while ((count = vyre_uring_reap(reader_of(worker)->uring, completions, 16)) > 0) {
    for (uint32_t i = 0; i < count; i++)
      finish_read(pump, worker, &worker->buffers[completions[i].user_data], completions[i].result);
    total += count;
  }
  return total;
}

static bool is_copying(const reader_t *reader, uint32_t index) {
  for (uint64_t i = reader->mirror.ended; i < reader->mirror.begun; i++)
    if (reader->mirror.copying[i % VYRE_STREAM_DEPTH_MAX] == index) return true;
  return false;
}

/* The kernel takes no more reads of this worker: those it was asked for are given up. Its ring ends them before their
 * memory goes, in deinit. */
static void give_reads_up(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_status_t status) {
  reader_t *reader = reader_of(worker);
  reader->is_broken = true;
  for (uint32_t i = 0; i < pump->depth; i++) {
    vyre_stream_buffer_t *buffer = &worker->buffers[i];
    if (buffer->state != VYRE_BUFFER_COMING || is_copying(reader, i)) continue;
    vyre_stream_lose(pump, buffer, buffer->filled, status);
    status = NULL;
  }
  VYRE_ASSERT(!status); /* something was to be read, or nothing would have been submitted */
}

static bool has_reads(const vyre_stream_worker_t *worker) {
  const reader_t *reader = reader_of(worker);
  return !reader->is_broken && vyre_uring_in_flight(reader->uring);
}

static void submit(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  if (!has_reads(worker)) return;
  vyre_status_t status = vyre_uring_submit(reader_of(worker)->uring);
  if (status) give_reads_up(pump, worker, status);
}

static uint32_t progress(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  uint32_t work = has_reads(worker) ? reap_reads(pump, worker) : 0;
  if (pump->copy_ops) work += vyre_stream_mirror_reap(pump, worker, &reader_of(worker)->mirror, NULL);
  return work;
}

static bool wait(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, uint64_t timeout_ns) {
  if (!has_reads(worker)) return false;
  vyre_status_t status = vyre_uring_submit_and_wait(reader_of(worker)->uring, 1, timeout_ns);
  if (status) give_reads_up(pump, worker, status);
  return true;
}

static uint64_t place(const vyre_stream_pump_t *pump, const vyre_stream_worker_t *worker,
                      const vyre_stream_buffer_t *buffer) {
  (void)pump;
  return vyre_stream_index_of(worker, buffer) * vyre_uring_arena_buffer_bytes(reader_of(worker)->arena);
}

/* ---- life ---- */

/* The kernel works on the arena itself, or on a mirror of it in the device's memory. */
static vyre_status_t init_window(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  reader_t *reader = reader_of(worker);
  uint8_t *memory = vyre_uring_arena_buffer(reader->arena, 0);
  uint64_t bytes = vyre_uring_arena_bytes(reader->arena);
  if (!pump->copy_ops) return vyre_session_window_bind(pump->session, memory, bytes, &worker->window);
  vyre_device_t *device = vyre_session_device(pump->session);
  VYRE_TRY(vyre_stream_mirror_init(pump, worker, &reader->mirror, vyre_uring_arena_buffer_bytes(reader->arena)));
  return device->ops->bind(device, memory, bytes, &reader->pinned);
}

static vyre_status_t init(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  enum { HUGE_FROM_BYTES = 2 << 20 };
  uint32_t chunk_bytes = pump->files->chunk_bytes;
  reader_t *reader = worker->own = vyre_calloc(1, sizeof *reader);
  if (!reader) return vyre_out_of_memory(sizeof *reader);
  VYRE_TRY(vyre_uring_arena_create(chunk_bytes, pump->depth, chunk_bytes >= HUGE_FROM_BYTES, &reader->arena));
  VYRE_TRY(vyre_uring_create(&(vyre_uring_params_t){.entries = pump->depth}, &reader->uring));
  VYRE_TRY(vyre_uring_register_arena(reader->uring, reader->arena));
  return init_window(pump, worker);
}

static void deinit(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  reader_t *reader = reader_of(worker);
  if (!reader) return;
  vyre_stream_mirror_deinit(pump, &reader->mirror);
  vyre_uring_destroy(&reader->uring);
  vyre_device_t *device = vyre_session_device(pump->session);
  device->ops->release(device, &reader->pinned);
  vyre_uring_arena_destroy(&reader->arena);
  vyre_free(reader);
  worker->own = NULL;
}

/* What both have; a path that copies keeps all of its buffers in flight. */
#define READ_PATH \
  .init = init, .deinit = deinit, .begin = begin, .submit = submit, .progress = progress, .wait = wait, .place = place
const vyre_stream_path_t vyre_stream_path_read = {READ_PATH};
const vyre_stream_path_t vyre_stream_path_read_copied = {READ_PATH, .begins_all = true};
