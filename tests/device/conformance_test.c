/* Random Programs as handlers of real sessions, up to 64 to a session, many slots of each, several in flight: the same
 * outputs and the same fault (reason, line, column) as the interpreter called directly.
 *
 * Arguments: [device] [first seed] [Programs]; the devices are those of support/device.h. Without arguments: cpu and
 * ref in both topologies and by both builders, a bounded number of Programs. Named GPUs that are not there are a skip,
 * with VYRE_REQUIRE=gpu an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/clock.h"
#include "ir/layout.h"
#include "ir/text.h"
#include "megakernel/session.h"
#include "support/device.h"
#include "support/expect.h"
#include "support/generate.h"
#include "support/random.h"
#include "support/require.h"
#include "support/run.h"

enum {
  PROGRAMS = 64, /* of a session */
  DATA_BYTES = 1 << 18,
  DATA_BYTES_MAX = 70000, /* of a chunk: across strips, tiles and blocks of a GPU */
  IN_FLIGHT_MAX = 64,
};

/* What slots are bound to besides their chunk, and outputs that are a slot's own, are megakernel/builders_test.c's. */
enum { LACKS = VYRE_NEEDS_BUFFERS | VYRE_NEEDS_REDUCERS | VYRE_NEEDS_FLOATS | VYRE_NEEDS_VECTORS };

static uint64_t first_seed = 1, program_count, slots_of_each;

/* One slot in flight. */
typedef struct flight {
  vyre_ticket_t ticket;
  uint32_t program; /* index in the session */
  run_input_t input;
  uint64_t offset; /* of the chunk */
  bool is_open;
} flight_t;

typedef struct conformance {
  vyre_device_t *device;
  vyre_session_t *session;
  uint64_t seed; /* of the session's first Program */
  vyre_program_t *programs[PROGRAMS];
  vyre_layout_t layouts[PROGRAMS];
  uint32_t opcodes[PROGRAMS], count;
  vyre_memory_t data, outputs;
  uint32_t data_window, output_window;
  uint32_t place_bytes; /* of one slot in flight in the output window */
  uint8_t *bytes;       /* what the data window holds */
  uint8_t *block;       /* place_bytes */
  uint64_t fuel;
  uint32_t in_flight;
  flight_t flights[IN_FLIGHT_MAX];
  random_t random;
  uint64_t slots, faults;
} conformance_t;

/* ---- a session ---- */

static void make_programs(conformance_t *c, uint32_t count) {
  static const generate_options_t kinds[] = {
      {0}, {.no_faults = true}, {.foreach_heavy = true}, {.foreach_heavy = true, .no_faults = true}, {.statements = 8}};
  for (c->count = 0; c->count < count; c->count++) {
    uint64_t seed = c->seed + c->count;
    generate_options_t options = kinds[seed % 5];
    options.lacks = LACKS | c->device->lacks;
    vyre_program_t *program = generate_program(seed, &options);
    c->programs[c->count] = program;
    c->opcodes[c->count] = 0;
    ok(vyre_session_register(c->session, program, &c->opcodes[c->count]));
    vyre_program_layout(program, &c->layouts[c->count]);
    if (c->layouts[c->count].output_bytes > c->place_bytes) c->place_bytes = c->layouts[c->count].output_bytes;
  }
  c->place_bytes = (c->place_bytes + 63) & ~63u;
}

/* The host's own access where it has one: what it wrote last is what a slot must see. */
static void put(const conformance_t *c, const vyre_memory_t *to, uint64_t at, const void *from, size_t bytes) {
  if (to->host)
    memcpy(to->host + at, from, bytes);
  else
    ok(c->device->ops->write(c->device, to->address + at, from, bytes));
}

static void get(const conformance_t *c, void *to, const vyre_memory_t *from, uint64_t at, size_t bytes) {
  if (from->host)
    memcpy(to, from->host + at, bytes);
  else
    ok(c->device->ops->read(c->device, to, from->address + at, bytes));
}

/* Windows in memory of the host or of the device: the fences of a slot differ. */
static void make_windows(conformance_t *c) {
  vyre_memory_kind_t data_kind = random_once_in(&c->random, 2) ? VYRE_MEMORY_HOST : VYRE_MEMORY_DEVICE;
  vyre_memory_kind_t output_kind = random_once_in(&c->random, 2) ? VYRE_MEMORY_HOST : VYRE_MEMORY_DEVICE;
  ok(vyre_session_window_allocate(c->session, data_kind, DATA_BYTES, &c->data_window, &c->data));
  ok(vyre_session_window_allocate(c->session, output_kind, (uint64_t)c->place_bytes * c->in_flight, &c->output_window,
                                  &c->outputs));
  for (size_t i = 0; i < DATA_BYTES; i++)
    c->bytes[i] = (uint8_t)(random_below(&c->random, 4) ? random_next(&c->random) : random_below(&c->random, 3));
  put(c, &c->data, 0, c->bytes, DATA_BYTES);
}

