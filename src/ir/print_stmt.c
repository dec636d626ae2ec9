/* Statements as text. */
#include "ir/printer.h"
#include "ir/typing.h"

static void indent(vyre_printer_t *p) {
  for (uint32_t i = 0; i < p->depth; i++) vyre_strbuf_append(p->out, "  ");
}

static void print_braces(vyre_printer_t *p, uint32_t first) {
  if (first == 0) {
    vyre_strbuf_append(p->out, "{}");
    return;
  }
  uint32_t outer = vyre_names_mark(&p->scope);
  vyre_strbuf_append(p->out, "{\n");
  p->depth++;
  vyre_print_block(p, first);
  p->depth--;
  indent(p);
  vyre_strbuf_append(p->out, "}");
  vyre_names_leave(&p->scope, outer);
}

void vyre_print_body(vyre_printer_t *p, uint32_t first) {
  vyre_strbuf_append(p->out, " ");
  print_braces(p, first);
}

/* An operator of class BINARY between its sides: what `x op= e` is for. */
static bool is_infix(const vyre_expr_t *e) {
  return vyre_expr_class(e->op) == VYRE_CLASS_BINARY && vyre_expr_precedence(e->op) != VYRE_PRECEDENCE_PRIMARY;
}

static void print_let(vyre_printer_t *p, const vyre_stmt_t *s) {
  const vyre_var_t *var = &p->program->vars[s->var];
  vyre_type_t found = vyre_print_settled(p, s->arg[0], VYRE_TYPE_VOID);
  vyre_strbuf_printf(p->out, "%s %s", var->is_mutable ? "var" : "let", vyre_print_declare(p, s->var));
  if (found != (vyre_type_t)var->type) vyre_strbuf_printf(p->out, " : %s", vyre_type_text(var->type));
  vyre_strbuf_append(p->out, " = ");
  vyre_print_expr(p, s->arg[0], var->type);
}

/* x = x + e is written x += e. */
static void print_assign(vyre_printer_t *p, const vyre_stmt_t *s) {
  const vyre_expr_t *e = vyre_print_node(p, s->arg[0]);
  bool is_compound =
      is_infix(e) && vyre_print_node(p, e->a)->op == VYRE_EXPR_VAR && vyre_print_node(p, e->a)->a == s->var;
  vyre_strbuf_printf(p->out, "%s %s= ", p->var_names[s->var], is_compound ? vyre_expr_text(e->op) : "");
  vyre_print_in(p, is_compound ? e->b : s->arg[0], p->program->vars[s->var].type);
}

/* The same nodes, and no effect: evaluating both is what a compound store does. */
static bool is_same_index(const vyre_printer_t *p, uint32_t x, uint32_t y) {
  const vyre_expr_t *a = vyre_print_node(p, x), *b = vyre_print_node(p, y);
  vyre_op_class_t class_ = vyre_expr_class(a->op);
  if (class_ == VYRE_CLASS_CALL || class_ == VYRE_CLASS_ATOMIC || class_ == VYRE_CLASS_PRIVILEGED) return false;
  if (a->op != b->op || a->type != b->type || a->imm != b->imm) return false;
  if ((class_ == VYRE_CLASS_LEAF || class_ == VYRE_CLASS_LOAD) && a->a != b->a) return false;
  for (unsigned i = 0; i < vyre_expr_arity(a->op); i++)
    if (!is_same_index(p, vyre_expr_operand(a, i), vyre_expr_operand(b, i))) return false;
  return true;
}

/* b[i] = b[i] + e is written b[i] += e. */
static void print_store(vyre_printer_t *p, const vyre_stmt_t *s) {
  const vyre_expr_t *e = vyre_print_node(p, s->arg[1]);
  bool is_compound = is_infix(e) && vyre_print_node(p, e->a)->op == VYRE_EXPR_LOAD &&
                     vyre_print_node(p, e->a)->a == s->param &&
                     is_same_index(p, s->arg[0], vyre_print_node(p, e->a)->b);
  vyre_strbuf_printf(p->out, "%s[", p->param_names[s->param]);
  vyre_print_in(p, s->arg[0], VYRE_TYPE_U64);
  vyre_strbuf_printf(p->out, "] %s= ", is_compound ? vyre_expr_text(e->op) : "");
  vyre_print_in(p, is_compound ? e->b : s->arg[1], p->program->params[s->param].type);
}

