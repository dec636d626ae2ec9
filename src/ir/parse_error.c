/* Messages of the parser: what was expected and found, the line of the source. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ir/parser.h"

enum { LINE_SHOWN_BYTES = 160 };

vyre_status_t vyre_parser_error(vyre_parser_t *p, vyre_code_t code, vyre_position_t position, const char *format, ...) {
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  va_list arguments;
  va_start(arguments, format);
  vyre_strbuf_vprintf(&text, format, arguments);
  va_end(arguments);
  char *detail = vyre_strbuf_take(&text);
  vyre_status_t status = detail ? vyre_status_make(code, "%s", detail) : vyre_out_of_memory(0);
  vyre_free(detail);
  const vyre_program_t *program = p->builder.program;
  const char *source = *p->source_name                              ? p->source_name
                       : program && program->name && *program->name ? program->name
                                                                    : "program";
  return vyre_status_at(status, "%s:%u:%u", source, vyre_position_line(position), vyre_position_column(position));
}

void vyre_parser_fail(vyre_parser_t *p, vyre_status_t status) {
  vyre_builder_fail(&p->builder, status);
  p->token.kind = VYRE_TOKEN_END;
  p->token.length = 0;
}

vyre_status_t vyre_parser_unexpected(vyre_parser_t *p, const char *what) {
  if (vyre_parser_at(p, VYRE_TOKEN_END))
    return vyre_parser_error(p, VYRE_E_SYNTAX, p->token.position, "expected %s, found the end of the text", what);
  return vyre_parser_error(p, VYRE_E_SYNTAX, p->token.position, "expected %s, found '%.*s'", what,
                           VYRE_TOKEN_SHOWN(p, &p->token));
}

bool vyre_parser_expect(vyre_parser_t *p, vyre_token_kind_t kind, const char *after, const char *fix) {
  if (!vyre_parser_ok(p)) return false;
  if (vyre_parser_at(p, kind)) {
    vyre_parser_advance(p);
    return vyre_parser_ok(p);
  }
  char what[96];
  snprintf(what, sizeof what, "'%s' %s", vyre_token_text(kind), after);
  vyre_status_t status = vyre_parser_unexpected(p, what);
  if (fix)
    status = vyre_status_with_fix(status, "%s", fix);
  else
    status = vyre_status_with_fix(status, "Write '%s' there.", vyre_token_text(kind));
  vyre_parser_fail(p, status);
  return false;
}

static const char *with_article(vyre_role_t role) {
  static const char *const texts[VYRE_ROLE_COUNT] = {"a stream",         "an output",        "a parameter",
                                                     "a constant",       "a piece of state", "a window",
                                                     "workgroup memory", "private memory"};
  return texts[role];
}

void vyre_parser_fail_no_value(vyre_parser_t *p, const vyre_token_t *name, vyre_param_id_t id) {
  const vyre_param_t *param = &p->builder.program->params[id];
  bool is_output = param->role == VYRE_ROLE_OUTPUT, is_finish = p->place == VYRE_TEXT_FINISH;
  if (is_output && !is_finish) {
    vyre_parser_fail(
        p, vyre_status_with_fix(
               vyre_parser_error(p, VYRE_E_TYPE, name->position, "'%s' is an output and cannot be read", param->name),
               "Keep the value in a variable declared with `var` and add it to the output."));
    return;
  }
  vyre_status_t status = vyre_parser_error(p, VYRE_E_TYPE, name->position, "'%s' is %s, not a value", param->name,
                                           is_output ? "an array" : with_article((vyre_role_t)param->role));
  vyre_parser_fail(p, vyre_status_with_fix(status, "Index it: %s[i], or take len(%s).", param->name, param->name));
}

void vyre_parser_fail_no_target(vyre_parser_t *p, const vyre_token_t *name, vyre_param_id_t id) {
  const vyre_param_t *param = &p->builder.program->params[id];
  const char *what = with_article((vyre_role_t)param->role);
  bool is_scalar = param->role == VYRE_ROLE_SCALAR, is_read = !(param->access & VYRE_ACCESS_WRITE);
  vyre_status_t status = vyre_parser_error(p, VYRE_E_TYPE, name->position, "'%s' is %s%s", param->name, what,
                                           is_scalar ? " and cannot be assigned"
                                           : is_read ? " and is read only"
                                                     : ": an index is needed");
  if (is_scalar)
    status = vyre_status_with_fix(status, "Copy it into a variable declared with `var`, and assign that.");
  else if (param->role == VYRE_ROLE_WINDOW && is_read)
    status = vyre_status_with_fix(status, "Declare it as `window %s : %s read_write`.", param->name,
                                  vyre_type_text(param->type));
  else if (is_read)
    status = vyre_status_with_fix(status, "Add to an `output` parameter, or keep the value in a variable.");
  else
    status = vyre_status_with_fix(status, "Write %s[index] = value.", param->name);
  vyre_parser_fail(p, status);
}

/* The numbers of "file:line:column"; false where they are not there, or saturated and so not exact. */
static bool read_where(const char *where, uint32_t *out_line, uint32_t *out_column) {
  const char *last = strrchr(where, ':');
  if (!last || last == where) return false;
  const char *first = last - 1;
  while (first > where && *first != ':') first--;
  if (*first != ':') return false;
  unsigned long line = strtoul(first + 1, NULL, 10), column = strtoul(last + 1, NULL, 10);
  *out_line = (uint32_t)line;
  *out_column = (uint32_t)column;
  return line >= 1 && line < 0xFFFFF && column >= 1 && column < 0xFFF;
}

/* A line of hostile bytes becomes one that a terminal and a C string can hold. */
static void make_printable(char *line, size_t length) {
  for (size_t i = 0; i < length;) {
    size_t bytes = vyre_utf8_length(line + i, length - i);
    bool is_control = ((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7F;
    if (bytes == 0 || is_control) line[i] = '?';
    i += bytes ? bytes : 1;
  }
}

vyre_status_t vyre_parser_with_source(const vyre_parser_t *p, vyre_status_t status) {
  uint32_t line = 0, column = 0;
  if (!read_where(vyre_status_where(status), &line, &column)) return status;
  const char *text = p->lexer.text, *end = text + p->lexer.length;
  for (uint32_t i = 1; i < line; i++) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    if (!newline) return status;
    text = newline + 1;
  }
  const char *newline = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;
  size_t length = (size_t)((newline ? newline : end) - text);
  if (length > 0 && text[length - 1] == '\r') length--;
  if (column > LINE_SHOWN_BYTES / 2 && length > LINE_SHOWN_BYTES) {
    size_t cut = column - LINE_SHOWN_BYTES / 2;
    if (cut > length) cut = length;
    text += cut;
    length -= cut;
    column -= (uint32_t)cut;
  }
  if (length > LINE_SHOWN_BYTES) length = LINE_SHOWN_BYTES;
  char shown[LINE_SHOWN_BYTES];
  memcpy(shown, text, length);
  make_printable(shown, length);
  return vyre_status_with_source(status, shown, length, column);
}
