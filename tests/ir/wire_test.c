/* The wire form: what is written is read as it was, there is one way to write it, and damaged bytes are errors.
 * VYRE_SEED=N runs with another seed. */
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
#include "ir/program_equal.h"
#include "ir/typing.h"
#include "ir/wire.h"
#include "megakernel/loop.h"
#include "support/generate.h"
#include "support/random.h"

enum { PROGRAMS = 1500, FLIPPED_PROGRAMS = 12, DAMAGED = 20000 };

static uint64_t seed_of_run(void) {
  const char *text = getenv("VYRE_SEED");
  return text ? strtoull(text, NULL, 0) : 1;
}

static vyre_program_t *random_program(uint64_t seed) {
  generate_options_t options = {.foreach_heavy = seed % 5 == 0,
                                .lanes_heavy = seed % 7 == 0,
                                .float_heavy = seed % 4 == 0,
                                .deep_nesting = seed % 100 == 0};
  return generate_program(seed, &options);
}

static vyre_strbuf_t encode(const vyre_program_t *program, unsigned flags) {
  vyre_strbuf_t bytes;
  vyre_strbuf_init(&bytes);
  assert_null(vyre_wire_encode(program, flags, &bytes));
  return bytes;
}

/* An exact copy on the heap lets AddressSanitizer see a read behind the end. */
static vyre_status_t decode(const char *bytes, size_t size, bool allow_privileged, vyre_program_t **out_program) {
  char *exact = vyre_alloc(size ? size : 1);
  assert_non_null(exact);
  memcpy(exact, bytes, size);
  vyre_status_t status = vyre_wire_decode(exact, size, "w", allow_privileged, out_program);
  vyre_free(exact);
  return status;
}

static vyre_program_t *decode_well(const vyre_strbuf_t *bytes, const char *what) {
  vyre_program_t *program = NULL;
  vyre_status_t status = decode(bytes->text, bytes->length, true, &program);
  if (status) fail_msg("%s: %s: %s", what, vyre_status_where(status), vyre_status_detail(status));
  return program;
}

static void expect_bytes(const vyre_program_t *program, unsigned flags, const vyre_strbuf_t *bytes, const char *what) {
  vyre_strbuf_t again = encode(program, flags);
  if (again.length != bytes->length || memcmp(again.text, bytes->text, bytes->length) != 0)
    fail_msg("%s: other bytes after reading", what);
  vyre_strbuf_deinit(&again);
}

/* Of statements and expressions, in no order. */
static uint32_t *positions_of(const vyre_program_t *p, uint32_t *out_count) {
  uint32_t count = 0;
  uint32_t *positions = vyre_calloc(p->stmt_count + p->expr_count, sizeof *positions);
  assert_non_null(positions);
  for (uint32_t i = 1; i < p->stmt_count; i++) positions[count++] = p->stmts[i].position;
  for (uint32_t i = 1; i < p->expr_count; i++) positions[count++] = p->exprs[i].position;
  *out_count = count;
  return positions;
}

