/* The typing rules, once: used by the builder as nodes are added and by the validator over a whole program. */
#ifndef VYRE_IR_TYPING_H
#define VYRE_IR_TYPING_H

#include "ir/program.h"

/* Checks the operands of `expr` (whose operand ids are in range) and gives the type of its value. */
vyre_status_t vyre_type_expr(const vyre_program_t *program, const vyre_expr_t *expr, vyre_type_t *out_type);

/* Checks the operand types of a statement. Scopes, placement and control flow are the validator's. */
vyre_status_t vyre_type_stmt(const vyre_program_t *program, const vyre_stmt_t *stmt);

/* The operand expression ids of a node, in evaluation order; the count is vyre_expr_arity. */
uint32_t vyre_expr_operand(const vyre_expr_t *expr, unsigned index);
void vyre_expr_set_operand(vyre_expr_t *expr, unsigned index, uint32_t operand);
/* The same for a statement: how many of arg[] it uses. */
unsigned vyre_stmt_arity(vyre_stmt_op_t op);
/* How many of arg[] are values that it works on: of RETURN one if it gives a value, of CASE none, whose labels are a
 * list. */
unsigned vyre_stmt_operands(const vyre_stmt_t *stmt);

#endif
