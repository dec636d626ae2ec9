/* The built-in opcodes of a session, one at a time: results, every fault and every refusal of the host; fences that
 * wait, batches, packed slots, observables, the log. On cpu and ref, in both topologies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <vyre/session.h>

#include "base/clock.h"
#include "ir/frame.h"
#include "megakernel/protocol.h"
#include "support/device.h"
#include "support/expect.h"

#define SECOND VYRE_NS_PER_S

enum { BYTES = 4096, OPEN_FENCES_MAX = 32 };

typedef struct fixture {
  vyre_device_t *device;
  vyre_session_t *session;
  uint32_t wait_opcode; /* runs until the first word of `gate` is not 0 */
  uint32_t window, gate;
  uint8_t *memory;
  _Atomic uint32_t *gate_word;
} fixture_t;

static void open_session(fixture_t *f, const char *device, vyre_session_params_t params) {
  *f = (fixture_t){0};
  ok(test_device_open(device, &f->device));
  params.builder = test_device_builder(device);
  params.topology = test_device_topology(device);
  params.workers = 2;
  if (!params.ring_slots) params.ring_slots = 64;
  ok(vyre_session_create(f->device, &params, &f->session));
  static const char text[] =
      "program wait\nwindow gate : u32 read_write\noutput n : u64 sum\n"
      "while atomic_load.acquire.system(gate[0]) == 0 { }\nn += 1\n";
  vyre_program_t *program;
  ok(vyre_program_parse(text, sizeof text - 1, "wait.vyre", &program));
  ok(vyre_session_register(f->session, program, &f->wait_opcode));
  vyre_program_destroy(&program);
  ok(vyre_session_start(f->session));
  void *memory;
  ok(vyre_session_window_create(f->session, BYTES, &f->window, &memory));
  f->memory = memory;
  ok(vyre_session_window_create(f->session, 256, &f->gate, &memory));
  f->gate_word = memory;
  /* Behind the output of the slots that wait: their operands. */
  uint32_t operand[8] = {f->gate, 0, 0, 0, 4, 0, 0, 0};
  memcpy((uint8_t *)memory + 128, operand, sizeof operand);
}

static void close_session(fixture_t *f) {
  ok(vyre_session_stop(f->session, 10 * SECOND));
  vyre_session_destroy(&f->session);
  vyre_device_close(&f->device);
}

static vyre_ticket_t submit(fixture_t *f, vyre_slot_t slot) {
  vyre_ticket_t ticket;
  ok(vyre_session_submit(f->session, &slot, SECOND, &ticket));
  return ticket;
}

static vyre_completion_t wait_for(fixture_t *f, vyre_ticket_t ticket) {
  vyre_completion_t completion;
  ok(vyre_session_wait(f->session, ticket, 20 * SECOND, &completion));
  return completion;
}

static vyre_completion_t run_slot(fixture_t *f, vyre_slot_t slot) { return wait_for(f, submit(f, slot)); }

static uint32_t done(fixture_t *f, vyre_slot_t slot) {
  vyre_completion_t c = run_slot(f, slot);
  assert_int_equal(c.state, VYRE_SLOT_DONE);
  return c.result[0];
}

static void expect_fault(fixture_t *f, vyre_slot_t slot, uint32_t fault) {
  vyre_completion_t c = run_slot(f, slot);
  if (c.state != VYRE_SLOT_FAULT || c.fault != fault)
    fail_msg("opcode 0x%x: state %d, %s; not %s", slot.opcode, (int)c.state, vyre_fault_summary(c.fault),
             vyre_fault_summary(fault));
  vyre_status_t status = vyre_completion_status(f->session, slot.opcode, &c);
  assert_true(strlen(vyre_status_fix(status)) > 10);
  assert_true(strncmp(vyre_status_fix(status), "Correct the Program", 19) != 0);
  vyre_status_destroy(&status);
}

/* A slot that runs until the gate is opened. */
static vyre_slot_t waiting_slot(fixture_t *f) {
  return (vyre_slot_t){.opcode = f->wait_opcode, .arg = {[7] = f->gate, [8] = 64, [9] = 128}};
}

static void open_gate(fixture_t *f) { atomic_store(f->gate_word, 1); }

static vyre_ticket_t submit_waiting(fixture_t *f) { return submit(f, waiting_slot(f)); }

static vyre_slot_t fence(uint64_t first, uint32_t count, uint32_t tag) {
  return (vyre_slot_t){.opcode = VYRE_OP_BATCH_FENCE, .arg = {(uint32_t)first, (uint32_t)(first >> 32), count, tag}};
}

/* ---- words, tables, copies ---- */

