/* The megakernel on a GPU: compiled to PTX, linked to a cubin off to the side, loaded and launched in the execution
 * context while nothing runs there. Each module has one function, which is launched as soon as it is loaded: lazy
 * loading leaves nothing for later. */
#include <stdatomic.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "codegen/codegen.h"
#include "device/cuda/gpu.h"
#include "device/registry.h"

enum {
  ATTRIBUTE_REGISTERS = 4, /* CU_FUNC_ATTRIBUTE_NUM_REGS */
  QUERY_NS = 100000,       /* asking the driver whether the kernel lives takes its lock: at most once in this time */
  JOIN_PAUSE_NS = 20000,
  PUMP_WAIT_NS = 20000,
};

struct vyre_image {
  void *cubin;
  size_t bytes;
};

typedef struct pump_thread {
  vyre_pump_t *pump; /* NULL: the place is free */
  pthread_t thread;
  atomic_bool leaves;
} pump_thread_t;

typedef struct kernel {
  vyre_launch_t base;  /* first */
  struct kernel *next; /* of this process's */
  vyre_gpu_t *gpu;
  vyre_cu_module_t module;
  vyre_cu_stream_t stream;
  vyre_launch_params_t params;
  pthread_mutex_t lock; /* everything below */
  _Atomic uint64_t next_query_ns;
  atomic_bool has_ended;
  vyre_status_t failure; /* what it ended by */
  pump_thread_t pumps[VYRE_PUMPS_MAX];
} kernel_t;

/* Kernels of this process, on whichever vyre_device_t of a GPU. */
static pthread_mutex_t kernels_lock = PTHREAD_MUTEX_INITIALIZER;
static kernel_t *kernels; /* under kernels_lock */

static kernel_t *kernel_of(vyre_launch_t *launch) { return (kernel_t *)(void *)launch; }

/* ---- images ---- */

void vyre_gpu_image_destroy(vyre_image_t *image) {
  if (!image) return;
  vyre_free(image->cubin);
  vyre_free(image);
}

static vyre_status_t link_image(vyre_gpu_t *gpu, const char *ptx, size_t size, const char *what, vyre_image_t *image) {
  vyre_cu_context_t context;
  VYRE_TRY(vyre_gpu_side(gpu, &context));
  VYRE_TRY(vyre_gpu_enter(gpu, context));
  vyre_status_t status = vyre_cuda_link(gpu->cuda, ptx, size, &image->cubin, &image->bytes);
  status = vyre_gpu_tell_memory(gpu, 0, "the linker", status);
  vyre_gpu_leave(gpu);
  return vyre_status_context(status, "linking %s for %s", what, gpu->architecture);
}

/* Of one Program, as a kernel that is launched by itself. */
vyre_status_t vyre_cuda_emit_cubin(const vyre_program_t *program, char **out_bytes, size_t *out_size) {
  vyre_device_t *device;
  VYRE_TRY(vyre_cuda_open(0, &device));
  vyre_gpu_t *gpu = vyre_gpu_of(device);
  const vyre_codegen_table_t *codegen;
  char *ptx = NULL;
  size_t size;
  vyre_image_t image = {0};
  vyre_status_t status = vyre_codegen_load(&codegen);
  vyre_codegen_options_t options = {
      .form = VYRE_CODEGEN_ASSEMBLY, .gpu = gpu->architecture, .threads = VYRE_GPU_THREADS};
  if (!status) status = codegen->compile(program, &options, &ptx, &size);
  if (!status) status = link_image(gpu, ptx, size, program->name, &image);
  vyre_free(ptx);
  vyre_device_close(&device);
  *out_bytes = image.cubin;
  *out_size = image.bytes;
  return status;
}

