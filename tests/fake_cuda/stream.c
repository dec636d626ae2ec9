/* Streams, events, graphs: what is put on a stream, kernels apart, is done when the call returns. */
#include <stdio.h>
#include <stdlib.h>

#include "fake_cuda/state.h"

static fake_object_t *stream_of(vyre_cu_stream_t handle, const fake_object_t *context) {
  fake_object_t *stream = (void *)handle;
  return fake_object_is(stream, A_STREAM) && stream->context == context ? stream : NULL;
}

vyre_cu_result_t fake_StreamCreate(vyre_cu_stream_t *stream, unsigned flags) {
  FAKE_BEGIN_IN(StreamCreate, context);
  if (flags != 1) return INVALID_VALUE; /* one that waits for the default stream would wait for others' work */
  *stream = (vyre_cu_stream_t)(void *)fake_object_add(A_STREAM, context);
  return 0;
}

static void join(fake_object_t *stream) {
  if (!stream->kernel.is_there) return;
  pthread_join(stream->kernel.thread, NULL);
  stream->kernel.is_there = false;
}

void fake_streams_of_context_join(fake_object_t *context) {
  fake_object_t *stream;
  while ((stream = fake_stream_joinable(context)) != NULL) join(stream);
}

vyre_cu_result_t fake_StreamDestroy(vyre_cu_stream_t handle) {
  vyre_cu_result_t told = fake_count("cuStreamDestroy");
  fake_object_t *context, *stream = (void *)handle;
  vyre_cu_result_t result = fake_need_context(&context);
  if (result) return result;
  if (!stream_of(handle, context)) return INVALID_HANDLE;
  if (fake_kernel_runs(stream)) {
    fprintf(stderr, "fake cuda: cuStreamDestroy, and its kernel runs: nobody can ask for its end any more\n");
    abort();
  }
  join(stream);
  fake_object_drop(stream);
  return told;
}

/* The first look after the end of a kernel that was lost takes the context with it. */
static vyre_cu_result_t look(fake_object_t *stream) {
  if (!stream->kernel.is_there) return stream->context->lost;
  int result = atomic_load(&stream->kernel.result);
  if (result == NOT_READY) return NOT_READY;
  join(stream);
  if (result) stream->context->lost = result;
  return stream->context->lost;
}

vyre_cu_result_t fake_StreamQuery(vyre_cu_stream_t handle) {
  vyre_cu_result_t told = fake_count("cuStreamQuery");
  fake_object_t *stream = (void *)handle;
  if (!fake_object_is(stream, A_STREAM)) return INVALID_HANDLE;
  if (!told) return look(stream);
  fake_kernel_lose(stream);
  join(stream);
  return stream->context->lost = told;
}

vyre_cu_result_t fake_StreamSynchronize(vyre_cu_stream_t handle) {
  vyre_cu_result_t told = fake_count("cuStreamSynchronize");
  fake_object_t *context;
  vyre_cu_result_t result = fake_need_context(&context);
  if (result) return result;
  fake_object_t *stream = stream_of(handle, context);
  if (!stream) return INVALID_HANDLE;
  if (fake_kernel_runs(stream) && stream->kernel.is_megakernel) {
    fprintf(stderr, "fake cuda: cuStreamSynchronize would wait for the megakernel\n");
    abort();
  }
  join(stream);
  result = look(stream);
  return result ? result : told;
}

/* ---- events ---- */

vyre_cu_result_t fake_EventCreate(vyre_cu_event_t *event, unsigned flags) {
  FAKE_BEGIN_IN(EventCreate, context);
  (void)flags;
  *event = (vyre_cu_event_t)(void *)fake_object_add(AN_EVENT, context);
  return 0;
}

vyre_cu_result_t fake_EventDestroy(vyre_cu_event_t event) {
  vyre_cu_result_t told = fake_count("cuEventDestroy");
  fake_object_t *context, *object = (void *)event;
  vyre_cu_result_t result = fake_need_context(&context);
  if (result) return result;
  if (!fake_object_is(object, AN_EVENT)) return INVALID_HANDLE;
  fake_object_drop(object);
  return told;
}

vyre_cu_result_t fake_EventRecord(vyre_cu_event_t event, vyre_cu_stream_t stream) {
  FAKE_BEGIN_IN(EventRecord, context);
  return fake_object_is(event, AN_EVENT) && stream_of(stream, context) ? 0 : INVALID_HANDLE;
}

static vyre_cu_result_t event_result(vyre_cu_event_t event) {
  return fake_object_is(event, AN_EVENT) ? ((fake_object_t *)(void *)event)->context->lost : INVALID_HANDLE;
}

vyre_cu_result_t fake_EventQuery(vyre_cu_event_t event) {
  FAKE_BEGIN(EventQuery);
  return event_result(event);
}

vyre_cu_result_t fake_EventSynchronize(vyre_cu_event_t event) {
  FAKE_BEGIN(EventSynchronize);
  return event_result(event);
}

/* ---- graphs of one empty kernel ---- */

vyre_cu_result_t fake_StreamBeginCapture(vyre_cu_stream_t handle, int mode) {
  FAKE_BEGIN_IN(StreamBeginCapture, context);
  (void)mode;
  fake_object_t *stream = stream_of(handle, context);
  if (!stream) return INVALID_HANDLE;
  stream->is_capturing = true;
  return 0;
}

vyre_cu_result_t fake_StreamEndCapture(vyre_cu_stream_t handle, vyre_cu_graph_t *graph) {
  FAKE_BEGIN_IN(StreamEndCapture, context);
  fake_object_t *stream = stream_of(handle, context);
  if (!stream || !stream->is_capturing) return INVALID_HANDLE;
  stream->is_capturing = false;
  *graph = (vyre_cu_graph_t)(void *)fake_object_add(A_GRAPH, context);
  return 0;
}

vyre_cu_result_t fake_GraphInstantiate(vyre_cu_graph_exec_t *exec, vyre_cu_graph_t graph, unsigned long long flags) {
  FAKE_BEGIN_IN(GraphInstantiateWithFlags, context);
  if (!fake_object_is(graph, A_GRAPH) || flags) return INVALID_HANDLE;
  *exec = (vyre_cu_graph_exec_t)(void *)fake_object_add(A_GRAPH_EXEC, context);
  return 0;
}

vyre_cu_result_t fake_GraphLaunch(vyre_cu_graph_exec_t exec, vyre_cu_stream_t handle) {
  FAKE_BEGIN_IN(GraphLaunch, context);
  fake_object_t *stream = stream_of(handle, context);
  if (!stream || !fake_object_is(exec, A_GRAPH_EXEC)) return INVALID_HANDLE;
  if (fake_kernel_runs(stream)) return INVALID_VALUE; /* it would wait for the kernel before it on this stream */
  fake_graph_launches++;
  return 0;
}

static vyre_cu_result_t drop(void *handle, fake_kind_t kind, vyre_cu_result_t told) {
  if (!fake_object_is(handle, kind)) return INVALID_HANDLE;
  fake_object_drop(handle);
  return told;
}

vyre_cu_result_t fake_GraphExecDestroy(vyre_cu_graph_exec_t exec) {
  return drop(exec, A_GRAPH_EXEC, fake_count("cuGraphExecDestroy"));
}

vyre_cu_result_t fake_GraphDestroy(vyre_cu_graph_t graph) { return drop(graph, A_GRAPH, fake_count("cuGraphDestroy")); }
