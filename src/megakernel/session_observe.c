/* What slots leave for the host besides their completions: observables and the log. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "megakernel/protocol.h"
#include "megakernel/session_state.h"

/* ---- observables ---- */

static vyre_status_t find_observable(const vyre_session_t *session, uint32_t index, _Atomic uint32_t **out_word) {
  if (!session->own.bytes) return vyre_status_make(VYRE_E_STATE, "the session is not started");
  if (index >= session->params.observables)
    return vyre_status_make(VYRE_E_ARGUMENT, "observable %u; the session has %u", index, session->params.observables);
  *out_word = (_Atomic uint32_t *)(void *)(session->ring.shared + session->places.observables) + index;
  return NULL;
}

static bool holds(vyre_compare_t compare, uint32_t seen, uint32_t value) {
  switch (compare) {
    case VYRE_COMPARE_EQUAL: return seen == value;
    case VYRE_COMPARE_NOT_EQUAL: return seen != value;
    case VYRE_COMPARE_AT_LEAST: return seen >= value;
    case VYRE_COMPARE_BEFORE: return seen < value;
  }
  return false;
}

vyre_status_t vyre_session_observe(const vyre_session_t *session, uint32_t index, uint32_t *out_value) {
  _Atomic uint32_t *word;
  VYRE_TRY(find_observable(session, index, &word));
  *out_value = atomic_load_explicit(word, memory_order_acquire);
  return NULL;
}

vyre_status_t vyre_session_wait_observable(vyre_session_t *session, uint32_t index, vyre_compare_t compare,
                                           uint32_t value, uint64_t timeout_ns, uint32_t *out_value) {
  _Atomic uint32_t *word;
  VYRE_TRY(find_observable(session, index, &word));
  if ((unsigned)compare > VYRE_COMPARE_BEFORE) return vyre_status_make(VYRE_E_ARGUMENT, "compare is %d", (int)compare);
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  for (uint32_t turn = 0;; turn++) {
    bool has_ended = vyre_session_has_ended(session); /* before the look: nothing is written after it */
    *out_value = atomic_load_explicit(word, memory_order_acquire);
    if (holds(compare, *out_value, value)) return NULL;
    if (has_ended) return vyre_status_fixed(VYRE_E_STOPPED);
    if (vyre_clock_ns() >= deadline_ns) return vyre_status_fixed(VYRE_E_DEADLINE);
    vyre_session_back_off(turn);
  }
}

/* ---- the log ---- */

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
