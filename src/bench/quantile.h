/* Order statistics of measured values. */
#ifndef VYRE_BENCH_QUANTILE_H
#define VYRE_BENCH_QUANTILE_H

#include <stddef.h>

/* Ascending. */
void vyre_bench_sort(double *values, size_t count);

/* The q-quantile (0 to 1) of sorted values, at least one, interpolated linearly between neighbours (Hyndman and Fan's
 * type 7), so that 0.5 of an even number is the mean of the middle two. */
double vyre_bench_quantile(const double *sorted, size_t count, double q);

#endif
