/* vyre/device.h: what runs Programs.
 *
 * A device is chosen by name, or by the policy "auto", and always says which one it is and why. Nothing falls back to
 * another device. Names today: "cpu" (machine code on worker threads), "ref" (the interpreter: the oracle, slow, never
 * chosen by "auto"), "cuda:0", "cuda:1"... (NVIDIA GPUs; "cuda" is the first). "auto" is the first GPU when it works, else
 * "cpu"; why, is in `reason`. One session at a time runs on a GPU.
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
  uint32_t workers_max;    /* most workers of one session */
  uint32_t workers_default;
} vyre_device_info_t;

/* Errors: VYRE_E_NO_DEVICE, _NO_DRIVER, _DRIVER, _DEVICE_MEMORY, _MEMORY. */
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
