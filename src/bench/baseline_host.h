/* What one would write in C on the host in place of a session: two threads and shared memory.
 *
 * Both sides wait busily and offer the processor to others after some thousand looks, as a session's producer does. */
#ifndef VYRE_BENCH_BASELINE_HOST_H
#define VYRE_BENCH_BASELINE_HOST_H

#include "base/status.h"

/* What a ping-pong answers: another word for another question, so that a stale one is seen. */
#define VYRE_BENCH_ANSWER(value) ((uint32_t)(value)*3u + 1u)

/* A thread that answers over one cache line. */
typedef struct vyre_bench_pong vyre_bench_pong_t;
vyre_status_t vyre_bench_pong_start(vyre_bench_pong_t **out_pong);
/* A value other than the one before, never 0. VYRE_E_DEADLINE without an answer for 10 s. */
vyre_status_t vyre_bench_pong_ask(vyre_bench_pong_t *pong, uint32_t value, uint32_t *out_answer);
void vyre_bench_pong_stop(vyre_bench_pong_t **pong);

/* `count` 64-byte records through a ring of 1024, up to 512 in flight, each answered; *out_wrong counts the wrong
 * answers. */
vyre_status_t vyre_bench_ring_run(uint64_t count, double *out_seconds, uint64_t *out_wrong);

/* Reads the file with `threads` threads that take blocks in turn and counts its newlines. */
vyre_status_t vyre_bench_loop_run(int fd, uint64_t bytes, uint32_t threads, double *out_seconds, uint64_t *out_lines);

#endif
