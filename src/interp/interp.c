#include "interp/interp.h"

#include <alloca.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"
#include "interp/memory.h"
#include "ir/value.h"
#include "ir/typing.h"
#include "ir/validate.h"

/* A counted loop looks at the stop word before each strip of this many iterations. */

struct vyre_interp {
  const vyre_program_t *program;
  vyre_layout_t layout;
};

/* One call. The first fault ends it: foreach iterations run in ascending order, so the first fault that is met is
 * also the one of the lowest iteration. */
typedef struct run {
  const vyre_program_t *program;
  const vyre_layout_t *layout;
  vyre_frame_t *frame;
  uint64_t *vars; /* by variable; the validator has seen to it that each is written before it is read */
  uint64_t fuel;
  uint64_t scalars[VYRE_LIMIT_PARAMS]; /* what was added to scalar outputs; arrays are kept in the frame's scratch */
  uint64_t iteration;                  /* of the open foreach, 0 outside */
  uint32_t lane;                       /* of the open lanes block */
  vyre_fault_t fault;
  vyre_node_t fault_node;
} run_t;

typedef enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE, FLOW_END /* return, or a fault */ } flow_t;

static void raise_fault(run_t *run, vyre_fault_t fault, vyre_node_t node) {
  VYRE_ASSERT(run->fault == VYRE_FAULT_NONE);
  run->fault = fault;
  run->fault_node = node;
}

/* The value of an expression. After a fault it means nothing: the caller looks at run->fault before it uses it. */
static uint64_t eval(run_t *run, uint32_t id);

static uint64_t stream_count(const run_t *run, uint32_t param) {
  return run->frame->data_bytes / vyre_type_bytes(run->program->params[param].type);
}

static uint64_t eval_leaf(run_t *run, const vyre_expr_t *e) {
  switch (e->op) {
    case VYRE_EXPR_CONST: return e->imm;
    case VYRE_EXPR_VAR: return run->vars[e->a];
    case VYRE_EXPR_LEN: {
      const vyre_param_t *param = &run->program->params[e->a];
      return param->role == VYRE_ROLE_STREAM ? stream_count(run, e->a) : param->count;
    }
    case VYRE_EXPR_STREAM_OFFSET: return run->frame->stream_offset;
    case VYRE_EXPR_IS_LAST: return (run->frame->flags & VYRE_FRAME_IS_LAST) != 0;
    default: VYRE_UNREACHABLE();
  }
}

static uint64_t eval_load(run_t *run, const vyre_expr_t *e, uint64_t index) {
  if (index >= stream_count(run, e->a)) {
    raise_fault(run, VYRE_FAULT_OUT_OF_RANGE, vyre_node_of_expr(run->program, e));
    return 0;
  }
  unsigned bytes = vyre_type_bytes(e->type);
  uint64_t value = 0;
  memcpy(&value, (const uint8_t *)(uintptr_t)run->frame->data + index * bytes, bytes);
  return value;
}

static uint64_t eval_binary(run_t *run, const vyre_expr_t *e, uint64_t a, uint64_t b) {
  if ((e->op == VYRE_EXPR_DIV || e->op == VYRE_EXPR_REM) && b == 0) {
    raise_fault(run, VYRE_FAULT_DIVISION, vyre_node_of_expr(run->program, e));
    return 0;
  }
  return vyre_value_binary(e->op, e->type, a, b);
}

static uint64_t eval_logic(run_t *run, const vyre_expr_t *e) {
  uint64_t left = eval(run, e->a);
  if (run->fault) return 0;
  bool right_decides = e->op == VYRE_EXPR_LOGICAL_AND ? left != 0 : left == 0;
  return right_decides ? eval(run, e->b) : left;
}

static uint64_t eval_privileged(run_t *run, const vyre_expr_t *e, const uint64_t v[3]) {
  vyre_hooks_t *hooks = (vyre_hooks_t *)(uintptr_t)run->frame->hooks;
  switch (e->op) {
    case VYRE_EXPR_CONTROL: return run->frame->control;
    case VYRE_EXPR_FRAME: return (uint64_t)(uintptr_t)run->frame;
    case VYRE_EXPR_LOCAL: return run->frame->scratch;
    case VYRE_EXPR_WORKER: return run->frame->worker;
    case VYRE_EXPR_RAW_LOAD: return vyre_memory_load(v[0], vyre_type_bytes(e->type), e->order);
    case VYRE_EXPR_RAW_ATOMIC_ADD: return vyre_memory_add(v[0], vyre_type_bytes(e->type), e->order, v[1]);
    case VYRE_EXPR_RAW_ATOMIC_CAS:
      return vyre_memory_compare_exchange(v[0], vyre_type_bytes(e->type), e->order, v[1], v[2]);
    case VYRE_EXPR_PUMP: return hooks->pump(hooks, run->frame->worker);
    default: VYRE_UNREACHABLE();
  }
}

