#include "interp/interp.h"

#include <alloca.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "interp/pool.h"
#include "interp/run.h"

/* ---- a prepared program ---- */

static size_t vars_bytes(const vyre_program_t *p) {
  return (size_t)p->workgroup_size * p->var_count * sizeof(vyre_cell_t);
}

static void plan_memory(vyre_interp_t *interp) {
  const vyre_program_t *p = interp->program;
  for (uint32_t i = 0; i < p->param_count; i++) {
    bool is_float_sum = p->params[i].role == VYRE_ROLE_OUTPUT && p->params[i].reducer == VYRE_REDUCER_SUM &&
                        vyre_type_is_float(p->params[i].type);
    if (is_float_sum) interp->tree_index[i] = (uint8_t)interp->tree_count++;
  }
  interp->memory_bytes = vars_bytes(p) + interp->tree_count * sizeof(vyre_tree_t);
  if (p->workgroup_size > 1) interp->memory_bytes += sizeof(vyre_workgroup_t);
}

vyre_status_t vyre_interp_create(const vyre_program_t *program, vyre_interp_t **out_interp) {
  VYRE_ASSERT(program->is_validated);
  vyre_interp_t *interp = vyre_calloc(1, sizeof *interp);
  if (!interp) return vyre_out_of_memory(sizeof *interp);
  interp->program = program;
  vyre_program_layout(program, &interp->layout);
  plan_memory(interp);
  vyre_status_t status = NULL;
  if (program->workgroup_size > 1) {
    status = vyre_uniform_init(&interp->uniform, program);
    if (!status) status = vyre_pool_create(interp->memory_bytes, &interp->pool);
  }
  if (status) {
    vyre_interp_destroy(interp);
    return status;
  }
  *out_interp = interp;
  return NULL;
}

void vyre_interp_fuse(vyre_interp_t *interp, vyre_interp_t *const *handlers, uint32_t handler_count) {
  VYRE_ASSERT(interp->program->is_privileged);
  interp->handlers = handlers;
  interp->handler_count = handler_count;
}

void vyre_interp_destroy(vyre_interp_t *interp) {
  if (!interp) return;
  vyre_pool_destroy(interp->pool);
  vyre_uniform_deinit(&interp->uniform);
  vyre_free(interp);
}

/* ---- a call ---- */

static vyre_view_t view_of(const vyre_run_t *run, uint32_t index) {
  const vyre_param_t *param = &run->program->params[index];
  const vyre_layout_t *layout = &run->interp->layout;
  const vyre_frame_t *frame = run->frame;
  unsigned bytes = vyre_type_bytes(param->type);
  uint8_t *scratch = (uint8_t *)(uintptr_t)(frame->scratch + layout->scratch_offset[index]);
  switch (param->role) {
    case VYRE_ROLE_STREAM: {
      bool has_halo = vyre_param_has_halo(param);
      return (vyre_view_t){.base = (uint8_t *)(uintptr_t)frame->data,
                           .count = frame->data_bytes / bytes,
                           .before = has_halo ? frame->halo_left / bytes : 0,
                           .behind = has_halo ? frame->halo_right / bytes : 0};
    }
    case VYRE_ROLE_CONSTANT:
    case VYRE_ROLE_STATE:
    case VYRE_ROLE_WINDOW: {
      const vyre_binding_t *binding = (const vyre_binding_t *)(uintptr_t)frame->bindings + index;
      return (vyre_view_t){.base = (uint8_t *)(uintptr_t)binding->value,
                           .count = param->count ? param->count : binding->bytes / bytes};
    }
    case VYRE_ROLE_PRIVATE:
      return (vyre_view_t){.base = scratch, .count = param->count, .lane_stride = layout->table_stride[index]};
    default: return (vyre_view_t){.base = scratch, .count = param->count};
  }
}

/* What begins with zeros or identities. */
static void clear(vyre_run_t *run) {
  for (uint32_t i = 0; i < run->program->param_count; i++) {
    const vyre_param_t *param = &run->program->params[i];
    uint32_t stride = run->interp->layout.table_stride[i];
    if (param->role == VYRE_ROLE_WORKGROUP) memset(run->views[i].base, 0, stride);
    if (param->role == VYRE_ROLE_PRIVATE) memset(run->views[i].base, 0, (size_t)stride * run->program->workgroup_size);
  }
  vyre_run_clear_outputs(run);
}

static void run_call(vyre_run_t *run) {
  const vyre_program_t *p = run->program;
  for (uint32_t i = 0; i < p->param_count; i++) run->views[i] = view_of(run, i);
  if (run->frame->flags & VYRE_FRAME_FINISH) {
    vyre_run_block(run, p->finish);
    return;
  }
  clear(run);
  if (run->workgroup)
    vyre_run_workgroup(run);
  else
    vyre_run_block(run, p->body);
  if (run->fault == VYRE_FAULT_NONE) vyre_run_publish_outputs(run);
}

void vyre_interp_call(vyre_frame_t *frame, void *context) {
  const vyre_interp_t *interp = context;
  uint8_t *memory = interp->pool ? vyre_pool_take(interp->pool) : alloca(interp->memory_bytes);
  size_t vars = vars_bytes(interp->program), trees = interp->tree_count * sizeof(vyre_tree_t);
  vyre_run_t run;
  run.interp = interp;
  run.program = interp->program;
  run.frame = frame;
  run.levels = frame->flags & VYRE_FRAME_FINISH ? NULL : interp->uniform.inside; /* finish has one lane */
  run.vars = run.all_vars = (vyre_cell_t *)(void *)memory;
  run.trees = (vyre_tree_t *)(void *)(memory + vars);
  run.workgroup = interp->pool ? (vyre_workgroup_t *)(void *)(memory + vars + trees) : NULL;
  for (unsigned level = 0; level <= VYRE_LEVEL_LANE; level++) run.fuel[level] = frame->fuel;
  run.iteration = 0;
  run.lane = 0;
  run.privileged_lane = 0;
  run.fault = VYRE_FAULT_NONE;
  run.fault_node = 0;
  run_call(&run);
  if (interp->pool) vyre_pool_give(interp->pool, memory);
  frame->fault = run.fault;
  frame->fault_node = run.fault_node;
  frame->fault_iteration = run.fault ? run.iteration : 0;
}
