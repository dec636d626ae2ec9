/* Where lanes meet, they come together: barriers, ops, copies and foreach under uniform control flow. */
#include "ir/typing.h"
#include "ir/uniform.h"
#include "ir/validator.h"

typedef struct check {
  const vyre_validator_t *v;
  const vyre_program_t *program;
  vyre_uniform_t uniform;
} check_t;

static vyre_status_t fail_control(const check_t *c, vyre_position_t position, const char *what, vyre_level_t level) {
  vyre_status_t status =
      vyre_program_error(c->program, VYRE_E_INVALID_PROGRAM, position, "%s where lanes %s have gone different ways",
                         what, level == VYRE_LEVEL_SUBGROUP ? "of the workgroup" : "may");
  return vyre_status_with_fix(
      status,
      "Move it out of the if, switch or loop whose condition is not the same in all lanes (or make "
      "that uniform with workgroup_any, workgroup_broadcast, ...), and let no lane `return` on its own.");
}

static vyre_status_t need_uniform(const check_t *c, uint32_t expr, const char *what) {
  if (vyre_uniform_expr(&c->uniform, c->program, expr) == VYRE_LEVEL_WORKGROUP) return NULL;
  return vyre_status_with_fix(vyre_program_error(c->program, VYRE_E_INVALID_PROGRAM, c->program->exprs[expr].position,
                                                 "%s may differ between lanes", what),
                              "Make it uniform first, for example with workgroup_broadcast or workgroup_max.");
}

static vyre_status_t need_control(const check_t *c, uint32_t id, vyre_level_t most, const char *what) {
  vyre_level_t level = c->uniform.control[id];
  return level <= most ? NULL : fail_control(c, c->program->stmts[id].position, what, level);
}

static vyre_status_t check_op(const check_t *c, uint32_t id, const vyre_expr_t *e) {
  bool is_subgroup = vyre_expr_class(e->op) == VYRE_CLASS_SUBGROUP;
  VYRE_TRY(need_control(c, id, is_subgroup ? VYRE_LEVEL_SUBGROUP : VYRE_LEVEL_WORKGROUP, vyre_expr_text(e->op)));
  if (e->op == VYRE_EXPR_WORKGROUP_BROADCAST) return need_uniform(c, e->b, "the lane of workgroup_broadcast");
  if (e->op != VYRE_EXPR_SUBGROUP_BROADCAST || vyre_uniform_expr(&c->uniform, c->program, e->b) <= VYRE_LEVEL_SUBGROUP)
    return NULL;
  return vyre_status_with_fix(vyre_program_error(c->program, VYRE_E_INVALID_PROGRAM, c->program->exprs[e->b].position,
                                                 "the lane of subgroup_broadcast may differ in the subgroup"),
                              "Use subgroup_shuffle.");
}

/* A value from outside that differs between lanes has no place in an iteration, which no lane owns. */
static vyre_status_t check_iteration_expr(const check_t *c, uint32_t id) {
  const vyre_expr_t *e = &c->program->exprs[id];
  if (e->op == VYRE_EXPR_VAR && c->uniform.vars[e->a] != VYRE_LEVEL_WORKGROUP)
    return vyre_status_with_fix(
        vyre_program_error(c->program, VYRE_E_INVALID_PROGRAM, e->position,
                           "'%s' may differ between lanes, and is used inside a foreach", c->program->vars[e->a].name),
        "Make it uniform first, for example with workgroup_broadcast or workgroup_max.");
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) VYRE_TRY(check_iteration_expr(c, vyre_expr_operand(e, i)));
  for (uint32_t list = e->op == VYRE_EXPR_CALL ? e->b : 0; list; list = c->program->exprs[list].b)
    VYRE_TRY(check_iteration_expr(c, c->program->exprs[list].a));
  return NULL;
}

static vyre_status_t check_iteration(const check_t *c, uint32_t first) {
  for (uint32_t id = first; id != 0; id = c->program->stmts[id].next) {
    const vyre_stmt_t *s = &c->program->stmts[id];
    for (unsigned i = 0; i < vyre_stmt_operands(s); i++)
      if (s->arg[i]) VYRE_TRY(check_iteration_expr(c, s->arg[i]));
    VYRE_TRY(check_iteration(c, s->body));
    VYRE_TRY(check_iteration(c, s->orelse));
  }
  return NULL;
}

