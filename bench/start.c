/* What a start costs: compiling count_lines, `vyre run` over a file of one chunk beside the start of `wc`, and what a
 * session that has nothing to do takes. All files and libraries are in the page cache.
 *
 * bench-start [ROUNDS] */
#include <unistd.h>

#include <vyre/session.h>

#include "device/cpu/cpu.h"
#include "ir/layout.h"

#include "machine.h"
#include "measure.h"
#include "ok.h"
#include "process.h"
#include "text_file.h"

enum { ROUNDS_DEFAULT = 15, TRIES = 4, IDLE_ROUNDS = 5, IDLE_S = 5, FILE_KIB = 64 };

static const char *program_path(void) { return VYRE_BENCH_PROGRAMS "/count_lines.vyre"; }

/* Compiles, and counts once in a few bytes, so that it is known to be the code that was asked for. */
static double compile_ms(const vyre_program_t *program) {
  vyre_loaded_t *object;
  vyre_entry_t entry;
  double start = bench_now();
  ok(vyre_cpu_compile(program, false, &object, &entry));
  double ms = (bench_now() - start) * 1e3;

  static _Alignas(64) uint64_t outputs[8], scratch[512];
  static const char data[] = "a\nb\n\n";
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  if (layout.scratch_bytes > sizeof scratch || layout.output_bytes > sizeof outputs) bench_wrong("layout");
  uint32_t stop = 0;
  _Alignas(64) vyre_frame_t frame = {.data = (uint64_t)(uintptr_t)data,
                                     .data_bytes = sizeof data - 1,
                                     .output = (uint64_t)(uintptr_t)outputs,
                                     .scratch = (uint64_t)(uintptr_t)scratch,
                                     .fuel = 1000,
                                     .stop = (uint64_t)(uintptr_t)&stop};
  outputs[0] = 0;
  entry.function(&frame, entry.context);
  if (frame.fault != VYRE_FAULT_NONE || outputs[0] != 3) bench_wrong("count_lines");
  vyre_loaded_destroy(object);
  return ms;
}

/* In a fresh process: result[0] with loading the compiler library, result[1] right after it. */
static void compile_twice(void *context, void *result) {
  const vyre_program_t *program = context;
  double *ms = result;
  ms[0] = compile_ms(program);
  ms[1] = compile_ms(program);
}

static void write_source(char path[64]) {
  static const char source[] =
      "#include <stdint.h>\n"
      "uint64_t count(const uint8_t *data, uint64_t bytes) {\n"
      "  uint64_t lines = 0;\n"
      "  for (uint64_t i = 0; i < bytes; i++) lines += data[i] == '\\n';\n"
      "  return lines;\n"
      "}\n";
  snprintf(path, 64, "/tmp/vyre-bench-XXXXXX.c");
  int fd = mkstemps(path, 2);
  if (fd < 0 || write(fd, source, sizeof source - 1) != (ssize_t)(sizeof source - 1)) bench_wrong("temporary source");
  close(fd);
}

typedef struct compile_rounds {
  size_t count;
  double with_loading[BENCH_ROUNDS_MAX], second[BENCH_ROUNDS_MAX], compiler[BENCH_ROUNDS_MAX];
} compile_rounds_t;

/* The first round fills the page cache, and is overwritten by the last. */
static void run_compile_rounds(vyre_program_t *program, const char *source, compile_rounds_t *rounds) {
  static bench_process_t process;
  const char *argv[] = {"cc", "-O3", "-march=native", "-c", "-o", "/dev/null", source, NULL};
  for (size_t i = 0; i <= rounds->count; i++) {
    double ms[2];
    bench_process_call(compile_twice, program, ms, sizeof ms, &process);
    rounds->with_loading[i % rounds->count] = ms[0];
    rounds->second[i % rounds->count] = ms[1];
    bench_process_run(argv, &process);
    rounds->compiler[i % rounds->count] = process.wall_s * 1e3;
  }
}

static void bench_compile(size_t count) {
  vyre_program_t *program;
  ok(vyre_program_load(program_path(), &program));
  char source[64];
  write_source(source);
  static compile_rounds_t rounds;
  rounds.count = count;
  do {
    bench_machine_round_begin();
    run_compile_rounds(program, source, &rounds);
  } while (!bench_machine_round_counts(TRIES));
  unlink(source);
  /* From here on this process has the library, too. */
  compile_ms(program);
  double warm[BENCH_ROUNDS_MAX], ratio[BENCH_ROUNDS_MAX];
  for (size_t i = 0; i < count; i++) warm[i] = compile_ms(program);
  vyre_program_destroy(&program);
  bench_at_most("compile count_lines, library loaded", "ms", warm, count, 50);
  bench_report("the same, second time in a fresh process", "ms", rounds.second, count);
  bench_at_most("compile count_lines, with loading the library", "ms", rounds.with_loading, count, 50);
  bench_report("cc -O3 -c of the same loop, the process", "ms", rounds.compiler, count);
  bench_divide(rounds.compiler, rounds.with_loading, count, ratio);
  bench_report("cc -O3 -c / compile with loading", "", ratio, count);
}

