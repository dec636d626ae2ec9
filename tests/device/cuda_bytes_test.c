/* Streams on the fake driver, whose kernel adds up bytes: all of them come through, by each path, out of any files;
 * parts of files that are not registered are told. Labels uring, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vyre/stream.h>

#include "device/cuda_fixture.h"
#include "support/random.h"

#define SECOND VYRE_NS_PER_S

static const char text[] = "program first\nstream data : u8\noutput n : u64 sum\nn += 1\n";

typedef struct life {
  vyre_device_t *device;
  vyre_session_t *session;
  vyre_stream_t *stream;
} life_t;

enum { FILES_MAX = 24, PART_BYTES = 64 << 20, ROUNDS = 12 };

typedef struct files {
  char names[FILES_MAX][32];
  const char *paths[FILES_MAX];
  uint32_t count;
  uint64_t bytes, sum;
} files_t;

/* Holes, and random bytes here and there, at both ends among other places. */
static void add_file(files_t *files, random_t *random, uint64_t bytes) {
  char *name = files->names[files->count];
  strcpy(name, "/tmp/vyre-cuda-stream-XXXXXX");
  int file = mkstemp(name);
  assert_true(file >= 0 && ftruncate(file, (off_t)bytes) == 0);
  for (uint32_t i = 0; i < 40 && bytes > 0; i++) {
    uint64_t at = i == 0 ? 0 : i == 1 ? bytes - 1 : random_next(random) % bytes;
    uint8_t now = 0, then = (uint8_t)random_next(random);
    assert_int_equal(pread(file, &now, 1, (off_t)at), 1);
    assert_int_equal(pwrite(file, &then, 1, (off_t)at), 1);
    files->sum += (uint64_t)then - now;
  }
  close(file);
  files->paths[files->count++] = name;
  files->bytes += bytes;
}

static void stream_files(const files_t *files, random_t *random, const char *ingest, const vyre_program_t *program) {
  life_t life = {0};
  vyre_session_params_t session = {.workers = 1, .ring_slots = 16};
  vyre_stream_params_t stream = {.paths = files->paths,
                                 .path_count = files->count,
                                 .chunk_bytes = 4096u << random_below(random, 12),
                                 .depth = 1 + random_below(random, 16),
                                 .ingest = ingest};
  if (files->bytes > PART_BYTES) stream.chunk_bytes = 3u << 20;
  uint32_t opcode = 0;
  bool finished = false;
  uint64_t sum = 0;
  ok(vyre_device_open("cuda:0", &life.device));
  ok(vyre_session_create(life.device, &session, &life.session));
  ok(vyre_session_register(life.session, program, &opcode));
  ok(vyre_session_start(life.session));
  ok(vyre_stream_open(life.session, opcode, &stream, &life.stream));
  ok(vyre_stream_wait(life.stream, 30 * SECOND, &finished));
  assert_true(finished);
  ok(vyre_stream_output(life.stream, 0, &sum, sizeof sum));
  assert_int_equal(sum, files->sum);
  vyre_stream_report_t report = vyre_stream_report(life.stream);
  assert_int_equal(report.bytes, files->bytes);
  assert_string_equal(report.ingest, ingest);
  vyre_stream_close(&life.stream);
  ok(vyre_session_stop(life.session, SECOND));
  vyre_session_destroy(&life.session);
  vyre_device_close(&life.device);
  cuda_expect_nothing_left();
}

static void all_bytes_come_through(void **state) {
  vyre_program_t *program;
  ok(vyre_program_parse(text, sizeof text - 1, "first.vyre", &program));
  for (uint64_t seed = 0; seed < ROUNDS; seed++) {
    random_t random = {seed};
    files_t files = {0};
    fake_cuda_steer("programs=sum");
    if (seed == 0) {
      add_file(&files, &random, UINT64_C(5) * PART_BYTES + 4097);
      add_file(&files, &random, 0);
      add_file(&files, &random, UINT64_C(4) * PART_BYTES);
    }
    for (uint32_t i = 0, count = 1 + random_below(&random, FILES_MAX - 4); seed && i < count; i++)
      add_file(&files, &random,
               random_once_in(&random, 4) ? 0 : random_below(&random, 1u << random_below(&random, 22)));
    stream_files(&files, &random, *state, program);
    for (uint32_t i = 0; i < files.count; i++) unlink(files.paths[i]);
  }
  vyre_program_destroy(&program);
}

/* Parts are registered ahead of the chunks: the error of one that no chunk has come to yet is that chunk's. */
static void a_part_that_is_refused(void **state) {
  (void)state;
  vyre_program_t *program;
  ok(vyre_program_parse(text, sizeof text - 1, "first.vyre", &program));
  files_t files = {0};
  random_t random = {1};
  add_file(&files, &random, UINT64_C(3) * PART_BYTES);
  for (uint32_t call = 1; call <= 6; call++) {
    static const char *const names[] = {"cuMemHostRegister", "cuMemHostUnregister"};
    const char *name = names[call > 3];
    uint32_t number = (call - 1) % 3 + 1;
    life_t life = {0};
    char steer[80], words[200];
    snprintf(steer, sizeof steer, "programs=sum,fail=%s:2@%u", name, number);
    vyre_session_params_t session = {.workers = 1, .ring_slots = 16};
    vyre_stream_params_t stream = {
        .paths = files.paths, .path_count = 1, .chunk_bytes = 1 << 20, .depth = 4, .ingest = "mapped"};
    uint32_t opcode = 0;
    bool finished;
    fake_cuda_steer("programs=sum");
    ok(vyre_device_open("cuda:0", &life.device));
    ok(vyre_session_create(life.device, &session, &life.session));
    ok(vyre_session_register(life.session, program, &opcode));
    ok(vyre_session_start(life.session));
    fake_cuda_steer(steer);
    ok(vyre_stream_open(life.session, opcode, &stream, &life.stream));
    /* The order of unregistrations is that of two threads. */
    snprintf(words, sizeof words, "%s gives 2|/tmp/vyre-cuda-stream-|, byte ", name);
    cuda_expect(vyre_stream_wait(life.stream, 30 * SECOND, &finished), call > 3 ? VYRE_E_DEVICE_MEMORY : VYRE_E_MEMORY,
                words);
    vyre_stream_close(&life.stream);
    fake_cuda_steer("programs=sum");
    ok(vyre_session_stop(life.session, SECOND));
    vyre_session_destroy(&life.session);
    vyre_device_close(&life.device);
    cuda_expect_nothing_left();
  }
  unlink(files.paths[0]);
  vyre_program_destroy(&program);
}

int main(void) {
  static char fixed[] = "fixed", mapped[] = "mapped";
  const struct CMUnitTest tests[] = {
      {"all bytes come through", all_bytes_come_through, NULL, NULL, fixed},
      {"the same of the path mapped", all_bytes_come_through, NULL, NULL, mapped},
      cmocka_unit_test(a_part_that_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
