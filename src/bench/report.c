/* Figures of a run: recorded round by round, then medians, ranges and ratios as one block. */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "bench/bench.h"
#include "bench/quantile.h"

static const struct {
  const char *part, *name, *title, *unit;
  vyre_bench_role_t role;
  vyre_bench_row_id_t above, below; /* ratios */
} rows[] = {
#define PART_LATENCY "latency"
#define PART_RATE "rate"
#define PART_STREAM "stream"
#define PART_COLD "cold"
#define PART_START "start"
#define PART_COMPILE "compile"
#define VYRE_BENCH_ROW(id, part, role, name, title, unit) \
  {PART_##part, name, title, unit, VYRE_BENCH_##role, VYRE_BENCH_ROW_COUNT, VYRE_BENCH_ROW_COUNT},
#define VYRE_BENCH_RATIO(id, part, name, title, above, below) \
  {PART_##part, name, title, "", VYRE_BENCH_RATIO, VYRE_BENCH_ROW_##above, VYRE_BENCH_ROW_##below},
#include "bench/rows.def"
#undef VYRE_BENCH_ROW
#undef VYRE_BENCH_RATIO
};

vyre_status_t vyre_bench_wrong(vyre_bench_row_id_t row, uint64_t which, uint64_t is, uint64_t right) {
  return vyre_status_make(VYRE_E_WRONG_ANSWER, "%s: number %llu is %llu, and %llu is right", rows[row].title,
                          (unsigned long long)which, (unsigned long long)is, (unsigned long long)right);
}

void vyre_bench_record(vyre_bench_t *bench, vyre_bench_row_id_t row, double value, uint64_t samples, uint64_t checked) {
  vyre_bench_column_t *column = &bench->columns[row];
  VYRE_ASSERT(column->count == bench->round && column->count < VYRE_BENCH_ROUNDS_MAX);
  column->values[column->count++] = value;
  column->samples += samples;
  column->checked += checked;
}

void vyre_bench_record_latency(vyre_bench_t *bench, vyre_bench_row_id_t row, uint64_t samples, uint64_t checked) {
  vyre_bench_column_t *column = &bench->columns[row];
  vyre_bench_sort(bench->samples, samples);
  column->p99[column->count] = vyre_bench_quantile(bench->samples, samples, 0.99);
  double worst = bench->samples[samples - 1];
  if (worst > column->worst) column->worst = worst;
  vyre_bench_record(bench, row, vyre_bench_quantile(bench->samples, samples, 0.5), samples, checked);
}

static uint32_t ratio_values(const vyre_bench_t *bench, uint32_t row, double *out_values) {
  const vyre_bench_column_t *above = &bench->columns[rows[row].above], *below = &bench->columns[rows[row].below];
  if (above->count == 0 || below->count == 0) return 0;
  VYRE_ASSERT(above->count == below->count);
  for (uint32_t i = 0; i < above->count; i++) out_values[i] = above->values[i] / below->values[i];
  return above->count;
}

/* False when the run has no values for it. */
static bool fill_row(const vyre_bench_t *bench, uint32_t row, vyre_bench_row_t *out_row) {
  const vyre_bench_column_t *column = &bench->columns[row];
  bool is_ratio = rows[row].role == VYRE_BENCH_RATIO;
  double values[VYRE_BENCH_ROUNDS_MAX], p99[VYRE_BENCH_ROUNDS_MAX];
  uint32_t count = is_ratio ? ratio_values(bench, row, values) : column->count;
  if (count == 0) return false;
  if (!is_ratio) memcpy(values, column->values, count * sizeof *values);
  memcpy(p99, column->p99, count * sizeof *p99);
  vyre_bench_sort(values, count);
  vyre_bench_sort(p99, count);
  *out_row = (vyre_bench_row_t){.part = rows[row].part,
                                .name = rows[row].name,
                                .title = rows[row].title,
                                .unit = rows[row].unit,
                                .role = rows[row].role,
                                .median = vyre_bench_quantile(values, count, 0.5),
                                .min = values[0],
                                .max = values[count - 1],
                                .p99 = vyre_bench_quantile(p99, count, 0.5),
                                .worst = column->worst,
                                .samples = column->samples,
                                .checked = column->checked};
  return true;
}

/* The strings of the device end with it: they are copied behind the rows. */
static const char *put(char **at, const char *text) {
  char *copy = *at;
  size_t bytes = strlen(text) + 1;
  memcpy(copy, text, bytes);
  *at += bytes;
  return copy;
}

typedef struct block {
  vyre_bench_report_t report;
  vyre_bench_row_t rows[VYRE_BENCH_ROW_COUNT];
  char strings[];
} block_t;

vyre_status_t vyre_bench_report_make(const vyre_bench_t *bench, vyre_bench_report_t **out_report) {
  const vyre_device_info_t *info = &bench->info;
  size_t bytes = sizeof(block_t) + strlen(info->name) + strlen(info->description) + strlen(info->reason) + 3;
  block_t *block = vyre_calloc(1, bytes);
  if (!block) return vyre_out_of_memory(bytes);
  char *at = block->strings;
  block->report = bench->report;
  block->report.device = put(&at, info->name);
  block->report.description = put(&at, info->description);
  block->report.reason = put(&at, info->reason);
  block->report.rounds = bench->params.rounds;
  block->report.seed = bench->params.seed;
  block->report.rows = block->rows;
  for (uint32_t row = 0; row < VYRE_BENCH_ROW_COUNT; row++)
    block->report.row_count += fill_row(bench, row, &block->rows[block->report.row_count]);
  *out_report = &block->report;
  return NULL;
}

void vyre_bench_report_destroy(vyre_bench_report_t **report) {
  if (!report || !*report) return;
  vyre_free(*report); /* the block begins with it */
  *report = NULL;
}
