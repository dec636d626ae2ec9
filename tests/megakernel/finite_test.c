/* The megakernel's loop in topology direct, one worker in one thread, over an image in plain memory: random slots of
 * every opcode against the model, on both sides of every counter's wrap. The interpreter and the cpu device's machine
 * code run the very same image: afterwards all its bytes are equal.
 *
 * The host's part is played inside the pump hook. Arguments: [first seed] [count]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "device/cpu/cpu.h"
#include "interp/interp.h"
#include "megakernel/finite_host.h"
#include "megakernel/loop.h"
#include "support/expect.h"

static uint64_t first_seed = 1, seed_count = 150;

enum { SPIN_LIMIT = 3 };

/* What the hooks saw of a run. */
static uint32_t sleeps, fences, idle_calls;

static uint32_t hook_pump(vyre_hooks_t *hooks, uint32_t worker) {
  finite_host_t *h = finite_host_of(hooks);
  if (worker != 0) FINITE_WRONG(h, "worker %u", worker);
  finite_event(h);
  if (++idle_calls > 100000) {
    /* Nothing goes on any more: leave the loop, and say so. */
    put32(h->image->control, VYRE_CONTROL_STOP, VYRE_STOP_NOW);
    FINITE_WRONG(h, "the loop did not come to its end");
  }
  if (h->has_shutdown) return 0;
  finite_read_completions(h);
  /* Now and then nothing, so that the loop gets as far as its sleep. */
  if (random_once_in(&h->random, 3)) return 0;
  return finite_publish(h, 1 + random_below(&h->random, 2u << h->shift)) && random_once_in(&h->random, 2);
}

/* A publisher that comes while a worker goes to sleep: then it does not sleep. */
static void hook_heavy_fence(vyre_hooks_t *hooks) {
  finite_host_t *h = finite_host_of(hooks);
  fences++;
  finite_event(h);
  if (get32(h->image->shared, VYRE_SHARED_SLEEPERS) != 1) FINITE_WRONG(h, "a fence with SLEEPERS not 1");
  if (random_once_in(&h->random, 4)) finite_publish(h, 1);
}

static void hook_sleep(vyre_hooks_t *hooks, uint32_t worker, uint64_t word, uint32_t seen) {
  finite_host_t *h = finite_host_of(hooks);
  sleeps++;
  if (h->is_stopped) FINITE_WRONG(h, "sleeps over a stop");
  finite_event(h);
  if (worker != 0 || word != finite_address(h->image->shared + VYRE_SHARED_EVENT) ||
      seen != get32(h->image->shared, VYRE_SHARED_EVENT))
    FINITE_WRONG(h, "sleeps on another word");
  if (get32(h->image->shared, VYRE_SHARED_SLEEPERS) != 1) FINITE_WRONG(h, "sleeps with SLEEPERS not 1");
  if (get64(h->image->shared, VYRE_SHARED_TAKEN) != h->next) FINITE_WRONG(h, "sleeps over a published slot");
  put32(h->image->shared, VYRE_SHARED_EVENT, seen + 1);
}

static const vyre_hooks_t hooks = {.pump = hook_pump, .sleep = hook_sleep, .heavy_fence = hook_heavy_fence};

static void run(finite_host_t *h, finite_image_t *image, vyre_entry_t loop, uint64_t seed, uint64_t border,
                const char *what) {
  finite_begin(h, image, &hooks, 1, SPIN_LIMIT, seed, border);
  idle_calls = 0;
  loop.function((vyre_frame_t *)(void *)image->blocks[0], loop.context);
  finite_check_end(h);
  if (get32(image->control, VYRE_CONTROL_STOP) != VYRE_STOP_FINISH) FINITE_WRONG(h, "STOP");
  if (h->wrong[0])
    fail_msg("%s, seed %llu, first ticket 0x%llx: %s", what, (unsigned long long)seed, (unsigned long long)h->first,
             h->wrong);
}

static void random_slots(void **state) {
  (void)state;
  vyre_program_t *loop;
  ok(vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DIRECT, .sleeps = true}, &loop));
  vyre_interp_t *interp;
  ok(vyre_interp_create(loop, &interp));
  vyre_loaded_t *object;
  vyre_entry_t machine, interpreter = {vyre_interp_call, interp};
  ok(vyre_cpu_compile(loop, false, &object, &machine));
  finite_image_t *image = finite_image_make(), *reference = finite_image_make();
  static finite_host_t host;
  uint64_t calls = 0;
  for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
    uint64_t borders[FINITE_BORDERS];
    finite_borders(seed, borders);
    for (unsigned i = 0; i < FINITE_BORDERS; i++) {
      char where[100];
      run(&host, image, interpreter, seed, borders[i], "interpreter");
      memcpy(reference, image, sizeof *image);
      run(&host, image, machine, seed, borders[i], "machine code");
      calls += host.calls_made;
      if (!finite_images_equal(reference, image, where, sizeof where))
        fail_msg("seed %llu: %s", (unsigned long long)seed, where);
    }
  }
  /* The hooks were really used, also by publishers that came late. */
  assert_true(sleeps > seed_count && fences > sleeps && calls > 100 * seed_count);
  free(image);
  free(reference);
  vyre_loaded_destroy(object);
  vyre_interp_destroy(interp);
  vyre_program_destroy(&loop);
}

/* A run from one seed is stopped at each of its events, one run an event. */
static void stops_at_every_point(void **state) {
  (void)state;
  vyre_program_t *loop;
  ok(vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DIRECT, .sleeps = true}, &loop));
  vyre_interp_t *interp;
  ok(vyre_interp_create(loop, &interp));
  vyre_loaded_t *object;
  vyre_entry_t loops[2] = {{vyre_interp_call, interp}};
  ok(vyre_cpu_compile(loop, false, &object, &loops[1]));
  finite_image_t *image = finite_image_make();
  static finite_host_t h;
  uint64_t borders[FINITE_BORDERS], stops = 0;
  finite_borders(first_seed, borders);
  for (uint64_t stop_at = 1;; stop_at++) {
    for (unsigned i = 0; i < 2; i++) {
      finite_begin(&h, image, &hooks, 1, SPIN_LIMIT, first_seed, borders[2]);
      h.stop_at = stop_at;
      idle_calls = 0;
      loops[i].function((vyre_frame_t *)(void *)image->blocks[0], loops[i].context);
      if (h.is_stopped) finite_check_stopped(&h);
      if (h.wrong[0])
        fail_msg("%s, seed %llu, stopped at event %llu: %s", i ? "machine code" : "interpreter",
                 (unsigned long long)first_seed, (unsigned long long)stop_at, h.wrong);
      stops += h.is_stopped;
    }
    if (!h.is_stopped) break; /* it ended before that event */
  }
  assert_true(stops > 500);
  free(image);
  vyre_loaded_destroy(object);
  vyre_interp_destroy(interp);
  vyre_program_destroy(&loop);
}

int main(int argc, char **argv) {
  if (argc > 1) first_seed = strtoull(argv[1], NULL, 0);
  if (argc > 2) seed_count = strtoull(argv[2], NULL, 0);
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_slots), cmocka_unit_test(stops_at_every_point)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
