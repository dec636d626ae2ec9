/* The host's part of the tests that run the megakernel's loop over an image in plain memory: the layout, from
 * protocol.h alone; a model of the protocol in C; random slots of every opcode, some published in parts; what each must
 * end as.
 *
 * Whoever runs the loop calls publish and read_completions between its steps, so that the ring goes round many times.
 * What goes wrong is kept in `wrong`, the first only, and told at the end: the loop may be in the middle of a step. */
#ifndef TESTS_MEGAKERNEL_FINITE_HOST_H
#define TESTS_MEGAKERNEL_FINITE_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "device/device.h"
#include "megakernel/protocol.h"
#include "support/random.h"

enum {
  FINITE_SHIFT_MAX = 7, /* more cells than a fence looks at in a round */
  FINITE_SLOTS_MAX = 1 << FINITE_SHIFT_MAX,
  FINITE_OPCODES = 5,      /* registered */
  FINITE_OPCODE_SHIFT = 4, /* 16 places: some of the opcodes collide */
  FINITE_WINDOWS = 6,      /* handles 1 .. 5; 0 is none */
  FINITE_WORDS = 96,       /* of each window: some copies are long */
  FINITE_LOG = 8,          /* records */
  FINITE_PRINTS_MAX = 1024,
  FINITE_BEHIND = 3,       /* slots published behind SHUTDOWN */
  FINITE_WORKERS_MAX = 40, /* and a dispatcher */
  FINITE_BLOCKS_MAX = FINITE_WORKERS_MAX + 1,
  FINITE_FUEL = 77,
  FINITE_SCRATCH_BYTES = 192,
  FINITE_BORDERS = 5,
};

/* One block, so that it can be kept and compared as a whole. */
typedef struct finite_image {
  _Alignas(64) uint8_t control[VYRE_CONTROL_BYTES];
  _Alignas(64) uint8_t shared[VYRE_SHARED_BYTES];
  _Alignas(64) uint8_t ring[FINITE_SLOTS_MAX * 64];
  _Alignas(64) uint8_t completions[FINITE_SLOTS_MAX * 64];
  _Alignas(64) uint8_t table[FINITE_SLOTS_MAX * 64];
  _Alignas(64) uint64_t lives[FINITE_SLOTS_MAX];
  _Alignas(64) uint8_t fences[VYRE_FENCES_MAX * VYRE_FENCE_BYTES_EACH];
  _Alignas(64) uint8_t log[FINITE_LOG * VYRE_LOG_RECORD_BYTES_EACH];
  _Alignas(64) uint32_t queue[VYRE_CLASSES][FINITE_SLOTS_MAX];
  _Alignas(64) uint8_t windows[FINITE_WINDOWS * 32];
  _Alignas(64) uint8_t opcodes[(1 << FINITE_OPCODE_SHIFT) * 16];
  _Alignas(64) uint8_t blocks[FINITE_BLOCKS_MAX][VYRE_WORKER_BYTES_EACH];
  _Alignas(64) uint8_t locals[FINITE_BLOCKS_MAX][VYRE_LOCAL_BYTES];        /* of the loops */
  _Alignas(64) uint8_t scratches[FINITE_BLOCKS_MAX][FINITE_SCRATCH_BYTES]; /* of the handlers */
  _Alignas(64) uint32_t memory[FINITE_WINDOWS][FINITE_WORDS];              /* of the windows */
} finite_image_t;

/* A handler's call as it must be. */
typedef struct finite_call {
  uint32_t handler; /* its index */
  uint64_t data, bytes, stream_offset, output;
  uint32_t flags;
} finite_call_t;

/* What a slot must end as. */
typedef struct finite_expected {
  uint64_t ticket;
  uint32_t state, low, high; /* state 0: not to complete */
  bool is_open;              /* in flight */
  bool has_call;
  uint32_t calls_made; /* one, when there is one to be made */
  finite_call_t call;
  uint32_t opcode, class_;
  bool wants_clocks, is_fence;
  uint64_t fence_first, fence_count;
} finite_expected_t;

/* A PRINTF slot. */
typedef struct finite_print {
  uint64_t ticket;
  uint32_t word[4];
} finite_print_t;

