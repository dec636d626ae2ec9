/* Blocks of the megakernel's loop on a host: what it seldom runs. Each becomes a function of its own, for which
 * instructions are chosen fast, so that the loop compiles in the time that its short ways take. A block is given what
 * it reads by value; what it assigns lies in memory of the caller's for the time of the call, so that variables of the
 * loop stay in registers. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "codegen/lower.h"
#include "ir/typing.h"

enum { CAPTURES_MAX = 48 };
enum { UNUSED, READ, ASSIGNED, OWN };

/* How the block uses each variable; OWN is declared in it. */
static void find_in_expr(vyre_lower_t *l, uint32_t id) {
  const vyre_expr_t *e = &l->program->exprs[id];
  VYRE_ASSERT(e->op != VYRE_EXPR_CALL);
  if (e->op == VYRE_EXPR_VAR && l->cold_uses[e->a] == UNUSED) l->cold_uses[e->a] = READ;
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) find_in_expr(l, vyre_expr_operand(e, i));
}

static void find_in_block(vyre_lower_t *l, uint32_t block, bool is_in_loop) {
  for (uint32_t id = block; id != 0; id = l->program->stmts[id].next) {
    const vyre_stmt_t *s = &l->program->stmts[id];
    VYRE_ASSERT(s->op != VYRE_STMT_RETURN);
    VYRE_ASSERT(is_in_loop || (s->op != VYRE_STMT_BREAK && s->op != VYRE_STMT_CONTINUE));
    bool assigns = s->op == VYRE_STMT_ASSIGN || s->op == VYRE_STMT_VOTE;
    if (s->var && (!assigns || l->cold_uses[s->var] != OWN)) l->cold_uses[s->var] = assigns ? ASSIGNED : OWN;
    for (unsigned i = 0; i < 4; i++)
      if (s->out[i]) l->cold_uses[s->out[i]] = OWN;
    for (unsigned i = 0; i < vyre_stmt_operands(s); i++) find_in_expr(l, s->arg[i]);
    bool is_loop = s->op == VYRE_STMT_WHILE || s->op == VYRE_STMT_FOREVER || s->op == VYRE_STMT_FOR;
    find_in_block(l, s->body, is_in_loop || is_loop);
    find_in_block(l, s->orelse, is_in_loop);
  }
}

static LLVMTypeRef type_of(const vyre_lower_t *l, uint32_t var) {
  return vyre_lower_type(l, l->program->vars[var].type);
}

static LLVMValueRef add_function(vyre_lower_t *l, LLVMTypeRef type) {
  char name[sizeof VYRE_CODEGEN_COLD_SYMBOL + 10];
  VYRE_ASSERT(l->cold_count < VYRE_CODEGEN_COLD_MAX);
  snprintf(name, sizeof name, VYRE_CODEGEN_COLD_SYMBOL, l->cold_count++);
  LLVMValueRef function = LLVMAddFunction(l->module, name, type);
  if (l->part == VYRE_CODEGEN_WHOLE) LLVMSetLinkage(function, LLVMInternalLinkage);
  vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "nounwind");
  vyre_lower_add_attribute(function, (unsigned)LLVMAttributeFunctionIndex, "noinline");
  return function;
}

/* The function, which is open for building afterwards: its variables are in l->vars. */
static void begin_function(vyre_lower_t *l, LLVMValueRef function, const uint32_t *captures, unsigned count) {
  l->function = function;
  l->frame = LLVMGetParam(function, 0);
  l->entry = vyre_lower_block(l, "entry");
  LLVMBasicBlockRef first = vyre_lower_block(l, "first");
  LLVMPositionBuilderAtEnd(l->ir, first);
  for (uint32_t v = 1; v < l->program->var_count; v++)
    if (l->cold_uses[v] != UNUSED) l->vars[v] = vyre_lower_alloca(l, type_of(l, v), l->program->vars[v].name);
  for (unsigned i = 0; i < count; i++) {
    uint32_t v = captures[i];
    LLVMValueRef value = LLVMGetParam(function, 1 + i);
    if (l->cold_uses[v] == ASSIGNED) value = vyre_lower_load(l, type_of(l, v), value, "");
    LLVMBuildStore(l->ir, value, l->vars[v]);
  }
  LLVMBuilderRef at_entry = LLVMCreateBuilderInContext(l->context);
  LLVMPositionBuilderAtEnd(at_entry, l->entry);
  LLVMBuildBr(at_entry, first);
  LLVMDisposeBuilder(at_entry);
}

static void end_function(vyre_lower_t *l, const uint32_t *captures, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    uint32_t v = captures[i];
    if (l->cold_uses[v] != ASSIGNED) continue;
    LLVMBuildStore(l->ir, vyre_lower_load(l, type_of(l, v), l->vars[v], ""), LLVMGetParam(l->function, 1 + i));
  }
  LLVMBuildRetVoid(l->ir);
}

void vyre_lower_cold(vyre_lower_t *l, const vyre_stmt_t *s) {
  memset(l->cold_uses, UNUSED, l->program->var_count);
  find_in_block(l, s->body, false);
  uint32_t captures[CAPTURES_MAX];
  LLVMTypeRef types[1 + CAPTURES_MAX] = {l->ptr};
  LLVMValueRef arguments[1 + CAPTURES_MAX] = {l->frame};
  unsigned count = 0;
  for (uint32_t v = 1; v < l->program->var_count; v++) {
    if (l->cold_uses[v] != READ && l->cold_uses[v] != ASSIGNED) continue;
    VYRE_ASSERT(count < CAPTURES_MAX);
    LLVMValueRef value = vyre_lower_load(l, type_of(l, v), l->vars[v], "");
    types[1 + count] = type_of(l, v);
    arguments[1 + count] = value;
    if (l->cold_uses[v] == ASSIGNED) {
      types[1 + count] = l->ptr;
      arguments[1 + count] = vyre_lower_alloca(l, type_of(l, v), "lent");
      LLVMBuildStore(l->ir, value, arguments[1 + count]);
    }
    captures[count++] = v;
  }
  LLVMTypeRef type = LLVMFunctionType(l->void_, types, 1 + count, false);
  LLVMValueRef function = add_function(l, type);
  LLVMBuildCall2(l->ir, type, function, arguments, 1 + count, "");
  for (unsigned i = 0; i < count; i++) {
    uint32_t v = captures[i];
    if (l->cold_uses[v] != ASSIGNED) continue;
    LLVMBuildStore(l->ir, vyre_lower_load(l, type_of(l, v), arguments[1 + i], ""), l->vars[v]);
  }

  if (l->part == VYRE_CODEGEN_HOT) return;
  LLVMBasicBlockRef after = LLVMGetInsertBlock(l->ir), entry = l->entry;
  LLVMValueRef body = l->function, frame = l->frame, *vars = l->vars;
  vyre_lower_loop_t *loop = l->loop;
  l->vars = l->cold_vars;
  l->loop = NULL;
  l->is_cold = true;
  begin_function(l, function, captures, count);
  vyre_lower_stmts(l, s->body);
  end_function(l, captures, count);
  l->vars = vars;
  l->is_cold = false;
  l->function = body;
  l->frame = frame;
  l->entry = entry;
  l->loop = loop;
  LLVMPositionBuilderAtEnd(l->ir, after);
}
