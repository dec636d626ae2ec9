/* Subgroup and workgroup ops of a group: a subgroup is a warp, whose threads have its lanes' values in registers. What
 * each subgroup brings to an op of the workgroup goes through memory that the group shares. */
#include "base/assert.h"
#include "codegen/lower.h"

typedef struct op {
  const vyre_stmt_t *stmt;
  const vyre_expr_t *expr;
  vyre_type_t type; /* of the operand */
  LLVMTypeRef lowered;
  LLVMValueRef values; /* alloca, by the thread's slot */
  LLVMValueRef others; /* alloca of i32: the lane, mask or distance of each, where they may differ */
  LLVMValueRef other;  /* where it is the same for all that meet */
} op_t;

static LLVMValueRef i32_const(vyre_lower_t *l, uint32_t value) { return LLVMConstInt(l->i32, value, false); }

static LLVMValueRef warp_lane(vyre_lower_t *l) { return LLVMBuildTrunc(l->ir, l->warp_lane, l->i32, ""); }

static bool is_per_lane(const vyre_expr_t *e) {
  return e->op == VYRE_EXPR_SUBGROUP_SHUFFLE || e->op == VYRE_EXPR_SUBGROUP_SHUFFLE_XOR ||
         e->op == VYRE_EXPR_SUBGROUP_SHUFFLE_UP || e->op == VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN;
}

static void gather(vyre_lower_t *l, op_t *o) {
  uint64_t slots = vyre_lower_lane_slots(l);
  o->values = vyre_lower_alloca(l, LLVMArrayType2(o->lowered, slots), "values");
  if (is_per_lane(o->expr)) o->others = vyre_lower_alloca(l, LLVMArrayType2(l->i32, slots), "others");
  vyre_region_t region = vyre_lower_begin_region(l);
  LLVMValueRef slot = vyre_lower_slot_of_lane(l, l->lanes.lane);
  LLVMValueRef value = vyre_lower_seen(l, o->type, vyre_lower_expr(l, o->expr->a));
  LLVMBuildStore(l->ir, value, vyre_lower_element(l, o->lowered, o->values, slot));
  if (o->others) LLVMBuildStore(l->ir, vyre_lower_expr(l, o->expr->b), vyre_lower_element(l, l->i32, o->others, slot));
  vyre_lower_end_region(l, region);
  if (vyre_expr_arity(o->expr->op) == 2 && !o->others) o->other = vyre_lower_expr(l, o->expr->b);
}

static LLVMValueRef combine(vyre_lower_t *l, const op_t *o, LLVMValueRef a, LLVMValueRef b) {
  vyre_expr_t e = {.op = (uint8_t)vyre_lower_combiner(o->expr->op), .type = (uint8_t)o->type};
  return vyre_lower_binary(l, &e, a, b);
}

/* ---- a warp ---- */

/* v[j] + v[j + 16], then + 8, 4, 2, 1, in all threads: a + b is b + a. */
static LLVMValueRef reduce_warp(vyre_lower_t *l, const op_t *o, LLVMValueRef value) {
  LLVMValueRef lane = warp_lane(l);
  for (unsigned step = VYRE_WARP_THREADS / 2; step > 0; step /= 2) {
    LLVMValueRef other = vyre_lower_shuffle(l, value, LLVMBuildXor(l->ir, lane, i32_const(l, step), ""));
    value = combine(l, o, value, other);
  }
  return value;
}

typedef struct scanned {
  LLVMValueRef before, after; /* exclusive, inclusive */
} scanned_t;

/* From the first lane to the last, by all threads alike; each takes what comes out at its own. */
static scanned_t scan_warp(vyre_lower_t *l, const op_t *o, LLVMValueRef value) {
  LLVMValueRef lane = warp_lane(l), zero = LLVMConstNull(o->lowered), sum = zero;
  scanned_t own = {zero, zero};
  for (unsigned i = 0; i < VYRE_WARP_THREADS; i++) {
    LLVMValueRef next = vyre_lower_shuffle(l, value, i32_const(l, i));
    LLVMValueRef is_own = LLVMBuildICmp(l->ir, LLVMIntEQ, lane, i32_const(l, i), "");
    own.before = LLVMBuildSelect(l->ir, is_own, sum, own.before, "");
    sum = i == 0 ? next : combine(l, o, sum, next); /* not 0 + -0.0 */
    own.after = LLVMBuildSelect(l->ir, is_own, sum, own.after, "");
  }
  return own;
}

