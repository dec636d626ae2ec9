/* The header of a text: sizes and parameters. */
#include <stdio.h>

#include "ir/parser.h"

static const struct header_line {
  const char *word;
  vyre_role_t role;
  const char *rest; /* how a declaration goes on behind the colon */
} lines[] = {
    {"stream", VYRE_ROLE_STREAM, "u8"},
    {"output", VYRE_ROLE_OUTPUT, "u64 sum"},
    {"param", VYRE_ROLE_SCALAR, "u32"},
    {"constant", VYRE_ROLE_CONSTANT, "f32[16]"},
    {"state", VYRE_ROLE_STATE, "u64[256]"},
    {"window", VYRE_ROLE_WINDOW, "u32 write"},
    {"workgroup", VYRE_ROLE_WORKGROUP, "u32[256]"},
    {"private", VYRE_ROLE_PRIVATE, "u32[8]"},
};

static const struct header_line *line_at(const vyre_parser_t *p) {
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (vyre_parser_token_is(p, &p->token, lines[i].word)) return &lines[i];
  return NULL;
}

static bool is_size(const vyre_parser_t *p) {
  return vyre_parser_token_is(p, &p->token, "workgroup_size") || vyre_parser_token_is(p, &p->token, "chunk");
}

/* The words are names elsewhere, so that a statement may begin with one: `state += 1`, `state min= 1`. */
bool vyre_parser_at_header_line(const vyre_parser_t *p) {
  if (vyre_parser_at(p, VYRE_TOKEN_STREAM) || vyre_parser_at(p, VYRE_TOKEN_OUTPUT)) return true;
  if (!vyre_parser_at(p, VYRE_TOKEN_NAME) || (!line_at(p) && !is_size(p))) return false;
  return !vyre_parser_names_statement(p);
}

/* Passes over a literal without suffix from `least` to `most`. */
static bool take_number(vyre_parser_t *p, const char *what, uint64_t least, uint64_t most, const char *fix,
                        uint32_t *out_number) {
  if (!vyre_parser_ok(p)) return false;
  vyre_status_t status = NULL;
  if (!vyre_parser_at(p, VYRE_TOKEN_INTEGER) || p->token.type != VYRE_TYPE_VOID)
    status = vyre_parser_unexpected(p, what);
  else if (p->token.value < least || p->token.value > most)
    status = vyre_parser_error(p, VYRE_E_LIMIT, p->token.position, "%s: %llu, where %llu to %llu are allowed", what,
                               (unsigned long long)p->token.value, (unsigned long long)least, (unsigned long long)most);
  if (status) {
    vyre_parser_fail(p, vyre_status_with_fix(status, "%s", fix));
    return false;
  }
  *out_number = (uint32_t)p->token.value;
  vyre_parser_advance(p);
  return vyre_parser_ok(p);
}

/* `workgroup_size 256`, `chunk 65536` */
static void parse_size(vyre_parser_t *p) {
  bool is_lanes = vyre_parser_token_is(p, &p->token, "workgroup_size");
  bool *has = is_lanes ? &p->has_workgroup_size : &p->has_chunk;
  vyre_parser_mark(p);
  if (*has) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_NAME, p->token.position, "a second %.*s",
                                                               VYRE_TOKEN_SHOWN(p, &p->token)),
                                             "Remove one of them."));
    return;
  }
  *has = true;
  vyre_parser_advance(p);
  vyre_token_t number = p->token;
  uint32_t value = 0;
  uint32_t multiple = is_lanes ? VYRE_SUBGROUP_LANES : 4096;
  uint32_t most = is_lanes ? VYRE_LIMIT_WORKGROUP_SIZE : VYRE_LIMIT_CHUNK_BYTES;
  const char *fix =
      is_lanes ? "Choose 1, or a multiple of 32 up to 1024." : "Choose a multiple of 4096 up to 1073741824.";
  if (!take_number(p, is_lanes ? "the number of lanes" : "the number of bytes", 1, most, fix, &value)) return;
  bool is_one_lane = is_lanes && value == 1;
  if (value % multiple != 0 && !is_one_lane) {
    vyre_status_t status = vyre_parser_error(p, VYRE_E_LIMIT, number.position,
                                             is_lanes ? "a workgroup size of %u" : "chunks of %u bytes", value);
    vyre_parser_fail(p, vyre_status_with_fix(status, "%s", fix));
    return;
  }
  if (is_lanes)
    p->builder.program->workgroup_size = value;
  else
    p->builder.program->chunk_bytes = value;
}

