/* The nodes of the megakernel's own loop. */
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "interp/memory.h"
#include "interp/run.h"
#include "ir/typing.h"

vyre_cell_t vyre_run_eval_privileged(vyre_run_t *run, const vyre_expr_t *e) {
  vyre_hooks_t *hooks = (vyre_hooks_t *)(uintptr_t)run->frame->hooks;
  uint64_t v[3] = {0};
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) {
    v[i] = vyre_run_eval(run, vyre_expr_operand(e, i)).low;
    if (run->fault) return vyre_cell(0);
  }
  switch (e->op) {
    case VYRE_EXPR_CONTROL: return vyre_cell(run->frame->control);
    case VYRE_EXPR_FRAME: return vyre_cell((uint64_t)(uintptr_t)run->frame);
    case VYRE_EXPR_LOCAL: return vyre_cell(run->frame->scratch);
    case VYRE_EXPR_WORKER: return vyre_cell(run->frame->worker);
    case VYRE_EXPR_RAW_LOAD: return vyre_cell(vyre_memory_load(v[0], vyre_type_bytes(e->type), e->order));
    case VYRE_EXPR_RAW_ATOMIC_ADD: return vyre_cell(vyre_memory_add(v[0], vyre_type_bytes(e->type), e->order, v[1]));
    case VYRE_EXPR_RAW_ATOMIC_CAS:
      return vyre_cell(vyre_memory_compare_exchange(v[0], vyre_type_bytes(e->type), e->order, v[1], v[2]));
    case VYRE_EXPR_CLOCK: return vyre_cell(hooks->clock(hooks));
    case VYRE_EXPR_PUMP: return vyre_cell(hooks->pump(hooks, run->frame->worker));
    default: VYRE_UNREACHABLE();
  }
}

/* One lane after the other: what a lanes block may hold does not tell. */
static vyre_flow_t exec_lanes(vyre_run_t *run, const vyre_stmt_t *s) {
  for (uint32_t lane = 0; lane < VYRE_LANES; lane++) {
    run->privileged_lane = lane;
    run->vars[s->var] = vyre_cell(lane);
    vyre_flow_t flow = vyre_run_block(run, s->body);
    VYRE_ASSERT(flow == VYRE_FLOW_NEXT);
  }
  return VYRE_FLOW_NEXT;
}

static void call_handler(const vyre_run_t *run, uint64_t index, vyre_frame_t *frame) {
  if (run->interp->handlers) {
    VYRE_ASSERT(index < run->interp->handler_count);
    vyre_interp_call(frame, run->interp->handlers[index]);
    return;
  }
  const vyre_entry_t *handler = &((const vyre_hooks_t *)(uintptr_t)run->frame->hooks)->handlers[index];
  handler->function(frame, handler->context);
}

vyre_flow_t vyre_run_privileged(vyre_run_t *run, const vyre_stmt_t *s) {
  vyre_hooks_t *hooks = (vyre_hooks_t *)(uintptr_t)run->frame->hooks;
  uint32_t words[4];
  uint64_t v[5];
  for (unsigned i = 0; i < vyre_stmt_arity(s->op); i++) {
    v[i] = vyre_run_eval(run, s->arg[i]).low;
    if (run->fault) return VYRE_FLOW_END;
  }
  switch (s->op) {
    case VYRE_STMT_LANES: return exec_lanes(run, s);
    case VYRE_STMT_RAW_STORE: vyre_memory_store(v[0], vyre_type_bytes(s->type), s->order, v[1]); break;
    case VYRE_STMT_LOAD16:
      vyre_memory_load16(v[0], s->tag, words);
      for (unsigned i = 0; i < 4; i++) run->vars[s->out[i]] = vyre_cell(words[i]);
      break;
    case VYRE_STMT_STORE16:
      for (unsigned i = 0; i < 4; i++) words[i] = (uint32_t)v[1 + i];
      vyre_memory_store16(v[0], s->tag, words);
      break;
    case VYRE_STMT_VOTE: run->vars[s->var].low |= v[0] << run->privileged_lane; break;
    case VYRE_STMT_FENCE: vyre_memory_fence(s->order); break;
    case VYRE_STMT_PREFETCH: __builtin_prefetch((const void *)(uintptr_t)v[0], 0); break;
    case VYRE_STMT_PREFETCH_WRITE: __builtin_prefetch((const void *)(uintptr_t)v[0], 1); break;
    case VYRE_STMT_PAUSE: vyre_cpu_relax(); break;
    case VYRE_STMT_HEAVY_FENCE: hooks->heavy_fence(hooks); break;
    case VYRE_STMT_RAW_COPY: memcpy((void *)(uintptr_t)v[0], (const void *)(uintptr_t)v[1], v[2]); break;
    case VYRE_STMT_WAKE: hooks->wake(hooks, v[0]); break;
    case VYRE_STMT_SLEEP: hooks->sleep(hooks, run->frame->worker, v[0], (uint32_t)v[1]); break;
    case VYRE_STMT_CALL_HANDLER: call_handler(run, v[0], (vyre_frame_t *)(uintptr_t)v[1]); break;
    default: VYRE_UNREACHABLE();
  }
  return VYRE_FLOW_NEXT;
}
