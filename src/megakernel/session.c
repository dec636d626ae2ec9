/* A session's life: create, register, start, swap, stop, destroy. */
#include "megakernel/session.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ir/canonical.h"
#include "megakernel/loop.h"
#include "megakernel/protocol.h"
#include "megakernel/session_state.h"

enum {
  RING_SLOTS_DEFAULT = 1024,
  WINDOWS_DEFAULT_MIN = 64,
  WINDOWS_PER_WORKER = VYRE_PUMPS_MAX, /* each stream has one per worker */
  WINDOWS_MAX = 4096,
  LOG_RECORDS_DEFAULT = 1024,
  LOG_RECORDS_MAX = 1 << 20,
  OBSERVABLES_DEFAULT = 64,
  OBSERVABLES_MAX = 1 << 20,
  SPIN_NS_DEFAULT = 50000,
  DESTROY_STOP_S = 5,
};
#define FUEL_DEFAULT (UINT64_C(1) << 40)
#define FIRST_TICKET_MAX (UINT64_C(1) << 62)

/* ---- create ---- */

static vyre_status_t fill_defaults(const vyre_device_info_t *info, vyre_session_params_t *p) {
  if (!p->workers) p->workers = info->workers_default;
  if (!p->ring_slots) p->ring_slots = RING_SLOTS_DEFAULT;
  if (!p->cells) p->cells = p->ring_slots;
  if (!p->windows) {
    uint64_t wanted = (uint64_t)WINDOWS_PER_WORKER * (p->workers + 1ull);
    p->windows = wanted < WINDOWS_DEFAULT_MIN ? WINDOWS_DEFAULT_MIN
                 : wanted > WINDOWS_MAX       ? WINDOWS_MAX
                                              : (uint32_t)wanted;
  }
  if (!p->log_records) p->log_records = LOG_RECORDS_DEFAULT;
  if (!p->observables) p->observables = OBSERVABLES_DEFAULT;
  if (!p->fuel) p->fuel = FUEL_DEFAULT;
  if (!p->spin_ns) p->spin_ns = SPIN_NS_DEFAULT;
  if (p->workers > info->workers_max)
    return vyre_status_make(VYRE_E_DEVICE_LIMIT, "%u workers; device %s has at most %u", p->workers, info->name,
                            info->workers_max);
  if (p->ring_slots < 8 || p->ring_slots > 65536 || (p->ring_slots & (p->ring_slots - 1)))
    return vyre_status_make(VYRE_E_ARGUMENT, "ring_slots is %u; a power of two from 8 to 65536 is needed",
                            p->ring_slots);
  if (p->cells > p->ring_slots)
    return vyre_status_make(VYRE_E_ARGUMENT, "cells is %u; at most ring_slots (%u) are allowed", p->cells,
                            p->ring_slots);
  if (p->windows > WINDOWS_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "windows is %u; at most %d are allowed", p->windows, WINDOWS_MAX);
  if (p->log_records > LOG_RECORDS_MAX || (p->log_records & (p->log_records - 1)))
    return vyre_status_make(VYRE_E_ARGUMENT, "log_records is %u; a power of two up to %d is needed", p->log_records,
                            LOG_RECORDS_MAX);
  if (p->observables > OBSERVABLES_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "observables is %u; at most %d are allowed", p->observables,
                            OBSERVABLES_MAX);
  if (p->first_ticket > FIRST_TICKET_MAX)
    return vyre_status_make(VYRE_E_ARGUMENT, "first_ticket is %llu; at most 2^62 is allowed",
                            (unsigned long long)p->first_ticket);
  return NULL;
}

static vyre_status_t choose_builder(const vyre_device_t *device, vyre_session_params_t *p) {
  if ((unsigned)p->builder > VYRE_BUILDER_JIT)
    return vyre_status_make(VYRE_E_ARGUMENT, "builder is %d; VYRE_BUILDER_INTERPRETED and _JIT are allowed",
                            (int)p->builder);
  if (p->builder == VYRE_BUILDER_INTERPRETED && device->only_fused)
    return vyre_status_with_fix(
        vyre_status_make(VYRE_E_UNSUPPORTED, "the builder 'interpreted' on device %s", device->name),
        "Choose the builder 'jit', which is the default on a GPU, or a device that has both: cpu or ref.");
  if (p->builder == VYRE_BUILDER_DEFAULT) p->builder = device->only_fused ? VYRE_BUILDER_JIT : VYRE_BUILDER_INTERPRETED;
  return NULL;
}

