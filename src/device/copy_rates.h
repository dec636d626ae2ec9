/* How fast a copy engine takes copies of a size, measured once for each device that is opened: what streams plan their
 * chunks by, and what `vyre doctor` shows. */
#ifndef VYRE_DEVICE_COPY_RATES_H
#define VYRE_DEVICE_COPY_RATES_H

#include "device/device.h"

/* Of a device with copies (ops->copies), beside a live kernel, too; from any thread, one measures and the others wait.
 * Takes some milliseconds and 8 MiB of pinned and of device memory the first time. */
vyre_status_t vyre_copy_rates(vyre_device_t *device, vyre_copy_rates_t *out_rates);

/* The smallest size whose rate is within 5 % of the best: larger chunks gain nothing, and wait longer for their ends.
 */
uint32_t vyre_copy_rates_plan(const vyre_copy_rates_t *rates);

#endif
