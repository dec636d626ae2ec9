/* Random Programs in two sessions of one device that differ in the builder only: the same slots give the same
 * completions (state, results, fault, its place), outputs and windows, slot by slot. A slot has operands of its own;
 * what it leaves in the state is seen by those that follow.
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
#include "base/memory.h"
#include "ir/frame.h"
#include "ir/layout.h"
#include "ir/text.h"
#include "megakernel/protocol.h"
#include "support/device.h"
#include "support/expect.h"
#include "support/generate.h"
#include "support/inputs.h"
#include "support/random.h"

enum {
  PROGRAMS_MAX = 48, /* of a session: as many as one jit image holds here */
  IN_FLIGHT_MAX = 16,
  DATA_BYTES = 1 << 16,   /* of one slot in flight: its chunk and its halo */
  BUFFER_BYTES = 1 << 18, /* its windows */
  CONSTANT_BYTES = 64,    /* of a constant whose length the Program leaves open */
};

static uint64_t first_seed = 1, program_count = 64, slots_of_each = 8;

/* One of the two sessions. A slot in flight has a part of each window to itself. */
typedef struct side {
  vyre_session_t *session;
  uint32_t data_window, buffer_window, output_window;
  uint8_t *data, *buffers, *outputs;
  vyre_ticket_t tickets[IN_FLIGHT_MAX];
} side_t;

/* The same slot in both. */
typedef struct flight {
  vyre_slot_t slot;     /* windows not filled in */
  uint32_t program;     /* index; `count` of none */
  uint32_t buffer_used; /* bytes of BUFFER_BYTES */
  bool is_open;
  bool can_finish; /* its block is what a good call left, and nothing else has been there since */
} flight_t;

typedef struct pair {
  vyre_device_t *device;
  side_t sides[2]; /* interpreted, jit */
  uint64_t seed;   /* of the first Program */
  vyre_program_t *programs[PROGRAMS_MAX];
  uint64_t seeds[PROGRAMS_MAX];
  uint32_t count;
  bool is_retired[PROGRAMS_MAX]; /* what its fault left in its state is not specified */
  uint32_t pending[PROGRAMS_MAX];
  uint32_t block_bytes, place_bytes; /* in the output window, of one slot in flight: its block, then its operands */
  uint32_t in_flight;
  flight_t flights[IN_FLIGHT_MAX];
  random_t random;
  uint64_t slots, faults, finishes;
} pair_t;

/* ---- the sessions ---- */

/* Programs that the device runs, of the seeds from `seed` on; gives the seed behind them. */
static uint64_t make_programs(pair_t *p, uint64_t seed, uint32_t count) {
  static const generate_options_t kinds[] = {
      {0}, {.no_faults = true}, {.foreach_heavy = true}, {.foreach_heavy = true, .no_faults = true}, {.statements = 8}};
  for (p->count = 0; p->count < count; seed++) {
    vyre_program_t *program = generate_program(seed, &kinds[seed % 5]);
    if (program->needs & p->device->lacks) {
      vyre_program_destroy(&program);
      continue;
    }
    p->seeds[p->count] = seed;
    p->programs[p->count++] = program;
    vyre_layout_t layout;
    vyre_program_layout(program, &layout);
    if (layout.output_bytes > p->block_bytes) p->block_bytes = layout.output_bytes;
  }
  p->block_bytes = (p->block_bytes + 63) & ~63u;
  p->place_bytes = p->block_bytes + VYRE_LIMIT_PARAMS * VYRE_OPERAND_BYTES_EACH;
  return seed;
}

/* Constants have one value for the session. */
static void set_constants(pair_t *p, side_t *side, uint32_t index) {
  const vyre_program_t *program = p->programs[index];
  for (uint32_t k = 0; k < program->param_count; k++) {
    const vyre_param_t *param = &program->params[k];
    if (param->role != VYRE_ROLE_CONSTANT) continue;
    size_t size = param->count ? (size_t)param->count * vyre_type_bytes(param->type) : CONSTANT_BYTES;
    uint8_t *bytes = vyre_alloc(size);
    assert_non_null(bytes);
    random_t random = {p->seeds[index] + k};
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)random_next(&random);
    ok(vyre_session_set_param(side->session, 1000 + index, param->name, bytes, size));
    vyre_free(bytes);
  }
}

