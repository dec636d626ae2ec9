#include "stream/pump.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"
#include "ir/frame.h"
#include "megakernel/protocol.h"
#include "megakernel/session.h"
#include "uring/facts.h"

static vyre_stream_pump_t *of_base(vyre_pump_t *base) { return (vyre_stream_pump_t *)(void *)base; }

/* ---- the end ---- */

static void check_finished(vyre_stream_pump_t *pump) {
  if (!atomic_load(&pump->is_exhausted) || atomic_load(&pump->busy) != 0) return;
  uint64_t unset = 0;
  atomic_compare_exchange_strong(&pump->end_ns, &unset, vyre_clock_ns());
  pthread_mutex_lock(&pump->lock);
  atomic_store(&pump->is_finished, true);
  pthread_cond_broadcast(&pump->finished);
  pthread_mutex_unlock(&pump->lock);
}

static void fail(vyre_stream_pump_t *pump, vyre_status_t status) {
  pthread_mutex_lock(&pump->lock);
  if (atomic_exchange(&pump->has_failed, true))
    vyre_status_destroy(&status);
  else
    pump->failure = status;
  pthread_mutex_unlock(&pump->lock);
  atomic_store(&pump->is_exhausted, true);
}

/* Says where in which file, and how far the stream had come. The place of a fault is one in the Program; the file's
 * stands in the context then. */
static vyre_status_t locate(const vyre_stream_pump_t *pump, const vyre_stream_chunk_t *chunk, uint32_t within,
                            vyre_status_t status) {
  const char *path = pump->files->files[chunk->file].path;
  unsigned long long at = chunk->offset + within;
  status =
      vyre_status_context(status, "streaming %s, byte %llu: %llu of %llu bytes were finished", path, at,
                          (unsigned long long)atomic_load(&pump->bytes_done), (unsigned long long)pump->files->bytes);
  return *vyre_status_where(status) ? status : vyre_status_at(status, "%s, byte %llu", path, at);
}

static void release(vyre_stream_pump_t *pump, vyre_stream_buffer_t *buffer) {
  buffer->state = VYRE_BUFFER_FREE;
  atomic_fetch_sub(&pump->busy, 1);
  check_finished(pump);
}

/* ---- one buffer ---- */

static uint32_t index_of(const vyre_stream_worker_t *worker, const vyre_stream_buffer_t *buffer) {
  return (uint32_t)(buffer - worker->buffers);
}

/* A chunk that failed is never published, and those behind it are not either. */
static bool must_wait(vyre_stream_pump_t *pump, vyre_stream_buffer_t *buffer) {
  if (!pump->needs_order) return false;
  if (atomic_load(&pump->has_failed)) {
    release(pump, buffer);
    return true;
  }
  if (buffer->chunk.number == pump->next_published) return false;
  buffer->state = VYRE_BUFFER_READY;
  return true;
}

static void publish(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  const vyre_stream_chunk_t *chunk = &buffer->chunk;
  if (must_wait(pump, buffer)) return;
  uint64_t at = index_of(worker, buffer) * vyre_uring_arena_buffer_bytes(worker->arena);
  vyre_slot_t slot = {.opcode = pump->opcode, .priority = pump->needs_order ? 0 : 2};
  slot.arg[VYRE_ARG_DATA_WINDOW] = worker->window;
  slot.arg[VYRE_ARG_DATA_OFFSET_LOW] = (uint32_t)at;
  slot.arg[VYRE_ARG_DATA_OFFSET_HIGH] = (uint32_t)(at >> 32);
  slot.arg[VYRE_ARG_DATA_BYTES] = chunk->bytes;
  slot.arg[VYRE_ARG_STREAM_OFFSET_LOW] = (uint32_t)chunk->offset;
  slot.arg[VYRE_ARG_STREAM_OFFSET_HIGH] = (uint32_t)(chunk->offset >> 32);
  slot.arg[VYRE_ARG_FLAGS] = chunk->is_last ? VYRE_FRAME_IS_LAST : 0;
  slot.arg[VYRE_ARG_OUTPUT_WINDOW] = pump->output_window;
  vyre_status_t status = vyre_session_submit(pump->session, &slot, 0, &buffer->ticket);
  if (!status) {
    buffer->state = VYRE_BUFFER_RUNNING;
    if (pump->needs_order) pump->next_published++; /* else several workers publish, and none may write here */
    atomic_fetch_add(&pump->slots, 1);
  } else if (vyre_status_code(status) == VYRE_E_RING_FULL) {
    vyre_status_destroy(&status);
    buffer->state = VYRE_BUFFER_READY; /* again at the next call */
  } else {
    fail(pump, locate(pump, chunk, 0, status));
    release(pump, buffer);
  }
}

/* ---- copies into the device's memory ---- */

