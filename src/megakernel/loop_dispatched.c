/* Topology `dispatched`: worker 0 polls the ring for all, executes what the loop itself can, and hands the slots of
 * registered Programs to the others by letters in their blocks. It keeps 32 slots in flight: every lane reads a quarter
 * of four of them, and then each lane has a slot of its own.
 *
 * The dispatcher waits for nothing: slots that no worker is free for stand in the run queue, which it alone touches.
 * A slot's table entry and a letter both validate themselves, so that it needs no fence between the two. */
#include "megakernel/loop_parts.h"

enum {
  LANES = 32,
  ROUND_LOADS = 4, /* quarters per lane and round */
  ROUND_SLOTS = ROUND_LOADS * LANES / 4,
  BEAT_ROUNDS = 64, /* rounds of a worker between two heartbeats */

  /* The dispatcher's local memory: the slots of the round, the records of their opcodes, the number of the last letter
   * to each worker, and of each 32 workers those that are free. */
  STAGE = 0,
  RECORDS = STAGE + ROUND_SLOTS * VYRE_SLOT_BYTES,
  SENT = RECORDS + ROUND_SLOTS * 4,
  FREE = SENT + VYRE_WORKERS_MAX * 4,
  DISPATCHER_LOCAL_BYTES = (int)FREE + (int)VYRE_WORKERS_MAX / LANES * 4,

  /* A worker's: the table entry, the letter, and the first words of the control block. */
  ENTRY = 0,
  LETTER = ENTRY + VYRE_ENTRY_BYTES_EACH,
  STOPS = LETTER + 16,
  LETTER_CELL = 0,
  LETTER_TAG = 4,
  LETTER_NUMBER = 12,
};
_Static_assert((int)DISPATCHER_LOCAL_BYTES <= (int)VYRE_LOCAL_BYTES, "fits into a worker's local memory");
_Static_assert((int)ROUND_SLOTS == (int)LANES, "a lane per slot");
_Static_assert(VYRE_CONTROL_STOP == 0 && VYRE_CONTROL_PARK == 4, "read together");

static const char *const quarter_names[4] = {"word0", "word1", "word2", "tag"};

typedef struct dispatcher {
  loop_t *l;
  vyre_var_id_t local, workers, groups;
  vyre_var_id_t ticket, head, tail;   /* u64: next to take, next to hand out, next place in the queue */
  vyre_var_id_t scan;                 /* u32: the 32 workers whose answers are read in this round */
  vyre_var_id_t is_open;              /* no SHUTDOWN was taken */
  vyre_var_id_t count, stopped;       /* of the round: slots that are there; not 0 when STOP or PARK are not */
  vyre_var_id_t shutdowns, users;     /* of the batch, by lane: SHUTDOWN; registered opcodes */
} dispatcher_t;

static vyre_expr_id_t bits_below(loop_t *l, vyre_var_id_t lane) {
  vyre_expr_id_t above = op(l, VYRE_EXPR_SHL, c32(l, UINT32_MAX), var(l, lane));
  return vyre_build_unary(l->b, VYRE_EXPR_NOT, above);
}
static vyre_expr_id_t popcount(loop_t *l, vyre_expr_id_t a) { return vyre_build_unary(l->b, VYRE_EXPR_POPCOUNT, a); }
static vyre_expr_id_t ctz(loop_t *l, vyre_expr_id_t a) { return vyre_build_unary(l->b, VYRE_EXPR_CTZ, a); }
static vyre_expr_id_t and32(loop_t *l, vyre_expr_id_t a, vyre_expr_id_t b) { return op(l, VYRE_EXPR_AND, a, b); }
static vyre_expr_id_t has_bit(loop_t *l, vyre_var_id_t mask, vyre_var_id_t lane) {
  return is_not(l, and32(l, op(l, VYRE_EXPR_SHR, var(l, mask), var(l, lane)), c32(l, 1)), 0);
}
static vyre_expr_id_t local_element(loop_t *l, vyre_var_id_t local, uint32_t offset, vyre_expr_id_t index, unsigned shift) {
  return add(l, element(l, local, index, shift), c64(l, offset));
}
/* The block of a worker that is counted without the dispatcher. */
static vyre_expr_id_t worker_block(loop_t *l, vyre_expr_id_t worker, uint32_t offset) {
  return add(l, element(l, l->blocks, worker, 9), c64(l, VYRE_WORKER_BYTES_EACH + offset));
}
_Static_assert(VYRE_WORKER_BYTES_EACH == 1 << 9, "a block is found by a shift");

