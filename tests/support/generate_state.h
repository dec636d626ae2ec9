/* What the parts of the generator share: generate.c makes statements, generate_expr.c expressions. */
#ifndef TESTS_SUPPORT_GENERATE_STATE_H
#define TESTS_SUPPORT_GENERATE_STATE_H

#include "ir/builder.h"
#include "support/generate.h"
#include "support/random.h"

enum { GENERATE_VARS_MAX = 48, GENERATE_OUTPUTS_MAX = 6 };

typedef struct generate_var {
  vyre_var_id_t id;
  vyre_type_t type;
  bool is_assignable;
  bool is_in_stream; /* a loop variable below len(stream) */
} generate_var_t;

typedef struct generate_output {
  vyre_param_id_t id;
  vyre_type_t type;
  uint32_t count; /* 0: a scalar */
} generate_output_t;

typedef struct generator {
  random_t random;
  generate_options_t options;
  vyre_builder_t builder;
  vyre_param_id_t stream; /* VYRE_PARAM_NONE: none */
  vyre_type_t stream_type;
  generate_output_t outputs[GENERATE_OUTPUTS_MAX];
  uint32_t output_count;
  generate_var_t vars[GENERATE_VARS_MAX]; /* in scope, innermost last */
  uint32_t var_count;
  uint32_t foreach_vars; /* inside a foreach: vars[] from here on are its own; else 0 */
  bool in_foreach;
  uint32_t loops;      /* open loops that a break would leave */
  uint32_t depth;      /* of blocks */
  uint32_t statements; /* still to be made */
  uint32_t fault_rate; /* an unsafe choice is made once in so many times; 0: never */
  uint64_t work;       /* how often the current block runs, about; bounds the time of a fault-free run */
  uint64_t halvings;   /* foreach runs so far, about: each may leave half of the fuel */
  uint32_t names, nodes;
} generator_t;

/* The builder, with the position moved to a fresh place. */
static inline vyre_builder_t *generate_at(generator_t *g) {
  g->builder.position = vyre_position_make(++g->nodes, 1);
  return &g->builder;
}

static inline bool generate_unsafe(generator_t *g) {
  return g->fault_rate != 0 && random_once_in(&g->random, g->fault_rate);
}

vyre_type_t generate_type(generator_t *g);          /* any */
vyre_type_t generate_unsigned_type(generator_t *g); /* u8 .. u64 */

/* An expression of `type`, at most `depth` levels. */
vyre_expr_id_t generate_expr(generator_t *g, vyre_type_t type, uint32_t depth);
/* An index below `count` unless an unsafe choice is made. */
vyre_expr_id_t generate_index(generator_t *g, uint32_t count);

#endif
