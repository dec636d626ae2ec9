/* Facts about the processor, the memory and the kernel. */
#include <cpuid.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor/facts.h"

/* The brand string of CPUID leaves 0x80000002 to 0x80000004. */
static void read_brand(char brand[49]) {
  unsigned words[12] = {0};
  unsigned most = (unsigned)__get_cpuid_max(0x80000000u, NULL);
  for (unsigned leaf = 0; leaf < 3 && most >= 0x80000004u; leaf++)
    __get_cpuid(0x80000002u + leaf, &words[leaf * 4], &words[leaf * 4 + 1], &words[leaf * 4 + 2], &words[leaf * 4 + 3]);
  memcpy(brand, words, 48);
  brand[48] = '\0';
  for (size_t length = strlen(brand); length > 0 && brand[length - 1] == ' '; length--) brand[length - 1] = '\0';
}

static void add_cpu(vyre_fact_list_t *list) {
  char brand[49];
  read_brand(brand);
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2");
  bool avx512 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  vyre_fact_begin(list, "cpu");
  vyre_fact_value(list, "%s", brand + strspn(brand, " "));
  vyre_fact_begin(list, "cpu_features");
  vyre_fact_value(list, "%s%s", avx2 ? "avx2" : "no avx2", avx512 ? ", avx512 (f, bw, vl)" : ", no avx512");
  if (!avx2)
    vyre_fact_advice(list,
                     "Run on a processor with AVX2 where speed matters; in a virtual machine, pass the host's "
                     "features through (-cpu host).");
}

static void add_processors(vyre_fact_list_t *list) {
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t mask;
  int allowed = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : (int)online;
  unsigned quota = vyre_cgroup_cpus();
  vyre_fact_begin(list, "processors");
  vyre_fact_value(list, "%ld online, %d in the affinity mask", online, allowed);
  if (allowed < online)
    vyre_fact_advice(list,
                     "Widen the mask with `taskset -c 0-%ld vyre ...` (or CPUAffinity= of the service) to use all.",
                     online - 1);
  if (quota > 0 && quota < (unsigned)allowed) {
    vyre_fact_value(list, ", time for %u by the control group", quota);
    vyre_fact_advice(list, "Pass --workers %u, or raise cpu.max of the control group: more workers only wait.", quota);
  }
}

/* A line "Name:  123 kB" of /proc/meminfo in bytes (or as it is, without kB); false when there is none. */
static bool read_meminfo(const char *name, uint64_t *out_value) {
  FILE *file = fopen("/proc/meminfo", "re");
  if (!file) return false;
  char line[128];
  size_t length = strlen(name);
  bool found = false;
  while (!found && fgets(line, sizeof line, file)) {
    if (strncmp(line, name, length) != 0 || line[length] != ':') continue;
    found = sscanf(line + length + 1, "%" SCNu64, out_value) == 1;
    if (found && strstr(line, "kB")) *out_value *= 1024;
  }
  fclose(file);
  return found;
}

static void add_memory(vyre_fact_list_t *list) {
  uint64_t total = 0, available = 0;
  vyre_fact_begin(list, "memory");
  if (!read_meminfo("MemTotal", &total) || !read_meminfo("MemAvailable", &available)) {
    vyre_fact_value(list, "unknown");
    vyre_fact_advice(list, "Mount /proc, so that limits can be read.");
    return;
  }
  vyre_fact_bytes(list, total);
  vyre_fact_value(list, ", ");
  vyre_fact_bytes(list, available);
  vyre_fact_value(list, " available");
  if (available < UINT64_C(256) << 20)
    vyre_fact_advice(list, "Close other programs, or lower --workers, --depth and --chunk: too little memory is free.");
  vyre_fact_begin(list, "page_size");
  vyre_fact_bytes(list, (uint64_t)sysconf(_SC_PAGESIZE));
}

static void add_huge_pages(vyre_fact_list_t *list) {
  char line[128] = "";
  FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
  if (file) {
    if (!fgets(line, sizeof line, file)) line[0] = '\0';
    fclose(file);
  }
  char *begin = strchr(line, '['), *end = begin ? strchr(begin, ']') : NULL;
  const char *mode = end ? (*end = '\0', begin + 1) : "not available";
  uint64_t reserved = 0;
  if (!read_meminfo("HugePages_Total", &reserved)) reserved = 0;
  vyre_fact_begin(list, "huge_pages");
  vyre_fact_value(list, "transparent: %s; reserved: %" PRIu64, mode, reserved);
  if (strcmp(mode, "never") == 0)
    vyre_fact_advice(list,
                     "Write madvise into /sys/kernel/mm/transparent_hugepage/enabled: pinning buffers gets cheaper.");
}

void vyre_facts_machine(vyre_fact_list_t *list) {
  struct utsname names;
  add_cpu(list);
  add_processors(list);
  add_memory(list);
  vyre_fact_begin(list, "kernel");
  if (uname(&names) == 0)
    vyre_fact_value(list, "%s %s", names.sysname, names.release);
  else
    vyre_fact_value(list, "unknown");
  add_huge_pages(list);
}
