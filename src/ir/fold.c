#include "ir/fold.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/rules.h"
#include "ir/typing.h"
#include "ir/value.h"

bool vyre_fold_init(vyre_fold_t *f, vyre_program_t *program) {
  *f = (vyre_fold_t){.program = program};
  f->rank = vyre_calloc(program->var_count, sizeof *f->rank);
  VYRE_ASSERT(vyre_rule_count <= VYRE_FOLD_RULES_MAX);
  for (uint32_t i = vyre_rule_count; i-- > 0;) {
    uint8_t *first = &f->first_rule[vyre_rules[i].pattern[0]];
    f->next_rule[i] = *first;
    *first = (uint8_t)(i + 1);
  }
  return f->rank != NULL;
}

void vyre_fold_deinit(vyre_fold_t *f) {
  vyre_free(f->pure);
  vyre_free(f->rank);
  *f = (vyre_fold_t){0};
}

static const vyre_expr_t *at(const vyre_fold_t *f, uint32_t id) { return &f->program->exprs[id]; }

bool vyre_fold_is_const(const vyre_fold_t *f, uint32_t expr) { return at(f, expr)->op == VYRE_EXPR_CONST; }

/* ---- nodes ---- */

static bool is_pure_op(const vyre_fold_t *f, const vyre_expr_t *e) {
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LOAD:
    case VYRE_CLASS_ATOMIC:
    case VYRE_CLASS_CALL:
    case VYRE_CLASS_SUBGROUP:
    case VYRE_CLASS_WORKGROUP: return false;
    case VYRE_CLASS_PRIVILEGED:
      return e->op == VYRE_EXPR_CONTROL || e->op == VYRE_EXPR_FRAME || e->op == VYRE_EXPR_LOCAL ||
             e->op == VYRE_EXPR_WORKER;
    default: break;
  }
  if ((e->op != VYRE_EXPR_DIV && e->op != VYRE_EXPR_REM) || vyre_type_is_float(e->type)) return true;
  return at(f, e->b)->op == VYRE_EXPR_CONST && at(f, e->b)->imm != 0;
}

uint32_t vyre_fold_add(vyre_fold_t *f, const vyre_expr_t *e) {
  vyre_program_t *p = f->program;
  uint32_t id = p->expr_count;
  if (f->failed || !vyre_array_reserve((void **)&p->exprs, &p->expr_capacity, id + 1u, sizeof *p->exprs) ||
      !vyre_array_reserve((void **)&f->pure, &f->pure_capacity, id + 1u, 1)) {
    f->failed = true;
    return 0;
  }
  bool is_pure = is_pure_op(f, e);
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) is_pure = is_pure && f->pure[vyre_expr_operand(e, i)];
  p->exprs[id] = *e;
  f->pure[id] = is_pure;
  return p->expr_count++;
}

static uint32_t add_const(vyre_fold_t *f, vyre_type_t type, uint64_t value, vyre_position_t position) {
  return vyre_fold_add(f, &(vyre_expr_t){.op = VYRE_EXPR_CONST,
                                         .type = (uint8_t)type,
                                         .imm = vyre_value_canonical(type, value),
                                         .position = position});
}

/* ---- order ---- */