static void load16(loop_t *l, vyre_scope_t scope, vyre_expr_id_t address, vyre_var_id_t words[4]) {
  l->b->scope = scope;
  vyre_build_load16(l->b, 3, VYRE_ORDER_RELAXED, quarter_names, address, words);
  l->b->scope = SYSTEM;
}

static void store16(loop_t *l, vyre_scope_t scope, vyre_expr_id_t address, vyre_expr_id_t a, vyre_expr_id_t b,
                    vyre_expr_id_t c, vyre_expr_id_t tag) {
  l->b->scope = scope;
  vyre_build_store16(l->b, 3, VYRE_ORDER_RELAXED, address, (vyre_expr_id_t[4]){a, b, c, tag});
  l->b->scope = SYSTEM;
}

/* ---- the dispatcher: a round's reads ---- */

/* Whether the tag of quarter `quarter` of the slot of ticket + `ahead` is that of its lap. */
static vyre_expr_id_t has_lap(dispatcher_t *d, vyre_var_id_t tag, vyre_var_id_t quarter, vyre_var_id_t ahead) {
  loop_t *l = d->l;
  vyre_expr_id_t ticket = add(l, var(l, d->ticket), wide(l, var(l, ahead)));
  vyre_expr_id_t laps = narrow(l, op(l, VYRE_EXPR_SHR, ticket, wide(l, var(l, l->ring_shift))));
  vyre_var_id_t shift =
      let(l, "shift", vyre_build_select(l->b, is(l, var(l, quarter), 3), c32(l, 16), c32(l, 0)));
  vyre_expr_id_t mask = op(l, VYRE_EXPR_SHR, c32(l, UINT32_MAX), var(l, shift));
  vyre_expr_id_t lap = and32(l, add(l, laps, c32(l, 1)), mask);
  return op(l, VYRE_EXPR_EQ, op(l, VYRE_EXPR_SHR, var(l, tag), var(l, shift)), lap);
}

/* How many slots are there, from the first on without a gap: of each, all four quarters. */
static vyre_expr_id_t count_slots(dispatcher_t *d, const vyre_var_id_t masks[ROUND_LOADS]) {
  loop_t *l = d->l;
  enum { FIRST_LANES = 0x11111111, SLOTS = LANES / 4 };
  vyre_var_id_t counts[ROUND_LOADS];
  for (int k = 0; k < ROUND_LOADS; k++) {
    vyre_var_id_t pairs =
        let(l, "pairs", and32(l, var(l, masks[k]), op(l, VYRE_EXPR_SHR, var(l, masks[k]), c32(l, 1))));
    vyre_expr_id_t full = and32(l, var(l, pairs), op(l, VYRE_EXPR_SHR, var(l, pairs), c32(l, 2)));
    vyre_expr_id_t lacking = and32(l, vyre_build_unary(l->b, VYRE_EXPR_NOT, full), c32(l, FIRST_LANES));
    counts[k] = let(l, "full", op(l, VYRE_EXPR_SHR, ctz(l, lacking), c32(l, 2)));
  }
  vyre_expr_id_t sum = var(l, counts[ROUND_LOADS - 1]);
  for (int k = ROUND_LOADS - 2; k >= 0; k--) {
    vyre_expr_id_t more = vyre_build_select(l->b, is(l, var(l, counts[k]), SLOTS), sum, c32(l, 0));
    sum = add(l, var(l, counts[k]), more);
  }
  return sum;
}

