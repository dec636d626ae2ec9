/* Reads: bytes against the file, completions by user data, results of failing reads, and the end of a ring that still
 * has reads in flight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/require.h"
#include "uring/facts.h"
#include "uring/uring.h"

#define FILE_BYTES 3000003u /* odd, over several buffers */
#define BUFFER_BYTES (256u * 1024)
#define BUFFERS 8u

static struct {
  int fd;
  uint8_t *bytes; /* what the file holds */
  uint64_t seed;
} file;

static uint64_t next_random(uint64_t *state) { /* splitmix64 (Steele, Lea, Flood 2014) */
  uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

#define assert_ok(expression)                            \
  do {                                                   \
    vyre_status_t checked_ = (expression);               \
    if (checked_) {                                      \
      char text_[1024];                                  \
      vyre_status_format(checked_, text_, sizeof text_); \
      vyre_status_destroy(&checked_);                    \
      fail_msg("%s: %s", #expression, text_);            \
    }                                                    \
  } while (0)

typedef struct fixture {
  vyre_uring_t *uring;
  vyre_uring_arena_t *arena;
} fixture_t;

static int setup(void **state) {
  fixture_t *fixture = calloc(1, sizeof *fixture);
  assert_non_null(fixture);
  vyre_uring_params_t params = {.entries = BUFFERS, .io_workers_max = 2};
  assert_ok(vyre_uring_create(&params, &fixture->uring));
  assert_ok(vyre_uring_arena_create(BUFFER_BYTES, BUFFERS, false, &fixture->arena));
  assert_ok(vyre_uring_register_arena(fixture->uring, fixture->arena));
  *state = fixture;
  return 0;
}

static int teardown(void **state) {
  fixture_t *fixture = *state;
  vyre_uring_destroy(&fixture->uring);
  vyre_uring_arena_destroy(&fixture->arena);
  free(fixture);
  return 0;
}

static int open_temporary(void) {
  const char *folder = getenv("TMPDIR");
  char path[512];
  snprintf(path, sizeof path, "%s/vyre-uring-XXXXXX", folder && *folder ? folder : "/tmp");
  int fd = mkstemp(path);
  if (fd >= 0) unlink(path);
  return fd;
}

/* One read, waited for. */
static int32_t read_one(fixture_t *fixture, int fd, void *address, uint32_t bytes, uint64_t offset,
                        vyre_uring_read_flags_t flags) {
  assert_true(vyre_uring_read_fixed(fixture->uring, fd, 0, address, bytes, offset, 42, flags));
  assert_ok(vyre_uring_submit_and_wait(fixture->uring, 1, 10 * VYRE_NS_PER_S));
  vyre_uring_completion_t completion;
  assert_int_equal(vyre_uring_reap(fixture->uring, &completion, 1), 1);
  assert_int_equal(completion.user_data, 42);
  return completion.result;
}

/* Random odd offsets, sizes and places in the buffer, up to eight in flight, inline and async mixed: each completion
 * names its read, the bytes are the file's, and nothing beside them is written. */
static void bytes_are_the_files(void **state) {
  fixture_t *fixture = *state;
  struct {
    uint32_t bytes, skip;
    uint64_t offset;
    bool busy;
  } reads[BUFFERS] = {{0}};
  uint64_t random = file.seed;
  uint32_t started = 0, ended = 0;
  const uint32_t total = 3000;
  while (ended < total) {
    for (uint32_t i = 0; i < BUFFERS && started < total; i++) {
      if (reads[i].busy) continue;
      reads[i].offset = next_random(&random) % FILE_BYTES;
      reads[i].skip = (uint32_t)(next_random(&random) % 5000);
      reads[i].bytes = 1 + (uint32_t)(next_random(&random) % (BUFFER_BYTES - 5000 - 1));
      uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, i);
      memset(buffer, 0xA5, BUFFER_BYTES);
      vyre_uring_read_flags_t flags = next_random(&random) % 4 ? VYRE_URING_INLINE : VYRE_URING_ASYNC;
      assert_true(vyre_uring_read_fixed(fixture->uring, file.fd, i, buffer + reads[i].skip, reads[i].bytes,
                                        reads[i].offset, (uint64_t)i << 40 | started, flags));
      reads[i].busy = true;
      started++;
      if (next_random(&random) % 2) break;
    }
    assert_ok(vyre_uring_submit_and_wait(fixture->uring, 1, 10 * VYRE_NS_PER_S));
    vyre_uring_completion_t done[3];
    uint32_t count = vyre_uring_reap(fixture->uring, done, 3);
    for (uint32_t k = 0; k < count; k++) {
      uint32_t i = (uint32_t)(done[k].user_data >> 40);
      assert_true(i < BUFFERS && reads[i].busy);
      uint64_t left = FILE_BYTES - reads[i].offset;
      assert_int_equal(done[k].result, left < reads[i].bytes ? left : reads[i].bytes);
      const uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, i);
      uint32_t end = reads[i].skip + (uint32_t)done[k].result;
      assert_memory_equal(buffer + reads[i].skip, file.bytes + reads[i].offset, (size_t)done[k].result);
      for (uint32_t b = 0; b < reads[i].skip; b++) assert_int_equal(buffer[b], 0xA5);
      for (uint32_t b = end; b < BUFFER_BYTES && b < end + 64; b++) assert_int_equal(buffer[b], 0xA5);
      reads[i].busy = false;
      ended++;
    }
  }
  assert_int_equal(vyre_uring_in_flight(fixture->uring), 0);
}

