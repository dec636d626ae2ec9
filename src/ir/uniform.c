#include "ir/uniform.h"

#include <string.h>

#include "base/memory.h"
#include "ir/typing.h"

/* Nodes of the graph: variables by id, then statements by id, then the end of the Program, which lanes reach apart when
 * a `return` is not uniform. An edge says: as low as `from` is, `to` is too. */
typedef struct edge {
  uint32_t from, to;
} edge_t;

typedef struct analysis {
  const vyre_program_t *program;
  vyre_uniform_t *uniform;
  uint8_t *levels; /* by node */
  uint32_t node_count, root;
  edge_t *edges;
  size_t edge_count, edge_capacity;
  uint32_t loop; /* node of the innermost loop, 0 outside */
  bool failed;   /* memory is out */
} analysis_t;

static vyre_level_t join(vyre_level_t a, vyre_level_t b) { return a > b ? a : b; }

static uint32_t node_of(const analysis_t *a, uint32_t stmt) { return a->program->var_count + stmt; }

static void raise(analysis_t *a, uint32_t node, vyre_level_t level) {
  if (a->levels[node] < level) a->levels[node] = (uint8_t)level;
}

static void add_edge(analysis_t *a, uint32_t from, uint32_t to) {
  if (!vyre_array_reserve((void **)&a->edges, &a->edge_capacity, a->edge_count + 1, sizeof *a->edges)) {
    a->failed = true;
    return;
  }
  a->edges[a->edge_count++] = (edge_t){from, to};
}

/* The level of a node apart from its operands and variables. */
static vyre_level_t own_level(const vyre_program_t *p, const vyre_expr_t *e) {
  bool is_one_subgroup = p->workgroup_size <= VYRE_SUBGROUP_LANES;
  vyre_level_t subgroup = is_one_subgroup ? VYRE_LEVEL_WORKGROUP : VYRE_LEVEL_SUBGROUP;
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF:
      if (e->op == VYRE_EXPR_LANE || e->op == VYRE_EXPR_SUBGROUP_LANE) return VYRE_LEVEL_LANE;
      return e->op == VYRE_EXPR_SUBGROUP ? subgroup : VYRE_LEVEL_WORKGROUP;
    case VYRE_CLASS_LOAD: {
      if (e->op == VYRE_EXPR_OUTPUT_AT) return VYRE_LEVEL_WORKGROUP;
      vyre_role_t role = p->params[e->a].role;
      return role == VYRE_ROLE_STREAM || role == VYRE_ROLE_CONSTANT ? VYRE_LEVEL_WORKGROUP : VYRE_LEVEL_LANE;
    }
    case VYRE_CLASS_ATOMIC:
    case VYRE_CLASS_CALL: return VYRE_LEVEL_LANE;
    case VYRE_CLASS_SUBGROUP: {
      bool is_scan = e->op == VYRE_EXPR_SUBGROUP_INCLUSIVE_ADD || e->op == VYRE_EXPR_SUBGROUP_EXCLUSIVE_ADD;
      bool is_shuffle = e->op >= VYRE_EXPR_SUBGROUP_SHUFFLE && e->op <= VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN;
      return is_scan || is_shuffle ? VYRE_LEVEL_LANE : subgroup;
    }
    case VYRE_CLASS_WORKGROUP: {
      bool is_scan = e->op == VYRE_EXPR_WORKGROUP_INCLUSIVE_ADD || e->op == VYRE_EXPR_WORKGROUP_EXCLUSIVE_ADD;
      return is_scan ? VYRE_LEVEL_LANE : VYRE_LEVEL_WORKGROUP;
    }
    default: return VYRE_LEVEL_WORKGROUP;
  }
}

/* What the value of an expression says about `to`: at once, and by edges from the variables in it. */
static void add_uses(analysis_t *a, uint32_t expr, uint32_t to) {
  const vyre_expr_t *e = &a->program->exprs[expr];
  raise(a, to, own_level(a->program, e));
  if (e->op == VYRE_EXPR_VAR) add_edge(a, e->a, to);
  if (vyre_expr_is_collective(e->op)) return; /* the same for all that meet, whatever they bring */
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) add_uses(a, vyre_expr_operand(e, i), to);
}

static void visit_block(analysis_t *a, uint32_t first, uint32_t construct);

