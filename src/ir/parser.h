/* What the parts of the parser share: parse.c (tokens, names, the order of a text), parse_header.c (parameters),
 * parse_function.c (functions, finish), parse_stmt.c, parse_target.c (what begins with the name of a variable or
 * parameter), parse_lanes.c (barriers, copies), parse_privileged.c, parse_expr.c and parse_call.c (tokens to terms),
 * parse_emit.c (terms to nodes), parse_error.c and parse_near.c (messages).
 *
 * An expression is read into terms first and given to the builder when it is complete: only then is it known which
 * type its literals take. Terms live until the end of their statement.
 *
 * Owns:   its terms, scope, marks and the builder's program until finish.
 * Errors: sticky, in builder.status; every function returns quickly after the first. */
#ifndef VYRE_IR_PARSER_H
#define VYRE_IR_PARSER_H

#include "ir/builder.h"
#include "ir/lexer.h"
#include "ir/names.h"

typedef struct vyre_term {
  uint8_t op;          /* vyre_expr_op_t */
  uint8_t type;        /* of the value; VOID while nothing but literals without suffix is below */
  uint8_t order;       /* vyre_order_t */
  uint8_t scope;       /* vyre_scope_t */
  bool is_negative;    /* CONST: imm is to be negated; others without type: such a literal or a negation is below */
  bool is_float;       /* CONST: imm is where its digits are; others without type: such a literal is below */
  bool is_minus;       /* CONST: a '-' belongs to it, be it zero */
  uint16_t depth;      /* 1 for a leaf */
  uint32_t a, b, c, d; /* as in vyre_expr_t, with terms for expressions */
  uint64_t imm;        /* CONST: the magnitude, or of a float offset << 32 | bytes in the text; PART: which */
  vyre_position_t position;
} vyre_term_t;

/* Whose statements are read. */
typedef enum vyre_text_place { VYRE_TEXT_BODY, VYRE_TEXT_FUNCTION, VYRE_TEXT_FINISH } vyre_text_place_t;

typedef struct vyre_parser {
  vyre_lexer_t lexer;
  vyre_token_t token; /* the one looked at; END after an error */
  vyre_builder_t builder;
  vyre_names_t scope;
  uint32_t param_names; /* mark behind the parameters: what functions and finish see */
  const char *source_name;
  vyre_term_t *terms; /* terms[0] is reserved */
  size_t term_capacity;
  uint32_t term_count;
  uint32_t depth; /* of nested expressions being read */
  vyre_text_place_t place;
  bool allow_privileged;
  bool has_workgroup_size, has_chunk;
  /* Names of what is declared further down: END where there is none. */
  vyre_token_t halos[2];
  vyre_token_t combines[VYRE_LIMIT_PARAMS]; /* by parameter */
  /* Offsets of the first token of each declaration and statement, in order: for the formatter. */
  bool keeps_marks;
  uint32_t *marks;
  size_t mark_capacity;
  uint32_t mark_count;
} vyre_parser_t;

/* In a mark: a function, the first statement of the body, or finish, set off by a blank line. */
#define VYRE_MARK_SECTION (UINT32_C(1) << 31)

static inline bool vyre_parser_ok(const vyre_parser_t *p) { return vyre_builder_ok(&p->builder); }

/* Runs the whole of it; the program and the marks stay in the parser. */
void vyre_parser_init(vyre_parser_t *p, const char *text, size_t length, const char *source_name);
void vyre_parser_run(vyre_parser_t *p);
void vyre_parser_deinit(vyre_parser_t *p);

void vyre_parser_advance(vyre_parser_t *p);
/* The token that comes `count` behind the one looked at; END where it is none. */
vyre_token_t vyre_parser_peek(const vyre_parser_t *p, unsigned count);
/* At a name that a statement begins with, whatever its word: `=`, `+=`, `[`, `.`, `min=` or, of a call, `(` follows. */
bool vyre_parser_names_statement(const vyre_parser_t *p);
static inline bool vyre_parser_at(const vyre_parser_t *p, vyre_token_kind_t kind) { return p->token.kind == kind; }
static inline const char *vyre_parser_text(const vyre_parser_t *p, const vyre_token_t *token) {
  return p->lexer.text + token->offset;
}
/* printf arguments for "%.*s": the token's text, cut where it is too long for a message. */
#define VYRE_TOKEN_SHOWN(p, token) (int)((token)->length > 40 ? 40 : (token)->length), vyre_parser_text(p, token)

/* A name as a C string; the lexer limits names to VYRE_LIMIT_NAME_BYTES. */
typedef struct vyre_name_text {
  char text[VYRE_LIMIT_NAME_BYTES + 1];
} vyre_name_text_t;

vyre_name_text_t vyre_parser_copy_name(const vyre_parser_t *p, const vyre_token_t *name);
bool vyre_parser_token_is(const vyre_parser_t *p, const vyre_token_t *token, const char *word);
/* Passes over a name that is not declared yet; declare follows when the node is there. */
bool vyre_parser_new_name(vyre_parser_t *p, vyre_token_t *out_name, const char *what);
void vyre_parser_declare(vyre_parser_t *p, const vyre_token_t *name, bool is_param, uint32_t id);
bool vyre_parser_type(vyre_parser_t *p, vyre_type_t *out_type);
void vyre_parser_skip_semicolons(vyre_parser_t *p);
void vyre_parser_mark(vyre_parser_t *p);
void vyre_parser_mark_section(vyre_parser_t *p);

