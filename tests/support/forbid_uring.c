/* forbid-uring [--errno EPERM|ENOSYS] COMMAND [ARGUMENT...]: runs the command where io_uring is forbidden. Exit status:
 * the command's; 125 for mistakes in using this, 126 when the filter is refused, 127 when the command is not found. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/seccomp.h"

int main(int argc, char **argv) {
  int error = EPERM, first = 1;
  if (argc > 2 && strcmp(argv[1], "--errno") == 0) {
    if (strcmp(argv[2], "ENOSYS") == 0)
      error = ENOSYS;
    else if (strcmp(argv[2], "EPERM") != 0)
      first = argc;
    if (first < argc) first = 3;
  }
  if (first >= argc) {
    fprintf(stderr, "usage: forbid-uring [--errno EPERM|ENOSYS] COMMAND [ARGUMENT...]\n");
    return 125;
  }
  if (vyre_forbid_uring(error) != 0) {
    perror("forbid-uring: seccomp");
    return 126;
  }
  execvp(argv[first], argv + first);
  fprintf(stderr, "forbid-uring: %s: %s\n", argv[first], strerror(errno));
  return 127;
}