static int order_of(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

/* 0 for equal trees. Constants are greatest; of other nodes those that are later in ops.def come first, so that
 * variables stand behind what is computed. */
static int compare(const vyre_fold_t *f, uint32_t x, uint32_t y) {
  const vyre_expr_t *a = at(f, x), *b = at(f, y);
  if (a->op != b->op) {
    if (a->op == VYRE_EXPR_CONST || b->op == VYRE_EXPR_CONST) return a->op == VYRE_EXPR_CONST ? 1 : -1;
    return order_of(b->op, a->op);
  }
  int order = order_of(a->type, b->type);
  if (!order) order = order_of(a->imm, b->imm);
  if (!order) order = order_of(a->order, b->order);
  if (!order) order = order_of(a->scope, b->scope);
  if (order) return order;
  bool has_param = vyre_expr_arity(a->op) == 0 || vyre_expr_class(a->op) == VYRE_CLASS_LOAD ||
                   vyre_expr_class(a->op) == VYRE_CLASS_ATOMIC;
  if (a->op == VYRE_EXPR_VAR)
    order = order_of(f->rank[a->a], f->rank[b->a]);
  else if (has_param)
    order = order_of(a->a, b->a);
  for (unsigned i = 0; i < vyre_expr_arity(a->op) && !order; i++)
    order = compare(f, vyre_expr_operand(a, i), vyre_expr_operand(b, i));
  if (a->op != VYRE_EXPR_CALL || order) return order;
  uint32_t left = a->b, right = b->b;
  for (; left && right && !order; left = at(f, left)->b, right = at(f, right)->b)
    order = compare(f, at(f, left)->a, at(f, right)->a);
  return order ? order : (left != 0) - (right != 0);
}

/* What is evaluated on one side may not be moved before a fault or an effect of the other. */
static void order_operands(const vyre_fold_t *f, vyre_expr_t *e) {
  if (!vyre_expr_commutes(e->op)) return;
  bool is_logic = vyre_expr_class(e->op) == VYRE_CLASS_LOGIC;
  bool is_free = is_logic ? f->pure[e->a] && f->pure[e->b] : f->pure[e->a] || f->pure[e->b];
  if (!is_free || compare(f, e->a, e->b) <= 0) return;
  uint32_t a = e->a;
  e->a = e->b;
  e->b = a;
}

/* ---- constants ---- */

/* EXP .. POW may differ by some units in the last place from one machine to the next, and a Program's form may not. */
static bool is_exact(vyre_expr_op_t op) {
  return op != VYRE_EXPR_EXP && op != VYRE_EXPR_EXP2 && op != VYRE_EXPR_LOG && op != VYRE_EXPR_LOG2 &&
         op != VYRE_EXPR_SIN && op != VYRE_EXPR_COS && op != VYRE_EXPR_POW;
}

static bool fold_constant(const vyre_fold_t *f, const vyre_expr_t *e, uint64_t *out_value) {
  uint64_t v[3] = {0};
  unsigned arity = vyre_expr_arity(e->op);
  vyre_type_t from = VYRE_TYPE_VOID;
  if (arity == 0 || arity > 3 || !vyre_type_fits(e->type, VYRE_ON_SCALAR) || !is_exact(e->op)) return false;
  for (unsigned i = 0; i < arity; i++) {
    const vyre_expr_t *operand = at(f, vyre_expr_operand(e, i));
    if (operand->op != VYRE_EXPR_CONST) return false;
    if (i == 0) from = operand->type;
    v[i] = operand->imm;
  }
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_UNARY: *out_value = vyre_value_unary(e->op, e->type, v[0]); return true;
    case VYRE_CLASS_BINARY: {
      bool is_division = (e->op == VYRE_EXPR_DIV || e->op == VYRE_EXPR_REM) && !vyre_type_is_float(e->type);
      if (is_division && v[1] == 0) return false;
      *out_value = vyre_value_binary(e->op, e->type, v[0], v[1]);
      return true;
    }
    case VYRE_CLASS_TERNARY: *out_value = vyre_value_fma(e->type, v[0], v[1], v[2]); return true;
    case VYRE_CLASS_COMPARE: *out_value = vyre_value_compare(e->op, from, v[0], v[1]); return true;
    case VYRE_CLASS_CAST:
      *out_value =
          e->op == VYRE_EXPR_CAST ? vyre_value_cast(from, e->type, v[0]) : vyre_value_bitcast(from, e->type, v[0]);
      return true;
    default: return false;
  }
}

/* ---- rules ---- */

typedef struct match {
  const vyre_expr_t *root;
  uint32_t captured[VYRE_TERM_LETTERS]; /* 0: not yet */
  uint16_t letters[VYRE_TERM_LETTERS];  /* in the order of the pattern */
  unsigned count;
} match_t;

static bool is_letter(uint16_t term) { return term >= VYRE_TERM_X && term < VYRE_TERM_X + VYRE_TERM_LETTERS; }

