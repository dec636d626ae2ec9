/* docs/formats/wire.md itself: each text has the wire form and the fingerprint that stand below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ir/canonical.h"
#include "ir/text.h"
#include "ir/wire.h"

enum { PAGE_BYTES_MAX = 1 << 18, VECTOR_BYTES_MAX = 4096 };

static char *read_page(void) {
  char *page = vyre_calloc(1, PAGE_BYTES_MAX + 1);
  FILE *file = fopen(VYRE_SOURCE_DIR "/docs/formats/wire.md", "r");
  assert_non_null(page);
  assert_non_null(file);
  size_t length = fread(page, 1, PAGE_BYTES_MAX, file);
  assert_true(length > 0 && length < PAGE_BYTES_MAX);
  fclose(file);
  return page;
}

/* The next fenced block of a language; its end is cut off with a NUL. */
static char *take_block(char **at, const char *language) {
  char fence[32];
  snprintf(fence, sizeof fence, "```%s\n", language);
  char *begin = strstr(*at, fence);
  if (!begin) return NULL;
  begin += strlen(fence);
  char *end = strstr(begin, "```");
  assert_non_null(end);
  *end = '\0';
  *at = end + 1;
  return begin;
}

static size_t parse_hex(const char *text, unsigned char *bytes) {
  size_t count = 0;
  for (; *text; text++) {
    unsigned byte = 0;
    if (*text == ' ' || *text == '\n') continue;
    if (sscanf(text, "%2x", &byte) != 1 || count == VECTOR_BYTES_MAX) fail_msg("no hex digits: %.16s", text);
    bytes[count++] = (unsigned char)byte;
    text++;
  }
  return count;
}

static void expect_vector(const char *text, const char *wire, const char *fingerprint) {
  static unsigned char bytes[VECTOR_BYTES_MAX], expected[VECTOR_BYTES_MAX];
  unsigned char made[VYRE_BLAKE3_BYTES];
  vyre_program_t *program = NULL, *read = NULL;
  vyre_strbuf_t written;
  size_t size = parse_hex(wire, bytes);
  assert_null(vyre_text_parse(text, strlen(text), "vector", false, &program));
  vyre_strbuf_init(&written);
  assert_null(vyre_wire_encode(program, 0, &written));
  if (written.length != size || memcmp(written.text, bytes, size) != 0) fail_msg("other bytes for\n%s", text);
  assert_null(vyre_wire_decode(bytes, size, "vector", false, &read));
  assert_string_equal(read->name, "unnamed");
  assert_int_equal(parse_hex(fingerprint, expected), sizeof made);
  assert_null(vyre_fingerprint(program, made));
  if (memcmp(made, expected, sizeof made) != 0) fail_msg("another fingerprint for\n%s", text);
  assert_null(vyre_fingerprint(read, made));
  assert_memory_equal(made, expected, sizeof made);
  vyre_strbuf_deinit(&written);
  vyre_program_destroy(&program);
  vyre_program_destroy(&read);
}

static void the_page_tells_the_truth(void **state) {
  (void)state;
  unsigned count = 0;
  char *page = read_page(), *at = page, *text;
  while ((text = take_block(&at, "vyre")) != NULL) {
    char *wire = take_block(&at, "wire"), *fingerprint = take_block(&at, "fingerprint");
    assert_true(wire && fingerprint);
    expect_vector(text, wire, fingerprint);
    count++;
  }
  assert_true(count >= 5);
  vyre_free(page);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_tells_the_truth)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