/* Reads the coming slots, the stop words and the answers of 32 workers, all in flight at once. */
static void build_read(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_var_id_t masks[ROUND_LOADS], words[ROUND_LOADS][4], ahead[ROUND_LOADS];
  for (int k = 0; k < ROUND_LOADS; k++) masks[k] = mutable(l, "quarters", c32(l, 0));
  d->stopped = mutable(l, "stopped", c32(l, 0));
  vyre_var_id_t free = mutable(l, "free", c32(l, 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  vyre_var_id_t quarter = let(l, "quarter", and32(l, var(l, lane), c32(l, 3)));
  vyre_var_id_t place = let(l, "place", op(l, VYRE_EXPR_SHL, wide(l, var(l, quarter)), c64(l, 4)));
  vyre_var_id_t worker = let(l, "worker_index", add(l, op(l, VYRE_EXPR_SHL, var(l, d->scan), c32(l, 5)), var(l, lane)));
  for (uint32_t k = 0; k < ROUND_LOADS; k++) {
    ahead[k] = let(l, "ahead", add(l, op(l, VYRE_EXPR_SHR, var(l, lane), c32(l, 2)), c32(l, k * LANES / 4)));
    vyre_expr_id_t index = in_ring(l, add(l, var(l, d->ticket), wide(l, var(l, ahead[k]))));
    load16(l, SYSTEM, add(l, element(l, l->ring, index, 6), var(l, place)), words[k]);
  }
  vyre_var_id_t stops = let(l, "stops", load64(l, DEVICE, at(l, l->control, VYRE_CONTROL_STOP)));
  vyre_expr_id_t last = op(l, VYRE_EXPR_SUB, var(l, d->workers), c32(l, 1));
  vyre_expr_id_t known = op(l, VYRE_EXPR_MIN, var(l, worker), last);
  vyre_var_id_t done = let(l, "done", load32(l, DEVICE, worker_block(l, known, VYRE_WORKER_DONE)));
  for (int k = 0; k < ROUND_LOADS; k++) {
    store16(l, WORKER, add(l, local_element(l, d->local, STAGE, var(l, ahead[k]), 6), var(l, place)),
            var(l, words[k][0]), var(l, words[k][1]), var(l, words[k][2]), var(l, words[k][3]));
    vyre_build_vote(l->b, masks[k], has_lap(d, words[k][3], quarter, ahead[k]));
  }
  vyre_build_vote(l->b, d->stopped, op(l, VYRE_EXPR_NE, var(l, stops), c64(l, 0)));
  vyre_expr_id_t sent = load32(l, WORKER, local_element(l, d->local, SENT, and32(l, var(l, worker), c32(l, VYRE_WORKERS_MAX - 1)), 2));
  vyre_build_vote(l->b, free, both(l, op(l, VYRE_EXPR_LT, var(l, worker), var(l, d->workers)),
                                   op(l, VYRE_EXPR_EQ, var(l, done), sent)));
  end(l);
  store32(l, WORKER, local_element(l, d->local, FREE, var(l, d->scan), 2), var(l, free));
  vyre_var_id_t following = let(l, "following", add(l, var(l, d->scan), c32(l, 1)));
  vyre_expr_id_t is_last = op(l, VYRE_EXPR_GE, var(l, following), var(l, d->groups));
  set(l, d->scan, vyre_build_select(l->b, is_last, c32(l, 0), var(l, following)));
  d->count = mutable(l, "count", count_slots(d, masks));
}

/* ---- the dispatcher: a batch of slots ---- */

static vyre_expr_id_t staged(dispatcher_t *d, vyre_var_id_t slot, uint32_t offset) {
  return load32(d->l, WORKER, at(d->l, slot, offset));
}

/* What the batch holds: shutdowns, users, and whether its slots must run one after another. Cuts it behind the first
 * SHUTDOWN. */
static vyre_var_id_t build_classify(dispatcher_t *d, vyre_var_id_t *out_is_ordered) {
  loop_t *l = d->l;
  d->shutdowns = mutable(l, "shutdowns", c32(l, 0));
  d->users = mutable(l, "users", c32(l, 0));
  vyre_var_id_t stores = mutable(l, "stores", c32(l, 0)), accesses = mutable(l, "accesses", c32(l, 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, lane), var(l, d->count)));
  vyre_var_id_t slot = let(l, "slot", local_element(l, d->local, STAGE, var(l, lane), 6));
  vyre_var_id_t opcode = let(l, "opcode", staged(d, slot, 0));
  vyre_build_vote(l->b, d->shutdowns, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_SHUTDOWN));
  vyre_build_vote(l->b, stores, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_STORE_U32));
  vyre_build_vote(l->b, accesses, op(l, VYRE_EXPR_LOGICAL_OR, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_STORE_U32),
                                     is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_LOAD_U32)));
  begin_if(l, both(l, op(l, VYRE_EXPR_GE, var(l, opcode), c32(l, 8)),
                   op(l, VYRE_EXPR_LE, var(l, opcode), c32(l, 0x3FFFFFFF))));
  vyre_var_id_t record, found;
  vyre_loop_find_opcode(l, opcode, &record, &found);
  store32(l, WORKER, local_element(l, d->local, RECORDS, var(l, lane), 2), var(l, record));
  vyre_build_vote(l->b, d->users, is_not(l, var(l, found), 0));
  end(l);
  end(l);
  end(l);
  begin_if(l, is_not(l, var(l, d->shutdowns), 0));
  set(l, d->count, op(l, VYRE_EXPR_MIN, var(l, d->count), add(l, ctz(l, var(l, d->shutdowns)), c32(l, 1))));
  end(l);
  vyre_expr_id_t unused = op(l, VYRE_EXPR_SUB, c32(l, LANES), var(l, d->count));
  vyre_var_id_t all = let(l, "all", op(l, VYRE_EXPR_SHR, c32(l, UINT32_MAX), unused));
  set(l, d->users, and32(l, var(l, d->users), var(l, all)));
  set(l, d->shutdowns, and32(l, var(l, d->shutdowns), var(l, all)));
  /* A store and another access are done in the order of tickets; anything else may go at once. */
  vyre_expr_id_t has_store = is_not(l, and32(l, var(l, stores), var(l, all)), 0);
  vyre_expr_id_t has_two = op(l, VYRE_EXPR_GT, popcount(l, and32(l, var(l, accesses), var(l, all))), c32(l, 1));
  *out_is_ordered = let(l, "is_ordered", both(l, has_store, has_two));
  return all;
}

