/* Literals of the text form: numbers and characters. */

#include "ir/lexer.h"

static unsigned digit_value(char c) {
  if (vyre_is_digit(c)) return (unsigned)(c - '0');
  if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return (unsigned)(c - 'A') + 10;
  return 99;
}

static void fail_number(vyre_lexer_t *lexer, const vyre_token_t *token, const char *what, const char *fix) {
  int shown = token->length > 40 ? 40 : (int)token->length;
  vyre_lexer_fail(
      lexer, token->offset,
      vyre_status_with_fix(vyre_status_make(VYRE_E_SYNTAX, "'%.*s' %s", shown, lexer->text + token->offset, what), "%s",
                           fix));
}

/* Decimal digits and _ from `at` on; gives the offset behind them. */
static uint32_t skip_digits(const vyre_lexer_t *lexer, uint32_t at) {
  while (vyre_is_digit(vyre_lexer_byte(lexer, at)) || vyre_lexer_byte(lexer, at) == '_') at++;
  return at;
}

/* Behind the whole part: a fraction, an exponent. */
static uint32_t skip_fraction(const vyre_lexer_t *lexer, uint32_t at) {
  if (vyre_lexer_byte(lexer, at) == '.' && vyre_is_digit(vyre_lexer_byte(lexer, at + 1)))
    at = skip_digits(lexer, at + 1);
  char e = vyre_lexer_byte(lexer, at), sign = vyre_lexer_byte(lexer, at + 1);
  if (e != 'e' && e != 'E') return at;
  uint32_t digits = at + 1 + (sign == '+' || sign == '-');
  return vyre_is_digit(vyre_lexer_byte(lexer, digits)) ? skip_digits(lexer, digits) : at;
}

/* Decimal digits with a fraction and an exponent, 0x digits or 0b digits, with _ anywhere after the first digit, then
 * an optional type as suffix. */
void vyre_lexer_number(vyre_lexer_t *lexer, vyre_token_t *token) {
  const char *text = lexer->text + token->offset;
  unsigned base = 10;
  uint32_t i = 0, digits = 0;
  bool is_over = false, is_float = false;
  char mark = vyre_lexer_byte(lexer, token->offset + 1);
  if (text[0] == '0' && (mark == 'x' || mark == 'b')) {
    base = mark == 'x' ? 16 : 2;
    i = 2;
  }
  for (; token->offset + i < lexer->length && (text[i] == '_' || digit_value(text[i]) < base); i++) {
    if (text[i] == '_') continue;
    digits++;
    unsigned digit = digit_value(text[i]);
    is_over |= token->value > (UINT64_MAX - digit) / base;
    token->value = token->value * base + digit;
  }
  if (base == 10) {
    uint32_t end = skip_fraction(lexer, token->offset + i) - token->offset;
    is_float = end != i;
    i = end;
  }
  uint32_t length = i;
  while (vyre_is_letter(vyre_lexer_byte(lexer, token->offset + length)) ||
         vyre_is_digit(vyre_lexer_byte(lexer, token->offset + length)))
    length++;
  bool has_suffix = length > i;
  bool is_known = has_suffix && vyre_token_of_word(text + i, length - i, &token->type) == VYRE_TOKEN_TYPE;
  bool is_float_suffix = is_known && vyre_type_is_float(token->type);
  bool is_bad_suffix =
      has_suffix && !(is_float_suffix && base == 10) && !(is_known && vyre_type_is_integer(token->type) && !is_float);
  is_float |= is_float_suffix;
  token->kind = is_float ? VYRE_TOKEN_FLOAT : VYRE_TOKEN_INTEGER;
  token->length = length;
  if (digits == 0 || is_bad_suffix)
    fail_number(lexer, token, "is not a number",
                "Write decimal, 0x or 0b digits with an optional type at the end, for example 255, 0xFF or 255u8, or a "
                "float such as 1.5, 1e-3 or 2.5f32.");
  else if (vyre_lexer_byte(lexer, token->offset + length) == '.' &&
           vyre_lexer_byte(lexer, token->offset + length + 1) != '.')
    fail_number(lexer, token, "is followed by a point",
                "Write decimal digits on both sides of the point, as in 1.0; a range has two points: 0 .. 9.");
  else if (is_float && length > VYRE_LIMIT_FLOAT_BYTES)
    vyre_lexer_fail(lexer, token->offset,
                    vyre_status_with_fix(vyre_status_make(VYRE_E_LIMIT, "a float literal of %u bytes", length),
                                         "Write at most %d bytes; 17 digits tell all values of f64 apart.",
                                         VYRE_LIMIT_FLOAT_BYTES));
  else if (is_over && !is_float)
    fail_number(lexer, token, "does not fit 64 bits",
                "Write a value up to 18446744073709551615 (0xFFFF_FFFF_FFFF_FFFF).");
  lexer->offset += length;
}

/* The byte that an escape stands for; gives how many bytes of text it takes after the backslash, 0 when unknown. */
static uint32_t escape(const vyre_lexer_t *lexer, uint32_t offset, uint64_t *out_value) {
  switch (vyre_lexer_byte(lexer, offset)) {
    case 'n': *out_value = '\n'; return 1;
    case 'r': *out_value = '\r'; return 1;
    case 't': *out_value = '\t'; return 1;
    case '0': *out_value = 0; return 1;
    case '\\': *out_value = '\\'; return 1;
    case '\'': *out_value = '\''; return 1;
    case 'x': {
      unsigned high = digit_value(vyre_lexer_byte(lexer, offset + 1)),
               low = digit_value(vyre_lexer_byte(lexer, offset + 2));
      *out_value = high * 16 + low;
      return high < 16 && low < 16 ? 3 : 0;
    }
    default: return 0;
  }
}

void vyre_lexer_character(vyre_lexer_t *lexer, vyre_token_t *token) {
  uint32_t at = token->offset + 1;
  char c = vyre_lexer_byte(lexer, at);
  uint32_t taken = 0;
  token->kind = VYRE_TOKEN_INTEGER;
  if (c == '\\') {
    taken = escape(lexer, at + 1, &token->value);
    if (taken) taken++;
  } else if (c >= ' ' && c < 0x7F && c != '\'') {
    token->value = (unsigned char)c;
    taken = 1;
  }
  if (taken == 0 || vyre_lexer_byte(lexer, at + taken) != '\'') {
    vyre_lexer_fail(
        lexer, token->offset,
        vyre_status_with_fix(
            vyre_status_make(VYRE_E_SYNTAX, "malformed character literal"),
            "Write one ASCII character between quotes, or '\\n' '\\r' '\\t' '\\0' '\\\\' '\\'' or '\\x0a'."));
    return;
  }
  token->length = taken + 2;
  lexer->offset += token->length;
}
