#include "finite_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include <vyre/session.h>

enum { READ_STATE = 0xDEAD /* in a completion that was read */ };

static finite_host_t *the_host; /* handlers have no way to it but this */

static const uint32_t registered[FINITE_OPCODES] = {8, 24, 0x1234567, 0x3FFFFFFF, 9};
static const uint32_t element_bytes[FINITE_OPCODES] = {1, 4, 0, 8, 2};
static const uint32_t output_bytes[FINITE_OPCODES] = {64, 0, 64, 128, 64};

/* ---- the layout, as protocol.h says it ---- */

static uint32_t lap_of(const finite_host_t *h, uint64_t ticket) { return (uint32_t)((ticket >> h->shift) + 1); }

static void lay_out_block(finite_host_t *h, uint32_t worker) {
  finite_image_t *m = h->image;
  vyre_frame_t frame = {.control = finite_address(m->control),
                        .stop = finite_address(m->control + VYRE_CONTROL_STOP),
                        .hooks = finite_address(&h->hooks),
                        .worker = worker,
                        .fuel = FINITE_FUEL,
                        .scratch = finite_address(m->locals[worker])};
  memcpy(m->blocks[worker], &frame, sizeof frame);
  frame.scratch = finite_address(m->scratches[worker]);
  memcpy(m->blocks[worker] + VYRE_WORKER_CALL_FRAME, &frame, sizeof frame);
  uint32_t letter = (uint32_t)h->first & ~1u;
  put32(m->blocks[worker], VYRE_WORKER_DONE, letter);
  for (uint32_t quarter = 0; quarter < 4; quarter++)
    put32(m->blocks[worker], VYRE_WORKER_LETTER + 16 * quarter + 12, letter);
}

static void lay_out(finite_host_t *h, uint32_t spin_limit) {
  finite_image_t *m = h->image;
  put64(m->shared, VYRE_SHARED_TAKEN, h->first);
  put64(m->control, VYRE_CONTROL_SHARED, finite_address(m->shared));
  put64(m->control, VYRE_CONTROL_RING, finite_address(m->ring));
  put64(m->control, VYRE_CONTROL_COMPLETIONS, finite_address(m->completions));
  put64(m->control, VYRE_CONTROL_TABLE, finite_address(m->table));
  put64(m->control, VYRE_CONTROL_LIFE, finite_address(m->lives));
  put64(m->control, VYRE_CONTROL_FENCES, finite_address(m->fences));
  put64(m->control, VYRE_CONTROL_FIRST_TICKET, h->first);
  put64(m->control, VYRE_CONTROL_LAST_USER, h->first);
  put32(m->control, VYRE_CONTROL_CELL_COUNT, h->cells);
  put64(m->control, VYRE_CONTROL_LOG, finite_address(m->log));
  put32(m->control, VYRE_CONTROL_LOG_MASK, FINITE_LOG - 1);
  put64(m->control, VYRE_CONTROL_QUEUE, finite_address(m->queue));
  put64(m->control, VYRE_CONTROL_WINDOWS, finite_address(m->windows));
  put64(m->control, VYRE_CONTROL_OPCODES, finite_address(m->opcodes));
  put32(m->control, VYRE_CONTROL_RING_SHIFT, h->shift);
  put32(m->control, VYRE_CONTROL_WINDOW_COUNT, FINITE_WINDOWS);
  put32(m->control, VYRE_CONTROL_OPCODE_SHIFT, FINITE_OPCODE_SHIFT);
  put32(m->control, VYRE_CONTROL_SPIN_LIMIT, spin_limit);
  put64(m->control, VYRE_CONTROL_BLOCKS, finite_address(m->blocks));
  put32(m->control, VYRE_CONTROL_BLOCK_COUNT, h->blocks);
  put64(m->control, VYRE_CONTROL_TICKET, h->first);
  /* The queues' counters may stand anywhere as well; epochs and records are counted from the first ticket on. A ring is
   * a queue's length: they lie one behind the other. */
  for (uint32_t i = 0; i < VYRE_CLASSES; i++) {
    uint64_t pushed = random_next(&h->random) | (random_once_in(&h->random, 2) ? ~UINT64_C(0xF) : 0);
    put64(m->control, VYRE_CONTROL_QUEUE_TAIL + 8 * i, pushed);
    put64(m->control, VYRE_CONTROL_QUEUE_HEAD + 8 * i, pushed);
  }
  put64(m->control, VYRE_CONTROL_EPOCH, h->first);
  put64(m->shared, VYRE_SHARED_EPOCH_SEEN, h->first);
  put64(m->control, VYRE_CONTROL_LOG_CURSOR, h->first);
  put64(m->shared, VYRE_SHARED_LOG_READ, h->first);
  for (uint64_t i = 0; i < FINITE_LOG; i++) {
    uint8_t *record = m->log + (h->first + i) % FINITE_LOG * VYRE_LOG_RECORD_BYTES_EACH;
    put32(record, VYRE_LOG_RECORD_TAG0, (uint32_t)(h->first + i));
    put32(record, VYRE_LOG_RECORD_TAG1, (uint32_t)(h->first + i));
  }
  for (uint64_t i = 0; i < (1u << h->shift); i++) {
    uint8_t *slot = m->ring + ((h->first + i) & ((1u << h->shift) - 1)) * 64;
    uint32_t stale = lap_of(h, h->first + i) - 1;
    for (uint32_t quarter = 0; quarter < 3; quarter++) put32(slot, 16 * quarter + 12, stale);
    put32(slot, 60, stale << 16);
  }
  for (uint32_t i = 0; i < h->cells; i++) {
    m->lives[i] = h->first - 1;
    h->resting_tag[i] = (uint32_t)h->first;
    put32(m->completions, i * 64, h->resting_tag[i]);
    put32(m->completions, i * 64 + 4, READ_STATE);
  }
  /* Windows 1 to 3 are for words; 4 and 5 for chunks and outputs; 3 is removed. Odd lengths. Number 2 says that it is
   * memory of the host. */
  for (uint32_t i = 1; i < FINITE_WINDOWS; i++) {
    if (i == 3) continue;
    put64(m->windows, i * 32 + VYRE_WINDOW_BASE, finite_address(m->memory[i]));
    put64(m->windows, i * 32 + VYRE_WINDOW_BYTES, i == 2 ? FINITE_WORDS * 4 - 6 : FINITE_WORDS * 4);
    put32(m->windows, i * 32 + VYRE_WINDOW_IS_HOST, i == 2);
  }
  for (uint32_t i = 0; i < FINITE_WORDS; i++) m->memory[4][i] = h->model[4][i] = (uint32_t)random_next(&h->random);
  for (uint32_t i = 0; i <= FINITE_OPCODES; i++) {
    bool is_copy = i == FINITE_OPCODES;
    uint32_t opcode = is_copy ? VYRE_OP_MEMCPY : registered[i];
    uint32_t place = opcode * 2654435769u >> (32 - FINITE_OPCODE_SHIFT); /* 0x9E3779B1 */
    while (get32(m->opcodes, place * 16)) place = (place + 1) % (1 << FINITE_OPCODE_SHIFT);
    put32(m->opcodes, place * 16 + VYRE_OPCODE_CODE, opcode);
    put32(m->opcodes, place * 16 + VYRE_OPCODE_HANDLER, is_copy ? UINT32_MAX : i);
    if (is_copy) continue;
    put32(m->opcodes, place * 16 + VYRE_OPCODE_OUTPUT_BYTES, output_bytes[i]);
    put32(m->opcodes, place * 16 + VYRE_OPCODE_ELEMENT_BYTES, element_bytes[i]);
  }
  for (uint32_t i = 0; i < h->blocks; i++) lay_out_block(h, i);
}