/* '[' N ']' */
static bool take_count(vyre_parser_t *p, vyre_role_t role, uint32_t *out_count) {
  if (!vyre_parser_at(p, VYRE_TOKEN_LEFT_BRACKET)) return vyre_parser_ok(p);
  vyre_parser_advance(p);
  bool is_output = role == VYRE_ROLE_OUTPUT;
  if (!take_number(p, "the number of elements", 1, is_output ? VYRE_LIMIT_OUTPUT_BYTES : VYRE_LIMIT_STATE_BYTES,
                   "Write a number in that range; docs/formats/text.md lists how many bytes there may be.", out_count))
    return false;
  return vyre_parser_expect(p, VYRE_TOKEN_RIGHT_BRACKET, "after the number of elements", NULL);
}

/* One side of a halo: a number, or a scalar that may be declared further down. */
static bool take_halo(vyre_parser_t *p, vyre_halo_t *halo, vyre_token_t *later) {
  if (!vyre_parser_at(p, VYRE_TOKEN_NAME))
    return take_number(p, "a number of elements", 0, VYRE_LIMIT_HALO,
                       "Write a number of elements up to 1048576, or the name of a `param`.", &halo->count);
  *later = p->token;
  vyre_parser_advance(p);
  return vyre_parser_ok(p);
}

/* `halo(4, n)` */
static bool take_halos(vyre_parser_t *p, vyre_param_t *param) {
  static const char fix[] = "Write `halo(l, r)`: numbers of elements, or names of scalar parameters.";
  bool is_halo = vyre_parser_at(p, VYRE_TOKEN_NAME) && vyre_parser_token_is(p, &p->token, "halo");
  bool is_name = vyre_parser_names_statement(p) && vyre_parser_peek(p, 1).kind != VYRE_TOKEN_LEFT_PAREN;
  if (!is_halo || is_name) return vyre_parser_ok(p);
  vyre_parser_advance(p);
  return vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after halo", fix) && take_halo(p, &param->left, &p->halos[0]) &&
         vyre_parser_expect(p, VYRE_TOKEN_COMMA, "between the sides of the halo", fix) &&
         take_halo(p, &param->right, &p->halos[1]) &&
         vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the halo", fix);
}

static bool take_access(vyre_parser_t *p, vyre_param_t *param) {
  static const char *const words[] = {"read", "write", "read_write"};
  for (unsigned i = 0; i < 3; i++)
    if (vyre_parser_at(p, VYRE_TOKEN_NAME) && vyre_parser_token_is(p, &p->token, words[i])) {
      param->access = (uint8_t)(VYRE_ACCESS_READ + i);
      vyre_parser_advance(p);
      return vyre_parser_ok(p);
    }
  if (vyre_parser_ok(p))
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "an access after the type"),
                                             "Write read, write or read_write there."));
  return false;
}

static bool take_reducer(vyre_parser_t *p, vyre_param_t *param, vyre_token_t *combine) {
  for (int reducer = VYRE_REDUCER_SUM; reducer < VYRE_REDUCER_COUNT; reducer++) {
    bool is_it = vyre_parser_at(p, VYRE_TOKEN_NAME) &&
                 vyre_parser_token_is(p, &p->token, vyre_reducer_text((vyre_reducer_t)reducer));
    if (!is_it) continue;
    param->reducer = (uint8_t)reducer;
    vyre_parser_advance(p);
    if (reducer != VYRE_REDUCER_COMBINE) return vyre_parser_ok(p);
    *combine = p->token;
    if (!vyre_parser_at(p, VYRE_TOKEN_NAME)) {
      if (vyre_parser_ok(p))
        vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "a function's name"),
                                                 "Write `combine f`, and `function f(a : T, b : T) : T` below."));
      return false;
    }
    vyre_parser_advance(p);
    return vyre_parser_ok(p);
  }
  if (vyre_parser_ok(p))
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "a reducer after the type"),
                                             "Write `sum` after the type (what the calls add is summed), or min, max, "
                                             "or, xor, combine FUNCTION, per_chunk, append."));
  return false;
}

