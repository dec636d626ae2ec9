#include "support/generate.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/generate_state.h"

enum {
  STREAM_TRIPS = 300,    /* what a loop over the stream is taken to cost */
  BOUNDED_TRIPS_MAX = 7, /* of a loop with computed bounds */
  WORK_MAX = 8000,       /* times that a block of a fault-free program may run */
  HALVINGS_MAX = 32,     /* foreach runs of a fault-free program: 1 << 32 of 1 << 62 is left then */
  DEPTH_MAX = 6,         /* of ordinary nesting */
  DEEP_LEVELS_MAX = VYRE_LIMIT_DEPTH - 2 * DEPTH_MAX,
  DEEP_EXPR_MAX = VYRE_LIMIT_DEPTH - 12, /* room for the nodes that are put around an expression */
};

static void block(generator_t *g, uint32_t statements_max);

static const char *name(generator_t *g, char prefix, char buffer[16]) {
  snprintf(buffer, 16, "%c%u", prefix, ++g->names);
  return buffer;
}

static uint32_t expr_depth(generator_t *g) {
  if (g->options.deep_nesting && random_once_in(&g->random, 8))
    return 20 + random_below(&g->random, DEEP_EXPR_MAX - 20);
  return 1 + random_below(&g->random, 5);
}

static void remember(generator_t *g, vyre_var_id_t id, vyre_type_t type, bool is_assignable, bool is_in_stream) {
  if (g->var_count < GENERATE_VARS_MAX)
    g->vars[g->var_count++] = (generate_var_t){id, type, is_assignable, is_in_stream};
}

static void let(generator_t *g) {
  char buffer[16];
  vyre_type_t type = generate_type(g);
  bool is_mutable = !random_once_in(&g->random, 3);
  vyre_expr_id_t value = generate_expr(g, type, expr_depth(g));
  vyre_var_id_t var = vyre_build_let(generate_at(g), name(g, 'v', buffer), value, is_mutable);
  remember(g, var, type, is_mutable, false);
}

static void add_to_output(generator_t *g, uint32_t depth) {
  const generate_output_t *output = &g->outputs[random_below(&g->random, g->output_count)];
  if (output->count == 0) {
    vyre_expr_id_t value = generate_expr(g, output->type, depth);
    vyre_build_reduce(generate_at(g), output->id, value);
    return;
  }
  vyre_expr_id_t index = generate_index(g, output->count);
  vyre_expr_id_t value = generate_expr(g, output->type, depth);
  vyre_build_reduce_at(generate_at(g), output->id, index, value);
}

static void assign(generator_t *g) {
  uint32_t first = g->in_foreach ? g->foreach_vars : 0;
  for (uint32_t i = g->var_count; i-- > first;) {
    const generate_var_t *var = &g->vars[i];
    if (!var->is_assignable || random_once_in(&g->random, 3)) continue;
    vyre_expr_id_t value = generate_expr(g, var->type, expr_depth(g));
    vyre_build_assign(generate_at(g), var->id, value);
    return;
  }
  add_to_output(g, expr_depth(g));
}

/* break, continue, return or trap, whatever is allowed here. */
static void leave(generator_t *g) {
  if (g->fault_rate && random_once_in(&g->random, 8)) {
    vyre_build_plain(generate_at(g), VYRE_STMT_TRAP);
  } else if (g->loops > 0 && random_once_in(&g->random, 2)) {
    vyre_build_plain(generate_at(g), VYRE_STMT_BREAK);
  } else if (g->loops > 0 || g->in_foreach) {
    vyre_build_plain(generate_at(g), VYRE_STMT_CONTINUE);
  } else if (random_once_in(&g->random, 3)) {
    vyre_build_plain(generate_at(g), VYRE_STMT_RETURN);
  } else {
    add_to_output(g, 2);
  }
}

static void simple(generator_t *g) {
  switch (random_below(&g->random, 5)) {
    case 0: let(g); return;
    case 1: assign(g); return;
    default: add_to_output(g, expr_depth(g)); return;
  }
}