static void warm_read_completes_during_submit(void **state) {
  fixture_t *fixture = *state;
  uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, 0);
  (void)read_one(fixture, file.fd, buffer, BUFFER_BYTES, 0, VYRE_URING_INLINE); /* warms the page cache */
  assert_true(vyre_uring_read_fixed(fixture->uring, file.fd, 0, buffer, BUFFER_BYTES, 0, 7, VYRE_URING_INLINE));
  assert_ok(vyre_uring_submit(fixture->uring));
  vyre_uring_completion_t completion;
  assert_int_equal(vyre_uring_reap(fixture->uring, &completion, 1), 1);
  assert_int_equal(completion.user_data, 7);
  assert_int_equal(completion.result, BUFFER_BYTES);
}

static void end_of_file_is_short_then_zero(void **state) {
  fixture_t *fixture = *state;
  uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, 0);
  assert_int_equal(read_one(fixture, file.fd, buffer, 4096, FILE_BYTES - 5, VYRE_URING_INLINE), 5);
  assert_memory_equal(buffer, file.bytes + FILE_BYTES - 5, 5);
  assert_int_equal(read_one(fixture, file.fd, buffer, 4096, FILE_BYTES, VYRE_URING_INLINE), 0);
  assert_int_equal(read_one(fixture, file.fd, buffer, 4096, UINT64_C(1) << 40, VYRE_URING_ASYNC), 0);
}

/* The first read waits for a pipe, the second one overtakes it; user data tells which is which. */
static void completions_overtake(void **state) {
  fixture_t *fixture = *state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  uint8_t *first = vyre_uring_arena_buffer(fixture->arena, 0), *second = vyre_uring_arena_buffer(fixture->arena, 1);
  assert_true(vyre_uring_read_fixed(fixture->uring, ends[0], 0, first, 100, 0, 1, VYRE_URING_INLINE));
  assert_true(vyre_uring_read_fixed(fixture->uring, file.fd, 1, second, 1000, 17, 2, VYRE_URING_INLINE));
  assert_ok(vyre_uring_submit_and_wait(fixture->uring, 1, 10 * VYRE_NS_PER_S));
  vyre_uring_completion_t done[4];
  assert_int_equal(vyre_uring_reap(fixture->uring, done, 4), 1);
  assert_int_equal(done[0].user_data, 2);
  assert_int_equal(done[0].result, 1000);
  assert_memory_equal(second, file.bytes + 17, 1000);
  uint64_t before = vyre_clock_ns();
  assert_ok(vyre_uring_submit_and_wait(fixture->uring, 1, 20 * VYRE_NS_PER_MS)); /* the deadline is no error */
  assert_true(vyre_clock_ns() - before >= 20 * VYRE_NS_PER_MS);
  assert_int_equal(vyre_uring_reap(fixture->uring, done, 4), 0);
  assert_int_equal(vyre_uring_in_flight(fixture->uring), 1);
  assert_int_equal(write(ends[1], "short", 5), 5);
  assert_ok(vyre_uring_submit_and_wait(fixture->uring, 1, UINT64_MAX));
  assert_int_equal(vyre_uring_reap(fixture->uring, done, 4), 1);
  assert_int_equal(done[0].user_data, 1);
  assert_int_equal(done[0].result, 5);
  assert_memory_equal(first, "short", 5);
  close(ends[0]);
  close(ends[1]);
}

