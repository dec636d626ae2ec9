/* A session from inside: what streams, and one day tenants, need besides the public API. */
#ifndef VYRE_MEGAKERNEL_SESSION_H
#define VYRE_MEGAKERNEL_SESSION_H

#include <vyre/session.h>

#include "device/device.h"
#include "ir/program.h"

/* The registered Program of an opcode, lent until the session is destroyed; NULL when there is none. */
const vyre_program_t *vyre_session_program(const vyre_session_t *session, uint32_t opcode);
/* The first window, or scalar without a value, of a registered Program: every slot has to bring it. NULL: none has to.
 */
const vyre_param_t *vyre_session_operand(const vyre_session_t *session, uint32_t opcode);
vyre_device_t *vyre_session_device(const vyre_session_t *session);
/* Workers of the pumps that are attached to the session. */
uint32_t vyre_session_pumps(const vyre_session_t *session);
/* Attaches host work to a running session and wakes who does it; detach returns when none is inside it. */
vyre_status_t vyre_session_attach(vyre_session_t *session, vyre_pump_t *pump);
void vyre_session_detach(vyre_session_t *session, vyre_pump_t *pump);
/* Whether pumps go on after the kernel's end; where they do not, whoever waits for a stream runs its pump. */
bool vyre_session_pumps_on(const vyre_session_t *session);
/* A window of the session's own, in memory of the kind that is asked for; *out_memory says where. */
vyre_status_t vyre_session_window_allocate(vyre_session_t *session, vyre_memory_kind_t kind, uint64_t bytes,
                                           uint32_t *out_handle, vyre_memory_t *out_memory);
/* Replaces the code of the running kernel by a fresh image of what is registered: the workers park at the next slot
 * border, everything published stays, and a new launch goes on with it. Publishers go on meanwhile. After
 * VYRE_E_DEVICE_STUCK or an error of the device the session can only be stopped. VYRE_E_UNSUPPORTED on ref and cpu. */
vyre_status_t vyre_session_swap(vyre_session_t *session, uint64_t timeout_ns);
/* True once every worker has left the loop for good, whatever made it; of a session that was started. */
bool vyre_session_has_ended(const vyre_session_t *session);
/* True when a stop has missed its deadline: a worker may be anywhere, and what it can reach must stay. */
bool vyre_session_is_stuck(const vyre_session_t *session);

#endif
