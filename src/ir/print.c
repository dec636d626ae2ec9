/* A program as text, in canonical layout: its names, its parameters, and the order of its parts. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/printer.h"

enum { SUFFIX_BYTES_MAX = 11 }; /* "_4294967295" */

/* Names: the builder may give two variables of one scope the same name, or one that is a word of the language. Those
 * get a number, "name_2". */

static char *keep(vyre_printer_t *p, char *name) {
  if (!name || !vyre_array_reserve((void **)&p->made, &p->made_capacity, p->made_count + 1, sizeof *p->made)) {
    vyre_free(name);
    return NULL;
  }
  return p->made[p->made_count++] = name;
}

static const char *unique(vyre_printer_t *p, const char *name) {
  vyre_type_t type;
  size_t length = strlen(name);
  vyre_name_t *clash = vyre_names_find(&p->scope, name, length);
  bool is_reserved = vyre_token_of_word(name, length, &type) != VYRE_TOKEN_NAME;
  if (!clash && !is_reserved) return name;
  if (length > VYRE_LIMIT_NAME_BYTES - SUFFIX_BYTES_MAX) length = VYRE_LIMIT_NAME_BYTES - SUFFIX_BYTES_MAX;
  uint32_t *suffix = clash ? &clash->suffix : &p->reserved_suffix;
  if (*suffix < 1) *suffix = 1;
  char text[VYRE_LIMIT_NAME_BYTES + 1];
  do {
    snprintf(text, sizeof text, "%.*s_%u", (int)length, name, ++*suffix);
  } while (vyre_names_find(&p->scope, text, strlen(text)));
  return keep(p, vyre_strdup(text));
}

/* Functions have a name space of their own, with those of the language. */
static bool is_taken(const vyre_printer_t *p, uint32_t function, const char *name) {
  vyre_type_t type;
  if (vyre_token_of_word(name, strlen(name), &type) != VYRE_TOKEN_NAME || vyre_word_is_function(name, strlen(name)))
    return true;
  for (uint32_t i = 0; i < p->program->function_count; i++)
    if (i != function && strcmp(name, i < function ? p->function_names[i] : p->program->functions[i].name) == 0)
      return true;
  return false;
}

static void name_functions(vyre_printer_t *p) {
  for (uint32_t i = 0; i < p->program->function_count; i++) {
    const char *name = p->program->functions[i].name;
    char text[VYRE_LIMIT_NAME_BYTES + 1];
    int length = (int)strlen(name);
    if (length > VYRE_LIMIT_NAME_BYTES - SUFFIX_BYTES_MAX) length = VYRE_LIMIT_NAME_BYTES - SUFFIX_BYTES_MAX;
    p->function_names[i] = name;
    for (unsigned suffix = 2; is_taken(p, i, p->function_names[i]); suffix++) {
      snprintf(text, sizeof text, "%.*s_%u", length, name, suffix);
      p->function_names[i] = text;
    }
    if (p->function_names[i] == text) p->function_names[i] = keep(p, vyre_strdup(text));
    if (!p->function_names[i]) {
      p->out->failed = true;
      p->function_names[i] = name;
    }
  }
}

static const char *declare(vyre_printer_t *p, const char *name, bool is_param, uint32_t id) {
  const char *text = unique(p, name);
  if (text && vyre_names_declare(&p->scope, text, strlen(text), is_param, id)) return text;
  p->out->failed = true;
  return "";
}

const char *vyre_print_declare(vyre_printer_t *p, uint32_t var) {
  return p->var_names[var] = declare(p, p->program->vars[var].name, false, var);
}

static void print_halo(vyre_printer_t *p, vyre_halo_t halo) {
  if (halo.is_param)
    vyre_strbuf_append(p->out, p->param_names[halo.count]);
  else
    vyre_strbuf_printf(p->out, "%u", halo.count);
}

