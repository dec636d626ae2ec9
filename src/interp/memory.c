#include "interp/memory.h"

#include "base/assert.h"
#include "ir/value.h"

/* The builtins want a constant order: each order is a case of its own. */

uint64_t vyre_memory_load(uint64_t address, unsigned bytes, vyre_order_t order) {
  VYRE_ASSERT(order == VYRE_ORDER_RELAXED || order == VYRE_ORDER_ACQUIRE || order == VYRE_ORDER_SEQ_CST);
  switch (bytes) {
#define LOAD(type)                                                                                           \
  return order == VYRE_ORDER_RELAXED   ? __atomic_load_n((const type *)(uintptr_t)address, __ATOMIC_RELAXED) \
         : order == VYRE_ORDER_ACQUIRE ? __atomic_load_n((const type *)(uintptr_t)address, __ATOMIC_ACQUIRE) \
                                       : __atomic_load_n((const type *)(uintptr_t)address, __ATOMIC_SEQ_CST)
    case 1: LOAD(uint8_t);
    case 2: LOAD(uint16_t);
    case 4: LOAD(uint32_t);
    case 8: LOAD(uint64_t);
#undef LOAD
    default: VYRE_UNREACHABLE();
  }
}

#define STORE(type)                                                                \
  do {                                                                             \
    if (order == VYRE_ORDER_RELAXED)                                               \
      __atomic_store_n((type *)(uintptr_t)address, (type)value, __ATOMIC_RELAXED); \
    else if (order == VYRE_ORDER_RELEASE)                                          \
      __atomic_store_n((type *)(uintptr_t)address, (type)value, __ATOMIC_RELEASE); \
    else                                                                           \
      __atomic_store_n((type *)(uintptr_t)address, (type)value, __ATOMIC_SEQ_CST); \
  } while (0)

void vyre_memory_store(uint64_t address, unsigned bytes, vyre_order_t order, uint64_t value) {
  VYRE_ASSERT(order == VYRE_ORDER_RELAXED || order == VYRE_ORDER_RELEASE || order == VYRE_ORDER_SEQ_CST);
  switch (bytes) {
    case 1: STORE(uint8_t); return;
    case 2: STORE(uint16_t); return;
    case 4: STORE(uint32_t); return;
    case 8: STORE(uint64_t); return;
    default: VYRE_UNREACHABLE();
  }
}

static uint32_t add4(uint32_t *word, vyre_order_t order, uint32_t value) {
  switch (order) {
    case VYRE_ORDER_RELAXED: return __atomic_fetch_add(word, value, __ATOMIC_RELAXED);
    case VYRE_ORDER_ACQUIRE: return __atomic_fetch_add(word, value, __ATOMIC_ACQUIRE);
    case VYRE_ORDER_RELEASE: return __atomic_fetch_add(word, value, __ATOMIC_RELEASE);
    case VYRE_ORDER_ACQ_REL: return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
    case VYRE_ORDER_SEQ_CST: return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
    default: VYRE_UNREACHABLE();
  }
}

static uint64_t add8(uint64_t *word, vyre_order_t order, uint64_t value) {
  switch (order) {
    case VYRE_ORDER_RELAXED: return __atomic_fetch_add(word, value, __ATOMIC_RELAXED);
    case VYRE_ORDER_ACQUIRE: return __atomic_fetch_add(word, value, __ATOMIC_ACQUIRE);
    case VYRE_ORDER_RELEASE: return __atomic_fetch_add(word, value, __ATOMIC_RELEASE);
    case VYRE_ORDER_ACQ_REL: return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
    case VYRE_ORDER_SEQ_CST: return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
    default: VYRE_UNREACHABLE();
  }
}

uint64_t vyre_memory_add(uint64_t address, unsigned bytes, vyre_order_t order, uint64_t value) {
  switch (bytes) {
    case 4: return add4((uint32_t *)(uintptr_t)address, order, (uint32_t)value);
    case 8: return add8((uint64_t *)(uintptr_t)address, order, value);
    default: VYRE_UNREACHABLE();
  }
}

