/* Functions of a Program, and its finish. */
#include <string.h>

#include "ir/parser.h"

typedef struct arguments {
  vyre_token_t names[VYRE_LIMIT_ARGUMENTS];
  vyre_type_t types[VYRE_LIMIT_ARGUMENTS];
  uint32_t count;
} arguments_t;

vyre_function_id_t vyre_parser_user_function(const vyre_parser_t *p, const vyre_token_t *name) {
  const vyre_program_t *program = p->builder.program;
  for (uint32_t i = 0; i < program->function_count; i++)
    if (vyre_parser_token_is(p, name, program->functions[i].name)) return i;
  return VYRE_FUNCTION_NONE;
}

/* Functions have a name space of their own, with those of the language. */
static bool take_function_name(vyre_parser_t *p, vyre_token_t *out_name) {
  *out_name = p->token;
  if (!vyre_parser_at(p, VYRE_TOKEN_NAME)) {
    vyre_status_t status = vyre_parser_unexpected(p, "the function's name");
    vyre_parser_fail(p, vyre_status_with_fix(status,
                                             "Write `function NAME(a : u64) : u64 { ... }`; words of the "
                                             "language are no names."));
    return false;
  }
  if (vyre_word_is_function(vyre_parser_text(p, out_name), out_name->length)) {
    vyre_parser_fail(p, vyre_status_with_fix(
                            vyre_parser_error(p, VYRE_E_NAME, out_name->position,
                                              "'%.*s' is a function of the language", VYRE_TOKEN_SHOWN(p, out_name)),
                            "Choose another name."));
    return false;
  }
  vyre_function_id_t known = vyre_parser_user_function(p, out_name);
  if (known != VYRE_FUNCTION_NONE) {
    uint32_t line = vyre_position_line(p->builder.program->functions[known].position);
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_NAME, out_name->position,
                                                               "the function '%.*s' is declared on line %u already",
                                                               VYRE_TOKEN_SHOWN(p, out_name), line),
                                             "Choose another name."));
    return false;
  }
  vyre_parser_advance(p);
  return vyre_parser_ok(p);
}

static bool is_same(const vyre_parser_t *p, const vyre_token_t *a, const vyre_token_t *b) {
  return a->length == b->length && memcmp(vyre_parser_text(p, a), vyre_parser_text(p, b), a->length) == 0;
}

static bool take_argument(vyre_parser_t *p, arguments_t *arguments, const char *fix) {
  if (arguments->count == VYRE_LIMIT_ARGUMENTS) {
    vyre_parser_fail(
        p, vyre_status_with_fix(
               vyre_parser_error(p, VYRE_E_LIMIT, p->token.position, "more than %d arguments", VYRE_LIMIT_ARGUMENTS),
               "Split the function, or pass what is the same in all calls as a `param`."));
    return false;
  }
  vyre_token_t *name = &arguments->names[arguments->count];
  if (!vyre_parser_new_name(p, name, "the argument's name")) return false;
  for (uint32_t i = 0; i < arguments->count; i++)
    if (is_same(p, &arguments->names[i], name)) {
      vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_NAME, name->position,
                                                                 "'%.*s' stands here twice", VYRE_TOKEN_SHOWN(p, name)),
                                               "Choose another name."));
      return false;
    }
  return vyre_parser_expect(p, VYRE_TOKEN_COLON, "after the argument's name", fix) &&
         vyre_parser_type(p, &arguments->types[arguments->count++]);
}

static bool take_arguments(vyre_parser_t *p, arguments_t *arguments) {
  static const char fix[] = "Write `function f(a : u64, b : u64) : u64 { ... }`.";
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after the function's name", fix)) return false;
  while (vyre_parser_ok(p) && !vyre_parser_at(p, VYRE_TOKEN_RIGHT_PAREN)) {
    if (arguments->count > 0 && !vyre_parser_expect(p, VYRE_TOKEN_COMMA, "before the next argument", fix)) return false;
    if (!take_argument(p, arguments, fix)) return false;
  }
  return vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the arguments", fix);
}

