/* The walk over a program: ids, trees, scopes, types, and what may stand where. */
#include "ir/validate.h"

#include <string.h>

#include "base/memory.h"
#include "ir/typing.h"
#include "ir/validator.h"

vyre_status_t vyre_invalid(const vyre_validator_t *v, vyre_position_t position, const char *what, const char *fix) {
  vyre_status_t status = vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, position, "%s", what);
  return fix ? vyre_status_with_fix(status, "%s", fix) : status;
}

vyre_status_t vyre_validate_name(const vyre_validator_t *v, const char *name, vyre_position_t position) {
  size_t length = name ? strlen(name) : 0;
  if (length == 0 || length > VYRE_LIMIT_NAME_BYTES)
    return vyre_program_error(v->program, VYRE_E_LIMIT, position, "a name of %zu bytes; 1 to %d are allowed", length,
                              VYRE_LIMIT_NAME_BYTES);
  for (size_t i = 0; i < length; i++) {
    char c = name[i];
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!is_letter && !(i > 0 && c >= '0' && c <= '9'))
      return vyre_program_error(v->program, VYRE_E_NAME, position,
                                "a name is letters, digits and _, not a digit first");
  }
  return NULL;
}

/* ---- expressions ---- */

static bool is_local(const vyre_validator_t *v, uint32_t var) { return v->var_depth[var] != 0; }

static vyre_status_t need_param(const vyre_validator_t *v, uint32_t param, vyre_position_t position) {
  return param < v->program->param_count ? NULL : vyre_invalid(v, position, "a parameter that does not exist", NULL);
}

