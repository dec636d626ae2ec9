/* The canonical form over random Programs: it means the same, is its own canonical form, and is one for Programs that
 * differ in spelling. VYRE_SEED=N runs with another seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ir/builder.h"
#include "ir/canonical.h"
#include "ir/rules.h"
#include "ir/text.h"
#include "ir/validate.h"
#include "ir/wire.h"
#include "megakernel/loop.h"
#include "support/generate.h"
#include "support/inputs.h"
#include "support/random.h"
#include "support/run.h"

enum { PROGRAMS = 1500 };

static uint64_t seed_of_run(void) {
  const char *text = getenv("VYRE_SEED");
  return text ? strtoull(text, NULL, 0) : 1;
}

static generate_options_t options_of(uint64_t seed) {
  return (generate_options_t){.no_faults = seed % 3 == 0,
                              .foreach_heavy = seed % 5 == 0,
                              .lanes_heavy = seed % 7 == 0,
                              .float_heavy = seed % 4 == 0,
                              .deep_nesting = seed % 100 == 0};
}

static vyre_program_t *canonicalize(const vyre_program_t *program, const char *what) {
  vyre_program_t *canonical = NULL;
  vyre_status_t status = vyre_canonicalize(program, &canonical);
  if (status) fail_msg("%s: %s %s", what, vyre_status_where(status), vyre_status_detail(status));
  return canonical;
}

static char *print(const vyre_program_t *program) {
  vyre_strbuf_t out;
  vyre_strbuf_init(&out);
  vyre_text_print(program, &out);
  char *text = vyre_strbuf_take(&out);
  assert_non_null(text);
  return text;
}

static vyre_strbuf_t encode(const vyre_program_t *program, unsigned flags) {
  vyre_strbuf_t bytes;
  vyre_strbuf_init(&bytes);
  assert_null(vyre_wire_encode(program, flags, &bytes));
  return bytes;
}

/* The same nodes with the same ids, names and positions. */
static bool same(const vyre_program_t *a, const vyre_program_t *b) {
  vyre_strbuf_t first = encode(a, VYRE_WIRE_DEBUG), second = encode(b, VYRE_WIRE_DEBUG);
  bool is_same = first.length == second.length && memcmp(first.text, second.text, first.length) == 0;
  vyre_strbuf_deinit(&first);
  vyre_strbuf_deinit(&second);
  return is_same;
}

static void expect_same_result(const vyre_program_t *program, const vyre_program_t *canonical, uint64_t seed,
                               bool no_faults) {
  for (unsigned k = 0; k < 3; k++) {
    inputs_t inputs;
    run_result_t first, second;
    inputs_init(&inputs, program, seed * 3 + k,
                &(inputs_options_t){.data_bytes = (seed + k) % 300, .no_faults = no_faults});
    run_reference(program, &inputs.input, &first);
    run_reference(canonical, &inputs.input, &second);
    /* Which budget a loop of several lanes draws on follows from the canonical form. */
    bool other_budget =
        program->workgroup_size > 1 && (first.fault == VYRE_FAULT_FUEL || second.fault == VYRE_FAULT_FUEL);
    if (!other_budget && !run_results_equal(&first, &second)) {
      char *a = print(program), *b = print(canonical);
      run_results_explain(stderr, program, &first, &second);
      fprintf(stderr, "%s\n%s", a, b); /* too long for cmocka */
      fail_msg("seed %llu", (unsigned long long)seed);
    }
    run_result_deinit(&first);
    run_result_deinit(&second);
    inputs_deinit(&inputs);
  }
}

static void means_the_same_and_is_its_own(void **state) {
  (void)state;
  for (uint64_t i = 0; i < PROGRAMS; i++) {
    uint64_t seed = seed_of_run() * 1000003 + i;
    generate_options_t options = options_of(seed);
    vyre_program_t *program = generate_program(seed, &options);
    char what[64];
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    vyre_program_t *canonical = canonicalize(program, what), *again = canonicalize(canonical, what);
    if (!same(canonical, again)) {
      char *a = print(program), *b = print(canonical), *c = print(again);
      fprintf(stderr, "%s\n%s\n%s", a, b, c); /* too long for cmocka */
      fail_msg("%s: not its own canonical form", what);
    }
    expect_same_result(program, canonical, seed, options.no_faults);
    vyre_program_destroy(&program);
    vyre_program_destroy(&canonical);
    vyre_program_destroy(&again);
  }
}