static void words(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){0});
  uint32_t *word = (uint32_t *)(void *)f.memory;
  word[1] = 40;
  assert_int_equal(done(&f, (vyre_slot_t){.opcode = VYRE_OP_ATOMIC_ADD, .arg = {f.window, 4, 2}}), 40);
  assert_int_equal(done(&f, (vyre_slot_t){.opcode = VYRE_OP_COMPARE_SWAP, .arg = {f.window, 4, 41, 7}}), 42);
  assert_int_equal(word[1], 42);
  assert_int_equal(done(&f, (vyre_slot_t){.opcode = VYRE_OP_COMPARE_SWAP, .arg = {f.window, 4, 42, 7}}), 42);
  assert_int_equal(word[1], 7);
  word[256 * 2 + 65] = 9;
  assert_int_equal(done(&f, (vyre_slot_t){.opcode = VYRE_OP_DFA_STEP, .arg = {f.window, 0, 2, 65}}), 9);
  word[3 + 65] = 11;
  assert_int_equal(done(&f, (vyre_slot_t){.opcode = VYRE_OP_DFA_STEP, .arg = {f.window, 12, 0, 65}}), 11);
  static const uint32_t opcodes[] = {VYRE_OP_STORE_U32, VYRE_OP_ATOMIC_ADD, VYRE_OP_LOAD_U32, VYRE_OP_COMPARE_SWAP,
                                     VYRE_OP_DFA_STEP};
  for (unsigned i = 0; i < 5; i++) {
    expect_fault(&f, (vyre_slot_t){.opcode = opcodes[i], .arg = {0, 0}}, VYRE_FAULT_BAD_HANDLE);
    expect_fault(&f, (vyre_slot_t){.opcode = opcodes[i], .arg = {UINT32_MAX, 0}}, VYRE_FAULT_BAD_HANDLE);
    expect_fault(&f, (vyre_slot_t){.opcode = opcodes[i], .arg = {f.window, 2}}, VYRE_FAULT_BAD_RANGE);
    expect_fault(&f, (vyre_slot_t){.opcode = opcodes[i], .arg = {f.window, BYTES}}, VYRE_FAULT_BAD_RANGE);
    expect_fault(&f, (vyre_slot_t){.opcode = opcodes[i], .arg = {f.window, UINT32_MAX - 3}}, VYRE_FAULT_BAD_RANGE);
  }
  expect_fault(&f, (vyre_slot_t){.opcode = VYRE_OP_DFA_STEP, .arg = {f.window, 0, 0, 256}}, VYRE_FAULT_BAD_ARGUMENT);
  expect_fault(&f, (vyre_slot_t){.opcode = VYRE_OP_DFA_STEP, .arg = {f.window, 0, UINT32_MAX, 255}},
               VYRE_FAULT_BAD_RANGE);
  close_session(&f);
}

static vyre_slot_t copy(uint32_t from, uint64_t from_offset, uint32_t to, uint64_t to_offset, uint32_t bytes) {
  return (vyre_slot_t){.opcode = VYRE_OP_MEMCPY,
                       .arg = {from, (uint32_t)from_offset, (uint32_t)(from_offset >> 32), to, (uint32_t)to_offset,
                               (uint32_t)(to_offset >> 32), bytes}};
}

static void copies(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){0});
  static const uint32_t lengths[] = {0, 1, 7, 255, 256, 257, 1000, 2048};
  for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    /* To odd places; the longest ends where its source would begin again. */
    uint32_t to = BYTES / 2 - i, bytes = lengths[i] < to ? lengths[i] : to;
    for (uint32_t k = 0; k < BYTES; k++) f.memory[k] = (uint8_t)(k * 13 + i);
    uint8_t expected[BYTES];
    memcpy(expected, f.memory, BYTES);
    memcpy(expected + to, f.memory, bytes);
    assert_int_equal(done(&f, copy(f.window, 0, f.window, to, bytes)), bytes);
    assert_memory_equal(f.memory, expected, BYTES);
  }
  for (unsigned i = 0; i < 2; i++) {
    uint32_t bytes = i ? 1024 : 64; /* by a worker; by the dispatcher */
    expect_fault(&f, copy(0, 0, f.window, 0, bytes), VYRE_FAULT_BAD_HANDLE);
    expect_fault(&f, copy(f.window, 0, 999, 0, bytes), VYRE_FAULT_BAD_HANDLE);
    expect_fault(&f, copy(f.window, BYTES - bytes + 1, f.window, 0, bytes), VYRE_FAULT_BAD_RANGE);
    expect_fault(&f, copy(f.window, 0, f.window, BYTES - bytes + 1, bytes), VYRE_FAULT_BAD_RANGE);
    expect_fault(&f, copy(f.window, UINT64_C(1) << 32, f.window, 0, bytes), VYRE_FAULT_BAD_RANGE);
    expect_fault(&f, copy(f.window, 0, f.window, UINT64_MAX, bytes), VYRE_FAULT_BAD_RANGE);
    expect_fault(&f, copy(f.window, 0, f.window, bytes - 1, bytes), VYRE_FAULT_BAD_RANGE);
    expect_fault(&f, copy(f.window, bytes - 1, f.window, 0, bytes), VYRE_FAULT_BAD_RANGE);
    expect_fault(&f, copy(f.window, 8, f.window, 8, bytes), VYRE_FAULT_BAD_RANGE);
  }
  expect_fault(&f, copy(f.window, 0, f.window, 0, UINT32_MAX), VYRE_FAULT_BAD_RANGE);
  close_session(&f);
}

