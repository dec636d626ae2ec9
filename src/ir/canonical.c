#include "ir/canonical.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/typing.h"
#include "ir/wire.h"

typedef struct canon {
  const vyre_program_t *from;
  vyre_fold_t fold;  /* with the program that is made */
  uint32_t declared; /* variables so far */
  bool in_function;  /* that gives a value: its end must be a return, whatever comes before */
  bool in_lanes;
} canon_t;

/* The end of a block that is made. */
typedef struct tail {
  uint32_t *next; /* of the program: NULL behind the first statement, whose array may move */
  uint32_t last;
} tail_t;

static vyre_program_t *made(const canon_t *c) { return c->fold.program; }

/* ---- expressions ---- */

static uint32_t copy_expr(canon_t *c, uint32_t id);

static uint32_t copy_list(canon_t *c, uint32_t from) {
  uint32_t first = 0, last = 0;
  for (; from; from = c->from->exprs[from].b) {
    vyre_expr_t link = c->from->exprs[from];
    link.a = copy_expr(c, link.a);
    link.b = 0;
    uint32_t id = vyre_fold_add(&c->fold, &link);
    if (c->fold.failed) return 0;
    if (last)
      made(c)->exprs[last].b = id;
    else
      first = id;
    last = id;
  }
  return first;
}

/* What is known of a leaf before any call. */
static bool known_value(const canon_t *c, const vyre_expr_t *e, uint64_t *out_value) {
  const vyre_program_t *p = c->from;
  *out_value = 0;
  switch (e->op) {
    case VYRE_EXPR_LEN: *out_value = p->params[e->a].count; return p->params[e->a].role == VYRE_ROLE_OUTPUT;
    case VYRE_EXPR_WORKGROUP_SIZE: *out_value = p->workgroup_size; return true;
    case VYRE_EXPR_LANE:
    case VYRE_EXPR_SUBGROUP_LANE: return p->workgroup_size == 1;
    case VYRE_EXPR_SUBGROUP: return p->workgroup_size <= VYRE_SUBGROUP_LANES;
    default: return false;
  }
}

static uint32_t copy_expr(canon_t *c, uint32_t id) {
  vyre_expr_t e = c->from->exprs[id];
  uint64_t value = 0;
  if (known_value(c, &e, &value)) {
    e = (vyre_expr_t){.op = VYRE_EXPR_CONST, .type = e.type, .imm = value, .position = e.position};
    return vyre_fold_make(&c->fold, &e);
  }
  for (unsigned i = 0; i < vyre_expr_arity(e.op); i++)
    vyre_expr_set_operand(&e, i, copy_expr(c, vyre_expr_operand(&e, i)));
  if (e.op == VYRE_EXPR_CALL) e.b = copy_list(c, e.b);
  return vyre_fold_make(&c->fold, &e);
}

static bool is_const(const canon_t *c, uint32_t expr, uint64_t *out_value) {
  if (c->fold.failed || !vyre_fold_is_const(&c->fold, expr)) return false;
  *out_value = made(c)->exprs[expr].imm;
  return true;
}

/* ---- statements. Each function gives whether the end of what it copied can be reached. ---- */

static void declare(canon_t *c, uint32_t var) { c->fold.rank[var] = ++c->declared; }

static uint32_t add_stmt(canon_t *c, const vyre_stmt_t *s) {
  vyre_program_t *p = made(c);
  if (c->fold.failed ||
      !vyre_array_reserve((void **)&p->stmts, &p->stmt_capacity, p->stmt_count + 1, sizeof *p->stmts)) {
    c->fold.failed = true;
    return 0;
  }
  p->stmts[p->stmt_count] = *s;
  return p->stmt_count++;
}

static void append(canon_t *c, tail_t *tail, uint32_t id) {
  if (!id) return;
  if (tail->last)
    made(c)->stmts[tail->last].next = id;
  else
    *tail->next = id;
  tail->last = id;
}

static bool copy_into(canon_t *c, tail_t *tail, uint32_t first);

static bool copy_block(canon_t *c, uint32_t first, uint32_t *out_first) {
  tail_t tail = {.next = out_first};
  *out_first = 0;
  return copy_into(c, &tail, first);
}

