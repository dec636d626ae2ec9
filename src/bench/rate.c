/* As many slots in flight as the session has cells, every completion read; slots one by one or in batches. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/memory.h"
#include "bench/baseline_host.h"
#include "bench/bench.h"
#include "bench/slots.h"

enum { PRODUCERS_MAX = 4, BATCH = 32 };
/* Launches take microseconds each, and their queue is 1024 long: more than these would only repeat themselves. */
#define LAUNCHES_MAX UINT64_C(100000)

typedef struct load {
  const vyre_bench_slots_t *slots;
  vyre_bench_row_id_t row;
  vyre_slot_t slot;
  bool is_load; /* slot i loads word i % VYRE_BENCH_WORDS */
  uint32_t in_flight;
  uint32_t batch; /* slots that are taken, then submitted, at once; in_flight is a multiple of it */
  uint64_t count;
  vyre_ticket_t *tickets; /* in_flight of them */
  atomic_int *go;         /* 0 wait, 1 run, 2 leave */
  uint64_t completed;     /* out */
  vyre_status_t status;   /* out */
} load_t;

static vyre_status_t take_one(load_t *load, uint64_t i) {
  uint32_t result = 0;
  VYRE_TRY(vyre_bench_slots_take(load->slots, load->slot.opcode, load->tickets[i % load->in_flight], &result));
  load->completed++;
  if (!load->is_load) return NULL;
  uint32_t right = load->slots->words[i % VYRE_BENCH_WORDS];
  return result == right ? NULL : vyre_bench_wrong(load->row, i, result, right);
}

static vyre_status_t submit_some(load_t *load, uint64_t first, uint32_t count) {
  vyre_slot_t slots[BATCH];
  vyre_ticket_t *tickets = &load->tickets[first % load->in_flight];
  for (uint32_t i = 0; i < count; i++) {
    slots[i] = load->slot;
    if (load->is_load) slots[i].arg[1] = (uint32_t)((first + i) % VYRE_BENCH_WORDS) * 4;
  }
  return vyre_bench_slots_submit(load->slots, slots, count, tickets);
}

static vyre_status_t run_load(load_t *load) {
  for (uint64_t i = 0; i < load->count + load->in_flight; i += load->batch) {
    for (uint64_t k = i; k < i + load->batch; k++)
      if (k >= load->in_flight && k - load->in_flight < load->count) VYRE_TRY(take_one(load, k - load->in_flight));
    uint64_t left = load->count > i ? load->count - i : 0;
    if (left) VYRE_TRY(submit_some(load, i, left < load->batch ? (uint32_t)left : load->batch));
  }
  return NULL;
}

static void *producer(void *argument) {
  load_t *load = argument;
  int go;
  while ((go = atomic_load_explicit(load->go, memory_order_acquire)) == 0) sched_yield();
  if (go == 1) load->status = run_load(load);
  return NULL;
}

