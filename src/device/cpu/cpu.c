/* The cpu device: handlers and loop are machine code, made by codegen and put into memory by the loader. */
#include "device/cpu/cpu.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/thread.h"
#include "codegen/codegen.h"
#include "device/host.h"
#include "device/registry.h"
#include "device/workers.h"

struct vyre_image {
  uint32_t count;          /* loaded objects: the loop, the handlers, the loop's cold blocks; of a fused image one */
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

/* What the code calls by name: the run time, and what is listed besides. */
static vyre_status_t load(const vyre_program_t *program, const char *bytes, size_t size,
                          const vyre_loader_symbol_t *more, size_t more_count, vyre_loaded_t **out_object) {
  size_t count = vyre_cpu_runtime_count + more_count;
  vyre_loader_symbol_t *symbols = vyre_alloc(count * sizeof *symbols);
  if (!symbols) return vyre_out_of_memory(count * sizeof *symbols);
  memcpy(symbols, vyre_cpu_runtime, vyre_cpu_runtime_count * sizeof *symbols);
  if (more_count) memcpy(symbols + vyre_cpu_runtime_count, more, more_count * sizeof *symbols);
  vyre_status_t status = vyre_loader_load(bytes, size, symbols, count, out_object);
  vyre_free(symbols);
  return status ? vyre_status_context(status, "loading the code of %s", program->name) : NULL;
}

static vyre_status_t find_entry(vyre_loaded_t *object, vyre_loaded_t **out_object, vyre_entry_t *out_entry) {
  vyre_loader_fn_t function = vyre_loaded_symbol(object, VYRE_CODEGEN_SYMBOL);
  if (!function) {
    vyre_loaded_destroy(object);
    return vyre_status_make(VYRE_E_OBJECT, "no symbol %s", VYRE_CODEGEN_SYMBOL);
  }
  *out_object = object;
  *out_entry = (vyre_entry_t){.function = (vyre_entry_fn)function};
  return NULL;
}

vyre_status_t vyre_cpu_compile_as(const vyre_program_t *program, const vyre_codegen_options_t *options,
                                  vyre_loaded_t **out_object, vyre_entry_t *out_entry) {
  const vyre_codegen_table_t *codegen;
  VYRE_TRY(vyre_codegen_load(&codegen));
  char *bytes;
  size_t size;
  VYRE_TRY(codegen->compile(program, options, &bytes, &size));
  vyre_loaded_t *object;
  vyre_status_t status = load(program, bytes, size, NULL, 0, &object);
  vyre_free(bytes);
  return status ? status : find_entry(object, out_object, out_entry);
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

/* The short ways of the loop are compiled beside its cold blocks and the handlers, on a thread of their own: LLVM works
 * on one context per thread. */
typedef struct loop_job {
  const vyre_codegen_table_t *codegen;
  const vyre_program_t *loop;
  char *bytes;
  size_t size;
  vyre_status_t status;
} loop_job_t;

static void *compile_loop(void *argument) {
  loop_job_t *job = argument;
  vyre_codegen_options_t options = {.form = VYRE_CODEGEN_OBJECT, .part = VYRE_CODEGEN_HOT};
  job->status = job->codegen->compile(job->loop, &options, &job->bytes, &job->size);
  return NULL;
}

static vyre_status_t compile_cold(const loop_job_t *job, vyre_loaded_t **out_object) {
  vyre_codegen_options_t options = {.form = VYRE_CODEGEN_OBJECT, .part = VYRE_CODEGEN_COLD};
  char *bytes;
  size_t size;
  VYRE_TRY(job->codegen->compile(job->loop, &options, &bytes, &size));
  vyre_status_t status = load(job->loop, bytes, size, NULL, 0, out_object);
  vyre_free(bytes);
  return status;
}

/* Its calls go to the cold blocks' functions. */
static vyre_status_t load_loop(const loop_job_t *job, const vyre_loaded_t *cold, vyre_image_t *image) {
  char names[VYRE_CODEGEN_COLD_MAX][sizeof VYRE_CODEGEN_COLD_SYMBOL + 10];
  vyre_loader_symbol_t symbols[VYRE_CODEGEN_COLD_MAX];
  uint32_t count = 0;
  for (; count < VYRE_CODEGEN_COLD_MAX; count++) {
    snprintf(names[count], sizeof names[count], VYRE_CODEGEN_COLD_SYMBOL, count);
    symbols[count] = (vyre_loader_symbol_t){names[count], vyre_loaded_symbol(cold, names[count])};
    if (!symbols[count].function) break;
  }
  vyre_loaded_t *object;
  VYRE_TRY(load(job->loop, job->bytes, job->size, symbols, count, &object));
  return find_entry(object, &image->objects[0], &image->entries[0]);
}

/* Objects: the loop, the handlers, the cold blocks. */
static vyre_status_t compile_all(const vyre_build_params_t *params, vyre_image_t *image) {
  loop_job_t job = {.loop = params->loop};
  VYRE_TRY(vyre_codegen_load(&job.codegen));
  pthread_t thread;
  VYRE_TRY(vyre_thread_start(&thread, "vyre-compile", 0, compile_loop, &job));
  vyre_loaded_t **cold = &image->objects[1 + params->handler_count];
  vyre_status_t status = compile_cold(&job, cold);
  for (uint32_t i = 0; i < params->handler_count && !status; i++)
    status = vyre_cpu_compile(params->handlers[i], false, &image->objects[1 + i], &image->entries[1 + i]);
  pthread_join(thread, NULL);
  if (!status && !job.status) job.status = load_loop(&job, *cold, image);
  vyre_free(job.bytes);
  /* The same reason twice (no memory) is told once. */
  if (status && vyre_status_code(status) == vyre_status_code(job.status)) vyre_status_destroy(&job.status);
  return status ? vyre_status_because(status, job.status) : job.status;
}

static vyre_status_t cpu_build(vyre_device_t *device, const vyre_build_params_t *params, vyre_image_t **out_image) {
  (void)device;
  vyre_image_t *image = vyre_calloc(1, sizeof *image);
  if (!image) return vyre_out_of_memory(sizeof *image);
  image->is_fused = params->is_fused;
  uint32_t count = params->is_fused ? 1 : 2 + params->handler_count;
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
