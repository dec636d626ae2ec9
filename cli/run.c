/* vyre run */
#include "run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "interrupt.h"
#include "options.h"
#include "output.h"
#include "progress.h"
#include "report.h"

static const char help[] =
    "usage: vyre run [OPTION...] PROGRAM FILE...\n"
    "\n"
    "Runs a Program over files, one after another, and prints its outputs. PROGRAM is a path, or - for stdin.\n"
    "\n"
    "  --device NAME     cpu, ref or cuda:N; auto (the default) chooses and says why\n"
    "  --ingest PATH     how bytes come in: fixed, direct (past the page cache), mapped (on a GPU: less CPU time);\n"
    "                    auto (the default) takes fixed for what the page cache holds and direct for the rest\n"
    "  --builder NAME    how the kernel calls the Program: interpreted, or jit, in one piece of code with it\n"
    "  --topology NAME   who takes slots: direct, any worker in turn, or dispatched, one worker for all\n"
    "  --workers N       worker threads; on a GPU blocks\n"
    "  --chunk BYTES     bytes per slot, a multiple of 4096 from 4K to 64M\n"
    "  --depth N         buffers per worker; on a GPU of the stream\n"
    "  --param N=VALUE   the value of the scalar parameter N; again for each\n"
    "  --constant N=FILE the elements of the constant N, as they lie in the file\n"
    "  --fuel N          loop iterations per slot before a Program is stopped\n"
    "  --all             print zero elements of arrays, too\n"
    "  --json            print one JSON object (docs/cli.md) instead of text\n"
    "  --quiet           nothing on stderr but errors\n"
    "  --no-progress     no progress bar\n"
    "\n"
    "Numbers of bytes take K, M or G (powers of 1024). Results go to stdout when everything has succeeded; progress\n"
    "and the line that reports device, ingest and speed go to stderr. The first SIGINT or SIGTERM ends the run in "
    "order.\n";

#define NS_PER_MS UINT64_C(1000000)
/* How often the bar moves and a signal is looked at, how long a run may go on with the chunks in flight after a signal
 * before they are cancelled, and how long the kernel may take to end. */
#define POLL_NS (50 * NS_PER_MS)
#define GRACE_NS (1000 * NS_PER_MS)
#define STOP_NS (5000 * NS_PER_MS)

typedef struct run {
  vyre_program_t *program;
  vyre_device_t *device;
  vyre_session_t *session;
  vyre_stream_t *stream;
  uint32_t opcode;
  run_result_t result;
  cli_text_t text;   /* for stdout */
  cli_text_t report; /* for stderr */
} run_t;

static vyre_status_t stop_session(run_t *run) { return vyre_session_stop(run->session, STOP_NS); }

static vyre_status_t interrupted(const run_t *run) {
  vyre_stream_progress_t progress = {0};
  if (run->stream) progress = vyre_stream_progress(run->stream);
  return cli_error(VYRE_E_STOPPED, NULL, "Run it again and let it finish; no results were printed.",
                   "interrupted by %s after %" PRIu64 " of %" PRIu64 " bytes", cli_interrupt_name(),
                   progress.bytes_done, progress.bytes_total);
}

/* What a shutdown does to a stream is not news to who sent the signal; any other error is. */
static vyre_status_t end_of_interrupted(const run_t *run, vyre_status_t status) {
  vyre_code_t code = vyre_status_code(status);
  if (code != VYRE_E_STOPPED && code != VYRE_E_FAULT) return status;
  vyre_status_destroy(&status);
  return interrupted(run);
}

static vyre_status_t wait_for_end(run_t *run, cli_progress_t *bar) {
  uint64_t waited_ns = 0; /* since a signal arrived */
  bool stopped = false;
  for (;;) {
    bool finished = false;
    vyre_status_t status = vyre_stream_wait(run->stream, POLL_NS, &finished);
    if (status && cli_interrupt_name()) return end_of_interrupted(run, status);
    if (status || finished) return status;
    vyre_stream_progress_t progress = vyre_stream_progress(run->stream);
    cli_progress_update(bar, progress.bytes_done, progress.bytes_total);
    if (!cli_interrupt_name()) continue;
    waited_ns += POLL_NS;
    if (!stopped && waited_ns >= GRACE_NS) {
      CLI_TRY(stop_session(run));
      stopped = true;
    }
    if (waited_ns >= GRACE_NS + STOP_NS)
      return cli_error(VYRE_E_DEVICE_STUCK, NULL, NULL, "the stream did not end after %s", cli_interrupt_name());
  }
}

