#include "megakernel/loop.h"

#include "ir/builder.h"
#include "ir/frame.h"
#include "megakernel/protocol.h"

/* What the pieces of the loop share: the builder and the variables that hold constants of the launch. */
typedef struct loop {
  vyre_builder_t *b;
  vyre_var_id_t control, self, ring, completions, table, queue, windows, opcodes;
  vyre_var_id_t ring_mask, ring_shift, window_count, opcode_shift, spin_limit;
} loop_t;

/* Short names for this file only: the loop is read as code, not as calls. */
#define U32 VYRE_TYPE_U32
#define U64 VYRE_TYPE_U64
static vyre_expr_id_t var(loop_t *l, vyre_var_id_t v) { return vyre_build_var(l->b, v); }
static vyre_expr_id_t c32(loop_t *l, uint32_t value) { return vyre_build_const(l->b, U32, value); }
static vyre_expr_id_t c64(loop_t *l, uint64_t value) { return vyre_build_const(l->b, U64, value); }
static vyre_expr_id_t wide(loop_t *l, vyre_expr_id_t a) { return vyre_build_cast(l->b, U64, a); }
static vyre_expr_id_t op(loop_t *l, vyre_expr_op_t code, vyre_expr_id_t a, vyre_expr_id_t b) {
  return vyre_build_binary(l->b, code, a, b);
}
static vyre_expr_id_t add(loop_t *l, vyre_expr_id_t a, vyre_expr_id_t b) { return op(l, VYRE_EXPR_ADD, a, b); }
static vyre_expr_id_t at(loop_t *l, vyre_var_id_t base, uint32_t offset) {
  return offset ? add(l, var(l, base), c64(l, offset)) : var(l, base);
}
/* base + index * 2^shift, of a u32 index */
static vyre_expr_id_t element(loop_t *l, vyre_var_id_t base, vyre_expr_id_t index, unsigned shift) {
  return add(l, var(l, base), op(l, VYRE_EXPR_SHL, wide(l, index), c64(l, shift)));
}
static vyre_expr_id_t load32(loop_t *l, vyre_expr_id_t address) {
  return vyre_build_raw_load(l->b, U32, VYRE_ORDER_RELAXED, address);
}
static vyre_expr_id_t load64(loop_t *l, vyre_expr_id_t address) {
  return vyre_build_raw_load(l->b, U64, VYRE_ORDER_RELAXED, address);
}
static void store32(loop_t *l, vyre_expr_id_t address, vyre_expr_id_t value) {
  vyre_build_raw_store(l->b, U32, VYRE_ORDER_RELAXED, address, value);
}
static void store64(loop_t *l, vyre_expr_id_t address, vyre_expr_id_t value) {
  vyre_build_raw_store(l->b, U64, VYRE_ORDER_RELAXED, address, value);
}
static vyre_var_id_t let(loop_t *l, const char *name, vyre_expr_id_t value) {
  return vyre_build_let(l->b, name, value, false);
}
static vyre_var_id_t mutable(loop_t *l, const char *name, vyre_expr_id_t value) {
  return vyre_build_let(l->b, name, value, true);
}
static vyre_expr_id_t control_word(loop_t *l, uint32_t offset, vyre_type_t type, vyre_order_t order) {
  return vyre_build_raw_load(l->b, type, order, at(l, l->control, offset));
}

static void build_constants(loop_t *l) {
  l->control = let(l, "ctl", vyre_build_leaf(l->b, VYRE_EXPR_CONTROL));
  l->self = let(l, "self", vyre_build_leaf(l->b, VYRE_EXPR_FRAME));
  struct {
    vyre_var_id_t *out;
    const char *name;
    uint32_t offset;
    vyre_type_t type;
  } words[] = {
      {&l->ring, "ring", VYRE_CONTROL_RING, U64},
      {&l->completions, "completions", VYRE_CONTROL_COMPLETIONS, U64},
      {&l->table, "table", VYRE_CONTROL_TABLE, U64},
      {&l->queue, "queue", VYRE_CONTROL_QUEUE, U64},
      {&l->windows, "windows", VYRE_CONTROL_WINDOWS, U64},
      {&l->opcodes, "opcodes", VYRE_CONTROL_OPCODES, U64},
      {&l->ring_shift, "ring_shift", VYRE_CONTROL_RING_SHIFT, U32},
      {&l->window_count, "window_count", VYRE_CONTROL_WINDOW_COUNT, U32},
      {&l->opcode_shift, "opcode_shift", VYRE_CONTROL_OPCODE_SHIFT, U32},
      {&l->spin_limit, "spin_limit", VYRE_CONTROL_SPIN_LIMIT, U32},
  };
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
    *words[i].out = let(l, words[i].name, control_word(l, words[i].offset, words[i].type, VYRE_ORDER_RELAXED));
  l->ring_mask = let(l, "ring_mask",
                     op(l, VYRE_EXPR_SUB, op(l, VYRE_EXPR_SHL, c32(l, 1), var(l, l->ring_shift)), c32(l, 1)));
}

