/* The part of the public API that is about Programs as text. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <vyre/program.h>

#include "base/memory.h"
#include "ir/text.h"

vyre_status_t vyre_program_parse(const char *text, size_t length, const char *source_name,
                                 vyre_program_t **out_program) {
  return vyre_text_parse(text, length, source_name, false, out_program);
}

/* Reads until the end or one byte past the limit, so that the parser reports what is too long. */
static vyre_status_t read_source(int descriptor, const char *path, vyre_strbuf_t *text) {
  char block[16384];
  while (text->length <= VYRE_LIMIT_SOURCE_BYTES) {
    ssize_t got = read(descriptor, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "read"), "%s", path);
    if (got == 0) return text->failed ? vyre_out_of_memory(text->length) : NULL;
    vyre_strbuf_append_bytes(text, block, (size_t)got);
    if (text->failed) return vyre_out_of_memory(text->length);
  }
  return vyre_status_at(
      vyre_status_make(VYRE_E_TOO_LARGE, "a source text has at most %d bytes", VYRE_LIMIT_SOURCE_BYTES), "%s", path);
}

vyre_status_t vyre_program_load(const char *path, vyre_program_t **out_program) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "open"), "%s", path);
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_status_t status = read_source(descriptor, path, &text);
  close(descriptor);
  if (!status) status = vyre_program_parse(text.text ? text.text : "", text.length, path, out_program);
  vyre_strbuf_deinit(&text);
  return status;
}

vyre_status_t vyre_program_print(const vyre_program_t *program, char **out_text) {
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_text_print(program, &text);
  char *taken = vyre_strbuf_take(&text);
  if (!taken) return vyre_out_of_memory(text.length);
  *out_text = taken;
  return NULL;
}

void vyre_text_free(char *text) { vyre_free(text); }
