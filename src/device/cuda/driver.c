#include "device/cuda/driver.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"

enum {
  DRIVER_VERSION_MIN = 12000,
  LOG_BYTES = 8192,
  /* CUresult */
  ERROR_OUT_OF_MEMORY = 2,
  ERROR_NO_DEVICE = 100,
  /* CUjit_option, CUjitInputType */
  JIT_ERROR_LOG_BUFFER = 5,
  JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
  JIT_INPUT_PTX = 1,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static vyre_cuda_t table; /* under lock until loaded */
static bool is_loaded;

vyre_status_t vyre_cuda_status(const vyre_cuda_t *cuda, vyre_cu_result_t result, const char *call) {
  if (result == 0) return NULL;
  const char *name = "", *words = "";
  if (cuda->GetErrorName(result, &name)) name = "unknown";
  if (cuda->GetErrorString(result, &words)) words = "";
  vyre_code_t code = result == ERROR_OUT_OF_MEMORY ? VYRE_E_DEVICE_MEMORY
                     : result == ERROR_NO_DEVICE   ? VYRE_E_NO_DRIVER
                                                   : VYRE_E_DRIVER;
  return vyre_status_make(code, "%s gives %d, %s: %s", call, result, name, words);
}

static vyre_status_t find_symbols(void *library) {
  static const struct {
    const char *symbol;
    size_t offset;
  } symbols[] = {
#define VYRE_CUDA(name, symbol, arguments) {symbol, offsetof(vyre_cuda_t, name)},
#include "device/cuda/driver.def"
#undef VYRE_CUDA
  };
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    void *function = dlsym(library, symbols[i].symbol);
    if (!function)
      return vyre_status_with_fix(vyre_status_make(VYRE_E_NO_DRIVER, "libcuda.so.1 has no %s", symbols[i].symbol),
                                  "Install the NVIDIA driver 525 or later.");
    memcpy((char *)&table + symbols[i].offset, &function, sizeof function);
  }
  return NULL;
}

static vyre_status_t load(void) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) return vyre_status_make(VYRE_E_NO_DRIVER, "%s", dlerror());
  vyre_status_t status = find_symbols(library);
  int version = 0;
  if (!status) status = vyre_cuda_status(&table, table.Init(0), "cuInit");
  if (!status) status = vyre_cuda_status(&table, table.DriverGetVersion(&version), "cuDriverGetVersion");
  if (!status && version < DRIVER_VERSION_MIN)
    status = vyre_status_with_fix(vyre_status_make(VYRE_E_NO_DRIVER, "the driver is for CUDA %d.%d; 12.0 is needed",
                                                   version / 1000, version % 1000 / 10),
                                  "Install the NVIDIA driver 525 or later.");
  if (status) {
    dlclose(library);
    return status;
  }
  is_loaded = true;
  return NULL;
}

vyre_status_t vyre_cuda_load(const vyre_cuda_t **out_cuda) {
  pthread_mutex_lock(&lock);
  vyre_status_t status = is_loaded ? NULL : load();
  pthread_mutex_unlock(&lock);
  *out_cuda = &table;
  return status;
}

vyre_status_t vyre_cuda_device(const vyre_cuda_t *cuda, int index, vyre_cu_device_t *out_device) {
  int count = 0;
  VYRE_CUDA_TRY(cuda, DeviceGetCount, (&count));
  if (index < 0 || index >= count)
    return vyre_status_make(VYRE_E_NO_DEVICE, "cuda:%d; this machine has %d GPUs", index, count);
  return vyre_cuda_status(cuda, cuda->DeviceGet(out_device, index), "cuDeviceGet");
}

static vyre_status_t link_in(const vyre_cuda_t *cuda, vyre_cu_link_t link, const char *ptx, size_t size,
                             void **out_cubin, size_t *out_cubin_size) {
  void *cubin, *text = (void *)(uintptr_t)ptx; /* the driver's declaration lacks a const */
  VYRE_CUDA_TRY(cuda, LinkAddData, (link, JIT_INPUT_PTX, text, size + 1, "vyre", 0, NULL, NULL));
  VYRE_CUDA_TRY(cuda, LinkComplete, (link, &cubin, out_cubin_size));
  *out_cubin = vyre_alloc(*out_cubin_size);
  if (!*out_cubin) return vyre_out_of_memory(*out_cubin_size);
  memcpy(*out_cubin, cubin, *out_cubin_size);
  return NULL;
}

vyre_status_t vyre_cuda_link(const vyre_cuda_t *cuda, const char *ptx, size_t size, void **out_cubin,
                             size_t *out_cubin_size) {
  char log[LOG_BYTES] = "";
  int options[] = {JIT_ERROR_LOG_BUFFER, JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, (void *)(uintptr_t)sizeof log};
  vyre_cu_link_t link;
  VYRE_CUDA_TRY(cuda, LinkCreate, (2, options, values, &link));
  vyre_status_t status = link_in(cuda, link, ptx, size, out_cubin, out_cubin_size);
  /* A refusal of the text comes with a log, and with one of several results: which, differs between drivers. */
  bool is_refusal = status && vyre_status_code(status) != VYRE_E_MEMORY;
  if (is_refusal && *log) status = vyre_status_because(vyre_status_make(VYRE_E_COMPILER, "%s", log), status);
  vyre_status_t closed = vyre_cuda_status(cuda, cuda->LinkDestroy(link), "cuLinkDestroy");
  if (!status && closed) {
    vyre_free(*out_cubin);
    *out_cubin = NULL;
  }
  return status ? vyre_status_because(status, closed) : closed;
}
