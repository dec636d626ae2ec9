/* What the topologies share: completions, windows, the opcode table, running a handler, sleep. Operands of a handler
 * besides its chunk are loop_bindings.c's. */
#include "megakernel/loop.h"

#include <vyre/session.h>

#include "megakernel/loop_parts.h"

void vyre_loop_constants(loop_t *l) {
  l->control = let(l, "ctl", vyre_build_leaf(l->b, VYRE_EXPR_CONTROL));
  l->self = let(l, "self", vyre_build_leaf(l->b, VYRE_EXPR_FRAME));
  struct {
    vyre_var_id_t *out;
    const char *name;
    uint32_t offset;
    vyre_type_t type;
  } words[] = {
      {&l->shared, "shared", VYRE_CONTROL_SHARED, U64},
      {&l->ring, "ring", VYRE_CONTROL_RING, U64},
      {&l->completions, "completions", VYRE_CONTROL_COMPLETIONS, U64},
      {&l->table, "table", VYRE_CONTROL_TABLE, U64},
      {&l->queue, "queue", VYRE_CONTROL_QUEUE, U64},
      {&l->windows, "windows", VYRE_CONTROL_WINDOWS, U64},
      {&l->opcodes, "opcodes", VYRE_CONTROL_OPCODES, U64},
      {&l->blocks, "blocks", VYRE_CONTROL_BLOCKS, U64},
      {&l->life, "life", VYRE_CONTROL_LIFE, U64},
      {&l->ring_shift, "ring_shift", VYRE_CONTROL_RING_SHIFT, U32},
      {&l->window_count, "window_count", VYRE_CONTROL_WINDOW_COUNT, U32},
      {&l->opcode_shift, "opcode_shift", VYRE_CONTROL_OPCODE_SHIFT, U32},
      {&l->spin_limit, "spin_limit", VYRE_CONTROL_SPIN_LIMIT, U32},
      {&l->block_count, "block_count", VYRE_CONTROL_BLOCK_COUNT, U32},
  };
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
    *words[i].out = let(l, words[i].name, control_word(l, words[i].offset, words[i].type, VYRE_ORDER_RELAXED));
  l->ring_mask =
      let(l, "ring_mask", op(l, VYRE_EXPR_SUB, op(l, VYRE_EXPR_SHL, c32(l, 1), var(l, l->ring_shift)), c32(l, 1)));
}

/* ---- completions ---- */

void vyre_loop_complete(loop_t *l, vyre_order_t order, vyre_var_id_t completion, vyre_var_id_t tag, vyre_expr_id_t low,
                        vyre_expr_id_t high) {
  vyre_build_store16(l->b, 0, order, var(l, completion),
                     (vyre_expr_id_t[4]){var(l, tag), c32(l, VYRE_STATE_DONE), low, high});
}

static void write_fault(loop_t *l, vyre_var_id_t completion, vyre_var_id_t tag, vyre_var_id_t opcode) {
  vyre_build_store16(
      l->b, 0, VYRE_ORDER_RELAXED, at(l, completion, VYRE_COMPLETION_FAULT_TAG),
      (vyre_expr_id_t[4]){var(l, tag), vyre_build_leaf(l->b, VYRE_EXPR_WORKER), var(l, opcode), c32(l, 0)});
}

void vyre_loop_complete_fault(loop_t *l, vyre_var_id_t completion, vyre_var_id_t tag, vyre_var_id_t opcode,
                              vyre_fault_t fault) {
  write_fault(l, completion, tag, opcode);
  vyre_build_store16(
      l->b, 0, VYRE_ORDER_RELEASE, var(l, completion),
      (vyre_expr_id_t[4]){var(l, tag), c32(l, VYRE_STATE_FAULT | VYRE_COMPLETION_FAULT), c32(l, fault), c32(l, 0)});
}

