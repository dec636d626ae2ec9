/* What the benchmarks share: time, medians, and one line per figure that people and scripts can read.
 *
 * A figure is printed as `NAME = VALUE UNIT (min .. max of N)`; where something was asked of it, `, asked: at least X:
 * reached` follows. A ratio names both sides and is the median of the ratios of the rounds: in a round both sides ran
 * one after the other. A benchmark checks its answers and ends with status 1 when one is wrong. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_ROUNDS_MAX = 64 };

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

_Noreturn static inline void bench_wrong(const char *what) {
  fprintf(stderr, "bench: wrong answer: %s\n", what);
  exit(1);
}

/* Without an end of line. The values keep their order, so that ratios of rounds can follow. */
static inline double bench_print(const char *name, const char *unit, const double *values, size_t count) {
  double sorted[BENCH_ROUNDS_MAX];
  if (count == 0 || count > BENCH_ROUNDS_MAX) bench_wrong("number of rounds");
  memcpy(sorted, values, count * sizeof *values);
  double median = bench_median(sorted, count);
  printf("%-52s = %9.3f %s (%.3f .. %.3f of %zu)", name, median, unit, sorted[0], sorted[count - 1], count);
  return median;
}

/* Prints and gives the median. */
static inline double bench_report(const char *name, const char *unit, const double *values, size_t count) {
  double median = bench_print(name, unit, values, count);
  printf("\n");
  fflush(stdout);
  return median;
}

static inline void bench_at_least(const char *name, const char *unit, const double *values, size_t count,
                                  double asked) {
  double median = bench_print(name, unit, values, count);
  printf(", asked: at least %g: %s\n", asked, median >= asked ? "reached" : "NOT REACHED");
  fflush(stdout);
}

static inline void bench_at_most(const char *name, const char *unit, const double *values, size_t count, double asked) {
  double median = bench_print(name, unit, values, count);
  printf(", asked: at most %g: %s\n", asked, median <= asked ? "reached" : "NOT REACHED");
  fflush(stdout);
}

/* out[i] = above[i] / below[i] */
static inline void bench_divide(const double *above, const double *below, size_t count, double *out) {
  for (size_t i = 0; i < count; i++) out[i] = above[i] / below[i];
}

#endif
