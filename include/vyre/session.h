/* vyre/session.h: a megakernel that runs: launched once, it takes 64-byte slots from a ring until it is stopped.
 *
 * Life: create, register Programs, start, make windows, submit and wait from any thread, drain, stop, destroy.
 *
 * Credit: a session has `cells`. Submitting takes one, reading the completion (poll or wait) gives it back. So a
 * producer that does not read its completions blocks only itself, and the kernel never waits for a reader.
 *
 * Threads:  submit, poll, wait, drain, stop, check, dump, observe, the log's functions and stats from any thread, at
 *           once. Create, register, start and destroy from one thread at a time. A ticket is waited for by one thread.
 * Blocking: submit and poll do not wait when their timeout is 0, but for the end of a dispatcher's batch of at most 32
 *           slots when the ring has just gone round. Submit, poll and wait allocate nothing, but for the
 *           record of an error other than VYRE_E_RING_FULL, _DEADLINE and _STOPPED.
 * Fork:     a session belongs to the process that started it. A child has none of its threads and calls none of this.
 * Units:    times in nanoseconds, sizes in bytes. VYRE_FOREVER waits without end. */
#ifndef VYRE_SESSION_H
#define VYRE_SESSION_H

#include <vyre/device.h>
#include <vyre/program.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VYRE_FOREVER UINT64_MAX

typedef struct vyre_session vyre_session_t;

/* How the kernel gets at the Programs that are registered. Tickets, completions, faults and their places are the same.
 *
 * INTERPRETED compiles the loop and each Program by itself, the loop beside the Programs; the loop calls them through a
 * table. JIT makes one piece of code of all: the loop chooses by a switch and calls directly. On ref, which compiles
 * nothing, it is the interpreter of the loop that walks the Programs itself. A GPU's kernel is always JIT.
 * docs/decisions/0010-a-fused-loop.md says what each costs to start and to call. */
typedef enum vyre_session_builder {
  VYRE_BUILDER_DEFAULT = 0, /* INTERPRETED on ref and cpu, JIT on a GPU */
  VYRE_BUILDER_INTERPRETED = 1,
  VYRE_BUILDER_JIT = 2,
} vyre_session_builder_t;

/* Zero means the default in parentheses. */
typedef struct vyre_session_params {
  uint32_t workers;      /* (the device's default) at most its workers_max */
  uint32_t ring_slots;   /* (1024) a power of two, 8 to 65536 */
  uint32_t cells;        /* (ring_slots) slots in flight or unread, at most ring_slots */
  uint32_t windows;      /* (64, more with many workers) entries of the window table, at most 4096 */
  uint32_t observables;  /* (64) words that slots write and the host waits for, at most 2^20 */
  uint32_t log_records;  /* (1024) of the log that PRINTF writes, a power of two, at most 2^20 */
  uint64_t fuel;         /* (2^40) loop iterations per slot: of each budget that docs/language.md tells of */
  uint64_t spin_ns;      /* (50 us) how long a worker without work stays awake before it sleeps */
  uint64_t first_ticket; /* (0) at most 2^62: number of the first ticket, and of the first epoch and record of the log;
                            tests start close to where counters wrap */
  vyre_session_builder_t builder; /* (the device's) VYRE_E_UNSUPPORTED for INTERPRETED on a GPU */
  vyre_topology_t topology;       /* (the device's) VYRE_E_UNSUPPORTED for DIRECT on a GPU */
} vyre_session_params_t;

/* Built-in opcodes. Arguments and results are in docs/protocol/megakernel.md. */
enum {
  VYRE_OP_NOP = 0,
  VYRE_OP_STORE_U32 = 1,    /* window, offset, value */
  VYRE_OP_ATOMIC_ADD = 2,   /* window, offset, value: the old value is result[0] */
  VYRE_OP_LOAD_U32 = 3,     /* window, offset: the value is result[0] */
  VYRE_OP_COMPARE_SWAP = 4, /* window, offset, expected, desired: the old value is result[0] */
  VYRE_OP_MEMCPY = 5,       /* source window, offset low, high, destination window, offset low, high, bytes */
  VYRE_OP_DFA_STEP = 6,     /* window, offset, state, byte: the next state is result[0] */
  VYRE_OP_BATCH_FENCE = 7,  /* first ticket low, high, count, tag: the epoch is result[0], the tag result[1] */
  VYRE_OP_PRINTF = 0xFFFE,  /* format, three values */
};
#define VYRE_OP_PACKED_SLOT UINT32_C(0x80000001) /* made by vyre_slot_pack */
#define VYRE_OP_SHUTDOWN UINT32_C(0xFFFFFFFF)    /* ends the kernel after the slots before it */
#define VYRE_OPCODE_USER_FIRST 8u
#define VYRE_OPCODE_USER_LAST 0x3FFFFFFFu

