/* Warm files through `vyre run`, as a whole process: count_lines beside `wc -l`, histogram beside a C loop over a
 * mapping that is there beforehand. Rounds run each way once, one after the other; every answer is compared.
 *
 * bench-stream [--bytes MIB] [--dir FOLDER] [--rounds N] [--keep]
 * The text file (4096 MiB) is made in FOLDER ($TMPDIR, or /var/tmp) and removed, unless --keep. */
#include <getopt.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loops.h"
#include "machine.h"
#include "measure.h"
#include "process.h"
#include "text_file.h"

enum { ROUNDS_DEFAULT = 7, SMALL_MIB = 64, HOLE_MIB = 12 << 10, RSS_ASKED_MIB = 192 };

typedef struct loop_context {
  int fd;
  uint64_t bytes;
  void (*histogram)(const uint8_t *data, uint64_t bytes, uint64_t counts[256]);
} loop_context_t;

typedef struct loop_result {
  double seconds;
  uint64_t touched; /* keeps the reads that touch the pages */
  uint64_t counts[256];
} loop_result_t;

typedef struct vyre_result {
  double seconds; /* of the stream, by its own report */
  bench_process_t process;
} vyre_result_t;

/* One column per way, one row per round. */
typedef struct rounds {
  size_t count;
  double wc[BENCH_ROUNDS_MAX], lines[BENCH_ROUNDS_MAX], lines_stream[BENCH_ROUNDS_MAX];
  double one[BENCH_ROUNDS_MAX], four[BENCH_ROUNDS_MAX];
  double histogram[BENCH_ROUNDS_MAX], histogram_stream[BENCH_ROUNDS_MAX];
  double wc_rss[BENCH_ROUNDS_MAX], lines_rss[BENCH_ROUNDS_MAX], loop_rss[BENCH_ROUNDS_MAX],
      histogram_rss[BENCH_ROUNDS_MAX];
  double lines_cpu[BENCH_ROUNDS_MAX], histogram_cpu[BENCH_ROUNDS_MAX];
} rounds_t;

static void run_loop(void *context, void *result) {
  const loop_context_t *loop = context;
  loop_result_t *out = result;
  const uint8_t *data = mmap(NULL, loop->bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, loop->fd, 0);
  if (data == MAP_FAILED) {
    perror("bench-stream: mmap");
    _exit(1);
  }
  memset(out, 0, sizeof *out);
  for (uint64_t i = 0; i < loop->bytes; i += 4096) out->touched += data[i];
  double start = bench_now();
  loop->histogram(data, loop->bytes, out->counts);
  out->seconds = bench_now() - start;
}

/* The numbers behind `key` in vyre's JSON. */
static const char *json_find(const char *json, const char *key) {
  const char *at = strstr(json, key);
  if (!at) bench_wrong(key);
  return at + strlen(key);
}

static void run_vyre(const char *program, const char *path, vyre_result_t *out_result) {
  char program_path[4096];
  snprintf(program_path, sizeof program_path, "%s/%s.vyre", VYRE_BENCH_PROGRAMS, program);
  const char *argv[] = {bench_process_sibling("vyre"), "run", "--quiet", "--json", program_path, path, NULL};
  bench_process_run(argv, &out_result->process);
  out_result->seconds = strtod(json_find(out_result->process.output, "\"seconds\": "), NULL);
}

static uint64_t lines_of_vyre(const vyre_result_t *result) {
  return strtoull(json_find(result->process.output, "\"lines\": "), NULL, 10);
}

static void compare_histogram(const vyre_result_t *result, const uint64_t counts[256]) {
  char *at = (char *)(uintptr_t)json_find(result->process.output, "\"counts\": [");
  for (int i = 0; i < 256; i++) {
    if (strtoull(at, &at, 10) != counts[i]) bench_wrong("histogram: a bin differs from the C loop's");
    if (*at != (i < 255 ? ',' : ']')) bench_wrong("histogram: 256 bins");
    at++;
  }
}

static void run_round(const bench_text_file_t *file, rounds_t *rounds) {
  static vyre_result_t vyre;
  static bench_process_t process;
  static loop_result_t one, four;
  size_t i = rounds->count++;

  bench_process_run((const char *[]){"wc", "-l", file->path, NULL}, &process);
  uint64_t lines = strtoull(process.output, NULL, 10);
  rounds->wc[i] = process.wall_s;
  rounds->wc_rss[i] = process.rss_max_mib;

  run_vyre("count_lines", file->path, &vyre);
  if (lines_of_vyre(&vyre) != lines) bench_wrong("count_lines differs from wc -l");
  rounds->lines[i] = vyre.process.wall_s;
  rounds->lines_stream[i] = vyre.seconds;
  rounds->lines_rss[i] = vyre.process.rss_max_mib;
  rounds->lines_cpu[i] = vyre.process.cpu_s;

  loop_context_t loop = {.fd = file->fd, .bytes = file->bytes, .histogram = bench_histogram_one};
  bench_process_call(run_loop, &loop, &one, sizeof one, &process);
  rounds->one[i] = one.seconds;
  rounds->loop_rss[i] = process.rss_max_mib;

  run_vyre("histogram", file->path, &vyre);
  compare_histogram(&vyre, one.counts);
  if (one.counts['\n'] != lines) bench_wrong("histogram differs from wc -l");
  rounds->histogram[i] = vyre.process.wall_s;
  rounds->histogram_stream[i] = vyre.seconds;
  rounds->histogram_rss[i] = vyre.process.rss_max_mib;
  rounds->histogram_cpu[i] = vyre.process.cpu_s;

  loop.histogram = bench_histogram_four;
  bench_process_call(run_loop, &loop, &four, sizeof four, &process);
  if (memcmp(one.counts, four.counts, sizeof one.counts) != 0) bench_wrong("the two C loops differ");
  rounds->four[i] = four.seconds;
}

