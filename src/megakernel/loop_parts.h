/* The pieces that the topologies share, and short names for building: the loops are read as code, not as calls.
 *
 * Internal to loop.c and the files loop_*.c. An expression has one parent: a value that is used twice is put into a
 * variable, or built twice. */
#ifndef VYRE_MEGAKERNEL_LOOP_PARTS_H
#define VYRE_MEGAKERNEL_LOOP_PARTS_H

#include "ir/builder.h"
#include "ir/frame.h"
#include "megakernel/loop.h"
#include "megakernel/protocol.h"

/* The builder and the variables that hold constants of the launch. */
typedef struct loop {
  vyre_builder_t *b;
  bool sleeps;
  /* Of 16-byte accesses that hand other memory on. On a GPU they are relaxed, and a worker takes one fence for all;
   * hosts, to which it makes no difference, let each access say so, as ThreadSanitizer knows no fences. */
  vyre_order_t acquire, release;
  vyre_var_id_t control, self, shared, ring, completions, table, queue, windows, opcodes, blocks;
  vyre_var_id_t life;        /* u64: the ticket of the last slot of each cell */
  vyre_var_id_t open_fences; /* u32, mutable, the dispatcher's */
  vyre_var_id_t ring_mask, ring_shift, window_count, opcode_shift, spin_limit, block_count;
} loop_t;

#define U32 VYRE_TYPE_U32
#define U64 VYRE_TYPE_U64
/* Who else touches the memory: the host, other workers, nobody. */
#define SYSTEM VYRE_SCOPE_SYSTEM
#define DEVICE VYRE_SCOPE_DEVICE
#define WORKER VYRE_SCOPE_WORKGROUP