/* REDUCE, REDUCE_AT, SET, SET_AT */
static void print_output(vyre_printer_t *p, const vyre_stmt_t *s) {
  static const char *const operators[VYRE_REDUCER_COUNT] = {"", "+=", "min=", "max=", "|=", "^=", "=", "=", "="};
  const vyre_param_t *param = &p->program->params[s->param];
  bool is_at = s->op == VYRE_STMT_REDUCE_AT || s->op == VYRE_STMT_SET_AT;
  bool is_set = s->op == VYRE_STMT_SET || s->op == VYRE_STMT_SET_AT;
  vyre_strbuf_append(p->out, p->param_names[s->param]);
  if (is_at) {
    vyre_strbuf_append(p->out, "[");
    vyre_print_in(p, s->arg[0], VYRE_TYPE_U64);
    vyre_strbuf_append(p->out, "]");
  }
  vyre_strbuf_printf(p->out, " %s ", is_set ? "=" : operators[param->reducer]);
  vyre_print_in(p, s->arg[is_at], param->type);
}

static void print_append(vyre_printer_t *p, const vyre_stmt_t *s) {
  vyre_strbuf_printf(p->out, "append(%s, ", p->param_names[s->param]);
  vyre_print_in(p, s->arg[0], VYRE_TYPE_U64);
  vyre_strbuf_append(p->out, ", ");
  vyre_print_in(p, s->arg[1], p->program->params[s->param].type);
  vyre_strbuf_append(p->out, ")");
}

static void print_copy(vyre_printer_t *p, const vyre_stmt_t *s) {
  vyre_strbuf_printf(p->out, "%s(%s, ", vyre_stmt_text(s->op), p->param_names[s->param]);
  vyre_print_in(p, s->arg[0], VYRE_TYPE_U64);
  vyre_strbuf_printf(p->out, ", %s, ", p->param_names[s->param2]);
  vyre_print_in(p, s->arg[1], VYRE_TYPE_U64);
  vyre_strbuf_append(p->out, ", ");
  vyre_print_in(p, s->arg[2], VYRE_TYPE_U64);
  vyre_strbuf_append(p->out, ")");
}

static void print_barrier(vyre_printer_t *p, const vyre_stmt_t *s) {
  vyre_strbuf_append(p->out, "barrier");
  if (s->order != VYRE_ORDER_ACQ_REL || s->scope != VYRE_SCOPE_WORKGROUP)
    vyre_print_order(p, s->order, s->scope, VYRE_SCOPE_WORKGROUP);
  vyre_strbuf_append(p->out, "()");
}

static void print_switch(vyre_printer_t *p, const vyre_stmt_t *s) {
  vyre_type_t type = vyre_print_node(p, s->arg[0])->type;
  vyre_strbuf_append(p->out, "switch ");
  vyre_print_in(p, s->arg[0], VYRE_TYPE_VOID);
  vyre_strbuf_append(p->out, s->body ? " {\n" : " {}");
  p->depth++;
  for (uint32_t id = s->body; id != 0; id = p->program->stmts[id].next) {
    const vyre_stmt_t *c = &p->program->stmts[id];
    indent(p);
    vyre_strbuf_append(p->out, vyre_stmt_text(c->op));
    for (uint32_t list = c->op == VYRE_STMT_CASE ? c->arg[0] : 0; list; list = vyre_print_node(p, list)->b) {
      vyre_strbuf_append(p->out, list == c->arg[0] ? " " : ", ");
      vyre_print_in(p, vyre_print_node(p, list)->a, type);
    }
    vyre_print_body(p, c->body);
    vyre_strbuf_append(p->out, "\n");
  }
  p->depth--;
  if (!s->body) return;
  indent(p);
  vyre_strbuf_append(p->out, "}");
}

