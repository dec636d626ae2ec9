#include <stdio.h>

#include "support/generate_state.h"

enum {
  WORKGROUP_BYTES_MAX = VYRE_LIMIT_WORKGROUP_BYTES / 2, /* so that rounding up each array stays below the limit */
  HALO_MAX = 9,
  WIDE_LANES = 256, /* more lanes than that keep little each */
};

/* The type of a scalar parameter. */
static vyre_type_t scalar_type(generator_t *g) {
  vyre_type_t type = generate_type(g);
  return vyre_type_fits(type, VYRE_ON_SCALAR) ? type : generate_unsigned_type(g);
}

static void scalars(generator_t *g) {
  char buffer[16];
  uint32_t count = random_below(&g->random, GENERATE_SCALARS_MAX + 1);
  for (uint32_t i = 0; i < count; i++) {
    vyre_type_t type = scalar_type(g);
    vyre_param_id_t id = vyre_build_memory(generate_at(g), VYRE_ROLE_SCALAR, generate_name(g, 's', buffer), type, 0);
    g->scalars[g->scalar_count++] = (struct generate_scalar){id, type};
  }
}

static vyre_halo_t halo(generator_t *g) {
  for (uint32_t i = 0; i < g->scalar_count; i++) {
    vyre_type_t type = g->scalars[i].type;
    bool fits = vyre_type_is_integer(type) && !vyre_type_is_signed(type);
    if (fits && random_once_in(&g->random, 2)) return (vyre_halo_t){.count = g->scalars[i].id, .is_param = true};
  }
  return (vyre_halo_t){.count = random_below(&g->random, HALO_MAX)};
}

static void stream(generator_t *g) {
  vyre_param_t param = {.role = VYRE_ROLE_STREAM, .access = VYRE_ACCESS_READ};
  g->stream_type = random_once_in(&g->random, 2) ? VYRE_TYPE_U8 : generate_memory_type(g);
  param.type = (uint8_t)g->stream_type;
  if (!generate_lacks(g, VYRE_NEEDS_BUFFERS) && random_once_in(&g->random, 4)) {
    param.left = halo(g);
    param.right = halo(g);
  }
  g->has_halo = vyre_param_has_halo(&param);
  g->stream = vyre_build_param(generate_at(g), "data", param);
}

/* ---- buffers ---- */

/* Elements of a shared array: several lanes have at least one each. */
static uint32_t shared_count(generator_t *g) {
  static const uint32_t counts[] = {1, 7, 64, 256, 1000};
  if (g->lanes == 1) return counts[random_below(&g->random, 5)];
  return g->lanes * (1 + random_below(&g->random, 2)) + (random_once_in(&g->random, 3) ? 5 : 0);
}

static uint32_t count_of(generator_t *g, vyre_role_t role) {
  static const uint32_t constants[] = {0, 0, 1, 5, 16, 300}, privates[] = {1, 4, 8, 33};
  switch (role) {
    case VYRE_ROLE_CONSTANT: return constants[random_below(&g->random, 6)];
    case VYRE_ROLE_PRIVATE: return privates[random_below(&g->random, g->lanes > WIDE_LANES ? 3 : 4)];
    case VYRE_ROLE_WINDOW: return 0;
    default: return shared_count(g);
  }
}

static vyre_access_t access_of(generator_t *g, vyre_role_t role) {
  static const vyre_access_t windows[] = {VYRE_ACCESS_READ, VYRE_ACCESS_WRITE, VYRE_ACCESS_READ_WRITE,
                                          VYRE_ACCESS_READ_WRITE};
  if (role == VYRE_ROLE_WINDOW) return windows[random_below(&g->random, 4)];
  return role == VYRE_ROLE_CONSTANT ? VYRE_ACCESS_READ : VYRE_ACCESS_READ_WRITE;
}

static void buffers(generator_t *g) {
  static const vyre_role_t roles[] = {VYRE_ROLE_CONSTANT, VYRE_ROLE_STATE,     VYRE_ROLE_WINDOW,   VYRE_ROLE_WINDOW,
                                      VYRE_ROLE_PRIVATE,  VYRE_ROLE_WORKGROUP, VYRE_ROLE_WORKGROUP};
  char buffer[16];
  uint32_t count = random_below(&g->random, GENERATE_BUFFERS_MAX + 1), workgroup_bytes = 0;
  for (uint32_t i = 0; i < count; i++) {
    vyre_role_t role = roles[random_below(&g->random, g->lanes > 1 ? 7 : 5)];
    vyre_type_t type = random_once_in(&g->random, 3) ? generate_word_type(g) : generate_memory_type(g);
    generate_buffer_t made = {
        .role = role, .type = type, .access = access_of(g, role), .count = count_of(g, role), .factor = 1};
    if (role == VYRE_ROLE_WORKGROUP) {
      workgroup_bytes += made.count * vyre_type_bytes(type);
      if (workgroup_bytes > WORKGROUP_BYTES_MAX) break;
    }
    const char *name = generate_name(g, 'b', buffer);
    made.id = role == VYRE_ROLE_WINDOW ? vyre_build_window(generate_at(g), name, type, made.access)
                                       : vyre_build_memory(generate_at(g), role, name, type, made.count);
    made.mode = made.access == VYRE_ACCESS_READ              ? GENERATE_READ
                : role == VYRE_ROLE_PRIVATE || g->lanes == 1 ? GENERATE_FREE
                                                             : GENERATE_OWN;
    g->buffers[g->buffer_count++] = made;
  }
}

