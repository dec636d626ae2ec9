/* A large Program in parts. Much in LLVM takes time that grows faster than a function does: with the loops in a row, the
 * blocks, the values that live through them. So a large Program's body is a skeleton of the statements that are large
 * themselves, and the runs of small statements between and inside them are functions of their own, of bounded size.
 *
 * Statements know nothing of it. A run is lowered into its function with the variables, values and jump targets of the
 * body, as if it stood there; when all is lowered, what came from the body is found among the operands and is passed:
 *   a variable (alloca) that other functions use lies in the state, which the body owns; a part works on a copy and
 *   writes it back when it leaves;
 *   a value is stored into the state where it comes about, and loaded by the part;
 *   a jump leaves the part with a number, and the body jumps.
 * The body's arguments are arguments of each part. */
#ifndef VYRE_CODEGEN_LOWER_PART_H
#define VYRE_CODEGEN_LOWER_PART_H

#include "codegen/lower.h"

/* What a part holds at most, and at least, in nodes; what is less stays in the body. At 100 to 400 nodes compiling is
 * fastest; calls cost nothing beside that many nodes. */
enum { VYRE_PART_NODES_MAX = 200, VYRE_PART_NODES_MIN = 12 };

bool vyre_lower_begin_parts(vyre_lower_t *l); /* l->function is the body; false when memory is out */
/* Statement `id` is lowered next: ends the open part, or begins one, where that is due. No part is open around. */
void vyre_lower_part_at(vyre_lower_t *l, uint32_t id);
void vyre_lower_end_part(vyre_lower_t *l); /* if one is open */
bool vyre_lower_is_in_part(const vyre_lower_t *l);
bool vyre_lower_end_parts(vyre_lower_t *l); /* all is lowered: passes what the parts use; false when memory is out */
void vyre_lower_free_parts(vyre_lower_t *l);

#endif