static void complete(loop_t *l, vyre_var_id_t completion, vyre_var_id_t tag, vyre_state_t state, vyre_expr_id_t low,
                     vyre_expr_id_t high) {
  vyre_build_store16(l->b, 0, VYRE_ORDER_RELEASE, var(l, completion),
                     (vyre_expr_id_t[4]){var(l, tag), c32(l, (uint32_t)state), low, high});
}

static void complete_fault(loop_t *l, vyre_var_id_t completion, vyre_var_id_t tag, vyre_fault_t fault) {
  complete(l, completion, tag, VYRE_STATE_FAULT, c32(l, fault), c32(l, 0));
}

/* Looks a window up: *base and *bytes are its address and length, 0 when the handle names none. The handle is given
 * twice, because an expression has one parent. */
static void build_window(loop_t *l, vyre_expr_id_t handle_for_range, vyre_expr_id_t handle, vyre_var_id_t *base,
                         vyre_var_id_t *bytes) {
  vyre_var_id_t known = mutable(l, "window_base", c64(l, 0));
  vyre_var_id_t size = mutable(l, "window_bytes", c64(l, 0));
  vyre_build_if(l->b, op(l, VYRE_EXPR_LT, handle_for_range, var(l, l->window_count)));
  vyre_var_id_t entry = let(l, "window", element(l, l->windows, handle, 5));
  vyre_build_assign(l->b, known, load64(l, at(l, entry, VYRE_WINDOW_BASE)));
  vyre_build_assign(l->b, size, load64(l, at(l, entry, VYRE_WINDOW_BYTES)));
  vyre_build_end(l->b);
  *base = known;
  *bytes = size;
}

/* STORE_U32 and LOAD_U32: checks the operand, then stores or loads. */
static void build_word_access(loop_t *l, bool is_store, vyre_var_id_t completion, vyre_var_id_t tag, vyre_var_id_t handle,
                              vyre_var_id_t offset, vyre_var_id_t value) {
  vyre_var_id_t base, bytes;
  build_window(l, var(l, handle), var(l, handle), &base, &bytes);
  vyre_build_if(l->b, op(l, VYRE_EXPR_EQ, var(l, base), c64(l, 0)));
  complete_fault(l, completion, tag, VYRE_FAULT_BAD_HANDLE);
  vyre_build_else(l->b);
  vyre_expr_id_t unaligned =
      op(l, VYRE_EXPR_NE, op(l, VYRE_EXPR_AND, var(l, offset), c32(l, 3)), c32(l, 0));
  vyre_expr_id_t outside =
      op(l, VYRE_EXPR_GT, add(l, wide(l, var(l, offset)), c64(l, 4)), var(l, bytes));
  vyre_build_if(l->b, op(l, VYRE_EXPR_LOGICAL_OR, unaligned, outside));
  complete_fault(l, completion, tag, VYRE_FAULT_BAD_RANGE);
  vyre_build_else(l->b);
  vyre_expr_id_t address = add(l, var(l, base), wide(l, var(l, offset)));
  if (is_store) {
    store32(l, address, var(l, value));
    complete(l, completion, tag, VYRE_STATE_DONE, c32(l, 0), c32(l, 0));
  } else {
    complete(l, completion, tag, VYRE_STATE_DONE, load32(l, address), c32(l, 0));
  }
  vyre_build_end(l->b);
  vyre_build_end(l->b);
}

typedef struct slot_vars {
  vyre_var_id_t opcode, arg[VYRE_SLOT_ARGS], cell, completion, tag;
} slot_vars_t;

/* A registered opcode: finds its record, fills the cell's table entry, pushes the cell. Each push is published by
 * itself, because another worker may be waiting for just this one. */
