#include "ir/float_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* printf and strtod write and read the decimal point of the locale. Digits and a power of ten have none. */

static double value_of(vyre_type_t type, uint64_t bits) {
  if (type == VYRE_TYPE_F32) {
    uint32_t low = (uint32_t)bits;
    float narrow;
    memcpy(&narrow, &low, sizeof narrow);
    return narrow;
  }
  double wide;
  memcpy(&wide, &bits, sizeof wide);
  return wide;
}

/* "digits e exponent", without a point. */
static uint64_t bits_of(vyre_type_t type, const char *plain) {
  if (type == VYRE_TYPE_F32) {
    float narrow = strtof(plain, NULL);
    uint32_t low;
    memcpy(&low, &narrow, sizeof low);
    return low;
  }
  double wide = strtod(plain, NULL);
  uint64_t bits;
  memcpy(&bits, &wide, sizeof bits);
  return bits;
}

bool vyre_float_is_finite(vyre_type_t type, uint64_t bits) { return isfinite(value_of(type, bits)); }

bool vyre_float_read(const char *text, uint32_t length, vyre_type_t type, uint64_t *out_bits) {
  enum { EXPONENT_MAX = 100000 }; /* far beyond what any digits make up for */
  char plain[VYRE_LIMIT_FLOAT_BYTES + 32];
  size_t count = 0;
  int exponent = 0, written = 0;
  bool is_fraction = false, is_negative = false;
  uint32_t i = 0;
  for (; i < length && ((text[i] >= '0' && text[i] <= '9') || text[i] == '_' || text[i] == '.'); i++) {
    if (text[i] == '.') is_fraction = true;
    if (text[i] == '.' || text[i] == '_') continue;
    plain[count++] = text[i];
    exponent -= is_fraction;
  }
  if (i < length && (text[i] == 'e' || text[i] == 'E')) {
    for (i++; i < length && (text[i] == '-' || text[i] == '+'); i++) is_negative = text[i] == '-';
    for (; i < length && ((text[i] >= '0' && text[i] <= '9') || text[i] == '_'); i++)
      if (text[i] != '_' && written < EXPONENT_MAX) written = written * 10 + (text[i] - '0');
  }
  snprintf(plain + count, sizeof plain - count, "e%d", exponent + (is_negative ? -written : written));
  *out_bits = bits_of(type, plain);
  return vyre_float_is_finite(type, *out_bits);
}

enum { DIGITS_MAX = 17 };

/* The fewest digits d1 d2 .. dn, a power of ten e: d1.d2 .. dn * 10^e. Gives n. */
static int shortest(vyre_type_t type, uint64_t bits, char digits[DIGITS_MAX + 1], int *out_exponent) {
  double value = value_of(type, bits);
  int count = 0;
  for (int wanted = 1; wanted <= DIGITS_MAX; wanted++) {
    char text[64], plain[64];
    snprintf(text, sizeof text, "%.*e", wanted - 1, value);
    const char *e = strchr(text, 'e');
    count = 0;
    for (const char *at = text; at < e; at++)
      if (*at >= '0' && *at <= '9') digits[count++] = *at;
    digits[count] = '\0';
    *out_exponent = (int)strtol(e + 1, NULL, 10);
    snprintf(plain, sizeof plain, "%se%d", digits, *out_exponent - (count - 1));
    if (bits_of(type, plain) == bits) break;
  }
  while (count > 1 && digits[count - 1] == '0') digits[--count] = '\0';
  return count;
}

static void append_zeros(vyre_strbuf_t *out, int count) {
  for (int i = 0; i < count; i++) vyre_strbuf_append(out, "0");
}

void vyre_float_write(vyre_strbuf_t *out, vyre_type_t type, uint64_t bits) {
  enum { POINT_EXPONENT_MIN = -5, POINT_EXPONENT_MAX = 15 };
  uint64_t sign = UINT64_C(1) << (vyre_type_bits(type) - 1);
  double value = value_of(type, bits);
  if (isnan(value)) {
    vyre_strbuf_printf(out, "%s.nan", vyre_type_text(type));
    return;
  }
  if (bits & sign) vyre_strbuf_append(out, "-");
  if (isinf(value)) {
    vyre_strbuf_printf(out, "%s.inf", vyre_type_text(type));
    return;
  }
  char digits[DIGITS_MAX + 1];
  int exponent = 0, count = shortest(type, bits & ~sign, digits, &exponent);
  if (exponent < POINT_EXPONENT_MIN || exponent > POINT_EXPONENT_MAX) {
    vyre_strbuf_printf(out, "%c%s%se%d", digits[0], count > 1 ? "." : "", digits + 1, exponent);
  } else if (exponent < 0) {
    vyre_strbuf_append(out, "0.");
    append_zeros(out, -exponent - 1);
    vyre_strbuf_append(out, digits);
  } else if (count <= exponent + 1) {
    vyre_strbuf_append(out, digits);
    append_zeros(out, exponent + 1 - count);
    vyre_strbuf_append(out, ".0");
  } else {
    vyre_strbuf_printf(out, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
  }
}
