/* Arithmetic on single values, as docs/language.md defines it. Values are masked to their type's bits on the way in
 * and out, signed types too.
 *
 * Threads: pure functions. */
#ifndef VYRE_IR_VALUE_H
#define VYRE_IR_VALUE_H

#include "ir/program.h"

/* The number that a masked value of a signed type stands for. */
int64_t vyre_value_signed(vyre_type_t type, uint64_t value);

/* NEG, NOT, LOGICAL_NOT. */
uint64_t vyre_value_unary(vyre_expr_op_t op, vyre_type_t type, uint64_t a);

/* ADD .. MAX. The divisor of DIV and REM is not 0: the caller has turned that into a fault. */
uint64_t vyre_value_binary(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b);

/* EQ .. GE on two values of `type`: 0 or 1. */
uint64_t vyre_value_compare(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b);

uint64_t vyre_value_cast(vyre_type_t from, vyre_type_t to, uint64_t a);

#endif
