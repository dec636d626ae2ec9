/* What vyre_stream_open refuses, with the code, the place and a Fix; nothing is left open by it and the session works
 * on. */
#include "stream/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/child.h"
#include "support/require.h"
#include "support/seccomp.h"
#include "uring/arena.h"
#include "uring/uring.h"

enum { CHUNK = 4096 };

static stream_fixture_t f;

static void begin(const char *device) {
  stream_open(&f, device, &(vyre_session_params_t){.workers = 2});
  stream_add_random(&f, 1, 100);
}

/* Between two good files: the first refusal ends the call. */
static void refuse(const char *path, vyre_code_t code, const char *detail) {
  vyre_stream_t *stream = NULL;
  int files = stream_open_files();
  vyre_status_t status =
      stream_start(&f, STREAM_COUNT_LINES, (const char *const[]){f.paths[0], path, f.paths[0]}, 3, CHUNK, 2, &stream);
  assert_null(stream);
  if (vyre_status_code(status) == code) {
    assert_string_equal(vyre_status_where(status), path);
    assert_non_null(strstr(vyre_status_detail(status), detail));
  }
  expect(status, code);
  assert_int_equal(stream_open_files(), files);
}

static void paths(void **state) {
  begin(*state);
  char path[128];
  snprintf(path, sizeof path, "%s/none", f.folder);
  refuse(path, VYRE_E_NOT_FOUND, "");
  refuse("", VYRE_E_NOT_FOUND, "");
  snprintf(path, sizeof path, "%s/below", f.paths[0]);
  refuse(path, VYRE_E_NOT_FOUND, "");
  refuse(f.folder, VYRE_E_NOT_A_FILE, "a directory");
  refuse("/dev/zero", VYRE_E_NOT_A_FILE, "a character device");
  snprintf(path, sizeof path, "%s/fifo", f.folder);
  assert_int_equal(mkfifo(path, 0600), 0);
  refuse(path, VYRE_E_NOT_A_FILE, "a pipe");
  /* Bytes, but no size. */
  refuse("/proc/cpuinfo", VYRE_E_NOT_A_FILE, "its size is 0");
  refuse("/proc/self/status", VYRE_E_NOT_A_FILE, "its size is 0");
  /* Its size is a page, whatever it holds: found out when it is read. */
  const char *sysfs = "/sys/kernel/mm/transparent_hugepage/enabled";
  struct stat facts;
  if (stat(sysfs, &facts) == 0 && facts.st_size > 0) {
    vyre_stream_t *stream;
    ok(stream_start(&f, STREAM_COUNT_LINES, &sysfs, 1, CHUNK, 2, &stream));
    expect(stream_finish(stream), VYRE_E_NOT_A_FILE);
    vyre_stream_close(&stream);
  }
  stream_still_works(&f);
  stream_close(&f);
}

static void sizes_of_elements(void **state) {
  begin(*state);
  stream_clear_files(&f);
  stream_add_random(&f, 1, 400);
  static const size_t sizes[] = {1, 2, 3, 5, 4095, 4097, 8194};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const char *path = stream_add_random(&f, i, sizes[i]);
    vyre_stream_t *stream = NULL;
    int files = stream_open_files();
    vyre_status_t status =
        stream_start(&f, STREAM_WORDS, (const char *const[]){f.paths[0], path}, 2, CHUNK, 1, &stream);
    assert_string_equal(vyre_status_where(status), path);
    expect(status, VYRE_E_ARGUMENT);
    assert_int_equal(stream_open_files(), files);
  }
  stream_close(&f);
}

