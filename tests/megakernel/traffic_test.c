/* Random slots of every opcode from four producers at once (traffic.h), over a session of each device, topology and
 * builder. Every counter wraps in some of them, in the middle. And sessions that are stopped in the middle of it: each
 * ticket comes to an end all the same.
 *
 * Arguments: [device] [first seed] [slots of each producer]. A campaign: `test-traffic cpu 1 2500000`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "megakernel/traffic.h"

#include "base/clock.h"
#include "support/device.h"
#include "support/expect.h"

enum { STOP_ROUNDS = 20 };

static uint64_t first_seed = 1, slots_each = 4000;

/* A first ticket from which a counter wraps in the middle of the run: the ticket as a u32, as the number of a letter
 * (31 bits of count), the low half of the lap, the lap; or none. */
static uint64_t first_ticket(uint64_t seed) {
  const uint64_t lap = TRAFFIC_CELLS, borders[] = {0, UINT64_C(1) << 32, lap << 16, lap << 32, UINT64_C(1) << 48};
  uint64_t border = borders[seed % 5], half = 2 * slots_each;
  return border > half ? border - half : 0;
}

static void run(const char *device_name, uint64_t seed) {
  traffic_t t;
  traffic_open(&t, device_name, first_seed, first_ticket(seed));
  t.slots_each = slots_each;
  traffic_start(&t, seed);
  uint64_t next[TRAFFIC_PRODUCERS] = {0}, records = 0, lost = 0, published = 0;
  for (uint32_t i = 0; i < TRAFFIC_PRODUCERS; i++) {
    const traffic_producer_t *p = &traffic_producers[i];
    while (!traffic_has_left(i)) {
      records += traffic_read_log(&t, next, &lost);
      vyre_sleep_ns(200000);
    }
    if (p->wrong[0]) fail_msg("%s, seed %llu: %s", device_name, (unsigned long long)seed, p->wrong);
    published += p->published;
  }
  records += traffic_read_log(&t, next, &lost);
  print_message("%s, from ticket 0x%llx on: ", device_name, (unsigned long long)first_ticket(seed));
  traffic_check_end(&t, records, lost);
  vyre_session_stats_t stats = vyre_session_stats(t.session);
  assert_int_equal(stats.published, published);
  assert_int_equal(stats.taken, published);
  traffic_close(&t);
}

static uint64_t run_number; /* so that each run takes another border */

static void traffic(void **state) { run(*state, first_seed + run_number++); }

/* The main thread stops the session after a while; every ticket that a producer has got comes to its end. */
static void stops_in_traffic(void **state) {
  const char *device_name = *state;
  uint64_t published = 0, cancelled = 0;
  random_t random = {first_seed};
  for (int round = 0; round < STOP_ROUNDS; round++) {
    traffic_t t;
    traffic_open(&t, device_name, first_seed, 0);
    t.stops = true;
    t.slots_each = slots_each;
    traffic_start(&t, random_next(&random));
    vyre_sleep_ns(random_below(&random, 3000000));
    ok(vyre_session_stop(t.session, 10 * VYRE_NS_PER_S));
    for (uint32_t i = 0; i < TRAFFIC_PRODUCERS; i++) {
      const traffic_producer_t *p = &traffic_producers[i];
      traffic_join(i);
      if (p->wrong[0]) fail_msg("%s, round %d: %s", device_name, round, p->wrong);
      assert_int_equal(p->completed, p->published);
      published += p->published;
      cancelled += p->was_cancelled;
    }
    traffic_close(&t);
  }
  print_message("%s: %d stops, %llu slots, cancelled ones in %llu producers\n", device_name, STOP_ROUNDS,
                (unsigned long long)published, (unsigned long long)cancelled);
}

int main(int argc, char **argv) {
  static char *names[] = {"cpu", "cpu/jit", "cpu/dispatched", "cpu/dispatched/jit",
                          "ref", "ref/jit", "ref/dispatched", "ref/dispatched/jit"};
  bool has_name = argc > 1;
  int missing = has_name ? test_device_missing(argv[1]) : 0;
  if (missing) return missing;
  if (argc > 2) first_seed = strtoull(argv[2], NULL, 0);
  if (argc > 3) slots_each = strtoull(argv[3], NULL, 0);
  struct CMUnitTest tests[2 * 8];
  size_t count = has_name ? 1 : 8;
  for (size_t i = 0; i < count; i++) {
    char *name = has_name ? argv[1] : names[i];
    tests[i] = (struct CMUnitTest){.name = name, .test_func = traffic, .initial_state = name};
    tests[count + i] = (struct CMUnitTest){.name = "stopped", .test_func = stops_in_traffic, .initial_state = name};
  }
  return _cmocka_run_group_tests("traffic", tests, 2 * count, NULL, NULL);
}
