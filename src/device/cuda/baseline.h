/* What one would write with CUDA in place of a session: a kernel that answers a flag, launches, a graph, copies.
 *
 * It works in a context of its own, which close destroys with everything in it. Only when no session lives on the GPU:
 * its launches would take the GPU from a megakernel, and a kernel that never ends would block its frees.
 *
 * Owns:    context, stream, kernels, a page of mapped host memory; device memory and pinned buffers for copies.
 * Threads: one, that opened it (copies start threads of their own and end them).
 * Errors:  those of the driver, with the name of the call. */
#ifndef VYRE_DEVICE_CUDA_BASELINE_H
#define VYRE_DEVICE_CUDA_BASELINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct vyre_cuda_baseline vyre_cuda_baseline_t;

/* VYRE_E_NO_DEVICE when there is no GPU of this index. The kernels have been launched once when it returns. */
vyre_status_t vyre_cuda_baseline_open(int gpu, vyre_cuda_baseline_t **out_baseline);
/* Ends a pong that still runs. Accepts a pointer to NULL. */
vyre_status_t vyre_cuda_baseline_close(vyre_cuda_baseline_t **baseline);

/* An empty kernel and a graph of one, each one block of one warp; neither waits. */
vyre_status_t vyre_cuda_baseline_launch(vyre_cuda_baseline_t *baseline);
vyre_status_t vyre_cuda_baseline_launch_graph(vyre_cuda_baseline_t *baseline);
vyre_status_t vyre_cuda_baseline_synchronize(vyre_cuda_baseline_t *baseline);

/* A lane that polls one word of host memory and answers in another with 3 * value + 1. It ends at stop, or by itself
 * when it has seen no new value for 10 s. Between start and stop nothing but ask. */
vyre_status_t vyre_cuda_baseline_pong_start(vyre_cuda_baseline_t *baseline);
/* `value` differs from the one before and is neither 0 nor 2^32 - 1. VYRE_E_DEADLINE without an answer for 5 s. */
vyre_status_t vyre_cuda_baseline_ask(vyre_cuda_baseline_t *baseline, uint32_t value, uint32_t *out_answer);
vyre_status_t vyre_cuda_baseline_pong_stop(vyre_cuda_baseline_t *baseline);

/* Copies. The device memory, of `bytes`, is cleared before each copy, so that read shows what the copy brought. */
vyre_status_t vyre_cuda_baseline_memory(vyre_cuda_baseline_t *baseline, uint64_t bytes);
/* The beginning of the file, *out_period bytes of it, read to pinned memory beforehand and copied over and over until
 * the device memory is full: byte i of it is byte i % period of the file. */
vyre_status_t vyre_cuda_baseline_copy_pinned(vyre_cuda_baseline_t *baseline, int fd, uint64_t *out_period,
                                             double *out_seconds);
/* pread and cuMemcpyAsync by 1 to 16 threads, each with two pinned buffers of 4 MiB and a stream of its own. */
vyre_status_t vyre_cuda_baseline_copy_file(vyre_cuda_baseline_t *baseline, int fd, uint32_t threads,
                                           double *out_seconds);
vyre_status_t vyre_cuda_baseline_read(vyre_cuda_baseline_t *baseline, uint64_t offset, void *to, size_t bytes);

/* The kernels, as PTX text: vyre_empty, vyre_pong. */
extern const char vyre_cuda_baseline_ptx[];

#endif
