/* Expressions, from tokens to terms; those that begin with a function's name are parse_call.c. */
#include <string.h>

#include "base/memory.h"
#include "ir/parser.h"

static const vyre_term_t *term_at(const vyre_parser_t *p, uint32_t term) { return &p->terms[term]; }

static void fail_depth(vyre_parser_t *p, vyre_position_t position) {
  vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_LIMIT, position,
                                                             "expressions nested deeper than %d", VYRE_LIMIT_DEPTH),
                                           "Name inner parts with `let` and use the names."));
}

/* Of what is below a term: lists are walked and not nested, but for the item that each holds. */
static unsigned depth_below(const vyre_parser_t *p, const vyre_term_t *term) {
  vyre_op_class_t class_ = vyre_expr_class((vyre_expr_op_t)term->op);
  bool has_param = class_ == VYRE_CLASS_LOAD || class_ == VYRE_CLASS_ATOMIC;
  uint32_t operands[4] = {term->a, term->b, term->c, term->d};
  unsigned depth = 0;
  if (class_ == VYRE_CLASS_LEAF) return 0;
  if (class_ == VYRE_CLASS_LIST) return term_at(p, term->a)->depth;
  for (uint32_t list = class_ == VYRE_CLASS_CALL ? term->b : 0; list; list = term_at(p, list)->b)
    if (term_at(p, list)->depth > depth) depth = term_at(p, list)->depth;
  if (class_ == VYRE_CLASS_CALL) return depth;
  for (unsigned i = has_param; i < 4; i++)
    if (operands[i] && term_at(p, operands[i])->depth > depth) depth = term_at(p, operands[i])->depth;
  return depth;
}

uint32_t vyre_parser_add_term(vyre_parser_t *p, vyre_term_t term) {
  if (!vyre_parser_ok(p)) return 0;
  term.depth = (uint16_t)(depth_below(p, &term) + 1);
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

uint32_t vyre_parser_add_joined(vyre_parser_t *p, vyre_term_t term, const uint32_t *operands, unsigned count) {
  if (!vyre_parser_ok(p)) return 0;
  term.is_float = vyre_expr_on((vyre_expr_op_t)term.op) == VYRE_ON_FLOAT; /* sqrt(2) */
  for (unsigned i = 0; i < count; i++) {
    const vyre_term_t *operand = term_at(p, operands[i]);
    if (term.type == VYRE_TYPE_VOID) term.type = operand->type;
    term.is_negative |= operand->is_negative;
    term.is_float |= operand->is_float;
  }
  return vyre_parser_add_term(p, term);
}

/* INTEGER and FLOAT */
static uint32_t parse_literal(vyre_parser_t *p, vyre_position_t position, bool is_minus) {
  bool is_float = vyre_parser_at(p, VYRE_TOKEN_FLOAT);
  vyre_term_t term = {.op = VYRE_EXPR_CONST,
                      .type = (uint8_t)p->token.type,
                      .imm = is_float ? (uint64_t)p->token.offset << 32 | p->token.length : p->token.value,
                      .is_float = is_float,
                      .is_minus = is_minus,
                      .position = position};
  term.is_negative = is_minus && !is_float && term.imm != 0;
  vyre_parser_advance(p);
  return vyre_parser_add_term(p, term);
}

/* `f32.inf`, `f64.nan`, from the '.' on. */
static uint32_t parse_special(vyre_parser_t *p, const vyre_token_t *type, vyre_position_t position, bool is_minus) {
  vyre_parser_advance(p);
  bool is_inf = vyre_parser_at(p, VYRE_TOKEN_NAME) && vyre_parser_token_is(p, &p->token, "inf");
  bool is_nan = vyre_parser_at(p, VYRE_TOKEN_NAME) && vyre_parser_token_is(p, &p->token, "nan");
  if ((!is_inf && !is_nan) || !vyre_type_is_float(type->type)) {
    if (vyre_parser_ok(p))
      vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "a value of the type"),
                                               "Write f32.inf, f32.nan, f64.inf or f64.nan; a cast is %.*s(x).",
                                               VYRE_TOKEN_SHOWN(p, type)));
    return 0;
  }
  bool is_wide = type->type == VYRE_TYPE_F64;
  uint64_t bits = is_wide ? UINT64_C(0x7FF0000000000000) : UINT64_C(0x7F800000);
  if (is_nan) bits |= is_wide ? UINT64_C(1) << 51 : UINT64_C(1) << 22;
  if (is_minus && is_inf) bits |= is_wide ? UINT64_C(1) << 63 : UINT64_C(1) << 31;
  vyre_parser_advance(p);
  return vyre_parser_add_term(
      p, (vyre_term_t){.op = VYRE_EXPR_CONST, .type = (uint8_t)type->type, .imm = bits, .position = position});
}

