/* Topology `dispatched`: worker 0 polls the ring for all, executes what the loop itself can, and hands the slots of
 * registered Programs to the others by letters in their blocks. It keeps 32 slots in flight: every lane reads a quarter
 * of four of them, and then each lane has a slot of its own.
 *
 * The dispatcher waits for nothing: slots that no worker is free for stand in the run queue, which it alone touches. A
 * letter validates itself, so that it needs no fence. The way of a slot to its handler and back has two looks at the
 * device's memory: the letter with all of the slot, and what its handles name. The workers' side is
 * loop_dispatched_worker.c. */
#include <vyre/session.h>

#include "megakernel/loop_dispatched.h"

enum {
  LANES = VYRE_LANES,
  ROUND_LOADS = 4, /* quarters per lane and round */
  ROUND_SLOTS = ROUND_LOADS * LANES / 4,

  /* The dispatcher's local memory: the slots of the round, the records of their opcodes, a mark for each worker (the
   * number of its last letter, + 1 while it is listed as free), and a stack of the free workers: the one that was free
   * last goes first, so that few stay awake when there is little to do. */
  STAGE = 0,
  RECORDS = STAGE + ROUND_SLOTS * VYRE_SLOT_BYTES,
  MARKS = RECORDS + ROUND_SLOTS * 4,
  FREE = MARKS + VYRE_WORKERS_MAX * 4,
  GIVEN = FREE + VYRE_WORKERS_MAX * 4, /* the workers of the letters that were sent last */
  HEADS = GIVEN + LANES * 4,           /* of the run queues, by class: u64, next to hand out */
  TAILS = HEADS + VYRE_CLASSES * 8,    /* and next place */
  DISPATCHER_LOCAL_BYTES = TAILS + VYRE_CLASSES * 8,
};
_Static_assert((int)DISPATCHER_LOCAL_BYTES <= (int)VYRE_LOCAL_BYTES, "fits into a worker's local memory");
_Static_assert((int)ROUND_SLOTS == (int)LANES, "a lane per slot");
enum { CLOCK_BIT = 15 };
_Static_assert(VYRE_ENTRY_CLOCKS == 1 << CLOCK_BIT && VYRE_WHO_CLOCKS == UINT32_C(1) << 31,
               "one is shifted to the other");

typedef struct dispatcher {
  loop_t *l;
  vyre_var_id_t local, workers, groups;
  vyre_var_id_t ticket;             /* u64: next to take */
  vyre_var_id_t waiting;            /* u64: in the run queues */
  vyre_var_id_t free_count;         /* u32: on the stack of free workers */
  vyre_var_id_t rounds;             /* u32: of handing out */
  vyre_var_id_t scan;               /* u32: the 32 workers whose answers are read in this round */
  vyre_var_id_t is_loaded;          /* the batch before this one had all the slots that a single load finds */
  vyre_var_id_t is_open;            /* no SHUTDOWN was taken */
  vyre_var_id_t masks[ROUND_LOADS]; /* of the round, by lane: quarters that are there */
  vyre_var_id_t answered, stopped;  /* of the round: workers that became free; not 0 when STOP or PARK are not */
  vyre_var_id_t count;              /* of the batch: its slots */
  vyre_var_id_t shutdowns, users;   /* of the batch, by lane: SHUTDOWN; what workers run */
  vyre_var_id_t others;             /* of the batch, by lane: what vyre_loop_builtin carries out, or refuses */
  vyre_var_id_t letters;            /* of the batch: users, when all go to workers at once, or 0 */
} dispatcher_t;

static vyre_expr_id_t not32(loop_t *l, vyre_expr_id_t a) { return vyre_build_unary(l->b, VYRE_EXPR_NOT, a); }
static vyre_expr_id_t popcount(loop_t *l, vyre_expr_id_t a) { return vyre_build_unary(l->b, VYRE_EXPR_POPCOUNT, a); }
static vyre_expr_id_t has_bit(loop_t *l, vyre_var_id_t mask, vyre_var_id_t lane) {
  return is_not(l, and32(l, op(l, VYRE_EXPR_SHR, var(l, mask), var(l, lane)), c32(l, 1)), 0);
}
/* How many bits are clear below the lowest that is set: ctz, without its branch for 0. */
static vyre_expr_id_t bits_below(loop_t *l, vyre_var_id_t bits) {
  return popcount(l, and32(l, not32(l, var(l, bits)), op(l, VYRE_EXPR_SUB, var(l, bits), c32(l, 1))));
}
/* How many bits of the mask lie below the lane's. */
static vyre_expr_id_t rank_in(loop_t *l, vyre_var_id_t mask, vyre_var_id_t lane) {
  vyre_expr_id_t above = op(l, VYRE_EXPR_SHL, c32(l, UINT32_MAX), var(l, lane));
  return popcount(l, and32(l, var(l, mask), not32(l, above)));
}
/* The block of a worker that is counted without the dispatcher. */
static vyre_expr_id_t worker_block(loop_t *l, vyre_expr_id_t worker, uint32_t offset) {
  return add(l, element(l, l->blocks, worker, 9), c64(l, VYRE_WORKER_BYTES_EACH + offset));
}
_Static_assert(VYRE_WORKER_BYTES_EACH == 1 << 9, "a block is found by a shift");

static vyre_expr_id_t queue_is_empty(dispatcher_t *d) {
  return op(d->l, VYRE_EXPR_EQ, var(d->l, d->waiting), c64(d->l, 0));
}

/* ---- a round's reads ---- */

/* Reads the coming slots, `loads` quarters per lane, the stop words and the answers of 32 workers, all in flight at
 * once. */
