/* Runs a program, or a function, in a process of its own and measures it from outside.
 *
 * Owns:   nothing that outlives a call.
 * Errors: a child that cannot be started, fails or prints too much ends the benchmark with a message. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdint.h>

typedef struct bench_process {
  double output_s; /* from before the fork to the first byte that the child printed; wall_s when it printed nothing */
  double wall_s;   /* from before the fork to the end of the child */
  double cpu_s;
  double rss_max_mib; /* resident pages, those of mapped files among them */
  char output[32768]; /* what it printed to stdout, with a final NUL */
} bench_process_t;

/* argv ends with NULL; argv[0] is looked up in PATH. */
void bench_process_run(const char *const *argv, bench_process_t *out_process);

/* `function` writes its result of `bytes` bytes to `result`, in the child; a copy arrives in the caller's `result`. */
void bench_process_call(void (*function)(void *context, void *result), void *context, void *result, uint32_t bytes,
                        bench_process_t *out_process);

/* The path of a program that was built beside this one. */
const char *bench_process_sibling(const char *name);

#endif
