/* The megakernel's loop, single-threaded, over a ring in plain memory that this test lays out by itself from
 * protocol.h: random slots of every opcode against a model of the protocol in C, on both sides of every counter's wrap.
 * The interpreter and the cpu device's machine code run the very same image: afterwards all its bytes are equal.
 *
 * The host's part is played inside the pump hook: it reads completions and publishes more, so that the ring goes round
 * many times. Arguments: [first seed] [count]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vyre/session.h>

#include "device/cpu/cpu.h"
#include "interp/interp.h"
#include "megakernel/loop.h"
#include "megakernel/protocol.h"
#include "support/expect.h"
#include "support/random.h"

static uint64_t first_seed = 1, seed_count = 150;

enum {
  SHIFT_MAX = 6,
  SLOTS_MAX = 1 << SHIFT_MAX,
  OPCODES = 5,      /* registered */
  OPCODE_SHIFT = 4, /* 16 places: some of the opcodes collide */
  WINDOWS = 6,      /* handles 1 .. 5; 0 is none */
  WORDS = 64,       /* of each window */
  SPIN_LIMIT = 3,
  BEHIND = 3, /* slots published behind SHUTDOWN */
};

/* One block, so that it can be kept and compared as a whole. */
typedef struct image {
  _Alignas(64) uint8_t control[VYRE_CONTROL_BYTES];
  _Alignas(64) uint8_t shared[VYRE_SHARED_BYTES];
  _Alignas(64) uint8_t ring[SLOTS_MAX * 64];
  _Alignas(64) uint8_t completions[SLOTS_MAX * 64];
  _Alignas(64) uint8_t table[SLOTS_MAX * 64];
  _Alignas(64) uint32_t queue[SLOTS_MAX];
  _Alignas(64) uint8_t windows[WINDOWS * 32];
  _Alignas(64) uint8_t opcodes[(1 << OPCODE_SHIFT) * 16];
  _Alignas(64) uint8_t worker[VYRE_WORKER_BYTES_EACH];
  _Alignas(64) uint32_t memory[WINDOWS][WORDS]; /* of the windows */
} image_t;

/* What a slot must end as. */
typedef struct expected {
  uint64_t ticket;
  uint32_t state, low, high; /* state 0: not to complete */
  bool is_open;              /* in flight */
} expected_t;

/* A handler's call as it must be. */
typedef struct call {
  uint32_t handler;
  uint64_t data, bytes, stream_offset, output;
  uint32_t flags;
} call_t;

typedef struct host {
  image_t *image;
  vyre_hooks_t hooks; /* found from the hooks' address */
  random_t random;
  uint32_t shift, cells;
  uint64_t next, first, total; /* tickets: to publish, the first, how many before SHUTDOWN */
  uint32_t free[SLOTS_MAX], free_count;
  expected_t expected[SLOTS_MAX]; /* by cell */
  uint32_t model[WINDOWS][WORDS]; /* what the word windows hold */
  call_t *calls;                  /* in the order of tickets */
  uint32_t calls_expected, calls_made;
  uint32_t half_quarters; /* bit q: quarter q of ticket `next` is written, the others are not */
  uint32_t half[16];      /* its words */
  bool has_half, has_shutdown;
  uint32_t sleeps, fences, idle_calls;
  char wrong[200];
} host_t;

static host_t *the_host; /* handlers have no way to it but this */

static const uint32_t registered[OPCODES] = {8, 24, 0x1234567, 0x3FFFFFFF, 9};
static const uint32_t element_bytes[OPCODES] = {1, 4, 0, 8, 2};
static const uint32_t output_bytes[OPCODES] = {64, 0, 64, 128, 64};

#define WRONG(h, ...)                                                                     \
  do {                                                                                    \
    if (!(h)->wrong[0]) snprintf((h)->wrong, sizeof(h)->wrong, __VA_ARGS__);              \
  } while (0)

