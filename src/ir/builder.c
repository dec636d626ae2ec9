#include "ir/builder.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/typing.h"
#include "ir/validate.h"

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
  vyre_program_release(b->program);
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

vyre_param_id_t vyre_build_stream(vyre_builder_t *b, const char *name, vyre_type_t type) {
  return add_param(b, (vyre_param_t){.role = VYRE_ROLE_STREAM, .type = (uint8_t)type}, name);
}

vyre_param_id_t vyre_build_output(vyre_builder_t *b, const char *name, vyre_type_t type, uint32_t count,
                                  vyre_reducer_t reducer) {
  return add_param(
      b, (vyre_param_t){.role = VYRE_ROLE_OUTPUT, .type = (uint8_t)type, .count = count, .reducer = (uint8_t)reducer},
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
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_CONST, .type = (uint8_t)type, .imm = value & vyre_type_mask(type)});
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

vyre_expr_id_t vyre_build_load(vyre_builder_t *b, vyre_param_id_t stream, vyre_expr_id_t index) {
  if (!vyre_builder_ok(b)) return 0;
  VYRE_ASSERT(stream < b->program->param_count);
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_LOAD, .a = stream, .b = index});
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

vyre_expr_id_t vyre_build_raw_load(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address) {
  return add_expr(
      b, (vyre_expr_t){.op = VYRE_EXPR_RAW_LOAD, .type = (uint8_t)type, .order = (uint8_t)order,
                                   .scope = (uint8_t)b->scope, .a = address});
}

vyre_expr_id_t vyre_build_atomic_add(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address,
                                     vyre_expr_id_t value) {
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_ATOMIC_ADD, .type = (uint8_t)type, .order = (uint8_t)order,
                                   .scope = (uint8_t)b->scope,
                                   .a = address, .b = value});
}

vyre_expr_id_t vyre_build_atomic_cas(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address,
                                     vyre_expr_id_t expected, vyre_expr_id_t desired) {
  return add_expr(b, (vyre_expr_t){.op = VYRE_EXPR_ATOMIC_CAS, .type = (uint8_t)type, .order = (uint8_t)order,
                                   .scope = (uint8_t)b->scope,
                                   .a = address, .b = expected, .c = desired});
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

/* Appends to the innermost open block; gives the statement's id, 0 on failure. */
static uint32_t add_stmt(vyre_builder_t *b, vyre_stmt_t stmt) {
  if (!vyre_builder_ok(b)) return 0;
  vyre_program_t *p = b->program;
  for (unsigned i = 0; i < vyre_stmt_arity(stmt.op); i++)
    VYRE_ASSERT(stmt.arg[i] != 0 && stmt.arg[i] < p->expr_count);
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
  else if (block->stmt == 0)
    p->body = id;
  else if (block->is_orelse)
    p->stmts[block->stmt].orelse = id;
  else
    p->stmts[block->stmt].body = id;
  block->tail = id;
  return id;
}

static void open_block(vyre_builder_t *b, uint32_t stmt, bool is_orelse) {
  if (!vyre_builder_ok(b)) return;
  if (b->depth >= VYRE_LIMIT_DEPTH) {
    over_limit(b, "nested blocks", VYRE_LIMIT_DEPTH);
    return;
  }
  b->open[++b->depth] = (struct vyre_open_block){.stmt = stmt, .is_orelse = is_orelse};
}

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

void vyre_build_if(vyre_builder_t *b, vyre_expr_id_t condition) {
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_IF, .arg = {condition}}), false);
}

void vyre_build_else(vyre_builder_t *b) {
  if (!vyre_builder_ok(b)) return;
  struct vyre_open_block *block = &b->open[b->depth];
  VYRE_ASSERT(b->depth > 0 && !block->is_orelse && b->program->stmts[block->stmt].op == VYRE_STMT_IF);
  *block = (struct vyre_open_block){.stmt = block->stmt, .is_orelse = true};
}

void vyre_build_while(vyre_builder_t *b, vyre_expr_id_t condition) {
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_WHILE, .arg = {condition}}), false);
}

void vyre_build_forever(vyre_builder_t *b) {
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_FOREVER}), false);
}

vyre_var_id_t vyre_build_range(vyre_builder_t *b, vyre_stmt_op_t op, const char *name, vyre_expr_id_t low,
                               vyre_expr_id_t high) {
  VYRE_ASSERT(op == VYRE_STMT_FOR || op == VYRE_STMT_FOREACH);
  if (!vyre_builder_ok(b)) return 0;
  vyre_var_id_t var = add_var(b, name, b->program->exprs[low].type, false);
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = (uint8_t)op, .var = var, .arg = {low, high}}), false);
  return vyre_builder_ok(b) ? var : 0;
}

vyre_var_id_t vyre_build_lanes(vyre_builder_t *b, const char *name) {
  if (!vyre_builder_ok(b)) return 0;
  vyre_var_id_t var = add_var(b, name, VYRE_TYPE_U32, false);
  open_block(b, add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_LANES, .var = var}), false);
  return vyre_builder_ok(b) ? var : 0;
}

void vyre_build_end(vyre_builder_t *b) {
  if (!vyre_builder_ok(b)) return;
  VYRE_ASSERT(b->depth > 0);
  b->depth--;
}

void vyre_build_plain(vyre_builder_t *b, vyre_stmt_op_t op) {
  VYRE_ASSERT(vyre_stmt_arity(op) == 0 && op != VYRE_STMT_FOREVER && op != VYRE_STMT_LANES &&
              op != VYRE_STMT_FENCE && op != VYRE_STMT_NONE);
  add_stmt(b, (vyre_stmt_t){.op = (uint8_t)op});
}

void vyre_build_raw_store(vyre_builder_t *b, vyre_type_t type, vyre_order_t order, vyre_expr_id_t address,
                          vyre_expr_id_t value) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_RAW_STORE, .type = (uint8_t)type, .order = (uint8_t)order,
                            .scope = (uint8_t)b->scope,
                            .arg = {address, value}});
}

void vyre_build_load16(vyre_builder_t *b, unsigned tag, vyre_order_t order, const char *const names[4],
                       vyre_expr_id_t address, vyre_var_id_t out_vars[4]) {
  vyre_stmt_t stmt = {.op = VYRE_STMT_LOAD16, .order = (uint8_t)order, .tag = (uint8_t)tag,
                      .scope = (uint8_t)b->scope, .arg = {address}};
  for (unsigned i = 0; i < 4; i++) stmt.out[i] = out_vars[i] = add_var(b, names[i], VYRE_TYPE_U32, false);
  add_stmt(b, stmt);
}

void vyre_build_store16(vyre_builder_t *b, unsigned tag, vyre_order_t order, vyre_expr_id_t address,
                        const vyre_expr_id_t words[4]) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_STORE16, .order = (uint8_t)order, .tag = (uint8_t)tag,
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

void vyre_build_call(vyre_builder_t *b, vyre_expr_id_t handler, vyre_expr_id_t frame) {
  add_stmt(b, (vyre_stmt_t){.op = VYRE_STMT_CALL, .arg = {handler, frame}});
}
