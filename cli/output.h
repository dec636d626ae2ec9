/* stdout: written once, whole, and checked. A reader that went away or a full disk is an error of the command. */
#ifndef VYRE_CLI_OUTPUT_H
#define VYRE_CLI_OUTPUT_H

#include <vyre/status.h>

#include "text.h"

/* Errors: VYRE_E_PIPE, VYRE_E_IO, and VYRE_E_MEMORY when the text could not be built. */
vyre_status_t cli_output_write(const cli_text_t *text);
vyre_status_t cli_output_write_bytes(const char *bytes, size_t length);
vyre_status_t cli_output_write_to(int descriptor, const char *where, const char *bytes, size_t length);

#endif