static inline vyre_expr_id_t var(loop_t *l, vyre_var_id_t v) { return vyre_build_var(l->b, v); }
static inline vyre_expr_id_t c32(loop_t *l, uint32_t value) { return vyre_build_const(l->b, U32, value); }
static inline vyre_expr_id_t c64(loop_t *l, uint64_t value) { return vyre_build_const(l->b, U64, value); }
static inline vyre_expr_id_t wide(loop_t *l, vyre_expr_id_t a) { return vyre_build_cast(l->b, U64, a); }
static inline vyre_expr_id_t narrow(loop_t *l, vyre_expr_id_t a) { return vyre_build_cast(l->b, U32, a); }
static inline vyre_expr_id_t op(loop_t *l, vyre_expr_op_t code, vyre_expr_id_t a, vyre_expr_id_t b) {
  return vyre_build_binary(l->b, code, a, b);
}
static inline vyre_expr_id_t add(loop_t *l, vyre_expr_id_t a, vyre_expr_id_t b) { return op(l, VYRE_EXPR_ADD, a, b); }
/* A block that is seldom run: hosts make a function of it, for which less compile time is taken. */
static inline void begin_cold(loop_t *l) { vyre_build_block(l->b); }
static inline vyre_expr_id_t both(loop_t *l, vyre_expr_id_t a, vyre_expr_id_t b) {
  return op(l, VYRE_EXPR_LOGICAL_AND, a, b);
}
static inline vyre_expr_id_t is(loop_t *l, vyre_expr_id_t a, uint32_t value) {
  return op(l, VYRE_EXPR_EQ, a, c32(l, value));
}
static inline vyre_expr_id_t is_not(loop_t *l, vyre_expr_id_t a, uint32_t value) {
  return op(l, VYRE_EXPR_NE, a, c32(l, value));
}
static inline vyre_expr_id_t at(loop_t *l, vyre_var_id_t base, uint32_t offset) {
  return offset ? add(l, var(l, base), c64(l, offset)) : var(l, base);
}
/* base + index * 2^shift, of a u32 index */
static inline vyre_expr_id_t element(loop_t *l, vyre_var_id_t base, vyre_expr_id_t index, unsigned shift) {
  return add(l, var(l, base), op(l, VYRE_EXPR_SHL, wide(l, index), c64(l, shift)));
}
/* index mod the ring's slots, of a u64 index */
static inline vyre_expr_id_t in_ring(loop_t *l, vyre_expr_id_t index) {
  return op(l, VYRE_EXPR_AND, narrow(l, index), var(l, l->ring_mask));
}
/* The lap of a ticket, a u64: what the tags of its slot say. Quarter 3 has the lower half only, in its upper half. */
static inline vyre_expr_id_t lap_of(loop_t *l, vyre_expr_id_t ticket) {
  vyre_expr_id_t laps = op(l, VYRE_EXPR_SHR, ticket, wide(l, var(l, l->ring_shift)));
  return add(l, narrow(l, laps), c32(l, 1));
}
static inline vyre_expr_id_t last_tag_differs(loop_t *l, vyre_expr_id_t tag, vyre_expr_id_t lap) {
  return op(l, VYRE_EXPR_NE, op(l, VYRE_EXPR_SHR, tag, c32(l, 16)), op(l, VYRE_EXPR_AND, lap, c32(l, 0xFFFF)));
}
/* The tag of the completion of a ticket, whose lower half this is. */
static inline vyre_expr_id_t completion_tag(loop_t *l, vyre_expr_id_t ticket) { return add(l, ticket, c32(l, 1)); }
/* RECORD of an entry: an opcode's record with the bit for the clocks, and the cell. */
static inline vyre_expr_id_t entry_word(loop_t *l, vyre_expr_id_t record, vyre_var_id_t cell) {
  return op(l, VYRE_EXPR_OR, record, op(l, VYRE_EXPR_SHL, var(l, cell), c32(l, VYRE_ENTRY_CELL_SHIFT)));
}
static inline vyre_expr_id_t load(loop_t *l, vyre_type_t type, vyre_order_t order, vyre_scope_t scope,
                                  vyre_expr_id_t address) {
  l->b->scope = scope;
  vyre_expr_id_t value = vyre_build_raw_load(l->b, type, order, address);
  l->b->scope = SYSTEM;
  return value;
}
static inline void store(loop_t *l, vyre_type_t type, vyre_order_t order, vyre_scope_t scope, vyre_expr_id_t address,
                         vyre_expr_id_t value) {
  l->b->scope = scope;
  vyre_build_raw_store(l->b, type, order, address, value);
  l->b->scope = SYSTEM;
}
static inline vyre_expr_id_t load32(loop_t *l, vyre_scope_t scope, vyre_expr_id_t address) {
  return load(l, U32, VYRE_ORDER_RELAXED, scope, address);
}
static inline vyre_expr_id_t load64(loop_t *l, vyre_scope_t scope, vyre_expr_id_t address) {
  return load(l, U64, VYRE_ORDER_RELAXED, scope, address);
}
static inline void store32(loop_t *l, vyre_scope_t scope, vyre_expr_id_t address, vyre_expr_id_t value) {
  store(l, U32, VYRE_ORDER_RELAXED, scope, address, value);
}
static inline void store64(loop_t *l, vyre_scope_t scope, vyre_expr_id_t address, vyre_expr_id_t value) {
  store(l, U64, VYRE_ORDER_RELAXED, scope, address, value);
}
/* Argument `index` of the slot, entry or letter at `base`, in memory of `scope`; or that and the next as a u64. */
static inline vyre_expr_id_t arg32(loop_t *l, vyre_scope_t scope, vyre_var_id_t base, uint32_t index) {
  return load32(l, scope, at(l, base, vyre_slot_arg_offset(index)));
}
static inline vyre_expr_id_t arg64(loop_t *l, vyre_scope_t scope, vyre_var_id_t base, uint32_t index) {
  vyre_expr_id_t low = wide(l, arg32(l, scope, base, index)), high = wide(l, arg32(l, scope, base, index + 1));
  return op(l, VYRE_EXPR_OR, low, op(l, VYRE_EXPR_SHL, high, c64(l, 32)));
}
static inline vyre_var_id_t let(loop_t *l, const char *name, vyre_expr_id_t value) {
  return vyre_build_let(l->b, name, value, false);
}
static inline vyre_var_id_t mutable(loop_t *l, const char *name, vyre_expr_id_t value) {
  return vyre_build_let(l->b, name, value, true);
}
static inline void set(loop_t *l, vyre_var_id_t v, vyre_expr_id_t value) { vyre_build_assign(l->b, v, value); }
static inline void begin_if(loop_t *l, vyre_expr_id_t condition) { vyre_build_if(l->b, condition); }
static inline void end(loop_t *l) { vyre_build_end(l->b); }
static inline vyre_expr_id_t control_word(loop_t *l, uint32_t offset, vyre_type_t type, vyre_order_t order) {
  return load(l, type, order, DEVICE, at(l, l->control, offset));
}
static inline vyre_expr_id_t boolean(loop_t *l, bool value) { return vyre_build_const(l->b, VYRE_TYPE_BOOL, value); }

