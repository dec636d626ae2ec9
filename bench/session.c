/* Slots: round trip and rate of a session on the cpu device, beside a hand-written ring between two C threads that
 * moves the same 64-byte records, in the same run, interleaved. A session of the builder jit beside it.
 *
 * bench-session [rounds] */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <vyre/session.h>

#include "machine.h"
#include "measure.h"
#include "ok.h"

enum { RING = 1024, SAMPLES = 200000, IN_FLIGHT = 256 };
static const uint64_t SLOTS = 10000000;

/* ---- the hand-written ring: one producer, one consumer, 64-byte slots and 64-byte answers ---- */

typedef struct record {
  _Alignas(64) _Atomic uint64_t sequence; /* ticket + 1 when it holds this ticket's record */
  uint64_t words[7];
} record_t;

static record_t c_slots[RING], c_answers[RING];
static atomic_bool c_stop;

static void *c_consumer(void *argument) {
  (void)argument;
  for (uint64_t t = 0;; t++) {
    record_t *slot = &c_slots[t % RING], *answer = &c_answers[t % RING];
    while (atomic_load_explicit(&slot->sequence, memory_order_acquire) != t + 1) {
      if (atomic_load_explicit(&c_stop, memory_order_relaxed)) return NULL;
      __builtin_ia32_pause();
    }
    answer->words[0] = slot->words[0] + 1;
    atomic_store_explicit(&answer->sequence, t + 1, memory_order_release);
  }
}

static uint64_t c_ticket;

static void c_publish(uint64_t value) {
  record_t *slot = &c_slots[c_ticket % RING];
  slot->words[0] = value;
  slot->words[6] = value;
  atomic_store_explicit(&slot->sequence, ++c_ticket, memory_order_release);
}

static void c_take(uint64_t ticket, uint64_t value) {
  record_t *answer = &c_answers[ticket % RING];
  while (atomic_load_explicit(&answer->sequence, memory_order_acquire) != ticket + 1) __builtin_ia32_pause();
  if (answer->words[0] != value + 1) bench_wrong("C ring");
}

static double c_rate(uint64_t slots) {
  double start = bench_now();
  uint64_t first = c_ticket;
  for (uint64_t i = 0; i < slots + IN_FLIGHT; i++) {
    if (i >= IN_FLIGHT) c_take(first + i - IN_FLIGHT, i - IN_FLIGHT);
    if (i < slots) c_publish(i);
  }
  return (double)slots / (bench_now() - start) * 1e-6;
}

/* Both loops pause a little, differently long each time, so that they do not lock in phase. */
static void pause_randomly(uint64_t *random) {
  *random = *random * 6364136223846793005u + 1442695040888963407u;
  for (uint64_t i = (*random >> 33) % 64; i > 0; i--) __builtin_ia32_pause();
}

static void c_latency(double *samples) {
  uint64_t random = 1;
  for (int i = 0; i < SAMPLES; i++) {
    pause_randomly(&random);
    double start = bench_now();
    c_publish((uint64_t)i);
    c_take(c_ticket - 1, (uint64_t)i);
    samples[i] = (bench_now() - start) * 1e6;
  }
}

/* ---- the sessions: the same by both builders; the one that is not measured sleeps ---- */

typedef struct side {
  const char *prefix; /* of its figures */
  vyre_session_builder_t builder;
  vyre_session_t *session;
  uint32_t window, opcode; /* of the handler */
  uint64_t *memory;
  /* by round */
  double nop_rates[64], load_rates[64], handler_rates[64], nop_medians[64], load_medians[64], load_tails[64],
      handler_medians[64];
} side_t;

static side_t sides[2] = {{.prefix = "", .builder = VYRE_BUILDER_INTERPRETED},
                          {.prefix = "jit ", .builder = VYRE_BUILDER_JIT}};

static void take(const side_t *side, vyre_ticket_t ticket, bool is_load, uint32_t value) {
  vyre_completion_t completion;
  bool done = false;
  while (!done) {
    ok(vyre_session_poll(side->session, ticket, &done, &completion));
    if (!done) __builtin_ia32_pause();
  }
  if (completion.state != VYRE_SLOT_DONE || (is_load && completion.result[0] != value)) bench_wrong("slot");
}

/* NOP, LOAD_U32 of the window's first word, or the handler, which adds 1 to the window's second 8 bytes. */
static vyre_slot_t slot_of(const side_t *side, uint32_t opcode) {
  if (opcode == side->opcode) return (vyre_slot_t){.opcode = opcode, .arg = {[7] = side->window, [8] = 8}};
  return (vyre_slot_t){.opcode = opcode, .arg = {side->window, 0}};
}

static double session_rate(const side_t *side, uint32_t opcode, uint64_t slots) {
  static vyre_ticket_t tickets[IN_FLIGHT];
  vyre_slot_t slot = slot_of(side, opcode);
  side->memory[0] = 77;
  uint64_t before = side->memory[1];
  double start = bench_now();
  for (uint64_t i = 0; i < slots + IN_FLIGHT; i++) {
    if (i >= IN_FLIGHT) take(side, tickets[i % IN_FLIGHT], opcode == VYRE_OP_LOAD_U32, 77);
    if (i < slots) ok(vyre_session_submit(side->session, &slot, VYRE_FOREVER, &tickets[i % IN_FLIGHT]));
  }
  double rate = (double)slots / (bench_now() - start) * 1e-6;
  if (side->memory[1] - before != (opcode == side->opcode ? slots : 0)) bench_wrong("the handler's output");
  return rate;
}

