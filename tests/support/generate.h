/* Random Programs for differential tests. Always valid; every node, type, role and reducer of the language that a
 * registered Program may use, with faults of each kind but CANCELLED.
 *
 * What a Program gives does not depend on the order of its lanes and iterations: memory that they share is accessed,
 * between two meetings, only at elements of each lane's (iteration's) own, or read by all, or updated by one commuting
 * atomic whose result nobody takes; windows are taken to lie apart. Values come from ops that are exact, or from the
 * libm functions, which host devices share.
 *
 * Every node has a position of its own (its line counts up), so that the place of a fault tells which node it was.
 * The same seed and options give the same Program with every compiler. */
#ifndef TESTS_SUPPORT_GENERATE_H
#define TESTS_SUPPORT_GENERATE_H

#include "ir/program.h"

/* Beside VYRE_NEEDS_*: what no device is asked for, but a compiler may lack. */
enum {
  GENERATE_LACKS_LIBM = 1 << 29, /* functions that are not exact: a GPU has others than libm's */
  GENERATE_LACKS_OPS = 1 << 30,  /* ops beyond those of the first integer subset (CLZ .. BITCAST), lane ids, blocks */
};
/* Streams, integer sums, control flow and the first arithmetic: nothing else. */
#define GENERATE_LACKS_ALL (VYRE_NEEDS_ALL | GENERATE_LACKS_OPS)

typedef struct generate_options {
  uint32_t lacks;      /* VYRE_NEEDS_* and GENERATE_LACKS_*: what the Program must do without */
  bool no_faults;      /* loops bounded, indices and divisors safe: runs to its end with fuel 1 << 62, whatever the
                          input that inputs_make gives a Program of this kind */
  bool foreach_heavy;  /* mostly foreach over the stream, with small bodies: what a compiler vectorizes */
  bool lanes_heavy;    /* several lanes, which often meet */
  bool float_heavy;    /* mostly values of floating point */
  bool deep_nesting;   /* statements and expressions nested close to VYRE_LIMIT_DEPTH */
  uint32_t statements; /* about how many; 0: up to 40, by the seed */
} generate_options_t;

/* For the caller, to be given back with vyre_program_destroy; ends the process when memory is out. A Program without
 * no_faults may hold endless loops: its fuel bounds the time of a call. */
vyre_program_t *generate_program(uint64_t seed, const generate_options_t *options);

/* What VYRE_LACKS says in the environment, a number; `usual` where it is not set. */
uint32_t generate_lacks_given(uint32_t usual);

#endif
