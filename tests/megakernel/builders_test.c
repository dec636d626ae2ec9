/* Random Programs in two sessions of one device that differ in the builder only, or, for a GPU, in a session of the cpu
 * device and one of the GPU: the same slots give the same completions (state, results, fault, its place), outputs and
 * windows, slot by slot. A slot has operands of its own; what it leaves in the state is seen by those that follow.
 *
 * Arguments: [device] [first seed] [Programs] [slots of each]; the devices are those of support/device.h. Without
 * arguments: cpu in both topologies and ref, a bounded number of Programs. A campaign: `test-builders cpu 1 100000`. A
 * named GPU that is not there is a skip, with VYRE_REQUIRE=gpu an error. */
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
#include "megakernel/session.h"
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

/* A window, and the host's own access to it: the memory itself, or a copy of what lies on the device. */
typedef struct window {
  uint32_t handle;
  vyre_memory_t memory;
  uint8_t *bytes;
} window_t;

/* One of the two sessions. A slot in flight has a part of each window to itself. */
typedef struct side {
  const char *name;
  vyre_device_t *device;
  vyre_session_t *session;
  window_t data, buffers, outputs;
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
  side_t sides[2]; /* interpreted, jit; or cpu, GPU */
  bool has_gpu;
  uint32_t gpu_workers; /* 0: as many as it has, and no Programs whose slots run in order */
  uint64_t seed;        /* of the first Program */
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

/* Programs of the seeds from `seed` on; gives the seed behind them. */
static uint64_t make_programs(pair_t *p, uint64_t seed, uint32_t count) {
  enum { KINDS = 5 };
  static const generate_options_t kinds[KINDS] = {
      {0}, {.no_faults = true}, {.foreach_heavy = true}, {.foreach_heavy = true, .no_faults = true}, {.statements = 8}};
  for (p->count = 0; p->count < count; seed++) {
    generate_options_t kind = kinds[seed % KINDS];
    if (p->has_gpu) kind.lacks |= GENERATE_LACKS_LIBM;
    vyre_program_t *program = generate_program(seed, &kind);
    if (program->needs_order && p->gpu_workers != 1) {
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

static void open_window(const side_t *side, uint64_t bytes, window_t *out_window) {
  bool is_gpu = test_device_is_gpu(side->name);
  vyre_memory_kind_t kind = is_gpu ? VYRE_MEMORY_DEVICE : VYRE_MEMORY_HOST;
  ok(vyre_session_window_allocate(side->session, kind, bytes, &out_window->handle, &out_window->memory));
  out_window->bytes = is_gpu ? vyre_calloc(bytes, 1) : out_window->memory.host;
  assert_non_null(out_window->bytes);
}

static void close_window(const window_t *window) {
  if (window->bytes != window->memory.host) vyre_free(window->bytes);
}

/* Between the window and the host's copy of it, where it is one. */
static void upload(const side_t *side, const window_t *window, size_t at, size_t bytes) {
  if (window->bytes == window->memory.host || bytes == 0) return;
  ok(side->device->ops->write(side->device, window->memory.address + at, window->bytes + at, bytes));
}

static void download(const side_t *side, const window_t *window, size_t at, size_t bytes) {
  if (window->bytes == window->memory.host || bytes == 0) return;
  ok(side->device->ops->read(side->device, window->bytes + at, window->memory.address + at, bytes));
}

static void open_side(pair_t *p, side_t *side, const vyre_session_params_t *params) {
  ok(vyre_session_create(side->device, params, &side->session));
  for (uint32_t i = 0; i < p->count; i++) {
    uint32_t opcode = 1000 + i;
    ok(vyre_session_register(side->session, p->programs[i], &opcode));
    set_constants(p, side, i);
  }
  ok(vyre_session_start(side->session));
  if (params->builder) assert_int_equal(vyre_session_stats(side->session).builder, params->builder);
  uint64_t places = p->in_flight;
  open_window(side, places * DATA_BYTES, &side->data);
  open_window(side, places * BUFFER_BYTES, &side->buffers);
  open_window(side, places * p->place_bytes, &side->outputs);
}

/* One worker on a host: slots that share state run in the order of their tickets. */
static uint64_t open_pair(pair_t *p, uint64_t seed, uint32_t count) {
  static const uint64_t fuels[] = {20000, 1000, 3000, 60, 200};
  p->random = (random_t){seed * 131};
  p->in_flight = 1 + random_below(&p->random, IN_FLIGHT_MAX);
  p->gpu_workers = p->has_gpu && random_once_in(&p->random, 2) ? 0 : 1;
  seed = make_programs(p, seed, count);
  vyre_session_params_t params = {.ring_slots = IN_FLIGHT_MAX,
                                  .fuel = fuels[random_below(&p->random, 5)] + random_below(&p->random, 50)};
  for (int i = 0; i < 2; i++) {
    side_t *side = &p->sides[i];
    params.workers = test_device_is_gpu(side->name) ? p->gpu_workers : 1;
    params.topology = test_device_topology(side->name);
    params.builder = p->has_gpu ? VYRE_BUILDER_DEFAULT : i ? VYRE_BUILDER_JIT : VYRE_BUILDER_INTERPRETED;
    open_side(p, side, &params);
  }
  return seed;
}

static void close_pair(pair_t *p) {
  for (int i = 0; i < 2; i++) {
    ok(vyre_session_stop(p->sides[i].session, 10 * VYRE_NS_PER_S));
    vyre_session_destroy(&p->sides[i].session);
    close_window(&p->sides[i].data);
    close_window(&p->sides[i].buffers);
    close_window(&p->sides[i].outputs);
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
    memset(p->sides[i].buffers.bytes + start + at, 0,
           (size + 15) & ~(size_t)15); /* what lies behind it is compared, too */
    memcpy(p->sides[i].buffers.bytes + start + at, binding->bytes, size);
    store32(operands[i] + VYRE_OPERAND_HANDLE, p->sides[i].buffers.handle);
    store64(operands[i] + VYRE_OPERAND_OFFSET, start + at);
    store64(operands[i] + VYRE_OPERAND_BYTES, size);
  }
  flight->buffer_used = (uint32_t)((at + size + 15) & ~(size_t)15);
}

/* The operand block. True when the Program has one. */
static bool put_operands(pair_t *p, flight_t *flight, const inputs_t *inputs) {
  const vyre_program_t *program = p->programs[flight->program];
  uint8_t *at[2];
  for (int i = 0; i < 2; i++) at[i] = p->sides[i].outputs.bytes + index_of(p, flight) * p->place_bytes + p->block_bytes;
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
    memcpy(p->sides[i].data.bytes + offset - input->halo_left, (const uint8_t *)input->data - input->halo_left, all);
  return (uint32_t)offset;
}

static void make_call(pair_t *p, flight_t *flight) {
  random_t *r = &p->random;
  inputs_t inputs;
  inputs_options_t options = {.data_bytes = random_below(r, random_once_in(r, 6) ? 12000 : 600) & ~15u};
  inputs_init(&inputs, p->programs[flight->program], random_next(r), &options);
  const run_input_t *input = &inputs.input;
  size_t place = index_of(p, flight) * p->place_bytes;
  for (int i = 0; i < 2; i++) memset(p->sides[i].outputs.bytes + place, input->output_fill, p->block_bytes);
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
  size_t index = index_of(p, flight);
  for (int i = 0; i < 2; i++) {
    side_t *side = &p->sides[i];
    upload(side, &side->data, index * DATA_BYTES, DATA_BYTES);
    upload(side, &side->buffers, index * BUFFER_BYTES, flight->buffer_used);
    upload(side, &side->outputs, index * p->place_bytes, p->place_bytes);
    vyre_slot_t slot = flight->slot;
    slot.arg[VYRE_ARG_DATA_WINDOW] = side->data.handle;
    slot.arg[VYRE_ARG_OUTPUT_WINDOW] = side->outputs.handle;
    ok(vyre_session_submit(side->session, &slot, 60 * VYRE_NS_PER_S, &side->tickets[index]));
  }
  if (flight->program < p->count) p->pending[flight->program]++;
  flight->is_open = true;
}

/* Where the sides differ in memory of the slot: the first few bytes. */
static void explain_bytes(const char *name, const uint8_t *first, const uint8_t *second, size_t bytes) {
  unsigned shown = 0;
  for (size_t i = 0; i < bytes && shown < 8; i++) {
    if (first[i] == second[i]) continue;
    fprintf(stderr, "%s, byte %zu of %zu: %02x, %02x\n", name, i, bytes, first[i], second[i]);
    shown++;
  }
}

static void explain_memory(const pair_t *p, const flight_t *flight) {
  const vyre_program_t *program = p->programs[flight->program];
  size_t index = index_of(p, flight), place = index * p->place_bytes, buffers = index * BUFFER_BYTES;
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  explain_bytes("windows", p->sides[0].buffers.bytes + buffers, p->sides[1].buffers.bytes + buffers,
                flight->buffer_used);
  for (uint32_t k = 0; k < program->param_count; k++) {
    const vyre_param_t *param = &program->params[k];
    if (param->role != VYRE_ROLE_OUTPUT) continue;
    size_t at = place + layout.output_offset[k];
    explain_bytes(param->name, p->sides[0].outputs.bytes + at, p->sides[1].outputs.bytes + at,
                  vyre_output_bytes(param));
  }
}

static void explain(const pair_t *p, const flight_t *flight, const vyre_completion_t completions[2]) {
  for (int i = 0; i < 2; i++)
    fprintf(stderr, "%s, side %d: state %d, result %u %u, fault %u at node %u\n", p->sides[i].name, i,
            (int)completions[i].state, completions[i].result[0], completions[i].result[1], completions[i].fault,
            completions[i].fault_node);
  if (flight->program == p->count) return;
  explain_memory(p, flight);
  fprintf(stderr, "Program of seed %llu, flags %u:\n", (unsigned long long)p->seeds[flight->program],
          flight->slot.arg[VYRE_ARG_FLAGS]);
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_text_print(p->programs[flight->program], &text);
  fprintf(stderr, "%s\n", text.text);
  vyre_strbuf_deinit(&text);
}

static size_t record_bytes; /* of the records that are sorted; qsort has no context */

static int compare_records(const void *a, const void *b) {
  uint64_t first, second;
  memcpy(&first, a, 8);
  memcpy(&second, b, 8);
  if (first != second) return first < second ? -1 : 1;
  return memcmp((const uint8_t *)a + 8, (const uint8_t *)b + 8, record_bytes - 8);
}

/* Records of a call are in no order, and behind the last one is what was there. */
static bool same_records(const vyre_param_t *param, uint8_t *const outputs[2]) {
  uint64_t counts[2];
  record_bytes = 8 + vyre_output_value_bytes(param);
  for (int i = 0; i < 2; i++) {
    memcpy(&counts[i], outputs[i], 8);
    if (counts[i] > param->count) return false;
    qsort(outputs[i] + 8, counts[i], record_bytes, compare_records);
  }
  return counts[0] == counts[1] && memcmp(outputs[0] + 8, outputs[1] + 8, counts[0] * record_bytes) == 0;
}

/* After a fault: but for ordered outputs, which are not specified then, nor are windows. */
static bool same_memory(const pair_t *p, const flight_t *flight, bool is_fault) {
  size_t index = index_of(p, flight), place = index * p->place_bytes, buffers = index * BUFFER_BYTES;
  for (int i = 0; i < 2; i++) {
    download(&p->sides[i], &p->sides[i].outputs, place, p->block_bytes);
    download(&p->sides[i], &p->sides[i].buffers, buffers, flight->buffer_used);
  }
  if (!is_fault &&
      memcmp(p->sides[0].buffers.bytes + buffers, p->sides[1].buffers.bytes + buffers, flight->buffer_used) != 0)
    return false;
  const vyre_program_t *program = p->programs[flight->program];
  vyre_layout_t layout;
  vyre_program_layout(program, &layout);
  for (uint32_t k = 0; k < program->param_count; k++) {
    const vyre_param_t *param = &program->params[k];
    if (param->role != VYRE_ROLE_OUTPUT || (is_fault && vyre_output_is_ordered(param))) continue;
    uint8_t *outputs[2];
    for (int i = 0; i < 2; i++) outputs[i] = p->sides[i].outputs.bytes + place + layout.output_offset[k];
    bool is_same = param->reducer == VYRE_REDUCER_APPEND
                       ? same_records(param, outputs)
                       : memcmp(outputs[0], outputs[1], vyre_output_bytes(param)) == 0;
    if (!is_same) return false;
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

static uint64_t run_pair(pair_t *p, uint64_t seed, uint32_t count) {
  pair_t next = {.has_gpu = p->has_gpu, .slots = p->slots, .faults = p->faults, .finishes = p->finishes};
  for (int i = 0; i < 2; i++) next.sides[i] = (side_t){.name = p->sides[i].name, .device = p->sides[i].device};
  *p = next;
  seed = open_pair(p, seed, count);
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
  p = (pair_t){.has_gpu = test_device_is_gpu(device)};
  p.sides[0].name = p.has_gpu ? "cpu" : device;
  p.sides[1].name = device;
  for (int i = 0; i < 2; i++) {
    ok(test_device_open(p.sides[i].name, &p.sides[i].device));
    assert_int_equal(p.sides[i].device->lacks, 0);
  }
  uint64_t seed = first_seed;
  for (uint64_t done = 0; done < program_count;) {
    uint64_t left = program_count - done;
    uint32_t count = left < PROGRAMS_MAX ? (uint32_t)left : PROGRAMS_MAX;
    seed = run_pair(&p, seed, count);
    done += count;
  }
  print_message("%s: %llu Programs of seeds %llu to %llu, %llu slots, %llu of them faults, %llu of finish\n", device,
                (unsigned long long)program_count, (unsigned long long)first_seed, (unsigned long long)seed - 1,
                (unsigned long long)p.slots, (unsigned long long)p.faults, (unsigned long long)p.finishes);
  /* Neither all of them faults nor none, or the test says little. */
  assert_true(p.slots == program_count * slots_of_each);
  assert_true(p.slots < 500 || (p.faults > p.slots / 50 && p.faults < p.slots * 3 / 4));
  for (int i = 0; i < 2; i++) vyre_device_close(&p.sides[i].device);
}

int main(int argc, char **argv) {
  static char cpu[] = "cpu", ref[] = "ref", cpu_dispatched[] = "cpu/dispatched";
  if (argc > 2) first_seed = strtoull(argv[2], NULL, 0);
  if (argc > 3) program_count = strtoull(argv[3], NULL, 0);
  if (argc > 4) slots_of_each = strtoull(argv[4], NULL, 0);
  if (argc > 1) {
    int missing = test_device_missing(argv[1]);
    if (missing) return missing;
    const struct CMUnitTest named[] = {{argv[1], builders_complete_alike, NULL, NULL, argv[1]}};
    return cmocka_run_group_tests(named, NULL, NULL);
  }
  const struct CMUnitTest tests[] = {{"cpu", builders_complete_alike, NULL, NULL, cpu},
                                     {"ref", builders_complete_alike, NULL, NULL, ref},
                                     {"cpu, dispatched", builders_complete_alike, NULL, NULL, cpu_dispatched}};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
