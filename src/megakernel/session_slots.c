/* Publishing slots and waiting for them. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "megakernel/protocol.h"
#include "megakernel/session_state.h"

enum {
  WAIT_SPINS = 4000,         /* looks before a waiting thread gives its processor away */
  WAIT_SLEEP_NS_MIN = 20000, /* then it sleeps, longer each time */
  WAIT_SLEEP_NS_MAX = 500000,
};

/* SHUTDOWN ends the kernel without a call of ours; what was published behind it completes here. */
void vyre_session_settle_if_ended(vyre_session_t *session) {
  if (vyre_session_has_ended(session)) vyre_ring_cancel(&session->ring);
}

void vyre_session_settle_ring(vyre_ring_t *ring) {
  vyre_session_settle_if_ended((vyre_session_t *)(void *)ring); /* its first member */
}

void vyre_session_back_off(uint32_t turn) {
  if (turn < WAIT_SPINS) {
    vyre_cpu_relax();
    return;
  }
  uint64_t pause_ns = (uint64_t)WAIT_SLEEP_NS_MIN * (1 + (turn - WAIT_SPINS) / 8);
  vyre_sleep_ns(pause_ns < WAIT_SLEEP_NS_MAX ? pause_ns : WAIT_SLEEP_NS_MAX);
}

/* Slots of such a Program run in the order of their tickets, which those of one class do. */
static vyre_status_t check_class(const vyre_session_t *session, const vyre_slot_t *slot) {
  const vyre_program_t *program = slot->priority ? vyre_session_program(session, slot->opcode) : NULL;
  if (!program || !program->needs_order) return NULL;
  return vyre_status_with_fix(
      vyre_status_make(VYRE_E_ARGUMENT, "priority %u; slots of %s run in order, and have priority 0", slot->priority,
                       program->name),
      "Submit all slots of a Program that writes state with priority 0.");
}

static vyre_status_t may_submit(const vyre_session_t *session, const vyre_slot_t *slots, uint32_t count) {
  if (__builtin_expect(vyre_session_phase(session) != VYRE_SESSION_RUNNING, 0))
    return vyre_session_phase(session) == VYRE_SESSION_CREATED
               ? vyre_status_make(VYRE_E_STATE, "the session is not started")
               : vyre_status_fixed(VYRE_E_STOPPED);
  for (uint32_t i = 0; i < count; i++) {
    if (__builtin_expect(slots[i].priority >= VYRE_CLASSES, 0))
      return vyre_status_make(VYRE_E_ARGUMENT, "priority %u; 0 to 4 are allowed", slots[i].priority);
    if (__builtin_expect((slots[i].flags & ~(uint32_t)VYRE_SLOT_CLOCKS) != 0, 0))
      return vyre_status_make(VYRE_E_ARGUMENT, "flags 0x%x; VYRE_SLOT_CLOCKS is what there is", slots[i].flags);
    if (__builtin_expect(session->keeps_order, 0)) VYRE_TRY(check_class(session, &slots[i]));
  }
  return NULL;
}

/* Behind a first try: NULL when it is worth another one. */
static vyre_status_t wait_for_cells(const vyre_session_t *session, uint64_t deadline_ns, uint32_t turn) {
  if (vyre_session_phase(session) != VYRE_SESSION_RUNNING || vyre_session_has_ended(session))
    return vyre_status_fixed(VYRE_E_STOPPED);
  if (vyre_clock_ns() >= deadline_ns) return vyre_status_fixed(VYRE_E_RING_FULL);
  vyre_session_back_off(turn);
  return NULL;
}

vyre_status_t vyre_session_submit(vyre_session_t *session, const vyre_slot_t *slot, uint64_t timeout_ns,
                                  vyre_ticket_t *out_ticket) {
  VYRE_TRY(may_submit(session, slot, 1));
  if (vyre_ring_publish(&session->ring, slot, out_ticket)) return NULL;
  if (timeout_ns == 0) return vyre_status_fixed(VYRE_E_RING_FULL);
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  for (uint32_t turn = 0; !vyre_ring_publish(&session->ring, slot, out_ticket); turn++)
    VYRE_TRY(wait_for_cells(session, deadline_ns, turn));
  return NULL;
}

