/* Statements, of one lane. */
#include "base/assert.h"
#include "interp/memory.h"
#include "interp/run.h"
#include "ir/value.h"

void vyre_run_fault(vyre_run_t *run, vyre_fault_t fault, vyre_node_t node) {
  VYRE_ASSERT(run->fault == VYRE_FAULT_NONE);
  run->fault = fault;
  run->fault_node = node;
}

void vyre_run_fault_at(vyre_run_t *run, vyre_fault_t fault, const vyre_stmt_t *s) {
  vyre_run_fault(run, fault, vyre_node_of_stmt(run->program, s));
}

static bool is_stopped(const vyre_run_t *run) {
  return __atomic_load_n((const uint32_t *)(uintptr_t)run->frame->stop, __ATOMIC_RELAXED) >= VYRE_STOP_NOW;
}

static uint64_t *budget_of(vyre_run_t *run, const vyre_stmt_t *s) {
  return &run->fuel[run->levels ? run->levels[s - run->program->stmts] : VYRE_LEVEL_WORKGROUP];
}

bool vyre_run_begin_uncounted(vyre_run_t *run, const vyre_stmt_t *s) {
  if (run->program->is_privileged) return true;
  uint64_t *fuel = budget_of(run, s);
  if (*fuel == 0) {
    vyre_run_fault_at(run, VYRE_FAULT_FUEL, s);
    return false;
  }
  --*fuel;
  if (is_stopped(run)) vyre_run_fault_at(run, VYRE_FAULT_CANCELLED, s);
  return run->fault == VYRE_FAULT_NONE;
}

uint64_t vyre_run_charge(vyre_run_t *run, const vyre_stmt_t *s, uint64_t n) {
  if (run->program->is_privileged) return n;
  uint64_t *fuel = budget_of(run, s), m = n < *fuel ? n : *fuel;
  *fuel -= m;
  return m;
}

/* A counted loop looks at the stop word before each strip. */
bool vyre_run_begin_counted(vyre_run_t *run, const vyre_stmt_t *s, uint64_t k) {
  if (run->program->is_privileged || k % VYRE_STRIP_ITERATIONS != 0 || !is_stopped(run)) return true;
  vyre_run_fault_at(run, VYRE_FAULT_CANCELLED, s);
  return false;
}

static vyre_flow_t exec_uncounted(vyre_run_t *run, const vyre_stmt_t *s) {
  for (;;) {
    if (s->op == VYRE_STMT_WHILE) {
      uint64_t goes_on = vyre_run_eval(run, s->arg[0]).low;
      if (run->fault) return VYRE_FLOW_END;
      if (!goes_on) return VYRE_FLOW_NEXT;
    }
    if (!vyre_run_begin_uncounted(run, s)) return VYRE_FLOW_END;
    vyre_flow_t flow = vyre_run_block(run, s->body);
    if (flow == VYRE_FLOW_BREAK) return VYRE_FLOW_NEXT;
    if (flow == VYRE_FLOW_END) return VYRE_FLOW_END;
  }
}

static vyre_flow_t exec_for(vyre_run_t *run, const vyre_stmt_t *s, uint64_t low, uint64_t high) {
  uint64_t n = high > low ? high - low : 0;
  uint64_t m = vyre_run_charge(run, s, n);
  for (uint64_t k = 0; k < m; k++) {
    if (!vyre_run_begin_counted(run, s, k)) return VYRE_FLOW_END;
    run->vars[s->var] = vyre_cell(low + k);
    vyre_flow_t flow = vyre_run_block(run, s->body);
    if (flow == VYRE_FLOW_BREAK) return VYRE_FLOW_NEXT;
    if (flow == VYRE_FLOW_END) return VYRE_FLOW_END;
  }
  if (m == n) return VYRE_FLOW_NEXT;
  vyre_run_fault_at(run, VYRE_FAULT_FUEL, s);
  return VYRE_FLOW_END;
}

/* The iterations run in ascending order, so that the first fault that is met is that of the lowest one. Everything in
 * them, functions too, draws on the iteration's budget. */
vyre_flow_t vyre_run_foreach(vyre_run_t *run, const vyre_stmt_t *s, uint64_t low, uint64_t high) {
  const uint8_t *levels = run->levels;
  run->levels = NULL;
  uint64_t n = high > low ? high - low : 0;
  uint64_t m = vyre_run_charge(run, s, n);
  uint64_t f = run->fuel[0], q = m ? f / m : 0, used = 0;
  for (uint64_t k = 0; k < m; k++) {
    run->iteration = k;
    if (!vyre_run_begin_counted(run, s, k)) return VYRE_FLOW_END;
    run->vars[s->var] = vyre_cell(low + k);
    run->fuel[0] = q;
    vyre_flow_t flow = vyre_run_block(run, s->body);
    if (flow == VYRE_FLOW_END) return VYRE_FLOW_END;
    VYRE_ASSERT(flow == VYRE_FLOW_NEXT || flow == VYRE_FLOW_CONTINUE);
    used += q - run->fuel[0];
  }
  run->fuel[0] = f - used;
  run->levels = levels;
  run->iteration = m < n ? m : 0;
  for (uint32_t i = 0; i < run->interp->tree_count; i++) vyre_tree_close(&run->trees[i]);
  if (m == n) return VYRE_FLOW_NEXT;
  vyre_run_fault_at(run, VYRE_FAULT_FUEL, s);
  return VYRE_FLOW_END;
}

