/* Expressions: ids, trees, depth, types, and which may stand where. */
#include "ir/typing.h"
#include "ir/validator.h"

vyre_status_t vyre_validate_param_id(const vyre_validator_t *v, uint32_t param, vyre_position_t position) {
  return param < v->program->param_count ? NULL : vyre_invalid(v, position, "a parameter that does not exist", NULL);
}

static vyre_status_t check_operand_ids(const vyre_validator_t *v, const vyre_expr_t *e) {
  const vyre_program_t *p = v->program;
  vyre_op_class_t class_ = vyre_expr_class(e->op);
  if (e->op == VYRE_EXPR_VAR) {
    if (e->a == 0 || e->a >= p->var_count) return vyre_invalid(v, e->position, "a variable that does not exist", NULL);
    if (!vyre_validator_sees(v, e->a))
      return vyre_program_error(p, VYRE_E_NAME, e->position, "'%s' is not declared here", p->vars[e->a].name);
  }
  bool has_param = e->op == VYRE_EXPR_LEN || e->op == VYRE_EXPR_SCALAR || e->op == VYRE_EXPR_OUTPUT ||
                   class_ == VYRE_CLASS_LOAD || class_ == VYRE_CLASS_ATOMIC;
  if (has_param) VYRE_TRY(vyre_validate_param_id(v, e->a, e->position));
  if (e->op == VYRE_EXPR_CALL && e->a >= v->function)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_NAME, e->position, "a call of %s, which is not declared yet",
                           e->a < p->function_count ? p->functions[e->a].name : "no function"),
        "Declare functions before their first use; none calls itself, directly or through others.");
  return NULL;
}

/* Local memory and the tables of array outputs are both the scratch of the frame. */
static vyre_status_t check_local(const vyre_validator_t *v, const vyre_expr_t *e) {
  for (uint32_t i = 0; i < v->program->param_count; i++)
    if (v->program->params[i].count)
      return vyre_invalid(v, e->position, "local in a Program with an array", "Declare its outputs as scalars.");
  return NULL;
}

/* finish runs once, on what was reduced, without a chunk. */
static vyre_status_t check_finish_expr(const vyre_validator_t *v, const vyre_expr_t *e) {
  const vyre_program_t *p = v->program;
  bool is_output = e->op == VYRE_EXPR_OUTPUT || e->op == VYRE_EXPR_OUTPUT_AT;
  if (v->place != VYRE_IN_FINISH) {
    if (!is_output) return NULL;
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, e->position,
                                                   "'%s' is an output and cannot be read", p->params[e->a].name),
                                "Keep the value in a variable declared with `var`; `finish` can read outputs.");
  }
  if (is_output && !vyre_reducer_is_commutative(p->params[e->a].reducer) &&
      p->params[e->a].reducer != VYRE_REDUCER_COMBINE)
    return vyre_invalid(v, e->position, "an output of many values in finish",
                        "Read outputs of the other reducers there.");
  bool is_chunk = e->op == VYRE_EXPR_STREAM_OFFSET || e->op == VYRE_EXPR_IS_LAST || e->op == VYRE_EXPR_HALO_LEFT ||
                  e->op == VYRE_EXPR_HALO_RIGHT;
  bool is_memory = vyre_expr_class(e->op) == VYRE_CLASS_ATOMIC ||
                   (e->op == VYRE_EXPR_LOAD && p->params[e->a].role != VYRE_ROLE_CONSTANT) ||
                   (e->op == VYRE_EXPR_LEN && p->params[e->a].role != VYRE_ROLE_CONSTANT && !p->params[e->a].count) ||
                   (e->op == VYRE_EXPR_CALL && (v->function_effects[e->a] & ~VYRE_EFFECT_LOOPS));
  if (!is_chunk && !is_memory && !vyre_expr_is_collective(e->op)) return NULL;
  return vyre_invalid(v, e->position, "finish reads outputs, scalar parameters and constants only",
                      "Compute it in the body and add it to an output.");
}

static void note_effects(vyre_validator_t *v, const vyre_expr_t *e) {
  const vyre_program_t *p = v->program;
  vyre_op_class_t class_ = vyre_expr_class(e->op);
  if (class_ == VYRE_CLASS_ATOMIC) v->effects |= VYRE_EFFECT_STORES;
  if (e->op == VYRE_EXPR_CALL) {
    v->effects |= v->function_effects[e->a];
    v->expanded += v->function_nodes[e->a];
  }
  if (e->op == VYRE_EXPR_LANE || e->op == VYRE_EXPR_SUBGROUP || e->op == VYRE_EXPR_SUBGROUP_LANE)
    v->effects |= VYRE_EFFECT_LANES;
  if (e->op == VYRE_EXPR_LOAD)
    v->effects |= p->params[e->a].role == VYRE_ROLE_PRIVATE    ? VYRE_EFFECT_LANES
                  : p->params[e->a].role == VYRE_ROLE_CONSTANT ? 0
                                                               : VYRE_EFFECT_MEMORY;
  if (e->op == VYRE_EXPR_STREAM_OFFSET || e->op == VYRE_EXPR_IS_LAST || e->op == VYRE_EXPR_HALO_LEFT ||
      e->op == VYRE_EXPR_HALO_RIGHT ||
      (e->op == VYRE_EXPR_LEN && p->params[e->a].role != VYRE_ROLE_CONSTANT && !p->params[e->a].count))
    v->effects |= VYRE_EFFECT_MEMORY;
}

