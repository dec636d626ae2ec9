/* vyre check */
#include "file.h"
#include "options.h"
#include "output.h"
#include "report.h"
#include "text.h"

static const char help[] =
    "usage: vyre check PROGRAM...\n"
    "\n"
    "Parses and validates Programs. Prints `ok NAME` for each valid one on stdout, the error of each other on stderr,\n"
    "and exits 3 when there was any. PROGRAM is a path, or - for stdin.\n";

static int run_check(int argc, char **argv) {
  static const struct option long_options[] = {{"help", no_argument, NULL, 'h'}, {0}};
  cli_options_t options = {&cli_verb_check, argc, argv, ":h", long_options, 0};
  if (cli_options_next(&options) == CLI_OPTION_EXIT) return options.exit_status;
  if (optind == argc) return cli_options_usage(&options, "a Program is missing");
  cli_text_t text = {0};
  int worst = CLI_EXIT_OK;
  for (int i = optind; i < argc; i++) {
    vyre_program_t *program = NULL;
    vyre_status_t status = cli_program_load(argv[i], &program);
    if (status) {
      cli_report(&status);
      worst = CLI_EXIT_FAILURE;
      continue;
    }
    cli_text_printf(&text, "ok %s\n", vyre_program_name(program));
    vyre_program_destroy(&program);
  }
  vyre_status_t status = cli_output_write(&text);
  cli_text_free(&text);
  int written = cli_report(&status);
  return written != CLI_EXIT_OK ? written : worst;
}

const cli_verb_t cli_verb_check = {"check", "say whether Programs are valid", help, run_check};
