/* Every allocation of what is done with Programs fails once, and every one from it on: parse, print, format, validate,
 * canonicalize, fingerprint, encode, decode, build. On Programs of the whole language, and on texts with mistakes.
 * VYRE_SEED=N takes other random Programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vyre/program.h>

#include "base/memory.h"
#include "ir/builder.h"
#include "ir/golden_files.h"
#include "ir/program_equal.h"
#include "ir/text.h"
#include "ir/validate.h"
#include "ir/wire.h"
#include "megakernel/loop.h"
#include "support/expect.h"
#include "support/failing.h"
#include "support/generate.h"

enum { PROGRAMS_MAX = VYRE_GOLDEN_MAX, RANDOM_PROGRAMS = 10 };

static char untouched; /* where out parameters point before a call */

/* A Program in all its forms, made before anything fails. */
typedef struct subject {
  char name[80];
  vyre_program_t *program; /* NULL: the text has a mistake */
  vyre_code_t mistake;
  bool is_privileged; /* the text may use privileged nodes */
  char *text;
  size_t length;
  vyre_program_t *canonical;
  char *formatted, *bytes[2]; /* without and with debug section */
  size_t sizes[2];
  unsigned flags; /* of encode and decode */
  uint8_t fingerprint[VYRE_FINGERPRINT_BYTES];
} subject_t;

static subject_t subjects[PROGRAMS_MAX + RANDOM_PROGRAMS + 1];
static size_t subject_count;

/* ---- the Programs ---- */

static void make_forms(subject_t *s) {
  ok(vyre_program_print(s->program, &s->text));
  s->length = strlen(s->text);
  ok(vyre_text_format(s->text, s->length, s->name, &s->formatted));
  ok(vyre_program_canonicalize(s->program, &s->canonical));
  ok(vyre_program_fingerprint(s->program, s->fingerprint));
  for (unsigned flags = 0; flags < 2; flags++)
    ok(vyre_program_encode(s->program, flags ? VYRE_ENCODE_DEBUG : 0, &s->bytes[flags], &s->sizes[flags]));
}

static void add_golden(void) {
  static vyre_golden_t golden[VYRE_GOLDEN_MAX];
  size_t count = vyre_golden_load(golden);
  for (size_t i = 0; i < count; i++) {
    subject_t *s = &subjects[subject_count++];
    snprintf(s->name, sizeof s->name, "%s", golden[i].name);
    s->is_privileged = golden[i].is_privileged;
    vyre_status_t status = vyre_text_parse(golden[i].text, golden[i].length, s->name, s->is_privileged, &s->program);
    s->mistake = vyre_status_code(status);
    if (status) {
      s->length = golden[i].length;
      s->text = vyre_strndup(golden[i].text, s->length);
    } else {
      make_forms(s);
    }
    vyre_status_destroy(&status);
  }
  vyre_golden_unload(golden, count);
}

static void add_random(void) {
  const char *given = getenv("VYRE_SEED");
  uint64_t first = given ? strtoull(given, NULL, 0) : 1;
  for (uint64_t seed = first; seed < first + RANDOM_PROGRAMS; seed++) {
    generate_options_t options = {.lanes_heavy = seed % 2 == 0,
                                  .foreach_heavy = seed % 3 == 0,
                                  .float_heavy = seed % 5 == 0,
                                  .deep_nesting = seed % 7 == 0,
                                  .statements = seed % 10 == 0 ? 300 : 0};
    subject_t *s = &subjects[subject_count++];
    snprintf(s->name, sizeof s->name, "seed %llu", (unsigned long long)seed);
    s->program = generate_program(seed, &options);
    make_forms(s);
  }
}

static int set_up(void **state) {
  (void)state;
  add_golden();
  add_random();
  subject_t *loop = &subjects[subject_count++];
  strcpy(loop->name, "the loop");
  ok(vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DISPATCHED, .sleeps = true},
                           &loop->program));
  loop->is_privileged = true;
  make_forms(loop);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  for (size_t i = 0; i < subject_count; i++) {
    subject_t *s = &subjects[i];
    vyre_program_destroy(&s->program);
    vyre_program_destroy(&s->canonical);
    vyre_text_free(s->text);
    vyre_text_free(s->formatted);
    vyre_text_free(s->bytes[0]);
    vyre_text_free(s->bytes[1]);
  }
  return 0;
}