static vyre_status_t check_stmt(const check_t *c, uint32_t id) {
  const vyre_stmt_t *s = &c->program->stmts[id];
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN: {
      const vyre_expr_t *e = &c->program->exprs[s->arg[0]];
      return vyre_expr_is_collective(e->op) ? check_op(c, id, e) : NULL;
    }
    case VYRE_STMT_BARRIER:
    case VYRE_STMT_ASYNC_WAIT: return need_control(c, id, VYRE_LEVEL_WORKGROUP, vyre_stmt_text(s->op));
    case VYRE_STMT_ASYNC_LOAD:
    case VYRE_STMT_ASYNC_STORE:
      VYRE_TRY(need_control(c, id, VYRE_LEVEL_WORKGROUP, vyre_stmt_text(s->op)));
      for (unsigned i = 0; i < 3; i++) VYRE_TRY(need_uniform(c, s->arg[i], "an argument of a copy"));
      return NULL;
    case VYRE_STMT_SET:
      VYRE_TRY(need_control(c, id, VYRE_LEVEL_WORKGROUP, "an assignment to an output"));
      return need_uniform(c, s->arg[0], "what is assigned to an output");
    case VYRE_STMT_FOREACH:
      VYRE_TRY(need_control(c, id, VYRE_LEVEL_WORKGROUP, "a foreach"));
      VYRE_TRY(need_uniform(c, s->arg[0], "the lower bound of a foreach"));
      VYRE_TRY(need_uniform(c, s->arg[1], "the upper bound of a foreach"));
      return check_iteration(c, s->body);
    default: return NULL;
  }
}

static vyre_status_t check_block(const check_t *c, uint32_t first) {
  for (uint32_t id = first; id != 0; id = c->program->stmts[id].next) {
    const vyre_stmt_t *s = &c->program->stmts[id];
    VYRE_TRY(check_stmt(c, id));
    if (s->op == VYRE_STMT_FOREACH) continue;
    VYRE_TRY(check_block(c, s->body));
    VYRE_TRY(check_block(c, s->orelse));
  }
  return NULL;
}

/* ---- what lanes keep ---- */

/* Of one lane: a variable takes 8 bytes, a u32x4 16; one that is the same in all lanes is kept once. */
static uint64_t var_bytes(const check_t *c, uint32_t var) {
  if (c->uniform.vars[var] == VYRE_LEVEL_WORKGROUP) return 0;
  return vyre_type_bytes(c->program->vars[var].type) > 8 ? 16 : 8;
}

/* Bytes of one lane that outlast a meeting: variables in whose block one is still to come, or that are made by one. */
static uint64_t kept_bytes(const check_t *c, uint32_t first) {
  const vyre_program_t *p = c->program;
  uint32_t last = 0; /* statement of the block with a meeting */
  uint64_t bytes = 0;
  for (uint32_t id = first; id != 0; id = p->stmts[id].next)
    if (c->uniform.meetings[id] != VYRE_MEETING_NONE) last = id;
  bool is_open = last != 0;
  for (uint32_t id = first; id != 0; id = p->stmts[id].next) {
    const vyre_stmt_t *s = &p->stmts[id];
    if (is_open && s->op == VYRE_STMT_LET) bytes += var_bytes(c, s->var);
    if (c->uniform.meetings[id] != VYRE_MEETING_NONE && s->op != VYRE_STMT_FOREACH) {
      if (s->op == VYRE_STMT_FOR) bytes += var_bytes(c, s->var);
      bytes += kept_bytes(c, s->body) + kept_bytes(c, s->orelse);
    }
    if (id == last) is_open = false;
  }
  return bytes;
}

static vyre_status_t check_kept(const check_t *c) {
  const vyre_program_t *p = c->program;
  uint64_t bytes = kept_bytes(c, p->body);
  for (uint32_t i = 0; i < p->param_count; i++) {
    const vyre_param_t *param = &p->params[i];
    if (param->role != VYRE_ROLE_PRIVATE) continue;
    bytes += ((uint64_t)param->count * vyre_type_bytes(param->type) + 15) & ~UINT64_C(15);
  }
  uint64_t most = VYRE_LIMIT_LANE_BYTES / p->workgroup_size;
  if (bytes <= most) return NULL;
  return vyre_status_with_fix(
      vyre_program_error(p, VYRE_E_LIMIT, p->body ? p->stmts[p->body].position : p->params[0].position,
                         "each of %u lanes keeps %llu bytes over barriers; %llu are allowed", p->workgroup_size,
                         (unsigned long long)bytes, (unsigned long long)most),
      "Make workgroup_size or private memory smaller, or declare variables in blocks that end before the barrier.");
}

vyre_status_t vyre_validate_meetings(vyre_validator_t *v) {
  if (v->program->workgroup_size == 1) return NULL; /* one lane is always with itself */
  check_t c = {.v = v, .program = v->program};
  VYRE_TRY(vyre_uniform_init(&c.uniform, v->program));
  vyre_status_t status = check_block(&c, v->program->body);
  if (!status) status = check_kept(&c);
  vyre_uniform_deinit(&c.uniform);
  return status;
}
