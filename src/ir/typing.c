#include "ir/typing.h"

#include "base/assert.h"
#include "ir/value.h"

uint32_t vyre_expr_operand(const vyre_expr_t *expr, unsigned index) {
  const uint32_t operands[] = {expr->a, expr->b, expr->c, expr->d};
  vyre_op_class_t class_ = vyre_expr_class(expr->op);
  bool has_param = class_ == VYRE_CLASS_LOAD || class_ == VYRE_CLASS_ATOMIC;
  return operands[index + has_param];
}

void vyre_expr_set_operand(vyre_expr_t *expr, unsigned index, uint32_t operand) {
  uint32_t *const operands[] = {&expr->a, &expr->b, &expr->c, &expr->d};
  vyre_op_class_t class_ = vyre_expr_class(expr->op);
  bool has_param = class_ == VYRE_CLASS_LOAD || class_ == VYRE_CLASS_ATOMIC;
  *operands[index + has_param] = operand;
}

unsigned vyre_stmt_arity(vyre_stmt_op_t op) {
  switch (op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN:
    case VYRE_STMT_REDUCE:
    case VYRE_STMT_IF:
    case VYRE_STMT_WHILE:
    case VYRE_STMT_VOTE:
    case VYRE_STMT_LOAD16:
    case VYRE_STMT_SET:
    case VYRE_STMT_EVAL:
    case VYRE_STMT_SWITCH:
    case VYRE_STMT_CASE:
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE:
    case VYRE_STMT_WAKE: return 1;
    case VYRE_STMT_REDUCE_AT:
    case VYRE_STMT_STORE:
    case VYRE_STMT_SET_AT:
    case VYRE_STMT_APPEND:
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH:
    case VYRE_STMT_RAW_STORE:
    case VYRE_STMT_SLEEP:
    case VYRE_STMT_CALL_HANDLER: return 2;
    case VYRE_STMT_ASYNC_LOAD:
    case VYRE_STMT_ASYNC_STORE:
    case VYRE_STMT_RAW_COPY: return 3;
    case VYRE_STMT_STORE16: return 5;
    default: return 0;
  }
}

unsigned vyre_stmt_operands(const vyre_stmt_t *stmt) {
  if (stmt->op == VYRE_STMT_CASE) return 0;
  return stmt->op == VYRE_STMT_RETURN && stmt->arg[0] ? 1 : vyre_stmt_arity(stmt->op);
}

static vyre_status_t mismatch(const vyre_program_t *p, vyre_position_t position, const char *what, vyre_type_t wanted,
                              vyre_type_t found) {
  return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, position, "%s is %s, %s is needed", what,
                                                 vyre_type_text(found), vyre_type_text(wanted)),
                              "Convert it with %s(...), or change the declaration to %s.", vyre_type_text(wanted),
                              vyre_type_text(found));
}

static vyre_status_t need(const vyre_program_t *p, uint32_t expr, const char *what, vyre_type_t wanted) {
  vyre_type_t found = p->exprs[expr].type;
  return found == wanted ? NULL : mismatch(p, p->exprs[expr].position, what, wanted, found);
}

static vyre_status_t need_integer(const vyre_program_t *p, uint32_t expr, const char *what) {
  vyre_type_t found = p->exprs[expr].type;
  if (vyre_type_is_integer(found)) return NULL;
  return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, p->exprs[expr].position,
                                                 "%s is %s, an integer is needed", what, vyre_type_text(found)),
                              "Write u32(...) or another integer type around it.");
}

static vyre_status_t need_unsigned(const vyre_program_t *p, uint32_t expr, const char *what) {
  VYRE_TRY(need_integer(p, expr, what));
  vyre_type_t found = p->exprs[expr].type;
  if (!vyre_type_is_signed(found)) return NULL;
  return vyre_status_with_fix(
      vyre_program_error(p, VYRE_E_TYPE, p->exprs[expr].position, "%s is %s, an unsigned integer is needed", what,
                         vyre_type_text(found)),
      "Convert it with u64(...).");
}

