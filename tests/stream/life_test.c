/* Streams come and go while the session runs, side by side and one after the other; and end when it ends. */
#include "stream/fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "stream/inject.h"

enum { CHUNK = 4096 };
#define ENDLESS (UINT64_C(1) << 36) /* a file of holes that no test reads to its end */

/* ---- side by side ---- */

typedef struct producer {
  stream_fixture_t *f;
  pthread_t thread;
  atomic_bool stop;
  _Atomic uint64_t done;
  vyre_status_t status; /* the first that was an error */
} producer_t;

static void *produce(void *argument) {
  producer_t *p = argument;
  vyre_slot_t nop = {.opcode = VYRE_OP_NOP};
  while (!atomic_load(&p->stop)) {
    vyre_ticket_t ticket;
    vyre_completion_t completion;
    p->status = vyre_session_submit(p->f->session, &nop, 20 * SECOND, &ticket);
    if (!p->status) p->status = vyre_session_wait(p->f->session, ticket, 20 * SECOND, &completion);
    if (p->status || completion.state != VYRE_SLOT_DONE) return NULL;
    p->done++;
  }
  return NULL;
}

static void two_streams_and_a_producer(void **state) {
  bool slow = strcmp(*state, "ref") == 0;
  for (uint32_t workers = 1; workers <= 4; workers++) {
    stream_fixture_t f;
    stream_open(&f, *state, &(vyre_session_params_t){.workers = workers, .ring_slots = 16});
    for (unsigned i = 0; i < 5; i++) stream_add_random(&f, i, (slow ? 3000u : 400000u) * i);
    producer_t producer = {.f = &f};
    assert_int_equal(pthread_create(&producer.thread, NULL, produce, &producer), 0);
    for (uint64_t rounds = 0; rounds < 3 || atomic_load(&producer.done) < 100; rounds++) {
      vyre_stream_t *a, *b;
      const char *const *paths = (const char *const *)f.paths;
      ok(stream_start(&f, STREAM_PLACES, paths, f.file_count, CHUNK, 4, &a));
      ok(stream_start(&f, STREAM_ENDS, paths, f.file_count, 2 * CHUNK, 7, &b));
      ok(stream_finish(b));
      ok(stream_finish(a));
      stream_compare(&f, STREAM_PLACES, a, CHUNK);
      stream_compare(&f, STREAM_ENDS, b, 2 * CHUNK);
      vyre_stream_close(&a);
      vyre_stream_close(&b);
    }
    atomic_store(&producer.stop, true);
    pthread_join(producer.thread, NULL);
    ok(producer.status);
    assert_int_equal(vyre_session_stats(f.session).launches, 1);
    stream_close(&f);
  }
}

static void sixteen_at_once(void **state) {
  stream_fixture_t f;
  stream_open(&f, *state, &(vyre_session_params_t){.workers = 2});
  stream_add_random(&f, 1, 30000);
  int files = stream_open_files();
  vyre_stream_t *streams[16], *extra;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 16; i++)
      ok(stream_start(&f, STREAM_PLACES, (const char *const *)f.paths, 1, CHUNK, 2, &streams[i]));
    int with_all = stream_open_files();
    expect(stream_start(&f, STREAM_PLACES, (const char *const *)f.paths, 1, CHUNK, 2, &extra), VYRE_E_TABLE_FULL);
    assert_int_equal(stream_open_files(), with_all);
    for (int i = 0; i < 16; i++) {
      vyre_stream_t **stream = &streams[(i * 5 + round) % 16];
      ok(stream_finish(*stream));
      stream_compare(&f, STREAM_PLACES, *stream, CHUNK);
      vyre_stream_close(stream);
    }
    assert_int_equal(stream_open_files(), files);
  }
  stream_close(&f);
}

/* ---- one after the other ---- */

/* More often than there are windows, pumps and descriptors: nothing is left behind. */
static void again_and_again(void **state) {
  stream_fixture_t f;
  stream_open(&f, *state, &(vyre_session_params_t){.workers = 3, .windows = 4});
  stream_add_random(&f, 1, 20000);
  stream_check(&f, STREAM_PLACES, CHUNK, 2);
  int files = stream_open_files();
  for (int i = 0; i < 300; i++) stream_check(&f, STREAM_PLACES, CHUNK, 2);
  assert_int_equal(stream_open_files(), files);
  assert_int_equal(vyre_session_stats(f.session).launches, 1);
  assert_int_equal(vyre_session_stats(f.session).published, 301 * 5);

  /* One window too few: an error, and nothing is lost by it. */
  uint32_t handle;
  ok(vyre_session_window_create(f.session, 64, &handle, NULL));
  vyre_stream_t *stream;
  for (int i = 0; i < 20; i++)
    expect(stream_start(&f, STREAM_PLACES, (const char *const *)f.paths, 1, CHUNK, 2, &stream), VYRE_E_TABLE_FULL);
  assert_int_equal(stream_open_files(), files);
  ok(vyre_session_window_remove(f.session, handle));
  stream_check(&f, STREAM_PLACES, CHUNK, 2);
  stream_close(&f);
}

