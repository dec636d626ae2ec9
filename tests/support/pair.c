#include "support/pair.h"

#include "base/memory.h"

void pair_deinit(pair_t *pair) {
  run_result_deinit(&pair->reference);
  run_result_deinit(&pair->machine);
}

static bool call_differs(pair_t *pair, const vyre_program_t *program, vyre_entry_t entry, const run_input_t *input) {
  pair_deinit(pair);
  run_reference(program, input, &pair->reference);
  run_entry(program, entry, input, &pair->machine);
  pair->runs++;
  pair->faults += pair->reference.fault != VYRE_FAULT_NONE;
  return !run_results_equal(&pair->reference, &pair->machine);
}

static bool finish_differs(pair_t *pair, const vyre_program_t *program, vyre_entry_t entry, const run_input_t *body) {
  uint8_t *outputs = pair->reference.outputs; /* the next call gives back the rest */
  pair->reference.outputs = NULL;
  run_input_t input = *body;
  input.outputs = outputs;
  input.is_finish = true;
  input.data_bytes = input.halo_left = input.halo_right = 0;
  bool result = call_differs(pair, program, entry, &input);
  vyre_free(outputs);
  return result;
}

bool pair_differs(pair_t *pair, const vyre_program_t *program, vyre_entry_t entry, const run_input_t *input) {
  if (call_differs(pair, program, entry, input)) return true;
  return program->has_finish && !pair->reference.fault && finish_differs(pair, program, entry, input);
}
