/* The privileged nodes: real memory, real atomics, hooks; no fuel, no look at the stop word. */
#include <pthread.h>

#include "interp/fixture.h"
#include "interp/interp.h"
#include "ir/layout.h"

static vyre_program_t *finish(vyre_builder_t *b) {
  vyre_program_t *program = NULL;
  vyre_status_t status = vyre_builder_finish(b, &program);
  if (status) {
    char text[512];
    vyre_status_format(status, text, sizeof text);
    vyre_status_destroy(&status);
    fail_msg("%s", text);
  }
  return program;
}

static void call(const vyre_program_t *program, vyre_frame_t *frame) {
  vyre_interp_t *interp = NULL;
  assert_null(vyre_interp_create(program, &interp));
  vyre_interp_call(frame, interp);
  vyre_interp_destroy(interp);
}

static vyre_expr_id_t word(vyre_builder_t *b, uint64_t offset) {
  return op2(b, VYRE_EXPR_ADD, vyre_build_leaf(b, VYRE_EXPR_CONTROL), u64(b, offset));
}

/* Each width is read and written alone: the neighbours keep their bytes. */
static void loads_and_stores_of_each_width(void **state) {
  (void)state;
  static const vyre_type_t types[] = {VYRE_TYPE_U8, VYRE_TYPE_U16, VYRE_TYPE_U32, VYRE_TYPE_U64};
  for (unsigned i = 0; i < 4; i++) {
    vyre_builder_t b;
    vyre_builder_init(&b, "raw", "", true);
    for (unsigned k = 0; k < 2; k++) { /* relaxed; acquire and release */
      vyre_expr_id_t value =
          vyre_build_raw_load(&b, types[i], k ? VYRE_ORDER_ACQUIRE : VYRE_ORDER_RELAXED, word(&b, 8));
      vyre_build_raw_store(&b, types[i], k ? VYRE_ORDER_RELEASE : VYRE_ORDER_RELAXED, word(&b, 24 + 16 * k), value);
    }
    vyre_program_t *program = finish(&b);
    uint64_t memory[6] = {0, UINT64_C(0x8877665544332211), 0, UINT64_MAX, 0, UINT64_MAX};
    vyre_frame_t frame = {.control = (uint64_t)(uintptr_t)memory};
    call(program, &frame);
    uint64_t mask = vyre_type_mask(types[i]);
    assert_int_equal(frame.fault, VYRE_FAULT_NONE);
    assert_int_equal(memory[3], (memory[1] & mask) | ~mask);
    assert_int_equal(memory[5], memory[3]);
    assert_int_equal(memory[2] | memory[4], 0);
    vyre_program_destroy(&program);
  }
}

static void atomics_give_the_old_value(void **state) {
  (void)state;
  for (unsigned wide = 0; wide < 2; wide++) {
    for (vyre_order_t order = VYRE_ORDER_RELAXED; order < VYRE_ORDER_COUNT; order++) {
      vyre_type_t type = wide ? VYRE_TYPE_U64 : VYRE_TYPE_U32;
      vyre_builder_t b;
      vyre_builder_init(&b, "raw", "", true);
      vyre_expr_id_t values[3];
      values[0] = vyre_build_raw_atomic_add(&b, type, order, word(&b, 0), vyre_build_const(&b, type, UINT64_MAX));
      values[1] = vyre_build_raw_atomic_cas(&b, type, order, word(&b, 8), vyre_build_const(&b, type, 7),
                                            vyre_build_const(&b, type, 8));
      values[2] = vyre_build_raw_atomic_cas(&b, type, order, word(&b, 16), vyre_build_const(&b, type, 7),
                                            vyre_build_const(&b, type, 8));
      for (uint64_t i = 0; i < 3; i++)
        vyre_build_raw_store(&b, type, VYRE_ORDER_RELAXED, word(&b, 24 + 8 * i), values[i]);
      vyre_program_t *program = finish(&b);
      uint64_t memory[6] = {5, 7, 6};
      vyre_frame_t frame = {.control = (uint64_t)(uintptr_t)memory};
      call(program, &frame);
      static const uint64_t expected[] = {4, 8, 6, 5, 7, 6};
      for (unsigned i = 0; i < 6; i++) assert_int_equal(memory[i], expected[i]);
      vyre_program_destroy(&program);
    }
  }
}

