/* Lanes, votes, fences, scopes, local memory, bit counts: ref and the cpu device's machine code leave the same bytes in
 * the control block and in local memory, and those that are written out here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "device/cpu/cpu.h"
#include "interp/interp.h"
#include "ir/text.h"
#include "support/expect.h"
#include "support/random.h"

enum { CONTROL_WORDS = 512 };

typedef struct memory {
  _Alignas(64) uint32_t control[CONTROL_WORDS];
  _Alignas(64) uint32_t local[VYRE_LOCAL_BYTES / 4];
} memory_t;

static void fill(memory_t *m, uint64_t seed) {
  random_t random = {seed};
  for (unsigned i = 0; i < CONTROL_WORDS; i++) m->control[i] = (uint32_t)random_next(&random);
  for (unsigned i = 0; i < VYRE_LOCAL_BYTES / 4; i++) m->local[i] = (uint32_t)random_next(&random);
}

static vyre_frame_t frame_of(memory_t *m) {
  return (vyre_frame_t){.control = (uint64_t)(uintptr_t)m->control, .scratch = (uint64_t)(uintptr_t)m->local};
}

/* Runs the text on both, from the memory in `m`, which then holds what ref left. */
static void run(const char *text, memory_t *m) {
  static memory_t machine;
  vyre_program_t *program = NULL;
  ok(vyre_text_parse(text, strlen(text), "test.vyre", true, &program));
  machine = *m;
  vyre_interp_t *interp = NULL;
  ok(vyre_interp_create(program, &interp));
  vyre_frame_t frame = frame_of(m);
  vyre_interp_call(&frame, interp);
  vyre_interp_destroy(interp);
  assert_int_equal(frame.fault, VYRE_FAULT_NONE);
  for (unsigned is_unchecked = 0; is_unchecked < 2; is_unchecked++) {
    memory_t copy = machine;
    vyre_loaded_t *object;
    vyre_entry_t entry;
    ok(vyre_cpu_compile(program, is_unchecked, &object, &entry));
    frame = frame_of(&copy);
    frame.fault = VYRE_FAULT_TRAP;
    entry.function(&frame, entry.context);
    vyre_loaded_destroy(object);
    assert_int_equal(frame.fault, VYRE_FAULT_NONE);
    assert_memory_equal(copy.control, m->control, sizeof copy.control);
    assert_memory_equal(copy.local, m->local, sizeof copy.local);
  }
  vyre_program_destroy(&program);
}

static void local_memory_is_the_scratch(void **state) {
  (void)state;
  static memory_t m;
  fill(&m, 1);
  run("program p\n"
      "raw_store.u64.relaxed(control(), local())\n"
      "raw_store.u64.relaxed(control(), local() - raw_load.u64.relaxed(control()))\n"
      "raw_store.u32.relaxed.workgroup(local() + 10236, 77)\n",
      &m);
  assert_int_equal(m.control[0] | m.control[1], 0);
  assert_int_equal(m.local[VYRE_LOCAL_BYTES / 4 - 1], 77);
}

/* Each lane copies its record out of the control block, changed; the next block sees what other lanes stored. */
static void lanes_work_on_records(void **state) {
  (void)state;
  static memory_t m, before;
  fill(&m, 2);
  before = m;
  run("program p\n"
      "lanes l {\n"
      "  let from = control() + u64(l) * 16\n"
      "  let a, b, c, d = load16.tag3.relaxed.device(from)\n"
      "  store16.tag1.relaxed.workgroup(local() + u64(l) * 16, d, c, b, a + l)\n"
      "}\n"
      "lanes l {\n"
      "  let from = local() + u64(31 - l) * 16\n"
      "  let a, b, c, d = load16.tag0(from)\n"
      "  store16.tag2(control() + 1024 + u64(l) * 16, a, b, c, d)\n"
      "}\n",
      &m);
  for (unsigned l = 0; l < 32; l++) {
    const uint32_t *from = &before.control[4 * l];
    const uint32_t expected[4] = {from[3], from[2], from[1], from[0] + l};
    assert_memory_equal(&m.local[4 * l], expected, 16);
    assert_memory_equal(&m.control[256 + 4 * (31 - l)], expected, 16);
  }
}

/* Bits are added to those that the mask has; two masks in one block; votes behind branches, and more than once. */
static void votes_make_masks(void **state) {
  (void)state;
  for (uint64_t seed = 10; seed < 20; seed++) {
    static memory_t m, before;
    fill(&m, seed);
    before = m;
    run("program p\n"
        "var odd : u32 = raw_load.u32.relaxed(control() + 2000)\n"
        "var low : u32 = 0\n"
        "var none : u32 = 0\n"
        "lanes l {\n"
        "  let word = raw_load.u32.relaxed.device(control() + u64(l) * 4)\n"
        "  vote(odd, word & 1 == 1)\n"
        "  if word < 1 << 31 {\n"
        "    vote(low, word % 3 != 0)\n"
        "    vote(low, word % 5 == 0)\n"
        "  } else {\n"
        "    vote(none, word == 0)\n"
        "  }\n"
        "}\n"
        "raw_store.u32.relaxed(local(), odd)\n"
        "raw_store.u32.relaxed(local() + 4, low)\n"
        "raw_store.u32.relaxed(local() + 8, none)\n"
        "lanes l { vote(low, true) }\n"
        "raw_store.u32.relaxed(local() + 12, low)\n"
        "raw_store.u32.relaxed(local() + 16, popcount(odd) << 8 | ctz(odd))\n",
        &m);
    uint32_t odd = before.control[500], low = 0;
    for (unsigned l = 0; l < 32; l++) {
      uint32_t word = before.control[l];
      odd |= (word & 1) << l;
      if (word < UINT32_C(1) << 31) low |= (uint32_t)(word % 3 != 0 || word % 5 == 0) << l;
    }
    assert_int_equal(m.local[0], odd);
    assert_int_equal(m.local[1], low);
    assert_int_equal(m.local[2], 0);
    assert_int_equal(m.local[3], UINT32_MAX);
    assert_int_equal(m.local[4], (uint32_t)__builtin_popcount(odd) << 8 | (uint32_t)__builtin_ctz(odd));
  }
}

