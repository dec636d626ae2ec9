/* Topology `dispatched`: worker 0 polls the ring for all, executes what the loop itself can, and hands the slots of
 * registered Programs to the others by letters in their blocks. Under load it keeps 64 slots in flight: every lane
 * reads a quarter of eight of them, and then each lane has a slot of its own, 32 in a batch.
 *
 * The dispatcher waits for nothing: slots that no worker is free for stand in the run queue, which it alone touches. A
 * letter validates itself, so that it needs no fence. The way of a slot to its handler and back has two looks at the
 * device's memory: the letter with all of the slot, and what its handles name. The workers' side is
 * loop_dispatched_worker.c; who is free, letters and queues are loop_dispatched_letters.c. */
#include <vyre/session.h>

#include "megakernel/loop_dispatcher.h"

/* ---- a round's reads ---- */

/* Reads the coming slots, `loads` quarters per lane, the stop words and the answers of `groups` times 32 workers, all
 * in flight at once. */
static void build_read(dispatcher_t *d, uint32_t loads, uint32_t groups) {
  loop_t *l = d->l;
  vyre_var_id_t words[ROUND_LOADS][4], place[ROUND_LOADS];
  vyre_var_id_t first = let(l, "first", in_ring(l, var(l, d->ticket)));
  vyre_var_id_t lap = let(l, "lap", lap_of(l, var(l, d->ticket)));
  for (uint32_t k = 0; k < ROUND_LOADS; k++) set(l, d->masks[k], c32(l, 0));
  set(l, d->stopped, c32(l, 0));
  for (uint32_t k = 0; k < round_groups(l); k++) set(l, d->answered[k], c32(l, 0));
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
  vyre_var_id_t worker[ROUND_GROUPS], done[ROUND_GROUPS], mark[ROUND_GROUPS];
  for (uint32_t k = 0; k < groups; k++) {
    vyre_expr_id_t group = op(l, VYRE_EXPR_SHL, add(l, var(l, d->scan), c32(l, k)), c32(l, 5));
    worker[k] = let(l, "worker_index", add(l, group, var(l, lane)));
    vyre_expr_id_t last = op(l, VYRE_EXPR_SUB, var(l, d->workers), c32(l, 1));
    vyre_var_id_t known = let(l, "known", op(l, VYRE_EXPR_MIN, var(l, worker[k]), last));
    done[k] = let(l, "done", load32(l, DEVICE, worker_block(l, var(l, known), VYRE_WORKER_DONE)));
    mark[k] = let(l, "mark", load32(l, WORKER, local_element(l, d->local, MARKS, var(l, known), 2)));
  }
  for (uint32_t k = 0; k < loads; k++) {
    vyre_expr_id_t staged = add(l, var(l, slot), c32(l, k * LANES / 4));
    store_words(l, add(l, local_element(l, d->local, STAGE, staged, 6), var(l, offset)), words[k]);
    vyre_expr_id_t wrapped = op(l, VYRE_EXPR_SHR, var(l, place[k]), var(l, l->ring_shift));
    vyre_expr_id_t wanted = and32(l, add(l, var(l, lap), wrapped), var(l, mask));
    vyre_build_vote(l->b, d->masks[k],
                    op(l, VYRE_EXPR_EQ, op(l, VYRE_EXPR_SHR, var(l, words[k][3]), var(l, shift)), wanted));
  }
  vyre_build_vote(l->b, d->stopped, op(l, VYRE_EXPR_NE, var(l, stops), c64(l, 0)));
  for (uint32_t k = 0; k < groups; k++)
    vyre_build_vote(l->b, d->answered[k],
                    both(l, op(l, VYRE_EXPR_LT, var(l, worker[k]), var(l, d->workers)),
                         op(l, VYRE_EXPR_EQ, var(l, done[k]), var(l, mark[k]))));
  end(l);
}

/* The slot at `index` of a load is there. */
static vyre_expr_id_t has_slot(dispatcher_t *d, uint32_t index) {
  uint32_t quarters = 0xFu << 4 * index;
  return is(d->l, and32(d->l, var(d->l, d->masks[0]), c32(d->l, quarters)), quarters);
}

