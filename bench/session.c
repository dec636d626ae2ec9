/* Slots: round trip and rate of a session on the cpu device, beside a hand-written ring between two C threads that
 * moves the same 64-byte records, in the same run, interleaved.
 *
 * bench-session [rounds] */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <vyre/session.h>

#include "machine.h"
#include "measure.h"

enum { RING = 1024, SAMPLES = 200000, IN_FLIGHT = 256 };
static const uint64_t SLOTS = 10000000;

static void ok(vyre_status_t status) {
  if (!status) return;
  char text[2000];
  vyre_status_format(status, text, sizeof text);
  fputs(text, stderr);
  exit(1);
}

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

/* ---- the session ---- */

static vyre_session_t *session;
static uint32_t window;
static uint32_t *memory;

static void take(vyre_ticket_t ticket, bool is_load, uint32_t value) {
  vyre_completion_t completion;
  bool done = false;
  while (!done) {
    ok(vyre_session_poll(session, ticket, &done, &completion));
    if (!done) __builtin_ia32_pause();
  }
  if (completion.state != VYRE_SLOT_DONE || (is_load && completion.result[0] != value)) bench_wrong("slot");
}

static double session_rate(uint32_t opcode, uint64_t slots) {
  static vyre_ticket_t tickets[IN_FLIGHT];
  vyre_slot_t slot = {.opcode = opcode, .arg = {window, 0}};
  memory[0] = 77;
  double start = bench_now();
  for (uint64_t i = 0; i < slots + IN_FLIGHT; i++) {
    if (i >= IN_FLIGHT) take(tickets[i % IN_FLIGHT], opcode == VYRE_OP_LOAD_U32, 77);
    if (i < slots) ok(vyre_session_submit(session, &slot, VYRE_FOREVER, &tickets[i % IN_FLIGHT]));
  }
  return (double)slots / (bench_now() - start) * 1e-6;
}

static void session_latency(double *samples) {
  uint64_t random = 2;
  for (int i = 0; i < SAMPLES; i++) {
    vyre_slot_t slot = {.opcode = VYRE_OP_LOAD_U32, .arg = {window, 0}};
    vyre_ticket_t ticket;
    memory[0] = (uint32_t)i;
    pause_randomly(&random);
    double start = bench_now();
    ok(vyre_session_submit(session, &slot, 0, &ticket));
    take(ticket, true, (uint32_t)i);
    samples[i] = (bench_now() - start) * 1e6;
  }
}

int main(int argc, char **argv) {
  int rounds = argc > 1 ? atoi(argv[1]) : 5;
  bench_machine_watch();
  vyre_device_t *device;
  ok(vyre_device_open("cpu", &device));
  /* One worker: the producer has the other processor. */
  ok(vyre_session_create(device, &(vyre_session_params_t){.workers = 1, .ring_slots = RING, .spin_ns = 1000000},
                         &session));
  ok(vyre_session_start(session));
  ok(vyre_session_window_create(session, 4096, &window, (void **)&memory));
  static double samples[SAMPLES];
  double c_rates[64], nop_rates[64], load_rates[64], c_medians[64], medians[64], tails[64];
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
    nop_rates[i] = session_rate(VYRE_OP_NOP, SLOTS);
    load_rates[i] = session_rate(VYRE_OP_LOAD_U32, SLOTS);
    session_latency(samples);
    medians[i] = bench_quantile(samples, SAMPLES, 0.5);
    tails[i] = bench_quantile(samples, SAMPLES, 0.99);
    i += bench_machine_round_counts((size_t)rounds);
  }
  size_t n = (size_t)rounds;
  double ratios[64];
  bench_report("C ring, 64-byte records", "M slots/s", c_rates, n);
  bench_at_least("session, NOP", "M slots/s", nop_rates, n, 15);
  bench_report("session, LOAD_U32", "M slots/s", load_rates, n);
  bench_divide(nop_rates, c_rates, n, ratios);
  bench_at_least("session NOP / C ring", "", ratios, n, 0.1);
  bench_report("C ring, round trip p50", "us", c_medians, n);
  bench_at_most("session, round trip p50 (LOAD_U32)", "us", medians, n, 0.6);
  bench_report("session, round trip p99", "us", tails, n);
  bench_divide(medians, c_medians, n, ratios);
  bench_report("session round trip p50 / C ring's", "", ratios, n);
  vyre_session_stats_t stats = vyre_session_stats(session);
  printf("launches %llu, swaps %llu, slots %llu\n", (unsigned long long)stats.launches, (unsigned long long)stats.swaps,
         (unsigned long long)stats.published);
  vyre_session_destroy(&session);
  vyre_device_close(&device);
  return 0;
}