static vyre_status_t same_types(const vyre_program_t *p, const vyre_expr_t *e, uint32_t a, uint32_t b) {
  vyre_type_t left = p->exprs[a].type, right = p->exprs[b].type;
  if (left == right) return NULL;
  return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, e->position, "the sides of %s are %s and %s",
                                                 vyre_expr_text(e->op), vyre_type_text(left), vyre_type_text(right)),
                              "Convert one side, for example with %s(...).",
                              vyre_type_text(vyre_type_bits(left) > vyre_type_bits(right) ? left : right));
}

/* What the column `on` of ops.def asks of an operand. */
static const char *operands_text(vyre_operands_t on) {
  switch (on) {
    case VYRE_ON_BOOL: return "bool";
    case VYRE_ON_INTEGER: return "an integer";
    case VYRE_ON_FLOAT: return "f32 or f64";
    case VYRE_ON_NUMBER: return "an integer, f32 or f64";
    case VYRE_ON_BITS: return "an integer or bool";
    case VYRE_ON_SCALAR: return "an integer, f32, f64 or bool";
    case VYRE_ON_WORD: return "u32, u64, i32 or i64";
    case VYRE_ON_REDUCIBLE: return "u32, u64, i32, i64, f32 or f64";
    case VYRE_ON_MOVABLE: return "u32, u64, i32, i64, f32, f64 or bool";
    default: return "a value";
  }
}

static vyre_status_t need_fit(const vyre_program_t *p, const vyre_expr_t *e, uint32_t operand, const char *what) {
  vyre_operands_t on = vyre_expr_on(e->op);
  vyre_type_t found = p->exprs[operand].type;
  if (vyre_type_fits(found, on)) return NULL;
  vyre_status_t status = vyre_program_error(p, VYRE_E_TYPE, p->exprs[operand].position, "%s of %s is %s, %s is needed",
                                            what, vyre_expr_text(e->op), vyre_type_text(found), operands_text(on));
  if (vyre_type_kind(found) == VYRE_KIND_HALF && vyre_type_fits(VYRE_TYPE_F32, on))
    return vyre_status_with_fix(status, "Convert it with f32(...); %s is stored and converted only.",
                                vyre_type_text(found));
  if (vyre_type_kind(found) == VYRE_KIND_VECTOR)
    return vyre_status_with_fix(status, "Take its parts: v.x, v.y; vectors are loaded, stored and taken apart only.");
  return vyre_status_with_fix(status, on == VYRE_ON_BOOL    ? "Compare: x != 0, or write bool(...)."
                                      : on == VYRE_ON_FLOAT ? "Convert it with f32(...) or f64(...)."
                                                            : "Convert it, for example with u32(...).");
}

static vyre_status_t type_len(const vyre_program_t *p, const vyre_expr_t *e) {
  const vyre_param_t *param = &p->params[e->a];
  if (vyre_param_is_buffer(param) || param->count) return NULL;
  if (param->role == VYRE_ROLE_SCALAR)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, e->position, "len of the scalar '%s'", param->name),
                                "Write %s alone: it is a value.", param->name);
  return vyre_status_with_fix(
      vyre_program_error(p, VYRE_E_TYPE, e->position, "len of '%s', which is not an array", param->name),
      "Take len of a buffer, or declare the output as %s[N].", vyre_type_text(param->type));
}

static vyre_status_t type_leaf(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  switch (e->op) {
    case VYRE_EXPR_CONST:
      if (e->type >= VYRE_TYPE_COUNT || !vyre_type_fits(e->type, VYRE_ON_SCALAR) || (e->imm & ~vyre_type_mask(e->type)))
        return vyre_program_error(p, VYRE_E_TYPE, e->position, "a constant does not fit its type");
      if (e->imm != vyre_value_canonical(e->type, e->imm))
        return vyre_program_error(p, VYRE_E_TYPE, e->position, "a constant is a NaN with a payload");
      *out_type = e->type;
      return NULL;
    case VYRE_EXPR_VAR: *out_type = p->vars[e->a].type; return NULL;
    case VYRE_EXPR_LEN: *out_type = VYRE_TYPE_U64; return type_len(p, e);
    case VYRE_EXPR_STREAM_OFFSET: *out_type = VYRE_TYPE_U64; return NULL;
    case VYRE_EXPR_IS_LAST: *out_type = VYRE_TYPE_BOOL; return NULL;
    case VYRE_EXPR_HALO_LEFT:
    case VYRE_EXPR_HALO_RIGHT: *out_type = VYRE_TYPE_I64; return NULL;
    case VYRE_EXPR_LANE:
    case VYRE_EXPR_WORKGROUP_SIZE:
    case VYRE_EXPR_SUBGROUP:
    case VYRE_EXPR_SUBGROUP_LANE: *out_type = VYRE_TYPE_U32; return NULL;
    case VYRE_EXPR_SCALAR:
    case VYRE_EXPR_OUTPUT: {
      const vyre_param_t *param = &p->params[e->a];
      vyre_role_t role = e->op == VYRE_EXPR_SCALAR ? VYRE_ROLE_SCALAR : VYRE_ROLE_OUTPUT;
      if (param->role != role || param->count)
        return vyre_program_error(p, VYRE_E_TYPE, e->position, "'%s' is no %s", param->name,
                                  role == VYRE_ROLE_SCALAR ? "scalar parameter" : "scalar output");
      *out_type = param->type;
      return NULL;
    }
    default: VYRE_UNREACHABLE();
  }
}