/* Of the groups of workers, behind `groups` that were looked at; none is looked at twice in a round. */
static void build_next_group(dispatcher_t *d, uint32_t groups) {
  loop_t *l = d->l;
  vyre_var_id_t following = let(l, "following", add(l, var(l, d->scan), c32(l, groups)));
  vyre_expr_id_t is_last = op(l, VYRE_EXPR_GE, var(l, following), var(l, d->groups));
  set(l, d->scan, vyre_build_select(l->b, is_last, c32(l, 0), var(l, following)));
}

/* Under load, one round of all loads. Else the shortest round there is, again and again, until a slot is there, a
 * worker has answered, STOP or PARK are set, or it is time for a heartbeat. */
static void build_poll(dispatcher_t *d, vyre_var_id_t idle_rounds) {
  loop_t *l = d->l;
  for (int k = 0; k < ROUND_LOADS; k++) d->masks[k] = mutable(l, "quarters", c32(l, 0));
  d->stopped = mutable(l, "stopped", c32(l, 0));
  for (uint32_t k = 0; k < round_groups(l); k++) d->answered[k] = mutable(l, "answered", c32(l, 0));
  begin_if(l, var(l, d->is_loaded));
  build_next_group(d, round_groups(l));
  build_read(d, ROUND_LOADS, round_groups(l));
  vyre_build_else(l->b);
  vyre_expr_id_t many = var(l, build_looks(l, idle_rounds));
  vyre_expr_id_t has_no_fence = is(l, var(l, l->open_fences), 0);
  vyre_var_id_t looks = let(l, "looks_now", vyre_build_select(l->b, has_no_fence, many, c32(l, 1)));
  vyre_var_id_t round = mutable(l, "round", c32(l, 0));
  vyre_expr_id_t is_quiet = is(l, op(l, VYRE_EXPR_OR, var(l, d->stopped), var(l, d->answered[0])), 0);
  vyre_expr_id_t is_empty = vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT, has_slot(d, 0));
  vyre_build_while(l->b, both(l, both(l, is_quiet, is_empty), op(l, VYRE_EXPR_LT, var(l, round), var(l, looks))));
  set(l, round, add(l, var(l, round), c32(l, 1)));
  build_next_group(d, 1);
  build_read(d, 1, 1);
  end(l);
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
  vyre_var_id_t slot = let(l, "slot", slot_of(d, lane));
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

/* One lane's slot. */
static void build_slot(dispatcher_t *d, vyre_var_id_t lane) {
  loop_t *l = d->l;
  vyre_var_id_t slot = let(l, "slot", slot_of(d, lane));
  vyre_var_id_t opcode = let(l, "opcode", staged(d, slot, 0));
  vyre_var_id_t cell = let(l, "cell", and32(l, staged(d, slot, 60), c32(l, 0xFFFF)));
  vyre_var_id_t completion = let(l, "completion", element(l, l->completions, var(l, cell), 6));
  vyre_var_id_t ticket = let(l, "own_ticket", add(l, var(l, d->ticket), wide(l, var(l, lane))));
  vyre_var_id_t tag = let(l, "done_tag", completion_tag(l, narrow(l, var(l, ticket))));
  vyre_loop_note_life(l, ticket, cell);
  vyre_expr_id_t is_nop = is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_NOP);
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, is_nop, is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_SHUTDOWN)));
  vyre_loop_complete(l, l->release, completion, tag, c32(l, 0), c32(l, 0));
  vyre_build_else(l->b);
  begin_if(l, has_bit(l, d->users, lane));
  vyre_dispatched_letter(d, lane, slot, cell, tag);
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
  s.address = let(l, "slot", slot_of(d, index));
  s.ticket = let(l, "own_ticket", add(l, var(l, d->ticket), wide(l, var(l, index))));
  s.opcode = let(l, "opcode", staged(d, s.address, 0));
  s.cell = let(l, "cell", and32(l, staged(d, s.address, 60), c32(l, 0xFFFF)));
  s.wants_clocks = let(l, "wants_clocks", is_not(l, and32(l, staged(d, s.address, 4), c32(l, VYRE_WHO_CLOCKS)), 0));
  s.completion = let(l, "completion", element(l, l->completions, var(l, s.cell), 6));
  s.tag = let(l, "done_tag", completion_tag(l, narrow(l, var(l, s.ticket))));
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

