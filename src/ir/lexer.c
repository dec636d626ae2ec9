#include "ir/lexer.h"

#include <string.h>

static const struct token_info {
  const char *text;
  uint8_t length;
  uint8_t binary, compound; /* vyre_expr_op_t */
} tokens[VYRE_TOKEN_COUNT] = {
    {"", 0, 0, 0}, /* END, NAME, INTEGER, FLOAT, TYPE */
    {"", 0, 0, 0}, {"", 0, 0, 0}, {"", 0, 0, 0}, {"", 0, 0, 0},
#define VYRE_KEYWORD(name, text) {text, sizeof text - 1, 0, 0},
#define VYRE_BINARY(name, text, op, level) {text, sizeof text - 1, VYRE_EXPR_##op, 0},
#define VYRE_COMPOUND(name, text, op) {text, sizeof text - 1, 0, VYRE_EXPR_##op},
#define VYRE_PUNCT(name, text) {text, sizeof text - 1, 0, 0},
#include "ir/token.def"
#undef VYRE_KEYWORD
#undef VYRE_BINARY
#undef VYRE_COMPOUND
#undef VYRE_PUNCT
};

static const uint8_t levels[VYRE_EXPR_COUNT] = {
    [VYRE_EXPR_NEG] = VYRE_PRECEDENCE_UNARY,
    [VYRE_EXPR_NOT] = VYRE_PRECEDENCE_UNARY,
    [VYRE_EXPR_LOGICAL_NOT] = VYRE_PRECEDENCE_UNARY,
#define VYRE_KEYWORD(name, text)
#define VYRE_BINARY(name, text, op, level) [VYRE_EXPR_##op] = level,
#define VYRE_COMPOUND(name, text, op)
#define VYRE_PUNCT(name, text)
#include "ir/token.def"
#undef VYRE_KEYWORD
#undef VYRE_BINARY
#undef VYRE_COMPOUND
#undef VYRE_PUNCT
};

const char *vyre_token_text(vyre_token_kind_t kind) { return tokens[kind].text; }
vyre_expr_op_t vyre_token_binary(vyre_token_kind_t kind) { return (vyre_expr_op_t)tokens[kind].binary; }
vyre_expr_op_t vyre_token_compound(vyre_token_kind_t kind) { return (vyre_expr_op_t)tokens[kind].compound; }
unsigned vyre_expr_precedence(vyre_expr_op_t op) { return levels[op] ? levels[op] : VYRE_PRECEDENCE_PRIMARY; }

vyre_token_kind_t vyre_token_of_word(const char *word, size_t length, vyre_type_t *out_type) {
  *out_type = VYRE_TYPE_VOID;
  for (int kind = VYRE_TOKEN_PROGRAM; kind <= VYRE_TOKEN_FALSE; kind++)
    if (tokens[kind].length == length && tokens[kind].text[0] == word[0] &&
        memcmp(tokens[kind].text, word, length) == 0)
      return (vyre_token_kind_t)kind;
  for (int type = VYRE_TYPE_BOOL; type < VYRE_TYPE_COUNT; type++) {
    const char *text = vyre_type_text((vyre_type_t)type);
    if (strlen(text) == length && memcmp(text, word, length) == 0) {
      *out_type = (vyre_type_t)type;
      return VYRE_TOKEN_TYPE;
    }
  }
  return VYRE_TOKEN_NAME;
}

static bool is_text(const char *text, const char *word, size_t length) {
  return strlen(text) == length && memcmp(text, word, length) == 0;
}

bool vyre_word_is_function(const char *word, size_t length) {
  for (int op = VYRE_EXPR_NONE + 1; op < VYRE_EXPR_COUNT; op++)
    if (is_text(vyre_expr_text((vyre_expr_op_t)op), word, length)) return true;
  static const vyre_stmt_op_t called[] = {VYRE_STMT_APPEND, VYRE_STMT_BARRIER, VYRE_STMT_ASYNC_LOAD,
                                          VYRE_STMT_ASYNC_STORE, VYRE_STMT_ASYNC_WAIT};
  for (size_t i = 0; i < sizeof called / sizeof *called; i++)
    if (is_text(vyre_stmt_text(called[i]), word, length)) return true;
  for (int op = VYRE_STMT_NONE + 1; op < VYRE_STMT_COUNT; op++)
    if (vyre_stmt_is_privileged((vyre_stmt_op_t)op) && is_text(vyre_stmt_text((vyre_stmt_op_t)op), word, length))
      return true;
  return false;
}

void vyre_lexer_init(vyre_lexer_t *lexer, const char *text, uint32_t length) {
  *lexer = (vyre_lexer_t){.text = text, .length = length, .line = 1};
}

void vyre_lexer_deinit(vyre_lexer_t *lexer) { vyre_status_destroy(&lexer->status); }

static vyre_position_t position_of(const vyre_lexer_t *lexer, uint32_t offset) {
  return vyre_position_make(lexer->line, offset - lexer->line_start + 1);
}

void vyre_lexer_fail(vyre_lexer_t *lexer, uint32_t offset, vyre_status_t status) {
  if (lexer->status) {
    vyre_status_destroy(&status);
    return;
  }
  lexer->status = status;
  lexer->error_position = position_of(lexer, offset);
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t vyre_utf8_length(const char *text, size_t left) {
  const unsigned char *s = (const unsigned char *)text;
  if (left == 0) return 0;
  if (s[0] < 0x80) return 1;
  size_t length = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
                  : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
                  : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                                 : 0;
  if (length == 0 || left < length) return 0;
  for (size_t i = 1; i < length; i++)
    if ((s[i] & 0xC0) != 0x80) return 0;
  if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F)) return 0;
  if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F)) return 0;
  return length;
}