static bool copy_if(canon_t *c, tail_t *tail, vyre_stmt_t *s) {
  uint64_t value = 0;
  if (is_const(c, s->arg[0], &value)) return copy_into(c, tail, value ? s->body : s->orelse);
  bool body_ends = copy_block(c, s->body, &s->body);
  bool orelse_ends = copy_block(c, s->orelse, &s->orelse);
  append(c, tail, add_stmt(c, s));
  return body_ends || orelse_ends;
}

/* ---- switch ---- */

static uint64_t lowest_label(const vyre_program_t *p, const vyre_stmt_t *s) {
  uint64_t lowest = UINT64_MAX;
  for (uint32_t list = s->arg[0]; list; list = p->exprs[list].b) {
    uint64_t value = p->exprs[p->exprs[list].a].imm;
    if (value < lowest) lowest = value;
  }
  return lowest;
}

/* The links of a list by the values of their items; at most VYRE_LIMIT_LABELS. */
static uint32_t sort_labels(vyre_program_t *p, uint32_t first) {
  uint32_t links[VYRE_LIMIT_LABELS], count = 0;
  for (uint32_t list = first; list; list = p->exprs[list].b) {
    uint64_t value = p->exprs[p->exprs[list].a].imm;
    uint32_t at = count++;
    for (; at > 0 && p->exprs[p->exprs[links[at - 1]].a].imm > value; at--) links[at] = links[at - 1];
    links[at] = list;
  }
  for (uint32_t i = 0; i < count; i++) p->exprs[links[i]].b = i + 1 < count ? links[i + 1] : 0;
  return count ? links[0] : 0;
}

static bool has_label(const vyre_program_t *p, const vyre_stmt_t *s, uint64_t value) {
  for (uint32_t list = s->arg[0]; list; list = p->exprs[list].b)
    if (p->exprs[p->exprs[list].a].imm == value) return true;
  return false;
}

/* The body that a value takes, 0 for none. */
static uint32_t chosen_body(const vyre_program_t *p, const vyre_stmt_t *s, uint64_t value) {
  uint32_t otherwise = 0;
  for (uint32_t id = s->body; id; id = p->stmts[id].next) {
    if (p->stmts[id].op == VYRE_STMT_DEFAULT)
      otherwise = p->stmts[id].body;
    else if (has_label(p, &p->stmts[id], value))
      return p->stmts[id].body;
  }
  return otherwise;
}

/* Cases in the order of their lowest labels, default last. */
static uint32_t sort_cases(const vyre_program_t *p, const vyre_stmt_t *s, uint32_t cases[VYRE_LIMIT_LABELS + 1]) {
  uint32_t count = 0, otherwise = 0;
  for (uint32_t id = s->body; id; id = p->stmts[id].next) {
    if (p->stmts[id].op == VYRE_STMT_DEFAULT) {
      otherwise = id;
      continue;
    }
    uint64_t lowest = lowest_label(p, &p->stmts[id]);
    uint32_t at = count++;
    for (; at > 0 && lowest_label(p, &p->stmts[cases[at - 1]]) > lowest; at--) cases[at] = cases[at - 1];
    cases[at] = id;
  }
  if (otherwise) cases[count++] = otherwise;
  return count;
}

static bool copy_cases(canon_t *c, vyre_stmt_t *s, const uint32_t *cases, uint32_t count) {
  tail_t tail = {.next = &s->body};
  bool ends = false, has_default = false;
  s->body = 0;
  for (uint32_t i = 0; i < count && !c->fold.failed; i++) {
    vyre_stmt_t branch = c->from->stmts[cases[i]];
    branch.next = 0;
    has_default = has_default || branch.op == VYRE_STMT_DEFAULT;
    if (branch.op == VYRE_STMT_CASE) {
      branch.arg[0] = copy_list(c, branch.arg[0]);
      if (!c->fold.failed) branch.arg[0] = sort_labels(made(c), branch.arg[0]);
    }
    bool branch_ends = copy_block(c, branch.body, &branch.body);
    ends = ends || branch_ends;
    append(c, &tail, add_stmt(c, &branch));
  }
  return ends || !has_default;
}

