/* The text form over the golden texts: printed text, formatted text, errors, round trips. */
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

#include "ir/text.h"

static vyre_golden_t golden[VYRE_GOLDEN_MAX];
static size_t golden_count;

static int load(void **state) {
  (void)state;
  golden_count = vyre_golden_load(golden);
  return 0;
}

static int unload(void **state) {
  (void)state;
  vyre_golden_unload(golden, golden_count);
  return 0;
}

static vyre_program_t *parse(const char *text, const char *name, bool is_privileged) {
  vyre_program_t *program = NULL;
  vyre_status_t status = vyre_text_parse(text, strlen(text), name, is_privileged, &program);
  if (status) {
    char message[2048];
    vyre_status_format(status, message, sizeof message);
    fail_msg("%s:\n%s\n%s", name, text, message);
  }
  return program;
}

static char *print(const vyre_program_t *program) {
  vyre_strbuf_t out;
  vyre_strbuf_init(&out);
  vyre_text_print(program, &out);
  char *text = vyre_strbuf_take(&out);
  assert_non_null(text);
  return text;
}

static char *format(const char *text, const char *name) {
  char *formatted = NULL;
  vyre_status_t status = vyre_text_format(text, strlen(text), name, &formatted);
  if (status) fail_msg("%s: %s: %s", name, vyre_status_where(status), vyre_status_detail(status));
  return formatted;
}

/* Every text gives the error of its .err file, or else the text of its .print file. */
static void texts_give_what_their_files_say(void **state) {
  (void)state;
  size_t good = 0, bad = 0;
  for (size_t i = 0; i < golden_count; i++) {
    const vyre_golden_t *g = &golden[i];
    char source_name[300];
    snprintf(source_name, sizeof source_name, "%s.vyre", g->name);
    vyre_program_t *program = NULL;
    vyre_status_t status = vyre_text_parse(g->text, g->length, source_name, g->is_privileged, &program);
    bool is_error = strncmp(g->name, "err_", 4) == 0;
    if (status) {
      char message[4096];
      vyre_status_format(status, message, sizeof message);
      if (!is_error) fail_msg("%s", message);
      vyre_golden_expect(g->name, "err", message);
      assert_true(strchr(vyre_status_where(status), ':') != NULL);
      assert_true(*vyre_status_source(status) != '\0');
      vyre_status_destroy(&status);
      bad++;
    } else {
      if (is_error) fail_msg("%s parses, an error was expected", g->name);
      char *text = print(program);
      vyre_golden_expect(g->name, "print", text);
      vyre_free(text);
      vyre_program_destroy(&program);
      good++;
    }
  }
  assert_true(good >= 8 && bad >= 30);
}

static void printing_and_parsing_gives_equal_nodes(void **state) {
  (void)state;
  for (size_t i = 0; i < golden_count; i++) {
    const vyre_golden_t *g = &golden[i];
    if (strncmp(g->name, "err_", 4) == 0) continue;
    vyre_program_t *first = parse(g->text, g->name, g->is_privileged);
    char *text = print(first);
    vyre_program_t *second = parse(text, g->name, g->is_privileged);
    if (!vyre_program_equal(first, second, true)) fail_msg("%s: other nodes after printing:\n%s", g->name, text);
    /* Both were parsed, so the nodes even stand in the same order. */
    assert_int_equal(first->expr_count, second->expr_count);
    for (uint32_t e = 1; e < first->expr_count; e++) {
      const vyre_expr_t *a = &first->exprs[e], *b = &second->exprs[e];
      assert_true(a->op == b->op && a->type == b->type && a->imm == b->imm);
      assert_true(a->a == b->a && a->b == b->b && a->c == b->c && a->order == b->order && a->scope == b->scope);
    }
    assert_int_equal(first->stmt_count, second->stmt_count);
    for (uint32_t s = 1; s < first->stmt_count; s++) {
      vyre_stmt_t a = first->stmts[s], b = second->stmts[s];
      a.position = b.position = 0;
      assert_memory_equal(&a, &b, sizeof a);
    }
    char *again = print(second);
    assert_string_equal(again, text);
    vyre_free(again);
    vyre_free(text);
    vyre_program_destroy(&first);
    vyre_program_destroy(&second);
  }
}