vyre_var_id_t vyre_loop_begin(loop_t *l, vyre_var_id_t wants_clocks) {
  vyre_var_id_t begin = mutable(l, "begin", c64(l, 0));
  begin_if(l, var(l, wants_clocks));
  set(l, begin, vyre_build_leaf(l->b, VYRE_EXPR_CLOCK));
  end(l);
  return begin;
}

static void write_time(loop_t *l, vyre_expr_id_t address, vyre_var_id_t tag, vyre_var_id_t time, vyre_expr_id_t last) {
  vyre_expr_id_t high = narrow(l, op(l, VYRE_EXPR_SHR, var(l, time), c64(l, 32)));
  vyre_build_store16(l->b, 0, VYRE_ORDER_RELAXED, address,
                     (vyre_expr_id_t[4]){var(l, tag), narrow(l, var(l, time)), high, last});
}

/* A quarter that says of others is released behind them. */
void vyre_loop_complete_end(loop_t *l, vyre_order_t order, const vyre_loop_end_t *e) {
  vyre_expr_id_t has_fault = is_not(l, var(l, e->fault), 0);
  begin_if(l, vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT,
                               op(l, VYRE_EXPR_LOGICAL_OR, has_fault, var(l, e->wants_clocks))));
  vyre_loop_complete(l, order, e->completion, e->tag, var(l, e->low), var(l, e->high));
  vyre_build_else(l->b);
  vyre_var_id_t status = mutable(l, "status", c32(l, VYRE_STATE_DONE)), low = mutable(l, "first", var(l, e->low));
  begin_if(l, is_not(l, var(l, e->fault), 0));
  write_fault(l, e->completion, e->tag, e->opcode);
  set(l, status, c32(l, VYRE_STATE_FAULT | VYRE_COMPLETION_FAULT));
  set(l, low, var(l, e->fault));
  end(l);
  begin_if(l, var(l, e->wants_clocks));
  vyre_var_id_t now = let(l, "now", vyre_build_leaf(l->b, VYRE_EXPR_CLOCK));
  vyre_expr_id_t worker = vyre_build_leaf(l->b, VYRE_EXPR_WORKER);
  write_time(l, at(l, e->completion, VYRE_COMPLETION_BEGIN_TAG), e->tag, e->begin, worker);
  write_time(l, at(l, e->completion, VYRE_COMPLETION_END_TAG), e->tag, now, c32(l, 0));
  set(l, status, op(l, VYRE_EXPR_OR, var(l, status), c32(l, VYRE_COMPLETION_CLOCKS)));
  end(l);
  vyre_build_store16(l->b, 0, VYRE_ORDER_RELEASE, var(l, e->completion),
                     (vyre_expr_id_t[4]){var(l, e->tag), var(l, status), var(l, low), var(l, e->high)});
  end(l);
}

/* ---- classes ---- */

vyre_expr_id_t vyre_loop_class(loop_t *l, vyre_expr_id_t who) {
  vyre_expr_id_t priority = op(l, VYRE_EXPR_SHR, who, c32(l, VYRE_WHO_PRIORITY_SHIFT));
  return op(l, VYRE_EXPR_MIN, op(l, VYRE_EXPR_AND, priority, c32(l, 7)), c32(l, VYRE_CLASSES - 1));
}

vyre_expr_id_t vyre_loop_queue_place(loop_t *l, vyre_expr_id_t class_, vyre_expr_id_t index) {
  vyre_expr_id_t first = op(l, VYRE_EXPR_SHL, class_, var(l, l->ring_shift));
  return element(l, l->queue, add(l, first, in_ring(l, index)), 2);
}

