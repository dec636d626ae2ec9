/* Programs of several lanes, on a device that runs a call with one thread; what differs where lanes are the threads of
 * a group is in lower_region_group.c.
 *
 * What is uniform is lowered once. Between two meetings everything else stands in regions: loops over the lanes, which
 * LLVM vectorizes. Code that only the lanes of a subgroup share stands in a loop over subgroups, and has regions of 32
 * lanes. So a block is lowered at one of three levels, and a statement whose control flow or whose loops belong to a
 * finer level opens it:
 *
 *   WORKGROUP  structure, uniform statements, meetings of the workgroup
 *   SUBGROUP   the same for one subgroup
 *   LANE       everything, for one lane
 *
 * Values of lanes that are used in more than one region are arrays, the others registers.
 *
 * A lane that faults leaves its region. Which lane is the lowest is found behind the region, in its list of codes; from
 * there on that lane and those above it do nothing more (`limit`): they could not change what is reported. At a meeting
 * of the workgroup, and at the end, the call ends when there is such a lane. */
#include "base/assert.h"
#include "base/memory.h"
#include "codegen/lower.h"
#include "codegen/lower_part.h"
#include "ir/typing.h"

/* ---- which variables are made where they are used ---- */

enum { MADE_NODES_MAX = 12 };

/* Nodes of an expression of a few pure operations on lane numbers and on what is uniform and does not change, with the
 * definitions of what is made itself; more than MADE_NODES_MAX for any other. It is cheaper than an array, and an index
 * of this kind lets LLVM see that lanes' elements are neighbours. */
static unsigned count_made(const vyre_lower_t *l, const vyre_expr_t *e) {
  const vyre_program_t *p = l->program;
  const unsigned never = MADE_NODES_MAX + 1;
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF:
      if (e->op != VYRE_EXPR_VAR) return e->op != VYRE_EXPR_OUTPUT ? 1 : never;
      if (p->vars[e->a].is_mutable) return never;
      if (l->lanes.is_made[e->a]) return 1 + count_made(l, l->definitions[e->a]);
      return l->lanes.uniform.vars[e->a] == VYRE_LEVEL_WORKGROUP ? 1 : never;
    case VYRE_CLASS_BINARY:
      if (e->op == VYRE_EXPR_DIV || e->op == VYRE_EXPR_REM || e->op == VYRE_EXPR_POW) return never;
      break;
    case VYRE_CLASS_CAST:
    case VYRE_CLASS_COMPARE:
    case VYRE_CLASS_SELECT: break;
    default: return never;
  }
  unsigned nodes = 1;
  for (unsigned i = 0; i < vyre_expr_arity(e->op) && nodes < never; i++)
    nodes += count_made(l, &p->exprs[vyre_expr_operand(e, i)]);
  return nodes;
}

/* In the order of the statements' ids, which is that of their places in a canonical form: what a definition uses comes
 * first, or is not found to be made, which costs an array and no more. */
static void find_made(vyre_lower_t *l) {
  for (uint32_t i = 1; i < l->program->stmt_count; i++) {
    const vyre_stmt_t *s = &l->program->stmts[i];
    bool is_candidate =
        s->op == VYRE_STMT_LET && l->definitions[s->var] && l->lanes.uniform.vars[s->var] == VYRE_LEVEL_LANE;
    if (is_candidate && count_made(l, l->definitions[s->var]) <= MADE_NODES_MAX) l->lanes.is_made[s->var] = 1;
  }
}

static bool is_made_let(const vyre_lower_t *l, const vyre_stmt_t *s) {
  return s->op == VYRE_STMT_LET && l->lanes.is_made[s->var];
}

/* ---- which statement belongs where ---- */

typedef enum unit {
  UNIT_ONCE,      /* lowered once at this level */
  UNIT_STRUCTURE, /* its control flow is, its bodies are blocks of this level */
  UNIT_MEETING,
  UNIT_SUBGROUPS, /* needs a loop over subgroups */
  UNIT_LANES,     /* needs a region */
} unit_t;

static bool is_construct(const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_IF:
    case VYRE_STMT_SWITCH:
    case VYRE_STMT_CASE:
    case VYRE_STMT_DEFAULT:
    case VYRE_STMT_BLOCK:
    case VYRE_STMT_WHILE:
    case VYRE_STMT_FOREVER:
    case VYRE_STMT_FOR: return true;
    default: return false;
  }
}

