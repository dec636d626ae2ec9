/* What checks cost: bounds, fuel and the look at the stop word. Programs compiled with and without them work on 512 KiB
 * that stay in the cache, beside C loops; rounds run each way once, in changing order, and every answer is compared.
 *
 * bench-checks [ROUNDS] */
#include <stdbool.h>

#include <vyre/program.h>

#include "device/cpu/cpu.h"
#include "ir/layout.h"

#include "loops.h"
#include "machine.h"
#include "measure.h"
#include "ok.h"

enum { BYTES = 512 << 10, ROUNDS_DEFAULT = 31, ROUND_NS = 10000000, WAYS_MAX = 4, ASKED_PERCENT = 10, TRIES = 4 };

typedef struct way {
  const char *name;
  vyre_entry_t entry; /* or a C loop, that gives a count or adds to 256 of them */
  vyre_loaded_t *object;
  uint64_t (*count)(const uint8_t *data, uint64_t bytes);
  void (*histogram)(const uint8_t *data, uint64_t bytes, uint64_t counts[256]);
  double seconds[BENCH_ROUNDS_MAX]; /* per call */
} way_t;

static _Alignas(64) uint8_t data[BYTES];
static _Alignas(64) uint64_t outputs[256];

static void compile(const char *name, bool is_unchecked, way_t *way, uint32_t *out_scratch_bytes) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.vyre", VYRE_BENCH_PROGRAMS, name);
  vyre_program_t *program;
  ok(vyre_program_load(path, &program));
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  *out_scratch_bytes = layout.scratch_bytes;
  ok(vyre_cpu_compile(program, is_unchecked, &way->object, &way->entry));
  vyre_program_destroy(&program);
}

/* Adds to outputs, `calls` times. */
static void call(const way_t *way, vyre_frame_t *frame, uint64_t calls) {
  for (uint64_t i = 0; i < calls; i++) {
    if (way->count) {
      outputs[0] += way->count(data, BYTES);
    } else if (way->histogram) {
      way->histogram(data, BYTES, outputs);
    } else {
      way->entry.function(frame, way->entry.context);
      if (frame->fault != VYRE_FAULT_NONE) bench_wrong("a fault");
    }
  }
}

static void run_way(way_t *way, size_t round, vyre_frame_t *frame, uint64_t calls, const uint64_t *expected) {
  memset(outputs, 0, sizeof outputs);
  double start = bench_now();
  call(way, frame, calls);
  way->seconds[round] = (bench_now() - start) / (double)calls;
  for (int i = 0; i < 256; i++)
    if (outputs[i] != expected[i] * calls) bench_wrong(way->name);
}

/* Without fuel the one with checks does nothing and says so, and the one without does not look. */
static void require_difference(const way_t *ways, vyre_frame_t frame) {
  frame.fuel = 0;
  ways[0].entry.function(&frame, ways[0].entry.context);
  if (frame.fault != VYRE_FAULT_FUEL) bench_wrong("code with checks that does not check fuel");
  ways[1].entry.function(&frame, ways[1].entry.context);
  if (frame.fault != VYRE_FAULT_NONE) bench_wrong("code without checks that checks fuel");
}

/* Ways 0 and 1 are the Program with and without checks, the others C loops. */
static void compare(const char *name, way_t *ways, size_t way_count, const uint64_t *expected, size_t rounds) {
  uint32_t scratch_bytes = 0;
  compile(name, false, &ways[0], &scratch_bytes);
  compile(name, true, &ways[1], &scratch_bytes);
  uint8_t *scratch = aligned_alloc(64, (scratch_bytes + 64u) / 64 * 64);
  uint32_t stop = 0;
  _Alignas(64) vyre_frame_t frame = {.data = (uint64_t)(uintptr_t)data,
                                     .data_bytes = BYTES,
                                     .output = (uint64_t)(uintptr_t)outputs,
                                     .scratch = (uint64_t)(uintptr_t)scratch,
                                     .fuel = UINT64_C(1) << 40,
                                     .stop = (uint64_t)(uintptr_t)&stop,
                                     .flags = VYRE_FRAME_IS_LAST};
  require_difference(ways, frame);
  /* As many calls as fill a round; the first ones warm the caches. */
  uint64_t calls = 1;
  do calls *= 2, run_way(&ways[0], 0, &frame, calls, expected);
  while (ways[0].seconds[0] * (double)calls < ROUND_NS * 1e-9);
  do {
    bench_machine_round_begin();
    for (size_t round = 0; round < rounds; round++)
      for (size_t k = 0; k < way_count; k++)
        run_way(&ways[round % 2 ? way_count - 1 - k : k], round, &frame, calls, expected);
  } while (!bench_machine_round_counts(TRIES));

  printf("%s, %d KiB, %llu calls a round\n", name, BYTES >> 10, (unsigned long long)calls);
  double values[BENCH_ROUNDS_MAX];
  for (size_t k = 0; k < way_count; k++) {
    for (size_t i = 0; i < rounds; i++) values[i] = BYTES * 1e-9 / ways[k].seconds[i];
    bench_report(ways[k].name, "GB/s", values, rounds);
  }
  for (size_t i = 0; i < rounds; i++) values[i] = 100 * (ways[0].seconds[i] / ways[1].seconds[i] - 1);
  char title[256];
  snprintf(title, sizeof title, "%s: cost of checks", name);
  bench_at_most(title, "%", values, rounds, ASKED_PERCENT);
  for (size_t k = 2; k < way_count; k++) {
    bench_divide(ways[k].seconds, ways[0].seconds, rounds, values);
    snprintf(title, sizeof title, "speed with checks / %s", ways[k].name);
    bench_report(title, "", values, rounds);
  }
  vyre_loaded_destroy(ways[0].object);
  vyre_loaded_destroy(ways[1].object);
  free(scratch);
}

/* Bytes as in text: a line end about every 60. */
static void fill(void) {
  static const char letters[] = "eeeeeeeeetttttttaaaaaaooooooiiiiinnnnnsssshhhhrrrrddllccuummwwffggyyppbbvk         ";
  uint64_t random = 1;
  for (uint64_t i = 0; i < BYTES; i++) {
    random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    data[i] = (random >> 33) % 60 == 0 ? '\n' : (uint8_t)letters[(random >> 40) % (sizeof letters - 1)];
  }
}

int main(int argc, char **argv) {
  size_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : ROUNDS_DEFAULT;
  if (rounds < 1 || rounds > BENCH_ROUNDS_MAX) rounds = ROUNDS_DEFAULT;
  bench_machine_watch();
  bench_machine_wait(); /* before it is decided how many calls make a round */
  fill();
  uint64_t counts[256] = {0}, lines[256] = {0};
  bench_histogram_one(data, BYTES, counts);
  lines[0] = counts['\n'];
  way_t line_ways[WAYS_MAX] = {{.name = "count_lines with checks"},
                               {.name = "count_lines without checks"},
                               {.name = "C loop, plain", .count = bench_count_lines_plain},
                               {.name = "C loop, 64 lanes", .count = bench_count_lines_lanes}};
  way_t histogram_ways[WAYS_MAX] = {{.name = "histogram with checks"},
                                    {.name = "histogram without checks"},
                                    {.name = "C loop, one table", .histogram = bench_histogram_one},
                                    {.name = "C loop, four tables", .histogram = bench_histogram_four}};
  compare("count_lines", line_ways, WAYS_MAX, lines, rounds);
  compare("histogram", histogram_ways, WAYS_MAX, counts, rounds);
  return 0;
}
