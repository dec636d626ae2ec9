/* A worker of topology `dispatched`: waits for letters, looks up what each names, carries it out, and answers. */
#include "megakernel/loop_dispatched.h"

/* Its local memory: the letter and behind it the first words of the control block, what the letter's handles name, and
 * the frame of the handler. */
enum {
  LETTER = 0,
  STOPS = LETTER + VYRE_ENTRY_BYTES_EACH,
  FOUND = STOPS + 16,
  CALL_FRAME = 256,
};

/* Reads the letter and the stop words in one go, until the letter is there or STOP or PARK are set; gives the quarters
 * that carry the number. */
static vyre_var_id_t build_look(loop_t *l, vyre_var_id_t local, vyre_var_id_t number, vyre_var_id_t looks) {
  vyre_var_id_t quarters = mutable(l, "quarters", c32(l, 0)), stopped = mutable(l, "stopped", c32(l, 0));
  vyre_var_id_t look = mutable(l, "look", c32(l, 0));
  vyre_expr_id_t goes_on = both(l, is_not(l, var(l, quarters), 0xF), is(l, var(l, stopped), 0));
  vyre_build_while(l->b, both(l, goes_on, op(l, VYRE_EXPR_LT, var(l, look), var(l, looks))));
  set(l, look, add(l, var(l, look), c32(l, 1)));
  set(l, quarters, c32(l, 0));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, lane), c32(l, 5)));
  vyre_expr_id_t letter = add(l, element(l, l->self, var(l, lane), 4), c64(l, VYRE_WORKER_LETTER));
  vyre_expr_id_t address = vyre_build_select(l->b, op(l, VYRE_EXPR_LT, var(l, lane), c32(l, 4)), letter,
                                             at(l, l->control, VYRE_CONTROL_STOP));
  vyre_var_id_t words[4];
  load16(l, DEVICE, address, words);
  store_words(l, local_element(l, local, LETTER, var(l, lane), 4), words);
  vyre_build_vote(
      l->b, quarters,
      both(l, op(l, VYRE_EXPR_LT, var(l, lane), c32(l, 4)), op(l, VYRE_EXPR_EQ, var(l, words[3]), var(l, number))));
  vyre_expr_id_t stops = op(l, VYRE_EXPR_OR, var(l, words[0]), var(l, words[1]));
  vyre_build_vote(l->b, stopped, both(l, is(l, var(l, lane), 4), is_not(l, stops, 0)));
  end(l);
  end(l);
  end(l);
  return quarters;
}

/* Where the lane finds its 16 bytes: the opcode's record, then two halves of either window. */
static vyre_expr_id_t found_address(loop_t *l, const vyre_loop_order_t *o, vyre_var_id_t lane, vyre_var_id_t record) {
  vyre_var_id_t is_data = let(l, "is_data", op(l, VYRE_EXPR_LT, var(l, lane), c32(l, 3)));
  vyre_var_id_t handle =
      let(l, "handle",
          vyre_build_select(l->b, var(l, is_data), arg32(l, o->scope, o->entry, VYRE_ARG_DATA_WINDOW),
                            arg32(l, o->scope, o->entry, VYRE_ARG_OUTPUT_WINDOW)));
  /* Handle 0 names no window: its entry is all zeros. */
  vyre_expr_id_t known =
      vyre_build_select(l->b, op(l, VYRE_EXPR_LT, var(l, handle), var(l, l->window_count)), var(l, handle), c32(l, 0));
  vyre_expr_id_t half = and32(l, add(l, var(l, lane), c32(l, 1)), c32(l, 1));
  vyre_expr_id_t window = add(l, element(l, l->windows, known, 5), op(l, VYRE_EXPR_SHL, wide(l, half), c64(l, 4)));
  return vyre_build_select(l->b, is(l, var(l, lane), 0), element(l, l->opcodes, var(l, record), 4), window);
}

