#include <string.h>

#include "base/memory.h"
#include "ir/typing.h"
#include "ir/wire.h"

const char *vyre_wire_expr_fields(vyre_expr_op_t op) {
  static const char *const operands[] = {"", "e", "ee", "eee", "eeee"};
  static const char *const fields[VYRE_EXPR_COUNT] = {
#define VYRE_WIRE_EXPR(name, letters) [VYRE_EXPR_##name] = letters,
#define VYRE_WIRE_STMT(name, letters)
#include "ir/wire.def"
#undef VYRE_WIRE_EXPR
#undef VYRE_WIRE_STMT
  };
  return fields[op] ? fields[op] : operands[vyre_expr_arity(op)];
}

const char *vyre_wire_stmt_fields(vyre_stmt_op_t op) {
  static const char *const fields[VYRE_STMT_COUNT] = {
#define VYRE_WIRE_EXPR(name, letters)
#define VYRE_WIRE_STMT(name, letters) [VYRE_STMT_##name] = letters,
#include "ir/wire.def"
#undef VYRE_WIRE_EXPR
#undef VYRE_WIRE_STMT
  };
  return fields[op] ? fields[op] : "";
}

typedef struct encoder {
  const vyre_program_t *program;
  vyre_strbuf_t *out;
  uint32_t *numbers; /* by variable: its number, from 1 on in the order of the declarations */
  uint32_t declared; /* variables that have one */
  bool has_debug;
  vyre_strbuf_t vars, exprs, stmts; /* what the debug section says of them, in the order of their numbers */
} encoder_t;

/* LEB128: seven bits a byte, the lowest first; the top bit says that more follow. */
static void put_number(vyre_strbuf_t *out, uint64_t value) {
  char bytes[10];
  size_t count = 0;
  do {
    bytes[count++] = (char)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
    value >>= 7;
  } while (value);
  vyre_strbuf_append_bytes(out, bytes, count);
}

static void put_text(vyre_strbuf_t *out, const char *text) {
  size_t length = strlen(text);
  put_number(out, length);
  vyre_strbuf_append_bytes(out, text, length);
}

static void declare(encoder_t *c, uint32_t var) {
  c->numbers[var] = ++c->declared;
  if (!c->has_debug) return;
  put_text(&c->vars, c->program->vars[var].name);
  put_number(&c->vars, c->program->vars[var].position);
}

static void put_expr(encoder_t *c, uint32_t id);

/* A link is numbered right behind its item. */
static void put_list(encoder_t *c, uint32_t first) {
  uint64_t count = 0;
  for (uint32_t list = first; list; list = c->program->exprs[list].b) count++;
  put_number(c->out, count);
  for (uint32_t list = first; list; list = c->program->exprs[list].b) {
    put_expr(c, c->program->exprs[list].a);
    if (c->has_debug) put_number(&c->exprs, c->program->exprs[list].position);
  }
}

static void put_expr(encoder_t *c, uint32_t id) {
  const vyre_expr_t *e = &c->program->exprs[id];
  unsigned operand = 0;
  put_number(c->out, e->op);
  for (const char *field = vyre_wire_expr_fields(e->op); *field; field++) switch (*field) {
      case 'e': put_expr(c, vyre_expr_operand(e, operand++)); break;
      case 'c': put_list(c, e->b); break;
      case 't': put_number(c->out, e->type); break;
      case 'i': put_number(c->out, e->imm); break;
      case 'o': put_number(c->out, e->order); break;
      case 's': put_number(c->out, e->scope); break;
      case 'v': put_number(c->out, c->numbers[e->a]); break;
      default: put_number(c->out, e->a); break; /* a parameter, a function */
    }
  if (c->has_debug) put_number(&c->exprs, e->position);
}

static void put_block(encoder_t *c, uint32_t first);

static void put_stmt(encoder_t *c, const vyre_stmt_t *s) {
  unsigned arg = 0;
  put_number(c->out, s->op);
  if (c->has_debug) put_number(&c->stmts, s->position);
  for (const char *field = vyre_wire_stmt_fields(s->op); *field; field++) switch (*field) {
      case 'e': put_expr(c, s->arg[arg++]); break;
      case 'c': put_list(c, s->arg[0]); break;
      case 'r':
        put_number(c->out, s->arg[0] != 0);
        if (s->arg[0]) put_expr(c, s->arg[0]);
        break;
      case 'b': put_block(c, s->body); break;
      case 'l': put_block(c, s->orelse); break;
      case 't': put_number(c->out, s->type); break;
      case 'o': put_number(c->out, s->order); break;
      case 's': put_number(c->out, s->scope); break;
      case 'g': put_number(c->out, s->tag); break;
      case 'p': put_number(c->out, s->param); break;
      case 'q': put_number(c->out, s->param2); break;
      case 'v': put_number(c->out, c->numbers[s->var]); break;
      case 'm': put_number(c->out, c->program->vars[s->var].is_mutable); break;
      case 'W':
        for (unsigned i = 0; i < 4; i++) declare(c, s->out[i]);
        break;
      default: declare(c, s->var); break;
    }
}

