/* Expressions as text: as few parentheses and literal suffixes as the parser needs to build the same nodes again. */
#include "base/assert.h"
#include "ir/float_text.h"
#include "ir/printer.h"

/* Types of literals: the same rule as the parser's (settle in parse_emit.c), seen from the nodes. */

typedef struct shape {
  bool is_typed;    /* something other than a literal gives the text its type */
  bool is_negative; /* a negative integer literal or a negation among those without type */
  bool is_float;    /* a float literal among those without type */
} shape_t;

static shape_t join(shape_t a, shape_t b) {
  return (shape_t){a.is_typed || b.is_typed, a.is_negative || b.is_negative, a.is_float || b.is_float};
}

static const shape_t typed = {.is_typed = true};

static bool is_negative_const(const vyre_expr_t *e) {
  return e->op == VYRE_EXPR_CONST && vyre_type_is_signed(e->type) && (e->imm >> (vyre_type_bits(e->type) - 1)) != 0;
}

static shape_t shape_of_const(const vyre_expr_t *e) {
  if (e->type == VYRE_TYPE_BOOL) return typed;
  if (!vyre_type_is_float(e->type)) return (shape_t){.is_negative = is_negative_const(e)};
  return vyre_float_is_finite(e->type, e->imm) ? (shape_t){.is_float = true} : typed; /* f32.inf says its type */
}

static shape_t shape_of(const vyre_printer_t *p, uint32_t id) {
  const vyre_expr_t *e = vyre_print_node(p, id);
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF: return e->op == VYRE_EXPR_CONST ? shape_of_const(e) : typed;
    case VYRE_CLASS_UNARY: {
      if (e->op == VYRE_EXPR_LOGICAL_NOT) return typed;
      shape_t a = shape_of(p, e->a);
      a.is_negative |= e->op == VYRE_EXPR_NEG;
      return a;
    }
    case VYRE_CLASS_BINARY: return join(shape_of(p, e->a), shape_of(p, e->b));
    case VYRE_CLASS_TERNARY: return join(shape_of(p, e->a), join(shape_of(p, e->b), shape_of(p, e->c)));
    case VYRE_CLASS_SELECT: return join(shape_of(p, e->b), shape_of(p, e->c));
    case VYRE_CLASS_SUBGROUP:
    case VYRE_CLASS_WORKGROUP: return vyre_expr_on(e->op) == VYRE_ON_BOOL ? typed : shape_of(p, e->a);
    default: return typed;
  }
}

/* The type that the parser gives to the literals of a text of this shape: the rule of parse_emit.c. */
static vyre_type_t settle(shape_t shape, vyre_type_t type, vyre_type_t expected) {
  if (shape.is_typed) return type;
  if (vyre_type_is_float(expected)) return expected;
  if (shape.is_float) return VYRE_TYPE_F64;
  if (vyre_type_is_integer(expected)) return expected;
  return shape.is_negative ? VYRE_TYPE_I64 : VYRE_TYPE_U64;
}

vyre_type_t vyre_print_settled(const vyre_printer_t *p, uint32_t id, vyre_type_t expected) {
  return settle(shape_of(p, id), vyre_print_node(p, id)->type, expected);
}

vyre_type_t vyre_print_settled_both(const vyre_printer_t *p, uint32_t a, uint32_t b, vyre_type_t expected) {
  return settle(join(shape_of(p, a), shape_of(p, b)), vyre_print_node(p, a)->type, expected);
}

/* An expression that stands for itself, in parentheses when it binds less tightly than `level`. */
static void print_operand(vyre_printer_t *p, uint32_t id, unsigned level, vyre_type_t literals) {
  bool is_wrapped = vyre_expr_precedence(vyre_print_node(p, id)->op) < level;
  if (is_wrapped) vyre_strbuf_append(p->out, "(");
  vyre_print_expr(p, id, literals);
  if (is_wrapped) vyre_strbuf_append(p->out, ")");
}

void vyre_print_in(vyre_printer_t *p, uint32_t id, vyre_type_t expected) {
  vyre_print_expr(p, id, settle(shape_of(p, id), vyre_print_node(p, id)->type, expected));
}

static void print_const(vyre_printer_t *p, const vyre_expr_t *e, vyre_type_t literals) {
  if (e->type == VYRE_TYPE_BOOL) {
    vyre_strbuf_append(p->out, e->imm ? "true" : "false");
    return;
  }
  if (vyre_type_is_float(e->type)) {
    vyre_float_write(p->out, e->type, e->imm);
    if (vyre_float_is_finite(e->type, e->imm) && literals != (vyre_type_t)e->type)
      vyre_strbuf_append(p->out, vyre_type_text(e->type));
    return;
  }
  bool is_negative = is_negative_const(e);
  uint64_t magnitude = is_negative ? (0 - e->imm) & vyre_type_mask(e->type) : e->imm;
  vyre_strbuf_printf(p->out, "%s%llu", is_negative ? "-" : "", (unsigned long long)magnitude);
  if (literals != (vyre_type_t)e->type) vyre_strbuf_append(p->out, vyre_type_text(e->type));
}

