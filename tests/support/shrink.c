#include "support/shrink.h"

#include <string.h>

#include "base/memory.h"
#include "ir/typing.h"
#include "ir/validate.h"

typedef struct shrinker {
  vyre_program_t *program;
  shrink_shows_fn shows;
  void *context;
  uint32_t changes;
} shrinker_t;

static bool is_valid(shrinker_t *s) {
  vyre_status_t status = vyre_validate(s->program);
  bool valid = status == NULL;
  vyre_status_destroy(&status);
  return valid;
}

/* True when the change that was just made may stay. */
static bool accept(shrinker_t *s) {
  if (!is_valid(s) || !s->shows(s->program, s->context)) return false;
  s->changes++;
  return true;
}

/* ---- expressions ---- */

static bool try_expr(shrinker_t *s, uint32_t id, vyre_expr_t replacement) {
  vyre_expr_t *expr = &s->program->exprs[id], saved = *expr;
  replacement.position = saved.position;
  *expr = replacement;
  if (accept(s)) return true;
  *expr = saved;
  return false;
}

static uint64_t one_of(vyre_type_t type) {
  return type == VYRE_TYPE_F32 ? UINT64_C(0x3F800000) : type == VYRE_TYPE_F64 ? UINT64_C(0x3FF0000000000000) : 1;
}

/* Puts something of the same type from inside in its place; the widest first. */
static bool try_inner(shrinker_t *s, uint32_t id, uint32_t inside) {
  const vyre_expr_t *expr = &s->program->exprs[inside];
  for (unsigned i = 0; i < vyre_expr_arity(expr->op); i++) {
    uint32_t operand = vyre_expr_operand(expr, i);
    const vyre_expr_t *part = &s->program->exprs[operand];
    if (part->type == s->program->exprs[id].type && try_expr(s, id, *part)) return true;
    if (try_inner(s, id, operand)) return true;
  }
  return false;
}

static void shrink_expr(shrinker_t *s, uint32_t id) {
  const vyre_expr_t *expr = &s->program->exprs[id];
  if (expr->op == VYRE_EXPR_CONST) return;
  for (unsigned i = 0; i < 2; i++) {
    uint64_t value = i ? one_of(expr->type) : 0;
    if (try_expr(s, id, (vyre_expr_t){.op = VYRE_EXPR_CONST, .type = expr->type, .imm = value})) return;
  }
  while (try_inner(s, id, id)) {
  }
  for (unsigned i = 0; i < vyre_expr_arity(expr->op); i++) shrink_expr(s, vyre_expr_operand(expr, i));
  for (uint32_t list = expr->op == VYRE_EXPR_CALL ? expr->b : 0; list; list = s->program->exprs[list].b)
    shrink_expr(s, s->program->exprs[list].a);
}

/* ---- statements ---- */

static bool try_link(shrinker_t *s, uint32_t *link, uint32_t to) {
  uint32_t saved = *link;
  *link = to;
  if (accept(s)) return true;
  *link = saved;
  return false;
}

/* Puts a body in the place of the statement around it. */
static bool try_body(shrinker_t *s, uint32_t *link, uint32_t body) {
  if (body == 0) return false;
  uint32_t *tail = &s->program->stmts[body].next;
  while (*tail) tail = &s->program->stmts[*tail].next;
  *tail = s->program->stmts[*link].next;
  if (try_link(s, link, body)) return true;
  *tail = 0;
  return false;
}

static bool try_bodies(shrinker_t *s, uint32_t *link) {
  const vyre_stmt_t *stmt = &s->program->stmts[*link];
  if (stmt->op != VYRE_STMT_SWITCH) return try_body(s, link, stmt->body) || try_body(s, link, stmt->orelse);
  for (uint32_t id = stmt->body; id != 0; id = s->program->stmts[id].next)
    if (try_body(s, link, s->program->stmts[id].body)) return true;
  return false;
}

static void shrink_block(shrinker_t *s, uint32_t *link) {
  while (*link) {
    vyre_stmt_t *stmt = &s->program->stmts[*link];
    if (try_link(s, link, stmt->next)) continue;
    bool is_case = stmt->op == VYRE_STMT_CASE || stmt->op == VYRE_STMT_DEFAULT;
    if (!is_case && try_bodies(s, link)) continue;
    shrink_block(s, &stmt->body);
    shrink_block(s, &stmt->orelse);
    if (!is_case)
      for (unsigned i = 0; i < vyre_stmt_arity(stmt->op); i++) shrink_expr(s, stmt->arg[i]);
    if (stmt->op == VYRE_STMT_RETURN && stmt->arg[0]) shrink_expr(s, stmt->arg[0]);
    link = &stmt->next;
  }
}

/* ---- declarations ---- */

static bool names_param(const vyre_expr_t *e) {
  vyre_op_class_t class_ = vyre_expr_class(e->op);
  return e->op == VYRE_EXPR_LEN || e->op == VYRE_EXPR_SCALAR || e->op == VYRE_EXPR_OUTPUT ||
         class_ == VYRE_CLASS_LOAD || class_ == VYRE_CLASS_ATOMIC;
}

static void move_down(uint32_t *id, uint32_t removed) {
  if (*id > removed) --*id;
}

/* Takes the parameter out of all that names it and those behind it; nodes that nobody reaches may name any. */
static void renumber_params(vyre_program_t *p, uint32_t removed) {
  for (uint32_t i = 1; i < p->expr_count; i++)
    if (names_param(&p->exprs[i])) move_down(&p->exprs[i].a, removed);
  for (uint32_t i = 1; i < p->stmt_count; i++) {
    move_down(&p->stmts[i].param, removed);
    move_down(&p->stmts[i].param2, removed);
  }
  for (uint32_t i = 0; i < p->param_count; i++) {
    vyre_param_t *param = &p->params[i];
    if (param->left.is_param) move_down(&param->left.count, removed);
    if (param->right.is_param) move_down(&param->right.count, removed);
  }
}

