/* What the loader's test loads: code and data of each kind that compilers emit. Compiled in three ways: position
 * independent (loads), large model (loads), neither (does not fit, is refused). */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

uint64_t fixture_external(uint64_t value);

uint64_t fixture_counter = 7;
uint64_t fixture_zeroed[4096];
static const uint64_t squares[] = {0, 1, 4, 9, 16, 25, 36, 49, 64, 81};
const uint32_t fixture_table[] = {3, 1, 4, 1, 5, 9, 2, 6};

int64_t fixture_add(int64_t a, int64_t b) { return a + b; }

uint64_t fixture_square(uint64_t i) { return i < sizeof squares / sizeof *squares ? squares[i] : UINT64_MAX; }

/* Bodies that no compiler turns into a table of values: what is left is a jump table in .rodata. */
uint64_t fixture_switch(uint64_t which, uint64_t a, uint64_t b) {
  switch (which) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return a ^ b;
    case 4: return b ? a / b : 0;
    case 5: return a << (b & 63);
    case 6: return fixture_external(a) + b;
    case 7: return (a | b) * 3;
    default: return 0;
  }
}

static int64_t subtract(int64_t a, int64_t b) { return a - b; }
static int64_t multiply(int64_t a, int64_t b) { return a * b; }

/* Pointers in .data: absolute relocations to code, constants and a global. */
typedef struct operation {
  const char *name;
  int64_t (*function)(int64_t a, int64_t b);
} operation_t;
static const operation_t operations[] = {{"add", fixture_add}, {"subtract", subtract}, {"multiply", multiply}};
uint64_t *fixture_pointer = &fixture_counter;

int64_t fixture_operation(const char *name, int64_t a, int64_t b) {
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
    const char *x = operations[i].name, *y = name;
    while (*x && *x == *y) x++, y++;
    if (*x == *y) return operations[i].function(a, b);
  }
  return INT64_MIN;
}

uint64_t fixture_count(uint64_t step) {
  *fixture_pointer += step;
  return fixture_counter;
}

/* Sums an array that begins as zeroes, after writing one element. */
uint64_t fixture_zeroes(size_t index, uint64_t value) {
  fixture_zeroed[index % 4096] = value;
  uint64_t sum = 0;
  for (size_t i = 0; i < 4096; i++) sum += fixture_zeroed[i];
  return sum;
}

/* Calls into libc, through stubs. */
uint64_t fixture_memory(unsigned char *to, const unsigned char *from, size_t length) {
  memset(to, 0x5a, length + 8);
  memcpy(to, from, length);
  memmove(to + 1, to, length);
  return length;
}

uint64_t fixture_tail(uint64_t value) { return fixture_external(value * 2); }

/* The external's address as a value, out of the global offset table. */
uintptr_t fixture_external_address(void) { return (uintptr_t)&fixture_external; }

uintptr_t fixture_table_address(void) { return (uintptr_t)fixture_table; }
uintptr_t fixture_counter_address(void) { return (uintptr_t)&fixture_counter; }
uintptr_t fixture_zeroed_address(void) { return (uintptr_t)fixture_zeroed; }

/* A 64-bit distance, which compilers rarely emit. */
extern const int64_t fixture_distance;
__asm__(
    ".pushsection .rodata\n"
    ".balign 8\n"
    ".globl fixture_distance\n"
    "fixture_distance: .quad fixture_distance_target - .\n"
    ".popsection\n"
    ".pushsection .text\n"
    "fixture_distance_target: .byte 0xf4\n"
    ".popsection\n");
unsigned char fixture_at_distance(void) { return *((const unsigned char *)&fixture_distance + fixture_distance); }
