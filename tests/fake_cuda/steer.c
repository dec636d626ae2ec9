/* What the fake driver is told to be and to refuse. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_cuda/state.h"

enum { RULES_MAX = 8, NAME_BYTES = 64 };

typedef struct rule {
  char call[NAME_BYTES];
  int result;
  uint32_t first, seen;
  bool stays;
  char failed[NAME_BYTES];
} rule_t;

fake_settings_t fake_settings;
_Atomic uint64_t fake_launches, fake_graph_launches;
pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
static rule_t rules[RULES_MAX];
static uint32_t rule_count, calls, left_behind;
static const char *failed;

_Noreturn static void misread(const char *word) {
  fprintf(stderr, "fake cuda: cannot read '%s'\n", word);
  abort();
}

static void add_rule(const char *value) {
  if (rule_count == RULES_MAX) misread(value);
  rule_t *rule = &rules[rule_count++];
  *rule = (rule_t){.first = 1};
  char plus = '\0';
  int fields = sscanf(value, "%63[A-Za-z0-9*]:%d@%u%c", rule->call, &rule->result, &rule->first, &plus);
  if (fields < 2 || rule->result == 0 || rule->first == 0) misread(value);
  rule->stays = plus == '+';
}

static void set_programs(const char *value) {
  atomic_store(&fake_settings.programs_interrupt, strcmp(value, "interrupt") == 0);
  atomic_store(&fake_settings.programs_sum, strcmp(value, "sum") == 0);
  atomic_store(&fake_settings.programs_wait, strcmp(value, "fault") != 0);
}

static void set_kernel(const char *value) {
  unsigned long long slots = 0;
  int kernel = KERNEL_RUNS;
  if (strcmp(value, "never-ends") == 0)
    kernel = KERNEL_NEVER_ENDS;
  else if (strcmp(value, "hangs") == 0)
    kernel = KERNEL_HANGS;
  else if (strcmp(value, "deaf") == 0)
    kernel = KERNEL_DEAF;
  else if (strcmp(value, "crashes") == 0 || sscanf(value, "crashes@%llu", &slots) == 1)
    kernel = KERNEL_CRASHES;
  else if (strcmp(value, "runs") != 0)
    misread(value);
  atomic_store(&fake_settings.crash_slots, slots);
  atomic_store(&fake_settings.kernel, kernel);
}

static void set(const char *key, const char *value) {
  static const struct {
    const char *key;
    int *place;
  } numbers[] = {{"devices", &fake_settings.devices},
                 {"version", &fake_settings.version},
                 {"multiprocessors", &fake_settings.multiprocessors},
                 {"vmm", &fake_settings.vmm},
                 {"watchdog", &fake_settings.watchdog},
                 {"blocks", &fake_settings.blocks}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (strcmp(key, numbers[i].key) == 0) {
      *numbers[i].place = atoi(value);
      return;
    }
  if (strcmp(key, "fail") == 0)
    add_rule(value);
  else if (strcmp(key, "memory") == 0)
    fake_settings.memory_bytes = strtoull(value, NULL, 10) << 20;
  else if (strcmp(key, "ptx") == 0 && strcmp(value, "refused") == 0)
    fake_settings.refuses_ptx = true;
  else if (strcmp(key, "programs") == 0)
    set_programs(value);
  else if (strcmp(key, "spoil") == 0)
    atomic_store(&fake_settings.spoils_copy, true);
  else if (strcmp(key, "cc") != 0 || sscanf(value, "%d.%d", &fake_settings.major, &fake_settings.minor) != 2)
    misread(key);
}

static void steer(const char *text) {
  fake_settings.devices = fake_settings.vmm = 1;
  fake_settings.watchdog = fake_settings.minor = 0;
  fake_settings.version = 12020;
  fake_settings.major = 9;
  fake_settings.multiprocessors = 4;
  fake_settings.blocks = 2;
  fake_settings.memory_bytes = UINT64_C(1) << 30;
  fake_settings.refuses_ptx = false;
  atomic_store(&fake_settings.spoils_copy, false);
  set_programs("fault");
  rule_count = calls = left_behind = 0;
  fake_launches = fake_graph_launches = 0;
  failed = NULL;
  char kernel[256] = "runs"; /* set once: a kernel that runs now would take "runs" on the way for an order to leave */
  while (text && *text) {
    char word[sizeof kernel];
    size_t length = strcspn(text, ",");
    if (length >= sizeof word) misread(text);
    memcpy(word, text, length);
    word[length] = '\0';
    char *value = strchr(word, '=');
    if (!value) misread(word);
    *value = '\0';
    if (strcmp(word, "kernel") == 0)
      strcpy(kernel, value + 1);
    else
      set(word, value + 1);
    text += length + (text[length] == ',');
  }
  set_kernel(kernel);
}

void fake_cuda_steer(const char *text) {
  pthread_mutex_lock(&fake_lock);
  steer(text);
  pthread_mutex_unlock(&fake_lock);
}

__attribute__((constructor)) static void steer_by_environment(void) { fake_cuda_steer(getenv("VYRE_FAKE_CUDA")); }

fake_cuda_stats_t fake_cuda_look(void) {
  uint32_t alive = fake_objects_alive();
  pthread_mutex_lock(&fake_lock);
  fake_cuda_stats_t stats = {.calls = calls,
                             .failed = failed,
                             .alive = alive,
                             .left_behind = left_behind,
                             .launches = fake_launches,
                             .graph_launches = fake_graph_launches};
  pthread_mutex_unlock(&fake_lock);
  return stats;
}

void fake_left_behind(void) { left_behind++; } /* under the lock */

static bool is_counted(const char *call) {
  static const char *const uncounted[] = {"cuStreamQuery", "cuEventQuery", "cuCtxPopCurrent", "cuGetErrorName",
                                          "cuGetErrorString"};
  for (size_t i = 0; i < sizeof uncounted / sizeof *uncounted; i++)
    if (strcmp(call, uncounted[i]) == 0) return false;
  return true;
}

vyre_cu_result_t fake_count(const char *call) {
  pthread_mutex_lock(&fake_lock);
  vyre_cu_result_t result = 0;
  bool counted = is_counted(call);
  calls += counted;
  for (uint32_t i = 0; i < rule_count; i++) {
    rule_t *rule = &rules[i];
    if (strcmp(rule->call, call) != 0 && !(counted && strcmp(rule->call, "*") == 0)) continue;
    rule->seen++;
    if (rule->seen != rule->first && !(rule->stays && rule->seen > rule->first)) continue;
    result = rule->result;
    snprintf(rule->failed, sizeof rule->failed, "%s", call);
    failed = rule->failed;
  }
  pthread_mutex_unlock(&fake_lock);
  return result;
}
