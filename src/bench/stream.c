/* Lines of a warm file counted: a stream, and what people write. */
#include <string.h>
#include <sys/resource.h>

#include <vyre/stream.h>

#include "base/memory.h"
#include "bench/baseline_host.h"
#include "bench/bench.h"
#include "bench/file.h"
#include "device/device.h"

enum { VERIFY_BYTES = 4 << 20 };
#define WAIT_NS (10 * VYRE_NS_PER_S)
#define STOP_NS_MAX (5 * VYRE_NS_PER_S)

static const char count_program[] =
    "program bench_lines\n"
    "stream data : u8\n"
    "output lines : u64 sum\n"
    "\n"
    "foreach i in 0 .. len(data) {\n"
    "  if data[i] == '\\n' {\n"
    "    lines += 1\n"
    "  }\n"
    "}\n";

static double rate(const vyre_bench_file_t *file, double seconds) { return (double)file->bytes / seconds * 1e-9; }

/* ---- the stream ---- */

static vyre_status_t wait_for_end(vyre_stream_t *stream) {
  uint64_t seen = 0;
  for (bool is_finished = false;;) {
    VYRE_TRY(vyre_stream_wait(stream, WAIT_NS, &is_finished));
    if (is_finished) return NULL;
    uint64_t done = vyre_stream_progress(stream).bytes_done;
    if (done == seen)
      return vyre_status_make(VYRE_E_DEADLINE, "the stream stands still at byte %llu", (unsigned long long)done);
    seen = done;
  }
}

double vyre_bench_cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static vyre_status_t run_stream(vyre_bench_t *bench, const vyre_bench_file_t *file, vyre_stream_t *stream,
                                uint64_t start_ns, double start_cpu, const vyre_bench_stream_rows_t *rows) {
  uint64_t opened_ns = vyre_clock_ns(), lines = 0, early = vyre_stream_progress(stream).bytes_done;
  VYRE_TRY(wait_for_end(stream));
  double seconds = vyre_bench_seconds(opened_ns), whole_seconds = vyre_bench_seconds(start_ns);
  double whole = (double)file->bytes / whole_seconds * 1e-9;
  double cpu = (vyre_bench_cpu_seconds() - start_cpu) / ((double)file->bytes * 1e-9);
  /* Without the opening, as the baselines are, and without the bytes that were through before its end. A file that was
   * half through by then is too short to tell the two apart. */
  double flow = early > file->bytes / 2 ? whole : (double)(file->bytes - early) / seconds * 1e-9;
  VYRE_TRY(vyre_stream_output(stream, 0, &lines, sizeof lines));
  if (lines != file->lines) return vyre_bench_wrong(rows->flow, 0, lines, file->lines);
  vyre_stream_report_t report = vyre_stream_report(stream);
  if (report.bytes != file->bytes) return vyre_bench_wrong(rows->flow, 1, report.bytes, file->bytes);
  if (rows->whole < VYRE_BENCH_ROW_COUNT) bench->report.ingest = report.ingest;
  bench->report.chunk_bytes = report.chunk_bytes;
  bench->report.depth = report.depth;
  vyre_bench_record(bench, rows->flow, flow, file->bytes, 1);
  if (rows->whole < VYRE_BENCH_ROW_COUNT) vyre_bench_record(bench, rows->whole, whole, file->bytes, 1);
  if (rows->cpu < VYRE_BENCH_ROW_COUNT) vyre_bench_record(bench, rows->cpu, cpu, file->bytes, 1);
  return NULL;
}

