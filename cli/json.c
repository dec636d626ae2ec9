#include "json.h"

#include <inttypes.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at `bytes` (RFC 3629: no overlong form, no surrogate, up to U+10FFFF), or 0. */
static size_t utf8_length(const unsigned char *bytes) {
  unsigned char first = bytes[0];
  if (first < 0x80) return 1;
  size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (bytes[1] < low || bytes[1] > high) return 0;
  for (size_t i = 2; i < length; i++)
    if ((bytes[i] & 0xC0) != 0x80) return 0;
  return length;
}

static void append_quoted(cli_text_t *text, const char *string) {
  cli_text_puts(text, "\"");
  for (const unsigned char *at = (const unsigned char *)string; *at;) {
    size_t length = utf8_length(at);
    if (length == 0) {
      cli_text_puts(text, "\xEF\xBF\xBD");
      length = 1;
    } else if (*at == '"' || *at == '\\') {
      cli_text_printf(text, "\\%c", *at);
    } else if (*at == '\n') {
      cli_text_puts(text, "\\n");
    } else if (*at == '\t') {
      cli_text_puts(text, "\\t");
    } else if (*at < 0x20) {
      cli_text_printf(text, "\\u%04x", *at);
    } else {
      cli_text_append(text, (const char *)at, length);
    }
    at += length;
  }
  cli_text_puts(text, "\"");
}

static void begin_value(cli_json_t *json, const char *key) {
  if (json->needs_comma) cli_text_puts(&json->text, ", ");
  json->needs_comma = true;
  if (!key) return;
  append_quoted(&json->text, key);
  cli_text_puts(&json->text, ": ");
}

void cli_json_open(cli_json_t *json, const char *key, char bracket) {
  begin_value(json, key);
  cli_text_append(&json->text, &bracket, 1);
  json->needs_comma = false;
}

void cli_json_close(cli_json_t *json, char bracket) {
  cli_text_append(&json->text, &bracket, 1);
  json->needs_comma = true;
}

void cli_json_string(cli_json_t *json, const char *key, const char *value) {
  begin_value(json, key);
  append_quoted(&json->text, value);
}

void cli_json_unsigned(cli_json_t *json, const char *key, uint64_t value) {
  begin_value(json, key);
  cli_text_printf(&json->text, "%" PRIu64, value);
}

void cli_json_signed(cli_json_t *json, const char *key, int64_t value) {
  begin_value(json, key);
  cli_text_printf(&json->text, "%" PRId64, value);
}

void cli_json_float(cli_json_t *json, const char *key, double value, int digits) {
  begin_value(json, key);
  if (value - value == 0)
    cli_text_printf(&json->text, "%.*g", digits, value);
  else
    cli_text_printf(&json->text, "\"%s\"", value != value ? "nan" : value > 0 ? "inf" : "-inf");
}

void cli_json_real(cli_json_t *json, const char *key, double value) {
  begin_value(json, key);
  cli_text_printf(&json->text, "%.6f", value);
}
