#include "megakernel/cells.h"

#include "base/clock.h"
#include "base/memory.h"

/* A list of fewer cells is not worth its own. */
enum { CELLS_PER_LIST_MIN = 64 };

/* Threads get lists in the order of their first use of any cells. */
static uint32_t own_list(uint32_t list_count) {
  static _Atomic uint32_t threads;
  static _Thread_local uint32_t number; /* from 1; 0: not known yet */
  if (!number) number = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % VYRE_CELL_LISTS_MAX;
  return number & (list_count - 1);
}

static void put(vyre_cell_list_t *list, uint32_t cell, uint32_t stamp) {
  uint64_t at = atomic_fetch_add_explicit(&list->tail, 1, memory_order_relaxed);
  vyre_free_cell_t *place = &list->places[at & list->mask];
  /* There are as many places as cells, so the place is free but for an acquire that is between its claim and its store.
   */
  while (atomic_load_explicit(&place->sequence, memory_order_acquire) != at) vyre_cpu_relax();
  place->cell = cell;
  place->stamp = stamp;
  atomic_store_explicit(&place->sequence, at + 1, memory_order_release);
}

static bool take(vyre_cell_list_t *list, uint32_t *out_cell, uint32_t *out_stamp) {
  uint64_t at = atomic_load_explicit(&list->head, memory_order_relaxed);
  for (;;) {
    vyre_free_cell_t *place = &list->places[at & list->mask];
    uint64_t sequence = atomic_load_explicit(&place->sequence, memory_order_acquire);
    if (sequence == at + 1) {
      if (!atomic_compare_exchange_weak_explicit(&list->head, &at, at + 1, memory_order_relaxed, memory_order_relaxed))
        continue;
      *out_cell = place->cell;
      *out_stamp = place->stamp;
      atomic_store_explicit(&place->sequence, at + list->mask + 1, memory_order_release);
      return true;
    }
    if ((int64_t)(sequence - (at + 1)) < 0) return false;
    at = atomic_load_explicit(&list->head, memory_order_relaxed);
  }
}

vyre_status_t vyre_cells_init(vyre_cells_t *cells, uint32_t count, uint64_t first, uint32_t stamp) {
  uint32_t lists = 1, places = 1;
  while (lists < VYRE_CELL_LISTS_MAX && count / (2 * lists) >= CELLS_PER_LIST_MIN) lists *= 2;
  while (places < count) places *= 2; /* a thread may return all of them */
  cells->list_count = lists;
  cells->places = vyre_alloc_aligned(64, (size_t)lists * places * sizeof *cells->places);
  if (!cells->places) return vyre_out_of_memory((size_t)lists * places * sizeof *cells->places);
  for (uint32_t i = 0; i < lists; i++) {
    vyre_cell_list_t *list = &cells->lists[i];
    *list = (vyre_cell_list_t){.head = first, .tail = first, .places = cells->places + (size_t)i * places};
    list->mask = places - 1;
    for (uint32_t k = 0; k < places; k++) atomic_init(&list->places[(first + k) & list->mask].sequence, first + k);
  }
  /* Neighbours in one list: their lines are one producer's. */
  for (uint32_t cell = 0; cell < count; cell++) put(&cells->lists[(uint64_t)cell * lists / count], cell, stamp);
  return NULL;
}

void vyre_cells_deinit(vyre_cells_t *cells) {
  vyre_free(cells->places);
  cells->places = NULL;
}

bool vyre_cells_acquire(vyre_cells_t *cells, uint32_t *out_cell, uint32_t *out_stamp) {
  static _Thread_local uint32_t last; /* list that had some when the own one had none: of any cells, a hint */
  uint32_t own = own_list(cells->list_count), mask = cells->list_count - 1;
  if (take(&cells->lists[own], out_cell, out_stamp)) return true;
  for (uint32_t i = 0; i < cells->list_count; i++) {
    uint32_t other = (last + i) & mask;
    if (!take(&cells->lists[other], out_cell, out_stamp)) continue;
    last = other;
    return true;
  }
  return false;
}

void vyre_cells_return(vyre_cells_t *cells, uint32_t cell, uint32_t stamp) {
  put(&cells->lists[own_list(cells->list_count)], cell, stamp);
}
