/* Threads that register the pages of file mappings with a device ahead of the copies from them, and take that back
 * behind them: both cost as much time as the copy itself.
 *
 * A part belongs to the caller's thread while it is FREE, OPEN or CLOSED, and to the registrar in between:
 *
 *   FREE -want-> WANTED ... OPEN, with the status of what was tried -leave-> LEFT ... CLOSED, likewise -> FREE
 *
 * Threads: one calls; the registrar has its own. */
#ifndef VYRE_STREAM_REGISTRAR_H
#define VYRE_STREAM_REGISTRAR_H

#include <stdatomic.h>
#include <stdint.h>

#include "device/device.h"

typedef enum vyre_part_state {
  VYRE_PART_FREE,
  VYRE_PART_WANTED,
  VYRE_PART_OPEN,
  VYRE_PART_LEFT,
  VYRE_PART_CLOSED,
} vyre_part_state_t;

typedef struct vyre_part {
  _Atomic vyre_part_state_t state;
  uint8_t *pages; /* of a mapping: whole ones, but for the last one's end; NULL: OPEN without a registration */
  uint64_t bytes;
  vyre_memory_t pinned;
  vyre_status_t status; /* whoever has the part */
} vyre_part_t;

typedef struct vyre_registrar vyre_registrar_t;

/* Parts [0, count) are the caller's, which outlive the registrar. */
vyre_status_t vyre_registrar_create(vyre_device_t *device, const vyre_copy_ops_t *ops, vyre_part_t *parts,
                                    uint32_t count, vyre_registrar_t **out_registrar);
/* Waits for what is under way; what is open afterwards is given back, and its failures are told to nobody: the device
 * that has them is lost, or the caller has failed before. */
void vyre_registrar_destroy(vyre_registrar_t *registrar);

/* A FREE part with pages and bytes. */
void vyre_registrar_want(vyre_registrar_t *registrar, vyre_part_t *part);
/* An OPEN part from which nothing is copied any more. */
void vyre_registrar_leave(vyre_registrar_t *registrar, vyre_part_t *part);
/* Until a part is opened or closed, or timeout_ns is over. */
void vyre_registrar_wait(vyre_registrar_t *registrar, uint64_t timeout_ns);

static inline vyre_part_state_t vyre_part_state(const vyre_part_t *part) {
  return atomic_load_explicit(&part->state, memory_order_acquire);
}

#endif
