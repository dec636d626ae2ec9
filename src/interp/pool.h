/* Equal pieces of memory for calls that run at once, of which nobody knows how many there will be.
 *
 * A call that finds no free piece makes one more; when memory is out it waits until another call gives its piece back.
 * One exists from the beginning and every call of a workgroup ends, so each gets one in the end, and none fails or
 * gives a wrong answer for want of memory.
 *
 * Owns:    the pieces, until destroy.
 * Threads: take and give from any. */
#ifndef VYRE_INTERP_POOL_H
#define VYRE_INTERP_POOL_H

#include "base/status.h"

typedef struct vyre_pool vyre_pool_t;

vyre_status_t vyre_pool_create(size_t piece_bytes, vyre_pool_t **out_pool);
void vyre_pool_destroy(vyre_pool_t *pool); /* all pieces are back; accepts NULL */
void *vyre_pool_take(vyre_pool_t *pool);   /* aligned to 16; not cleared */
void vyre_pool_give(vyre_pool_t *pool, void *piece);

#endif
