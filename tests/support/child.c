#include "support/child.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool send_all(int to, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t sent = write(to, bytes, length);
    if (sent <= 0) return false;
    bytes += sent;
    length -= (size_t)sent;
  }
  return true;
}

bool child_run(void (*body)(void *report, uint64_t argument), uint64_t argument, void *report, size_t bytes) {
  memset(report, 0, bytes);
  int ends[2];
  if (pipe(ends) != 0) return false;
  pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    body(report, argument);
    _exit(send_all(ends[1], report, bytes) ? 0 : 1);
  }
  close(ends[1]);
  size_t length = 0;
  ssize_t got;
  while (length < bytes && (got = read(ends[0], (char *)report + length, bytes - length)) > 0) length += (size_t)got;
  close(ends[0]);
  int wait_status = 0;
  if (waitpid(child, &wait_status, 0) == child && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0 &&
      length == bytes)
    return true;
  fprintf(stderr, "child_run: wait status 0x%x, %zu of %zu bytes\n", (unsigned)wait_status, length, bytes);
  return false;
}
