#include "megakernel/session.h"

#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"
#include "megakernel/loop.h"
#include "megakernel/protocol.h"
#include "megakernel/ring.h"

enum {
  HANDLERS_MAX = 256,
  RING_SLOTS_DEFAULT = 1024,
  WINDOWS_DEFAULT_MIN = 64,
  WINDOWS_PER_WORKER = 16, /* as many streams at once as the device attaches pumps, a window of each per worker */
  WINDOWS_MAX = 4096,
  SPIN_NS_DEFAULT = 50000,
  ROUND_NS = 40,             /* about what an idle round of the loop takes; turns spin_ns into rounds */
  WAIT_SPINS = 4000,         /* looks before a waiting thread gives its processor away */
  WAIT_SLEEP_NS_MIN = 20000, /* then it sleeps, longer each time */
  WAIT_SLEEP_NS_MAX = 500000,
  DESTROY_STOP_S = 5,
};
#define FUEL_DEFAULT (UINT64_C(1) << 40)
#define FIRST_TICKET_MAX (UINT64_C(1) << 62)

typedef enum session_state { CREATED, RUNNING, STOPPED, STUCK } session_state_t;

typedef struct handler {
  uint32_t opcode;
  vyre_program_t *program; /* retained */
} handler_t;

struct vyre_session {
  vyre_ring_t ring; /* first: its hot words are aligned */
  vyre_device_t *device;
  vyre_session_params_t params; /* defaults filled in */
  _Atomic int state;            /* session_state_t */
  pthread_mutex_t lock;         /* windows */
  pthread_mutex_t stop_lock;    /* held by the one thread that stops */
  uint8_t *memory;              /* everything shared with the kernel, one block */
  uint8_t *windows, *workers;   /* in it */
  void **owned_windows;         /* by handle: memory of window_create, else NULL */
  uint32_t handler_count;
  handler_t handlers[HANDLERS_MAX];
  vyre_program_t *loop;
  vyre_image_t *image;
  vyre_launch_t *launch;
  uint64_t launches, swaps;
};

static session_state_t state_of(const vyre_session_t *session) {
  return (session_state_t)atomic_load_explicit(&session->state, memory_order_acquire);
}

/* ---- create ---- */

static vyre_status_t fill_defaults(const vyre_device_info_t *info, vyre_session_params_t *p) {
  if (!p->workers) p->workers = info->workers_default;
  if (!p->ring_slots) p->ring_slots = RING_SLOTS_DEFAULT;
  if (!p->cells) p->cells = p->ring_slots;
  if (!p->windows) {
    uint64_t wanted = (uint64_t)WINDOWS_PER_WORKER * (p->workers + 1ull);
    p->windows = wanted < WINDOWS_DEFAULT_MIN ? WINDOWS_DEFAULT_MIN : wanted > WINDOWS_MAX ? WINDOWS_MAX : (uint32_t)wanted;
  }
  if (!p->fuel) p->fuel = FUEL_DEFAULT;
  if (!p->spin_ns) p->spin_ns = SPIN_NS_DEFAULT;
  if (p->workers > info->workers_max)
    return vyre_status_make(VYRE_E_DEVICE_LIMIT, "%u workers; device %s has at most %u", p->workers, info->name,
                            info->workers_max);
  if (p->ring_slots < 8 || p->ring_slots > 65536 || (p->ring_slots & (p->ring_slots - 1)))
    return vyre_status_make(VYRE_E_ARGUMENT, "ring_slots is %u; a power of two from 8 to 65536 is needed", p->ring_slots);
  if (p->cells > p->ring_slots)
    return vyre_status_make(VYRE_E_ARGUMENT, "cells is %u; at most ring_slots (%u) are allowed", p->cells, p->ring_slots);
  if (p->windows > WINDOWS_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "windows is %u; at most %d are allowed", p->windows, WINDOWS_MAX);
  if (p->first_ticket > FIRST_TICKET_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "first_ticket is %llu; at most 2^62 is allowed",
                            (unsigned long long)p->first_ticket);
  return NULL;
}

