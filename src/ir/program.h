/* A Program in memory: what the parser and the builder make, the validator approves, and everything else reads.
 *
 * Expressions and statements are small fixed-size nodes in two arrays, named by index; index 0 of each array is
 * reserved and means "none". A block is a singly linked list of statements, named by its first statement; the empty
 * block is 0. Expressions are trees: each node has one parent. Operands are evaluated left to right.
 *
 * Owns:    the program owns its arrays and names; who created it owns the program. Nothing shares one: sessions keep
 *          the canonical form, which is a program of their own.
 * Threads: a validated program is immutable and may be read from any thread.
 * Limits:  VYRE_LIMIT_*, checked where nodes are added, so that no later pass meets more. */
#ifndef VYRE_IR_PROGRAM_H
#define VYRE_IR_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include <vyre/program.h>

#include "base/status.h"
#include "base/strbuf.h"

typedef enum vyre_type {
#define VYRE_TYPE(name, text, bits, kind) VYRE_TYPE_##name,
#include "ir/types.def"
#undef VYRE_TYPE
  VYRE_TYPE_COUNT
} vyre_type_t;

typedef enum vyre_expr_op {
  VYRE_EXPR_NONE,
#define VYRE_EXPR(name, text, class, arity, on) VYRE_EXPR_##name,
#define VYRE_STMT(name, text, privileged)
#include "ir/ops.def"
#undef VYRE_EXPR
  VYRE_EXPR_COUNT
} vyre_expr_op_t;

typedef enum vyre_stmt_op {
  VYRE_STMT_NONE,
#undef VYRE_STMT
#define VYRE_EXPR(name, text, class, arity, on)
#define VYRE_STMT(name, text, privileged) VYRE_STMT_##name,
#include "ir/ops.def"
#undef VYRE_EXPR
#undef VYRE_STMT
  VYRE_STMT_COUNT
} vyre_stmt_op_t;

typedef enum vyre_type_kind {
  VYRE_KIND_NONE,
  VYRE_KIND_BOOL,
  VYRE_KIND_UNSIGNED,
  VYRE_KIND_SIGNED,
  VYRE_KIND_FLOAT,
  VYRE_KIND_HALF,   /* moved and converted only */
  VYRE_KIND_VECTOR, /* moved, built and taken apart only */
} vyre_type_kind_t;

typedef enum vyre_op_class {
  VYRE_CLASS_LEAF,
  VYRE_CLASS_UNARY,
  VYRE_CLASS_BINARY,
  VYRE_CLASS_TERNARY,
  VYRE_CLASS_COMPARE,
  VYRE_CLASS_LOGIC,
  VYRE_CLASS_SELECT,
  VYRE_CLASS_CAST,
  VYRE_CLASS_MAKE,
  VYRE_CLASS_PART,
  VYRE_CLASS_LOAD,
  VYRE_CLASS_ATOMIC,
  VYRE_CLASS_CALL,
  VYRE_CLASS_LIST,
  VYRE_CLASS_SUBGROUP,
  VYRE_CLASS_WORKGROUP,
  VYRE_CLASS_PRIVILEGED,
} vyre_op_class_t;

/* What the operands of a node may be; the column `on` of ops.def. */
typedef enum vyre_operands {
  VYRE_ON_NONE, /* a rule of the node's own */
  VYRE_ON_BOOL,
  VYRE_ON_INTEGER,
  VYRE_ON_FLOAT,     /* f32, f64 */
  VYRE_ON_NUMBER,    /* both */
  VYRE_ON_BITS,      /* integers and bool */
  VYRE_ON_SCALAR,    /* numbers and bool */
  VYRE_ON_WORD,      /* u32, u64, i32, i64 */
  VYRE_ON_REDUCIBLE, /* these, f32, f64 */
  VYRE_ON_MOVABLE,   /* these and bool */
  VYRE_ON_ANY,
} vyre_operands_t;

typedef enum vyre_order { /* of atomics, barriers, privileged memory accesses */
                          VYRE_ORDER_RELAXED,
                          VYRE_ORDER_ACQUIRE,
                          VYRE_ORDER_RELEASE,
                          VYRE_ORDER_ACQ_REL,
                          VYRE_ORDER_SEQ_CST,
                          VYRE_ORDER_COUNT
} vyre_order_t;