static void build_enqueue(loop_t *l, const slot_vars_t *s, vyre_var_id_t tail) {
  vyre_expr_id_t hashed = op(l, VYRE_EXPR_MUL, var(l, s->opcode), c32(l, VYRE_OPCODE_HASH));
  vyre_var_id_t probe = mutable(
      l, "probe", op(l, VYRE_EXPR_SHR, hashed, op(l, VYRE_EXPR_SUB, c32(l, 32), var(l, l->opcode_shift))));
  vyre_var_id_t record = mutable(l, "record", element(l, l->opcodes, var(l, probe), 4));
  vyre_var_id_t found = mutable(l, "found", load32(l, at(l, record, VYRE_OPCODE_CODE)));
  vyre_build_while(l->b, op(l, VYRE_EXPR_LOGICAL_AND, op(l, VYRE_EXPR_NE, var(l, found), c32(l, 0)),
                            op(l, VYRE_EXPR_NE, var(l, found), var(l, s->opcode))));
  vyre_expr_id_t mask = op(l, VYRE_EXPR_SUB, op(l, VYRE_EXPR_SHL, c32(l, 1), var(l, l->opcode_shift)), c32(l, 1));
  vyre_build_assign(l->b, probe, op(l, VYRE_EXPR_AND, add(l, var(l, probe), c32(l, 1)), mask));
  vyre_build_assign(l->b, record, element(l, l->opcodes, var(l, probe), 4));
  vyre_build_assign(l->b, found, load32(l, at(l, record, VYRE_OPCODE_CODE)));
  vyre_build_end(l->b);

  vyre_build_if(l->b, op(l, VYRE_EXPR_EQ, var(l, found), c32(l, 0)));
  complete_fault(l, s->completion, s->tag, VYRE_FAULT_UNKNOWN_OPCODE);
  vyre_build_else(l->b);
  vyre_var_id_t entry = let(l, "entry", element(l, l->table, var(l, s->cell), 6));
  store32(l, at(l, entry, VYRE_ENTRY_HANDLER), load32(l, at(l, record, VYRE_OPCODE_HANDLER)));
  store32(l, at(l, entry, VYRE_ENTRY_OUTPUT_BYTES), load32(l, at(l, record, VYRE_OPCODE_OUTPUT_BYTES)));
  store32(l, at(l, entry, VYRE_ENTRY_ELEMENT_BYTES), load32(l, at(l, record, VYRE_OPCODE_ELEMENT_BYTES)));
  store32(l, at(l, entry, VYRE_ENTRY_TAG), var(l, s->tag));
  for (uint32_t i = 0; i < VYRE_SLOT_ARGS; i++)
    store32(l, at(l, entry, VYRE_ENTRY_ARG0 + 4 * i), var(l, s->arg[i]));
  vyre_expr_id_t index =
      op(l, VYRE_EXPR_AND, vyre_build_cast(l->b, U32, var(l, tail)), var(l, l->ring_mask));
  store32(l, element(l, l->queue, index, 2), var(l, s->cell));
  vyre_build_assign(l->b, tail, add(l, var(l, tail), c64(l, 1)));
  vyre_build_raw_store(l->b, U64, VYRE_ORDER_RELEASE, at(l, l->control, VYRE_CONTROL_QUEUE_TAIL), var(l, tail));
  vyre_build_end(l->b);
}

/* Reads the slot of `ticket`; leaves the enclosing loop when it is not published. */
static void build_read_slot(loop_t *l, vyre_var_id_t ticket, slot_vars_t *s) {
  static const char *const names[4][4] = {{"opcode", "who", "arg0", "tag0"},
                                          {"arg1", "arg2", "arg3", "tag1"},
                                          {"arg4", "arg5", "arg6", "tag2"},
                                          {"arg7", "arg8", "arg9", "tag3"}};
  vyre_expr_id_t index =
      op(l, VYRE_EXPR_AND, vyre_build_cast(l->b, U32, var(l, ticket)), var(l, l->ring_mask));
  vyre_var_id_t slot = let(l, "slot", element(l, l->ring, index, 6));
  vyre_expr_id_t laps = op(l, VYRE_EXPR_SHR, var(l, ticket), wide(l, var(l, l->ring_shift)));
  vyre_var_id_t lap = let(l, "lap", add(l, vyre_build_cast(l->b, U32, laps), c32(l, 1)));
  vyre_var_id_t words[4][4];
  for (uint32_t quarter = 0; quarter < 4; quarter++) {
    vyre_build_load16(l->b, 3, VYRE_ORDER_ACQUIRE, names[quarter], at(l, slot, 16 * quarter), words[quarter]);
    vyre_expr_id_t tag = var(l, words[quarter][3]);
    vyre_expr_id_t wanted = var(l, lap);
    if (quarter == 3) {
      tag = op(l, VYRE_EXPR_SHR, tag, c32(l, 16));
      wanted = op(l, VYRE_EXPR_AND, wanted, c32(l, 0xFFFF));
    }
    vyre_build_if(l->b, op(l, VYRE_EXPR_NE, tag, wanted));
    vyre_build_plain(l->b, VYRE_STMT_BREAK);
    vyre_build_end(l->b);
  }
  s->opcode = words[0][0];
  s->arg[0] = words[0][2];
  for (uint32_t i = 1; i < VYRE_SLOT_ARGS; i++) s->arg[i] = words[1 + (i - 1) / 3][(i - 1) % 3];
  s->cell = let(l, "cell", op(l, VYRE_EXPR_AND, var(l, words[3][3]), c32(l, 0xFFFF)));
  s->completion = let(l, "completion", element(l, l->completions, var(l, s->cell), 6));
  s->tag = let(l, "done_tag", add(l, vyre_build_cast(l->b, U32, var(l, ticket)), c32(l, 1)));
}

