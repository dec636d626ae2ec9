/* `vyre run` in three files: run.c does it, run_params.c gives it values, run_print.c shows what came out. */
#ifndef VYRE_CLI_RUN_H
#define VYRE_CLI_RUN_H

#include <stdbool.h>
#include <vyre/vyre.h>

#include "file.h"
#include "text.h"

enum { RUN_VALUES_MAX = 64 }; /* a Program has no more parameters */

typedef struct run_options {
  const char *program_path;
  const char *device;
  vyre_session_params_t session;
  vyre_stream_params_t stream;
  bool json, quiet, no_progress, all;
  const char *params[RUN_VALUES_MAX];    /* NAME=VALUE */
  const char *constants[RUN_VALUES_MAX]; /* NAME=FILE */
  uint32_t param_count, constant_count;
} run_options_t;

/* What a finished run leaves, while its stream, device and Program are still there. */
typedef struct run_result {
  const vyre_program_t *program;
  char fingerprint[CLI_FINGERPRINT_CHARS + 1]; /* made for JSON only */
  vyre_device_info_t device;
  vyre_stream_report_t report;
  vyre_session_stats_t stats;
  uint32_t output_count;
  vyre_output_info_t *outputs;
  void **values; /* by output: count * element_bytes bytes */
} run_result_t;

/* Gives the session the values of --param and --constant; every scalar must have one. */
vyre_status_t run_set_params(vyre_session_t *session, uint32_t opcode, const vyre_program_t *program,
                             const run_options_t *options);

void run_print_text(const run_result_t *result, bool all, cli_text_t *text);
void run_print_json(const run_result_t *result, cli_text_t *text);
/* One line for stderr: which paths were taken, why, how fast. */
void run_print_report(const run_result_t *result, cli_text_t *text);

#endif
