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
#include "ir/layout.h"
#include "ir/uniform.h"

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
  /* Groups only. Threads come in warps of 32. Those from `barrier` on are called by all threads of the group, those
   * from `warp_sync` on by all of a warp, each at one place of the code. */
  unsigned shared_space;                    /* address space of memory that the group shares */
  bool has_garbage;                         /* for tests: variables begin with what differs from thread to thread */
  LLVMValueRef (*thread)(vyre_lower_t *l);  /* i32: this thread's index in its group */
  LLVMValueRef (*threads)(vyre_lower_t *l); /* i32: how many there are */
  LLVMValueRef (*group)(vyre_lower_t *l);   /* i32: this group's index in its launch */
  void (*fence)(vyre_lower_t *l, vyre_order_t order, vyre_scope_t scope);
  /* ATOMIC_*, by each thread that comes to it: the old value. NULL: LLVM knows this target's orders and scopes. */
  LLVMValueRef (*update)(vyre_lower_t *l, const vyre_expr_t *expr, LLVMValueRef at, LLVMValueRef value,
                         LLVMValueRef desired);
  void (*barrier)(vyre_lower_t *l);
  LLVMValueRef (*any)(vyre_lower_t *l, LLVMValueRef bit);    /* i1: true in all when it is in one; a barrier, too */
  void (*warp_sync)(vyre_lower_t *l);                        /* a barrier of the warp */
  LLVMValueRef (*ballot)(vyre_lower_t *l, LLVMValueRef bit); /* i32: the bits of the warp's threads */
  LLVMValueRef (*shuffle)(vyre_lower_t *l, LLVMValueRef word, LLVMValueRef lane); /* i32: the word of that thread */
} vyre_target_t;
extern const vyre_target_t vyre_target_x86;
extern const vyre_target_t vyre_target_nvptx;      /* a block of threads: Programs */
extern const vyre_target_t vyre_target_nvptx_warp; /* its first warp: the megakernel's loop */
extern const vyre_target_t vyre_target_emulated;   /* a group on a host, for tests */

typedef enum vyre_lower_mode {
  VYRE_MODE_UNIFORM,  /* outside a foreach: a fault ends the call */
  VYRE_MODE_FAST,     /* in the fast loop of a foreach: it is noted */
  VYRE_MODE_SLOW,     /* in the loop that finds the first fault */
  VYRE_MODE_NOTED,    /* groups: in a loop where each thread ends its part at its first fault and keeps it */
  VYRE_MODE_SUBGROUP, /* once for each subgroup: a fault of its first lane */
  VYRE_MODE_LANE,     /* once for each lane: it ends the lane's part in the region */
} vyre_lower_mode_t;

/* Where a Program keeps what its group shares, in bytes from the begin of the memory that a kernel has for it; what
 * does not fit lies in the scratch. */
#define VYRE_NOT_SHARED UINT32_MAX
typedef struct vyre_group_memory {
  uint32_t offset[VYRE_LIMIT_PARAMS]; /* array outputs, workgroup memory; or VYRE_NOT_SHARED */
  uint32_t counts;                    /* u64 by parameter: records of the call */
  uint32_t blocks;                    /* u64 [VYRE_GROUP_BLOCKS] by parameter: float sums of a strip's blocks */
  uint32_t parts;                     /* 16 bytes by subgroup: what each brings to a workgroup op */
  uint32_t values;                    /* u64 by lane: of a scan */
  uint32_t bytes;
} vyre_group_memory_t;

/* What follows a `return` inside a function that is lowered in place. */
typedef struct vyre_lower_call {
  LLVMBasicBlockRef on_return;
  LLVMValueRef value; /* alloca, NULL without one */
  struct vyre_lower_call *outer;
} vyre_lower_call_t;

