/* Everything that the fake driver has given out, so that what is not given back is seen. */
#include <stdlib.h>

#include "fake_cuda/state.h"

static fake_object_t *objects; /* under fake_lock */

fake_object_t *fake_object_add_range(fake_kind_t kind, fake_object_t *context, uint64_t address, uint64_t bytes) {
  fake_object_t *object = calloc(1, sizeof *object);
  if (!object) abort();
  object->kind = kind;
  object->context = context;
  object->address = address;
  object->bytes = bytes;
  pthread_mutex_lock(&fake_lock);
  object->next = objects;
  objects = object;
  pthread_mutex_unlock(&fake_lock);
  return object;
}

fake_object_t *fake_object_add(fake_kind_t kind, fake_object_t *context) {
  return fake_object_add_range(kind, context, 0, 0);
}

bool fake_object_is(const void *handle, fake_kind_t kind) {
  pthread_mutex_lock(&fake_lock);
  fake_object_t *object = objects;
  while (object && object != handle) object = object->next;
  bool is = object && object->kind == kind;
  pthread_mutex_unlock(&fake_lock);
  return is;
}

fake_object_t *fake_object_at(fake_kind_t kind, uint64_t address, uint64_t bytes, bool exact) {
  pthread_mutex_lock(&fake_lock);
  fake_object_t *object = objects;
  for (; object; object = object->next) {
    if (object->kind != kind) continue;
    if (exact && object->address == address && (bytes == 0 || object->bytes == bytes)) break;
    if (!exact && address >= object->address && address - object->address <= object->bytes &&
        bytes <= object->bytes - (address - object->address))
      break;
  }
  pthread_mutex_unlock(&fake_lock);
  return object;
}

/* Under the lock. */
static void unlink_and_free(fake_object_t **place) {
  fake_object_t *object = *place;
  *place = object->next;
  free(object->memory);
  free(object);
}

void fake_object_drop(fake_object_t *object) {
  pthread_mutex_lock(&fake_lock);
  fake_object_t **place = &objects;
  while (*place != object) place = &(*place)->next;
  unlink_and_free(place);
  pthread_mutex_unlock(&fake_lock);
}

void fake_objects_of_context_drop(fake_object_t *context) {
  pthread_mutex_lock(&fake_lock);
  for (fake_object_t **place = &objects; *place;) {
    if ((*place)->context != context) {
      place = &(*place)->next;
      continue;
    }
    if (!context->lost) fake_left_behind();
    unlink_and_free(place);
  }
  pthread_mutex_unlock(&fake_lock);
}

uint32_t fake_objects_alive(void) {
  uint32_t alive = 0;
  pthread_mutex_lock(&fake_lock);
  for (fake_object_t *object = objects; object; object = object->next) alive++;
  pthread_mutex_unlock(&fake_lock);
  return alive;
}

uint64_t fake_device_bytes(void) {
  uint64_t bytes = 0;
  pthread_mutex_lock(&fake_lock);
  for (fake_object_t *object = objects; object; object = object->next)
    if (object->kind == AN_ALLOCATION || object->kind == PLAIN_MEMORY) bytes += object->bytes;
  pthread_mutex_unlock(&fake_lock);
  return bytes;
}

fake_object_t *fake_stream_running(const fake_object_t *context) {
  pthread_mutex_lock(&fake_lock);
  fake_object_t *object = objects;
  while (object && !(object->kind == A_STREAM && (!context || object->context == context) && fake_kernel_runs(object)))
    object = object->next;
  pthread_mutex_unlock(&fake_lock);
  return object;
}

fake_object_t *fake_stream_joinable(const fake_object_t *context) {
  pthread_mutex_lock(&fake_lock);
  fake_object_t *object = objects;
  while (object && !(object->kind == A_STREAM && object->context == context && object->kernel.is_there))
    object = object->next;
  pthread_mutex_unlock(&fake_lock);
  return object;
}