static vyre_status_t copy_outputs(run_t *run) {
  run_result_t *result = &run->result;
  uint32_t count = vyre_program_output_count(run->program);
  result->outputs = calloc(count + 1u, sizeof *result->outputs);
  result->values = calloc(count + 1u, sizeof *result->values);
  if (!result->outputs || !result->values) return cli_out_of_memory();
  for (; result->output_count < count; result->output_count++) {
    uint32_t i = result->output_count;
    CLI_TRY(vyre_program_output_info(run->program, i, &result->outputs[i]));
    size_t bytes = (size_t)result->outputs[i].count * result->outputs[i].element_bytes;
    result->values[i] = malloc(bytes ? bytes : 1);
    if (!result->values[i]) return cli_out_of_memory();
    vyre_status_t status = vyre_stream_output(run->stream, i, result->values[i], bytes);
    if (status) {
      free(result->values[i]);
      return status;
    }
  }
  return NULL;
}

static vyre_status_t run_stream(run_t *run, const run_options_t *options) {
  CLI_TRY(vyre_session_start(run->session));
  CLI_TRY(vyre_stream_open(run->session, run->opcode, &options->stream, &run->stream));
  cli_progress_t bar;
  cli_progress_start(&bar, !options->quiet && !options->no_progress);
  cli_interrupt_attach(run->stream);
  vyre_status_t status = wait_for_end(run, &bar);
  cli_progress_erase(&bar);
  if (status) return status;
  return copy_outputs(run);
}

/* Into the buffers: whether they are shown is known when the session has stopped. */
static void print_result(run_t *run, const run_options_t *options) {
  run_result_t *result = &run->result;
  result->program = run->program;
  result->device = vyre_device_info(run->device);
  result->report = vyre_stream_report(run->stream);
  result->stats = vyre_session_stats(run->session);
  if (options->json)
    run_print_json(result, &run->text);
  else
    run_print_text(result, options->all, &run->text);
  run_print_report(result, &run->report);
}

/* A signal ends the reading of a pipe, too. */
static vyre_status_t load_program(run_t *run, const char *path) {
  vyre_status_t status = cli_program_load(path, &run->program);
  if (!status || !cli_interrupt_name()) return status;
  vyre_status_destroy(&status);
  return interrupted(run);
}

static vyre_status_t run_program(run_t *run, const run_options_t *options) {
  CLI_TRY(load_program(run, options->program_path));
  if (options->json) CLI_TRY(cli_program_fingerprint(run->program, run->result.fingerprint));
  CLI_TRY(vyre_device_open(options->device, &run->device));
  CLI_TRY(vyre_session_create(run->device, &options->session, &run->session));
  CLI_TRY(vyre_session_register(run->session, run->program, &run->opcode));
  CLI_TRY(run_set_params(run->session, run->opcode, run->program, options));
  if (cli_interrupt_name()) return interrupted(run);
  vyre_status_t status = run_stream(run, options);
  cli_interrupt_detach();
  CLI_TRY(status);
  print_result(run, options);
  vyre_stream_close(&run->stream);
  return stop_session(run);
}

static void release(run_t *run) {
  vyre_stream_close(&run->stream);
  if (run->session) vyre_session_destroy(&run->session);
  if (run->device) vyre_device_close(&run->device);
  if (run->program) vyre_program_destroy(&run->program);
  for (uint32_t i = 0; i < run->result.output_count; i++) free(run->result.values[i]);
  free(run->result.values);
  free(run->result.outputs);
  cli_text_free(&run->text);
  cli_text_free(&run->report);
}

/* Stops the session of a run that has failed. Slots that a lost kernel did not finish are cancelled, and only the stop
 * knows what it was lost by. True when a worker does not end. */
static bool end_failed(run_t *run, vyre_status_t *status) {
  if (vyre_status_code(*status) == VYRE_E_DEVICE_STUCK) return true;
  vyre_status_t stopped = run->session ? stop_session(run) : NULL;
  bool stuck = vyre_status_code(stopped) == VYRE_E_DEVICE_STUCK;
  if (stopped && vyre_status_code(*status) == VYRE_E_STOPPED && !cli_interrupt_name()) {
    vyre_status_t cancelled = *status;
    *status = stopped;
    stopped = cancelled;
  }
  vyre_status_destroy(&stopped);
  return stuck;
}

static int run_with_options(const run_options_t *options) {
  run_t run = {0};
  cli_interrupt_begin();
  vyre_status_t status = run_program(&run, options);
  bool stuck = status && end_failed(&run, &status);
  cli_interrupt_end();
  if (!status && run.report.failed) status = cli_out_of_memory();
  if (!status) status = cli_output_write(&run.text);
  if (!status && !options->quiet && run.report.bytes) fputs(run.report.bytes, stderr);
  int exit_status = cli_report_as(&status, options->json);
  /* A worker that does not end cannot be waited for: its memory stays, the process goes. */
  if (stuck) _exit(exit_status);
  release(&run);
  return exit_status;
}