/* A statement without bodies whose effect is the same whether one lane or all of them do it. */
static bool is_once(const vyre_lower_t *l, const vyre_stmt_t *s, vyre_level_t level) {
  const vyre_program_t *p = l->program;
  const vyre_uniform_t *u = &l->lanes.uniform;
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN: return u->vars[s->var] <= level;
    case VYRE_STMT_STORE:
      return p->params[s->param].role != VYRE_ROLE_PRIVATE && vyre_uniform_expr(u, p, s->arg[0]) <= level &&
             vyre_uniform_expr(u, p, s->arg[1]) <= level;
    case VYRE_STMT_SET:
    case VYRE_STMT_TRAP:
    case VYRE_STMT_RETURN:
    case VYRE_STMT_BREAK:
    case VYRE_STMT_CONTINUE: return true;
    default: return false; /* additions, records, calls, atomics: each lane does its own */
  }
}

static unit_t unit_of(const vyre_lower_t *l, uint32_t id, vyre_level_t level) {
  const vyre_stmt_t *s = &l->program->stmts[id];
  const vyre_uniform_t *u = &l->lanes.uniform;
  if (is_made_let(l, s)) return UNIT_ONCE; /* which is nothing */
  if (is_construct(s)) {
    if (u->inside[id] <= level) return UNIT_STRUCTURE;
    return u->inside[id] == VYRE_LEVEL_SUBGROUP ? UNIT_SUBGROUPS : UNIT_LANES;
  }
  if (u->control[id] > level) return u->control[id] == VYRE_LEVEL_SUBGROUP ? UNIT_SUBGROUPS : UNIT_LANES;
  if (u->meetings[id] == VYRE_MEETING_WORKGROUP) return UNIT_MEETING;
  if (u->meetings[id] == VYRE_MEETING_SUBGROUP) return level == VYRE_LEVEL_SUBGROUP ? UNIT_MEETING : UNIT_SUBGROUPS;
  if (is_once(l, s, level)) return UNIT_ONCE;
  /* A variable that a subgroup has one of is assigned once by it, not once by each of its lanes. */
  bool is_let = s->op == VYRE_STMT_LET || s->op == VYRE_STMT_ASSIGN;
  if (is_let && u->vars[s->var] == VYRE_LEVEL_SUBGROUP && level == VYRE_LEVEL_WORKGROUP) return UNIT_SUBGROUPS;
  return UNIT_LANES;
}

/* A run of statements that belong into one loop: [first, *out_end). Subgroups may hold regions. */
static unit_t run_of(const vyre_lower_t *l, uint32_t first, vyre_level_t level, uint32_t *out_end) {
  unit_t run = UNIT_LANES;
  uint32_t id = first;
  for (; id != 0; id = l->program->stmts[id].next) {
    if (is_made_let(l, &l->program->stmts[id])) continue;
    unit_t unit = unit_of(l, id, level);
    if (unit != UNIT_LANES && unit != UNIT_SUBGROUPS) break;
    if (unit == UNIT_SUBGROUPS) run = UNIT_SUBGROUPS;
  }
  *out_end = id;
  return run;
}

/* ---- which variables live in arrays ---- */

static void use_var(vyre_lower_t *l, uint32_t var) {
  uint32_t *region = &l->lanes.region[var];
  if (*region == 0) *region = l->lanes.regions;
  if (*region != l->lanes.regions) l->lanes.is_array[var] = 1;
}

static void use_expr(vyre_lower_t *l, uint32_t id) {
  const vyre_expr_t *e = &l->program->exprs[id];
  if (e->op == VYRE_EXPR_VAR) use_var(l, e->a);
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) use_expr(l, vyre_expr_operand(e, i));
  for (uint32_t list = e->op == VYRE_EXPR_CALL ? e->b : 0; list; list = l->program->exprs[list].b)
    use_expr(l, l->program->exprs[list].a);
}

static void use_block(vyre_lower_t *l, uint32_t first, uint32_t end);

static void use_stmt(vyre_lower_t *l, const vyre_stmt_t *s) {
  for (unsigned i = 0; i < vyre_stmt_operands(s); i++) use_expr(l, s->arg[i]);
  if (s->op == VYRE_STMT_LET || s->op == VYRE_STMT_ASSIGN || s->op == VYRE_STMT_FOR) use_var(l, s->var);
  use_block(l, s->body, 0);
  use_block(l, s->orelse, 0);
}

