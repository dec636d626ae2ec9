/* The free cells of a ring: each is held once, all can be had from any thread, and threads lose none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "megakernel/cells.h"
#include "support/expect.h"
#include "support/random.h"

static vyre_cells_t *make(uint32_t count) {
  vyre_cells_t *cells = vyre_alloc_aligned(64, sizeof *cells);
  assert_non_null(cells);
  /* The counters wrap soon. */
  ok(vyre_cells_init(cells, count, UINT64_MAX - count / 2, 7));
  return cells;
}

static void unmake(vyre_cells_t *cells) {
  vyre_cells_deinit(cells);
  vyre_cells_deinit(cells);
  vyre_free(cells);
}

/* Of every number of cells: all of them, each once, then none, and again after they came back. */
static void all_are_had(void **state) {
  (void)state;
  static const uint32_t counts[] = {1, 2, 7, 8, 63, 64, 127, 128, 129, 255, 300, 511, 512, 513, 520, 1000, 1024, 65536};
  static bool held[65536];
  for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
    vyre_cells_t *cells = make(counts[i]);
    for (int round = 0; round < 3; round++) {
      memset(held, 0, sizeof held);
      uint32_t cell, stamp;
      for (uint32_t k = 0; k < counts[i]; k++) {
        assert_true(vyre_cells_acquire(cells, &cell, &stamp));
        assert_true(cell < counts[i] && !held[cell]);
        held[cell] = true;
      }
      assert_false(vyre_cells_acquire(cells, &cell, &stamp));
      for (uint32_t k = 0; k < counts[i]; k++) vyre_cells_return(cells, (k * 7919) % counts[i], stamp);
    }
    unmake(cells);
  }
}

/* A cell that has come back is the last of its list to go again. */
static void cells_rest(void **state) {
  (void)state;
  vyre_cells_t *cells = make(40);
  uint32_t first, next, stamp;
  assert_true(vyre_cells_acquire(cells, &first, &stamp));
  vyre_cells_return(cells, first, stamp);
  for (int k = 0; k < 39; k++) {
    assert_true(vyre_cells_acquire(cells, &next, &stamp));
    assert_int_not_equal(next, first);
  }
  assert_true(vyre_cells_acquire(cells, &next, &stamp));
  assert_int_equal(next, first);
  unmake(cells);
}

enum { THREADS = 4, CELLS = 600, HELD_MAX = 140, ROUNDS = 200000 };
static _Atomic uint32_t holders[CELLS];
static _Atomic uint32_t wrong;

static void *juggle(void *argument) {
  vyre_cells_t *cells = argument;
  random_t random = {.state = (uintptr_t)&random};
  uint32_t held[HELD_MAX], count = 0, stamp = 0;
  for (uint32_t i = 0; i < ROUNDS; i++) {
    if (count < HELD_MAX && random_below(&random, 2)) {
      /* There are more cells than the threads may hold. */
      if (!vyre_cells_acquire(cells, &held[count], &stamp)) continue;
      wrong += atomic_fetch_add(&holders[held[count]], 1) != 0;
      count++;
    } else if (count > 0) {
      uint32_t at = random_below(&random, count), cell = held[at];
      held[at] = held[--count];
      wrong += atomic_fetch_sub(&holders[cell], 1) != 1;
      vyre_cells_return(cells, cell, stamp);
    }
  }
  while (count > 0) {
    atomic_fetch_sub(&holders[held[--count]], 1);
    vyre_cells_return(cells, held[count], stamp);
  }
  return NULL;
}

static void threads_lose_none(void **state) {
  (void)state;
  vyre_cells_t *cells = make(CELLS);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, juggle, cells), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(wrong, 0);
  uint32_t cell, stamp;
  for (int k = 0; k < CELLS; k++) assert_true(vyre_cells_acquire(cells, &cell, &stamp));
  assert_false(vyre_cells_acquire(cells, &cell, &stamp));
  unmake(cells);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_are_had), cmocka_unit_test(cells_rest),
                                     cmocka_unit_test(threads_lose_none)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
