/* Expressions: from tokens to terms, and from terms to the builder's nodes. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/parser.h"

static const vyre_term_t *term_at(const vyre_parser_t *p, uint32_t term) { return &p->terms[term]; }

static void fail_depth(vyre_parser_t *p, vyre_position_t position) {
  vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_LIMIT, position,
                                                             "expressions nested deeper than %d", VYRE_LIMIT_DEPTH),
                                           "Name inner parts with `let` and use the names."));
}

uint32_t vyre_parser_add_term(vyre_parser_t *p, vyre_term_t term) {
  if (!vyre_parser_ok(p)) return 0;
  uint32_t operands[3] = {term.a, term.b, term.c};
  if (term.op == VYRE_EXPR_VAR || term.op == VYRE_EXPR_LEN || term.op == VYRE_EXPR_LOAD) operands[0] = 0;
  term.depth = 1;
  for (unsigned i = 0; i < 3; i++)
    if (operands[i] && term_at(p, operands[i])->depth >= term.depth)
      term.depth = (uint16_t)(term_at(p, operands[i])->depth + 1);
  if (term.depth > VYRE_LIMIT_DEPTH) return fail_depth(p, term.position), 0u;
  if (p->term_count > VYRE_LIMIT_NODES) {
    vyre_parser_fail(
        p, vyre_parser_error(p, VYRE_E_LIMIT, term.position, "more than %d nodes in one expression", VYRE_LIMIT_NODES));
    return 0;
  }
  if (!vyre_array_reserve((void **)&p->terms, &p->term_capacity, p->term_count + 1, sizeof *p->terms)) {
    vyre_parser_fail(p, vyre_out_of_memory(sizeof *p->terms));
    return 0;
  }
  p->terms[p->term_count] = term;
  return p->term_count++;
}

/* Of an operator whose operands and result have one type: that of the operand that has one. */
static uint32_t add_joined(vyre_parser_t *p, vyre_term_t term, uint32_t left, uint32_t right) {
  if (!vyre_parser_ok(p)) return 0;
  const vyre_term_t *a = term_at(p, left), *b = term_at(p, right);
  term.type = a->type != VYRE_TYPE_VOID ? a->type : b->type;
  term.is_negative = a->is_negative || b->is_negative;
  return vyre_parser_add_term(p, term);
}

static uint32_t parse_literal(vyre_parser_t *p, vyre_position_t position, bool is_negative) {
  vyre_term_t term = {
      .op = VYRE_EXPR_CONST, .type = (uint8_t)p->token.type, .imm = p->token.value, .position = position};
  term.is_negative = is_negative && term.imm != 0;
  vyre_parser_advance(p);
  return vyre_parser_add_term(p, term);
}

bool vyre_parser_privileged(vyre_parser_t *p, const vyre_token_t *name) {
  if (!vyre_parser_ok(p)) return false;
  if (!p->allow_privileged) {
    vyre_parser_fail(p, vyre_parser_error(p, VYRE_E_PRIVILEGED, name->position, "%.*s", VYRE_TOKEN_SHOWN(p, name)));
    return false;
  }
  p->builder.program->is_privileged = true;
  return true;
}

static bool parse_scope(vyre_parser_t *p, vyre_scope_t *out_scope) {
  *out_scope = VYRE_SCOPE_SYSTEM;
  if (!vyre_parser_at(p, VYRE_TOKEN_DOT)) return vyre_parser_ok(p);
  vyre_parser_advance(p);
  for (int scope = 0; scope < VYRE_SCOPE_COUNT; scope++)
    if (vyre_parser_at(p, VYRE_TOKEN_NAME) && vyre_parser_token_is(p, &p->token, vyre_scope_text((vyre_scope_t)scope))) {
      *out_scope = (vyre_scope_t)scope;
      vyre_parser_advance(p);
      return vyre_parser_ok(p);
    }
  vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "a memory scope"),
                                           "Write one of system, device, workgroup, or leave it out."));
  return false;
}

bool vyre_parser_order(vyre_parser_t *p, vyre_access_spec_t *out_access, const char *fix) {
  if (!vyre_parser_expect(p, VYRE_TOKEN_DOT, "before the memory order", fix)) return false;
  for (int order = 0; order < VYRE_ORDER_COUNT; order++)
    if (vyre_parser_at(p, VYRE_TOKEN_NAME) && vyre_parser_token_is(p, &p->token, vyre_order_text((vyre_order_t)order))) {
      out_access->order = (vyre_order_t)order;
      vyre_parser_advance(p);
      return parse_scope(p, &out_access->scope);
    }
  vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "a memory order"),
                                           "Write one of relaxed, acquire, release, acq_rel, seq_cst."));
  return false;
}