/* What a stream cannot bring to its chunks' slots, or cannot do with their outputs, is told with its place. */
static void programs(void **state) {
  static const struct {
    const char *text;
    vyre_code_t code;
    const char *where;
  } cases[] = {
      {"program p stream d : u8\noutput o : u64[4] append", VYRE_E_UNSUPPORTED, "p.vyre:2:8"},
      {"program p stream d : u8\noutput o : u64 sum\noutput f : f32 sum", VYRE_E_UNSUPPORTED, "p.vyre:3:8"},
      {"program p stream d : u8 output o : u64 sum\nfinish { o = 1 }", VYRE_E_UNSUPPORTED, "p.vyre"},
      {"program p\nstream d : u8 halo(1, 0)", VYRE_E_UNSUPPORTED, "p.vyre:2:8"},
      {"program p chunk 4096 stream d : u8", VYRE_E_UNSUPPORTED, "p.vyre"},
      {"program p stream d : u8 param given : u8\nparam k : u8", VYRE_E_ARGUMENT, "p.vyre:2:7"},
      {"program p stream d : u8 param given : u8\nwindow w : u8 read", VYRE_E_UNSUPPORTED, "p.vyre:2:8"},
  };
  begin(*state);
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    vyre_program_t *program;
    vyre_session_t *session;
    vyre_stream_t *stream = NULL;
    uint32_t opcode = 0;
    ok(vyre_program_parse(cases[i].text, strlen(cases[i].text), "p.vyre", &program));
    ok(vyre_session_create(f.device, &(vyre_session_params_t){.workers = 1}, &session));
    ok(vyre_session_register(session, program, &opcode));
    if (strstr(cases[i].text, "given")) ok(vyre_session_set_param(session, opcode, "given", "x", 1));
    ok(vyre_session_start(session));
    vyre_stream_params_t params = {.paths = (const char *const *)f.paths, .path_count = 1};
    vyre_status_t status = vyre_stream_open(session, opcode, &params, &stream);
    assert_string_equal(vyre_status_where(status), cases[i].where);
    expect(status, cases[i].code);
    vyre_session_destroy(&session);
    vyre_program_destroy(&program);
  }
  stream_close(&f);
}

static void parameters(void **state) {
  begin(*state);
  vyre_stream_t *stream = NULL;
  const vyre_stream_params_t good = {
      .paths = (const char *const *)f.paths, .path_count = 1, .chunk_bytes = CHUNK, .depth = 1, .ingest = "fixed"};
  uint32_t opcode = f.opcodes[STREAM_COUNT_LINES];
  static const uint32_t chunks[] = {1, 4095, 4097, (64u << 20) + 4096, UINT32_MAX, 1u << 31};
  for (unsigned i = 0; i < sizeof chunks / sizeof *chunks; i++) {
    vyre_stream_params_t params = good;
    params.chunk_bytes = chunks[i];
    expect(vyre_stream_open(f.session, opcode, &params, &stream), VYRE_E_ARGUMENT);
  }
  static const uint32_t depths[] = {65, 1000, UINT32_MAX};
  for (unsigned i = 0; i < sizeof depths / sizeof *depths; i++) {
    vyre_stream_params_t params = good;
    params.depth = depths[i];
    expect(vyre_stream_open(f.session, opcode, &params, &stream), VYRE_E_ARGUMENT);
  }
  vyre_stream_params_t params = good;
  params.path_count = 0;
  expect(vyre_stream_open(f.session, opcode, &params, &stream), VYRE_E_ARGUMENT);
  expect(vyre_stream_open(f.session, opcode, NULL, &stream), VYRE_E_ARGUMENT);
  params.path_count = 2;
  params.paths = (const char *const[]){f.paths[0], NULL};
  expect(vyre_stream_open(f.session, opcode, &params, &stream), VYRE_E_ARGUMENT);
  params.paths = NULL;
  expect(vyre_stream_open(f.session, opcode, &params, &stream), VYRE_E_ARGUMENT);
  params = good;
  params.ingest = "mapped";
  expect(vyre_stream_open(f.session, opcode, &params, &stream), VYRE_E_UNSUPPORTED);
  expect(vyre_stream_open(f.session, 0x3FFFFFFF, &good, &stream), VYRE_E_OPCODE_RANGE);
  expect(vyre_stream_open(f.session, f.opcodes[STREAM_NO_STREAM], &good, &stream), VYRE_E_ARGUMENT);
  assert_null(stream);

  /* Outputs: by index and exact size, only at the end. */
  uint64_t values[257];
  ok(vyre_stream_open(f.session, f.opcodes[STREAM_HISTOGRAM], &good, &stream));
  ok(stream_finish(stream));
  expect(vyre_stream_output(stream, 0, values, 8), VYRE_E_ARGUMENT);
  expect(vyre_stream_output(stream, 0, values, sizeof values), VYRE_E_ARGUMENT);
  expect(vyre_stream_output(stream, 1, values, 8), VYRE_E_ARGUMENT);
  ok(vyre_stream_output(stream, 0, values, 256 * 8));
  assert_string_equal(vyre_stream_report(stream).ingest_reason, "named");
  vyre_stream_close(&stream);
  stream_still_works(&f);
  stream_close(&f);
}

