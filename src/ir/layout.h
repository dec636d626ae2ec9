/* How the outputs of a Program lie in memory: the output block that frames point to, what it holds before the first
 * call, and the scratch that a worker needs for private tables, workgroup and private memory.
 *
 * Owns:    nothing; blocks and scratch are the caller's.
 * Threads: pure functions of a validated program; init_outputs writes to the caller's block.
 * Units:   bytes.
 * Limits:  VYRE_LIMIT_OUTPUT_BYTES, VYRE_LIMIT_WORKGROUP_BYTES, VYRE_LIMIT_PRIVATE_BYTES: the validator has checked
 * them, so that offsets fit 32 bits. output_bytes, which it calls to check, gives 64. */
#ifndef VYRE_IR_LAYOUT_H
#define VYRE_IR_LAYOUT_H

#include <stdint.h>

#include "ir/program.h"

/* Where each output lies in the output block that a frame points to, and what a call needs besides. An output of
 * COMBINE or PER_CHUNK is {u64 whether one was assigned, value}; of APPEND {u64 count, records {u64 key, value}};
 * values of 4 bytes or less take 8 in both.
 *
 * A call takes its contributions to sums of integers, min, max, or, xor up into the block, atomically: many calls share
 * one, which begins as vyre_program_init_outputs says. To the others, float sums among them, it writes what the call
 * alone comes to (the value of its tree, its assigned value or 0, its records), and whoever called it folds the calls
 * in the order of their chunks: a Program with such ordered outputs needs a block for each call that is in flight.
 * After a fault these are not specified, the former are as before. */
typedef struct vyre_layout {
  uint32_t output_offset[VYRE_LIMIT_PARAMS];  /* bytes, by parameter; 0 for others */
  uint32_t scratch_offset[VYRE_LIMIT_PARAMS]; /* array outputs: where their private tables begin in the scratch;
                                                 workgroup memory; private memory: of lane 0, the next lane's follows */
  uint32_t table_stride[VYRE_LIMIT_PARAMS]; /* bytes from one private copy to the next, a multiple of 64; PRIVATE: from
                                               one lane to the next, a multiple of 16 */
  uint8_t table_copies[VYRE_LIMIT_PARAMS];  /* private copies, 1 or more */
  uint32_t output_bytes;                    /* of the whole block, a multiple of 64 */
  uint32_t scratch_bytes;                   /* of a worker's scratch, a multiple of 64 */
} vyre_layout_t;

void vyre_program_layout(const vyre_program_t *program, vyre_layout_t *out_layout);
uint64_t vyre_output_bytes(const vyre_param_t *param);       /* of one output in the block */
uint32_t vyre_output_value_bytes(const vyre_param_t *param); /* of one value in it */
/* The bits of a value that changes nothing: what each value of an output with a commutative reducer begins with. Of a
 * sum of floats it is -0.0; of other reducers 0. */
uint64_t vyre_output_identity(const vyre_param_t *param);
/* A block of layout.output_bytes before the first call. */
void vyre_program_init_outputs(const vyre_program_t *program, void *block);

#endif
