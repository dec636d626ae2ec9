/* Whether two validated programs have the same nodes, everything but positions compared, what the validator found out
 * too. Variables correspond by the order of their declarations, so that programs built in different orders can be
 * equal. Names of functions and variables are compared where that is asked for. */
#ifndef VYRE_TESTS_IR_PROGRAM_EQUAL_H
#define VYRE_TESTS_IR_PROGRAM_EQUAL_H

#include "ir/program.h"

bool vyre_program_equal(const vyre_program_t *a, const vyre_program_t *b, bool with_variable_names);

#endif
