#include "ir/typing.h"

#include "base/assert.h"

uint32_t vyre_expr_operand(const vyre_expr_t *expr, unsigned index) {
  if (expr->op == VYRE_EXPR_LOAD) return expr->b;
  return index == 0 ? expr->a : index == 1 ? expr->b : expr->c;
}

unsigned vyre_stmt_arity(vyre_stmt_op_t op) {
  switch (op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN:
    case VYRE_STMT_REDUCE:
    case VYRE_STMT_IF:
    case VYRE_STMT_WHILE:
    case VYRE_STMT_VOTE:
    case VYRE_STMT_LOAD16:
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE: return 1;
    case VYRE_STMT_REDUCE_AT:
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH:
    case VYRE_STMT_RAW_STORE:
    case VYRE_STMT_SLEEP:
    case VYRE_STMT_CALL: return 2;
    case VYRE_STMT_STORE16: return 5;
    default: return 0;
  }
}

static vyre_status_t mismatch(const vyre_program_t *p, vyre_position_t position, const char *what, vyre_type_t wanted,
                              vyre_type_t found) {
  return vyre_status_with_fix(
      vyre_program_error(p, VYRE_E_TYPE, position, "%s is %s, %s is needed", what, vyre_type_text(found),
                         vyre_type_text(wanted)),
      "Convert it with %s(...), or change the declaration to %s.", vyre_type_text(wanted), vyre_type_text(found));
}

static vyre_status_t need(const vyre_program_t *p, uint32_t expr, const char *what, vyre_type_t wanted) {
  vyre_type_t found = p->exprs[expr].type;
  return found == wanted ? NULL : mismatch(p, p->exprs[expr].position, what, wanted, found);
}

static vyre_status_t need_integer(const vyre_program_t *p, uint32_t expr, const char *what) {
  vyre_type_t found = p->exprs[expr].type;
  if (vyre_type_is_integer(found)) return NULL;
  return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, p->exprs[expr].position,
                                                 "%s is %s, an integer is needed", what, vyre_type_text(found)),
                              "Write u32(...) or another integer type around it.");
}

static vyre_status_t need_unsigned(const vyre_program_t *p, uint32_t expr, const char *what) {
  VYRE_TRY(need_integer(p, expr, what));
  vyre_type_t found = p->exprs[expr].type;
  if (!vyre_type_is_signed(found)) return NULL;
  return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, p->exprs[expr].position,
                                                 "%s is %s, an unsigned integer is needed", what, vyre_type_text(found)),
                              "Convert it with u64(...).");
}

static vyre_status_t same_types(const vyre_program_t *p, const vyre_expr_t *e, uint32_t a, uint32_t b) {
  vyre_type_t left = p->exprs[a].type, right = p->exprs[b].type;
  if (left == right) return NULL;
  return vyre_status_with_fix(
      vyre_program_error(p, VYRE_E_TYPE, e->position, "the sides of %s are %s and %s", vyre_expr_text(e->op),
                         vyre_type_text(left), vyre_type_text(right)),
      "Convert one side, for example with %s(...).",
      vyre_type_text(vyre_type_bits(left) > vyre_type_bits(right) ? left : right));
}

static bool type_allows_bool(vyre_expr_op_t op) {
  return op == VYRE_EXPR_AND || op == VYRE_EXPR_OR || op == VYRE_EXPR_XOR || op == VYRE_EXPR_EQ || op == VYRE_EXPR_NE;
}

