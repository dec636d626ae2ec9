/* PACKED_SLOT: several operations in one slot, as docs/protocol/megakernel.md says. */
#include <vyre/session.h>

#include "base/status.h"
#include "megakernel/protocol.h"

/* What the public header names is what the protocol's table has. */
#define SAME(name) \
  _Static_assert((uint32_t)VYRE_OP_##name == (uint32_t)VYRE_OPCODE_##name, "an opcode of vyre/session.h: " #name)
SAME(NOP);
SAME(STORE_U32);
SAME(ATOMIC_ADD);
SAME(LOAD_U32);
SAME(COMPARE_SWAP);
SAME(MEMCPY);
SAME(DFA_STEP);
SAME(BATCH_FENCE);
SAME(PRINTF);
SAME(PACKED_SLOT);
SAME(SHUTDOWN);
#undef SAME

static const struct packed {
  uint32_t opcode, words;
} packed[] = {
#define VYRE_PACKED(name, words) {VYRE_OP_##name, words},
#include "megakernel/protocol.def"
};

/* Words behind the header: the arguments without the window. UINT32_MAX: cannot be packed. */
static uint32_t operand_count(uint32_t opcode) {
  for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
    if (packed[i].opcode == opcode) return packed[i].words;
  return UINT32_MAX;
}

vyre_status_t vyre_slot_pack(const vyre_operation_t *operations, uint32_t count, vyre_slot_t *out_slot) {
  vyre_slot_t slot = {.opcode = VYRE_OP_PACKED_SLOT, .arg = {count}};
  uint32_t word = 1;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t operands = operand_count(operations[i].opcode);
    if (operands == UINT32_MAX)
      return vyre_status_with_fix(
          vyre_status_make(VYRE_E_ARGUMENT, "operation %u: opcode 0x%x cannot be packed", i, operations[i].opcode),
          "Pack NOP, STORE_U32, ATOMIC_ADD, LOAD_U32 and COMPARE_SWAP; submit others as slots of their own.");
    if (operations[i].window > 0xFFFF)
      return vyre_status_with_fix(
          vyre_status_make(VYRE_E_ARGUMENT, "operation %u: window %u; a packed operation has 16 bits for it", i,
                           operations[i].window),
          "Name a window by the handle that vyre_session_window_create or _bind gave.");
    if (word + 1 + operands > VYRE_SLOT_ARGS)
      return vyre_status_with_fix(
          vyre_status_make(VYRE_E_ARGUMENT, "operation %u of %u needs %u words; a packed slot has %d for all", i, count,
                           1 + operands, VYRE_SLOT_ARGS - 1),
          "Pack fewer operations; a batch of several slots takes any number.");
    slot.arg[word++] = operations[i].opcode | operations[i].window << 8;
    for (uint32_t k = 0; k < operands; k++) slot.arg[word++] = operations[i].arg[k];
  }
  *out_slot = slot;
  return NULL;
}
