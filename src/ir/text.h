/* The text form (.vyre): parse and print; format is vyre_text_format of <vyre/program.h>. The grammar is
 * docs/formats/text.md.
 *
 * parse(print(p)) builds the same nodes as p (all but positions). print gives the canonical text of a Program, without
 * comments, which are not part of it; format lays out a text the same way and keeps its comments.
 *
 * Owns:    parse gives the program (vyre_program_destroy), format the string (vyre_text_free).
 * Threads: all functions from any thread.
 * Limits:  VYRE_LIMIT_*; any bytes are safe input. */
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
