/* How deep whoever walks a Program with what it calls recurses: the interpreter, and code generators that write calls
 * out.
 *
 * Threads: pure functions. */
#ifndef VYRE_IR_DEPTH_H
#define VYRE_IR_DEPTH_H

#include "ir/program.h"

/* Nested statements and expressions of the deepest path through a block whose nodes have been checked. A call is as
 * deep as its function, in `functions` by index. */
uint32_t vyre_block_depth(const vyre_program_t *program, uint32_t block, const uint32_t *functions);

#endif
