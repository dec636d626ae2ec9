#include "device/registry.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { WORKERS_MAX = 256 };

static const struct {
  const char *name;
  const vyre_device_ops_t *ops;
  const char *what;
} devices[] = {
    {"cpu", &vyre_device_cpu, "machine code on worker threads"},
    {"ref", &vyre_device_ref, "the interpreter on worker threads"},
};

const char *vyre_device_name_at(uint32_t index) {
  return index < sizeof devices / sizeof *devices ? devices[index].name : NULL;
}

/* Processors that this process may run on. */
static uint32_t processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count < 1 ? 1 : (uint32_t)count;
}

vyre_status_t vyre_device_open(const char *name, vyre_device_t **out_device) {
  *out_device = NULL;
  bool is_auto = !name || strcmp(name, "auto") == 0;
  const char *wanted = is_auto ? "cpu" : name;
  for (unsigned i = 0; i < sizeof devices / sizeof *devices; i++) {
    if (strcmp(devices[i].name, wanted) != 0) continue;
    vyre_device_t *device = vyre_calloc(1, sizeof *device);
    if (!device) return vyre_out_of_memory(sizeof *device);
    uint32_t count = processors();
    device->ops = devices[i].ops;
    snprintf(device->description, sizeof device->description, "%s, %u processors", devices[i].what, count);
    snprintf(device->reason, sizeof device->reason, "%s",
             is_auto ? "auto: the fastest device of this build" : "named");
    device->info = (vyre_device_info_t){.name = devices[i].name, .description = device->description,
                                        .target = "x86_64", .reason = device->reason, .workers_max = WORKERS_MAX,
                                        .workers_default = count < WORKERS_MAX ? count : WORKERS_MAX};
    *out_device = device;
    return NULL;
  }
  vyre_status_t status = vyre_status_make(VYRE_E_NO_DEVICE, "'%s'", wanted);
  return vyre_status_with_fix(status, "Choose one of: auto, cpu, ref.");
}

void vyre_device_close(vyre_device_t **device) {
  if (!device) return;
  vyre_free(*device);
  *device = NULL;
}

vyre_device_info_t vyre_device_info(const vyre_device_t *device) { return device->info; }
