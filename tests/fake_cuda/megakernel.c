/* What the loop in topology dispatched does with NOP, STORE_U32, LOAD_U32 and SHUTDOWN, in C, after
 * docs/protocol/megakernel.md. There are no handlers: any Program
 * adds up the bytes of its chunk, where the driver is told so. */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fake_cuda/state.h"
#include "ir/frame.h"
#include "megakernel/protocol.h"

enum { IDLE_NS = 20000 };

static uint32_t load(uint64_t address) {
  return atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)address, memory_order_acquire);
}
static uint64_t load_wide(uint64_t address) {
  return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)address, memory_order_acquire);
}
static void store(uint64_t address, uint32_t value) {
  atomic_store_explicit((_Atomic uint32_t *)(uintptr_t)address, value, memory_order_release);
}
static void store_wide(uint64_t address, uint64_t value) {
  atomic_store_explicit((_Atomic uint64_t *)(uintptr_t)address, value, memory_order_release);
}

typedef struct loop {
  uint64_t control, shared, ring, completions, windows;
  uint32_t shift, window_count;
  uint64_t ticket, slots_done, beats;
  bool is_open;
} loop_t;

static bool has_slot(const loop_t *l, uint64_t slot) {
  uint32_t lap = vyre_lap(l->ticket, l->shift);
  return load(slot + 12) == lap && load(slot + 28) == lap && load(slot + 44) == lap &&
         load(slot + 60) >> 16 == (lap & 0xFFFF);
}

static void complete(const loop_t *l, uint64_t slot, vyre_state_t state, uint32_t low) {
  uint64_t completion = l->completions + (uint64_t)(load(slot + 60) & 0xFFFF) * VYRE_COMPLETION_BYTES;
  store(completion + 4, state);
  store(completion + 8, low);
  store(completion + 12, 0);
  store(completion, vyre_completion_tag(l->ticket));
}

static void access_word(const loop_t *l, uint64_t slot, bool is_store) {
  uint32_t handle = load(slot + vyre_slot_arg_offset(0)), offset = load(slot + vyre_slot_arg_offset(1));
  uint64_t window = l->windows + (uint64_t)handle * VYRE_WINDOW_BYTES_EACH;
  uint64_t base = handle < l->window_count ? load_wide(window + VYRE_WINDOW_BASE) : 0;
  if (base == 0) {
    complete(l, slot, VYRE_STATE_FAULT, VYRE_FAULT_BAD_HANDLE);
  } else if (offset % 4 || offset + UINT64_C(4) > load_wide(window + VYRE_WINDOW_BYTES)) {
    complete(l, slot, VYRE_STATE_FAULT, VYRE_FAULT_BAD_RANGE);
  } else if (is_store) {
    store(base + offset, load(slot + vyre_slot_arg_offset(2)));
    complete(l, slot, VYRE_STATE_DONE, 0);
  } else {
    complete(l, slot, VYRE_STATE_DONE, load(base + offset));
  }
}

/* The chunk as the pump's slot names it; the sum is the first output. */
static void sum_bytes(const loop_t *l, uint64_t slot) {
  uint64_t windows[2], at = load(slot + vyre_slot_arg_offset(VYRE_ARG_DATA_OFFSET_LOW)), sum = 0;
  at |= (uint64_t)load(slot + vyre_slot_arg_offset(VYRE_ARG_DATA_OFFSET_HIGH)) << 32;
  uint32_t bytes = load(slot + vyre_slot_arg_offset(VYRE_ARG_DATA_BYTES));
  for (unsigned i = 0; i < 2; i++) {
    uint32_t handle = load(slot + vyre_slot_arg_offset(i ? VYRE_ARG_OUTPUT_WINDOW : VYRE_ARG_DATA_WINDOW));
    windows[i] = load_wide(l->windows + (uint64_t)handle * VYRE_WINDOW_BYTES_EACH + VYRE_WINDOW_BASE);
  }
  const uint8_t *data = (const uint8_t *)(uintptr_t)(windows[0] + at);
  for (uint32_t i = 0; i < bytes; i++) sum += data[i];
  store_wide(windows[1], load_wide(windows[1]) + sum);
  complete(l, slot, VYRE_STATE_DONE, 0);
}

