/* The rounds of a GPU, on the fake driver: figures, wrong answers, and that each call that fails
 * is told and leaves nothing behind. The candidate is a session of the cpu. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/file.h"
#include "device/cuda/baseline.h"
#include "fake_cuda/fake_cuda.h"
#include "support/expect.h"

enum { SLOTS = 60, FILE_BYTES = (9 << 20) + 5 };

static vyre_bench_t *bench;
static vyre_bench_file_t file;

static int set_up(void **state) {
  (void)state;
  bench = calloc(1, sizeof *bench);
  if (!bench) return -1;
  bench->params = (vyre_bench_params_t){
      .rounds = 1, .latency_slots = SLOTS, .rate_slots = 400, .bytes = FILE_BYTES, .workers = 1, .seed = 1};
  bench->samples = calloc(SLOTS, sizeof *bench->samples);
  ok(vyre_device_open("cpu", &bench->device));
  bench->info = vyre_device_info(bench->device);
  ok(vyre_bench_file_open(&bench->params, &file));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  vyre_bench_file_close(&file);
  vyre_device_close(&bench->device);
  free(bench->samples);
  free(bench);
  return 0;
}

static void expect_row(vyre_bench_row_id_t row, uint64_t samples, uint64_t checked) {
  assert_int_equal(bench->columns[row].count, 1);
  assert_true(bench->columns[row].values[0] > 0);
  assert_int_equal(bench->columns[row].samples, samples);
  assert_int_equal(bench->columns[row].checked, checked);
}

static void a_round_of_latencies(void **state) {
  (void)state;
  fake_cuda_steer("");
  ok(vyre_bench_latency(bench));
  expect_row(VYRE_BENCH_ROW_LATENCY_WORKER, SLOTS, SLOTS);
  expect_row(VYRE_BENCH_ROW_LATENCY_PING, SLOTS, SLOTS);
  expect_row(VYRE_BENCH_ROW_LATENCY_LAUNCH, SLOTS, 0);
  expect_row(VYRE_BENCH_ROW_LATENCY_GRAPH, SLOTS, 0);
  assert_int_equal(fake_cuda_look().launches, SLOTS + 3); /* to warm up two, and the kernel that answers */
  assert_int_equal(fake_cuda_look().graph_launches, SLOTS + 1);
  assert_int_equal(fake_cuda_look().alive, 0);
}

static void a_round_of_rates(void **state) {
  (void)state;
  fake_cuda_steer("");
  ok(vyre_bench_rate(bench));
  expect_row(VYRE_BENCH_ROW_RATE_NOP_4, 400, 400);
  expect_row(VYRE_BENCH_ROW_RATE_NOP_BATCH_4, 400, 400);
  expect_row(VYRE_BENCH_ROW_RATE_LAUNCH, 400, 0);
  assert_int_equal(fake_cuda_look().launches, 400 + 3);
  assert_int_equal(fake_cuda_look().alive, 0);
}

static void a_round_of_starts(void **state) {
  (void)state;
  fake_cuda_steer("");
  ok(vyre_bench_start(bench));
  expect_row(VYRE_BENCH_ROW_START_FIRST, 1, 1);
  expect_row(VYRE_BENCH_ROW_START_BUILD, 1, 0);
  expect_row(VYRE_BENCH_ROW_START_LAUNCH, 1, 0);
  assert_int_equal(fake_cuda_look().alive, 0);
}

static void a_round_of_compiling(void **state) {
  (void)state;
  fake_cuda_steer("");
  ok(vyre_bench_compile(bench));
  expect_row(VYRE_BENCH_ROW_COMPILE_PROGRAM, 1, 0);
  expect_row(VYRE_BENCH_ROW_COMPILE_CUBIN, 1, 0);
  assert_int_equal(fake_cuda_look().alive, 0);
}