vyre_status_t vyre_session_create(vyre_device_t *device, const vyre_session_params_t *params,
                                  vyre_session_t **out_session) {
  vyre_session_params_t filled = params ? *params : (vyre_session_params_t){0};
  vyre_device_info_t info = vyre_device_info(device);
  VYRE_TRY(fill_defaults(&info, &filled));
  vyre_session_t *session = vyre_alloc_aligned(64, sizeof *session);
  void **owned = vyre_calloc(filled.windows + 1, sizeof *owned);
  if (!session || !owned) {
    vyre_free(session);
    vyre_free(owned);
    return vyre_out_of_memory(sizeof *session);
  }
  session->device = device;
  session->params = filled;
  session->owned_windows = owned;
  pthread_mutex_init(&session->lock, NULL);
  pthread_mutex_init(&session->stop_lock, NULL);
  *out_session = session;
  return NULL;
}

/* ---- register ---- */

static bool is_user_opcode(uint32_t opcode) {
  return opcode >= VYRE_OPCODE_USER_FIRST && opcode <= VYRE_OPCODE_USER_LAST && !(opcode >= 0xFFF0 && opcode <= 0xFFFF);
}

static const handler_t *find_handler(const vyre_session_t *session, uint32_t opcode) {
  for (uint32_t i = 0; i < session->handler_count; i++)
    if (session->handlers[i].opcode == opcode) return &session->handlers[i];
  return NULL;
}

const vyre_program_t *vyre_session_program(const vyre_session_t *session, uint32_t opcode) {
  const handler_t *handler = find_handler(session, opcode);
  return handler ? handler->program : NULL;
}

vyre_status_t vyre_session_register(vyre_session_t *session, const vyre_program_t *program, uint32_t *opcode) {
  if (state_of(session) != CREATED)
    return vyre_status_make(VYRE_E_STATE, "Programs are registered before the session is started");
  uint32_t wanted = *opcode;
  if (wanted == 0)
    for (wanted = VYRE_OPCODE_USER_FIRST; find_handler(session, wanted);) wanted++;
  if (!is_user_opcode(wanted)) return vyre_status_make(VYRE_E_OPCODE_RANGE, "0x%x", wanted);
  if (find_handler(session, wanted)) return vyre_status_make(VYRE_E_OPCODE_RANGE, "0x%x is registered already", wanted);
  if (session->handler_count == HANDLERS_MAX)
    return vyre_status_make(VYRE_E_TABLE_FULL, "%d Programs are registered", HANDLERS_MAX);
  session->handlers[session->handler_count++] = (handler_t){wanted, vyre_program_retain(program)};
  *opcode = wanted;
  return NULL;
}

/* ---- start ---- */

static uint8_t *carve(uint8_t **next, size_t bytes) {
  uint8_t *start = *next;
  *next += (bytes + 63) & ~(size_t)63;
  return start;
}

static uint32_t opcode_table_shift(const vyre_session_t *session) {
  uint32_t shift = 4;
  while ((1u << shift) < 2 * session->handler_count) shift++;
  return shift;
}

static void store_word(uint8_t *at, uint32_t offset, uint32_t value) { memcpy(at + offset, &value, sizeof value); }
static void store_address(uint8_t *at, uint32_t offset, const void *address) {
  uint64_t value = (uint64_t)(uintptr_t)address;
  memcpy(at + offset, &value, sizeof value);
}

