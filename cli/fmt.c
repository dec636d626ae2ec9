/* vyre fmt */
#include <stdbool.h>
#include <string.h>

#include "file.h"
#include "options.h"
#include "output.h"
#include "report.h"
#include "text.h"

static const char help[] =
    "usage: vyre fmt [--check | --write] FILE...\n"
    "\n"
    "Prints Programs in the canonical layout, comments kept. FILE is a path, or - for stdin.\n"
    "\n"
    "  --check   print the names of files in another layout; exit 1 when there are any\n"
    "  --write   rewrite the files that are in another layout, each at once or not at all; mode and owner stay,\n"
    "            symbolic links are followed\n";

typedef enum fmt_mode { FMT_PRINT, FMT_CHECK, FMT_WRITE } fmt_mode_t;

/* Appends to `text` what is to be printed; *out_differs says whether the file is in another layout. */
static vyre_status_t format_file(const char *path, fmt_mode_t mode, cli_text_t *text, bool *out_differs) {
  cli_file_t file;
  CLI_TRY(cli_file_read(path, &file));
  char *formatted = NULL;
  vyre_status_t status = vyre_text_format(file.bytes, file.length, cli_file_label(path), &formatted);
  if (status) {
    cli_file_free(&file);
    return status;
  }
  size_t length = strlen(formatted);
  bool differs = length != file.length || memcmp(formatted, file.bytes, length) != 0;
  if (mode == FMT_PRINT) cli_text_append(text, formatted, length);
  if (mode == FMT_CHECK && differs) cli_text_printf(text, "%s\n", cli_file_label(path));
  if (mode == FMT_WRITE && differs) status = cli_file_replace(path, formatted, length, &file.stat);
  vyre_text_free(formatted);
  cli_file_free(&file);
  *out_differs = differs;
  return status;
}

static int run_fmt(int argc, char **argv) {
  static const struct option long_options[] = {
      {"check", no_argument, NULL, 'c'}, {"write", no_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'}, {0}};
  cli_options_t options = {&cli_verb_fmt, argc, argv, ":h", long_options, 0};
  fmt_mode_t mode = FMT_PRINT;
  for (int option; (option = cli_options_next(&options)) != CLI_OPTION_END;) {
    if (option == CLI_OPTION_EXIT) return options.exit_status;
    fmt_mode_t asked = option == 'c' ? FMT_CHECK : FMT_WRITE;
    if (mode != FMT_PRINT && mode != asked)
      return cli_options_usage(&options, "--check and --write exclude each other");
    mode = asked;
  }
  if (optind == argc) return cli_options_usage(&options, "a file is missing; - is stdin");
  for (int i = optind; i < argc; i++)
    if (mode == FMT_WRITE && strcmp(argv[i], "-") == 0)
      return cli_options_usage(&options, "--write needs a file, not stdin");

  cli_text_t text = {0};
  int worst = CLI_EXIT_OK;
  for (int i = optind; i < argc; i++) {
    bool differs = false;
    vyre_status_t status = format_file(argv[i], mode, &text, &differs);
    if (status) {
      cli_report(&status);
      worst = CLI_EXIT_FAILURE;
    } else if (mode == FMT_CHECK && differs && worst == CLI_EXIT_OK) {
      worst = CLI_EXIT_NO;
    }
  }
  /* Formatted texts are one result, printed when it is whole; names of files are true each by itself. */
  vyre_status_t status = NULL;
  if (mode != FMT_PRINT || worst == CLI_EXIT_OK) status = cli_output_write(&text);
  cli_text_free(&text);
  int written = cli_report(&status);
  return written != CLI_EXIT_OK ? written : worst;
}

const cli_verb_t cli_verb_fmt = {"fmt", "print or rewrite Programs in the canonical layout", help, run_fmt};