/* A registered opcode: fills the cell's table entry, puts the cell into the queue at the lane's place. */
static void build_enqueue(dispatcher_t *d, vyre_var_id_t lane, vyre_var_id_t slot, vyre_var_id_t cell, vyre_var_id_t tag) {
  loop_t *l = d->l;
  vyre_var_id_t entry = let(l, "entry", element(l, l->table, var(l, cell), 6));
  vyre_expr_id_t record = load32(l, WORKER, local_element(l, d->local, RECORDS, var(l, lane), 2));
  store16(l, DEVICE, at(l, entry, 0), record, staged(d, slot, 4), staged(d, slot, 8), var(l, tag));
  for (uint32_t quarter = 1; quarter < 4; quarter++)
    store16(l, DEVICE, at(l, entry, 16 * quarter), staged(d, slot, 16 * quarter), staged(d, slot, 16 * quarter + 4),
            staged(d, slot, 16 * quarter + 8), var(l, tag));
  vyre_expr_id_t rank = popcount(l, and32(l, var(l, d->users), bits_below(l, lane)));
  vyre_expr_id_t place = in_ring(l, add(l, var(l, d->tail), wide(l, rank)));
  vyre_expr_id_t high = op(l, VYRE_EXPR_SHL, wide(l, var(l, tag)), c64(l, 32));
  store64(l, DEVICE, element(l, l->queue, place, 3), op(l, VYRE_EXPR_OR, high, wide(l, var(l, cell))));
}

