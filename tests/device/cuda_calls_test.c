/* Every call to the driver fails in turn: the error names it, nothing is left behind, nobody waits for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "device/cuda_fixture.h"
#include "megakernel/session.h"

enum { CALLS_MIN = 60, CALLS_MAX = 400, QUERIES = 8 };
#define SECOND VYRE_NS_PER_S
#define STOP_NS (SECOND / 5)

typedef struct life {
  cuda_fixture_t f;
  vyre_status_t status;    /* the first error */
  uint32_t calls_reported; /* calls made when all had been done that can report an error */
} life_t;

/* One slot; VYRE_E_STOPPED when it was cancelled. */
static vyre_status_t run_slot(life_t *life, vyre_slot_t slot) {
  vyre_ticket_t ticket;
  vyre_completion_t completion;
  VYRE_TRY(vyre_session_submit(life->f.session, &slot, SECOND, &ticket));
  VYRE_TRY(vyre_session_wait(life->f.session, ticket, SECOND, &completion));
  return vyre_completion_status(life->f.session, slot.opcode, &completion);
}

static vyre_status_t use(life_t *life) {
  static uint32_t memory[1024];
  cuda_fixture_t *f = &life->f;
  uint32_t bound;
  VYRE_TRY(cuda_fixture_open(f));
  VYRE_TRY(run_slot(life, cuda_slot_store(f, 8, 3)));
  VYRE_TRY(vyre_session_window_bind(f->session, memory, sizeof memory, &bound));
  VYRE_TRY(vyre_session_swap(f->session, STOP_NS));
  VYRE_TRY(run_slot(life, cuda_slot_load(f, 8)));
  VYRE_TRY(vyre_session_window_remove(f->session, bound));
  VYRE_TRY(vyre_session_window_remove(f->session, f->window));
  return vyre_session_stop(f->session, STOP_NS);
}

static void live(life_t *life, const char *steer) {
  *life = (life_t){0};
  fake_cuda_steer(steer);
  life->status = use(life);
  /* A slot that was cancelled does not know why: the stop tells. */
  if (vyre_status_code(life->status) == VYRE_E_STOPPED) {
    vyre_status_t stopped = vyre_session_stop(life->f.session, STOP_NS);
    if (stopped) {
      vyre_status_destroy(&life->status);
      life->status = stopped;
    }
  }
  life->calls_reported = fake_cuda_look().calls;
  cuda_fixture_close(&life->f);
  assert_int_equal(fake_cuda_look().alive, 0);
}

/* What gives something back reports nothing: there is nothing that could be done. The same goes for entering a context
 * in order to give something back. */
static bool is_silent(const char *call) {
  static const char *const silent[] = {"cuMemFreeHost",    "cuMemHostUnregister", "cuMemUnmap",      "cuMemRelease",
                                       "cuMemAddressFree", "cuModuleUnload",      "cuStreamDestroy", "cuCtxDestroy"};
  for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
    if (strcmp(silent[i], call) == 0) return true;
  return false;
}

static void expect_told(life_t *life, uint32_t call, const char *failed, uint32_t *out_silent_enters) {
  char text[4000], gives[100];
  vyre_status_format(life->status, text, sizeof text);
  snprintf(gives, sizeof gives, "%s gives 719", failed);
  bool told = life->status && strstr(text, gives) && strstr(text, "Fix: ");
  if (!life->status && strcmp(failed, "cuCtxPushCurrent") == 0 && call <= life->calls_reported)
    ++*out_silent_enters;
  else if (!told && !is_silent(failed) && call <= life->calls_reported)
    fail_msg("call %u, %s: %s", call, failed, text);
  vyre_status_destroy(&life->status);
}

static void every_call_that_fails_is_told(void **state) {
  (void)state;
  uint32_t call = 0, silent_enters = 0;
  for (;;) {
    life_t life;
    char steer[40];
    snprintf(steer, sizeof steer, "fail=*:719@%u", ++call);
    uint64_t begin_ns = vyre_clock_ns();
    live(&life, steer);
    assert_true(vyre_clock_ns() - begin_ns < 5 * SECOND);
    const char *failed = fake_cuda_look().failed;
    if (!failed) {
      ok(life.status);
      break;
    }
    expect_told(&life, call, failed, &silent_enters);
    assert_true(call < CALLS_MAX);
  }
  assert_in_range(call, CALLS_MIN, CALLS_MAX); /* so many there are: a life that ends early would show little */
  assert_int_equal(silent_enters, 2);          /* the two windows that are removed */
  cuda_expect_nothing_left();                  /* by the life without a failure */
}

/* And from that call on, all of them: a driver that is gone. */
static void a_driver_that_goes_away(void **state) {
  (void)state;
  uint32_t calls = 0;
  life_t life;
  live(&life, "");
  ok(life.status);
  calls = fake_cuda_look().calls;
  assert_in_range(calls, CALLS_MIN, CALLS_MAX);
  for (uint32_t call = 1; call <= life.calls_reported; call += 3) {
    char steer[64];
    snprintf(steer, sizeof steer, "fail=*:719@%u+,fail=cuStreamQuery:719@1+", call);
    fake_cuda_steer("");
    live(&life, steer);
    assert_non_null(life.status);
    vyre_status_destroy(&life.status);
  }
}

/* How often it is asked depends on the time, so that not every number is reached. Its context is lost with it: a call
 * that comes in between tells that first. */
static void a_query_that_fails_is_told(void **state) {
  (void)state;
  uint32_t told = 0;
  for (uint32_t query = 1; query <= QUERIES; query++) {
    life_t life;
    char steer[40], text[4000];
    snprintf(steer, sizeof steer, "fail=cuStreamQuery:719@%u", query);
    live(&life, steer);
    if (fake_cuda_look().failed) {
      vyre_status_format(life.status, text, sizeof text);
      if (!strstr(text, " gives 719")) fail_msg("query %u: %s", query, text);
      told++;
    }
    vyre_status_destroy(&life.status);
  }
  assert_true(told > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_call_that_fails_is_told),
      cmocka_unit_test(a_query_that_fails_is_told),
      cmocka_unit_test(a_driver_that_goes_away),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
