/* A session under everything at once for as long as it is told: four producers of random slots of every opcode
 * (traffic.h), a reader of its log, streams of a file one after the other, each path in turn, and a thread that
 * measures round trips. Every answer is checked, and the latency must not drift.
 *
 * Arguments: [device] [seconds] [seed]. The seconds must be some before a drift means anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vyre/stream.h>

#include "megakernel/traffic.h"

#include "base/clock.h"
#include "support/device.h"
#include "support/expect.h"

enum { FILE_BYTES = 24 << 20, CHUNK_BYTES = 1 << 20, TRIPS_MAX = 1 << 20, PAUSE_NS = 500000, DRIFT_SECONDS_MIN = 60 };
#define SLOT_NS (60 * VYRE_NS_PER_S)

static const char *device_name = "cpu";
static uint64_t seconds = 3, seed = 1;

/* ---- round trips ---- */

static struct {
  traffic_t *traffic;
  pthread_t thread;
  uint32_t trips[TRIPS_MAX]; /* ns, in order */
  uint32_t count;
  vyre_code_t wrong;
} latency;

static void *measure(void *argument) {
  traffic_t *t = argument;
  random_t random = {seed};
  const vyre_slot_t nop = {.opcode = VYRE_OP_NOP};
  while (!atomic_load(&t->is_over) && latency.count < TRIPS_MAX && !latency.wrong) {
    vyre_sleep_ns(random_below(&random, PAUSE_NS));
    vyre_ticket_t ticket;
    vyre_completion_t completion;
    uint64_t begin_ns = vyre_clock_ns();
    vyre_status_t status = vyre_session_submit(t->session, &nop, SLOT_NS, &ticket);
    if (!status) status = vyre_session_wait(t->session, ticket, SLOT_NS, &completion);
    latency.trips[latency.count++] = (uint32_t)(vyre_clock_ns() - begin_ns);
    if (!status && completion.state != VYRE_SLOT_DONE) latency.wrong = VYRE_E_FAULT;
    if (status) latency.wrong = vyre_status_code(status);
    vyre_status_destroy(&status);
  }
  return NULL;
}

static int compare(const void *a, const void *b) {
  uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
  return first < second ? -1 : first > second;
}

/* Of part `number` of `parts`, in us. */
static double quantile(uint32_t number, uint32_t parts, double q) {
  static uint32_t sorted[TRIPS_MAX];
  uint32_t from = (uint32_t)((uint64_t)latency.count * number / parts);
  uint32_t count = (uint32_t)((uint64_t)latency.count * (number + 1) / parts) - from;
  assert_true(count > 0);
  memcpy(sorted, latency.trips + from, count * sizeof *sorted);
  qsort(sorted, count, sizeof *sorted, compare);
  return sorted[(uint32_t)(q * (count - 1))] * 1e-3;
}

static void check_latency(void) {
  enum { PARTS = 6 };
  assert_int_equal(latency.wrong, 0);
  print_message("%u round trips beside it, p50 and p99 of each sixth of the time, us:", latency.count);
  for (uint32_t i = 0; i < PARTS; i++) print_message(" %.1f/%.1f", quantile(i, PARTS, 0.5), quantile(i, PARTS, 0.99));
  double first = quantile(0, 3, 0.5), last = quantile(2, 3, 0.5);
  print_message("; last third / first, p50: %.3f\n", last / first);
  if (seconds >= DRIFT_SECONDS_MIN) assert_in_range(last / first * 1000, 0, 1250);
}

/* ---- streams ---- */

static char path[] = "/tmp/vyre-soak-XXXXXX";
static uint64_t file_sum;

static void make_file(void) {
  random_t random = {seed};
  uint8_t block[4096];
  int file = mkstemp(path);
  assert_true(file >= 0);
  for (uint32_t at = 0; at < FILE_BYTES; at += sizeof block) {
    for (uint32_t i = 0; i < sizeof block; i++) file_sum += block[i] = (uint8_t)random_next(&random);
    assert_int_equal(write(file, block, sizeof block), sizeof block);
  }
  close(file);
}

/* One stream, the log being read meanwhile. */
static void stream_once(traffic_t *t, const char *ingest, uint64_t next[TRAFFIC_PRODUCERS], uint64_t *records,
                        uint64_t *lost) {
  static const char *const paths[] = {path};
  vyre_stream_params_t params = {.paths = paths, .path_count = 1, .chunk_bytes = CHUNK_BYTES, .ingest = ingest};
  vyre_stream_t *stream;
  uint64_t sum, until_ns = vyre_clock_deadline_ns(SLOT_NS);
  bool finished = false;
  ok(vyre_stream_open(t->session, t->sum_opcode, &params, &stream));
  while (!finished) {
    assert_true(vyre_clock_ns() < until_ns);
    ok(vyre_stream_wait(stream, VYRE_NS_PER_MS, &finished));
    *records += traffic_read_log(t, next, lost);
  }
  ok(vyre_stream_output(stream, 0, &sum, sizeof sum));
  assert_int_equal(sum, file_sum);
  vyre_stream_close(&stream);
}

static void soak(void **state) {
  (void)state;
  static const char *const ingests[] = {"auto", "fixed", "mapped"};
  uint32_t paths = test_device_is_gpu(device_name) ? 3 : 2; /* `mapped` is for a copy engine */
  traffic_t t;
  uint64_t next[TRAFFIC_PRODUCERS] = {0}, records = 0, lost = 0, streams = 0;
  make_file();
  traffic_open(&t, device_name, seed, 0);
  traffic_start(&t, seed);
  latency.traffic = &t;
  assert_int_equal(pthread_create(&latency.thread, NULL, measure, &t), 0);
  uint64_t until_ns = vyre_clock_deadline_ns(seconds * VYRE_NS_PER_S);
  while (vyre_clock_ns() < until_ns) {
    stream_once(&t, ingests[streams++ % paths], next, &records, &lost);
    ok(vyre_session_check(t.session, SLOT_NS)); /* and a GPU's dispatcher goes round all the time */
  }
  atomic_store(&t.is_over, true);
  pthread_join(latency.thread, NULL);
  for (uint32_t i = 0; i < TRAFFIC_PRODUCERS; i++) {
    while (!traffic_has_left(i)) records += traffic_read_log(&t, next, &lost);
    if (traffic_producers[i].wrong[0]) fail_msg("%s: %s", device_name, traffic_producers[i].wrong);
  }
  records += traffic_read_log(&t, next, &lost);
  print_message("%s, %llu s: %llu streams of %d MiB, ", device_name, (unsigned long long)seconds,
                (unsigned long long)streams, FILE_BYTES >> 20);
  traffic_check_end(&t, records, lost);
  check_latency();
  traffic_close(&t);
  unlink(path);
}

int main(int argc, char **argv) {
  if (argc > 1) device_name = argv[1];
  if (argc > 2) seconds = strtoull(argv[2], NULL, 0);
  if (argc > 3) seed = strtoull(argv[3], NULL, 0);
  int missing = test_device_missing(device_name);
  if (missing) return missing;
  const struct CMUnitTest tests[] = {cmocka_unit_test(soak)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
