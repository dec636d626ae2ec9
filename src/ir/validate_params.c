/* Parameters: what each role may be declared with, and the sizes of all of them together. */
#include <string.h>

#include "ir/lexer.h"
#include "ir/layout.h"
#include "ir/typing.h"
#include "ir/validator.h"

/* Sums over all parameters; uint64_t holds 64 times the largest product. */
typedef struct totals {
  uint64_t output, state, workgroup, private_;
  uint32_t streams;
} totals_t;

static vyre_status_t over(const vyre_validator_t *v, const vyre_param_t *param, const char *what, uint64_t bytes,
                          uint64_t limit) {
  return vyre_program_error(v->program, VYRE_E_LIMIT, param->position, "%s of %llu bytes; %llu are allowed", what,
                            (unsigned long long)bytes, (unsigned long long)limit);
}

static vyre_status_t fail_type(const vyre_validator_t *v, const vyre_param_t *param, const char *fix) {
  return vyre_status_with_fix(vyre_program_error(v->program, VYRE_E_TYPE, param->position, "the %s '%s' is %s",
                                                 vyre_role_text(param->role), param->name, vyre_type_text(param->type)),
                              "%s", fix);
}

static vyre_status_t check_halo(const vyre_validator_t *v, const vyre_param_t *param, vyre_halo_t halo) {
  const vyre_program_t *p = v->program;
  if (!halo.is_param) {
    if (halo.count <= VYRE_LIMIT_HALO) return NULL;
    return vyre_program_error(p, VYRE_E_LIMIT, param->position, "a halo of %u elements; %d are allowed", halo.count,
                              VYRE_LIMIT_HALO);
  }
  bool is_scalar = halo.count < p->param_count && p->params[halo.count].role == VYRE_ROLE_SCALAR;
  vyre_type_t type = is_scalar ? p->params[halo.count].type : VYRE_TYPE_VOID;
  if (vyre_type_is_integer(type) && !vyre_type_is_signed(type)) return NULL;
  return vyre_invalid(v, param->position, "a halo that is no unsigned scalar parameter",
                      "Write a number of elements, or the name of a `param` of type u8, u16, u32 or u64.");
}

static vyre_status_t check_stream(const vyre_validator_t *v, const vyre_param_t *param, totals_t *totals) {
  if (totals->streams++)
    return vyre_invalid(v, param->position, "a second stream parameter",
                        "Declare one stream; a Program reads one chunk.");
  if (param->count)
    return vyre_invalid(v, param->position, "a stream has no length",
                        "Leave the number out; it is the chunk's length.");
  if (param->type == VYRE_TYPE_BOOL) return fail_type(v, param, "Declare it with u8.");
  VYRE_TRY(check_halo(v, param, param->left));
  return check_halo(v, param, param->right);
}

static vyre_status_t check_output(const vyre_validator_t *v, const vyre_param_t *param, totals_t *totals) {
  const vyre_program_t *p = v->program;
  switch (param->reducer) {
    case VYRE_REDUCER_SUM:
    case VYRE_REDUCER_MIN:
    case VYRE_REDUCER_MAX:
      if (!vyre_type_fits(param->type, VYRE_ON_REDUCIBLE))
        return fail_type(v, param, "Declare outputs with u32, u64, i32, i64, f32 or f64.");
      if (param->count && vyre_type_is_float(param->type) && param->reducer == VYRE_REDUCER_SUM)
        return fail_type(v, param, "Sum floats into scalar outputs; an array would have no order.");
      break;
    case VYRE_REDUCER_OR:
    case VYRE_REDUCER_XOR:
      if (!vyre_type_fits(param->type, VYRE_ON_WORD))
        return fail_type(v, param, "Declare it with u32, u64, i32 or i64.");
      break;
    case VYRE_REDUCER_COMBINE:
    case VYRE_REDUCER_PER_CHUNK:
    case VYRE_REDUCER_APPEND: {
      bool is_append = param->reducer == VYRE_REDUCER_APPEND;
      if (param->type == VYRE_TYPE_BOOL || vyre_type_kind(param->type) == VYRE_KIND_HALF)
        return fail_type(v, param, "Declare it with an integer, f32, f64 or a vector.");
      if (is_append != (param->count != 0))
        return vyre_invalid(
            v, param->position, is_append ? "append without a number of records" : "an array of such values",
            is_append ? "Write `T[N] append`: at most N records in a call." : "Declare it as a scalar.");
      if (param->reducer == VYRE_REDUCER_PER_CHUNK && !p->chunk_bytes)
        return vyre_invalid(v, param->position, "per_chunk in a Program without a chunk size",
                            "Write `chunk BYTES` above the parameters.");
      break;
    }
    default: return vyre_invalid(v, param->position, "an output without a reducer", "Write `sum` after its type.");
  }
  totals->output = (totals->output + 7) & ~UINT64_C(7);
  totals->output += vyre_output_bytes(param);
  return totals->output <= VYRE_LIMIT_OUTPUT_BYTES ? NULL
                                                   : over(v, param, "outputs", totals->output, VYRE_LIMIT_OUTPUT_BYTES);
}

