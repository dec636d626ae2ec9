/* The reference interpreter: slow, obvious, the oracle. It follows docs/language.md word by word and shares no code
 * with codegen but the tables of ir/.
 *
 * Threads: any number at once, each with its own frame; privileged accesses, atomics and additions to shared outputs
 *          are real atomics on real memory.
 * Errors:  faults go into the frame, as machine code puts them.
 * Memory:  a call of one lane allocates nothing: it keeps its variables on the stack, 16 bytes each (1 MiB at
 *          VYRE_LIMIT_VARS). The lanes of a workgroup have theirs in memory that interp/pool.h lends, which is enough
 *          for the first call, grows with the number of calls at once, and never fails.
 * Stack:   it recurses as deep as the program nests, called functions included, VYRE_LIMIT_NESTING levels at most:
 *          2 MiB are enough for a call, 3 MiB for a loop and a handler. */
#ifndef VYRE_INTERP_INTERP_H
#define VYRE_INTERP_INTERP_H

#include "ir/frame.h"
#include "ir/program.h"

typedef struct vyre_interp vyre_interp_t;

/* Prepares a validated program, which must outlive the result. VYRE_E_MEMORY. */
vyre_status_t vyre_interp_create(const vyre_program_t *program, vyre_interp_t **out_interp);
/* From here on call_handler of this one, a privileged program, calls these by index instead of going through the hooks.
 * The array and what it holds are lent until the last call. */
void vyre_interp_fuse(vyre_interp_t *interp, vyre_interp_t *const *handlers, uint32_t handler_count);
void vyre_interp_destroy(vyre_interp_t *interp); /* accepts NULL; no call is running */

/* A vyre_entry_fn: `context` is the vyre_interp_t. Writes to frame->output at the end, as vyre_layout_t says. */
void vyre_interp_call(vyre_frame_t *frame, void *context);

#endif
