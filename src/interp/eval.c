/* Expressions. */
#include <string.h>

#include "base/assert.h"
#include "interp/memory.h"
#include "interp/run.h"
#include "ir/value.h"

/* vyre_expr_class, without a call: it is looked at once for each node that is evaluated. */
static const uint8_t classes[VYRE_EXPR_COUNT] = {
    VYRE_CLASS_LEAF,
#define VYRE_EXPR(name, text, class, arity, on) VYRE_CLASS_##class,
#define VYRE_STMT(name, text, privileged)
#include "ir/ops.def"
#undef VYRE_EXPR
#undef VYRE_STMT
};

static void fault_expr(vyre_run_t *run, vyre_fault_t fault, const vyre_expr_t *e) {
  vyre_run_fault(run, fault, vyre_node_of_expr(run->program, e));
}

vyre_cell_t vyre_cell_load(const uint8_t *at, unsigned bytes) {
  vyre_cell_t value = {0};
  switch (bytes) {
    case 1: value.low = *at; return value;
    case 2: memcpy(&value.low, at, 2); return value;
    case 4: memcpy(&value.low, at, 4); return value;
    case 8: memcpy(&value.low, at, 8); return value;
    case 16: memcpy(&value, at, 16); return value;
    default: VYRE_UNREACHABLE();
  }
}

void vyre_cell_store(uint8_t *at, unsigned bytes, vyre_cell_t value) {
  switch (bytes) {
    case 1: memcpy(at, &value.low, 1); return;
    case 2: memcpy(at, &value.low, 2); return;
    case 4: memcpy(at, &value.low, 4); return;
    case 8: memcpy(at, &value.low, 8); return;
    case 16: memcpy(at, &value, 16); return;
    default: VYRE_UNREACHABLE();
  }
}

uint8_t *vyre_run_element(const vyre_run_t *run, uint32_t param, vyre_type_t type, uint64_t index) {
  const vyre_view_t *view = &run->views[param];
  unsigned bytes = vyre_type_bytes(run->program->params[param].type);
  uint64_t lane_offset = run->lane * view->lane_stride;
  if (vyre_type_is_signed(type)) {
    int64_t at = vyre_value_signed(type, index);
    if (at < 0) return 0 - (uint64_t)at <= view->before ? view->base - (0 - (uint64_t)at) * bytes : NULL;
  }
  return index < view->count + view->behind ? view->base + lane_offset + index * bytes : NULL;
}

static uint64_t eval_leaf(const vyre_run_t *run, const vyre_expr_t *e) {
  switch (e->op) {
    case VYRE_EXPR_LEN: return run->views[e->a].count;
    case VYRE_EXPR_STREAM_OFFSET: return run->frame->stream_offset;
    case VYRE_EXPR_IS_LAST: return (run->frame->flags & VYRE_FRAME_IS_LAST) != 0;
    case VYRE_EXPR_SCALAR: return ((const vyre_binding_t *)(uintptr_t)run->frame->bindings)[e->a].value;
    case VYRE_EXPR_LANE: return run->lane;
    case VYRE_EXPR_WORKGROUP_SIZE: return run->program->workgroup_size;
    case VYRE_EXPR_SUBGROUP: return run->lane / VYRE_SUBGROUP_LANES;
    case VYRE_EXPR_SUBGROUP_LANE: return run->lane % VYRE_SUBGROUP_LANES;
    case VYRE_EXPR_HALO_LEFT:
    case VYRE_EXPR_HALO_RIGHT:
      for (uint32_t i = 0; i < run->program->param_count; i++)
        if (run->program->params[i].role == VYRE_ROLE_STREAM)
          return e->op == VYRE_EXPR_HALO_LEFT ? run->views[i].before : run->views[i].behind;
      return 0;
    default: VYRE_UNREACHABLE();
  }
}

static vyre_cell_t eval_output(const vyre_run_t *run, uint32_t param, const uint8_t *at) {
  return vyre_cell_load(at, vyre_type_bytes(run->program->params[param].type));
}

/* LOAD and OUTPUT_AT */
static vyre_cell_t eval_load(vyre_run_t *run, const vyre_expr_t *e) {
  uint64_t index = vyre_run_eval(run, e->b).low;
  if (run->fault) return vyre_cell(0);
  const uint8_t *at = e->op == VYRE_EXPR_OUTPUT_AT ? vyre_run_output_at(run, e->a, index)
                                                   : vyre_run_element(run, e->a, run->program->exprs[e->b].type, index);
  if (at) return vyre_cell_load(at, vyre_type_bytes(e->type));
  fault_expr(run, VYRE_FAULT_OUT_OF_RANGE, e);
  return vyre_cell(0);
}

