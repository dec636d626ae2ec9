/* The pump of a stream: it gives chunks to buffers, sees to it that their bytes come to where the kernel reads them (a
 * path's business: path.h), publishes a slot for each and takes the slots' completions.
 *
 * On a host device each worker has some buffers, and calls the pump between slots of the megakernel: what a read brings
 * is published and run next, while it is in the worker's caches. On a GPU the pump has one worker, a thread of the
 * device, which keeps all of its buffers in flight.
 *
 * Threads: run and wait on the worker's own thread, or on any one thread when the workers have ended.
 * Blocking: run only for inline copies and registrations; wait up to its timeout. Nothing here allocates while all goes
 *           well. */
#ifndef VYRE_STREAM_PUMP_H
#define VYRE_STREAM_PUMP_H

#include <pthread.h>
#include <stdatomic.h>

#include <vyre/session.h>

#include "device/buffer.h"
#include "device/device.h"
#include "stream/files.h"

enum { VYRE_STREAM_DEPTH_MAX = 64 };

typedef enum vyre_buffer_state {
  VYRE_BUFFER_FREE,
  VYRE_BUFFER_COMING,  /* the path brings its bytes */
  VYRE_BUFFER_READY,   /* they are there, not yet published: no cell was free, or an earlier chunk must go first */
  VYRE_BUFFER_RUNNING, /* published */
} vyre_buffer_state_t;

typedef struct vyre_stream_buffer {
  vyre_buffer_state_t state;
  uint32_t filled;  /* bytes read so far */
  bool is_direct;   /* past the page cache */
  bool has_waiting; /* free, but a chunk is its already: the path could not take it yet */
  uint32_t part;    /* mapped: of which part of the file */
  vyre_stream_chunk_t chunk;
  vyre_ticket_t ticket;
} vyre_stream_buffer_t;

typedef struct vyre_stream_worker {
  uint32_t window;        /* what slots name */
  void *own;              /* the path's */
  uint64_t idle_since_ns; /* of the first call without work after one with; 0: none yet */
  vyre_stream_buffer_t buffers[VYRE_STREAM_DEPTH_MAX];
} vyre_stream_worker_t;

struct vyre_stream_path;

typedef struct vyre_stream_pump {
  vyre_pump_t base; /* first: what the device calls */
  vyre_session_t *session;
  uint32_t opcode, depth, output_window;
  vyre_stream_files_t *files;
  vyre_stream_worker_t *workers;
  uint32_t worker_count;
  const struct vyre_stream_path *path;
  bool is_direct, is_auto;         /* of reads: all past the page cache, or those of what it does not hold */
  vyre_buffer_t *source;           /* lent: of data that is there already; NULL */
  uint64_t source_offset;          /* of its first byte */
  bool needs_order;                /* chunks are published in their order: there is one worker */
  uint64_t next_published;         /* number of the chunk whose turn it is; kept when order is needed */
  const vyre_copy_ops_t *copy_ops; /* of the session's device; NULL where there is nothing to copy */

  _Atomic uint64_t bytes_done, slots, faults;
  _Atomic uint64_t bytes_cached, bytes_direct; /* of reads: through the page cache, past it */
  _Atomic uint32_t busy;                       /* buffers that are not free, and what a path holds */
  atomic_bool is_exhausted;                    /* no more chunks are taken: the end, a failure, or a request */
  atomic_bool stop_requested;                  /* by the user */
  atomic_bool is_finished;                     /* exhausted, and nothing busy */
  _Atomic uint64_t end_ns;                     /* when it finished; 0 before */
  atomic_bool has_failed;                      /* stays when the failure has been given away */

  pthread_mutex_t lock; /* failure, and the signal of the end */
  pthread_cond_t finished;
  vyre_status_t failure; /* the first */
} vyre_stream_pump_t;

/* The caller has set files, session, opcode, depth, worker_count, needs_order, path and what that asks for. */
vyre_status_t vyre_stream_pump_init(vyre_stream_pump_t *pump);
/* When no worker is inside any more. */
void vyre_stream_pump_deinit(vyre_stream_pump_t *pump);

#endif
