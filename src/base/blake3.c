#include "base/blake3.h"

#include <string.h>

#include "base/assert.h"

#define BLOCK_BYTES 64u
#define CHUNK_BLOCKS 16u

/* Domain separation, table 3 of the paper. */
enum flag {
  CHUNK_START = 1 << 0,
  CHUNK_END = 1 << 1,
  PARENT = 1 << 2,
  ROOT = 1 << 3,
  KEYED_HASH = 1 << 4,
  DERIVE_KEY_CONTEXT = 1 << 5,
  DERIVE_KEY_MATERIAL = 1 << 6,
};

/* Table 1: the initial value, that of SHA-256. */
static const uint32_t initial_value[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* Table 2: where the words of a message go from one round to the next. */
static const unsigned char permutation[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

/* What one compression takes. Kept apart from its run, since the last one of a tree runs with ROOT, once per 64 bytes
 * of output. */
typedef struct node {
  uint32_t value[8];
  uint32_t message[16];
  uint64_t counter; /* number of the chunk; 0 for parents */
  uint32_t length;  /* bytes of the message */
  uint32_t flags;
} node_t;

static uint32_t rotate_right(uint32_t word, int bits) { return word >> bits | word << (32 - bits); }

static uint32_t load_word(const unsigned char *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void mix(uint32_t *state, int a, int b, int c, int d, uint32_t x, uint32_t y) {
  state[a] += state[b] + x;
  state[d] = rotate_right(state[d] ^ state[a], 16);
  state[c] += state[d];
  state[b] = rotate_right(state[b] ^ state[c], 12);
  state[a] += state[b] + y;
  state[d] = rotate_right(state[d] ^ state[a], 8);
  state[c] += state[d];
  state[b] = rotate_right(state[b] ^ state[c], 7);
}

/* Columns, then diagonals. */
static void mix_round(uint32_t *state, const uint32_t *message) {
  mix(state, 0, 4, 8, 12, message[0], message[1]);
  mix(state, 1, 5, 9, 13, message[2], message[3]);
  mix(state, 2, 6, 10, 14, message[4], message[5]);
  mix(state, 3, 7, 11, 15, message[6], message[7]);
  mix(state, 0, 5, 10, 15, message[8], message[9]);
  mix(state, 1, 6, 11, 12, message[10], message[11]);
  mix(state, 2, 7, 8, 13, message[12], message[13]);
  mix(state, 3, 4, 9, 14, message[14], message[15]);
}

/* Section 2.2. The first 8 words of the result are the next chaining value, all 16 are 64 bytes of output. */
static void compress(const node_t *node, uint64_t counter, uint32_t flags, uint32_t out[16]) {
  uint32_t state[16], message[16], moved[16];
  memcpy(state, node->value, 8 * sizeof *state);
  memcpy(state + 8, initial_value, 4 * sizeof *state);
  state[12] = (uint32_t)counter;
  state[13] = (uint32_t)(counter >> 32);
  state[14] = node->length;
  state[15] = flags;
  memcpy(message, node->message, sizeof message);
  for (int round = 0;; round++) {
    mix_round(state, message);
    if (round == 6) break;
    for (int i = 0; i < 16; i++) moved[i] = message[permutation[i]];
    memcpy(message, moved, sizeof message);
  }
  for (int i = 0; i < 8; i++) {
    out[i] = state[i] ^ state[i + 8];
    out[i + 8] = state[i + 8] ^ node->value[i];
  }
}

static void chain(const node_t *node, uint32_t value[8]) {
  uint32_t out[16];
  compress(node, node->counter, node->flags, out);
  memcpy(value, out, 8 * sizeof *value);
}

/* The open chunk's kept block, as its next or, with CHUNK_END, its last compression. */
static node_t block_node(const vyre_blake3_t *hasher, uint32_t end) {
  node_t node = {.counter = hasher->chunk_number, .length = hasher->block_length};
  node.flags = hasher->flags | end | (hasher->blocks_done == 0 ? (uint32_t)CHUNK_START : 0);
  memcpy(node.value, hasher->chunk_value, sizeof node.value);
  unsigned char padded[BLOCK_BYTES] = {0};
  memcpy(padded, hasher->block, hasher->block_length);
  for (size_t i = 0; i < 16; i++) node.message[i] = load_word(padded + 4 * i);
  return node;
}

static node_t parent_node(const vyre_blake3_t *hasher, const uint32_t left[8], const uint32_t right[8]) {
  node_t node = {.length = BLOCK_BYTES, .flags = hasher->flags | PARENT};
  memcpy(node.value, hasher->key, sizeof node.value);
  memcpy(node.message, left, 8 * sizeof *left);
  memcpy(node.message + 8, right, 8 * sizeof *right);
  return node;
}

static void open_chunk(vyre_blake3_t *hasher) {
  memcpy(hasher->chunk_value, hasher->key, sizeof hasher->key);
  hasher->block_length = 0;
  hasher->blocks_done = 0;
}

static void init(vyre_blake3_t *hasher, const uint32_t key[8], uint32_t flags) {
  memset(hasher, 0, sizeof *hasher);
  memcpy(hasher->key, key, sizeof hasher->key);
  hasher->flags = flags;
  open_chunk(hasher);
}

void vyre_blake3_init(vyre_blake3_t *hasher) { init(hasher, initial_value, 0); }

void vyre_blake3_init_keyed(vyre_blake3_t *hasher, const unsigned char key[VYRE_BLAKE3_KEY_BYTES]) {
  uint32_t words[8];
  for (size_t i = 0; i < 8; i++) words[i] = load_word(key + 4 * i);
  init(hasher, words, KEYED_HASH);
}

void vyre_blake3_init_derive_key(vyre_blake3_t *hasher, const char *context) {
  unsigned char key[VYRE_BLAKE3_KEY_BYTES];
  init(hasher, initial_value, DERIVE_KEY_CONTEXT);
  vyre_blake3_update(hasher, context, strlen(context));
  vyre_blake3_finalize(hasher, key, sizeof key);
  vyre_blake3_init_keyed(hasher, key);
  hasher->flags = DERIVE_KEY_MATERIAL;
}

/* Closes a full chunk of which more input follows. The number of chunks in binary is the sizes of the complete subtrees
 * on the stack: each trailing zero is a pair of equal subtrees to join. */
static void close_chunk(vyre_blake3_t *hasher) {
  uint32_t value[8];
  node_t node = block_node(hasher, CHUNK_END);
  chain(&node, value);
  hasher->chunk_number++;
  for (uint64_t count = hasher->chunk_number; (count & 1) == 0; count >>= 1) {
    node = parent_node(hasher, hasher->stack[--hasher->stack_depth], value);
    chain(&node, value);
  }
  VYRE_ASSERT(hasher->stack_depth < VYRE_BLAKE3_DEPTH_MAX);
  memcpy(hasher->stack[hasher->stack_depth++], value, sizeof value);
  open_chunk(hasher);
}

void vyre_blake3_update(vyre_blake3_t *hasher, const void *input, size_t length) {
  const unsigned char *bytes = input;
  while (length > 0) {
    if (hasher->block_length == BLOCK_BYTES) { /* full, and not the last of the input */
      if (hasher->blocks_done == CHUNK_BLOCKS - 1) {
        close_chunk(hasher);
      } else {
        node_t node = block_node(hasher, 0);
        chain(&node, hasher->chunk_value);
        hasher->blocks_done++;
        hasher->block_length = 0;
      }
    }
    size_t room = BLOCK_BYTES - hasher->block_length;
    size_t taken = length < room ? length : room;
    memcpy(hasher->block + hasher->block_length, bytes, taken);
    hasher->block_length += (uint32_t)taken;
    bytes += taken;
    length -= taken;
  }
}

/* Joins the open chunk with what is on the stack, from the right. */
static node_t root_node(const vyre_blake3_t *hasher) {
  node_t node = block_node(hasher, CHUNK_END);
  for (uint32_t depth = hasher->stack_depth; depth > 0; depth--) {
    uint32_t right[8];
    chain(&node, right);
    node = parent_node(hasher, hasher->stack[depth - 1], right);
  }
  return node;
}

void vyre_blake3_finalize_at(const vyre_blake3_t *hasher, uint64_t offset, void *output, size_t length) {
  node_t root = root_node(hasher);
  unsigned char *to = output;
  while (length > 0) {
    uint32_t words[16];
    compress(&root, offset / BLOCK_BYTES, root.flags | ROOT, words);
    for (size_t i = (size_t)(offset % BLOCK_BYTES); i < BLOCK_BYTES && length > 0; i++, offset++, length--)
      *to++ = (unsigned char)(words[i / 4] >> (8 * (i % 4)));
  }
}

void vyre_blake3_finalize(const vyre_blake3_t *hasher, void *output, size_t length) {
  vyre_blake3_finalize_at(hasher, 0, output, length);
}

void vyre_blake3_hash(const void *input, size_t length, unsigned char output[VYRE_BLAKE3_BYTES]) {
  vyre_blake3_t hasher;
  vyre_blake3_init(&hasher);
  vyre_blake3_update(&hasher, input, length);
  vyre_blake3_finalize(&hasher, output, VYRE_BLAKE3_BYTES);
}
