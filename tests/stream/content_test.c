/* What a stream gives is what plain C gives: files of every size around the chunks' borders, many files, empty ones,
 * small rings, all depths and numbers of workers, on both devices. */
#include "stream/fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "support/random.h"

static bool is_ref(const char *device) { return strcmp(device, "ref") == 0; }

static void check_all_programs(stream_fixture_t *f, uint32_t chunk_bytes, uint32_t depth) {
  stream_check(f, STREAM_COUNT_LINES, chunk_bytes, depth);
  stream_check(f, STREAM_HISTOGRAM, chunk_bytes, depth);
  stream_check(f, STREAM_PLACES, chunk_bytes, depth);
  stream_check(f, STREAM_ENDS, chunk_bytes, depth);
}

static void borders(const char *device, uint32_t workers, const uint32_t *chunks, unsigned chunk_count) {
  stream_fixture_t f;
  stream_open(&f, device, &(vyre_session_params_t){.workers = workers});
  for (unsigned c = 0; c < chunk_count; c++) {
    size_t chunk = chunks[c];
    const size_t sizes[] = {0,
                            1,
                            2,
                            chunk - 1,
                            chunk,
                            chunk + 1,
                            2 * chunk - 1,
                            2 * chunk,
                            2 * chunk + 1,
                            3 * chunk - 1,
                            3 * chunk,
                            3 * chunk + 1};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      stream_clear_files(&f);
      stream_add_random(&f, chunk * 64 + i, sizes[i]);
      check_all_programs(&f, chunks[c], 1 + i % 4);
    }
  }
  assert_int_equal(vyre_session_stats(f.session).launches, 1);
  stream_close(&f);
}

static void sizes_around_chunks(void **state) {
  static const uint32_t chunks[] = {4096, 8192, 12288, 65536, 1 << 20};
  bool slow = is_ref(*state);
  for (uint32_t workers = 1; workers <= (slow ? 2 : 4); workers++) borders(*state, workers, chunks, slow ? 2 : 5);
}

/* The defaults of chunk and depth, and a file without a newline at its end. */
static void defaults(void **state) {
  stream_fixture_t f;
  stream_open(&f, *state, NULL);
  stream_add_file(&f, "one\ntwo\nthree", 13);
  uint64_t values[STREAM_VALUES_MAX];
  stream_run(&f, STREAM_COUNT_LINES, 0, 0, values);
  assert_int_equal(values[0], 2);
  stream_add_file(&f, "", 0);
  stream_add_file(&f, "\n", 1);
  stream_run(&f, STREAM_COUNT_LINES, 0, 0, values);
  assert_int_equal(values[0], 3);
  stream_run(&f, STREAM_ENDS, 0, 0, values);
  assert_int_equal(values[0], 3);
  assert_int_equal(values[1], 3);
  stream_close(&f);
}

/* Chunks never span two files, whatever stands between them; each file has one end. */
static void files_in_a_row(void **state) {
  stream_fixture_t f;
  stream_open(&f, *state, &(vyre_session_params_t){.workers = 3});
  static const size_t sizes[] = {0, 0, 5000, 0, 4096, 1, 0, 8192, 8191, 0, 0, 3, 0};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) stream_add_random(&f, 7 * i, sizes[i]);
  for (uint32_t depth = 1; depth <= 64; depth *= 4) check_all_programs(&f, 4096, depth);
  stream_close(&f);
}

static void empty_files_alone(void **state) {
  stream_fixture_t f;
  stream_open(&f, *state, &(vyre_session_params_t){.workers = 2});
  for (unsigned i = 0; i < 40; i++) {
    stream_add_file(&f, "", 0);
    stream_check(&f, STREAM_ENDS, 4096, 4);
  }
  stream_close(&f);
}