bool vyre_parser_access(vyre_parser_t *p, vyre_access_spec_t *out_access) {
  static const char fix[] = "Write the type and the order after the name, as in raw_load.u32.acquire(address).";
  if (!vyre_parser_expect(p, VYRE_TOKEN_DOT, "before the type of the memory", fix)) return false;
  if (!vyre_parser_at(p, VYRE_TOKEN_TYPE)) return vyre_parser_fail_type(p), false;
  out_access->type = p->token.type;
  vyre_parser_advance(p);
  return vyre_parser_order(p, out_access, fix);
}

/* '(' e ',' ... ')' with exactly `count` expressions. */
static bool parse_arguments(vyre_parser_t *p, const vyre_token_t *name, unsigned count, uint32_t *out_terms) {
  char fix[128];
  snprintf(fix, sizeof fix, "Write %.*s(...) with %u argument%s.", VYRE_TOKEN_SHOWN(p, name), count,
           count == 1 ? "" : "s");
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after the function's name", fix)) return false;
  for (unsigned i = 0; i < count; i++) {
    if (i > 0 && !vyre_parser_expect(p, VYRE_TOKEN_COMMA, "before the next argument", fix)) return false;
    out_terms[i] = vyre_parser_expr(p);
    if (!out_terms[i]) return false;
  }
  return vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the arguments", fix);
}

static uint32_t parse_len(vyre_parser_t *p, const vyre_token_t *name) {
  static const char fix[] = "Write len(NAME) with the name of a stream or of an array output.";
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after len", fix)) return 0;
  vyre_token_t word = p->token;
  if (word.kind != VYRE_TOKEN_NAME) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "a parameter's name"), "%s", fix));
    return 0;
  }
  const vyre_name_t *found = vyre_names_find(&p->scope, vyre_parser_text(p, &word), word.length);
  if (!found) return vyre_parser_fail_unknown_name(p, &word), 0u;
  if (!found->is_param) {
    vyre_parser_fail(
        p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_TYPE, word.position,
                                                  "'%.*s' is a variable and has no length", VYRE_TOKEN_SHOWN(p, &word)),
                                "%s", fix));
    return 0;
  }
  uint32_t id = found->id;
  vyre_parser_advance(p);
  if (!vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the name", fix)) return 0;
  return vyre_parser_add_term(
      p, (vyre_term_t){.op = VYRE_EXPR_LEN, .type = VYRE_TYPE_U64, .a = id, .position = name->position});
}

/* The text form of the other nodes is still to come. */
static bool is_written(vyre_expr_op_t op) {
  vyre_op_class_t class_ = vyre_expr_class(op);
  bool is_new_leaf = op >= VYRE_EXPR_SCALAR && op <= VYRE_EXPR_OUTPUT_AT;
  return !is_new_leaf && op < VYRE_EXPR_FMA && class_ != VYRE_CLASS_CALL;
}

vyre_expr_op_t vyre_parser_function(const vyre_parser_t *p, const vyre_token_t *name) {
  const char *word = vyre_parser_text(p, name);
  for (int op = VYRE_EXPR_NONE + 1; op < VYRE_EXPR_COUNT; op++) {
    const char *text = vyre_expr_text((vyre_expr_op_t)op);
    if (strlen(text) == name->length && memcmp(text, word, name->length) == 0)
      return is_written((vyre_expr_op_t)op) ? (vyre_expr_op_t)op : VYRE_EXPR_NONE;
  }
  return VYRE_EXPR_NONE;
}