static void put32(uint8_t *at, uint32_t offset, uint32_t value) { memcpy(at + offset, &value, 4); }
static void put64(uint8_t *at, uint32_t offset, uint64_t value) { memcpy(at + offset, &value, 8); }
static uint32_t get32(const uint8_t *at, uint32_t offset) {
  uint32_t value;
  memcpy(&value, at + offset, 4);
  return value;
}
static uint64_t get64(const uint8_t *at, uint32_t offset) {
  uint64_t value;
  memcpy(&value, at + offset, 8);
  return value;
}
static uint64_t address(const void *memory) { return (uint64_t)(uintptr_t)memory; }

/* ---- the layout, as protocol.h says it ---- */

static uint32_t lap_of(const host_t *h, uint64_t ticket) { return (uint32_t)((ticket >> h->shift) + 1); }

static void lay_out(host_t *h) {
  image_t *m = h->image;
  memset(m, 0, sizeof *m);
  put64(m->shared, VYRE_SHARED_TAKEN, h->first);
  put64(m->control, VYRE_CONTROL_SHARED, address(m->shared));
  put64(m->control, VYRE_CONTROL_RING, address(m->ring));
  put64(m->control, VYRE_CONTROL_COMPLETIONS, address(m->completions));
  put64(m->control, VYRE_CONTROL_TABLE, address(m->table));
  put64(m->control, VYRE_CONTROL_QUEUE, address(m->queue));
  put64(m->control, VYRE_CONTROL_WINDOWS, address(m->windows));
  put64(m->control, VYRE_CONTROL_OPCODES, address(m->opcodes));
  put32(m->control, VYRE_CONTROL_RING_SHIFT, h->shift);
  put32(m->control, VYRE_CONTROL_WINDOW_COUNT, WINDOWS);
  put32(m->control, VYRE_CONTROL_OPCODE_SHIFT, OPCODE_SHIFT);
  put32(m->control, VYRE_CONTROL_SPIN_LIMIT, SPIN_LIMIT);
  /* The queue's counters may stand anywhere as well. */
  uint64_t pushed = random_next(&h->random) | (random_once_in(&h->random, 2) ? ~UINT64_C(0xF) : 0);
  put64(m->control, VYRE_CONTROL_QUEUE_TAIL, pushed);
  put64(m->control, VYRE_CONTROL_QUEUE_HEAD, pushed);
  for (uint64_t i = 0; i < (1u << h->shift); i++) {
    uint8_t *slot = m->ring + ((h->first + i) & ((1u << h->shift) - 1)) * 64;
    uint32_t stale = lap_of(h, h->first + i) - 1;
    for (uint32_t quarter = 0; quarter < 3; quarter++) put32(slot, 16 * quarter + 12, stale);
    put32(slot, 60, stale << 16);
  }
  for (uint32_t i = 0; i < h->cells; i++) put32(m->completions, i * 64, (uint32_t)h->first);
  /* Windows 1 to 3 are for words; 4 and 5 for chunks and outputs; 3 is removed. Odd lengths. */
  for (uint32_t i = 1; i < WINDOWS; i++) {
    if (i == 3) continue;
    put64(m->windows, i * 32 + VYRE_WINDOW_BASE, address(m->memory[i]));
    put64(m->windows, i * 32 + VYRE_WINDOW_BYTES, i == 2 ? WORDS * 4 - 6 : WORDS * 4);
  }
  for (uint32_t i = 0; i < OPCODES; i++) {
    uint32_t place = registered[i] * 2654435769u >> (32 - OPCODE_SHIFT); /* 0x9E3779B1 */
    while (get32(m->opcodes, place * 16)) place = (place + 1) % (1 << OPCODE_SHIFT);
    put32(m->opcodes, place * 16 + VYRE_OPCODE_CODE, registered[i]);
    put32(m->opcodes, place * 16 + VYRE_OPCODE_HANDLER, i);
    put32(m->opcodes, place * 16 + VYRE_OPCODE_OUTPUT_BYTES, output_bytes[i]);
    put32(m->opcodes, place * 16 + VYRE_OPCODE_ELEMENT_BYTES, element_bytes[i]);
  }
  vyre_frame_t *frame = (vyre_frame_t *)(void *)m->worker;
  vyre_frame_t *call = (vyre_frame_t *)(void *)(m->worker + VYRE_WORKER_CALL_FRAME);
  frame->control = call->control = address(m->control);
  frame->stop = call->stop = address(m->control + VYRE_CONTROL_STOP);
  frame->hooks = call->hooks = address(&h->hooks);
  frame->worker = call->worker = 0;
  call->fuel = 77;
}

