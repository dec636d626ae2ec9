/* What a call contributes: kept apart until its end, but for records, whose place in the block is the call's own. */

#include "base/assert.h"
#include "interp/memory.h"
#include "interp/run.h"
#include "ir/value.h"

static vyre_expr_op_t op_of(vyre_reducer_t reducer) {
  switch (reducer) {
    case VYRE_REDUCER_SUM: return VYRE_EXPR_ADD;
    case VYRE_REDUCER_MIN: return VYRE_EXPR_MIN;
    case VYRE_REDUCER_MAX: return VYRE_EXPR_MAX;
    case VYRE_REDUCER_OR: return VYRE_EXPR_OR;
    case VYRE_REDUCER_XOR: return VYRE_EXPR_XOR;
    default: VYRE_UNREACHABLE();
  }
}

static bool is_float_sum(const vyre_param_t *param) {
  return param->reducer == VYRE_REDUCER_SUM && vyre_type_is_float(param->type);
}

static uint8_t *block_at(const vyre_run_t *run, uint32_t param) {
  return (uint8_t *)(uintptr_t)run->frame->output + run->interp->layout.output_offset[param];
}

void vyre_run_clear_outputs(vyre_run_t *run) {
  for (uint32_t i = 0; i < run->program->param_count; i++) {
    const vyre_param_t *param = &run->program->params[i];
    if (param->role != VYRE_ROLE_OUTPUT) continue;
    uint64_t identity = vyre_output_identity(param);
    run->contributions[i] = vyre_cell(identity);
    run->counts[i] = 0;
    if (is_float_sum(param)) vyre_tree_init(&run->trees[run->interp->tree_index[i]], param);
    if (!param->count || param->reducer == VYRE_REDUCER_APPEND) continue;
    /* Of the copies that the layout has room for, one is used. */
    unsigned bytes = vyre_type_bytes(param->type);
    for (uint64_t k = 0; k < param->count; k++)
      vyre_cell_store(run->views[i].base + k * bytes, bytes, vyre_cell(identity));
  }
}

static uint64_t reduced(const vyre_param_t *param, uint64_t a, uint64_t b) {
  return vyre_value_binary(op_of(param->reducer), param->type, a, b);
}

static vyre_flow_t reduce_at(vyre_run_t *run, const vyre_stmt_t *s) {
  const vyre_param_t *param = &run->program->params[s->param];
  uint64_t index = vyre_run_eval(run, s->arg[0]).low;
  if (run->fault) return VYRE_FLOW_END;
  uint64_t value = vyre_run_eval(run, s->arg[1]).low;
  if (run->fault) return VYRE_FLOW_END;
  if (index >= param->count) {
    vyre_run_fault_at(run, VYRE_FAULT_OUT_OF_RANGE, s);
    return VYRE_FLOW_END;
  }
  unsigned bytes = vyre_type_bytes(param->type);
  uint8_t *at = run->views[s->param].base + index * bytes;
  vyre_cell_store(at, bytes, vyre_cell(reduced(param, vyre_cell_load(at, bytes).low, value)));
  return VYRE_FLOW_NEXT;
}

vyre_flow_t vyre_run_reduce(vyre_run_t *run, const vyre_stmt_t *s) {
  if (s->op == VYRE_STMT_REDUCE_AT) return reduce_at(run, s);
  const vyre_param_t *param = &run->program->params[s->param];
  uint64_t value = vyre_run_eval(run, s->arg[0]).low;
  if (run->fault) return VYRE_FLOW_END;
  if (is_float_sum(param)) {
    /* The foreach begins with the first element of the stream, whose elements are of one size. */
    uint64_t bytes = 1;
    for (uint32_t i = 0; i < run->program->param_count; i++)
      if (run->program->params[i].role == VYRE_ROLE_STREAM) bytes = vyre_type_bytes(run->program->params[i].type);
    uint64_t position = run->frame->stream_offset / bytes + run->iteration;
    vyre_tree_add(&run->trees[run->interp->tree_index[s->param]], position, value);
  } else {
    uint64_t *sum = &run->contributions[s->param].low;
    *sum = reduced(param, *sum, value);
  }
  return VYRE_FLOW_NEXT;
}

vyre_flow_t vyre_run_append(vyre_run_t *run, const vyre_stmt_t *s) {
  const vyre_param_t *param = &run->program->params[s->param];
  uint64_t key = vyre_run_eval(run, s->arg[0]).low;
  if (run->fault) return VYRE_FLOW_END;
  vyre_cell_t value = vyre_run_eval(run, s->arg[1]);
  if (run->fault) return VYRE_FLOW_END;
  uint64_t index = run->counts[s->param]++;
  if (index >= param->count) return VYRE_FLOW_NEXT; /* the end of the call tells */
  unsigned bytes = vyre_output_value_bytes(param);
  uint8_t *at = block_at(run, s->param) + 8 + index * (8 + bytes);
  value.low = vyre_value_canonical(param->type, value.low);
  vyre_cell_store(at, 8, vyre_cell(key));
  vyre_cell_store(at + 8, bytes, value);
  return VYRE_FLOW_NEXT;
}

