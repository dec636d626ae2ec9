/* From nothing to the first answer: a device of its own, a session with one Program, a slot. */
#include <string.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "device/device.h"
#include "megakernel/session.h"

static const char program_text[] =
    "program bench_start\n"
    "stream data : u8\n"
    "output lines : u64 sum\n"
    "foreach i in 0 .. len(data) { if data[i] == '\\n' { lines += 1 } }\n";
#define WAIT_NS (10 * VYRE_NS_PER_S)

static double ms_between(uint64_t from_ns, uint64_t to_ns) { return (double)(to_ns - from_ns) * 1e-6; }

static vyre_status_t first_slot(vyre_session_t *session) {
  vyre_program_t *program;
  uint32_t opcode = 0;
  VYRE_TRY(vyre_program_parse(program_text, strlen(program_text), "bench_start.vyre", &program));
  vyre_status_t status = vyre_session_register(session, program, &opcode);
  vyre_program_destroy(&program);
  VYRE_TRY(status);
  VYRE_TRY(vyre_session_start(session));
  vyre_ticket_t ticket;
  vyre_completion_t completion;
  VYRE_TRY(vyre_session_submit(session, &(vyre_slot_t){.opcode = VYRE_OP_NOP}, WAIT_NS, &ticket));
  VYRE_TRY(vyre_session_wait(session, ticket, WAIT_NS, &completion));
  return vyre_completion_status(session, VYRE_OP_NOP, &completion);
}

static vyre_status_t measure(vyre_bench_t *bench, vyre_device_t *device) {
  vyre_session_t *session;
  uint64_t opened_ns = vyre_clock_ns();
  VYRE_TRY(vyre_session_create(device, &(vyre_session_params_t){.workers = bench->params.workers}, &session));
  vyre_status_t status = first_slot(session);
  uint64_t answered_ns = vyre_clock_ns(), build_ns = vyre_session_stats(session).build_ns;
  vyre_status_t stopped = vyre_session_stop(session, WAIT_NS);
  vyre_session_destroy(&session);
  VYRE_TRY(status ? vyre_status_because(status, stopped) : stopped);
  vyre_bench_record(bench, VYRE_BENCH_ROW_START_BUILD, (double)build_ns * 1e-6, 1, 0);
  vyre_bench_record(bench, VYRE_BENCH_ROW_START_FIRST, ms_between(opened_ns + build_ns, answered_ns), 1, 1);
  return NULL;
}

static vyre_status_t cuda_launch(vyre_bench_t *bench) {
  uint64_t start_ns = vyre_clock_ns();
  vyre_cuda_baseline_t *cuda;
  VYRE_TRY(vyre_cuda_baseline_open(bench->gpu, &cuda));
  vyre_status_t status = vyre_cuda_baseline_launch(cuda);
  if (!status) status = vyre_cuda_baseline_synchronize(cuda);
  double ms = ms_between(start_ns, vyre_clock_ns());
  vyre_status_t closed = vyre_cuda_baseline_close(&cuda);
  VYRE_TRY(status ? vyre_status_because(status, closed) : closed);
  vyre_bench_record(bench, VYRE_BENCH_ROW_START_LAUNCH, ms, 1, 0);
  return NULL;
}

vyre_status_t vyre_bench_start(vyre_bench_t *bench) {
  uint64_t start_ns = vyre_clock_ns();
  vyre_device_t *device;
  VYRE_TRY(vyre_device_open(bench->info.name, &device));
  double open_ms = ms_between(start_ns, vyre_clock_ns());
  vyre_status_t status = measure(bench, device);
  vyre_device_close(&device);
  VYRE_TRY(status);
  vyre_bench_record(bench, VYRE_BENCH_ROW_START_OPEN, open_ms, 1, 0);
  return bench->gpu < 0 ? NULL : cuda_launch(bench);
}