/* Between whom an atomic, a barrier, a privileged access or a fence orders. Host devices take every one as SYSTEM. */
typedef enum vyre_scope {
  VYRE_SCOPE_SYSTEM,    /* the host and the device */
  VYRE_SCOPE_DEVICE,    /* the workers of the device */
  VYRE_SCOPE_WORKGROUP, /* the lanes of this worker: nobody else touches the memory */
  VYRE_SCOPE_COUNT
} vyre_scope_t;

/* What a parameter is. A buffer is what has elements: all but SCALAR and scalar outputs. */
typedef enum vyre_role {
  VYRE_ROLE_STREAM,    /* the elements of this chunk, read only; at most one */
  VYRE_ROLE_OUTPUT,    /* a reducer over chunks */
  VYRE_ROLE_SCALAR,    /* a value, given with the call */
  VYRE_ROLE_CONSTANT,  /* uploaded once, read only */
  VYRE_ROLE_STATE,     /* lives as long as the registration */
  VYRE_ROLE_WINDOW,    /* memory that the slot names */
  VYRE_ROLE_WORKGROUP, /* memory that the lanes of a call share */
  VYRE_ROLE_PRIVATE,   /* memory of each lane's own */
  VYRE_ROLE_COUNT
} vyre_role_t;

typedef enum vyre_access { VYRE_ACCESS_READ = 1, VYRE_ACCESS_WRITE = 2, VYRE_ACCESS_READ_WRITE = 3 } vyre_access_t;

typedef enum vyre_reducer {
  VYRE_REDUCER_NONE,
  VYRE_REDUCER_SUM,
  VYRE_REDUCER_MIN,
  VYRE_REDUCER_MAX,
  VYRE_REDUCER_OR,
  VYRE_REDUCER_XOR,
  VYRE_REDUCER_COMBINE,   /* folded in the order of the chunks, with a function */
  VYRE_REDUCER_PER_CHUNK, /* one value for each chunk */
  VYRE_REDUCER_APPEND,    /* records with a u64 key */
  VYRE_REDUCER_COUNT
} vyre_reducer_t;

enum {
  VYRE_LIMIT_NAME_BYTES = 255,
  VYRE_LIMIT_PARAMS = 64,
  VYRE_LIMIT_FUNCTIONS = 256,
  VYRE_LIMIT_ARGUMENTS = 16, /* of a function */
  VYRE_LIMIT_LABELS = 256,   /* of a switch */
  VYRE_LIMIT_VARS = 65535,
  VYRE_LIMIT_NODES = 1 << 20,        /* expressions, and statements, each */
  VYRE_LIMIT_CALLED_NODES = 1 << 17, /* of what one body calls, with what that calls: code has a copy for each call */
  VYRE_LIMIT_DEPTH = 200,            /* of nested statements, and of nested expressions */
  VYRE_LIMIT_NESTING = 2000,         /* of both together, what is called inside where it is called */
  VYRE_LIMIT_LANE_VARS = 1 << 24,    /* variables of all lanes, where there are several */
  VYRE_LIMIT_OUTPUT_BYTES = 1 << 20, /* of one Program's outputs together */
  VYRE_LIMIT_STATE_BYTES = 1 << 28,  /* of state and constants of fixed length together; of any other constant */
  VYRE_LIMIT_WORKGROUP_SIZE = 1024,  /* lanes */
  VYRE_LIMIT_WORKGROUP_BYTES = 32 << 10, /* of workgroup memory */
  VYRE_LIMIT_PRIVATE_BYTES = 4 << 10,    /* of private memory of one lane */
  VYRE_LIMIT_LANE_BYTES = 1 << 20,       /* of what all lanes keep from one meeting to the next, private memory too */
  VYRE_LIMIT_HALO = 1 << 20,             /* elements to each side */
  VYRE_LIMIT_CHUNK_BYTES = 1 << 30,
  VYRE_LIMIT_SOURCE_BYTES = 16 << 20, /* of one text */
  VYRE_LIMIT_FLOAT_BYTES = 1024,      /* of one float literal in a text */
};

enum { VYRE_SUBGROUP_LANES = 32 };

/* A place in the source: line * 4096 + column, both from 1, saturating; 0 is unknown. */
typedef uint32_t vyre_position_t;
static inline vyre_position_t vyre_position_make(uint32_t line, uint32_t column) {
  return (line > 0xFFFFF ? 0xFFFFFu : line) << 12 | (column > 0xFFF ? 0xFFFu : column);
}
static inline uint32_t vyre_position_line(vyre_position_t position) { return position >> 12; }
static inline uint32_t vyre_position_column(vyre_position_t position) { return position & 0xFFF; }

