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
    "                     canonical: the text of its canonical form; fingerprint: the hash of that\n"
    "                     wire: bytes to keep or send, with names and places; wire-stripped: without\n"
    "                     llvm: LLVM IR as lowered; llvm-opt: after optimization for this machine's CPU\n"
    "                     asm: x86-64 assembly; obj: an ELF relocatable object\n"
    "                     ptx, ptx-sm_80, ptx-sm_86, ptx-sm_89: PTX for sm_90, sm_80, ... and later GPUs\n"
    "                     cubin: machine code for this machine's GPU, by its driver\n"
    "  --megakernel[=TOPOLOGY]\n"
    "                     the megakernel's own loop, as text: direct (the default), or dispatched as a GPU has it\n"
    "  -o, --output FILE  write there instead of stdout, all of it or nothing\n";

typedef enum form_kind { FORM_TEXT, FORM_CANONICAL, FORM_FINGERPRINT, FORM_WIRE, FORM_COMPILED } form_kind_t;

typedef struct form {
  const char *name;
  form_kind_t kind;
  unsigned detail; /* COMPILED: vyre_emit_t; WIRE: flags */
  bool is_text;
} form_t;

static const form_t forms[] = {
    {"text", FORM_TEXT, 0, true},
    {"canonical", FORM_CANONICAL, 0, true},
    {"fingerprint", FORM_FINGERPRINT, 0, true},
    {"wire", FORM_WIRE, VYRE_ENCODE_DEBUG, false},
    {"wire-stripped", FORM_WIRE, 0, false},
    {"llvm", FORM_COMPILED, VYRE_EMIT_LLVM, true},
    {"llvm-opt", FORM_COMPILED, VYRE_EMIT_LLVM_OPT, true},
    {"asm", FORM_COMPILED, VYRE_EMIT_ASSEMBLY, true},
    {"obj", FORM_COMPILED, VYRE_EMIT_OBJECT, false},
    {"ptx", FORM_COMPILED, VYRE_EMIT_PTX_SM_90, true},
    {"ptx-sm_80", FORM_COMPILED, VYRE_EMIT_PTX_SM_80, true},
    {"ptx-sm_86", FORM_COMPILED, VYRE_EMIT_PTX_SM_86, true},
    {"ptx-sm_89", FORM_COMPILED, VYRE_EMIT_PTX_SM_89, true},
    {"cubin", FORM_COMPILED, VYRE_EMIT_CUBIN, false},
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
  return cli_options_usage(options,
                           "--emit takes text, canonical, fingerprint, wire, wire-stripped, llvm, llvm-opt, asm, obj, "
                           "ptx or ptx-sm_80, not '%s'%s%s%s",
                           name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static vyre_status_t print_text(const vyre_program_t *program, char **out_bytes, size_t *out_length) {
  CLI_TRY(vyre_program_print(program, out_bytes));
  *out_length = strlen(*out_bytes);
  return NULL;
}

static vyre_status_t print_canonical(const vyre_program_t *program, char **out_bytes, size_t *out_length) {
  vyre_program_t *canonical = NULL;
  CLI_TRY(vyre_program_canonicalize(program, &canonical));
  vyre_status_t status = print_text(canonical, out_bytes, out_length);
  vyre_program_destroy(&canonical);
  return status;
}

static vyre_status_t make_form(const vyre_program_t *program, const form_t *form, char **out_bytes,
                               size_t *out_length) {
  switch (form->kind) {
    case FORM_TEXT: return print_text(program, out_bytes, out_length);
    case FORM_CANONICAL: return print_canonical(program, out_bytes, out_length);
    case FORM_WIRE: return vyre_program_encode(program, form->detail, out_bytes, out_length);
    default: return vyre_program_emit(program, (vyre_emit_t)form->detail, out_bytes, out_length);
  }
}

/* The bytes to show, released with vyre_text_free. With a topology: the megakernel's loop. */
static vyre_status_t make_bytes(const char *path, const char *megakernel, const form_t *form, char **out_bytes,
                                size_t *out_length) {
  if (megakernel) {
    CLI_TRY(vyre_megakernel_print(megakernel, out_bytes));
    *out_length = strlen(*out_bytes);
    return NULL;
  }
  vyre_program_t *program = NULL;
  CLI_TRY(cli_program_load(path, &program));
  vyre_status_t status = make_form(program, form, out_bytes, out_length);
  vyre_program_destroy(&program);
  return status;
}

/* A line of hex digits. */
static vyre_status_t show_fingerprint(const char *path, const char *output) {
  vyre_program_t *program = NULL;
  char line[CLI_FINGERPRINT_CHARS + 1];
  CLI_TRY(cli_program_load(path, &program));
  vyre_status_t status = cli_program_fingerprint(program, line);
  vyre_program_destroy(&program);
  if (status) return status;
  line[CLI_FINGERPRINT_CHARS] = '\n';
  return output ? cli_file_replace(output, line, sizeof line, NULL) : cli_output_write_bytes(line, sizeof line);
}

static vyre_status_t inspect(const char *path, const char *megakernel, const form_t *form, const char *output) {
  char *bytes = NULL;
  size_t length = 0;
  if (form->kind == FORM_FINGERPRINT) return show_fingerprint(path, output);
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
  if (megakernel && strcmp(megakernel, "direct") != 0 && strcmp(megakernel, "dispatched") != 0)
    return cli_options_usage(&options, "--megakernel %s is neither direct nor dispatched", megakernel);
  if (megakernel && operands > 0) return cli_options_usage(&options, "--megakernel takes no Program");
  if (!megakernel && operands != 1)
    return cli_options_usage(&options, operands == 0 ? "a Program is missing" : "one Program at a time");
  if (!form) form = &forms[0];
  if (!form->is_text && !output && isatty(STDOUT_FILENO))
    return cli_options_usage(&options, "%s is no text for a terminal; name a file with -o",
                             form->kind == FORM_WIRE ? "the wire form" : "an object file");
  vyre_status_t status = inspect(megakernel ? NULL : argv[optind], megakernel, form, output);
  return cli_report(&status);
}

const cli_verb_t cli_verb_inspect = {"inspect", "show a Program, or what the compiler makes of it", help, run_inspect};
