/* A CUDA driver without a GPU: a libcuda.so.1 for tests. It exports what device/cuda/driver.def names; device memory is
 * memory of the host, a kernel is a thread that carries out what the megakernel's loop itself executes (megakernel.c).
 *
 * It is found by LD_LIBRARY_PATH, or linked, which makes it the libcuda.so.1 of the process. What it is and what it
 * refuses is a list of KEY=VALUE, by VYRE_FAKE_CUDA in the environment or by fake_cuda_steer:
 *   devices=N (1)  version=V (12020)  cc=M.N (9.0)  multiprocessors=N (4)  vmm=0|1 (1)  watchdog=0|1 (0)
 *   blocks=N (2)       blocks that fit on a multiprocessor at once
 *   memory=MIB (1024)  of the device
 *   fail=CALL:RESULT@N the N-th CALL (cuMemCreate; @1 when not given) gives RESULT, and no other call; @N+: each
 *                      from the N-th on. CALL * is any call but those whose number depends on time (cuStreamQuery,
 *                      cuEventQuery) and those that vyre need not look at (cuCtxPopCurrent, cuGetError*). Up to 8.
 *   ptx=refused        the linker gives 218 and a log, as it does for a text that is no PTX
 *   kernel=runs|never-ends|crashes@N|deaf|hangs
 *                      ends when told; neither stops nor parks; is lost with 700 when it has carried out N slots
 *                      (crashes: at once), before the ring knows of the last one; does not park; does nothing at all
 *                      while it is steered so
 *   programs=fault|wait|interrupt|sum
 *                      slots of registered opcodes, which cannot run here, are unknown ones; are taken and never done;
 *                      likewise, and the first one sends SIGINT to the process; add up their chunk's bytes
 *   spoil=1            the next copy to the device loses its last byte
 *
 * What would wait for a kernel that never ends on a real GPU (frees, unregistrations, module loads, launches beside it
 * in its context) ends the process with a message, and so does a wait for it. A call that gives something back and is
 * made to fail has given it back all the same; a cuStreamQuery that is made to fail has lost the context of its stream.
 */
#ifndef TESTS_FAKE_CUDA_FAKE_CUDA_H
#define TESTS_FAKE_CUDA_FAKE_CUDA_H

#include <stdbool.h>
#include <stdint.h>

#define FAKE_CUDA_API __attribute__((visibility("default")))

typedef struct fake_cuda_stats {
  uint32_t calls;       /* that CALL * counts */
  const char *failed;   /* the last call that was made to fail, NULL for none */
  uint32_t alive;       /* contexts, links, modules, streams, events, pieces of memory, ranges, mappings, graphs */
  uint32_t left_behind; /* of them, those that only their context's end has taken; not of a lost context */
  uint64_t launches, graph_launches;
} fake_cuda_stats_t;

/* Everything as not given, then as `text` says ("" or NULL: nothing). What is alive stays, counts begin anew. */
FAKE_CUDA_API void fake_cuda_steer(const char *text);
FAKE_CUDA_API fake_cuda_stats_t fake_cuda_look(void);

#endif
