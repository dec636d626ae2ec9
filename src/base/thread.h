/* Threads of the library's own. Signals are the application's: its handlers run on its own threads. */
#ifndef VYRE_BASE_THREAD_H
#define VYRE_BASE_THREAD_H

#include <pthread.h>

#include "base/status.h"

/* Starts `run` on a thread that takes no signals, to be joined. `name` has at most 15 bytes; stack_bytes 0: as the
 * process has it. VYRE_E_THREADS when the system gives none. */
vyre_status_t vyre_thread_start(pthread_t *out_thread, const char *name, size_t stack_bytes, void *(*run)(void *),
                                void *argument);

#endif
