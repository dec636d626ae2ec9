/* Buffers: written, filled, read back, named by slots, filled from files; on hosts, or the device that is named.
 *
 * Arguments: [device], as in support/device.h: a GPU that is not there is a skip, with VYRE_REQUIRE=gpu an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vyre/buffer.h>

#include "base/clock.h"
#include "support/device.h"
#include "support/expect.h"
#include "support/random.h"

enum { BYTES = 3 << 20 };

typedef struct fixture {
  vyre_device_t *device;
  vyre_session_t *session;
} fixture_t;

static fixture_t open_session(const char *name) {
  fixture_t f = {0};
  vyre_session_params_t params = {.workers = test_device_is_gpu(name) ? 0 : 1};
  ok(test_device_open(name, &f.device));
  ok(vyre_session_create(f.device, &params, &f.session));
  ok(vyre_session_start(f.session));
  return f;
}

static void close_session(fixture_t *f) {
  ok(vyre_session_stop(f->session, 10 * VYRE_NS_PER_S));
  vyre_session_destroy(&f->session);
  vyre_device_close(&f->device);
}

static vyre_completion_t run_slot(fixture_t *f, const vyre_slot_t *slot) {
  vyre_ticket_t ticket;
  vyre_completion_t completion;
  ok(vyre_session_submit(f->session, slot, 10 * VYRE_NS_PER_S, &ticket));
  ok(vyre_session_wait(f->session, ticket, 10 * VYRE_NS_PER_S, &completion));
  return completion;
}

static uint32_t load(fixture_t *f, uint32_t window, uint32_t offset) {
  vyre_completion_t completion = run_slot(f, &(vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {window, offset}});
  assert_int_equal(completion.state, VYRE_SLOT_DONE);
  return completion.result[0];
}

static void bytes_come_back(void **state) {
  fixture_t f = open_session(*state);
  uint8_t *bytes = malloc(BYTES), *back = malloc(BYTES);
  assert_true(bytes && back);
  random_t random = {5};
  for (size_t i = 0; i < BYTES; i++) bytes[i] = (uint8_t)random_next(&random);
  vyre_buffer_t *buffer;
  ok(vyre_buffer_create(f.device, BYTES, &buffer));
  assert_int_equal(vyre_buffer_bytes(buffer), BYTES);
  assert_int_equal(vyre_buffer_host(buffer) == NULL, test_device_is_gpu(*state));
  ok(vyre_buffer_read(buffer, 0, back, BYTES));
  for (size_t i = 0; i < BYTES; i++) assert_int_equal(back[i], 0);
  ok(vyre_buffer_write(buffer, 0, bytes, BYTES));
  for (unsigned i = 0; i < 20; i++) {
    uint64_t at = random_below(&random, BYTES), size = random_below(&random, (uint32_t)(BYTES - at));
    if (i % 2) {
      memset(bytes + at, (int)i, size);
      ok(vyre_buffer_fill(buffer, at, (uint8_t)i, size));
    } else {
      memcpy(bytes + at, back, size);
      ok(vyre_buffer_write(buffer, at, back, size));
    }
    ok(vyre_buffer_read(buffer, 0, back, BYTES));
    assert_memory_equal(bytes, back, BYTES);
  }
  expect(vyre_buffer_write(buffer, BYTES, bytes, 1), VYRE_E_ARGUMENT);
  expect(vyre_buffer_read(buffer, 1, back, BYTES), VYRE_E_ARGUMENT);
  expect(vyre_buffer_fill(buffer, UINT64_MAX, 0, 2), VYRE_E_ARGUMENT);
  ok(vyre_buffer_write(buffer, BYTES, bytes, 0));
  uint64_t read;
  expect(vyre_buffer_read_file(buffer, 0, 0, 0, 10, &read), VYRE_E_UNSUPPORTED);
  vyre_buffer_t *none;
  expect(vyre_buffer_create(f.device, 0, &none), VYRE_E_ARGUMENT);
  vyre_buffer_destroy(&buffer);
  vyre_buffer_destroy(&buffer);
  vyre_buffer_destroy(NULL);
  free(bytes);
  free(back);
  close_session(&f);
}

/* Slots see what was written before them, and reads what slots have stored; a window of a part begins there. */
static void slots_work_on_it(void **state) {
  fixture_t f = open_session(*state);
  vyre_buffer_t *buffer;
  ok(vyre_buffer_create(f.device, 4096, &buffer));
  uint32_t whole, part, word;
  ok(vyre_session_window_buffer(f.session, buffer, 0, 4096, &whole));
  ok(vyre_session_window_buffer(f.session, buffer, 1024, 64, &part));
  for (uint32_t i = 0; i < 200; i++) {
    uint32_t value = i * 2654435761u;
    ok(vyre_buffer_write(buffer, 1028, &value, 4));
    assert_int_equal(load(&f, whole, 1028), value);
    assert_int_equal(load(&f, part, 4), value);
    vyre_slot_t slot = {.opcode = VYRE_OP_STORE_U32, .arg = {part, 8, value + 1}};
    assert_int_equal(run_slot(&f, &slot).state, VYRE_SLOT_DONE);
    ok(vyre_buffer_read(buffer, 1032, &word, 4));
    assert_int_equal(word, value + 1);
  }
  vyre_completion_t outside = run_slot(&f, &(vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {part, 64}});
  assert_int_equal(outside.state, VYRE_SLOT_FAULT);
  uint32_t none;
  expect(vyre_session_window_buffer(f.session, buffer, 4, 8, &none), VYRE_E_ARGUMENT);
  expect(vyre_session_window_buffer(f.session, buffer, 4096, 8, &none), VYRE_E_ARGUMENT);
  expect(vyre_session_window_buffer(f.session, buffer, 0, 0, &none), VYRE_E_ARGUMENT);
  vyre_device_t *other;
  vyre_buffer_t *elsewhere;
  ok(vyre_device_open("ref", &other));
  ok(vyre_buffer_create(other, 64, &elsewhere));
  expect(vyre_session_window_buffer(f.session, elsewhere, 0, 64, &none), VYRE_E_ARGUMENT);
  vyre_buffer_destroy(&elsewhere);
  vyre_device_close(&other);
  ok(vyre_session_window_remove(f.session, part));
  expect(vyre_session_window_remove(f.session, part), VYRE_E_ARGUMENT);
  ok(vyre_session_window_remove(f.session, whole));
  vyre_buffer_destroy(&buffer);
  close_session(&f);
}

