/* Errors of the command: made here, printed here, nowhere else.
 *
 * Every function that can fail gives a vyre_status_t; a verb ends with cli_report, which prints the record on stderr
 * and turns it into the exit status. */
#ifndef VYRE_CLI_REPORT_H
#define VYRE_CLI_REPORT_H

#include <stdbool.h>
#include <vyre/status.h>

/* where and fix may be NULL. */
vyre_status_t cli_error(vyre_code_t code, const char *where, const char *fix, const char *detail_format, ...)
    __attribute__((format(printf, 4, 5)));
/* For a failed system call: the code that fits errno, else VYRE_E_IO. */
vyre_status_t cli_error_errno(int error, const char *where, const char *doing);
vyre_status_t cli_out_of_memory(void);
/* A wrong command line: the Fix points at the verb's help page. */
vyre_status_t cli_error_usage(const char *verb, const char *detail_format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the record on stderr, releases it, and gives the exit status; CLI_EXIT_OK for NULL. */
int cli_report(vyre_status_t *status);
/* The same; with `json` the record is also one JSON object on stdout. */
int cli_report_as(vyre_status_t *status, bool json);

#define CLI_TRY(expression)                      \
  do {                                           \
    vyre_status_t cli_try_status = (expression); \
    if (cli_try_status) return cli_try_status;   \
  } while (0)

#endif
