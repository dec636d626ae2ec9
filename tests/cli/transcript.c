/* Runs a transcript: a .t file of command lines and what they are to print.
 *
 *   # a comment
 *   $ vyre check good.vyre 2>&1      a command, for `sh -c` in an empty directory made for this file
 *   > second line                    continues the command (a here-document, for example)
 *   | ok good                        stdout, line by line
 *   ! x:1: error VYRE-2001: *        stderr; * stands for any characters of the line, \* for a star
 *   ! ...                            alone on its line: any number of lines
 *   = 3                              the exit status; 0 when not given
 *
 * What is not listed must not appear. Every command has TIMEOUT_S seconds. In the environment: VYRE (the command, also
 * first in PATH, as are the test tools), SOURCE (the project), DROP (to put before a command: it runs as somebody whom
 * modes and limits concern, root without its capabilities, or the user as is). With `--skip-unless COMMAND` the
 * transcript is skipped (77) when `sh -c COMMAND` fails. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TIMEOUT_S = 30, LINE_MAX_BYTES = 4096, TEXT_MAX_BYTES = 1 << 20, STREAMS = 2 };

typedef struct text {
  char *bytes;
  size_t length;
} text_t;

typedef struct test_case {
  int line;
  text_t command;
  text_t expected[STREAMS]; /* stdout, stderr */
  int status;
} test_case_t;

static void die(const char *what) {
  perror(what);
  exit(99);
}

static void append(text_t *text, const char *line) {
  size_t length = strlen(line);
  text->bytes = realloc(text->bytes, text->length + length + 1);
  if (!text->bytes) die("memory");
  memcpy(text->bytes + text->length, line, length + 1);
  text->length += length;
}

/* Whether `line` fits `pattern`; both end at a newline or NUL. */
static bool line_fits(const char *pattern, const char *line) {
  for (;; pattern++, line++) {
    if (*pattern == '*') {
      for (;; line++) {
        if (line_fits(pattern + 1, line)) return true;
        if (*line == '\n' || !*line) return false;
      }
    }
    if (*pattern == '\\' && pattern[1] == '*') pattern++;
    bool pattern_ends = *pattern == '\n' || !*pattern, line_ends = *line == '\n' || !*line;
    if (pattern_ends || line_ends) return pattern_ends && line_ends;
    if (*pattern != *line) return false;
  }
}

static const char *next_line(const char *text) {
  const char *end = strchr(text, '\n');
  return end ? end + 1 : text + strlen(text);
}

static bool text_fits(const char *patterns, const char *text) {
  while (*patterns) {
    if (strncmp(patterns, "...\n", 4) == 0) {
      for (;; text = next_line(text)) {
        if (text_fits(patterns + 4, text)) return true;
        if (!*text) return false;
      }
    }
    if (!*text || !line_fits(patterns, text)) return false;
    patterns = next_line(patterns);
    text = next_line(text);
  }
  return !*text;
}

static void read_file(const char *path, text_t *text) {
  static char bytes[TEXT_MAX_BYTES + 1];
  int descriptor = open(path, O_RDONLY);
  if (descriptor < 0) die(path);
  size_t length = 0;
  for (ssize_t got; length < TEXT_MAX_BYTES; length += (size_t)got) {
    got = read(descriptor, bytes + length, TEXT_MAX_BYTES - length);
    if (got < 0) die(path);
    if (got == 0) break;
  }
  close(descriptor);
  for (size_t i = 0; i < length; i++)
    if (!bytes[i]) bytes[i] = '@'; /* a NUL shows, and does not end the comparison */
  bytes[length] = '\0';
  append(text, bytes);
  if (length > 0 && bytes[length - 1] != '\n') append(text, "(no newline)\n");
}

/* Runs the command in the current directory; its output goes to ../out.N. Returns the exit status as sh shows it. */
static int run(const char *command, const char *const outputs[STREAMS], bool *out_late) {
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < STREAMS; i++) {
      int descriptor = open(outputs[i], O_WRONLY | O_CREAT | O_TRUNC, 0600);
      if (descriptor < 0 || dup2(descriptor, i + 1) < 0) _exit(126);
      close(descriptor);
    }
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0) _exit(126);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(126);
  }
  setpgid(child, child);
  struct timespec start, now, pause = {0, 2000000};
  clock_gettime(CLOCK_MONOTONIC, &start);
  int status = 0;
  *out_late = false;
  while (waitpid(child, &status, WNOHANG) == 0) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - start.tv_sec > TIMEOUT_S) {
      *out_late = true;
      kill(-child, SIGKILL);
      waitpid(child, &status, 0);
      break;
    }
    nanosleep(&pause, NULL);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void show(const char *title, const char *text) {
  printf("  %s:\n", title);
  for (; text && *text; text = next_line(text)) printf("    %.*s\n", (int)strcspn(text, "\n"), text);
}

