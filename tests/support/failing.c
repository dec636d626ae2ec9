#include "support/failing.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/random.h"

#define EXPORTED __attribute__((visibility("default"))) /* libvyre-codegen finds them in the program */

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *memory);
EXPORTED void *__wrap_malloc(size_t bytes);
EXPORTED void *__wrap_calloc(size_t count, size_t bytes);
EXPORTED void *__wrap_realloc(void *memory, size_t bytes);
EXPORTED void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
EXPORTED void __wrap_free(void *memory);

void *__real_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset);
int __real_mprotect(void *at, size_t bytes, int protection);
int __real_open(const char *path, int flags, ...);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset);
int __wrap_mprotect(void *at, size_t bytes, int protection);
int __wrap_open(const char *path, int flags, ...);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument);

/* ---- allocations ---- */

enum { FRAMES_MAX = 32 };

static atomic_int_fast64_t live;
static atomic_bool is_armed;
static atomic_uint_fast64_t calls; /* since it was armed */
static uint64_t fails_at;          /* the call that fails, from 1 */
static bool fails_from;            /* and all behind it */
static failing_kind_t fails_of;
static vyre_code_t fired_code; /* that is due for the first one */
static atomic_bool has_fired;
static void *frames[FRAMES_MAX]; /* where the first one failed */
static int frame_count;

static bool fails(failing_kind_t kind, vyre_code_t code) {
  if (!atomic_load(&is_armed) || kind != fails_of) return false;
  uint64_t call = atomic_fetch_add(&calls, 1) + 1;
  if (call != fails_at && !(fails_from && call > fails_at)) return false;
  if (call == fails_at) {
    frame_count = backtrace(frames, FRAMES_MAX);
    fired_code = code;
    atomic_store(&has_fired, true);
  }
  return true;
}

static bool is_out(void) { return fails(FAILING_MEMORY, VYRE_E_MEMORY); }

static void *counted(void *memory) {
  if (memory) atomic_fetch_add(&live, 1);
  return memory;
}

void *__wrap_malloc(size_t bytes) { return is_out() ? NULL : counted(__real_malloc(bytes)); }

void *__wrap_calloc(size_t count, size_t bytes) { return is_out() ? NULL : counted(__real_calloc(count, bytes)); }

void *__wrap_realloc(void *memory, size_t bytes) {
  if (is_out()) return NULL;
  void *grown = __real_realloc(memory, bytes);
  return memory ? grown : counted(grown);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
  return is_out() ? NULL : counted(__real_aligned_alloc(alignment, bytes));
}

void __wrap_free(void *memory) {
  if (memory) atomic_fetch_sub(&live, 1);
  __real_free(memory);
}

int64_t failing_live(void) { return atomic_load(&live); }

/* ---- resources ---- */

static bool lacks(vyre_code_t code, int error) {
  if (!fails(FAILING_RESOURCES, code)) return false;
  errno = error;
  return true;
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset) {
  return lacks(VYRE_E_MEMORY, ENOMEM) ? MAP_FAILED : __real_mmap(at, bytes, protection, flags, file, offset);
}

int __wrap_mprotect(void *at, size_t bytes, int protection) {
  return lacks(VYRE_E_MEMORY, ENOMEM) ? -1 : __real_mprotect(at, bytes, protection);
}

int __wrap_open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  bool is_fact = strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0; /* that one may do without */
  return !is_fact && lacks(VYRE_E_FILES, EMFILE) ? -1 : __real_open(path, flags, mode);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
  return lacks(VYRE_E_THREADS, EAGAIN) ? EAGAIN : __real_pthread_create(thread, attributes, body, argument);
}

/* ---- an operation ---- */

enum { AGAIN_FIRST = 24, AGAIN_EVERY = 8 }; /* after which failures there is a second try */
static const char *current = "";
static char refused[1000]; /* the detail of the operation's own refusal */

void failing_begin(uint64_t number, bool is_from) {
  atomic_store(&calls, 0);
  atomic_store(&has_fired, false);
  fails_at = number;
  fails_from = is_from;
  frame_count = 0;
  atomic_store(&is_armed, true);
}

