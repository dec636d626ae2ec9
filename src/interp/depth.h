/* How deep a call recurses in the interpreter.
 *
 * Threads: pure functions. */
#ifndef VYRE_INTERP_DEPTH_H
#define VYRE_INTERP_DEPTH_H

#include "ir/program.h"

/* Nested statements and expressions of the deepest path through a validated program, those of called functions too. */
uint32_t vyre_program_depth(const vyre_program_t *program);

#endif
