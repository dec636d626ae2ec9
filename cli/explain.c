/* vyre explain */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "options.h"
#include "output.h"
#include "report.h"
#include "text.h"

static const char help[] =
    "usage: vyre explain [CODE...]\n"
    "\n"
    "Says what an error code means and what to do about it. CODE is 2001, VYRE-2001 or VYRE_E_SYNTAX.\n"
    "Without a code: the whole list.\n";

static const char *retry_text(vyre_retry_t retry) {
  switch (retry) {
    case VYRE_RETRY_NEVER: return "the same call fails again";
    case VYRE_RETRY_LATER: return "the same call may succeed later";
    case VYRE_RETRY_CHANGED: return "after the Fix";
  }
  return "";
}

/* NULL past the end. */
static const char *code_name_at(const void *context, unsigned index) {
  (void)context;
  size_t count = 0;
  const vyre_code_info_t *table = vyre_code_table(&count);
  return index < count ? table[index].name : NULL;
}

static const vyre_code_info_t *find(const char *word) {
  const char *digits = strncasecmp(word, "VYRE-", 5) == 0 ? word + 5 : word;
  size_t length = strlen(digits);
  if (length == 4 && strspn(digits, "0123456789") == length) return vyre_code_lookup(atoi(digits));
  size_t count = 0;
  const vyre_code_info_t *table = vyre_code_table(&count);
  for (size_t i = 0; i < count; i++)
    if (strcasecmp(table[i].name, word) == 0) return &table[i];
  return NULL;
}

static vyre_status_t unknown_code(const char *word) {
  char upper[64];
  size_t length = 0;
  for (; word[length] && length + 1 < sizeof upper; length++)
    upper[length] = (char)toupper((unsigned char)word[length]);
  upper[length] = '\0';
  const char *near = cli_suggest(upper, code_name_at, NULL);
  if (near) return cli_error(VYRE_E_UNKNOWN_CODE, NULL, NULL, "'%s'; did you mean %s?", word, near);
  return cli_error(VYRE_E_UNKNOWN_CODE, NULL, NULL, "'%s'", word);
}

static vyre_status_t explain(char **words, int count, cli_text_t *text) {
  for (int i = 0; i < count; i++) {
    const vyre_code_info_t *info = find(words[i]);
    if (!info) return unknown_code(words[i]);
    cli_text_printf(text, "%sVYRE-%d  %s  (%s)\n  %s\n  Retry: %s\n  Fix: %s\n", i > 0 ? "\n" : "", (int)info->code,
                    info->name, info->family, info->summary, retry_text(info->retry), info->fix);
  }
  return NULL;
}

static void list(cli_text_t *text) {
  size_t count = 0;
  const vyre_code_info_t *table = vyre_code_table(&count);
  for (size_t i = 0; i < count; i++)
    cli_text_printf(text, "VYRE-%d  %-24s  %s\n", (int)table[i].code, table[i].name, table[i].summary);
}

static int run_explain(int argc, char **argv) {
  static const struct option long_options[] = {{"help", no_argument, NULL, 'h'}, {0}};
  cli_options_t options = {&cli_verb_explain, argc, argv, ":h", long_options, 0};
  if (cli_options_next(&options) == CLI_OPTION_EXIT) return options.exit_status;
  cli_text_t text = {0};
  vyre_status_t status = NULL;
  if (optind == argc)
    list(&text);
  else
    status = explain(argv + optind, argc - optind, &text);
  if (!status) status = cli_output_write(&text);
  cli_text_free(&text);
  return cli_report(&status);
}

const cli_verb_t cli_verb_explain = {"explain", "say what an error code means and what to do", help, run_explain};
