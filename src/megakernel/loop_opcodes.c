/* The built-in opcodes, but for what takes the fast path (NOP, STORE_U32 and LOAD_U32 that want no clocks): the
 * dispatcher carries them out one by one, in the order of tickets. Their arguments are read where the slot lies. */
#include "megakernel/loop_parts.h"

enum { COPY_STRIP_BYTES = 1 << 20 /* between two looks at the stop word: some 0.1 ms */ };

typedef struct place {
  vyre_var_id_t handle, offset, bytes; /* u32, u64, u64 */
} place_t;

/* What is being carried out. */
typedef struct builtin {
  const vyre_loop_slot_t *slot;
  vyre_var_id_t fault, low, high; /* u32; of a fault `high` is its place */
  vyre_var_id_t is_open;          /* bool: it completes later */
} builtin_t;

static vyre_expr_id_t arg(loop_t *l, const vyre_loop_slot_t *s, uint32_t index) {
  return load32(l, s->scope, at(l, s->address, vyre_slot_arg_offset(index)));
}

static vyre_expr_id_t arg64(loop_t *l, const vyre_loop_slot_t *s, uint32_t low) {
  vyre_expr_id_t high = op(l, VYRE_EXPR_SHL, wide(l, arg(l, s, low + 1)), c64(l, 32));
  return op(l, VYRE_EXPR_OR, wide(l, arg(l, s, low)), high);
}

/* The address of a place in a window; a fault unless all of it lies there, from a multiple of `align` on. A
 * read-modify-write is not for the host's memory: a GPU loses updates of it. */
static vyre_var_id_t find_place(loop_t *l, vyre_var_id_t fault, const place_t *p, uint32_t align, bool is_update) {
  vyre_loop_window_t w = vyre_loop_window(l, var(l, p->handle), var(l, p->handle));
  vyre_loop_set_fault(l, fault, op(l, VYRE_EXPR_EQ, var(l, w.base), c64(l, 0)), VYRE_FAULT_BAD_HANDLE);
  vyre_loop_set_fault(l, fault, vyre_loop_outside(l, p->offset, p->bytes, w.bytes), VYRE_FAULT_BAD_RANGE);
  if (align > 1) {
    vyre_expr_id_t low_bits = op(l, VYRE_EXPR_AND, var(l, p->offset), c64(l, align - 1));
    vyre_loop_set_fault(l, fault, op(l, VYRE_EXPR_NE, low_bits, c64(l, 0)), VYRE_FAULT_BAD_RANGE);
  }
  if (is_update) vyre_loop_set_fault(l, fault, is_not(l, var(l, w.is_host), 0), VYRE_FAULT_HOST_MEMORY);
  return let(l, "place", add(l, var(l, w.base), var(l, p->offset)));
}

/* ---- words ---- */

/* One of the operations on a word, given its operands; they are built once. */
static void build_word(loop_t *l, vyre_var_id_t fault, vyre_var_id_t result, uint32_t opcode, const place_t *p,
                       vyre_expr_id_t first, vyre_expr_id_t second) {
  bool is_update = opcode == VYRE_OPCODE_ATOMIC_ADD || opcode == VYRE_OPCODE_COMPARE_SWAP;
  vyre_var_id_t address = find_place(l, fault, p, 4, is_update);
  begin_if(l, is(l, var(l, fault), 0));
  switch (opcode) {
    case VYRE_OPCODE_ATOMIC_ADD:
      set(l, result, vyre_build_raw_atomic_add(l->b, U32, VYRE_ORDER_RELAXED, var(l, address), first));
      break;
    case VYRE_OPCODE_COMPARE_SWAP:
      set(l, result, vyre_build_raw_atomic_cas(l->b, U32, VYRE_ORDER_RELAXED, var(l, address), first, second));
      break;
    case VYRE_OPCODE_STORE_U32: store32(l, SYSTEM, var(l, address), first); break;
    default: set(l, result, load32(l, SYSTEM, var(l, address))); break;
  }
  end(l);
}