/* ---- fingerprints ---- */

static void fingerprint(const vyre_program_t *program, unsigned char out[VYRE_BLAKE3_BYTES]) {
  assert_null(vyre_fingerprint(program, out));
}

static bool same_fingerprint(const vyre_program_t *a, const vyre_program_t *b) {
  unsigned char first[VYRE_BLAKE3_BYTES], second[VYRE_BLAKE3_BYTES];
  fingerprint(a, first);
  fingerprint(b, second);
  return memcmp(first, second, sizeof first) == 0;
}

/* A program of one's own, to be changed; without the nodes that have no parent. */
static vyre_program_t *copy_of(const vyre_program_t *program) {
  vyre_strbuf_t bytes = encode(program, VYRE_WIRE_DEBUG);
  vyre_program_t *copy = NULL;
  assert_null(vyre_wire_decode(bytes.text, bytes.length, "copy", true, &copy));
  vyre_strbuf_deinit(&bytes);
  return copy;
}

static uint32_t add_expr(vyre_program_t *p, vyre_expr_t e) {
  assert_true(vyre_array_reserve((void **)&p->exprs, &p->expr_capacity, p->expr_count + 1, sizeof *p->exprs));
  p->exprs[p->expr_count] = e;
  return p->expr_count++;
}

static uint32_t add_const(vyre_program_t *p, vyre_type_t type, uint64_t value) {
  return add_expr(p, (vyre_expr_t){.op = VYRE_EXPR_CONST, .type = (uint8_t)type, .imm = value});
}

static uint64_t one_of(vyre_type_t type) {
  return type == VYRE_TYPE_F64 ? UINT64_C(0x3FF0000000000000) : type == VYRE_TYPE_F32 ? 0x3F800000 : 1;
}

/* Writes the node as something longer that is the same. */
static void respell_expr(vyre_program_t *p, uint32_t id, random_t *random) {
  vyre_expr_t old = p->exprs[id];
  vyre_type_t type = (vyre_type_t)old.type;
  vyre_op_class_t class_ = vyre_expr_class((vyre_expr_op_t)old.op);
  if (class_ == VYRE_CLASS_LIST || type == VYRE_TYPE_VOID || vyre_expr_is_collective((vyre_expr_op_t)old.op) ||
      class_ == VYRE_CLASS_ATOMIC || class_ == VYRE_CLASS_CALL || !vyre_type_fits(type, VYRE_ON_SCALAR))
    return;
  vyre_expr_t e = {.type = old.type};
  uint32_t inner = add_expr(p, old);
  e.a = inner;
  switch (random_below(random, 5)) {
    case 0:
      e.op = (uint8_t)(type == VYRE_TYPE_BOOL ? VYRE_EXPR_LOGICAL_NOT : VYRE_EXPR_NEG);
      e.a = add_expr(p, e);
      p->exprs[e.a].a = inner;
      break;
    case 1:
      e.op = (uint8_t)(type == VYRE_TYPE_BOOL ? VYRE_EXPR_LOGICAL_AND : VYRE_EXPR_MUL);
      e.b = add_const(p, type, one_of(type));
      break;
    case 2:
      e.op = VYRE_EXPR_SELECT;
      e.b = inner;
      e.a = add_const(p, VYRE_TYPE_BOOL, 1);
      e.c = add_const(p, type, 0);
      break;
    case 3: e.op = VYRE_EXPR_CAST; break;
    default:
      if (vyre_type_is_float(type)) {
        e.op = VYRE_EXPR_DIV;
        e.b = add_const(p, type, one_of(type));
        break;
      }
      e.op = VYRE_EXPR_OR;
      e.a = add_const(p, type, 0);
      e.b = inner;
      break;
  }
  p->exprs[id] = e;
}

static bool is_leaf(const vyre_program_t *p, uint32_t id) {
  return p->exprs[id].op == VYRE_EXPR_VAR || p->exprs[id].op == VYRE_EXPR_CONST;
}

static void respell_order(vyre_program_t *p, uint32_t id) {
  vyre_expr_t *e = &p->exprs[id];
  if (!vyre_expr_commutes((vyre_expr_op_t)e->op) || !is_leaf(p, e->a) || !is_leaf(p, e->b)) return;
  uint32_t a = e->a;
  e->a = e->b;
  e->b = a;
}

