/* What lowering leaves out and what it keeps, read off the compiler's own text: no check in the loops that need none,
 * checks and the slow loop in those that do, vectors, private tables; and that objects need nothing from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vyre/program.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "megakernel/loop.h"
#include "support/child.h"
#include "support/expect.h"

static void load_without_descriptors(void *out, uint64_t unused) {
  (void)unused;
  const vyre_codegen_table_t *compiler;
  while (dup(0) >= 0) continue;
  vyre_status_t status = vyre_codegen_load(&compiler);
  *(vyre_code_t *)out = vyre_status_code(status);
  vyre_status_destroy(&status);
}

/* It is there, and installing it is no advice. First: a library that was loaded is not looked for again. */
static void no_descriptor_for_the_library(void **state) {
  (void)state;
  vyre_code_t code;
  assert_true(child_run(load_without_descriptors, 0, &code, sizeof code));
  assert_int_equal(code, VYRE_E_FILES);
}

static vyre_program_t *parse(const char *text) {
  vyre_program_t *program;
  ok(vyre_program_parse(text, strlen(text), "test.vyre", &program));
  return program;
}

static char *compile(const vyre_program_t *program, vyre_codegen_form_t form, size_t *out_size) {
  const vyre_codegen_table_t *compiler;
  char *bytes;
  size_t size;
  ok(vyre_codegen_load(&compiler));
  ok(compiler->compile(program, &(vyre_codegen_options_t){.form = form}, &bytes, &size));
  if (out_size) *out_size = size;
  return bytes;
}

static char *compile_text(const char *text, vyre_codegen_form_t form) {
  vyre_program_t *program = parse(text);
  char *result = compile(program, form, NULL);
  vyre_program_destroy(&program);
  return result;
}

static char *compile_file(const char *name, vyre_codegen_form_t form) {
  char path[256];
  snprintf(path, sizeof path, VYRE_SOURCE_DIR "/programs/%s.vyre", name);
  vyre_program_t *program;
  ok(vyre_program_load(path, &program));
  char *result = compile(program, form, NULL);
  vyre_program_destroy(&program);
  return result;
}

static unsigned count(const char *text, const char *words) {
  unsigned found = 0;
  for (const char *at = strstr(text, words); at; at = strstr(at + 1, words)) found++;
  return found;
}

static void expect_count(const char *text, const char *words, unsigned wanted) {
  if (count(text, words) != wanted) fail_msg("%u times '%s', not %u, in:\n%s", count(text, words), words, wanted, text);
}

/* The slow loop, the fault behind it, the notes of the fast one, the comparisons with a length: all there or all not.
 */
static void expect_checks(const char *text, unsigned checks) {
  expect_count(text, "\nslow:", checks > 0);
  expect_count(text, " = or i32", checks);      /* into %seen, in the fast loop */
  expect_count(text, "  %outside", 2 * checks); /* compared in both loops */
  expect_count(text, "store i32 1, ptr %fault", checks + (checks > 0));
}

/* ---- bounds ---- */

static void shipped_programs_have_no_checks(void **state) {
  (void)state;
  static const char *const names[] = {"count_lines", "histogram"};
  for (unsigned i = 0; i < 2; i++) {
    char *text = compile_file(names[i], VYRE_CODEGEN_LLVM);
    expect_checks(text, 0);
    /* Faults that are left: CANCELLED before a strip, FUEL behind all of them. One look at the stop word per strip. */
    expect_count(text, "store i32 5, ptr %fault", 1);
    expect_count(text, "store i32 4, ptr %fault", 1);
    expect_count(text, ", ptr %fault,", 3); /* and one load, at the exit */
    expect_count(text, "load atomic volatile i32, ptr %stop", 1);
    expect_count(text, "@llvm.umin.i64(i64 %", 2); /* fuel; the strip */
    expect_count(text, "i64 4096)", 1);
    vyre_free(text);
  }
}

#define FOREACH(body) "program t\nstream data : u8\noutput n : u64 sum\nforeach i in 0 .. len(data) { " body " }\n"
#define TABLE(size, body) \
  "program t\nstream data : u8\noutput t : u64[" size "] sum\nforeach i in 0 .. len(data) { " body " }\n"