/* A loop of each lane's own, with break and continue; a block inside loops, left after the vote. */
static void lanes_loop_on_their_own(void **state) {
  (void)state;
  static memory_t m;
  fill(&m, 3);
  run("program p\n"
      "var round : u32 = 0\n"
      "forever {\n"
      "  var done : u32 = 0\n"
      "  lanes l {\n"
      "    var i : u32 = 0\n"
      "    var sum : u32 = 0\n"
      "    while true {\n"
      "      i += 1\n"
      "      if i & 1 == 0 { continue }\n"
      "      if i > l + round { break }\n"
      "      sum += i\n"
      "    }\n"
      "    raw_store.u32.relaxed(control() + u64(l) * 4, sum)\n"
      "    vote(done, sum > 16)\n"
      "  }\n"
      "  raw_store.u32.release.workgroup(local() + u64(round) * 4, done)\n"
      "  round += 1\n"
      "  if done & 1 == 1 { break }\n"
      "}\n"
      "raw_store.u32.relaxed(control() + 128, round)\n",
      &m);
  /* The odd numbers up to n add up to h * h where h is half of n, rounded up; they are more than 16 from n = 9 on. */
  assert_int_equal(m.control[32], 10);
  for (unsigned round = 0; round < 10; round++) assert_int_equal(m.local[round], UINT32_MAX << (9 - round));
  for (unsigned l = 0; l < 32; l++) assert_int_equal(m.control[l], ((l + 9 + 1) / 2) * ((l + 9 + 1) / 2));
}

/* What orders changes nothing for one worker alone: every order and scope there is computes the same. */
static void orders_and_scopes_keep_values(void **state) {
  (void)state;
  static memory_t m;
  fill(&m, 4);
  m.control[0] = 5;
  run("program p\n"
      "let c = control()\n"
      "fence.acquire()\n"
      "raw_store.u32.relaxed(c + 4, raw_atomic_add.u32.relaxed.workgroup(c, 1))\n"
      "fence.release.device()\n"
      "raw_store.u32.release.device(c + 8, raw_atomic_add.u32.acq_rel.device(c, 1))\n"
      "fence.acq_rel.workgroup()\n"
      "raw_store.u32.release(c + 12, raw_atomic_compare_exchange.u32.seq_cst.workgroup(c, 7, 9))\n"
      "fence.seq_cst()\n"
      "raw_store.u32.relaxed.workgroup(c + 16, raw_load.u32.acquire.device(c))\n"
      "fence.seq_cst.device()\n",
      &m);
  static const uint32_t expected[] = {9, 5, 6, 7, 9};
  assert_memory_equal(m.control, expected, sizeof expected);
}

static void bits_are_counted_in_every_width(void **state) {
  (void)state;
  static const struct {
    const char *type;
    unsigned bits;
  } types[] = {{"u8", 8}, {"i8", 8}, {"u16", 16}, {"i16", 16}, {"u32", 32}, {"i32", 32}, {"u64", 64}, {"i64", 64}};
  for (unsigned t = 0; t < sizeof types / sizeof *types; t++) {
    char text[1000];
    snprintf(text, sizeof text,
             "program p\n"
             "lanes l {\n"
             "  let at = control() + u64(l) * 8\n"
             "  let x = %s(raw_load.u64.relaxed(at))\n"
             "  raw_store.u64.relaxed(local() + u64(l) * 16, u64(popcount(x)))\n"
             "  raw_store.u64.relaxed(local() + u64(l) * 16 + 8, u64(ctz(x)))\n"
             "}\n",
             types[t].type);
    static memory_t m;
    fill(&m, 30 + t);
    uint64_t words[32];
    for (unsigned l = 0; l < 32; l++) {
      words[l] = (uint64_t)m.control[2 * l] << 32 | m.control[2 * l + 1];
      if (l < 4) words[l] = l < 2 ? 0 - (uint64_t)l : l == 2 ? UINT64_C(1) << (types[t].bits - 1) : 0xF0;
    }
    memcpy(m.control, words, sizeof words);
    run(text, &m);
    for (unsigned l = 0; l < 32; l++) {
      uint64_t ones = 0, zeros = types[t].bits, found[2];
      for (unsigned i = types[t].bits; i-- > 0;)
        if (words[l] >> i & 1) {
          ones++;
          zeros = i;
        }
      memcpy(found, &m.local[4 * l], sizeof found);
      assert_int_equal(found[0], ones);
      assert_int_equal(found[1], zeros);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(local_memory_is_the_scratch),
      cmocka_unit_test(lanes_work_on_records),
      cmocka_unit_test(votes_make_masks),
      cmocka_unit_test(lanes_loop_on_their_own),
      cmocka_unit_test(orders_and_scopes_keep_values),
      cmocka_unit_test(bits_are_counted_in_every_width),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