/* The window of the observables: word i is at byte 4 * i. Programs and slots write it as any other. */
#define VYRE_WINDOW_OBSERVABLES 1u

typedef struct vyre_slot {
  uint32_t opcode;
  /* 0 critical, 1 high, 2 normal, 3 low, 4 idle: of the slots that wait for a worker those of the lowest number go
   * first, in the order of their tickets. One in eight times another class begins, so that none starves. Built-in
   * opcodes do not wait for workers and take no notice, but for long copies. Slots of a Program that writes state,
   * which run in order, have 0. */
  uint32_t priority;
  uint32_t flags; /* VYRE_SLOT_*, or 0 */
  uint32_t arg[10];
} vyre_slot_t;

enum { VYRE_SLOT_CLOCKS = 1 /* the completion tells when the slot began and ended; not of SHUTDOWN */ };

/* One operation of a packed slot: NOP, STORE_U32, ATOMIC_ADD, LOAD_U32 or COMPARE_SWAP; the arguments behind the
 * window. */
typedef struct vyre_operation {
  uint32_t opcode, window, arg[3];
} vyre_operation_t;

typedef struct vyre_ticket {
  uint64_t number; /* counts the session's slots */
  uint32_t cell;
} vyre_ticket_t;

typedef enum vyre_slot_state { VYRE_SLOT_DONE = 3, VYRE_SLOT_FAULT = 7 } vyre_slot_state_t;

typedef struct vyre_completion {
  vyre_slot_state_t state;
  uint32_t result[2];  /* of a DONE slot */
  uint32_t fault;      /* of a FAULT slot: the reason, see vyre_fault_summary */
  uint32_t fault_node; /* where in the Program, see vyre_completion_place */
  uint32_t worker;     /* who has carried it out: of a FAULT slot that had begun, and of one with clocks */
  /* With VYRE_SLOT_CLOCKS, else 0: nanoseconds by the device's clock, which all its workers share. On ref and cpu that
   * is CLOCK_MONOTONIC, on a GPU its global timer, which may move in steps of a microsecond. A slot that was cancelled
   * before it began has none.
   */
  uint64_t begin_ns, end_ns;
} vyre_completion_t;

typedef struct vyre_session_stats {
  uint64_t launches; /* of the megakernel: 1 + swaps */
  uint64_t swaps;
  uint64_t published; /* slots */
  uint64_t taken;     /* of those, what the kernel has taken from the ring */
  uint64_t fences;    /* that have completed: epochs */
  uint64_t log_lost;  /* records that found the log full */
  uint64_t workers;
  uint64_t build_ns;              /* that the compiler took for the code that runs, linking on a GPU included */
  vyre_session_builder_t builder; /* INTERPRETED or JIT */
  vyre_topology_t topology;       /* DIRECT or DISPATCHED */
} vyre_session_stats_t;

/* NULL params are all defaults. Errors: VYRE_E_ARGUMENT, _DEVICE_LIMIT, _UNSUPPORTED, _MEMORY. */
VYRE_API vyre_status_t vyre_session_create(vyre_device_t *device, const vyre_session_params_t *params,
                                           vyre_session_t **out_session);
/* Gives the Program an opcode: *opcode when that is not 0, else the next free one, stored there. The session keeps the
 * canonical form of the Program, which is what all devices run. Before start only. Errors: VYRE_E_OPCODE_RANGE,
 * _TABLE_FULL (256 Programs), _STATE, _MEMORY, _LIMIT; _UNSUPPORTED names what of the Program the device
 * does not run. */
VYRE_API vyre_status_t vyre_session_register(vyre_session_t *session, const vyre_program_t *program, uint32_t *opcode);
/* Gives a scalar parameter or a constant of a registered Program its value: `bytes` of `value`, as it lies in memory
 * (the scalar's size; of a constant whole elements, as many as it declares). Copied. Before start only; what is given
 * last counts. Constants must have one; a scalar without one is brought by every slot, see OPERANDS in
 * docs/protocol/megakernel.md. State begins as zeros at start. Errors: VYRE_E_ARGUMENT, _NAME, _STATE. */
VYRE_API vyre_status_t vyre_session_set_param(vyre_session_t *session, uint32_t opcode, const char *name,
                                              const void *value, uint64_t bytes);
