/* Nothing in the bytes is trusted: numbers are held against what is there already and against the limits before they
 * are used, and the validator has the last word. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "ir/typing.h"
#include "ir/validate.h"
#include "ir/wire.h"

typedef struct decoder {
  const unsigned char *bytes;
  size_t size, at;
  vyre_program_t *program;
  const char *source_name;
  uint32_t depth; /* of open blocks */
} decoder_t;

static vyre_status_t fail_at(const char *source_name, size_t at, const char *what) {
  return vyre_status_at(vyre_status_make(VYRE_E_WIRE, "%s at byte %zu", what, at), "%s", source_name);
}

static vyre_status_t fail(const decoder_t *d, const char *what) { return fail_at(d->source_name, d->at, what); }

static vyre_status_t fail_limit(const decoder_t *d, const char *what, unsigned limit) {
  return vyre_program_error(d->program, VYRE_E_LIMIT, 0, "more than %u %s", limit, what);
}

/* ---- numbers and texts ---- */

static vyre_status_t take_number(decoder_t *d, uint64_t most, const char *what, uint64_t *out_value) {
  uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (d->at == d->size) return fail(d, "the bytes end in the middle");
    unsigned char byte = d->bytes[d->at++];
    if (shift == 63 && byte > 1) return fail(d, "a number of more than 64 bits");
    if (byte == 0 && shift > 0) return fail(d, "a number that is longer than it has to be");
    value |= (uint64_t)(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  if (value > most) return fail(d, what);
  *out_value = value;
  return NULL;
}

static vyre_status_t take_u32(decoder_t *d, uint32_t most, const char *what, uint32_t *out_value) {
  uint64_t value = 0;
  VYRE_TRY(take_number(d, most, what, &value));
  *out_value = (uint32_t)value;
  return NULL;
}

static vyre_status_t take_u8(decoder_t *d, uint8_t most, const char *what, uint8_t *out_value) {
  uint64_t value = 0;
  VYRE_TRY(take_number(d, most, what, &value));
  *out_value = (uint8_t)value;
  return NULL;
}

static vyre_status_t take_bool(decoder_t *d, bool *out_value) {
  uint64_t value = 0;
  VYRE_TRY(take_number(d, 1, "a yes or no that is neither", &value));
  *out_value = value != 0;
  return NULL;
}

static vyre_status_t take_text(decoder_t *d, uint32_t most, char **out_text) {
  uint32_t length = 0;
  VYRE_TRY(take_u32(d, most, "a text that is too long", &length));
  if (length > d->size - d->at) return fail(d, "the bytes end in a text");
  if (memchr(d->bytes + d->at, 0, length)) return fail(d, "a zero in a text");
  char *text = vyre_strndup((const char *)d->bytes + d->at, length);
  if (!text) return vyre_out_of_memory(length);
  d->at += length;
  vyre_free(*out_text);
  *out_text = text;
  return NULL;
}

static vyre_status_t take_position(decoder_t *d, vyre_position_t *out_position) {
  return take_u32(d, UINT32_MAX, "a position that is none", out_position);
}

/* ---- expressions ---- */

static vyre_status_t add_expr(decoder_t *d, const vyre_expr_t *e, uint32_t *out_id) {
  vyre_program_t *p = d->program;
  if (p->expr_count > VYRE_LIMIT_NODES) return fail_limit(d, "expression nodes", VYRE_LIMIT_NODES);
  if (!vyre_array_reserve((void **)&p->exprs, &p->expr_capacity, p->expr_count + 1, sizeof *p->exprs))
    return vyre_out_of_memory(p->expr_count * sizeof *p->exprs);
  p->exprs[p->expr_count] = *e;
  *out_id = p->expr_count++;
  return NULL;
}

static vyre_status_t take_expr(decoder_t *d, uint32_t depth, uint32_t *out_id);

static vyre_status_t take_list(decoder_t *d, uint32_t depth, uint32_t most, uint32_t *out_list) {
  uint32_t count = 0, link = 0;
  VYRE_TRY(take_u32(d, most, "a list that is too long", &count));
  *out_list = 0;
  for (uint32_t i = 0; i < count; i++) {
    vyre_expr_t e = {.op = VYRE_EXPR_LIST};
    uint32_t id = 0;
    VYRE_TRY(take_expr(d, depth, &e.a));
    VYRE_TRY(add_expr(d, &e, &id));
    if (link)
      d->program->exprs[link].b = id;
    else
      *out_list = id;
    link = id;
  }
  return NULL;
}

/* A number below `count`, of what exists. */
static vyre_status_t take_index(decoder_t *d, uint32_t count, const char *what, uint32_t *out_index) {
  if (count == 0) return fail(d, what);
  return take_u32(d, count - 1, what, out_index);
}

static vyre_status_t take_expr_field(decoder_t *d, char field, vyre_expr_t *e, unsigned *operand, uint32_t depth) {
  uint32_t id = 0;
  switch (field) {
    case 'e':
      VYRE_TRY(take_expr(d, depth + 1, &id));
      vyre_expr_set_operand(e, (*operand)++, id);
      return NULL;
    case 'c': return take_list(d, depth + 2, VYRE_LIMIT_ARGUMENTS, &e->b);
    case 't': return take_u8(d, VYRE_TYPE_COUNT - 1, "an unknown type", &e->type);
    case 'i': return take_number(d, UINT64_MAX, "", &e->imm);
    case 'o': return take_u8(d, VYRE_ORDER_COUNT - 1, "an unknown order", &e->order);
    case 's': return take_u8(d, VYRE_SCOPE_COUNT - 1, "an unknown scope", &e->scope);
    case 'v':
      VYRE_TRY(take_index(d, d->program->var_count, "a variable that does not exist", &e->a));
      return e->a ? NULL : fail(d, "a variable that does not exist");
    case 'f': return take_index(d, d->program->function_count, "a function that does not exist", &e->a);
    default: return take_index(d, d->program->param_count, "a parameter that does not exist", &e->a);
  }
}

static vyre_status_t take_expr(decoder_t *d, uint32_t depth, uint32_t *out_id) {
  vyre_expr_t e = {0};
  unsigned operand = 0;
  if (depth > VYRE_LIMIT_DEPTH) return fail_limit(d, "expressions inside each other", VYRE_LIMIT_DEPTH);
  VYRE_TRY(take_u8(d, VYRE_EXPR_COUNT - 1, "an unknown expression", &e.op));
  if (e.op == VYRE_EXPR_NONE || e.op == VYRE_EXPR_LIST) return fail(d, "a number that is no expression");
  for (const char *field = vyre_wire_expr_fields(e.op); *field; field++)
    VYRE_TRY(take_expr_field(d, *field, &e, &operand, depth));
  vyre_type_t type = VYRE_TYPE_VOID;
  VYRE_TRY(vyre_type_expr(d->program, &e, &type));
  e.type = (uint8_t)type;
  return add_expr(d, &e, out_id);
}

/* ---- statements ---- */

/* Without a debug section a variable is called after its number. */
static vyre_status_t declare(decoder_t *d, uint8_t type, bool is_mutable, uint32_t *out_var) {
  vyre_program_t *p = d->program;
  char name[16];
  if (p->var_count > VYRE_LIMIT_VARS) return fail_limit(d, "variables", VYRE_LIMIT_VARS);
  if (!vyre_array_reserve((void **)&p->vars, &p->var_capacity, p->var_count + 1, sizeof *p->vars))
    return vyre_out_of_memory(p->var_count * sizeof *p->vars);
  snprintf(name, sizeof name, "v%u", p->var_count);
  char *copy = vyre_strdup(name);
  if (!copy) return vyre_out_of_memory(sizeof name);
  p->vars[p->var_count] = (vyre_var_t){.name = copy, .type = type, .is_mutable = is_mutable};
  *out_var = p->var_count++;
  return NULL;
}

static vyre_status_t take_block(decoder_t *d, uint32_t *out_first);

static vyre_status_t take_stmt_field(decoder_t *d, char field, vyre_stmt_t *s, unsigned *arg, bool *is_mutable) {
  bool has_value = false;
  switch (field) {
    case 'e': return take_expr(d, 1, &s->arg[(*arg)++]);
    case 'c': return take_list(d, 2, VYRE_LIMIT_LABELS, &s->arg[0]);
    case 'r': VYRE_TRY(take_bool(d, &has_value)); return has_value ? take_expr(d, 1, &s->arg[0]) : NULL;
    case 'b': return take_block(d, &s->body);
    case 'l': return take_block(d, &s->orelse);
    case 't': return take_u8(d, VYRE_TYPE_COUNT - 1, "an unknown type", &s->type);
    case 'o': return take_u8(d, VYRE_ORDER_COUNT - 1, "an unknown order", &s->order);
    case 's': return take_u8(d, VYRE_SCOPE_COUNT - 1, "an unknown scope", &s->scope);
    case 'g': return take_u8(d, 3, "a tag word that does not exist", &s->tag);
    case 'p': return take_index(d, d->program->param_count, "a parameter that does not exist", &s->param);
    case 'q': return take_index(d, d->program->param_count, "a parameter that does not exist", &s->param2);
    case 'v': return take_index(d, d->program->var_count, "a variable that does not exist", &s->var);
    case 'm': return take_bool(d, is_mutable);
    case 'D': return declare(d, d->program->exprs[s->arg[0]].type, *is_mutable, &s->var);
    case 'L': return declare(d, VYRE_TYPE_U32, false, &s->var);
    default:
      for (unsigned i = 0; i < 4; i++) VYRE_TRY(declare(d, VYRE_TYPE_U32, false, &s->out[i]));
      return NULL;
  }
}

static vyre_status_t take_stmt(decoder_t *d, uint8_t op, uint32_t *out_id) {
  vyre_program_t *p = d->program;
  vyre_stmt_t s = {.op = op};
  unsigned arg = 0;
  bool is_mutable = false;
  if (p->stmt_count > VYRE_LIMIT_NODES) return fail_limit(d, "statements", VYRE_LIMIT_NODES);
  if (!vyre_array_reserve((void **)&p->stmts, &p->stmt_capacity, p->stmt_count + 1, sizeof *p->stmts))
    return vyre_out_of_memory(p->stmt_count * sizeof *p->stmts);
  uint32_t id = p->stmt_count++; /* before those of its blocks */
  p->stmts[id] = s;
  for (const char *field = vyre_wire_stmt_fields(op); *field; field++)
    VYRE_TRY(take_stmt_field(d, *field, &s, &arg, &is_mutable));
  p->stmts[id] = s;
  *out_id = id;
  return NULL;
}

static vyre_status_t take_block(decoder_t *d, uint32_t *out_first) {
  uint32_t tail = 0;
  if (d->depth > VYRE_LIMIT_DEPTH) return fail_limit(d, "nested blocks", VYRE_LIMIT_DEPTH);
  d->depth++;
  for (;;) {
    uint8_t op = 0;
    uint32_t id = 0;
    VYRE_TRY(take_u8(d, VYRE_STMT_COUNT - 1, "an unknown statement", &op));
    if (op == VYRE_STMT_NONE) break;
    VYRE_TRY(take_stmt(d, op, &id));
    if (tail)
      d->program->stmts[tail].next = id;
    else
      *out_first = id;
    tail = id;
  }
  d->depth--;
  return NULL;
}

/* ---- the rest of the body ---- */

static vyre_status_t take_halo(decoder_t *d, vyre_halo_t *out_halo) {
  VYRE_TRY(take_bool(d, &out_halo->is_param));
  return take_u32(d, UINT32_MAX, "a halo that is too long", &out_halo->count);
}

static vyre_status_t take_params(decoder_t *d) {
  vyre_program_t *p = d->program;
  uint32_t count = 0;
  VYRE_TRY(take_u32(d, VYRE_LIMIT_PARAMS, "too many parameters", &count));
  while (p->param_count < count) {
    vyre_param_t *param = &p->params[p->param_count++];
    VYRE_TRY(take_text(d, VYRE_LIMIT_NAME_BYTES, &param->name));
    VYRE_TRY(take_u8(d, VYRE_ROLE_COUNT - 1, "an unknown role", &param->role));
    VYRE_TRY(take_u8(d, VYRE_TYPE_COUNT - 1, "an unknown type", &param->type));
    VYRE_TRY(take_u8(d, VYRE_ACCESS_READ_WRITE, "an unknown access", &param->access));
    VYRE_TRY(take_u8(d, VYRE_REDUCER_COUNT - 1, "an unknown reducer", &param->reducer));
    VYRE_TRY(take_u32(d, UINT32_MAX, "an array that is too long", &param->count));
    if (param->reducer == VYRE_REDUCER_COMBINE)
      VYRE_TRY(take_u32(d, VYRE_LIMIT_FUNCTIONS - 1, "a function that does not exist", &param->function));
    if (param->role != VYRE_ROLE_STREAM) continue;
    VYRE_TRY(take_halo(d, &param->left));
    VYRE_TRY(take_halo(d, &param->right));
  }
  return NULL;
}

/* A function is there before its body, but the body can name earlier ones only, which the validator sees to. */
static vyre_status_t take_function(decoder_t *d) {
  vyre_program_t *p = d->program;
  char name[16];
  if (!vyre_array_reserve((void **)&p->functions, &p->function_capacity, p->function_count + 1, sizeof *p->functions))
    return vyre_out_of_memory(sizeof *p->functions);
  vyre_function_t f = {.first_arg = p->var_count};
  VYRE_TRY(take_u8(d, VYRE_TYPE_COUNT - 1, "an unknown type", &f.type));
  VYRE_TRY(take_u8(d, VYRE_LIMIT_ARGUMENTS, "too many arguments", &f.arg_count));
  for (uint32_t i = 0; i < f.arg_count; i++) {
    uint8_t type = 0;
    uint32_t var = 0;
    VYRE_TRY(take_u8(d, VYRE_TYPE_COUNT - 1, "an unknown type", &type));
    VYRE_TRY(declare(d, type, false, &var));
  }
  snprintf(name, sizeof name, "f%u", p->function_count);
  f.name = vyre_strdup(name);
  if (!f.name) return vyre_out_of_memory(sizeof name);
  uint32_t id = p->function_count++;
  p->functions[id] = f;
  return take_block(d, &p->functions[id].body);
}

static vyre_status_t take_body(decoder_t *d) {
  vyre_program_t *p = d->program;
  uint32_t attributes = 0, functions = 0;
  VYRE_TRY(take_u32(d, 3, "an unknown attribute", &attributes));
  p->is_privileged = attributes & 1;
  p->has_finish = attributes >> 1 & 1;
  VYRE_TRY(take_u32(d, VYRE_LIMIT_WORKGROUP_SIZE, "too many lanes", &p->workgroup_size));
  VYRE_TRY(take_u32(d, VYRE_LIMIT_CHUNK_BYTES, "chunks that are too long", &p->chunk_bytes));
  VYRE_TRY(take_params(d));
  VYRE_TRY(take_u32(d, VYRE_LIMIT_FUNCTIONS, "too many functions", &functions));
  while (p->function_count < functions) VYRE_TRY(take_function(d));
  VYRE_TRY(take_block(d, &p->body));
  return p->has_finish ? take_block(d, &p->finish) : NULL;
}

static vyre_status_t take_debug(decoder_t *d) {
  vyre_program_t *p = d->program;
  VYRE_TRY(take_text(d, VYRE_LIMIT_NAME_BYTES, &p->name));
  if (!*p->name) return fail(d, "a Program without a name"); /* messages need one */
  VYRE_TRY(take_text(d, VYRE_LIMIT_SOURCE_NAME_BYTES, &p->source_name));
  for (uint32_t i = 0; i < p->param_count; i++) VYRE_TRY(take_position(d, &p->params[i].position));
  for (uint32_t i = 0; i < p->function_count; i++) {
    VYRE_TRY(take_text(d, VYRE_LIMIT_NAME_BYTES, &p->functions[i].name));
    VYRE_TRY(take_position(d, &p->functions[i].position));
  }
  for (uint32_t i = 1; i < p->var_count; i++) {
    VYRE_TRY(take_text(d, VYRE_LIMIT_NAME_BYTES, &p->vars[i].name));
    VYRE_TRY(take_position(d, &p->vars[i].position));
  }
  for (uint32_t i = 1; i < p->expr_count; i++) VYRE_TRY(take_position(d, &p->exprs[i].position));
  for (uint32_t i = 1; i < p->stmt_count; i++) VYRE_TRY(take_position(d, &p->stmts[i].position));
  return NULL;
}

static vyre_status_t take_program(decoder_t *d, bool has_debug, bool allow_privileged) {
  VYRE_TRY(take_body(d));
  if (d->program->is_privileged && !allow_privileged)
    return vyre_program_error(d->program, VYRE_E_PRIVILEGED, 0, "a privileged Program in the wire form");
  if (has_debug) VYRE_TRY(take_debug(d));
  if (d->at != d->size) return fail(d, "bytes behind the end");
  return vyre_validate(d->program);
}

static vyre_status_t check_header(const unsigned char *bytes, size_t size, const char *source_name) {
  unsigned char hash[VYRE_BLAKE3_BYTES];
  if (!vyre_wire_is_magic(bytes, size)) return fail_at(source_name, 0, "no wire form");
  if (size < VYRE_WIRE_HEADER_BYTES) return fail_at(source_name, size, "the bytes end in the middle");
  if (bytes[4] != VYRE_WIRE_VERSION)
    return vyre_status_with_fix(
        vyre_status_at(vyre_status_make(VYRE_E_WIRE, "version %u; this vyre reads %d", bytes[4], VYRE_WIRE_VERSION),
                       "%s", source_name),
        "Run `vyre inspect --emit wire PROGRAM -o FILE` of this vyre to make the file again.");
  if (bytes[5] & ~VYRE_WIRE_DEBUG) return fail_at(source_name, 5, "an unknown flag");
  if (size > VYRE_LIMIT_WIRE_BYTES)
    return vyre_status_at(vyre_status_make(VYRE_E_TOO_LARGE, "a wire form has at most %d bytes", VYRE_LIMIT_WIRE_BYTES),
                          "%s", source_name);
  vyre_blake3_hash(bytes + VYRE_WIRE_HEADER_BYTES, size - VYRE_WIRE_HEADER_BYTES, hash);
  if (memcmp(hash, bytes + VYRE_WIRE_HASH_AT, sizeof hash) == 0) return NULL;
  return fail_at(source_name, VYRE_WIRE_HASH_AT, "another hash than that of the bytes that follow");
}

vyre_status_t vyre_wire_decode(const void *bytes, size_t size, const char *source_name, bool allow_privileged,
                               vyre_program_t **out_program) {
  const char *label = source_name && *source_name ? source_name : "wire";
  VYRE_TRY(check_header(bytes, size, label));
  decoder_t d = {.bytes = bytes, .size = size, .at = VYRE_WIRE_HEADER_BYTES, .source_name = label};
  d.program = vyre_program_create();
  if (!d.program) return vyre_out_of_memory(sizeof *d.program);
  d.program->name = vyre_strdup("unnamed");
  d.program->source_name = vyre_strdup(source_name ? source_name : "");
  vyre_status_t status = d.program->name && d.program->source_name
                             ? take_program(&d, d.bytes[5] & VYRE_WIRE_DEBUG, allow_privileged)
                             : vyre_out_of_memory(sizeof *d.program);
  if (status)
    vyre_program_destroy(&d.program);
  else
    *out_program = d.program;
  return status;
}
