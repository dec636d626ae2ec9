/* A Program in memory: what the parser and the builder make, the validator approves, and everything else reads.
 *
 * Expressions and statements are small fixed-size nodes in two arrays, named by index; index 0 of each array is
 * reserved and means "none". A block is a singly linked list of statements, named by its first statement; the empty
 * block is 0. Expressions are trees: each node has one parent. Operands are evaluated left to right.
 *
 * Owns:    the program owns its arrays and names; whoever created or retained it owns a reference.
 * Threads: a validated program is immutable and may be read from any thread.
 * Limits:  VYRE_LIMIT_*, checked where nodes are added, so that no later pass meets more. */
#ifndef VYRE_IR_PROGRAM_H
#define VYRE_IR_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/strbuf.h"

typedef enum vyre_type {
#define VYRE_TYPE(name, text, bits, is_signed) VYRE_TYPE_##name,
#include "ir/types.def"
#undef VYRE_TYPE
  VYRE_TYPE_COUNT
} vyre_type_t;

typedef enum vyre_expr_op {
  VYRE_EXPR_NONE,
#define VYRE_EXPR(name, text, class, arity) VYRE_EXPR_##name,
#define VYRE_STMT(name, text, privileged)
#include "ir/ops.def"
#undef VYRE_EXPR
  VYRE_EXPR_COUNT
} vyre_expr_op_t;

typedef enum vyre_stmt_op {
  VYRE_STMT_NONE,
#undef VYRE_STMT
#define VYRE_EXPR(name, text, class, arity)
#define VYRE_STMT(name, text, privileged) VYRE_STMT_##name,
#include "ir/ops.def"
#undef VYRE_EXPR
#undef VYRE_STMT
  VYRE_STMT_COUNT
} vyre_stmt_op_t;

typedef enum vyre_op_class {
  VYRE_CLASS_LEAF,
  VYRE_CLASS_UNARY,
  VYRE_CLASS_BINARY,
  VYRE_CLASS_COMPARE,
  VYRE_CLASS_LOGIC,
  VYRE_CLASS_SELECT,
  VYRE_CLASS_CAST,
  VYRE_CLASS_LOAD,
  VYRE_CLASS_PRIVILEGED,
} vyre_op_class_t;

typedef enum vyre_order { /* of privileged memory accesses */
  VYRE_ORDER_RELAXED,
  VYRE_ORDER_ACQUIRE,
  VYRE_ORDER_RELEASE,
  VYRE_ORDER_ACQ_REL,
  VYRE_ORDER_SEQ_CST,
  VYRE_ORDER_COUNT
} vyre_order_t;

/* Between whom a privileged access or a fence orders. Host devices take every one as SYSTEM. */
typedef enum vyre_scope {
  VYRE_SCOPE_SYSTEM,    /* the host and the device */
  VYRE_SCOPE_DEVICE,    /* the workers of the device */
  VYRE_SCOPE_WORKGROUP, /* the lanes of this worker: nobody else touches the memory */
  VYRE_SCOPE_COUNT
} vyre_scope_t;

typedef enum vyre_role {
  VYRE_ROLE_STREAM, /* the bytes of this chunk, read only; at most one */
  VYRE_ROLE_OUTPUT, /* a reducer over chunks: u32, u64, i32, i64, scalar or array */
} vyre_role_t;

typedef enum vyre_reducer { VYRE_REDUCER_NONE, VYRE_REDUCER_SUM } vyre_reducer_t;

enum {
  VYRE_LIMIT_NAME_BYTES = 255,
  VYRE_LIMIT_PARAMS = 64,
  VYRE_LIMIT_VARS = 65535,
  VYRE_LIMIT_NODES = 1 << 20,            /* expressions, and statements, each */
  VYRE_LIMIT_DEPTH = 200,                /* of nested statements, and of nested expressions */
  VYRE_LIMIT_OUTPUT_BYTES = 1 << 20,     /* of one Program's outputs together */
  VYRE_LIMIT_SOURCE_BYTES = 16 << 20,    /* of one text */
};

/* A place in the source: line * 4096 + column, both from 1, saturating; 0 is unknown. */
typedef uint32_t vyre_position_t;
static inline vyre_position_t vyre_position_make(uint32_t line, uint32_t column) {
  return (line > 0xFFFFF ? 0xFFFFFu : line) << 12 | (column > 0xFFF ? 0xFFFu : column);
}
static inline uint32_t vyre_position_line(vyre_position_t position) { return position >> 12; }
static inline uint32_t vyre_position_column(vyre_position_t position) { return position & 0xFFF; }

typedef struct vyre_param {
  char *name;
  uint8_t role;    /* vyre_role_t */
  uint8_t type;    /* element */
  uint8_t reducer; /* vyre_reducer_t; outputs only */
  uint32_t count;  /* outputs: elements of an array, 0 for a scalar */
  vyre_position_t position;
} vyre_param_t;