/* A session that does not run. */
static void states(void **state) {
  stream_fixture_t g;
  begin(*state);
  g = f;
  ok(vyre_session_create(f.device, NULL, &g.session));
  vyre_program_t *program;
  ok(vyre_program_load(VYRE_SOURCE_DIR "/programs/count_lines.vyre", &program));
  g.opcodes[0] = 0;
  ok(vyre_session_register(g.session, program, &g.opcodes[0]));
  vyre_program_destroy(&program);
  vyre_stream_t *stream = NULL;
  int files = stream_open_files();
  expect(stream_start(&g, STREAM_COUNT_LINES, (const char *const *)f.paths, 1, CHUNK, 1, &stream), VYRE_E_STATE);
  ok(vyre_session_start(g.session));
  ok(vyre_session_stop(g.session, SECOND));
  expect(stream_start(&g, STREAM_COUNT_LINES, (const char *const *)f.paths, 1, CHUNK, 1, &stream), VYRE_E_STATE);
  assert_int_equal(stream_open_files(), files);
  vyre_session_destroy(&g.session);
  stream_close(&f);
}

/* Reads may wait: files are read without O_NONBLOCK, with which some kernels would rather give EAGAIN for ever. */
static void descriptors_may_block(void **state) {
  begin(*state);
  vyre_stream_t *stream;
  f.ingest = "fixed"; /* one descriptor */
  ok(stream_start(&f, STREAM_COUNT_LINES, (const char *const *)f.paths, 1, CHUNK, 1, &stream));
  unsigned found = 0;
  for (int fd = 3; fd < 200; fd++) {
    char name[64], target[128] = "";
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    if (readlink(name, target, sizeof target - 1) < 0 || strcmp(target, f.paths[0]) != 0) continue;
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    found++;
  }
  assert_int_equal(found, 1);
  ok(stream_finish(stream));
  vyre_stream_close(&stream);
  stream_close(&f);
}

/* ---- in child processes: their limits are lowered for good ---- */

typedef struct report {
  bool enforced;
  vyre_code_t code;
  char text[2048]; /* formatted status */
  char where[128];
  vyre_stream_report_t stream;
  uint64_t ends, bytes; /* of two runs of STREAM_ENDS when the stream could be opened */
} report_t;

static char child_path[64];

/* Opens a session and a stream over child_path, without the test's assertions. */
static void open_and_report(report_t *report, uint32_t chunk_bytes, uint32_t depth) {
  static const char text[] =
      "program ends\nstream data : u8\noutput ends : u64 sum\noutput bytes : u64 sum\n"
      "bytes += len(data)  if is_last() { ends += 1 }\n";
  const char *path = child_path;
  vyre_stream_params_t params = {.paths = &path, .path_count = 1, .chunk_bytes = chunk_bytes, .depth = depth};
  vyre_device_t *device = NULL;
  vyre_session_t *session = NULL;
  vyre_program_t *program = NULL;
  uint32_t opcode = 0;
  vyre_status_t status = vyre_device_open("ref", &device);
  if (!status) status = vyre_session_create(device, &(vyre_session_params_t){.workers = 2}, &session);
  if (!status) status = vyre_program_parse(text, sizeof text - 1, "", &program);
  if (!status) status = vyre_session_register(session, program, &opcode);
  if (!status) status = vyre_session_start(session);
  for (int i = 0; i < 2 && !status; i++) {
    vyre_stream_t *stream = NULL;
    bool finished = false;
    uint64_t value = 0;
    status = vyre_stream_open(session, opcode, &params, &stream);
    if (!status) status = vyre_stream_wait(stream, 20 * SECOND, &finished);
    if (!status) status = vyre_stream_output(stream, 0, &value, sizeof value);
    report->ends += value;
    if (!status) status = vyre_stream_output(stream, 1, &value, sizeof value);
    report->bytes += value;
    if (stream) report->stream = vyre_stream_report(stream);
    vyre_stream_close(&stream);
  }
  report->code = vyre_status_code(status);
  vyre_status_format(status, report->text, sizeof report->text);
  snprintf(report->where, sizeof report->where, "%s", vyre_status_where(status));
  vyre_status_destroy(&status);
  vyre_session_destroy(&session);
  vyre_program_destroy(&program);
  vyre_device_close(&device);
}

