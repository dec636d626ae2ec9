/* The log that PRINTF slots write: records, and the formats that make text of them. */
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "megakernel/protocol.h"
#include "megakernel/session_state.h"

enum { VALUES = 3 /* of a record */ };

/* ---- records ---- */

/* Reads record `number`, if it is there. */
static bool read_record(const vyre_session_t *session, uint64_t number, vyre_log_record_t *out) {
  uint64_t place = number & (session->params.log_records - 1);
  _Atomic uint32_t *words = (_Atomic uint32_t *)(void *)(session->ring.shared + session->places.log) + place * 8;
  uint32_t tag = (uint32_t)number + 1;
  if (atomic_load_explicit(&words[3], memory_order_acquire) != tag ||
      atomic_load_explicit(&words[7], memory_order_acquire) != tag)
    return false;
  uint32_t seen[8];
  for (unsigned i = 0; i < 8; i++) seen[i] = atomic_load_explicit(&words[i], memory_order_relaxed);
  *out = (vyre_log_record_t){
      .ticket = seen[5] | (uint64_t)seen[6] << 32, .format = seen[0], .value = {seen[1], seen[2], seen[4]}};
  return true;
}

vyre_status_t vyre_session_log_read(vyre_session_t *session, vyre_log_record_t *out_records, uint32_t most,
                                    uint32_t *out_count, uint64_t *out_lost) {
  *out_count = 0;
  if (!session->own.bytes) return vyre_status_make(VYRE_E_STATE, "the session is not started");
  _Atomic uint64_t *read = VYRE_SHARED_WORD64(session->ring.shared, LOG_READ);
  pthread_mutex_lock(&session->lock);
  uint64_t number = atomic_load_explicit(read, memory_order_relaxed);
  while (*out_count < most && read_record(session, number, &out_records[*out_count])) {
    number++;
    ++*out_count;
  }
  atomic_store_explicit(read, number, memory_order_release);
  pthread_mutex_unlock(&session->lock);
  if (out_lost)
    *out_lost = atomic_load_explicit(VYRE_SHARED_WORD64(session->ring.shared, LOG_LOST), memory_order_relaxed);
  return NULL;
}

/* ---- formats ---- */

/* A conversion at `at`, behind its '%': [0][width] of up to two digits, then d, u, x or f; or another '%'. Gives its
 * length and its letter; 0 for what is none. */
static size_t scan_conversion(const char *at, char *out_letter) {
  size_t length = strspn(at, "0123456789");
  *out_letter = at[length];
  if (length > 2 || !*out_letter || !strchr(length ? "duxf" : "duxf%", *out_letter)) return 0;
  return length + 1;
}

static vyre_status_t check_format(const char *text) {
  unsigned values = 0;
  for (const char *at = strchr(text, '%'); at; at = strchr(at, '%')) {
    char letter;
    size_t length = scan_conversion(++at, &letter);
    if (length == 0)
      return vyre_status_make(VYRE_E_ARGUMENT, "format \"%s\": an unknown conversion at \"%%%.4s\"", text, at);
    values += letter != '%';
    at += length;
  }
  if (values <= VALUES) return NULL;
  return vyre_status_make(VYRE_E_ARGUMENT, "format \"%s\" has %u conversions; a record has %d values", text, values,
                          VALUES);
}

vyre_status_t vyre_session_log_format(vyre_session_t *session, const char *text, uint32_t *out_format) {
  if (!text) return vyre_status_make(VYRE_E_ARGUMENT, "the format is NULL");
  vyre_status_t status = check_format(text);
  if (status)
    return vyre_status_with_fix(status,
                                "Write at most three of %%d, %%u, %%x and %%f, with a width if need be; %%%% is a %%.");
  size_t bytes = strlen(text) + 1;
  char *copy = vyre_calloc(bytes, 1);
  if (!copy) return vyre_out_of_memory(bytes);
  memcpy(copy, text, bytes);
  pthread_mutex_lock(&session->lock);
  if (session->format_count == VYRE_FORMATS_MAX) {
    status = vyre_status_with_fix(vyre_status_make(VYRE_E_TABLE_FULL, "%d formats are there", VYRE_FORMATS_MAX),
                                  "Give each format its number once, and use that again.");
    vyre_free(copy);
  } else {
    session->formats[session->format_count] = copy;
    *out_format = session->format_count++;
  }
  pthread_mutex_unlock(&session->lock);
  return status;
}

static void append_value(vyre_strbuf_t *out, const char *width, size_t width_length, char letter, uint32_t value) {
  bool has_zeros = width_length > 0 && width[0] == '0';
  int columns = 0;
  for (size_t i = 0; i < width_length; i++) columns = columns * 10 + (width[i] - '0');
  float number;
  memcpy(&number, &value, sizeof number);
  switch (letter) {
    case 'd': vyre_strbuf_printf(out, has_zeros ? "%0*d" : "%*d", columns, (int)value); return;
    case 'u': vyre_strbuf_printf(out, has_zeros ? "%0*u" : "%*u", columns, value); return;
    case 'x': vyre_strbuf_printf(out, has_zeros ? "%0*x" : "%*x", columns, value); return;
    default: vyre_strbuf_printf(out, has_zeros ? "%0*g" : "%*g", columns, (double)number); return;
  }
}

static void print_record(const char *text, const uint32_t *value, vyre_strbuf_t *out) {
  for (const char *at = text; *at;) {
    size_t plain = strcspn(at, "%");
    vyre_strbuf_append_bytes(out, at, plain);
    at += plain;
    if (!*at) return;
    char letter;
    size_t length = scan_conversion(++at, &letter);
    if (letter == '%')
      vyre_strbuf_append(out, "%");
    else
      append_value(out, at, length - 1, letter, *value++);
    at += length;
  }
}

vyre_status_t vyre_session_log_text(vyre_session_t *session, const vyre_log_record_t *record, char **out_text) {
  pthread_mutex_lock(&session->lock);
  const char *format = record->format < session->format_count ? session->formats[record->format] : NULL;
  pthread_mutex_unlock(&session->lock);
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  if (format)
    print_record(format, record->value, &text);
  else
    vyre_strbuf_printf(&text, "format %u: %u %u %u", record->format, record->value[0], record->value[1],
                       record->value[2]);
  *out_text = vyre_strbuf_take(&text);
  return *out_text ? NULL : vyre_out_of_memory(text.capacity);
}

void vyre_session_free_formats(vyre_session_t *session) {
  for (uint32_t i = 0; i < session->format_count; i++) vyre_free(session->formats[i]);
}