static vyre_status_t choose_topology(const vyre_device_t *device, vyre_session_params_t *p) {
  if ((unsigned)p->topology > VYRE_TOPOLOGY_DISPATCHED)
    return vyre_status_make(VYRE_E_ARGUMENT, "topology is %d; VYRE_TOPOLOGY_DIRECT and _DISPATCHED are allowed",
                            (int)p->topology);
  if (p->topology == VYRE_TOPOLOGY_DIRECT && device->only_fused)
    return vyre_status_with_fix(
        vyre_status_make(VYRE_E_UNSUPPORTED, "the topology 'direct' on device %s", device->name),
        "Choose the topology 'dispatched', which is the default on a GPU, or a device that has both: cpu or ref.");
  if (p->topology == VYRE_TOPOLOGY_DEFAULT) p->topology = device->topology;
  return NULL;
}

vyre_status_t vyre_session_create(vyre_device_t *device, const vyre_session_params_t *params,
                                  vyre_session_t **out_session) {
  if (!device) return vyre_status_make(VYRE_E_ARGUMENT, "the device is NULL");
  vyre_session_params_t filled = params ? *params : (vyre_session_params_t){0};
  vyre_device_info_t info = vyre_device_info(device);
  VYRE_TRY(fill_defaults(&info, &filled));
  VYRE_TRY(choose_builder(device, &filled));
  VYRE_TRY(choose_topology(device, &filled));
  vyre_session_t *session = vyre_alloc_aligned(64, sizeof *session);
  vyre_memory_t *windows = vyre_calloc(filled.windows + 2, sizeof *windows);
  vyre_watch_t *watches = vyre_calloc(filled.workers + 1ull, sizeof *watches);
  if (!session || !windows || !watches) {
    vyre_free(session);
    vyre_free(windows);
    vyre_free(watches);
    return vyre_out_of_memory(sizeof *session);
  }
  session->device = device;
  session->params = filled;
  session->window_memory = windows;
  session->watches = watches;
  pthread_mutex_init(&session->lock, NULL);
  pthread_mutex_init(&session->stop_lock, NULL);
  *out_session = session;
  return NULL;
}

/* ---- register ---- */

static bool is_user_opcode(uint32_t opcode) {
  return opcode >= VYRE_OPCODE_USER_FIRST && opcode <= VYRE_OPCODE_USER_LAST && !(opcode >= 0xFFF0 && opcode <= 0xFFFF);
}

uint32_t vyre_session_find_handler(const vyre_session_t *session, uint32_t opcode) {
  uint32_t i = 0;
  while (i < session->handler_count && session->handlers[i].opcode != opcode) i++;
  return i;
}

static bool has_handler(const vyre_session_t *session, uint32_t opcode) {
  return vyre_session_find_handler(session, opcode) < session->handler_count;
}

const vyre_program_t *vyre_session_program(const vyre_session_t *session, uint32_t opcode) {
  uint32_t index = vyre_session_find_handler(session, opcode);
  return index < session->handler_count ? session->handlers[index].program : NULL;
}

