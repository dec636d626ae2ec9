/* Every rule of rules.def, for every type it applies to: the interpreter gives the same value for the pattern and for
 * what it becomes, and both have one canonical form. VYRE_SEED=N runs with another seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/builder.h"
#include "ir/canonical.h"
#include "ir/rules.h"
#include "ir/typing.h"
#include "support/random.h"
#include "support/run.h"

enum { ROUNDS = 12, LETTERS = VYRE_TERM_LETTERS };

/* One rule with types: `first` is that of the first letter, `second` and `third` those of casts, the outermost first,
 * and of what a select chooses from. */
typedef struct trial {
  const vyre_rule_t *rule;
  vyre_type_t first, second, third;
  random_t random;
  vyre_builder_t b;
  vyre_var_id_t vars[LETTERS];  /* 0: not met yet */
  uint64_t constants[LETTERS];  /* of C and D */
  vyre_type_t types[LETTERS];   /* VOID: not met yet */
  uint64_t values[2 * LETTERS]; /* of the scalar parameters, two for each letter */
  unsigned casts;
} trial_t;

static bool is_letter(uint16_t term) { return term >= VYRE_TERM_X && term < VYRE_TERM_X + LETTERS; }
static bool is_constant_letter(uint16_t term) { return term == VYRE_TERM_C || term == VYRE_TERM_D; }

static uint64_t random_value(trial_t *t, vyre_type_t type) {
  static const vyre_term_t ends[] = {VYRE_TERM_ZERO,    VYRE_TERM_ONE,    VYRE_TERM_MINUS_ONE, VYRE_TERM_MINUS_ZERO,
                                     VYRE_TERM_HIGHEST, VYRE_TERM_LOWEST, VYRE_TERM_COUNT_MASK};
  static const uint64_t floats[] = {0x7F800000, 0xFF800000, 0x7FC00000, 1,
                                    0x80000001, 0x3FC00000, 0xC0200000, 0x4B000001};
  static const uint64_t doubles[] = {0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 1,
                                     0x8000000000000001, 0x3FF8000000000000, 0xC004000000000000, 0x4330000000000001};
  uint64_t value = 0;
  if (vyre_type_is_float(type) && random_once_in(&t->random, 2)) {
    uint32_t i = random_below(&t->random, 8);
    return type == VYRE_TYPE_F64 ? doubles[i] : floats[i];
  }
  if (random_once_in(&t->random, 2) && vyre_term_value(ends[random_below(&t->random, 7)], type, &value)) return value;
  if (random_once_in(&t->random, 3)) return random_below(&t->random, 80) & vyre_type_mask(type);
  return random_next(&t->random) & vyre_type_mask(type);
}

/* What C has to be for the rule to apply; the others are random. */
static uint64_t constant_value(trial_t *t, uint16_t term, vyre_type_t type) {
  uint64_t value = random_value(t, type), end = 0;
  unsigned bits = vyre_type_bits(type);
  if (term != VYRE_TERM_C) return value;
  if (t->rule->when == VYRE_WHEN_POWER) return UINT64_C(1) << random_below(&t->random, bits);
  if (t->rule->when == VYRE_WHEN_OVER) return value >= bits ? value : vyre_type_mask(type) - value;
  bool is_end =
      (t->rule->when == VYRE_WHEN_BELOW_HIGHEST && vyre_term_value(VYRE_TERM_HIGHEST, type, &end) && value == end) ||
      (t->rule->when == VYRE_WHEN_ABOVE_LOWEST && vyre_term_value(VYRE_TERM_LOWEST, type, &end) && value == end);
  return is_end ? value ^ 1 : value;
}