static void fill_opcode_table(const vyre_session_t *session, uint8_t *table, uint32_t shift) {
  for (uint32_t i = 0; i < session->handler_count; i++) {
    const handler_t *handler = &session->handlers[i];
    vyre_layout_t layout;
    vyre_program_layout(handler->program, &layout);
    uint32_t element_bytes = 0;
    for (uint32_t j = 0; j < handler->program->param_count; j++)
      if (handler->program->params[j].role == VYRE_ROLE_STREAM)
        element_bytes = vyre_type_bytes(handler->program->params[j].type);
    uint32_t probe = handler->opcode * VYRE_OPCODE_HASH >> (32 - shift), used;
    for (;; probe = (probe + 1) & ((1u << shift) - 1)) {
      memcpy(&used, table + probe * VYRE_OPCODE_BYTES_EACH + VYRE_OPCODE_CODE, sizeof used);
      if (used == 0) break;
    }
    uint8_t *record = table + probe * VYRE_OPCODE_BYTES_EACH;
    store_word(record, VYRE_OPCODE_CODE, handler->opcode);
    store_word(record, VYRE_OPCODE_HANDLER, i);
    store_word(record, VYRE_OPCODE_OUTPUT_BYTES, layout.output_bytes);
    store_word(record, VYRE_OPCODE_ELEMENT_BYTES, element_bytes);
  }
}

static size_t scratch_bytes(const vyre_session_t *session) {
  size_t largest = 64;
  for (uint32_t i = 0; i < session->handler_count; i++) {
    vyre_layout_t layout;
    vyre_program_layout(session->handlers[i].program, &layout);
    if (layout.scratch_bytes > largest) largest = layout.scratch_bytes;
  }
  return (largest + 63) & ~(size_t)63;
}

/* One block holds all that the kernel and the host share. */
static vyre_status_t allocate_shared(vyre_session_t *session) {
  const vyre_session_params_t *p = &session->params;
  vyre_ring_t *ring = &session->ring;
  uint32_t opcode_shift = opcode_table_shift(session);
  size_t scratch = scratch_bytes(session), window_entries = p->windows + 1;
  size_t total = VYRE_CONTROL_BYTES + (size_t)p->ring_slots * (VYRE_SLOT_BYTES + sizeof(uint32_t)) +
                 (size_t)p->cells * (VYRE_COMPLETION_BYTES + VYRE_ENTRY_BYTES_EACH) +
                 window_entries * VYRE_WINDOW_BYTES_EACH + ((size_t)VYRE_OPCODE_BYTES_EACH << opcode_shift) +
                 p->workers * (VYRE_WORKER_BYTES_EACH + scratch) + 8 * 64;
  session->memory = vyre_alloc_aligned(4096, total);
  if (!session->memory) return vyre_out_of_memory(total);
  uint8_t *next = session->memory;
  uint8_t *control = ring->control = carve(&next, VYRE_CONTROL_BYTES);
  ring->slots = (_Atomic uint32_t *)(void *)carve(&next, (size_t)p->ring_slots * VYRE_SLOT_BYTES);
  ring->completions = (_Atomic uint32_t *)(void *)carve(&next, (size_t)p->cells * VYRE_COMPLETION_BYTES);
  ring->table = (_Atomic uint32_t *)(void *)carve(&next, (size_t)p->cells * VYRE_ENTRY_BYTES_EACH);
  ring->queue = (_Atomic uint32_t *)(void *)carve(&next, (size_t)p->ring_slots * sizeof(uint32_t));
  session->windows = carve(&next, window_entries * VYRE_WINDOW_BYTES_EACH);
  uint8_t *opcodes = carve(&next, (size_t)VYRE_OPCODE_BYTES_EACH << opcode_shift);
  session->workers = carve(&next, (size_t)p->workers * VYRE_WORKER_BYTES_EACH);
  uint8_t *scratches = carve(&next, p->workers * scratch);
  VYRE_ASSERT((size_t)(next - session->memory) <= total);

  ring->mask = p->ring_slots - 1;
  ring->shift = (uint32_t)__builtin_ctz(p->ring_slots);
  ring->cell_count = p->cells;
  store_address(control, VYRE_CONTROL_RING, (const void *)ring->slots);
  store_address(control, VYRE_CONTROL_COMPLETIONS, (const void *)ring->completions);
  store_address(control, VYRE_CONTROL_TABLE, (const void *)ring->table);
  store_address(control, VYRE_CONTROL_QUEUE, (const void *)ring->queue);
  store_address(control, VYRE_CONTROL_WINDOWS, session->windows);
  store_address(control, VYRE_CONTROL_OPCODES, opcodes);
  store_word(control, VYRE_CONTROL_RING_SHIFT, ring->shift);
  store_word(control, VYRE_CONTROL_WINDOW_COUNT, p->windows + 1);
  store_word(control, VYRE_CONTROL_OPCODE_SHIFT, opcode_shift);
  uint64_t rounds = p->spin_ns / ROUND_NS;
  store_word(control, VYRE_CONTROL_SPIN_LIMIT, rounds > UINT32_MAX ? UINT32_MAX : (uint32_t)rounds);
  fill_opcode_table(session, opcodes, opcode_shift);
  for (uint32_t i = 0; i < p->workers; i++) {
    vyre_frame_t *own = (vyre_frame_t *)(void *)(session->workers + (size_t)i * VYRE_WORKER_BYTES_EACH);
    vyre_frame_t *call = (vyre_frame_t *)(void *)((uint8_t *)own + VYRE_WORKER_CALL_FRAME);
    own->control = call->control = (uint64_t)(uintptr_t)control;
    own->stop = call->stop = (uint64_t)(uintptr_t)(control + VYRE_CONTROL_STOP);
    call->fuel = p->fuel;
    call->scratch = (uint64_t)(uintptr_t)(scratches + i * scratch);
  }
  return vyre_ring_init(ring, p->first_ticket);
}

