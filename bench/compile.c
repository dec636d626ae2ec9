/* What compiling large Programs takes, for each shape: CPU time of the one thread, to an object
 * in memory; the compiler is loaded before.
 * Asked: 10,000 nodes in 2 s.
 *
 * bench-compile [NODES [SHAPE [print]]]
 * `print` writes the shape's Program instead. */
#include <vyre/program.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "ir/canonical.h"

#include "measure.h"
#include "ok.h"
#include "shapes.h"

enum { NODES_DEFAULT = 10000, ROUNDS = 3, ASKED_MS = 2000 };

/* Of this thread: others on the machine change it less than the time that passes. */
static double cpu_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double compile_ms(const vyre_codegen_table_t *compiler, const vyre_program_t *program) {
  char *bytes;
  size_t size;
  double start = cpu_now();
  vyre_program_t *canonical; /* what sessions compile */
  ok(vyre_canonicalize(program, &canonical));
  ok(compiler->compile(canonical, &(vyre_codegen_options_t){.form = VYRE_CODEGEN_OBJECT}, &bytes, &size));
  double ms = (cpu_now() - start) * 1e3;
  vyre_free(bytes);
  vyre_program_destroy(&canonical);
  return ms;
}

static void bench_shape(const vyre_codegen_table_t *compiler, const bench_shape_t *shape, uint32_t nodes) {
  vyre_program_t *program;
  ok(bench_shape_make(shape, nodes, &program));
  double ms[ROUNDS];
  for (unsigned i = 0; i < ROUNDS; i++) ms[i] = compile_ms(compiler, program);
  char name[64];
  snprintf(name, sizeof name, "compile %s, %u nodes", shape->name, bench_shape_nodes(program));
  if (nodes <= NODES_DEFAULT)
    bench_at_most(name, "ms", ms, ROUNDS, ASKED_MS);
  else
    bench_report(name, "ms", ms, ROUNDS);
  vyre_program_destroy(&program);
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
  unsigned found = 0;
  for (unsigned i = 0; i < bench_shape_count; i++) {
    if (argc > 2 && strcmp(bench_shapes[i].name, argv[2]) != 0) continue;
    found++;
    if (argc > 3)
      print(&bench_shapes[i], nodes);
    else
      bench_shape(compiler, &bench_shapes[i], nodes);
  }
  if (found == 0) bench_wrong("no such shape");
  return 0;
}