static void sixteen_bytes(void **state) {
  (void)state;
  for (unsigned tag = 0; tag < 4; tag++) {
    vyre_builder_t b;
    vyre_builder_init(&b, "raw", "", true);
    static const char *const names[4] = {"a", "b", "c", "d"};
    vyre_var_id_t words[4];
    vyre_build_load16(&b, tag, VYRE_ORDER_ACQUIRE, names, word(&b, 0), words);
    vyre_expr_id_t next[4];
    for (unsigned i = 0; i < 4; i++) next[i] = op2(&b, VYRE_EXPR_ADD, get(&b, words[i]), u32(&b, i));
    vyre_build_prefetch(&b, VYRE_STMT_PREFETCH_WRITE, word(&b, 16));
    vyre_build_prefetch(&b, VYRE_STMT_PREFETCH, word(&b, 16));
    vyre_build_store16(&b, tag, VYRE_ORDER_RELEASE, word(&b, 16), next);
    vyre_build_plain(&b, VYRE_STMT_PAUSE);
    vyre_program_t *program = finish(&b);
    _Alignas(16) uint32_t memory[8] = {10, 20, 30, UINT32_MAX};
    vyre_frame_t frame = {.control = (uint64_t)(uintptr_t)memory};
    call(program, &frame);
    static const uint32_t expected[] = {10, 21, 32, 2};
    for (unsigned i = 0; i < 4; i++) assert_int_equal(memory[4 + i], expected[i]);
    vyre_program_destroy(&program);
  }
}

/* Every length around a few words, from and to every place in one. */
static void copies(void **state) {
  (void)state;
  enum { BYTES = 64, LENGTHS = 35, PLACES = 8 };
  vyre_builder_t b;
  vyre_builder_init(&b, "raw", "", true);
  vyre_expr_id_t place[3];
  for (unsigned i = 0; i < 3; i++)
    place[i] = vyre_build_raw_load(&b, VYRE_TYPE_U64, VYRE_ORDER_RELAXED, word(&b, 8 * i));
  vyre_build_raw_copy(&b, place[0], place[1], place[2]);
  vyre_program_t *program = finish(&b);
  for (unsigned length = 0; length < LENGTHS; length++)
    for (unsigned to = 0; to < PLACES; to++)
      for (unsigned from = 0; from < PLACES; from++) {
        uint8_t target[BYTES], source[BYTES], expected[BYTES];
        for (unsigned i = 0; i < BYTES; i++) {
          source[i] = (uint8_t)(i * 7 + 1);
          target[i] = expected[i] = (uint8_t)~i;
        }
        memcpy(expected + to, source + from, length);
        uint64_t memory[3] = {(uint64_t)(uintptr_t)(target + to), (uint64_t)(uintptr_t)(source + from), length};
        vyre_frame_t frame = {.control = (uint64_t)(uintptr_t)memory};
        call(program, &frame);
        assert_memory_equal(target, expected, BYTES);
      }
  vyre_program_destroy(&program);
}

typedef struct hooked {
  vyre_hooks_t hooks;
  uint32_t pumped_by, slept_by, slept_seen, fences, calls;
  uint64_t slept_word, woken_word;
  vyre_frame_t *called_with;
} hooked_t;

static uint32_t on_pump(vyre_hooks_t *hooks, uint32_t worker) {
  ((hooked_t *)(void *)hooks)->pumped_by = worker;
  return 77;
}
static void on_sleep(vyre_hooks_t *hooks, uint32_t worker, uint64_t address, uint32_t seen) {
  hooked_t *hooked = (hooked_t *)(void *)hooks;
  hooked->slept_by = worker;
  hooked->slept_word = address;
  hooked->slept_seen = seen;
}
static void on_wake(vyre_hooks_t *hooks, uint64_t address) { ((hooked_t *)(void *)hooks)->woken_word = address; }
static uint64_t on_clock(vyre_hooks_t *hooks) {
  (void)hooks;
  return UINT64_C(0x0123456789ABCDEF);
}
static void on_fence(vyre_hooks_t *hooks) { ((hooked_t *)(void *)hooks)->fences++; }
static void on_call(vyre_frame_t *frame, void *context) {
  hooked_t *hooked = context;
  hooked->called_with = frame;
  hooked->calls++;
  frame->fault = VYRE_FAULT_TRAP;
}