/* Another producer holds every cell: the stream waits for it, and for nothing else. */
static void no_cell_is_free(void **state) {
  stream_fixture_t f;
  stream_open(&f, *state, &(vyre_session_params_t){.workers = 2, .ring_slots = 8});
  stream_add_random(&f, 1, 100000);
  vyre_ticket_t tickets[8];
  vyre_completion_t completion;
  for (int i = 0; i < 8; i++)
    ok(vyre_session_submit(f.session, &(vyre_slot_t){.opcode = VYRE_OP_NOP}, SECOND, &tickets[i]));
  vyre_stream_t *stream;
  ok(stream_start(&f, STREAM_PLACES, (const char *const *)f.paths, 1, CHUNK, 4, &stream));
  bool finished = true;
  ok(vyre_stream_wait(stream, SECOND / 20, &finished));
  assert_false(finished);
  assert_int_equal(vyre_stream_report(stream).slots, 0);
  expect(vyre_stream_output(stream, 0, &(uint64_t){0}, 8), VYRE_E_STATE);
  for (int i = 0; i < 8; i++) ok(vyre_session_wait(f.session, tickets[i], SECOND, &completion));
  ok(stream_finish(stream));
  stream_compare(&f, STREAM_PLACES, stream, CHUNK);
  vyre_stream_close(&stream);
  stream_close(&f);
}

/* ---- ends before the end ---- */

static void wait_for_bytes(vyre_stream_t *stream, uint64_t bytes) {
  uint64_t deadline_ns = vyre_clock_ns() + 20 * SECOND, last = 0;
  while (last < bytes) {
    uint64_t now = vyre_stream_progress(stream).bytes_done;
    assert_true(now >= last);
    last = now;
    assert_true(vyre_clock_ns() < deadline_ns);
    vyre_sleep_ns(100000);
  }
}

static vyre_stream_t *start_endless(stream_fixture_t *f, uint32_t depth) {
  const char *path = stream_sparse_file(f, ENDLESS);
  vyre_stream_t *stream;
  ok(stream_start(f, STREAM_ENDS, &path, 1, CHUNK, depth, &stream));
  return stream;
}

static void expect_stopped(vyre_stream_t *stream) {
  expect(stream_finish(stream), VYRE_E_STOPPED);
  uint64_t value;
  expect(vyre_stream_output(stream, 0, &value, sizeof value), VYRE_E_STATE);
  assert_true(vyre_stream_progress(stream).bytes_done < ENDLESS);
}

static void shutdown_in_the_middle(void **state) {
  for (uint32_t workers = 1; workers <= 3; workers++) {
    stream_fixture_t f;
    stream_open(&f, *state, &(vyre_session_params_t){.workers = workers, .ring_slots = 16});
    int files = stream_open_files();
    for (int i = 0; i < 10; i++) {
      vyre_stream_t *stream = start_endless(&f, 1 + (uint32_t)i % 5);
      wait_for_bytes(stream, (uint64_t)i * 3 * CHUNK);
      vyre_stream_request_shutdown(stream);
      expect_stopped(stream);
      vyre_stream_report_t report = vyre_stream_report(stream);
      assert_int_equal(report.bytes, report.slots * CHUNK); /* what was begun was finished */
      assert_int_equal(report.faults, 0);
      vyre_stream_close(&stream);
      assert_int_equal(stream_open_files(), files);
    }
    stream_still_works(&f);
    stream_close(&f);
  }
}

static _Atomic(vyre_stream_t *) shut;
static uint32_t read_shutdown(uint32_t bytes, uint64_t offset) {
  (void)offset;
  while (!atomic_load(&shut)) vyre_sleep_ns(1000);
  vyre_stream_request_shutdown(atomic_load(&shut));
  return bytes;
}

