/* Statements, but for lanes blocks (lower_lanes.c), counted loops (lower_range.c), meetings (lower_region.c). */
#include "base/assert.h"
#include "codegen/lower.h"
#include "codegen/lower_part.h"
#include "ir/typing.h"

static void lower_if(vyre_lower_t *l, const vyre_stmt_t *s) {
  LLVMValueRef condition = vyre_lower_expr(l, s->arg[0]);
  LLVMBasicBlockRef yes = vyre_lower_block(l, "then"), after = vyre_lower_block(l, "endif");
  LLVMBasicBlockRef no = s->orelse ? vyre_lower_block(l, "else") : after;
  LLVMBuildCondBr(l->ir, condition, yes, no);
  LLVMPositionBuilderAtEnd(l->ir, yes);
  vyre_lower_stmts(l, s->body);
  vyre_lower_continue_in(l, after);
  if (s->orelse) {
    LLVMPositionBuilderAtEnd(l->ir, no);
    vyre_lower_stmts(l, s->orelse);
    vyre_lower_continue_in(l, after);
  }
}

/* while and forever: fuel and the stop word are looked at in every iteration */
static void lower_uncounted(vyre_lower_t *l, const vyre_stmt_t *s) {
  LLVMBasicBlockRef head = vyre_lower_block(l, "while"), body = vyre_lower_block(l, "do");
  LLVMBasicBlockRef after = vyre_lower_block(l, "endwhile");
  vyre_lower_continue_in(l, head);
  if (s->op == VYRE_STMT_WHILE)
    LLVMBuildCondBr(l->ir, vyre_lower_expr(l, s->arg[0]), body, after);
  else
    LLVMBuildBr(l->ir, body);
  LLVMPositionBuilderAtEnd(l->ir, body);
  if (l->is_bounded) {
    LLVMValueRef fuel = vyre_lower_load(l, l->i64, l->fuel, "");
    vyre_lower_check(l, LLVMBuildICmp(l->ir, LLVMIntEQ, fuel, vyre_lower_i64(l, 0), ""), VYRE_FAULT_FUEL,
                     vyre_node_of_stmt(l->program, s));
    LLVMBuildStore(l->ir, LLVMBuildSub(l->ir, fuel, vyre_lower_i64(l, 1), ""), l->fuel);
    vyre_lower_look_at_stop(l, vyre_node_of_stmt(l->program, s));
  }
  vyre_lower_loop_t loop = {.on_break = after, .on_continue = head, .outer = l->loop};
  l->loop = &loop;
  vyre_lower_stmts(l, s->body);
  l->loop = loop.outer;
  if (!LLVMGetBasicBlockTerminator(LLVMGetInsertBlock(l->ir))) LLVMBuildBr(l->ir, head);
  LLVMPositionBuilderAtEnd(l->ir, after);
}

static void lower_reduce_at(vyre_lower_t *l, const vyre_stmt_t *s) {
  const vyre_param_t *param = &l->program->params[s->param];
  LLVMValueRef index = LLVMBuildZExt(l->ir, vyre_lower_expr(l, s->arg[0]), l->i64, ""), outside = NULL;
  LLVMValueRef value = vyre_lower_expr(l, s->arg[1]);
  if (!vyre_lower_in_range(l, param, s->param, s->arg[0]))
    outside = LLVMBuildICmp(l->ir, LLVMIntUGE, index, vyre_lower_i64(l, param->count), "outside");
  vyre_access_check_t check = vyre_lower_begin_access(l, outside, vyre_node_of_stmt(l->program, s));
  vyre_lower_add_element(l, s->param, index, value);
  vyre_lower_end_access(l, check, NULL);
}

/* What follows a jump in its block is not reached, but is lowered all the same, into a block of its own. */
static void lower_jump(vyre_lower_t *l, LLVMBasicBlockRef target) {
  LLVMBuildBr(l->ir, target);
  LLVMPositionBuilderAtEnd(l->ir, vyre_lower_block(l, "unreached"));
}

void vyre_lower_stmt(vyre_lower_t *l, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_LET:
      if (l->lanes.count > 1 && l->lanes.is_made[s->var]) return;
      LLVMBuildStore(l->ir, vyre_lower_expr(l, s->arg[0]), vyre_lower_var(l, s->var));
      return;
    case VYRE_STMT_ASSIGN: LLVMBuildStore(l->ir, vyre_lower_expr(l, s->arg[0]), vyre_lower_var(l, s->var)); return;
    case VYRE_STMT_REDUCE: vyre_lower_add_scalar(l, s->param, vyre_lower_expr(l, s->arg[0])); return;
    case VYRE_STMT_REDUCE_AT: lower_reduce_at(l, s); return;
    case VYRE_STMT_IF: lower_if(l, s); return;
    case VYRE_STMT_WHILE:
    case VYRE_STMT_FOREVER: lower_uncounted(l, s); return;
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH: vyre_lower_range(l, s); return;
    case VYRE_STMT_BREAK: lower_jump(l, l->loop->on_break); return;
    case VYRE_STMT_CONTINUE: lower_jump(l, l->loop->on_continue); return;
    case VYRE_STMT_RETURN:
      vyre_lower_return(l, s);
      LLVMPositionBuilderAtEnd(l->ir, vyre_lower_block(l, "unreached"));
      return;
    case VYRE_STMT_STORE: vyre_lower_store_element(l, s); return;
    case VYRE_STMT_SET:
    case VYRE_STMT_SET_AT: vyre_lower_set(l, s); return;
    case VYRE_STMT_APPEND: vyre_lower_append(l, s); return;
    case VYRE_STMT_EVAL: vyre_lower_expr(l, s->arg[0]); return;
    case VYRE_STMT_BLOCK:
      if (l->cold_uses && !l->is_cold && !l->lane)
        vyre_lower_cold(l, s);
      else
        vyre_lower_stmts(l, s->body);
      return;
    case VYRE_STMT_SWITCH: vyre_lower_switch(l, s); return;
    case VYRE_STMT_LANES: l->target->lanes(l, s); return;
    case VYRE_STMT_VOTE: vyre_lower_vote(l, s); return;
    case VYRE_STMT_TRAP: vyre_lower_fault(l, VYRE_FAULT_TRAP, vyre_node_of_stmt(l->program, s)); return;
    default: {
      VYRE_ASSERT(vyre_stmt_is_privileged(s->op));
      LLVMValueRef operands[5] = {NULL, NULL, NULL, NULL, NULL};
      for (unsigned i = 0; i < vyre_stmt_arity(s->op); i++) operands[i] = vyre_lower_expr(l, s->arg[i]);
      l->target->stmt(l, s, operands);
    }
  }
}

void vyre_lower_run(vyre_lower_t *l, uint32_t first, uint32_t end) {
  bool has_parts = l->parts && !vyre_lower_is_in_part(l);
  for (uint32_t id = first; id != end; id = l->program->stmts[id].next) {
    if (has_parts) vyre_lower_part_at(l, id, l->program->stmts[id].next);
    vyre_lower_stmt(l, &l->program->stmts[id]);
  }
  if (has_parts) vyre_lower_end_part(l);
}

void vyre_lower_stmts(vyre_lower_t *l, uint32_t block) {
  bool is_level = l->mode == VYRE_MODE_UNIFORM || l->mode == VYRE_MODE_SUBGROUP;
  if (l->lanes.count > 1 && is_level)
    vyre_lower_level(l, block);
  else
    vyre_lower_run(l, block, 0);
}
