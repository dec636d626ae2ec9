#include "support/shrink.h"

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

static bool try_expr(shrinker_t *s, uint32_t id, vyre_expr_t replacement) {
  vyre_expr_t *expr = &s->program->exprs[id], saved = *expr;
  replacement.position = saved.position;
  *expr = replacement;
  if (accept(s)) return true;
  *expr = saved;
  return false;
}

static void shrink_expr(shrinker_t *s, uint32_t id) {
  const vyre_expr_t *expr = &s->program->exprs[id];
  if (expr->op == VYRE_EXPR_CONST) return;
  for (uint64_t value = 0; value < 2; value++)
    if (try_expr(s, id, (vyre_expr_t){.op = VYRE_EXPR_CONST, .type = expr->type, .imm = value})) return;
  for (unsigned i = 0; i < vyre_expr_arity(expr->op); i++) {
    const vyre_expr_t *operand = &s->program->exprs[vyre_expr_operand(expr, i)];
    if (operand->type != expr->type || !try_expr(s, id, *operand)) continue;
    shrink_expr(s, id);
    return;
  }
  for (unsigned i = 0; i < vyre_expr_arity(expr->op); i++) shrink_expr(s, vyre_expr_operand(expr, i));
}

static bool try_link(shrinker_t *s, uint32_t *link, uint32_t to) {
  uint32_t saved = *link;
  *link = to;
  if (accept(s)) return true;
  *link = saved;
  return false;
}

/* Puts a branch in the place of its `if`. */
static bool try_branch(shrinker_t *s, uint32_t *link, uint32_t branch) {
  if (branch == 0) return false;
  uint32_t *tail = &s->program->stmts[branch].next;
  while (*tail) tail = &s->program->stmts[*tail].next;
  *tail = s->program->stmts[*link].next;
  if (try_link(s, link, branch)) return true;
  *tail = 0;
  return false;
}

static void shrink_block(shrinker_t *s, uint32_t *link) {
  while (*link) {
    vyre_stmt_t *stmt = &s->program->stmts[*link];
    if (try_link(s, link, stmt->next)) continue;
    if (stmt->op == VYRE_STMT_IF && (try_branch(s, link, stmt->body) || try_branch(s, link, stmt->orelse))) continue;
    shrink_block(s, &stmt->body);
    shrink_block(s, &stmt->orelse);
    for (unsigned i = 0; i < vyre_stmt_arity(stmt->op); i++) shrink_expr(s, stmt->arg[i]);
    link = &stmt->next;
  }
}

uint32_t shrink_program(vyre_program_t *program, shrink_shows_fn shows, void *context) {
  shrinker_t s = {.program = program, .shows = shows, .context = context};
  uint32_t before;
  do {
    before = s.changes;
    shrink_block(&s, &program->body);
  } while (s.changes != before);
  /* A change that was taken back leaves the flag as its validation set it. */
  (void)is_valid(&s);
  return s.changes;
}