/* An index of a buffer or an array output. */
static vyre_status_t need_index(const vyre_program_t *p, uint32_t param, uint32_t index) {
  const vyre_param_t *info = &p->params[param];
  if (info->role == VYRE_ROLE_STREAM && vyre_param_has_halo(info)) return need_integer(p, index, "the index");
  return need_unsigned(p, index, "the index");
}

static vyre_status_t fail_role(const vyre_program_t *p, uint32_t param, vyre_position_t position, bool is_store) {
  const vyre_param_t *info = &p->params[param];
  const char *name = info->name;
  if (info->role == VYRE_ROLE_SCALAR)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_TYPE, position, "'%s' is a scalar and has no elements", name),
        is_store ? "Copy it: `var x = %s`, and assign x." : "Write %s alone.", name);
  if (info->role == VYRE_ROLE_OUTPUT)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_TYPE, position,
                           is_store ? "'%s' is an output and is added to only" : "'%s' is an output and cannot be read",
                           name),
        is_store
            ? "Write `%s += ...` as its reducer says, or store into a window."
            : "Keep the value in a variable declared with `var` and add it to %s at the end; `finish` can read it.",
        name);
  bool is_window = info->role == VYRE_ROLE_WINDOW;
  vyre_status_t status = vyre_program_error(p, VYRE_E_TYPE, position, "'%s' is a %s and is %s only", name,
                                            vyre_role_text(info->role), is_store ? "read" : "written");
  return is_window ? vyre_status_with_fix(status, "Declare it as `window %s : %s read_write`.", name,
                                          vyre_type_text(info->type))
                   : vyre_status_with_fix(status,
                                          "Add to an `output` parameter, or declare a window or state to store into.");
}

/* An access to an element of a parameter. */
static vyre_status_t need_access(const vyre_program_t *p, uint32_t param, vyre_access_t access,
                                 vyre_position_t position) {
  const vyre_param_t *info = &p->params[param];
  bool is_buffer = vyre_param_is_buffer(info), is_allowed = is_buffer && (info->access & access) == access;
  bool is_store = (access & VYRE_ACCESS_WRITE) && !(is_buffer && (info->access & VYRE_ACCESS_WRITE));
  return is_allowed ? NULL : fail_role(p, param, position, is_store);
}

static vyre_status_t type_load(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  const vyre_param_t *param = &p->params[e->a];
  if (e->op == VYRE_EXPR_OUTPUT_AT) {
    if (param->role != VYRE_ROLE_OUTPUT || !param->count)
      return vyre_status_with_fix(
          vyre_program_error(p, VYRE_E_TYPE, e->position, "'%s' is no array output", param->name), "Write %s alone.",
          param->name);
  } else {
    VYRE_TRY(need_access(p, e->a, VYRE_ACCESS_READ, e->position));
  }
  *out_type = param->type;
  return need_index(p, e->a, e->b);
}

static vyre_status_t need_word(const vyre_program_t *p, vyre_type_t type, vyre_position_t position) {
  if (vyre_type_fits(type, VYRE_ON_WORD)) return NULL;
  return vyre_status_with_fix(
      vyre_program_error(p, VYRE_E_TYPE, position, "an atomic on elements of %s", vyre_type_text(type)),
      "Declare the buffer with u32, u64, i32 or i64.");
}