static bool copy_switch(canon_t *c, tail_t *tail, vyre_stmt_t *s) {
  uint32_t *cases = NULL;
  uint64_t value = 0;
  if (is_const(c, s->arg[0], &value)) return copy_into(c, tail, chosen_body(c->from, s, value));
  if (c->fold.failed) return true;
  bool has_cases = s->body && (c->from->stmts[s->body].op == VYRE_STMT_CASE || c->from->stmts[s->body].next);
  if (!has_cases && c->fold.pure[s->arg[0]]) return copy_into(c, tail, chosen_body(c->from, s, 0));
  cases = vyre_calloc(VYRE_LIMIT_LABELS + 1, sizeof *cases);
  if (!cases) {
    c->fold.failed = true;
    return true;
  }
  bool ends = copy_cases(c, s, cases, sort_cases(c->from, s, cases));
  vyre_free(cases);
  append(c, tail, add_stmt(c, s));
  return ends;
}

/* ---- loops ---- */

static bool copy_loop(canon_t *c, tail_t *tail, vyre_stmt_t *s) {
  uint64_t low = 0, high = 0;
  if (s->op == VYRE_STMT_WHILE && is_const(c, s->arg[0], &low)) {
    if (!low) return true;
    if (!c->in_lanes) { /* a lanes block may not hold a forever */
      s->op = VYRE_STMT_FOREVER;
      s->arg[0] = 0;
    }
  }
  if (s->op == VYRE_STMT_FOR || s->op == VYRE_STMT_FOREACH) {
    /* Lanes meet at a foreach, even at one of no iterations. */
    bool is_meeting = s->op == VYRE_STMT_FOREACH && c->from->workgroup_size > 1;
    bool is_empty = is_const(c, s->arg[0], &low) && is_const(c, s->arg[1], &high) && high <= low;
    if (is_empty && !is_meeting) return true;
    declare(c, s->var);
  }
  copy_block(c, s->body, &s->body);
  append(c, tail, add_stmt(c, s));
  return true;
}

static bool copy_stmt(canon_t *c, tail_t *tail, const vyre_stmt_t *from) {
  vyre_stmt_t s = *from;
  s.next = 0;
  if (s.op == VYRE_STMT_BLOCK) return copy_into(c, tail, s.body);
  for (unsigned i = 0; i < vyre_stmt_arity(s.op); i++) s.arg[i] = copy_expr(c, s.arg[i]);
  if (s.op == VYRE_STMT_RETURN && s.arg[0]) s.arg[0] = copy_expr(c, s.arg[0]);
  if (c->fold.failed) return true;
  switch (s.op) {
    case VYRE_STMT_IF: return copy_if(c, tail, &s);
    case VYRE_STMT_SWITCH: return copy_switch(c, tail, &s);
    case VYRE_STMT_WHILE:
    case VYRE_STMT_FOREVER:
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH: return copy_loop(c, tail, &s);
    case VYRE_STMT_LANES:
      declare(c, s.var);
      c->in_lanes = true;
      copy_block(c, s.body, &s.body);
      c->in_lanes = false;
      break;
    case VYRE_STMT_ASSIGN: {
      const vyre_expr_t *value = &made(c)->exprs[s.arg[0]];
      if (value->op == VYRE_EXPR_VAR && value->a == s.var) return true;
      break;
    }
    case VYRE_STMT_LET: declare(c, s.var); break;
    case VYRE_STMT_LOAD16:
      for (unsigned i = 0; i < 4; i++) declare(c, s.out[i]);
      break;
    default: break;
  }
  append(c, tail, add_stmt(c, &s));
  return s.op != VYRE_STMT_BREAK && s.op != VYRE_STMT_CONTINUE && s.op != VYRE_STMT_RETURN &&
         (s.op != VYRE_STMT_TRAP || c->in_function);
}

static bool copy_into(canon_t *c, tail_t *tail, uint32_t first) {
  for (uint32_t id = first; id != 0 && !c->fold.failed; id = c->from->stmts[id].next)
    if (!copy_stmt(c, tail, &c->from->stmts[id])) return false;
  return true;
}

/* ---- the whole ---- */

