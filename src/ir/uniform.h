/* What is the same in all lanes: which values, which control flow, and where lanes meet. One analysis for the
 * validator, the interpreter and codegen, because it is part of the meaning: which budget of fuel a loop draws on
 * follows from it (docs/language.md, "Uniformity").
 *
 * Levels are joined along the uses of variables and the nesting of control flow; a worklist over these edges, each node
 * raised at most twice, keeps that linear.
 *
 * Owns:    its arrays, until deinit.
 * Threads: immutable once analyzed. */
#ifndef VYRE_IR_UNIFORM_H
#define VYRE_IR_UNIFORM_H

#include "ir/program.h"

typedef enum vyre_level {
  VYRE_LEVEL_WORKGROUP, /* the same in all lanes of the workgroup */
  VYRE_LEVEL_SUBGROUP,  /* the same in the lanes of each subgroup */
  VYRE_LEVEL_LANE,      /* any */
} vyre_level_t;

/* The widest meeting of lanes inside a statement. */
typedef enum vyre_meeting { VYRE_MEETING_NONE, VYRE_MEETING_SUBGROUP, VYRE_MEETING_WORKGROUP } vyre_meeting_t;

typedef struct vyre_uniform {
  uint8_t *vars;     /* vyre_level_t by variable: of its value, everywhere */
  uint8_t *control;  /* by statement: of the control flow that comes to it */
  uint8_t *inside;   /* by statement with bodies: of the control flow in them, the loop's own iterations too */
  uint8_t *meetings; /* by statement: vyre_meeting_t */
} vyre_uniform_t;

/* The program is sound (ids, trees, scopes); placement is not checked here. VYRE_E_MEMORY. */
vyre_status_t vyre_uniform_init(vyre_uniform_t *uniform, const vyre_program_t *program);
void vyre_uniform_deinit(vyre_uniform_t *uniform);

/* Of the value of an expression. */
vyre_level_t vyre_uniform_expr(const vyre_uniform_t *uniform, const vyre_program_t *program, uint32_t expr);

#endif
