/* vyre help */
#include <string.h>

#include "options.h"
#include "output.h"
#include "report.h"
#include "text.h"

static const char help[] =
    "usage: vyre help [VERB]\n"
    "\n"
    "Lists the verbs, or shows the page of one. `vyre VERB --help` is the same.\n";

static vyre_status_t print_overview(void) {
  cli_text_t text = {0};
  cli_text_puts(&text,
                "usage: vyre VERB [OPTION...] [ARGUMENT...]\n"
                "\n"
                "Runs small typed Programs over files, on a kernel that is launched once.\n"
                "\n");
  const cli_verb_t *verb;
  for (unsigned i = 0; (verb = cli_verb_at(i)) != NULL; i++)
    cli_text_printf(&text, "  %-8s %s\n", verb->name, verb->summary);
  cli_text_puts(&text,
                "\n"
                "  --version, -V  print the version\n"
                "\n"
                "Exit status: 0 success, 1 a question answered no, 2 wrong command line, 3 failure.\n"
                "Every error has a code: `vyre explain CODE` says what it means and what to do.\n");
  vyre_status_t status = cli_output_write(&text);
  cli_text_free(&text);
  return status;
}

static int run_help(int argc, char **argv) {
  static const struct option long_options[] = {{"help", no_argument, NULL, 'h'}, {0}};
  cli_options_t options = {&cli_verb_help, argc, argv, ":h", long_options, 0};
  if (strcmp(argv[0], "help") == 0) {
    int option = cli_options_next(&options);
    if (option == CLI_OPTION_EXIT) return options.exit_status;
    if (argc - optind > 1) return cli_options_usage(&options, "one verb at a time");
    if (optind < argc) {
      const cli_verb_t *verb = cli_verb_find(argv[optind]);
      if (!verb) return cli_verb_unknown(argv[optind]);
      vyre_status_t status = cli_output_write_bytes(verb->help, strlen(verb->help));
      return cli_report(&status);
    }
  }
  vyre_status_t status = print_overview();
  return cli_report(&status);
}

const cli_verb_t cli_verb_help = {"help", "list the verbs, or show the page of one", help, run_help};