/* The statement goes into a block of its own, behind something that nobody needs. */
static void respell_stmt(vyre_program_t *p, uint32_t id) {
  vyre_stmt_t old = p->stmts[id];
  if (old.op == VYRE_STMT_LET || old.op == VYRE_STMT_CASE || old.op == VYRE_STMT_DEFAULT || old.op == VYRE_STMT_RETURN)
    return;
  assert_true(vyre_array_reserve((void **)&p->stmts, &p->stmt_capacity, p->stmt_count + 2, sizeof *p->stmts));
  assert_true(vyre_array_reserve((void **)&p->vars, &p->var_capacity, p->var_count + 1, sizeof *p->vars));
  p->vars[p->var_count] = (vyre_var_t){.name = vyre_strdup("unused"), .type = VYRE_TYPE_U32, .is_mutable = true};
  vyre_stmt_t let = {.op = VYRE_STMT_LET, .var = p->var_count++, .arg = {add_const(p, VYRE_TYPE_U32, 9)}};
  uint32_t inner = p->stmt_count++, unused = p->stmt_count++;
  p->stmts[inner] = old;
  p->stmts[inner].next = 0;
  p->stmts[unused] = let;
  p->stmts[unused].next = inner;
  p->stmts[id] = (vyre_stmt_t){.op = VYRE_STMT_BLOCK, .body = unused, .next = old.next};
}

static void rename_all(vyre_program_t *p) {
  for (uint32_t i = 1; i < p->var_count; i++) {
    vyre_free(p->vars[i].name);
    p->vars[i].name = vyre_strdup("other");
    p->vars[i].position += 7;
  }
  for (uint32_t i = 0; i < p->function_count; i++) {
    char name[16];
    snprintf(name, sizeof name, "g%u", p->function_count - i);
    vyre_free(p->functions[i].name);
    p->functions[i].name = vyre_strdup(name);
  }
  vyre_free(p->name);
  p->name = vyre_strdup("another");
  for (uint32_t i = 1; i < p->expr_count; i++) p->exprs[i].position += 4096;
}

static void spelling_makes_no_difference(void **state) {
  (void)state;
  uint32_t compared = 0;
  for (uint64_t i = 0; i < PROGRAMS; i++) {
    uint64_t seed = seed_of_run() * 2000003 + i;
    random_t random = {seed};
    generate_options_t options = options_of(seed);
    options.deep_nesting = false; /* there is no room for more there */
    vyre_program_t *program = generate_program(seed, &options), *other = copy_of(program);
    rename_all(other);
    uint32_t exprs = other->expr_count, stmts = other->stmt_count;
    for (uint32_t id = 1; id < exprs; id++)
      if (random_once_in(&random, 12)) respell_order(other, id);
    for (uint32_t edits = random_below(&random, 6); edits > 0 && exprs > 1; edits--)
      respell_expr(other, 1 + random_below(&random, exprs - 1), &random);
    for (uint32_t edits = random_below(&random, 3); edits > 0 && stmts > 1; edits--)
      respell_stmt(other, 1 + random_below(&random, stmts - 1));
    vyre_status_t status = vyre_validate(other); /* a literal, a foreach may not take every spelling */
    if (!status) {
      compared++;
      if (!same_fingerprint(program, other)) {
        char *a = print(program), *b = print(other);
        fprintf(stderr, "%s\n%s", a, b);
        fail_msg("seed %llu: another fingerprint", (unsigned long long)seed);
      }
    }
    vyre_status_destroy(&status);
    vyre_program_destroy(&program);
    vyre_program_destroy(&other);
  }
  assert_true(compared > PROGRAMS / 2);
}

