#include "ir/builder.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/typing.h"
#include "ir/validate.h"
#include "ir/value.h"

void vyre_builder_fail(vyre_builder_t *b, vyre_status_t status) {
  if (b->status) {
    vyre_status_destroy(&status);
    return;
  }
  b->status = status;
}

static bool check(vyre_builder_t *b, vyre_status_t status) {
  if (!status) return true;
  vyre_builder_fail(b, status);
  return false;
}

static bool no_memory(vyre_builder_t *b, size_t bytes) {
  vyre_builder_fail(b, vyre_out_of_memory(bytes));
  return false;
}

static bool over_limit(vyre_builder_t *b, const char *what, unsigned limit) {
  vyre_builder_fail(b, vyre_program_error(b->program, VYRE_E_LIMIT, b->position, "more than %u %s", limit, what));
  return false;
}

void vyre_builder_init(vyre_builder_t *b, const char *name, const char *source_name, bool is_privileged) {
  memset(b, 0, sizeof *b);
  b->program = vyre_program_create();
  if (!b->program) {
    no_memory(b, sizeof *b->program);
    return;
  }
  b->program->is_privileged = is_privileged;
  b->program->name = vyre_strdup(name);
  b->program->source_name = vyre_strdup(source_name);
  if (!b->program->name || !b->program->source_name) no_memory(b, strlen(name));
}

void vyre_builder_deinit(vyre_builder_t *b) {
  vyre_program_destroy(&b->program);
  vyre_status_destroy(&b->status);
  memset(b, 0, sizeof *b);
}

vyre_status_t vyre_builder_finish(vyre_builder_t *b, vyre_program_t **out_program) {
  vyre_status_t status = b->status;
  b->status = NULL;
  if (!status && b->depth != 0)
    status = vyre_program_error(b->program, VYRE_E_INVALID_PROGRAM, b->position, "%u blocks are still open", b->depth);
  if (!status) status = vyre_validate(b->program);
  if (!status) {
    *out_program = b->program;
    b->program = NULL;
  }
  vyre_builder_deinit(b);
  return status;
}

static vyre_param_id_t add_param(vyre_builder_t *b, vyre_param_t param, const char *name) {
  if (!vyre_builder_ok(b)) return VYRE_PARAM_NONE;
  vyre_program_t *p = b->program;
  if (p->param_count >= VYRE_LIMIT_PARAMS) {
    over_limit(b, "parameters", VYRE_LIMIT_PARAMS);
    return VYRE_PARAM_NONE;
  }
  param.name = vyre_strdup(name);
  param.position = b->position;
  if (!param.name) {
    no_memory(b, strlen(name));
    return VYRE_PARAM_NONE;
  }
  p->params[p->param_count] = param;
  return p->param_count++;
}

vyre_param_id_t vyre_build_param(vyre_builder_t *b, const char *name, vyre_param_t param) {
  return add_param(b, param, name);
}

vyre_param_id_t vyre_build_stream(vyre_builder_t *b, const char *name, vyre_type_t type) {
  return add_param(b, (vyre_param_t){.role = VYRE_ROLE_STREAM, .type = (uint8_t)type, .access = VYRE_ACCESS_READ},
                   name);
}

vyre_param_id_t vyre_build_memory(vyre_builder_t *b, vyre_role_t role, const char *name, vyre_type_t type,
                                  uint32_t count) {
  bool is_read = role == VYRE_ROLE_SCALAR || role == VYRE_ROLE_CONSTANT;
  return add_param(b,
                   (vyre_param_t){.role = (uint8_t)role,
                                  .type = (uint8_t)type,
                                  .count = count,
                                  .access = is_read ? VYRE_ACCESS_READ : VYRE_ACCESS_READ_WRITE},
                   name);
}

vyre_param_id_t vyre_build_window(vyre_builder_t *b, const char *name, vyre_type_t type, vyre_access_t access) {
  return add_param(b, (vyre_param_t){.role = VYRE_ROLE_WINDOW, .type = (uint8_t)type, .access = (uint8_t)access}, name);
}

vyre_param_id_t vyre_build_output(vyre_builder_t *b, const char *name, vyre_type_t type, uint32_t count,
                                  vyre_reducer_t reducer) {
  return add_param(b,
                   (vyre_param_t){.role = VYRE_ROLE_OUTPUT,
                                  .type = (uint8_t)type,
                                  .count = count,
                                  .access = VYRE_ACCESS_WRITE,
                                  .reducer = (uint8_t)reducer},
                   name);
}