static place_t word_place(loop_t *l, vyre_expr_id_t handle, vyre_expr_id_t offset) {
  return (place_t){let(l, "handle", handle), let(l, "offset", offset), let(l, "bytes", c64(l, 4))};
}

static void build_access(loop_t *l, const builtin_t *b, uint32_t opcode) {
  const vyre_loop_slot_t *s = b->slot;
  begin_if(l, is(l, var(l, s->opcode), opcode));
  place_t p = word_place(l, arg(l, s, 0), wide(l, arg(l, s, 1)));
  vyre_expr_id_t first = opcode == VYRE_OPCODE_LOAD_U32 ? 0 : arg(l, s, 2);
  vyre_expr_id_t second = opcode == VYRE_OPCODE_COMPARE_SWAP ? arg(l, s, 3) : 0;
  build_word(l, b->fault, b->low, opcode, &p, first, second);
  end(l);
}

/* The table is [state][256] of u32. */
static void build_dfa_step(loop_t *l, const builtin_t *b) {
  const vyre_loop_slot_t *s = b->slot;
  begin_if(l, is(l, var(l, s->opcode), VYRE_OPCODE_DFA_STEP));
  vyre_var_id_t byte = let(l, "byte", arg(l, s, 3));
  vyre_loop_set_fault(l, b->fault, op(l, VYRE_EXPR_GT, var(l, byte), c32(l, 255)), VYRE_FAULT_BAD_ARGUMENT);
  vyre_expr_id_t row = op(l, VYRE_EXPR_SHL, wide(l, arg(l, s, 2)), c64(l, 8));
  vyre_expr_id_t index = op(l, VYRE_EXPR_SHL, op(l, VYRE_EXPR_OR, row, wide(l, var(l, byte))), c64(l, 2));
  place_t p = word_place(l, arg(l, s, 0), add(l, wide(l, arg(l, s, 1)), index));
  build_word(l, b->fault, b->low, VYRE_OPCODE_LOAD_U32, &p, 0, 0);
  end(l);
}

/* ---- copies ---- */

typedef struct copy {
  vyre_var_id_t to, from, bytes; /* u64 */
} copy_t;

static copy_t find_copy(loop_t *l, const vyre_loop_slot_t *s, vyre_var_id_t fault) {
  copy_t c = {.bytes = let(l, "bytes", wide(l, arg(l, s, 6)))};
  place_t from = {let(l, "from_handle", arg(l, s, 0)), let(l, "from_offset", arg64(l, s, 1)), c.bytes};
  place_t to = {let(l, "to_handle", arg(l, s, 3)), let(l, "to_offset", arg64(l, s, 4)), c.bytes};
  c.from = find_place(l, fault, &from, 1, false);
  c.to = find_place(l, fault, &to, 1, false);
  vyre_expr_id_t to_begins = op(l, VYRE_EXPR_LT, var(l, c.to), add(l, var(l, c.from), var(l, c.bytes)));
  vyre_expr_id_t from_begins = op(l, VYRE_EXPR_LT, var(l, c.from), add(l, var(l, c.to), var(l, c.bytes)));
  vyre_loop_set_fault(l, fault, both(l, to_begins, from_begins), VYRE_FAULT_BAD_RANGE); /* they overlap */
  return c;
}

static void build_copy(loop_t *l, const builtin_t *b) {
  const vyre_loop_slot_t *s = b->slot;
  begin_if(l, is(l, var(l, s->opcode), VYRE_OPCODE_MEMCPY));
  copy_t c = find_copy(l, s, b->fault);
  begin_if(l, is(l, var(l, b->fault), 0));
  vyre_build_raw_copy(l->b, var(l, c.to), var(l, c.from), var(l, c.bytes));
  set(l, b->low, narrow(l, var(l, c.bytes)));
  end(l);
  end(l);
}

vyre_expr_id_t vyre_loop_is_long_copy(loop_t *l, vyre_var_id_t opcode, vyre_expr_id_t bytes) {
  return both(l, is(l, var(l, opcode), VYRE_OPCODE_MEMCPY), op(l, VYRE_EXPR_GT, bytes, c32(l, VYRE_COPY_INLINE_BYTES)));
}

