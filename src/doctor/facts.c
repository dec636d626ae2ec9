#include "doctor/facts.h"

#include <inttypes.h>
#include <string.h>
#include <vyre/doctor.h>

#include "base/assert.h"
#include "base/memory.h"

void vyre_fact_begin(vyre_fact_list_t *list, const char *key_format, ...) {
  VYRE_ASSERT(list->count < VYRE_FACTS_MAX);
  list->count++;
  va_list arguments;
  va_start(arguments, key_format);
  vyre_strbuf_vprintf(&list->facts[list->count - 1].key, key_format, arguments);
  va_end(arguments);
}

void vyre_fact_value(vyre_fact_list_t *list, const char *format, ...) {
  VYRE_ASSERT(list->count > 0);
  va_list arguments;
  va_start(arguments, format);
  vyre_strbuf_vprintf(&list->facts[list->count - 1].value, format, arguments);
  va_end(arguments);
}

void vyre_fact_advice(vyre_fact_list_t *list, const char *format, ...) {
  VYRE_ASSERT(list->count > 0);
  vyre_strbuf_t *advice = &list->facts[list->count - 1].advice;
  if (advice->length > 0) vyre_strbuf_append(advice, " ");
  va_list arguments;
  va_start(arguments, format);
  vyre_strbuf_vprintf(advice, format, arguments);
  va_end(arguments);
}

void vyre_fact_bytes(vyre_fact_list_t *list, uint64_t bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  unsigned unit = 0;
  double value = (double)bytes;
  for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++) value /= 1024;
  bool whole = value == (double)(uint64_t)value;
  vyre_fact_value(list, whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void vyre_fact_failure(vyre_fact_list_t *list, vyre_status_t *status) {
  const vyre_code_info_t *info = vyre_code_lookup((int)vyre_status_code(*status));
  const char *detail = vyre_status_detail(*status);
  vyre_fact_value(list, "VYRE-%d: %s%s%s", (int)info->code, info->summary, *detail ? ": " : "", detail);
  vyre_fact_advice(list, "%s", vyre_status_fix(*status));
  vyre_status_destroy(status);
}

static void list_deinit(vyre_fact_list_t *list) {
  for (size_t i = 0; i < list->count; i++) {
    vyre_strbuf_deinit(&list->facts[i].key);
    vyre_strbuf_deinit(&list->facts[i].value);
    vyre_strbuf_deinit(&list->facts[i].advice);
  }
  vyre_free(list);
}

static const char *pack_text(char **at, const vyre_strbuf_t *text) {
  const char *packed = *at;
  if (text->length > 0) memcpy(*at, text->text, text->length);
  (*at)[text->length] = '\0';
  *at += text->length + 1;
  return packed;
}

/* One block: the array, then the strings. */
static vyre_status_t pack(const vyre_fact_list_t *list, vyre_fact_t **out_facts, size_t *out_count) {
  size_t bytes = (list->count + 1) * sizeof **out_facts;
  char *at;
  for (size_t i = 0; i < list->count; i++) {
    if (list->facts[i].key.failed || list->facts[i].value.failed || list->facts[i].advice.failed)
      return vyre_out_of_memory(bytes);
    bytes += list->facts[i].key.length + list->facts[i].value.length + list->facts[i].advice.length + 3;
  }
  vyre_fact_t *facts = vyre_calloc(1, bytes);
  if (!facts) return vyre_out_of_memory(bytes);
  at = (char *)(facts + list->count + 1);
  for (size_t i = 0; i < list->count; i++) {
    facts[i].key = pack_text(&at, &list->facts[i].key);
    facts[i].value = pack_text(&at, &list->facts[i].value);
    facts[i].advice = pack_text(&at, &list->facts[i].advice);
  }
  *out_facts = facts;
  *out_count = list->count;
  return NULL;
}

vyre_status_t vyre_facts_collect(vyre_fact_t **out_facts, size_t *out_count) {
  vyre_fact_list_t *list = vyre_calloc(1, sizeof *list);
  if (!list) return vyre_out_of_memory(sizeof *list);
  vyre_facts_machine(list);
  vyre_facts_cgroup(list);
  vyre_facts_library(list);
  vyre_status_t status = pack(list, out_facts, out_count);
  list_deinit(list);
  return status;
}

void vyre_facts_free(vyre_fact_t *facts) { vyre_free(facts); }
