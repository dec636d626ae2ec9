#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

_Noreturn static void die(const char *what, const char *name) {
  fprintf(stderr, "bench: %s: %s: %s\n", name, what, errno ? strerror(errno) : "failed");
  exit(1);
}

static double seconds(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec * 1e-6; }

/* Reads all that the child prints, waits for it; gives the bytes. */
static size_t watch(pid_t pid, int output_fd, double start_s, const char *name, bench_process_t *process) {
  size_t used = 0, room = sizeof process->output - 1;
  ssize_t got;
  process->output_s = 0;
  while ((got = read(output_fd, process->output + used, room - used)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) die("read", name);
    if (used == 0) process->output_s = bench_now() - start_s;
    used += (size_t)got;
    errno = 0;
    if (used == room) die("it prints too much", name);
  }
  close(output_fd);
  process->output[used] = '\0';
  struct rusage usage;
  int status;
  if (wait4(pid, &status, 0, &usage) != pid) die("wait4", name);
  process->wall_s = bench_now() - start_s;
  if (used == 0) process->output_s = process->wall_s;
  process->cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  process->rss_max_mib = (double)usage.ru_maxrss / 1024;
  errno = 0;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) die("it ended with an error", name);
  return used;
}

/* fork and not posix_spawn: a child that shares its parent's memory until exec inherits the parent's peak. */
static pid_t fork_with_pipe(int *out_read, int *out_write, const char *name) {
  int ends[2];
  if (pipe(ends) != 0) die("pipe", name);
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) die("fork", name);
  close(ends[pid == 0 ? 0 : 1]);
  *out_read = ends[0];
  *out_write = ends[1];
  return pid;
}

void bench_process_run(const char *const *argv, bench_process_t *out_process) {
  int read_end, write_end;
  double start_s = bench_now();
  pid_t pid = fork_with_pipe(&read_end, &write_end, argv[0]);
  if (pid == 0) {
    dup2(write_end, STDOUT_FILENO);
    close(write_end);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    fprintf(stderr, "bench: %s: exec: %s\n", argv[0], strerror(errno));
    _exit(127);
  }
  watch(pid, read_end, start_s, argv[0], out_process);
}

void bench_process_call(void (*function)(void *context, void *result), void *context, void *result, uint32_t bytes,
                        bench_process_t *out_process) {
  static const char name[] = "a child of this benchmark";
  int read_end, write_end;
  double start_s = bench_now();
  pid_t pid = fork_with_pipe(&read_end, &write_end, name);
  if (pid == 0) {
    function(context, result);
    _exit(write(write_end, result, bytes) == (ssize_t)bytes ? 0 : 1);
  }
  if (watch(pid, read_end, start_s, name, out_process) != bytes) die("its result is incomplete", name);
  memcpy(result, out_process->output, bytes);
}

const char *bench_process_sibling(const char *name) {
  static char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 256);
  if (length <= 0) die("/proc/self/exe", name);
  path[length] = '\0';
  snprintf(strrchr(path, '/') + 1, 256, "%s", name);
  if (access(path, X_OK) != 0) die("it has to be built beside this program", path);
  return path;
}