/* The lane that this thread's value comes from. */
static LLVMValueRef source_lane(vyre_lower_t *l, const op_t *o, LLVMValueRef other) {
  LLVMValueRef mask = i32_const(l, VYRE_SUBGROUP_LANES - 1), lane = warp_lane(l), source;
  other = LLVMBuildAnd(l->ir, other, mask, "");
  switch (o->expr->op) {
    case VYRE_EXPR_SUBGROUP_SHUFFLE: source = other; break;
    case VYRE_EXPR_SUBGROUP_SHUFFLE_XOR: source = LLVMBuildXor(l->ir, lane, other, ""); break;
    case VYRE_EXPR_SUBGROUP_SHUFFLE_UP: source = LLVMBuildSub(l->ir, lane, other, ""); break;
    default: source = LLVMBuildAdd(l->ir, lane, other, ""); break;
  }
  LLVMValueRef is_none = LLVMBuildICmp(l->ir, LLVMIntUGT, source, mask, "");
  return LLVMBuildSelect(l->ir, is_none, lane, source, "");
}

static void store_slot(vyre_lower_t *l, const op_t *o, LLVMValueRef slot, LLVMValueRef value) {
  VYRE_ASSERT(l->lanes.is_array[o->stmt->var]);
  LLVMBuildStore(l->ir, value, vyre_lower_element(l, LLVMTypeOf(value), l->vars[o->stmt->var], slot));
}

static void lower_subgroup_op(vyre_lower_t *l, const op_t *o) {
  LLVMValueRef slot = vyre_lower_slot_of_subgroup(l, l->lanes.subgroup), result;
  LLVMValueRef value = vyre_lower_load(l, o->lowered, vyre_lower_element(l, o->lowered, o->values, slot), "");
  switch (o->expr->op) {
    case VYRE_EXPR_SUBGROUP_INCLUSIVE_ADD: result = scan_warp(l, o, value).after; break;
    case VYRE_EXPR_SUBGROUP_EXCLUSIVE_ADD: result = scan_warp(l, o, value).before; break;
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
    case VYRE_EXPR_SUBGROUP_SHUFFLE_XOR:
    case VYRE_EXPR_SUBGROUP_SHUFFLE_UP:
    case VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN: {
      LLVMValueRef other = vyre_lower_load(l, l->i32, vyre_lower_element(l, l->i32, o->others, slot), "");
      result = vyre_lower_shuffle(l, value, source_lane(l, o, other));
      break;
    }
    case VYRE_EXPR_SUBGROUP_BALLOT: result = l->target->ballot(l, value); break;
    case VYRE_EXPR_SUBGROUP_BROADCAST: {
      LLVMValueRef lane = LLVMBuildTruncOrBitCast(l->ir, o->other, l->i32, "");
      result = vyre_lower_shuffle(l, value, LLVMBuildAnd(l->ir, lane, i32_const(l, VYRE_SUBGROUP_LANES - 1), ""));
      break;
    }
    default: result = reduce_warp(l, o, value); break;
  }
  if (l->lanes.uniform.vars[o->stmt->var] == VYRE_LEVEL_WORKGROUP)
    LLVMBuildStore(l->ir, result, l->vars[o->stmt->var]);
  else
    store_slot(l, o, slot, result);
}

/* ---- the workgroup ---- */

/* For each of the thread's lanes: opens the body, which vyre_lower_end_elements closes. The threads of a warp are there
 * together: a workgroup is whole subgroups. */
static vyre_elements_t begin_own_lanes(vyre_lower_t *l) {
  return vyre_lower_begin_elements(l, vyre_lower_i64(l, l->lanes.count));
}

static LLVMValueRef value_of(vyre_lower_t *l, const op_t *o, LLVMValueRef lane) {
  LLVMValueRef slot = vyre_lower_slot_of_lane(l, lane);
  return vyre_lower_load(l, o->lowered, vyre_lower_element(l, o->lowered, o->values, slot), "");
}

static LLVMValueRef part_place(vyre_lower_t *l, LLVMValueRef subgroup) {
  LLVMValueRef offset = LLVMBuildMul(l->ir, subgroup, vyre_lower_i64(l, 16), "");
  return LLVMBuildInBoundsGEP2(l->ir, l->i8, vyre_lower_shared(l, l->shared.parts), &offset, 1, "part");
}