static vyre_status_t build_image(vyre_session_t *session) {
  VYRE_TRY(vyre_megakernel_build_direct(&session->loop));
  const vyre_program_t *programs[HANDLERS_MAX];
  for (uint32_t i = 0; i < session->handler_count; i++) programs[i] = session->handlers[i].program;
  vyre_build_params_t params = {.loop = session->loop, .handlers = programs, .handler_count = session->handler_count};
  return session->device->ops->build(session->device, &params, &session->image);
}

static void request_stop(vyre_session_t *session) {
  atomic_store(VYRE_CONTROL_WORD32(session->ring.control, STOP), VYRE_STOP_NOW);
  vyre_ring_wake_all(&session->ring);
}

vyre_status_t vyre_session_start(vyre_session_t *session) {
  if (state_of(session) != CREATED || session->memory)
    return vyre_status_make(VYRE_E_STATE, "the session was started already");
  VYRE_TRY(allocate_shared(session));
  VYRE_TRY(build_image(session));
  vyre_launch_params_t params = {.workers = session->params.workers, .worker_blocks = session->workers,
                                 .block_bytes = VYRE_WORKER_BYTES_EACH, .call_frame = VYRE_WORKER_CALL_FRAME};
  vyre_status_t status = session->device->ops->launch(session->device, session->image, &params, &session->launch);
  if (status) {
    if (session->launch) {
      request_stop(session);
      status = vyre_status_because(status, vyre_launch_join(session->launch, VYRE_FOREVER));
      vyre_launch_destroy(session->launch);
      session->launch = NULL;
    }
    return status;
  }
  session->launches++;
  session->ring.fences_publish = !vyre_launch_has_membarrier(session->launch);
  atomic_store_explicit(&session->state, RUNNING, memory_order_release);
  return NULL;
}

/* ---- windows ---- */

static _Atomic uint64_t *window_word(const vyre_session_t *session, uint32_t handle, uint32_t offset) {
  return (_Atomic uint64_t *)(void *)(session->windows + (size_t)handle * VYRE_WINDOW_BYTES_EACH + offset);
}

static vyre_status_t need_shared(const vyre_session_t *session) {
  return session->memory ? NULL : vyre_status_make(VYRE_E_STATE, "windows are made after vyre_session_start");
}