static vyre_expr_id_t add_expr(vyre_builder_t *b, vyre_expr_t expr) {
  if (!vyre_builder_ok(b)) return 0;
  vyre_program_t *p = b->program;
  for (unsigned i = 0; i < vyre_expr_arity(expr.op); i++)
    VYRE_ASSERT(vyre_expr_operand(&expr, i) != 0 && vyre_expr_operand(&expr, i) < p->expr_count);
  if (p->expr_count > VYRE_LIMIT_NODES) return over_limit(b, "expression nodes", VYRE_LIMIT_NODES), 0;
  expr.position = b->position;
  vyre_type_t type = VYRE_TYPE_VOID;
  if (!check(b, vyre_type_expr(p, &expr, &type))) return 0;
  expr.type = (uint8_t)type;
  if (!vyre_array_reserve((void **)&p->exprs, &p->expr_capacity, p->expr_count + 1, sizeof *p->exprs))
    return no_memory(b, p->expr_count * sizeof *p->exprs), 0;
  p->exprs[p->expr_count] = expr;
  return p->expr_count++;
}

vyre_expr_id_t vyre_build_const(vyre_builder_t *b, vyre_type_t type, uint64_t value) {
  value = vyre_value_canonical(type, value & vyre_type_mask(type));
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_CONST, .type = (uint8_t)type, .imm = value});
}

vyre_expr_id_t vyre_build_var(vyre_builder_t *b, vyre_var_id_t var) {
  if (!vyre_builder_ok(b)) return 0;
  VYRE_ASSERT(var != 0 && var < b->program->var_count);
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_VAR, .a = var});
}

vyre_expr_id_t vyre_build_len(vyre_builder_t *b, vyre_param_id_t param) {
  if (!vyre_builder_ok(b)) return 0;
  VYRE_ASSERT(param < b->program->param_count);
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_LEN, .a = param});
}

vyre_expr_id_t vyre_build_leaf(vyre_builder_t *b, vyre_expr_op_t op) {
  VYRE_ASSERT(vyre_expr_arity(op) == 0 && op != VYRE_EXPR_CONST && op != VYRE_EXPR_VAR && op != VYRE_EXPR_LEN);
  return add_expr(b, (vyre_expr_t){.op = (uint8_t)op});
}

vyre_expr_id_t vyre_build_param_value(vyre_builder_t *b, vyre_expr_op_t op, vyre_param_id_t param) {
  if (!vyre_builder_ok(b)) return 0;
  VYRE_ASSERT(param < b->program->param_count && (op == VYRE_EXPR_SCALAR || op == VYRE_EXPR_OUTPUT));
  return add_expr(b, (vyre_expr_t){.op = (uint8_t)op, .a = param});
}

vyre_expr_id_t vyre_build_load(vyre_builder_t *b, vyre_param_id_t buffer, vyre_expr_id_t index) {
  if (!vyre_builder_ok(b)) return 0;
  VYRE_ASSERT(buffer < b->program->param_count);
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_LOAD, .a = buffer, .b = index});
}

vyre_expr_id_t vyre_build_output_at(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t index) {
  if (!vyre_builder_ok(b)) return 0;
  VYRE_ASSERT(output < b->program->param_count);
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_OUTPUT_AT, .a = output, .b = index});
}

vyre_expr_id_t vyre_build_unary(vyre_builder_t *b, vyre_expr_op_t op, vyre_expr_id_t a) {
  VYRE_ASSERT(vyre_expr_class(op) == VYRE_CLASS_UNARY);
  return add_expr(b, (vyre_expr_t){.op = (uint8_t)op, .a = a});
}

vyre_expr_id_t vyre_build_binary(vyre_builder_t *b, vyre_expr_op_t op, vyre_expr_id_t left, vyre_expr_id_t right) {
  VYRE_ASSERT(vyre_expr_arity(op) == 2 && vyre_expr_class(op) != VYRE_CLASS_PRIVILEGED);
  return add_expr(b, (vyre_expr_t){.op = (uint8_t)op, .a = left, .b = right});
}

vyre_expr_id_t vyre_build_select(vyre_builder_t *b, vyre_expr_id_t condition, vyre_expr_id_t yes, vyre_expr_id_t no) {
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_SELECT, .a = condition, .b = yes, .c = no});
}

