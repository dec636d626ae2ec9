/* Programs of several lanes where a call is executed by the threads of a group.
 *
 * Lane i is thread i % threads's, so a subgroup is a warp's, and its lanes are the warp's threads. What stands between
 * two meetings is done by each thread for its own lanes, from the lowest to the highest; code that a subgroup shares is
 * executed by its warp's threads alike, each warp going through its own subgroups. A thread has values of its own lanes
 * only, in arrays that are one element long where there are as many threads as lanes.
 *
 * A thread whose lane faults keeps the fault and leaves the region: its other lanes are higher. Which is the lowest of
 * all is found behind the region by all of its threads together; `limit` is the same in all of them again then. */
#include "codegen/lower.h"

uint64_t vyre_lower_lane_slots(const vyre_lower_t *l) {
  uint64_t threads = l->group_threads ? l->group_threads : VYRE_WARP_THREADS;
  return (l->lanes.count + threads - 1) / threads;
}

LLVMValueRef vyre_lower_slot_of_lane(vyre_lower_t *l, LLVMValueRef lane) {
  if (vyre_lower_lane_slots(l) == 1) return vyre_lower_i64(l, 0);
  return LLVMBuildUDiv(l->ir, lane, l->threads, "slot");
}

LLVMValueRef vyre_lower_slot_of_subgroup(vyre_lower_t *l, LLVMValueRef subgroup) {
  return vyre_lower_slot_of_lane(l, LLVMBuildMul(l->ir, subgroup, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), ""));
}

static LLVMValueRef is_seen(vyre_lower_t *l) {
  LLVMValueRef seen = vyre_lower_load(l, l->i32, l->lanes.seen, "");
  return LLVMBuildICmp(l->ir, LLVMIntNE, seen, LLVMConstInt(l->i32, 0, false), "");
}

vyre_counted_t vyre_lower_begin_dealt(vyre_lower_t *l, vyre_region_t *r) {
  bool is_workgroup = r->level == VYRE_LEVEL_WORKGROUP;
  /* What the first thread stored for all is seen by them. */
  if (is_workgroup)
    l->target->barrier(l);
  else
    l->target->warp_sync(l);
  LLVMValueRef first = is_workgroup ? l->thread : LLVMBuildAdd(l->ir, r->from, l->warp_lane, "");
  LLVMValueRef to = LLVMBuildTrunc(l->ir, r->to, l->i32, "");
  r->step = is_workgroup ? LLVMBuildTrunc(l->ir, l->threads, l->i32, "") : LLVMConstInt(l->i32, l->lanes.count, false);
  vyre_counted_t loop = {.head = vyre_lower_block(l, "lanes"), .after = vyre_lower_block(l, "endlanes")};
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->ir), body = vyre_lower_block(l, "lane");
  first = LLVMBuildTrunc(l->ir, first, l->i32, "");
  LLVMBuildBr(l->ir, loop.head);
  LLVMPositionBuilderAtEnd(l->ir, loop.head);
  loop.index = LLVMBuildPhi(l->ir, l->i32, "lane");
  LLVMAddIncoming(loop.index, &first, &before, 1);
  LLVMValueRef is_good = LLVMBuildNot(l->ir, is_seen(l), "");
  LLVMValueRef has_more = LLVMBuildAnd(l->ir, LLVMBuildICmp(l->ir, LLVMIntULT, loop.index, to, ""), is_good, "");
  LLVMBuildCondBr(l->ir, has_more, body, loop.after);
  LLVMPositionBuilderAtEnd(l->ir, body);
  return loop;
}

void vyre_lower_end_dealt(vyre_lower_t *l, const vyre_region_t *r) {
  LLVMValueRef next = LLVMBuildAdd(l->ir, r->loop.index, r->step, "");
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(l->ir);
  LLVMAddIncoming(r->loop.index, &next, &latch, 1);
  LLVMBuildBr(l->ir, r->loop.head);
  LLVMPositionBuilderAtEnd(l->ir, r->loop.after);
}

/* In all threads the fault and the lane of the one that has the lowest. */
static void tell_lowest(vyre_lower_t *l, LLVMValueRef mine) {
  LLVMValueRef lowest = vyre_lower_group_min(l, mine);
  vyre_lower_tell_fault(l, LLVMBuildICmp(l->ir, LLVMIntEQ, mine, lowest, ""));
  LLVMBuildStore(l->ir, lowest, l->lanes.limit);
}

