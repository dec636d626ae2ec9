/* A session for slots: two windows and a tiny Program, and how a slot goes through it.
 *
 * Owns:    the session. Threads: submit and take from any thread.
 * Errors:  a slot that does not come back within 10 s is VYRE_E_DEADLINE, one that faults is its fault. */
#ifndef VYRE_BENCH_SLOTS_H
#define VYRE_BENCH_SLOTS_H

#include "bench/bench.h"
#include "megakernel/session.h"

enum { VYRE_BENCH_WORDS = 1024 };

typedef struct vyre_bench_slots {
  vyre_session_t *session;
  uint32_t cells;
  uint32_t words_window, sum_window;
  uint32_t words[VYRE_BENCH_WORDS]; /* random ones, as the window has them */
  vyre_memory_t sum;                /* the output of the Program */
  uint32_t add_opcode;              /* the Program */
} vyre_bench_slots_t;

/* Opens the session with so many workers (0: as many as this run's), measures in it, closes it; an error of the stop is
 * one, too. */
vyre_status_t vyre_bench_in_session(vyre_bench_t *bench, uint32_t workers,
                                    vyre_status_t (*measure)(vyre_bench_t *bench, const vyre_bench_slots_t *slots));

/* How many slots the Program has run; of completed ones. */
vyre_status_t vyre_bench_slots_sum(const vyre_bench_slots_t *slots, uint64_t *out_sum);

vyre_slot_t vyre_bench_slots_load(const vyre_bench_slots_t *slots, uint32_t word);
vyre_slot_t vyre_bench_slots_add(const vyre_bench_slots_t *slots);

/* One, or a batch. */
vyre_status_t vyre_bench_slots_submit(const vyre_bench_slots_t *slots, const vyre_slot_t *some, uint32_t count,
                                      vyre_ticket_t *out_tickets);
/* Polls until it has completed; *out_result is its first result word. */
vyre_status_t vyre_bench_slots_take(const vyre_bench_slots_t *slots, uint32_t opcode, vyre_ticket_t ticket,
                                    uint32_t *out_result);

#endif
