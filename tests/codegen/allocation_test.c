/* Every allocation of the compiler's own fails once, and every one from it on; LLVM's are its own. Small and large
 * Programs, which are lowered in other ways, Programs of several lanes, loops with the Programs they call, GPUs.
 * VYRE_SEED=N takes other random Programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vyre/program.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "device/cpu/cpu.h"
#include "device/cpu/loader.h"
#include "ir/canonical.h"
#include "megakernel/loop.h"
#include "shapes.h"
#include "support/expect.h"
#include "support/failing.h"
#include "support/generate.h"

enum { RANDOM_PROGRAMS = 8, LARGE_NODES = 2 * VYRE_LARGE_NODES, HANDLERS = 3 };

static char untouched;

typedef struct job {
  const vyre_program_t *program;
  vyre_codegen_options_t options;
  char *bytes; /* what it gives */
  size_t size;
} job_t;

static vyre_status_t compile(void *context) {
  job_t *job = context;
  const vyre_codegen_table_t *compiler;
  vyre_status_t status = vyre_codegen_load(&compiler);
  char *bytes = &untouched;
  size_t size = 77;
  if (!status) status = compiler->compile(job->program, &job->options, &bytes, &size);
  failing_end();
  failing_require((status != NULL) == (bytes == &untouched) && (!status || size == 77));
  if (status) return status;
  failing_require(!job->bytes || (job->size == size && memcmp(job->bytes, bytes, size) == 0));
  if (job->bytes) {
    vyre_free(bytes);
  } else {
    job->bytes = bytes;
    job->size = size;
  }
  return NULL;
}

static uint64_t compile_failing(const char *name, job_t job) {
  ok(compile(&job));
  uint64_t count = failing_every(&(failing_options_t){.name = name, .is_slow = true}, compile, &job);
  vyre_free(job.bytes);
  return count;
}

/* As sessions do: of the canonical form. */
static vyre_program_t *canonical_of(vyre_program_t *program) {
  vyre_program_t *canonical;
  ok(vyre_canonicalize(program, &canonical));
  vyre_program_destroy(&program);
  return canonical;
}

static uint64_t first_seed(void) {
  const char *given = getenv("VYRE_SEED");
  return given ? strtoull(given, NULL, 0) : 1;
}

static void random_programs(void **state) {
  (void)state;
  uint64_t first = first_seed();
  for (uint64_t seed = first; seed < first + RANDOM_PROGRAMS; seed++) {
    generate_options_t options = {
        .lanes_heavy = seed % 2 == 0, .foreach_heavy = seed % 3 == 0, .float_heavy = seed % 4 == 0};
    vyre_program_t *program = canonical_of(generate_program(seed, &options));
    char name[40];
    snprintf(name, sizeof name, "seed %llu, %u lanes", (unsigned long long)seed, program->workgroup_size);
    compile_failing(name, (job_t){program, {.form = VYRE_CODEGEN_LLVM}, NULL, 0});
    vyre_program_destroy(&program);
  }
}

static void every_form(void **state) {
  (void)state;
  static const vyre_codegen_form_t forms[] = {VYRE_CODEGEN_LLVM, VYRE_CODEGEN_LLVM_OPT, VYRE_CODEGEN_ASSEMBLY,
                                              VYRE_CODEGEN_OBJECT};
  vyre_program_t *program;
  ok(vyre_program_load(VYRE_SOURCE_DIR "/programs/histogram.vyre", &program));
  for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++)
    compile_failing("histogram", (job_t){program, {.form = forms[i]}, NULL, 0});
  vyre_program_destroy(&program);
}

static void large_programs(void **state) {
  (void)state;
  for (unsigned i = 0; i < bench_shape_count; i++) {
    vyre_program_t *program;
    ok(bench_shape_make(&bench_shapes[i], LARGE_NODES, &program));
    program = canonical_of(program);
    assert_true(bench_shape_nodes(program) > VYRE_LARGE_NODES);
    uint64_t count = compile_failing(bench_shapes[i].name, (job_t){program, {.form = VYRE_CODEGEN_LLVM}, NULL, 0});
    assert_true(count > 10);
    vyre_program_destroy(&program);
  }
}