static void build_read(dispatcher_t *d, uint32_t loads) {
  loop_t *l = d->l;
  vyre_var_id_t words[ROUND_LOADS][4], place[ROUND_LOADS];
  vyre_var_id_t first = let(l, "first", in_ring(l, var(l, d->ticket)));
  vyre_expr_id_t laps = narrow(l, op(l, VYRE_EXPR_SHR, var(l, d->ticket), wide(l, var(l, l->ring_shift))));
  vyre_var_id_t lap = let(l, "lap", add(l, laps, c32(l, 1)));
  for (uint32_t k = 0; k < ROUND_LOADS; k++) set(l, d->masks[k], c32(l, 0));
  set(l, d->stopped, c32(l, 0));
  set(l, d->answered, c32(l, 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  vyre_var_id_t slot = let(l, "slot_index", shr32(l, var(l, lane), 2));
  vyre_var_id_t quarter = let(l, "quarter", and32(l, var(l, lane), c32(l, 3)));
  vyre_var_id_t offset = let(l, "offset", op(l, VYRE_EXPR_SHL, wide(l, var(l, quarter)), c64(l, 4)));
  /* The lap is whole in the tag of three quarters, and the upper half of the last one's. */
  vyre_var_id_t shift = let(l, "shift", vyre_build_select(l->b, is(l, var(l, quarter), 3), c32(l, 16), c32(l, 0)));
  vyre_var_id_t mask = let(l, "mask", op(l, VYRE_EXPR_SHR, c32(l, UINT32_MAX), var(l, shift)));
  for (uint32_t k = 0; k < loads; k++) {
    place[k] = let(l, "place", add(l, var(l, first), add(l, var(l, slot), c32(l, k * LANES / 4))));
    vyre_expr_id_t index = and32(l, var(l, place[k]), var(l, l->ring_mask));
    load16(l, SYSTEM, add(l, element(l, l->ring, index, 6), var(l, offset)), words[k]);
  }
  vyre_var_id_t stops = let(l, "stops", load64(l, DEVICE, at(l, l->control, VYRE_CONTROL_STOP)));
  vyre_var_id_t worker = let(l, "worker_index", add(l, op(l, VYRE_EXPR_SHL, var(l, d->scan), c32(l, 5)), var(l, lane)));
  vyre_expr_id_t last = op(l, VYRE_EXPR_SUB, var(l, d->workers), c32(l, 1));
  vyre_var_id_t known = let(l, "known", op(l, VYRE_EXPR_MIN, var(l, worker), last));
  vyre_var_id_t done = let(l, "done", load32(l, DEVICE, worker_block(l, var(l, known), VYRE_WORKER_DONE)));
  vyre_var_id_t mark = let(l, "mark", load32(l, WORKER, local_element(l, d->local, MARKS, var(l, known), 2)));
  for (uint32_t k = 0; k < loads; k++) {
    vyre_expr_id_t staged = add(l, var(l, slot), c32(l, k * LANES / 4));
    store_words(l, add(l, local_element(l, d->local, STAGE, staged, 6), var(l, offset)), words[k]);
    vyre_expr_id_t wrapped = op(l, VYRE_EXPR_SHR, var(l, place[k]), var(l, l->ring_shift));
    vyre_expr_id_t wanted = and32(l, add(l, var(l, lap), wrapped), var(l, mask));
    vyre_build_vote(l->b, d->masks[k],
                    op(l, VYRE_EXPR_EQ, op(l, VYRE_EXPR_SHR, var(l, words[k][3]), var(l, shift)), wanted));
  }
  vyre_build_vote(l->b, d->stopped, op(l, VYRE_EXPR_NE, var(l, stops), c64(l, 0)));
  vyre_build_vote(l->b, d->answered,
                  both(l, op(l, VYRE_EXPR_LT, var(l, worker), var(l, d->workers)),
                       op(l, VYRE_EXPR_EQ, var(l, done), var(l, mark))));
  end(l);
}

/* The slot at `index` of a load is there. */
static vyre_expr_id_t has_slot(dispatcher_t *d, uint32_t index) {
  uint32_t quarters = 0xFu << 4 * index;
  return is(d->l, and32(d->l, var(d->l, d->masks[0]), c32(d->l, quarters)), quarters);
}

static void build_next_group(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_var_id_t following = let(l, "following", add(l, var(l, d->scan), c32(l, 1)));
  vyre_expr_id_t is_last = op(l, VYRE_EXPR_GE, var(l, following), var(l, d->groups));
  set(l, d->scan, vyre_build_select(l->b, is_last, c32(l, 0), var(l, following)));
}

/* Under load, one round of all loads. Else the shortest round there is, again and again, until a slot is there, a
 * worker has answered, STOP or PARK are set, or it is time for a heartbeat. */
static void build_poll(dispatcher_t *d, vyre_var_id_t idle_rounds) {
  loop_t *l = d->l;
  for (int k = 0; k < ROUND_LOADS; k++) d->masks[k] = mutable(l, "quarters", c32(l, 0));
  d->stopped = mutable(l, "stopped", c32(l, 0));
  d->answered = mutable(l, "answered", c32(l, 0));
  begin_if(l, var(l, d->is_loaded));
  build_next_group(d);
  build_read(d, ROUND_LOADS);
  vyre_build_else(l->b);
  vyre_expr_id_t many = var(l, build_looks(l, idle_rounds));
  vyre_expr_id_t has_no_fence = is(l, var(l, l->open_fences), 0);
  vyre_var_id_t looks = let(l, "looks_now", vyre_build_select(l->b, has_no_fence, many, c32(l, 1)));
  vyre_var_id_t round = mutable(l, "round", c32(l, 0));
  vyre_expr_id_t is_quiet = is(l, op(l, VYRE_EXPR_OR, var(l, d->stopped), var(l, d->answered)), 0);
  vyre_expr_id_t is_empty = vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT, has_slot(d, 0));
  vyre_build_while(l->b, both(l, both(l, is_quiet, is_empty), op(l, VYRE_EXPR_LT, var(l, round), var(l, looks))));
  set(l, round, add(l, var(l, round), c32(l, 1)));
  build_next_group(d);
  build_read(d, 1);
  end(l);
  end(l);
}

/* Lists the workers of this round's group that have answered. */
static void build_list(dispatcher_t *d) {
  loop_t *l = d->l;
  begin_if(l, is_not(l, var(l, d->answered), 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, has_bit(l, d->answered, lane));
  vyre_var_id_t worker = let(l, "worker_index", add(l, op(l, VYRE_EXPR_SHL, var(l, d->scan), c32(l, 5)), var(l, lane)));
  vyre_var_id_t mark = let(l, "mark", local_element(l, d->local, MARKS, var(l, worker), 2));
  store32(l, WORKER, var(l, mark), op(l, VYRE_EXPR_OR, load32(l, WORKER, var(l, mark)), c32(l, 1)));
  vyre_expr_id_t place = add(l, var(l, d->free_count), rank_in(l, d->answered, lane));
  store32(l, WORKER, local_element(l, d->local, FREE, place, 2), var(l, worker));
  end(l);
  end(l);
  set(l, d->free_count, add(l, var(l, d->free_count), popcount(l, var(l, d->answered))));
  end(l);
}

/* How many slots are there, from the first on without a gap: of each, all four quarters. */
static vyre_expr_id_t count_slots(dispatcher_t *d) {
  loop_t *l = d->l;
  enum { FIRST_LANES = 0x11111111, SLOTS = LANES / 4 };
  vyre_var_id_t counts[ROUND_LOADS];
  for (int k = 0; k < ROUND_LOADS; k++) {
    vyre_var_id_t pairs = let(l, "pairs", and32(l, var(l, d->masks[k]), shr32(l, var(l, d->masks[k]), 1)));
    vyre_expr_id_t full = and32(l, var(l, pairs), shr32(l, var(l, pairs), 2));
    vyre_var_id_t lacking = let(l, "lacking", and32(l, not32(l, full), c32(l, FIRST_LANES)));
    counts[k] = let(l, "full", shr32(l, bits_below(l, lacking), 2));
  }
  vyre_expr_id_t sum = var(l, counts[ROUND_LOADS - 1]);
  for (int k = ROUND_LOADS - 2; k >= 0; k--) {
    vyre_expr_id_t more = vyre_build_select(l->b, is(l, var(l, counts[k]), SLOTS), sum, c32(l, 0));
    sum = add(l, var(l, counts[k]), more);
  }
  return sum;
}

/* ---- a batch of slots ---- */

static vyre_expr_id_t staged(dispatcher_t *d, vyre_var_id_t slot, uint32_t offset) {
  return load32(d->l, WORKER, at(d->l, slot, offset));
}

/* The bit of an entry, of a slot's WHO. */
static vyre_expr_id_t clock_bit(loop_t *l, vyre_var_id_t who) {
  return and32(l, shr32(l, var(l, who), 31 - CLOCK_BIT), c32(l, VYRE_ENTRY_CLOCKS));
}

/* What a lane can carry out by itself. */
static vyre_expr_id_t is_simple_opcode(loop_t *l, vyre_var_id_t opcode, vyre_var_id_t fast) {
  static const uint32_t simple[] = {VYRE_OPCODE_NOP, VYRE_OPCODE_STORE_U32, VYRE_OPCODE_LOAD_U32};
  vyre_expr_id_t is_one = is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_SHUTDOWN);
  for (unsigned i = 0; i < sizeof simple / sizeof *simple; i++)
    is_one = op(l, VYRE_EXPR_LOGICAL_OR, is_one, is(l, var(l, fast), simple[i]));
  return is_one;
}

/* What the batch holds: shutdowns, users, and whether its slots must run one after another. Cuts it behind the first
 * SHUTDOWN. */
static vyre_var_id_t build_classify(dispatcher_t *d, vyre_var_id_t *out_is_ordered) {
  loop_t *l = d->l;
  d->shutdowns = mutable(l, "shutdowns", c32(l, 0));
  d->users = mutable(l, "users", c32(l, 0));
  vyre_var_id_t stores = mutable(l, "stores", c32(l, 0)), accesses = mutable(l, "accesses", c32(l, 0));
  d->others = mutable(l, "others", c32(l, 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, lane), var(l, d->count)));
  vyre_var_id_t slot = let(l, "slot", local_element(l, d->local, STAGE, var(l, lane), 6));
  vyre_var_id_t opcode = let(l, "opcode", staged(d, slot, 0));
  vyre_build_vote(l->b, d->shutdowns, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_SHUTDOWN));
  vyre_var_id_t who = let(l, "who", staged(d, slot, 4));
  vyre_var_id_t fast = let(l, "fast", vyre_loop_fast_opcode(l, var(l, opcode), var(l, who)));
  vyre_build_vote(l->b, stores, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_STORE_U32));
  vyre_build_vote(l->b, accesses,
                  op(l, VYRE_EXPR_LOGICAL_OR, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_STORE_U32),
                     is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_LOAD_U32)));
  vyre_var_id_t is_simple = let(l, "is_simple", is_simple_opcode(l, opcode, fast));
  vyre_expr_id_t is_long =
      vyre_loop_is_long_copy(l, opcode, staged(d, slot, vyre_slot_arg_offset(VYRE_ARG_COPY_BYTES)));
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, vyre_loop_is_user(l, opcode), is_long));
  vyre_var_id_t record, found;
  vyre_loop_find_opcode(l, opcode, &record, &found);
  vyre_expr_id_t word = op(l, VYRE_EXPR_OR, var(l, record), clock_bit(l, who));
  store32(l, WORKER, local_element(l, d->local, RECORDS, var(l, lane), 2), word);
  vyre_build_vote(l->b, d->users, is_not(l, var(l, found), 0));
  vyre_build_vote(l->b, d->others, is(l, var(l, found), 0));
  vyre_build_else(l->b);
  vyre_build_vote(l->b, d->others, vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT, var(l, is_simple)));
  end(l);
  end(l);
  end(l);
  begin_if(l, is_not(l, var(l, d->shutdowns), 0));
  set(l, d->count, op(l, VYRE_EXPR_MIN, var(l, d->count), add(l, bits_below(l, d->shutdowns), c32(l, 1))));
  end(l);
  vyre_expr_id_t unused = op(l, VYRE_EXPR_SUB, c32(l, LANES), var(l, d->count));
  vyre_var_id_t all = let(l, "all", op(l, VYRE_EXPR_SHR, c32(l, UINT32_MAX), unused));
  set(l, d->users, and32(l, var(l, d->users), var(l, all)));
  set(l, d->shutdowns, and32(l, var(l, d->shutdowns), var(l, all)));
  set(l, d->others, and32(l, var(l, d->others), var(l, all)));
  /* A store and another access are done in the order of tickets, and so is everything in a batch that holds what only
   * uniform code carries out; the rest may go at once. */
  vyre_expr_id_t has_store = is_not(l, and32(l, var(l, stores), var(l, all)), 0);
  vyre_expr_id_t has_two = op(l, VYRE_EXPR_GT, popcount(l, and32(l, var(l, accesses), var(l, all))), c32(l, 1));
  vyre_expr_id_t is_ordered = op(l, VYRE_EXPR_LOGICAL_OR, both(l, has_store, has_two), is_not(l, var(l, d->others), 0));
  *out_is_ordered = let(l, "is_ordered", is_ordered);
  return all;
}

