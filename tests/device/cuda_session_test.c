/* Sessions of a GPU on the fake driver: slots, a kernel that is lost, one that does not stop, swaps that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "device/cuda_fixture.h"
#include "megakernel/session.h"
#include "support/child.h"

#define SECOND VYRE_NS_PER_S
#define SHORT (SECOND / 5) /* for what does not end */

static void slots_complete(void **state) {
  (void)state;
  cuda_fixture_t f;
  fake_cuda_steer("");
  ok(cuda_fixture_open(&f));
  assert_string_equal(vyre_device_info(f.device).target, "sm_90");
  assert_int_equal(vyre_device_info(f.device).workers_default, 3);
  assert_int_equal(f.words[100], 0);
  for (uint32_t i = 0; i < 100; i++) { /* several times round the ring */
    assert_int_equal(cuda_fixture_run(&f, cuda_slot_store(&f, 4 * i, 1000 + i)).state, VYRE_SLOT_DONE);
    assert_int_equal(cuda_fixture_run(&f, cuda_slot_load(&f, 4 * i)).result[0], 1000 + i);
    assert_int_equal(f.words[i], 1000 + i);
  }
  assert_int_equal(cuda_fixture_run(&f, cuda_slot_load(&f, 2)).state, VYRE_SLOT_FAULT);
  ok(vyre_session_window_remove(f.session, f.window));
  assert_int_equal(cuda_fixture_run(&f, cuda_slot_load(&f, 0)).state, VYRE_SLOT_FAULT);
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

static void a_shutdown_slot_ends_it(void **state) {
  (void)state;
  cuda_fixture_t f;
  fake_cuda_steer("");
  ok(cuda_fixture_open(&f));
  assert_int_equal(cuda_fixture_run(&f, (vyre_slot_t){.opcode = VYRE_OP_SHUTDOWN}).state, VYRE_SLOT_DONE);
  assert_int_equal(cuda_fixture_run(&f, (vyre_slot_t){.opcode = VYRE_OP_NOP}).state, VYRE_SLOT_FAULT);
  expect(vyre_session_swap(f.session, SECOND), VYRE_E_STOPPED);
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

static void windows_of_the_caller(void **state) {
  (void)state;
  static uint32_t memory[4096];
  cuda_fixture_t f;
  uint32_t handle;
  fake_cuda_steer("");
  ok(cuda_fixture_open(&f));
  memory[101] = 77;
  ok(vyre_session_window_bind(f.session, memory + 100, 64, &handle));
  vyre_slot_t slot = {.opcode = VYRE_OP_LOAD_U32, .arg = {handle, 4}};
  assert_int_equal(cuda_fixture_run(&f, slot).result[0], 77);
  ok(vyre_session_window_remove(f.session, handle));
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

/* ---- one at a time ---- */

static void a_second_session_is_refused(void **state) {
  (void)state;
  cuda_fixture_t f;
  vyre_session_t *second;
  fake_cuda_steer("");
  ok(cuda_fixture_open(&f));
  ok(vyre_session_create(f.device, &(vyre_session_params_t){.workers = 2}, &second));
  cuda_expect(vyre_session_start(second), VYRE_E_DEVICE_LIMIT,
              "a session runs on cuda:0 already|Fix: Stop and destroy");
  vyre_session_destroy(&second);
  cuda_fixture_t again; /* the same GPU, opened once more */
  cuda_expect(cuda_fixture_open(&again), VYRE_E_DEVICE_LIMIT, "a session runs on cuda:0 already|Fix: Stop and destroy");
  cuda_fixture_close(&again);
  assert_int_equal(cuda_fixture_run(&f, cuda_slot_store(&f, 0, 5)).state, VYRE_SLOT_DONE);
  ok(vyre_session_stop(f.session, SECOND));
  vyre_session_destroy(&f.session);
  ok(cuda_fixture_start(&f)); /* and now there is room */
  assert_int_equal(cuda_fixture_run(&f, cuda_slot_store(&f, 0, 6)).state, VYRE_SLOT_DONE);
  cuda_fixture_close(&f);
  assert_int_equal(fake_cuda_look().alive, 0);
}

static void more_workers_than_fit_are_refused(void **state) {
  (void)state;
  cuda_fixture_t f = {0};
  fake_cuda_steer("multiprocessors=2,blocks=1");
  cuda_expect(cuda_fixture_open(&f), VYRE_E_DEVICE_LIMIT,
              "3 workers and the dispatcher; 2 blocks|Fix: Lower the number");
  assert_int_equal(fake_cuda_look().launches, 0);
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

/* ---- a kernel that is lost ---- */

static void expect_lost(cuda_fixture_t *f) {
  cuda_expect(vyre_session_stop(f->session, SECOND), VYRE_E_DRIVER,
              "gives 700|CUDA_ERROR_ILLEGAL_ADDRESS|while running the megakernel on cuda:0|Fix: Look");
  ok(vyre_session_stop(f->session, SECOND)); /* it has been told */
  vyre_ticket_t ticket;
  expect(vyre_session_submit(f->session, &(vyre_slot_t){0}, 0, &ticket), VYRE_E_STOPPED);
  cuda_fixture_close(f);
  assert_int_equal(fake_cuda_look().alive, 0);
  fake_cuda_steer("");
  ok(cuda_fixture_open(f));
  assert_int_equal(cuda_fixture_run(f, cuda_slot_store(f, 8, 9)).state, VYRE_SLOT_DONE);
  uint32_t count;
  expect(vyre_session_unfinished(f->session, NULL, 0, &count), VYRE_E_STATE);
  ok(vyre_session_stop(f->session, SECOND));
  ok(vyre_session_unfinished(f->session, NULL, 0, &count));
  assert_int_equal(count, 0);
  cuda_fixture_close(f);
  cuda_expect_nothing_left();
}

static void tickets_of_a_lost_kernel_are_cancelled(void **state) {
  (void)state;
  cuda_fixture_t f;
  vyre_ticket_t tickets[5];
  vyre_completion_t c;
  bool done = false;
  fake_cuda_steer("kernel=crashes@2");
  ok(cuda_fixture_open(&f));
  vyre_slot_t nop = {.opcode = VYRE_OP_NOP};
  for (int i = 0; i < 5; i++) ok(vyre_session_submit(f.session, &nop, 0, &tickets[i]));
  for (int i = 0; i < 2; i++) {
    ok(vyre_session_wait(f.session, tickets[i], SECOND, &c));
    assert_int_equal(c.state, VYRE_SLOT_DONE);
  }
  /* Who only polls hears of it, too. */
  uint64_t deadline_ns = vyre_clock_deadline_ns(2 * SECOND);
  while (!done && vyre_clock_ns() < deadline_ns) ok(vyre_session_poll(f.session, tickets[2], &done, &c));
  assert_true(done);
  assert_int_equal(c.state, VYRE_SLOT_FAULT);
  expect(vyre_completion_status(f.session, VYRE_OP_NOP, &c), VYRE_E_STOPPED);
  ok(vyre_session_drain(f.session, SECOND));
  /* What is left to be submitted elsewhere: all that was not read, in order, whatever the room for it. */
  vyre_ticket_t left[4];
  uint32_t left_count;
  ok(vyre_session_unfinished(f.session, left, 4, &left_count));
  assert_int_equal(left_count, 2);
  for (uint32_t i = 0; i < 2; i++) {
    assert_int_equal(left[i].number, tickets[3 + i].number);
    assert_int_equal(left[i].cell, tickets[3 + i].cell);
  }
  left[1].number = 0;
  ok(vyre_session_unfinished(f.session, left, 1, &left_count));
  assert_int_equal(left_count, 2);
  assert_int_equal(left[1].number, 0);
  for (int i = 3; i < 5; i++) {
    ok(vyre_session_wait(f.session, tickets[i], SECOND, &c));
    assert_int_equal(c.state, VYRE_SLOT_FAULT);
  }
  ok(vyre_session_unfinished(f.session, NULL, 0, &left_count));
  assert_int_equal(left_count, 0);
  expect(vyre_session_swap(f.session, SECOND), VYRE_E_STOPPED);
  ok(vyre_session_window_remove(f.session, f.window));
  expect_lost(&f);
}

/* The slot has completed, and yet the ring is not told that it was taken: whoever comes round waits for that. */
static void publishers_outlive_a_lost_kernel(void **state) {
  (void)state;
  cuda_fixture_t f;
  vyre_completion_t c;
  fake_cuda_steer("kernel=crashes@3");
  ok(cuda_fixture_open(&f));
  vyre_slot_t nop = {.opcode = VYRE_OP_NOP};
  vyre_ticket_t tickets[3 + 16];
  for (uint32_t i = 0; i < 3; i++) assert_int_equal(cuda_fixture_run(&f, nop).state, VYRE_SLOT_DONE);
  /* All 16 cells are free: the last of these slots lies where the third was. */
  for (uint32_t i = 3; i < 3 + 16; i++) ok(vyre_session_submit(f.session, &nop, 0, &tickets[i]));
  for (uint32_t i = 3; i < 3 + 16; i++) {
    ok(vyre_session_wait(f.session, tickets[i], SECOND, &c));
    assert_int_equal(c.state, VYRE_SLOT_FAULT);
  }
  expect_lost(&f);
}

static void a_kernel_that_is_lost_at_once(void **state) {
  (void)state;
  cuda_fixture_t f = {0};
  fake_cuda_steer("kernel=crashes");
  vyre_status_t status = cuda_fixture_open(&f); /* the window may come after the loss */
  vyre_status_destroy(&status);
  expect_lost(&f);
}

/* ---- a kernel that does not stop ---- */

static void a_kernel_that_does_not_stop(void **state) {
  (void)state;
  cuda_fixture_t f;
  fake_cuda_steer("kernel=never-ends");
  ok(cuda_fixture_open(&f));
  assert_int_equal(cuda_fixture_run(&f, cuda_slot_store(&f, 0, 1)).state, VYRE_SLOT_DONE);
  uint64_t begin_ns = vyre_clock_ns();
  cuda_expect(vyre_session_stop(f.session, SHORT), VYRE_E_DEVICE_STUCK,
              "worker 0: |in the loop|worker 3: |Fix: Wait longer");
  assert_in_range(vyre_clock_ns() - begin_ns, SHORT, SHORT + SECOND);
  vyre_ticket_t ticket;
  expect(vyre_session_submit(f.session, &(vyre_slot_t){0}, SHORT, &ticket), VYRE_E_STOPPED);
  fake_cuda_steer(""); /* it was slow, no more */
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

/* A kernel that runs a slot is looked at on every device; one that does nothing can only be a GPU's. */
static void a_kernel_that_hangs(void **state) {
  (void)state;
  cuda_fixture_t f;
  fake_cuda_steer("");
  ok(cuda_fixture_open(&f));
  for (int look = 0; look < 20; look++) { /* idle, but alive: no looks are too close */
    ok(vyre_session_check(f.session, 0));
    vyre_sleep_ns(SHORT / 20);
  }
  fake_cuda_steer("kernel=hangs");
  vyre_status_t status = NULL;
  uint64_t begin_ns = vyre_clock_ns();
  while (!status && vyre_clock_ns() - begin_ns < 5 * SECOND) {
    status = vyre_session_check(f.session, 0);
    vyre_sleep_ns(SHORT / 20);
  }
  assert_true(vyre_clock_ns() - begin_ns >= 200 * VYRE_NS_PER_MS);
  cuda_expect(status, VYRE_E_DEVICE_STUCK, "the dispatcher has made no round for at least |Fix: Stop the session");
  fake_cuda_steer("");
  vyre_sleep_ns(SHORT);
  ok(vyre_session_check(f.session, 0)); /* it goes on */
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

static void a_kernel_that_is_lost_after_all(void **state) {
  (void)state;
  cuda_fixture_t f;
  fake_cuda_steer("kernel=never-ends");
  ok(cuda_fixture_open(&f));
  expect(vyre_session_stop(f.session, SHORT), VYRE_E_DEVICE_STUCK);
  fake_cuda_steer("kernel=crashes");
  expect_lost(&f);
}

typedef struct left {
  vyre_code_t code;
  bool has_destroyed, has_opened;
} left_t;

static void leave_it(void *report, uint64_t argument) {
  (void)argument;
  left_t *left = report;
  cuda_fixture_t f;
  fake_cuda_steer("kernel=never-ends");
  vyre_status_t status = cuda_fixture_open(&f);
  if (!status) status = vyre_session_stop(f.session, SHORT);
  left->code = vyre_status_code(status);
  vyre_status_destroy(&status);
  cuda_fixture_close(&f); /* takes nothing from under the kernel: the driver would end the process */
  left->has_destroyed = true;
  status = vyre_device_open("cuda:0", &f.device);
  left->has_opened = !status;
}

static void a_process_leaves_a_stuck_kernel_behind(void **state) {
  (void)state;
  left_t left;
  uint64_t begin_ns = vyre_clock_ns();
  assert_true(child_run(leave_it, 0, &left, sizeof left));
  assert_int_equal(left.code, VYRE_E_DEVICE_STUCK);
  assert_true(left.has_destroyed);
  assert_true(left.has_opened);
  assert_true(vyre_clock_ns() - begin_ns < 10 * SECOND);
}

/* ---- swaps ---- */

static void a_swap(void **state) {
  (void)state;
  cuda_fixture_t f;
  fake_cuda_steer("");
  ok(cuda_fixture_open(&f));
  for (uint32_t i = 0; i < 5; i++) {
    assert_int_equal(cuda_fixture_run(&f, cuda_slot_store(&f, 4 * i, i)).state, VYRE_SLOT_DONE);
    ok(vyre_session_swap(f.session, SECOND));
  }
  assert_int_equal(cuda_fixture_run(&f, cuda_slot_load(&f, 8)).result[0], 2);
  assert_int_equal(vyre_session_stats(f.session).launches, 6);
  assert_int_equal(vyre_session_stats(f.session).swaps, 5);
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

static void a_park_without_an_answer(void **state) {
  (void)state;
  cuda_fixture_t f;
  fake_cuda_steer("kernel=deaf");
  ok(cuda_fixture_open(&f));
  uint64_t begin_ns = vyre_clock_ns();
  cuda_expect(vyre_session_swap(f.session, SHORT), VYRE_E_DEVICE_STUCK, "worker 0: |Fix: Wait longer");
  assert_true(vyre_clock_ns() - begin_ns < SHORT + SECOND);
  vyre_ticket_t ticket;
  expect(vyre_session_submit(f.session, &(vyre_slot_t){0}, 0, &ticket), VYRE_E_STOPPED);
  expect(vyre_session_swap(f.session, SHORT), VYRE_E_STATE);
  ok(vyre_session_stop(f.session, SECOND)); /* deaf to the one word, not to the other */
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

/* `refusal` comes after the kernel has parked: there is none to go on with. */
static void expect_dead_after_swap(const char *refusal, vyre_code_t code, const char *words) {
  cuda_fixture_t f;
  fake_cuda_steer("");
  ok(cuda_fixture_open(&f));
  vyre_ticket_t ticket;
  vyre_completion_t c;
  assert_int_equal(cuda_fixture_run(&f, cuda_slot_store(&f, 4, 1)).state, VYRE_SLOT_DONE);
  fake_cuda_steer(refusal);
  cuda_expect(vyre_session_swap(f.session, SECOND), code, words);
  vyre_slot_t slot = cuda_slot_load(&f, 4);
  vyre_status_t status = vyre_session_submit(f.session, &slot, 0, &ticket);
  if (!status) {
    ok(vyre_session_wait(f.session, ticket, SECOND, &c));
    assert_int_equal(c.state, VYRE_SLOT_FAULT);
  } else
    expect(status, VYRE_E_STOPPED);
  expect(vyre_session_swap(f.session, SECOND), VYRE_E_STOPPED);
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

static void a_swap_that_cannot_launch(void **state) {
  (void)state;
  expect_dead_after_swap("fail=cuModuleLoadData:209", VYRE_E_DRIVER,
                         "cuModuleLoadData gives 209|while launching the megakernel on cuda:0 again");
  expect_dead_after_swap("fail=cuLaunchKernel:701", VYRE_E_DRIVER, "cuLaunchKernel gives 701");
  expect_dead_after_swap("fail=cuModuleLoadData:2", VYRE_E_DEVICE_MEMORY, "MiB are free|Fix: Close other programs");
}

static void a_swap_that_is_not_linked_changes_nothing(void **state) {
  (void)state;
  cuda_fixture_t f;
  fake_cuda_steer("");
  ok(cuda_fixture_open(&f));
  fake_cuda_steer("ptx=refused");
  cuda_expect(vyre_session_swap(f.session, SECOND), VYRE_E_COMPILER,
              "this text is refused|linking the megakernel for sm_90");
  assert_int_equal(cuda_fixture_run(&f, cuda_slot_store(&f, 4, 1)).state, VYRE_SLOT_DONE);
  fake_cuda_steer("");
  ok(vyre_session_swap(f.session, SECOND));
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_process_leaves_a_stuck_kernel_behind), /* first: it forks */
      cmocka_unit_test(slots_complete),
      cmocka_unit_test(a_shutdown_slot_ends_it),
      cmocka_unit_test(windows_of_the_caller),
      cmocka_unit_test(a_second_session_is_refused),
      cmocka_unit_test(more_workers_than_fit_are_refused),
      cmocka_unit_test(tickets_of_a_lost_kernel_are_cancelled),
      cmocka_unit_test(publishers_outlive_a_lost_kernel),
      cmocka_unit_test(a_kernel_that_is_lost_at_once),
      cmocka_unit_test(a_kernel_that_does_not_stop),
      cmocka_unit_test(a_kernel_that_hangs),
      cmocka_unit_test(a_kernel_that_is_lost_after_all),
      cmocka_unit_test(a_swap),
      cmocka_unit_test(a_park_without_an_answer),
      cmocka_unit_test(a_swap_that_cannot_launch),
      cmocka_unit_test(a_swap_that_is_not_linked_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
