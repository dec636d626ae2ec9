/* What the parts of the interpreter share: interp.c (a call and its memory), eval.c (expressions), exec.c (statements
 * of one lane), privileged.c, outputs.c and tree.c (contributions), workgroup.c and collective.c (lanes together).
 *
 * One lane is interpreted at a time: `run` is that lane's. Lanes that have nothing to do with each other until they
 * meet are run one after the other up to there, which is as good as at once. */
#ifndef VYRE_INTERP_RUN_H
#define VYRE_INTERP_RUN_H

#include "interp/interp.h"
#include "interp/pool.h"
#include "interp/tree.h"
#include "ir/layout.h"
#include "ir/uniform.h"

struct vyre_interp {
  const vyre_program_t *program;
  vyre_layout_t layout;
  vyre_uniform_t uniform; /* workgroups only */
  uint32_t tree_count;    /* sums of floats */
  uint8_t tree_index[VYRE_LIMIT_PARAMS];
  size_t memory_bytes;            /* of a call */
  vyre_pool_t *pool;              /* workgroups only */
  vyre_interp_t *const *handlers; /* of a loop, by index; NULL: they are called through the hooks */
  uint32_t handler_count;
};

/* A value of any type. */
typedef struct vyre_cell {
  uint64_t low;
  uint64_t high; /* of u32x4 only: parts z and w; else not looked at */
} vyre_cell_t;

static inline vyre_cell_t vyre_cell(uint64_t low) { return (vyre_cell_t){.low = low}; }

/* A parameter with elements, as this call sees it. */
typedef struct vyre_view {
  uint8_t *base; /* of element 0; array outputs: the table of what was added */
  uint64_t count;
  uint64_t before, behind; /* more elements on either side: the halo */
  uint64_t lane_stride;    /* private memory: bytes from one lane's to the next; else 0 */
} vyre_view_t;

/* What is kept of a lane while others run. */
typedef struct vyre_lane {
  uint64_t fuel;
  vyre_node_t fault_node;
  vyre_fault_t fault; /* its own */
  bool is_dead;       /* by its own fault, or by that of another which it met */
} vyre_lane_t;

/* What the lanes of a workgroup are, and what they bring to a meeting. */
typedef struct vyre_workgroup {
  vyre_lane_t lanes[VYRE_LIMIT_WORKGROUP_SIZE];
  uint64_t subgroup_fuel[VYRE_LIMIT_WORKGROUP_SIZE / VYRE_SUBGROUP_LANES];
  uint64_t operands[2][VYRE_LIMIT_WORKGROUP_SIZE], results[VYRE_LIMIT_WORKGROUP_SIZE];
} vyre_workgroup_t;

typedef struct vyre_run {
  const vyre_interp_t *interp;
  const vyre_program_t *program;
  vyre_frame_t *frame;
  const uint8_t *levels; /* by statement: vyre_level_t of the budget that a loop draws on; NULL: WORKGROUP */
  vyre_cell_t *vars;     /* by variable; the validator has seen to it that each is written before it is read */
  uint64_t fuel[VYRE_LEVEL_LANE + 1]; /* by vyre_level_t: what is left; in a foreach [0] is the iteration's */
  uint64_t iteration;                 /* of the open foreach, 0 outside */
  uint32_t lane;
  uint32_t privileged_lane; /* of the open lanes block */
  vyre_fault_t fault;       /* the first one; nothing has an effect after it */
  vyre_node_t fault_node;
  vyre_cell_t returned; /* of the function that ended last */
  vyre_tree_t *trees;
  vyre_workgroup_t *workgroup; /* NULL: one lane */
  vyre_cell_t *all_vars;       /* of lane 0, then lane 1, ... */
  /* by parameter */
  vyre_view_t views[VYRE_LIMIT_PARAMS];
  vyre_cell_t contributions[VYRE_LIMIT_PARAMS]; /* scalar outputs */
  uint64_t counts[VYRE_LIMIT_PARAMS];           /* APPEND: records so far; COMBINE, PER_CHUNK: 1 when one is assigned */
} vyre_run_t;

/* END: return, or a fault. */
typedef enum vyre_flow { VYRE_FLOW_NEXT, VYRE_FLOW_BREAK, VYRE_FLOW_CONTINUE, VYRE_FLOW_END } vyre_flow_t;

void vyre_run_fault(vyre_run_t *run, vyre_fault_t fault, vyre_node_t node);
void vyre_run_fault_at(vyre_run_t *run, vyre_fault_t fault, const vyre_stmt_t *s);

/* The value of an expression. After a fault it means nothing: the caller looks at run->fault before it uses it. */
vyre_cell_t vyre_run_eval(vyre_run_t *run, uint32_t expr);
vyre_cell_t vyre_run_eval_privileged(vyre_run_t *run, const vyre_expr_t *e);

vyre_flow_t vyre_run_block(vyre_run_t *run, uint32_t first);
/* The statements from one on until another, or to the end of the block when that is 0. */
vyre_flow_t vyre_run_range(vyre_run_t *run, uint32_t from, uint32_t until);
vyre_flow_t vyre_run_foreach(vyre_run_t *run, const vyre_stmt_t *s, uint64_t low, uint64_t high);
vyre_flow_t vyre_run_privileged(vyre_run_t *run, const vyre_stmt_t *s);
/* The block of a switch that a value leads to, 0: none. */
uint32_t vyre_run_switch(const vyre_run_t *run, const vyre_stmt_t *s, uint64_t value);

/* What precedes an iteration; false: a fault. m of n iterations of a counted loop may run: that is charged. */
bool vyre_run_begin_uncounted(vyre_run_t *run, const vyre_stmt_t *s);
bool vyre_run_begin_counted(vyre_run_t *run, const vyre_stmt_t *s, uint64_t k);
uint64_t vyre_run_charge(vyre_run_t *run, const vyre_stmt_t *s, uint64_t n);

/* Elements of a parameter. NULL: outside. `type` is that of the index. */
uint8_t *vyre_run_element(const vyre_run_t *run, uint32_t param, vyre_type_t type, uint64_t index);
vyre_cell_t vyre_cell_load(const uint8_t *at, unsigned bytes);
void vyre_cell_store(uint8_t *at, unsigned bytes, vyre_cell_t value);

/* Outputs. */
void vyre_run_clear_outputs(vyre_run_t *run);
void vyre_run_publish_outputs(vyre_run_t *run);
vyre_flow_t vyre_run_reduce(vyre_run_t *run, const vyre_stmt_t *s);
vyre_flow_t vyre_run_append(vyre_run_t *run, const vyre_stmt_t *s);
vyre_flow_t vyre_run_set(vyre_run_t *run, const vyre_stmt_t *s); /* SET, SET_AT */
/* In finish: the place in the block of a value, NULL when there is none of this index. */
uint8_t *vyre_run_output_at(const vyre_run_t *run, uint32_t param, uint64_t index);

/* The body, by all lanes. The fault of the call is in `run` afterwards. */
void vyre_run_workgroup(vyre_run_t *run);

#endif
