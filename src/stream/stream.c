#include <vyre/stream.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ir/layout.h"
#include "megakernel/session.h"
#include "stream/path.h"
#include "stream/plan.h"

enum {
  CHUNK_BYTES_MIN = 4096,
  CHUNK_BYTES_MAX = 64 << 20,
  /* While a stream waits it looks this often whether the session still lives. */
  LOOK_MS = 100,
};

struct vyre_stream {
  vyre_stream_pump_t pump;
  vyre_stream_files_t files;
  const vyre_program_t *program; /* lent by the session */
  vyre_memory_t outputs;         /* the output block, a window in the device's memory */
  bool has_files, has_pump, is_attached;
  const char *reason;
  uint64_t start_ns;
};

static const vyre_param_t *stream_param(const vyre_program_t *program) {
  for (uint32_t i = 0; i < program->param_count; i++)
    if (program->params[i].role == VYRE_ROLE_STREAM) return &program->params[i];
  return NULL;
}

static bool is_named(const vyre_stream_params_t *p, const char *ingest) {
  return strcmp(p->ingest ? p->ingest : "auto", ingest) == 0;
}

static vyre_status_t check_source(const vyre_stream_params_t *p) {
  if (!p || (!p->buffer && (!p->paths || p->path_count == 0))) return vyre_status_make(VYRE_E_ARGUMENT, "no files");
  if (p->buffer && p->path_count) return vyre_status_make(VYRE_E_ARGUMENT, "files and a buffer");
  if (p->buffer && p->ingest && !is_named(p, "auto"))
    return vyre_status_make(VYRE_E_ARGUMENT, "the ingest path '%s' for a buffer, whose bytes are there", p->ingest);
  for (uint32_t i = 0; i < p->path_count; i++)
    if (!p->paths[i]) return vyre_status_make(VYRE_E_ARGUMENT, "paths[%u] is NULL", i);
  return NULL;
}

static vyre_status_t check_params(const vyre_stream_params_t *p) {
  VYRE_TRY(check_source(p));
  if (!is_named(p, "auto") && !is_named(p, "fixed") && !is_named(p, "direct") && !is_named(p, "mapped"))
    return vyre_status_with_fix(vyre_status_make(VYRE_E_UNSUPPORTED, "the ingest path '%s'", p->ingest),
                                "Use --ingest fixed, direct, mapped or auto.");
  if (p->chunk_bytes && (p->chunk_bytes % CHUNK_BYTES_MIN || p->chunk_bytes > CHUNK_BYTES_MAX))
    return vyre_status_make(VYRE_E_ARGUMENT, "chunks of %u bytes; a multiple of %d up to %d is needed", p->chunk_bytes,
                            CHUNK_BYTES_MIN, CHUNK_BYTES_MAX);
  if (p->depth > VYRE_STREAM_DEPTH_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "depth %u; at most %d is allowed", p->depth, VYRE_STREAM_DEPTH_MAX);
  return NULL;
}

static vyre_status_t open_outputs(vyre_stream_t *stream, vyre_session_t *session) {
  vyre_layout_t layout;
  vyre_program_layout(stream->program, &layout);
  if (layout.output_bytes == 0) return NULL;
  VYRE_TRY(vyre_session_window_allocate(session, VYRE_MEMORY_DEVICE, layout.output_bytes, &stream->pump.output_window,
                                        &stream->outputs));
  void *block = vyre_alloc(layout.output_bytes);
  if (!block) return vyre_out_of_memory(layout.output_bytes);
  vyre_program_init_outputs(stream->program, block);
  const vyre_device_ops_t *ops = vyre_session_device(session)->ops;
  vyre_status_t status = ops->write(vyre_session_device(session), stream->outputs.address, block, layout.output_bytes);
  vyre_free(block);
  return status;
}

static vyre_status_t refuse(const vyre_program_t *program, const char *what, const vyre_param_t *param) {
  return vyre_status_with_fix(
      vyre_program_error(program, VYRE_E_UNSUPPORTED, param ? param->position : 0, "a stream does not run %s yet%s%s",
                         what, param ? ": " : "", param ? param->name : ""),
      "Submit the chunks as slots of a session, each with an output block of its own.");
}

