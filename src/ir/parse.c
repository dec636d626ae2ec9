/* The parser as a whole: its tokens, its names, the order of a text. */
#include <string.h>

#include "base/memory.h"
#include "ir/parser.h"
#include "ir/text.h"

void vyre_parser_init(vyre_parser_t *p, const char *text, size_t length, const char *source_name) {
  bool is_over = length > VYRE_LIMIT_SOURCE_BYTES;
  memset(p, 0, sizeof *p);
  p->source_name = source_name ? source_name : "";
  p->term_count = 1;
  vyre_lexer_init(&p->lexer, text ? text : "", is_over || !text ? 0 : (uint32_t)length);
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

vyre_token_t vyre_parser_peek(const vyre_parser_t *p, unsigned count) {
  vyre_lexer_t ahead = p->lexer;
  vyre_token_t token = {.kind = VYRE_TOKEN_END};
  for (; count > 0 && vyre_parser_ok(p); count--) vyre_lexer_next(&ahead, &token);
  vyre_lexer_deinit(&ahead); /* an error is met again when the token is taken */
  return token;
}

bool vyre_parser_names_statement(const vyre_parser_t *p) {
  vyre_token_t next = vyre_parser_peek(p, 1);
  switch (next.kind) {
    case VYRE_TOKEN_ASSIGN:
    case VYRE_TOKEN_LEFT_BRACKET:
    case VYRE_TOKEN_LEFT_PAREN:
    case VYRE_TOKEN_DOT: return true;
    case VYRE_TOKEN_NAME:
      if (!vyre_parser_token_is(p, &next, "min") && !vyre_parser_token_is(p, &next, "max")) return false;
      return vyre_parser_peek(p, 2).kind == VYRE_TOKEN_ASSIGN;
    default: return vyre_token_compound(next.kind) != VYRE_EXPR_NONE;
  }
}

/* A statement that begins a section is marked by both. */
static void add_mark(vyre_parser_t *p, uint32_t mark) {
  if (!p->keeps_marks || !vyre_parser_ok(p)) return;
  if (p->mark_count > 0 && (p->marks[p->mark_count - 1] & ~VYRE_MARK_SECTION) == p->token.offset) return;
  if (!vyre_array_reserve((void **)&p->marks, &p->mark_capacity, p->mark_count + 1, sizeof *p->marks)) {
    vyre_parser_fail(p, vyre_out_of_memory(sizeof *p->marks));
    return;
  }
  p->marks[p->mark_count++] = mark;
}

void vyre_parser_mark(vyre_parser_t *p) { add_mark(p, p->token.offset); }
void vyre_parser_mark_section(vyre_parser_t *p) { add_mark(p, p->token.offset | VYRE_MARK_SECTION); }

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

void vyre_parser_skip_semicolons(vyre_parser_t *p) {
  while (vyre_parser_at(p, VYRE_TOKEN_SEMICOLON)) vyre_parser_advance(p);
}

void vyre_parser_run(vyre_parser_t *p) {
  vyre_parser_advance(p);
  vyre_parser_skip_semicolons(p);
  parse_program_line(p);
  vyre_parser_header(p);
  vyre_parser_functions(p);
  bool is_first = true;
  for (vyre_parser_skip_semicolons(p); vyre_parser_ok(p) && !vyre_parser_at(p, VYRE_TOKEN_END);
       vyre_parser_skip_semicolons(p)) {
    if (vyre_parser_at_finish(p)) {
      vyre_parser_finish(p);
      return;
    }
    if (is_first) vyre_parser_mark_section(p);
    is_first = false;
    vyre_parser_statement(p);
  }
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
