/* Lanes together. A block in which lanes meet is walked by all that meet there, the workgroup or a subgroup: they go
 * the same way, which the validator has shown. What lies between their meetings each of them runs on its own, one after
 * the other: the lanes of a subgroup, the subgroups of the workgroup.
 *
 * A budget that several lanes share is charged once: each lane begins such a stretch with what was left before it, and
 * all of them end with the same.
 *
 * A dead lane does nothing until it meets others, so it is left out. */
#include <string.h>

#include "base/assert.h"
#include "interp/collective.h"
#include "interp/memory.h"
#include "interp/run.h"

typedef struct group {
  uint32_t first, count;  /* lanes */
  vyre_meeting_t meeting; /* WORKGROUP: all lanes; SUBGROUP: those of one subgroup */
} group_t;

static vyre_lane_t *lane_at(const vyre_run_t *run, uint32_t lane) { return &run->workgroup->lanes[lane]; }

static void enter(vyre_run_t *run, uint32_t lane) {
  run->lane = lane;
  run->vars = run->all_vars + (size_t)lane * run->program->var_count;
  run->fuel[VYRE_LEVEL_LANE] = lane_at(run, lane)->fuel;
}

static void leave(vyre_run_t *run) {
  vyre_lane_t *lane = lane_at(run, run->lane);
  lane->fuel = run->fuel[VYRE_LEVEL_LANE];
  if (!run->fault) return;
  lane->fault = run->fault;
  lane->fault_node = run->fault_node;
  lane->is_dead = true;
  run->fault = VYRE_FAULT_NONE;
}

static bool has_living(const vyre_run_t *run, const group_t *group) {
  for (uint32_t l = group->first; l < group->first + group->count; l++)
    if (!lane_at(run, l)->is_dead) return true;
  return false;
}

/* The fault that was raised for the group is one of each lane's own. */
static vyre_flow_t end_all(vyre_run_t *run, const group_t *group) {
  for (uint32_t l = group->first; l < group->first + group->count; l++) {
    vyre_lane_t *lane = lane_at(run, l);
    if (lane->is_dead) continue;
    *lane = (vyre_lane_t){lane->fuel, run->fault_node, run->fault, true};
  }
  run->fault = VYRE_FAULT_NONE;
  return VYRE_FLOW_END;
}

/* False when a lane is dead: that ends the call, or the part of a subgroup in it. */
static bool meet(vyre_run_t *run, const group_t *group) {
  bool is_whole = true;
  for (uint32_t l = group->first; l < group->first + group->count; l++) is_whole &= !lane_at(run, l)->is_dead;
  if (is_whole || group->meeting == VYRE_MEETING_WORKGROUP) return is_whole;
  for (uint32_t l = group->first; l < group->first + group->count; l++) lane_at(run, l)->is_dead = true;
  return false;
}

/* The value of an expression that is the same in all lanes of the group; false when no lane lives to have it. */
static bool decide(vyre_run_t *run, const group_t *group, uint32_t expr, uint64_t *out_value) {
  bool has_value = false;
  for (uint32_t l = group->first; l < group->first + group->count; l++) {
    if (lane_at(run, l)->is_dead) continue;
    enter(run, l);
    uint64_t value = vyre_run_eval(run, expr).low;
    bool is_alive = run->fault == VYRE_FAULT_NONE;
    leave(run);
    if (!is_alive) continue;
    VYRE_ASSERT(!has_value || *out_value == value);
    *out_value = value;
    has_value = true;
  }
  return has_value;
}

/* ---- apart ---- */

static vyre_flow_t exec_range(vyre_run_t *run, const group_t *group, uint32_t from, uint32_t until);

/* How the parts of a group came out of a stretch. */
typedef struct outcome {
  bool is_any;
  vyre_flow_t flow;
  uint64_t fuel[2]; /* of the workgroup; of the subgroup, when its lanes are the parts */
} outcome_t;

/* Parts that go on go on together, unless the stretch is the whole body and nothing follows. */
static void join(outcome_t *outcome, const vyre_run_t *run, vyre_flow_t flow, unsigned shared, bool is_body) {
  for (unsigned i = 0; i < shared; i++) {
    VYRE_ASSERT(!outcome->is_any || is_body || (outcome->flow == flow && outcome->fuel[i] == run->fuel[i]));
    outcome->fuel[i] = run->fuel[i];
  }
  outcome->flow = flow;
  outcome->is_any = true;
}

