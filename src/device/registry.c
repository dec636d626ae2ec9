#include "device/registry.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { WORKERS_MAX = 256, GPUS_MAX = 64 };

static const struct {
  const char *name;
  const vyre_device_ops_t *ops;
  const char *what;
  uint32_t lacks;
} host_devices[] = {
    {"cpu", &vyre_device_cpu, "machine code on worker threads", 0},
    {"ref", &vyre_device_ref, "the interpreter on worker threads", 0},
};
enum { HOST_DEVICES = sizeof host_devices / sizeof *host_devices };

static char gpu_names[GPUS_MAX][16];

static void fill_gpu_names(void) {
  for (unsigned gpu = 0; gpu < GPUS_MAX; gpu++) snprintf(gpu_names[gpu], sizeof gpu_names[gpu], "cuda:%u", gpu);
}

const char *vyre_device_name_at(uint32_t index) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (index < HOST_DEVICES) return host_devices[index].name;
  uint32_t gpu = index - HOST_DEVICES;
  if (gpu >= GPUS_MAX || gpu >= vyre_cuda_count()) return NULL;
  pthread_once(&once, fill_gpu_names);
  return gpu_names[gpu];
}

/* Processors that this process may run on. */
static uint32_t processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count < 1 ? 1 : (uint32_t)count;
}

/* The public strings are those of the device itself. */
static void fill_info(vyre_device_t *device) {
  device->info.name = device->name;
  device->info.description = device->description;
  device->info.target = device->target;
  device->info.reason = device->reason;
}

static vyre_status_t open_host(unsigned which, vyre_device_t **out_device) {
  vyre_device_t *device = vyre_calloc(1, sizeof *device);
  if (!device) return vyre_out_of_memory(sizeof *device);
  uint32_t count = processors();
  device->ops = host_devices[which].ops;
  device->topology = VYRE_TOPOLOGY_DIRECT;
  device->sleeps = true;
  device->lacks = host_devices[which].lacks;
  snprintf(device->name, sizeof device->name, "%s", host_devices[which].name);
  snprintf(device->target, sizeof device->target, "x86_64");
  snprintf(device->description, sizeof device->description, "%s, %u processors", host_devices[which].what, count);
  device->info.workers_max = WORKERS_MAX;
  device->info.workers_default = count < WORKERS_MAX ? count : WORKERS_MAX;
  *out_device = device;
  return NULL;
}

/* "cuda:0", "cuda:12"; "cuda" is the first. False: no name of a GPU. */
static bool parse_gpu(const char *name, uint32_t *out_index) {
  if (strncmp(name, "cuda", 4) != 0) return false;
  *out_index = 0;
  if (name[4] == '\0') return true;
  if (name[4] != ':' || name[5] < '0' || name[5] > '9') return false;
  char *end;
  unsigned long index = strtoul(name + 5, &end, 10);
  if (*end || index > INT32_MAX) return false;
  *out_index = (uint32_t)index;
  return true;
}

/* The first GPU when the machine has one that works, else the cpu: why, in the device's reason. That this process had
 * no memory while it was looked for says nothing about the GPU. */
static vyre_status_t open_auto(vyre_device_t **out_device) {
  vyre_status_t refusal = vyre_cuda_open(0, out_device);
  if (!refusal) {
    snprintf((*out_device)->reason, sizeof(*out_device)->reason, "auto: the first GPU");
    return NULL;
  }
  if (refusal == vyre_out_of_memory(0)) return refusal;
  vyre_status_t status = open_host(0, out_device);
  if (!status)
    snprintf((*out_device)->reason, sizeof(*out_device)->reason, "auto: no GPU (%s)", vyre_status_detail(refusal));
  vyre_status_destroy(&refusal);
  return status;
}

static vyre_status_t open_named(const char *name, vyre_device_t **out_device) {
  uint32_t gpu;
  vyre_status_t status = NULL;
  unsigned which = 0;
  while (which < HOST_DEVICES && strcmp(host_devices[which].name, name) != 0) which++;
  if (which < HOST_DEVICES)
    status = open_host(which, out_device);
  else if (parse_gpu(name, &gpu))
    status = vyre_cuda_open(gpu, out_device);
  else
    status = vyre_status_with_fix(vyre_status_make(VYRE_E_NO_DEVICE, "'%s'", name),
                                  "Choose one of: auto, cpu, ref, cuda:0.");
  if (!status) snprintf((*out_device)->reason, sizeof(*out_device)->reason, "named");
  return status;
}

vyre_status_t vyre_device_open(const char *name, vyre_device_t **out_device) {
  *out_device = NULL;
  VYRE_TRY(!name || strcmp(name, "auto") == 0 ? open_auto(out_device) : open_named(name, out_device));
  fill_info(*out_device);
  return NULL;
}

void vyre_device_close(vyre_device_t **device) {
  if (!device || !*device) return;
  (*device)->ops->close(*device);
  *device = NULL;
}

vyre_device_info_t vyre_device_info(const vyre_device_t *device) { return device->info; }