/* Programs of several lanes, see lower_region.c. */
typedef struct vyre_lower_lanes {
  uint32_t count; /* 1: there are no others, and nothing below is used */
  vyre_uniform_t uniform;
  uint8_t *is_array; /* by variable: one value for each lane, kept from one region to the next */
  uint8_t *is_made;  /* by variable: made of its definition where it is used, kept nowhere */
  uint32_t *region;  /* by variable: the region that it is used in, while these are found out */
  uint32_t regions;
  vyre_level_t level;       /* of the code that is being built */
  LLVMValueRef lane;        /* i64, at level LANE */
  LLVMValueRef lane_number; /* the same as i32 */
  LLVMValueRef subgroup;    /* i64, at levels LANE and SUBGROUP */
  LLVMValueRef limit;       /* alloca i64: lanes from here on have faulted, or come behind one that has */
  LLVMValueRef codes;       /* alloca [count x i64]: fault << 32 | node of the lanes that faulted in a region */
  LLVMValueRef lowest;      /* groups: alloca i64: the thread's lane that faulted; its fault is in l->fault and node */
  LLVMValueRef seen;        /* alloca i32: a lane faulted in this region */
  bool can_fault;           /* a check was emitted in this region */
  LLVMValueRef lane_fuel, subgroup_fuel; /* allocas, arrays of i64 */
  LLVMBasicBlockRef end;                 /* of this lane's part in the region */
  LLVMBasicBlockRef leave;               /* the subgroups' loop */
} vyre_lower_lanes_t;

/* Where break and continue go. */
typedef struct vyre_lower_loop {
  LLVMBasicBlockRef on_break, on_continue;
  struct vyre_lower_loop *outer;
} vyre_lower_loop_t;

struct vyre_lower {
  const vyre_program_t *program;
  const vyre_target_t *target;
  vyre_lower_lanes_t lanes;
  vyre_lower_call_t *call; /* the function that is lowered in place, NULL outside */
  bool is_group;           /* what is built is executed by all threads of a group, not by one of them alone */
  bool is_checked;         /* bounds and division are checked */
  unsigned group_threads;  /* groups: how many threads, when that is known; else 0 */
  bool is_bounded;         /* loops use fuel and look at the stop word: not in privileged programs */
  bool is_large;           /* more than VYRE_LARGE_NODES: in parts, most of them with fewer passes (lower_part.h) */
  bool is_hasty;           /* and so many more that instructions are chosen fast */
  bool is_cold;            /* in a block of the megakernel's loop that is a function of its own: lower_cold.c */
  uint8_t *cold_uses;      /* privileged programs on a host: by variable; NULL: blocks stay where they are */
  LLVMValueRef *cold_vars; /* what `vars` is in such a block */
  unsigned cold_count;
  vyre_codegen_part_t part;
  struct vyre_lower_parts *parts; /* lower_part.h; NULL: the body is one function */
  vyre_layout_t layout;

  LLVMContextRef context;
  LLVMModuleRef module;
  LLVMBuilderRef ir;
  LLVMValueRef function, entry_function; /* the body; NAME */
  LLVMBasicBlockRef entry;               /* allocas stand at its end, before `first` */
  LLVMBasicBlockRef exit;                /* of a faulted call */
  LLVMBasicBlockRef done;                /* of a good one: flushes the outputs */
  LLVMTypeRef i1, i8, i16, i32, i64, f32, f64, ptr, void_;

  LLVMValueRef frame, data, data_elements, scratch, output, stop, stream_offset, is_last;
  LLVMValueRef halo_left, halo_right;      /* i64, elements */
  LLVMValueRef buffers[VYRE_LIMIT_PARAMS]; /* where elements begin; of scalars the value */
  LLVMValueRef lengths[VYRE_LIMIT_PARAMS]; /* i64, elements */
  LLVMValueRef thread, threads, warp_lane; /* i64; groups only; the thread's index in its warp */
  vyre_group_memory_t shared;              /* groups only */
  LLVMValueRef tables[VYRE_LIMIT_PARAMS]; /* groups: array outputs, in memory that the group shares or in its scratch */
  LLVMValueRef *vars;                     /* allocas, by variable */
  const vyre_expr_t **definitions;        /* by variable: the value of an immutable let, or NULL */
  const vyre_stmt_t **ranges;             /* by variable: the for or foreach whose variable it is, or NULL */
  LLVMValueRef
      scalars[VYRE_LIMIT_PARAMS]; /* allocas: what a call contributes to scalar outputs; APPEND: i64, records */
  LLVMValueRef assigned[VYRE_LIMIT_PARAMS];             /* allocas i64: COMBINE, PER_CHUNK: a value was assigned */
  struct vyre_float_sum *float_sums[VYRE_LIMIT_PARAMS]; /* sums of floats, see outputs_tree.c */
  LLVMValueRef narrow[VYRE_LIMIT_PARAMS]; /* allocas: their sums over one strip, in fewer bits; NULL where not used */
  LLVMTypeRef narrow_type[VYRE_LIMIT_PARAMS];
  LLVMValueRef fault, node, iteration; /* allocas: i32, i32, i64 */
  LLVMValueRef fuel;                   /* alloca: i64, of the call, or of the iteration inside a foreach */

