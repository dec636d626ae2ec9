/* Time. Units: nanoseconds of CLOCK_MONOTONIC, as uint64_t. */
#ifndef VYRE_BASE_CLOCK_H
#define VYRE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define VYRE_NS_PER_MS UINT64_C(1000000)
#define VYRE_NS_PER_S UINT64_C(1000000000)

static inline uint64_t vyre_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * VYRE_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* now + timeout, saturating; UINT64_MAX means "never". */
static inline uint64_t vyre_clock_deadline_ns(uint64_t timeout_ns) {
  uint64_t now = vyre_clock_ns();
  return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

static inline void vyre_sleep_ns(uint64_t duration_ns) {
  struct timespec pause = {(time_t)(duration_ns / VYRE_NS_PER_S), (long)(duration_ns % VYRE_NS_PER_S)};
  nanosleep(&pause, NULL);
}

static inline void vyre_cpu_relax(void) { __builtin_ia32_pause(); }

#endif
