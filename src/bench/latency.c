/* One slot at a time: from the moment before it is published to the moment its completion has been read. */
#include "bench/baseline_host.h"
#include "bench/bench.h"
#include "bench/slots.h"

/* Not measured, ahead of each row. */
enum { WARM_UP = 200 };

typedef struct probe {
  vyre_bench_row_id_t row;
  bool is_load;
  vyre_slot_t slot;
} probe_t;

static vyre_status_t measure_slot(const vyre_bench_slots_t *slots, const probe_t *probe, vyre_bench_pacer_t *pacer,
                                  uint64_t i, double *out_us) {
  uint32_t result = 0, word = (uint32_t)(i % VYRE_BENCH_WORDS), value = slots->words[word];
  vyre_ticket_t ticket;
  vyre_slot_t slot = probe->slot;
  if (probe->is_load) slot = vyre_bench_slots_load(slots, word);
  uint64_t start_ns = vyre_bench_pause(pacer);
  VYRE_TRY(vyre_bench_slots_submit(slots, &slot, 1, &ticket));
  VYRE_TRY(vyre_bench_slots_take(slots, slot.opcode, ticket, &result));
  *out_us = (double)(vyre_clock_ns() - start_ns) * 1e-3;
  return probe->is_load && result != value ? vyre_bench_wrong(probe->row, i, result, value) : NULL;
}

static vyre_status_t measure_row(vyre_bench_t *bench, const vyre_bench_slots_t *slots, const probe_t *probe) {
  uint64_t count = bench->params.latency_slots, sum_before, sum;
  VYRE_TRY(vyre_bench_slots_sum(slots, &sum_before));
  vyre_bench_pacer_t pacer = vyre_bench_pacer(bench);
  double ignored;
  for (uint64_t i = 0; i < WARM_UP; i++) VYRE_TRY(measure_slot(slots, probe, &pacer, i, &ignored));
  pacer = vyre_bench_pacer(bench);
  for (uint64_t i = 0; i < count; i++) VYRE_TRY(measure_slot(slots, probe, &pacer, i, &bench->samples[i]));
  bool is_add = probe->slot.opcode == slots->add_opcode;
  VYRE_TRY(vyre_bench_slots_sum(slots, &sum));
  uint64_t added = sum - sum_before;
  if (is_add && added != count + WARM_UP) return vyre_bench_wrong(probe->row, 0, added, count + WARM_UP);
  vyre_bench_record_latency(bench, probe->row, count, count);
  return NULL;
}

static vyre_status_t measure_all(vyre_bench_t *bench, const vyre_bench_slots_t *slots) {
  const probe_t probes[] = {
      {VYRE_BENCH_ROW_LATENCY_NOP, false, {.opcode = VYRE_OP_NOP}},
      {VYRE_BENCH_ROW_LATENCY_LOAD, true, vyre_bench_slots_load(slots, 0)},
      {VYRE_BENCH_ROW_LATENCY_WORKER, false, vyre_bench_slots_add(slots)},
  };
  for (unsigned i = 0; i < sizeof probes / sizeof *probes; i++) VYRE_TRY(measure_row(bench, slots, &probes[i]));
  return NULL;
}

/* A GPU's workers poll while they are idle: what that costs the others. */
static vyre_status_t measure_few(vyre_bench_t *bench, const vyre_bench_slots_t *slots) {
  const probe_t probes[] = {
      {VYRE_BENCH_ROW_LATENCY_NOP_FEW, false, {.opcode = VYRE_OP_NOP}},
      {VYRE_BENCH_ROW_LATENCY_WORKER_FEW, false, vyre_bench_slots_add(slots)},
  };
  for (unsigned i = 0; i < sizeof probes / sizeof *probes; i++) VYRE_TRY(measure_row(bench, slots, &probes[i]));
  return NULL;
}

/* ---- baselines ---- */

static vyre_status_t check_answer(uint64_t i, uint32_t value, uint32_t answer) {
  uint32_t right = VYRE_BENCH_ANSWER(value);
  return answer == right ? NULL : vyre_bench_wrong(VYRE_BENCH_ROW_LATENCY_PING, i, answer, right);
}

