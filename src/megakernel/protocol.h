/* The layout of what host and megakernel share, derived from protocol.def.
 *
 * Slot: 64 bytes, little endian, in a ring of 2^RING_SHIFT slots. Ticket t uses slot t mod 2^RING_SHIFT; its lap is
 * (t >> RING_SHIFT) + 1, as a u32. Each 16-byte quarter ends in a tag word that is written last (release):
 *   quarter 0: OPCODE, WHO, ARG0, lap
 *   quarter 1: ARG1, ARG2, ARG3, lap
 *   quarter 2: ARG4, ARG5, ARG6, lap
 *   quarter 3: ARG7, ARG8, ARG9, (lap & 0xFFFF) << 16 | cell
 * WHO is tenant | priority << 24 | 1 << 31 when clocks are wanted. A slot is published when all four tags are those of
 * its lap; the device never writes them. */
#ifndef VYRE_MEGAKERNEL_PROTOCOL_H
#define VYRE_MEGAKERNEL_PROTOCOL_H

#include <stdint.h>

#include "ir/frame.h" /* the values of the stop word */

enum {
#define VYRE_CONTROL(name, place, offset, bits, writer, reader, mirror, meaning) VYRE_##place##_##name = offset,
#define VYRE_RECORD_WORD(record, name, offset, bits, meaning) VYRE_##record##_##name = offset,
#define VYRE_HANDLER_ARG(name, index, meaning) VYRE_ARG_##name = index,
#include "megakernel/protocol.def"

  VYRE_CONTROL_BYTES = 0x200, /* the block in the device's memory */
  VYRE_SHARED_BYTES = 0x140,  /* the block in the host's */
  VYRE_SLOT_BYTES = 64,
  VYRE_COMPLETION_BYTES = 64,
  VYRE_QUEUE_BYTES_EACH = 4,
  VYRE_ENTRY_CELL_SHIFT = 16,
  VYRE_ENTRY_CLOCKS = 1 << 15,    /* in RECORD; the index is what lies below */
  VYRE_COMPLETION_FAULT = 1 << 8, /* in STATUS */
  VYRE_COMPLETION_CLOCKS = 1 << 9,
  VYRE_CLASSES = 5, /* of priority: a run queue each */
  VYRE_WHO_PRIORITY_SHIFT = 24,
  VYRE_LETTER_STEP = 2, /* between the numbers of two letters to a worker: an even number */
  VYRE_WINDOW_BYTES_EACH = 32,
  VYRE_OPCODE_BYTES_EACH = 16,
  VYRE_BINDING_BYTES_EACH = 16,
  VYRE_TEMPLATE_BYTES_EACH = 32,
  VYRE_OPERAND_BYTES_EACH = 32,
  VYRE_HAS_FINISH = 0x80,    /* in an opcode's ELEMENT_BYTES */
  VYRE_PARAMETERS_SHIFT = 8, /* likewise */
  VYRE_ENTRY_BYTES_EACH = 64,
  VYRE_LIFE_BYTES_EACH = 8,
  VYRE_FENCE_BYTES_EACH = 64,
  VYRE_FENCES_MAX = 32, /* open at once */
  VYRE_LOG_RECORD_BYTES_EACH = 32,
  VYRE_ARG_COPY_BYTES = 6,      /* of MEMCPY */
  VYRE_COPY_INLINE_BYTES = 256, /* a longer MEMCPY is a worker's */
  VYRE_WORKER_BYTES_EACH = 512,

  VYRE_WORKERS_MAX = 512, /* of one session: what the dispatcher keeps of each fits into its local memory */
  VYRE_SLOT_ARGS = 10,
  VYRE_DISPATCH_BATCH = 32, /* slots taken before the lock is given up */
  VYRE_PREFETCH_SLOTS = 8,  /* how far ahead in a backlog slots and completions are asked for */
};

#define VYRE_HANDLER_COPY UINT32_MAX          /* an opcode's HANDLER: MEMCPY; in RUNNING: a worker copies */
#define VYRE_WHO_CLOCKS (UINT32_C(1) << 31)   /* the slot wants to know when it began and ended */
#define VYRE_OPCODE_HASH UINT32_C(0x9E3779B1) /* 2^32 / golden ratio: Knuth, The Art of Computer Programming 3, 6.4 */

enum {
#define VYRE_OPCODE(name, number, arguments, results, meaning) VYRE_OPCODE_##name = (int)UINT32_C(number),
#include "megakernel/protocol.def"
};

typedef enum vyre_template_kind {
  VYRE_TEMPLATE_NONE,
  VYRE_TEMPLATE_FIXED,
  VYRE_TEMPLATE_SCALAR,
  VYRE_TEMPLATE_WINDOW,
  VYRE_TEMPLATE_HALO,
} vyre_template_kind_t;

typedef enum vyre_state {
  VYRE_STATE_DONE = 3,
  VYRE_STATE_FAULT = 7,
} vyre_state_t;

static inline uint32_t vyre_lap(uint64_t ticket, uint32_t ring_shift) { return (uint32_t)(ticket >> ring_shift) + 1; }
/* Where ARG `index` of a slot, or of a slot table entry, lies in it, bytes. */
static inline uint32_t vyre_slot_arg_offset(uint32_t index) {
  return index == 0 ? 8 : 16 * (1 + (index - 1) / 3) + 4 * ((index - 1) % 3);
}
static inline uint32_t vyre_completion_tag(uint64_t ticket) { return (uint32_t)ticket + 1; }

#endif
