/* Random slots of every opcode from four producers at once, over a session of each device, topology and builder: each
 * completion against a model, each ticket once, memory at the end.
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
};

static uint64_t first_seed = 1, slots_each = 4000;

typedef struct traffic {
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
  bool any_low;               /* an epoch */
  uint32_t copied_at, copied; /* by a long copy */
} expected_t;

typedef struct producer {
  traffic_t *traffic;
  uint32_t index;
  random_t random;
  pthread_t thread;
  uint32_t model[OWN_WORDS];
  uint64_t added[SHARED_WORDS], sum, prints, fences, copies, completed, published;
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
}

/* ---- a producer ---- */

static void check(producer_t *p, const expected_t *e, const vyre_completion_t *c) {
  uint32_t low = c->state == VYRE_SLOT_FAULT ? c->fault : c->result[0];
  uint32_t high = c->state == VYRE_SLOT_FAULT ? c->fault_node : c->result[1];
  if (c->state != e->state || (low != e->low && !e->any_low) || high != e->high)
    WRONG(p, "ticket %llu: %d %u %u, not %d %u %u", (unsigned long long)e->ticket.number, (int)c->state, low, high,
          (int)e->state, e->low, e->high);
  const traffic_t *t = p->traffic;
  if (e->copied && memcmp(t->to + e->copied_at, t->from + e->copied_at, e->copied) != 0)
    WRONG(p, "ticket %llu: a copy of %u bytes", (unsigned long long)e->ticket.number, e->copied);
  p->completed++;
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
  if (status) WRONG(p, "submit_batch: VYRE-%d", (int)vyre_status_code(status));
  vyre_status_destroy(&status);
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
    if (is_covered && (status || !done))
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
  while (p->published < slots_each && !p->wrong[0]) {
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
    vyre_status_t status = vyre_session_submit(p->traffic->session, &slot, 60 * VYRE_NS_PER_S, &e.ticket);
    if (status) WRONG(p, "submit: VYRE-%d", (int)vyre_status_code(status));
    vyre_status_destroy(&status);
    add_flight(p, &e);
  }
  while (p->count > 0) read_oldest(p);
  return NULL;
}

/* ---- a session ---- */

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

static void check_end(traffic_t *t, producer_t *producers) {
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

static void run(const char *device_name, uint64_t seed) {
  vyre_device_t *device;
  ok(test_device_open(device_name, &device));
  traffic_t t = {0};
  vyre_session_params_t params = {
      .builder = test_device_builder(device_name), .ring_slots = CELLS, .cells = CELLS, .log_records = 64};
  params.topology = test_device_topology(device_name);
  ok(vyre_session_create(device, &params, &t.session));
  vyre_program_t *program = sum_program();
  ok(vyre_session_register(t.session, program, &t.sum_opcode));
  vyre_program_destroy(&program);
  ok(vyre_session_start(t.session));
  fill(&t);
  static producer_t producers[PRODUCERS];
  for (uint32_t i = 0; i < PRODUCERS; i++) {
    producers[i] = (producer_t){.traffic = &t, .index = i, .random = {seed * 977 + i}};
    assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
  }
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
  check_end(&t, producers);
  assert_int_equal(vyre_session_stats(t.session).published, published);
  print_message("%s: %llu slots, %llu fences, %llu records, %llu lost\n", device_name, (unsigned long long)published,
                (unsigned long long)fences, (unsigned long long)records, (unsigned long long)lost);
  ok(vyre_session_stop(t.session, 10 * VYRE_NS_PER_S));
  vyre_session_destroy(&t.session);
  vyre_device_close(&device);
}

static void traffic(void **state) { run(*state, first_seed); }

int main(int argc, char **argv) {
  static char *names[] = {"cpu", "cpu/jit", "cpu/dispatched", "cpu/dispatched/jit",
                          "ref", "ref/jit", "ref/dispatched", "ref/dispatched/jit"};
  bool has_name = argc > 1;
  if (argc > 2) first_seed = strtoull(argv[2], NULL, 0);
  if (argc > 3) slots_each = strtoull(argv[3], NULL, 0);
  struct CMUnitTest tests[8];
  size_t count = has_name ? 1 : 8;
  for (size_t i = 0; i < count; i++)
    tests[i] = (struct CMUnitTest){
        .name = has_name ? argv[1] : names[i], .test_func = traffic, .initial_state = has_name ? argv[1] : names[i]};
  return _cmocka_run_group_tests("traffic", tests, count, NULL, NULL);
}
