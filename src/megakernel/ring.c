#include "megakernel/ring.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ir/frame.h"
#include "megakernel/protocol.h"

enum { WORDS = 16, PUBLISH_AHEAD_SLOTS = 16 /* whose lines a producer asks for early */, STALLED_LOOKS = 4096 };
enum { STAMP_SHIFT = 16, OLD_STAMPS = 1 << 14 };

/* Of a cell that is returned now. */
static inline uint32_t stamp_of(uint64_t ticket) { return (uint32_t)(ticket >> STAMP_SHIFT); }

vyre_status_t vyre_ring_init(vyre_ring_t *ring, uint64_t first_ticket) {
  VYRE_TRY(vyre_cells_init(&ring->cells, ring->cell_count, first_ticket, stamp_of(first_ticket)));
  ring->cell_tickets = vyre_calloc(ring->cell_count, sizeof *ring->cell_tickets);
  if (!ring->cell_tickets) {
    vyre_cells_deinit(&ring->cells);
    return vyre_out_of_memory(ring->cell_count * sizeof *ring->cell_tickets);
  }
  pthread_mutex_init(&ring->cancel_lock, NULL);
  ring->first_ticket = first_ticket;
  atomic_init(&ring->next_ticket, first_ticket);
  atomic_init(&ring->taken_seen, first_ticket);
  atomic_store(VYRE_SHARED_WORD64(ring->shared, TAKEN), first_ticket);
  atomic_store(VYRE_SHARED_WORD32(ring->shared, EVENT), (uint32_t)first_ticket);
  /* Stale words: slots carry the lap before the one they are used in next, completions a tag that no first use has. */
  for (uint64_t i = 0; i <= ring->mask; i++) {
    uint64_t ticket = first_ticket + i;
    _Atomic uint32_t *slot = &ring->slots[(ticket & ring->mask) * WORDS];
    uint32_t stale = vyre_lap(ticket, ring->shift) - 1;
    for (unsigned quarter = 0; quarter < 3; quarter++) atomic_init(&slot[4 * quarter + 3], stale);
    atomic_init(&slot[15], stale << 16);
  }
  for (uint32_t i = 0; i < ring->cell_count; i++)
    atomic_init(&ring->completions[i * WORDS], vyre_completion_tag(first_ticket - 1));
  return NULL;
}

void vyre_ring_deinit(vyre_ring_t *ring) {
  if (!ring->cell_tickets) return;
  pthread_mutex_destroy(&ring->cancel_lock);
  vyre_cells_deinit(&ring->cells);
  vyre_free(ring->cell_tickets);
  ring->cell_tickets = NULL;
}

/* ---- publishing ---- */

void vyre_ring_wake_at(void *word, int count) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0); }

static void wake(vyre_ring_t *ring, int count) {
  _Atomic uint32_t *event = VYRE_SHARED_WORD32(ring->shared, EVENT);
  atomic_fetch_add_explicit(event, 1, memory_order_release);
  vyre_ring_wake_at((void *)event, count);
}

void vyre_ring_wake_all(vyre_ring_t *ring) { wake(ring, INT_MAX); }

static inline void write_quarter(_Atomic uint32_t *words, uint32_t a, uint32_t b, uint32_t c, uint32_t tag) {
  atomic_store_explicit(&words[0], a, memory_order_relaxed);
  atomic_store_explicit(&words[1], b, memory_order_relaxed);
  atomic_store_explicit(&words[2], c, memory_order_relaxed);
  atomic_store_explicit(&words[3], tag, memory_order_release);
}

/* __builtin_prefetch asks for a shared copy unless the whole file is compiled for newer processors. Those that lack the
 * instruction execute it as a no-op. */
static inline void prefetch_for_writing(const volatile void *address) {
  __asm__ volatile("prefetchw %0" : : "m"(*(const volatile char *)address));
}

/* There are no more cells than slots, so the slot's last ticket was taken or is about to be: this is where its copy is
 * ordered before the new words. The kernel's word is read only when the copy of it does not do. */
