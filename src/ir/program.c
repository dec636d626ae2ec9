#include "ir/program.h"

#include <stdarg.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/frame.h"

static const struct {
  const char *text;
  uint8_t bits;
  uint8_t kind;
} types[VYRE_TYPE_COUNT] = {
#define VYRE_TYPE(name, text, bits, kind) {text, bits, VYRE_KIND_##kind},
#include "ir/types.def"
#undef VYRE_TYPE
};

static const struct {
  const char *text;
  uint8_t class_;
  uint8_t arity;
  uint8_t on;
} exprs[VYRE_EXPR_COUNT] = {
    {"", VYRE_CLASS_LEAF, 0, VYRE_ON_NONE},
#define VYRE_EXPR(name, text, class, arity, on) {text, VYRE_CLASS_##class, arity, VYRE_ON_##on},
#define VYRE_STMT(name, text, privileged)
#include "ir/ops.def"
#undef VYRE_EXPR
#undef VYRE_STMT
};

static const struct {
  const char *text;
  bool is_privileged;
} stmts[VYRE_STMT_COUNT] = {
    {"", false},
#define VYRE_EXPR(name, text, class, arity, on)
#define VYRE_STMT(name, text, privileged) {text, privileged},
#include "ir/ops.def"
#undef VYRE_EXPR
#undef VYRE_STMT
};

const char *vyre_type_text(vyre_type_t type) { return types[type].text; }
unsigned vyre_type_bits(vyre_type_t type) { return types[type].bits; }
unsigned vyre_type_bytes(vyre_type_t type) { return (types[type].bits + 7u) / 8u; }
vyre_type_kind_t vyre_type_kind(vyre_type_t type) { return (vyre_type_kind_t)types[type].kind; }
bool vyre_type_is_signed(vyre_type_t type) { return types[type].kind == VYRE_KIND_SIGNED; }
bool vyre_type_is_float(vyre_type_t type) { return types[type].kind == VYRE_KIND_FLOAT; }
bool vyre_type_is_scalar(vyre_type_t type) {
  return types[type].kind != VYRE_KIND_NONE && types[type].kind != VYRE_KIND_VECTOR;
}
bool vyre_type_is_integer(vyre_type_t type) {
  return types[type].kind == VYRE_KIND_UNSIGNED || types[type].kind == VYRE_KIND_SIGNED;
}

uint64_t vyre_type_mask(vyre_type_t type) {
  return types[type].bits >= 64 ? UINT64_MAX : (UINT64_C(1) << types[type].bits) - 1;
}

bool vyre_type_fits(vyre_type_t type, vyre_operands_t on) {
  bool is_bool = type == VYRE_TYPE_BOOL, is_integer = vyre_type_is_integer(type), is_float = vyre_type_is_float(type);
  bool is_word = is_integer && types[type].bits >= 32;
  switch (on) {
    case VYRE_ON_NONE: return false;
    case VYRE_ON_BOOL: return is_bool;
    case VYRE_ON_INTEGER: return is_integer;
    case VYRE_ON_FLOAT: return is_float;
    case VYRE_ON_NUMBER: return is_integer || is_float;
    case VYRE_ON_BITS: return is_integer || is_bool;
    case VYRE_ON_SCALAR: return is_integer || is_float || is_bool;
    case VYRE_ON_WORD: return is_word;
    case VYRE_ON_REDUCIBLE: return is_word || is_float;
    case VYRE_ON_MOVABLE: return is_word || is_float || is_bool;
    case VYRE_ON_ANY: return type != VYRE_TYPE_VOID;
  }
  VYRE_UNREACHABLE();
}

const char *vyre_expr_text(vyre_expr_op_t op) { return exprs[op].text; }
vyre_op_class_t vyre_expr_class(vyre_expr_op_t op) { return (vyre_op_class_t)exprs[op].class_; }
unsigned vyre_expr_arity(vyre_expr_op_t op) { return exprs[op].arity; }
vyre_operands_t vyre_expr_on(vyre_expr_op_t op) { return (vyre_operands_t)exprs[op].on; }
bool vyre_expr_is_collective(vyre_expr_op_t op) {
  return exprs[op].class_ == VYRE_CLASS_SUBGROUP || exprs[op].class_ == VYRE_CLASS_WORKGROUP;
}
const char *vyre_stmt_text(vyre_stmt_op_t op) { return stmts[op].text; }
bool vyre_stmt_is_privileged(vyre_stmt_op_t op) { return stmts[op].is_privileged; }

const char *vyre_order_text(vyre_order_t order) {
  static const char *const texts[VYRE_ORDER_COUNT] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};
  return texts[order];
}

const char *vyre_scope_text(vyre_scope_t scope) {
  static const char *const texts[VYRE_SCOPE_COUNT] = {"system", "device", "workgroup"};
  return texts[scope];
}

const char *vyre_reducer_text(vyre_reducer_t reducer) {
  static const char *const texts[VYRE_REDUCER_COUNT] = {"",    "sum",     "min",       "max",   "or",
                                                        "xor", "combine", "per_chunk", "append"};
  return texts[reducer];
}

