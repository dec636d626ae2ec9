#include "device/fake_cuda.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "device/cuda/driver.h"

enum { PIECES_MAX = 256, EMPTY = 1, PONG = 2 };

_Atomic uint32_t fake_cuda_fail_in;
const char *fake_cuda_failed;
_Atomic int fake_cuda_alive;
_Atomic uint64_t fake_cuda_launches, fake_cuda_graph_launches;
bool fake_cuda_spoil_copy;

static void *pieces[PIECES_MAX]; /* memory that goes with the context */
static uint32_t piece_count;
static pthread_t pong_thread;
static bool is_ponging, is_capturing;
static _Atomic uint32_t *question, *answer;

static bool fails(const char *name) {
  uint32_t left = atomic_load(&fake_cuda_fail_in);
  do {
    if (left == 0) return false;
  } while (!atomic_compare_exchange_weak(&fake_cuda_fail_in, &left, left - 1));
  if (left == 1) fake_cuda_failed = name;
  return left == 1;
}

#define CALL(name) \
  if (fails(#name)) return FAKE_CUDA_ERROR

static vyre_cu_result_t get_error_name(vyre_cu_result_t error, const char **text) {
  (void)error;
  *text = "FAKE";
  return 0;
}

static vyre_cu_result_t get_count(int *count) {
  CALL(DeviceGetCount);
  *count = 1;
  return 0;
}

static vyre_cu_result_t get_device(vyre_cu_device_t *device, int ordinal) {
  CALL(DeviceGet);
  *device = ordinal;
  return 0;
}

static int context; /* its address is the handle */

static vyre_cu_result_t context_create(vyre_cu_context_t *out, unsigned flags, vyre_cu_device_t device) {
  CALL(CtxCreate);
  (void)flags, (void)device;
  fake_cuda_alive++;
  *out = (vyre_cu_context_t)(void *)&context;
  return 0;
}

static void end_pong(void) {
  if (!is_ponging) return;
  pthread_join(pong_thread, NULL);
  is_ponging = false;
  fake_cuda_alive--;
}

static vyre_cu_result_t context_destroy(vyre_cu_context_t handle) {
  (void)handle;
  bool failed = fails("CtxDestroy"); /* what fails to be destroyed is freed all the same, for the sanitizer's sake */
  end_pong();
  for (; piece_count > 0; piece_count--) {
    free(pieces[piece_count - 1]);
    fake_cuda_alive--;
  }
  fake_cuda_alive--;
  is_capturing = false;
  return failed ? FAKE_CUDA_ERROR : 0;
}

static vyre_cu_result_t context_synchronize(void) {
  CALL(CtxSynchronize);
  return 0;
}

static vyre_cu_result_t context_set(vyre_cu_context_t handle) {
  CALL(CtxSetCurrent);
  return (void *)handle == (void *)&context ? 0 : FAKE_CUDA_ERROR;
}

static vyre_cu_result_t link_create(unsigned count, int *options, void **values, vyre_cu_link_t *link) {
  CALL(LinkCreate);
  (void)count, (void)options, (void)values;
  *link = (vyre_cu_link_t)(void *)&context;
  return 0;
}

static vyre_cu_result_t link_add(vyre_cu_link_t link, int type, void *data, size_t size, const char *name,
                                 unsigned count, int *options, void **values) {
  CALL(LinkAddData);
  (void)link, (void)type, (void)name, (void)count, (void)options, (void)values;
  return ((char *)data)[size - 1] == '\0' ? 0 : FAKE_CUDA_ERROR;
}

static vyre_cu_result_t link_complete(vyre_cu_link_t link, void **cubin, size_t *size) {
  CALL(LinkComplete);
  static char bytes[] = "a cubin";
  (void)link;
  *cubin = bytes;
  *size = sizeof bytes;
  return 0;
}

static vyre_cu_result_t link_destroy(vyre_cu_link_t link) {
  CALL(LinkDestroy);
  (void)link;
  return 0;
}

static vyre_cu_result_t module_load(vyre_cu_module_t *module, const void *image) {
  CALL(ModuleLoadData);
  *module = (vyre_cu_module_t)(void *)&context;
  return strcmp(image, "a cubin") == 0 ? 0 : FAKE_CUDA_ERROR;
}

static vyre_cu_result_t module_function(vyre_cu_function_t *function, vyre_cu_module_t module, const char *name) {
  CALL(ModuleGetFunction);
  (void)module;
  int which = strcmp(name, "vyre_empty") == 0 ? EMPTY : strcmp(name, "vyre_pong") == 0 ? PONG : 0;
  *function = (vyre_cu_function_t)(uintptr_t)which;
  return which ? 0 : FAKE_CUDA_ERROR;
}

static void *run_pong(void *unused) {
  uint32_t last = 0, value;
  while ((value = atomic_load(question)) != UINT32_MAX) {
    if (value == last) {
      sched_yield();
      continue;
    }
    last = value;
    atomic_store(answer, value * 3 + 1);
  }
  return unused;
}

static vyre_cu_result_t launch(vyre_cu_function_t function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                               unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                               vyre_cu_stream_t stream, void **arguments, void **extra) {
  CALL(LaunchKernel);
  (void)shared_bytes, (void)stream, (void)extra;
  if (grid_x * grid_y * grid_z != 1 || block_x * block_y * block_z != 32) return FAKE_CUDA_ERROR;
  if (is_capturing) return 0;
  if (is_ponging) return FAKE_CUDA_ERROR; /* it would wait for the kernel before it on this stream */
  fake_cuda_launches++;
  if ((uintptr_t)function != PONG) return 0;
  question = (_Atomic uint32_t *)(uintptr_t) * (uint64_t *)arguments[0];
  answer = (_Atomic uint32_t *)(uintptr_t) * (uint64_t *)arguments[1];
  is_ponging = true;
  fake_cuda_alive++;
  return pthread_create(&pong_thread, NULL, run_pong, NULL) ? FAKE_CUDA_ERROR : 0;
}

static vyre_cu_result_t stream_create(vyre_cu_stream_t *stream, unsigned flags) {
  CALL(StreamCreate);
  *stream = (vyre_cu_stream_t)(void *)&context;
  return flags == 1 ? 0 : FAKE_CUDA_ERROR;
}

static vyre_cu_result_t stream_synchronize(vyre_cu_stream_t stream) {
  (void)stream;
  bool failed = fails("StreamSynchronize");
  end_pong();
  return failed ? FAKE_CUDA_ERROR : 0;
}

static vyre_cu_result_t capture_begin(vyre_cu_stream_t stream, int mode) {
  CALL(StreamBeginCapture);
  (void)stream, (void)mode;
  is_capturing = true;
  return 0;
}

static vyre_cu_result_t capture_end(vyre_cu_stream_t stream, vyre_cu_graph_t *graph) {
  CALL(StreamEndCapture);
  (void)stream;
  is_capturing = false;
  *graph = (vyre_cu_graph_t)(void *)&context;
  return 0;
}

static vyre_cu_result_t graph_instantiate(vyre_cu_graph_exec_t *exec, vyre_cu_graph_t graph, unsigned long long flags) {
  CALL(GraphInstantiate);
  (void)graph, (void)flags;
  *exec = (vyre_cu_graph_exec_t)(void *)&context;
  fake_cuda_alive++;
  return 0;
}

static vyre_cu_result_t graph_exec_destroy(vyre_cu_graph_exec_t exec) {
  (void)exec;
  fake_cuda_alive--;
  CALL(GraphExecDestroy);
  return 0;
}

static vyre_cu_result_t graph_launch(vyre_cu_graph_exec_t exec, vyre_cu_stream_t stream) {
  CALL(GraphLaunch);
  (void)exec, (void)stream;
  fake_cuda_graph_launches++;
  return is_ponging ? FAKE_CUDA_ERROR : 0;
}

static vyre_cu_result_t graph_destroy(vyre_cu_graph_t graph) {
  CALL(GraphDestroy);
  (void)graph;
  return 0;
}

static vyre_cu_result_t event_create(vyre_cu_event_t *event, unsigned flags) {
  CALL(EventCreate);
  (void)flags;
  *event = (vyre_cu_event_t)(void *)&context;
  return 0;
}

static vyre_cu_result_t event_record(vyre_cu_event_t event, vyre_cu_stream_t stream) {
  CALL(EventRecord);
  (void)event, (void)stream;
  return 0;
}

static vyre_cu_result_t event_synchronize(vyre_cu_event_t event) {
  CALL(EventSynchronize);
  (void)event;
  return 0;
}

static void *keep(size_t bytes) {
  void *memory = piece_count < PIECES_MAX ? aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095) : NULL;
  if (!memory) abort();
  memset(memory, 0xA5, bytes);
  pieces[piece_count++] = memory;
  fake_cuda_alive++;
  return memory;
}

static vyre_cu_result_t host_alloc(void **memory, size_t bytes, unsigned flags) {
  CALL(MemHostAlloc);
  (void)flags;
  *memory = keep(bytes);
  return 0;
}

static vyre_cu_result_t host_pointer(vyre_cu_address_t *address, void *memory, unsigned flags) {
  CALL(MemHostGetDevicePointer);
  (void)flags;
  *address = (uintptr_t)memory;
  return 0;
}

static vyre_cu_result_t device_alloc(vyre_cu_address_t *address, size_t bytes) {
  CALL(MemAlloc);
  *address = (uintptr_t)keep(bytes);
  return 0;
}

static vyre_cu_result_t set_bytes(vyre_cu_address_t address, unsigned char value, size_t bytes) {
  CALL(MemsetD8);
  memset((void *)(uintptr_t)address, value, bytes);
  return 0;
}

static vyre_cu_result_t copy_in(vyre_cu_address_t to, const void *from, size_t bytes, vyre_cu_stream_t stream) {
  CALL(MemcpyHtoDAsync);
  (void)stream;
  memcpy((void *)(uintptr_t)to, from, bytes - fake_cuda_spoil_copy);
  fake_cuda_spoil_copy = false;
  return 0;
}

static vyre_cu_result_t copy_out(void *to, vyre_cu_address_t from, size_t bytes) {
  CALL(MemcpyDtoH);
  memcpy(to, (void *)(uintptr_t)from, bytes);
  return 0;
}

vyre_status_t __wrap_vyre_cuda_load(const vyre_cuda_t **out_cuda);
vyre_status_t __wrap_vyre_cuda_load(const vyre_cuda_t **out_cuda) {
  static const vyre_cuda_t table = {
      .GetErrorName = get_error_name,
      .GetErrorString = get_error_name,
      .DeviceGetCount = get_count,
      .DeviceGet = get_device,
      .CtxCreate = context_create,
      .CtxDestroy = context_destroy,
      .CtxSynchronize = context_synchronize,
      .CtxSetCurrent = context_set,
      .LinkCreate = link_create,
      .LinkAddData = link_add,
      .LinkComplete = link_complete,
      .LinkDestroy = link_destroy,
      .ModuleLoadData = module_load,
      .ModuleGetFunction = module_function,
      .LaunchKernel = launch,
      .StreamCreate = stream_create,
      .StreamSynchronize = stream_synchronize,
      .StreamBeginCapture = capture_begin,
      .StreamEndCapture = capture_end,
      .GraphInstantiate = graph_instantiate,
      .GraphLaunch = graph_launch,
      .GraphDestroy = graph_destroy,
      .GraphExecDestroy = graph_exec_destroy,
      .EventCreate = event_create,
      .EventRecord = event_record,
      .EventSynchronize = event_synchronize,
      .MemHostAlloc = host_alloc,
      .MemHostGetDevicePointer = host_pointer,
      .MemAlloc = device_alloc,
      .MemsetD8 = set_bytes,
      .MemcpyHtoDAsync = copy_in,
      .MemcpyDtoH = copy_out,
  };
  *out_cuda = &table;
  return NULL;
}
