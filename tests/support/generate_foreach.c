/* Counted loops, and what the iterations of a foreach may do with memory. */
#include "support/generate_state.h"

enum {
  STREAM_TRIPS = 300,    /* what a loop over the stream is taken to cost */
  BOUNDED_TRIPS_MAX = 7, /* of a loop with computed bounds */
  WORK_MAX = 8000,       /* times that a block of a fault-free program may run */
  HALVINGS_MAX = 32,     /* foreach runs of a fault-free program: 1 << 32 of 1 << 62 is left then */
};

bool generate_may_foreach(const generator_t *g) {
  bool may_meet = g->lanes == 1 || g->control == VYRE_LEVEL_WORKGROUP;
  return g->place == GENERATE_BODY && !g->in_foreach && may_meet &&
         (!g->options.no_faults || g->halvings + g->work <= HALVINGS_MAX);
}

/* `e & mask`: a bound that is small whatever e is. */
static vyre_expr_id_t small(generator_t *g, vyre_type_t type, uint64_t mask) {
  vyre_expr_id_t value = generate_expr(g, type, 3);
  vyre_expr_id_t limit = generate_number(g, type, mask);
  return vyre_build_binary(generate_at(g), VYRE_EXPR_AND, value, limit);
}

typedef struct range {
  vyre_type_t type;
  vyre_expr_id_t low, high;
  bool is_in_stream, is_whole;
  uint64_t trips;
} range_t;

static range_t range_of(generator_t *g, bool prefer_stream) {
  range_t range = {.type = generate_unsigned_type(g), .trips = BOUNDED_TRIPS_MAX};
  bool is_short = g->work * STREAM_TRIPS > WORK_MAX, has_stream = g->stream != VYRE_PARAM_NONE;
  if (generate_unsafe(g)) {
    range.low = generate_expr(g, range.type, 3);
    range.high = generate_expr(g, range.type, 3);
  } else if (has_stream && g->reach != GENERATE_PURE && !is_short && (prefer_stream || random_once_in(&g->random, 2))) {
    if (!random_once_in(&g->random, 4)) range.type = VYRE_TYPE_U64;
    bool is_from_start = !random_once_in(&g->random, 4);
    range.low = is_from_start ? generate_number(g, range.type, 0) : small(g, range.type, 15);
    range.high = vyre_build_len(generate_at(g), g->stream);
    /* A narrower type truncates the length, and what is below that is still inside the stream. */
    if (range.type != VYRE_TYPE_U64) range.high = vyre_build_cast(generate_at(g), range.type, range.high);
    range.is_in_stream = true;
    range.is_whole = is_from_start && range.type == VYRE_TYPE_U64;
    range.trips = STREAM_TRIPS;
  } else {
    uint64_t mask = g->work > WORK_MAX / BOUNDED_TRIPS_MAX ? 1 : BOUNDED_TRIPS_MAX;
    range.low = small(g, range.type, mask / 2);
    range.high = small(g, range.type, mask);
    range.trips = mask;
  }
  return range;
}

static void counted_for(generator_t *g) {
  char buffer[16];
  vyre_level_t level = generate_level(g), ceiling = g->ceiling;
  uint32_t var_count = g->var_count;
  if (!g->in_foreach) g->ceiling = level;
  range_t range = range_of(g, false);
  g->ceiling = ceiling;
  vyre_var_id_t var =
      vyre_build_range(generate_at(g), VYRE_STMT_FOR, generate_name(g, 'i', buffer), range.low, range.high);
  generate_remember(
      g, (generate_var_t){.id = var, .type = range.type, .is_in_stream = range.is_in_stream, .level = level});
  generate_loop_body(g, range.trips, level);
  vyre_build_end(&g->builder);
  g->var_count = var_count;
}

/* ---- foreach ---- */

/* Something that is the same for the whole foreach: a literal, or an immutable variable from outside. */
static void choose_base(generator_t *g, generate_buffer_t *buffer) {
  buffer->base = 0;
  buffer->base_var = 0;
  if (!random_once_in(&g->random, 3)) return;
  buffer->base = buffer->factor + random_below(&g->random, 9); /* less would be taken for k */
  for (uint32_t i = g->var_count; i-- > 0;) {
    const generate_var_t *var = &g->vars[i];
    bool fits = var->is_fixed && var->type == VYRE_TYPE_U64 && var->level == VYRE_LEVEL_WORKGROUP;
    if (fits && random_once_in(&g->random, 2)) buffer->base_var = var->id;
  }
}