static uint32_t parse_call(vyre_parser_t *p, const vyre_token_t *name) {
  vyre_term_t term = {.op = (uint8_t)vyre_parser_function(p, name), .position = name->position};
  uint32_t args[3] = {0};
  vyre_access_spec_t access = {VYRE_TYPE_VOID, VYRE_ORDER_RELAXED, VYRE_SCOPE_SYSTEM};
  if (term.op == VYRE_EXPR_NONE) return vyre_parser_fail_unknown_function(p, name), 0u;
  if (term.op == VYRE_EXPR_LEN) return parse_len(p, name);
  vyre_op_class_t class_ = vyre_expr_class((vyre_expr_op_t)term.op);
  unsigned arity = vyre_expr_arity((vyre_expr_op_t)term.op);
  if (class_ == VYRE_CLASS_PRIVILEGED) {
    if (!vyre_parser_privileged(p, name)) return 0;
    if (arity > 0 && !vyre_parser_access(p, &access)) return 0;
  }
  if (!parse_arguments(p, name, arity, args)) return 0;
  term.a = args[0];
  term.b = args[1];
  term.c = args[2];
  term.order = (uint8_t)access.order;
  term.scope = (uint8_t)access.scope;
  if (class_ == VYRE_CLASS_UNARY) return add_joined(p, term, args[0], args[0]);
  if (class_ == VYRE_CLASS_BINARY) return add_joined(p, term, args[0], args[1]);
  if (class_ == VYRE_CLASS_SELECT) return add_joined(p, term, args[1], args[2]);
  switch (term.op) {
    case VYRE_EXPR_IS_LAST: term.type = VYRE_TYPE_BOOL; break;
    case VYRE_EXPR_WORKER:
    case VYRE_EXPR_PUMP: term.type = VYRE_TYPE_U32; break;
    case VYRE_EXPR_RAW_LOAD:
    case VYRE_EXPR_RAW_ATOMIC_ADD:
    case VYRE_EXPR_RAW_ATOMIC_CAS: term.type = (uint8_t)access.type; break;
    default: term.type = VYRE_TYPE_U64; break;
  }
  return vyre_parser_add_term(p, term);
}

static uint32_t parse_index(vyre_parser_t *p, const vyre_token_t *name) {
  const vyre_name_t *found = vyre_names_find(&p->scope, vyre_parser_text(p, name), name->length);
  if (!found) return vyre_parser_fail_unknown_name(p, name), 0u;
  uint32_t id = found->id;
  if (!found->is_param) {
    vyre_parser_fail(p, vyre_status_with_fix(
                            vyre_parser_error(p, VYRE_E_TYPE, name->position,
                                              "'%.*s' is a variable and cannot be indexed", VYRE_TOKEN_SHOWN(p, name)),
                            "Index the stream parameter; variables hold one value each."));
    return 0;
  }
  vyre_parser_advance(p);
  uint32_t index = vyre_parser_expr(p);
  if (!index || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_BRACKET, "after the index", NULL)) return 0;
  return vyre_parser_add_term(p, (vyre_term_t){.op = VYRE_EXPR_LOAD,
                                               .type = p->builder.program->params[id].type,
                                               .a = id,
                                               .b = index,
                                               .position = name->position});
}

static uint32_t parse_name(vyre_parser_t *p) {
  vyre_token_t name = p->token;
  vyre_parser_advance(p);
  if (vyre_parser_at(p, VYRE_TOKEN_LEFT_PAREN) || vyre_parser_at(p, VYRE_TOKEN_DOT)) return parse_call(p, &name);
  if (vyre_parser_at(p, VYRE_TOKEN_LEFT_BRACKET)) return parse_index(p, &name);
  if (!vyre_parser_ok(p)) return 0;
  const vyre_name_t *found = vyre_names_find(&p->scope, vyre_parser_text(p, &name), name.length);
  if (!found) return vyre_parser_fail_unknown_name(p, &name), 0u;
  if (!found->is_param)
    return vyre_parser_add_term(p, (vyre_term_t){.op = VYRE_EXPR_VAR,
                                                 .type = p->builder.program->vars[found->id].type,
                                                 .a = found->id,
                                                 .position = name.position});
  bool is_stream = p->builder.program->params[found->id].role == VYRE_ROLE_STREAM;
  vyre_status_t status = vyre_parser_error(p, VYRE_E_TYPE, name.position, "'%.*s' is %s", VYRE_TOKEN_SHOWN(p, &name),
                                           is_stream ? "a stream, not a value" : "an output and cannot be read");
  if (is_stream)
    status = vyre_status_with_fix(status, "Index it: %.*s[i], or take len(%.*s).", VYRE_TOKEN_SHOWN(p, &name),
                                  VYRE_TOKEN_SHOWN(p, &name));
  else
    status = vyre_status_with_fix(status, "Keep the value in a variable declared with `var` and add it to the output.");
  vyre_parser_fail(p, status);
  return 0;
}

