/* The text form over random Programs and over damaged texts. VYRE_SEED=N runs with another seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ir/golden_files.h"
#include "ir/program_equal.h"
#include <vyre/program.h>

#include "ir/float_text.h"
#include "ir/text.h"
#include "ir/value.h"
#include "support/generate.h"
#include "support/random.h"

enum { PROGRAMS = 3000, DAMAGED_TEXTS = 20000, FLOATS = 40000, DAMAGED_BYTES_MAX = 8192 };

static uint64_t seed_of_run(void) {
  const char *text = getenv("VYRE_SEED");
  return text ? strtoull(text, NULL, 0) : 1;
}

static char *print(const vyre_program_t *program) {
  vyre_strbuf_t out;
  vyre_strbuf_init(&out);
  vyre_text_print(program, &out);
  char *text = vyre_strbuf_take(&out);
  assert_non_null(text);
  return text;
}

/* Prints, parses, compares; prints and formats again, which must change nothing. */
static void expect_round_trip(const vyre_program_t *program, bool with_names, const char *what) {
  char *text = print(program), *formatted = NULL;
  vyre_program_t *again = NULL;
  vyre_status_t status = vyre_text_parse(text, strlen(text), "again", program->is_privileged, &again);
  if (status)
    fail_msg("%s: %s: %s\n%s\n%s", what, vyre_status_where(status), vyre_status_detail(status),
             vyre_status_source(status), text);
  if (!vyre_program_equal(program, again, with_names)) fail_msg("%s: other nodes after printing:\n%s", what, text);
  char *second = print(again);
  if (strcmp(second, text) != 0) fail_msg("%s: other text after parsing:\n%s\n%s", what, text, second);
  status = vyre_text_format(text, strlen(text), "again", &formatted);
  assert_null(status);
  if (strcmp(formatted, text) != 0) fail_msg("%s: formatting changed it:\n%s\n%s", what, text, formatted);
  vyre_free(formatted);
  vyre_free(second);
  vyre_free(text);
  vyre_program_destroy(&again);
}

static generate_options_t options_of(uint64_t seed) {
  generate_options_t options = {.lacks = seed % 4 == 0 ? GENERATE_LACKS_ALL : 0,
                                .no_faults = seed % 3 == 0,
                                .foreach_heavy = seed % 5 == 0,
                                .lanes_heavy = seed % 7 == 0,
                                .float_heavy = seed % 11 == 0,
                                .deep_nesting = seed % 100 == 0};
  return options;
}

/* What the Programs so far held, so that a generator that leaves something out is noticed. */
typedef struct coverage {
  bool exprs[VYRE_EXPR_COUNT], stmts[VYRE_STMT_COUNT], types[VYRE_TYPE_COUNT];
  bool roles[VYRE_ROLE_COUNT], reducers[VYRE_REDUCER_COUNT];
} coverage_t;

static void cover(coverage_t *c, const vyre_program_t *program) {
  for (uint32_t i = 1; i < program->expr_count; i++) c->exprs[program->exprs[i].op] = true;
  for (uint32_t i = 1; i < program->stmt_count; i++) c->stmts[program->stmts[i].op] = true;
  for (uint32_t i = 1; i < program->var_count; i++) c->types[program->vars[i].type] = true;
  for (uint32_t i = 0; i < program->param_count; i++) {
    c->roles[program->params[i].role] = true;
    c->reducers[program->params[i].reducer] = true;
  }
}

static void expect_covered(const coverage_t *c) {
  for (int op = VYRE_EXPR_NONE + 1; op < VYRE_EXPR_COUNT; op++)
    if (!c->exprs[op] && vyre_expr_class((vyre_expr_op_t)op) != VYRE_CLASS_PRIVILEGED)
      fail_msg("no Program had expression %d '%s'", op, vyre_expr_text((vyre_expr_op_t)op));
  for (int op = VYRE_STMT_NONE + 1; op < VYRE_STMT_COUNT; op++)
    if (!c->stmts[op] && !vyre_stmt_is_privileged((vyre_stmt_op_t)op))
      fail_msg("no Program had statement %d '%s'", op, vyre_stmt_text((vyre_stmt_op_t)op));
  for (int type = VYRE_TYPE_BOOL; type < VYRE_TYPE_COUNT; type++) assert_true(c->types[type]);
  for (int role = 0; role < VYRE_ROLE_COUNT; role++) assert_true(c->roles[role]);
  for (int reducer = 0; reducer < VYRE_REDUCER_COUNT; reducer++) assert_true(c->reducers[reducer]);
}