/* Word 0 and 1 of an entry and of a letter: the record, the cell, the completion's tag. */
static vyre_expr_id_t record_and_cell(dispatcher_t *d, vyre_var_id_t lane, vyre_var_id_t cell) {
  loop_t *l = d->l;
  vyre_expr_id_t record = load32(l, WORKER, local_element(l, d->local, RECORDS, var(l, lane), 2));
  return op(l, VYRE_EXPR_OR, record, op(l, VYRE_EXPR_SHL, var(l, cell), c32(l, VYRE_ENTRY_CELL_SHIFT)));
}

/* The lane's slot as an entry: into the slot table, or, with a number in each quarter, into a letter. */
static void build_entry(dispatcher_t *d, vyre_var_id_t to, vyre_var_id_t lane, vyre_var_id_t slot, vyre_var_id_t cell,
                        vyre_var_id_t tag, vyre_var_id_t number) {
  loop_t *l = d->l;
  store16(l, DEVICE, at(l, to, 0), record_and_cell(d, lane, cell), var(l, tag), staged(d, slot, 8), var(l, number));
  for (uint32_t at_byte = 16; at_byte < VYRE_ENTRY_BYTES_EACH; at_byte += 16)
    store16(l, DEVICE, at(l, to, at_byte), staged(d, slot, at_byte), staged(d, slot, at_byte + 4),
            staged(d, slot, at_byte + 8), var(l, number));
}

