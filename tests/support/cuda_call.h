/* Finite launches of a Program on a GPU as an entry that run_entry calls: what the frame points to is copied to the
 * GPU, one block of threads makes the call, and what it left is copied back.
 *
 * A context is current. One at a time in a process. */
#ifndef TESTS_SUPPORT_CUDA_CALL_H
#define TESTS_SUPPORT_CUDA_CALL_H

#include "device/cuda/driver.h"
#include "ir/frame.h"
#include "ir/layout.h"
#include "ir/program.h"

typedef struct cuda_call {
  const vyre_cuda_t *cuda;
  const vyre_program_t *program; /* lent */
  vyre_layout_t layout;
  vyre_cu_module_t module;
  vyre_cu_function_t function;
  uint32_t threads;
  const char *trouble; /* the driver's words when a call could not be made; its results mean nothing then */
} cuda_call_t;

/* `gpu` is an architecture; `is_known`: the code is for exactly so many threads. */
vyre_status_t cuda_call_init(cuda_call_t *call, const vyre_cuda_t *cuda, const vyre_program_t *program, const char *gpu,
                             uint32_t threads, bool is_known, vyre_entry_t *out_entry);
void cuda_call_deinit(cuda_call_t *call);
/* What calls share, given back. */
void cuda_call_free_memory(const vyre_cuda_t *cuda);

#endif