static uint64_t eval_binary(vyre_run_t *run, const vyre_expr_t *e) {
  uint64_t a = vyre_run_eval(run, e->a).low;
  if (run->fault) return 0;
  uint64_t b = vyre_run_eval(run, e->b).low;
  bool is_division = (e->op == VYRE_EXPR_DIV || e->op == VYRE_EXPR_REM) && b == 0;
  if (is_division && vyre_type_is_integer(e->type)) {
    if (!run->fault) fault_expr(run, VYRE_FAULT_DIVISION, e);
    return 0;
  }
  return vyre_value_binary(e->op, e->type, a, b);
}

static uint64_t eval_compare(vyre_run_t *run, const vyre_expr_t *e) {
  uint64_t a = vyre_run_eval(run, e->a).low;
  if (run->fault) return 0;
  uint64_t b = vyre_run_eval(run, e->b).low;
  return vyre_value_compare(e->op, run->program->exprs[e->a].type, a, b);
}

static uint64_t eval_fma(vyre_run_t *run, const vyre_expr_t *e) {
  uint64_t a = vyre_run_eval(run, e->a).low;
  if (run->fault) return 0;
  uint64_t b = vyre_run_eval(run, e->b).low;
  if (run->fault) return 0;
  return vyre_value_fma(e->type, a, b, vyre_run_eval(run, e->c).low);
}

static uint64_t eval_logic(vyre_run_t *run, const vyre_expr_t *e) {
  uint64_t left = vyre_run_eval(run, e->a).low;
  if (run->fault) return 0;
  bool right_decides = e->op == VYRE_EXPR_LOGICAL_AND ? left != 0 : left == 0;
  return right_decides ? vyre_run_eval(run, e->b).low : left;
}

static vyre_cell_t eval_select(vyre_run_t *run, const vyre_expr_t *e) {
  uint64_t condition = vyre_run_eval(run, e->a).low;
  if (run->fault) return vyre_cell(0);
  vyre_cell_t yes = vyre_run_eval(run, e->b);
  if (run->fault) return vyre_cell(0);
  vyre_cell_t no = vyre_run_eval(run, e->c);
  return condition ? yes : no;
}

static uint64_t eval_cast(vyre_run_t *run, const vyre_expr_t *e) {
  uint64_t a = vyre_run_eval(run, e->a).low;
  vyre_type_t from = run->program->exprs[e->a].type;
  return e->op == VYRE_EXPR_BITCAST ? vyre_value_bitcast(from, e->type, a) : vyre_value_cast(from, e->type, a);
}

static vyre_cell_t eval_make(vyre_run_t *run, const vyre_expr_t *e) {
  const uint32_t operands[] = {e->a, e->b, e->c, e->d};
  uint64_t parts[4] = {0};
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) {
    parts[i] = vyre_run_eval(run, operands[i]).low;
    if (run->fault) return vyre_cell(0);
  }
  return (vyre_cell_t){parts[0] | parts[1] << 32, parts[2] | parts[3] << 32};
}

static uint64_t eval_part(vyre_run_t *run, const vyre_expr_t *e) {
  vyre_cell_t vector = vyre_run_eval(run, e->a);
  return (e->imm < 2 ? vector.low : vector.high) >> (e->imm % 2 * 32) & UINT32_MAX;
}