/* Takes the free worker at `rank` from the top of the stack: gives its letter's address and number. The caller lowers
 * free_count. */
static void build_take_worker(dispatcher_t *d, vyre_var_id_t rank, vyre_var_id_t *out_letter,
                              vyre_var_id_t *out_number) {
  loop_t *l = d->l;
  vyre_expr_id_t place = op(l, VYRE_EXPR_SUB, op(l, VYRE_EXPR_SUB, var(l, d->free_count), c32(l, 1)), var(l, rank));
  vyre_var_id_t worker = let(l, "worker_index", load32(l, WORKER, local_element(l, d->local, FREE, place, 2)));
  vyre_var_id_t mark = let(l, "mark", local_element(l, d->local, MARKS, var(l, worker), 2));
  /* A free worker's mark is odd: one more than the number of its last letter. */
  vyre_expr_id_t next = add(l, load32(l, WORKER, var(l, mark)), c32(l, VYRE_LETTER_STEP - 1));
  *out_number = let(l, "number", next);
  if (l->sleeps) store32(l, WORKER, local_element(l, d->local, GIVEN, var(l, rank), 2), var(l, worker));
  store32(l, WORKER, var(l, mark), var(l, *out_number));
  *out_letter = let(l, "letter", worker_block(l, var(l, worker), VYRE_WORKER_LETTER));
}

/* Wakes who sleeps of the first `count` in GIVEN. A worker announces its sleep, fences and looks for a letter once
 * more; here the letter is written, then comes the fence: one of the two sees the other. */
static void build_wake(dispatcher_t *d, vyre_expr_id_t count) {
  loop_t *l = d->l;
  if (!l->sleeps) return;
  vyre_var_id_t letters = let(l, "sent", count);
  begin_if(l, is_not(l, var(l, letters), 0));
  vyre_build_fence(l->b, VYRE_ORDER_SEQ_CST);
  vyre_var_id_t asleep = mutable(l, "asleep", c32(l, 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, lane), var(l, letters)));
  vyre_expr_id_t worker = load32(l, WORKER, local_element(l, d->local, GIVEN, var(l, lane), 2));
  vyre_build_vote(l->b, asleep, is_not(l, load32(l, DEVICE, worker_block(l, worker, VYRE_WORKER_ASLEEP)), 0));
  end(l);
  end(l);
  vyre_build_while(l->b, is_not(l, var(l, asleep), 0));
  vyre_var_id_t index = let(l, "index", bits_below(l, asleep));
  set(l, asleep, and32(l, var(l, asleep), op(l, VYRE_EXPR_SUB, var(l, asleep), c32(l, 1))));
  vyre_expr_id_t sleeper = load32(l, WORKER, local_element(l, d->local, GIVEN, var(l, index), 2));
  vyre_build_wake(l->b, worker_block(l, sleeper, VYRE_WORKER_LETTER + VYRE_ENTRY_BYTES_EACH - 4));
  end(l);
  end(l);
}

/* A registered opcode, when all of the batch go to workers at once. */
static void build_user(dispatcher_t *d, vyre_var_id_t lane, vyre_var_id_t slot, vyre_var_id_t cell, vyre_var_id_t tag) {
  loop_t *l = d->l;
  begin_if(l, is_not(l, var(l, d->letters), 0));
  vyre_var_id_t rank = let(l, "rank", rank_in(l, d->users, lane)), letter, number;
  build_take_worker(d, rank, &letter, &number);
  build_entry(d, letter, lane, slot, cell, tag, number);
  end(l);
}