static vyre_status_t check_array(const vyre_validator_t *v, const vyre_param_t *param, uint64_t *total, uint64_t limit,
                                 const char *what) {
  uint64_t bytes = (uint64_t)param->count * vyre_type_bytes(param->type);
  if (param->count == 0)
    return vyre_invalid(v, param->position, "an array without a length", "Write the number of elements: `u32[256]`.");
  *total = ((*total + 63) & ~UINT64_C(63)) + bytes;
  return *total <= limit ? NULL : over(v, param, what, *total, limit);
}

static vyre_status_t check_access(const vyre_validator_t *v, const vyre_param_t *param) {
  static const uint8_t usual[VYRE_ROLE_COUNT] = {
      [VYRE_ROLE_STREAM] = VYRE_ACCESS_READ,          [VYRE_ROLE_OUTPUT] = VYRE_ACCESS_WRITE,
      [VYRE_ROLE_SCALAR] = VYRE_ACCESS_READ,          [VYRE_ROLE_CONSTANT] = VYRE_ACCESS_READ,
      [VYRE_ROLE_STATE] = VYRE_ACCESS_READ_WRITE,     [VYRE_ROLE_WINDOW] = 0,
      [VYRE_ROLE_WORKGROUP] = VYRE_ACCESS_READ_WRITE, [VYRE_ROLE_PRIVATE] = VYRE_ACCESS_READ_WRITE};
  bool is_right = param->role == VYRE_ROLE_WINDOW
                      ? param->access >= VYRE_ACCESS_READ && param->access <= VYRE_ACCESS_READ_WRITE
                      : param->access == usual[param->role];
  if (is_right) return NULL;
  return vyre_invalid(v, param->position, "a parameter of an access that its role does not have",
                      "Give an access to windows only: read, write or read_write.");
}

static vyre_status_t check_role(const vyre_validator_t *v, const vyre_param_t *param, totals_t *totals) {
  switch (param->role) {
    case VYRE_ROLE_STREAM: return check_stream(v, param, totals);
    case VYRE_ROLE_OUTPUT: return check_output(v, param, totals);
    case VYRE_ROLE_SCALAR:
      if (param->count) return vyre_invalid(v, param->position, "a scalar with a length", "Declare a constant.");
      return vyre_type_fits(param->type, VYRE_ON_SCALAR)
                 ? NULL
                 : fail_type(v, param, "Declare it with bool, an integer, f32 or f64.");
    case VYRE_ROLE_CONSTANT:
      if (param->type == VYRE_TYPE_BOOL) return fail_type(v, param, "Declare it with u8.");
      return param->count ? check_array(v, param, &totals->state, VYRE_LIMIT_STATE_BYTES, "state and constants") : NULL;
    case VYRE_ROLE_STATE:
      if (param->type == VYRE_TYPE_BOOL) return fail_type(v, param, "Declare it with u8.");
      return check_array(v, param, &totals->state, VYRE_LIMIT_STATE_BYTES, "state and constants");
    case VYRE_ROLE_WINDOW:
      if (param->type == VYRE_TYPE_BOOL) return fail_type(v, param, "Declare it with u8.");
      return param->count
                 ? vyre_invalid(v, param->position, "a window with a length", "Leave the length out; it is the slot's.")
                 : NULL;
    case VYRE_ROLE_WORKGROUP:
      if (v->program->workgroup_size == 1)
        return vyre_invalid(v, param->position, "workgroup memory in a Program of one lane",
                            "Write `workgroup_size N` above the parameters, or declare it as private.");
      if (param->type == VYRE_TYPE_BOOL) return fail_type(v, param, "Declare it with u8.");
      return check_array(v, param, &totals->workgroup, VYRE_LIMIT_WORKGROUP_BYTES, "workgroup memory");
    case VYRE_ROLE_PRIVATE:
      if (param->type == VYRE_TYPE_BOOL) return fail_type(v, param, "Declare it with u8.");
      return check_array(v, param, &totals->private_, VYRE_LIMIT_PRIVATE_BYTES, "private memory");
    default: return vyre_invalid(v, param->position, "a parameter of unknown role", NULL);
  }
}

