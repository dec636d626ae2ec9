#include "device/workers.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"

enum {
  /* A worker looks around this often even when nobody wakes it: SHUTDOWN by a slot wakes no sleeper. */
  SLEEP_BOUND_MS = 50,
  /* While a worker waits for its own io it does not hear the futex; this bounds how long a new slot waits for it. */
  IO_WAIT_BOUND_US = 500,
  STACK_BYTES = 4 << 20, /* the interpreter keeps variables there; untouched pages cost nothing */
};

typedef struct worker {
  _Alignas(64) struct workers *launch;
  vyre_frame_t *frame;
  pthread_t thread;
  atomic_uint pump_guard; /* odd while the worker may be inside a pump */
  atomic_bool has_left;
} worker_t;

typedef struct workers {
  vyre_launch_t base; /* first */
  vyre_hooks_t hooks; /* the loop's IR has its address in the frame */
  vyre_entry_t loop;
  uint32_t worker_count, first_pump;
  bool is_joined;
  bool has_membarrier;
  pthread_mutex_t pump_lock; /* attach and detach */
  _Atomic(vyre_pump_t *) pumps[VYRE_PUMPS_MAX];
  worker_t workers[];
} workers_t;

static workers_t *of_base(vyre_launch_t *launch) { return (workers_t *)(void *)launch; }
static workers_t *of_hooks(vyre_hooks_t *hooks) {
  return (workers_t *)(void *)((uint8_t *)hooks - offsetof(workers_t, hooks));
}

/* Calls `visit` for each attached pump, with the worker's part of it, with the guard that detach waits for. */
static uint32_t for_each_pump(workers_t *launch, uint32_t index,
                              uint32_t (*visit)(vyre_pump_t *pump, uint32_t worker)) {
  if (index < launch->first_pump) return 0;
  worker_t *worker = &launch->workers[index];
  uint32_t done = 0;
  atomic_fetch_add(&worker->pump_guard, 1); /* seq_cst: before the loads of the pumps, see detach */
  for (unsigned i = 0; i < VYRE_PUMPS_MAX; i++) {
    vyre_pump_t *pump = atomic_load(&launch->pumps[i]);
    if (pump) done += visit(pump, index - launch->first_pump);
  }
  atomic_fetch_add_explicit(&worker->pump_guard, 1, memory_order_release);
  return done;
}

static uint32_t run_one(vyre_pump_t *pump, uint32_t worker) { return pump->run(pump, worker); }

static uint32_t wait_one(vyre_pump_t *pump, uint32_t worker) {
  return pump->wait(pump, worker, (uint64_t)IO_WAIT_BOUND_US * 1000);
}

static bool has_pumps(workers_t *launch) {
  for (unsigned i = 0; i < VYRE_PUMPS_MAX; i++)
    if (atomic_load_explicit(&launch->pumps[i], memory_order_relaxed)) return true;
  return false;
}

static uint32_t hook_pump(vyre_hooks_t *hooks, uint32_t worker) {
  workers_t *launch = of_hooks(hooks);
  return has_pumps(launch) ? for_each_pump(launch, worker, run_one) : 0;
}

static void hook_sleep(vyre_hooks_t *hooks, uint32_t worker, uint64_t word, uint32_t seen) {
  workers_t *launch = of_hooks(hooks);
  bool pumps = worker >= launch->first_pump && has_pumps(launch);
  if (pumps && for_each_pump(launch, worker, wait_one)) return;
  /* Nobody wakes a worker when a slot of its pump ends on another one. */
  struct timespec bound = {0, pumps ? IO_WAIT_BOUND_US * 1000L : SLEEP_BOUND_MS * 1000000L};
  syscall(SYS_futex, (uint32_t *)(uintptr_t)word, FUTEX_WAIT_PRIVATE, seen, &bound, NULL, 0);
}

