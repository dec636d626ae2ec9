/* Runs an entry (machine code, or the interpreter's) on given bytes, and gives all that may be compared.
 *
 * What the entry gets is fenced: the chunk is read only and ends at a page that cannot be touched, outputs and scratch
 * end there too, the scratch begins with garbage. So an access outside crashes here and not somewhere else.
 * Broken promises (inputs of the frame changed, outputs touched in spite of a fault) end the process with a message. */
#ifndef TESTS_SUPPORT_RUN_H
#define TESTS_SUPPORT_RUN_H

#include <stdio.h>

#include "ir/frame.h"
#include "ir/program.h"

typedef struct run_input {
  const void *data;
  size_t data_bytes;
  uint64_t fuel;
  uint64_t stream_offset;
  bool is_last;
  uint32_t stop;       /* the stop word, constant for the call */
  uint8_t output_fill; /* each byte of the outputs before the call */
} run_input_t;

typedef struct run_result {
  uint8_t *outputs; /* the output block as vyre_program_layout says; owned */
  uint32_t output_bytes;
  uint32_t fault, fault_position;
  uint64_t fault_iteration;
} run_result_t;

void run_entry(const vyre_program_t *program, vyre_entry_t entry, const run_input_t *input, run_result_t *out_result);
/* The same with the interpreter. */
void run_reference(const vyre_program_t *program, const run_input_t *input, run_result_t *out_result);
void run_result_deinit(run_result_t *result);

bool run_results_equal(const run_result_t *a, const run_result_t *b);
/* Says in which outputs and fault fields two results differ, one line each. */
void run_results_explain(FILE *to, const vyre_program_t *program, const run_result_t *a, const run_result_t *b);

/* Element `index` of an output (0 for a scalar), sign-extended when it is signed. */
uint64_t run_result_output(const vyre_program_t *program, const run_result_t *result, const char *name, uint32_t index);

#endif
