/* What `vyre fmt` prints: the tokens and comments of a text, laid out as the printer would. Works on tokens, so that
 * comments, literals and the writer's parentheses stay; the parser says where statements begin. */
#include <string.h>
#include <vyre/program.h>

#include "base/memory.h"
#include "ir/parser.h"
#include "ir/text.h"

typedef struct formatter {
  const char *text;
  vyre_strbuf_t out;
  const uint32_t *marks; /* offsets of the tokens that begin a declaration or statement */
  uint32_t mark_count, next_mark;
  uint32_t depth; /* of blocks */
  vyre_token_t previous;
  vyre_token_kind_t before; /* of the token before that */
  bool previous_is_mark;
  bool previous_is_unary;
  bool is_block_start; /* nothing stands on a line of its own since the '{' */
} formatter_t;

/* One comment of a gap, or its end. */
typedef struct piece {
  const char *text;
  size_t length;     /* bytes, without spaces at its end; 0 for the end of the gap */
  uint32_t newlines; /* since the piece before */
} piece_t;

/* Reads the next comment between two tokens. Spaces and semicolons go. */
static piece_t next_piece(const char **at, const char *end) {
  piece_t piece = {0};
  for (; *at < end && **at != '#' && **at != '/'; ++*at) piece.newlines += **at == '\n';
  if (*at == end) return piece;
  piece.text = *at;
  const char *newline = memchr(*at, '\n', (size_t)(end - *at));
  *at = newline ? newline : end;
  piece.length = (size_t)(*at - piece.text);
  while (strchr(" \t\r", piece.text[piece.length - 1])) piece.length--;
  return piece;
}

static bool is_operand_end(vyre_token_kind_t kind) {
  return kind == VYRE_TOKEN_NAME || kind == VYRE_TOKEN_INTEGER || kind == VYRE_TOKEN_FLOAT ||
         kind == VYRE_TOKEN_RIGHT_PAREN || kind == VYRE_TOKEN_RIGHT_BRACKET;
}

static bool is_unary(const formatter_t *f, const vyre_token_t *token) {
  if (token->kind == VYRE_TOKEN_TILDE || token->kind == VYRE_TOKEN_BANG) return true;
  return token->kind == VYRE_TOKEN_MINUS && !is_operand_end(f->previous.kind);
}

/* `o min= e`: the word behind a target, which no variable is. */
static bool is_min_max(const formatter_t *f) {
  const char *word = f->text + f->previous.offset;
  bool is_word = f->previous.kind == VYRE_TOKEN_NAME && f->previous.length == 3 &&
                 (memcmp(word, "min", 3) == 0 || memcmp(word, "max", 3) == 0);
  return is_word && !f->previous_is_mark && (f->before == VYRE_TOKEN_NAME || f->before == VYRE_TOKEN_RIGHT_BRACKET);
}

static bool wants_space(const formatter_t *f, const vyre_token_t *token) {
  vyre_token_kind_t before = f->previous.kind;
  switch (token->kind) {
    case VYRE_TOKEN_ASSIGN: return !is_min_max(f);
    case VYRE_TOKEN_RIGHT_PAREN:
    case VYRE_TOKEN_RIGHT_BRACKET:
    case VYRE_TOKEN_LEFT_BRACKET:
    case VYRE_TOKEN_COMMA:
    case VYRE_TOKEN_DOT: return false;
    case VYRE_TOKEN_LEFT_PAREN:
      if (before == VYRE_TOKEN_NAME || before == VYRE_TOKEN_TYPE) return false;
      break;
    case VYRE_TOKEN_RIGHT_BRACE: return before != VYRE_TOKEN_LEFT_BRACE;
    default: break;
  }
  return !(before == VYRE_TOKEN_LEFT_PAREN || before == VYRE_TOKEN_LEFT_BRACKET || before == VYRE_TOKEN_DOT ||
           f->previous_is_unary);
}

/* Whether a line break of the writer's is kept inside a statement: after an infix operator, '=', ',', '..' or an
 * opening parenthesis, and before an infix operator. */
static bool keeps_break(const formatter_t *f, const vyre_token_t *token) {
  vyre_token_kind_t before = f->previous.kind;
  bool is_before = vyre_token_binary(token->kind) != VYRE_EXPR_NONE && !is_unary(f, token);
  bool is_after = (vyre_token_binary(before) != VYRE_EXPR_NONE && !f->previous_is_unary) ||
                  vyre_token_compound(before) != VYRE_EXPR_NONE || before == VYRE_TOKEN_ASSIGN ||
                  before == VYRE_TOKEN_COMMA || before == VYRE_TOKEN_DOT_DOT || before == VYRE_TOKEN_LEFT_PAREN;
  return is_before || (is_after && token->kind != VYRE_TOKEN_RIGHT_PAREN);
}