static void many_files(void **state) {
  stream_fixture_t f;
  stream_open(&f, *state, &(vyre_session_params_t){.workers = 4, .ring_slots = 64});
  random_t random = {3};
  uint32_t most = is_ref(*state) ? 500 : 9000;
  for (unsigned i = 0; i < 300; i++) stream_add_random(&f, i, i % 7 == 3 ? 0 : random_below(&random, most));
  check_all_programs(&f, 4096, 4);
  check_all_programs(&f, 8192, 64);
  stream_close(&f);
}

/* Far more buffers and chunks than cells. */
static void small_ring(void **state) {
  for (uint32_t workers = 1; workers <= 4; workers += 3)
    for (uint32_t cells = 1; cells <= 8; cells += 7) {
      stream_fixture_t f;
      stream_open(&f, *state, &(vyre_session_params_t){.workers = workers, .ring_slots = 8, .cells = cells});
      stream_add_random(&f, workers, is_ref(*state) ? 40 * 4096 + 5 : 1000 * 4096 + 5);
      stream_check(&f, STREAM_PLACES, 4096, 64);
      stream_check(&f, STREAM_ENDS, 4096, 1);
      stream_close(&f);
    }
}

static void whole_words(void **state) {
  stream_fixture_t f;
  stream_open(&f, *state, &(vyre_session_params_t){.workers = 2});
  static const size_t sizes[] = {0, 4, 4092, 4096, 4100, 8192, 20000};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) stream_add_random(&f, i, sizes[i]);
  stream_check(&f, STREAM_WORDS, 4096, 3);
  stream_check(&f, STREAM_WORDS, 8192, 1);
  stream_close(&f);
}

/* Random files, chunks, depths and sessions; a failure names the seed. */
static void random_streams(void **state) {
  uint32_t rounds = is_ref(*state) ? 3 : 12;
  for (uint64_t seed = 1; seed <= rounds; seed++) {
    random_t random = {seed};
    uint32_t workers = 1 + random_below(&random, 4), ring = 8u << random_below(&random, 5);
    stream_fixture_t f;
    stream_open(&f, *state,
                &(vyre_session_params_t){.workers = workers,
                                         .ring_slots = ring,
                                         .cells = 1 + random_below(&random, ring),
                                         .spin_ns = 1 + random_below(&random, 100000),
                                         .first_ticket = UINT64_C(0xFFFFFC00) + random_below(&random, 1024)});
    print_message("seed %llu: %u workers, %u slots\n", (unsigned long long)seed, workers, ring);
    for (unsigned i = 0; i < 8; i++) {
      stream_clear_files(&f);
      uint32_t chunk = 4096 * (1 + random_below(&random, 8)), files = 1 + random_below(&random, 10);
      for (uint32_t k = 0; k < files; k++)
        stream_add_random(&f, random_next(&random), random_below(&random, is_ref(*state) ? 10000 : 200000));
      check_all_programs(&f, chunk, 1 + random_below(&random, 64));
    }
    stream_close(&f);
  }
}

/* Each path gives the same, through tails that are no whole blocks, and says which one it was. */
static void every_path(void **state) {
  static const char *const paths[] = {"fixed", "direct", "auto"};
  stream_fixture_t f;
  stream_open(&f, *state, NULL);
  static const size_t sizes[] = {1, 511, 4096, 4097, 70000, 262144, 300001};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) stream_add_random(&f, i, sizes[i]);
  /* Where the file system of the test's folder has no direct reads, that is an error, and `auto` does without. */
  int direct_fd = open(f.paths[0], O_RDONLY | O_DIRECT);
  if (direct_fd >= 0) close(direct_fd);
  for (unsigned i = 0; i < 3; i++) {
    f.ingest = paths[i];
    if (i == 1 && direct_fd < 0) {
      vyre_stream_t *none;
      expect(stream_start(&f, STREAM_PLACES, (const char *const *)f.paths, f.file_count, 16384, 3, &none),
             VYRE_E_UNSUPPORTED);
      continue;
    }
    stream_check(&f, STREAM_PLACES, 16384, 3);
    stream_check(&f, STREAM_ENDS, 4096, 1);
    vyre_stream_t *stream;
    ok(stream_start(&f, STREAM_COUNT_LINES, (const char *const *)f.paths, f.file_count, 65536, 2, &stream));
    ok(stream_finish(stream));
    vyre_stream_report_t report = vyre_stream_report(stream);
    assert_int_equal(report.bytes_fixed + report.bytes_direct, report.bytes);
    assert_int_equal(report.bytes_cpu_copied, report.bytes_fixed);
    if (i == 0) assert_int_equal(report.bytes_direct, 0);
    if (i == 1) assert_true(report.bytes_direct > report.bytes / 2); /* not what comes behind a short read */
    if (i < 2) assert_string_equal(report.ingest, paths[i]);
    vyre_stream_close(&stream);
  }
  stream_close(&f);
}

