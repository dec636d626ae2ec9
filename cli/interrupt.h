/* SIGINT and SIGTERM during a run: the first one asks for an orderly end, the second one ends the process.
 *
 * Threads: all of this from the main thread. The library's workers take no signals, so the handler never meets a
 * stream that is being closed. Nothing is blocked while a Program is compiled, which can take long. A signal that was
 * ignored when the command began (nohup, a background job) stays ignored. */
#ifndef VYRE_CLI_INTERRUPT_H
#define VYRE_CLI_INTERRUPT_H

#include <vyre/stream.h>

/* From here on the first signal is noted, until cli_interrupt_end. When one was, it stays so: the same wish may come
 * once more while the process ends, and must not change how. */
void cli_interrupt_begin(void);
void cli_interrupt_end(void);
/* From here on, and for one that came before, the stream is asked to end. */
void cli_interrupt_attach(vyre_stream_t *stream);
/* The stream may be closed then. */
void cli_interrupt_detach(void);
/* "SIGINT" or "SIGTERM" when one has arrived, else NULL. */
const char *cli_interrupt_name(void);

#endif
