/* Every allocation of the command fails, in its own files and in the library's, each time in a process of its own: it
 * says so on stderr with a Fix, exits with 3, prints nothing that looks like a result, and gives everything back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codegen/codegen.h"
#include "support/child.h"
#include "support/expect.h"
#include "support/failing.h"
#include "support/random.h"

enum { TEXT_BYTES = 16384, ARGUMENTS_MAX = 12, EACH_MAX = 60, SAMPLE = 30 };

int cli_main(int argc, char **argv); /* main of cli/main.c */

typedef struct report {
  int exit_status;
  bool has_fired;
  uint64_t allocations;
  int64_t left;
  char out[TEXT_BYTES], err[TEXT_BYTES];
} report_t;

typedef struct command {
  const char *arguments[ARGUMENTS_MAX];
  int exit_status;   /* without failures */
  const char *error; /* then on stderr, NULL: nothing */
} command_t;

static const command_t *current;
static bool fails_from;
static bool varies; /* what the command prints does, and it may tell a failure there */

static void take(int descriptor, char text[TEXT_BYTES]) {
  ssize_t got = pread(descriptor, text, TEXT_BYTES - 1, 0);
  text[got > 0 ? got : 0] = '\0';
}

/* In a child; `number` 0: nothing fails. */
static void run_command(void *out_report, uint64_t number) {
  report_t *report = out_report;
  char *argv[ARGUMENTS_MAX + 2] = {"vyre"};
  int argc = 1;
  for (; argc <= ARGUMENTS_MAX && current->arguments[argc - 1]; argc++)
    argv[argc] = (char *)(uintptr_t)current->arguments[argc - 1];
  int out = memfd_create("stdout", 0), err = memfd_create("stderr", 0);
  fflush(stdout);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  int64_t before = failing_live();
  failing_begin(number ? number : UINT64_MAX, fails_from);
  report->exit_status = cli_main(argc, argv);
  failing_end();
  fflush(stdout);
  fflush(stderr);
  report->left = failing_live() - before;
  report->has_fired = failing_has_fired();
  report->allocations = failing_count();
  take(out, report->out);
  take(err, report->err);
}

static void run(uint64_t number, report_t *report) {
  memset(report, 0, sizeof *report);
  if (!child_run(run_command, number, report, sizeof *report))
    fail_msg("vyre %s %s: the process has crashed at allocation %llu", current->arguments[0],
             current->arguments[1] ? current->arguments[1] : "", (unsigned long long)number);
}

static void check(uint64_t number, const report_t *whole) {
  static report_t r;
  run(number, &r);
  const char *problem = NULL;
  bool is_refusal = current->error && r.exit_status == current->exit_status && strstr(r.err, current->error);
  bool is_memory = r.exit_status == 3 && strstr(r.err, "VYRE-7001");
  if (varies && r.has_fired && r.exit_status == 0 && r.left == whole->left) return;
  bool is_json = r.out[0] == '{' && strncmp(r.out, "{\"error\": {", 11) == 0;
  if (!r.has_fired && (r.exit_status != whole->exit_status || (!varies && strcmp(r.out, whole->out) != 0)))
    problem = "it does something else without a failure";
  else if (r.has_fired && !is_memory && !is_refusal)
    problem = "the failure is not reported";
  else if (r.has_fired && !strstr(r.err, "\nFix: "))
    problem = "there is no Fix";
  else if (r.has_fired && r.out[0] && !is_json)
    problem = "something was printed";
  else if (r.left != whole->left)
    problem = "blocks were left behind";
  if (!problem) return;
  print_message("stdout:\n%s\nstderr:\n%s\n", r.out, r.err);
  fail_msg("vyre %s %s, allocation %llu%s: %s (exit %d, %lld blocks)", current->arguments[0],
           current->arguments[1] ? current->arguments[1] : "", (unsigned long long)number, fails_from ? " .." : "",
           problem, r.exit_status, (long long)r.left);
}