/* What the iterations do with each buffer; true when several lanes need barriers around that. */
static bool choose_modes(generator_t *g) {
  bool is_shared = false;
  for (uint32_t i = 0; i < g->buffer_count; i++) {
    generate_buffer_t *buffer = &g->buffers[i];
    buffer->is_guarded = false;
    if (buffer->role == VYRE_ROLE_PRIVATE) buffer->mode = GENERATE_NONE;
    if (!generate_is_shared(buffer)) continue;
    bool is_word = vyre_type_fits(buffer->type, VYRE_ON_WORD) && buffer->access == VYRE_ACCESS_READ_WRITE;
    uint32_t kind = random_below(&g->random, 6);
    buffer->mode = kind < 3 ? GENERATE_FORM : kind == 3 ? GENERATE_READ : GENERATE_NONE;
    if (kind == 4 && is_word && !generate_lacks(g, VYRE_NEEDS_ATOMICS)) buffer->mode = GENERATE_ATOMIC;
    if (buffer->mode == GENERATE_READ && buffer->access == VYRE_ACCESS_WRITE) buffer->mode = GENERATE_NONE;
    buffer->atomic = (vyre_expr_op_t)(VYRE_EXPR_ATOMIC_ADD + random_below(&g->random, 6));
    unsigned index_bits = vyre_type_bits(g->foreach_var.type);
    buffer->factor = 1;
    if (buffer->mode == GENERATE_FORM && random_once_in(&g->random, 3))
      buffer->factor =
          1 + random_below(&g->random,
                           random_once_in(&g->random, 8) && index_bits > 8 ? (1u << GENERATE_FACTOR_BITS) - 1 : 6);
    choose_base(g, buffer);
    is_shared |= buffer->mode != GENERATE_NONE;
  }
  return is_shared && g->lanes > 1;
}

/* i * factor + k + base, spelled in one of its ways. u64 when it is wide or would not hold the products otherwise. */
vyre_expr_id_t generate_form_index(generator_t *g, const generate_buffer_t *buffer, uint32_t k, bool is_wide) {
  vyre_type_t type = g->foreach_var.type;
  vyre_expr_id_t index = vyre_build_var(generate_at(g), g->foreach_var.id);
  bool has_factor = buffer->factor > 1;
  if (type != VYRE_TYPE_U64 && (is_wide || has_factor || buffer->base || buffer->base_var)) {
    if (type == VYRE_TYPE_U8 && random_once_in(&g->random, 3))
      index = vyre_build_cast(generate_at(g), VYRE_TYPE_U16, index);
    type = VYRE_TYPE_U64;
    index = vyre_build_cast(generate_at(g), type, index);
  }
  if (has_factor) {
    vyre_expr_id_t factor = generate_number(g, type, buffer->factor);
    index = vyre_build_binary(generate_at(g), VYRE_EXPR_MUL, index, factor);
    if (k) {
      vyre_expr_id_t offset = generate_number(g, type, k);
      index = vyre_build_binary(generate_at(g), VYRE_EXPR_ADD, index, offset);
    }
  }
  if (!buffer->base && !buffer->base_var) return index;
  vyre_expr_id_t base =
      buffer->base_var ? vyre_build_var(generate_at(g), buffer->base_var) : generate_number(g, type, buffer->base);
  bool is_first = random_once_in(&g->random, 2);
  return vyre_build_binary(generate_at(g), VYRE_EXPR_ADD, is_first ? base : index, is_first ? index : base);
}

static void foreach (generator_t *g) {
  char buffer[16];
  vyre_level_t ceiling = g->ceiling;
  uint32_t var_count = g->var_count, loops = g->loops, nodes = g->buffer_count;
  generate_buffer_t outside[GENERATE_BUFFERS_MAX];
  for (uint32_t i = 0; i < nodes; i++) outside[i] = g->buffers[i];
  g->ceiling = VYRE_LEVEL_WORKGROUP;
  range_t range = range_of(g, true);
  g->foreach_var = (generate_var_t){.type = range.type};
  bool has_barriers = choose_modes(g);
  if (has_barriers) generate_barrier(g);
  g->foreach_var.id =
      vyre_build_range(generate_at(g), VYRE_STMT_FOREACH, generate_name(g, 'i', buffer), range.low, range.high);
  generate_reach_t reach = g->reach;
  g->reach = GENERATE_READER;
  g->in_foreach = true;
  g->foreach_is_whole = range.is_whole;
  g->halvings += g->work;
  g->foreach_vars = g->var_count;
  g->loops = UINT32_MAX; /* the body's own count begins at 0 */
  generate_remember(g,
                    (generate_var_t){.id = g->foreach_var.id, .type = range.type, .is_in_stream = range.is_in_stream});
  /* Often without control flow, as what a compiler does most with. */
  uint32_t statements = g->statements;
  if (random_once_in(&g->random, 3)) g->statements = 0;
  generate_loop_body(g, range.trips, VYRE_LEVEL_WORKGROUP);
  if (g->statements == 0) g->statements = statements;
  vyre_build_end(&g->builder);
  for (uint32_t i = 0; i < nodes; i++) g->buffers[i] = outside[i];
  g->var_count = var_count;
  g->loops = loops;
  g->reach = reach;
  g->in_foreach = g->foreach_is_whole = false;
  g->ceiling = ceiling;
  if (has_barriers) generate_barrier(g);
}

void generate_counted(generator_t *g, vyre_stmt_op_t op) { op == VYRE_STMT_FOREACH ? foreach (g) : counted_for(g); }