static vyre_expr_id_t slot_ahead(loop_t *l, vyre_var_id_t ticket, uint32_t distance) {
  vyre_expr_id_t index = add(l, vyre_build_cast(l->b, U32, var(l, ticket)), c32(l, distance));
  return element(l, l->ring, op(l, VYRE_EXPR_AND, index, var(l, l->ring_mask)), 6);
}

/* Once a batch holds more than one slot there is a backlog: the lines of the slots to come are asked for early. Not
 * before, since a line that is taken away from its producer comes back to it late. */
static void build_prefetch(loop_t *l, vyre_var_id_t first, vyre_var_id_t ticket) {
  vyre_build_if(l->b, op(l, VYRE_EXPR_NE, var(l, ticket), var(l, first)));
  vyre_build_prefetch(l->b, VYRE_STMT_PREFETCH, slot_ahead(l, ticket, VYRE_PREFETCH_SLOTS));
  /* Half way there the slot is in reach, and its last word names its cell: the completion's line is asked for. A stale
   * word names some other cell, which costs a useless hint. */
  vyre_expr_id_t last_word = add(l, slot_ahead(l, ticket, VYRE_PREFETCH_SLOTS / 2), c64(l, 60));
  vyre_expr_id_t cell = op(l, VYRE_EXPR_AND, load32(l, last_word), c32(l, 0xFFFF));
  vyre_build_prefetch(l->b, VYRE_STMT_PREFETCH_WRITE, element(l, l->completions, cell, 6));
  vyre_build_end(l->b);
}

static void build_opcode_if(loop_t *l, const slot_vars_t *s, uint32_t opcode) {
  vyre_build_if(l->b, op(l, VYRE_EXPR_EQ, var(l, s->opcode), c32(l, opcode)));
}

/* The dispatcher's batch. `worked` becomes true when a slot was taken. */
static void build_dispatch(loop_t *l, vyre_var_id_t worked) {
  vyre_builder_t *b = l->b;
  vyre_expr_id_t is_free =
      op(l, VYRE_EXPR_EQ, control_word(l, VYRE_CONTROL_LOCK, U32, VYRE_ORDER_RELAXED), c32(l, 0));
  vyre_expr_id_t got = op(l, VYRE_EXPR_EQ,
                          vyre_build_atomic_cas(b, U32, VYRE_ORDER_ACQUIRE, at(l, l->control, VYRE_CONTROL_LOCK),
                                                c32(l, 0), c32(l, 1)),
                          c32(l, 0));
  vyre_build_if(b, op(l, VYRE_EXPR_LOGICAL_AND, is_free, got));
  vyre_var_id_t first = let(l, "first", control_word(l, VYRE_CONTROL_TAKEN, U64, VYRE_ORDER_RELAXED));
  vyre_var_id_t ticket = mutable(l, "ticket", var(l, first));
  vyre_var_id_t tail = mutable(l, "tail", control_word(l, VYRE_CONTROL_QUEUE_TAIL, U64, VYRE_ORDER_RELAXED));
  vyre_expr_id_t budget = c64(l, VYRE_DISPATCH_BATCH);
  vyre_build_while(b, op(l, VYRE_EXPR_LT, op(l, VYRE_EXPR_SUB, var(l, ticket), var(l, first)), budget));
  build_prefetch(l, first, ticket);
  slot_vars_t s;
  build_read_slot(l, ticket, &s);
  vyre_build_assign(b, ticket, add(l, var(l, ticket), c64(l, 1)));
  build_opcode_if(l, &s, (uint32_t)VYRE_OPCODE_NOP);
  complete(l, s.completion, s.tag, VYRE_STATE_DONE, c32(l, 0), c32(l, 0));
  vyre_build_else(b);
  build_opcode_if(l, &s, (uint32_t)VYRE_OPCODE_STORE_U32);
  build_word_access(l, true, s.completion, s.tag, s.arg[0], s.arg[1], s.arg[2]);
  vyre_build_else(b);
  build_opcode_if(l, &s, (uint32_t)VYRE_OPCODE_LOAD_U32);
  build_word_access(l, false, s.completion, s.tag, s.arg[0], s.arg[1], s.arg[2]);
  vyre_build_else(b);
  build_opcode_if(l, &s, (uint32_t)VYRE_OPCODE_SHUTDOWN);
  vyre_expr_id_t stop = at(l, l->control, VYRE_CONTROL_STOP);
  vyre_expr_id_t finish = c32(l, VYRE_STOP_FINISH);
  vyre_build_let(b, "was", vyre_build_atomic_cas(b, U32, VYRE_ORDER_ACQ_REL, stop, c32(l, VYRE_STOP_RUN), finish), false);
  complete(l, s.completion, s.tag, VYRE_STATE_DONE, c32(l, 0), c32(l, 0));
  vyre_build_plain(b, VYRE_STMT_BREAK);
  vyre_build_else(b);
  build_enqueue(l, &s, tail);
  for (int i = 0; i < 4; i++) vyre_build_end(b); /* the four opcode tests */
  vyre_build_end(b);                             /* while */
  vyre_build_if(b, op(l, VYRE_EXPR_NE, var(l, ticket), var(l, first)));
  vyre_build_raw_store(b, U64, VYRE_ORDER_RELEASE, at(l, l->control, VYRE_CONTROL_TAKEN), var(l, ticket));
  vyre_build_assign(b, worked, vyre_build_const(b, VYRE_TYPE_BOOL, 1));
  vyre_build_end(b);
  vyre_build_raw_store(b, U32, VYRE_ORDER_RELEASE, at(l, l->control, VYRE_CONTROL_LOCK), c32(l, 0));
  vyre_build_end(b); /* if the lock was taken */
}

