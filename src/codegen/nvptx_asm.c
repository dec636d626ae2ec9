#include "codegen/nvptx_asm.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

LLVMValueRef vyre_nvptx_assembly(vyre_lower_t *l, LLVMTypeRef result, const char *text, const char *constraints,
                                 LLVMValueRef *arguments, unsigned count) {
  LLVMTypeRef types[6];
  VYRE_ASSERT(count <= 6);
  for (unsigned i = 0; i < count; i++) types[i] = LLVMTypeOf(arguments[i]);
  LLVMTypeRef type = LLVMFunctionType(result, types, count, false);
  LLVMValueRef value = LLVMGetInlineAsm(type, text, strlen(text), constraints, strlen(constraints), true, false,
                                        LLVMInlineAsmDialectATT, false);
  return LLVMBuildCall2(l->ir, type, value, arguments, count, "");
}

const char *vyre_nvptx_scope(vyre_scope_t scope) {
  switch (scope) {
    case VYRE_SCOPE_SYSTEM: return "sys";
    case VYRE_SCOPE_DEVICE: return "gpu";
    case VYRE_SCOPE_WORKGROUP: return "cta";
    case VYRE_SCOPE_COUNT: break;
  }
  VYRE_UNREACHABLE();
}

const char *vyre_nvptx_order_of_atomic(vyre_order_t order) {
  static const char *const orders[VYRE_ORDER_COUNT] = {"relaxed", "acquire", "release", "acq_rel", "acq_rel"};
  return orders[order];
}

const char *vyre_nvptx_suffix(unsigned bits) {
  return bits == 64 ? "u64" : bits == 32 ? "u32" : bits == 16 ? "u16" : "u8";
}

char vyre_nvptx_register(unsigned bits) { return bits == 64 ? 'l' : bits == 32 ? 'r' : 'h'; }

void vyre_nvptx_fence_text(char text[VYRE_NVPTX_FENCE_TEXT], vyre_order_t order, vyre_scope_t scope) {
  const char *kind = order == VYRE_ORDER_SEQ_CST ? "sc" : "acq_rel";
  snprintf(text, VYRE_NVPTX_FENCE_TEXT, "fence.%s.%s", kind, vyre_nvptx_scope(scope));
}

void vyre_nvptx_fence(vyre_lower_t *l, vyre_order_t order, vyre_scope_t scope) {
  char text[VYRE_NVPTX_FENCE_TEXT];
  vyre_nvptx_fence_text(text, order, scope);
  strncat(text, ";", sizeof text - strlen(text) - 1);
  vyre_nvptx_assembly(l, l->void_, text, "~{memory}", NULL, 0);
}

/* ---- atomics ---- */

static LLVMValueRef atomic_load(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef at, unsigned bits) {
  char text[64], constraints[32];
  const char *order = e->order == VYRE_ORDER_RELAXED ? "relaxed" : "acquire";
  snprintf(text, sizeof text, "ld.%s.%s.%s $0, [$1];", order, vyre_nvptx_scope(e->scope), vyre_nvptx_suffix(bits));
  snprintf(constraints, sizeof constraints, "=%c,l,~{memory}", vyre_nvptx_register(bits));
  return vyre_nvptx_assembly(l, LLVMIntTypeInContext(l->context, bits), text, constraints, &at, 1);
}

static void atomic_store(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef at, LLVMValueRef value, unsigned bits) {
  char text[64], constraints[32];
  const char *order = e->order == VYRE_ORDER_RELAXED ? "relaxed" : "release";
  snprintf(text, sizeof text, "st.%s.%s.%s [$0], $1;", order, vyre_nvptx_scope(e->scope), vyre_nvptx_suffix(bits));
  snprintf(constraints, sizeof constraints, "l,%c,~{memory}", vyre_nvptx_register(bits));
  vyre_nvptx_assembly(l, l->void_, text, constraints, (LLVMValueRef[]){at, value}, 2);
}

/* The operation and the kind of its operand. */
static void operation_text(char text[16], const vyre_expr_t *e, unsigned bits, bool is_signed) {
  const char *name, *kind = "b";
  switch (e->op) {
    case VYRE_EXPR_ATOMIC_ADD: name = "add", kind = "u"; break;
    case VYRE_EXPR_ATOMIC_MIN: name = "min", kind = is_signed ? "s" : "u"; break;
    case VYRE_EXPR_ATOMIC_MAX: name = "max", kind = is_signed ? "s" : "u"; break;
    case VYRE_EXPR_ATOMIC_AND: name = "and"; break;
    case VYRE_EXPR_ATOMIC_OR: name = "or"; break;
    case VYRE_EXPR_ATOMIC_XOR: name = "xor"; break;
    case VYRE_EXPR_ATOMIC_EXCHANGE: name = "exch"; break;
    case VYRE_EXPR_ATOMIC_CAS: name = "cas"; break;
    default: VYRE_UNREACHABLE();
  }
  snprintf(text, 16, "%s.%s%u", name, kind, bits);
}

LLVMValueRef vyre_nvptx_update(vyre_lower_t *l, const vyre_expr_t *e, LLVMValueRef at, LLVMValueRef value,
                               LLVMValueRef desired) {
  vyre_type_t type = l->program->params[e->a].type;
  unsigned bits = vyre_type_bits(type);
  VYRE_ASSERT(bits == 32 || bits == 64);
  if (e->order == VYRE_ORDER_SEQ_CST) vyre_nvptx_fence(l, e->order, e->scope);
  if (e->op == VYRE_EXPR_ATOMIC_LOAD) return atomic_load(l, e, at, bits);
  if (e->op == VYRE_EXPR_ATOMIC_STORE) {
    atomic_store(l, e, at, value, bits);
    return NULL;
  }
  char operation[16], text[96], constraints[32], r = vyre_nvptx_register(bits);
  bool is_cas = e->op == VYRE_EXPR_ATOMIC_CAS;
  operation_text(operation, e, bits, vyre_type_is_signed(type));
  snprintf(text, sizeof text, "atom.%s.%s.%s $0, [$1], $2%s;", vyre_nvptx_order_of_atomic(e->order),
           vyre_nvptx_scope(e->scope), operation, is_cas ? ", $3" : "");
  snprintf(constraints, sizeof constraints, is_cas ? "=%c,l,%c,%c,~{memory}" : "=%c,l,%c,~{memory}", r, r, r);
  LLVMValueRef arguments[] = {at, value, desired};
  return vyre_nvptx_assembly(l, LLVMTypeOf(value), text, constraints, arguments, is_cas ? 3 : 2);
}
