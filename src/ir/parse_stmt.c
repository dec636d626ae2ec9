/* The parser's statements. Each function begins at the first token of its statement, unless it says otherwise. */
#include <stdio.h>
#include <string.h>

#include "ir/parser.h"

static void parse_let(vyre_parser_t *p) {
  bool is_mutable = vyre_parser_at(p, VYRE_TOKEN_VAR), is_typed = false;
  vyre_position_t position = p->token.position;
  vyre_token_t name;
  vyre_type_t type = VYRE_TYPE_VOID;
  vyre_parser_advance(p);
  if (!vyre_parser_new_name(p, &name, "the variable's name")) return;
  if (vyre_parser_at(p, VYRE_TOKEN_COMMA) && !is_mutable) {
    vyre_parser_load16(p, position, &name);
    return;
  }
  if (vyre_parser_at(p, VYRE_TOKEN_COLON)) {
    vyre_parser_advance(p);
    is_typed = true;
    if (!vyre_parser_type(p, &type)) return;
  }
  if (!vyre_parser_expect(p, VYRE_TOKEN_ASSIGN, "after the name", "Give the variable its first value: `var x = 0`."))
    return;
  uint32_t term = vyre_parser_expr(p);
  if (!term) return;
  vyre_position_t value_position = p->terms[term].position;
  vyre_expr_id_t value = vyre_parser_emit(p, term, type);
  if (!value) return;
  vyre_type_t found = (vyre_type_t)p->builder.program->exprs[value].type;
  if (is_typed && found != type) {
    vyre_parser_fail(p, vyre_status_with_fix(
                            vyre_parser_error(p, VYRE_E_TYPE, value_position, "the value is %s, '%.*s' is declared %s",
                                              vyre_type_text(found), VYRE_TOKEN_SHOWN(p, &name), vyre_type_text(type)),
                            "Convert the value with %s(...), or declare the variable as %s.", vyre_type_text(type),
                            vyre_type_text(found)));
    return;
  }
  p->builder.position = position;
  vyre_parser_declare(p, &name, false,
                      vyre_build_let(&p->builder, vyre_parser_copy_name(p, &name).text, value, is_mutable));
}

/* A condition, up to the '{' of its block. */
static vyre_expr_id_t parse_condition(vyre_parser_t *p) {
  uint32_t term = vyre_parser_expr(p);
  if (!term) return 0;
  if (vyre_parser_at(p, VYRE_TOKEN_ASSIGN)) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "'{' after the condition"),
                                             "Write == to compare; = assigns, and stands in statements only."));
    return 0;
  }
  return vyre_parser_emit(p, term, VYRE_TYPE_BOOL);
}

static void parse_if(vyre_parser_t *p) {
  vyre_position_t position = p->token.position;
  vyre_parser_advance(p);
  vyre_expr_id_t condition = parse_condition(p);
  if (!condition) return;
  p->builder.position = position;
  vyre_build_if(&p->builder, condition);
  vyre_parser_block(p);
  if (vyre_parser_at(p, VYRE_TOKEN_ELSE)) {
    vyre_parser_advance(p);
    vyre_build_else(&p->builder);
    if (vyre_parser_at(p, VYRE_TOKEN_IF))
      parse_if(p); /* opens a block of the builder's, whose limit bounds the recursion */
    else
      vyre_parser_block(p);
  }
  vyre_build_end(&p->builder);
}

static void parse_while(vyre_parser_t *p) {
  vyre_position_t position = p->token.position;
  vyre_parser_advance(p);
  vyre_expr_id_t condition = parse_condition(p);
  if (!condition) return;
  p->builder.position = position;
  vyre_build_while(&p->builder, condition);
  vyre_parser_block(p);
  vyre_build_end(&p->builder);
}

static void parse_forever(vyre_parser_t *p) {
  p->builder.position = p->token.position;
  vyre_parser_advance(p);
  vyre_build_forever(&p->builder);
  vyre_parser_block(p);
  vyre_build_end(&p->builder);
}

static void parse_range(vyre_parser_t *p) {
  static const char fix[] = "Write `for i in a .. b { }`; i runs from a to b - 1.";
  vyre_stmt_op_t op = vyre_parser_at(p, VYRE_TOKEN_FOR) ? VYRE_STMT_FOR : VYRE_STMT_FOREACH;
  vyre_position_t position = p->token.position;
  vyre_token_t name;
  vyre_parser_advance(p);
  if (vyre_parser_at(p, VYRE_TOKEN_LEFT_PAREN)) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "the loop variable's name"), "%s", fix));
    return;
  }
  if (!vyre_parser_new_name(p, &name, "the loop variable's name") ||
      !vyre_parser_expect(p, VYRE_TOKEN_IN, "after the name", fix))
    return;
  uint32_t low = vyre_parser_expr(p);
  if (!low || !vyre_parser_expect(p, VYRE_TOKEN_DOT_DOT, "between the bounds", fix)) return;
  uint32_t high = vyre_parser_expr(p);
  if (!high) return;
  vyre_type_t type = (vyre_type_t)(p->terms[low].type != VYRE_TYPE_VOID ? p->terms[low].type : p->terms[high].type);
  if (!vyre_type_is_integer(type)) type = VYRE_TYPE_U64;
  vyre_expr_id_t low_value = vyre_parser_emit(p, low, type);
  vyre_expr_id_t high_value = vyre_parser_emit(p, high, type);
  p->builder.position = position;
  vyre_var_id_t var = vyre_build_range(&p->builder, op, vyre_parser_copy_name(p, &name).text, low_value, high_value);
  uint32_t outer = vyre_names_mark(&p->scope);
  vyre_parser_declare(p, &name, false, var);
  vyre_parser_block(p);
  vyre_build_end(&p->builder);
  vyre_names_leave(&p->scope, outer);
}