static uint32_t parse_cast(vyre_parser_t *p) {
  vyre_token_t type = p->token;
  vyre_parser_advance(p);
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after the type", "Write a cast as u64(x).")) return 0;
  uint32_t operand = vyre_parser_expr(p);
  if (!operand || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the value", NULL)) return 0;
  return vyre_parser_add_term(
      p, (vyre_term_t){.op = VYRE_EXPR_CAST, .type = (uint8_t)type.type, .a = operand, .position = type.position});
}

static uint32_t parse_primary(vyre_parser_t *p) {
  switch (p->token.kind) {
    case VYRE_TOKEN_INTEGER: return parse_literal(p, p->token.position, false);
    case VYRE_TOKEN_TRUE:
    case VYRE_TOKEN_FALSE: {
      vyre_term_t term = {.op = VYRE_EXPR_CONST,
                          .type = VYRE_TYPE_BOOL,
                          .imm = p->token.kind == VYRE_TOKEN_TRUE,
                          .position = p->token.position};
      vyre_parser_advance(p);
      return vyre_parser_add_term(p, term);
    }
    case VYRE_TOKEN_NAME: return parse_name(p);
    case VYRE_TOKEN_TYPE: return parse_cast(p);
    case VYRE_TOKEN_LEFT_PAREN: {
      vyre_parser_advance(p);
      uint32_t inner = vyre_parser_expr(p);
      return inner && vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "to close the parenthesis", NULL) ? inner : 0;
    }
    default:
      if (vyre_parser_ok(p))
        vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "an expression"),
                                                 "Write a value there: a literal, a name, data[i], a call or (...)."));
      return 0;
  }
}

static uint32_t parse_unary(vyre_parser_t *p) {
  vyre_position_t position = p->token.position;
  uint32_t result = 0;
  /* One more than the depth of nodes: the printer writes -(5) where the nodes are two. */
  if (p->depth > VYRE_LIMIT_DEPTH) return vyre_parser_ok(p) ? (fail_depth(p, position), 0u) : 0u;
  p->depth++;
  if (vyre_parser_at(p, VYRE_TOKEN_MINUS)) {
    vyre_parser_advance(p);
    if (vyre_parser_at(p, VYRE_TOKEN_INTEGER)) {
      result = parse_literal(p, position, true);
    } else {
      uint32_t operand = parse_unary(p);
      if (operand)
        result = vyre_parser_add_term(p, (vyre_term_t){.op = VYRE_EXPR_NEG,
                                                       .type = term_at(p, operand)->type,
                                                       .a = operand,
                                                       .is_negative = true,
                                                       .position = position});
    }
  } else if (vyre_parser_at(p, VYRE_TOKEN_TILDE) || vyre_parser_at(p, VYRE_TOKEN_BANG)) {
    bool is_not = vyre_parser_at(p, VYRE_TOKEN_TILDE);
    vyre_parser_advance(p);
    uint32_t operand = parse_unary(p);
    if (operand)
      result = vyre_parser_add_term(p, (vyre_term_t){.op = is_not ? VYRE_EXPR_NOT : VYRE_EXPR_LOGICAL_NOT,
                                                     .type = is_not ? term_at(p, operand)->type : VYRE_TYPE_BOOL,
                                                     .is_negative = is_not && term_at(p, operand)->is_negative,
                                                     .a = operand,
                                                     .position = position});
  } else {
    result = parse_primary(p);
  }
  p->depth--;
  return result;
}

static uint32_t add_binary(vyre_parser_t *p, vyre_expr_op_t op, vyre_position_t position, uint32_t left,
                           uint32_t right) {
  vyre_term_t term = {.op = (uint8_t)op, .a = left, .b = right, .position = position};
  if (vyre_expr_class(op) == VYRE_CLASS_BINARY) return add_joined(p, term, left, right);
  term.type = VYRE_TYPE_BOOL;
  return vyre_parser_add_term(p, term);
}

/* Precedence climbing: takes operators of `level` and tighter. */
static uint32_t parse_binary(vyre_parser_t *p, unsigned level) {
  uint32_t left = parse_unary(p);
  bool is_compared = false;
  while (left) {
    vyre_expr_op_t op = vyre_token_binary(p->token.kind);
    if (op == VYRE_EXPR_NONE || vyre_expr_level(op) < level) break;
    vyre_position_t position = p->token.position;
    bool is_compare = vyre_expr_level(op) == VYRE_LEVEL_COMPARE;
    if (is_compare && is_compared) {
      vyre_parser_fail(p,
                       vyre_status_with_fix(vyre_parser_error(p, VYRE_E_SYNTAX, position, "comparisons do not chain"),
                                            "Write a < b && b < c, or put parentheses around one comparison."));
      return 0;
    }
    is_compared = is_compare;
    vyre_parser_advance(p);
    uint32_t right = parse_binary(p, vyre_expr_level(op) + 1);
    if (!right) return 0;
    left = add_binary(p, op, position, left, right);
  }
  return left;
}

