#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR_MAX = 40, NUMBERS_COLUMNS = 40 };

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool is_set(const char *name) {
  const char *value = getenv(name);
  return value && *value;
}

void cli_progress_start(cli_progress_t *progress, bool wanted) {
  const char *terminal = getenv("TERM");
  *progress = (cli_progress_t){0};
  progress->enabled = wanted && isatty(STDERR_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
  progress->colored = !is_set("NO_COLOR");
  progress->start_ns = now_ns();
}

void cli_progress_update(cli_progress_t *progress, uint64_t bytes_done, uint64_t bytes_total) {
  if (!progress->enabled) return;
  struct winsize window;
  int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col : 80;
  double part = bytes_total > 0 ? (double)bytes_done / (double)bytes_total : 0;
  if (part > 1) part = 1;
  double seconds = (double)(now_ns() - progress->start_ns) * 1e-9;
  int width = columns - NUMBERS_COLUMNS < BAR_MAX ? columns - NUMBERS_COLUMNS : BAR_MAX;
  char bar[BAR_MAX + 1] = "";
  if (width > 0) {
    int filled = (int)(part * width);
    memset(bar, '#', (size_t)filled);
    memset(bar + filled, '.', (size_t)(width - filled));
    bar[width] = '\0';
  }
  fprintf(stderr, "\r%s%s%s %3d%%  %.2f of %.2f GB  %.2f GB/s\x1b[K", progress->colored ? "\x1b[32m" : "", bar,
          progress->colored ? "\x1b[0m" : "", (int)(part * 100), (double)bytes_done * 1e-9, (double)bytes_total * 1e-9,
          seconds > 0 ? (double)bytes_done * 1e-9 / seconds : 0);
  fflush(stderr);
  progress->drawn = true;
}

void cli_progress_erase(cli_progress_t *progress) {
  if (!progress->drawn) return;
  fputs("\r\x1b[K", stderr);
  fflush(stderr);
  progress->drawn = false;
}
