/* What a GPU or its driver refuses before a session runs: each has its code and a Fix that fits. On the fake driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "device/cuda_fixture.h"

#define SECOND VYRE_NS_PER_S

static void expect_no_device(const char *steer, const char *name, vyre_code_t code, const char *words) {
  vyre_device_t *device;
  fake_cuda_steer(steer);
  cuda_expect(vyre_device_open(name, &device), code, words);
  assert_null(device);
  cuda_expect_nothing_left();
}

/* Before any other: a driver that was loaded is not asked again. */
static void the_driver_is_refused(void **state) {
  (void)state;
  expect_no_device("fail=cuInit:100", "cuda:0", VYRE_E_NO_DRIVER,
                   "cuInit gives 100, CUDA_ERROR_NO_DEVICE|Fix: Install the");
  expect_no_device("fail=cuInit:802", "cuda:0", VYRE_E_DRIVER, "cuInit gives 802|Fix: Look");
  expect_no_device("version=11080", "cuda:0", VYRE_E_NO_DRIVER,
                   "for CUDA 11.8; 12.0 is needed|Fix: Install the NVIDIA driver 525");
  expect_no_device("fail=cuDriverGetVersion:1", "cuda:0", VYRE_E_DRIVER, "cuDriverGetVersion gives 1");
  fake_cuda_steer("fail=cuInit:100");
  assert_null(vyre_device_name_at(2));
}

static void the_gpu_is_refused(void **state) {
  (void)state;
  expect_no_device("devices=0", "cuda:0", VYRE_E_NO_DEVICE, "cuda:0; this machine has 0 GPUs|Fix: Choose");
  expect_no_device("devices=2", "cuda:2", VYRE_E_NO_DEVICE, "cuda:2; this machine has 2 GPUs|Fix: Choose");
  expect_no_device("", "cuda:2147483647", VYRE_E_NO_DEVICE, "cuda:2147483647");
  expect_no_device("", "cuda:2147483648", VYRE_E_NO_DEVICE, "Fix: Choose one of: auto");
  expect_no_device("", "cuda:", VYRE_E_NO_DEVICE, "Fix: Choose one of: auto");
  expect_no_device("", "cuda:-1", VYRE_E_NO_DEVICE, "Fix: Choose one of: auto");
  expect_no_device(
      "cc=7.5", "cuda", VYRE_E_NO_DEVICE,
      "cuda:0 is a Fake GPU 0, compute capability 7.5|opening cuda:0|Fix: Use a GPU of compute capability 8.0");
  expect_no_device("vmm=0", "cuda:0", VYRE_E_NO_DEVICE, "without virtual memory management|Fix: Use a GPU");
  expect_no_device("watchdog=1", "cuda:0", VYRE_E_NO_DEVICE, "drives a display|Fix: Stop the display server");
}

static void names_are_those_of_the_machine(void **state) {
  (void)state;
  fake_cuda_steer("devices=3");
  assert_string_equal(vyre_device_name_at(2), "cuda:0");
  assert_string_equal(vyre_device_name_at(4), "cuda:2");
  assert_null(vyre_device_name_at(5));
  fake_cuda_steer("fail=cuDeviceGetCount:3");
  assert_null(vyre_device_name_at(2));
}

