#include "ir/validate.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "ir/typing.h"

/* Each node is visited at most once (a second visit is an error), so the walk ends on any input. */
typedef struct validator {
  vyre_program_t *program;
  uint8_t *expr_seen, *stmt_seen; /* by id */
  uint32_t *var_depth;            /* by variable: 0 not in scope, else the block depth of its declaration */
  uint32_t *scope;                /* variables in scope, innermost last */
  uint32_t scope_count;
  uint32_t depth;         /* of blocks */
  uint32_t loop_depth;    /* loops open inside the innermost foreach, or inside the body */
  uint32_t foreach_depth; /* block depth of the open foreach's body, 0 outside */
  uint32_t lanes_depth;   /* of the open lanes block's, likewise */
  uint32_t lanes_count;   /* lanes blocks so far: the number of the open one */
  uint32_t *read_in, *voted_in; /* by variable: the last lanes block that read it from outside, voted on it */
} validator_t;

static vyre_status_t invalid(const validator_t *v, vyre_position_t position, const char *what, const char *fix) {
  vyre_status_t status = vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, position, "%s", what);
  return fix ? vyre_status_with_fix(status, "%s", fix) : status;
}

static vyre_status_t check_name(const validator_t *v, const char *name, vyre_position_t position) {
  size_t length = name ? strlen(name) : 0;
  if (length == 0 || length > VYRE_LIMIT_NAME_BYTES)
    return vyre_program_error(v->program, VYRE_E_LIMIT, position, "a name of %zu bytes; 1 to %d are allowed", length,
                              VYRE_LIMIT_NAME_BYTES);
  for (size_t i = 0; i < length; i++) {
    char c = name[i];
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!is_letter && !(i > 0 && c >= '0' && c <= '9'))
      return vyre_program_error(v->program, VYRE_E_NAME, position, "a name is letters, digits and _, not a digit first");
  }
  return NULL;
}

static vyre_status_t check_params(validator_t *v) {
  const vyre_program_t *p = v->program;
  uint32_t streams = 0;
  uint64_t output_bytes = 0;
  for (uint32_t i = 0; i < p->param_count; i++) {
    const vyre_param_t *param = &p->params[i];
    VYRE_TRY(check_name(v, param->name, param->position));
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(p->params[j].name, param->name) == 0)
        return vyre_program_error(p, VYRE_E_NAME, param->position, "the parameter '%s' is declared twice", param->name);
    if (param->type >= VYRE_TYPE_COUNT || !vyre_type_is_integer(param->type))
      return vyre_status_with_fix(
          vyre_program_error(p, VYRE_E_TYPE, param->position, "'%s' needs an integer element type", param->name),
          "Declare it with u8, u16, u32, u64, i8, i16, i32 or i64.");
    if (param->role == VYRE_ROLE_STREAM) {
      if (streams++)
        return invalid(v, param->position, "a second stream parameter", "Declare one stream; a Program reads one chunk.");
      if (param->count || param->reducer) return invalid(v, param->position, "a stream has no length or reducer", NULL);
    } else if (param->role == VYRE_ROLE_OUTPUT) {
      if (vyre_type_bits(param->type) < 32)
        return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, param->position, "the output '%s' is %s",
                                                       param->name, vyre_type_text(param->type)),
                                    "Declare outputs with u32, u64, i32 or i64.");
      if (param->reducer != VYRE_REDUCER_SUM)
        return invalid(v, param->position, "an output without a reducer", "Write `sum` after its type.");
      output_bytes = (output_bytes + 7) & ~UINT64_C(7);
      output_bytes += (uint64_t)(param->count ? param->count : 1) * vyre_type_bytes(param->type);
      if (output_bytes > VYRE_LIMIT_OUTPUT_BYTES)
        return vyre_program_error(p, VYRE_E_LIMIT, param->position, "outputs of %llu bytes; %d are allowed",
                                  (unsigned long long)output_bytes, VYRE_LIMIT_OUTPUT_BYTES);
    } else {
      return invalid(v, param->position, "a parameter of unknown role", NULL);
    }
  }
  return NULL;
}