static void report_speed(const char *name, const double *seconds, size_t count, uint64_t bytes) {
  double speeds[BENCH_ROUNDS_MAX];
  for (size_t i = 0; i < count; i++) speeds[i] = (double)bytes * 1e-9 / seconds[i];
  bench_report(name, "GB/s", speeds, count);
}

static void report(const rounds_t *rounds, uint64_t bytes) {
  size_t n = rounds->count;
  double ratio[BENCH_ROUNDS_MAX];
  bench_report("wc -l, wall", "s", rounds->wc, n);
  bench_report("vyre run count_lines, wall", "s", rounds->lines, n);
  bench_report("vyre run count_lines, CPU", "s", rounds->lines_cpu, n);
  report_speed("vyre run count_lines, stream", rounds->lines_stream, n, bytes);
  bench_divide(rounds->wc, rounds->lines, n, ratio);
  bench_at_least("wc -l wall / vyre run count_lines wall", "", ratio, n, 1.2);

  report_speed("C loop, one table, mapping, loop alone", rounds->one, n, bytes);
  report_speed("C loop, four tables, mapping, loop alone", rounds->four, n, bytes);
  bench_report("C loop, one table, loop alone", "s", rounds->one, n);
  bench_report("vyre run histogram, wall", "s", rounds->histogram, n);
  bench_report("vyre run histogram, CPU", "s", rounds->histogram_cpu, n);
  report_speed("vyre run histogram, stream", rounds->histogram_stream, n, bytes);
  bench_divide(rounds->one, rounds->histogram, n, ratio);
  bench_at_least("C loop one table / vyre run histogram wall", "", ratio, n, 2);
  bench_divide(rounds->one, rounds->histogram_stream, n, ratio);
  bench_at_least("C loop one table / vyre histogram stream", "", ratio, n, 2);
  bench_divide(rounds->four, rounds->histogram_stream, n, ratio);
  bench_report("C loop four tables / vyre histogram stream", "", ratio, n);

  bench_report("wc -l, peak memory", "MiB", rounds->wc_rss, n);
  bench_report("C loop, peak memory (its mapping)", "MiB", rounds->loop_rss, n);
  bench_at_most("vyre run count_lines, peak memory", "MiB", rounds->lines_rss, n, RSS_ASKED_MIB);
  bench_at_most("vyre run histogram, peak memory", "MiB", rounds->histogram_rss, n, RSS_ASKED_MIB);
}

/* Memory does not depend on the size of the file: the same for a small one and for one larger than most. */
static void report_memory(const char *folder, size_t rounds) {
  static vyre_result_t vyre;
  bench_text_file_t file;
  double rss[BENCH_ROUNDS_MAX];
  bench_text_file_open(folder, (uint64_t)SMALL_MIB << 20, false, &file);
  for (size_t i = 0; i < rounds; i++) {
    run_vyre("histogram", file.path, &vyre);
    rss[i] = vyre.process.rss_max_mib;
  }
  bench_text_file_close(&file);
  bench_at_most("vyre run histogram, peak memory, 64 MiB file", "MiB", rss, rounds, RSS_ASKED_MIB);

  bench_text_file_open_hole(folder, (uint64_t)HOLE_MIB << 20, &file);
  run_vyre("count_lines", file.path, &vyre);
  if (lines_of_vyre(&vyre) != 0) bench_wrong("lines in a hole");
  bench_text_file_close(&file);
  bench_at_most("vyre run count_lines, peak memory, 12 GiB hole", "MiB", &vyre.process.rss_max_mib, 1, RSS_ASKED_MIB);
}

int main(int argc, char **argv) {
  static const struct option options[] = {{"bytes", required_argument, NULL, 'b'},
                                          {"dir", required_argument, NULL, 'd'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"keep", no_argument, NULL, 'k'},
                                          {NULL, 0, NULL, 0}};
  uint64_t mib = 4096;
  size_t count = ROUNDS_DEFAULT;
  const char *folder = NULL;
  bool is_kept = false;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
      case 'b': mib = strtoull(optarg, NULL, 10); break;
      case 'd': folder = optarg; break;
      case 'r': count = strtoull(optarg, NULL, 10); break;
      case 'k': is_kept = true; break;
      default: return 2;
    }
  if (count < 1 || count > BENCH_ROUNDS_MAX || mib < 1 || optind < argc) {
    fprintf(stderr, "usage: bench-stream [--bytes MIB] [--dir FOLDER] [--rounds 1..%d] [--keep]\n", BENCH_ROUNDS_MAX);
    return 2;
  }
  bench_text_file_t file;
  bench_text_file_open(folder, mib << 20, is_kept, &file);
  bench_machine_watch();
  static rounds_t rounds;
  double resident_before = bench_text_file_resident(&file);
  while (rounds.count < count) {
    bench_machine_round_begin();
    run_round(&file, &rounds);
    if (!bench_machine_round_counts(count)) rounds.count--;
  }
  double resident = bench_text_file_resident(&file);
  printf("file of %llu MiB; in the page cache before %.1f %%, after %.1f %%\n", (unsigned long long)(file.bytes >> 20),
         100 * resident_before, 100 * resident);
  if (resident_before < 1 || resident < 1) {
    fprintf(stderr, "bench-stream: the file does not stay in the page cache\nFix: Free memory, or use --bytes MIB.\n");
    return 1;
  }
  report(&rounds, file.bytes);
  bench_text_file_close(&file);
  report_memory(folder, count);
  return 0;
}
