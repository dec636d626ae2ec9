/* Approves a program, or says what is wrong with it, where, and what to do. Everything behind it (interp, codegen,
 * devices) relies on what is checked here and asserts it: ids in range, trees, blocks acyclic, types, scopes,
 * placement of break and continue, what a foreach may hold, privileged nodes, limits and depth. Safe against hostile
 * programs. Sets is_validated. */
#ifndef VYRE_IR_VALIDATE_H
#define VYRE_IR_VALIDATE_H

#include "ir/program.h"

vyre_status_t vyre_validate(vyre_program_t *program);

/* True when a block (with what is nested in it) holds a loop: decides how a foreach shares out fuel. */
bool vyre_block_has_loop(const vyre_program_t *program, uint32_t block);

#endif