static void random_programs_survive_the_text_form(void **state) {
  (void)state;
  coverage_t coverage = {0};
  for (uint64_t i = 0; i < PROGRAMS; i++) {
    uint64_t seed = seed_of_run() * 1000003 + i;
    generate_options_t options = options_of(seed);
    vyre_program_t *program = generate_program(seed, &options);
    char what[64];
    snprintf(what, sizeof what, "program of seed %llu", (unsigned long long)seed);
    expect_round_trip(program, false, what); /* a generated name such as i8 is a word of the language */
    cover(&coverage, program);
    vyre_program_destroy(&program);
  }
  expect_covered(&coverage);
}

/* A builder may name its variables as it likes, also with words of the language and names that can be seen already. */
static void clashing_names_become_unique(void **state) {
  (void)state;
  static const char *const names[] = {"x",    "x",      "x_2",   "while",  "u8",  "len", "stream",   "sum", "i",
                                      "true", "switch", "state", "finish", "min", "f32", "function", "halo"};
  for (uint64_t i = 0; i < PROGRAMS / 4; i++) {
    uint64_t seed = seed_of_run() * 1000003 + i;
    random_t random = {seed};
    generate_options_t options = options_of(seed);
    vyre_program_t *program = generate_program(seed, &options);
    for (uint32_t var = 1; var < program->var_count; var++) {
      vyre_free(program->vars[var].name);
      program->vars[var].name = vyre_strdup(names[random_below(&random, sizeof names / sizeof *names)]);
      assert_non_null(program->vars[var].name);
    }
    /* Two functions never have one name, but any of them may have that of something else. */
    static const char *const functions[] = {"min", "min_2", "barrier", "f16", "switch", "len", "x", "fence"};
    for (uint32_t f = 0; f < program->function_count && f < sizeof functions / sizeof *functions; f++) {
      vyre_free(program->functions[f].name);
      program->functions[f].name = vyre_strdup(functions[f]);
      assert_non_null(program->functions[f].name);
    }
    char what[64];
    snprintf(what, sizeof what, "clashing names, seed %llu", (unsigned long long)seed);
    expect_round_trip(program, false, what);
    vyre_program_destroy(&program);
  }
}

static void long_clashing_names_stay_within_the_limit(void **state) {
  (void)state;
  char name[VYRE_LIMIT_NAME_BYTES + 1], text[8 * sizeof name];
  memset(name, 'n', VYRE_LIMIT_NAME_BYTES);
  name[VYRE_LIMIT_NAME_BYTES] = '\0';
  vyre_program_t *program = NULL;
  snprintf(text, sizeof text, "program p\nlet %s = 1\nlet b = %s\nlet c = b\n", name, name);
  assert_null(vyre_text_parse(text, strlen(text), "p", false, &program));
  for (uint32_t var = 2; var < program->var_count; var++) {
    vyre_free(program->vars[var].name);
    program->vars[var].name = vyre_strdup(name);
  }
  expect_round_trip(program, false, "long names");
  vyre_program_destroy(&program);
}

/* Of both types: any bits, the smallest values, whole numbers. */
static void floats_read_as_they_were_written(void **state) {
  (void)state;
  random_t random = {seed_of_run()};
  for (uint32_t i = 0; i < FLOATS; i++) {
    vyre_type_t type = i % 2 ? VYRE_TYPE_F32 : VYRE_TYPE_F64;
    uint64_t sign = UINT64_C(1) << (vyre_type_bits(type) - 1), bits = random_next(&random) & (sign - 1), read = 0;
    if (i % 8 < 2) bits = i / 8; /* the smallest ones */
    if (i % 8 > 5) bits = vyre_value_cast(VYRE_TYPE_U64, type, random_next(&random) >> random_below(&random, 64));
    if (!vyre_float_is_finite(type, bits)) continue;
    vyre_strbuf_t text;
    vyre_strbuf_init(&text);
    vyre_float_write(&text, type, bits);
    assert_true(strpbrk(text.text, ".e") != NULL);
    assert_true(vyre_float_read(text.text, (uint32_t)text.length, type, &read));
    if (read != bits)
      fail_msg("%s is %llx, %llx was written", text.text, (unsigned long long)read, (unsigned long long)bits);
    vyre_strbuf_deinit(&text);
  }
}

