/* Statements that are written like calls: records, barriers, copies. */

#include "ir/parser.h"

bool vyre_parser_param_name(vyre_parser_t *p, vyre_param_id_t *out_param, const char *fix) {
  if (!vyre_parser_ok(p)) return false;
  vyre_token_t name = p->token;
  if (!vyre_parser_at(p, VYRE_TOKEN_NAME)) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "a parameter's name"), "%s", fix));
    return false;
  }
  const vyre_name_t *found = vyre_names_find(&p->scope, vyre_parser_text(p, &name), name.length);
  if (!found) return vyre_parser_fail_unknown_name(p, &name), false;
  if (!found->is_param) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_TYPE, name.position, "'%.*s' is a variable",
                                                               VYRE_TOKEN_SHOWN(p, &name)),
                                             "%s", fix));
    return false;
  }
  *out_param = found->id;
  vyre_parser_advance(p);
  return vyre_parser_ok(p);
}

/* `append(o, key, value)` */
static void parse_append(vyre_parser_t *p, const vyre_token_t *name) {
  static const char fix[] = "Write append(NAME, key, value) with the name of an output declared with append.";
  vyre_param_id_t output = VYRE_PARAM_NONE;
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after append", fix) || !vyre_parser_param_name(p, &output, fix) ||
      !vyre_parser_expect(p, VYRE_TOKEN_COMMA, "after the output's name", fix))
    return;
  uint32_t key = vyre_parser_expr(p);
  if (!key || !vyre_parser_expect(p, VYRE_TOKEN_COMMA, "after the key", fix)) return;
  uint32_t value = vyre_parser_expr(p);
  if (!value || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the value", fix)) return;
  vyre_expr_id_t key_id = vyre_parser_emit(p, key, VYRE_TYPE_U64);
  vyre_expr_id_t value_id = vyre_parser_emit(p, value, (vyre_type_t)p->builder.program->params[output].type);
  p->builder.position = name->position;
  if (value_id) vyre_build_append(&p->builder, output, key_id, value_id);
}

/* `barrier()`, `barrier.ORDER.SCOPE()` */
static void parse_barrier(vyre_parser_t *p, const vyre_token_t *name) {
  static const char fix[] = "Write barrier(), or an order and perhaps a scope: barrier.acq_rel.device().";
  vyre_access_spec_t access = {VYRE_TYPE_VOID, VYRE_ORDER_ACQ_REL, VYRE_SCOPE_WORKGROUP};
  if (vyre_parser_at(p, VYRE_TOKEN_DOT) && !vyre_parser_order(p, &access, fix)) return;
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after barrier", fix) ||
      !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after '('", fix))
    return;
  p->builder.position = name->position;
  p->builder.scope = access.scope;
  vyre_build_barrier(&p->builder, access.order);
  p->builder.scope = VYRE_SCOPE_SYSTEM;
}

/* `async_load(t, at, b, from, n)`, `async_store(b, at, t, from, n)`: the place that is written comes first. */
static void parse_copy(vyre_parser_t *p, const vyre_token_t *name, vyre_stmt_op_t op) {
  const char *fix = op == VYRE_STMT_ASYNC_LOAD ? "Write async_load(t, at, b, from, n), t being workgroup memory."
                                               : "Write async_store(b, at, t, from, n), t being workgroup memory.";
  vyre_param_id_t params[2] = {VYRE_PARAM_NONE, VYRE_PARAM_NONE};
  uint32_t terms[3] = {0};
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "before the arguments", fix)) return;
  for (unsigned i = 0; i < 2; i++) {
    if (!vyre_parser_param_name(p, &params[i], fix) ||
        !vyre_parser_expect(p, VYRE_TOKEN_COMMA, "after the buffer's name", fix))
      return;
    terms[i] = vyre_parser_expr(p);
    if (!terms[i] || !vyre_parser_expect(p, VYRE_TOKEN_COMMA, "before the next argument", fix)) return;
  }
  terms[2] = vyre_parser_expr(p);
  if (!terms[2] || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the arguments", fix)) return;
  vyre_expr_id_t values[3];
  for (unsigned i = 0; i < 3; i++) values[i] = vyre_parser_emit(p, terms[i], VYRE_TYPE_U64);
  p->builder.position = name->position;
  if (values[2]) vyre_build_copy(&p->builder, op, params[0], values[0], params[1], values[1], values[2]);
}

/* `async_wait()` */
static void parse_wait(vyre_parser_t *p, const vyre_token_t *name) {
  static const char fix[] = "Write async_wait().";
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after async_wait", fix) ||
      !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after '('", fix))
    return;
  p->builder.position = name->position;
  vyre_build_plain(&p->builder, VYRE_STMT_ASYNC_WAIT);
}

bool vyre_parser_effect_statement(vyre_parser_t *p, const vyre_token_t *name) {
  static const vyre_stmt_op_t ops[] = {VYRE_STMT_APPEND, VYRE_STMT_BARRIER, VYRE_STMT_ASYNC_LOAD, VYRE_STMT_ASYNC_STORE,
                                       VYRE_STMT_ASYNC_WAIT};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
    if (!vyre_parser_token_is(p, name, vyre_stmt_text(ops[i]))) continue;
    switch (ops[i]) {
      case VYRE_STMT_APPEND: parse_append(p, name); break;
      case VYRE_STMT_BARRIER: parse_barrier(p, name); break;
      case VYRE_STMT_ASYNC_WAIT: parse_wait(p, name); break;
      default: parse_copy(p, name, ops[i]); break;
    }
    return true;
  }
  return false;
}
