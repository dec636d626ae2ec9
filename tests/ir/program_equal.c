#include "ir/program_equal.h"

#include <string.h>

#include "base/memory.h"
#include "ir/typing.h"

typedef struct comparison {
  const vyre_program_t *a, *b;
  uint32_t *var_of; /* a's variable to b's; 0 before its declaration */
  bool with_names;
} comparison_t;

static bool equal_expr(const comparison_t *c, uint32_t x, uint32_t y);

static bool equal_list(const comparison_t *c, uint32_t x, uint32_t y) {
  for (; x && y; x = c->a->exprs[x].b, y = c->b->exprs[y].b)
    if (!equal_expr(c, c->a->exprs[x].a, c->b->exprs[y].a)) return false;
  return x == 0 && y == 0;
}

static bool equal_expr(const comparison_t *c, uint32_t x, uint32_t y) {
  const vyre_expr_t *a = &c->a->exprs[x], *b = &c->b->exprs[y];
  if (x == 0 || y == 0) return x == y;
  if (a->op != b->op || a->type != b->type || a->order != b->order || a->scope != b->scope || a->imm != b->imm)
    return false;
  vyre_op_class_t class_ = vyre_expr_class((vyre_expr_op_t)a->op);
  bool has_id = class_ == VYRE_CLASS_LEAF || class_ == VYRE_CLASS_LOAD || class_ == VYRE_CLASS_ATOMIC ||
                class_ == VYRE_CLASS_CALL; /* of a parameter, a function, or 0 */
  if (a->op == VYRE_EXPR_VAR ? c->var_of[a->a] != b->a : has_id && a->a != b->a) return false;
  for (unsigned i = 0; i < vyre_expr_arity((vyre_expr_op_t)a->op); i++)
    if (!equal_expr(c, vyre_expr_operand(a, i), vyre_expr_operand(b, i))) return false;
  return class_ != VYRE_CLASS_CALL || equal_list(c, a->b, b->b);
}

static bool declare(comparison_t *c, uint32_t x, uint32_t y) {
  const vyre_var_t *a = &c->a->vars[x], *b = &c->b->vars[y];
  c->var_of[x] = y;
  return a->type == b->type && a->is_mutable == b->is_mutable && (!c->with_names || strcmp(a->name, b->name) == 0);
}

static bool equal_operands(const comparison_t *c, const vyre_stmt_t *a, const vyre_stmt_t *b) {
  if (a->op == VYRE_STMT_CASE) return equal_list(c, a->arg[0], b->arg[0]);
  if (a->op == VYRE_STMT_RETURN) return equal_expr(c, a->arg[0], b->arg[0]);
  for (unsigned i = 0; i < vyre_stmt_arity((vyre_stmt_op_t)a->op); i++)
    if (!equal_expr(c, a->arg[i], b->arg[i])) return false;
  return true;
}

static bool equal_block(comparison_t *c, uint32_t x, uint32_t y) {
  for (; x && y; x = c->a->stmts[x].next, y = c->b->stmts[y].next) {
    const vyre_stmt_t *a = &c->a->stmts[x], *b = &c->b->stmts[y];
    if (a->op != b->op || a->type != b->type || a->order != b->order || a->tag != b->tag || a->scope != b->scope ||
        a->param != b->param || a->param2 != b->param2 || !equal_operands(c, a, b))
      return false;
    bool is_declared =
        a->op == VYRE_STMT_LET || a->op == VYRE_STMT_FOR || a->op == VYRE_STMT_FOREACH || a->op == VYRE_STMT_LANES;
    if (is_declared && !declare(c, a->var, b->var)) return false;
    for (unsigned i = 0; a->op == VYRE_STMT_LOAD16 && i < 4; i++)
      if (!declare(c, a->out[i], b->out[i])) return false;
    if ((a->op == VYRE_STMT_ASSIGN || a->op == VYRE_STMT_VOTE) && c->var_of[a->var] != b->var) return false;
    if (!equal_block(c, a->body, b->body) || !equal_block(c, a->orelse, b->orelse)) return false;
  }
  return x == 0 && y == 0;
}

static bool equal_halo(vyre_halo_t x, vyre_halo_t y) { return x.count == y.count && x.is_param == y.is_param; }

static bool equal_param(const vyre_param_t *x, const vyre_param_t *y) {
  return strcmp(x->name, y->name) == 0 && x->role == y->role && x->type == y->type && x->access == y->access &&
         x->reducer == y->reducer && x->count == y->count && x->function == y->function &&
         equal_halo(x->left, y->left) && equal_halo(x->right, y->right);
}

static bool equal_function(comparison_t *c, const vyre_function_t *x, const vyre_function_t *y) {
  if (x->type != y->type || x->arg_count != y->arg_count || (c->with_names && strcmp(x->name, y->name) != 0))
    return false;
  for (uint32_t i = 0; i < x->arg_count; i++)
    if (!declare(c, x->first_arg + i, y->first_arg + i)) return false;
  return equal_block(c, x->body, y->body);
}

bool vyre_program_equal(const vyre_program_t *a, const vyre_program_t *b, bool with_variable_names) {
  if (strcmp(a->name, b->name) != 0 || a->is_privileged != b->is_privileged || a->param_count != b->param_count ||
      a->workgroup_size != b->workgroup_size || a->chunk_bytes != b->chunk_bytes || a->has_finish != b->has_finish ||
      a->function_count != b->function_count)
    return false;
  for (uint32_t i = 0; i < a->param_count; i++)
    if (!equal_param(&a->params[i], &b->params[i])) return false;
  comparison_t c = {.a = a, .b = b, .with_names = with_variable_names};
  c.var_of = vyre_calloc(a->var_count, sizeof *c.var_of);
  bool is_equal = c.var_of != NULL;
  for (uint32_t i = 0; i < a->function_count && is_equal; i++)
    is_equal = equal_function(&c, &a->functions[i], &b->functions[i]);
  is_equal = is_equal && equal_block(&c, a->body, b->body) && equal_block(&c, a->finish, b->finish);
  vyre_free(c.var_of);
  return is_equal;
}
