/* Every heap allocation of the library goes through here.
 *
 * Owns:    nothing; the caller owns what it gets and gives it back with vyre_free.
 * Threads: all functions from any thread.
 * Errors:  NULL when memory is out or a product overflows; vyre_out_of_memory makes the status.
 * Rule:    submit, poll, completion and the io pump allocate nothing. */
#ifndef VYRE_BASE_MEMORY_H
#define VYRE_BASE_MEMORY_H

#include <stddef.h>

#include "base/status.h"

void *vyre_alloc(size_t bytes);                           /* not cleared */
void *vyre_calloc(size_t count, size_t bytes);            /* cleared */
void *vyre_realloc(void *memory, size_t bytes);           /* frees nothing when it fails */
void *vyre_alloc_aligned(size_t alignment, size_t bytes); /* cleared; bytes a multiple of alignment is not needed */
char *vyre_strdup(const char *text);
char *vyre_strndup(const char *text, size_t length);
void vyre_free(void *memory); /* accepts NULL */

/* Grows an array of *capacity elements to hold at least `count`; doubles. False when memory is out. */
bool vyre_array_reserve(void **array, size_t *capacity, size_t count, size_t element_bytes);

/* VYRE_E_MEMORY with the size asked for. Needs no memory itself. */
vyre_status_t vyre_out_of_memory(size_t bytes);

#endif