vyre_status_t vyre_session_submit_batch(vyre_session_t *session, const vyre_slot_t *slots, uint32_t count,
                                        const uint32_t *fence_tag, uint64_t timeout_ns, vyre_ticket_t *out_tickets) {
  uint64_t all = (uint64_t)count + (fence_tag != NULL);
  VYRE_TRY(may_submit(session, NULL, 0));
  if (all == 0) return NULL;
  if (all > session->ring.cell_count)
    return vyre_status_make(VYRE_E_ARGUMENT, "a batch of %llu slots, the fence included; the session has %u cells",
                            (unsigned long long)all, session->ring.cell_count);
  VYRE_TRY(may_submit(session, slots, count));
  if (vyre_ring_publish_batch(&session->ring, slots, count, fence_tag, out_tickets)) return NULL;
  if (timeout_ns == 0) return vyre_status_fixed(VYRE_E_RING_FULL);
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  for (uint32_t turn = 0; !vyre_ring_publish_batch(&session->ring, slots, count, fence_tag, out_tickets); turn++)
    VYRE_TRY(wait_for_cells(session, deadline_ns, turn));
  return NULL;
}

static vyre_status_t unknown_ticket(const vyre_session_t *session, vyre_ticket_t ticket) {
  if (!session->launch) return vyre_status_make(VYRE_E_STATE, "the session is not started");
  return vyre_status_make(VYRE_E_TICKET, "ticket %llu, cell %u", (unsigned long long)ticket.number, ticket.cell);
}

/* A stop was asked for, or a SHUTDOWN slot taken, or the kernel can be gone without either. */
static bool is_ending(const vyre_session_t *session) {
  return session->launch->may_be_lost || atomic_load_explicit(&session->stop_requested, memory_order_relaxed) ||
         atomic_load_explicit(VYRE_SHARED_WORD32(session->ring.shared, ENDING), memory_order_relaxed);
}

vyre_status_t vyre_session_poll(vyre_session_t *session, vyre_ticket_t ticket, bool *out_done,
                                vyre_completion_t *out_completion) {
  if (!session->launch || !vyre_ring_knows(&session->ring, ticket)) return unknown_ticket(session, ticket);
  *out_done = vyre_ring_take(&session->ring, ticket, out_completion);
  if (__builtin_expect(!*out_done && is_ending(session), 0)) {
    vyre_session_settle_if_ended(session);
    *out_done = vyre_ring_take(&session->ring, ticket, out_completion);
  }
  return NULL;
}

vyre_status_t vyre_session_wait(vyre_session_t *session, vyre_ticket_t ticket, uint64_t timeout_ns,
                                vyre_completion_t *out_completion) {
  if (!session->launch || !vyre_ring_knows(&session->ring, ticket)) return unknown_ticket(session, ticket);
  if (vyre_ring_take(&session->ring, ticket, out_completion)) return NULL;
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  for (uint32_t turn = 0;; turn++) {
    if (vyre_ring_take(&session->ring, ticket, out_completion)) return NULL;
    if (turn % 64 == 0 || turn >= WAIT_SPINS) {
      if (vyre_clock_ns() >= deadline_ns) return vyre_status_fixed(VYRE_E_DEADLINE);
      vyre_session_settle_if_ended(session);
    }
    vyre_session_back_off(turn);
  }
}

vyre_status_t vyre_session_drain(vyre_session_t *session, uint64_t timeout_ns) {
  if (!session->launch) return vyre_status_make(VYRE_E_STATE, "the session is not started");
  uint64_t limit = atomic_load(&session->ring.next_ticket), deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  for (uint32_t cell = 0; cell < session->ring.cell_count; cell++)
    for (uint32_t turn = 0; !vyre_ring_is_settled(&session->ring, cell, limit); turn++) {
      if (vyre_clock_ns() >= deadline_ns) return vyre_status_fixed(VYRE_E_DEADLINE);
      vyre_session_settle_if_ended(session);
      vyre_session_back_off(turn);
    }
  return NULL;
}

static int compare_tickets(const void *a, const void *b) {
  uint64_t first = ((const vyre_ticket_t *)a)->number, second = ((const vyre_ticket_t *)b)->number;
  return first < second ? -1 : first > second;
}

