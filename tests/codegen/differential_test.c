/* Random Programs: the cpu device's machine code gives the same outputs and the same fault as the interpreter.
 *
 * Arguments: [first seed] [count]. A difference prints the seed and the shrunken Program's results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/cpu/cpu.h"
#include "ir/text.h"
#include "support/generate.h"
#include "support/random.h"
#include "support/run.h"
#include "support/shrink.h"

static uint64_t first_seed = 1;
static uint64_t program_count = 240;

enum { INPUTS = 12, DATA_BYTES_MAX = 20000 };

typedef struct differs {
  uint64_t seed;
  run_result_t reference, machine; /* of the input that differs */
} differs_t;

/* Inputs differ in length (across strips of the counted loops), fuel (from hardly any to plenty) and bytes. */
static run_input_t input_of(uint64_t seed, uint32_t index, uint8_t *data) {
  static const uint32_t lengths[] = {0, 1, 7, 64, 255, 1000, 4095, 4096, 4097, 8193, 12345, 20000};
  random_t random = {seed * 64 + index};
  run_input_t input = {.data = data, .output_fill = (uint8_t)random_below(&random, 256)};
  input.data_bytes = lengths[index] & ~7u;
  if (index % 3 == 1 && index > 3) input.data_bytes = random_below(&random, 300) & ~7u;
  for (size_t i = 0; i < input.data_bytes; i++)
    data[i] = (uint8_t)(random_below(&random, 4) ? random_below(&random, 256) : random_below(&random, 3));
  static const uint64_t fuels[] = {50000, 3, 1000, 200000, 60, 20000};
  input.fuel = fuels[random_below(&random, 6)] + random_below(&random, 50);
  input.stream_offset = random_next(&random) >> random_below(&random, 64);
  input.is_last = random_below(&random, 2);
  return input;
}

/* Compiles the program and compares all inputs; fills `out` for the first that differs. */
static bool shows_difference(const vyre_program_t *program, void *context) {
  static uint8_t data[DATA_BYTES_MAX];
  differs_t *out = context;
  vyre_loaded_t *object;
  vyre_entry_t entry;
  vyre_status_t status = vyre_cpu_compile(program, false, &object, &entry);
  if (status) {
    char text[2000];
    vyre_status_format(status, text, sizeof text);
    vyre_status_destroy(&status);
    fail_msg("seed %llu does not compile: %s", (unsigned long long)out->seed, text);
  }
  bool differs = false;
  for (uint32_t i = 0; i < INPUTS && !differs; i++) {
    run_input_t input = input_of(out->seed, i, data);
    run_result_t reference, machine;
    run_reference(program, &input, &reference);
    run_entry(program, entry, &input, &machine);
    differs = !run_results_equal(&reference, &machine);
    if (differs) {
      run_result_deinit(&out->reference);
      run_result_deinit(&out->machine);
      out->reference = reference;
      out->machine = machine;
    } else {
      run_result_deinit(&reference);
      run_result_deinit(&machine);
    }
  }
  vyre_loaded_destroy(object);
  return differs;
}

static void machine_code_equals_the_interpreter(void **state) {
  (void)state;
  static const generate_options_t kinds[] = {{0}, {.no_faults = true}, {.foreach_heavy = true},
                                             {.foreach_heavy = true, .no_faults = true}, {.statements = 8},
                                             {.deep_nesting = true}};
  for (uint64_t seed = first_seed; seed < first_seed + program_count; seed++) {
    /* Deep nesting is slow to compile: one in twelve. */
    unsigned kind = (unsigned)(seed % 12 == 5 ? 5 : seed % 5);
    vyre_program_t *program = generate_program(seed, &kinds[kind]);
    differs_t differs = {.seed = seed};
    if (shows_difference(program, &differs)) {
      uint32_t changes = shrink_program(program, shows_difference, &differs);
      fprintf(stderr, "seed %llu differs (shrunk by %u changes):\n", (unsigned long long)seed, changes);
      vyre_strbuf_t text;
      vyre_strbuf_init(&text);
      vyre_text_print(program, &text);
      fprintf(stderr, "%s\n", text.text);
      vyre_strbuf_deinit(&text);
      run_results_explain(stderr, program, &differs.reference, &differs.machine);
      fail();
    }
    vyre_program_release(program);
  }
}

int main(int argc, char **argv) {
  if (argc > 1) first_seed = strtoull(argv[1], NULL, 0);
  if (argc > 2) program_count = strtoull(argv[2], NULL, 0);
  const struct CMUnitTest tests[] = {cmocka_unit_test(machine_code_equals_the_interpreter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
