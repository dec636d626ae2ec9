/* A session's own state, shared by session.c (its life), session_bindings.c (values of Programs' parameters),
 * session_log.c, session_memory.c (what host and kernel share), session_observe.c, session_slots.c (publishing and
 * waiting), session_watch.c (dump and watchdog) and session_windows.c.
 *
 * Owns: everything it points to, but for the device. */
#ifndef VYRE_MEGAKERNEL_SESSION_STATE_H
#define VYRE_MEGAKERNEL_SESSION_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "megakernel/ring.h"
#include "megakernel/session.h"

enum { VYRE_HANDLERS_MAX = 256, VYRE_FORMATS_MAX = 1024, VYRE_WINDOW_FIRST = VYRE_WINDOW_OBSERVABLES + 1 };

typedef enum vyre_session_phase {
  VYRE_SESSION_CREATED,
  VYRE_SESSION_RUNNING,
  VYRE_SESSION_STOPPED,
  VYRE_SESSION_STUCK, /* a stop has missed its deadline */
} vyre_session_phase_t;

/* The value of a parameter for a registration. */
typedef struct vyre_value {
  uint8_t *bytes; /* owned; NULL: not given */
  uint64_t size;
  uint64_t offset; /* of a constant or state in the device's block */
} vyre_value_t;

typedef struct vyre_handler {
  uint32_t opcode;
  vyre_program_t *program; /* the canonical form of what was registered: fuel and the nodes of faults are its own */
  vyre_value_t *values;    /* by parameter */
} vyre_handler_t;

/* Where what host and kernel share begins, in bytes. */
typedef struct vyre_session_shared {
  uint64_t ring, completions, log, observables;
} vyre_session_shared_t;

/* Of a worker, for the watchdog: a slot runs since then at least; 0 when none did at the last look. */
typedef struct vyre_watch {
  uint64_t rounds, since_ns;
} vyre_watch_t;

struct vyre_session {
  vyre_ring_t ring; /* first: its hot words are aligned */
  vyre_device_t *device;
  vyre_session_params_t params; /* defaults filled in */
  _Atomic int phase;            /* vyre_session_phase_t */
  bool was_started;             /* or failed to */
  atomic_bool stop_requested;   /* by the host */
  pthread_mutex_t lock;         /* window_memory, watches, formats, and the log's reader */
  pthread_mutex_t stop_lock;    /* held by the one thread that stops or swaps */

  vyre_memory_t shared;              /* the shared block, ring, completions, log, observables */
  vyre_memory_t own;                 /* the device's: control block, tables, queues, worker blocks, scratch */
  uint64_t control, windows, blocks; /* addresses in it */
  uint32_t block_count;              /* workers, and the dispatcher where it is one of its own */
  vyre_session_shared_t places;      /* in `shared` */
  vyre_memory_t *window_memory;      /* by handle; bytes is 0 while the entry is free */

  vyre_watch_t *watches; /* by worker */
  uint32_t format_count;
  char *formats[VYRE_FORMATS_MAX];

  uint32_t handler_count;
  bool keeps_order; /* of one of them: its slots run in the order of their tickets */
  vyre_handler_t handlers[VYRE_HANDLERS_MAX];
  vyre_program_t *loop;
  vyre_image_t *image;
  vyre_launch_t *launch;
  _Atomic uint64_t launches, swaps;
  _Atomic uint64_t build_ns; /* of the image */
  _Atomic uint64_t swap_steps; /* odd while the kernel is swapped */
};

static inline vyre_session_phase_t vyre_session_phase(const vyre_session_t *session) {
  return (vyre_session_phase_t)atomic_load_explicit(&session->phase, memory_order_acquire);
}

/* session.c: the index of an opcode's handler; handler_count when it has none. */
uint32_t vyre_session_find_handler(const vyre_session_t *session, uint32_t opcode);

/* session_bindings.c: what Programs are bound to for as long as they are registered. */
/* Places state and constants behind *next, 64-byte aligned; gives the bytes of the directory and templates. */
void vyre_session_place_values(vyre_session_t *session, uint64_t *next);
uint64_t vyre_session_template_bytes(const vyre_session_t *session);
/* Fills the directory and templates, which will lie at `address`. */
void vyre_session_fill_templates(const vyre_session_t *session, uint8_t *at, uint64_t address);
vyre_status_t vyre_session_write_constants(vyre_session_t *session);
/* Every constant has a value, and no Program needs an order that several workers would not keep. */
vyre_status_t vyre_session_check_values(const vyre_session_t *session);
void vyre_session_free_values(vyre_session_t *session);
/* How many templates a handler has; 0 when nothing is bound. */
uint32_t vyre_session_templates(const vyre_program_t *program);

/* session_memory.c */
vyre_status_t vyre_session_allocate(vyre_session_t *session);
void vyre_session_release(vyre_session_t *session);
/* One u32 of the control block; offset is a VYRE_CONTROL_*. */
vyre_status_t vyre_session_write_control(vyre_session_t *session, uint32_t offset, uint32_t value);

/* session_watch.c: VYRE_E_DEVICE_STUCK, with which worker does what. Where there is no memory for that its code is
 * given all the same: whoever gets it leaves the session's memory alone. */
vyre_status_t vyre_session_stuck(vyre_session_t *session);
/* session_log.c */
void vyre_session_free_formats(vyre_session_t *session);

/* session_slots.c: gives the processor away, more and more, while a thread waits. `turn` counts the calls. */
void vyre_session_back_off(uint32_t turn);
/* After the kernel has ended, what was published and has not completed completes as cancelled. */
void vyre_session_settle_if_ended(vyre_session_t *session);
void vyre_session_settle_ring(vyre_ring_t *ring); /* vyre_ring_t.stalled */

#endif