static void break_line(formatter_t *f, bool has_blank, uint32_t levels) {
  vyre_strbuf_append(&f->out, has_blank && !f->is_block_start ? "\n\n" : "\n");
  f->is_block_start = false;
  for (uint32_t i = 0; i < levels; i++) vyre_strbuf_append(&f->out, "  ");
}

/* Functions, the body and finish are set off; true when the writer did not do it anywhere in the gap. */
static bool needs_blank(const formatter_t *f, const char *at, const char *end, bool is_section) {
  if (!is_section) return false;
  for (;;) {
    piece_t piece = next_piece(&at, end);
    if (piece.newlines > 1) return false;
    if (piece.length == 0) return f->out.length > 0;
  }
}

/* Everything between the token before and this one: comments, line breaks, indentation, a space. */
static void put_gap(formatter_t *f, const vyre_token_t *token, bool is_mark, bool is_section) {
  const char *at = f->text + f->previous.offset + f->previous.length, *end = f->text + token->offset;
  bool is_closing = token->kind == VYRE_TOKEN_RIGHT_BRACE, is_end = token->kind == VYRE_TOKEN_END;
  bool is_line = is_mark || is_end || (is_closing && f->previous.kind != VYRE_TOKEN_LEFT_BRACE);
  bool is_inside = !is_line && !is_closing && token->kind != VYRE_TOKEN_ELSE; /* a statement goes on */
  bool needs = needs_blank(f, at, end, is_section);
  bool has_comment = false;
  piece_t piece = next_piece(&at, end);
  for (; piece.length > 0; piece = next_piece(&at, end)) {
    if (f->out.length == 0) {
      f->is_block_start = false; /* the first line of the text */
    } else if (piece.newlines == 0) {
      vyre_strbuf_append(&f->out, " ");
    } else {
      break_line(f, piece.newlines > 1 || needs, is_inside ? f->depth + 2 : f->depth);
      needs = false;
    }
    vyre_strbuf_append_bytes(&f->out, piece.text, piece.length);
    has_comment = true;
  }
  bool is_break = is_line || has_comment || (is_inside && piece.newlines > 0 && keeps_break(f, token));
  if (f->out.length == 0 || is_end) return;
  if (is_break)
    break_line(f, !is_closing && !is_inside && (piece.newlines > 1 || needs),
               is_closing  ? f->depth - 1
               : is_inside ? f->depth + 2
                           : f->depth);
  else if (wants_space(f, token))
    vyre_strbuf_append(&f->out, " ");
}

static void put_token(formatter_t *f, const vyre_token_t *token) {
  uint32_t mark = f->next_mark < f->mark_count ? f->marks[f->next_mark] : 0;
  bool is_mark = f->next_mark < f->mark_count && (mark & ~VYRE_MARK_SECTION) == token->offset;
  bool is_prefix = is_unary(f, token);
  put_gap(f, token, is_mark, is_mark && (mark & VYRE_MARK_SECTION));
  if (is_mark) f->next_mark++;
  vyre_strbuf_append_bytes(&f->out, f->text + token->offset, token->length);
  if (token->kind == VYRE_TOKEN_LEFT_BRACE) f->depth++;
  if (token->kind == VYRE_TOKEN_RIGHT_BRACE) f->depth--;
  f->is_block_start = token->kind == VYRE_TOKEN_LEFT_BRACE;
  f->before = f->previous.kind;
  f->previous = *token;
  f->previous_is_mark = is_mark;
  f->previous_is_unary = is_prefix;
}

static vyre_status_t format_tokens(const vyre_parser_t *parser, char **out_text) {
  formatter_t f = {.text = parser->lexer.text, .marks = parser->marks, .mark_count = parser->mark_count};
  vyre_lexer_t lexer;
  vyre_token_t token;
  vyre_strbuf_init(&f.out);
  vyre_lexer_init(&lexer, parser->lexer.text, parser->lexer.length);
  for (vyre_lexer_next(&lexer, &token); token.kind != VYRE_TOKEN_END; vyre_lexer_next(&lexer, &token))
    if (token.kind != VYRE_TOKEN_SEMICOLON) put_token(&f, &token);
  put_gap(&f, &token, false, false);
  vyre_strbuf_append(&f.out, "\n");
  vyre_lexer_deinit(&lexer);
  size_t length = f.out.length;
  char *text = vyre_strbuf_take(&f.out);
  if (!text) return vyre_out_of_memory(length);
  *out_text = text;
  return NULL;
}

vyre_status_t vyre_text_format(const char *text, size_t length, const char *source_name, char **out_text) {
  vyre_parser_t parser;
  vyre_program_t *program = NULL;
  vyre_parser_init(&parser, text, length, source_name);
  parser.allow_privileged = true;
  parser.keeps_marks = true;
  vyre_parser_run(&parser);
  vyre_status_t status = vyre_parser_with_source(&parser, vyre_builder_finish(&parser.builder, &program));
  if (!status) status = format_tokens(&parser, out_text);
  vyre_program_destroy(&program);
  vyre_parser_deinit(&parser);
  return status;
}