/* One of two words: *out becomes 1 or 2, as both enums have it. */
static vyre_status_t set_choice(const char *option, const char *first, const char *second, int *out) {
  *out = strcmp(optarg, first) == 0 ? 1 : strcmp(optarg, second) == 0 ? 2 : 0;
  return *out ? NULL : cli_error_usage("run", "--%s %s is neither %s nor %s", option, optarg, first, second);
}

static vyre_status_t set_builder(run_options_t *options) {
  _Static_assert(VYRE_BUILDER_INTERPRETED == 1 && VYRE_BUILDER_JIT == 2, "as set_choice counts");
  int choice;
  CLI_TRY(set_choice("builder", "interpreted", "jit", &choice));
  options->session.builder = (vyre_session_builder_t)choice;
  return NULL;
}

static vyre_status_t set_topology(run_options_t *options) {
  _Static_assert(VYRE_TOPOLOGY_DIRECT == 1 && VYRE_TOPOLOGY_DISPATCHED == 2, "as set_choice counts");
  int choice;
  CLI_TRY(set_choice("topology", "direct", "dispatched", &choice));
  options->session.topology = (vyre_topology_t)choice;
  return NULL;
}

/* Options that take a number; the others are handled one by one. */
static vyre_status_t set_number(const cli_options_t *parser, int option, run_options_t *options) {
  uint64_t value = 0;
  switch (option) {
    case 'w':
      CLI_TRY(cli_option_number(parser, "workers", optarg, false, 1, UINT32_MAX, &value));
      options->session.workers = (uint32_t)value;
      return NULL;
    case 'c':
      CLI_TRY(cli_option_number(parser, "chunk", optarg, true, 4096, 64 << 20, &value));
      if (value % 4096 != 0) return cli_error_usage("run", "--chunk %s is no multiple of 4096", optarg);
      options->stream.chunk_bytes = (uint32_t)value;
      return NULL;
    case 'D':
      CLI_TRY(cli_option_number(parser, "depth", optarg, false, 1, 64, &value));
      options->stream.depth = (uint32_t)value;
      return NULL;
    default: return cli_option_number(parser, "fuel", optarg, false, 1, UINT64_MAX, &options->session.fuel);
  }
}

static vyre_status_t add_value(const char **values, uint32_t *count, const char *name) {
  if (*count == RUN_VALUES_MAX) return cli_error_usage("run", "more than %d times --%s", RUN_VALUES_MAX, name);
  values[(*count)++] = optarg;
  return NULL;
}

static int run_run(int argc, char **argv) {
  static const struct option long_options[] = {
      {"device", required_argument, NULL, 'd'},  {"ingest", required_argument, NULL, 'i'},
      {"workers", required_argument, NULL, 'w'}, {"chunk", required_argument, NULL, 'c'},
      {"depth", required_argument, NULL, 'D'},   {"fuel", required_argument, NULL, 'f'},
      {"param", required_argument, NULL, 'p'},   {"constant", required_argument, NULL, 'C'},
      {"all", no_argument, NULL, 'a'},           {"json", no_argument, NULL, 'j'},
      {"quiet", no_argument, NULL, 'q'},         {"no-progress", no_argument, NULL, 'P'},
      {"builder", required_argument, NULL, 'b'}, {"topology", required_argument, NULL, 't'},
      {"help", no_argument, NULL, 'h'},          {0}};
  cli_options_t parser = {&cli_verb_run, argc, argv, ":h", long_options, 0};
  run_options_t options = {.device = "auto"};
  for (int option; (option = cli_options_next(&parser)) != CLI_OPTION_END;) {
    vyre_status_t status = NULL;
    switch (option) {
      case 'd': options.device = optarg; break;
      case 'i': options.stream.ingest = optarg; break;
      case 'p': status = add_value(options.params, &options.param_count, "param"); break;
      case 'C': status = add_value(options.constants, &options.constant_count, "constant"); break;
      case 'b': status = set_builder(&options); break;
      case 't': status = set_topology(&options); break;
      case 'a': options.all = true; break;
      case 'j': options.json = true; break;
      case 'q': options.quiet = true; break;
      case 'P': options.no_progress = true; break;
      case CLI_OPTION_EXIT: return parser.exit_status;
      default: status = set_number(&parser, option, &options); break;
    }
    if (status) return cli_report(&status);
  }
  if (argc - optind < 1) return cli_options_usage(&parser, "a Program is missing");
  if (argc - optind < 2) return cli_options_usage(&parser, "a file for the Program to read is missing");
  options.program_path = argv[optind];
  options.stream.paths = (const char *const *)(argv + optind + 1);
  options.stream.path_count = (uint32_t)(argc - optind - 1);
  return run_with_options(&options);
}

const cli_verb_t cli_verb_run = {"run", "run a Program over files and print its outputs", help, run_run};