/* Votes are merged when the block ends, so that what a lane would read of the mask before is not defined. */
static vyre_status_t fail_read_mask(const validator_t *v, uint32_t var, vyre_position_t position) {
  return vyre_status_with_fix(
      vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, position, "'%s' is read in a lanes block that votes on it",
                         v->program->vars[var].name),
      "Read it after the block, or copy it with `let` before.");
}

/* A lane cannot fault or take part in atomics on its own. */
static vyre_status_t check_lane_expr(validator_t *v, const vyre_expr_t *e) {
  const vyre_program_t *p = v->program;
  bool is_division = e->op == VYRE_EXPR_DIV || e->op == VYRE_EXPR_REM;
  if (e->op == VYRE_EXPR_VAR && v->var_depth[e->a] < v->lanes_depth) {
    v->read_in[e->a] = v->lanes_count;
    return v->voted_in[e->a] == v->lanes_count ? fail_read_mask(v, e->a, e->position) : NULL;
  }
  bool is_atomic = e->op == VYRE_EXPR_ATOMIC_ADD || e->op == VYRE_EXPR_ATOMIC_CAS || e->op == VYRE_EXPR_PUMP;
  if (e->op == VYRE_EXPR_LOAD || is_atomic)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, e->position, "%s inside a lanes block",
                                                   is_atomic ? vyre_expr_text(e->op) : "a load from a stream"),
                                "Move it before or behind the block.");
  if (is_division && e->b < p->expr_count && (p->exprs[e->b].op != VYRE_EXPR_CONST || p->exprs[e->b].imm == 0))
    return invalid(v, e->position, "a division inside a lanes block that could be by zero",
                   "Divide by a constant, or move the division before the block.");
  return NULL;
}

static vyre_status_t check_operand_ids(const validator_t *v, const vyre_expr_t *e) {
  const vyre_program_t *p = v->program;
  if (e->op == VYRE_EXPR_VAR) {
    if (e->a == 0 || e->a >= p->var_count) return invalid(v, e->position, "a variable that does not exist", NULL);
    if (v->var_depth[e->a] == 0)
      return vyre_program_error(p, VYRE_E_NAME, e->position, "'%s' is not declared here", p->vars[e->a].name);
  }
  if ((e->op == VYRE_EXPR_LEN || e->op == VYRE_EXPR_LOAD) && e->a >= p->param_count)
    return invalid(v, e->position, "a parameter that does not exist", NULL);
  return NULL;
}

/* Local memory and the tables of array outputs are both the scratch of the frame. */
static vyre_status_t check_local(const validator_t *v, const vyre_expr_t *e) {
  for (uint32_t i = 0; i < v->program->param_count; i++)
    if (v->program->params[i].count)
      return invalid(v, e->position, "local in a Program with an array output", "Declare its outputs as scalars.");
  return NULL;
}

static vyre_status_t check_expr(validator_t *v, uint32_t id, uint32_t depth) {
  vyre_program_t *p = v->program;
  if (id == 0 || id >= p->expr_count) return invalid(v, 0, "an expression that does not exist", NULL);
  const vyre_expr_t *e = &p->exprs[id];
  if (depth > VYRE_LIMIT_DEPTH)
    return vyre_program_error(p, VYRE_E_LIMIT, e->position, "expressions nested deeper than %d", VYRE_LIMIT_DEPTH);
  if (v->expr_seen[id]) return invalid(v, e->position, "an expression node with two parents", NULL);
  v->expr_seen[id] = 1;
  if (e->op == VYRE_EXPR_NONE || e->op >= VYRE_EXPR_COUNT) return invalid(v, e->position, "an unknown expression", NULL);
  if (vyre_expr_class(e->op) == VYRE_CLASS_PRIVILEGED && !p->is_privileged)
    return vyre_program_error(p, VYRE_E_PRIVILEGED, e->position, "%s", vyre_expr_text(e->op));
  VYRE_TRY(check_operand_ids(v, e));
  if (v->lanes_depth) VYRE_TRY(check_lane_expr(v, e));
  if (e->op == VYRE_EXPR_LOCAL) VYRE_TRY(check_local(v, e));
  for (unsigned i = 0; i < vyre_expr_arity(e->op); i++) VYRE_TRY(check_expr(v, vyre_expr_operand(e, i), depth + 1));
  vyre_type_t type = VYRE_TYPE_VOID;
  VYRE_TRY(vyre_type_expr(p, e, &type));
  if (type != e->type) return invalid(v, e->position, "an expression of another type than it says", NULL);
  return NULL;
}