static void carry_out(loop_t *l, uint64_t slot) {
  switch (load(slot)) {
    case (uint32_t)VYRE_OPCODE_NOP: complete(l, slot, VYRE_STATE_DONE, 0); break;
    case (uint32_t)VYRE_OPCODE_STORE_U32: access_word(l, slot, true); break;
    case (uint32_t)VYRE_OPCODE_LOAD_U32: access_word(l, slot, false); break;
    case (uint32_t)VYRE_OPCODE_SHUTDOWN:
      complete(l, slot, VYRE_STATE_DONE, 0);
      store(l->shared + VYRE_SHARED_ENDING, 1);
      store(l->control + VYRE_CONTROL_STOP, VYRE_STOP_NOW);
      l->is_open = false;
      break;
    default:
      if (atomic_load(&fake_settings.programs_sum))
        sum_bytes(l, slot);
      else if (!atomic_load(&fake_settings.programs_wait))
        complete(l, slot, VYRE_STATE_FAULT, VYRE_FAULT_UNKNOWN_OPCODE);
      if (atomic_exchange(&fake_settings.programs_interrupt, false)) kill(getpid(), SIGINT);
  }
  l->slots_done++;
}

static bool is_told_to_leave(const loop_t *l, int mode) {
  if (mode == KERNEL_NEVER_ENDS) return false;
  if (load(l->control + VYRE_CONTROL_STOP) >= VYRE_STOP_NOW) return true;
  return mode != KERNEL_DEAF && load(l->control + VYRE_CONTROL_PARK) != 0;
}

static bool is_lost(const loop_t *l, int mode, const atomic_bool *told) {
  if (atomic_load(told)) return true;
  return mode == KERNEL_CRASHES && l->slots_done >= atomic_load(&fake_settings.crash_slots);
}

int fake_megakernel(uint64_t blocks, const atomic_bool *told) {
  uint64_t control = load_wide(blocks + offsetof(vyre_frame_t, control));
  loop_t l = {.control = control,
              .shared = load_wide(control + VYRE_CONTROL_SHARED),
              .ring = load_wide(control + VYRE_CONTROL_RING),
              .completions = load_wide(control + VYRE_CONTROL_COMPLETIONS),
              .windows = load_wide(control + VYRE_CONTROL_WINDOWS),
              .shift = load(control + VYRE_CONTROL_RING_SHIFT),
              .window_count = load(control + VYRE_CONTROL_WINDOW_COUNT),
              .ticket = load_wide(control + VYRE_CONTROL_TICKET),
              .is_open = true};
  for (;;) {
    int mode = atomic_load(&fake_settings.kernel); /* once: what is steered meanwhile counts in the next round */
    if (is_lost(&l, mode, told)) return ILLEGAL_ADDRESS;
    if (mode == KERNEL_HANGS) {
      nanosleep(&(struct timespec){.tv_nsec = IDLE_NS}, NULL);
      continue;
    }
    if (is_told_to_leave(&l, mode)) break;
    store_wide(blocks + VYRE_WORKER_HEARTBEAT, ++l.beats);
    uint64_t slot = l.ring + (l.ticket & ((UINT64_C(1) << l.shift) - 1)) * VYRE_SLOT_BYTES;
    bool works = l.is_open && has_slot(&l, slot);
    if (works) carry_out(&l, slot);
    if (is_lost(&l, mode, told)) return ILLEGAL_ADDRESS;
    if (works)
      store_wide(l.shared + VYRE_SHARED_TAKEN, ++l.ticket);
    else
      nanosleep(&(struct timespec){.tv_nsec = IDLE_NS}, NULL);
  }
  store_wide(control + VYRE_CONTROL_TICKET, l.ticket);
  return 0;
}