/* Else all of them: places in the queues of their classes. */
static void build_queue(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_var_id_t of_class[VYRE_CLASSES];
  for (uint32_t i = 0; i < VYRE_CLASSES; i++) of_class[i] = mutable(l, "of_class", c32(l, 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, has_bit(l, d->users, lane));
  vyre_var_id_t slot = let(l, "slot", local_element(l, d->local, STAGE, var(l, lane), 6));
  vyre_var_id_t class_ = let(l, "class", vyre_loop_class(l, staged(d, slot, 4)));
  for (uint32_t i = 0; i < VYRE_CLASSES; i++) vyre_build_vote(l->b, of_class[i], is(l, var(l, class_), i));
  end(l);
  end(l);
  lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, has_bit(l, d->users, lane));
  slot = let(l, "slot", local_element(l, d->local, STAGE, var(l, lane), 6));
  class_ = let(l, "class", vyre_loop_class(l, staged(d, slot, 4)));
  vyre_expr_id_t same = var(l, of_class[0]);
  for (uint32_t i = 1; i < VYRE_CLASSES; i++)
    same = vyre_build_select(l->b, is(l, var(l, class_), i), var(l, of_class[i]), same);
  vyre_var_id_t mates = let(l, "mates", same), none = let(l, "none", c32(l, 0));
  vyre_expr_id_t tail = load64(l, WORKER, local_element(l, d->local, TAILS, var(l, class_), 3));
  vyre_var_id_t place = let(l, "place", add(l, tail, wide(l, rank_in(l, mates, lane))));
  vyre_var_id_t cell = let(l, "cell", and32(l, staged(d, slot, 60), c32(l, 0xFFFF)));
  vyre_expr_id_t ticket = add(l, narrow(l, var(l, d->ticket)), var(l, lane));
  vyre_var_id_t tag = let(l, "done_tag", add(l, ticket, c32(l, 1)));
  vyre_var_id_t entry = let(l, "entry", element(l, l->table, var(l, cell), 6));
  build_entry(d, entry, lane, slot, cell, tag, none);
  store32(l, DEVICE, vyre_loop_queue_place(l, var(l, class_), var(l, place)), var(l, cell));
  end(l);
  end(l);
  for (uint32_t i = 0; i < VYRE_CLASSES; i++) {
    vyre_var_id_t address = let(l, "tail_address", at(l, d->local, TAILS + 8 * i));
    vyre_expr_id_t moved = add(l, load64(l, WORKER, var(l, address)), wide(l, popcount(l, var(l, of_class[i]))));
    store64(l, WORKER, var(l, address), moved);
  }
  set(l, d->waiting, add(l, var(l, d->waiting), wide(l, popcount(l, var(l, d->users)))));
}

/* One lane's slot. */
static void build_slot(dispatcher_t *d, vyre_var_id_t lane) {
  loop_t *l = d->l;
  vyre_var_id_t slot = let(l, "slot", local_element(l, d->local, STAGE, var(l, lane), 6));
  vyre_var_id_t opcode = let(l, "opcode", staged(d, slot, 0));
  vyre_var_id_t cell = let(l, "cell", and32(l, staged(d, slot, 60), c32(l, 0xFFFF)));
  vyre_var_id_t completion = let(l, "completion", element(l, l->completions, var(l, cell), 6));
  vyre_var_id_t ticket = let(l, "own_ticket", add(l, var(l, d->ticket), wide(l, var(l, lane))));
  vyre_var_id_t tag = let(l, "done_tag", add(l, narrow(l, var(l, ticket)), c32(l, 1)));
  vyre_loop_note_life(l, ticket, cell);
  vyre_expr_id_t is_nop = is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_NOP);
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, is_nop, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_SHUTDOWN)));
  vyre_loop_complete(l, l->release, completion, tag, c32(l, 0), c32(l, 0));
  vyre_build_else(l->b);
  begin_if(l, has_bit(l, d->users, lane));
  build_user(d, lane, slot, cell, tag);
  vyre_build_else(l->b);
  vyre_var_id_t handle = let(l, "handle", staged(d, slot, vyre_slot_arg_offset(0)));
  vyre_var_id_t offset = let(l, "offset", staged(d, slot, vyre_slot_arg_offset(1)));
  vyre_var_id_t value = let(l, "value", staged(d, slot, vyre_slot_arg_offset(2)));
  begin_if(l, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_LOAD_U32));
  vyre_loop_word_access(l, false, completion, tag, handle, offset, value);
  vyre_build_else(l->b);
  vyre_loop_word_access(l, true, completion, tag, handle, offset, value);
  for (int i = 0; i < 3; i++) end(l);
}

/* The slot of the one lane in `now`, by all of them. */
static void build_other(dispatcher_t *d, vyre_var_id_t now) {
  loop_t *l = d->l;
  vyre_loop_slot_t s = {.scope = WORKER};
  vyre_var_id_t index = let(l, "index", bits_below(l, now));
  s.address = let(l, "slot", local_element(l, d->local, STAGE, var(l, index), 6));
  s.ticket = let(l, "own_ticket", add(l, var(l, d->ticket), wide(l, var(l, index))));
  s.opcode = let(l, "opcode", staged(d, s.address, 0));
  s.cell = let(l, "cell", and32(l, staged(d, s.address, 60), c32(l, 0xFFFF)));
  s.wants_clocks = let(l, "wants_clocks", is_not(l, and32(l, staged(d, s.address, 4), c32(l, VYRE_WHO_CLOCKS)), 0));
  s.completion = let(l, "completion", element(l, l->completions, var(l, s.cell), 6));
  s.tag = let(l, "done_tag", add(l, narrow(l, var(l, s.ticket)), c32(l, 1)));
  vyre_loop_note_life(l, s.ticket, s.cell);
  vyre_loop_builtin(l, &s);
}

static void build_shutdown(dispatcher_t *d) {
  loop_t *l = d->l;
  begin_if(l, is_not(l, var(l, d->shutdowns), 0));
  vyre_expr_id_t stop = at(l, l->control, VYRE_CONTROL_STOP);
  vyre_expr_id_t run = c32(l, VYRE_STOP_RUN), finish = c32(l, VYRE_STOP_FINISH);
  l->b->scope = DEVICE;
  vyre_expr_id_t was = vyre_build_raw_atomic_cas(l->b, U32, VYRE_ORDER_RELAXED, stop, run, finish);
  l->b->scope = SYSTEM;
  let(l, "was", was);
  store32(l, SYSTEM, at(l, l->shared, VYRE_SHARED_ENDING), c32(l, 1));
  set(l, d->is_open, boolean(l, false));
  end(l);
}

/* Ends a batch of `count` slots. */
static void build_taken(dispatcher_t *d) {
  loop_t *l = d->l;
  set(l, d->ticket, add(l, var(l, d->ticket), wide(l, var(l, d->count))));
  /* The slots have been copied; on a GPU the values that were read have decided what was done. */
  store(l, U64, l->release, SYSTEM, at(l, l->shared, VYRE_SHARED_TAKEN), var(l, d->ticket));
}

