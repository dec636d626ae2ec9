/* The devices of this build. */
#ifndef VYRE_DEVICE_REGISTRY_H
#define VYRE_DEVICE_REGISTRY_H

#include "device/device.h"

extern const vyre_device_ops_t vyre_device_cpu;
extern const vyre_device_ops_t vyre_device_ref;

#endif