/* All bytes are finished, but not all files: empty ones are chunks too. */
static void shutdown_before_empty_files(void **state) {
  stream_fixture_t f;
  stream_open(&f, *state, &(vyre_session_params_t){.workers = 1});
  stream_add_random(&f, 1, 100);
  for (int empty = 0; empty < 2; empty++) {
    atomic_store(&shut, NULL);
    inject.read = read_shutdown;
    vyre_stream_t *stream;
    ok(stream_start(&f, STREAM_ENDS, (const char *const *)f.paths, f.file_count, CHUNK, 1, &stream));
    atomic_store(&shut, stream);
    vyre_status_t status = stream_finish(stream);
    inject = (inject_t){0};
    assert_int_equal(vyre_stream_progress(stream).bytes_done, 100);
    uint64_t value;
    if (empty) {
      expect(status, VYRE_E_STOPPED);
      expect(vyre_stream_output(stream, 0, &value, sizeof value), VYRE_E_STATE);
    } else {
      ok(status); /* nothing was left out */
      stream_compare(&f, STREAM_ENDS, stream, CHUNK);
    }
    vyre_stream_close(&stream);
    stream_add_file(&f, "", 0);
  }
  stream_close(&f);
}

/* Closed without a wait, at any time: at once after open, with chunks in flight, when it has just ended. */
static void closed_at_any_time(void **state) {
  bool slow = strcmp(*state, "ref") == 0;
  for (uint32_t workers = 1; workers <= 4; workers += 3) {
    stream_fixture_t f;
    stream_open(&f, *state, &(vyre_session_params_t){.workers = workers, .ring_slots = 8});
    const char *path = stream_add_random(&f, 1, 40 * CHUNK);
    int files = stream_open_files();
    for (uint64_t i = 0; i < (slow ? 100 : 400); i++) {
      vyre_stream_t *stream;
      ok(stream_start(&f, STREAM_HISTOGRAM, &path, 1, CHUNK, 1 + (uint32_t)i % 3, &stream));
      for (uint64_t until_ns = vyre_clock_ns() + i * 1000; vyre_clock_ns() < until_ns;) continue;
      vyre_stream_close(&stream);
    }
    assert_int_equal(stream_open_files(), files);
    vyre_stream_close(&(vyre_stream_t *){NULL});
    vyre_stream_close(NULL);
    stream_still_works(&f);
    stream_close(&f);
  }
}

/* The session is stopped under a stream: the stream ends with that error, at once, and can be closed. */
static void session_stopped_in_the_middle(void **state) {
  for (uint32_t i = 0; i < 8; i++) {
    stream_fixture_t f;
    stream_open(&f, *state, &(vyre_session_params_t){.workers = 1 + i % 4, .ring_slots = 8});
    int files = stream_open_files();
    vyre_stream_t *stream = start_endless(&f, 1 + i);
    wait_for_bytes(stream, i * 5 * CHUNK);
    ok(vyre_session_stop(f.session, 5 * SECOND));
    if (i % 2) expect_stopped(stream);
    vyre_stream_close(&stream);
    assert_int_equal(stream_open_files(), files);
    const char *path = stream_sparse_file(&f, CHUNK);
    expect(stream_start(&f, STREAM_ENDS, &path, 1, CHUNK, 1, &stream), VYRE_E_STATE);
    assert_int_equal(stream_open_files(), files);
    stream_close(&f);
  }
}

/* The same by a SHUTDOWN slot: what the stream publishes behind it never runs. */
static void shutdown_slot_in_the_middle(void **state) {
  for (uint32_t i = 0; i < 8; i++) {
    stream_fixture_t f;
    stream_open(&f, *state, &(vyre_session_params_t){.workers = 1 + i % 4, .ring_slots = 32});
    int files = stream_open_files();
    vyre_stream_t *stream = start_endless(&f, 1 + 2 * i);
    wait_for_bytes(stream, i * 5 * CHUNK);
    vyre_ticket_t ticket;
    vyre_completion_t completion;
    ok(vyre_session_submit(f.session, &(vyre_slot_t){.opcode = VYRE_OP_SHUTDOWN}, 5 * SECOND, &ticket));
    ok(vyre_session_wait(f.session, ticket, 5 * SECOND, &completion));
    if (i % 2) expect_stopped(stream);
    vyre_stream_close(&stream);
    assert_int_equal(stream_open_files(), files);
    stream_close(&f);
  }
}

int main(void) {
  static char cpu[] = "cpu", ref[] = "ref";
#define ON_BOTH(test) \
  {#test " (cpu)", test, NULL, NULL, cpu}, { #test " (ref)", test, NULL, NULL, ref }
  const struct CMUnitTest tests[] = {
      ON_BOTH(two_streams_and_a_producer),
      ON_BOTH(sixteen_at_once),
      ON_BOTH(again_and_again),
      ON_BOTH(no_cell_is_free),
      ON_BOTH(shutdown_in_the_middle),
      ON_BOTH(shutdown_before_empty_files),
      ON_BOTH(closed_at_any_time),
      ON_BOTH(session_stopped_in_the_middle),
      ON_BOTH(shutdown_slot_in_the_middle),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
