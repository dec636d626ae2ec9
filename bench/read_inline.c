/* Ways to get a warm file to a loop that counts newlines: READ_FIXED issued inline into a reused buffer, pread into the
 * same kind of buffer, and a mapping; on one thread and on two, each thread with its half of the file.
 *
 * bench-read-inline [FILE | BYTES]: without a file a temporary one of BYTES (2 GiB) is made and removed. Every figure
 * is the median of five rounds; a round runs each way once, so that a disturbance hits all alike; answers are compared.
 * Exit status 1 when a way fails or counts differently. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "uring/uring.h"

#include "loops.h"
#include "machine.h"

#define ROUNDS 5
#define THREADS_MAX 2

typedef enum source { SOURCE_FIXED, SOURCE_FIXED_HUGE, SOURCE_PREAD, SOURCE_MMAP } source_t;
static const char *const source_names[] = {"READ_FIXED", "READ_FIXED, huge pages", "pread", "mmap"};

typedef struct way {
  source_t source;
  uint32_t threads;
  uint32_t buffer_bytes;
  double seconds[ROUNDS];
  double cpu_seconds;
} way_t;

typedef struct work {
  const way_t *way;
  int fd;
  uint32_t index;
  uint64_t begin, end;
  uint64_t lines;
  double cpu_seconds;
  bool failed;
} work_t;

static pthread_barrier_t barrier;

static uint32_t chunk_at(const work_t *work, uint64_t offset) {
  uint64_t left = work->end - offset;
  return left < work->way->buffer_bytes ? (uint32_t)left : work->way->buffer_bytes;
}

static void read_mapped(work_t *work) {
  const uint8_t *map = mmap(NULL, work->end - work->begin, PROT_READ, MAP_SHARED, work->fd, (off_t)work->begin);
  if (map == MAP_FAILED) {
    work->failed = true;
    return;
  }
  for (uint64_t offset = work->begin; offset < work->end; offset += work->way->buffer_bytes)
    work->lines += bench_count_lines_lanes(map + (offset - work->begin), chunk_at(work, offset));
  munmap((void *)(uintptr_t)map, work->end - work->begin);
}

static void read_copied(work_t *work, vyre_uring_t *uring, uint8_t *buffer) {
  for (uint64_t offset = work->begin; offset < work->end;) {
    uint32_t bytes = chunk_at(work, offset);
    int64_t got = -1;
    if (uring) {
      vyre_uring_completion_t completion;
      vyre_status_t status = NULL;
      if (vyre_uring_read_fixed(uring, work->fd, 0, buffer, bytes, offset, offset, VYRE_URING_INLINE))
        status = vyre_uring_submit_and_wait(uring, 1, UINT64_MAX);
      if (!status && vyre_uring_reap(uring, &completion, 1) == 1 && completion.user_data == offset)
        got = completion.result;
      vyre_status_destroy(&status);
    } else {
      got = pread(work->fd, buffer, bytes, (off_t)offset);
    }
    if (got <= 0) {
      work->failed = true;
      return;
    }
    work->lines += bench_count_lines_lanes(buffer, (uint64_t)got);
    offset += (uint64_t)got;
  }
}

static double thread_cpu_seconds(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void *run_work(void *argument) {
  work_t *work = argument;
  source_t source = work->way->source;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(work->index, &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus); /* where it is refused the scheduler places the threads */
  vyre_uring_arena_t *arena = NULL;
  vyre_uring_t *uring = NULL;
  vyre_status_t status = NULL;
  if (source != SOURCE_MMAP)
    status = vyre_uring_arena_create(work->way->buffer_bytes, 1, source == SOURCE_FIXED_HUGE, &arena);
  if (!status && source <= SOURCE_FIXED_HUGE) status = vyre_uring_create(NULL, &uring);
  if (!status && uring) status = vyre_uring_register_arena(uring, arena);
  if (status) {
    char text[1024];
    vyre_status_format(status, text, sizeof text);
    fputs(text, stderr);
    vyre_status_destroy(&status);
    work->failed = true;
  }
  pthread_barrier_wait(&barrier);
  double cpu = thread_cpu_seconds();
  if (!work->failed && source == SOURCE_MMAP)
    read_mapped(work);
  else if (!work->failed)
    read_copied(work, uring, vyre_uring_arena_buffer(arena, 0));
  work->cpu_seconds = thread_cpu_seconds() - cpu;
  pthread_barrier_wait(&barrier);
  vyre_uring_destroy(&uring);
  vyre_uring_arena_destroy(&arena);
  return NULL;
}

