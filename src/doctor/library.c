/* Facts about devices, the compiler and io_uring. */
#include <inttypes.h>
#include <vyre/device.h>

#include "codegen/codegen.h"
#include "device/copy_rates.h"
#include "device/device.h"
#include "doctor/facts.h"
#include "uring/facts.h"

/* Buffers of one worker by default, of a stream into a GPU, and the least that a stream makes of either when less may
 * be locked (vyre/stream.h). A stream takes no more than half of the limit. */
#define BUFFER_BYTES_PER_WORKER (UINT64_C(4) << 20)
#define BUFFER_BYTES_COPIED (UINT64_C(128) << 20)
#define BUFFER_BYTES_PER_WORKER_LEAST (UINT64_C(256) << 10)

/* Of a stream on the device that "auto" takes; 0 when it takes none. */
typedef struct buffers {
  uint64_t wanted, least;
  const char *lower; /* options that make less do */
} buffers_t;

static buffers_t buffers_of(const vyre_device_t *device) {
  if (device->ops->copies) return (buffers_t){BUFFER_BYTES_COPIED, BUFFER_BYTES_PER_WORKER_LEAST, "--depth or --chunk"};
  uint32_t workers = device->info.workers_default;
  return (buffers_t){workers * BUFFER_BYTES_PER_WORKER, workers * BUFFER_BYTES_PER_WORKER_LEAST,
                     "--workers, --depth or --chunk"};
}

/* What streams into the device plan their chunks by. */
static void add_copies(vyre_fact_list_t *list, vyre_device_t *device) {
  vyre_copy_rates_t rates;
  vyre_fact_begin(list, "copies.%s", device->info.name);
  vyre_status_t status = vyre_copy_rates(device, &rates);
  if (status) {
    vyre_fact_failure(list, &status);
    return;
  }
  for (int i = 0; i < VYRE_COPY_SIZES; i++) {
    vyre_fact_value(list, "%s", i ? ", " : "");
    vyre_fact_bytes(list, rates.bytes[i]);
    vyre_fact_value(list, " %.1f GB/s", rates.rate[i]);
  }
  vyre_fact_value(list, "; streams take chunks of ");
  vyre_fact_bytes(list, vyre_copy_rates_plan(&rates));
}

/* The device that "auto" takes, then each by name. */
static void add_devices(vyre_fact_list_t *list, buffers_t *out_buffers) {
  vyre_device_t *device = NULL;
  vyre_fact_begin(list, "device");
  vyre_status_t status = vyre_device_open("auto", &device);
  if (status) {
    vyre_fact_failure(list, &status);
  } else {
    vyre_device_info_t info = vyre_device_info(device);
    *out_buffers = buffers_of(device);
    vyre_fact_value(list, "auto takes %s (%s)", info.name, info.reason);
    vyre_device_close(&device);
  }
  const char *name;
  for (uint32_t i = 0; (name = vyre_device_name_at(i)) != NULL; i++) {
    vyre_fact_begin(list, "device.%s", name);
    status = vyre_device_open(name, &device);
    if (status) {
      vyre_fact_failure(list, &status);
      continue;
    }
    vyre_device_info_t info = vyre_device_info(device);
    vyre_fact_value(list, "%s", info.description);
    if (*info.target) vyre_fact_value(list, "; target %s", info.target);
    vyre_fact_value(list, "; %" PRIu32 " workers, at most %" PRIu32, info.workers_default, info.workers_max);
    if (device->ops->copies) add_copies(list, device);
    vyre_device_close(&device);
  }
}

static void add_compiler(vyre_fact_list_t *list) {
  const vyre_codegen_table_t *compiler = NULL;
  vyre_fact_begin(list, "compiler");
  vyre_status_t status = vyre_codegen_load(&compiler);
  if (status)
    vyre_fact_failure(list, &status);
  else
    vyre_fact_value(list, "%s", compiler->version());
}

static void add_uring(vyre_fact_list_t *list, const buffers_t *buffers) {
  vyre_uring_facts_t facts;
  vyre_status_t status = vyre_uring_probe(&facts);
  vyre_fact_begin(list, "io_uring");
  if (status)
    vyre_fact_failure(list, &status);
  else
    vyre_fact_value(list, "available, fixed buffers, features 0x%" PRIx32, facts.features);
  if (facts.uring_disabled > 0) vyre_fact_value(list, "; kernel.io_uring_disabled = %" PRId32, facts.uring_disabled);
  if (facts.seccomp_mode > 0) vyre_fact_value(list, "; under seccomp");

  uint64_t wanted = 2 * buffers->wanted;
  vyre_fact_begin(list, "memlock");
  if (facts.memlock_bytes == VYRE_URING_UNLIMITED)
    vyre_fact_value(list, "no limit");
  else
    vyre_fact_bytes(list, facts.memlock_bytes);
  if (facts.memlock_exempt) {
    vyre_fact_value(list, ", which does not apply (CAP_IPC_LOCK)");
  } else if (facts.memlock_bytes < wanted) {
    vyre_fact_value(list,
                    facts.memlock_bytes < buffers->least ? ", too little for any buffers: " : ", small buffers only: ");
    vyre_fact_bytes(list, wanted);
    vyre_fact_value(list, " allow those of the default size");
    if (facts.memlock_bytes_hard >= wanted)
      vyre_fact_advice(list,
                       "Raise the limit with `ulimit -l %" PRIu64 "` (or LimitMEMLOCK= of the service), or lower %s.",
                       wanted >> 10, buffers->lower);
    else
      vyre_fact_advice(list,
                       "Raise the hard limit as root (memlock in /etc/security/limits.conf, LimitMEMLOCK= of the "
                       "service) to %" PRIu64 " KiB, or lower %s.",
                       wanted >> 10, buffers->lower);
  }
  vyre_fact_begin(list, "open_files");
  vyre_fact_value(list, "%" PRIu64, facts.files_max);
  if (facts.files_max < 1024)
    vyre_fact_advice(list, "Raise the limit with `ulimit -n 1024`, or name fewer files at a time.");
}

void vyre_facts_library(vyre_fact_list_t *list) {
  buffers_t buffers = {0};
  add_devices(list, &buffers);
  add_compiler(list);
  add_uring(list, &buffers);
}
