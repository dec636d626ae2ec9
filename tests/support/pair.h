/* One call on the interpreter and on machine code.
 *
 * Owns: both results, of the last call; start with zeros. */
#ifndef TESTS_SUPPORT_PAIR_H
#define TESTS_SUPPORT_PAIR_H

#include "support/run.h"

typedef struct pair {
  run_result_t reference, machine;
  uint64_t runs, faults; /* so far */
} pair_t;

/* Whether they differ: in the body, or in `finish` over what a body without a fault left, if there is one. */
bool pair_differs(pair_t *pair, const vyre_program_t *program, vyre_entry_t entry, const run_input_t *input);
void pair_deinit(pair_t *pair);

#endif
