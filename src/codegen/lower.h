/* Lowering IR to LLVM IR: the state of one program's lowering, shared by the lower_*.c files and the target's hook.
 *
 * A Program becomes `void NAME(frame, ...)`, which reads the frame and calls a body whose pointers are noalias.
 * Variables are allocas (mem2reg makes registers of them). Fault and fuel follow docs/language.md:
 *   outside a foreach a failed check stores the fault and jumps to the exit;
 *   inside, the fast loop only sets `seen`; when it is set at the end of a strip, the strip is walked again by a slow
 *   loop, in order, that jumps to the exit at the first fault. Nothing of the fast loop is lost by that: a call that
 *   faults adds nothing to its outputs. */
#ifndef VYRE_CODEGEN_LOWER_H
#define VYRE_CODEGEN_LOWER_H

#include <llvm-c/Core.h>

#include "codegen/codegen.h"
#include "ir/frame.h"

typedef struct vyre_lower vyre_lower_t;

/* What differs between targets: the privileged nodes, and whether a call is executed by one thread or by a group.
 *
 * A lanes block is the target's to run VYRE_LANES times: it sets the variable of the block, lowers the body with
 * vyre_lower_lane_body, and sees to it that the masks of the votes end up whole. A vote has been lowered as
 * mask |= condition << lane, on the variable as the thread that executes it has it: a loop over the lanes needs nothing
 * more. Where each lane is a thread, every one begins with the same mask and ends with its own bit added to it, so that
 * a ballot of (mask >> lane) & 1 is the mask of all.
 *
 * A group executes uniform statements in all of its threads alike and shares out the iterations of a foreach. Control
 * flow outside of iterations is the same in all threads, so that they can meet at barriers there. */
typedef struct vyre_target {
  bool is_gpu;
  bool is_group;
  LLVMValueRef (*expr)(vyre_lower_t *l, const vyre_expr_t *expr, LLVMValueRef operands[3]);
  void (*stmt)(vyre_lower_t *l, const vyre_stmt_t *stmt, LLVMValueRef operands[5]); /* but LANES and VOTE */
  void (*lanes)(vyre_lower_t *l, const vyre_stmt_t *stmt);
  /* Groups only. Each is called by all threads of the group at once. */
  LLVMValueRef (*thread)(vyre_lower_t *l);                 /* i32: this thread's index in its group */
  LLVMValueRef (*threads)(vyre_lower_t *l);                /* i32: how many there are */
  LLVMValueRef (*group)(vyre_lower_t *l);                  /* i32: this group's index in its launch */
  void (*barrier)(vyre_lower_t *l);
  LLVMValueRef (*any)(vyre_lower_t *l, LLVMValueRef bit);  /* i1: true in all when it is in one; a barrier, too */
  LLVMValueRef (*warp_votes)(vyre_lower_t *l, LLVMValueRef bit); /* i32: the bits of each 32 threads */
  LLVMValueRef (*warp_sum)(vyre_lower_t *l, LLVMValueRef value); /* in the first of each 32 threads: the sum of theirs */
  LLVMValueRef (*group_sum)(vyre_lower_t *l, LLVMValueRef value); /* i64, in all: the sum over the group */
} vyre_target_t;
extern const vyre_target_t vyre_target_x86;
extern const vyre_target_t vyre_target_nvptx;      /* a block of threads: Programs */
extern const vyre_target_t vyre_target_nvptx_warp; /* its first warp: the megakernel's loop */

typedef enum vyre_lower_mode {
  VYRE_MODE_UNIFORM, /* outside a foreach */
  VYRE_MODE_FAST,    /* in the fast loop of a foreach */
  VYRE_MODE_SLOW,    /* in the loop that finds the first fault */
} vyre_lower_mode_t;

/* Where break and continue go. */
typedef struct vyre_lower_loop {
  LLVMBasicBlockRef on_break, on_continue;
  struct vyre_lower_loop *outer;
} vyre_lower_loop_t;

struct vyre_lower {
  const vyre_program_t *program;
  const vyre_target_t *target;
  bool is_checked; /* bounds and division are checked */
  unsigned group_threads; /* groups: how many threads, when that is known; else 0 */
  bool is_bounded; /* loops use fuel and look at the stop word: not in privileged programs */
  bool is_large; /* see vyre_lower_is_large */
  struct vyre_lower_parts *parts; /* lower_part.h; NULL: the body is one function */
  vyre_layout_t layout;

