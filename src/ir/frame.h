/* The calling convention of a compiled Program: one pointer to a frame.
 *
 * The megakernel fills a frame from a slot's operands (window handles already resolved and checked) and calls the
 * handler; the same layout serves machine code, the interpreter and a GPU. Little endian, 128 bytes, 64-byte
 * aligned. All addresses are in the address space of the device that runs the Program.
 *
 * Owns: nothing. Threads: a frame belongs to one worker for the time of a call. */
#ifndef VYRE_IR_FRAME_H
#define VYRE_IR_FRAME_H

#include <stddef.h>
#include <stdint.h>

typedef enum vyre_fault {
#define VYRE_FAULT(name, number, text) VYRE_FAULT_##name = number,
#include "ir/fault.def"
#undef VYRE_FAULT
} vyre_fault_t;

const char *vyre_fault_text(uint32_t fault); /* "unknown fault" for others */

/* Values of the stop word. */
enum {
  VYRE_STOP_RUN = 0,
  VYRE_STOP_FINISH = 1, /* finish what was taken, then leave the loop */
  VYRE_STOP_NOW = 2,    /* this or more: leave at the next look */
};

/* Iterations of a counted loop between two looks at the stop word on a device that runs a call with one thread. */
enum { VYRE_STRIP_ITERATIONS = 4096 };

/* LOCAL: memory of a worker's own, 64-byte aligned. On a host device it is the scratch of the frame of the Program. */
enum { VYRE_LOCAL_BYTES = 10240 };

/* Lanes of a worker: how often a lanes block runs each time it is reached. */
enum { VYRE_LANES = 32 };

#define VYRE_FRAME_IS_LAST 1u /* flags: this chunk ends its file */
#define VYRE_FRAME_FINISH 2u  /* flags: runs `finish` over the output block instead of the body, in place */

typedef struct vyre_frame {
  /* in */
  uint64_t data;          /* address of the stream chunk */
  uint64_t data_bytes;    /* its length, bytes; a Program sees data_bytes / element size elements */
  uint64_t stream_offset; /* of data[0] in its file, bytes */
  uint64_t output;        /* address of the outputs, laid out and written as vyre_layout_t says */
  uint64_t scratch;       /* address of at least layout.scratch_bytes (VYRE_LOCAL_BYTES for LOCAL), 64-byte aligned,
                             this worker's own */
  uint64_t fuel;          /* loop iterations this call may use */
  uint64_t stop;          /* address of the u32 stop word; 2 or more: leave at the next look, fault CANCELLED */
  uint32_t flags;         /* VYRE_FRAME_* */
  uint32_t worker;        /* index of the calling worker */
  uint64_t control;       /* address of the control block; privileged Programs only */
  uint64_t hooks;         /* address of struct vyre_hooks; host devices only */
  /* out */
  uint32_t fault;           /* vyre_fault_t; not NONE: nothing was added to the outputs */
  uint32_t fault_node;      /* vyre_node_t of the Program that runs; means nothing without a fault */
  uint64_t fault_iteration; /* of the outermost foreach, relative to its lower bound; 0 outside */
  /* in */
  uint64_t bindings;   /* address of a vyre_binding_t for each parameter; 0 when the Program needs none */
  uint32_t halo_left;  /* bytes that can be read before data[0], multiples of the element size */
  uint32_t halo_right; /* and behind data[data_bytes] */
  uint64_t reserved[2];
} vyre_frame_t;

/* What a call's parameter is bound to; entries of streams, outputs, workgroup and private memory are not read. */
typedef struct vyre_binding {
  uint64_t
      value; /* SCALAR: the value, masked to its type; CONSTANT, STATE, WINDOW: the address, aligned to an element */
  uint64_t bytes; /* CONSTANT, STATE, WINDOW: the length, at least that of a declared one */
} vyre_binding_t;
_Static_assert(sizeof(vyre_binding_t) == 16, "code reads it by offset");

_Static_assert(sizeof(vyre_frame_t) == 128, "the frame is two cache lines");
_Static_assert(offsetof(vyre_frame_t, fault) == 80, "the loop's IR reads the fault word here");

/* Machine code and interpreter trampolines have this type; `context` is the entry's own. */
typedef void (*vyre_entry_fn)(vyre_frame_t *frame, void *context);

typedef struct vyre_entry {
  vyre_entry_fn function;
  void *context;
} vyre_entry_t;

/* What a host device (ref, cpu) offers to the megakernel's loop. Reached only through privileged nodes. */
typedef struct vyre_hooks vyre_hooks_t;
struct vyre_hooks {
  const vyre_entry_t *handlers;                           /* CALL_HANDLER: by index; NULL: fused */
  uint32_t (*pump)(vyre_hooks_t *hooks, uint32_t worker); /* PUMP */
  void (*sleep)(vyre_hooks_t *hooks, uint32_t worker, uint64_t word, uint32_t seen); /* SLEEP */
  void (*wake)(vyre_hooks_t *hooks, uint64_t word);                                  /* WAKE */
  void (*heavy_fence)(vyre_hooks_t *hooks);                                          /* HEAVY_FENCE */
  uint64_t (*clock)(vyre_hooks_t *hooks);                                            /* CLOCK */
};

#endif