vyre_status_t vyre_gpu_build(vyre_device_t *device, const vyre_build_params_t *params, vyre_image_t **out_image) {
  vyre_gpu_t *gpu = vyre_gpu_of(device);
  const vyre_codegen_table_t *codegen;
  VYRE_TRY(vyre_codegen_load(&codegen));
  vyre_codegen_options_t options = {.form = VYRE_CODEGEN_ASSEMBLY,
                                    .gpu = gpu->architecture,
                                    .handlers = params->handlers,
                                    .handler_count = params->handler_count,
                                    .threads = VYRE_GPU_THREADS};
  char *ptx;
  size_t size;
  VYRE_TRY(codegen->compile(params->loop, &options, &ptx, &size));
  vyre_image_t *image = vyre_calloc(1, sizeof *image);
  vyre_status_t status = image ? NULL : vyre_out_of_memory(sizeof *image);
  if (!status) status = link_image(gpu, ptx, size, "the megakernel", image);
  vyre_free(ptx);
  if (status) {
    vyre_gpu_image_destroy(image);
    return status;
  }
  *out_image = image;
  return NULL;
}

/* ---- launch ---- */

/* Every block must be resident at once: one that waits for another's end would wait for ever. */
static vyre_status_t check_residency(kernel_t *kernel, vyre_cu_function_t function) {
  vyre_gpu_t *gpu = kernel->gpu;
  int each = 0, registers = 0;
  VYRE_TRY(VYRE_GPU_CALL(gpu, OccupancyMaxActiveBlocksPerMultiprocessor, (&each, function, VYRE_GPU_THREADS, 0)));
  VYRE_TRY(VYRE_GPU_CALL(gpu, FuncGetAttribute, (&registers, ATTRIBUTE_REGISTERS, function)));
  uint32_t fits = (uint32_t)each * gpu->multiprocessors;
  if (kernel->params.workers <= fits) return NULL;
  return vyre_status_make(VYRE_E_DEVICE_LIMIT,
                          "%u workers and the dispatcher; %u blocks of %d threads with %d registers fit on %s at once",
                          kernel->params.workers - 1, fits, VYRE_GPU_THREADS, registers, gpu->base.name);
}

/* In the execution context, with no kernel there. */
static vyre_status_t load_and_launch(kernel_t *kernel, const vyre_image_t *image) {
  vyre_gpu_t *gpu = kernel->gpu;
  vyre_cu_function_t function;
  VYRE_TRY(VYRE_GPU_CALL(gpu, ModuleLoadData, (&kernel->module, image->cubin)));
  VYRE_TRY(VYRE_GPU_CALL(gpu, ModuleGetFunction, (&function, kernel->module, VYRE_CODEGEN_SYMBOL)));
  VYRE_TRY(check_residency(kernel, function));
  uint64_t blocks = kernel->params.worker_blocks, stride = kernel->params.block_bytes;
  void *arguments[] = {&blocks, &stride};
  VYRE_TRY(VYRE_GPU_CALL(
      gpu, LaunchKernel,
      (function, kernel->params.workers, 1, 1, VYRE_GPU_THREADS, 1, 1, 0, kernel->stream, arguments, NULL)));
  atomic_store(&kernel->has_ended, false);
  return NULL;
}

static void unload(kernel_t *kernel) {
  if (kernel->module) kernel->gpu->cuda->ModuleUnload(kernel->module);
  kernel->module = NULL;
}

/* ---- its end ---- */

/* Asks the driver. Under the lock. */
static void look(kernel_t *kernel) {
  if (atomic_load(&kernel->has_ended)) return;
  vyre_cu_result_t result = kernel->gpu->cuda->StreamQuery(kernel->stream);
  if (result == VYRE_CU_NOT_READY) return;
  if (result && !kernel->failure)
    kernel->failure = vyre_status_context(vyre_cuda_status(kernel->gpu->cuda, result, "cuStreamQuery"),
                                          "running the megakernel on %s", kernel->gpu->base.name);
  atomic_store(&kernel->has_ended, true);
}