static void store_where(vyre_lower_t *l, LLVMValueRef condition, LLVMValueRef value, LLVMValueRef place) {
  LLVMBasicBlockRef yes = vyre_lower_block(l, "mine"), after = vyre_lower_block(l, "stored");
  LLVMBuildCondBr(l->ir, condition, yes, after);
  LLVMPositionBuilderAtEnd(l->ir, yes);
  LLVMBuildStore(l->ir, value, place);
  vyre_lower_continue_in(l, after);
}

/* Each subgroup's part, from its lane `lane`. */
static void store_part(vyre_lower_t *l, LLVMValueRef lane, unsigned which, LLVMValueRef value) {
  LLVMValueRef is_mine = LLVMBuildICmp(l->ir, LLVMIntEQ, l->warp_lane, vyre_lower_i64(l, which), "");
  LLVMValueRef subgroup = LLVMBuildUDiv(l->ir, lane, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "");
  store_where(l, is_mine, value, part_place(l, subgroup));
}

/* Of the parts 0 .. count, from the first to the last; 0 of none. */
static LLVMValueRef fold_parts(vyre_lower_t *l, const op_t *o, LLVMValueRef count) {
  LLVMValueRef sum = vyre_lower_alloca(l, o->lowered, "fold");
  LLVMBuildStore(l->ir, LLVMConstNull(o->lowered), sum);
  vyre_counted_t loop = vyre_lower_begin_loop(l, vyre_lower_i64(l, 0), count);
  LLVMValueRef part = vyre_lower_load(l, o->lowered, part_place(l, loop.index), "");
  LLVMValueRef joined = combine(l, o, vyre_lower_load(l, o->lowered, sum, ""), part);
  LLVMValueRef is_first = LLVMBuildICmp(l->ir, LLVMIntEQ, loop.index, vyre_lower_i64(l, 0), "");
  LLVMBuildStore(l->ir, LLVMBuildSelect(l->ir, is_first, part, joined, ""), sum);
  vyre_lower_end_loop(l, loop);
  return vyre_lower_load(l, o->lowered, sum, "");
}

static LLVMValueRef reduce_workgroup(vyre_lower_t *l, const op_t *o) {
  vyre_elements_t e = begin_own_lanes(l);
  store_part(l, e.index, 0, reduce_warp(l, o, value_of(l, o, e.index)));
  vyre_lower_end_elements(l, e);
  l->target->barrier(l);
  return fold_parts(l, o, vyre_lower_i64(l, l->lanes.count / VYRE_SUBGROUP_LANES));
}

static LLVMValueRef broadcast(vyre_lower_t *l, const op_t *o) {
  LLVMValueRef other = LLVMBuildZExtOrBitCast(l->ir, o->other, l->i64, "");
  LLVMValueRef lane = LLVMBuildURem(l->ir, other, vyre_lower_i64(l, l->lanes.count), "");
  LLVMValueRef owner = LLVMBuildURem(l->ir, lane, l->threads, "");
  LLVMValueRef is_mine = LLVMBuildICmp(l->ir, LLVMIntEQ, owner, l->thread, "");
  /* A slot of the thread's, its own or not. */
  LLVMValueRef value = value_of(l, o, lane), place = part_place(l, vyre_lower_i64(l, 0));
  store_where(l, is_mine, value, place);
  l->target->barrier(l);
  return vyre_lower_load(l, o->lowered, place, "");
}

static LLVMValueRef scan_place(vyre_lower_t *l, const op_t *o, LLVMValueRef lane) {
  return vyre_lower_element(l, o->lowered, vyre_lower_shared(l, l->shared.values), lane);
}