vyre_status_t vyre_session_window_bind(vyre_session_t *session, void *memory, uint64_t bytes, uint32_t *out_handle) {
  VYRE_TRY(need_shared(session));
  if (!memory || bytes == 0) return vyre_status_make(VYRE_E_ARGUMENT, "a window of no memory");
  pthread_mutex_lock(&session->lock);
  uint32_t handle = 1;
  while (handle <= session->params.windows && atomic_load(window_word(session, handle, VYRE_WINDOW_BASE))) handle++;
  bool is_found = handle <= session->params.windows;
  if (is_found) {
    atomic_store(window_word(session, handle, VYRE_WINDOW_BYTES), bytes);
    atomic_store(window_word(session, handle, VYRE_WINDOW_BASE), (uint64_t)(uintptr_t)memory);
    *out_handle = handle;
  }
  pthread_mutex_unlock(&session->lock);
  return is_found ? NULL : vyre_status_make(VYRE_E_TABLE_FULL, "windows: %u are in use", session->params.windows);
}

vyre_status_t vyre_session_window_create(vyre_session_t *session, uint64_t bytes, uint32_t *out_handle,
                                         void **out_memory) {
  VYRE_TRY(need_shared(session));
  void *memory = bytes ? vyre_alloc_aligned(64, bytes) : NULL;
  if (bytes && !memory) return vyre_out_of_memory(bytes);
  vyre_status_t status = vyre_session_window_bind(session, memory, bytes, out_handle);
  if (status) {
    vyre_free(memory);
    return status;
  }
  session->owned_windows[*out_handle] = memory;
  if (out_memory) *out_memory = memory;
  return NULL;
}

vyre_status_t vyre_session_window_remove(vyre_session_t *session, uint32_t handle) {
  VYRE_TRY(need_shared(session));
  if (handle == 0 || handle > session->params.windows) return vyre_status_make(VYRE_E_ARGUMENT, "window %u", handle);
  pthread_mutex_lock(&session->lock);
  bool is_window = atomic_load(window_word(session, handle, VYRE_WINDOW_BASE)) != 0;
  atomic_store(window_word(session, handle, VYRE_WINDOW_BASE), 0);
  atomic_store(window_word(session, handle, VYRE_WINDOW_BYTES), 0);
  vyre_free(session->owned_windows[handle]);
  session->owned_windows[handle] = NULL;
  pthread_mutex_unlock(&session->lock);
  return is_window ? NULL : vyre_status_make(VYRE_E_ARGUMENT, "window %u is not in use", handle);
}

/* ---- slots ---- */

bool vyre_session_has_ended(const vyre_session_t *session) { return vyre_launch_running(session->launch) == 0; }

bool vyre_session_is_stuck(const vyre_session_t *session) { return state_of(session) == STUCK; }

/* SHUTDOWN ends the kernel without a call of ours; what was published behind it completes here. */
static void settle_if_ended(vyre_session_t *session) {
  if (vyre_session_has_ended(session)) vyre_ring_cancel(&session->ring);
}

/* Gives the processor away, more and more, while a thread waits. `turn` counts the calls. */
static void back_off(uint32_t turn) {
  if (turn < WAIT_SPINS) {
    vyre_cpu_relax();
    return;
  }
  uint64_t pause_ns = (uint64_t)WAIT_SLEEP_NS_MIN * (1 + (turn - WAIT_SPINS) / 8);
  vyre_sleep_ns(pause_ns < WAIT_SLEEP_NS_MAX ? pause_ns : WAIT_SLEEP_NS_MAX);
}

vyre_status_t vyre_session_submit(vyre_session_t *session, const vyre_slot_t *slot, uint64_t timeout_ns,
                                  vyre_ticket_t *out_ticket) {
  if (__builtin_expect(state_of(session) != RUNNING, 0))
    return state_of(session) == CREATED ? vyre_status_make(VYRE_E_STATE, "the session is not started")
                                        : vyre_status_fixed(VYRE_E_STOPPED);
  if (__builtin_expect(slot->priority > 4, 0))
    return vyre_status_make(VYRE_E_ARGUMENT, "priority %u; 0 to 4 are allowed", slot->priority);
  if (vyre_ring_publish(&session->ring, slot, out_ticket)) return NULL;
  if (timeout_ns == 0) return vyre_status_fixed(VYRE_E_RING_FULL);
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  for (uint32_t turn = 0;; turn++) {
    if (vyre_ring_publish(&session->ring, slot, out_ticket)) return NULL;
    if (state_of(session) != RUNNING || vyre_session_has_ended(session)) return vyre_status_fixed(VYRE_E_STOPPED);
    if (vyre_clock_ns() >= deadline_ns) return vyre_status_fixed(VYRE_E_RING_FULL);
    back_off(turn);
  }
}

