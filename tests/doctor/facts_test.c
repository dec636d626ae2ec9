/* The facts of the doctor: well formed, complete, and with advice where a limit is set too low. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <vyre/doctor.h>

static const vyre_fact_t *find(const vyre_fact_t *facts, size_t count, const char *key) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(facts[i].key, key) == 0) return &facts[i];
  fail_msg("no fact %s", key);
  return NULL;
}

/* A stable key each, a value of one line, advice that is empty or an instruction. */
static void facts_are_well_formed(void **state) {
  (void)state;
  vyre_fact_t *facts = NULL;
  size_t count = 0;
  assert_null(vyre_facts_collect(&facts, &count));
  static const char *const keys[] = {"cpu",      "cpu_features", "processors", "memory",     "page_size",
                                     "kernel",   "huge_pages",   "cgroup",     "device",     "compiler",
                                     "io_uring", "memlock",      "open_files", "device.cpu", "device.ref"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) find(facts, count, keys[i]);
  for (size_t i = 0; i < count; i++) {
    const vyre_fact_t *fact = &facts[i];
    assert_ptr_equal(find(facts, count, fact->key), fact);
    assert_true(*fact->value);
    assert_null(strchr(fact->value, '\n'));
    assert_null(strchr(fact->advice, '\n'));
    if (!*fact->advice) continue;
    assert_true(isupper((unsigned char)fact->advice[0]));
    assert_true(fact->advice[strlen(fact->advice) - 1] == '.');
  }
  assert_string_equal(find(facts, count, "page_size")->value, "4 KiB");
  vyre_facts_free(facts);
  vyre_facts_free(NULL);
}

static void a_narrow_mask_is_noticed(void **state) {
  (void)state;
  cpu_set_t all, one;
  assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
  if (CPU_COUNT(&all) < 2) skip();
  CPU_ZERO(&one);
  for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++)
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
  vyre_fact_t *facts = NULL;
  size_t count = 0;
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  assert_null(vyre_facts_collect(&facts, &count));
  assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
  const vyre_fact_t *processors = find(facts, count, "processors");
  assert_non_null(strstr(processors->value, "1 in the affinity mask"));
  assert_non_null(strstr(processors->advice, "taskset"));
  vyre_facts_free(facts);
}

static void few_files_are_noticed(void **state) {
  (void)state;
  struct rlimit old;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
  struct rlimit low = {64, old.rlim_max};
  vyre_fact_t *facts = NULL;
  size_t count = 0;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  assert_null(vyre_facts_collect(&facts, &count));
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
  assert_string_equal(find(facts, count, "open_files")->value, "64");
  assert_non_null(strstr(find(facts, count, "open_files")->advice, "ulimit -n"));
  vyre_facts_free(facts);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(facts_are_well_formed),
      cmocka_unit_test(a_narrow_mask_is_noticed),
      cmocka_unit_test(few_files_are_noticed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
