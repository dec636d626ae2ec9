/* Makes a Program that shows a defect smaller: drops statements, functions and parameters that nobody uses any more,
 * puts bodies in the place of what is around them, replaces expressions by a part of themselves or by 0 or 1, lanes by
 * fewer, as long as the Program stays valid and still shows it. */
#ifndef TESTS_SUPPORT_SHRINK_H
#define TESTS_SUPPORT_SHRINK_H

#include "ir/program.h"

typedef bool (*shrink_shows_fn)(const vyre_program_t *program, void *context);

/* Changes `program`, which is valid and shows the defect now and afterwards. Gives the number of changes. */
uint32_t shrink_program(vyre_program_t *program, shrink_shows_fn shows, void *context);

#endif