/* Flips, cuts, doubles and splices bytes; half of the spliced ones come from another text. */
static size_t damage(random_t *random, char *text, size_t length, const vyre_golden_t *other) {
  uint32_t edits = 1 + random_below(random, 4);
  for (uint32_t i = 0; i < edits; i++) {
    size_t at = random_below(random, (uint32_t)length + 1);
    size_t count = 1 + random_below(random, random_once_in(random, 4) ? 64 : 4);
    switch (random_below(random, 4)) {
      case 0:
        if (at < length)
          text[at] = (char)(random_once_in(random, 2) ? random_next(random)
                                                      : (uint64_t)text[at] ^ 1u << random_below(random, 8));
        break;
      case 1:
        if (count > length - at) count = length - at;
        memmove(text + at, text + at + count, length - at - count);
        length -= count;
        break;
      case 2: /* a piece of this text, again */
        if (count > length - at) count = length - at;
        if (length + count > DAMAGED_BYTES_MAX) break;
        memmove(text + at + count, text + at, length - at);
        length += count;
        break;
      default: {
        size_t from = random_below(random, (uint32_t)other->length + 1);
        if (count > other->length - from) count = other->length - from;
        if (length + count > DAMAGED_BYTES_MAX) break;
        memmove(text + at + count, text + at, length - at);
        memcpy(text + at, other->text + from, count);
        length += count;
        break;
      }
    }
  }
  return length;
}

static void expect_good_error(vyre_status_t status, const char *what) {
  const char *where = vyre_status_where(status), *fix = vyre_status_fix(status);
  unsigned line = 0, column = 0;
  if (sscanf(where, "d.vyre:%u:%u", &line, &column) != 2 || line == 0 || column == 0)
    fail_msg("%s: where is '%s'", what, where);
  if (strlen(fix) < 8) fail_msg("%s: the Fix is '%s'", what, fix);
  if (*vyre_status_detail(status) == '\0' || *vyre_status_source(status) == '\0') fail_msg("%s: nothing is said", what);
}

static void damaged_texts_give_programs_or_good_errors(void **state) {
  (void)state;
  static vyre_golden_t golden[VYRE_GOLDEN_MAX];
  static char text[DAMAGED_BYTES_MAX];
  size_t count = vyre_golden_load(golden), good = 0, bad = 0;
  uint32_t whole[VYRE_GOLDEN_MAX], whole_count = 0; /* texts without an error, taken more often */
  for (uint32_t i = 0; i < count; i++)
    if (strncmp(golden[i].name, "err_", 4) != 0) whole[whole_count++] = i;
  for (uint64_t i = 0; i < DAMAGED_TEXTS; i++) {
    uint64_t seed = seed_of_run() * 1000003 + i;
    random_t random = {seed};
    const vyre_golden_t *g = &golden[random_below(&random, (uint32_t)count)],
                        *other = &golden[random_below(&random, (uint32_t)count)];
    if (strncmp(g->name, "err_", 4) == 0 && random_once_in(&random, 2))
      g = &golden[whole[random_below(&random, whole_count)]];
    assert_true(g->length <= sizeof text);
    memcpy(text, g->text, g->length);
    size_t length = damage(&random, text, g->length, other);
    char what[64];
    snprintf(what, sizeof what, "damaged %s, seed %llu", g->name, (unsigned long long)seed);
    /* An exact copy on the heap lets AddressSanitizer see a read behind the end. */
    char *exact = vyre_alloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, text, length);
    vyre_program_t *program = NULL;
    vyre_status_t status = vyre_text_parse(exact, length, "d.vyre", g->is_privileged, &program);
    if (status) {
      expect_good_error(status, what);
      vyre_status_destroy(&status);
      bad++;
    } else {
      char *formatted = NULL;
      expect_round_trip(program, true, what);
      assert_null(vyre_text_format(exact, length, "d.vyre", &formatted));
      vyre_program_t *same = NULL;
      assert_null(vyre_text_parse(formatted, strlen(formatted), "d.vyre", true, &same));
      if (!vyre_program_equal(program, same, true)) fail_msg("%s: formatting changed the nodes:\n%s", what, formatted);
      char *twice = NULL;
      assert_null(vyre_text_format(formatted, strlen(formatted), "d.vyre", &twice));
      if (strcmp(formatted, twice) != 0) fail_msg("%s: formatting twice:\n%s\n%s", what, formatted, twice);
      vyre_free(twice);
      vyre_program_destroy(&same);
      vyre_free(formatted);
      vyre_program_destroy(&program);
      good++;
    }
    vyre_free(exact);
  }
  assert_true(good > DAMAGED_TEXTS / 50 && bad > DAMAGED_TEXTS / 2); /* both kinds must really be met */
  vyre_golden_unload(golden, count);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_programs_survive_the_text_form),      cmocka_unit_test(clashing_names_become_unique),
      cmocka_unit_test(long_clashing_names_stay_within_the_limit),  cmocka_unit_test(floats_read_as_they_were_written),
      cmocka_unit_test(damaged_texts_give_programs_or_good_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
