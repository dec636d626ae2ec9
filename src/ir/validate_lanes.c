/* The privileged lanes block: what it may hold, and votes. */
#include "ir/validator.h"

/* Votes are merged when the block ends, so that what a lane would read of the mask before is not defined. */
static vyre_status_t fail_read_mask(const vyre_validator_t *v, uint32_t var, vyre_position_t position) {
  return vyre_status_with_fix(
      vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, position, "'%s' is read in a lanes block that votes on it",
                         v->program->vars[var].name),
      "Read it after the block, or copy it with `let` before.");
}

/* A lane cannot fault or take part in atomics on its own. */
vyre_status_t vyre_lanes_check_expr(vyre_validator_t *v, const vyre_expr_t *e) {
  const vyre_program_t *p = v->program;
  bool is_division = e->op == VYRE_EXPR_DIV || e->op == VYRE_EXPR_REM;
  if (e->op == VYRE_EXPR_VAR && v->var_depth[e->a] < v->lanes_depth) {
    v->read_in[e->a] = v->lanes_count;
    return v->voted_in[e->a] == v->lanes_count ? fail_read_mask(v, e->a, e->position) : NULL;
  }
  vyre_op_class_t class_ = vyre_expr_class(e->op);
  bool is_atomic = e->op == VYRE_EXPR_RAW_ATOMIC_ADD || e->op == VYRE_EXPR_RAW_ATOMIC_CAS || e->op == VYRE_EXPR_PUMP ||
                   class_ == VYRE_CLASS_ATOMIC;
  if (class_ == VYRE_CLASS_LOAD || class_ == VYRE_CLASS_CALL || is_atomic)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, e->position, "%s inside a lanes block",
                                                   is_atomic                   ? vyre_expr_text(e->op)
                                                   : class_ == VYRE_CLASS_CALL ? "a call"
                                                                               : "a load from a buffer"),
                                "Move it before or behind the block.");
  if (is_division && e->b < p->expr_count && (p->exprs[e->b].op != VYRE_EXPR_CONST || p->exprs[e->b].imm == 0))
    return vyre_invalid(v, e->position, "a division inside a lanes block that could be by zero",
                        "Divide by a constant, or move the division before the block.");
  return NULL;
}

/* Lanes are the threads of a warp: they may diverge between the block's ends, but not leave it apart or wait. */
vyre_status_t vyre_lanes_check_stmt(const vyre_validator_t *v, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN:
    case VYRE_STMT_IF:
    case VYRE_STMT_WHILE:
    case VYRE_STMT_RAW_STORE:
    case VYRE_STMT_LOAD16:
    case VYRE_STMT_STORE16:
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE:
    case VYRE_STMT_VOTE: return NULL;
    case VYRE_STMT_BREAK:
    case VYRE_STMT_CONTINUE:
      if (v->loop_depth) return NULL;
      return vyre_status_with_fix(vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, s->position,
                                                     "%s out of a lanes block", vyre_stmt_text(s->op)),
                                  "Vote, and look at the mask after the block.");
    case VYRE_STMT_LANES:
      return vyre_invalid(v, s->position, "a lanes block inside a lanes block", "Use `while` for the inner one.");
    case VYRE_STMT_FOREVER:
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH:
      return vyre_status_with_fix(vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, s->position,
                                                     "%s inside a lanes block", vyre_stmt_text(s->op)),
                                  "Write it with `while`.");
    default: {
      bool is_reduce = s->op == VYRE_STMT_REDUCE || s->op == VYRE_STMT_REDUCE_AT;
      return vyre_status_with_fix(
          vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, s->position, "%s inside a lanes block",
                             is_reduce                ? "an addition to an output"
                             : *vyre_stmt_text(s->op) ? vyre_stmt_text(s->op)
                                                      : "such a statement"),
          "Move it before or behind the block.");
    }
  }
}

vyre_status_t vyre_lanes_check_vote(vyre_validator_t *v, const vyre_stmt_t *s) {
  const vyre_program_t *p = v->program;
  if (!v->lanes_depth)
    return vyre_invalid(v, s->position, "vote outside a lanes block", "Write it into `lanes l { ... }`.");
  if (s->var == 0 || s->var >= p->var_count || !v->var_depth[s->var])
    return vyre_invalid(v, s->position, "a vote on a variable that is not declared here", NULL);
  const vyre_var_t *var = &p->vars[s->var];
  if (v->var_depth[s->var] >= v->lanes_depth)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position,
                           "'%s' is declared inside the lanes block that votes on it", var->name),
        "Declare it before the block.");
  if (!var->is_mutable)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position, "'%s' cannot be voted on", var->name),
        "Declare it with `var %s : u32 = 0`.", var->name);
  v->voted_in[s->var] = v->lanes_count;
  return v->read_in[s->var] == v->lanes_count ? fail_read_mask(v, s->var, s->position) : NULL;
}