/* When the exchange fails nothing is written, so the failure order is the success order without its release. */
#define COMPARE_EXCHANGE(word, expected, desired, order)                                                  \
  do {                                                                                                    \
    switch (order) {                                                                                      \
      case VYRE_ORDER_RELAXED:                                                                            \
        __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED); \
        break;                                                                                            \
      case VYRE_ORDER_ACQUIRE:                                                                            \
        __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE); \
        break;                                                                                            \
      case VYRE_ORDER_RELEASE:                                                                            \
        __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED); \
        break;                                                                                            \
      case VYRE_ORDER_ACQ_REL:                                                                            \
        __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE); \
        break;                                                                                            \
      case VYRE_ORDER_SEQ_CST:                                                                            \
        __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        break;                                                                                            \
      default: VYRE_UNREACHABLE();                                                                        \
    }                                                                                                     \
  } while (0)

uint64_t vyre_memory_compare_exchange(uint64_t address, unsigned bytes, vyre_order_t order, uint64_t expected,
                                      uint64_t desired) {
  if (bytes == 4) {
    uint32_t seen = (uint32_t)expected;
    COMPARE_EXCHANGE((uint32_t *)(uintptr_t)address, seen, (uint32_t)desired, order);
    return seen;
  }
  VYRE_ASSERT(bytes == 8);
  COMPARE_EXCHANGE((uint64_t *)(uintptr_t)address, expected, desired, order);
  return expected;
}

/* By compare-exchange, until nobody came between. What is seen in an exchange that failed is tried with next. */
uint64_t vyre_memory_update(uint64_t address, vyre_expr_op_t op, vyre_type_t type, vyre_order_t order, uint64_t value) {
  unsigned bytes = vyre_type_bytes(type);
  uint64_t seen = vyre_memory_load(address, bytes, VYRE_ORDER_RELAXED);
  for (;;) {
    uint64_t found =
        vyre_memory_compare_exchange(address, bytes, order, seen, vyre_value_binary(op, type, seen, value));
    if (found == seen) return found;
    seen = found;
  }
}

uint64_t vyre_memory_exchange(uint64_t address, unsigned bytes, vyre_order_t order, uint64_t value) {
  uint64_t seen = vyre_memory_load(address, bytes, VYRE_ORDER_RELAXED);
  for (;;) {
    uint64_t found = vyre_memory_compare_exchange(address, bytes, order, seen, value);
    if (found == seen) return found;
    seen = found;
  }
}

void vyre_memory_fence(vyre_order_t order) {
  switch (order) {
    case VYRE_ORDER_ACQUIRE: __atomic_thread_fence(__ATOMIC_ACQUIRE); return;
    case VYRE_ORDER_RELEASE: __atomic_thread_fence(__ATOMIC_RELEASE); return;
    case VYRE_ORDER_ACQ_REL: __atomic_thread_fence(__ATOMIC_ACQ_REL); return;
    case VYRE_ORDER_SEQ_CST: __atomic_thread_fence(__ATOMIC_SEQ_CST); return;
    default: VYRE_UNREACHABLE();
  }
}

void vyre_memory_load16(uint64_t address, unsigned tag, uint32_t out_words[4]) {
  const uint32_t *words = (const uint32_t *)(uintptr_t)address;
  out_words[tag] = __atomic_load_n(&words[tag], __ATOMIC_ACQUIRE);
  for (unsigned i = 0; i < 4; i++)
    if (i != tag) out_words[i] = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
}

void vyre_memory_store16(uint64_t address, unsigned tag, const uint32_t words[4]) {
  uint32_t *to = (uint32_t *)(uintptr_t)address;
  for (unsigned i = 0; i < 4; i++)
    if (i != tag) __atomic_store_n(&to[i], words[i], __ATOMIC_RELAXED);
  __atomic_store_n(&to[tag], words[tag], __ATOMIC_RELEASE);
}