  bool in_lanes;     /* this access is made by each lane, not once by the worker */
  LLVMValueRef lane; /* i32: the open lanes block's variable; NULL outside */
  uint32_t *masks;   /* variables that the last lanes block voted on, each once */
  uint32_t mask_count;

  vyre_lower_mode_t mode;
  vyre_lower_loop_t *loop;    /* innermost */
  LLVMValueRef foreach_index; /* i64: the iteration, from 0; NULL outside */
  LLVMValueRef foreach_share; /* i64: the fuel of each iteration; NULL when its body holds no loop */
  LLVMValueRef foreach_used;  /* alloca i64: what the iterations used of it; NULL likewise */
  LLVMBasicBlockRef iteration_end;
  LLVMValueRef seen;      /* alloca i32: a fault happened in this strip */
  bool foreach_can_fault; /* a check was emitted in the fast loop */
  bool is_rerun;          /* the slow loop walks what the fast one did: the call has faulted */
  unsigned table_copy;    /* private copy of the tables that additions go to */
  uint32_t wide_var;      /* groups: the loop variable whose elements of the stream are in `wide`; 0: none */
  LLVMValueRef wide;      /* a vector of i32 or i64 words */
  unsigned wide_element;  /* the one of this copy of the body */
};

/* lower_cold.c: a block of the megakernel's loop. */
void vyre_lower_cold(vyre_lower_t *l, const vyre_stmt_t *stmt);

/* Of a function of a large Program, for the choice of passes. Its value: whether instructions are chosen fast, too. */
#define VYRE_LEAN_ATTRIBUTE "vyre-lean"
#define VYRE_LEAN_HASTY "hasty"

/* lower.c. The function NAME(frame, ...), in the module, and its body VYRE_LOWER_BODY; NULL when memory is out. */
#define VYRE_LOWER_BODY "body"
typedef struct vyre_lower_options {
  bool is_checked;
  unsigned threads;     /* of a group, exactly; 0: known at the launch */
  uint32_t large_nodes; /* 0: VYRE_LARGE_NODES */
  vyre_codegen_part_t part;
} vyre_lower_options_t;
LLVMValueRef vyre_lower_program(const vyre_program_t *program, const vyre_target_t *target,
                                const vyre_lower_options_t *options, LLVMModuleRef module, const char *name);
void vyre_lower_types(vyre_lower_t *l, LLVMModuleRef module);
void vyre_lower_add_attribute(LLVMValueRef function, unsigned index, const char *name);
LLVMValueRef vyre_lower_alloca(vyre_lower_t *l, LLVMTypeRef type, const char *name);
LLVMBasicBlockRef vyre_lower_block(vyre_lower_t *l, const char *name);
void vyre_lower_continue_in(vyre_lower_t *l, LLVMBasicBlockRef block); /* br there if open, then build there */
LLVMTypeRef vyre_lower_type(const vyre_lower_t *l, vyre_type_t type);  /* halfs are i16 */
/* The variable as the code that is being built has it. */
LLVMValueRef vyre_lower_var(vyre_lower_t *l, uint32_t var);
/* The same value, from where LLVM cannot see. Host only; not in loops that are to be vectorized. */
LLVMValueRef vyre_lower_opaque(vyre_lower_t *l, LLVMValueRef value);
LLVMValueRef vyre_lower_element(vyre_lower_t *l, LLVMTypeRef type, LLVMValueRef array, LLVMValueRef index);
/* A declared function of the loader's, TYPE name(arguments), without side effects. */
LLVMValueRef vyre_lower_runtime(vyre_lower_t *l, const char *name, LLVMTypeRef result, LLVMValueRef *arguments,
                                unsigned count);
