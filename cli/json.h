/* Writes JSON: one compact line, keys in the order of the calls.
 *
 * Integers are written in full, up to 2^64 - 1: jansson's are signed 64-bit, and a sum of u64 does not fit there.
 * Strings come out as valid UTF-8 whatever went in: bytes that are none become U+FFFD (a path may hold any byte). */
#ifndef VYRE_CLI_JSON_H
#define VYRE_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

typedef struct cli_json {
  cli_text_t text;
  bool needs_comma;
} cli_json_t;

/* `key` is NULL for elements of arrays and for the outermost value; `bracket` is one of { [ } ]. */
void cli_json_open(cli_json_t *json, const char *key, char bracket);
void cli_json_close(cli_json_t *json, char bracket);
void cli_json_string(cli_json_t *json, const char *key, const char *value);
void cli_json_unsigned(cli_json_t *json, const char *key, uint64_t value);
void cli_json_signed(cli_json_t *json, const char *key, int64_t value);
/* So many significant digits; JSON has no infinities and no NaN: they are the strings "inf", "-inf", "nan". */
void cli_json_float(cli_json_t *json, const char *key, double value, int digits);
void cli_json_real(cli_json_t *json, const char *key, double value); /* finite; six decimals */

#endif
