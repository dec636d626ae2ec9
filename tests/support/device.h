/* Devices as tests name them: "cpu", "ref", "cuda:0", and "cpu/dispatched", "ref/dispatched" for the topology of a GPU
 * on a host device. Include after expect.h and what it needs. */
#ifndef TESTS_SUPPORT_DEVICE_H
#define TESTS_SUPPORT_DEVICE_H

#include <stdio.h>
#include <string.h>

#include "device/device.h"

/* spin_ns of a session where nobody wakes a worker that has gone to sleep: dispatched, on a host device. */
#define TEST_AWAKE_NS UINT64_C(10000000000)

static inline bool test_device_is_gpu(const char *name) { return strncmp(name, "cuda", 4) == 0; }
static inline bool test_device_is_ref(const char *name) { return strncmp(name, "ref", 3) == 0; }
static inline bool test_device_is_dispatched_host(const char *name) { return strstr(name, "/dispatched") != NULL; }

static inline vyre_status_t test_device_open(const char *name, vyre_device_t **out_device) {
  char base[32];
  snprintf(base, sizeof base, "%.*s", (int)strcspn(name, "/"), name);
  vyre_status_t status = vyre_device_open(base, out_device);
  if (status || !test_device_is_dispatched_host(name)) return status;
  (*out_device)->topology = VYRE_TOPOLOGY_DISPATCHED;
  (*out_device)->sleeps = false;
  return NULL;
}

#endif