static void parse_function(vyre_parser_t *p) {
  arguments_t arguments = {.count = 0};
  vyre_token_t name;
  vyre_type_t type = VYRE_TYPE_VOID;
  vyre_parser_mark_section(p);
  vyre_parser_advance(p);
  if (!vyre_parser_ok(p) || !take_function_name(p, &name) || !take_arguments(p, &arguments)) return;
  if (vyre_parser_at(p, VYRE_TOKEN_COLON)) {
    vyre_parser_advance(p);
    if (!vyre_parser_type(p, &type)) return;
  }
  if (vyre_parser_at(p, VYRE_TOKEN_MINUS)) {
    vyre_parser_fail(p,
                     vyre_status_with_fix(vyre_parser_unexpected(p, "':' or '{' after the arguments"),
                                          "Write the type of the value behind a colon: `function f() : u64 { ... }`."));
    return;
  }
  vyre_name_text_t copies[VYRE_LIMIT_ARGUMENTS];
  const char *texts[VYRE_LIMIT_ARGUMENTS];
  vyre_var_id_t vars[VYRE_LIMIT_ARGUMENTS] = {0};
  for (uint32_t i = 0; i < arguments.count; i++) {
    copies[i] = vyre_parser_copy_name(p, &arguments.names[i]);
    texts[i] = copies[i].text;
  }
  p->builder.position = name.position;
  vyre_build_function(&p->builder, vyre_parser_copy_name(p, &name).text, type, texts, arguments.types, arguments.count,
                      vars);
  uint32_t outer = vyre_names_mark(&p->scope);
  for (uint32_t i = 0; i < arguments.count; i++) vyre_parser_declare(p, &arguments.names[i], false, vars[i]);
  p->place = VYRE_TEXT_FUNCTION;
  vyre_parser_block(p);
  vyre_build_end(&p->builder);
  p->place = VYRE_TEXT_BODY;
  vyre_names_leave(&p->scope, outer);
}

static void resolve_combines(vyre_parser_t *p) {
  vyre_program_t *program = p->builder.program;
  for (uint32_t i = 0; vyre_parser_ok(p) && i < program->param_count; i++) {
    if (program->params[i].reducer != VYRE_REDUCER_COMBINE) continue;
    vyre_function_id_t function = vyre_parser_user_function(p, &p->combines[i]);
    if (function == VYRE_FUNCTION_NONE)
      vyre_parser_fail_no_function(p, &p->combines[i]);
    else
      program->params[i].function = function;
  }
}

void vyre_parser_functions(vyre_parser_t *p) {
  for (vyre_parser_skip_semicolons(p); vyre_parser_ok(p) && vyre_parser_at(p, VYRE_TOKEN_FUNCTION);
       vyre_parser_skip_semicolons(p))
    parse_function(p);
  if (vyre_parser_ok(p)) resolve_combines(p);
}

bool vyre_parser_at_finish(const vyre_parser_t *p) {
  return vyre_parser_at(p, VYRE_TOKEN_NAME) && vyre_parser_token_is(p, &p->token, "finish") &&
         vyre_parser_peek(p, 1).kind == VYRE_TOKEN_LEFT_BRACE;
}

void vyre_parser_finish(vyre_parser_t *p) {
  vyre_parser_mark_section(p);
  vyre_parser_advance(p);
  p->place = VYRE_TEXT_FINISH;
  vyre_names_leave(&p->scope, p->param_names);
  vyre_build_finish(&p->builder);
  vyre_parser_block(p);
  vyre_build_end(&p->builder);
  vyre_parser_skip_semicolons(p);
  if (vyre_parser_ok(p) && !vyre_parser_at(p, VYRE_TOKEN_END))
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "the end of the text after finish"),
                                             "Move finish behind all other statements."));
}