/* The value of a letter: `let x = ` something of the parameters. */
static vyre_expr_id_t letter_value(trial_t *t, unsigned letter, vyre_type_t type) {
  vyre_builder_t *b = &t->b;
  char name[2][8];
  snprintf(name[0], sizeof name[0], "p%u", letter);
  snprintf(name[1], sizeof name[1], "q%u", letter);
  bool is_vector = vyre_type_kind(type) == VYRE_KIND_VECTOR, is_half = vyre_type_kind(type) == VYRE_KIND_HALF;
  vyre_type_t given = is_vector ? VYRE_TYPE_U32 : is_half ? VYRE_TYPE_F32 : type;
  vyre_expr_id_t parts[4];
  for (unsigned i = 0; i < (is_vector ? 2u : 1u); i++) {
    vyre_param_id_t param = vyre_build_memory(b, VYRE_ROLE_SCALAR, name[i], given, 0);
    parts[i] = vyre_build_param_value(b, VYRE_EXPR_SCALAR, param);
    if (vyre_builder_ok(b)) t->values[param] = random_value(t, given);
  }
  if (is_half) return vyre_build_cast(b, type, parts[0]);
  if (!is_vector) return parts[0];
  return vyre_build_vector(b, VYRE_TYPE_U32X2, parts);
}

static vyre_expr_id_t build(trial_t *t, const uint16_t **terms, vyre_type_t type);

static vyre_expr_id_t build_letter(trial_t *t, uint16_t term, vyre_type_t type) {
  unsigned letter = term - VYRE_TERM_X;
  if (t->types[letter] == VYRE_TYPE_VOID) {
    t->types[letter] = type;
    t->constants[letter] = constant_value(t, term, type);
  }
  if (is_constant_letter(term)) return vyre_build_const(&t->b, t->types[letter], t->constants[letter]);
  return vyre_build_var(&t->b, t->vars[letter]);
}

static vyre_type_t type_of(const trial_t *t, vyre_expr_id_t id) { return (vyre_type_t)t->b.program->exprs[id].type; }

static vyre_expr_id_t build_node(trial_t *t, vyre_expr_op_t op, const uint16_t **terms, vyre_type_t type) {
  vyre_builder_t *b = &t->b;
  switch (vyre_expr_class(op)) {
    case VYRE_CLASS_CAST: {
      vyre_type_t to = t->casts++ == 0 ? t->second : t->third;
      vyre_expr_id_t x = build(t, terms, t->first);
      return op == VYRE_EXPR_CAST ? vyre_build_cast(b, to, x) : vyre_build_bitcast(b, to, x);
    }
    case VYRE_CLASS_PART: {
      unsigned index = *(*terms)++;
      return vyre_build_part(b, build(t, terms, VYRE_TYPE_U32X2), index);
    }
    case VYRE_CLASS_MAKE: {
      vyre_expr_id_t parts[4] = {0};
      for (unsigned i = 0; i < 2; i++) parts[i] = build(t, terms, VYRE_TYPE_U32);
      return vyre_build_vector(b, VYRE_TYPE_U32X2, parts);
    }
    case VYRE_CLASS_SELECT: {
      bool is_value_first = (*terms)[0] == VYRE_TERM_TRUE || (*terms)[0] == VYRE_TERM_FALSE;
      vyre_type_t chosen = is_value_first ? t->first : t->second;
      vyre_expr_id_t c = build(t, terms, VYRE_TYPE_BOOL), x = build(t, terms, chosen), y = build(t, terms, chosen);
      return vyre_build_select(b, c, x, y);
    }
    case VYRE_CLASS_UNARY: return vyre_build_unary(b, op, build(t, terms, type));
    default: {
      bool is_compare = vyre_expr_class(op) == VYRE_CLASS_COMPARE;
      vyre_expr_id_t left = build(t, terms, is_compare ? t->first : type);
      if (!vyre_builder_ok(b)) return 0;
      return vyre_build_binary(b, op, left, build(t, terms, type_of(t, left)));
    }
  }
}

/* A term of `type`, where it is free to choose. */
static vyre_expr_id_t build(trial_t *t, const uint16_t **terms, vyre_type_t type) {
  uint16_t term = *(*terms)++;
  uint64_t value = 0;
  if (!vyre_builder_ok(&t->b)) return 0;
  if (term < VYRE_TERM_X) return build_node(t, (vyre_expr_op_t)term, terms, type);
  if (is_letter(term)) return build_letter(t, term, type);
  if (vyre_term_value((vyre_term_t)term, type, &value)) return vyre_build_const(&t->b, type, value);
  vyre_builder_fail(&t->b, vyre_status_make(VYRE_E_TYPE, "no such value"));
  return 0;
}

