/* Percentiles and medians of known values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bench/quantile.h"

static void one_value_is_every_quantile(void **state) {
  (void)state;
  const double one[] = {7};
  assert_float_equal(vyre_bench_quantile(one, 1, 0), 7, 0);
  assert_float_equal(vyre_bench_quantile(one, 1, 0.5), 7, 0);
  assert_float_equal(vyre_bench_quantile(one, 1, 1), 7, 0);
}

static void medians(void **state) {
  (void)state;
  double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 100};
  vyre_bench_sort(odd, 3);
  vyre_bench_sort(even, 4);
  assert_float_equal(odd[0], 1, 0);
  assert_float_equal(odd[2], 9, 0);
  assert_float_equal(vyre_bench_quantile(odd, 3, 0.5), 5, 0);
  assert_float_equal(vyre_bench_quantile(even, 4, 0.5), 3.5, 0);
}

/* 0, 1, .., 1000: the q-quantile is 1000 q. */
static void percentiles(void **state) {
  (void)state;
  double values[1001];
  for (int i = 0; i <= 1000; i++) values[(i * 8) % 1001] = i;
  vyre_bench_sort(values, 1001);
  for (int i = 0; i <= 1000; i++) assert_float_equal(values[i], i, 0);
  assert_float_equal(vyre_bench_quantile(values, 1001, 0), 0, 0);
  assert_float_equal(vyre_bench_quantile(values, 1001, 0.5), 500, 1e-9);
  assert_float_equal(vyre_bench_quantile(values, 1001, 0.99), 990, 1e-9);
  assert_float_equal(vyre_bench_quantile(values, 1001, 0.0005), 0.5, 1e-9);
  assert_float_equal(vyre_bench_quantile(values, 1001, 1), 1000, 0);
}

static void negative_and_equal_values(void **state) {
  (void)state;
  double values[] = {2, -3, 2, -1, 2};
  vyre_bench_sort(values, 5);
  assert_float_equal(values[0], -3, 0);
  assert_float_equal(values[1], -1, 0);
  assert_float_equal(vyre_bench_quantile(values, 5, 0.5), 2, 0);
  assert_float_equal(vyre_bench_quantile(values, 5, 0.125), -2, 1e-9);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_value_is_every_quantile), cmocka_unit_test(medians),
                                     cmocka_unit_test(percentiles), cmocka_unit_test(negative_and_equal_values)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