static vyre_status_t unknown_ticket(const vyre_session_t *session, vyre_ticket_t ticket) {
  if (!session->launch) return vyre_status_make(VYRE_E_STATE, "the session is not started");
  return vyre_status_make(VYRE_E_TICKET, "ticket %llu, cell %u", (unsigned long long)ticket.number, ticket.cell);
}

vyre_status_t vyre_session_poll(vyre_session_t *session, vyre_ticket_t ticket, bool *out_done,
                                vyre_completion_t *out_completion) {
  if (!session->launch || !vyre_ring_knows(&session->ring, ticket)) return unknown_ticket(session, ticket);
  *out_done = vyre_ring_take(&session->ring, ticket, out_completion);
  /* Set by stop and by a SHUTDOWN slot alike. */
  _Atomic uint32_t *stop = VYRE_CONTROL_WORD32(session->ring.control, STOP);
  if (__builtin_expect(!*out_done && atomic_load_explicit(stop, memory_order_relaxed) != VYRE_STOP_RUN, 0)) {
    settle_if_ended(session);
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
      settle_if_ended(session);
    }
    back_off(turn);
  }
}

/* ---- drain, stop, destroy ---- */

vyre_status_t vyre_session_drain(vyre_session_t *session, uint64_t timeout_ns) {
  if (!session->launch) return vyre_status_make(VYRE_E_STATE, "the session is not started");
  uint64_t limit = atomic_load(&session->ring.next_ticket), deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  for (uint32_t cell = 0; cell < session->ring.cell_count; cell++)
    for (uint32_t turn = 0; !vyre_ring_is_settled(&session->ring, cell, limit); turn++) {
      if (vyre_clock_ns() >= deadline_ns) return vyre_status_fixed(VYRE_E_DEADLINE);
      settle_if_ended(session);
      back_off(turn);
    }
  return NULL;
}

/* Which worker does what, for a session that does not stop. */
static vyre_status_t stuck(const vyre_session_t *session) {
  vyre_strbuf_t dump;
  vyre_strbuf_init(&dump);
  for (uint32_t i = 0; i < session->params.workers; i++) {
    const uint8_t *block = session->workers + (size_t)i * VYRE_WORKER_BYTES_EACH;
    uint64_t beats = atomic_load((const _Atomic uint64_t *)(const void *)(block + VYRE_WORKER_HEARTBEAT));
    uint32_t running = atomic_load((const _Atomic uint32_t *)(const void *)(block + VYRE_WORKER_RUNNING));
    vyre_strbuf_printf(&dump, "%sworker %u: %llu rounds, ", i ? "; " : "", i, (unsigned long long)beats);
    if (running) {
      uint32_t handler = atomic_load(&session->ring.table[(running - 1) * 16 + VYRE_ENTRY_HANDLER / 4]);
      vyre_strbuf_printf(&dump, "runs %s in cell %u", session->handlers[handler].program->name, running - 1);
    } else {
      vyre_strbuf_append(&dump, "in the loop");
    }
  }
  char *text = vyre_strbuf_take(&dump);
  vyre_status_t status = vyre_status_make(VYRE_E_DEVICE_STUCK, "%s", text ? text : "");
  vyre_free(text);
  return status;
}