static uint32_t parse_index(vyre_parser_t *p, const vyre_token_t *name) {
  const vyre_name_t *found = vyre_names_find(&p->scope, vyre_parser_text(p, name), name->length);
  if (!found) return vyre_parser_fail_unknown_name(p, name), 0u;
  uint32_t id = found->id;
  if (!found->is_param) {
    vyre_parser_fail(p, vyre_status_with_fix(
                            vyre_parser_error(p, VYRE_E_TYPE, name->position,
                                              "'%.*s' is a variable and cannot be indexed", VYRE_TOKEN_SHOWN(p, name)),
                            "Index a parameter; variables hold one value each."));
    return 0;
  }
  vyre_parser_advance(p);
  uint32_t index = vyre_parser_expr(p);
  if (!index || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_BRACKET, "after the index", NULL)) return 0;
  const vyre_param_t *param = &p->builder.program->params[id];
  bool is_output = param->role == VYRE_ROLE_OUTPUT && p->place == VYRE_TEXT_FINISH;
  return vyre_parser_add_term(p, (vyre_term_t){.op = is_output ? VYRE_EXPR_OUTPUT_AT : VYRE_EXPR_LOAD,
                                               .type = param->type,
                                               .a = id,
                                               .b = index,
                                               .position = name->position});
}

/* A part, as in `v.x`, and no order, as in `atomic_load.acquire(...)`. */
static int part_of(const vyre_parser_t *p, const vyre_token_t *word) {
  static const char letters[] = "xyzw";
  if (word->kind != VYRE_TOKEN_NAME || word->length != 1) return -1;
  const char *at = strchr(letters, *vyre_parser_text(p, word));
  return at ? (int)(at - letters) : -1;
}

static uint32_t parse_name(vyre_parser_t *p) {
  vyre_token_t name = p->token;
  vyre_parser_advance(p);
  bool is_dotted = false;
  if (vyre_parser_at(p, VYRE_TOKEN_DOT)) {
    vyre_token_t next = vyre_parser_peek(p, 1);
    bool is_value = vyre_names_find(&p->scope, vyre_parser_text(p, &name), name.length) &&
                    vyre_parser_function(p, &name) == VYRE_EXPR_NONE;
    is_dotted = part_of(p, &next) < 0 && !is_value;
  }
  if (vyre_parser_at(p, VYRE_TOKEN_LEFT_PAREN) || is_dotted) return vyre_parser_call(p, &name, false);
  if (vyre_parser_at(p, VYRE_TOKEN_LEFT_BRACKET)) return parse_index(p, &name);
  if (!vyre_parser_ok(p)) return 0;
  const vyre_name_t *found = vyre_names_find(&p->scope, vyre_parser_text(p, &name), name.length);
  if (!found) return vyre_parser_fail_unknown_name(p, &name), 0u;
  vyre_term_t term = {.op = VYRE_EXPR_VAR, .a = found->id, .position = name.position};
  if (!found->is_param) {
    term.type = p->builder.program->vars[found->id].type;
    return vyre_parser_add_term(p, term);
  }
  const vyre_param_t *param = &p->builder.program->params[found->id];
  bool is_output = param->role == VYRE_ROLE_OUTPUT && p->place == VYRE_TEXT_FINISH && param->count == 0;
  if (!is_output && param->role != VYRE_ROLE_SCALAR) return vyre_parser_fail_no_value(p, &name, found->id), 0u;
  term.op = is_output ? VYRE_EXPR_OUTPUT : VYRE_EXPR_SCALAR;
  term.type = param->type;
  return vyre_parser_add_term(p, term);
}

/* `u32x4(a, b, c, d)` */
static uint32_t parse_vector(vyre_parser_t *p, const vyre_token_t *type) {
  bool is_pair = type->type == VYRE_TYPE_U32X2;
  uint32_t parts[4] = {0};
  if (!vyre_parser_arguments(p, type, is_pair ? 2 : 4, parts)) return 0;
  return vyre_parser_add_term(p, (vyre_term_t){.op = is_pair ? VYRE_EXPR_MAKE2 : VYRE_EXPR_MAKE4,
                                               .type = (uint8_t)type->type,
                                               .a = parts[0],
                                               .b = parts[1],
                                               .c = parts[2],
                                               .d = parts[3],
                                               .position = type->position});
}

