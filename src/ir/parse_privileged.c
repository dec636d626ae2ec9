/* The parser's privileged statements. */
#include <stdio.h>
#include <string.h>

#include "ir/parser.h"
#include "ir/typing.h"

static unsigned take_tag(vyre_parser_t *p, const char *name) {
  char fix[64];
  snprintf(fix, sizeof fix, "Write %s.tag0, .tag1, .tag2 or .tag3.", name);
  if (!vyre_parser_expect(p, VYRE_TOKEN_DOT, "before the tag word", fix)) return 4;
  static const char *const tags[] = {"tag0", "tag1", "tag2", "tag3"};
  for (unsigned tag = 0; tag < 4; tag++)
    if (vyre_parser_token_is(p, &p->token, tags[tag])) {
      vyre_parser_advance(p);
      return tag;
    }
  vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "a tag word"), "%s", fix));
  return 4;
}

/* The order of load16 and store16 and its scope, where they are written. */
static bool take_order(vyre_parser_t *p, vyre_access_spec_t *access) {
  return !vyre_parser_at(p, VYRE_TOKEN_DOT) || vyre_parser_order(p, access, "Write an order such as relaxed.");
}

void vyre_parser_load16(vyre_parser_t *p, vyre_position_t position, const vyre_token_t *first) {
  static const char fix[] = "Write `let a, b, c, d = load16.tag3(address)`.";
  vyre_token_t names[4] = {*first};
  for (unsigned i = 1; i < 4; i++) {
    if (!vyre_parser_expect(p, VYRE_TOKEN_COMMA, "before the next of four names", fix) ||
        !vyre_parser_new_name(p, &names[i], "a name"))
      return;
    for (unsigned j = 0; j < i; j++)
      if (names[j].length == names[i].length &&
          memcmp(vyre_parser_text(p, &names[j]), vyre_parser_text(p, &names[i]), names[i].length) == 0) {
        vyre_parser_fail(
            p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_NAME, names[i].position, "'%.*s' stands here twice",
                                                      VYRE_TOKEN_SHOWN(p, &names[i])),
                                    "Choose four different names."));
        return;
      }
  }
  if (!vyre_parser_expect(p, VYRE_TOKEN_ASSIGN, "after the names", fix)) return;
  vyre_token_t word = p->token;
  if (!vyre_parser_at(p, VYRE_TOKEN_NAME) || !vyre_parser_token_is(p, &word, "load16")) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "load16"), "%s", fix));
    return;
  }
  if (!vyre_parser_privileged(p, &word)) return;
  vyre_parser_advance(p);
  vyre_access_spec_t access = {VYRE_TYPE_U32, VYRE_ORDER_ACQUIRE, VYRE_SCOPE_SYSTEM};
  unsigned tag = take_tag(p, "load16");
  if (tag > 3 || !take_order(p, &access) || !vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after load16", fix)) return;
  uint32_t address = vyre_parser_expr(p);
  if (!address || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the address", NULL)) return;
  vyre_expr_id_t value = vyre_parser_emit(p, address, VYRE_TYPE_U64);
  vyre_name_text_t copies[4];
  const char *texts[4];
  vyre_var_id_t vars[4] = {0};
  for (unsigned i = 0; i < 4; i++) {
    copies[i] = vyre_parser_copy_name(p, &names[i]);
    texts[i] = copies[i].text;
  }
  p->builder.position = position;
  p->builder.scope = access.scope;
  vyre_build_load16(&p->builder, tag, access.order, texts, value, vars);
  p->builder.scope = VYRE_SCOPE_SYSTEM;
  for (unsigned i = 0; i < 4; i++) vyre_parser_declare(p, &names[i], false, vars[i]);
}

/* `lanes l { }`, `vote(mask, condition)`, `fence.acquire()`, after the first word. */

static void parse_lanes(vyre_parser_t *p, const vyre_token_t *word) {
  vyre_token_t name;
  if (!vyre_parser_new_name(p, &name, "the lane's name")) return;
  p->builder.position = word->position;
  vyre_var_id_t var = vyre_build_lanes(&p->builder, vyre_parser_copy_name(p, &name).text);
  uint32_t outer = vyre_names_mark(&p->scope);
  vyre_parser_declare(p, &name, false, var);
  vyre_parser_block(p);
  vyre_build_end(&p->builder);
  vyre_names_leave(&p->scope, outer);
}

static void parse_vote(vyre_parser_t *p, const vyre_token_t *word) {
  static const char fix[] = "Write vote(mask, condition) with the name of a u32 variable.";
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "before the arguments", fix)) return;
  vyre_token_t name = p->token;
  if (!vyre_parser_at(p, VYRE_TOKEN_NAME)) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "the mask's name"), "%s", fix));
    return;
  }
  const vyre_name_t *mask = vyre_names_find(&p->scope, vyre_parser_text(p, &name), name.length);
  if (!mask) {
    vyre_parser_fail_unknown_name(p, &name);
    return;
  }
  if (mask->is_param) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_error(p, VYRE_E_TYPE, name.position, "'%.*s' is a parameter",
                                                               VYRE_TOKEN_SHOWN(p, &name)),
                                             "%s", fix));
    return;
  }
  vyre_var_id_t var = mask->id;
  vyre_parser_advance(p);
  if (!vyre_parser_expect(p, VYRE_TOKEN_COMMA, "after the mask", fix)) return;
  uint32_t term = vyre_parser_expr(p);
  if (!term || !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the condition", fix)) return;
  vyre_expr_id_t condition = vyre_parser_emit(p, term, VYRE_TYPE_BOOL);
  p->builder.position = word->position;
  if (condition) vyre_build_vote(&p->builder, var, condition);
}

