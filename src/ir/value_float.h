/* The part of value.h that is about f32, f64, f16 and bf16. */
#ifndef VYRE_IR_VALUE_FLOAT_H
#define VYRE_IR_VALUE_FLOAT_H

#include "ir/program.h"

/* `type` is F32 or F64. */
uint64_t vyre_float_unary(vyre_expr_op_t op, vyre_type_t type, uint64_t a);
uint64_t vyre_float_binary(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b);
uint64_t vyre_float_compare(vyre_expr_op_t op, vyre_type_t type, uint64_t a, uint64_t b);

/* From or to F32, F64, F16, BF16; the other side is what a CAST allows. */
uint64_t vyre_float_cast(vyre_type_t from, vyre_type_t to, uint64_t a);

#endif