static void use_block(vyre_lower_t *l, uint32_t first, uint32_t end) {
  for (uint32_t id = first; id != end; id = l->program->stmts[id].next) use_stmt(l, &l->program->stmts[id]);
}

/* The same walk as lower_sequence's. */
static void find_arrays(vyre_lower_t *l, uint32_t first, uint32_t end, vyre_level_t level) {
  const vyre_program_t *p = l->program;
  for (uint32_t id = first; id != end;) {
    const vyre_stmt_t *s = &p->stmts[id];
    uint32_t run_end;
    switch (unit_of(l, id, level)) {
      case UNIT_STRUCTURE:
        find_arrays(l, s->body, 0, level);
        find_arrays(l, s->orelse, 0, level);
        break;
      case UNIT_MEETING: /* its operand has a region of its own; its result is seen by all */
        l->lanes.regions++;
        if (s->op == VYRE_STMT_LET || s->op == VYRE_STMT_ASSIGN) {
          use_expr(l, s->arg[0]);
          l->lanes.is_array[s->var] = 1;
        }
        break;
      case UNIT_SUBGROUPS:
      case UNIT_LANES:
        if (run_of(l, id, level, &run_end) == UNIT_SUBGROUPS) {
          find_arrays(l, id, run_end, VYRE_LEVEL_SUBGROUP);
        } else {
          l->lanes.regions++;
          use_block(l, id, run_end);
        }
        id = run_end;
        continue;
      case UNIT_ONCE: break;
    }
    id = s->next;
  }
}

bool vyre_lower_init_lanes(vyre_lower_t *l) {
  const vyre_program_t *p = l->program;
  l->lanes.count = p->workgroup_size;
  if (l->lanes.count == 1) return true;
  l->lanes.is_array = vyre_calloc(p->var_count, 1);
  l->lanes.is_made = vyre_calloc(p->var_count, 1);
  l->lanes.region = vyre_calloc(p->var_count, sizeof *l->lanes.region);
  vyre_status_t status = vyre_uniform_init(&l->lanes.uniform, p);
  bool has_memory = !status && l->lanes.is_array && l->lanes.is_made && l->lanes.region;
  vyre_status_destroy(&status);
  if (!has_memory) return false;
  find_made(l);
  find_arrays(l, p->body, 0, VYRE_LEVEL_WORKGROUP);
  for (uint32_t i = 1; i < p->var_count; i++)
    l->lanes.is_array[i] =
        l->lanes.uniform.vars[i] == VYRE_LEVEL_SUBGROUP ||
        (l->lanes.uniform.vars[i] == VYRE_LEVEL_LANE && l->lanes.is_array[i] && !l->lanes.is_made[i]);
  return true;
}

void vyre_lower_deinit_lanes(vyre_lower_t *l) {
  vyre_uniform_deinit(&l->lanes.uniform);
  vyre_free(l->lanes.is_array);
  vyre_free(l->lanes.is_made);
  vyre_free(l->lanes.region);
}

/* ---- the start of a call ---- */

static LLVMValueRef fill_fuel(vyre_lower_t *l, uint64_t count, const char *name) {
  if (l->target->is_group) count = vyre_lower_lane_slots(l);
  LLVMValueRef array = vyre_lower_alloca(l, LLVMArrayType2(l->i64, count), name);
  LLVMValueRef fuel = vyre_lower_load(l, l->i64, l->fuel, "");
  vyre_counted_t loop = vyre_lower_begin_loop(l, vyre_lower_i64(l, 0), vyre_lower_i64(l, count));
  LLVMBuildStore(l->ir, fuel, vyre_lower_element(l, l->i64, array, loop.index));
  vyre_lower_end_loop(l, loop);
  return array;
}

static bool has_loops_at(const vyre_lower_t *l, vyre_level_t level) {
  for (uint32_t i = 1; i < l->program->stmt_count; i++) {
    const vyre_stmt_t *s = &l->program->stmts[i];
    bool is_loop = s->op == VYRE_STMT_WHILE || s->op == VYRE_STMT_FOREVER || s->op == VYRE_STMT_FOR;
    if (is_loop && l->lanes.uniform.inside[i] == level) return true;
  }
  return false;
}

