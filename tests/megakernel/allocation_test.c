/* Every allocation fails in the life of a session, from opening its device to closing it, on ref and cpu, with both
 * builders; and while it runs: submitting, completing and reading need none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vyre/session.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/status.h"
#include "device/device.h"
#include "ir/frame.h"
#include "megakernel/protocol.h"
#include "megakernel/session.h"
#include "support/expect.h"
#include "support/failing.h"

enum { PROGRAMS = 3, SLOTS = 12, ELEMENTS = 256, OUTPUT_BYTES = 64, WAIT_NS = 1000000000, OPCODE = 100 };

static vyre_program_t *programs[PROGRAMS];

/* Lanes that meet, a function, a constant, a parameter, state; a sum; a fault. */
static const char *const texts[PROGRAMS] = {
    "program meet\nworkgroup_size 64\nstream data : u32\nparam scale : u64\nconstant table : u64[4]\n"
    "state calls : u32[2]\nworkgroup t : u64[64]\noutput total : u64 sum\n"
    "function twice(a : u64) : u64 { return a * 2 }\n"
    "t[lane()] = u64(data[lane()]) * table[1]\nbarrier()\n"
    "let other = t[63 - lane()]\nlet sum = workgroup_add(twice(other))\n"
    "atomic_add(calls[0], 1)\nif lane() == 0 { total += sum * scale }\n",
    "program sum\nstream data : u32\noutput total : u64 sum\nforeach i in 0 .. len(data) { total += u64(data[i]) }\n",
    "program wrong\nstream data : u32\noutput total : u64 sum\ntotal += u64(data[len(data)])\n"};

typedef struct life {
  const char *device;
  vyre_session_builder_t builder;
  uint32_t workers;
  bool is_dispatched; /* the topology of a GPU */
  vyre_device_t *opened;
  vyre_session_t *session;
  uint32_t data, outputs; /* windows */
  uint32_t *words;
  uint8_t *blocks;
} life_t;

static int set_up(void **state) {
  (void)state;
  for (unsigned i = 0; i < PROGRAMS; i++) ok(vyre_program_parse(texts[i], strlen(texts[i]), "test.vyre", &programs[i]));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  for (unsigned i = 0; i < PROGRAMS; i++) vyre_program_destroy(&programs[i]);
  return 0;
}

/* ---- a life ---- */

static vyre_status_t begin(life_t *life) {
  VYRE_TRY(vyre_device_open(life->device, &life->opened));
  vyre_session_params_t params = {.workers = life->workers, .ring_slots = 16, .builder = life->builder};
  if (life->is_dispatched) params.topology = VYRE_TOPOLOGY_DISPATCHED;
  VYRE_TRY(vyre_session_create(life->opened, &params, &life->session));
  for (uint32_t i = 0; i < PROGRAMS; i++) {
    uint32_t opcode = OPCODE + i;
    VYRE_TRY(vyre_session_register(life->session, programs[i], &opcode));
  }
  static const uint64_t scale = 10, table[4] = {1, 3, 5, 7};
  VYRE_TRY(vyre_session_set_param(life->session, OPCODE, "scale", &(uint64_t){0}, sizeof scale));
  VYRE_TRY(vyre_session_set_param(life->session, OPCODE, "scale", &scale, sizeof scale));
  VYRE_TRY(vyre_session_set_param(life->session, OPCODE, "table", table, sizeof table));
  VYRE_TRY(vyre_session_start(life->session));
  void *memory = NULL;
  VYRE_TRY(vyre_session_window_create(life->session, ELEMENTS * 4, &life->data, &memory));
  life->words = memory;
  memory = NULL;
  VYRE_TRY(vyre_session_window_create(life->session, SLOTS * OUTPUT_BYTES, &life->outputs, &memory));
  life->blocks = memory;
  for (uint32_t i = 0; i < ELEMENTS; i++) life->words[i] = i;
  return NULL;
}