static void open_session(conformance_t *c, const char *device, uint64_t seed, uint32_t count) {
  static const uint64_t fuels[] = {50000, 1000, 200000, 60, 20000};
  c->seed = seed;
  c->random = (random_t){seed * 31};
  c->fuel = fuels[random_below(&c->random, 5)] + random_below(&c->random, 50);
  uint32_t ring_slots = 8u << random_below(&c->random, 4);
  c->in_flight = 1 + random_below(&c->random, ring_slots);
  vyre_session_params_t params = {.ring_slots = ring_slots,
                                  .cells = c->in_flight,
                                  .fuel = c->fuel,
                                  .builder = test_device_builder(device),
                                  .first_ticket = random_next(&c->random) >> (2 + random_below(&c->random, 62))};
  if (!test_device_is_gpu(device)) params.workers = 1 + random_below(&c->random, 3);
  params.topology = test_device_topology(device);
  ok(vyre_session_create(c->device, &params, &c->session));
  make_programs(c, count);
  c->bytes = vyre_alloc(DATA_BYTES);
  c->block = vyre_alloc(c->place_bytes);
  assert_true(c->bytes && c->block);
  ok(vyre_session_start(c->session));
  make_windows(c);
}

static void close_session(conformance_t *c) {
  ok(vyre_session_stop(c->session, 10 * VYRE_NS_PER_S));
  vyre_session_destroy(&c->session);
  for (uint32_t i = 0; i < c->count; i++) vyre_program_destroy(&c->programs[i]);
  vyre_free(c->bytes);
  vyre_free(c->block);
}

/* ---- a slot ---- */

static uint64_t place_of(const conformance_t *c, const flight_t *flight) {
  return (uint64_t)(flight - c->flights) * c->place_bytes;
}

static void submit(conformance_t *c, flight_t *flight) {
  random_t *r = &c->random;
  flight->program = random_below(r, c->count);
  /* Mostly short, now and then none; every element has at most 8 bytes. */
  uint32_t bytes = random_below(r, random_once_in(r, 8) ? DATA_BYTES_MAX : random_once_in(r, 3) ? 5000 : 300) & ~7u;
  if (random_once_in(r, 12)) bytes = 0;
  flight->offset = random_below(r, (DATA_BYTES - bytes) / 8 + 1) * 8ull;
  flight->input = (run_input_t){.data = c->bytes + flight->offset,
                                .data_bytes = bytes,
                                .fuel = c->fuel,
                                .stream_offset = random_next(r) >> random_below(r, 64),
                                .is_last = random_below(r, 2),
                                .output_fill = (uint8_t)random_next(r)};
  uint64_t place = place_of(c, flight);
  uint32_t output_bytes = c->layouts[flight->program].output_bytes;
  memset(c->block, flight->input.output_fill, output_bytes);
  put(c, &c->outputs, place, c->block, output_bytes);
  vyre_slot_t slot = {.opcode = c->opcodes[flight->program],
                      .arg = {c->data_window, (uint32_t)flight->offset, 0, bytes, (uint32_t)flight->input.stream_offset,
                              (uint32_t)(flight->input.stream_offset >> 32),
                              flight->input.is_last ? VYRE_FRAME_IS_LAST : 0, c->output_window, (uint32_t)place, 0}};
  ok(vyre_session_submit(c->session, &slot, 60 * VYRE_NS_PER_S, &flight->ticket));
  flight->is_open = true;
}

static void explain(const conformance_t *c, const flight_t *flight, const run_result_t *reference,
                    const run_result_t *result) {
  const vyre_program_t *program = c->programs[flight->program];
  fprintf(stderr, "Program of seed %llu, %zu bytes at %llu, fuel %llu:\n",
          (unsigned long long)(c->seed + flight->program), flight->input.data_bytes, (unsigned long long)flight->offset,
          (unsigned long long)c->fuel);
  run_results_explain(stderr, program, reference, result);
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_text_print(program, &text);
  fprintf(stderr, "%s\n", text.text);
  vyre_strbuf_deinit(&text);
}

