/* A large text file, the same bytes for the same size, in the page cache.
 *
 * Owns:   its file, which has no name unless it is kept: it goes with the process, however that ends.
 * Errors: whatever is missing ends the benchmark with a message and a Fix. */
#ifndef BENCH_TEXT_FILE_H
#define BENCH_TEXT_FILE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct bench_text_file {
  int fd;
  uint64_t bytes;
  char path[256]; /* opens it, from this process and its children */
} bench_text_file_t;

/* Words and lines of random lengths, written to disk and read twice. `folder` NULL is $TMPDIR, or /var/tmp. When disk
 * or memory is too short for `bytes` it says so on stdout and takes half, and so on. */
void bench_text_file_open(const char *folder, uint64_t bytes, bool is_kept, bench_text_file_t *out_file);
/* The same size without any text: a hole. */
void bench_text_file_open_hole(const char *folder, uint64_t bytes, bench_text_file_t *out_file);
/* Of its pages, those in the page cache: 1 is all. */
double bench_text_file_resident(const bench_text_file_t *file);
void bench_text_file_close(bench_text_file_t *file);

#endif