/* Does the operation with each subject that has a Program, `tries` times of each kind, 0: for each allocation. */
static void every_program(const char *what, failing_operation_t *operation, uint64_t tries) {
  uint64_t count = 0, most = 0;
  for (size_t i = 0; i < subject_count; i++) {
    subject_t *s = &subjects[i];
    if (!s->program) continue;
    char name[128];
    snprintf(name, sizeof name, "%s of %.80s", what, s->name);
    uint64_t allocations =
        failing_every(&(failing_options_t){.name = name, .most = tries, .is_quiet = true}, operation, s);
    count += allocations;
    if (allocations > most) most = allocations;
  }
  print_message("%s: %llu allocations, at most %llu\n", what, (unsigned long long)count, (unsigned long long)most);
  assert_true(count > 0);
}

/* ---- operations ---- */

static vyre_status_t parse(void *context) {
  subject_t *s = context;
  vyre_program_t *program = (vyre_program_t *)(void *)&untouched;
  vyre_status_t status = vyre_text_parse(s->text, s->length, s->name, s->is_privileged, &program);
  failing_end();
  failing_require((status != NULL) == ((char *)program == &untouched));
  if (status) return status;
  failing_require(vyre_program_equal(program, s->program, false));
  vyre_program_destroy(&program);
  return NULL;
}

static void parse_texts(void **state) {
  (void)state;
  every_program("parse", parse, 0);
}

static void parse_mistakes(void **state) {
  (void)state;
  uint64_t count = 0;
  for (size_t i = 0; i < subject_count; i++) {
    subject_t *s = &subjects[i];
    if (s->program) continue;
    count += failing_every(&(failing_options_t){.name = s->name, .refusal = s->mistake, .is_quiet = true}, parse, s);
  }
  print_message("mistakes: %llu allocations\n", (unsigned long long)count);
}

static vyre_status_t print(void *context) {
  subject_t *s = context;
  char *text = &untouched;
  vyre_status_t status = vyre_program_print(s->program, &text);
  failing_end();
  failing_require((status != NULL) == (text == &untouched));
  if (status) return status;
  failing_require(strcmp(text, s->text) == 0);
  vyre_text_free(text);
  return NULL;
}

static void print_programs(void **state) {
  (void)state;
  every_program("print", print, 0);
}

static vyre_status_t format(void *context) {
  subject_t *s = context;
  char *text = &untouched;
  vyre_status_t status = vyre_text_format(s->text, s->length, s->name, &text);
  failing_end();
  failing_require((status != NULL) == (text == &untouched));
  if (status) return status;
  failing_require(strcmp(text, s->formatted) == 0);
  vyre_text_free(text);
  return NULL;
}

static void format_texts(void **state) {
  (void)state;
  every_program("format", format, 0);
}

static vyre_status_t validate(void *context) {
  subject_t *s = context;
  vyre_status_t status = vyre_validate(s->program);
  failing_end();
  failing_require(status || vyre_program_equal(s->program, s->program, true));
  failing_require(s->program->is_validated == (status == NULL));
  s->program->is_validated = true; /* it is as it was when it was found to be valid */
  return status;
}

static void validate_programs(void **state) {
  (void)state;
  every_program("validate", validate, 0);
}

static vyre_status_t canonicalize(void *context) {
  subject_t *s = context;
  vyre_program_t *canonical = (vyre_program_t *)(void *)&untouched;
  vyre_status_t status = vyre_program_canonicalize(s->program, &canonical);
  failing_end();
  failing_require((status != NULL) == ((char *)canonical == &untouched));
  if (status) return status;
  failing_require(vyre_program_equal(canonical, s->canonical, true));
  vyre_program_destroy(&canonical);
  return NULL;
}