vyre_status_t vyre_session_register(vyre_session_t *session, const vyre_program_t *program, uint32_t *opcode) {
  if (vyre_session_phase(session) != VYRE_SESSION_CREATED)
    return vyre_status_make(VYRE_E_STATE, "Programs are registered before the session is started");
  if (!program) return vyre_status_make(VYRE_E_ARGUMENT, "the Program is NULL");
  uint32_t wanted = *opcode;
  if (wanted == 0)
    for (wanted = VYRE_OPCODE_USER_FIRST; has_handler(session, wanted);) wanted++;
  if (!is_user_opcode(wanted)) return vyre_status_make(VYRE_E_OPCODE_RANGE, "0x%x", wanted);
  if (has_handler(session, wanted)) return vyre_status_make(VYRE_E_OPCODE_RANGE, "0x%x is registered already", wanted);
  if (session->handler_count == VYRE_HANDLERS_MAX)
    return vyre_status_make(VYRE_E_TABLE_FULL, "%d Programs are registered", VYRE_HANDLERS_MAX);
  char who[64];
  snprintf(who, sizeof who, "device %s", session->device->name);
  VYRE_TRY(vyre_program_check_needs(program, session->device->lacks, who));
  vyre_program_t *canonical;
  VYRE_TRY(vyre_canonicalize(program, &canonical));
  vyre_value_t *values = vyre_calloc(program->param_count + 1u, sizeof *values);
  if (!values) {
    vyre_program_destroy(&canonical);
    return vyre_out_of_memory(program->param_count * sizeof *values);
  }
  session->handlers[session->handler_count++] = (vyre_handler_t){wanted, canonical, values};
  session->keeps_order |= canonical->needs_order;
  *opcode = wanted;
  return NULL;
}

/* ---- start ---- */

static vyre_status_t build_image(vyre_session_t *session, vyre_image_t **out_image) {
  if (!session->loop) {
    vyre_loop_params_t params = {.topology = session->params.topology, .sleeps = session->device->sleeps};
    VYRE_TRY(vyre_megakernel_build(&params, &session->loop));
  }
  const vyre_program_t *programs[VYRE_HANDLERS_MAX];
  for (uint32_t i = 0; i < session->handler_count; i++) programs[i] = session->handlers[i].program;
  vyre_build_params_t params = {.loop = session->loop,
                                .handlers = programs,
                                .handler_count = session->handler_count,
                                .is_fused = session->params.builder == VYRE_BUILDER_JIT};
  uint64_t start_ns = vyre_clock_ns();
  VYRE_TRY(session->device->ops->build(session->device, &params, out_image));
  atomic_store(&session->build_ns, vyre_clock_ns() - start_ns);
  return NULL;
}

static vyre_status_t request_stop(vyre_session_t *session) {
  atomic_store(&session->stop_requested, true);
  vyre_status_t status = vyre_session_write_control(session, VYRE_CONTROL_STOP, VYRE_STOP_NOW);
  vyre_ring_wake_all(&session->ring);
  return status;
}

static vyre_status_t launch(vyre_session_t *session) {
  vyre_launch_params_t params = {.workers = session->block_count,
                                 .worker_blocks = session->blocks,
                                 .first_pump = session->params.topology == VYRE_TOPOLOGY_DISPATCHED,
                                 .block_bytes = VYRE_WORKER_BYTES_EACH,
                                 .call_frame = VYRE_WORKER_CALL_FRAME};
  vyre_status_t status = session->device->ops->launch(session->device, session->image, &params, &session->launch);
  if (!status || !session->launch) return status;
  /* Some of the workers have started. */
  status = vyre_status_because(status, request_stop(session));
  status = vyre_status_because(status, session->launch->ops->join(session->launch, VYRE_FOREVER));
  session->launch->ops->destroy(session->launch);
  session->launch = NULL;
  return status;
}

static vyre_status_t build_and_launch(vyre_session_t *session) {
  VYRE_TRY(vyre_session_check_values(session));
  VYRE_TRY(vyre_session_allocate(session));
  VYRE_TRY(build_image(session, &session->image));
  return launch(session);
}

vyre_status_t vyre_session_start(vyre_session_t *session) {
  if (session->was_started) return vyre_status_make(VYRE_E_STATE, "the session was started already");
  session->was_started = true;
  vyre_status_t status = build_and_launch(session);
  if (status) {
    /* Now, not in destroy: by then another session may run on the device, and a GPU's frees would wait for its end. */
    vyre_session_release(session);
    return status;
  }
  atomic_store(&session->launches, 1);
  session->ring.fences_publish = session->launch->fences_publish;
  atomic_store_explicit(&session->phase, VYRE_SESSION_RUNNING, memory_order_release);
  return NULL;
}

/* ---- end ---- */

/* While the kernel is swapped no worker runs, and yet it has not ended: the count of swaps is odd then. */
bool vyre_session_has_ended(const vyre_session_t *session) {
  uint64_t before = atomic_load(&session->swap_steps);
  if (before & 1) return false;
  return session->launch->ops->running(session->launch) == 0 && atomic_load(&session->swap_steps) == before;
}