/* A full ring refuses to prepare, and takes reads again after one was reaped. */
static void in_flight_is_bounded(void **state) {
  fixture_t *fixture = *state;
  uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, 0);
  for (int round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < BUFFERS; i++)
      assert_true(vyre_uring_read_fixed(fixture->uring, file.fd, 0, buffer, 1, i, i, VYRE_URING_INLINE));
    assert_false(vyre_uring_read_fixed(fixture->uring, file.fd, 0, buffer, 1, 0, 0, VYRE_URING_INLINE));
    assert_int_equal(vyre_uring_in_flight(fixture->uring), BUFFERS);
    assert_ok(vyre_uring_submit_and_wait(fixture->uring, 1000, UINT64_MAX)); /* clamped to what is in flight */
    assert_false(vyre_uring_read_fixed(fixture->uring, file.fd, 0, buffer, 1, 0, 0, VYRE_URING_INLINE));
    vyre_uring_completion_t done[BUFFERS];
    assert_int_equal(vyre_uring_reap(fixture->uring, done, BUFFERS), BUFFERS);
    assert_int_equal(vyre_uring_in_flight(fixture->uring), 0);
  }
}

/* Failures are results. A bad descriptor in front does not hold back what comes after it in the same submit. */
static void failing_reads_are_results(void **state) {
  fixture_t *fixture = *state;
  uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, 0);
  int folder = open("/", O_RDONLY | O_DIRECTORY), written = open("/dev/null", O_WRONLY);
  assert_true(folder >= 0 && written >= 0);
  assert_int_equal(read_one(fixture, folder, buffer, 4096, 0, VYRE_URING_INLINE), -EISDIR);
  assert_int_equal(read_one(fixture, written, buffer, 4096, 0, VYRE_URING_INLINE), -EBADF);
  close(folder);
  close(written);
  assert_true(vyre_uring_read_fixed(fixture->uring, -1, 0, buffer, 10, 0, 1, VYRE_URING_INLINE));
  assert_true(vyre_uring_read_fixed(fixture->uring, file.fd, 0, buffer, 10, 0, 2, VYRE_URING_INLINE));
  assert_ok(vyre_uring_submit_and_wait(fixture->uring, 2, 10 * VYRE_NS_PER_S));
  vyre_uring_completion_t done[2];
  assert_int_equal(vyre_uring_reap(fixture->uring, done, 2), 2);
  for (int i = 0; i < 2; i++) assert_int_equal(done[i].result, done[i].user_data == 1 ? -EBADF : 10);
}

/* An I/O error without a broken disk: /proc/self/mem answers EIO where nothing is mapped. */
static void io_error_is_a_result(void **state) {
  fixture_t *fixture = *state;
  void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(hole, MAP_FAILED);
  assert_int_equal(munmap(hole, 4096), 0);
  int fd = open("/proc/self/mem", O_RDONLY);
  assert_true(fd >= 0);
  uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, 0);
  assert_int_equal(read_one(fixture, fd, buffer, 64, (uint64_t)(uintptr_t)file.bytes, VYRE_URING_INLINE), 64);
  assert_memory_equal(buffer, file.bytes, 64);
  assert_int_equal(read_one(fixture, fd, buffer, 64, (uint64_t)(uintptr_t)hole, VYRE_URING_INLINE), -EIO);
  close(fd);
}

