/* What the parts of the generator share: generate.c makes blocks and the whole, generate_control.c control flow,
 * generate_foreach.c loops over iterations, generate_expr.c and generate_float.c values, generate_memory.c accesses to
 * buffers, generate_params.c declarations, generate_output.c outputs, generate_function.c functions and finish,
 * generate_lanes.c where lanes meet. */
#ifndef TESTS_SUPPORT_GENERATE_STATE_H
#define TESTS_SUPPORT_GENERATE_STATE_H

#include "ir/builder.h"
#include "ir/uniform.h"
#include "support/generate.h"
#include "support/random.h"

enum {
  GENERATE_VARS_MAX = 64,
  GENERATE_OUTPUTS_MAX = 8,
  GENERATE_BUFFERS_MAX = 12,
  GENERATE_SCALARS_MAX = 4,
  GENERATE_FUNCTIONS_MAX = 6,
  GENERATE_ARGUMENTS_MAX = 4,
  GENERATE_FACTOR_BITS = 12, /* of i * c in a foreach */
};

typedef struct generate_var {
  vyre_var_id_t id;
  vyre_type_t type;
  bool is_assignable;
  bool is_in_stream; /* a loop variable below len(stream) */
  bool is_fixed;     /* an immutable variable, not of a loop */
  vyre_level_t level;
} generate_var_t;

typedef struct generate_output {
  vyre_param_id_t id;
  vyre_type_t type;
  uint32_t count; /* 0: a scalar */
  vyre_reducer_t reducer;
  uint32_t room; /* APPEND: records that can still be added outside of loops */
} generate_output_t;

/* What may be done with the elements of a buffer here, so that no order of lanes or iterations shows. */
typedef enum generate_mode {
  GENERATE_NONE,   /* nothing */
  GENERATE_FREE,   /* anything: nobody else is there */
  GENERATE_READ,   /* loads */
  GENERATE_OWN,    /* anything at elements lane() + k * lanes */
  GENERATE_FORM,   /* in a foreach: loads and stores at i * factor + k (+ base) */
  GENERATE_ATOMIC, /* `atomic` as a statement, and nothing else */
} generate_mode_t;

typedef struct generate_buffer {
  vyre_param_id_t id;
  vyre_role_t role;
  vyre_type_t type;
  vyre_access_t access;
  uint32_t count; /* elements; 0: the length comes with the call */
  generate_mode_t mode;
  vyre_expr_op_t atomic;  /* ATOMIC */
  uint64_t factor;        /* FORM */
  uint64_t base;          /* FORM: a literal, or 0 */
  vyre_var_id_t base_var; /* FORM: or a variable, of type index_type; 0: none */
  bool is_guarded;        /* here the element of guard_k (OWN, FORM) is known to be there */
  uint32_t guard_k;
} generate_buffer_t;

/* What a body may ask for, and what a function's body asks for. */
typedef enum generate_reach {
  GENERATE_PURE,   /* arguments, scalars, constants */
  GENERATE_READER, /* the chunk, and memory that nobody writes, too */
  GENERATE_ANY,    /* everything */
} generate_reach_t;

typedef enum generate_place { GENERATE_BODY, GENERATE_FUNCTION, GENERATE_FINISH } generate_place_t;

typedef struct generate_function {
  vyre_function_id_t id;
  vyre_type_t type, args[GENERATE_ARGUMENTS_MAX];
  uint32_t arg_count;
  generate_reach_t reach;
  uint32_t touches; /* buffers that are written by somebody, as bits; they are accessed in their usual mode */
} generate_function_t;

