#include "bench/slots.h"

#include <sched.h>
#include <string.h>

/* Polls before the processor is offered to others, and before the clock is looked at. Powers of two. */
enum { POLLS_YIELD = 1 << 12, POLLS_CLOCK = 1 << 16 };
enum { CELLS = 1024, SUM_BYTES = 4096 /* an output block is a multiple of 64 bytes */ };
#define SLOT_NS_MAX (10 * VYRE_NS_PER_S)
#define STOP_NS_MAX (5 * VYRE_NS_PER_S)
#define SPIN_NS VYRE_NS_PER_MS /* workers stay awake through the pauses */

static const char add_program[] = "program bench_add\noutput total : u64 sum\n\ntotal += 1\n";

/* Both in the device's own memory, as what a kernel works on is. */
static vyre_status_t make_windows(vyre_bench_t *bench, vyre_bench_slots_t *slots) {
  vyre_memory_t words;
  VYRE_TRY(vyre_session_window_allocate(slots->session, VYRE_MEMORY_DEVICE, sizeof slots->words, &slots->words_window,
                                        &words));
  VYRE_TRY(
      vyre_session_window_allocate(slots->session, VYRE_MEMORY_DEVICE, SUM_BYTES, &slots->sum_window, &slots->sum));
  uint64_t random = bench->params.seed;
  for (uint32_t i = 0; i < VYRE_BENCH_WORDS; i++) slots->words[i] = (uint32_t)vyre_bench_random(&random);
  return bench->device->ops->write(bench->device, words.address, slots->words, sizeof slots->words);
}

vyre_status_t vyre_bench_slots_sum(const vyre_bench_slots_t *slots, uint64_t *out_sum) {
  vyre_device_t *device = vyre_session_device(slots->session);
  return device->ops->read(device, out_sum, slots->sum.address, sizeof *out_sum);
}

static vyre_status_t register_add(vyre_bench_slots_t *slots) {
  vyre_program_t *program;
  VYRE_TRY(vyre_program_parse(add_program, strlen(add_program), "bench_add.vyre", &program));
  slots->add_opcode = 0;
  vyre_status_t status = vyre_session_register(slots->session, program, &slots->add_opcode);
  vyre_program_destroy(&program);
  return status;
}

/* On the host a single worker: the producer needs a processor, too, and more workers only share the ring. */
static uint32_t workers_of_run(const vyre_bench_t *bench) {
  if (bench->params.workers) return bench->params.workers;
  return bench->gpu < 0 ? 1 : bench->info.workers_default;
}

static vyre_status_t open_slots(vyre_bench_t *bench, uint32_t workers, vyre_bench_slots_t *out_slots) {
  *out_slots = (vyre_bench_slots_t){.cells = CELLS};
  vyre_session_params_t params = {.workers = workers, .ring_slots = CELLS, .cells = CELLS, .spin_ns = SPIN_NS};
  VYRE_TRY(vyre_session_create(bench->device, &params, &out_slots->session));
  VYRE_TRY(register_add(out_slots));
  VYRE_TRY(vyre_session_start(out_slots->session));
  VYRE_TRY(make_windows(bench, out_slots));
  if (workers == workers_of_run(bench))
    bench->report.slot_workers = (uint32_t)vyre_session_stats(out_slots->session).workers;
  bench->report.cells = CELLS;
  return NULL;
}

/* Accepts what open left. */
static vyre_status_t close_slots(vyre_bench_slots_t *slots) {
  if (!slots->session) return NULL;
  vyre_status_t status = NULL;
  /* Launched sessions are stopped by hand to hear of it; one that never started is only destroyed. */
  if (vyre_session_stats(slots->session).launches > 0) status = vyre_session_stop(slots->session, STOP_NS_MAX);
  vyre_session_destroy(&slots->session);
  return status;
}

vyre_status_t vyre_bench_in_session(vyre_bench_t *bench, uint32_t workers,
                                    vyre_status_t (*measure)(vyre_bench_t *bench, const vyre_bench_slots_t *slots)) {
  vyre_bench_slots_t slots;
  vyre_status_t status = open_slots(bench, workers ? workers : workers_of_run(bench), &slots);
  if (!status) status = measure(bench, &slots);
  vyre_status_t closed = close_slots(&slots);
  return status ? vyre_status_because(status, closed) : closed;
}

vyre_slot_t vyre_bench_slots_load(const vyre_bench_slots_t *slots, uint32_t word) {
  return (vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {slots->words_window, word * 4}};
}

/* ARG7 is the window of the outputs (docs/protocol/megakernel.md); there is no stream. */
vyre_slot_t vyre_bench_slots_add(const vyre_bench_slots_t *slots) {
  return (vyre_slot_t){.opcode = slots->add_opcode, .arg = {[7] = slots->sum_window}};
}

vyre_status_t vyre_bench_slots_submit(const vyre_bench_slots_t *slots, const vyre_slot_t *some, uint32_t count,
                                      vyre_ticket_t *out_tickets) {
  return count == 1 ? vyre_session_submit(slots->session, some, SLOT_NS_MAX, out_tickets)
                    : vyre_session_submit_batch(slots->session, some, count, NULL, SLOT_NS_MAX, out_tickets);
}

vyre_status_t vyre_bench_slots_take(const vyre_bench_slots_t *slots, uint32_t opcode, vyre_ticket_t ticket,
                                    uint32_t *out_result) {
  vyre_completion_t completion;
  uint64_t deadline_ns = UINT64_MAX;
  for (uint32_t polls = 1;; polls++) {
    bool is_done = false;
    VYRE_TRY(vyre_session_poll(slots->session, ticket, &is_done, &completion));
    if (is_done) break;
    vyre_cpu_relax();
    if (polls % POLLS_YIELD == 0) sched_yield();
    if (polls % POLLS_CLOCK != 0) continue;
    if (deadline_ns == UINT64_MAX) deadline_ns = vyre_clock_deadline_ns(SLOT_NS_MAX);
    if (vyre_clock_ns() > deadline_ns)
      return vyre_status_make(VYRE_E_DEADLINE, "slot %llu has not completed after 10 s",
                              (unsigned long long)ticket.number);
  }
  if (completion.state != VYRE_SLOT_DONE) return vyre_completion_status(slots->session, opcode, &completion);
  *out_result = completion.result[0];
  return NULL;
}