/* ---- outputs ---- */

static vyre_reducer_t reducer_of(generator_t *g) {
  static const vyre_reducer_t reducers[] = {VYRE_REDUCER_SUM,    VYRE_REDUCER_SUM,       VYRE_REDUCER_MIN,
                                            VYRE_REDUCER_MAX,    VYRE_REDUCER_OR,        VYRE_REDUCER_XOR,
                                            VYRE_REDUCER_APPEND, VYRE_REDUCER_PER_CHUNK, VYRE_REDUCER_COMBINE};
  if (generate_lacks(g, VYRE_NEEDS_REDUCERS)) return VYRE_REDUCER_SUM;
  return reducers[random_below(&g->random, generate_lacks(g, VYRE_NEEDS_CALLS) ? 8 : 9)];
}

/* What one chunk gives as it is: no bool, no half. */
static vyre_type_t carried_type(generator_t *g) {
  vyre_type_t type = generate_memory_type(g);
  return vyre_type_kind(type) == VYRE_KIND_HALF ? VYRE_TYPE_U16 : type;
}

static vyre_type_t output_type(generator_t *g, vyre_reducer_t reducer) {
  switch (reducer) {
    case VYRE_REDUCER_OR:
    case VYRE_REDUCER_XOR: return generate_word_type(g);
    case VYRE_REDUCER_COMBINE:
    case VYRE_REDUCER_PER_CHUNK:
    case VYRE_REDUCER_APPEND: return carried_type(g);
    default: return generate_reducible_type(g);
  }
}

static uint32_t output_count(generator_t *g, vyre_reducer_t reducer, vyre_type_t type) {
  static const uint32_t counts[] = {0, 0, 0, 0, 1, 2, 7, 256, 256, 1000, 2000}, records[] = {1, 3, 20, 100, 2000};
  if (reducer == VYRE_REDUCER_APPEND) {
    bool is_roomy = g->lanes > 1 || g->options.no_faults;
    return is_roomy ? g->lanes * 16 : records[random_below(&g->random, 5)];
  }
  if (!vyre_reducer_is_commutative(reducer)) return 0;
  if (reducer == VYRE_REDUCER_SUM && vyre_type_is_float(type)) return 0;
  return counts[random_below(&g->random, sizeof counts / sizeof *counts)];
}

/* The first one is an integer sum, which can be added to everywhere. */
static void outputs(generator_t *g) {
  char buffer[16];
  uint32_t combines = 0, appends = 0;
  g->output_count = 1 + random_below(&g->random, GENERATE_OUTPUTS_MAX);
  for (uint32_t i = 0; i < g->output_count; i++) {
    vyre_reducer_t reducer = i == 0 ? VYRE_REDUCER_SUM : reducer_of(g);
    vyre_type_t type = i == 0 ? generate_word_type(g) : output_type(g, reducer);
    if (reducer == VYRE_REDUCER_COMBINE && combines == 2) reducer = VYRE_REDUCER_PER_CHUNK;
    /* Room for the records of very many lanes takes up to 3/8 of what outputs may have. */
    if (reducer == VYRE_REDUCER_APPEND && appends++ >= 2) reducer = VYRE_REDUCER_PER_CHUNK;
    generate_output_t *output = &g->outputs[i];
    *output = (generate_output_t){.type = type, .reducer = reducer, .count = output_count(g, reducer, type)};
    output->room = output->count / g->lanes;
    if (reducer == VYRE_REDUCER_PER_CHUNK) g->builder.program->chunk_bytes = 4096u << random_below(&g->random, 4);
    vyre_param_t param = {.role = VYRE_ROLE_OUTPUT,
                          .type = (uint8_t)type,
                          .access = VYRE_ACCESS_WRITE,
                          .reducer = (uint8_t)reducer,
                          .count = output->count};
    if (reducer == VYRE_REDUCER_COMBINE) param.function = combines++; /* generate_functions makes these first */
    output->id = vyre_build_param(generate_at(g), generate_name(g, 'o', buffer), param);
  }
}

void generate_params(generator_t *g, bool has_stream) {
  bool is_first = random_once_in(&g->random, 2);
  if (!generate_lacks(g, VYRE_NEEDS_BUFFERS)) scalars(g);
  if (has_stream && is_first) stream(g);
  if (!generate_lacks(g, VYRE_NEEDS_BUFFERS) && !random_once_in(&g->random, 4)) buffers(g);
  outputs(g);
  if (has_stream && !is_first) stream(g);
}
