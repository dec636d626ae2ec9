/* Copies into the device's memory by its copy engine, in the ingest context, in order. */
#include "base/assert.h"
#include "base/memory.h"
#include "device/cuda/gpu.h"

struct vyre_copies {
  vyre_gpu_t *gpu;
  vyre_cu_context_t context;
  vyre_cu_stream_t stream;
  uint64_t begun, ended;
  uint32_t event_count;
  vyre_cu_event_t events[]; /* by number of the copy, round and round */
};

static void copies_destroy(vyre_copies_t *copies) {
  if (!copies) return;
  const vyre_cuda_t *cuda = copies->gpu->cuda;
  vyre_status_t status = vyre_gpu_enter(copies->gpu, copies->context);
  if (!status) {
    if (copies->stream) {
      cuda->StreamSynchronize(copies->stream);
      cuda->StreamDestroy(copies->stream);
    }
    for (uint32_t i = 0; i < copies->event_count; i++) cuda->EventDestroy(copies->events[i]);
    vyre_gpu_leave(copies->gpu);
  }
  vyre_status_destroy(&status);
  vyre_free(copies);
}

/* In the context. */
static vyre_status_t init(vyre_copies_t *copies, uint32_t in_flight_max) {
  VYRE_TRY(VYRE_GPU_CALL(copies->gpu, StreamCreate, (&copies->stream, VYRE_CU_STREAM_NON_BLOCKING)));
  for (; copies->event_count < in_flight_max; copies->event_count++)
    VYRE_TRY(
        VYRE_GPU_CALL(copies->gpu, EventCreate, (&copies->events[copies->event_count], VYRE_CU_EVENT_DISABLE_TIMING)));
  return NULL;
}

static vyre_status_t copies_create(vyre_device_t *device, uint32_t in_flight_max, vyre_copies_t **out_copies) {
  vyre_copies_t *copies = vyre_calloc(1, sizeof *copies + in_flight_max * sizeof *copies->events);
  if (!copies) return vyre_out_of_memory(sizeof *copies);
  copies->gpu = vyre_gpu_of(device);
  vyre_status_t status = vyre_gpu_ingest(copies->gpu, &copies->context);
  if (!status) status = vyre_gpu_enter(copies->gpu, copies->context);
  if (status) {
    vyre_free(copies);
    return status;
  }
  status = init(copies, in_flight_max);
  vyre_gpu_leave(copies->gpu);
  if (status) {
    copies_destroy(copies);
    return status;
  }
  *out_copies = copies;
  return NULL;
}

static vyre_status_t copies_submit(vyre_copies_t *copies, uint64_t to, const void *from, uint64_t bytes) {
  VYRE_ASSERT(copies->begun - copies->ended < copies->event_count);
  VYRE_TRY(vyre_gpu_enter(copies->gpu, copies->context));
  vyre_status_t status = VYRE_GPU_CALL(copies->gpu, MemcpyHtoDAsync, (to, from, bytes, copies->stream));
  vyre_cu_event_t event = copies->events[copies->begun % copies->event_count];
  if (!status) status = VYRE_GPU_CALL(copies->gpu, EventRecord, (event, copies->stream));
  vyre_gpu_leave(copies->gpu);
  if (!status) copies->begun++;
  return status;
}

static vyre_status_t copies_ended(vyre_copies_t *copies, uint64_t *out_count) {
  while (copies->ended < copies->begun) {
    vyre_cu_result_t result = copies->gpu->cuda->EventQuery(copies->events[copies->ended % copies->event_count]);
    if (result == VYRE_CU_NOT_READY) break;
    if (result) return vyre_cuda_status(copies->gpu->cuda, result, "cuEventQuery");
    copies->ended++;
  }
  *out_count = copies->ended;
  return NULL;
}

const vyre_copy_ops_t vyre_gpu_copies = {.create = copies_create,
                                         .destroy = copies_destroy,
                                         .submit = copies_submit,
                                         .prepare_pin = vyre_gpu_prepare_pin,
                                         .pin = vyre_gpu_pin,
                                         .unpin = vyre_gpu_unpin,
                                         .ended = copies_ended};
