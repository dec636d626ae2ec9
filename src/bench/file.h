/* The file of the stream part: the caller's, or a temporary one of seeded text that has lost its name already, so that
 * nothing is left behind however the process ends. Opening counts its lines in C, which also makes it warm. */
#ifndef VYRE_BENCH_FILE_H
#define VYRE_BENCH_FILE_H

#include <stdbool.h>

#include "bench/bench.h"

struct vyre_bench_file {
  int fd;
  char path[64];    /* a path of the temporary file, through this process's descriptors */
  const char *name; /* to open it by: the caller's path, or `path` */
  uint64_t bytes, lines;
};

/* Errors: those of files; VYRE_E_IO when there is no room. */
vyre_status_t vyre_bench_file_open(const vyre_bench_params_t *params, vyre_bench_file_t *out_file);
/* Accepts fd < 0. */
void vyre_bench_file_close(vyre_bench_file_t *file);

/* Reads `size` bytes at `offset`, all of them. VYRE_E_FILE_CHANGED at the end of the file. */
vyre_status_t vyre_bench_file_read(int fd, void *to, size_t size, uint64_t offset);

/* Newlines in memory, with AVX2 where the processor has it. */
uint64_t vyre_bench_count_lines(const uint8_t *data, size_t bytes);

#endif
