/* --param NAME=VALUE and --constant NAME=FILE: values of a Program's scalar parameters and constants. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "report.h"
#include "run.h"

/* NAME of NAME=VALUE, and where VALUE begins. */
static const char *value_of(const char *text, size_t *out_name_length) {
  const char *sign = strchr(text, '=');
  if (!sign || sign == text) return NULL;
  *out_name_length = (size_t)(sign - text);
  return sign + 1;
}

static vyre_status_t find_input(const vyre_program_t *program, const char *option, const char *text, size_t length,
                                const char *role, vyre_input_info_t *out_info) {
  char names[256] = "";
  for (uint32_t i = 0; i < vyre_program_input_count(program); i++) {
    CLI_TRY(vyre_program_input_info(program, i, out_info));
    if (strcmp(out_info->role, role) != 0) continue;
    if (strlen(out_info->name) == length && memcmp(out_info->name, text, length) == 0) return NULL;
    size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", out_info->name);
  }
  if (!*names)
    return cli_error(VYRE_E_NAME, NULL, "Leave the option out.", "the Program %s has no `%s`, but --%s names '%.*s'",
                     vyre_program_name(program), role, option, (int)length, text);
  char fix[320];
  snprintf(fix, sizeof fix, "Name one of: %s.", names);
  return cli_error(VYRE_E_NAME, NULL, fix, "the Program %s has no `%s %.*s`", vyre_program_name(program), role,
                   (int)length, text);
}

static vyre_status_t fail_value(const vyre_input_info_t *info, const char *value, const char *wanted) {
  char fix[128];
  snprintf(fix, sizeof fix, "Write --param %s=%s.", info->name, wanted);
  return cli_error(VYRE_E_COMMAND_LINE, NULL, fix, "'%s' is no value for %s : %s", value, info->name, info->type);
}

/* An integer of the type's range, decimal or 0x hexadecimal. */
static vyre_status_t parse_integer(const vyre_input_info_t *info, const char *value, uint64_t *out_bits) {
  bool is_signed = info->type[0] == 'i', is_negative = value[0] == '-';
  const char *digits = value + is_negative;
  unsigned bits = info->element_bytes * 8;
  uint64_t above = is_signed ? (UINT64_C(1) << (bits - 1)) - 1 : UINT64_MAX >> (64 - bits);
  char *end = NULL;
  errno = 0;
  unsigned long long magnitude = digits[0] >= '0' && digits[0] <= '9' ? strtoull(digits, &end, 0) : 0;
  bool fits = end && !*end && errno == 0 && magnitude <= above + (is_negative && is_signed) &&
              (!is_negative || is_signed || magnitude == 0);
  if (!fits)
    return fail_value(
        info, value, is_signed ? "NUMBER, with a sign if need be, in the type's range" : "NUMBER, in the type's range");
  *out_bits = is_negative ? 0 - (uint64_t)magnitude : magnitude;
  return NULL;
}

static vyre_status_t parse_real(const vyre_input_info_t *info, const char *value, uint64_t *out_bits) {
  char *end = NULL;
  double real = *value && !isspace((unsigned char)*value) ? strtod(value, &end) : 0;
  if (!end || *end) return fail_value(info, value, "NUMBER, for example 1.5, 1e-3, inf or nan");
  /* Rounded once, from the digits. */
  float single = strtof(value, NULL);
  bool is_infinite = info->element_bytes == 4 ? isinf(single) : isinf(real);
  /* An infinity that is meant has no digits. */
  if (is_infinite && strpbrk(value, "0123456789"))
    return fail_value(info, value, "NUMBER, in the type's range, or inf");
  if (info->element_bytes == 4)
    memcpy(out_bits, &single, sizeof single);
  else
    memcpy(out_bits, &real, sizeof real);
  return NULL;
}

static vyre_status_t parse_value(const vyre_input_info_t *info, const char *value, uint64_t *out_bits) {
  *out_bits = 0;
  if (info->type[0] == 'f') return parse_real(info, value, out_bits);
  if (info->type[0] != 'b') return parse_integer(info, value, out_bits);
  *out_bits = strcmp(value, "true") == 0;
  return *out_bits || strcmp(value, "false") == 0 ? NULL : fail_value(info, value, "true or false");
}

static vyre_status_t set_scalar(vyre_session_t *session, uint32_t opcode, const vyre_program_t *program,
                                const char *text) {
  size_t length = 0;
  const char *value = value_of(text, &length);
  if (!value) return cli_error_usage("run", "--param takes NAME=VALUE, not '%s'", text);
  vyre_input_info_t info;
  CLI_TRY(find_input(program, "param", text, length, "param", &info));
  uint64_t bits;
  CLI_TRY(parse_value(&info, value, &bits));
  return vyre_session_set_param(session, opcode, info.name, &bits, info.element_bytes); /* little endian */
}

static vyre_status_t set_constant(vyre_session_t *session, uint32_t opcode, const vyre_program_t *program,
                                  const char *text) {
  size_t length = 0;
  const char *path = value_of(text, &length);
  if (!path) return cli_error_usage("run", "--constant takes NAME=FILE, not '%s'", text);
  vyre_input_info_t info;
  CLI_TRY(find_input(program, "constant", text, length, "constant", &info));
  cli_file_t file;
  CLI_TRY(cli_file_read_constant(path, &file));
  vyre_status_t status = vyre_session_set_param(session, opcode, info.name, file.bytes, file.length);
  cli_file_free(&file);
  return status;
}

/* Every scalar is given, and nothing is asked for that a run of files cannot give. */
static vyre_status_t check_given(const vyre_program_t *program, const run_options_t *options) {
  for (uint32_t i = 0; i < vyre_program_input_count(program); i++) {
    vyre_input_info_t info;
    CLI_TRY(vyre_program_input_info(program, i, &info));
    if (strcmp(info.role, "window") == 0)
      return cli_error(VYRE_E_UNSUPPORTED, NULL,
                       "Run it as slots of a session (vyre_session_submit), which name windows.",
                       "the Program %s works on the window '%s', which `vyre run` does not give",
                       vyre_program_name(program), info.name);
    if (strcmp(info.role, "param") != 0) continue;
    bool is_given = false;
    for (uint32_t k = 0; k < options->param_count; k++) {
      size_t length = 0;
      const char *text = options->params[k];
      is_given |= value_of(text, &length) && strlen(info.name) == length && memcmp(info.name, text, length) == 0;
    }
    if (is_given) continue;
    char fix[128];
    snprintf(fix, sizeof fix, "Add --param %s=VALUE.", info.name);
    return cli_error(VYRE_E_COMMAND_LINE, NULL, fix, "the Program %s needs a value for %s : %s",
                     vyre_program_name(program), info.name, info.type);
  }
  return NULL;
}

vyre_status_t run_set_params(vyre_session_t *session, uint32_t opcode, const vyre_program_t *program,
                             const run_options_t *options) {
  for (uint32_t i = 0; i < options->param_count; i++) CLI_TRY(set_scalar(session, opcode, program, options->params[i]));
  for (uint32_t i = 0; i < options->constant_count; i++)
    CLI_TRY(set_constant(session, opcode, program, options->constants[i]));
  return check_given(program, options);
}
