/* What barriers cost on the cpu device: programs/block_scan.vyre, compiled, beside the same algorithm in C, and beside
 * one running sum. All of it stays in the cache; rounds run each way once, in changing order, and every word is
 * compared. Asked: at least 0.5 of the same algorithm in C.
 *
 * bench-lanes [ROUNDS] */
#include <stdbool.h>

#include <vyre/program.h>

#include "device/cpu/cpu.h"
#include "ir/layout.h"

#include "loops.h"
#include "machine.h"
#include "measure.h"
#include "ok.h"

enum { WORDS = 64 << 10, CALLS = 64, ROUNDS_DEFAULT = 31, TRIES = 4, WAYS = 3 };

static _Alignas(64) uint32_t data[WORDS];
static _Alignas(64) uint32_t expected[WORDS], sums[WORDS];
static uint64_t expected_total;

typedef struct compiled {
  vyre_loaded_t *object;
  vyre_entry_t entry;
  vyre_frame_t frame;
  vyre_binding_t bindings[VYRE_LIMIT_PARAMS];
  _Alignas(64) uint64_t outputs[8];
  void *scratch;
  uint32_t stop;
} compiled_t;

static void compile(compiled_t *c) {
  vyre_program_t *program;
  ok(vyre_program_load(VYRE_BENCH_PROGRAMS "/block_scan.vyre", &program));
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  if (layout.output_bytes > sizeof c->outputs) bench_wrong("size of the outputs");
  for (uint32_t i = 0; i < program->param_count; i++)
    if (program->params[i].role == VYRE_ROLE_WINDOW)
      c->bindings[i] = (vyre_binding_t){.value = (uint64_t)(uintptr_t)sums, .bytes = sizeof sums};
  c->scratch = aligned_alloc(64, (layout.scratch_bytes + 64u) / 64 * 64);
  c->frame = (vyre_frame_t){.data = (uint64_t)(uintptr_t)data,
                            .data_bytes = sizeof data,
                            .output = (uint64_t)(uintptr_t)c->outputs,
                            .scratch = (uint64_t)(uintptr_t)c->scratch,
                            .stop = (uint64_t)(uintptr_t)&c->stop,
                            .bindings = (uint64_t)(uintptr_t)c->bindings,
                            .flags = VYRE_FRAME_IS_LAST};
  ok(vyre_cpu_compile(program, false, &c->object, &c->entry));
  vyre_program_destroy(&program);
}

static uint64_t call(compiled_t *c) {
  c->frame.fuel = UINT64_C(1) << 40;
  c->outputs[0] = 0;
  c->entry.function(&c->frame, c->entry.context);
  if (c->frame.fault != VYRE_FAULT_NONE) bench_wrong("a fault");
  return c->outputs[0];
}

/* Seconds of one call. */
static double run_way(compiled_t *c, size_t way) {
  memset(sums, 0, sizeof sums);
  uint64_t total = 0;
  double start = bench_now();
  for (unsigned i = 0; i < CALLS; i++)
    total += way == 0   ? call(c)
             : way == 1 ? bench_block_scan(data, WORDS, sums)
                        : bench_block_scan_running(data, WORDS, sums);
  double seconds = (bench_now() - start) / CALLS;
  if (total != CALLS * expected_total || memcmp(sums, expected, sizeof sums) != 0) bench_wrong("sums");
  return seconds;
}

int main(int argc, char **argv) {
  static const char *const names[WAYS] = {"block_scan, compiled", "block scan in C", "running sum in C"};
  size_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : ROUNDS_DEFAULT;
  if (rounds < 1 || rounds > BENCH_ROUNDS_MAX) rounds = ROUNDS_DEFAULT;
  for (uint32_t i = 0; i < WORDS; i++) data[i] = i * 2654435761u ^ i >> 7;
  for (uint32_t i = 0; i < WORDS; i++) {
    expected[i] = data[i] + (i % BENCH_SCAN_BLOCK ? expected[i - 1] : 0);
    if (i % BENCH_SCAN_BLOCK == BENCH_SCAN_BLOCK - 1) expected_total += expected[i];
  }
  static compiled_t compiled;
  compile(&compiled);
  double seconds[WAYS][BENCH_ROUNDS_MAX], values[BENCH_ROUNDS_MAX];
  bench_machine_watch();
  do {
    bench_machine_round_begin();
    for (size_t round = 0; round < rounds; round++)
      for (size_t k = 0; k < WAYS; k++) {
        size_t way = round % 2 ? WAYS - 1 - k : k;
        seconds[way][round] = run_way(&compiled, way);
      }
  } while (!bench_machine_round_counts(TRIES));
  for (size_t k = 0; k < WAYS; k++) {
    for (size_t i = 0; i < rounds; i++) values[i] = WORDS * 1e-6 / seconds[k][i];
    bench_report(names[k], "M words/s", values, rounds);
  }
  bench_divide(seconds[1], seconds[0], rounds, values);
  bench_at_least("block_scan / the same in C", "", values, rounds, 0.5);
  vyre_loaded_destroy(compiled.object);
  free(compiled.scratch);
  return 0;
}