static vyre_status_t check_operand_ids(const vyre_validator_t *v, const vyre_expr_t *e) {
  const vyre_program_t *p = v->program;
  vyre_op_class_t class_ = vyre_expr_class(e->op);
  if (e->op == VYRE_EXPR_VAR) {
    if (e->a == 0 || e->a >= p->var_count) return vyre_invalid(v, e->position, "a variable that does not exist", NULL);
    if (!is_local(v, e->a))
      return vyre_program_error(p, VYRE_E_NAME, e->position, "'%s' is not declared here", p->vars[e->a].name);
  }
  bool has_param = e->op == VYRE_EXPR_LEN || e->op == VYRE_EXPR_SCALAR || e->op == VYRE_EXPR_OUTPUT ||
                   class_ == VYRE_CLASS_LOAD || class_ == VYRE_CLASS_ATOMIC;
  if (has_param) VYRE_TRY(need_param(v, e->a, e->position));
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

/* Where an expression stands: inside another one, or in a statement that is not named here; the value of a LET or an
 * ASSIGN; what an EVAL is for; an item of a call's arguments or of a case's labels. */
typedef enum role_of_expr { INNER, ALONE_VALUE, ALONE_EVAL, IN_LIST } role_of_expr_t;

static vyre_status_t check_role(const vyre_validator_t *v, const vyre_expr_t *e, role_of_expr_t role) {
  const vyre_program_t *p = v->program;
  vyre_op_class_t class_ = vyre_expr_class(e->op);
  if (class_ == VYRE_CLASS_PRIVILEGED && !p->is_privileged)
    return vyre_program_error(p, VYRE_E_PRIVILEGED, e->position, "%s", vyre_expr_text(e->op));
  if ((class_ == VYRE_CLASS_LIST) != (role == IN_LIST))
    return vyre_invalid(v, e->position, "a list that is no list of arguments", NULL);
  if (vyre_expr_is_collective(e->op)) {
    if (role != ALONE_VALUE)
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
  if (role == ALONE_EVAL && class_ != VYRE_CLASS_ATOMIC && class_ != VYRE_CLASS_CALL)
    return vyre_invalid(v, e->position, "a value that nobody takes", "Give it a name with `let`.");
  if (role != ALONE_EVAL && e->op == VYRE_EXPR_ATOMIC_STORE)
    return vyre_invalid(v, e->position, "atomic_store gives no value", "Write it as a statement of its own.");
  if (role != ALONE_EVAL && v->foreach_depth && class_ == VYRE_CLASS_ATOMIC)
    return vyre_invalid(v, e->position,
                        "the old value of an atomic inside a foreach, whose iterations run in any order",
                        "Write the atomic as a statement of its own, or use `for`.");
  return NULL;
}

static vyre_status_t check_expr(vyre_validator_t *v, uint32_t id, uint32_t depth, role_of_expr_t role);

/* Arguments of a call. Lists are walked, so that their length is no depth. */
static vyre_status_t check_list(vyre_validator_t *v, uint32_t list, uint32_t depth, uint32_t limit) {
  vyre_program_t *p = v->program;
  for (uint32_t count = 0; list; list = p->exprs[list].b) {
    if (list >= p->expr_count) return vyre_invalid(v, 0, "an expression that does not exist", NULL);
    if (++count > limit)
      return vyre_program_error(p, VYRE_E_LIMIT, p->exprs[list].position, "a list of more than %u", limit);
    VYRE_TRY(check_expr(v, list, depth, IN_LIST));
  }
  return NULL;
}

static vyre_status_t check_expr(vyre_validator_t *v, uint32_t id, uint32_t depth, role_of_expr_t role) {
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
  VYRE_TRY(check_role(v, e, role));
  VYRE_TRY(check_operand_ids(v, e));
  if (v->lanes_depth) VYRE_TRY(vyre_lanes_check_expr(v, e));
  if (e->op == VYRE_EXPR_LOCAL) VYRE_TRY(check_local(v, e));
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++)
    VYRE_TRY(check_expr(v, vyre_expr_operand(e, i), depth + 1, INNER));
  if (e->op == VYRE_EXPR_CALL) VYRE_TRY(check_list(v, e->b, depth + 1, VYRE_LIMIT_ARGUMENTS));
  vyre_type_t type = VYRE_TYPE_VOID;
  VYRE_TRY(vyre_type_expr(p, e, &type));
  if (type != e->type) return vyre_invalid(v, e->position, "an expression of another type than it says", NULL);
  if (type == VYRE_TYPE_VOID && role != ALONE_EVAL && role != IN_LIST)
    return vyre_invalid(v, e->position, "a function without a value, used as one", "Call it as a statement.");
  VYRE_TRY(check_finish_expr(v, e));
  note_effects(v, e);
  if (!v->foreach_depth) return NULL;
  VYRE_TRY(vyre_foreach_check_expr(v, e));
  if (e->op == VYRE_EXPR_LOAD) vyre_foreach_note(v, e->a, e->b, VYRE_OWN_LOAD, e->position);
  if (vyre_expr_class(e->op) == VYRE_CLASS_ATOMIC) vyre_foreach_note(v, e->a, e->b, VYRE_OWN_ATOMIC, e->position);
  return NULL;
}

/* ---- statements ---- */

static vyre_status_t declare(vyre_validator_t *v, uint32_t var, vyre_position_t position) {
  vyre_program_t *p = v->program;
  if (var == 0 || var >= p->var_count) return vyre_invalid(v, position, "a variable that does not exist", NULL);
  VYRE_TRY(vyre_validate_name(v, p->vars[var].name, position));
  if (p->vars[var].type == VYRE_TYPE_VOID || p->vars[var].type >= VYRE_TYPE_COUNT)
    return vyre_invalid(v, position, "a variable without a type", NULL);
  if (v->var_depth[var]) return vyre_invalid(v, position, "a variable that is declared twice", NULL);
  v->var_depth[var] = v->depth;
  v->scope[v->scope_count++] = var;
  return NULL;
}

static void leave_scope(vyre_validator_t *v, uint32_t scope_count) {
  while (v->scope_count > scope_count) v->var_depth[v->scope[--v->scope_count]] = 0;
}

static vyre_status_t check_block(vyre_validator_t *v, uint32_t first);

static vyre_status_t check_loop(vyre_validator_t *v, const vyre_stmt_t *s) {
  bool is_foreach = s->op == VYRE_STMT_FOREACH;
  if (is_foreach && v->program->is_privileged)
    return vyre_invalid(v, s->position, "a foreach in a privileged program", NULL);
  if (is_foreach && v->place != VYRE_IN_BODY)
    return vyre_invalid(v, s->position, "a foreach outside of the Program's body", "Write it with `for`.");
  uint32_t foreach_depth = v->foreach_depth, loop_depth = v->loop_depth, scope_count = v->scope_count;
  v->depth++;
  v->effects |= VYRE_EFFECT_LOOPS;
  if (is_foreach) {
    v->foreach_depth = v->depth;
    v->loop_depth = 0;
    vyre_foreach_begin(v, s);
  } else {
    v->loop_depth++;
  }
  vyre_status_t status = NULL;
  if (s->op == VYRE_STMT_FOR || is_foreach) {
    status = declare(v, s->var, s->position);
    if (!status && v->program->vars[s->var].is_mutable)
      status = vyre_invalid(v, s->position, "a mutable loop variable", NULL);
  }
  if (!status) status = check_block(v, s->body);
  if (!status && is_foreach) status = vyre_foreach_end(v);
  leave_scope(v, scope_count);
  v->depth--;
  v->foreach_depth = foreach_depth;
  v->loop_depth = loop_depth;
  return status;
}

static vyre_status_t check_lanes(vyre_validator_t *v, const vyre_stmt_t *s) {
  uint32_t loop_depth = v->loop_depth, scope_count = v->scope_count;
  v->loop_depth = 0;
  v->lanes_depth = ++v->depth;
  v->lanes_count++;
  vyre_status_t status = declare(v, s->var, s->position);
  if (!status && v->program->vars[s->var].is_mutable) status = vyre_invalid(v, s->position, "a mutable lane", NULL);
  if (!status) status = check_block(v, s->body);
  leave_scope(v, scope_count);
  v->depth--;
  v->lanes_depth = 0;
  v->loop_depth = loop_depth;
  return status;
}

static vyre_status_t check_return(const vyre_validator_t *v, const vyre_stmt_t *s) {
  vyre_type_t wanted = v->place == VYRE_IN_FUNCTION ? v->program->functions[v->function].type : VYRE_TYPE_VOID;
  vyre_type_t found = s->arg[0] ? v->program->exprs[s->arg[0]].type : VYRE_TYPE_VOID;
  if (wanted == found) return NULL;
  vyre_status_t status =
      vyre_program_error(v->program, VYRE_E_TYPE, s->position, "return gives %s, %s is needed",
                         found ? vyre_type_text(found) : "nothing", wanted ? vyre_type_text(wanted) : "nothing");
  if (wanted) return vyre_status_with_fix(status, "Write `return` with a value of type %s.", vyre_type_text(wanted));
  return vyre_status_with_fix(status, "Write `return` alone.");
}

static vyre_status_t check_placement(const vyre_validator_t *v, const vyre_stmt_t *s) {
  const vyre_program_t *p = v->program;
  if (v->lanes_depth) return vyre_lanes_check_stmt(v, s);
  if (v->foreach_depth) VYRE_TRY(vyre_foreach_check_stmt(v, s));
  switch (s->op) {
    case VYRE_STMT_BREAK:
      if (v->loop_depth) return NULL;
      if (v->foreach_depth)
        return vyre_invalid(v, s->position, "break out of a foreach: its iterations run in any order",
                            "Use `for` when iterations depend on each other, or `continue` to end this iteration.");
      return vyre_invalid(v, s->position, "break outside a loop", "Remove it, or write `return` to end the Program.");
    case VYRE_STMT_CONTINUE:
      if (v->loop_depth || v->foreach_depth) return NULL;
      return vyre_invalid(v, s->position, "continue outside a loop",
                          "Remove it, or write `return` to end the Program.");
    case VYRE_STMT_RETURN: return check_return(v, s);
    case VYRE_STMT_BARRIER:
    case VYRE_STMT_ASYNC_LOAD:
    case VYRE_STMT_ASYNC_STORE:
    case VYRE_STMT_ASYNC_WAIT:
      if (p->workgroup_size == 1)
        return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position,
                                                       "%s in a Program of one lane", vyre_stmt_text(s->op)),
                                    "Write `workgroup_size N` above the parameters.");
      if (v->place != VYRE_IN_BODY)
        return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position,
                                                       "%s outside of the Program's body", vyre_stmt_text(s->op)),
                                    "Move it into the body.");
      return NULL;
    case VYRE_STMT_REDUCE:
    case VYRE_STMT_REDUCE_AT:
    case VYRE_STMT_APPEND:
      if (v->place == VYRE_IN_BODY) return NULL;
      return vyre_invalid(
          v, s->position, "an addition to an output outside of the Program's body",
          v->place == VYRE_IN_FINISH ? "Assign it: `name = ...`." : "Give the value back and add it there.");
    case VYRE_STMT_STORE:
      if (v->place != VYRE_IN_FINISH) return NULL;
      return vyre_invalid(v, s->position, "a store in finish", "Assign outputs only.");
    case VYRE_STMT_CASE:
    case VYRE_STMT_DEFAULT:
      return vyre_invalid(v, s->position, "a case outside of a switch", "Write it into `switch e { }`.");
    default: return NULL;
  }
}

