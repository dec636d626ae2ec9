#include "base/strbuf.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

void vyre_strbuf_init(vyre_strbuf_t *buffer) { *buffer = (vyre_strbuf_t){0}; }

void vyre_strbuf_deinit(vyre_strbuf_t *buffer) {
  vyre_free(buffer->text);
  vyre_strbuf_init(buffer);
}

static bool reserve(vyre_strbuf_t *buffer, size_t more) {
  if (buffer->failed) return false;
  if (more >= SIZE_MAX - buffer->length ||
      !vyre_array_reserve((void **)&buffer->text, &buffer->capacity, buffer->length + more + 1, 1)) {
    buffer->failed = true;
    return false;
  }
  return true;
}

void vyre_strbuf_append_bytes(vyre_strbuf_t *buffer, const char *bytes, size_t length) {
  if (!reserve(buffer, length)) return;
  memcpy(buffer->text + buffer->length, bytes, length);
  buffer->length += length;
  buffer->text[buffer->length] = '\0';
}

void vyre_strbuf_append(vyre_strbuf_t *buffer, const char *text) {
  vyre_strbuf_append_bytes(buffer, text, strlen(text));
}

void vyre_strbuf_vprintf(vyre_strbuf_t *buffer, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int needed = vsnprintf(NULL, 0, format, arguments);
  if (needed < 0) {
    buffer->failed = true;
  } else if (reserve(buffer, (size_t)needed)) {
    vsnprintf(buffer->text + buffer->length, (size_t)needed + 1, format, again);
    buffer->length += (size_t)needed;
  }
  va_end(again);
}

void vyre_strbuf_printf(vyre_strbuf_t *buffer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vyre_strbuf_vprintf(buffer, format, arguments);
  va_end(arguments);
}

char *vyre_strbuf_take(vyre_strbuf_t *buffer) {
  char *text = NULL;
  if (!buffer->failed) {
    if (!buffer->text) vyre_strbuf_append_bytes(buffer, "", 0);
    if (!buffer->failed) {
      text = buffer->text;
      buffer->text = NULL;
    }
  }
  vyre_strbuf_deinit(buffer);
  return text;
}