vyre_status_t vyre_session_stop(vyre_session_t *session, uint64_t timeout_ns) {
  if (state_of(session) == CREATED) return NULL;
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  struct timespec until = {(time_t)(deadline_ns / VYRE_NS_PER_S), (long)(deadline_ns % VYRE_NS_PER_S)};
  if (pthread_mutex_clocklock(&session->stop_lock, CLOCK_MONOTONIC, &until) != 0)
    return vyre_status_make(VYRE_E_DEADLINE, "another thread is stopping the session");
  vyre_status_t status = NULL;
  if (state_of(session) == RUNNING || state_of(session) == STUCK) {
    request_stop(session);
    uint64_t now_ns = vyre_clock_ns();
    vyre_status_t joined = vyre_launch_join(session->launch, deadline_ns > now_ns ? deadline_ns - now_ns : 0);
    if (joined) {
      vyre_status_destroy(&joined);
      status = stuck(session);
      atomic_store(&session->state, STUCK);
    } else {
      atomic_store(&session->state, STOPPED);
    }
  }
  pthread_mutex_unlock(&session->stop_lock);
  if (!status) vyre_ring_cancel(&session->ring);
  return status;
}

void vyre_session_destroy(vyre_session_t **session_pointer) {
  if (!session_pointer || !*session_pointer) return;
  vyre_session_t *session = *session_pointer;
  *session_pointer = NULL;
  vyre_status_t status = vyre_session_stop(session, DESTROY_STOP_S * VYRE_NS_PER_S);
  if (status) {
    /* A worker is still inside: its code and everything it can reach stay, on purpose. */
    vyre_status_destroy(&status);
    return;
  }
  vyre_launch_destroy(session->launch);
  if (session->image) session->device->ops->image_destroy(session->image);
  vyre_program_release(session->loop);
  for (uint32_t i = 0; i < session->handler_count; i++) vyre_program_release(session->handlers[i].program);
  for (uint32_t i = 1; i <= session->params.windows; i++) vyre_free(session->owned_windows[i]);
  vyre_free(session->owned_windows);
  vyre_ring_deinit(&session->ring);
  vyre_free(session->memory);
  pthread_mutex_destroy(&session->lock);
  pthread_mutex_destroy(&session->stop_lock);
  vyre_free(session);
}

/* ---- the rest ---- */

uint32_t vyre_session_workers(const vyre_session_t *session) { return session->params.workers; }

vyre_status_t vyre_session_attach(vyre_session_t *session, vyre_pump_t *pump) {
  if (state_of(session) != RUNNING) return vyre_status_make(VYRE_E_STATE, "the session does not run");
  VYRE_TRY(vyre_launch_attach(session->launch, pump));
  vyre_ring_wake_all(&session->ring);
  return NULL;
}

void vyre_session_detach(vyre_session_t *session, vyre_pump_t *pump) { vyre_launch_detach(session->launch, pump); }

vyre_session_stats_t vyre_session_stats(const vyre_session_t *session) {
  uint64_t published = session->launch ? atomic_load(&session->ring.next_ticket) - session->params.first_ticket : 0;
  return (vyre_session_stats_t){.launches = session->launches, .swaps = session->swaps, .published = published,
                                .workers = session->params.workers};
}

const char *vyre_fault_summary(uint32_t fault) { return vyre_fault_text(fault); }

vyre_status_t vyre_completion_status(const vyre_session_t *session, uint32_t opcode,
                                     const vyre_completion_t *completion) {
  if (completion->state == VYRE_SLOT_DONE) return NULL;
  if (completion->fault == VYRE_FAULT_CANCELLED)
    return vyre_status_make(VYRE_E_STOPPED, "the slot was cancelled before it had finished");
  const vyre_program_t *program = vyre_session_program(session, opcode);
  vyre_code_t code = completion->fault == VYRE_FAULT_FUEL ? VYRE_E_FUEL : VYRE_E_FAULT;
  const char *text = vyre_fault_text(completion->fault);
  if (!program) return vyre_status_make(code, "opcode 0x%x: %s", opcode, text);
  return vyre_program_error(program, code, vyre_position_make(completion->fault_line, completion->fault_column),
                            "%s: %s", program->name, text);
}