static void parse_plain(vyre_parser_t *p, vyre_stmt_op_t op) {
  p->builder.position = p->token.position;
  vyre_parser_advance(p);
  vyre_build_plain(&p->builder, op);
}

/* `name += e` and `name[i] += e`, from the operator or the bracket on. */
static void parse_reduce(vyre_parser_t *p, const vyre_token_t *name, uint32_t id) {
  vyre_param_t param = p->builder.program->params[id];
  if (param.role == VYRE_ROLE_STREAM) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_TYPE, name->position,
                                                               "'%s' is a stream and is read only", param.name),
                                             "Add to an `output` parameter, or keep the value in a variable."));
    return;
  }
  uint32_t index = 0;
  bool is_indexed = vyre_parser_at(p, VYRE_TOKEN_LEFT_BRACKET);
  if (is_indexed != (param.count != 0)) {
    vyre_status_t status =
        vyre_parser_error(p, VYRE_E_TYPE, name->position, "'%s' is %s", param.name,
                          param.count ? "an array: an index is needed" : "not an array: no index is allowed");
    vyre_parser_fail(
        p, vyre_status_with_fix(status, param.count ? "Write %s[index] += value." : "Write %s += value.", param.name));
    return;
  }
  if (is_indexed) {
    vyre_parser_advance(p);
    index = vyre_parser_expr(p);
    if (!index || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_BRACKET, "after the index", NULL)) return;
  }
  char fix[128];
  snprintf(fix, sizeof fix, "Write `%.*s%s += ...`; calls can only add to an output.", VYRE_TOKEN_SHOWN(p, name),
           is_indexed ? "[...]" : "");
  if (!vyre_parser_expect(p, VYRE_TOKEN_PLUS_ASSIGN, "after the output's name", fix)) return;
  uint32_t value = vyre_parser_expr(p);
  if (!value) return;
  vyre_expr_id_t at = index ? vyre_parser_emit(p, index, VYRE_TYPE_U64) : 0;
  vyre_expr_id_t added = vyre_parser_emit(p, value, (vyre_type_t)param.type);
  p->builder.position = name->position;
  if (is_indexed)
    vyre_build_reduce_at(&p->builder, id, at, added);
  else
    vyre_build_reduce(&p->builder, id, added);
}

static void fail_immutable(vyre_parser_t *p, const vyre_token_t *name, vyre_var_id_t id) {
  vyre_position_t declared = p->builder.program->vars[id].position;
  vyre_status_t status =
      vyre_parser_error(p, VYRE_E_INVALID_PROGRAM, name->position, "'%.*s' of line %u cannot be assigned",
                        VYRE_TOKEN_SHOWN(p, name), vyre_position_line(declared));
  vyre_parser_fail(
      p, vyre_status_with_fix(status, "Declare it with `var` on line %u (a loop variable: copy it into a `var` first).",
                              vyre_position_line(declared)));
}

/* `x = e` and `x += e`, from the operator on. */
static void parse_assign(vyre_parser_t *p, const vyre_token_t *name, vyre_var_id_t id) {
  vyre_expr_op_t compound = vyre_token_compound(p->token.kind);
  vyre_type_t type = (vyre_type_t)p->builder.program->vars[id].type;
  vyre_position_t position = p->token.position;
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
  vyre_build_assign(&p->builder, id, assigned);
}

/* Neither an assignment nor a known statement: say what it looks like. */
static void fail_statement(vyre_parser_t *p, const vyre_token_t *name, const vyre_name_t *known) {
  bool is_call = !known && vyre_parser_function(p, name) != VYRE_EXPR_NONE;
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
  else if (left >= 2 && (memcmp(after, "++", 2) == 0 || memcmp(after, "--", 2) == 0))
    status = vyre_status_with_fix(status, "Write `%.*s %c= 1`.", VYRE_TOKEN_SHOWN(p, name), after[0]);
  else
    status = vyre_status_with_fix(status, "Write an assignment: `%.*s = ...` or `%.*s += ...`.",
                                  VYRE_TOKEN_SHOWN(p, name), VYRE_TOKEN_SHOWN(p, name));
  vyre_parser_fail(p, status);
}

