/* A session on ref and cpu, in both topologies and by both builders, or on the device that the argument names: slots of
 * every opcode from several threads, faults, credit, wrap-around of every counter, stop and shutdown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vyre/session.h>

#include "base/clock.h"
#include "ir/builder.h"
#include "ir/frame.h"
#include "megakernel/protocol.h"
#include "megakernel/session.h"
#include "support/device.h"
#include "support/expect.h"
#include "support/random.h"
#include "support/require.h"

#define SECOND VYRE_NS_PER_S

/* Counts the elements of its chunk that equal 10. */
static vyre_program_t *count_program(void) {
  vyre_builder_t b;
  vyre_builder_init(&b, "count_lines", "", false);
  vyre_param_id_t data = vyre_build_stream(&b, "data", VYRE_TYPE_U8);
  vyre_param_id_t lines = vyre_build_output(&b, "lines", VYRE_TYPE_U64, 0, VYRE_REDUCER_SUM);
  vyre_var_id_t i =
      vyre_build_range(&b, VYRE_STMT_FOREACH, "i", vyre_build_const(&b, VYRE_TYPE_U64, 0), vyre_build_len(&b, data));
  vyre_expr_id_t byte = vyre_build_load(&b, data, vyre_build_var(&b, i));
  vyre_build_if(&b, vyre_build_binary(&b, VYRE_EXPR_EQ, byte, vyre_build_const(&b, VYRE_TYPE_U8, 10)));
  vyre_build_reduce(&b, lines, vyre_build_const(&b, VYRE_TYPE_U64, 1));
  vyre_build_end(&b);
  vyre_build_end(&b);
  vyre_program_t *program;
  ok(vyre_builder_finish(&b, &program));
  return program;
}

/* forever { } */
static vyre_program_t *endless_program(void) {
  vyre_builder_t b;
  vyre_builder_init(&b, "endless", "", false);
  b.position = vyre_position_make(7, 3);
  vyre_build_forever(&b);
  vyre_build_end(&b);
  vyre_program_t *program;
  ok(vyre_builder_finish(&b, &program));
  return program;
}

typedef struct fixture {
  vyre_device_t *device;
  vyre_session_t *session;
  uint32_t count_opcode, endless_opcode;
  uint32_t window;
  uint32_t *words;
  uint32_t out_window;
  uint64_t *out;
} fixture_t;

enum { WORDS = 4096 };

static bool is_dispatched(void **state) { return test_device_is_gpu(*state) || test_device_is_dispatched_host(*state); }

static void open_session(fixture_t *f, const char *device, const vyre_session_params_t *params) {
  *f = (fixture_t){.count_opcode = 0x1234567};
  ok(test_device_open(device, &f->device));
  vyre_session_params_t all = *params;
  all.builder = test_device_builder(device);
  all.topology = test_device_topology(device);
  ok(vyre_session_create(f->device, &all, &f->session));
  vyre_program_t *program = count_program();
  ok(vyre_session_register(f->session, program, &f->count_opcode));
  vyre_program_destroy(&program);
  program = endless_program();
  ok(vyre_session_register(f->session, program, &f->endless_opcode));
  vyre_program_destroy(&program);
  assert_int_equal(f->endless_opcode, VYRE_OPCODE_USER_FIRST);
  ok(vyre_session_start(f->session));
  ok(vyre_session_window_create(f->session, WORDS * 4, &f->window, (void **)&f->words));
  ok(vyre_session_window_create(f->session, 64 * 64, &f->out_window, (void **)&f->out));
}

static void close_session(fixture_t *f) {
  ok(vyre_session_stop(f->session, 5 * SECOND));
  vyre_session_destroy(&f->session);
  vyre_device_close(&f->device);
}

static vyre_completion_t run_slot(fixture_t *f, vyre_slot_t slot) {
  vyre_ticket_t ticket;
  vyre_completion_t completion;
  ok(vyre_session_submit(f->session, &slot, SECOND, &ticket));
  ok(vyre_session_wait(f->session, ticket, 20 * SECOND, &completion));
  return completion;
}

static vyre_slot_t count_slot(const fixture_t *f, uint32_t offset, uint32_t bytes, uint32_t out_offset) {
  return (vyre_slot_t){.opcode = f->count_opcode,
                       .arg = {f->window, offset, 0, bytes, 0, 0, VYRE_FRAME_IS_LAST, f->out_window, out_offset, 0}};
}