/* o ^= the bits of the value. */
static void put_value(trial_t *t, vyre_param_id_t output, vyre_var_id_t var, vyre_type_t type) {
  vyre_builder_t *b = &t->b;
  bool is_vector = vyre_type_kind(type) == VYRE_KIND_VECTOR;
  for (unsigned i = 0; i < (is_vector ? 2u : 1u); i++) {
    vyre_expr_id_t value = vyre_build_var(b, var);
    if (is_vector) value = vyre_build_part(b, value, i);
    if (type == VYRE_TYPE_F64) value = vyre_build_bitcast(b, VYRE_TYPE_U64, value);
    if (type == VYRE_TYPE_F32) value = vyre_build_bitcast(b, VYRE_TYPE_U32, value);
    if (vyre_type_kind(type) == VYRE_KIND_HALF) value = vyre_build_bitcast(b, VYRE_TYPE_U16, value);
    value = vyre_build_binary(b, VYRE_EXPR_XOR, vyre_build_cast(b, VYRE_TYPE_U64, value),
                              vyre_build_const(b, VYRE_TYPE_U64, i ? 0xABCD0000 : 0));
    vyre_build_reduce(b, output, value);
  }
}

/* The types that letters have, without what is built on the way. */
static bool learn_types(trial_t *t) {
  const uint16_t *terms = t->rule->pattern;
  vyre_builder_init(&t->b, "types", "", false);
  for (unsigned i = 0; i < LETTERS; i++) t->vars[i] = 0;
  /* A variable of each letter that could be: their types are not known yet, so that a first walk only finds them. */
  vyre_type_t found[LETTERS] = {VYRE_TYPE_VOID};
  for (unsigned round = 0; round < LETTERS; round++) {
    vyre_builder_deinit(&t->b);
    vyre_builder_init(&t->b, "types", "", false);
    for (unsigned i = 0; i < LETTERS; i++) {
      t->types[i] = VYRE_TYPE_VOID;
      vyre_type_t type = found[i] ? found[i] : t->first;
      t->vars[i] = vyre_build_let(&t->b, "v", letter_value(t, i, type), false);
    }
    terms = t->rule->pattern;
    t->casts = 0;
    build(t, &terms, t->first);
    if (memcmp(found, t->types, sizeof found) == 0) break;
    memcpy(found, t->types, sizeof found);
  }
  bool is_well = vyre_builder_ok(&t->b);
  vyre_builder_deinit(&t->b);
  return is_well;
}

/* A Program of the pattern, of the replacement, or of both, each to an output of its own. NULL when the types do not
 * fit. Constants stay as they were once they have been chosen. */
static vyre_program_t *make_program(trial_t *t, bool has_pattern, bool has_replacement) {
  vyre_program_t *program = NULL;
  vyre_builder_init(&t->b, "rule", "", false);
  vyre_param_id_t outputs[2] = {0};
  const char *const names[] = {"o0", "o1"};
  vyre_type_t result = VYRE_TYPE_VOID;
  for (unsigned i = 0; i < LETTERS; i++)
    if (t->types[i]) t->vars[i] = vyre_build_let(&t->b, "v", letter_value(t, i, t->types[i]), false);
  for (unsigned i = 0; i < 2; i++) outputs[i] = vyre_build_output(&t->b, names[i], VYRE_TYPE_U64, 0, VYRE_REDUCER_XOR);
  for (unsigned side = 0; side < 2 && vyre_builder_ok(&t->b); side++) {
    const uint16_t *terms = side ? t->rule->replacement : t->rule->pattern;
    t->casts = 0;
    vyre_expr_id_t value = build(t, &terms, result ? result : t->first);
    if (!vyre_builder_ok(&t->b)) break;
    if (side == 0) result = type_of(t, value);
    if (type_of(t, value) != result) {
      vyre_builder_fail(&t->b, vyre_status_make(VYRE_E_TYPE, "another type"));
      break;
    }
    vyre_var_id_t var = vyre_build_let(&t->b, "r", value, false);
    if (side ? has_replacement : has_pattern)
      put_value(t, outputs[has_pattern && has_replacement ? side : 0], var, result);
  }
  vyre_status_t status = vyre_builder_finish(&t->b, &program);
  vyre_status_destroy(&status);
  return program;
}

