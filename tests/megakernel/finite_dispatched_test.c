/* The megakernel's loop in topology dispatched over an image in plain memory: the dispatcher and 1 to 40 workers, each
 * a coroutine of one thread, which change at every sleep and inside handlers as the seed says. So a run is the same
 * again.
 *
 * Random slots of every opcode against the model; handlers that take so long that the run queue grows; parks at any
 * step, after which the loop is called anew over the same image. The interpreter, the cpu device's machine code, and
 * the two by turns from launch to launch, leave the very same bytes. A run is stopped at each of its steps, too. In the
 * form for hosts a coroutine that sleeps does not run until it is woken: a wake that is lost leaves all asleep.
 *
 * Arguments: [first seed] [count]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "device/cpu/cpu.h"
#include "interp/interp.h"
#include "megakernel/finite_host.h"
#include "megakernel/loop.h"
#include "support/expect.h"

#ifdef VYRE_SANITIZED
static uint64_t first_seed = 1, seed_count = 1; /* a change of coroutines takes much longer there */
#else
static uint64_t first_seed = 1, seed_count = 3;
#endif

enum {
  STACK_BYTES = 1 << 20, /* of a coroutine; untouched pages cost nothing */
  STEPS_MAX = 400000,    /* changes of coroutines: far more than a run needs */
  FEW_SLOTS = 12,
};

typedef struct run {
  finite_host_t host; /* first */
  ucontext_t scheduler, contexts[FINITE_BLOCKS_MAX];
  bool has_left[FINITE_BLOCKS_MAX];
  uint32_t alive, current, steps, launches, park_rate, hold_max;
  bool is_parking;
  uint32_t dispatcher_parks_at; /* the step from which the dispatcher sees PARK: a word reaches some readers late */
  vyre_entry_t loop;            /* of this launch */
  bool sleeps;                  /* the form for hosts */
  uint64_t asleep_on[FINITE_BLOCKS_MAX]; /* the address of a word, or 0 */
} run_t;

/* Over all runs: what must have happened, or the test is too easy. */
static uint64_t queued_at_park, letters_at_park, parks, calls, queued_behind_busy, sleeps;

static uint8_t *stacks;

static run_t *of_host(finite_host_t *h) { return (run_t *)(void *)h; }

static void change(run_t *r) { swapcontext(&r->contexts[r->current], &r->scheduler); }

/* ---- the hooks ---- */

/* Wakes one that sleeps on the word. */
static void wake(run_t *r, uint64_t word) {
  for (uint32_t i = 0; i < r->host.blocks; i++)
    if (r->asleep_on[i] == word) {
      r->asleep_on[i] = 0;
      return;
    }
}

static void hook_wake(vyre_hooks_t *hooks, uint64_t word) { wake(of_host(finite_host_of(hooks)), word); }

/* As a futex: the word is compared and the sleep begun in one step. */
static void hook_sleep(vyre_hooks_t *hooks, uint32_t worker, uint64_t word, uint32_t seen) {
  finite_host_t *h = finite_host_of(hooks);
  run_t *r = of_host(h);
  if (worker != r->current) FINITE_WRONG(h, "worker %u sleeps while %u runs", worker, r->current);
  const uint8_t *block = h->image->blocks[worker];
  uint64_t own = worker ? finite_address(block + VYRE_WORKER_LETTER + VYRE_ENTRY_BYTES_EACH - 4)
                        : finite_address(h->image->shared + VYRE_SHARED_EVENT);
  uint32_t event = r->sleeps ? seen : 0; /* nobody counts on a GPU */
  if (word != own || seen != (worker ? get32(block, VYRE_WORKER_DONE) : event))
    FINITE_WRONG(h, "worker %u sleeps on another word", worker);
  uint32_t now = worker ? get32(block, VYRE_WORKER_LETTER + VYRE_ENTRY_BYTES_EACH - 4)
                        : get32(h->image->shared, VYRE_SHARED_EVENT);
  if (r->sleeps && now == seen) {
    r->asleep_on[worker] = word;
    sleeps++;
  }
  change(r);
}

/* A place to change at, in the form for hosts: between the announcement of a sleep and the last look. */
static uint32_t hook_pump(vyre_hooks_t *hooks, uint32_t worker) {
  run_t *r = of_host(finite_host_of(hooks));
  if (!r->sleeps || worker == 0) FINITE_WRONG(&r->host, "worker %u ran the pump", worker);
  change(r);
  return 0;
}