static void session_latency(const side_t *side, uint32_t opcode, double *samples) {
  uint64_t random = 2;
  vyre_slot_t slot = slot_of(side, opcode);
  for (int i = 0; i < SAMPLES; i++) {
    vyre_ticket_t ticket;
    side->memory[0] = (uint32_t)i;
    pause_randomly(&random);
    double start = bench_now();
    ok(vyre_session_submit(side->session, &slot, 0, &ticket));
    take(side, ticket, opcode == VYRE_OP_LOAD_U32, (uint32_t)i);
    samples[i] = (bench_now() - start) * 1e6;
  }
}

static void open_side(vyre_device_t *device, side_t *side) {
  /* One worker: the producer has the other processor. */
  vyre_session_params_t params = {.workers = 1, .ring_slots = RING, .spin_ns = 1000000, .builder = side->builder};
  ok(vyre_session_create(device, &params, &side->session));
  static const char text[] = "program tick\noutput n : u64 sum\nn += 1\n";
  vyre_program_t *program;
  ok(vyre_program_parse(text, sizeof text - 1, "tick.vyre", &program));
  ok(vyre_session_register(side->session, program, &side->opcode));
  vyre_program_destroy(&program);
  ok(vyre_session_start(side->session));
  ok(vyre_session_window_create(side->session, 4096, &side->window, (void **)&side->memory));
}

static void measure_side(side_t *side, int round) {
  static double samples[SAMPLES];
  side->nop_rates[round] = session_rate(side, VYRE_OP_NOP, SLOTS);
  side->load_rates[round] = session_rate(side, VYRE_OP_LOAD_U32, SLOTS);
  side->handler_rates[round] = session_rate(side, side->opcode, SLOTS / 4);
  session_latency(side, VYRE_OP_NOP, samples);
  side->nop_medians[round] = bench_quantile(samples, SAMPLES, 0.5);
  session_latency(side, VYRE_OP_LOAD_U32, samples);
  side->load_medians[round] = bench_quantile(samples, SAMPLES, 0.5);
  side->load_tails[round] = bench_quantile(samples, SAMPLES, 0.99);
  session_latency(side, side->opcode, samples);
  side->handler_medians[round] = bench_quantile(samples, SAMPLES, 0.5);
}

/* "session, NOP", "jit session, NOP" */
static const char *name_of(const side_t *side, const char *figure) {
  static char name[64];
  snprintf(name, sizeof name, "%s%s", side->prefix, figure);
  return name;
}

static void report_side(const side_t *side, size_t rounds, const double *c_rates, const double *c_medians) {
  double ratios[64];
  bench_at_least(name_of(side, "session, NOP"), "M slots/s", side->nop_rates, rounds, 15);
  bench_report(name_of(side, "session, LOAD_U32"), "M slots/s", side->load_rates, rounds);
  bench_report(name_of(side, "session, handler"), "M slots/s", side->handler_rates, rounds);
  bench_divide(side->nop_rates, c_rates, rounds, ratios);
  bench_at_least(name_of(side, "session NOP / C ring"), "", ratios, rounds, 0.1);
  bench_report(name_of(side, "session, round trip p50 (NOP)"), "us", side->nop_medians, rounds);
  bench_at_most(name_of(side, "session, round trip p50 (LOAD_U32)"), "us", side->load_medians, rounds, 0.6);
  bench_report(name_of(side, "session, round trip p99"), "us", side->load_tails, rounds);
  bench_report(name_of(side, "session, round trip p50 (handler)"), "us", side->handler_medians, rounds);
  bench_divide(side->load_medians, c_medians, rounds, ratios);
  bench_report(name_of(side, "session round trip p50 / C ring's"), "", ratios, rounds);
  vyre_session_stats_t stats = vyre_session_stats(side->session);
  printf("launches %llu, swaps %llu, slots %llu\n", (unsigned long long)stats.launches, (unsigned long long)stats.swaps,
         (unsigned long long)stats.published);
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 5;
  bench_machine_watch();
  vyre_device_t *device;
  ok(vyre_device_open("cpu", &device));
  for (int i = 0; i < 2; i++) open_side(device, &sides[i]);
  static double samples[SAMPLES];
  double c_rates[64], c_medians[64];
  if (rounds < 1 || rounds > 64) rounds = 5;
  for (int i = 0; i < rounds;) {
    bench_machine_round_begin();
    pthread_t thread;
    atomic_store(&c_stop, false);
    memset(c_slots, 0, sizeof c_slots);
    memset(c_answers, 0, sizeof c_answers);
    c_ticket = 0;
    if (pthread_create(&thread, NULL, c_consumer, NULL)) bench_wrong("pthread_create");
    c_rates[i] = c_rate(SLOTS);
    c_latency(samples);
    c_medians[i] = bench_quantile(samples, SAMPLES, 0.5);
    atomic_store(&c_stop, true);
    pthread_join(thread, NULL);
    for (int side = 0; side < 2; side++) measure_side(&sides[(side + i) % 2], i);
    i += bench_machine_round_counts((size_t)rounds);
  }
  size_t n = (size_t)rounds;
  bench_report("C ring, 64-byte records", "M slots/s", c_rates, n);
  bench_report("C ring, round trip p50", "us", c_medians, n);
  for (int side = 0; side < 2; side++) report_side(&sides[side], n, c_rates, c_medians);
  double ratios[64];
  bench_divide(sides[1].handler_rates, sides[0].handler_rates, n, ratios);
  bench_report("handler rate, jit / interpreted", "", ratios, n);
  bench_divide(sides[1].handler_medians, sides[0].handler_medians, n, ratios);
  bench_report("handler round trip p50, jit / interpreted", "", ratios, n);
  for (int side = 0; side < 2; side++) vyre_session_destroy(&sides[side].session);
  vyre_device_close(&device);
  return 0;
}
