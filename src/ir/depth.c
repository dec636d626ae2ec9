#include "ir/depth.h"

#include "ir/typing.h"

static uint32_t greater(uint32_t a, uint32_t b) { return a > b ? a : b; }

static uint32_t expr_depth(const vyre_program_t *p, uint32_t id, const uint32_t *functions) {
  const vyre_expr_t *e = &p->exprs[id];
  uint32_t deepest = 0;
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++)
    deepest = greater(deepest, expr_depth(p, vyre_expr_operand(e, i), functions));
  if (e->op == VYRE_EXPR_CALL) {
    deepest = functions[e->a];
    for (uint32_t list = e->b; list != 0; list = p->exprs[list].b)
      deepest = greater(deepest, expr_depth(p, p->exprs[list].a, functions));
  }
  return deepest + 1;
}

uint32_t vyre_block_depth(const vyre_program_t *p, uint32_t block, const uint32_t *functions) {
  uint32_t deepest = 0;
  for (uint32_t id = block; id != 0; id = p->stmts[id].next) {
    const vyre_stmt_t *s = &p->stmts[id];
    uint32_t depth = greater(vyre_block_depth(p, s->body, functions), vyre_block_depth(p, s->orelse, functions));
    for (unsigned i = 0; i < vyre_stmt_operands(s); i++) depth = greater(depth, expr_depth(p, s->arg[i], functions));
    deepest = greater(deepest, depth + 1);
  }
  return deepest;
}