/* ---- the model: what a slot does ---- */

typedef struct slot {
  uint32_t opcode, who, arg[10];
} slot_t;

static uint64_t window_bytes(uint32_t handle) {
  static const uint64_t bytes[FINITE_WINDOWS] = {0, FINITE_WORDS * 4, FINITE_WORDS * 4 - 6,
                                                 0, FINITE_WORDS * 4, FINITE_WORDS * 4};
  return handle < FINITE_WINDOWS ? bytes[handle] : 0;
}

/* Why a place of a window cannot be used, or 0. */
static uint32_t place_fault(uint32_t handle, uint64_t offset, uint64_t bytes, uint32_t align) {
  uint64_t limit = window_bytes(handle);
  if (limit == 0) return VYRE_FAULT_BAD_HANDLE;
  return offset > limit || bytes > limit - offset || offset % align ? VYRE_FAULT_BAD_RANGE : 0;
}

/* One operation on a word: gives its fault, or its result in *result. */
static uint32_t model_word(finite_host_t *h, uint32_t opcode, uint32_t handle, uint64_t offset, uint32_t first,
                           uint32_t second, uint32_t *result) {
  uint32_t fault = place_fault(handle, offset, 4, 4);
  if (fault) return fault;
  if (handle == 2 && (opcode == VYRE_OP_ATOMIC_ADD || opcode == VYRE_OP_COMPARE_SWAP)) return VYRE_FAULT_HOST_MEMORY;
  uint32_t *word = &h->model[handle][offset / 4];
  *result = opcode == VYRE_OP_STORE_U32 ? 0 : *word;
  if (opcode == VYRE_OP_STORE_U32) *word = first;
  if (opcode == VYRE_OP_ATOMIC_ADD) *word += first;
  if (opcode == VYRE_OP_COMPARE_SWAP && *word == first) *word = second;
  return 0;
}

static uint32_t model_copy(finite_host_t *h, const slot_t *s, uint32_t *result) {
  uint64_t from = s->arg[1] | (uint64_t)s->arg[2] << 32, to = s->arg[4] | (uint64_t)s->arg[5] << 32, bytes = s->arg[6];
  uint32_t fault = place_fault(s->arg[0], from, bytes, 1);
  if (!fault) fault = place_fault(s->arg[3], to, bytes, 1);
  if (!fault && s->arg[0] == s->arg[3] && to < from + bytes && from < to + bytes) fault = VYRE_FAULT_BAD_RANGE;
  if (fault) return fault;
  memcpy((uint8_t *)h->model[s->arg[3]] + to, (const uint8_t *)h->model[s->arg[0]] + from, bytes);
  *result = (uint32_t)bytes;
  return 0;
}

