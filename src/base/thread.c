#include "base/thread.h"

#include <signal.h>
#include <string.h>

vyre_status_t vyre_thread_start(pthread_t *out_thread, const char *name, size_t stack_bytes, void *(*run)(void *),
                                void *argument) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (stack_bytes) pthread_attr_setstacksize(&attributes, stack_bytes);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(out_thread, &attributes, run, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error) return vyre_status_make(VYRE_E_THREADS, "pthread_create: %s", strerror(error));
  pthread_setname_np(*out_thread, name);
  return NULL;
}
