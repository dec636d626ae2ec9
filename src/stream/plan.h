/* How large a stream's chunks are and how many are in flight: what the caller says, else what is fast here. */
#ifndef VYRE_STREAM_PLAN_H
#define VYRE_STREAM_PLAN_H

#include <vyre/stream.h>

#include "device/device.h"

typedef struct vyre_stream_plan {
  uint32_t chunk_bytes, depth;
} vyre_stream_plan_t;

/* For `workers` that each have buffers. Errors: those of measuring a copy engine; VYRE_E_MEMORY for more than half of
 * the machine's memory. */
vyre_status_t vyre_stream_plan(vyre_device_t *device, const vyre_stream_params_t *params, uint32_t workers,
                               vyre_stream_plan_t *out_plan);

#endif
