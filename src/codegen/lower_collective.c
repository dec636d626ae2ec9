/* Subgroup and workgroup ops: a region puts what each lane brings into an array, then it is combined. */
#include "base/assert.h"
#include "codegen/lower.h"

typedef struct op {
  const vyre_stmt_t *stmt;
  const vyre_expr_t *expr;
  vyre_type_t type; /* of the operand */
  LLVMTypeRef lowered;
  LLVMValueRef values;   /* array of them, by lane */
  LLVMValueRef others;   /* array of i32: the lane, mask or distance of each, where they may differ */
  LLVMValueRef other;    /* i64: where it is the same for all that meet */
  LLVMValueRef from, to; /* i64: the lanes that meet */
} op_t;

static LLVMValueRef at(vyre_lower_t *l, const op_t *o, LLVMValueRef lane) {
  return vyre_lower_load(l, o->lowered, vyre_lower_element(l, o->lowered, o->values, lane), "");
}

static bool is_per_lane(const vyre_expr_t *e) {
  return e->op == VYRE_EXPR_SUBGROUP_SHUFFLE || e->op == VYRE_EXPR_SUBGROUP_SHUFFLE_XOR ||
         e->op == VYRE_EXPR_SUBGROUP_SHUFFLE_UP || e->op == VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN;
}

static void gather(vyre_lower_t *l, op_t *o) {
  uint64_t count = l->lanes.count;
  o->values = vyre_lower_alloca(l, LLVMArrayType2(o->lowered, count), "values");
  if (is_per_lane(o->expr)) o->others = vyre_lower_alloca(l, LLVMArrayType2(l->i32, count), "others");
  vyre_region_t region = vyre_lower_begin_region(l);
  LLVMValueRef value = vyre_lower_seen(l, o->type, vyre_lower_expr(l, o->expr->a));
  LLVMBuildStore(l->ir, value, vyre_lower_element(l, o->lowered, o->values, l->lanes.lane));
  if (o->others)
    LLVMBuildStore(l->ir, vyre_lower_expr(l, o->expr->b), vyre_lower_element(l, l->i32, o->others, l->lanes.lane));
  vyre_lower_end_region(l, region);
  if (vyre_expr_arity(o->expr->op) == 2 && !o->others)
    o->other = LLVMBuildZExt(l->ir, vyre_lower_expr(l, o->expr->b), l->i64, "");
}

