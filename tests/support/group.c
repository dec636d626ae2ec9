#include "support/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "device/cpu/cpu.h"
#include "support/random.h"

enum { STACK_BYTES = 512 << 10, GUARD_BYTES = 4096, WARP = 32 };

typedef enum meeting { RUNS, ENDED, BARRIER, ANY, WARP_SYNC, BALLOT, SHUFFLE } meeting_t;

typedef struct fiber {
  uint8_t *stack;
  void *top; /* where it stopped */
  meeting_t at;
  uint32_t place, operand, lane, result;
} fiber_t;

static struct {
  fiber_t fibers[GROUP_THREADS_MAX];
  uint32_t threads, current;
  void *top; /* of the caller of all */
  vyre_entry_fn function;
  void *frame;
  random_t random;
  uint64_t calls;
} here;

/* Saves the registers that a function keeps on its stack, whose top becomes *from, and goes on where `to` was saved. */
void group_switch(void **from, void *to);
__asm__(
    ".text\n"
    ".type group_switch, @function\n"
    "group_switch:\n"
    "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  mov %rsp, (%rdi)\n"
    "  mov %rsi, %rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n"
    "  ret\n"
    ".size group_switch, .-group_switch\n");

static void fail(const char *what) {
  if (getenv("VYRE_GROUP_WHY")) {
    fprintf(stderr, "group: %s\n", what);
    for (uint32_t i = 0; i < here.threads; i++)
      fprintf(stderr, "  thread %u: meeting %d at place %u\n", i, here.fibers[i].at, here.fibers[i].place);
  }
  abort();
}

static uint32_t meet(meeting_t at, uint32_t place, uint32_t operand, uint32_t lane) {
  fiber_t *fiber = &here.fibers[here.current];
  fiber->at = at;
  fiber->place = place;
  fiber->operand = operand;
  fiber->lane = lane;
  group_switch(&fiber->top, here.top);
  return fiber->result;
}

static uint32_t thread(void) { return here.current; }
static uint32_t threads(void) { return here.threads; }
static void barrier(uint32_t place) { meet(BARRIER, place, 0, 0); }
static uint32_t any(uint32_t place, uint32_t bit) { return meet(ANY, place, bit, 0); }
static void warp_sync(uint32_t place) { meet(WARP_SYNC, place, 0, 0); }
static uint32_t ballot(uint32_t place, uint32_t bit) { return meet(BALLOT, place, bit, 0); }
static uint32_t shuffle(uint32_t place, uint32_t word, uint32_t lane) { return meet(SHUFFLE, place, word, lane); }

static void begin_fiber(void) {
  here.function(here.frame, NULL);
  meet(ENDED, 0, 0, 0);
  abort();
}

/* As group_switch leaves a stack: six registers, then where to return to; aligned as behind a call. */
static void prepare(fiber_t *fiber) {
  if (!fiber->stack) {
    fiber->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fiber->stack == MAP_FAILED || mprotect(fiber->stack, GUARD_BYTES, PROT_NONE)) fail("no memory for a stack");
  }
  uint64_t *top = (uint64_t *)(void *)(fiber->stack + STACK_BYTES) - 8;
  memset(top, 0, 64);
  void (*begin)(void) = begin_fiber;
  memcpy(&top[6], &begin, sizeof begin);
  fiber->top = top;
  fiber->at = RUNS;
}

/* Whether fibers [from, from + count) are all at one meeting of the kind; one that is somewhere else can never come. */
static bool are_together(uint32_t from, uint32_t count) {
  const fiber_t *first = &here.fibers[from];
  for (uint32_t i = from; i < from + count; i++) {
    const fiber_t *fiber = &here.fibers[i];
    if (fiber->at == RUNS) return false;
    if (fiber->at != first->at || fiber->place != first->place) fail("threads meet at different places");
  }
  return true;
}

static void let_warp_go(uint32_t from) {
  uint32_t bits = 0, words[WARP];
  meeting_t at = here.fibers[from].at;
  for (uint32_t i = 0; i < WARP; i++) {
    words[i] = here.fibers[from + i].operand;
    bits |= (uint32_t)(words[i] != 0) << i;
  }
  for (uint32_t i = 0; i < WARP; i++) {
    fiber_t *fiber = &here.fibers[from + i];
    if (at == SHUFFLE && fiber->lane >= WARP) fail("a shuffle from outside of the warp");
    fiber->result = at == SHUFFLE ? words[fiber->lane] : bits;
    fiber->at = RUNS;
  }
}