static void expect_fault(fixture_t *f, vyre_slot_t slot, vyre_fault_t fault) {
  vyre_completion_t completion = run_slot(f, slot);
  assert_int_equal(completion.state, VYRE_SLOT_FAULT);
  assert_int_equal(completion.fault, fault);
  vyre_status_t status = vyre_completion_status(f->session, slot.opcode, &completion);
  assert_non_null(status);
  /* What is wrong with the slot is not to be corrected in the Program. */
  bool is_of_program = strncmp(vyre_status_fix(status), "Correct the Program", 19) == 0;
  assert_int_equal(is_of_program, fault < VYRE_FAULT_UNKNOWN_OPCODE);
  vyre_status_destroy(&status);
}

static void every_opcode_and_fault(fixture_t *f) {
  vyre_completion_t c = run_slot(f, (vyre_slot_t){.opcode = VYRE_OP_NOP, .priority = 4});
  assert_int_equal(c.state, VYRE_SLOT_DONE);
  c = run_slot(f, (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {f->window, 8, 0xCAFE}});
  assert_int_equal(c.state, VYRE_SLOT_DONE);
  assert_int_equal(f->words[2], 0xCAFE);
  c = run_slot(f, (vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {f->window, 8}});
  assert_int_equal(c.result[0], 0xCAFE);
  assert_null(vyre_completion_status(f->session, VYRE_OP_LOAD_U32, &c));

  expect_fault(f, (vyre_slot_t){.opcode = 0xFFF0}, VYRE_FAULT_UNKNOWN_OPCODE);
  expect_fault(f, (vyre_slot_t){.opcode = 0x7FFFFFFF}, VYRE_FAULT_UNKNOWN_OPCODE);
  expect_fault(f, (vyre_slot_t){.opcode = f->endless_opcode + 1}, VYRE_FAULT_UNKNOWN_OPCODE);
  expect_fault(f, (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {0, 0, 1}}, VYRE_FAULT_BAD_HANDLE);
  expect_fault(f, (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {40, 0, 1}}, VYRE_FAULT_BAD_HANDLE);
  expect_fault(f, (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {4000000000u, 0, 1}}, VYRE_FAULT_BAD_HANDLE);
  expect_fault(f, (vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {f->window, 2}}, VYRE_FAULT_BAD_RANGE);
  expect_fault(f, (vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {f->window, WORDS * 4}}, VYRE_FAULT_BAD_RANGE);
  expect_fault(f, (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {f->window, 0xFFFFFFFC, 1}}, VYRE_FAULT_BAD_RANGE);
  c = run_slot(f, (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {f->window, WORDS * 4 - 4, 9}});
  assert_int_equal(c.state, VYRE_SLOT_DONE);

  memset(f->words, 10, 100);
  memset((uint8_t *)f->words + 100, 'x', 100);
  f->out[0] = 5;
  c = run_slot(f, count_slot(f, 50, 100, 0));
  assert_int_equal(c.state, VYRE_SLOT_DONE);
  assert_int_equal(f->out[0], 55);
  vyre_slot_t slot = count_slot(f, 0, 0, 64);
  slot.arg[VYRE_ARG_DATA_WINDOW] = 0; /* no bytes, no window needed */
  assert_int_equal(run_slot(f, slot).state, VYRE_SLOT_DONE);
  assert_int_equal(f->out[8], 0);
  slot.arg[VYRE_ARG_DATA_BYTES] = 1;
  expect_fault(f, slot, VYRE_FAULT_BAD_HANDLE);
  expect_fault(f, count_slot(f, WORDS * 4, 1, 0), VYRE_FAULT_BAD_RANGE);
  expect_fault(f, count_slot(f, WORDS * 4 + 1, 0, 0), VYRE_FAULT_BAD_RANGE);
  expect_fault(f, count_slot(f, 1, WORDS * 4, 0), VYRE_FAULT_BAD_RANGE);
  expect_fault(f, count_slot(f, 0, 8, 64 * 64), VYRE_FAULT_BAD_RANGE);
  expect_fault(f, count_slot(f, 0, 8, 4), VYRE_FAULT_BAD_RANGE);
  slot = count_slot(f, 0, 8, 0);
  slot.arg[VYRE_ARG_DATA_OFFSET_HIGH] = 0xFFFFFFFF;
  expect_fault(f, slot, VYRE_FAULT_BAD_RANGE);
  slot = count_slot(f, 0, 8, 0);
  slot.arg[VYRE_ARG_OUTPUT_WINDOW] = 0;
  expect_fault(f, slot, VYRE_FAULT_BAD_HANDLE);
  slot = count_slot(f, 0, 8, 0);
  slot.arg[VYRE_ARG_FLAGS] = 2;
  expect_fault(f, slot, VYRE_FAULT_BAD_ARGUMENT);
  slot = count_slot(f, 0, 8, 0);
  slot.arg[VYRE_ARG_OPERANDS] = 1;
  expect_fault(f, slot, VYRE_FAULT_BAD_ARGUMENT);
  assert_int_equal(f->out[0], 55);

  ok(vyre_session_window_remove(f->session, f->window));
  expect_fault(f, (vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {f->window, 8}}, VYRE_FAULT_BAD_HANDLE);
}