/* Of floats, from the first lane to the last, whose order counts: by the first thread, in place. */
static void scan_in_order(vyre_lower_t *l, const op_t *o, bool is_inclusive) {
  vyre_elements_t e = begin_own_lanes(l);
  LLVMBuildStore(l->ir, value_of(l, o, e.index), scan_place(l, o, e.index));
  vyre_lower_end_elements(l, e);
  l->target->barrier(l);
  LLVMValueRef sum = vyre_lower_alloca(l, o->lowered, "scan");
  vyre_first_t first = vyre_lower_begin_first(l);
  LLVMBuildStore(l->ir, LLVMConstNull(o->lowered), sum);
  vyre_counted_t loop = vyre_lower_begin_loop(l, vyre_lower_i64(l, 0), vyre_lower_i64(l, l->lanes.count));
  LLVMValueRef place = scan_place(l, o, loop.index), value = vyre_lower_load(l, o->lowered, place, "");
  LLVMValueRef before = vyre_lower_load(l, o->lowered, sum, "");
  LLVMValueRef is_first = LLVMBuildICmp(l->ir, LLVMIntEQ, loop.index, vyre_lower_i64(l, 0), "");
  LLVMValueRef after = LLVMBuildSelect(l->ir, is_first, value, combine(l, o, before, value), "");
  LLVMBuildStore(l->ir, after, sum);
  LLVMBuildStore(l->ir, is_inclusive ? after : before, place);
  vyre_lower_end_loop(l, loop);
  vyre_lower_end_first(l, first, NULL);
  l->target->barrier(l);
  e = begin_own_lanes(l);
  store_slot(l, o, vyre_lower_slot_of_lane(l, e.index), vyre_lower_load(l, o->lowered, scan_place(l, o, e.index), ""));
  vyre_lower_end_elements(l, e);
}

/* Of integers: within each subgroup, then the sum of the subgroups before it. */
static void scan_by_subgroups(vyre_lower_t *l, const op_t *o, bool is_inclusive) {
  vyre_elements_t e = begin_own_lanes(l);
  scanned_t own = scan_warp(l, o, value_of(l, o, e.index));
  store_part(l, e.index, VYRE_SUBGROUP_LANES - 1, own.after);
  store_slot(l, o, vyre_lower_slot_of_lane(l, e.index), is_inclusive ? own.after : own.before);
  vyre_lower_end_elements(l, e);
  l->target->barrier(l);
  e = begin_own_lanes(l);
  LLVMValueRef subgroup = LLVMBuildUDiv(l->ir, e.index, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "");
  LLVMValueRef below = fold_parts(l, o, subgroup), slot = vyre_lower_slot_of_lane(l, e.index);
  LLVMValueRef value =
      vyre_lower_load(l, o->lowered, vyre_lower_element(l, o->lowered, l->vars[o->stmt->var], slot), "");
  store_slot(l, o, slot, LLVMBuildAdd(l->ir, below, value, ""));
  vyre_lower_end_elements(l, e);
}

static void scan_workgroup(vyre_lower_t *l, const op_t *o, bool is_inclusive) {
  if (vyre_type_is_float(o->type))
    scan_in_order(l, o, is_inclusive);
  else
    scan_by_subgroups(l, o, is_inclusive);
}

/* One value for all lanes. */
static void store_for_all(vyre_lower_t *l, const op_t *o, LLVMValueRef value) {
  vyre_level_t level = l->lanes.uniform.vars[o->stmt->var];
  if (level == VYRE_LEVEL_WORKGROUP) {
    LLVMBuildStore(l->ir, value, l->vars[o->stmt->var]);
    return;
  }
  vyre_elements_t e = begin_own_lanes(l);
  store_slot(l, o, vyre_lower_slot_of_lane(l, e.index), value);
  vyre_lower_end_elements(l, e);
}

void vyre_lower_collective_group(vyre_lower_t *l, const vyre_stmt_t *s) {
  const vyre_expr_t *e = &l->program->exprs[s->arg[0]];
  op_t o = {.stmt = s, .expr = e, .type = l->program->exprs[e->a].type};
  o.lowered = vyre_lower_type(l, o.type);
  gather(l, &o);
  if (vyre_expr_class(e->op) == VYRE_CLASS_SUBGROUP) {
    vyre_lower_meet_subgroup(l);
    lower_subgroup_op(l, &o);
    return;
  }
  vyre_lower_meet(l);
  switch (e->op) {
    case VYRE_EXPR_WORKGROUP_INCLUSIVE_ADD: scan_workgroup(l, &o, true); return;
    case VYRE_EXPR_WORKGROUP_EXCLUSIVE_ADD: scan_workgroup(l, &o, false); return;
    case VYRE_EXPR_WORKGROUP_BROADCAST: store_for_all(l, &o, broadcast(l, &o)); return;
    default: store_for_all(l, &o, reduce_workgroup(l, &o)); return;
  }
}
