/* A whole run on the cpu with tiny counts: which figures there are and what they are made of, never how large they are;
 * and that each kind of wrong answer ends it. The linker puts this file between the benchmark and the library, so that
 * an answer can be spoiled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vyre/bench.h>

#include "megakernel/session.h"
#include <vyre/stream.h>

#include "bench/file.h"
#include "support/expect.h"

/* Each counts down to the completion that is spoiled: of those with a result, of all. One producer at a time. */
static uint32_t spoil_result_at, spoil_sum_at;
static bool spoil_output, spoil_state;
static uint64_t *sum;

vyre_status_t __real_vyre_session_poll(vyre_session_t *session, vyre_ticket_t ticket, bool *out_done,
                                       vyre_completion_t *out_completion);
vyre_status_t __wrap_vyre_session_poll(vyre_session_t *session, vyre_ticket_t ticket, bool *out_done,
                                       vyre_completion_t *out_completion);
vyre_status_t __wrap_vyre_session_poll(vyre_session_t *session, vyre_ticket_t ticket, bool *out_done,
                                       vyre_completion_t *out_completion) {
  vyre_status_t status = __real_vyre_session_poll(session, ticket, out_done, out_completion);
  if (status || !*out_done) return status;
  if (out_completion->result[0] != 0 && spoil_result_at > 0 && --spoil_result_at == 0) out_completion->result[0] ^= 1;
  if (spoil_sum_at > 0 && --spoil_sum_at == 0) __atomic_fetch_add(sum, 1, __ATOMIC_RELAXED); /* a worker may add, too */
  if (spoil_state) *out_completion = (vyre_completion_t){.state = VYRE_SLOT_FAULT, .fault = 3};
  return NULL;
}

vyre_status_t __real_vyre_session_window_allocate(vyre_session_t *session, vyre_memory_kind_t kind, uint64_t bytes,
                                                  uint32_t *out_handle, vyre_memory_t *out_memory);
vyre_status_t __wrap_vyre_session_window_allocate(vyre_session_t *session, vyre_memory_kind_t kind, uint64_t bytes,
                                                  uint32_t *out_handle, vyre_memory_t *out_memory);
vyre_status_t __wrap_vyre_session_window_allocate(vyre_session_t *session, vyre_memory_kind_t kind, uint64_t bytes,
                                                  uint32_t *out_handle, vyre_memory_t *out_memory) {
  vyre_status_t status = __real_vyre_session_window_allocate(session, kind, bytes, out_handle, out_memory);
  sum = status ? NULL : (void *)out_memory->host; /* the last window is that of the sum */
  return status;
}

vyre_status_t __real_vyre_stream_output(const vyre_stream_t *stream, uint32_t index, void *values, size_t bytes);
vyre_status_t __wrap_vyre_stream_output(const vyre_stream_t *stream, uint32_t index, void *values, size_t bytes);
vyre_status_t __wrap_vyre_stream_output(const vyre_stream_t *stream, uint32_t index, void *values, size_t bytes) {
  vyre_status_t status = __real_vyre_stream_output(stream, index, values, bytes);
  if (!status && spoil_output) ++*(uint64_t *)values;
  return status;
}

static vyre_bench_params_t tiny(uint32_t parts) {
  return (vyre_bench_params_t){.device = "cpu",
                               .parts = parts,
                               .rounds = 2,
                               .latency_slots = 100,
                               .rate_slots = 2002,
                               .bytes = 3000001,
                               .seed = 5};
}

static uint32_t calls;
static void count_call(void *context, const char *part, uint32_t round, uint32_t rounds) {
  assert_ptr_equal(context, &calls);
  assert_non_null(part);
  assert_in_range(round, 1, 2);
  assert_int_equal(rounds, 2);
  calls++;
}

static const vyre_bench_row_t *find(const vyre_bench_report_t *report, const char *name) {
  for (uint32_t i = 0; i < report->row_count; i++)
    if (strcmp(report->rows[i].name, name) == 0) return &report->rows[i];
  return NULL;
}