/* ---- the model: what a slot does ---- */

typedef struct slot {
  uint32_t opcode, who, arg[10];
} slot_t;

static void model_word(host_t *h, const slot_t *s, expected_t *e) {
  uint32_t handle = s->arg[0], offset = s->arg[1];
  if (handle == 0 || handle >= WINDOWS || handle == 3) {
    *e = (expected_t){.ticket = e->ticket, .state = VYRE_STATE_FAULT, .low = VYRE_FAULT_BAD_HANDLE};
    return;
  }
  uint64_t bytes = handle == 2 ? WORDS * 4 - 6 : WORDS * 4;
  if (offset % 4 || (uint64_t)offset + 4 > bytes) {
    *e = (expected_t){.ticket = e->ticket, .state = VYRE_STATE_FAULT, .low = VYRE_FAULT_BAD_RANGE};
    return;
  }
  uint32_t *word = &h->model[handle][offset / 4];
  *e = (expected_t){.ticket = e->ticket, .state = VYRE_STATE_DONE};
  if (s->opcode == VYRE_OP_STORE_U32)
    *word = s->arg[2];
  else
    e->low = *word;
}

/* Which fault a handler itself ends with. */
static uint32_t own_fault(uint64_t stream_offset) { return stream_offset % 5 == 0 ? VYRE_FAULT_TRAP : 0; }

static void model_call(host_t *h, const slot_t *s, uint32_t handler, expected_t *e) {
  static const uint64_t bytes_of[WINDOWS] = {0, WORDS * 4, WORDS * 4 - 6, 0, WORDS * 4, WORDS * 4};
  uint64_t offset = s->arg[1] | (uint64_t)s->arg[2] << 32, size = s->arg[3];
  uint64_t data_limit = s->arg[0] < WINDOWS ? bytes_of[s->arg[0]] : 0;
  uint64_t out_limit = s->arg[7] < WINDOWS ? bytes_of[s->arg[7]] : 0, out_offset = s->arg[8];
  uint64_t data_base = data_limit ? address(h->image->memory[s->arg[0]]) : 0;
  uint64_t out_base = out_limit ? address(h->image->memory[s->arg[7]]) : 0;
  uint32_t element = element_bytes[handler] ? element_bytes[handler] : 1;
  uint32_t fault = 0;
  if (data_base == 0 && size > 0)
    fault = VYRE_FAULT_BAD_HANDLE;
  else if (offset > data_limit || size > data_limit - offset || (data_base + offset) % element || size % element)
    fault = VYRE_FAULT_BAD_RANGE;
  else if (out_base == 0 && output_bytes[handler] > 0)
    fault = VYRE_FAULT_BAD_HANDLE;
  else if (output_bytes[handler] > 0 && (out_offset > out_limit || output_bytes[handler] > out_limit - out_offset))
    fault = VYRE_FAULT_BAD_RANGE;
  else if ((out_base + out_offset) % 8)
    fault = VYRE_FAULT_BAD_RANGE;
  else if (s->arg[6] > 1 || s->arg[9])
    fault = VYRE_FAULT_BAD_ARGUMENT;
  *e = (expected_t){.ticket = e->ticket, .state = fault ? VYRE_STATE_FAULT : VYRE_STATE_DONE, .low = fault};
  if (fault) return;
  call_t *call = &h->calls[h->calls_expected++];
  *call = (call_t){.handler = handler,
                   .data = data_base + offset,
                   .bytes = size,
                   .stream_offset = s->arg[4] | (uint64_t)s->arg[5] << 32,
                   .output = out_base + out_offset,
                   .flags = s->arg[6]};
  fault = own_fault(call->stream_offset);
  if (fault) *e = (expected_t){.ticket = e->ticket, .state = VYRE_STATE_FAULT, .low = fault, .high = handler << 12 | 5};
}