  LLVMContextRef context;
  LLVMModuleRef module;
  LLVMBuilderRef ir;
  LLVMValueRef function, entry_function; /* the body; NAME */
  LLVMBasicBlockRef entry; /* allocas stand at its end, before `first` */
  LLVMBasicBlockRef exit;  /* of a faulted call */
  LLVMBasicBlockRef done;  /* of a good one: flushes the outputs */
  LLVMTypeRef i1, i8, i32, i64, ptr, void_;

  LLVMValueRef frame, data, data_elements, scratch, output, stop, stream_offset, is_last;
  LLVMValueRef thread, threads; /* i64; groups only */
  LLVMValueRef tables[VYRE_LIMIT_PARAMS]; /* groups: array outputs, in memory that the group shares or in its scratch */
  LLVMValueRef *vars;                         /* allocas, by variable */
  const vyre_expr_t **definitions;            /* by variable: the value of an immutable let, or NULL */
  const vyre_stmt_t **ranges;                 /* by variable: the for or foreach whose variable it is, or NULL */
  LLVMValueRef scalars[VYRE_LIMIT_PARAMS];    /* allocas: private sums of scalar outputs */
  LLVMValueRef narrow[VYRE_LIMIT_PARAMS];     /* allocas: their sums over one strip, in fewer bits; NULL where not used */
  LLVMTypeRef narrow_type[VYRE_LIMIT_PARAMS];
  LLVMValueRef fault, node, iteration;    /* allocas: i32, i32, i64 */
  LLVMValueRef fuel;                          /* alloca: i64, of the call, or of the iteration inside a foreach */

  bool in_lanes;                              /* this access is made by each lane, not once by the worker */
  LLVMValueRef lane;                          /* i32: the open lanes block's variable; NULL outside */
  uint32_t *masks;                            /* variables that the last lanes block voted on, each once */
  uint32_t mask_count;

  vyre_lower_mode_t mode;
  vyre_lower_loop_t *loop;     /* innermost */
  LLVMValueRef foreach_index;  /* i64: the iteration, from 0; NULL outside */
  LLVMValueRef foreach_share;  /* i64: the fuel of each iteration; NULL when its body holds no loop */
  LLVMValueRef foreach_used;   /* alloca i64: what the iterations used of it; NULL likewise */
  LLVMBasicBlockRef iteration_end;
  LLVMValueRef seen;      /* alloca i32: a fault happened in this strip */
  bool foreach_can_fault; /* a check was emitted in the fast loop */
  unsigned table_copy;    /* private copy of the tables that additions go to */
  uint32_t wide_var;      /* groups: the loop variable whose elements of the stream are in `wide`; 0: none */
  LLVMValueRef wide;      /* a vector of i32 or i64 words */
  unsigned wide_element;  /* the one of this copy of the body */
};

/* Compiling a large Program is to take time in proportion to its nodes, and not much for each: it is lowered in parts, each
 * foreach to one loop, in order, and gets fewer passes. */
bool vyre_lower_is_large(const vyre_program_t *program);

/* lower.c. The function NAME(frame, ...), in the module; NULL when memory is out. */
typedef struct vyre_lower_options {
  bool is_checked;
  unsigned threads; /* of a group, exactly; 0: known at the launch */
} vyre_lower_options_t;
LLVMValueRef vyre_lower_program(const vyre_program_t *program, const vyre_target_t *target,
                                const vyre_lower_options_t *options, LLVMModuleRef module, const char *name);
void vyre_lower_types(vyre_lower_t *l, LLVMModuleRef module);
void vyre_lower_add_attribute(LLVMValueRef function, unsigned index, const char *name);
LLVMValueRef vyre_lower_alloca(vyre_lower_t *l, LLVMTypeRef type, const char *name);
LLVMBasicBlockRef vyre_lower_block(vyre_lower_t *l, const char *name);
void vyre_lower_continue_in(vyre_lower_t *l, LLVMBasicBlockRef block); /* br there if open, then build there */
LLVMTypeRef vyre_lower_type(const vyre_lower_t *l, vyre_type_t type);
LLVMValueRef vyre_lower_i64(const vyre_lower_t *l, uint64_t value);
LLVMValueRef vyre_lower_load(vyre_lower_t *l, LLVMTypeRef type, LLVMValueRef pointer, const char *name);
LLVMValueRef vyre_lower_intrinsic(vyre_lower_t *l, const char *name, LLVMTypeRef overload, LLVMValueRef *arguments,
                                  unsigned count);
