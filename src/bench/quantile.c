#include "bench/quantile.h"

#include <stdlib.h>

#include "base/assert.h"

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void vyre_bench_sort(double *values, size_t count) { qsort(values, count, sizeof *values, compare); }

double vyre_bench_quantile(const double *sorted, size_t count, double q) {
  VYRE_ASSERT(count > 0 && q >= 0 && q <= 1);
  double place = q * (double)(count - 1);
  size_t below = (size_t)place;
  if (below + 1 >= count) return sorted[count - 1];
  return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}
