/* A loop in one piece of code with the Programs it calls, read off the compiler's text and the object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <vyre/program.h>

#include "base/memory.h"
#include "codegen/codegen.h"
#include "device/cpu/loader.h"
#include "megakernel/loop.h"
#include "support/expect.h"

enum { PROGRAMS = 3 };
static vyre_program_t *loop, *programs[PROGRAMS];

static int set_up(void **state) {
  (void)state;
  static const char *const texts[PROGRAMS] = {
      "program tick\noutput n : u64 sum\nn += 1\n",
      "program lines\nstream data : u8\noutput n : u64 sum\nforeach i in 0 .. len(data) { n += u64(data[i] == 10) }\n",
      "program table\nstream data : u8\noutput n : u32[256] sum\nforeach i in 0 .. len(data) { n[data[i]] += 1 }\n"};
  for (unsigned i = 0; i < PROGRAMS; i++) ok(vyre_program_parse(texts[i], strlen(texts[i]), "test.vyre", &programs[i]));
  ok(vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DIRECT, .sleeps = true}, &loop));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  for (unsigned i = 0; i < PROGRAMS; i++) vyre_program_destroy(&programs[i]);
  vyre_program_destroy(&loop);
  return 0;
}

/* `count` below 0: not fused. */
static char *compile(int count, vyre_codegen_form_t form, size_t *out_size) {
  const vyre_codegen_table_t *compiler;
  ok(vyre_codegen_load(&compiler));
  vyre_codegen_options_t options = {.form = form};
  if (count >= 0) options.handlers = (const vyre_program_t *const *)programs;
  if (count >= 0) options.handler_count = (uint32_t)count;
  char *bytes;
  ok(compiler->compile(loop, &options, &bytes, out_size));
  return bytes;
}

static unsigned count_of(const char *text, const char *words) {
  unsigned found = 0;
  for (const char *at = strstr(text, words); at; at = strstr(at + 1, words)) found++;
  return found;
}

/* One switch with a case for each Program; the loop calls it, and through the hooks only what hooks are for. */
static void the_loop_calls_directly(void **state) {
  (void)state;
  size_t size;
  for (int count = 0; count <= PROGRAMS; count += PROGRAMS) {
    char *text = compile(count, VYRE_CODEGEN_LLVM, &size);
    assert_int_equal(count_of(text, "call void @call_handler("), 1);
    assert_int_equal(count_of(text, "call void @handler"), (unsigned)count);
    assert_int_equal(count_of(text, "call void @llvm.trap()"), 1);
    assert_null(strstr(text, "%handlers = "));
    vyre_free(text);
  }
  char *text = compile(-1, VYRE_CODEGEN_LLVM, &size);
  assert_null(strstr(text, "call_handler"));
  assert_non_null(strstr(text, "%handlers = "));
  vyre_free(text);
}

/* The Programs get their own list of passes: vectors for lines, and the small ones are inlined into the switch. */
static void programs_are_optimized(void **state) {
  (void)state;
  size_t size;
  char *text = compile(PROGRAMS, VYRE_CODEGEN_LLVM_OPT, &size);
  assert_true(count_of(text, " x i8>") > 4);
  assert_int_equal(count_of(text, "call void @handler"), 1); /* table's */
  assert_int_equal(count_of(text, "define internal void @handler"), 1);
  assert_int_equal(count_of(text, "\ndefine "), 1 + count_of(text, "\ndefine internal "));
  vyre_free(text);
}

static void an_object_exports_its_entry_only(void **state) {
  (void)state;
  size_t size;
  char *bytes = compile(PROGRAMS, VYRE_CODEGEN_OBJECT, &size);
  vyre_loaded_t *object;
  ok(vyre_loader_load(bytes, size, NULL, 0, &object));
  assert_non_null(vyre_loaded_symbol(object, VYRE_CODEGEN_SYMBOL));
  assert_null(vyre_loaded_symbol(object, "call_handler"));
  assert_null(vyre_loaded_symbol(object, "handler"));
  vyre_loaded_destroy(object);
  vyre_free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_loop_calls_directly),
                                     cmocka_unit_test(programs_are_optimized),
                                     cmocka_unit_test(an_object_exports_its_entry_only)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
