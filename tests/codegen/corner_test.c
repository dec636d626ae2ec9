/* Programs by hand, corners/NAME.vyre, where machine code and the interpreter could part or once did: the cpu device
 * and an emulated group give the same outputs, state, windows and faults, and the canonical form those of the Program
 * as it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <vyre/program.h>

#include "device/cpu/cpu.h"
#include "ir/canonical.h"
#include "support/expect.h"
#include "support/group.h"
#include "support/inputs.h"
#include "support/pair.h"

#define CORNERS VYRE_SOURCE_DIR "/tests/codegen/corners/*.vyre"

enum { SEEDS = 64, CORNERS_MIN = 19, GROUP_SEEDS = 16 };

typedef struct machine {
  vyre_loaded_t *object;
  vyre_entry_t entry;
  group_t group; /* of two warps; of the canonical form, three */
  vyre_entry_t group_entry;
} machine_t;

static void make_machine(const vyre_program_t *program, uint32_t threads, machine_t *out_machine) {
  ok(vyre_cpu_compile(program, false, &out_machine->object, &out_machine->entry));
#ifndef VYRE_SANITIZED
  ok(group_init(&out_machine->group, program, threads, true, 1, &out_machine->group_entry));
#else
  (void)threads;
#endif
}

static void compare(const vyre_program_t *program, vyre_entry_t entry, const run_input_t *input, const char *path,
                    uint64_t seed) {
  pair_t pair = {0};
  if (pair_differs(&pair, program, entry, input)) {
    run_results_explain(stderr, program, &pair.reference, &pair.machine);
    fail_msg("%s: seed %llu differs from the interpreter", path, (unsigned long long)seed);
  }
  pair_deinit(&pair);
}

static void compare_file(const char *path) {
  static const size_t sizes[] = {0, 4, 8, 64, 250, 1000, 4096, 20000};
  vyre_program_t *forms[2];
  machine_t machines[2] = {0};
  ok(vyre_program_load(path, &forms[0]));
  ok(vyre_canonicalize(forms[0], &forms[1]));
  for (unsigned f = 0; f < 2; f++) make_machine(forms[f], f ? 96 : 64, &machines[f]);
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    inputs_t inputs;
    inputs_options_t options = {.data_bytes = sizes[seed % (sizeof sizes / sizeof *sizes)]};
    inputs_init(&inputs, forms[0], seed, &options);
    if (seed % 3 == 0) inputs.input.fuel = UINT64_C(1) << 20; /* else often too little */
    for (unsigned f = 0; f < 2; f++) {
      compare(forms[f], machines[f].entry, &inputs.input, path, seed);
      if (machines[f].group_entry.function && seed < GROUP_SEEDS)
        compare(forms[f], machines[f].group_entry, &inputs.input, path, seed);
    }
    inputs_deinit(&inputs);
  }
  for (unsigned f = 0; f < 2; f++) {
    vyre_loaded_destroy(machines[f].object);
    group_deinit(&machines[f].group);
    vyre_program_destroy(&forms[f]);
  }
}

static void machine_code_equals_the_interpreter(void **state) {
  (void)state;
  glob_t files;
  assert_int_equal(glob(CORNERS, 0, NULL, &files), 0);
  assert_true(files.gl_pathc >= CORNERS_MIN); /* an emptied folder must not pass */
  for (size_t i = 0; i < files.gl_pathc; i++) compare_file(files.gl_pathv[i]);
  globfree(&files);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(machine_code_equals_the_interpreter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
