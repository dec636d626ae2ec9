/* The canonical form of a Program: one for all that differ in spelling only. docs/formats/canonical.md has the rules.
 *
 * The form keeps what a call does: its bytes, its fuel, and which fault it ends with, where and in which iteration
 * (positions are kept). Nodes and variables are numbered in the order of the wire form, so that two equal Programs have
 * the same node ids. canonicalize(canonicalize(p)) is canonicalize(p).
 *
 * Owns:    canonicalize gives the program (vyre_program_destroy).
 * Threads: all functions from any thread.
 * Cost:    n log n for n nodes, and memory in proportion to them. */
#ifndef VYRE_IR_CANONICAL_H
#define VYRE_IR_CANONICAL_H

#include "base/blake3.h"
#include "ir/fold.h"
#include "ir/program.h"

/* Of a validated program. VYRE_E_MEMORY; VYRE_E_LIMIT for one that has no canonical form within the limits
 * (canonical.md), or whose source name is over VYRE_LIMIT_SOURCE_NAME_BYTES. */
vyre_status_t vyre_canonicalize(const vyre_program_t *program, vyre_program_t **out_program);

/* The hash in the header of the wire form of the canonical form, without debug section. */
vyre_status_t vyre_fingerprint(const vyre_program_t *program, unsigned char out[VYRE_BLAKE3_BYTES]);

/* ---- between canonical.c (expressions and statements, one by one) and canonical_live.c (what of them is needed) ----
 */

/* Removes what is not needed, and what becomes empty. False when memory is out. */
bool vyre_canonical_sweep(vyre_fold_t *fold);

/* Leaves the functions that are called, in the order in which they are needed. False when memory is out. */
bool vyre_canonical_order_functions(vyre_program_t *program);

#endif