static vyre_status_t check_assign(const vyre_validator_t *v, const vyre_stmt_t *s) {
  const vyre_program_t *p = v->program;
  if (s->var == 0 || s->var >= p->var_count || !is_local(v, s->var))
    return vyre_invalid(v, s->position, "an assignment to a variable that is not declared here", NULL);
  const vyre_var_t *var = &p->vars[s->var];
  if (!var->is_mutable)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position, "'%s' cannot be assigned", var->name),
        "Declare it with `var %s = ...` (a loop variable: copy it into a `var` first).", var->name);
  if (v->foreach_depth && v->var_depth[s->var] < v->foreach_depth)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position,
                           "'%s' is declared outside of this foreach, whose iterations run in any order", var->name),
        "Add to an output (`name += ...`) instead, or use `for`.");
  if (v->lanes_depth && v->var_depth[s->var] < v->lanes_depth)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position,
                                                   "'%s' is declared outside of this lanes block", var->name),
                                "Vote on it, or store into local memory and read it after the block.");
  return NULL;
}

/* A sum of floats has a tree over the positions of the stream. */
static vyre_status_t check_float_sum(const vyre_validator_t *v, const vyre_stmt_t *s) {
  const vyre_param_t *param = &v->program->params[s->param];
  if (param->role != VYRE_ROLE_OUTPUT || param->reducer != VYRE_REDUCER_SUM || !vyre_type_is_float(param->type))
    return NULL;
  if (v->foreach_depth && v->foreach_is_whole) return NULL;
  return vyre_status_with_fix(
      vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, s->position, "'%s' sums floats, which has an order",
                         param->name),
      "Add to it inside `foreach i in 0 .. len(...)` over the stream; elsewhere use min, max or integers.");
}

