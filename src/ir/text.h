/* The text form (.vyre): parse and print. The grammar is docs/formats/text.md.
 *
 * print(parse(t)) is the canonical layout (`vyre fmt`); parse(print(p)) builds the same nodes as p. Comments
 * are not part of a Program; `vyre fmt` works on the token level where it must keep them. */
#ifndef VYRE_IR_TEXT_H
#define VYRE_IR_TEXT_H

#include <stddef.h>

#include "base/strbuf.h"
#include "ir/program.h"

/* Parses and validates. `source_name` stands in messages. Errors carry line, column, the line itself and a Fix.
 * Privileged nodes are refused unless `allow_privileged`; with it, a text that uses them is a privileged program. */
vyre_status_t vyre_text_parse(const char *text, size_t length, const char *source_name, bool allow_privileged,
                              vyre_program_t **out_program);

/* Appends the text of a validated program. Never fails but for memory (the buffer's own flag). */
void vyre_text_print(const vyre_program_t *program, vyre_strbuf_t *out);

#endif