/* ---- packed slots ---- */

static void packed(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){0});
  uint32_t *word = (uint32_t *)(void *)f.memory;
  vyre_operation_t operations[] = {{VYRE_OP_STORE_U32, f.window, {8, 5}},
                                   {VYRE_OP_ATOMIC_ADD, f.window, {8, 3}},
                                   {VYRE_OP_LOAD_U32, f.window, {8}},
                                   {VYRE_OP_NOP, 0, {0}}};
  vyre_slot_t slot;
  ok(vyre_slot_pack(operations, 3, &slot));
  assert_int_equal(done(&f, slot), 8);
  assert_int_equal(word[2], 8);
  ok(vyre_slot_pack(operations, 4, &slot));
  assert_int_equal(done(&f, slot), 0); /* NOP has none */
  ok(vyre_slot_pack(operations, 0, &slot));
  assert_int_equal(done(&f, slot), 0);
  /* What comes behind the fault is not done; what came before it is. */
  operations[1].arg[0] = BYTES;
  operations[2] = (vyre_operation_t){VYRE_OP_STORE_U32, f.window, {8, 99}};
  ok(vyre_slot_pack(operations, 3, &slot));
  vyre_completion_t c = run_slot(&f, slot);
  assert_int_equal(c.state, VYRE_SLOT_FAULT);
  assert_int_equal(c.fault, VYRE_FAULT_BAD_RANGE);
  assert_int_equal(c.fault_node, 1);
  assert_int_equal(word[2], 5);
  /* The host refuses what does not fit, and so does the kernel. */
  vyre_operation_t many[10] = {{VYRE_OP_NOP, 0, {0}}};
  for (int i = 0; i < 10; i++) many[i] = (vyre_operation_t){VYRE_OP_NOP, 0, {0}};
  ok(vyre_slot_pack(many, 9, &slot));
  assert_int_equal(done(&f, slot), 0);
  expect(vyre_slot_pack(many, 10, &slot), VYRE_E_ARGUMENT);
  expect(vyre_slot_pack(&(vyre_operation_t){.opcode = VYRE_OP_MEMCPY}, 1, &slot), VYRE_E_ARGUMENT);
  expect(vyre_slot_pack(&(vyre_operation_t){.opcode = VYRE_OP_LOAD_U32, .window = 0x10000}, 1, &slot), VYRE_E_ARGUMENT);
  expect_fault(&f, (vyre_slot_t){.opcode = VYRE_OP_PACKED_SLOT, .arg = {10}}, VYRE_FAULT_BAD_ARGUMENT);
  expect_fault(&f, (vyre_slot_t){.opcode = VYRE_OP_PACKED_SLOT, .arg = {1, VYRE_OP_MEMCPY}}, VYRE_FAULT_BAD_ARGUMENT);
  expect_fault(&f, (vyre_slot_t){.opcode = VYRE_OP_PACKED_SLOT, .arg = {1, 1u << 24}}, VYRE_FAULT_BAD_ARGUMENT);
  expect_fault(&f, (vyre_slot_t){.opcode = VYRE_OP_PACKED_SLOT, .arg = {9, 0, 0, 0, 0, 0, 0, 0, 0, VYRE_OP_LOAD_U32}},
               VYRE_FAULT_BAD_ARGUMENT);
  close_session(&f);
}

/* ---- fences and batches ---- */

static void fences(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){.first_ticket = 100});
  expect_fault(&f, fence(100, 1, 0), VYRE_FAULT_BAD_FENCE); /* itself */
  expect_fault(&f, fence(99, 1, 0), VYRE_FAULT_BAD_FENCE);  /* no ticket of this session */
  expect_fault(&f, fence(500, 1, 0), VYRE_FAULT_BAD_FENCE);
  expect_fault(&f, fence(100, UINT32_MAX, 0), VYRE_FAULT_BAD_FENCE);
  vyre_completion_t c = run_slot(&f, fence(100, 4, 77)); /* what was refused has completed, too */
  assert_int_equal(c.state, VYRE_SLOT_DONE);
  assert_int_equal(c.result[0], 101); /* epochs count from the first ticket on */
  assert_int_equal(c.result[1], 77);
  assert_int_equal(vyre_session_stats(f.session).fences, 1);
  /* Behind a slot that runs: the fence waits, the slots behind it do not. */
  vyre_ticket_t waiting = submit_waiting(&f);
  vyre_ticket_t over = submit(&f, fence(waiting.number, 1, 1)), before = submit(&f, fence(100, 5, 2));
  vyre_ticket_t on_fence = submit(&f, fence(over.number, 1, 3));
  c = wait_for(&f, before);
  assert_int_equal(c.result[0], 102);
  assert_int_equal(done(&f, (vyre_slot_t){.opcode = VYRE_OP_NOP}), 0);
  bool is_done = true;
  ok(vyre_session_poll(f.session, over, &is_done, &c));
  assert_false(is_done);
  ok(vyre_session_poll(f.session, on_fence, &is_done, &c));
  assert_false(is_done);
  open_gate(&f);
  c = wait_for(&f, over);
  assert_int_equal(c.result[1], 1);
  ok(vyre_session_poll(f.session, waiting, &is_done, &c));
  assert_true(is_done);
  assert_int_equal(wait_for(&f, on_fence).result[1], 3);
  close_session(&f);
}