/* Lines counted, or -1. */
static int64_t run_way(way_t *way, int round, int fd, uint64_t bytes) {
  work_t works[THREADS_MAX] = {{0}};
  pthread_t threads[THREADS_MAX];
  uint64_t share = bytes / way->threads / 4096 * 4096;
  if (pthread_barrier_init(&barrier, NULL, way->threads + 1) != 0) return -1;
  for (uint32_t i = 0; i < way->threads; i++) {
    works[i] = (work_t){.way = way, .fd = fd, .index = i, .begin = share * i};
    works[i].end = i + 1 == way->threads ? bytes : share * (i + 1);
    if (pthread_create(&threads[i], NULL, run_work, &works[i]) != 0) abort();
  }
  pthread_barrier_wait(&barrier);
  uint64_t start = vyre_clock_ns();
  pthread_barrier_wait(&barrier);
  way->seconds[round] = (double)(vyre_clock_ns() - start) / 1e9;
  int64_t lines = 0;
  for (uint32_t i = 0; i < way->threads; i++) {
    pthread_join(threads[i], NULL);
    lines = works[i].failed || lines < 0 ? -1 : lines + (int64_t)works[i].lines;
    way->cpu_seconds += works[i].cpu_seconds;
  }
  pthread_barrier_destroy(&barrier);
  return lines;
}

/* A file of lines of 0 to 127 letters, `bytes` long, without a name. */
static int make_file(uint64_t bytes) {
  const char *folder = getenv("TMPDIR");
  char path[512];
  snprintf(path, sizeof path, "%s/vyre-bench-XXXXXX", folder && *folder ? folder : "/tmp");
  int fd = mkstemp(path);
  if (fd < 0) return -1;
  unlink(path);
  static char block[1 << 20];
  uint64_t random = 1, left_of_line = 60;
  for (uint64_t done = 0; done < bytes;) {
    for (size_t i = 0; i < sizeof block; i++) {
      random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
      block[i] = left_of_line ? (char)('a' + (random >> 60)) : '\n';
      left_of_line = left_of_line ? left_of_line - 1 : random >> 57;
    }
    size_t part = bytes - done < sizeof block ? (size_t)(bytes - done) : sizeof block;
    if (write(fd, block, part) != (ssize_t)part) {
      close(fd);
      return -1;
    }
    done += part;
  }
  return fd;
}

static int compare_seconds(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static size_t list_ways(way_t *ways) {
  static const uint32_t buffers[] = {256u << 10, 512u << 10, 1u << 20, 2u << 20};
  size_t count = 0;
  for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
    ways[count++] = (way_t){.source = SOURCE_MMAP, .threads = threads, .buffer_bytes = 1u << 20};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
      for (source_t source = SOURCE_FIXED; source < SOURCE_MMAP; source++)
        ways[count++] = (way_t){.source = source, .threads = threads, .buffer_bytes = buffers[i]};
  }
  return count;
}

int main(int argc, char **argv) {
  char *end = NULL;
  uint64_t wanted = argc > 1 ? strtoull(argv[1], &end, 0) : UINT64_C(2) << 30;
  int fd = argc > 1 && *end != '\0' ? open(argv[1], O_RDONLY) : make_file(wanted);
  struct stat facts;
  if (fd < 0 || fstat(fd, &facts) != 0 || facts.st_size < (1 << 20)) {
    perror("bench-read-inline: a file of at least 1 MiB");
    return 1;
  }
  uint64_t bytes = (uint64_t)facts.st_size;
  bench_machine_watch();
  static way_t ways[64];
  size_t count = list_ways(ways);
  int64_t expected = -1;
  for (int round = -1; round < ROUNDS; round++) /* the round before the first one warms the page cache */
    for (size_t i = 0; i < count; i++) {
      int64_t lines = run_way(&ways[i], round < 0 ? 0 : round, fd, bytes);
      if (round < 0) ways[i].cpu_seconds = 0;
      if (expected < 0) expected = lines;
      if (lines < 0 || lines != expected) {
        fprintf(stderr, "bench-read-inline: %s counted %lld lines, expected %lld\n", source_names[ways[i].source],
                (long long)lines, (long long)expected);
        return 1;
      }
    }
  printf("%llu bytes, %lld lines; medians of %d\n", (unsigned long long)bytes, (long long)expected, ROUNDS);
  printf("%-24s %7s %10s %8s %12s\n", "way", "threads", "buffer KiB", "GB/s", "CPU s per GB");
  for (size_t i = 0; i < count; i++) {
    qsort(ways[i].seconds, ROUNDS, sizeof *ways[i].seconds, compare_seconds);
    printf("%-24s %7u %10u %8.2f %12.3f\n", source_names[ways[i].source], ways[i].threads, ways[i].buffer_bytes >> 10,
           (double)bytes / ways[i].seconds[ROUNDS / 2] / 1e9, ways[i].cpu_seconds / ROUNDS / ((double)bytes / 1e9));
  }
  close(fd);
  return 0;
}
