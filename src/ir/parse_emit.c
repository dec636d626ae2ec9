/* Expressions, from terms to the builder's nodes: here literals get their types. */
#include "base/assert.h"
#include "ir/float_text.h"
#include "ir/parser.h"
#include "ir/value.h"

static const vyre_term_t *term_at(const vyre_parser_t *p, uint32_t term) { return &p->terms[term]; }

/* The same rule is the printer's (print_expr.c). */
static vyre_type_t settle(const vyre_term_t *t, vyre_type_t expected) {
  if (t->type != VYRE_TYPE_VOID) return (vyre_type_t)t->type;
  if (vyre_type_is_float(expected)) return expected;
  if (t->is_float) return VYRE_TYPE_F64;
  if (vyre_type_is_integer(expected)) return expected;
  return t->is_negative ? VYRE_TYPE_I64 : VYRE_TYPE_U64;
}

vyre_type_t vyre_parser_index_type(const vyre_param_t *param) {
  return param->role == VYRE_ROLE_STREAM && vyre_param_has_halo(param) ? VYRE_TYPE_VOID : VYRE_TYPE_U64;
}

static vyre_expr_id_t emit_integer(vyre_parser_t *p, const vyre_term_t *t, vyre_type_t type) {
  bool is_signed = vyre_type_is_signed(type);
  uint64_t mask = vyre_type_mask(type);
  uint64_t above = is_signed ? mask >> 1 : mask, below = is_signed ? (mask >> 1) + 1 : 0; /* magnitudes */
  if (t->imm <= (t->is_negative ? below : above))
    return vyre_build_const(&p->builder, type, t->is_negative ? (0 - t->imm) & mask : t->imm);
  vyre_status_t status = vyre_parser_error(p, VYRE_E_TYPE, t->position, "%s%llu does not fit %s (%s%llu .. %llu)",
                                           t->is_negative ? "-" : "", (unsigned long long)t->imm, vyre_type_text(type),
                                           is_signed ? "-" : "", (unsigned long long)below, (unsigned long long)above);
  if (t->is_negative && !is_signed)
    status = vyre_status_with_fix(
        status, "Convert the other side to a signed type such as i64(...), or write ~0 for all bits set.");
  else
    status = vyre_status_with_fix(
        status, "Write a value in that range, or convert the other side to a wider type such as u64(...).");
  vyre_parser_fail(p, status);
  return 0;
}

/* An integer literal where a float is wanted stands for that number exactly. */
static vyre_expr_id_t emit_whole(vyre_parser_t *p, const vyre_term_t *t, vyre_type_t type) {
  unsigned precision = type == VYRE_TYPE_F32 ? 24 : 53, zeros = 0;
  while (t->imm && !(t->imm >> zeros & 1)) zeros++;
  if (t->imm >> zeros >> precision) {
    vyre_status_t status = vyre_parser_error(p, VYRE_E_TYPE, t->position, "%llu has no exact value of type %s",
                                             (unsigned long long)t->imm, vyre_type_text(type));
    vyre_parser_fail(p, vyre_status_with_fix(status, "Write %llu.0 to have it rounded.", (unsigned long long)t->imm));
    return 0;
  }
  uint64_t sign = t->is_minus ? UINT64_C(1) << (vyre_type_bits(type) - 1) : 0;
  return vyre_build_const(&p->builder, type, vyre_value_cast(VYRE_TYPE_U64, type, t->imm) | sign);
}

static vyre_expr_id_t emit_const(vyre_parser_t *p, const vyre_term_t *t, vyre_type_t type) {
  if (!t->is_float && vyre_type_is_integer(type)) return emit_integer(p, t, type);
  if (!t->is_float && t->type == VYRE_TYPE_VOID) return emit_whole(p, t, type);
  if (!t->is_float) return vyre_build_const(&p->builder, type, t->imm); /* bool, f32.inf */
  const char *text = p->lexer.text + (t->imm >> 32);
  uint64_t bits = 0;
  if (!vyre_float_read(text, (uint32_t)t->imm, type, &bits)) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_TYPE, t->position,
                                                               "the literal does not fit %s", vyre_type_text(type)),
                                             "Write a smaller value, f64, or %s.inf.", vyre_type_text(type)));
    return 0;
  }
  uint64_t sign = t->is_minus ? UINT64_C(1) << (vyre_type_bits(type) - 1) : 0;
  return vyre_build_const(&p->builder, type, bits | sign);
}