static vyre_status_t end(life_t *life) {
  vyre_status_t status = life->session ? vyre_session_stop(life->session, WAIT_NS * 5ull) : NULL;
  vyre_session_destroy(&life->session);
  vyre_device_close(&life->opened);
  return status;
}

static vyre_status_t submit(life_t *life, uint32_t program, uint32_t place, vyre_ticket_t *out_ticket) {
  vyre_slot_t slot = {.opcode = OPCODE + program,
                      .arg = {[VYRE_ARG_DATA_WINDOW] = life->data,
                              [VYRE_ARG_DATA_BYTES] = ELEMENTS * 4,
                              [VYRE_ARG_OUTPUT_WINDOW] = life->outputs,
                              [VYRE_ARG_OUTPUT_OFFSET] = place * OUTPUT_BYTES}};
  return vyre_session_submit(life->session, &slot, WAIT_NS * 5ull, out_ticket);
}

/* The slots of all Programs at once. */
static vyre_status_t run_slots(life_t *life) {
  static const uint64_t expected[PROGRAMS] = {2 * 3 * 10 * (63 * 64 / 2), 255 * 256 / 2, 0};
  vyre_ticket_t tickets[SLOTS];
  vyre_completion_t completion = {0};
  for (uint32_t i = 0; i < SLOTS; i++) VYRE_TRY(submit(life, i % PROGRAMS, i, &tickets[i]));
  VYRE_TRY(vyre_session_drain(life->session, WAIT_NS * 5ull));
  for (uint32_t i = 0; i < SLOTS; i++) {
    VYRE_TRY(vyre_session_wait(life->session, tickets[i], WAIT_NS * 5ull, &completion));
    bool faults = i % PROGRAMS == 2;
    uint64_t total;
    memcpy(&total, life->blocks + i * OUTPUT_BYTES, sizeof total);
    failing_require(completion.state == (faults ? VYRE_SLOT_FAULT : VYRE_SLOT_DONE));
    failing_require(total == expected[i % PROGRAMS]);
  }
  memset(life->blocks, 0, SLOTS * OUTPUT_BYTES);
  return NULL;
}

static vyre_status_t live(void *context) {
  life_t *life = context;
  vyre_status_t status = begin(life);
  if (!status) status = run_slots(life);
  if (!status) status = vyre_session_window_remove(life->session, life->outputs);
  vyre_status_t ended = end(life);
  failing_end();
  failing_require(status || !ended || vyre_status_code(ended) == VYRE_E_MEMORY);
  return status ? vyre_status_because(status, ended) : ended;
}

static void lives_of(const char *name, life_t life, uint64_t most) {
  uint64_t count = failing_every(&(failing_options_t){.name = name, .most = most, .is_slow = true}, live, &life);
  assert_true(count > 100);
}

static void lives_on_ref(void **state) {
  (void)state;
  lives_of("ref", (life_t){.device = "ref", .workers = 1}, 0);
  lives_of("ref, jit", (life_t){.device = "ref", .workers = 1, .builder = VYRE_BUILDER_JIT}, 0);
  lives_of("ref, dispatched", (life_t){.device = "ref", .workers = 1, .is_dispatched = true}, 0);
}

static void lives_on_cpu(void **state) {
  (void)state;
  lives_of("cpu", (life_t){.device = "cpu", .workers = 1}, 80);
  lives_of("cpu, jit", (life_t){.device = "cpu", .workers = 1, .builder = VYRE_BUILDER_JIT}, 60);
}

/* Threads, and memory for code. */
static void lives_without_resources(void **state) {
  (void)state;
  life_t lives[] = {{.device = "ref", .workers = 3},
                    {.device = "cpu", .workers = 2},
                    {.device = "cpu", .workers = 1, .builder = VYRE_BUILDER_JIT}};
  for (unsigned i = 0; i < sizeof lives / sizeof *lives; i++) {
    failing_options_t options = {.name = lives[i].device, .kind = FAILING_RESOURCES, .is_slow = true};
    assert_true(failing_every(&options, live, &lives[i]) >= lives[i].workers);
  }
}

/* ---- while it runs ---- */