vyre_expr_id_t vyre_build_cast(vyre_builder_t *b, vyre_type_t type, vyre_expr_id_t a) {
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_CAST, .type = (uint8_t)type, .a = a});
}

vyre_expr_id_t vyre_build_bitcast(vyre_builder_t *b, vyre_type_t type, vyre_expr_id_t a) {
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_BITCAST, .type = (uint8_t)type, .a = a});
}

vyre_expr_id_t vyre_build_fma(vyre_builder_t *b, vyre_expr_id_t x, vyre_expr_id_t y, vyre_expr_id_t z) {
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_FMA, .a = x, .b = y, .c = z});
}

vyre_expr_id_t vyre_build_vector(vyre_builder_t *b, vyre_type_t type, const vyre_expr_id_t *parts) {
  VYRE_ASSERT(type == VYRE_TYPE_U32X2 || type == VYRE_TYPE_U32X4);
  if (type == VYRE_TYPE_U32X2) return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_MAKE2, .a = parts[0], .b = parts[1]});
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_MAKE4, .a = parts[0], .b = parts[1], .c = parts[2], .d = parts[3]});
}

vyre_expr_id_t vyre_build_part(vyre_builder_t *b, vyre_expr_id_t vector, unsigned index) {
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_PART, .a = vector, .imm = index});
}

vyre_expr_id_t vyre_build_atomic(vyre_builder_t *b, vyre_expr_op_t op, vyre_order_t order, vyre_param_id_t buffer,
                                 vyre_expr_id_t index, vyre_expr_id_t value, vyre_expr_id_t desired) {
  if (!vyre_builder_ok(b)) return 0;
  VYRE_ASSERT(vyre_expr_class(op) == VYRE_CLASS_ATOMIC && buffer < b->program->param_count);
  return add_expr(b, (vyre_expr_t){.op = (uint8_t)op,
                                   .order = (uint8_t)order,
                                   .scope = (uint8_t)b->scope,
                                   .a = buffer,
                                   .b = index,
                                   .c = value,
                                   .d = desired});
}

vyre_expr_id_t vyre_build_collective(vyre_builder_t *b, vyre_expr_op_t op, vyre_expr_id_t value, vyre_expr_id_t lane) {
  VYRE_ASSERT(vyre_expr_is_collective(op));
  return add_expr(b, (vyre_expr_t){.op = (uint8_t)op, .a = value, .b = lane});
}

/* Built from the last item on, so that each names the one behind it. */
static vyre_expr_id_t add_list(vyre_builder_t *b, const vyre_expr_id_t *items, uint32_t count) {
  vyre_expr_id_t list = 0;
  while (count > 0 && vyre_builder_ok(b))
    list = add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_LIST, .a = items[--count], .b = list});
  return list;
}

vyre_expr_id_t vyre_build_call(vyre_builder_t *b, vyre_function_id_t function, const vyre_expr_id_t *arguments,
                               uint32_t count) {
  vyre_expr_id_t list = add_list(b, arguments, count);
  if (!vyre_builder_ok(b)) return 0;
  VYRE_ASSERT(function < b->program->function_count);
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_CALL, .a = function, .b = list});
}

vyre_expr_id_t vyre_build_raw_load(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address) {
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_RAW_LOAD,
                                   .type = (uint8_t)type,
                                   .order = (uint8_t)order,
                                   .scope = (uint8_t)b->scope,
                                   .a = address});
}

vyre_expr_id_t vyre_build_raw_atomic_add(vyre_builder_t *b, vyre_type_t type, vyre_order_t order,
                                         vyre_expr_id_t address, vyre_expr_id_t value) {
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_RAW_ATOMIC_ADD,
                                   .type = (uint8_t)type,
                                   .order = (uint8_t)order,
                                   .scope = (uint8_t)b->scope,
                                   .a = address,
                                   .b = value});
}

vyre_expr_id_t vyre_build_raw_atomic_cas(vyre_builder_t *b, vyre_type_t type, vyre_order_t order,
                                         vyre_expr_id_t address, vyre_expr_id_t expected, vyre_expr_id_t desired) {
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_RAW_ATOMIC_CAS,
                                   .type = (uint8_t)type,
                                   .order = (uint8_t)order,
                                   .scope = (uint8_t)b->scope,
                                   .a = address,
                                   .b = expected,
                                   .c = desired});
}

