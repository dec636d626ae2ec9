/* Facts being collected: the files of this module add theirs in turn, facts.c packs them into one block.
 *
 * Owns:   the texts of its facts until vyre_fact_list_deinit.
 * Errors: sticky, as in vyre_strbuf: packing reports that memory was out. */
#ifndef VYRE_DOCTOR_FACTS_H
#define VYRE_DOCTOR_FACTS_H

#include "base/strbuf.h"

enum { VYRE_FACTS_MAX = 64 };

typedef struct vyre_fact_list {
  size_t count;
  struct {
    vyre_strbuf_t key, value, advice;
  } facts[VYRE_FACTS_MAX];
} vyre_fact_list_t;

/* Begins a fact; the two below append to it, several times if need be. */
void vyre_fact_begin(vyre_fact_list_t *list, const char *key_format, ...) VYRE_PRINTF(2, 3);
void vyre_fact_value(vyre_fact_list_t *list, const char *format, ...) VYRE_PRINTF(2, 3);
void vyre_fact_advice(vyre_fact_list_t *list, const char *format, ...) VYRE_PRINTF(2, 3);
/* "3.5 GiB" */
void vyre_fact_bytes(vyre_fact_list_t *list, uint64_t bytes);
/* What failed becomes the value, its Fix the advice; releases the status. */
void vyre_fact_failure(vyre_fact_list_t *list, vyre_status_t *status);

void vyre_facts_machine(vyre_fact_list_t *list); /* processor, memory, kernel */
void vyre_facts_cgroup(vyre_fact_list_t *list);  /* limits of the control group */
void vyre_facts_library(vyre_fact_list_t *list); /* devices, compiler, io_uring and its limits */

/* The smallest whole-CPU limit that the control group sets, rounded up; 0 without one. */
unsigned vyre_cgroup_cpus(void);

#endif
