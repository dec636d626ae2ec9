/* Statuses: the parts of a record, annotations, causes, and the whole catalogue's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"

static void formats_every_part(void **state) {
  (void)state;
  vyre_status_t cause = vyre_status_from_errno(ENOENT, VYRE_E_IO, "open %s", "a");
  vyre_status_t status = vyre_status_make(VYRE_E_SYNTAX, "expected '%c'", ':');
  status = vyre_status_at(status, "x.vyre:%d:%d", 3, 9);
  status = vyre_status_with_source(status, "stream data = u8", 16, 13);
  status = vyre_status_context(status, "compiling x");
  status = vyre_status_context(status, "an outer context, ignored");
  status = vyre_status_with_fix(status, "Write ':' there.");
  status = vyre_status_because(status, cause);
  char text[512];
  size_t needed = vyre_status_format(status, text, sizeof text);
  assert_string_equal(text,
                      "x.vyre:3:9: error VYRE-2001: syntax error: expected ':'\n"
                      "  while compiling x\n"
                      "  | stream data = u8\n"
                      "  |             ^\n"
                      "caused by: error VYRE-6001: no such file: open a: No such file or directory\n"
                      "Fix: Write ':' there.\n");
  assert_int_equal(needed, strlen(text));
  char small[8];
  assert_int_equal(vyre_status_format(status, small, sizeof small), needed);
  assert_int_equal(strlen(small), 7);
  vyre_status_destroy(&status);
  assert_null(status);
  vyre_status_destroy(&status);
  vyre_status_destroy(NULL);
}

static void success_is_null(void **state) {
  (void)state;
  assert_int_equal(vyre_status_code(NULL), VYRE_OK);
  assert_string_equal(vyre_status_fix(NULL), "");
  assert_null(vyre_status_at(NULL, "nowhere"));
}

static void callers_make_their_own(void **state) {
  (void)state;
  vyre_status_t status = vyre_status_create(VYRE_E_PIPE, "100% gone", "stdout", NULL);
  assert_int_equal(vyre_status_code(status), VYRE_E_PIPE);
  assert_string_equal(vyre_status_detail(status), "100% gone");
  assert_string_equal(vyre_status_where(status), "stdout");
  assert_string_equal(vyre_status_fix(status), vyre_code_lookup(VYRE_E_PIPE)->fix);
  vyre_status_destroy(&status);
  status = vyre_status_create((vyre_code_t)1, "x", NULL, "Read it.");
  assert_int_equal(vyre_status_code(status), VYRE_E_INTERNAL);
  vyre_status_destroy(&status);
}

static void out_of_memory_needs_no_memory(void **state) {
  (void)state;
  vyre_status_t status = vyre_status_at(vyre_out_of_memory(1), "x");
  assert_int_equal(vyre_status_code(status), VYRE_E_MEMORY);
  assert_string_equal(vyre_status_where(status), "");
  vyre_status_destroy(&status);
}

/* Every entry: a stable number in its family's thousand, a summary without a full stop, a Fix that begins with a
 * capital verb and ends with a full stop. */
static void catalogue_is_well_formed(void **state) {
  (void)state;
  static const char *const verbs[] = {"Correct", "Run",   "Call",  "Use",     "Convert", "Declare",   "Change",
                                      "Remove",  "Split", "Bound", "Install", "Report",  "Recompile", "Choose",
                                      "Restart", "Lower", "Read",  "Create",  "Wait",    "Check",     "Name",
                                      "Look",    "Keep",  "Close", "Raise",   "Set"};
  size_t count = 0;
  const vyre_code_info_t *table = vyre_code_table(&count);
  assert_true(count > 20);
  for (size_t i = 0; i < count; i++) {
    const vyre_code_info_t *info = &table[i];
    if (i > 0) assert_true(info->code > table[i - 1].code);
    assert_ptr_equal(vyre_code_lookup((int)info->code), info);
    assert_true(islower((unsigned char)info->summary[0]) || strncmp(info->summary, "io_uring", 8) == 0);
    assert_true(info->summary[strlen(info->summary) - 1] != '.');
    assert_true(info->fix[strlen(info->fix) - 1] == '.');
    size_t verb = 0;
    while (verb < sizeof verbs / sizeof *verbs && strncmp(info->fix, verbs[verb], strlen(verbs[verb])) != 0) verb++;
    if (verb == sizeof verbs / sizeof *verbs)
      fail_msg("%s: the Fix does not begin with a verb: %s", info->name, info->fix);
    assert_true(strlen(info->fix) > 30);
  }
  assert_null(vyre_code_lookup(1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(formats_every_part),       cmocka_unit_test(success_is_null),
      cmocka_unit_test(callers_make_their_own),   cmocka_unit_test(out_of_memory_needs_no_memory),
      cmocka_unit_test(catalogue_is_well_formed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