/* All chunks share one block of outputs, each is seen alone, and their slots bring nothing else. */
static vyre_status_t check_program(const vyre_session_t *session, uint32_t opcode, const vyre_program_t *program,
                                   const vyre_param_t *param) {
  for (uint32_t i = 0; i < program->param_count; i++)
    if (vyre_output_is_ordered(&program->params[i]))
      return refuse(program, "outputs that are folded in the order of the chunks", &program->params[i]);
  if (program->has_finish) return refuse(program, "finish", NULL);
  if (program->chunk_bytes) return refuse(program, "a chunk size of the Program's own", NULL);
  if (vyre_param_has_halo(param)) return refuse(program, "a halo", param);
  const vyre_param_t *operand = vyre_session_operand(session, opcode);
  if (!operand) return NULL;
  if (operand->role == VYRE_ROLE_WINDOW) return refuse(program, "windows", operand);
  return vyre_status_with_fix(
      vyre_program_error(program, VYRE_E_ARGUMENT, operand->position, "the parameter '%s' has no value", operand->name),
      "Give it with vyre_session_set_param before start, or with `--param %s=VALUE`.", operand->name);
}

static const char *reason_of(const vyre_stream_params_t *params) {
  if (params->buffer) return "the bytes are on the device";
  if (!is_named(params, "auto")) return "named";
  return "auto: fixed for what the page cache holds, direct for the rest";
}

/* Of a buffer: where in it the stream lies. */
static vyre_status_t choose_source(vyre_stream_t *stream, const vyre_stream_params_t *params, uint32_t chunk_bytes,
                                   uint32_t element_bytes) {
  uint64_t bytes = params->buffer_bytes, size = vyre_buffer_bytes(params->buffer);
  if (bytes == 0 && params->buffer_offset < size) bytes = size - params->buffer_offset;
  VYRE_TRY(vyre_buffer_check(params->buffer, params->buffer_offset, bytes));
  if (params->buffer_offset % 8 || bytes % element_bytes)
    return vyre_status_make(VYRE_E_ARGUMENT,
                            "%llu bytes of a buffer from %llu on: the offset is a multiple of 8, the "
                            "bytes one of the stream's element, %u",
                            (unsigned long long)bytes, (unsigned long long)params->buffer_offset, element_bytes);
  stream->pump.source = params->buffer;
  stream->pump.source_offset = params->buffer_offset;
  stream->pump.path = &vyre_stream_path_resident;
  return vyre_stream_files_of_buffer(&stream->files, bytes, chunk_bytes);
}

static vyre_status_t choose_path(vyre_stream_t *stream, const vyre_stream_params_t *params, uint32_t chunk_bytes,
                                 uint32_t element_bytes) {
  vyre_stream_pump_t *pump = &stream->pump;
  if (params->buffer) return choose_source(stream, params, chunk_bytes, element_bytes);
  pump->is_direct = is_named(params, "direct");
  pump->is_auto = is_named(params, "auto");
  pump->path = pump->copy_ops ? &vyre_stream_path_read_copied : &vyre_stream_path_read;
  if (is_named(params, "mapped")) {
    if (!pump->copy_ops)
      return vyre_status_with_fix(vyre_status_make(VYRE_E_UNSUPPORTED, "the ingest path 'mapped' on %s",
                                                   vyre_session_device(pump->session)->name),
                                  "Use --ingest fixed, direct or auto: 'mapped' is for the copy engine of a GPU.");
    pump->path = &vyre_stream_path_mapped;
  }
  vyre_stream_direct_t direct = pump->is_direct ? VYRE_STREAM_DIRECT
                                : pump->is_auto ? VYRE_STREAM_DIRECT_IF_ABLE
                                                : VYRE_STREAM_CACHED;
  return vyre_stream_files_open(&stream->files, params->paths, params->path_count, chunk_bytes, element_bytes, direct);
}