static void if_leave(generator_t *g) {
  vyre_expr_id_t condition = generate_expr(g, VYRE_TYPE_BOOL, 3);
  vyre_build_if(generate_at(g), condition);
  if (random_once_in(&g->random, 3)) add_to_output(g, 2);
  leave(g);
  if (random_once_in(&g->random, 8)) add_to_output(g, 2); /* never runs */
  vyre_build_end(&g->builder);
}

static void if_else(generator_t *g) {
  vyre_expr_id_t condition = generate_expr(g, VYRE_TYPE_BOOL, expr_depth(g));
  vyre_build_if(generate_at(g), condition);
  block(g, 3);
  if (random_once_in(&g->random, 2)) {
    vyre_build_else(generate_at(g));
    block(g, 3);
  }
  vyre_build_end(&g->builder);
}

/* The body of a loop whose header was just built; `trips` is about how often it runs. */
static void loop_body(generator_t *g, uint64_t trips) {
  uint64_t work = g->work;
  g->work = work * trips;
  g->loops++;
  block(g, 4);
  g->loops--;
  g->work = work;
}

static vyre_expr_id_t number(generator_t *g, vyre_type_t type, uint64_t value) {
  return vyre_build_const(generate_at(g), type, value);
}

/* while and forever. A bounded one counts in a variable that nothing else assigns. */
static void uncounted(generator_t *g, vyre_stmt_op_t op) {
  if (generate_unsafe(g)) {
    if (op == VYRE_STMT_WHILE) {
      vyre_expr_id_t condition = generate_expr(g, VYRE_TYPE_BOOL, 3);
      vyre_build_while(generate_at(g), condition);
    } else {
      vyre_build_forever(generate_at(g));
    }
    loop_body(g, STREAM_TRIPS); /* as many as its fuel allows */
    vyre_build_end(&g->builder);
    return;
  }
  char buffer[16];
  vyre_type_t type = generate_unsigned_type(g);
  uint64_t trips = g->work > WORK_MAX / BOUNDED_TRIPS_MAX ? 1 : 1 + random_below(&g->random, BOUNDED_TRIPS_MAX);
  vyre_expr_id_t zero = number(g, type, 0);
  vyre_var_id_t counter = vyre_build_let(generate_at(g), name(g, 'n', buffer), zero, true);
  remember(g, counter, type, false, false);
  vyre_expr_id_t seen = vyre_build_var(generate_at(g), counter);
  vyre_expr_id_t bound = number(g, type, trips);
  if (op == VYRE_STMT_WHILE) {
    vyre_expr_id_t condition = vyre_build_binary(generate_at(g), VYRE_EXPR_LT, seen, bound);
    if (random_once_in(&g->random, 3)) {
      vyre_expr_id_t also = generate_expr(g, VYRE_TYPE_BOOL, 3);
      condition = vyre_build_binary(generate_at(g), VYRE_EXPR_LOGICAL_AND, condition, also);
    }
    vyre_build_while(generate_at(g), condition);
  } else {
    vyre_build_forever(generate_at(g));
    vyre_expr_id_t condition = vyre_build_binary(generate_at(g), VYRE_EXPR_GE, seen, bound);
    vyre_build_if(generate_at(g), condition);
    vyre_build_plain(generate_at(g), VYRE_STMT_BREAK);
    vyre_build_end(&g->builder);
  }
  vyre_expr_id_t before = vyre_build_var(generate_at(g), counter);
  vyre_expr_id_t one = number(g, type, 1);
  vyre_expr_id_t after = vyre_build_binary(generate_at(g), VYRE_EXPR_ADD, before, one);
  vyre_build_assign(generate_at(g), counter, after);
  loop_body(g, trips);
  vyre_build_end(&g->builder);
}

/* `e & mask`: a bound that is small whatever e is. */
static vyre_expr_id_t small(generator_t *g, vyre_type_t type, uint64_t mask) {
  vyre_expr_id_t value = generate_expr(g, type, 3);
  vyre_expr_id_t limit = number(g, type, mask);
  return vyre_build_binary(generate_at(g), VYRE_EXPR_AND, value, limit);
}

typedef struct range {
  vyre_type_t type;
  vyre_expr_id_t low, high;
  bool is_in_stream;
  uint64_t trips;
} range_t;