static uint32_t model_packed(finite_host_t *h, const slot_t *s, uint32_t *low, uint32_t *high) {
  static const uint32_t operands[] = {0, 2, 2, 1, 3};
  if (s->arg[0] > 9) return VYRE_FAULT_BAD_ARGUMENT;
  const uint32_t *word = s->arg + 1, *end = s->arg + 10;
  for (uint32_t i = 0; i < s->arg[0]; i++) {
    *high = i;
    uint32_t opcode = word < end ? *word & 0xFF : 0;
    if (word >= end || opcode > 4 || *word >> 24 || operands[opcode] >= (size_t)(end - word))
      return VYRE_FAULT_BAD_ARGUMENT;
    *low = 0;
    uint32_t count = operands[opcode], handle = *word >> 8 & 0xFFFF;
    uint32_t fault =
        count == 0 ? 0 : model_word(h, opcode, handle, word[1], count > 1 ? word[2] : 0, count > 2 ? word[3] : 0, low);
    if (fault) return fault;
    word += 1 + count;
  }
  *high = 0;
  return 0;
}

static uint32_t model_fence(const finite_host_t *h, const slot_t *s, finite_expected_t *e) {
  uint64_t first = s->arg[0] | (uint64_t)s->arg[1] << 32, back = e->ticket - first;
  if (back > e->ticket - h->first || s->arg[2] > back) return VYRE_FAULT_BAD_FENCE;
  e->is_fence = true;
  e->fence_first = first;
  e->fence_count = s->arg[2];
  e->high = s->arg[3]; /* low, the epoch, is what it happens to be */
  return 0;
}

static uint32_t model_print(finite_host_t *h, const slot_t *s, const finite_expected_t *e) {
  finite_print_t *print = &h->prints[h->print_count++ % FINITE_PRINTS_MAX];
  *print = (finite_print_t){.ticket = e->ticket, .word = {s->arg[0], s->arg[1], s->arg[2], s->arg[3]}};
  return 0;
}

/* A built-in opcode: its fault, or 0. */
static uint32_t model_builtin(finite_host_t *h, const slot_t *s, finite_expected_t *e) {
  switch (s->opcode) {
    case VYRE_OP_STORE_U32:
    case VYRE_OP_LOAD_U32:
    case VYRE_OP_ATOMIC_ADD:
    case VYRE_OP_COMPARE_SWAP: return model_word(h, s->opcode, s->arg[0], s->arg[1], s->arg[2], s->arg[3], &e->low);
    case VYRE_OP_DFA_STEP:
      if (s->arg[3] > 255) return VYRE_FAULT_BAD_ARGUMENT;
      return model_word(h, VYRE_OP_LOAD_U32, s->arg[0], s->arg[1] + ((uint64_t)s->arg[2] * 256 + s->arg[3]) * 4, 0, 0,
                        &e->low);
    case VYRE_OP_MEMCPY: return model_copy(h, s, &e->low);
    case VYRE_OP_BATCH_FENCE: return model_fence(h, s, e);
    case VYRE_OP_PRINTF: return model_print(h, s, e);
    case VYRE_OP_PACKED_SLOT: return model_packed(h, s, &e->low, &e->high);
    default: return VYRE_FAULT_UNKNOWN_OPCODE;
  }
}

/* Which fault a handler itself ends with. */
static uint32_t own_fault(uint64_t stream_offset) { return stream_offset % 5 == 0 ? VYRE_FAULT_TRAP : 0; }

static void model_call(finite_host_t *h, const slot_t *s, uint32_t handler, finite_expected_t *e) {
  uint64_t offset = s->arg[1] | (uint64_t)s->arg[2] << 32, size = s->arg[3];
  uint64_t data_limit = window_bytes(s->arg[0]);
  uint64_t out_limit = window_bytes(s->arg[7]), out_offset = s->arg[8];
  uint64_t data_base = data_limit ? finite_address(h->image->memory[s->arg[0]]) : 0;
  uint64_t out_base = out_limit ? finite_address(h->image->memory[s->arg[7]]) : 0;
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
  e->state = fault ? VYRE_STATE_FAULT : VYRE_STATE_DONE;
  e->low = fault;
  if (fault) return;
  e->has_call = true;
  e->call = (finite_call_t){.handler = handler,
                            .data = data_base + offset,
                            .bytes = size,
                            .stream_offset = s->arg[4] | (uint64_t)s->arg[5] << 32,
                            .output = out_base + out_offset,
                            .flags = s->arg[6]};
  e->low = own_fault(e->call.stream_offset);
  if (!e->low) return;
  e->state = VYRE_STATE_FAULT;
  e->high = handler << 12 | 5;
}

static void model(finite_host_t *h, const slot_t *s, finite_expected_t *e) {
  e->state = VYRE_STATE_DONE;
  if (s->opcode == VYRE_OP_NOP || s->opcode == VYRE_OP_SHUTDOWN) return;
  for (uint32_t i = 0; i < FINITE_OPCODES; i++)
    if (registered[i] == s->opcode) {
      model_call(h, s, i, e);
      return;
    }
  uint32_t fault = model_builtin(h, s, e);
  if (!fault) return;
  e->state = VYRE_STATE_FAULT;
  e->low = fault;
}

/* ---- the handlers: machine code and interpreter call the same C functions ---- */

/* Whether a worker has the ticket's letter and has not answered it. */
static bool has_letter(const finite_host_t *h, uint64_t ticket) {
  for (uint32_t i = 1; i < h->blocks; i++) {
    const uint8_t *letter = h->image->blocks[i] + VYRE_WORKER_LETTER;
    if (get32(letter, VYRE_ENTRY_TAG) == (uint32_t)(ticket + 1) &&
        get32(letter, 12) != get32(h->image->blocks[i], VYRE_WORKER_DONE))
      return true;
  }
  return false;
}

