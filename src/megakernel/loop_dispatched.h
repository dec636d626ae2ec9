/* What the two sides of topology `dispatched` share, in addition to loop_parts.h: the dispatcher, loop_dispatched.c and
 * loop_dispatched_letters.c, and a worker, loop_dispatched_worker.c. */
#ifndef VYRE_MEGAKERNEL_LOOP_DISPATCHED_H
#define VYRE_MEGAKERNEL_LOOP_DISPATCHED_H

#include "megakernel/loop_parts.h"

enum { ROUND_LOOKS = 64 /* for slots or letters, in a round without any */ };

_Static_assert(VYRE_CONTROL_STOP == 0 && VYRE_CONTROL_PARK == 4, "read together by both");

static const char *const quarter_names[4] = {"word0", "word1", "word2", "tag"};

static inline vyre_expr_id_t and32(loop_t *l, vyre_expr_id_t a, vyre_expr_id_t b) { return op(l, VYRE_EXPR_AND, a, b); }
static inline vyre_expr_id_t shr32(loop_t *l, vyre_expr_id_t a, uint32_t count) {
  return op(l, VYRE_EXPR_SHR, a, c32(l, count));
}
static inline vyre_expr_id_t local_element(loop_t *l, vyre_var_id_t local, uint32_t offset, vyre_expr_id_t index,
                                           unsigned shift) {
  return add(l, element(l, local, index, shift), c64(l, offset));
}
static inline void load16(loop_t *l, vyre_scope_t scope, vyre_expr_id_t address, vyre_var_id_t words[4]) {
  l->b->scope = scope;
  vyre_build_load16(l->b, 3, scope == WORKER ? VYRE_ORDER_RELAXED : l->acquire, quarter_names, address, words);
  l->b->scope = SYSTEM;
}
static inline void store16(loop_t *l, vyre_scope_t scope, vyre_expr_id_t address, vyre_expr_id_t a, vyre_expr_id_t b,
                           vyre_expr_id_t c, vyre_expr_id_t tag) {
  l->b->scope = scope;
  vyre_build_store16(l->b, 3, scope == WORKER ? VYRE_ORDER_RELAXED : l->release, address,
                     (vyre_expr_id_t[4]){a, b, c, tag});
  l->b->scope = SYSTEM;
}
static inline void store_words(loop_t *l, vyre_expr_id_t address, const vyre_var_id_t words[4]) {
  store16(l, WORKER, address, var(l, words[0]), var(l, words[1]), var(l, words[2]), var(l, words[3]));
}
static inline void beat(loop_t *l, vyre_var_id_t beats) {
  set(l, beats, add(l, var(l, beats), c64(l, 1)));
  store64(l, DEVICE, at(l, l->self, VYRE_WORKER_HEARTBEAT), var(l, beats));
}
/* How often to look before the next round of the outer loop: once, when that sleeps in between. */
static inline vyre_var_id_t build_looks(loop_t *l, vyre_var_id_t idle_rounds) {
  vyre_expr_id_t is_awake = op(l, VYRE_EXPR_LT, var(l, idle_rounds), var(l, l->spin_limit));
  return let(l, "looks", vyre_build_select(l->b, is_awake, c32(l, ROUND_LOOKS), c32(l, 1)));
}

/* loop_dispatched_worker.c: the whole life of a worker other than 0. */
void vyre_loop_build_dispatched_worker(loop_t *l);

#endif
