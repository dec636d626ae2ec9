#include "stream/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/random.h"

static const char *const texts[STREAM_PROGRAMS] = {
    [STREAM_PLACES] =
        "program places\nstream data : u8\noutput sum : u64 sum\n"
        "let at = stream_offset() + 1\n"
        "foreach i in 0 .. len(data) { sum += (at + i) * u64(data[i]) }\n",
    [STREAM_ENDS] =
        "program ends\nstream data : u8\noutput chunks : u64 sum\noutput ends : u64 sum\n"
        "output offsets : u64 sum\noutput last_offsets : u64 sum\noutput bytes : u64 sum\n"
        "chunks += 1  offsets += stream_offset()  bytes += len(data)\n"
        "if is_last() { ends += 1  last_offsets += stream_offset() }\n",
    [STREAM_WORDS] =
        "program words\nstream data : u32\noutput sum : u64 sum\n"
        "let at = stream_offset() / 4 + 1\n"
        "foreach i in 0 .. len(data) { sum += (at + i) * u64(data[i]) }\n",
    [STREAM_DIVIDE] =
        "program divide\nstream data : u8\noutput sum : u64 sum\n"
        "foreach i in 0 .. len(data) { sum += 100 / u64(data[i]) }\n",
    [STREAM_NO_EMPTY] = "program no_empty\nstream data : u8\noutput sum : u64 sum\nsum += 1 + 0 / len(data)\n",
    [STREAM_NO_STREAM] = "program no_stream\noutput sum : u64 sum\nsum += 1\n",
};

static void register_programs(stream_fixture_t *f) {
  for (unsigned i = 0; i < STREAM_PROGRAMS; i++) {
    vyre_program_t *program = NULL;
    if (texts[i])
      ok(vyre_program_parse(texts[i], strlen(texts[i]), "test.vyre", &program));
    else
      ok(vyre_program_load(i == STREAM_HISTOGRAM ? VYRE_SOURCE_DIR "/programs/histogram.vyre"
                                                 : VYRE_SOURCE_DIR "/programs/count_lines.vyre",
                           &program));
    f->opcodes[i] = 0;
    ok(vyre_session_register(f->session, program, &f->opcodes[i]));
    vyre_program_destroy(&program);
  }
}

void stream_open(stream_fixture_t *f, const char *device, const vyre_session_params_t *params) {
  memset(f, 0, sizeof *f);
  strcpy(f->folder, "/tmp/vyre-stream-XXXXXX");
  assert_non_null(mkdtemp(f->folder));
  ok(vyre_device_open(device, &f->device));
  ok(vyre_session_create(f->device, params, &f->session));
  register_programs(f);
  ok(vyre_session_start(f->session));
}

void stream_close(stream_fixture_t *f) {
  ok(vyre_session_stop(f->session, 5 * SECOND));
  vyre_session_destroy(&f->session);
  vyre_device_close(&f->device);
  stream_clear_files(f);
  assert_int_equal(rmdir(f->folder), 0);
}

/* ---- files ---- */

void stream_clear_files(stream_fixture_t *f) {
  for (uint32_t i = 0; i < f->file_count; i++) {
    free(f->paths[i]);
    free(f->bytes[i]);
  }
  f->file_count = 0;
  DIR *folder = opendir(f->folder);
  assert_non_null(folder);
  for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
    if (entry->d_name[0] != '.') unlinkat(dirfd(folder), entry->d_name, 0);
  closedir(folder);
}

