/* Limits of the control group, version 2 (one tree) and version 1 (a tree per controller), at the places where systemd
 * and containers mount them. A limit of any ancestor counts, so the smallest on the way up is taken; inside a container
 * the path of /proc/self/cgroup may not exist, and the walk ends at the root that is visible. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/facts.h"

#define ROOT "/sys/fs/cgroup"
#define NO_LIMIT UINT64_MAX

enum { PATH_BYTES = 4096 };

/* The group of this process: of `controller` in version 1, or "" for version 2. "/" when unknown. */
static void group_path(const char *controller, char path[PATH_BYTES]) {
  snprintf(path, PATH_BYTES, "/");
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (!file) return;
  char line[PATH_BYTES];
  while (fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    char *names = strchr(line, ':');
    char *group = names ? strchr(names + 1, ':') : NULL;
    if (!group) continue;
    *group++ = '\0';
    for (char *save = NULL, *name = strtok_r(names + 1, ",", &save); name; name = strtok_r(NULL, ",", &save))
      if (strcmp(name, controller) == 0) snprintf(path, PATH_BYTES, "%s", group);
    if (names[1] == '\0' && *controller == '\0') snprintf(path, PATH_BYTES, "%s", group);
  }
  fclose(file);
}

/* Reads one line; false when the file is not there. */
static bool read_line(const char *directory, const char *group, const char *name, char line[128]) {
  char path[PATH_BYTES + 256];
  snprintf(path, sizeof path, "%s%s/%s", directory, group, name);
  FILE *file = fopen(path, "re");
  if (!file) return false;
  bool ok = fgets(line, 128, file) != NULL;
  fclose(file);
  if (ok) line[strcspn(line, "\n")] = '\0';
  return ok;
}

/* Calls `visit` with the line of the file in the group and each of its ancestors. */
static void walk(const char *directory, const char *controller, const char *name,
                 void (*visit)(const char *group, const char *line, void *context), void *context) {
  char group[PATH_BYTES], line[128];
  group_path(controller, group);
  for (;;) {
    if (read_line(directory, group, name, line)) visit(group, line, context);
    char *slash = strrchr(group, '/');
    if (!slash || slash[1] == '\0') return;
    slash[slash == group] = '\0'; /* "/a" leaves "/" */
  }
}

static void visit_least(const char *group, const char *line, void *context) {
  (void)group;
  uint64_t *least = context, value;
  if (sscanf(line, "%" SCNu64, &value) == 1 && value < *least) *least = value;
}

static uint64_t least(const char *name, const char *controller, const char *name_v1) {
  uint64_t limit = NO_LIMIT;
  char directory[64];
  snprintf(directory, sizeof directory, ROOT "/%s", controller);
  walk(ROOT, "", name, visit_least, &limit);
  walk(directory, controller, name_v1, visit_least, &limit);
  return limit;
}

static void visit_cpu(const char *group, const char *line, void *context) {
  (void)group;
  unsigned *cpus = context;
  uint64_t quota, period;
  if (sscanf(line, "%" SCNu64 " %" SCNu64, &quota, &period) != 2 || period == 0) return; /* "max 100000" */
  unsigned allowed = (unsigned)((quota + period - 1) / period);
  if (*cpus == 0 || allowed < *cpus) *cpus = allowed;
}

static void visit_cpu_v1(const char *group, const char *line, void *context) {
  char period[128], both[260];
  if (line[0] == '-' || !read_line(ROOT "/cpu", group, "cpu.cfs_period_us", period)) return;
  snprintf(both, sizeof both, "%s %s", line, period);
  visit_cpu(group, both, context);
}

unsigned vyre_cgroup_cpus(void) {
  unsigned cpus = 0;
  walk(ROOT, "", "cpu.max", visit_cpu, &cpus);
  walk(ROOT "/cpu", "cpu", "cpu.cfs_quota_us", visit_cpu_v1, &cpus);
  return cpus;
}

void vyre_facts_cgroup(vyre_fact_list_t *list) {
  unsigned cpus = vyre_cgroup_cpus();
  uint64_t memory = least("memory.max", "memory", "memory.limit_in_bytes");
  uint64_t pids = least("pids.max", "pids", "pids.max");
  vyre_fact_begin(list, "cgroup");
  if (cpus > 0) vyre_fact_value(list, "processors: %u; ", cpus);
  vyre_fact_value(list, "memory: ");
  /* Version 1 writes "no limit" as the largest page-aligned number. */
  if (memory < UINT64_C(1) << 60)
    vyre_fact_bytes(list, memory);
  else
    vyre_fact_value(list, "no limit");
  if (memory < UINT64_C(512) << 20)
    vyre_fact_advice(list, "Raise memory.max of the control group, or lower --workers, --depth and --chunk.");
  if (pids == NO_LIMIT)
    vyre_fact_value(list, "; threads: no limit");
  else
    vyre_fact_value(list, "; threads: %" PRIu64, pids);
  if (pids < 256) vyre_fact_advice(list, "Raise pids.max of the control group: workers and io threads count.");
}
