#include "machine.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "measure.h"

enum { DISTURBED_PERCENT = 3 };

typedef struct load {
  double time_s;
  double busy_s;   /* of all processors, in processes, the kernel and interrupts */
  double stolen_s; /* by the hypervisor */
  double own_s;    /* of busy: this process and the children it has waited for */
} load_t;

static load_t load_at_start;
static pid_t watcher;

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

static void print_load(void) {
  load_t end;
  if (getpid() != watcher || !read_load(&end)) return; /* a child that failed */
  double processor_s = (end.time_s - load_at_start.time_s) * (double)sysconf(_SC_NPROCESSORS_ONLN);
  double own_s = end.own_s - load_at_start.own_s;
  double other_s = end.busy_s - load_at_start.busy_s - own_s;
  double others = 100 * (other_s > 0 ? other_s : 0) / processor_s;
  double stolen = 100 * (end.stolen_s - load_at_start.stolen_s) / processor_s;
  printf("machine meanwhile: %.1f s; this benchmark %.1f %%, others %.1f %%, stolen %.1f %% of all processors\n",
         end.time_s - load_at_start.time_s, 100 * own_s / processor_s, others, stolen);
  if (others + stolen > DISTURBED_PERCENT) printf("NOTE: the machine was not quiet: take these figures again\n");
}

void bench_machine_watch(void) {
  watcher = getpid();
  if (read_load(&load_at_start)) atexit(print_load);
}
