/* BLAKE3: hash, keyed hash, key derivation, output of any length.
 *
 * Owns:    nothing on the heap; a hasher is the caller's storage (about 2 KB), needs no deinit and may be copied.
 * Threads: a hasher belongs to one thread at a time.
 * Units:   bytes. Input at most 2^64 - 1 bytes.
 * Errors:  none.
 * Speed:   portable C, one block at a time: for keys, records and Programs, not for bulk data.
 * Source:  O'Connor, Aumasson, Neves, Wilcox-O'Hearn, "BLAKE3: one function, fast everywhere", 2021, section 2. */
#ifndef VYRE_BASE_BLAKE3_H
#define VYRE_BASE_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

#define VYRE_BLAKE3_BYTES 32 /* of a hash of the usual length */
#define VYRE_BLAKE3_KEY_BYTES 32
#define VYRE_BLAKE3_DEPTH_MAX 54 /* of the tree over 2^64 bytes in chunks of 2^10 */

typedef struct vyre_blake3 {
  uint32_t key[8];
  uint32_t flags;          /* of the mode, or-ed into every compression */
  uint32_t chunk_value[8]; /* chaining value of the open chunk */
  uint64_t chunk_number;
  unsigned char block[64]; /* the open chunk's last block: kept until it is known whether it ends the chunk */
  uint32_t block_length;
  uint32_t blocks_done; /* in the open chunk */
  uint32_t stack_depth;
  uint32_t stack[VYRE_BLAKE3_DEPTH_MAX][8]; /* roots of complete subtrees, left of the open chunk, largest first */
} vyre_blake3_t;

void vyre_blake3_init(vyre_blake3_t *hasher);
void vyre_blake3_init_keyed(vyre_blake3_t *hasher, const unsigned char key[VYRE_BLAKE3_KEY_BYTES]);
/* The context is a constant of the application, unique to the use; what is hashed is the key material. */
void vyre_blake3_init_derive_key(vyre_blake3_t *hasher, const char *context);
void vyre_blake3_update(vyre_blake3_t *hasher, const void *input, size_t length);

/* Leaves the hasher as it is: more may be added, and finalized again. Shorter outputs are prefixes of longer ones. */
void vyre_blake3_finalize(const vyre_blake3_t *hasher, void *output, size_t length);

/* `length` bytes of the same endless output, from byte `offset` on. */
void vyre_blake3_finalize_at(const vyre_blake3_t *hasher, uint64_t offset, void *output, size_t length);

/* The hash of one piece of memory. */
void vyre_blake3_hash(const void *input, size_t length, unsigned char output[VYRE_BLAKE3_BYTES]);

#endif