/* Lets those go who are all there; false when all have ended. */
static bool let_go(void) {
  bool all_wait = true;
  for (uint32_t warp = 0; warp < here.threads; warp += WARP) {
    meeting_t at = here.fibers[warp].at;
    all_wait &= at != RUNS;
    bool is_of_warp = at == WARP_SYNC || at == BALLOT || at == SHUFFLE;
    if (!is_of_warp) continue;
    if (!are_together(warp, WARP)) fail("a thread of the warp is missing");
    let_warp_go(warp);
    all_wait = false;
  }
  if (!all_wait) return true;
  are_together(0, here.threads);
  if (here.fibers[0].at == ENDED) return false;
  uint32_t bit = 0;
  for (uint32_t i = 0; i < here.threads; i++) bit |= here.fibers[i].operand != 0;
  for (uint32_t i = 0; i < here.threads; i++) {
    here.fibers[i].result = bit;
    here.fibers[i].at = RUNS;
  }
  return true;
}

/* Each fiber that can, once, in random order: a thread that it begins at and a step that comes to all. Some warps are
 * left out, so that others run ahead of them as far as a barrier lets them. */
static void run_round(void) {
  uint64_t left_out = random_next(&here.random) & random_next(&here.random);
  uint32_t first = (uint32_t)random_below(&here.random, here.threads);
  uint32_t step = (uint32_t)random_below(&here.random, here.threads) | 1;
  while (here.threads % 3 == 0 && step % 3 == 0) step += 2;
  for (uint32_t i = 0; i < here.threads; i++) {
    here.current = (first + i * step) % here.threads;
    fiber_t *fiber = &here.fibers[here.current];
    if (left_out >> here.current / WARP & 1) continue;
    if (fiber->at == RUNS) group_switch(&here.top, fiber->top);
  }
}

static void call(vyre_frame_t *frame, void *context) {
  const group_t *group = context;
  here.threads = group->threads;
  here.function = group->function;
  here.frame = frame;
  here.random = (random_t){group->seed + here.calls++};
  for (uint32_t i = 0; i < here.threads; i++) prepare(&here.fibers[i]);
  do run_round();
  while (let_go());
}

static vyre_status_t load(const char *bytes, size_t size, vyre_loaded_t **out_object) {
  static const vyre_loader_symbol_t functions[] = {
      {"vyre_group_thread", (vyre_loader_fn_t)thread},       {"vyre_group_threads", (vyre_loader_fn_t)threads},
      {"vyre_group_barrier", (vyre_loader_fn_t)barrier},     {"vyre_group_any", (vyre_loader_fn_t)any},
      {"vyre_group_warp_sync", (vyre_loader_fn_t)warp_sync}, {"vyre_group_ballot", (vyre_loader_fn_t)ballot},
      {"vyre_group_shuffle", (vyre_loader_fn_t)shuffle}};
  enum { FUNCTIONS = sizeof functions / sizeof *functions };
  size_t count = vyre_cpu_runtime_count + FUNCTIONS;
  vyre_loader_symbol_t *symbols = vyre_alloc(count * sizeof *symbols);
  if (!symbols) return vyre_out_of_memory(count * sizeof *symbols);
  memcpy(symbols, functions, sizeof functions);
  memcpy(symbols + FUNCTIONS, vyre_cpu_runtime, vyre_cpu_runtime_count * sizeof *symbols);
  vyre_status_t status = vyre_loader_load(bytes, size, symbols, count, out_object);
  vyre_free(symbols);
  return status;
}

vyre_status_t group_init(group_t *group, const vyre_program_t *program, uint32_t threads_wanted, bool is_known,
                         uint64_t seed, vyre_entry_t *out_entry) {
  *group = (group_t){.threads = threads_wanted, .seed = seed};
  const vyre_codegen_table_t *codegen;
  VYRE_TRY(vyre_codegen_load(&codegen));
  vyre_codegen_options_t options = {
      .form = VYRE_CODEGEN_OBJECT, .threads = is_known ? threads_wanted : 0, .is_emulated_group = true};
  char *bytes;
  size_t size;
  VYRE_TRY(codegen->compile(program, &options, &bytes, &size));
  vyre_status_t status = load(bytes, size, &group->object);
  vyre_free(bytes);
  if (status) return status;
  group->function = (vyre_entry_fn)vyre_loaded_symbol(group->object, VYRE_CODEGEN_SYMBOL);
  *out_entry = (vyre_entry_t){.function = call, .context = group};
  return NULL;
}

void group_deinit(group_t *group) {
  vyre_loaded_destroy(group->object);
  *group = (group_t){0};
}
