/* rules.def as a table: patterns are nodes in prefix order, ended by VYRE_TERM_END.
 *
 * Threads: constant. */
#ifndef VYRE_IR_RULES_H
#define VYRE_IR_RULES_H

#include "ir/program.h"

/* What stands in a pattern: a number below 256 is an expression op, behind PART the number of the part. */
typedef enum vyre_term {
  VYRE_TERM_X = 256, /* the first letter: captures are numbered from here */
  VYRE_TERM_Y,
  VYRE_TERM_Z,
  VYRE_TERM_V, /* no constant */
  VYRE_TERM_W,
  VYRE_TERM_C, /* a constant */
  VYRE_TERM_D,
  VYRE_TERM_ZERO,
  VYRE_TERM_ONE,
  VYRE_TERM_MINUS_ONE,
  VYRE_TERM_MINUS_ZERO,
  VYRE_TERM_HIGHEST,
  VYRE_TERM_LOWEST,
  VYRE_TERM_TRUE,
  VYRE_TERM_FALSE,
  VYRE_TERM_COUNT_MASK,
  VYRE_TERM_END,
  VYRE_TERM_LETTERS = VYRE_TERM_ZERO - VYRE_TERM_X,
} vyre_term_t;

typedef enum vyre_when {
  VYRE_WHEN_ALWAYS,
  VYRE_WHEN_SKIPS,
  VYRE_WHEN_PURE_X,
  VYRE_WHEN_PURE_Y,
  VYRE_WHEN_POWER,
  VYRE_WHEN_OVER,
  VYRE_WHEN_BELOW_HIGHEST,
  VYRE_WHEN_ABOVE_LOWEST,
  VYRE_WHEN_SAME,
  VYRE_WHEN_MERGES,
  VYRE_WHEN_TO_BOOL,
  VYRE_WHEN_TO_INTEGER,
  VYRE_WHEN_BY_INTEGER,
  VYRE_WHEN_SIGN_ONLY,
} vyre_when_t;

enum { VYRE_RULE_TERMS = 8 };

typedef struct vyre_rule {
  const char *text; /* "ADD(X, ZERO)" */
  uint32_t on;      /* kinds of types, 1 << vyre_type_kind_t */
  uint8_t when;     /* vyre_when_t */
  uint16_t pattern[VYRE_RULE_TERMS], replacement[VYRE_RULE_TERMS];
} vyre_rule_t;

extern const vyre_rule_t vyre_rules[];
extern const uint32_t vyre_rule_count;

/* Whether the first two operands may change places. */
bool vyre_expr_commutes(vyre_expr_op_t op);

/* The bits of ZERO .. COUNT_MASK in a type; false where the type has no such value. */
bool vyre_term_value(vyre_term_t term, vyre_type_t type, uint64_t *out_value);

#endif