static vyre_expr_id_t emit_privileged(vyre_parser_t *p, const vyre_term_t *t) {
  vyre_type_t type = (vyre_type_t)t->type;
  vyre_order_t order = (vyre_order_t)t->order;
  if (vyre_expr_arity((vyre_expr_op_t)t->op) == 0) {
    p->builder.position = t->position;
    return vyre_build_leaf(&p->builder, (vyre_expr_op_t)t->op);
  }
  vyre_expr_id_t address = vyre_parser_emit(p, t->a, VYRE_TYPE_U64);
  vyre_expr_id_t b = t->b ? vyre_parser_emit(p, t->b, type) : 0;
  vyre_expr_id_t c = t->c ? vyre_parser_emit(p, t->c, type) : 0;
  p->builder.position = t->position;
  p->builder.scope = (vyre_scope_t)t->scope;
  vyre_expr_id_t made = 0;
  switch (t->op) {
    case VYRE_EXPR_RAW_LOAD: made = vyre_build_raw_load(&p->builder, type, order, address); break;
    case VYRE_EXPR_RAW_ATOMIC_ADD: made = vyre_build_raw_atomic_add(&p->builder, type, order, address, b); break;
    default: made = vyre_build_raw_atomic_cas(&p->builder, type, order, address, b, c); break;
  }
  p->builder.scope = VYRE_SCOPE_SYSTEM;
  return made;
}

/* Both sides take the type of the one that has one. */
static vyre_expr_id_t emit_binary(vyre_parser_t *p, const vyre_term_t *t, vyre_type_t type) {
  vyre_op_class_t class_ = vyre_expr_class((vyre_expr_op_t)t->op);
  if (class_ == VYRE_CLASS_LOGIC) type = VYRE_TYPE_BOOL;
  if (class_ == VYRE_CLASS_COMPARE) {
    const vyre_term_t *a = term_at(p, t->a), *b = term_at(p, t->b);
    vyre_term_t both = {.type = a->type != VYRE_TYPE_VOID ? a->type : b->type,
                        .is_negative = a->is_negative || b->is_negative,
                        .is_float = a->is_float || b->is_float};
    type = settle(&both, VYRE_TYPE_VOID);
  }
  vyre_expr_id_t left = vyre_parser_emit(p, t->a, type);
  vyre_expr_id_t right = vyre_parser_emit(p, t->b, type);
  p->builder.position = t->position;
  return vyre_build_binary(&p->builder, (vyre_expr_op_t)t->op, left, right);
}

static vyre_expr_id_t emit_atomic(vyre_parser_t *p, const vyre_term_t *t) {
  vyre_type_t type = (vyre_type_t)p->builder.program->params[t->a].type;
  vyre_expr_id_t index = vyre_parser_emit(p, t->b, VYRE_TYPE_U64);
  vyre_expr_id_t value = t->c ? vyre_parser_emit(p, t->c, type) : 0;
  vyre_expr_id_t desired = t->d ? vyre_parser_emit(p, t->d, type) : 0;
  p->builder.position = t->position;
  p->builder.scope = (vyre_scope_t)t->scope;
  vyre_expr_id_t made = vyre_build_atomic(&p->builder, (vyre_expr_op_t)t->op, (vyre_order_t)t->order, t->a, index,
                                          value, desired);
  p->builder.scope = VYRE_SCOPE_SYSTEM;
  return made;
}

static vyre_expr_id_t emit_call(vyre_parser_t *p, const vyre_term_t *t) {
  vyre_expr_id_t arguments[VYRE_LIMIT_ARGUMENTS];
  uint32_t count = 0;
  for (uint32_t list = t->b; list && vyre_parser_ok(p); list = term_at(p, list)->b) {
    const vyre_function_t *f = &p->builder.program->functions[t->a];
    vyre_type_t type = count < f->arg_count ? p->builder.program->vars[f->first_arg + count].type : VYRE_TYPE_VOID;
    arguments[count++] = vyre_parser_emit(p, term_at(p, list)->a, type);
  }
  p->builder.position = t->position;
  return vyre_parser_ok(p) ? vyre_build_call(&p->builder, t->a, arguments, count) : 0;
}

static vyre_expr_id_t emit_parts(vyre_parser_t *p, const vyre_term_t *t) {
  uint32_t terms[4] = {t->a, t->b, t->c, t->d};
  vyre_expr_id_t parts[4] = {0};
  for (unsigned i = 0; i < vyre_expr_arity((vyre_expr_op_t)t->op); i++)
    parts[i] = vyre_parser_emit(p, terms[i], VYRE_TYPE_U32);
  p->builder.position = t->position;
  return vyre_build_vector(&p->builder, (vyre_type_t)t->type, parts);
}

static vyre_expr_id_t emit_leaf(vyre_parser_t *p, const vyre_term_t *t, vyre_type_t type) {
  switch (t->op) {
    case VYRE_EXPR_CONST: return emit_const(p, t, type);
    case VYRE_EXPR_VAR: return vyre_build_var(&p->builder, t->a);
    case VYRE_EXPR_LEN: return vyre_build_len(&p->builder, t->a);
    case VYRE_EXPR_SCALAR:
    case VYRE_EXPR_OUTPUT: return vyre_build_param_value(&p->builder, (vyre_expr_op_t)t->op, t->a);
    default: return vyre_build_leaf(&p->builder, (vyre_expr_op_t)t->op);
  }
}

