/* A program as text: canonical layout, as few parentheses and literal suffixes as the parser needs to build the same
 * nodes again. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/lexer.h"
#include "ir/names.h"
#include "ir/text.h"

typedef struct printer {
  const vyre_program_t *program;
  vyre_strbuf_t *out;
  vyre_names_t scope;
  const char *param_names[VYRE_LIMIT_PARAMS]; /* as printed; lent by the program or kept in `made` */
  const char **var_names;
  char **made; /* names that had to be changed */
  size_t made_capacity, made_count;
  uint32_t reserved_suffix; /* last number given to a name that is a word of the language */
  uint32_t depth;
} printer_t;

static const vyre_expr_t *expr_at(const printer_t *p, uint32_t id) { return &p->program->exprs[id]; }

/* Names: the builder may give two variables of one scope the same name, or one that is a word of the language. Those
 * get a number, "name_2". */

static char *keep(printer_t *p, char *name) {
  if (!name || !vyre_array_reserve((void **)&p->made, &p->made_capacity, p->made_count + 1, sizeof *p->made)) {
    vyre_free(name);
    return NULL;
  }
  return p->made[p->made_count++] = name;
}

static const char *unique(printer_t *p, const char *name) {
  vyre_type_t type;
  size_t length = strlen(name);
  vyre_name_t *clash = vyre_names_find(&p->scope, name, length);
  bool is_reserved = vyre_token_of_word(name, length, &type) != VYRE_TOKEN_NAME;
  if (!clash && !is_reserved) return name;
  enum { SUFFIX_BYTES_MAX = 11 }; /* "_4294967295" */
  if (length > VYRE_LIMIT_NAME_BYTES - SUFFIX_BYTES_MAX) length = VYRE_LIMIT_NAME_BYTES - SUFFIX_BYTES_MAX;
  uint32_t *suffix = clash ? &clash->suffix : &p->reserved_suffix;
  if (*suffix < 1) *suffix = 1;
  char text[VYRE_LIMIT_NAME_BYTES + 1];
  do {
    snprintf(text, sizeof text, "%.*s_%u", (int)length, name, ++*suffix);
  } while (vyre_names_find(&p->scope, text, strlen(text)));
  return keep(p, vyre_strdup(text));
}

static const char *declare(printer_t *p, const char *name, bool is_param, uint32_t id) {
  const char *text = unique(p, name);
  if (text && vyre_names_declare(&p->scope, text, strlen(text), is_param, id)) return text;
  p->out->failed = true;
  return "";
}

static const char *declare_var(printer_t *p, uint32_t var) {
  return p->var_names[var] = declare(p, p->program->vars[var].name, false, var);
}

/* Types of literals: the same rule as the parser's (parser.h, settle), seen from the nodes. */

typedef struct shape {
  bool is_typed;    /* something other than a literal gives the text its type */
  bool is_negative; /* a negative literal or a negation among those without type */
} shape_t;

static shape_t join(shape_t a, shape_t b) {
  return (shape_t){a.is_typed || b.is_typed, a.is_negative || b.is_negative};
}

static bool is_negative_const(const vyre_expr_t *e) {
  return e->op == VYRE_EXPR_CONST && vyre_type_is_signed(e->type) && (e->imm >> (vyre_type_bits(e->type) - 1)) != 0;
}

static shape_t shape_of(const printer_t *p, uint32_t id) {
  const vyre_expr_t *e = expr_at(p, id);
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF:
      if (e->op == VYRE_EXPR_CONST && e->type != VYRE_TYPE_BOOL) return (shape_t){false, is_negative_const(e)};
      return (shape_t){true, false};
    case VYRE_CLASS_UNARY: {
      if (e->op == VYRE_EXPR_LOGICAL_NOT) return (shape_t){true, false};
      shape_t a = shape_of(p, e->a);
      a.is_negative |= e->op == VYRE_EXPR_NEG;
      return a;
    }
    case VYRE_CLASS_BINARY: return join(shape_of(p, e->a), shape_of(p, e->b));
    case VYRE_CLASS_SELECT: return join(shape_of(p, e->b), shape_of(p, e->c));
    default: return (shape_t){true, false};
  }
}

