/* Lanes blocks and votes: what is the same on every target. */
#include "codegen/lower.h"

void vyre_lower_lane_body(vyre_lower_t *l, const vyre_stmt_t *lanes, LLVMValueRef lane) {
  vyre_lower_loop_t *outer = l->loop;
  l->loop = NULL; /* the validator lets nothing jump out of the block */
  l->in_lanes = true;
  l->lane = lane;
  l->mask_count = 0;
  LLVMBuildStore(l->ir, lane, l->vars[lanes->var]);
  vyre_lower_stmts(l, lanes->body);
  l->lane = NULL;
  l->in_lanes = false;
  l->loop = outer;
}

void vyre_lower_vote(vyre_lower_t *l, const vyre_stmt_t *s) {
  LLVMValueRef condition = LLVMBuildZExt(l->ir, vyre_lower_expr(l, s->arg[0]), l->i32, "");
  LLVMValueRef bit = LLVMBuildShl(l->ir, condition, l->lane, "bit");
  LLVMValueRef mask = vyre_lower_load(l, l->i32, l->vars[s->var], "");
  LLVMBuildStore(l->ir, LLVMBuildOr(l->ir, mask, bit, ""), vyre_lower_var(l, s->var));
  for (uint32_t i = 0; i < l->mask_count; i++)
    if (l->masks[i] == s->var) return;
  l->masks[l->mask_count++] = s->var;
}
