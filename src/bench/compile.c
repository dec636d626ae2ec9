/* A Program compiled from its text, beside the compilers that one would call for the same loop in C: whole processes,
 * left out where they are not installed. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vyre/program.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bench/bench.h"

extern char **environ;

static const char program_text[] =
    "program bench_compile\n"
    "stream data : u8\n"
    "output lines : u64 sum\n"
    "foreach i in 0 .. len(data) { if data[i] == '\\n' { lines += 1 } }\n";

static const char c_text[] =
    "unsigned long count(const unsigned char *data, unsigned long bytes) {\n"
    "  unsigned long lines = 0;\n"
    "  for (unsigned long i = 0; i < bytes; i++) lines += data[i] == '\\n';\n"
    "  return lines;\n"
    "}\n";

/* What a chunk's handler would be: a grid that strides over the bytes, 16 of them at a time. */
static const char cuda_text[] =
    "extern \"C\" __global__ void count(const uint4 *data, unsigned long long pieces, unsigned long long *lines) {\n"
    "  unsigned long long mine = 0;\n"
    "  for (unsigned long long i = blockIdx.x * blockDim.x + threadIdx.x; i < pieces; i += blockDim.x * gridDim.x) {\n"
    "    uint4 four = data[i];\n"
    "    const unsigned char *bytes = (const unsigned char *)&four;\n"
    "    for (int k = 0; k < 16; k++) mine += bytes[k] == '\\n';\n"
    "  }\n"
    "  for (int step = 16; step; step /= 2) mine += __shfl_down_sync(0xffffffff, mine, step);\n"
    "  if (threadIdx.x % 32 == 0) atomicAdd(lines, mine);\n"
    "}\n";

static vyre_status_t compile(vyre_bench_t *bench, vyre_bench_row_id_t row, vyre_emit_t form) {
  vyre_program_t *program;
  char *bytes = NULL;
  size_t size = 0;
  uint64_t start_ns = vyre_clock_ns();
  VYRE_TRY(vyre_program_parse(program_text, strlen(program_text), "bench_compile.vyre", &program));
  vyre_status_t status = vyre_program_emit(program, form, &bytes, &size);
  double ms = vyre_bench_seconds(start_ns) * 1e3;
  vyre_program_destroy(&program);
  vyre_free(bytes);
  if (!status) vyre_bench_record(bench, row, ms, 1, 0);
  return status;
}

static vyre_emit_t ptx_of(const char *target) {
  if (strcmp(target, "sm_80") == 0) return VYRE_EMIT_PTX_SM_80;
  if (strcmp(target, "sm_86") == 0) return VYRE_EMIT_PTX_SM_86;
  return strcmp(target, "sm_89") == 0 ? VYRE_EMIT_PTX_SM_89 : VYRE_EMIT_PTX_SM_90;
}

/* ---- compilers ---- */

/* A file of its own that lives as long as the call. */
static vyre_status_t write_source(const char *text, const char *suffix, char *path, size_t size) {
  const char *folder = getenv("TMPDIR");
  snprintf(path, size, "%s/vyre-bench-XXXXXX%s", folder && *folder ? folder : "/var/tmp", suffix);
  int fd = mkstemps(path, (int)strlen(suffix));
  if (fd < 0) return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "mkstemps"), "%s", path);
  ssize_t wrote = write(fd, text, strlen(text));
  int error = wrote < 0 ? errno : wrote == (ssize_t)strlen(text) ? 0 : ENOSPC;
  close(fd);
  if (!error) return NULL;
  unlink(path);
  return vyre_status_at(vyre_status_from_errno(error, VYRE_E_IO, "write"), "%s", path);
}

/* Seconds of the process, quiet; 0 when there is no such program, or it fails. */
static double run_process(const char *const *argv) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  int exited = -1;
  uint64_t start_ns = vyre_clock_ns();
  int error = posix_spawnp(&child, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
  while (!error && waitpid(child, &exited, 0) < 0 && errno == EINTR) continue;
  double seconds = vyre_bench_seconds(start_ns);
  posix_spawn_file_actions_destroy(&actions);
  return error || exited != 0 ? 0 : seconds;
}

static vyre_status_t run_compiler(vyre_bench_t *bench, vyre_bench_row_id_t row, const char *text, const char *suffix,
                                  const char *const *argv, size_t source) {
  const char *filled[16] = {0};
  char path[256];
  VYRE_TRY(write_source(text, suffix, path, sizeof path));
  for (size_t i = 0; argv[i]; i++) filled[i] = i == source ? path : argv[i];
  double seconds = run_process(filled);
  unlink(path);
  if (seconds > 0) vyre_bench_record(bench, row, seconds * 1e3, 1, 0);
  return NULL;
}

vyre_status_t vyre_bench_compile(vyre_bench_t *bench) {
  static const char *const cc[] = {"cc", "-O3", "-march=native", "-c", "-o", "/dev/null", "", NULL};
  if (bench->gpu < 0) {
    VYRE_TRY(compile(bench, VYRE_BENCH_ROW_COMPILE_PROGRAM, VYRE_EMIT_OBJECT));
  } else {
    char arch[32];
    snprintf(arch, sizeof arch, "-arch=%s", bench->info.target);
    const char *const nvcc[] = {"nvcc", "-O3", "-cubin", arch, "-o", "/dev/null", "", NULL};
    VYRE_TRY(compile(bench, VYRE_BENCH_ROW_COMPILE_PROGRAM, ptx_of(bench->info.target)));
    VYRE_TRY(compile(bench, VYRE_BENCH_ROW_COMPILE_CUBIN, VYRE_EMIT_CUBIN));
    VYRE_TRY(run_compiler(bench, VYRE_BENCH_ROW_COMPILE_NVCC, cuda_text, ".cu", nvcc, 6));
  }
  return run_compiler(bench, VYRE_BENCH_ROW_COMPILE_CC, c_text, ".c", cc, 6);
}
