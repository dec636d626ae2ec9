/* The copies of the baseline: from pinned memory, and pread by threads. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "base/clock.h"
#include "device/cuda/baseline_state.h"

/* Of the file, in pinned memory; and of one copy out of it. */
#define STAGING_BYTES_MAX (UINT64_C(256) << 20)
#define COPY_BYTES (UINT64_C(64) << 20)

static vyre_status_t read_all(int fd, void *to, size_t size, uint64_t offset) {
  for (size_t done = 0; done < size;) {
    ssize_t got = pread(fd, (char *)to + done, size - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return vyre_status_from_errno(errno, VYRE_E_IO, "pread at %llu", (unsigned long long)(offset + done));
    if (got == 0)
      return vyre_status_make(VYRE_E_FILE_CHANGED, "the file ended at %llu", (unsigned long long)(offset + done));
    done += (size_t)got;
  }
  return NULL;
}

vyre_status_t vyre_cuda_baseline_memory(vyre_cuda_baseline_t *b, uint64_t bytes) {
  vyre_status_t status = vyre_cuda_status(b->cuda, b->cuda->MemAlloc(&b->memory, bytes), "cuMemAlloc");
  if (status)
    return vyre_status_with_fix(
        status, "Lower --bytes, or name a smaller --file: the baselines keep all %llu MiB of it on the GPU.",
        (unsigned long long)(bytes >> 20));
  b->memory_bytes = bytes;
  return NULL;
}

/* Done when it returns: a set may otherwise still run while the copies do. */
static vyre_status_t clear_memory(vyre_cuda_baseline_t *b) {
  VYRE_CUDA_TRY(b->cuda, MemsetD8, (b->memory, 0, b->memory_bytes));
  VYRE_CUDA_TRY(b->cuda, CtxSynchronize, ());
  return NULL;
}

vyre_status_t vyre_cuda_baseline_read(vyre_cuda_baseline_t *b, uint64_t offset, void *to, size_t bytes) {
  VYRE_CUDA_TRY(b->cuda, MemcpyDtoH, (to, b->memory + offset, bytes));
  return NULL;
}

/* ---- pinned memory, nothing else ---- */

static vyre_status_t make_staging(vyre_cuda_baseline_t *b, int fd) {
  if (b->staging) return NULL;
  uint64_t bytes = b->memory_bytes < STAGING_BYTES_MAX ? b->memory_bytes : STAGING_BYTES_MAX;
  void *memory;
  VYRE_CUDA_TRY(b->cuda, MemHostAlloc, (&memory, bytes, VYRE_CU_HOST_PORTABLE));
  b->staging = memory;
  b->staging_bytes = bytes;
  return read_all(fd, memory, bytes, 0);
}

vyre_status_t vyre_cuda_baseline_copy_pinned(vyre_cuda_baseline_t *b, int fd, uint64_t *out_period,
                                             double *out_seconds) {
  VYRE_TRY(make_staging(b, fd));
  VYRE_TRY(clear_memory(b));
  uint64_t start_ns = vyre_clock_ns();
  for (uint64_t at = 0; at < b->memory_bytes;) {
    uint64_t from = at % b->staging_bytes, size = COPY_BYTES;
    if (size > b->staging_bytes - from) size = b->staging_bytes - from;
    if (size > b->memory_bytes - at) size = b->memory_bytes - at;
    VYRE_CUDA_TRY(b->cuda, MemcpyHtoDAsync, (b->memory + at, b->staging + from, size, b->stream));
    at += size;
  }
  VYRE_TRY(vyre_cuda_baseline_synchronize(b));
  *out_seconds = (double)(vyre_clock_ns() - start_ns) * 1e-9;
  *out_period = b->staging_bytes;
  return NULL;
}

/* ---- pread and copy, by threads ---- */

typedef struct job {
  vyre_cuda_baseline_t *baseline;
  int fd;
  _Atomic uint64_t next; /* offset of the block that is taken next */
  atomic_int ready;      /* threads that wait for go */
  atomic_int go;         /* 0 wait, 1 copy, 2 leave */
} job_t;

typedef struct copier {
  pthread_t thread;
  job_t *job;
  const vyre_cuda_lane_t *lane;
  uint64_t end_ns;
  vyre_status_t status;
} copier_t;

static vyre_status_t make_lanes(vyre_cuda_baseline_t *b, uint32_t count) {
  for (; b->lane_count < count; b->lane_count++) {
    vyre_cuda_lane_t *lane = &b->lanes[b->lane_count];
    VYRE_CUDA_TRY(b->cuda, StreamCreate, (&lane->stream, VYRE_CU_STREAM_NON_BLOCKING));
    for (uint32_t i = 0; i < 2; i++) {
      VYRE_CUDA_TRY(b->cuda, EventCreate, (&lane->copied[i], VYRE_CU_EVENT_DISABLE_TIMING));
      VYRE_CUDA_TRY(b->cuda, MemHostAlloc, (&lane->buffers[i], VYRE_CUDA_LANE_BYTES, VYRE_CU_HOST_PORTABLE));
    }
  }
  return NULL;
}

/* Waiting for an event that was never recorded returns at once. */
static vyre_status_t copy_blocks(const copier_t *copier) {
  job_t *job = copier->job;
  vyre_cuda_baseline_t *b = job->baseline;
  const vyre_cuda_lane_t *lane = copier->lane;
  for (uint32_t i = 0;; i ^= 1) {
    uint64_t at = atomic_fetch_add_explicit(&job->next, VYRE_CUDA_LANE_BYTES, memory_order_relaxed);
    if (at >= b->memory_bytes) break;
    uint64_t size = b->memory_bytes - at;
    if (size > VYRE_CUDA_LANE_BYTES) size = VYRE_CUDA_LANE_BYTES;
    VYRE_CUDA_TRY(b->cuda, EventSynchronize, (lane->copied[i]));
    VYRE_TRY(read_all(job->fd, lane->buffers[i], size, at));
    VYRE_CUDA_TRY(b->cuda, MemcpyHtoDAsync, (b->memory + at, lane->buffers[i], size, lane->stream));
    VYRE_CUDA_TRY(b->cuda, EventRecord, (lane->copied[i], lane->stream));
  }
  VYRE_CUDA_TRY(b->cuda, StreamSynchronize, (lane->stream));
  return NULL;
}

static void *run_copier(void *argument) {
  copier_t *copier = argument;
  job_t *job = copier->job;
  const vyre_cuda_t *cuda = job->baseline->cuda;
  copier->status = vyre_cuda_status(cuda, cuda->CtxSetCurrent(job->baseline->context), "cuCtxSetCurrent");
  atomic_fetch_add(&job->ready, 1);
  int go;
  while ((go = atomic_load_explicit(&job->go, memory_order_acquire)) == 0) sched_yield();
  if (go == 1 && !copier->status) copier->status = copy_blocks(copier);
  copier->end_ns = vyre_clock_ns();
  return NULL;
}

static vyre_status_t run_copiers(copier_t *copiers, uint32_t count, job_t *job, double *out_seconds) {
  uint32_t started = 0;
  int error = 0;
  for (; started < count && !error; started += !error) {
    copiers[started].job = job;
    copiers[started].lane = &job->baseline->lanes[started];
    error = pthread_create(&copiers[started].thread, NULL, run_copier, &copiers[started]);
  }
  while (!error && atomic_load(&job->ready) < (int)count) sched_yield();
  uint64_t start_ns = vyre_clock_ns(), end_ns = start_ns;
  atomic_store_explicit(&job->go, error ? 2 : 1, memory_order_release);
  vyre_status_t status = error ? vyre_status_from_errno(error, VYRE_E_THREADS, "pthread_create") : NULL;
  for (uint32_t i = 0; i < started; i++) {
    pthread_join(copiers[i].thread, NULL);
    if (copiers[i].end_ns > end_ns) end_ns = copiers[i].end_ns;
    status = status ? vyre_status_because(status, copiers[i].status) : copiers[i].status;
  }
  *out_seconds = (double)(end_ns - start_ns) * 1e-9;
  return status;
}

vyre_status_t vyre_cuda_baseline_copy_file(vyre_cuda_baseline_t *b, int fd, uint32_t threads, double *out_seconds) {
  if (threads < 1 || threads > VYRE_CUDA_LANES_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "%u threads; 1 to %d are possible", threads, VYRE_CUDA_LANES_MAX);
  VYRE_TRY(make_lanes(b, threads));
  VYRE_TRY(clear_memory(b));
  copier_t copiers[VYRE_CUDA_LANES_MAX] = {0};
  job_t job = {.baseline = b, .fd = fd};
  return run_copiers(copiers, threads, &job, out_seconds);
}
