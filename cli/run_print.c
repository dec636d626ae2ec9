#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "run.h"

/* Element i as 64 bits: sign-extended when the type is signed. */
static uint64_t element_at(const vyre_output_info_t *info, const void *values, uint32_t i) {
  if (info->element_bytes == 8) {
    uint64_t value;
    memcpy(&value, (const char *)values + (size_t)i * 8, sizeof value);
    return value;
  }
  uint32_t value;
  memcpy(&value, (const char *)values + (size_t)i * 4, sizeof value);
  return info->is_signed ? (uint64_t)(int64_t)(int32_t)value : value;
}

/* f32 or f64, of the bits. */
static double real_of(const vyre_output_info_t *info, uint64_t value) {
  double real;
  float single;
  if (info->element_bytes == 8) {
    memcpy(&real, &value, sizeof real);
    return real;
  }
  memcpy(&single, &value, sizeof single); /* little endian */
  return single;
}

static void print_value(cli_text_t *text, const vyre_output_info_t *info, uint64_t value) {
  if (info->is_float)
    cli_text_printf(text, " %.*g\n", info->element_bytes == 8 ? 17 : 9, real_of(info, value));
  else if (info->is_signed)
    cli_text_printf(text, " %" PRId64 "\n", (int64_t)value);
  else
    cli_text_printf(text, " %" PRIu64 "\n", value);
}

void run_print_text(const run_result_t *result, bool all, cli_text_t *text) {
  for (uint32_t output = 0; output < result->output_count; output++) {
    const vyre_output_info_t *info = &result->outputs[output];
    for (uint32_t i = 0; i < info->count; i++) {
      uint64_t value = element_at(info, result->values[output], i);
      if (info->is_array && value == 0 && !all) continue;
      cli_text_puts(text, info->name);
      if (info->is_array) cli_text_printf(text, "[%" PRIu32 "]", i);
      print_value(text, info, value);
    }
  }
}

static void json_value(cli_json_t *json, const char *key, const vyre_output_info_t *info, uint64_t value) {
  if (info->is_float)
    cli_json_float(json, key, real_of(info, value), info->element_bytes == 8 ? 17 : 9);
  else if (info->is_signed)
    cli_json_signed(json, key, (int64_t)value);
  else
    cli_json_unsigned(json, key, value);
}

static void json_outputs(cli_json_t *json, const run_result_t *result) {
  cli_json_open(json, "outputs", '{');
  for (uint32_t output = 0; output < result->output_count; output++) {
    const vyre_output_info_t *info = &result->outputs[output];
    if (!info->is_array) {
      json_value(json, info->name, info, element_at(info, result->values[output], 0));
      continue;
    }
    cli_json_open(json, info->name, '[');
    for (uint32_t i = 0; i < info->count; i++)
      json_value(json, NULL, info, element_at(info, result->values[output], i));
    cli_json_close(json, ']');
  }
  cli_json_close(json, '}');
}

static void json_path(cli_json_t *json, const char *path, const vyre_stream_report_t *report, uint64_t bytes,
                      uint64_t bytes_cpu_copied) {
  cli_json_open(json, NULL, '{');
  cli_json_string(json, "path", path);
  cli_json_string(json, "reason", report->ingest_reason);
  cli_json_unsigned(json, "bytes", bytes);
  cli_json_unsigned(json, "bytes_cpu_copied", bytes_cpu_copied);
  cli_json_close(json, '}');
}

/* Each path that was used. */
static void json_ingest(cli_json_t *json, const vyre_stream_report_t *report) {
  cli_json_open(json, "ingest", '[');
  bool is_mixed = report->bytes_fixed && report->bytes_direct;
  if (is_mixed) {
    json_path(json, "fixed", report, report->bytes_fixed, report->bytes_fixed);
    json_path(json, "direct", report, report->bytes_direct, 0);
  } else {
    json_path(json, report->ingest, report, report->bytes, report->bytes_cpu_copied);
  }
  cli_json_close(json, ']');
}

void run_print_json(const run_result_t *result, cli_text_t *text) {
  cli_json_t json = {*text, false};
  cli_json_open(&json, NULL, '{');
  cli_json_string(&json, "program", vyre_program_name(result->program));
  cli_json_string(&json, "fingerprint", result->fingerprint);
  cli_json_string(&json, "device", result->device.name);
  cli_json_string(&json, "device_reason", result->device.reason);
  cli_json_unsigned(&json, "workers", result->stats.workers);
  cli_json_string(&json, "builder", result->stats.builder == VYRE_BUILDER_JIT ? "jit" : "interpreted");
  bool is_direct = result->stats.topology == VYRE_TOPOLOGY_DIRECT;
  cli_json_string(&json, "topology", is_direct ? "direct" : "dispatched");
  json_ingest(&json, &result->report);
  cli_json_unsigned(&json, "bytes", result->report.bytes);
  cli_json_real(&json, "seconds", result->report.seconds);
  json_outputs(&json, result);
  cli_json_unsigned(&json, "slots", result->report.slots);
  cli_json_unsigned(&json, "faults", result->report.faults);
  cli_json_unsigned(&json, "launches", result->stats.launches);
  cli_json_unsigned(&json, "swaps", result->stats.swaps);
  cli_json_close(&json, '}');
  cli_text_puts(&json.text, "\n");
  *text = json.text;
}

void run_print_report(const run_result_t *result, cli_text_t *text) {
  double seconds = result->report.seconds;
  cli_text_printf(text, "%s (%s) | device %s (%s) | %.2f GB/s\n", result->report.ingest, result->report.ingest_reason,
                  result->device.name, result->device.reason,
                  seconds > 0 ? (double)result->report.bytes * 1e-9 / seconds : 0);
}
