/* Making statuses. Public reading is in vyre/status.h.
 *
 * Owns:  each record owns its strings and its cause.
 * Rules: the constructor takes the detail; annotations take a status and give it back, so that an
 *        error is built in one return statement. Annotating NULL or the static out-of-memory record
 *        does nothing. The data path carries vyre_fault codes; a record is made at the API's border. */
#ifndef VYRE_BASE_STATUS_H
#define VYRE_BASE_STATUS_H

#include <vyre/status.h>

#define VYRE_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))

/* A record with this code and detail (may be ""). */
vyre_status_t vyre_status_make(vyre_code_t code, const char *format, ...) VYRE_PRINTF(2, 3);

/* The code's own record, without a detail: needs no memory, for paths that may not allocate. */
vyre_status_t vyre_status_fixed(vyre_code_t code);

/* A record for a failed system call: maps errno to a code (ENOENT, EACCES, ENOMEM, ...; else fallback)
 * and appends the system's words to the detail. */
vyre_status_t vyre_status_from_errno(int error, vyre_code_t fallback, const char *format, ...) VYRE_PRINTF(3, 4);

/* Annotations. `where` and `fix` replace, `context` (what was being done) keeps the innermost. */
vyre_status_t vyre_status_at(vyre_status_t status, const char *format, ...) VYRE_PRINTF(2, 3);
vyre_status_t vyre_status_with_fix(vyre_status_t status, const char *format, ...) VYRE_PRINTF(2, 3);
vyre_status_t vyre_status_context(vyre_status_t status, const char *format, ...) VYRE_PRINTF(2, 3);
vyre_status_t vyre_status_with_source(vyre_status_t status, const char *line, size_t line_length, size_t column);
/* Takes ownership of the cause. */
vyre_status_t vyre_status_because(vyre_status_t status, vyre_status_t cause);

/* Evaluates once; returns from the caller on failure. */
#define VYRE_TRY(expression)                      \
  do {                                            \
    vyre_status_t vyre_try_status = (expression); \
    if (vyre_try_status) return vyre_try_status;  \
  } while (0)

#endif
