/* Topology `direct`: every worker runs the same loop; whoever gets the lock by trying is the dispatcher for a batch. */
#include "megakernel/loop_parts.h"

/* A slot, and its arguments as they were read. */
typedef struct slot_vars {
  vyre_loop_slot_t slot;
  vyre_var_id_t who;
  vyre_var_id_t arg[VYRE_SLOT_ARGS];
} slot_vars_t;

/* QUEUE_HEAD or QUEUE_TAIL of a class. */
static vyre_expr_id_t queue_word(loop_t *l, uint32_t offset, vyre_var_id_t class_) {
  return add(l, element(l, l->control, var(l, class_), 3), c64(l, offset));
}

/* What a worker runs: fills the cell's table entry, pushes the cell. Each push is published
 * by itself, because another worker may be waiting for just this one. */
static void build_enqueue(loop_t *l, const slot_vars_t *v, vyre_var_id_t record) {
  const vyre_loop_slot_t *s = &v->slot;
  vyre_var_id_t entry = let(l, "entry", element(l, l->table, var(l, s->cell), 6));
  vyre_expr_id_t clock_bit = vyre_build_select(l->b, var(l, s->wants_clocks), c32(l, VYRE_ENTRY_CLOCKS), c32(l, 0));
  vyre_expr_id_t word = entry_word(l, op(l, VYRE_EXPR_OR, var(l, record), clock_bit), s->cell);
  store32(l, DEVICE, at(l, entry, VYRE_ENTRY_RECORD), word);
  store32(l, DEVICE, at(l, entry, VYRE_ENTRY_TAG), var(l, s->tag));
  vyre_expr_id_t behind = add(l, var(l, s->ticket), c64(l, 1));
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_LAST_USER), behind);
  for (uint32_t i = 0; i < VYRE_SLOT_ARGS; i++)
    store32(l, DEVICE, at(l, entry, vyre_slot_arg_offset(i)), var(l, v->arg[i]));
  vyre_var_id_t class_ = let(l, "class", vyre_loop_class(l, var(l, v->who)));
  vyre_var_id_t tail_address = let(l, "tail_address", queue_word(l, VYRE_CONTROL_QUEUE_TAIL, class_));
  vyre_var_id_t tail = let(l, "tail", load64(l, DEVICE, var(l, tail_address)));
  store32(l, DEVICE, vyre_loop_queue_place(l, var(l, class_), var(l, tail)), var(l, s->cell));
  store(l, U64, VYRE_ORDER_RELEASE, DEVICE, var(l, tail_address), add(l, var(l, tail), c64(l, 1)));
}

/* Reads the slot of `ticket`; leaves the enclosing loop when it is not published. */
static void build_read_slot(loop_t *l, vyre_var_id_t ticket, slot_vars_t *v) {
  static const char *const names[4][4] = {{"opcode", "who", "arg0", "tag0"},
                                          {"arg1", "arg2", "arg3", "tag1"},
                                          {"arg4", "arg5", "arg6", "tag2"},
                                          {"arg7", "arg8", "arg9", "tag3"}};
  vyre_var_id_t slot = let(l, "slot", element(l, l->ring, in_ring(l, var(l, ticket)), 6));
  vyre_var_id_t lap = let(l, "lap", lap_of(l, var(l, ticket)));
  vyre_var_id_t words[4][4];
  for (uint32_t quarter = 0; quarter < 4; quarter++) {
    vyre_build_load16(l->b, 3, VYRE_ORDER_ACQUIRE, names[quarter], at(l, slot, 16 * quarter), words[quarter]);
    vyre_expr_id_t tag = var(l, words[quarter][3]), wanted = var(l, lap);
    begin_if(l, quarter == 3 ? last_tag_differs(l, tag, wanted) : op(l, VYRE_EXPR_NE, tag, wanted));
    vyre_build_plain(l->b, VYRE_STMT_BREAK);
    end(l);
  }
  v->arg[0] = words[0][2];
  for (uint32_t i = 1; i < VYRE_SLOT_ARGS; i++) v->arg[i] = words[1 + (i - 1) / 3][(i - 1) % 3];
  /* The slot stays as it is until TAKEN is moved. */
  vyre_loop_slot_t *s = &v->slot;
  *s = (vyre_loop_slot_t){.scope = SYSTEM, .address = slot, .opcode = words[0][0]};
  v->who = words[0][1];
  vyre_expr_id_t clocks = op(l, VYRE_EXPR_AND, var(l, v->who), c32(l, VYRE_WHO_CLOCKS));
  s->wants_clocks = let(l, "wants_clocks", is_not(l, clocks, 0));
  s->ticket = let(l, "own_ticket", var(l, ticket));
  s->cell = let(l, "cell", op(l, VYRE_EXPR_AND, var(l, words[3][3]), c32(l, 0xFFFF)));
  s->completion = let(l, "completion", element(l, l->completions, var(l, s->cell), 6));
  s->tag = let(l, "done_tag", completion_tag(l, narrow(l, var(l, ticket))));
  vyre_loop_note_life(l, s->ticket, s->cell);
}

