#include "interp/collective.h"

#include "base/assert.h"
#include "ir/value.h"

enum { LANES = VYRE_SUBGROUP_LANES };

/* What a reduction or a scan combines with. */
static vyre_expr_op_t op_of(vyre_expr_op_t op) {
  switch (op) {
    case VYRE_EXPR_SUBGROUP_ANY:
    case VYRE_EXPR_WORKGROUP_ANY:
    case VYRE_EXPR_SUBGROUP_OR:
    case VYRE_EXPR_WORKGROUP_OR: return VYRE_EXPR_OR;
    case VYRE_EXPR_SUBGROUP_ALL:
    case VYRE_EXPR_WORKGROUP_ALL:
    case VYRE_EXPR_SUBGROUP_AND:
    case VYRE_EXPR_WORKGROUP_AND: return VYRE_EXPR_AND;
    case VYRE_EXPR_SUBGROUP_XOR:
    case VYRE_EXPR_WORKGROUP_XOR: return VYRE_EXPR_XOR;
    case VYRE_EXPR_SUBGROUP_MIN:
    case VYRE_EXPR_WORKGROUP_MIN: return VYRE_EXPR_MIN;
    case VYRE_EXPR_SUBGROUP_MAX:
    case VYRE_EXPR_WORKGROUP_MAX: return VYRE_EXPR_MAX;
    case VYRE_EXPR_SUBGROUP_ADD:
    case VYRE_EXPR_WORKGROUP_ADD: return VYRE_EXPR_ADD;
    default: VYRE_UNREACHABLE();
  }
}

/* The tree of a subgroup: v[l] with v[l + 16], then 8, 4, 2, 1. */
static uint64_t reduce_subgroup(vyre_expr_op_t op, vyre_type_t type, const uint64_t *a) {
  uint64_t v[LANES];
  for (unsigned l = 0; l < LANES; l++) v[l] = a[l];
  for (unsigned half = LANES / 2; half > 0; half /= 2)
    for (unsigned l = 0; l < half; l++) v[l] = vyre_value_binary(op, type, v[l], v[l + half]);
  return v[0];
}

static uint64_t reduce(vyre_expr_op_t op, vyre_type_t type, const uint64_t *a, uint32_t count) {
  uint64_t all = reduce_subgroup(op, type, a);
  for (uint32_t first = LANES; first < count; first += LANES)
    all = vyre_value_binary(op, type, all, reduce_subgroup(op, type, a + first));
  return all;
}

/* From the first lane to the last; an exclusive scan gives the first lane 0. */
static void scan(vyre_type_t type, const uint64_t *a, uint32_t count, bool is_inclusive, uint64_t *out_results) {
  uint64_t sum = 0;
  for (uint32_t l = 0; l < count; l++) {
    uint64_t next = l ? vyre_value_binary(VYRE_EXPR_ADD, type, sum, a[l]) : vyre_value_canonical(type, a[0]);
    out_results[l] = is_inclusive ? next : sum;
    sum = next;
  }
}

/* Which lane's value a lane of a subgroup gets. */
static uint32_t source_of(vyre_expr_op_t op, uint32_t lane, uint32_t b) {
  uint32_t n = b % LANES;
  switch (op) {
    case VYRE_EXPR_SUBGROUP_BROADCAST:
    case VYRE_EXPR_SUBGROUP_SHUFFLE: return n;
    case VYRE_EXPR_SUBGROUP_SHUFFLE_XOR: return lane ^ n;
    case VYRE_EXPR_SUBGROUP_SHUFFLE_UP: return lane >= n ? lane - n : lane;
    case VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN: return lane + n < LANES ? lane + n : lane;
    default: VYRE_UNREACHABLE();
  }
}

void vyre_collective(vyre_expr_op_t op, vyre_type_t type, const uint64_t *a, const uint64_t *b, uint32_t count,
                     uint64_t *out_results) {
  uint64_t same = 0;
  switch (op) {
    case VYRE_EXPR_SUBGROUP_INCLUSIVE_ADD:
    case VYRE_EXPR_WORKGROUP_INCLUSIVE_ADD: scan(type, a, count, true, out_results); return;
    case VYRE_EXPR_SUBGROUP_EXCLUSIVE_ADD:
    case VYRE_EXPR_WORKGROUP_EXCLUSIVE_ADD: scan(type, a, count, false, out_results); return;
    case VYRE_EXPR_SUBGROUP_BROADCAST:
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
    case VYRE_EXPR_SUBGROUP_SHUFFLE_XOR:
    case VYRE_EXPR_SUBGROUP_SHUFFLE_UP:
    case VYRE_EXPR_SUBGROUP_SHUFFLE_DOWN:
      for (uint32_t l = 0; l < count; l++)
        out_results[l] = vyre_value_canonical(type, a[source_of(op, l, (uint32_t)b[l])]);
      return;
    case VYRE_EXPR_WORKGROUP_BROADCAST: same = vyre_value_canonical(type, a[b[0] % count]); break;
    case VYRE_EXPR_SUBGROUP_BALLOT:
      for (uint32_t l = 0; l < count; l++) same |= a[l] << l;
      break;
    default: same = reduce(op_of(op), type, a, count); break;
  }
  for (uint32_t l = 0; l < count; l++) out_results[l] = same;
}