/* A fence looks at some of the cells in a round: nobody sleeps over one that can go on. Each sleep would take 50 ms. */
static void fence_over_many_cells(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){.ring_slots = 1024, .spin_ns = 1});
  vyre_slot_t slot = waiting_slot(&f);
  slot.flags = VYRE_SLOT_CLOCKS;
  vyre_ticket_t waiting = submit(&f, slot);
  slot = fence(waiting.number, 1, 1);
  slot.flags = VYRE_SLOT_CLOCKS;
  vyre_ticket_t over = submit(&f, slot);
  done(&f, (vyre_slot_t){.opcode = VYRE_OP_NOP});
  vyre_sleep_ns(100000000); /* who has nothing to do sleeps */
  open_gate(&f);
  vyre_completion_t covered = wait_for(&f, waiting), end = wait_for(&f, over);
  assert_in_range(end.end_ns - covered.end_ns, 0, SECOND / 4);
  close_session(&f);
}

static void too_many_fences(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){0});
  vyre_ticket_t waiting = submit_waiting(&f), tickets[OPEN_FENCES_MAX];
  for (uint32_t i = 0; i < OPEN_FENCES_MAX; i++) tickets[i] = submit(&f, fence(waiting.number, 1, i));
  expect_fault(&f, fence(waiting.number, 1, 0), VYRE_FAULT_FENCES);
  open_gate(&f);
  for (uint32_t i = 0; i < OPEN_FENCES_MAX; i++) assert_int_equal(wait_for(&f, tickets[i]).result[1], i);
  wait_for(&f, waiting);
  close_session(&f);
}

/* SHUTDOWN lets an open fence complete; a stop cancels it. */
static void fences_at_the_end(void **state) {
  fixture_t f;
  for (int stops = 0; stops < 2; stops++) {
    open_session(&f, *state, (vyre_session_params_t){0});
    vyre_ticket_t waiting = submit_waiting(&f), open = submit(&f, fence(waiting.number, 1, 5)), shutdown = {0};
    if (!stops) shutdown = submit(&f, (vyre_slot_t){.opcode = VYRE_OP_SHUTDOWN});
    if (stops)
      ok(vyre_session_stop(f.session, 10 * SECOND));
    else
      open_gate(&f);
    vyre_completion_t c = wait_for(&f, open);
    assert_int_equal(c.state, stops ? VYRE_SLOT_FAULT : VYRE_SLOT_DONE);
    if (stops) assert_int_equal(c.fault, VYRE_FAULT_CANCELLED);
    assert_int_equal(wait_for(&f, waiting).state, c.state);
    if (!stops) assert_int_equal(wait_for(&f, shutdown).state, VYRE_SLOT_DONE);
    close_session(&f);
  }
}

static void batches(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){.ring_slots = 16});
  vyre_slot_t slots[17] = {{.opcode = VYRE_OP_NOP}};
  vyre_ticket_t tickets[17];
  uint32_t tag = 3;
  for (int i = 0; i < 8; i++) slots[i] = (vyre_slot_t){.opcode = VYRE_OP_ATOMIC_ADD, .arg = {f.window, 0, 1}};
  ok(vyre_session_submit_batch(f.session, slots, 8, &tag, SECOND, tickets));
  assert_int_equal(wait_for(&f, tickets[8]).result[1], 3);
  for (uint32_t i = 0; i < 8; i++) {
    assert_int_equal(tickets[i].number, tickets[0].number + i);
    assert_int_equal(wait_for(&f, tickets[i]).result[0], i);
  }
  ok(vyre_session_submit_batch(f.session, slots, 0, NULL, 0, tickets));
  ok(vyre_session_submit_batch(f.session, slots, 0, &tag, SECOND, tickets)); /* a fence over nothing */
  assert_int_equal(wait_for(&f, tickets[0]).result[1], 3);
  expect(vyre_session_submit_batch(f.session, slots, 16, &tag, SECOND, tickets), VYRE_E_ARGUMENT);
  expect(vyre_session_submit_batch(f.session, slots, 17, NULL, SECOND, tickets), VYRE_E_ARGUMENT);
  slots[3].priority = 5;
  expect(vyre_session_submit_batch(f.session, slots, 8, NULL, SECOND, tickets), VYRE_E_ARGUMENT);
  slots[3].priority = 0;
  /* No credit for all: none is published. */
  ok(vyre_session_submit_batch(f.session, slots, 12, NULL, SECOND, tickets));
  vyre_ticket_t more[8];
  expect(vyre_session_submit_batch(f.session, slots, 8, NULL, 0, more), VYRE_E_RING_FULL);
  expect(vyre_session_submit_batch(f.session, slots, 8, NULL, 1000000, more), VYRE_E_RING_FULL);
  ok(vyre_session_submit_batch(f.session, slots, 4, NULL, 0, more));
  for (uint32_t i = 0; i < 12; i++) wait_for(&f, tickets[i]);
  for (uint32_t i = 0; i < 4; i++) assert_int_equal(wait_for(&f, more[i]).result[0], 16 + i);
  ok(vyre_session_stop(f.session, SECOND));
  expect(vyre_session_submit_batch(f.session, slots, 1, NULL, 0, tickets), VYRE_E_STOPPED);
  close_session(&f);
}