static vyre_status_t type_atomic(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  const vyre_param_t *param = &p->params[e->a];
  bool is_load = e->op == VYRE_EXPR_ATOMIC_LOAD, is_store = e->op == VYRE_EXPR_ATOMIC_STORE;
  VYRE_TRY(need_access(p, e->a,
                       is_load    ? VYRE_ACCESS_READ
                       : is_store ? VYRE_ACCESS_WRITE
                                  : VYRE_ACCESS_READ_WRITE,
                       e->position));
  if (param->role == VYRE_ROLE_STREAM || param->role == VYRE_ROLE_CONSTANT || param->role == VYRE_ROLE_PRIVATE)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, e->position, "an atomic on '%s', whose role is %s",
                                                   param->name, vyre_role_text(param->role)),
                                "Write %s[i]; nobody else writes there.", param->name);
  VYRE_TRY(need_word(p, param->type, e->position));
  VYRE_TRY(need_unsigned(p, e->b, "the index"));
  if (e->scope >= VYRE_SCOPE_COUNT || e->order >= VYRE_ORDER_COUNT)
    return vyre_program_error(p, VYRE_E_TYPE, e->position, "unknown memory order or scope");
  bool is_odd_load = is_load && (e->order == VYRE_ORDER_RELEASE || e->order == VYRE_ORDER_ACQ_REL);
  bool is_odd_store = is_store && (e->order == VYRE_ORDER_ACQUIRE || e->order == VYRE_ORDER_ACQ_REL);
  if (is_odd_load || is_odd_store)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, e->position, "an atomic %s that is %s",
                                                   is_load ? "load" : "store", vyre_order_text(e->order)),
                                is_load ? "Write relaxed, acquire or seq_cst." : "Write relaxed, release or seq_cst.");
  if (!is_load) VYRE_TRY(need(p, e->c, "the operand", param->type));
  if (e->op == VYRE_EXPR_ATOMIC_CAS) VYRE_TRY(need(p, e->d, "the desired value", param->type));
  *out_type = is_store ? VYRE_TYPE_VOID : param->type;
  return NULL;
}

static vyre_status_t type_call(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  const vyre_function_t *f = &p->functions[e->a];
  uint32_t list = e->b;
  for (uint32_t i = 0; i < f->arg_count; i++) {
    if (!list)
      return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, e->position,
                                                     "%s is called with %u of %u arguments", f->name, i, f->arg_count),
                                  "Call it with all %u.", f->arg_count);
    VYRE_TRY(need(p, p->exprs[list].a, "the argument", p->vars[f->first_arg + i].type));
    list = p->exprs[list].b;
  }
  *out_type = f->type;
  if (!list) return NULL;
  return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, e->position,
                                                 "%s is called with more than %u arguments", f->name, f->arg_count),
                              "Call it with %u.", f->arg_count);
}

static bool is_bitcast_allowed(vyre_type_t from, vyre_type_t to) {
  bool has_bool = from == VYRE_TYPE_BOOL || to == VYRE_TYPE_BOOL;
  return !has_bool && vyre_type_is_scalar(from) && vyre_type_bits(from) == vyre_type_bits(to);
}

static bool is_cast_allowed(vyre_type_t from, vyre_type_t to) {
  bool is_half = vyre_type_kind(from) == VYRE_KIND_HALF || vyre_type_kind(to) == VYRE_KIND_HALF;
  bool is_float = vyre_type_is_float(from) || vyre_type_is_float(to);
  return from == to || (vyre_type_is_scalar(from) && (!is_half || is_float));
}

/* CAST and BITCAST */
static vyre_status_t type_cast(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  if (e->type >= VYRE_TYPE_COUNT || !vyre_type_is_scalar(e->type))
    return vyre_program_error(p, VYRE_E_TYPE, e->position, "a cast to %s",
                              e->type < VYRE_TYPE_COUNT ? vyre_type_text(e->type) : "no type");
  vyre_type_t from = p->exprs[e->a].type, to = e->type;
  bool is_bitcast = e->op == VYRE_EXPR_BITCAST;
  *out_type = to;
  if (is_bitcast ? is_bitcast_allowed(from, to) : is_cast_allowed(from, to)) return NULL;
  vyre_status_t status =
      vyre_program_error(p, VYRE_E_TYPE, e->position, "%s from %s to %s", is_bitcast ? "a bitcast" : "a cast",
                         vyre_type_text(from), vyre_type_text(to));
  if (vyre_type_kind(from) == VYRE_KIND_VECTOR) return vyre_status_with_fix(status, "Take a part: v.x.");
  if (is_bitcast)
    return vyre_status_with_fix(status, "Choose an integer or float type of %u bits.", vyre_type_bits(from));
  return vyre_status_with_fix(status, "Convert by way of f32: %s(f32(...)).", vyre_type_text(to));
}