/* The reference runs while other slots are in flight. */
static void check(conformance_t *c, flight_t *flight) {
  const vyre_program_t *program = c->programs[flight->program];
  run_result_t reference;
  run_reference(program, &flight->input, &reference);
  vyre_completion_t completion;
  ok(vyre_session_wait(c->session, flight->ticket, 60 * VYRE_NS_PER_S, &completion));
  flight->is_open = false;
  get(c, c->block, &c->outputs, place_of(c, flight), reference.output_bytes);
  bool is_fault = completion.state == VYRE_SLOT_FAULT;
  run_result_t result = {.outputs = c->block,
                         .output_bytes = reference.output_bytes,
                         /* a completion has no iteration */
                         .fault_iteration = reference.fault_iteration};
  if (is_fault) {
    result.fault = completion.fault;
    uint32_t line = 0, column = 0;
    vyre_completion_place(c->session, c->opcodes[flight->program], &completion, &line, &column);
    result.fault_position = vyre_position_make(line, column);
  } else if (completion.state != VYRE_SLOT_DONE || completion.result[0] || completion.result[1]) {
    fail_msg("state %d, result %u %u", (int)completion.state, completion.result[0], completion.result[1]);
  }
  if (!run_results_equal(&reference, &result)) {
    explain(c, flight, &reference, &result);
    fail();
  }
  c->slots++;
  c->faults += is_fault;
  run_result_deinit(&reference);
}

/* ---- all of it ---- */

static void run_session(conformance_t *c, const char *device, uint64_t seed, uint32_t count) {
  uint64_t slots = c->slots, faults = c->faults;
  *c = (conformance_t){.device = c->device, .slots = slots, .faults = faults};
  open_session(c, device, seed, count);
  uint64_t total = count * slots_of_each;
  for (uint64_t i = 0; i < total; i++) {
    /* Any of those in flight: completions are read in another order than tickets were taken. */
    flight_t *flight = &c->flights[random_below(&c->random, c->in_flight)];
    if (flight->is_open) check(c, flight);
    submit(c, flight);
  }
  for (uint32_t i = 0; i < c->in_flight; i++)
    if (c->flights[i].is_open) check(c, &c->flights[i]);
  close_session(c);
}

static void sessions_equal_the_interpreter(void **state) {
  const char *device = *state;
  static conformance_t c;
  c = (conformance_t){0};
  ok(test_device_open(device, &c.device));
  for (uint64_t done = 0; done < program_count;) {
    uint64_t left = program_count - done;
    uint32_t count = left < PROGRAMS ? (uint32_t)left : PROGRAMS;
    run_session(&c, device, first_seed + done, count);
    done += count;
  }
  print_message("%s: %llu Programs, %llu slots, %llu of them faults\n", vyre_device_info(c.device).description,
                (unsigned long long)program_count, (unsigned long long)c.slots, (unsigned long long)c.faults);
  /* Neither all of them faults nor none, or the test says little. */
  assert_true(c.slots == program_count * slots_of_each);
  assert_true(c.slots < 500 || (c.faults > c.slots / 50 && c.faults < c.slots));
  vyre_device_close(&c.device);
}

static int run_on(char *name) {
  int missing = test_device_missing(name);
  if (missing) return missing;
  const struct CMUnitTest tests[] = {{name, sessions_equal_the_interpreter, NULL, NULL, name}};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) {
  static char cpu[] = "cpu", ref[] = "ref", cpu_dispatched[] = "cpu/dispatched", ref_dispatched[] = "ref/dispatched";
  static char cpu_jit[] = "cpu/jit", ref_jit[] = "ref/jit", cpu_dispatched_jit[] = "cpu/dispatched/jit";
  if (argc > 2) first_seed = strtoull(argv[2], NULL, 0);
  program_count = argc > 3 ? strtoull(argv[3], NULL, 0) : argc > 1 ? 256 : 80;
  slots_of_each = argc > 1 ? 24 : 10;
  if (argc > 1) return run_on(argv[1]);
#define ON(name) \
  { #name, sessions_equal_the_interpreter, NULL, NULL, name }
  const struct CMUnitTest tests[] = {ON(cpu),     ON(ref),     ON(cpu_dispatched),    ON(ref_dispatched),
                                     ON(cpu_jit), ON(ref_jit), ON(cpu_dispatched_jit)};
#undef ON
  return cmocka_run_group_tests(tests, NULL, NULL);
}
