/* A stream on the fake driver, closed before its session is stopped: every call to the driver fails in turn. The fake
 * runs no Programs, so that the stream ends by a fault when nothing fails before. Label uring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vyre/stream.h>

#include "device/cuda_fixture.h"

enum { CALLS_MIN = 60, CALLS_MAX = 400 };
#define SECOND VYRE_NS_PER_S

static const char text[] = "program first\nstream data : u8\noutput n : u64 sum\nn += 1\n";
static char path[] = "/tmp/vyre-cuda-stream-XXXXXX";

typedef struct life {
  vyre_device_t *device;
  vyre_session_t *session;
  vyre_stream_t *stream;
} life_t;

static vyre_status_t use(life_t *life, const vyre_program_t *program) {
  static const char *const paths[] = {path};
  vyre_session_params_t session = {.workers = 1, .ring_slots = 16};
  vyre_stream_params_t stream = {.paths = paths, .path_count = 1, .chunk_bytes = 4096, .depth = 2};
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
  (void)state;
  vyre_program_t *program;
  ok(vyre_program_parse(text, sizeof text - 1, "first.vyre", &program));
  for (uint32_t call = 1;; call++) {
    assert_true(call < CALLS_MAX);
    life_t life = {0};
    char steer[40], words[4000], gives[100];
    snprintf(steer, sizeof steer, "fail=*:719@%u", call);
    fake_cuda_steer(steer);
    uint64_t begin_ns = vyre_clock_ns();
    vyre_status_t status = use(&life, program);
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
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_call_that_fails_ends_the_stream, make_file, remove_file)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