static void opcodes(void **state) {
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.workers = 2, .ring_slots = 16, .fuel = 100000});
  every_opcode_and_fault(&f);
  vyre_completion_t c = run_slot(&f, (vyre_slot_t){.opcode = f.endless_opcode, .arg = {[7] = f.out_window}});
  assert_int_equal(c.fault, VYRE_FAULT_FUEL);
  uint32_t line = 0, column = 0;
  vyre_completion_place(f.session, f.endless_opcode, &c, &line, &column);
  assert_int_equal(line, 7);
  assert_int_equal(column, 3);
  expect(vyre_completion_status(f.session, f.endless_opcode, &c), VYRE_E_FUEL);
  close_session(&f);
}

static void the_builder_is_known(void **state) {
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.workers = 1});
  bool is_jit = test_device_is_gpu(*state) || test_device_builder(*state) == VYRE_BUILDER_JIT;
  assert_int_equal(vyre_session_stats(f.session).builder, is_jit ? VYRE_BUILDER_JIT : VYRE_BUILDER_INTERPRETED);
  close_session(&f);
}

/* A loop without a single handler. */
static void no_programs_at_all(void **state) {
  fixture_t f = {0};
  ok(test_device_open(*state, &f.device));
  vyre_session_params_t params = {.workers = 1, .builder = test_device_builder(*state)};
  params.topology = test_device_topology(*state);
  ok(vyre_session_create(f.device, &params, &f.session));
  ok(vyre_session_start(f.session));
  assert_int_equal(run_slot(&f, (vyre_slot_t){.opcode = VYRE_OP_NOP}).state, VYRE_SLOT_DONE);
  expect_fault(&f, (vyre_slot_t){.opcode = VYRE_OPCODE_USER_FIRST}, VYRE_FAULT_UNKNOWN_OPCODE);
  close_session(&f);
}

/* ---- many producers ---- */

typedef struct producer {
  fixture_t *f;
  uint32_t index, slots, counted; /* counted: slots that ran count_lines over 64 newlines */
  pthread_t thread;
  const char *wrong; /* what went wrong, NULL when nothing did */
} producer_t;

/* Together fewer than the cells: a producer that waits for a cell does not read. */
enum { PRODUCERS = 3, IN_FLIGHT = 16 };

/* Each producer owns words [index * 64, index * 64 + 64): what it loads is what it stored last. */
static void *produce(void *argument) {
  producer_t *p = argument;
  vyre_ticket_t tickets[IN_FLIGHT];
  uint32_t expected[IN_FLIGHT], kind[IN_FLIGHT], stored = 0;
  uint64_t random = p->index * 77 + 1;
  for (uint32_t i = 0; i < p->slots + IN_FLIGHT; i++) {
    uint32_t at = i % IN_FLIGHT;
    if (i >= IN_FLIGHT) {
      vyre_completion_t c;
      vyre_status_t status = vyre_session_wait(p->f->session, tickets[at], 30 * SECOND, &c);
      if (status) p->wrong = vyre_status_detail(status);
      if (status) return NULL;
      if (kind[at] == 3 ? c.state != VYRE_SLOT_FAULT : c.state != VYRE_SLOT_DONE) p->wrong = "state";
      if (kind[at] == 2 && c.result[0] != expected[at]) p->wrong = "loaded value";
    }
    if (i >= p->slots) continue;
    random = random * 6364136223846793005u + 1442695040888963407u;
    kind[at] = (uint32_t)(random >> 33) % 5;
    vyre_slot_t slot = {.opcode = VYRE_OP_NOP};
    uint32_t offset = p->index * 256 + 4 * ((uint32_t)(random >> 40) % 64);
    if (kind[at] == 1) {
      /* A store is followed by a load of the same word: in ticket order both run in the dispatcher, in order. */
      stored = (uint32_t)(random >> 20);
      slot = (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {p->f->window, p->index * 256, stored}};
    } else if (kind[at] == 2) {
      slot = (vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {p->f->window, p->index * 256}};
      expected[at] = stored;
    } else if (kind[at] == 3) {
      slot = (vyre_slot_t){.opcode = 5, .arg = {offset}};
    } else if (kind[at] == 4) {
      slot = count_slot(p->f, 8192, 64, 64 * p->index);
      p->counted++;
    }
    vyre_status_t status = vyre_session_submit(p->f->session, &slot, 30 * SECOND, &tickets[at]);
    if (status) p->wrong = "submit";
    if (status) return NULL;
  }
  return NULL;
}