static const char *name_of(vyre_role_t role) {
  static const char *const texts[VYRE_ROLE_COUNT] = {
      "the stream's name", "the output's name", "the parameter's name",        "the constant's name",
      "the state's name",  "the window's name", "the workgroup memory's name", "the private memory's name"};
  return texts[role];
}

static void parse_param(vyre_parser_t *p) {
  const struct header_line *line = line_at(p);
  static const uint8_t access[VYRE_ROLE_COUNT] = {VYRE_ACCESS_READ,       VYRE_ACCESS_WRITE,      VYRE_ACCESS_READ,
                                                  VYRE_ACCESS_READ,       VYRE_ACCESS_READ_WRITE, 0,
                                                  VYRE_ACCESS_READ_WRITE, VYRE_ACCESS_READ_WRITE};
  vyre_param_t param = {.role = (uint8_t)line->role, .access = access[line->role]};
  vyre_token_t name, combine = {.kind = VYRE_TOKEN_END};
  vyre_type_t type = VYRE_TYPE_VOID;
  char fix[160];
  vyre_parser_mark(p);
  vyre_parser_advance(p);
  if (!vyre_parser_new_name(p, &name, name_of(line->role))) return;
  snprintf(fix, sizeof fix, "Write `%s %.*s : %s`.", line->word, VYRE_TOKEN_SHOWN(p, &name), line->rest);
  if (!vyre_parser_expect(p, VYRE_TOKEN_COLON, "after the name", fix) || !vyre_parser_type(p, &type)) return;
  param.type = (uint8_t)type;
  if (!take_count(p, line->role, &param.count)) return;
  if (line->role == VYRE_ROLE_STREAM && !take_halos(p, &param)) return;
  if (line->role == VYRE_ROLE_WINDOW && !take_access(p, &param)) return;
  if (line->role == VYRE_ROLE_OUTPUT && !take_reducer(p, &param, &combine)) return;
  p->builder.position = name.position;
  vyre_param_id_t id = vyre_build_param(&p->builder, vyre_parser_copy_name(p, &name).text, param);
  if (id != VYRE_PARAM_NONE) p->combines[id] = combine;
  vyre_parser_declare(p, &name, true, id);
}

/* The scalars that a halo names. Of two streams the validator takes the first and refuses the second. */
static void resolve_halos(vyre_parser_t *p) {
  vyre_program_t *program = p->builder.program;
  vyre_param_t *stream = NULL;
  for (uint32_t i = 0; i < program->param_count; i++)
    if (program->params[i].role == VYRE_ROLE_STREAM) stream = &program->params[i];
  for (unsigned side = 0; side < 2 && stream && vyre_parser_ok(p); side++) {
    const vyre_token_t *name = &p->halos[side];
    if (name->kind == VYRE_TOKEN_END) continue;
    const vyre_name_t *found = vyre_names_find(&p->scope, vyre_parser_text(p, name), name->length);
    if (!found) {
      vyre_parser_fail_unknown_name(p, name);
      return;
    }
    *(side ? &stream->right : &stream->left) = (vyre_halo_t){.count = found->id, .is_param = true};
  }
}

void vyre_parser_header(vyre_parser_t *p) {
  for (vyre_parser_skip_semicolons(p); vyre_parser_ok(p) && vyre_parser_at_header_line(p);
       vyre_parser_skip_semicolons(p)) {
    if (is_size(p))
      parse_size(p);
    else
      parse_param(p);
  }
  if (vyre_parser_ok(p)) resolve_halos(p);
  p->param_names = vyre_names_mark(&p->scope);
}
