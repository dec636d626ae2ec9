#include "output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

vyre_status_t cli_output_write_to(int descriptor, const char *where, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(descriptor, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return cli_error_errno(errno, where, "write");
    bytes += written;
    length -= (size_t)written;
  }
  return NULL;
}

vyre_status_t cli_output_write_bytes(const char *bytes, size_t length) {
  return cli_output_write_to(STDOUT_FILENO, "stdout", bytes, length);
}

vyre_status_t cli_output_write(const cli_text_t *text) {
  if (text->failed) return cli_out_of_memory();
  return cli_output_write_bytes(text->bytes, text->length);
}
