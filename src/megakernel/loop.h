/* The megakernel's loop as IR: docs/protocol/megakernel.md in a Program that any device can compile. */
#ifndef VYRE_MEGAKERNEL_LOOP_H
#define VYRE_MEGAKERNEL_LOOP_H

#include "device/device.h"
#include "ir/program.h"

typedef struct vyre_loop_params {
  vyre_topology_t topology;
  bool sleeps; /* who has nothing to do sleeps on EVENT, to be woken; else, dispatched only, for a bounded time */
} vyre_loop_params_t;

vyre_status_t vyre_megakernel_build(const vyre_loop_params_t *params, vyre_program_t **out_program);

#endif
