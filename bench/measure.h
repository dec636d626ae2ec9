/* What the benchmarks share: time, medians, and one line per figure that people and scripts can read.
 *
 * A figure is printed as `NAME = VALUE UNIT (min .. max of N)`; a ratio names both sides. A benchmark checks its
 * answers and ends with status 1 when one is wrong. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double bench_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline int bench_compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts the values. */
static inline double bench_quantile(double *values, size_t count, double q) {
  qsort(values, count, sizeof *values, bench_compare);
  size_t at = (size_t)(q * (double)(count - 1) + 0.5);
  return values[at];
}

static inline double bench_median(double *values, size_t count) { return bench_quantile(values, count, 0.5); }

/* Prints and gives the median. */
static inline double bench_report(const char *name, const char *unit, double *values, size_t count) {
  double median = bench_median(values, count);
  printf("%-44s = %10.3f %s (%.3f .. %.3f of %zu)\n", name, median, unit, values[0], values[count - 1], count);
  fflush(stdout);
  return median;
}

static inline void bench_ratio(const char *name, double value, const char *wanted) {
  printf("%-44s = %10.3f (asked: %s)\n", name, value, wanted);
  fflush(stdout);
}

_Noreturn static inline void bench_wrong(const char *what) {
  fprintf(stderr, "bench: wrong answer: %s\n", what);
  exit(1);
}

#endif