/* What is left in a canonical form matters: another constant is another Program. */
static void meaning_makes_a_difference(void **state) {
  (void)state;
  uint32_t compared = 0;
  for (uint64_t i = 0; i < PROGRAMS; i++) {
    uint64_t seed = seed_of_run() * 4000037 + i;
    random_t random = {seed};
    generate_options_t options = options_of(seed);
    vyre_program_t *program = generate_program(seed, &options), *canonical = canonicalize(program, "canonical"),
                   *other = copy_of(canonical);
    uint32_t id = other->expr_count > 1 ? 1 + random_below(&random, other->expr_count - 1) : 0;
    while (id > 0 && other->exprs[id].op != VYRE_EXPR_CONST) id--;
    if (id > 0 && !vyre_type_is_float((vyre_type_t)other->exprs[id].type)) {
      other->exprs[id].imm ^= 1;
      vyre_status_t status = vyre_validate(other);
      if (!status) {
        compared++;
        if (same_fingerprint(canonical, other)) {
          char *a = print(canonical), *b = print(other);
          fprintf(stderr, "%s\n%s", a, b);
          fail_msg("seed %llu: the same fingerprint", (unsigned long long)seed);
        }
      }
      vyre_status_destroy(&status);
    }
    vyre_program_destroy(&program);
    vyre_program_destroy(&canonical);
    vyre_program_destroy(&other);
  }
  assert_true(compared > PROGRAMS / 4);
}

/* ---- pairs ---- */

#define HEAD "program p\nstream data : u8\noutput n : u64 sum\noutput t : u32[4] sum\n"

typedef struct pair {
  const char *first, *second;
} pair_t;

static const pair_t equal_pairs[] = {
    {"n += 3", "let a = 1 n += 1 + 2"},
    {"n += u64(data[0]) + 1", "n += 1 + u64(data[0])"},
    {"let a = data[0]\nif a < 5 { n += 1 }", "let a = data[0]\nif 5 > a { n += 1 }"},
    {"let a = data[0]\nif a <= 4 { n += 1 }", "let a = data[0]\nif !(a >= 5) { n += 1 }"},
    {"let a = data[0]\nif a == 0 { n += 1 }", "let a = data[0]\nif a < 1 { n += 1 }"},
    {"let a = data[0]\nif a == 0 { n += 1 } else { n += 2 }", "let a = data[0]\nif a != 0 { n += 2 } else { n += 1 }"},
    {"let a = data[0]\nif a == 0 { n += 1 }", "let a = data[0]\nif a != 0 { } else { n += 1 let z = a }"},
    {"n += u64(data[0])", "n += u64(u32(data[0]))"},
    {"n += u64(data[0] >> 3)", "n += u64(data[0] / 8)"},
    {"n += u64(data[0]) % 16", "n += u64(data[0]) & 15"},
    {"n += u64(data[0]) * 8", "n += u64(data[0]) << 3"},
    {"let a = i32(data[0])\nn += u64(a - 5)", "let a = i32(data[0])\nn += u64(-5 + a)"},
    {"let a = i32(data[0])\nn += u64(-a)", "let a = i32(data[0])\nn += u64(0 - a)"},
    {"n += 1", "while false { n += 2 } n += 1 for i in 5 .. 5 { n += 9 }"},
    {"n += 1\nforever { n += 2 }", "n += 1 while 1 < 2 { n += 2 }"},
    {"n += 1\nreturn", "n += 1 return n += 2"},
    {"n += 1\nif is_last() { return } else { trap }", "n += 1 if is_last() { return n += 1 } else { trap } n += 7"},
    {"for i in 0 .. len(data) { if data[i] == 1 { break } }",
     "for k in 0 .. len(data) { if data[k] == 1 { break n += 1 } }"},
    {"n += 1", "var a = 1 while false { } a = a + 1 a = a n += 1"},
    {"let a = data[3]\nn += 1", "var b = data[3] n += 1"}, /* it may fault */
    {"t[1] += 4", "t[3 - 2] += u32(len(t))"},
    {"if is_last() { n += 1 }", "if is_last() == true { n += 1 }"},
    {"if is_last() && len(data) > 2 { n += 1 }", "if (len(data) > 2) & is_last() { n += 1 }"},
    {"n += select(is_last(), 1, 2)", "n += select(!is_last(), 2, 1)"},
    {"if is_last() { } else { n += 1 }", "if !is_last() { n += 1 }"},
    {"n += u64(popcount(data[0]))", "n += u64(popcount(~~data[0]))"},
};

