/* What of a program is needed. A statement is, when it does something or may fault, when it holds one that is, or when
 * it gives a needed variable its value; a variable is, when a needed statement reads it. What is left over goes in one
 * sweep, so that nothing becomes superfluous by it. */
#include "base/memory.h"
#include "ir/canonical.h"
#include "ir/typing.h"

typedef struct live {
  vyre_fold_t *fold;
  vyre_program_t *program;
  uint8_t *needed;       /* by statement */
  uint32_t *parent;      /* by statement: the one it stands in, 0 for none */
  uint32_t *next_writer; /* by statement: another one that writes the same variable */
  uint32_t *writers;     /* by variable: the last statement that writes it, while it is not needed */
  uint32_t *work;        /* needed statements whose operands have not been looked at */
  uint32_t work_count;
} live_t;

static bool live_init(live_t *l, vyre_fold_t *fold) {
  const vyre_program_t *p = fold->program;
  *l = (live_t){.fold = fold, .program = fold->program};
  l->needed = vyre_calloc(p->stmt_count, 1);
  l->parent = vyre_calloc(p->stmt_count, sizeof *l->parent);
  l->next_writer = vyre_calloc(p->stmt_count, sizeof *l->next_writer);
  l->writers = vyre_calloc(p->var_count, sizeof *l->writers);
  l->work = vyre_calloc(p->stmt_count, sizeof *l->work);
  return l->needed && l->parent && l->next_writer && l->writers && l->work;
}

static void live_deinit(live_t *l) {
  vyre_free(l->needed);
  vyre_free(l->parent);
  vyre_free(l->next_writer);
  vyre_free(l->writers);
  vyre_free(l->work);
}

static void need(live_t *l, uint32_t stmt) {
  if (!stmt || l->needed[stmt]) return;
  l->needed[stmt] = 1;
  l->work[l->work_count++] = stmt;
}

static void need_var(live_t *l, uint32_t var) {
  for (uint32_t id = l->writers[var]; id != 0; id = l->next_writer[id]) need(l, id);
  l->writers[var] = 0;
}

/* Whether it has to stay whatever is in it. */
static bool is_essential(const live_t *l, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN:
    case VYRE_STMT_IF:
    case VYRE_STMT_SWITCH: return !l->fold->pure[s->arg[0]];
    case VYRE_STMT_CASE:
    case VYRE_STMT_DEFAULT: return false;
    default: return true;
  }
}

static void enter_block(live_t *l, uint32_t first, uint32_t parent) {
  for (uint32_t id = first; id != 0; id = l->program->stmts[id].next) {
    const vyre_stmt_t *s = &l->program->stmts[id];
    l->parent[id] = parent;
    if (s->op == VYRE_STMT_LET || s->op == VYRE_STMT_ASSIGN) {
      l->next_writer[id] = l->writers[s->var];
      l->writers[s->var] = id;
    }
    if (is_essential(l, s)) need(l, id);
    enter_block(l, s->body, id);
    enter_block(l, s->orelse, id);
  }
}

static void need_expr(live_t *l, uint32_t id) {
  const vyre_expr_t *e = &l->program->exprs[id];
  if (e->op == VYRE_EXPR_VAR) need_var(l, e->a);
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) need_expr(l, vyre_expr_operand(e, i));
  for (uint32_t list = e->op == VYRE_EXPR_CALL ? e->b : 0; list; list = l->program->exprs[list].b)
    need_expr(l, l->program->exprs[list].a);
}

/* A variable is declared before it is assigned, so that one assignment that stays keeps all of them. */
static void spread(live_t *l) {
  while (l->work_count > 0) {
    uint32_t id = l->work[--l->work_count];
    const vyre_stmt_t *s = &l->program->stmts[id];
    need(l, l->parent[id]);
    if (s->op == VYRE_STMT_ASSIGN || s->op == VYRE_STMT_VOTE) need_var(l, s->var);
    for (unsigned i = 0; i < vyre_stmt_operands(s); i++) need_expr(l, s->arg[i]);
  }
}

/* ---- the sweep ---- */

/* The opposite of a comparison where that is one comparison, too; else 0. */
static uint32_t opposite(live_t *l, uint32_t condition) {
  const vyre_expr_t *e = &l->program->exprs[condition];
  if (vyre_expr_class(e->op) != VYRE_CLASS_COMPARE) return 0;
  uint32_t made = vyre_fold_make(
      l->fold,
      &(vyre_expr_t){.op = VYRE_EXPR_LOGICAL_NOT, .type = VYRE_TYPE_BOOL, .a = condition, .position = e->position});
  return l->fold->failed || l->program->exprs[made].op == VYRE_EXPR_LOGICAL_NOT ? 0 : made;
}

static void swap_branches(vyre_stmt_t *s, uint32_t condition) {
  uint32_t body = s->body;
  s->body = s->orelse;
  s->orelse = body;
  s->arg[0] = condition;
}

/* The condition is no negation; the body is what is not empty, where that costs nothing; with two of them, the
 * condition is no `!=`. */
