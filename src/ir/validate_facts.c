/* What is found out about a program on the way: what a device must have for it, whether its slots need an order, where
 * it has loops. */
#include "ir/typing.h"
#include "ir/validate.h"
#include "ir/validator.h"

/* Anything but commuting atomics that nobody looks at makes the slots of a Program depend on each other. */
static bool needs_order(const vyre_validator_t *v) {
  enum { ALONE = 2 }; /* in expr_seen: the whole of an EVAL */
  const vyre_program_t *p = v->program;
  for (uint32_t i = 1; i < p->stmt_count; i++) {
    const vyre_stmt_t *s = &p->stmts[i];
    if (!v->stmt_seen[i]) continue;
    bool is_store = s->op == VYRE_STMT_STORE || s->op == VYRE_STMT_ASYNC_STORE;
    if (is_store && p->params[s->param].role == VYRE_ROLE_STATE) return true;
    if (s->op == VYRE_STMT_EVAL) v->expr_seen[s->arg[0]] = ALONE;
  }
  for (uint32_t i = 1; i < p->expr_count; i++) {
    const vyre_expr_t *e = &p->exprs[i];
    bool is_write = v->expr_seen[i] && vyre_expr_class(e->op) == VYRE_CLASS_ATOMIC && e->op != VYRE_EXPR_ATOMIC_LOAD;
    bool is_alone = v->expr_seen[i] == ALONE && vyre_atomic_commutes(e->op);
    if (is_write && p->params[e->a].role == VYRE_ROLE_STATE && !is_alone) return true;
  }
  return false;
}

static uint32_t type_needs(vyre_type_t type) {
  vyre_type_kind_t kind = vyre_type_kind(type);
  return kind == VYRE_KIND_FLOAT || kind == VYRE_KIND_HALF ? VYRE_NEEDS_FLOATS
         : kind == VYRE_KIND_VECTOR                        ? VYRE_NEEDS_VECTORS
                                                           : 0;
}

static uint32_t find_needs(const vyre_validator_t *v) {
  const vyre_program_t *p = v->program;
  uint32_t needs = p->workgroup_size > 1 ? VYRE_NEEDS_LANES : 0;
  if (p->has_finish || p->chunk_bytes) needs |= VYRE_NEEDS_REDUCERS;
  if (p->function_count) needs |= VYRE_NEEDS_CALLS;
  for (uint32_t i = 0; i < p->param_count; i++) {
    const vyre_param_t *param = &p->params[i];
    bool is_plain = param->role == VYRE_ROLE_STREAM ? !vyre_param_has_halo(param) : param->role == VYRE_ROLE_OUTPUT;
    needs |= type_needs(param->type) | (is_plain ? 0 : VYRE_NEEDS_BUFFERS);
    if (param->role == VYRE_ROLE_OUTPUT && param->reducer != VYRE_REDUCER_SUM) needs |= VYRE_NEEDS_REDUCERS;
  }
  for (uint32_t i = 1; i < p->expr_count; i++) {
    if (!v->expr_seen[i]) continue;
    needs |= type_needs(p->exprs[i].type);
    if (vyre_expr_class(p->exprs[i].op) == VYRE_CLASS_ATOMIC) needs |= VYRE_NEEDS_ATOMICS;
  }
  for (uint32_t i = 1; i < p->stmt_count; i++)
    if (v->stmt_seen[i] && p->stmts[i].op == VYRE_STMT_SWITCH) needs |= VYRE_NEEDS_CALLS;
  return needs;
}

void vyre_validate_facts(vyre_validator_t *v) {
  v->program->needs = find_needs(v);
  v->program->needs_order = needs_order(v);
}

static bool calls_loop(const vyre_program_t *p, uint32_t expr) {
  const vyre_expr_t *e = &p->exprs[expr];
  if (e->op == VYRE_EXPR_CALL && p->functions[e->a].has_loop) return true;
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++)
    if (calls_loop(p, vyre_expr_operand(e, i))) return true;
  for (uint32_t list = e->op == VYRE_EXPR_CALL ? e->b : 0; list; list = p->exprs[list].b)
    if (calls_loop(p, p->exprs[list].a)) return true;
  return false;
}

static bool stmt_has_loop(const vyre_program_t *p, const vyre_stmt_t *s) {
  bool is_loop =
      s->op == VYRE_STMT_WHILE || s->op == VYRE_STMT_FOREVER || s->op == VYRE_STMT_FOR || s->op == VYRE_STMT_FOREACH;
  if (is_loop || vyre_block_has_loop(p, s->body) || vyre_block_has_loop(p, s->orelse)) return true;
  if (p->function_count == 0 || s->op == VYRE_STMT_CASE) return false;
  for (unsigned i = 0; i < vyre_stmt_arity(s->op); i++)
    if (calls_loop(p, s->arg[i])) return true;
  return false;
}

bool vyre_block_has_loop(const vyre_program_t *p, uint32_t block) {
  for (uint32_t id = block; id != 0; id = p->stmts[id].next)
    if (stmt_has_loop(p, &p->stmts[id])) return true;
  return false;
}