/* for index in from .. to, in steps of 1: opens the body, which vyre_lower_end_loop closes. */
typedef struct vyre_counted {
  LLVMBasicBlockRef head, after;
  LLVMValueRef index;
} vyre_counted_t;
vyre_counted_t vyre_lower_begin_loop(vyre_lower_t *l, LLVMValueRef from, LLVMValueRef to); /* of one type, i64 or i32 */
void vyre_lower_end_loop(vyre_lower_t *l, vyre_counted_t loop);
LLVMValueRef vyre_lower_i64(const vyre_lower_t *l, uint64_t value);
LLVMValueRef vyre_lower_load(vyre_lower_t *l, LLVMTypeRef type, LLVMValueRef pointer, const char *name);
LLVMValueRef vyre_lower_intrinsic(vyre_lower_t *l, const char *name, LLVMTypeRef overload, LLVMValueRef *arguments,
                                  unsigned count);
/* The same for several types in the name. */
LLVMValueRef vyre_lower_intrinsic_of(vyre_lower_t *l, const char *name, LLVMTypeRef *overloads, unsigned overload_count,
                                     LLVMValueRef *arguments, unsigned count);
LLVMValueRef vyre_lower_frame_field(vyre_lower_t *l, LLVMValueRef frame, LLVMTypeRef type, uint64_t offset,
                                    const char *name);
/* Emits what a fault does when `failed` (i1) holds; building goes on where it does not (uniform, slow), or behind the
 * mark in `seen` (fast). */
void vyre_lower_check(vyre_lower_t *l, LLVMValueRef failed, vyre_fault_t fault, vyre_node_t node);
/* The same, always. Building goes on in a new block that is not reached (uniform, slow). */
void vyre_lower_fault(vyre_lower_t *l, vyre_fault_t fault, vyre_node_t node);

LLVMValueRef vyre_lower_byte_offset(vyre_lower_t *l, LLVMValueRef pointer, uint64_t offset);

/* outputs.c: what a call contributes, kept apart until it ends without a fault */
bool vyre_lower_clear_outputs(vyre_lower_t *l); /* false: memory is out */
void vyre_lower_add_scalar(vyre_lower_t *l, uint32_t param, LLVMValueRef value);
void vyre_lower_add_element(vyre_lower_t *l, uint32_t param, LLVMValueRef index,
                            LLVMValueRef value); /* index in range */
void vyre_lower_flush_outputs(vyre_lower_t *l);
LLVMValueRef vyre_lower_identity(vyre_lower_t *l, const vyre_param_t *param); /* of its reducer */
/* a and b, by the output's reducer. */
LLVMValueRef vyre_lower_combine(vyre_lower_t *l, const vyre_param_t *param, LLVMValueRef a, LLVMValueRef b);

/* for i in the elements 0 .. count: opens the body, which end_elements closes. A group deals them out. */
typedef struct vyre_elements {
  LLVMBasicBlockRef head, after;
  LLVMValueRef index, step;
} vyre_elements_t;
vyre_elements_t vyre_lower_begin_elements(vyre_lower_t *l, LLVMValueRef count); /* i64 */
void vyre_lower_end_elements(vyre_lower_t *l, vyre_elements_t elements);

/* lower_group.c: what the threads of a group do together */
enum { VYRE_WARP_THREADS = 32, VYRE_GROUP_BLOCKS = 16 };
void vyre_lower_plan_shared(const vyre_program_t *program, vyre_group_memory_t *out_memory);
LLVMValueRef vyre_lower_shared(vyre_lower_t *l, uint32_t offset); /* ptr */
bool vyre_lower_is_alike(const vyre_lower_t *l); /* code outside of iterations and lanes, executed by a group */
/* What has an effect, or reads what others may change meanwhile, where several threads execute the same: what is built
 * between is done by the first of the group, or of the warp that is a subgroup; elsewhere by whoever is there. End
 * gives the value in all of them (NULL: there is none). */
