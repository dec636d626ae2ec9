/* What goes wrong while a stream runs: each is an error that says where, or is no error and the result is right; and
 * the session works on, with no descriptor lost. */
#include "stream/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stream/inject.h"
#include "support/random.h"

enum { CHUNK = 4096 };

static stream_fixture_t f;
static int files_before;

static void begin(const char *device, uint32_t workers) {
  stream_open(&f, device, &(vyre_session_params_t){.workers = workers, .ring_slots = 32});
  stream_still_works(&f);
  files_before = stream_open_files();
}

/* The stream failed: it has no outputs, nothing of it is left, the session works. */
static void end_failed(vyre_stream_t **stream) {
  uint64_t value;
  expect(vyre_stream_output(*stream, 0, &value, sizeof value), VYRE_E_STATE);
  expect(stream_finish(*stream), VYRE_E_STATE); /* its error was given; it does not become a success */
  vyre_stream_close(stream);
  inject = (inject_t){0};
  assert_int_equal(stream_open_files(), files_before);
  stream_still_works(&f);
  assert_int_equal(stream_open_files(), files_before);
}

static void end(void) {
  inject = (inject_t){0};
  assert_int_equal(vyre_session_stats(f.session).launches, 1);
  stream_close(&f);
}

static void expect_text(vyre_status_t status, vyre_code_t code, const char *where, const char *while_text) {
  if (vyre_status_code(status) != code) expect(status, code); /* fails with the status's words */
  if (where) assert_string_equal(vyre_status_where(status), where);
  if (while_text && !strstr(vyre_status_while(status), while_text))
    fail_msg("'%s' does not hold '%s'", vyre_status_while(status), while_text);
  expect(status, code);
}

static char *at_byte(const char *path, uint64_t offset) {
  static char text[200];
  snprintf(text, sizeof text, "%s, byte %llu", path, (unsigned long long)offset);
  return text;
}

/* ---- short reads, EINTR, EAGAIN ---- */

static uint32_t short_bytes;
static uint32_t read_short(uint32_t bytes, uint64_t offset) {
  (void)offset;
  return bytes < short_bytes ? bytes : short_bytes;
}

static void short_reads_of_every_length(void **state) {
  (void)state;
  begin("cpu", 1);
  stream_add_random(&f, 5, CHUNK + 77);
  inject.read = read_short;
  for (short_bytes = 1; short_bytes <= CHUNK + 1; short_bytes += short_bytes < 80 ? 1 : 13)
    stream_check(&f, STREAM_PLACES, CHUNK, 1);
  for (short_bytes = CHUNK - 3; short_bytes <= CHUNK + 1; short_bytes++) stream_check(&f, STREAM_PLACES, CHUNK, 2);
  end();
}

static _Atomic uint64_t noise;
static uint32_t draw(uint32_t bound) {
  random_t random = {atomic_fetch_add(&noise, 0x9E3779B9)};
  return random_below(&random, bound);
}
static uint32_t read_random(uint32_t bytes, uint64_t offset) {
  (void)offset;
  return draw(3) ? bytes : 1 + draw(bytes);
}
static int32_t result_interrupted(int32_t result) {
  uint32_t kind = draw(4);
  return kind == 0 ? -EINTR : kind == 1 ? -EAGAIN : result;
}

static void interrupted_and_short(void **state) {
  begin(*state, 3);
  for (unsigned i = 0; i < 6; i++) stream_add_random(&f, i, 30000 * i);
  inject.read = read_random;
  inject.result = result_interrupted;
  for (uint32_t depth = 1; depth <= 16; depth *= 4)
    for (uint64_t seed = 0; seed < 4; seed++) {
      atomic_store(&noise, seed << 40);
      stream_check(&f, STREAM_PLACES, CHUNK, depth);
      stream_check(&f, STREAM_WORDS, 2 * CHUNK, depth);
    }
  end();
}

/* ---- reads that end in another order ---- */

static bool hold_often(void) { return draw(4) != 0; }

/* What a Program with state makes of the bytes depends on their order. */
static const char in_order[] =
    "program in_order\n"
    "stream data : u8\n"
    "state s : u64[1]\n"
    "output hash : u64 xor\n"
    "var h = s[0]\n"
    "for i in 0 .. len(data) { h = h * 31 + u64(data[i]) }\n"
    "s[0] = h\n"
    "if is_last() { hash ^= h }\n";
