/* A buffer as the layers above see it. */
#ifndef VYRE_DEVICE_BUFFER_H
#define VYRE_DEVICE_BUFFER_H

#include <vyre/buffer.h>

#include "device/device.h"

struct vyre_buffer {
  vyre_device_t *device;
  vyre_memory_t memory;
  uint64_t bytes; /* as asked for */
  /* Of a mapped one, what reads files into it. */
  void *reader;
  vyre_status_t (*read_file)(vyre_buffer_t *buffer, uint64_t offset, int fd, uint64_t file_offset, uint64_t bytes,
                             uint64_t *out_read);
  void (*close_reader)(vyre_buffer_t *buffer); /* before the memory goes */
};

/* Memory of the kind; nothing reads files into it. */
vyre_status_t vyre_buffer_allocate(vyre_device_t *device, vyre_memory_kind_t kind, uint64_t bytes,
                                   vyre_buffer_t **out_buffer);
/* VYRE_E_ARGUMENT when it is outside. */
vyre_status_t vyre_buffer_check(const vyre_buffer_t *buffer, uint64_t offset, uint64_t bytes);

#endif