static void open_side(pair_t *p, side_t *side, const vyre_session_params_t *params) {
  ok(vyre_session_create(p->device, params, &side->session));
  for (uint32_t i = 0; i < p->count; i++) {
    uint32_t opcode = 1000 + i;
    ok(vyre_session_register(side->session, p->programs[i], &opcode));
    set_constants(p, side, i);
  }
  ok(vyre_session_start(side->session));
  assert_int_equal(vyre_session_stats(side->session).builder, params->builder);
  uint64_t places = p->in_flight;
  ok(vyre_session_window_create(side->session, places * DATA_BYTES, &side->data_window, (void **)&side->data));
  ok(vyre_session_window_create(side->session, places * BUFFER_BYTES, &side->buffer_window, (void **)&side->buffers));
  ok(vyre_session_window_create(side->session, places * p->place_bytes, &side->output_window, (void **)&side->outputs));
}

/* One worker: slots that share state run in the order of their tickets. */
static uint64_t open_pair(pair_t *p, const char *device, uint64_t seed, uint32_t count) {
  static const uint64_t fuels[] = {20000, 1000, 3000, 60, 200};
  p->random = (random_t){seed * 131};
  p->in_flight = 1 + random_below(&p->random, IN_FLIGHT_MAX);
  seed = make_programs(p, seed, count);
  vyre_session_params_t params = {.workers = 1,
                                  .ring_slots = IN_FLIGHT_MAX,
                                  .fuel = fuels[random_below(&p->random, 5)] + random_below(&p->random, 50)};
  params.topology = test_device_topology(device);
  for (int i = 0; i < 2; i++) {
    params.builder = i ? VYRE_BUILDER_JIT : VYRE_BUILDER_INTERPRETED;
    open_side(p, &p->sides[i], &params);
  }
  return seed;
}

static void close_pair(pair_t *p) {
  for (int i = 0; i < 2; i++) {
    ok(vyre_session_stop(p->sides[i].session, 10 * VYRE_NS_PER_S));
    vyre_session_destroy(&p->sides[i].session);
  }
  for (uint32_t i = 0; i < p->count; i++) vyre_program_destroy(&p->programs[i]);
}

/* ---- a slot ---- */

static size_t index_of(const pair_t *p, const flight_t *flight) { return (size_t)(flight - p->flights); }

static bool has_state(const vyre_program_t *program) {
  for (uint32_t k = 0; k < program->param_count; k++)
    if (program->params[k].role == VYRE_ROLE_STATE) return true;
  return false;
}

static void store32(uint8_t *at, uint32_t value) { memcpy(at, &value, sizeof value); }
static void store64(uint8_t *at, uint64_t value) { memcpy(at, &value, sizeof value); }

/* Puts the contents of a window that a slot names into its part, and the operand that names it. */
static void put_window(pair_t *p, flight_t *flight, const run_binding_t *binding, uint8_t *operands[2]) {
  size_t start = index_of(p, flight) * BUFFER_BYTES, at = flight->buffer_used;
  size_t room = (BUFFER_BYTES - at) & ~(size_t)15, size = binding->size < room ? binding->size : room;
  for (int i = 0; i < 2; i++) {
    memcpy(p->sides[i].buffers + start + at, binding->bytes, size);
    store32(operands[i] + VYRE_OPERAND_HANDLE, p->sides[i].buffer_window);
    store64(operands[i] + VYRE_OPERAND_OFFSET, start + at);
    store64(operands[i] + VYRE_OPERAND_BYTES, size);
  }
  flight->buffer_used = (uint32_t)((at + size + 15) & ~(size_t)15);
}

/* The operand block. True when the Program has one. */
static bool put_operands(pair_t *p, flight_t *flight, const inputs_t *inputs) {
  const vyre_program_t *program = p->programs[flight->program];
  uint8_t *at[2];
  for (int i = 0; i < 2; i++) at[i] = p->sides[i].outputs + index_of(p, flight) * p->place_bytes + p->block_bytes;
  const uint8_t *first = at[0];
  flight->buffer_used = 0;
  for (uint32_t k = 0; k < program->param_count; k++) {
    const vyre_param_t *param = &program->params[k];
    bool has_halo = param->role == VYRE_ROLE_STREAM && vyre_param_has_halo(param);
    if (param->role != VYRE_ROLE_SCALAR && param->role != VYRE_ROLE_WINDOW && !has_halo) continue;
    if (param->role == VYRE_ROLE_WINDOW) put_window(p, flight, &inputs->bindings[k], at);
    for (int i = 0; i < 2; i++) {
      if (param->role == VYRE_ROLE_SCALAR) store64(at[i] + VYRE_OPERAND_VALUE, inputs->bindings[k].value);
      if (has_halo) store32(at[i] + VYRE_OPERAND_LEFT, inputs->input.halo_left);
      if (has_halo) store32(at[i] + VYRE_OPERAND_RIGHT, inputs->input.halo_right);
      at[i] += VYRE_OPERAND_BYTES_EACH;
    }
  }
  return at[0] != first;
}