static void print_unary(vyre_printer_t *p, const vyre_expr_t *e, vyre_type_t literals) {
  vyre_strbuf_append(p->out, vyre_expr_text(e->op));
  if (vyre_expr_precedence(e->op) == VYRE_PRECEDENCE_PRIMARY) { /* popcount, sqrt, ... */
    vyre_strbuf_append(p->out, "(");
    vyre_print_expr(p, e->a, literals);
    vyre_strbuf_append(p->out, ")");
    return;
  }
  /* -5 is a literal; the negation of the literal 5 is -(5). */
  bool is_literal = e->op == VYRE_EXPR_NEG && vyre_print_node(p, e->a)->op == VYRE_EXPR_CONST;
  print_operand(p, e->a, is_literal ? VYRE_PRECEDENCE_PRIMARY + 1 : VYRE_PRECEDENCE_UNARY, literals);
}

static void print_binary(vyre_printer_t *p, const vyre_expr_t *e, vyre_type_t literals) {
  unsigned level = vyre_expr_precedence(e->op);
  if (vyre_expr_class(e->op) != VYRE_CLASS_LOGIC)
    literals = settle(join(shape_of(p, e->a), shape_of(p, e->b)), vyre_print_node(p, e->a)->type,
                      vyre_expr_class(e->op) == VYRE_CLASS_COMPARE ? VYRE_TYPE_VOID : literals);
  if (level == VYRE_PRECEDENCE_PRIMARY) { /* min, rotl, ... */
    vyre_strbuf_printf(p->out, "%s(", vyre_expr_text(e->op));
    vyre_print_expr(p, e->a, literals);
    vyre_strbuf_append(p->out, ", ");
    vyre_print_expr(p, e->b, literals);
    vyre_strbuf_append(p->out, ")");
    return;
  }
  print_operand(p, e->a, level == VYRE_PRECEDENCE_COMPARE ? level + 1 : level, literals);
  vyre_strbuf_printf(p->out, " %s ", vyre_expr_text(e->op));
  print_operand(p, e->b, level + 1, literals);
}

void vyre_print_order(vyre_printer_t *p, uint8_t order, uint8_t scope, vyre_scope_t unwritten) {
  vyre_strbuf_printf(p->out, ".%s", vyre_order_text(order));
  if (scope != unwritten) vyre_strbuf_printf(p->out, ".%s", vyre_scope_text(scope));
}

static void print_privileged(vyre_printer_t *p, const vyre_expr_t *e) {
  unsigned arity = vyre_expr_arity(e->op);
  vyre_strbuf_append(p->out, vyre_expr_text(e->op));
  if (arity > 0) {
    vyre_strbuf_printf(p->out, ".%s", vyre_type_text(e->type));
    vyre_print_order(p, e->order, e->scope, VYRE_SCOPE_SYSTEM);
  }
  vyre_strbuf_append(p->out, "(");
  if (arity > 0) vyre_print_in(p, e->a, VYRE_TYPE_U64);
  for (unsigned i = 1; i < arity; i++) {
    vyre_strbuf_append(p->out, ", ");
    vyre_print_in(p, i == 1 ? e->b : e->c, e->type);
  }
  vyre_strbuf_append(p->out, ")");
}

/* SELECT begins with a condition, FMA does not. */
static void print_ternary(vyre_printer_t *p, const vyre_expr_t *e, vyre_type_t literals) {
  bool is_select = e->op == VYRE_EXPR_SELECT;
  shape_t shape = join(shape_of(p, e->b), shape_of(p, e->c));
  if (!is_select) shape = join(shape_of(p, e->a), shape);
  literals = settle(shape, e->type, literals);
  vyre_strbuf_printf(p->out, "%s(", vyre_expr_text(e->op));
  if (is_select)
    vyre_print_in(p, e->a, VYRE_TYPE_BOOL);
  else
    vyre_print_expr(p, e->a, literals);
  vyre_strbuf_append(p->out, ", ");
  vyre_print_expr(p, e->b, literals);
  vyre_strbuf_append(p->out, ", ");
  vyre_print_expr(p, e->c, literals);
  vyre_strbuf_append(p->out, ")");
}

static void print_element(vyre_printer_t *p, uint32_t param, uint32_t index) {
  const vyre_param_t *info = &p->program->params[param];
  bool has_halo = info->role == VYRE_ROLE_STREAM && vyre_param_has_halo(info);
  vyre_strbuf_printf(p->out, "%s[", p->param_names[param]);
  vyre_print_in(p, index, has_halo ? VYRE_TYPE_VOID : VYRE_TYPE_U64);
  vyre_strbuf_append(p->out, "]");
}