/* Each producer's own output has got 64 for each of its counting slots. */
static void run_producers(fixture_t *f, uint32_t slots) {
  memset((uint8_t *)f->words + 8192, 10, 64);
  producer_t producers[PRODUCERS];
  for (uint32_t i = 0; i < PRODUCERS; i++) {
    producers[i] = (producer_t){.f = f, .index = i, .slots = slots};
    assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
  }
  for (uint32_t i = 0; i < PRODUCERS; i++) {
    pthread_join(producers[i].thread, NULL);
    if (producers[i].wrong) fail_msg("producer %u: %s", i, producers[i].wrong);
    assert_int_equal(f->out[8 * i], 64ull * producers[i].counted);
  }
}

static void producers_on(const char *device, uint32_t workers, uint64_t first_ticket, uint32_t slots) {
  fixture_t f;
  open_session(
      &f, device,
      &(vyre_session_params_t){.workers = workers, .ring_slots = 64, .cells = 50, .first_ticket = first_ticket});
  run_producers(&f, slots);
  vyre_session_stats_t stats = vyre_session_stats(f.session);
  assert_int_equal(stats.published, PRODUCERS * slots);
  assert_int_equal(stats.launches, 1 + stats.swaps);
  close_session(&f);
}

/* As many as take about a second: the interpreter is slow, and a dispatcher that never sleeps shares the processors
 * with its workers. */
static uint32_t slots_on(const char *device, uint32_t on_cpu, uint32_t on_ref) {
  return test_device_is_ref(device) ? on_ref : test_device_is_dispatched_host(device) ? on_cpu / 50 : on_cpu;
}

static void many_producers(void **state) { producers_on(*state, 2, 0, slots_on(*state, 340000, 3000)); }

/* The ticket's tag, the lap and the lap's low half wrap inside each of these runs. */
static void counters_wrap(void **state) {
  uint32_t slots = slots_on(*state, 20000, 700);
  uint64_t half = (uint64_t)slots * PRODUCERS / 2;
  static const uint64_t borders[] = {UINT64_C(1) << 22, UINT64_C(1) << 32, UINT64_C(1) << 38, UINT64_C(1) << 48};
  for (unsigned i = 0; i < sizeof borders / sizeof *borders; i++) producers_on(*state, 2, borders[i] - half, slots);
}

static void one_worker_and_many(void **state) {
  producers_on(*state, 1, 0, slots_on(*state, 20000, 500));
  producers_on(*state, 5, 0, slots_on(*state, 20000, 500));
}

/* Stores and loads of four words, as many in flight as fit: each load gives what the store of the highest ticket below
 * its own left there. A dispatcher that takes many at once must not mix them up. */
static void words_keep_the_order_of_tickets(void **state) {
  enum { CELLS = 64, WORDS_USED = 4 };
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.workers = 1, .ring_slots = CELLS});
  vyre_ticket_t tickets[CELLS];
  uint32_t expected[CELLS], model[WORDS_USED] = {0}, slots = slots_on(*state, 200000, 3000);
  random_t random = {5};
  for (uint32_t i = 0; i < slots + CELLS; i++) {
    uint32_t at = i % CELLS;
    vyre_completion_t c;
    if (i >= CELLS) {
      ok(vyre_session_wait(f.session, tickets[at], 20 * SECOND, &c));
      assert_int_equal(c.state, VYRE_SLOT_DONE);
      if (c.result[0] != expected[at]) fail_msg("slot %u: %u, not %u", i - CELLS, c.result[0], expected[at]);
    }
    if (i >= slots) continue;
    uint32_t word = random_below(&random, WORDS_USED);
    bool is_store = random_once_in(&random, 2);
    if (is_store) model[word] = i + 1;
    expected[at] = is_store ? 0 : model[word];
    vyre_slot_t slot = {.opcode = is_store ? VYRE_OP_STORE_U32 : VYRE_OP_LOAD_U32, .arg = {f.window, 4 * word, i + 1}};
    ok(vyre_session_submit(f.session, &slot, 20 * SECOND, &tickets[at]));
  }
  for (uint32_t word = 0; word < WORDS_USED; word++) assert_int_equal(f.words[word], model[word]);
  close_session(&f);
}

/* ---- credit, stop, shutdown ---- */