static vyre_var_id_t add_var(vyre_builder_t *b, const char *name, vyre_type_t type, bool is_mutable) {
  if (!vyre_builder_ok(b)) return 0;
  vyre_program_t *p = b->program;
  if (p->var_count > VYRE_LIMIT_VARS) return over_limit(b, "variables", VYRE_LIMIT_VARS), 0u;
  if (!vyre_array_reserve((void **)&p->vars, &p->var_capacity, p->var_count + 1, sizeof *p->vars))
    return no_memory(b, p->var_count * sizeof *p->vars), 0u;
  char *copy = vyre_strdup(name);
  if (!copy) return no_memory(b, strlen(name)), 0u;
  p->vars[p->var_count] =
      (vyre_var_t){.name = copy, .type = (uint8_t)type, .is_mutable = is_mutable, .position = b->position};
  return p->var_count++;
}

static uint32_t *first_of(vyre_program_t *p, const struct vyre_open_block *block) {
  switch (block->kind) {
    case VYRE_BLOCK_PROGRAM: return &p->body;
    case VYRE_BLOCK_FINISH: return &p->finish;
    case VYRE_BLOCK_FUNCTION: return &p->functions[block->owner].body;
    case VYRE_BLOCK_BODY: return &p->stmts[block->owner].body;
    case VYRE_BLOCK_ORELSE: return &p->stmts[block->owner].orelse;
  }
  VYRE_UNREACHABLE();
}

/* Appends to the innermost open block; gives the statement's id, 0 on failure. */
static uint32_t add_stmt(vyre_builder_t *b, vyre_stmt_t stmt) {
  if (!vyre_builder_ok(b)) return 0;
  vyre_program_t *p = b->program;
  for (unsigned i = 0; i < vyre_stmt_arity(stmt.op); i++) VYRE_ASSERT(stmt.arg[i] != 0 && stmt.arg[i] < p->expr_count);
  if (p->stmt_count > VYRE_LIMIT_NODES) return over_limit(b, "statements", VYRE_LIMIT_NODES), 0u;
  stmt.position = b->position;
  if (!check(b, vyre_type_stmt(p, &stmt))) return 0;
  if (!vyre_array_reserve((void **)&p->stmts, &p->stmt_capacity, p->stmt_count + 1, sizeof *p->stmts))
    return no_memory(b, p->stmt_count * sizeof *p->stmts), 0u;
  uint32_t id = p->stmt_count++;
  p->stmts[id] = stmt;
  struct vyre_open_block *block = &b->open[b->depth];
  if (block->tail)
    p->stmts[block->tail].next = id;
  else
    *first_of(p, block) = id;
  block->tail = id;
  return id;
}

static void open_any(vyre_builder_t *b, uint32_t owner, enum vyre_block_kind kind) {
  if (!vyre_builder_ok(b)) return;
  if (b->depth >= VYRE_LIMIT_DEPTH) {
    over_limit(b, "nested blocks", VYRE_LIMIT_DEPTH);
    return;
  }
  b->open[++b->depth] = (struct vyre_open_block){.owner = owner, .kind = kind};
}

static void open_block(vyre_builder_t *b, uint32_t stmt) { open_any(b, stmt, VYRE_BLOCK_BODY); }

vyre_var_id_t vyre_build_let(vyre_builder_t *b, const char *name, vyre_expr_id_t value, bool is_mutable) {
  if (!vyre_builder_ok(b)) return 0;
  vyre_var_id_t var = add_var(b, name, b->program->exprs[value].type, is_mutable);
  return add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_LET, .var = var, .arg = {value}}) ? var : 0;
}

void vyre_build_assign(vyre_builder_t *b, vyre_var_id_t var, vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_ASSIGN, .var = var, .arg = {value}});
}

void vyre_build_reduce(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_REDUCE, .param = output, .arg = {value}});
}

void vyre_build_reduce_at(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t index, vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_REDUCE_AT, .param = output, .arg = {index, value}});
}

void vyre_build_store(vyre_builder_t *b, vyre_param_id_t buffer, vyre_expr_id_t index, vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_STORE, .param = buffer, .arg = {index, value}});
}

void vyre_build_set(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_SET, .param = output, .arg = {value}});
}

void vyre_build_set_at(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t index, vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_SET_AT, .param = output, .arg = {index, value}});
}

void vyre_build_append(vyre_builder_t *b, vyre_param_id_t output, vyre_expr_id_t key, vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_APPEND, .param = output, .arg = {key, value}});
}

