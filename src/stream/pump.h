/* The `fixed` path: io_uring reads into registered buffers.
 *
 * On a host device each worker has an io_uring and some buffers. Between slots the megakernel calls the pump: it takes
 * completions of its slots and reads, and issues the next read. A read of the page cache completes inline, so the
 * worker publishes the chunk and runs it next, while it is in its caches; a cold read leaves the submit at once, and
 * the worker issues more until its buffers are used up.
 *
 * On a GPU the pump has one worker, a thread of the device. Its reads are spread over the io threads of the operating
 * system's kernel, all of its buffers are kept in flight, and the copy engine brings what was read to the same place in
 * the arena's mirror, in the device's memory, before it is published.
 *
 * Threads: run and wait on the worker's own thread, or on any one thread when the workers have ended.
 * Blocking: run only for inline copies; wait up to its timeout. Nothing here allocates while all goes well. */
#ifndef VYRE_STREAM_PUMP_H
#define VYRE_STREAM_PUMP_H

#include <pthread.h>
#include <stdatomic.h>

#include <vyre/session.h>

#include "device/device.h"
#include "stream/files.h"
#include "uring/arena.h"
#include "uring/uring.h"

enum { VYRE_STREAM_DEPTH_MAX = 64 };

typedef enum vyre_buffer_state {
  VYRE_BUFFER_FREE,
  VYRE_BUFFER_READING, /* a read is in flight */
  VYRE_BUFFER_COPYING, /* on its way into the device's memory */
  VYRE_BUFFER_READY,   /* filled, not yet published: no cell was free, or an earlier chunk must go first */
  VYRE_BUFFER_RUNNING, /* published */
} vyre_buffer_state_t;

typedef struct vyre_stream_buffer {
  vyre_buffer_state_t state;
  uint32_t filled; /* bytes read so far */
  vyre_stream_chunk_t chunk;
  vyre_ticket_t ticket;
} vyre_stream_buffer_t;

typedef struct vyre_stream_worker {
  vyre_uring_t *uring;
  vyre_uring_arena_t *arena;
  uint32_t window;                         /* of the arena, or of its mirror in the device's memory */
  vyre_copies_t *copies;                   /* into that mirror; NULL where the kernel works on the arena itself */
  uint64_t mirror;                         /* its address */
  vyre_memory_t pinned;                    /* the arena, as the copy engine reaches it */
  uint32_t copying[VYRE_STREAM_DEPTH_MAX]; /* buffers in the order of their copies, round and round */
  uint64_t copies_begun, copies_ended;
  uint64_t idle_since_ns; /* of the first call without work after one with; 0: none yet */
  bool is_broken;         /* the kernel refused its reads: the io_uring is only destroyed any more */
  vyre_stream_buffer_t buffers[VYRE_STREAM_DEPTH_MAX];
} vyre_stream_worker_t;

typedef struct vyre_stream_pump {
  vyre_pump_t base; /* first: what the device calls */
  vyre_session_t *session;
  uint32_t opcode, depth, output_window;
  vyre_stream_files_t *files;
  vyre_stream_worker_t *workers;
  uint32_t worker_count;
  bool needs_order;                /* chunks are published in their order: there is one worker */
  uint64_t next_published;         /* number of the chunk whose turn it is; kept when order is needed */
  const vyre_copy_ops_t *copy_ops; /* of the session's device; NULL where there is nothing to copy */

  _Atomic uint64_t bytes_done, slots, faults;
  _Atomic uint32_t busy;      /* buffers that are not free */
  atomic_bool is_exhausted;   /* no more chunks are taken: the end, a failure, or a request */
  atomic_bool stop_requested; /* by the user */
  atomic_bool is_finished;    /* exhausted, and nothing busy */
  _Atomic uint64_t end_ns;    /* when it finished; 0 before */
  atomic_bool has_failed;     /* stays when the failure has been given away */

  pthread_mutex_t lock; /* failure, and the signal of the end */
  pthread_cond_t finished;
  vyre_status_t failure; /* the first */
} vyre_stream_pump_t;

/* One io_uring, one arena and one window per worker. The caller has set files, session, opcode, depth, worker_count,
 * needs_order. */
vyre_status_t vyre_stream_pump_init(vyre_stream_pump_t *pump);
/* When no worker is inside any more. */
void vyre_stream_pump_deinit(vyre_stream_pump_t *pump);

#endif
