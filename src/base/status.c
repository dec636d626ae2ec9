#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/strbuf.h"

struct vyre_status {
  vyre_code_t code;
  bool is_static;                                /* of the table `fixed`: never freed, never annotated */
  char *detail, *where, *source, *context, *fix; /* owned; NULL reads as "" (fix: as the catalogue's) */
  struct vyre_status *cause;
};

static struct vyre_status fixed[] = {
#define VYRE_ERROR(name, number, family, retry, summary, fix) {.code = VYRE_E_##name, .is_static = true},
#include "vyre/error_codes.def"
#undef VYRE_ERROR
};

static const vyre_code_info_t catalogue[] = {
#define VYRE_ERROR(name, number, family, retry, summary, fix) \
  {VYRE_E_##name, "VYRE_E_" #name, #family, VYRE_RETRY_##retry, summary, fix},
#include "vyre/error_codes.def"
#undef VYRE_ERROR
};

const vyre_code_info_t *vyre_code_table(size_t *out_count) {
  *out_count = sizeof catalogue / sizeof *catalogue;
  return catalogue;
}

const vyre_code_info_t *vyre_code_lookup(int number) {
  for (size_t i = 0; i < sizeof catalogue / sizeof *catalogue; i++)
    if ((int)catalogue[i].code == number) return &catalogue[i];
  return NULL;
}

vyre_status_t vyre_status_fixed(vyre_code_t code) {
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
    if (fixed[i].code == code) return &fixed[i];
  VYRE_UNREACHABLE();
}

vyre_status_t vyre_out_of_memory(size_t bytes) {
  (void)bytes; /* a record with the size would need the memory that is not there */
  return vyre_status_fixed(VYRE_E_MEMORY);
}

/* NULL when memory is out. */
static char *format_text(const char *format, va_list arguments) {
  vyre_strbuf_t buffer;
  vyre_strbuf_init(&buffer);
  vyre_strbuf_vprintf(&buffer, format, arguments);
  return vyre_strbuf_take(&buffer);
}

static vyre_status_t make(vyre_code_t code, char *detail) {
  VYRE_ASSERT(vyre_code_lookup((int)code) != NULL);
  struct vyre_status *status = detail ? vyre_calloc(1, sizeof *status) : NULL;
  if (!status) {
    vyre_free(detail);
    return vyre_status_fixed(VYRE_E_MEMORY);
  }
  status->code = code;
  status->detail = detail;
  return status;
}

vyre_status_t vyre_status_make(vyre_code_t code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vyre_status_t status = make(code, format_text(format, arguments));
  va_end(arguments);
  return status;
}

vyre_status_t vyre_status_create(vyre_code_t code, const char *detail, const char *where, const char *fix) {
  if (!vyre_code_lookup((int)code)) return vyre_status_make(VYRE_E_INTERNAL, "no code %d: %s", (int)code, detail);
  vyre_status_t status = vyre_status_make(code, "%s", detail ? detail : "");
  if (where) status = vyre_status_at(status, "%s", where);
  if (fix) status = vyre_status_with_fix(status, "%s", fix);
  return status;
}

static vyre_code_t code_of_errno(int error, vyre_code_t fallback) {
  switch (error) {
    case ENOENT:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOTDIR: return VYRE_E_NOT_FOUND;
    case EACCES:
    case EPERM: return VYRE_E_PERMISSION;
    case EISDIR: return VYRE_E_NOT_A_FILE;
    case ENOMEM: return VYRE_E_MEMORY;
    case EMFILE:
    case ENFILE: return VYRE_E_FILES;
    case EPIPE: return VYRE_E_PIPE;
    default: return fallback;
  }
}

vyre_status_t vyre_status_from_errno(int error, vyre_code_t fallback, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vyre_strbuf_t buffer;
  vyre_strbuf_init(&buffer);
  vyre_strbuf_vprintf(&buffer, format, arguments);
  va_end(arguments);
  vyre_strbuf_printf(&buffer, ": %s", strerror(error));
  return make(code_of_errno(error, fallback), vyre_strbuf_take(&buffer));
}

static void replace(char **field, const char *format, va_list arguments) {
  char *text = format_text(format, arguments);
  if (!text) return; /* keep the older words rather than none */
  vyre_free(*field);
  *field = text;
}

vyre_status_t vyre_status_at(vyre_status_t status, const char *format, ...) {
  if (!status || status->is_static) return status;
  va_list arguments;
  va_start(arguments, format);
  replace(&status->where, format, arguments);
  va_end(arguments);
  return status;
}

vyre_status_t vyre_status_with_fix(vyre_status_t status, const char *format, ...) {
  if (!status || status->is_static) return status;
  va_list arguments;
  va_start(arguments, format);
  replace(&status->fix, format, arguments);
  va_end(arguments);
  return status;
}

vyre_status_t vyre_status_context(vyre_status_t status, const char *format, ...) {
  if (!status || status->is_static || status->context) return status;
  va_list arguments;
  va_start(arguments, format);
  replace(&status->context, format, arguments);
  va_end(arguments);
  return status;
}

vyre_status_t vyre_status_with_source(vyre_status_t status, const char *line, size_t line_length, size_t column) {
  if (!status || status->is_static) return status;
  vyre_strbuf_t buffer;
  vyre_strbuf_init(&buffer);
  vyre_strbuf_append_bytes(&buffer, line, line_length);
  vyre_strbuf_append(&buffer, "\n");
  /* Tabs stay tabs, so that the caret stands below its column whatever the tab width. */
  for (size_t i = 0; i + 1 < column; i++) vyre_strbuf_append(&buffer, i < line_length && line[i] == '\t' ? "\t" : " ");
  vyre_strbuf_append(&buffer, "^");
  char *text = vyre_strbuf_take(&buffer);
  if (text) {
    vyre_free(status->source);
    status->source = text;
  }
  return status;
}

vyre_status_t vyre_status_because(vyre_status_t status, vyre_status_t cause) {
  if (!status || status->is_static) {
    vyre_status_destroy(&cause);
    return status;
  }
  struct vyre_status *last = status;
  while (last->cause) last = last->cause;
  last->cause = cause;
  return status;
}

void vyre_status_destroy(vyre_status_t *status) {
  if (!status) return;
  struct vyre_status *record = *status;
  *status = NULL;
  while (record && !record->is_static) {
    struct vyre_status *cause = record->cause;
    vyre_free(record->detail);
    vyre_free(record->where);
    vyre_free(record->source);
    vyre_free(record->context);
    vyre_free(record->fix);
    vyre_free(record);
    record = cause;
  }
}

static const char *or_empty(const char *text) { return text ? text : ""; }

vyre_code_t vyre_status_code(vyre_status_t status) { return status ? status->code : VYRE_OK; }
const char *vyre_status_detail(vyre_status_t status) { return status ? or_empty(status->detail) : ""; }
const char *vyre_status_where(vyre_status_t status) { return status ? or_empty(status->where) : ""; }
const char *vyre_status_source(vyre_status_t status) { return status ? or_empty(status->source) : ""; }
const char *vyre_status_while(vyre_status_t status) { return status ? or_empty(status->context) : ""; }
vyre_status_t vyre_status_cause(vyre_status_t status) { return status ? status->cause : NULL; }

const char *vyre_status_fix(vyre_status_t status) {
  if (!status) return "";
  return status->fix ? status->fix : vyre_code_lookup((int)status->code)->fix;
}

static void format_record(vyre_strbuf_t *out, const struct vyre_status *status) {
  if (status->where) vyre_strbuf_printf(out, "%s: ", status->where);
  vyre_strbuf_printf(out, "error VYRE-%d: %s", (int)status->code, vyre_code_lookup((int)status->code)->summary);
  if (status->detail && *status->detail) vyre_strbuf_printf(out, ": %s", status->detail);
  vyre_strbuf_append(out, "\n");
  if (status->context) vyre_strbuf_printf(out, "  while %s\n", status->context);
  for (const char *line = or_empty(status->source); *line;) {
    size_t length = strcspn(line, "\n");
    vyre_strbuf_printf(out, "  | %.*s\n", (int)length, line);
    line += length + (line[length] == '\n');
  }
}

/* The record itself, in one line, and its Fix: its context, source and causes are left out. */
static size_t format_without_memory(vyre_status_t status, char *buffer, size_t size) {
  if (!status) return (size_t)snprintf(buffer, size, "ok\n");
  const char *where = or_empty(status->where), *detail = or_empty(status->detail);
  int length =
      snprintf(buffer, size, "%s%serror VYRE-%d: %s%s%s\nFix: %s\n", where, *where ? ": " : "", (int)status->code,
               vyre_code_lookup((int)status->code)->summary, *detail ? ": " : "", detail, vyre_status_fix(status));
  return length < 0 ? 0 : (size_t)length;
}

size_t vyre_status_format(vyre_status_t status, char *buffer, size_t size) {
  vyre_strbuf_t out;
  vyre_strbuf_init(&out);
  if (!status) vyre_strbuf_append(&out, "ok\n");
  for (const struct vyre_status *record = status; record; record = record->cause) {
    if (record != status) vyre_strbuf_append(&out, "caused by: ");
    format_record(&out, record);
  }
  if (status) vyre_strbuf_printf(&out, "Fix: %s\n", vyre_status_fix(status));
  char *text = vyre_strbuf_take(&out);
  if (!text) return format_without_memory(status, buffer, size);
  size_t length = strlen(text);
  if (size > 0) {
    size_t copied = length < size ? length : size - 1;
    memcpy(buffer, text, copied);
    buffer[copied] = '\0';
  }
  vyre_free(text);
  return length;
}

_Noreturn void vyre_assert_failed(const char *expression, const char *file, int line) {
  fprintf(stderr,
          "vyre: broken assertion at %s:%d: %s\nFix: Report this line together with the output of `vyre doctor`.\n",
          file, line, expression);
  abort();
}