/* A folder that every user may enter, with a file of 300 kB of this mode. */
static void make_child_file(char folder[64], mode_t mode) {
  strcpy(folder, "/tmp/vyre-stream-XXXXXX");
  assert_non_null(mkdtemp(folder));
  assert_int_equal(chmod(folder, 0755), 0);
  snprintf(child_path, sizeof child_path, "%s/file", folder);
  int fd = open(child_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(ftruncate(fd, 300000), 0);
  assert_int_equal(fchmod(fd, mode), 0);
  assert_int_equal(close(fd), 0);
}

static void remove_child_file(const char *folder) {
  assert_int_equal(unlink(child_path), 0);
  assert_int_equal(rmdir(folder), 0);
}

static bool become_stranger(void) {
  uid_t user = 0x300000 + (uid_t)getppid(); /* its own: locked memory is counted per user */
  return setgroups(0, NULL) == 0 && setgid(user) == 0 && setuid(user) == 0;
}

static void run_forbidden(void *out, uint64_t error) {
  report_t *report = out;
  report->enforced = vyre_forbid_uring((int)error) == 0;
  if (report->enforced) open_and_report(report, CHUNK, 1);
}

static void no_uring(void **state) {
  (void)state;
  static report_t report;
  char folder[64];
  make_child_file(folder, 0644);
  const int errors[] = {EPERM, ENOSYS};
  for (int i = 0; i < 2; i++) {
    assert_true(child_run(run_forbidden, (uint64_t)errors[i], &report, sizeof report));
    if (!report.enforced) VYRE_TEST_SKIP("seccomp", "this kernel takes no seccomp filter");
    assert_int_equal(report.code, VYRE_E_NO_URING);
    assert_non_null(strstr(report.text, "Fix: Allow io_uring_setup"));
  }
  remove_child_file(folder);
}

static void run_as_stranger(void *out, uint64_t unused) {
  (void)unused;
  report_t *report = out;
  report->enforced = become_stranger();
  if (report->enforced) open_and_report(report, CHUNK, 1);
}

static void no_permission(void **state) {
  (void)state;
  if (geteuid() != 0) VYRE_TEST_SKIP("root", "only root can become a user who owns nothing");
  static report_t report;
  char folder[64];
  make_child_file(folder, 0640);
  assert_true(child_run(run_as_stranger, 0, &report, sizeof report));
  if (!report.enforced) VYRE_TEST_SKIP("root", "setuid to an unused user is refused");
  assert_int_equal(report.code, VYRE_E_PERMISSION);
  assert_string_equal(report.where, child_path);
  remove_child_file(folder);
}

/* argument: the limit in KiB, shifted by 16 the depth, by 32 the chunk */
static void run_with_memlock(void *out, uint64_t argument) {
  report_t *report = out;
  rlim_t bytes = (argument & 0xFFFF) * 1024;
  report->enforced = setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){bytes, bytes}) == 0 && become_stranger();
  if (report->enforced) open_and_report(report, (uint32_t)(argument >> 32), (uint32_t)(argument >> 16) & 0xFF);
}

static void little_memlock(void **state) {
  (void)state;
  if (geteuid() != 0) VYRE_TEST_SKIP("root", "only root can become another user with a limit of its own");
  static report_t report;
  char folder[64];
  make_child_file(folder, 0644);
  /* What was asked for by name is not changed: 2 workers x 4 x 1 MiB. */
  assert_true(child_run(run_with_memlock, 64 | 4 << 16 | UINT64_C(1) << 52, &report, sizeof report));
  if (report.code == VYRE_OK) VYRE_TEST_SKIP("uring", "this kernel does not enforce RLIMIT_MEMLOCK");
  assert_int_equal(report.code, VYRE_E_MEMLOCK);
  assert_non_null(strstr(report.text, "RLIMIT_MEMLOCK is 64 KiB"));
  assert_non_null(strstr(report.text, "ulimit -l "));
  /* The defaults shrink into half of the limit. */
  assert_true(child_run(run_with_memlock, 2048, &report, sizeof report));
  if (report.code) fail_msg("%s", report.text);
  assert_int_equal(report.stream.chunk_bytes, 256 << 10);
  assert_int_equal(report.stream.depth, 2);
  assert_int_equal(report.ends, 2);
  assert_int_equal(report.bytes, 600000);
  /* One of them: the other stays. */
  assert_true(child_run(run_with_memlock, 2048 | 1 << 16, &report, sizeof report));
  if (report.code) fail_msg("%s", report.text);
  assert_int_equal(report.stream.chunk_bytes, 512 << 10);
  assert_int_equal(report.stream.depth, 1);
  /* But not below what is worth it. */
  assert_true(child_run(run_with_memlock, 64, &report, sizeof report));
  assert_int_equal(report.code, VYRE_E_MEMLOCK);
  remove_child_file(folder);
}

