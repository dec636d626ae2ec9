/* What host and kernel share: two blocks of memory, laid out here, filled before the launch. */
#include <string.h>

#include "base/memory.h"
#include "ir/layout.h"
#include "megakernel/protocol.h"
#include "megakernel/session_state.h"

/* About what an idle round of the loop takes, which turns spin_ns into rounds: in direct; of a worker of dispatched on
 * a host, where it is 64 looks, the dispatcher's takes six times as long; and on a GPU. */
enum { ROUND_NS = 40, DISPATCHED_ROUND_NS = 1600, GPU_ROUND_NS = 20000 };

/* Places in the device's block, in bytes from its start. */
typedef struct layout {
  uint64_t control, table, lives, fences, queue, windows, opcodes, templates, blocks, scratches;
  uint64_t filled; /* what the host writes: everything before the scratches */
  uint64_t total, scratch_each;
  uint64_t bindings; /* the table of a call, in a worker's scratch */
  uint32_t opcode_shift;
} layout_t;

static uint64_t carve(uint64_t *next, uint64_t bytes) {
  uint64_t start = *next;
  *next += (bytes + 63) & ~(uint64_t)63;
  return start;
}

static uint32_t opcode_table_shift(const vyre_session_t *session) {
  uint32_t shift = 4;
  while ((1u << shift) < 2 * (session->handler_count + 1)) shift++; /* MEMCPY is there, too */
  return shift;
}

/* Of a worker: the loop's local memory, and behind it the scratch of its handlers. The loop keeps what it needs after a
 * call, and the frame of the call itself, in the former. */
static uint64_t handler_scratch_bytes(const vyre_session_t *session) {
  uint64_t largest = 0;
  for (uint32_t i = 0; i < session->handler_count; i++) {
    vyre_layout_t layout;
    vyre_program_layout(session->handlers[i].program, &layout);
    if (layout.scratch_bytes > largest) largest = layout.scratch_bytes;
  }
  return VYRE_LOCAL_BYTES + ((largest + 63) & ~(uint64_t)63);
}

static layout_t lay_out(vyre_session_t *session) {
  const vyre_session_params_t *p = &session->params;
  layout_t l = {.opcode_shift = opcode_table_shift(session), .bindings = handler_scratch_bytes(session)};
  l.scratch_each = l.bindings + VYRE_LIMIT_PARAMS * sizeof(vyre_binding_t);
  uint64_t next = 0;
  l.control = carve(&next, VYRE_CONTROL_BYTES);
  l.table = carve(&next, (uint64_t)p->cells * VYRE_ENTRY_BYTES_EACH);
  l.lives = carve(&next, (uint64_t)p->cells * VYRE_LIFE_BYTES_EACH);
  l.fences = carve(&next, (uint64_t)VYRE_FENCES_MAX * VYRE_FENCE_BYTES_EACH);
  l.queue = carve(&next, (uint64_t)VYRE_CLASSES * p->ring_slots * VYRE_QUEUE_BYTES_EACH);
  l.windows = carve(&next, (p->windows + 2ull) * VYRE_WINDOW_BYTES_EACH);
  l.opcodes = carve(&next, (uint64_t)VYRE_OPCODE_BYTES_EACH << l.opcode_shift);
  l.templates = carve(&next, vyre_session_template_bytes(session));
  l.blocks = carve(&next, (uint64_t)session->block_count * VYRE_WORKER_BYTES_EACH);
  l.filled = next;
  l.scratches = carve(&next, session->block_count * l.scratch_each);
  vyre_session_place_values(session, &next);
  l.total = next;
  return l;
}

/* Gives the bytes of the host's block. */
static uint64_t lay_out_shared(vyre_session_t *session) {
  const vyre_session_params_t *p = &session->params;
  uint64_t next = VYRE_SHARED_BYTES;
  session->places.ring = carve(&next, (uint64_t)p->ring_slots * VYRE_SLOT_BYTES);
  session->places.completions = carve(&next, (uint64_t)p->cells * VYRE_COMPLETION_BYTES);
  session->places.log = carve(&next, (uint64_t)p->log_records * VYRE_LOG_RECORD_BYTES_EACH);
  session->places.observables = carve(&next, (uint64_t)p->observables * sizeof(uint32_t));
  return next;
}

static void store_word(uint8_t *at, uint32_t offset, uint32_t value) { memcpy(at + offset, &value, sizeof value); }
static void store_address(uint8_t *at, uint32_t offset, uint64_t address) {
  memcpy(at + offset, &address, sizeof address);
}

/* Gives the opcode's record. */
static uint8_t *add_opcode(uint8_t *table, uint32_t shift, uint32_t opcode, uint32_t handler) {
  uint32_t probe = opcode * VYRE_OPCODE_HASH >> (32 - shift), used;
  for (;; probe = (probe + 1) & ((1u << shift) - 1)) {
    memcpy(&used, table + probe * VYRE_OPCODE_BYTES_EACH + VYRE_OPCODE_CODE, sizeof used);
    if (used == 0) break;
  }
  uint8_t *record = table + probe * VYRE_OPCODE_BYTES_EACH;
  store_word(record, VYRE_OPCODE_CODE, opcode);
  store_word(record, VYRE_OPCODE_HANDLER, handler);
  return record;
}

