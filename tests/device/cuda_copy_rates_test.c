/* Copies measured on the fake driver, and the chunk that streams take after them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vyre/stream.h>

#include "device/copy_rates.h"
#include "device/cuda_fixture.h"
#include "stream/plan.h"

enum { CALLS_MIN = 30, CALLS_MAX = 2000 };

static void the_smallest_that_is_fast_enough(void **state) {
  (void)state;
  static const struct {
    double rate[VYRE_COPY_SIZES];
    uint32_t bytes;
  } cases[] = {{{36.4, 48.3, 51.9, 54.0, 55.0}, 4 << 20}, /* 0.982; 2 MiB have 0.944 */
               {{36.4, 48.3, 52.3, 54.0, 55.0}, 2 << 20},
               {{10, 10, 10, 10, 10}, 256 << 10},
               {{1, 2, 3, 4, 5}, 8 << 20},
               {{5, 4, 3, 2, 1}, 256 << 10},
               {{9.4, 9.5, 10, 2, 1}, 1 << 20}};
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    vyre_copy_rates_t rates = {.bytes = {256 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20}};
    memcpy(rates.rate, cases[i].rate, sizeof rates.rate);
    assert_int_equal(vyre_copy_rates_plan(&rates), cases[i].bytes);
  }
}

static void a_plan_follows_them(void **state) {
  (void)state;
  static const char *const path = "/dev/null";
  vyre_device_t *device;
  fake_cuda_steer("");
  ok(vyre_device_open("cuda:0", &device));
  device->copy_rates = (vyre_copy_rates_t){{256 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20}, {1, 2, 3, 10, 10}};
  static const struct {
    vyre_stream_params_t params;
    vyre_stream_plan_t plan;
  } cases[] = {{{.paths = &path}, {4 << 20, 32}},
               {{.paths = &path, .chunk_bytes = 1 << 20}, {1 << 20, 64}},
               {{.paths = &path, .chunk_bytes = 64 << 20}, {64 << 20, 2}},
               {{.paths = &path, .depth = 5}, {4 << 20, 5}},
               {{.paths = &path, .chunk_bytes = 8192, .depth = 3}, {8192, 3}}};
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    vyre_stream_plan_t plan;
    ok(vyre_stream_plan(device, &cases[i].params, 1, &plan));
    /* Where little may be locked it is less, but never of what was asked for. */
    assert_true(plan.chunk_bytes <= cases[i].plan.chunk_bytes && plan.depth <= cases[i].plan.depth);
    if (cases[i].params.chunk_bytes) assert_int_equal(plan.chunk_bytes, cases[i].plan.chunk_bytes);
    if (cases[i].params.depth) assert_int_equal(plan.depth, cases[i].plan.depth);
    if (geteuid() == 0) assert_memory_equal(&plan, &cases[i].plan, sizeof plan);
  }
  vyre_device_close(&device);
  cuda_expect_nothing_left();
}

static void every_call_that_fails_is_told(void **state) {
  (void)state;
  uint32_t call = 1, told = 0;
  for (;; call++) {
    assert_true(call < CALLS_MAX);
    vyre_device_t *device;
    vyre_copy_rates_t rates;
    char steer[40], text[4000], gives[100];
    fake_cuda_steer("");
    ok(vyre_device_open("cuda:0", &device));
    snprintf(steer, sizeof steer, "fail=*:719@%u", call);
    fake_cuda_steer(steer);
    vyre_status_t status = vyre_copy_rates(device, &rates);
    const char *failed = fake_cuda_look().failed;
    vyre_status_format(status, text, sizeof text);
    snprintf(gives, sizeof gives, "%s gives 719", failed ? failed : "");
    if (status && !strstr(text, gives)) fail_msg("call %u, %s: %s", call, failed, text);
    told += status != NULL;
    if (!status) { /* what is given back says nothing, and counts no more */
      assert_true(rates.bytes[0] > 0 && rates.rate[0] > 0);
      uint32_t before = fake_cuda_look().calls;
      ok(vyre_copy_rates(device, &rates));
      assert_int_equal(fake_cuda_look().calls, before);
    }
    vyre_status_destroy(&status);
    vyre_device_close(&device);
    assert_int_equal(fake_cuda_look().alive, 0);
    if (!failed) break;
  }
  assert_in_range(told, CALLS_MIN, CALLS_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_smallest_that_is_fast_enough),
                                     cmocka_unit_test(a_plan_follows_them),
                                     cmocka_unit_test(every_call_that_fails_is_told)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
