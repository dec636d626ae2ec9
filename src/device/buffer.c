#include "device/buffer.h"

#include <string.h>

#include "base/memory.h"

vyre_status_t vyre_buffer_allocate(vyre_device_t *device, vyre_memory_kind_t kind, uint64_t bytes,
                                   vyre_buffer_t **out_buffer) {
  if (bytes == 0 || bytes > PTRDIFF_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "a buffer of %llu bytes", (unsigned long long)bytes);
  vyre_buffer_t *buffer = vyre_calloc(1, sizeof *buffer);
  if (!buffer) return vyre_out_of_memory(sizeof *buffer);
  buffer->device = device;
  buffer->bytes = bytes;
  vyre_status_t status = device->ops->allocate(device, kind, bytes, &buffer->memory);
  if (status) {
    vyre_free(buffer);
    return status;
  }
  *out_buffer = buffer;
  return NULL;
}

vyre_status_t vyre_buffer_create(vyre_device_t *device, uint64_t bytes, vyre_buffer_t **out_buffer) {
  return vyre_buffer_allocate(device, VYRE_MEMORY_DEVICE, bytes, out_buffer);
}

void vyre_buffer_destroy(vyre_buffer_t **buffer_pointer) {
  if (!buffer_pointer || !*buffer_pointer) return;
  vyre_buffer_t *buffer = *buffer_pointer;
  *buffer_pointer = NULL;
  if (buffer->close_reader) buffer->close_reader(buffer);
  buffer->device->ops->release(buffer->device, &buffer->memory);
  vyre_free(buffer);
}

uint64_t vyre_buffer_bytes(const vyre_buffer_t *buffer) { return buffer->bytes; }
void *vyre_buffer_host(const vyre_buffer_t *buffer) { return buffer->memory.host; }

vyre_status_t vyre_buffer_check(const vyre_buffer_t *buffer, uint64_t offset, uint64_t bytes) {
  if (offset <= buffer->bytes && bytes <= buffer->bytes - offset) return NULL;
  return vyre_status_make(VYRE_E_ARGUMENT, "%llu bytes from %llu on; the buffer has %llu", (unsigned long long)bytes,
                          (unsigned long long)offset, (unsigned long long)buffer->bytes);
}

vyre_status_t vyre_buffer_write(vyre_buffer_t *buffer, uint64_t offset, const void *from, uint64_t bytes) {
  VYRE_TRY(vyre_buffer_check(buffer, offset, bytes));
  if (bytes == 0) return NULL;
  if (buffer->memory.is_host) {
    memcpy(buffer->memory.host + offset, from, bytes);
    return NULL;
  }
  return buffer->device->ops->write(buffer->device, buffer->memory.address + offset, from, bytes);
}

vyre_status_t vyre_buffer_read(const vyre_buffer_t *buffer, uint64_t offset, void *to, uint64_t bytes) {
  VYRE_TRY(vyre_buffer_check(buffer, offset, bytes));
  if (bytes == 0) return NULL;
  if (buffer->memory.is_host) {
    memcpy(to, buffer->memory.host + offset, bytes);
    return NULL;
  }
  return buffer->device->ops->read(buffer->device, to, buffer->memory.address + offset, bytes);
}

/* Piece by piece through the copy engine: a memset would be a kernel beside the one that lives. */
vyre_status_t vyre_buffer_fill(vyre_buffer_t *buffer, uint64_t offset, uint8_t byte, uint64_t bytes) {
  enum { PIECE_BYTES = 1 << 20 };
  VYRE_TRY(vyre_buffer_check(buffer, offset, bytes));
  uint64_t piece_bytes = bytes < PIECE_BYTES ? bytes : PIECE_BYTES;
  if (piece_bytes == 0) return NULL;
  uint8_t *piece = vyre_alloc(piece_bytes);
  if (!piece) return vyre_out_of_memory(piece_bytes);
  memset(piece, byte, piece_bytes);
  vyre_status_t status = NULL;
  for (uint64_t at = 0; at < bytes && !status; at += piece_bytes) {
    uint64_t size = bytes - at < piece_bytes ? bytes - at : piece_bytes;
    status = vyre_buffer_write(buffer, offset + at, piece, size);
  }
  vyre_free(piece);
  return status;
}

vyre_status_t vyre_buffer_read_file(vyre_buffer_t *buffer, uint64_t offset, int fd, uint64_t file_offset,
                                    uint64_t bytes, uint64_t *out_read) {
  *out_read = 0;
  VYRE_TRY(vyre_buffer_check(buffer, offset, bytes));
  if (!buffer->read_file)
    return vyre_status_with_fix(vyre_status_make(VYRE_E_UNSUPPORTED, "reading a file into a buffer that is not mapped"),
                                "Make it with vyre_gpu_mapped_buffer, or read into memory of yours and write that.");
  return buffer->read_file(buffer, offset, fd, file_offset, bytes, out_read);
}