static void model(host_t *h, const slot_t *s, expected_t *e) {
  if (s->opcode == VYRE_OP_NOP || s->opcode == VYRE_OP_SHUTDOWN) {
    e->state = VYRE_STATE_DONE;
  } else if (s->opcode == VYRE_OP_STORE_U32 || s->opcode == VYRE_OP_LOAD_U32) {
    model_word(h, s, e);
  } else {
    for (uint32_t i = 0; i < OPCODES; i++)
      if (registered[i] == s->opcode) {
        model_call(h, s, i, e);
        return;
      }
    e->state = VYRE_STATE_FAULT;
    e->low = VYRE_FAULT_UNKNOWN_OPCODE;
  }
}

/* ---- the handlers: machine code and interpreter call the same C functions ---- */

static void handle(vyre_frame_t *frame, void *context) {
  host_t *h = the_host;
  uint32_t index = (uint32_t)(uintptr_t)context;
  if (h->calls_made >= h->calls_expected) {
    WRONG(h, "a handler was called that should not have been");
  } else {
    const call_t *c = &h->calls[h->calls_made++];
    if (c->handler != index || c->data != frame->data || c->bytes != frame->data_bytes || c->output != frame->output ||
        c->stream_offset != frame->stream_offset || c->flags != frame->flags || frame->fuel != 77)
      WRONG(h, "call %u: handler %u (not %u), %llu bytes (not %llu)", h->calls_made - 1, index, c->handler,
            (unsigned long long)frame->data_bytes, (unsigned long long)c->bytes);
  }
  if (get32(h->image->worker, VYRE_WORKER_RUNNING) == 0) WRONG(h, "RUNNING is 0 in a handler");
  frame->fault = own_fault(frame->stream_offset);
  frame->fault_position = frame->fault ? index << 12 | 5 : 0xDEAD;
}

static const vyre_entry_t handlers[OPCODES] = {
    {handle, (void *)0}, {handle, (void *)1}, {handle, (void *)2}, {handle, (void *)3}, {handle, (void *)4}};

/* ---- the host's part ---- */

static slot_t random_slot(host_t *h) {
  random_t *r = &h->random;
  slot_t s = {.opcode = VYRE_OP_NOP, .who = (uint32_t)random_next(r)};
  for (unsigned i = 0; i < 10; i++) s.arg[i] = (uint32_t)random_next(r);
  switch (random_below(r, 6)) {
    case 0: break;
    case 1:
    case 2:
      s.opcode = random_once_in(r, 2) ? VYRE_OP_STORE_U32 : VYRE_OP_LOAD_U32;
      s.arg[0] = random_once_in(r, 6) ? random_below(r, 2) ? 3 : s.arg[0] | 8 : random_below(r, 3);
      s.arg[1] = random_once_in(r, 6) ? s.arg[1] : random_below(r, WORDS + 2) * 4 + (random_once_in(r, 8) ? 2 : 0);
      break;
    case 3:
      s.opcode = random_once_in(r, 2) ? s.arg[0] : random_below(r, 40);
      if (s.opcode == VYRE_OP_SHUTDOWN || s.opcode == VYRE_OP_STORE_U32 || s.opcode == VYRE_OP_LOAD_U32) s.opcode = 2;
      break;
    default:
      s.opcode = registered[random_below(r, OPCODES)];
  }
  if (s.opcode == VYRE_OP_STORE_U32 || s.opcode == VYRE_OP_LOAD_U32) return s;
  /* A chunk that is right, but for one thing in some. */
  uint32_t element = 8, offset = random_below(r, 20) * element;
  s.arg[0] = 4 + random_below(r, 2);
  s.arg[1] = offset;
  s.arg[2] = 0;
  s.arg[3] = random_below(r, (WORDS * 4 - offset) / element + 1) * element;
  s.arg[6] = random_below(r, 2);
  s.arg[7] = 4 + random_below(r, 2);
  s.arg[8] = random_below(r, 17) * 8;
  s.arg[9] = 0;
  switch (random_below(r, 16)) {
    case 0: s.arg[0] = random_below(r, 10); break;
    case 1: s.arg[1] = random_below(r, WORDS * 4 + 9); break;
    case 2: s.arg[2] = 1u << random_below(r, 32); break;
    case 3: s.arg[3] += random_below(r, 20); break;
    case 4: s.arg[6] = 1u << random_below(r, 32); break;
    case 5: s.arg[7] = random_below(r, 10); break;
    case 6: s.arg[8] = random_below(r, WORDS * 4 + 20); break;
    case 7: s.arg[9] = 1; break;
    case 8: s.arg[0] = s.arg[3] = s.arg[1] = 0; break; /* no bytes, no window */
    default: break;
  }
  return s;
}