static uint32_t captured(const match_t *m, uint16_t term) { return m->captured[term - VYRE_TERM_X]; }

static bool match_letter(const vyre_fold_t *f, match_t *m, uint16_t term, uint32_t id) {
  bool is_const = vyre_fold_is_const(f, id);
  if ((term == VYRE_TERM_C || term == VYRE_TERM_D) && !is_const) return false;
  if ((term == VYRE_TERM_V || term == VYRE_TERM_W) && is_const) return false;
  uint32_t *before = &m->captured[term - VYRE_TERM_X];
  if (*before) return f->pure[id] && compare(f, *before, id) == 0;
  *before = id;
  m->letters[m->count++] = term;
  return true;
}

static bool is_value(const vyre_fold_t *f, uint32_t id, vyre_term_t term) {
  const vyre_expr_t *e = at(f, id);
  uint64_t value = 0;
  return e->op == VYRE_EXPR_CONST && vyre_term_value(term, e->type, &value) && e->imm == value;
}

static bool match_operands(const vyre_fold_t *f, match_t *m, const uint16_t **pattern, const vyre_expr_t *e);

static bool match_term(const vyre_fold_t *f, match_t *m, const uint16_t **pattern, uint32_t id) {
  uint16_t term = **pattern;
  if (term < VYRE_TERM_X) return match_operands(f, m, pattern, at(f, id));
  ++*pattern;
  return is_letter(term) ? match_letter(f, m, term, id) : is_value(f, id, term);
}

static bool match_operands(const vyre_fold_t *f, match_t *m, const uint16_t **pattern, const vyre_expr_t *e) {
  if (*(*pattern)++ != e->op) return false;
  if (e->op == VYRE_EXPR_PART && *(*pattern)++ != e->imm) return false;
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++)
    if (!match_term(f, m, pattern, vyre_expr_operand(e, i))) return false;
  return true;
}

/* Whether the middle one of two casts, the first of an integer or bool, makes no difference. */
static bool merges(vyre_type_t first, vyre_type_t second, vyre_type_t third) {
  if (!vyre_type_is_integer(second)) return false;
  unsigned narrow = vyre_type_bits(first), wide = vyre_type_bits(second);
  bool first_signed = vyre_type_is_signed(first), second_signed = vyre_type_is_signed(second);
  bool keeps = (wide > narrow && (!first_signed || second_signed)) || (wide == narrow && first_signed == second_signed);
  return keeps || (vyre_type_is_integer(third) && wide >= vyre_type_bits(third));
}

static bool is_sign_only(vyre_type_t one, vyre_type_t other) {
  return vyre_type_is_integer(one) && vyre_type_is_integer(other) && vyre_type_bits(one) == vyre_type_bits(other);
}

static bool holds(const vyre_fold_t *f, const match_t *m, vyre_when_t when) {
  vyre_type_t type = m->root->type;
  uint32_t x = captured(m, VYRE_TERM_X), c = captured(m, VYRE_TERM_C);
  switch (when) {
    case VYRE_WHEN_ALWAYS:
    case VYRE_WHEN_SKIPS: return true;
    case VYRE_WHEN_PURE_X: return f->pure[x];
    case VYRE_WHEN_PURE_Y: return f->pure[captured(m, VYRE_TERM_Y)];
    case VYRE_WHEN_POWER: return at(f, c)->imm && !(at(f, c)->imm & (at(f, c)->imm - 1));
    case VYRE_WHEN_OVER: return at(f, c)->imm >= vyre_type_bits(type);
    case VYRE_WHEN_BELOW_HIGHEST: return !is_value(f, c, VYRE_TERM_HIGHEST);
    case VYRE_WHEN_ABOVE_LOWEST: return !is_value(f, c, VYRE_TERM_LOWEST);
    case VYRE_WHEN_SAME: return at(f, x)->type == type;
    case VYRE_WHEN_MERGES: return merges(at(f, x)->type, at(f, m->root->a)->type, type);
    case VYRE_WHEN_TO_BOOL: return type == VYRE_TYPE_BOOL;
    case VYRE_WHEN_TO_INTEGER: return vyre_type_is_integer(type);
    case VYRE_WHEN_BY_INTEGER: return vyre_type_is_integer(at(f, m->root->a)->type);
    case VYRE_WHEN_SIGN_ONLY:
      return is_sign_only(at(f, m->root->a)->type, m->root->op == VYRE_EXPR_CAST ? type : at(f, x)->type);
  }
  VYRE_UNREACHABLE();
}