static void fill_opcodes(const vyre_session_t *session, uint8_t *table, uint32_t shift) {
  for (uint32_t i = 0; i < session->handler_count; i++) {
    const vyre_handler_t *handler = &session->handlers[i];
    vyre_layout_t layout;
    vyre_program_layout(handler->program, &layout);
    uint32_t element_bytes = 0;
    for (uint32_t j = 0; j < handler->program->param_count; j++)
      if (handler->program->params[j].role == VYRE_ROLE_STREAM)
        element_bytes = vyre_type_bytes(handler->program->params[j].type);
    uint8_t *record = add_opcode(table, shift, handler->opcode, i);
    store_word(record, VYRE_OPCODE_OUTPUT_BYTES, layout.output_bytes);
    store_word(record, VYRE_OPCODE_ELEMENT_BYTES,
               element_bytes | (handler->program->has_finish ? VYRE_HAS_FINISH : 0u) |
                   vyre_session_templates(handler->program) << VYRE_PARAMETERS_SHIFT);
  }
}

/* The window of the observables. */
static void fill_windows(const vyre_session_t *session, uint8_t *table) {
  uint8_t *window = table + (size_t)VYRE_WINDOW_OBSERVABLES * VYRE_WINDOW_BYTES_EACH;
  store_address(window, VYRE_WINDOW_BASE, session->shared.address + session->places.observables);
  store_address(window, VYRE_WINDOW_BYTES, session->params.observables * sizeof(uint32_t));
  store_word(window, VYRE_WINDOW_IS_HOST, session->shared.is_host);
}

static void fill_control(const vyre_session_t *session, const layout_t *l, uint8_t *control) {
  const vyre_session_params_t *p = &session->params;
  uint64_t base = session->own.address, shared = session->shared.address;
  const vyre_session_shared_t *s = &session->places;
  store_address(control, VYRE_CONTROL_SHARED, shared);
  store_address(control, VYRE_CONTROL_RING, shared + s->ring);
  store_address(control, VYRE_CONTROL_COMPLETIONS, shared + s->completions);
  store_address(control, VYRE_CONTROL_LOG, shared + s->log);
  store_address(control, VYRE_CONTROL_TABLE, base + l->table);
  store_address(control, VYRE_CONTROL_LIFE, base + l->lives);
  store_address(control, VYRE_CONTROL_FENCES, base + l->fences);
  store_address(control, VYRE_CONTROL_QUEUE, base + l->queue);
  store_address(control, VYRE_CONTROL_WINDOWS, base + l->windows);
  store_address(control, VYRE_CONTROL_OPCODES, base + l->opcodes);
  store_address(control, VYRE_CONTROL_BLOCKS, base + l->blocks);
  store_address(control, VYRE_CONTROL_BINDINGS, base + l->templates);
  store_address(control, VYRE_CONTROL_TICKET, p->first_ticket);
  store_address(control, VYRE_CONTROL_FIRST_TICKET, p->first_ticket);
  store_address(control, VYRE_CONTROL_LAST_USER, p->first_ticket); /* none, so the one before the first */
  /* Every counter begins where tickets do, so that a session that starts close to a border takes all over theirs. */
  for (uint32_t i = 0; i < VYRE_CLASSES; i++) {
    store_address(control, VYRE_CONTROL_QUEUE_HEAD + 8 * i, p->first_ticket);
    store_address(control, VYRE_CONTROL_QUEUE_TAIL + 8 * i, p->first_ticket);
  }
  store_address(control, VYRE_CONTROL_EPOCH, p->first_ticket);
  store_address(control, VYRE_CONTROL_LOG_CURSOR, p->first_ticket);
  store_word(control, VYRE_CONTROL_CELL_COUNT, p->cells);
  store_word(control, VYRE_CONTROL_LOG_MASK, p->log_records - 1);
  store_word(control, VYRE_CONTROL_RING_SHIFT, session->ring.shift);
  store_word(control, VYRE_CONTROL_WINDOW_COUNT, p->windows + 2);
  store_word(control, VYRE_CONTROL_OPCODE_SHIFT, l->opcode_shift);
  store_word(control, VYRE_CONTROL_BLOCK_COUNT, session->block_count);
  bool is_direct = session->params.topology == VYRE_TOPOLOGY_DIRECT;
  uint64_t dispatched_ns = session->device->sleeps ? DISPATCHED_ROUND_NS : GPU_ROUND_NS;
  uint64_t rounds = p->spin_ns / (is_direct ? ROUND_NS : dispatched_ns);
  store_word(control, VYRE_CONTROL_SPIN_LIMIT, rounds > UINT32_MAX ? UINT32_MAX : (uint32_t)rounds);
}