static void loops_with_programs(void **state) {
  (void)state;
  uint64_t first = first_seed();
  vyre_program_t *handlers[HANDLERS], *loop;
  handlers[0] = canonical_of(generate_program(first, &(generate_options_t){.statements = 8}));
  handlers[1] = canonical_of(generate_program(first + 1, &(generate_options_t){.statements = 8, .lanes_heavy = true}));
  ok(bench_shape_make(&bench_shapes[0], LARGE_NODES, &handlers[2]));
  ok(vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DIRECT, .sleeps = true}, &loop));
  compile_failing("the loop", (job_t){loop, {.form = VYRE_CODEGEN_LLVM}, NULL, 0});
  vyre_codegen_options_t options = {
      .form = VYRE_CODEGEN_LLVM, .handlers = (const vyre_program_t *const *)handlers, .handler_count = HANDLERS};
  compile_failing("a fused loop", (job_t){loop, options, NULL, 0});
  vyre_program_destroy(&loop);
  for (unsigned i = 0; i < HANDLERS; i++) vyre_program_destroy(&handlers[i]);
}

static void gpus(void **state) {
  (void)state;
  vyre_program_t *programs[2], *loop;
  ok(vyre_program_load(VYRE_SOURCE_DIR "/programs/histogram.vyre", &programs[0]));
  ok(vyre_program_load(VYRE_SOURCE_DIR "/programs/count_lines.vyre", &programs[1]));
  ok(vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DISPATCHED}, &loop));
  vyre_codegen_options_t options = {.form = VYRE_CODEGEN_LLVM, .gpu = "sm_90"};
  compile_failing("histogram for a GPU", (job_t){programs[0], options, NULL, 0});
  options.handlers = (const vyre_program_t *const *)programs;
  options.handler_count = 2;
  compile_failing("a megakernel", (job_t){loop, options, NULL, 0});
  vyre_program_destroy(&loop);
  vyre_program_destroy(&programs[0]);
  vyre_program_destroy(&programs[1]);
}

static vyre_status_t target(void *context) {
  (void)context;
  const vyre_codegen_table_t *compiler;
  char *text = &untouched;
  vyre_status_t status = vyre_codegen_load(&compiler);
  if (!status) status = compiler->target(&text);
  failing_end();
  if (!status) vyre_free(text);
  return status;
}

static vyre_status_t emit(void *context) {
  char *bytes = &untouched;
  size_t size = 77;
  vyre_status_t status = vyre_program_emit(context, VYRE_EMIT_LLVM, &bytes, &size);
  failing_end();
  failing_require((status != NULL) == (bytes == &untouched) && (!status || size == 77));
  if (!status) vyre_text_free(bytes);
  return status;
}

/* Compiled and put into memory. */
static vyre_status_t load(void *context) {
  vyre_loaded_t *object = (vyre_loaded_t *)(void *)&untouched;
  vyre_entry_t entry;
  vyre_status_t status = vyre_cpu_compile(context, false, &object, &entry);
  failing_end();
  failing_require((status != NULL) == ((char *)object == &untouched));
  if (!status) vyre_loaded_destroy(object);
  return status;
}

static vyre_status_t refuse(void *context) {
  job_t job = {.program = context, .options = {.form = VYRE_CODEGEN_ASSEMBLY, .gpu = "sm_10"}};
  return compile(&job);
}

static void the_rest(void **state) {
  (void)state;
  vyre_program_t *program;
  ok(vyre_program_load(VYRE_SOURCE_DIR "/programs/count_lines.vyre", &program));
  failing_every(&(failing_options_t){.name = "target"}, target, NULL);
  failing_every(&(failing_options_t){.name = "emit"}, emit, program);
  failing_every(&(failing_options_t){.name = "load", .is_slow = true}, load, program);
  failing_every(&(failing_options_t){.name = "load", .kind = FAILING_RESOURCES}, load, program);
  failing_every(&(failing_options_t){.name = "a refusal", .refusal = VYRE_E_UNSUPPORTED}, refuse, program);
  vyre_program_destroy(&program);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_programs),     cmocka_unit_test(every_form), cmocka_unit_test(large_programs),
      cmocka_unit_test(loops_with_programs), cmocka_unit_test(gpus),       cmocka_unit_test(the_rest)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
