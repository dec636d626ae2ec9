/* vyre bench */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vyre/bench.h>

#include "json.h"
#include "options.h"
#include "output.h"
#include "report.h"

static const char help[] =
    "usage: vyre bench [OPTION...]\n"
    "\n"
    "Measures sessions and streams on a device, and in the same run what one would write without vyre. Every answer\n"
    "is checked; a wrong one is an error.\n"
    "\n"
    "  --device NAME      as for run; auto (the default) chooses\n"
    "  --only PARTS       of latency, rate, stream, start, compile, cold, separated by commas; all but cold by\n"
    "                     default, which reads a file that is not in the page cache, by O_DIRECT\n"
    "  --rounds N         rounds of each part, 1 to 64; 5 by default\n"
    "  --slots N          slots per latency and round; 100000 by default\n"
    "  --rate-slots N     slots per rate and round; 2000000 by default\n"
    "  --file PATH        the file of the stream; by default a temporary one in $TMPDIR or /var/tmp\n"
    "  --bytes N          size of the temporary file; 1G by default\n"
    "  --chunk BYTES      bytes per slot of the stream, a multiple of 4096 from 4K to 64M\n"
    "  --depth N          buffers of the stream, as for run\n"
    "  --workers N        workers of the sessions\n"
    "  --seed N           of pauses and of the temporary file; 1 by default\n"
    "  --json             print one JSON object (docs/cli.md) instead of a table\n"
    "  --quiet            nothing on stderr but errors\n"
    "\n"
    "Numbers of bytes take K, M or G (powers of 1024). Use the machine for nothing else meanwhile.\n";

typedef struct bench_options {
  vyre_bench_params_t params;
  bool json, quiet;
} bench_options_t;

/* ---- the table ---- */

enum { NAME_WIDTH = 52 };

static const char *part_heading(const char *part) {
  if (strcmp(part, "latency") == 0) return "latency, one slot at a time";
  if (strcmp(part, "rate") == 0) return "rate, as many slots in flight as there are cells";
  if (strcmp(part, "start") == 0) return "start, until the first slot is answered";
  if (strcmp(part, "compile") == 0) return "compile, one Program";
  if (strcmp(part, "cold") == 0) return "cold, lines of a file that is not in the page cache";
  return "stream, lines of a warm file";
}

static void print_row(cli_text_t *text, const vyre_bench_row_t *row) {
  char range[64];
  snprintf(range, sizeof range, "(%.3f .. %.3f)", row->min, row->max);
  cli_text_printf(text, "  %-*s %9.3f %s", NAME_WIDTH, row->title, row->median, row->unit);
  cli_text_printf(text, "%s%s", *row->unit ? " " : "", range);
  if (row->p99 > 0) cli_text_printf(text, ", p99 %.3f, max %.1f", row->p99, row->worst);
  if (row->checked > 0) cli_text_printf(text, ", %" PRIu64 " checked", row->checked);
  cli_text_puts(text, "\n");
}

static void print_head(cli_text_t *text, const vyre_bench_report_t *report) {
  cli_text_printf(text, "device %s (%s): %s\n", report->device, report->reason, report->description);
  if (report->slot_workers > 0)
    cli_text_printf(text, "slots: %" PRIu32 " workers, %" PRIu32 " cells\n", report->slot_workers, report->cells);
  if (report->stream_workers > 0)
    cli_text_printf(text,
                    "stream: %s, %" PRIu32 " workers, chunks of %" PRIu32 " KiB, depth %" PRIu32 ", %" PRIu64
                    " bytes, %" PRIu64 " lines\n",
                    report->ingest, report->stream_workers, report->chunk_bytes >> 10, report->depth, report->bytes,
                    report->lines);
  cli_text_printf(text, "median (least .. most) of %" PRIu32 " rounds, seed %" PRIu64 "\n", report->rounds,
                  report->seed);
}