/* Nothing that faults or acts is dropped, and no two such parts change places. */
static bool keeps_effects(const vyre_fold_t *f, const match_t *m, const vyre_rule_t *rule) {
  unsigned next = 0; /* of the letters of the pattern, the first one not met yet */
  unsigned effects = 0, kept = 0;
  bool in_order = true;
  for (unsigned i = 0; i < m->count; i++) effects += !f->pure[captured(m, m->letters[i])];
  if (effects == 0) return true;
  for (const uint16_t *term = rule->replacement; *term != VYRE_TERM_END; term++) {
    if (!is_letter(*term) || f->pure[captured(m, *term)]) continue;
    kept++;
    while (next < m->count && m->letters[next] != *term) next++;
    in_order = in_order && next < m->count;
  }
  return (kept == effects || rule->when == VYRE_WHEN_SKIPS) && (kept < 2 || in_order);
}

static bool match_rule(const vyre_fold_t *f, match_t *m, const vyre_rule_t *rule) {
  const uint16_t *pattern = rule->pattern;
  memset(m->captured, 0, sizeof m->captured);
  m->count = 0;
  if (!match_operands(f, m, &pattern, m->root)) return false;
  vyre_type_kind_t kind = vyre_type_kind(at(f, captured(m, m->letters[0]))->type);
  return (rule->on >> kind & 1) && holds(f, m, rule->when) && keeps_effects(f, m, rule);
}

/* The type that operand `index` of an op has when the op's own is `type`. */
static vyre_type_t operand_type(const vyre_fold_t *f, const match_t *m, vyre_expr_op_t op, unsigned index,
                                vyre_type_t type) {
  switch (vyre_expr_class(op)) {
    case VYRE_CLASS_COMPARE: return at(f, captured(m, m->letters[0]))->type;
    case VYRE_CLASS_SELECT: return index == 0 ? VYRE_TYPE_BOOL : type;
    default: return type;
  }
}

static uint32_t build(vyre_fold_t *f, const match_t *m, const uint16_t **terms, vyre_type_t type) {
  uint16_t term = *(*terms)++;
  uint64_t value = 0;
  if (is_letter(term)) return captured(m, term);
  if (term >= VYRE_TERM_X) {
    bool has_value = vyre_term_value(term, type, &value);
    VYRE_ASSERT(has_value);
    return add_const(f, type, value, m->root->position);
  }
  vyre_expr_t e = {.op = (uint8_t)term, .type = (uint8_t)type, .position = m->root->position};
  for (unsigned i = 0; i < vyre_expr_arity(e.op); i++)
    vyre_expr_set_operand(&e, i, build(f, m, terms, operand_type(f, m, e.op, i, type)));
  return vyre_fold_make(f, &e);
}

uint32_t vyre_fold_make(vyre_fold_t *f, const vyre_expr_t *node) {
  vyre_expr_t e = *node;
  uint64_t value = 0;
  if (f->failed) return 0;
  if (e.op == VYRE_EXPR_CONST) return add_const(f, e.type, e.imm, e.position);
  order_operands(f, &e);
  if (fold_constant(f, &e, &value)) return add_const(f, e.type, value, e.position);
  match_t m = {.root = &e};
  for (unsigned i = f->first_rule[e.op]; i != 0; i = f->next_rule[i - 1]) {
    const vyre_rule_t *rule = &vyre_rules[i - 1];
    const uint16_t *replacement = rule->replacement;
    if (match_rule(f, &m, rule)) return build(f, &m, &replacement, e.type);
  }
  return vyre_fold_add(f, &e);
}
