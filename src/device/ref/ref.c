/* The ref device: the same worker threads run the interpreter over the same programs. Slow; the oracle. */
#include "base/memory.h"
#include "device/host.h"
#include "device/registry.h"
#include "device/workers.h"
#include "interp/interp.h"

struct vyre_image {
  uint32_t count;        /* prepared programs: the loop, then the handlers */
  vyre_entry_t *entries; /* [0] the loop, [1 + handler]; the context is the vyre_interp_t */
  vyre_interp_t **fused; /* by handler; NULL when the loop calls them through its hooks */
};

static void ref_image_destroy(vyre_image_t *image) {
  if (!image) return;
  for (uint32_t i = 0; i < image->count; i++) vyre_interp_destroy(image->entries[i].context);
  vyre_free(image->entries);
  vyre_free(image->fused);
  vyre_free(image);
}

/* The loop's interpreter walks the Programs itself. */
static vyre_status_t fuse(vyre_image_t *image) {
  uint32_t handlers = image->count - 1;
  image->fused = vyre_calloc(handlers + 1, sizeof *image->fused);
  if (!image->fused) return vyre_out_of_memory((handlers + 1) * sizeof *image->fused);
  for (uint32_t i = 0; i < handlers; i++) image->fused[i] = image->entries[1 + i].context;
  vyre_interp_fuse(image->entries[0].context, image->fused, handlers);
  return NULL;
}

static vyre_status_t ref_build(vyre_device_t *device, const vyre_build_params_t *params, vyre_image_t **out_image) {
  (void)device;
  vyre_image_t *image = vyre_calloc(1, sizeof *image);
  if (!image) return vyre_out_of_memory(sizeof *image);
  uint32_t count = 1 + params->handler_count;
  image->entries = vyre_calloc(count, sizeof *image->entries);
  vyre_status_t status = image->entries ? NULL : vyre_out_of_memory(count * sizeof *image->entries);
  for (; !status && image->count < count; image->count += !status) {
    vyre_interp_t *interp = NULL;
    status = vyre_interp_create(image->count ? params->handlers[image->count - 1] : params->loop, &interp);
    if (!status) image->entries[image->count] = (vyre_entry_t){.function = vyre_interp_call, .context = interp};
  }
  if (!status && params->is_fused) status = fuse(image);
  if (status) {
    ref_image_destroy(image);
    return status;
  }
  *out_image = image;
  return NULL;
}

static vyre_status_t ref_launch(vyre_device_t *device, vyre_image_t *image, const vyre_launch_params_t *params,
                                vyre_launch_t **out_launch) {
  (void)device;
  /* Of a fused loop nothing looks there. */
  const vyre_entry_t *handlers = image->fused ? NULL : image->entries + 1;
  return vyre_workers_launch(image->entries[0], handlers, params, out_launch);
}

const vyre_device_ops_t vyre_device_ref = {.close = vyre_host_close,
                                           .build = ref_build,
                                           .image_destroy = ref_image_destroy,
                                           .launch = ref_launch,
                                           .allocate = vyre_host_allocate,
                                           .bind = vyre_host_bind,
                                           .release = vyre_host_release,
                                           .write = vyre_host_write,
                                           .read = vyre_host_read};