/* Every call of its class with a ticket below this one's has been made or was handed out: the order of direct, and of
 * letters. */
static void check_order(finite_host_t *h, const finite_expected_t *began) {
  for (uint32_t cell = 0; cell < h->cells; cell++) {
    const finite_expected_t *e = &h->expected[cell];
    if (e->is_open && e->has_call && e->calls_made == 0 && e->class_ == began->class_ &&
        e->ticket - h->first < began->ticket - h->first && !has_letter(h, e->ticket))
      FINITE_WRONG(h, "ticket %llu began before ticket %llu was handed out", (unsigned long long)began->ticket,
                   (unsigned long long)e->ticket);
  }
}

static void handle(vyre_frame_t *frame, void *context) {
  finite_host_t *h = the_host;
  uint32_t index = (uint32_t)(uintptr_t)context;
  uint32_t worker = frame->worker < h->blocks ? frame->worker : 0;
  const uint8_t *block = h->image->blocks[worker];
  uint32_t cell = get32(block, VYRE_WORKER_CELL);
  finite_expected_t *e = &h->expected[cell < h->cells ? cell : 0];
  const finite_call_t *c = &e->call;
  if (frame->worker != worker || frame->scratch != finite_address(h->image->scratches[worker]))
    FINITE_WRONG(h, "a frame that is not worker %u's", worker);
  if (get32(block, VYRE_WORKER_RUNNING) != index + 1) FINITE_WRONG(h, "RUNNING in handler %u", index);
  if (!e->is_open || !e->has_call || e->calls_made++ > 0) {
    FINITE_WRONG(h, "handler %u was called for cell %u, which it should not have been", index, cell);
  } else if (c->handler != index || c->data != frame->data || c->bytes != frame->data_bytes ||
             c->output != frame->output || c->stream_offset != frame->stream_offset || c->flags != frame->flags ||
             frame->fuel != FINITE_FUEL) {
    FINITE_WRONG(h, "ticket %llu: handler %u (not %u), %llu bytes (not %llu)", (unsigned long long)e->ticket, index,
                 c->handler, (unsigned long long)frame->data_bytes, (unsigned long long)c->bytes);
  }
  check_order(h, e);
  h->calls_made++;
  finite_event(h);
  if (h->inside) h->inside(h, worker);
  memset(h->image->scratches[worker], (int)(index + 1), FINITE_SCRATCH_BYTES);
  frame->fault = own_fault(frame->stream_offset);
  frame->fault_node = frame->fault ? index << 12 | 5 : 0xDEAD;
}

static const vyre_entry_t handlers[FINITE_OPCODES] = {
    {handle, (void *)0}, {handle, (void *)1}, {handle, (void *)2}, {handle, (void *)3}, {handle, (void *)4}};

/* Every look at the clock finds it later. It begins shortly before its low half wraps. */
static uint64_t tell_time(vyre_hooks_t *hooks) {
  finite_host_t *h = finite_host_of(hooks);
  finite_event(h);
  return h->now++;
}

/* ---- the host's part ---- */

/* A window of words, now and then none; and an offset of one of its words, now and then of none. */
static uint32_t random_handle(random_t *r) {
  if (!random_once_in(r, 6)) return 1 + random_below(r, 2);
  return random_below(r, 2) ? 3 : (uint32_t)random_next(r) | 8;
}
static uint32_t random_offset(random_t *r) {
  if (random_once_in(r, 6)) return (uint32_t)random_next(r);
  return random_below(r, FINITE_WORDS + 2) * 4 + (random_once_in(r, 8) ? 2 : 0);
}

/* A short copy between the windows of words; or a long one from window 4 to the same place in 5, which workers may do
 * in any order. Some are wrong. */
static void random_copy(random_t *r, slot_t *s) {
  bool is_long = random_once_in(r, 2), is_wrong = random_once_in(r, 4);
  s->opcode = VYRE_OP_MEMCPY;
  s->arg[6] = is_long ? 257 + random_below(r, FINITE_WORDS * 4 - 256) : random_below(r, 100);
  uint32_t room = FINITE_WORDS * 4 - s->arg[6] + (is_wrong && !is_long ? 20 : 1);
  s->arg[0] = is_long ? 4 : random_handle(r);
  s->arg[3] = is_long ? 5 : random_handle(r);
  s->arg[1] = s->arg[4] = random_below(r, room);
  if (!is_long) s->arg[4] = random_below(r, room);
  s->arg[2] = s->arg[5] = 0;
  if (!is_wrong) return;
  switch (random_below(r, 4)) {
    case 0: s->arg[0] = s->arg[3]; break; /* onto itself, for a long one */
    case 1: s->arg[random_once_in(r, 2) ? 2 : 5] = 1u << random_below(r, 32); break;
    case 2: s->arg[6] += FINITE_WORDS * 4; break;
    default: s->arg[random_once_in(r, 2) ? 0 : 3] = 3; break;
  }
}

static void random_packed(random_t *r, slot_t *s) {
  static const uint32_t operands[] = {0, 2, 2, 1, 3};
  s->opcode = VYRE_OP_PACKED_SLOT;
  uint32_t at = 1, count = 0;
  while (at < 10) {
    uint32_t opcode = random_below(r, 5);
    if (at + operands[opcode] >= 10 && !random_once_in(r, 10)) break;
    s->arg[at] = opcode | (random_handle(r) & 0xFFFF) << 8;
    if (at + 1 < 10) s->arg[at + 1] = random_offset(r);
    at += 1 + operands[opcode];
    count++;
    if (random_once_in(r, 5)) break;
  }
  s->arg[0] = random_once_in(r, 12) ? random_below(r, 14) : count;
  if (random_once_in(r, 12)) s->arg[1 + random_below(r, 9)] = (uint32_t)random_next(r);
}