static void find_lowest_of_group(vyre_lower_t *l) {
  LLVMBasicBlockRef bad = vyre_lower_block(l, "found"), good = vyre_lower_block(l, "no_lane_faulted");
  LLVMValueRef is_mine = is_seen(l);
  LLVMBuildCondBr(l->ir, l->target->any(l, is_mine), bad, good);
  LLVMPositionBuilderAtEnd(l->ir, bad);
  LLVMValueRef lane = vyre_lower_load(l, l->i64, l->lanes.lowest, "");
  tell_lowest(l, LLVMBuildSelect(l->ir, is_mine, lane, vyre_lower_i64(l, UINT64_MAX), ""));
  LLVMBuildBr(l->ir, good);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

static void find_lowest_of_warp(vyre_lower_t *l, const vyre_region_t *r) {
  LLVMBasicBlockRef bad = vyre_lower_block(l, "found"), good = vyre_lower_block(l, "no_lane_faulted");
  LLVMValueRef votes = l->target->ballot(l, is_seen(l));
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntNE, votes, LLVMConstInt(l->i32, 0, false), ""), bad, good);
  LLVMPositionBuilderAtEnd(l->ir, bad);
  LLVMValueRef arguments[] = {votes, LLVMConstInt(l->i1, 1, false)};
  LLVMValueRef first = vyre_lower_intrinsic(l, "llvm.cttz", l->i32, arguments, 2);
  LLVMBuildStore(l->ir, vyre_lower_shuffle(l, vyre_lower_load(l, l->i32, l->fault, ""), first), l->fault);
  LLVMBuildStore(l->ir, vyre_lower_shuffle(l, vyre_lower_load(l, l->i32, l->node, ""), first), l->node);
  LLVMBuildStore(l->ir, LLVMBuildAdd(l->ir, r->from, LLVMBuildZExt(l->ir, first, l->i64, ""), ""), l->lanes.limit);
  LLVMBuildBr(l->ir, good);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

void vyre_lower_find_lowest_dealt(vyre_lower_t *l, const vyre_region_t *r) {
  if (r->level == VYRE_LEVEL_WORKGROUP)
    find_lowest_of_group(l);
  else
    find_lowest_of_warp(l, r);
}

/* ---- subgroups ---- */

vyre_elements_t vyre_lower_begin_warp_elements(vyre_lower_t *l, LLVMValueRef count) {
  l->target->barrier(l); /* what the first thread stored for all is seen by them */
  LLVMValueRef thread = l->thread, threads = l->threads, lanes = vyre_lower_i64(l, VYRE_WARP_THREADS);
  l->thread = LLVMBuildUDiv(l->ir, thread, lanes, "warp");
  l->threads = LLVMBuildUDiv(l->ir, threads, lanes, "warps");
  vyre_elements_t e = vyre_lower_begin_elements(l, count);
  l->thread = thread;
  l->threads = threads;
  return e;
}

/* Each warp has a limit of its own by now. */
void vyre_lower_join_subgroups(vyre_lower_t *l, LLVMValueRef limit_before) {
  LLVMBasicBlockRef bad = vyre_lower_block(l, "found"), good = vyre_lower_block(l, "subgroups_joined");
  LLVMValueRef limit = vyre_lower_load(l, l->i64, l->lanes.limit, "");
  LLVMValueRef is_lower = LLVMBuildICmp(l->ir, LLVMIntNE, limit, limit_before, "");
  LLVMBuildCondBr(l->ir, l->target->any(l, is_lower), bad, good);
  LLVMPositionBuilderAtEnd(l->ir, bad);
  tell_lowest(l, limit);
  LLVMBuildBr(l->ir, good);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

/* In a workgroup of one subgroup what is the same in it is uniform, but only one warp has come by it. */
void vyre_lower_tell_uniform(vyre_lower_t *l, uint32_t first, uint32_t end) {
  for (uint32_t id = first; id != end; id = l->program->stmts[id].next) {
    const vyre_stmt_t *s = &l->program->stmts[id];
    bool assigns = s->op == VYRE_STMT_LET || s->op == VYRE_STMT_ASSIGN;
    if (!assigns || l->lanes.uniform.vars[s->var] != VYRE_LEVEL_WORKGROUP) continue;
    LLVMTypeRef type = vyre_lower_type(l, l->program->vars[s->var].type);
    vyre_first_t one = vyre_lower_begin_first(l);
    LLVMValueRef value = vyre_lower_load(l, type, l->vars[s->var], "");
    LLVMBuildStore(l->ir, vyre_lower_end_first(l, one, value), l->vars[s->var]);
  }
}