uint8_t *vyre_run_output_at(const vyre_run_t *run, uint32_t param, uint64_t index) {
  const vyre_param_t *p = &run->program->params[param];
  if (p->count && index >= p->count) return NULL;
  bool is_marked = p->reducer == VYRE_REDUCER_COMBINE; /* a word that says whether there is one stands in front */
  return block_at(run, param) + (is_marked ? 8 : index * vyre_type_bytes(p->type));
}

/* In finish: the block is changed at once. */
static vyre_flow_t set_in_finish(vyre_run_t *run, const vyre_stmt_t *s, uint64_t index, vyre_cell_t value) {
  const vyre_param_t *param = &run->program->params[s->param];
  uint8_t *at = vyre_run_output_at(run, s->param, index);
  if (!at) {
    vyre_run_fault_at(run, VYRE_FAULT_OUT_OF_RANGE, s);
    return VYRE_FLOW_END;
  }
  if (param->reducer == VYRE_REDUCER_COMBINE) vyre_cell_store(at - 8, 8, vyre_cell(1));
  vyre_cell_store(at, vyre_output_value_bytes(param), value);
  return VYRE_FLOW_NEXT;
}

vyre_flow_t vyre_run_set(vyre_run_t *run, const vyre_stmt_t *s) {
  bool is_at = s->op == VYRE_STMT_SET_AT;
  uint64_t index = is_at ? vyre_run_eval(run, s->arg[0]).low : 0;
  if (run->fault) return VYRE_FLOW_END;
  vyre_cell_t value = vyre_run_eval(run, s->arg[is_at]);
  if (run->fault) return VYRE_FLOW_END;
  value.low = vyre_value_canonical(run->program->params[s->param].type, value.low);
  if (run->frame->flags & VYRE_FRAME_FINISH) return set_in_finish(run, s, index, value);
  run->contributions[s->param] = value;
  run->counts[s->param] = 1;
  return VYRE_FLOW_NEXT;
}

static void publish_shared(const vyre_run_t *run, uint32_t index) {
  const vyre_param_t *param = &run->program->params[index];
  unsigned bytes = vyre_type_bytes(param->type);
  vyre_expr_op_t op = op_of(param->reducer);
  uint64_t address = (uint64_t)(uintptr_t)block_at(run, index);
  for (uint64_t k = 0; k < (param->count ? param->count : 1); k++) {
    uint64_t value =
        param->count ? vyre_cell_load(run->views[index].base + k * bytes, bytes).low : run->contributions[index].low;
    if (op == VYRE_EXPR_ADD)
      vyre_memory_add(address + k * bytes, bytes, VYRE_ORDER_RELAXED, value);
    else
      vyre_memory_update(address + k * bytes, op, param->type, VYRE_ORDER_RELAXED, value);
  }
}

static void publish_own(const vyre_run_t *run, uint32_t index) {
  const vyre_param_t *param = &run->program->params[index];
  uint8_t *at = block_at(run, index);
  unsigned bytes = vyre_output_value_bytes(param);
  if (param->reducer == VYRE_REDUCER_SUM) {
    vyre_cell_store(at, bytes, vyre_cell(run->trees[run->interp->tree_index[index]].total));
    return;
  }
  vyre_cell_store(at, 8, vyre_cell(run->counts[index]));
  if (param->reducer != VYRE_REDUCER_APPEND) vyre_cell_store(at + 8, bytes, run->contributions[index]);
}

static bool has_room(const vyre_run_t *run) {
  for (uint32_t i = 0; i < run->program->param_count; i++) {
    const vyre_param_t *param = &run->program->params[i];
    if (param->reducer == VYRE_REDUCER_APPEND && run->counts[i] > param->count) return false;
  }
  return true;
}

void vyre_run_publish_outputs(vyre_run_t *run) {
  if (!has_room(run)) { /* whoever appended: on other devices nobody knows who came last */
    run->fault = VYRE_FAULT_RECORDS;
    run->fault_node = 0;
    run->iteration = 0;
    return;
  }
  for (uint32_t i = 0; i < run->program->param_count; i++) {
    const vyre_param_t *param = &run->program->params[i];
    if (param->role != VYRE_ROLE_OUTPUT) continue;
    if (vyre_output_is_ordered(param))
      publish_own(run, i);
    else
      publish_shared(run, i);
  }
}
