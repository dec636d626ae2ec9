/* The devices of this build. */
#ifndef VYRE_DEVICE_REGISTRY_H
#define VYRE_DEVICE_REGISTRY_H

#include "device/device.h"

extern const vyre_device_ops_t vyre_device_cpu;
extern const vyre_device_ops_t vyre_device_ref;

/* Opens GPU `index` as a device; name, description and what else there is to know of it are filled in. */
vyre_status_t vyre_cuda_open(uint32_t index, vyre_device_t **out_device);
/* The canonical Program as a cubin for GPU 0, a kernel by itself; free with vyre_free. */
vyre_status_t vyre_cuda_emit_cubin(const vyre_program_t *program, char **out_bytes, size_t *out_size);
/* GPUs that the driver has; 0 with no driver. Loads it. */
uint32_t vyre_cuda_count(void);

#endif
