/* The parser as a whole: its tokens, its names, the header of a text. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ir/parser.h"
#include "ir/text.h"

void vyre_parser_init(vyre_parser_t *p, const char *text, size_t length, const char *source_name) {
  bool is_over = length > VYRE_LIMIT_SOURCE_BYTES;
  memset(p, 0, sizeof *p);
  p->source_name = source_name ? source_name : "";
  p->term_count = 1;
  vyre_lexer_init(&p->lexer, text, is_over ? 0 : (uint32_t)length);
  vyre_names_init(&p->scope);
  vyre_builder_init(&p->builder, "", p->source_name, false); /* the name comes with the first line */
  if (is_over)
    vyre_parser_fail(p, vyre_status_with_fix(
                            vyre_parser_error(p, VYRE_E_LIMIT, vyre_position_make(1, 1), "a text of %zu bytes", length),
                            "Shorten the text to at most %d bytes.", VYRE_LIMIT_SOURCE_BYTES));
}

void vyre_parser_deinit(vyre_parser_t *p) {
  vyre_lexer_deinit(&p->lexer);
  vyre_names_deinit(&p->scope);
  vyre_builder_deinit(&p->builder);
  vyre_free(p->terms);
  vyre_free(p->marks);
}

void vyre_parser_advance(vyre_parser_t *p) {
  if (!vyre_parser_ok(p)) { /* the builder's error leaves the token; loops over tokens must end */
    p->token.kind = VYRE_TOKEN_END;
    p->token.length = 0;
    return;
  }
  vyre_lexer_next(&p->lexer, &p->token);
  if (!p->lexer.status) return;
  vyre_status_t status = p->lexer.status;
  p->lexer.status = NULL;
  vyre_position_t position = p->lexer.error_position;
  vyre_parser_fail(p, vyre_status_at(status, "%s:%u:%u", *p->source_name ? p->source_name : "program",
                                     vyre_position_line(position), vyre_position_column(position)));
}

void vyre_parser_mark(vyre_parser_t *p) {
  if (!p->keeps_marks || !vyre_parser_ok(p)) return;
  if (!vyre_array_reserve((void **)&p->marks, &p->mark_capacity, p->mark_count + 1, sizeof *p->marks)) {
    vyre_parser_fail(p, vyre_out_of_memory(sizeof *p->marks));
    return;
  }
  p->marks[p->mark_count++] = p->token.offset;
}

bool vyre_parser_new_name(vyre_parser_t *p, vyre_token_t *out_name, const char *what) {
  if (!vyre_parser_ok(p)) return false;
  *out_name = p->token;
  if (!vyre_parser_at(p, VYRE_TOKEN_NAME)) {
    bool is_word =
        p->token.length > 0 && vyre_parser_text(p, &p->token)[0] >= 'a' && vyre_parser_text(p, &p->token)[0] <= 'z';
    vyre_status_t status = vyre_parser_unexpected(p, what);
    if (is_word)
      status = vyre_status_with_fix(status, "Choose another name; '%.*s' is a word of the language.",
                                    VYRE_TOKEN_SHOWN(p, &p->token));
    else
      status = vyre_status_with_fix(status, "Write a name there: letters, digits and _, not a digit first.");
    vyre_parser_fail(p, status);
    return false;
  }
  const vyre_name_t *known = vyre_names_find(&p->scope, vyre_parser_text(p, out_name), out_name->length);
  if (known) {
    const vyre_program_t *program = p->builder.program;
    vyre_position_t first = known->is_param ? program->params[known->id].position : program->vars[known->id].position;
    vyre_parser_fail(p,
                     vyre_status_with_fix(
                         vyre_parser_error(p, VYRE_E_NAME, out_name->position, "'%.*s' is declared on line %u already",
                                           VYRE_TOKEN_SHOWN(p, out_name), vyre_position_line(first)),
                         "Choose another name; a name that can be seen is not declared again."));
    return false;
  }
  vyre_parser_advance(p);
  return vyre_parser_ok(p);
}

void vyre_parser_declare(vyre_parser_t *p, const vyre_token_t *name, bool is_param, uint32_t id) {
  if (vyre_parser_ok(p) && !vyre_names_declare(&p->scope, vyre_parser_text(p, name), name->length, is_param, id))
    vyre_parser_fail(p, vyre_out_of_memory(sizeof(vyre_name_t)));
}

vyre_name_text_t vyre_parser_copy_name(const vyre_parser_t *p, const vyre_token_t *name) {
  vyre_name_text_t copy = {{0}};
  memcpy(copy.text, vyre_parser_text(p, name), name->length);
  return copy;
}

bool vyre_parser_token_is(const vyre_parser_t *p, const vyre_token_t *token, const char *word) {
  return token->length == strlen(word) && memcmp(vyre_parser_text(p, token), word, token->length) == 0;
}

/* Header */

static void parse_program_line(vyre_parser_t *p) {
  if (!vyre_parser_at(p, VYRE_TOKEN_PROGRAM)) {
    if (vyre_parser_ok(p))
      vyre_parser_fail(
          p, vyre_status_with_fix(vyre_parser_unexpected(p, "'program'"), "Begin the text with `program NAME`."));
    return;
  }
  vyre_parser_mark(p);
  vyre_parser_advance(p);
  bool is_word = vyre_parser_at(p, VYRE_TOKEN_NAME) || vyre_parser_at(p, VYRE_TOKEN_TYPE) ||
                 (p->token.kind >= VYRE_TOKEN_PROGRAM && p->token.kind <= VYRE_TOKEN_FALSE);
  if (!is_word) {
    if (vyre_parser_ok(p))
      vyre_parser_fail(p,
                       vyre_status_with_fix(vyre_parser_unexpected(p, "the Program's name"), "Write `program NAME`."));
    return;
  }
  char *name = vyre_strndup(vyre_parser_text(p, &p->token), p->token.length);
  if (!name) {
    vyre_parser_fail(p, vyre_out_of_memory(p->token.length));
    return;
  }
  vyre_free(p->builder.program->name);
  p->builder.program->name = name;
  vyre_parser_advance(p);
}

