/* Statements that begin with a name: assignments, additions to outputs, stores, calls. */
#include <stdio.h>
#include <string.h>

#include "ir/parser.h"

/* ---- outputs ---- */

/* How an output of this reducer is added to. */
static const char *operator_of(vyre_reducer_t reducer) {
  static const char *const texts[VYRE_REDUCER_COUNT] = {"", "+=", "min=", "max=", "|=", "^=", "=", "=", "append"};
  return texts[reducer];
}

/* `min=` and `max=`: the words are names elsewhere. */
static bool at_min_max(const vyre_parser_t *p) {
  bool is_word = vyre_parser_at(p, VYRE_TOKEN_NAME) &&
                 (vyre_parser_token_is(p, &p->token, "min") || vyre_parser_token_is(p, &p->token, "max"));
  return is_word && vyre_parser_peek(p, 1).kind == VYRE_TOKEN_ASSIGN;
}

static bool at_operator(const vyre_parser_t *p, const char *text) {
  if (!at_min_max(p)) return strcmp(vyre_token_text(p->token.kind), text) == 0;
  return strlen(text) == 4 && memcmp(text, vyre_parser_text(p, &p->token), 3) == 0;
}

static void fail_operator(vyre_parser_t *p, const vyre_token_t *name, const vyre_param_t *param, bool is_indexed) {
  char what[64], written[96];
  const char *text = p->place == VYRE_TEXT_FINISH ? "=" : operator_of((vyre_reducer_t)param->reducer);
  snprintf(what, sizeof what, "'%s' after the output's name", text);
  snprintf(written, sizeof written, "%.*s%s %s ...", VYRE_TOKEN_SHOWN(p, name), is_indexed ? "[...]" : "", text);
  vyre_status_t status = vyre_parser_unexpected(p, what);
  if (p->place == VYRE_TEXT_FINISH)
    status = vyre_status_with_fix(status, "Write `%s`; finish assigns outputs, and reads them as values.", written);
  else if (param->reducer == VYRE_REDUCER_SUM)
    status = vyre_status_with_fix(status, "Write `%s`; calls can only add to an output.", written);
  else
    status = vyre_status_with_fix(status, "Write `%s`; its reducer is %s.", written,
                                  vyre_reducer_text((vyre_reducer_t)param->reducer));
  vyre_parser_fail(p, status);
}

/* Passes over the operator that the reducer asks for. */
static bool take_operator(vyre_parser_t *p, const vyre_token_t *name, const vyre_param_t *param, bool is_indexed) {
  if (!vyre_parser_ok(p)) return false;
  if (param->reducer == VYRE_REDUCER_APPEND && p->place != VYRE_TEXT_FINISH) {
    vyre_parser_fail(
        p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_TYPE, name->position, "'%s' takes records", param->name),
                                "Write `append(%s, key, value)`.", param->name));
    return false;
  }
  const char *text = p->place == VYRE_TEXT_FINISH ? "=" : operator_of((vyre_reducer_t)param->reducer);
  if (!at_operator(p, text)) return fail_operator(p, name, param, is_indexed), false;
  if (at_min_max(p)) vyre_parser_advance(p);
  vyre_parser_advance(p);
  return vyre_parser_ok(p);
}

/* `o += e`, `o[i] min= e`, `o = e`; from behind the name and its index (0: none) on. */
static void parse_output(vyre_parser_t *p, const vyre_token_t *name, vyre_param_id_t id, uint32_t index) {
  vyre_param_t param = p->builder.program->params[id];
  bool is_set = p->place == VYRE_TEXT_FINISH || !vyre_reducer_is_commutative(param.reducer);
  if (!take_operator(p, name, &param, index != 0)) return;
  uint32_t term = vyre_parser_expr(p);
  if (!term) return;
  vyre_expr_id_t at = index ? vyre_parser_emit(p, index, VYRE_TYPE_U64) : 0;
  vyre_expr_id_t value = vyre_parser_emit(p, term, (vyre_type_t)param.type);
  p->builder.position = name->position;
  if (!value) return;
  if (is_set && index)
    vyre_build_set_at(&p->builder, id, at, value);
  else if (is_set)
    vyre_build_set(&p->builder, id, value);
  else if (index)
    vyre_build_reduce_at(&p->builder, id, at, value);
  else
    vyre_build_reduce(&p->builder, id, value);
}