static void canonicalize_programs(void **state) {
  (void)state;
  every_program("canonicalize", canonicalize, 0);
}

static vyre_status_t fingerprint(void *context) {
  subject_t *s = context;
  uint8_t bytes[VYRE_FINGERPRINT_BYTES] = {0}, zeros[VYRE_FINGERPRINT_BYTES] = {0};
  vyre_status_t status = vyre_program_fingerprint(s->program, bytes);
  failing_end();
  failing_require(memcmp(bytes, status ? zeros : s->fingerprint, sizeof bytes) == 0);
  return status;
}

static void fingerprint_programs(void **state) {
  (void)state;
  every_program("fingerprint", fingerprint, 30); /* canonicalize and encode do the rest */
}

static vyre_status_t encode(void *context) {
  subject_t *s = context;
  char *bytes = &untouched;
  size_t size = 77;
  vyre_status_t status = vyre_program_encode(s->program, s->flags ? VYRE_ENCODE_DEBUG : 0, &bytes, &size);
  failing_end();
  failing_require((status != NULL) == (bytes == &untouched) && (!status || size == 77));
  if (status) return status;
  failing_require(size == s->sizes[s->flags] && memcmp(bytes, s->bytes[s->flags], size) == 0);
  vyre_text_free(bytes);
  return NULL;
}

static vyre_status_t decode(void *context) {
  subject_t *s = context;
  vyre_program_t *program = (vyre_program_t *)(void *)&untouched;
  vyre_status_t status =
      vyre_wire_decode(s->bytes[s->flags], s->sizes[s->flags], s->name, s->program->is_privileged, &program);
  failing_end();
  failing_require((status != NULL) == ((char *)program == &untouched));
  if (status) return status;
  char *bytes;
  size_t size;
  ok(vyre_program_encode(program, s->flags ? VYRE_ENCODE_DEBUG : 0, &bytes, &size));
  failing_require(size == s->sizes[s->flags] && memcmp(bytes, s->bytes[s->flags], size) == 0);
  vyre_text_free(bytes);
  vyre_program_destroy(&program);
  return NULL;
}

static void encode_and_decode(void **state) {
  (void)state;
  for (unsigned flags = 0; flags < 2; flags++) {
    for (size_t i = 0; i < subject_count; i++) subjects[i].flags = flags;
    every_program(flags ? "encode with debug" : "encode", encode, 0);
    every_program(flags ? "decode with debug" : "decode", decode, 0);
  }
}

/* What the validator refuses, in bytes whose hash is right. */
static vyre_status_t decode_privileged(void *context) {
  subject_t *s = context;
  vyre_program_t *program = (vyre_program_t *)(void *)&untouched;
  vyre_status_t status = vyre_program_decode(s->bytes[1], s->sizes[1], s->name, &program);
  failing_end();
  failing_require((char *)program == &untouched);
  return status;
}

typedef struct bytes {
  char *bytes;
  size_t size;
} bytes_t;

static vyre_status_t decode_bytes(void *context) {
  const bytes_t *b = context;
  vyre_program_t *program = (vyre_program_t *)(void *)&untouched;
  vyre_status_t status = vyre_program_decode(b->bytes, b->size, "bytes", &program);
  failing_end();
  failing_require((status != NULL) == ((char *)program == &untouched));
  if (!status) vyre_program_destroy(&program);
  return status;
}

/* Bytes behind a right hash, each changed in turn: what is in them is refused somewhere on the way. */
static void decode_damaged(void **state) {
  (void)state;
  const subject_t *s = NULL;
  for (size_t i = 0; i < subject_count; i++)
    if (strcmp(subjects[i].name, "combine_finish") == 0) s = &subjects[i];
  assert_non_null(s);
  bytes_t b = {vyre_alloc(s->sizes[1]), s->sizes[1]};
  unsigned refused = 0;
  for (size_t at = VYRE_WIRE_HEADER_BYTES; at < b.size; at += 3) {
    memcpy(b.bytes, s->bytes[1], b.size);
    b.bytes[at] ^= 0x15;
    vyre_blake3_hash(b.bytes + VYRE_WIRE_HEADER_BYTES, b.size - VYRE_WIRE_HEADER_BYTES,
                     (unsigned char *)b.bytes + VYRE_WIRE_HASH_AT);
    vyre_status_t status = decode_bytes(&b);
    vyre_code_t code = vyre_status_code(status);
    vyre_status_destroy(&status);
    refused += code != VYRE_OK;
    failing_every(&(failing_options_t){.name = "damaged bytes", .refusal = code, .is_quiet = true}, decode_bytes, &b);
  }
  assert_true(refused > 20);
  vyre_free(b.bytes);
}