static void visit_construct(analysis_t *a, const vyre_stmt_t *s, uint32_t node) {
  uint32_t outer_loop = a->loop;
  bool is_loop = s->op == VYRE_STMT_WHILE || s->op == VYRE_STMT_FOREVER || s->op == VYRE_STMT_FOR;
  if (s->op != VYRE_STMT_CASE)
    for (unsigned i = 0; i < vyre_stmt_arity(s->op); i++) add_uses(a, s->arg[i], node);
  if (is_loop) a->loop = node;
  if (s->op == VYRE_STMT_FOR) add_edge(a, node, s->var);
  visit_block(a, s->body, node);
  visit_block(a, s->orelse, node);
  a->loop = outer_loop;
}

static void visit_stmt(analysis_t *a, const vyre_stmt_t *s, uint32_t node, uint32_t construct) {
  add_edge(a, construct, node);
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN:
      add_uses(a, s->arg[0], s->var);
      add_edge(a, construct, s->var);
      return;
    /* Lanes that leave a loop apart go through the rest of it apart. */
    case VYRE_STMT_BREAK:
    case VYRE_STMT_CONTINUE: add_edge(a, node, a->loop); return;
    case VYRE_STMT_RETURN: add_edge(a, node, a->root); return;
    case VYRE_STMT_IF:
    case VYRE_STMT_SWITCH:
    case VYRE_STMT_CASE:
    case VYRE_STMT_DEFAULT:
    case VYRE_STMT_BLOCK:
    case VYRE_STMT_WHILE:
    case VYRE_STMT_FOREVER:
    case VYRE_STMT_FOR: visit_construct(a, s, node); return;
    default: return; /* a foreach is executed by all; what is in it belongs to its iterations */
  }
}

static void visit_block(analysis_t *a, uint32_t first, uint32_t construct) {
  for (uint32_t id = first; id != 0; id = a->program->stmts[id].next)
    visit_stmt(a, &a->program->stmts[id], node_of(a, id), construct);
}

/* Raises what can be reached from the nodes of `level`. begin[n] .. begin[n + 1] are the edges of node n in `targets`.
 */
static void spread(analysis_t *a, vyre_level_t level, const uint32_t *begin, const uint32_t *targets, uint32_t *work) {
  uint32_t count = 0;
  for (uint32_t n = 0; n < a->node_count; n++)
    if (a->levels[n] == level) work[count++] = n;
  while (count > 0) {
    uint32_t n = work[--count];
    for (uint32_t i = begin[n]; i < begin[n + 1]; i++)
      if (a->levels[targets[i]] < level) {
        a->levels[targets[i]] = (uint8_t)level;
        work[count++] = targets[i];
      }
  }
}

static bool spread_all(analysis_t *a) {
  uint32_t *begin = vyre_calloc((size_t)a->node_count + 2, sizeof *begin);
  uint32_t *targets = vyre_calloc(a->edge_count + 1, sizeof *targets);
  uint32_t *work = vyre_calloc(a->node_count, sizeof *work);
  bool has_memory = begin && targets && work;
  if (has_memory) {
    /* A counting sort by `from`: after it begin[n] is where the edges of n end, so they are shifted by one. */
    for (size_t i = 0; i < a->edge_count; i++) begin[a->edges[i].from + 2]++;
    for (uint32_t n = 2; n <= a->node_count; n++) begin[n] += begin[n - 1];
    for (size_t i = 0; i < a->edge_count; i++) targets[begin[a->edges[i].from + 1]++] = a->edges[i].to;
    spread(a, VYRE_LEVEL_LANE, begin, targets, work);
    spread(a, VYRE_LEVEL_SUBGROUP, begin, targets, work);
  }
  vyre_free(begin);
  vyre_free(targets);
  vyre_free(work);
  return has_memory;
}

static vyre_meeting_t meeting_of(const vyre_program_t *p, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_BARRIER:
    case VYRE_STMT_ASYNC_LOAD:
    case VYRE_STMT_ASYNC_STORE:
    case VYRE_STMT_ASYNC_WAIT:
    case VYRE_STMT_FOREACH: return VYRE_MEETING_WORKGROUP;
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN: {
      vyre_op_class_t class_ = vyre_expr_class(p->exprs[s->arg[0]].op);
      return class_ == VYRE_CLASS_WORKGROUP  ? VYRE_MEETING_WORKGROUP
             : class_ == VYRE_CLASS_SUBGROUP ? VYRE_MEETING_SUBGROUP
                                             : VYRE_MEETING_NONE;
    }
    default: return VYRE_MEETING_NONE;
  }
}