static vyre_expr_id_t entry_arg(loop_t *l, vyre_var_id_t entry, uint32_t index) {
  return load32(l, at(l, entry, VYRE_ENTRY_ARG0 + 4 * index));
}

static vyre_expr_id_t entry_arg64(loop_t *l, vyre_var_id_t entry, uint32_t low_index) {
  vyre_expr_id_t low = wide(l, entry_arg(l, entry, low_index));
  vyre_expr_id_t high = wide(l, entry_arg(l, entry, low_index + 1));
  return op(l, VYRE_EXPR_OR, low, op(l, VYRE_EXPR_SHL, high, c64(l, 32)));
}

static void set_fault(loop_t *l, vyre_var_id_t fault, vyre_expr_id_t condition, vyre_fault_t value) {
  vyre_expr_id_t none = op(l, VYRE_EXPR_EQ, var(l, fault), c32(l, 0));
  vyre_build_if(l->b, op(l, VYRE_EXPR_LOGICAL_AND, none, condition));
  vyre_build_assign(l->b, fault, c32(l, value));
  vyre_build_end(l->b);
}

/* offset + size fits into bytes, without overflow: offset <= bytes && size <= bytes - offset; negated */
static vyre_expr_id_t outside(loop_t *l, vyre_var_id_t offset, vyre_var_id_t size, vyre_var_id_t bytes) {
  vyre_expr_id_t beyond = op(l, VYRE_EXPR_GT, var(l, offset), var(l, bytes));
  vyre_expr_id_t rest = op(l, VYRE_EXPR_SUB, var(l, bytes), var(l, offset));
  return op(l, VYRE_EXPR_LOGICAL_OR, beyond, op(l, VYRE_EXPR_GT, var(l, size), rest));
}

/* address and size (one or'ed) have bits below `multiple`, a power of two or 0 for "any" */
static vyre_expr_id_t misaligned(loop_t *l, vyre_expr_id_t bits, vyre_expr_id_t multiple) {
  vyre_expr_id_t mask = op(l, VYRE_EXPR_SUB, op(l, VYRE_EXPR_MAX, multiple, c64(l, 1)), c64(l, 1));
  return op(l, VYRE_EXPR_NE, op(l, VYRE_EXPR_AND, bits, mask), c64(l, 0));
}

