/* The cpu device: handlers and loop are machine code, made by codegen and put into memory by the loader. */
#include "device/cpu/cpu.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "device/host.h"
#include "device/registry.h"
#include "device/workers.h"

struct vyre_image {
  uint32_t count;          /* loaded objects: the loop, then the handlers; of a fused image one */
  vyre_loaded_t **objects; /* by index */
  vyre_entry_t *entries;   /* [0] the loop, [1 + handler] */
  bool is_fused;
};

static void cpu_image_destroy(vyre_image_t *image) {
  if (!image) return;
  for (uint32_t i = 0; i < image->count && image->objects; i++) vyre_loaded_destroy(image->objects[i]);
  vyre_free(image->objects);
  vyre_free(image->entries);
  vyre_free(image);
}

vyre_status_t vyre_cpu_compile_as(const vyre_program_t *program, const vyre_codegen_options_t *options,
                                  vyre_loaded_t **out_object, vyre_entry_t *out_entry) {
  const vyre_codegen_table_t *codegen;
  VYRE_TRY(vyre_codegen_load(&codegen));
  char *bytes;
  size_t size;
  VYRE_TRY(codegen->compile(program, options, &bytes, &size));
  vyre_loaded_t *object;
  vyre_status_t status = vyre_loader_load(bytes, size, vyre_cpu_runtime, vyre_cpu_runtime_count, &object);
  vyre_free(bytes);
  if (status) return vyre_status_context(status, "loading the code of %s", program->name);
  vyre_loader_fn_t function = vyre_loaded_symbol(object, VYRE_CODEGEN_SYMBOL);
  if (!function) {
    vyre_loaded_destroy(object);
    return vyre_status_make(VYRE_E_OBJECT, "no symbol %s", VYRE_CODEGEN_SYMBOL);
  }
  *out_object = object;
  *out_entry = (vyre_entry_t){.function = (vyre_entry_fn)function};
  return NULL;
}

vyre_status_t vyre_cpu_compile(const vyre_program_t *program, bool is_unchecked, vyre_loaded_t **out_object,
                               vyre_entry_t *out_entry) {
  vyre_codegen_options_t options = {.form = VYRE_CODEGEN_OBJECT, .is_unchecked = is_unchecked};
  return vyre_cpu_compile_as(program, &options, out_object, out_entry);
}

static vyre_status_t compile_fused(const vyre_build_params_t *params, vyre_image_t *image) {
  vyre_codegen_options_t options = {
      .form = VYRE_CODEGEN_OBJECT, .handlers = params->handlers, .handler_count = params->handler_count};
  return vyre_cpu_compile_as(params->loop, &options, &image->objects[0], &image->entries[0]);
}

/* The loop is compiled beside the handlers, on a thread of its own: LLVM works on one context per thread. */
typedef struct loop_job {
  const vyre_program_t *loop;
  vyre_image_t *image;
  vyre_status_t status;
} loop_job_t;

static void *compile_loop(void *argument) {
  loop_job_t *job = argument;
  job->status = vyre_cpu_compile(job->loop, false, &job->image->objects[0], &job->image->entries[0]);
  return NULL;
}

static vyre_status_t compile_all(const vyre_build_params_t *params, vyre_image_t *image) {
  loop_job_t job = {.loop = params->loop, .image = image};
  pthread_t thread;
  int error = pthread_create(&thread, NULL, compile_loop, &job);
  if (error) return vyre_status_make(VYRE_E_THREADS, "pthread_create: %s", strerror(error));
  vyre_status_t status = NULL;
  for (uint32_t i = 0; i < params->handler_count && !status; i++)
    status = vyre_cpu_compile(params->handlers[i], false, &image->objects[1 + i], &image->entries[1 + i]);
  pthread_join(thread, NULL);
  /* The same reason twice (no compiler, no memory) is told once. */
  if (status && vyre_status_code(status) == vyre_status_code(job.status)) vyre_status_destroy(&job.status);
  return status ? vyre_status_because(status, job.status) : job.status;
}

static vyre_status_t cpu_build(vyre_device_t *device, const vyre_build_params_t *params, vyre_image_t **out_image) {
  (void)device;
  vyre_image_t *image = vyre_calloc(1, sizeof *image);
  if (!image) return vyre_out_of_memory(sizeof *image);
  image->is_fused = params->is_fused;
  uint32_t count = params->is_fused ? 1 : 1 + params->handler_count;
  image->objects = vyre_calloc(count, sizeof *image->objects);
  image->entries = vyre_calloc(count, sizeof *image->entries);
  vyre_status_t status = image->objects && image->entries ? NULL : vyre_out_of_memory(count * sizeof *image->entries);
  image->count = count;
  if (!status) status = params->is_fused ? compile_fused(params, image) : compile_all(params, image);
  if (status) {
    cpu_image_destroy(image);
    return status;
  }
  *out_image = image;
  return NULL;
}

static vyre_status_t cpu_launch(vyre_device_t *device, vyre_image_t *image, const vyre_launch_params_t *params,
                                vyre_launch_t **out_launch) {
  (void)device;
  const vyre_entry_t *handlers = image->is_fused ? NULL : image->entries + 1;
  return vyre_workers_launch(image->entries[0], handlers, params, out_launch);
}

const vyre_device_ops_t vyre_device_cpu = {.close = vyre_host_close,
                                           .build = cpu_build,
                                           .image_destroy = cpu_image_destroy,
                                           .launch = cpu_launch,
                                           .allocate = vyre_host_allocate,
                                           .bind = vyre_host_bind,
                                           .release = vyre_host_release,
                                           .write = vyre_host_write,
                                           .read = vyre_host_read};
