/* Options of a verb, on getopt_long: every mistake becomes a VYRE_E_COMMAND_LINE that names the nearest right word. */
#ifndef VYRE_CLI_OPTIONS_H
#define VYRE_CLI_OPTIONS_H

#include <getopt.h>
#include <stdint.h>
#include <vyre/status.h>

#include "verb.h"

typedef struct cli_options {
  const cli_verb_t *verb;
  int argc;
  char **argv;
  const char *short_options;         /* as getopt takes them, with a leading ':' */
  const struct option *long_options; /* ends with a zeroed entry; "help" is 'h' */
  int exit_status;                   /* after CLI_OPTION_EXIT */
} cli_options_t;

enum {
  CLI_OPTION_END = -1,  /* operands begin at argv[optind] */
  CLI_OPTION_EXIT = -2, /* the verb is over: the help page was printed, or the error reported */
};

/* The next option's value (argument in optarg), or one of the above. */
int cli_options_next(cli_options_t *options);

/* A number, with `sizes` also with a suffix K, M or G (powers of 1024). */
vyre_status_t cli_option_number(const cli_options_t *options, const char *name, const char *text, bool sizes,
                                uint64_t min, uint64_t max, uint64_t *out_value);

/* Reports and gives the exit status. */
int cli_options_usage(const cli_options_t *options, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The candidate nearest to `word` when it is near enough to be meant, else NULL. */
typedef const char *(*cli_candidate_fn)(const void *context, unsigned index);
const char *cli_suggest(const char *word, cli_candidate_fn candidate_at, const void *context);

#endif