static void print_return(vyre_printer_t *p, const vyre_stmt_t *s) {
  vyre_strbuf_append(p->out, "return");
  if (!s->arg[0]) return;
  vyre_strbuf_append(p->out, " ");
  vyre_print_in(p, s->arg[0], vyre_print_node(p, s->arg[0])->type);
}

static void print_if(vyre_printer_t *p, const vyre_stmt_t *s) {
  vyre_strbuf_append(p->out, "if ");
  vyre_print_in(p, s->arg[0], VYRE_TYPE_BOOL);
  vyre_print_body(p, s->body);
  if (s->orelse == 0) return;
  const vyre_stmt_t *inner = &p->program->stmts[s->orelse];
  vyre_strbuf_append(p->out, " else");
  if (inner->op == VYRE_STMT_IF && inner->next == 0) {
    vyre_strbuf_append(p->out, " ");
    print_if(p, inner);
  } else {
    vyre_print_body(p, s->orelse);
  }
}

static void print_range(vyre_printer_t *p, const vyre_stmt_t *s) {
  vyre_type_t literals = vyre_print_settled_both(p, s->arg[0], s->arg[1], VYRE_TYPE_U64);
  uint32_t outer = vyre_names_mark(&p->scope);
  vyre_strbuf_printf(p->out, "%s %s in ", vyre_stmt_text(s->op), vyre_print_declare(p, s->var));
  vyre_print_expr(p, s->arg[0], literals);
  vyre_strbuf_append(p->out, " .. ");
  vyre_print_expr(p, s->arg[1], literals);
  vyre_print_body(p, s->body);
  vyre_names_leave(&p->scope, outer);
}

static void print_lanes(vyre_printer_t *p, const vyre_stmt_t *s) {
  uint32_t outer = vyre_names_mark(&p->scope);
  vyre_strbuf_printf(p->out, "%s %s", vyre_stmt_text(s->op), vyre_print_declare(p, s->var));
  vyre_print_body(p, s->body);
  vyre_names_leave(&p->scope, outer);
}

/* The order of a load16 is acquire, of a store16 release, when it is not written. */
static void print_tag(vyre_printer_t *p, const vyre_stmt_t *s, vyre_order_t unwritten) {
  vyre_strbuf_printf(p->out, "%s.tag%u", vyre_stmt_text(s->op), s->tag);
  if (s->order != unwritten || s->scope != VYRE_SCOPE_SYSTEM)
    vyre_print_order(p, s->order, s->scope, VYRE_SCOPE_SYSTEM);
}

static void print_load16(vyre_printer_t *p, const vyre_stmt_t *s) {
  vyre_strbuf_append(p->out, "let ");
  for (unsigned i = 0; i < 4; i++) vyre_strbuf_printf(p->out, "%s%s", i ? ", " : "", vyre_print_declare(p, s->out[i]));
  vyre_strbuf_append(p->out, " = ");
  print_tag(p, s, VYRE_ORDER_ACQUIRE);
  vyre_strbuf_append(p->out, "(");
  vyre_print_in(p, s->arg[0], VYRE_TYPE_U64);
  vyre_strbuf_append(p->out, ")");
}

/* A privileged statement with arguments: the first an address but for CALL_HANDLER. */
static void print_effect(vyre_printer_t *p, const vyre_stmt_t *s, vyre_type_t first, vyre_type_t others,
                         unsigned count) {
  if (s->op == VYRE_STMT_STORE16)
    print_tag(p, s, VYRE_ORDER_RELEASE);
  else
    vyre_strbuf_append(p->out, vyre_stmt_text(s->op));
  if (s->op == VYRE_STMT_RAW_STORE) vyre_strbuf_printf(p->out, ".%s", vyre_type_text(s->type));
  if (s->op == VYRE_STMT_RAW_STORE || s->op == VYRE_STMT_FENCE)
    vyre_print_order(p, s->order, s->scope, VYRE_SCOPE_SYSTEM);
  vyre_strbuf_append(p->out, "(");
  for (unsigned i = 0; i < count; i++) {
    if (i > 0) vyre_strbuf_append(p->out, ", ");
    vyre_print_in(p, s->arg[i], i == 0 ? first : others);
  }
  vyre_strbuf_append(p->out, ")");
}