static range_t range_of(generator_t *g, bool prefer_stream) {
  range_t range = {.type = generate_unsigned_type(g), .trips = BOUNDED_TRIPS_MAX};
  bool is_short = g->work * STREAM_TRIPS > WORK_MAX;
  if (generate_unsafe(g)) {
    range.low = generate_expr(g, range.type, 3);
    range.high = generate_expr(g, range.type, 3);
  } else if (g->stream != VYRE_PARAM_NONE && !is_short && (prefer_stream || random_once_in(&g->random, 2))) {
    if (!random_once_in(&g->random, 4)) range.type = VYRE_TYPE_U64;
    range.low = random_once_in(&g->random, 4) ? small(g, range.type, 15) : number(g, range.type, 0);
    range.high = vyre_build_len(generate_at(g), g->stream);
    /* A narrower type truncates the length, and what is below that is still inside the stream. */
    if (range.type != VYRE_TYPE_U64) range.high = vyre_build_cast(generate_at(g), range.type, range.high);
    range.is_in_stream = true;
    range.trips = STREAM_TRIPS;
  } else {
    uint64_t mask = g->work > WORK_MAX / BOUNDED_TRIPS_MAX ? 1 : BOUNDED_TRIPS_MAX;
    range.low = small(g, range.type, mask / 2);
    range.high = small(g, range.type, mask);
    range.trips = mask;
  }
  return range;
}

static void counted(generator_t *g, vyre_stmt_op_t op) {
  char buffer[16];
  range_t range = range_of(g, op == VYRE_STMT_FOREACH);
  vyre_var_id_t var = vyre_build_range(generate_at(g), op, name(g, 'i', buffer), range.low, range.high);
  uint32_t var_count = g->var_count, loops = g->loops;
  if (op == VYRE_STMT_FOREACH) {
    g->in_foreach = true;
    g->halvings += g->work;
    g->foreach_vars = var_count;
    g->loops = UINT32_MAX; /* the body's own count begins at 0 */
  }
  remember(g, var, range.type, false, range.is_in_stream);
  loop_body(g, range.trips);
  vyre_build_end(&g->builder);
  g->var_count = var_count;
  g->loops = loops;
  if (op == VYRE_STMT_FOREACH) g->in_foreach = false;
}

/* `levels` blocks inside each other, with something before and after each. */
static void nest(generator_t *g, uint32_t levels) {
  if (levels == 0) {
    block(g, 4);
    return;
  }
  char buffer[16];
  bool is_loop = random_once_in(&g->random, 4);
  if (is_loop) {
    vyre_type_t type = generate_unsigned_type(g);
    uint64_t trips = g->work < 64 ? 2 : 1;
    vyre_expr_id_t low = number(g, type, 0);
    vyre_expr_id_t high = number(g, type, trips);
    vyre_build_range(generate_at(g), VYRE_STMT_FOR, name(g, 'i', buffer), low, high);
    g->work *= trips;
    g->loops++;
    nest(g, levels - 1);
    g->loops--;
    g->work /= trips;
  } else {
    vyre_expr_id_t condition = generate_expr(g, VYRE_TYPE_BOOL, 2);
    vyre_build_if(generate_at(g), condition);
    bool in_else = random_once_in(&g->random, 2);
    if (in_else) {
      if (random_once_in(&g->random, 4)) add_to_output(g, 2);
      vyre_build_else(generate_at(g));
    }
    nest(g, levels - 1);
  }
  if (random_once_in(&g->random, 4)) add_to_output(g, 2);
  vyre_build_end(&g->builder);
}

static bool may_foreach(const generator_t *g) {
  return !g->in_foreach && (!g->options.no_faults || g->halvings + g->work <= HALVINGS_MAX);
}

static void statement(generator_t *g) {
  if (g->statements > 0) g->statements--;
  if (g->statements == 0 || g->depth >= DEPTH_MAX || random_once_in(&g->random, 2)) {
    simple(g);
    return;
  }
  uint32_t kind = random_below(&g->random, 12);
  if (g->options.foreach_heavy && g->depth == 1 && kind > 2) kind = 11;
  switch (kind) {
    case 0:
    case 1:
    case 2: if_else(g); return;
    case 3:
    case 4: if_leave(g); return;
    case 5: random_once_in(&g->random, 6) ? leave(g) : if_leave(g); return;
    case 6: uncounted(g, VYRE_STMT_WHILE); return;
    case 7: uncounted(g, VYRE_STMT_FOREVER); return;
    case 8:
    case 9: counted(g, VYRE_STMT_FOR); return;
    default: counted(g, may_foreach(g) ? VYRE_STMT_FOREACH : VYRE_STMT_FOR); return;
  }
}

