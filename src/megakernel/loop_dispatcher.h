/* The dispatcher of topology `dispatched`: what loop_dispatched.c, its life and its batches, and
 * loop_dispatched_letters.c, its workers and queues, have in common. */
#ifndef VYRE_MEGAKERNEL_LOOP_DISPATCHER_H
#define VYRE_MEGAKERNEL_LOOP_DISPATCHER_H

#include "megakernel/loop_dispatched.h"

enum {
  LANES = VYRE_LANES,
  ROUND_LOADS = 8, /* quarters per lane and round */
  ROUND_SLOTS = ROUND_LOADS * LANES / 4,
  ROUND_GROUPS = 5, /* of 32 workers, whose answers are read in a round under load */

  /* The dispatcher's local memory: the slots of the round, the records of a batch's opcodes, a mark for each worker
   * (the number of its last letter, + 1 while it is listed as free), and a stack of the free workers: the one that was
   * free last goes first, so that few stay awake when there is little to do. */
  STAGE = 0,
  RECORDS = STAGE + ROUND_SLOTS * VYRE_SLOT_BYTES,
  MARKS = RECORDS + LANES * 4,
  FREE = MARKS + VYRE_WORKERS_MAX * 4,
  GIVEN = FREE + VYRE_WORKERS_MAX * 4, /* the workers of the letters that were sent last */
  HEADS = GIVEN + LANES * 4,           /* of the run queues, by class: u64, next to hand out */
  TAILS = HEADS + VYRE_CLASSES * 8,    /* and next place */
  DISPATCHER_LOCAL_BYTES = TAILS + VYRE_CLASSES * 8,
};
_Static_assert((int)DISPATCHER_LOCAL_BYTES <= (int)VYRE_LOCAL_BYTES, "fits into a worker's local memory");
_Static_assert((int)ROUND_SLOTS % (int)LANES == 0, "a lane per slot of a batch");

typedef struct dispatcher {
  loop_t *l;
  vyre_var_id_t local, workers, groups;
  vyre_var_id_t ticket;                 /* u64: next to take */
  vyre_var_id_t waiting;                /* u64: in the run queues */
  vyre_var_id_t free_count;             /* u32: on the stack of free workers */
  vyre_var_id_t rounds;                 /* u32: of handing out */
  vyre_var_id_t scan;                   /* u32: the first 32 workers whose answers are read in this round */
  vyre_var_id_t is_loaded;              /* the batch before this one had all the slots that a single load finds */
  vyre_var_id_t is_open;                /* no SHUTDOWN was taken */
  vyre_var_id_t masks[ROUND_LOADS];     /* of the round, by lane: quarters that are there */
  vyre_var_id_t answered[ROUND_GROUPS]; /* of the round, by group: workers that became free */
  vyre_var_id_t stopped;                /* of the round: not 0 when STOP or PARK are not */
  vyre_var_id_t stage;                  /* u64: the first slot of the batch in the local memory */
  vyre_var_id_t count;                  /* of the batch: its slots */
  vyre_var_id_t shutdowns, users;       /* of the batch, by lane: SHUTDOWN; what workers run */
  vyre_var_id_t others;                 /* of the batch, by lane: what vyre_loop_builtin carries out, or refuses */
  vyre_var_id_t letters;                /* of the batch: users, when all go to workers at once, or 0 */
} dispatcher_t;