static bool condition_holds(const trial_t *t) {
  vyre_type_t x = t->types[0];
  switch (t->rule->when) {
    case VYRE_WHEN_SAME: return t->rule->pattern[0] == VYRE_EXPR_MAKE2 || t->second == x;
    case VYRE_WHEN_TO_BOOL: return t->second == VYRE_TYPE_BOOL;
    case VYRE_WHEN_TO_INTEGER: return vyre_type_is_integer(t->second);
    case VYRE_WHEN_BY_INTEGER: return vyre_type_is_integer(t->third);
    default: return true;
  }
}

static bool same_fingerprint(const vyre_program_t *a, const vyre_program_t *b) {
  unsigned char first[VYRE_BLAKE3_BYTES], second[VYRE_BLAKE3_BYTES];
  assert_null(vyre_fingerprint(a, first));
  assert_null(vyre_fingerprint(b, second));
  return memcmp(first, second, sizeof first) == 0;
}

static void expect_same_values(const trial_t *t, const vyre_program_t *both) {
  run_binding_t bindings[VYRE_LIMIT_PARAMS] = {0};
  run_result_t result;
  for (uint32_t i = 0; i < both->param_count; i++) bindings[i].value = t->values[i];
  run_reference(both, &(run_input_t){.fuel = 1, .bindings = bindings}, &result);
  uint64_t pattern = run_result_output(both, &result, "o0", 0), becomes = run_result_output(both, &result, "o1", 0);
  bool divides_by_zero = result.fault == VYRE_FAULT_DIVISION;
  run_result_deinit(&result);
  if (divides_by_zero) return;
  if (pattern != becomes)
    fail_msg("%s on %s, %s, %s: %llx becomes %llx (x %llx)", t->rule->text, vyre_type_text(t->first),
             vyre_type_text(t->second), vyre_type_text(t->third), (unsigned long long)pattern,
             (unsigned long long)becomes, (unsigned long long)t->values[0]);
}

/* Whether it applies follows from three types, which only the canonicalizer knows. */
static bool is_merge(const trial_t *t) {
  return t->rule->when == VYRE_WHEN_MERGES || t->rule->when == VYRE_WHEN_SIGN_ONLY;
}

/* Gives whether the types fit the rule. */
static bool try_types(trial_t *t) {
  bool fits = false;
  for (unsigned round = 0; round < ROUNDS; round++) {
    memset(t->constants, 0, sizeof t->constants);
    memset(t->types, 0, sizeof t->types);
    if (!learn_types(t)) return false;
    if (!(t->rule->on >> vyre_type_kind(t->first) & 1) || !condition_holds(t)) return false;
    vyre_program_t *both = make_program(t, true, true), *pattern = make_program(t, true, false),
                   *becomes = make_program(t, false, true);
    if (both && pattern && becomes) {
      bool is_one = same_fingerprint(pattern, becomes);
      if (!is_one && !is_merge(t))
        fail_msg("%s on %s, %s, %s: the canonicalizer does not take them for the same", t->rule->text,
                 vyre_type_text(t->first), vyre_type_text(t->second), vyre_type_text(t->third));
      if (is_one) expect_same_values(t, both);
      fits = fits || is_one;
    }
    vyre_program_destroy(&both);
    vyre_program_destroy(&pattern);
    vyre_program_destroy(&becomes);
  }
  return fits;
}

static bool has_term(const vyre_rule_t *rule, uint16_t wanted) {
  for (const uint16_t *term = rule->pattern; *term != VYRE_TERM_END; term++)
    if (*term == wanted) return true;
  return false;
}

