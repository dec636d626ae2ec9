/* Random Programs in two sessions of one device that differ in the builder only: the same slots give the same
 * completions (state, results, fault, its place) and the same outputs, slot by slot.
 *
 * Arguments: [device] [first seed] [Programs] [slots of each]; the devices are those of support/device.h. Without
 * arguments: cpu in both topologies and ref, a bounded number of Programs. A campaign: `test-builders cpu 1 100000`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vyre/session.h>

#include "base/clock.h"
#include "ir/frame.h"
#include "ir/text.h"
#include "megakernel/protocol.h"
#include "support/device.h"
#include "support/expect.h"
#include "support/generate.h"
#include "support/random.h"

enum {
  PROGRAMS_MAX = 48, /* of a session: as many as one jit image holds here */
  DATA_BYTES = 1 << 16,
  IN_FLIGHT_MAX = 32,
};

static uint64_t first_seed = 1, program_count = 64, slots_of_each = 8;

/* One of the two sessions. */
typedef struct side {
  vyre_session_t *session;
  uint32_t data_window, output_window;
  uint8_t *data, *outputs;
  vyre_ticket_t tickets[IN_FLIGHT_MAX];
} side_t;

/* The same slot in both. */
typedef struct flight {
  vyre_slot_t slot; /* windows not filled in */
  uint32_t program; /* index; `count` of none */
  bool is_open;
} flight_t;

typedef struct pair {
  vyre_device_t *device;
  side_t sides[2]; /* interpreted, jit */
  uint64_t seed;   /* of the first Program */
  vyre_program_t *programs[PROGRAMS_MAX];
  uint32_t opcodes[PROGRAMS_MAX], count;
  uint32_t place_bytes; /* of one slot in flight in the output window */
  uint32_t in_flight;
  flight_t flights[IN_FLIGHT_MAX];
  random_t random;
  uint64_t slots, faults;
} pair_t;

/* ---- the sessions ---- */

static void make_programs(pair_t *p, uint32_t count) {
  static const generate_options_t kinds[] = {
      {0}, {.no_faults = true}, {.foreach_heavy = true}, {.foreach_heavy = true, .no_faults = true}, {.statements = 8}};
  for (p->count = 0; p->count < count; p->count++) {
    uint64_t seed = p->seed + p->count;
    vyre_program_t *program = generate_program(seed, &kinds[seed % 5]);
    p->programs[p->count] = program;
    vyre_layout_t layout;
    vyre_program_layout(program, &layout);
    if (layout.output_bytes > p->place_bytes) p->place_bytes = layout.output_bytes;
  }
  p->place_bytes = (p->place_bytes + 63) & ~63u;
}

static void open_side(pair_t *p, side_t *side, const vyre_session_params_t *params) {
  ok(vyre_session_create(p->device, params, &side->session));
  for (uint32_t i = 0; i < p->count; i++) {
    p->opcodes[i] = 1000 + i;
    ok(vyre_session_register(side->session, p->programs[i], &p->opcodes[i]));
  }
  ok(vyre_session_start(side->session));
  assert_int_equal(vyre_session_stats(side->session).builder, params->builder);
  ok(vyre_session_window_create(side->session, DATA_BYTES, &side->data_window, (void **)&side->data));
  ok(vyre_session_window_create(side->session, (uint64_t)p->place_bytes * p->in_flight, &side->output_window,
                                (void **)&side->outputs));
}