const char *stream_add_file(stream_fixture_t *f, const void *bytes, size_t size) {
  assert_true(f->file_count < STREAM_FILES_MAX);
  uint32_t index = f->file_count++;
  assert_true(asprintf(&f->paths[index], "%s/file%u", f->folder, index) > 0);
  f->bytes[index] = malloc(size + 1);
  assert_non_null(f->bytes[index]);
  if (size) memcpy(f->bytes[index], bytes, size);
  f->sizes[index] = size;
  FILE *file = fopen(f->paths[index], "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(f->bytes[index], 1, size, file), size);
  assert_int_equal(fclose(file), 0);
  return f->paths[index];
}

const char *stream_add_random(stream_fixture_t *f, uint64_t seed, size_t size) {
  random_t random = {seed};
  uint8_t *bytes = malloc(size + 1);
  assert_non_null(bytes);
  for (size_t i = 0; i < size; i++) {
    uint32_t kind = random_below(&random, 6);
    bytes[i] = kind == 0 ? '\n' : kind == 1 ? ' ' : (uint8_t)(1 + random_below(&random, 255));
  }
  const char *path = stream_add_file(f, bytes, size);
  free(bytes);
  return path;
}

const char *stream_sparse_file(stream_fixture_t *f, uint64_t size) {
  static char path[128];
  snprintf(path, sizeof path, "%s/sparse", f->folder);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(ftruncate(fd, (off_t)size), 0);
  assert_int_equal(close(fd), 0);
  return path;
}

int stream_open_files(void) {
  DIR *folder = opendir("/proc/self/fd");
  assert_non_null(folder);
  int count = -1; /* its own */
  for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

/* ---- what must come out ---- */

static void add_chunk(stream_program_t program, const uint8_t *bytes, size_t size, uint64_t offset, bool is_last,
                      uint64_t *values) {
  if (program == STREAM_ENDS) {
    values[0] += 1;
    values[1] += is_last;
    values[2] += offset;
    values[3] += is_last ? offset : 0;
    values[4] += size;
  }
  if (program == STREAM_NO_EMPTY) values[0] += 1;
  for (size_t i = 0; i < size; i++) {
    uint32_t word = 0;
    switch (program) {
      case STREAM_COUNT_LINES: values[0] += bytes[i] == '\n'; break;
      case STREAM_HISTOGRAM: values[bytes[i]] += 1; break;
      case STREAM_PLACES: values[0] += (offset + i + 1) * bytes[i]; break;
      case STREAM_DIVIDE: values[0] += 100u / bytes[i]; break;
      case STREAM_WORDS:
        if (i % 4) break;
        memcpy(&word, bytes + i, sizeof word);
        values[0] += (offset / 4 + i / 4 + 1) * word;
        break;
      default: break;
    }
  }
}

void stream_expected(const stream_fixture_t *f, stream_program_t program, uint32_t chunk_bytes,
                     uint64_t values[STREAM_VALUES_MAX]) {
  memset(values, 0, STREAM_VALUES_MAX * sizeof *values);
  for (uint32_t i = 0; i < f->file_count; i++) {
    size_t at = 0;
    do { /* an empty file is one empty chunk */
      size_t left = f->sizes[i] - at, size = left < chunk_bytes ? left : chunk_bytes;
      add_chunk(program, f->bytes[i] + at, size, at, size == left, values);
      at += size;
    } while (at < f->sizes[i]);
  }
}

/* ---- runs ---- */

vyre_status_t stream_start(stream_fixture_t *f, stream_program_t program, const char *const *paths, uint32_t count,
                           uint32_t chunk_bytes, uint32_t depth, vyre_stream_t **out_stream) {
  vyre_stream_params_t params = {
      .paths = paths, .path_count = count, .chunk_bytes = chunk_bytes, .depth = depth, .ingest = f->ingest};
  return vyre_stream_open(f->session, f->opcodes[program], &params, out_stream);
}

vyre_status_t stream_finish(vyre_stream_t *stream) {
  bool finished = false;
  vyre_status_t status = vyre_stream_wait(stream, 20 * SECOND, &finished);
  if (!finished) fail_msg("the stream has not ended within 20 s");
  return status;
}

static uint32_t output_values(stream_program_t program, uint32_t *out_outputs) {
  *out_outputs = program == STREAM_ENDS ? 5 : 1;
  return program == STREAM_HISTOGRAM ? 256 : 1;
}

static void read_outputs(stream_program_t program, vyre_stream_t *stream, uint64_t *values) {
  uint32_t outputs, each = output_values(program, &outputs);
  for (uint32_t i = 0; i < outputs; i++) ok(vyre_stream_output(stream, i, values + i * each, each * sizeof *values));
}

void stream_compare(const stream_fixture_t *f, stream_program_t program, vyre_stream_t *stream, uint32_t chunk_bytes) {
  uint64_t expected[STREAM_VALUES_MAX], values[STREAM_VALUES_MAX] = {0};
  read_outputs(program, stream, values);
  stream_expected(f, program, chunk_bytes, expected);
  for (unsigned i = 0; i < STREAM_VALUES_MAX; i++)
    if (values[i] != expected[i])
      fail_msg("program %d, %u files, the first of %zu bytes, chunks of %u: value %u is %llu, not %llu", (int)program,
               f->file_count, f->sizes[0], chunk_bytes, i, (unsigned long long)values[i],
               (unsigned long long)expected[i]);
}

static vyre_stream_t *run(stream_fixture_t *f, stream_program_t program, uint32_t chunk_bytes, uint32_t depth) {
  vyre_stream_t *stream = NULL;
  ok(stream_start(f, program, (const char *const *)f->paths, f->file_count, chunk_bytes, depth, &stream));
  ok(stream_finish(stream));
  return stream;
}

void stream_run(stream_fixture_t *f, stream_program_t program, uint32_t chunk_bytes, uint32_t depth,
                uint64_t values[STREAM_VALUES_MAX]) {
  vyre_stream_t *stream = run(f, program, chunk_bytes, depth);
  memset(values, 0, STREAM_VALUES_MAX * sizeof *values);
  read_outputs(program, stream, values);
  vyre_stream_close(&stream);
}

void stream_check(stream_fixture_t *f, stream_program_t program, uint32_t chunk_bytes, uint32_t depth) {
  vyre_stream_t *stream = run(f, program, chunk_bytes, depth);
  stream_compare(f, program, stream, chunk_bytes);
  vyre_stream_report_t report = vyre_stream_report(stream);
  uint64_t ends[STREAM_VALUES_MAX];
  stream_expected(f, STREAM_ENDS, chunk_bytes, ends);
  assert_int_equal(report.slots, ends[0]);
  assert_int_equal(report.bytes, ends[4]);
  assert_int_equal(report.bytes_fixed + report.bytes_direct, ends[4]);
  assert_int_equal(report.bytes_cpu_copied, report.bytes_fixed);
  assert_int_equal(report.faults, 0);
  assert_int_equal(report.chunk_bytes, chunk_bytes);
  assert_int_equal(report.depth, depth);
  vyre_stream_progress_t progress = vyre_stream_progress(stream);
  assert_int_equal(progress.bytes_done, ends[4]);
  assert_int_equal(progress.bytes_total, ends[4]);
  vyre_stream_close(&stream);
  assert_null(stream);
}

void stream_still_works(stream_fixture_t *f) {
  stream_fixture_t fresh = {.session = f->session};
  memcpy(fresh.folder, f->folder, sizeof fresh.folder);
  memcpy(fresh.opcodes, f->opcodes, sizeof fresh.opcodes);
  strcat(fresh.folder, "/fresh");
  assert_int_equal(mkdir(fresh.folder, 0700), 0);
  stream_add_random(&fresh, 99, 10000);
  stream_check(&fresh, STREAM_PLACES, 4096, 2);
  stream_clear_files(&fresh);
  assert_int_equal(rmdir(fresh.folder), 0);
}
