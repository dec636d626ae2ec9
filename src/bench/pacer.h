/* The pause before each slot of a latency: without it the loops of host and device lock in phase and show figures that
 * no user sees. Two pacers of one seed pause alike, so that a candidate and its baselines do. */
#ifndef VYRE_BENCH_PACER_H
#define VYRE_BENCH_PACER_H

#include "base/clock.h"

enum { VYRE_BENCH_PAUSE_NS_MAX = 5000 };

typedef struct vyre_bench_pacer {
  uint64_t random;
} vyre_bench_pacer_t;

/* splitmix64 (Steele, Lea and Flood, 2014): any seed will do. */
static inline uint64_t vyre_bench_random(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

/* Waits busily for 0 to 5 us and gives the time at the end. */
static inline uint64_t vyre_bench_pause(vyre_bench_pacer_t *pacer) {
  uint64_t now = vyre_clock_ns();
  uint64_t end = now + vyre_bench_random(&pacer->random) % (VYRE_BENCH_PAUSE_NS_MAX + 1);
  while (now < end) now = vyre_clock_ns();
  return now;
}

#endif