/* Formatting keeps the nodes and the comments; a second time, and on printed text, it changes nothing. */
static void formatting_is_idempotent_and_keeps_nodes(void **state) {
  (void)state;
  size_t with_file = 0;
  for (size_t i = 0; i < golden_count; i++) {
    const vyre_golden_t *g = &golden[i];
    if (strncmp(g->name, "err_", 4) == 0) continue;
    char *once = format(g->text, g->name), *twice = format(once, g->name);
    assert_string_equal(twice, once);
    vyre_program_t *before = parse(g->text, g->name, g->is_privileged), *after = parse(once, g->name, g->is_privileged);
    assert_true(vyre_program_equal(before, after, true));
    char *printed = print(before), *formatted = format(printed, g->name);
    assert_string_equal(formatted, printed);
    if (strncmp(g->name, "fmt_", 4) == 0) {
      vyre_golden_expect(g->name, "fmt", once);
      with_file++;
    }
    vyre_free(once);
    vyre_free(twice);
    vyre_free(printed);
    vyre_free(formatted);
    vyre_program_destroy(&before);
    vyre_program_destroy(&after);
  }
  assert_true(with_file >= 2);
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("cannot open %s", path);
  char *text = NULL;
  size_t capacity = 0;
  ssize_t length = getdelim(&text, &capacity, '\0', file);
  assert_true(length > 0);
  fclose(file);
  return text;
}

/* What the page shows is what the parser takes, laid out as the formatter would. */
static void examples_of_the_page_are_right(void **state) {
  (void)state;
  char *page = read_file(VYRE_SOURCE_DIR "/docs/formats/text.md");
  static const char begin[] = "```vyre\n";
  size_t count = 0;
  for (char *at = strstr(page, begin); at; at = strstr(at, begin)) {
    at += strlen(begin);
    char *end = strstr(at, "```\n");
    assert_non_null(end);
    *end = '\0';
    char *formatted = format(at, "text.md");
    assert_string_equal(formatted, at);
    vyre_free(formatted);
    at = end + 1;
    count++;
  }
  assert_int_equal(count, 7);
  free(page);
}

static void shipped_programs_parse_and_are_formatted(void **state) {
  (void)state;
  static const char *const names[] = {"block_scan", "count_lines", "histogram", "loudness", "variety"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[512];
    snprintf(path, sizeof path, VYRE_SOURCE_DIR "/programs/%s.vyre", names[i]);
    char *text = read_file(path);
    vyre_program_t *program = parse(text, path, false);
    assert_string_equal(program->name, names[i]);
    char *formatted = format(text, path);
    assert_string_equal(formatted, text);
    vyre_free(formatted);
    vyre_program_destroy(&program);
    free(text);
  }
}

static void formatting_refuses_what_does_not_parse(void **state) {
  (void)state;
  char *out = NULL;
  vyre_status_t status = vyre_text_format("program p\nlet = 1\n", 18, "p.vyre", &out);
  assert_int_equal(vyre_status_code(status), VYRE_E_SYNTAX);
  assert_string_equal(vyre_status_where(status), "p.vyre:2:5");
  assert_null(out);
  vyre_status_destroy(&status);
}

static void privileged_nodes_need_permission(void **state) {
  (void)state;
  static const char text[] = "program p\npause\n";
  vyre_program_t *program = NULL;
  vyre_status_t status = vyre_text_parse(text, sizeof text - 1, "p.vyre", false, &program);
  assert_int_equal(vyre_status_code(status), VYRE_E_PRIVILEGED);
  assert_string_equal(vyre_status_where(status), "p.vyre:2:1");
  vyre_status_destroy(&status);
  program = parse(text, "p.vyre", true);
  assert_true(program->is_privileged);
  vyre_program_destroy(&program);
  program = parse("program p\nlet pause = 1\n", "p.vyre", true);
  assert_false(program->is_privileged); /* only a use of a node makes it so */
  vyre_program_destroy(&program);
}

/* Gives the code of parsing, the program (if any) released. */
static vyre_code_t code_of(const char *text, size_t length) {
  vyre_program_t *program = NULL;
  vyre_status_t status = vyre_text_parse(text, length, "t.vyre", false, &program);
  vyre_code_t code = vyre_status_code(status);
  if (status) {
    assert_true(strncmp(vyre_status_where(status), "t.vyre:", 7) == 0);
    assert_true(strlen(vyre_status_fix(status)) > 10);
  }
  vyre_status_destroy(&status);
  vyre_program_destroy(&program);
  return code;
}