/* The type that the parser gives to the literals of a text of this shape. */
static vyre_type_t settle(shape_t shape, vyre_type_t type, vyre_type_t expected) {
  if (shape.is_typed) return type;
  if (vyre_type_is_integer(expected)) return expected;
  return shape.is_negative ? VYRE_TYPE_I64 : VYRE_TYPE_U64;
}

static void print_expr(printer_t *p, uint32_t id, vyre_type_t literals);

/* An expression that stands for itself, in parentheses when it binds less tightly than `level`. */
static void print_operand(printer_t *p, uint32_t id, unsigned level, vyre_type_t literals) {
  bool is_wrapped = vyre_expr_level(expr_at(p, id)->op) < level;
  if (is_wrapped) vyre_strbuf_append(p->out, "(");
  print_expr(p, id, literals);
  if (is_wrapped) vyre_strbuf_append(p->out, ")");
}

static void print_in(printer_t *p, uint32_t id, vyre_type_t expected) {
  print_expr(p, id, settle(shape_of(p, id), expr_at(p, id)->type, expected));
}

static void print_const(printer_t *p, const vyre_expr_t *e, vyre_type_t literals) {
  if (e->type == VYRE_TYPE_BOOL) {
    vyre_strbuf_append(p->out, e->imm ? "true" : "false");
    return;
  }
  bool is_negative = is_negative_const(e);
  uint64_t magnitude = is_negative ? (0 - e->imm) & vyre_type_mask(e->type) : e->imm;
  vyre_strbuf_printf(p->out, "%s%llu", is_negative ? "-" : "", (unsigned long long)magnitude);
  if (literals != (vyre_type_t)e->type) vyre_strbuf_append(p->out, vyre_type_text(e->type));
}

static void print_unary(printer_t *p, const vyre_expr_t *e, vyre_type_t literals) {
  vyre_strbuf_append(p->out, vyre_expr_text(e->op));
  if (vyre_expr_level(e->op) == VYRE_LEVEL_PRIMARY) { /* popcount, ctz */
    vyre_strbuf_append(p->out, "(");
    print_expr(p, e->a, literals);
    vyre_strbuf_append(p->out, ")");
    return;
  }
  /* -5 is a literal; the negation of the literal 5 is -(5). */
  bool is_literal = e->op == VYRE_EXPR_NEG && expr_at(p, e->a)->op == VYRE_EXPR_CONST;
  print_operand(p, e->a, is_literal ? VYRE_LEVEL_PRIMARY + 1 : VYRE_LEVEL_UNARY, literals);
}

static void print_binary(printer_t *p, const vyre_expr_t *e, vyre_type_t literals) {
  unsigned level = vyre_expr_level(e->op);
  if (vyre_expr_class(e->op) != VYRE_CLASS_LOGIC)
    literals = settle(join(shape_of(p, e->a), shape_of(p, e->b)), expr_at(p, e->a)->type,
                      vyre_expr_class(e->op) == VYRE_CLASS_COMPARE ? VYRE_TYPE_VOID : literals);
  if (level == VYRE_LEVEL_PRIMARY) { /* min, max */
    vyre_strbuf_printf(p->out, "%s(", vyre_expr_text(e->op));
    print_expr(p, e->a, literals);
    vyre_strbuf_append(p->out, ", ");
    print_expr(p, e->b, literals);
    vyre_strbuf_append(p->out, ")");
    return;
  }
  print_operand(p, e->a, level == VYRE_LEVEL_COMPARE ? level + 1 : level, literals);
  vyre_strbuf_printf(p->out, " %s ", vyre_expr_text(e->op));
  print_operand(p, e->b, level + 1, literals);
}

static void print_order(printer_t *p, uint8_t order, uint8_t scope) {
  vyre_strbuf_printf(p->out, ".%s", vyre_order_text(order));
  if (scope != VYRE_SCOPE_SYSTEM) vyre_strbuf_printf(p->out, ".%s", vyre_scope_text(scope));
}