static vyre_expr_id_t slot_ahead(loop_t *l, vyre_var_id_t ticket, uint32_t distance) {
  vyre_expr_id_t index = add(l, narrow(l, var(l, ticket)), c32(l, distance));
  return element(l, l->ring, op(l, VYRE_EXPR_AND, index, var(l, l->ring_mask)), 6);
}

/* Once a batch holds more than one slot there is a backlog: the lines of the slots to come are asked for early. Not
 * before, since a line that is taken away from its producer comes back to it late. */
static void build_prefetch(loop_t *l, vyre_var_id_t first, vyre_var_id_t ticket) {
  begin_if(l, op(l, VYRE_EXPR_NE, var(l, ticket), var(l, first)));
  vyre_build_prefetch(l->b, VYRE_STMT_PREFETCH, slot_ahead(l, ticket, VYRE_PREFETCH_SLOTS));
  /* Half way there the slot is in reach, and its last word names its cell: the completion's line is asked for. A stale
   * word names some other cell, which costs a useless hint. */
  vyre_expr_id_t last_word = add(l, slot_ahead(l, ticket, VYRE_PREFETCH_SLOTS / 2), c64(l, 60));
  vyre_expr_id_t cell = op(l, VYRE_EXPR_AND, load32(l, SYSTEM, last_word), c32(l, 0xFFFF));
  vyre_build_prefetch(l->b, VYRE_STMT_PREFETCH_WRITE, element(l, l->completions, cell, 6));
  end(l);
}

static void build_shutdown(loop_t *l, const vyre_loop_slot_t *s) {
  vyre_expr_id_t stop = at(l, l->control, VYRE_CONTROL_STOP);
  vyre_expr_id_t run = c32(l, VYRE_STOP_RUN), finish = c32(l, VYRE_STOP_FINISH);
  let(l, "was", vyre_build_raw_atomic_cas(l->b, U32, VYRE_ORDER_ACQ_REL, stop, run, finish));
  store32(l, SYSTEM, at(l, l->shared, VYRE_SHARED_ENDING), c32(l, 1));
  vyre_loop_complete(l, VYRE_ORDER_RELEASE, s->completion, s->tag, c32(l, 0), c32(l, 0));
  vyre_build_plain(l->b, VYRE_STMT_BREAK);
}

/* Becomes the dispatcher, if nobody else is: what follows is done under the lock. */
static void begin_lock(loop_t *l, vyre_var_id_t owes) {
  vyre_expr_id_t is_free = is(l, control_word(l, VYRE_CONTROL_LOCK, U32, VYRE_ORDER_RELAXED), 0);
  vyre_expr_id_t lock = at(l, l->control, VYRE_CONTROL_LOCK);
  vyre_expr_id_t got = is(l, vyre_build_raw_atomic_cas(l->b, U32, VYRE_ORDER_ACQUIRE, lock, c32(l, 0), c32(l, 1)), 0);
  begin_if(l, both(l, is_free, got));
  vyre_expr_id_t open = control_word(l, VYRE_CONTROL_OPEN_FENCES, U32, VYRE_ORDER_RELAXED);
  l->open_fences = mutable(l, "open_fences", open);
  set(l, owes, boolean(l, false));
}