/* ---- observables and the log ---- */

static void *store_later(void *argument) {
  fixture_t *f = argument;
  vyre_sleep_ns(20000000);
  done(f, (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {VYRE_WINDOW_OBSERVABLES, 12, 500}});
  return NULL;
}

static void observables(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){.observables = 10});
  uint32_t value = 1;
  ok(vyre_session_observe(f.session, 3, &value));
  assert_int_equal(value, 0);
  expect(vyre_session_observe(f.session, 10, &value), VYRE_E_ARGUMENT);
  expect(vyre_session_wait_observable(f.session, 10, VYRE_COMPARE_EQUAL, 0, 0, &value), VYRE_E_ARGUMENT);
  expect(vyre_session_wait_observable(f.session, 0, (vyre_compare_t)9, 0, 0, &value), VYRE_E_ARGUMENT);
  expect(vyre_session_wait_observable(f.session, 3, VYRE_COMPARE_NOT_EQUAL, 0, 2000000, &value), VYRE_E_DEADLINE);
  expect_fault(&f, (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {VYRE_WINDOW_OBSERVABLES, 40, 1}},
               VYRE_FAULT_BAD_RANGE);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, store_later, &f), 0);
  ok(vyre_session_wait_observable(f.session, 3, VYRE_COMPARE_AT_LEAST, 400, 20 * SECOND, &value));
  assert_int_equal(value, 500);
  pthread_join(thread, NULL);
  ok(vyre_session_wait_observable(f.session, 3, VYRE_COMPARE_EQUAL, 500, 0, &value));
  ok(vyre_session_wait_observable(f.session, 3, VYRE_COMPARE_BEFORE, 501, 0, &value));
  expect(vyre_session_window_remove(f.session, VYRE_WINDOW_OBSERVABLES), VYRE_E_ARGUMENT);
  ok(vyre_session_stop(f.session, SECOND));
  expect(vyre_session_wait_observable(f.session, 3, VYRE_COMPARE_EQUAL, 1, 20 * SECOND, &value), VYRE_E_STOPPED);
  close_session(&f);
}

static void the_log(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){.log_records = 4});
  for (uint32_t i = 0; i < 6; i++)
    done(&f, (vyre_slot_t){.opcode = VYRE_OP_PRINTF, .arg = {i, i + 10, i + 20, i + 30}});
  vyre_log_record_t records[8];
  uint32_t count;
  uint64_t lost;
  ok(vyre_session_log_read(f.session, records, 3, &count, &lost));
  assert_int_equal(count, 3);
  assert_int_equal(lost, 2);
  done(&f, (vyre_slot_t){.opcode = VYRE_OP_PRINTF, .arg = {6, 16, 26, 36}});
  ok(vyre_session_log_read(f.session, records + 3, 5, &count, NULL));
  assert_int_equal(count, 2);
  static const uint32_t expected[] = {0, 1, 2, 3, 6};
  for (unsigned i = 0; i < 5; i++) {
    assert_int_equal(records[i].format, expected[i]);
    assert_int_equal(records[i].ticket, expected[i]);
    for (uint32_t k = 0; k < 3; k++) assert_int_equal(records[i].value[k], expected[i] + 10 * (k + 1));
  }
  ok(vyre_session_log_read(f.session, records, 8, &count, &lost));
  assert_int_equal(count, 0);
  close_session(&f);
}

static void expect_text(fixture_t *f, vyre_log_record_t record, const char *expected) {
  char *text;
  ok(vyre_session_log_text(f->session, &record, &text));
  assert_string_equal(text, expected);
  vyre_text_free(text);
}