static void print_privileged(printer_t *p, const vyre_expr_t *e) {
  unsigned arity = vyre_expr_arity(e->op);
  vyre_strbuf_append(p->out, vyre_expr_text(e->op));
  if (arity > 0) {
    vyre_strbuf_printf(p->out, ".%s", vyre_type_text(e->type));
    print_order(p, e->order, e->scope);
  }
  vyre_strbuf_append(p->out, "(");
  if (arity > 0) print_in(p, e->a, VYRE_TYPE_U64);
  for (unsigned i = 1; i < arity; i++) {
    vyre_strbuf_append(p->out, ", ");
    print_in(p, i == 1 ? e->b : e->c, e->type);
  }
  vyre_strbuf_append(p->out, ")");
}

static void print_select(printer_t *p, const vyre_expr_t *e, vyre_type_t literals) {
  literals = settle(join(shape_of(p, e->b), shape_of(p, e->c)), e->type, literals);
  vyre_strbuf_append(p->out, "select(");
  print_in(p, e->a, VYRE_TYPE_BOOL);
  vyre_strbuf_append(p->out, ", ");
  print_expr(p, e->b, literals);
  vyre_strbuf_append(p->out, ", ");
  print_expr(p, e->c, literals);
  vyre_strbuf_append(p->out, ")");
}

/* `literals` is what the parser will give to literals without suffix here. */
static void print_expr(printer_t *p, uint32_t id, vyre_type_t literals) {
  const vyre_expr_t *e = expr_at(p, id);
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF:
      if (e->op == VYRE_EXPR_CONST)
        print_const(p, e, literals);
      else if (e->op == VYRE_EXPR_VAR)
        vyre_strbuf_append(p->out, p->var_names[e->a]);
      else
        vyre_strbuf_printf(p->out, "%s(%s)", vyre_expr_text(e->op), e->op == VYRE_EXPR_LEN ? p->param_names[e->a] : "");
      break;
    case VYRE_CLASS_LOAD:
      vyre_strbuf_printf(p->out, "%s[", p->param_names[e->a]);
      print_in(p, e->b, VYRE_TYPE_U64);
      vyre_strbuf_append(p->out, "]");
      break;
    case VYRE_CLASS_UNARY: print_unary(p, e, literals); break;
    case VYRE_CLASS_BINARY:
    case VYRE_CLASS_COMPARE:
    case VYRE_CLASS_LOGIC: print_binary(p, e, literals); break;
    case VYRE_CLASS_SELECT: print_select(p, e, literals); break;
    case VYRE_CLASS_CAST:
      vyre_strbuf_printf(p->out, "%s(", vyre_type_text(e->type));
      print_in(p, e->a, VYRE_TYPE_VOID);
      vyre_strbuf_append(p->out, ")");
      break;
    case VYRE_CLASS_PRIVILEGED: print_privileged(p, e); break;
    default: VYRE_UNREACHABLE();
  }
}

static void print_block(printer_t *p, uint32_t first);

static void indent(printer_t *p) {
  for (uint32_t i = 0; i < p->depth; i++) vyre_strbuf_append(p->out, "  ");
}

/* " { ... }" without the newline behind. */
static void print_body(printer_t *p, uint32_t first) {
  if (first == 0) {
    vyre_strbuf_append(p->out, " {}");
    return;
  }
  uint32_t outer = vyre_names_mark(&p->scope);
  vyre_strbuf_append(p->out, " {\n");
  p->depth++;
  print_block(p, first);
  p->depth--;
  indent(p);
  vyre_strbuf_append(p->out, "}");
  vyre_names_leave(&p->scope, outer);
}

static void print_let(printer_t *p, const vyre_stmt_t *s) {
  const vyre_var_t *var = &p->program->vars[s->var];
  vyre_type_t found = settle(shape_of(p, s->arg[0]), var->type, VYRE_TYPE_VOID);
  vyre_strbuf_printf(p->out, "%s %s", var->is_mutable ? "var" : "let", declare_var(p, s->var));
  if (found != (vyre_type_t)var->type) vyre_strbuf_printf(p->out, " : %s", vyre_type_text(var->type));
  vyre_strbuf_append(p->out, " = ");
  print_expr(p, s->arg[0], var->type);
}

