/* Floats as decimal text, whatever the locale of the process.
 *
 * Threads: pure functions. They count on the default floating-point environment. */
#ifndef VYRE_IR_FLOAT_TEXT_H
#define VYRE_IR_FLOAT_TEXT_H

#include "base/strbuf.h"
#include "ir/program.h"

/* The f32 or f64 nearest to a literal of the text form without its sign, a suffix left out; at most
 * VYRE_LIMIT_FLOAT_BYTES. False when it is beyond the largest finite one. */
bool vyre_float_read(const char *text, uint32_t length, vyre_type_t type, uint64_t *out_bits);

/* The shortest digits that read as these bits, with a point or an exponent; "f32.inf", "-f32.inf", "f32.nan". */
void vyre_float_write(vyre_strbuf_t *out, vyre_type_t type, uint64_t bits);

bool vyre_float_is_finite(vyre_type_t type, uint64_t bits);

#endif