static vyre_loop_window_t found_window(loop_t *l, vyre_var_id_t local, uint32_t offset) {
  return (vyre_loop_window_t){
      .base = let(l, "window_base", load64(l, WORKER, at(l, local, offset + VYRE_WINDOW_BASE))),
      .bytes = let(l, "window_bytes", load64(l, WORKER, at(l, local, offset + VYRE_WINDOW_BYTES))),
      .is_host = let(l, "window_is_host", load32(l, WORKER, at(l, local, offset + VYRE_WINDOW_IS_HOST)))};
}

/* Looks up what the letter names, in one go, and carries it out. */
static void build_order(loop_t *l, vyre_var_id_t local) {
  vyre_loop_order_t o = {.scope = WORKER};
  o.entry = let(l, "entry", at(l, local, LETTER));
  o.frame = let(l, "call_frame", at(l, local, CALL_FRAME));
  vyre_var_id_t word = let(l, "record_and_cell", load32(l, WORKER, at(l, o.entry, VYRE_ENTRY_RECORD)));
  o.cell = let(l, "cell", shr32(l, var(l, word), VYRE_ENTRY_CELL_SHIFT));
  o.wants_clocks = let(l, "wants_clocks", is_not(l, and32(l, var(l, word), c32(l, VYRE_ENTRY_CLOCKS)), 0));
  vyre_var_id_t record = let(l, "record", and32(l, var(l, word), c32(l, VYRE_ENTRY_CLOCKS - 1)));
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, lane), c32(l, 5)));
  vyre_var_id_t words[4];
  load16(l, DEVICE, found_address(l, &o, lane, record), words);
  store_words(l, local_element(l, local, FOUND, var(l, lane), 4), words);
  end(l);
  end(l);
  o.opcode = let(l, "opcode", load32(l, WORKER, at(l, local, FOUND + VYRE_OPCODE_CODE)));
  o.handler = let(l, "handler", load32(l, WORKER, at(l, local, FOUND + VYRE_OPCODE_HANDLER)));
  o.output_bytes = let(l, "block_bytes", load32(l, WORKER, at(l, local, FOUND + VYRE_OPCODE_OUTPUT_BYTES)));
  vyre_loop_take_elements(l, &o, load32(l, WORKER, at(l, local, FOUND + VYRE_OPCODE_ELEMENT_BYTES)));
  o.data = found_window(l, local, FOUND + VYRE_OPCODE_BYTES_EACH);
  o.output = found_window(l, local, FOUND + VYRE_OPCODE_BYTES_EACH + VYRE_WINDOW_BYTES_EACH);
  vyre_loop_execute(l, &o);
}

/* The handlers' frame, with what the host has put into it, lies in local memory. */
static void build_frame(loop_t *l, vyre_var_id_t local) {
  vyre_var_id_t lane = vyre_build_lanes(l->b, "lane");
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, lane), c32(l, sizeof(vyre_frame_t) / 16)));
  vyre_var_id_t words[4];
  load16(l, DEVICE, add(l, element(l, l->self, var(l, lane), 4), c64(l, VYRE_WORKER_CALL_FRAME)), words);
  store_words(l, local_element(l, local, CALL_FRAME, var(l, lane), 4), words);
  end(l);
  end(l);
}

/* To the dispatcher, when it sleeps, a worker that has answered is what a publisher is. */
static void build_tell(loop_t *l) {
  if (!l->sleeps) return;
  vyre_build_fence(l->b, VYRE_ORDER_SEQ_CST);
  begin_if(l, is_not(l, load32(l, SYSTEM, at(l, l->shared, VYRE_SHARED_SLEEPERS)), 0));
  vyre_expr_id_t event = at(l, l->shared, VYRE_SHARED_EVENT);
  let(l, "before", vyre_build_raw_atomic_add(l->b, U32, VYRE_ORDER_RELEASE, event, c32(l, 1)));
  vyre_build_wake(l->b, at(l, l->shared, VYRE_SHARED_EVENT));
  end(l);
}