/* x = x + e is written x += e. */
static void print_assign(printer_t *p, const vyre_stmt_t *s) {
  const vyre_expr_t *e = expr_at(p, s->arg[0]);
  vyre_type_t type = p->program->vars[s->var].type;
  unsigned level = vyre_expr_level(e->op);
  bool is_compound = vyre_expr_class(e->op) == VYRE_CLASS_BINARY && level != VYRE_LEVEL_PRIMARY &&
                     expr_at(p, e->a)->op == VYRE_EXPR_VAR && expr_at(p, e->a)->a == s->var;
  vyre_strbuf_printf(p->out, "%s %s= ", p->var_names[s->var], is_compound ? vyre_expr_text(e->op) : "");
  print_in(p, is_compound ? e->b : s->arg[0], type);
}

static void print_if(printer_t *p, const vyre_stmt_t *s) {
  vyre_strbuf_append(p->out, "if ");
  print_in(p, s->arg[0], VYRE_TYPE_BOOL);
  print_body(p, s->body);
  if (s->orelse == 0) return;
  const vyre_stmt_t *inner = &p->program->stmts[s->orelse];
  vyre_strbuf_append(p->out, " else");
  if (inner->op == VYRE_STMT_IF && inner->next == 0) {
    vyre_strbuf_append(p->out, " ");
    print_if(p, inner);
  } else {
    print_body(p, s->orelse);
  }
}

static void print_range(printer_t *p, const vyre_stmt_t *s) {
  shape_t shape = join(shape_of(p, s->arg[0]), shape_of(p, s->arg[1]));
  vyre_type_t literals = settle(shape, expr_at(p, s->arg[0])->type, VYRE_TYPE_U64);
  uint32_t outer = vyre_names_mark(&p->scope);
  vyre_strbuf_printf(p->out, "%s %s in ", vyre_stmt_text(s->op), declare_var(p, s->var));
  print_expr(p, s->arg[0], literals);
  vyre_strbuf_append(p->out, " .. ");
  print_expr(p, s->arg[1], literals);
  print_body(p, s->body);
  vyre_names_leave(&p->scope, outer);
}

static void print_lanes(printer_t *p, const vyre_stmt_t *s) {
  uint32_t outer = vyre_names_mark(&p->scope);
  vyre_strbuf_printf(p->out, "%s %s", vyre_stmt_text(s->op), declare_var(p, s->var));
  print_body(p, s->body);
  vyre_names_leave(&p->scope, outer);
}

/* The order of a load16 is acquire, of a store16 release, when it is not written. */
static void print_tag(printer_t *p, const vyre_stmt_t *s, vyre_order_t unwritten) {
  vyre_strbuf_printf(p->out, "%s.tag%u", vyre_stmt_text(s->op), s->tag);
  if (s->order != unwritten || s->scope != VYRE_SCOPE_SYSTEM) print_order(p, s->order, s->scope);
}

static void print_load16(printer_t *p, const vyre_stmt_t *s) {
  vyre_strbuf_append(p->out, "let ");
  for (unsigned i = 0; i < 4; i++) vyre_strbuf_printf(p->out, "%s%s", i ? ", " : "", declare_var(p, s->out[i]));
  vyre_strbuf_append(p->out, " = ");
  print_tag(p, s, VYRE_ORDER_ACQUIRE);
  vyre_strbuf_append(p->out, "(");
  print_in(p, s->arg[0], VYRE_TYPE_U64);
  vyre_strbuf_append(p->out, ")");
}

/* A privileged statement with arguments: the first an address but for CALL. */
static void print_effect(printer_t *p, const vyre_stmt_t *s, vyre_type_t first, vyre_type_t others, unsigned count) {
  if (s->op == VYRE_STMT_STORE16)
    print_tag(p, s, VYRE_ORDER_RELEASE);
  else
    vyre_strbuf_append(p->out, vyre_stmt_text(s->op));
  if (s->op == VYRE_STMT_RAW_STORE) vyre_strbuf_printf(p->out, ".%s", vyre_type_text(s->type));
  if (s->op == VYRE_STMT_RAW_STORE || s->op == VYRE_STMT_FENCE) print_order(p, s->order, s->scope);
  vyre_strbuf_append(p->out, "(");
  for (unsigned i = 0; i < count; i++) {
    if (i > 0) vyre_strbuf_append(p->out, ", ");
    print_in(p, s->arg[i], i == 0 ? first : others);
  }
  vyre_strbuf_append(p->out, ")");
}