static vyre_status_t type_make(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++)
    VYRE_TRY(need(p, vyre_expr_operand(e, i), "the part", VYRE_TYPE_U32));
  *out_type = e->op == VYRE_EXPR_MAKE2 ? VYRE_TYPE_U32X2 : VYRE_TYPE_U32X4;
  return NULL;
}

static vyre_status_t type_part(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  vyre_type_t vector = p->exprs[e->a].type;
  if (vyre_type_kind(vector) != VYRE_KIND_VECTOR)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_TYPE, e->position, "a part of %s, which is no vector", vyre_type_text(vector)),
        "Take parts of u32x2 and u32x4 only.");
  if (e->imm >= vyre_type_bits(vector) / 32)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_TYPE, e->position, "%s has no such part", vyre_type_text(vector)),
        "Write .x or .y.");
  *out_type = VYRE_TYPE_U32;
  return NULL;
}

static vyre_status_t type_collective(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  VYRE_TRY(need_fit(p, e, e->a, "the operand"));
  if (vyre_expr_arity(e->op) == 2) VYRE_TRY(need(p, e->b, "the lane", VYRE_TYPE_U32));
  *out_type = e->op == VYRE_EXPR_SUBGROUP_BALLOT ? VYRE_TYPE_U32 : p->exprs[e->a].type;
  return NULL;
}

static vyre_status_t type_privileged(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  bool is_memory =
      e->op == VYRE_EXPR_RAW_LOAD || e->op == VYRE_EXPR_RAW_ATOMIC_ADD || e->op == VYRE_EXPR_RAW_ATOMIC_CAS;
  if (!is_memory) {
    bool is_number = e->op == VYRE_EXPR_WORKER || e->op == VYRE_EXPR_PUMP;
    *out_type = is_number ? VYRE_TYPE_U32 : VYRE_TYPE_U64; /* addresses, times */
    return NULL;
  }
  VYRE_TRY(need(p, e->a, "the address", VYRE_TYPE_U64));
  if (e->scope >= VYRE_SCOPE_COUNT) return vyre_program_error(p, VYRE_E_TYPE, e->position, "unknown memory scope");
  if (e->type >= VYRE_TYPE_COUNT || !vyre_type_is_integer(e->type) || vyre_type_is_signed(e->type))
    return vyre_program_error(p, VYRE_E_TYPE, e->position, "raw memory is read as u8, u16, u32 or u64");
  if (e->op == VYRE_EXPR_RAW_LOAD) {
    if (e->order > VYRE_ORDER_ACQUIRE)
      return vyre_program_error(p, VYRE_E_TYPE, e->position, "a raw load is relaxed or acquire");
  } else {
    if (e->type != VYRE_TYPE_U32 && e->type != VYRE_TYPE_U64)
      return vyre_program_error(p, VYRE_E_TYPE, e->position, "atomics work on u32 and u64");
    if (e->order >= VYRE_ORDER_COUNT) return vyre_program_error(p, VYRE_E_TYPE, e->position, "unknown memory order");
    VYRE_TRY(need(p, e->b, "the operand", e->type));
    if (e->op == VYRE_EXPR_RAW_ATOMIC_CAS) VYRE_TRY(need(p, e->c, "the desired value", e->type));
  }
  *out_type = e->type;
  return NULL;
}