static void print_table(cli_text_t *text, const vyre_bench_report_t *report) {
  static const char *const roles[] = {"", "without vyre:", "ratios:"};
  print_head(text, report);
  const vyre_bench_row_t *before = NULL;
  for (uint32_t i = 0; i < report->row_count; i++) {
    const vyre_bench_row_t *row = &report->rows[i];
    bool is_new_part = !before || strcmp(before->part, row->part) != 0;
    if (is_new_part) cli_text_printf(text, "\n%s\n", part_heading(row->part));
    if (row->role != VYRE_BENCH_CANDIDATE && (is_new_part || before->role != row->role))
      cli_text_printf(text, " %s\n", roles[row->role]);
    print_row(text, row);
    before = row;
  }
}

/* ---- JSON ---- */

static void json_row(cli_json_t *json, const vyre_bench_row_t *row) {
  static const char *const roles[] = {"candidate", "baseline", "ratio"};
  cli_json_open(json, NULL, '{');
  cli_json_string(json, "part", row->part);
  cli_json_string(json, "name", row->name);
  cli_json_string(json, "role", roles[row->role]);
  cli_json_string(json, "unit", row->unit);
  cli_json_real(json, "median", row->median);
  cli_json_real(json, "min", row->min);
  cli_json_real(json, "max", row->max);
  if (row->p99 > 0) {
    cli_json_real(json, "p99", row->p99);
    cli_json_real(json, "worst", row->worst);
  }
  if (row->role != VYRE_BENCH_RATIO) {
    cli_json_unsigned(json, "samples", row->samples);
    cli_json_unsigned(json, "checked", row->checked);
  }
  cli_json_close(json, '}');
}

static void print_json(cli_json_t *json, const vyre_bench_report_t *report) {
  cli_json_open(json, NULL, '{');
  cli_json_string(json, "device", report->device);
  cli_json_string(json, "device_reason", report->reason);
  cli_json_string(json, "description", report->description);
  cli_json_unsigned(json, "rounds", report->rounds);
  cli_json_unsigned(json, "seed", report->seed);
  cli_json_unsigned(json, "slot_workers", report->slot_workers);
  cli_json_unsigned(json, "cells", report->cells);
  cli_json_unsigned(json, "stream_workers", report->stream_workers);
  cli_json_string(json, "ingest", report->ingest);
  cli_json_unsigned(json, "chunk_bytes", report->chunk_bytes);
  cli_json_unsigned(json, "depth", report->depth);
  cli_json_unsigned(json, "bytes", report->bytes);
  cli_json_unsigned(json, "lines", report->lines);
  cli_json_open(json, "rows", '[');
  for (uint32_t i = 0; i < report->row_count; i++) json_row(json, &report->rows[i]);
  cli_json_close(json, ']');
  cli_json_close(json, '}');
  cli_text_puts(&json->text, "\n");
}

/* ---- the verb ---- */

static void show_progress(void *context, const char *part, uint32_t round, uint32_t rounds) {
  (void)context;
  fprintf(stderr, "%s, round %" PRIu32 " of %" PRIu32 "\n", part, round, rounds);
}

static vyre_status_t parse_parts(const char *text, uint32_t *out_parts) {
  static const char *const names[] = {"latency", "rate", "stream", "start", "compile", "cold"};
  static const uint32_t bits[] = {VYRE_BENCH_LATENCY, VYRE_BENCH_RATE,    VYRE_BENCH_STREAM,
                                  VYRE_BENCH_START,   VYRE_BENCH_COMPILE, VYRE_BENCH_COLD};
  enum { PARTS = sizeof names / sizeof *names };
  *out_parts = 0;
  for (;;) {
    size_t length = strcspn(text, ","), i = 0;
    while (i < PARTS && (strlen(names[i]) != length || strncmp(text, names[i], length) != 0)) i++;
    if (i == PARTS)
      return cli_error_usage(
          "bench", "--only takes latency, rate, stream, start, compile and cold, separated by commas, not '%.*s'",
          (int)(length > 100 ? 100 : length), text);
    *out_parts |= bits[i];
    if (!text[length]) return NULL;
    text += length + 1;
  }
}