uint32_t vyre_parser_expr(vyre_parser_t *p) { return parse_binary(p, 1); }

vyre_type_t vyre_parser_settle(const vyre_parser_t *p, uint32_t term, vyre_type_t expected) {
  const vyre_term_t *t = term_at(p, term);
  if (t->type != VYRE_TYPE_VOID) return (vyre_type_t)t->type;
  if (vyre_type_is_integer(expected)) return expected;
  return t->is_negative ? VYRE_TYPE_I64 : VYRE_TYPE_U64;
}

static vyre_expr_id_t emit_const(vyre_parser_t *p, const vyre_term_t *t, vyre_type_t type) {
  if (type == VYRE_TYPE_BOOL) return vyre_build_const(&p->builder, type, t->imm);
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
    type = a->type != VYRE_TYPE_VOID          ? (vyre_type_t)a->type
           : b->type != VYRE_TYPE_VOID        ? (vyre_type_t)b->type
           : a->is_negative || b->is_negative ? VYRE_TYPE_I64
                                              : VYRE_TYPE_U64;
  }
  vyre_expr_id_t left = vyre_parser_emit(p, t->a, type);
  vyre_expr_id_t right = vyre_parser_emit(p, t->b, type);
  p->builder.position = t->position;
  return vyre_build_binary(&p->builder, (vyre_expr_op_t)t->op, left, right);
}

/* Depth is bounded by add_term. */
vyre_expr_id_t vyre_parser_emit(vyre_parser_t *p, uint32_t term, vyre_type_t expected) {
  if (!vyre_parser_ok(p)) return 0;
  const vyre_term_t *t = term_at(p, term); /* no term is added while emitting, so this stays in place */
  vyre_type_t type = vyre_parser_settle(p, term, expected);
  p->builder.position = t->position;
  switch (vyre_expr_class((vyre_expr_op_t)t->op)) {
    case VYRE_CLASS_LEAF:
      if (t->op == VYRE_EXPR_CONST) return emit_const(p, t, type);
      if (t->op == VYRE_EXPR_VAR) return vyre_build_var(&p->builder, t->a);
      if (t->op == VYRE_EXPR_LEN) return vyre_build_len(&p->builder, t->a);
      return vyre_build_leaf(&p->builder, (vyre_expr_op_t)t->op);
    case VYRE_CLASS_LOAD: {
      vyre_expr_id_t index = vyre_parser_emit(p, t->b, VYRE_TYPE_U64);
      p->builder.position = t->position;
      return vyre_build_load(&p->builder, t->a, index);
    }
    case VYRE_CLASS_UNARY: {
      vyre_expr_id_t a = vyre_parser_emit(p, t->a, t->op == VYRE_EXPR_LOGICAL_NOT ? VYRE_TYPE_BOOL : type);
      p->builder.position = t->position;
      return vyre_build_unary(&p->builder, (vyre_expr_op_t)t->op, a);
    }
    case VYRE_CLASS_BINARY:
    case VYRE_CLASS_COMPARE:
    case VYRE_CLASS_LOGIC: return emit_binary(p, t, type);
    case VYRE_CLASS_SELECT: {
      vyre_expr_id_t condition = vyre_parser_emit(p, t->a, VYRE_TYPE_BOOL);
      vyre_expr_id_t yes = vyre_parser_emit(p, t->b, type), no = vyre_parser_emit(p, t->c, type);
      p->builder.position = t->position;
      return vyre_build_select(&p->builder, condition, yes, no);
    }
    case VYRE_CLASS_CAST: {
      vyre_expr_id_t a = vyre_parser_emit(p, t->a, VYRE_TYPE_VOID);
      p->builder.position = t->position;
      return vyre_build_cast(&p->builder, type, a);
    }
    case VYRE_CLASS_PRIVILEGED: return emit_privileged(p, t);
    default: VYRE_UNREACHABLE();
  }
  return 0;
}
