#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "megakernel/traffic.h"

#include "base/clock.h"
#include "ir/builder.h"
#include "ir/frame.h"
#include "support/device.h"
#include "support/expect.h"

enum {
  COPY_BYTES = 1024, /* the place of one long copy in flight, in both copy windows */
  COPIES_BYTES = TRAFFIC_PRODUCERS * TRAFFIC_IN_FLIGHT * COPY_BYTES,
  BATCH_MAX = 12,
  WORDS = TRAFFIC_SHARED_WORDS + TRAFFIC_PRODUCERS * TRAFFIC_OWN_WORDS,
};

#define WRONG(p, ...)                                                        \
  do {                                                                       \
    if (!(p)->wrong[0]) snprintf((p)->wrong, sizeof(p)->wrong, __VA_ARGS__); \
  } while (0)

/* Adds up its chunk. */
static vyre_program_t *sum_program(void) {
  vyre_builder_t b;
  vyre_builder_init(&b, "sum_bytes", "", false);
  vyre_param_id_t data = vyre_build_stream(&b, "data", VYRE_TYPE_U8);
  vyre_param_id_t sum = vyre_build_output(&b, "sum", VYRE_TYPE_U64, 0, VYRE_REDUCER_SUM);
  vyre_var_id_t i =
      vyre_build_range(&b, VYRE_STMT_FOREACH, "i", vyre_build_const(&b, VYRE_TYPE_U64, 0), vyre_build_len(&b, data));
  vyre_expr_id_t byte = vyre_build_load(&b, data, vyre_build_var(&b, i));
  vyre_build_reduce(&b, sum, vyre_build_cast(&b, VYRE_TYPE_U64, byte));
  vyre_build_end(&b);
  vyre_program_t *program;
  ok(vyre_builder_finish(&b, &program));
  return program;
}

/* ---- the model ---- */

static uint32_t own_offset(const traffic_producer_t *p, uint32_t word) {
  return 4 * (TRAFFIC_SHARED_WORDS + p->index * TRAFFIC_OWN_WORDS + word);
}

/* An operation on a word of the producer's own. */
static uint32_t model_word(traffic_producer_t *p, uint32_t opcode, uint32_t word, uint32_t first, uint32_t second) {
  uint32_t before = p->model[word];
  if (opcode == VYRE_OP_STORE_U32) p->model[word] = first;
  if (opcode == VYRE_OP_ATOMIC_ADD) p->model[word] += first;
  if (opcode == VYRE_OP_COMPARE_SWAP && before == first) p->model[word] = second;
  return opcode == VYRE_OP_STORE_U32 ? 0 : before;
}

static uint32_t random_word_opcode(random_t *r) {
  static const uint32_t opcodes[] = {VYRE_OP_STORE_U32, VYRE_OP_LOAD_U32, VYRE_OP_ATOMIC_ADD, VYRE_OP_COMPARE_SWAP};
  return opcodes[random_below(r, 4)];
}

static void make_word(traffic_producer_t *p, vyre_slot_t *slot, traffic_expected_t *e) {
  random_t *r = &p->random;
  uint32_t word = random_below(r, TRAFFIC_OWN_WORDS);
  slot->opcode = random_word_opcode(r);
  slot->arg[0] = p->traffic->window;
  slot->arg[1] = own_offset(p, word);
  slot->arg[2] = random_once_in(r, 2) ? p->model[word] : (uint32_t)random_next(r);
  slot->arg[3] = (uint32_t)random_next(r);
  e->low = model_word(p, slot->opcode, word, slot->arg[2], slot->arg[3]);
}

static void make_packed(traffic_producer_t *p, vyre_slot_t *slot, traffic_expected_t *e) {
  random_t *r = &p->random;
  vyre_operation_t operations[9];
  uint32_t count = 0, words = 0;
  for (;;) {
    vyre_operation_t *o = &operations[count];
    o->opcode = random_once_in(r, 5) ? (uint32_t)VYRE_OP_NOP : random_word_opcode(r);
    uint32_t size = o->opcode == VYRE_OP_NOP            ? 1
                    : o->opcode == VYRE_OP_LOAD_U32     ? 2
                    : o->opcode == VYRE_OP_COMPARE_SWAP ? 4
                                                        : 3;
    if (words + size > 9) break;
    words += size;
    count++;
    uint32_t word = random_below(r, TRAFFIC_OWN_WORDS);
    o->window = p->traffic->window;
    o->arg[0] = own_offset(p, word);
    o->arg[1] = random_once_in(r, 2) ? p->model[word] : (uint32_t)random_next(r);
    o->arg[2] = (uint32_t)random_next(r);
    e->low = o->opcode == VYRE_OP_NOP ? 0 : model_word(p, o->opcode, word, o->arg[1], o->arg[2]);
    if (random_once_in(r, 6)) break;
  }
  uint32_t priority = slot->priority;
  vyre_status_t status = vyre_slot_pack(operations, count, slot);
  slot->priority = priority;
  if (status) WRONG(p, "vyre_slot_pack");
  vyre_status_destroy(&status);
}