LLVMValueRef vyre_lower_frame_field(vyre_lower_t *l, LLVMValueRef frame, LLVMTypeRef type, uint64_t offset,
                                    const char *name);
/* Emits what a fault does when `failed` (i1) holds; building goes on where it does not (uniform, slow), or behind the
 * mark in `seen` (fast). */
void vyre_lower_check(vyre_lower_t *l, LLVMValueRef failed, vyre_fault_t fault, vyre_node_t node);
/* The same, always. Building goes on in a new block that is not reached (uniform, slow). */
void vyre_lower_fault(vyre_lower_t *l, vyre_fault_t fault, vyre_node_t node);

LLVMValueRef vyre_lower_byte_offset(vyre_lower_t *l, LLVMValueRef pointer, uint64_t offset);

/* outputs.c: private sums, which a call adds to the outputs when it ends without a fault */
void vyre_lower_clear_outputs(vyre_lower_t *l);
void vyre_lower_add_scalar(vyre_lower_t *l, uint32_t param, LLVMValueRef value);
void vyre_lower_add_element(vyre_lower_t *l, uint32_t param, LLVMValueRef index, LLVMValueRef value); /* index in range */
void vyre_lower_flush_outputs(vyre_lower_t *l);

/* Bytes of the tables that a Program keeps in memory that its group shares. */
uint32_t vyre_lower_shared_table_bytes(const vyre_program_t *program);

/* kernel.c: what a GPU launches. */
/* One Program: block b calls it with the frame at base + b * stride. */
bool vyre_lower_finite_kernel(const vyre_program_t *program, const vyre_lower_options_t *options, LLVMModuleRef module);
/* The megakernel: the first warp of each block runs the loop, all of the block the handlers that it calls. */
bool vyre_lower_megakernel(const vyre_program_t *loop, const vyre_program_t *const *handlers, uint32_t handler_count,
                           const vyre_lower_options_t *options, LLVMModuleRef module);
/* Names of what the parts of a kernel share. */
#define VYRE_KERNEL_TABLES "group_tables" /* shared memory: of whichever handler runs */
#define VYRE_KERNEL_LOCAL "local_memory"  /* shared memory: of the loop */
#define VYRE_KERNEL_CALL "call_handler"   /* function: u32 index, frame */
#define VYRE_KERNEL_COMMAND "command"     /* shared memory: what the other warps do next */
#define VYRE_KERNEL_FRAME "command_frame"
enum { VYRE_SHARED_ADDRESS_SPACE = 3 };

/* lower_expr.c */
LLVMValueRef vyre_lower_expr(vyre_lower_t *l, uint32_t expr);
/* True when the index is below the length of the stream or array without a check. */
bool vyre_lower_in_range(const vyre_lower_t *l, const vyre_param_t *param, uint32_t param_index, uint32_t index_expr);

/* The expression is at most len(param): len itself, or a minimum with it. */
bool vyre_lower_is_bounded_by_len(const vyre_lower_t *l, uint32_t expr, uint32_t param);

/* An upper bound of the expression's value, as the unsigned number that its bits are. */
uint64_t vyre_lower_max_value(const vyre_lower_t *l, uint32_t expr);

/* lower_stmt.c */
void vyre_lower_stmts(vyre_lower_t *l, uint32_t block);

/* lower_lanes.c. `lane` (i32) becomes the variable of the block. Building goes on at the end of the body, with
 * masks[] set. */
void vyre_lower_lane_body(vyre_lower_t *l, const vyre_stmt_t *lanes, LLVMValueRef lane);
void vyre_lower_vote(vyre_lower_t *l, const vyre_stmt_t *stmt);

/* lower_range.c: for and foreach */
void vyre_lower_range(vyre_lower_t *l, const vyre_stmt_t *stmt);
void vyre_lower_look_at_stop(vyre_lower_t *l, vyre_node_t node);

#endif