static void decode_refused(void **state) {
  (void)state;
  failing_every(&(failing_options_t){.name = "decode of a privileged Program", .refusal = VYRE_E_PRIVILEGED},
                decode_privileged, &subjects[subject_count - 1]);
}

static vyre_status_t load(void *context) {
  vyre_program_t *program = (vyre_program_t *)(void *)&untouched;
  vyre_status_t status = vyre_program_load(context, &program);
  failing_end();
  failing_require((status != NULL) == ((char *)program == &untouched));
  if (!status) vyre_program_destroy(&program);
  return status;
}

static void load_files(void **state) {
  (void)state;
  failing_every(&(failing_options_t){.name = "load"}, load, VYRE_SOURCE_DIR "/programs/histogram.vyre");
  failing_every(&(failing_options_t){.name = "load", .kind = FAILING_RESOURCES}, load,
                VYRE_SOURCE_DIR "/programs/histogram.vyre");
  failing_every(&(failing_options_t){.name = "load of nothing", .refusal = VYRE_E_NOT_FOUND}, load,
                VYRE_SOURCE_DIR "/programs/there_is_none.vyre");
  failing_every(&(failing_options_t){.name = "load of a mistake", .refusal = VYRE_E_SYNTAX}, load,
                VYRE_SOURCE_DIR "/CHANGELOG.md");
}

static vyre_status_t build_loop(void *context) {
  (void)context;
  vyre_program_t *program = (vyre_program_t *)(void *)&untouched;
  vyre_status_t status =
      vyre_megakernel_build(&(vyre_loop_params_t){.topology = VYRE_TOPOLOGY_DISPATCHED, .sleeps = true}, &program);
  failing_end();
  failing_require((status != NULL) == ((char *)program == &untouched));
  if (status) return status;
  failing_require(vyre_program_equal(program, subjects[subject_count - 1].program, true));
  vyre_program_destroy(&program);
  return NULL;
}

/* Functions, finish, switch, cases and blocks, which the loop has not. Goes on after the first failure, as callers do.
 */
