/* The wire form of a Program: bytes to keep and to send. docs/formats/wire.md is the layout.
 *
 * decode(encode(p)) builds the nodes of p, numbered in the order of the bytes, with names and positions when DEBUG is
 * set; encode(decode(b)) gives b again, so that a Program has one wire form for each choice of flags.
 *
 * Owns:    decode gives the program (vyre_program_destroy).
 * Threads: all functions from any thread.
 * Limits:  VYRE_LIMIT_*; any bytes are safe input. decode allocates nothing before the hash is right, then at most 512
 *          bytes for each byte of the input, and 64 KiB. */
#ifndef VYRE_IR_WIRE_H
#define VYRE_IR_WIRE_H

#include <stddef.h>

#include "base/blake3.h"
#include "base/strbuf.h"
#include "ir/program.h"

enum {
  VYRE_WIRE_VERSION = 1,
  VYRE_WIRE_MAGIC_BYTES = 4,
  VYRE_WIRE_HASH_AT = 6, /* behind magic, version and flags */
  VYRE_WIRE_HEADER_BYTES = VYRE_WIRE_HASH_AT + VYRE_BLAKE3_BYTES,
  VYRE_LIMIT_WIRE_BYTES = 64 << 20, /* more than any Program within the other limits needs */
  VYRE_LIMIT_SOURCE_NAME_BYTES = 4096,
};

/* Flags. */
enum {
  VYRE_WIRE_DEBUG = 1 << 0, /* names, and where nodes stand in the source */
};

/* Appends the wire form of a program. VYRE_E_LIMIT for a source name that is too long. */
vyre_status_t vyre_wire_encode(const vyre_program_t *program, unsigned flags, vyre_strbuf_t *out);

/* `source_name` stands in messages, and in the program when the bytes name no source of their own. VYRE_E_WIRE,
 * VYRE_E_PRIVILEGED, and the errors of the validator. */
vyre_status_t vyre_wire_decode(const void *bytes, size_t size, const char *source_name, bool allow_privileged,
                               vyre_program_t **out_program);

bool vyre_wire_is_magic(const void *bytes, size_t size); /* whether they begin as a wire form does */

/* The fields of a node, letters of wire.def. */
const char *vyre_wire_expr_fields(vyre_expr_op_t op);
const char *vyre_wire_stmt_fields(vyre_stmt_op_t op);

#endif