/* Compiles the loop and the registered Programs, and launches. Errors: VYRE_E_ARGUMENT (a constant without a value),
 * _UNSUPPORTED (a Program that writes state needs its slots in order, and there are several workers),
 * _COMPILER_MISSING, _COMPILER, _OBJECT, _THREADS, _MEMORY, _STATE; on a GPU, too: _DEVICE_LIMIT (another session runs
 * there, or so many workers do not fit at once), _DEVICE_MEMORY, _DRIVER. After a failure the session can only be
 * destroyed. */
VYRE_API vyre_status_t vyre_session_start(vyre_session_t *session);

/* Window: memory that slots may name, as (handle, byte offset); made after start, at most as many as the session's
 * `windows`. `create` gives zeroed memory of the session, `bind` uses the caller's, which begins at a multiple of 8 and
 * must outlive the session or the window's removal. *out_memory is where the host reads and writes it. For a GPU both
 * are memory of the host, pinned, which it reaches over the bus; `bind` pins whole pages (4 KiB), and two windows
 * cannot share one. Errors: VYRE_E_STATE before start, _ARGUMENT, _TABLE_FULL, _MEMORY; on a GPU, too: _DEVICE_MEMORY,
 * _DRIVER. */
VYRE_API vyre_status_t vyre_session_window_create(vyre_session_t *session, uint64_t bytes, uint32_t *out_handle,
                                                  void **out_memory);
VYRE_API vyre_status_t vyre_session_window_bind(vyre_session_t *session, void *memory, uint64_t bytes,
                                                uint32_t *out_handle);
/* No slot that names the window may be in flight. */
VYRE_API vyre_status_t vyre_session_window_remove(vyre_session_t *session, uint32_t handle);

/* Packs operations that are carried out one after the other, until one faults: fault_node is its number then. Results
 * are those of the last. Errors: VYRE_E_ARGUMENT, also when they do not fit: each takes 1 to 4 of 9 words; or for a
 * window above 65535. */
VYRE_API vyre_status_t vyre_slot_pack(const vyre_operation_t *operations, uint32_t count, vyre_slot_t *out_slot);

/* Publishes one slot. With no free cell it waits up to timeout_ns, then VYRE_E_RING_FULL. VYRE_E_STOPPED after stop. */
VYRE_API vyre_status_t vyre_session_submit(vyre_session_t *session, const vyre_slot_t *slot, uint64_t timeout_ns,
                                           vyre_ticket_t *out_ticket);
/* Publishes `count` slots with tickets that follow each other, all of them or none; with `fence_tag`, behind them a
 * BATCH_FENCE over them that completes with *fence_tag. out_tickets has `count` elements, one more with a fence; what
 * stands there after an error means nothing. Errors as submit, and VYRE_E_ARGUMENT for more slots than the session has
 * cells. It keeps no cells while it waits for more, since who holds the others may be waiting, too: beside producers
 * that take each cell as it becomes free a large batch may not get in. A session with as many cells as all have in
 * flight is what helps. */
VYRE_API vyre_status_t vyre_session_submit_batch(vyre_session_t *session, const vyre_slot_t *slots, uint32_t count,
                                                 const uint32_t *fence_tag, uint64_t timeout_ns,
                                                 vyre_ticket_t *out_tickets);
/* *out_done says whether the slot has completed; if so the completion is read and its cell given back. */
VYRE_API vyre_status_t vyre_session_poll(vyre_session_t *session, vyre_ticket_t ticket, bool *out_done,
                                         vyre_completion_t *out_completion);
/* Waits for it: VYRE_E_DEADLINE when the time is over first (the ticket stays valid). */
VYRE_API vyre_status_t vyre_session_wait(vyre_session_t *session, vyre_ticket_t ticket, uint64_t timeout_ns,
                                         vyre_completion_t *out_completion);

/* Observable `index`: what the host sees of it now; and waits until it compares so with `value`, which need not be the
 * case any more on return. *out_value is what was seen last. Errors: VYRE_E_ARGUMENT, _STATE before start; of the wait
 * _DEADLINE, and _STOPPED when the kernel has ended without it. */
typedef enum vyre_compare {
  VYRE_COMPARE_EQUAL,
  VYRE_COMPARE_NOT_EQUAL,
  VYRE_COMPARE_AT_LEAST,
  VYRE_COMPARE_BEFORE, /* less */
} vyre_compare_t;
VYRE_API vyre_status_t vyre_session_observe(const vyre_session_t *session, uint32_t index, uint32_t *out_value);
VYRE_API vyre_status_t vyre_session_wait_observable(vyre_session_t *session, uint32_t index, vyre_compare_t compare,
                                                    uint32_t value, uint64_t timeout_ns, uint32_t *out_value);

