/* The text form as tokens. Lexical rules: docs/formats/text.md.
 *
 * Owns:   the pending error until vyre_lexer_deinit or the caller takes it; lends the text.
 * Errors: sticky: after the first the tokens are END, and `status` holds the error (without its place, which is
 *         `error_position`).
 * Limits: names VYRE_LIMIT_NAME_BYTES. Any bytes are safe input. */
#ifndef VYRE_IR_LEXER_H
#define VYRE_IR_LEXER_H

#include "ir/program.h"

typedef enum vyre_token_kind {
  VYRE_TOKEN_END,
  VYRE_TOKEN_NAME,
  VYRE_TOKEN_INTEGER, /* character literals too */
  VYRE_TOKEN_FLOAT,   /* with a fraction, an exponent, or a float type as suffix */
  VYRE_TOKEN_TYPE,
#define VYRE_KEYWORD(name, text) VYRE_TOKEN_##name,
#define VYRE_BINARY(name, text, op, level) VYRE_TOKEN_##name,
#define VYRE_COMPOUND(name, text, op) VYRE_TOKEN_##name,
#define VYRE_PUNCT(name, text) VYRE_TOKEN_##name,
#include "ir/token.def"
#undef VYRE_KEYWORD
#undef VYRE_BINARY
#undef VYRE_COMPOUND
#undef VYRE_PUNCT
  VYRE_TOKEN_COUNT
} vyre_token_kind_t;

typedef struct vyre_token {
  vyre_token_kind_t kind;
  vyre_type_t type; /* TYPE: which; INTEGER, FLOAT: of its suffix, VOID without one */
  uint32_t offset;  /* in the text, bytes */
  uint32_t length;  /* bytes */
  vyre_position_t position;
  uint64_t value; /* INTEGER */
} vyre_token_t;

typedef struct vyre_lexer {
  const char *text;
  uint32_t length;     /* bytes, at most VYRE_LIMIT_SOURCE_BYTES */
  uint32_t offset;     /* of the next byte */
  uint32_t line;       /* of the next byte, from 1 */
  uint32_t line_start; /* offset */
  vyre_status_t status;
  vyre_position_t error_position;
} vyre_lexer_t;

void vyre_lexer_init(vyre_lexer_t *lexer, const char *text, uint32_t length);
void vyre_lexer_deinit(vyre_lexer_t *lexer);
void vyre_lexer_next(vyre_lexer_t *lexer, vyre_token_t *out_token);

/* How the kind is written; "" for END, NAME, INTEGER, FLOAT and TYPE. */
const char *vyre_token_text(vyre_token_kind_t kind);
/* The kind of a word: a keyword, TYPE (with its type), or NAME. */
vyre_token_kind_t vyre_token_of_word(const char *word, size_t length, vyre_type_t *out_type);
/* The node of an infix or compound operator, VYRE_EXPR_NONE for other kinds. */
vyre_expr_op_t vyre_token_binary(vyre_token_kind_t kind);
vyre_expr_op_t vyre_token_compound(vyre_token_kind_t kind);

/* How tightly a node's text binds: 1..9 for infix operators, then unary, then everything that needs no parentheses. */
enum { VYRE_PRECEDENCE_COMPARE = 3, VYRE_PRECEDENCE_UNARY = 10, VYRE_PRECEDENCE_PRIMARY = 11 };
unsigned vyre_expr_precedence(vyre_expr_op_t op);

/* Whether a word is a function of the language, or a statement that is written like one: no Program gives its functions
 * such names. */
bool vyre_word_is_function(const char *word, size_t length);

/* lexer_literal.c: what begins with a digit, with a quote. */
void vyre_lexer_number(vyre_lexer_t *lexer, vyre_token_t *token);
void vyre_lexer_character(vyre_lexer_t *lexer, vyre_token_t *token);
/* Keeps the first error, of the byte at `offset`; takes `status`. */
void vyre_lexer_fail(vyre_lexer_t *lexer, uint32_t offset, vyre_status_t status);
static inline char vyre_lexer_byte(const vyre_lexer_t *lexer, uint32_t offset) {
  return offset < lexer->length ? lexer->text[offset] : '\0';
}
static inline bool vyre_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool vyre_is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/* Length of the valid UTF-8 sequence at `text`, 0 when there is none. */
size_t vyre_utf8_length(const char *text, size_t left);

#endif
