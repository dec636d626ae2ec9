/* Every allocation fails of what prepares a Program for the interpreter. What calls do without memory is in
 * megakernel/allocation_test.c. VYRE_SEED=N takes other random Programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interp/interp.h"
#include "support/expect.h"
#include "support/failing.h"
#include "support/generate.h"
#include "support/inputs.h"

enum { RANDOM_PROGRAMS = 24 };

/* A Program with what a call of it gives. */
typedef struct subject {
  vyre_program_t *program;
  inputs_t inputs;
  run_result_t expected;
} subject_t;

static vyre_status_t prepare(void *context) {
  subject_t *s = context;
  static char untouched;
  vyre_interp_t *interp = (vyre_interp_t *)(void *)&untouched;
  vyre_status_t status = vyre_interp_create(s->program, &interp);
  failing_end();
  failing_require((status != NULL) == ((char *)interp == &untouched));
  if (status) return status;
  run_result_t result;
  run_entry(s->program, (vyre_entry_t){vyre_interp_call, interp}, &s->inputs.input, &result);
  failing_require(run_results_equal(&s->expected, &result));
  run_result_deinit(&result);
  vyre_interp_destroy(interp);
  return NULL;
}

static void prepare_programs(void **state) {
  (void)state;
  const char *given = getenv("VYRE_SEED");
  uint64_t first = given ? strtoull(given, NULL, 0) : 1, most = 0;
  for (uint64_t seed = first; seed < first + RANDOM_PROGRAMS; seed++) {
    generate_options_t options = {.lanes_heavy = seed % 2 == 0, .float_heavy = seed % 5 == 0, .no_faults = true};
    subject_t s = {.program = generate_program(seed, &options)};
    inputs_init(&s.inputs, s.program, seed, &(inputs_options_t){.data_bytes = 500, .no_faults = true});
    run_reference(s.program, &s.inputs.input, &s.expected);
    char name[40];
    snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
    uint64_t count = failing_every(&(failing_options_t){.name = name, .is_quiet = true}, prepare, &s);
    if (count > most) most = count;
    run_result_deinit(&s.expected);
    inputs_deinit(&s.inputs);
    vyre_program_destroy(&s.program);
  }
  print_message("at most %llu allocations\n", (unsigned long long)most);
  assert_true(most > 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(prepare_programs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
