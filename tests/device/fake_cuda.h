/* A CUDA driver in the test's own process: what vyre_cuda_load gives when the linker wraps it. Device memory is host
 * memory, copies are done at once, the ping-pong kernel is a thread. Any call can be made to fail. */
#ifndef TESTS_DEVICE_FAKE_CUDA_H
#define TESTS_DEVICE_FAKE_CUDA_H

#include <stdbool.h>
#include <stdint.h>

enum { FAKE_CUDA_ERROR = 719 };

/* The n-th call from now on that can fail gives FAKE_CUDA_ERROR; 0 for none. Counts down. */
extern _Atomic uint32_t fake_cuda_fail_in;
/* The name of the function that was made to fail, without "cu". */
extern const char *fake_cuda_failed;
/* Contexts, graphs, threads and pieces of memory that are alive. */
extern _Atomic int fake_cuda_alive;
extern _Atomic uint64_t fake_cuda_launches, fake_cuda_graph_launches;
/* The next copy to the device loses its last byte. */
extern bool fake_cuda_spoil_copy;

#endif
