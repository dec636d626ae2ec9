/* No slot and no completion is ever seen torn: what each quarter of a slot of one producer holds follows from its
 * number, and so does the answer. What slots work on lies in the device's own memory, so that on a GPU slots and
 * completions alone go over the bus.
 *
 * Arguments: [device] [slots] [seed] [workers]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <vyre/buffer.h>
#include <vyre/session.h>

#include "base/clock.h"
#include "ir/frame.h"
#include "support/device.h"
#include "support/expect.h"
#include "support/random.h"

enum { WORDS = 4096, CELLS = 1024, BLOCKS = 64, BLOCK_BYTES = 64, PACKED_ONCE_IN = 1024, CALL_WORDS_MAX = 4 };
#define SLOT_NS (60 * VYRE_NS_PER_S)

static const char *device_name = "cpu";
static uint64_t slots = 400000, seed = 1;
static uint32_t workers = 1;

static uint32_t words[WORDS], window, blocks_window, sum_opcode;
static uint64_t sums[BLOCKS]; /* of the calls so far, by their block */

static const char sum_text[] =
    "program sum_words\nstream data : u32\noutput total : u64 sum\n\nforeach i in 0 .. len(data) {\n"
    "  total += u64(data[i])\n}\n";

static uint32_t word_of(uint64_t number, uint32_t which) {
  random_t random = {seed + number * 4 + which};
  return (uint32_t)random_next(&random) % WORDS;
}

/* Arguments in all quarters: the words that it adds up, and the block that it adds them to. */
static void make_call(uint64_t number, vyre_slot_t *slot) {
  uint32_t count = 1 + word_of(number, 0) % CALL_WORDS_MAX, block = word_of(number, 1) % BLOCKS;
  uint32_t first = word_of(number, 2) % (WORDS - CALL_WORDS_MAX);
  *slot = (vyre_slot_t){
      .opcode = sum_opcode,
      .arg = {window, 4 * first, 0, 4 * count, 0, 0, VYRE_FRAME_IS_LAST, blocks_window, BLOCK_BYTES * block}};
  for (uint32_t i = 0; i < count; i++) sums[block] += words[first + i];
}

/* Loads in all quarters, of which the last one's result is the slot's; a word of the others that is not its own slot's
 * is most likely a fault. */
static void make_packed(uint64_t number, vyre_slot_t *slot) {
  vyre_operation_t operations[4];
  for (uint32_t i = 0; i < 4; i++)
    operations[i] = (vyre_operation_t){.opcode = VYRE_OP_LOAD_U32, .window = window, .arg = {4 * word_of(number, i)}};
  ok(vyre_slot_pack(operations, 4, slot));
}

/* Calls and loads, and a packed slot at times: those are carried out one by one. Gives the answer. */
static uint32_t make_slot(uint64_t number, vyre_slot_t *slot) {
  uint32_t word = word_of(number, 3);
  if (number % PACKED_ONCE_IN == 0) {
    make_packed(number, slot);
    return words[word];
  }
  if (number % 2 == 0) {
    make_call(number, slot);
    return 0;
  }
  *slot = (vyre_slot_t){.opcode = VYRE_OP_LOAD_U32, .arg = {window, 4 * word}};
  return words[word];
}

/* What is in flight, oldest first. */
static struct {
  vyre_ticket_t tickets[CELLS];
  uint32_t right[CELLS];
  uint64_t published, read;
} flights;

static void read_oldest(vyre_session_t *session) {
  uint32_t at = flights.read % CELLS;
  vyre_completion_t completion;
  ok(vyre_session_wait(session, flights.tickets[at], SLOT_NS, &completion));
  if (completion.state != VYRE_SLOT_DONE || completion.result[0] != flights.right[at] || completion.result[1] != 0)
    fail_msg("slot %llu: state %d, %u %u, not %u 0", (unsigned long long)flights.read, (int)completion.state,
             completion.result[0], completion.result[1], flights.right[at]);
  flights.read++;
}

/* Mostly full, so that many go through; at times the kernel is right behind the producer. */
static uint32_t depth_of(uint64_t number) {
  enum { PHASE = 8192, SHALLOW_ONCE_IN = 16 };
  random_t random = {seed ^ ~(number / PHASE)};
  return random_once_in(&random, SHALLOW_ONCE_IN) ? 1u << random_below(&random, 5) : CELLS;
}

static void none_is_torn(void **state) {
  (void)state;
  vyre_device_t *device;
  vyre_session_t *session;
  vyre_buffer_t *buffer, *blocks;
  vyre_program_t *program;
  random_t random = {seed};
  for (uint32_t i = 0; i < WORDS; i++) words[i] = (uint32_t)random_next(&random);
  ok(test_device_open(device_name, &device));
  vyre_session_params_t params = {.builder = test_device_builder(device_name),
                                  .topology = test_device_topology(device_name),
                                  .workers = workers,
                                  .ring_slots = CELLS,
                                  .cells = CELLS};
  ok(vyre_session_create(device, &params, &session));
  ok(vyre_program_parse(sum_text, sizeof sum_text - 1, "sum_words.vyre", &program));
  ok(vyre_session_register(session, program, &sum_opcode));
  vyre_program_destroy(&program);
  ok(vyre_buffer_create(device, sizeof words, &buffer));
  ok(vyre_buffer_write(buffer, 0, words, sizeof words));
  uint64_t zeros[BLOCKS][BLOCK_BYTES / sizeof(uint64_t)] = {{0}}, found[BLOCKS][BLOCK_BYTES / sizeof(uint64_t)];
  ok(vyre_buffer_create(device, sizeof zeros, &blocks));
  ok(vyre_buffer_write(blocks, 0, zeros, sizeof zeros));
  ok(vyre_session_start(session)); /* behind these: compute-sanitizer knows the memory that was there at the launch */
  ok(vyre_session_window_buffer(session, buffer, 0, sizeof words, &window));
  ok(vyre_session_window_buffer(session, blocks, 0, sizeof zeros, &blocks_window));
  uint64_t begin_ns = vyre_clock_ns();
  while (flights.published < slots) {
    uint32_t at = flights.published % CELLS, depth = depth_of(flights.published);
    while (flights.published - flights.read >= depth) read_oldest(session);
    vyre_slot_t slot;
    flights.right[at] = make_slot(flights.published, &slot);
    ok(vyre_session_submit(session, &slot, SLOT_NS, &flights.tickets[at]));
    flights.published++;
  }
  while (flights.read < flights.published) read_oldest(session);
  ok(vyre_buffer_read(blocks, 0, found, sizeof found));
  for (uint32_t i = 0; i < BLOCKS; i++) assert_int_equal(found[i][0], sums[i]);
  print_message("%s: %llu slots and completions, none torn, %.1f M/s\n", device_name, (unsigned long long)slots,
                (double)slots * 1e3 / (double)(vyre_clock_ns() - begin_ns));
  ok(vyre_session_stop(session, 10 * VYRE_NS_PER_S));
  vyre_session_destroy(&session);
  vyre_buffer_destroy(&buffer);
  vyre_buffer_destroy(&blocks);
  vyre_device_close(&device);
}

int main(int argc, char **argv) {
  if (argc > 1) device_name = argv[1];
  if (argc > 2) slots = strtoull(argv[2], NULL, 0);
  if (argc > 3) seed = strtoull(argv[3], NULL, 0);
  if (argc > 4) workers = (uint32_t)strtoul(argv[4], NULL, 0);
  int missing = test_device_missing(device_name);
  if (missing) return missing;
  const struct CMUnitTest tests[] = {cmocka_unit_test(none_is_torn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