static void direct_reads_and_their_tail(void **state) {
  fixture_t *fixture = *state;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file.fd);
  int fd = open(path, O_RDONLY | O_DIRECT);
  if (fd < 0) VYRE_TEST_SKIP("direct", "the temporary folder's file system has no O_DIRECT: %s", strerror(errno));
  uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, 0);
  assert_int_equal(read_one(fixture, fd, buffer, 65536, 4096, VYRE_URING_INLINE), 65536);
  assert_memory_equal(buffer, file.bytes + 4096, 65536);
  uint32_t tail = FILE_BYTES / 4096 * 4096;
  assert_int_equal(read_one(fixture, fd, buffer, 65536, tail, VYRE_URING_INLINE), FILE_BYTES - tail);
  assert_memory_equal(buffer, file.bytes + tail, FILE_BYTES - tail);
  assert_int_equal(read_one(fixture, fd, buffer, 65536, 4096 + 1, VYRE_URING_INLINE), -EINVAL);
  close(fd);
}

static void retryable_results(void **state) {
  (void)state;
  assert_true(vyre_uring_result_is_retryable(-EINTR));
  assert_true(vyre_uring_result_is_retryable(-EAGAIN));
  assert_false(vyre_uring_result_is_retryable(-EIO));
  assert_false(vyre_uring_result_is_retryable(0));
  assert_false(vyre_uring_result_is_retryable(4));
}

/* Reads that nothing will ever answer, polled for and in kernel threads, and one never submitted: destroy ends them at
 * once, and what is written to the pipes afterwards stays in the pipes and does not land in the arena. */
static void destroy_while_pipes_are_silent(fixture_t *fixture, uint64_t pause_ns) {
  int ends[4][2];
  for (uint32_t i = 0; i < 4; i++) {
    assert_int_equal(pipe(ends[i]), 0);
    uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, i);
    memset(buffer, 0x5A, 4096);
    assert_true(vyre_uring_read_fixed(fixture->uring, ends[i][0], i, buffer, 4096, 0, i,
                                      i % 2 ? VYRE_URING_ASYNC : VYRE_URING_INLINE));
    if (i < 3) assert_ok(vyre_uring_submit(fixture->uring));
  }
  vyre_sleep_ns(pause_ns);
  uint64_t before = vyre_clock_ns();
  vyre_uring_destroy(&fixture->uring);
  assert_true(vyre_clock_ns() - before < VYRE_NS_PER_S);
  assert_null(fixture->uring);
  for (uint32_t i = 0; i < 4; i++) assert_int_equal(write(ends[i][1], "late", 4), 4);
  for (uint32_t i = 0; i < 4; i++) {
    char answer[8] = "";
    assert_int_equal(fcntl(ends[i][0], F_SETFL, O_NONBLOCK), 0); /* a byte taken away is a failure, not a hang */
    assert_int_equal(read(ends[i][0], answer, sizeof answer), 4);
    const uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, i);
    for (uint32_t b = 0; b < 4096; b++) assert_int_equal(buffer[b], 0x5A);
    close(ends[i][0]);
    close(ends[i][1]);
  }
}

static void destroy_ends_what_is_in_flight(void **state) {
  fixture_t *fixture = *state;
  for (int round = 0; round < 50; round++) {
    destroy_while_pipes_are_silent(fixture, round % 10 == 0 ? 20 * VYRE_NS_PER_MS : 0);
    assert_ok(vyre_uring_create(NULL, &fixture->uring));
    assert_ok(vyre_uring_register_arena(fixture->uring, fixture->arena));
  }
}

/* Kernel threads are copying the whole file when the ring is destroyed; a copy that has begun is not stopped by the
 * kernel, so destroy has to wait for it. What is written afterwards to the end of the buffers stays. */
