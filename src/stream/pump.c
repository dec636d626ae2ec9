#include "stream/pump.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"
#include "ir/frame.h"
#include "megakernel/protocol.h"
#include "megakernel/session.h"
#include "stream/path.h"
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

void vyre_stream_hold(vyre_stream_pump_t *pump) { atomic_fetch_add(&pump->busy, 1); }

void vyre_stream_let_go(vyre_stream_pump_t *pump, const vyre_stream_chunk_t *chunk, vyre_status_t status) {
  if (status) {
    pthread_mutex_lock(&pump->lock);
    if (pump->failure) {
      pump->failure = vyre_status_because(pump->failure, status);
      status = NULL;
    }
    pthread_mutex_unlock(&pump->lock);
  }
  if (status) fail(pump, locate(pump, chunk, 0, status));
  atomic_fetch_sub(&pump->busy, 1);
  check_finished(pump);
}

void vyre_stream_lose(vyre_stream_pump_t *pump, vyre_stream_buffer_t *buffer, uint32_t within, vyre_status_t status) {
  if (status) fail(pump, locate(pump, &buffer->chunk, within, status));
  release(pump, buffer);
}

/* ---- one buffer ---- */

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
  uint64_t at = chunk->bytes ? pump->path->place(pump, worker, buffer) : 0;
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

void vyre_stream_arrive(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  publish(pump, worker, buffer);
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

/* Gives the next chunk to a free buffer; false when there is none, or the path takes none. */
static bool begin_chunk(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  if (buffer->has_waiting) {
    buffer->has_waiting = false;
    if (atomic_load(&pump->has_failed)) {
      release(pump, buffer);
      return false;
    }
  } else {
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
  }
  buffer->state = VYRE_BUFFER_COMING;
  if (buffer->chunk.bytes == 0) {
    publish(pump, worker, buffer);
    return true;
  }
  if (pump->path->begin(pump, worker, buffer)) return true;
  buffer->state = VYRE_BUFFER_FREE;
  buffer->has_waiting = true;
  return false;
}

static void submit(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  if (pump->path->submit) pump->path->submit(pump, worker);
}

/* The chunk that the path could not take, first: chunks begin in their order. False: it has to wait on. */
static bool begin_waiting(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, uint32_t *begun) {
  for (uint32_t i = 0; i < pump->depth; i++) {
    if (!worker->buffers[i].has_waiting) continue;
    *begun += begin_chunk(pump, worker, &worker->buffers[i]);
    return !worker->buffers[i].has_waiting;
  }
  return true;
}

/* Where bytes come beside this thread: every free buffer gets a chunk. */
static uint32_t fill_buffers(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  uint32_t begun = 0;
  bool goes_on = begin_waiting(pump, worker, &begun);
  for (uint32_t i = 0; i < pump->depth && goes_on; i++) {
    if (worker->buffers[i].state != VYRE_BUFFER_FREE) continue;
    if (!begin_chunk(pump, worker, &worker->buffers[i])) break;
    begun++;
  }
  submit(pump, worker);
  return begun;
}

/* One chunk, for as long as nothing has come of it at once. */
static uint32_t fill_one(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  uint32_t work = 0;
  for (uint32_t i = 0; i < pump->depth && work == 0; i++) {
    vyre_stream_buffer_t *buffer = &worker->buffers[i];
    if (buffer->state != VYRE_BUFFER_FREE) continue;
    if (!begin_chunk(pump, worker, buffer)) break;
    if (buffer->state != VYRE_BUFFER_COMING) return 1;
    submit(pump, worker);
    work += pump->path->progress(pump, worker);
  }
  submit(pump, worker); /* what was asked for again */
  return work;
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
  work += pump->path->progress(pump, worker);
  if (pump->path->begins_all) return work + fill_buffers(pump, worker);
  if (work == 0) return fill_one(pump, worker);
  submit(pump, worker);
  return work;
}

static uint32_t run(vyre_pump_t *base, uint32_t index) {
  vyre_stream_pump_t *pump = of_base(base);
  vyre_stream_worker_t *worker = &pump->workers[index];
  uint32_t work = run_once(pump, worker);
  if (work) worker->idle_since_ns = 0;
  return work;
}

/* Copies and slots of a GPU end without a word to this thread: while they come along it looks for them all the time. */
static bool is_hot(const vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  enum { HOT_NS = 200000 };
  if (!pump->copy_ops || pump->path->sleeps) return false;
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
  return pump->path->wait && pump->path->wait(pump, worker, timeout_ns);
}

/* ---- life ---- */

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
    vyre_status_t status = pump->path->init(pump, &pump->workers[i]);
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
    pump->path->deinit(pump, worker);
    if (!worker->window) continue;
    vyre_status_t status = vyre_session_window_remove(pump->session, worker->window);
    /* A GPU may refuse: then the window, which is memory of the session's own, stays until the session's end. */
    VYRE_ASSERT(!status || pump->copy_ops);
    vyre_status_destroy(&status);
  }
  vyre_free(pump->workers);
  vyre_status_destroy(&pump->failure);
  pthread_cond_destroy(&pump->finished);
  pthread_mutex_destroy(&pump->lock);
}