static void hook_heavy_fence(vyre_hooks_t *hooks) {
  run_t *r = of_host(finite_host_of(hooks));
  if (!r->sleeps || get32(r->host.image->shared, VYRE_SHARED_SLEEPERS) != 1)
    FINITE_WRONG(&r->host, "a fence for a sleep, SLEEPERS not 1");
  change(r);
}

static const vyre_hooks_t hooks = {
    .pump = hook_pump, .sleep = hook_sleep, .wake = hook_wake, .heavy_fence = hook_heavy_fence};

static void inside_handler(finite_host_t *h, uint32_t worker) {
  run_t *r = of_host(h);
  if (worker == 0) FINITE_WRONG(h, "the dispatcher runs a handler");
  for (uint32_t turns = random_below(&h->random, r->hold_max + 1); turns > 0; turns--) change(r);
}

/* ---- the scheduler ---- */

static void enter(unsigned high, unsigned low) {
  run_t *r = (run_t *)(uintptr_t)((uint64_t)high << 32 | low);
  r->loop.function((vyre_frame_t *)(void *)r->host.image->blocks[r->current], r->loop.context);
  r->has_left[r->current] = true;
  r->alive--;
  change(r);
}

/* A launch: every worker at the start of its loop, the local memories with what another kernel left there. */
static void launch(run_t *r, vyre_entry_t loop) {
  finite_host_t *h = &r->host;
  r->loop = loop;
  r->is_parking = false;
  memset(h->image->locals, (int)(0xA0 + r->launches++ % 16), sizeof h->image->locals);
  r->alive = h->blocks;
  for (uint32_t i = 0; i < h->blocks; i++) {
    r->has_left[i] = false;
    getcontext(&r->contexts[i]);
    r->contexts[i].uc_stack = (stack_t){.ss_sp = stacks + (size_t)i * STACK_BYTES, .ss_size = STACK_BYTES};
    r->contexts[i].uc_link = NULL;
    uint64_t self = finite_address(r);
    makecontext(&r->contexts[i], (void (*)(void))enter, 2, (unsigned)(self >> 32), (unsigned)self);
  }
}

static uint32_t letters_open(const finite_host_t *h) {
  uint32_t open = 0;
  for (uint32_t i = 1; i < h->blocks; i++)
    open += get32(h->image->blocks[i], VYRE_WORKER_LETTER + 12) != get32(h->image->blocks[i], VYRE_WORKER_DONE);
  return open;
}

static void tell_sleeper(run_t *r) {
  finite_host_t *h = &r->host;
  if (!r->sleeps || !get32(h->image->shared, VYRE_SHARED_SLEEPERS)) return;
  put32(h->image->shared, VYRE_SHARED_EVENT, get32(h->image->shared, VYRE_SHARED_EVENT) + 1);
  wake(r, finite_address(h->image->shared + VYRE_SHARED_EVENT));
}

/* The host's turn between two steps of the kernel. */
static void host_step(run_t *r) {
  finite_host_t *h = &r->host;
  bool was_stopped = h->is_stopped;
  finite_event(h);
  if (h->is_stopped && !was_stopped) tell_sleeper(r);
  if (random_once_in(&h->random, 3)) finite_read_completions(h);
  if (!h->has_shutdown && random_once_in(&h->random, 3) &&
      finite_publish(h, 1 + random_below(&h->random, 2u << h->shift)))
    tell_sleeper(r);
  if (!r->is_parking && random_once_in(&h->random, r->park_rate)) {
    r->is_parking = true;
    r->dispatcher_parks_at = r->steps + random_below(&h->random, 40);
  }
}

/* Lets one coroutine run until its next change. Of a letter that its worker has not answered some quarters may be on
 * their way still: it must not be taken for whole. Not on a host, where the dispatcher's fence stands behind it. */
static void step(run_t *r, uint32_t next) {
  finite_host_t *h = &r->host;
  uint8_t *letter = h->image->blocks[next] + VYRE_WORKER_LETTER, whole[VYRE_ENTRY_BYTES_EACH];
  uint32_t done = get32(h->image->blocks[next], VYRE_WORKER_DONE);
  uint32_t late = !r->sleeps && next > 0 && get32(letter, 12) != done ? random_below(&h->random, 16) : 0;
  memcpy(whole, letter, sizeof whole);
  for (uint32_t quarter = 0; quarter < 4; quarter++)
    if (late >> quarter & 1) {
      memset(letter + 16 * quarter, 0xEE, 12);
      put32(letter, 16 * quarter + 12, done);
    }
  put32(h->image->control, VYRE_CONTROL_PARK, r->is_parking && (next > 0 || r->steps >= r->dispatcher_parks_at));
  r->current = next;
  swapcontext(&r->scheduler, &r->contexts[next]);
  if (late) memcpy(letter, whole, sizeof whole);
}

