#include "interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static vyre_stream_t *volatile attached;
static volatile sig_atomic_t arrived;

static void set_signals(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGINT);
  sigaddset(set, SIGTERM);
}

/* Leaves alone what was ignored from the start. */
static void set_handler(int number, void (*handler)(int)) {
  struct sigaction action = {0};
  sigaction(number, NULL, &action);
  if (action.sa_handler == SIG_IGN) return;
  action = (struct sigaction){0};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

/* timeout(1) and some shells send a signal to the process and again to its group: what comes this soon after the first
 * is the same wish, not a second one. */
enum { SAME_WISH_MS = 150 };
static struct timespec first;

static void set_default(void) {
  set_handler(SIGINT, SIG_DFL);
  set_handler(SIGTERM, SIG_DFL);
}

static void on_signal(int number) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (!arrived) {
    arrived = number;
    first = now;
    if (attached) vyre_stream_request_shutdown(attached);
    return;
  }
  long since_ms = (long)(now.tv_sec - first.tv_sec) * 1000 + (now.tv_nsec - first.tv_nsec) / 1000000;
  if (since_ms < SAME_WISH_MS) return;
  set_default();
  raise(number);
}

static void block(void) {
  sigset_t set;
  set_signals(&set);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void unblock(void) {
  sigset_t set;
  set_signals(&set);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void cli_interrupt_begin(void) {
  set_handler(SIGINT, on_signal);
  set_handler(SIGTERM, on_signal);
}

void cli_interrupt_end(void) {
  block();
  if (!arrived) set_default();
  unblock();
}

void cli_interrupt_attach(vyre_stream_t *stream) {
  attached = stream;
  if (arrived) vyre_stream_request_shutdown(stream);
}

void cli_interrupt_detach(void) {
  block();
  attached = NULL;
  unblock();
}

const char *cli_interrupt_name(void) { return arrived == 0 ? NULL : arrived == SIGTERM ? "SIGTERM" : "SIGINT"; }
