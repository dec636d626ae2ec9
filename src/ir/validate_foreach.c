/* What a foreach may hold: its iterations do not depend on each other. */
#include "ir/validator.h"

enum { FACTOR_MAX = 1 << 20 };

/* ---- elements of an iteration's own ---- */

/* i * factor + sum + base: a literal factor, the sum of the literals, and at most one fixed variable. */
typedef struct form {
  bool is_own;
  uint64_t factor; /* 0: none so far */
  uint64_t sum;
  uint32_t base; /* a variable, 0: none */
  unsigned bits; /* of the type of the sum */
} form_t;

static const vyre_expr_t *expr_at(const vyre_validator_t *v, uint32_t id) { return &v->program->exprs[id]; }

/* The loop variable, or a cast of it that keeps its value. */
static bool is_iteration(const vyre_validator_t *v, uint32_t id) {
  const vyre_expr_t *e = expr_at(v, id);
  while (e->op == VYRE_EXPR_CAST) {
    const vyre_expr_t *inner = expr_at(v, e->a);
    bool keeps = vyre_type_is_integer(e->type) && vyre_type_bits(e->type) > vyre_type_bits(inner->type);
    if (!keeps) return false;
    e = inner;
  }
  return e->op == VYRE_EXPR_VAR && e->a == v->foreach_var;
}

/* Bits of the numbers that an iteration can be: those of the loop variable, whatever it is cast to. A u64 counts as 44:
 * nobody runs 2^44 iterations. */
static unsigned iteration_bits(const vyre_validator_t *v) {
  unsigned bits = vyre_type_bits(v->program->vars[v->foreach_var].type);
  return bits == 64 ? 44 : bits;
}

/* The literal that the loop variable is multiplied by, 0 when it is nothing of the kind. */
static uint64_t factor_of(const vyre_validator_t *v, uint32_t id) {
  const vyre_expr_t *e = expr_at(v, id);
  if (is_iteration(v, id)) return 1;
  if (e->op != VYRE_EXPR_MUL) return 0;
  bool is_left = expr_at(v, e->a)->op == VYRE_EXPR_CONST;
  uint32_t literal = is_left ? e->a : e->b, variable = is_left ? e->b : e->a;
  if (expr_at(v, literal)->op != VYRE_EXPR_CONST || !is_iteration(v, variable)) return 0;
  uint64_t factor = expr_at(v, literal)->imm;
  unsigned factor_bits = 0;
  if (factor == 0 || factor > FACTOR_MAX) return 0;
  while (factor >> factor_bits) factor_bits++;
  return iteration_bits(v) + factor_bits <= vyre_type_bits(e->type) ? factor : 0;
}

/* Adds the terms of a sum; false when it is of another form. */
static bool add_terms(const vyre_validator_t *v, uint32_t id, form_t *form) {
  const vyre_expr_t *e = expr_at(v, id);
  if (e->op == VYRE_EXPR_ADD) return add_terms(v, e->a, form) && add_terms(v, e->b, form);
  if (e->op == VYRE_EXPR_CONST) {
    form->sum += e->imm;
    return true;
  }
  uint64_t factor = factor_of(v, id);
  if (factor) {
    if (form->factor) return false;
    form->factor = factor;
    return true;
  }
  bool is_fixed = e->op == VYRE_EXPR_VAR && !v->program->vars[e->a].is_mutable && v->var_depth[e->a] < v->foreach_depth;
  if (!is_fixed || form->base) return false;
  form->base = e->a;
  return true;
}

static form_t form_of(const vyre_validator_t *v, uint32_t id) {
  vyre_type_t type = expr_at(v, id)->type;
  form_t form = {.bits = vyre_type_bits(type)};
  form.is_own = add_terms(v, id, &form) && form.factor;
  form.sum &= vyre_type_mask(type);
  return form;
}

/* How far the sum lies behind the first one, as a signed number of their width. */
static int64_t distance(const vyre_own_t *own, const form_t *form) {
  unsigned unused = own->bits == form->bits ? 64 - own->bits : 0;
  return (int64_t)((form->sum - own->sum) << unused) >> unused;
}

/* Two iterations touch elements at least a factor apart, so that sums that lie closer together never meet. */
static bool is_another(vyre_own_t *own, const form_t *form) {
  if (own->factor != form->factor || own->base != form->base) return true;
  int64_t at = distance(own, form);
  int64_t low = at < own->low ? at : own->low, high = at > own->high ? at : own->high;
  if ((uint64_t)high - (uint64_t)low >= own->factor) return true;
  own->low = low;
  own->high = high;
  return false;
}

void vyre_foreach_note(vyre_validator_t *v, uint32_t param, uint32_t index, vyre_own_access_t access,
                       vyre_position_t position) {
  vyre_own_t *own = &v->owns[param];
  if (access == VYRE_OWN_ATOMIC) {
    own->has_atomic = true;
    own->atomic = position;
    return;
  }
  form_t form = form_of(v, index);
  bool is_odd = !form.is_own || (own->has_form && is_another(own, &form));
  if (is_odd && !own->is_odd) {
    own->is_odd = true;
    own->odd = position;
  }
  if (form.is_own && !own->has_form) {
    own->has_form = true;
    own->factor = form.factor;
    own->base = form.base;
    own->sum = form.sum;
    own->bits = form.bits;
  }
  if (access == VYRE_OWN_STORE) {
    own->is_stored = true;
    own->stored = position;
  }
  own->has_other = true;
  own->other = position;
}