static void check_row(const vyre_bench_row_t *row) {
  assert_true(row->min > 0 && row->min <= row->median && row->median <= row->max);
  bool is_latency = strcmp(row->part, "latency") == 0 && row->role != VYRE_BENCH_RATIO;
  assert_int_equal(row->p99 > 0, is_latency);
  if (is_latency) assert_true(row->worst >= row->p99 && row->worst >= row->median);
  assert_int_equal(row->samples > 0, row->role != VYRE_BENCH_RATIO);
}

static void every_figure_is_there(void **state) {
  (void)state;
  vyre_bench_params_t params = tiny(0);
  params.progress = count_call;
  params.progress_context = &calls;
  vyre_bench_report_t *report;
  ok(vyre_bench_run(&params, &report));
  assert_int_equal(calls, 10);
  assert_string_equal(report->device, "cpu");
  assert_int_equal(report->rounds, 2);
  assert_int_equal(report->seed, 5);
  assert_int_equal(report->slot_workers, 1);
  assert_true(report->stream_workers >= 1);
  assert_int_equal(report->bytes, 3000001);
  assert_true(report->lines > 0 && report->lines < report->bytes);
  for (uint32_t i = 0; i < report->row_count; i++) check_row(&report->rows[i]);
  static const struct {
    const char *name;
    uint64_t samples, checked;
  } rows[] = {{"inline_nop", 200, 200},
              {"inline_load", 200, 200},
              {"worker", 200, 200},
              {"ping_pong", 200, 200},
              {"nop_1", 4004, 4004},
              {"load_1", 4004, 4004},
              {"nop_4", 4000, 4000},
              {"worker_1", 4004, 4004},
              {"nop_1_batch", 4004, 4004},
              {"load_1_batch", 4004, 4004},
              {"nop_4_batch", 4000, 4000},
              {"worker_1_batch", 4004, 4004},
              {"c_ring", 4004, 4004},
              {"stream", 6000002, 2},
              {"loop_1", 6000002, 2},
              {"pread_best", 6000002, 0},
              {"worker/ping_pong", 0, 0},
              {"nop_1/c_ring", 0, 0},
              {"stream/pread_best", 0, 0},
              {"open", 2, 0},
              {"build", 2, 0},
              {"first_slot", 2, 2},
              {"program", 2, 0}};
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    const vyre_bench_row_t *row = find(report, rows[i].name);
    if (!row) fail_msg("%s is missing", rows[i].name);
    assert_int_equal(row->samples, rows[i].samples);
    assert_int_equal(row->checked, rows[i].checked);
  }
  /* Those of a GPU. */
  assert_null(find(report, "launches"));
  assert_null(find(report, "ceiling"));
  assert_null(find(report, "worker/launch_sync"));
  vyre_bench_report_destroy(&report);
  assert_null(report);
  vyre_bench_report_destroy(&report);
}

static void expect_refusal(vyre_bench_params_t params, vyre_code_t code, const char *words) {
  vyre_bench_report_t *report = NULL;
  vyre_status_t status = vyre_bench_run(&params, &report);
  char text[2000];
  vyre_status_format(status, text, sizeof text);
  assert_int_equal(vyre_status_code(status), code);
  if (!strstr(text, words)) fail_msg("no '%s' in:\n%s", words, text);
  assert_null(report);
  vyre_status_destroy(&status);
}

static void wrong_answers_end_it(void **state) {
  (void)state;
  spoil_result_at = 150;
  expect_refusal(tiny(VYRE_BENCH_LATENCY), VYRE_E_WRONG_ANSWER, "LOAD_U32");
  spoil_result_at = 1000;
  expect_refusal(tiny(VYRE_BENCH_RATE), VYRE_E_WRONG_ANSWER, "LOAD_U32");
  spoil_result_at = 0;
  spoil_output = true;
  expect_refusal(tiny(VYRE_BENCH_STREAM), VYRE_E_WRONG_ANSWER, "stream");
  spoil_output = false;
  spoil_sum_at = 750; /* 200 slots to warm up and 100, thrice: within the row that adds */
  expect_refusal(tiny(VYRE_BENCH_LATENCY), VYRE_E_WRONG_ANSWER, "a Program that adds 1");
  assert_int_equal(spoil_sum_at, 0);
  spoil_state = true;
  expect_refusal(tiny(VYRE_BENCH_RATE), VYRE_E_FAULT, "rate, round 1");
  spoil_state = false;
}