/* The open fences go on, too. */
static void end_lock(loop_t *l, vyre_var_id_t owes) {
  vyre_loop_fences(l, owes);
  vyre_expr_id_t before = control_word(l, VYRE_CONTROL_OPEN_FENCES, U32, VYRE_ORDER_RELAXED);
  begin_if(l, op(l, VYRE_EXPR_NE, var(l, l->open_fences), before));
  store32(l, DEVICE, at(l, l->control, VYRE_CONTROL_OPEN_FENCES), var(l, l->open_fences));
  end(l);
  store(l, U32, VYRE_ORDER_RELEASE, DEVICE, at(l, l->control, VYRE_CONTROL_LOCK), c32(l, 0));
  end(l);
}

/* Carries out the slot, or hands it on. */
static void build_slot(loop_t *l, const slot_vars_t *v) {
  const vyre_loop_slot_t *s = &v->slot;
  vyre_var_id_t fast = let(l, "fast", vyre_loop_fast_opcode(l, var(l, s->opcode), var(l, v->who)));
  begin_if(l, is(l, var(l, fast), (uint32_t)VYRE_OPCODE_NOP));
  vyre_loop_complete(l, VYRE_ORDER_RELEASE, s->completion, s->tag, c32(l, 0), c32(l, 0));
  vyre_build_else(l->b);
  begin_if(l, is(l, var(l, fast), (uint32_t)VYRE_OPCODE_STORE_U32));
  vyre_loop_word_access(l, true, s->completion, s->tag, v->arg[0], v->arg[1], v->arg[2]);
  vyre_build_else(l->b);
  begin_if(l, is(l, var(l, fast), (uint32_t)VYRE_OPCODE_LOAD_U32));
  vyre_loop_word_access(l, false, s->completion, s->tag, v->arg[0], v->arg[1], v->arg[2]);
  vyre_build_else(l->b);
  begin_if(l, is(l, var(l, s->opcode), (uint32_t)VYRE_OPCODE_SHUTDOWN));
  build_shutdown(l, s);
  vyre_build_else(l->b);
  vyre_var_id_t is_found = mutable(l, "is_found", boolean(l, false)), record = mutable(l, "record", c32(l, 0));
  vyre_expr_id_t is_long = vyre_loop_is_long_copy(l, s->opcode, var(l, v->arg[VYRE_ARG_COPY_BYTES]));
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, vyre_loop_is_user(l, s->opcode), is_long));
  vyre_var_id_t place, found;
  vyre_loop_find_opcode(l, s->opcode, &place, &found);
  set(l, is_found, is_not(l, var(l, found), 0));
  set(l, record, var(l, place));
  end(l);
  begin_if(l, var(l, is_found));
  build_enqueue(l, v, record);
  vyre_build_else(l->b);
  vyre_loop_builtin(l, s);
  for (int i = 0; i < 5; i++) end(l); /* the five tests of the opcode */
}

/* The dispatcher's batch, after a SHUTDOWN of no slot, but the open fences go on. `worked` becomes true when one was
 * taken. */
static void build_dispatch(loop_t *l, vyre_var_id_t owes, vyre_var_id_t worked) {
  begin_lock(l, owes);
  vyre_var_id_t first = let(l, "first", load64(l, SYSTEM, at(l, l->shared, VYRE_SHARED_TAKEN)));
  vyre_var_id_t ticket = mutable(l, "ticket", var(l, first));
  /* STOP was read before the lock was taken: who had the lock meanwhile may have taken a SHUTDOWN. */
  vyre_expr_id_t is_open = is(l, control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_RELAXED), VYRE_STOP_RUN);
  vyre_var_id_t budget = let(l, "budget", vyre_build_select(l->b, is_open, c64(l, VYRE_DISPATCH_BATCH), c64(l, 0)));
  vyre_build_while(l->b, op(l, VYRE_EXPR_LT, op(l, VYRE_EXPR_SUB, var(l, ticket), var(l, first)), var(l, budget)));
  build_prefetch(l, first, ticket);
  slot_vars_t v;
  build_read_slot(l, ticket, &v);
  set(l, ticket, add(l, var(l, ticket), c64(l, 1)));
  build_slot(l, &v);
  end(l);
  begin_if(l, op(l, VYRE_EXPR_NE, var(l, ticket), var(l, first)));
  store(l, U64, VYRE_ORDER_RELEASE, SYSTEM, at(l, l->shared, VYRE_SHARED_TAKEN), var(l, ticket));
  set(l, worked, boolean(l, true));
  end(l);
  end_lock(l, owes);
}

