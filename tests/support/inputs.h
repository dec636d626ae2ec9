/* Inputs for a Program by seed, one way for all differential tests: a chunk with its halo, scalars, constants, state
 * and windows. Values are corners of their types as often as not: the ends of integers, NaN with and without payload,
 * infinities, denormals, -0.
 *
 * Owns: what `input` points to, until deinit. */
#ifndef TESTS_SUPPORT_INPUTS_H
#define TESTS_SUPPORT_INPUTS_H

#include "support/run.h"

typedef struct inputs_options {
  size_t data_bytes; /* of the chunk; cut to whole elements where there is a halo */
  bool no_faults;    /* for a Program that was made so: no length is 0, fuel is 1 << 62 */
} inputs_options_t;

typedef struct inputs {
  run_input_t input; /* is_last, stream_offset, fuel and output_fill by the seed, too */
  run_binding_t bindings[VYRE_LIMIT_PARAMS];
  void *memory[VYRE_LIMIT_PARAMS + 1];
} inputs_t;

/* Ends the process when memory is out. */
void inputs_init(inputs_t *inputs, const vyre_program_t *program, uint64_t seed, const inputs_options_t *options);
void inputs_deinit(inputs_t *inputs);

#endif
