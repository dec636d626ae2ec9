/* Every allocation of a benchmark fails, its threads, files and maps too: the run ends with that, and leaves nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <vyre/bench.h>

#include "base/status.h"
#include "support/expect.h"
#include "support/failing.h"

static vyre_status_t bench(void *context) {
  vyre_bench_params_t params = {.device = "ref",
                                .parts = *(const uint32_t *)context,
                                .rounds = 1,
                                .workers = 1,
                                .latency_slots = 10,
                                .rate_slots = 40,
                                .chunk_bytes = 4096,
                                .depth = 2,
                                .bytes = 20001};
  static char untouched;
  vyre_bench_report_t *report = (vyre_bench_report_t *)(void *)&untouched;
  vyre_status_t status = vyre_bench_run(&params, &report);
  failing_end();
  failing_require((status != NULL) == ((char *)report == &untouched));
  if (status) return status;
  failing_require(report->row_count > 0);
  vyre_bench_report_destroy(&report);
  return NULL;
}

static void parts(void **state) {
  (void)state;
  static const char *const names[] = {"latency", "rate", "stream"};
  for (uint32_t i = 0; i < 3; i++) {
    uint32_t part = 1u << i;
    failing_options_t options = {.name = names[i], .most = 24, .is_slow = true};
    failing_every(&options, bench, &part);
    options = (failing_options_t){.name = names[i], .kind = FAILING_RESOURCES, .most = 24, .is_slow = true};
    failing_every(&options, bench, &part);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(parts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