void failing_end(void) { atomic_store(&is_armed, false); }
uint64_t failing_count(void) { return atomic_load(&calls); }
bool failing_has_fired(void) { return atomic_load(&has_fired); }

static void tell(void) {
  failing_end();
  print_message("%s, %s%s %" PRIu64 " fails; it was at\n", current, fails_from ? "every one from " : "",
                fails_of ? "resource" : "allocation", fails_at);
  fflush(stdout);
  backtrace_symbols_fd(frames, frame_count, STDERR_FILENO);
}

void failing_require_at(bool condition, const char *text, const char *file, int line) {
  if (condition) return;
  tell();
  fail_msg("%s:%d: %s", file, line, text);
}

/* Everything but what the operation promises of its own: its code, a Fix, and that nothing is left. */
static void check(vyre_status_t status, vyre_code_t code, vyre_code_t refusal, int64_t live_before) {
  char text[1000];
  vyre_status_format(status, text, sizeof text);
  bool has_fix = code == VYRE_OK || strlen(vyre_status_fix(status)) > 10;
  bool has_detail = vyre_status_code(status) != refusal || strcmp(vyre_status_detail(status), refused) == 0;
  vyre_code_t given = vyre_status_code(status);
  vyre_status_destroy(&status);
  if (given != code && (code == VYRE_OK || given != refusal || refusal == VYRE_OK)) {
    tell();
    fail_msg("%s: expected VYRE-%d, got: %s", current, (int)code, text);
  }
  failing_require(has_fix && has_detail);
  if (failing_live() == live_before) return;
  tell();
  fail_msg("%s: %" PRId64 " blocks are left behind; %s", current, failing_live() - live_before, text);
}

/* Without failures. Gives how many allocations there are. */
static uint64_t run_whole(const failing_options_t *options, failing_operation_t *operation, void *context) {
  int64_t before = failing_live();
  failing_begin(UINT64_MAX, false);
  vyre_status_t status = operation(context);
  failing_end();
  uint64_t count = failing_count();
  snprintf(refused, sizeof refused, "%s", vyre_status_detail(status));
  check(status, options->refusal, options->refusal, before);
  return count;
}

static void run_failing(const failing_options_t *options, failing_operation_t *operation, void *context,
                        uint64_t number, bool is_from) {
  int64_t before = failing_live();
  if (getenv("VYRE_FAILING_TRACE")) fprintf(stderr, "%s %" PRIu64 "%s\n", current, number, is_from ? " .." : "");
  failing_begin(number, is_from);
  vyre_status_t status = operation(context);
  failing_end();
  check(status, failing_has_fired() ? fired_code : options->refusal, options->refusal, before);
  bool is_again = !options->is_slow && (number <= AGAIN_FIRST || number % AGAIN_EVERY == 0);
  if (is_again) run_whole(options, operation, context);
}

uint64_t failing_every(const failing_options_t *options, failing_operation_t *operation, void *context) {
  current = options->name;
  fails_of = options->kind;
  void *unused[1];
  backtrace(unused, 1);                   /* the first one loads a library */
  run_whole(options, operation, context); /* what is made once in a process */
  uint64_t count = run_whole(options, operation, context);
  uint64_t first = options->most && options->most < count ? options->most / 2 : count;
  for (int is_from = 0; is_from < 2; is_from++) {
    random_t random = {count};
    for (uint64_t n = 1; n <= first; n++) run_failing(options, operation, context, n, is_from);
    for (uint64_t i = first; i < options->most && first < count; i++)
      run_failing(options, operation, context, first + 1 + random_below(&random, (uint32_t)(count - first)), is_from);
    run_failing(options, operation, context, count + 1, is_from);
  }
  run_whole(options, operation, context);
  fails_of = FAILING_MEMORY;
  if (!options->is_quiet)
    print_message("%s: %" PRIu64 " %s, %s\n", options->name, count, options->kind ? "resources" : "allocations",
                  first < count ? "a sample of them" : "each");
  return count;
}
