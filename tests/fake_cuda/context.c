/* Devices, contexts, links and modules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"
#include "fake_cuda/state.h"

enum { DEPTH_MAX = 16, ERROR_LOG = 5, ERROR_LOG_BYTES = 6 };

static _Thread_local fake_object_t *stack[DEPTH_MAX];
static _Thread_local unsigned depth;

/* ---- errors, the driver, devices ---- */

vyre_cu_result_t fake_GetErrorName(vyre_cu_result_t error, const char **text) {
  *text = error == OUT_OF_MEMORY     ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == NO_DEVICE       ? "CUDA_ERROR_NO_DEVICE"
          : error == INVALID_PTX     ? "CUDA_ERROR_INVALID_PTX"
          : error == ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                     : "CUDA_ERROR_FAKE";
  return 0;
}

vyre_cu_result_t fake_GetErrorString(vyre_cu_result_t error, const char **text) {
  (void)error;
  *text = "as the test has it";
  return 0;
}

vyre_cu_result_t fake_Init(unsigned flags) {
  FAKE_BEGIN(Init);
  return flags == 0 ? 0 : INVALID_VALUE;
}

vyre_cu_result_t fake_DriverGetVersion(int *version) {
  FAKE_BEGIN(DriverGetVersion);
  *version = fake_settings.version;
  return 0;
}

vyre_cu_result_t fake_DeviceGetCount(int *count) {
  FAKE_BEGIN(DeviceGetCount);
  *count = fake_settings.devices;
  return 0;
}

vyre_cu_result_t fake_DeviceGet(vyre_cu_device_t *device, int ordinal) {
  FAKE_BEGIN(DeviceGet);
  *device = ordinal;
  return ordinal < fake_settings.devices ? 0 : INVALID_DEVICE;
}

vyre_cu_result_t fake_DeviceGetName(char *name, int length, vyre_cu_device_t device) {
  FAKE_BEGIN(DeviceGetName);
  snprintf(name, (size_t)length, "Fake GPU %d", device);
  return 0;
}

vyre_cu_result_t fake_DeviceTotalMem(size_t *bytes, vyre_cu_device_t device) {
  FAKE_BEGIN(DeviceTotalMem);
  *bytes = fake_settings.memory_bytes;
  return device < fake_settings.devices ? 0 : INVALID_DEVICE;
}

vyre_cu_result_t fake_DeviceGetAttribute(int *value, int attribute, vyre_cu_device_t device) {
  FAKE_BEGIN(DeviceGetAttribute);
  if (device >= fake_settings.devices) return INVALID_DEVICE;
  switch (attribute) {
    case 16: *value = fake_settings.multiprocessors; return 0;
    case 17: *value = fake_settings.watchdog; return 0;
    case 75: *value = fake_settings.major; return 0;
    case 76: *value = fake_settings.minor; return 0;
    case 102: *value = fake_settings.vmm; return 0;
    default: return INVALID_VALUE;
  }
}

/* ---- contexts ---- */

fake_object_t *fake_current(void) { return depth ? stack[depth - 1] : NULL; }

static void push(fake_object_t *context) {
  if (depth == DEPTH_MAX) {
    fprintf(stderr, "fake cuda: %d contexts were pushed and never popped\n", DEPTH_MAX);
    abort();
  }
  stack[depth++] = context;
}

vyre_cu_result_t fake_need_context(fake_object_t **out_context) {
  *out_context = fake_current();
  return *out_context ? (*out_context)->lost : INVALID_CONTEXT;
}

void fake_would_wait(const fake_object_t *context, const char *call) {
  fake_object_t *stream = fake_stream_running(context);
  if (!stream || !stream->kernel.is_megakernel) return;
  fprintf(stderr, "fake cuda: %s would wait for the kernel that runs in this context\n", call);
  abort();
}

vyre_cu_result_t fake_CtxCreate(vyre_cu_context_t *context, unsigned flags, vyre_cu_device_t device) {
  FAKE_BEGIN(CtxCreate);
  (void)flags;
  if (device >= fake_settings.devices) return INVALID_DEVICE;
  fake_object_t *object = fake_object_add(A_CONTEXT, NULL);
  push(object);
  *context = (vyre_cu_context_t)(void *)object;
  return 0;
}

vyre_cu_result_t fake_CtxDestroy(vyre_cu_context_t handle) {
  vyre_cu_result_t result = fake_count("cuCtxDestroy");
  fake_object_t *context = (void *)handle, *stream;
  if (!fake_object_is(context, A_CONTEXT)) return INVALID_CONTEXT;
  fake_would_wait(context, "cuCtxDestroy");
  while ((stream = fake_stream_running(context)) != NULL) fake_kernel_end(stream);
  fake_streams_of_context_join(context);
  fake_objects_of_context_drop(context);
  if (fake_current() == context) depth--;
  fake_object_drop(context);
  return result;
}

vyre_cu_result_t fake_CtxSynchronize(void) {
  FAKE_BEGIN_IN(CtxSynchronize, context);
  fake_would_wait(context, "cuCtxSynchronize");
  return 0;
}

vyre_cu_result_t fake_CtxPushCurrent(vyre_cu_context_t handle) {
  FAKE_BEGIN(CtxPushCurrent);
  if (!fake_object_is(handle, A_CONTEXT)) return INVALID_CONTEXT;
  push((void *)handle);
  return 0;
}

