/* What a handler's call is bound to besides its chunk and its outputs. The host has written a template for each
 * parameter; a slot may bring operands of its own. The worker makes the table that the frame names out of both. */
#include "megakernel/loop_parts.h"

typedef struct bindings {
  const vyre_loop_order_t *order;
  const vyre_loop_call_t *call;
  vyre_var_id_t entry, table; /* u64: the template, and where its binding goes */
  vyre_var_id_t operands;     /* u64: the next operand, 0 without any */
} bindings_t;

static void store_binding(loop_t *l, const bindings_t *b, vyre_expr_id_t value, vyre_expr_id_t bytes) {
  store64(l, WORKER, at(l, b->table, offsetof(vyre_binding_t, value)), value);
  store64(l, WORKER, at(l, b->table, offsetof(vyre_binding_t, bytes)), bytes);
}

static vyre_expr_id_t template64(loop_t *l, const bindings_t *b, uint32_t offset) {
  return load64(l, DEVICE, at(l, b->entry, offset));
}

static vyre_expr_id_t has_operands(loop_t *l, const bindings_t *b) {
  return op(l, VYRE_EXPR_NE, var(l, b->operands), c64(l, 0));
}

static void next_operand(loop_t *l, const bindings_t *b) {
  set(l, b->operands, add(l, var(l, b->operands), c64(l, VYRE_OPERAND_BYTES_EACH)));
}

static void bind_scalar(loop_t *l, const bindings_t *b) {
  vyre_var_id_t value = mutable(l, "scalar", template64(l, b, VYRE_TEMPLATE_VALUE));
  begin_if(l, has_operands(l, b));
  set(l, value, load64(l, SYSTEM, at(l, b->operands, VYRE_OPERAND_VALUE)));
  next_operand(l, b);
  vyre_build_else(l->b);
  vyre_expr_id_t has_none = op(l, VYRE_EXPR_EQ, template64(l, b, VYRE_TEMPLATE_BYTES), c64(l, 0));
  vyre_loop_set_fault(l, b->call->fault, has_none, VYRE_FAULT_BAD_ARGUMENT);
  end(l);
  store_binding(l, b, var(l, value), c64(l, 0));
}

static vyre_expr_id_t has_low_bits(loop_t *l, vyre_expr_id_t bits, vyre_var_id_t size) {
  vyre_expr_id_t mask = op(l, VYRE_EXPR_SUB, wide(l, var(l, size)), c64(l, 1));
  return op(l, VYRE_EXPR_NE, op(l, VYRE_EXPR_AND, bits, mask), c64(l, 0));
}

static void bind_window(loop_t *l, const bindings_t *b) {
  vyre_var_id_t fault = b->call->fault;
  begin_if(l, has_operands(l, b));
  vyre_var_id_t size = let(l, "size", load32(l, DEVICE, at(l, b->entry, VYRE_TEMPLATE_ELEMENT_BYTES)));
  vyre_var_id_t handle = let(l, "handle", load32(l, SYSTEM, at(l, b->operands, VYRE_OPERAND_HANDLE)));
  vyre_var_id_t offset = let(l, "bind_offset", load64(l, SYSTEM, at(l, b->operands, VYRE_OPERAND_OFFSET)));
  vyre_var_id_t bytes = let(l, "bind_bytes", load64(l, SYSTEM, at(l, b->operands, VYRE_OPERAND_BYTES)));
  vyre_loop_window_t w = vyre_loop_window(l, var(l, handle), var(l, handle));
  vyre_loop_set_fault(l, fault, op(l, VYRE_EXPR_EQ, var(l, w.base), c64(l, 0)), VYRE_FAULT_BAD_HANDLE);
  vyre_loop_set_fault(l, fault, vyre_loop_outside(l, offset, bytes, w.bytes), VYRE_FAULT_BAD_RANGE);
  vyre_expr_id_t bits = op(l, VYRE_EXPR_OR, add(l, var(l, w.base), var(l, offset)), var(l, bytes));
  vyre_loop_set_fault(l, fault, has_low_bits(l, bits, size), VYRE_FAULT_BAD_RANGE);
  store_binding(l, b, add(l, var(l, w.base), var(l, offset)), var(l, bytes));
  next_operand(l, b);
  vyre_build_else(l->b);
  vyre_loop_set_fault(l, fault, boolean(l, true), VYRE_FAULT_BAD_ARGUMENT);
  end(l);
}