vyre_status_t vyre_type_expr(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF: return type_leaf(p, e, out_type);
    case VYRE_CLASS_LOAD: return type_load(p, e, out_type);
    case VYRE_CLASS_UNARY:
      VYRE_TRY(need_fit(p, e, e->a, "the operand"));
      *out_type = p->exprs[e->a].type;
      return NULL;
    case VYRE_CLASS_TERNARY: VYRE_TRY(same_types(p, e, e->b, e->c)); /* fall through */
    case VYRE_CLASS_BINARY:
    case VYRE_CLASS_COMPARE:
      VYRE_TRY(same_types(p, e, e->a, e->b));
      VYRE_TRY(need_fit(p, e, e->a, e->op == VYRE_EXPR_FMA ? "the operand" : "the left side"));
      *out_type = vyre_expr_class(e->op) == VYRE_CLASS_COMPARE ? VYRE_TYPE_BOOL : p->exprs[e->a].type;
      return NULL;
    case VYRE_CLASS_LOGIC:
      VYRE_TRY(need(p, e->a, "the left side", VYRE_TYPE_BOOL));
      VYRE_TRY(need(p, e->b, "the right side", VYRE_TYPE_BOOL));
      *out_type = VYRE_TYPE_BOOL;
      return NULL;
    case VYRE_CLASS_SELECT:
      VYRE_TRY(need(p, e->a, "the condition", VYRE_TYPE_BOOL));
      VYRE_TRY(same_types(p, e, e->b, e->c));
      VYRE_TRY(need_fit(p, e, e->b, "the value"));
      *out_type = p->exprs[e->b].type;
      return NULL;
    case VYRE_CLASS_CAST: return type_cast(p, e, out_type);
    case VYRE_CLASS_MAKE: return type_make(p, e, out_type);
    case VYRE_CLASS_PART: return type_part(p, e, out_type);
    case VYRE_CLASS_ATOMIC: return type_atomic(p, e, out_type);
    case VYRE_CLASS_CALL: return type_call(p, e, out_type);
    case VYRE_CLASS_LIST: *out_type = VYRE_TYPE_VOID; return NULL;
    case VYRE_CLASS_SUBGROUP:
    case VYRE_CLASS_WORKGROUP: return type_collective(p, e, out_type);
    case VYRE_CLASS_PRIVILEGED: return type_privileged(p, e, out_type);
  }
  VYRE_UNREACHABLE();
}

static vyre_status_t type_order(const vyre_program_t *p, const vyre_stmt_t *s, const char *what, vyre_order_t strong) {
  if (s->scope >= VYRE_SCOPE_COUNT) return vyre_program_error(p, VYRE_E_TYPE, s->position, "unknown memory scope");
  if (s->order == VYRE_ORDER_RELAXED || s->order == strong) return NULL;
  return vyre_status_with_fix(
      vyre_program_error(p, VYRE_E_TYPE, s->position, "%s is relaxed or %s", what, vyre_order_text(strong)),
      "Write %s or relaxed.", vyre_order_text(strong));
}

static vyre_status_t type_fence(const vyre_program_t *p, const vyre_stmt_t *s) {
  if (s->scope >= VYRE_SCOPE_COUNT) return vyre_program_error(p, VYRE_E_TYPE, s->position, "unknown memory scope");
  if (s->order != VYRE_ORDER_RELAXED && s->order < VYRE_ORDER_COUNT) return NULL;
  return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, s->position, "a fence that orders nothing"),
                              "Write one of acquire, release, acq_rel, seq_cst.");
}

/* LOAD16 and STORE16 */
static vyre_status_t type_words(const vyre_program_t *p, const vyre_stmt_t *s) {
  bool is_load = s->op == VYRE_STMT_LOAD16;
  if (s->tag > 3) return vyre_program_error(p, VYRE_E_TYPE, s->position, "the tag word is one of 0..3");
  VYRE_TRY(type_order(p, s, vyre_stmt_text(s->op), is_load ? VYRE_ORDER_ACQUIRE : VYRE_ORDER_RELEASE));
  VYRE_TRY(need(p, s->arg[0], "the address", VYRE_TYPE_U64));
  for (unsigned i = 0; i < 4; i++) {
    if (!is_load)
      VYRE_TRY(need(p, s->arg[1 + i], "the word", VYRE_TYPE_U32));
    else if (p->vars[s->out[i]].type != VYRE_TYPE_U32)
      return mismatch(p, s->position, "the variable", VYRE_TYPE_U32, p->vars[s->out[i]].type);
  }
  return NULL;
}