static void parse_name_statement(vyre_parser_t *p) {
  vyre_token_t name = p->token;
  vyre_parser_advance(p);
  if (!vyre_parser_ok(p)) return;
  const vyre_name_t *known = vyre_names_find(&p->scope, vyre_parser_text(p, &name), name.length);
  bool is_assign = vyre_parser_at(p, VYRE_TOKEN_ASSIGN) || vyre_token_compound(p->token.kind) != VYRE_EXPR_NONE;
  bool is_indexed = vyre_parser_at(p, VYRE_TOKEN_LEFT_BRACKET);
  if (!is_assign && !is_indexed) {
    if (!vyre_parser_privileged_statement(p, &name)) fail_statement(p, &name, known);
  } else if (!known) {
    vyre_parser_fail_unknown_name(p, &name);
  } else if (known->is_param) {
    parse_reduce(p, &name, known->id);
  } else if (is_indexed) {
    vyre_parser_fail(p, vyre_status_with_fix(
                            vyre_parser_error(p, VYRE_E_TYPE, name.position,
                                              "'%.*s' is a variable and cannot be indexed", VYRE_TOKEN_SHOWN(p, &name)),
                            "Declare an array as a parameter: `output NAME : u64[N] sum`."));
  } else {
    parse_assign(p, &name, known->id);
  }
}

static void fail_no_statement(vyre_parser_t *p) {
  if (!vyre_parser_ok(p)) return;
  vyre_status_t status = vyre_parser_unexpected(p, "a statement");
  switch (p->token.kind) {
    case VYRE_TOKEN_STREAM:
    case VYRE_TOKEN_OUTPUT:
      status = vyre_status_with_fix(status, "Move the parameter above the first statement.");
      break;
    case VYRE_TOKEN_PROGRAM: status = vyre_status_with_fix(status, "Write each Program into a text of its own."); break;
    case VYRE_TOKEN_ELSE: status = vyre_status_with_fix(status, "Write `else` right after the `}` of its `if`."); break;
    case VYRE_TOKEN_RIGHT_BRACE:
      status = vyre_status_with_fix(status, "Remove this '}'; no block is open here.");
      break;
    case VYRE_TOKEN_TYPE:
      status =
          vyre_status_with_fix(status, "Declare a variable as `var x : %.*s = ...`.", VYRE_TOKEN_SHOWN(p, &p->token));
      break;
    default:
      status = vyre_status_with_fix(
          status,
          "Write an assignment, or one of let, var, if, while, forever, for, foreach, break, continue, return, trap.");
      break;
  }
  vyre_parser_fail(p, status);
}

void vyre_parser_statement(vyre_parser_t *p) {
  vyre_parser_mark(p);
  p->term_count = 1;
  switch (p->token.kind) {
    case VYRE_TOKEN_LET:
    case VYRE_TOKEN_VAR: parse_let(p); break;
    case VYRE_TOKEN_IF: parse_if(p); break;
    case VYRE_TOKEN_WHILE: parse_while(p); break;
    case VYRE_TOKEN_FOREVER: parse_forever(p); break;
    case VYRE_TOKEN_FOR:
    case VYRE_TOKEN_FOREACH: parse_range(p); break;
    case VYRE_TOKEN_BREAK: parse_plain(p, VYRE_STMT_BREAK); break;
    case VYRE_TOKEN_CONTINUE: parse_plain(p, VYRE_STMT_CONTINUE); break;
    case VYRE_TOKEN_RETURN: parse_plain(p, VYRE_STMT_RETURN); break;
    case VYRE_TOKEN_TRAP: parse_plain(p, VYRE_STMT_TRAP); break;
    case VYRE_TOKEN_NAME: parse_name_statement(p); break;
    default: fail_no_statement(p); break;
  }
}

void vyre_parser_block(vyre_parser_t *p) {
  uint32_t line = vyre_position_line(p->token.position);
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_BRACE, "to open the block",
                          "Put braces around the body: `{ ... }`; they are never left out."))
    return;
  uint32_t outer = vyre_names_mark(&p->scope);
  for (vyre_parser_skip_semicolons(p); vyre_parser_ok(p) && !vyre_parser_at(p, VYRE_TOKEN_RIGHT_BRACE);
       vyre_parser_skip_semicolons(p)) {
    if (vyre_parser_at(p, VYRE_TOKEN_END)) {
      char what[64];
      snprintf(what, sizeof what, "'}' for the '{' of line %u", line);
      vyre_parser_fail(
          p, vyre_status_with_fix(vyre_parser_unexpected(p, what), "Add '}' where the block of line %u ends.", line));
      break;
    }
    vyre_parser_statement(p);
  }
  vyre_names_leave(&p->scope, outer);
  vyre_parser_advance(p);
}