/* The word is changed while the NOPs run: the row that adds looks at its own part only. */
static void a_sum_is_of_its_row(void **state) {
  (void)state;
  spoil_sum_at = 10;
  vyre_bench_params_t params = tiny(VYRE_BENCH_LATENCY);
  vyre_bench_report_t *report;
  ok(vyre_bench_run(&params, &report));
  assert_int_equal(spoil_sum_at, 0);
  vyre_bench_report_destroy(&report);
}

static void wrong_arguments(void **state) {
  (void)state;
  vyre_bench_params_t params = tiny(64);
  expect_refusal(params, VYRE_E_ARGUMENT, "parts");
  params = tiny(0);
  params.rounds = VYRE_BENCH_ROUNDS_MAX + 1;
  expect_refusal(params, VYRE_E_ARGUMENT, "rounds");
  params = tiny(0);
  params.rate_slots = 3;
  expect_refusal(params, VYRE_E_ARGUMENT, "rate_slots");
  params = tiny(0);
  params.device = "gpu:9";
  expect_refusal(params, VYRE_E_NO_DEVICE, "gpu:9");
  params = tiny(0);
  params.file = "/nowhere/at/all";
  expect_refusal(params, VYRE_E_NOT_FOUND, "/nowhere/at/all");
  params.file = "/";
  expect_refusal(params, VYRE_E_NOT_A_FILE, "/");
}

static void lines_are_counted(void **state) {
  (void)state;
  enum { BYTES = 70000 };
  uint8_t *data = malloc(BYTES + 64);
  assert_non_null(data);
  uint64_t random = 3;
  for (size_t i = 0; i < BYTES + 64; i++) data[i] = vyre_bench_random(&random) % 5 ? 'x' : '\n';
  static const size_t sizes[] = {0, 1, 63, 64, 65, 127, 128, 16319, 16320, 16321, 65536, BYTES};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (size_t shift = 0; shift < 3; shift++) {
      uint64_t lines = 0;
      for (size_t k = 0; k < sizes[i]; k++) lines += data[shift + k] == '\n';
      assert_int_equal(vyre_bench_count_lines(data + shift, sizes[i]), lines);
    }
  /* No counter of a byte may overflow. */
  memset(data, '\n', BYTES);
  assert_int_equal(vyre_bench_count_lines(data, BYTES), BYTES);
  free(data);
}

static void a_temporary_file_is_seeded(void **state) {
  (void)state;
  vyre_bench_params_t params = {.bytes = 100000, .seed = 1};
  vyre_bench_file_t one, same, other;
  ok(vyre_bench_file_open(&params, &one));
  ok(vyre_bench_file_open(&params, &same));
  params.seed = 2;
  ok(vyre_bench_file_open(&params, &other));
  assert_int_equal(one.lines, same.lines);
  assert_int_not_equal(one.lines, other.lines);
  assert_in_range(one.lines, 100000 / 60, 100000 / 30);
  char target[300] = "";
  assert_true(readlink(one.path, target, sizeof target - 1) > 0);
  assert_non_null(strstr(target, "(deleted)"));
  uint8_t byte;
  vyre_status_t status = vyre_bench_file_read(one.fd, &byte, 1, 100000);
  assert_int_equal(vyre_status_code(status), VYRE_E_FILE_CHANGED);
  vyre_status_destroy(&status);
  vyre_bench_file_close(&one);
  vyre_bench_file_close(&same);
  vyre_bench_file_close(&other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_figure_is_there), cmocka_unit_test(wrong_answers_end_it),
      cmocka_unit_test(a_sum_is_of_its_row),   cmocka_unit_test(wrong_arguments),
      cmocka_unit_test(lines_are_counted),     cmocka_unit_test(a_temporary_file_is_seeded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
