/* A growing text: what a verb prints is collected here and written at the end, so that nothing half-done appears.
 *
 * Owns:   its bytes until cli_text_free.
 * Errors: sticky: after memory is out every append is ignored and cli_output_write reports it. */
#ifndef VYRE_CLI_TEXT_H
#define VYRE_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cli_text {
  char *bytes; /* NUL-terminated once something was appended, else NULL */
  size_t length, capacity;
  bool failed;
} cli_text_t;

void cli_text_append(cli_text_t *text, const char *bytes, size_t length);
void cli_text_puts(cli_text_t *text, const char *string);
void cli_text_printf(cli_text_t *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_text_free(cli_text_t *text);

#endif