/* The chunk with its halo; data[0] is aligned to 16 bytes. Gives its offset in the window. */
static uint32_t put_chunk(pair_t *p, const flight_t *flight, const run_input_t *input) {
  size_t offset = index_of(p, flight) * DATA_BYTES + ((input->halo_left + 15u) & ~15u);
  size_t all = input->halo_left + input->data_bytes + input->halo_right;
  for (int i = 0; i < 2; i++)
    memcpy(p->sides[i].data + offset - input->halo_left, (const uint8_t *)input->data - input->halo_left, all);
  return (uint32_t)offset;
}

static void make_call(pair_t *p, flight_t *flight) {
  random_t *r = &p->random;
  inputs_t inputs;
  inputs_options_t options = {.data_bytes = random_below(r, random_once_in(r, 6) ? 12000 : 600) & ~15u};
  inputs_init(&inputs, p->programs[flight->program], random_next(r), &options);
  const run_input_t *input = &inputs.input;
  size_t place = index_of(p, flight) * p->place_bytes;
  for (int i = 0; i < 2; i++) memset(p->sides[i].outputs + place, input->output_fill, p->block_bytes);
  flight->slot = (vyre_slot_t){.opcode = 1000 + flight->program,
                               .arg = {[VYRE_ARG_DATA_OFFSET_LOW] = put_chunk(p, flight, input),
                                       [VYRE_ARG_DATA_BYTES] = (uint32_t)input->data_bytes,
                                       [VYRE_ARG_STREAM_OFFSET_LOW] = (uint32_t)input->stream_offset,
                                       [VYRE_ARG_STREAM_OFFSET_LOW + 1] = (uint32_t)(input->stream_offset >> 32),
                                       [VYRE_ARG_FLAGS] = input->is_last ? VYRE_FRAME_IS_LAST : 0,
                                       [VYRE_ARG_OUTPUT_OFFSET] = (uint32_t)place}};
  if (put_operands(p, flight, &inputs) && !random_once_in(r, 30))
    flight->slot.arg[VYRE_ARG_OPERANDS] = (uint32_t)place + p->block_bytes;
  inputs_deinit(&inputs);
  /* What the loop refuses before any handler runs. */
  if (random_once_in(r, 60)) flight->slot.arg[VYRE_ARG_FLAGS] = 16 + random_below(r, 9);
  if (random_once_in(r, 60)) flight->slot.arg[VYRE_ARG_DATA_OFFSET_LOW] = p->in_flight * DATA_BYTES + 8;
}

static void choose_slot(pair_t *p, flight_t *flight) {
  random_t *r = &p->random;
  if (flight->can_finish && p->programs[flight->program]->has_finish && !p->is_retired[flight->program] &&
      random_once_in(r, 2)) {
    flight->slot.arg[VYRE_ARG_FLAGS] = VYRE_FRAME_FINISH;
    p->finishes++;
    return;
  }
  flight->program = random_below(r, p->count);
  bool is_busy = has_state(p->programs[flight->program]) && p->pending[flight->program];
  if (!p->is_retired[flight->program] && !is_busy && !random_once_in(r, 40)) {
    make_call(p, flight);
    return;
  }
  flight->program = p->count;
  flight->slot = (vyre_slot_t){.opcode = random_once_in(r, 2) ? VYRE_OP_NOP : 999};
}

static void submit(pair_t *p, flight_t *flight) {
  choose_slot(p, flight);
  for (int i = 0; i < 2; i++) {
    side_t *side = &p->sides[i];
    vyre_slot_t slot = flight->slot;
    slot.arg[VYRE_ARG_DATA_WINDOW] = side->data_window;
    slot.arg[VYRE_ARG_OUTPUT_WINDOW] = side->output_window;
    ok(vyre_session_submit(side->session, &slot, 60 * VYRE_NS_PER_S, &side->tickets[index_of(p, flight)]));
  }
  if (flight->program < p->count) p->pending[flight->program]++;
  flight->is_open = true;
}

static void explain(const pair_t *p, const flight_t *flight, const vyre_completion_t completions[2]) {
  for (int i = 0; i < 2; i++)
    fprintf(stderr, "%s: state %d, result %u %u, fault %u at node %u\n", i ? "jit" : "interpreted",
            (int)completions[i].state, completions[i].result[0], completions[i].result[1], completions[i].fault,
            completions[i].fault_node);
  if (flight->program == p->count) return;
  fprintf(stderr, "Program of seed %llu, flags %u:\n", (unsigned long long)p->seeds[flight->program],
          flight->slot.arg[VYRE_ARG_FLAGS]);
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_text_print(p->programs[flight->program], &text);
  fprintf(stderr, "%s\n", text.text);
  vyre_strbuf_deinit(&text);
}