/* The slots of a batch, in one go, or one by one where their order matters. */
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
  vyre_dispatched_wake(d, var(l, d->letters));
  set(l, d->free_count, op(l, VYRE_EXPR_SUB, var(l, d->free_count), var(l, d->letters)));
  begin_if(l, op(l, VYRE_EXPR_NE, var(l, d->letters), var(l, user_count)));
  vyre_dispatched_queue(d);
  end(l);
  build_taken(d);
}

/* The slots of the round that are there, a batch for each 32; none behind a SHUTDOWN. */
static void build_batches(dispatcher_t *d, vyre_var_id_t slots) {
  loop_t *l = d->l;
  vyre_var_id_t left = mutable(l, "slots_left", var(l, slots));
  vyre_build_while(l->b, both(l, is_not(l, var(l, left), 0), var(l, d->is_open)));
  set(l, d->count, op(l, VYRE_EXPR_MIN, var(l, left), c32(l, LANES)));
  set(l, left, op(l, VYRE_EXPR_SUB, var(l, left), var(l, d->count)));
  build_batch(d);
  set(l, d->stage, add(l, var(l, d->stage), c64(l, LANES * VYRE_SLOT_BYTES)));
  end(l);
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
  vyre_dispatched_take_worker(d, first, &letter, &number);
  set(l, d->free_count, op(l, VYRE_EXPR_SUB, var(l, d->free_count), c32(l, 1)));
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_LAST_USER), add(l, var(l, d->ticket), c64(l, 1)));
  vyre_expr_id_t word = entry_word(l, op(l, VYRE_EXPR_OR, var(l, record), clock_bit(l, who)), cell);
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
  vyre_dispatched_wake(d, c32(l, 1));
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
  vyre_var_id_t tag = let(l, "done_tag", completion_tag(l, narrow(l, var(l, d->ticket))));
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

/* ---- its life ---- */

static void build_leave(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_dispatched_wake_all(d);
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_TICKET), var(l, d->ticket));
  vyre_dispatched_move_queues(d, true);
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
    vyre_loop_sleep(l, vyre_dispatched_is_idle, d);
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
  vyre_dispatched_move_queues(&d, false);
  d.rounds = mutable(l, "rounds", c32(l, 0));
  d.free_count = mutable(l, "free_count", c32(l, 0));
  d.scan = mutable(l, "scan", c32(l, 0));
  vyre_expr_id_t open = control_word(l, VYRE_CONTROL_OPEN_FENCES, U32, VYRE_ORDER_RELAXED);
  l->open_fences = mutable(l, "open_fences", open);
  d.is_open = mutable(l, "is_open", is(l, control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_RELAXED), VYRE_STOP_RUN));
  vyre_dispatched_recall(&d);
  vyre_var_id_t idle_rounds = mutable(l, "idle_rounds", c32(l, 0));
  vyre_var_id_t beats = mutable(l, "beats", c64(l, 0));
  d.is_loaded = mutable(l, "is_loaded", boolean(l, false));
  vyre_build_forever(b);
  beat(l, beats);
  build_poll(&d, idle_rounds);
  build_stop(&d);
  vyre_dispatched_list(&d);
  vyre_var_id_t worked = let(l, "worked", both(l, has_slot(&d, 0), var(l, d.is_open)));
  begin_if(l, var(l, worked));
  vyre_var_id_t slots = mutable(l, "slots", c32(l, 1));
  d.count = mutable(l, "count", c32(l, 1));
  d.stage = mutable(l, "stage", at(l, d.local, STAGE));
  vyre_var_id_t is_batch = mutable(l, "is_batch", has_slot(&d, 1));
  begin_if(l, var(l, is_batch));
  set(l, slots, count_slots(&d));
  set(l, d.is_loaded, op(l, VYRE_EXPR_GE, var(l, slots), c32(l, LANES / 4)));
  vyre_build_else(b);
  set(l, d.is_loaded, boolean(l, false));
  build_single(&d, is_batch);
  end(l);
  begin_if(l, var(l, is_batch));
  build_batches(&d, slots);
  end(l);
  vyre_build_else(b);
  set(l, d.is_loaded, boolean(l, false));
  end(l);
  vyre_dispatched_hand_out(&d);
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