static void make_copy(traffic_producer_t *p, vyre_slot_t *slot, traffic_expected_t *e) {
  random_t *r = &p->random;
  slot->opcode = VYRE_OP_MEMCPY;
  if (random_once_in(r, 2)) { /* a long one: workers do them at the same time, so none goes where another does */
    uint32_t bytes = 257 + random_below(r, COPY_BYTES - 256), place = (uint32_t)(p->copies++ % TRAFFIC_IN_FLIGHT);
    uint32_t offset = (p->index * TRAFFIC_IN_FLIGHT + place) * COPY_BYTES + random_below(r, COPY_BYTES - bytes + 1);
    uint32_t arg[] = {p->traffic->copy_from, offset, 0, p->traffic->copy_to, offset, 0, bytes};
    memcpy(slot->arg, arg, sizeof arg);
    memset(p->traffic->to + offset, 0, bytes);
    e->low = e->copied = bytes;
    e->copied_at = offset;
    return;
  }
  uint32_t half = 4 * TRAFFIC_OWN_WORDS / 2, bytes = random_below(r, 200), from = random_below(r, half - bytes + 1),
           to = half + random_below(r, half - bytes + 1);
  uint32_t arg[] = {
      p->traffic->window, own_offset(p, 0) + from, 0, p->traffic->window, own_offset(p, 0) + to, 0, bytes};
  memcpy(slot->arg, arg, sizeof arg);
  memcpy((uint8_t *)p->model + to, (const uint8_t *)p->model + from, bytes);
  e->low = bytes;
}

/* A registered Program over some of the bytes; its output is added up in one block per producer. */
static void make_call(traffic_producer_t *p, vyre_slot_t *slot) {
  random_t *r = &p->random;
  uint32_t bytes = random_below(r, 300), offset = random_below(r, 4096 - bytes);
  slot->opcode = p->traffic->sum_opcode;
  uint32_t arg[] = {p->traffic->data, offset, 0, bytes, 0, 0, VYRE_FRAME_IS_LAST, p->traffic->out, 64 * p->index, 0};
  memcpy(slot->arg, arg, sizeof arg);
  for (uint32_t i = 0; i < bytes; i++) p->sum += p->traffic->bytes[offset + i];
}

static void make_wrong(traffic_producer_t *p, vyre_slot_t *slot, traffic_expected_t *e) {
  random_t *r = &p->random;
  e->state = VYRE_SLOT_FAULT;
  switch (random_below(r, 4)) {
    case 0:
      slot->opcode = 0x70000000 + random_below(r, 1000);
      e->low = VYRE_FAULT_UNKNOWN_OPCODE;
      break;
    case 1:
      slot->opcode = random_word_opcode(r);
      slot->arg[0] = 3000;
      e->low = VYRE_FAULT_BAD_HANDLE;
      break;
    case 2:
      slot->opcode = random_word_opcode(r);
      slot->arg[0] = p->traffic->window;
      slot->arg[1] = own_offset(p, 0) + 1 + random_below(r, 3);
      e->low = VYRE_FAULT_BAD_RANGE;
      break;
    default: /* a range that does not lie below its own ticket */
      slot->opcode = VYRE_OP_BATCH_FENCE;
      slot->arg[0] = slot->arg[1] = UINT32_MAX;
      e->low = VYRE_FAULT_BAD_FENCE;
      break;
  }
}

