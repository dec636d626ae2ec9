/* vyre/doctor.h: facts about this machine and this library, for `vyre doctor` and for programs that choose. */
#ifndef VYRE_DOCTOR_H
#define VYRE_DOCTOR_H

#include <vyre/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One fact: a stable key for machines, a value, and, when something is wrong or slow, what to do about it. */
typedef struct vyre_fact {
  const char *key;    /* "io_uring" */
  const char *value;  /* "available, Linux 6.18" */
  const char *advice; /* "" when all is well */
} vyre_fact_t;

/* Collects the facts: machine, devices, compiler, io_uring, memory limits. The array and its strings are one block,
 * released with vyre_facts_free. Fails only when memory is out. */
VYRE_API vyre_status_t vyre_facts_collect(vyre_fact_t **out_facts, size_t *out_count);
VYRE_API void vyre_facts_free(vyre_fact_t *facts);

#ifdef __cplusplus
}
#endif
#endif