/* One lane's slot. */
static void build_slot(dispatcher_t *d, vyre_var_id_t lane) {
  loop_t *l = d->l;
  vyre_var_id_t slot = let(l, "slot", local_element(l, d->local, STAGE, var(l, lane), 6));
  vyre_var_id_t opcode = let(l, "opcode", staged(d, slot, 0));
  vyre_var_id_t cell = let(l, "cell", and32(l, staged(d, slot, 60), c32(l, 0xFFFF)));
  vyre_var_id_t completion = let(l, "completion", element(l, l->completions, var(l, cell), 6));
  vyre_var_id_t tag = let(l, "done_tag", add(l, narrow(l, var(l, d->ticket)), add(l, var(l, lane), c32(l, 1))));
  vyre_expr_id_t is_nop = is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_NOP);
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, is_nop, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_SHUTDOWN)));
  vyre_loop_complete(l, VYRE_ORDER_RELAXED, completion, tag, VYRE_STATE_DONE, c32(l, 0), c32(l, 0));
  vyre_build_else(l->b);
  begin_if(l, has_bit(l, d->users, lane));
  build_enqueue(d, lane, slot, cell, tag);
  vyre_build_else(l->b);
  vyre_var_id_t handle = let(l, "handle", staged(d, slot, vyre_slot_arg_offset(0)));
  vyre_var_id_t offset = let(l, "offset", staged(d, slot, vyre_slot_arg_offset(1)));
  vyre_var_id_t value = let(l, "value", staged(d, slot, vyre_slot_arg_offset(2)));
  begin_if(l, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_LOAD_U32));
  vyre_loop_word_access(l, false, completion, tag, handle, offset, value);
  vyre_build_else(l->b);
  begin_if(l, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_STORE_U32));
  vyre_loop_word_access(l, true, completion, tag, handle, offset, value);
  vyre_build_else(l->b);
  vyre_loop_complete_fault(l, completion, tag, VYRE_FAULT_UNKNOWN_OPCODE);
  for (int i = 0; i < 4; i++) end(l);
}

static void build_shutdown(dispatcher_t *d) {
  loop_t *l = d->l;
  begin_if(l, is_not(l, var(l, d->shutdowns), 0));
  vyre_expr_id_t stop = at(l, l->control, VYRE_CONTROL_STOP);
  l->b->scope = DEVICE;
  vyre_expr_id_t run = c32(l, VYRE_STOP_RUN), finish = c32(l, VYRE_STOP_FINISH);
  vyre_expr_id_t was = vyre_build_atomic_cas(l->b, U32, VYRE_ORDER_RELAXED, stop, run, finish);
  l->b->scope = SYSTEM;
  let(l, "was", was);
  store32(l, SYSTEM, at(l, l->shared, VYRE_SHARED_ENDING), c32(l, 1));
  set(l, d->is_open, boolean(l, false));
  end(l);
}

static void build_batch(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_var_id_t is_ordered;
  vyre_var_id_t all = build_classify(d, &is_ordered);
  vyre_var_id_t todo = mutable(l, "todo", var(l, all));
  vyre_build_while(l->b, is_not(l, var(l, todo), 0));
  vyre_expr_id_t lowest = and32(l, var(l, todo), vyre_build_unary(l->b, VYRE_EXPR_NEG, var(l, todo)));
  vyre_var_id_t now = let(l, "now", vyre_build_select(l->b, var(l, is_ordered), lowest, var(l, todo)));
  set(l, todo, and32(l, var(l, todo), vyre_build_unary(l->b, VYRE_EXPR_NOT, var(l, now))));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, has_bit(l, now, lane));
  build_slot(d, lane);
  end(l);
  end(l);
  end(l);
  build_shutdown(d);
  set(l, d->ticket, add(l, var(l, d->ticket), wide(l, var(l, d->count))));
  set(l, d->tail, add(l, var(l, d->tail), wide(l, popcount(l, var(l, d->users)))));
  /* The slots have been copied: the values that were read have decided what was done. */
  store64(l, SYSTEM, at(l, l->shared, VYRE_SHARED_TAKEN), var(l, d->ticket));
}

/* ---- the dispatcher: letters ---- */

