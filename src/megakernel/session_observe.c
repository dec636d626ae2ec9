/* Observables: words that slots write, and the host reads and waits for. */
#include "base/clock.h"
#include "megakernel/protocol.h"
#include "megakernel/session_state.h"

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