/* No memory at all from start on: pieces for the lanes of calls that run at once are waited for. */
static void slots_need_no_memory(void **state) {
  (void)state;
  static const char *const devices[] = {"ref", "cpu"};
  for (unsigned d = 0; d < 2; d++) {
    life_t life = {.device = devices[d], .workers = 3};
    ok(begin(&life));
    int64_t before = failing_live();
    for (unsigned round = 0; round < 20; round++) {
      vyre_ticket_t tickets[SLOTS];
      vyre_completion_t completion;
      failing_begin(1, true);
      for (uint32_t i = 0; i < SLOTS; i++) ok(submit(&life, i % 2, i, &tickets[i]));
      for (uint32_t i = 0; i < SLOTS; i++) {
        ok(vyre_session_wait(life.session, tickets[i], WAIT_NS * 5ull, &completion));
        assert_int_equal(completion.state, VYRE_SLOT_DONE);
      }
      vyre_ticket_t wrong = {.number = 1u << 30};
      expect(vyre_session_wait(life.session, wrong, 0, &completion), VYRE_E_MEMORY);
      failing_end();
    }
    assert_int_equal(failing_live(), before);
    memset(life.blocks, 0, SLOTS * OUTPUT_BYTES);
    ok(run_slots(&life));
    ok(end(&life));
  }
}

/* A running session refuses, and works on. */
static vyre_status_t make_windows(void *context) {
  life_t *life = context;
  static uint8_t bytes[4096];
  uint32_t created = 77, bound = 77;
  void *memory = bytes;
  vyre_status_t status = vyre_session_window_create(life->session, 1 << 16, &created, &memory);
  bool is_created = !status;
  if (!status) status = vyre_session_window_bind(life->session, bytes, sizeof bytes, &bound);
  failing_end();
  failing_require(is_created || (created == 77 && memory == bytes));
  failing_require(!status || bound == 77);
  if (is_created) ok(vyre_session_window_remove(life->session, created));
  if (!status) ok(vyre_session_window_remove(life->session, bound));
  vyre_status_t ran = run_slots(life);
  ok(ran);
  return status;
}

/* Errors of a running session, each with a record. */
static vyre_status_t refuse(void *context) {
  life_t *life = context;
  vyre_status_t status = vyre_session_window_remove(life->session, 50);
  failing_end();
  return status;
}

static vyre_status_t tell_fault(void *context) {
  const life_t *life = context;
  vyre_completion_t completion = {.state = VYRE_SLOT_FAULT, .fault = VYRE_FAULT_OUT_OF_RANGE};
  vyre_status_t status = vyre_completion_status(life->session, OPCODE + 2, &completion);
  failing_end();
  return status;
}

static vyre_status_t refuse_param(void *context) {
  life_t *life = context;
  vyre_status_t status = vyre_session_set_param(life->session, OPCODE, "scale", &(uint64_t){1}, 8);
  failing_end();
  return status;
}

static void a_running_session(void **state) {
  (void)state;
  life_t life = {.device = "ref", .workers = 1};
  ok(begin(&life));
  failing_every(&(failing_options_t){.name = "windows"}, make_windows, &life);
  failing_every(&(failing_options_t){.name = "no window", .refusal = VYRE_E_ARGUMENT}, refuse, &life);
  failing_every(&(failing_options_t){.name = "a fault", .refusal = VYRE_E_FAULT}, tell_fault, &life);
  failing_every(&(failing_options_t){.name = "too late", .refusal = VYRE_E_STATE}, refuse_param, &life);
  ok(end(&life));
}

/* Host work that does not come back for a while, on every worker. */
typedef struct sleepy_pump {
  vyre_pump_t base;
  atomic_bool is_inside, lets_go;
} sleepy_pump_t;

static uint32_t sleep_in_pump(vyre_pump_t *base, uint32_t worker) {
  (void)worker;
  sleepy_pump_t *pump = (sleepy_pump_t *)(void *)base;
  atomic_store(&pump->is_inside, true);
  while (!atomic_load(&pump->lets_go)) vyre_sleep_ns(1000000);
  return 0;
}