static const pair_t different_pairs[] = {
    {"n += 3", "n += 4"},
    {"n += u64(data[0]) + u64(data[1])", "n += u64(data[1]) + u64(data[0])"}, /* which fault is first */
    {"n += 1", "let a = data[3] n += 1"},
    {"n += 1", "n += 0 * u64(data[0]) + 1"},
    {"n += 1", "for i in 0 .. 3 { } n += 1"}, /* fuel */
    {"n += 1\nreturn", "n += 1 trap"},
    {"if is_last() && data[0] > 1 { n += 1 }", "if data[0] > 1 && is_last() { n += 1 }"},
    {"if data[0] > 1 && is_last() { n += 1 }", "if is_last() && data[0] > 1 { n += 1 }"},
    {"n += u64(data[0] + 1)", "n += u64(data[0]) + 1"},
    {"let a = i32(data[0])\nn += u64(a >> 1)", "let a = i32(data[0])\nn += u64(a / 2)"}, /* towards zero */
    {"n += u64(1 / len(data))", "n += 1 / (len(data) + 0) + 0 / len(data)"},
    {"for i in 0 .. len(data) { n += 1 }", "foreach i in 0 .. len(data) { n += 1 }"},
    {"t[0] += 1", "t[1] += 1"},
    {"n += 1 t[0] += 1", "t[0] += 1 n += 1"},
};

static vyre_program_t *parse(const char *body) {
  char text[1024];
  vyre_program_t *program = NULL;
  snprintf(text, sizeof text, "%s%s\n", HEAD, body);
  vyre_status_t status = vyre_text_parse(text, strlen(text), "pair", false, &program);
  if (status) fail_msg("%s: %s", vyre_status_detail(status), text);
  return program;
}

static void expect_pairs(const pair_t *pairs, size_t count, bool are_equal) {
  for (size_t i = 0; i < count; i++) {
    vyre_program_t *first = parse(pairs[i].first), *second = parse(pairs[i].second);
    if (same_fingerprint(first, second) != are_equal)
      fail_msg("%s:\n%s\n%s", are_equal ? "not the same" : "the same", pairs[i].first, pairs[i].second);
    vyre_program_destroy(&first);
    vyre_program_destroy(&second);
  }
}

static void pairs_are_one_or_two(void **state) {
  (void)state;
  expect_pairs(equal_pairs, sizeof equal_pairs / sizeof *equal_pairs, true);
  expect_pairs(different_pairs, sizeof different_pairs / sizeof *different_pairs, false);
}

/* Parameters have names and an order; the Program's own name says nothing. */
static void parameters_have_names(void **state) {
  (void)state;
  static const char *const texts[] = {
      "program a\nstream data : u8\noutput n : u64 sum\n", "program b\nstream data : u8\noutput n : u64 sum\n",
      "program a\nstream data : u8\noutput m : u64 sum\n", "program a\noutput n : u64 sum\nstream data : u8\n",
      "program a\nstream data : u16\noutput n : u64 sum\n"};
  vyre_program_t *programs[5] = {NULL};
  for (unsigned i = 0; i < 5; i++) assert_null(vyre_text_parse(texts[i], strlen(texts[i]), "", false, &programs[i]));
  assert_true(same_fingerprint(programs[0], programs[1]));
  for (unsigned i = 2; i < 5; i++) assert_false(same_fingerprint(programs[0], programs[i]));
  for (unsigned i = 0; i < 5; i++) vyre_program_destroy(&programs[i]);
}

/* ---- what the builder alone makes ---- */

/* The megakernel's own loops: privileged nodes, lanes blocks and votes. */
static void the_loops_have_a_canonical_form(void **state) {
  (void)state;
  const vyre_loop_params_t loops[] = {{.topology = VYRE_TOPOLOGY_DIRECT, .sleeps = true},
                                      {.topology = VYRE_TOPOLOGY_DISPATCHED}};
  for (unsigned i = 0; i < 2; i++) {
    vyre_program_t *loop = NULL;
    assert_null(vyre_megakernel_build(&loops[i], &loop));
    vyre_program_t *canonical = canonicalize(loop, "the loop"), *again = canonicalize(canonical, "the loop");
    assert_true(same(canonical, again));
    vyre_program_destroy(&loop);
    vyre_program_destroy(&canonical);
    vyre_program_destroy(&again);
  }
}

/* Balanced sums whose halves are the same but for their last leaf: every comparison goes to the end of the smaller one.
 */
static vyre_expr_id_t make_sum(vyre_builder_t *b, vyre_var_id_t var, unsigned depth, bool is_last) {
  if (depth == 0) return is_last ? vyre_build_const(b, VYRE_TYPE_U64, 3) : vyre_build_var(b, var);
  vyre_expr_id_t left = make_sum(b, var, depth - 1, false), right = make_sum(b, var, depth - 1, is_last);
  return vyre_build_binary(b, depth % 2 ? VYRE_EXPR_MUL : VYRE_EXPR_MIN, left, right);
}