static vyre_status_t set_number(const cli_options_t *parser, int option, vyre_bench_params_t *params) {
  uint64_t value = 0;
  switch (option) {
    case 'r':
      CLI_TRY(cli_option_number(parser, "rounds", optarg, false, 1, VYRE_BENCH_ROUNDS_MAX, &value));
      params->rounds = (uint32_t)value;
      return NULL;
    case 'n': return cli_option_number(parser, "slots", optarg, false, 1, 100000000, &params->latency_slots);
    case 'R': return cli_option_number(parser, "rate-slots", optarg, false, 4, UINT32_MAX, &params->rate_slots);
    case 'b': return cli_option_number(parser, "bytes", optarg, true, 1, UINT64_C(1) << 40, &params->bytes);
    case 'c':
      CLI_TRY(cli_option_number(parser, "chunk", optarg, true, 4096, 64 << 20, &value));
      if (value % 4096) return cli_error_usage("bench", "--chunk %s is no multiple of 4096", optarg);
      params->chunk_bytes = (uint32_t)value;
      return NULL;
    case 'D':
      CLI_TRY(cli_option_number(parser, "depth", optarg, false, 1, 64, &value));
      params->depth = (uint32_t)value;
      return NULL;
    case 'w':
      CLI_TRY(cli_option_number(parser, "workers", optarg, false, 1, UINT32_MAX, &value));
      params->workers = (uint32_t)value;
      return NULL;
    default: return cli_option_number(parser, "seed", optarg, false, 1, UINT64_MAX, &params->seed);
  }
}

static int run_with_options(bench_options_t *options) {
  if (!options->quiet && isatty(STDERR_FILENO)) options->params.progress = show_progress;
  vyre_bench_report_t *report = NULL;
  cli_json_t json = {0};
  vyre_status_t status = vyre_bench_run(&options->params, &report);
  if (!status && options->json) print_json(&json, report);
  if (!status && !options->json) print_table(&json.text, report);
  if (!status) status = cli_output_write(&json.text);
  cli_text_free(&json.text);
  vyre_bench_report_destroy(&report);
  return cli_report_as(&status, options->json);
}

static int run_bench(int argc, char **argv) {
  static const struct option long_options[] = {{"device", required_argument, NULL, 'd'},
                                               {"only", required_argument, NULL, 'o'},
                                               {"rounds", required_argument, NULL, 'r'},
                                               {"slots", required_argument, NULL, 'n'},
                                               {"rate-slots", required_argument, NULL, 'R'},
                                               {"file", required_argument, NULL, 'F'},
                                               {"bytes", required_argument, NULL, 'b'},
                                               {"chunk", required_argument, NULL, 'c'},
                                               {"depth", required_argument, NULL, 'D'},
                                               {"workers", required_argument, NULL, 'w'},
                                               {"seed", required_argument, NULL, 's'},
                                               {"json", no_argument, NULL, 'j'},
                                               {"quiet", no_argument, NULL, 'q'},
                                               {"help", no_argument, NULL, 'h'},
                                               {0}};
  cli_options_t parser = {&cli_verb_bench, argc, argv, ":h", long_options, 0};
  bench_options_t options = {0};
  for (int option; (option = cli_options_next(&parser)) != CLI_OPTION_END;) {
    vyre_status_t status = NULL;
    switch (option) {
      case 'd': options.params.device = optarg; break;
      case 'o': status = parse_parts(optarg, &options.params.parts); break;
      case 'F': options.params.file = optarg; break;
      case 'j': options.json = true; break;
      case 'q': options.quiet = true; break;
      case CLI_OPTION_EXIT: return parser.exit_status;
      default: status = set_number(&parser, option, &options.params); break;
    }
    if (status) return cli_report(&status);
  }
  if (optind < argc) return cli_options_usage(&parser, "bench takes no arguments; --file names the file of the stream");
  if (options.params.file && options.params.bytes)
    return cli_options_usage(&parser, "--file and --bytes exclude each other");
  return run_with_options(&options);
}

const cli_verb_t cli_verb_bench = {"bench", "measure a device beside what one would write without vyre", help,
                                   run_bench};
