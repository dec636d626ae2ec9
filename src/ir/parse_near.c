/* Messages of the parser about words that nobody declared: what they may have been meant to be. */
#include <string.h>

#include "ir/parser.h"

#define TYPES "bool, u8, u16, u32, u64, i8, i16, i32, i64, f32, f64, f16, bf16, u32x2, u32x4"

enum { SUGGESTED_BYTES_MAX = 64 };

/* Edit distance where swapping two neighbours is one edit (optimal string alignment); both at most
 * SUGGESTED_BYTES_MAX. */
static unsigned edit_distance(const char *a, size_t a_length, const char *b, size_t b_length) {
  unsigned rows[3][SUGGESTED_BYTES_MAX + 1]; /* of i, i - 1 and i - 2, in turn */
  for (unsigned j = 0; j <= b_length; j++) rows[0][j] = j;
  for (unsigned i = 1; i <= a_length; i++) {
    unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice_above = rows[(i + 1) % 3];
    row[0] = i;
    for (unsigned j = 1; j <= b_length; j++) {
      unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);
      if (above[j] + 1 < best) best = above[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap && twice_above[j - 2] + 1 < best) best = twice_above[j - 2] + 1;
      row[j] = best;
    }
  }
  return rows[a_length % 3][b_length];
}

/* The nearest candidate so far to a misspelt word. */
typedef struct nearest {
  const char *word;
  size_t word_length;
  const char *best;
  size_t best_length;
  unsigned distance; /* of the best; a candidate must come below it */
} nearest_t;

static nearest_t nearest_begin(const vyre_parser_t *p, const vyre_token_t *word) {
  /* One edit in short words, two in longer ones; beyond that a suggestion is noise. */
  return (nearest_t){.word = vyre_parser_text(p, word),
                     .word_length = word->length,
                     .distance = word->length < 2   ? 0
                                 : word->length < 5 ? 2
                                                    : 3};
}

static void nearest_try(nearest_t *nearest, const char *candidate, size_t length) {
  size_t difference = length > nearest->word_length ? length - nearest->word_length : nearest->word_length - length;
  if (length == 0 || length > SUGGESTED_BYTES_MAX || nearest->word_length > SUGGESTED_BYTES_MAX ||
      difference >= nearest->distance)
    return;
  unsigned distance = edit_distance(nearest->word, nearest->word_length, candidate, length);
  if (distance >= nearest->distance) return;
  nearest->best = candidate;
  nearest->best_length = length;
  nearest->distance = distance;
}

void vyre_parser_fail_unknown_name(vyre_parser_t *p, const vyre_token_t *name) {
  nearest_t nearest = nearest_begin(p, name);
  for (uint32_t i = 1; i < p->scope.count; i++) nearest_try(&nearest, p->scope.names[i].text, p->scope.names[i].length);
  vyre_status_t status =
      vyre_parser_error(p, VYRE_E_NAME, name->position, "'%.*s' is not declared here", VYRE_TOKEN_SHOWN(p, name));
  bool is_function = false;
  for (uint32_t i = 0; i < p->builder.program->function_count; i++)
    is_function |= vyre_parser_token_is(p, name, p->builder.program->functions[i].name);
  if (is_function)
    status = vyre_status_with_fix(status, "Call the function: %.*s(...).", VYRE_TOKEN_SHOWN(p, name));
  else if (nearest.best)
    status =
        vyre_status_with_fix(status, "Write '%.*s' if that is what is meant, or declare '%.*s' before its first use.",
                             (int)nearest.best_length, nearest.best, VYRE_TOKEN_SHOWN(p, name));
  else
    status = vyre_status_with_fix(status, "Declare it before its first use, for example with `var %.*s = 0`.",
                                  VYRE_TOKEN_SHOWN(p, name));
  vyre_parser_fail(p, status);
}

static bool is_word(const char *text) { return *text >= 'a' && *text <= 'z'; }

/* Those that the text declares. */
static void try_functions(const vyre_parser_t *p, nearest_t *nearest) {
  const vyre_program_t *program = p->builder.program;
  for (uint32_t i = 0; i < program->function_count; i++)
    nearest_try(nearest, program->functions[i].name, strlen(program->functions[i].name));
}

