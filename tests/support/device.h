/* Devices as tests name them: "cpu", "ref", "cuda:0", and "cpu/dispatched", "ref/dispatched" for the topology of a GPU
 * on a host device; with "/jit" at the end for sessions of that builder. Include after expect.h and what it needs. */
#ifndef TESTS_SUPPORT_DEVICE_H
#define TESTS_SUPPORT_DEVICE_H

#include <stdio.h>
#include <string.h>

#include <vyre/session.h>

#include "device/device.h"
#include "support/require.h"

static inline bool test_device_is_gpu(const char *name) { return strncmp(name, "cuda", 4) == 0; }
static inline bool test_device_is_ref(const char *name) { return strncmp(name, "ref", 3) == 0; }
static inline bool test_device_is_dispatched_host(const char *name) { return strstr(name, "/dispatched") != NULL; }

static inline vyre_session_builder_t test_device_builder(const char *name) {
  const char *end = strrchr(name, '/');
  return end && strcmp(end, "/jit") == 0 ? VYRE_BUILDER_JIT : VYRE_BUILDER_DEFAULT;
}

static inline vyre_topology_t test_device_topology(const char *name) {
  return test_device_is_dispatched_host(name) ? VYRE_TOPOLOGY_DISPATCHED : VYRE_TOPOLOGY_DEFAULT;
}

static inline vyre_status_t test_device_open(const char *name, vyre_device_t **out_device) {
  char base[32];
  snprintf(base, sizeof base, "%.*s", (int)strcspn(name, "/"), name);
  return vyre_device_open(base, out_device);
}

/* Before the tests of a device: 0 when it can be had, 77 when there is no GPU and the test may be skipped, 1 when
 * VYRE_REQUIRE=gpu forbids that. What else keeps it from being opened is for the tests to say. */
static inline int test_device_missing(const char *name) {
  vyre_device_t *device = NULL;
  vyre_status_t status = test_device_open(name, &device);
  int missing = 0;
  if (vyre_status_code(status) == VYRE_E_NO_DRIVER) {
    char text[600];
    vyre_status_format(status, text, sizeof text);
    missing = vyre_test_required("gpu") ? 1 : 77;
    print_message("%s: %s\n", missing == 1 ? "VYRE_REQUIRE=gpu" : "skipped", text);
  }
  if (device) print_message("%s\n", vyre_device_info(device).description);
  vyre_device_close(&device);
  vyre_status_destroy(&status);
  return missing;
}

#endif