/* After a fault: but for ordered outputs, which are not specified then, nor are windows. */
static bool same_memory(const pair_t *p, const flight_t *flight, bool is_fault) {
  size_t index = index_of(p, flight), place = index * p->place_bytes;
  const uint8_t *blocks[2] = {p->sides[0].outputs + place, p->sides[1].outputs + place};
  if (!is_fault)
    return memcmp(blocks[0], blocks[1], p->block_bytes) == 0 &&
           memcmp(p->sides[0].buffers + index * BUFFER_BYTES, p->sides[1].buffers + index * BUFFER_BYTES,
                  flight->buffer_used) == 0;
  const vyre_program_t *program = p->programs[flight->program];
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  for (uint32_t k = 0; k < program->param_count; k++) {
    const vyre_param_t *param = &program->params[k];
    if (param->role != VYRE_ROLE_OUTPUT || vyre_output_is_ordered(param)) continue;
    uint32_t at = layout.output_offset[k];
    if (memcmp(blocks[0] + at, blocks[1] + at, vyre_output_bytes(param)) != 0) return false;
  }
  return true;
}

static void check(pair_t *p, flight_t *flight) {
  size_t index = index_of(p, flight);
  vyre_completion_t c[2];
  memset(c, 0, sizeof c);
  for (int i = 0; i < 2; i++)
    ok(vyre_session_wait(p->sides[i].session, p->sides[i].tickets[index], 60 * VYRE_NS_PER_S, &c[i]));
  flight->is_open = false;
  bool is_fault = c[0].state == VYRE_SLOT_FAULT;
  bool same = c[0].state == c[1].state && c[0].result[0] == c[1].result[0] && c[0].result[1] == c[1].result[1] &&
              c[0].fault == c[1].fault && c[0].fault_node == c[1].fault_node;
  if (!same || (flight->program < p->count && !same_memory(p, flight, is_fault))) {
    explain(p, flight, c);
    fail_msg("the %s differ", same ? "outputs or windows" : "completions");
  }
  p->slots++;
  p->faults += is_fault;
  flight->can_finish = false;
  if (flight->program == p->count) return;
  flight->can_finish = !is_fault && !(flight->slot.arg[VYRE_ARG_FLAGS] & VYRE_FRAME_FINISH);
  p->pending[flight->program]--;
  if (is_fault && has_state(p->programs[flight->program])) p->is_retired[flight->program] = true;
}

/* ---- all of it ---- */

static uint64_t run_pair(pair_t *p, const char *device, uint64_t seed, uint32_t count) {
  *p = (pair_t){.device = p->device, .slots = p->slots, .faults = p->faults, .finishes = p->finishes};
  seed = open_pair(p, device, seed, count);
  for (uint64_t i = 0; i < count * slots_of_each; i++) {
    flight_t *flight = &p->flights[random_below(&p->random, p->in_flight)];
    if (flight->is_open) check(p, flight);
    submit(p, flight);
  }
  for (uint32_t i = 0; i < p->in_flight; i++)
    if (p->flights[i].is_open) check(p, &p->flights[i]);
  close_pair(p);
  return seed;
}

static void builders_complete_alike(void **state) {
  const char *device = *state;
  static pair_t p;
  p = (pair_t){0};
  ok(test_device_open(device, &p.device));
  p.device->lacks = 0; /* the whole language, whatever a host device promises so far */
  uint64_t seed = first_seed;
  for (uint64_t done = 0; done < program_count;) {
    uint64_t left = program_count - done;
    uint32_t count = left < PROGRAMS_MAX ? (uint32_t)left : PROGRAMS_MAX;
    seed = run_pair(&p, device, seed, count);
    done += count;
  }
  print_message("%s: %llu Programs of seeds %llu to %llu, %llu slots, %llu of them faults, %llu of finish\n", device,
                (unsigned long long)program_count, (unsigned long long)first_seed, (unsigned long long)seed - 1,
                (unsigned long long)p.slots, (unsigned long long)p.faults, (unsigned long long)p.finishes);
  /* Neither all of them faults nor none, or the test says little. */
  assert_true(p.slots == program_count * slots_of_each);
  assert_true(p.slots < 500 || (p.faults > p.slots / 50 && p.faults < p.slots * 3 / 4));
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