static void formats(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){0});
  uint32_t numbers, percent, plain, last = 0;
  ok(vyre_session_log_format(f.session, "at %u: %d, 0x%08x", &numbers));
  ok(vyre_session_log_format(f.session, "%f is %3u%%", &percent));
  ok(vyre_session_log_format(f.session, "", &plain));
  done(&f, (vyre_slot_t){.opcode = VYRE_OP_PRINTF, .arg = {numbers, 7, (uint32_t)-3, 0xBEEF}});
  vyre_log_record_t record;
  uint32_t count;
  ok(vyre_session_log_read(f.session, &record, 1, &count, NULL));
  assert_int_equal(count, 1);
  expect_text(&f, record, "at 7: -3, 0x0000beef");
  expect_text(&f, (vyre_log_record_t){.format = percent, .value = {0x3FC00000, 42, 9}}, "1.5 is  42%");
  expect_text(&f, (vyre_log_record_t){.format = plain, .value = {1, 2, 3}}, "");
  expect_text(&f, (vyre_log_record_t){.format = plain + 1, .value = {1, 2, 3}}, "format 3: 1 2 3");
  static const char *const wrong[] = {"%s", "%", "100%", "%u%u%u%u", "%123u", "%-3d", "%lu", "%5%"};
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
    expect(vyre_session_log_format(f.session, wrong[i], &last), VYRE_E_ARGUMENT);
  expect(vyre_session_log_format(f.session, NULL, &last), VYRE_E_ARGUMENT);
  while (last < 1023) ok(vyre_session_log_format(f.session, "%u", &last));
  expect(vyre_session_log_format(f.session, "%u", &last), VYRE_E_TABLE_FULL);
  close_session(&f);
}

/* ---- clocks, faults, classes ---- */

/* Every opcode tells its times when asked; they lie in what the host saw, and follow each other. */
static void clocks(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){0});
  open_gate(&f);
  vyre_slot_t pack;
  ok(vyre_slot_pack(&(vyre_operation_t){VYRE_OP_ATOMIC_ADD, f.window, {0, 1, 0}}, 1, &pack));
  vyre_slot_t wait = waiting_slot(&f);
  const vyre_slot_t slots[] = {
      {.opcode = VYRE_OP_NOP},
      {.opcode = VYRE_OP_STORE_U32, .arg = {f.window, 4, 5}},
      {.opcode = VYRE_OP_LOAD_U32, .arg = {f.window, 4}},
      {.opcode = VYRE_OP_COMPARE_SWAP, .arg = {f.window, 4, 5, 6}},
      {.opcode = VYRE_OP_MEMCPY, .arg = {f.window, 0, 0, f.window, 64, 0, 64}},
      {.opcode = VYRE_OP_MEMCPY, .arg = {f.window, 0, 0, f.window, 2048, 0, 1024}},
      {.opcode = VYRE_OP_DFA_STEP, .arg = {f.window, 0, 0, 1}},
      {.opcode = VYRE_OP_PRINTF, .arg = {1, 2, 3, 4}},
      fence(0, 1, 0),
      pack,
      wait,
      {.opcode = VYRE_OP_LOAD_U32, .arg = {f.window, 1}},
      {.opcode = 0x100, .arg = {0}},
  };
  for (unsigned i = 0; i < sizeof slots / sizeof *slots; i++) {
    vyre_slot_t slot = slots[i];
    vyre_completion_t plain = run_slot(&f, slot);
    assert_true(plain.begin_ns == 0 && plain.end_ns == 0);
    if (plain.state == VYRE_SLOT_FAULT) assert_in_range(plain.worker, 0, 2);
    slot.flags = VYRE_SLOT_CLOCKS;
    uint64_t before = vyre_clock_ns();
    vyre_completion_t c = run_slot(&f, slot);
    assert_int_equal(c.state, plain.state);
    assert_true(c.begin_ns >= before && c.end_ns >= c.begin_ns && c.end_ns <= vyre_clock_ns());
    assert_in_range(c.worker, 0, 2);
  }
  assert_int_equal(((const uint32_t *)(void *)f.memory)[1], 6); /* the second LOAD and CAS were carried out as well */
  expect(vyre_session_submit(f.session, &(vyre_slot_t){.flags = 2}, 0, &(vyre_ticket_t){0}), VYRE_E_ARGUMENT);
  /* A fence that stays open keeps when it was taken. */
  atomic_store(f.gate_word, 0);
  vyre_ticket_t waiting = submit_waiting(&f);
  vyre_slot_t over = fence(waiting.number, 1, 1);
  over.flags = VYRE_SLOT_CLOCKS;
  vyre_ticket_t open = submit(&f, over);
  done(&f, (vyre_slot_t){.opcode = VYRE_OP_NOP});
  uint64_t opened = vyre_clock_ns();
  open_gate(&f);
  vyre_completion_t c = wait_for(&f, open);
  assert_true(c.begin_ns <= opened && c.end_ns >= opened);
  wait_for(&f, waiting);
  close_session(&f);
}

enum { QUEUE_MAX = VYRE_DISPATCH_BATCH - 1 }; /* and a NOP behind them */

