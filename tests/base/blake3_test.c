/* BLAKE3: the official vectors in all modes, input in pieces, output in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blake3.h"

#define CASES 35
#define OUTPUT_BYTES 131
#define INPUT_BYTES_MAX 102400

static const unsigned char key[] = "whats the Elvish word for friend";
static const char context[] = "BLAKE3 2019-12-27 16:29:52 test vectors context";

enum mode { HASH, KEYED, DERIVE, MODES };

typedef struct vector {
  size_t length;
  unsigned char output[MODES][OUTPUT_BYTES];
} vector_t;

static vector_t vectors[CASES];
static unsigned char input[INPUT_BYTES_MAX];

static void init(vyre_blake3_t *hasher, int mode) {
  if (mode == HASH) vyre_blake3_init(hasher);
  if (mode == KEYED) vyre_blake3_init_keyed(hasher, key);
  if (mode == DERIVE) vyre_blake3_init_derive_key(hasher, context);
}

/* The next line that is no comment, without its end. */
static void read_line(FILE *file, char *line, int size) {
  do assert_non_null(fgets(line, size, file));
  while (line[0] == '#');
  line[strcspn(line, "\n")] = '\0';
}

static int read_vectors(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof input; i++) input[i] = (unsigned char)(i % 251);
  FILE *file = fopen(VYRE_SOURCE_DIR "/tests/base/blake3_vectors.txt", "r");
  if (!file) return -1;
  char line[512];
  for (int i = 0; i < CASES; i++) {
    read_line(file, line, sizeof line);
    vectors[i].length = strtoul(line, NULL, 10);
    for (int mode = 0; mode < MODES; mode++) {
      read_line(file, line, sizeof line);
      assert_int_equal(strlen(line), 2 * OUTPUT_BYTES);
      for (size_t k = 0; k < OUTPUT_BYTES; k++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(line + 2 * k, "%2x", &byte), 1);
        vectors[i].output[mode][k] = (unsigned char)byte;
      }
    }
  }
  assert_null(fgets(line, sizeof line, file)); /* none is left out */
  fclose(file);
  return 0;
}

static void official_vectors(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) {
    for (int mode = 0; mode < MODES; mode++) {
      vyre_blake3_t hasher;
      unsigned char output[OUTPUT_BYTES];
      init(&hasher, mode);
      vyre_blake3_update(&hasher, input, vectors[i].length);
      vyre_blake3_finalize(&hasher, output, sizeof output);
      assert_memory_equal(output, vectors[i].output[mode], OUTPUT_BYTES);
      memset(output, 0, sizeof output);
      vyre_blake3_finalize(&hasher, output, VYRE_BLAKE3_BYTES); /* a prefix, and the hasher is as it was */
      assert_memory_equal(output, vectors[i].output[mode], VYRE_BLAKE3_BYTES);
      assert_int_equal(output[VYRE_BLAKE3_BYTES], 0);
    }
    unsigned char hash[VYRE_BLAKE3_BYTES];
    vyre_blake3_hash(input, vectors[i].length, hash);
    assert_memory_equal(hash, vectors[i].output[HASH], sizeof hash);
  }
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint64_t next_random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(2685821657736338717);
}

static void input_in_pieces(void **state) {
  (void)state;
  static const size_t longest[] = {3, 64, 100, 1024, 5000, INPUT_BYTES_MAX};
  uint64_t random = 20191227;
  for (int i = 0; i < CASES; i++) {
    for (size_t k = 0; k < 2 * sizeof longest / sizeof *longest; k++) {
      int mode = (int)(next_random(&random) % MODES);
      vyre_blake3_t hasher;
      init(&hasher, mode);
      for (size_t done = 0; done < vectors[i].length;) {
        size_t piece = (size_t)(next_random(&random) % (longest[k / 2] + 1));
        if (piece > vectors[i].length - done) piece = vectors[i].length - done;
        vyre_blake3_update(&hasher, input + done, piece);
        done += piece;
      }
      unsigned char output[OUTPUT_BYTES];
      vyre_blake3_finalize(&hasher, output, sizeof output);
      assert_memory_equal(output, vectors[i].output[mode], OUTPUT_BYTES);
    }
  }
}

/* Hashing after a finalize goes on where it was. */
static void finalizes_in_between(void **state) {
  (void)state;
  vyre_blake3_t hasher;
  unsigned char output[OUTPUT_BYTES];
  vyre_blake3_init(&hasher);
  size_t done = 0;
  for (int i = 0; i < CASES; i++) {
    vyre_blake3_update(&hasher, input + done, vectors[i].length - done);
    done = vectors[i].length;
    vyre_blake3_finalize(&hasher, output, sizeof output);
    assert_memory_equal(output, vectors[i].output[HASH], OUTPUT_BYTES);
  }
}

static void output_in_pieces(void **state) {
  (void)state;
  vyre_blake3_t hasher;
  vyre_blake3_init(&hasher);
  vyre_blake3_update(&hasher, input, 1025);
  unsigned char whole[1000], piece[1000];
  vyre_blake3_finalize(&hasher, whole, sizeof whole);
  uint64_t random = 1;
  for (int i = 0; i < 1000; i++) {
    size_t offset = (size_t)(next_random(&random) % sizeof whole);
    size_t length = (size_t)(next_random(&random) % (sizeof whole - offset + 1));
    vyre_blake3_finalize_at(&hasher, offset, piece, length);
    assert_memory_equal(piece, whole + offset, length);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(official_vectors),
      cmocka_unit_test(input_in_pieces),
      cmocka_unit_test(finalizes_in_between),
      cmocka_unit_test(output_in_pieces),
  };
  return cmocka_run_group_tests(tests, read_vectors, NULL);
}