/* All of the first EACH_MAX allocations, and a sample of the others. */
static void try(const command_t *command) {
  static report_t whole;
  current = command;
  fails_from = false;
  run(0, &whole);
  if (whole.exit_status != command->exit_status || (command->error && !strstr(whole.err, command->error)))
    fail_msg("vyre %s: exit %d\n%s%s", command->arguments[0], whole.exit_status, whole.out, whole.err);
  assert_int_equal(whole.left, 0);
  for (int is_from = 0; is_from < 2; is_from++) {
    fails_from = is_from;
    random_t random = {whole.allocations};
    for (uint64_t n = 1; n <= whole.allocations + 1 && n <= EACH_MAX; n++) check(n, &whole);
    uint64_t others = whole.allocations > EACH_MAX ? whole.allocations - EACH_MAX : 0;
    for (unsigned i = 0; others > 0 && i < SAMPLE; i++)
      check(EACH_MAX + 1 + random_below(&random, (uint32_t)others), &whole);
  }
  print_message("vyre %s %s: %llu allocations\n", command->arguments[0],
                command->arguments[1] ? command->arguments[1] : "", (unsigned long long)whole.allocations);
}

#define PROGRAM VYRE_SOURCE_DIR "/programs/histogram.vyre"
#define LARGER VYRE_SOURCE_DIR "/tests/ir/golden/fmt_language.vyre"
#define MISTAKE VYRE_SOURCE_DIR "/tests/ir/golden/err_assign_let.vyre"
#define DATA VYRE_SOURCE_DIR "/README.md"

static void commands(void **state) {
  (void)state;
  static const command_t all[] = {
      {{"--version"}, 0, NULL},
      {{"chek"}, 2, "VYRE-1002"},
      {{"run", "--devic=cpu"}, 2, "VYRE-1002"},
      {{"run", "--chunk", "77"}, 2, "VYRE-1002"},
      {{"help"}, 0, NULL},
      {{"help", "run"}, 0, NULL},
      {{"explain"}, 0, NULL},
      {{"explain", "2001", "VYRE_E_FAULT"}, 0, NULL},
      {{"explain", "VYRE_E_FALT"}, 2, "VYRE-1004"},
      {{"check", LARGER}, 0, NULL},
      {{"check", MISTAKE}, 3, "VYRE-2"},
      {{"check", "/nowhere/at/all.vyre"}, 3, "VYRE-6001"},
      {{"fmt", LARGER}, 0, NULL},
      {{"fmt", "--check", LARGER}, 1, NULL},
      {{"inspect", LARGER}, 0, NULL},
      {{"inspect", "--emit", "canonical", LARGER}, 0, NULL},
      {{"inspect", "--emit", "fingerprint", LARGER}, 0, NULL},
      {{"inspect", "--emit", "wire", LARGER}, 0, NULL},
      {{"inspect", "--emit", "llvm", PROGRAM}, 0, NULL},
      {{"inspect", "--megakernel"}, 0, NULL},
      {{"inspect", "-o", VYRE_BINARY_DIR "/allocation.vyre", LARGER}, 0, NULL},
      {{"inspect", "--emit", "llvn", PROGRAM}, 2, "VYRE-1002"},
  };
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) try(&all[i]);
}

static void runs(void **state) {
  (void)state;
  static const command_t all[] = {
      {{"run", "--device", "ref", "--workers", "1", "--quiet", PROGRAM, DATA}, 0, NULL},
      {{"run", "--device", "ref", "--workers", "1", "--no-progress", PROGRAM, DATA}, 0, NULL},
      {{"run", "--json", "--quiet", "--device", "ref", "--workers", "1", PROGRAM, "/nowhere"}, 3, "VYRE-6001"},
      {{"run", "--device", "tpu", PROGRAM, DATA}, 3, "VYRE-4001"},
      {{"run", "--device", "ref", "--param", "x=1", PROGRAM, DATA}, 3, "VYRE-2003"},
  };
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) try(&all[i]);
}

/* Probes whose memory was out are facts like others, with a Fix. */
static void the_doctor(void **state) {
  (void)state;
  static const command_t command = {{"doctor"}, 0, NULL};
  varies = true;
  try(&command);
  varies = false;
}

/* Loaded before the children are made, which would each load it. */
static int set_up(void **state) {
  (void)state;
  const vyre_codegen_table_t *compiler;
  ok(vyre_codegen_load(&compiler));
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(commands), cmocka_unit_test(runs), cmocka_unit_test(the_doctor)};
  return cmocka_run_group_tests(tests, set_up, NULL);
}
