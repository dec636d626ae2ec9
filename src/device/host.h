/* Memory of the host devices (ref, cpu): the process's own, at the same address on both sides. */
#ifndef VYRE_DEVICE_HOST_H
#define VYRE_DEVICE_HOST_H

#include "device/device.h"

vyre_status_t vyre_host_allocate(vyre_device_t *device, vyre_memory_kind_t kind, uint64_t bytes,
                                 vyre_memory_t *out_memory);
vyre_status_t vyre_host_bind(vyre_device_t *device, void *host, uint64_t bytes, vyre_memory_t *out_memory);
void vyre_host_release(vyre_device_t *device, vyre_memory_t *memory);
vyre_status_t vyre_host_write(vyre_device_t *device, uint64_t to, const void *from, uint64_t bytes);
vyre_status_t vyre_host_read(vyre_device_t *device, void *to, uint64_t from, uint64_t bytes);
void vyre_host_close(vyre_device_t *device);

#endif
