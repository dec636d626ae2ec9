/* BATCH_FENCE: completes when every slot of a range of tickets has.
 *
 * The dispatcher notes the ticket of each slot it takes, by cell (LIFE): of what workers run, and of what has completed
 * when it goes on as well, else a cell would keep a worker's old ticket beside the tag of a newer one. An open fence
 * goes through the cells once, some in each round, and stays at the first whose slot is in its range and has not
 * completed. That it has is read where the host reads it, in the cell's completion: so a fence is never seen before
 * what it covers, and a worker has nothing to do for it. A cell whose completion was read and that holds a newer slot
 * is out of the range. */
#include "megakernel/loop_parts.h"

enum { CELLS_PER_ROUND = 64 };

static vyre_expr_id_t not_(loop_t *l, vyre_expr_id_t a) { return vyre_build_unary(l->b, VYRE_EXPR_LOGICAL_NOT, a); }

/* EPOCH + 1 and the fence's own tag: what it completes with. */
static vyre_var_id_t next_epoch(loop_t *l) {
  vyre_expr_id_t before = control_word(l, VYRE_CONTROL_EPOCH, U64, VYRE_ORDER_RELAXED);
  vyre_var_id_t epoch = let(l, "epoch", add(l, before, c64(l, 1)));
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_EPOCH), var(l, epoch));
  store64(l, SYSTEM, at(l, l->shared, VYRE_SHARED_EPOCH_SEEN), var(l, epoch));
  return epoch;
}

static vyre_expr_id_t fence_record(loop_t *l, vyre_expr_id_t index) {
  vyre_expr_id_t fences = control_word(l, VYRE_CONTROL_FENCES, U64, VYRE_ORDER_RELAXED);
  return add(l, fences, op(l, VYRE_EXPR_SHL, wide(l, index), c64(l, 6)));
}

void vyre_loop_note_life(loop_t *l, vyre_var_id_t ticket, vyre_var_id_t cell) {
  store64(l, DEVICE, element(l, l->life, var(l, cell), 3), var(l, ticket));
}