void vyre_lower_begin_lanes(vyre_lower_t *l) {
  vyre_lower_lanes_t *lanes = &l->lanes;
  uint64_t count = lanes->count;
  lanes->limit = vyre_lower_alloca(l, l->i64, "limit");
  LLVMBuildStore(l->ir, vyre_lower_i64(l, count), lanes->limit);
  lanes->seen = vyre_lower_alloca(l, l->i32, "lane_seen");
  if (l->is_group) {
    lanes->lowest = vyre_lower_alloca(l, l->i64, "lowest_lane");
  } else {
    lanes->codes = vyre_lower_alloca(l, LLVMArrayType2(l->i64, count), "codes");
    LLVMBuildMemSet(l->ir, lanes->codes, LLVMConstInt(l->i8, 0, false), vyre_lower_i64(l, 8 * count), 8);
  }
  LLVMBuildStore(l->ir, vyre_lower_i64(l, 0), l->iteration);
  if (!l->is_bounded) return;
  if (has_loops_at(l, VYRE_LEVEL_LANE)) lanes->lane_fuel = fill_fuel(l, count, "lane_fuel");
  if (has_loops_at(l, VYRE_LEVEL_SUBGROUP))
    lanes->subgroup_fuel = fill_fuel(l, count / VYRE_SUBGROUP_LANES, "subgroup_fuel");
}

/* ---- regions ---- */

static LLVMValueRef lane_fuel(vyre_lower_t *l) {
  const vyre_lower_lanes_t *lanes = &l->lanes;
  if (!lanes->lane_fuel) return l->fuel;
  LLVMValueRef index = l->is_group ? vyre_lower_slot_of_lane(l, lanes->lane) : lanes->lane;
  return vyre_lower_element(l, l->i64, lanes->lane_fuel, index);
}

static LLVMValueRef subgroup_fuel(vyre_lower_t *l) {
  const vyre_lower_lanes_t *lanes = &l->lanes;
  if (!lanes->subgroup_fuel) return l->fuel;
  LLVMValueRef index = l->is_group ? vyre_lower_slot_of_subgroup(l, lanes->subgroup) : lanes->subgroup;
  return vyre_lower_element(l, l->i64, lanes->subgroup_fuel, index);
}

vyre_region_t vyre_lower_begin_region(vyre_lower_t *l) {
  vyre_lower_lanes_t *lanes = &l->lanes;
  vyre_region_t r = {
      .level = lanes->level, .mode = l->mode, .fuel = l->fuel, .subgroup = lanes->subgroup, .end = lanes->end};
  LLVMValueRef limit = vyre_lower_load(l, l->i64, lanes->limit, "");
  r.from = vyre_lower_i64(l, 0);
  r.to = limit;
  if (r.level == VYRE_LEVEL_SUBGROUP) {
    r.from = LLVMBuildMul(l->ir, lanes->subgroup, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "");
    LLVMValueRef end = LLVMBuildAdd(l->ir, r.from, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "");
    r.to = vyre_lower_intrinsic(l, "llvm.umin", l->i64, (LLVMValueRef[]){end, limit}, 2);
  }
  LLVMBuildStore(l->ir, LLVMConstInt(l->i32, 0, false), lanes->seen);
  /* Counted in 32 bits, as lane() is: so LLVM sees that lanes' elements are neighbours. */
  r.loop = l->is_group ? vyre_lower_begin_dealt(l, &r)
                       : vyre_lower_begin_loop(l, LLVMBuildTrunc(l->ir, r.from, l->i32, ""),
                                               LLVMBuildTrunc(l->ir, r.to, l->i32, ""));
  lanes->can_fault = false;
  lanes->level = VYRE_LEVEL_LANE;
  l->mode = VYRE_MODE_LANE;
  lanes->lane_number = r.loop.index;
  lanes->lane = LLVMBuildZExt(l->ir, r.loop.index, l->i64, "lane");
  if (r.level == VYRE_LEVEL_WORKGROUP)
    lanes->subgroup = LLVMBuildUDiv(l->ir, lanes->lane, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "");
  lanes->end = vyre_lower_block(l, "lane_end");
  l->fuel = lane_fuel(l);
  return r;
}