/* loop.c */
void vyre_loop_constants(loop_t *l);
/* DONE, in one quarter. order: RELEASE when the slot wrote other memory that no fence stands behind. The completion is
 * the host's. */
void vyre_loop_complete(loop_t *l, vyre_order_t order, vyre_var_id_t completion, vyre_var_id_t tag, vyre_expr_id_t low,
                        vyre_expr_id_t high);
void vyre_loop_complete_fault(loop_t *l, vyre_var_id_t completion, vyre_var_id_t tag, vyre_var_id_t opcode,
                              vyre_fault_t fault);
/* How a slot has ended. */
typedef struct vyre_loop_end {
  vyre_var_id_t completion, tag, opcode;
  vyre_var_id_t fault, low, high;    /* u32; fault is 0, or else high its place */
  vyre_var_id_t wants_clocks, begin; /* bool; u64, when it began, then */
} vyre_loop_end_t;
/* With all quarters that it takes; `order` as above. */
void vyre_loop_complete_end(loop_t *l, vyre_order_t order, const vyre_loop_end_t *end);
/* The time, if it is wanted: a u64 variable. */
vyre_var_id_t vyre_loop_begin(loop_t *l, vyre_var_id_t wants_clocks);
/* STORE_U32 and LOAD_U32: checks the operand, stores or loads, completes. */
void vyre_loop_word_access(loop_t *l, bool is_store, vyre_var_id_t completion, vyre_var_id_t tag, vyre_var_id_t handle,
                           vyre_var_id_t offset, vyre_var_id_t value);
/* A slot's class, of its WHO. */
vyre_expr_id_t vyre_loop_class(loop_t *l, vyre_expr_id_t who);
/* The address of place `index`, a u64, in the run queue of a class. */
vyre_expr_id_t vyre_loop_queue_place(loop_t *l, vyre_expr_id_t class_, vyre_expr_id_t index);
/* The class that queue number `number` of a round is: critical first, but in every eighth round another one. */
vyre_expr_id_t vyre_loop_class_in_round(loop_t *l, vyre_var_id_t round, vyre_var_id_t number);
/* The opcode, or a number that no opcode of the fast path has when clocks are wanted. */
vyre_expr_id_t vyre_loop_fast_opcode(loop_t *l, vyre_expr_id_t opcode, vyre_expr_id_t who);
/* The number may be a Program's. */
vyre_expr_id_t vyre_loop_is_user(loop_t *l, vyre_var_id_t opcode);
/* Finds an opcode's record: *out_record is its index, *out_found whether there is one (u32 variables; found is 0 or the
 * opcode). */
void vyre_loop_find_opcode(loop_t *l, vyre_var_id_t opcode, vyre_var_id_t *out_record, vyre_var_id_t *out_found);
/* A window that was looked up: base and bytes are 0 when the handle names none. */
typedef struct vyre_loop_window {
  vyre_var_id_t base, bytes, is_host;
} vyre_loop_window_t;
/* The handle is given twice, because an expression has one parent. */
vyre_loop_window_t vyre_loop_window(loop_t *l, vyre_expr_id_t handle_for_range, vyre_expr_id_t handle);