void vyre_loop_copy(loop_t *l, const vyre_loop_order_t *o, vyre_var_id_t fault, vyre_var_id_t copied) {
  vyre_loop_slot_t s = {.scope = o->scope, .address = o->entry};
  copy_t c = find_copy(l, &s, fault);
  vyre_var_id_t done = mutable(l, "done", c64(l, 0));
  vyre_expr_id_t goes_on =
      op(l, VYRE_EXPR_LT, control_word(l, VYRE_CONTROL_STOP, U32, VYRE_ORDER_RELAXED), c32(l, VYRE_STOP_NOW));
  vyre_expr_id_t is_left = op(l, VYRE_EXPR_LT, var(l, done), var(l, c.bytes));
  vyre_build_while(l->b, both(l, both(l, is(l, var(l, fault), 0), is_left), goes_on));
  vyre_expr_id_t rest = op(l, VYRE_EXPR_SUB, var(l, c.bytes), var(l, done));
  vyre_var_id_t strip = let(l, "strip", op(l, VYRE_EXPR_MIN, rest, c64(l, COPY_STRIP_BYTES)));
  vyre_build_raw_copy(l->b, add(l, var(l, c.to), var(l, done)), add(l, var(l, c.from), var(l, done)), var(l, strip));
  set(l, done, add(l, var(l, done), var(l, strip)));
  end(l);
  vyre_loop_set_fault(l, fault, op(l, VYRE_EXPR_LT, var(l, done), var(l, c.bytes)), VYRE_FAULT_CANCELLED);
  set(l, copied, narrow(l, var(l, done)));
}

/* ---- the log ---- */

/* A record of two quarters, which its reader finds complete by their tags; or one more that was lost. */
static void build_printf(loop_t *l, const builtin_t *b) {
  const vyre_loop_slot_t *s = b->slot;
  begin_if(l, is(l, var(l, s->opcode), VYRE_OPCODE_PRINTF));
  vyre_var_id_t cursor = let(l, "cursor", control_word(l, VYRE_CONTROL_LOG_CURSOR, U64, VYRE_ORDER_RELAXED));
  vyre_var_id_t mask = let(l, "log_mask", control_word(l, VYRE_CONTROL_LOG_MASK, U32, VYRE_ORDER_RELAXED));
  vyre_expr_id_t read = load(l, U64, VYRE_ORDER_ACQUIRE, SYSTEM, at(l, l->shared, VYRE_SHARED_LOG_READ));
  vyre_expr_id_t unread = op(l, VYRE_EXPR_SUB, var(l, cursor), read);
  begin_if(l, op(l, VYRE_EXPR_GT, unread, wide(l, var(l, mask))));
  vyre_expr_id_t lost = load64(l, SYSTEM, at(l, l->shared, VYRE_SHARED_LOG_LOST));
  store64(l, SYSTEM, at(l, l->shared, VYRE_SHARED_LOG_LOST), add(l, lost, c64(l, 1)));
  vyre_build_else(l->b);
  vyre_var_id_t log = let(l, "log", control_word(l, VYRE_CONTROL_LOG, U64, VYRE_ORDER_RELAXED));
  vyre_expr_id_t index = op(l, VYRE_EXPR_AND, narrow(l, var(l, cursor)), var(l, mask));
  vyre_var_id_t record = let(l, "record", element(l, log, index, 5));
  vyre_var_id_t tag = let(l, "log_tag", add(l, narrow(l, var(l, cursor)), c32(l, 1)));
  vyre_build_store16(l->b, 3, VYRE_ORDER_RELAXED, var(l, record),
                     (vyre_expr_id_t[4]){arg(l, s, 0), arg(l, s, 1), arg(l, s, 2), var(l, tag)});
  vyre_expr_id_t ticket_high = narrow(l, op(l, VYRE_EXPR_SHR, var(l, s->ticket), c64(l, 32)));
  vyre_build_store16(l->b, 3, VYRE_ORDER_RELAXED, at(l, record, 16),
                     (vyre_expr_id_t[4]){arg(l, s, 3), narrow(l, var(l, s->ticket)), ticket_high, var(l, tag)});
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_LOG_CURSOR), add(l, var(l, cursor), c64(l, 1)));
  end(l);
  end(l);
}

