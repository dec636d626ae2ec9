/* Programs that machine code got wrong once, in found/: it does what the interpreter does, over random inputs.
 *
 * Arguments: the folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include <vyre/program.h>

#include "device/cpu/cpu.h"
#include "support/expect.h"
#include "support/inputs.h"
#include "support/pair.h"

enum { INPUTS = 24, CHUNK_BYTES = 4096 };

static const char *folder;

static void compare(const vyre_program_t *program, vyre_entry_t entry, uint64_t seed) {
  inputs_options_t options = {.no_faults = seed % 2 == 0, .data_bytes = (uint32_t)(seed * CHUNK_BYTES / INPUTS)};
  inputs_t inputs;
  inputs_init(&inputs, program, seed, &options);
  pair_t pair = {0};
  if (pair_differs(&pair, program, entry, &inputs.input)) {
    run_results_explain(stderr, program, &pair.reference, &pair.machine);
    fail_msg("%s differs from the interpreter", program->name);
  }
  pair_deinit(&pair);
  inputs_deinit(&inputs);
}

static void check(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  vyre_program_t *program;
  vyre_loaded_t *object;
  vyre_entry_t entry;
  ok(vyre_program_load(path, &program));
  ok(vyre_cpu_compile(program, false, &object, &entry));
  for (uint64_t seed = 1; seed <= INPUTS; seed++) compare(program, entry, seed);
  vyre_loaded_destroy(object);
  vyre_program_destroy(&program);
}

static void machine_code_equals_the_interpreter(void **state) {
  (void)state;
  DIR *entries = opendir(folder);
  assert_non_null(entries);
  unsigned count = 0;
  for (const struct dirent *entry; (entry = readdir(entries));) {
    size_t length = strlen(entry->d_name);
    if (length < 5 || strcmp(entry->d_name + length - 5, ".vyre") != 0) continue;
    check(entry->d_name);
    count++;
  }
  closedir(entries);
  assert_true(count > 0);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  folder = argv[1];
  const struct CMUnitTest tests[] = {cmocka_unit_test(machine_code_equals_the_interpreter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