static bool may_publish(const host_t *h) {
  uint64_t taken = get64(h->image->shared, VYRE_SHARED_TAKEN);
  return h->free_count > 0 && h->next - taken < (1u << h->shift);
}

static void write_half(host_t *h, uint32_t quarters) {
  uint8_t *slot = h->image->ring + (h->next & ((1u << h->shift) - 1)) * 64;
  for (uint32_t q = 0; q < 4; q++)
    if (quarters >> q & 1) memcpy(slot + 16 * q, h->half + 4 * q, 16);
  h->half_quarters |= quarters;
  if (h->half_quarters != 15) return;
  h->has_half = false;
  h->next++;
}

/* Takes a cell, makes a slot and expects its end; writes these quarters of it. */
static void begin_publish(host_t *h, slot_t s, bool runs, uint32_t quarters) {
  uint32_t at = random_below(&h->random, h->free_count), cell = h->free[at];
  h->free[at] = h->free[--h->free_count];
  expected_t *e = &h->expected[cell];
  *e = (expected_t){.ticket = h->next};
  if (runs) model(h, &s, e);
  e->is_open = true;
  uint32_t lap = lap_of(h, h->next);
  uint32_t words[16] = {s.opcode, s.who,    s.arg[0], lap,      s.arg[1], s.arg[2], s.arg[3], lap,
                        s.arg[4], s.arg[5], s.arg[6], lap,      s.arg[7], s.arg[8], s.arg[9], lap << 16 | cell};
  memcpy(h->half, words, sizeof words);
  h->has_half = true;
  h->half_quarters = 0;
  write_half(h, quarters);
}

static void check_completion(host_t *h, uint32_t cell) {
  const expected_t *e = &h->expected[cell];
  const uint8_t *c = h->image->completions + cell * 64;
  uint32_t state = get32(c, 4), low = get32(c, 8), high = get32(c, 12);
  if (state != e->state || low != e->low || high != e->high)
    WRONG(h, "ticket %llu: state %u %u %u, not %u %u %u", (unsigned long long)e->ticket, state, low, high, e->state,
          e->low, e->high);
}

static void read_completions(host_t *h) {
  for (uint32_t cell = 0; cell < h->cells; cell++) {
    expected_t *e = &h->expected[cell];
    if (!e->is_open || get32(h->image->completions, cell * 64) != (uint32_t)(e->ticket + 1)) continue;
    if (h->has_half && e->ticket == h->next) WRONG(h, "a slot of quarters %x was taken", h->half_quarters);
    check_completion(h, cell);
    e->is_open = false;
    h->free[h->free_count++] = cell;
  }
}

/* Publishes up to `most` slots, the last of them maybe in part only. False when there was nothing to do. */
static bool publish_some(host_t *h, uint32_t most) {
  if (h->has_half) {
    write_half(h, random_once_in(&h->random, 2) ? 15 : random_below(&h->random, 16) | h->half_quarters);
    return true;
  }
  bool did = false;
  for (uint32_t i = 0; i < most && h->next - h->first < h->total && may_publish(h); i++) {
    bool whole = !random_once_in(&h->random, 4);
    begin_publish(h, random_slot(h), true, whole ? 15 : random_below(&h->random, 15));
    did = true;
    if (!whole) break;
  }
  /* SHUTDOWN comes when there is room for what shall stand behind it and not run. */
  uint64_t taken = get64(h->image->shared, VYRE_SHARED_TAKEN);
  if (!did && h->next - h->first == h->total && !h->has_shutdown && h->free_count > BEHIND &&
      h->next - taken + BEHIND < (1u << h->shift)) {
    begin_publish(h, (slot_t){.opcode = VYRE_OP_SHUTDOWN}, true, 15);
    h->has_shutdown = did = true;
    for (uint32_t i = 0; i < BEHIND; i++) begin_publish(h, random_slot(h), false, 15);
  }
  return did;
}