/* parse_header.c: all parameters, up to the first token that is none. */
void vyre_parser_header(vyre_parser_t *p);
bool vyre_parser_at_header_line(const vyre_parser_t *p);

/* parse_function.c */
void vyre_parser_functions(vyre_parser_t *p); /* and what combines outputs */
bool vyre_parser_at_finish(const vyre_parser_t *p);
void vyre_parser_finish(vyre_parser_t *p);
/* VYRE_FUNCTION_NONE when no function of the Program has this name. */
vyre_function_id_t vyre_parser_user_function(const vyre_parser_t *p, const vyre_token_t *name);

/* parse_stmt.c */
void vyre_parser_statement(vyre_parser_t *p);
void vyre_parser_block(vyre_parser_t *p); /* from '{' to '}' */

/* parse_target.c: from the name that a statement begins with. */
void vyre_parser_name_statement(vyre_parser_t *p);

/* parse_lanes.c: append, barrier, copies, from behind the name on; false when it is none of them. */
bool vyre_parser_effect_statement(vyre_parser_t *p, const vyre_token_t *name);
/* A parameter's name, passed over; `fix` shows how the statement is written. */
bool vyre_parser_param_name(vyre_parser_t *p, vyre_param_id_t *out_param, const char *fix);

/* parse_privileged.c: a statement that begins with a privileged node's name, from behind it on; false when it does not.
 * `let a, b, c, d = load16.tag3(address)`, from the first comma on. */
bool vyre_parser_privileged_statement(vyre_parser_t *p, const vyre_token_t *name);
void vyre_parser_load16(vyre_parser_t *p, vyre_position_t position, const vyre_token_t *first);

/* parse_expr.c: 0 and false after an error. */
uint32_t vyre_parser_expr(vyre_parser_t *p);
uint32_t vyre_parser_add_term(vyre_parser_t *p, vyre_term_t term);
/* Of an op whose `count` operands and result have one type: that of the operands that have one. */
uint32_t vyre_parser_add_joined(vyre_parser_t *p, vyre_term_t term, const uint32_t *operands, unsigned count);

/* parse_emit.c: gives the terms to the builder; `expected` is the type that literals take where nothing else gives them
 * one. */
vyre_expr_id_t vyre_parser_emit(vyre_parser_t *p, uint32_t term, vyre_type_t expected);
/* What the index of a buffer or an output is expected to be. */
vyre_type_t vyre_parser_index_type(const vyre_param_t *param);

/* parse_call.c: from behind the name of a function on. A statement takes what gives no value, too. */
uint32_t vyre_parser_call(vyre_parser_t *p, const vyre_token_t *name, bool is_statement);
bool vyre_parser_arguments(vyre_parser_t *p, const vyre_token_t *name, unsigned count, uint32_t *out_terms);
/* How a memory access, an atomic or a barrier orders, and between whom. */
typedef struct vyre_access_spec {
  vyre_type_t type;
  vyre_order_t order;
  vyre_scope_t scope;
} vyre_access_spec_t;
/* '.' type '.' order and perhaps '.' scope, as in raw_load.u32.acquire.device. */
bool vyre_parser_access(vyre_parser_t *p, vyre_access_spec_t *out_access);
/* The same without the type; `fix` shows how it is written. A scope that is not written stays as it is. */
bool vyre_parser_order(vyre_parser_t *p, vyre_access_spec_t *out_access, const char *fix);
/* The node of a function's name, VYRE_EXPR_NONE when there is none. */
vyre_expr_op_t vyre_parser_function(const vyre_parser_t *p, const vyre_token_t *name);
/* Notes that the program is privileged; fails when that is not allowed. */
bool vyre_parser_privileged(vyre_parser_t *p, const vyre_token_t *name);

/* parse_error.c, parse_near.c. `expect` passes over a token of this kind, or fails: `after` says where ("after the
 * name"), `fix` may be NULL. */
bool vyre_parser_expect(vyre_parser_t *p, vyre_token_kind_t kind, const char *after, const char *fix);
void vyre_parser_fail(vyre_parser_t *p, vyre_status_t status);
vyre_status_t vyre_parser_error(vyre_parser_t *p, vyre_code_t code, vyre_position_t position, const char *format, ...)
    VYRE_PRINTF(4, 5);
/* "expected WHAT, found TOKEN" */
vyre_status_t vyre_parser_unexpected(vyre_parser_t *p, const char *what);
void vyre_parser_fail_unknown_name(vyre_parser_t *p, const vyre_token_t *name);
void vyre_parser_fail_unknown_function(vyre_parser_t *p, const vyre_token_t *name);
void vyre_parser_fail_unknown_statement(vyre_parser_t *p, const vyre_token_t *name);
void vyre_parser_fail_no_function(vyre_parser_t *p, const vyre_token_t *name); /* that combine names */
void vyre_parser_fail_type(vyre_parser_t *p);
/* A parameter where a value is wanted; where something is assigned. */
void vyre_parser_fail_no_value(vyre_parser_t *p, const vyre_token_t *name, vyre_param_id_t param);
void vyre_parser_fail_no_target(vyre_parser_t *p, const vyre_token_t *name, vyre_param_id_t param);
/* Adds the line of the source that `where` of the status points to. */
vyre_status_t vyre_parser_with_source(const vyre_parser_t *p, vyre_status_t status);

#endif
