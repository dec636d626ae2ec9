/* A part of a test that changes its process for good (limits, user, seccomp) runs in a child. */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Forks, calls `body` with `report` (bytes, cleared) in the child, and brings what it wrote there back. Assertions
 * belong to the parent. False, with a message on stderr, when the child did not come to its end. Call it while no
 * thread but the test's own runs. */
bool child_run(void (*body)(void *report, uint64_t argument), uint64_t argument, void *report, size_t bytes);

#endif