static vyre_status_t type_range(const vyre_program_t *p, const vyre_stmt_t *s) {
  VYRE_TRY(need_unsigned(p, s->arg[0], "the lower bound"));
  VYRE_TRY(need_unsigned(p, s->arg[1], "the upper bound"));
  vyre_type_t low = p->exprs[s->arg[0]].type, high = p->exprs[s->arg[1]].type;
  if (low != high)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, s->position, "the bounds are %s and %s",
                                                   vyre_type_text(low), vyre_type_text(high)),
                                "Convert one of them, for example with u64(...).");
  return need(p, s->arg[0], "the bound", p->vars[s->var].type);
}

/* REDUCE and REDUCE_AT, SET and SET_AT, APPEND: the parameter is an output, and is written so. */
static vyre_status_t type_output(const vyre_program_t *p, const vyre_stmt_t *s) {
  const vyre_param_t *param = &p->params[s->param];
  bool is_at = s->op == VYRE_STMT_REDUCE_AT || s->op == VYRE_STMT_SET_AT;
  bool is_append = s->op == VYRE_STMT_APPEND, is_reduce = s->op == VYRE_STMT_REDUCE || s->op == VYRE_STMT_REDUCE_AT;
  if (param->role != VYRE_ROLE_OUTPUT)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_TYPE, s->position, "'%s' is no output", param->name),
        "Name a parameter that is declared with `output`; elements of other memory are assigned.");
  if (is_append != (param->reducer == VYRE_REDUCER_APPEND))
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_TYPE, s->position, "'%s' has the reducer %s", param->name,
                           vyre_reducer_text(param->reducer)),
        is_append ? "Declare it as `output %s : %s[N] append`." : "Write append(%s, key, value).", param->name,
        vyre_type_text(param->type));
  if (is_reduce && !vyre_reducer_is_commutative(param->reducer))
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, s->position, "'%s' is assigned, its reducer is %s",
                                                   param->name, vyre_reducer_text(param->reducer)),
                                "Write %s = ..., once a call.", param->name);
  if (!is_append && (param->count != 0) != is_at)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_TYPE, s->position, "'%s' is %s", param->name,
                           param->count ? "an array: an index is needed" : "not an array: no index is allowed"),
        param->count ? "Write %s[index] += value." : "Write %s += value.", param->name);
  if (is_at) VYRE_TRY(need_unsigned(p, s->arg[0], "the index"));
  if (is_append) VYRE_TRY(need(p, s->arg[0], "the key", VYRE_TYPE_U64));
  return need(p, s->arg[is_at || is_append], "the value", param->type);
}

static vyre_status_t type_copy(const vyre_program_t *p, const vyre_stmt_t *s) {
  const vyre_param_t *to = &p->params[s->param], *from = &p->params[s->param2];
  bool is_load = s->op == VYRE_STMT_ASYNC_LOAD;
  VYRE_TRY(need_access(p, s->param, VYRE_ACCESS_WRITE, s->position));
  VYRE_TRY(need_access(p, s->param2, VYRE_ACCESS_READ, s->position));
  const vyre_param_t *tile = is_load ? to : from, *other = is_load ? from : to;
  bool is_far = other->role != VYRE_ROLE_WORKGROUP && other->role != VYRE_ROLE_PRIVATE;
  if (tile->role != VYRE_ROLE_WORKGROUP || !is_far)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, s->position, "%s between '%s' and '%s'",
                                                   vyre_stmt_text(s->op), to->name, from->name),
                                "Copy between workgroup memory and a stream, constant, state or window.");
  if (to->type != from->type)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, s->position, "a copy from elements of %s to %s",
                                                   vyre_type_text(from->type), vyre_type_text(to->type)),
                                "Declare both with one type, or convert the elements in a loop.");
  for (unsigned i = 0; i < 3; i++) VYRE_TRY(need(p, s->arg[i], "the argument", VYRE_TYPE_U64));
  return NULL;
}

static vyre_status_t type_case(const vyre_program_t *p, const vyre_stmt_t *s) {
  for (uint32_t list = s->arg[0]; list; list = p->exprs[list].b)
    if (p->exprs[p->exprs[list].a].op != VYRE_EXPR_CONST)
      return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, s->position, "a label that is no literal"),
                                  "Write literals after `case`.");
  return NULL;
}

