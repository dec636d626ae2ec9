/* The free cells of a ring: several lists, so that producers on different processors do not meet in one.
 *
 * A thread begins with a list of its own and goes on to the others when that is empty; a cell returns to the list it is
 * of. Within a list the order is first in, first out: a cell rests as long as possible, so that the tag of its last
 * completion cannot equal that of its next before all others of its list went round.
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
  uint32_t cell;
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
  uint32_t shift;           /* a cell is of list cell >> shift: each has as many, but for the last that has any */
  vyre_cell_list_t lists[VYRE_CELL_LISTS_MAX];
} vyre_cells_t;

/* `first`: where the counters begin. */
vyre_status_t vyre_cells_init(vyre_cells_t *cells, uint32_t count, uint64_t first);
void vyre_cells_deinit(vyre_cells_t *cells); /* accepts zeros */
/* False when all are taken. */
bool vyre_cells_acquire(vyre_cells_t *cells, uint32_t *out_cell);
void vyre_cells_return(vyre_cells_t *cells, uint32_t cell);

#endif
