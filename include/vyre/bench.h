/* vyre/bench.h: what a session and a stream cost on a device, beside what one would write without vyre.
 *
 * Six parts, each in rounds. A round measures the session or the stream (the candidate), ends it, and then runs the
 * baselines on the same machine with the same pauses, counts and bytes; ratios are taken within a round. Every answer
 * that there is, is compared; a wrong one ends the run with VYRE_E_WRONG_ANSWER.
 *
 *   latency  one slot at a time, a busy wait of 0 to 5 us (uniform, seeded) before each
 *   rate     as many slots in flight as the session has cells
 *   stream   lines of a warm file are counted; on a GPU on the path `mapped`, too
 *   start    a device is opened, a session started, its first slot answered
 *   compile  a Program is compiled from its text, beside cc and nvcc where they are installed
 *   cold     the lines of a file whose pages were dropped from the page cache, beside as many O_DIRECT reads
 *
 * Baselines: on a GPU a flag in host memory that a kernel answers, launches, a graph, copies; elsewhere C threads.
 *
 * Threads:  one run at a time and nothing else on the device, or the figures are worthless.
 * Blocking: run takes about a second per row and round with the defaults.
 * Memory:   8 bytes per slot of the latency part; on a GPU device memory of the size of the file. */
#ifndef VYRE_BENCH_H
#define VYRE_BENCH_H

#include <vyre/device.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  VYRE_BENCH_LATENCY = 1,
  VYRE_BENCH_RATE = 2,
  VYRE_BENCH_STREAM = 4,
  VYRE_BENCH_COLD = 8,
  VYRE_BENCH_START = 16,
  VYRE_BENCH_COMPILE = 32,
};

enum { VYRE_BENCH_ROUNDS_MAX = 64 };

/* Zero or NULL means the default in parentheses. */
typedef struct vyre_bench_params {
  const char *device;     /* ("auto") */
  uint32_t parts;         /* (all but cold, which needs a file system with direct reads) VYRE_BENCH_* or-ed */
  uint32_t rounds;        /* (5) at most VYRE_BENCH_ROUNDS_MAX */
  uint32_t workers;       /* (streams: the device's default; slots: the same on a GPU, else 1) */
  uint64_t latency_slots; /* (100000) per row and round, at most 10^8 */
  uint64_t rate_slots;    /* (2000000) per row and round, at least 4 */
  const char *file;       /* (a temporary file in $TMPDIR or /var/tmp, without a name) regular */
  uint64_t bytes;         /* (1 GiB) of the temporary file */
  uint32_t chunk_bytes;   /* as vyre_stream_params_t has them */
  uint32_t depth;
  uint64_t seed; /* (1) of pauses and of the temporary file */
  /* (none) Called before each round of a part, on the caller's thread. `part` lives as long as the library. */
  void (*progress)(void *context, const char *part, uint32_t round, uint32_t rounds);
  void *progress_context;
} vyre_bench_params_t;

typedef enum vyre_bench_role {
  VYRE_BENCH_CANDIDATE,
  VYRE_BENCH_BASELINE,
  VYRE_BENCH_RATIO, /* of the rounds: candidate through baseline */
} vyre_bench_role_t;

/* One figure. A round gives one value: the p50 of a latency, a rate, a ratio. Strings live as long as the library. */
typedef struct vyre_bench_row {
  const char *part;  /* "latency" */
  const char *name;  /* "inline_nop": stable, unique in its part */
  const char *title; /* "inline opcode, NOP" */
  const char *unit;  /* "us", "ms", "M/s", "GB/s" (10^9), "s/GB", "" for ratios */
  vyre_bench_role_t role;
  double median, min, max; /* of the rounds' values */
  double p99;              /* latencies: the median of the rounds' p99, else 0 */
  double worst;            /* latencies: the slowest of all rounds, else 0 */
  uint64_t samples;        /* slots, launches or bytes in all rounds; 0 for ratios */
  uint64_t checked;        /* answers compared, all of them right; 0 where there is none (an empty kernel, a ratio) */
} vyre_bench_row_t;

typedef struct vyre_bench_report {
  const char *device, *description, *reason; /* as vyre_device_info gave them */
  uint32_t rounds;
  uint64_t seed;
  uint32_t slot_workers, cells; /* of the sessions for slots; 0 when neither latency nor rate ran */
  uint32_t stream_workers;      /* 0 when no stream ran, as the following */
  const char *ingest;
  uint32_t chunk_bytes, depth;
  uint64_t bytes, lines; /* of the file */
  const vyre_bench_row_t *rows;
  uint32_t row_count;
} vyre_bench_report_t;

/* Errors: VYRE_E_WRONG_ANSWER, VYRE_E_ARGUMENT, and those of devices, sessions, streams and files. The report is the
 * caller's, one block. */
VYRE_API vyre_status_t vyre_bench_run(const vyre_bench_params_t *params, vyre_bench_report_t **out_report);
/* Accepts NULL and a pointer to NULL. */
VYRE_API void vyre_bench_report_destroy(vyre_bench_report_t **report);

#ifdef __cplusplus
}
#endif
#endif