static void fail_output_index(vyre_parser_t *p, const vyre_token_t *name, const vyre_param_t *param) {
  const char *text = p->place == VYRE_TEXT_FINISH ? "=" : operator_of((vyre_reducer_t)param->reducer);
  vyre_status_t status =
      vyre_parser_error(p, VYRE_E_TYPE, name->position, "'%s' is %s", param->name,
                        param->count ? "an array: an index is needed" : "not an array: no index is allowed");
  vyre_parser_fail(
      p, vyre_status_with_fix(status, "Write %s%s %s value.", param->name, param->count ? "[index]" : "", text));
}

/* ---- buffers ---- */

/* Whether evaluating it twice does more than evaluating it once. */
static bool has_effect(const vyre_parser_t *p, uint32_t term) {
  const vyre_term_t *t = &p->terms[term];
  vyre_op_class_t class_ = vyre_expr_class((vyre_expr_op_t)t->op);
  bool has_param = class_ == VYRE_CLASS_LOAD;
  uint32_t operands[4] = {t->a, t->b, t->c, t->d};
  if (class_ == VYRE_CLASS_CALL || class_ == VYRE_CLASS_ATOMIC || class_ == VYRE_CLASS_PRIVILEGED) return true;
  if (class_ == VYRE_CLASS_LEAF) return false;
  for (unsigned i = has_param; i < 4; i++)
    if (operands[i] && has_effect(p, operands[i])) return true;
  return false;
}

/* `b[i] = e`, and `b[i] += e` for b[i] = b[i] + e; from behind the index on. */
static void parse_store(vyre_parser_t *p, const vyre_token_t *name, vyre_param_id_t id, uint32_t index) {
  vyre_expr_op_t compound = vyre_token_compound(p->token.kind);
  const vyre_param_t *param = &p->builder.program->params[id];
  vyre_type_t type = (vyre_type_t)param->type;
  vyre_position_t position = p->token.position;
  if (!compound && !vyre_parser_at(p, VYRE_TOKEN_ASSIGN)) {
    vyre_status_t status = vyre_parser_unexpected(p, "'=' or an operator such as '+=' after the element");
    vyre_parser_fail(p, vyre_status_with_fix(status, "Write a store: `%s[i] = ...`.", param->name));
    return;
  }
  if (compound && has_effect(p, index)) {
    vyre_status_t status = vyre_parser_error(p, VYRE_E_INVALID_PROGRAM, p->terms[index].position,
                                             "an index with an effect before '%s'", vyre_token_text(p->token.kind));
    vyre_parser_fail(p, vyre_status_with_fix(status, "Give it a name: `let at = ...`, and write %s[at] %s ...",
                                             param->name, vyre_token_text(p->token.kind)));
    return;
  }
  vyre_parser_advance(p);
  uint32_t value = vyre_parser_expr(p);
  if (!value) return;
  if (compound) {
    uint32_t left = vyre_parser_add_term(
        p, (vyre_term_t){.op = VYRE_EXPR_LOAD, .type = (uint8_t)type, .a = id, .b = index, .position = name->position});
    value = vyre_parser_add_term(
        p, (vyre_term_t){.op = (uint8_t)compound, .type = (uint8_t)type, .a = left, .b = value, .position = position});
    if (!value) return;
  }
  vyre_expr_id_t at = vyre_parser_emit(p, index, VYRE_TYPE_U64);
  vyre_expr_id_t stored = vyre_parser_emit(p, value, type);
  p->builder.position = name->position;
  if (stored) vyre_build_store(&p->builder, id, at, stored);
}