static void destroy_waits_for_copies(void **state) {
  fixture_t *fixture = *state;
  vyre_uring_arena_t *arena = NULL;
  assert_ok(vyre_uring_arena_create(FILE_BYTES, 2, false, &arena));
  vyre_uring_destroy(&fixture->uring);
  for (int round = 0; round < 100; round++) {
    assert_ok(vyre_uring_create(NULL, &fixture->uring));
    assert_ok(vyre_uring_register_arena(fixture->uring, arena));
    for (uint32_t i = 0; i < 2; i++)
      assert_true(vyre_uring_read_fixed(fixture->uring, file.fd, i, vyre_uring_arena_buffer(arena, i), FILE_BYTES, 0, i,
                                        VYRE_URING_ASYNC));
    assert_ok(vyre_uring_submit(fixture->uring));
    vyre_sleep_ns((uint64_t)round % 10 * 20000); /* ended at different places of the copy */
    vyre_uring_destroy(&fixture->uring);
    for (uint32_t i = 0; i < 2; i++) memset(vyre_uring_arena_buffer(arena, i) + FILE_BYTES - 1000, 0x5A, 1000);
    vyre_sleep_ns(VYRE_NS_PER_MS);
    for (uint32_t i = 0; i < 2; i++)
      for (uint32_t b = FILE_BYTES - 1000; b < FILE_BYTES; b++)
        assert_int_equal(vyre_uring_arena_buffer(arena, i)[b], 0x5A);
  }
  vyre_uring_arena_destroy(&arena);
}

/* Kernel threads that read for this thread: they are named after it. */
static uint32_t count_io_workers(void) {
  char name[64], comm[64], path[300];
  snprintf(name, sizeof name, "iou-wrk-%d\n", (int)gettid());
  DIR *tasks = opendir("/proc/self/task");
  uint32_t count = 0;
  for (struct dirent *task; tasks && (task = readdir(tasks));) {
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
    FILE *stream = fopen(path, "r");
    if (!stream) continue;
    count += fgets(comm, sizeof comm, stream) && strcmp(comm, name) == 0;
    fclose(stream);
  }
  if (tasks) closedir(tasks);
  return count;
}

typedef struct counts {
  fixture_t *fixture;
  uint32_t inline_workers, async_workers;
} counts_t;

static void read_eight(fixture_t *fixture, vyre_uring_read_flags_t flags) {
  for (uint32_t i = 0; i < BUFFERS; i++)
    (void)vyre_uring_read_fixed(fixture->uring, file.fd, i, vyre_uring_arena_buffer(fixture->arena, i), BUFFER_BYTES, 0,
                                i, flags);
  vyre_status_t status = vyre_uring_submit_and_wait(fixture->uring, BUFFERS, 10 * VYRE_NS_PER_S);
  vyre_status_destroy(&status);
  vyre_uring_completion_t done[BUFFERS];
  while (vyre_uring_reap(fixture->uring, done, BUFFERS) > 0) continue;
}

static void *count_elsewhere(void *argument) { /* a new thread: it has no kernel threads from earlier tests */
  counts_t *counts = argument;
  read_eight(counts->fixture, VYRE_URING_INLINE);
  counts->inline_workers = count_io_workers();
  read_eight(counts->fixture, VYRE_URING_ASYNC);
  counts->async_workers = count_io_workers();
  return NULL;
}

/* Warm reads are copied by the thread itself, async ones by at most io_workers_max kernel threads. */
static void async_reads_have_bounded_workers(void **state) {
  counts_t counts = {.fixture = *state};
  read_eight(counts.fixture, VYRE_URING_INLINE);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, count_elsewhere, &counts), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(counts.inline_workers, 0);
  assert_true(counts.async_workers >= 1 && counts.async_workers <= 2);
}

typedef struct errand {
  fixture_t *fixture;
  int pipe_fd;
  int32_t result;
} errand_t;