/* END when nobody is left. */
static vyre_flow_t exec_apart(vyre_run_t *run, const group_t *group, uint32_t from, uint32_t until) {
  bool is_workgroup = group->meeting == VYRE_MEETING_WORKGROUP, is_body = from == run->program->body && until == 0;
  unsigned shared = is_workgroup ? 1 : 2;
  outcome_t outcome = {.flow = VYRE_FLOW_END, .fuel = {run->fuel[0], run->fuel[1]}};
  uint64_t before[2] = {run->fuel[0], run->fuel[1]};
  group_t part = {.count = is_workgroup ? VYRE_SUBGROUP_LANES : 1, .meeting = VYRE_MEETING_SUBGROUP};
  for (part.first = group->first; part.first < group->first + group->count; part.first += part.count) {
    if (!has_living(run, &part)) continue;
    memcpy(run->fuel, before, shared * sizeof *before);
    vyre_flow_t flow;
    if (is_workgroup) {
      uint64_t *fuel = &run->workgroup->subgroup_fuel[part.first / VYRE_SUBGROUP_LANES];
      run->fuel[VYRE_LEVEL_SUBGROUP] = *fuel;
      flow = exec_range(run, &part, from, until);
      *fuel = run->fuel[VYRE_LEVEL_SUBGROUP];
    } else {
      enter(run, part.first);
      flow = vyre_run_range(run, from, until);
      leave(run);
    }
    if (has_living(run, &part)) join(&outcome, run, flow, shared, is_body);
  }
  memcpy(run->fuel, outcome.fuel, shared * sizeof *before);
  return outcome.flow;
}

/* ---- together ---- */

/* The right side of a LET or an ASSIGN. */
static vyre_flow_t exec_op(vyre_run_t *run, const group_t *group, const vyre_stmt_t *s) {
  vyre_workgroup_t *w = run->workgroup;
  const vyre_expr_t *e = &run->program->exprs[s->arg[0]];
  const uint32_t operands[2] = {e->a, e->b};
  for (uint32_t l = group->first; l < group->first + group->count; l++) {
    if (lane_at(run, l)->is_dead) continue;
    enter(run, l);
    for (unsigned i = 0; i < vyre_expr_arity(e->op) && !run->fault; i++)
      w->operands[i][l] = vyre_run_eval(run, operands[i]).low;
    leave(run);
  }
  if (!meet(run, group)) return VYRE_FLOW_END;
  vyre_collective(e->op, run->program->exprs[e->a].type, w->operands[0] + group->first, w->operands[1] + group->first,
                  group->count, w->results + group->first);
  for (uint32_t l = group->first; l < group->first + group->count; l++)
    run->all_vars[(size_t)l * run->program->var_count + s->var] = vyre_cell(w->results[l]);
  return VYRE_FLOW_NEXT;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* ASYNC_LOAD and ASYNC_STORE: done at once, which is one of the times when it may be done. */
static vyre_flow_t exec_copy(vyre_run_t *run, const group_t *group, const vyre_stmt_t *s) {
  uint64_t at = 0, from = 0, n = 0;
  if (!decide(run, group, s->arg[0], &at) || !decide(run, group, s->arg[1], &from) ||
      !decide(run, group, s->arg[2], &n) || !meet(run, group))
    return VYRE_FLOW_END;
  const vyre_view_t *target = &run->views[s->param], *source = &run->views[s->param2];
  uint64_t target_end = target->count + target->behind, source_end = source->count + source->behind;
  uint64_t room = least(at < target_end ? target_end - at : 0, from < source_end ? source_end - from : 0);
  unsigned bytes = vyre_type_bytes(run->program->params[s->param].type);
  uint64_t copied = least(n, room);
  if (copied) memmove(target->base + at * bytes, source->base + from * bytes, copied * bytes);
  if (copied == n) return VYRE_FLOW_NEXT;
  vyre_run_fault_at(run, VYRE_FAULT_OUT_OF_RANGE, s);
  return end_all(run, group);
}

/* Which lanes run the iterations is not specified: here it is the first. */
static vyre_flow_t exec_foreach(vyre_run_t *run, const group_t *group, const vyre_stmt_t *s) {
  uint64_t low = 0, high = 0;
  if (!decide(run, group, s->arg[0], &low) || !decide(run, group, s->arg[1], &high) || !meet(run, group))
    return VYRE_FLOW_END;
  const uint8_t *levels = run->levels;
  enter(run, 0);
  vyre_flow_t flow = vyre_run_foreach(run, s, low, high);
  leave(run);
  run->levels = levels;
  return flow;
}

static vyre_flow_t exec_uncounted(vyre_run_t *run, const group_t *group, const vyre_stmt_t *s) {
  for (;;) {
    uint64_t goes_on = 1;
    if (s->op == VYRE_STMT_WHILE && !decide(run, group, s->arg[0], &goes_on)) return VYRE_FLOW_END;
    if (!goes_on) return VYRE_FLOW_NEXT;
    if (!vyre_run_begin_uncounted(run, s)) return end_all(run, group);
    vyre_flow_t flow = exec_range(run, group, s->body, 0);
    if (flow == VYRE_FLOW_BREAK) return VYRE_FLOW_NEXT;
    if (flow == VYRE_FLOW_END) return VYRE_FLOW_END;
  }
}

static vyre_flow_t exec_for(vyre_run_t *run, const group_t *group, const vyre_stmt_t *s) {
  uint64_t low = 0, high = 0;
  if (!decide(run, group, s->arg[0], &low) || !decide(run, group, s->arg[1], &high)) return VYRE_FLOW_END;
  uint64_t n = high > low ? high - low : 0, m = vyre_run_charge(run, s, n);
  for (uint64_t k = 0; k < m; k++) {
    if (!vyre_run_begin_counted(run, s, k)) return end_all(run, group);
    for (uint32_t l = group->first; l < group->first + group->count; l++)
      run->all_vars[(size_t)l * run->program->var_count + s->var] = vyre_cell(low + k);
    vyre_flow_t flow = exec_range(run, group, s->body, 0);
    if (flow == VYRE_FLOW_BREAK) return VYRE_FLOW_NEXT;
    if (flow == VYRE_FLOW_END) return VYRE_FLOW_END;
  }
  if (m == n) return VYRE_FLOW_NEXT;
  vyre_run_fault_at(run, VYRE_FAULT_FUEL, s);
  return end_all(run, group);
}

static vyre_flow_t exec_together(vyre_run_t *run, const group_t *group, const vyre_stmt_t *s) {
  uint64_t value = 0;
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN: return exec_op(run, group, s);
    case VYRE_STMT_BARRIER: vyre_memory_fence(s->order); return meet(run, group) ? VYRE_FLOW_NEXT : VYRE_FLOW_END;
    case VYRE_STMT_ASYNC_WAIT: return meet(run, group) ? VYRE_FLOW_NEXT : VYRE_FLOW_END;
    case VYRE_STMT_ASYNC_LOAD:
    case VYRE_STMT_ASYNC_STORE: return exec_copy(run, group, s);
    case VYRE_STMT_FOREACH: return exec_foreach(run, group, s);
    case VYRE_STMT_IF:
      if (!decide(run, group, s->arg[0], &value)) return VYRE_FLOW_END;
      return exec_range(run, group, value ? s->body : s->orelse, 0);
    case VYRE_STMT_SWITCH:
      if (!decide(run, group, s->arg[0], &value)) return VYRE_FLOW_END;
      return exec_range(run, group, vyre_run_switch(run, s, value), 0);
    case VYRE_STMT_BLOCK: return exec_range(run, group, s->body, 0);
    case VYRE_STMT_WHILE:
    case VYRE_STMT_FOREVER: return exec_uncounted(run, group, s);
    case VYRE_STMT_FOR: return exec_for(run, group, s);
    default: VYRE_UNREACHABLE();
  }
}