/* A parameter, from behind its name on. */
static void parse_param_target(vyre_parser_t *p, const vyre_token_t *name, vyre_param_id_t id) {
  vyre_param_t param = p->builder.program->params[id];
  bool is_indexed = vyre_parser_at(p, VYRE_TOKEN_LEFT_BRACKET), is_output = param.role == VYRE_ROLE_OUTPUT;
  bool is_append = param.reducer == VYRE_REDUCER_APPEND;
  uint32_t index = 0;
  if (!is_output && (!(param.access & VYRE_ACCESS_WRITE) || !is_indexed)) {
    vyre_parser_fail_no_target(p, name, id);
    return;
  }
  if (is_output && !is_append && is_indexed != (param.count != 0)) {
    fail_output_index(p, name, &param);
    return;
  }
  if (is_indexed) {
    vyre_parser_advance(p);
    index = vyre_parser_expr(p);
    if (!index || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_BRACKET, "after the index", NULL)) return;
  }
  if (is_output)
    parse_output(p, name, id, index);
  else
    parse_store(p, name, id, index);
}

/* ---- variables ---- */

static void fail_immutable(vyre_parser_t *p, const vyre_token_t *name, vyre_var_id_t id) {
  vyre_position_t declared = p->builder.program->vars[id].position;
  vyre_status_t status =
      vyre_parser_error(p, VYRE_E_INVALID_PROGRAM, name->position, "'%.*s' of line %u cannot be assigned",
                        VYRE_TOKEN_SHOWN(p, name), vyre_position_line(declared));
  vyre_parser_fail(
      p, vyre_status_with_fix(status,
                              "Declare it with `var` on line %u (a loop variable or an argument: copy it into "
                              "a `var` first).",
                              vyre_position_line(declared)));
}

/* `x = e` and `x += e`, from the operator on. */
static void parse_assign(vyre_parser_t *p, const vyre_token_t *name, vyre_var_id_t id) {
  vyre_expr_op_t compound = vyre_token_compound(p->token.kind);
  vyre_type_t type = (vyre_type_t)p->builder.program->vars[id].type;
  vyre_position_t position = p->token.position;
  if (at_min_max(p)) {
    vyre_parser_fail(
        p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_TYPE, name->position, "'%.*s' is a variable, no output",
                                                  VYRE_TOKEN_SHOWN(p, name)),
                                "Write `%.*s = %.*s(%.*s, ...)`.", VYRE_TOKEN_SHOWN(p, name),
                                VYRE_TOKEN_SHOWN(p, &p->token), VYRE_TOKEN_SHOWN(p, name)));
    return;
  }
  if (!p->builder.program->vars[id].is_mutable) {
    fail_immutable(p, name, id);
    return;
  }
  uint32_t left = 0;
  if (compound)
    left = vyre_parser_add_term(
        p, (vyre_term_t){.op = VYRE_EXPR_VAR, .type = (uint8_t)type, .a = id, .position = name->position});
  vyre_parser_advance(p);
  uint32_t value = vyre_parser_expr(p);
  if (value && compound)
    value = vyre_parser_add_term(
        p, (vyre_term_t){.op = (uint8_t)compound, .type = (uint8_t)type, .a = left, .b = value, .position = position});
  if (!value) return;
  vyre_expr_id_t assigned = vyre_parser_emit(p, value, type);
  p->builder.position = name->position;
  if (assigned) vyre_build_assign(&p->builder, id, assigned);
}

/* ---- all ---- */

/* A call of a function of the Program's own, or an atomic: for what it does. False when the name is neither. */
static bool parse_call_statement(vyre_parser_t *p, const vyre_token_t *name) {
  bool is_call = vyre_parser_at(p, VYRE_TOKEN_LEFT_PAREN) || vyre_parser_at(p, VYRE_TOKEN_DOT);
  bool is_atomic = vyre_expr_class(vyre_parser_function(p, name)) == VYRE_CLASS_ATOMIC;
  if (!is_call || (!is_atomic && vyre_parser_user_function(p, name) == VYRE_FUNCTION_NONE)) return false;
  uint32_t term = vyre_parser_call(p, name, true);
  if (!term) return true;
  vyre_expr_id_t value = vyre_parser_emit(p, term, VYRE_TYPE_VOID);
  p->builder.position = name->position;
  if (value) vyre_build_eval(&p->builder, value);
  return true;
}