static uint64_t eval_atomic(vyre_run_t *run, const vyre_expr_t *e) {
  uint64_t v[3] = {0}; /* index, value, desired */
  const uint32_t operands[] = {e->b, e->c, e->d};
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) {
    v[i] = vyre_run_eval(run, operands[i]).low;
    if (run->fault) return 0;
  }
  vyre_type_t type = run->program->params[e->a].type;
  uint64_t at = (uint64_t)(uintptr_t)vyre_run_element(run, e->a, run->program->exprs[e->b].type, v[0]);
  if (!at) {
    fault_expr(run, VYRE_FAULT_OUT_OF_RANGE, e);
    return 0;
  }
  switch (e->op) {
    case VYRE_EXPR_ATOMIC_LOAD: return vyre_memory_load(at, vyre_type_bytes(type), e->order);
    case VYRE_EXPR_ATOMIC_STORE: vyre_memory_store(at, vyre_type_bytes(type), e->order, v[1]); return 0;
    case VYRE_EXPR_ATOMIC_CAS: return vyre_memory_compare_exchange(at, vyre_type_bytes(type), e->order, v[1], v[2]);
    case VYRE_EXPR_ATOMIC_EXCHANGE: return vyre_memory_exchange(at, vyre_type_bytes(type), e->order, v[1]);
    case VYRE_EXPR_ATOMIC_ADD: return vyre_memory_add(at, vyre_type_bytes(type), e->order, v[1]);
    case VYRE_EXPR_ATOMIC_MIN: return vyre_memory_update(at, VYRE_EXPR_MIN, type, e->order, v[1]);
    case VYRE_EXPR_ATOMIC_MAX: return vyre_memory_update(at, VYRE_EXPR_MAX, type, e->order, v[1]);
    case VYRE_EXPR_ATOMIC_AND: return vyre_memory_update(at, VYRE_EXPR_AND, type, e->order, v[1]);
    case VYRE_EXPR_ATOMIC_OR: return vyre_memory_update(at, VYRE_EXPR_OR, type, e->order, v[1]);
    case VYRE_EXPR_ATOMIC_XOR: return vyre_memory_update(at, VYRE_EXPR_XOR, type, e->order, v[1]);
    default: VYRE_UNREACHABLE();
  }
}

/* All arguments are evaluated before the first is passed: one of them may call the same function. Nothing recurses, so
 * that the variables of a function are free when it is called. */
static vyre_cell_t eval_call(vyre_run_t *run, const vyre_expr_t *e) {
  const vyre_function_t *f = &run->program->functions[e->a];
  vyre_cell_t arguments[VYRE_LIMIT_ARGUMENTS];
  uint32_t count = 0;
  for (uint32_t list = e->b; list != 0; list = run->program->exprs[list].b) {
    arguments[count++] = vyre_run_eval(run, run->program->exprs[list].a);
    if (run->fault) return vyre_cell(0);
  }
  memcpy(run->vars + f->first_arg, arguments, count * sizeof *arguments);
  run->returned = vyre_cell(0);
  vyre_run_block(run, f->body);
  return run->returned;
}

/* Operands are looked at for a fault before anything else is evaluated, and before what has an effect or a fault of its
 * own; arithmetic on what a fault left behind does no harm. */
vyre_cell_t vyre_run_eval(vyre_run_t *run, uint32_t id) {
  const vyre_expr_t *e = &run->program->exprs[id];
  switch (classes[e->op]) {
    case VYRE_CLASS_LEAF:
      if (e->op == VYRE_EXPR_VAR) return run->vars[e->a];
      if (e->op == VYRE_EXPR_CONST) return vyre_cell(e->imm);
      if (e->op == VYRE_EXPR_OUTPUT) return eval_output(run, e->a, vyre_run_output_at(run, e->a, 0));
      return vyre_cell(eval_leaf(run, e));
    case VYRE_CLASS_UNARY: return vyre_cell(vyre_value_unary(e->op, e->type, vyre_run_eval(run, e->a).low));
    case VYRE_CLASS_BINARY: return vyre_cell(eval_binary(run, e));
    case VYRE_CLASS_TERNARY: return vyre_cell(eval_fma(run, e));
    case VYRE_CLASS_COMPARE: return vyre_cell(eval_compare(run, e));
    case VYRE_CLASS_LOGIC: return vyre_cell(eval_logic(run, e));
    case VYRE_CLASS_SELECT: return eval_select(run, e);
    case VYRE_CLASS_CAST: return vyre_cell(eval_cast(run, e));
    case VYRE_CLASS_MAKE: return eval_make(run, e);
    case VYRE_CLASS_PART: return vyre_cell(eval_part(run, e));
    case VYRE_CLASS_LOAD: return eval_load(run, e);
    case VYRE_CLASS_ATOMIC: return vyre_cell(eval_atomic(run, e));
    case VYRE_CLASS_CALL: return eval_call(run, e);
    case VYRE_CLASS_PRIVILEGED: return vyre_run_eval_privileged(run, e);
    default: break; /* a LIST is walked by whom it is for, ops of several lanes are evaluated by all of them */
  }
  VYRE_UNREACHABLE();
}
