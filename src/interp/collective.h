/* The ops of lanes that meet, on what each of them brings.
 *
 * Threads: pure functions. */
#ifndef VYRE_INTERP_COLLECTIVE_H
#define VYRE_INTERP_COLLECTIVE_H

#include "ir/program.h"

/* An op of class SUBGROUP (count 32) or WORKGROUP. a[lane] is the operand, b[lane] the lane, mask or distance where the
 * op has one, out_results[lane] what each gets; `type` is that of the operand. */
void vyre_collective(vyre_expr_op_t op, vyre_type_t type, const uint64_t *a, const uint64_t *b, uint32_t count,
                     uint64_t *out_results);

#endif