/* SUBGROUP and WORKGROUP */
static vyre_expr_id_t emit_collective(vyre_parser_t *p, const vyre_term_t *t, vyre_type_t type) {
  bool is_bool = vyre_expr_on((vyre_expr_op_t)t->op) == VYRE_ON_BOOL;
  vyre_expr_id_t value = vyre_parser_emit(p, t->a, is_bool ? VYRE_TYPE_BOOL : type);
  vyre_expr_id_t lane = t->b ? vyre_parser_emit(p, t->b, VYRE_TYPE_U32) : 0;
  p->builder.position = t->position;
  return vyre_build_collective(&p->builder, (vyre_expr_op_t)t->op, value, lane);
}

static vyre_expr_id_t emit_load(vyre_parser_t *p, const vyre_term_t *t) {
  vyre_expr_id_t index = vyre_parser_emit(p, t->b, vyre_parser_index_type(&p->builder.program->params[t->a]));
  p->builder.position = t->position;
  return t->op == VYRE_EXPR_LOAD ? vyre_build_load(&p->builder, t->a, index)
                                 : vyre_build_output_at(&p->builder, t->a, index);
}

/* SELECT and FMA */
static vyre_expr_id_t emit_ternary(vyre_parser_t *p, const vyre_term_t *t, vyre_type_t type) {
  bool is_select = t->op == VYRE_EXPR_SELECT;
  vyre_expr_id_t a = vyre_parser_emit(p, t->a, is_select ? VYRE_TYPE_BOOL : type);
  vyre_expr_id_t b = vyre_parser_emit(p, t->b, type), c = vyre_parser_emit(p, t->c, type);
  p->builder.position = t->position;
  return is_select ? vyre_build_select(&p->builder, a, b, c) : vyre_build_fma(&p->builder, a, b, c);
}

/* Of one operand whose type is what it is: CAST, BITCAST, PART. */
static vyre_expr_id_t emit_converted(vyre_parser_t *p, const vyre_term_t *t) {
  vyre_expr_id_t a = vyre_parser_emit(p, t->a, VYRE_TYPE_VOID);
  p->builder.position = t->position;
  if (t->op == VYRE_EXPR_PART) return vyre_build_part(&p->builder, a, (unsigned)t->imm);
  return t->op == VYRE_EXPR_CAST ? vyre_build_cast(&p->builder, (vyre_type_t)t->type, a)
                                 : vyre_build_bitcast(&p->builder, (vyre_type_t)t->type, a);
}

/* Depth is bounded by add_term. */
vyre_expr_id_t vyre_parser_emit(vyre_parser_t *p, uint32_t term, vyre_type_t expected) {
  if (!vyre_parser_ok(p)) return 0;
  const vyre_term_t *t = term_at(p, term); /* no term is added while emitting, so this stays in place */
  vyre_type_t type = settle(t, expected);
  p->builder.position = t->position;
  switch (vyre_expr_class((vyre_expr_op_t)t->op)) {
    case VYRE_CLASS_LEAF: return emit_leaf(p, t, type);
    case VYRE_CLASS_LOAD: return emit_load(p, t);
    case VYRE_CLASS_UNARY: {
      vyre_expr_id_t a = vyre_parser_emit(p, t->a, t->op == VYRE_EXPR_LOGICAL_NOT ? VYRE_TYPE_BOOL : type);
      p->builder.position = t->position;
      return vyre_build_unary(&p->builder, (vyre_expr_op_t)t->op, a);
    }
    case VYRE_CLASS_BINARY:
    case VYRE_CLASS_COMPARE:
    case VYRE_CLASS_LOGIC: return emit_binary(p, t, type);
    case VYRE_CLASS_TERNARY:
    case VYRE_CLASS_SELECT: return emit_ternary(p, t, type);
    case VYRE_CLASS_CAST:
    case VYRE_CLASS_PART: return emit_converted(p, t);
    case VYRE_CLASS_MAKE: return emit_parts(p, t);
    case VYRE_CLASS_ATOMIC: return emit_atomic(p, t);
    case VYRE_CLASS_CALL: return emit_call(p, t);
    case VYRE_CLASS_SUBGROUP:
    case VYRE_CLASS_WORKGROUP: return emit_collective(p, t, type);
    case VYRE_CLASS_PRIVILEGED: return emit_privileged(p, t);
    case VYRE_CLASS_LIST: break;
  }
  VYRE_UNREACHABLE();
}
