/* Building a Program node by node. The parser, the megakernel and the tests all build through this.
 *
 * Errors are sticky: the first one is kept in `status`, later calls do nothing and give 0. vyre_builder_finish reports
 * it. Types are checked as nodes are added (the rules are those of the validator, typing.h).
 *
 * Owns:    the program until finish gives it away; deinit releases what is left.
 * Threads: one builder, one thread. */
#ifndef VYRE_IR_BUILDER_H
#define VYRE_IR_BUILDER_H

#include "ir/program.h"

typedef uint32_t vyre_expr_id_t;     /* 0: none */
typedef uint32_t vyre_var_id_t;      /* 0: none */
typedef uint32_t vyre_param_id_t;    /* an index; UINT32_MAX: none */
typedef uint32_t vyre_function_id_t; /* likewise */
#define VYRE_FUNCTION_NONE UINT32_MAX
#define VYRE_PARAM_NONE UINT32_MAX

typedef struct vyre_builder {
  vyre_program_t *program;
  vyre_status_t status;     /* the first error, owned */
  vyre_position_t position; /* given to the nodes that are added next; 0 when there is no source */
  vyre_scope_t scope;       /* given to the privileged accesses and fences that are added next; SYSTEM at first */
  uint32_t depth;           /* of open blocks */
  struct vyre_open_block {
    uint32_t owner; /* the statement or function that owns the block */
    uint32_t tail;  /* last statement so far, 0 while empty */
    enum vyre_block_kind {
      VYRE_BLOCK_PROGRAM,
      VYRE_BLOCK_FINISH,
      VYRE_BLOCK_FUNCTION,
      VYRE_BLOCK_BODY,
      VYRE_BLOCK_ORELSE,
    } kind;
  } open[VYRE_LIMIT_DEPTH + 2];
} vyre_builder_t;

void vyre_builder_init(vyre_builder_t *builder, const char *name, const char *source_name, bool is_privileged);
void vyre_builder_deinit(vyre_builder_t *builder);
/* Validates and gives the program to the caller, or gives the first error. The builder is empty afterwards. */
vyre_status_t vyre_builder_finish(vyre_builder_t *builder, vyre_program_t **out_program);
/* Keeps `status` if it is the first error, releases it otherwise. */
void vyre_builder_fail(vyre_builder_t *builder, vyre_status_t status);
static inline bool vyre_builder_ok(const vyre_builder_t *builder) { return builder->status == NULL; }

/* `param.name` and position are taken from the arguments. */
vyre_param_id_t vyre_build_param(vyre_builder_t *b, const char *name, vyre_param_t param);
vyre_param_id_t vyre_build_stream(vyre_builder_t *b, const char *name, vyre_type_t type);
/* Any role but STREAM, OUTPUT and WINDOW, whose access is not a matter of choice; count 0 where it has no length. */
vyre_param_id_t vyre_build_memory(vyre_builder_t *b, vyre_role_t role, const char *name, vyre_type_t type,
                                  uint32_t count);
vyre_param_id_t vyre_build_window(vyre_builder_t *b, const char *name, vyre_type_t type, vyre_access_t access);
/* count 0: a scalar; else an array of `count` elements. */
vyre_param_id_t vyre_build_output(vyre_builder_t *b, const char *name, vyre_type_t type, uint32_t count,
                                  vyre_reducer_t reducer);

vyre_expr_id_t vyre_build_const(vyre_builder_t *b, vyre_type_t type, uint64_t value); /* masked to the type; a NaN
                                                                                       loses its payload */
vyre_expr_id_t vyre_build_var(vyre_builder_t *b, vyre_var_id_t var);
vyre_expr_id_t vyre_build_len(vyre_builder_t *b, vyre_param_id_t param);
/* SCALAR and OUTPUT */
vyre_expr_id_t vyre_build_param_value(vyre_builder_t *b, vyre_expr_op_t op, vyre_param_id_t param);
/* STREAM_OFFSET, IS_LAST, LANE, WORKGROUP_SIZE, SUBGROUP, SUBGROUP_LANE, HALO_LEFT, HALO_RIGHT, CONTROL, FRAME, LOCAL,
 * WORKER, PUMP, CLOCK */
