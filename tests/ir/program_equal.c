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
    if (!equal_expr(c, x, y)) return false;
  return x == 0 && y == 0;
}

static bool equal_expr(const comparison_t *c, uint32_t x, uint32_t y) {
  const vyre_expr_t *a = &c->a->exprs[x], *b = &c->b->exprs[y];
  if (a->op != b->op || a->type != b->type || a->order != b->order || a->scope != b->scope || a->imm != b->imm)
    return false;
  if (a->op == VYRE_EXPR_VAR && c->var_of[a->a] != b->a) return false;
  vyre_op_class_t class_ = vyre_expr_class((vyre_expr_op_t)a->op);
  bool has_param = class_ == VYRE_CLASS_LEAF || class_ == VYRE_CLASS_LOAD || class_ == VYRE_CLASS_ATOMIC;
  if (((has_param && a->op != VYRE_EXPR_VAR) || class_ == VYRE_CLASS_CALL) && a->a != b->a) return false;
  if (class_ == VYRE_CLASS_CALL && !equal_list(c, a->b, b->b)) return false;
  for (unsigned i = 0; i < vyre_expr_arity((vyre_expr_op_t)a->op); i++)
    if (!equal_expr(c, vyre_expr_operand(a, i), vyre_expr_operand(b, i))) return false;
  return true;
}

static bool declare(comparison_t *c, uint32_t x, uint32_t y) {
  const vyre_var_t *a = &c->a->vars[x], *b = &c->b->vars[y];
  c->var_of[x] = y;
  return a->type == b->type && a->is_mutable == b->is_mutable && (!c->with_names || strcmp(a->name, b->name) == 0);
}

static bool equal_block(comparison_t *c, uint32_t x, uint32_t y) {
  for (; x && y; x = c->a->stmts[x].next, y = c->b->stmts[y].next) {
    const vyre_stmt_t *a = &c->a->stmts[x], *b = &c->b->stmts[y];
    if (a->op != b->op || a->type != b->type || a->order != b->order || a->tag != b->tag || a->scope != b->scope ||
        a->param != b->param || a->param2 != b->param2)
      return false;
    bool is_case = a->op == VYRE_STMT_CASE;
    for (unsigned i = 0; i < vyre_stmt_arity((vyre_stmt_op_t)a->op) && !is_case; i++)
      if (!equal_expr(c, a->arg[i], b->arg[i])) return false;
    if (is_case && !equal_list(c, a->arg[0], b->arg[0])) return false;
    if (a->op == VYRE_STMT_RETURN) {
      if ((a->arg[0] != 0) != (b->arg[0] != 0)) return false;
      if (a->arg[0] && !equal_expr(c, a->arg[0], b->arg[0])) return false;
    }
    bool is_declared = a->op == VYRE_STMT_LET || a->op == VYRE_STMT_FOR || a->op == VYRE_STMT_FOREACH ||
                       a->op == VYRE_STMT_LANES;
    if (is_declared && !declare(c, a->var, b->var)) return false;
    for (unsigned i = 0; a->op == VYRE_STMT_LOAD16 && i < 4; i++)
      if (!declare(c, a->out[i], b->out[i])) return false;
    if ((a->op == VYRE_STMT_ASSIGN || a->op == VYRE_STMT_VOTE) && c->var_of[a->var] != b->var) return false;
    if (!equal_block(c, a->body, b->body) || !equal_block(c, a->orelse, b->orelse)) return false;
  }
  return x == 0 && y == 0;
}

static bool equal_halo(vyre_halo_t a, vyre_halo_t b) { return a.count == b.count && a.is_param == b.is_param; }

static bool equal_params(const vyre_program_t *a, const vyre_program_t *b) {
  if (a->param_count != b->param_count) return false;
  for (uint32_t i = 0; i < a->param_count; i++) {
    const vyre_param_t *x = &a->params[i], *y = &b->params[i];
    if (strcmp(x->name, y->name) != 0 || x->role != y->role || x->type != y->type || x->access != y->access ||
        x->reducer != y->reducer || x->count != y->count || x->function != y->function ||
        !equal_halo(x->left, y->left) || !equal_halo(x->right, y->right))
      return false;
  }
  return true;
}

static bool equal_functions(comparison_t *c) {
  if (c->a->function_count != c->b->function_count) return false;
  for (uint32_t i = 0; i < c->a->function_count; i++) {
    const vyre_function_t *x = &c->a->functions[i], *y = &c->b->functions[i];
    if (x->type != y->type || x->arg_count != y->arg_count || x->has_loop != y->has_loop ||
        (c->with_names && strcmp(x->name, y->name) != 0))
      return false;
    for (uint32_t j = 0; j < x->arg_count; j++)
      if (!declare(c, x->first_arg + j, y->first_arg + j)) return false;
    if (!equal_block(c, x->body, y->body)) return false;
  }
  return true;
}

bool vyre_program_equal(const vyre_program_t *a, const vyre_program_t *b, bool with_variable_names) {
  if (strcmp(a->name, b->name) != 0 || a->is_privileged != b->is_privileged ||
      a->workgroup_size != b->workgroup_size || a->chunk_bytes != b->chunk_bytes || a->has_finish != b->has_finish ||
      a->needs != b->needs || a->needs_order != b->needs_order || !equal_params(a, b))
    return false;
  comparison_t c = {.a = a, .b = b, .with_names = with_variable_names};
  c.var_of = vyre_calloc(a->var_count, sizeof *c.var_of);
  bool is_equal =
      c.var_of && equal_functions(&c) && equal_block(&c, a->body, b->body) && equal_block(&c, a->finish, b->finish);
  vyre_free(c.var_of);
  return is_equal;
}