static void full_ring_is_an_error(void **state) {
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.workers = 1, .ring_slots = 16, .cells = 8});
  vyre_ticket_t tickets[8], extra;
  vyre_completion_t c;
  vyre_slot_t nop = {.opcode = VYRE_OP_NOP};
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 8; i++) ok(vyre_session_submit(f.session, &nop, 0, &tickets[i]));
    ok(vyre_session_drain(f.session, 10 * SECOND)); /* completed, unread: their cells are still taken */
    expect(vyre_session_submit(f.session, &nop, 0, &extra), VYRE_E_RING_FULL);
    expect(vyre_session_submit(f.session, &nop, SECOND / 100, &extra), VYRE_E_RING_FULL);
    for (int i = 7; i >= 0; i--) ok(vyre_session_wait(f.session, tickets[i], 0, &c));
    expect(vyre_session_wait(f.session, tickets[0], 0, &c), VYRE_E_TICKET);
  }
  expect(vyre_session_wait(f.session, (vyre_ticket_t){.number = 3, .cell = 4000}, 0, &c), VYRE_E_TICKET);
  /* What a caller may keep for "no ticket". All cells are free here, and none is given back twice. */
  bool is_done;
  for (uint32_t cell = 0; cell < 8; cell++)
    expect(vyre_session_poll(f.session, (vyre_ticket_t){.number = UINT64_MAX, .cell = cell}, &is_done, &c),
           VYRE_E_TICKET);
  close_session(&f);
}

/* Stop while a worker is in an endless handler and slots wait behind it: the handler leaves, all else is cancelled. */
static void stop_cancels(void **state) {
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.workers = 1, .ring_slots = 64, .fuel = UINT64_MAX});
  vyre_slot_t endless = {.opcode = f.endless_opcode, .arg = {[7] = f.out_window}}, nop = {.opcode = VYRE_OP_NOP};
  vyre_ticket_t tickets[40];
  vyre_completion_t c;
  ok(vyre_session_submit(f.session, &endless, 0, &tickets[0]));
  vyre_sleep_ns(20000000);
  for (int i = 1; i < 40; i++) ok(vyre_session_submit(f.session, i % 2 ? &nop : &endless, 0, &tickets[i]));
  expect(vyre_session_wait(f.session, tickets[0], 10000000, &c), VYRE_E_DEADLINE);
  expect(vyre_session_drain(f.session, 10000000), VYRE_E_DEADLINE);
  /* A dispatcher that runs no handlers completes the others meanwhile. */
  for (int i = 1; i < 40 && is_dispatched(state); i += 2) {
    ok(vyre_session_wait(f.session, tickets[i], 20 * SECOND, &c));
    assert_int_equal(c.state, VYRE_SLOT_DONE);
  }
  ok(vyre_session_stop(f.session, 5 * SECOND));
  for (int i = 0; i < 40; i += 1 + is_dispatched(state)) {
    ok(vyre_session_wait(f.session, tickets[i], 0, &c));
    assert_int_equal(c.fault, VYRE_FAULT_CANCELLED);
    expect(vyre_completion_status(f.session, endless.opcode, &c), VYRE_E_STOPPED);
  }
  vyre_ticket_t late;
  expect(vyre_session_submit(f.session, &nop, SECOND, &late), VYRE_E_STOPPED);
  ok(vyre_session_drain(f.session, 0));
  close_session(&f);
}

/* SHUTDOWN runs what stands before it and nothing behind it; waiting for that ends too. */
static void shutdown_ends_the_kernel(void **state) {
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.workers = 2, .ring_slots = 64});
  memset(f.words, 10, 4096);
  vyre_slot_t shutdown = {.opcode = VYRE_OP_SHUTDOWN}, nop = {.opcode = VYRE_OP_NOP};
  vyre_ticket_t before[10], at, behind;
  vyre_completion_t c;
  vyre_slot_t count = count_slot(&f, 0, 4096, 0);
  for (int i = 0; i < 10; i++) ok(vyre_session_submit(f.session, &count, 0, &before[i]));
  ok(vyre_session_submit(f.session, &shutdown, 0, &at));
  vyre_status_t status = vyre_session_submit(f.session, &nop, 0, &behind);
  for (int i = 0; i < 10; i++) {
    ok(vyre_session_wait(f.session, before[i], 10 * SECOND, &c));
    assert_int_equal(c.state, VYRE_SLOT_DONE);
  }
  ok(vyre_session_wait(f.session, at, 10 * SECOND, &c));
  assert_int_equal(c.state, VYRE_SLOT_DONE);
  if (!status) {
    ok(vyre_session_wait(f.session, behind, 10 * SECOND, &c));
    assert_int_equal(c.fault, VYRE_FAULT_CANCELLED);
  }
  assert_int_equal(f.out[0], 40960);
  /* What was cancelled was not taken, and nobody says that the kernel runs. */
  vyre_session_stats_t stats = vyre_session_stats(f.session);
  assert_int_equal(stats.taken, 11);
  assert_int_equal(stats.published, status ? 11 : 12);
  vyre_status_destroy(&status);
  expect(vyre_session_check(f.session, 0), VYRE_E_STOPPED);
  char *text;
  ok(vyre_session_dump(f.session, &text));
  assert_non_null(strstr(text, ": ended, "));
  vyre_text_free(text);
  close_session(&f);
}