vyre_cu_result_t fake_CtxPopCurrent(vyre_cu_context_t *context) {
  vyre_cu_result_t result = fake_count("cuCtxPopCurrent");
  if (depth == 0) return INVALID_CONTEXT;
  *context = (vyre_cu_context_t)(void *)stack[--depth];
  return result;
}

vyre_cu_result_t fake_CtxSetCurrent(vyre_cu_context_t handle) {
  FAKE_BEGIN(CtxSetCurrent);
  if (!fake_object_is(handle, A_CONTEXT)) return INVALID_CONTEXT;
  if (depth) depth--;
  push((void *)handle);
  return 0;
}

/* ---- links: a cubin is the text itself ---- */

vyre_cu_result_t fake_LinkCreate(unsigned count, int *options, void **values, vyre_cu_link_t *link) {
  FAKE_BEGIN_IN(LinkCreate, context);
  fake_object_t *object = fake_object_add(A_LINK, context);
  for (unsigned i = 0; i < count; i++) {
    if (options[i] == ERROR_LOG) object->log = values[i];
    if (options[i] == ERROR_LOG_BYTES) object->log_bytes = (size_t)(uintptr_t)values[i];
  }
  *link = (vyre_cu_link_t)(void *)object;
  return 0;
}

vyre_cu_result_t fake_LinkAddData(vyre_cu_link_t link, int type, void *data, size_t size, const char *name,
                                  unsigned count, int *options, void **values) {
  FAKE_BEGIN_IN(LinkAddData, context);
  (void)name, (void)count, (void)options, (void)values;
  fake_object_t *object = (void *)link;
  if (!fake_object_is(object, A_LINK) || object->context != context) return INVALID_HANDLE;
  if (type != 1 || size == 0 || ((char *)data)[size - 1] != '\0' || object->memory) return INVALID_VALUE;
  if (fake_settings.refuses_ptx || !strstr(data, ".version")) {
    if (object->log) snprintf(object->log, object->log_bytes, "ptxas fake, line 1; fatal : this text is refused");
    return INVALID_PTX;
  }
  object->memory = malloc(size);
  if (!object->memory) abort();
  memcpy(object->memory, data, size);
  object->bytes = size;
  return 0;
}

vyre_cu_result_t fake_LinkComplete(vyre_cu_link_t link, void **cubin, size_t *size) {
  FAKE_BEGIN_IN(LinkComplete, context);
  fake_object_t *object = (void *)link;
  if (!fake_object_is(object, A_LINK) || object->context != context) return INVALID_HANDLE;
  *cubin = object->memory;
  *size = object->bytes;
  return object->memory ? 0 : INVALID_VALUE;
}

vyre_cu_result_t fake_LinkDestroy(vyre_cu_link_t link) {
  vyre_cu_result_t result = fake_count("cuLinkDestroy");
  if (!fake_object_is(link, A_LINK)) return INVALID_HANDLE;
  fake_object_drop((void *)link);
  return result;
}

/* ---- modules ---- */

vyre_cu_result_t fake_ModuleLoadData(vyre_cu_module_t *module, const void *image) {
  FAKE_BEGIN_IN(ModuleLoadData, context);
  fake_would_wait(context, "cuModuleLoadData");
  if (!strstr(image, ".version")) return INVALID_PTX;
  fake_object_t *object = fake_object_add(A_MODULE, context);
  object->memory = strdup(image);
  if (!object->memory) abort();
  *module = (vyre_cu_module_t)(void *)object;
  return 0;
}

vyre_cu_result_t fake_ModuleUnload(vyre_cu_module_t module) {
  vyre_cu_result_t result = fake_count("cuModuleUnload");
  fake_object_t *object = (void *)module;
  if (!fake_object_is(object, A_MODULE)) return INVALID_HANDLE;
  fake_would_wait(object->context, "cuModuleUnload");
  if (!object->context->lost) fake_object_drop(object);
  return result;
}

static bool has_entry(const char *text, const char *name) {
  size_t length = strlen(name);
  for (const char *at = text; (at = strstr(at, ".entry ")) != NULL;) {
    at += strlen(".entry ");
    if (strncmp(at, name, length) == 0 && strchr("( \n", at[length])) return true;
  }
  return false;
}

vyre_cu_result_t fake_ModuleGetFunction(vyre_cu_function_t *function, vyre_cu_module_t module, const char *name) {
  FAKE_BEGIN_IN(ModuleGetFunction, context);
  fake_object_t *object = (void *)module;
  if (!fake_object_is(object, A_MODULE) || object->context != context) return INVALID_HANDLE;
  int which = strcmp(name, VYRE_CODEGEN_SYMBOL) == 0 ? MEGAKERNEL
              : strcmp(name, "vyre_empty") == 0      ? EMPTY
              : strcmp(name, "vyre_pong") == 0       ? PONG
                                                     : 0;
  if (!which || !has_entry(object->memory, name)) return NOT_FOUND;
  object->functions[which] = (fake_function_t){.module = object, .which = which};
  *function = (vyre_cu_function_t)(void *)&object->functions[which];
  return 0;
}
