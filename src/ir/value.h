/* Arithmetic on single values, as docs/language.md defines it: what the interpreter computes with, and what constants
 * are folded with. Values are masked to their type's bits on the way in and out, signed types too; floats are their
 * bits, and a NaN that comes out is the one without payload.
 *
 * Threads: pure functions, total over values of their types. They count on the default floating-point environment. */
#ifndef VYRE_IR_VALUE_H
#define VYRE_IR_VALUE_H

#include "ir/program.h"

/* The number that a masked value of a signed type stands for. */
int64_t vyre_value_signed(vyre_type_t type, uint64_t value);

/* Every op of class UNARY. */
uint64_t vyre_value_unary(vyre_expr_op_t op, vyre_type_t type, uint64_t a);

/* Every op of class BINARY. The divisor of DIV and REM of integers is not 0: the caller has turned that into a fault.
 */
uint64_t vyre_value_binary(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b);

/* FMA of f32 or f64. */
uint64_t vyre_value_fma(vyre_type_t type, uint64_t a, uint64_t b, uint64_t c);
float vyre_value_pow_float(float x, float y);
double vyre_value_pow_double(double x, double y);

/* EQ .. GE on two values of `type`: 0 or 1. */
uint64_t vyre_value_compare(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b);

/* Between any two types that a CAST allows. */
uint64_t vyre_value_cast(vyre_type_t from, vyre_type_t to, uint64_t a);
uint64_t vyre_value_bitcast(vyre_type_t from, vyre_type_t to, uint64_t a);

/* A NaN without its payload; every other value, and those of types without NaN, as they are. */
uint64_t vyre_value_canonical(vyre_type_t type, uint64_t a);

#endif
