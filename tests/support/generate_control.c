#include "support/generate_state.h"

enum {
  BOUNDED_TRIPS_MAX = 7, /* of a loop with computed bounds */
  WORK_MAX = 8000,       /* times that a block of a fault-free program may run */
  UNBOUNDED_TRIPS = 300, /* what a loop that only its fuel ends is taken to cost */
  CASES_MAX = 4,
  LABELS_MAX = 3,
};

/* Enters control flow of `level`; gives what to leave it with. */
static vyre_level_t enter(generator_t *g, vyre_level_t level) {
  vyre_level_t outer = g->control;
  if (level > g->control) g->control = level;
  return outer;
}

static bool may_break(const generator_t *g) { return g->loops > 0 && (g->lanes == 1 || g->control <= g->loop_level); }

static bool may_return(const generator_t *g) {
  if (!g->may_return || g->in_foreach) return false;
  return g->place == GENERATE_FUNCTION || g->lanes == 1 || g->control <= g->root_level;
}

static void return_(generator_t *g) {
  if (g->place == GENERATE_FUNCTION && g->result != VYRE_TYPE_VOID) {
    vyre_expr_id_t value = generate_expr(g, g->result, 3);
    vyre_build_return(generate_at(g), value);
  } else {
    vyre_build_plain(generate_at(g), VYRE_STMT_RETURN);
  }
}

/* break, continue, return or trap, whatever is allowed here. */
static void leave(generator_t *g) {
  if (g->fault_rate && random_once_in(&g->random, 8)) {
    vyre_build_plain(generate_at(g), VYRE_STMT_TRAP);
  } else if (may_break(g) && random_once_in(&g->random, 2)) {
    vyre_build_plain(generate_at(g), VYRE_STMT_BREAK);
  } else if (may_break(g) || (g->in_foreach && g->loops == 0)) {
    vyre_build_plain(generate_at(g), VYRE_STMT_CONTINUE);
  } else if (may_return(g) && random_once_in(&g->random, 3)) {
    return_(g);
  } else {
    generate_contribution(g, 2);
  }
}

/* The body of a case. */
static void case_body(generator_t *g) {
  uint32_t var_count = g->var_count;
  random_once_in(&g->random, 5) ? leave(g) : generate_block(g, 2);
  g->var_count = var_count;
  vyre_build_end(&g->builder);
}

/* What a condition may be so that lanes may still leave under it. */
static vyre_level_t leave_level(const generator_t *g) {
  vyre_level_t level = g->loops > 0 ? g->loop_level : g->root_level;
  return level < g->control || g->in_foreach ? g->control : level;
}

void generate_if_leave(generator_t *g) {
  vyre_level_t level = leave_level(g);
  vyre_expr_id_t condition = generate_expr_at(g, level, VYRE_TYPE_BOOL, 3);
  vyre_build_if(generate_at(g), condition);
  vyre_level_t outer = enter(g, level);
  uint32_t var_count = g->var_count;
  if (random_once_in(&g->random, 3)) generate_contribution(g, 2);
  leave(g);
  if (random_once_in(&g->random, 8)) generate_contribution(g, 2); /* never runs */
  g->control = outer;
  g->var_count = var_count;
  vyre_build_end(&g->builder);
}

static void if_else(generator_t *g) {
  vyre_level_t level = generate_level(g);
  vyre_expr_id_t condition = generate_expr_at(g, level, VYRE_TYPE_BOOL, generate_expr_depth(g));
  vyre_build_if(generate_at(g), condition);
  vyre_level_t outer = enter(g, level);
  generate_block(g, 3);
  if (random_once_in(&g->random, 2)) {
    vyre_build_else(generate_at(g));
    generate_block(g, 3);
  }
  g->control = outer;
  vyre_build_end(&g->builder);
}

/* Labels that differ in every type: their low bits do. */
static void case_(generator_t *g, vyre_type_t type, uint32_t *used) {
  vyre_expr_id_t labels[LABELS_MAX];
  uint32_t count = 1 + random_below(&g->random, LABELS_MAX);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t low = (*used)++;
    uint64_t high = random_once_in(&g->random, 4) ? random_next(&g->random) & ~UINT64_C(15) : 0;
    labels[i] = generate_number(g, type, high | low);
  }
  vyre_build_case(generate_at(g), labels, count);
}

static void switch_(generator_t *g) {
  if (generate_lacks(g, VYRE_NEEDS_CALLS)) {
    if_else(g);
    return;
  }
  vyre_type_t type = generate_integer_type(g);
  vyre_level_t level = generate_level(g);
  vyre_expr_id_t value = generate_expr_at(g, level, type, 3);
  if (!random_once_in(&g->random, 4)) {
    vyre_expr_id_t mask = generate_number(g, type, 7);
    value = vyre_build_binary(generate_at(g), VYRE_EXPR_AND, value, mask);
  }
  vyre_build_switch(generate_at(g), value);
  vyre_level_t outer = enter(g, level);
  uint32_t cases = random_below(&g->random, CASES_MAX + 1), used = 0;
  uint32_t default_at = random_below(&g->random, 2 * (cases + 1)); /* none, or at any place */
  for (uint32_t i = 0; i <= cases; i++) {
    if (i == default_at) {
      vyre_build_default(generate_at(g));
      case_body(g);
    }
    if (i == cases) break;
    case_(g, type, &used);
    case_body(g);
  }
  g->control = outer;
  vyre_build_end(&g->builder);
}

