/* A growing string, for printers and messages.
 *
 * Owns:   its bytes, until vyre_strbuf_deinit or vyre_strbuf_take.
 * Errors: sticky: after memory is out every append is ignored, `failed` is set, and take gives NULL. */
#ifndef VYRE_BASE_STRBUF_H
#define VYRE_BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct vyre_strbuf {
  char *text;      /* NUL-terminated once something was appended, else NULL */
  size_t length;   /* bytes without the NUL */
  size_t capacity; /* bytes */
  bool failed;
} vyre_strbuf_t;

void vyre_strbuf_init(vyre_strbuf_t *buffer);
void vyre_strbuf_deinit(vyre_strbuf_t *buffer);
void vyre_strbuf_append(vyre_strbuf_t *buffer, const char *text);
void vyre_strbuf_append_bytes(vyre_strbuf_t *buffer, const char *bytes, size_t length);
void vyre_strbuf_printf(vyre_strbuf_t *buffer, const char *format, ...) VYRE_PRINTF(2, 3);
void vyre_strbuf_vprintf(vyre_strbuf_t *buffer, const char *format, va_list arguments);
/* Gives the string (free with vyre_free; "" when nothing was appended) and leaves the buffer empty. */
char *vyre_strbuf_take(vyre_strbuf_t *buffer);

#endif