static vyre_status_t open_stream(vyre_stream_t *stream, vyre_session_t *session, uint32_t opcode,
                                 const vyre_stream_params_t *params) {
  const vyre_param_t *param = stream_param(stream->program);
  if (!param)
    return vyre_status_with_fix(
        vyre_status_make(VYRE_E_ARGUMENT, "the Program %s reads no stream", stream->program->name),
        "Declare one in the Program: `stream data : u8`.");
  VYRE_TRY(check_program(session, opcode, stream->program, param));
  uint32_t workers = vyre_session_pumps(session);
  vyre_device_t *device = vyre_session_device(session);
  vyre_stream_plan_t plan;
  VYRE_TRY(vyre_stream_plan(device, params, workers, &plan));
  stream->pump.session = session;
  stream->pump.copy_ops = device->ops->copies;
  stream->has_files = true;
  VYRE_TRY(choose_path(stream, params, plan.chunk_bytes, vyre_type_bytes(param->type)));
  VYRE_TRY(open_outputs(stream, session));
  stream->pump.opcode = opcode;
  stream->pump.depth = plan.depth;
  stream->pump.needs_order = stream->program->needs_order;
  stream->pump.files = &stream->files;
  stream->pump.worker_count = workers;
  stream->has_pump = true;
  VYRE_TRY(vyre_stream_pump_init(&stream->pump));
  VYRE_TRY(vyre_session_attach(session, &stream->pump.base));
  stream->is_attached = true;
  return NULL;
}

vyre_status_t vyre_stream_open(vyre_session_t *session, uint32_t opcode, const vyre_stream_params_t *params,
                               vyre_stream_t **out_stream) {
  VYRE_TRY(check_params(params));
  const vyre_program_t *program = vyre_session_program(session, opcode);
  if (!program) return vyre_status_make(VYRE_E_OPCODE_RANGE, "no Program is registered as 0x%x", opcode);
  vyre_stream_t *stream = vyre_calloc(1, sizeof *stream);
  if (!stream) return vyre_out_of_memory(sizeof *stream);
  stream->program = program;
  stream->start_ns = vyre_clock_ns();
  stream->reason = reason_of(params);
  vyre_status_t status = open_stream(stream, session, opcode, params);
  if (status) {
    vyre_stream_close(&stream);
    return status;
  }
  *out_stream = stream;
  return NULL;
}

/* When the session has ended no worker pumps any more: what is in flight is brought to its end here. */
static void pump_for_ended_session(vyre_stream_t *stream) {
  if (!vyre_session_has_ended(stream->pump.session)) return;
  vyre_stream_request_shutdown(stream);
  if (vyre_session_pumps_on(stream->pump.session)) return;
  for (uint32_t i = 0; i < stream->pump.worker_count; i++) {
    stream->pump.base.run(&stream->pump.base, i);
    stream->pump.base.wait(&stream->pump.base, i, VYRE_NS_PER_MS);
  }
}

static bool wait_finished(vyre_stream_t *stream, uint64_t timeout_ns) {
  vyre_stream_pump_t *pump = &stream->pump;
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  while (!atomic_load(&pump->is_finished)) {
    pump_for_ended_session(stream);
    uint64_t now_ns = vyre_clock_ns();
    if (atomic_load(&pump->is_finished)) break;
    if (now_ns >= deadline_ns || vyre_session_is_stuck(pump->session)) return false;
    uint64_t until_ns = now_ns + LOOK_MS * VYRE_NS_PER_MS;
    if (until_ns > deadline_ns) until_ns = deadline_ns;
    struct timespec until = {(time_t)(until_ns / VYRE_NS_PER_S), (long)(until_ns % VYRE_NS_PER_S)};
    pthread_mutex_lock(&pump->lock);
    int waited = 0;
    while (!atomic_load(&pump->is_finished) && waited != ETIMEDOUT)
      waited = pthread_cond_timedwait(&pump->finished, &pump->lock, &until);
    pthread_mutex_unlock(&pump->lock);
  }
  return true;
}

/* Every chunk of every file went through the Program. */
static bool is_complete(const vyre_stream_t *stream) {
  const vyre_stream_pump_t *pump = &stream->pump;
  return atomic_load(&pump->is_finished) && !atomic_load(&pump->has_failed) && !vyre_stream_files_has_next(pump->files);
}

vyre_status_t vyre_stream_wait(vyre_stream_t *stream, uint64_t timeout_ns, bool *out_finished) {
  vyre_stream_pump_t *pump = &stream->pump;
  *out_finished = wait_finished(stream, timeout_ns);
  if (!*out_finished && vyre_session_is_stuck(pump->session)) return vyre_status_fixed(VYRE_E_DEVICE_STUCK);
  if (!*out_finished) return NULL;
  pthread_mutex_lock(&pump->lock);
  vyre_status_t status = pump->failure;
  pump->failure = NULL;
  pthread_mutex_unlock(&pump->lock);
  if (status || is_complete(stream)) return status;
  if (atomic_load(&pump->has_failed))
    return vyre_status_make(VYRE_E_STATE, "the stream failed; the wait before this one gave its error");
  return vyre_status_make(VYRE_E_STOPPED, "%llu of %llu bytes were finished",
                          (unsigned long long)atomic_load(&pump->bytes_done), (unsigned long long)stream->files.bytes);
}

