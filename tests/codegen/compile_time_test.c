/* Large Programs of every shape: compiling them takes time in proportion to their nodes, and what comes out does what
 * the interpreter does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include <vyre/program.h>

#include "base/memory.h"
#include "device/cpu/cpu.h"
#include "ir/canonical.h"
#include "shapes.h"
#include "support/expect.h"
#include "support/run.h"

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

enum { NODES = 10000, FEWER = 2500, TRIES = 3, RATIO_MAX = 8, SECONDS_MAX = 20 };
enum { RUN_NODES = 2 * VYRE_LARGE_NODES, DATA_BYTES = 9000, FUEL = 300000 };

static double cpu_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void compare(const bench_shape_t *shape, const vyre_program_t *program, vyre_entry_t entry,
                    const run_input_t *input) {
  run_result_t reference, machine;
  run_reference(program, input, &reference);
  run_entry(program, entry, input, &machine);
  if (!run_results_equal(&reference, &machine)) {
    run_results_explain(stderr, program, &reference, &machine);
    fail_msg("%s differs from the interpreter", shape->name);
  }
  run_result_deinit(&reference);
  run_result_deinit(&machine);
}

static const uint8_t *test_data(void) {
  static uint8_t data[DATA_BYTES];
  for (unsigned i = 0; i < DATA_BYTES; i++) data[i] = (uint8_t)(i * 2654435761u >> 24);
  return data;
}

/* Seconds to code that can be called; that it does what the interpreter does is seen, too. */
static double compile_s(const bench_shape_t *shape, uint32_t nodes) {
  vyre_program_t *program;
  ok(bench_shape_make(shape, nodes, &program));
  assert_in_range(bench_shape_nodes(program), nodes - nodes / 10, nodes);
  double start = cpu_now();
  vyre_program_t *canonical; /* what sessions compile */
  vyre_loaded_t *object;
  vyre_entry_t entry;
  ok(vyre_canonicalize(program, &canonical));
  ok(vyre_cpu_compile(canonical, false, &object, &entry));
  double seconds = cpu_now() - start;
  run_input_t input = {.data = test_data(), .data_bytes = 200, .fuel = FUEL};
  compare(shape, canonical, entry, &input);
  vyre_loaded_destroy(object);
  vyre_program_destroy(&canonical);
  vyre_program_destroy(&program);
  return seconds;
}

/* Other work on the machine makes either side slower: a shape is good when it was in one of several tries. */
static void time_grows_as_nodes_do(void **state) {
  (void)state;
#ifdef IS_SANITIZED
  skip();
#endif
  for (unsigned i = 0; i < bench_shape_count; i++) {
    const bench_shape_t *shape = &bench_shapes[i];
    double fewer = 0, many = 0;
    for (unsigned try = 0; try < TRIES; try++) {
      fewer = compile_s(shape, FEWER);
      many = compile_s(shape, NODES);
      if (many < SECONDS_MAX && many < RATIO_MAX * fewer) break;
    }
    if (many >= SECONDS_MAX || many >= RATIO_MAX * fewer)
      fail_msg("%s: %u nodes take %.3f s, %u nodes %.3f s", shape->name, FEWER, fewer, NODES, many);
  }
}

static void large_programs_equal_the_interpreter(void **state) {
  (void)state;
  for (unsigned i = 0; i < bench_shape_count; i++) {
    vyre_program_t *program;
    vyre_loaded_t *object;
    vyre_entry_t entry;
    ok(bench_shape_make(&bench_shapes[i], RUN_NODES, &program));
    assert_true(bench_shape_nodes(program) > VYRE_LARGE_NODES);
    ok(vyre_cpu_compile(program, false, &object, &entry));
    static const uint32_t lengths[] = {0, 1, 200, 1500, DATA_BYTES};
    for (unsigned k = 0; k < sizeof lengths / sizeof *lengths; k++) {
      run_input_t input = {.data = test_data(), .data_bytes = lengths[k], .fuel = FUEL};
      compare(&bench_shapes[i], program, entry, &input);
      input.fuel = 100 * k + k; /* ends within some loop */
      compare(&bench_shapes[i], program, entry, &input);
    }
    vyre_loaded_destroy(object);
    vyre_program_destroy(&program);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(large_programs_equal_the_interpreter),
                                     cmocka_unit_test(time_grows_as_nodes_do)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
