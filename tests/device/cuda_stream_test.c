/* A stream on the fake driver, closed before its session is stopped: every call to the driver fails in turn. The fake
 * runs no Programs, so that the stream ends by a fault when nothing fails before. Label uring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vyre/stream.h>

#include "device/cuda_fixture.h"
#include "support/child.h"
#include "support/require.h"

enum { CALLS_MIN = 60, CALLS_MAX = 400 };
#define SECOND VYRE_NS_PER_S

static const char text[] = "program first\nstream data : u8\noutput n : u64 sum\nn += 1\n";
static char path[] = "/tmp/vyre-cuda-stream-XXXXXX";

typedef struct life {
  vyre_device_t *device;
  vyre_session_t *session;
  vyre_stream_t *stream;
} life_t;

static vyre_status_t use(life_t *life, const vyre_program_t *program, const char *ingest) {
  static const char *const paths[] = {path};
  vyre_session_params_t session = {.workers = 1, .ring_slots = 16};
  vyre_stream_params_t stream = {.paths = paths, .path_count = 1, .chunk_bytes = 4096, .depth = 2, .ingest = ingest};
  uint32_t opcode = 0;
  VYRE_TRY(vyre_device_open("cuda:0", &life->device));
  VYRE_TRY(vyre_session_create(life->device, &session, &life->session));
  VYRE_TRY(vyre_session_register(life->session, program, &opcode));
  VYRE_TRY(vyre_session_start(life->session));
  VYRE_TRY(vyre_stream_open(life->session, opcode, &stream, &life->stream));
  bool finished;
  return vyre_stream_wait(life->stream, 5 * SECOND, &finished);
}

static void every_call_that_fails_ends_the_stream(void **state) {
  const char *ingest = *state;
  vyre_program_t *program;
  ok(vyre_program_parse(text, sizeof text - 1, "first.vyre", &program));
  for (uint32_t call = 1;; call++) {
    assert_true(call < CALLS_MAX);
    life_t life = {0};
    char steer[40], words[4000], gives[100];
    snprintf(steer, sizeof steer, "fail=*:719@%u", call);
    fake_cuda_steer(steer);
    uint64_t begin_ns = vyre_clock_ns();
    vyre_status_t status = use(&life, program, ingest);
    const char *failed = fake_cuda_look().failed;
    vyre_status_format(status, words, sizeof words);
    vyre_code_t code = vyre_status_code(status);
    vyre_status_destroy(&status);
    vyre_stream_close(&life.stream); /* beside the kernel */
    /* When the word was not written the kernel does not stop; destroy tries again. */
    vyre_status_t stopped = life.session ? vyre_session_stop(life.session, SECOND / 5) : NULL;
    vyre_status_destroy(&stopped);
    vyre_session_destroy(&life.session);
    vyre_device_close(&life.device);
    assert_int_equal(fake_cuda_look().alive, 0);
    assert_true(vyre_clock_ns() - begin_ns < 5 * SECOND);
    snprintf(gives, sizeof gives, "%s gives 719", failed ? failed : "");
    if (failed ? !strstr(words, gives) : code != VYRE_E_FAULT) fail_msg("call %u, %s: %s", call, failed, words);
    if (fake_cuda_look().failed) continue;
    assert_true(call >= CALLS_MIN);
    break;
  }
  cuda_expect_nothing_left();
  vyre_program_destroy(&program);
}

static void a_third_context_does_not_fit(void **state) {
  (void)state;
  vyre_program_t *program;
  life_t life = {0};
  ok(vyre_program_parse(text, sizeof text - 1, "first.vyre", &program));
  fake_cuda_steer("fail=cuCtxCreate:2@3");
  cuda_expect(use(&life, program, "mapped"), VYRE_E_DEVICE_MEMORY,
              "a context does not fit|creating the registration context of cuda:0");
  vyre_stream_close(&life.stream);
  ok(vyre_session_stop(life.session, 5 * SECOND));
  vyre_session_destroy(&life.session);
  vyre_device_close(&life.device);
  cuda_expect_nothing_left();
  vyre_program_destroy(&program);
}

/* ---- too few threads ---- */

typedef struct report {
  vyre_code_t code;
  char text[2000];
} report_t;

/* As a user of its own who may have three threads: this one, the fake's kernel and the pump, so that io_uring has none.
 */
static void read_without_threads(void *out, uint64_t unused) {
  (void)unused;
  report_t *report = out;
  vyre_program_t *program = NULL;
  life_t life = {0};
  uid_t user = 0x310000 + (uid_t)getpid();
  if (setrlimit(RLIMIT_NPROC, &(struct rlimit){3, 3}) != 0 || setgroups(0, NULL) != 0 || setuid(user) != 0) return;
  fake_cuda_steer("");
  vyre_status_t status = vyre_program_parse(text, sizeof text - 1, "first.vyre", &program);
  if (!status) status = use(&life, program, NULL);
  report->code = vyre_status_code(status);
  vyre_status_format(status, report->text, sizeof report->text);
}

static void reads_without_threads(void **state) {
  (void)state;
  if (geteuid() != 0) VYRE_TEST_SKIP("root", "only root can become another user with a limit of its own");
  static report_t report;
  assert_int_equal(chmod(path, 0644), 0);
  assert_true(child_run(read_without_threads, 0, &report, sizeof report));
  if (report.code != VYRE_E_THREADS || !strstr(report.text, "Fix: Raise `ulimit -u`")) fail_msg("%s", report.text);
}

static int make_file(void **state) {
  (void)state;
  int file = mkstemp(path);
  if (file < 0) return -1;
  return write(file, text, sizeof text) == (ssize_t)sizeof text ? close(file) : -1;
}

static int remove_file(void **state) {
  (void)state;
  return unlink(path);
}

int main(void) {
  static char fixed[] = "fixed", mapped[] = "mapped";
  const struct CMUnitTest tests[] = {
      {"every call that fails ends the stream", every_call_that_fails_ends_the_stream, NULL, NULL, fixed},
      {"the same of the path mapped", every_call_that_fails_ends_the_stream, NULL, NULL, mapped},
      cmocka_unit_test(a_third_context_does_not_fit),
      cmocka_unit_test(reads_without_threads), /* after it: the loop is compiled, which this user might not do */
  };
  return cmocka_run_group_tests(tests, make_file, remove_file);
}