/* Checks the operands of the popped slot, fills the call frame, calls, completes. */
static void build_execute(loop_t *l, vyre_var_id_t cell) {
  vyre_builder_t *b = l->b;
  vyre_var_id_t entry = let(l, "entry", element(l, l->table, var(l, cell), 6));
  vyre_var_id_t completion = let(l, "completion", element(l, l->completions, var(l, cell), 6));
  vyre_var_id_t tag = let(l, "done_tag", load32(l, at(l, entry, VYRE_ENTRY_TAG)));
  vyre_var_id_t frame = let(l, "call_frame", at(l, l->self, VYRE_WORKER_CALL_FRAME));
  vyre_var_id_t fault = mutable(l, "fault", c32(l, 0));
  vyre_var_id_t place = mutable(l, "place", c32(l, 0));

  vyre_var_id_t size = let(l, "data_bytes", wide(l, entry_arg(l, entry, VYRE_ARG_DATA_BYTES)));
  vyre_var_id_t offset = let(l, "data_offset", entry_arg64(l, entry, VYRE_ARG_DATA_OFFSET_LOW));
  vyre_var_id_t base, bytes;
  build_window(l, entry_arg(l, entry, VYRE_ARG_DATA_WINDOW), entry_arg(l, entry, VYRE_ARG_DATA_WINDOW), &base, &bytes);
  vyre_expr_id_t no_base = op(l, VYRE_EXPR_EQ, var(l, base), c64(l, 0));
  vyre_expr_id_t has_bytes = op(l, VYRE_EXPR_NE, var(l, size), c64(l, 0));
  set_fault(l, fault, op(l, VYRE_EXPR_LOGICAL_AND, no_base, has_bytes), VYRE_FAULT_BAD_HANDLE);
  set_fault(l, fault, outside(l, offset, size, bytes), VYRE_FAULT_BAD_RANGE);
  vyre_var_id_t data = let(l, "data", add(l, var(l, base), var(l, offset)));
  set_fault(l, fault,
            misaligned(l, op(l, VYRE_EXPR_OR, var(l, data), var(l, size)),
                       wide(l, load32(l, at(l, entry, VYRE_ENTRY_ELEMENT_BYTES)))),
            VYRE_FAULT_BAD_RANGE);

  vyre_var_id_t out_size = let(l, "output_bytes", wide(l, load32(l, at(l, entry, VYRE_ENTRY_OUTPUT_BYTES))));
  vyre_var_id_t out_offset = let(l, "output_offset", wide(l, entry_arg(l, entry, VYRE_ARG_OUTPUT_OFFSET)));
  vyre_var_id_t out_base, out_bytes;
  build_window(l, entry_arg(l, entry, VYRE_ARG_OUTPUT_WINDOW), entry_arg(l, entry, VYRE_ARG_OUTPUT_WINDOW), &out_base,
            &out_bytes);
  vyre_expr_id_t no_out = op(l, VYRE_EXPR_EQ, var(l, out_base), c64(l, 0));
  vyre_expr_id_t has_out = op(l, VYRE_EXPR_NE, var(l, out_size), c64(l, 0));
  set_fault(l, fault, op(l, VYRE_EXPR_LOGICAL_AND, no_out, has_out), VYRE_FAULT_BAD_HANDLE);
  set_fault(l, fault, op(l, VYRE_EXPR_LOGICAL_AND, op(l, VYRE_EXPR_NE, var(l, out_size), c64(l, 0)),
                         outside(l, out_offset, out_size, out_bytes)),
            VYRE_FAULT_BAD_RANGE);
  vyre_var_id_t out = let(l, "output", add(l, var(l, out_base), var(l, out_offset)));
  set_fault(l, fault, misaligned(l, var(l, out), c64(l, 8)), VYRE_FAULT_BAD_RANGE);
  vyre_var_id_t flags = let(l, "flags", entry_arg(l, entry, VYRE_ARG_FLAGS));
  vyre_expr_id_t odd_flags = op(l, VYRE_EXPR_GT, var(l, flags), c32(l, VYRE_FRAME_IS_LAST));
  vyre_expr_id_t odd_reserved = op(l, VYRE_EXPR_NE, entry_arg(l, entry, VYRE_ARG_RESERVED), c32(l, 0));
  set_fault(l, fault, op(l, VYRE_EXPR_LOGICAL_OR, odd_flags, odd_reserved), VYRE_FAULT_BAD_ARGUMENT);

  vyre_build_if(b, op(l, VYRE_EXPR_EQ, var(l, fault), c32(l, 0)));
  store64(l, at(l, frame, offsetof(vyre_frame_t, data)), var(l, data));
  store64(l, at(l, frame, offsetof(vyre_frame_t, data_bytes)), var(l, size));
  store64(l, at(l, frame, offsetof(vyre_frame_t, stream_offset)), entry_arg64(l, entry, VYRE_ARG_STREAM_OFFSET_LOW));
  store64(l, at(l, frame, offsetof(vyre_frame_t, output)), var(l, out));
  store32(l, at(l, frame, offsetof(vyre_frame_t, flags)), var(l, flags));
  store32(l, at(l, l->self, VYRE_WORKER_RUNNING), add(l, var(l, cell), c32(l, 1)));
  vyre_build_call(b, load32(l, at(l, entry, VYRE_ENTRY_HANDLER)), var(l, frame));
  store32(l, at(l, l->self, VYRE_WORKER_RUNNING), c32(l, 0));
  vyre_build_assign(b, fault, load32(l, at(l, frame, offsetof(vyre_frame_t, fault))));
  vyre_build_assign(b, place, load32(l, at(l, frame, offsetof(vyre_frame_t, fault_position))));
  vyre_build_end(b);

  vyre_build_if(b, op(l, VYRE_EXPR_EQ, var(l, fault), c32(l, 0)));
  complete(l, completion, tag, VYRE_STATE_DONE, c32(l, 0), c32(l, 0));
  vyre_build_else(b);
  complete(l, completion, tag, VYRE_STATE_FAULT, var(l, fault), var(l, place));
  vyre_build_end(b);
}

