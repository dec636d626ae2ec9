/* The kernels of the baselines are accepted by NVIDIA's assembler ($VYRE_PTXAS, or where packages put it). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device/cuda/baseline.h"
#include "support/require.h"

static bool is_skipped;

static const char *find_ptxas(void) {
  static const char *const places[] = {"/usr/bin/ptxas", "/usr/local/bin/ptxas", "/usr/local/cuda/bin/ptxas"};
  const char *named = getenv("VYRE_PTXAS");
  if (named && access(named, X_OK) == 0) return named;
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
    if (access(places[i], X_OK) == 0) return places[i];
  return NULL;
}

/* The exit status of the assembler for this text. */
static int assemble(const char *ptxas, const char *arch, const char *ptx) {
  char path[] = "/tmp/vyre-ptx-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, ptx, strlen(ptx)), (ssize_t)strlen(ptx));
  close(fd);
  pid_t child = fork();
  if (child == 0) {
    execl(ptxas, ptxas, arch, path, "-o", "/dev/null", (char *)NULL);
    _exit(127);
  }
  int state = 0;
  assert_int_equal(waitpid(child, &state, 0), child);
  unlink(path);
  return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static void kernels_assemble(void **state) {
  (void)state;
  const char *ptxas = find_ptxas();
  is_skipped = !ptxas;
  if (!ptxas) VYRE_TEST_SKIP("ptxas", "ptxas is not found (VYRE_PTXAS names one)");
  assert_int_equal(assemble(ptxas, "-arch=sm_80", vyre_cuda_baseline_ptx), 0);
  assert_int_equal(assemble(ptxas, "-arch=sm_90", vyre_cuda_baseline_ptx), 0);
  assert_int_not_equal(assemble(ptxas, "-arch=sm_90", "this is no PTX\n"), 0);
}

static void both_kernels_are_there(void **state) {
  (void)state;
  assert_non_null(strstr(vyre_cuda_baseline_ptx, ".visible .entry vyre_empty("));
  assert_non_null(strstr(vyre_cuda_baseline_ptx, ".visible .entry vyre_pong("));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(both_kernels_are_there), cmocka_unit_test(kernels_assemble)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  return !failed && is_skipped ? 77 : failed;
}
