/* The canonical form over random Programs: it means the same, is its own canonical form, and is one for Programs that
 * differ in spelling. VYRE_SEED=N runs with another seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ir/canonical.h"
#include "ir/text.h"
#include "ir/wire.h"
#include "support/generate.h"
#include "support/inputs.h"
#include "support/random.h"
#include "support/run.h"

enum { PROGRAMS = 1500 };

static uint64_t seed_of_run(void) {
  const char *text = getenv("VYRE_SEED");
  return text ? strtoull(text, NULL, 0) : 1;
}

static generate_options_t options_of(uint64_t seed) {
  return (generate_options_t){.no_faults = seed % 3 == 0,
                              .foreach_heavy = seed % 5 == 0,
                              .lanes_heavy = seed % 7 == 0,
                              .float_heavy = seed % 4 == 0,
                              .deep_nesting = seed % 100 == 0};
}

static vyre_program_t *canonicalize(const vyre_program_t *program, const char *what) {
  vyre_program_t *canonical = NULL;
  vyre_status_t status = vyre_canonicalize(program, &canonical);
  if (status) fail_msg("%s: %s %s", what, vyre_status_where(status), vyre_status_detail(status));
  return canonical;
}

static char *print(const vyre_program_t *program) {
  vyre_strbuf_t out;
  vyre_strbuf_init(&out);
  vyre_text_print(program, &out);
  char *text = vyre_strbuf_take(&out);
  assert_non_null(text);
  return text;
}

static vyre_strbuf_t encode(const vyre_program_t *program, unsigned flags) {
  vyre_strbuf_t bytes;
  vyre_strbuf_init(&bytes);
  assert_null(vyre_wire_encode(program, flags, &bytes));
  return bytes;
}

/* The same nodes with the same ids, names and positions. */
static bool same(const vyre_program_t *a, const vyre_program_t *b) {
  vyre_strbuf_t first = encode(a, VYRE_WIRE_DEBUG), second = encode(b, VYRE_WIRE_DEBUG);
  bool is_same = first.length == second.length && memcmp(first.text, second.text, first.length) == 0;
  vyre_strbuf_deinit(&first);
  vyre_strbuf_deinit(&second);
  return is_same;
}

static void expect_same_result(const vyre_program_t *program, const vyre_program_t *canonical, uint64_t seed,
                               bool no_faults) {
  for (unsigned k = 0; k < 3; k++) {
    inputs_t inputs;
    run_result_t first, second;
    inputs_init(&inputs, program, seed * 3 + k, &(inputs_options_t){.data_bytes = (seed + k) % 300, .no_faults = no_faults});
    run_reference(program, &inputs.input, &first);
    run_reference(canonical, &inputs.input, &second);
    /* Which budget a loop of several lanes draws on follows from the canonical form. */
    bool other_budget = program->workgroup_size > 1 &&
                        (first.fault == VYRE_FAULT_FUEL || second.fault == VYRE_FAULT_FUEL);
    if (!other_budget && !run_results_equal(&first, &second)) {
      char *a = print(program), *b = print(canonical);
      run_results_explain(stderr, program, &first, &second);
      fprintf(stderr, "%s\n%s", a, b); /* too long for cmocka */
      fail_msg("seed %llu", (unsigned long long)seed);
    }
    run_result_deinit(&first);
    run_result_deinit(&second);
    inputs_deinit(&inputs);
  }
}

static void means_the_same_and_is_its_own(void **state) {
  (void)state;
  for (uint64_t i = 0; i < PROGRAMS; i++) {
    uint64_t seed = seed_of_run() * 1000003 + i;
    generate_options_t options = options_of(seed);
    vyre_program_t *program = generate_program(seed, &options);
    char what[64];
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    vyre_program_t *canonical = canonicalize(program, what), *again = canonicalize(canonical, what);
    if (!same(canonical, again)) {
      char *a = print(program), *b = print(canonical), *c = print(again);
      fprintf(stderr, "%s\n%s\n%s", a, b, c); /* too long for cmocka */
      fail_msg("%s: not its own canonical form", what);
    }
    expect_same_result(program, canonical, seed, options.no_faults);
    vyre_program_release(program);
    vyre_program_release(canonical);
    vyre_program_release(again);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(means_the_same_and_is_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