/* Slots of these classes, of which the first keep all workers busy until the others are queued; the gate is open
 * afterwards. False when not all had been taken before: in direct nobody takes slots while all workers run some. */
static bool queue_up(fixture_t *f, const uint32_t *classes, uint32_t count, vyre_completion_t *completions) {
  vyre_slot_t slots[QUEUE_MAX + 1];
  vyre_ticket_t tickets[QUEUE_MAX + 1];
  atomic_store(f->gate_word, 0);
  for (uint32_t i = 0; i < count; i++) {
    slots[i] = waiting_slot(f);
    slots[i].priority = classes[i];
    slots[i].flags = VYRE_SLOT_CLOCKS;
  }
  slots[count] = (vyre_slot_t){.opcode = VYRE_OP_NOP};
  ok(vyre_session_submit_batch(f->session, slots, count + 1, NULL, SECOND, tickets));
  vyre_completion_t nop;
  vyre_status_t status = vyre_session_wait(f->session, tickets[count], SECOND, &nop);
  bool are_taken = !status;
  vyre_status_destroy(&status);
  open_gate(f);
  if (!are_taken) wait_for(f, tickets[count]);
  for (uint32_t i = 0; i < count; i++) completions[i] = wait_for(f, tickets[i]);
  return are_taken;
}

static void queue_up_all(fixture_t *f, const uint32_t *classes, uint32_t count, vyre_completion_t *completions) {
  uint32_t tries = 0;
  while (!queue_up(f, classes, count, completions)) assert_true(++tries < 20);
}

/* While both workers are busy slots of all classes queue up; the one that is freed takes those of the first class
 * first, in the order of their tickets, but for every eighth. */
static void classes(void **state) {
  fixture_t f;
  enum { BUSY = 2, QUEUED = QUEUE_MAX };
  open_session(&f, *state, (vyre_session_params_t){0});
  vyre_completion_t c[QUEUED];
  uint32_t class_of[QUEUED] = {0}, turned = 0;
  for (uint32_t i = BUSY; i < QUEUED; i++) class_of[i] = 4 - (i - BUSY) % 5; /* the idle ones come first */
  queue_up_all(&f, class_of, QUEUED, c);
  for (uint32_t i = BUSY; i < QUEUED; i++)
    for (uint32_t k = BUSY; k < QUEUED; k++) {
      /* Two workers take at once: what one began two slots later was behind. */
      bool is_ahead = c[i].worker == c[k].worker && c[i].end_ns <= c[k].begin_ns;
      if (class_of[i] == class_of[k] && i > k) assert_false(is_ahead);
      turned += is_ahead && class_of[i] > class_of[k];
    }
  /* Without classes it would be some 100 pairs: half of those that are submitted so are on one worker. */
  if (turned > 60) fail_msg("%u pairs in the order of tickets, not of classes", turned);
  close_session(&f);
}

/* Behind critical slots one that is idle has its turn all the same: of a worker's forty one looks at the idle ones
 * first. */
static void no_class_starves(void **state) {
  fixture_t f;
  enum { ROUNDS = 8, IDLE = QUEUE_MAX - 1 };
  open_session(&f, *state, (vyre_session_params_t){0});
  vyre_completion_t c[QUEUE_MAX];
  uint32_t class_of[QUEUE_MAX] = {[IDLE] = 4}, passed = 0;
  for (int round = 0; round < ROUNDS; round++) {
    queue_up_all(&f, class_of, QUEUE_MAX, c);
    for (uint32_t i = 0; i < IDLE; i++) passed += c[i].worker == c[IDLE].worker && c[i].begin_ns >= c[IDLE].end_ns;
  }
  assert_int_not_equal(passed, 0);
  close_session(&f);
}

/* A Program that writes state has all its slots in one class: else their order would not be that of their tickets. */
static void state_has_one_class(void **state) {
  static const char text[] =
      "program count\nstate n : u64[1]\noutput last : u64 max\nn[0] = n[0] + 1\nlast max= n[0]\n";
  vyre_device_t *device;
  ok(test_device_open(*state, &device));
  vyre_session_params_t params = {
      .builder = test_device_builder(*state), .topology = test_device_topology(*state), .workers = 1};
  vyre_session_t *session;
  ok(vyre_session_create(device, &params, &session));
  vyre_program_t *program;
  ok(vyre_program_parse(text, sizeof text - 1, "count.vyre", &program));
  uint32_t opcode = 0, out;
  ok(vyre_session_register(session, program, &opcode));
  vyre_program_destroy(&program);
  ok(vyre_session_start(session));
  ok(vyre_session_window_create(session, 64, &out, NULL));
  vyre_slot_t slots[2] = {{.opcode = VYRE_OP_NOP, .priority = 3}, {.opcode = opcode, .arg = {[7] = out}}};
  vyre_ticket_t tickets[2];
  ok(vyre_session_submit_batch(session, slots, 2, NULL, SECOND, tickets));
  slots[1].priority = 1;
  expect(vyre_session_submit_batch(session, slots, 2, NULL, SECOND, tickets), VYRE_E_ARGUMENT);
  expect(vyre_session_submit(session, &slots[1], SECOND, tickets), VYRE_E_ARGUMENT);
  ok(vyre_session_stop(session, 10 * SECOND));
  vyre_session_destroy(&session);
  vyre_device_close(&device);
}

