/* SIGINT and SIGTERM while a stream runs: the first one asks the stream to end, the second one ends the process.
 *
 * Threads: all of this from the main thread. The signals are blocked before the library starts its threads, so that
 * those inherit the block and the handler runs here only: it never meets a stream that is being closed. A signal
 * that was ignored when the command began (nohup, a background job) stays ignored. */
#ifndef VYRE_CLI_INTERRUPT_H
#define VYRE_CLI_INTERRUPT_H

#include <vyre/stream.h>

void cli_interrupt_block(void);
/* Installs the handler and lets the signals through. */
void cli_interrupt_attach(vyre_stream_t *stream);
/* Undoes attach and block; the stream may be closed then. */
void cli_interrupt_detach(void);
/* The signal that arrived, or 0. */
int cli_interrupt_signal(void);

#endif