static void block(generator_t *g, uint32_t statements_max) {
  uint32_t var_count = g->var_count;
  g->depth++;
  uint32_t count = random_once_in(&g->random, 16) ? 0 : 1 + random_below(&g->random, statements_max);
  for (uint32_t i = 0; i < count; i++) statement(g);
  g->depth--;
  g->var_count = var_count;
}

static void stream_param(generator_t *g) {
  g->stream_type =
      random_once_in(&g->random, 2) ? VYRE_TYPE_U8 : (vyre_type_t)(VYRE_TYPE_U8 + random_below(&g->random, 8));
  g->stream = vyre_build_stream(generate_at(g), "data", g->stream_type);
}

static void output_params(generator_t *g) {
  static const vyre_type_t types[] = {VYRE_TYPE_U32, VYRE_TYPE_U64, VYRE_TYPE_I32, VYRE_TYPE_I64};
  static const uint32_t counts[] = {0, 0, 0, 0, 1, 2, 7, 256, 256, 1000, 2000};
  char buffer[16];
  g->output_count = 1 + random_below(&g->random, GENERATE_OUTPUTS_MAX);
  for (uint32_t i = 0; i < g->output_count; i++) {
    generate_output_t *output = &g->outputs[i];
    output->type = types[random_below(&g->random, 4)];
    output->count = counts[random_below(&g->random, sizeof counts / sizeof *counts)];
    output->id = vyre_build_output(generate_at(g), name(g, 'o', buffer), output->type, output->count, VYRE_REDUCER_SUM);
  }
}

/* What the variables hold in the end shows in the outputs. */
static void add_variables(generator_t *g) {
  for (uint32_t i = 0; i < g->var_count; i++) {
    const generate_output_t *output = &g->outputs[i % g->output_count];
    vyre_expr_id_t value = vyre_build_var(generate_at(g), g->vars[i].id);
    if (g->vars[i].type != output->type) value = vyre_build_cast(generate_at(g), output->type, value);
    if (output->count == 0) {
      vyre_build_reduce(generate_at(g), output->id, value);
    } else {
      vyre_expr_id_t index = number(g, VYRE_TYPE_U32, i % output->count);
      vyre_build_reduce_at(generate_at(g), output->id, index, value);
    }
  }
}

static void body(generator_t *g) {
  g->depth = 1;
  let(g);
  let(g);
  while (g->statements > 0) statement(g);
  if (g->options.deep_nesting) {
    g->statements = 4;
    nest(g, 20 + random_below(&g->random, DEEP_LEVELS_MAX - 20));
  }
  add_variables(g);
}

vyre_program_t *generate_program(uint64_t seed, const generate_options_t *options) {
  static const uint32_t fault_rates[] = {0, 8, 30, 100};
  generator_t g = {.random = {seed}, .options = *options, .stream = VYRE_PARAM_NONE, .work = 1};
  vyre_builder_init(&g.builder, "generated", "", false);
  uint32_t rate = fault_rates[random_below(&g.random, 4)];
  g.fault_rate = options->no_faults ? 0 : rate;
  g.statements = options->statements ? options->statements : 1 + random_below(&g.random, 40);
  bool has_stream = options->foreach_heavy || !random_once_in(&g.random, 8), is_first = random_once_in(&g.random, 2);
  if (has_stream && is_first) stream_param(&g);
  output_params(&g);
  if (has_stream && !is_first) stream_param(&g);
  body(&g);
  vyre_program_t *program = NULL;
  vyre_status_t status = vyre_builder_finish(&g.builder, &program);
  if (status) {
    char text[1024];
    vyre_status_format(status, text, sizeof text);
    fprintf(stderr, "generate_program: seed %llu: %s", (unsigned long long)seed, text);
    abort();
  }
  return program;
}