void vyre_parser_fail_no_function(vyre_parser_t *p, const vyre_token_t *name) {
  nearest_t nearest = nearest_begin(p, name);
  try_functions(p, &nearest);
  vyre_status_t status = vyre_parser_error(p, VYRE_E_NAME, name->position, "the text declares no function '%.*s'",
                                           VYRE_TOKEN_SHOWN(p, name));
  if (vyre_word_is_function(vyre_parser_text(p, name), name->length))
    status = vyre_status_with_fix(status, "Declare `function f(a : T, b : T) : T { return %.*s(a, b) }`, combine f.",
                                  VYRE_TOKEN_SHOWN(p, name));
  else if (nearest.best)
    status = vyre_status_with_fix(status, "Write `combine %.*s`.", (int)nearest.best_length, nearest.best);
  else
    status = vyre_status_with_fix(status, "Declare `function %.*s(a : T, b : T) : T` below the parameters.",
                                  VYRE_TOKEN_SHOWN(p, name));
  vyre_parser_fail(p, status);
}

void vyre_parser_fail_unknown_function(vyre_parser_t *p, const vyre_token_t *name) {
  nearest_t nearest = nearest_begin(p, name);
  for (int op = VYRE_EXPR_NONE + 1; op < VYRE_EXPR_COUNT; op++) {
    const char *text = vyre_expr_text((vyre_expr_op_t)op);
    if (is_word(text) && (p->allow_privileged || vyre_expr_class((vyre_expr_op_t)op) != VYRE_CLASS_PRIVILEGED))
      nearest_try(&nearest, text, strlen(text));
  }
  try_functions(p, &nearest);
  vyre_status_t status =
      vyre_parser_error(p, VYRE_E_NAME, name->position, "there is no function '%.*s'", VYRE_TOKEN_SHOWN(p, name));
  if (vyre_word_is_function(vyre_parser_text(p, name), name->length))
    status = vyre_status_with_fix(status, "Write it as a statement of its own; it gives no value.");
  else if (nearest.best)
    status = vyre_status_with_fix(status, "Write %.*s(...).", (int)nearest.best_length, nearest.best);
  else
    status = vyre_status_with_fix(status,
                                  "Use a function of docs/language.md or a cast such as u64(x), or declare "
                                  "`function %.*s(...)` above the first statement.",
                                  VYRE_TOKEN_SHOWN(p, name));
  vyre_parser_fail(p, status);
}

void vyre_parser_fail_unknown_statement(vyre_parser_t *p, const vyre_token_t *name) {
  nearest_t nearest = nearest_begin(p, name);
  for (int kind = VYRE_TOKEN_LET; kind <= VYRE_TOKEN_TRAP; kind++)
    if (kind != VYRE_TOKEN_IN) {
      const char *text = vyre_token_text((vyre_token_kind_t)kind);
      nearest_try(&nearest, text, strlen(text));
    }
  static const vyre_stmt_op_t called[] = {VYRE_STMT_APPEND, VYRE_STMT_BARRIER, VYRE_STMT_ASYNC_LOAD,
                                          VYRE_STMT_ASYNC_STORE, VYRE_STMT_ASYNC_WAIT};
  for (size_t i = 0; i < sizeof called / sizeof *called; i++)
    nearest_try(&nearest, vyre_stmt_text(called[i]), strlen(vyre_stmt_text(called[i])));
  for (int role = VYRE_ROLE_SCALAR; vyre_parser_at(p, VYRE_TOKEN_NAME) && role < VYRE_ROLE_COUNT; role++)
    nearest_try(&nearest, vyre_role_text((vyre_role_t)role), strlen(vyre_role_text((vyre_role_t)role)));
  if (vyre_parser_at(p, VYRE_TOKEN_LEFT_PAREN) || vyre_parser_at(p, VYRE_TOKEN_DOT)) {
    try_functions(p, &nearest);
    for (int op = VYRE_EXPR_ATOMIC_LOAD; op <= VYRE_EXPR_ATOMIC_CAS; op++)
      nearest_try(&nearest, vyre_expr_text((vyre_expr_op_t)op), strlen(vyre_expr_text((vyre_expr_op_t)op)));
  }
  for (int op = VYRE_STMT_NONE + 1; p->allow_privileged && op < VYRE_STMT_COUNT; op++)
    if (vyre_stmt_is_privileged((vyre_stmt_op_t)op))
      nearest_try(&nearest, vyre_stmt_text((vyre_stmt_op_t)op), strlen(vyre_stmt_text((vyre_stmt_op_t)op)));
  const char *word = vyre_parser_text(p, name);
  bool is_else_if =
      (name->length == 4 && memcmp(word, "elif", 4) == 0) || (name->length == 6 && memcmp(word, "elseif", 6) == 0);
  vyre_status_t status = vyre_parser_error(p, VYRE_E_SYNTAX, name->position, "'%.*s' does not begin a statement",
                                           VYRE_TOKEN_SHOWN(p, name));
  if (is_else_if)
    status = vyre_status_with_fix(status, "Write `else if`.");
  else if (nearest.best)
    status = vyre_status_with_fix(status, "Write `%.*s` if that is what is meant, or assign: `%.*s = ...`.",
                                  (int)nearest.best_length, nearest.best, VYRE_TOKEN_SHOWN(p, name));
  else
    status = vyre_status_with_fix(status,
                                  "Write an assignment (`%.*s = ...`, `%.*s += ...`), or one of let, var, if, while, "
                                  "forever, for, foreach, switch.",
                                  VYRE_TOKEN_SHOWN(p, name), VYRE_TOKEN_SHOWN(p, name));
  vyre_parser_fail(p, status);
}