/* The slots of the round that are there, in one go, or one by one where their order matters. */
static void build_batch(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_var_id_t is_ordered;
  vyre_var_id_t all = build_classify(d, &is_ordered);
  vyre_var_id_t user_count = let(l, "user_count", popcount(l, var(l, d->users)));
  /* Who stands in a queue goes first, and where not all can go at once their classes count. */
  vyre_expr_id_t are_few = op(l, VYRE_EXPR_LE, var(l, user_count), var(l, d->free_count));
  vyre_expr_id_t at_once = both(l, queue_is_empty(d), are_few);
  d->letters = let(l, "letters", vyre_build_select(l->b, at_once, var(l, user_count), c32(l, 0)));
  begin_if(l, is_not(l, var(l, d->users), 0));
  vyre_expr_id_t above = vyre_build_unary(l->b, VYRE_EXPR_CLZ, var(l, d->users));
  vyre_expr_id_t behind = wide(l, op(l, VYRE_EXPR_SUB, c32(l, LANES), above));
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_LAST_USER), add(l, var(l, d->ticket), behind));
  end(l);
  vyre_var_id_t todo = mutable(l, "todo", var(l, all));
  vyre_build_while(l->b, is_not(l, var(l, todo), 0));
  vyre_expr_id_t lowest = and32(l, var(l, todo), vyre_build_unary(l->b, VYRE_EXPR_NEG, var(l, todo)));
  vyre_var_id_t now = let(l, "now", vyre_build_select(l->b, var(l, is_ordered), lowest, var(l, todo)));
  set(l, todo, and32(l, var(l, todo), not32(l, var(l, now))));
  begin_if(l, is_not(l, and32(l, var(l, now), var(l, d->others)), 0));
  build_other(d, now);
  vyre_build_else(l->b);
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, has_bit(l, now, lane));
  build_slot(d, lane);
  end(l);
  end(l);
  end(l);
  end(l);
  build_shutdown(d);
  build_wake(d, var(l, d->letters));
  set(l, d->free_count, op(l, VYRE_EXPR_SUB, var(l, d->free_count), var(l, d->letters)));
  begin_if(l, op(l, VYRE_EXPR_NE, var(l, d->letters), var(l, user_count)));
  build_queue(d);
  end(l);
  build_taken(d);
}

/* A registered opcode with a worker free for it: four lanes write the letter. */
static void build_single_user(dispatcher_t *d, vyre_var_id_t slot, vyre_var_id_t opcode, vyre_var_id_t cell,
                              vyre_var_id_t tag, vyre_var_id_t is_left) {
  loop_t *l = d->l;
  vyre_var_id_t record, found;
  vyre_loop_find_opcode(l, opcode, &record, &found);
  begin_if(l, is(l, var(l, found), 0));
  set(l, is_left, boolean(l, true));
  vyre_build_else(l->b);
  vyre_var_id_t who = let(l, "who", staged(d, slot, 4));
  vyre_var_id_t first = let(l, "first_free", c32(l, 0)), letter, number;
  build_take_worker(d, first, &letter, &number);
  set(l, d->free_count, op(l, VYRE_EXPR_SUB, var(l, d->free_count), c32(l, 1)));
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_LAST_USER), add(l, var(l, d->ticket), c64(l, 1)));
  vyre_expr_id_t cell_bits = op(l, VYRE_EXPR_SHL, var(l, cell), c32(l, VYRE_ENTRY_CELL_SHIFT));
  vyre_expr_id_t word = op(l, VYRE_EXPR_OR, op(l, VYRE_EXPR_OR, var(l, record), clock_bit(l, who)), cell_bits);
  store32(l, WORKER, at(l, slot, VYRE_ENTRY_RECORD), word);
  store32(l, WORKER, at(l, slot, VYRE_ENTRY_TAG), var(l, tag));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, lane), c32(l, 4)));
  vyre_var_id_t words[4];
  load16(l, WORKER, element(l, slot, var(l, lane), 4), words);
  store16(l, DEVICE, element(l, letter, var(l, lane), 4), var(l, words[0]), var(l, words[1]), var(l, words[2]),
          var(l, number));
  end(l);
  end(l);
  build_wake(d, c32(l, 1));
  build_taken(d);
  end(l);
}

/* The first slot, when it is the only one: what an idle session gets takes the shortest way. Says whether it is left to
 * the batch in is_left. */
static void build_single(dispatcher_t *d, vyre_var_id_t is_left) {
  loop_t *l = d->l;
  vyre_var_id_t slot = let(l, "slot", at(l, d->local, STAGE));
  vyre_var_id_t opcode = let(l, "opcode", staged(d, slot, 0));
  vyre_var_id_t cell = let(l, "cell", and32(l, staged(d, slot, 60), c32(l, 0xFFFF)));
  vyre_var_id_t completion = let(l, "completion", element(l, l->completions, var(l, cell), 6));
  vyre_var_id_t tag = let(l, "done_tag", add(l, narrow(l, var(l, d->ticket)), c32(l, 1)));
  vyre_loop_note_life(l, d->ticket, cell);
  vyre_var_id_t fast = let(l, "fast", vyre_loop_fast_opcode(l, var(l, opcode), staged(d, slot, 4)));
  begin_if(l, is(l, var(l, fast), (uint32_t)VYRE_OPCODE_NOP));
  vyre_loop_complete(l, l->release, completion, tag, c32(l, 0), c32(l, 0));
  build_taken(d);
  vyre_build_else(l->b);
  begin_if(l, is(l, var(l, fast), (uint32_t)VYRE_OPCODE_LOAD_U32));
  vyre_var_id_t handle = let(l, "handle", staged(d, slot, vyre_slot_arg_offset(0)));
  vyre_var_id_t offset = let(l, "offset", staged(d, slot, vyre_slot_arg_offset(1)));
  vyre_loop_word_access(l, false, completion, tag, handle, offset, 0);
  build_taken(d);
  vyre_build_else(l->b);
  vyre_expr_id_t has_worker = both(l, queue_is_empty(d), is_not(l, var(l, d->free_count), 0));
  begin_if(l, both(l, vyre_loop_is_user(l, opcode), has_worker));
  build_single_user(d, slot, opcode, cell, tag, is_left);
  vyre_build_else(l->b);
  set(l, is_left, boolean(l, true));
  for (int i = 0; i < 3; i++) end(l);
}

/* ---- the queues ---- */

