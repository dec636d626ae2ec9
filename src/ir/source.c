/* The part of the public API that is about Programs as text and as bytes. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <vyre/program.h>

#include "base/memory.h"
#include "ir/canonical.h"
#include "ir/text.h"
#include "ir/wire.h"

vyre_status_t vyre_program_parse(const char *text, size_t length, const char *source_name,
                                 vyre_program_t **out_program) {
  return vyre_text_parse(text, length, source_name, false, out_program);
}

vyre_status_t vyre_program_decode(const void *bytes, size_t size, const char *source_name,
                                  vyre_program_t **out_program) {
  return vyre_wire_decode(bytes, size, source_name, false, out_program);
}

vyre_status_t vyre_program_read(const void *bytes, size_t size, const char *source_name, vyre_program_t **out_program) {
  return vyre_wire_is_magic(bytes, size) ? vyre_program_decode(bytes, size, source_name, out_program)
                                         : vyre_program_parse(bytes, size, source_name, out_program);
}

static vyre_status_t too_large(const vyre_strbuf_t *bytes, const char *path) {
  bool is_wire = vyre_wire_is_magic(bytes->text, bytes->length);
  return vyre_status_at(
      vyre_status_make(VYRE_E_TOO_LARGE, "a %s has at most %d bytes", is_wire ? "wire form" : "source text",
                       is_wire ? (int)VYRE_LIMIT_WIRE_BYTES : (int)VYRE_LIMIT_SOURCE_BYTES),
      "%s", path);
}

static vyre_status_t read_source(int descriptor, const char *path, vyre_strbuf_t *bytes) {
  char block[16384];
  for (;;) {
    ssize_t got = read(descriptor, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "read"), "%s", path);
    vyre_strbuf_append_bytes(bytes, block, (size_t)got);
    if (bytes->failed) return vyre_out_of_memory(bytes->length);
    bool is_wire = vyre_wire_is_magic(bytes->text, bytes->length);
    size_t most = is_wire ? VYRE_LIMIT_WIRE_BYTES : VYRE_LIMIT_SOURCE_BYTES;
    if (bytes->length > most) return too_large(bytes, path);
    if (got == 0) return NULL;
  }
}

vyre_status_t vyre_program_load(const char *path, vyre_program_t **out_program) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return vyre_status_at(vyre_status_from_errno(errno, VYRE_E_IO, "open"), "%s", path);
  vyre_strbuf_t bytes;
  vyre_strbuf_init(&bytes);
  vyre_status_t status = read_source(descriptor, path, &bytes);
  close(descriptor);
  if (!status) status = vyre_program_read(bytes.text ? bytes.text : "", bytes.length, path, out_program);
  vyre_strbuf_deinit(&bytes);
  return status;
}

vyre_status_t vyre_program_canonicalize(const vyre_program_t *program, vyre_program_t **out_program) {
  return vyre_canonicalize(program, out_program);
}

_Static_assert(VYRE_FINGERPRINT_BYTES == VYRE_BLAKE3_BYTES, "a fingerprint is a hash");
vyre_status_t vyre_program_fingerprint(const vyre_program_t *program, uint8_t out[VYRE_FINGERPRINT_BYTES]) {
  return vyre_fingerprint(program, out);
}

_Static_assert((int)VYRE_ENCODE_DEBUG == (int)VYRE_WIRE_DEBUG, "the flags of the header");
vyre_status_t vyre_program_encode(const vyre_program_t *program, uint32_t flags, char **out_bytes, size_t *out_size) {
  vyre_strbuf_t bytes;
  if (flags & ~(uint32_t)VYRE_WIRE_DEBUG) return vyre_status_make(VYRE_E_ARGUMENT, "unknown flags of a wire form");
  vyre_strbuf_init(&bytes);
  vyre_status_t status = vyre_wire_encode(program, flags, &bytes);
  size_t size = bytes.length;
  char *taken = status ? NULL : vyre_strbuf_take(&bytes);
  if (!status && !taken) status = vyre_out_of_memory(size);
  vyre_strbuf_deinit(&bytes);
  if (status) return status;
  *out_bytes = taken;
  *out_size = size;
  return NULL;
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