typedef struct vyre_first {
  LLVMBasicBlockRef before, after; /* NULL: nothing was opened */
  bool is_warp;
} vyre_first_t;
vyre_first_t vyre_lower_begin_first(vyre_lower_t *l);
LLVMValueRef vyre_lower_end_first(vyre_lower_t *l, vyre_first_t first, LLVMValueRef value);
LLVMValueRef vyre_lower_is_first(vyre_lower_t *l);                                       /* i1: of the group */
LLVMValueRef vyre_lower_shuffle(vyre_lower_t *l, LLVMValueRef value, LLVMValueRef lane); /* of any type; lane: i32 */
/* By all threads of the group, each a barrier. i64, in all. */
LLVMValueRef vyre_lower_group_sum(vyre_lower_t *l, LLVMValueRef value);
LLVMValueRef vyre_lower_group_min(vyre_lower_t *l, LLVMValueRef value);
/* All threads get the fault, node and iteration that the one has where `is_owner` (i1) holds; it holds somewhere. */
void vyre_lower_tell_fault(vyre_lower_t *l, LLVMValueRef is_owner);

/* outputs_block.c: values that a call writes into its own block: COMBINE, PER_CHUNK, APPEND; and finish */
void vyre_lower_set(vyre_lower_t *l, const vyre_stmt_t *s);
void vyre_lower_append(vyre_lower_t *l, const vyre_stmt_t *s);
void vyre_lower_flush_block_output(vyre_lower_t *l, uint32_t param, LLVMValueRef output);
LLVMValueRef vyre_lower_count_records(vyre_lower_t *l); /* i1: more than an output holds; NULL without records */
LLVMValueRef vyre_lower_output_value(vyre_lower_t *l, const vyre_expr_t *e); /* OUTPUT, OUTPUT_AT */

/* kernel.c: what a GPU launches. */
/* One Program: block b calls it with the frame at base + b * stride. */
bool vyre_lower_finite_kernel(const vyre_program_t *program, const vyre_lower_options_t *options, LLVMModuleRef module);
/* The entry of one Program for an emulated group: each of its threads calls it with the frame. */
bool vyre_lower_emulated(const vyre_program_t *program, const vyre_lower_options_t *options, LLVMModuleRef module);
/* The megakernel: the first warp of each block runs the loop, all of the block the handlers that it calls. */
bool vyre_lower_megakernel(const vyre_program_t *loop, const vyre_program_t *const *handlers, uint32_t handler_count,
                           const vyre_lower_options_t *options, LLVMModuleRef module);
/* fuse.c: a loop with what it calls. The function call_handler is declared before the loop is lowered, which calls it
 * when it is there, and defined with the Programs afterwards; `l` has the module, the builder and the Programs' target.
 */
LLVMValueRef vyre_lower_declare_call(vyre_lower_t *l);
bool vyre_lower_define_call(vyre_lower_t *l, LLVMValueRef function, const vyre_program_t *const *handlers,
                            uint32_t count, const vyre_lower_options_t *options); /* false: memory is out */
/* On a host: the two halves of a fused module, the loop as its entry and call_handler. */
bool vyre_lower_fused_loop(const vyre_program_t *loop, const vyre_lower_options_t *options, LLVMModuleRef module);
bool vyre_lower_handlers(const vyre_program_t *const *handlers, uint32_t handler_count,
                         const vyre_lower_options_t *options, LLVMModuleRef module);
/* Names of what the parts of a kernel share. */
#define VYRE_KERNEL_SHARED "group_memory" /* shared memory: of whichever handler runs, see vyre_group_memory_t */
#define VYRE_KERNEL_LOCAL "local_memory"  /* shared memory: of the loop */
#define VYRE_KERNEL_CALL "call_handler"   /* function: u32 index, frame */
#define VYRE_KERNEL_COMMAND "command"     /* shared memory: what the other warps do next */
#define VYRE_KERNEL_FRAME "command_frame"
enum { VYRE_SHARED_ADDRESS_SPACE = 3 };
/* A variable in memory that the group shares; what is there has no value at first. */
LLVMValueRef vyre_lower_add_shared(vyre_lower_t *l, const char *name, LLVMTypeRef type, unsigned alignment);

