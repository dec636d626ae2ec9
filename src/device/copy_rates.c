#include "device/copy_rates.h"

#include <pthread.h>

#include "base/clock.h"

enum { TRIES = 3, BYTES = 8 << 20 /* of a try, however they are cut */, IN_FLIGHT = BYTES >> 18 };
#define COPIES_NS_MAX (2 * VYRE_NS_PER_S)

static const uint32_t sizes[VYRE_COPY_SIZES] = {256 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20};

/* Bytes per ns are GB per s. */
static vyre_status_t copy_all(const vyre_copy_ops_t *ops, vyre_copies_t *copies, const vyre_memory_t *from,
                              const vyre_memory_t *to, uint32_t bytes, uint64_t *ended, double *out_rate) {
  uint64_t begin_ns = vyre_clock_ns(), last = *ended + BYTES / bytes;
  for (uint32_t at = 0; at < BYTES; at += bytes)
    VYRE_TRY(ops->submit(copies, to->address + at, from->host + at, bytes));
  while (*ended < last) {
    if (vyre_clock_ns() - begin_ns > COPIES_NS_MAX)
      return vyre_status_make(VYRE_E_DEADLINE, "copies of %d MiB to the device take over 2 s", BYTES >> 20);
    VYRE_TRY(ops->ended(copies, ended));
  }
  *out_rate = (double)BYTES / (double)(vyre_clock_ns() - begin_ns);
  return NULL;
}

/* What disturbs a try makes it slower: the best one counts. */
static vyre_status_t measure(const vyre_copy_ops_t *ops, vyre_copies_t *copies, const vyre_memory_t *from,
                             const vyre_memory_t *to, vyre_copy_rates_t *out_rates) {
  uint64_t ended = 0;
  for (int i = 0; i < VYRE_COPY_SIZES; i++) {
    out_rates->bytes[i] = sizes[i];
    for (int k = 0; k < TRIES; k++) {
      double rate = 0;
      VYRE_TRY(copy_all(ops, copies, from, to, sizes[i], &ended, &rate));
      if (k == 0 || rate > out_rates->rate[i]) out_rates->rate[i] = rate;
    }
  }
  return NULL;
}

static vyre_status_t measure_device(vyre_device_t *device, vyre_copy_rates_t *out_rates) {
  const vyre_device_ops_t *ops = device->ops;
  vyre_memory_t from = {0}, to = {0};
  vyre_copies_t *copies = NULL;
  vyre_status_t status = ops->allocate(device, VYRE_MEMORY_HOST, BYTES, &from);
  if (!status) status = ops->allocate(device, VYRE_MEMORY_DEVICE, BYTES, &to);
  if (!status) status = ops->copies->create(device, IN_FLIGHT, &copies);
  if (!status) status = measure(ops->copies, copies, &from, &to, out_rates);
  if (copies) ops->copies->destroy(copies);
  ops->release(device, &to);
  ops->release(device, &from);
  return vyre_status_context(status, "measuring copies to %s", device->name);
}

vyre_status_t vyre_copy_rates(vyre_device_t *device, vyre_copy_rates_t *out_rates) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  vyre_status_t status = device->copy_rates.bytes[0] ? NULL : measure_device(device, &device->copy_rates);
  if (status) device->copy_rates = (vyre_copy_rates_t){0};
  *out_rates = device->copy_rates;
  pthread_mutex_unlock(&lock);
  return status;
}

uint32_t vyre_copy_rates_plan(const vyre_copy_rates_t *rates) {
  double best = 0;
  for (int i = 0; i < VYRE_COPY_SIZES; i++)
    if (rates->rate[i] > best) best = rates->rate[i];
  int i = 0;
  while (rates->rate[i] < 0.95 * best) i++;
  return rates->bytes[i];
}