static void hostile_programs_take_no_square(void **state) {
  (void)state;
  vyre_builder_t b;
  vyre_program_t *program = NULL;
  vyre_builder_init(&b, "p", "", false);
  vyre_param_id_t out = vyre_build_output(&b, "n", VYRE_TYPE_U64, 0, VYRE_REDUCER_SUM);
  vyre_var_id_t var = vyre_build_let(&b, "v", vyre_build_leaf(&b, VYRE_EXPR_STREAM_OFFSET), false);
  for (unsigned i = 0; i < 2; i++) vyre_build_reduce(&b, out, make_sum(&b, var, 17, true));
  assert_null(vyre_builder_finish(&b, &program));
  vyre_program_t *canonical = canonicalize(program, "sums"), *again = canonicalize(canonical, "sums");
  assert_true(same(canonical, again));
  vyre_program_destroy(&program);
  vyre_program_destroy(&canonical);
  vyre_program_destroy(&again);
}

/* function late(): u32 { if is_last() { trap } else { trap } return 1 }: its end is a return all the same. */
static void functions_are_those_that_are_needed(void **state) {
  (void)state;
  unsigned char prints[2][VYRE_BLAKE3_BYTES];
  for (unsigned variant = 0; variant < 2; variant++) {
    vyre_builder_t b;
    vyre_program_t *program = NULL, *canonical = NULL;
    vyre_function_id_t ids[3] = {0};
    vyre_builder_init(&b, "p", "", false);
    vyre_param_id_t out = vyre_build_output(&b, "n", VYRE_TYPE_U32, 0, VYRE_REDUCER_SUM);
    /* In one variant a function that nobody needs, and the others the other way round. */
    for (unsigned i = 0; i < 3; i++) {
      static const char *const names[] = {"first", "second", "unused"};
      unsigned which = variant ? i : 2 - i;
      if (which == 2 && variant == 0) continue;
      ids[which] = vyre_build_function(&b, names[which], VYRE_TYPE_U32, NULL, NULL, 0, NULL);
      vyre_build_if(&b, vyre_build_leaf(&b, VYRE_EXPR_IS_LAST));
      vyre_build_plain(&b, VYRE_STMT_TRAP);
      vyre_build_else(&b);
      vyre_build_plain(&b, VYRE_STMT_TRAP);
      vyre_build_end(&b);
      vyre_build_return(&b, vyre_build_const(&b, VYRE_TYPE_U32, which));
      vyre_build_end(&b);
    }
    for (unsigned i = 0; i < 2; i++) vyre_build_reduce(&b, out, vyre_build_call(&b, ids[i], NULL, 0));
    assert_null(vyre_builder_finish(&b, &program));
    canonical = canonicalize(program, "functions");
    assert_int_equal(canonical->function_count, 2);
    assert_string_equal(canonical->functions[0].name, "first");
    fingerprint(program, prints[variant]);
    vyre_program_destroy(&program);
    vyre_program_destroy(&canonical);
  }
  assert_memory_equal(prints[0], prints[1], VYRE_BLAKE3_BYTES);
}

/* switch x { case 4, 1 { n += 1 } case 2 { } default { } } has one case. */
static void cases_are_in_order(void **state) {
  (void)state;
  unsigned char prints[2][VYRE_BLAKE3_BYTES];
  for (unsigned variant = 0; variant < 2; variant++) {
    vyre_builder_t b;
    vyre_program_t *program = NULL;
    vyre_builder_init(&b, "p", "", false);
    vyre_param_id_t x = vyre_build_memory(&b, VYRE_ROLE_SCALAR, "x", VYRE_TYPE_U32, 0);
    vyre_param_id_t out = vyre_build_output(&b, "n", VYRE_TYPE_U32, 0, VYRE_REDUCER_SUM);
    vyre_build_switch(&b, vyre_build_param_value(&b, VYRE_EXPR_SCALAR, x));
    for (unsigned i = 0; i < (variant ? 3u : 2u); i++) {
      unsigned which = variant ? 2 - i : i;
      uint64_t values[3][2] = {{1, 9}, {5, 3}, {7, 8}};
      vyre_expr_id_t labels[2];
      for (unsigned k = 0; k < 2; k++)
        labels[k] = vyre_build_const(&b, VYRE_TYPE_U32, values[which][variant ? 1 - k : k]);
      vyre_build_case(&b, labels, 2);
      if (which < 2) vyre_build_reduce(&b, out, vyre_build_const(&b, VYRE_TYPE_U32, which + 1));
      vyre_build_end(&b);
    }
    if (variant) {
      vyre_build_default(&b);
      vyre_build_end(&b);
    }
    vyre_build_end(&b);
    assert_null(vyre_builder_finish(&b, &program));
    fingerprint(program, prints[variant]);
    vyre_program_destroy(&program);
  }
  assert_memory_equal(prints[0], prints[1], VYRE_BLAKE3_BYTES);
}

