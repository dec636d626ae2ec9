/* What a disk and a kernel do on bad days, between the stream and io_uring: the linker's --wrap puts these functions
 * before vyre_uring_read_fixed, vyre_uring_submit and vyre_uring_reap in executables that ask for it.
 *
 * Threads: set the hooks while no stream is open; they are called on the workers' threads, also at once. */
#ifndef TESTS_STREAM_INJECT_H
#define TESTS_STREAM_INJECT_H

#include <stdbool.h>
#include <stdint.h>

/* A NULL hook changes nothing. */
typedef struct inject {
  /* Before a read is asked for; gives how many of the `bytes` (1 or more) the kernel will be asked for. */
  uint32_t (*read)(uint32_t bytes, uint64_t file_offset);
  /* Gives what the stream is told instead of the kernel's result. */
  int32_t (*result)(int32_t result);
  /* Says that the kernel has ended nothing yet. */
  bool (*holds)(void);
  bool reverses; /* what ended last comes first */
  /* An errno instead of a submit, or 0. */
  int (*submit)(void);
} inject_t;

extern inject_t inject;

#endif
