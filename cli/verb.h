/* The verbs of the command: one file each, one table in main.c. */
#ifndef VYRE_CLI_VERB_H
#define VYRE_CLI_VERB_H

/* Exit status of every verb. */
enum {
  CLI_EXIT_OK = 0,
  CLI_EXIT_NO = 1,      /* a question answered no: `fmt --check` found a file in another layout */
  CLI_EXIT_USAGE = 2,   /* wrong command line; nothing was done */
  CLI_EXIT_FAILURE = 3, /* everything else; nothing was printed that looks like a result */
};

typedef struct cli_verb {
  const char *name;
  const char *summary;               /* one line for `vyre help` */
  const char *help;                  /* the whole page of `vyre help NAME` */
  int (*run)(int argc, char **argv); /* argv[0] is the verb; gives the exit status */
} cli_verb_t;

extern const cli_verb_t cli_verb_run;
extern const cli_verb_t cli_verb_check;
extern const cli_verb_t cli_verb_fmt;
extern const cli_verb_t cli_verb_inspect;
extern const cli_verb_t cli_verb_explain;
extern const cli_verb_t cli_verb_doctor;
extern const cli_verb_t cli_verb_bench;
extern const cli_verb_t cli_verb_help;

/* NULL past the end. */
const cli_verb_t *cli_verb_at(unsigned index);
/* NULL when there is none of that name. */
const cli_verb_t *cli_verb_find(const char *name);
/* Reports an unknown verb with the nearest one and gives the exit status. */
int cli_verb_unknown(const char *name);

#endif