bool vyre_parser_type(vyre_parser_t *p, vyre_type_t *out_type) {
  if (!vyre_parser_ok(p)) return false;
  if (!vyre_parser_at(p, VYRE_TOKEN_TYPE)) {
    vyre_parser_fail_type(p);
    return false;
  }
  *out_type = p->token.type;
  vyre_parser_advance(p);
  return vyre_parser_ok(p);
}

static bool take_colon(vyre_parser_t *p, const char *keyword, const vyre_token_t *name, const char *rest) {
  char fix[160];
  snprintf(fix, sizeof fix, "Write `%s %.*s : %s`.", keyword, VYRE_TOKEN_SHOWN(p, name), rest);
  return vyre_parser_expect(p, VYRE_TOKEN_COLON, "after the name", fix);
}

static void parse_stream(vyre_parser_t *p) {
  vyre_token_t name;
  vyre_type_t type = VYRE_TYPE_VOID;
  vyre_parser_mark(p);
  vyre_parser_advance(p);
  if (!vyre_parser_new_name(p, &name, "the stream's name") || !take_colon(p, "stream", &name, "u8") ||
      !vyre_parser_type(p, &type))
    return;
  p->builder.position = name.position;
  vyre_parser_declare(p, &name, true, vyre_build_stream(&p->builder, vyre_parser_copy_name(p, &name).text, type));
}

/* '[' N ']' */
static bool take_count(vyre_parser_t *p, uint32_t *out_count) {
  vyre_parser_advance(p);
  bool is_count = vyre_parser_at(p, VYRE_TOKEN_INTEGER) && p->token.type == VYRE_TYPE_VOID;
  if (!is_count || p->token.value == 0 || p->token.value > VYRE_LIMIT_OUTPUT_BYTES) {
    if (!vyre_parser_ok(p)) return false;
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "the number of elements"),
                                             "Write a number from 1 to %d; outputs together hold at most %d bytes.",
                                             VYRE_LIMIT_OUTPUT_BYTES, VYRE_LIMIT_OUTPUT_BYTES));
    return false;
  }
  *out_count = (uint32_t)p->token.value;
  vyre_parser_advance(p);
  return vyre_parser_expect(p, VYRE_TOKEN_RIGHT_BRACKET, "after the number of elements", NULL);
}

static void parse_output(vyre_parser_t *p) {
  vyre_token_t name;
  vyre_type_t type = VYRE_TYPE_VOID;
  uint32_t count = 0;
  vyre_parser_mark(p);
  vyre_parser_advance(p);
  if (!vyre_parser_new_name(p, &name, "the output's name") || !take_colon(p, "output", &name, "u64 sum") ||
      !vyre_parser_type(p, &type))
    return;
  if (vyre_parser_at(p, VYRE_TOKEN_LEFT_BRACKET) && !take_count(p, &count)) return;
  if (!vyre_parser_at(p, VYRE_TOKEN_NAME) || !vyre_parser_token_is(p, &p->token, "sum")) {
    if (vyre_parser_ok(p))
      vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "'sum' after the type"),
                                               "Write `sum` after the type: what the calls add is summed."));
    return;
  }
  vyre_parser_advance(p);
  p->builder.position = name.position;
  vyre_parser_declare(
      p, &name, true,
      vyre_build_output(&p->builder, vyre_parser_copy_name(p, &name).text, type, count, VYRE_REDUCER_SUM));
}

void vyre_parser_skip_semicolons(vyre_parser_t *p) {
  while (vyre_parser_at(p, VYRE_TOKEN_SEMICOLON)) vyre_parser_advance(p);
}

void vyre_parser_run(vyre_parser_t *p) {
  vyre_parser_advance(p);
  vyre_parser_skip_semicolons(p);
  parse_program_line(p);
  for (vyre_parser_skip_semicolons(p); vyre_parser_ok(p); vyre_parser_skip_semicolons(p)) {
    if (vyre_parser_at(p, VYRE_TOKEN_STREAM))
      parse_stream(p);
    else if (vyre_parser_at(p, VYRE_TOKEN_OUTPUT))
      parse_output(p);
    else
      break;
  }
  p->header_count = p->mark_count;
  for (vyre_parser_skip_semicolons(p); vyre_parser_ok(p) && !vyre_parser_at(p, VYRE_TOKEN_END);
       vyre_parser_skip_semicolons(p))
    vyre_parser_statement(p);
}

vyre_status_t vyre_text_parse(const char *text, size_t length, const char *source_name, bool allow_privileged,
                              vyre_program_t **out_program) {
  vyre_parser_t parser;
  vyre_parser_init(&parser, text, length, source_name);
  parser.allow_privileged = allow_privileged;
  vyre_parser_run(&parser);
  vyre_status_t status = vyre_builder_finish(&parser.builder, out_program);
  status = vyre_parser_with_source(&parser, status);
  vyre_parser_deinit(&parser);
  return status;
}
