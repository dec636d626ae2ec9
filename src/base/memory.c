#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

void *vyre_alloc(size_t bytes) { return malloc(bytes ? bytes : 1); }

void *vyre_calloc(size_t count, size_t bytes) {
  if (count == 0 || bytes == 0) return calloc(1, 1);
  return calloc(count, bytes);
}

void *vyre_realloc(void *memory, size_t bytes) { return realloc(memory, bytes ? bytes : 1); }

void *vyre_alloc_aligned(size_t alignment, size_t bytes) {
  VYRE_ASSERT(alignment >= sizeof(void *) && (alignment & (alignment - 1)) == 0);
  if (bytes > SIZE_MAX - alignment) return NULL;
  size_t rounded = (bytes + alignment - 1) & ~(alignment - 1);
  void *memory = aligned_alloc(alignment, rounded ? rounded : alignment);
  if (memory) memset(memory, 0, rounded);
  return memory;
}

char *vyre_strndup(const char *text, size_t length) {
  char *copy = vyre_alloc(length + 1);
  if (!copy) return NULL;
  memcpy(copy, text, length);
  copy[length] = '\0';
  return copy;
}

char *vyre_strdup(const char *text) { return vyre_strndup(text, strlen(text)); }

void vyre_free(void *memory) { free(memory); }

bool vyre_array_reserve(void **array, size_t *capacity, size_t count, size_t element_bytes) {
  if (count <= *capacity) return true;
  size_t wanted = *capacity ? *capacity : 16;
  while (wanted < count) {
    if (wanted > SIZE_MAX / 2) return false;
    wanted *= 2;
  }
  if (wanted > SIZE_MAX / element_bytes) return false;
  void *grown = vyre_realloc(*array, wanted * element_bytes);
  if (!grown) return false;
  *array = grown;
  *capacity = wanted;
  return true;
}
