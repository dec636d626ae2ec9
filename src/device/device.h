/* What a device is to the layers above: it compiles a megakernel with its handlers into an image, gives memory that
 * the kernel reaches, and launches the image on worker blocks until it ends.
 *
 * Owns:    an image owns its code, a launch its threads. An image outlives its launches.
 * Threads: build and launch from one thread at a time per image; running, attach and detach from any thread.
 * A device implementation fills in the table; all of them are listed in registry.c. */
#ifndef VYRE_DEVICE_DEVICE_H
#define VYRE_DEVICE_DEVICE_H

#include <vyre/device.h>

#include "ir/frame.h"
#include "ir/program.h"

typedef struct vyre_image vyre_image_t;
typedef struct vyre_launch vyre_launch_t;

typedef struct vyre_build_params {
  const vyre_program_t *loop;            /* privileged */
  const vyre_program_t *const *handlers; /* by handler index; all must outlive the image */
  uint32_t handler_count;
} vyre_build_params_t;

/* Host work that is done on the workers' own threads between slots: the io pump of a stream on ref and cpu. */
typedef struct vyre_pump vyre_pump_t;
struct vyre_pump {
  /* Does what can be done without blocking; gives the units of work done, 0 when there was none. */
  uint32_t (*run)(vyre_pump_t *pump, uint32_t worker);
  /* Blocks until io of this worker completes or timeout_ns is over; false, at once, when it has none in flight. */
  bool (*wait)(vyre_pump_t *pump, uint32_t worker, uint64_t timeout_ns);
};

typedef struct vyre_launch_params {
  uint32_t workers;
  uint8_t *worker_blocks;  /* the first is worker 0's frame */
  uint32_t block_bytes;    /* from one worker's block to the next */
  uint32_t call_frame;     /* offset of the frame that handlers are called with */
} vyre_launch_params_t;

typedef struct vyre_device_ops {
  vyre_status_t (*build)(vyre_device_t *device, const vyre_build_params_t *params, vyre_image_t **out_image);
  void (*image_destroy)(vyre_image_t *image);
  /* Starts one call of the image's loop per worker. Fills control-independent fields of the frames: worker, hooks. */
  vyre_status_t (*launch)(vyre_device_t *device, vyre_image_t *image, const vyre_launch_params_t *params,
                          vyre_launch_t **out_launch);
} vyre_device_ops_t;

struct vyre_device {
  const vyre_device_ops_t *ops;
  vyre_device_info_t info;
  char description[128];
  char reason[128];
};

/* Worker threads of a host device: workers.c. */
uint32_t vyre_launch_running(const vyre_launch_t *launch); /* workers that have not left the loop */
/* Waits until all have left, then joins them: VYRE_E_DEADLINE when that takes longer than timeout_ns. */
vyre_status_t vyre_launch_join(vyre_launch_t *launch, uint64_t timeout_ns);
/* After a successful join. */
void vyre_launch_destroy(vyre_launch_t *launch);
/* VYRE_E_TABLE_FULL when too many pumps are attached. */
vyre_status_t vyre_launch_attach(vyre_launch_t *launch, vyre_pump_t *pump);
/* Whether publishers may leave out the fence between their slot and their look for sleepers. */
bool vyre_launch_has_membarrier(const vyre_launch_t *launch);
/* Returns when no worker is inside the pump any more. */
void vyre_launch_detach(vyre_launch_t *launch, vyre_pump_t *pump);

#endif