static vyre_status_t host_ping_pong(vyre_bench_t *bench) {
  vyre_bench_pacer_t pacer = vyre_bench_pacer(bench);
  vyre_bench_pong_t *pong;
  VYRE_TRY(vyre_bench_pong_start(&pong));
  vyre_status_t status = NULL;
  for (uint64_t i = 0; !status && i < bench->params.latency_slots; i++) {
    uint32_t value = (uint32_t)i + 1, answer = 0;
    uint64_t start_ns = vyre_bench_pause(&pacer);
    status = vyre_bench_pong_ask(pong, value, &answer);
    bench->samples[i] = (double)(vyre_clock_ns() - start_ns) * 1e-3;
    if (!status) status = check_answer(i, value, answer);
  }
  vyre_bench_pong_stop(&pong);
  VYRE_TRY(status);
  vyre_bench_record_latency(bench, VYRE_BENCH_ROW_LATENCY_PING, bench->params.latency_slots,
                            bench->params.latency_slots);
  return NULL;
}

static vyre_status_t ask_kernel(vyre_bench_t *bench, vyre_cuda_baseline_t *cuda) {
  vyre_bench_pacer_t pacer = vyre_bench_pacer(bench);
  for (uint64_t i = 0; i < bench->params.latency_slots; i++) {
    uint32_t value = (uint32_t)i + 1, answer = 0;
    uint64_t start_ns = vyre_bench_pause(&pacer);
    VYRE_TRY(vyre_cuda_baseline_ask(cuda, value, &answer));
    bench->samples[i] = (double)(vyre_clock_ns() - start_ns) * 1e-3;
    VYRE_TRY(check_answer(i, value, answer));
  }
  return NULL;
}

static vyre_status_t cuda_ping_pong(vyre_bench_t *bench, vyre_cuda_baseline_t *cuda) {
  VYRE_TRY(vyre_cuda_baseline_pong_start(cuda));
  vyre_status_t status = ask_kernel(bench, cuda);
  vyre_status_t stopped = vyre_cuda_baseline_pong_stop(cuda);
  if (status) return vyre_status_because(status, stopped);
  VYRE_TRY(stopped);
  vyre_bench_record_latency(bench, VYRE_BENCH_ROW_LATENCY_PING, bench->params.latency_slots,
                            bench->params.latency_slots);
  return NULL;
}

static vyre_status_t cuda_launches(vyre_bench_t *bench, vyre_cuda_baseline_t *cuda, vyre_bench_row_id_t row) {
  vyre_status_t (*start)(vyre_cuda_baseline_t *) =
      row == VYRE_BENCH_ROW_LATENCY_GRAPH ? vyre_cuda_baseline_launch_graph : vyre_cuda_baseline_launch;
  vyre_bench_pacer_t pacer = vyre_bench_pacer(bench);
  for (uint64_t i = 0; i < bench->params.latency_slots; i++) {
    uint64_t start_ns = vyre_bench_pause(&pacer);
    VYRE_TRY(start(cuda));
    VYRE_TRY(vyre_cuda_baseline_synchronize(cuda));
    bench->samples[i] = (double)(vyre_clock_ns() - start_ns) * 1e-3;
  }
  vyre_bench_record_latency(bench, row, bench->params.latency_slots, 0);
  return NULL;
}

static vyre_status_t cuda_baselines(vyre_bench_t *bench, vyre_cuda_baseline_t *cuda, void *context) {
  (void)context;
  VYRE_TRY(cuda_ping_pong(bench, cuda));
  VYRE_TRY(cuda_launches(bench, cuda, VYRE_BENCH_ROW_LATENCY_LAUNCH));
  return cuda_launches(bench, cuda, VYRE_BENCH_ROW_LATENCY_GRAPH);
}

vyre_status_t vyre_bench_latency(vyre_bench_t *bench) {
  VYRE_TRY(vyre_bench_in_session(bench, 0, measure_all));
  if (bench->gpu >= 0) VYRE_TRY(vyre_bench_in_session(bench, 1, measure_few));
  return bench->gpu < 0 ? host_ping_pong(bench) : vyre_bench_beside(bench, cuda_baselines, NULL);
}
