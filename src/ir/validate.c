/* The walk over a program: statements, scopes, types, what may stand where; functions; the whole. */
#include "ir/validate.h"

#include <string.h>

#include "base/memory.h"
#include "ir/depth.h"
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
  if (s->var == 0 || s->var >= p->var_count || !vyre_validator_sees(v, s->var))
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
      VYRE_TRY(vyre_validate_param_id(v, s->param, s->position));
      return vyre_validate_param_id(v, s->param2, s->position);
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
    v->nodes++;
    bool is_default = c->op == VYRE_STMT_DEFAULT;
    if (c->op != VYRE_STMT_CASE && !is_default)
      return vyre_invalid(v, c->position, "a statement between the cases of a switch", "Write it into a case.");
    if (is_default && has_default) return vyre_invalid(v, c->position, "a second default", "Remove one of them.");
    has_default |= is_default;
    if (!is_default) {
      if (!c->arg[0]) return vyre_invalid(v, c->position, "a case without a label", "Write `case 1 { }`.");
      VYRE_TRY(vyre_validate_list(v, c->arg[0], 1, VYRE_LIMIT_LABELS));
      VYRE_TRY(vyre_type_stmt(p, c));
      VYRE_TRY(check_labels(v, c, labels, &count, p->exprs[s->arg[0]].type));
    }
    VYRE_TRY(check_branch(v, c->body));
  }
  return NULL;
}

static vyre_status_t check_operands(vyre_validator_t *v, const vyre_stmt_t *s) {
  vyre_use_t use = s->op == VYRE_STMT_LET || s->op == VYRE_STMT_ASSIGN ? VYRE_USE_VALUE
                   : s->op == VYRE_STMT_EVAL                           ? VYRE_USE_EVAL
                                                                       : VYRE_USE_OPERAND;
  uint8_t effects = v->effects;
  for (unsigned i = 0; i < vyre_stmt_arity(s->op); i++) VYRE_TRY(vyre_validate_expr(v, s->arg[i], 1, use));
  if (s->op == VYRE_STMT_RETURN && s->arg[0]) VYRE_TRY(vyre_validate_expr(v, s->arg[0], 1, VYRE_USE_OPERAND));
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
    v->nodes++;
    if (s->op == VYRE_STMT_NONE || s->op >= VYRE_STMT_COUNT)
      return vyre_invalid(v, s->position, "an unknown statement", NULL);
    VYRE_TRY(check_stmt(v, s));
    if (v->called > VYRE_LIMIT_CALLED_NODES)
      return vyre_status_with_fix(
          vyre_program_error(p, VYRE_E_LIMIT, s->position, "calls of more than %d nodes, what is called written out",
                             VYRE_LIMIT_CALLED_NODES),
          "Call large functions from fewer places: from a loop, or with a value chosen before.");
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

/* Whoever writes calls out, or follows them, recurses that deep. */
static vyre_status_t check_nesting(const vyre_validator_t *v, uint32_t block, vyre_position_t position,
                                   uint32_t *out_depth) {
  *out_depth = vyre_block_depth(v->program, block, v->function_depths);
  if (*out_depth <= VYRE_LIMIT_NESTING) return NULL;
  return vyre_status_with_fix(
      vyre_program_error(v->program, VYRE_E_LIMIT, position, "nested %u deep with what is called; %d are allowed",
                         *out_depth, VYRE_LIMIT_NESTING),
      "Call functions from shallower places, or one after the other.");
}

static vyre_status_t check_function(vyre_validator_t *v, uint32_t index) {
  vyre_program_t *p = v->program;
  const vyre_function_t *f = &p->functions[index];
  v->place = VYRE_IN_FUNCTION;
  v->function = index;
  v->effects = 0;
  v->nodes = v->called = 0;
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
  VYRE_TRY(check_nesting(v, f->body, f->position, &v->function_depths[index]));
  leave_scope(v, 0);
  v->depth--;
  if (f->type != VYRE_TYPE_VOID && !block_returns(p, f->body))
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, f->position,
                                                   "the end of '%s' is reached without a value", f->name),
                                "Write `return` with a value at its end.");
  p->functions[index].has_loop = (v->effects & VYRE_EFFECT_LOOPS) != 0;
  v->function_nodes[index] = v->nodes + v->called;
  v->function_effects[index] = v->effects;
  return NULL;
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
  v->nodes = v->called = 0;
  VYRE_TRY(check_block(v, p->body));
  leave_scope(v, 0);
  v->place = VYRE_IN_FINISH;
  if (p->finish && !p->has_finish) return vyre_invalid(v, 0, "a finish in a Program that has none", NULL);
  VYRE_TRY(check_block(v, p->finish));
  uint32_t depth;
  VYRE_TRY(check_nesting(v, p->body, p->stmts[p->body].position, &depth));
  VYRE_TRY(check_nesting(v, p->finish, p->stmts[p->finish].position, &depth));
  uint64_t lane_vars = p->workgroup_size > 1 ? (uint64_t)p->workgroup_size * (p->var_count - 1) : 0;
  if (lane_vars > VYRE_LIMIT_LANE_VARS)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_LIMIT, p->stmts[p->body].position,
                                                   "%u variables in each of %u lanes; %u are allowed", p->var_count - 1,
                                                   p->workgroup_size, VYRE_LIMIT_LANE_VARS / p->workgroup_size),
                                "Lower workgroup_size.");
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
  v.function_depths = vyre_calloc(program->function_count + 1, sizeof *v.function_depths);
  v.function_effects = vyre_calloc(program->function_count + 1, 1);
  vyre_status_t status = NULL;
  bool has_memory = v.expr_seen && v.stmt_seen && v.var_depth && v.scope && v.read_in && v.voted_in && v.owns &&
                    v.function_nodes && v.function_depths && v.function_effects;
  if (!has_memory) status = vyre_out_of_memory(program->expr_count);
  if (!status) status = vyre_validate_name(&v, program->name, 0);
  if (!status) status = vyre_validate_params(&v);
  if (!status) status = check_bodies(&v);
  if (!status) vyre_validate_facts(&v);
  vyre_free(v.expr_seen);
  vyre_free(v.stmt_seen);
  vyre_free(v.var_depth);
  vyre_free(v.scope);
  vyre_free(v.read_in);
  vyre_free(v.voted_in);
  vyre_free(v.owns);
  vyre_free(v.function_nodes);
  vyre_free(v.function_depths);
  vyre_free(v.function_effects);
  program->is_validated = status == NULL;
  return status;
}