static void fill_blocks(const vyre_session_t *session, const layout_t *l, uint8_t *blocks) {
  for (uint32_t i = 0; i < session->block_count; i++) {
    uint8_t *block = blocks + (size_t)i * VYRE_WORKER_BYTES_EACH;
    vyre_frame_t frame = {.control = session->control,
                          .stop = session->control + VYRE_CONTROL_STOP,
                          .fuel = session->params.fuel,
                          .worker = i,
                          .scratch = session->own.address + l->scratches + i * l->scratch_each};
    memcpy(block, &frame, sizeof frame);
    frame.bindings = frame.scratch + l->bindings;
    frame.scratch += VYRE_LOCAL_BYTES;
    memcpy(block + VYRE_WORKER_CALL_FRAME, &frame, sizeof frame);
    uint32_t last_letter = (uint32_t)session->params.first_ticket & ~1u;
    store_word(block, VYRE_WORKER_DONE, last_letter);
    for (uint32_t tag = 12; tag < VYRE_ENTRY_BYTES_EACH; tag += 16)
      store_word(block, VYRE_WORKER_LETTER + tag, last_letter);
  }
}

/* The device's block is filled in memory of ours and written as a whole. */
static vyre_status_t fill_own(vyre_session_t *session, const layout_t *l) {
  uint8_t *bytes = vyre_calloc(1, l->filled);
  if (!bytes) return vyre_out_of_memory(l->filled);
  fill_control(session, l, bytes + l->control);
  fill_opcodes(session, bytes + l->opcodes, l->opcode_shift);
  add_opcode(bytes + l->opcodes, l->opcode_shift, VYRE_OPCODE_MEMCPY, VYRE_HANDLER_COPY);
  fill_windows(session, bytes + l->windows);
  for (uint32_t cell = 0; cell < session->params.cells; cell++)
    store_address(bytes + l->lives, cell * VYRE_LIFE_BYTES_EACH, session->params.first_ticket - 1);
  vyre_session_fill_templates(session, bytes + l->templates, session->own.address + l->templates);
  fill_blocks(session, l, bytes + l->blocks);
  vyre_status_t status = session->device->ops->write(session->device, session->own.address, bytes, l->filled);
  vyre_free(bytes);
  return status;
}

/* Stale tags: each is that of the record before, so that no record is there. */
static void init_log(vyre_session_t *session) {
  uint64_t first = session->params.first_ticket;
  _Atomic uint32_t *words = (_Atomic uint32_t *)(void *)(session->shared.host + session->places.log);
  for (uint64_t i = 0; i < session->params.log_records; i++) {
    _Atomic uint32_t *record = words + ((first + i) & (session->params.log_records - 1)) * 8;
    atomic_init(&record[3], (uint32_t)(first + i));
    atomic_init(&record[7], (uint32_t)(first + i));
  }
  atomic_init(VYRE_SHARED_WORD64(session->shared.host, LOG_READ), first);
  atomic_init(VYRE_SHARED_WORD64(session->shared.host, EPOCH_SEEN), first);
}

vyre_status_t vyre_session_allocate(vyre_session_t *session) {
  const vyre_session_params_t *p = &session->params;
  const vyre_device_ops_t *device = session->device->ops;
  vyre_ring_t *ring = &session->ring;
  bool is_dispatched = session->params.topology == VYRE_TOPOLOGY_DISPATCHED;
  session->block_count = p->workers + is_dispatched;
  layout_t l = lay_out(session);
  VYRE_TRY(device->allocate(session->device, VYRE_MEMORY_HOST, lay_out_shared(session), &session->shared));
  VYRE_TRY(device->allocate(session->device, VYRE_MEMORY_DEVICE, l.total, &session->own));
  session->control = session->own.address + l.control;
  session->windows = session->own.address + l.windows;
  session->blocks = session->own.address + l.blocks;
  ring->shared = session->shared.host;
  ring->slots = (_Atomic uint32_t *)(void *)(ring->shared + session->places.ring);
  ring->completions = (_Atomic uint32_t *)(void *)(ring->shared + session->places.completions);
  ring->mask = p->ring_slots - 1;
  ring->shift = (uint32_t)__builtin_ctz(p->ring_slots);
  ring->cell_count = p->cells;
  ring->stalled = vyre_session_settle_ring;
  VYRE_TRY(fill_own(session, &l));
  VYRE_TRY(vyre_session_write_constants(session));
  init_log(session);
  return vyre_ring_init(ring, p->first_ticket);
}

void vyre_session_release(vyre_session_t *session) {
  vyre_ring_deinit(&session->ring);
  session->device->ops->release(session->device, &session->own);
  session->device->ops->release(session->device, &session->shared);
}

vyre_status_t vyre_session_write_control(vyre_session_t *session, uint32_t offset, uint32_t value) {
  return session->device->ops->write(session->device, session->control + offset, &value, sizeof value);
}