static void hooks_are_called(void **state) {
  (void)state;
  hooked_t hooked = {
      .hooks = {.pump = on_pump, .sleep = on_sleep, .wake = on_wake, .heavy_fence = on_fence, .clock = on_clock}};
  const vyre_entry_t handlers[] = {{NULL, NULL}, {NULL, NULL}, {on_call, &hooked}};
  hooked.hooks.handlers = handlers;
  vyre_builder_t b;
  vyre_builder_init(&b, "raw", "", true);
  vyre_build_raw_store(&b, VYRE_TYPE_U32, VYRE_ORDER_RELAXED, word(&b, 0), vyre_build_leaf(&b, VYRE_EXPR_PUMP));
  vyre_build_raw_store(&b, VYRE_TYPE_U32, VYRE_ORDER_RELAXED, word(&b, 4), vyre_build_leaf(&b, VYRE_EXPR_WORKER));
  vyre_build_raw_store(&b, VYRE_TYPE_U64, VYRE_ORDER_RELAXED, word(&b, 8), vyre_build_leaf(&b, VYRE_EXPR_FRAME));
  vyre_build_sleep(&b, word(&b, 4), u32(&b, 123));
  vyre_build_wake(&b, word(&b, 20));
  vyre_build_plain(&b, VYRE_STMT_HEAVY_FENCE);
  vyre_build_call_handler(&b, u32(&b, 2), vyre_build_raw_load(&b, VYRE_TYPE_U64, VYRE_ORDER_RELAXED, word(&b, 16)));
  vyre_build_raw_store(&b, VYRE_TYPE_U64, VYRE_ORDER_RELAXED, word(&b, 24), vyre_build_leaf(&b, VYRE_EXPR_CLOCK));
  vyre_program_t *program = finish(&b);
  vyre_frame_t callee = {0};
  uint64_t memory[4] = {0, 0, (uint64_t)(uintptr_t)&callee, 0};
  vyre_frame_t frame = {
      .control = (uint64_t)(uintptr_t)memory, .hooks = (uint64_t)(uintptr_t)&hooked.hooks, .worker = 3};
  call(program, &frame);
  assert_int_equal(memory[0], 77 | UINT64_C(3) << 32);
  assert_int_equal(memory[1], (uint64_t)(uintptr_t)&frame);
  assert_int_equal(memory[3], UINT64_C(0x0123456789ABCDEF));
  assert_int_equal(hooked.pumped_by, 3);
  assert_int_equal(hooked.slept_by, 3);
  assert_int_equal(hooked.slept_word, (uint64_t)(uintptr_t)memory + 4);
  assert_int_equal(hooked.slept_seen, 123);
  assert_int_equal(hooked.woken_word, (uint64_t)(uintptr_t)memory + 20);
  assert_int_equal(hooked.fences, 1);
  assert_int_equal(hooked.calls, 1);
  assert_ptr_equal(hooked.called_with, &callee);
  assert_int_equal(callee.fault, VYRE_FAULT_TRAP);
  assert_int_equal(frame.fault, VYRE_FAULT_NONE); /* the callee's fault is the callee's */
  vyre_program_destroy(&program);
}

/* Effects stop at the first fault: nothing is stored through an address that could not be computed. */
static void a_fault_comes_before_the_effect(void **state) {
  (void)state;
  vyre_builder_t b;
  vyre_builder_init(&b, "raw", "", true);
  vyre_build_raw_store(&b, VYRE_TYPE_U64, VYRE_ORDER_RELAXED, word(&b, 0), u64(&b, 1));
  vyre_expr_id_t nowhere = bad(&b);
  vyre_build_raw_store(&b, VYRE_TYPE_U64, VYRE_ORDER_RELAXED, word(&b, 8),
                       vyre_build_raw_atomic_add(&b, VYRE_TYPE_U64, VYRE_ORDER_RELAXED, nowhere, u64(&b, 1)));
  vyre_program_t *program = finish(&b);
  uint64_t memory[2] = {0};
  vyre_frame_t frame = {.control = (uint64_t)(uintptr_t)memory};
  call(program, &frame);
  assert_int_equal(frame.fault, VYRE_FAULT_DIVISION);
  assert_int_equal(memory[0], 1);
  assert_int_equal(memory[1], 0);
  vyre_program_destroy(&program);
}

typedef struct thread_call {
  const vyre_program_t *program;
  vyre_frame_t frame;
} thread_call_t;

static void *thread_main(void *context) {
  thread_call_t *c = context;
  call(c->program, &c->frame);
  return NULL;
}

/* The frames of two workers, each with an interpreter of its own, at the same time. */
static void run_two(const vyre_program_t *first, const vyre_program_t *second, void *control) {
  uint32_t stop = 2; /* no one looks at it */
  vyre_frame_t frame = {.control = (uint64_t)(uintptr_t)control, .stop = (uint64_t)(uintptr_t)&stop};
  thread_call_t calls[2] = {{first, frame}, {second, frame}};
  pthread_t threads[2];
  for (unsigned i = 0; i < 2; i++) {
    calls[i].frame.worker = i;
    assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &calls[i]), 0);
  }
  for (unsigned i = 0; i < 2; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(calls[i].frame.fault, VYRE_FAULT_NONE);
  }
}

