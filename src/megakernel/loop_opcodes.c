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
  return arg32(l, s->scope, s->address, index);
}

/* The address of a place in a window; a fault unless all of it lies there. */
static vyre_var_id_t find_place(loop_t *l, vyre_var_id_t fault, const place_t *p, vyre_loop_window_t *out_window) {
  vyre_loop_window_t w = *out_window = vyre_loop_window(l, var(l, p->handle), var(l, p->handle));
  vyre_loop_set_fault(l, fault, op(l, VYRE_EXPR_EQ, var(l, w.base), c64(l, 0)), VYRE_FAULT_BAD_HANDLE);
  vyre_loop_set_fault(l, fault, vyre_loop_outside(l, p->offset, p->bytes, w.bytes), VYRE_FAULT_BAD_RANGE);
  return let(l, "place", add(l, var(l, w.base), var(l, p->offset)));
}

/* ---- words ---- */

/* An operation on a word: what a slot says, one of a packed slot, or the look into a table of DFA_STEP. */
typedef struct word {
  vyre_var_id_t opcode, handle, first, second; /* u32, mutable, as the other ones */
  vyre_var_id_t offset;                        /* u64 */
} word_t;

/* Word `index`, a u32 variable, of those behind COUNT. */
static vyre_expr_id_t packed_word(loop_t *l, const vyre_loop_slot_t *s, vyre_expr_id_t index_for_quarter,
                                  vyre_expr_id_t index) {
  vyre_expr_id_t quarter = op(l, VYRE_EXPR_DIV, index_for_quarter, c32(l, 3));
  vyre_expr_id_t offset = op(l, VYRE_EXPR_SHL, add(l, quarter, index), c32(l, 2));
  return load32(l, s->scope, add(l, at(l, s->address, 16), wide(l, offset)));
}

/* Of a packed slot the operation whose header lies at word `*at_word`; moves that behind it. */
static void build_unpack(loop_t *l, const builtin_t *b, const word_t *w, vyre_var_id_t at_word) {
  const vyre_loop_slot_t *s = b->slot;
  vyre_var_id_t head = let(l, "head", packed_word(l, s, var(l, at_word), var(l, at_word)));
  set(l, w->opcode, op(l, VYRE_EXPR_AND, var(l, head), c32(l, 0xFF)));
  set(l, w->handle, op(l, VYRE_EXPR_AND, op(l, VYRE_EXPR_SHR, var(l, head), c32(l, 8)), c32(l, 0xFFFF)));
  vyre_loop_set_fault(l, b->fault, op(l, VYRE_EXPR_GT, var(l, w->opcode), c32(l, VYRE_OPCODE_COMPARE_SWAP)),
                      VYRE_FAULT_BAD_ARGUMENT);
  vyre_loop_set_fault(l, b->fault, is_not(l, op(l, VYRE_EXPR_SHR, var(l, head), c32(l, 24)), 0),
                      VYRE_FAULT_BAD_ARGUMENT);
  /* How many words of operands each opcode has, four bits for each. */
  uint32_t counts = 0;
#define VYRE_PACKED(name, words) counts |= (uint32_t)(words) << 4 * VYRE_OPCODE_##name;
#include "megakernel/protocol.def"
  vyre_expr_id_t known = op(l, VYRE_EXPR_AND, var(l, w->opcode), c32(l, 7));
  vyre_expr_id_t shifted = op(l, VYRE_EXPR_SHR, c32(l, counts), op(l, VYRE_EXPR_SHL, known, c32(l, 2)));
  vyre_var_id_t words = let(l, "words", op(l, VYRE_EXPR_AND, shifted, c32(l, 3)));
  vyre_expr_id_t behind = add(l, add(l, var(l, at_word), var(l, words)), c32(l, 1));
  vyre_loop_set_fault(l, b->fault, op(l, VYRE_EXPR_GT, behind, c32(l, VYRE_SLOT_ARGS - 1)), VYRE_FAULT_BAD_ARGUMENT);
  vyre_var_id_t operand[3];
  for (uint32_t i = 0; i < 3; i++) {
    /* Words behind the last are not used: any that is there stands for them. */
    vyre_expr_id_t last = c32(l, VYRE_SLOT_ARGS - 2);
    vyre_var_id_t index = let(l, "index", op(l, VYRE_EXPR_MIN, add(l, var(l, at_word), c32(l, 1 + i)), last));
    operand[i] = let(l, "operand", packed_word(l, s, var(l, index), var(l, index)));
  }
  set(l, w->offset, wide(l, var(l, operand[0])));
  set(l, w->first, var(l, operand[1]));
  set(l, w->second, var(l, operand[2]));
  set(l, at_word, add(l, var(l, at_word), add(l, var(l, words), c32(l, 1))));
}