/* Pops one cell of the run queue and executes it. */
static void build_pop(loop_t *l, vyre_var_id_t worked) {
  vyre_builder_t *b = l->b;
  vyre_var_id_t head = let(l, "head", control_word(l, VYRE_CONTROL_QUEUE_HEAD, U64, VYRE_ORDER_ACQUIRE));
  vyre_build_if(b, op(l, VYRE_EXPR_NE, control_word(l, VYRE_CONTROL_QUEUE_TAIL, U64, VYRE_ORDER_ACQUIRE), var(l, head)));
  /* The entry is read before it is claimed: should the queue have gone round meanwhile, the claim fails. */
  vyre_expr_id_t index = op(l, VYRE_EXPR_AND, vyre_build_cast(b, U32, var(l, head)), var(l, l->ring_mask));
  vyre_var_id_t cell = let(l, "cell", load32(l, element(l, l->queue, index, 2)));
  vyre_expr_id_t claimed = vyre_build_atomic_cas(b, U64, VYRE_ORDER_ACQ_REL, at(l, l->control, VYRE_CONTROL_QUEUE_HEAD),
                                                 var(l, head), add(l, var(l, head), c64(l, 1)));
  vyre_build_if(b, op(l, VYRE_EXPR_EQ, claimed, var(l, head)));
  vyre_build_assign(b, worked, vyre_build_const(b, VYRE_TYPE_BOOL, 1));
  build_execute(l, cell);
  vyre_build_end(b);
  vyre_build_end(b);
}

/* Sleep: announce it, order the announcement before a last look, look, sleep. A publisher writes its slot and then
 * looks for sleepers; heavy_fence makes one of the two see the other. */
static void build_sleep(loop_t *l) {
  vyre_builder_t *b = l->b;
  vyre_var_id_t seen = let(l, "seen", control_word(l, VYRE_CONTROL_EVENT, U32, VYRE_ORDER_ACQUIRE));
  vyre_build_let(b, "before", vyre_build_atomic_add(b, U32, VYRE_ORDER_SEQ_CST, at(l, l->control, VYRE_CONTROL_SLEEPERS), c32(l, 1)), false);
  vyre_build_plain(b, VYRE_STMT_HEAVY_FENCE);
  vyre_var_id_t taken = let(l, "next_ticket", control_word(l, VYRE_CONTROL_TAKEN, U64, VYRE_ORDER_ACQUIRE));
  vyre_expr_id_t index = op(l, VYRE_EXPR_AND, vyre_build_cast(b, U32, var(l, taken)), var(l, l->ring_mask));
  vyre_var_id_t slot = let(l, "next_slot", element(l, l->ring, index, 6));
  vyre_expr_id_t laps = op(l, VYRE_EXPR_SHR, var(l, taken), wide(l, var(l, l->ring_shift)));
  vyre_expr_id_t lap = add(l, vyre_build_cast(b, U32, laps), c32(l, 1));
  /* The last quarter is written last: its tag alone tells that the slot is complete. */
  vyre_expr_id_t last_tag = vyre_build_raw_load(b, U32, VYRE_ORDER_ACQUIRE, at(l, slot, 60));
  vyre_expr_id_t is_empty = op(l, VYRE_EXPR_NE, op(l, VYRE_EXPR_SHR, last_tag, c32(l, 16)),
                               op(l, VYRE_EXPR_AND, lap, c32(l, 0xFFFF)));
  vyre_expr_id_t is_idle = op(l, VYRE_EXPR_EQ, control_word(l, VYRE_CONTROL_QUEUE_HEAD, U64, VYRE_ORDER_ACQUIRE),
                              control_word(l, VYRE_CONTROL_QUEUE_TAIL, U64, VYRE_ORDER_ACQUIRE));
  vyre_expr_id_t is_running =
      op(l, VYRE_EXPR_EQ, control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_ACQUIRE), c32(l, VYRE_STOP_RUN));
  vyre_build_if(b, op(l, VYRE_EXPR_LOGICAL_AND, op(l, VYRE_EXPR_LOGICAL_AND, is_empty, is_idle), is_running));
  vyre_build_sleep(b, at(l, l->control, VYRE_CONTROL_EVENT), var(l, seen));
  vyre_build_end(b);
  vyre_build_let(b, "after", vyre_build_atomic_add(b, U32, VYRE_ORDER_SEQ_CST, at(l, l->control, VYRE_CONTROL_SLEEPERS), c32(l, UINT32_MAX)), false);
}