vyre_stream_progress_t vyre_stream_progress(const vyre_stream_t *stream) {
  return (vyre_stream_progress_t){.bytes_done = atomic_load(&stream->pump.bytes_done),
                                  .bytes_total = stream->files.bytes};
}

void vyre_stream_request_shutdown(vyre_stream_t *stream) { atomic_store(&stream->pump.stop_requested, true); }

vyre_status_t vyre_stream_output(const vyre_stream_t *stream, uint32_t index, void *values, size_t bytes) {
  if (!is_complete(stream))
    return vyre_status_make(VYRE_E_STATE, "the stream has not finished, or not without an error");
  vyre_layout_t layout;
  vyre_program_layout(stream->program, &layout);
  uint32_t seen = 0;
  for (uint32_t i = 0; i < stream->program->param_count; i++) {
    const vyre_param_t *param = &stream->program->params[i];
    if (param->role != VYRE_ROLE_OUTPUT || seen++ != index) continue;
    size_t size = (size_t)vyre_type_bytes(param->type) * (param->count ? param->count : 1);
    if (bytes != size)
      return vyre_status_make(VYRE_E_ARGUMENT, "output %s has %zu bytes, not %zu", param->name, size, bytes);
    vyre_device_t *device = vyre_session_device(stream->pump.session);
    return device->ops->read(device, values, stream->outputs.address + layout.output_offset[i], size);
  }
  return vyre_status_make(VYRE_E_ARGUMENT, "the Program has %u outputs", seen);
}

static const char *name_of(const vyre_stream_pump_t *pump) {
  if (pump->path == &vyre_stream_path_resident) return "resident";
  if (pump->path == &vyre_stream_path_mapped) return "mapped";
  if (!atomic_load(&pump->bytes_direct))
    return pump->is_direct && atomic_load(&pump->bytes_done) == 0 ? "direct" : "fixed";
  return atomic_load(&pump->bytes_cached) && !pump->is_direct ? "fixed and direct" : "direct";
}

vyre_stream_report_t vyre_stream_report(const vyre_stream_t *stream) {
  const vyre_stream_pump_t *pump = &stream->pump;
  uint64_t done = atomic_load(&pump->bytes_done), end_ns = atomic_load(&pump->end_ns);
  if (end_ns == 0) end_ns = vyre_clock_ns();
  return (vyre_stream_report_t){.ingest = name_of(pump),
                                .ingest_reason = stream->reason,
                                .bytes = done,
                                .bytes_cpu_copied = atomic_load(&pump->bytes_cached),
                                .bytes_fixed = atomic_load(&pump->bytes_cached),
                                .bytes_direct = atomic_load(&pump->bytes_direct),
                                .slots = atomic_load(&pump->slots),
                                .faults = atomic_load(&pump->faults),
                                .seconds = (double)(end_ns - stream->start_ns) / (double)VYRE_NS_PER_S,
                                .chunk_bytes = stream->files.chunk_bytes,
                                .depth = pump->depth};
}

void vyre_stream_close(vyre_stream_t **stream_pointer) {
  if (!stream_pointer || !*stream_pointer) return;
  vyre_stream_t *stream = *stream_pointer;
  *stream_pointer = NULL;
  if (stream->is_attached) {
    vyre_stream_request_shutdown(stream);
    /* A stuck worker may still read and write what the stream owns: it stays, on purpose. */
    if (!wait_finished(stream, VYRE_FOREVER)) return;
    vyre_session_detach(stream->pump.session, &stream->pump.base);
  }
  if (stream->has_pump) vyre_stream_pump_deinit(&stream->pump);
  if (stream->pump.output_window) {
    vyre_status_t status = vyre_session_window_remove(stream->pump.session, stream->pump.output_window);
    vyre_status_destroy(&status); /* a GPU may refuse: the memory is the session's, until its end */
  }
  if (stream->has_files) vyre_stream_files_close(&stream->files);
  vyre_free(stream);
}