void vyre_loop_fence_begin(loop_t *l, const vyre_loop_slot_t *s, vyre_var_id_t begin, vyre_var_id_t fault,
                           vyre_var_id_t low, vyre_var_id_t high, vyre_var_id_t is_open) {
  vyre_var_id_t first = let(l, "first_ticket", arg64(l, s->scope, s->address, 0));
  vyre_var_id_t count = let(l, "count", wide(l, arg32(l, s->scope, s->address, 2)));
  vyre_var_id_t user_tag = let(l, "user_tag", arg32(l, s->scope, s->address, 3));
  /* Differences, because tickets may wrap. */
  vyre_var_id_t back = let(l, "back", op(l, VYRE_EXPR_SUB, var(l, s->ticket), var(l, first)));
  vyre_expr_id_t session_first = control_word(l, VYRE_CONTROL_FIRST_TICKET, U64, VYRE_ORDER_RELAXED);
  vyre_expr_id_t all = op(l, VYRE_EXPR_SUB, var(l, s->ticket), session_first);
  vyre_loop_set_fault(l, fault, op(l, VYRE_EXPR_GT, var(l, back), all), VYRE_FAULT_BAD_FENCE);
  vyre_loop_set_fault(l, fault, op(l, VYRE_EXPR_GT, var(l, count), var(l, back)), VYRE_FAULT_BAD_FENCE);
  /* The last slot that went to a worker lies before the range: LAST_USER - first <= 0. Or there is no range. */
  vyre_expr_id_t last_user = control_word(l, VYRE_CONTROL_LAST_USER, U64, VYRE_ORDER_RELAXED);
  vyre_expr_id_t past = op(l, VYRE_EXPR_SUB, op(l, VYRE_EXPR_SUB, last_user, var(l, first)), c64(l, 1));
  vyre_expr_id_t is_over = op(l, VYRE_EXPR_GE, past, c64(l, UINT64_C(1) << 63));
  vyre_expr_id_t is_none = op(l, VYRE_EXPR_EQ, var(l, count), c64(l, 0));
  vyre_var_id_t is_done = let(l, "is_done", op(l, VYRE_EXPR_LOGICAL_OR, is_over, is_none));
  vyre_var_id_t open = l->open_fences;
  vyre_loop_set_fault(l, fault, both(l, not_(l, var(l, is_done)), is(l, var(l, open), UINT32_MAX)), VYRE_FAULT_FENCES);
  begin_if(l, is(l, var(l, fault), 0));
  begin_if(l, var(l, is_done));
  vyre_var_id_t epoch = next_epoch(l);
  set(l, low, narrow(l, var(l, epoch)));
  set(l, high, var(l, user_tag));
  vyre_build_else(l->b);
  vyre_expr_id_t not_open = vyre_build_unary(l->b, VYRE_EXPR_NOT, var(l, open));
  vyre_var_id_t index = let(l, "fence_index", vyre_build_unary(l->b, VYRE_EXPR_CTZ, not_open));
  vyre_var_id_t record = let(l, "fence", fence_record(l, var(l, index)));
  store64(l, DEVICE, at(l, record, VYRE_FENCE_FIRST), var(l, first));
  store64(l, DEVICE, at(l, record, VYRE_FENCE_COUNT), var(l, count));
  store64(l, DEVICE, at(l, record, VYRE_FENCE_COMPLETION), var(l, s->completion));
  store32(l, DEVICE, at(l, record, VYRE_FENCE_TAG), var(l, s->tag));
  store32(l, DEVICE, at(l, record, VYRE_FENCE_USER_TAG), var(l, user_tag));
  store32(l, DEVICE, at(l, record, VYRE_FENCE_CELL), c32(l, 0));
  vyre_expr_id_t wants_clocks = vyre_build_select(l->b, var(l, s->wants_clocks), c32(l, 1), c32(l, 0));
  store32(l, DEVICE, at(l, record, VYRE_FENCE_WANTS_CLOCKS), wants_clocks);
  store64(l, DEVICE, at(l, record, VYRE_FENCE_BEGIN), var(l, begin));
  vyre_expr_id_t bit = op(l, VYRE_EXPR_SHL, c32(l, 1), var(l, index));
  set(l, open, op(l, VYRE_EXPR_OR, var(l, open), bit));
  /* It is a slot that others may wait for. */
  vyre_expr_id_t last = control_word(l, VYRE_CONTROL_LAST_USER, U64, VYRE_ORDER_RELAXED);
  vyre_expr_id_t later = op(l, VYRE_EXPR_SUB, var(l, s->ticket), last);
  begin_if(l, op(l, VYRE_EXPR_LT, later, c64(l, UINT64_C(1) << 63)));
  store64(l, DEVICE, at(l, l->control, VYRE_CONTROL_LAST_USER), add(l, var(l, s->ticket), c64(l, 1)));
  end(l);
  set(l, is_open, boolean(l, true));
  end(l);
  end(l);
}

/* Whether the slot of `cell` is in the range and has not completed. */
static vyre_var_id_t build_is_live(loop_t *l, vyre_var_id_t first, vyre_var_id_t count, vyre_var_id_t cell) {
  vyre_var_id_t ticket = let(l, "its_ticket", load64(l, DEVICE, element(l, l->life, var(l, cell), 3)));
  vyre_expr_id_t place = op(l, VYRE_EXPR_SUB, var(l, ticket), var(l, first));
  vyre_expr_id_t is_inside = op(l, VYRE_EXPR_LT, place, var(l, count));
  vyre_expr_id_t tag = load(l, U32, VYRE_ORDER_ACQUIRE, SYSTEM, element(l, l->completions, var(l, cell), 6));
  return let(l, "is_live", both(l, is_inside, op(l, VYRE_EXPR_NE, tag, completion_tag(l, narrow(l, var(l, ticket))))));
}