enum { ORDER_CHUNKS = 40, ORDER_FILES = 3 };

static vyre_status_t run_in_order(const char *device, uint32_t depth, uint64_t *out_hash) {
  vyre_program_t *program;
  vyre_device_t *opened;
  vyre_session_t *session;
  vyre_stream_t *stream;
  uint32_t opcode = 0;
  ok(vyre_program_parse(in_order, sizeof in_order - 1, "", &program));
  ok(vyre_device_open(device, &opened));
  ok(vyre_session_create(opened, &(vyre_session_params_t){.workers = 1, .ring_slots = 8}, &session));
  ok(vyre_session_register(session, program, &opcode));
  ok(vyre_session_start(session));
  vyre_stream_params_t params = {
      .paths = (const char *const *)f.paths, .path_count = f.file_count, .chunk_bytes = CHUNK, .depth = depth};
  ok(vyre_stream_open(session, opcode, &params, &stream));
  vyre_status_t status = stream_finish(stream);
  if (!status) ok(vyre_stream_output(stream, 0, out_hash, sizeof *out_hash));
  vyre_stream_close(&stream);
  vyre_session_destroy(&session);
  vyre_device_close(&opened);
  vyre_program_destroy(&program);
  return status;
}

static void state_sees_chunks_in_order(void **state) {
  begin(*state, 1);
  uint64_t hash = 0, got;
  stream_add_file(&f, "", 0);
  for (unsigned i = 0; i < ORDER_FILES; i++) stream_add_random(&f, i, ORDER_CHUNKS * CHUNK - 100 * i);
  uint64_t h = 0;
  for (unsigned i = 0; i < f.file_count; i++) {
    for (size_t k = 0; k < f.sizes[i]; k++) h = h * 31 + f.bytes[i][k];
    hash ^= h;
  }
  inject.holds = hold_often;
  inject.reverses = true;
  inject.read = read_random;
  for (uint32_t depth = 1; depth <= 16; depth *= 4)
    for (uint64_t seed = 0; seed < 4; seed++) {
      atomic_store(&noise, seed << 40);
      ok(run_in_order(*state, depth, &got));
      assert_int_equal(got, hash);
    }
  end();
}

/* ---- I/O errors ---- */

static _Atomic uint32_t reads_until_error;
static int32_t result_error(int32_t result) { return atomic_fetch_sub(&reads_until_error, 1) == 1 ? -EIO : result; }

/* Chunks that wait for the one that failed are given up. */
static void order_ends_with_an_error(void **state) {
  begin(*state, 1);
  stream_add_random(&f, 1, ORDER_CHUNKS * CHUNK);
  inject = (inject_t){.holds = hold_often, .reverses = true, .result = result_error};
  for (uint32_t n = 1; n <= ORDER_CHUNKS; n += 3) {
    uint64_t hash;
    atomic_store(&reads_until_error, n);
    expect(run_in_order(*state, 16, &hash), VYRE_E_IO);
  }
  end();
}

/* One worker and one buffer: the n-th read is that of chunk n. */
static void io_error_at_every_chunk(void **state) {
  begin(*state, 1);
  const char *first = stream_add_random(&f, 1, 3 * CHUNK + 5), *second = stream_add_random(&f, 2, 2 * CHUNK);
  for (uint32_t n = 1; n <= 6; n++) {
    vyre_stream_t *stream;
    atomic_store(&reads_until_error, n);
    inject.result = result_error;
    ok(stream_start(&f, STREAM_COUNT_LINES, (const char *const *)f.paths, 2, CHUNK, 1, &stream));
    vyre_status_t status = stream_finish(stream);
    assert_non_null(strstr(vyre_status_detail(status), strerror(EIO)));
    uint64_t done = n <= 4 ? (n - 1) * CHUNK : 3 * CHUNK + 5 + (n - 5) * CHUNK;
    char finished[80];
    snprintf(finished, sizeof finished, "%llu of %u bytes were finished", (unsigned long long)done, 5 * CHUNK + 5);
    expect_text(status, VYRE_E_IO, n <= 4 ? at_byte(first, (n - 1) * CHUNK) : at_byte(second, (n - 5) * CHUNK),
                finished);
    assert_int_equal(vyre_stream_progress(stream).bytes_done, done);
    end_failed(&stream);
  }
  end();
}