/* The lowest lane of the region that faulted: its code becomes the call's, and lanes end there. */
static void find_lowest(vyre_lower_t *l, const vyre_region_t *r) {
  vyre_lower_lanes_t *lanes = &l->lanes;
  LLVMBasicBlockRef scan = vyre_lower_block(l, "lowest"), found = vyre_lower_block(l, "found");
  LLVMBasicBlockRef good = vyre_lower_block(l, "no_lane_faulted"), before = LLVMGetInsertBlock(l->ir);
  LLVMValueRef seen = vyre_lower_load(l, l->i32, lanes->seen, "");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntNE, seen, LLVMConstInt(l->i32, 0, false), ""), scan, good);
  LLVMPositionBuilderAtEnd(l->ir, scan);
  LLVMValueRef lane = LLVMBuildPhi(l->ir, l->i64, "lowest");
  LLVMValueRef code = vyre_lower_load(l, l->i64, vyre_lower_element(l, l->i64, lanes->codes, lane), "");
  LLVMValueRef next = LLVMBuildAdd(l->ir, lane, vyre_lower_i64(l, 1), "");
  LLVMAddIncoming(lane, (LLVMValueRef[]){r->from, next}, (LLVMBasicBlockRef[]){before, scan}, 2);
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntNE, code, vyre_lower_i64(l, 0), ""), found, scan);
  LLVMPositionBuilderAtEnd(l->ir, found);
  LLVMBuildStore(l->ir, lane, lanes->limit);
  LLVMBuildStore(l->ir, LLVMBuildTrunc(l->ir, code, l->i32, ""), l->node);
  LLVMValueRef fault = LLVMBuildLShr(l->ir, code, vyre_lower_i64(l, 32), "");
  LLVMBuildStore(l->ir, LLVMBuildTrunc(l->ir, fault, l->i32, ""), l->fault);
  LLVMBuildBr(l->ir, good);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

/* Nobody whose fault could be reported instead: what follows is not to overwrite it. */
static void leave_if_nobody_is_left(vyre_lower_t *l, LLVMValueRef from, LLVMBasicBlockRef target) {
  LLVMBasicBlockRef good = vyre_lower_block(l, "lanes_left");
  LLVMValueRef limit = vyre_lower_load(l, l->i64, l->lanes.limit, "");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntULE, limit, from, ""), target, good);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

void vyre_lower_end_region(vyre_lower_t *l, vyre_region_t r) {
  vyre_lower_lanes_t *lanes = &l->lanes;
  vyre_lower_continue_in(l, lanes->end);
  if (l->is_group)
    vyre_lower_end_dealt(l, &r);
  else
    vyre_lower_end_loop(l, r.loop);
  lanes->level = r.level;
  l->mode = r.mode;
  l->fuel = r.fuel;
  lanes->lane = lanes->lane_number = NULL;
  lanes->subgroup = r.subgroup;
  lanes->end = r.end;
  if (!lanes->can_fault) return;
  if (l->is_group)
    vyre_lower_find_lowest_dealt(l, &r);
  else
    find_lowest(l, &r);
  leave_if_nobody_is_left(l, r.from, r.level == VYRE_LEVEL_WORKGROUP ? l->exit : lanes->leave);
}

static void lower_sequence(vyre_lower_t *l, uint32_t first, uint32_t end);

/* Subgroup after subgroup, as long as there are lanes that count. */
static void lower_subgroups(vyre_lower_t *l, uint32_t first, uint32_t end) {
  vyre_lower_lanes_t *lanes = &l->lanes;
  LLVMBasicBlockRef outer_leave = lanes->leave, outer_end = lanes->end;
  LLVMValueRef fuel = l->fuel;
  LLVMValueRef count = vyre_lower_i64(l, lanes->count / VYRE_SUBGROUP_LANES), before = NULL;
  vyre_counted_t loop;
  vyre_elements_t dealt = {0};
  if (l->is_group) {
    before = vyre_lower_load(l, l->i64, lanes->limit, "");
    dealt = vyre_lower_begin_warp_elements(l, count);
    loop = (vyre_counted_t){.head = dealt.head, .after = dealt.after, .index = dealt.index};
  } else {
    loop = vyre_lower_begin_loop(l, vyre_lower_i64(l, 0), count);
  }
  LLVMBasicBlockRef body = vyre_lower_block(l, "subgroup"), last = vyre_lower_block(l, "subgroup_end");
  LLVMValueRef from = LLVMBuildMul(l->ir, loop.index, vyre_lower_i64(l, VYRE_SUBGROUP_LANES), "");
  LLVMValueRef limit = vyre_lower_load(l, l->i64, lanes->limit, "");
  LLVMBuildCondBr(l->ir, LLVMBuildICmp(l->ir, LLVMIntULT, from, limit, ""), body, loop.after);
  LLVMPositionBuilderAtEnd(l->ir, body);
  lanes->level = VYRE_LEVEL_SUBGROUP;
  l->mode = VYRE_MODE_SUBGROUP;
  lanes->subgroup = loop.index;
  lanes->leave = loop.after;
  lanes->end = last;
  l->fuel = subgroup_fuel(l);
  lower_sequence(l, first, end);
  vyre_lower_continue_in(l, last);
  if (l->is_group)
    vyre_lower_end_elements(l, dealt);
  else
    vyre_lower_end_loop(l, loop);
  lanes->level = VYRE_LEVEL_WORKGROUP;
  l->mode = VYRE_MODE_UNIFORM;
  lanes->subgroup = NULL;
  lanes->leave = outer_leave;
  lanes->end = outer_end;
  l->fuel = fuel;
  if (l->is_group) vyre_lower_join_subgroups(l, before);
  if (l->is_group && lanes->count == VYRE_SUBGROUP_LANES) vyre_lower_tell_uniform(l, first, end);
  leave_if_nobody_is_left(l, vyre_lower_i64(l, 0), l->exit);
}