static vyre_status_t check_set(const vyre_validator_t *v, const vyre_stmt_t *s) {
  const vyre_param_t *param = &v->program->params[s->param];
  if (param->role != VYRE_ROLE_OUTPUT) return NULL; /* typing says so */
  bool is_many = param->reducer == VYRE_REDUCER_PER_CHUNK || param->reducer == VYRE_REDUCER_APPEND;
  if (v->place == VYRE_IN_FINISH)
    return is_many ? vyre_invalid(v, s->position, "an output of many values in finish",
                                  "Assign outputs of the other reducers there.")
                   : NULL;
  if (!vyre_reducer_is_commutative(param->reducer)) {
    if (v->place == VYRE_IN_BODY) return NULL;
    return vyre_invalid(v, s->position, "an assignment to an output in a function",
                        "Give the value back and assign it in the Program's body.");
  }
  return vyre_status_with_fix(vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, s->position,
                                                 "'%s' is an output and is added to only", param->name),
                              "Write `%s += ...`, as its reducer says, in the body.", param->name);
}

static vyre_status_t check_targets(vyre_validator_t *v, const vyre_stmt_t *s) {
  const vyre_program_t *p = v->program;
  switch (s->op) {
    case VYRE_STMT_ASSIGN: return check_assign(v, s);
    case VYRE_STMT_VOTE: return vyre_lanes_check_vote(v, s);
    case VYRE_STMT_ASYNC_LOAD:
    case VYRE_STMT_ASYNC_STORE:
      VYRE_TRY(need_param(v, s->param, s->position));
      return need_param(v, s->param2, s->position);
    case VYRE_STMT_REDUCE:
    case VYRE_STMT_REDUCE_AT:
    case VYRE_STMT_APPEND:
    case VYRE_STMT_SET:
    case VYRE_STMT_SET_AT:
    case VYRE_STMT_STORE: break;
    default: return NULL;
  }
  if (s->param >= p->param_count) return vyre_invalid(v, s->position, "an output that does not exist", NULL);
  if (s->op == VYRE_STMT_REDUCE) return check_float_sum(v, s);
  if (s->op == VYRE_STMT_SET || s->op == VYRE_STMT_SET_AT) return check_set(v, s);
  if (s->op != VYRE_STMT_STORE) return NULL;
  v->effects |= VYRE_EFFECT_STORES;
  if (v->foreach_depth) vyre_foreach_note(v, s->param, s->arg[0], VYRE_OWN_STORE, s->position);
  return NULL;
}