static void build_fence_end(loop_t *l, vyre_var_id_t record) {
  vyre_loop_end_t e = {.completion = let(l, "completion", load64(l, DEVICE, at(l, record, VYRE_FENCE_COMPLETION))),
                       .tag = let(l, "done_tag", load32(l, DEVICE, at(l, record, VYRE_FENCE_TAG))),
                       .opcode = let(l, "opcode", c32(l, VYRE_OPCODE_BATCH_FENCE)),
                       .fault = let(l, "no_fault", c32(l, 0)),
                       .low = let(l, "low", narrow(l, var(l, next_epoch(l)))),
                       .high = let(l, "high", load32(l, DEVICE, at(l, record, VYRE_FENCE_USER_TAG)))};
  e.wants_clocks = let(l, "wants_clocks", is_not(l, load32(l, DEVICE, at(l, record, VYRE_FENCE_WANTS_CLOCKS)), 0));
  e.begin = let(l, "begin", load64(l, DEVICE, at(l, record, VYRE_FENCE_BEGIN)));
  vyre_loop_complete_end(l, VYRE_ORDER_RELEASE, &e);
}

/* The open fence of the lowest bit of `todo` goes on; completes when it has seen all cells. `is_left` becomes true when
 * it has more to look at and nothing holds it up. */
static void build_fence(loop_t *l, vyre_var_id_t todo, vyre_var_id_t is_left) {
  vyre_var_id_t index = let(l, "fence_index", vyre_build_unary(l->b, VYRE_EXPR_CTZ, var(l, todo)));
  vyre_expr_id_t without = op(l, VYRE_EXPR_SUB, var(l, todo), c32(l, 1));
  set(l, todo, op(l, VYRE_EXPR_AND, var(l, todo), without));
  vyre_var_id_t record = let(l, "fence", fence_record(l, var(l, index)));
  vyre_var_id_t cells = let(l, "cell_count", control_word(l, VYRE_CONTROL_CELL_COUNT, U32, VYRE_ORDER_RELAXED));
  vyre_var_id_t first = let(l, "first_ticket", load64(l, DEVICE, at(l, record, VYRE_FENCE_FIRST)));
  vyre_var_id_t count = let(l, "count", load64(l, DEVICE, at(l, record, VYRE_FENCE_COUNT)));
  vyre_var_id_t cell = mutable(l, "cell", load32(l, DEVICE, at(l, record, VYRE_FENCE_CELL)));
  vyre_expr_id_t most = add(l, var(l, cell), c32(l, CELLS_PER_ROUND));
  vyre_var_id_t limit = let(l, "limit", op(l, VYRE_EXPR_MIN, var(l, cells), most));
  vyre_var_id_t waits = mutable(l, "waits", boolean(l, false));
  vyre_build_while(l->b, both(l, not_(l, var(l, waits)), op(l, VYRE_EXPR_LT, var(l, cell), var(l, limit))));
  vyre_var_id_t is_live = build_is_live(l, first, count, cell);
  set(l, waits, var(l, is_live));
  begin_if(l, not_(l, var(l, is_live)));
  set(l, cell, add(l, var(l, cell), c32(l, 1)));
  end(l);
  end(l);
  store32(l, DEVICE, at(l, record, VYRE_FENCE_CELL), var(l, cell));
  begin_if(l, op(l, VYRE_EXPR_EQ, var(l, cell), var(l, cells)));
  build_fence_end(l, record);
  vyre_expr_id_t bit = op(l, VYRE_EXPR_SHL, c32(l, 1), var(l, index));
  set(l, l->open_fences, op(l, VYRE_EXPR_XOR, var(l, l->open_fences), bit));
  vyre_build_else(l->b);
  begin_if(l, not_(l, var(l, waits)));
  set(l, is_left, boolean(l, true));
  end(l);
  end(l);
}

void vyre_loop_fences(loop_t *l, vyre_var_id_t is_left) {
  begin_if(l, is_not(l, var(l, l->open_fences), 0));
  begin_cold(l);
  vyre_var_id_t todo = mutable(l, "todo", var(l, l->open_fences));
  vyre_build_while(l->b, is_not(l, var(l, todo), 0));
  build_fence(l, todo, is_left);
  end(l);
  end(l);
  end(l);
}