vyre_status_t vyre_session_unfinished(vyre_session_t *session, vyre_ticket_t *out_tickets, uint32_t capacity,
                                      uint32_t *out_count) {
  if (!session->launch || !vyre_session_has_ended(session))
    return vyre_status_with_fix(vyre_status_make(VYRE_E_STATE, "the session has not ended"),
                                "Stop it first; of a device that is lost, wait for any ticket.");
  vyre_session_settle_if_ended(session);
  vyre_ticket_t *all = vyre_alloc(session->ring.cell_count * sizeof *all);
  if (!all) return vyre_out_of_memory(session->ring.cell_count * sizeof *all);
  uint32_t count = 0;
  for (uint32_t cell = 0; cell < session->ring.cell_count; cell++) {
    uint64_t number;
    if (vyre_ring_is_cancelled(&session->ring, cell, &number))
      all[count++] = (vyre_ticket_t){.number = number, .cell = cell};
  }
  qsort(all, count, sizeof *all, compare_tickets);
  for (uint32_t i = 0; i < count && i < capacity; i++) out_tickets[i] = all[i];
  vyre_free(all);
  *out_count = count;
  return NULL;
}

void vyre_completion_place(const vyre_session_t *session, uint32_t opcode, const vyre_completion_t *completion,
                           uint32_t *out_line, uint32_t *out_column) {
  const vyre_program_t *program = vyre_session_program(session, opcode);
  bool is_fault = program && completion->state == VYRE_SLOT_FAULT;
  vyre_position_t position = is_fault ? vyre_program_node_position(program, completion->fault_node) : 0;
  *out_line = vyre_position_line(position);
  *out_column = vyre_position_column(position);
}

const char *vyre_fault_summary(uint32_t fault) { return vyre_fault_text(fault); }

/* Of faults that are the slot's and not the Program's; NULL: the code's own Fix. */
static const char *fix_of_fault(uint32_t fault) {
  switch (fault) {
    case VYRE_FAULT_UNKNOWN_OPCODE:
      return "Submit an opcode that vyre_session_register gave, or one of vyre/session.h.";
    case VYRE_FAULT_BAD_HANDLE:
      return "Name windows that vyre_session_window_create or _bind gave, and that are not removed, in the slot's "
             "arguments.";
    case VYRE_FAULT_BAD_RANGE:
      return "Name bytes inside their windows, aligned to their elements (blocks to 8), in the slot's arguments.";
    case VYRE_FAULT_BAD_ARGUMENT:
      return "Fill the slot's arguments as docs/protocol/megakernel.md says, with operands when the Program has any.";
    case VYRE_FAULT_HOST_MEMORY: return "Name a window in the device's own memory in ATOMIC_ADD and COMPARE_SWAP.";
    case VYRE_FAULT_BAD_FENCE:
      return "Fence tickets of this session that were submitted before: vyre_session_submit_batch makes such a fence.";
    case VYRE_FAULT_FENCES: return "Wait for one of the open fences first.";
    case VYRE_FAULT_RECORDS:
      return "Declare the output for more records, or append fewer in a call: with smaller chunks (--chunk).";
    default: return NULL;
  }
}

vyre_status_t vyre_completion_status(const vyre_session_t *session, uint32_t opcode,
                                     const vyre_completion_t *completion) {
  if (completion->state == VYRE_SLOT_DONE) return NULL;
  if (completion->fault == VYRE_FAULT_CANCELLED)
    return vyre_status_make(VYRE_E_STOPPED, "the slot was cancelled before it had finished");
  const vyre_program_t *program = vyre_session_program(session, opcode);
  vyre_code_t code = completion->fault == VYRE_FAULT_FUEL ? VYRE_E_FUEL : VYRE_E_FAULT;
  const char *text = vyre_fault_text(completion->fault);
  vyre_status_t status =
      program ? vyre_program_error(program, code, vyre_program_node_position(program, completion->fault_node), "%s: %s",
                                   program->name, text)
              : vyre_status_make(code, "opcode 0x%x: %s", opcode, text);
  const char *fix = fix_of_fault(completion->fault);
  return fix ? vyre_status_with_fix(status, "%s", fix) : status;
}