const char *vyre_role_text(vyre_role_t role) {
  static const char *const texts[VYRE_ROLE_COUNT] = {"stream", "output", "param",     "constant",
                                                     "state",  "window", "workgroup", "private"};
  return texts[role];
}

bool vyre_param_is_buffer(const vyre_param_t *param) {
  return param->role != VYRE_ROLE_OUTPUT && param->role != VYRE_ROLE_SCALAR;
}

bool vyre_param_has_halo(const vyre_param_t *param) {
  return param->left.is_param || param->left.count || param->right.is_param || param->right.count;
}

bool vyre_reducer_is_commutative(vyre_reducer_t reducer) {
  return reducer >= VYRE_REDUCER_SUM && reducer <= VYRE_REDUCER_XOR;
}

bool vyre_output_is_ordered(const vyre_param_t *param) {
  if (param->role != VYRE_ROLE_OUTPUT) return false;
  bool is_float_sum = param->reducer == VYRE_REDUCER_SUM && vyre_type_is_float(param->type);
  return is_float_sum || !vyre_reducer_is_commutative(param->reducer);
}

bool vyre_atomic_commutes(vyre_expr_op_t op) { return op >= VYRE_EXPR_ATOMIC_ADD && op <= VYRE_EXPR_ATOMIC_XOR; }

const char *vyre_fault_text(uint32_t fault) {
  switch (fault) {
#define VYRE_FAULT(name, number, text) \
  case number:                         \
    return text;
#include "ir/fault.def"
#undef VYRE_FAULT
    default: return "unknown fault";
  }
}

vyre_program_t *vyre_program_create(void) {
  vyre_program_t *program = vyre_calloc(1, sizeof *program);
  if (!program) return NULL;
  program->var_count = program->expr_count = program->stmt_count = 1;
  program->workgroup_size = 1;
  if (!vyre_array_reserve((void **)&program->vars, &program->var_capacity, 1, sizeof *program->vars) ||
      !vyre_array_reserve((void **)&program->exprs, &program->expr_capacity, 1, sizeof *program->exprs) ||
      !vyre_array_reserve((void **)&program->stmts, &program->stmt_capacity, 1, sizeof *program->stmts)) {
    vyre_program_destroy(&program);
    return NULL;
  }
  program->vars[0] = (vyre_var_t){0};
  program->exprs[0] = (vyre_expr_t){0};
  program->stmts[0] = (vyre_stmt_t){0};
  return program;
}

void vyre_program_destroy(vyre_program_t **program_at) {
  if (!program_at || !*program_at) return;
  vyre_program_t *program = *program_at;
  *program_at = NULL;
  for (uint32_t i = 0; i < program->param_count; i++) vyre_free(program->params[i].name);
  if (program->vars)
    for (uint32_t i = 1; i < program->var_count; i++) vyre_free(program->vars[i].name);
  for (uint32_t i = 0; i < program->function_count; i++) vyre_free(program->functions[i].name);
  vyre_free(program->functions);
  vyre_free(program->vars);
  vyre_free(program->exprs);
  vyre_free(program->stmts);
  vyre_free(program->name);
  vyre_free(program->source_name);
  vyre_free(program);
}

vyre_status_t vyre_program_check_needs(const vyre_program_t *program, uint32_t lacks, const char *who) {
  static const char *const names[] = {"floating point",     "vectors", "scalars, constants, state or windows",
                                      "workgroups",         "atomics", "reducers other than integer sums",
                                      "functions or switch"};
  uint32_t missing = program->needs & lacks;
  if (!missing) return NULL;
  unsigned first = 0;
  while (!(missing >> first & 1)) first++;
  return vyre_status_with_fix(
      vyre_program_error(program, VYRE_E_UNSUPPORTED, 0, "%s does not run %s yet", who, names[first]),
      "Choose --device cpu or --device ref.");
}

vyre_position_t vyre_program_node_position(const vyre_program_t *program, vyre_node_t node) {
  uint32_t id = node & ~VYRE_NODE_STMT;
  if (node & VYRE_NODE_STMT) return id < program->stmt_count ? program->stmts[id].position : 0;
  return id < program->expr_count ? program->exprs[id].position : 0;
}

vyre_status_t vyre_program_error(const vyre_program_t *program, vyre_code_t code, vyre_position_t position,
                                 const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_strbuf_vprintf(&text, format, arguments);
  va_end(arguments);
  char *detail = vyre_strbuf_take(&text);
  vyre_status_t status = detail ? vyre_status_make(code, "%s", detail) : vyre_out_of_memory(0);
  vyre_free(detail);
  const char *source = program->source_name && *program->source_name ? program->source_name
                       : program->name                               ? program->name
                                                                     : "program";
  if (!position) return vyre_status_at(status, "%s", source);
  return vyre_status_at(status, "%s:%u:%u", source, vyre_position_line(position), vyre_position_column(position));
}
