/* vyre/device.h: what runs Programs.
 *
 * A device is chosen by name, or by the policy "auto", and always says which one it is and why. Nothing falls back to
 * another device. The names:
 *
 *   "cpu"     machine code on worker threads
 *   "ref"     the interpreter on worker threads: the oracle, slow, never chosen by "auto"
 *   "cuda:N"  the N-th NVIDIA GPU, from 0 on; "cuda" is the first. One session at a time runs there
 *   "auto"    the first GPU when there is one that works, else "cpu"; `reason` says why
 *
 * Threads: a device may be shared by sessions on any threads; it is closed after the last of them is destroyed. */
#ifndef VYRE_DEVICE_H
#define VYRE_DEVICE_H

#include <vyre/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vyre_device vyre_device_t;

typedef struct vyre_device_info {
  const char *name;        /* "cpu" */
  const char *description; /* "machine code on worker threads, 2 processors" */
  const char *target;      /* the architecture that code is compiled for: "x86_64" */
  const char *reason;      /* why this device: "named", or the words of the policy */
  uint32_t workers_max;    /* most workers of one session: threads, or blocks of a GPU */
  uint32_t workers_default;
} vyre_device_info_t;

/* How a session's slots get to its workers (docs/protocol/megakernel.md). DIRECT: any worker takes slots and runs what
 * it takes or what others left. DISPATCHED: a worker of its own takes them all and hands them to the others. */
typedef enum vyre_topology {
  VYRE_TOPOLOGY_DEFAULT = 0, /* DIRECT on ref and cpu, DISPATCHED on a GPU */
  VYRE_TOPOLOGY_DIRECT = 1,
  VYRE_TOPOLOGY_DISPATCHED = 2,
} vyre_topology_t;

/* NULL is "auto". Errors: VYRE_E_NO_DEVICE; of a GPU, too: _NO_DRIVER, _DRIVER, _DEVICE_MEMORY, _MEMORY. */
VYRE_API vyre_status_t vyre_device_open(const char *name, vyre_device_t **out_device);
VYRE_API void vyre_device_close(vyre_device_t **device);
/* The strings live as long as the device. */
VYRE_API vyre_device_info_t vyre_device_info(const vyre_device_t *device);

/* The names that vyre_device_open knows on this machine, "auto" not among them; NULL past the end. */
VYRE_API const char *vyre_device_name_at(uint32_t index);

#ifdef __cplusplus
}
#endif
#endif