vyre_expr_id_t vyre_loop_class_in_round(loop_t *l, vyre_var_id_t round, vyre_var_id_t number) {
  vyre_expr_id_t is_turn = is(l, op(l, VYRE_EXPR_AND, var(l, round), c32(l, 7)), 7);
  vyre_expr_id_t turn = op(l, VYRE_EXPR_REM, op(l, VYRE_EXPR_SHR, var(l, round), c32(l, 3)), c32(l, VYRE_CLASSES));
  vyre_expr_id_t first = vyre_build_select(l->b, is_turn, turn, c32(l, 0));
  vyre_var_id_t sum = let(l, "sum", add(l, first, var(l, number)));
  vyre_expr_id_t around = op(l, VYRE_EXPR_SUB, var(l, sum), c32(l, VYRE_CLASSES));
  return vyre_build_select(l->b, op(l, VYRE_EXPR_GE, var(l, sum), c32(l, VYRE_CLASSES)), around, var(l, sum));
}

/* ---- windows ---- */

vyre_loop_window_t vyre_loop_window(loop_t *l, vyre_expr_id_t handle_for_range, vyre_expr_id_t handle) {
  vyre_loop_window_t w = {.base = mutable(l, "window_base", c64(l, 0)),
                          .bytes = mutable(l, "window_bytes", c64(l, 0)),
                          .is_host = mutable(l, "window_is_host", c32(l, 0))};
  begin_if(l, op(l, VYRE_EXPR_LT, handle_for_range, var(l, l->window_count)));
  vyre_var_id_t entry = let(l, "window", element(l, l->windows, handle, 5));
  set(l, w.base, load64(l, DEVICE, at(l, entry, VYRE_WINDOW_BASE)));
  set(l, w.bytes, load64(l, DEVICE, at(l, entry, VYRE_WINDOW_BYTES)));
  set(l, w.is_host, load32(l, DEVICE, at(l, entry, VYRE_WINDOW_IS_HOST)));
  end(l);
  return w;
}

void vyre_loop_word_access(loop_t *l, bool is_store, vyre_var_id_t completion, vyre_var_id_t tag, vyre_var_id_t handle,
                           vyre_var_id_t offset, vyre_var_id_t value) {
  vyre_var_id_t opcode = let(l, "this_opcode", c32(l, is_store ? VYRE_OPCODE_STORE_U32 : VYRE_OPCODE_LOAD_U32));
  vyre_loop_window_t w = vyre_loop_window(l, var(l, handle), var(l, handle));
  begin_if(l, op(l, VYRE_EXPR_EQ, var(l, w.base), c64(l, 0)));
  vyre_loop_complete_fault(l, completion, tag, opcode, VYRE_FAULT_BAD_HANDLE);
  vyre_build_else(l->b);
  vyre_expr_id_t unaligned = is_not(l, op(l, VYRE_EXPR_AND, var(l, offset), c32(l, 3)), 0);
  vyre_expr_id_t outside = op(l, VYRE_EXPR_GT, add(l, wide(l, var(l, offset)), c64(l, 4)), var(l, w.bytes));
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, unaligned, outside));
  vyre_loop_complete_fault(l, completion, tag, opcode, VYRE_FAULT_BAD_RANGE);
  vyre_build_else(l->b);
  vyre_expr_id_t address = add(l, var(l, w.base), wide(l, var(l, offset)));
  if (is_store) {
    store32(l, SYSTEM, address, var(l, value));
    vyre_loop_complete(l, VYRE_ORDER_RELEASE, completion, tag, c32(l, 0), c32(l, 0));
  } else {
    vyre_loop_complete(l, VYRE_ORDER_RELAXED, completion, tag, load32(l, SYSTEM, address), c32(l, 0));
  }
  end(l);
  end(l);
}

/* ---- opcodes ---- */

/* The flag over the opcode: PACKED_SLOT has that bit, too, and those of the fast path do not. */
vyre_expr_id_t vyre_loop_fast_opcode(loop_t *l, vyre_expr_id_t opcode, vyre_expr_id_t who) {
  return op(l, VYRE_EXPR_OR, opcode, op(l, VYRE_EXPR_AND, who, c32(l, VYRE_WHO_CLOCKS)));
}

