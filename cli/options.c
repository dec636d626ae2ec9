#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "report.h"

/* Words longer than this are not worth a guess. */
enum { WORD_MAX = 32 };

/* Edits (insert, delete, replace, swap of neighbours) from a to b; both shorter than WORD_MAX.
 * Optimal string alignment, three rows. */
static unsigned edit_distance(const char *a, const char *b) {
  size_t a_length = strlen(a), b_length = strlen(b);
  unsigned rows[3][WORD_MAX + 1];
  for (size_t j = 0; j <= b_length; j++) rows[0][j] = (unsigned)j;
  for (size_t i = 1; i <= a_length; i++) {
    unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
    row[0] = (unsigned)i;
    for (size_t j = 1; j <= b_length; j++) {
      unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);
      if (above[j] + 1 < best) best = above[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && above2[j - 2] + 1 < best)
        best = above2[j - 2] + 1;
      row[j] = best;
    }
  }
  return rows[a_length % 3][b_length];
}

const char *cli_suggest(const char *word, cli_candidate_fn candidate_at, const void *context) {
  if (strlen(word) >= WORD_MAX) return NULL;
  const char *best = NULL;
  unsigned best_distance = (unsigned)strlen(word) / 3 + 1; /* inclusive: one edit in a short word, more in a long one */
  const char *candidate;
  for (unsigned i = 0; (candidate = candidate_at(context, i)) != NULL; i++) {
    if (strlen(candidate) >= WORD_MAX) continue;
    unsigned distance = edit_distance(word, candidate);
    if (distance > best_distance || (best && distance == best_distance)) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

static const char *long_option_at(const void *context, unsigned index) {
  return ((const struct option *)context)[index].name;
}

static const char *name_of_value(const cli_options_t *options, int value) {
  for (const struct option *option = options->long_options; option->name; option++)
    if (option->val == value) return option->name;
  return NULL;
}

int cli_options_usage(const cli_options_t *options, const char *format, ...) {
  char detail[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(detail, sizeof detail, format, arguments);
  va_end(arguments);
  vyre_status_t status = cli_error_usage(options->verb->name, "%s", detail);
  return cli_report(&status);
}

static int unknown_option(const cli_options_t *options) {
  const char *argument = options->argv[optind - 1];
  if (optopt != 0) { /* a short one, or a long one that takes no argument and got one */
    const char *name = name_of_value(options, optopt);
    if (name && strncmp(argument, "--", 2) == 0) return cli_options_usage(options, "--%s takes no argument", name);
    return cli_options_usage(options, isprint(optopt) ? "unknown option '-%c'" : "unknown option '-\\x%02x'", optopt);
  }
  char word[WORD_MAX];
  snprintf(word, sizeof word, "%.*s", (int)strcspn(argument + 2, "="), argument + 2);
  unsigned matches = 0;
  for (const struct option *option = options->long_options; option->name; option++)
    matches += strncmp(option->name, word, strlen(word)) == 0;
  if (matches > 1) return cli_options_usage(options, "'--%s' fits %u options; write it out", word, matches);
  const char *near = cli_suggest(word, long_option_at, options->long_options);
  if (near) return cli_options_usage(options, "unknown option '--%s'; did you mean --%s?", word, near);
  return cli_options_usage(options, "unknown option '%s'", argument);
}

int cli_options_next(cli_options_t *options) {
  opterr = 0;
  optopt = 0;
  int value = getopt_long(options->argc, options->argv, options->short_options, options->long_options, NULL);
  switch (value) {
    case 'h': {
      vyre_status_t status = cli_output_write_bytes(options->verb->help, strlen(options->verb->help));
      options->exit_status = cli_report(&status);
      return CLI_OPTION_EXIT;
    }
    case ':':
      options->exit_status = cli_options_usage(options, "option %s needs an argument", options->argv[optind - 1]);
      return CLI_OPTION_EXIT;
    case '?': options->exit_status = unknown_option(options); return CLI_OPTION_EXIT;
    default: return value;
  }
}

vyre_status_t cli_option_number(const cli_options_t *options, const char *name, const char *text, bool sizes,
                                uint64_t min, uint64_t max, uint64_t *out_value) {
  uint64_t value = 0;
  char *end = NULL;
  errno = 0;
  if (isdigit((unsigned char)*text)) value = strtoull(text, &end, 10);
  if (!end) return cli_error_usage(options->verb->name, "--%s takes a number, not '%s'", name, text);
  bool overflow = errno == ERANGE;
  unsigned shift = 0;
  if (sizes && *end) {
    static const char suffixes[] = "KMG";
    const char *suffix = strchr(suffixes, toupper((unsigned char)*end));
    if (suffix) {
      shift = 10 * (unsigned)(suffix - suffixes + 1);
      end++;
    }
  }
  if (*end) return cli_error_usage(options->verb->name, "--%s takes a number, not '%s'", name, text);
  overflow = overflow || value > UINT64_MAX >> shift;
  value <<= shift;
  if (overflow || value < min || value > max)
    return cli_error_usage(options->verb->name, "--%s %s is outside %" PRIu64 " to %" PRIu64, name, text, min, max);
  *out_value = value;
  return NULL;
}
