/* Making expressions in canonical form: constants folded, rules.def applied, operands in their order. What is made of
 * operands that are canonical is canonical.
 *
 * Cost:   a node is compared with its neighbour at most as far as the smaller one goes, so n nodes take n log n.
 * Owns:   nothing of the program it adds nodes to; its own arrays until deinit.
 * Errors: `failed` when memory is out; what is made then means nothing. */
#ifndef VYRE_IR_FOLD_H
#define VYRE_IR_FOLD_H

#include "ir/program.h"

enum { VYRE_FOLD_RULES_MAX = 255 };

typedef struct vyre_fold {
  vyre_program_t *program; /* gets the nodes; some are left without a parent */
  uint8_t *pure;           /* by expression: neither faults nor does anything */
  size_t pure_capacity;
  uint32_t *rank; /* by variable: when it was declared, from 1 on */
  bool failed;
  uint8_t first_rule[VYRE_EXPR_COUNT]; /* by op: 1 + index of its first rule; 0 for none */
  uint8_t next_rule[VYRE_FOLD_RULES_MAX];
} vyre_fold_t;

/* `program` has its variables already. False when memory is out. */
bool vyre_fold_init(vyre_fold_t *fold, vyre_program_t *program);
void vyre_fold_deinit(vyre_fold_t *fold);

/* A node of canonical operands; its type is set. The result may be any node, one of the operands too. */
uint32_t vyre_fold_make(vyre_fold_t *fold, const vyre_expr_t *node);
/* As it is, without rules: for lists. */
uint32_t vyre_fold_add(vyre_fold_t *fold, const vyre_expr_t *node);

bool vyre_fold_is_const(const vyre_fold_t *fold, uint32_t expr);

#endif
