/* What this process may do with io_uring, for `vyre doctor` and for the Fix of a refusal.
 *
 * Owns:    nothing.
 * Threads: all functions from any thread; the facts are those of the calling thread.
 * Errors:  a value that cannot be read says so itself (-1, or false). */
#ifndef VYRE_URING_FACTS_H
#define VYRE_URING_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define VYRE_URING_UNLIMITED UINT64_MAX

typedef struct vyre_uring_facts {
  char kernel[65];             /* "6.1.0-28-amd64" */
  bool available;              /* a ring as vyre_uring_create makes it can be had */
  bool fixed_buffers;          /* registering one page works */
  bool read_fixed;             /* the kernel has IORING_OP_READ_FIXED */
  uint32_t features;           /* IORING_FEAT_ bits; 0 when not available */
  int32_t uring_disabled;      /* kernel.io_uring_disabled: 0, 1 (unprivileged), 2 (all); -1: no such setting */
  int32_t uring_group;         /* kernel.io_uring_group; -1: none */
  int32_t seccomp_mode;        /* 0 off, 1 strict, 2 filter; -1 unknown */
  bool memlock_exempt;         /* CAP_IPC_LOCK of the initial user namespace: no limit applies */
  uint64_t memlock_bytes;      /* RLIMIT_MEMLOCK, or VYRE_URING_UNLIMITED */
  uint64_t memlock_bytes_hard; /* how far it can be raised without root */
  uint64_t pinned_bytes;       /* already locked by this process */
  uint64_t files_max;          /* RLIMIT_NOFILE */
} vyre_uring_facts_t;

/* Fills every field, also on failure; the status is NULL exactly when `available` and `fixed_buffers`, else it is what
 * vyre_uring_create or registering would return. */
vyre_status_t vyre_uring_probe(vyre_uring_facts_t *out_facts);

/* The fields that need no ring: limits and settings. The others are cleared. */
void vyre_uring_facts_read(vyre_uring_facts_t *out_facts);

#endif
