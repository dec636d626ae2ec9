#include "megakernel/session.h"
#include "stream/path.h"

vyre_status_t vyre_stream_mirror_init(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker,
                                      vyre_stream_mirror_t *mirror, uint64_t place_bytes) {
  vyre_memory_t memory;
  mirror->place_bytes = place_bytes;
  VYRE_TRY(vyre_session_window_allocate(pump->session, VYRE_MEMORY_DEVICE, place_bytes * pump->depth, &worker->window,
                                        &memory));
  mirror->address = memory.address;
  return pump->copy_ops->create(vyre_session_device(pump->session), pump->depth, &mirror->copies);
}

void vyre_stream_mirror_deinit(vyre_stream_pump_t *pump, vyre_stream_mirror_t *mirror) {
  if (mirror->copies) pump->copy_ops->destroy(mirror->copies);
  mirror->copies = NULL;
}

bool vyre_stream_mirror_begin(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_mirror_t *mirror,
                              vyre_stream_buffer_t *buffer, const void *from) {
  uint32_t index = vyre_stream_index_of(worker, buffer);
  vyre_status_t status =
      pump->copy_ops->submit(mirror->copies, mirror->address + index * mirror->place_bytes, from, buffer->chunk.bytes);
  if (status) {
    vyre_stream_lose(pump, buffer, 0, status);
    return false;
  }
  mirror->copying[mirror->begun++ % VYRE_STREAM_DEPTH_MAX] = index;
  return true;
}

/* A device that is lost ends no copies: they are given up. */
uint32_t vyre_stream_mirror_reap(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_mirror_t *mirror,
                                 void (*left)(vyre_stream_pump_t *, vyre_stream_worker_t *, vyre_stream_buffer_t *)) {
  if (mirror->ended == mirror->begun) return 0;
  uint64_t ended = mirror->ended;
  vyre_status_t status = pump->copy_ops->ended(mirror->copies, &ended);
  if (status) ended = mirror->begun;
  uint32_t count = 0;
  for (; mirror->ended < ended; mirror->ended++, count++) {
    vyre_stream_buffer_t *buffer = &worker->buffers[mirror->copying[mirror->ended % VYRE_STREAM_DEPTH_MAX]];
    if (left) left(pump, worker, buffer);
    if (!status && !atomic_load(&pump->has_failed)) {
      vyre_stream_arrive(pump, worker, buffer);
      continue;
    }
    vyre_stream_lose(pump, buffer, 0, status);
    status = NULL;
  }
  return count;
}
