/* ThreadSanitizer sees into the machine code of the loop and of handlers: a build of it in which completions are stored
 * without release is reported, one as it is is not. The linker puts the planted error into the loop's builder.
 *
 * Only in the preset tsan. A report counts in the process that it is made in, so each case is one: argument 1 is the
 * device, argument 2 "planted" or "sound". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vyre/session.h>

#include "base/clock.h"
#include "ir/builder.h"
#include "ir/frame.h"
#include "support/device.h"
#include "support/expect.h"

enum { SLOTS = 200, BYTES = 100, REPORTED = 66, TEXT_BYTES = 1 << 16 };

static bool is_planted;

void __real_vyre_build_store16(vyre_builder_t *b, unsigned tag, vyre_order_t order, vyre_expr_id_t address,
                               const vyre_expr_id_t words[4]);
void __wrap_vyre_build_store16(vyre_builder_t *b, unsigned tag, vyre_order_t order, vyre_expr_id_t address,
                               const vyre_expr_id_t words[4]);

/* Of the loop's 16-byte stores those with release complete a slot or send a letter. */
void __wrap_vyre_build_store16(vyre_builder_t *b, unsigned tag, vyre_order_t order, vyre_expr_id_t address,
                               const vyre_expr_id_t words[4]) {
  __real_vyre_build_store16(b, tag, is_planted ? VYRE_ORDER_RELAXED : order, address, words);
}

/* ---- in a process of its own ---- */

/* One slot after the other adds up bytes; the host reads the sum, which a handler has stored plainly. */
static void run_session(const char *device_name) {
  static const char text[] =
      "program sum\nstream data : u8\noutput n : u64 sum\nfor i in 0 .. len(data) { n += u64(data[i]) }\n";
  vyre_device_t *device;
  ok(test_device_open(device_name, &device));
  vyre_session_params_t params = {
      .builder = test_device_builder(device_name), .topology = test_device_topology(device_name), .workers = 1};
  vyre_session_t *session;
  ok(vyre_session_create(device, &params, &session));
  vyre_program_t *program;
  ok(vyre_program_parse(text, sizeof text - 1, "sum.vyre", &program));
  uint32_t opcode, in, out;
  ok(vyre_session_register(session, program, &opcode));
  vyre_program_destroy(&program);
  ok(vyre_session_start(session));
  void *memory;
  ok(vyre_session_window_create(session, BYTES, &in, &memory));
  memset(memory, 3, BYTES);
  ok(vyre_session_window_create(session, 64, &out, &memory));
  const uint64_t *sum = memory;
  for (uint64_t i = 1; i <= SLOTS; i++) {
    vyre_slot_t slot = {.opcode = opcode, .arg = {in, 0, 0, BYTES, 0, 0, VYRE_FRAME_IS_LAST, out, 0, 0}};
    vyre_ticket_t ticket;
    ok(vyre_session_submit(session, &slot, VYRE_NS_PER_S, &ticket));
    vyre_completion_t completion;
    ok(vyre_session_wait(session, ticket, 60 * VYRE_NS_PER_S, &completion));
    if (*sum != i * 3 * BYTES) exit(1);
  }
  ok(vyre_session_stop(session, 10 * VYRE_NS_PER_S));
  vyre_session_destroy(&session);
  vyre_device_close(&device);
}

/* ---- the tests ---- */

/* The exit status of such a process; `text` is what it printed to stderr. */
static int run_process(const char *device, const char *kind, char text[TEXT_BYTES]) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    setenv("TSAN_OPTIONS", "exitcode=66", 1);
    execl("/proc/self/exe", "test-missing-release", device, kind, (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  size_t length = 0;
  char chunk[4096];
  for (ssize_t got; (got = read(ends[0], chunk, sizeof chunk)) > 0;) {
    size_t kept = (size_t)got < TEXT_BYTES - 1 - length ? (size_t)got : TEXT_BYTES - 1 - length;
    memcpy(text + length, chunk, kept);
    length += kept;
  }
  text[length] = 0;
  close(ends[0]);
  int wait_status = 0;
  assert_int_equal(waitpid(child, &wait_status, 0), child);
  assert_true(WIFEXITED(wait_status));
  return WEXITSTATUS(wait_status);
}

static void missing_release(void **state) {
  static char text[TEXT_BYTES];
  int status = run_process(*state, "sound", text);
  if (status != 0) fail_msg("%s, as it is: exit %d\n%s", (char *)*state, status, text);
  status = run_process(*state, "planted", text);
  if (status != REPORTED || !strstr(text, "ThreadSanitizer: data race"))
    fail_msg("%s, planted: exit %d\n%s", (char *)*state, status, text);
}

int main(int argc, char **argv) {
  if (argc == 3) {
    is_planted = strcmp(argv[2], "planted") == 0;
    run_session(argv[1]);
    return 0;
  }
  static char *devices[] = {"cpu", "cpu/jit", "cpu/dispatched", "cpu/dispatched/jit"};
  enum { COUNT = sizeof devices / sizeof *devices };
  struct CMUnitTest tests[COUNT];
  for (int i = 0; i < COUNT; i++)
    tests[i] = (struct CMUnitTest){.name = devices[i], .test_func = missing_release, .initial_state = devices[i]};
  return _cmocka_run_group_tests("missing_release", tests, COUNT, NULL, NULL);
}
