/* What baseline.c and baseline_copy.c share. */
#ifndef VYRE_DEVICE_CUDA_BASELINE_STATE_H
#define VYRE_DEVICE_CUDA_BASELINE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "device/cuda/baseline.h"
#include "device/cuda/driver.h"

enum { VYRE_CUDA_LANES_MAX = 16, VYRE_CUDA_LANE_BYTES = 4 << 20 };

/* Two buffers, so that one is filled while the other is copied. */
typedef struct vyre_cuda_lane {
  vyre_cu_stream_t stream;
  vyre_cu_event_t copied[2];
  void *buffers[2];
} vyre_cuda_lane_t;

/* In mapped host memory; question and answer on lines of their own. */
typedef struct vyre_cuda_flags {
  _Alignas(64) _Atomic uint32_t question;
  _Alignas(64) _Atomic uint32_t answer;
} vyre_cuda_flags_t;

struct vyre_cuda_baseline {
  const vyre_cuda_t *cuda;
  vyre_cu_context_t context;
  vyre_cu_stream_t stream;
  vyre_cu_function_t empty, pong;
  vyre_cu_graph_exec_t graph;
  vyre_cuda_flags_t *flags;
  vyre_cu_address_t flags_address;
  uint32_t last_answer;
  bool is_ponging;
  vyre_cu_address_t memory;
  uint64_t memory_bytes;
  uint8_t *staging; /* pinned */
  uint64_t staging_bytes;
  vyre_cuda_lane_t lanes[VYRE_CUDA_LANES_MAX];
  uint32_t lane_count;
};

#endif