static void checks_are_where_they_must_be(void **state) {
  (void)state;
  static const struct {
    const char *text;
    unsigned checks;
  } cases[] = {
      {FOREACH("n += u64(data[i])"), 0},
      {FOREACH("let j = i  n += u64(data[j])"), 0},
      {FOREACH("n += u64(data[i]) + u64(data[i])"), 0},
      {"program t\nstream data : u8\noutput n : u64 sum\nlet l = min(len(data), 100)\n"
       "foreach i in 3 .. l { n += u64(data[i]) }\n",
       0},
      {"program t\nstream data : u32\noutput n : u64 sum\nforeach i in 0 .. len(data) { n += u64(data[i]) }\n", 0},
      {FOREACH("n += u64(data[i + 1])"), 1},
      {FOREACH("n += u64(data[i - 1])"), 1},
      {FOREACH("n += u64(data[i / 2])"), 1},
      {FOREACH("var j = i  j += 0  n += u64(data[j])"), 1},
      {FOREACH("n += u64(data[u8(i)])"), 1},
      {FOREACH("n += u64(data[i]) + u64(data[i + 1])"), 1},
      {FOREACH("n += u64(data[i + 1]) + u64(data[i + 2])"), 2},
      {"program t\nstream data : u8\noutput n : u64 sum\nforeach i in 0 .. len(data) + 1 { n += u64(data[i]) }\n", 1},
      {"program t\nstream data : u8\noutput n : u64 sum\nforeach i in 0 .. max(len(data), 9) { n += u64(data[i]) }\n",
       1},
      {"program t\nstream data : u8\noutput n : u64 sum\noutput t : u64[50] sum\n"
       "foreach i in 0 .. len(t) { n += u64(data[i]) }\n",
       1},
      {TABLE("256", "t[data[i]] += 1"), 0},
      {TABLE("255", "t[data[i]] += 1"), 1},
      {TABLE("256", "t[u64(data[i]) + 1] += 1"), 1},
      {TABLE("16", "t[data[i] & 15] += 1"), 0},
      {TABLE("16", "t[data[i] & 16] += 1"), 1},
      {TABLE("16", "t[data[i] >> 4] += 1"), 0},
      {TABLE("16", "t[data[i] >> 3] += 1"), 1},
      {TABLE("10", "t[i % 10] += 1"), 0},
      {TABLE("10", "t[i % 11] += 1"), 1},
      {TABLE("7", "t[min(i, 6)] += 1"), 0},
      {TABLE("7", "t[max(i, 6)] += 1"), 1},
  };
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text = compile_text(cases[i].text, VYRE_CODEGEN_LLVM);
    if ((count(text, "\nslow:") > 0) != (cases[i].checks > 0)) fail_msg("%s", cases[i].text);
    /* A body that adds to a table is written out four times in the fast loop and once for the rest. */
    if (!strstr(cases[i].text, "] +=")) expect_checks(text, cases[i].checks);
    vyre_free(text);
  }
}

/* ---- vectors ---- */

/* The first block that jumps to itself and holds `words`, as text of its own; NULL when there is none. */
static char *find_loop(const char *text, const char *words) {
  const char *next;
  for (const char *at = strstr(text, "\n\n"); at; at = next) {
    at += 2;
    next = strstr(at, "\n\n");
    size_t length = next ? (size_t)(next - at) : strlen(at);
    char *block = vyre_strndup(at, length);
    assert_non_null(block);
    /* Its last line names its own label; a comma behind that line makes both targets look alike. */
    int label_length = (int)strcspn(block, ":\n");
    const char *last = strstr(block, "br i1");
    char *label = NULL, *line = NULL;
    assert_true(asprintf(&label, "label %%%.*s,", label_length, block) > 0);
    assert_true(asprintf(&line, "%.*s,", last ? (int)strcspn(last, "\n") : 0, last ? last : "") > 0);
    bool is_loop = strstr(line, label) != NULL;
    free(label);
    free(line);
    if (is_loop && strstr(block, words)) return block;
    vyre_free(block);
  }
  return NULL;
}

/* Bytes of the widest `load <N x i8>`. */
static unsigned vector_bytes(const char *block) {
  unsigned widest = 0;
  for (const char *at = strstr(block, "= load <"); at; at = strstr(at + 1, "= load <")) {
    unsigned lanes = 0;
    int used = 0;
    if (sscanf(at, "= load <%u x i8>%n", &lanes, &used) == 1 && used > 0 && lanes > widest) widest = lanes;
  }
  return widest;
}

static void count_lines_is_vectorized(void **state) {
  (void)state;
  char *text = compile_file("count_lines", VYRE_CODEGEN_LLVM_OPT);
  char *loop = find_loop(text, " x i8>");
  if (!loop) fail_msg("no vector loop in:\n%s", text);
  if (vector_bytes(loop) < 16) fail_msg("no load of 16 bytes or more in:\n%s", loop);
  /* The whole inner loop: no call, no look at the stop word, no store, no way out but its end. */
  assert_null(strstr(loop, "call "));
  assert_null(strstr(loop, "volatile"));
  assert_null(strstr(loop, "store "));
  expect_count(loop, " br ", 1);
  /* Sums of one strip are kept in 16 bits: as many as possible fit into a vector. */
  assert_non_null(strstr(loop, " x i16>"));
  vyre_free(loop);
  vyre_free(text);
}

