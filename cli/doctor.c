/* vyre doctor */
#include <stdbool.h>
#include <string.h>
#include <vyre/vyre.h>

#include "json.h"
#include "options.h"
#include "output.h"
#include "report.h"

static const char help[] =
    "usage: vyre doctor [--json]\n"
    "\n"
    "Says what vyre finds on this machine, and what to do about what is wrong or slow. Exits 0 whatever it finds.\n"
    "\n"
    "  --json   one object: {\"version\", \"facts\": [{\"key\", \"value\", \"advice\"}]}\n";

static void print_text(const vyre_fact_t *facts, size_t count, cli_text_t *text) {
  int width = (int)strlen("version");
  for (size_t i = 0; i < count; i++)
    if ((int)strlen(facts[i].key) > width) width = (int)strlen(facts[i].key);
  cli_text_printf(text, "%-*s  %s\n", width, "version", VYRE_VERSION);
  size_t advised = 0;
  for (size_t i = 0; i < count; i++) {
    cli_text_printf(text, "%-*s  %s\n", width, facts[i].key, facts[i].value);
    if (!*facts[i].advice) continue;
    cli_text_printf(text, "%-*s  Fix: %s\n", width, "", facts[i].advice);
    advised++;
  }
  if (advised == 0)
    cli_text_puts(text, "All is well.\n");
  else
    cli_text_printf(text, "%zu %s advice.\n", advised, advised == 1 ? "line has" : "lines have");
}

static void print_json(const vyre_fact_t *facts, size_t count, cli_json_t *json) {
  cli_json_open(json, NULL, '{');
  cli_json_string(json, "version", VYRE_VERSION);
  cli_json_open(json, "facts", '[');
  for (size_t i = 0; i < count; i++) {
    cli_json_open(json, NULL, '{');
    cli_json_string(json, "key", facts[i].key);
    cli_json_string(json, "value", facts[i].value);
    cli_json_string(json, "advice", facts[i].advice);
    cli_json_close(json, '}');
  }
  cli_json_close(json, ']');
  cli_json_close(json, '}');
  cli_text_puts(&json->text, "\n");
}

static int run_doctor(int argc, char **argv) {
  static const struct option long_options[] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
  cli_options_t options = {&cli_verb_doctor, argc, argv, ":h", long_options, 0};
  bool as_json = false;
  for (int option; (option = cli_options_next(&options)) != CLI_OPTION_END;) {
    if (option == CLI_OPTION_EXIT) return options.exit_status;
    as_json = true;
  }
  if (optind < argc) return cli_options_usage(&options, "doctor takes no arguments");
  vyre_fact_t *facts = NULL;
  size_t count = 0;
  vyre_status_t status = vyre_facts_collect(&facts, &count);
  cli_json_t json = {0};
  if (!status && as_json) print_json(facts, count, &json);
  if (!status && !as_json) print_text(facts, count, &json.text);
  if (!status) status = cli_output_write(&json.text);
  cli_text_free(&json.text);
  vyre_facts_free(facts);
  return cli_report_as(&status, as_json);
}

const cli_verb_t cli_verb_doctor = {"doctor", "say what vyre finds on this machine and what to do about it", help,
                                    run_doctor};
