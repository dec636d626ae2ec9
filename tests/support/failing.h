/* Allocations that fail when a test wants it. The linker puts malloc, calloc, realloc, aligned_alloc and free of
 * everything in the test's program here (--wrap), and those of a libvyre-codegen that is linked the same way: all that
 * base/memory.h asks for, and nothing of LLVM's or libc's own. Likewise, of the program only: mmap, mprotect, open and
 * pthread_create.
 *
 * Threads: any thread may allocate; one runs operations. Cost: two atomic additions for each call. */
#ifndef TESTS_SUPPORT_FAILING_H
#define TESTS_SUPPORT_FAILING_H

#include <stdbool.h>
#include <stdint.h>

#include <vyre/status.h>

/* Tries something that allocates, and gives its status. It calls failing_end when that is done and before it looks at
 * the result: on success it holds it against what is right, and gives everything back; on failure there is nothing to
 * give back, and it looks whether all is as it was. */
typedef vyre_status_t failing_operation_t(void *context);

typedef enum failing_kind {
  FAILING_MEMORY,    /* allocations */
  FAILING_RESOURCES, /* mmap and mprotect: VYRE_E_MEMORY; open: VYRE_E_FILES; pthread_create: VYRE_E_THREADS */
} failing_kind_t;

typedef struct failing_options {
  const char *name; /* of the operation, for messages */
  failing_kind_t kind;
  vyre_code_t refusal; /* the operation is to end with this error when nothing fails; VYRE_OK: with none */
  uint64_t most;       /* tries of each kind; 0: as many as there are allocations. With fewer, `most` / 2 of the first
                          and a sample of the others, by seed */
  bool is_quiet;       /* says nothing when all went well */
  bool is_slow;        /* the second try, without failures, is made at the end only */
} failing_options_t;

/* Runs the operation with allocation n failing, and again with all from n on failing, for n = 1, 2, 3 .. behind the
 * last one. Each time it must end with VYRE_E_MEMORY, or what the resource has (or with its own refusal), leave no
 * block behind, and succeed when it is tried again (after the first failures, every eighth, and the last). Gives their
 * number. Fails the test otherwise, and says where the allocation was. */
uint64_t failing_every(const failing_options_t *options, failing_operation_t *operation, void *context);

/* By hand: from now on allocation `number` fails, from 1, or all from it on. */
void failing_begin(uint64_t number, bool is_from);

/* Ends the time in which allocations fail. */
void failing_end(void);
/* In that time: how many allocations there were, and whether any failed. */
uint64_t failing_count(void);
bool failing_has_fired(void);

/* Blocks that were allocated and not given back. */
int64_t failing_live(void);

/* Fails the test, with the operation and n, unless the condition holds. */
#define failing_require(condition) failing_require_at(condition, #condition, __FILE__, __LINE__)
void failing_require_at(bool condition, const char *text, const char *file, int line);

#endif