/* Those of 0xFFF0 .. 0xFFFF that are no Program's are not in the table, or are carried out before it is asked. */
vyre_expr_id_t vyre_loop_is_user(loop_t *l, vyre_var_id_t opcode) {
  vyre_expr_id_t is_in_range = both(l, op(l, VYRE_EXPR_GE, var(l, opcode), c32(l, VYRE_OPCODE_USER_FIRST)),
                                    op(l, VYRE_EXPR_LE, var(l, opcode), c32(l, VYRE_OPCODE_USER_LAST)));
  return both(l, is_in_range, is_not(l, var(l, opcode), VYRE_OPCODE_PRINTF));
}

void vyre_loop_find_opcode(loop_t *l, vyre_var_id_t opcode, vyre_var_id_t *out_record, vyre_var_id_t *out_found) {
  vyre_expr_id_t hashed = op(l, VYRE_EXPR_MUL, var(l, opcode), c32(l, VYRE_OPCODE_HASH));
  vyre_var_id_t probe =
      mutable(l, "probe", op(l, VYRE_EXPR_SHR, hashed, op(l, VYRE_EXPR_SUB, c32(l, 32), var(l, l->opcode_shift))));
  vyre_expr_id_t first = add(l, element(l, l->opcodes, var(l, probe), 4), c64(l, VYRE_OPCODE_CODE));
  /* The table is constant while the kernel lives: caches may keep it. */
  vyre_var_id_t found = mutable(l, "found", load32(l, WORKER, first));
  vyre_build_while(l->b, both(l, is_not(l, var(l, found), 0), op(l, VYRE_EXPR_NE, var(l, found), var(l, opcode))));
  vyre_expr_id_t mask = op(l, VYRE_EXPR_SUB, op(l, VYRE_EXPR_SHL, c32(l, 1), var(l, l->opcode_shift)), c32(l, 1));
  set(l, probe, op(l, VYRE_EXPR_AND, add(l, var(l, probe), c32(l, 1)), mask));
  set(l, found, load32(l, WORKER, add(l, element(l, l->opcodes, var(l, probe), 4), c64(l, VYRE_OPCODE_CODE))));
  end(l);
  *out_record = probe;
  *out_found = found;
}

/* ---- running a handler ---- */

void vyre_loop_set_fault(loop_t *l, vyre_var_id_t fault, vyre_expr_id_t condition, vyre_fault_t value) {
  vyre_expr_id_t is_first = op(l, VYRE_EXPR_AND, is(l, var(l, fault), 0), condition);
  set(l, fault, vyre_build_select(l->b, is_first, c32(l, value), var(l, fault)));
}

/* offset + size fits into bytes, without overflow: offset <= bytes && size <= bytes - offset; negated */
vyre_expr_id_t vyre_loop_outside(loop_t *l, vyre_var_id_t offset, vyre_var_id_t size, vyre_var_id_t bytes) {
  vyre_expr_id_t beyond = op(l, VYRE_EXPR_GT, var(l, offset), var(l, bytes));
  vyre_expr_id_t rest = op(l, VYRE_EXPR_SUB, var(l, bytes), var(l, offset));
  return op(l, VYRE_EXPR_OR, beyond, op(l, VYRE_EXPR_GT, var(l, size), rest));
}

/* address and size (one or'ed) have bits below `multiple`, a power of two or 0 for "any" */
static vyre_expr_id_t misaligned(loop_t *l, vyre_expr_id_t bits, vyre_expr_id_t multiple) {
  vyre_expr_id_t mask = op(l, VYRE_EXPR_SUB, op(l, VYRE_EXPR_MAX, multiple, c64(l, 1)), c64(l, 1));
  return op(l, VYRE_EXPR_NE, op(l, VYRE_EXPR_AND, bits, mask), c64(l, 0));
}

static vyre_expr_id_t is_zero(loop_t *l, vyre_var_id_t v) { return op(l, VYRE_EXPR_EQ, var(l, v), c64(l, 0)); }
static vyre_expr_id_t is_nonzero(loop_t *l, vyre_var_id_t v) { return op(l, VYRE_EXPR_NE, var(l, v), c64(l, 0)); }

