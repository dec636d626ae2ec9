/* What ThreadSanitizer is told, in builds with it: linked to every test. */
#include <pthread.h>
#include <stdint.h>
#include <time.h>

const char *__tsan_default_suppressions(void);

/* Every suppression there is. */
const char *__tsan_default_suppressions(void) {
  return
      /* It is not instrumented: of the atomics by which its threads hand memory to each other nothing is known, so that
       * what it locks and frees looks like a race. */
      "called_from_lib:libLLVM\n";
}

enum { NS_PER_S = 1000000000 };

/* Clang 14's run time does not know this function, and takes the unlock for that of a mutex nobody has locked. It knows
 * the one that it becomes here. */
int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until) {
  struct timespec now, wall;
  clock_gettime(clock, &now);
  clock_gettime(CLOCK_REALTIME, &wall);
  int64_t left_ns = (int64_t)(until->tv_sec - now.tv_sec) * NS_PER_S + (until->tv_nsec - now.tv_nsec);
  int64_t wall_ns = wall.tv_nsec + (left_ns > 0 ? left_ns : 0);
  wall.tv_sec += wall_ns / NS_PER_S;
  wall.tv_nsec = wall_ns % NS_PER_S;
  return pthread_mutex_timedlock(mutex, &wall);
}