/* The bytes around the chunk lie in its window, too. */
static void bind_halo(loop_t *l, const bindings_t *b) {
  const vyre_loop_order_t *o = b->order;
  const vyre_loop_call_t *x = b->call;
  vyre_var_id_t left = mutable(l, "left", c32(l, 0)), right = mutable(l, "right", c32(l, 0));
  begin_if(l, has_operands(l, b));
  set(l, left, load32(l, SYSTEM, at(l, b->operands, VYRE_OPERAND_LEFT)));
  set(l, right, load32(l, SYSTEM, at(l, b->operands, VYRE_OPERAND_RIGHT)));
  next_operand(l, b);
  vyre_expr_id_t bits = wide(l, op(l, VYRE_EXPR_OR, var(l, left), var(l, right)));
  vyre_loop_set_fault(l, x->fault, has_low_bits(l, bits, o->element_bytes), VYRE_FAULT_BAD_RANGE);
  vyre_expr_id_t before = op(l, VYRE_EXPR_GT, wide(l, var(l, left)), var(l, x->data_offset));
  vyre_loop_set_fault(l, x->fault, before, VYRE_FAULT_BAD_RANGE);
  /* The chunk is inside, or there is a fault already. */
  vyre_expr_id_t end_of_chunk = add(l, var(l, x->data_offset), var(l, x->size));
  vyre_expr_id_t rest = op(l, VYRE_EXPR_SUB, var(l, o->data.bytes), end_of_chunk);
  vyre_loop_set_fault(l, x->fault, op(l, VYRE_EXPR_GT, wide(l, var(l, right)), rest), VYRE_FAULT_BAD_RANGE);
  end(l);
  store32(l, WORKER, at(l, o->frame, offsetof(vyre_frame_t, halo_left)), var(l, left));
  store32(l, WORKER, at(l, o->frame, offsetof(vyre_frame_t, halo_right)), var(l, right));
}

/* The operand block of the slot, when it names one. */
static vyre_var_id_t find_operands(loop_t *l, const vyre_loop_order_t *o, const vyre_loop_call_t *x,
                                   vyre_var_id_t directory) {
  vyre_var_id_t operands = mutable(l, "operands", c64(l, 0));
  vyre_var_id_t offset = let(l, "operand_offset", wide(l, arg32(l, o->scope, o->entry, VYRE_ARG_OPERANDS)));
  begin_if(l, op(l, VYRE_EXPR_NE, var(l, offset), c64(l, 0)));
  vyre_var_id_t bytes = let(l, "operand_bytes", load64(l, DEVICE, at(l, directory, VYRE_BINDING_OPERAND_BYTES)));
  vyre_loop_set_fault(l, x->fault, op(l, VYRE_EXPR_EQ, var(l, o->output.base), c64(l, 0)), VYRE_FAULT_BAD_HANDLE);
  vyre_loop_set_fault(l, x->fault, vyre_loop_outside(l, offset, bytes, o->output.bytes), VYRE_FAULT_BAD_RANGE);
  vyre_expr_id_t low = op(l, VYRE_EXPR_AND, add(l, var(l, o->output.base), var(l, offset)), c64(l, 7));
  vyre_loop_set_fault(l, x->fault, op(l, VYRE_EXPR_NE, low, c64(l, 0)), VYRE_FAULT_BAD_RANGE);
  begin_if(l, is(l, var(l, x->fault), 0));
  set(l, operands, add(l, var(l, o->output.base), var(l, offset)));
  end(l);
  end(l);
  return operands;
}

static void bind_each(loop_t *l, bindings_t *b, vyre_var_id_t templates, vyre_var_id_t table) {
  vyre_var_id_t k = vyre_build_range(l->b, VYRE_STMT_FOR, "k", c32(l, 0), var(l, b->order->parameters));
  b->entry = let(l, "template", element(l, templates, var(l, k), 5));
  b->table = let(l, "binding", element(l, table, var(l, k), 4));
  vyre_var_id_t kind = let(l, "kind", load32(l, DEVICE, at(l, b->entry, VYRE_TEMPLATE_KIND)));
  begin_if(l, is(l, var(l, kind), VYRE_TEMPLATE_FIXED));
  store_binding(l, b, template64(l, b, VYRE_TEMPLATE_VALUE), template64(l, b, VYRE_TEMPLATE_BYTES));
  end(l);
  begin_if(l, is(l, var(l, kind), VYRE_TEMPLATE_SCALAR));
  bind_scalar(l, b);
  end(l);
  begin_if(l, is(l, var(l, kind), VYRE_TEMPLATE_WINDOW));
  bind_window(l, b);
  end(l);
  begin_if(l, is(l, var(l, kind), VYRE_TEMPLATE_HALO));
  bind_halo(l, b);
  end(l);
  end(l);
}

void vyre_loop_bind(loop_t *l, const vyre_loop_order_t *o, const vyre_loop_call_t *x) {
  begin_if(l, both(l, is(l, var(l, x->fault), 0), is_not(l, var(l, o->parameters), 0)));
  vyre_var_id_t entries = let(l, "bindings", control_word(l, VYRE_CONTROL_BINDINGS, U64, VYRE_ORDER_RELAXED));
  vyre_var_id_t directory = let(l, "directory", element(l, entries, var(l, o->handler), 4));
  vyre_var_id_t templates = let(l, "templates", load64(l, DEVICE, at(l, directory, VYRE_BINDING_TEMPLATES)));
  vyre_var_id_t table = let(l, "table_of_call", load64(l, WORKER, at(l, o->frame, offsetof(vyre_frame_t, bindings))));
  bindings_t b = {.order = o, .call = x, .operands = find_operands(l, o, x, directory)};
  bind_each(l, &b, templates, table);
  vyre_build_else(l->b);
  vyre_expr_id_t unwanted = is_not(l, arg32(l, o->scope, o->entry, VYRE_ARG_OPERANDS), 0);
  vyre_loop_set_fault(l, x->fault, unwanted, VYRE_FAULT_BAD_ARGUMENT);
  end(l);
}
