/* The megakernel's loop as text: it parses back to the same nodes, and it is the text that was read last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vyre/session.h>

#include "ir/program_equal.h"
#include "ir/text.h"
#include "megakernel/loop.h"
#include "support/expect.h"

static const struct {
  const char *name;
  vyre_loop_params_t params;
} loops[] = {{"direct", {VYRE_TOPOLOGY_DIRECT, true}}, {"dispatched", {VYRE_TOPOLOGY_DISPATCHED, false}}};
enum { LOOPS = sizeof loops / sizeof *loops };

static void print_parses_back(void **state) {
  (void)state;
  for (int i = 0; i < LOOPS; i++) {
    vyre_program_t *loop, *parsed;
    char *text = NULL, *again = NULL;
    ok(vyre_megakernel_build(&loops[i].params, &loop));
    ok(vyre_program_print(loop, &text));
    ok(vyre_text_parse(text, strlen(text), "loop.vyre", true, &parsed));
    assert_true(vyre_program_equal(loop, parsed, false));
    ok(vyre_program_print(parsed, &again));
    assert_string_equal(text, again);
    vyre_text_free(again);
    vyre_text_free(text);
    vyre_program_destroy(&parsed);
    vyre_program_destroy(&loop);
  }
}

static void compare(const char *name) {
  char path[512], *text = NULL;
  snprintf(path, sizeof path, "%s/tests/megakernel/golden/%s.vyre", VYRE_SOURCE_DIR, name);
  ok(vyre_megakernel_print(name, &text));
  size_t length = strlen(text);
  if (getenv("VYRE_UPDATE_GOLDEN")) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
  }
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s is missing; run with VYRE_UPDATE_GOLDEN=1 and read what it writes", path);
  char *kept = calloc(1, length + 2);
  assert_non_null(kept);
  size_t got = fread(kept, 1, length + 1, file);
  fclose(file);
  if (got != length || memcmp(kept, text, length) != 0)
    fail_msg("the loop is not that of %s; run with VYRE_UPDATE_GOLDEN=1 and read the difference", path);
  free(kept);
  vyre_text_free(text);
}

/* The loops' texts are kept, so that a change of them is read. VYRE_UPDATE_GOLDEN=1 writes them. */
static void golden(void **state) {
  (void)state;
  for (int i = 0; i < LOOPS; i++) compare(loops[i].name);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(print_parses_back), cmocka_unit_test(golden)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