enum { ROUNDS = 100000 };

/* Word 0 counts by fetch-and-add, word 1 under a lock (word 2) made of compare-exchange. Fuel is 0. */
static void two_workers_on_one_word(void **state) {
  (void)state;
  vyre_builder_t b;
  vyre_builder_init(&b, "raw", "", true);
  vyre_var_id_t old = vyre_build_let(&b, "old", u64(&b, 0), true);
  range(&b, VYRE_STMT_FOR, "i", ROUNDS);
  vyre_build_assign(&b, old, vyre_build_raw_atomic_add(&b, VYRE_TYPE_U64, VYRE_ORDER_RELAXED, word(&b, 0), u64(&b, 1)));
  vyre_build_forever(&b);
  vyre_expr_id_t taken =
      vyre_build_raw_atomic_cas(&b, VYRE_TYPE_U32, VYRE_ORDER_ACQUIRE, word(&b, 16), u32(&b, 0), u32(&b, 1));
  when(&b, VYRE_EXPR_EQ, taken, u32(&b, 0));
  vyre_build_plain(&b, VYRE_STMT_BREAK);
  vyre_build_end(&b);
  vyre_build_plain(&b, VYRE_STMT_PAUSE);
  vyre_build_end(&b);
  vyre_expr_id_t seen = vyre_build_raw_load(&b, VYRE_TYPE_U64, VYRE_ORDER_RELAXED, word(&b, 8));
  vyre_build_raw_store(&b, VYRE_TYPE_U64, VYRE_ORDER_RELAXED, word(&b, 8), op2(&b, VYRE_EXPR_ADD, seen, u64(&b, 1)));
  vyre_build_raw_store(&b, VYRE_TYPE_U32, VYRE_ORDER_RELEASE, word(&b, 16), u32(&b, 0));
  vyre_build_end(&b);
  vyre_program_t *program = finish(&b);
  uint64_t memory[3] = {0};
  run_two(program, program, memory);
  assert_int_equal(memory[0], 2 * ROUNDS);
  assert_int_equal(memory[1], 2 * ROUNDS);
  assert_int_equal(memory[2], 0);
  vyre_program_destroy(&program);
}

/* while raw_load(address) != value { pause } */
static void wait_for(vyre_builder_t *b, uint64_t offset, vyre_var_id_t value) {
  vyre_expr_id_t seen = vyre_build_raw_load(b, VYRE_TYPE_U32, VYRE_ORDER_ACQUIRE, word(b, offset));
  vyre_build_while(b, op2(b, VYRE_EXPR_NE, seen, get(b, value)));
  vyre_build_plain(b, VYRE_STMT_PAUSE);
  vyre_build_end(b);
}

/* The record at 0 carries i in its tag and 3i, 5i, 7i beside it; the word at 16 says which one was read. */
static void a_tag_publishes_its_record(void **state) {
  (void)state;
  enum { TAG = 2, RECORDS = 20000 };
  vyre_builder_t b;
  vyre_builder_init(&b, "writer", "", true);
  vyre_var_id_t i = vyre_build_range(&b, VYRE_STMT_FOR, "i", u32(&b, 1), u32(&b, RECORDS));
  vyre_var_id_t previous = vyre_build_let(&b, "previous", op2(&b, VYRE_EXPR_SUB, get(&b, i), u32(&b, 1)), false);
  wait_for(&b, 16, previous);
  vyre_expr_id_t words[4];
  static const uint32_t factors[4] = {3, 5, 1, 7};
  for (unsigned k = 0; k < 4; k++) words[k] = op2(&b, VYRE_EXPR_MUL, get(&b, i), u32(&b, factors[k]));
  vyre_build_store16(&b, TAG, VYRE_ORDER_RELEASE, word(&b, 0), words);
  vyre_build_end(&b);
  vyre_program_t *writer = finish(&b);

  vyre_builder_init(&b, "reader", "", true);
  vyre_var_id_t wrong = vyre_build_let(&b, "wrong", u32(&b, 0), true);
  i = vyre_build_range(&b, VYRE_STMT_FOR, "i", u32(&b, 1), u32(&b, RECORDS));
  vyre_build_forever(&b);
  static const char *const names[4] = {"three", "five", "tag", "seven"};
  vyre_var_id_t read[4];
  vyre_build_load16(&b, TAG, VYRE_ORDER_ACQUIRE, names, word(&b, 0), read);
  when(&b, VYRE_EXPR_EQ, get(&b, read[TAG]), get(&b, i));
  for (unsigned k = 0; k < 4; k++) {
    when(&b, VYRE_EXPR_NE, get(&b, read[k]), op2(&b, VYRE_EXPR_MUL, get(&b, i), u32(&b, factors[k])));
    vyre_build_assign(&b, wrong, op2(&b, VYRE_EXPR_ADD, get(&b, wrong), u32(&b, 1)));
    vyre_build_end(&b);
  }
  vyre_build_plain(&b, VYRE_STMT_BREAK);
  vyre_build_end(&b);
  vyre_build_end(&b);
  vyre_build_raw_store(&b, VYRE_TYPE_U32, VYRE_ORDER_RELEASE, word(&b, 16), get(&b, i));
  vyre_build_end(&b);
  vyre_build_raw_store(&b, VYRE_TYPE_U32, VYRE_ORDER_RELAXED, word(&b, 20), get(&b, wrong));
  vyre_program_t *reader = finish(&b);

  _Alignas(16) uint32_t memory[6] = {0, 0, 0, 0, 0, UINT32_MAX};
  run_two(writer, reader, memory);
  assert_int_equal(memory[4], RECORDS - 1);
  assert_int_equal(memory[5], 0);
  vyre_program_destroy(&writer);
  vyre_program_destroy(&reader);
}

