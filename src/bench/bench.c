#include "bench/bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench/file.h"

vyre_status_t vyre_bench_beside(vyre_bench_t *bench, vyre_bench_beside_fn measure, void *context) {
  vyre_cuda_baseline_t *cuda;
  VYRE_TRY(vyre_cuda_baseline_open(bench->gpu, &cuda));
  vyre_status_t status = measure(bench, cuda, context);
  vyre_status_t closed = vyre_cuda_baseline_close(&cuda);
  return status ? vyre_status_because(status, closed) : closed;
}

enum { ROUNDS_DEFAULT = 5 };
#define LATENCY_SLOTS_DEFAULT UINT64_C(100000)
#define LATENCY_SLOTS_MAX UINT64_C(100000000)
#define RATE_SLOTS_DEFAULT UINT64_C(2000000)
#define RATE_SLOTS_MIN UINT64_C(4) /* one for each producer */
#define BYTES_DEFAULT (UINT64_C(1) << 30)
#define ALL_PARTS \
  (VYRE_BENCH_LATENCY | VYRE_BENCH_RATE | VYRE_BENCH_STREAM | VYRE_BENCH_START | VYRE_BENCH_COMPILE | VYRE_BENCH_COLD)
#define FILE_PARTS (VYRE_BENCH_STREAM | VYRE_BENCH_COLD)

static vyre_status_t fill_defaults(vyre_bench_params_t *p) {
  if (!p->device) p->device = "auto";
  if (!p->parts) p->parts = ALL_PARTS & ~(uint32_t)VYRE_BENCH_COLD;
  if (!p->rounds) p->rounds = ROUNDS_DEFAULT;
  if (!p->latency_slots) p->latency_slots = LATENCY_SLOTS_DEFAULT;
  if (!p->rate_slots) p->rate_slots = RATE_SLOTS_DEFAULT;
  if (!p->bytes) p->bytes = BYTES_DEFAULT;
  if (!p->seed) p->seed = 1;
  if (p->parts & ~(uint32_t)ALL_PARTS) return vyre_status_make(VYRE_E_ARGUMENT, "parts is 0x%x", p->parts);
  if (p->rounds > VYRE_BENCH_ROUNDS_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "%u rounds; at most %d are possible", p->rounds, VYRE_BENCH_ROUNDS_MAX);
  if (p->latency_slots > LATENCY_SLOTS_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "latency_slots is %llu; at most %llu are possible",
                            (unsigned long long)p->latency_slots, (unsigned long long)LATENCY_SLOTS_MAX);
  if (p->rate_slots < RATE_SLOTS_MIN)
    return vyre_status_make(VYRE_E_ARGUMENT, "rate_slots is %llu; at least %llu are needed",
                            (unsigned long long)p->rate_slots, (unsigned long long)RATE_SLOTS_MIN);
  return NULL;
}

/* "cuda:1" is 1, "cuda" is 0, every other device is one of the host. */
static int gpu_of(const char *device) {
  if (strncmp(device, "cuda", 4) != 0) return -1;
  return device[4] == ':' ? atoi(device + 5) : 0;
}

/* In the order they run in. */
static const struct part {
  uint32_t bit;
  const char *name;
  vyre_status_t (*measure)(vyre_bench_t *bench);
  vyre_status_t (*measure_file)(vyre_bench_t *bench, const vyre_bench_file_t *file); /* instead */
} parts[] = {
    {VYRE_BENCH_LATENCY, "latency", vyre_bench_latency, NULL}, {VYRE_BENCH_RATE, "rate", vyre_bench_rate, NULL},
    {VYRE_BENCH_STREAM, "stream", NULL, vyre_bench_stream},    {VYRE_BENCH_START, "start", vyre_bench_start, NULL},
    {VYRE_BENCH_COMPILE, "compile", vyre_bench_compile, NULL}, {VYRE_BENCH_COLD, "cold", NULL, vyre_bench_cold}};

/* A candidate and its baselines alternate, so that what the machine does meanwhile meets both. */
static vyre_status_t run_part(vyre_bench_t *bench, const struct part *part, const vyre_bench_file_t *file) {
  for (bench->round = 0; bench->round < bench->params.rounds; bench->round++) {
    if (bench->params.progress)
      bench->params.progress(bench->params.progress_context, part->name, bench->round + 1, bench->params.rounds);
    vyre_status_t status = part->measure ? part->measure(bench) : part->measure_file(bench, file);
    if (status) return vyre_status_context(status, "measuring %s, round %u", part->name, bench->round + 1);
  }
  return NULL;
}

static vyre_status_t run_parts(vyre_bench_t *bench, const vyre_bench_file_t *file) {
  if (bench->params.parts & VYRE_BENCH_LATENCY) {
    bench->samples = vyre_calloc(bench->params.latency_slots, sizeof *bench->samples);
    if (!bench->samples) return vyre_out_of_memory(bench->params.latency_slots * sizeof *bench->samples);
  }
  for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
    if (bench->params.parts & parts[i].bit) VYRE_TRY(run_part(bench, &parts[i], file));
  return NULL;
}

/* The file first: what is wrong with it shows before anything is measured. */
static vyre_status_t run_on_device(vyre_bench_t *bench, vyre_bench_report_t **out_report) {
  bench->info = vyre_device_info(bench->device);
  bench->gpu = gpu_of(bench->info.name);
  bench->report.ingest = "";
  vyre_bench_file_t file = {.fd = -1};
  vyre_status_t status = bench->params.parts & FILE_PARTS ? vyre_bench_file_open(&bench->params, &file) : NULL;
  if (!status) status = run_parts(bench, &file);
  bench->report.bytes = file.bytes;
  bench->report.lines = file.lines;
  vyre_bench_file_close(&file);
  return status ? status : vyre_bench_report_make(bench, out_report);
}

vyre_status_t vyre_bench_run(const vyre_bench_params_t *params, vyre_bench_report_t **out_report) {
  vyre_bench_t *bench = vyre_calloc(1, sizeof *bench);
  if (!bench) return vyre_out_of_memory(sizeof *bench);
  if (params) bench->params = *params;
  vyre_status_t status = fill_defaults(&bench->params);
  if (!status) status = vyre_device_open(bench->params.device, &bench->device);
  if (!status) status = run_on_device(bench, out_report);
  if (bench->device) vyre_device_close(&bench->device);
  vyre_free(bench->samples);
  vyre_free(bench);
  return status;
}