static void refuse_byte(vyre_lexer_t *lexer, uint32_t offset) {
  unsigned char byte = (unsigned char)lexer->text[offset];
  const char *fix = "Remove the byte; outside comments a text holds ASCII only.";
  if (offset == 0 && lexer->length >= 3 && memcmp(lexer->text, "\xEF\xBB\xBF", 3) == 0)
    fix = "Save the file as UTF-8 without a byte order mark.";
  else if (byte == '"')
    fix = "Write single bytes as character literals such as 'a'; there are no strings.";
  else if (byte == '?')
    fix = "Write select(condition, a, b) instead of ?:.";
  else if (byte > ' ' && byte < 0x7F)
    fix = "Remove the character; docs/formats/text.md lists the operators.";
  if (byte > ' ' && byte < 0x7F)
    vyre_lexer_fail(
        lexer, offset,
        vyre_status_with_fix(vyre_status_make(VYRE_E_SYNTAX, "unexpected character '%c'", byte), "%s", fix));
  else
    vyre_lexer_fail(lexer, offset,
                    vyre_status_with_fix(vyre_status_make(VYRE_E_SYNTAX, "unexpected byte 0x%02X", byte), "%s", fix));
}

/* Stops at the newline. Comments may hold UTF-8 and tabs, no other control characters. */
static bool skip_comment(vyre_lexer_t *lexer) {
  while (lexer->offset < lexer->length && lexer->text[lexer->offset] != '\n') {
    const char *at = lexer->text + lexer->offset;
    size_t left = lexer->length - lexer->offset;
    size_t bytes = vyre_utf8_length(at, left);
    bool is_control = (unsigned char)*at < ' ' && *at != '\t' && !(*at == '\r' && (left == 1 || at[1] == '\n'));
    if (bytes == 0 || is_control || *at == 0x7F) {
      vyre_lexer_fail(
          lexer, lexer->offset,
          vyre_status_with_fix(vyre_status_make(VYRE_E_SYNTAX, "byte 0x%02X in a comment", (unsigned char)*at),
                               "Remove the byte; comments are UTF-8 without control characters."));
      return false;
    }
    lexer->offset += (uint32_t)bytes;
  }
  return true;
}

static bool skip_space(vyre_lexer_t *lexer) {
  while (lexer->offset < lexer->length) {
    char c = lexer->text[lexer->offset];
    char following = vyre_lexer_byte(lexer, lexer->offset + 1);
    if (c == '\n') {
      lexer->line++;
      lexer->line_start = ++lexer->offset;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      lexer->offset++;
    } else if (c == '#' || (c == '/' && following == '/')) {
      if (!skip_comment(lexer)) return false;
    } else if (c == '/' && following == '*') {
      vyre_lexer_fail(lexer, lexer->offset,
                      vyre_status_with_fix(vyre_status_make(VYRE_E_SYNTAX, "unexpected '/*'"),
                                           "Begin each comment line with # or //."));
      return false;
    } else {
      return true;
    }
  }
  return true;
}

static void lex_word(vyre_lexer_t *lexer, vyre_token_t *token) {
  const char *text = lexer->text + token->offset;
  uint32_t length = 1;
  while (token->offset + length < lexer->length && (vyre_is_letter(text[length]) || vyre_is_digit(text[length])))
    length++;
  token->length = length;
  token->kind = vyre_token_of_word(text, length, &token->type);
  if (length > VYRE_LIMIT_NAME_BYTES)
    vyre_lexer_fail(lexer, token->offset,
                    vyre_status_with_fix(vyre_status_make(VYRE_E_LIMIT, "a name of %u bytes", length),
                                         "Shorten the name to at most %d bytes.", VYRE_LIMIT_NAME_BYTES));
  lexer->offset += length;
}

/* The longest sign that the text begins with. */
static void lex_sign(vyre_lexer_t *lexer, vyre_token_t *token) {
  const char *text = lexer->text + token->offset;
  uint32_t left = lexer->length - token->offset;
  for (int kind = VYRE_TOKEN_FALSE + 1; kind < VYRE_TOKEN_COUNT; kind++) {
    const struct token_info *sign = &tokens[kind];
    if (sign->text[0] != text[0] || sign->length > left || sign->length <= token->length) continue;
    if (memcmp(sign->text, text, sign->length) != 0) continue;
    token->kind = (vyre_token_kind_t)kind;
    token->length = sign->length;
  }
  if (token->length == 0) refuse_byte(lexer, token->offset);
  lexer->offset += token->length;
}

void vyre_lexer_next(vyre_lexer_t *lexer, vyre_token_t *out_token) {
  bool is_clean = !lexer->status && skip_space(lexer);
  vyre_token_t token = {.kind = VYRE_TOKEN_END, .offset = lexer->offset, .position = position_of(lexer, lexer->offset)};
  if (is_clean && lexer->offset < lexer->length) {
    char c = lexer->text[lexer->offset];
    if (vyre_is_letter(c))
      lex_word(lexer, &token);
    else if (vyre_is_digit(c))
      vyre_lexer_number(lexer, &token);
    else if (c == '\'')
      vyre_lexer_character(lexer, &token);
    else
      lex_sign(lexer, &token);
  }
  if (lexer->status) {
    token.kind = VYRE_TOKEN_END;
    token.length = 0;
  }
  *out_token = token;
}
