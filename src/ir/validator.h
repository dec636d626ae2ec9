/* What the parts of the validator share: validate.c (the walk, statements), validate_expr.c, validate_params.c,
 * validate_foreach.c, validate_lanes.c (the privileged lanes block), validate_meetings.c (uniformity), validate_facts.c
 * (what is found out).
 *
 * Each node is visited at most once (a second visit is an error), so the walk ends on any input. */
#ifndef VYRE_IR_VALIDATOR_H
#define VYRE_IR_VALIDATOR_H

#include "ir/program.h"

/* Where a walk is: what a body may hold depends on it. */
typedef enum vyre_place { VYRE_IN_BODY, VYRE_IN_FUNCTION, VYRE_IN_FINISH } vyre_place_t;

/* What a function does besides giving a value, its callees' included. */
typedef enum vyre_effect {
  VYRE_EFFECT_STORES = 1 << 0,  /* into buffers, or by atomics that do not commute or whose result is used */
  VYRE_EFFECT_LANES = 1 << 1,   /* reads lane ids or private memory */
  VYRE_EFFECT_ATOMICS = 1 << 2, /* commuting atomics as statements */
  VYRE_EFFECT_LOOPS = 1 << 3,
  VYRE_EFFECT_MEMORY = 1 << 4, /* reads anything that is not the same for the whole Program: streams, windows, state */
} vyre_effect_t;

/* How one buffer is accessed in the open foreach. */
typedef struct vyre_own {
  uint64_t factor;               /* of the form i * factor + sum + base */
  uint64_t sum;                  /* of literals, in the first access */
  int64_t low, high;             /* the sums of all accesses, from the first one on */
  uint32_t base;                 /* a variable, 0 for none */
  unsigned bits;                 /* of the type of the first sum */
  vyre_position_t odd;           /* an access that is of no such form, or of another than the first */
  vyre_position_t stored;        /* a store */
  vyre_position_t atomic, other; /* an atomic; any other access */
  bool has_form, is_odd, is_stored, has_atomic, has_other;
} vyre_own_t;

typedef struct vyre_validator {
  vyre_program_t *program;
  uint8_t *expr_seen, *stmt_seen; /* by id */
  uint32_t *var_depth;            /* by variable: 0 not in scope, else the block depth of its declaration */
  uint32_t *scope;                /* variables in scope, innermost last */
  uint32_t scope_count;
  uint32_t depth;      /* of blocks */
  uint32_t loop_depth; /* loops open inside the innermost foreach, or inside the body */
  vyre_place_t place;
  uint32_t function;            /* the open one, or as many as can be called */
  uint64_t expanded;            /* nodes of the open body, with what it calls */
  uint64_t *function_nodes;     /* by function */
  uint32_t *function_depths;    /* nested statements and expressions, by function */
  uint8_t *function_effects;    /* by function: vyre_effect_t */
  uint8_t effects;              /* of the open function */
  uint32_t foreach_depth;       /* block depth of the open foreach's body, 0 outside */
  uint32_t foreach_var;         /* its loop variable */
  bool foreach_is_whole;        /* over the stream, from its first element to its last */
  vyre_own_t *owns;             /* by parameter */
  uint32_t lanes_depth;         /* of the open lanes block's, likewise */
  uint32_t lanes_count;         /* lanes blocks so far: the number of the open one */
  uint32_t *read_in, *voted_in; /* by variable: the last lanes block that read it from outside, voted on it */
} vyre_validator_t;

/* `fix` may be NULL. */
vyre_status_t vyre_invalid(const vyre_validator_t *v, vyre_position_t position, const char *what, const char *fix);
vyre_status_t vyre_validate_name(const vyre_validator_t *v, const char *name, vyre_position_t position);

/* The variable is declared in a block that is open. */
static inline bool vyre_validator_sees(const vyre_validator_t *v, uint32_t var) { return v->var_depth[var] != 0; }

/* validate_expr.c: what an expression is used as. */
typedef enum vyre_use {
  VYRE_USE_OPERAND, /* of another one, or of a statement that is not named here */
  VYRE_USE_VALUE,   /* of a LET or an ASSIGN: all of its right side */
  VYRE_USE_EVAL,    /* for what it does */
  VYRE_USE_ITEM,    /* the link of a list: arguments of a call, labels of a case */
} vyre_use_t;
vyre_status_t vyre_validate_expr(vyre_validator_t *v, uint32_t id, uint32_t depth, vyre_use_t use);
vyre_status_t vyre_validate_list(vyre_validator_t *v, uint32_t list, uint32_t depth, uint32_t limit);
vyre_status_t vyre_validate_param_id(const vyre_validator_t *v, uint32_t param, vyre_position_t position);

/* validate_facts.c: needs and needs_order of the program, when everything else is sound. */
void vyre_validate_facts(vyre_validator_t *v);

/* validate_params.c */
vyre_status_t vyre_validate_params(const vyre_validator_t *v);
/* After the functions: what combine names. */
vyre_status_t vyre_validate_combines(const vyre_validator_t *v);

/* validate_foreach.c: an access to param[index] inside the open foreach; and at its end what they come to. */
typedef enum vyre_own_access { VYRE_OWN_LOAD, VYRE_OWN_STORE, VYRE_OWN_ATOMIC } vyre_own_access_t;
void vyre_foreach_note(vyre_validator_t *v, uint32_t param, uint32_t index, vyre_own_access_t access,
                       vyre_position_t position);
void vyre_foreach_begin(vyre_validator_t *v, const vyre_stmt_t *s);
vyre_status_t vyre_foreach_end(const vyre_validator_t *v);
/* What a foreach may not hold. */
vyre_status_t vyre_foreach_check_stmt(const vyre_validator_t *v, const vyre_stmt_t *s);
vyre_status_t vyre_foreach_check_expr(const vyre_validator_t *v, const vyre_expr_t *e);

/* validate_lanes.c: the privileged lanes block */
vyre_status_t vyre_lanes_check_expr(vyre_validator_t *v, const vyre_expr_t *e);
vyre_status_t vyre_lanes_check_stmt(const vyre_validator_t *v, const vyre_stmt_t *s);
vyre_status_t vyre_lanes_check_vote(vyre_validator_t *v, const vyre_stmt_t *s);

/* validate_meetings.c: after the walk, when everything else is sound. */
vyre_status_t vyre_validate_meetings(vyre_validator_t *v);

#endif