static void random_fence(finite_host_t *h, slot_t *s) {
  random_t *r = &h->random;
  s->opcode = VYRE_OP_BATCH_FENCE;
  uint64_t before = h->next - h->first;
  uint32_t near = before > 40 ? 40 : (uint32_t)before;
  uint64_t back = random_once_in(r, 4) ? random_below(r, (uint32_t)before + 1) : random_below(r, near + 1);
  uint64_t first = h->next - back;
  s->arg[2] = random_below(r, (uint32_t)back + 1);
  switch (random_below(r, 12)) {
    case 0: first = h->first - 1 - random_below(r, 3); break;
    case 1: first = h->next + random_below(r, 3); break;
    case 2: s->arg[2] = (uint32_t)back + 1; break;
    default: break;
  }
  s->arg[0] = (uint32_t)first;
  s->arg[1] = (uint32_t)(first >> 32);
}

static bool random_builtin(finite_host_t *h, slot_t *s) {
  random_t *r = &h->random;
  static const uint32_t words[] = {VYRE_OP_STORE_U32, VYRE_OP_LOAD_U32, VYRE_OP_ATOMIC_ADD, VYRE_OP_COMPARE_SWAP};
  switch (random_below(r, 12)) {
    case 0: return true;
    case 1:
    case 2:
    case 3: s->opcode = words[random_below(r, random_once_in(r, 2) ? 4 : 2)]; break;
    case 4: random_copy(r, s); return true;
    case 5: random_packed(r, s); return true;
    case 6: random_fence(h, s); return true;
    case 7: s->opcode = random_once_in(r, 2) ? VYRE_OP_PRINTF : VYRE_OP_DFA_STEP; break;
    default: return false;
  }
  s->arg[0] = s->opcode == VYRE_OP_PRINTF ? s->arg[0] : random_handle(r);
  s->arg[1] = random_offset(r);
  if (s->opcode == VYRE_OP_COMPARE_SWAP && random_once_in(r, 2) && s->arg[0] < 3 && s->arg[1] / 4 < FINITE_WORDS)
    s->arg[2] = h->model[s->arg[0]][s->arg[1] / 4];
  if (s->opcode != VYRE_OP_DFA_STEP) return true;
  s->arg[1] = random_below(r, 4) * 4;
  s->arg[2] = random_once_in(r, 8) ? (uint32_t)random_next(r) : 0;
  s->arg[3] = random_once_in(r, 8) ? (uint32_t)random_next(r) : random_below(r, FINITE_WORDS);
  return true;
}

/* A number that nothing has. */
static uint32_t unknown_opcode(random_t *r) {
  for (;;) {
    uint32_t opcode = random_once_in(r, 2) ? (uint32_t)random_next(r) : random_below(r, 40);
    bool is_known =
        opcode < 8 || opcode == VYRE_OP_PRINTF || opcode == VYRE_OP_PACKED_SLOT || opcode == VYRE_OP_SHUTDOWN;
    for (uint32_t i = 0; i < FINITE_OPCODES; i++) is_known |= registered[i] == opcode;
    if (!is_known) return opcode;
  }
}

static slot_t random_slot(finite_host_t *h) {
  random_t *r = &h->random;
  slot_t s = {.opcode = VYRE_OP_NOP, .who = (uint32_t)random_next(r)};
  for (unsigned i = 0; i < 10; i++) s.arg[i] = (uint32_t)random_next(r);
  if (random_builtin(h, &s)) return s;
  s.opcode = random_once_in(r, 6) ? unknown_opcode(r) : registered[random_below(r, FINITE_OPCODES)];
  /* A chunk that is right, but for one thing in some. */
  uint32_t element = 8, offset = random_below(r, 20) * element;
  s.arg[0] = 4 + random_below(r, 2);
  s.arg[1] = offset;
  s.arg[2] = 0;
  s.arg[3] = random_below(r, (FINITE_WORDS * 4 - offset) / element + 1) * element;
  s.arg[6] = random_below(r, 2);
  s.arg[7] = 4 + random_below(r, 2);
  s.arg[8] = random_below(r, 17) * 8;
  s.arg[9] = 0;
  switch (random_below(r, 16)) {
    case 0: s.arg[0] = random_below(r, 10); break;
    case 1: s.arg[1] = random_below(r, FINITE_WORDS * 4 + 9); break;
    case 2: s.arg[2] = 1u << random_below(r, 32); break;
    case 3: s.arg[3] += random_below(r, 20); break;
    case 4: s.arg[6] = 1u << random_below(r, 32); break;
    case 5: s.arg[7] = random_below(r, 10); break;
    case 6: s.arg[8] = random_below(r, FINITE_WORDS * 4 + 20); break;
    case 7: s.arg[9] = 1; break;
    case 8: s.arg[0] = s.arg[3] = s.arg[1] = 0; break; /* no bytes, no window */
    default: break;
  }
  return s;
}

static bool may_publish(const finite_host_t *h) {
  uint64_t taken = get64(h->image->shared, VYRE_SHARED_TAKEN);
  return h->free_count > 0 && h->next - taken < (1u << h->shift);
}

