#include "stream/registrar.h"

#include <pthread.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"

/* A thread registers 41 GB/s and two 54, beside copies of 50 (measured on an H200): a third one gains nothing. */
enum { THREADS = 2, PAGE_BYTES = 4096 };

struct vyre_registrar {
  vyre_device_t *device;
  const vyre_copy_ops_t *ops;
  vyre_part_t *parts;
  uint32_t count, next; /* the part to look at first: they are wanted and left in turn */
  pthread_t threads[THREADS];
  uint32_t thread_count;
  pthread_mutex_t lock; /* what follows, and who takes a part */
  pthread_cond_t work, news;
  uint64_t told; /* parts that were opened or closed */
  uint64_t seen; /* of them, when the caller last waited */
  bool ends;
  bool taken[]; /* by part: a thread has it */
};

static vyre_status_t open_part(const vyre_registrar_t *r, vyre_part_t *part) {
  return r->ops->pin(r->device, part->pages, (part->bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES, &part->pinned);
}

/* The pages leave this process's tables, too, so that what has been read does not count as its memory. */
static vyre_status_t close_part(const vyre_registrar_t *r, vyre_part_t *part) {
  vyre_status_t status = part->pinned.host ? r->ops->unpin(r->device, &part->pinned) : NULL;
  if (part->pages) madvise(part->pages, part->bytes, MADV_DONTNEED);
  return status;
}

/* What is wanted first, since copies wait for it; in turn, since they come in order. */
static vyre_part_t *take(vyre_registrar_t *r, vyre_part_state_t state) {
  for (uint32_t i = 0; i < r->count; i++) {
    uint32_t index = (r->next + i) % r->count;
    vyre_part_t *part = &r->parts[index];
    if (r->taken[index] || vyre_part_state(part) != state) continue;
    r->taken[index] = true;
    if (state == VYRE_PART_WANTED) r->next = (index + 1) % r->count;
    return part;
  }
  return NULL;
}

static void *work(void *argument) {
  vyre_registrar_t *r = argument;
  pthread_mutex_lock(&r->lock);
  for (;;) {
    vyre_part_t *part = r->ends ? NULL : take(r, VYRE_PART_WANTED);
    if (!part) part = take(r, VYRE_PART_LEFT);
    if (!part && r->ends) break;
    if (!part) {
      pthread_cond_wait(&r->work, &r->lock);
      continue;
    }
    pthread_mutex_unlock(&r->lock);
    bool opens = vyre_part_state(part) == VYRE_PART_WANTED;
    part->status = opens ? open_part(r, part) : close_part(r, part);
    pthread_mutex_lock(&r->lock);
    r->taken[part - r->parts] = false;
    atomic_store_explicit(&part->state, opens ? VYRE_PART_OPEN : VYRE_PART_CLOSED, memory_order_release);
    r->told++;
    pthread_cond_signal(&r->news);
  }
  pthread_mutex_unlock(&r->lock);
  return NULL;
}

static void hand_over(vyre_registrar_t *r, vyre_part_t *part, vyre_part_state_t state) {
  pthread_mutex_lock(&r->lock);
  atomic_store_explicit(&part->state, state, memory_order_release);
  pthread_cond_signal(&r->work);
  pthread_mutex_unlock(&r->lock);
}

void vyre_registrar_want(vyre_registrar_t *registrar, vyre_part_t *part) {
  hand_over(registrar, part, VYRE_PART_WANTED);
}

void vyre_registrar_leave(vyre_registrar_t *registrar, vyre_part_t *part) {
  hand_over(registrar, part, VYRE_PART_LEFT);
}

void vyre_registrar_wait(vyre_registrar_t *registrar, uint64_t timeout_ns) {
  uint64_t until_ns = vyre_clock_deadline_ns(timeout_ns);
  struct timespec until = {(time_t)(until_ns / VYRE_NS_PER_S), (long)(until_ns % VYRE_NS_PER_S)};
  pthread_mutex_lock(&registrar->lock);
  int error = 0;
  while (registrar->told == registrar->seen && error == 0)
    error = pthread_cond_timedwait(&registrar->news, &registrar->lock, &until);
  registrar->seen = registrar->told;
  pthread_mutex_unlock(&registrar->lock);
}

vyre_status_t vyre_registrar_create(vyre_device_t *device, const vyre_copy_ops_t *ops, vyre_part_t *parts,
                                    uint32_t count, vyre_registrar_t **out_registrar) {
  VYRE_TRY(ops->prepare_pin(device));
  vyre_registrar_t *r = *out_registrar = vyre_calloc(1, sizeof *r + count * sizeof *r->taken);
  if (!r) return vyre_out_of_memory(sizeof *r + count * sizeof *r->taken);
  r->device = device;
  r->ops = ops;
  r->parts = parts;
  r->count = count;
  pthread_mutex_init(&r->lock, NULL);
  pthread_cond_init(&r->work, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&r->news, &attributes);
  pthread_condattr_destroy(&attributes);
  vyre_status_t status = NULL;
  for (; r->thread_count < THREADS && !status; r->thread_count += !status)
    status = vyre_thread_start(&r->threads[r->thread_count], "vyre-registrar", 0, work, r);
  if (!status) return NULL;
  vyre_registrar_destroy(r);
  *out_registrar = NULL;
  return status;
}

void vyre_registrar_destroy(vyre_registrar_t *registrar) {
  if (!registrar) return;
  pthread_mutex_lock(&registrar->lock);
  registrar->ends = true;
  pthread_cond_broadcast(&registrar->work);
  pthread_mutex_unlock(&registrar->lock);
  for (uint32_t i = 0; i < registrar->thread_count; i++) pthread_join(registrar->threads[i], NULL);
  for (uint32_t i = 0; i < registrar->count; i++) {
    vyre_part_t *part = &registrar->parts[i];
    vyre_status_destroy(&part->status);
    if (vyre_part_state(part) != VYRE_PART_OPEN) continue;
    vyre_status_t status = close_part(registrar, part);
    vyre_status_destroy(&status);
  }
  pthread_cond_destroy(&registrar->news);
  pthread_cond_destroy(&registrar->work);
  pthread_mutex_destroy(&registrar->lock);
  vyre_free(registrar);
}