vyre_expr_id_t vyre_build_leaf(vyre_builder_t *b, vyre_expr_op_t op);
vyre_expr_id_t vyre_build_load(vyre_builder_t *b, vyre_param_id_t buffer, vyre_expr_id_t index);
vyre_expr_id_t vyre_build_output_at(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t index);
vyre_expr_id_t vyre_build_unary(vyre_builder_t *b, vyre_expr_op_t op, vyre_expr_id_t a);
vyre_expr_id_t vyre_build_binary(vyre_builder_t *b, vyre_expr_op_t op, vyre_expr_id_t left, vyre_expr_id_t right);
vyre_expr_id_t vyre_build_select(vyre_builder_t *b, vyre_expr_id_t condition, vyre_expr_id_t yes, vyre_expr_id_t no);
vyre_expr_id_t vyre_build_cast(vyre_builder_t *b, vyre_type_t type, vyre_expr_id_t a);
vyre_expr_id_t vyre_build_bitcast(vyre_builder_t *b, vyre_type_t type, vyre_expr_id_t a);
vyre_expr_id_t vyre_build_fma(vyre_builder_t *b, vyre_expr_id_t x, vyre_expr_id_t y, vyre_expr_id_t z);
/* U32X2 or U32X4 of so many u32. */
vyre_expr_id_t vyre_build_vector(vyre_builder_t *b, vyre_type_t type, const vyre_expr_id_t *parts);
vyre_expr_id_t vyre_build_part(vyre_builder_t *b, vyre_expr_id_t vector, unsigned index);
/* value and desired are 0 where the op has none. Scope is the builder's. */
vyre_expr_id_t vyre_build_atomic(vyre_builder_t *b, vyre_expr_op_t op, vyre_order_t order, vyre_param_id_t buffer,
                                 vyre_expr_id_t index, vyre_expr_id_t value, vyre_expr_id_t desired);
/* SUBGROUP and WORKGROUP ops; lane is 0 where the op has none. The value of a let or an assign, nothing else. */
vyre_expr_id_t vyre_build_collective(vyre_builder_t *b, vyre_expr_op_t op, vyre_expr_id_t value, vyre_expr_id_t lane);
vyre_expr_id_t vyre_build_call(vyre_builder_t *b, vyre_function_id_t function, const vyre_expr_id_t *arguments,
                               uint32_t count);
vyre_expr_id_t vyre_build_raw_load(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address);
vyre_expr_id_t vyre_build_raw_atomic_add(vyre_builder_t *b, vyre_type_t type, vyre_order_t order,
                                         vyre_expr_id_t address, vyre_expr_id_t value);
vyre_expr_id_t vyre_build_raw_atomic_cas(vyre_builder_t *b, vyre_type_t type, vyre_order_t order,
                                         vyre_expr_id_t address, vyre_expr_id_t expected, vyre_expr_id_t desired);

/* Declares a variable and its first value. Its scope ends with the open block. */
vyre_var_id_t vyre_build_let(vyre_builder_t *b, const char *name, vyre_expr_id_t value, bool is_mutable);
void vyre_build_assign(vyre_builder_t *b, vyre_var_id_t var, vyre_expr_id_t value);
void vyre_build_reduce(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t value);
void vyre_build_reduce_at(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t index, vyre_expr_id_t value);
void vyre_build_store(vyre_builder_t *b, vyre_param_id_t buffer, vyre_expr_id_t index, vyre_expr_id_t value);
void vyre_build_set(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t value);
void vyre_build_set_at(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t index, vyre_expr_id_t value);
void vyre_build_append(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t key, vyre_expr_id_t value);
void vyre_build_eval(vyre_builder_t *b, vyre_expr_id_t value);  /* a call or an atomic */
void vyre_build_barrier(vyre_builder_t *b, vyre_order_t order); /* ACQ_REL at scope WORKGROUP is the plain one */
/* ASYNC_LOAD, ASYNC_STORE: to[to_index ..] = from[from_index ..], `count` elements. */
void vyre_build_copy(vyre_builder_t *b, vyre_stmt_op_t op, vyre_param_id_t to, vyre_expr_id_t to_index,
                     vyre_param_id_t from, vyre_expr_id_t from_index, vyre_expr_id_t count);
