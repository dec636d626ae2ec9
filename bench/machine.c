#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "measure.h"

enum { DISTURBED_PERCENT = 3, WAIT_S_MAX = 900 };

typedef struct load {
  double time_s;
  double busy_s;   /* of all processors, in processes, the kernel and interrupts */
  double stolen_s; /* by the hypervisor */
  double own_s;    /* of busy: this process and the children it has waited for */
} load_t;

static load_t load_at_start;
static load_t load_at_round;
static pid_t watcher;
static double waited_s;
static bool counts_rounds;
static size_t rounds_counted, rounds_dropped;
static size_t rounds_disturbed; /* of those counted */

static double usage_s(int who) {
  struct rusage usage;
  getrusage(who, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static bool read_load(load_t *out_load) {
  unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
  FILE *file = fopen("/proc/stat", "r");
  if (!file) return false;
  bool is_read = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait,
                        &irq, &softirq, &steal) == 8;
  fclose(file);
  double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
  *out_load = (load_t){.time_s = bench_now(),
                       .busy_s = (double)(user + nice + system + irq + softirq) * tick_s,
                       .stolen_s = (double)steal * tick_s,
                       .own_s = usage_s(RUSAGE_SELF) + usage_s(RUSAGE_CHILDREN)};
  return is_read;
}

/* In percent of all processors, from `begin` on. */
typedef struct share {
  double seconds, own, others, stolen;
} share_t;

static bool read_share(const load_t *begin, share_t *out_share) {
  load_t end;
  if (!read_load(&end)) return false;
  double seconds = end.time_s - begin->time_s;
  double percent = 100 / (seconds * (double)sysconf(_SC_NPROCESSORS_ONLN));
  double own_s = end.own_s - begin->own_s, other_s = end.busy_s - begin->busy_s - own_s;
  *out_share = (share_t){.seconds = seconds,
                         .own = own_s * percent,
                         .others = other_s > 0 ? other_s * percent : 0,
                         .stolen = (end.stolen_s - begin->stolen_s) * percent};
  return true;
}

static bool is_disturbed(const share_t *share) { return share->others + share->stolen > DISTURBED_PERCENT; }

static void print_load(void) {
  share_t share;
  if (getpid() != watcher || !read_share(&load_at_start, &share)) return; /* a child that failed */
  printf(
      "machine meanwhile: %.1f s, waiting included; this benchmark %.1f %%, others %.1f %%, stolen %.1f %% of all "
      "processors\n",
      share.seconds, share.own, share.others, share.stolen);
  printf("waited %.0f s for quiet\n", waited_s);
  if (counts_rounds)
    printf("measurements: %zu counted, %zu dropped because others took over %d %% during them\n", rounds_counted,
           rounds_dropped, DISTURBED_PERCENT);
  if (rounds_disturbed > 0)
    printf("NOTE: %zu of those that count were disturbed: take these figures again\n", rounds_disturbed);
  if (!counts_rounds && is_disturbed(&share)) printf("NOTE: the machine was not quiet: take these figures again\n");
}

void bench_machine_watch(void) {
  watcher = getpid();
  if (read_load(&load_at_start)) atexit(print_load);
}

void bench_machine_wait(void) {
  load_t begin;
  share_t share;
  double start = bench_now();
  do {
    if (!read_load(&begin)) break;
    nanosleep(&(struct timespec){2, 0}, NULL);
  } while (read_share(&begin, &share) && is_disturbed(&share) && waited_s + (bench_now() - start) < WAIT_S_MAX);
  waited_s += bench_now() - start;
}

void bench_machine_round_begin(void) {
  counts_rounds = true;
  if (waited_s < WAIT_S_MAX) bench_machine_wait();
  if (!read_load(&load_at_round)) bench_wrong("/proc/stat cannot be read");
}

bool bench_machine_round_counts(size_t wanted) {
  share_t share;
  bool disturbed = !read_share(&load_at_round, &share) || is_disturbed(&share);
  if (disturbed && rounds_dropped < 2 * wanted) {
    rounds_dropped++;
    return false;
  }
  rounds_disturbed += disturbed;
  rounds_counted++;
  return true;
}
