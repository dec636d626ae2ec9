#include "ir/program.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/frame.h"

static const struct {
  const char *text;
  uint8_t bits;
  bool is_signed;
} types[VYRE_TYPE_COUNT] = {
#define VYRE_TYPE(name, text, bits, is_signed) {text, bits, is_signed},
#include "ir/types.def"
#undef VYRE_TYPE
};

static const struct {
  const char *text;
  uint8_t class_;
  uint8_t arity;
} exprs[VYRE_EXPR_COUNT] = {
    {"", VYRE_CLASS_LEAF, 0},
#define VYRE_EXPR(name, text, class, arity) {text, VYRE_CLASS_##class, arity},
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
#define VYRE_EXPR(name, text, class, arity)
#define VYRE_STMT(name, text, privileged) {text, privileged},
#include "ir/ops.def"
#undef VYRE_EXPR
#undef VYRE_STMT
};

const char *vyre_type_text(vyre_type_t type) { return types[type].text; }
unsigned vyre_type_bits(vyre_type_t type) { return types[type].bits; }
unsigned vyre_type_bytes(vyre_type_t type) { return (types[type].bits + 7u) / 8u; }
bool vyre_type_is_signed(vyre_type_t type) { return types[type].is_signed; }
bool vyre_type_is_integer(vyre_type_t type) { return types[type].bits >= 8; }

uint64_t vyre_type_mask(vyre_type_t type) {
  return types[type].bits == 64 ? UINT64_MAX : (UINT64_C(1) << types[type].bits) - 1;
}

const char *vyre_expr_text(vyre_expr_op_t op) { return exprs[op].text; }
vyre_op_class_t vyre_expr_class(vyre_expr_op_t op) { return (vyre_op_class_t)exprs[op].class_; }
unsigned vyre_expr_arity(vyre_expr_op_t op) { return exprs[op].arity; }
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

const char *vyre_fault_text(uint32_t fault) {
  switch (fault) {
#define VYRE_FAULT(name, number, text) \
  case number: return text;
#include "ir/fault.def"
#undef VYRE_FAULT
    default: return "unknown fault";
  }
}

vyre_program_t *vyre_program_create(void) {
  vyre_program_t *program = vyre_calloc(1, sizeof *program);
  if (!program) return NULL;
  atomic_init(&program->references, 1);
  program->var_count = program->expr_count = program->stmt_count = 1;
  if (!vyre_array_reserve((void **)&program->vars, &program->var_capacity, 1, sizeof *program->vars) ||
      !vyre_array_reserve((void **)&program->exprs, &program->expr_capacity, 1, sizeof *program->exprs) ||
      !vyre_array_reserve((void **)&program->stmts, &program->stmt_capacity, 1, sizeof *program->stmts)) {
    vyre_program_release(program);
    return NULL;
  }
  program->vars[0] = (vyre_var_t){0};
  program->exprs[0] = (vyre_expr_t){0};
  program->stmts[0] = (vyre_stmt_t){0};
  return program;
}

vyre_program_t *vyre_program_retain(const vyre_program_t *program) {
  vyre_program_t *shared = (vyre_program_t *)(uintptr_t)program; /* the count is the one part that changes */
  atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
  return shared;
}

void vyre_program_release(vyre_program_t *program) {
  if (!program || atomic_fetch_sub_explicit(&program->references, 1, memory_order_acq_rel) != 1) return;
  for (uint32_t i = 0; i < program->param_count; i++) vyre_free(program->params[i].name);
  if (program->vars)
    for (uint32_t i = 1; i < program->var_count; i++) vyre_free(program->vars[i].name);
  vyre_free(program->vars);
  vyre_free(program->exprs);
  vyre_free(program->stmts);
  vyre_free(program->name);
  vyre_free(program->source_name);
  vyre_free(program);
}

/* Array outputs up to this many bytes get several private copies per worker, so that neighbouring iterations do not
 * wait for each other's store; larger ones would only fall out of the first-level cache. */
enum { COPIED_TABLE_BYTES_MAX = 4096, TABLE_COPIES = 4 };

void vyre_program_layout(const vyre_program_t *program, vyre_layout_t *out_layout) {
  *out_layout = (vyre_layout_t){0};
  uint32_t output = 0, scratch = 0;
  for (uint32_t i = 0; i < program->param_count; i++) {
    const vyre_param_t *param = &program->params[i];
    if (param->role != VYRE_ROLE_OUTPUT) continue;
    uint32_t element = vyre_type_bytes(param->type);
    uint32_t bytes = element * (param->count ? param->count : 1);
    output = (output + 7u) & ~7u;
    out_layout->output_offset[i] = output;
    output += bytes;
    if (param->count) {
      uint32_t table = (bytes + 63u) & ~63u;
      out_layout->scratch_offset[i] = scratch;
      out_layout->table_copies[i] = (uint8_t)(bytes <= COPIED_TABLE_BYTES_MAX ? TABLE_COPIES : 1);
      out_layout->table_stride[i] = table;
      scratch += table * out_layout->table_copies[i];
    }
  }
  out_layout->output_bytes = (output + 63u) & ~63u;
  out_layout->scratch_bytes = scratch;
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
  vyre_status_t status = vyre_status_make(code, "%s", detail ? detail : format);
  vyre_free(detail);
  const char *source = program->source_name && *program->source_name ? program->source_name
                       : program->name                               ? program->name
                                                                     : "program";
  if (!position) return vyre_status_at(status, "%s", source);
  return vyre_status_at(status, "%s:%u:%u", source, vyre_position_line(position), vyre_position_column(position));
}
