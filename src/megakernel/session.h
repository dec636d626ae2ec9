/* A session from inside: what streams need besides the public API. */
#ifndef VYRE_MEGAKERNEL_SESSION_H
#define VYRE_MEGAKERNEL_SESSION_H

#include <vyre/session.h>

#include "device/device.h"
#include "ir/program.h"

/* The registered Program of an opcode, lent until the session is destroyed; NULL when there is none. */
const vyre_program_t *vyre_session_program(const vyre_session_t *session, uint32_t opcode);
uint32_t vyre_session_workers(const vyre_session_t *session);
/* Attaches host work to the workers of a running session and wakes them; detach returns when none is inside it. */
vyre_status_t vyre_session_attach(vyre_session_t *session, vyre_pump_t *pump);
void vyre_session_detach(vyre_session_t *session, vyre_pump_t *pump);
/* True once every worker has left the loop, whatever made it; of a session that was started. */
bool vyre_session_has_ended(const vyre_session_t *session);
/* True when a stop has missed its deadline: a worker may be anywhere, and what it can reach must stay. */
bool vyre_session_is_stuck(const vyre_session_t *session);

#endif