/* Two stores of an iteration's own, b[8 * i + 3] and b[(i * 8 + 2) + first], in the foreach of a Program of `lanes`
 * lanes; then a foreach over nothing, where lanes meet. */
static vyre_program_t *make_foreach(uint32_t lanes, uint64_t first) {
  vyre_builder_t b;
  vyre_program_t *program = NULL;
  vyre_builder_init(&b, "p", "", false);
  b.program->workgroup_size = lanes;
  vyre_param_id_t w = vyre_build_window(&b, "w", VYRE_TYPE_U32, VYRE_ACCESS_READ_WRITE);
  vyre_var_id_t i = vyre_build_range(&b, VYRE_STMT_FOREACH, "i", vyre_build_const(&b, VYRE_TYPE_U64, 0),
                                     vyre_build_const(&b, VYRE_TYPE_U64, 5));
  for (unsigned k = 0; k < 2; k++) {
    vyre_expr_id_t eight = vyre_build_const(&b, VYRE_TYPE_U64, 8), var = vyre_build_var(&b, i);
    vyre_expr_id_t index = vyre_build_binary(&b, VYRE_EXPR_MUL, var, eight);
    index = vyre_build_binary(&b, VYRE_EXPR_ADD, k ? index : vyre_build_const(&b, VYRE_TYPE_U64, 3),
                              k ? vyre_build_const(&b, VYRE_TYPE_U64, 2) : index);
    if (k) index = vyre_build_binary(&b, VYRE_EXPR_ADD, index, vyre_build_const(&b, VYRE_TYPE_U64, first));
    vyre_build_store(&b, w, index, vyre_build_const(&b, VYRE_TYPE_U32, k));
  }
  vyre_build_end(&b);
  vyre_build_range(&b, VYRE_STMT_FOREACH, "k", vyre_build_const(&b, VYRE_TYPE_U64, 7),
                   vyre_build_const(&b, VYRE_TYPE_U64, 7));
  vyre_build_end(&b);
  vyre_status_t status = vyre_builder_finish(&b, &program);
  vyre_status_destroy(&status);
  return program;
}

static uint32_t foreach_count(const vyre_program_t *p) {
  uint32_t count = 0;
  for (uint32_t i = 1; i < p->stmt_count; i++) count += p->stmts[i].op == VYRE_STMT_FOREACH;
  return count;
}

static void foreach_stays_valid(void **state) {
  (void)state;
  for (uint32_t lanes = 1; lanes <= 32; lanes += 31) {
    vyre_program_t *program = make_foreach(lanes, 3);
    assert_non_null(program);
    vyre_program_t *canonical = canonicalize(program, "foreach");
    assert_int_equal(foreach_count(canonical), lanes == 1 ? 1 : 2);
    vyre_program_destroy(&program);
    vyre_program_destroy(&canonical);
  }
  assert_null(make_foreach(1, 9)); /* 3 and 11: the next iteration's */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(means_the_same_and_is_its_own),
      cmocka_unit_test(spelling_makes_no_difference),
      cmocka_unit_test(meaning_makes_a_difference),
      cmocka_unit_test(pairs_are_one_or_two),
      cmocka_unit_test(parameters_have_names),
      cmocka_unit_test(the_loops_have_a_canonical_form),
      cmocka_unit_test(hostile_programs_take_no_square),
      cmocka_unit_test(functions_are_those_that_are_needed),
      cmocka_unit_test(cases_are_in_order),
      cmocka_unit_test(foreach_stays_valid),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
