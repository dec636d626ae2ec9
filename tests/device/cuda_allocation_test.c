/* Every allocation of a session and a stream of a GPU fails, on the fake driver, which gets back all that it gave. The
 * fake runs no Programs, so that a stream ends by a fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <vyre/stream.h>

#include "device/cuda_fixture.h"
#include "support/failing.h"

static vyre_program_t *program;

static int set_up(void **state) {
  (void)state;
  static const char text[] = "program first\nstream data : u8\noutput n : u64 sum\nn += 1\n";
  ok(vyre_program_parse(text, sizeof text - 1, "first.vyre", &program));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  vyre_program_destroy(&program);
  return 0;
}

static vyre_status_t begin(cuda_fixture_t *f, uint32_t *opcode) {
  vyre_session_params_t params = {.workers = CUDA_WORKERS, .ring_slots = 16, .windows = 8};
  VYRE_TRY(vyre_device_open("cuda:0", &f->device));
  VYRE_TRY(vyre_session_create(f->device, &params, &f->session));
  if (opcode) VYRE_TRY(vyre_session_register(f->session, program, opcode));
  return vyre_session_start(f->session);
}

static vyre_status_t end(cuda_fixture_t *f) {
  vyre_status_t status = f->session ? vyre_session_stop(f->session, 5 * VYRE_NS_PER_S) : NULL;
  cuda_fixture_close(f);
  return status;
}

static vyre_status_t use(cuda_fixture_t *f) {
  static _Alignas(4096) uint32_t memory[1024];
  uint32_t bound;
  VYRE_TRY(begin(f, NULL));
  VYRE_TRY(vyre_session_window_create(f->session, CUDA_WINDOW_BYTES, &f->window, (void **)&f->words));
  VYRE_TRY(vyre_session_window_bind(f->session, memory, sizeof memory, &bound));
  failing_require(cuda_fixture_run(f, cuda_slot_store(f, 8, 99)).state == VYRE_SLOT_DONE && f->words[2] == 99);
  return vyre_session_window_remove(f->session, bound);
}

static vyre_status_t live(void *context) {
  (void)context;
  cuda_fixture_t f = {0};
  vyre_status_t status = use(&f), ended = end(&f);
  failing_end();
  cuda_expect_nothing_left();
  return status ? vyre_status_because(status, ended) : ended;
}

static vyre_status_t read_file(void *context) {
  static const char *const paths[] = {VYRE_SOURCE_DIR "/README.md"};
  vyre_stream_params_t params = {.paths = paths, .path_count = 1, .chunk_bytes = 4096, .depth = 2};
  (void)context;
  cuda_fixture_t f = {0};
  uint32_t opcode = 0;
  vyre_stream_t *stream = NULL;
  bool is_finished = false;
  vyre_status_t status = begin(&f, &opcode);
  if (!status) status = vyre_stream_open(f.session, opcode, &params, &stream);
  if (!status) status = vyre_stream_wait(stream, 5 * VYRE_NS_PER_S, &is_finished);
  vyre_stream_close(&stream);
  vyre_status_t ended = end(&f);
  failing_end();
  cuda_expect_nothing_left();
  return status ? vyre_status_because(status, ended) : ended;
}

static void sessions_and_streams(void **state) {
  (void)state;
  fake_cuda_steer("");
  ok(live(NULL)); /* the fixture keeps what it compiles */
  expect(read_file(NULL), VYRE_E_FAULT);
  failing_every(&(failing_options_t){.name = "a session", .is_slow = true}, live, NULL);
  failing_every(&(failing_options_t){.name = "a session", .kind = FAILING_RESOURCES, .is_slow = true}, live, NULL);
  failing_options_t options = {.name = "a stream", .refusal = VYRE_E_FAULT, .most = 120, .is_slow = true};
  failing_every(&options, read_file, NULL);
  options.kind = FAILING_RESOURCES;
  failing_every(&options, read_file, NULL);
}

/* "auto" takes another device where there is no GPU, and not where memory was out. */
static vyre_status_t open_auto(void *context) {
  (void)context;
  vyre_device_t *device = NULL;
  vyre_status_t status = vyre_device_open("auto", &device);
  failing_end();
  failing_require((status != NULL) == (device == NULL));
  if (!status) vyre_device_close(&device);
  cuda_expect_nothing_left();
  return status;
}

static void auto_without_memory(void **state) {
  (void)state;
  fake_cuda_steer("");
  failing_every(&(failing_options_t){.name = "a GPU"}, open_auto, NULL);
  fake_cuda_steer("devices=0");
  failing_every(&(failing_options_t){.name = "no GPU"}, open_auto, NULL);
  /* A Fix that is lost changes nothing: the reason is the detail. */
  fake_cuda_steer("cc=7.5");
  for (unsigned n = 1; n <= 8; n++) {
    vyre_device_t *device = NULL;
    failing_begin(n, n % 2);
    vyre_status_t status = vyre_device_open("auto", &device);
    failing_end();
    if (status) {
      expect(status, VYRE_E_MEMORY);
      assert_null(device);
      continue;
    }
    assert_non_null(strstr(vyre_device_info(device).reason, "compute capability 7.5"));
    vyre_device_close(&device);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sessions_and_streams), cmocka_unit_test(auto_without_memory)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