static vyre_status_t type_barrier(const vyre_program_t *p, const vyre_stmt_t *s) {
  if (s->scope >= VYRE_SCOPE_COUNT) return vyre_program_error(p, VYRE_E_TYPE, s->position, "unknown memory scope");
  if (s->order != VYRE_ORDER_RELAXED && s->order < VYRE_ORDER_COUNT) return NULL;
  return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, s->position, "a barrier that orders nothing"),
                              "Write barrier(), or one of acquire, release, acq_rel, seq_cst.");
}

vyre_status_t vyre_type_stmt(const vyre_program_t *p, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN: return need(p, s->arg[0], "the value", p->vars[s->var].type);
    case VYRE_STMT_REDUCE:
    case VYRE_STMT_REDUCE_AT:
    case VYRE_STMT_SET:
    case VYRE_STMT_SET_AT:
    case VYRE_STMT_APPEND: return type_output(p, s);
    case VYRE_STMT_STORE:
      VYRE_TRY(need_access(p, s->param, VYRE_ACCESS_WRITE, s->position));
      VYRE_TRY(need_unsigned(p, s->arg[0], "the index"));
      return need(p, s->arg[1], "the value", p->params[s->param].type);
    case VYRE_STMT_ASYNC_LOAD:
    case VYRE_STMT_ASYNC_STORE: return type_copy(p, s);
    case VYRE_STMT_SWITCH: return need_integer(p, s->arg[0], "the value of switch");
    case VYRE_STMT_CASE: return type_case(p, s);
    case VYRE_STMT_BARRIER: return type_barrier(p, s);
    case VYRE_STMT_IF:
    case VYRE_STMT_WHILE: return need(p, s->arg[0], "the condition", VYRE_TYPE_BOOL);
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH: return type_range(p, s);
    case VYRE_STMT_RAW_STORE:
      VYRE_TRY(need(p, s->arg[0], "the address", VYRE_TYPE_U64));
      if (s->type >= VYRE_TYPE_COUNT || !vyre_type_is_integer(s->type) || vyre_type_is_signed(s->type))
        return vyre_program_error(p, VYRE_E_TYPE, s->position, "raw memory is written as u8, u16, u32 or u64");
      VYRE_TRY(type_order(p, s, "a raw store", VYRE_ORDER_RELEASE));
      return need(p, s->arg[1], "the value", s->type);
    case VYRE_STMT_LOAD16:
    case VYRE_STMT_STORE16: return type_words(p, s);
    case VYRE_STMT_LANES:
      if (p->vars[s->var].type == VYRE_TYPE_U32) return NULL;
      return mismatch(p, s->position, "the lane", VYRE_TYPE_U32, p->vars[s->var].type);
    case VYRE_STMT_VOTE:
      if (p->vars[s->var].type != VYRE_TYPE_U32)
        return vyre_status_with_fix(
            vyre_program_error(p, VYRE_E_TYPE, s->position, "the mask is %s, %s is needed",
                               vyre_type_text(p->vars[s->var].type), vyre_type_text(VYRE_TYPE_U32)),
            "Declare it with `var %s : u32 = 0`.", p->vars[s->var].name);
      return need(p, s->arg[0], "the condition", VYRE_TYPE_BOOL);
    case VYRE_STMT_FENCE: return type_fence(p, s);
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE:
    case VYRE_STMT_WAKE: return need(p, s->arg[0], "the address", VYRE_TYPE_U64);
    case VYRE_STMT_RAW_COPY:
      VYRE_TRY(need(p, s->arg[0], "the address written", VYRE_TYPE_U64));
      VYRE_TRY(need(p, s->arg[1], "the address read", VYRE_TYPE_U64));
      return need(p, s->arg[2], "the number of bytes", VYRE_TYPE_U64);
    case VYRE_STMT_SLEEP:
      VYRE_TRY(need(p, s->arg[0], "the address", VYRE_TYPE_U64));
      return need(p, s->arg[1], "the value seen", VYRE_TYPE_U32);
    case VYRE_STMT_CALL_HANDLER:
      VYRE_TRY(need(p, s->arg[0], "the handler index", VYRE_TYPE_U32));
      return need(p, s->arg[1], "the frame's address", VYRE_TYPE_U64);
    default: return NULL;
  }
}