static inline void await_slot(vyre_ring_t *ring, uint64_t ticket) {
  uint64_t taken = atomic_load_explicit(&ring->taken_seen, memory_order_acquire);
  for (uint32_t looks = 1; ticket > taken + ring->mask; looks++) { /* after a cancel, taken is past the ticket */
    if (looks % STALLED_LOOKS == 0) ring->stalled(ring);
    taken = atomic_load_explicit(VYRE_SHARED_WORD64(ring->shared, TAKEN), memory_order_acquire);
    /* Another producer may put an older value over a newer one: it costs one more look, no more. */
    atomic_store_explicit(&ring->taken_seen, taken, memory_order_release);
    if (ticket > taken + ring->mask) vyre_cpu_relax();
  }
}

static inline void write_slot(vyre_ring_t *ring, const vyre_slot_t *slot, uint64_t ticket, uint32_t cell) {
  atomic_store_explicit(&ring->cell_tickets[cell], ticket + 1, memory_order_relaxed);
  await_slot(ring, ticket);
  _Atomic uint32_t *words = &ring->slots[(ticket & ring->mask) * WORDS];
  /* The worker looked at the coming slots while they were empty; asking for their lines early hides the transfer. */
  prefetch_for_writing(&ring->slots[((ticket + PUBLISH_AHEAD_SLOTS) & ring->mask) * WORDS]);
  uint32_t lap = vyre_lap(ticket, ring->shift);
  const uint32_t *arg = slot->arg;
  uint32_t who = slot->priority << VYRE_WHO_PRIORITY_SHIFT | (slot->flags & VYRE_SLOT_CLOCKS ? VYRE_WHO_CLOCKS : 0);
  write_quarter(words, slot->opcode, who, arg[0], lap);
  write_quarter(words + 4, arg[1], arg[2], arg[3], lap);
  write_quarter(words + 8, arg[4], arg[5], arg[6], lap);
  write_quarter(words + 12, arg[7], arg[8], arg[9], lap << 16 | cell);
}

/* Behind so many slots, each of which may want a worker. The processor may look before it has stored; the sleeper's
 * heavy fence makes up for it, or else this fence does. */
static inline void look_for_sleepers(vyre_ring_t *ring, uint32_t slots) {
  if (ring->fences_publish)
    atomic_thread_fence(memory_order_seq_cst);
  else
    atomic_signal_fence(memory_order_seq_cst);
  if (atomic_load_explicit(VYRE_SHARED_WORD32(ring->shared, SLEEPERS), memory_order_relaxed)) wake(ring, (int)slots);
}

/* Tags are tickets modulo 2^32, and a cell may have rested for as long in the list of a thread that was silent: then
 * its last completion might be taken for that of its next ticket. Only before the cell is published: until then an open
 * fence may look at the tag. */
static inline void renew_tag(vyre_ring_t *ring, uint32_t cell, uint32_t stamp) {
  enum { LATE_STAMPS = 4 }; /* that the copy of TAKEN may lag behind, and more */
  uint64_t taken = atomic_load_explicit(&ring->taken_seen, memory_order_relaxed);
  if (__builtin_expect(stamp_of(taken) - stamp + LATE_STAMPS <= OLD_STAMPS, 1)) return;
  uint64_t now = atomic_load_explicit(&ring->next_ticket, memory_order_relaxed);
  atomic_store_explicit(&ring->completions[cell * WORDS], vyre_completion_tag(now - 1), memory_order_relaxed);
}

bool vyre_ring_publish(vyre_ring_t *ring, const vyre_slot_t *slot, vyre_ticket_t *out_ticket) {
  uint32_t cell, stamp;
  if (!vyre_cells_acquire(&ring->cells, &cell, &stamp)) return false;
  renew_tag(ring, cell, stamp);
  uint64_t ticket = atomic_fetch_add_explicit(&ring->next_ticket, 1, memory_order_relaxed);
  write_slot(ring, slot, ticket, cell);
  look_for_sleepers(ring, 1);
  *out_ticket = (vyre_ticket_t){.number = ticket, .cell = cell};
  return true;
}