/* Two workers, one interpreter, one output block: additions are atomic. */
typedef struct adder {
  vyre_interp_t *interp;
  vyre_frame_t frame;
} adder_t;

static void *adder_main(void *context) {
  adder_t *adder = context;
  for (unsigned i = 0; i < 2000; i++) vyre_interp_call(&adder->frame, adder->interp);
  return NULL;
}

static void workers_share_an_interpreter(void **state) {
  (void)state;
  fixture_t f;
  fixture_open(&f, VYRE_TYPE_U8);
  vyre_builder_t *b = &f.builder;
  vyre_param_id_t table = vyre_build_output(b, "table", VYRE_TYPE_U32, 2, VYRE_REDUCER_SUM);
  vyre_var_id_t i = vyre_build_range(b, VYRE_STMT_FOREACH, "i", u64(b, 0), vyre_build_len(b, f.data));
  vyre_var_id_t x = vyre_build_let(b, "x", vyre_build_load(b, f.data, get(b, i)), false);
  add_sum(&f, get(b, x));
  vyre_build_reduce_at(b, table, get(b, x), u32(b, 1));
  vyre_build_end(b);
  fixture_finish(&f);
  vyre_layout_t layout;
  vyre_program_layout(f.program, &layout);
  assert_true(layout.output_bytes <= 64 && layout.scratch_bytes <= 1024);
  _Alignas(64) uint8_t output[64] = {0}, scratch[2][1024], data[2][5] = {{0, 0, 0, 0, 0}, {1, 1, 1, 1, 1}};
  uint32_t stop = 0;
  vyre_interp_t *interp = NULL;
  assert_null(vyre_interp_create(f.program, &interp));
  adder_t adders[2];
  pthread_t threads[2];
  for (unsigned k = 0; k < 2; k++) {
    adders[k] = (adder_t){interp,
                          {.data = (uint64_t)(uintptr_t)data[k],
                           .data_bytes = 5,
                           .output = (uint64_t)(uintptr_t)output,
                           .scratch = (uint64_t)(uintptr_t)scratch[k],
                           .fuel = 5,
                           .stop = (uint64_t)(uintptr_t)&stop}};
    assert_int_equal(pthread_create(&threads[k], NULL, adder_main, &adders[k]), 0);
  }
  for (unsigned k = 0; k < 2; k++) assert_int_equal(pthread_join(threads[k], NULL), 0);
  f.result = (run_result_t){.outputs = output, .output_bytes = layout.output_bytes};
  assert_int_equal(run_result_output(f.program, &f.result, "sum", 0), 10000);
  assert_int_equal(run_result_output(f.program, &f.result, "table", 0), 10000);
  assert_int_equal(run_result_output(f.program, &f.result, "table", 1), 10000);
  f.result = (run_result_t){0};
  vyre_interp_destroy(interp);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loads_and_stores_of_each_width),
      cmocka_unit_test(atomics_give_the_old_value),
      cmocka_unit_test(sixteen_bytes),
      cmocka_unit_test(copies),
      cmocka_unit_test(hooks_are_called),
      cmocka_unit_test(a_fault_comes_before_the_effect),
      cmocka_unit_test(two_workers_on_one_word),
      cmocka_unit_test(a_tag_publishes_its_record),
      cmocka_unit_test(workers_share_an_interpreter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
