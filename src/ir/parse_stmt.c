/* The parser's statements. Each function begins at the first token of its statement, unless it says otherwise. */
#include <stdio.h>

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

/* `switch e { case 1, 2 { } default { } }` */

static void parse_case(vyre_parser_t *p, vyre_type_t type) {
  vyre_position_t position = p->token.position;
  vyre_expr_id_t labels[VYRE_LIMIT_LABELS];
  uint32_t count = 0;
  vyre_parser_advance(p);
  for (;;) {
    p->term_count = 1;
    uint32_t term = vyre_parser_expr(p);
    if (!term) return;
    if (count == VYRE_LIMIT_LABELS) {
      vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_LIMIT, p->terms[term].position,
                                                                 "more than %d labels", VYRE_LIMIT_LABELS),
                                               "Compare ranges with `if` instead."));
      return;
    }
    labels[count++] = vyre_parser_emit(p, term, type);
    if (!vyre_parser_at(p, VYRE_TOKEN_COMMA)) break;
    vyre_parser_advance(p);
  }
  p->builder.position = position;
  vyre_build_case(&p->builder, labels, count);
  vyre_parser_block(p);
  vyre_build_end(&p->builder);
}

static void parse_default(vyre_parser_t *p) {
  p->builder.position = p->token.position;
  vyre_parser_advance(p);
  vyre_build_default(&p->builder);
  vyre_parser_block(p);
  vyre_build_end(&p->builder);
}

static void parse_switch(vyre_parser_t *p) {
  static const char fix[] = "Write `switch e { case 1, 2 { } default { } }`.";
  vyre_position_t position = p->token.position;
  vyre_parser_advance(p);
  uint32_t term = vyre_parser_expr(p);
  if (!term) return;
  vyre_expr_id_t value = vyre_parser_emit(p, term, VYRE_TYPE_VOID);
  if (!value) return;
  vyre_type_t type = (vyre_type_t)p->builder.program->exprs[value].type;
  p->builder.position = position;
  vyre_build_switch(&p->builder, value);
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_BRACE, "after the value of switch", fix)) return;
  for (vyre_parser_skip_semicolons(p); vyre_parser_ok(p) && !vyre_parser_at(p, VYRE_TOKEN_RIGHT_BRACE);
       vyre_parser_skip_semicolons(p)) {
    vyre_parser_mark(p);
    if (vyre_parser_at(p, VYRE_TOKEN_CASE))
      parse_case(p, type);
    else if (vyre_parser_at(p, VYRE_TOKEN_DEFAULT))
      parse_default(p);
    else
      vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "'case', 'default' or '}'"), "%s", fix));
  }
  vyre_build_end(&p->builder);
  vyre_parser_advance(p);
}

static void parse_bare_block(vyre_parser_t *p) {
  p->builder.position = p->token.position;
  vyre_build_block(&p->builder);
  vyre_parser_block(p);
  vyre_build_end(&p->builder);
}

/* No statement begins with one of these, so they are a value behind `return`. */
static bool is_value_begin(vyre_token_kind_t kind) {
  return kind == VYRE_TOKEN_INTEGER || kind == VYRE_TOKEN_FLOAT || kind == VYRE_TOKEN_TYPE ||
         kind == VYRE_TOKEN_LEFT_PAREN || kind == VYRE_TOKEN_MINUS || kind == VYRE_TOKEN_TILDE ||
         kind == VYRE_TOKEN_BANG || kind == VYRE_TOKEN_TRUE || kind == VYRE_TOKEN_FALSE;
}

static void parse_return(vyre_parser_t *p) {
  vyre_position_t position = p->token.position;
  vyre_parser_advance(p);
  const vyre_program_t *program = p->builder.program;
  vyre_type_t type = VYRE_TYPE_VOID;
  if (vyre_parser_ok(p) && p->place == VYRE_TEXT_FUNCTION) type = program->functions[program->function_count - 1].type;
  if (type == VYRE_TYPE_VOID) {
    if (is_value_begin(p->token.kind)) {
      vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_TYPE, p->token.position,
                                                                 "return with a value, where none is wanted"),
                                               "Write `return` alone; a function that gives a value says its type: "
                                               "`function f() : u64 { ... }`."));
      return;
    }
    p->builder.position = position;
    vyre_build_plain(&p->builder, VYRE_STMT_RETURN);
    return;
  }
  if (vyre_parser_at(p, VYRE_TOKEN_RIGHT_BRACE)) {
    vyre_parser_fail(
        p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_TYPE, position, "return without a value, %s is needed",
                                                  vyre_type_text(type)),
                                "Write `return` with a value of type %s.", vyre_type_text(type)));
    return;
  }
  uint32_t term = vyre_parser_expr(p);
  if (!term) return;
  vyre_expr_id_t value = vyre_parser_emit(p, term, type);
  p->builder.position = position;
  if (value) vyre_build_return(&p->builder, value);
}

static void fail_no_statement(vyre_parser_t *p) {
  if (!vyre_parser_ok(p)) return;
  vyre_status_t status = vyre_parser_unexpected(p, "a statement");
  switch (p->token.kind) {
    case VYRE_TOKEN_STREAM:
    case VYRE_TOKEN_OUTPUT:
      status = vyre_status_with_fix(status, "Move it above the first function and statement.");
      break;
    case VYRE_TOKEN_FUNCTION:
      status = vyre_status_with_fix(status, "Move the function between the parameters and the first statement.");
      break;
    case VYRE_TOKEN_CASE:
    case VYRE_TOKEN_DEFAULT:
      status = vyre_status_with_fix(status, "Write it into a switch: `switch e { case 1, 2 { } default { } }`.");
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
      status = vyre_status_with_fix(status,
                                    "Write an assignment, or one of let, var, if, while, forever, for, foreach, "
                                    "switch, break, continue, return, trap.");
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
    case VYRE_TOKEN_RETURN: parse_return(p); break;
    case VYRE_TOKEN_TRAP: parse_plain(p, VYRE_STMT_TRAP); break;
    case VYRE_TOKEN_SWITCH: parse_switch(p); break;
    case VYRE_TOKEN_LEFT_BRACE: parse_bare_block(p); break;
    case VYRE_TOKEN_NAME: vyre_parser_name_statement(p); break;
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