/* Elements to one side of a chunk: a number, or a scalar parameter that gives it. */
typedef struct vyre_halo {
  uint32_t count; /* elements, or the index of the parameter */
  bool is_param;
} vyre_halo_t;

typedef struct vyre_param {
  char *name;
  uint8_t role;      /* vyre_role_t */
  uint8_t type;      /* of the value or the elements */
  uint8_t access;    /* vyre_access_t; outputs: WRITE */
  uint8_t reducer;   /* vyre_reducer_t; outputs only */
  uint32_t count;    /* elements of an array; 0 for a scalar, and where the length comes with the call. APPEND: most
                        records    of a call */
  uint32_t function; /* COMBINE: a function */
  vyre_halo_t left, right; /* STREAM */
  vyre_position_t position;
} vyre_param_t;

typedef struct vyre_var {
  char *name;
  uint8_t type;
  bool is_mutable; /* declared with `var`: may be assigned */
  vyre_position_t position;
} vyre_var_t;

/* Arguments are variables first_arg .. first_arg + arg_count - 1, immutable, seen in the whole body. A body calls
 * functions with lower ids only. */
typedef struct vyre_function {
  char *name;
  uint8_t type; /* of its value; VOID: none */
  uint8_t arg_count;
  uint32_t first_arg;
  uint32_t body; /* block */
  bool has_loop; /* or calls one that has; set by the validator */
  vyre_position_t position;
} vyre_function_t;

typedef struct vyre_expr {
  uint64_t imm;        /* CONST: the value, masked to the type's bits; PART: which */
  uint8_t op;          /* vyre_expr_op_t */
  uint8_t type;        /* of the value; for RAW_LOAD and raw atomics also of the memory; ATOMIC_STORE: VOID */
  uint8_t order;       /* vyre_order_t; atomics, privileged accesses */
  uint8_t scope;       /* likewise */
  uint32_t a, b, c, d; /* operands: expression ids; see ops.def for a of VAR, LEN, LOAD, ... */
  vyre_position_t position;
} vyre_expr_t;

typedef struct vyre_stmt {
  uint8_t op;    /* vyre_stmt_op_t */
  uint8_t type;  /* RAW_STORE: of the memory */
  uint8_t order; /* RAW_STORE, LOAD16, STORE16, FENCE, BARRIER */
  uint8_t tag;   /* LOAD16, STORE16: index 0..3 of the word that carries the tag */
  uint8_t scope; /* RAW_STORE, LOAD16, STORE16, FENCE, BARRIER */
  uint8_t reserved[3];
  uint32_t var;          /* LET, ASSIGN, FOR, FOREACH, LANES, VOTE */
  uint32_t param;        /* REDUCE, REDUCE_AT, STORE, SET, SET_AT, APPEND, ASYNC_LOAD, ASYNC_STORE */
  uint32_t param2;       /* ASYNC_LOAD, ASYNC_STORE */
  uint32_t arg[5];       /* expression ids */
  uint32_t out[4];       /* LOAD16: variables */
  uint32_t body, orelse; /* blocks */
  uint32_t next;         /* the following statement of the same block, 0 at its end */
  vyre_position_t position;
} vyre_stmt_t;

/* What a device must have for a Program; the validator finds out. */
enum {
  VYRE_NEEDS_FLOATS = 1 << 0, /* f32, f64, f16, bf16 */
  VYRE_NEEDS_VECTORS = 1 << 1,
  VYRE_NEEDS_BUFFERS = 1 << 2, /* scalars, constants, state, windows, private memory, halos */
  VYRE_NEEDS_LANES = 1 << 3,   /* workgroup_size above 1 */
  VYRE_NEEDS_ATOMICS = 1 << 4,
  VYRE_NEEDS_REDUCERS = 1 << 5, /* other than sums of integers, finish */
  VYRE_NEEDS_CALLS = 1 << 6,    /* functions, switch */
};

#define VYRE_NEEDS_ALL ((1u << 7) - 1)

