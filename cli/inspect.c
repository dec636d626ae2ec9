/* vyre inspect */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vyre/session.h>

#include "file.h"
#include "options.h"
#include "output.h"
#include "report.h"

static const char help[] =
    "usage: vyre inspect [--emit FORM] [-o FILE] PROGRAM\n"
    "       vyre inspect --megakernel[=TOPOLOGY] [-o FILE]\n"
    "\n"
    "Shows a Program, or what the compiler makes of it. PROGRAM is a path, or - for stdin.\n"
    "\n"
    "  --emit FORM        text: the Program in the canonical layout (the default)\n"
    "                     llvm: LLVM IR as lowered; llvm-opt: after optimization for this machine's CPU\n"
    "                     asm: x86-64 assembly; obj: an ELF relocatable object\n"
    "                     ptx, ptx-sm_80: PTX for sm_90, for sm_80, and later\n"
    "  --megakernel[=TOPOLOGY]\n"
    "                     the megakernel's own loop, as text: direct (ref and cpu; the default) or dispatched (cuda)\n"
    "  -o, --output FILE  write there instead of stdout, all of it or nothing\n";

typedef struct form {
  const char *name;
  bool is_emit; /* else the Program's own text */
  vyre_emit_t emit;
} form_t;

static const form_t forms[] = {
    {"text", false, VYRE_EMIT_LLVM},   {"llvm", true, VYRE_EMIT_LLVM},  {"llvm-opt", true, VYRE_EMIT_LLVM_OPT},
    {"asm", true, VYRE_EMIT_ASSEMBLY}, {"obj", true, VYRE_EMIT_OBJECT},
    {"ptx", true, VYRE_EMIT_PTX_SM_90}, {"ptx-sm_80", true, VYRE_EMIT_PTX_SM_80},
};
enum { FORM_COUNT = sizeof forms / sizeof *forms };

static const char *form_name_at(const void *context, unsigned index) {
  (void)context;
  return index < FORM_COUNT ? forms[index].name : NULL;
}

static const form_t *form_find(const char *name) {
  for (unsigned i = 0; i < FORM_COUNT; i++)
    if (strcmp(forms[i].name, name) == 0) return &forms[i];
  return NULL;
}

static int unknown_form(const cli_options_t *options, const char *name) {
  const char *near = cli_suggest(name, form_name_at, NULL);
  return cli_options_usage(options, "--emit takes text, llvm, llvm-opt, asm, obj, ptx or ptx-sm_80, not '%s'%s%s%s", name,
                           near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* The bytes to show, released with vyre_text_free. With a topology: the megakernel's loop. */
static vyre_status_t make_bytes(const char *path, const char *megakernel, const form_t *form, char **out_bytes, size_t *out_length) {
  if (megakernel) {
    CLI_TRY(vyre_megakernel_print(megakernel, out_bytes));
    *out_length = strlen(*out_bytes);
    return NULL;
  }
  vyre_program_t *program = NULL;
  CLI_TRY(cli_program_load(path, &program));
  vyre_status_t status;
  if (form->is_emit) {
    status = vyre_program_emit(program, form->emit, out_bytes, out_length);
  } else {
    status = vyre_program_print(program, out_bytes);
    if (!status) *out_length = strlen(*out_bytes);
  }
  vyre_program_destroy(&program);
  return status;
}

static vyre_status_t inspect(const char *path, const char *megakernel, const form_t *form, const char *output) {
  char *bytes = NULL;
  size_t length = 0;
  CLI_TRY(make_bytes(path, megakernel, form, &bytes, &length));
  vyre_status_t status = output ? cli_file_replace(output, bytes, length, NULL) : cli_output_write_bytes(bytes, length);
  vyre_text_free(bytes);
  return status;
}

static int run_inspect(int argc, char **argv) {
  static const struct option long_options[] = {{"emit", required_argument, NULL, 'e'},
                                               {"megakernel", optional_argument, NULL, 'm'},
                                               {"output", required_argument, NULL, 'o'},
                                               {"help", no_argument, NULL, 'h'},
                                               {0}};
  cli_options_t options = {&cli_verb_inspect, argc, argv, ":ho:", long_options, 0};
  const form_t *form = NULL;
  const char *output = NULL;
  const char *megakernel = NULL;
  for (int option; (option = cli_options_next(&options)) != CLI_OPTION_END;) {
    switch (option) {
      case 'e':
        form = form_find(optarg);
        if (!form) return unknown_form(&options, optarg);
        break;
      case 'm': megakernel = optarg ? optarg : "direct"; break;
      case 'o': output = strcmp(optarg, "-") == 0 ? NULL : optarg; break;
      default: return options.exit_status;
    }
  }
  int operands = argc - optind;
  if (megakernel && form) return cli_options_usage(&options, "--megakernel is shown as text only; leave out --emit");
  if (megakernel && operands > 0) return cli_options_usage(&options, "--megakernel takes no Program");
  if (!megakernel && operands != 1)
    return cli_options_usage(&options, operands == 0 ? "a Program is missing" : "one Program at a time");
  if (!form) form = &forms[0];
  if (form->is_emit && form->emit == VYRE_EMIT_OBJECT && !output && isatty(STDOUT_FILENO))
    return cli_options_usage(&options, "an object file is no text for a terminal; name a file with -o");
  vyre_status_t status = inspect(megakernel ? NULL : argv[optind], megakernel, form, output);
  return cli_report(&status);
}

const cli_verb_t cli_verb_inspect = {"inspect", "show a Program, or what the compiler makes of it", help, run_inspect};
