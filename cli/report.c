#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "output.h"
#include "verb.h"

static vyre_status_t make(vyre_code_t code, const char *where, const char *fix, const char *format, va_list arguments) {
  char *detail = NULL;
  if (vasprintf(&detail, format, arguments) < 0) return cli_out_of_memory();
  vyre_status_t status = vyre_status_create(code, detail, where, fix);
  free(detail);
  return status;
}

vyre_status_t cli_error(vyre_code_t code, const char *where, const char *fix, const char *detail_format, ...) {
  va_list arguments;
  va_start(arguments, detail_format);
  vyre_status_t status = make(code, where, fix, detail_format, arguments);
  va_end(arguments);
  return status;
}

vyre_status_t cli_out_of_memory(void) { return vyre_status_create(VYRE_E_MEMORY, "", NULL, NULL); }

vyre_status_t cli_error_usage(const char *verb, const char *detail_format, ...) {
  char fix[128];
  snprintf(fix, sizeof fix, "Run `vyre %s --help` for the options and arguments.", verb);
  va_list arguments;
  va_start(arguments, detail_format);
  vyre_status_t status = make(VYRE_E_COMMAND_LINE, NULL, fix, detail_format, arguments);
  va_end(arguments);
  return status;
}

vyre_status_t cli_error_errno(int error, const char *where, const char *doing) {
  vyre_code_t code = VYRE_E_IO;
  const char *fix = NULL;
  switch (error) {
    case ENOENT:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOTDIR: code = VYRE_E_NOT_FOUND; break;
    case EACCES:
    case EPERM: code = VYRE_E_PERMISSION; break;
    case EROFS:
      code = VYRE_E_PERMISSION;
      fix = "Name a file on a file system that is mounted for writing.";
      break;
    case EISDIR: code = VYRE_E_NOT_A_FILE; break;
    case ENOMEM: code = VYRE_E_MEMORY; break;
    case EMFILE:
    case ENFILE: code = VYRE_E_FILES; break;
    case EPIPE: code = VYRE_E_PIPE; break;
    case ENOSPC:
    case EDQUOT: fix = "Free space on the file system, or write to another one."; break;
    case EBADF:
      fix = strcmp(doing, "read") == 0 ? "Open the descriptor for reading, for example with `<FILE`."
                                       : "Open the descriptor for writing, for example with `>FILE`.";
      break;
    default: break;
  }
  return cli_error(code, where, fix, "%s: %s", doing, strerror(error));
}

static int exit_status(vyre_code_t code) {
  switch (code) {
    case VYRE_OK: return CLI_EXIT_OK;
    case VYRE_E_COMMAND_LINE:
    case VYRE_E_UNKNOWN_CODE: return CLI_EXIT_USAGE;
    default: return CLI_EXIT_FAILURE;
  }
}

static void print_text(vyre_status_t status) {
  char small[1024];
  size_t needed = vyre_status_format(status, small, sizeof small);
  if (needed < sizeof small) {
    fputs(small, stderr);
    return;
  }
  char *large = malloc(needed + 1);
  if (large) vyre_status_format(status, large, needed + 1);
  /* Without memory it is cut off, but not its Fix. */
  if (large)
    fputs(large, stderr);
  else
    fprintf(stderr, "%s...\nFix: %s\n", small, vyre_status_fix(status));
  free(large);
}

static void print_json(vyre_status_t status) {
  const vyre_code_info_t *info = vyre_code_lookup((int)vyre_status_code(status));
  cli_json_t json = {0};
  cli_json_open(&json, NULL, '{');
  cli_json_open(&json, "error", '{');
  cli_json_unsigned(&json, "code", (uint64_t)vyre_status_code(status));
  cli_json_string(&json, "name", info ? info->name : "");
  cli_json_string(&json, "detail", vyre_status_detail(status));
  cli_json_string(&json, "where", vyre_status_where(status));
  cli_json_string(&json, "while", vyre_status_while(status));
  cli_json_string(&json, "fix", vyre_status_fix(status));
  cli_json_close(&json, '}');
  cli_json_close(&json, '}');
  cli_text_puts(&json.text, "\n");
  vyre_status_t failed = cli_output_write(&json.text);
  if (failed) print_text(failed);
  vyre_status_destroy(&failed);
  cli_text_free(&json.text);
}

int cli_report(vyre_status_t *status) { return cli_report_as(status, false); }

int cli_report_as(vyre_status_t *status, bool json) {
  vyre_code_t code = vyre_status_code(*status);
  if (code == VYRE_OK) return CLI_EXIT_OK;
  print_text(*status);
  if (json) print_json(*status);
  vyre_status_destroy(status);
  return exit_status(code);
}