/* All lanes of the subgroup are dead when one of them is; those above it do not count any more. */
void vyre_lower_meet_subgroup(vyre_lower_t *l) {
  vyre_lower_lanes_t *lanes = &l->lanes;
  LLVMValueRef from = LLVMBuildMul(l->ir, lanes->subgroup, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "");
  LLVMValueRef end = LLVMBuildAdd(l->ir, from, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "");
  LLVMValueRef is_dead = LLVMBuildICmp(l->ir, LLVMIntULT, vyre_lower_load(l, l->i64, lanes->limit, ""), end, "");
  LLVMBasicBlockRef dead = vyre_lower_block(l, "dead"), good = vyre_lower_block(l, "met");
  LLVMBuildCondBr(l->ir, is_dead, dead, good);
  LLVMPositionBuilderAtEnd(l->ir, dead);
  LLVMBuildStore(l->ir, from, lanes->limit);
  LLVMBuildBr(l->ir, lanes->leave);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

/* ---- what it is combined to ---- */

/* The plain node that combines two values. */
vyre_expr_op_t vyre_lower_combiner(vyre_expr_op_t op) {
  switch (op) {
    case VYRE_EXPR_SUBGROUP_MIN:
    case VYRE_EXPR_WORKGROUP_MIN: return VYRE_EXPR_MIN;
    case VYRE_EXPR_SUBGROUP_MAX:
    case VYRE_EXPR_WORKGROUP_MAX: return VYRE_EXPR_MAX;
    case VYRE_EXPR_SUBGROUP_ALL:
    case VYRE_EXPR_WORKGROUP_ALL:
    case VYRE_EXPR_SUBGROUP_AND:
    case VYRE_EXPR_WORKGROUP_AND: return VYRE_EXPR_AND;
    case VYRE_EXPR_SUBGROUP_ANY:
    case VYRE_EXPR_WORKGROUP_ANY:
    case VYRE_EXPR_SUBGROUP_OR:
    case VYRE_EXPR_WORKGROUP_OR: return VYRE_EXPR_OR;
    case VYRE_EXPR_SUBGROUP_XOR:
    case VYRE_EXPR_WORKGROUP_XOR: return VYRE_EXPR_XOR;
    default: return VYRE_EXPR_ADD;
  }
}

static LLVMValueRef combine(vyre_lower_t *l, const op_t *o, LLVMValueRef a, LLVMValueRef b) {
  vyre_expr_t e = {.op = (uint8_t)vyre_lower_combiner(o->expr->op), .type = (uint8_t)o->type};
  return vyre_lower_binary(l, &e, a, b);
}

/* From the first lane to the last. */
static LLVMValueRef fold(vyre_lower_t *l, const op_t *o) {
  LLVMValueRef sum = vyre_lower_alloca(l, o->lowered, "fold");
  LLVMBuildStore(l->ir, at(l, o, o->from), sum);
  LLVMValueRef second = LLVMBuildAdd(l->ir, o->from, vyre_lower_i64(l, 1), "");
  vyre_counted_t loop = vyre_lower_begin_loop(l, second, o->to);
  LLVMBuildStore(l->ir, combine(l, o, vyre_lower_load(l, o->lowered, sum, ""), at(l, o, loop.index)), sum);
  vyre_lower_end_loop(l, loop);
  return vyre_lower_load(l, o->lowered, sum, "");
}

/* v[j] + v[j + 16], then + 8, 4, 2, 1, over the 32 values from `base` on. */
static LLVMValueRef tree(vyre_lower_t *l, const op_t *o, LLVMValueRef base) {
  LLVMValueRef v[VYRE_SUBGROUP_LANES];
  for (unsigned i = 0; i < VYRE_SUBGROUP_LANES; i++)
    v[i] = at(l, o, LLVMBuildAdd(l->ir, base, vyre_lower_i64(l, i), ""));
  for (unsigned step = VYRE_SUBGROUP_LANES / 2; step > 0; step /= 2)
    for (unsigned i = 0; i < step; i++) v[i] = combine(l, o, v[i], v[i + step]);
  return v[0];
}

/* The trees of the subgroups, from the first to the last. */
static LLVMValueRef fold_trees(vyre_lower_t *l, const op_t *o) {
  LLVMValueRef sum = vyre_lower_alloca(l, o->lowered, "fold");
  LLVMBuildStore(l->ir, tree(l, o, o->from), sum);
  vyre_counted_t loop =
      vyre_lower_begin_loop(l, vyre_lower_i64(l, 1), vyre_lower_i64(l, l->lanes.count / VYRE_SUBGROUP_LANES));
  LLVMValueRef base = LLVMBuildMul(l->ir, loop.index, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "");
  LLVMBuildStore(l->ir, combine(l, o, vyre_lower_load(l, o->lowered, sum, ""), tree(l, o, base)), sum);
  vyre_lower_end_loop(l, loop);
  return vyre_lower_load(l, o->lowered, sum, "");
}

static LLVMValueRef reduce(vyre_lower_t *l, const op_t *o) {
  bool is_ordered = vyre_type_is_float(o->type) && vyre_lower_combiner(o->expr->op) == VYRE_EXPR_ADD;
  if (!is_ordered) return fold(l, o);
  return vyre_expr_class(o->expr->op) == VYRE_CLASS_SUBGROUP ? tree(l, o, o->from) : fold_trees(l, o);
}

static LLVMValueRef ballot(vyre_lower_t *l, const op_t *o) {
  LLVMValueRef mask = vyre_lower_alloca(l, l->i32, "ballot");
  LLVMBuildStore(l->ir, LLVMConstInt(l->i32, 0, false), mask);
  vyre_counted_t loop = vyre_lower_begin_loop(l, o->from, o->to);
  LLVMValueRef bit = LLVMBuildZExt(l->ir, at(l, o, loop.index), l->i32, "");
  LLVMValueRef number = LLVMBuildTrunc(l->ir, LLVMBuildSub(l->ir, loop.index, o->from, ""), l->i32, "");
  bit = LLVMBuildShl(l->ir, bit, number, "");
  LLVMBuildStore(l->ir, LLVMBuildOr(l->ir, vyre_lower_load(l, l->i32, mask, ""), bit, ""), mask);
  vyre_lower_end_loop(l, loop);
  return vyre_lower_load(l, l->i32, mask, "");
}

/* ---- where it goes ---- */

static void store_of_lane(vyre_lower_t *l, const op_t *o, LLVMValueRef lane, LLVMValueRef value) {
  VYRE_ASSERT(l->lanes.is_array[o->stmt->var]);
  LLVMBuildStore(l->ir, value, vyre_lower_element(l, LLVMTypeOf(value), l->vars[o->stmt->var], lane));
}

/* One value for all that meet. */
static void store_shared(vyre_lower_t *l, const op_t *o, LLVMValueRef value) {
  if (l->lanes.uniform.vars[o->stmt->var] <= l->lanes.level) {
    LLVMBuildStore(l->ir, value, vyre_lower_var(l, o->stmt->var));
    return;
  }
  vyre_counted_t loop = vyre_lower_begin_loop(l, o->from, o->to);
  bool is_subgroup = l->lanes.uniform.vars[o->stmt->var] == VYRE_LEVEL_SUBGROUP;
  LLVMValueRef index =
      is_subgroup ? LLVMBuildUDiv(l->ir, loop.index, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "") : loop.index;
  store_of_lane(l, o, index, value);
  vyre_lower_end_loop(l, loop);
}

static void scan(vyre_lower_t *l, const op_t *o, bool is_inclusive) {
  LLVMValueRef sum = vyre_lower_alloca(l, o->lowered, "scan");
  LLVMBuildStore(l->ir, LLVMConstNull(o->lowered), sum);
  vyre_counted_t loop = vyre_lower_begin_loop(l, o->from, o->to);
  LLVMValueRef before = vyre_lower_load(l, o->lowered, sum, ""), value = at(l, o, loop.index);
  /* The first sum is the first value itself, which 0 + -0.0 would not be. */
  LLVMValueRef is_first = LLVMBuildICmp(l->ir, LLVMIntEQ, loop.index, o->from, "");
  LLVMValueRef after = LLVMBuildSelect(l->ir, is_first, value, combine(l, o, before, value), "");
  LLVMBuildStore(l->ir, after, sum);
  store_of_lane(l, o, loop.index, is_inclusive ? after : before);
  vyre_lower_end_loop(l, loop);
}

/* The lane that each one's value comes from; all are in the subgroup. */
static LLVMValueRef source_lane(vyre_lower_t *l, const op_t *o, LLVMValueRef lane) {
  LLVMValueRef mask = vyre_lower_i64(l, VYRE_SUBGROUP_LANES - 1);
  LLVMValueRef other =
      LLVMBuildZExt(l->ir, vyre_lower_load(l, l->i32, vyre_lower_element(l, l->i32, o->others, lane), ""), l->i64, "");
  other = LLVMBuildAnd(l->ir, other, mask, "");
  LLVMValueRef number = LLVMBuildAnd(l->ir, lane, mask, "");
  LLVMValueRef source;
  switch (o->expr->op) {
    case VYRE_EXPR_SUBGROUP_SHUFFLE: source = other; break;
    case VYRE_EXPR_SUBGROUP_SHUFFLE_XOR: source = LLVMBuildXor(l->ir, number, other, ""); break;
    case VYRE_EXPR_SUBGROUP_SHUFFLE_UP: source = LLVMBuildSub(l->ir, number, other, ""); break;
    default: source = LLVMBuildAdd(l->ir, number, other, ""); break;
  }
  LLVMValueRef is_none = LLVMBuildICmp(l->ir, LLVMIntUGT, source, mask, "");
  source = LLVMBuildSelect(l->ir, is_none, number, source, "");
  return LLVMBuildAdd(l->ir, o->from, source, "");
}

static void shuffle(vyre_lower_t *l, const op_t *o) {
  vyre_counted_t loop = vyre_lower_begin_loop(l, o->from, o->to);
  store_of_lane(l, o, loop.index, at(l, o, source_lane(l, o, loop.index)));
  vyre_lower_end_loop(l, loop);
}

static LLVMValueRef broadcast(vyre_lower_t *l, const op_t *o) {
  bool is_subgroup = o->expr->op == VYRE_EXPR_SUBGROUP_BROADCAST;
  LLVMValueRef size = vyre_lower_i64(l, is_subgroup ? VYRE_SUBGROUP_LANES : l->lanes.count);
  LLVMValueRef lane = LLVMBuildURem(l->ir, o->other, size, "");
  return at(l, o, LLVMBuildAdd(l->ir, o->from, lane, ""));
}

void vyre_lower_collective(vyre_lower_t *l, const vyre_stmt_t *s) {
  if (l->is_group) {
    vyre_lower_collective_group(l, s);
    return;
  }
  const vyre_expr_t *e = &l->program->exprs[s->arg[0]];
  bool is_subgroup = vyre_expr_class(e->op) == VYRE_CLASS_SUBGROUP;
  op_t o = {.stmt = s, .expr = e, .type = l->program->exprs[e->a].type};
  o.lowered = vyre_lower_type(l, o.type);
  gather(l, &o);
  if (is_subgroup)
    vyre_lower_meet_subgroup(l);
  else
    vyre_lower_meet(l);
  o.from = is_subgroup ? LLVMBuildMul(l->ir, l->lanes.subgroup, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "")
                       : vyre_lower_i64(l, 0);
  o.to = LLVMBuildAdd(l->ir, o.from, vyre_lower_i64(l, is_subgroup ? VYRE_SUBGROUP_LANES : l->lanes.count), "");
  switch (e->op) {
    case VYRE_EXPR_SUBGROUP_INCLUSIVE_ADD:
    case VYRE_EXPR_WORKGROUP_INCLUSIVE_ADD: scan(l, &o, true); return;
    case VYRE_EXPR_SUBGROUP_EXCLUSIVE_ADD:
    case VYRE_EXPR_WORKGROUP_EXCLUSIVE_ADD: scan(l, &o, false); return;
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
    case VYRE_EXPR_SUBGROUP_SHUFFLE_XOR:
    case VYRE_EXPR_SUBGROUP_SHUFFLE_UP:
    case VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN: shuffle(l, &o); return;
    case VYRE_EXPR_SUBGROUP_BALLOT: store_shared(l, &o, ballot(l, &o)); return;
    case VYRE_EXPR_SUBGROUP_BROADCAST:
    case VYRE_EXPR_WORKGROUP_BROADCAST: store_shared(l, &o, broadcast(l, &o)); return;
    default: store_shared(l, &o, reduce(l, &o)); return;
  }
}
