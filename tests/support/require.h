/* Skips with a reason, which VYRE_REQUIRE forbids: a list such as "gpu,uring" names what must not be skipped. */
#ifndef VYRE_TESTS_SUPPORT_REQUIRE_H
#define VYRE_TESTS_SUPPORT_REQUIRE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool vyre_test_required(const char *what) {
  size_t length = strlen(what);
  for (const char *list = getenv("VYRE_REQUIRE"); list && *list;) {
    size_t word = strcspn(list, ",");
    if (word == length && strncmp(list, what, length) == 0) return true;
    list += word + (list[word] == ',');
  }
  return false;
}

/* Ends the running cmocka test: as a failure when VYRE_REQUIRE names `what`, else as a skip. */
#define VYRE_TEST_SKIP(what, ...)                                                      \
  do {                                                                                 \
    if (vyre_test_required(what)) fail_msg("VYRE_REQUIRE=" what ", but " __VA_ARGS__); \
    print_message("skipped: " __VA_ARGS__);                                            \
    print_message("\n");                                                               \
    skip();                                                                            \
  } while (0)

#endif