/* A slot that the dispatcher carries out itself: u64 address of its 64 bytes, in memory of `scope`, and the rest. */
typedef struct vyre_loop_slot {
  vyre_scope_t scope;
  vyre_var_id_t address, ticket;   /* u64 */
  vyre_var_id_t opcode, cell, tag; /* u32 */
  vyre_var_id_t wants_clocks;      /* bool */
  vyre_var_id_t completion;        /* u64 */
} vyre_loop_slot_t;

/* loop_opcodes.c: everything that is neither a Program's nor on the topology's fast path; completes, or leaves an open
 * fence. */
void vyre_loop_builtin(loop_t *l, const vyre_loop_slot_t *slot);
/* A MEMCPY that is for a worker. */
vyre_expr_id_t vyre_loop_is_long_copy(loop_t *l, vyre_var_id_t opcode, vyre_expr_id_t bytes);

/* loop_fences.c: takes a BATCH_FENCE, whose results are in low and high unless it stays open; `begin`, a u64, is when.
 */
void vyre_loop_fence_begin(loop_t *l, const vyre_loop_slot_t *slot, vyre_var_id_t begin, vyre_var_id_t fault,
                           vyre_var_id_t low, vyre_var_id_t high, vyre_var_id_t is_open);
/* The open fences go on, by the dispatcher. `is_left`, a mutable bool, becomes true when one has more to look at. */
void vyre_loop_fences(loop_t *l, vyre_var_id_t is_left);
/* The slot of this ticket has been taken. */
void vyre_loop_note_life(loop_t *l, vyre_var_id_t ticket, vyre_var_id_t cell);

/* What a worker has to carry out: an entry, in memory of `scope`, and what was looked up for it. */
typedef struct vyre_loop_order {
  vyre_scope_t scope;
  vyre_var_id_t entry, cell, frame;                   /* u64, u32, u64: the frame that the handler is called with */
  vyre_var_id_t handler, output_bytes, element_bytes; /* u32, of the opcode's record */
  vyre_var_id_t flags_max;                            /* u32 */
  vyre_var_id_t opcode;                               /* u32 */
  vyre_var_id_t wants_clocks;                         /* bool */
  vyre_var_id_t parameters;                           /* u32: how many templates there are, 0 when nothing is bound */
  vyre_loop_window_t data, output;
} vyre_loop_order_t;
/* What a call works on, checked: u64, but for flags and fault. */
typedef struct vyre_loop_call {
  vyre_var_id_t data, size, data_offset, output, flags, fault;
} vyre_loop_call_t;
/* `fault` becomes `value` when it is 0 and the condition holds. */
void vyre_loop_set_fault(loop_t *l, vyre_var_id_t fault, vyre_expr_id_t condition, vyre_fault_t value);
/* offset + size is beyond bytes. */
vyre_expr_id_t vyre_loop_outside(loop_t *l, vyre_var_id_t offset, vyre_var_id_t size, vyre_var_id_t bytes);
/* loop_bindings.c: scalars, constants, state, windows, halos: into the table that the frame names. */
void vyre_loop_bind(loop_t *l, const vyre_loop_order_t *order, const vyre_loop_call_t *call);
/* ELEMENT_BYTES of an opcode's record, taken apart. */
void vyre_loop_take_elements(loop_t *l, vyre_loop_order_t *order, vyre_expr_id_t word);
/* A long MEMCPY: `fault` or the bytes copied. */
void vyre_loop_copy(loop_t *l, const vyre_loop_order_t *order, vyre_var_id_t fault, vyre_var_id_t copied);
/* Checks the operands, fills the frame, calls, completes; or copies. */
void vyre_loop_execute(loop_t *l, const vyre_loop_order_t *order);
/* Sleeps on EVENT unless there is something to do: the protocol with publishers. `is_idle` builds a last look at what
 * the ring does not tell, behind the announcement. */
void vyre_loop_sleep(loop_t *l, vyre_expr_id_t (*is_idle)(loop_t *l, void *context), void *context);

void vyre_loop_build_direct(loop_t *l);
void vyre_loop_build_dispatched(loop_t *l);

#endif
