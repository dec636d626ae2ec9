/* What a device is to the layers above: it compiles a megakernel with its handlers into an image, gives memory that
 * the kernel reaches, and launches the image on worker blocks until it ends.
 *
 * Owns:    an image owns its code, a launch its threads or its kernel. An image outlives its launches.
 * Threads: build and launch from one thread at a time per image; everything else from any thread.
 * Addresses are the device's; `host` is where this process sees the same bytes, NULL where it does not.
 * A device implementation fills in the tables; registry.c opens them by name. */
#ifndef VYRE_DEVICE_DEVICE_H
#define VYRE_DEVICE_DEVICE_H

#include <vyre/device.h>

#include "ir/frame.h"
#include "ir/program.h"

typedef struct vyre_image vyre_image_t;
typedef struct vyre_launch vyre_launch_t;
typedef struct vyre_copies vyre_copies_t;

typedef struct vyre_build_params {
  const vyre_program_t *loop;            /* privileged */
  const vyre_program_t *const *handlers; /* by handler index; all must outlive the image */
  uint32_t handler_count;
  bool is_fused; /* one piece of code; else the loop calls handlers through its hooks, where the device can do that */
} vyre_build_params_t;

/* Host work beside the kernel: the io pump of a stream. On ref and cpu it is done on the workers' own threads, between
 * slots; on a GPU by one thread of the device, which is worker 0 of the pump. */
enum { VYRE_PUMPS_MAX = 16 /* attached to one launch */ };
typedef struct vyre_pump vyre_pump_t;
struct vyre_pump {
  /* Does what can be done without blocking; gives the units of work done, 0 when there was none. */
  uint32_t (*run)(vyre_pump_t *pump, uint32_t worker);
  /* Blocks until io of this worker completes or timeout_ns is over; false, at once, when it has none in flight. */
  bool (*wait)(vyre_pump_t *pump, uint32_t worker, uint64_t timeout_ns);
};

typedef enum vyre_memory_kind {
  VYRE_MEMORY_HOST,   /* of the host, and the kernel reaches it */
  VYRE_MEMORY_DEVICE, /* the device's own; on a GPU the host reaches it by vyre_device_ops_t.read and write only */
} vyre_memory_kind_t;

typedef struct vyre_memory {
  uint64_t address;
  uint8_t *host;
  uint64_t bytes;
  bool is_host;    /* of the host, which a GPU reaches over the bus; false on ref and cpu, where all memory is alike */
  uint64_t own[2]; /* the device's notes */
} vyre_memory_t;

typedef struct vyre_launch_params {
  uint32_t workers;       /* calls of the loop, the dispatcher's among them where it has one of its own */
  uint64_t worker_blocks; /* address; at the start of each the frame of the loop */
  uint32_t first_pump;    /* the worker that does the first part of a pump; those before it do none */
  uint32_t block_bytes;   /* from one worker's block to the next */
  uint32_t call_frame;    /* offset in it of the frame that handlers are called with */
} vyre_launch_params_t;

typedef struct vyre_launch_ops {
  uint32_t (*running)(vyre_launch_t *launch); /* workers that have not left the loop */
  /* Waits until all have left: VYRE_E_DEADLINE, without a record that would need memory, when that takes longer than
   * timeout_ns. Gives the kernel's error, once, when it ended by one. */
  vyre_status_t (*join)(vyre_launch_t *launch, uint64_t timeout_ns);
  void (*destroy)(vyre_launch_t *launch); /* after a successful join */
  /* VYRE_E_TABLE_FULL when VYRE_PUMPS_MAX are attached. */
  vyre_status_t (*attach)(vyre_launch_t *launch, vyre_pump_t *pump);
  /* Returns when no worker is inside the pump any more. */
  void (*detach)(vyre_launch_t *launch, vyre_pump_t *pump);
  /* After a join: launches again, with this image, on the same worker blocks; pumps stay. NULL: the device cannot. */
  vyre_status_t (*relaunch)(vyre_launch_t *launch, vyre_image_t *image);
} vyre_launch_ops_t;