static vyre_status_t check_use(const vyre_validator_t *v, const vyre_expr_t *e, vyre_use_t use) {
  const vyre_program_t *p = v->program;
  vyre_op_class_t class_ = vyre_expr_class(e->op);
  if (class_ == VYRE_CLASS_PRIVILEGED && !p->is_privileged)
    return vyre_program_error(p, VYRE_E_PRIVILEGED, e->position, "%s", vyre_expr_text(e->op));
  if ((class_ == VYRE_CLASS_LIST) != (use == VYRE_USE_ITEM))
    return vyre_invalid(v, e->position, "a list that is no list of arguments", NULL);
  if (vyre_expr_is_collective(e->op)) {
    if (use != VYRE_USE_VALUE)
      return vyre_status_with_fix(
          vyre_program_error(p, VYRE_E_INVALID_PROGRAM, e->position, "%s inside an expression", vyre_expr_text(e->op)),
          "Give it a name: `let x = %s(...)`, and use x.", vyre_expr_text(e->op));
    if (p->workgroup_size == 1)
      return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, e->position,
                                                     "%s in a Program of one lane", vyre_expr_text(e->op)),
                                  "Write `workgroup_size N` above the parameters.");
    if (v->place != VYRE_IN_BODY)
      return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, e->position,
                                                     "%s outside of the Program's body", vyre_expr_text(e->op)),
                                  "Let the body do it and pass the value on.");
  }
  if (use == VYRE_USE_EVAL && class_ != VYRE_CLASS_ATOMIC && class_ != VYRE_CLASS_CALL)
    return vyre_invalid(v, e->position, "a value that nobody takes", "Give it a name with `let`.");
  if (use != VYRE_USE_EVAL && e->op == VYRE_EXPR_ATOMIC_STORE)
    return vyre_invalid(v, e->position, "atomic_store gives no value", "Write it as a statement of its own.");
  if (use != VYRE_USE_EVAL && v->foreach_depth && class_ == VYRE_CLASS_ATOMIC)
    return vyre_invalid(v, e->position,
                        "the old value of an atomic inside a foreach, whose iterations run in any order",
                        "Write the atomic as a statement of its own, or use `for`.");
  return NULL;
}

/* Lists are walked, so that their length is no depth. */
vyre_status_t vyre_validate_list(vyre_validator_t *v, uint32_t list, uint32_t depth, uint32_t limit) {
  vyre_program_t *p = v->program;
  for (uint32_t count = 0; list; list = p->exprs[list].b) {
    if (list >= p->expr_count) return vyre_invalid(v, 0, "an expression that does not exist", NULL);
    if (++count > limit)
      return vyre_program_error(p, VYRE_E_LIMIT, p->exprs[list].position, "a list of more than %u", limit);
    VYRE_TRY(vyre_validate_expr(v, list, depth, VYRE_USE_ITEM));
  }
  return NULL;
}

vyre_status_t vyre_validate_expr(vyre_validator_t *v, uint32_t id, uint32_t depth, vyre_use_t use) {
  vyre_program_t *p = v->program;
  if (id == 0 || id >= p->expr_count) return vyre_invalid(v, 0, "an expression that does not exist", NULL);
  const vyre_expr_t *e = &p->exprs[id];
  if (depth > VYRE_LIMIT_DEPTH)
    return vyre_program_error(p, VYRE_E_LIMIT, e->position, "expressions nested deeper than %d", VYRE_LIMIT_DEPTH);
  if (v->expr_seen[id]) return vyre_invalid(v, e->position, "an expression node with two parents", NULL);
  v->expr_seen[id] = 1;
  v->expanded++;
  if (e->op == VYRE_EXPR_NONE || e->op >= VYRE_EXPR_COUNT)
    return vyre_invalid(v, e->position, "an unknown expression", NULL);
  VYRE_TRY(check_use(v, e, use));
  VYRE_TRY(check_operand_ids(v, e));
  if (v->lanes_depth) VYRE_TRY(vyre_lanes_check_expr(v, e));
  if (e->op == VYRE_EXPR_LOCAL) VYRE_TRY(check_local(v, e));
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++)
    VYRE_TRY(vyre_validate_expr(v, vyre_expr_operand(e, i), depth + 1, VYRE_USE_OPERAND));
  if (e->op == VYRE_EXPR_CALL) VYRE_TRY(vyre_validate_list(v, e->b, depth + 1, VYRE_LIMIT_ARGUMENTS));
  vyre_type_t type = VYRE_TYPE_VOID;
  VYRE_TRY(vyre_type_expr(p, e, &type));
  if (type != e->type) return vyre_invalid(v, e->position, "an expression of another type than it says", NULL);
  if (type == VYRE_TYPE_VOID && use != VYRE_USE_EVAL && use != VYRE_USE_ITEM)
    return vyre_invalid(v, e->position, "a function without a value, used as one", "Call it as a statement.");
  VYRE_TRY(check_finish_expr(v, e));
  note_effects(v, e);
  if (!v->foreach_depth) return NULL;
  VYRE_TRY(vyre_foreach_check_expr(v, e));
  if (e->op == VYRE_EXPR_LOAD) vyre_foreach_note(v, e->a, e->b, VYRE_OWN_LOAD, e->position);
  if (vyre_expr_class(e->op) == VYRE_CLASS_ATOMIC) vyre_foreach_note(v, e->a, e->b, VYRE_OWN_ATOMIC, e->position);
  return NULL;
}