/* The slot's own operands; of DFA_STEP, whose table is [state][256] of u32, the place of the next state. */
static void build_operands(loop_t *l, const builtin_t *b, const word_t *w, vyre_expr_id_t is_dfa) {
  const vyre_loop_slot_t *s = b->slot;
  set(l, w->handle, arg(l, s, 0));
  set(l, w->offset, wide(l, arg(l, s, 1)));
  set(l, w->first, arg(l, s, 2));
  set(l, w->second, arg(l, s, 3));
  begin_if(l, is_dfa);
  vyre_loop_set_fault(l, b->fault, op(l, VYRE_EXPR_GT, var(l, w->second), c32(l, 255)), VYRE_FAULT_BAD_ARGUMENT);
  vyre_expr_id_t row = op(l, VYRE_EXPR_SHL, wide(l, var(l, w->first)), c64(l, 8));
  vyre_expr_id_t index = op(l, VYRE_EXPR_SHL, op(l, VYRE_EXPR_OR, row, wide(l, var(l, w->second))), c64(l, 2));
  set(l, w->offset, add(l, var(l, w->offset), index));
  set(l, w->opcode, c32(l, VYRE_OPCODE_LOAD_U32));
  end(l);
}

static void begin_opcode(loop_t *l, const word_t *w, uint32_t opcode) { begin_if(l, is(l, var(l, w->opcode), opcode)); }

/* Carries it out. A read-modify-write is not for the host's memory: a GPU loses updates of it. */
static void build_word(loop_t *l, const builtin_t *b, const word_t *w) {
  place_t p = {w->handle, w->offset, let(l, "bytes", c64(l, 4))};
  vyre_loop_window_t window;
  vyre_var_id_t address = find_place(l, b->fault, &p, &window);
  vyre_expr_id_t low_bits = op(l, VYRE_EXPR_AND, var(l, w->offset), c64(l, 3));
  vyre_loop_set_fault(l, b->fault, op(l, VYRE_EXPR_NE, low_bits, c64(l, 0)), VYRE_FAULT_BAD_RANGE);
  vyre_expr_id_t adds = is(l, var(l, w->opcode), VYRE_OPCODE_ATOMIC_ADD);
  vyre_expr_id_t swaps = is(l, var(l, w->opcode), VYRE_OPCODE_COMPARE_SWAP);
  vyre_expr_id_t is_update = op(l, VYRE_EXPR_LOGICAL_OR, adds, swaps);
  vyre_loop_set_fault(l, b->fault, both(l, is_update, is_not(l, var(l, window.is_host), 0)), VYRE_FAULT_HOST_MEMORY);
  begin_if(l, is(l, var(l, b->fault), 0));
  begin_opcode(l, w, VYRE_OPCODE_STORE_U32);
  store32(l, SYSTEM, var(l, address), var(l, w->first));
  vyre_build_else(l->b);
  begin_opcode(l, w, VYRE_OPCODE_LOAD_U32);
  set(l, b->low, load32(l, SYSTEM, var(l, address)));
  vyre_build_else(l->b);
  begin_opcode(l, w, VYRE_OPCODE_ATOMIC_ADD);
  set(l, b->low, vyre_build_raw_atomic_add(l->b, U32, VYRE_ORDER_RELAXED, var(l, address), var(l, w->first)));
  vyre_build_else(l->b);
  set(l, b->low,
      vyre_build_raw_atomic_cas(l->b, U32, VYRE_ORDER_RELAXED, var(l, address), var(l, w->first), var(l, w->second)));
  for (int i = 0; i < 4; i++) end(l);
}

/* One operation; of a packed slot one after the other until one faults: those before it have had their effect, and
 * `high` says which it is. Results are those of the last. */
