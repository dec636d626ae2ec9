/* What a stream gives is what plain C gives: files of every size around the chunks' borders, many files, empty ones,
 * small rings, all depths and numbers of workers, on both devices. */
#include "stream/fixture.h"

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

int main(void) {
  static char cpu[] = "cpu", ref[] = "ref";
#define ON_BOTH(test) \
  {#test " (cpu)", test, NULL, NULL, cpu}, { #test " (ref)", test, NULL, NULL, ref }
  const struct CMUnitTest tests[] = {
      ON_BOTH(sizes_around_chunks), ON_BOTH(defaults),   ON_BOTH(files_in_a_row), ON_BOTH(empty_files_alone),
      ON_BOTH(many_files),          ON_BOTH(small_ring), ON_BOTH(whole_words),    ON_BOTH(random_streams),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
