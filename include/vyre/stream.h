/* vyre/stream.h: bytes of files flow through one registered Program of a running session.
 *
 * The stream reads its files in chunks into registered buffers, publishes one slot per chunk, and adds up the outputs
 * over all chunks of all files: outputs with sum (of integers), min, max, or, xor. A Program with a halo, other
 * outputs, finish or a chunk size of its own is refused. Files follow one another; a chunk never spans two. An empty
 * file is one empty chunk. On ref and cpu the session's workers read, each into buffers of its own. On a GPU one thread
 * of the host does, and a copy engine brings each chunk into the device's memory before it is published.
 *
 * Owns:    its buffers, its open files, its outputs. Close it before its session is destroyed.
 * Threads: one thread opens, waits, reads the result and closes; progress and request_shutdown from any thread.
 * Memory:  chunk_bytes * depth of buffers per worker, whatever the size of the files; on a GPU that of one worker, and
 *          as much in the device's memory. */
#ifndef VYRE_STREAM_H
#define VYRE_STREAM_H

#include <vyre/buffer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vyre_stream vyre_stream_t;

/* Zero or NULL means the default in parentheses. */
typedef struct vyre_stream_params {
  const char *const *paths; /* regular files */
  uint32_t path_count;
  vyre_buffer_t *buffer; /* instead of files: bytes that are on the device already. Lent, until the stream is closed */
  uint64_t buffer_offset, buffer_bytes; /* of them; 0 bytes: all from the offset on. The offset is a multiple of 8 */
  /* ("auto") how the bytes of files come in:
   *   "fixed"   io_uring READ_FIXED into registered buffers, through the page cache
   *   "direct"  the same past the page cache (O_DIRECT), for files that it does not hold
   *   "mapped"  on a GPU: the copy engine reads the page cache itself; slower, for a quarter of the CPU time
   *   "auto"    fixed for what the page cache holds, direct for the rest, chunk by chunk */
  const char *ingest;
  /* (1 MiB; on a GPU the smallest of 256 KiB to 8 MiB whose copies are within 5 % of the fastest, measured once for a
   * device) a multiple of 4096, 4 KiB to 64 MiB */
  uint32_t chunk_bytes;
  uint32_t depth; /* (4; on a GPU as many as make 128 MiB) buffers per worker, on a GPU of the stream, at most 64 */
} vyre_stream_params_t;

typedef struct vyre_stream_progress {
  uint64_t bytes_done;  /* of finished chunks */
  uint64_t bytes_total; /* sizes of all files when they were opened */
} vyre_stream_progress_t;

typedef struct vyre_stream_report {
  const char *ingest;        /* the path that was used: "fixed", "direct", "fixed and direct", "mapped", "resident" */
  const char *ingest_reason; /* why: "named", or the words of the policy */
  uint64_t bytes;            /* that went through the Program */
  uint64_t bytes_cpu_copied; /* of them, copied by a CPU on the way (by the kernel, out of the page cache) */
  uint64_t bytes_fixed, bytes_direct; /* read through the page cache, and past it */
  uint64_t slots;
  uint64_t faults;
  double seconds;       /* from open to the last completion */
  uint32_t chunk_bytes; /* as planned: defaults shrink where little memory may be locked */
  uint32_t depth;
} vyre_stream_report_t;

/* Opens the files and begins to read. The first error of any file ends the call, nothing having run. Errors:
 * VYRE_E_NOT_FOUND, _PERMISSION, _NOT_A_FILE, _FILES, _NO_URING, _MEMLOCK, _MEMORY, _TABLE_FULL, _ARGUMENT,
 * _OPCODE_RANGE, _UNSUPPORTED; on a GPU, too: _DEVICE_MEMORY, _DRIVER. */
VYRE_API vyre_status_t vyre_stream_open(vyre_session_t *session, uint32_t opcode, const vyre_stream_params_t *params,
                                        vyre_stream_t **out_stream);
/* Waits up to timeout_ns for the end; *out_finished says whether it came. Gives the stream's error when it failed: a
 * file that shrank, an I/O error, a fault, each with file, offset and what was finished before. The error is given
 * once; waiting again is VYRE_E_STATE then. */
VYRE_API vyre_status_t vyre_stream_wait(vyre_stream_t *stream, uint64_t timeout_ns, bool *out_finished);
VYRE_API vyre_stream_progress_t vyre_stream_progress(const vyre_stream_t *stream);
/* Reads nothing more; wait then finishes with VYRE_E_STOPPED when anything was left out. Async-signal-safe. */
VYRE_API void vyre_stream_request_shutdown(vyre_stream_t *stream);
/* Copies output `index` (as in vyre_program_output_info) to `values`: count * element_bytes bytes. After wait has
 * finished without an error; VYRE_E_STATE before. */
VYRE_API vyre_status_t vyre_stream_output(const vyre_stream_t *stream, uint32_t index, void *values, size_t bytes);
VYRE_API vyre_stream_report_t vyre_stream_report(const vyre_stream_t *stream);
/* Ends reading, waits for chunks in flight, releases everything. Accepts NULL and a pointer to NULL. */
VYRE_API void vyre_stream_close(vyre_stream_t **stream);

#ifdef __cplusplus
}
#endif
#endif