/* Gives up to 32 of the first cells in a class's queue to workers that have become free. */
static void build_hand_out_of(dispatcher_t *d, vyre_var_id_t class_) {
  loop_t *l = d->l;
  vyre_var_id_t head_address = let(l, "head_address", local_element(l, d->local, HEADS, var(l, class_), 3));
  vyre_var_id_t head = let(l, "head", load64(l, WORKER, var(l, head_address)));
  vyre_expr_id_t tail = load64(l, WORKER, local_element(l, d->local, TAILS, var(l, class_), 3));
  vyre_expr_id_t standing = op(l, VYRE_EXPR_SUB, tail, var(l, head));
  vyre_expr_id_t fits =
      op(l, VYRE_EXPR_MIN, op(l, VYRE_EXPR_MIN, standing, c64(l, LANES)), wide(l, var(l, d->free_count)));
  vyre_var_id_t count = let(l, "letters", narrow(l, fits));
  begin_if(l, is_not(l, var(l, count), 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, lane), var(l, count)));
  vyre_var_id_t letter, number, words[4][4];
  build_take_worker(d, lane, &letter, &number);
  vyre_expr_id_t index = add(l, var(l, head), wide(l, var(l, lane)));
  vyre_expr_id_t cell = load32(l, DEVICE, vyre_loop_queue_place(l, var(l, class_), index));
  vyre_var_id_t entry = let(l, "entry", element(l, l->table, cell, 6));
  for (uint32_t quarter = 0; quarter < 4; quarter++) load16(l, DEVICE, at(l, entry, 16 * quarter), words[quarter]);
  for (uint32_t quarter = 0; quarter < 4; quarter++)
    store16(l, DEVICE, at(l, letter, 16 * quarter), var(l, words[quarter][0]), var(l, words[quarter][1]),
            var(l, words[quarter][2]), var(l, number));
  end(l);
  end(l);
  build_wake(d, var(l, count));
  set(l, d->free_count, op(l, VYRE_EXPR_SUB, var(l, d->free_count), var(l, count)));
  set(l, d->waiting, op(l, VYRE_EXPR_SUB, var(l, d->waiting), wide(l, var(l, count))));
  store64(l, WORKER, var(l, head_address), add(l, var(l, head), wide(l, var(l, count))));
  end(l);
}

/* Class by class, in the order of this round. */
static void build_hand_out(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_expr_id_t has_free = is_not(l, var(l, d->free_count), 0);
  begin_if(l, both(l, vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT, queue_is_empty(d)), has_free));
  vyre_var_id_t number = mutable(l, "queue_number", c32(l, 0));
  vyre_expr_id_t goes_on =
      both(l, op(l, VYRE_EXPR_LT, var(l, number), c32(l, VYRE_CLASSES)), is_not(l, var(l, d->free_count), 0));
  vyre_build_while(l->b, goes_on);
  vyre_var_id_t class_ = let(l, "class", vyre_loop_class_in_round(l, d->rounds, number));
  build_hand_out_of(d, class_);
  set(l, number, add(l, var(l, number), c32(l, 1)));
  end(l);
  set(l, d->rounds, add(l, var(l, d->rounds), c32(l, 1)));
  end(l);
}

/* The queues' words between the control block and local memory, which has them while the dispatcher lives. */
static void build_move_queues(dispatcher_t *d, bool is_leaving) {
  loop_t *l = d->l;
  static const struct {
    uint32_t control, local;
  } words[] = {{VYRE_CONTROL_QUEUE_HEAD, HEADS}, {VYRE_CONTROL_QUEUE_TAIL, TAILS}};
  vyre_var_id_t class_ = mutable(l, "class", c32(l, 0));
  vyre_build_while(l->b, op(l, VYRE_EXPR_LT, var(l, class_), c32(l, VYRE_CLASSES)));
  vyre_var_id_t value[2];
  for (unsigned i = 0; i < 2; i++) {
    vyre_var_id_t control =
        let(l, "control_address", add(l, element(l, l->control, var(l, class_), 3), c64(l, words[i].control)));
    vyre_var_id_t local = let(l, "local_address", local_element(l, d->local, words[i].local, var(l, class_), 3));
    value[i] = let(l, "value", is_leaving ? load64(l, WORKER, var(l, local)) : load64(l, DEVICE, var(l, control)));
    if (is_leaving)
      store64(l, DEVICE, var(l, control), var(l, value[i]));
    else
      store64(l, WORKER, var(l, local), var(l, value[i]));
  }
  if (!is_leaving)
    set(l, d->waiting, add(l, var(l, d->waiting), op(l, VYRE_EXPR_SUB, var(l, value[1]), var(l, value[0]))));
  set(l, class_, add(l, var(l, class_), c32(l, 1)));
  end(l);
}

/* ---- its life ---- */

/* The letters that a launch before this one left: their workers are free when they have answered. */
static void build_recall(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_var_id_t group = mutable(l, "group", c32(l, 0));
  vyre_build_while(l->b, op(l, VYRE_EXPR_LT, var(l, group), var(l, d->groups)));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  vyre_var_id_t worker = let(l, "worker_index", add(l, op(l, VYRE_EXPR_SHL, var(l, group), c32(l, 5)), var(l, lane)));
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, worker), var(l, d->workers)));
  vyre_expr_id_t number = load32(l, DEVICE, worker_block(l, var(l, worker), VYRE_WORKER_LETTER + 12));
  store32(l, WORKER, local_element(l, d->local, MARKS, var(l, worker), 2), number);
  end(l);
  end(l);
  set(l, group, add(l, var(l, group), c32(l, 1)));
  end(l);
}

/* The workers look at STOP and PARK, which are set. */
static void build_wake_all(dispatcher_t *d) {
  loop_t *l = d->l;
  if (!l->sleeps) return;
  vyre_build_fence(l->b, VYRE_ORDER_SEQ_CST);
  vyre_var_id_t worker = mutable(l, "worker_index", c32(l, 0));
  vyre_build_while(l->b, op(l, VYRE_EXPR_LT, var(l, worker), var(l, d->workers)));
  vyre_build_wake(l->b, worker_block(l, var(l, worker), VYRE_WORKER_LETTER + VYRE_ENTRY_BYTES_EACH - 4));
  set(l, worker, add(l, var(l, worker), c32(l, 1)));
  end(l);
}

static void build_leave(dispatcher_t *d) {
  loop_t *l = d->l;
  build_wake_all(d);
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_TICKET), var(l, d->ticket));
  build_move_queues(d, true);
  store32(l, DEVICE, at(l, l->control, VYRE_CONTROL_OPEN_FENCES), var(l, l->open_fences));
  vyre_build_plain(l->b, VYRE_STMT_RETURN);
}