static vyre_status_t type_leaf(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  switch (e->op) {
    case VYRE_EXPR_CONST:
      if (e->type == VYRE_TYPE_VOID || e->type >= VYRE_TYPE_COUNT || (e->imm & ~vyre_type_mask(e->type)))
        return vyre_program_error(p, VYRE_E_TYPE, e->position, "a constant does not fit its type");
      *out_type = e->type;
      return NULL;
    case VYRE_EXPR_VAR:
      *out_type = p->vars[e->a].type;
      return NULL;
    case VYRE_EXPR_LEN: {
      const vyre_param_t *param = &p->params[e->a];
      if (param->role == VYRE_ROLE_OUTPUT && param->count == 0)
        return vyre_status_with_fix(
            vyre_program_error(p, VYRE_E_TYPE, e->position, "len of '%s', which is not an array", param->name),
            "Take len of a stream, or declare the output as %s[N].", vyre_type_text(param->type));
      *out_type = VYRE_TYPE_U64;
      return NULL;
    }
    case VYRE_EXPR_STREAM_OFFSET: *out_type = VYRE_TYPE_U64; return NULL;
    case VYRE_EXPR_IS_LAST: *out_type = VYRE_TYPE_BOOL; return NULL;
    default: VYRE_UNREACHABLE();
  }
}

static vyre_status_t type_privileged(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  bool is_memory = e->op == VYRE_EXPR_RAW_LOAD || e->op == VYRE_EXPR_ATOMIC_ADD || e->op == VYRE_EXPR_ATOMIC_CAS;
  if (!is_memory) {
    bool is_address = e->op == VYRE_EXPR_CONTROL || e->op == VYRE_EXPR_FRAME || e->op == VYRE_EXPR_LOCAL;
    *out_type = is_address ? VYRE_TYPE_U64 : VYRE_TYPE_U32;
    return NULL;
  }
  VYRE_TRY(need(p, e->a, "the address", VYRE_TYPE_U64));
  if (e->scope >= VYRE_SCOPE_COUNT) return vyre_program_error(p, VYRE_E_TYPE, e->position, "unknown memory scope");
  if (e->type >= VYRE_TYPE_COUNT || !vyre_type_is_integer(e->type) || vyre_type_is_signed(e->type))
    return vyre_program_error(p, VYRE_E_TYPE, e->position, "raw memory is read as u8, u16, u32 or u64");
  if (e->op == VYRE_EXPR_RAW_LOAD) {
    if (e->order > VYRE_ORDER_ACQUIRE)
      return vyre_program_error(p, VYRE_E_TYPE, e->position, "a raw load is relaxed or acquire");
  } else {
    if (e->type != VYRE_TYPE_U32 && e->type != VYRE_TYPE_U64)
      return vyre_program_error(p, VYRE_E_TYPE, e->position, "atomics work on u32 and u64");
    if (e->order >= VYRE_ORDER_COUNT)
      return vyre_program_error(p, VYRE_E_TYPE, e->position, "unknown memory order");
    VYRE_TRY(need(p, e->b, "the operand", e->type));
    if (e->op == VYRE_EXPR_ATOMIC_CAS) VYRE_TRY(need(p, e->c, "the desired value", e->type));
  }
  *out_type = e->type;
  return NULL;
}