static void begin_copy(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  uint32_t index = index_of(worker, buffer);
  uint64_t at = index * vyre_uring_arena_buffer_bytes(worker->arena);
  vyre_status_t status = pump->copy_ops->submit(worker->copies, worker->mirror + at,
                                                vyre_uring_arena_buffer(worker->arena, index), buffer->chunk.bytes);
  if (status) {
    fail(pump, locate(pump, &buffer->chunk, 0, status));
    release(pump, buffer);
    return;
  }
  buffer->state = VYRE_BUFFER_COPYING;
  worker->copying[worker->copies_begun++ % VYRE_STREAM_DEPTH_MAX] = index;
}

/* Publishes what has arrived. A device that is lost ends no copies: they are given up. */
static uint32_t reap_copies(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  if (worker->copies_ended == worker->copies_begun) return 0;
  uint64_t ended = worker->copies_ended;
  vyre_status_t status = pump->copy_ops->ended(worker->copies, &ended);
  if (status) ended = worker->copies_begun;
  uint32_t count = 0;
  for (; worker->copies_ended < ended; worker->copies_ended++, count++) {
    vyre_stream_buffer_t *buffer = &worker->buffers[worker->copying[worker->copies_ended % VYRE_STREAM_DEPTH_MAX]];
    if (!status && !atomic_load(&pump->has_failed)) {
      publish(pump, worker, buffer);
      continue;
    }
    if (status) fail(pump, locate(pump, &buffer->chunk, 0, status));
    status = NULL;
    release(pump, buffer);
  }
  return count;
}

/* The chunk is in the arena. */
static void deliver(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  if (pump->copy_ops && buffer->chunk.bytes)
    begin_copy(pump, worker, buffer);
  else
    publish(pump, worker, buffer);
}

/* ---- reads ---- */