static void make_slot(traffic_producer_t *p, vyre_slot_t *slot, traffic_expected_t *e) {
  random_t *r = &p->random;
  *slot = (vyre_slot_t){.opcode = VYRE_OP_NOP, .priority = random_below(r, 5)};
  *e = (traffic_expected_t){.state = VYRE_SLOT_DONE};
  switch (random_below(r, 16)) {
    case 0:
    case 1: break;
    case 2:
    case 3:
    case 4:
    case 5: make_word(p, slot, e); break;
    case 6:
    case 7: make_packed(p, slot, e); break;
    case 8: make_copy(p, slot, e); break;
    case 9: { /* on all producers' words: what it finds there is anything */
      uint32_t word = random_below(r, TRAFFIC_SHARED_WORDS), value = (uint32_t)random_next(r);
      *slot = (vyre_slot_t){.opcode = VYRE_OP_ATOMIC_ADD, .arg = {p->traffic->window, 4 * word, value}};
      p->added[word] += value;
      e->any_low = true;
      break;
    }
    case 10: { /* the producer's own words are a table */
      uint32_t byte = random_below(r, TRAFFIC_OWN_WORDS);
      *slot = (vyre_slot_t){.opcode = VYRE_OP_DFA_STEP, .arg = {p->traffic->window, own_offset(p, 0), 0, byte}};
      e->low = p->model[byte];
      break;
    }
    case 11:
      *slot = (vyre_slot_t){.opcode = VYRE_OP_PRINTF, .arg = {p->index, (uint32_t)p->prints, ~(uint32_t)p->prints, 7}};
      p->prints++;
      break;
    case 12: make_wrong(p, slot, e); break;
    default: make_call(p, slot); break;
  }
  slot->flags = random_once_in(r, 8) ? VYRE_SLOT_CLOCKS : 0;
  e->wants_clocks = slot->flags;
  bool is_long = slot->opcode == VYRE_OP_MEMCPY && slot->arg[6] > 256;
  e->is_inline = slot->opcode != p->traffic->sum_opcode && slot->opcode != VYRE_OP_BATCH_FENCE && !is_long;
}

/* ---- a producer ---- */

static void check(traffic_producer_t *p, const traffic_expected_t *e, const vyre_completion_t *c) {
  p->completed++;
  if (p->traffic->stops && c->state == VYRE_SLOT_FAULT && c->fault == VYRE_FAULT_CANCELLED) {
    p->was_cancelled |= e->is_inline;
    return;
  }
  if (e->is_inline && p->was_cancelled)
    WRONG(p, "ticket %llu was carried out behind one that was cancelled", (unsigned long long)e->ticket.number);
  if (e->wants_clocks ? !c->begin_ns || c->end_ns < c->begin_ns : c->begin_ns || c->end_ns)
    WRONG(p, "ticket %llu: clocks %llu %llu", (unsigned long long)e->ticket.number, (unsigned long long)c->begin_ns,
          (unsigned long long)c->end_ns);
  uint32_t low = c->state == VYRE_SLOT_FAULT ? c->fault : c->result[0];
  uint32_t high = c->state == VYRE_SLOT_FAULT ? c->fault_node : c->result[1];
  if (c->state != e->state || (low != e->low && !e->any_low) || high != e->high)
    WRONG(p, "ticket %llu: %d %u %u, not %d %u %u", (unsigned long long)e->ticket.number, (int)c->state, low, high,
          (int)e->state, e->low, e->high);
  const traffic_t *t = p->traffic;
  if (e->copied && memcmp(t->to + e->copied_at, t->from + e->copied_at, e->copied) != 0)
    WRONG(p, "ticket %llu: a copy of %u bytes", (unsigned long long)e->ticket.number, e->copied);
}

static void read_oldest(traffic_producer_t *p) {
  vyre_completion_t completion;
  const traffic_expected_t *e = &p->flights[p->first];
  vyre_status_t status = vyre_session_wait(p->traffic->session, e->ticket, 60 * VYRE_NS_PER_S, &completion);
  if (status)
    WRONG(p, "ticket %llu: VYRE-%d", (unsigned long long)e->ticket.number, (int)vyre_status_code(status));
  else
    check(p, e, &completion);
  vyre_status_destroy(&status);
  p->first = (p->first + 1) % TRAFFIC_IN_FLIGHT;
  p->count--;
}

static void add_flight(traffic_producer_t *p, const traffic_expected_t *e) {
  p->flights[(p->first + p->count++) % TRAFFIC_IN_FLIGHT] = *e;
  if (p->published++ && e->ticket.number <= p->last_ticket) WRONG(p, "tickets do not count up");
  p->last_ticket = e->ticket.number;
}

/* False when the session has been stopped, or when it is wrong. */
static bool was_submitted(traffic_producer_t *p, vyre_status_t status) {
  if (!status) return true;
  p->is_over = p->traffic->stops && vyre_status_code(status) == VYRE_E_STOPPED;
  if (!p->is_over) WRONG(p, "submit: VYRE-%d", (int)vyre_status_code(status));
  vyre_status_destroy(&status);
  return false;
}

