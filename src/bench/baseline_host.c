#include "bench/baseline_host.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/memory.h"

enum { LOOKS_YIELD = 1 << 12, LOOKS_CLOCK = 1 << 16, RING = 1024, IN_FLIGHT = 512, BATCH = 64 };
#define ANSWER_NS_MAX (10 * VYRE_NS_PER_S)

static void back_off(uint32_t look) {
  vyre_cpu_relax();
  if (look % LOOKS_YIELD == 0) sched_yield();
}

/* ---- ping-pong ---- */

struct vyre_bench_pong {
  _Alignas(64) _Atomic uint32_t question; /* 0 until the first */
  _Atomic uint32_t answer;                /* on the same line */
  _Alignas(64) atomic_bool stop;
  pthread_t thread;
  uint32_t last; /* answer that was read */
};

static void *answer_all(void *argument) {
  vyre_bench_pong_t *pong = argument;
  uint32_t last = 0, value;
  for (;;) {
    for (uint32_t look = 1; (value = atomic_load_explicit(&pong->question, memory_order_acquire)) == last; look++) {
      if (atomic_load_explicit(&pong->stop, memory_order_relaxed)) return NULL;
      back_off(look);
    }
    last = value;
    atomic_store_explicit(&pong->answer, VYRE_BENCH_ANSWER(value), memory_order_release);
  }
}

vyre_status_t vyre_bench_pong_start(vyre_bench_pong_t **out_pong) {
  vyre_bench_pong_t *pong = vyre_alloc_aligned(64, sizeof *pong);
  if (!pong) return vyre_out_of_memory(sizeof *pong);
  int error = pthread_create(&pong->thread, NULL, answer_all, pong);
  if (error) {
    vyre_free(pong);
    return vyre_status_from_errno(error, VYRE_E_THREADS, "pthread_create");
  }
  *out_pong = pong;
  return NULL;
}

vyre_status_t vyre_bench_pong_ask(vyre_bench_pong_t *pong, uint32_t value, uint32_t *out_answer) {
  uint64_t deadline_ns = UINT64_MAX;
  uint32_t answer;
  atomic_store_explicit(&pong->question, value, memory_order_release);
  for (uint32_t look = 1; (answer = atomic_load_explicit(&pong->answer, memory_order_acquire)) == pong->last; look++) {
    back_off(look);
    if (look % LOOKS_CLOCK != 0) continue;
    if (deadline_ns == UINT64_MAX) deadline_ns = vyre_clock_deadline_ns(ANSWER_NS_MAX);
    if (vyre_clock_ns() > deadline_ns) return vyre_status_make(VYRE_E_DEADLINE, "a thread has not answered for 10 s");
  }
  pong->last = *out_answer = answer;
  return NULL;
}

void vyre_bench_pong_stop(vyre_bench_pong_t **pong) {
  atomic_store(&(*pong)->stop, true);
  pthread_join((*pong)->thread, NULL);
  vyre_free(*pong);
  *pong = NULL;
}

/* ---- ring ---- */

typedef struct record {
  _Alignas(64) _Atomic uint64_t sequence; /* number + 1 of the record that is there */
  uint64_t words[7];
} record_t;

typedef struct ring {
  record_t slots[RING], answers[RING];
  atomic_bool stop;
} ring_t;

static void *consume(void *argument) {
  ring_t *ring = argument;
  for (uint64_t i = 0;; i++) {
    record_t *slot = &ring->slots[i % RING], *answer = &ring->answers[i % RING];
    for (uint32_t look = 1; atomic_load_explicit(&slot->sequence, memory_order_acquire) != i + 1; look++) {
      if (atomic_load_explicit(&ring->stop, memory_order_relaxed)) return NULL;
      back_off(look);
    }
    answer->words[0] = slot->words[0] * 3 + slot->words[6];
    atomic_store_explicit(&answer->sequence, i + 1, memory_order_release);
  }
}

static uint64_t take_batch(ring_t *ring, uint64_t from, uint64_t to) {
  uint64_t wrong = 0;
  for (uint64_t i = from; i < to; i++) {
    record_t *answer = &ring->answers[i % RING];
    for (uint32_t look = 1; atomic_load_explicit(&answer->sequence, memory_order_acquire) != i + 1; look++)
      back_off(look);
    wrong += answer->words[0] != i * 4;
  }
  return wrong;
}

static void publish_batch(ring_t *ring, uint64_t from, uint64_t to) {
  for (uint64_t i = from; i < to; i++) {
    record_t *slot = &ring->slots[i % RING];
    slot->words[0] = slot->words[6] = i;
    atomic_store_explicit(&slot->sequence, i + 1, memory_order_release);
  }
}

/* In batches, so that cache lines go over in bulk. The consumer is a thread of ours and cannot fail: no deadline. */
static uint64_t produce(ring_t *ring, uint64_t count) {
  uint64_t wrong = 0, published = 0, taken = 0;
  while (taken < count) {
    if (published < count && published - taken <= IN_FLIGHT - BATCH) {
      uint64_t end = count - published < BATCH ? count : published + BATCH;
      publish_batch(ring, published, end);
      published = end;
    } else {
      uint64_t end = published < count ? taken + BATCH : count;
      wrong += take_batch(ring, taken, end);
      taken = end;
    }
  }
  return wrong;
}

vyre_status_t vyre_bench_ring_run(uint64_t count, double *out_seconds, uint64_t *out_wrong) {
  ring_t *ring = vyre_alloc_aligned(64, sizeof *ring);
  if (!ring) return vyre_out_of_memory(sizeof *ring);
  pthread_t thread;
  int error = pthread_create(&thread, NULL, consume, ring);
  if (!error) {
    uint64_t start_ns = vyre_clock_ns();
    *out_wrong = produce(ring, count);
    *out_seconds = (double)(vyre_clock_ns() - start_ns) * 1e-9;
    atomic_store(&ring->stop, true);
    pthread_join(thread, NULL);
  }
  vyre_free(ring);
  return error ? vyre_status_from_errno(error, VYRE_E_THREADS, "pthread_create") : NULL;
}