static void every_rule_keeps_the_value(void **state) {
  (void)state;
  const char *seed = getenv("VYRE_SEED");
  trial_t t = {.random = {seed ? strtoull(seed, NULL, 0) : 1}};
  for (uint32_t i = 0; i < vyre_rule_count; i++) {
    uint32_t fits = 0;
    t.rule = &vyre_rules[i];
    bool has_second =
        has_term(t.rule, VYRE_EXPR_CAST) || has_term(t.rule, VYRE_EXPR_BITCAST) || has_term(t.rule, VYRE_EXPR_SELECT);
    bool has_third = has_second && !has_term(t.rule, VYRE_EXPR_SELECT) && is_merge(&t);
    has_third = has_third || t.rule->when == VYRE_WHEN_BY_INTEGER;
    for (vyre_type_t first = VYRE_TYPE_BOOL; first < VYRE_TYPE_COUNT; first++)
      for (vyre_type_t second = VYRE_TYPE_BOOL; second < (has_second ? VYRE_TYPE_COUNT : VYRE_TYPE_U8); second++)
        for (vyre_type_t third = VYRE_TYPE_BOOL; third < (has_third ? VYRE_TYPE_COUNT : VYRE_TYPE_U8); third++) {
          t.first = first;
          t.second = second;
          t.third = third;
          fits += try_types(&t);
        }
    if (fits == 0) fail_msg("%s: applies to nothing", t.rule->text);
  }
}

/* How deep a letter stands, 0 where it does not; the end of the term that begins at *terms is stored there. */
static unsigned depth_of(const uint16_t **terms, uint16_t letter, unsigned depth) {
  uint16_t term = *(*terms)++;
  unsigned deepest = term == letter ? depth : 0;
  if (term >= VYRE_TERM_X) return deepest;
  if (term == VYRE_EXPR_PART) ++*terms;
  for (unsigned i = 0; i < vyre_expr_arity((vyre_expr_op_t)term); i++) {
    unsigned found = depth_of(terms, letter, depth + 1);
    if (found > deepest) deepest = found;
  }
  return deepest;
}

static void no_rule_moves_a_letter_deeper(void **state) {
  (void)state;
  for (uint32_t i = 0; i < vyre_rule_count; i++)
    for (uint16_t letter = VYRE_TERM_X; is_letter(letter); letter++) {
      const uint16_t *pattern = vyre_rules[i].pattern, *replacement = vyre_rules[i].replacement;
      bool is_folded = is_constant_letter(letter); /* what is around it is computed */
      if (depth_of(&replacement, letter, 1) > depth_of(&pattern, letter, 1) && !is_folded)
        fail_msg("%s: a letter comes to stand deeper", vyre_rules[i].text);
    }
}

/* The engine counts on these. */
static void rules_are_well_formed(void **state) {
  (void)state;
  assert_true(vyre_rule_count > 100);
  for (uint32_t i = 0; i < vyre_rule_count; i++) {
    const vyre_rule_t *rule = &vyre_rules[i];
    unsigned used[LETTERS] = {0}, letters = 0;
    if (rule->pattern[0] >= VYRE_TERM_X) fail_msg("%s: no node", rule->text);
    for (const uint16_t *term = rule->replacement; *term != VYRE_TERM_END; term++) {
      if (!is_letter(*term)) continue;
      if (used[*term - VYRE_TERM_X]++) fail_msg("%s: a letter would have two parents", rule->text);
      if (!has_term(rule, *term)) fail_msg("%s: a letter out of nowhere", rule->text);
    }
    for (const uint16_t *term = rule->pattern; *term != VYRE_TERM_END; term++) letters += is_letter(*term);
    if (letters == 0) fail_msg("%s: no letter", rule->text);
    for (const uint16_t *term = rule->replacement; *term != VYRE_TERM_END; term++)
      if (*term == VYRE_EXPR_DIV || *term == VYRE_EXPR_REM || *term == VYRE_EXPR_LOAD)
        fail_msg("%s: makes what may fault", rule->text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rules_are_well_formed),
      cmocka_unit_test(no_rule_moves_a_letter_deeper),
      cmocka_unit_test(every_rule_keeps_the_value),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