/* A batch with a fence; now and then the fence is waited for first, and all of the batch must have completed. */
static void publish_batch(traffic_producer_t *p) {
  random_t *r = &p->random;
  uint32_t count = 1 + random_below(r, BATCH_MAX), tag = (uint32_t)random_next(r);
  vyre_slot_t slots[BATCH_MAX];
  traffic_expected_t expected[BATCH_MAX + 1];
  vyre_ticket_t tickets[BATCH_MAX + 1];
  while (p->count + count + 1 > TRAFFIC_IN_FLIGHT) read_oldest(p);
  for (uint32_t i = 0; i < count; i++) make_slot(p, &slots[i], &expected[i]);
  expected[count] = (traffic_expected_t){.state = VYRE_SLOT_DONE, .high = tag, .any_low = true};
  vyre_status_t status =
      vyre_session_submit_batch(p->traffic->session, slots, count, &tag, 60 * VYRE_NS_PER_S, tickets);
  if (!was_submitted(p, status)) return;
  p->fences++;
  for (uint32_t i = 0; i <= count; i++) {
    expected[i].ticket = tickets[i];
    add_flight(p, &expected[i]);
  }
  if (!random_once_in(r, 3)) return;
  vyre_completion_t completion;
  status = vyre_session_wait(p->traffic->session, tickets[count], 60 * VYRE_NS_PER_S, &completion);
  if (status) WRONG(p, "the fence: VYRE-%d", (int)vyre_status_code(status));
  vyre_status_destroy(&status);
  check(p, &expected[count], &completion);
  p->count--; /* the newest */
  while (p->count > 0) {
    const traffic_expected_t *e = &p->flights[p->first];
    bool done = false, is_covered = e->ticket.number >= tickets[0].number;
    status = is_covered ? vyre_session_poll(p->traffic->session, e->ticket, &done, &completion) : NULL;
    if (is_covered && (status || !done) && !p->was_cancelled && !p->traffic->stops)
      WRONG(p, "a fence was ahead of ticket %llu", (unsigned long long)e->ticket.number);
    vyre_status_destroy(&status);
    if (!done) {
      read_oldest(p);
      continue;
    }
    check(p, e, &completion);
    p->first = (p->first + 1) % TRAFFIC_IN_FLIGHT;
    p->count--;
  }
}

static void *produce(void *argument) {
  traffic_producer_t *p = argument;
  while (p->published < p->traffic->slots_each && !p->wrong[0] && !p->is_over && !atomic_load(&p->traffic->is_over)) {
    if (random_once_in(&p->random, 24)) {
      publish_batch(p);
      continue;
    }
    if (p->count == TRAFFIC_IN_FLIGHT || random_once_in(&p->random, 4)) {
      if (p->count > 0) read_oldest(p);
      continue;
    }
    vyre_slot_t slot;
    traffic_expected_t e;
    make_slot(p, &slot, &e);
    if (was_submitted(p, vyre_session_submit(p->traffic->session, &slot, 60 * VYRE_NS_PER_S, &e.ticket)))
      add_flight(p, &e);
  }
  while (p->count > 0) read_oldest(p);
  return NULL;
}

/* ---- a session ---- */

traffic_producer_t traffic_producers[TRAFFIC_PRODUCERS];

/* Windows of the device's own memory, and of the host's where nothing is updated in place: a GPU refuses that. */
static void make_windows(traffic_t *t, uint64_t seed) {
  random_t r = {seed};
  uint8_t *data;
  ok(vyre_buffer_create(t->device, 4 * WORDS, &t->words));
  ok(vyre_buffer_create(t->device, 64 * TRAFFIC_PRODUCERS, &t->sums));
  ok(vyre_session_window_buffer(t->session, t->words, 0, 4 * WORDS, &t->window));
  ok(vyre_session_window_buffer(t->session, t->sums, 0, 64 * TRAFFIC_PRODUCERS, &t->out));
  ok(vyre_session_window_create(t->session, COPIES_BYTES, &t->copy_from, (void **)&t->from));
  ok(vyre_session_window_create(t->session, COPIES_BYTES, &t->copy_to, (void **)&t->to));
  ok(vyre_session_window_create(t->session, 4096, &t->data, (void **)&data));
  for (uint32_t i = 0; i < COPIES_BYTES; i++) t->from[i] = (uint8_t)random_next(&r);
  for (uint32_t i = 0; i < 4096; i++) data[i] = (uint8_t)random_next(&r);
  t->bytes = data;
}