static uint32_t kernel_running(vyre_launch_t *launch) {
  kernel_t *kernel = kernel_of(launch);
  uint64_t now_ns = vyre_clock_ns(), next_ns = atomic_load_explicit(&kernel->next_query_ns, memory_order_relaxed);
  if (!atomic_load(&kernel->has_ended) && now_ns >= next_ns &&
      atomic_compare_exchange_strong(&kernel->next_query_ns, &next_ns, now_ns + QUERY_NS)) {
    pthread_mutex_lock(&kernel->lock);
    look(kernel);
    pthread_mutex_unlock(&kernel->lock);
  }
  return atomic_load(&kernel->has_ended) ? 0 : kernel->params.workers;
}

static vyre_status_t kernel_join(vyre_launch_t *launch, uint64_t timeout_ns) {
  kernel_t *kernel = kernel_of(launch);
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  for (;;) {
    pthread_mutex_lock(&kernel->lock);
    look(kernel);
    vyre_status_t failure = kernel->failure;
    kernel->failure = NULL;
    pthread_mutex_unlock(&kernel->lock);
    if (failure || atomic_load(&kernel->has_ended)) return failure;
    if (vyre_clock_ns() >= deadline_ns) return vyre_status_fixed(VYRE_E_DEADLINE);
    vyre_sleep_ns(JOIN_PAUSE_NS);
  }
}

/* One kernel on a GPU: two would share its time in slices of milliseconds, neither ending for the other. */
static vyre_status_t take_gpu(kernel_t *kernel) {
  vyre_gpu_t *gpu = kernel->gpu;
  pthread_mutex_lock(&kernels_lock);
  const kernel_t *other = kernels;
  while (other && other->gpu->device != gpu->device) other = other->next;
  if (!other) {
    kernel->next = kernels;
    kernels = kernel;
    atomic_store(&gpu->has_kernel, true);
  }
  pthread_mutex_unlock(&kernels_lock);
  if (!other) return NULL;
  return vyre_status_with_fix(vyre_status_make(VYRE_E_DEVICE_LIMIT, "a session runs on %s already", gpu->base.name),
                              "Stop and destroy that session first, or register more Programs with it.");
}

static void give_gpu_back(kernel_t *kernel) {
  pthread_mutex_lock(&kernels_lock);
  kernel_t **link = &kernels;
  while (*link != kernel) link = &(*link)->next;
  *link = kernel->next;
  atomic_store(&kernel->gpu->has_kernel, false);
  pthread_mutex_unlock(&kernels_lock);
}

static void kernel_destroy(vyre_launch_t *launch) {
  kernel_t *kernel = kernel_of(launch);
  for (unsigned i = 0; i < VYRE_PUMPS_MAX; i++)
    VYRE_ASSERT(!kernel->pumps[i].pump); /* streams are closed before their session */
  vyre_status_t status = vyre_gpu_enter(kernel->gpu, kernel->gpu->execution);
  if (!status) {
    unload(kernel);
    if (kernel->stream) kernel->gpu->cuda->StreamDestroy(kernel->stream);
    vyre_gpu_leave(kernel->gpu);
  }
  vyre_status_destroy(&status); /* a lost context has unloaded it */
  give_gpu_back(kernel);
  vyre_status_destroy(&kernel->failure);
  pthread_mutex_destroy(&kernel->lock);
  vyre_free(kernel);
}

/* ---- pumps ---- */

static void *pump(void *argument) {
  pump_thread_t *self = argument;
  while (!atomic_load_explicit(&self->leaves, memory_order_acquire))
    if (self->pump->run(self->pump, 0) == 0 && !self->pump->wait(self->pump, 0, PUMP_WAIT_NS))
      vyre_sleep_ns(PUMP_WAIT_NS);
  return NULL;
}

