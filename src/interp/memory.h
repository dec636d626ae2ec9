/* Real memory accesses of the interpreter: atomic, of 1, 2, 4 or 8 bytes, at addresses that are multiples of their
 * size. Every one is an __atomic access, so that two interpreters, or an interpreter and machine code, may share the
 * memory. The memory order is that of the node.
 *
 * Threads: any. */
#ifndef VYRE_INTERP_MEMORY_H
#define VYRE_INTERP_MEMORY_H

#include "ir/program.h"

uint64_t vyre_memory_load(uint64_t address, unsigned bytes, vyre_order_t order); /* RELAXED, ACQUIRE, SEQ_CST */
void vyre_memory_store(uint64_t address, unsigned bytes, vyre_order_t order,
                       uint64_t value); /* RELAXED, RELEASE, SEQ_CST */

/* These give the old value; 4 or 8 bytes. */
uint64_t vyre_memory_add(uint64_t address, unsigned bytes, vyre_order_t order, uint64_t value);
uint64_t vyre_memory_compare_exchange(uint64_t address, unsigned bytes, vyre_order_t order, uint64_t expected,
                                      uint64_t desired);
uint64_t vyre_memory_exchange(uint64_t address, unsigned bytes, vyre_order_t order, uint64_t value);
/* The old value and `value` by a binary op of `type`. */
uint64_t vyre_memory_update(uint64_t address, vyre_expr_op_t op, vyre_type_t type, vyre_order_t order, uint64_t value);

void vyre_memory_fence(vyre_order_t order); /* not RELAXED */

/* Four u32 at a 16-byte aligned address. load16 reads word `tag` first, with acquire, and the others after it;
 * store16 writes word `tag` last, with release. */
void vyre_memory_load16(uint64_t address, unsigned tag, uint32_t out_words[4]);
void vyre_memory_store16(uint64_t address, unsigned tag, const uint32_t words[4]);

#endif