typedef struct chunk_rounds {
  size_t count;
  double output[BENCH_ROUNDS_MAX], wall[BENCH_ROUNDS_MAX], cpu[BENCH_ROUNDS_MAX], wc[BENCH_ROUNDS_MAX];
} chunk_rounds_t;

static void run_chunk_rounds(const char *path, chunk_rounds_t *rounds) {
  static bench_process_t vyre, wc;
  const char *vyre_argv[] = {bench_process_sibling("vyre"), "run", "--quiet", program_path(), path, NULL};
  const char *wc_argv[] = {"wc", "-l", path, NULL};
  for (size_t i = 0; i <= rounds->count; i++) {
    size_t at = i % rounds->count;
    bench_process_run(wc_argv, &wc);
    bench_process_run(vyre_argv, &vyre);
    unsigned long long lines = 0;
    if (sscanf(vyre.output, "lines %llu", &lines) != 1 || lines != strtoull(wc.output, NULL, 10))
      bench_wrong("count_lines differs from wc -l");
    rounds->output[at] = vyre.output_s * 1e3;
    rounds->wall[at] = vyre.wall_s * 1e3;
    rounds->cpu[at] = vyre.cpu_s * 1e3;
    rounds->wc[at] = wc.wall_s * 1e3;
  }
}

static void bench_first_chunk(size_t count) {
  bench_text_file_t file;
  bench_text_file_open(NULL, FILE_KIB << 10, false, &file);
  static chunk_rounds_t rounds;
  rounds.count = count;
  do {
    bench_machine_round_begin();
    run_chunk_rounds(file.path, &rounds);
  } while (!bench_machine_round_counts(TRIES));
  bench_text_file_close(&file);
  double ratio[BENCH_ROUNDS_MAX];
  bench_report("wc -l, one chunk, wall", "ms", rounds.wc, count);
  bench_at_most("vyre run, one chunk, until its answer is read", "ms", rounds.output, count, 80);
  bench_report("vyre run, one chunk, wall", "ms", rounds.wall, count);
  bench_report("vyre run, one chunk, CPU", "ms", rounds.cpu, count);
  bench_divide(rounds.output, rounds.wc, count, ratio);
  bench_report("vyre run until its answer / wc -l wall", "", ratio, count);
}

static double process_cpu_s(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

static double percent_while_asleep(void) {
  double cpu = process_cpu_s(), start = bench_now();
  nanosleep(&(struct timespec){IDLE_S, 0}, NULL);
  return 100 * (process_cpu_s() - cpu) / (bench_now() - start);
}

static void bench_idle(void) {
  double idle[IDLE_ROUNDS], without = percent_while_asleep();
  vyre_device_t *device;
  vyre_session_t *session;
  ok(vyre_device_open("cpu", &device));
  ok(vyre_session_create(device, &(vyre_session_params_t){0}, &session));
  ok(vyre_session_start(session));
  uint32_t window, *memory;
  ok(vyre_session_window_create(session, 4096, &window, (void **)&memory));
  for (uint32_t i = 0; i < IDLE_ROUNDS; i++) {
    idle[i] = percent_while_asleep();
    /* It slept, it did not die: it answers at once. */
    memory[0] = i + 7;
    vyre_ticket_t ticket;
    vyre_completion_t completion;
    ok(vyre_session_submit(session, &(vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {window, 0}}, 0, &ticket));
    ok(vyre_session_wait(session, ticket, UINT64_C(1000000000), &completion));
    if (completion.state != VYRE_SLOT_DONE || completion.result[0] != i + 7) bench_wrong("a slot after the sleep");
  }
  vyre_session_stats_t stats = vyre_session_stats(session);
  vyre_session_destroy(&session);
  vyre_device_close(&device);
  bench_report("CPU over 5 s, no session", "% of a core", &without, 1);
  printf("the session has %llu workers\n", (unsigned long long)stats.workers);
  bench_at_most("CPU over 5 s, idle session", "% of a core", idle, IDLE_ROUNDS, 1);
}

int main(int argc, char **argv) {
  size_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : ROUNDS_DEFAULT;
  if (rounds < 1 || rounds > BENCH_ROUNDS_MAX) rounds = ROUNDS_DEFAULT;
  bench_machine_watch();
  bench_compile(rounds);
  bench_first_chunk(rounds);
  bench_idle();
  return 0;
}