void vyre_build_eval(vyre_builder_t *b, vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_EVAL, .arg = {value}});
}

void vyre_build_barrier(vyre_builder_t *b, vyre_order_t order) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_BARRIER, .order = (uint8_t)order, .scope = (uint8_t)b->scope});
}

void vyre_build_copy(vyre_builder_t *b, vyre_stmt_op_t op, vyre_param_id_t to, vyre_expr_id_t to_index,
                     vyre_param_id_t from, vyre_expr_id_t from_index, vyre_expr_id_t count) {
  VYRE_ASSERT(op == VYRE_STMT_ASYNC_LOAD || op == VYRE_STMT_ASYNC_STORE);
  add_stmt(b, (vyre_stmt_t){.op = (uint8_t)op, .param = to, .param2 = from, .arg = {to_index, from_index, count}});
}

void vyre_build_return(vyre_builder_t *b, vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_RETURN, .arg = {value}});
}

vyre_function_id_t vyre_build_function(vyre_builder_t *b, const char *name, vyre_type_t type,
                                       const char *const *arg_names, const vyre_type_t *arg_types, uint32_t count,
                                       vyre_var_id_t *out_args) {
  if (!vyre_builder_ok(b)) return VYRE_FUNCTION_NONE;
  vyre_program_t *p = b->program;
  if (p->function_count >= VYRE_LIMIT_FUNCTIONS)
    return over_limit(b, "functions", VYRE_LIMIT_FUNCTIONS), VYRE_FUNCTION_NONE;
  if (count > VYRE_LIMIT_ARGUMENTS) return over_limit(b, "arguments", VYRE_LIMIT_ARGUMENTS), VYRE_FUNCTION_NONE;
  vyre_function_t function = {
      .type = (uint8_t)type, .arg_count = (uint8_t)count, .first_arg = p->var_count, .position = b->position};
  for (uint32_t i = 0; i < count; i++) out_args[i] = add_var(b, arg_names[i], arg_types[i], false);
  if (!vyre_builder_ok(b)) return VYRE_FUNCTION_NONE;
  function.name = vyre_strdup(name);
  if (!function.name ||
      !vyre_array_reserve((void **)&p->functions, &p->function_capacity, p->function_count + 1, sizeof *p->functions)) {
    vyre_free(function.name);
    return no_memory(b, sizeof function), VYRE_FUNCTION_NONE;
  }
  p->functions[p->function_count] = function;
  open_any(b, p->function_count, VYRE_BLOCK_FUNCTION);
  return p->function_count++;
}

void vyre_build_finish(vyre_builder_t *b) {
  if (!vyre_builder_ok(b)) return;
  VYRE_ASSERT(!b->program->has_finish);
  b->program->has_finish = true;
  open_any(b, 0, VYRE_BLOCK_FINISH);
}

void vyre_build_block(vyre_builder_t *b) { open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_BLOCK})); }

void vyre_build_switch(vyre_builder_t *b, vyre_expr_id_t value) {
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_SWITCH, .arg = {value}}));
}

void vyre_build_case(vyre_builder_t *b, const vyre_expr_id_t *labels, uint32_t count) {
  vyre_expr_id_t list = add_list(b, labels, count);
  if (!vyre_builder_ok(b)) return;
  VYRE_ASSERT(count > 0);
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_CASE, .arg = {list}}));
}

void vyre_build_default(vyre_builder_t *b) { open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_DEFAULT})); }

void vyre_build_if(vyre_builder_t *b, vyre_expr_id_t condition) {
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_IF, .arg = {condition}}));
}

void vyre_build_else(vyre_builder_t *b) {
  if (!vyre_builder_ok(b)) return;
  struct vyre_open_block *block = &b->open[b->depth];
  VYRE_ASSERT(b->depth > 0 && block->kind == VYRE_BLOCK_BODY && b->program->stmts[block->owner].op == VYRE_STMT_IF);
  *block = (struct vyre_open_block){.owner = block->owner, .kind = VYRE_BLOCK_ORELSE};
}

void vyre_build_while(vyre_builder_t *b, vyre_expr_id_t condition) {
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_WHILE, .arg = {condition}}));
}

void vyre_build_forever(vyre_builder_t *b) { open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_FOREVER})); }

