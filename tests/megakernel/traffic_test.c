/* Random slots of every opcode from four producers at once, over a session of each device, topology and builder: each
 * completion against a model, each ticket once, memory at the end. Every counter wraps in some of them, in the middle.
 * And sessions that are stopped in the middle of it: each ticket comes to an end all the same.
 *
 * A producer has a part of the window to itself, whose words change in the order of its tickets, and adds to words that
 * all share. Arguments: [device] [first seed] [slots of each producer]. A campaign: `test-traffic cpu 1 2500000`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vyre/session.h>

#include "base/clock.h"
#include "ir/builder.h"
#include "ir/frame.h"
#include "support/device.h"
#include "support/expect.h"
#include "support/random.h"

enum {
  PRODUCERS = 4,
  OWN_WORDS = 128, /* of a producer, in the window */
  SHARED_WORDS = 8,
  IN_FLIGHT = 48,
  COPY_BYTES = 1024, /* the place of one long copy in flight, in both copy windows */
  COPIES_BYTES = PRODUCERS * IN_FLIGHT * COPY_BYTES,
  CELLS = 256,
  BATCH_MAX = 12,
  STOP_ROUNDS = 20,
};

static uint64_t first_seed = 1, slots_each = 4000;
static bool stops; /* this run is stopped, by the main thread */

typedef struct traffic {
  vyre_device_t *device;
  vyre_session_t *session;
  uint32_t sum_opcode, window, copy_from, copy_to, data, out;
  uint32_t *words;
  uint8_t *bytes, *from, *to;
  uint64_t *sums;
} traffic_t;

/* What a slot must end as. */
typedef struct expected {
  vyre_ticket_t ticket;
  vyre_slot_state_t state;
  uint32_t low, high;
  bool any_low; /* an epoch */
  bool wants_clocks, is_inline;
  uint32_t copied_at, copied; /* by a long copy */
} expected_t;

typedef struct producer {
  traffic_t *traffic;
  uint32_t index;
  random_t random;
  pthread_t thread;
  uint32_t model[OWN_WORDS];
  uint64_t added[SHARED_WORDS], sum, prints, fences, copies, completed, published;
  bool is_over;       /* the session was stopped */
  bool was_cancelled; /* one of those that the dispatcher carries out in their order */
  uint64_t last_ticket;
  expected_t flights[IN_FLIGHT];
  uint32_t first, count; /* of the flights, oldest first */
  char wrong[200];
} producer_t;

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

static uint32_t own_offset(const producer_t *p, uint32_t word) {
  return 4 * (SHARED_WORDS + p->index * OWN_WORDS + word);
}