static vyre_status_t check_branch(vyre_validator_t *v, uint32_t first) {
  uint32_t scope_count = v->scope_count;
  v->depth++;
  vyre_status_t status = check_block(v, first);
  v->depth--;
  leave_scope(v, scope_count);
  return status;
}

/* Every label of the switch so far, to find a second one: all pairs, which VYRE_LIMIT_LABELS for the switch bounds. */
static vyre_status_t check_labels(const vyre_validator_t *v, const vyre_stmt_t *s, uint64_t *labels, uint32_t *count,
                                  vyre_type_t type) {
  const vyre_program_t *p = v->program;
  for (uint32_t list = s->arg[0]; list; list = p->exprs[list].b) {
    const vyre_expr_t *label = &p->exprs[p->exprs[list].a];
    if (label->type != type)
      return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, label->position, "a label of %s in a switch of %s",
                                                     vyre_type_text(label->type), vyre_type_text(type)),
                                  "Write an integer without a suffix.");
    for (uint32_t i = 0; i < *count; i++)
      if (labels[i] == label->imm)
        return vyre_invalid(v, label->position, "a label that stands in this switch already", "Remove one of them.");
    if (*count == VYRE_LIMIT_LABELS)
      return vyre_program_error(p, VYRE_E_LIMIT, label->position, "more than %d labels in a switch", VYRE_LIMIT_LABELS);
    labels[(*count)++] = label->imm;
  }
  return NULL;
}

/* The cases are no statements of their own: they are checked here and not by check_stmt. */
static vyre_status_t check_switch(vyre_validator_t *v, const vyre_stmt_t *s) {
  vyre_program_t *p = v->program;
  uint64_t labels[VYRE_LIMIT_LABELS];
  uint32_t count = 0;
  bool has_default = false;
  for (uint32_t id = s->body; id != 0; id = p->stmts[id].next) {
    if (id >= p->stmt_count) return vyre_invalid(v, 0, "a statement that does not exist", NULL);
    const vyre_stmt_t *c = &p->stmts[id];
    if (v->stmt_seen[id]) return vyre_invalid(v, c->position, "a statement that stands in two places", NULL);
    v->stmt_seen[id] = 1;
    v->expanded++;
    bool is_default = c->op == VYRE_STMT_DEFAULT;
    if (c->op != VYRE_STMT_CASE && !is_default)
      return vyre_invalid(v, c->position, "a statement between the cases of a switch", "Write it into a case.");
    if (is_default && has_default) return vyre_invalid(v, c->position, "a second default", "Remove one of them.");
    has_default |= is_default;
    if (!is_default) {
      if (!c->arg[0]) return vyre_invalid(v, c->position, "a case without a label", "Write `case 1 { }`.");
      VYRE_TRY(check_list(v, c->arg[0], 1, VYRE_LIMIT_LABELS));
      VYRE_TRY(vyre_type_stmt(p, c));
      VYRE_TRY(check_labels(v, c, labels, &count, p->exprs[s->arg[0]].type));
    }
    VYRE_TRY(check_branch(v, c->body));
  }
  return NULL;
}

static vyre_status_t check_operands(vyre_validator_t *v, const vyre_stmt_t *s) {
  role_of_expr_t role = s->op == VYRE_STMT_LET || s->op == VYRE_STMT_ASSIGN ? ALONE_VALUE
                        : s->op == VYRE_STMT_EVAL                           ? ALONE_EVAL
                                                                            : INNER;
  uint8_t effects = v->effects;
  for (unsigned i = 0; i < vyre_stmt_arity(s->op); i++) VYRE_TRY(check_expr(v, s->arg[i], 1, role));
  if (s->op == VYRE_STMT_RETURN && s->arg[0]) VYRE_TRY(check_expr(v, s->arg[0], 1, INNER));
  /* An atomic that commutes, for what it does alone, is no store in this sense. */
  if (s->op == VYRE_STMT_EVAL && vyre_atomic_commutes(v->program->exprs[s->arg[0]].op))
    v->effects = (uint8_t)(effects | VYRE_EFFECT_ATOMICS);
  return NULL;
}

