#include "ir/names.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

void vyre_names_init(vyre_names_t *scope) {
  memset(scope, 0, sizeof *scope);
  scope->count = 1;
}

void vyre_names_deinit(vyre_names_t *scope) {
  vyre_free(scope->names);
  scope->names = NULL;
}

/* FNV-1a, 32 bits. */
static uint32_t hash_of(const char *text, size_t length) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 16777619u;
  return hash;
}

vyre_name_t *vyre_names_find(const vyre_names_t *scope, const char *text, size_t length) {
  uint32_t hash = hash_of(text, length);
  for (uint32_t i = scope->buckets[hash % VYRE_NAMES_BUCKETS]; i != 0; i = scope->names[i].next) {
    vyre_name_t *name = &scope->names[i];
    if (name->hash == hash && name->length == length && memcmp(name->text, text, length) == 0) return name;
  }
  return NULL;
}

vyre_name_t *vyre_names_declare(vyre_names_t *scope, const char *text, size_t length, bool is_param, uint32_t id) {
  if (!vyre_array_reserve((void **)&scope->names, &scope->capacity, scope->count + 1, sizeof *scope->names))
    return NULL;
  uint32_t hash = hash_of(text, length);
  uint32_t *bucket = &scope->buckets[hash % VYRE_NAMES_BUCKETS];
  vyre_name_t *name = &scope->names[scope->count];
  *name = (vyre_name_t){
      .text = text, .length = (uint32_t)length, .hash = hash, .next = *bucket, .id = id, .is_param = is_param};
  *bucket = scope->count++;
  return name;
}

void vyre_names_leave(vyre_names_t *scope, uint32_t mark) {
  while (scope->count > mark) {
    const vyre_name_t *name = &scope->names[--scope->count];
    uint32_t *bucket = &scope->buckets[name->hash % VYRE_NAMES_BUCKETS];
    VYRE_ASSERT(*bucket == scope->count);
    *bucket = name->next;
  }
}
