/* The bytes are in a buffer of the device's already: the chunk is published where it lies. */
#include "megakernel/session.h"
#include "stream/path.h"

static vyre_status_t init(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  return vyre_session_window_buffer(pump->session, pump->source, 0, vyre_buffer_bytes(pump->source), &worker->window);
}

static void deinit(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) { (void)pump, (void)worker; }

static bool begin(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker, vyre_stream_buffer_t *buffer) {
  vyre_stream_arrive(pump, worker, buffer);
  return true;
}

static uint32_t progress(vyre_stream_pump_t *pump, vyre_stream_worker_t *worker) {
  (void)pump, (void)worker;
  return 0;
}

static uint64_t place(const vyre_stream_pump_t *pump, const vyre_stream_worker_t *worker,
                      const vyre_stream_buffer_t *buffer) {
  (void)worker;
  return pump->source_offset + buffer->chunk.offset;
}

const vyre_stream_path_t vyre_stream_path_resident = {
    .init = init, .deinit = deinit, .begin = begin, .progress = progress, .place = place, .begins_all = true};