bool vyre_ring_publish_batch(vyre_ring_t *ring, const vyre_slot_t *slots, uint32_t count, const uint32_t *fence_tag,
                             vyre_ticket_t *out_tickets) {
  uint32_t all = count + (fence_tag != NULL), got = 0, stamp;
  for (; got < all && vyre_cells_acquire(&ring->cells, &out_tickets[got].cell, &stamp); got++)
    out_tickets[got].number = stamp; /* for now */
  if (got < all) {
    for (; got > 0; got--)
      vyre_cells_return(&ring->cells, out_tickets[got - 1].cell, (uint32_t)out_tickets[got - 1].number);
    return false;
  }
  for (uint32_t i = 0; i < all; i++) renew_tag(ring, out_tickets[i].cell, (uint32_t)out_tickets[i].number);
  uint64_t first = atomic_fetch_add_explicit(&ring->next_ticket, all, memory_order_relaxed);
  for (uint32_t i = 0; i < count; i++) {
    out_tickets[i].number = first + i;
    write_slot(ring, &slots[i], first + i, out_tickets[i].cell);
    if (i == 0) look_for_sleepers(ring, 1); /* whoever wakes up finds the others */
  }
  if (fence_tag) {
    vyre_slot_t fence = {.opcode = VYRE_OP_BATCH_FENCE,
                         .arg = {(uint32_t)first, (uint32_t)(first >> 32), count, *fence_tag}};
    out_tickets[count].number = first + count;
    write_slot(ring, &fence, first + count, out_tickets[count].cell);
  }
  look_for_sleepers(ring, all);
  return true;
}

/* ---- completions ---- */

bool vyre_ring_knows(const vyre_ring_t *ring, vyre_ticket_t ticket) {
  /* The last number there is: nobody gets it, and plus one it would fit every free cell. */
  return ticket.number != UINT64_MAX && ticket.cell < ring->cell_count &&
         atomic_load_explicit(&ring->cell_tickets[ticket.cell], memory_order_relaxed) == ticket.number + 1;
}

static bool has_completed(const vyre_ring_t *ring, uint32_t cell, uint64_t ticket) {
  return atomic_load_explicit(&ring->completions[cell * WORDS], memory_order_acquire) == vyre_completion_tag(ticket);
}

static uint64_t read_time(_Atomic uint32_t *words) {
  return atomic_load_explicit(&words[0], memory_order_relaxed) |
         (uint64_t)atomic_load_explicit(&words[1], memory_order_relaxed) << 32;
}

/* The quarters that the status tells of. They were written before quarter 0 was released; where one is not seen yet all
 * the same, the completion has not come. */
static bool read_more(_Atomic uint32_t *words, uint32_t status, uint32_t tag, vyre_completion_t *out) {
  if (status & VYRE_COMPLETION_FAULT) {
    if (atomic_load_explicit(&words[VYRE_COMPLETION_FAULT_TAG / 4], memory_order_acquire) != tag) return false;
    out->worker = atomic_load_explicit(&words[VYRE_COMPLETION_FAULT_WORKER / 4], memory_order_relaxed);
  }
  if (status & VYRE_COMPLETION_CLOCKS) {
    if (atomic_load_explicit(&words[VYRE_COMPLETION_BEGIN_TAG / 4], memory_order_acquire) != tag ||
        atomic_load_explicit(&words[VYRE_COMPLETION_END_TAG / 4], memory_order_acquire) != tag)
      return false;
    out->begin_ns = read_time(&words[VYRE_COMPLETION_BEGIN_LOW / 4]);
    out->end_ns = read_time(&words[VYRE_COMPLETION_END_LOW / 4]);
    out->worker = atomic_load_explicit(&words[VYRE_COMPLETION_WORKER / 4], memory_order_relaxed);
  }
  return true;
}

