/* What the kernel is doing: as text, for people, and watched, for those who must know when a slot takes too long. */
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "megakernel/protocol.h"
#include "megakernel/session_state.h"

/* A dispatcher that is idle naps for microseconds; one that takes so long for a round takes for ever. */
#define ROUND_NS_MAX (200 * VYRE_NS_PER_MS)

/* What of a worker's block is told. */
typedef struct worker {
  uint64_t rounds;
  uint32_t running; /* 0: in the loop */
  uint32_t cell;
} worker_t;

static vyre_status_t read_worker(const vyre_session_t *session, uint32_t index, worker_t *out) {
  uint8_t words[VYRE_WORKER_CELL + 4 - VYRE_WORKER_HEARTBEAT];
  uint64_t block = session->blocks + (uint64_t)index * VYRE_WORKER_BYTES_EACH;
  VYRE_TRY(session->device->ops->read(session->device, words, block + VYRE_WORKER_HEARTBEAT, sizeof words));
  memcpy(&out->rounds, words, sizeof out->rounds);
  memcpy(&out->running, words + (VYRE_WORKER_RUNNING - VYRE_WORKER_HEARTBEAT), sizeof out->running);
  memcpy(&out->cell, words + (VYRE_WORKER_CELL - VYRE_WORKER_HEARTBEAT), sizeof out->cell);
  return NULL;
}

static const char *name_of(const vyre_session_t *session, uint32_t running) {
  if (running == VYRE_HANDLER_COPY) return "a copy";
  return running <= session->handler_count ? session->handlers[running - 1].program->name : "an unknown handler";
}

/* "runs grep in cell 7 (ticket 1234)"; what has completed meanwhile has no ticket any more. */
static void describe_slot(const vyre_session_t *session, const worker_t *worker, vyre_strbuf_t *out) {
  vyre_strbuf_printf(out, "runs %s in cell %u", name_of(session, worker->running), worker->cell);
  if (worker->cell >= session->ring.cell_count) return;
  uint64_t ticket = atomic_load_explicit(&session->ring.cell_tickets[worker->cell], memory_order_relaxed);
  if (ticket) vyre_strbuf_printf(out, " (ticket %llu)", (unsigned long long)(ticket - 1));
}

static vyre_status_t describe_workers(const vyre_session_t *session, const char *separator, vyre_strbuf_t *out) {
  bool is_dispatched = session->params.topology == VYRE_TOPOLOGY_DISPATCHED;
  for (uint32_t i = 0; i < session->block_count; i++) {
    worker_t worker;
    VYRE_TRY(read_worker(session, i, &worker));
    const char *what = is_dispatched && i == 0 ? "dispatcher, worker" : "worker";
    vyre_strbuf_printf(out, "%s%s %u: %llu rounds, ", i ? separator : "", what, i, (unsigned long long)worker.rounds);
    if (worker.running)
      describe_slot(session, &worker, out);
    else
      vyre_strbuf_append(out, "in the loop");
  }
  return NULL;
}

vyre_status_t vyre_session_stuck(vyre_session_t *session) {
  vyre_strbuf_t dump;
  vyre_strbuf_init(&dump);
  vyre_status_t unread = describe_workers(session, "; ", &dump);
  char *text = vyre_strbuf_take(&dump);
  vyre_status_t status = vyre_status_make(VYRE_E_DEVICE_STUCK, "%s", text ? text : "");
  vyre_free(text);
  if (vyre_status_code(status) != VYRE_E_DEVICE_STUCK) status = vyre_status_fixed(VYRE_E_DEVICE_STUCK);
  return vyre_status_because(status, unread);
}

/* ---- the dump ---- */

static vyre_status_t describe_queues(const vyre_session_t *session, vyre_strbuf_t *out) {
  uint8_t control[VYRE_CONTROL_TICKET];
  VYRE_TRY(session->device->ops->read(session->device, control, session->control, sizeof control));
  uint32_t stop, fences;
  memcpy(&stop, control + VYRE_CONTROL_STOP, sizeof stop);
  memcpy(&fences, control + VYRE_CONTROL_OPEN_FENCES, sizeof fences);
  vyre_strbuf_printf(out, "stop word %u, %d fences open at the last look of a dispatcher\n", stop,
                     __builtin_popcount(fences));
  if (session->params.topology != VYRE_TOPOLOGY_DIRECT) return NULL; /* the dispatcher has the queues to itself */
  vyre_strbuf_append(out, "waiting for a worker, by class:");
  for (uint32_t i = 0; i < VYRE_CLASSES; i++) {
    uint64_t head, tail;
    memcpy(&head, control + VYRE_CONTROL_QUEUE_HEAD + 8 * i, sizeof head);
    memcpy(&tail, control + VYRE_CONTROL_QUEUE_TAIL + 8 * i, sizeof tail);
    vyre_strbuf_printf(out, " %llu", (unsigned long long)(tail - head));
  }
  vyre_strbuf_append(out, "\n");
  return NULL;
}