static void write_half(finite_host_t *h, uint32_t quarters) {
  uint8_t *slot = h->image->ring + (h->next & ((1u << h->shift) - 1)) * 64;
  for (uint32_t q = 0; q < 4; q++)
    if (quarters >> q & 1) memcpy(slot + 16 * q, h->half + 4 * q, 16);
  h->half_quarters |= quarters;
  if (h->half_quarters != 15) return;
  h->has_half = false;
  h->next++;
}

/* Takes a cell, makes a slot and expects its end; writes these quarters of it. */
static void begin_publish(finite_host_t *h, slot_t s, bool runs, uint32_t quarters) {
  uint32_t at = random_below(&h->random, h->free_count), cell = h->free[at];
  h->free[at] = h->free[--h->free_count];
  finite_expected_t *e = &h->expected[cell];
  uint32_t priority = s.who >> 24 & 7;
  *e = (finite_expected_t){.ticket = h->next,
                           .opcode = s.opcode,
                           .class_ = priority < 4 ? priority : 4,
                           .wants_clocks = s.who >> 31 && s.opcode != VYRE_OP_SHUTDOWN};
  if (runs) model(h, &s, e);
  e->is_open = true;
  uint32_t lap = lap_of(h, h->next);
  uint32_t words[16] = {s.opcode, s.who,    s.arg[0], lap, s.arg[1], s.arg[2], s.arg[3], lap,
                        s.arg[4], s.arg[5], s.arg[6], lap, s.arg[7], s.arg[8], s.arg[9], lap << 16 | cell};
  memcpy(h->half, words, sizeof words);
  h->has_half = true;
  h->half_quarters = 0;
  write_half(h, quarters);
}

/* What it covers has completed, as the host sees it; the epochs count up. */
static void check_fence(finite_host_t *h, const finite_expected_t *e, uint32_t epoch) {
  for (uint32_t cell = 0; cell < h->cells; cell++) {
    const finite_expected_t *covered = &h->expected[cell];
    if (covered->is_open && covered->ticket - e->fence_first < e->fence_count &&
        get32(h->image->completions, cell * 64) != (uint32_t)(covered->ticket + 1))
      FINITE_WRONG(h, "the fence of ticket %llu is ahead of ticket %llu", (unsigned long long)e->ticket,
                   (unsigned long long)covered->ticket);
  }
  /* Those whose completions are not read yet are ahead of it, at most. */
  if (epoch == (uint32_t)h->first ||
      (uint32_t)get64(h->image->control, VYRE_CONTROL_EPOCH) - epoch >= h->epochs + h->cells)
    FINITE_WRONG(h, "epoch %u", epoch);
  h->epochs++;
}

/* Records come in the order of tickets; those that the log had no place for are passed over. */
static void read_log(finite_host_t *h) {
  for (;;) {
    const uint8_t *record = h->image->log + h->log_read % FINITE_LOG * VYRE_LOG_RECORD_BYTES_EACH;
    uint32_t tag = (uint32_t)h->log_read + 1;
    if (get32(record, VYRE_LOG_RECORD_TAG0) != tag || get32(record, VYRE_LOG_RECORD_TAG1) != tag) break;
    finite_print_t seen = {.ticket = get32(record, VYRE_LOG_RECORD_TICKET_LOW) |
                                     (uint64_t)get32(record, VYRE_LOG_RECORD_TICKET_HIGH) << 32,
                           .word = {get32(record, VYRE_LOG_RECORD_FORMAT), get32(record, VYRE_LOG_RECORD_VALUE0),
                                    get32(record, VYRE_LOG_RECORD_VALUE1), get32(record, VYRE_LOG_RECORD_VALUE2)}};
    while (h->prints_seen < h->print_count && h->prints[h->prints_seen].ticket != seen.ticket) {
      h->prints_seen++;
      h->lost++;
    }
    if (h->prints_seen == h->print_count || memcmp(&h->prints[h->prints_seen], &seen, sizeof seen) != 0) {
      FINITE_WRONG(h, "record %llu of the log", (unsigned long long)h->log_read);
      return;
    }
    h->prints_seen++;
    h->log_read++;
  }
  put64(h->image->shared, VYRE_SHARED_LOG_READ, h->log_read);
}

/* The quarters behind the first one. */
static void check_quarters(finite_host_t *h, const finite_expected_t *e, const uint8_t *c, uint32_t status) {
  uint32_t tag = (uint32_t)(e->ticket + 1), more = 0;
  if (e->state == VYRE_STATE_FAULT) {
    more |= 1u << 8;
    if (get32(c, 0x10) != tag || get32(c, 0x14) >= h->blocks || get32(c, 0x18) != e->opcode)
      FINITE_WRONG(h, "ticket %llu: the quarter of its fault", (unsigned long long)e->ticket);
  }
  if (e->wants_clocks) {
    more |= 1u << 9;
    uint64_t begin = get32(c, 0x24) | (uint64_t)get32(c, 0x28) << 32, end = get32(c, 0x34) | (uint64_t)get32(c, 0x38)
                                                                                                 << 32;
    if (get32(c, 0x20) != tag || get32(c, 0x30) != tag || get32(c, 0x2C) >= h->blocks || begin == 0 || begin >= end ||
        end > h->now)
      FINITE_WRONG(h, "ticket %llu: the quarters of its clocks", (unsigned long long)e->ticket);
  }
  if (status >> 8 != more >> 8)
    FINITE_WRONG(h, "ticket %llu: status 0x%x, not 0x%x", (unsigned long long)e->ticket, status, e->state | more);
}

