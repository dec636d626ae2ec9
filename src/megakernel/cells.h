/* The free cells of a ring: several lists, so that producers on different processors do not meet in one.
 *
 * A thread has a list of its own, which it returns cells to and takes them from; when that is empty it takes from
 * another, the one that had some the last time first. So what a producer has in flight goes round in its own list.
 * Within a list the order is first in, first out. A cell brings the stamp that it was returned with.
 *
 * Owns:    the lists. Threads: acquire and put back from any thread, without locks. Limits: as many cells as fit in
 * u32. */
#ifndef VYRE_MEGAKERNEL_CELLS_H
#define VYRE_MEGAKERNEL_CELLS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/status.h"

enum { VYRE_CELL_LISTS_MAX = 8 };

/* One place of a list: a bounded queue of many producers and consumers after Dmitry Vyukov (1024cores.net, "Bounded
 * MPMC queue"). */
typedef struct vyre_free_cell {
  _Atomic uint64_t sequence;
  uint32_t cell, stamp;
} vyre_free_cell_t;

typedef struct vyre_cell_list {
  _Alignas(64) _Atomic uint64_t head; /* next to acquire */
  _Alignas(64) _Atomic uint64_t tail; /* next to put back */
  vyre_free_cell_t *places;           /* mask + 1 of them */
  uint64_t mask;
} vyre_cell_list_t;

typedef struct vyre_cells {
  vyre_free_cell_t *places; /* of all lists */
  uint32_t list_count;      /* a power of two */
  vyre_cell_list_t lists[VYRE_CELL_LISTS_MAX];
} vyre_cells_t;

/* `first`: where the counters begin. All cells have the stamp. */
vyre_status_t vyre_cells_init(vyre_cells_t *cells, uint32_t count, uint64_t first, uint32_t stamp);
void vyre_cells_deinit(vyre_cells_t *cells); /* accepts zeros */
/* False when all are taken. */
bool vyre_cells_acquire(vyre_cells_t *cells, uint32_t *out_cell, uint32_t *out_stamp);
void vyre_cells_return(vyre_cells_t *cells, uint32_t cell, uint32_t stamp);

#endif
