/* The files of a stream, opened, and the cursor that cuts them into chunks.
 *
 * Owns:    the descriptors and copies of the paths.
 * Threads: vyre_stream_files_next from any thread; the rest before and after the stream runs.
 * Units:   bytes. A file's size is that of when it was opened: bytes that are added later are not read. */
#ifndef VYRE_STREAM_FILES_H
#define VYRE_STREAM_FILES_H

#include <pthread.h>

#include "base/status.h"

typedef struct vyre_stream_file {
  char *path;
  int fd;
  int direct_fd; /* of reads past the page cache; -1: none */
  uint64_t bytes;
} vyre_stream_file_t;

typedef struct vyre_stream_chunk {
  uint32_t file;   /* index */
  bool is_last;    /* ends its file */
  uint64_t offset; /* in the file */
  uint32_t bytes;  /* 0 only for an empty file */
  uint64_t number; /* of all chunks, from 0 on */
} vyre_stream_chunk_t;

typedef struct vyre_stream_files {
  vyre_stream_file_t *files;
  uint32_t count;
  uint32_t chunk_bytes;
  uint64_t bytes; /* of all */
  pthread_mutex_t lock;
  uint32_t next_file; /* under lock */
  uint64_t next_offset, next_number;
} vyre_stream_files_t;

/* What else a file is opened for. */
typedef enum vyre_stream_direct {
  VYRE_STREAM_CACHED,         /* nothing */
  VYRE_STREAM_DIRECT_IF_ABLE, /* reads past the page cache, where its file system has them */
  VYRE_STREAM_DIRECT,         /* the same; VYRE_E_UNSUPPORTED where it has not */
} vyre_stream_direct_t;

/* Opens every file for reading; the first that cannot be opened, is no regular file or whose size is not a multiple of
 * element_bytes ends it. chunk_bytes is a multiple of element_bytes. */
vyre_status_t vyre_stream_files_open(vyre_stream_files_t *files, const char *const *paths, uint32_t count,
                                     uint32_t chunk_bytes, uint32_t element_bytes, vyre_stream_direct_t direct);
/* Cuts a buffer's bytes into chunks as if they were one file's. */
vyre_status_t vyre_stream_files_of_buffer(vyre_stream_files_t *files, uint64_t bytes, uint32_t chunk_bytes);
void vyre_stream_files_close(vyre_stream_files_t *files);

/* The next chunk in order; false when there is none left. */
bool vyre_stream_files_next(vyre_stream_files_t *files, vyre_stream_chunk_t *out_chunk);
/* Whether there is one. */
bool vyre_stream_files_has_next(vyre_stream_files_t *files);

#endif