/* Statements, then a 0, which is no statement. */
static void put_block(encoder_t *c, uint32_t first) {
  for (uint32_t id = first; id != 0; id = c->program->stmts[id].next) put_stmt(c, &c->program->stmts[id]);
  put_number(c->out, 0);
}

static void put_halo(encoder_t *c, vyre_halo_t halo) {
  put_number(c->out, halo.is_param);
  put_number(c->out, halo.count);
}

static void put_params(encoder_t *c) {
  put_number(c->out, c->program->param_count);
  for (uint32_t i = 0; i < c->program->param_count; i++) {
    const vyre_param_t *param = &c->program->params[i];
    put_text(c->out, param->name);
    put_number(c->out, param->role);
    put_number(c->out, param->type);
    put_number(c->out, param->access);
    put_number(c->out, param->reducer);
    put_number(c->out, param->count);
    if (param->reducer == VYRE_REDUCER_COMBINE) put_number(c->out, param->function);
    if (param->role != VYRE_ROLE_STREAM) continue;
    put_halo(c, param->left);
    put_halo(c, param->right);
  }
}

static void put_body(encoder_t *c) {
  const vyre_program_t *p = c->program;
  put_number(c->out, (p->is_privileged ? 1u : 0u) | (p->has_finish ? 2u : 0u));
  put_number(c->out, p->workgroup_size);
  put_number(c->out, p->chunk_bytes);
  put_params(c);
  put_number(c->out, p->function_count);
  for (uint32_t i = 0; i < p->function_count; i++) {
    const vyre_function_t *f = &p->functions[i];
    put_number(c->out, f->type);
    put_number(c->out, f->arg_count);
    for (uint32_t k = 0; k < f->arg_count; k++) {
      put_number(c->out, p->vars[f->first_arg + k].type);
      declare(c, f->first_arg + k);
    }
    put_block(c, f->body);
  }
  put_block(c, p->body);
  if (p->has_finish) put_block(c, p->finish);
}

static void put_debug(encoder_t *c) {
  const vyre_program_t *p = c->program;
  put_text(c->out, p->name);
  put_text(c->out, p->source_name ? p->source_name : "");
  for (uint32_t i = 0; i < p->param_count; i++) put_number(c->out, p->params[i].position);
  for (uint32_t i = 0; i < p->function_count; i++) {
    put_text(c->out, p->functions[i].name);
    put_number(c->out, p->functions[i].position);
  }
  const vyre_strbuf_t *parts[] = {&c->vars, &c->exprs, &c->stmts};
  for (unsigned i = 0; i < 3; i++) {
    if (parts[i]->length) vyre_strbuf_append_bytes(c->out, parts[i]->text, parts[i]->length);
    c->out->failed |= parts[i]->failed;
  }
}

bool vyre_wire_is_magic(const void *bytes, size_t size) {
  return size >= VYRE_WIRE_MAGIC_BYTES && memcmp(bytes, "VYRE", VYRE_WIRE_MAGIC_BYTES) == 0;
}

vyre_status_t vyre_wire_encode(const vyre_program_t *p, unsigned flags, vyre_strbuf_t *out) {
  encoder_t c = {.program = p, .out = out, .has_debug = (flags & VYRE_WIRE_DEBUG) != 0};
  if (c.has_debug && p->source_name && strlen(p->source_name) > VYRE_LIMIT_SOURCE_NAME_BYTES)
    return vyre_status_make(VYRE_E_LIMIT, "a source name of more than %d bytes", VYRE_LIMIT_SOURCE_NAME_BYTES);
  c.numbers = vyre_calloc(p->var_count, sizeof *c.numbers);
  if (!c.numbers) return vyre_out_of_memory(p->var_count * sizeof *c.numbers);
  vyre_strbuf_init(&c.vars);
  vyre_strbuf_init(&c.exprs);
  vyre_strbuf_init(&c.stmts);
  size_t begin = out->length;
  char header[VYRE_WIRE_HEADER_BYTES] = {'V', 'Y', 'R', 'E', VYRE_WIRE_VERSION, (char)flags};
  vyre_strbuf_append_bytes(out, header, sizeof header);
  put_body(&c);
  if (c.has_debug) put_debug(&c);
  vyre_free(c.numbers);
  vyre_strbuf_deinit(&c.vars);
  vyre_strbuf_deinit(&c.exprs);
  vyre_strbuf_deinit(&c.stmts);
  if (out->failed) return vyre_out_of_memory(out->length);
  const char *body = out->text + begin + VYRE_WIRE_HEADER_BYTES;
  vyre_blake3_hash(body, out->length - begin - VYRE_WIRE_HEADER_BYTES,
                   (unsigned char *)out->text + begin + VYRE_WIRE_HASH_AT);
  return NULL;
}
