/* Seeded random numbers: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). The
 * same seed gives the same numbers everywhere. */
#ifndef TESTS_SUPPORT_RANDOM_H
#define TESTS_SUPPORT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct random {
  uint64_t state;
} random_t;

static inline uint64_t random_next(random_t *random) {
  uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
  return z ^ z >> 31;
}

/* Below `bound`, which is not 0. The bias of the remainder does not matter here. */
static inline uint32_t random_below(random_t *random, uint32_t bound) {
  return (uint32_t)(random_next(random) % bound);
}

/* True once in `n` times. */
static inline bool random_once_in(random_t *random, uint32_t n) { return random_below(random, n) == 0; }

#endif
