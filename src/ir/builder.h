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

typedef uint32_t vyre_expr_id_t;  /* 0: none */
typedef uint32_t vyre_var_id_t;   /* 0: none */
typedef uint32_t vyre_param_id_t; /* an index; UINT32_MAX: none */
#define VYRE_PARAM_NONE UINT32_MAX

typedef struct vyre_builder {
  vyre_program_t *program;
  vyre_status_t status;     /* the first error, owned */
  vyre_position_t position; /* given to the nodes that are added next; 0 when there is no source */
  vyre_scope_t scope;       /* given to the privileged accesses and fences that are added next; SYSTEM at first */
  uint32_t depth;           /* of open blocks */
  struct vyre_open_block {
    uint32_t stmt; /* the statement that owns the block, 0 for the body */
    uint32_t tail; /* last statement so far, 0 while empty */
    bool is_orelse;
  } open[VYRE_LIMIT_DEPTH + 1];
} vyre_builder_t;

void vyre_builder_init(vyre_builder_t *builder, const char *name, const char *source_name, bool is_privileged);
void vyre_builder_deinit(vyre_builder_t *builder);
/* Validates and gives the program to the caller, or gives the first error. The builder is empty afterwards. */
vyre_status_t vyre_builder_finish(vyre_builder_t *builder, vyre_program_t **out_program);
/* Keeps `status` if it is the first error, releases it otherwise. */
void vyre_builder_fail(vyre_builder_t *builder, vyre_status_t status);
static inline bool vyre_builder_ok(const vyre_builder_t *builder) { return builder->status == NULL; }

vyre_param_id_t vyre_build_stream(vyre_builder_t *b, const char *name, vyre_type_t type);
/* count 0: a scalar; else an array of `count` elements. */
vyre_param_id_t vyre_build_output(vyre_builder_t *b, const char *name, vyre_type_t type, uint32_t count,
                                  vyre_reducer_t reducer);

vyre_expr_id_t vyre_build_const(vyre_builder_t *b, vyre_type_t type, uint64_t value); /* masked to the type */
vyre_expr_id_t vyre_build_var(vyre_builder_t *b, vyre_var_id_t var);
vyre_expr_id_t vyre_build_len(vyre_builder_t *b, vyre_param_id_t param);
/* STREAM_OFFSET, IS_LAST, CONTROL, FRAME, LOCAL, WORKER, PUMP */
vyre_expr_id_t vyre_build_leaf(vyre_builder_t *b, vyre_expr_op_t op);
vyre_expr_id_t vyre_build_load(vyre_builder_t *b, vyre_param_id_t stream, vyre_expr_id_t index);
vyre_expr_id_t vyre_build_unary(vyre_builder_t *b, vyre_expr_op_t op, vyre_expr_id_t a);
vyre_expr_id_t vyre_build_binary(vyre_builder_t *b, vyre_expr_op_t op, vyre_expr_id_t left, vyre_expr_id_t right);
vyre_expr_id_t vyre_build_select(vyre_builder_t *b, vyre_expr_id_t condition, vyre_expr_id_t yes, vyre_expr_id_t no);
vyre_expr_id_t vyre_build_cast(vyre_builder_t *b, vyre_type_t type, vyre_expr_id_t a);
vyre_expr_id_t vyre_build_raw_load(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address);
vyre_expr_id_t vyre_build_atomic_add(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address,
                                     vyre_expr_id_t value);
vyre_expr_id_t vyre_build_atomic_cas(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address,
                                     vyre_expr_id_t expected, vyre_expr_id_t desired);

/* Declares a variable and its first value. Its scope ends with the open block. */
vyre_var_id_t vyre_build_let(vyre_builder_t *b, const char *name, vyre_expr_id_t value, bool is_mutable);
void vyre_build_assign(vyre_builder_t *b, vyre_var_id_t var, vyre_expr_id_t value);
void vyre_build_reduce(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t value);
void vyre_build_reduce_at(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t index, vyre_expr_id_t value);

/* Each begin opens a block that vyre_build_end closes; vyre_build_else closes the one and opens the other. */
void vyre_build_if(vyre_builder_t *b, vyre_expr_id_t condition);
void vyre_build_else(vyre_builder_t *b);
void vyre_build_while(vyre_builder_t *b, vyre_expr_id_t condition);
void vyre_build_forever(vyre_builder_t *b);
/* FOR or FOREACH; the loop variable is immutable and has the type of the bounds (u8 .. u64). */
vyre_var_id_t vyre_build_range(vyre_builder_t *b, vyre_stmt_op_t op, const char *name, vyre_expr_id_t low,
                               vyre_expr_id_t high);
/* The lane, an immutable u32. */
vyre_var_id_t vyre_build_lanes(vyre_builder_t *b, const char *name);
void vyre_build_end(vyre_builder_t *b);

/* BREAK, CONTINUE, RETURN, TRAP, PAUSE, HEAVY_FENCE */
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
void vyre_build_call(vyre_builder_t *b, vyre_expr_id_t handler, vyre_expr_id_t frame);

#endif