static void a_round_of_streams(void **state) {
  (void)state;
  ok(vyre_bench_stream(bench, &file));
  static const vyre_bench_row_id_t rows[] = {VYRE_BENCH_ROW_STREAM_FLOW, VYRE_BENCH_ROW_STREAM_CEILING,
                                             VYRE_BENCH_ROW_STREAM_PREAD_1, VYRE_BENCH_ROW_STREAM_PREAD_4,
                                             VYRE_BENCH_ROW_STREAM_PREAD_16};
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) expect_row(rows[i], FILE_BYTES, 1);
  assert_int_equal(bench->columns[VYRE_BENCH_ROW_STREAM_LOOP_1].count, 0);
  assert_int_equal(fake_cuda_look().alive, 0);
}

static void a_lost_byte_is_a_wrong_answer(void **state) {
  (void)state;
  fake_cuda_steer("spoil=1");
  vyre_status_t status = vyre_bench_stream(bench, &file);
  assert_int_equal(vyre_status_code(status), VYRE_E_WRONG_ANSWER);
  assert_non_null(strstr(vyre_status_detail(status), "pinned memory to the device"));
  vyre_status_destroy(&status);
  assert_int_equal(fake_cuda_look().alive, 0);
}

static void there_is_one_gpu(void **state) {
  (void)state;
  vyre_cuda_baseline_t *baseline;
  vyre_status_t status = vyre_cuda_baseline_open(1, &baseline);
  assert_int_equal(vyre_status_code(status), VYRE_E_NO_DEVICE);
  vyre_status_destroy(&status);
  assert_int_equal(fake_cuda_look().alive, 0);
}

/* All that a baseline does, once. */
static vyre_status_t use(vyre_cuda_baseline_t *baseline) {
  uint32_t answer;
  uint64_t period;
  double seconds;
  uint8_t bytes[64];
  VYRE_TRY(vyre_cuda_baseline_launch(baseline));
  VYRE_TRY(vyre_cuda_baseline_launch_graph(baseline));
  VYRE_TRY(vyre_cuda_baseline_synchronize(baseline));
  VYRE_TRY(vyre_cuda_baseline_pong_start(baseline));
  VYRE_TRY(vyre_cuda_baseline_ask(baseline, 5, &answer));
  assert_int_equal(answer, 16);
  VYRE_TRY(vyre_cuda_baseline_pong_stop(baseline));
  VYRE_TRY(vyre_cuda_baseline_memory(baseline, FILE_BYTES));
  VYRE_TRY(vyre_cuda_baseline_copy_pinned(baseline, file.fd, &period, &seconds));
  assert_int_equal(period, FILE_BYTES);
  VYRE_TRY(vyre_cuda_baseline_copy_file(baseline, file.fd, 3, &seconds));
  return vyre_cuda_baseline_read(baseline, 100, bytes, sizeof bytes);
}

static vyre_status_t open_use_close(void) {
  vyre_cuda_baseline_t *baseline;
  VYRE_TRY(vyre_cuda_baseline_open(0, &baseline));
  vyre_status_t status = use(baseline), closed = vyre_cuda_baseline_close(&baseline);
  return status ? vyre_status_because(status, closed) : closed;
}

static void every_failed_call_is_told(void **state) {
  (void)state;
  uint32_t calls = 0;
  for (;;) {
    char steer[40], gives[100];
    snprintf(steer, sizeof steer, "fail=*:719@%u", ++calls);
    fake_cuda_steer(steer);
    vyre_status_t status = open_use_close();
    const char *failed = fake_cuda_look().failed;
    assert_int_equal(fake_cuda_look().alive, 0);
    if (!failed) {
      ok(status);
      break;
    }
    char text[2000];
    vyre_status_format(status, text, sizeof text);
    snprintf(gives, sizeof gives, "%s gives 719", failed);
    if (vyre_status_code(status) != VYRE_E_DRIVER || !strstr(text, gives))
      fail_msg("call %u, %s: %s", calls, failed, text);
    vyre_status_destroy(&status);
  }
  assert_in_range(calls, 50, 200); /* so many calls there are; two rounds of the loop would have shown nothing */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_round_of_latencies, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_round_of_rates, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_round_of_streams, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_round_of_starts, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_round_of_compiling, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_lost_byte_is_a_wrong_answer, set_up, tear_down),
      cmocka_unit_test(there_is_one_gpu),
      cmocka_unit_test_setup_teardown(every_failed_call_is_told, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