void vyre_loop_take_elements(loop_t *l, vyre_loop_order_t *o, vyre_expr_id_t word) {
  vyre_var_id_t elements = let(l, "elements", word);
  uint32_t mask = VYRE_HAS_FINISH - 1;
  vyre_expr_id_t finish = op(l, VYRE_EXPR_AND, var(l, elements), c32(l, VYRE_HAS_FINISH));
  o->flags_max = let(l, "flags_max",
                     vyre_build_select(l->b, is_not(l, finish, 0), c32(l, VYRE_FRAME_IS_LAST | VYRE_FRAME_FINISH),
                                       c32(l, VYRE_FRAME_IS_LAST)));
  o->element_bytes = let(l, "element_bytes", op(l, VYRE_EXPR_AND, var(l, elements), c32(l, mask)));
  o->parameters = let(l, "parameters", op(l, VYRE_EXPR_SHR, var(l, elements), c32(l, VYRE_PARAMETERS_SHIFT)));
}

static void build_data(loop_t *l, const vyre_loop_order_t *o, vyre_loop_call_t *x) {
  x->size = let(l, "data_bytes", wide(l, arg32(l, o->scope, o->entry, VYRE_ARG_DATA_BYTES)));
  vyre_var_id_t offset = x->data_offset = let(l, "data_offset", arg64(l, o->scope, o->entry, VYRE_ARG_DATA_OFFSET_LOW));
  vyre_loop_set_fault(l, x->fault, both(l, is_zero(l, o->data.base), is_nonzero(l, x->size)), VYRE_FAULT_BAD_HANDLE);
  vyre_loop_set_fault(l, x->fault, vyre_loop_outside(l, offset, x->size, o->data.bytes), VYRE_FAULT_BAD_RANGE);
  x->data = let(l, "data", add(l, var(l, o->data.base), var(l, offset)));
  vyre_expr_id_t bits = op(l, VYRE_EXPR_OR, var(l, x->data), var(l, x->size));
  vyre_loop_set_fault(l, x->fault, misaligned(l, bits, wide(l, var(l, o->element_bytes))), VYRE_FAULT_BAD_RANGE);
}

static void build_output(loop_t *l, const vyre_loop_order_t *o, vyre_loop_call_t *x) {
  vyre_var_id_t size = let(l, "output_bytes", wide(l, var(l, o->output_bytes)));
  vyre_var_id_t offset = let(l, "output_offset", wide(l, arg32(l, o->scope, o->entry, VYRE_ARG_OUTPUT_OFFSET)));
  vyre_loop_set_fault(l, x->fault, both(l, is_zero(l, o->output.base), is_nonzero(l, size)), VYRE_FAULT_BAD_HANDLE);
  vyre_loop_set_fault(l, x->fault, both(l, is_nonzero(l, size), vyre_loop_outside(l, offset, size, o->output.bytes)),
                      VYRE_FAULT_BAD_RANGE);
  x->output = let(l, "output", add(l, var(l, o->output.base), var(l, offset)));
  vyre_loop_set_fault(l, x->fault, misaligned(l, var(l, x->output), c64(l, 8)), VYRE_FAULT_BAD_RANGE);
}

static void build_flags(loop_t *l, const vyre_loop_order_t *o, vyre_loop_call_t *x) {
  x->flags = let(l, "flags", arg32(l, o->scope, o->entry, VYRE_ARG_FLAGS));
  vyre_expr_id_t odd_flags = op(l, VYRE_EXPR_GT, var(l, x->flags), var(l, o->flags_max));
  vyre_loop_set_fault(l, x->fault, odd_flags, VYRE_FAULT_BAD_ARGUMENT);
}

/* What is read was written before the slot was published: by the host, or by a copy engine into the device's memory,
 * past its caches. What is written is read when the completion was seen: by the host, or by a copy. */