/* outputs_tree.c: sums of floats by position */
enum { VYRE_FLOAT_BLOCK_POSITIONS = 4096 };
bool vyre_lower_is_float_sum(const vyre_param_t *param);
bool vyre_lower_clear_float_sum(vyre_lower_t *l, uint32_t param); /* false: memory is out */
void vyre_lower_free_float_sums(vyre_lower_t *l);
/* Around each execution of a foreach that adds to one; around each block of positions in it. */
bool vyre_lower_has_float_sum(const vyre_lower_t *l, uint32_t body);
LLVMValueRef vyre_lower_block_end(vyre_lower_t *l, LLVMValueRef from,
                                  LLVMValueRef to); /* the strip's end, if not earlier */
/* Groups: each block of positions is a warp's, see lower_range.c. Around a block; behind a strip of them. */
LLVMValueRef vyre_lower_position(vyre_lower_t *l, LLVMValueRef iteration);           /* i64 */
void vyre_lower_end_warp_block(vyre_lower_t *l, LLVMValueRef number);                /* i64: its number in the strip */
void vyre_lower_push_blocks(vyre_lower_t *l, LLVMValueRef from, LLVMValueRef count); /* i64: position, how many */
void vyre_lower_begin_trees(vyre_lower_t *l);
void vyre_lower_begin_blocks(vyre_lower_t *l);
void vyre_lower_end_blocks(vyre_lower_t *l, LLVMValueRef from);
void vyre_lower_end_trees(vyre_lower_t *l);
void vyre_lower_add_float(vyre_lower_t *l, uint32_t param, LLVMValueRef value);
LLVMValueRef vyre_lower_float_sum(vyre_lower_t *l, uint32_t param);