static vyre_status_t check_stmt(vyre_validator_t *v, const vyre_stmt_t *s) {
  const vyre_program_t *p = v->program;
  if (vyre_stmt_is_privileged(s->op) && !p->is_privileged)
    return vyre_program_error(p, VYRE_E_PRIVILEGED, s->position, "%s", vyre_stmt_text(s->op));
  VYRE_TRY(check_operands(v, s));
  VYRE_TRY(check_placement(v, s));
  VYRE_TRY(check_targets(v, s));
  switch (s->op) {
    case VYRE_STMT_LET: VYRE_TRY(declare(v, s->var, s->position)); break;
    case VYRE_STMT_LOAD16:
      for (unsigned i = 0; i < 4; i++) VYRE_TRY(declare(v, s->out[i], s->position));
      break;
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH:
    case VYRE_STMT_LANES:
      if (s->var == 0 || s->var >= p->var_count)
        return vyre_invalid(v, s->position, "a loop variable that does not exist", NULL);
      break;
    default: break;
  }
  VYRE_TRY(vyre_type_stmt(p, s));
  switch (s->op) {
    case VYRE_STMT_IF: VYRE_TRY(check_branch(v, s->body)); return check_branch(v, s->orelse);
    case VYRE_STMT_BLOCK: return check_branch(v, s->body);
    case VYRE_STMT_SWITCH: return check_switch(v, s);
    case VYRE_STMT_WHILE:
    case VYRE_STMT_FOREVER:
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH: return check_loop(v, s);
    case VYRE_STMT_LANES: return check_lanes(v, s);
    default: return NULL;
  }
}

static vyre_status_t check_block(vyre_validator_t *v, uint32_t first) {
  const vyre_program_t *p = v->program;
  if (v->depth > VYRE_LIMIT_DEPTH + 1)
    return vyre_program_error(p, VYRE_E_LIMIT, 0, "statements nested deeper than %d", VYRE_LIMIT_DEPTH);
  for (uint32_t id = first; id != 0; id = p->stmts[id].next) {
    if (id >= p->stmt_count) return vyre_invalid(v, 0, "a statement that does not exist", NULL);
    const vyre_stmt_t *s = &p->stmts[id];
    if (v->stmt_seen[id]) return vyre_invalid(v, s->position, "a statement that stands in two places", NULL);
    v->stmt_seen[id] = 1;
    v->expanded++;
    if (s->op == VYRE_STMT_NONE || s->op >= VYRE_STMT_COUNT)
      return vyre_invalid(v, s->position, "an unknown statement", NULL);
    VYRE_TRY(check_stmt(v, s));
    if (v->expanded > VYRE_LIMIT_NODES)
      return vyre_program_error(p, VYRE_E_LIMIT, s->position, "more than %d nodes, calls written out",
                                VYRE_LIMIT_NODES);
  }
  return NULL;
}

/* ---- functions, the whole ---- */

/* True when the end of the block is not reached. */
static bool block_returns(const vyre_program_t *p, uint32_t first);

static bool stmt_returns(const vyre_program_t *p, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_RETURN: return true;
    case VYRE_STMT_BLOCK: return block_returns(p, s->body);
    case VYRE_STMT_IF: return block_returns(p, s->body) && block_returns(p, s->orelse);
    case VYRE_STMT_SWITCH: {
      bool has_default = false;
      for (uint32_t id = s->body; id != 0; id = p->stmts[id].next) {
        has_default |= p->stmts[id].op == VYRE_STMT_DEFAULT;
        if (!block_returns(p, p->stmts[id].body)) return false;
      }
      return has_default;
    }
    default: return false;
  }
}

static bool block_returns(const vyre_program_t *p, uint32_t first) {
  for (uint32_t id = first; id != 0; id = p->stmts[id].next)
    if (stmt_returns(p, &p->stmts[id])) return true;
  return false;
}