static void print_param(vyre_printer_t *p, uint32_t i) {
  static const char *const accesses[] = {"", "read", "write", "read_write"};
  const vyre_param_t *param = &p->program->params[i];
  vyre_strbuf_printf(p->out, "%s %s : %s", vyre_role_text(param->role), p->param_names[i], vyre_type_text(param->type));
  if (param->count) vyre_strbuf_printf(p->out, "[%u]", param->count);
  if (param->role == VYRE_ROLE_WINDOW) vyre_strbuf_printf(p->out, " %s", accesses[param->access]);
  if (param->role == VYRE_ROLE_OUTPUT) vyre_strbuf_printf(p->out, " %s", vyre_reducer_text(param->reducer));
  if (param->reducer == VYRE_REDUCER_COMBINE) vyre_strbuf_printf(p->out, " %s", p->function_names[param->function]);
  if (vyre_param_has_halo(param)) {
    vyre_strbuf_append(p->out, " halo(");
    print_halo(p, param->left);
    vyre_strbuf_append(p->out, ", ");
    print_halo(p, param->right);
    vyre_strbuf_append(p->out, ")");
  }
  vyre_strbuf_append(p->out, "\n");
}

static void print_header(vyre_printer_t *p) {
  const vyre_program_t *program = p->program;
  vyre_strbuf_printf(p->out, "program %s\n", program->name);
  if (program->workgroup_size != 1) vyre_strbuf_printf(p->out, "workgroup_size %u\n", program->workgroup_size);
  if (program->chunk_bytes) vyre_strbuf_printf(p->out, "chunk %u\n", program->chunk_bytes);
  for (uint32_t i = 0; i < program->param_count; i++) /* a halo may name a later one */
    p->param_names[i] = declare(p, program->params[i].name, true, i);
  for (uint32_t i = 0; i < program->param_count; i++) print_param(p, i);
}

static void print_function(vyre_printer_t *p, uint32_t index) {
  const vyre_function_t *f = &p->program->functions[index];
  uint32_t outer = vyre_names_mark(&p->scope);
  vyre_strbuf_printf(p->out, "\nfunction %s(", p->function_names[index]);
  for (uint32_t i = 0; i < f->arg_count; i++)
    vyre_strbuf_printf(p->out, "%s%s : %s", i ? ", " : "", vyre_print_declare(p, f->first_arg + i),
                       vyre_type_text(p->program->vars[f->first_arg + i].type));
  vyre_strbuf_append(p->out, ")");
  if (f->type != VYRE_TYPE_VOID) vyre_strbuf_printf(p->out, " : %s", vyre_type_text(f->type));
  vyre_print_body(p, f->body);
  vyre_strbuf_append(p->out, "\n");
  vyre_names_leave(&p->scope, outer);
}

void vyre_text_print(const vyre_program_t *program, vyre_strbuf_t *out) {
  VYRE_ASSERT(program->is_validated); /* ids, types, trees and depth are sound */
  vyre_printer_t p = {.program = program, .out = out};
  vyre_names_init(&p.scope);
  p.var_names = vyre_calloc(program->var_count, sizeof *p.var_names);
  p.function_names = vyre_calloc(program->function_count + 1, sizeof *p.function_names);
  if (p.var_names && p.function_names) {
    name_functions(&p);
    print_header(&p);
    for (uint32_t i = 0; i < program->function_count; i++) print_function(&p, i);
    if (program->body) vyre_strbuf_append(out, "\n");
    uint32_t outer = vyre_names_mark(&p.scope);
    vyre_print_block(&p, program->body);
    vyre_names_leave(&p.scope, outer);
    if (program->has_finish) {
      vyre_strbuf_append(out, "\nfinish");
      vyre_print_body(&p, program->finish);
      vyre_strbuf_append(out, "\n");
    }
  } else {
    out->failed = true;
  }
  for (size_t i = 0; i < p.made_count; i++) vyre_free(p.made[i]);
  vyre_free(p.made);
  vyre_free(p.var_names);
  vyre_free(p.function_names);
  vyre_names_deinit(&p.scope);
}