/* What PRINTF slots have written, in the order of their tickets: up to `most` records that were not read yet.
 * *out_lost, if not NULL: how many ever found the log full. Errors: VYRE_E_STATE before start. */
typedef struct vyre_log_record {
  uint64_t ticket;
  uint32_t format, value[3]; /* the slot's arguments */
} vyre_log_record_t;
VYRE_API vyre_status_t vyre_session_log_read(vyre_session_t *session, vyre_log_record_t *out_records, uint32_t most,
                                             uint32_t *out_count, uint64_t *out_lost);
/* Gives a format its number, for PRINTF slots to name: text with at most three conversions, %d, %u, %x, or %f for a
 * value that is an f32 and is printed as by %g, each with a width of up to two digits ("%08x"); %% is a percent sign.
 * Copied; from any thread, before start or after. Errors: VYRE_E_ARGUMENT, _TABLE_FULL (1024 formats), _MEMORY. */
VYRE_API vyre_status_t vyre_session_log_format(vyre_session_t *session, const char *text, uint32_t *out_format);
/* The record as text, without a newline; the bare numbers when it names no format. Free with vyre_text_free. */
VYRE_API vyre_status_t vyre_session_log_text(vyre_session_t *session, const vyre_log_record_t *record, char **out_text);

/* Waits until every slot published before the call has completed (completions stay readable). */
VYRE_API vyre_status_t vyre_session_drain(vyre_session_t *session, uint64_t timeout_ns);
/* Of a session that has ended, by stop or because its device was lost: tickets that were published and were not carried
 * out to their end, and whose completions nobody has read, in rising order; `out_count` of them, the first `capacity`
 * in `out_tickets` (NULL with 0). Their slots can be submitted to another session: each is listed for as long as it is
 * not waited for. VYRE_E_STATE before the end. */
VYRE_API vyre_status_t vyre_session_unfinished(vyre_session_t *session, vyre_ticket_t *out_tickets, uint32_t capacity,
                                               uint32_t *out_count);
/* The watchdog's look, from any thread, every now and then: VYRE_E_DEVICE_STUCK names a worker that was found in the
 * same slot by looks at least limit_ns apart, the slot's Program and its ticket; or says that a GPU's dispatcher has
 * made no round between looks as far apart, and 200 ms at least. The session goes on. Errors, too:
 * VYRE_E_STATE before start, _STOPPED once the kernel has ended; on a GPU, _DRIVER. */
VYRE_API vyre_status_t vyre_session_check(vyre_session_t *session, uint64_t limit_ns);
/* What the kernel is doing, as lines of text: the session's counters, what waits, and each worker with its slot. Words
 * are read one after the other beside the live kernel: no moment's picture. Free with vyre_text_free. */
VYRE_API vyre_status_t vyre_session_dump(const vyre_session_t *session, char **out_text);
/* Ends the kernel. Slots that have not begun complete as FAULT, cancelled; running ones leave at their next look at
 * the stop word. VYRE_E_DEVICE_STUCK with the state of each worker when one does not leave in time: another stop
 * may end it; until then its code and memory are kept, by destroy for ever. */
VYRE_API vyre_status_t vyre_session_stop(vyre_session_t *session, uint64_t timeout_ns);
/* Every stream of the session has been closed, and no other thread is in a call. Stops with a deadline of 5 s if need
 * be, then releases. Reports nothing: call stop first to know. */
VYRE_API void vyre_session_destroy(vyre_session_t **session);

VYRE_API vyre_session_stats_t vyre_session_stats(const vyre_session_t *session);
/* "index out of range"; never NULL. */
VYRE_API const char *vyre_fault_summary(uint32_t fault);
/* Where in the source of the opcode's Program a FAULT slot stopped; 0 and 0 when unknown. */
VYRE_API void vyre_completion_place(const vyre_session_t *session, uint32_t opcode, const vyre_completion_t *completion,
                                    uint32_t *out_line, uint32_t *out_column);
/* A FAULT as a status with the Program's name, the place and a Fix; NULL for a DONE slot. */
VYRE_API vyre_status_t vyre_completion_status(const vyre_session_t *session, uint32_t opcode,
                                              const vyre_completion_t *completion);

/* The megakernel's own loop as text, the very Program that the devices run: "direct", or "dispatched" in the form for a
 * GPU (on hosts its workers sleep until they are woken). Free the text with vyre_text_free. */
VYRE_API vyre_status_t vyre_megakernel_print(const char *topology, char **out_text);

#ifdef __cplusplus
}
#endif
#endif
