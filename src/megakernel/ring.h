/* The host's side of a session's ring: cells, tickets, publishing, completions. Nothing here allocates or locks after
 * init, but for cancel, which runs when the kernel has ended.
 *
 * Owns:    the free cells and the tickets; the shared memory is the session's.
 * Threads: publish and take from any thread; a ticket is taken by one thread. */
#ifndef VYRE_MEGAKERNEL_RING_H
#define VYRE_MEGAKERNEL_RING_H

#include <pthread.h>
#include <stdatomic.h>

#include <vyre/session.h>

#include "base/status.h"
#include "megakernel/cells.h"

typedef struct vyre_ring {
  /* shared with the kernel */
  uint8_t *shared;               /* the shared block */
  _Atomic uint32_t *slots;       /* 16 words each */
  _Atomic uint32_t *completions; /* 16 words each */
  uint32_t shift, mask;
  bool fences_publish; /* a publisher fences between its slot and its look for sleepers */

  /* the host's own */
  vyre_cells_t cells;
  _Atomic uint64_t *cell_tickets; /* by cell: ticket number + 1 in flight or unread, 0 when free */
  uint32_t cell_count;
  uint64_t first_ticket;
  /* Called now and then by a publisher that waits for its slot: cancels when the kernel is gone, which would have
   * counted it as taken. */
  void (*stalled)(struct vyre_ring *ring);
  pthread_mutex_t cancel_lock;
  uint64_t kernel_end; /* what TAKEN was when the kernel had ended; valid once was_cancelled */
  atomic_bool was_cancelled;
  _Alignas(64) _Atomic uint64_t next_ticket;
  _Alignas(64) _Atomic uint64_t taken_seen; /* a copy of TAKEN, at most as new */
} vyre_ring_t;

/* The shared pointers, shift, mask, cell_count and stalled are set by the caller; shared words get their first values
 * here. */
vyre_status_t vyre_ring_init(vyre_ring_t *ring, uint64_t first_ticket);
void vyre_ring_deinit(vyre_ring_t *ring);

/* Takes a cell and a ticket and publishes; false when no cell is free. */
bool vyre_ring_publish(vyre_ring_t *ring, const vyre_slot_t *slot, vyre_ticket_t *out_ticket);
/* The same for several, whose tickets follow each other; all of them or none. With a tag, and a BATCH_FENCE over them
 * behind them: one ticket more. */
bool vyre_ring_publish_batch(vyre_ring_t *ring, const vyre_slot_t *slots, uint32_t count, const uint32_t *fence_tag,
                             vyre_ticket_t *out_tickets);
/* True when the ticket's slot has completed: reads the completion and gives the cell back. */
bool vyre_ring_take(vyre_ring_t *ring, vyre_ticket_t ticket, vyre_completion_t *out_completion);
/* Whether the ticket is in flight or unread. */
bool vyre_ring_knows(const vyre_ring_t *ring, vyre_ticket_t ticket);
/* Whether the slot that holds `cell` now, if it is below `limit`, has completed. */
bool vyre_ring_is_settled(const vyre_ring_t *ring, uint32_t cell, uint64_t limit);
void vyre_ring_wake_all(vyre_ring_t *ring);
/* Up to `count` of those that sleep on the word. */
void vyre_ring_wake_at(void *word, int count);
/* The first ticket that the kernel has not taken. */
uint64_t vyre_ring_taken(const vyre_ring_t *ring);
/* After the kernel has ended: completes everything that was published and not run as FAULT, cancelled. */
void vyre_ring_cancel(vyre_ring_t *ring);
/* After that: whether the cell's slot, which nobody has read, was cancelled; then its ticket. */
bool vyre_ring_is_cancelled(const vyre_ring_t *ring, uint32_t cell, uint64_t *out_ticket);

#define VYRE_SHARED_WORD32(shared, name) ((_Atomic uint32_t *)(void *)((shared) + VYRE_SHARED_##name))
#define VYRE_SHARED_WORD64(shared, name) ((_Atomic uint64_t *)(void *)((shared) + VYRE_SHARED_##name))

#endif