/* Fills in control, inside and meetings; gives the widest meeting of the block. */
static vyre_meeting_t finish_block(analysis_t *a, uint32_t first, vyre_level_t control) {
  const vyre_program_t *p = a->program;
  vyre_uniform_t *u = a->uniform;
  vyre_meeting_t widest = VYRE_MEETING_NONE;
  for (uint32_t id = first; id != 0; id = p->stmts[id].next) {
    const vyre_stmt_t *s = &p->stmts[id];
    vyre_meeting_t meeting = meeting_of(p, s);
    vyre_level_t inside = join(control, a->levels[node_of(a, id)]);
    u->control[id] = (uint8_t)control;
    u->inside[id] = (uint8_t)inside;
    if (s->op != VYRE_STMT_FOREACH) {
      vyre_meeting_t first_body = finish_block(a, s->body, inside), second = finish_block(a, s->orelse, inside);
      if (first_body > meeting) meeting = first_body;
      if (second > meeting) meeting = second;
    }
    u->meetings[id] = (uint8_t)meeting;
    if (meeting > widest) widest = meeting;
  }
  return widest;
}

/* In a function nothing is known of the caller's control flow. */
static void finish_functions(analysis_t *a) {
  const vyre_program_t *p = a->program;
  for (uint32_t i = 0; i < p->function_count; i++) {
    const vyre_function_t *f = &p->functions[i];
    for (uint32_t k = 0; k < f->arg_count; k++) a->levels[f->first_arg + k] = VYRE_LEVEL_LANE;
    finish_block(a, f->body, VYRE_LEVEL_LANE);
  }
}

vyre_status_t vyre_uniform_init(vyre_uniform_t *uniform, const vyre_program_t *p) {
  analysis_t a = {.program = p, .uniform = uniform, .root = p->var_count + p->stmt_count};
  a.node_count = a.root + 1;
  a.levels = vyre_calloc(a.node_count, 1);
  *uniform = (vyre_uniform_t){.vars = vyre_calloc(p->var_count, 1),
                              .control = vyre_calloc(p->stmt_count, 1),
                              .inside = vyre_calloc(p->stmt_count, 1),
                              .meetings = vyre_calloc(p->stmt_count, 1)};
  a.failed = !a.levels || !uniform->vars || !uniform->control || !uniform->inside || !uniform->meetings;
  if (!a.failed && p->workgroup_size > 1) {
    visit_block(&a, p->body, a.root);
    a.failed = a.failed || !spread_all(&a);
    if (!a.failed) finish_functions(&a);
  }
  if (!a.failed) {
    finish_block(&a, p->body, a.levels[a.root]);
    memcpy(uniform->vars, a.levels, p->var_count);
  }
  vyre_free(a.levels);
  vyre_free(a.edges);
  if (!a.failed) return NULL;
  vyre_uniform_deinit(uniform);
  return vyre_out_of_memory(a.node_count);
}

void vyre_uniform_deinit(vyre_uniform_t *uniform) {
  vyre_free(uniform->vars);
  vyre_free(uniform->control);
  vyre_free(uniform->inside);
  vyre_free(uniform->meetings);
  *uniform = (vyre_uniform_t){0};
}

vyre_level_t vyre_uniform_expr(const vyre_uniform_t *uniform, const vyre_program_t *p, uint32_t expr) {
  const vyre_expr_t *e = &p->exprs[expr];
  if (p->workgroup_size == 1) return VYRE_LEVEL_WORKGROUP;
  vyre_level_t level = own_level(p, e);
  if (e->op == VYRE_EXPR_VAR) level = join(level, uniform->vars[e->a]);
  if (vyre_expr_is_collective(e->op)) return level;
  for (unsigned i = 0; i < vyre_expr_arity(e->op) && level < VYRE_LEVEL_LANE; i++)
    level = join(level, vyre_uniform_expr(uniform, p, vyre_expr_operand(e, i)));
  return level;
}
