/* What tests say about statuses. Include after cmocka.h and what it needs. */
#ifndef TESTS_SUPPORT_EXPECT_H
#define TESTS_SUPPORT_EXPECT_H

#include <string.h>

#include <vyre/status.h>

/* Fails the test with the record's own words unless `status` is success. */
static inline void ok(vyre_status_t status) {
  if (!status) return;
  char text[2000];
  vyre_status_format(status, text, sizeof text);
  vyre_status_destroy(&status);
  fail_msg("%s", text);
}

/* Fails the test unless `status` has this code and a Fix. Ends its life. */
static inline void expect(vyre_status_t status, vyre_code_t code) {
  char text[2000];
  vyre_status_format(status, text, sizeof text);
  if (vyre_status_code(status) != code) fail_msg("expected VYRE-%d, got: %s", (int)code, text);
  assert_true(strlen(vyre_status_fix(status)) > 10);
  vyre_status_destroy(&status);
}

#endif
