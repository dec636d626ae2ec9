/* The progress bar on stderr: only on a terminal that can erase a line, in colour unless NO_COLOR is set. */
#ifndef VYRE_CLI_PROGRESS_H
#define VYRE_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cli_progress {
  bool enabled, colored, drawn;
  uint64_t start_ns;
} cli_progress_t;

void cli_progress_start(cli_progress_t *progress, bool wanted);
void cli_progress_update(cli_progress_t *progress, uint64_t bytes_done, uint64_t bytes_total);
/* Leaves the line as it was before. */
void cli_progress_erase(cli_progress_t *progress);

#endif