/* Many buffers in flight at the time of the error: all come back. */
static void io_error_among_many(void **state) {
  begin(*state, 3);
  const char *path = stream_add_random(&f, 1, 40 * CHUNK);
  for (uint32_t n = 1; n <= 40; n += 3) {
    vyre_stream_t *stream;
    atomic_store(&reads_until_error, n);
    inject.result = result_error;
    ok(stream_start(&f, STREAM_PLACES, &path, 1, CHUNK, 8, &stream));
    vyre_status_t status = stream_finish(stream);
    unsigned long long byte = 1;
    assert_int_equal(sscanf(vyre_status_where(status) + strlen(path), ", byte %llu", &byte), 1);
    assert_string_equal(vyre_status_where(status), at_byte(path, byte));
    assert_int_equal(byte % CHUNK, 0);
    assert_true(byte < 40 * CHUNK);
    expect(status, VYRE_E_IO);
    end_failed(&stream);
  }
  end();
}

/* The kernel takes no more reads, for once or for ever. */
static _Atomic uint32_t submits_until_error, submit_errors;
static bool count_down(_Atomic uint32_t *count) { /* false: it was 0; both workers count */
  uint32_t seen = atomic_load(count);
  while (seen > 0 && !atomic_compare_exchange_weak(count, &seen, seen - 1)) continue;
  return seen > 0;
}
static int submit_refused(void) {
  if (count_down(&submits_until_error)) return 0;
  return count_down(&submit_errors) ? ENOMEM : 0;
}

static void submit_is_refused(void **state) {
  begin(*state, 2);
  const char *path = stream_add_random(&f, 1, 50 * CHUNK);
  for (uint32_t n = 0; n < 20; n += 3)
    for (int for_ever = 0; for_ever < 2; for_ever++) {
      vyre_stream_t *stream;
      atomic_store(&submits_until_error, n);
      atomic_store(&submit_errors, for_ever ? UINT32_MAX : 1);
      inject.submit = submit_refused;
      ok(stream_start(&f, STREAM_PLACES, &path, 1, CHUNK, 4, &stream));
      vyre_status_t status = stream_finish(stream);
      assert_non_null(strstr(vyre_status_where(status), path));
      expect(status, VYRE_E_MEMORY);
      end_failed(&stream);
    }
  end();
}

/* ---- files that change ---- */

static const char *cut_path;
static uint64_t cut_at, cut_to;
static uint32_t read_cut(uint32_t bytes, uint64_t offset) {
  if (offset >= cut_at && truncate(cut_path, (off_t)cut_to) != 0) abort();
  return bytes;
}

static void file_cut_before_a_read(void **state) {
  begin(*state, 1);
  static const uint64_t cuts[][2] = {/* at the read of this byte, to this size: ends there or at the read */
                                     {0, 0},
                                     {0, 100},
                                     {3 * CHUNK, 0},
                                     {3 * CHUNK, 3 * CHUNK},
                                     {3 * CHUNK, 3 * CHUNK + 1},
                                     {3 * CHUNK, 4 * CHUNK - 1},
                                     {3 * CHUNK, 5 * CHUNK},
                                     {9 * CHUNK, 9 * CHUNK + 9}};
  for (unsigned i = 0; i < sizeof cuts / sizeof *cuts; i++) {
    stream_clear_files(&f);
    cut_path = stream_add_random(&f, i, 9 * CHUNK + 10);
    cut_at = cuts[i][0];
    cut_to = cuts[i][1];
    inject.read = read_cut;
    vyre_stream_t *stream;
    ok(stream_start(&f, STREAM_COUNT_LINES, &cut_path, 1, CHUNK, 1, &stream));
    vyre_status_t status = stream_finish(stream);
    assert_non_null(strstr(vyre_status_detail(status), "it had 36874 bytes when it was opened"));
    expect_text(status, VYRE_E_FILE_CHANGED, at_byte(cut_path, cut_to < cut_at ? cut_at : cut_to),
                "of 36874 bytes were finished");
    end_failed(&stream);
  }
  end();
}

static uint32_t read_grow(uint32_t bytes, uint64_t offset) {
  if (offset == 0 && truncate(cut_path, 100 * CHUNK) != 0) abort();
  return bytes;
}

/* What is added later is not read. */
static void file_that_grows(void **state) {
  begin(*state, 2);
  for (size_t size = CHUNK - 1; size <= CHUNK + 1; size++) {
    stream_clear_files(&f);
    cut_path = stream_add_random(&f, 1, size);
    inject.read = read_grow;
    stream_check(&f, STREAM_ENDS, CHUNK, 2);
    inject.read = NULL;
  }
  end();
}