/* "program p\nlet x = " before, count times `open`, `middle`, count times `close`. */
static vyre_code_t code_of_nested(const char *before, const char *open, const char *middle, const char *close,
                                  unsigned count) {
  vyre_strbuf_t text;
  vyre_strbuf_init(&text);
  vyre_strbuf_append(&text, before);
  for (unsigned i = 0; i < count; i++) vyre_strbuf_append(&text, open);
  vyre_strbuf_append(&text, middle);
  for (unsigned i = 0; i < count; i++) vyre_strbuf_append(&text, close);
  vyre_code_t code = code_of(text.text, text.length);
  vyre_strbuf_deinit(&text);
  return code;
}

static void depth_is_limited(void **state) {
  (void)state;
  static const char let[] = "program p\nlet x = ";
  assert_int_equal(code_of_nested(let, "(", "1", ")", VYRE_LIMIT_DEPTH), VYRE_OK);
  assert_int_equal(code_of_nested(let, "(", "1", ")", VYRE_LIMIT_DEPTH + 1), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested(let, "-", "(5)", "", VYRE_LIMIT_DEPTH - 1), VYRE_OK);
  assert_int_equal(code_of_nested(let, "-", "(5)", "", VYRE_LIMIT_DEPTH), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested(let, "-", "len", "", 1000000), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested(let, "min(1, ", "1", ")", 1000000), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested(let, "1 + ", "1", "", VYRE_LIMIT_DEPTH - 1), VYRE_OK);
  assert_int_equal(code_of_nested(let, "1 + ", "1", "", VYRE_LIMIT_DEPTH), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested(let, "1 + ", "1", "", 1000000), VYRE_E_LIMIT);
  static const char body[] = "program p\n";
  assert_int_equal(code_of_nested(body, "forever {", "trap", "}", VYRE_LIMIT_DEPTH), VYRE_OK);
  assert_int_equal(code_of_nested(body, "forever {", "trap", "}", VYRE_LIMIT_DEPTH + 1), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested(body, "forever {", "", "", 1000000), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested(body, "if true {} else ", "{}", "", 1000000), VYRE_E_LIMIT);
}

static void sizes_are_limited(void **state) {
  (void)state;
  assert_int_equal(code_of_nested("program p\n", ";", "", "", VYRE_LIMIT_SOURCE_BYTES - 10), VYRE_OK);
  assert_int_equal(code_of_nested("program p\n", ";", "", "", VYRE_LIMIT_SOURCE_BYTES - 9), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested("program ", "x", "", "", VYRE_LIMIT_NAME_BYTES), VYRE_OK);
  assert_int_equal(code_of_nested("program ", "x", "", "", VYRE_LIMIT_NAME_BYTES + 1), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested("program p\n", "trap\n", "", "", VYRE_LIMIT_NODES), VYRE_OK);
  assert_int_equal(code_of_nested("program p\n", "trap\n", "", "", VYRE_LIMIT_NODES + 1), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested("program p\nlet x = 0", "0", "", "", 2000000), VYRE_OK);
  assert_int_equal(code_of_nested("program p\n", "{ let x = 1 }\n", "", "", VYRE_LIMIT_VARS), VYRE_OK);
  assert_int_equal(code_of_nested("program p\n", "{ let x = 1 }\n", "", "", VYRE_LIMIT_VARS + 1), VYRE_E_LIMIT);
  assert_int_equal(
      code_of_nested("program p\nworkgroup_size 1024\n", "{ let x = 1 }\n", "", "", VYRE_LIMIT_LANE_VARS / 1024),
      VYRE_OK);
  assert_int_equal(
      code_of_nested("program p\nworkgroup_size 1024\n", "{ let x = 1 }\n", "", "", VYRE_LIMIT_LANE_VARS / 1024 + 1),
      VYRE_E_LIMIT);
  static const char most[] =
      "program p\nworkgroup_size 1024\nchunk 1073741824\nstream d : u8 halo(1048576, 1048576)\n"
      "state s : u8[268435456]\nworkgroup t : u32[8192]\nprivate q : u8[1024]\n"
      "output o : u64[131072] sum\n";
  assert_int_equal(code_of(most, sizeof most - 1), VYRE_OK);
  assert_int_equal(code_of_nested("program p\nprivate q : u8[4096]\n", ";", "", "", 1), VYRE_OK);
  assert_int_equal(code_of_nested("program p\nlet x = 0.", "1", "", "", VYRE_LIMIT_FLOAT_BYTES - 2), VYRE_OK);
  assert_int_equal(code_of_nested("program p\nlet x = 0.", "1", "", "", VYRE_LIMIT_FLOAT_BYTES - 1), VYRE_E_LIMIT);
  static const char call[] = "program p\nfunction f(a : u64) : u64 { return a }\nlet x = ";
  assert_int_equal(code_of_nested(call, "f(", "1", ")", VYRE_LIMIT_DEPTH / 2 - 1), VYRE_OK);
  assert_int_equal(code_of_nested(call, "f(", "1", ")", VYRE_LIMIT_DEPTH / 2), VYRE_E_LIMIT);
  assert_int_equal(code_of_nested("program p\n", "switch 1 { default { ", "", "}}", VYRE_LIMIT_DEPTH / 2), VYRE_OK);
  assert_int_equal(code_of_nested("program p\n", "switch 1 { default { ", "", "}}", VYRE_LIMIT_DEPTH / 2 + 1),
                   VYRE_E_LIMIT);
}