/* Gives the first cells of the queue to the free workers of one group of 32. */
static void build_letters(dispatcher_t *d, vyre_var_id_t group, vyre_var_id_t free, vyre_var_id_t count) {
  loop_t *l = d->l;
  vyre_var_id_t used = mutable(l, "used", c32(l, 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  vyre_var_id_t rank = let(l, "rank", popcount(l, and32(l, var(l, free), bits_below(l, lane))));
  begin_if(l, both(l, has_bit(l, free, lane), op(l, VYRE_EXPR_LT, var(l, rank), var(l, count))));
  vyre_var_id_t worker = let(l, "worker_index", add(l, op(l, VYRE_EXPR_SHL, var(l, group), c32(l, 5)), var(l, lane)));
  vyre_expr_id_t place = in_ring(l, add(l, var(l, d->head), wide(l, var(l, rank))));
  vyre_var_id_t queued = let(l, "queued", load64(l, DEVICE, element(l, l->queue, place, 3)));
  vyre_var_id_t sent = let(l, "sent", local_element(l, d->local, SENT, var(l, worker), 2));
  vyre_var_id_t number = let(l, "number", add(l, load32(l, WORKER, at(l, sent, 0)), c32(l, 1)));
  store32(l, WORKER, at(l, sent, 0), var(l, number));
  vyre_expr_id_t tag = narrow(l, op(l, VYRE_EXPR_SHR, var(l, queued), c64(l, 32)));
  store16(l, DEVICE, worker_block(l, var(l, worker), VYRE_WORKER_LETTER), narrow(l, var(l, queued)), tag, c32(l, 0),
          var(l, number));
  vyre_build_vote(l->b, used, boolean(l, true));
  end(l);
  end(l);
  vyre_expr_id_t left = and32(l, var(l, free), vyre_build_unary(l->b, VYRE_EXPR_NOT, var(l, used)));
  store32(l, WORKER, local_element(l, d->local, FREE, var(l, group), 2), left);
  set(l, d->head, add(l, var(l, d->head), wide(l, var(l, count))));
}

static void build_hand_out(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_var_id_t group = mutable(l, "group", c32(l, 0));
  vyre_build_while(l->b, both(l, op(l, VYRE_EXPR_NE, var(l, d->head), var(l, d->tail)),
                              op(l, VYRE_EXPR_LT, var(l, group), var(l, d->groups))));
  vyre_var_id_t free = let(l, "free", load32(l, WORKER, local_element(l, d->local, FREE, var(l, group), 2)));
  begin_if(l, is_not(l, var(l, free), 0));
  vyre_expr_id_t waiting = op(l, VYRE_EXPR_SUB, var(l, d->tail), var(l, d->head));
  vyre_expr_id_t fits = op(l, VYRE_EXPR_MIN, waiting, wide(l, popcount(l, var(l, free))));
  vyre_var_id_t count = let(l, "letters", narrow(l, fits));
  build_letters(d, group, free, count);
  end(l);
  set(l, group, add(l, var(l, group), c32(l, 1)));
  end(l);
}

/* ---- the dispatcher: its life ---- */

/* What a launch before this one left: letters that were sent. */
static void build_recall(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_var_id_t group = mutable(l, "group", c32(l, 0));
  vyre_build_while(l->b, op(l, VYRE_EXPR_LT, var(l, group), var(l, d->groups)));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  vyre_var_id_t worker = let(l, "worker_index", add(l, op(l, VYRE_EXPR_SHL, var(l, group), c32(l, 5)), var(l, lane)));
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, worker), var(l, d->workers)));
  vyre_expr_id_t number = load32(l, DEVICE, worker_block(l, var(l, worker), VYRE_WORKER_LETTER + LETTER_NUMBER));
  store32(l, WORKER, local_element(l, d->local, SENT, var(l, worker), 2), number);
  end(l);
  end(l);
  store32(l, WORKER, local_element(l, d->local, FREE, var(l, group), 2), c32(l, 0));
  set(l, group, add(l, var(l, group), c32(l, 1)));
  end(l);
}

static void build_leave(dispatcher_t *d) {
  loop_t *l = d->l;
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_TICKET), var(l, d->ticket));
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_QUEUE_HEAD), var(l, d->head));
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_QUEUE_TAIL), var(l, d->tail));
  vyre_build_plain(l->b, VYRE_STMT_RETURN);
}

/* After SHUTDOWN: once nothing is queued and every letter is answered, the others are told to leave. */
static void build_finish(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_expr_id_t is_closed = vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT, var(l, d->is_open));
  begin_if(l, both(l, is_closed, op(l, VYRE_EXPR_EQ, var(l, d->head), var(l, d->tail))));
  vyre_var_id_t busy = mutable(l, "busy", c32(l, 0)), group = mutable(l, "group", c32(l, 0));
  vyre_build_while(l->b, op(l, VYRE_EXPR_LT, var(l, group), var(l, d->groups)));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  vyre_var_id_t worker = let(l, "worker_index", add(l, op(l, VYRE_EXPR_SHL, var(l, group), c32(l, 5)), var(l, lane)));
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, worker), var(l, d->workers)));
  vyre_expr_id_t done = load32(l, DEVICE, worker_block(l, var(l, worker), VYRE_WORKER_DONE));
  vyre_expr_id_t sent = load32(l, WORKER, local_element(l, d->local, SENT, var(l, worker), 2));
  vyre_build_vote(l->b, busy, op(l, VYRE_EXPR_NE, done, sent));
  end(l);
  end(l);
  set(l, group, add(l, var(l, group), c32(l, 1)));
  end(l);
  begin_if(l, is(l, var(l, busy), 0));
  store32(l, DEVICE, at(l, l->control, VYRE_CONTROL_STOP), c32(l, VYRE_STOP_NOW));
  build_leave(d);
  end(l);
  end(l);
}