/* A cast, a vector, or a value such as f32.inf; '-' before the latter belongs to it. */
static uint32_t parse_typed(vyre_parser_t *p) {
  vyre_token_t type = p->token;
  vyre_parser_advance(p);
  if (vyre_parser_at(p, VYRE_TOKEN_DOT)) return parse_special(p, &type, type.position, false);
  if (vyre_type_kind(type.type) == VYRE_KIND_VECTOR) return parse_vector(p, &type);
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after the type", "Write a cast as u64(x).")) return 0;
  uint32_t operand = vyre_parser_expr(p);
  if (!operand || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the value", NULL)) return 0;
  return vyre_parser_add_term(
      p, (vyre_term_t){.op = VYRE_EXPR_CAST, .type = (uint8_t)type.type, .a = operand, .position = type.position});
}

static uint32_t parse_simple(vyre_parser_t *p) {
  switch (p->token.kind) {
    case VYRE_TOKEN_INTEGER:
    case VYRE_TOKEN_FLOAT: return parse_literal(p, p->token.position, false);
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
    case VYRE_TOKEN_TYPE: return parse_typed(p);
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

/* With the parts taken of it. */
static uint32_t parse_primary(vyre_parser_t *p) {
  uint32_t term = parse_simple(p);
  while (term && vyre_parser_at(p, VYRE_TOKEN_DOT)) {
    vyre_parser_advance(p);
    vyre_token_t word = p->token;
    int part = part_of(p, &word);
    if (part < 0) {
      if (vyre_parser_ok(p))
        vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "a part after '.'"),
                                                 "Write .x, .y, .z or .w; a range is written with two dots."));
      return 0;
    }
    vyre_parser_advance(p);
    term = vyre_parser_add_term(
        p,
        (vyre_term_t){
            .op = VYRE_EXPR_PART, .type = VYRE_TYPE_U32, .a = term, .imm = (uint64_t)part, .position = word.position});
  }
  return term;
}

static uint32_t parse_unary(vyre_parser_t *p);

/* Behind '-': a literal of its own, or an operand. */
static uint32_t parse_minus(vyre_parser_t *p, vyre_position_t position) {
  if (vyre_parser_at(p, VYRE_TOKEN_INTEGER) || vyre_parser_at(p, VYRE_TOKEN_FLOAT))
    return parse_literal(p, position, true);
  if (vyre_parser_at(p, VYRE_TOKEN_TYPE) && vyre_parser_peek(p, 1).kind == VYRE_TOKEN_DOT) {
    vyre_token_t type = p->token;
    vyre_parser_advance(p);
    return parse_special(p, &type, position, true);
  }
  uint32_t operand = parse_unary(p);
  vyre_term_t term = {.op = VYRE_EXPR_NEG, .a = operand, .is_negative = true, .position = position};
  return operand ? vyre_parser_add_joined(p, term, &operand, 1) : 0;
}

static uint32_t parse_unary(vyre_parser_t *p) {
  vyre_position_t position = p->token.position;
  uint32_t result = 0;
  /* One more than the depth of nodes: the printer writes -(5) where the nodes are two. */
  if (p->depth > VYRE_LIMIT_DEPTH) return vyre_parser_ok(p) ? (fail_depth(p, position), 0u) : 0u;
  p->depth++;
  if (vyre_parser_at(p, VYRE_TOKEN_MINUS)) {
    vyre_parser_advance(p);
    result = parse_minus(p, position);
  } else if (vyre_parser_at(p, VYRE_TOKEN_TILDE)) {
    vyre_parser_advance(p);
    uint32_t operand = parse_unary(p);
    vyre_term_t term = {.op = VYRE_EXPR_NOT, .a = operand, .position = position};
    if (operand) result = vyre_parser_add_joined(p, term, &operand, 1);
  } else if (vyre_parser_at(p, VYRE_TOKEN_BANG)) {
    vyre_parser_advance(p);
    uint32_t operand = parse_unary(p);
    vyre_term_t term = {.op = VYRE_EXPR_LOGICAL_NOT, .type = VYRE_TYPE_BOOL, .a = operand, .position = position};
    if (operand) result = vyre_parser_add_term(p, term);
  } else {
    result = parse_primary(p);
  }
  p->depth--;
  return result;
}

static uint32_t add_binary(vyre_parser_t *p, vyre_expr_op_t op, vyre_position_t position, uint32_t left,
                           uint32_t right) {
  vyre_term_t term = {.op = (uint8_t)op, .a = left, .b = right, .position = position};
  uint32_t operands[] = {left, right};
  if (vyre_expr_class(op) == VYRE_CLASS_BINARY) return vyre_parser_add_joined(p, term, operands, 2);
  term.type = VYRE_TYPE_BOOL;
  return vyre_parser_add_term(p, term);
}

/* Precedence climbing: takes operators of `level` and tighter. */
static uint32_t parse_binary(vyre_parser_t *p, unsigned level) {
  uint32_t left = parse_unary(p);
  bool is_compared = false;
  while (left) {
    vyre_expr_op_t op = vyre_token_binary(p->token.kind);
    if (op == VYRE_EXPR_NONE || vyre_expr_precedence(op) < level) break;
    vyre_position_t position = p->token.position;
    bool is_compare = vyre_expr_precedence(op) == VYRE_PRECEDENCE_COMPARE;
    if (is_compare && is_compared) {
      vyre_parser_fail(p,
                       vyre_status_with_fix(vyre_parser_error(p, VYRE_E_SYNTAX, position, "comparisons do not chain"),
                                            "Write a < b && b < c, or put parentheses around one comparison."));
      return 0;
    }
    is_compared = is_compare;
    vyre_parser_advance(p);
    uint32_t right = parse_binary(p, vyre_expr_precedence(op) + 1);
    if (!right) return 0;
    left = add_binary(p, op, position, left, right);
  }
  return left;
}

uint32_t vyre_parser_expr(vyre_parser_t *p) { return parse_binary(p, 1); }