static host_t *of_hooks(vyre_hooks_t *hooks) {
  return (host_t *)(void *)((uint8_t *)hooks - offsetof(host_t, hooks));
}

static uint32_t hook_pump(vyre_hooks_t *hooks, uint32_t worker) {
  host_t *h = of_hooks(hooks);
  if (worker != 0) WRONG(h, "worker %u", worker);
  if (++h->idle_calls > 100000) {
    /* Nothing goes on any more: leave the loop, and say so. */
    put32(h->image->control, VYRE_CONTROL_STOP, VYRE_STOP_NOW);
    WRONG(h, "the loop did not come to its end");
  }
  if (h->has_shutdown) return 0;
  read_completions(h);
  /* Now and then nothing, so that the loop gets as far as its sleep. */
  if (random_once_in(&h->random, 3)) return 0;
  return publish_some(h, 1 + random_below(&h->random, 2u << h->shift)) && random_once_in(&h->random, 2);
}

/* A publisher that comes while a worker goes to sleep: then it does not sleep. */
static void hook_heavy_fence(vyre_hooks_t *hooks) {
  host_t *h = of_hooks(hooks);
  h->fences++;
  if (get32(h->image->shared, VYRE_SHARED_SLEEPERS) != 1) WRONG(h, "a fence with SLEEPERS not 1");
  if (random_once_in(&h->random, 4)) publish_some(h, 1);
}

static void hook_sleep(vyre_hooks_t *hooks, uint32_t worker, uint64_t word, uint32_t seen) {
  host_t *h = of_hooks(hooks);
  h->sleeps++;
  if (worker != 0 || word != address(h->image->shared + VYRE_SHARED_EVENT) ||
      seen != get32(h->image->shared, VYRE_SHARED_EVENT))
    WRONG(h, "sleeps on another word");
  if (get32(h->image->shared, VYRE_SHARED_SLEEPERS) != 1) WRONG(h, "sleeps with SLEEPERS not 1");
  if (get64(h->image->shared, VYRE_SHARED_TAKEN) != h->next) WRONG(h, "sleeps over a published slot");
  put32(h->image->shared, VYRE_SHARED_EVENT, seen + 1);
}

/* ---- a run ---- */

static void begin(host_t *h, image_t *image, uint64_t seed, uint64_t border) {
  memset(h, 0, sizeof *h);
  h->image = image;
  h->hooks = (vyre_hooks_t){handlers, hook_pump, hook_sleep, hook_heavy_fence};
  h->random.state = seed;
  h->shift = 3 + random_below(&h->random, SHIFT_MAX - 2);
  h->cells = BEHIND + 1 + random_below(&h->random, (1u << h->shift) - BEHIND);
  h->total = 200 + random_below(&h->random, 400);
  h->first = border - random_below(&h->random, (uint32_t)h->total);
  h->next = h->first;
  for (uint32_t i = 0; i < h->cells; i++) h->free[h->free_count++] = i;
  h->calls = calloc(h->total + 1, sizeof *h->calls);
  assert_non_null(h->calls);
  lay_out(h);
  the_host = h;
}

