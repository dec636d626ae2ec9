/* Random slots of every opcode from four producers at once: each completion against a model, each ticket once, memory
 * at the end.
 *
 * A producer has a part of the window to itself, whose words change in the order of its tickets, and adds to words that
 * all share. What is updated lies in the device's own memory. Include after cmocka.h; the main thread calls, but for
 * what the producers' threads do. */
#ifndef TESTS_MEGAKERNEL_TRAFFIC_H
#define TESTS_MEGAKERNEL_TRAFFIC_H

#include <pthread.h>
#include <stdatomic.h>

#include <vyre/buffer.h>
#include <vyre/session.h>

#include "support/random.h"

enum {
  TRAFFIC_PRODUCERS = 4,
  TRAFFIC_OWN_WORDS = 128, /* of a producer, in the window */
  TRAFFIC_SHARED_WORDS = 8,
  TRAFFIC_IN_FLIGHT = 48,
  TRAFFIC_CELLS = 256,
};

typedef struct traffic {
  vyre_device_t *device;
  vyre_session_t *session;
  uint64_t slots_each; /* of a producer */
  atomic_bool is_over; /* producers leave when they have read what they published */
  bool stops;          /* the session is stopped, by the main thread, before they have published all */
  uint32_t sum_opcode, window, copy_from, copy_to, data, out;
  vyre_buffer_t *words, *sums;
  uint8_t *bytes, *from, *to;
} traffic_t;

/* What a slot must end as. */
typedef struct expected {
  vyre_ticket_t ticket;
  vyre_slot_state_t state;
  uint32_t low, high;
  bool any_low; /* an epoch */
  bool wants_clocks, is_inline;
  uint32_t copied_at, copied; /* by a long copy */
} traffic_expected_t;

typedef struct producer {
  traffic_t *traffic;
  uint32_t index;
  random_t random;
  pthread_t thread;
  uint32_t model[TRAFFIC_OWN_WORDS];
  uint64_t added[TRAFFIC_SHARED_WORDS], sum, prints, fences, copies, completed, published;
  bool is_over;       /* the session was stopped */
  bool was_cancelled; /* one of those that the dispatcher carries out in their order */
  uint64_t last_ticket;
  traffic_expected_t flights[TRAFFIC_IN_FLIGHT];
  uint32_t first, count; /* of the flights, oldest first */
  char wrong[200];
} traffic_producer_t;

extern traffic_producer_t traffic_producers[TRAFFIC_PRODUCERS];

/* A running session of the device, as tests name it (support/device.h), with windows and one Program. */
void traffic_open(traffic_t *t, const char *device_name, uint64_t seed, uint64_t first_ticket);
void traffic_start(traffic_t *t, uint64_t seed);
/* Whether producer i has left. Afterwards it is joined. */
bool traffic_has_left(uint32_t i);
void traffic_join(uint32_t i);
/* Reads the log while the producers run; gives how many records there were. */
uint64_t traffic_read_log(traffic_t *t, uint64_t next[TRAFFIC_PRODUCERS], uint64_t *lost);
/* When all have left: memory, and the counts of the session. */
void traffic_check_end(traffic_t *t, uint64_t records, uint64_t lost);
void traffic_close(traffic_t *t);

#endif