static void request_read(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  uint32_t index = index_of(worker, buffer);
  const vyre_stream_chunk_t *chunk = &buffer->chunk;
  bool has_room = vyre_uring_read_fixed(worker->uring, pump->files->files[chunk->file].fd, index,
                                        vyre_uring_arena_buffer(worker->arena, index) + buffer->filled,
                                        chunk->bytes - buffer->filled, chunk->offset + buffer->filled, index,
                                        pump->copy_ops ? VYRE_URING_ASYNC : VYRE_URING_INLINE);
  VYRE_ASSERT(has_room); /* the ring has an entry per buffer */
  buffer->state = VYRE_BUFFER_READING;
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

/* A read has ended: goes on after a short one, publishes a full chunk, ends the stream on an error. */
static void finish_read(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer,
                        int32_t result) {
  const vyre_stream_chunk_t *chunk = &buffer->chunk;
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
  else if (result < 0)
    status = vyre_status_from_errno(-result, VYRE_E_IO, "read");
  else if (result == 0)
    status = early_end(&pump->files->files[chunk->file]);
  if (status) {
    fail(pump, locate(pump, chunk, buffer->filled, status));
    release(pump, buffer);
    return;
  }
  buffer->filled += (uint32_t)result;
  if (buffer->filled < chunk->bytes)
    request_read(pump, worker, buffer);
  else
    deliver(pump, worker, buffer);
}

/* True when the slot has completed. */
static bool take_slot(vyre_stream_pump_t *pump, vyre_stream_buffer_t *buffer) {
  bool is_done = false;
  vyre_completion_t completion;
  vyre_status_t status = vyre_session_poll(pump->session, buffer->ticket, &is_done, &completion);
  if (!status && !is_done) return false;
  if (!status) {
    status = vyre_completion_status(pump->session, pump->opcode, &completion);
    if (status)
      atomic_fetch_add(&pump->faults, 1);
    else
      atomic_fetch_add(&pump->bytes_done, buffer->chunk.bytes);
  }
  if (status) fail(pump, locate(pump, &buffer->chunk, 0, status));
  release(pump, buffer);
  return true;
}

/* ---- the pump ---- */

static uint32_t reap_reads(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  vyre_uring_completion_t completions[16];
  uint32_t total = 0, count;
  while ((count = vyre_uring_reap(worker->uring, completions, 16)) > 0) {
    for (uint32_t i = 0; i < count; i++)
      finish_read(pump, worker, &worker->buffers[completions[i].user_data], completions[i].result);
    total += count;
  }
  return total;
}

/* The kernel takes no more reads of this worker: those it was asked for are given up. Its ring ends them before their
 * memory goes, in deinit. */
static void give_reads_up(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_status_t status) {
  worker->is_broken = true;
  for (uint32_t i = 0; i < pump->depth; i++) {
    vyre_stream_buffer_t *buffer = &worker->buffers[i];
    if (buffer->state != VYRE_BUFFER_READING) continue;
    if (status) fail(pump, locate(pump, &buffer->chunk, buffer->filled, status));
    status = NULL;
    release(pump, buffer);
  }
  VYRE_ASSERT(!status); /* something was to be read, or nothing would have been submitted */
}

static void submit_reads(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  vyre_status_t status = vyre_uring_submit(worker->uring);
  if (status) give_reads_up(pump, worker, status);
}

static bool has_reads(const vyre_stream_worker_t *worker) {
  return !worker->is_broken && vyre_uring_in_flight(worker->uring);
}

/* Gives the next chunk to a free buffer; false when there is none. */
static bool begin_chunk(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  if (atomic_load_explicit(&pump->is_exhausted, memory_order_relaxed)) return false;
  /* Busy first, then the look: whoever ends the stream meanwhile either is seen here or sees this buffer. */
  atomic_fetch_add(&pump->busy, 1);
  if (atomic_load(&pump->is_exhausted) || !vyre_stream_files_next(pump->files, &buffer->chunk)) {
    atomic_store(&pump->is_exhausted, true);
    atomic_fetch_sub(&pump->busy, 1);
    check_finished(pump);
    return false;
  }
  buffer->filled = 0;
  if (buffer->chunk.bytes == 0)
    publish(pump, worker, buffer);
  else
    request_read(pump, worker, buffer);
  return true;
}

/* Where the reads are made by other threads: every free buffer gets one. */
static uint32_t fill_buffers(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  uint32_t begun = 0;
  for (uint32_t i = 0; i < pump->depth && !worker->is_broken; i++)
    if (worker->buffers[i].state == VYRE_BUFFER_FREE) {
      if (!begin_chunk(pump, worker, &worker->buffers[i])) break;
      begun++;
    }
  if (has_reads(worker)) submit_reads(pump, worker);
  return begun;
}

static uint32_t run_once(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  if (atomic_load_explicit(&pump->is_finished, memory_order_acquire)) return 0;
  if (atomic_load_explicit(&pump->stop_requested, memory_order_relaxed)) {
    atomic_store(&pump->is_exhausted, true);
    check_finished(pump);
  }
  uint32_t work = 0;
  for (uint32_t i = 0; i < pump->depth; i++) {
    vyre_stream_buffer_t *buffer = &worker->buffers[i];
    if (buffer->state == VYRE_BUFFER_RUNNING) work += take_slot(pump, buffer);
    if (buffer->state == VYRE_BUFFER_READY) {
      publish(pump, worker, buffer);
      work += buffer->state != VYRE_BUFFER_READY;
    }
  }
  if (has_reads(worker)) work += reap_reads(pump, worker);
  if (pump->copy_ops) return work + reap_copies(pump, worker) + fill_buffers(pump, worker);
  for (uint32_t i = 0; i < pump->depth && work == 0; i++) {
    vyre_stream_buffer_t *buffer = &worker->buffers[i];
    if (buffer->state != VYRE_BUFFER_FREE) continue;
    if (!begin_chunk(pump, worker, buffer)) break;
    if (buffer->state != VYRE_BUFFER_READING) {
      work++;
      break;
    }
    submit_reads(pump, worker);
    if (has_reads(worker)) work += reap_reads(pump, worker);
  }
  /* Reads that finish_read asked for again. */
  if (has_reads(worker)) submit_reads(pump, worker);
  return work;
}

static uint32_t run(vyre_pump_t *base, uint32_t index) {
  vyre_stream_pump_t *pump = of_base(base);
  vyre_stream_worker_t *worker = &pump->workers[index];
  uint32_t work = run_once(pump, worker);
  if (work) worker->idle_since_ns = 0;
  return work;
}

/* Copies and slots end without a word to this thread: while they come along it looks for them all the time. */
static bool is_hot(const vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  enum { HOT_NS = 200000 };
  if (!pump->copy_ops) return false;
  uint64_t now_ns = vyre_clock_ns();
  if (!worker->idle_since_ns) worker->idle_since_ns = now_ns;
  return atomic_load(&pump->busy) && now_ns - worker->idle_since_ns < HOT_NS;
}

static bool wait(vyre_pump_t *base, uint32_t index, uint64_t timeout_ns) {
  vyre_stream_pump_t *pump = of_base(base);
  vyre_stream_worker_t *worker = &pump->workers[index];
  if (is_hot(pump, worker)) {
    vyre_cpu_relax();
    return true;
  }
  if (!has_reads(worker)) return false;
  vyre_status_t status = vyre_uring_submit_and_wait(worker->uring, 1, timeout_ns);
  if (status) give_reads_up(pump, worker, status);
  return true;
}

/* ---- life ---- */

/* The kernel works on the arena itself, or on a mirror of it in the device's memory. */
static vyre_status_t init_window(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  uint8_t *memory = vyre_uring_arena_buffer(worker->arena, 0);
  uint64_t bytes = vyre_uring_arena_bytes(worker->arena);
  if (!pump->copy_ops) return vyre_session_window_bind(pump->session, memory, bytes, &worker->window);
  vyre_device_t *device = vyre_session_device(pump->session);
  vyre_memory_t mirror;
  VYRE_TRY(vyre_session_window_allocate(pump->session, VYRE_MEMORY_DEVICE, bytes, &worker->window, &mirror));
  worker->mirror = mirror.address;
  VYRE_TRY(device->ops->bind(device, memory, bytes, &worker->pinned));
  return pump->copy_ops->create(device, pump->depth, &worker->copies);
}

static vyre_status_t init_worker(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  enum { HUGE_FROM_BYTES = 2 << 20 };
  uint32_t chunk_bytes = pump->files->chunk_bytes;
  VYRE_TRY(vyre_uring_arena_create(chunk_bytes, pump->depth, chunk_bytes >= HUGE_FROM_BYTES, &worker->arena));
  VYRE_TRY(vyre_uring_create(&(vyre_uring_params_t){.entries = pump->depth}, &worker->uring));
  VYRE_TRY(vyre_uring_register_arena(worker->uring, worker->arena));
  return init_window(pump, worker);
}

/* The first ring that is refused knows of its own need only: says what all workers need together, beside what this
 * process has locked before (`index` workers of this stream among it) and, where that would do, what others have. */
static vyre_status_t tell_memlock(const vyre_stream_pump_t *pump, uint32_t index, vyre_status_t status) {
  enum { RING_KIB = 64 }; /* more than a ring of these entries locks */
  uint64_t buffers_kib = (uint64_t)pump->files->chunk_bytes * pump->depth >> 10;
  uint64_t kib = (buffers_kib + RING_KIB) * pump->worker_count;
  vyre_uring_facts_t facts;
  vyre_uring_facts_read(&facts);
  uint64_t pinned_kib = facts.pinned_bytes >> 10, own_kib = buffers_kib * index, limit_kib = facts.memlock_bytes >> 10;
  if (pinned_kib > own_kib) kib += pinned_kib - own_kib;
  bool others = kib <= limit_kib; /* the limit is one for all processes of a user */
  if (others) kib += limit_kib;
  return vyre_status_with_fix(
      status, "Raise the limit to %llu KiB%s%s (`ulimit -l %llu`, or LimitMEMLOCK=%lluK of the service), or lower %s.",
      (unsigned long long)kib, others ? ", since other processes of this user have locked part of it" : "",
      kib > facts.memlock_bytes_hard >> 10 ? ", as root since the hard limit is lower" : "", (unsigned long long)kib,
      (unsigned long long)kib, pump->copy_ops ? "--chunk or --depth" : "--chunk, --depth or --workers");
}

vyre_status_t vyre_stream_pump_init(vyre_stream_pump_t *pump) {
  pump->base = (vyre_pump_t){.run = run, .wait = wait};
  pthread_mutex_init(&pump->lock, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&pump->finished, &attributes);
  pthread_condattr_destroy(&attributes);
  pump->workers = vyre_calloc(pump->worker_count, sizeof *pump->workers);
  if (!pump->workers) return vyre_out_of_memory(pump->worker_count * sizeof *pump->workers);
  for (uint32_t i = 0; i < pump->worker_count; i++) {
    vyre_status_t status = init_worker(pump, &pump->workers[i]);
    if (!status) continue;
    if (vyre_status_code(status) == VYRE_E_MEMLOCK) status = tell_memlock(pump, i, status);
    return vyre_status_context(status, "setting up the buffers of worker %u of %u", i, pump->worker_count);
  }
  return NULL;
}

void vyre_stream_pump_deinit(vyre_stream_pump_t *pump) {
  VYRE_ASSERT(atomic_load(&pump->busy) == 0);
  for (uint32_t i = 0; pump->workers && i < pump->worker_count; i++) {
    vyre_stream_worker_t *worker = &pump->workers[i];
    if (worker->copies) pump->copy_ops->destroy(worker->copies);
    if (worker->window) {
      vyre_status_t status = vyre_session_window_remove(pump->session, worker->window);
      /* A GPU may refuse: then the window, which is memory of the session's own, stays until the session's end. */
      VYRE_ASSERT(!status || pump->copy_ops);
      vyre_status_destroy(&status);
    }
    vyre_uring_destroy(&worker->uring);
    vyre_device_t *device = vyre_session_device(pump->session);
    device->ops->release(device, &worker->pinned);
    vyre_uring_arena_destroy(&worker->arena);
  }
  vyre_free(pump->workers);
  vyre_status_destroy(&pump->failure);
  pthread_cond_destroy(&pump->finished);
  pthread_mutex_destroy(&pump->lock);
}