static vyre_status_t kernel_attach(vyre_launch_t *launch, vyre_pump_t *the_pump) {
  kernel_t *kernel = kernel_of(launch);
  pthread_mutex_lock(&kernel->lock);
  unsigned place = 0;
  while (place < VYRE_PUMPS_MAX && kernel->pumps[place].pump) place++;
  vyre_status_t status = NULL;
  if (place == VYRE_PUMPS_MAX) {
    status =
        vyre_status_with_fix(vyre_status_make(VYRE_E_TABLE_FULL, "%d streams are open on this session", VYRE_PUMPS_MAX),
                             "Close one of the streams first, or open this one on another session.");
  } else {
    pump_thread_t *self = &kernel->pumps[place];
    self->pump = the_pump;
    atomic_store(&self->leaves, false);
    status = vyre_thread_start(&self->thread, "vyre-pump", 0, pump, self);
    if (status) self->pump = NULL;
  }
  pthread_mutex_unlock(&kernel->lock);
  return status;
}

static void kernel_detach(vyre_launch_t *launch, vyre_pump_t *the_pump) {
  kernel_t *kernel = kernel_of(launch);
  for (unsigned i = 0; i < VYRE_PUMPS_MAX; i++) {
    pump_thread_t *self = &kernel->pumps[i];
    pthread_mutex_lock(&kernel->lock);
    bool is_it = self->pump == the_pump;
    pthread_mutex_unlock(&kernel->lock);
    if (!is_it) continue;
    atomic_store_explicit(&self->leaves, true, memory_order_release);
    pthread_join(self->thread, NULL);
    pthread_mutex_lock(&kernel->lock);
    self->pump = NULL;
    pthread_mutex_unlock(&kernel->lock);
  }
}

/* ---- the launch ---- */

static vyre_status_t kernel_relaunch(vyre_launch_t *launch, vyre_image_t *image) {
  kernel_t *kernel = kernel_of(launch);
  VYRE_TRY(vyre_gpu_enter(kernel->gpu, kernel->gpu->execution));
  pthread_mutex_lock(&kernel->lock);
  unload(kernel);
  vyre_status_t status = vyre_gpu_tell_memory(kernel->gpu, 0, "the megakernel", load_and_launch(kernel, image));
  pthread_mutex_unlock(&kernel->lock);
  vyre_gpu_leave(kernel->gpu);
  return vyre_status_context(status, "launching the megakernel on %s again", kernel->gpu->base.name);
}

static const vyre_launch_ops_t launch_ops = {.running = kernel_running,
                                             .join = kernel_join,
                                             .destroy = kernel_destroy,
                                             .attach = kernel_attach,
                                             .detach = kernel_detach,
                                             .relaunch = kernel_relaunch};

static vyre_status_t start(kernel_t *kernel, const vyre_image_t *image) {
  VYRE_TRY(vyre_gpu_enter(kernel->gpu, kernel->gpu->execution));
  vyre_status_t status = VYRE_GPU_CALL(kernel->gpu, StreamCreate, (&kernel->stream, VYRE_CU_STREAM_NON_BLOCKING));
  if (!status) status = load_and_launch(kernel, image);
  status = vyre_gpu_tell_memory(kernel->gpu, 0, "the megakernel", status);
  vyre_gpu_leave(kernel->gpu);
  return vyre_status_context(status, "launching the megakernel on %s", kernel->gpu->base.name);
}

vyre_status_t vyre_gpu_launch(vyre_device_t *device, vyre_image_t *image, const vyre_launch_params_t *params,
                              vyre_launch_t **out_launch) {
  vyre_gpu_t *gpu = vyre_gpu_of(device);
  kernel_t *kernel = vyre_calloc(1, sizeof *kernel);
  if (!kernel) return vyre_out_of_memory(sizeof *kernel);
  kernel->base = (vyre_launch_t){.ops = &launch_ops, .pumps_on = true, .may_be_lost = true};
  kernel->gpu = gpu;
  kernel->params = *params;
  vyre_status_t status = take_gpu(kernel);
  if (status) {
    vyre_free(kernel);
    return status;
  }
  atomic_store(&kernel->has_ended, true);
  pthread_mutex_init(&kernel->lock, NULL);
  status = start(kernel, image);
  if (status) {
    kernel_destroy(&kernel->base);
    return status;
  }
  *out_launch = &kernel->base;
  return NULL;
}