static bool run_case(const char *file, const test_case_t *test, const char *const outputs[STREAMS]) {
  static const char *const names[STREAMS] = {"stdout", "stderr"};
  bool late = false, good = true;
  int status = run(test->command.bytes, outputs, &late);
  text_t actual[STREAMS] = {{0}, {0}};
  for (int i = 0; i < STREAMS; i++) read_file(outputs[i], &actual[i]);
  bool fits[STREAMS];
  for (int i = 0; i < STREAMS; i++) {
    fits[i] = text_fits(test->expected[i].bytes ? test->expected[i].bytes : "", actual[i].bytes);
    good = good && fits[i];
  }
  good = good && status == test->status && !late;
  if (!good) {
    printf("%s:%d: %s", file, test->line, test->command.bytes);
    if (late) printf("  did not end in %d s\n", TIMEOUT_S);
    if (status != test->status) printf("  exit status %d, expected %d\n", status, test->status);
    for (int i = 0; i < STREAMS; i++) {
      if (!fits[i]) show("expected", test->expected[i].bytes);
      if (!fits[i] || status != test->status) show(names[i], actual[i].bytes);
    }
  }
  for (int i = 0; i < STREAMS; i++) free(actual[i].bytes);
  return good;
}

static void clear(test_case_t *test) {
  free(test->command.bytes);
  for (int i = 0; i < STREAMS; i++) free(test->expected[i].bytes);
  *test = (test_case_t){0};
}

/* Returns how many cases failed; *out_count is how many there are. */
static int run_transcript(const char *path, FILE *file, const char *const outputs[STREAMS], int *out_count) {
  char line[LINE_MAX_BYTES];
  test_case_t test = {0};
  int failed = 0, count = 0;
  for (int number = 1;; number++) {
    bool more = fgets(line, sizeof line, file) != NULL;
    if ((!more || strncmp(line, "$ ", 2) == 0) && test.command.bytes) {
      count++;
      failed += !run_case(path, &test, outputs);
      clear(&test);
    }
    if (!more) break;
    if (line[0] == '#' || line[0] == '\n') continue;
    const char *rest = line[1] == ' ' ? line + 2 : line + 1;
    if (line[0] == '$') {
      test.line = number;
      append(&test.command, rest);
    } else if (test.command.bytes && line[0] == '>') {
      append(&test.command, rest);
    } else if (test.command.bytes && (line[0] == '|' || line[0] == '!')) {
      append(&test.expected[line[0] == '!'], rest);
    } else if (test.command.bytes && line[0] == '=') {
      test.status = atoi(rest);
    } else {
      printf("%s:%d: not a line of a transcript: %s", path, number, line);
      failed++;
    }
  }
  *out_count = count;
  return failed;
}

static void set_environment(const char *binaries) {
  char value[PATH_MAX * 2];
  const char *path = getenv("PATH");
  snprintf(value, sizeof value, "%s:%s", binaries, path ? path : "/usr/bin:/bin");
  setenv("PATH", value, 1);
  snprintf(value, sizeof value, "%s/vyre", binaries);
  setenv("VYRE", value, 1);
  setenv("SOURCE", VYRE_SOURCE_DIR, 1);
  setenv("DROP", geteuid() == 0 ? "setpriv --bounding-set=-all --inh-caps=-all" : "", 1);
  unsetenv("NO_COLOR");
  unsetenv("POSIXLY_CORRECT");
  umask(022);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  set_environment(VYRE_BINARY_DIR "/bin");
  if (argc == 4 && strcmp(argv[1], "--skip-unless") == 0) {
    if (system(argv[2]) != 0) {
      printf("skipped: `%s` failed\n", argv[2]);
      return getenv("VYRE_REQUIRE") ? 1 : 77;
    }
    argv += 2;
  } else if (argc != 2) {
    fprintf(stderr, "usage: transcript [--skip-unless COMMAND] FILE\n");
    return 2;
  }
  FILE *file = fopen(argv[1], "re");
  if (!file) die(argv[1]);
  char directory[] = "/tmp/vyre-transcript-XXXXXX";
  if (!mkdtemp(directory) || chdir(directory) != 0 || mkdir("work", 0755) != 0 || chdir("work") != 0) die(directory);
  char outputs[STREAMS][64];
  for (int i = 0; i < STREAMS; i++) snprintf(outputs[i], sizeof outputs[i], "%s/out.%d", directory, i + 1);
  int count = 0;
  int failed = run_transcript(argv[1], file, (const char *const[]){outputs[0], outputs[1]}, &count);
  fclose(file);
  char remove[128];
  snprintf(remove, sizeof remove, "cd / && chmod -R u+rwx '%s' && rm -rf '%s'", directory, directory);
  if (system(remove) != 0) printf("%s is left behind\n", directory);
  printf("%s: %d of %d cases failed\n", argv[1], failed, count);
  return failed > 0 || count == 0;
}
