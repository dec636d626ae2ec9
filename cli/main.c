/* vyre: finds the verb and hands over. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vyre/vyre.h>

#include "options.h"
#include "output.h"
#include "report.h"
#include "verb.h"

static const cli_verb_t *const verbs[] = {
    &cli_verb_run,     &cli_verb_check,  &cli_verb_fmt,   &cli_verb_inspect,
    &cli_verb_explain, &cli_verb_doctor, &cli_verb_bench, &cli_verb_help,
};

const cli_verb_t *cli_verb_at(unsigned index) { return index < sizeof verbs / sizeof *verbs ? verbs[index] : NULL; }

const cli_verb_t *cli_verb_find(const char *name) {
  const cli_verb_t *verb;
  for (unsigned i = 0; (verb = cli_verb_at(i)) != NULL; i++)
    if (strcmp(verb->name, name) == 0) return verb;
  return NULL;
}

static const char *verb_name_at(const void *context, unsigned index) {
  (void)context;
  const cli_verb_t *verb = cli_verb_at(index);
  return verb ? verb->name : NULL;
}

int cli_verb_unknown(const char *name) {
  const char *kind = name[0] == '-' ? "option" : "verb";
  const char *near = cli_suggest(name, verb_name_at, NULL);
  vyre_status_t status =
      near ? cli_error(VYRE_E_COMMAND_LINE, NULL, "Run `vyre help` for the verbs.", "unknown %s '%s'; did you mean %s?",
                       kind, name, near)
           : cli_error(VYRE_E_COMMAND_LINE, NULL, "Run `vyre help` for the verbs.", "unknown %s '%s'", kind, name);
  return cli_report(&status);
}

/* A closed stdin, stdout or stderr would give its number to the next file opened, and results would go into that file.
 * The place is filled with /dev/null, opened the wrong way round, so that using it is still an error. */
static void fill_closed_descriptors(void) {
  for (int descriptor = 0; descriptor <= 2; descriptor++) {
    if (fcntl(descriptor, F_GETFD) >= 0) continue;
    if (open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) != descriptor) abort();
  }
}

static int print_version(void) {
  static const char text[] = "vyre " VYRE_VERSION "\n";
  vyre_status_t status = cli_output_write_bytes(text, sizeof text - 1);
  return cli_report(&status);
}

int main(int argc, char **argv) {
  fill_closed_descriptors();
  signal(SIGPIPE, SIG_IGN); /* a reader that went away is VYRE_E_PIPE */
  signal(SIGXFSZ, SIG_IGN); /* a file over `ulimit -f` is VYRE_E_IO */
  if (argc < 2) {
    vyre_status_t status = cli_error(VYRE_E_COMMAND_LINE, NULL, "Run `vyre help` for the verbs.", "a verb is missing");
    return cli_report(&status);
  }
  const char *word = argv[1];
  if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) return print_version();
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) word = "help";
  const cli_verb_t *verb = cli_verb_find(word);
  if (!verb) return cli_verb_unknown(word);
  return verb->run(argc - 1, argv + 1);
}