/* ---- the watchdog ---- */

static void watchdog(void **state) {
  fixture_t f;
  open_session(&f, *state, (vyre_session_params_t){0});
  ok(vyre_session_check(f.session, 0));
  vyre_ticket_t waiting = submit_waiting(&f);
  vyre_status_t status = NULL;
  for (uint64_t until = vyre_clock_ns() + 20 * SECOND; !status && vyre_clock_ns() < until; vyre_sleep_ns(1000000))
    status = vyre_session_check(f.session, 20000000);
  char ticket[64];
  snprintf(ticket, sizeof ticket, "(ticket %llu)", (unsigned long long)waiting.number);
  assert_non_null(strstr(vyre_status_detail(status), "runs wait in cell"));
  assert_non_null(strstr(vyre_status_detail(status), ticket));
  expect(status, VYRE_E_DEVICE_STUCK);
  char *text;
  ok(vyre_session_dump(f.session, &text));
  assert_non_null(strstr(text, "runs wait in cell"));
  assert_non_null(strstr(text, "in the loop"));
  assert_non_null(strstr(text, "running"));
  vyre_text_free(text);
  open_gate(&f);
  wait_for(&f, waiting);
  ok(vyre_session_check(f.session, 0)); /* it goes on */
  ok(vyre_session_stop(f.session, 10 * SECOND));
  expect(vyre_session_check(f.session, 0), VYRE_E_STOPPED);
  close_session(&f);
}

/* ---- what the host refuses before there is a kernel ---- */

static void refusals(void **state) {
  vyre_device_t *device;
  ok(test_device_open(*state, &device));
  vyre_session_t *session = NULL;
  expect(vyre_session_create(device, &(vyre_session_params_t){.log_records = 3}, &session), VYRE_E_ARGUMENT);
  expect(vyre_session_create(device, &(vyre_session_params_t){.log_records = 1u << 21}, &session), VYRE_E_ARGUMENT);
  expect(vyre_session_create(device, &(vyre_session_params_t){.observables = (1u << 20) + 1}, &session),
         VYRE_E_ARGUMENT);
  expect(vyre_session_create(device, &(vyre_session_params_t){.topology = (vyre_topology_t)3}, &session),
         VYRE_E_ARGUMENT);
  ok(vyre_session_create(device, NULL, &session));
  uint32_t value, count;
  vyre_log_record_t record;
  vyre_ticket_t ticket;
  vyre_slot_t slot = {0};
  expect(vyre_session_observe(session, 0, &value), VYRE_E_STATE);
  expect(vyre_session_wait_observable(session, 0, VYRE_COMPARE_EQUAL, 0, 0, &value), VYRE_E_STATE);
  expect(vyre_session_log_read(session, &record, 1, &count, NULL), VYRE_E_STATE);
  char *text;
  expect(vyre_session_check(session, 0), VYRE_E_STATE);
  expect(vyre_session_dump(session, &text), VYRE_E_STATE);
  expect(vyre_session_submit_batch(session, &slot, 1, NULL, 0, &ticket), VYRE_E_STATE);
  vyre_session_destroy(&session);
  vyre_device_close(&device);
}

int main(void) {
  static char *devices[] = {"cpu", "cpu/dispatched", "cpu/jit", "cpu/dispatched/jit", "ref", "ref/dispatched"};
  static const struct {
    const char *name;
    CMUnitTestFunction function;
  } cases[] = {{"words", words},
               {"copies", copies},
               {"packed", packed},
               {"fences", fences},
               {"batches", batches},
               {"too_many_fences", too_many_fences},
               {"fence_over_many_cells", fence_over_many_cells},
               {"the_log", the_log},
               {"fences_at_the_end", fences_at_the_end},
               {"refusals", refusals},
               {"observables", observables},
               {"formats", formats},
               {"clocks", clocks},
               {"classes", classes},
               {"no_class_starves", no_class_starves},
               {"state_has_one_class", state_has_one_class},
               {"watchdog", watchdog}};
  int failed = 0;
  for (unsigned d = 0; d < sizeof devices / sizeof *devices; d++) {
    struct CMUnitTest tests[sizeof cases / sizeof *cases];
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
      tests[i] =
          (struct CMUnitTest){.name = cases[i].name, .test_func = cases[i].function, .initial_state = devices[d]};
    failed += _cmocka_run_group_tests(devices[d], tests, sizeof cases / sizeof *cases, NULL, NULL);
  }
  return failed;
}
