/* vyre/buffer.h: memory of a device, which the host fills and reads back, and which slots and streams work on.
 *
 *   vyre_buffer_create(device, bytes, &buffer);                            zeros, in the device's own memory
 *   vyre_buffer_write(buffer, 0, values, bytes);
 *   vyre_session_window_buffer(session, buffer, 0, bytes, &handle);        slots name it by the handle
 *   vyre_stream_open(session, opcode, &(vyre_stream_params_t){.buffer = buffer}, &stream);      or a stream reads it
 *
 * Owns:    its memory. Destroy it when no window, slot or stream names it any more, and before its device is closed.
 * Threads: any; calls that touch the same bytes at once, or bytes that a slot works on, race as they do in C.
 * Units:   bytes. Offsets of windows are multiples of 8.
 * Limits:  sessions of the buffer's own device.
 * Order:   what write, fill or read_file has brought is seen by slots that are submitted after it has returned; read
 *          gives what slots have stored whose completion was read before it. */
#ifndef VYRE_BUFFER_H
#define VYRE_BUFFER_H

#include <vyre/session.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vyre_buffer vyre_buffer_t;

/* Errors: VYRE_E_ARGUMENT (no bytes), _DEVICE_MEMORY with what is free, _MEMORY, _DRIVER. */
VYRE_API vyre_status_t vyre_buffer_create(vyre_device_t *device, uint64_t bytes, vyre_buffer_t **out_buffer);

/* Memory of the host that is registered with an io_uring of the buffer's own and mapped for the device at once: what
 * vyre_buffer_read_file brings is seen by the running kernel without a copy, over the bus. Beyond those of create:
 * VYRE_E_NO_URING, _MEMLOCK. At most 1 GiB. */
VYRE_API vyre_status_t vyre_gpu_mapped_buffer(vyre_device_t *device, uint64_t bytes, vyre_buffer_t **out_buffer);

VYRE_API void vyre_buffer_destroy(vyre_buffer_t **buffer); /* accepts NULL and a pointer to NULL */

VYRE_API uint64_t vyre_buffer_bytes(const vyre_buffer_t *buffer);
/* Where this process sees the bytes; NULL where they are a GPU's own. */
VYRE_API void *vyre_buffer_host(const vyre_buffer_t *buffer);

/* Return when the bytes are there. VYRE_E_ARGUMENT: a range outside of the buffer; VYRE_E_DRIVER. */
VYRE_API vyre_status_t vyre_buffer_write(vyre_buffer_t *buffer, uint64_t offset, const void *from, uint64_t bytes);
VYRE_API vyre_status_t vyre_buffer_read(const vyre_buffer_t *buffer, uint64_t offset, void *to, uint64_t bytes);
VYRE_API vyre_status_t vyre_buffer_fill(vyre_buffer_t *buffer, uint64_t offset, uint8_t byte, uint64_t bytes);

/* Of a mapped buffer: reads up to `bytes` bytes of the file from file_offset on by READ_FIXED, fewer where the file
 * ends, and says how many. One thread at a time. VYRE_E_UNSUPPORTED: the buffer is not mapped; VYRE_E_IO and others as
 * read(2) has them. */
VYRE_API vyre_status_t vyre_buffer_read_file(vyre_buffer_t *buffer, uint64_t offset, int fd, uint64_t file_offset,
                                             uint64_t bytes, uint64_t *out_read);

/* A window of the session over a part of the buffer, which it does not own: removed like any other
 * (vyre_session_window_remove). Errors as of vyre_session_window_create; VYRE_E_ARGUMENT: a buffer of another device, a
 * range outside, an offset that is no multiple of 8. */
VYRE_API vyre_status_t vyre_session_window_buffer(vyre_session_t *session, vyre_buffer_t *buffer, uint64_t offset,
                                                  uint64_t bytes, uint32_t *out_handle);

#ifdef __cplusplus
}
#endif
#endif