/* Looks up what the entry names, and carries it out. */
static void build_order(loop_t *l, vyre_var_id_t cell) {
  vyre_loop_order_t o = {.scope = DEVICE, .cell = cell};
  o.entry = let(l, "entry", element(l, l->table, var(l, cell), 6));
  o.frame = let(l, "call_frame", at(l, l->self, VYRE_WORKER_CALL_FRAME));
  vyre_var_id_t word = let(l, "record_and_cell", load32(l, DEVICE, at(l, o.entry, VYRE_ENTRY_RECORD)));
  vyre_expr_id_t clocks = op(l, VYRE_EXPR_AND, var(l, word), c32(l, VYRE_ENTRY_CLOCKS));
  o.wants_clocks = let(l, "wants_clocks", is_not(l, clocks, 0));
  vyre_expr_id_t index = op(l, VYRE_EXPR_AND, var(l, word), c32(l, VYRE_ENTRY_CLOCKS - 1));
  vyre_var_id_t record = let(l, "record", element(l, l->opcodes, index, 4));
  o.opcode = let(l, "opcode", load32(l, WORKER, at(l, record, VYRE_OPCODE_CODE)));
  o.handler = let(l, "handler", load32(l, WORKER, at(l, record, VYRE_OPCODE_HANDLER)));
  o.output_bytes = let(l, "block_bytes", load32(l, WORKER, at(l, record, VYRE_OPCODE_OUTPUT_BYTES)));
  vyre_loop_take_elements(l, &o, load32(l, WORKER, at(l, record, VYRE_OPCODE_ELEMENT_BYTES)));
  o.data = vyre_loop_window(l, arg32(l, o.scope, o.entry, VYRE_ARG_DATA_WINDOW),
                            arg32(l, o.scope, o.entry, VYRE_ARG_DATA_WINDOW));
  o.output = vyre_loop_window(l, arg32(l, o.scope, o.entry, VYRE_ARG_OUTPUT_WINDOW),
                              arg32(l, o.scope, o.entry, VYRE_ARG_OUTPUT_WINDOW));
  vyre_loop_execute(l, &o);
}

static vyre_expr_id_t queue_is_empty(loop_t *l, void *unused) {
  (void)unused;
  vyre_expr_id_t differ = 0;
  for (uint32_t i = 0; i < VYRE_CLASSES; i++) {
    vyre_expr_id_t head = control_word(l, VYRE_CONTROL_QUEUE_HEAD + 8 * i, U64, VYRE_ORDER_ACQUIRE);
    vyre_expr_id_t tail = control_word(l, VYRE_CONTROL_QUEUE_TAIL + 8 * i, U64, VYRE_ORDER_ACQUIRE);
    vyre_expr_id_t difference = op(l, VYRE_EXPR_XOR, head, tail);
    differ = i ? op(l, VYRE_EXPR_OR, differ, difference) : difference;
  }
  return op(l, VYRE_EXPR_EQ, differ, c64(l, 0));
}

/* Pops one cell of a run queue and executes it: of the first class that has any, in the order of this round. */
static void build_pop(loop_t *l, vyre_var_id_t rounds, vyre_var_id_t owes, vyre_var_id_t worked) {
  vyre_builder_t *b = l->b;
  begin_if(l, vyre_build_unary(b, VYRE_EXPR_LOGICAL_NOT, queue_is_empty(l, NULL)));
  vyre_var_id_t number = mutable(l, "queue_number", c32(l, 0)), has_run = mutable(l, "has_run", boolean(l, false));
  vyre_expr_id_t goes_on = vyre_build_unary(b, VYRE_EXPR_LOGICAL_NOT, var(l, has_run));
  vyre_build_while(b, both(l, goes_on, op(l, VYRE_EXPR_LT, var(l, number), c32(l, VYRE_CLASSES))));
  vyre_var_id_t class_ = let(l, "class", vyre_loop_class_in_round(l, rounds, number));
  set(l, number, add(l, var(l, number), c32(l, 1)));
  vyre_var_id_t head_address = let(l, "head_address", queue_word(l, VYRE_CONTROL_QUEUE_HEAD, class_));
  vyre_var_id_t head = let(l, "head", load(l, U64, VYRE_ORDER_ACQUIRE, DEVICE, var(l, head_address)));
  vyre_expr_id_t tail = load(l, U64, VYRE_ORDER_ACQUIRE, DEVICE, queue_word(l, VYRE_CONTROL_QUEUE_TAIL, class_));
  begin_if(l, op(l, VYRE_EXPR_NE, tail, var(l, head)));
  /* The entry is read before it is claimed: should the queue have gone round meanwhile, the claim fails. */
  vyre_var_id_t cell = let(l, "cell", load32(l, DEVICE, vyre_loop_queue_place(l, var(l, class_), var(l, head))));
  vyre_expr_id_t claimed = vyre_build_raw_atomic_cas(b, U64, VYRE_ORDER_ACQ_REL, var(l, head_address), var(l, head),
                                                     add(l, var(l, head), c64(l, 1)));
  begin_if(l, op(l, VYRE_EXPR_EQ, claimed, var(l, head)));
  set(l, has_run, boolean(l, true));
  build_order(l, cell);
  end(l);
  end(l);
  end(l);
  begin_if(l, var(l, has_run));
  set(l, worked, boolean(l, true));
  set(l, owes, boolean(l, true));
  set(l, rounds, add(l, var(l, rounds), c32(l, 1)));
  end(l);
  end(l);
}