static vyre_flow_t exec_range(vyre_run_t *run, const vyre_stmt_t *s) {
  uint64_t low = vyre_run_eval(run, s->arg[0]).low;
  if (run->fault) return VYRE_FLOW_END;
  uint64_t high = vyre_run_eval(run, s->arg[1]).low;
  if (run->fault) return VYRE_FLOW_END;
  return s->op == VYRE_STMT_FOR ? exec_for(run, s, low, high) : vyre_run_foreach(run, s, low, high);
}

static vyre_flow_t exec_store(vyre_run_t *run, const vyre_stmt_t *s) {
  uint64_t index = vyre_run_eval(run, s->arg[0]).low;
  if (run->fault) return VYRE_FLOW_END;
  vyre_cell_t value = vyre_run_eval(run, s->arg[1]);
  if (run->fault) return VYRE_FLOW_END;
  vyre_type_t type = run->program->params[s->param].type;
  uint8_t *at = vyre_run_element(run, s->param, run->program->exprs[s->arg[0]].type, index);
  if (!at) {
    vyre_run_fault_at(run, VYRE_FAULT_OUT_OF_RANGE, s);
    return VYRE_FLOW_END;
  }
  value.low = vyre_value_canonical(type, value.low);
  vyre_cell_store(at, vyre_type_bytes(type), value);
  return VYRE_FLOW_NEXT;
}

uint32_t vyre_run_switch(const vyre_run_t *run, const vyre_stmt_t *s, uint64_t value) {
  const vyre_program_t *p = run->program;
  uint32_t otherwise = 0;
  for (uint32_t id = s->body; id != 0; id = p->stmts[id].next) {
    const vyre_stmt_t *c = &p->stmts[id];
    if (c->op == VYRE_STMT_DEFAULT) otherwise = c->body;
    for (uint32_t list = c->op == VYRE_STMT_CASE ? c->arg[0] : 0; list != 0; list = p->exprs[list].b)
      if (p->exprs[p->exprs[list].a].imm == value) return c->body;
  }
  return otherwise;
}

static vyre_flow_t exec_return(vyre_run_t *run, const vyre_stmt_t *s) {
  if (s->arg[0]) run->returned = vyre_run_eval(run, s->arg[0]);
  return VYRE_FLOW_END;
}

static vyre_flow_t exec(vyre_run_t *run, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN: run->vars[s->var] = vyre_run_eval(run, s->arg[0]); break;
    case VYRE_STMT_IF: {
      uint64_t condition = vyre_run_eval(run, s->arg[0]).low;
      return run->fault ? VYRE_FLOW_END : vyre_run_block(run, condition ? s->body : s->orelse);
    }
    case VYRE_STMT_WHILE:
    case VYRE_STMT_FOREVER: return exec_uncounted(run, s);
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH: return exec_range(run, s);
    case VYRE_STMT_BREAK: return VYRE_FLOW_BREAK;
    case VYRE_STMT_CONTINUE: return VYRE_FLOW_CONTINUE;
    case VYRE_STMT_RETURN: return exec_return(run, s);
    case VYRE_STMT_TRAP: vyre_run_fault_at(run, VYRE_FAULT_TRAP, s); break;
    case VYRE_STMT_REDUCE:
    case VYRE_STMT_REDUCE_AT: return vyre_run_reduce(run, s);
    case VYRE_STMT_STORE: return exec_store(run, s);
    case VYRE_STMT_SET:
    case VYRE_STMT_SET_AT: return vyre_run_set(run, s);
    case VYRE_STMT_APPEND: return vyre_run_append(run, s);
    case VYRE_STMT_EVAL: vyre_run_eval(run, s->arg[0]); break;
    case VYRE_STMT_BLOCK: return vyre_run_block(run, s->body);
    case VYRE_STMT_SWITCH: {
      uint64_t value = vyre_run_eval(run, s->arg[0]).low;
      return run->fault ? VYRE_FLOW_END : vyre_run_block(run, vyre_run_switch(run, s, value));
    }
    default: return vyre_run_privileged(run, s);
  }
  return run->fault ? VYRE_FLOW_END : VYRE_FLOW_NEXT;
}

vyre_flow_t vyre_run_range(vyre_run_t *run, uint32_t from, uint32_t until) {
  for (uint32_t id = from; id != until; id = run->program->stmts[id].next) {
    vyre_flow_t flow = exec(run, &run->program->stmts[id]);
    if (flow != VYRE_FLOW_NEXT) return flow;
  }
  return VYRE_FLOW_NEXT;
}

vyre_flow_t vyre_run_block(vyre_run_t *run, uint32_t first) { return vyre_run_range(run, first, 0); }