static vyre_status_t run_session(vyre_bench_t *bench, const vyre_bench_file_t *file, const char *ingest,
                                 const vyre_bench_stream_rows_t *rows, vyre_session_t *session) {
  vyre_program_t *program;
  uint32_t opcode = 0;
  VYRE_TRY(vyre_program_parse(count_program, strlen(count_program), "bench_lines.vyre", &program));
  vyre_status_t status = vyre_session_register(session, program, &opcode);
  vyre_program_destroy(&program);
  VYRE_TRY(status);
  VYRE_TRY(vyre_session_start(session));
  bench->report.stream_workers = (uint32_t)vyre_session_stats(session).workers;
  vyre_stream_params_t params = {.paths = &file->name,
                                 .path_count = 1,
                                 .ingest = ingest,
                                 .chunk_bytes = bench->params.chunk_bytes,
                                 .depth = bench->params.depth};
  vyre_stream_t *stream;
  uint64_t start_ns = vyre_clock_ns();
  double start_cpu = vyre_bench_cpu_seconds();
  VYRE_TRY(vyre_stream_open(session, opcode, &params, &stream));
  status = run_stream(bench, file, stream, start_ns, start_cpu, rows);
  vyre_stream_close(&stream);
  VYRE_TRY(status);
  return vyre_session_stop(session, STOP_NS_MAX);
}

vyre_status_t vyre_bench_run_stream(vyre_bench_t *bench, const vyre_bench_file_t *file, const char *ingest,
                                    const vyre_bench_stream_rows_t *rows) {
  vyre_session_t *session;
  VYRE_TRY(vyre_session_create(bench->device, &(vyre_session_params_t){.workers = bench->params.workers}, &session));
  vyre_status_t status = run_session(bench, file, ingest, rows, session);
  vyre_session_destroy(&session);
  return status;
}

/* ---- baselines ---- */

static vyre_status_t host_loop(vyre_bench_t *bench, const vyre_bench_file_t *file, uint32_t threads,
                               vyre_bench_row_id_t row, double *best) {
  double seconds;
  uint64_t lines;
  VYRE_TRY(vyre_bench_loop_run(file->fd, file->bytes, threads, &seconds, &lines));
  if (lines != file->lines) return vyre_bench_wrong(row, 0, lines, file->lines);
  vyre_bench_record(bench, row, rate(file, seconds), file->bytes, 1);
  if (rate(file, seconds) > *best) *best = rate(file, seconds);
  return NULL;
}

static vyre_status_t host_baselines(vyre_bench_t *bench, const vyre_bench_file_t *file, double *best) {
  uint32_t workers = bench->report.stream_workers;
  VYRE_TRY(host_loop(bench, file, 1, VYRE_BENCH_ROW_STREAM_LOOP_1, best));
  if (workers < 2) return NULL;
  return host_loop(bench, file, workers, VYRE_BENCH_ROW_STREAM_LOOP_N, best);
}

/* Byte i of the GPU's memory is byte i % period of the file. `buffers` has room for two blocks; period is the size of
 * the file or a multiple of a block. */
static vyre_status_t verify(const vyre_bench_file_t *file, vyre_cuda_baseline_t *cuda, uint64_t period,
                            vyre_bench_row_id_t row, uint8_t *buffers) {
  uint8_t *copied = buffers, *wanted = buffers + VERIFY_BYTES;
  for (uint64_t at = 0; at < file->bytes; at += VERIFY_BYTES) {
    size_t size = file->bytes - at < VERIFY_BYTES ? (size_t)(file->bytes - at) : VERIFY_BYTES;
    VYRE_TRY(vyre_cuda_baseline_read(cuda, at, copied, size));
    VYRE_TRY(vyre_bench_file_read(file->fd, wanted, size, at % period));
    if (memcmp(copied, wanted, size) == 0) continue;
    size_t i = 0;
    while (copied[i] == wanted[i]) i++;
    return vyre_bench_wrong(row, at + i, copied[i], wanted[i]);
  }
  return NULL;
}

/* What the copies work on: the file, room to compare them, and the best rate of those with pread. */
typedef struct copies {
  const vyre_bench_file_t *file;
  uint8_t *buffers;
  double best, best_cpu;
} copies_t;