/* Lets the coroutines run until all have left. */
static void run_launch(run_t *r) {
  finite_host_t *h = &r->host;
  while (r->alive > 0) {
    host_step(r);
    if (++r->steps == STEPS_MAX) {
      FINITE_WRONG(h, "the loop did not come to its end");
      put32(h->image->control, VYRE_CONTROL_STOP, VYRE_STOP_NOW);
    }
    if (r->steps > 2 * STEPS_MAX) return;
    /* The dispatcher more often than any one worker: else a run takes long. */
    uint32_t next = random_once_in(&h->random, 3) ? 0 : random_below(&h->random, h->blocks), looks = 0;
    while ((r->has_left[next] || r->asleep_on[next]) && looks++ < h->blocks) next = (next + 1) % h->blocks;
    if (looks <= h->blocks) step(r, next); /* else all sleep, and only the host can go on */
  }
}

static void check_parked(run_t *r) {
  finite_host_t *h = &r->host;
  const uint8_t *control = h->image->control;
  if (!r->is_parking) FINITE_WRONG(h, "all have left, and nobody asked for it");
  if (get64(control, VYRE_CONTROL_TICKET) != get64(h->image->shared, VYRE_SHARED_TAKEN))
    FINITE_WRONG(h, "TICKET is not TAKEN at a park");
  if (finite_queued(h) > h->cells) FINITE_WRONG(h, "%llu in the queue at a park", (unsigned long long)finite_queued(h));
  parks++;
  queued_at_park += finite_queued(h) > 0;
  queued_behind_busy += finite_queued(h) > h->blocks - 1;
  letters_at_park += letters_open(h) > 0;
}

static void check_end(finite_host_t *h) {
  finite_check_end(h);
  if (get32(h->image->control, VYRE_CONTROL_STOP) != VYRE_STOP_NOW) FINITE_WRONG(h, "STOP");
  if (get64(h->image->control, VYRE_CONTROL_TICKET) != h->first + h->total + 1) FINITE_WRONG(h, "TICKET");
  if (letters_open(h)) FINITE_WRONG(h, "%u letters were not answered", letters_open(h));
}

/* How a run is made. */
typedef struct plan {
  uint64_t seed, border, stop_at; /* with a stop: few slots and two workers, so that all points can be tried */
  bool sleeps;
} plan_t;

static void run(run_t *r, finite_image_t *image, vyre_entry_t first, vyre_entry_t second, const plan_t *plan,
                const char *what) {
  finite_host_t *h = &r->host;
  uint64_t seed = plan->seed, border = plan->border;
  random_t random = {seed ^ border};
  static const uint32_t holds[] = {0, 2, 20, 60}, rates[] = {5, 60, 1000, 100000000};
  /* One worker, which is always busy; any number; or more than one vote of the dispatcher counts, and busy. */
  bool is_large = finite_shift(seed) == FINITE_SHIFT_MAX; /* enough cells for that many */
  uint32_t kind = random_below(&random, is_large ? 3 : 6),
           workers = kind < 2 ? 1 : 1 + random_below(&random, FINITE_WORKERS_MAX);
  if (kind == 2) workers = FINITE_WORKERS_MAX - random_below(&random, FINITE_WORKERS_MAX - VYRE_LANES);
  if (plan->stop_at) workers = 2;
  finite_begin(h, image, &hooks, 1 + workers, random_below(&random, 3), seed, border);
  if (plan->stop_at) h->total = FEW_SLOTS;
  *r = (run_t){.host = *h,
               .hold_max = holds[kind == 2 ? 3 : random_below(&random, 4)],
               .park_rate = plan->sleeps || plan->stop_at ? UINT32_MAX : rates[random_below(&random, 4)],
               .sleeps = plan->sleeps};
  h->stop_at = plan->stop_at;
  h->inside = inside_handler;
  for (uint32_t i = 0; !h->wrong[0]; i++) {
    launch(r, i % 2 ? second : first);
    run_launch(r);
    if (get32(image->control, VYRE_CONTROL_STOP) == VYRE_STOP_NOW) break;
    check_parked(r);
  }
  if (h->is_stopped)
    finite_check_stopped(h);
  else
    check_end(h);
  calls += h->calls_made;
  if (h->wrong[0])
    fail_msg("%s, seed %llu, first ticket 0x%llx, %u workers, launch %u, stop at %llu: %s", what,
             (unsigned long long)seed, (unsigned long long)h->first, workers, r->launches,
             (unsigned long long)plan->stop_at, h->wrong);
}

