/* Windows: memory that slots may name. The host keeps what each is made of; the kernel has a table of addresses. */
#include "device/buffer.h"
#include "megakernel/protocol.h"
#include "megakernel/session_state.h"

typedef struct record {
  uint64_t base, bytes;
  uint32_t is_host, reserved[3];
} record_t;
_Static_assert(sizeof(record_t) == VYRE_WINDOW_BYTES_EACH, "as in protocol.def");

/* `bytes` is what slots may reach: a device's memory may be larger than what was asked for. */
static vyre_status_t write_record(vyre_session_t *session, uint32_t handle, const vyre_memory_t *memory,
                                  uint64_t bytes) {
  record_t record = {.base = memory->address, .bytes = bytes, .is_host = memory->is_host};
  return session->device->ops->write(session->device, session->windows + (uint64_t)handle * sizeof record, &record,
                                     sizeof record);
}

static vyre_status_t need_start(const vyre_session_t *session) {
  return session->own.bytes ? NULL : vyre_status_make(VYRE_E_STATE, "windows are made after vyre_session_start");
}

/* What windows begin at: words and output blocks are told from misaligned ones by their offset alone. */
enum { WINDOW_ALIGNMENT = 8 };

/* `at` is where it begins, 0 for memory that is yet to be had. */
static vyre_status_t check_bytes(uintptr_t at, uint64_t bytes) {
  if (bytes == 0) return vyre_status_make(VYRE_E_ARGUMENT, "a window of no memory");
  if (bytes <= PTRDIFF_MAX && bytes <= UINTPTR_MAX - at) return NULL;
  return vyre_status_make(VYRE_E_ARGUMENT, "a window of %llu bytes is larger than any memory",
                          (unsigned long long)bytes);
}

/* Gives the memory to a free handle, which owns it from then on; on failure it stays the caller's. */
static vyre_status_t take_handle(vyre_session_t *session, const vyre_memory_t *memory, uint64_t bytes,
                                 uint32_t *out_handle) {
  pthread_mutex_lock(&session->lock);
  uint32_t handle = VYRE_WINDOW_FIRST, last = session->params.windows + 1;
  while (handle <= last && session->window_memory[handle].bytes) handle++;
  vyre_status_t status = handle <= last ? write_record(session, handle, memory, bytes)
                                        : vyre_status_make(VYRE_E_TABLE_FULL, "windows: %u are in use", last - 1);
  if (!status) {
    session->window_memory[handle] = *memory;
    *out_handle = handle;
  }
  pthread_mutex_unlock(&session->lock);
  return status;
}

static vyre_status_t own_window(vyre_session_t *session, vyre_memory_t *memory, uint64_t bytes, uint32_t *out_handle) {
  vyre_status_t status = take_handle(session, memory, bytes, out_handle);
  if (status) session->device->ops->release(session->device, memory);
  return status;
}

vyre_status_t vyre_session_window_allocate(vyre_session_t *session, vyre_memory_kind_t kind, uint64_t bytes,
                                           uint32_t *out_handle, vyre_memory_t *out_memory) {
  VYRE_TRY(need_start(session));
  VYRE_TRY(check_bytes(0, bytes));
  VYRE_TRY(session->device->ops->allocate(session->device, kind, bytes, out_memory));
  return own_window(session, out_memory, bytes, out_handle);
}

vyre_status_t vyre_session_window_bind(vyre_session_t *session, void *memory, uint64_t bytes, uint32_t *out_handle) {
  VYRE_TRY(need_start(session));
  if (!memory) return vyre_status_make(VYRE_E_ARGUMENT, "a window of no memory");
  if ((uintptr_t)memory % WINDOW_ALIGNMENT)
    return vyre_status_with_fix(
        vyre_status_make(VYRE_E_ARGUMENT, "a window at %p, no multiple of %d", memory, WINDOW_ALIGNMENT),
        "Bind from the multiple of 8 before it, and let slots name what they mean by its offset.");
  VYRE_TRY(check_bytes((uintptr_t)memory, bytes));
  vyre_memory_t bound;
  VYRE_TRY(session->device->ops->bind(session->device, memory, bytes, &bound));
  return own_window(session, &bound, bytes, out_handle);
}

vyre_status_t vyre_session_window_create(vyre_session_t *session, uint64_t bytes, uint32_t *out_handle,
                                         void **out_memory) {
  vyre_memory_t memory;
  VYRE_TRY(vyre_session_window_allocate(session, VYRE_MEMORY_HOST, bytes, out_handle, &memory));
  if (out_memory) *out_memory = memory.host;
  return NULL;
}

vyre_status_t vyre_session_window_buffer(vyre_session_t *session, vyre_buffer_t *buffer, uint64_t offset,
                                         uint64_t bytes, uint32_t *out_handle) {
  VYRE_TRY(need_start(session));
  if (buffer->device != session->device)
    return vyre_status_with_fix(vyre_status_make(VYRE_E_ARGUMENT, "a window over a buffer of another device"),
                                "Make the buffer with the device that the session was created with.");
  if (offset % WINDOW_ALIGNMENT)
    return vyre_status_make(VYRE_E_ARGUMENT, "a window from %llu on in a buffer, no multiple of %d",
                            (unsigned long long)offset, WINDOW_ALIGNMENT);
  VYRE_TRY(check_bytes(0, bytes));
  VYRE_TRY(vyre_buffer_check(buffer, offset, bytes));
  vyre_memory_t lent = {.address = buffer->memory.address + offset,
                        .host = buffer->memory.host ? buffer->memory.host + offset : NULL,
                        .bytes = bytes,
                        .is_host = buffer->memory.is_host};
  return take_handle(session, &lent, bytes, out_handle);
}

vyre_status_t vyre_session_window_remove(vyre_session_t *session, uint32_t handle) {
  VYRE_TRY(need_start(session));
  if (handle < VYRE_WINDOW_FIRST || handle > session->params.windows + 1)
    return vyre_status_make(VYRE_E_ARGUMENT, "window %u", handle);
  pthread_mutex_lock(&session->lock);
  vyre_memory_t *memory = &session->window_memory[handle];
  vyre_status_t status = memory->bytes ? write_record(session, handle, &(vyre_memory_t){0}, 0)
                                       : vyre_status_make(VYRE_E_ARGUMENT, "window %u is not in use", handle);
  /* A kernel that has ended needs no table; a lost device takes no writes. */
  if (status && memory->bytes && vyre_session_has_ended(session)) vyre_status_destroy(&status);
  if (!status) session->device->ops->release(session->device, memory);
  if (!status) *memory = (vyre_memory_t){0}; /* of a buffer, too, which is not the session's to release */
  pthread_mutex_unlock(&session->lock);
  return status;
}