vyre_var_id_t vyre_build_range(vyre_builder_t *b, vyre_stmt_op_t op, const char *name, vyre_expr_id_t low,
                               vyre_expr_id_t high) {
  VYRE_ASSERT(op == VYRE_STMT_FOR || op == VYRE_STMT_FOREACH);
  if (!vyre_builder_ok(b)) return 0;
  vyre_var_id_t var = add_var(b, name, b->program->exprs[low].type, false);
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = (uint8_t)op, .var = var, .arg = {low, high}}));
  return vyre_builder_ok(b) ? var : 0;
}

vyre_var_id_t vyre_build_lanes(vyre_builder_t *b, const char *name) {
  if (!vyre_builder_ok(b)) return 0;
  vyre_var_id_t var = add_var(b, name, VYRE_TYPE_U32, false);
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_LANES, .var = var}));
  return vyre_builder_ok(b) ? var : 0;
}

void vyre_build_end(vyre_builder_t *b) {
  if (!vyre_builder_ok(b)) return;
  VYRE_ASSERT(b->depth > 0);
  b->depth--;
}

void vyre_build_plain(vyre_builder_t *b, vyre_stmt_op_t op) {
  VYRE_ASSERT(op == VYRE_STMT_BREAK || op == VYRE_STMT_CONTINUE || op == VYRE_STMT_RETURN || op == VYRE_STMT_TRAP ||
              op == VYRE_STMT_ASYNC_WAIT || op == VYRE_STMT_PAUSE || op == VYRE_STMT_HEAVY_FENCE);
  add_stmt(b, (vyre_stmt_t){.op = (uint8_t)op});
}

void vyre_build_raw_store(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address,
                          vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_RAW_STORE,
                            .type = (uint8_t)type,
                            .order = (uint8_t)order,
                            .scope = (uint8_t)b->scope,
                            .arg = {address, value}});
}

void vyre_build_load16(vyre_builder_t *b, unsigned tag, vyre_order_t order, const char *const names[4],
                       vyre_expr_id_t address, vyre_var_id_t out_vars[4]) {
  vyre_stmt_t stmt = {.op = VYRE_STMT_LOAD16,
                      .order = (uint8_t)order,
                      .tag = (uint8_t)tag,
                      .scope = (uint8_t)b->scope,
                      .arg = {address}};
  for (unsigned i = 0; i < 4; i++) stmt.out[i] = out_vars[i] = add_var(b, names[i], VYRE_TYPE_U32, false);
  add_stmt(b, stmt);
}

void vyre_build_store16(vyre_builder_t *b, unsigned tag, vyre_order_t order, vyre_expr_id_t address,
                        const vyre_expr_id_t words[4]) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_STORE16,
                            .order = (uint8_t)order,
                            .tag = (uint8_t)tag,
                            .scope = (uint8_t)b->scope,
                            .arg = {address, words[0], words[1], words[2], words[3]}});
}

void vyre_build_vote(vyre_builder_t *b, vyre_var_id_t mask, vyre_expr_id_t condition) {
  VYRE_ASSERT(!vyre_builder_ok(b) || (mask != 0 && mask < b->program->var_count));
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_VOTE, .var = mask, .arg = {condition}});
}

void vyre_build_fence(vyre_builder_t *b, vyre_order_t order) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_FENCE, .order = (uint8_t)order, .scope = (uint8_t)b->scope});
}

void vyre_build_prefetch(vyre_builder_t *b, vyre_stmt_op_t op, vyre_expr_id_t address) {
  VYRE_ASSERT(op == VYRE_STMT_PREFETCH || op == VYRE_STMT_PREFETCH_WRITE);
  add_stmt(b, (vyre_stmt_t){.op = (uint8_t)op, .arg = {address}});
}

void vyre_build_sleep(vyre_builder_t *b, vyre_expr_id_t address, vyre_expr_id_t seen) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_SLEEP, .arg = {address, seen}});
}

void vyre_build_wake(vyre_builder_t *b, vyre_expr_id_t address) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_WAKE, .arg = {address}});
}

void vyre_build_raw_copy(vyre_builder_t *b, vyre_expr_id_t to, vyre_expr_id_t from, vyre_expr_id_t bytes) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_RAW_COPY, .arg = {to, from, bytes}});
}

void vyre_build_call_handler(vyre_builder_t *b, vyre_expr_id_t handler, vyre_expr_id_t frame) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_CALL_HANDLER, .arg = {handler, frame}});
}
