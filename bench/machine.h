/* What else the machine did while a benchmark ran: figures count only when it was nearly nothing.
 *
 * A round that others disturbed is run again. What decides is the processor time that others took, never the result. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

/* Call first; a line about the whole run is printed when the program exits. */
void bench_machine_watch(void);

/* Sleeps while others take processors, a quarter of an hour at most in one run. */
void bench_machine_wait(void);

/* Around a round, or rounds together, of a second or more (time is counted in ticks). False: drop this round, and run
 * another. The begin waits first. At most 2 * `wanted` rounds are dropped; then they count as they are, and the line at
 * the end says so. */
void bench_machine_round_begin(void);
bool bench_machine_round_counts(size_t wanted);

#endif
