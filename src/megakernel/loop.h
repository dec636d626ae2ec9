/* The megakernel's loop, built out of IR nodes: topology `direct`, payload `interpreted`.
 *
 * Any worker that gets LOCK (by trying, never waiting) is the dispatcher for a bounded batch: it copies slots out of
 * the ring in ticket order, executes built-in opcodes at once, and pushes the cells of registered Programs to the run
 * queue. Every worker pops the queue. No C function claims a slot: the devices compile or interpret this program. */
#ifndef VYRE_MEGAKERNEL_LOOP_H
#define VYRE_MEGAKERNEL_LOOP_H

#include "ir/program.h"

vyre_status_t vyre_megakernel_build_direct(vyre_program_t **out_program);

#endif