/* ---- meetings ---- */

void vyre_lower_meet(vyre_lower_t *l) {
  if (l->is_group) l->target->barrier(l);
  LLVMBasicBlockRef good = vyre_lower_block(l, "met");
  LLVMValueRef limit = vyre_lower_load(l, l->i64, l->lanes.limit, "");
  LLVMValueRef is_bad = LLVMBuildICmp(l->ir, LLVMIntULT, limit, vyre_lower_i64(l, l->lanes.count), "");
  LLVMBuildCondBr(l->ir, is_bad, l->exit, good);
  LLVMPositionBuilderAtEnd(l->ir, good);
}

/* Each thread of a group orders its own accesses, on either side of the barrier that others come to. */
static void wide_barrier(vyre_lower_t *l, const vyre_stmt_t *s) {
  if (!l->is_group) {
    LLVMBuildFence(l->ir, vyre_lower_ordering(s->order), false, "");
    return;
  }
  l->target->fence(l, s->order, s->scope);
  l->target->barrier(l);
  l->target->fence(l, s->order, s->scope);
}

static void lower_meeting(vyre_lower_t *l, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN: vyre_lower_collective(l, s); return;
    case VYRE_STMT_BARRIER:
      vyre_lower_meet(l);
      if (s->scope != VYRE_SCOPE_WORKGROUP) wide_barrier(l, s);
      return;
    case VYRE_STMT_ASYNC_WAIT: vyre_lower_meet(l); return;
    case VYRE_STMT_ASYNC_LOAD:
    case VYRE_STMT_ASYNC_STORE:
      vyre_lower_meet(l);
      vyre_lower_copy(l, s);
      return;
    case VYRE_STMT_FOREACH:
      vyre_lower_meet(l);
      vyre_lower_range(l, s);
      return;
    default: VYRE_UNREACHABLE();
  }
}

/* ---- a block ---- */

/* One unit, [id, end). */
static void lower_unit(vyre_lower_t *l, unit_t unit, uint32_t id, uint32_t end) {
  const vyre_stmt_t *s = &l->program->stmts[id];
  switch (unit) {
    case UNIT_ONCE:
    case UNIT_STRUCTURE: vyre_lower_stmt(l, s); return;
    case UNIT_MEETING: lower_meeting(l, s); return;
    case UNIT_SUBGROUPS: lower_subgroups(l, id, end); return;
    case UNIT_LANES: {
      vyre_region_t region = vyre_lower_begin_region(l);
      vyre_lower_run(l, id, end);
      vyre_lower_end_region(l, region);
    }
  }
}

static void lower_sequence(vyre_lower_t *l, uint32_t first, uint32_t end) {
  bool has_parts = l->parts && !vyre_lower_is_in_part(l);
  for (uint32_t id = first; id != end;) {
    unit_t unit = unit_of(l, id, l->lanes.level);
    uint32_t unit_end = l->program->stmts[id].next;
    if (unit == UNIT_LANES || unit == UNIT_SUBGROUPS) unit = run_of(l, id, l->lanes.level, &unit_end);
    if (has_parts) vyre_lower_part_at(l, id, unit_end);
    lower_unit(l, unit, id, unit_end);
    id = unit_end;
  }
  if (has_parts) vyre_lower_end_part(l);
}

void vyre_lower_level(vyre_lower_t *l, uint32_t block) { lower_sequence(l, block, 0); }