/* A Program that is large for what stands around its loops. */
static void loops_of_large_programs_are_vectorized(void **state) {
  (void)state;
  enum { STEPS = VYRE_LARGE_NODES / 4 };
  char text[64 * STEPS];
  size_t length = (size_t)snprintf(text, sizeof text,
                                   FOREACH("if data[i] == 10 { n += 1 }") "var x = len(data)\n"
                                   "for k in 0 .. 3 { if k == x { foreach i in 0 .. len(data) { n += u64(data[i]) } } }\n");
  for (unsigned i = 0; i < STEPS; i++)
    length += (size_t)snprintf(text + length, sizeof text - length, "x = x * 5 + %u\n", i);
  snprintf(text + length, sizeof text - length, "n += x\n");
  char *code = compile_text(text, VYRE_CODEGEN_LLVM_OPT);
  char *loop = find_loop(code, "= icmp eq <");
  if (!loop) fail_msg("no vector loop in:\n%s", code);
  assert_true(vector_bytes(loop) >= 16);
  vyre_free(loop);
  assert_non_null(loop = find_loop(code, "= zext <"));
  vyre_free(loop);
  vyre_free(code);
}

/* ---- private tables ---- */

static void histogram_has_four_tables(void **state) {
  (void)state;
  char *text = compile_file("histogram", VYRE_CODEGEN_LLVM);
  /* The first begins where the scratch does. Each of the others is used by one of four iterations and by the sum. */
  expect_count(text, ", i64 2048\n", 2);
  expect_count(text, ", i64 4096\n", 2);
  expect_count(text, ", i64 6144\n", 2);
  expect_count(text, " = and i64 %", 1);      /* how many iterations make whole fours */
  expect_count(text, "i8 0, i64 8192,", 1);   /* cleared */
  expect_count(text, "atomicrmw add ptr", 1); /* added once, by a loop over the elements */
  vyre_free(text);
}

/* ---- objects ---- */

static bool is_allowed(const char *name) {
  static const char *const allowed[] = {"", "memset", "memcpy", "memmove"}; /* more may be, see loader.c */
  for (unsigned i = 0; i < sizeof allowed / sizeof *allowed; i++)
    if (strcmp(name, allowed[i]) == 0) return true;
  return false;
}

static void check_object(const vyre_program_t *program) {
  size_t size;
  char *bytes = compile(program, VYRE_CODEGEN_OBJECT, &size);
  Elf64_Ehdr header;
  assert_true(size > sizeof header);
  memcpy(&header, bytes, sizeof header);
  assert_memory_equal(header.e_ident, ELFMAG, SELFMAG);
  assert_int_equal(header.e_type, ET_REL);
  assert_int_equal(header.e_machine, EM_X86_64);
  unsigned tables = 0, entries = 0;
  for (unsigned i = 0; i < header.e_shnum; i++) {
    Elf64_Shdr section, strings;
    memcpy(&section, bytes + header.e_shoff + i * sizeof section, sizeof section);
    if (section.sh_type != SHT_SYMTAB) continue;
    tables++;
    memcpy(&strings, bytes + header.e_shoff + section.sh_link * sizeof strings, sizeof strings);
    for (Elf64_Xword at = 0; at < section.sh_size; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      memcpy(&symbol, bytes + section.sh_offset + at, sizeof symbol);
      const char *name = bytes + strings.sh_offset + symbol.st_name;
      if (symbol.st_shndx == SHN_UNDEF && !is_allowed(name)) fail_msg("%s needs '%s'", program->name, name);
      bool is_global = symbol.st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol.st_info) != STB_LOCAL;
      if (is_global) assert_string_equal(name, VYRE_CODEGEN_SYMBOL);
      entries += is_global;
    }
  }
  assert_int_equal(tables, 1);
  assert_int_equal(entries, 1);
  vyre_free(bytes);
}

static void objects_need_nothing(void **state) {
  (void)state;
  static const char *const texts[] = {
      FOREACH("n += u64(data[i + 1]) / u64(data[i])"),
      TABLE("100000", "t[i % 100000] += u64(data[i])"),
      "program t\nstream data : i64\noutput n : i64 sum\nfor i in 0 .. len(data) { n += data[i] / 3 % data[i] }\n",
      "program t\nvar i : u64 = 9\nwhile i > 0 { i -= 1 }\n",
      "program t\n",
  };
  for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
    vyre_program_t *program = parse(texts[i]);
    check_object(program);
    vyre_program_destroy(&program);
  }
  vyre_program_t *program;
  ok(vyre_program_load(VYRE_SOURCE_DIR "/programs/histogram.vyre", &program));
  check_object(program);
  vyre_program_destroy(&program);
  ok(vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DIRECT, .sleeps = true}, &program));
  check_object(program);
  vyre_program_destroy(&program);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_descriptor_for_the_library), cmocka_unit_test(shipped_programs_have_no_checks),
      cmocka_unit_test(checks_are_where_they_must_be), cmocka_unit_test(count_lines_is_vectorized),
      cmocka_unit_test(histogram_has_four_tables),     cmocka_unit_test(loops_of_large_programs_are_vectorized),
      cmocka_unit_test(objects_need_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
