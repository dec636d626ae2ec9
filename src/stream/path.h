/* How the bytes of a chunk come to where the kernel reads them: a small interface, an implementation for each path.
 *
 *   read      io_uring READ_FIXED into registered buffers, through the page cache (`fixed`) or past it (`direct`); on a
 *             GPU the copy engine brings them on into the device's memory
 *   mapped    on a GPU: the copy engine reads the page cache itself, whose pages are registered part by part
 *   resident  a buffer of the device's holds them already
 *
 * Threads: those of the pump; each worker has its own state.
 * Errors:  those of a chunk end the stream through vyre_stream_lose; nothing is returned. */
#ifndef VYRE_STREAM_PATH_H
#define VYRE_STREAM_PATH_H

#include "stream/pump.h"

typedef struct vyre_stream_path {
  vyre_status_t (*init)(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker); /* the worker's window, too */
  void (*deinit)(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker);        /* of what init came to, at least */
  /* The buffer has a chunk with bytes, and is COMING: vyre_stream_arrive or _lose follows, now or in progress. False:
   * not now, nothing was begun. */
  bool (*begin)(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer);
  void (*submit)(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker); /* what was begun; NULL: nothing to do */
  uint32_t (*progress)(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker); /* units of work done */
  /* Blocks until progress has work, or timeout_ns is over; false, at once, when nothing can come that way. NULL: never.
   */
  bool (*wait)(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, uint64_t timeout_ns);
  /* Where in the worker's window the chunk lies. */
  uint64_t (*place)(const vyre_stream_pump_t *pump, const vyre_stream_worker_t *worker,
                    const vyre_stream_buffer_t *buffer);
  bool begins_all; /* keeps all buffers in flight; else one chunk at a time is begun */
  bool sleeps;     /* waits by `wait` alone, to save CPU time, even where work ends without a word */
} vyre_stream_path_t;

extern const vyre_stream_path_t vyre_stream_path_read, vyre_stream_path_read_copied, vyre_stream_path_mapped,
    vyre_stream_path_resident;

/* pump.c */
void vyre_stream_arrive(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer);
/* The stream does not finish between the two, on the pump's thread: the path still has something to do for it. What
 * goes wrong there, at the chunk, ends the stream, or is told beside what ended it before. */
void vyre_stream_hold(vyre_stream_pump_t *pump);
void vyre_stream_let_go(vyre_stream_pump_t *pump, const vyre_stream_chunk_t *chunk, vyre_status_t status);
/* `within` the chunk: where it went wrong. NULL: it is given up because something else did. */
void vyre_stream_lose(vyre_stream_pump_t *pump, vyre_stream_buffer_t *buffer, uint32_t within, vyre_status_t status);

static inline uint32_t vyre_stream_index_of(const vyre_stream_worker_t *worker, const vyre_stream_buffer_t *buffer) {
  return (uint32_t)(buffer - worker->buffers);
}

/* mirror.c: memory of the device's with a place for each buffer, and the copies into it, in order. */
typedef struct vyre_stream_mirror {
  vyre_copies_t *copies;
  uint64_t address;
  uint64_t place_bytes;
  uint32_t copying[VYRE_STREAM_DEPTH_MAX]; /* buffers in the order of their copies, round and round */
  uint64_t begun, ended;
} vyre_stream_mirror_t;

/* Allocates the worker's window. */
vyre_status_t vyre_stream_mirror_init(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker,
                                      vyre_stream_mirror_t *mirror, uint64_t place_bytes);
void vyre_stream_mirror_deinit(vyre_stream_pump_t *pump,
                               vyre_stream_mirror_t *mirror); /* waits for what is in flight */
/* From memory that is bound. False: the chunk is lost. */
bool vyre_stream_mirror_begin(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_mirror_t *mirror,
                              vyre_stream_buffer_t *buffer, const void *from);
/* What has arrived; `left` is called for each chunk whose copy has ended or is given up, before it is published. */
uint32_t vyre_stream_mirror_reap(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_mirror_t *mirror,
                                 void (*left)(vyre_stream_pump_t *, vyre_stream_worker_t *, vyre_stream_buffer_t *));

#endif