typedef struct generator {
  random_t random;
  generate_options_t options;
  vyre_builder_t builder;
  uint32_t lanes;         /* 1, or several */
  vyre_param_id_t stream; /* VYRE_PARAM_NONE: none */
  vyre_type_t stream_type;
  bool has_halo;
  generate_output_t outputs[GENERATE_OUTPUTS_MAX];
  uint32_t output_count;
  generate_buffer_t buffers[GENERATE_BUFFERS_MAX];
  uint32_t buffer_count;
  struct generate_scalar {
    vyre_param_id_t id;
    vyre_type_t type;
  } scalars[GENERATE_SCALARS_MAX];
  uint32_t scalar_count;
  generate_function_t functions[GENERATE_FUNCTIONS_MAX];
  uint32_t function_count;
  generate_var_t vars[GENERATE_VARS_MAX]; /* in scope, innermost last */
  uint32_t var_count;

  generate_place_t place;
  generate_reach_t reach;
  vyre_type_t result;      /* FUNCTION: of its value */
  uint32_t touches;        /* FUNCTION: so far */
  vyre_level_t control;    /* of the control flow here, at most */
  vyre_level_t ceiling;    /* of the values that are made now */
  vyre_level_t loop_level; /* of the control flow of a break or continue, at most */
  vyre_level_t root_level; /* of a return */
  bool may_return;
  uint32_t foreach_vars; /* inside a foreach: vars[] from here on are its own; else 0 */
  generate_var_t foreach_var;
  bool in_foreach, foreach_is_whole;
  uint32_t loops;      /* open loops that a break would leave */
  uint32_t depth;      /* of blocks */
  uint32_t statements; /* still to be made */
  uint32_t fault_rate; /* an unsafe choice is made once in so many times; 0: never */
  uint64_t work;       /* how often the current block runs, about; bounds the time of a fault-free run */
  uint64_t least_work; /* outside of loops */
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

static inline bool generate_lacks(const generator_t *g, uint32_t what) { return (g->options.lacks & what) != 0; }

/* True when a value of `level` may stand here. */
static inline bool generate_level_fits(const generator_t *g, vyre_level_t level) {
  return g->lanes == 1 || level <= g->ceiling;
}
/* What differs between lanes in general, also inside a foreach, whose iterations belong to no lane. */
static inline bool generate_may_differ(const generator_t *g) {
  return g->in_foreach || generate_level_fits(g, VYRE_LEVEL_LANE);
}
/* The lowest level at which subgroups differ. */
static inline vyre_level_t generate_subgroup_level(const generator_t *g) {
  return g->lanes <= VYRE_SUBGROUP_LANES ? VYRE_LEVEL_WORKGROUP : VYRE_LEVEL_SUBGROUP;
}
/* A level for a value that is about to be made, from that of the control flow here on. */
vyre_level_t generate_level(generator_t *g);

const char *generate_name(generator_t *g, char prefix, char buffer[16]);
void generate_remember(generator_t *g, generate_var_t var);
vyre_expr_id_t generate_number(generator_t *g, vyre_type_t type, uint64_t value);

vyre_type_t generate_type(generator_t *g); /* any that a value may have */
vyre_type_t generate_integer_type(generator_t *g);
vyre_type_t generate_unsigned_type(generator_t *g);  /* u8 .. u64 */
vyre_type_t generate_memory_type(generator_t *g);    /* of elements */
vyre_type_t generate_word_type(generator_t *g);      /* u32 u64 i32 i64 */
vyre_type_t generate_reducible_type(generator_t *g); /* and f32, f64 */

/* generate_expr.c: an expression of `type`, at most `depth` levels, at g->ceiling. */
vyre_expr_id_t generate_expr(generator_t *g, vyre_type_t type, uint32_t depth);
/* The same at `level`. */
vyre_expr_id_t generate_expr_at(generator_t *g, vyre_level_t level, vyre_type_t type, uint32_t depth);
vyre_expr_id_t generate_leaf(generator_t *g, vyre_type_t type);
uint32_t generate_expr_depth(generator_t *g);
/* An index below `count` unless an unsafe choice is made. */
vyre_expr_id_t generate_index(generator_t *g, uint32_t count);
/* `value` as `type`. */
vyre_expr_id_t generate_cast(generator_t *g, vyre_type_t type, vyre_expr_id_t value);

/* generate_float.c: floats, halfs and vectors. */
vyre_expr_id_t generate_float_const(generator_t *g, vyre_type_t type);
vyre_expr_id_t generate_float_expr(generator_t *g, vyre_type_t type, uint32_t depth);
vyre_expr_id_t generate_moved_expr(generator_t *g, vyre_type_t type, uint32_t depth); /* halfs, vectors */

/* generate_memory.c: 0 when there is nothing that may be loaded (called) here. */
vyre_expr_id_t generate_load(generator_t *g, vyre_type_t type, uint32_t depth);
vyre_expr_id_t generate_atomic_value(generator_t *g, vyre_type_t type, uint32_t depth);
bool generate_store(generator_t *g);
bool generate_atomic_stmt(generator_t *g);
/* `if INDEX < len(b) { ... }` with accesses to that element. */
bool generate_guarded(generator_t *g);
bool generate_is_shared(const generate_buffer_t *buffer); /* written by somebody, seen by others */

/* generate_params.c */
void generate_params(generator_t *g, bool has_stream);

/* generate_output.c: adds to an output, or assigns one; a `let` where there is none. */
void generate_contribution(generator_t *g, uint32_t depth);
/* What the variables hold in the end shows in the outputs. */
void generate_last_contributions(generator_t *g);
void generate_finish(generator_t *g);

/* generate_function.c */
void generate_functions(generator_t *g);
vyre_expr_id_t generate_call(generator_t *g, vyre_type_t type, uint32_t depth); /* VOID: any, as a statement */

/* generate_lanes.c: where lanes meet. */
bool generate_collective(generator_t *g);
bool generate_section(generator_t *g); /* statements between two barriers */
bool generate_copy(generator_t *g);    /* to or from workgroup memory, and the wait */
void generate_barrier(generator_t *g); /* some op that is one */

/* generate.c */
void generate_let(generator_t *g);
void generate_block(generator_t *g, uint32_t statements_max);
/* generate_control.c */
void generate_control(generator_t *g, uint32_t kind);
void generate_if_leave(generator_t *g);
void generate_nest(generator_t *g, uint32_t levels); /* blocks inside each other */
/* A loop body of about `trips` iterations, whose header was just built at `level`. */
void generate_loop_body(generator_t *g, uint64_t trips, vyre_level_t level);
enum { GENERATE_CONTROL_KINDS = 14 };
/* generate_foreach.c */
bool generate_may_foreach(const generator_t *g);
void generate_counted(generator_t *g, vyre_stmt_op_t op);
vyre_expr_id_t generate_form_index(generator_t *g, const generate_buffer_t *buffer, uint32_t k, bool is_wide);

#endif
