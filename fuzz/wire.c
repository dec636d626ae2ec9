/* Any bytes as a wire form: the first one is the flags, the others the body, whose hash is put in front of it. What is
 * accepted must be written in the same way again, and must have a canonical form that is its own. */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/canonical.h"
#include "ir/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_bytes(const vyre_program_t *program, unsigned flags, const char *bytes, size_t size) {
  vyre_strbuf_t again;
  vyre_strbuf_init(&again);
  VYRE_ASSERT(vyre_wire_encode(program, flags, &again) == NULL);
  VYRE_ASSERT(again.length == size && memcmp(again.text, bytes, size) == 0);
  vyre_strbuf_deinit(&again);
}

static void check_canonical(const vyre_program_t *program) {
  vyre_program_t *once = NULL, *twice = NULL;
  vyre_strbuf_t bytes;
  vyre_strbuf_init(&bytes);
  VYRE_ASSERT(vyre_canonicalize(program, &once) == NULL);
  VYRE_ASSERT(vyre_canonicalize(once, &twice) == NULL);
  VYRE_ASSERT(vyre_wire_encode(once, VYRE_WIRE_DEBUG, &bytes) == NULL);
  expect_bytes(twice, VYRE_WIRE_DEBUG, bytes.text, bytes.length);
  vyre_strbuf_deinit(&bytes);
  vyre_program_destroy(&once);
  vyre_program_destroy(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  vyre_program_t *program = NULL;
  if (size == 0) return 0;
  size_t length = VYRE_WIRE_HEADER_BYTES + size - 1;
  char *bytes = vyre_alloc(length);
  VYRE_ASSERT(bytes != NULL);
  memcpy(bytes, "VYRE\1", 5);
  bytes[5] = (char)data[0];
  memcpy(bytes + VYRE_WIRE_HEADER_BYTES, data + 1, size - 1);
  vyre_blake3_hash(data + 1, size - 1, (unsigned char *)bytes + VYRE_WIRE_HASH_AT);
  vyre_status_t status = vyre_wire_decode(bytes, length, "f", true, &program);
  if (status) {
    VYRE_ASSERT(*vyre_status_where(status) && *vyre_status_fix(status));
    vyre_status_destroy(&status);
  } else {
    expect_bytes(program, data[0], bytes, length);
    check_canonical(program);
    vyre_program_destroy(&program);
  }
  vyre_free(bytes);
  return 0;
}