struct vyre_launch {
  const vyre_launch_ops_t *ops;
  bool fences_publish; /* publishers fence between their slot and their look for sleepers */
  bool pumps_on;       /* pumps go on after the kernel's end */
  bool may_be_lost;    /* the kernel may end by an error that nobody has asked for */
};

/* Copies from memory of the host that was bound, in order, beside the kernel: devices that have memory of their own. */
typedef struct vyre_copy_ops {
  vyre_status_t (*create)(vyre_device_t *device, uint32_t in_flight_max, vyre_copies_t **out_copies);
  void (*destroy)(vyre_copies_t *copies); /* waits for what is in flight */
  vyre_status_t (*submit)(vyre_copies_t *copies, uint64_t to, const void *from, uint64_t bytes);
  /* What pin needs, ahead of its first call: it may take a tenth of a second. */
  vyre_status_t (*prepare_pin)(vyre_device_t *device);
  /* Makes whole pages that may only be read, of a file's mapping, known to the copies; and takes that back. */
  vyre_status_t (*pin)(vyre_device_t *device, const void *memory, uint64_t bytes, vyre_memory_t *out_memory);
  vyre_status_t (*unpin)(vyre_device_t *device, vyre_memory_t *memory);
  /* How many copies have ended since create. */
  vyre_status_t (*ended)(vyre_copies_t *copies, uint64_t *out_count);
} vyre_copy_ops_t;

/* GB/s (10^9) of copies of each size, many in flight. */
enum { VYRE_COPY_SIZES = 5 };
typedef struct vyre_copy_rates {
  uint32_t bytes[VYRE_COPY_SIZES];
  double rate[VYRE_COPY_SIZES];
} vyre_copy_rates_t;

typedef struct vyre_device_ops {
  void (*close)(vyre_device_t *device); /* frees it */
  vyre_status_t (*build)(vyre_device_t *device, const vyre_build_params_t *params, vyre_image_t **out_image);
  void (*image_destroy)(vyre_image_t *image);
  /* Starts one call of the image's loop per worker. The frames' `worker` and `hooks` are the device's to fill in. */
  vyre_status_t (*launch)(vyre_device_t *device, vyre_image_t *image, const vyre_launch_params_t *params,
                          vyre_launch_t **out_launch);
  /* Memory of zeros; or the caller's own made reachable, which must outlive the release. Beside a live kernel, too;
   * what was there before the launch is released after its end. */
  vyre_status_t (*allocate)(vyre_device_t *device, vyre_memory_kind_t kind, uint64_t bytes, vyre_memory_t *out_memory);
  vyre_status_t (*bind)(vyre_device_t *device, void *host, uint64_t bytes, vyre_memory_t *out_memory);
  void (*release)(vyre_device_t *device, vyre_memory_t *memory); /* accepts zeros, leaves zeros */
  /* Both return when the bytes are there; beside a live kernel, too. Aligned words are written whole. */
  vyre_status_t (*write)(vyre_device_t *device, uint64_t to, const void *from, uint64_t bytes);
  vyre_status_t (*read)(vyre_device_t *device, void *to, uint64_t from, uint64_t bytes);
  const vyre_copy_ops_t *copies; /* NULL: the kernel works on the host's memory itself */
} vyre_device_ops_t;

struct vyre_device {
  const vyre_device_ops_t *ops;
  vyre_device_info_t info;
  vyre_topology_t topology;     /* of sessions that ask for none; the only one, where only_fused is set */
  uint32_t lacks;               /* VYRE_NEEDS_* that it cannot do */
  bool only_fused;              /* builds no loop that calls its handlers through hooks */
  bool sleeps;                  /* idle workers sleep on a word and are woken by publishers */
  vyre_copy_rates_t copy_rates; /* copy_rates.c; zeros: not measured */
  uint32_t pumps;               /* workers of a pump: 0 for as many as the session has */
  char name[32];
  char target[16];
  char description[128];
  char reason[128];
};

#endif