static void print_atomic(vyre_printer_t *p, const vyre_expr_t *e) {
  const vyre_param_t *param = &p->program->params[e->a];
  vyre_scope_t usual = param->role == VYRE_ROLE_WORKGROUP ? VYRE_SCOPE_WORKGROUP : VYRE_SCOPE_DEVICE;
  vyre_strbuf_append(p->out, vyre_expr_text(e->op));
  if (e->order != VYRE_ORDER_RELAXED || e->scope != usual) vyre_print_order(p, e->order, e->scope, usual);
  vyre_strbuf_append(p->out, "(");
  print_element(p, e->a, e->b);
  for (unsigned i = 1; i < vyre_expr_arity(e->op); i++) {
    vyre_strbuf_append(p->out, ", ");
    vyre_print_in(p, i == 1 ? e->c : e->d, param->type);
  }
  vyre_strbuf_append(p->out, ")");
}

static void print_call(vyre_printer_t *p, const vyre_expr_t *e) {
  const vyre_function_t *f = &p->program->functions[e->a];
  uint32_t count = 0;
  vyre_strbuf_printf(p->out, "%s(", p->function_names[e->a]);
  for (uint32_t list = e->b; list; list = vyre_print_node(p, list)->b, count++) {
    if (count > 0) vyre_strbuf_append(p->out, ", ");
    vyre_print_in(p, vyre_print_node(p, list)->a, p->program->vars[f->first_arg + count].type);
  }
  vyre_strbuf_append(p->out, ")");
}

/* SUBGROUP, WORKGROUP */
static void print_collective(vyre_printer_t *p, const vyre_expr_t *e, vyre_type_t literals) {
  vyre_strbuf_printf(p->out, "%s(", vyre_expr_text(e->op));
  if (vyre_expr_on(e->op) == VYRE_ON_BOOL)
    vyre_print_in(p, e->a, VYRE_TYPE_BOOL);
  else
    vyre_print_expr(p, e->a, literals);
  if (vyre_expr_arity(e->op) == 2) {
    vyre_strbuf_append(p->out, ", ");
    vyre_print_in(p, e->b, VYRE_TYPE_U32);
  }
  vyre_strbuf_append(p->out, ")");
}

static void print_vector(vyre_printer_t *p, const vyre_expr_t *e) {
  uint32_t parts[4] = {e->a, e->b, e->c, e->d};
  vyre_strbuf_printf(p->out, "%s(", vyre_type_text(e->type));
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) {
    if (i > 0) vyre_strbuf_append(p->out, ", ");
    vyre_print_in(p, parts[i], VYRE_TYPE_U32);
  }
  vyre_strbuf_append(p->out, ")");
}

static void print_leaf(vyre_printer_t *p, const vyre_expr_t *e, vyre_type_t literals) {
  switch (e->op) {
    case VYRE_EXPR_CONST: print_const(p, e, literals); break;
    case VYRE_EXPR_VAR: vyre_strbuf_append(p->out, p->var_names[e->a]); break;
    case VYRE_EXPR_SCALAR:
    case VYRE_EXPR_OUTPUT: vyre_strbuf_append(p->out, p->param_names[e->a]); break;
    case VYRE_EXPR_LEN: vyre_strbuf_printf(p->out, "len(%s)", p->param_names[e->a]); break;
    default: vyre_strbuf_printf(p->out, "%s()", vyre_expr_text(e->op)); break;
  }
}

void vyre_print_expr(vyre_printer_t *p, uint32_t id, vyre_type_t literals) {
  const vyre_expr_t *e = vyre_print_node(p, id);
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF: print_leaf(p, e, literals); break;
    case VYRE_CLASS_LOAD: print_element(p, e->a, e->b); break;
    case VYRE_CLASS_UNARY: print_unary(p, e, literals); break;
    case VYRE_CLASS_BINARY:
    case VYRE_CLASS_COMPARE:
    case VYRE_CLASS_LOGIC: print_binary(p, e, literals); break;
    case VYRE_CLASS_TERNARY:
    case VYRE_CLASS_SELECT: print_ternary(p, e, literals); break;
    case VYRE_CLASS_CAST:
      vyre_strbuf_printf(p->out, e->op == VYRE_EXPR_BITCAST ? "bitcast.%s(" : "%s(", vyre_type_text(e->type));
      vyre_print_in(p, e->a, VYRE_TYPE_VOID);
      vyre_strbuf_append(p->out, ")");
      break;
    case VYRE_CLASS_MAKE: print_vector(p, e); break;
    case VYRE_CLASS_PART:
      vyre_print_in(p, e->a, VYRE_TYPE_VOID); /* a vector's text never needs parentheses */
      vyre_strbuf_printf(p->out, ".%c", "xyzw"[e->imm]);
      break;
    case VYRE_CLASS_ATOMIC: print_atomic(p, e); break;
    case VYRE_CLASS_CALL: print_call(p, e); break;
    case VYRE_CLASS_SUBGROUP:
    case VYRE_CLASS_WORKGROUP: print_collective(p, e, literals); break;
    case VYRE_CLASS_PRIVILEGED: print_privileged(p, e); break;
    case VYRE_CLASS_LIST: VYRE_UNREACHABLE();
  }
}