typedef struct finite_host finite_host_t;
struct finite_host {
  finite_image_t *image;
  vyre_hooks_t hooks; /* found from the hooks' address */
  random_t random;
  uint32_t shift, cells, blocks;
  uint64_t next, first, total; /* tickets: to publish, the first, how many before SHUTDOWN */
  uint32_t free[FINITE_SLOTS_MAX], free_count;
  finite_expected_t expected[FINITE_SLOTS_MAX]; /* by cell */
  uint32_t resting_tag[FINITE_SLOTS_MAX];       /* by cell: in its completion while it is not in flight */
  uint32_t model[FINITE_WINDOWS][FINITE_WORDS]; /* what the word windows hold */
  finite_print_t prints[FINITE_PRINTS_MAX];     /* in the order of tickets */
  uint32_t print_count, prints_seen;            /* published; told by the log, or passed over */
  uint64_t log_read, lost;                      /* records; slots passed over */
  uint64_t epochs;                              /* fences completed */
  uint64_t now;                                 /* what the clock tells next */
  uint32_t calls_made;
  uint32_t half_quarters; /* bit q: quarter q of ticket `next` is written, the others are not */
  uint32_t half[16];      /* its words */
  bool has_half, has_shutdown;
  uint64_t events, stop_at; /* at the event of this number, from 1, the host stops the kernel; 0: it does not */
  bool is_stopped;
  void (*inside)(finite_host_t *host, uint32_t worker); /* called in each handler when not NULL */
  char wrong[200];
};

#define FINITE_WRONG(h, ...)                                                 \
  do {                                                                       \
    if (!(h)->wrong[0]) snprintf((h)->wrong, sizeof(h)->wrong, __VA_ARGS__); \
  } while (0)

static inline void put32(uint8_t *at, uint32_t offset, uint32_t value) { memcpy(at + offset, &value, 4); }
static inline void put64(uint8_t *at, uint32_t offset, uint64_t value) { memcpy(at + offset, &value, 8); }
static inline uint32_t get32(const uint8_t *at, uint32_t offset) {
  uint32_t value;
  memcpy(&value, at + offset, 4);
  return value;
}
static inline uint64_t get64(const uint8_t *at, uint32_t offset) {
  uint64_t value;
  memcpy(&value, at + offset, 8);
  return value;
}
static inline uint64_t finite_address(const void *memory) { return (uint64_t)(uintptr_t)memory; }

/* Owned by the caller, freed by free; ends the test when memory is out. */
finite_image_t *finite_image_make(void);
/* Tells which part of the image differs first; true when nothing does. */
bool finite_images_equal(const finite_image_t *a, const finite_image_t *b, char *out_where, size_t size);

/* log2 of the ring's slots of a run with this seed, and tickets around which its counters wrap. */
uint32_t finite_shift(uint64_t seed);
void finite_borders(uint64_t seed, uint64_t out_borders[FINITE_BORDERS]);
/* A run from the start: clears host and image and lays them out. `hooks` need no handlers: they are the model's. The
 * first ticket lies at most `total` before the border. One run at a time: handlers find it in a variable. */
void finite_begin(finite_host_t *h, finite_image_t *image, const vyre_hooks_t *hooks, uint32_t blocks,
                  uint32_t spin_limit, uint64_t seed, uint64_t border);

/* Publishes up to `most` slots, the last of them maybe in part only, and SHUTDOWN at the end. False when there was
 * nothing to do. */
bool finite_publish(finite_host_t *h, uint32_t most);
void finite_read_completions(finite_host_t *h);
/* Entries of the run queues, as the control block has it. */
uint64_t finite_queued(const finite_host_t *h);
/* Something that may be a point to stop at: between two steps of the kernel, or inside one where it calls a hook. */
void finite_event(finite_host_t *h);
/* After a stop: what has completed has done so as it must; nothing ran and did not complete; what was not taken did
 * nothing at all. */
void finite_check_stopped(finite_host_t *h);
/* After the loop's end: all before SHUTDOWN and it has completed, nothing behind it. */
void finite_check_end(finite_host_t *h);

static inline finite_host_t *finite_host_of(vyre_hooks_t *hooks) {
  return (finite_host_t *)(void *)((uint8_t *)hooks - offsetof(finite_host_t, hooks));
}

#endif