/* ---- packed slots ---- */

/* Word `index`, a u32 variable, of those behind COUNT. */
static vyre_expr_id_t packed_word(loop_t *l, const vyre_loop_slot_t *s, vyre_expr_id_t index_for_quarter,
                                  vyre_expr_id_t index) {
  vyre_expr_id_t quarter = op(l, VYRE_EXPR_DIV, index_for_quarter, c32(l, 3));
  vyre_expr_id_t offset = op(l, VYRE_EXPR_SHL, add(l, quarter, index), c32(l, 2));
  return load32(l, s->scope, add(l, at(l, s->address, 16), wide(l, offset)));
}

/* The inner operation whose header lies at word `*at_word`; moves that behind it. */
static void build_inner(loop_t *l, const builtin_t *b, vyre_var_id_t at_word) {
  const vyre_loop_slot_t *s = b->slot;
  vyre_var_id_t head = let(l, "head", packed_word(l, s, var(l, at_word), var(l, at_word)));
  vyre_var_id_t inner = let(l, "inner", op(l, VYRE_EXPR_AND, var(l, head), c32(l, 0xFF)));
  vyre_var_id_t words = mutable(l, "words", c32(l, 0)); /* operands; NOP has none */
  static const struct {
    uint32_t opcode, operands;
  } kinds[] = {{VYRE_OPCODE_STORE_U32, 2},
               {VYRE_OPCODE_ATOMIC_ADD, 2},
               {VYRE_OPCODE_LOAD_U32, 1},
               {VYRE_OPCODE_COMPARE_SWAP, 3}};
  vyre_loop_set_fault(l, b->fault, op(l, VYRE_EXPR_GT, var(l, inner), c32(l, VYRE_OPCODE_COMPARE_SWAP)),
                      VYRE_FAULT_BAD_ARGUMENT);
  vyre_loop_set_fault(l, b->fault, is_not(l, op(l, VYRE_EXPR_SHR, var(l, head), c32(l, 24)), 0),
                      VYRE_FAULT_BAD_ARGUMENT);
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    begin_if(l, is(l, var(l, inner), kinds[i].opcode));
    set(l, words, c32(l, kinds[i].operands));
    end(l);
  }
  vyre_expr_id_t behind = add(l, add(l, var(l, at_word), var(l, words)), c32(l, 1));
  vyre_loop_set_fault(l, b->fault, op(l, VYRE_EXPR_GT, behind, c32(l, VYRE_SLOT_ARGS - 1)), VYRE_FAULT_BAD_ARGUMENT);
  begin_if(l, both(l, is(l, var(l, b->fault), 0), is_not(l, var(l, words), 0)));
  vyre_expr_id_t operand[3];
  for (uint32_t i = 0; i < 3; i++) {
    /* Words behind the last are not used: any that is there stands for them. */
    vyre_expr_id_t last = c32(l, VYRE_SLOT_ARGS - 2);
    vyre_var_id_t index = let(l, "index", op(l, VYRE_EXPR_MIN, add(l, var(l, at_word), c32(l, 1 + i)), last));
    vyre_var_id_t value = let(l, "operand", packed_word(l, s, var(l, index), var(l, index)));
    operand[i] = value;
  }
  vyre_expr_id_t handle = op(l, VYRE_EXPR_AND, op(l, VYRE_EXPR_SHR, var(l, head), c32(l, 8)), c32(l, 0xFFFF));
  place_t p = word_place(l, handle, wide(l, var(l, operand[0])));
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    begin_if(l, is(l, var(l, inner), kinds[i].opcode));
    set(l, b->low, c32(l, 0));
    vyre_expr_id_t second = kinds[i].opcode == VYRE_OPCODE_COMPARE_SWAP ? var(l, operand[2]) : 0;
    vyre_expr_id_t first = kinds[i].opcode == VYRE_OPCODE_LOAD_U32 ? 0 : var(l, operand[1]);
    build_word(l, b->fault, b->low, kinds[i].opcode, &p, first, second);
    end(l);
  }
  vyre_build_else(l->b);
  set(l, b->low, c32(l, 0)); /* NOP has no result */
  end(l);
  set(l, at_word, add(l, var(l, at_word), add(l, var(l, words), c32(l, 1))));
}