static void bytes_of_all_kinds_are_safe(void **state) {
  (void)state;
  assert_int_equal(code_of(NULL, 0), VYRE_E_SYNTAX);
  static const char nul[] = "program p\n\0let x = 1\n", comment_nul[] = "program p # a\0b\n";
  assert_int_equal(code_of(nul, sizeof nul - 1), VYRE_E_SYNTAX);
  assert_int_equal(code_of(comment_nul, sizeof comment_nul - 1), VYRE_E_SYNTAX);
  static const struct {
    const char *text;
    vyre_code_t code;
  } cases[] = {
      {"program p # \xC3\xA4\n", VYRE_OK},
      {"program p # \xF0\x9F\x98\x80\n", VYRE_OK},
      {"program p # \xC3\n", VYRE_E_SYNTAX},
      {"program p # \xC0\x80\n", VYRE_E_SYNTAX},
      {"program p # \xED\xA0\x80\n", VYRE_E_SYNTAX},
      {"program p # \xF4\x90\x80\x80\n", VYRE_E_SYNTAX},
      {"program p\nlet \xC3\xA4 = 1", VYRE_E_SYNTAX},
      {"\xEF\xBB\xBFprogram p", VYRE_E_SYNTAX},
      {"program p # a\r\nlet x = 1\r\n", VYRE_OK},
      {"program p # a\rb\n", VYRE_E_SYNTAX},
      {"program p # tab\there\n", VYRE_OK},
      {"program p // to the end of the text", VYRE_OK},
      {"", VYRE_E_SYNTAX},
      {"#", VYRE_E_SYNTAX},
      {"program p\nlet x = '", VYRE_E_SYNTAX},
      {"program p\nlet x = '\\", VYRE_E_SYNTAX},
      {"program p\nlet x = '\\x0", VYRE_E_SYNTAX},
      {"program p\nlet x = 0x", VYRE_E_SYNTAX},
      {"program p\nlet x = 18446744073709551615", VYRE_OK},
      {"program p\nlet x = 18446744073709551616", VYRE_E_SYNTAX},
      {"program p\nlet x = -9223372036854775808", VYRE_OK},
      {"program p\nlet x = -9223372036854775809", VYRE_E_TYPE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    vyre_code_t code = code_of(cases[i].text, strlen(cases[i].text));
    if (code != cases[i].code)
      fail_msg("case %zu (%s): code %d, %d expected", i, cases[i].text, (int)code, (int)cases[i].code);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_give_what_their_files_say),
      cmocka_unit_test(printing_and_parsing_gives_equal_nodes),
      cmocka_unit_test(formatting_is_idempotent_and_keeps_nodes),
      cmocka_unit_test(examples_of_the_page_are_right),
      cmocka_unit_test(shipped_programs_parse_and_are_formatted),
      cmocka_unit_test(formatting_refuses_what_does_not_parse),
      cmocka_unit_test(privileged_nodes_need_permission),
      cmocka_unit_test(depth_is_limited),
      cmocka_unit_test(sizes_are_limited),
      cmocka_unit_test(bytes_of_all_kinds_are_safe),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