/* Bytes that are on the device already. */
static void resident(void **state) {
  enum { BYTES = 300000, OFFSET = 4096 };
  stream_fixture_t f;
  stream_open(&f, *state, NULL);
  const char *path = stream_add_random(&f, 7, BYTES);
  assert_non_null(path);
  uint64_t lines = 0, places = 0, value;
  for (size_t i = 0; i < BYTES; i++) {
    lines += f.bytes[0][i] == '\n';
    places += f.bytes[0][i] * (i + 1);
  }
  vyre_buffer_t *buffer;
  ok(vyre_buffer_create(f.device, OFFSET + BYTES + 64, &buffer));
  assert_int_equal(vyre_buffer_bytes(buffer), OFFSET + BYTES + 64);
  ok(vyre_buffer_write(buffer, OFFSET, f.bytes[0], BYTES));
  vyre_stream_params_t params = {
      .buffer = buffer, .buffer_offset = OFFSET, .buffer_bytes = BYTES, .chunk_bytes = 8192, .depth = 5};
  for (unsigned i = 0; i < 2; i++) {
    vyre_stream_t *stream;
    ok(vyre_stream_open(f.session, f.opcodes[i ? STREAM_PLACES : STREAM_COUNT_LINES], &params, &stream));
    ok(stream_finish(stream));
    ok(vyre_stream_output(stream, 0, &value, sizeof value));
    assert_int_equal(value, i ? places : lines);
    vyre_stream_report_t report = vyre_stream_report(stream);
    assert_string_equal(report.ingest, "resident");
    assert_int_equal(report.bytes, BYTES);
    assert_int_equal(report.bytes_cpu_copied, 0);
    vyre_stream_close(&stream);
  }
  vyre_stream_t *none;
  params.buffer_bytes = BYTES + 65;
  expect(vyre_stream_open(f.session, f.opcodes[0], &params, &none), VYRE_E_ARGUMENT);
  params.buffer_bytes = 8;
  params.buffer_offset = 3;
  expect(vyre_stream_open(f.session, f.opcodes[0], &params, &none), VYRE_E_ARGUMENT);
  params.buffer_offset = 0;
  params.ingest = "fixed";
  expect(vyre_stream_open(f.session, f.opcodes[0], &params, &none), VYRE_E_ARGUMENT);
  vyre_buffer_destroy(&buffer);
  stream_close(&f);
}

int main(void) {
  static char cpu[] = "cpu", ref[] = "ref";
#define ON_BOTH(test) \
  {#test " (cpu)", test, NULL, NULL, cpu}, { #test " (ref)", test, NULL, NULL, ref }
  const struct CMUnitTest tests[] = {
      ON_BOTH(sizes_around_chunks), ON_BOTH(defaults),   ON_BOTH(files_in_a_row), ON_BOTH(empty_files_alone),
      ON_BOTH(many_files),          ON_BOTH(small_ring), ON_BOTH(whole_words),    ON_BOTH(random_streams),
      ON_BOTH(every_path),          ON_BOTH(resident),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