static vyre_status_t build_program(void *context) {
  bool is_left = *(const bool *)context;
  vyre_builder_t b;
  vyre_builder_init(&b, "built", "", false);
  vyre_param_id_t data = vyre_build_stream(&b, "data", VYRE_TYPE_U32);
  vyre_param_id_t total = vyre_build_output(&b, "total", VYRE_TYPE_U32, 0, VYRE_REDUCER_SUM);
  vyre_param_id_t records = vyre_build_output(&b, "records", VYRE_TYPE_U32, 4, VYRE_REDUCER_APPEND);
  vyre_param_id_t state = vyre_build_memory(&b, VYRE_ROLE_STATE, "last", VYRE_TYPE_U32, 8);
  vyre_var_id_t arguments[2];
  vyre_function_id_t function = vyre_build_function(&b, "least", VYRE_TYPE_U32, (const char *const[]){"a", "b"},
                                                    (const vyre_type_t[]){VYRE_TYPE_U32, VYRE_TYPE_U32}, 2, arguments);
  vyre_build_return(
      &b, vyre_build_binary(&b, VYRE_EXPR_MIN, vyre_build_var(&b, arguments[0]), vyre_build_var(&b, arguments[1])));
  vyre_build_end(&b);
  vyre_var_id_t i =
      vyre_build_range(&b, VYRE_STMT_FOREACH, "i", vyre_build_const(&b, VYRE_TYPE_U64, 0), vyre_build_len(&b, data));
  vyre_build_switch(&b, vyre_build_load(&b, data, vyre_build_var(&b, i)));
  vyre_build_case(&b, (const vyre_expr_id_t[]){vyre_build_const(&b, VYRE_TYPE_U32, 3)}, 1);
  vyre_build_append(&b, records, vyre_build_var(&b, i), vyre_build_const(&b, VYRE_TYPE_U32, 1));
  vyre_build_end(&b);
  vyre_build_default(&b);
  vyre_build_reduce(&b, total,
                    vyre_build_call(&b, function,
                                    (const vyre_expr_id_t[]){vyre_build_load(&b, data, vyre_build_var(&b, i)),
                                                             vyre_build_const(&b, VYRE_TYPE_U32, 100)},
                                    2));
  vyre_build_end(&b);
  vyre_build_end(&b);
  vyre_build_end(&b);
  vyre_build_eval(
      &b, vyre_build_atomic(&b, VYRE_EXPR_ATOMIC_ADD, VYRE_ORDER_RELAXED, state, vyre_build_const(&b, VYRE_TYPE_U64, 1),
                            vyre_build_const(&b, VYRE_TYPE_U32, 1), 0));
  vyre_build_finish(&b);
  vyre_build_set(&b, total,
                 vyre_build_binary(&b, VYRE_EXPR_ADD, vyre_build_param_value(&b, VYRE_EXPR_OUTPUT, total),
                                   vyre_build_const(&b, VYRE_TYPE_U32, 1)));
  vyre_build_end(&b);
  if (is_left) {
    vyre_status_t status = b.status;
    b.status = NULL;
    vyre_builder_deinit(&b);
    failing_end();
    return status;
  }
  vyre_program_t *program = (vyre_program_t *)(void *)&untouched;
  vyre_status_t status = vyre_builder_finish(&b, &program);
  failing_end();
  failing_require((status != NULL) == ((char *)program == &untouched));
  if (!status) vyre_program_destroy(&program);
  return status;
}

static void build(void **state) {
  (void)state;
  failing_every(&(failing_options_t){.name = "the loop"}, build_loop, NULL);
  failing_every(&(failing_options_t){.name = "a builder"}, build_program, &(bool){false});
  failing_every(&(failing_options_t){.name = "a builder that is left"}, build_program, &(bool){true});
}

/* Whatever cannot be said, the error and its Fix are. */
static void format_an_error(void **state) {
  (void)state;
  vyre_status_t status = vyre_status_create(VYRE_E_SYNTAX, "a detail", "here", "Do that.");
  for (unsigned n = 0; n < 4; n++) {
    char text[400] = "";
    failing_begin(n + 1, n % 2);
    size_t length = vyre_status_format(status, text, sizeof text);
    failing_end();
    assert_int_equal(length, strlen(text));
    assert_non_null(strstr(text, "here: error VYRE-2001: "));
    assert_non_null(strstr(text, ": a detail\n"));
    assert_non_null(strstr(text, "\nFix: Do that.\n"));
    char part[8];
    failing_begin(1, true);
    assert_true(vyre_status_format(status, NULL, 0) >= sizeof part);
    assert_true(vyre_status_format(status, part, sizeof part) >= sizeof part);
    failing_end();
    assert_string_equal(part, "here: e");
  }
  vyre_status_destroy(&status);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(parse_texts),          cmocka_unit_test(parse_mistakes),
                                     cmocka_unit_test(print_programs),       cmocka_unit_test(format_texts),
                                     cmocka_unit_test(validate_programs),    cmocka_unit_test(canonicalize_programs),
                                     cmocka_unit_test(fingerprint_programs), cmocka_unit_test(encode_and_decode),
                                     cmocka_unit_test(decode_refused),       cmocka_unit_test(decode_damaged),
                                     cmocka_unit_test(load_files),           cmocka_unit_test(build),
                                     cmocka_unit_test(format_an_error)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