static void misuse_is_an_error(void **state) {
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.workers = 1});
  uint32_t opcode = 0, handle;
  vyre_program_t *program = count_program();
  expect(vyre_session_register(f.session, program, &opcode), VYRE_E_STATE);
  expect(vyre_session_start(f.session), VYRE_E_STATE);
  expect(vyre_session_window_create(f.session, 0, &handle, NULL), VYRE_E_ARGUMENT);
  _Alignas(8) static uint8_t bytes[64];
  for (uint32_t offset = 1; offset < 8; offset++)
    expect(vyre_session_window_bind(f.session, bytes + offset, 8, &handle), VYRE_E_ARGUMENT);
  expect(vyre_session_window_remove(f.session, 5000), VYRE_E_ARGUMENT);
  expect(vyre_session_window_remove(f.session, 60), VYRE_E_ARGUMENT); /* not in use */
  vyre_slot_t slot = {.opcode = VYRE_OP_NOP, .priority = 5};
  vyre_ticket_t ticket;
  expect(vyre_session_submit(f.session, &slot, 0, &ticket), VYRE_E_ARGUMENT);
  for (uint32_t i = 2; i < 64; i++) ok(vyre_session_window_create(f.session, 4, &handle, NULL));
  expect(vyre_session_window_create(f.session, 4, &handle, NULL), VYRE_E_TABLE_FULL);
  close_session(&f);

  ok(test_device_open(*state, &f.device));
  expect(vyre_session_create(NULL, NULL, &f.session), VYRE_E_ARGUMENT);
  vyre_session_t *unstarted;
  ok(vyre_session_create(f.device, NULL, &unstarted));
  opcode = 0;
  expect(vyre_session_register(unstarted, NULL, &opcode), VYRE_E_ARGUMENT);
  ok(vyre_session_register(unstarted, program, &opcode));
  expect(vyre_session_set_param(unstarted, opcode, NULL, &opcode, 4), VYRE_E_ARGUMENT);
  expect(vyre_session_set_param(unstarted, opcode, "k", NULL, 4), VYRE_E_ARGUMENT);
  expect(vyre_session_set_param(unstarted, opcode + 1, "k", &opcode, 4), VYRE_E_ARGUMENT);
  vyre_session_destroy(&unstarted);
  expect(vyre_session_create(f.device, &(vyre_session_params_t){.ring_slots = 100}, &f.session), VYRE_E_ARGUMENT);
  expect(vyre_session_create(f.device, &(vyre_session_params_t){.ring_slots = 8, .cells = 9}, &f.session),
         VYRE_E_ARGUMENT);
  expect(vyre_session_create(f.device, &(vyre_session_params_t){.workers = 100000}, &f.session), VYRE_E_DEVICE_LIMIT);
  expect(vyre_session_create(f.device, &(vyre_session_params_t){.windows = 5000}, &f.session), VYRE_E_ARGUMENT);
  expect(vyre_session_create(f.device, &(vyre_session_params_t){.builder = (vyre_session_builder_t)3}, &f.session),
         VYRE_E_ARGUMENT);
  if (test_device_is_gpu(*state))
    expect(vyre_session_create(f.device, &(vyre_session_params_t){.builder = VYRE_BUILDER_INTERPRETED}, &f.session),
           VYRE_E_UNSUPPORTED);
  ok(vyre_session_create(f.device, NULL, &f.session));
  vyre_completion_t c;
  bool done;
  expect(vyre_session_submit(f.session, &slot, 0, &ticket), VYRE_E_STATE);
  expect(vyre_session_poll(f.session, (vyre_ticket_t){0}, &done, &c), VYRE_E_STATE);
  expect(vyre_session_window_create(f.session, 4, &handle, NULL), VYRE_E_STATE);
  static const uint32_t refused[] = {1, 7, 0xFFF5, 0x40000000, 0x80000001, 0xFFFFFFFF};
  for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
    opcode = refused[i];
    expect(vyre_session_register(f.session, program, &opcode), VYRE_E_OPCODE_RANGE);
  }
  opcode = 9;
  ok(vyre_session_register(f.session, program, &opcode));
  expect(vyre_session_register(f.session, program, &opcode), VYRE_E_OPCODE_RANGE);
  vyre_program_destroy(&program);
  ok(vyre_session_stop(f.session, 0)); /* never started: nothing to stop */
  vyre_session_destroy(&f.session);
  vyre_device_close(&f.device);
  expect(vyre_device_open("gpu7", &f.device), VYRE_E_NO_DEVICE);
}

/* Host work that does not come back for a while, on every worker. */
typedef struct sleepy_pump {
  vyre_pump_t base;
  atomic_bool lets_go;
} sleepy_pump_t;

