/* The dispatcher's workers: who is free, the letters that they get, and the run queues in which slots stand that nobody
 * is free for. */
#include "megakernel/loop_dispatcher.h"

static void build_list_of(dispatcher_t *d, uint32_t group) {
  loop_t *l = d->l;
  vyre_var_id_t answered = d->answered[group];
  begin_if(l, is_not(l, var(l, answered), 0));
  vyre_var_id_t first = let(l, "first", op(l, VYRE_EXPR_SHL, add(l, var(l, d->scan), c32(l, group)), c32(l, 5)));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, has_bit(l, answered, lane));
  vyre_var_id_t worker = let(l, "worker_index", add(l, var(l, first), var(l, lane)));
  vyre_var_id_t mark = let(l, "mark", local_element(l, d->local, MARKS, var(l, worker), 2));
  store32(l, WORKER, var(l, mark), op(l, VYRE_EXPR_OR, load32(l, WORKER, var(l, mark)), c32(l, 1)));
  vyre_expr_id_t place = add(l, var(l, d->free_count), rank_in(l, answered, lane));
  store32(l, WORKER, local_element(l, d->local, FREE, place, 2), var(l, worker));
  end(l);
  end(l);
  set(l, d->free_count, add(l, var(l, d->free_count), popcount(l, var(l, answered))));
  end(l);
}

void vyre_dispatched_list(dispatcher_t *d) {
  for (uint32_t group = 0; group < round_groups(d->l); group++) build_list_of(d, group);
}

void vyre_dispatched_recall(dispatcher_t *d) {
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

/* No worker has answered: what stands in the queue or is fenced waits for one of them. */
vyre_expr_id_t vyre_dispatched_is_idle(loop_t *l, void *dispatcher) {
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

void vyre_dispatched_take_worker(dispatcher_t *d, vyre_var_id_t rank, vyre_var_id_t *out_letter,
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
void vyre_dispatched_wake(dispatcher_t *d, vyre_expr_id_t count) {
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

void vyre_dispatched_wake_all(dispatcher_t *d) {
  loop_t *l = d->l;
  if (!l->sleeps) return;
  vyre_build_fence(l->b, VYRE_ORDER_SEQ_CST);
  vyre_var_id_t worker = mutable(l, "worker_index", c32(l, 0));
  vyre_build_while(l->b, op(l, VYRE_EXPR_LT, var(l, worker), var(l, d->workers)));
  vyre_build_wake(l->b, worker_block(l, var(l, worker), VYRE_WORKER_LETTER + VYRE_ENTRY_BYTES_EACH - 4));
  set(l, worker, add(l, var(l, worker), c32(l, 1)));
  end(l);
}

/* Word 0 and 1 of an entry and of a letter: the record, the cell, the completion's tag. */
static vyre_expr_id_t record_and_cell(dispatcher_t *d, vyre_var_id_t lane, vyre_var_id_t cell) {
  loop_t *l = d->l;
  vyre_expr_id_t record = load32(l, WORKER, local_element(l, d->local, RECORDS, var(l, lane), 2));
  return entry_word(l, record, cell);
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

/* A registered opcode, when all of the batch go to workers at once. */
void vyre_dispatched_letter(dispatcher_t *d, vyre_var_id_t lane, vyre_var_id_t slot, vyre_var_id_t cell,
                            vyre_var_id_t tag) {
  loop_t *l = d->l;
  begin_if(l, is_not(l, var(l, d->letters), 0));
  vyre_var_id_t rank = let(l, "rank", rank_in(l, d->users, lane)), letter, number;
  vyre_dispatched_take_worker(d, rank, &letter, &number);
  build_entry(d, letter, lane, slot, cell, tag, number);
  end(l);
}

void vyre_dispatched_queue(dispatcher_t *d) {
  loop_t *l = d->l;
  vyre_var_id_t of_class[VYRE_CLASSES];
  for (uint32_t i = 0; i < VYRE_CLASSES; i++) of_class[i] = mutable(l, "of_class", c32(l, 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, has_bit(l, d->users, lane));
  vyre_var_id_t slot = let(l, "slot", slot_of(d, lane));
  vyre_var_id_t class_ = let(l, "class", vyre_loop_class(l, staged(d, slot, 4)));
  for (uint32_t i = 0; i < VYRE_CLASSES; i++) vyre_build_vote(l->b, of_class[i], is(l, var(l, class_), i));
  end(l);
  end(l);
  lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, has_bit(l, d->users, lane));
  slot = let(l, "slot", slot_of(d, lane));
  class_ = let(l, "class", vyre_loop_class(l, staged(d, slot, 4)));
  vyre_expr_id_t same = var(l, of_class[0]);
  for (uint32_t i = 1; i < VYRE_CLASSES; i++)
    same = vyre_build_select(l->b, is(l, var(l, class_), i), var(l, of_class[i]), same);
  vyre_var_id_t mates = let(l, "mates", same), none = let(l, "none", c32(l, 0));
  vyre_expr_id_t tail = load64(l, WORKER, local_element(l, d->local, TAILS, var(l, class_), 3));
  vyre_var_id_t place = let(l, "place", add(l, tail, wide(l, rank_in(l, mates, lane))));
  vyre_var_id_t cell = let(l, "cell", and32(l, staged(d, slot, 60), c32(l, 0xFFFF)));
  vyre_expr_id_t ticket = add(l, narrow(l, var(l, d->ticket)), var(l, lane));
  vyre_var_id_t tag = let(l, "done_tag", completion_tag(l, ticket));
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
  vyre_dispatched_take_worker(d, lane, &letter, &number);
  vyre_expr_id_t index = add(l, var(l, head), wide(l, var(l, lane)));
  vyre_expr_id_t cell = load32(l, DEVICE, vyre_loop_queue_place(l, var(l, class_), index));
  vyre_var_id_t entry = let(l, "entry", element(l, l->table, cell, 6));
  for (uint32_t quarter = 0; quarter < 4; quarter++) load16(l, DEVICE, at(l, entry, 16 * quarter), words[quarter]);
  for (uint32_t quarter = 0; quarter < 4; quarter++)
    store16(l, DEVICE, at(l, letter, 16 * quarter), var(l, words[quarter][0]), var(l, words[quarter][1]),
            var(l, words[quarter][2]), var(l, number));
  end(l);
  end(l);
  vyre_dispatched_wake(d, var(l, count));
  set(l, d->free_count, op(l, VYRE_EXPR_SUB, var(l, d->free_count), var(l, count)));
  set(l, d->waiting, op(l, VYRE_EXPR_SUB, var(l, d->waiting), wide(l, var(l, count))));
  store64(l, WORKER, var(l, head_address), add(l, var(l, head), wide(l, var(l, count))));
  end(l);
}

/* Class by class, in the order of this round. */
void vyre_dispatched_hand_out(dispatcher_t *d) {
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

void vyre_dispatched_move_queues(dispatcher_t *d, bool is_leaving) {
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