static void parse_fence(vyre_parser_t *p, const vyre_token_t *word) {
  static const char fix[] = "Write fence.acquire() or another order, and perhaps a scope: fence.release.device().";
  vyre_access_spec_t access = {VYRE_TYPE_VOID, VYRE_ORDER_RELAXED, VYRE_SCOPE_SYSTEM};
  if (!vyre_parser_order(p, &access, fix) || !vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "after the order", fix) ||
      !vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after '('", fix))
    return;
  p->builder.position = word->position;
  p->builder.scope = access.scope;
  vyre_build_fence(&p->builder, access.order);
  p->builder.scope = VYRE_SCOPE_SYSTEM;
}

/* raw_store, store16, raw_copy, prefetch_write, sleep, wake, call_handler, after the name. */
static void parse_effect(vyre_parser_t *p, vyre_stmt_op_t op, const vyre_token_t *name) {
  vyre_type_t types[5] = {VYRE_TYPE_U64, VYRE_TYPE_U32, VYRE_TYPE_U32, VYRE_TYPE_U32, VYRE_TYPE_U32};
  vyre_access_spec_t access = {VYRE_TYPE_VOID, VYRE_ORDER_RELEASE, VYRE_SCOPE_SYSTEM};
  unsigned tag = 0, count = vyre_stmt_arity(op);
  uint32_t terms[5] = {0};
  vyre_expr_id_t values[5] = {0};
  if (op == VYRE_STMT_RAW_STORE) {
    if (!vyre_parser_access(p, &access)) return;
    types[1] = access.type;
  } else if (op == VYRE_STMT_STORE16) {
    tag = take_tag(p, "store16");
    if (tag > 3 || !take_order(p, &access)) return;
  } else if (op == VYRE_STMT_CALL_HANDLER) {
    types[0] = VYRE_TYPE_U32;
    types[1] = VYRE_TYPE_U64;
  } else if (op == VYRE_STMT_RAW_COPY) {
    types[1] = types[2] = VYRE_TYPE_U64;
  }
  char fix[96];
  snprintf(fix, sizeof fix, "Write %s(...) with %u argument%s.", vyre_stmt_text(op), count, count == 1 ? "" : "s");
  if (!vyre_parser_expect(p, VYRE_TOKEN_LEFT_PAREN, "before the arguments", fix)) return;
  for (unsigned i = 0; i < count; i++) {
    if (i > 0 && !vyre_parser_expect(p, VYRE_TOKEN_COMMA, "before the next argument", fix)) return;
    terms[i] = vyre_parser_expr(p);
    if (!terms[i]) return;
  }
  if (!vyre_parser_expect(p, VYRE_TOKEN_RIGHT_PAREN, "after the arguments", fix)) return;
  for (unsigned i = 0; i < count; i++) values[i] = vyre_parser_emit(p, terms[i], types[i]);
  p->builder.position = name->position;
  p->builder.scope = access.scope;
  switch (op) {
    case VYRE_STMT_RAW_STORE: vyre_build_raw_store(&p->builder, access.type, access.order, values[0], values[1]); break;
    case VYRE_STMT_STORE16: vyre_build_store16(&p->builder, tag, access.order, values[0], values + 1); break;
    case VYRE_STMT_PREFETCH:
    case VYRE_STMT_PREFETCH_WRITE: vyre_build_prefetch(&p->builder, op, values[0]); break;
    case VYRE_STMT_SLEEP: vyre_build_sleep(&p->builder, values[0], values[1]); break;
    case VYRE_STMT_WAKE: vyre_build_wake(&p->builder, values[0]); break;
    case VYRE_STMT_RAW_COPY: vyre_build_raw_copy(&p->builder, values[0], values[1], values[2]); break;
    default: vyre_build_call_handler(&p->builder, values[0], values[1]); break;
  }
  p->builder.scope = VYRE_SCOPE_SYSTEM;
}

bool vyre_parser_privileged_statement(vyre_parser_t *p, const vyre_token_t *name) {
  bool is_call = vyre_parser_at(p, VYRE_TOKEN_LEFT_PAREN) || vyre_parser_at(p, VYRE_TOKEN_DOT);
  for (int op = VYRE_STMT_NONE + 1; op < VYRE_STMT_COUNT; op++) {
    if (!vyre_stmt_is_privileged((vyre_stmt_op_t)op) ||
        !vyre_parser_token_is(p, name, vyre_stmt_text((vyre_stmt_op_t)op)))
      continue;
    if (!vyre_parser_privileged(p, name)) return true;
    bool is_plain = op == VYRE_STMT_PAUSE || op == VYRE_STMT_HEAVY_FENCE;
    if (op == VYRE_STMT_LOAD16 || (is_plain && is_call)) {
      vyre_status_t status = vyre_parser_error(p, VYRE_E_SYNTAX, name->position, "%s is not written so",
                                               vyre_stmt_text((vyre_stmt_op_t)op));
      vyre_parser_fail(p, vyre_status_with_fix(status,
                                               is_plain ? "Write `%s` alone, without parentheses."
                                                        : "Write `let a, b, c, d = %s.tag3(address)`.",
                                               vyre_stmt_text((vyre_stmt_op_t)op)));
      return true;
    }
    switch (op) {
      case VYRE_STMT_PAUSE:
      case VYRE_STMT_HEAVY_FENCE:
        p->builder.position = name->position;
        vyre_build_plain(&p->builder, (vyre_stmt_op_t)op);
        break;
      case VYRE_STMT_LANES: parse_lanes(p, name); break;
      case VYRE_STMT_VOTE: parse_vote(p, name); break;
      case VYRE_STMT_FENCE: parse_fence(p, name); break;
      default: parse_effect(p, (vyre_stmt_op_t)op, name); break;
    }
    return true;
  }
  return false;
}