static void build_fence(loop_t *l, vyre_order_t order, vyre_var_id_t is_host) {
  begin_if(l, is_not(l, var(l, is_host), 0));
  vyre_build_fence(l->b, order);
  vyre_build_else(l->b);
  l->b->scope = DEVICE;
  vyre_build_fence(l->b, order);
  l->b->scope = SYSTEM;
  end(l);
}

static void build_call(loop_t *l, const vyre_loop_order_t *o, const vyre_loop_call_t *x, vyre_var_id_t place) {
  store64(l, WORKER, at(l, o->frame, offsetof(vyre_frame_t, data)), var(l, x->data));
  store64(l, WORKER, at(l, o->frame, offsetof(vyre_frame_t, data_bytes)), var(l, x->size));
  store64(l, WORKER, at(l, o->frame, offsetof(vyre_frame_t, stream_offset)),
          arg64(l, o->scope, o->entry, VYRE_ARG_STREAM_OFFSET_LOW));
  store64(l, WORKER, at(l, o->frame, offsetof(vyre_frame_t, output)), var(l, x->output));
  store32(l, WORKER, at(l, o->frame, offsetof(vyre_frame_t, flags)), var(l, x->flags));
  begin_if(l, is_nonzero(l, x->size));
  build_fence(l, VYRE_ORDER_ACQUIRE, o->data.is_host);
  end(l);
  /* Behind the fence, which on a GPU waits for stores that stand before it. */
  store32(l, DEVICE, at(l, l->self, VYRE_WORKER_CELL), var(l, o->cell));
  store32(l, DEVICE, at(l, l->self, VYRE_WORKER_RUNNING), add(l, var(l, o->handler), c32(l, 1)));
  vyre_build_call_handler(l->b, var(l, o->handler), var(l, o->frame));
  build_fence(l, VYRE_ORDER_RELEASE, o->output.is_host);
  store32(l, DEVICE, at(l, l->self, VYRE_WORKER_RUNNING), c32(l, 0));
  set(l, x->fault, load32(l, WORKER, at(l, o->frame, offsetof(vyre_frame_t, fault))));
  begin_if(l, is_not(l, var(l, x->fault), 0));
  set(l, place, load32(l, WORKER, at(l, o->frame, offsetof(vyre_frame_t, fault_node))));
  end(l);
}

/* A Program's handler. */
static void build_handler(loop_t *l, const vyre_loop_order_t *o, vyre_var_id_t fault, vyre_var_id_t place) {
  vyre_loop_call_t x = {.fault = fault};
  build_data(l, o, &x);
  build_output(l, o, &x);
  build_flags(l, o, &x);
  vyre_loop_bind(l, o, &x);
  begin_if(l, is(l, var(l, x.fault), 0));
  build_call(l, o, &x, place);
  end(l);
}

static void build_long_copy(loop_t *l, const vyre_loop_order_t *o, vyre_var_id_t fault, vyre_var_id_t copied) {
  store32(l, DEVICE, at(l, l->self, VYRE_WORKER_CELL), var(l, o->cell));
  store32(l, DEVICE, at(l, l->self, VYRE_WORKER_RUNNING), c32(l, VYRE_HANDLER_COPY));
  vyre_build_fence(l->b, VYRE_ORDER_ACQUIRE);
  vyre_loop_copy(l, o, fault, copied);
  vyre_build_fence(l->b, VYRE_ORDER_RELEASE);
  store32(l, DEVICE, at(l, l->self, VYRE_WORKER_RUNNING), c32(l, 0));
}