static void *use_elsewhere(void *argument) {
  errand_t *errand = argument;
  fixture_t *fixture = errand->fixture;
  uint8_t *buffer = vyre_uring_arena_buffer(fixture->arena, 0);
  vyre_uring_completion_t completion = {0, 0};
  if (vyre_uring_read_fixed(fixture->uring, file.fd, 0, buffer, 5000, 1, 1, VYRE_URING_ASYNC) &&
      !vyre_uring_submit_and_wait(fixture->uring, 1, 10 * VYRE_NS_PER_S) &&
      vyre_uring_reap(fixture->uring, &completion, 1) == 1)
    errand->result = completion.result;
  /* Left in flight, polled for and in a kernel thread, when this thread ends. */
  for (uint32_t i = 1; i < 3; i++)
    if (!vyre_uring_read_fixed(fixture->uring, errand->pipe_fd, i, vyre_uring_arena_buffer(fixture->arena, i), 4096, 0,
                               i, i == 1 ? VYRE_URING_INLINE : VYRE_URING_ASYNC))
      errand->result = -1;
  vyre_status_t status = vyre_uring_submit(fixture->uring);
  if (status) errand->result = -1;
  vyre_status_destroy(&status);
  return NULL;
}

/* Created here, used on another thread, destroyed here after that thread has ended with reads in flight. */
static void ring_moves_between_threads(void **state) {
  fixture_t *fixture = *state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  errand_t errand = {fixture, ends[0], 0};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, use_elsewhere, &errand), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(errand.result, 5000);
  assert_memory_equal(vyre_uring_arena_buffer(fixture->arena, 0), file.bytes + 1, 5000);
  uint64_t before = vyre_clock_ns();
  vyre_uring_destroy(&fixture->uring);
  assert_true(vyre_clock_ns() - before < VYRE_NS_PER_S);
  close(ends[0]);
  close(ends[1]);
}

static void wrong_arguments_are_named(void **state) {
  fixture_t *fixture = *state;
  vyre_uring_t *uring = NULL;
  vyre_uring_params_t params = {.entries = VYRE_URING_ENTRIES_MAX + 1};
  vyre_status_t status = vyre_uring_create(&params, &uring);
  assert_int_equal(vyre_status_code(status), VYRE_E_ARGUMENT);
  assert_null(uring);
  vyre_status_destroy(&status);
  status = vyre_uring_register_arena(fixture->uring, fixture->arena);
  assert_int_equal(vyre_status_code(status), VYRE_E_STATE);
  vyre_status_destroy(&status);
  vyre_uring_arena_t *arena = NULL;
  status = vyre_uring_arena_create(VYRE_URING_ARENA_BYTES_MAX, 2, false, &arena);
  assert_int_equal(vyre_status_code(status), VYRE_E_ARGUMENT);
  vyre_status_destroy(&status);
  assert_ok(vyre_uring_create(NULL, &uring));
  struct iovec nothing = {fixture, 0};
  status = vyre_uring_register_buffers(uring, &nothing, 1);
  assert_int_equal(vyre_status_code(status), VYRE_E_ARGUMENT);
  vyre_status_destroy(&status);
  status = vyre_uring_register_buffers(uring, &nothing, 0);
  assert_int_equal(vyre_status_code(status), VYRE_E_ARGUMENT);
  vyre_status_destroy(&status);
  vyre_uring_destroy(&uring);
  vyre_uring_destroy(&uring);
  vyre_uring_destroy(NULL);
}

/* Memory that is not page aligned, several pieces of it, read into by index. */
static void caller_memory_as_buffers(void **state) {
  (void)state;
  static uint8_t memory[3 * 8192];
  struct iovec iovecs[2] = {{memory + 13, 8000}, {memory + 10001, 9000}};
  vyre_uring_t *uring = NULL;
  assert_ok(vyre_uring_create(NULL, &uring));
  assert_ok(vyre_uring_register_buffers(uring, iovecs, 2));
  assert_true(vyre_uring_read_fixed(uring, file.fd, 0, memory + 13, 8000, 3, 1, VYRE_URING_INLINE));
  assert_true(vyre_uring_read_fixed(uring, file.fd, 1, memory + 10002, 8999, 99, 2, VYRE_URING_INLINE));
  assert_ok(vyre_uring_submit_and_wait(uring, 2, 10 * VYRE_NS_PER_S));
  vyre_uring_completion_t done[2];
  assert_int_equal(vyre_uring_reap(uring, done, 2), 2);
  assert_memory_equal(memory + 13, file.bytes + 3, 8000);
  assert_memory_equal(memory + 10002, file.bytes + 99, 8999);
  assert_int_equal(memory[10001], 0);
  vyre_uring_destroy(&uring);
}

