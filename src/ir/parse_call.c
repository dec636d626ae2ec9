/* Calls: the functions of the language and those of the Program, from behind the name on. */
#include <stdio.h>

#include "ir/parser.h"

bool vyre_parser_privileged(vyre_parser_t *p, const vyre_token_t *name) {
  if (!vyre_parser_ok(p)) return false;
  if (!p->allow_privileged) {
    vyre_parser_fail(p, vyre_parser_error(p, VYRE_E_PRIVILEGED, name->position, "%.*s", VYRE_TOKEN_SHOWN(p, name)));
    return false;
  }
  if (p->builder.program->workgroup_size != 1) {
    vyre_parser_fail(
        p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_INVALID_PROGRAM, name->position,
                                                  "%.*s in a Program of several lanes", VYRE_TOKEN_SHOWN(p, name)),
                                "Remove `workgroup_size` from the header; `lanes l { }` has lanes."));
    return false;
  }
  p->builder.program->is_privileged = true;
  return true;
}

static bool parse_scope(vyre_parser_t *p, vyre_scope_t *out_scope) {
  if (!vyre_parser_at(p, VYRE_TOKEN_DOT)) return vyre_parser_ok(p);
  vyre_parser_advance(p);
  for (int scope = 0; scope < VYRE_SCOPE_COUNT; scope++)
    if (vyre_parser_at(p, VYRE_TOKEN_NAME) &&
        vyre_parser_token_is(p, &p->token, vyre_scope_text((vyre_scope_t)scope))) {
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
    if (vyre_parser_at(p, VYRE_TOKEN_NAME) &&
        vyre_parser_token_is(p, &p->token, vyre_order_text((vyre_order_t)order))) {
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
bool vyre_parser_arguments(vyre_parser_t *p, const vyre_token_t *name, unsigned count, uint32_t *out_terms) {
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
  static const char fix[] = "Write len(NAME) with the name of a buffer or of an array output.";
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

vyre_expr_op_t vyre_parser_function(const vyre_parser_t *p, const vyre_token_t *name) {
  for (int op = VYRE_EXPR_NONE + 1; op < VYRE_EXPR_COUNT; op++)
    if (vyre_parser_token_is(p, name, vyre_expr_text((vyre_expr_op_t)op))) return (vyre_expr_op_t)op;
  return VYRE_EXPR_NONE;
}

static bool fail_no_value(vyre_parser_t *p, const vyre_token_t *name, const char *what) {
  vyre_parser_fail(p, vyre_status_with_fix(
                          vyre_parser_error(p, VYRE_E_TYPE, name->position, "%.*s %s", VYRE_TOKEN_SHOWN(p, name), what),
                          "Write it as a statement of its own."));
  return false;
}

/* `f(x, y)`: how many arguments there are is checked with their types. */
static uint32_t parse_user_call(vyre_parser_t *p, const vyre_token_t *name, vyre_function_id_t function,
                                bool is_statement) {
  vyre_type_t type = p->builder.program->functions[function].type;
  if (type == VYRE_TYPE_VOID && !is_statement) return fail_no_value(p, name, "gives no value"), 0u;
  uint32_t arguments[VYRE_LIMIT_ARGUMENTS], count = 0, list = 0;
  char fix[128];
  snprintf(fix, sizeof fix, "Write %.*s(...).", VYRE_TOKEN_SHOWN(p, name));
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after the function's name", fix)) return 0;
  while (vyre_parser_ok(p) && !vyre_parser_at(p, VYRE_TOKEN_RIGHT_PAREN)) {
    if (count > 0 && !vyre_parser_expect(p, VYRE_TOKEN_COMMA, "before the next argument", fix)) return 0;
    if (count == VYRE_LIMIT_ARGUMENTS) {
      vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_LIMIT, p->token.position,
                                                                 "more than %d arguments", VYRE_LIMIT_ARGUMENTS),
                                               "Call it with %u.", p->builder.program->functions[function].arg_count));
      return 0;
    }
    arguments[count] = vyre_parser_expr(p);
    if (!arguments[count++]) return 0;
  }
  if (!vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the arguments", fix)) return 0;
  while (count > 0 && vyre_parser_ok(p)) {
    uint32_t item = arguments[--count];
    list = vyre_parser_add_term(p, (vyre_term_t){.op = VYRE_EXPR_LIST, .a = item, .b = list});
  }
  return vyre_parser_add_term(
      p,
      (vyre_term_t){.op = VYRE_EXPR_CALL, .type = (uint8_t)type, .a = function, .b = list, .position = name->position});
}

/* `atomic_add(b[i], v)`, `atomic_load.acquire.device(b[i])` */
static uint32_t parse_atomic(vyre_parser_t *p, const vyre_token_t *name, vyre_expr_op_t op, bool is_statement) {
  unsigned arity = vyre_expr_arity(op);
  vyre_access_spec_t access = {VYRE_TYPE_VOID, VYRE_ORDER_RELAXED, VYRE_SCOPE_COUNT};
  uint32_t index = 0, values[2] = {0};
  vyre_param_id_t param = VYRE_PARAM_NONE;
  char fix[160];
  snprintf(fix, sizeof fix, "Write %.*s(b[i]%s), b being a state, a window or workgroup memory.",
           VYRE_TOKEN_SHOWN(p, name),
           arity == 1   ? ""
           : arity == 2 ? ", value"
                        : ", expected, desired");
  if (op == VYRE_EXPR_ATOMIC_STORE && !is_statement) return fail_no_value(p, name, "gives no value"), 0u;
  if (vyre_parser_at(p, VYRE_TOKEN_DOT) && !vyre_parser_order(p, &access, fix)) return 0;
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after the function's name", fix) ||
      !vyre_parser_param_name(p, &param, fix) ||
      !vyre_parser_expect(p, VYRE_TOKEN_LEFT_BRACKET, "after the buffer's name", fix))
    return 0;
  index = vyre_parser_expr(p);
  if (!index || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_BRACKET, "after the index", NULL)) return 0;
  for (unsigned i = 0; i + 1 < arity; i++) {
    if (!vyre_parser_expect(p, VYRE_TOKEN_COMMA, "before the next argument", fix)) return 0;
    values[i] = vyre_parser_expr(p);
    if (!values[i]) return 0;
  }
  if (!vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the arguments", fix)) return 0;
  const vyre_param_t *info = &p->builder.program->params[param];
  if (access.scope == VYRE_SCOPE_COUNT)
    access.scope = info->role == VYRE_ROLE_WORKGROUP ? VYRE_SCOPE_WORKGROUP : VYRE_SCOPE_DEVICE;
  return vyre_parser_add_term(p, (vyre_term_t){.op = (uint8_t)op,
                                               .type = info->type,
                                               .order = (uint8_t)access.order,
                                               .scope = (uint8_t)access.scope,
                                               .a = param,
                                               .b = index,
                                               .c = values[0],
                                               .d = values[1],
                                               .position = name->position});
}

/* `bitcast.u32(x)` */
static uint32_t parse_bitcast(vyre_parser_t *p, const vyre_token_t *name) {
  vyre_type_t type = VYRE_TYPE_VOID;
  uint32_t operand = 0;
  if (!vyre_parser_expect(p, VYRE_TOKEN_DOT, "before the type", "Write the type after the name: bitcast.u32(x).") ||
      !vyre_parser_type(p, &type) || !vyre_parser_arguments(p, name, 1, &operand))
    return 0;
  return vyre_parser_add_term(
      p, (vyre_term_t){.op = VYRE_EXPR_BITCAST, .type = (uint8_t)type, .a = operand, .position = name->position});
}

/* Of what has a type whatever its operands are. */
static vyre_type_t type_of(vyre_expr_op_t op, vyre_type_t memory) {
  switch (op) {
    case VYRE_EXPR_IS_LAST:
    case VYRE_EXPR_SUBGROUP_ANY:
    case VYRE_EXPR_SUBGROUP_ALL:
    case VYRE_EXPR_WORKGROUP_ANY:
    case VYRE_EXPR_WORKGROUP_ALL: return VYRE_TYPE_BOOL;
    case VYRE_EXPR_LANE:
    case VYRE_EXPR_WORKGROUP_SIZE:
    case VYRE_EXPR_SUBGROUP:
    case VYRE_EXPR_SUBGROUP_LANE:
    case VYRE_EXPR_SUBGROUP_BALLOT:
    case VYRE_EXPR_WORKER:
    case VYRE_EXPR_PUMP: return VYRE_TYPE_U32;
    case VYRE_EXPR_HALO_LEFT:
    case VYRE_EXPR_HALO_RIGHT: return VYRE_TYPE_I64;
    case VYRE_EXPR_RAW_LOAD:
    case VYRE_EXPR_RAW_ATOMIC_ADD:
    case VYRE_EXPR_RAW_ATOMIC_CAS: return memory;
    default: return VYRE_TYPE_U64; /* stream_offset, addresses */
  }
}

uint32_t vyre_parser_call(vyre_parser_t *p, const vyre_token_t *name, bool is_statement) {
  if (!vyre_parser_ok(p)) return 0;
  vyre_expr_op_t op = vyre_parser_function(p, name);
  vyre_op_class_t class_ = vyre_expr_class(op);
  unsigned arity = vyre_expr_arity(op);
  vyre_access_spec_t access = {VYRE_TYPE_VOID, VYRE_ORDER_RELAXED, VYRE_SCOPE_SYSTEM};
  uint32_t args[3] = {0};
  if (op == VYRE_EXPR_NONE) {
    vyre_function_id_t function = vyre_parser_user_function(p, name);
    if (function != VYRE_FUNCTION_NONE) return parse_user_call(p, name, function, is_statement);
    return vyre_parser_fail_unknown_function(p, name), 0u;
  }
  if (op == VYRE_EXPR_LEN) return parse_len(p, name);
  if (op == VYRE_EXPR_BITCAST) return parse_bitcast(p, name);
  if (class_ == VYRE_CLASS_ATOMIC) return parse_atomic(p, name, op, is_statement);
  if (class_ == VYRE_CLASS_PRIVILEGED) {
    if (!vyre_parser_privileged(p, name)) return 0;
    if (arity > 0 && !vyre_parser_access(p, &access)) return 0;
  }
  if (!vyre_parser_arguments(p, name, arity, args)) return 0;
  vyre_term_t term = {.op = (uint8_t)op,
                      .order = (uint8_t)access.order,
                      .scope = (uint8_t)access.scope,
                      .a = args[0],
                      .b = args[1],
                      .c = args[2],
                      .position = name->position};
  bool is_collective = vyre_expr_is_collective(op) && vyre_expr_on(op) != VYRE_ON_BOOL;
  if (class_ == VYRE_CLASS_UNARY || is_collective) return vyre_parser_add_joined(p, term, args, 1);
  if (class_ == VYRE_CLASS_BINARY) return vyre_parser_add_joined(p, term, args, 2);
  if (class_ == VYRE_CLASS_TERNARY) return vyre_parser_add_joined(p, term, args, 3);
  if (class_ == VYRE_CLASS_SELECT) return vyre_parser_add_joined(p, term, args + 1, 2);
  term.type = (uint8_t)type_of(op, access.type);
  return vyre_parser_add_term(p, term);
}
