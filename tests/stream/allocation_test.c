/* Every allocation of a stream fails: opening files, rings, buffers and windows, reading, a fault on the way, closing.
 * The session goes on working. */
#include "stream/fixture.h"

#include <string.h>

#include "support/failing.h"

enum { CHUNK_BYTES = 4096, DEPTH = 2, FILES = 3 };

typedef struct run {
  stream_fixture_t *fixture;
  stream_program_t program;
  uint32_t path_count;
  const char *const *paths;
} run_t;

static vyre_status_t read_files(void *context) {
  const run_t *r = context;
  int files = stream_open_files();
  vyre_stream_t *stream = NULL;
  vyre_status_t status = stream_start(r->fixture, r->program, r->paths, r->path_count, CHUNK_BYTES, DEPTH, &stream);
  failing_require((status != NULL) == (stream == NULL));
  if (!status) status = stream_finish(stream);
  failing_end();
  if (!status) stream_compare(r->fixture, r->program, stream, CHUNK_BYTES);
  vyre_stream_close(&stream);
  failing_require(stream_open_files() == files);
  return status;
}

static void try(const char *name, vyre_code_t refusal, run_t run) {
  int64_t before = failing_live();
  uint64_t count = failing_every(&(failing_options_t){.name = name, .refusal = refusal}, read_files, &run);
  assert_true(count > 3);
  failing_options_t options = {.name = name, .kind = FAILING_RESOURCES, .refusal = refusal};
  failing_every(&options, read_files, &run);
  assert_int_equal(failing_live(), before);
}

static void streams_on(const char *device) {
  stream_fixture_t f;
  stream_open(&f, device, &(vyre_session_params_t){.workers = 2});
  for (unsigned i = 0; i < FILES; i++) stream_add_random(&f, i + 1, i * 10000u);
  const char *const *paths = (const char *const *)f.paths;
  try("histogram", VYRE_OK, (run_t){&f, STREAM_HISTOGRAM, FILES, paths});
  try("ends", VYRE_OK, (run_t){&f, STREAM_ENDS, FILES, paths});
  static const char *const missing[] = {"/nowhere/at all"}, *const folder[] = {"/tmp"};
  try("a missing file", VYRE_E_NOT_FOUND, (run_t){&f, STREAM_ENDS, 1, missing});
  try("a folder", VYRE_E_NOT_A_FILE, (run_t){&f, STREAM_ENDS, 1, folder});
  try("no stream", VYRE_E_ARGUMENT, (run_t){&f, STREAM_NO_STREAM, FILES, paths});
  stream_clear_files(&f);
  stream_add_file(&f, "not a multiple", 14);
  try("half an element", VYRE_E_ARGUMENT, (run_t){&f, STREAM_WORDS, 1, paths});
  stream_clear_files(&f);
  stream_add_file(&f, "\1\2\0\3", 4);
  try("a fault", VYRE_E_FAULT, (run_t){&f, STREAM_DIVIDE, 1, paths});
  stream_clear_files(&f);
  stream_still_works(&f);
  stream_close(&f);
}

static void on_ref(void **state) {
  (void)state;
  streams_on("ref");
}

static void on_cpu(void **state) {
  (void)state;
  streams_on("cpu");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(on_ref), cmocka_unit_test(on_cpu)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