struct vyre_program {
  char *name;
  char *source_name; /* for messages: the file, or "" */
  bool is_privileged;
  bool is_validated;
  bool needs_order;        /* writes state in a way that its slots run one at a time; set by the validator */
  uint32_t needs;          /* VYRE_NEEDS_*; set by the validator */
  uint32_t workgroup_size; /* lanes: 1, or a multiple of 32 */
  uint32_t chunk_bytes;    /* that per_chunk outputs are for; 0: any */
  uint32_t param_count;
  uint32_t function_count;
  uint32_t var_count;  /* variables are 1 .. var_count - 1; index 0 is reserved */
  uint32_t expr_count; /* likewise */
  uint32_t stmt_count;
  vyre_param_t params[VYRE_LIMIT_PARAMS]; /* parameters are 0 .. param_count - 1 */
  vyre_function_t *functions;             /* 0 .. function_count - 1 */
  vyre_var_t *vars;
  vyre_expr_t *exprs;
  vyre_stmt_t *stmts;
  size_t function_capacity, var_capacity, expr_capacity, stmt_capacity;
  uint32_t body;   /* block */
  uint32_t finish; /* block, 0: none or empty */
  bool has_finish;
};

vyre_program_t *vyre_program_create(void); /* NULL when memory is out; destroy is in <vyre/program.h> */

/* VYRE_E_UNSUPPORTED, with the parts by name, when the Program needs something of `lacks`; `who` is "device cuda:0". */
vyre_status_t vyre_program_check_needs(const vyre_program_t *program, uint32_t lacks, const char *who);

/* Facts about types and ops, from the tables. */
const char *vyre_type_text(vyre_type_t type);
unsigned vyre_type_bits(vyre_type_t type);
unsigned vyre_type_bytes(vyre_type_t type); /* 1 for bool */
vyre_type_kind_t vyre_type_kind(vyre_type_t type);
bool vyre_type_is_signed(vyre_type_t type); /* a signed integer */
bool vyre_type_is_integer(vyre_type_t type);
bool vyre_type_is_float(vyre_type_t type);  /* f32, f64 */
bool vyre_type_is_scalar(vyre_type_t type); /* no vector, not VOID */
uint64_t vyre_type_mask(vyre_type_t type);  /* of the 64 bits that hold it */
bool vyre_type_fits(vyre_type_t type, vyre_operands_t on);
const char *vyre_expr_text(vyre_expr_op_t op);
vyre_op_class_t vyre_expr_class(vyre_expr_op_t op);
unsigned vyre_expr_arity(vyre_expr_op_t op); /* operands that are expressions; the links of lists are none */
vyre_operands_t vyre_expr_on(vyre_expr_op_t op);
bool vyre_expr_is_collective(vyre_expr_op_t op); /* SUBGROUP, WORKGROUP */
const char *vyre_stmt_text(vyre_stmt_op_t op);
bool vyre_stmt_is_privileged(vyre_stmt_op_t op);
const char *vyre_order_text(vyre_order_t order);
const char *vyre_scope_text(vyre_scope_t scope);
const char *vyre_reducer_text(vyre_reducer_t reducer);
const char *vyre_role_text(vyre_role_t role);
bool vyre_param_is_buffer(const vyre_param_t *param); /* may stand before [i]; outputs are none */
bool vyre_param_has_halo(const vyre_param_t *param);
bool vyre_reducer_is_commutative(vyre_reducer_t reducer); /* SUM .. XOR: what REDUCE is for */
bool vyre_output_is_ordered(const vyre_param_t *param); /* folded in the order of the chunks: float sums, COMBINE .. */
bool vyre_atomic_commutes(vyre_expr_op_t op);           /* ATOMIC_ADD .. ATOMIC_XOR */

/* Names a node in faults, whatever the source looked like: the id of an expression, or of a statement with the top bit.
 */
typedef uint32_t vyre_node_t;
#define VYRE_NODE_STMT (UINT32_C(1) << 31)
static inline vyre_node_t vyre_node_of_expr(const vyre_program_t *program, const vyre_expr_t *expr) {
  return (vyre_node_t)(expr - program->exprs);
}
static inline vyre_node_t vyre_node_of_stmt(const vyre_program_t *program, const vyre_stmt_t *stmt) {
  return (vyre_node_t)(stmt - program->stmts) | VYRE_NODE_STMT;
}
/* 0 for what is no node. */
vyre_position_t vyre_program_node_position(const vyre_program_t *program, vyre_node_t node);

/* A status for a place in the program: "file:line:column". */
vyre_status_t vyre_program_error(const vyre_program_t *program, vyre_code_t code, vyre_position_t position,
                                 const char *format, ...) VYRE_PRINTF(4, 5);

#endif
