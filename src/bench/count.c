/* The C loops of the stream part: what a careful programmer writes with pread. */
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bench/baseline_host.h"
#include "bench/file.h"

/* Worked on while it is in the cache. */
enum { BLOCK_BYTES = 256 << 10 };

static uint64_t count_plain(const uint8_t *data, size_t bytes) {
  uint64_t lines = 0;
  for (size_t i = 0; i < bytes; i++) lines += data[i] == '\n';
  return lines;
}

/* 32 counters of a byte each, added up before they can overflow. */
__attribute__((target("avx2"))) static uint64_t count_avx2(const uint8_t *data, size_t bytes) {
  const __m256i newline = _mm256_set1_epi8('\n'), zero = _mm256_setzero_si256();
  __m256i sums = zero;
  size_t i = 0;
  while (bytes - i >= 64) {
    size_t rows = (bytes - i) / 64;
    if (rows > 255) rows = 255;
    __m256i even = zero, odd = zero;
    for (size_t row = 0; row < rows; row++, i += 64) {
      __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)(data + i));
      __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(data + i + 32));
      even = _mm256_sub_epi8(even, _mm256_cmpeq_epi8(low, newline));
      odd = _mm256_sub_epi8(odd, _mm256_cmpeq_epi8(high, newline));
    }
    sums = _mm256_add_epi64(sums, _mm256_add_epi64(_mm256_sad_epu8(even, zero), _mm256_sad_epu8(odd, zero)));
  }
  uint64_t lanes[4];
  _mm256_storeu_si256((__m256i *)(void *)lanes, sums);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3] + count_plain(data + i, bytes - i);
}

uint64_t vyre_bench_count_lines(const uint8_t *data, size_t bytes) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") ? count_avx2(data, bytes) : count_plain(data, bytes);
}

typedef struct reading {
  int fd;
  uint64_t bytes;
  _Atomic uint64_t next; /* offset of the block that is taken next */
  atomic_int go;         /* 0 wait, 1 read, 2 leave */
} reading_t;

typedef struct reader {
  pthread_t thread;
  reading_t *reading;
  uint8_t *block;
  uint64_t lines, end_ns;
  vyre_status_t status;
} reader_t;

static vyre_status_t read_blocks(reader_t *reader) {
  reading_t *reading = reader->reading;
  for (;;) {
    uint64_t at = atomic_fetch_add_explicit(&reading->next, BLOCK_BYTES, memory_order_relaxed);
    if (at >= reading->bytes) return NULL;
    size_t size = reading->bytes - at < BLOCK_BYTES ? (size_t)(reading->bytes - at) : BLOCK_BYTES;
    VYRE_TRY(vyre_bench_file_read(reading->fd, reader->block, size, at));
    reader->lines += vyre_bench_count_lines(reader->block, size);
  }
}

static void *run_reader(void *argument) {
  reader_t *reader = argument;
  int go;
  while ((go = atomic_load_explicit(&reader->reading->go, memory_order_acquire)) == 0) sched_yield();
  if (go == 1) reader->status = read_blocks(reader);
  reader->end_ns = vyre_clock_ns();
  return NULL;
}

static vyre_status_t run_readers(reader_t *readers, uint32_t count, reading_t *reading, double *out_seconds,
                                 uint64_t *out_lines) {
  vyre_status_t status = NULL;
  uint32_t started = 0;
  for (; started < count && !status; started += !status) {
    reader_t *reader = &readers[started];
    reader->reading = reading;
    reader->block = vyre_alloc_aligned(4096, BLOCK_BYTES);
    if (!reader->block) {
      status = vyre_out_of_memory(BLOCK_BYTES);
      continue;
    }
    int error = pthread_create(&reader->thread, NULL, run_reader, reader);
    if (!error) continue;
    vyre_free(reader->block);
    status = vyre_status_from_errno(error, VYRE_E_THREADS, "pthread_create");
  }
  uint64_t start_ns = vyre_clock_ns(), end_ns = start_ns;
  atomic_store_explicit(&reading->go, status ? 2 : 1, memory_order_release);
  *out_lines = 0;
  for (uint32_t i = 0; i < started; i++) {
    pthread_join(readers[i].thread, NULL);
    vyre_free(readers[i].block);
    *out_lines += readers[i].lines;
    if (readers[i].end_ns > end_ns) end_ns = readers[i].end_ns;
    status = status ? vyre_status_because(status, readers[i].status) : readers[i].status;
  }
  *out_seconds = (double)(end_ns - start_ns) * 1e-9;
  return status;
}

vyre_status_t vyre_bench_loop_run(int fd, uint64_t bytes, uint32_t threads, double *out_seconds, uint64_t *out_lines) {
  reader_t *readers = vyre_calloc(threads, sizeof *readers);
  if (!readers) return vyre_out_of_memory(threads * sizeof *readers);
  reading_t reading = {.fd = fd, .bytes = bytes};
  vyre_status_t status = run_readers(readers, threads, &reading, out_seconds, out_lines);
  vyre_free(readers);
  return status;
}
