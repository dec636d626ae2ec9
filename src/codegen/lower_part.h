/* A large Program in parts. Much in LLVM takes time that grows faster than a function does: with the loops in a row,
 * the blocks, the values that live through them. So a large Program's body is a skeleton of the statements that are
 * large themselves, and the runs of small statements between and inside them are functions of their own, of bounded
 * size.
 *
 * Statements know nothing of it. A run is lowered into its function with the variables, values and jump targets of the
 * body, as if it stood there; when all is lowered, what came from the body is found among the operands and is passed:
 *   a variable (alloca) that other functions use lies in the state, which the body owns; a part works on a copy and
 *   writes it back when it leaves;
 *   a value is stored into the state where it comes about, and loaded by the part;
 *   a jump leaves the part with a number, and the body jumps.
 * The body's arguments are arguments of each part.
 *
 * A foreach is what a Program's time goes to, and what takes longest to compile. Those first in the text, as many as
 * are in proportion, are parts of their own that are fast: lowered and optimized as in a small Program. All else is
 * lean. */
#ifndef VYRE_CODEGEN_LOWER_PART_H
#define VYRE_CODEGEN_LOWER_PART_H

#include "codegen/lower.h"

/* What a part holds at most, and at least, in nodes; what is less stays in the body. At 100 to 400 nodes compiling is
 * fastest; calls cost nothing beside that many nodes. This and the following go with the number of nodes that make a
 * Program large: tests make it small. */
enum { VYRE_PART_NODES_MAX = 200, VYRE_PART_NODES_MIN = 12 };

/* What all fast foreach of a large Program hold at most, in nodes: as much as a small Program, less by one for each so
 * many nodes of the Program, and never less than a fifth; where floats are summed a node counts twice. Optimizing one
 * node for speed takes 0.3 to 2 ms, a lean one 0.02 to 0.2 (bench/compile.c). */
enum { VYRE_FAST_NODES_PER = 25, VYRE_FAST_NODES_LEAST = 5 };

/* From so many times as many nodes on as make a Program large, LLVM's quick way of choosing instructions is taken for
 * what is lean: a third of the time less, for code that takes up to half more. */
enum { VYRE_HASTY_TIMES = 10 };

/* Sets is_large when there are more than `large_nodes` (0: VYRE_LARGE_NODES) nodes, and parts when it is; false when
 * memory is out. Functions count where they are called. */
bool vyre_lower_weigh(vyre_lower_t *l, uint32_t large_nodes);
void vyre_lower_begin_parts(vyre_lower_t *l); /* l->function is the body */
/* Statements [first, end) are lowered next, together: ends the open part, or begins one, where that is due. When they
 * are too many for a part none is open: bodies inside, or runs of them, are parted in turn. */
void vyre_lower_part_at(vyre_lower_t *l, uint32_t first, uint32_t end);
void vyre_lower_end_part(vyre_lower_t *l); /* if one is open */
bool vyre_lower_is_in_part(const vyre_lower_t *l);
bool vyre_lower_is_lean(const vyre_lower_t *l); /* what is lowered now: in a large Program, and in no fast part */
bool vyre_lower_end_parts(vyre_lower_t *l); /* all is lowered: passes what the parts use; false when memory is out */
void vyre_lower_free_parts(vyre_lower_t *l);
void vyre_lower_make_lean(vyre_lower_t *l, LLVMValueRef function); /* the function is not optimized for speed */

#endif