/* Truncation by another thread while chunks are in flight on all workers. The file is so large (and nothing but holes)
 * that the stream cannot be through before. */
static void *cut_later(void *stream) {
  while (vyre_stream_progress(stream).bytes_done < 200 * CHUNK) vyre_sleep_ns(100000);
  if (truncate(cut_path, 100 * CHUNK + 7) != 0) abort();
  return NULL;
}

static void file_cut_by_another_thread(void **state) {
  (void)state;
  for (uint32_t workers = 1; workers <= 3; workers++) {
    begin("cpu", workers);
    cut_path = stream_sparse_file(&f, UINT64_C(1) << 36);
    vyre_stream_t *stream;
    pthread_t thread;
    ok(stream_start(&f, STREAM_COUNT_LINES, &cut_path, 1, CHUNK, 16, &stream));
    assert_int_equal(pthread_create(&thread, NULL, cut_later, stream), 0);
    vyre_status_t status = stream_finish(stream);
    pthread_join(thread, NULL);
    assert_non_null(strstr(vyre_status_where(status), cut_path));
    assert_non_null(strstr(vyre_status_detail(status), "it had 68719476736 bytes when it was opened"));
    expect(status, VYRE_E_FILE_CHANGED);
    end_failed(&stream);
    end();
  }
}

/* ---- faults ---- */

static void fault_in_the_middle(void **state) {
  begin(*state, 2);
  static const uint32_t places[] = {0, 1, CHUNK - 1, CHUNK, 5 * CHUNK + 17, 9 * CHUNK + 99};
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    stream_clear_files(&f);
    stream_add_random(&f, i, 2 * CHUNK);
    const char *path = stream_add_random(&f, i, 9 * CHUNK + 100);
    stream_check(&f, STREAM_DIVIDE, CHUNK, 3);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, places[i], SEEK_SET), 0);
    assert_int_equal(fputc(0, file), 0);
    assert_int_equal(fclose(file), 0);
    vyre_stream_t *stream;
    ok(stream_start(&f, STREAM_DIVIDE, (const char *const *)f.paths, 2, CHUNK, 3, &stream));
    vyre_status_t status = stream_finish(stream);
    assert_non_null(strstr(vyre_status_detail(status), "division by zero"));
    /* The place in the Program, and the chunk in the file. */
    char chunk[240];
    snprintf(chunk, sizeof chunk, "streaming %s:", at_byte(path, places[i] / CHUNK * CHUNK));
    expect_text(status, VYRE_E_FAULT, "test.vyre:4:42", chunk);
    assert_int_equal(vyre_stream_report(stream).faults, 1);
    end_failed(&stream);
  }
  end();
}

/* A fault in an empty file is a fault all the same, although every byte was finished. */
static void fault_in_an_empty_file(void **state) {
  begin(*state, 1);
  stream_add_random(&f, 1, 100);
  stream_check(&f, STREAM_NO_EMPTY, CHUNK, 1);
  stream_add_file(&f, "", 0);
  for (uint32_t first = 0; first < 2; first++) {
    vyre_stream_t *stream;
    ok(stream_start(&f, STREAM_NO_EMPTY, (const char *const *)f.paths + first, 2 - first, CHUNK, 1, &stream));
    expect(stream_finish(stream), VYRE_E_FAULT);
    end_failed(&stream);
  }
  end();
}

int main(void) {
  static char cpu[] = "cpu", ref[] = "ref";
#define ON_BOTH(test) \
  {#test " (cpu)", test, NULL, NULL, cpu}, { #test " (ref)", test, NULL, NULL, ref }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(short_reads_of_every_length),
      ON_BOTH(state_sees_chunks_in_order),
      ON_BOTH(order_ends_with_an_error),
      ON_BOTH(interrupted_and_short),
      ON_BOTH(io_error_at_every_chunk),
      ON_BOTH(io_error_among_many),
      ON_BOTH(submit_is_refused),
      ON_BOTH(file_cut_before_a_read),
      ON_BOTH(file_that_grows),
      cmocka_unit_test(file_cut_by_another_thread),
      ON_BOTH(fault_in_the_middle),
      ON_BOTH(fault_in_an_empty_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