static vyre_status_t check_sizes(const vyre_validator_t *v) {
  const vyre_program_t *p = v->program;
  uint32_t lanes = p->workgroup_size;
  bool is_odd = lanes != 1 && (lanes == 0 || lanes % VYRE_SUBGROUP_LANES != 0 || lanes > VYRE_LIMIT_WORKGROUP_SIZE);
  if (is_odd)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_LIMIT, 0, "a workgroup size of %u", lanes),
                                "Choose 1, or a multiple of %d up to %d.", VYRE_SUBGROUP_LANES,
                                VYRE_LIMIT_WORKGROUP_SIZE);
  if (p->is_privileged && lanes != 1) return vyre_invalid(v, 0, "a privileged program of several lanes", NULL);
  if (p->chunk_bytes > VYRE_LIMIT_CHUNK_BYTES || p->chunk_bytes % 4096)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_LIMIT, 0, "chunks of %u bytes", p->chunk_bytes),
                                "Choose a multiple of 4096 up to %d.", VYRE_LIMIT_CHUNK_BYTES);
  return NULL;
}

vyre_status_t vyre_validate_params(const vyre_validator_t *v) {
  const vyre_program_t *p = v->program;
  totals_t totals = {0};
  VYRE_TRY(check_sizes(v));
  for (uint32_t i = 0; i < p->param_count; i++) {
    const vyre_param_t *param = &p->params[i];
    VYRE_TRY(vyre_validate_name(v, param->name, param->position));
    vyre_type_t word_type;
    if (vyre_token_of_word(param->name, strlen(param->name), &word_type) != VYRE_TOKEN_NAME)
      return vyre_status_with_fix(vyre_program_error(p, VYRE_E_NAME, param->position,
                                                     "a parameter is called '%s', a word of the language", param->name),
                                  "Give it another name; texts cannot name it so.");
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(p->params[j].name, param->name) == 0)
        return vyre_program_error(p, VYRE_E_NAME, param->position, "the parameter '%s' is declared twice", param->name);
    if (param->role >= VYRE_ROLE_COUNT) return vyre_invalid(v, param->position, "a parameter of unknown role", NULL);
    if (param->type == VYRE_TYPE_VOID || param->type >= VYRE_TYPE_COUNT)
      return vyre_status_with_fix(
          vyre_program_error(p, VYRE_E_TYPE, param->position, "'%s' needs an element type", param->name),
          "Declare it with u8, u32 or another type of docs/language.md.");
    if (param->role != VYRE_ROLE_OUTPUT && (param->reducer || param->function))
      return vyre_invalid(v, param->position, "a reducer of what is no output", NULL);
    if (param->role != VYRE_ROLE_STREAM && vyre_param_has_halo(param))
      return vyre_invalid(v, param->position, "a halo of what is no stream", NULL);
    VYRE_TRY(check_access(v, param));
    VYRE_TRY(check_role(v, param, &totals));
  }
  return NULL;
}

/* T f(T, T), of its arguments, scalars and constants alone: it runs between calls. */
vyre_status_t vyre_validate_combines(const vyre_validator_t *v) {
  const vyre_program_t *p = v->program;
  for (uint32_t i = 0; i < p->param_count; i++) {
    const vyre_param_t *param = &p->params[i];
    if (param->reducer != VYRE_REDUCER_COMBINE) {
      if (param->function) return vyre_invalid(v, param->position, "a function of another reducer than combine", NULL);
      continue;
    }
    if (param->function >= p->function_count)
      return vyre_invalid(v, param->position, "combine with a function that does not exist", NULL);
    const vyre_function_t *f = &p->functions[param->function];
    bool fits = f->type == param->type && f->arg_count == 2 && p->vars[f->first_arg].type == param->type &&
                p->vars[f->first_arg + 1].type == param->type;
    if (!fits)
      return vyre_status_with_fix(
          vyre_program_error(p, VYRE_E_TYPE, param->position, "'%s' is not combined by %s", param->name, f->name),
          "Declare it as `function %s(a : %s, b : %s) : %s`.", f->name, vyre_type_text(param->type),
          vyre_type_text(param->type), vyre_type_text(param->type));
    uint8_t allowed = VYRE_EFFECT_LOOPS;
    if (v->function_effects[param->function] & ~allowed)
      return vyre_status_with_fix(
          vyre_program_error(p, VYRE_E_INVALID_PROGRAM, param->position,
                             "%s, which combines '%s', reads or writes more than its arguments", f->name, param->name),
          "Use its arguments, scalar parameters and constants only.");
  }
  return NULL;
}
