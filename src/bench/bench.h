/* A run of the benchmark: what its parts share.
 *
 * Owns:    the device, the samples of one row, the values of all rounds.
 * Threads: one; what a part starts has ended when it returns. */
#ifndef VYRE_BENCH_BENCH_H
#define VYRE_BENCH_BENCH_H

#include <vyre/bench.h>

#include "base/status.h"
#include "bench/pacer.h"
#include "device/cuda/baseline.h"

typedef enum vyre_bench_row_id {
#define VYRE_BENCH_ROW(id, part, role, name, title, unit) VYRE_BENCH_ROW_##id,
#define VYRE_BENCH_RATIO(id, part, name, title, above, below) VYRE_BENCH_ROW_##id,
#include "bench/rows.def"
#undef VYRE_BENCH_ROW
#undef VYRE_BENCH_RATIO
  VYRE_BENCH_ROW_COUNT,
} vyre_bench_row_id_t;

typedef struct vyre_bench_column {
  double values[VYRE_BENCH_ROUNDS_MAX], p99[VYRE_BENCH_ROUNDS_MAX];
  double worst;
  uint64_t samples, checked;
  uint32_t count; /* rounds that gave a value */
} vyre_bench_column_t;

typedef struct vyre_bench {
  vyre_bench_params_t params; /* defaults filled in */
  vyre_device_t *device;
  vyre_device_info_t info;
  int gpu; /* index of the GPU; -1 for a device of the host */
  uint32_t round;
  double *samples; /* room for params.latency_slots */
  vyre_bench_column_t columns[VYRE_BENCH_ROW_COUNT];
  vyre_bench_report_t report; /* without rows */
} vyre_bench_t;

/* The same pauses for every row of a round. */
static inline vyre_bench_pacer_t vyre_bench_pacer(const vyre_bench_t *bench) {
  return (vyre_bench_pacer_t){bench->params.seed + bench->round};
}

static inline double vyre_bench_seconds(uint64_t start_ns) { return (double)(vyre_clock_ns() - start_ns) * 1e-9; }

/* One value of this round. */
void vyre_bench_record(vyre_bench_t *bench, vyre_bench_row_id_t row, double value, uint64_t samples, uint64_t checked);
/* A latency: the p50 and p99 of bench->samples (us), which are sorted. */
void vyre_bench_record_latency(vyre_bench_t *bench, vyre_bench_row_id_t row, uint64_t samples, uint64_t checked);
/* Median and range of the rounds, the ratios, as one block. */
vyre_status_t vyre_bench_report_make(const vyre_bench_t *bench, vyre_bench_report_t **out_report);

/* The parts: one round each. The stream's file is opened, written if need be, counted and warm beforehand. */
typedef struct vyre_bench_file vyre_bench_file_t;
vyre_status_t vyre_bench_latency(vyre_bench_t *bench);
vyre_status_t vyre_bench_rate(vyre_bench_t *bench);
vyre_status_t vyre_bench_stream(vyre_bench_t *bench, const vyre_bench_file_t *file);
vyre_status_t vyre_bench_start(vyre_bench_t *bench);
vyre_status_t vyre_bench_compile(vyre_bench_t *bench);
vyre_status_t vyre_bench_cold(vyre_bench_t *bench, const vyre_bench_file_t *file);
/* Lines of the file counted by a session of its own, on the path `ingest`; what is not measured is
 * VYRE_BENCH_ROW_COUNT.
 */
typedef struct vyre_bench_stream_rows {
  vyre_bench_row_id_t flow, whole, cpu;
} vyre_bench_stream_rows_t;
vyre_status_t vyre_bench_run_stream(vyre_bench_t *bench, const vyre_bench_file_t *file, const char *ingest,
                                    const vyre_bench_stream_rows_t *rows);
/* What is best of rows that this round has a value of. */
double vyre_bench_best(const vyre_bench_t *bench, const vyre_bench_row_id_t *rows, uint32_t count);
double vyre_bench_cpu_seconds(void); /* of this process, so far */

/* On a GPU: opens its baselines, measures with them, closes them. No session lives there meanwhile. */
typedef vyre_status_t (*vyre_bench_beside_fn)(vyre_bench_t *bench, vyre_cuda_baseline_t *cuda, void *context);
vyre_status_t vyre_bench_beside(vyre_bench_t *bench, vyre_bench_beside_fn measure, void *context);

vyre_status_t vyre_bench_wrong(vyre_bench_row_id_t row, uint64_t which, uint64_t is, uint64_t right);

#endif