static vyre_status_t declare(validator_t *v, uint32_t var, vyre_position_t position) {
  vyre_program_t *p = v->program;
  if (var == 0 || var >= p->var_count) return invalid(v, position, "a variable that does not exist", NULL);
  VYRE_TRY(check_name(v, p->vars[var].name, position));
  if (p->vars[var].type == VYRE_TYPE_VOID || p->vars[var].type >= VYRE_TYPE_COUNT)
    return invalid(v, position, "a variable without a type", NULL);
  if (v->var_depth[var]) return invalid(v, position, "a variable that is declared twice", NULL);
  v->var_depth[var] = v->depth;
  v->scope[v->scope_count++] = var;
  return NULL;
}

static vyre_status_t check_block(validator_t *v, uint32_t first);

static vyre_status_t check_loop(validator_t *v, const vyre_stmt_t *s) {
  if (s->op == VYRE_STMT_FOREACH) {
    if (v->foreach_depth)
      return invalid(v, s->position, "a foreach inside a foreach", "Make the inner one a `for`.");
    if (v->program->is_privileged) return invalid(v, s->position, "a foreach in a privileged program", NULL);
  }
  uint32_t foreach_depth = v->foreach_depth, loop_depth = v->loop_depth, scope_count = v->scope_count;
  v->depth++;
  if (s->op == VYRE_STMT_FOREACH) {
    v->foreach_depth = v->depth;
    v->loop_depth = 0;
  } else {
    v->loop_depth++;
  }
  vyre_status_t status = NULL;
  if (s->op == VYRE_STMT_FOR || s->op == VYRE_STMT_FOREACH) {
    status = declare(v, s->var, s->position);
    if (!status && v->program->vars[s->var].is_mutable)
      status = invalid(v, s->position, "a mutable loop variable", NULL);
  }
  if (!status) status = check_block(v, s->body);
  while (v->scope_count > scope_count) v->var_depth[v->scope[--v->scope_count]] = 0;
  v->depth--;
  v->foreach_depth = foreach_depth;
  v->loop_depth = loop_depth;
  return status;
}

static vyre_status_t check_lanes(validator_t *v, const vyre_stmt_t *s) {
  uint32_t loop_depth = v->loop_depth, scope_count = v->scope_count;
  v->loop_depth = 0;
  v->lanes_depth = ++v->depth;
  v->lanes_count++;
  vyre_status_t status = declare(v, s->var, s->position);
  if (!status && v->program->vars[s->var].is_mutable) status = invalid(v, s->position, "a mutable lane", NULL);
  if (!status) status = check_block(v, s->body);
  while (v->scope_count > scope_count) v->var_depth[v->scope[--v->scope_count]] = 0;
  v->depth--;
  v->lanes_depth = 0;
  v->loop_depth = loop_depth;
  return status;
}

/* Lanes are the threads of a warp: they may diverge between the block's ends, but not leave it apart or wait. */
static vyre_status_t check_lane_stmt(const validator_t *v, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN:
    case VYRE_STMT_IF:
    case VYRE_STMT_WHILE:
    case VYRE_STMT_RAW_STORE:
    case VYRE_STMT_LOAD16:
    case VYRE_STMT_STORE16:
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE:
    case VYRE_STMT_VOTE: return NULL;
    case VYRE_STMT_BREAK:
    case VYRE_STMT_CONTINUE:
      if (v->loop_depth) return NULL;
      return vyre_status_with_fix(vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, s->position,
                                                     "%s out of a lanes block", vyre_stmt_text(s->op)),
                                  "Vote, and look at the mask after the block.");
    case VYRE_STMT_LANES:
      return invalid(v, s->position, "a lanes block inside a lanes block", "Use `while` for the inner one.");
    case VYRE_STMT_FOREVER:
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH:
      return vyre_status_with_fix(vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, s->position,
                                                     "%s inside a lanes block", vyre_stmt_text(s->op)),
                                  "Write it with `while`.");
    default: {
      bool is_reduce = s->op == VYRE_STMT_REDUCE || s->op == VYRE_STMT_REDUCE_AT;
      return vyre_status_with_fix(vyre_program_error(v->program, VYRE_E_INVALID_PROGRAM, s->position,
                                                     "%s inside a lanes block",
                                                     is_reduce ? "an addition to an output" : vyre_stmt_text(s->op)),
                                  "Move it before or behind the block.");
    }
  }
}