static void build_idle(loop_t *l, vyre_var_id_t idle_rounds, vyre_expr_id_t worked, vyre_expr_id_t queue_is_empty) {
  begin_if(l, worked);
  set(l, idle_rounds, c32(l, 0));
  vyre_build_else(l->b);
  set(l, idle_rounds, add(l, var(l, idle_rounds), c32(l, 1)));
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, idle_rounds), var(l, l->spin_limit)));
  vyre_build_plain(l->b, VYRE_STMT_PAUSE);
  vyre_build_else(l->b);
  if (l->sleeps)
    vyre_loop_sleep(l, queue_is_empty);
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
  d.groups = let(l, "groups", op(l, VYRE_EXPR_SHR, add(l, var(l, d.workers), c32(l, LANES - 1)), c32(l, 5)));
  d.ticket = mutable(l, "ticket", control_word(l, VYRE_CONTROL_TICKET, U64, VYRE_ORDER_RELAXED));
  d.head = mutable(l, "head", control_word(l, VYRE_CONTROL_QUEUE_HEAD, U64, VYRE_ORDER_RELAXED));
  d.tail = mutable(l, "tail", control_word(l, VYRE_CONTROL_QUEUE_TAIL, U64, VYRE_ORDER_RELAXED));
  d.scan = mutable(l, "scan", c32(l, 0));
  d.is_open = mutable(l, "is_open", is(l, control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_RELAXED), VYRE_STOP_RUN));
  build_recall(&d);
  vyre_var_id_t idle_rounds = mutable(l, "idle_rounds", c32(l, 0));
  vyre_var_id_t beats = mutable(l, "beats", c64(l, 0));
  vyre_build_forever(b);
  set(l, beats, add(l, var(l, beats), c64(l, 1)));
  store64(l, DEVICE, at(l, l->self, VYRE_WORKER_HEARTBEAT), var(l, beats));
  build_read(&d);
  begin_if(l, is_not(l, var(l, d.stopped), 0));
  vyre_expr_id_t stop = control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_RELAXED);
  vyre_expr_id_t park = control_word(l, VYRE_CONTROL_PARK, U32, VYRE_ORDER_RELAXED);
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, op(l, VYRE_EXPR_GE, stop, c32(l, VYRE_STOP_NOW)), is_not(l, park, 0)));
  build_leave(&d);
  end(l);
  end(l);
  vyre_expr_id_t is_there = is_not(l, var(l, d.count), 0);
  vyre_var_id_t worked = let(l, "worked", both(l, is_there, var(l, d.is_open)));
  begin_if(l, var(l, worked));
  build_batch(&d);
  end(l);
  build_hand_out(&d);
  build_finish(&d);
  build_idle(l, idle_rounds, var(l, worked), op(l, VYRE_EXPR_EQ, var(l, d.head), var(l, d.tail)));
  end(l);
}

/* ---- a worker ---- */

/* Copies the entry of `cell`, whose quarters carry `tag` once all of it is there. */
static void build_fetch_entry(loop_t *l, vyre_var_id_t local, vyre_var_id_t cell, vyre_var_id_t tag) {
  vyre_var_id_t quarters = mutable(l, "quarters", c32(l, 0));
  vyre_build_while(l->b, is_not(l, var(l, quarters), 0xF));
  set(l, quarters, c32(l, 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, lane), c32(l, 4)));
  vyre_var_id_t place = let(l, "place", op(l, VYRE_EXPR_SHL, wide(l, var(l, lane)), c64(l, 4)));
  vyre_var_id_t words[4];
  load16(l, DEVICE, add(l, element(l, l->table, var(l, cell), 6), var(l, place)), words);
  store16(l, WORKER, add(l, at(l, local, ENTRY), var(l, place)), var(l, words[0]), var(l, words[1]), var(l, words[2]),
          var(l, words[3]));
  vyre_build_vote(l->b, quarters, op(l, VYRE_EXPR_EQ, var(l, words[3]), var(l, tag)));
  end(l);
  end(l);
  end(l);
}