static void check_end(host_t *h, uint64_t seed, const char *what) {
  const uint8_t *control = h->image->control, *shared = h->image->shared;
  read_completions(h);
  uint64_t end = h->first + h->total + 1;
  if (!h->has_shutdown) WRONG(h, "it ended before SHUTDOWN");
  if (get64(shared, VYRE_SHARED_TAKEN) != end) WRONG(h, "TAKEN is not behind SHUTDOWN");
  if (get32(control, VYRE_CONTROL_STOP) != VYRE_STOP_FINISH) WRONG(h, "STOP");
  if (get32(control, VYRE_CONTROL_LOCK) || get32(shared, VYRE_SHARED_SLEEPERS)) WRONG(h, "LOCK or SLEEPERS");
  if (get64(control, VYRE_CONTROL_QUEUE_HEAD) != get64(control, VYRE_CONTROL_QUEUE_TAIL)) WRONG(h, "the queue holds");
  if (get32(h->image->worker, VYRE_WORKER_RUNNING)) WRONG(h, "RUNNING");
  if (h->calls_made != h->calls_expected) WRONG(h, "%u of %u calls", h->calls_made, h->calls_expected);
  if (h->free_count != h->cells - BEHIND) WRONG(h, "%u of %u cells came back", h->free_count, h->cells - BEHIND);
  for (uint32_t cell = 0; cell < h->cells; cell++)
    if (h->expected[cell].is_open && h->expected[cell].ticket - end >= BEHIND)
      WRONG(h, "ticket %llu did not complete", (unsigned long long)h->expected[cell].ticket);
  if (memcmp(h->model, h->image->memory, sizeof h->model) != 0) WRONG(h, "the windows' words");
  if (h->wrong[0])
    fail_msg("%s, seed %llu, first ticket 0x%llx: %s", what, (unsigned long long)seed, (unsigned long long)h->first,
             h->wrong);
}

static image_t *make_image(void) {
  image_t *image = aligned_alloc(64, sizeof *image);
  assert_non_null(image);
  return image;
}

static void random_slots(void **state) {
  (void)state;
  vyre_program_t *loop;
  ok(vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DIRECT, .sleeps = true}, &loop));
  vyre_interp_t *interp;
  ok(vyre_interp_create(loop, &interp));
  vyre_loaded_t *object;
  vyre_entry_t machine;
  ok(vyre_cpu_compile(loop, false, &object, &machine));
  image_t *image = make_image(), *reference = make_image();
  static host_t host;
  uint64_t sleeps = 0, fences = 0, calls = 0;
  for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
    /* Where the ticket, its lap in a ring of 2^3 .. 2^6, and the tags made of them wrap. */
    uint64_t borders[] = {0, 0, UINT64_C(1) << 32, 0, 0};
    uint32_t shift = 3 + random_below(&(random_t){seed}, SHIFT_MAX - 2); /* as in begin */
    borders[0] = (random_below(&(random_t){~seed}, 1000) + 1) * (UINT64_C(1) << (16 + shift)); /* the lap's low half */
    borders[1] = UINT64_C(1) << (32 + shift);                                                  /* the lap */
    borders[4] = random_next(&(random_t){seed + 1000});
    for (unsigned i = 0; i < sizeof borders / sizeof *borders; i++) {
      begin(&host, image, seed, borders[i]);
      assert_int_equal(host.shift, shift);
      vyre_interp_call((vyre_frame_t *)(void *)image->worker, interp);
      check_end(&host, seed, "interpreter");
      free(host.calls);
      memcpy(reference, image, sizeof *image);
      begin(&host, image, seed, borders[i]);
      machine.function((vyre_frame_t *)(void *)image->worker, machine.context);
      check_end(&host, seed, "machine code");
      free(host.calls);
      sleeps += host.sleeps;
      fences += host.fences;
      calls += host.calls_made;
      for (size_t at = 0; at < sizeof *image; at++)
        if (((uint8_t *)image)[at] != ((uint8_t *)reference)[at])
          fail_msg("seed %llu: byte 0x%zx of the image differs", (unsigned long long)seed, at);
    }
  }
  /* The hooks were really used, also by publishers that came late. */
  assert_true(sleeps > seed_count && fences > sleeps && calls > 100 * seed_count);
  free(image);
  free(reference);
  vyre_loaded_destroy(object);
  vyre_interp_destroy(interp);
  vyre_program_release(loop);
}

int main(int argc, char **argv) {
  if (argc > 1) first_seed = strtoull(argv[1], NULL, 0);
  if (argc > 2) seed_count = strtoull(argv[2], NULL, 0);
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_slots)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
