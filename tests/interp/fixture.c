#include "interp/fixture.h"

#include <string.h>

void fixture_open(fixture_t *f, vyre_type_t stream_type) {
  memset(f, 0, sizeof *f);
  vyre_builder_init(&f->builder, "fixture", "", false);
  f->data = vyre_build_stream(&f->builder, "data", stream_type);
  f->sum = vyre_build_output(&f->builder, "sum", VYRE_TYPE_U64, 0, VYRE_REDUCER_SUM);
  f->input.fuel = FIXTURE_FUEL;
}

void fixture_finish(fixture_t *f) {
  vyre_status_t status = vyre_builder_finish(&f->builder, &f->program);
  if (!status) return;
  char text[512];
  vyre_status_format(status, text, sizeof text);
  vyre_status_destroy(&status);
  fail_msg("%s", text);
}

void fixture_run(fixture_t *f) {
  if (!f->program) fixture_finish(f);
  run_result_deinit(&f->result);
  run_reference(f->program, &f->input, &f->result);
}

void fixture_close(fixture_t *f) {
  run_result_deinit(&f->result);
  vyre_program_destroy(&f->program);
  vyre_builder_deinit(&f->builder);
}

void fixture_expect_sum(fixture_t *f, uint64_t sum) {
  fixture_run(f);
  if (f->result.fault)
    fail_msg("%s at line %u", vyre_fault_text(f->result.fault), vyre_position_line(f->result.fault_position));
  assert_int_equal(run_result_output(f->program, &f->result, "sum", 0), sum);
}

void fixture_expect_fault(fixture_t *f, vyre_fault_t fault, uint32_t line, uint64_t iteration) {
  fixture_run(f);
  assert_string_equal(vyre_fault_text(f->result.fault), vyre_fault_text(fault));
  assert_int_equal(vyre_position_line(f->result.fault_position), line);
  assert_int_equal(f->result.fault_iteration, iteration);
}