static void check_completion(finite_host_t *h, uint32_t cell) {
  finite_expected_t *e = &h->expected[cell];
  const uint8_t *c = h->image->completions + cell * 64;
  uint32_t status = get32(c, 4), state = status & 0xFF, low = get32(c, 8), high = get32(c, 12);
  if (h->is_stopped && e->opcode == VYRE_OP_MEMCPY && state == VYRE_STATE_FAULT && low == VYRE_FAULT_CANCELLED) {
    e->state = VYRE_STATE_FAULT; /* a long one, which looks at STOP */
    e->low = VYRE_FAULT_CANCELLED;
  }
  check_quarters(h, e, c, status);
  bool is_fence = e->is_fence && state == VYRE_STATE_DONE;
  if (is_fence) check_fence(h, e, low);
  if (state != e->state || (low != e->low && !is_fence) || high != e->high)
    FINITE_WRONG(h, "ticket %llu: state %u %u %u, not %u %u %u", (unsigned long long)e->ticket, state, low, high,
                 e->state, e->low, e->high);
  if (e->calls_made != e->has_call)
    FINITE_WRONG(h, "ticket %llu: %u calls", (unsigned long long)e->ticket, e->calls_made);
}

void finite_read_completions(finite_host_t *h) {
  if (random_once_in(&h->random, 4)) read_log(h);
  for (uint32_t cell = 0; cell < h->cells; cell++) {
    finite_expected_t *e = &h->expected[cell];
    uint32_t tag = get32(h->image->completions, cell * 64);
    if (tag == h->resting_tag[cell]) {
      if (get32(h->image->completions, cell * 64 + 4) != READ_STATE) FINITE_WRONG(h, "cell %u completed twice", cell);
      continue;
    }
    if (!e->is_open || tag != (uint32_t)(e->ticket + 1)) {
      FINITE_WRONG(h, "cell %u has the tag %u, ticket %llu", cell, tag, (unsigned long long)e->ticket);
      continue;
    }
    if (h->has_half && e->ticket == h->next) FINITE_WRONG(h, "a slot of quarters %x was taken", h->half_quarters);
    check_completion(h, cell);
    /* No state that there is: a second completion shows, whenever it comes. The tag stays, for open fences. */
    h->resting_tag[cell] = tag;
    put32(h->image->completions, cell * 64 + 4, READ_STATE);
    e->is_open = false;
    h->free[h->free_count++] = cell;
  }
}

bool finite_publish(finite_host_t *h, uint32_t most) {
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
  if ((!did || random_once_in(&h->random, 2)) && !h->has_half && h->next - h->first == h->total && !h->has_shutdown &&
      h->free_count > FINITE_BEHIND && h->next - taken + FINITE_BEHIND < (1u << h->shift)) {
    begin_publish(h, (slot_t){.opcode = VYRE_OP_SHUTDOWN}, true, 15);
    h->has_shutdown = did = true;
    for (uint32_t i = 0; i < FINITE_BEHIND; i++) begin_publish(h, random_slot(h), false, 15);
  }
  return did;
}

/* ---- a run ---- */

finite_image_t *finite_image_make(void) {
  finite_image_t *image = aligned_alloc(64, sizeof *image);
  assert_non_null(image);
  return image;
}