static void open_pair(pair_t *p, const char *device, uint64_t seed, uint32_t count) {
  static const uint64_t fuels[] = {50000, 1000, 100000, 60, 20000};
  p->seed = seed;
  p->random = (random_t){seed * 131};
  p->in_flight = 1 + random_below(&p->random, IN_FLIGHT_MAX);
  make_programs(p, count);
  vyre_session_params_t params = {.workers = 1 + random_below(&p->random, 2),
                                  .ring_slots = IN_FLIGHT_MAX,
                                  .fuel = fuels[random_below(&p->random, 5)] + random_below(&p->random, 50)};
  if (test_device_is_dispatched_host(device)) params.spin_ns = TEST_AWAKE_NS;
  for (int i = 0; i < 2; i++) {
    params.builder = i ? VYRE_BUILDER_JIT : VYRE_BUILDER_INTERPRETED;
    open_side(p, &p->sides[i], &params);
  }
  for (size_t i = 0; i < DATA_BYTES; i++)
    p->sides[0].data[i] = (uint8_t)(random_below(&p->random, 4) ? random_next(&p->random) : random_below(&p->random, 3));
  memcpy(p->sides[1].data, p->sides[0].data, DATA_BYTES);
}

static void close_pair(pair_t *p) {
  for (int i = 0; i < 2; i++) {
    ok(vyre_session_stop(p->sides[i].session, 10 * VYRE_NS_PER_S));
    vyre_session_destroy(&p->sides[i].session);
  }
  for (uint32_t i = 0; i < p->count; i++) vyre_program_release(p->programs[i]);
}

/* ---- a slot ---- */

static void choose_slot(pair_t *p, flight_t *flight) {
  random_t *r = &p->random;
  flight->program = random_below(r, p->count);
  uint32_t bytes = random_below(r, random_once_in(r, 8) ? 20000 : random_once_in(r, 3) ? 5000 : 300) & ~7u;
  uint64_t at = random_next(r) >> random_below(r, 64);
  flight->slot = (vyre_slot_t){.opcode = p->opcodes[flight->program],
                               .arg = {[VYRE_ARG_DATA_OFFSET_LOW] = random_below(r, (DATA_BYTES - bytes) / 8 + 1) * 8,
                                       [VYRE_ARG_DATA_BYTES] = bytes,
                                       [VYRE_ARG_STREAM_OFFSET_LOW] = (uint32_t)at,
                                       [VYRE_ARG_STREAM_OFFSET_LOW + 1] = (uint32_t)(at >> 32),
                                       [VYRE_ARG_FLAGS] = random_below(r, 2) ? VYRE_FRAME_IS_LAST : 0,
                                       [VYRE_ARG_OUTPUT_OFFSET] = (uint32_t)(flight - p->flights) * p->place_bytes}};
  /* What the loop refuses before any handler runs. */
  if (random_once_in(r, 40)) flight->slot.arg[VYRE_ARG_FLAGS] = 2 + random_below(r, 9);
  if (random_once_in(r, 40)) flight->slot.arg[VYRE_ARG_DATA_OFFSET_LOW] = DATA_BYTES + 8;
  if (!random_once_in(r, 40)) return;
  flight->program = p->count;
  flight->slot.opcode = random_once_in(r, 2) ? VYRE_OP_NOP : 999;
}

static void submit(pair_t *p, flight_t *flight) {
  choose_slot(p, flight);
  uint32_t index = (uint32_t)(flight - p->flights);
  uint8_t fill = (uint8_t)random_next(&p->random);
  for (int i = 0; i < 2; i++) {
    side_t *side = &p->sides[i];
    memset(side->outputs + (size_t)index * p->place_bytes, fill, p->place_bytes);
    vyre_slot_t slot = flight->slot;
    slot.arg[VYRE_ARG_DATA_WINDOW] = side->data_window;
    slot.arg[VYRE_ARG_OUTPUT_WINDOW] = side->output_window;
    ok(vyre_session_submit(side->session, &slot, 60 * VYRE_NS_PER_S, &side->tickets[index]));
  }
  flight->is_open = true;
}