/* Another process of the same user has locked `other_kib` of the limit. */
static pid_t lock_elsewhere(uint64_t other_kib) {
  int ends[2];
  char is_done = 0;
  if (pipe(ends) != 0) return -1;
  pid_t other = fork();
  if (other == 0) {
    vyre_uring_t *uring = NULL;
    vyre_uring_arena_t *arena = NULL;
    vyre_status_t status = vyre_uring_create(NULL, &uring);
    if (!status) status = vyre_uring_arena_create(other_kib << 10, 1, false, &arena);
    if (!status) status = vyre_uring_register_arena(uring, arena);
    is_done = !status;
    if (write(ends[1], &is_done, 1) == 1) pause();
    _exit(0);
  }
  close(ends[1]);
  if (other > 0 && (read(ends[0], &is_done, 1) != 1 || !is_done)) {
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    other = -1;
  }
  close(ends[0]);
  return other;
}

/* argument: the limit in KiB; 2 workers want 256 KiB each. */
static void run_beside_another(void *out, uint64_t limit_kib) {
  report_t *report = out;
  if (setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){limit_kib << 10, limit_kib << 10}) != 0 || !become_stranger()) return;
  pid_t other = lock_elsewhere(1536);
  report->enforced = other > 0;
  if (report->enforced) open_and_report(report, 256 << 10, 1);
  if (other > 0) {
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
  }
}

/* What the Fix says is enough, also when it is others who have locked the memory. */
static void memory_locked_by_others(void **state) {
  (void)state;
  if (geteuid() != 0) VYRE_TEST_SKIP("root", "only root can become another user with a limit of its own");
  static report_t report;
  char folder[64];
  make_child_file(folder, 0644);
  assert_true(child_run(run_beside_another, 2048, &report, sizeof report));
  assert_true(report.enforced);
  if (report.code == VYRE_OK) VYRE_TEST_SKIP("uring", "this kernel does not enforce RLIMIT_MEMLOCK");
  assert_int_equal(report.code, VYRE_E_MEMLOCK);
  const char *fix = strstr(report.text, "Fix: Raise the limit to 2688 KiB, since other processes of this user");
  if (!fix || !strstr(fix, "`ulimit -l 2688`")) fail_msg("%s", report.text);
  assert_true(child_run(run_beside_another, 2688, &report, sizeof report));
  if (report.code) fail_msg("%s", report.text);
  remove_child_file(folder);
}

static void run_without_files(void *out, uint64_t spare) {
  report_t *report = out;
  report->enforced = setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 64}) == 0;
  while (dup(0) >= 0) continue;
  for (uint64_t i = 0; i < spare; i++) close(63 - (int)i);
  if (report->enforced) open_and_report(report, CHUNK, 1);
}

/* Of one file and two rings, the n-th finds no descriptor. */
static void no_descriptors(void **state) {
  (void)state;
  static report_t report;
  char folder[64];
  make_child_file(folder, 0644);
  for (uint64_t spare = 0; spare < 3; spare++) {
    assert_true(child_run(run_without_files, spare, &report, sizeof report));
    assert_true(report.enforced);
    if (report.code != VYRE_E_FILES) fail_msg("%llu spare: %s", (unsigned long long)spare, report.text);
    assert_non_null(strstr(report.text, "ulimit -n"));
  }
  remove_child_file(folder);
}

int main(void) {
  static char cpu[] = "cpu", ref[] = "ref";
#define ON_BOTH(test) \
  {#test " (cpu)", test, NULL, NULL, cpu}, { #test " (ref)", test, NULL, NULL, ref }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_uring), /* the children first: no thread of a session runs yet */
      cmocka_unit_test(no_permission),
      cmocka_unit_test(little_memlock),
      cmocka_unit_test(memory_locked_by_others),
      cmocka_unit_test(no_descriptors),
      ON_BOTH(paths),
      ON_BOTH(sizes_of_elements),
      ON_BOTH(programs),
      ON_BOTH(parameters),
      ON_BOTH(states),
      ON_BOTH(descriptors_may_block),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
