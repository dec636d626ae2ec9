#include "interp/depth.h"

#include "ir/typing.h"

typedef struct depths {
  const vyre_program_t *program;
  uint32_t functions[VYRE_LIMIT_FUNCTIONS]; /* of their bodies; a body calls functions before it only */
} depths_t;

static uint32_t greater(uint32_t a, uint32_t b) { return a > b ? a : b; }

static uint32_t depth_of_expr(const depths_t *d, uint32_t id) {
  const vyre_program_t *p = d->program;
  const vyre_expr_t *e = &p->exprs[id];
  uint32_t deepest = 0;
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++)
    deepest = greater(deepest, depth_of_expr(d, vyre_expr_operand(e, i)));
  if (e->op == VYRE_EXPR_CALL) {
    deepest = d->functions[e->a];
    for (uint32_t list = e->b; list != 0; list = p->exprs[list].b)
      deepest = greater(deepest, depth_of_expr(d, p->exprs[list].a));
  }
  return deepest + 1;
}

static uint32_t depth_of_block(const depths_t *d, uint32_t first) {
  uint32_t deepest = 0;
  for (uint32_t id = first; id != 0; id = d->program->stmts[id].next) {
    const vyre_stmt_t *s = &d->program->stmts[id];
    uint32_t depth = greater(depth_of_block(d, s->body), depth_of_block(d, s->orelse));
    unsigned arity = s->op == VYRE_STMT_CASE ? 0 : s->op == VYRE_STMT_RETURN && s->arg[0] ? 1 : vyre_stmt_arity(s->op);
    for (unsigned i = 0; i < arity; i++) depth = greater(depth, depth_of_expr(d, s->arg[i]));
    deepest = greater(deepest, depth + 1);
  }
  return deepest;
}

uint32_t vyre_program_depth(const vyre_program_t *program) {
  depths_t d = {.program = program};
  for (uint32_t i = 0; i < program->function_count; i++)
    d.functions[i] = depth_of_block(&d, program->functions[i].body);
  return greater(depth_of_block(&d, program->body), depth_of_block(&d, program->finish));
}