/* The loop in one of its forms, for both who run it. */
typedef struct form {
  vyre_program_t *loop;
  vyre_interp_t *interp;
  vyre_loaded_t *object;
  vyre_entry_t machine, interpreter;
} form_t;

static form_t make_form(bool for_hosts) {
  form_t f;
  ok(vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DISPATCHED, .sleeps = for_hosts}, &f.loop));
  ok(vyre_interp_create(f.loop, &f.interp));
  ok(vyre_cpu_compile(f.loop, false, &f.object, &f.machine));
  f.interpreter = (vyre_entry_t){vyre_interp_call, f.interp};
  return f;
}

static void unmake_form(form_t *f) {
  vyre_loaded_destroy(f->object);
  vyre_interp_destroy(f->interp);
  vyre_program_destroy(&f->loop);
}

static run_t the_run;

static void random_slots(void **state) {
  (void)state;
  finite_image_t *image = finite_image_make(), *reference = finite_image_make();
  for (int sleeps_too = 0; sleeps_too < 2; sleeps_too++) {
    form_t form = make_form(sleeps_too);
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
      uint64_t borders[FINITE_BORDERS];
      finite_borders(seed, borders);
      for (unsigned i = 0; i < FINITE_BORDERS; i++) {
        char where[100];
        plan_t plan = {.seed = seed, .border = borders[i], .sleeps = sleeps_too};
        run(&the_run, image, form.interpreter, form.interpreter, &plan, "interpreter");
        memcpy(reference, image, sizeof *image);
        run(&the_run, image, form.machine, form.machine, &plan, "machine code");
        if (!finite_images_equal(reference, image, where, sizeof where))
          fail_msg("machine code, seed %llu: %s", (unsigned long long)seed, where);
        if (sleeps_too) continue;
        run(&the_run, image, form.machine, form.interpreter, &plan, "both by turns");
        if (!finite_images_equal(reference, image, where, sizeof where))
          fail_msg("both by turns, seed %llu: %s", (unsigned long long)seed, where);
      }
    }
    unmake_form(&form);
  }
  print_message(
      "%llu calls, %llu parks: %llu with a queue, %llu with one longer than there are workers, %llu with letters; "
      "%llu sleeps\n",
      (unsigned long long)calls, (unsigned long long)parks, (unsigned long long)queued_at_park,
      (unsigned long long)queued_behind_busy, (unsigned long long)letters_at_park, (unsigned long long)sleeps);
  assert_true(calls > 100 * seed_count && parks > seed_count && queued_at_park > seed_count);
  assert_true(queued_behind_busy > 0 && letters_at_park > seed_count && sleeps > 100 * seed_count);
  free(image);
  free(reference);
}

/* Runs of few slots in either form, each stopped at all its points, one run a point. */
static void stops_at_every_point(void **state) {
  (void)state;
  finite_image_t *image = finite_image_make();
  uint64_t stops = 0, borders[FINITE_BORDERS];
  for (int sleeps_too = 0; sleeps_too < 2; sleeps_too++) {
    form_t form = make_form(sleeps_too);
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
      finite_borders(seed, borders);
      plan_t plan = {.seed = seed, .border = borders[2], .sleeps = sleeps_too};
      do {
        plan.stop_at++;
        run(&the_run, image, form.machine, form.machine, &plan, "machine code");
        stops += the_run.host.is_stopped;
      } while (the_run.host.is_stopped); /* the last one ended before its stop */
    }
    unmake_form(&form);
  }
  print_message("%llu stops\n", (unsigned long long)stops);
  assert_true(stops > 100);
  free(image);
}

int main(int argc, char **argv) {
  if (argc > 1) first_seed = strtoull(argv[1], NULL, 0);
  if (argc > 2) seed_count = strtoull(argv[2], NULL, 0);
  stacks = mmap(NULL, (size_t)FINITE_BLOCKS_MAX * STACK_BYTES, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stacks == MAP_FAILED) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_slots), cmocka_unit_test(stops_at_every_point)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  munmap(stacks, (size_t)FINITE_BLOCKS_MAX * STACK_BYTES);
  return failed;
}