static vyre_status_t run_loads(load_t *loads, uint32_t count, double *out_seconds) {
  atomic_int go = 0;
  pthread_t threads[PRODUCERS_MAX];
  uint32_t started = 0;
  int error = 0;
  for (; started < count && !error; started += !error) {
    loads[started].go = &go;
    error = pthread_create(&threads[started], NULL, producer, &loads[started]);
  }
  uint64_t start_ns = vyre_clock_ns();
  atomic_store_explicit(&go, error ? 2 : 1, memory_order_release);
  for (uint32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
  *out_seconds = vyre_bench_seconds(start_ns);
  vyre_status_t status = error ? vyre_status_from_errno(error, VYRE_E_THREADS, "pthread_create") : NULL;
  for (uint32_t i = 0; i < count; i++) status = status ? vyre_status_because(status, loads[i].status) : loads[i].status;
  return status;
}

static vyre_status_t measure_row(vyre_bench_t *bench, const vyre_bench_slots_t *slots, const load_t *pattern,
                                 uint32_t producers, vyre_ticket_t *tickets) {
  load_t loads[PRODUCERS_MAX];
  uint64_t sum_before, sum, completed = 0, each = bench->params.rate_slots / producers;
  for (uint32_t i = 0; i < producers; i++) {
    loads[i] = *pattern;
    loads[i].slots = slots;
    loads[i].count = each;
    loads[i].in_flight = slots->cells / producers;
    loads[i].tickets = tickets + (size_t)i * loads[i].in_flight;
  }
  double seconds;
  VYRE_TRY(vyre_bench_slots_sum(slots, &sum_before));
  VYRE_TRY(run_loads(loads, producers, &seconds));
  for (uint32_t i = 0; i < producers; i++) completed += loads[i].completed;
  VYRE_TRY(vyre_bench_slots_sum(slots, &sum));
  uint64_t count = each * producers, added = sum - sum_before;
  if (completed != count) return vyre_bench_wrong(pattern->row, 0, completed, count);
  if (pattern->slot.opcode == slots->add_opcode && added != count)
    return vyre_bench_wrong(pattern->row, 0, added, count);
  vyre_bench_record(bench, pattern->row, (double)count / seconds * 1e-6, count, count);
  return NULL;
}

static vyre_status_t measure_session(vyre_bench_t *bench, const vyre_bench_slots_t *slots) {
  vyre_ticket_t *tickets = vyre_calloc(slots->cells, sizeof *tickets);
  if (!tickets) return vyre_out_of_memory(slots->cells * sizeof *tickets);
  vyre_slot_t nop = {.opcode = VYRE_OP_NOP}, load = vyre_bench_slots_load(slots, 0), add = vyre_bench_slots_add(slots);
  const struct {
    load_t load;
    uint32_t producers;
  } rows[] = {
      {{.row = VYRE_BENCH_ROW_RATE_NOP, .slot = nop, .batch = 1}, 1},
      {{.row = VYRE_BENCH_ROW_RATE_LOAD, .slot = load, .is_load = true, .batch = 1}, 1},
      {{.row = VYRE_BENCH_ROW_RATE_NOP_4, .slot = nop, .batch = 1}, PRODUCERS_MAX},
      {{.row = VYRE_BENCH_ROW_RATE_WORKER, .slot = add, .batch = 1}, 1},
      {{.row = VYRE_BENCH_ROW_RATE_NOP_BATCH, .slot = nop, .batch = BATCH}, 1},
      {{.row = VYRE_BENCH_ROW_RATE_LOAD_BATCH, .slot = load, .is_load = true, .batch = BATCH}, 1},
      {{.row = VYRE_BENCH_ROW_RATE_NOP_BATCH_4, .slot = nop, .batch = BATCH}, PRODUCERS_MAX},
      {{.row = VYRE_BENCH_ROW_RATE_WORKER_BATCH, .slot = add, .batch = BATCH}, 1},
  };
  vyre_status_t status = NULL;
  for (unsigned i = 0; !status && i < sizeof rows / sizeof *rows; i++)
    status = measure_row(bench, slots, &rows[i].load, rows[i].producers, tickets);
  vyre_free(tickets);
  return status;
}

/* ---- baselines ---- */

static vyre_status_t host_ring(vyre_bench_t *bench) {
  uint64_t count = bench->params.rate_slots, wrong = 0;
  double seconds;
  VYRE_TRY(vyre_bench_ring_run(count, &seconds, &wrong));
  if (wrong) return vyre_bench_wrong(VYRE_BENCH_ROW_RATE_RING, 0, count - wrong, count);
  vyre_bench_record(bench, VYRE_BENCH_ROW_RATE_RING, (double)count / seconds * 1e-6, count, count);
  return NULL;
}

static vyre_status_t cuda_launches(vyre_bench_t *bench, vyre_cuda_baseline_t *cuda, void *context) {
  (void)context;
  uint64_t count = bench->params.rate_slots < LAUNCHES_MAX ? bench->params.rate_slots : LAUNCHES_MAX;
  VYRE_TRY(vyre_cuda_baseline_launch(cuda));
  VYRE_TRY(vyre_cuda_baseline_synchronize(cuda));
  uint64_t start_ns = vyre_clock_ns();
  for (uint64_t i = 0; i < count; i++) VYRE_TRY(vyre_cuda_baseline_launch(cuda));
  VYRE_TRY(vyre_cuda_baseline_synchronize(cuda));
  double seconds = vyre_bench_seconds(start_ns);
  vyre_bench_record(bench, VYRE_BENCH_ROW_RATE_LAUNCH, (double)count / seconds * 1e-6, count, 0);
  return NULL;
}

vyre_status_t vyre_bench_rate(vyre_bench_t *bench) {
  VYRE_TRY(vyre_bench_in_session(bench, 0, measure_session));
  return bench->gpu < 0 ? host_ring(bench) : vyre_bench_beside(bench, cuda_launches, NULL);
}