/* Neither an assignment nor a known statement: say what it looks like. */
static void fail_statement(vyre_parser_t *p, const vyre_token_t *name, const vyre_name_t *known) {
  bool is_call = !known && vyre_parser_function(p, name) != VYRE_EXPR_NONE;
  if (!known && vyre_parser_user_function(p, name) != VYRE_FUNCTION_NONE) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "'(' after the function's name"),
                                             "Write `%.*s(...)`.", VYRE_TOKEN_SHOWN(p, name)));
    return;
  }
  if (!known && !is_call) {
    vyre_parser_fail_unknown_statement(p, name);
    return;
  }
  vyre_status_t status = is_call ? vyre_parser_error(p, VYRE_E_SYNTAX, name->position, "'%.*s(...)' is no statement",
                                                     VYRE_TOKEN_SHOWN(p, name))
                                 : vyre_parser_unexpected(p, "'=' or an operator such as '+=' after the name");
  const char *after = vyre_parser_text(p, name) + name->length;
  size_t left = p->lexer.length - name->offset - name->length;
  if (is_call)
    status = vyre_status_with_fix(status, "Give the value a name: `let x = %.*s(...)`.", VYRE_TOKEN_SHOWN(p, name));
  else if (vyre_parser_at(p, VYRE_TOKEN_DOT))
    status = vyre_status_with_fix(status, "Assign the whole: `%.*s = u32x4(...)`; parts are read only.",
                                  VYRE_TOKEN_SHOWN(p, name));
  else if (left >= 2 && (memcmp(after, "++", 2) == 0 || memcmp(after, "--", 2) == 0))
    status = vyre_status_with_fix(status, "Write `%.*s %c= 1`.", VYRE_TOKEN_SHOWN(p, name), after[0]);
  else
    status = vyre_status_with_fix(status, "Write an assignment: `%.*s = ...` or `%.*s += ...`.",
                                  VYRE_TOKEN_SHOWN(p, name), VYRE_TOKEN_SHOWN(p, name));
  vyre_parser_fail(p, status);
}

/* A parameter below the first statement, or finish above the last. */
static bool fail_late(vyre_parser_t *p, const vyre_token_t *name, bool is_param, bool is_finish) {
  if (!is_param && !is_finish) return false;
  vyre_status_t status = vyre_parser_error(p, VYRE_E_SYNTAX, name->position, "expected a statement, found '%.*s'",
                                           VYRE_TOKEN_SHOWN(p, name));
  vyre_parser_fail(p, vyre_status_with_fix(status, is_param ? "Move the parameter above the first statement."
                                                            : "Move finish behind all other statements."));
  return true;
}

void vyre_parser_name_statement(vyre_parser_t *p) {
  vyre_token_t name = p->token;
  bool is_param = vyre_parser_at_header_line(p), is_finish = vyre_parser_at_finish(p);
  vyre_parser_advance(p);
  if (!vyre_parser_ok(p)) return;
  const vyre_name_t *known = vyre_names_find(&p->scope, vyre_parser_text(p, &name), name.length);
  bool is_indexed = vyre_parser_at(p, VYRE_TOKEN_LEFT_BRACKET);
  bool is_assign = vyre_parser_at(p, VYRE_TOKEN_ASSIGN) || vyre_token_compound(p->token.kind) != VYRE_EXPR_NONE;
  if (!is_assign && !is_indexed && !at_min_max(p)) {
    bool is_done = vyre_parser_privileged_statement(p, &name) || vyre_parser_effect_statement(p, &name) ||
                   parse_call_statement(p, &name);
    if (!is_done && !(!known && fail_late(p, &name, is_param, is_finish))) fail_statement(p, &name, known);
  } else if (!known) {
    vyre_parser_fail_unknown_name(p, &name);
  } else if (known->is_param) {
    parse_param_target(p, &name, known->id);
  } else if (is_indexed) {
    vyre_parser_fail(p, vyre_status_with_fix(
                            vyre_parser_error(p, VYRE_E_TYPE, name.position,
                                              "'%.*s' is a variable and cannot be indexed", VYRE_TOKEN_SHOWN(p, &name)),
                            "Declare an array as a parameter, such as `output NAME : u64[N] sum` or `private NAME : "
                            "u64[N]`."));
  } else {
    parse_assign(p, &name, known->id);
  }
}