/* value 0: none. */
void vyre_build_return(vyre_builder_t *b, vyre_expr_id_t value);

/* Each begin opens a block that vyre_build_end closes; vyre_build_else closes the one and opens the other. */
void vyre_build_if(vyre_builder_t *b, vyre_expr_id_t condition);
void vyre_build_else(vyre_builder_t *b);
/* A function with `count` arguments; type VOID: without a value. Its body is open until vyre_build_end. */
vyre_function_id_t vyre_build_function(vyre_builder_t *b, const char *name, vyre_type_t type,
                                       const char *const *arg_names, const vyre_type_t *arg_types, uint32_t count,
                                       vyre_var_id_t *out_args);
void vyre_build_finish(vyre_builder_t *b);
void vyre_build_block(vyre_builder_t *b);
/* Between switch and its end stand cases only, each with an end of its own; default has no labels. */
void vyre_build_switch(vyre_builder_t *b, vyre_expr_id_t value);
void vyre_build_case(vyre_builder_t *b, const vyre_expr_id_t *labels, uint32_t count);
void vyre_build_default(vyre_builder_t *b);
void vyre_build_while(vyre_builder_t *b, vyre_expr_id_t condition);
void vyre_build_forever(vyre_builder_t *b);
/* FOR or FOREACH; the loop variable is immutable and has the type of the bounds (u8 .. u64). */
vyre_var_id_t vyre_build_range(vyre_builder_t *b, vyre_stmt_op_t op, const char *name, vyre_expr_id_t low,
                               vyre_expr_id_t high);
/* The lane, an immutable u32. */
vyre_var_id_t vyre_build_lanes(vyre_builder_t *b, const char *name);
void vyre_build_end(vyre_builder_t *b);

/* BREAK, CONTINUE, RETURN without a value, TRAP, ASYNC_WAIT, PAUSE, HEAVY_FENCE */
void vyre_build_plain(vyre_builder_t *b, vyre_stmt_op_t op);

void vyre_build_raw_store(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address,
                          vyre_expr_id_t value);
/* Declares four immutable u32 variables. RELAXED or ACQUIRE; a store RELAXED or RELEASE. */
void vyre_build_load16(vyre_builder_t *b, unsigned tag, vyre_order_t order, const char *const names[4],
                       vyre_expr_id_t address, vyre_var_id_t out_vars[4]);
void vyre_build_store16(vyre_builder_t *b, unsigned tag, vyre_order_t order, vyre_expr_id_t address,
                        const vyre_expr_id_t words[4]);
void vyre_build_vote(vyre_builder_t *b, vyre_var_id_t mask, vyre_expr_id_t condition);
void vyre_build_fence(vyre_builder_t *b, vyre_order_t order);
void vyre_build_prefetch(vyre_builder_t *b, vyre_stmt_op_t op, vyre_expr_id_t address); /* PREFETCH, PREFETCH_WRITE */
void vyre_build_sleep(vyre_builder_t *b, vyre_expr_id_t address, vyre_expr_id_t seen);
void vyre_build_wake(vyre_builder_t *b, vyre_expr_id_t address);
void vyre_build_raw_copy(vyre_builder_t *b, vyre_expr_id_t to, vyre_expr_id_t from, vyre_expr_id_t bytes);
void vyre_build_call_handler(vyre_builder_t *b, vyre_expr_id_t handler, vyre_expr_id_t frame);

#endif