vyre_status_t vyre_type_expr(const vyre_program_t *p, const vyre_expr_t *e, vyre_type_t *out_type) {
  switch (vyre_expr_class(e->op)) {
    case VYRE_CLASS_LEAF: return type_leaf(p, e, out_type);
    case VYRE_CLASS_LOAD:
      if (p->params[e->a].role != VYRE_ROLE_STREAM)
        return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, e->position, "'%s' is an output and cannot be read",
                                                       p->params[e->a].name),
                                    "Keep the value in a variable declared with `var` and add it to the output at the end.");
      VYRE_TRY(need_unsigned(p, e->b, "the index"));
      *out_type = p->params[e->a].type;
      return NULL;
    case VYRE_CLASS_UNARY:
      if (e->op == VYRE_EXPR_LOGICAL_NOT) {
        VYRE_TRY(need(p, e->a, "the operand of !", VYRE_TYPE_BOOL));
      } else {
        VYRE_TRY(need_integer(p, e->a, "the operand"));
      }
      *out_type = p->exprs[e->a].type;
      return NULL;
    case VYRE_CLASS_BINARY:
    case VYRE_CLASS_COMPARE:
      VYRE_TRY(same_types(p, e, e->a, e->b));
      if (!type_allows_bool(e->op)) VYRE_TRY(need_integer(p, e->a, "the left side"));
      *out_type = vyre_expr_class(e->op) == VYRE_CLASS_COMPARE ? VYRE_TYPE_BOOL : p->exprs[e->a].type;
      return NULL;
    case VYRE_CLASS_LOGIC:
      VYRE_TRY(need(p, e->a, "the left side", VYRE_TYPE_BOOL));
      VYRE_TRY(need(p, e->b, "the right side", VYRE_TYPE_BOOL));
      *out_type = VYRE_TYPE_BOOL;
      return NULL;
    case VYRE_CLASS_SELECT:
      VYRE_TRY(need(p, e->a, "the condition", VYRE_TYPE_BOOL));
      VYRE_TRY(same_types(p, e, e->b, e->c));
      *out_type = p->exprs[e->b].type;
      return NULL;
    case VYRE_CLASS_CAST:
      if (e->type == VYRE_TYPE_VOID || e->type >= VYRE_TYPE_COUNT)
        return vyre_program_error(p, VYRE_E_TYPE, e->position, "a cast to no type");
      *out_type = e->type;
      return NULL;
    case VYRE_CLASS_PRIVILEGED: return type_privileged(p, e, out_type);
  }
  VYRE_UNREACHABLE();
}

static vyre_status_t type_order(const vyre_program_t *p, const vyre_stmt_t *s, const char *what, vyre_order_t strong) {
  if (s->scope >= VYRE_SCOPE_COUNT) return vyre_program_error(p, VYRE_E_TYPE, s->position, "unknown memory scope");
  if (s->order == VYRE_ORDER_RELAXED || s->order == strong) return NULL;
  return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, s->position, "%s is relaxed or %s", what,
                                                 vyre_order_text(strong)),
                              "Write %s or relaxed.", vyre_order_text(strong));
}

static vyre_status_t type_fence(const vyre_program_t *p, const vyre_stmt_t *s) {
  if (s->scope >= VYRE_SCOPE_COUNT) return vyre_program_error(p, VYRE_E_TYPE, s->position, "unknown memory scope");
  if (s->order != VYRE_ORDER_RELAXED && s->order < VYRE_ORDER_COUNT) return NULL;
  return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, s->position, "a fence that orders nothing"),
                              "Write one of acquire, release, acq_rel, seq_cst.");
}

/* LOAD16 and STORE16 */
static vyre_status_t type_words(const vyre_program_t *p, const vyre_stmt_t *s) {
  bool is_load = s->op == VYRE_STMT_LOAD16;
  if (s->tag > 3) return vyre_program_error(p, VYRE_E_TYPE, s->position, "the tag word is one of 0..3");
  VYRE_TRY(type_order(p, s, vyre_stmt_text(s->op), is_load ? VYRE_ORDER_ACQUIRE : VYRE_ORDER_RELEASE));
  VYRE_TRY(need(p, s->arg[0], "the address", VYRE_TYPE_U64));
  for (unsigned i = 0; i < 4; i++) {
    if (!is_load)
      VYRE_TRY(need(p, s->arg[1 + i], "the word", VYRE_TYPE_U32));
    else if (p->vars[s->out[i]].type != VYRE_TYPE_U32)
      return mismatch(p, s->position, "the variable", VYRE_TYPE_U32, p->vars[s->out[i]].type);
  }
  return NULL;
}

static vyre_status_t type_range(const vyre_program_t *p, const vyre_stmt_t *s) {
  VYRE_TRY(need_unsigned(p, s->arg[0], "the lower bound"));
  VYRE_TRY(need_unsigned(p, s->arg[1], "the upper bound"));
  vyre_type_t low = p->exprs[s->arg[0]].type, high = p->exprs[s->arg[1]].type;
  if (low != high)
    return vyre_status_with_fix(vyre_program_error(p, VYRE_E_TYPE, s->position, "the bounds are %s and %s",
                                                   vyre_type_text(low), vyre_type_text(high)),
                                "Convert one of them, for example with u64(...).");
  return need(p, s->arg[0], "the bound", p->vars[s->var].type);
}