static void print_stmt(vyre_printer_t *p, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_LET: print_let(p, s); break;
    case VYRE_STMT_ASSIGN: print_assign(p, s); break;
    case VYRE_STMT_REDUCE:
    case VYRE_STMT_REDUCE_AT:
    case VYRE_STMT_SET:
    case VYRE_STMT_SET_AT: print_output(p, s); break;
    case VYRE_STMT_STORE: print_store(p, s); break;
    case VYRE_STMT_APPEND: print_append(p, s); break;
    case VYRE_STMT_EVAL: vyre_print_in(p, s->arg[0], VYRE_TYPE_VOID); break;
    case VYRE_STMT_BLOCK: print_braces(p, s->body); break;
    case VYRE_STMT_SWITCH: print_switch(p, s); break;
    case VYRE_STMT_BARRIER: print_barrier(p, s); break;
    case VYRE_STMT_ASYNC_LOAD:
    case VYRE_STMT_ASYNC_STORE: print_copy(p, s); break;
    case VYRE_STMT_ASYNC_WAIT: vyre_strbuf_append(p->out, "async_wait()"); break;
    case VYRE_STMT_RETURN: print_return(p, s); break;
    case VYRE_STMT_IF: print_if(p, s); break;
    case VYRE_STMT_WHILE:
      vyre_strbuf_append(p->out, "while ");
      vyre_print_in(p, s->arg[0], VYRE_TYPE_BOOL);
      vyre_print_body(p, s->body);
      break;
    case VYRE_STMT_FOREVER:
      vyre_strbuf_append(p->out, "forever");
      vyre_print_body(p, s->body);
      break;
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH: print_range(p, s); break;
    case VYRE_STMT_LANES: print_lanes(p, s); break;
    case VYRE_STMT_VOTE:
      vyre_strbuf_printf(p->out, "vote(%s, ", p->var_names[s->var]);
      vyre_print_in(p, s->arg[0], VYRE_TYPE_BOOL);
      vyre_strbuf_append(p->out, ")");
      break;
    case VYRE_STMT_LOAD16: print_load16(p, s); break;
    case VYRE_STMT_FENCE: print_effect(p, s, VYRE_TYPE_VOID, VYRE_TYPE_VOID, 0); break;
    case VYRE_STMT_RAW_STORE: print_effect(p, s, VYRE_TYPE_U64, s->type, 2); break;
    case VYRE_STMT_STORE16: print_effect(p, s, VYRE_TYPE_U64, VYRE_TYPE_U32, 5); break;
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE:
    case VYRE_STMT_WAKE: print_effect(p, s, VYRE_TYPE_U64, VYRE_TYPE_U64, 1); break;
    case VYRE_STMT_RAW_COPY: print_effect(p, s, VYRE_TYPE_U64, VYRE_TYPE_U64, 3); break;
    case VYRE_STMT_SLEEP: print_effect(p, s, VYRE_TYPE_U64, VYRE_TYPE_U32, 2); break;
    case VYRE_STMT_CALL_HANDLER: print_effect(p, s, VYRE_TYPE_U32, VYRE_TYPE_U64, 2); break;
    default: vyre_strbuf_append(p->out, vyre_stmt_text(s->op)); break; /* break, continue, trap, pause, ... */
  }
}

void vyre_print_block(vyre_printer_t *p, uint32_t first) {
  for (uint32_t id = first; id != 0; id = p->program->stmts[id].next) {
    indent(p);
    print_stmt(p, &p->program->stmts[id]);
    vyre_strbuf_append(p->out, "\n");
  }
}