/* Statements in which this group meets are walked together, those between them apart. */
static vyre_flow_t exec_range(vyre_run_t *run, const group_t *group, uint32_t from, uint32_t until) {
  const vyre_stmt_t *stmts = run->program->stmts;
  const uint8_t *meetings = run->interp->uniform.meetings;
  for (uint32_t id = from; id != until;) {
    uint32_t begin = id;
    while (id != until && meetings[id] != group->meeting) id = stmts[id].next;
    vyre_flow_t flow = VYRE_FLOW_NEXT;
    if (id != begin) {
      flow = exec_apart(run, group, begin, id);
    } else {
      flow = exec_together(run, group, &stmts[id]);
      id = stmts[id].next;
    }
    if (flow != VYRE_FLOW_NEXT) return flow;
  }
  return VYRE_FLOW_NEXT;
}

void vyre_run_workgroup(vyre_run_t *run) {
  uint32_t lanes = run->program->workgroup_size;
  group_t all = {.count = lanes, .meeting = VYRE_MEETING_WORKGROUP};
  for (uint32_t l = 0; l < lanes; l++) *lane_at(run, l) = (vyre_lane_t){.fuel = run->frame->fuel};
  for (uint32_t i = 0; i < lanes / VYRE_SUBGROUP_LANES; i++) run->workgroup->subgroup_fuel[i] = run->frame->fuel;
  exec_range(run, &all, run->program->body, 0);
  for (uint32_t l = 0; l < lanes && !run->fault; l++) {
    run->fault = lane_at(run, l)->fault;
    run->fault_node = lane_at(run, l)->fault_node;
  }
}