bool finite_images_equal(const finite_image_t *a, const finite_image_t *b, char *out_where, size_t size) {
  if (memcmp(a, b, sizeof *a) == 0) return true;
#define PART(name) \
  { #name, offsetof(finite_image_t, name) }
  static const struct {
    const char *name;
    size_t offset;
  } parts[] = {PART(control), PART(shared), PART(ring),   PART(completions), PART(table),
               PART(lives),   PART(fences), PART(log),    PART(queue),       PART(windows),
               PART(opcodes), PART(blocks), PART(locals), PART(scratches),   PART(memory)};
#undef PART
  const uint8_t *first = (const uint8_t *)a, *second = (const uint8_t *)b;
  size_t at = 0, part = 0;
  while (first[at] == second[at]) at++;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (parts[i].offset <= at) part = i;
  snprintf(out_where, size, "byte 0x%zx of %s differs", at - parts[part].offset, parts[part].name);
  return false;
}

uint32_t finite_shift(uint64_t seed) { return 3 + random_below(&(random_t){seed}, FINITE_SHIFT_MAX - 2); }

void finite_borders(uint64_t seed, uint64_t out_borders[FINITE_BORDERS]) {
  uint32_t shift = finite_shift(seed);
  /* Where the ticket, its lap, and the tags made of them wrap; and anywhere. */
  out_borders[0] =
      (random_below(&(random_t){~seed}, 1000) + 1) * (UINT64_C(1) << (16 + shift)); /* the lap's low half */
  out_borders[1] = UINT64_C(1) << (32 + shift);                                     /* the lap */
  out_borders[2] = UINT64_C(1) << 32;
  out_borders[3] = 0;
  out_borders[4] = random_next(&(random_t){seed + 1000});
}

void finite_begin(finite_host_t *h, finite_image_t *image, const vyre_hooks_t *hooks, uint32_t blocks,
                  uint32_t spin_limit, uint64_t seed, uint64_t border) {
  memset(h, 0, sizeof *h);
  memset(image, 0, sizeof *image);
  h->image = image;
  h->hooks = *hooks;
  h->hooks.handlers = handlers;
  h->hooks.clock = tell_time;
  h->blocks = blocks;
  h->random.state = seed;
  h->shift = 3 + random_below(&h->random, FINITE_SHIFT_MAX - 2); /* as finite_shift */
  h->cells = FINITE_BEHIND + 1 + random_below(&h->random, (1u << h->shift) - FINITE_BEHIND);
  h->total = 200 + random_below(&h->random, 400);
  h->first = border - random_below(&h->random, (uint32_t)h->total);
  h->next = h->first;
  h->log_read = h->first;
  h->now = (UINT64_C(5) << 32) - 300;
  for (uint32_t i = 0; i < h->cells; i++) h->free[h->free_count++] = i;
  lay_out(h, spin_limit);
  the_host = h;
}

uint64_t finite_queued(const finite_host_t *h) {
  uint64_t queued = 0;
  for (uint32_t i = 0; i < VYRE_CLASSES; i++)
    queued += get64(h->image->control, VYRE_CONTROL_QUEUE_TAIL + 8 * i) -
              get64(h->image->control, VYRE_CONTROL_QUEUE_HEAD + 8 * i);
  return queued;
}

void finite_event(finite_host_t *h) {
  if (++h->events != h->stop_at) return;
  put32(h->image->control, VYRE_CONTROL_STOP, VYRE_STOP_NOW);
  h->is_stopped = true;
}

static bool is_for_workers(const finite_expected_t *e) {
  for (uint32_t i = 0; i < FINITE_OPCODES; i++)
    if (registered[i] == e->opcode) return true;
  return e->opcode == VYRE_OP_MEMCPY || e->is_fence;
}

void finite_check_stopped(finite_host_t *h) {
  const uint8_t *control = h->image->control, *shared = h->image->shared;
  uint64_t taken = get64(shared, VYRE_SHARED_TAKEN) - h->first;
  bool was_open[FINITE_SLOTS_MAX];
  for (uint32_t cell = 0; cell < h->cells; cell++) was_open[cell] = h->expected[cell].is_open;
  finite_read_completions(h);
  for (uint32_t cell = 0; cell < h->cells; cell++) {
    const finite_expected_t *e = &h->expected[cell];
    bool is_taken = e->ticket - h->first < taken;
    unsigned long long ticket = e->ticket;
    if (was_open[cell] && !e->is_open && !is_taken) FINITE_WRONG(h, "ticket %llu completed and was not taken", ticket);
    if (!e->is_open) continue;
    if (e->calls_made) FINITE_WRONG(h, "ticket %llu ran and did not complete", ticket);
    if (is_taken && !is_for_workers(e)) FINITE_WRONG(h, "ticket %llu was taken and did not complete", ticket);
  }
  if (get32(control, VYRE_CONTROL_LOCK) || get32(shared, VYRE_SHARED_SLEEPERS)) FINITE_WRONG(h, "LOCK or SLEEPERS");
  for (uint32_t i = 0; i < h->blocks; i++)
    if (get32(h->image->blocks[i], VYRE_WORKER_RUNNING)) FINITE_WRONG(h, "RUNNING of worker %u", i);
}

void finite_check_end(finite_host_t *h) {
  const uint8_t *control = h->image->control, *shared = h->image->shared;
  finite_read_completions(h);
  uint64_t end = h->first + h->total + 1;
  if (!h->has_shutdown) FINITE_WRONG(h, "it ended before SHUTDOWN");
  if (get64(shared, VYRE_SHARED_TAKEN) != end) FINITE_WRONG(h, "TAKEN is not behind SHUTDOWN");
  if (get32(shared, VYRE_SHARED_ENDING) != 1) FINITE_WRONG(h, "ENDING");
  if (get32(control, VYRE_CONTROL_LOCK) || get32(shared, VYRE_SHARED_SLEEPERS)) FINITE_WRONG(h, "LOCK or SLEEPERS");
  if (finite_queued(h)) FINITE_WRONG(h, "a queue holds something");
  for (uint32_t i = 0; i < h->blocks; i++)
    if (get32(h->image->blocks[i], VYRE_WORKER_RUNNING)) FINITE_WRONG(h, "RUNNING of worker %u", i);
  if (h->free_count != h->cells - FINITE_BEHIND)
    FINITE_WRONG(h, "%u of %u cells came back", h->free_count, h->cells - FINITE_BEHIND);
  for (uint32_t cell = 0; cell < h->cells; cell++)
    if (h->expected[cell].is_open && h->expected[cell].ticket - end >= FINITE_BEHIND)
      FINITE_WRONG(h, "ticket %llu did not complete", (unsigned long long)h->expected[cell].ticket);
  read_log(h);
  h->lost += h->print_count - h->prints_seen;
  if (get64(shared, VYRE_SHARED_LOG_LOST) != h->lost) FINITE_WRONG(h, "records lost");
  uint64_t epoch = h->first + h->epochs;
  if (get64(control, VYRE_CONTROL_EPOCH) != epoch || get64(shared, VYRE_SHARED_EPOCH_SEEN) != epoch)
    FINITE_WRONG(h, "EPOCH is not the number of fences");
  if (get32(control, VYRE_CONTROL_OPEN_FENCES)) FINITE_WRONG(h, "a fence is open");
  if (memcmp(h->model, h->image->memory, sizeof h->model) != 0) FINITE_WRONG(h, "the windows' words");
}