static vyre_status_t check_function(vyre_validator_t *v, uint32_t index) {
  vyre_program_t *p = v->program;
  const vyre_function_t *f = &p->functions[index];
  v->place = VYRE_IN_FUNCTION;
  v->function = index;
  v->effects = 0;
  v->expanded = 0;
  VYRE_TRY(vyre_validate_name(v, f->name, f->position));
  for (uint32_t i = 0; i < index; i++)
    if (strcmp(p->functions[i].name, f->name) == 0)
      return vyre_program_error(p, VYRE_E_NAME, f->position, "the function '%s' is declared twice", f->name);
  if (f->type >= VYRE_TYPE_COUNT) return vyre_invalid(v, f->position, "a function of an unknown type", NULL);
  if (f->arg_count > VYRE_LIMIT_ARGUMENTS)
    return vyre_program_error(p, VYRE_E_LIMIT, f->position, "%u arguments; %d are allowed", f->arg_count,
                              VYRE_LIMIT_ARGUMENTS);
  v->depth++;
  for (uint32_t i = 0; i < f->arg_count; i++) {
    VYRE_TRY(declare(v, f->first_arg + i, f->position));
    if (p->vars[f->first_arg + i].is_mutable) return vyre_invalid(v, f->position, "a mutable argument", NULL);
  }
  VYRE_TRY(check_block(v, f->body));
  leave_scope(v, 0);
  v->depth--;
  if (f->type != VYRE_TYPE_VOID && !block_returns(p, f->body))
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, f->position,
                                                   "the end of '%s' is reached without a value", f->name),
                                "Write `return` with a value at its end.");
  p->functions[index].has_loop = (v->effects & VYRE_EFFECT_LOOPS) != 0;
  v->function_nodes[index] = v->expanded;
  v->function_effects[index] = v->effects;
  return NULL;
}

/* Anything but commuting atomics that nobody looks at makes the slots of a Program depend on each other. */
static bool needs_order(const vyre_validator_t *v) {
  enum { ALONE = 2 }; /* in expr_seen: the whole of an EVAL */
  const vyre_program_t *p = v->program;
  for (uint32_t i = 1; i < p->stmt_count; i++) {
    const vyre_stmt_t *s = &p->stmts[i];
    if (!v->stmt_seen[i]) continue;
    bool is_store = s->op == VYRE_STMT_STORE || s->op == VYRE_STMT_ASYNC_STORE;
    if (is_store && p->params[s->param].role == VYRE_ROLE_STATE) return true;
    if (s->op == VYRE_STMT_EVAL) v->expr_seen[s->arg[0]] = ALONE;
  }
  for (uint32_t i = 1; i < p->expr_count; i++) {
    const vyre_expr_t *e = &p->exprs[i];
    bool is_write = v->expr_seen[i] && vyre_expr_class(e->op) == VYRE_CLASS_ATOMIC && e->op != VYRE_EXPR_ATOMIC_LOAD;
    bool is_alone = v->expr_seen[i] == ALONE && vyre_atomic_commutes(e->op);
    if (is_write && p->params[e->a].role == VYRE_ROLE_STATE && !is_alone) return true;
  }
  return false;
}

static uint32_t type_needs(vyre_type_t type) {
  vyre_type_kind_t kind = vyre_type_kind(type);
  return kind == VYRE_KIND_FLOAT || kind == VYRE_KIND_HALF ? VYRE_NEEDS_FLOATS
         : kind == VYRE_KIND_VECTOR                        ? VYRE_NEEDS_VECTORS
                                                           : 0;
}

static uint32_t find_needs(const vyre_validator_t *v) {
  const vyre_program_t *p = v->program;
  uint32_t needs = p->workgroup_size > 1 ? VYRE_NEEDS_LANES : 0;
  if (p->has_finish || p->chunk_bytes) needs |= VYRE_NEEDS_REDUCERS;
  if (p->function_count) needs |= VYRE_NEEDS_CALLS;
  for (uint32_t i = 0; i < p->param_count; i++) {
    const vyre_param_t *param = &p->params[i];
    bool is_plain = param->role == VYRE_ROLE_STREAM ? !vyre_param_has_halo(param) : param->role == VYRE_ROLE_OUTPUT;
    needs |= type_needs(param->type) | (is_plain ? 0 : VYRE_NEEDS_BUFFERS);
    if (param->role == VYRE_ROLE_OUTPUT && param->reducer != VYRE_REDUCER_SUM) needs |= VYRE_NEEDS_REDUCERS;
  }
  for (uint32_t i = 1; i < p->expr_count; i++) {
    if (!v->expr_seen[i]) continue;
    needs |= type_needs(p->exprs[i].type);
    if (vyre_expr_class(p->exprs[i].op) == VYRE_CLASS_ATOMIC) needs |= VYRE_NEEDS_ATOMICS;
  }
  for (uint32_t i = 1; i < p->stmt_count; i++)
    if (v->stmt_seen[i] && p->stmts[i].op == VYRE_STMT_SWITCH) needs |= VYRE_NEEDS_CALLS;
  return needs;
}