static bool no_wait(vyre_pump_t *base, uint32_t worker, uint64_t timeout_ns) {
  (void)base, (void)worker, (void)timeout_ns;
  return false;
}

/* What is known of a session that does not stop must not depend on memory: its workers still use what it has. */
static void a_stuck_worker(void **state) {
  (void)state;
  life_t life = {.device = "ref", .workers = 2};
  for (uint64_t n = 1; n <= 5; n++)
    for (int is_from = 0; is_from < 2; is_from++) {
      ok(begin(&life));
      sleepy_pump_t pump = {.base = {.run = sleep_in_pump, .wait = no_wait}};
      ok(vyre_session_attach(life.session, &pump.base));
      while (!atomic_load(&pump.is_inside)) vyre_sleep_ns(100000);
      failing_begin(n, is_from);
      vyre_status_t status = vyre_session_stop(life.session, WAIT_NS / 100);
      failing_end();
      expect(status, VYRE_E_DEVICE_STUCK);
      assert_true(vyre_session_is_stuck(life.session));
      atomic_store(&pump.lets_go, true);
      ok(vyre_session_stop(life.session, WAIT_NS * 5ull));
      vyre_session_detach(life.session, &pump.base);
      ok(end(&life));
    }
}

/* ---- before it runs ---- */

static vyre_status_t register_again(void *context) {
  life_t *life = context;
  uint32_t opcode = 0;
  vyre_status_t status = vyre_session_register(life->session, programs[1], &opcode);
  failing_end();
  failing_require((status != NULL) == (opcode == 0));
  return status;
}

/* A failed registration takes no place, a failed value leaves the one before. */
static void a_registration_that_failed(void **state) {
  (void)state;
  life_t life = {0};
  ok(vyre_device_open("ref", &life.opened));
  ok(vyre_session_create(life.opened, &(vyre_session_params_t){.workers = 1}, &life.session));
  for (uint64_t n = 1;; n++) {
    failing_begin(n, false);
    vyre_status_t status = register_again(&life);
    if (!status) break;
    expect(status, VYRE_E_MEMORY);
  }
  uint32_t next = 0;
  ok(vyre_session_register(life.session, programs[0], &next));
  assert_int_equal(next, VYRE_OPCODE_USER_FIRST + 1);
  static const uint64_t table[4] = {1, 3, 5, 7};
  ok(vyre_session_set_param(life.session, next, "scale", &(uint64_t){9}, 8));
  failing_begin(1, false);
  expect(vyre_session_set_param(life.session, next, "scale", &(uint64_t){10}, 8), VYRE_E_MEMORY);
  expect(vyre_session_start(life.session), VYRE_E_ARGUMENT); /* the constant has no value */
  (void)table;
  ok(end(&life));
}

/* No GPU here: memory that is out while it is looked for is no reason to take another device. */
static vyre_status_t open_auto(void *context) {
  (void)context;
  vyre_device_t *device = NULL;
  vyre_status_t status = vyre_device_open("auto", &device);
  failing_end();
  failing_require((status != NULL) == (device == NULL));
  if (!status) vyre_device_close(&device);
  return status;
}

static vyre_status_t open_none(void *context) {
  vyre_device_t *device = NULL;
  vyre_status_t status = vyre_device_open(context, &device);
  failing_end();
  failing_require(device == NULL);
  return status;
}

static void devices(void **state) {
  (void)state;
  failing_every(&(failing_options_t){.name = "auto"}, open_auto, NULL);
  failing_every(&(failing_options_t){.name = "none", .refusal = VYRE_E_NO_DEVICE}, open_none, "tpu");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(devices),           cmocka_unit_test(a_registration_that_failed),
                                     cmocka_unit_test(a_running_session), cmocka_unit_test(slots_need_no_memory),
                                     cmocka_unit_test(a_stuck_worker),    cmocka_unit_test(lives_on_ref),
                                     cmocka_unit_test(lives_on_cpu),      cmocka_unit_test(lives_without_resources)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