static void print_stmt(printer_t *p, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_LET: print_let(p, s); break;
    case VYRE_STMT_ASSIGN: print_assign(p, s); break;
    case VYRE_STMT_REDUCE:
      vyre_strbuf_printf(p->out, "%s += ", p->param_names[s->param]);
      print_in(p, s->arg[0], p->program->params[s->param].type);
      break;
    case VYRE_STMT_REDUCE_AT:
      vyre_strbuf_printf(p->out, "%s[", p->param_names[s->param]);
      print_in(p, s->arg[0], VYRE_TYPE_U64);
      vyre_strbuf_append(p->out, "] += ");
      print_in(p, s->arg[1], p->program->params[s->param].type);
      break;
    case VYRE_STMT_IF: print_if(p, s); break;
    case VYRE_STMT_WHILE:
      vyre_strbuf_append(p->out, "while ");
      print_in(p, s->arg[0], VYRE_TYPE_BOOL);
      print_body(p, s->body);
      break;
    case VYRE_STMT_FOREVER:
      vyre_strbuf_append(p->out, "forever");
      print_body(p, s->body);
      break;
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH: print_range(p, s); break;
    case VYRE_STMT_LANES: print_lanes(p, s); break;
    case VYRE_STMT_VOTE:
      vyre_strbuf_printf(p->out, "vote(%s, ", p->var_names[s->var]);
      print_in(p, s->arg[0], VYRE_TYPE_BOOL);
      vyre_strbuf_append(p->out, ")");
      break;
    case VYRE_STMT_LOAD16: print_load16(p, s); break;
    case VYRE_STMT_FENCE: print_effect(p, s, VYRE_TYPE_VOID, VYRE_TYPE_VOID, 0); break;
    case VYRE_STMT_RAW_STORE: print_effect(p, s, VYRE_TYPE_U64, s->type, 2); break;
    case VYRE_STMT_STORE16: print_effect(p, s, VYRE_TYPE_U64, VYRE_TYPE_U32, 5); break;
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE: print_effect(p, s, VYRE_TYPE_U64, VYRE_TYPE_U64, 1); break;
    case VYRE_STMT_SLEEP: print_effect(p, s, VYRE_TYPE_U64, VYRE_TYPE_U32, 2); break;
    case VYRE_STMT_CALL_HANDLER: print_effect(p, s, VYRE_TYPE_U32, VYRE_TYPE_U64, 2); break;
    default: vyre_strbuf_append(p->out, vyre_stmt_text(s->op)); break; /* break, continue, return, trap, pause, ... */
  }
}

static void print_block(printer_t *p, uint32_t first) {
  for (uint32_t id = first; id != 0; id = p->program->stmts[id].next) {
    indent(p);
    print_stmt(p, &p->program->stmts[id]);
    vyre_strbuf_append(p->out, "\n");
  }
}

static void print_params(printer_t *p) {
  for (uint32_t i = 0; i < p->program->param_count; i++) {
    const vyre_param_t *param = &p->program->params[i];
    p->param_names[i] = declare(p, param->name, true, i);
    vyre_strbuf_printf(p->out, "%s %s : %s", param->role == VYRE_ROLE_STREAM ? "stream" : "output", p->param_names[i],
                       vyre_type_text(param->type));
    if (param->count) vyre_strbuf_printf(p->out, "[%u]", param->count);
    vyre_strbuf_append(p->out, param->reducer == VYRE_REDUCER_SUM ? " sum\n" : "\n");
  }
}

void vyre_text_print(const vyre_program_t *program, vyre_strbuf_t *out) {
  VYRE_ASSERT(program->is_validated); /* ids, types, trees and depth are sound */
  printer_t p = {.program = program, .out = out};
  vyre_names_init(&p.scope);
  p.var_names = vyre_calloc(program->var_count, sizeof *p.var_names);
  if (!p.var_names) {
    out->failed = true;
    return;
  }
  vyre_strbuf_printf(out, "program %s\n", program->name);
  print_params(&p);
  if (program->body) vyre_strbuf_append(out, "\n");
  print_block(&p, program->body);
  for (size_t i = 0; i < p.made_count; i++) vyre_free(p.made[i]);
  vyre_free(p.made);
  vyre_free(p.var_names);
  vyre_names_deinit(&p.scope);
}