bool vyre_session_is_stuck(const vyre_session_t *session) { return vyre_session_phase(session) == VYRE_SESSION_STUCK; }

/* Takes the lock of those who stop or swap; the time that is left comes back. */
static vyre_status_t lock_until(vyre_session_t *session, uint64_t deadline_ns) {
  struct timespec until = {(time_t)(deadline_ns / VYRE_NS_PER_S), (long)(deadline_ns % VYRE_NS_PER_S)};
  if (pthread_mutex_clocklock(&session->stop_lock, CLOCK_MONOTONIC, &until) == 0) return NULL;
  return vyre_status_make(VYRE_E_DEADLINE, "another thread is stopping the session");
}

static uint64_t time_left_ns(uint64_t deadline_ns) {
  uint64_t now_ns = vyre_clock_ns();
  return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

/* Under the lock: the kernel leaves, or the session is stuck from now on. */
static vyre_status_t join(vyre_session_t *session, uint64_t deadline_ns) {
  vyre_status_t joined = session->launch->ops->join(session->launch, time_left_ns(deadline_ns));
  if (vyre_status_code(joined) != VYRE_E_DEADLINE) return joined;
  vyre_status_destroy(&joined);
  atomic_store(&session->phase, VYRE_SESSION_STUCK);
  return vyre_session_stuck(session);
}

vyre_status_t vyre_session_stop(vyre_session_t *session, uint64_t timeout_ns) {
  if (vyre_session_phase(session) == VYRE_SESSION_CREATED) return NULL;
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  VYRE_TRY(lock_until(session, deadline_ns));
  vyre_status_t status = NULL;
  if (vyre_session_phase(session) != VYRE_SESSION_STOPPED) {
    /* A device that takes no more writes has lost its kernel, too: the join tells. If it does not, the write was done.
     */
    vyre_status_t unwritten = request_stop(session);
    status = join(session, deadline_ns);
    status = status ? vyre_status_because(status, unwritten) : unwritten;
    if (vyre_status_code(status) != VYRE_E_DEVICE_STUCK) atomic_store(&session->phase, VYRE_SESSION_STOPPED);
  }
  pthread_mutex_unlock(&session->stop_lock);
  if (vyre_session_phase(session) == VYRE_SESSION_STOPPED) vyre_ring_cancel(&session->ring);
  return status;
}

/* ---- swap ---- */

/* Under the lock, the kernel parked: its memory stays as it is, its code is replaced. */
static vyre_status_t relaunch(vyre_session_t *session, vyre_image_t *image) {
  VYRE_TRY(vyre_session_write_control(session, VYRE_CONTROL_PARK, 0));
  VYRE_TRY(session->launch->ops->relaunch(session->launch, image));
  session->device->ops->image_destroy(session->image);
  session->image = image;
  atomic_fetch_add(&session->launches, 1);
  atomic_fetch_add(&session->swaps, 1);
  return NULL;
}

static vyre_status_t park_and_relaunch(vyre_session_t *session, vyre_image_t *image, uint64_t deadline_ns) {
  atomic_fetch_add(&session->swap_steps, 1);
  vyre_status_t status = vyre_session_write_control(session, VYRE_CONTROL_PARK, 1);
  if (!status) status = join(session, deadline_ns);
  if (!status) status = relaunch(session, image);
  atomic_fetch_add(&session->swap_steps, 1);
  return status;
}

vyre_status_t vyre_session_swap(vyre_session_t *session, uint64_t timeout_ns) {
  if (vyre_session_phase(session) != VYRE_SESSION_RUNNING)
    return vyre_status_make(VYRE_E_STATE, "only a running kernel is swapped");
  if (!session->launch->ops->relaunch)
    return vyre_status_with_fix(
        vyre_status_make(VYRE_E_UNSUPPORTED, "device %s swaps no kernels", session->device->name),
        "Open a device cuda:N, or start another session.");
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  vyre_image_t *image;
  VYRE_TRY(build_image(session, &image)); /* beside the live kernel */
  vyre_status_t status = lock_until(session, deadline_ns);
  if (!status) {
    /* A SHUTDOWN slot or a stop that came first has ended it for good. */
    if (vyre_session_phase(session) != VYRE_SESSION_RUNNING || vyre_session_has_ended(session))
      status = vyre_status_fixed(VYRE_E_STOPPED);
    else
      status = park_and_relaunch(session, image, deadline_ns);
    pthread_mutex_unlock(&session->stop_lock);
  }
  if (session->image != image) session->device->ops->image_destroy(image);
  return status;
}

/* ---- destroy ---- */

void vyre_session_destroy(vyre_session_t **session_pointer) {
  if (!session_pointer || !*session_pointer) return;
  vyre_session_t *session = *session_pointer;
  *session_pointer = NULL;
  vyre_status_t status = vyre_session_stop(session, DESTROY_STOP_S * VYRE_NS_PER_S);
  vyre_status_destroy(&status);
  /* A worker is still inside: its code and everything it can reach stay, on purpose. */
  if (vyre_session_is_stuck(session)) return;
  const vyre_device_ops_t *device = session->device->ops;
  vyre_program_destroy(&session->loop);
  vyre_session_free_values(session);
  for (uint32_t i = 0; i < session->handler_count; i++) vyre_program_destroy(&session->handlers[i].program);
  for (uint32_t i = VYRE_WINDOW_FIRST; i <= session->params.windows + 1; i++)
    device->release(session->device, &session->window_memory[i]);
  vyre_free(session->window_memory);
  vyre_free(session->watches);
  vyre_session_free_formats(session);
  vyre_session_release(session);
  /* After the memory: it is the launch that keeps other sessions from the device. */
  if (session->launch) session->launch->ops->destroy(session->launch);
  if (session->image) device->image_destroy(session->image);
  pthread_mutex_destroy(&session->lock);
  pthread_mutex_destroy(&session->stop_lock);
  vyre_free(session);
}

/* ---- what streams need ---- */

vyre_device_t *vyre_session_device(const vyre_session_t *session) { return session->device; }

uint32_t vyre_session_pumps(const vyre_session_t *session) {
  return session->device->pumps ? session->device->pumps : session->params.workers;
}

vyre_status_t vyre_session_attach(vyre_session_t *session, vyre_pump_t *pump) {
  if (vyre_session_phase(session) != VYRE_SESSION_RUNNING)
    return vyre_status_make(VYRE_E_STATE, "the session does not run");
  VYRE_TRY(session->launch->ops->attach(session->launch, pump));
  vyre_ring_wake_all(&session->ring);
  /* Workers of dispatched sleep on their letters. */
  bool has_letters = session->params.topology == VYRE_TOPOLOGY_DISPATCHED && session->device->sleeps;
  uint64_t word = session->blocks + VYRE_WORKER_LETTER + VYRE_ENTRY_BYTES_EACH - 4;
  for (uint32_t i = 1; i < session->block_count && has_letters; i++)
    vyre_ring_wake_at((void *)(uintptr_t)(word + (uint64_t)i * VYRE_WORKER_BYTES_EACH), 1);
  return NULL;
}

void vyre_session_detach(vyre_session_t *session, vyre_pump_t *pump) {
  session->launch->ops->detach(session->launch, pump);
}

bool vyre_session_pumps_on(const vyre_session_t *session) { return session->launch->pumps_on; }

vyre_session_stats_t vyre_session_stats(const vyre_session_t *session) {
  vyre_session_stats_t stats = {.launches = atomic_load(&session->launches),
                                .swaps = atomic_load(&session->swaps),
                                .workers = session->params.workers,
                                .build_ns = atomic_load(&session->build_ns),
                                .builder = session->params.builder,
                                .topology = session->params.topology};
  if (!session->launch) return stats;
  uint64_t first = session->params.first_ticket;
  stats.published = atomic_load(&session->ring.next_ticket) - first;
  stats.taken = vyre_ring_taken(&session->ring) - first;
  stats.fences =
      atomic_load_explicit(VYRE_SHARED_WORD64(session->ring.shared, EPOCH_SEEN), memory_order_relaxed) - first;
  stats.log_lost = atomic_load_explicit(VYRE_SHARED_WORD64(session->ring.shared, LOG_LOST), memory_order_relaxed);
  return stats;
}