/* Destroy unpins before it returns: without that the pages would pile up over a hundred rings. */
static void destroy_unpins(void **state) {
  (void)state;
  vyre_uring_facts_t before, after;
  vyre_uring_facts_read(&before);
  for (int i = 0; i < 100; i++) {
    vyre_uring_t *uring = NULL;
    vyre_uring_arena_t *arena = NULL;
    assert_ok(vyre_uring_create(NULL, &uring));
    assert_ok(vyre_uring_arena_create(65536, 4, i % 2 != 0, &arena));
    assert_ok(vyre_uring_register_arena(uring, arena));
    vyre_uring_facts_read(&after);
    assert_true(after.pinned_bytes >= before.pinned_bytes + 4 * 65536);
    vyre_uring_destroy(&uring);
    vyre_uring_facts_read(&after);
    assert_true(after.pinned_bytes <= before.pinned_bytes);
    vyre_uring_arena_destroy(&arena);
  }
}

static void probe_tells_what_is_there(void **state) {
  (void)state;
  vyre_uring_facts_t facts;
  assert_ok(vyre_uring_probe(&facts));
  assert_true(facts.available && facts.fixed_buffers && facts.read_fixed);
  assert_true(facts.features != 0 && facts.kernel[0] != '\0' && facts.files_max > 0);
  assert_true(facts.seccomp_mode >= 0);
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  assert_int_equal(facts.memlock_bytes, limit.rlim_cur == RLIM_INFINITY ? VYRE_URING_UNLIMITED : limit.rlim_cur);
}

int main(void) {
  vyre_uring_facts_t facts;
  vyre_status_t status = vyre_uring_probe(&facts);
  if (status) {
    char text[1024];
    vyre_status_format(status, text, sizeof text);
    fprintf(stderr, "%s: %s", vyre_test_required("uring") ? "failed, VYRE_REQUIRE=uring" : "skipped", text);
    vyre_status_destroy(&status);
    return vyre_test_required("uring") ? 1 : 77;
  }
  const char *seed = getenv("VYRE_SEED");
  file.seed = seed ? strtoull(seed, NULL, 0) : 1;
  printf("VYRE_SEED=%llu\n", (unsigned long long)file.seed);
  file.fd = open_temporary();
  file.bytes = malloc(FILE_BYTES);
  if (file.fd < 0 || !file.bytes) {
    perror("temporary file");
    return 1;
  }
  uint64_t random = file.seed;
  for (uint32_t i = 0; i < FILE_BYTES; i++) file.bytes[i] = (uint8_t)next_random(&random);
  if (write(file.fd, file.bytes, FILE_BYTES) != (ssize_t)FILE_BYTES) {
    perror("writing the temporary file");
    return 1;
  }
#define WITH_RING(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
  const struct CMUnitTest tests[] = {
      WITH_RING(bytes_are_the_files),
      WITH_RING(warm_read_completes_during_submit),
      WITH_RING(end_of_file_is_short_then_zero),
      WITH_RING(completions_overtake),
      WITH_RING(in_flight_is_bounded),
      WITH_RING(failing_reads_are_results),
      WITH_RING(io_error_is_a_result),
      WITH_RING(direct_reads_and_their_tail),
      cmocka_unit_test(retryable_results),
      WITH_RING(destroy_ends_what_is_in_flight),
      WITH_RING(destroy_waits_for_copies),
      WITH_RING(async_reads_have_bounded_workers),
      WITH_RING(ring_moves_between_threads),
      WITH_RING(wrong_arguments_are_named),
      cmocka_unit_test(caller_memory_as_buffers),
      cmocka_unit_test(destroy_unpins),
      cmocka_unit_test(probe_tells_what_is_there),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  free(file.bytes);
  close(file.fd);
  return failed;
}
