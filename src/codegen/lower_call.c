/* Functions, which are lowered where they are called, and switch. */
#include "base/assert.h"
#include "codegen/lower.h"

/* The arguments are evaluated first: an argument may call the same function. */
LLVMValueRef vyre_lower_call(vyre_lower_t *l, const vyre_expr_t *e) {
  const vyre_function_t *f = &l->program->functions[e->a];
  LLVMValueRef values[VYRE_LIMIT_ARGUMENTS];
  uint32_t count = 0;
  for (uint32_t list = e->b; list; list = l->program->exprs[list].b)
    values[count++] = vyre_lower_expr(l, l->program->exprs[list].a);
  for (uint32_t i = 0; i < count; i++) LLVMBuildStore(l->ir, values[i], l->vars[f->first_arg + i]);
  bool has_value = f->type != VYRE_TYPE_VOID;
  LLVMTypeRef type = has_value ? vyre_lower_type(l, f->type) : NULL;
  vyre_lower_call_t call = {.on_return = vyre_lower_block(l, "returned"), .outer = l->call};
  if (has_value) call.value = vyre_lower_alloca(l, type, f->name);
  vyre_lower_loop_t *loop = l->loop;
  l->call = &call;
  l->loop = NULL;
  vyre_lower_stmts(l, f->body);
  l->loop = loop;
  l->call = call.outer;
  /* Behind a `return` nothing is reached. */
  if (!has_value)
    vyre_lower_continue_in(l, call.on_return);
  else if (!LLVMGetBasicBlockTerminator(LLVMGetInsertBlock(l->ir)))
    LLVMBuildUnreachable(l->ir);
  LLVMPositionBuilderAtEnd(l->ir, call.on_return);
  return has_value ? vyre_lower_load(l, type, call.value, "") : NULL;
}

void vyre_lower_return(vyre_lower_t *l, const vyre_stmt_t *s) {
  if (l->call) {
    if (s->arg[0]) LLVMBuildStore(l->ir, vyre_lower_expr(l, s->arg[0]), l->call->value);
    LLVMBuildBr(l->ir, l->call->on_return);
    return;
  }
  LLVMBasicBlockRef target = l->done;
  if (l->mode == VYRE_MODE_LANE) target = l->lanes.end;
  if (l->mode == VYRE_MODE_SUBGROUP) target = l->lanes.end;
  LLVMBuildBr(l->ir, target);
}

void vyre_lower_switch(vyre_lower_t *l, const vyre_stmt_t *s) {
  const vyre_program_t *p = l->program;
  LLVMValueRef value = vyre_lower_expr(l, s->arg[0]);
  LLVMTypeRef type = LLVMTypeOf(value);
  LLVMBasicBlockRef after = vyre_lower_block(l, "endswitch"), from = LLVMGetInsertBlock(l->ir), otherwise = after;
  unsigned labels = 0;
  for (uint32_t id = s->body; id != 0; id = p->stmts[id].next) {
    if (p->stmts[id].op == VYRE_STMT_DEFAULT) otherwise = vyre_lower_block(l, "default");
    for (uint32_t list = p->stmts[id].arg[0]; list; list = p->exprs[list].b) labels++;
  }
  LLVMValueRef choice = LLVMBuildSwitch(l->ir, value, otherwise, labels);
  for (uint32_t id = s->body; id != 0; id = p->stmts[id].next) {
    const vyre_stmt_t *c = &p->stmts[id];
    LLVMBasicBlockRef here = c->op == VYRE_STMT_DEFAULT ? otherwise : vyre_lower_block(l, "case");
    for (uint32_t list = c->arg[0]; list; list = p->exprs[list].b)
      LLVMAddCase(choice, LLVMConstInt(type, p->exprs[p->exprs[list].a].imm, false), here);
    LLVMPositionBuilderAtEnd(l->ir, here);
    vyre_lower_stmts(l, c->body);
    vyre_lower_continue_in(l, after);
  }
  VYRE_ASSERT(LLVMGetBasicBlockParent(from) == l->function);
  LLVMPositionBuilderAtEnd(l->ir, after);
}
