/* What compiling large Programs takes, for each shape: CPU time of the one thread, from the Program to code that can be
 * called; the compiler is loaded before. The code and the interpreter are given the same bytes and compared.
 * Asked: 10,000 nodes in 2 s.
 *
 * bench-compile [NODES [SHAPE [print]]]
 * `print` writes the shape's Program instead. */
#include <vyre/program.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "device/cpu/cpu.h"
#include "interp/interp.h"
#include "ir/canonical.h"
#include "ir/layout.h"

#include "measure.h"
#include "ok.h"
#include "shapes.h"

enum { NODES_DEFAULT = 10000, ROUNDS = 3, ASKED_MS = 2000 };
enum { DATA_BYTES = 300, OUTPUT_WORDS = 2048, FUEL = 100000 };

/* Of this thread: others on the machine change it less than the time that passes. */
static double cpu_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* What the entry makes of a few bytes: outputs, then the fault and its node. */
static void run(const vyre_program_t *program, vyre_entry_t entry, uint32_t length, uint64_t out[OUTPUT_WORDS]) {
  static _Alignas(64) uint8_t data[DATA_BYTES], scratch[1 << 20];
  static _Alignas(64) uint64_t outputs[OUTPUT_WORDS];
  uint32_t stop = 0;
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  if (layout.output_bytes > sizeof outputs - 16 || layout.scratch_bytes > sizeof scratch) bench_wrong("sizes");
  for (uint32_t i = 0; i < DATA_BYTES; i++) data[i] = (uint8_t)(i * 2654435761u >> 24);
  memset(outputs, 0, sizeof outputs);
  vyre_frame_t frame = {.data = (uint64_t)(uintptr_t)data,
                        .data_bytes = length,
                        .output = (uint64_t)(uintptr_t)outputs,
                        .scratch = (uint64_t)(uintptr_t)scratch,
                        .fuel = FUEL,
                        .stop = (uint64_t)(uintptr_t)&stop,
                        .flags = VYRE_FRAME_IS_LAST};
  entry.function(&frame, entry.context);
  memcpy(out, outputs, sizeof outputs);
  out[OUTPUT_WORDS - 2] = frame.fault;
  out[OUTPUT_WORDS - 1] = frame.fault_node;
}

static void check(const vyre_program_t *program, vyre_entry_t entry) {
  static uint64_t machine[OUTPUT_WORDS], reference[OUTPUT_WORDS];
  static const uint32_t lengths[] = {0, 12, DATA_BYTES};
  vyre_interp_t *interp;
  ok(vyre_interp_create(program, &interp));
  vyre_entry_t by_word = {.function = vyre_interp_call, .context = interp};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    run(program, entry, lengths[i], machine);
    run(program, by_word, lengths[i], reference);
    if (memcmp(machine, reference, sizeof machine) != 0) bench_wrong(program->name);
  }
  vyre_interp_destroy(interp);
}

static double compile_ms(const vyre_program_t *program) {
  vyre_loaded_t *object;
  vyre_entry_t entry;
  double start = cpu_now();
  vyre_program_t *canonical; /* what sessions compile */
  ok(vyre_canonicalize(program, &canonical));
  ok(vyre_cpu_compile(canonical, false, &object, &entry));
  double ms = (cpu_now() - start) * 1e3;
  check(canonical, entry);
  vyre_loaded_destroy(object);
  vyre_program_destroy(&canonical);
  return ms;
}

/* Gives the median. */
static double bench_shape(const bench_shape_t *shape, uint32_t nodes, double ms[ROUNDS]) {
  vyre_program_t *program;
  ok(bench_shape_make(shape, nodes, &program));
  for (unsigned i = 0; i < ROUNDS; i++) ms[i] = compile_ms(program);
  char name[64];
  snprintf(name, sizeof name, "compile %s, %u nodes", shape->name, bench_shape_nodes(program));
  vyre_program_destroy(&program);
  return bench_report(name, "ms", ms, ROUNDS);
}

static void bench_all(uint32_t nodes, const char *only) {
  double slowest[ROUNDS], median = -1;
  const char *name = NULL;
  for (unsigned i = 0; i < bench_shape_count; i++) {
    if (only && strcmp(bench_shapes[i].name, only) != 0) continue;
    double ms[ROUNDS], of_shape = bench_shape(&bench_shapes[i], nodes, ms);
    if (of_shape <= median) continue;
    median = of_shape;
    name = bench_shapes[i].name;
    memcpy(slowest, ms, sizeof slowest);
  }
  if (!name) bench_wrong("no such shape");
  printf("the slowest of %u shapes is %s\n", bench_shape_count, name);
  char title[64];
  snprintf(title, sizeof title, "compile %u nodes, slowest shape", nodes);
  if (nodes <= NODES_DEFAULT)
    bench_at_most(title, "ms", slowest, ROUNDS, ASKED_MS);
  else
    bench_report(title, "ms", slowest, ROUNDS);
}

static void print(const bench_shape_t *shape, uint32_t nodes) {
  vyre_program_t *program;
  char *text;
  ok(bench_shape_make(shape, nodes, &program));
  ok(vyre_program_print(program, &text));
  fputs(text, stdout);
  vyre_free(text);
  vyre_program_destroy(&program);
}

int main(int argc, char **argv) {
  uint32_t nodes = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : NODES_DEFAULT;
  const vyre_codegen_table_t *compiler;
  ok(vyre_codegen_load(&compiler));
  if (argc > 3)
    for (unsigned i = 0; i < bench_shape_count; i++)
      if (strcmp(bench_shapes[i].name, argv[2]) == 0) print(&bench_shapes[i], nodes);
  if (argc > 3) return 0;
  if (argc <= 1) bench_all(VYRE_LARGE_NODES, NULL);
  bench_all(nodes, argc > 2 ? argv[2] : NULL);
  return 0;
}
