/* Batches with their fence beside slots one by one, and the topology dispatched beside direct: the same session params
 * but for what is compared, in the same run, interleaved.
 *
 * bench-protocol [rounds] */
#include <string.h>

#include <vyre/session.h>

#include "machine.h"
#include "measure.h"
#include "ok.h"

enum { RING = 4096, IN_FLIGHT = 256, BATCH = 1000, BATCHES = 2000 };
static const uint64_t SLOTS = (uint64_t)BATCH * BATCHES;

static vyre_session_t *open_session(vyre_device_t *device, vyre_topology_t topology, uint64_t spin_ns,
                                    uint32_t *out_opcode) {
  vyre_session_params_t params = {.workers = 1, .ring_slots = RING, .spin_ns = spin_ns, .topology = topology};
  vyre_session_t *session;
  ok(vyre_session_create(device, &params, &session));
  static const char text[] = "program tick\noutput n : u64 sum\nn += 1\n";
  vyre_program_t *program;
  ok(vyre_program_parse(text, sizeof text - 1, "tick.vyre", &program));
  ok(vyre_session_register(session, program, out_opcode));
  vyre_program_destroy(&program);
  ok(vyre_session_start(session));
  return session;
}

static void take(vyre_session_t *session, vyre_ticket_t ticket) {
  vyre_completion_t completion;
  bool done = false;
  while (!done) {
    ok(vyre_session_poll(session, ticket, &done, &completion));
    if (!done) __builtin_ia32_pause();
  }
  if (completion.state != VYRE_SLOT_DONE) bench_wrong("slot");
}

static double slot_rate(vyre_session_t *session, const vyre_slot_t *slot, uint64_t slots) {
  static vyre_ticket_t tickets[IN_FLIGHT];
  double start = bench_now();
  for (uint64_t i = 0; i < slots + IN_FLIGHT; i++) {
    if (i >= IN_FLIGHT) take(session, tickets[i % IN_FLIGHT]);
    if (i < slots) ok(vyre_session_submit(session, slot, VYRE_FOREVER, &tickets[i % IN_FLIGHT]));
  }
  return (double)slots / (bench_now() - start) * 1e-6;
}

/* Of a handler, which in dispatched takes three threads: nobody spins for long, so that two processors serve them. */
static double call_rate(vyre_session_t *session, const vyre_slot_t *slot, uint64_t slots) {
  static vyre_ticket_t tickets[IN_FLIGHT];
  vyre_completion_t completion;
  double start = bench_now();
  for (uint64_t i = 0; i < slots + IN_FLIGHT; i++) {
    if (i >= IN_FLIGHT) ok(vyre_session_wait(session, tickets[i % IN_FLIGHT], VYRE_FOREVER, &completion));
    if (i >= IN_FLIGHT && completion.state != VYRE_SLOT_DONE) bench_wrong("slot");
    if (i < slots) ok(vyre_session_submit(session, slot, VYRE_FOREVER, &tickets[i % IN_FLIGHT]));
  }
  return (double)slots / (bench_now() - start) * 1e-6;
}

static void finish_batch(vyre_session_t *session, const vyre_ticket_t *tickets, uint32_t tag) {
  vyre_completion_t fence;
  ok(vyre_session_wait(session, tickets[BATCH], VYRE_FOREVER, &fence));
  if (fence.state != VYRE_SLOT_DONE || fence.result[1] != tag) bench_wrong("fence");
  for (uint32_t i = 0; i < BATCH; i++) {
    vyre_completion_t completion;
    bool done;
    ok(vyre_session_poll(session, tickets[i], &done, &completion));
    if (!done || completion.state != VYRE_SLOT_DONE) bench_wrong("a slot behind its fence");
  }
}

/* Two batches in flight. */
static double batch_rate(vyre_session_t *session) {
  static vyre_slot_t slots[BATCH];
  static vyre_ticket_t tickets[2][BATCH + 1];
  double start = bench_now();
  for (uint32_t i = 0; i < BATCHES + 1; i++) {
    if (i < BATCHES) ok(vyre_session_submit_batch(session, slots, BATCH, &i, VYRE_FOREVER, tickets[i % 2]));
    if (i > 0) finish_batch(session, tickets[(i - 1) % 2], i - 1);
  }
  return (double)SLOTS / (bench_now() - start) * 1e-6;
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 5;
  if (rounds < 1 || rounds > 64) rounds = 5;
  bench_machine_watch();
  vyre_device_t *device;
  ok(vyre_device_open("cpu", &device));
  enum { SPIN_NS = 1000000 };
  uint32_t opcode = 0, direct_opcode = 0, dispatched_opcode = 0;
  vyre_session_t *direct = open_session(device, VYRE_TOPOLOGY_DIRECT, SPIN_NS, &opcode);
  vyre_session_t *dispatched = open_session(device, VYRE_TOPOLOGY_DISPATCHED, SPIN_NS, &opcode);
  vyre_session_t *direct_calls = open_session(device, VYRE_TOPOLOGY_DIRECT, 0, &direct_opcode);
  vyre_session_t *dispatched_calls = open_session(device, VYRE_TOPOLOGY_DISPATCHED, 0, &dispatched_opcode);
  uint32_t direct_window, window;
  ok(vyre_session_window_create(direct_calls, 4096, &direct_window, NULL));
  ok(vyre_session_window_create(dispatched_calls, 4096, &window, NULL));
  static const vyre_slot_t nop = {.opcode = VYRE_OP_NOP};
  vyre_slot_t direct_call = {.opcode = direct_opcode, .arg = {[7] = direct_window}};
  vyre_slot_t call = {.opcode = dispatched_opcode, .arg = {[7] = window}};
  double plain[64], batched[64], ratios[64], one_by_one[64], direct_rates[64], calls[64];
  for (int i = 0; i < rounds;) {
    bench_machine_round_begin();
    plain[i] = slot_rate(direct, &nop, SLOTS);
    batched[i] = batch_rate(direct);
    one_by_one[i] = slot_rate(dispatched, &nop, SLOTS);
    direct_rates[i] = call_rate(direct_calls, &direct_call, SLOTS / 20);
    calls[i] = call_rate(dispatched_calls, &call, SLOTS / 20);
    i += bench_machine_round_counts((size_t)rounds);
  }
  size_t n = (size_t)rounds;
  bench_report("NOP, one by one", "M slots/s", plain, n);
  bench_report("NOP, batches of 1000 with a fence", "M slots/s", batched, n);
  bench_divide(batched, plain, n, ratios);
  bench_at_least("batches of 1000 with a fence / one by one", "", ratios, n, 0.8);
  bench_at_least("dispatched, NOP", "M slots/s", one_by_one, n, 5);
  bench_report("direct, handler", "M slots/s", direct_rates, n);
  bench_report("dispatched, handler", "M slots/s", calls, n);
  vyre_session_destroy(&direct_calls);
  vyre_session_destroy(&dispatched_calls);
  vyre_session_destroy(&direct);
  vyre_session_destroy(&dispatched);
  vyre_device_close(&device);
  return 0;
}