static inline vyre_expr_id_t not32(loop_t *l, vyre_expr_id_t a) { return vyre_build_unary(l->b, VYRE_EXPR_NOT, a); }
static inline vyre_expr_id_t popcount(loop_t *l, vyre_expr_id_t a) {
  return vyre_build_unary(l->b, VYRE_EXPR_POPCOUNT, a);
}
static inline vyre_expr_id_t has_bit(loop_t *l, vyre_var_id_t mask, vyre_var_id_t lane) {
  return is_not(l, and32(l, op(l, VYRE_EXPR_SHR, var(l, mask), var(l, lane)), c32(l, 1)), 0);
}
/* How many bits are clear below the lowest that is set: ctz, without its branch for 0. */
static inline vyre_expr_id_t bits_below(loop_t *l, vyre_var_id_t bits) {
  return popcount(l, and32(l, not32(l, var(l, bits)), op(l, VYRE_EXPR_SUB, var(l, bits), c32(l, 1))));
}
/* How many bits of the mask lie below the lane's. */
static inline vyre_expr_id_t rank_in(loop_t *l, vyre_var_id_t mask, vyre_var_id_t lane) {
  vyre_expr_id_t above = op(l, VYRE_EXPR_SHL, c32(l, UINT32_MAX), var(l, lane));
  return popcount(l, and32(l, var(l, mask), not32(l, above)));
}
/* The block of a worker that is counted without the dispatcher. */
static inline vyre_expr_id_t worker_block(loop_t *l, vyre_expr_id_t worker, uint32_t offset) {
  return add(l, element(l, l->blocks, worker, 9), c64(l, VYRE_WORKER_BYTES_EACH + offset));
}
static inline vyre_expr_id_t queue_is_empty(dispatcher_t *d) {
  return op(d->l, VYRE_EXPR_EQ, var(d->l, d->waiting), c64(d->l, 0));
}

/* How many groups of workers a round under load looks at: on a GPU its reads come back together. */
static inline uint32_t round_groups(const loop_t *l) { return l->sleeps ? 1 : ROUND_GROUPS; }

/* A slot of the batch. */
static inline vyre_expr_id_t slot_of(dispatcher_t *d, vyre_var_id_t index) {
  return element(d->l, d->stage, var(d->l, index), 6);
}
/* A word of a slot of the round. */
static inline vyre_expr_id_t staged(dispatcher_t *d, vyre_var_id_t slot, uint32_t offset) {
  return load32(d->l, WORKER, at(d->l, slot, offset));
}

enum { CLOCK_BIT = 15 };
_Static_assert(VYRE_ENTRY_CLOCKS == 1 << CLOCK_BIT && VYRE_WHO_CLOCKS == UINT32_C(1) << 31,
               "one is shifted to the other");
/* The bit of an entry, of a slot's WHO. */
static inline vyre_expr_id_t clock_bit(loop_t *l, vyre_var_id_t who) {
  return and32(l, shr32(l, var(l, who), 31 - CLOCK_BIT), c32(l, VYRE_ENTRY_CLOCKS));
}
_Static_assert(VYRE_WORKER_BYTES_EACH == 1 << 9, "a block is found by a shift");

/* ---- loop_dispatched_letters.c ---- */

/* Lists the workers of this round's groups that have answered as free. */
void vyre_dispatched_list(dispatcher_t *d);
/* The letters that a launch before this one left: their workers are free when they have answered. */
void vyre_dispatched_recall(dispatcher_t *d);
/* For vyre_loop_sleep, whose context is the dispatcher_t: no worker has answered. */
vyre_expr_id_t vyre_dispatched_is_idle(loop_t *l, void *dispatcher);
/* Takes the free worker at `rank` from the top of the stack: gives its letter's address and number. The caller lowers
 * free_count. */
void vyre_dispatched_take_worker(dispatcher_t *d, vyre_var_id_t rank, vyre_var_id_t *out_letter,
                                 vyre_var_id_t *out_number);
/* Wakes those who sleep of the `count` workers that were taken last. */
void vyre_dispatched_wake(dispatcher_t *d, vyre_expr_id_t count);
/* Wakes all workers: they look at STOP and PARK, which are set. */
void vyre_dispatched_wake_all(dispatcher_t *d);
/* A user of the batch, by its lane, when all of them get letters. */
void vyre_dispatched_letter(dispatcher_t *d, vyre_var_id_t lane, vyre_var_id_t slot, vyre_var_id_t cell,
                            vyre_var_id_t tag);
/* Else all users of the batch: places in the queues of their classes. */
void vyre_dispatched_queue(dispatcher_t *d);
/* From the queues to workers that have become free, class by class. */
void vyre_dispatched_hand_out(dispatcher_t *d);
/* The queues' words between the control block and local memory, which has them while the dispatcher lives. */
void vyre_dispatched_move_queues(dispatcher_t *d, bool is_leaving);

#endif