static uint32_t sleep_in_pump(vyre_pump_t *base, uint32_t worker) {
  (void)worker;
  sleepy_pump_t *pump = (sleepy_pump_t *)(void *)base;
  while (!atomic_load(&pump->lets_go)) vyre_sleep_ns(1000000);
  return 0;
}

static bool no_wait(vyre_pump_t *base, uint32_t worker, uint64_t timeout_ns) {
  (void)base, (void)worker, (void)timeout_ns;
  return false;
}

/* A worker that does not leave: stop says so in time, and a later stop ends it in order. */
static void a_stuck_worker_is_named(void **state) {
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.workers = 2});
  sleepy_pump_t pump = {.base = {.run = sleep_in_pump, .wait = no_wait}};
  ok(vyre_session_attach(f.session, &pump.base));
  vyre_sleep_ns(20000000);
  uint64_t start = vyre_clock_ns();
  vyre_status_t status = vyre_session_stop(f.session, SECOND / 20);
  assert_true(vyre_clock_ns() - start < SECOND / 2);
  assert_non_null(strstr(vyre_status_detail(status), "worker 1: "));
  expect(status, VYRE_E_DEVICE_STUCK);
  assert_true(vyre_session_is_stuck(f.session));
  atomic_store(&pump.lets_go, true);
  ok(vyre_session_stop(f.session, 5 * SECOND));
  vyre_session_detach(f.session, &pump.base);
  close_session(&f);
}

/* Poll, too, gets to the end of what stood behind a SHUTDOWN. */
static void poll_ends_behind_a_shutdown(void **state) {
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.workers = 1});
  vyre_slot_t shutdown = {.opcode = VYRE_OP_SHUTDOWN}, nop = {.opcode = VYRE_OP_NOP};
  vyre_ticket_t at, behind;
  vyre_completion_t c;
  ok(vyre_session_submit(f.session, &shutdown, 0, &at));
  vyre_status_t status = vyre_session_submit(f.session, &nop, 0, &behind);
  bool done = status != NULL;
  uint64_t deadline_ns = vyre_clock_ns() + 10 * SECOND;
  while (!done && vyre_clock_ns() < deadline_ns) ok(vyre_session_poll(f.session, behind, &done, &c));
  assert_true(done);
  if (!status) assert_int_equal(c.fault, VYRE_FAULT_CANCELLED);
  vyre_status_destroy(&status);
  close_session(&f);
}

/* More workers than there is room for stacks: in a child, whose address space is bounded. */
static void threads_that_cannot_start(void **state) {
#ifdef VYRE_SANITIZED
  VYRE_TEST_SKIP("address-space", "a sanitizer needs more address space than the limit leaves");
#endif
  pid_t child = fork();
  if (child == 0) {
    vyre_device_t *device;
    vyre_session_t *session;
    struct rlimit limit = {0};
    FILE *statm = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    bool good = statm && fscanf(statm, "%lu", &pages) == 1 && !vyre_device_open(*state, &device) &&
                !vyre_session_create(device, &(vyre_session_params_t){.workers = 200}, &session);
    limit.rlim_cur = limit.rlim_max = pages * 4096ul + (400ul << 20);
    vyre_status_t status = good && setrlimit(RLIMIT_AS, &limit) == 0 ? vyre_session_start(session) : NULL;
    _exit(vyre_status_code(status) == VYRE_E_THREADS ? 0 : 1);
  }
  int result = 0;
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

/* An idle session sleeps: after its workers have gone to sleep they use next to no processor time. */
static void idle_costs_nothing(void **state) {
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.workers = 2});
  vyre_sleep_ns(100000000);
  struct timespec before, after;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  vyre_sleep_ns(500000000);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  int64_t used_ns = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
  if (used_ns > 5000000) fail_msg("an idle session used %lld us of 500000", (long long)used_ns / 1000);
  /* And it wakes at once. */
  uint64_t start = vyre_clock_ns();
  run_slot(&f, (vyre_slot_t){.opcode = VYRE_OP_NOP});
  assert_true(vyre_clock_ns() - start < 40000000);
  close_session(&f);
}

typedef struct swapper {
  fixture_t *f;
  atomic_bool ends;
  uint32_t swaps;
} swapper_t;

static void *swap_on(void *argument) {
  swapper_t *s = argument;
  while (!atomic_load(&s->ends)) {
    ok(vyre_session_swap(s->f->session, 10 * SECOND));
    s->swaps++;
    vyre_sleep_ns(2000000);
  }
  return NULL;
}