/* Until one faults: those before it have had their effect, and `high` says which it is. */
static void build_packed(loop_t *l, const builtin_t *b) {
  begin_if(l, is(l, var(l, b->slot->opcode), (uint32_t)VYRE_OPCODE_PACKED_SLOT));
  vyre_var_id_t count = let(l, "count", arg(l, b->slot, 0));
  vyre_loop_set_fault(l, b->fault, op(l, VYRE_EXPR_GT, var(l, count), c32(l, VYRE_SLOT_ARGS - 1)),
                      VYRE_FAULT_BAD_ARGUMENT);
  vyre_var_id_t at_word = mutable(l, "at_word", c32(l, 0)), number = mutable(l, "number", c32(l, 0));
  vyre_expr_id_t is_left = op(l, VYRE_EXPR_LT, var(l, number), var(l, count));
  vyre_build_while(l->b, both(l, is(l, var(l, b->fault), 0), is_left));
  set(l, b->high, var(l, number));
  build_inner(l, b, at_word);
  set(l, number, add(l, var(l, number), c32(l, 1)));
  end(l);
  begin_if(l, is(l, var(l, b->fault), 0));
  set(l, b->high, c32(l, 0));
  end(l);
  end(l);
}

/* ---- all of them ---- */

void vyre_loop_builtin(loop_t *l, const vyre_loop_slot_t *s) {
  builtin_t b = {.slot = s,
                 .fault = mutable(l, "fault", c32(l, 0)),
                 .low = mutable(l, "low", c32(l, 0)),
                 .high = mutable(l, "high", c32(l, 0)),
                 .is_open = mutable(l, "is_open", boolean(l, false))};
  vyre_var_id_t begin = vyre_loop_begin(l, s->wants_clocks);
  static const uint32_t known[] = {VYRE_OPCODE_NOP,
                                   VYRE_OPCODE_STORE_U32,
                                   VYRE_OPCODE_LOAD_U32,
                                   VYRE_OPCODE_ATOMIC_ADD,
                                   VYRE_OPCODE_COMPARE_SWAP,
                                   VYRE_OPCODE_DFA_STEP,
                                   VYRE_OPCODE_MEMCPY,
                                   VYRE_OPCODE_BATCH_FENCE,
                                   (uint32_t)VYRE_OPCODE_PRINTF,
                                   (uint32_t)VYRE_OPCODE_PACKED_SLOT};
  vyre_expr_id_t is_known = boolean(l, false);
  for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
    is_known = op(l, VYRE_EXPR_LOGICAL_OR, is_known, is(l, var(l, s->opcode), known[i]));
  vyre_loop_set_fault(l, b.fault, vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT, is_known), VYRE_FAULT_UNKNOWN_OPCODE);
  build_access(l, &b, VYRE_OPCODE_STORE_U32);
  build_access(l, &b, VYRE_OPCODE_LOAD_U32);
  build_access(l, &b, VYRE_OPCODE_ATOMIC_ADD);
  build_access(l, &b, VYRE_OPCODE_COMPARE_SWAP);
  build_dfa_step(l, &b);
  build_copy(l, &b);
  build_printf(l, &b);
  build_packed(l, &b);
  begin_if(l, is(l, var(l, s->opcode), VYRE_OPCODE_BATCH_FENCE));
  vyre_loop_fence_begin(l, s, begin, b.fault, b.low, b.high, b.is_open);
  end(l);
  begin_if(l, vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT, var(l, b.is_open)));
  vyre_loop_end_t e = {.completion = s->completion,
                       .tag = s->tag,
                       .opcode = s->opcode,
                       .fault = b.fault,
                       .low = b.low,
                       .high = b.high,
                       .wants_clocks = s->wants_clocks,
                       .begin = begin};
  vyre_loop_complete_end(l, VYRE_ORDER_RELEASE, &e);
  end(l);
}