static void build_words(loop_t *l, const builtin_t *b) {
  vyre_var_id_t opcode = b->slot->opcode;
  vyre_expr_id_t is_plain = op(l, VYRE_EXPR_LT, op(l, VYRE_EXPR_SUB, var(l, opcode), c32(l, VYRE_OPCODE_STORE_U32)),
                               c32(l, VYRE_OPCODE_COMPARE_SWAP));
  vyre_var_id_t is_packed = let(l, "is_packed", is(l, var(l, opcode), (uint32_t)VYRE_OPCODE_PACKED_SLOT));
  vyre_var_id_t is_dfa = let(l, "is_dfa", is(l, var(l, opcode), VYRE_OPCODE_DFA_STEP));
  begin_if(l, op(l, VYRE_EXPR_LOGICAL_OR, op(l, VYRE_EXPR_LOGICAL_OR, is_plain, var(l, is_dfa)), var(l, is_packed)));
  word_t w = {.opcode = mutable(l, "word_opcode", var(l, opcode)),
              .handle = mutable(l, "handle", c32(l, 0)),
              .first = mutable(l, "first_operand", c32(l, 0)),
              .second = mutable(l, "second_operand", c32(l, 0)),
              .offset = mutable(l, "offset", c64(l, 0))};
  vyre_expr_id_t many = vyre_build_select(l->b, var(l, is_packed), arg(l, b->slot, 0), c32(l, 1));
  vyre_var_id_t count = let(l, "count", many);
  vyre_loop_set_fault(l, b->fault, op(l, VYRE_EXPR_GT, var(l, count), c32(l, VYRE_SLOT_ARGS - 1)),
                      VYRE_FAULT_BAD_ARGUMENT);
  vyre_var_id_t at_word = mutable(l, "at_word", c32(l, 0)), number = mutable(l, "number", c32(l, 0));
  vyre_expr_id_t is_left = op(l, VYRE_EXPR_LT, var(l, number), var(l, count));
  vyre_build_while(l->b, both(l, is(l, var(l, b->fault), 0), is_left));
  set(l, b->high, var(l, number));
  set(l, b->low, c32(l, 0));
  begin_if(l, var(l, is_packed));
  build_unpack(l, b, &w, at_word);
  vyre_build_else(l->b);
  build_operands(l, b, &w, var(l, is_dfa));
  end(l);
  begin_if(l, is_not(l, var(l, w.opcode), VYRE_OPCODE_NOP));
  build_word(l, b, &w);
  end(l);
  set(l, number, add(l, var(l, number), c32(l, 1)));
  end(l);
  begin_if(l, is(l, var(l, b->fault), 0));
  set(l, b->high, c32(l, 0));
  end(l);
  end(l);
}

/* ---- copies ---- */

typedef struct copy {
  vyre_var_id_t to, from, bytes; /* u64 */
} copy_t;

static copy_t find_copy(loop_t *l, const vyre_loop_slot_t *s, vyre_var_id_t fault) {
  copy_t c = {.bytes = let(l, "bytes", wide(l, arg(l, s, 6)))};
  place_t from = {let(l, "from_handle", arg(l, s, 0)), let(l, "from_offset", arg64(l, s->scope, s->address, 1)),
                  c.bytes};
  place_t to = {let(l, "to_handle", arg(l, s, 3)), let(l, "to_offset", arg64(l, s->scope, s->address, 4)), c.bytes};
  vyre_loop_window_t window;
  c.from = find_place(l, fault, &from, &window);
  c.to = find_place(l, fault, &to, &window);
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

/* ---- all of them ---- */

void vyre_loop_builtin(loop_t *l, const vyre_loop_slot_t *s) {
  begin_cold(l);
  builtin_t b = {.slot = s,
                 .fault = mutable(l, "fault", c32(l, 0)),
                 .low = mutable(l, "low", c32(l, 0)),
                 .high = mutable(l, "high", c32(l, 0)),
                 .is_open = mutable(l, "is_open", boolean(l, false))};
  vyre_var_id_t begin = vyre_loop_begin(l, s->wants_clocks);
  /* All numbers up to that of BATCH_FENCE are opcodes, and two above the registered ones. */
  vyre_expr_id_t is_low = op(l, VYRE_EXPR_LE, var(l, s->opcode), c32(l, VYRE_OPCODE_BATCH_FENCE));
  vyre_expr_id_t prints = is(l, var(l, s->opcode), (uint32_t)VYRE_OPCODE_PRINTF);
  vyre_expr_id_t packs = is(l, var(l, s->opcode), (uint32_t)VYRE_OPCODE_PACKED_SLOT);
  vyre_expr_id_t is_known = op(l, VYRE_EXPR_OR, is_low, op(l, VYRE_EXPR_OR, prints, packs));
  vyre_loop_set_fault(l, b.fault, vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT, is_known), VYRE_FAULT_UNKNOWN_OPCODE);
  build_words(l, &b);
  build_copy(l, &b);
  build_printf(l, &b);
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
  end(l);
}
