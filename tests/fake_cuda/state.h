/* What the files of the fake driver share. One lock guards all of it but for the settings that a kernel reads. */
#ifndef TESTS_FAKE_CUDA_STATE_H
#define TESTS_FAKE_CUDA_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "device/cuda/driver.h"
#include "fake_cuda/fake_cuda.h"

/* Every function of the table, exported under its symbol; vyre_cuda_load names one that is missing. */
#define VYRE_CUDA(name, symbol, arguments) FAKE_CUDA_API vyre_cu_result_t fake_##name arguments __asm__(symbol);
#include "device/cuda/driver.def"
#undef VYRE_CUDA

enum { /* CUresult */
       INVALID_VALUE = 1,
       OUT_OF_MEMORY = 2,
       NO_DEVICE = 100,
       INVALID_DEVICE = 101,
       INVALID_CONTEXT = 201,
       INVALID_PTX = 218,
       INVALID_HANDLE = 400,
       NOT_FOUND = 500,
       NOT_READY = 600,
       ILLEGAL_ADDRESS = 700,
       ALREADY_REGISTERED = 712,
       TOO_LARGE = 720,
};

typedef enum fake_kernel_mode {
  KERNEL_RUNS,
  KERNEL_NEVER_ENDS,
  KERNEL_CRASHES,
  KERNEL_DEAF,
  KERNEL_HANGS
} fake_kernel_mode_t;

typedef struct fake_settings {
  int devices, version, major, minor, multiprocessors, vmm, watchdog, blocks;
  uint64_t memory_bytes;
  bool refuses_ptx;
  _Atomic bool spoils_copy;
  _Atomic int kernel; /* fake_kernel_mode_t */
  _Atomic uint64_t crash_slots;
  atomic_bool programs_wait;
  atomic_bool programs_interrupt;
  atomic_bool programs_sum;
} fake_settings_t;
extern fake_settings_t fake_settings;

typedef enum fake_kind {
  A_CONTEXT,
  A_LINK,
  A_MODULE,
  A_STREAM,
  AN_EVENT,
  A_GRAPH,
  A_GRAPH_EXEC,
  HOST_MEMORY,
  REGISTERED,
  PLAIN_MEMORY, /* address, bytes */
  A_RANGE,
  A_MAPPING,
  AN_ALLOCATION, /* virtual memory: of no context */
} fake_kind_t;

typedef struct fake_object fake_object_t;

typedef struct fake_kernel {
  pthread_t thread;
  bool is_there; /* the thread has not been joined */
  bool is_megakernel;
  _Atomic int result;  /* NOT_READY while it runs */
  atomic_bool is_lost; /* it is told to end as a lost one */
  uint64_t arguments[2];
} fake_kernel_t;

enum { MEGAKERNEL = 1, EMPTY, PONG };
typedef struct fake_function {
  fake_object_t *module;
  int which;
} fake_function_t;

struct fake_object {
  fake_object_t *next;
  fake_kind_t kind;
  fake_object_t *context; /* NULL: of the process */
  uint64_t address, bytes;
  void *memory;                 /* malloc, freed with it */
  int lost;                     /* A_CONTEXT: what all its calls give */
  fake_kernel_t kernel;         /* A_STREAM: the last one */
  bool is_capturing;            /* A_STREAM */
  fake_function_t functions[4]; /* A_MODULE, by which */
  char *log;                    /* A_LINK */
  size_t log_bytes;
};

/* steer.c: counts a call; gives what it is told to fail with. */
vyre_cu_result_t fake_count(const char *call);
void fake_left_behind(void);
extern _Atomic uint64_t fake_launches, fake_graph_launches;
extern pthread_mutex_t fake_lock;

/* object.c */
fake_object_t *fake_object_add(fake_kind_t kind, fake_object_t *context);
fake_object_t *fake_object_add_range(fake_kind_t kind, fake_object_t *context, uint64_t address, uint64_t bytes);
bool fake_object_is(const void *handle, fake_kind_t kind);
/* The one of this kind that holds these bytes; with exact, that begins and ends there (bytes 0: any end). */
fake_object_t *fake_object_at(fake_kind_t kind, uint64_t address, uint64_t bytes, bool exact);
void fake_object_drop(fake_object_t *object);
void fake_objects_of_context_drop(fake_object_t *context);
uint32_t fake_objects_alive(void);
uint64_t fake_device_bytes(void); /* that are in use */
/* The stream of this context, NULL for any, whose kernel runs. */
fake_object_t *fake_stream_running(const fake_object_t *context);
/* One of this context whose kernel's thread was not joined. */
fake_object_t *fake_stream_joinable(const fake_object_t *context);

/* context.c: the current context of this thread. */
fake_object_t *fake_current(void);
/* The result of a call that needs a current context that is not lost. */
vyre_cu_result_t fake_need_context(fake_object_t **out_context);
/* Ends the process when a kernel runs in the context: on a GPU `call` would wait for it. */
void fake_would_wait(const fake_object_t *context, const char *call);

/* stream.c: joins the threads of its kernels, which have ended. */
void fake_streams_of_context_join(fake_object_t *context);

/* kernel.c */
bool fake_kernel_runs(fake_object_t *stream);
void fake_kernel_end(fake_object_t *stream);  /* waits for its end */
void fake_kernel_lose(fake_object_t *stream); /* makes it end as a lost one, and waits */
/* megakernel.c: what the loop does, until it is told to leave or to be lost. */
int fake_megakernel(uint64_t blocks, const atomic_bool *told);

/* At the beginning of a call that takes or does something: when it is told to fail it does nothing. */
#define FAKE_BEGIN(call)                             \
  do {                                               \
    vyre_cu_result_t begun = fake_count("cu" #call); \
    if (begun) return begun;                         \
  } while (0)

/* The same with a context; `context` is set. */
#define FAKE_BEGIN_IN(call, context)                         \
  fake_object_t *context;                                    \
  do {                                                       \
    FAKE_BEGIN(call);                                        \
    vyre_cu_result_t needed = fake_need_context(&(context)); \
    if (needed) return needed;                               \
  } while (0)

#endif