static void settle_if(live_t *l, vyre_stmt_t *s) {
  const vyre_expr_t *condition = &l->program->exprs[s->arg[0]];
  if (condition->op == VYRE_EXPR_LOGICAL_NOT) {
    swap_branches(s, condition->a);
    condition = &l->program->exprs[s->arg[0]];
  }
  if (!s->orelse || (s->body && condition->op != VYRE_EXPR_NE)) return;
  uint32_t other = opposite(l, s->arg[0]);
  if (other) swap_branches(s, other);
}

/* Cases that do nothing, where having no case does nothing either. */
static void settle_switch(live_t *l, vyre_stmt_t *s) {
  vyre_stmt_t *stmts = l->program->stmts;
  for (uint32_t id = s->body; id; id = stmts[id].next)
    if (stmts[id].op == VYRE_STMT_DEFAULT && stmts[id].body) return;
  uint32_t *link = &s->body;
  while (*link) {
    if (stmts[*link].body)
      link = &stmts[*link].next;
    else
      *link = stmts[*link].next;
  }
}

static void sweep_block(live_t *l, uint32_t *link) {
  while (*link && !l->fold->failed) {
    vyre_stmt_t *s = &l->program->stmts[*link];
    bool is_case = s->op == VYRE_STMT_CASE || s->op == VYRE_STMT_DEFAULT;
    if (!l->needed[*link] && !is_case) {
      *link = s->next;
      continue;
    }
    sweep_block(l, &s->body);
    sweep_block(l, &s->orelse);
    if (s->op == VYRE_STMT_IF) settle_if(l, s);
    if (s->op == VYRE_STMT_SWITCH) settle_switch(l, s);
    if (s->op == VYRE_STMT_ASSIGN || s->op == VYRE_STMT_VOTE) l->program->vars[s->var].is_mutable = true;
    link = &s->next;
  }
}

bool vyre_canonical_sweep(vyre_fold_t *fold) {
  live_t l;
  vyre_program_t *p = fold->program;
  bool has_memory = live_init(&l, fold);
  if (has_memory) {
    for (uint32_t i = 1; i < p->var_count; i++) p->vars[i].is_mutable = false;
    for (uint32_t i = 0; i < p->function_count; i++) enter_block(&l, p->functions[i].body, 0);
    enter_block(&l, p->body, 0);
    enter_block(&l, p->finish, 0);
    spread(&l);
    for (uint32_t i = 0; i < p->function_count; i++) sweep_block(&l, &p->functions[i].body);
    sweep_block(&l, &p->body);
    sweep_block(&l, &p->finish);
  }
  live_deinit(&l);
  return has_memory && !fold->failed;
}

/* ---- functions ---- */

typedef struct order {
  vyre_program_t *program;
  uint32_t *new_id; /* by function: 1 + its number, 0 when it is not needed so far */
  uint32_t count;
} order_t;

static void visit_function(order_t *o, uint32_t function);

static void visit_expr(order_t *o, uint32_t id) {
  const vyre_expr_t *e = &o->program->exprs[id];
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) visit_expr(o, vyre_expr_operand(e, i));
  if (e->op != VYRE_EXPR_CALL) return;
  for (uint32_t list = e->b; list; list = o->program->exprs[list].b) visit_expr(o, o->program->exprs[list].a);
  visit_function(o, e->a);
}

static void visit_block(order_t *o, uint32_t first) {
  for (uint32_t id = first; id != 0; id = o->program->stmts[id].next) {
    const vyre_stmt_t *s = &o->program->stmts[id];
    for (unsigned i = 0; i < vyre_stmt_operands(s); i++) visit_expr(o, s->arg[i]);
    visit_block(o, s->body);
    visit_block(o, s->orelse);
  }
}

/* What it calls has lower numbers. Calls go to lower numbers in the program given, too, so this ends. */
static void visit_function(order_t *o, uint32_t function) {
  if (o->new_id[function]) return;
  visit_block(o, o->program->functions[function].body);
  o->new_id[function] = ++o->count;
}

static void rename_calls(order_t *o) {
  vyre_program_t *p = o->program;
  for (uint32_t i = 1; i < p->expr_count; i++)
    if (p->exprs[i].op == VYRE_EXPR_CALL && o->new_id[p->exprs[i].a]) p->exprs[i].a = o->new_id[p->exprs[i].a] - 1;
  for (uint32_t i = 0; i < p->param_count; i++)
    if (p->params[i].reducer == VYRE_REDUCER_COMBINE) p->params[i].function = o->new_id[p->params[i].function] - 1;
}

bool vyre_canonical_order_functions(vyre_program_t *p) {
  uint32_t new_id[VYRE_LIMIT_FUNCTIONS] = {0};
  vyre_function_t *functions = vyre_calloc(p->function_count + 1u, sizeof *functions);
  order_t o = {.program = p, .new_id = new_id};
  if (!functions) return false;
  for (uint32_t i = 0; i < p->param_count; i++)
    if (p->params[i].reducer == VYRE_REDUCER_COMBINE) visit_function(&o, p->params[i].function);
  visit_block(&o, p->body);
  visit_block(&o, p->finish);
  rename_calls(&o);
  for (uint32_t i = 0; i < p->function_count; i++) {
    if (new_id[i])
      functions[new_id[i] - 1] = p->functions[i];
    else
      vyre_free(p->functions[i].name);
  }
  vyre_free(p->functions);
  p->functions = functions;
  p->function_capacity = p->function_count + 1u;
  p->function_count = o.count;
  return true;
}