static uint64_t eval(run_t *run, uint32_t id) {
  const vyre_expr_t *e = &run->program->exprs[id];
  if (vyre_expr_class(e->op) == VYRE_CLASS_LOGIC) return eval_logic(run, e);
  uint64_t v[3] = {0};
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) {
    v[i] = eval(run, vyre_expr_operand(e, i));
    if (run->fault) return 0;
  }
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF: return eval_leaf(run, e);
    case VYRE_CLASS_LOAD: return eval_load(run, e, v[0]);
    case VYRE_CLASS_UNARY: return vyre_value_unary(e->op, e->type, v[0]);
    case VYRE_CLASS_BINARY: return eval_binary(run, e, v[0], v[1]);
    case VYRE_CLASS_COMPARE: return vyre_value_compare(e->op, run->program->exprs[e->a].type, v[0], v[1]);
    case VYRE_CLASS_SELECT: return v[0] ? v[1] : v[2];
    case VYRE_CLASS_CAST: return vyre_value_cast(run->program->exprs[e->a].type, e->type, v[0]);
    case VYRE_CLASS_PRIVILEGED: return eval_privileged(run, e, v);
    default: break;
  }
  VYRE_UNREACHABLE();
}

/* Where the additions to an array output are kept until the end of the call; of the copies that the layout has room
 * for, one is used. */
static uint8_t *table_of(const run_t *run, uint32_t param) {
  return (uint8_t *)(uintptr_t)run->frame->scratch + run->layout->scratch_offset[param];
}

static uint64_t table_read(const run_t *run, uint32_t param, uint64_t index) {
  unsigned bytes = vyre_type_bytes(run->program->params[param].type);
  uint64_t value = 0;
  memcpy(&value, table_of(run, param) + index * bytes, bytes);
  return value;
}

static void table_add(const run_t *run, uint32_t param, uint64_t index, uint64_t value) {
  unsigned bytes = vyre_type_bytes(run->program->params[param].type);
  uint64_t sum = table_read(run, param, index) + value;
  memcpy(table_of(run, param) + index * bytes, &sum, bytes);
}

static bool is_array_output(const vyre_param_t *param) { return param->role == VYRE_ROLE_OUTPUT && param->count; }

static void clear_outputs(run_t *run) {
  memset(run->scalars, 0, sizeof run->scalars);
  for (uint32_t i = 0; i < run->program->param_count; i++) {
    const vyre_param_t *param = &run->program->params[i];
    if (is_array_output(param)) memset(table_of(run, i), 0, (size_t)param->count * vyre_type_bytes(param->type));
  }
}

static void publish_outputs(const run_t *run) {
  for (uint32_t i = 0; i < run->program->param_count; i++) {
    const vyre_param_t *param = &run->program->params[i];
    if (param->role != VYRE_ROLE_OUTPUT) continue;
    unsigned bytes = vyre_type_bytes(param->type);
    uint64_t address = run->frame->output + run->layout->output_offset[i];
    if (param->count == 0) vyre_memory_add(address, bytes, VYRE_ORDER_RELAXED, run->scalars[i]);
    for (uint64_t k = 0; k < param->count; k++)
      vyre_memory_add(address + k * bytes, bytes, VYRE_ORDER_RELAXED, table_read(run, i, k));
  }
}

static flow_t exec_block(run_t *run, uint32_t first);

static bool is_stopped(const run_t *run) {
  return __atomic_load_n((const uint32_t *)(uintptr_t)run->frame->stop, __ATOMIC_RELAXED) >= VYRE_STOP_NOW;
}

/* What precedes each iteration of `while` and `forever`; false: a fault. */
static bool begin_uncounted_iteration(run_t *run, const vyre_stmt_t *s) {
  if (run->program->is_privileged) return true;
  if (run->fuel == 0) {
    raise_fault(run, VYRE_FAULT_FUEL, vyre_node_of_stmt(run->program, s));
    return false;
  }
  run->fuel--;
  if (is_stopped(run)) raise_fault(run, VYRE_FAULT_CANCELLED, vyre_node_of_stmt(run->program, s));
  return run->fault == VYRE_FAULT_NONE;
}