bool vyre_ring_take(vyre_ring_t *ring, vyre_ticket_t ticket, vyre_completion_t *out_completion) {
  if (!has_completed(ring, ticket.cell, ticket.number)) return false;
  /* With a backlog the next ones have completed too, most likely, and cells come round in order. Past the last cell the
   * hint is useless, no more. The next ticket would tell of it sooner, in a line that all producers write. */
  if ((int64_t)(atomic_load_explicit(&ring->taken_seen, memory_order_relaxed) - ticket.number) >
      2 * VYRE_PREFETCH_SLOTS)
    __builtin_prefetch((const void *)&ring->completions[(ticket.cell + VYRE_PREFETCH_SLOTS) * WORDS]);
  _Atomic uint32_t *words = &ring->completions[ticket.cell * WORDS];
  uint32_t status = atomic_load_explicit(&words[1], memory_order_relaxed), state = status & 0xFF;
  uint32_t low = atomic_load_explicit(&words[2], memory_order_relaxed);
  uint32_t high = atomic_load_explicit(&words[3], memory_order_relaxed);
  if (state == VYRE_STATE_FAULT)
    *out_completion = (vyre_completion_t){.state = VYRE_SLOT_FAULT, .fault = low, .fault_node = high};
  else
    *out_completion = (vyre_completion_t){.state = VYRE_SLOT_DONE, .result = {low, high}};
  if (__builtin_expect(status != state, 0) &&
      !read_more(words, status, vyre_completion_tag(ticket.number), out_completion))
    return false;
  atomic_store_explicit(&ring->cell_tickets[ticket.cell], 0, memory_order_relaxed);
  vyre_cells_return(&ring->cells, ticket.cell, stamp_of(ticket.number));
  return true;
}

bool vyre_ring_is_settled(const vyre_ring_t *ring, uint32_t cell, uint64_t limit) {
  uint64_t ticket = atomic_load_explicit(&ring->cell_tickets[cell], memory_order_relaxed);
  return ticket == 0 || ticket - 1 - ring->first_ticket >= limit - ring->first_ticket ||
         has_completed(ring, cell, ticket - 1);
}

static void complete_cancelled(vyre_ring_t *ring, uint32_t cell, uint32_t tag) {
  _Atomic uint32_t *words = &ring->completions[cell * WORDS];
  atomic_store_explicit(&words[1], VYRE_STATE_FAULT, memory_order_relaxed);
  atomic_store_explicit(&words[2], VYRE_FAULT_CANCELLED, memory_order_relaxed);
  atomic_store_explicit(&words[3], 0, memory_order_relaxed);
  atomic_store_explicit(&words[0], tag, memory_order_release);
}

uint64_t vyre_ring_taken(const vyre_ring_t *ring) {
  /* Should it be a cancel's, the flag is seen, too. */
  uint64_t taken = atomic_load_explicit(VYRE_SHARED_WORD64(ring->shared, TAKEN), memory_order_acquire);
  return atomic_load_explicit(&ring->was_cancelled, memory_order_acquire) ? ring->kernel_end : taken;
}

void vyre_ring_cancel(vyre_ring_t *ring) {
  pthread_mutex_lock(&ring->cancel_lock);
  if (!atomic_load_explicit(&ring->was_cancelled, memory_order_relaxed)) {
    ring->kernel_end = atomic_load(VYRE_SHARED_WORD64(ring->shared, TAKEN));
    atomic_store_explicit(&ring->was_cancelled, true, memory_order_release);
  }
  /* Nobody takes slots any more: producers that wait for room in the ring go on. */
  uint64_t end = atomic_load(&ring->next_ticket);
  atomic_store_explicit(VYRE_SHARED_WORD64(ring->shared, TAKEN), end, memory_order_release);
  /* A cell that a producer takes meanwhile is settled when its ticket is waited for: this runs then, too. Only this
   * completes cells now, so one that has not completed keeps its ticket. */
  for (uint32_t cell = 0; cell < ring->cell_count; cell++) {
    uint64_t ticket = atomic_load(&ring->cell_tickets[cell]);
    if (ticket && !has_completed(ring, cell, ticket - 1))
      complete_cancelled(ring, cell, vyre_completion_tag(ticket - 1));
  }
  pthread_mutex_unlock(&ring->cancel_lock);
}

bool vyre_ring_is_cancelled(const vyre_ring_t *ring, uint32_t cell, uint64_t *out_ticket) {
  uint64_t ticket = atomic_load_explicit(&ring->cell_tickets[cell], memory_order_relaxed);
  if (ticket == 0 || !has_completed(ring, cell, ticket - 1)) return false;
  const _Atomic uint32_t *words = &ring->completions[cell * WORDS];
  *out_ticket = ticket - 1;
  return (atomic_load_explicit(&words[1], memory_order_relaxed) & 0xFF) == VYRE_STATE_FAULT &&
         atomic_load_explicit(&words[2], memory_order_relaxed) == VYRE_FAULT_CANCELLED;
}
