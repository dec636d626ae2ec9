/* What else the machine did while a benchmark ran: figures count only when it was nearly nothing. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

/* Call first; the line is printed when the program exits. */
void bench_machine_watch(void);

#endif