static void build_idle(loop_t *l, vyre_var_id_t worked, vyre_var_id_t idle_rounds) {
  vyre_builder_t *b = l->b;
  vyre_build_if(b, vyre_build_unary(b, VYRE_EXPR_LOGICAL_NOT, var(l, worked)));
  vyre_build_if(b, op(l, VYRE_EXPR_NE, vyre_build_leaf(b, VYRE_EXPR_PUMP), c32(l, 0)));
  vyre_build_assign(b, worked, vyre_build_const(b, VYRE_TYPE_BOOL, 1));
  vyre_build_end(b);
  vyre_build_end(b);
  vyre_build_if(b, var(l, worked));
  vyre_build_assign(b, idle_rounds, c32(l, 0));
  vyre_build_else(b);
  vyre_build_assign(b, idle_rounds, add(l, var(l, idle_rounds), c32(l, 1)));
  vyre_build_if(b, op(l, VYRE_EXPR_LT, var(l, idle_rounds), var(l, l->spin_limit)));
  vyre_build_plain(b, VYRE_STMT_PAUSE);
  vyre_build_else(b);
  build_sleep(l);
  vyre_build_end(b);
  vyre_build_end(b);
}

vyre_status_t vyre_megakernel_build_direct(vyre_program_t **out_program) {
  vyre_builder_t builder;
  vyre_builder_init(&builder, "megakernel_direct", "", true);
  loop_t l = {.b = &builder};
  build_constants(&l);
  vyre_var_id_t idle_rounds = mutable(&l, "idle_rounds", c32(&l, 0));
  vyre_var_id_t beats = mutable(&l, "beats", c64(&l, 0));
  vyre_build_forever(&builder);
  vyre_build_assign(&builder, beats, add(&l, var(&l, beats), c64(&l, 1)));
  store64(&l, at(&l, l.self, VYRE_WORKER_HEARTBEAT), var(&l, beats));
  vyre_var_id_t stop = let(&l, "stop", control_word(&l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_ACQUIRE));
  vyre_build_if(&builder, op(&l, VYRE_EXPR_GE, var(&l, stop), c32(&l, VYRE_STOP_NOW)));
  vyre_build_plain(&builder, VYRE_STMT_RETURN);
  vyre_build_end(&builder);
  vyre_var_id_t worked = mutable(&l, "worked", vyre_build_const(&builder, VYRE_TYPE_BOOL, 0));
  vyre_build_if(&builder, op(&l, VYRE_EXPR_EQ, var(&l, stop), c32(&l, VYRE_STOP_RUN)));
  build_dispatch(&l, worked);
  vyre_build_end(&builder);
  build_pop(&l, worked);
  /* SHUTDOWN: everything before it was pushed before STOP was set, so an empty queue means that all of it has begun. */
  vyre_build_if(&builder, op(&l, VYRE_EXPR_LOGICAL_AND, op(&l, VYRE_EXPR_NE, var(&l, stop), c32(&l, VYRE_STOP_RUN)),
                             vyre_build_unary(&builder, VYRE_EXPR_LOGICAL_NOT, var(&l, worked))));
  vyre_expr_id_t is_empty =
      op(&l, VYRE_EXPR_EQ, control_word(&l, VYRE_CONTROL_QUEUE_HEAD, U64, VYRE_ORDER_ACQUIRE),
         control_word(&l, VYRE_CONTROL_QUEUE_TAIL, U64, VYRE_ORDER_ACQUIRE));
  vyre_build_if(&builder, is_empty);
  vyre_build_plain(&builder, VYRE_STMT_RETURN);
  vyre_build_end(&builder);
  vyre_build_end(&builder);
  build_idle(&l, worked, idle_rounds);
  vyre_build_end(&builder);
  return vyre_builder_finish(&builder, out_program);
}