vyre_status_t vyre_type_stmt(const vyre_program_t *p, const vyre_stmt_t *s) {
  switch (s->op) {
    case VYRE_STMT_LET:
    case VYRE_STMT_ASSIGN: return need(p, s->arg[0], "the value", p->vars[s->var].type);
    case VYRE_STMT_REDUCE:
    case VYRE_STMT_REDUCE_AT: {
      const vyre_param_t *param = &p->params[s->param];
      if (param->role != VYRE_ROLE_OUTPUT)
        return vyre_status_with_fix(
            vyre_program_error(p, VYRE_E_TYPE, s->position, "'%s' is a stream and is read only", param->name),
            "Add to an `output` parameter, or keep the value in a variable.");
      if ((param->count != 0) != (s->op == VYRE_STMT_REDUCE_AT))
        return vyre_status_with_fix(
            vyre_program_error(p, VYRE_E_TYPE, s->position, "'%s' is %s", param->name,
                               param->count ? "an array: an index is needed" : "not an array: no index is allowed"),
            param->count ? "Write %s[index] += value." : "Write %s += value.", param->name);
      if (s->op == VYRE_STMT_REDUCE_AT) VYRE_TRY(need_unsigned(p, s->arg[0], "the index"));
      return need(p, s->arg[s->op == VYRE_STMT_REDUCE_AT], "the value", param->type);
    }
    case VYRE_STMT_IF:
    case VYRE_STMT_WHILE: return need(p, s->arg[0], "the condition", VYRE_TYPE_BOOL);
    case VYRE_STMT_FOR:
    case VYRE_STMT_FOREACH: return type_range(p, s);
    case VYRE_STMT_RAW_STORE:
      VYRE_TRY(need(p, s->arg[0], "the address", VYRE_TYPE_U64));
      if (s->type >= VYRE_TYPE_COUNT || !vyre_type_is_integer(s->type) || vyre_type_is_signed(s->type))
        return vyre_program_error(p, VYRE_E_TYPE, s->position, "raw memory is written as u8, u16, u32 or u64");
      VYRE_TRY(type_order(p, s, "a raw store", VYRE_ORDER_RELEASE));
      return need(p, s->arg[1], "the value", s->type);
    case VYRE_STMT_LOAD16:
    case VYRE_STMT_STORE16: return type_words(p, s);
    case VYRE_STMT_LANES:
      if (p->vars[s->var].type == VYRE_TYPE_U32) return NULL;
      return mismatch(p, s->position, "the lane", VYRE_TYPE_U32, p->vars[s->var].type);
    case VYRE_STMT_VOTE:
      if (p->vars[s->var].type != VYRE_TYPE_U32)
        return vyre_status_with_fix(
            vyre_program_error(p, VYRE_E_TYPE, s->position, "the mask is %s, %s is needed",
                               vyre_type_text(p->vars[s->var].type), vyre_type_text(VYRE_TYPE_U32)),
            "Declare it with `var %s : u32 = 0`.", p->vars[s->var].name);
      return need(p, s->arg[0], "the condition", VYRE_TYPE_BOOL);
    case VYRE_STMT_FENCE: return type_fence(p, s);
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE: return need(p, s->arg[0], "the address", VYRE_TYPE_U64);
    case VYRE_STMT_SLEEP:
      VYRE_TRY(need(p, s->arg[0], "the address", VYRE_TYPE_U64));
      return need(p, s->arg[1], "the value seen", VYRE_TYPE_U32);
    case VYRE_STMT_CALL:
      VYRE_TRY(need(p, s->arg[0], "the handler index", VYRE_TYPE_U32));
      return need(p, s->arg[1], "the frame's address", VYRE_TYPE_U64);
    default: return NULL;
  }
}