/* Slots go on while the kernel is replaced again and again: each completes once, in order where it must. */
static void swaps_lose_nothing(void **state) {
  fixture_t f;
  open_session(&f, *state, &(vyre_session_params_t){.ring_slots = 64});
  swapper_t swapper = {.f = &f};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, swap_on, &swapper), 0);
  memset(f.words, 0, WORDS * 4);
  uint8_t *bytes = (uint8_t *)f.words;
  for (uint32_t i = 0; i < 1000; i++) bytes[WORDS * 2 + i * 3] = 10;
  uint64_t lines = 0, deadline_ns = vyre_clock_ns() + 3 * SECOND;
  for (uint32_t i = 0; vyre_clock_ns() < deadline_ns; i++) {
    assert_int_equal(run_slot(&f, (vyre_slot_t){.opcode = VYRE_OP_STORE_U32, .arg = {f.window, 4 * (i % 64), i}}).state,
                     VYRE_SLOT_DONE);
    vyre_completion_t c = run_slot(&f, (vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {f.window, 4 * (i % 64)}});
    assert_int_equal(c.result[0], i);
    c = run_slot(&f, (vyre_slot_t){.opcode = f.count_opcode,
                                   .arg = {f.window, WORDS * 2, 0, WORDS * 2, 0, 0, 0, f.out_window, 0}});
    assert_int_equal(c.state, VYRE_SLOT_DONE);
    lines += 1000;
  }
  atomic_store(&swapper.ends, true);
  pthread_join(thread, NULL);
  assert_int_equal(f.out[0], lines);
  vyre_session_stats_t stats = vyre_session_stats(f.session);
  print_message("%u swaps, %llu slots\n", swapper.swaps, (unsigned long long)stats.published);
  assert_true(swapper.swaps > 0);
  assert_int_equal(stats.swaps, swapper.swaps);
  assert_int_equal(stats.launches, 1 + stats.swaps);
  close_session(&f);
}

/* What needs no wake-ups, pumps or swaps. */
#define IN_EVERY_TOPOLOGY                                                                                           \
  ON(opcodes), ON(many_producers), ON(counters_wrap), ON(one_worker_and_many), ON(words_keep_the_order_of_tickets), \
      ON(full_ring_is_an_error), ON(stop_cancels), ON(shutdown_ends_the_kernel), ON(misuse_is_an_error),            \
      ON(poll_ends_behind_a_shutdown), ON(the_builder_is_known), ON(no_programs_at_all)

/* On a GPU, which the caller names: what a session is on every device. */
static int run_on(char *name) {
  int missing = test_device_missing(name);
  if (missing) return missing;
#define ON(test) \
  { #test, test, NULL, NULL, name }
  const struct CMUnitTest tests[] = {IN_EVERY_TOPOLOGY, ON(swaps_lose_nothing)};
#undef ON
  return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) {
  if (argc > 1) return run_on(argv[1]);
  static char cpu[] = "cpu", ref[] = "ref", cpu_dispatched[] = "cpu/dispatched", ref_dispatched[] = "ref/dispatched";
#define ON(test) \
  {#test " (cpu)", test, NULL, NULL, cpu}, { #test " (ref)", test, NULL, NULL, ref }
  const struct CMUnitTest direct[] = {IN_EVERY_TOPOLOGY,
                                      ON(idle_costs_nothing),
                                      ON(a_stuck_worker_is_named),
                                      {"threads_that_cannot_start", threads_that_cannot_start, NULL, NULL, ref}};
#undef ON
#define ON(test)                                                    \
  {#test " (cpu, dispatched)", test, NULL, NULL, cpu_dispatched}, { \
#test " (ref, dispatched)", test, NULL, NULL, ref_dispatched    \
  }
  const struct CMUnitTest dispatched[] = {IN_EVERY_TOPOLOGY};
#undef ON
  static char cpu_jit[] = "cpu/jit", ref_jit[] = "ref/jit", cpu_dispatched_jit[] = "cpu/dispatched/jit";
#define ON(test)                                                                                        \
  {#test " (cpu, jit)", test, NULL, NULL, cpu_jit}, {#test " (ref, jit)", test, NULL, NULL, ref_jit}, { \
#test " (cpu, dispatched, jit)", test, NULL, NULL, cpu_dispatched_jit                               \
  }
  /* Where a handler runs, begins late or is left in the middle. */
  const struct CMUnitTest jit[] = {ON(opcodes),
                                   ON(many_producers),
                                   ON(stop_cancels),
                                   ON(shutdown_ends_the_kernel),
                                   ON(the_builder_is_known),
                                   ON(no_programs_at_all)};
#undef ON
  int failed = cmocka_run_group_tests(direct, NULL, NULL);
  failed += cmocka_run_group_tests(dispatched, NULL, NULL);
  return failed + cmocka_run_group_tests(jit, NULL, NULL) > 0;
}
