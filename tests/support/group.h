/* A group of threads on a host: runs code that was compiled for one (src/codegen/target_emulated.c), as fibers of this
 * thread. Between two meetings they run in random order, each as far as it comes; where they meet, that all of them do,
 * and at the same place, is checked: what does not ends the process with a message, as a GPU would hang.
 *
 * Not under sanitizers, which know nothing of these stacks. One group at a time in a process. */
#ifndef TESTS_SUPPORT_GROUP_H
#define TESTS_SUPPORT_GROUP_H

#include "codegen/codegen.h"
#include "device/cpu/loader.h"
#include "ir/frame.h"

typedef struct group {
  vyre_loaded_t *object; /* owned */
  vyre_entry_fn function;
  uint32_t threads; /* a multiple of 32, at most GROUP_THREADS_MAX */
  uint64_t seed;    /* of the order */
} group_t;

enum { GROUP_THREADS_MAX = 256 };

/* Compiles for `threads` threads, known to the code or not; the entry is one of run_entry, for as long as the group is.
 */
vyre_status_t group_init(group_t *group, const vyre_program_t *program, uint32_t threads, bool is_known, uint64_t seed,
                         vyre_entry_t *out_entry);
void group_deinit(group_t *group);

#endif
