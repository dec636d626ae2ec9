/* Statuses for what the kernel refuses, sharpened with the values that caused it. Inside the module only. */
#ifndef VYRE_URING_REFUSAL_H
#define VYRE_URING_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* `call` failed with `error` (positive errno); `locked_bytes` is what it wanted to lock and what
 * the rings of this process hold (pinned buffers are seen in /proc). */
vyre_status_t vyre_uring_refusal(int error, const char *call, uint64_t locked_bytes);

/* Whether ENOMEM for `locked_bytes` can pass by itself: the limit is large enough, but rings closed a moment ago, also
 * by processes of the same user that have ended, still count until the kernel gets round to them. */
bool vyre_uring_memlock_may_pass(uint64_t locked_bytes);

/* `call` does not know the flags or the operation that this module needs. */
vyre_status_t vyre_uring_too_old(const char *call);

#endif
