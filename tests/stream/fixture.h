/* What the tests of streams share: a folder of files, a running session with some Programs, and what each Program
 * gives, computed in plain C.
 *
 * Owns:    the fixture its folder, session and device. Threads: one. */
#ifndef TESTS_STREAM_FIXTURE_H
#define TESTS_STREAM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <vyre/stream.h>

#include "base/clock.h"
#include "support/expect.h"

typedef enum stream_program {
  STREAM_COUNT_LINES, /* programs/count_lines.vyre */
  STREAM_HISTOGRAM,   /* programs/histogram.vyre */
  STREAM_PLACES,      /* the sum of each byte times its place in its file: finds bytes that are elsewhere */
  STREAM_ENDS,        /* chunks, files' ends, offsets, offsets at the ends, bytes */
  STREAM_WORDS,       /* a stream of u32 */
  STREAM_DIVIDE,      /* sum of 100 / byte: faults at a zero byte */
  STREAM_NO_EMPTY,    /* faults in an empty chunk, and only there */
  STREAM_NO_STREAM,   /* reads no stream */
  STREAM_PROGRAMS
} stream_program_t;

enum { STREAM_VALUES_MAX = 256, STREAM_FILES_MAX = 320 };
#define SECOND VYRE_NS_PER_S

typedef struct stream_fixture {
  char folder[64];
  vyre_device_t *device;
  vyre_session_t *session;
  uint32_t opcodes[STREAM_PROGRAMS];
  const char *ingest; /* of stream_start; NULL: the default */
  uint32_t file_count;
  char *paths[STREAM_FILES_MAX];
  uint8_t *bytes[STREAM_FILES_MAX]; /* what the files hold */
  size_t sizes[STREAM_FILES_MAX];
} stream_fixture_t;

/* Opens a folder and a session; params may be NULL. */
void stream_open(stream_fixture_t *f, const char *device, const vyre_session_params_t *params);
/* Stops the session, which must work, and removes the folder. */
void stream_close(stream_fixture_t *f);

/* Forgets and removes the files so far. */
void stream_clear_files(stream_fixture_t *f);
/* Adds a file: of these bytes, or random ones of a seed, a third of them newlines or spaces, none of them zero. */
const char *stream_add_file(stream_fixture_t *f, const void *bytes, size_t size);
const char *stream_add_random(stream_fixture_t *f, uint64_t seed, size_t size);
/* A file of holes, not among the fixture's files: the caller names and removes nothing but its path, which is lent. */
const char *stream_sparse_file(stream_fixture_t *f, uint64_t size);

/* All files of the fixture through the program; values gets all outputs, one after the other, as u64. */
void stream_run(stream_fixture_t *f, stream_program_t program, uint32_t chunk_bytes, uint32_t depth,
                uint64_t values[STREAM_VALUES_MAX]);
/* What that must give. */
void stream_expected(const stream_fixture_t *f, stream_program_t program, uint32_t chunk_bytes,
                     uint64_t values[STREAM_VALUES_MAX]);
/* Runs and compares. */
void stream_check(stream_fixture_t *f, stream_program_t program, uint32_t chunk_bytes, uint32_t depth);

vyre_status_t stream_start(stream_fixture_t *f, stream_program_t program, const char *const *paths, uint32_t count,
                           uint32_t chunk_bytes, uint32_t depth, vyre_stream_t **out_stream);
/* Waits for the end, which must come within 20 s, and gives what wait gave. */
vyre_status_t stream_finish(vyre_stream_t *stream);
/* Reads the outputs of a stream that ended well and compares. */
void stream_compare(const stream_fixture_t *f, stream_program_t program, vyre_stream_t *stream, uint32_t chunk_bytes);
/* The session still works: a fresh stream over a small file of its own gives what it must. */
void stream_still_works(stream_fixture_t *f);

/* Open descriptors of this process. */
int stream_open_files(void);

#endif
