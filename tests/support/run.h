/* Runs an entry (machine code, or the interpreter's) on given bytes, and gives all that may be compared.
 *
 * What the entry gets is fenced: the chunk is read only and ends at a page that cannot be touched, outputs, scratch and
 * each bound buffer end there too, the scratch begins with garbage. So an access outside crashes here and not somewhere
 * else. Broken promises (inputs of the frame changed, outputs touched in spite of a fault) end the process with a
 * message.
 */
#ifndef TESTS_SUPPORT_RUN_H
#define TESTS_SUPPORT_RUN_H

#include <stdio.h>

#include "ir/frame.h"
#include "ir/program.h"

/* What one parameter is bound to. All zero: a scalar 0, a state or constant of zeros, a window without elements. */
typedef struct run_binding {
  uint64_t value;    /* SCALAR: masked to its type */
  const void *bytes; /* CONSTANT, STATE, WINDOW: the contents before the call; NULL: zeros */
  size_t size;       /* their length in bytes; where the length is declared it may be left 0 */
} run_binding_t;

typedef struct run_input {
  const void *data; /* of data[0]: the halo lies before and behind it */
  size_t data_bytes;
  uint64_t fuel;
  uint64_t stream_offset;
  bool is_last;
  bool is_finish;                 /* runs `finish` over `outputs` */
  uint32_t stop;                  /* the stop word, constant for the call */
  uint32_t halo_left, halo_right; /* bytes */
  uint8_t output_fill; /* each byte of the outputs before the call, but those of min and max, their identity */
  const void *outputs; /* not NULL: the whole block before the call, instead */
  const run_binding_t *bindings; /* by parameter; NULL: all zero */
} run_input_t;

/* What a call left behind, brought into one form: records sorted by key, then value, and 0 behind them; a value that
 * was not assigned is 0; after a fault, outputs that the call alone writes are 0 (in finish: all of them). */
typedef struct run_result {
  uint8_t *outputs; /* the output block as vyre_program_layout says; owned */
  uint32_t output_bytes;
  uint32_t fault, fault_position;
  uint64_t fault_iteration;
  uint32_t param_count;
  uint8_t *buffers[VYRE_LIMIT_PARAMS]; /* STATE, WINDOW: the contents after the call; owned, else NULL */
  size_t buffer_bytes[VYRE_LIMIT_PARAMS];
} run_result_t;

void run_entry(const vyre_program_t *program, vyre_entry_t entry, const run_input_t *input, run_result_t *out_result);
/* The same with the interpreter. */
void run_reference(const vyre_program_t *program, const run_input_t *input, run_result_t *out_result);
void run_result_deinit(run_result_t *result);

/* Faults and outputs; without a fault state and windows, too. */
bool run_results_equal(const run_result_t *a, const run_result_t *b);
/* Says in which outputs, buffers and fault fields two results differ, one line each. */
void run_results_explain(FILE *to, const vyre_program_t *program, const run_result_t *a, const run_result_t *b);

/* Element `index` of an output (0 for a scalar), sign-extended when it is signed, floats as bits. COMBINE, PER_CHUNK:
 * 0 is the value, 1 whether one was assigned. APPEND: 2k is the key of record k, 2k + 1 its value. */
uint64_t run_result_output(const vyre_program_t *program, const run_result_t *result, const char *name, uint32_t index);
/* Of APPEND: how many records. */
uint64_t run_result_records(const vyre_program_t *program, const run_result_t *result, const char *name);
/* Element `index` of a state or window after the call, as it lies there; vectors: their first two parts. */
uint64_t run_result_element(const vyre_program_t *program, const run_result_t *result, const char *name, size_t index);

#endif