/* Reads the letter and the stop words in one go. */
static void build_look(loop_t *l, vyre_var_id_t local) {
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, lane), c32(l, 2)));
  vyre_expr_id_t address = vyre_build_select(l->b, is(l, var(l, lane), 0), at(l, l->self, VYRE_WORKER_LETTER),
                                             at(l, l->control, VYRE_CONTROL_STOP));
  vyre_var_id_t words[4];
  load16(l, DEVICE, address, words);
  store16(l, WORKER, local_element(l, local, LETTER, var(l, lane), 4), var(l, words[0]), var(l, words[1]),
          var(l, words[2]), var(l, words[3]));
  end(l);
  end(l);
}

static void build_worker(loop_t *l) {
  vyre_builder_t *b = l->b;
  vyre_var_id_t local = let(l, "local_memory", vyre_build_leaf(b, VYRE_EXPR_LOCAL));
  vyre_var_id_t done = mutable(l, "done", load32(l, DEVICE, at(l, l->self, VYRE_WORKER_DONE)));
  vyre_var_id_t idle_rounds = mutable(l, "idle_rounds", c32(l, 0));
  vyre_var_id_t beats = mutable(l, "beats", c64(l, 0));
  vyre_build_forever(b);
  begin_if(l, op(l, VYRE_EXPR_EQ, op(l, VYRE_EXPR_AND, var(l, beats), c64(l, BEAT_ROUNDS - 1)), c64(l, 0)));
  store64(l, DEVICE, at(l, l->self, VYRE_WORKER_HEARTBEAT), var(l, beats));
  end(l);
  set(l, beats, add(l, var(l, beats), c64(l, 1)));
  build_look(l, local);
  vyre_var_id_t number = let(l, "number", load32(l, WORKER, at(l, local, LETTER + LETTER_NUMBER)));
  begin_if(l, op(l, VYRE_EXPR_NE, var(l, number), var(l, done)));
  vyre_var_id_t cell = let(l, "cell", load32(l, WORKER, at(l, local, LETTER + LETTER_CELL)));
  vyre_var_id_t tag = let(l, "tag", load32(l, WORKER, at(l, local, LETTER + LETTER_TAG)));
  build_fetch_entry(l, local, cell, tag);
  vyre_var_id_t entry = let(l, "entry", at(l, local, ENTRY));
  vyre_loop_execute(l, WORKER, entry, cell);
  set(l, done, var(l, number));
  store32(l, DEVICE, at(l, l->self, VYRE_WORKER_DONE), var(l, done));
  set(l, idle_rounds, c32(l, 0));
  vyre_build_else(b);
  vyre_expr_id_t stop = load32(l, WORKER, at(l, local, STOPS)), park = load32(l, WORKER, at(l, local, STOPS + 4));
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, op(l, VYRE_EXPR_GE, stop, c32(l, VYRE_STOP_NOW)), is_not(l, park, 0)));
  vyre_build_plain(b, VYRE_STMT_RETURN);
  end(l);
  set(l, idle_rounds, add(l, var(l, idle_rounds), c32(l, 1)));
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, idle_rounds), var(l, l->spin_limit)));
  vyre_build_plain(b, VYRE_STMT_PAUSE);
  vyre_build_else(b);
  vyre_build_sleep(b, at(l, l->self, VYRE_WORKER_LETTER + LETTER_NUMBER), var(l, done));
  end(l);
  end(l);
  end(l);
}

void vyre_loop_build_dispatched(loop_t *l) {
  begin_if(l, is(l, vyre_build_leaf(l->b, VYRE_EXPR_WORKER), 0));
  build_dispatcher(l);
  vyre_build_else(l->b);
  build_worker(l);
  end(l);
}