static void hook_wake(vyre_hooks_t *hooks, uint64_t word) {
  (void)hooks;
  syscall(SYS_futex, (uint32_t *)(uintptr_t)word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static uint64_t hook_clock(vyre_hooks_t *hooks) {
  (void)hooks;
  return vyre_clock_ns();
}

/* With membarrier, publishers need no fence of their own (docs/architecture.md, "Sleep"). Where the kernel lacks it the
 * publishers fence, and so does the sleeper. */
static void hook_heavy_fence(vyre_hooks_t *hooks) {
  if (of_hooks(hooks)->has_membarrier)
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  else
    atomic_thread_fence(memory_order_seq_cst);
}

static void *work(void *argument) {
  worker_t *worker = argument;
  workers_t *launch = worker->launch;
  launch->loop.function(worker->frame, launch->loop.context);
  atomic_store_explicit(&worker->has_left, true, memory_order_release);
  return NULL;
}

static vyre_status_t start_thread(worker_t *worker) {
  return vyre_thread_start(&worker->thread, "vyre-worker", STACK_BYTES, work, worker);
}

static uint32_t count_running(const workers_t *launch) {
  uint32_t running = 0;
  for (uint32_t i = 0; i < launch->worker_count; i++)
    running += !atomic_load_explicit(&launch->workers[i].has_left, memory_order_acquire);
  return running;
}

static uint32_t workers_running(vyre_launch_t *base) { return count_running(of_base(base)); }

static vyre_status_t workers_join(vyre_launch_t *base, uint64_t timeout_ns) {
  workers_t *launch = of_base(base);
  uint64_t deadline_ns = vyre_clock_deadline_ns(timeout_ns);
  while (count_running(launch) > 0) {
    if (vyre_clock_ns() >= deadline_ns) return vyre_status_fixed(VYRE_E_DEADLINE);
    vyre_sleep_ns(50000);
  }
  if (!launch->is_joined)
    for (uint32_t i = 0; i < launch->worker_count; i++) pthread_join(launch->workers[i].thread, NULL);
  launch->is_joined = true;
  return NULL;
}

static void workers_destroy(vyre_launch_t *base) {
  workers_t *launch = of_base(base);
  VYRE_ASSERT(launch->is_joined || launch->worker_count == 0);
  VYRE_ASSERT(!has_pumps(launch)); /* streams are closed before their session */
  pthread_mutex_destroy(&launch->pump_lock);
  vyre_free(launch);
}

static vyre_status_t workers_attach(vyre_launch_t *base, vyre_pump_t *pump) {
  workers_t *launch = of_base(base);
  pthread_mutex_lock(&launch->pump_lock);
  unsigned place = 0;
  while (place < VYRE_PUMPS_MAX && atomic_load(&launch->pumps[place])) place++;
  if (place < VYRE_PUMPS_MAX) atomic_store(&launch->pumps[place], pump);
  pthread_mutex_unlock(&launch->pump_lock);
  if (place < VYRE_PUMPS_MAX) return NULL;
  return vyre_status_with_fix(
      vyre_status_make(VYRE_E_TABLE_FULL, "%d streams are open on this session", VYRE_PUMPS_MAX),
      "Close one of the streams first, or open this one on another session.");
}

static void workers_detach(vyre_launch_t *base, vyre_pump_t *pump) {
  workers_t *launch = of_base(base);
  pthread_mutex_lock(&launch->pump_lock);
  for (unsigned i = 0; i < VYRE_PUMPS_MAX; i++)
    if (atomic_load(&launch->pumps[i]) == pump) atomic_store(&launch->pumps[i], NULL);
  pthread_mutex_unlock(&launch->pump_lock);
  /* A worker makes its guard odd before it loads a pump, and the removal above comes before these loads: one that does
   * not show an odd guard here sees the removal. */
  for (uint32_t i = 0; i < launch->worker_count; i++) {
    unsigned guard = atomic_load(&launch->workers[i].pump_guard);
    while ((guard & 1) && atomic_load(&launch->workers[i].pump_guard) == guard) vyre_sleep_ns(20000);
  }
}

static const vyre_launch_ops_t launch_ops = {.running = workers_running,
                                             .join = workers_join,
                                             .destroy = workers_destroy,
                                             .attach = workers_attach,
                                             .detach = workers_detach};

vyre_status_t vyre_workers_launch(vyre_entry_t loop, const vyre_entry_t *handlers, const vyre_launch_params_t *params,
                                  vyre_launch_t **out_launch) {
  workers_t *launch = vyre_alloc_aligned(64, sizeof *launch + params->workers * sizeof(worker_t));
  if (!launch) return vyre_out_of_memory(sizeof *launch);
  launch->hooks = (vyre_hooks_t){.handlers = handlers,
                                 .pump = hook_pump,
                                 .sleep = hook_sleep,
                                 .wake = hook_wake,
                                 .heavy_fence = hook_heavy_fence,
                                 .clock = hook_clock};
  launch->first_pump = params->first_pump;
  launch->loop = loop;
  launch->has_membarrier = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  launch->base = (vyre_launch_t){.ops = &launch_ops, .fences_publish = !launch->has_membarrier};
  pthread_mutex_init(&launch->pump_lock, NULL);
  uint8_t *blocks = (uint8_t *)(uintptr_t)params->worker_blocks;
  for (uint32_t i = 0; i < params->workers; i++) {
    worker_t *worker = &launch->workers[i];
    worker->launch = launch;
    worker->frame = (vyre_frame_t *)(void *)(blocks + (size_t)i * params->block_bytes);
    vyre_frame_t *call = (vyre_frame_t *)(void *)((uint8_t *)worker->frame + params->call_frame);
    worker->frame->worker = call->worker = i;
    worker->frame->hooks = call->hooks = (uint64_t)(uintptr_t)&launch->hooks;
  }
  *out_launch = &launch->base;
  for (uint32_t i = 0; i < params->workers; i++) {
    vyre_status_t status = start_thread(&launch->workers[i]);
    /* The caller sets the stop word and joins what did start. */
    if (status) return vyre_status_context(status, "starting worker %u of %u", i, params->workers);
    launch->worker_count++;
  }
  return NULL;
}