static void explain(const pair_t *p, const flight_t *flight, const vyre_completion_t completions[2]) {
  for (int i = 0; i < 2; i++)
    fprintf(stderr, "%s: state %d, result %u %u, fault %u at node %u\n", i ? "jit" : "interpreted",
            (int)completions[i].state, completions[i].result[0], completions[i].result[1], completions[i].fault,
            completions[i].fault_node);
  if (flight->program == p->count) return;
  fprintf(stderr, "Program of seed %llu:\n", (unsigned long long)(p->seed + flight->program));
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_text_print(p->programs[flight->program], &text);
  fprintf(stderr, "%s\n", text.text);
  vyre_strbuf_deinit(&text);
}

static void check(pair_t *p, flight_t *flight) {
  size_t index = (size_t)(flight - p->flights);
  vyre_completion_t c[2];
  memset(c, 0, sizeof c);
  for (int i = 0; i < 2; i++)
    ok(vyre_session_wait(p->sides[i].session, p->sides[i].tickets[index], 60 * VYRE_NS_PER_S, &c[i]));
  flight->is_open = false;
  bool same_outputs = memcmp(p->sides[0].outputs + index * p->place_bytes, p->sides[1].outputs + index * p->place_bytes,
                             p->place_bytes) == 0;
  if (c[0].state != c[1].state || c[0].result[0] != c[1].result[0] || c[0].result[1] != c[1].result[1] ||
      c[0].fault != c[1].fault || c[0].fault_node != c[1].fault_node || !same_outputs) {
    explain(p, flight, c);
    fail_msg("the %s differ", same_outputs ? "completions" : "outputs");
  }
  p->slots++;
  p->faults += c[0].state == VYRE_SLOT_FAULT;
}

/* ---- all of it ---- */

static void run_pair(pair_t *p, const char *device, uint64_t seed, uint32_t count) {
  *p = (pair_t){.device = p->device, .slots = p->slots, .faults = p->faults};
  open_pair(p, device, seed, count);
  for (uint64_t i = 0; i < count * slots_of_each; i++) {
    flight_t *flight = &p->flights[random_below(&p->random, p->in_flight)];
    if (flight->is_open) check(p, flight);
    submit(p, flight);
  }
  for (uint32_t i = 0; i < p->in_flight; i++)
    if (p->flights[i].is_open) check(p, &p->flights[i]);
  close_pair(p);
}

static void builders_complete_alike(void **state) {
  const char *device = *state;
  static pair_t p;
  p = (pair_t){0};
  ok(test_device_open(device, &p.device));
  for (uint64_t done = 0; done < program_count;) {
    uint64_t left = program_count - done;
    uint32_t count = left < PROGRAMS_MAX ? (uint32_t)left : PROGRAMS_MAX;
    run_pair(&p, device, first_seed + done, count);
    done += count;
  }
  print_message("%s: %llu Programs, %llu slots, %llu of them faults\n", device, (unsigned long long)program_count,
                (unsigned long long)p.slots, (unsigned long long)p.faults);
  /* Neither all of them faults nor none, or the test says little. */
  assert_true(p.slots == program_count * slots_of_each);
  assert_true(p.slots < 500 || (p.faults > p.slots / 50 && p.faults < p.slots / 2));
  vyre_device_close(&p.device);
}

int main(int argc, char **argv) {
  static char cpu[] = "cpu", ref[] = "ref", cpu_dispatched[] = "cpu/dispatched";
  if (argc > 2) first_seed = strtoull(argv[2], NULL, 0);
  if (argc > 3) program_count = strtoull(argv[3], NULL, 0);
  if (argc > 4) slots_of_each = strtoull(argv[4], NULL, 0);
  if (argc > 1) {
    const struct CMUnitTest named[] = {{argv[1], builders_complete_alike, NULL, NULL, argv[1]}};
    return cmocka_run_group_tests(named, NULL, NULL);
  }
  const struct CMUnitTest tests[] = {{"cpu", builders_complete_alike, NULL, NULL, cpu},
                                     {"ref", builders_complete_alike, NULL, NULL, ref},
                                     {"cpu, dispatched", builders_complete_alike, NULL, NULL, cpu_dispatched}};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