static void auto_takes_the_gpu_or_says_why_not(void **state) {
  (void)state;
  static const char *const cases[][3] = {{"", "cuda:0", "auto: the first GPU"},
                                         {"cc=7.5", "cpu", "auto: no GPU (cuda:0 is a Fake GPU 0"},
                                         {"devices=0", "cpu", "auto: no GPU (cuda:0; this machine has 0 GPUs"},
                                         {"fail=cuCtxCreate:2", "cpu", "auto: no GPU (a context does not fit"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    vyre_device_t *device;
    fake_cuda_steer(cases[i][0]);
    ok(vyre_device_open("auto", &device));
    assert_string_equal(vyre_device_info(device).name, cases[i][1]);
    assert_non_null(strstr(vyre_device_info(device).reason, cases[i][2]));
    vyre_device_close(&device);
    cuda_expect_nothing_left();
  }
}

static void architectures(void **state) {
  (void)state;
  static const char *const cases[][2] = {{"cc=8.0", "sm_80"}, {"cc=8.6", "sm_86"}, {"cc=8.7", "sm_86"},
                                         {"cc=8.9", "sm_89"}, {"cc=9.0", "sm_90"}, {"cc=12.0", "sm_90"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    vyre_device_t *device;
    fake_cuda_steer(cases[i][0]);
    ok(vyre_device_open("cuda:0", &device));
    assert_string_equal(vyre_device_info(device).target, cases[i][1]);
    vyre_device_close(&device);
  }
}

/* ---- what a session asks for ---- */

static void expect_no_session(const char *steer, vyre_code_t code, const char *words) {
  cuda_fixture_t f;
  fake_cuda_steer(steer);
  cuda_expect(cuda_fixture_open(&f), code, words);
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

static void a_text_is_refused(void **state) {
  (void)state;
  expect_no_session("ptx=refused", VYRE_E_COMPILER,
                    "ptxas fake, line 1; fatal|linking the megakernel for sm_90|cuLinkAddData gives 218|Fix: ");
}

static void the_memory_of_the_device_is_full(void **state) {
  (void)state;
  expect_no_session("memory=1", VYRE_E_DEVICE_MEMORY,
                    ", 2 MiB: 1 of 1 MiB are free on cuda:0|cuMemCreate gives 2|Fix: Close");
  expect_no_session("fail=cuCtxCreate:2", VYRE_E_DEVICE_MEMORY,
                    "a context does not fit on cuda:0 (Fake GPU 0|1 GiB|Fix: Close");
  static const char *const calls[] = {"cuMemAddressReserve", "cuMemCreate",    "cuMemMap",
                                      "cuMemSetAccess",      "cuStreamCreate", "cuModuleLoadData",
                                      "cuLaunchKernel",      "cuLinkCreate",   "cuLinkComplete"};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    char steer[64], words[128];
    snprintf(steer, sizeof steer, "fail=%s:2", calls[i]);
    snprintf(words, sizeof words, "of 1024 MiB are free on cuda:0|%s gives 2|Fix: Close other programs", calls[i]);
    expect_no_session(steer, VYRE_E_DEVICE_MEMORY, words);
  }
  expect_no_session("fail=cuStreamCreate:2@2", VYRE_E_DEVICE_MEMORY, "no room for the megakernel: 10|Fix: Close");
}

/* The staging memory, what host and kernel share, a window (in the context beside the kernel). */
static void pinning_is_refused(void **state) {
  (void)state;
  expect_no_session("fail=cuMemHostAlloc:2@1", VYRE_E_MEMORY,
                    "1024 KiB of the host's memory cannot be pinned|Fix: Free memory");
  expect_no_session("fail=cuMemHostAlloc:2@2", VYRE_E_MEMORY,
                    "34 KiB of the host's memory cannot be pinned|Fix: Free memory");
  expect_no_session("fail=cuMemHostAlloc:2@3", VYRE_E_MEMORY,
                    "8 KiB of the host's memory cannot be pinned|Fix: Free memory");
  expect_no_session("fail=cuMemHostAlloc:304@3", VYRE_E_DRIVER, "cuMemHostAlloc gives 304|pinning 8 KiB|Fix: ");
  expect_no_session("fail=cuMemHostGetDevicePointer:1@2", VYRE_E_DRIVER,
                    "cuMemHostGetDevicePointer gives 1|pinning 8 KiB");
  expect_no_session("fail=cuCtxCreate:2@2", VYRE_E_DEVICE_MEMORY,
                    "a context does not fit|creating the ingest context of cuda:0");
}

static void registering_is_refused(void **state) {
  (void)state;
  static _Alignas(4096) uint8_t memory[8192];
  cuda_fixture_t f;
  uint32_t first, second;
  fake_cuda_steer("fail=cuMemHostRegister:2@1,fail=cuMemHostRegister:801@2,fail=cuMemHostRegister:1@3");
  ok(cuda_fixture_open(&f));
  cuda_expect(vyre_session_window_bind(f.session, memory, 100, &first), VYRE_E_MEMORY,
              "4 KiB of the host's|Fix: Free memory");
  cuda_expect(vyre_session_window_bind(f.session, memory, 100, &first), VYRE_E_DRIVER,
              "cuMemHostRegister gives 801|Fix: ");
  cuda_expect(vyre_session_window_bind(f.session, memory, 100, &first), VYRE_E_DRIVER,
              "cuMemHostRegister gives 1,|Fix: Pass memory that this process has mapped");
  ok(vyre_session_window_bind(f.session, memory, 100, &first));
  cuda_expect(vyre_session_window_bind(f.session, memory + 200, 8000 - 200, &second), VYRE_E_DRIVER,
              "cuMemHostRegister gives 712|Fix: Keep windows on pages of their own");
  ok(vyre_session_window_bind(f.session, memory + 4096, 100, &second));
  ok(vyre_session_window_remove(f.session, first));
  ok(vyre_session_window_bind(f.session, memory, 4096, &first));
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

/* Before the driver is asked. */
static void no_memory_is_so_large(void **state) {
  (void)state;
  static uint32_t memory[4];
  cuda_fixture_t f;
  uint32_t handle;
  fake_cuda_steer("");
  ok(cuda_fixture_open(&f));
  uint32_t calls = fake_cuda_look().calls;
  const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - (uintptr_t)memory + 1, UINT64_C(1) << 63};
  for (int i = 0; i < 3; i++) {
    expect(vyre_session_window_bind(f.session, memory, sizes[i], &handle), VYRE_E_ARGUMENT);
    expect(vyre_session_window_create(f.session, sizes[i], &handle, NULL), VYRE_E_ARGUMENT);
  }
  assert_int_equal(fake_cuda_look().calls, calls);
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

static void a_launch_is_refused(void **state) {
  (void)state;
  expect_no_session("fail=cuLaunchKernel:701", VYRE_E_DRIVER,
                    "cuLaunchKernel gives 701|launching the megakernel on cuda:0|Fix: ");
}

static void more_workers_than_ever_fit(void **state) {
  (void)state;
  vyre_device_t *device;
  vyre_session_t *session;
  fake_cuda_steer("");
  ok(vyre_device_open("cuda:0", &device));
  cuda_expect(vyre_session_create(device, &(vyre_session_params_t){.workers = 513}, &session), VYRE_E_DEVICE_LIMIT,
              "513 workers; device cuda:0 has at most 512|Fix: Lower");
  vyre_device_close(&device);
  cuda_expect_nothing_left();
}

/* Whoever asked for too much asks for less, and cleans up when that runs: the frees must not wait for it. */
static void a_failed_start_is_cleaned_up_beside_the_next_session(void **state) {
  (void)state;
  cuda_fixture_t f = {0};
  vyre_session_t *first;
  fake_cuda_steer("");
  ok(vyre_device_open("cuda:0", &f.device));
  ok(vyre_session_create(f.device, &(vyre_session_params_t){.workers = 8}, &first));
  expect(vyre_session_start(first), VYRE_E_DEVICE_LIMIT);
  expect(vyre_session_start(first), VYRE_E_STATE);
  ok(cuda_fixture_start(&f));
  vyre_session_destroy(&first);
  assert_int_equal(cuda_fixture_run(&f, cuda_slot_store(&f, 0, 5)).state, VYRE_SLOT_DONE);
  ok(vyre_session_stop(f.session, SECOND));
  cuda_fixture_close(&f);
  cuda_expect_nothing_left();
}

/* One multiprocessor: the dispatcher and one worker share it. */
static void the_smallest_gpu(void **state) {
  (void)state;
  vyre_device_t *device;
  vyre_session_t *session;
  fake_cuda_steer("multiprocessors=1");
  ok(vyre_device_open("cuda:0", &device));
  assert_int_equal(vyre_device_info(device).workers_default, 1);
  ok(vyre_session_create(device, NULL, &session));
  ok(vyre_session_start(session));
  ok(vyre_session_stop(session, SECOND));
  vyre_session_destroy(&session);
  vyre_device_close(&device);
  cuda_expect_nothing_left();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_driver_is_refused),
      cmocka_unit_test(the_gpu_is_refused),
      cmocka_unit_test(names_are_those_of_the_machine),
      cmocka_unit_test(auto_takes_the_gpu_or_says_why_not),
      cmocka_unit_test(architectures),
      cmocka_unit_test(a_text_is_refused),
      cmocka_unit_test(the_memory_of_the_device_is_full),
      cmocka_unit_test(pinning_is_refused),
      cmocka_unit_test(registering_is_refused),
      cmocka_unit_test(no_memory_is_so_large),
      cmocka_unit_test(a_launch_is_refused),
      cmocka_unit_test(more_workers_than_ever_fit),
      cmocka_unit_test(a_failed_start_is_cleaned_up_beside_the_next_session),
      cmocka_unit_test(the_smallest_gpu),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