static bool copy_names(vyre_program_t *to, const vyre_program_t *from) {
  to->name = vyre_strdup(from->name);
  to->source_name = vyre_strdup(from->source_name ? from->source_name : "");
  if (!to->name || !to->source_name) return false;
  for (; to->param_count < from->param_count; to->param_count++) {
    vyre_param_t param = from->params[to->param_count];
    param.name = vyre_strdup(param.name);
    to->params[to->param_count] = param;
    if (!param.name) return false;
  }
  if (!vyre_array_reserve((void **)&to->vars, &to->var_capacity, from->var_count, sizeof *to->vars) ||
      !vyre_array_reserve((void **)&to->functions, &to->function_capacity, from->function_count + 1u,
                          sizeof *to->functions))
    return false;
  for (; to->var_count < from->var_count; to->var_count++) {
    vyre_var_t var = from->vars[to->var_count];
    var.name = vyre_strdup(var.name ? var.name : "");
    to->vars[to->var_count] = var;
    if (!var.name) return false;
  }
  for (; to->function_count < from->function_count; to->function_count++) {
    vyre_function_t function = from->functions[to->function_count];
    function.name = vyre_strdup(function.name);
    to->functions[to->function_count] = function;
    if (!function.name) return false;
  }
  return true;
}

static bool copy_bodies(canon_t *c) {
  const vyre_program_t *from = c->from;
  vyre_program_t *to = made(c);
  for (uint32_t i = 0; i < from->function_count; i++) {
    const vyre_function_t *f = &from->functions[i];
    for (uint32_t k = 0; k < f->arg_count; k++) declare(c, f->first_arg + k);
    c->in_function = f->type != VYRE_TYPE_VOID;
    copy_block(c, f->body, &to->functions[i].body);
  }
  c->in_function = false;
  copy_block(c, from->body, &to->body);
  copy_block(c, from->finish, &to->finish);
  return !c->fold.failed && vyre_canonical_sweep(&c->fold) && vyre_canonical_order_functions(to);
}

/* A program with nodes left over and in any order. */
static vyre_status_t make_loose(const vyre_program_t *from, vyre_program_t *to) {
  canon_t c = {.from = from};
  to->is_privileged = from->is_privileged;
  to->workgroup_size = from->workgroup_size;
  to->chunk_bytes = from->chunk_bytes;
  bool has_memory = copy_names(to, from) && vyre_fold_init(&c.fold, to) && copy_bodies(&c);
  to->has_finish = to->finish != 0;
  vyre_fold_deinit(&c.fold);
  return has_memory ? NULL : vyre_out_of_memory(from->expr_count * sizeof *from->exprs);
}

/* Writing and reading it leaves the nodes that are reached, in the order of the wire form, and validates them. */
static vyre_status_t number(const vyre_program_t *loose, vyre_program_t **out_program) {
  vyre_strbuf_t bytes;
  vyre_strbuf_init(&bytes);
  vyre_status_t status = vyre_wire_encode(loose, VYRE_WIRE_DEBUG, &bytes);
  if (!status) status = vyre_wire_decode(bytes.text, bytes.length, loose->source_name, true, out_program);
  vyre_strbuf_deinit(&bytes);
  return status;
}

vyre_status_t vyre_canonicalize(const vyre_program_t *program, vyre_program_t **out_program) {
  VYRE_ASSERT(program->is_validated);
  vyre_program_t *loose = vyre_program_create();
  if (!loose) return vyre_out_of_memory(sizeof *loose);
  vyre_status_t status = make_loose(program, loose);
  if (!status) status = number(loose, out_program);
  vyre_program_destroy(&loose);
  return status;
}

vyre_status_t vyre_fingerprint(const vyre_program_t *program, unsigned char out[VYRE_BLAKE3_BYTES]) {
  vyre_program_t *canonical = NULL;
  vyre_strbuf_t bytes;
  VYRE_TRY(vyre_canonicalize(program, &canonical));
  vyre_strbuf_init(&bytes);
  vyre_status_t status = vyre_wire_encode(canonical, 0, &bytes);
  if (!status) memcpy(out, bytes.text + VYRE_WIRE_HASH_AT, VYRE_BLAKE3_BYTES);
  vyre_strbuf_deinit(&bytes);
  vyre_program_destroy(&canonical);
  return status;
}