static flow_t exec_uncounted(run_t *run, const vyre_stmt_t *s) {
  for (;;) {
    if (s->op == VYRE_STMT_WHILE) {
      uint64_t goes_on = eval(run, s->arg[0]);
      if (run->fault) return FLOW_END;
      if (!goes_on) return FLOW_NEXT;
    }
    if (!begin_uncounted_iteration(run, s)) return FLOW_END;
    flow_t flow = exec_block(run, s->body);
    if (flow == FLOW_BREAK) return FLOW_NEXT;
    if (flow == FLOW_END) return FLOW_END;
  }
}

/* Charges a counted loop of n iterations; gives m, how many of them may run. */
static uint64_t charge(run_t *run, uint64_t n) {
  if (run->program->is_privileged) return n;
  uint64_t m = n < run->fuel ? n : run->fuel;
  run->fuel -= m;
  return m;
}

/* What precedes iteration k of a counted loop; false: a fault. */
static bool begin_counted_iteration(run_t *run, const vyre_stmt_t *s, uint64_t k) {
  if (run->program->is_privileged || k % VYRE_STRIP_ITERATIONS != 0 || !is_stopped(run)) return true;
  raise_fault(run, VYRE_FAULT_CANCELLED, vyre_node_of_stmt(run->program, s));
  return false;
}

static flow_t exec_for(run_t *run, const vyre_stmt_t *s, uint64_t low, uint64_t high) {
  uint64_t n = high > low ? high - low : 0;
  uint64_t m = charge(run, n);
  for (uint64_t k = 0; k < m; k++) {
    if (!begin_counted_iteration(run, s, k)) return FLOW_END;
    run->vars[s->var] = low + k;
    flow_t flow = exec_block(run, s->body);
    if (flow == FLOW_BREAK) return FLOW_NEXT;
    if (flow == FLOW_END) return FLOW_END;
  }
  if (m == n) return FLOW_NEXT;
  raise_fault(run, VYRE_FAULT_FUEL, vyre_node_of_stmt(run->program, s));
  return FLOW_END;
}

static flow_t exec_foreach(run_t *run, const vyre_stmt_t *s, uint64_t low, uint64_t high) {
  uint64_t n = high > low ? high - low : 0;
  uint64_t m = charge(run, n);
  uint64_t f = run->fuel, used = 0;
  bool has_loop = vyre_block_has_loop(run->program, s->body);
  uint64_t q = m ? f / m : 0;
  for (uint64_t k = 0; k < m; k++) {
    run->iteration = k;
    if (!begin_counted_iteration(run, s, k)) return FLOW_END;
    run->vars[s->var] = low + k;
    if (has_loop) run->fuel = q;
    flow_t flow = exec_block(run, s->body);
    if (flow == FLOW_END) return FLOW_END;
    VYRE_ASSERT(flow == FLOW_NEXT || flow == FLOW_CONTINUE);
    if (has_loop) used += q - run->fuel;
  }
  run->fuel = f - used;
  run->iteration = m < n ? m : 0;
  if (m == n) return FLOW_NEXT;
  raise_fault(run, VYRE_FAULT_FUEL, vyre_node_of_stmt(run->program, s));
  return FLOW_END;
}

/* One lane after the other: what a lanes block may hold does not tell. */
static flow_t exec_lanes(run_t *run, const vyre_stmt_t *s) {
  for (uint32_t lane = 0; lane < VYRE_LANES; lane++) {
    run->lane = lane;
    run->vars[s->var] = lane;
    flow_t flow = exec_block(run, s->body);
    VYRE_ASSERT(flow == FLOW_NEXT);
  }
  return FLOW_NEXT;
}

static flow_t exec_reduce_at(run_t *run, const vyre_stmt_t *s, uint64_t index, uint64_t value) {
  if (index >= run->program->params[s->param].count) {
    raise_fault(run, VYRE_FAULT_OUT_OF_RANGE, vyre_node_of_stmt(run->program, s));
    return FLOW_END;
  }
  table_add(run, s->param, index, value);
  return FLOW_NEXT;
}