static void block_stmt(generator_t *g) {
  if (generate_lacks(g, GENERATE_LACKS_OPS)) {
    if_else(g);
    return;
  }
  vyre_build_block(generate_at(g));
  generate_block(g, 3);
  vyre_build_end(&g->builder);
}

void generate_loop_body(generator_t *g, uint64_t trips, vyre_level_t level) {
  uint64_t work = g->work;
  vyre_level_t outer_loop = g->loop_level, outer = enter(g, level);
  g->work = work * trips;
  g->loop_level = g->control;
  g->loops++;
  generate_block(g, 4);
  g->loops--;
  g->control = outer;
  g->loop_level = outer_loop;
  g->work = work;
}

/* Ends when it likes, or never. */
static void unbounded(generator_t *g, vyre_stmt_op_t op, vyre_level_t level) {
  if (op == VYRE_STMT_WHILE) {
    vyre_expr_id_t condition = generate_expr_at(g, level, VYRE_TYPE_BOOL, 3);
    vyre_build_while(generate_at(g), condition);
  } else {
    vyre_build_forever(generate_at(g));
  }
  generate_loop_body(g, UNBOUNDED_TRIPS, level);
  vyre_build_end(&g->builder);
}

/* while and forever. A bounded one counts in a variable that nothing else assigns. */
static void uncounted(generator_t *g, vyre_stmt_op_t op) {
  vyre_level_t level = generate_level(g);
  if (generate_unsafe(g)) {
    unbounded(g, op, level);
    return;
  }
  char buffer[16];
  vyre_type_t type = generate_unsigned_type(g);
  uint64_t trips = g->work > WORK_MAX / BOUNDED_TRIPS_MAX ? 1 : 1 + random_below(&g->random, BOUNDED_TRIPS_MAX);
  vyre_expr_id_t zero = generate_number(g, type, 0);
  vyre_var_id_t counter = vyre_build_let(generate_at(g), generate_name(g, 'n', buffer), zero, true);
  generate_remember(g, (generate_var_t){.id = counter, .type = type, .level = level});
  vyre_expr_id_t seen = vyre_build_var(generate_at(g), counter);
  vyre_expr_id_t bound = generate_number(g, type, trips);
  if (op == VYRE_STMT_WHILE) {
    vyre_expr_id_t condition = vyre_build_binary(generate_at(g), VYRE_EXPR_LT, seen, bound);
    if (random_once_in(&g->random, 3)) {
      vyre_expr_id_t also = generate_expr_at(g, level, VYRE_TYPE_BOOL, 3);
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
  vyre_expr_id_t one = generate_number(g, type, 1);
  vyre_expr_id_t after = vyre_build_binary(generate_at(g), VYRE_EXPR_ADD, before, one);
  vyre_build_assign(generate_at(g), counter, after);
  generate_loop_body(g, trips, level);
  vyre_build_end(&g->builder);
}

void generate_nest(generator_t *g, uint32_t levels) {
  if (levels == 0) {
    generate_block(g, 4);
    return;
  }
  char buffer[16];
  vyre_level_t outer = g->control;
  uint32_t var_count = g->var_count;
  if (random_once_in(&g->random, 4)) {
    vyre_type_t type = generate_unsigned_type(g);
    uint64_t trips = g->work < 64 ? 2 : 1;
    vyre_level_t outer_loop = g->loop_level;
    vyre_expr_id_t low = generate_number(g, type, 0);
    vyre_expr_id_t high = generate_number(g, type, trips);
    vyre_build_range(generate_at(g), VYRE_STMT_FOR, generate_name(g, 'i', buffer), low, high);
    g->loop_level = g->control;
    g->work *= trips;
    g->loops++;
    generate_nest(g, levels - 1);
    g->loops--;
    g->work /= trips;
    g->loop_level = outer_loop;
  } else {
    vyre_level_t level = random_once_in(&g->random, 20) ? generate_level(g) : g->control;
    vyre_expr_id_t condition = generate_expr_at(g, level, VYRE_TYPE_BOOL, 2);
    vyre_build_if(generate_at(g), condition);
    enter(g, level);
    if (random_once_in(&g->random, 2)) {
      if (random_once_in(&g->random, 4)) generate_contribution(g, 2);
      g->var_count = var_count;
      vyre_build_else(generate_at(g));
    }
    generate_nest(g, levels - 1);
  }
  if (random_once_in(&g->random, 4)) generate_contribution(g, 2);
  g->control = outer;
  g->var_count = var_count;
  vyre_build_end(&g->builder);
}

void generate_control(generator_t *g, uint32_t kind) {
  switch (kind) {
    case 0:
    case 1: if_else(g); return;
    case 2: switch_(g); return;
    case 3: block_stmt(g); return;
    case 4:
    case 5: generate_if_leave(g); return;
    case 6: random_once_in(&g->random, 6) ? leave(g) : generate_if_leave(g); return;
    case 7: uncounted(g, VYRE_STMT_WHILE); return;
    case 8: uncounted(g, VYRE_STMT_FOREVER); return;
    case 9:
    case 10: generate_counted(g, VYRE_STMT_FOR); return;
    default: generate_counted(g, generate_may_foreach(g) ? VYRE_STMT_FOREACH : VYRE_STMT_FOR); return;
  }
}