/* What other languages call our types. */
static const char *translate_type(const char *word, size_t length) {
  static const struct {
    const char *theirs, *ours;
  } known[] = {{"uint8_t", "u8"},   {"uint16_t", "u16"}, {"uint32_t", "u32"}, {"uint64_t", "u64"},  {"int8_t", "i8"},
               {"int16_t", "i16"},  {"int32_t", "i32"},  {"int64_t", "i64"},  {"int", "i32"},       {"uint", "u32"},
               {"unsigned", "u32"}, {"long", "i64"},     {"size_t", "u64"},   {"usize", "u64"},     {"isize", "i64"},
               {"char", "u8"},      {"byte", "u8"},      {"short", "i16"},    {"boolean", "bool"},  {"_Bool", "bool"},
               {"uint8", "u8"},     {"uint16", "u16"},   {"uint32", "u32"},   {"uint64", "u64"},    {"int8", "i8"},
               {"int16", "i16"},    {"int32", "i32"},    {"int64", "i64"},    {"float", "f32"},     {"double", "f64"},
               {"half", "f16"},     {"float32", "f32"},  {"float64", "f64"},  {"bfloat16", "bf16"}, {"uint2", "u32x2"},
               {"uint4", "u32x4"}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strlen(known[i].theirs) == length && memcmp(known[i].theirs, word, length) == 0) return known[i].ours;
  return NULL;
}

void vyre_parser_fail_type(vyre_parser_t *p) {
  if (!vyre_parser_at(p, VYRE_TOKEN_NAME)) {
    vyre_parser_fail(p, vyre_status_with_fix(vyre_parser_unexpected(p, "a type"), "Write one of " TYPES "."));
    return;
  }
  vyre_token_t word = p->token;
  nearest_t nearest = nearest_begin(p, &word);
  nearest.distance = 2; /* type names are short: one edit */
  for (int type = VYRE_TYPE_BOOL; type < VYRE_TYPE_COUNT; type++)
    nearest_try(&nearest, vyre_type_text((vyre_type_t)type), strlen(vyre_type_text((vyre_type_t)type)));
  const char *ours = translate_type(vyre_parser_text(p, &word), word.length);
  if (!ours && nearest.best) ours = nearest.best; /* a table's string, NUL-terminated */
  vyre_status_t status =
      vyre_parser_error(p, VYRE_E_TYPE, word.position, "there is no type '%.*s'", VYRE_TOKEN_SHOWN(p, &word));
  if (ours)
    status = vyre_status_with_fix(status, "Write %s; the types are " TYPES ".", ours);
  else
    status = vyre_status_with_fix(status, "Write one of " TYPES ".");
  vyre_parser_fail(p, status);
}