static void exec_privileged(run_t *run, const vyre_stmt_t *s, const uint64_t v[5]) {
  vyre_hooks_t *hooks = (vyre_hooks_t *)(uintptr_t)run->frame->hooks;
  uint32_t words[4];
  switch (s->op) {
    case VYRE_STMT_RAW_STORE: vyre_memory_store(v[0], vyre_type_bytes(s->type), s->order, v[1]); return;
    case VYRE_STMT_LOAD16:
      vyre_memory_load16(v[0], s->tag, words);
      for (unsigned i = 0; i < 4; i++) run->vars[s->out[i]] = words[i];
      return;
    case VYRE_STMT_STORE16:
      for (unsigned i = 0; i < 4; i++) words[i] = (uint32_t)v[1 + i];
      vyre_memory_store16(v[0], s->tag, words);
      return;
    case VYRE_STMT_VOTE: run->vars[s->var] |= v[0] << run->lane; return;
    case VYRE_STMT_FENCE: vyre_memory_fence(s->order); return;
    case VYRE_STMT_PREFETCH: __builtin_prefetch((const void *)(uintptr_t)v[0], 0); return;
    case VYRE_STMT_PREFETCH_WRITE: __builtin_prefetch((const void *)(uintptr_t)v[0], 1); return;
    case VYRE_STMT_PAUSE: vyre_cpu_relax(); return;
    case VYRE_STMT_HEAVY_FENCE: hooks->heavy_fence(hooks); return;
    case VYRE_STMT_SLEEP: hooks->sleep(hooks, run->frame->worker, v[0], (uint32_t)v[1]); return;
    case VYRE_STMT_CALL_HANDLER: {
      const vyre_entry_t *handler = &hooks->handlers[v[0]];
      handler->function((vyre_frame_t *)(uintptr_t)v[1], handler->context);
      return;
    }
    default: VYRE_UNREACHABLE();
  }
}

static flow_t exec(run_t *run, const vyre_stmt_t *s) {
  /* The condition of a while is evaluated again and again, by the loop itself. */
  if (s->op == VYRE_STMT_WHILE || s->op == VYRE_STMT_FOREVER) return exec_uncounted(run, s);
  uint64_t v[5] = {0};
  for (unsigned i = 0; i < vyre_stmt_arity(s->op); i++) {
    v[i] = eval(run, s->arg[i]);
    if (run->fault) return FLOW_END;
  }
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN: run->vars[s->var] = v[0]; return FLOW_NEXT;
    case VYRE_STMT_REDUCE: run->scalars[s->param] += v[0]; return FLOW_NEXT;
    case VYRE_STMT_REDUCE_AT: return exec_reduce_at(run, s, v[0], v[1]);
    case VYRE_STMT_IF: return exec_block(run, v[0] ? s->body : s->orelse);
    case VYRE_STMT_FOR: return exec_for(run, s, v[0], v[1]);
    case VYRE_STMT_FOREACH: return exec_foreach(run, s, v[0], v[1]);
    case VYRE_STMT_LANES: return exec_lanes(run, s);
    case VYRE_STMT_BREAK: return FLOW_BREAK;
    case VYRE_STMT_CONTINUE: return FLOW_CONTINUE;
    case VYRE_STMT_RETURN: return FLOW_END;
    case VYRE_STMT_TRAP: raise_fault(run, VYRE_FAULT_TRAP, vyre_node_of_stmt(run->program, s)); return FLOW_END;
    default: exec_privileged(run, s, v); return FLOW_NEXT;
  }
}

static flow_t exec_block(run_t *run, uint32_t first) {
  for (uint32_t id = first; id != 0; id = run->program->stmts[id].next) {
    flow_t flow = exec(run, &run->program->stmts[id]);
    if (flow != FLOW_NEXT) return flow;
  }
  return FLOW_NEXT;
}

vyre_status_t vyre_interp_create(const vyre_program_t *program, vyre_interp_t **out_interp) {
  VYRE_ASSERT(program->is_validated);
  vyre_interp_t *interp = vyre_alloc(sizeof *interp);
  if (!interp) return vyre_out_of_memory(sizeof *interp);
  interp->program = program;
  vyre_program_layout(program, &interp->layout);
  *out_interp = interp;
  return NULL;
}

void vyre_interp_destroy(vyre_interp_t *interp) { vyre_free(interp); }

void vyre_interp_call(vyre_frame_t *frame, void *context) {
  const vyre_interp_t *interp = context;
  run_t run = {.program = interp->program, .layout = &interp->layout, .frame = frame, .fuel = frame->fuel};
  run.vars = alloca(interp->program->var_count * sizeof *run.vars);
  clear_outputs(&run);
  exec_block(&run, interp->program->body);
  if (run.fault == VYRE_FAULT_NONE) publish_outputs(&run);
  frame->fault = run.fault;
  frame->fault_node = run.fault_node;
  frame->fault_iteration = run.fault ? run.iteration : 0;
}