static bool is_param_named(const vyre_program_t *p, uint32_t param, uint32_t block) {
  for (uint32_t id = block; id != 0; id = p->stmts[id].next) {
    const vyre_stmt_t *s = &p->stmts[id];
    bool has_param = s->op == VYRE_STMT_REDUCE || s->op == VYRE_STMT_REDUCE_AT || s->op >= VYRE_STMT_STORE;
    if (has_param && (s->param == param || s->param2 == param)) return true;
    if (is_param_named(p, param, s->body) || is_param_named(p, param, s->orelse)) return true;
  }
  return false;
}

static bool is_expr_param_named(const vyre_program_t *p, uint32_t param, uint32_t id) {
  const vyre_expr_t *e = &p->exprs[id];
  if (names_param(e) && e->a == param) return true;
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++)
    if (is_expr_param_named(p, param, vyre_expr_operand(e, i))) return true;
  for (uint32_t list = e->op == VYRE_EXPR_CALL ? e->b : 0; list; list = p->exprs[list].b)
    if (is_expr_param_named(p, param, p->exprs[list].a)) return true;
  return false;
}

static bool is_param_read(const vyre_program_t *p, uint32_t param, uint32_t block) {
  for (uint32_t id = block; id != 0; id = p->stmts[id].next) {
    const vyre_stmt_t *s = &p->stmts[id];
    for (unsigned i = 0; i < vyre_stmt_arity(s->op) && s->op != VYRE_STMT_CASE; i++)
      if (is_expr_param_named(p, param, s->arg[i])) return true;
    if (s->op == VYRE_STMT_RETURN && s->arg[0] && is_expr_param_named(p, param, s->arg[0])) return true;
    if (is_param_read(p, param, s->body) || is_param_read(p, param, s->orelse)) return true;
  }
  return false;
}

static bool is_param_used(const vyre_program_t *p, uint32_t param) {
  for (uint32_t i = 0; i < p->param_count; i++) {
    const vyre_param_t *other = &p->params[i];
    if ((other->left.is_param && other->left.count == param) || (other->right.is_param && other->right.count == param))
      return true;
  }
  for (uint32_t i = 0; i < p->function_count; i++)
    if (is_param_named(p, param, p->functions[i].body) || is_param_read(p, param, p->functions[i].body)) return true;
  return is_param_named(p, param, p->body) || is_param_read(p, param, p->body) || is_param_named(p, param, p->finish) ||
         is_param_read(p, param, p->finish);
}

/* The inputs are made by the place of a parameter, so that this may hide the defect. */
static void shrink_params(shrinker_t *s) {
  vyre_program_t *p = s->program;
  for (uint32_t i = p->param_count; i-- > 0 && p->param_count > 1;) {
    if (is_param_used(p, i)) continue;
    vyre_expr_t *exprs = vyre_alloc(p->expr_count * sizeof *exprs);
    vyre_stmt_t *stmts = vyre_alloc(p->stmt_count * sizeof *stmts);
    vyre_param_t params[VYRE_LIMIT_PARAMS];
    if (exprs && stmts) {
      memcpy(exprs, p->exprs, p->expr_count * sizeof *exprs);
      memcpy(stmts, p->stmts, p->stmt_count * sizeof *stmts);
      memcpy(params, p->params, sizeof params);
      renumber_params(p, i);
      memmove(&p->params[i], &p->params[i + 1], (--p->param_count - i) * sizeof *p->params);
      if (accept(s)) {
        vyre_free(params[i].name);
      } else {
        p->param_count++;
        memcpy(p->params, params, sizeof params);
        memcpy(p->exprs, exprs, p->expr_count * sizeof *exprs);
        memcpy(p->stmts, stmts, p->stmt_count * sizeof *stmts);
      }
    }
    vyre_free(exprs);
    vyre_free(stmts);
  }
}

/* The last function, while nobody calls it: the validator says so. */
static void shrink_functions(shrinker_t *s) {
  vyre_program_t *p = s->program;
  for (uint32_t i = 0; i < p->function_count; i++) shrink_block(s, &p->functions[i].body);
  while (p->function_count > 0) {
    p->function_count--;
    if (!accept(s)) {
      p->function_count++;
      return;
    }
    vyre_free(p->functions[p->function_count].name);
  }
}

static void shrink_whole(shrinker_t *s) {
  static const uint32_t sizes[] = {1, 32, 64};
  vyre_program_t *p = s->program;
  for (uint32_t i = 0; i < 3; i++) {
    uint32_t saved = p->workgroup_size;
    if (sizes[i] >= saved) break;
    p->workgroup_size = sizes[i];
    if (accept(s)) break;
    p->workgroup_size = saved;
  }
  if (p->has_finish) {
    uint32_t saved = p->finish;
    p->has_finish = false;
    p->finish = 0;
    if (!accept(s)) {
      p->has_finish = true;
      p->finish = saved;
    }
  }
}

uint32_t shrink_program(vyre_program_t *program, shrink_shows_fn shows, void *context) {
  shrinker_t s = {.program = program, .shows = shows, .context = context};
  uint32_t before;
  do {
    before = s.changes;
    shrink_whole(&s);
    shrink_block(&s, &program->body);
    shrink_block(&s, &program->finish);
    shrink_functions(&s);
    shrink_params(&s);
  } while (s.changes != before);
  /* A change that was taken back leaves the flag as its validation set it. */
  (void)is_valid(&s);
  return s.changes;
}