/* lower_math.c: arithmetic on values */
LLVMValueRef vyre_lower_const(const vyre_lower_t *l, vyre_type_t type, uint64_t bits);
LLVMValueRef vyre_lower_unary(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef a);
LLVMValueRef vyre_lower_binary(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef vyre_lower_compare(vyre_lower_t *l, vyre_expr_op_t op, vyre_type_t type, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef vyre_lower_cast(vyre_lower_t *l, vyre_type_t from, vyre_type_t to, LLVMValueRef a);
LLVMValueRef vyre_lower_bitcast(vyre_lower_t *l, vyre_type_t from, vyre_type_t to, LLVMValueRef a);
/* The minimum or maximum as language.md has it. */
LLVMValueRef vyre_lower_extreme(vyre_lower_t *l, bool is_min, vyre_type_t type, LLVMValueRef a, LLVMValueRef b);
/* A NaN whose bits can be seen has no payload. */
LLVMValueRef vyre_lower_seen(vyre_lower_t *l, vyre_type_t type, LLVMValueRef value);

/* lower_buffer.c: elements of buffers */
void vyre_lower_bind(vyre_lower_t *l);
LLVMValueRef vyre_lower_load_element(vyre_lower_t *l, const vyre_expr_t *e);
void vyre_lower_store_element(vyre_lower_t *l, const vyre_stmt_t *s);
LLVMValueRef vyre_lower_atomic(vyre_lower_t *l, const vyre_expr_t *e); /* NULL: a store */
void vyre_lower_copy(vyre_lower_t *l, const vyre_stmt_t *s);
LLVMAtomicOrdering vyre_lower_ordering(vyre_order_t order);
LLVMAtomicOrdering vyre_lower_failure_ordering(vyre_order_t order); /* of a failed compare-exchange: the load half */
/* Around an access whose index is bad when `outside` (i1; NULL: never) holds: begin emits the fault, and what follows
 * is for good indices only until end, which gives `value` there and 0 elsewhere (NULL for stores). */
typedef struct vyre_access_check {
  LLVMBasicBlockRef skipped, after;
} vyre_access_check_t;
vyre_access_check_t vyre_lower_begin_access(vyre_lower_t *l, LLVMValueRef outside, vyre_node_t node);
LLVMValueRef vyre_lower_end_access(vyre_lower_t *l, vyre_access_check_t check, LLVMValueRef value);

/* lower_call.c */
LLVMValueRef vyre_lower_call(vyre_lower_t *l, const vyre_expr_t *e); /* NULL without a value */
void vyre_lower_return(vyre_lower_t *l, const vyre_stmt_t *s);
void vyre_lower_switch(vyre_lower_t *l, const vyre_stmt_t *s);

/* lower_region.c: Programs of several lanes */
bool vyre_lower_init_lanes(vyre_lower_t *l); /* false: memory is out */
void vyre_lower_deinit_lanes(vyre_lower_t *l);
void vyre_lower_begin_lanes(vyre_lower_t *l); /* at the start of the function */
/* The statements of a block at the level that is being built. */
void vyre_lower_level(vyre_lower_t *l, uint32_t block);
/* All lanes are here: the call ends when one has faulted. */
void vyre_lower_meet(vyre_lower_t *l);
/* At level WORKGROUP or SUBGROUP: what is built between is done by each lane. */
typedef struct vyre_region {
  vyre_counted_t loop;
  LLVMValueRef step; /* groups: from one lane of the thread to the next */
  vyre_level_t level;
  vyre_lower_mode_t mode;
  LLVMValueRef fuel, from, to, subgroup;
  LLVMBasicBlockRef end;
} vyre_region_t;
vyre_region_t vyre_lower_begin_region(vyre_lower_t *l);
void vyre_lower_end_region(vyre_lower_t *l, vyre_region_t region);

/* lower_region_group.c: the same where lanes are dealt out to the threads of a group: lane i is thread i % threads's. A
 * thread keeps arrays of as many values as it may have lanes. */
uint64_t vyre_lower_lane_slots(const vyre_lower_t *l);
LLVMValueRef vyre_lower_slot_of_lane(vyre_lower_t *l, LLVMValueRef lane); /* i64 */
LLVMValueRef vyre_lower_slot_of_subgroup(vyre_lower_t *l, LLVMValueRef subgroup);
vyre_elements_t vyre_lower_begin_warp_elements(vyre_lower_t *l, LLVMValueRef count); /* subgroups, one warp's each */
vyre_counted_t vyre_lower_begin_dealt(vyre_lower_t *l, vyre_region_t *region);
void vyre_lower_end_dealt(vyre_lower_t *l, const vyre_region_t *region);
void vyre_lower_find_lowest_dealt(vyre_lower_t *l, const vyre_region_t *region);
void vyre_lower_join_subgroups(vyre_lower_t *l, LLVMValueRef limit_before);
void vyre_lower_tell_uniform(vyre_lower_t *l, uint32_t first, uint32_t end);

/* lower_collective.c: var = op(...), at level WORKGROUP or SUBGROUP; lower_collective_group.c: by a group */
void vyre_lower_collective(vyre_lower_t *l, const vyre_stmt_t *s);
void vyre_lower_collective_group(vyre_lower_t *l, const vyre_stmt_t *s);
void vyre_lower_meet_subgroup(vyre_lower_t *l);
vyre_expr_op_t vyre_lower_combiner(vyre_expr_op_t op); /* the plain node that combines two values of the op */

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
void vyre_lower_run(vyre_lower_t *l, uint32_t first, uint32_t end); /* [first, end), each as it stands */
void vyre_lower_stmt(vyre_lower_t *l, const vyre_stmt_t *stmt);     /* one, at the level that is being built */

/* lower_lanes.c. `lane` (i32) becomes the variable of the block. Building goes on at the end of the body, with
 * masks[] set. */
void vyre_lower_lane_body(vyre_lower_t *l, const vyre_stmt_t *lanes, LLVMValueRef lane);
void vyre_lower_vote(vyre_lower_t *l, const vyre_stmt_t *stmt);

/* lower_range.c: for and foreach */
void vyre_lower_range(vyre_lower_t *l, const vyre_stmt_t *stmt);
void vyre_lower_look_at_stop(vyre_lower_t *l, vyre_node_t node);

#endif
