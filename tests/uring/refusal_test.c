/* What the kernel refuses, in child processes that are made to be refused: the code, and a Fix that names the value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/child.h"
#include "support/require.h"
#include "support/seccomp.h"
#include "uring/facts.h"
#include "uring/uring.h"

/* What a child found: sent through a pipe, since assertions belong to the parent. */
typedef struct report {
  bool enforced;
  vyre_code_t code;
  char text[2048]; /* formatted status */
  char fix[1024];
  vyre_uring_facts_t facts;
} report_t;

static void fill(report_t *report, vyre_status_t status) {
  report->code = vyre_status_code(status);
  vyre_status_format(status, report->text, sizeof report->text);
  snprintf(report->fix, sizeof report->fix, "%s", vyre_status_fix(status));
  vyre_status_destroy(&status);
}

static report_t in_child(void (*body)(void *report, uint64_t argument), uint64_t argument) {
  static report_t report;
  assert_true(child_run(body, argument, &report, sizeof report));
  return report;
}

static void create_forbidden(void *out, uint64_t error) {
  report_t *report = out;
  if (vyre_forbid_uring((int)error) != 0) return;
  report->enforced = true;
  vyre_uring_t *uring = NULL;
  vyre_status_t status = vyre_uring_create(NULL, &uring);
  fill(report, status);
  status = vyre_uring_probe(&report->facts);
  if (vyre_status_code(status) != report->code) report->code = VYRE_OK;
  vyre_status_destroy(&status);
}

static void seccomp_is_named(void **state) {
  (void)state;
  const int errors[] = {EPERM, ENOSYS};
  for (int i = 0; i < 2; i++) {
    report_t report = in_child(create_forbidden, (uint64_t)errors[i]);
    if (!report.enforced) VYRE_TEST_SKIP("seccomp", "this kernel takes no seccomp filter");
    assert_int_equal(report.code, VYRE_E_NO_URING);
    assert_int_equal(report.facts.seccomp_mode, 2);
    assert_false(report.facts.available);
    assert_non_null(strstr(report.text, strerror(errors[i])));
    if (report.facts.uring_disabled <= 0 || errors[i] == ENOSYS) {
      assert_memory_equal(report.fix, "Allow io_uring_setup", 20);
      assert_non_null(strstr(report.fix, "seccomp profile"));
    }
  }
}

static void create_without_files(void *out, uint64_t unused) {
  report_t *report = out;
  (void)unused;
  struct rlimit limit = {16, 16};
  report->enforced = setrlimit(RLIMIT_NOFILE, &limit) == 0;
  while (dup(0) >= 0) continue;
  vyre_uring_t *uring = NULL;
  fill(report, vyre_uring_create(NULL, &uring));
}

static void too_many_files_are_named(void **state) {
  (void)state;
  report_t report = in_child(create_without_files, 0);
  assert_true(report.enforced);
  if (report.code == VYRE_E_NO_URING) VYRE_TEST_SKIP("uring", "%s", report.text);
  assert_int_equal(report.code, VYRE_E_FILES);
  assert_non_null(strstr(report.text, "16 files"));
  assert_non_null(strstr(report.fix, "ulimit -n"));
}

/* argument: the soft limit in KiB, and above bit 32 the hard one. Two rings, as two workers have them; the second one
 * registers 1 MiB, as a user without privilege. */
static void register_as_stranger(void *out, uint64_t argument) {
  report_t *report = out;
  struct rlimit limit = {(argument & 0xFFFFFFFF) * 1024, (argument >> 32) * 1024};
  /* A user of its own: the kernel's account is per user, and 65534 may be busy with another run of this test. */
  uid_t user = 0x200000 + (uid_t)getppid();
  if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || setgroups(0, NULL) != 0 || setgid(user) != 0 || setuid(user) != 0)
    return;
  vyre_uring_facts_read(&report->facts);
  report->enforced = !report->facts.memlock_exempt;
  vyre_uring_t *other = NULL, *uring = NULL;
  vyre_uring_arena_t *arena = NULL;
  vyre_status_t status = vyre_uring_arena_create(256 * 1024, 4, false, &arena);
  if (!status) status = vyre_uring_create(NULL, &other);
  if (!status) status = vyre_uring_create(NULL, &uring);
  if (!status) status = vyre_uring_register_arena(uring, arena);
  fill(report, status);
  vyre_uring_destroy(&uring);
  vyre_uring_destroy(&other);
  vyre_uring_arena_destroy(&arena);
}

static uint64_t number_after(const char *text, const char *words) {
  const char *place = strstr(text, words);
  assert_non_null(place);
  return strtoull(place + strlen(words), NULL, 10);
}

/* The number in the Fix is enough, and it is not far too much. */
static void memlock_is_named_and_the_fix_works(void **state) {
  (void)state;
  if (geteuid() != 0) VYRE_TEST_SKIP("uring", "only root can become another user with a limit of its own");
  report_t report = in_child(register_as_stranger, 64 | UINT64_C(64) << 32);
  if (report.code == VYRE_E_NO_URING) VYRE_TEST_SKIP("uring", "%s", report.text);
  if (report.text[0] == '\0') VYRE_TEST_SKIP("uring", "setuid to an unused user is refused");
  if (report.code == VYRE_OK)
    VYRE_TEST_SKIP("uring", "1 MiB could be locked against RLIMIT_MEMLOCK of 64 KiB: this kernel does not enforce it");
  assert_true(report.enforced);
  assert_int_equal(report.code, VYRE_E_MEMLOCK);
  assert_non_null(strstr(report.text, "KiB are needed, RLIMIT_MEMLOCK is 64 KiB"));
  assert_non_null(strstr(report.text, "registering 4 read buffers, 1024 KiB"));
  assert_memory_equal(report.fix, "Raise the hard limit of 64 KiB", 30);
  uint64_t enough = number_after(report.fix, "then run `ulimit -l ");
  assert_true(enough >= 1024 && enough <= 1040);

  report = in_child(register_as_stranger, 64 | UINT64_C(8192) << 32);
  assert_int_equal(report.code, VYRE_E_MEMLOCK);
  assert_memory_equal(report.fix, "Run `ulimit -l ", 15);
  assert_int_equal(number_after(report.fix, "Run `ulimit -l "), enough);

  report = in_child(register_as_stranger, enough | enough << 32);
  if (report.code != VYRE_OK) fail_msg("with ulimit -l %llu: %s", (unsigned long long)enough, report.text);
}

static void forbid_uring_tool_works(void **state) {
  (void)state;
  FILE *output = popen(VYRE_BINARY_DIR "/bin/forbid-uring --errno ENOSYS grep -c 'Seccomp:.*2' /proc/self/status", "r");
  assert_non_null(output);
  assert_int_equal(fgetc(output), '1');
  assert_int_equal(pclose(output), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(seccomp_is_named),
      cmocka_unit_test(too_many_files_are_named),
      cmocka_unit_test(memlock_is_named_and_the_fix_works),
      cmocka_unit_test(forbid_uring_tool_works),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