/* Until the last quarter of a letter is written. On a GPU a sleep is a pause, and nobody is told of it. */
static void build_sleep(loop_t *l, vyre_var_id_t number) {
  vyre_var_id_t before = let(l, "last_number", op(l, VYRE_EXPR_SUB, var(l, number), c32(l, VYRE_LETTER_STEP)));
  uint32_t last_word = VYRE_WORKER_LETTER + VYRE_ENTRY_BYTES_EACH - 4;
  if (!l->sleeps) {
    vyre_build_sleep(l->b, at(l, l->self, last_word), var(l, before));
    return;
  }
  store32(l, DEVICE, at(l, l->self, VYRE_WORKER_ASLEEP), c32(l, 1));
  vyre_build_fence(l->b, VYRE_ORDER_SEQ_CST);
  vyre_expr_id_t is_same = op(l, VYRE_EXPR_EQ, load32(l, DEVICE, at(l, l->self, last_word)), var(l, before));
  vyre_expr_id_t stop = control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_RELAXED);
  vyre_expr_id_t park = control_word(l, VYRE_CONTROL_PARK, U32, VYRE_ORDER_RELAXED);
  vyre_expr_id_t is_running = both(l, op(l, VYRE_EXPR_LT, stop, c32(l, VYRE_STOP_NOW)), is(l, park, 0));
  begin_if(l, both(l, is_same, is_running));
  vyre_build_sleep(l->b, at(l, l->self, last_word), var(l, before));
  end(l);
  store32(l, DEVICE, at(l, l->self, VYRE_WORKER_ASLEEP), c32(l, 0));
}

void vyre_loop_build_dispatched_worker(loop_t *l) {
  vyre_builder_t *b = l->b;
  vyre_var_id_t local = let(l, "local_memory", vyre_build_leaf(b, VYRE_EXPR_LOCAL));
  build_frame(l, local);
  vyre_expr_id_t done = load32(l, DEVICE, at(l, l->self, VYRE_WORKER_DONE));
  vyre_var_id_t number = mutable(l, "number", add(l, done, c32(l, VYRE_LETTER_STEP))); /* of the next letter */
  vyre_var_id_t idle_rounds = mutable(l, "idle_rounds", c32(l, 0));
  vyre_var_id_t beats = mutable(l, "beats", c64(l, 0));
  vyre_build_forever(b);
  beat(l, beats);
  vyre_var_id_t quarters = build_look(l, local, number, build_looks(l, idle_rounds));
  begin_if(l, is(l, var(l, quarters), 0xF));
  build_order(l, local);
  store32(l, DEVICE, at(l, l->self, VYRE_WORKER_DONE), var(l, number));
  build_tell(l);
  set(l, number, add(l, var(l, number), c32(l, VYRE_LETTER_STEP)));
  set(l, idle_rounds, c32(l, 0));
  vyre_build_else(b);
  vyre_expr_id_t stop = load32(l, WORKER, at(l, local, STOPS)), park = load32(l, WORKER, at(l, local, STOPS + 4));
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, op(l, VYRE_EXPR_GE, stop, c32(l, VYRE_STOP_NOW)), is_not(l, park, 0)));
  vyre_build_plain(b, VYRE_STMT_RETURN);
  end(l);
  set(l, idle_rounds, add(l, var(l, idle_rounds), c32(l, 1)));
  if (l->sleeps) {
    begin_if(l, is_not(l, vyre_build_leaf(b, VYRE_EXPR_PUMP), 0));
    set(l, idle_rounds, c32(l, 0));
    end(l);
  }
  begin_if(l, op(l, VYRE_EXPR_LT, var(l, idle_rounds), var(l, l->spin_limit)));
  vyre_build_plain(b, VYRE_STMT_PAUSE);
  vyre_build_else(b);
  build_sleep(l, number);
  end(l);
  end(l);
  end(l);
}