static void build_stop(dispatcher_t *d) {
  loop_t *l = d->l;
  begin_if(l, is_not(l, var(l, d->stopped), 0));
  vyre_expr_id_t stop = control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_RELAXED);
  vyre_expr_id_t park = control_word(l, VYRE_CONTROL_PARK, U32, VYRE_ORDER_RELAXED);
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, op(l, VYRE_EXPR_GE, stop, c32(l, VYRE_STOP_NOW)), is_not(l, park, 0)));
  build_leave(d);
  end(l);
  end(l);
}

/* After SHUTDOWN: once nothing is queued and every worker is free, the others are told to leave. */
static void build_finish(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_expr_id_t is_closed = vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT, var(l, d->is_open));
  vyre_expr_id_t are_free = op(l, VYRE_EXPR_EQ, var(l, d->free_count), var(l, d->workers));
  vyre_expr_id_t has_no_fence = is(l, var(l, l->open_fences), 0);
  begin_if(l, both(l, both(l, both(l, is_closed, queue_is_empty(d)), are_free), has_no_fence));
  store32(l, DEVICE, at(l, l->control, VYRE_CONTROL_STOP), c32(l, VYRE_STOP_NOW));
  build_leave(d);
  end(l);
}

/* No worker has answered: what stands in the queue or is fenced waits for one of them. */
static vyre_expr_id_t is_idle(loop_t *l, void *dispatcher) {
  dispatcher_t *d = dispatcher;
  vyre_var_id_t group = mutable(l, "group", c32(l, 0)), answered = mutable(l, "answered_now", c32(l, 0));
  vyre_build_while(l->b, op(l, VYRE_EXPR_LT, var(l, group), var(l, d->groups)));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  vyre_var_id_t worker = let(l, "worker_index", add(l, op(l, VYRE_EXPR_SHL, var(l, group), c32(l, 5)), var(l, lane)));
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, worker), var(l, d->workers)));
  vyre_expr_id_t done = load32(l, DEVICE, worker_block(l, var(l, worker), VYRE_WORKER_DONE));
  vyre_expr_id_t mark = load32(l, WORKER, local_element(l, d->local, MARKS, var(l, worker), 2));
  vyre_build_vote(l->b, answered, op(l, VYRE_EXPR_EQ, done, mark));
  end(l);
  end(l);
  set(l, group, add(l, var(l, group), c32(l, 1)));
  end(l);
  return is(l, var(l, answered), 0);
}

/* A fence that can go on is work as well. */
static void build_idle(dispatcher_t *d, vyre_var_id_t idle_rounds, vyre_var_id_t worked, vyre_var_id_t is_left) {
  loop_t *l = d->l;
  begin_if(l, op(l, VYRE_EXPR_OR, var(l, worked), var(l, is_left)));
  set(l, idle_rounds, c32(l, 0));
  vyre_build_else(l->b);
  set(l, idle_rounds, add(l, var(l, idle_rounds), c32(l, 1)));
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, idle_rounds), var(l, l->spin_limit)));
  vyre_build_plain(l->b, VYRE_STMT_PAUSE);
  vyre_build_else(l->b);
  if (l->sleeps)
    vyre_loop_sleep(l, is_idle, d);
  else
    vyre_build_sleep(l->b, at(l, l->shared, VYRE_SHARED_EVENT), c32(l, 0));
  end(l);
  end(l);
}

static void build_dispatcher(loop_t *l) {
  vyre_builder_t *b = l->b;
  dispatcher_t d = {.l = l};
  d.local = let(l, "local_memory", vyre_build_leaf(b, VYRE_EXPR_LOCAL));
  d.workers = let(l, "workers", op(l, VYRE_EXPR_SUB, var(l, l->block_count), c32(l, 1)));
  d.groups = let(l, "groups", shr32(l, add(l, var(l, d.workers), c32(l, LANES - 1)), 5));
  d.ticket = mutable(l, "ticket", control_word(l, VYRE_CONTROL_TICKET, U64, VYRE_ORDER_RELAXED));
  d.waiting = mutable(l, "waiting", c64(l, 0));
  build_move_queues(&d, false);
  d.rounds = mutable(l, "rounds", c32(l, 0));
  d.free_count = mutable(l, "free_count", c32(l, 0));
  d.scan = mutable(l, "scan", c32(l, 0));
  vyre_expr_id_t open = control_word(l, VYRE_CONTROL_OPEN_FENCES, U32, VYRE_ORDER_RELAXED);
  l->open_fences = mutable(l, "open_fences", open);
  d.is_open = mutable(l, "is_open", is(l, control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_RELAXED), VYRE_STOP_RUN));
  build_recall(&d);
  vyre_var_id_t idle_rounds = mutable(l, "idle_rounds", c32(l, 0));
  vyre_var_id_t beats = mutable(l, "beats", c64(l, 0));
  d.is_loaded = mutable(l, "is_loaded", boolean(l, false));
  vyre_build_forever(b);
  beat(l, beats);
  build_poll(&d, idle_rounds);
  build_stop(&d);
  build_list(&d);
  vyre_var_id_t worked = let(l, "worked", both(l, has_slot(&d, 0), var(l, d.is_open)));
  begin_if(l, var(l, worked));
  d.count = mutable(l, "count", c32(l, 1));
  vyre_var_id_t is_batch = mutable(l, "is_batch", has_slot(&d, 1));
  begin_if(l, var(l, is_batch));
  set(l, d.count, count_slots(&d));
  set(l, d.is_loaded, op(l, VYRE_EXPR_GE, var(l, d.count), c32(l, LANES / 4)));
  vyre_build_else(b);
  set(l, d.is_loaded, boolean(l, false));
  build_single(&d, is_batch);
  end(l);
  begin_if(l, var(l, is_batch));
  build_batch(&d);
  end(l);
  vyre_build_else(b);
  set(l, d.is_loaded, boolean(l, false));
  end(l);
  build_hand_out(&d);
  vyre_var_id_t is_left = mutable(l, "is_left", boolean(l, false));
  vyre_loop_fences(l, is_left);
  build_finish(&d);
  build_idle(&d, idle_rounds, worked, is_left);
  end(l);
}

void vyre_loop_build_dispatched(loop_t *l) {
  begin_if(l, is(l, vyre_build_leaf(l->b, VYRE_EXPR_WORKER), 0));
  build_dispatcher(l);
  vyre_build_else(l->b);
  vyre_loop_build_dispatched_worker(l);
  end(l);
}