static vyre_status_t check_vote(validator_t *v, const vyre_stmt_t *s) {
  const vyre_program_t *p = v->program;
  if (!v->lanes_depth)
    return invalid(v, s->position, "vote outside a lanes block", "Write it into `lanes l { ... }`.");
  if (s->var == 0 || s->var >= p->var_count || !v->var_depth[s->var])
    return invalid(v, s->position, "a vote on a variable that is not declared here", NULL);
  const vyre_var_t *var = &p->vars[s->var];
  if (v->var_depth[s->var] >= v->lanes_depth)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position,
                                                   "'%s' is declared inside the lanes block that votes on it", var->name),
                                "Declare it before the block.");
  if (!var->is_mutable)
    return vyre_status_with_fix(
        vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position, "'%s' cannot be voted on", var->name),
        "Declare it with `var %s : u32 = 0`.", var->name);
  v->voted_in[s->var] = v->lanes_count;
  return v->read_in[s->var] == v->lanes_count ? fail_read_mask(v, s->var, s->position) : NULL;
}

static vyre_status_t check_placement(const validator_t *v, const vyre_stmt_t *s) {
  if (v->lanes_depth) return check_lane_stmt(v, s);
  switch (s->op) {
    case VYRE_STMT_BREAK:
      if (v->loop_depth) return NULL;
      if (v->foreach_depth)
        return invalid(v, s->position, "break out of a foreach: its iterations run in any order",
                       "Use `for` when iterations depend on each other, or `continue` to end this iteration.");
      return invalid(v, s->position, "break outside a loop", "Remove it, or write `return` to end the Program.");
    case VYRE_STMT_CONTINUE:
      if (v->loop_depth || v->foreach_depth) return NULL;
      return invalid(v, s->position, "continue outside a loop", "Remove it, or write `return` to end the Program.");
    case VYRE_STMT_RETURN:
      if (!v->foreach_depth) return NULL;
      return invalid(v, s->position, "return inside a foreach: its iterations run in any order",
                     "Use `for`, or `continue` to end this iteration.");
    default: return NULL;
  }
}

static vyre_status_t check_targets(validator_t *v, const vyre_stmt_t *s) {
  const vyre_program_t *p = v->program;
  if (s->op == VYRE_STMT_ASSIGN) {
    if (s->var == 0 || s->var >= p->var_count || !v->var_depth[s->var])
      return invalid(v, s->position, "an assignment to a variable that is not declared here", NULL);
    const vyre_var_t *var = &p->vars[s->var];
    if (!var->is_mutable)
      return vyre_status_with_fix(
          vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position, "'%s' cannot be assigned", var->name),
          "Declare it with `var %s = ...` (a loop variable: copy it into a `var` first).", var->name);
    if (v->foreach_depth && v->var_depth[s->var] < v->foreach_depth)
      return vyre_status_with_fix(vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position,
                                                     "'%s' is declared outside of this foreach, whose iterations run in any order",
                                                     var->name),
                                  "Add to an output (`name += ...`) instead, or use `for`.");
    if (v->lanes_depth && v->var_depth[s->var] < v->lanes_depth)
      return vyre_status_with_fix(
          vyre_program_error(p, VYRE_E_INVALID_PROGRAM, s->position, "'%s' is declared outside of this lanes block",
                             var->name),
          "Vote on it, or store into local memory and read it after the block.");
  }
  if (s->op == VYRE_STMT_VOTE) VYRE_TRY(check_vote(v, s));
  if ((s->op == VYRE_STMT_REDUCE || s->op == VYRE_STMT_REDUCE_AT) && s->param >= p->param_count)
    return invalid(v, s->position, "an output that does not exist", NULL);
  return NULL;
}