uint64_t traffic_read_log(traffic_t *t, uint64_t next[TRAFFIC_PRODUCERS], uint64_t *lost) {
  vyre_log_record_t records[64];
  uint32_t count;
  uint64_t all = 0;
  do {
    ok(vyre_session_log_read(t->session, records, 64, &count, lost));
    for (uint32_t i = 0; i < count; i++) {
      const vyre_log_record_t *record = &records[i];
      assert_in_range(record->format, 0, TRAFFIC_PRODUCERS - 1);
      /* In the producer's order, some passed over. */
      assert_true(record->value[0] >= next[record->format]);
      assert_int_equal(record->value[1], ~record->value[0]);
      assert_int_equal(record->value[2], 7);
      next[record->format] = record->value[0] + 1ull;
    }
    all += count;
  } while (count == 64);
  return all;
}

void traffic_check_end(traffic_t *t, uint64_t records, uint64_t lost) {
  uint32_t words[WORDS];
  uint64_t sums[8 * TRAFFIC_PRODUCERS], prints = 0, fences = 0, published = 0;
  ok(vyre_buffer_read(t->words, 0, words, sizeof words));
  ok(vyre_buffer_read(t->sums, 0, sums, sizeof sums));
  for (uint32_t w = 0; w < TRAFFIC_SHARED_WORDS; w++) {
    uint64_t added = 0;
    for (uint32_t i = 0; i < TRAFFIC_PRODUCERS; i++) added += traffic_producers[i].added[w];
    assert_int_equal(words[w], (uint32_t)added);
  }
  for (uint32_t i = 0; i < TRAFFIC_PRODUCERS; i++) {
    const traffic_producer_t *p = &traffic_producers[i];
    assert_memory_equal(words + TRAFFIC_SHARED_WORDS + i * TRAFFIC_OWN_WORDS, p->model, sizeof p->model);
    assert_int_equal(sums[8 * i], p->sum);
    assert_int_equal(p->completed, p->published);
    prints += p->prints;
    fences += p->fences;
    published += p->published;
  }
  vyre_session_stats_t stats = vyre_session_stats(t->session);
  assert_int_equal(records + lost, prints);
  assert_int_equal(stats.fences, fences);
  assert_int_equal(stats.log_lost, lost);
  print_message("%llu slots of traffic, %llu fences, %llu records, %llu lost\n", (unsigned long long)published,
                (unsigned long long)fences, (unsigned long long)records, (unsigned long long)lost);
}

void traffic_open(traffic_t *t, const char *device_name, uint64_t seed, uint64_t first_ticket) {
  *t = (traffic_t){.slots_each = UINT64_MAX};
  ok(test_device_open(device_name, &t->device));
  vyre_session_params_t params = {.builder = test_device_builder(device_name),
                                  .topology = test_device_topology(device_name),
                                  .ring_slots = TRAFFIC_CELLS,
                                  .cells = TRAFFIC_CELLS,
                                  .log_records = 64,
                                  .first_ticket = first_ticket};
  ok(vyre_session_create(t->device, &params, &t->session));
  vyre_program_t *program = sum_program();
  ok(vyre_session_register(t->session, program, &t->sum_opcode));
  vyre_program_destroy(&program);
  ok(vyre_session_start(t->session));
  make_windows(t, seed);
}

void traffic_close(traffic_t *t) {
  ok(vyre_session_stop(t->session, 10 * VYRE_NS_PER_S));
  vyre_session_destroy(&t->session);
  vyre_buffer_destroy(&t->words);
  vyre_buffer_destroy(&t->sums);
  vyre_device_close(&t->device);
}

void traffic_start(traffic_t *t, uint64_t seed) {
  for (uint32_t i = 0; i < TRAFFIC_PRODUCERS; i++) {
    traffic_producers[i] = (traffic_producer_t){.traffic = t, .index = i, .random = {seed * 977 + i}};
    assert_int_equal(pthread_create(&traffic_producers[i].thread, NULL, produce, &traffic_producers[i]), 0);
  }
}

bool traffic_has_left(uint32_t i) { return pthread_tryjoin_np(traffic_producers[i].thread, NULL) == 0; }

void traffic_join(uint32_t i) { pthread_join(traffic_producers[i].thread, NULL); }
