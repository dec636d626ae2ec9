/* The reference interpreter: slow, obvious, the oracle. It follows docs/language.md word by word and shares no code
 * with codegen but the tables of ir/.
 *
 * Threads: any number at once, each with its own frame; privileged accesses are real atomics on real memory.
 * Errors:  faults go into the frame, as machine code puts them. Allocates only at create.
 * Stack:   a call keeps its variables there, 8 bytes each (512 KiB at VYRE_LIMIT_VARS), and recurses as deep as the
 *          program nests (400 levels at VYRE_LIMIT_DEPTH): 1 MiB is enough for a call, 2 MiB for a loop and a handler.
 */
#ifndef VYRE_INTERP_INTERP_H
#define VYRE_INTERP_INTERP_H

#include "ir/frame.h"
#include "ir/program.h"

typedef struct vyre_interp vyre_interp_t;

/* Prepares a validated program, which must outlive the result. */
vyre_status_t vyre_interp_create(const vyre_program_t *program, vyre_interp_t **out_interp);
/* From here on call_handler of this one, a privileged program, calls these by index instead of going through the hooks.
 * The array and what it holds are lent until the destroy; the others may be destroyed first. */
void vyre_interp_fuse(vyre_interp_t *interp, vyre_interp_t *const *handlers, uint32_t handler_count);
void vyre_interp_destroy(vyre_interp_t *interp);

/* A vyre_entry_fn: `context` is the vyre_interp_t. Adds to frame->output at the end, atomically per element, only
 * when no fault occurred. */
void vyre_interp_call(vyre_frame_t *frame, void *context);

#endif
