#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `more` bytes and a NUL. */
static bool reserve(cli_text_t *text, size_t more) {
  if (text->failed) return false;
  if (more < text->capacity - text->length) return true;
  size_t wanted = text->capacity ? text->capacity : 256;
  while (wanted - text->length <= more && wanted <= SIZE_MAX / 2) wanted *= 2;
  char *grown = wanted - text->length > more ? realloc(text->bytes, wanted) : NULL;
  if (!grown) {
    text->failed = true;
    return false;
  }
  text->bytes = grown;
  text->capacity = wanted;
  return true;
}

void cli_text_append(cli_text_t *text, const char *bytes, size_t length) {
  if (!reserve(text, length)) return;
  if (length > 0) memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
  text->bytes[text->length] = '\0';
}

void cli_text_puts(cli_text_t *text, const char *string) { cli_text_append(text, string, strlen(string)); }

void cli_text_printf(cli_text_t *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (length < 0 || !reserve(text, (size_t)length)) {
    text->failed = true;
    return;
  }
  va_start(arguments, format);
  vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
  va_end(arguments);
  text->length += (size_t)length;
}

void cli_text_free(cli_text_t *text) {
  free(text->bytes);
  *text = (cli_text_t){0};
}