static vyre_status_t check_branch(validator_t *v, uint32_t first) {
  uint32_t scope_count = v->scope_count;
  v->depth++;
  vyre_status_t status = check_block(v, first);
  v->depth--;
  while (v->scope_count > scope_count) v->var_depth[v->scope[--v->scope_count]] = 0;
  return status;
}

static vyre_status_t check_stmt(validator_t *v, const vyre_stmt_t *s) {
  const vyre_program_t *p = v->program;
  if (vyre_stmt_is_privileged(s->op) && !p->is_privileged)
    return vyre_program_error(p, VYRE_E_PRIVILEGED, s->position, "%s", vyre_stmt_text(s->op));
  for (unsigned i = 0; i < vyre_stmt_arity(s->op); i++) VYRE_TRY(check_expr(v, s->arg[i], 1));
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
      if (s->var == 0 || s->var >= p->var_count) return invalid(v, s->position, "a loop variable that does not exist", NULL);
      break;
    default: break;
  }
  VYRE_TRY(vyre_type_stmt(p, s));
  switch (s->op) {
    case VYRE_STMT_IF:
      VYRE_TRY(check_branch(v, s->body));
      return check_branch(v, s->orelse);
    case VYRE_STMT_WHILE:
    case VYRE_STMT_FOREVER:
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH: return check_loop(v, s);
    case VYRE_STMT_LANES: return check_lanes(v, s);
    default: return NULL;
  }
}

static vyre_status_t check_block(validator_t *v, uint32_t first) {
  const vyre_program_t *p = v->program;
  if (v->depth > VYRE_LIMIT_DEPTH + 1)
    return vyre_program_error(p, VYRE_E_LIMIT, 0, "statements nested deeper than %d", VYRE_LIMIT_DEPTH);
  for (uint32_t id = first; id != 0; id = p->stmts[id].next) {
    if (id >= p->stmt_count) return invalid(v, 0, "a statement that does not exist", NULL);
    const vyre_stmt_t *s = &p->stmts[id];
    if (v->stmt_seen[id]) return invalid(v, s->position, "a statement that stands in two places", NULL);
    v->stmt_seen[id] = 1;
    if (s->op == VYRE_STMT_NONE || s->op >= VYRE_STMT_COUNT) return invalid(v, s->position, "an unknown statement", NULL);
    VYRE_TRY(check_stmt(v, s));
  }
  return NULL;
}

vyre_status_t vyre_validate(vyre_program_t *program) {
  program->is_validated = false;
  validator_t v = {.program = program, .depth = 1};
  v.expr_seen = vyre_calloc(program->expr_count, 1);
  v.stmt_seen = vyre_calloc(program->stmt_count, 1);
  v.var_depth = vyre_calloc(program->var_count, sizeof *v.var_depth);
  v.scope = vyre_calloc(program->var_count, sizeof *v.scope);
  v.read_in = vyre_calloc(program->var_count, sizeof *v.read_in);
  v.voted_in = vyre_calloc(program->var_count, sizeof *v.voted_in);
  vyre_status_t status = NULL;
  bool has_memory = v.expr_seen && v.stmt_seen && v.var_depth && v.scope && v.read_in && v.voted_in;
  if (!has_memory) status = vyre_out_of_memory(program->expr_count);
  if (!status) status = check_name(&v, program->name, 0);
  if (!status) status = check_params(&v);
  if (!status) status = check_block(&v, program->body);
  vyre_free(v.expr_seen);
  vyre_free(v.stmt_seen);
  vyre_free(v.var_depth);
  vyre_free(v.scope);
  vyre_free(v.read_in);
  vyre_free(v.voted_in);
  program->is_validated = status == NULL;
  return status;
}

bool vyre_block_has_loop(const vyre_program_t *p, uint32_t block) {
  for (uint32_t id = block; id != 0; id = p->stmts[id].next) {
    const vyre_stmt_t *s = &p->stmts[id];
    switch (s->op) {
      case VYRE_STMT_WHILE:
      case VYRE_STMT_FOREVER:
      case VYRE_STMT_FOR:
      case VYRE_STMT_FOREACH: return true;
      case VYRE_STMT_IF:
        if (vyre_block_has_loop(p, s->body) || vyre_block_has_loop(p, s->orelse)) return true;
        break;
      default: break;
    }
  }
  return false;
}