void vyre_loop_execute(loop_t *l, const vyre_loop_order_t *o) {
  vyre_var_id_t begin = vyre_loop_begin(l, o->wants_clocks);
  vyre_var_id_t completion = let(l, "completion", element(l, l->completions, var(l, o->cell), 6));
  vyre_var_id_t tag = let(l, "done_tag", load32(l, o->scope, at(l, o->entry, VYRE_ENTRY_TAG)));
  vyre_var_id_t fault = mutable(l, "fault", c32(l, 0)), place = mutable(l, "place", c32(l, 0));
  vyre_var_id_t copied = mutable(l, "copied", c32(l, 0));
  begin_if(l, is(l, var(l, o->handler), VYRE_HANDLER_COPY));
  begin_cold(l);
  build_long_copy(l, o, fault, copied);
  end(l);
  vyre_build_else(l->b);
  build_handler(l, o, fault, place);
  end(l);
  vyre_loop_end_t e = {.completion = completion,
                       .tag = tag,
                       .opcode = o->opcode,
                       .fault = fault,
                       .low = copied,
                       .high = place,
                       .wants_clocks = o->wants_clocks,
                       .begin = begin};
  vyre_loop_complete_end(l, l->release, &e);
}

/* ---- sleep ---- */

/* Announce it, order the announcement before a last look, look, sleep. A publisher writes its slot and then looks for
 * sleepers; heavy_fence makes one of the two see the other. */
void vyre_loop_sleep(loop_t *l, vyre_expr_id_t (*is_idle)(loop_t *l, void *context), void *context) {
  vyre_builder_t *b = l->b;
  vyre_expr_id_t event = load(l, U32, VYRE_ORDER_ACQUIRE, SYSTEM, at(l, l->shared, VYRE_SHARED_EVENT));
  vyre_var_id_t seen = let(l, "seen", event);
  vyre_expr_id_t sleepers = at(l, l->shared, VYRE_SHARED_SLEEPERS);
  let(l, "before", vyre_build_raw_atomic_add(b, U32, VYRE_ORDER_SEQ_CST, sleepers, c32(l, 1)));
  vyre_build_plain(b, VYRE_STMT_HEAVY_FENCE);
  vyre_expr_id_t is_idle_now = is_idle(l, context);
  vyre_var_id_t taken =
      let(l, "next_ticket", load(l, U64, VYRE_ORDER_ACQUIRE, SYSTEM, at(l, l->shared, VYRE_SHARED_TAKEN)));
  vyre_var_id_t slot = let(l, "next_slot", element(l, l->ring, in_ring(l, var(l, taken)), 6));
  /* The last quarter is written last: its tag alone tells that the slot is complete. */
  vyre_expr_id_t last_tag = load(l, U32, VYRE_ORDER_ACQUIRE, SYSTEM, at(l, slot, 60));
  vyre_expr_id_t is_empty = last_tag_differs(l, last_tag, lap_of(l, var(l, taken)));
  vyre_expr_id_t is_running = is(l, control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_ACQUIRE), VYRE_STOP_RUN);
  begin_if(l, both(l, both(l, is_empty, is_idle_now), is_running));
  vyre_build_sleep(b, at(l, l->shared, VYRE_SHARED_EVENT), var(l, seen));
  end(l);
  sleepers = at(l, l->shared, VYRE_SHARED_SLEEPERS);
  let(l, "after", vyre_build_raw_atomic_add(b, U32, VYRE_ORDER_SEQ_CST, sleepers, c32(l, UINT32_MAX)));
}

vyre_status_t vyre_megakernel_build(const vyre_loop_params_t *params, vyre_program_t **out_program) {
  bool is_direct = params->topology == VYRE_TOPOLOGY_DIRECT;
  vyre_builder_t builder;
  vyre_builder_init(&builder, is_direct ? "megakernel_direct" : "megakernel_dispatched", "", true);
  loop_t l = {.b = &builder,
              .sleeps = params->sleeps,
              .acquire = params->sleeps ? VYRE_ORDER_ACQUIRE : VYRE_ORDER_RELAXED,
              .release = params->sleeps ? VYRE_ORDER_RELEASE : VYRE_ORDER_RELAXED};
  vyre_loop_constants(&l);
  if (is_direct)
    vyre_loop_build_direct(&l);
  else
    vyre_loop_build_dispatched(&l);
  return vyre_builder_finish(&builder, out_program);
}
