/* Worker threads that run the loop of a host device (ref, cpu), and the hooks that the loop calls. */
#ifndef VYRE_DEVICE_WORKERS_H
#define VYRE_DEVICE_WORKERS_H

#include "device/device.h"

/* Starts the threads. `handlers`, NULL for a loop that has its own, is lent by the image until the launch is joined. */
vyre_status_t vyre_workers_launch(vyre_entry_t loop, const vyre_entry_t *handlers, const vyre_launch_params_t *params,
                                  vyre_launch_t **out_launch);

#endif
