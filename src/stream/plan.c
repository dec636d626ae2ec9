#include "stream/plan.h"

#include <unistd.h>

#include "base/status.h"
#include "device/copy_rates.h"
#include "stream/pump.h"
#include "uring/facts.h"

enum {
  /* Of a worker that reads and works on a chunk while it is in the processor's caches. */
  CHUNK_BYTES = 1 << 20,
  DEPTH = 4,
  /* Through a copy engine: as many bytes in flight as it takes to keep reads and copies busy (docs/decisions/0009). */
  COPIED_BYTES = 128 << 20,
  RESIDENT_CHUNK_BYTES = 4 << 20, /* nothing is copied: a slot's work */
  /* What is planned is halved while it is over half of what this user may lock, down to these. */
  CHUNK_BYTES_LEAST = 128 << 10,
  DEPTH_LEAST = 2,
};

static vyre_status_t plan_copied(vyre_device_t *device, const vyre_stream_params_t *params, vyre_stream_plan_t *plan) {
  vyre_copy_rates_t rates;
  if (params->buffer && !plan->chunk_bytes) plan->chunk_bytes = RESIDENT_CHUNK_BYTES;
  if (!plan->chunk_bytes) {
    VYRE_TRY(vyre_copy_rates(device, &rates));
    plan->chunk_bytes = vyre_copy_rates_plan(&rates);
  }
  if (params->depth) return NULL;
  uint32_t depth = COPIED_BYTES / plan->chunk_bytes;
  plan->depth = depth > VYRE_STREAM_DEPTH_MAX ? VYRE_STREAM_DEPTH_MAX : depth < DEPTH_LEAST ? DEPTH_LEAST : depth;
  return NULL;
}

static void shrink(const vyre_stream_params_t *params, uint32_t workers, vyre_stream_plan_t *plan) {
  vyre_uring_facts_t facts;
  vyre_uring_facts_read(&facts);
  while (!facts.memlock_exempt && (uint64_t)plan->chunk_bytes * plan->depth * workers > facts.memlock_bytes / 2) {
    if (!params->depth && plan->depth > DEPTH_LEAST)
      plan->depth /= 2;
    else if (!params->chunk_bytes && plan->chunk_bytes > CHUNK_BYTES_LEAST)
      plan->chunk_bytes /= 2;
    else
      return;
  }
}

/* More than half of the machine's memory in buffers is a mistake, and the kernel's way of refusing it is to kill. */
static vyre_status_t check_buffers(uint64_t bytes, bool is_copied) {
  long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
  uint64_t limit = pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes / 2 : UINT64_MAX;
  if (bytes <= limit) return NULL;
  return vyre_status_with_fix(
      vyre_status_make(VYRE_E_MEMORY, "buffers of %llu MiB, over half of this machine's memory (%llu MiB)",
                       (unsigned long long)(bytes >> 20), (unsigned long long)(limit >> 20)),
      is_copied ? "Lower --chunk or --depth (chunk_bytes, depth): their product is the memory of a stream."
                : "Lower --chunk, --depth or --workers (chunk_bytes, depth, workers): their product is the memory of a "
                  "stream.");
}

vyre_status_t vyre_stream_plan(vyre_device_t *device, const vyre_stream_params_t *params, uint32_t workers,
                               vyre_stream_plan_t *out_plan) {
  *out_plan = (vyre_stream_plan_t){.chunk_bytes = params->chunk_bytes, .depth = params->depth};
  bool is_copied = device->ops->copies != NULL;
  if (is_copied) VYRE_TRY(plan_copied(device, params, out_plan));
  if (!out_plan->chunk_bytes) out_plan->chunk_bytes = CHUNK_BYTES;
  if (!out_plan->depth) out_plan->depth = DEPTH;
  shrink(params, workers, out_plan);
  return check_buffers((uint64_t)out_plan->chunk_bytes * out_plan->depth * workers, is_copied);
}