static int compare_u32(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* Every node that is read has the place of one that was written, which may hold some without a parent, too. */
static void expect_positions(const vyre_program_t *written, const vyre_program_t *read, const char *what) {
  uint32_t written_count = 0, read_count = 0, at = 0;
  uint32_t *all = positions_of(written, &written_count), *some = positions_of(read, &read_count);
  qsort(all, written_count, sizeof *all, compare_u32);
  qsort(some, read_count, sizeof *some, compare_u32);
  for (uint32_t i = 0; i < read_count; i++, at++) {
    while (at < written_count && all[at] < some[i]) at++;
    if (at == written_count || all[at] != some[i]) fail_msg("%s: another position after reading", what);
  }
  vyre_free(all);
  vyre_free(some);
}

static void rename_program(vyre_program_t *program, const char *name) {
  vyre_free(program->name);
  program->name = vyre_strdup(name);
}

static void expect_round_trip(vyre_program_t *program, const char *what) {
  vyre_strbuf_t full = encode(program, VYRE_WIRE_DEBUG), bare = encode(program, 0);
  vyre_program_t *from_full = decode_well(&full, what), *from_bare = decode_well(&bare, what);
  if (!vyre_program_equal(program, from_full, true)) fail_msg("%s: other nodes after reading", what);
  assert_string_equal(program->source_name, from_full->source_name);
  expect_positions(program, from_full, what);
  rename_program(from_bare, program->name);
  if (!vyre_program_equal(program, from_bare, false)) fail_msg("%s: other nodes without names", what);
  assert_string_equal(from_bare->source_name, "w");
  assert_true(from_full->is_validated && from_full->needs == program->needs &&
              from_full->needs_order == program->needs_order);
  expect_bytes(from_full, VYRE_WIRE_DEBUG, &full, what);
  expect_bytes(from_bare, 0, &bare, what);
  expect_bytes(from_full, 0, &bare, what);
  vyre_program_destroy(&from_full);
  vyre_program_destroy(&from_bare);
  vyre_strbuf_deinit(&full);
  vyre_strbuf_deinit(&bare);
}

static void what_is_written_is_read(void **state) {
  (void)state;
  for (uint64_t i = 0; i < PROGRAMS; i++) {
    uint64_t seed = seed_of_run() * 1000003 + i;
    char what[64];
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    vyre_program_t *program = random_program(seed);
    expect_round_trip(program, what);
    vyre_program_destroy(&program);
  }
}

/* The megakernel's own loops have the privileged nodes. */
static void privileged_programs_need_permission(void **state) {
  (void)state;
  const vyre_loop_params_t loops[] = {{.topology = VYRE_TOPOLOGY_DIRECT, .sleeps = true},
                                      {.topology = VYRE_TOPOLOGY_DISPATCHED}};
  for (unsigned i = 0; i < 2; i++) {
    vyre_program_t *loop = NULL, *refused = NULL;
    assert_null(vyre_megakernel_build(&loops[i], &loop));
    expect_round_trip(loop, "the loop");
    vyre_strbuf_t bytes = encode(loop, 0);
    vyre_status_t status = decode(bytes.text, bytes.length, false, &refused);
    assert_int_equal(vyre_status_code(status), VYRE_E_PRIVILEGED);
    assert_null(refused);
    vyre_status_destroy(&status);
    vyre_strbuf_deinit(&bytes);
    vyre_program_destroy(&loop);
  }
}

/* ---- damage ---- */

static void expect_wire_error(const char *bytes, size_t size, const char *what, size_t at) {
  vyre_program_t *program = NULL;
  vyre_status_t status = decode(bytes, size, true, &program);
  if (vyre_status_code(status) != VYRE_E_WIRE) fail_msg("%s at %zu: code %d", what, at, vyre_status_code(status));
  assert_true(strlen(vyre_status_fix(status)) > 8 && *vyre_status_detail(status));
  assert_non_null(strstr(vyre_status_where(status), "w"));
  assert_null(program);
  vyre_status_destroy(&status);
}

static void cut_and_flipped_bytes_are_errors(void **state) {
  (void)state;
  for (uint64_t i = 0; i < FLIPPED_PROGRAMS; i++) {
    vyre_program_t *program = random_program(seed_of_run() * 1000003 + i);
    vyre_strbuf_t bytes = encode(program, i % 2 ? VYRE_WIRE_DEBUG : 0);
    for (size_t at = 0; at < bytes.length; at++) {
      expect_wire_error(bytes.text, at, "cut", at);
      for (unsigned bit = 0; bit < 8; bit++) {
        bytes.text[at] = (char)(bytes.text[at] ^ 1 << bit);
        expect_wire_error(bytes.text, bytes.length, "flipped", at);
        bytes.text[at] = (char)(bytes.text[at] ^ 1 << bit);
      }
      if (at > 200) at += 16; /* the hash is all that is met there */
    }
    vyre_strbuf_append_bytes(&bytes, "", 1);
    expect_wire_error(bytes.text, bytes.length, "longer", bytes.length);
    vyre_strbuf_deinit(&bytes);
    vyre_program_destroy(&program);
  }
}

static void put_hash(char *bytes, size_t size) {
  vyre_blake3_hash(bytes + VYRE_WIRE_HEADER_BYTES, size - VYRE_WIRE_HEADER_BYTES,
                   (unsigned char *)bytes + VYRE_WIRE_HASH_AT);
}

/* With a right hash the bytes are looked at: what is accepted is written in the same way again. */
static bool is_accepted(char *bytes, size_t size, const char *what) {
  vyre_program_t *program = NULL;
  put_hash(bytes, size);
  vyre_status_t status = decode(bytes, size, true, &program);
  if (status) {
    if (*vyre_status_fix(status) == '\0') fail_msg("%s: no Fix: %s", what, vyre_status_detail(status));
    assert_null(program);
    vyre_status_destroy(&status);
    return false;
  }
  vyre_strbuf_t expected = {.text = bytes, .length = size};
  expect_bytes(program, (unsigned)bytes[5], &expected, what);
  vyre_program_destroy(&program);
  return true;
}

static void damaged_bytes_with_a_right_hash(void **state) {
  (void)state;
  random_t random = {seed_of_run()};
  size_t accepted = 0, refused = 0;
  char what[64];
  for (uint64_t i = 0; i < DAMAGED / 200; i++) {
    uint64_t seed = random_next(&random) >> 20;
    vyre_program_t *program = random_program(seed);
    vyre_strbuf_t bytes = encode(program, i % 2 ? VYRE_WIRE_DEBUG : 0);
    vyre_program_destroy(&program);
    char *copy = vyre_alloc(bytes.length);
    assert_non_null(copy);
    for (unsigned k = 0; k < 200; k++) {
      size_t size = bytes.length, body = size - VYRE_WIRE_HEADER_BYTES;
      memcpy(copy, bytes.text, size);
      for (uint32_t edits = 1 + random_below(&random, 3); edits > 0; edits--) {
        size_t at = VYRE_WIRE_HEADER_BYTES + random_below(&random, (uint32_t)body);
        copy[at] =
            random_once_in(&random, 2) ? (char)random_next(&random) : (char)(copy[at] ^ 1 << random_below(&random, 8));
      }
      if (random_once_in(&random, 4)) size -= random_below(&random, (uint32_t)body);
      snprintf(what, sizeof what, "damaged seed %llu", (unsigned long long)seed);
      if (is_accepted(copy, size, what))
        accepted++;
      else
        refused++;
    }
    vyre_free(copy);
    vyre_strbuf_deinit(&bytes);
  }
  assert_true(accepted > DAMAGED / 200 && refused > DAMAGED / 4); /* both kinds must really be met */
}

/* ---- bodies by hand: attributes, workgroup_size, chunk, parameters, functions, then what is given ---- */

static void expect_body(const char *body, size_t size, vyre_code_t code) {
  char bytes[256] = "VYRE\1";
  vyre_program_t *program = NULL;
  assert_true(size <= sizeof bytes - VYRE_WIRE_HEADER_BYTES);
  memcpy(bytes + VYRE_WIRE_HEADER_BYTES, body, size);
  put_hash(bytes, VYRE_WIRE_HEADER_BYTES + size);
  vyre_status_t status = decode(bytes, VYRE_WIRE_HEADER_BYTES + size, false, &program);
  if (vyre_status_code(status) != code)
    fail_msg("%d instead of %d: %s", vyre_status_code(status), code, status ? vyre_status_detail(status) : "accepted");
  vyre_status_destroy(&status);
  vyre_program_destroy(&program);
}
#define EXPECT_BODY(body, code) expect_body(body, sizeof body - 1, code)

static void bodies_by_hand(void **state) {
  (void)state;
  EXPECT_BODY("\0\1\0\0\0\0", 0);
  EXPECT_BODY("\0\1\0\0\0\15\0", 0);            /* trap */
  EXPECT_BODY("\0\1\0\0\0\15", VYRE_E_WIRE);    /* no end */
  EXPECT_BODY("\0\1\0\0\0\0\0", VYRE_E_WIRE);   /* more behind the end */
  EXPECT_BODY("\0\201\0\0\0\0\0", VYRE_E_WIRE); /* 1 in two bytes */
  EXPECT_BODY("\4\1\0\0\0\0", VYRE_E_WIRE);     /* an unknown attribute */
  EXPECT_BODY("\1\1\0\0\0\0", VYRE_E_PRIVILEGED);
  EXPECT_BODY("\2\1\0\0\0\0\0", 0);                      /* an empty finish */
  EXPECT_BODY("\0\2\0\0\0\0", VYRE_E_LIMIT);             /* two lanes */
  EXPECT_BODY("\0\1\0\101", VYRE_E_WIRE);                /* 65 parameters */
  EXPECT_BODY("\0\1\0\377\377\377\377\17", VYRE_E_WIRE); /* very many */
  EXPECT_BODY("\0\1\0\0\377\377\377\377\17", VYRE_E_WIRE);
  EXPECT_BODY("\0\1\0\0\0\1\0\2\1\0", VYRE_E_WIRE);   /* let v1 = v1 */
  EXPECT_BODY("\0\1\0\0\0\1\2\1\1\1\0", VYRE_E_WIRE); /* neither let nor var */
  EXPECT_BODY("\0\1\0\0\0\1\0\1\1\1\0", 0);           /* let v1 = true */
  EXPECT_BODY("\0\1\0\0\0\1\0\1\1\2\0", VYRE_E_TYPE); /* a bool of 2 */
  EXPECT_BODY("\0\1\0\0\0\1\0\1\5\377\377\377\377\377\377\377\377\377\1\0", 0);
  EXPECT_BODY("\0\1\0\0\0\1\0\1\5\377\377\377\377\377\377\377\377\377\2\0", VYRE_E_WIRE);
  EXPECT_BODY("\0\1\0\0\0\12\0", VYRE_E_INVALID_PROGRAM);           /* break outside of a loop */
  EXPECT_BODY("\0\1\0\1\3a\0b\0\0\0\0\0\0\0\0\0\0", VYRE_E_WIRE);   /* a zero in a name */
  EXPECT_BODY("\0\1\0\1\1w\5\4\3\0\0\0\0", 0);                      /* a window, read and written */
  EXPECT_BODY("\0\1\0\1\1w\5\4\0\0\0\0\0", VYRE_E_INVALID_PROGRAM); /* neither */
  EXPECT_BODY("\0\1\0\1\3let\5\4\3\0\0\0\0", VYRE_E_NAME);          /* its name is a reserved word */
}

static void nesting_is_bounded(void **state) {
  (void)state;
  enum { DEEP = 100000 };
  char *bytes = vyre_calloc(1, DEEP + 64);
  assert_non_null(bytes);
  for (unsigned kind = 0; kind < 2; kind++) {
    vyre_program_t *program = NULL;
    memcpy(bytes, "VYRE\1", 6);
    memcpy(bytes + VYRE_WIRE_HEADER_BYTES, "\0\1\0\0\0", 5);
    char *at = bytes + VYRE_WIRE_HEADER_BYTES + 5;
    if (kind) at = (char *)memcpy(at, "\1\0", 2) + 2;
    memset(at, kind ? VYRE_EXPR_LOGICAL_NOT : VYRE_STMT_FOREVER, DEEP);
    size_t size = (size_t)(at - bytes) + DEEP;
    put_hash(bytes, size);
    vyre_status_t status = decode(bytes, size, false, &program);
    assert_int_equal(vyre_status_code(status), VYRE_E_LIMIT);
    vyre_status_destroy(&status);
  }
  vyre_free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(privileged_programs_need_permission),
      cmocka_unit_test(cut_and_flipped_bytes_are_errors),
      cmocka_unit_test(damaged_bytes_with_a_right_hash),
      cmocka_unit_test(bodies_by_hand),
      cmocka_unit_test(nesting_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
