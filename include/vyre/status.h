/* vyre/status.h: what every function that can fail returns.
 *
 * A vyre_status_t is one word. NULL is success; anything else is a record that the caller owns and
 * gives back with vyre_status_destroy. A record holds a code of the catalogue (error_codes.def),
 * a detail, where it happened, what was being done, an optional cause, and a Fix: an instruction to
 * whoever sees it.
 *
 * Threads: a record is immutable once returned; it may be read from any thread and is destroyed once.
 * Errors:  nothing here fails. When memory is out, a static record says so. */
#ifndef VYRE_STATUS_H
#define VYRE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef VYRE_API
#define VYRE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum vyre_code {
  VYRE_OK = 0,
#define VYRE_ERROR(name, number, family, retry, summary, fix) VYRE_E_##name = number,
#include "vyre/error_codes.def"
#undef VYRE_ERROR
} vyre_code_t;

/* Whether the same call can succeed when it is made again. */
typedef enum vyre_retry {
  VYRE_RETRY_NEVER,   /* not in this process or with this input */
  VYRE_RETRY_LATER,   /* unchanged, when the condition has passed */
  VYRE_RETRY_CHANGED, /* after the Fix was followed */
} vyre_retry_t;

typedef struct vyre_status *vyre_status_t;

/* One line of the catalogue. The strings live as long as the library. */
typedef struct vyre_code_info {
  vyre_code_t code;
  const char *name;   /* "VYRE_E_SYNTAX" */
  const char *family; /* "PROGRAM" */
  vyre_retry_t retry;
  const char *summary; /* "syntax error" */
  const char *fix;
} vyre_code_info_t;

/* A record of the caller's own, so that a program that uses vyre reports its errors in the same form. The strings are
 * copied; where and fix may be NULL: no place, the catalogue's Fix. VYRE_E_INTERNAL when the catalogue has no such
 * code. */
VYRE_API vyre_status_t vyre_status_create(vyre_code_t code, const char *detail, const char *where, const char *fix);

/* Releases the record and its causes, and sets *status to NULL. Accepts NULL and a pointer to NULL. */
VYRE_API void vyre_status_destroy(vyre_status_t *status);

/* VYRE_OK for NULL. */
VYRE_API vyre_code_t vyre_status_code(vyre_status_t status);

/* The parts of a record; never NULL, empty where there is nothing to say. They live as long as the record. */
VYRE_API const char *vyre_status_detail(vyre_status_t status);  /* "expected ':' after the name, found '='" */
VYRE_API const char *vyre_status_where(vyre_status_t status);   /* "x.vyre:3:9", a path and offset, a slot */
VYRE_API const char *vyre_status_source(vyre_status_t status);  /* the source line and a caret below it, or "" */
VYRE_API const char *vyre_status_while(vyre_status_t status);   /* "compiling count_lines" */
VYRE_API const char *vyre_status_fix(vyre_status_t status);     /* sharpened with values, else the catalogue's */
VYRE_API vyre_status_t vyre_status_cause(vyre_status_t status); /* lent, or NULL */

/* Writes the whole record as text of several lines, cause included, the last line beginning "Fix:".
 * Returns the bytes needed without the final NUL, as snprintf does; buffer may be NULL when size is 0. */
VYRE_API size_t vyre_status_format(vyre_status_t status, char *buffer, size_t size);

/* The catalogue: by code (NULL if there is none), and the whole of it. */
VYRE_API const vyre_code_info_t *vyre_code_lookup(int number);
VYRE_API const vyre_code_info_t *vyre_code_table(size_t *out_count);

#ifdef __cplusplus
}
#endif
#endif