/* An operation on a word of the producer's own. */
static uint32_t model_word(producer_t *p, uint32_t opcode, uint32_t word, uint32_t first, uint32_t second) {
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

static void make_word(producer_t *p, vyre_slot_t *slot, expected_t *e) {
  random_t *r = &p->random;
  uint32_t word = random_below(r, OWN_WORDS);
  slot->opcode = random_word_opcode(r);
  slot->arg[0] = p->traffic->window;
  slot->arg[1] = own_offset(p, word);
  slot->arg[2] = random_once_in(r, 2) ? p->model[word] : (uint32_t)random_next(r);
  slot->arg[3] = (uint32_t)random_next(r);
  e->low = model_word(p, slot->opcode, word, slot->arg[2], slot->arg[3]);
}

static void make_packed(producer_t *p, vyre_slot_t *slot, expected_t *e) {
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
    uint32_t word = random_below(r, OWN_WORDS);
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

static void make_copy(producer_t *p, vyre_slot_t *slot, expected_t *e) {
  random_t *r = &p->random;
  slot->opcode = VYRE_OP_MEMCPY;
  if (random_once_in(r, 2)) { /* a long one: workers do them at the same time, so none goes where another does */
    uint32_t bytes = 257 + random_below(r, COPY_BYTES - 256), place = (uint32_t)(p->copies++ % IN_FLIGHT);
    uint32_t offset = (p->index * IN_FLIGHT + place) * COPY_BYTES + random_below(r, COPY_BYTES - bytes + 1);
    uint32_t arg[] = {p->traffic->copy_from, offset, 0, p->traffic->copy_to, offset, 0, bytes};
    memcpy(slot->arg, arg, sizeof arg);
    memset(p->traffic->to + offset, 0, bytes);
    e->low = e->copied = bytes;
    e->copied_at = offset;
    return;
  }
  uint32_t half = 4 * OWN_WORDS / 2, bytes = random_below(r, 200), from = random_below(r, half - bytes + 1),
           to = half + random_below(r, half - bytes + 1);
  uint32_t arg[] = {
      p->traffic->window, own_offset(p, 0) + from, 0, p->traffic->window, own_offset(p, 0) + to, 0, bytes};
  memcpy(slot->arg, arg, sizeof arg);
  memcpy((uint8_t *)p->model + to, (const uint8_t *)p->model + from, bytes);
  e->low = bytes;
}

/* A registered Program over some of the bytes; its output is added up in one block per producer. */
static void make_call(producer_t *p, vyre_slot_t *slot) {
  random_t *r = &p->random;
  uint32_t bytes = random_below(r, 300), offset = random_below(r, 4096 - bytes);
  slot->opcode = p->traffic->sum_opcode;
  uint32_t arg[] = {p->traffic->data, offset, 0, bytes, 0, 0, VYRE_FRAME_IS_LAST, p->traffic->out, 64 * p->index, 0};
  memcpy(slot->arg, arg, sizeof arg);
  for (uint32_t i = 0; i < bytes; i++) p->sum += p->traffic->bytes[offset + i];
}

static void make_wrong(producer_t *p, vyre_slot_t *slot, expected_t *e) {
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

static void make_slot(producer_t *p, vyre_slot_t *slot, expected_t *e) {
  random_t *r = &p->random;
  *slot = (vyre_slot_t){.opcode = VYRE_OP_NOP, .priority = random_below(r, 5)};
  *e = (expected_t){.state = VYRE_SLOT_DONE};
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
      uint32_t word = random_below(r, SHARED_WORDS), value = (uint32_t)random_next(r);
      *slot = (vyre_slot_t){.opcode = VYRE_OP_ATOMIC_ADD, .arg = {p->traffic->window, 4 * word, value}};
      p->added[word] += value;
      e->any_low = true;
      break;
    }
    case 10: { /* the producer's own words are a table */
      uint32_t byte = random_below(r, OWN_WORDS);
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

static void check(producer_t *p, const expected_t *e, const vyre_completion_t *c) {
  p->completed++;
  if (stops && c->state == VYRE_SLOT_FAULT && c->fault == VYRE_FAULT_CANCELLED) {
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

static void read_oldest(producer_t *p) {
  vyre_completion_t completion;
  const expected_t *e = &p->flights[p->first];
  vyre_status_t status = vyre_session_wait(p->traffic->session, e->ticket, 60 * VYRE_NS_PER_S, &completion);
  if (status)
    WRONG(p, "ticket %llu: VYRE-%d", (unsigned long long)e->ticket.number, (int)vyre_status_code(status));
  else
    check(p, e, &completion);
  vyre_status_destroy(&status);
  p->first = (p->first + 1) % IN_FLIGHT;
  p->count--;
}

static void add_flight(producer_t *p, const expected_t *e) {
  p->flights[(p->first + p->count++) % IN_FLIGHT] = *e;
  if (p->published++ && e->ticket.number <= p->last_ticket) WRONG(p, "tickets do not count up");
  p->last_ticket = e->ticket.number;
}

/* False when the session has been stopped, or when it is wrong. */
static bool was_submitted(producer_t *p, vyre_status_t status) {
  if (!status) return true;
  p->is_over = stops && vyre_status_code(status) == VYRE_E_STOPPED;
  if (!p->is_over) WRONG(p, "submit: VYRE-%d", (int)vyre_status_code(status));
  vyre_status_destroy(&status);
  return false;
}

/* A batch with a fence; now and then the fence is waited for first, and all of the batch must have completed. */
static void publish_batch(producer_t *p) {
  random_t *r = &p->random;
  uint32_t count = 1 + random_below(r, BATCH_MAX), tag = (uint32_t)random_next(r);
  vyre_slot_t slots[BATCH_MAX];
  expected_t expected[BATCH_MAX + 1];
  vyre_ticket_t tickets[BATCH_MAX + 1];
  while (p->count + count + 1 > IN_FLIGHT) read_oldest(p);
  for (uint32_t i = 0; i < count; i++) make_slot(p, &slots[i], &expected[i]);
  expected[count] = (expected_t){.state = VYRE_SLOT_DONE, .high = tag, .any_low = true};
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
    const expected_t *e = &p->flights[p->first];
    bool done = false, is_covered = e->ticket.number >= tickets[0].number;
    status = is_covered ? vyre_session_poll(p->traffic->session, e->ticket, &done, &completion) : NULL;
    if (is_covered && (status || !done) && !p->was_cancelled && !stops)
      WRONG(p, "a fence was ahead of ticket %llu", (unsigned long long)e->ticket.number);
    vyre_status_destroy(&status);
    if (!done) {
      read_oldest(p);
      continue;
    }
    check(p, e, &completion);
    p->first = (p->first + 1) % IN_FLIGHT;
    p->count--;
  }
}

static void *produce(void *argument) {
  producer_t *p = argument;
  while (p->published < slots_each && !p->wrong[0] && !p->is_over) {
    if (random_once_in(&p->random, 24)) {
      publish_batch(p);
      continue;
    }
    if (p->count == IN_FLIGHT || random_once_in(&p->random, 4)) {
      if (p->count > 0) read_oldest(p);
      continue;
    }
    vyre_slot_t slot;
    expected_t e;
    make_slot(p, &slot, &e);
    if (was_submitted(p, vyre_session_submit(p->traffic->session, &slot, 60 * VYRE_NS_PER_S, &e.ticket)))
      add_flight(p, &e);
  }
  while (p->count > 0) read_oldest(p);
  return NULL;
}

/* ---- a session ---- */

static producer_t producers[PRODUCERS];

static void fill(traffic_t *t) {
  random_t r = {first_seed};
  uint8_t *data;
  uint32_t words = SHARED_WORDS + PRODUCERS * OWN_WORDS;
  ok(vyre_session_window_create(t->session, 4 * words, &t->window, (void **)&t->words));
  ok(vyre_session_window_create(t->session, COPIES_BYTES, &t->copy_from, (void **)&t->from));
  ok(vyre_session_window_create(t->session, COPIES_BYTES, &t->copy_to, (void **)&t->to));
  ok(vyre_session_window_create(t->session, 4096, &t->data, (void **)&data));
  ok(vyre_session_window_create(t->session, 64 * PRODUCERS, &t->out, (void **)&t->sums));
  for (uint32_t i = 0; i < COPIES_BYTES; i++) t->from[i] = (uint8_t)random_next(&r);
  for (uint32_t i = 0; i < 4096; i++) data[i] = (uint8_t)random_next(&r);
  t->bytes = data;
}

/* Reads the log while the producers run; gives how many records there were. */
static uint64_t read_log(traffic_t *t, uint64_t next[PRODUCERS], uint64_t *lost) {
  vyre_log_record_t records[64];
  uint32_t count;
  uint64_t all = 0;
  do {
    ok(vyre_session_log_read(t->session, records, 64, &count, lost));
    for (uint32_t i = 0; i < count; i++) {
      const vyre_log_record_t *record = &records[i];
      assert_in_range(record->format, 0, PRODUCERS - 1);
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

static void check_end(const traffic_t *t) {
  for (uint32_t w = 0; w < SHARED_WORDS; w++) {
    uint64_t added = 0;
    for (uint32_t i = 0; i < PRODUCERS; i++) added += producers[i].added[w];
    assert_int_equal(t->words[w], (uint32_t)added);
  }
  for (uint32_t i = 0; i < PRODUCERS; i++) {
    assert_memory_equal(t->words + SHARED_WORDS + i * OWN_WORDS, producers[i].model, sizeof producers[i].model);
    assert_int_equal(t->sums[8 * i], producers[i].sum);
    assert_int_equal(producers[i].completed, producers[i].published);
  }
}

static void open_session(traffic_t *t, const char *device_name, uint64_t first_ticket) {
  *t = (traffic_t){0};
  ok(test_device_open(device_name, &t->device));
  vyre_session_params_t params = {.builder = test_device_builder(device_name),
                                  .topology = test_device_topology(device_name),
                                  .ring_slots = CELLS,
                                  .cells = CELLS,
                                  .log_records = 64,
                                  .first_ticket = first_ticket};
  ok(vyre_session_create(t->device, &params, &t->session));
  vyre_program_t *program = sum_program();
  ok(vyre_session_register(t->session, program, &t->sum_opcode));
  vyre_program_destroy(&program);
  ok(vyre_session_start(t->session));
  fill(t);
}

static void close_session(traffic_t *t) {
  ok(vyre_session_stop(t->session, 10 * VYRE_NS_PER_S));
  vyre_session_destroy(&t->session);
  vyre_device_close(&t->device);
}

static void start_producers(traffic_t *t, uint64_t seed) {
  for (uint32_t i = 0; i < PRODUCERS; i++) {
    producers[i] = (producer_t){.traffic = t, .index = i, .random = {seed * 977 + i}};
    assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
  }
}

/* A first ticket from which a counter wraps in the middle of the run: the ticket as a u32, as the number of a letter
 * (31 bits of count), the low half of the lap, the lap; or none. */
static uint64_t first_ticket(uint64_t seed) {
  const uint64_t lap = CELLS, borders[] = {0, UINT64_C(1) << 32, lap << 16, lap << 32, UINT64_C(1) << 48};
  uint64_t border = borders[seed % 5], half = 2 * slots_each;
  return border > half ? border - half : 0;
}

static void run(const char *device_name, uint64_t seed) {
  traffic_t t;
  stops = false;
  open_session(&t, device_name, first_ticket(seed));
  start_producers(&t, seed);
  uint64_t next[PRODUCERS] = {0}, records = 0, lost = 0, prints = 0, fences = 0, published = 0;
  for (uint32_t i = 0; i < PRODUCERS; i++) {
    while (pthread_tryjoin_np(producers[i].thread, NULL) != 0) {
      records += read_log(&t, next, &lost);
      vyre_sleep_ns(200000);
    }
    if (producers[i].wrong[0]) fail_msg("%s, seed %llu: %s", device_name, (unsigned long long)seed, producers[i].wrong);
    prints += producers[i].prints;
    fences += producers[i].fences;
    published += producers[i].published;
  }
  records += read_log(&t, next, &lost);
  assert_int_equal(records + lost, prints);
  check_end(&t);
  vyre_session_stats_t stats = vyre_session_stats(t.session);
  assert_int_equal(stats.published, published);
  assert_int_equal(stats.taken, published);
  assert_int_equal(stats.fences, fences);
  assert_int_equal(stats.log_lost, lost);
  print_message("%s: %llu slots from ticket 0x%llx on, %llu fences, %llu records, %llu lost\n", device_name,
                (unsigned long long)published, (unsigned long long)first_ticket(seed), (unsigned long long)fences,
                (unsigned long long)records, (unsigned long long)lost);
  close_session(&t);
}

static uint64_t run_number; /* so that each run takes another border */

static void traffic(void **state) { run(*state, first_seed + run_number++); }

/* The main thread stops the session after a while; every ticket that a producer has got comes to its end. */
static void stops_in_traffic(void **state) {
  const char *device_name = *state;
  uint64_t published = 0, cancelled = 0;
  random_t random = {first_seed};
  stops = true;
  for (int round = 0; round < STOP_ROUNDS; round++) {
    traffic_t t;
    open_session(&t, device_name, 0);
    start_producers(&t, random_next(&random));
    vyre_sleep_ns(random_below(&random, 3000000));
    ok(vyre_session_stop(t.session, 10 * VYRE_NS_PER_S));
    for (uint32_t i = 0; i < PRODUCERS; i++) {
      pthread_join(producers[i].thread, NULL);
      if (producers[i].wrong[0]) fail_msg("%s, round %d: %s", device_name, round, producers[i].wrong);
      assert_int_equal(producers[i].completed, producers[i].published);
      published += producers[i].published;
      cancelled += producers[i].was_cancelled;
    }
    close_session(&t);
  }
  print_message("%s: %d stops, %llu slots, cancelled ones in %llu producers\n", device_name, STOP_ROUNDS,
                (unsigned long long)published, (unsigned long long)cancelled);
}

int main(int argc, char **argv) {
  static char *names[] = {"cpu", "cpu/jit", "cpu/dispatched", "cpu/dispatched/jit",
                          "ref", "ref/jit", "ref/dispatched", "ref/dispatched/jit"};
  bool has_name = argc > 1;
  if (argc > 2) first_seed = strtoull(argv[2], NULL, 0);
  if (argc > 3) slots_each = strtoull(argv[3], NULL, 0);
  struct CMUnitTest tests[2 * 8];
  size_t count = has_name ? 1 : 8;
  for (size_t i = 0; i < count; i++) {
    char *name = has_name ? argv[1] : names[i];
    tests[i] = (struct CMUnitTest){.name = name, .test_func = traffic, .initial_state = name};
    tests[count + i] = (struct CMUnitTest){.name = "stopped", .test_func = stops_in_traffic, .initial_state = name};
  }
  return _cmocka_run_group_tests("traffic", tests, has_name ? 1 : 2 * count, NULL, NULL);
}