/* From the first element of the stream to its last. */
static bool is_whole(const vyre_validator_t *v, const vyre_stmt_t *s) {
  const vyre_expr_t *low = expr_at(v, s->arg[0]), *high = expr_at(v, s->arg[1]);
  return low->op == VYRE_EXPR_CONST && low->imm == 0 && high->op == VYRE_EXPR_LEN &&
         v->program->params[high->a].role == VYRE_ROLE_STREAM;
}

void vyre_foreach_begin(vyre_validator_t *v, const vyre_stmt_t *s) {
  for (uint32_t i = 0; i < v->program->param_count; i++) v->owns[i] = (vyre_own_t){0};
  v->foreach_var = s->var;
  v->foreach_is_whole = is_whole(v, s);
}

vyre_status_t vyre_foreach_end(const vyre_validator_t *v) {
  for (uint32_t i = 0; i < v->program->param_count; i++) {
    const vyre_own_t *own = &v->owns[i];
    const char *name = v->program->params[i].name;
    if (own->has_atomic && own->has_other)
      return vyre_status_with_fix(
          vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, own->other,
                             "'%s' is accessed in a foreach that updates it with atomics, in any order", name),
          "Read it before or behind the foreach.");
    if (own->is_stored && own->is_odd)
      return vyre_status_with_fix(vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, own->odd,
                                                     "an element of '%s' that another iteration may store to", name),
                                  "Index %s in this foreach by the loop variable only (i, i * c + k, or with a fixed "
                                  "base), with one c and k less than c apart; "
                                  "or use `for`, or atomic_add.",
                                  name);
  }
  return NULL;
}

/* ---- nodes ---- */

static vyre_status_t fail(const vyre_validator_t *v, vyre_position_t position, const char *what, const char *fix) {
  return vyre_status_with_fix(vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, position,
                                                 "%s inside a foreach, whose iterations run in any order", what),
                              "%s", fix);
}

vyre_status_t vyre_foreach_check_expr(const vyre_validator_t *v, const vyre_expr_t *e) {
  const vyre_program_t *p = v->program;
  switch (e->op) {
    case VYRE_EXPR_LANE:
    case VYRE_EXPR_SUBGROUP:
    case VYRE_EXPR_SUBGROUP_LANE:
      return fail(v, e->position, "a lane's number",
                  "Use the loop variable; which lane runs an iteration is not specified.");
    case VYRE_EXPR_LOAD:
      if (p->params[e->a].role != VYRE_ROLE_PRIVATE) return NULL;
      return fail(v, e->position, "private memory", "Keep values in variables of the body.");
    case VYRE_EXPR_CALL:
      if (v->function_effects[e->a] & (VYRE_EFFECT_STORES | VYRE_EFFECT_LANES | VYRE_EFFECT_ATOMICS))
        return fail(v, e->position, "a call of a function that stores or asks for its lane",
                    "Let the function give a value, and store it in the foreach.");
      return NULL;
    default: return NULL;
  }
}

static vyre_status_t check_eval(const vyre_validator_t *v, const vyre_expr_t *e) {
  if (vyre_expr_class(e->op) != VYRE_CLASS_ATOMIC || vyre_atomic_commutes(e->op)) return NULL;
  return fail(v, e->position, vyre_expr_text(e->op), "Use atomic_add, _min, _max, _and, _or or _xor, or a `for`.");
}

vyre_status_t vyre_foreach_check_stmt(const vyre_validator_t *v, const vyre_stmt_t *s) {
  const vyre_program_t *p = v->program;
  switch (s->op) {
    case VYRE_STMT_FOREACH:
      return vyre_invalid(v, s->position, "a foreach inside a foreach", "Make the inner one a `for`.");
    case VYRE_STMT_RETURN:
      return vyre_invalid(v, s->position, "return inside a foreach: its iterations run in any order",
                          "Use `for`, or `continue` to end this iteration.");
    case VYRE_STMT_BARRIER:
    case VYRE_STMT_ASYNC_LOAD:
    case VYRE_STMT_ASYNC_STORE:
    case VYRE_STMT_ASYNC_WAIT:
      return fail(v, s->position, vyre_stmt_text(s->op), "Move it before or behind the foreach.");
    case VYRE_STMT_SET: return fail(v, s->position, "an assignment to an output", "Assign it behind the foreach.");
    case VYRE_STMT_STORE:
      if (p->params[s->param].role != VYRE_ROLE_PRIVATE) return NULL;
      return fail(v, s->position, "private memory", "Keep values in variables of the body.");
    case VYRE_STMT_EVAL: return check_eval(v, &p->exprs[s->arg[0]]);
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN:
      if (!vyre_expr_is_collective(p->exprs[s->arg[0]].op)) return NULL;
      return fail(v, s->position, vyre_expr_text(p->exprs[s->arg[0]].op), "Move it before or behind the foreach.");
    default: return NULL;
  }
}