static vyre_status_t describe(const vyre_session_t *session, vyre_strbuf_t *out) {
  static const char *const phases[] = {"created", "running", "stopped", "stuck"};
  vyre_session_phase_t phase = vyre_session_phase(session);
  const char *state = phase == VYRE_SESSION_RUNNING && vyre_session_has_ended(session) ? "ended" : phases[phase];
  vyre_session_stats_t stats = vyre_session_stats(session);
  vyre_strbuf_printf(out, "session on %s: %s, %llu published, %llu taken, %llu fences, %llu log records lost\n",
                     session->device->name, state, (unsigned long long)stats.published, (unsigned long long)stats.taken,
                     (unsigned long long)stats.fences, (unsigned long long)stats.log_lost);
  VYRE_TRY(describe_queues(session, out));
  VYRE_TRY(describe_workers(session, "\n", out));
  vyre_strbuf_append(out, "\n");
  return NULL;
}

vyre_status_t vyre_session_dump(const vyre_session_t *session, char **out_text) {
  if (!session->launch) return vyre_status_make(VYRE_E_STATE, "the session is not started");
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_status_t status = describe(session, &text);
  *out_text = vyre_strbuf_take(&text);
  if (!status && *out_text) return NULL;
  vyre_free(*out_text);
  *out_text = NULL;
  return status ? status : vyre_out_of_memory(text.capacity);
}

/* ---- the watchdog ---- */

/* Where nobody sleeps the dispatcher goes round all the time, though not between any two looks. */
static bool must_go_round(const vyre_session_t *session, uint32_t index) {
  return index == 0 && session->params.topology == VYRE_TOPOLOGY_DISPATCHED && !session->device->sleeps;
}

static vyre_status_t stuck_worker(const vyre_session_t *session, uint32_t index, const worker_t *worker,
                                  uint64_t ran_ns) {
  unsigned long long ms = ran_ns / VYRE_NS_PER_MS;
  if (!worker->running)
    return vyre_status_with_fix(
        vyre_status_make(VYRE_E_DEVICE_STUCK, "the dispatcher has made no round for at least %llu ms", ms),
        "Stop the session and run again in a new process; if it happens again, look into the kernel's log "
        "(`dmesg | grep -i xid`).");
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  describe_slot(session, worker, &text);
  char *slot = vyre_strbuf_take(&text);
  vyre_status_t status = vyre_status_make(VYRE_E_DEVICE_STUCK, "worker %u %s, for at least %llu ms", index,
                                          slot ? slot : "runs a slot", ms);
  vyre_free(slot);
  return vyre_status_with_fix(status,
                              "Wait longer, stop the session, or give its Programs less fuel (fuel of "
                              "vyre_session_params_t).");
}

/* A worker's rounds stand still while it runs a slot. */
static vyre_status_t check_worker(vyre_session_t *session, uint32_t index, uint64_t limit_ns) {
  vyre_watch_t *watch = &session->watches[index];
  worker_t worker;
  VYRE_TRY(read_worker(session, index, &worker));
  uint64_t now_ns = vyre_clock_ns();
  bool is_watched = worker.running || must_go_round(session, index);
  if (!is_watched || worker.rounds != watch->rounds || !watch->since_ns) {
    *watch = (vyre_watch_t){.rounds = worker.rounds, .since_ns = is_watched ? now_ns : 0};
    return NULL;
  }
  if (!worker.running && limit_ns < ROUND_NS_MAX) limit_ns = ROUND_NS_MAX;
  uint64_t ran_ns = now_ns - watch->since_ns;
  return ran_ns < limit_ns ? NULL : stuck_worker(session, index, &worker, ran_ns);
}

vyre_status_t vyre_session_check(vyre_session_t *session, uint64_t limit_ns) {
  vyre_session_phase_t phase = vyre_session_phase(session);
  if (phase == VYRE_SESSION_CREATED) return vyre_status_make(VYRE_E_STATE, "the session is not started");
  if (phase != VYRE_SESSION_RUNNING || vyre_session_has_ended(session)) return vyre_status_fixed(VYRE_E_STOPPED);
  vyre_status_t status = NULL;
  pthread_mutex_lock(&session->lock);
  for (uint32_t i = 0; i < session->block_count && !status; i++) status = check_worker(session, i, limit_ns);
  pthread_mutex_unlock(&session->lock);
  return status;
}