/* The running kernel sees the bytes of files where io_uring put them. */
static void files_are_read_into_it(void **state) {
  fixture_t f = open_session(*state);
  char path[] = "/tmp/vyre-buffer-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  unlink(path);
  enum { WORDS = 700001, FILE_BYTES = 4 * WORDS };
  uint32_t *words = malloc(FILE_BYTES);
  assert_non_null(words);
  for (uint32_t i = 0; i < WORDS; i++) words[i] = i * 2246822519u;
  assert_int_equal(write(fd, words, FILE_BYTES), FILE_BYTES);
  vyre_buffer_t *buffer;
  ok(vyre_gpu_mapped_buffer(f.device, FILE_BYTES, &buffer));
  assert_non_null(vyre_buffer_host(buffer));
  uint32_t window;
  ok(vyre_session_window_buffer(f.session, buffer, 0, FILE_BYTES, &window));
  random_t random = {9};
  for (unsigned turn = 0; turn < 50; turn++) {
    uint32_t first = random_below(&random, WORDS), count = random_below(&random, 5000) + 1;
    uint32_t to = random_below(&random, WORDS - count), there = WORDS - first < count ? WORDS - first : count;
    uint64_t read;
    ok(vyre_buffer_read_file(buffer, 4ull * to, fd, 4ull * first, 4ull * count, &read));
    assert_int_equal(read, 4ull * there);
    uint32_t look = random_below(&random, there);
    assert_int_equal(load(&f, window, 4 * (to + look)), words[first + look]);
  }
  uint64_t read;
  ok(vyre_buffer_read_file(buffer, 0, fd, 0, FILE_BYTES, &read));
  assert_int_equal(read, FILE_BYTES);
  assert_memory_equal(vyre_buffer_host(buffer), words, FILE_BYTES);
  ok(vyre_buffer_read_file(buffer, 0, fd, FILE_BYTES + 4096, 4096, &read));
  assert_int_equal(read, 0);
  expect(vyre_buffer_read_file(buffer, 8, fd, 0, FILE_BYTES, &read), VYRE_E_ARGUMENT);
  expect(vyre_buffer_read_file(buffer, 0, -1, 0, 64, &read), VYRE_E_IO);
  vyre_buffer_t *none;
  expect(vyre_gpu_mapped_buffer(f.device, UINT64_C(1) << 31, &none), VYRE_E_ARGUMENT);
  ok(vyre_session_window_remove(f.session, window));
  vyre_buffer_destroy(&buffer);
  close(fd);
  free(words);
  close_session(&f);
}

int main(int argc, char **argv) {
  static char cpu[] = "cpu", ref[] = "ref";
  int failed = 0;
  for (unsigned i = 0; i < (argc > 1 ? 1 : 2); i++) {
    char *name = argc > 1 ? argv[1] : i ? ref : cpu;
    int missing = test_device_missing(name);
    if (missing) return missing;
    const struct CMUnitTest tests[] = {{"bytes come back", bytes_come_back, NULL, NULL, name},
                                       {"slots work on it", slots_work_on_it, NULL, NULL, name},
                                       {"files are read into it", files_are_read_into_it, NULL, NULL, name}};
    failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
  }
  return failed;
}