static vyre_status_t cuda_copies(vyre_bench_t *bench, vyre_cuda_baseline_t *cuda, void *context) {
  copies_t *copies = context;
  const vyre_bench_file_t *file = copies->file;
  static const struct {
    uint32_t threads; /* 0: from pinned memory */
    vyre_bench_row_id_t row;
  } ways[] = {{0, VYRE_BENCH_ROW_STREAM_CEILING},
              {1, VYRE_BENCH_ROW_STREAM_PREAD_1},
              {4, VYRE_BENCH_ROW_STREAM_PREAD_4},
              {16, VYRE_BENCH_ROW_STREAM_PREAD_16}};
  VYRE_TRY(vyre_cuda_baseline_memory(cuda, file->bytes));
  for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
    double seconds, start_cpu = vyre_bench_cpu_seconds();
    uint64_t period = file->bytes;
    VYRE_TRY(ways[i].threads ? vyre_cuda_baseline_copy_file(cuda, file->fd, ways[i].threads, &seconds)
                             : vyre_cuda_baseline_copy_pinned(cuda, file->fd, &period, &seconds));
    double cpu = (vyre_bench_cpu_seconds() - start_cpu) / ((double)file->bytes * 1e-9);
    VYRE_TRY(verify(file, cuda, period, ways[i].row, copies->buffers));
    vyre_bench_record(bench, ways[i].row, rate(file, seconds), file->bytes, 1);
    if (!ways[i].threads || rate(file, seconds) <= copies->best) continue;
    copies->best = rate(file, seconds);
    copies->best_cpu = cpu;
  }
  return NULL;
}

static vyre_status_t cuda_baselines(vyre_bench_t *bench, const vyre_bench_file_t *file, double *best) {
  copies_t copies = {.file = file, .buffers = vyre_alloc(2 * VERIFY_BYTES)};
  if (!copies.buffers) return vyre_out_of_memory(2 * VERIFY_BYTES);
  vyre_status_t status = vyre_bench_beside(bench, cuda_copies, &copies);
  vyre_free(copies.buffers);
  *best = copies.best;
  if (!status) vyre_bench_record(bench, VYRE_BENCH_ROW_STREAM_BEST_CPU, copies.best_cpu, file->bytes, 0);
  return status;
}

double vyre_bench_best(const vyre_bench_t *bench, const vyre_bench_row_id_t *rows, uint32_t count) {
  double best = 0;
  for (uint32_t i = 0; i < count; i++) {
    const vyre_bench_column_t *column = &bench->columns[rows[i]];
    if (column->count > bench->round && column->values[bench->round] > best) best = column->values[bench->round];
  }
  return best;
}

vyre_status_t vyre_bench_stream(vyre_bench_t *bench, const vyre_bench_file_t *file) {
  static const vyre_bench_stream_rows_t rows = {VYRE_BENCH_ROW_STREAM_FLOW, VYRE_BENCH_ROW_STREAM_WHOLE,
                                                VYRE_BENCH_ROW_STREAM_CPU};
  static const vyre_bench_stream_rows_t mapped = {VYRE_BENCH_ROW_STREAM_MAPPED, VYRE_BENCH_ROW_COUNT,
                                                  VYRE_BENCH_ROW_STREAM_MAPPED_CPU};
  static const vyre_bench_stream_rows_t fixed = {VYRE_BENCH_ROW_STREAM_FIXED, VYRE_BENCH_ROW_COUNT,
                                                 VYRE_BENCH_ROW_COUNT};
  static const vyre_bench_row_id_t paths[] = {VYRE_BENCH_ROW_STREAM_FIXED, VYRE_BENCH_ROW_STREAM_MAPPED};
  VYRE_TRY(vyre_bench_run_stream(bench, file, NULL, &rows));
  VYRE_TRY(vyre_bench_run_stream(bench, file, "fixed", &fixed));
  if (bench->device->ops->copies) VYRE_TRY(vyre_bench_run_stream(bench, file, "mapped", &mapped));
  vyre_bench_record(bench, VYRE_BENCH_ROW_STREAM_PATHS, vyre_bench_best(bench, paths, 2), file->bytes, 0);
  double best = 0;
  VYRE_TRY(bench->gpu < 0 ? host_baselines(bench, file, &best) : cuda_baselines(bench, file, &best));
  vyre_bench_record(bench, VYRE_BENCH_ROW_STREAM_BEST, best, file->bytes, 0);
  return NULL;
}