static vyre_status_t check_bodies(vyre_validator_t *v) {
  vyre_program_t *p = v->program;
  if (p->function_count > VYRE_LIMIT_FUNCTIONS)
    return vyre_program_error(p, VYRE_E_LIMIT, 0, "%u functions; %d are allowed", p->function_count,
                              VYRE_LIMIT_FUNCTIONS);
  for (uint32_t i = 0; i < p->function_count; i++) VYRE_TRY(check_function(v, i));
  VYRE_TRY(vyre_validate_combines(v));
  v->function = p->function_count;
  v->place = VYRE_IN_BODY;
  v->expanded = 0;
  VYRE_TRY(check_block(v, p->body));
  leave_scope(v, 0);
  v->place = VYRE_IN_FINISH;
  if (p->finish && !p->has_finish) return vyre_invalid(v, 0, "a finish in a Program that has none", NULL);
  VYRE_TRY(check_block(v, p->finish));
  return vyre_validate_meetings(v);
}

vyre_status_t vyre_validate(vyre_program_t *program) {
  program->is_validated = false;
  vyre_validator_t v = {.program = program, .depth = 1};
  v.expr_seen = vyre_calloc(program->expr_count, 1);
  v.stmt_seen = vyre_calloc(program->stmt_count, 1);
  v.var_depth = vyre_calloc(program->var_count, sizeof *v.var_depth);
  v.scope = vyre_calloc(program->var_count, sizeof *v.scope);
  v.read_in = vyre_calloc(program->var_count, sizeof *v.read_in);
  v.voted_in = vyre_calloc(program->var_count, sizeof *v.voted_in);
  v.owns = vyre_calloc(VYRE_LIMIT_PARAMS, sizeof *v.owns);
  v.function_nodes = vyre_calloc(program->function_count + 1, sizeof *v.function_nodes);
  v.function_effects = vyre_calloc(program->function_count + 1, 1);
  vyre_status_t status = NULL;
  bool has_memory = v.expr_seen && v.stmt_seen && v.var_depth && v.scope && v.read_in && v.voted_in && v.owns &&
                    v.function_nodes && v.function_effects;
  if (!has_memory) status = vyre_out_of_memory(program->expr_count);
  if (!status) status = vyre_validate_name(&v, program->name, 0);
  if (!status) status = vyre_validate_params(&v);
  if (!status) status = check_bodies(&v);
  if (!status) {
    program->needs = find_needs(&v);
    program->needs_order = needs_order(&v);
  }
  vyre_free(v.expr_seen);
  vyre_free(v.stmt_seen);
  vyre_free(v.var_depth);
  vyre_free(v.scope);
  vyre_free(v.read_in);
  vyre_free(v.voted_in);
  vyre_free(v.owns);
  vyre_free(v.function_nodes);
  vyre_free(v.function_effects);
  program->is_validated = status == NULL;
  return status;
}

static bool calls_loop(const vyre_program_t *p, uint32_t expr) {
  const vyre_expr_t *e = &p->exprs[expr];
  if (e->op == VYRE_EXPR_CALL && p->functions[e->a].has_loop) return true;
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++)
    if (calls_loop(p, vyre_expr_operand(e, i))) return true;
  for (uint32_t list = e->op == VYRE_EXPR_CALL ? e->b : 0; list; list = p->exprs[list].b)
    if (calls_loop(p, p->exprs[list].a)) return true;
  return false;
}

static bool stmt_has_loop(const vyre_program_t *p, const vyre_stmt_t *s) {
  bool is_loop =
      s->op == VYRE_STMT_WHILE || s->op == VYRE_STMT_FOREVER || s->op == VYRE_STMT_FOR || s->op == VYRE_STMT_FOREACH;
  if (is_loop || vyre_block_has_loop(p, s->body) || vyre_block_has_loop(p, s->orelse)) return true;
  if (p->function_count == 0 || s->op == VYRE_STMT_CASE) return false;
  for (unsigned i = 0; i < vyre_stmt_arity(s->op); i++)
    if (calls_loop(p, s->arg[i])) return true;
  return false;
}

bool vyre_block_has_loop(const vyre_program_t *p, uint32_t block) {
  for (uint32_t id = block; id != 0; id = p->stmts[id].next)
    if (stmt_has_loop(p, &p->stmts[id])) return true;
  return false;
}