/* Who has run a slot and found the lock taken since does not sleep: the fences that wait for that slot may have been
 * looked at before it completed. Nor does who has left a fence that can go on. */
static void build_idle(loop_t *l, vyre_var_id_t worked, vyre_var_id_t owes, vyre_var_id_t idle_rounds) {
  vyre_builder_t *b = l->b;
  begin_if(l, vyre_build_unary(b, VYRE_EXPR_LOGICAL_NOT, var(l, worked)));
  begin_if(l, is_not(l, vyre_build_leaf(b, VYRE_EXPR_PUMP), 0));
  set(l, worked, boolean(l, true));
  end(l);
  end(l);
  begin_if(l, var(l, worked));
  set(l, idle_rounds, c32(l, 0));
  vyre_build_else(b);
  set(l, idle_rounds, add(l, var(l, idle_rounds), c32(l, 1)));
  vyre_expr_id_t spins = op(l, VYRE_EXPR_LT, var(l, idle_rounds), var(l, l->spin_limit));
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, spins, var(l, owes)));
  vyre_build_plain(b, VYRE_STMT_PAUSE);
  vyre_build_else(b);
  vyre_loop_sleep(l, queue_is_empty, NULL);
  end(l);
  end(l);
}

void vyre_loop_build_direct(loop_t *l) {
  vyre_builder_t *b = l->b;
  vyre_var_id_t idle_rounds = mutable(l, "idle_rounds", c32(l, 0));
  vyre_var_id_t beats = mutable(l, "beats", c64(l, 0)), queue_rounds = mutable(l, "queue_rounds", c32(l, 0));
  vyre_var_id_t owes = mutable(l, "owes", boolean(l, false)); /* the open fences a look */
  vyre_build_forever(b);
  set(l, beats, add(l, var(l, beats), c64(l, 1)));
  store64(l, DEVICE, at(l, l->self, VYRE_WORKER_HEARTBEAT), var(l, beats));
  vyre_var_id_t stop = let(l, "stop", control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_ACQUIRE));
  begin_if(l, op(l, VYRE_EXPR_GE, var(l, stop), c32(l, VYRE_STOP_NOW)));
  vyre_build_plain(b, VYRE_STMT_RETURN);
  end(l);
  vyre_var_id_t worked = mutable(l, "worked", boolean(l, false));
  build_dispatch(l, owes, worked);
  build_pop(l, queue_rounds, owes, worked);
  /* SHUTDOWN: everything before it was pushed before STOP was set, so an empty queue means that all of it has begun. An
   * open fence waits for what others still run. */
  begin_if(l,
           both(l, is_not(l, var(l, stop), VYRE_STOP_RUN), vyre_build_unary(b, VYRE_EXPR_LOGICAL_NOT, var(l, worked))));
  vyre_expr_id_t has_no_fence = is(l, control_word(l, VYRE_CONTROL_OPEN_FENCES, U32, VYRE_ORDER_RELAXED), 0);
  begin_if(l, both(l, queue_is_empty(l, NULL), has_no_fence));
  vyre_build_plain(b, VYRE_STMT_RETURN);
  end(l);
  end(l);
  build_idle(l, worked, owes, idle_rounds);
  end(l);
}