typedef struct vyre_var {
  char *name;
  uint8_t type;
  bool is_mutable; /* declared with `var`: may be assigned */
  vyre_position_t position;
} vyre_var_t;

typedef struct vyre_expr {
  uint8_t op;    /* vyre_expr_op_t */
  uint8_t type;  /* of the value; for RAW_LOAD and atomics also of the memory */
  uint8_t order; /* vyre_order_t; privileged accesses */
  uint8_t scope; /* likewise */
  uint32_t a, b, c; /* operands: expression ids; VAR: a variable; LEN: a parameter; LOAD: a parameter, b index */
  uint64_t imm;     /* CONST: the value, masked to the type's bits */
  vyre_position_t position;
} vyre_expr_t;

typedef struct vyre_stmt {
  uint8_t op;    /* vyre_stmt_op_t */
  uint8_t type;  /* RAW_STORE: of the memory */
  uint8_t order; /* RAW_STORE, LOAD16, STORE16, FENCE */
  uint8_t tag;   /* LOAD16, STORE16: index 0..3 of the word that carries the tag */
  uint8_t scope; /* RAW_STORE, LOAD16, STORE16, FENCE */
  uint8_t reserved[3];
  uint32_t var;  /* LET, ASSIGN, FOR, FOREACH, LANES, VOTE */
  uint32_t param;  /* REDUCE, REDUCE_AT */
  uint32_t arg[5]; /* expression ids */
  uint32_t out[4]; /* LOAD16: variables */
  uint32_t body, orelse; /* blocks */
  uint32_t next;         /* the following statement of the same block, 0 at its end */
  vyre_position_t position;
} vyre_stmt_t;

typedef struct vyre_program vyre_program_t;
struct vyre_program {
  _Atomic uint32_t references;
  char *name;
  char *source_name; /* for messages: the file, or "" */
  bool is_privileged;
  bool is_validated;
  uint32_t param_count;
  uint32_t var_count;  /* variables are 1 .. var_count - 1; index 0 is reserved */
  uint32_t expr_count; /* likewise */
  uint32_t stmt_count;
  vyre_param_t params[VYRE_LIMIT_PARAMS]; /* parameters are 0 .. param_count - 1 */
  vyre_var_t *vars;
  vyre_expr_t *exprs;
  vyre_stmt_t *stmts;
  size_t var_capacity, expr_capacity, stmt_capacity;
  uint32_t body; /* block */
};

/* Where each output lies in the output block that a frame points to, and what a call needs besides. */
typedef struct vyre_layout {
  uint32_t output_offset[VYRE_LIMIT_PARAMS];  /* bytes, by parameter; 0 for others */
  uint32_t scratch_offset[VYRE_LIMIT_PARAMS]; /* array outputs: where their private tables begin in the scratch */
  uint32_t table_stride[VYRE_LIMIT_PARAMS];   /* bytes from one private copy to the next, a multiple of 64 */
  uint8_t table_copies[VYRE_LIMIT_PARAMS];    /* private copies, 1 or more */
  uint32_t output_bytes;                      /* of the whole block, a multiple of 64 */
  uint32_t scratch_bytes;                     /* of a worker's scratch, a multiple of 64 */
} vyre_layout_t;

vyre_program_t *vyre_program_create(void); /* NULL when memory is out */
/* A program is shared by count once it is validated: sessions keep theirs for as long as they may run it. */
vyre_program_t *vyre_program_retain(const vyre_program_t *program);
void vyre_program_release(vyre_program_t *program); /* gives one reference back; accepts NULL */

void vyre_program_layout(const vyre_program_t *program, vyre_layout_t *out_layout);

/* Facts about types and ops, from the tables. */
const char *vyre_type_text(vyre_type_t type);
unsigned vyre_type_bits(vyre_type_t type);
unsigned vyre_type_bytes(vyre_type_t type); /* 1 for bool */
bool vyre_type_is_signed(vyre_type_t type);
bool vyre_type_is_integer(vyre_type_t type);
uint64_t vyre_type_mask(vyre_type_t type);
const char *vyre_expr_text(vyre_expr_op_t op);
vyre_op_class_t vyre_expr_class(vyre_expr_op_t op);
unsigned vyre_expr_arity(vyre_expr_op_t op); /* operands that are expressions */
const char *vyre_stmt_text(vyre_stmt_op_t op);
bool vyre_stmt_is_privileged(vyre_stmt_op_t op);
const char *vyre_order_text(vyre_order_t order);
const char *vyre_scope_text(vyre_scope_t scope);

/* A status for a place in the program: "file:line:column". */
vyre_status_t vyre_program_error(const vyre_program_t *program, vyre_code_t code, vyre_position_t position,
                                 const char *format, ...) VYRE_PRINTF(4, 5);

#endif
