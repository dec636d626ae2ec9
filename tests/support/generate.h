/* Random Programs for differential tests. Always valid; every node and type of the language that a registered Program
 * may use, with faults of each kind but CANCELLED.
 *
 * Every node has a position of its own (its line counts up), so that the place of a fault tells which node it was.
 * The same seed and options give the same Program with every compiler. */
#ifndef TESTS_SUPPORT_GENERATE_H
#define TESTS_SUPPORT_GENERATE_H

#include "ir/program.h"

typedef struct generate_options {
  bool no_faults;      /* loops bounded, indices and divisors safe: runs to its end with fuel 1 << 62 */
  bool foreach_heavy;  /* mostly foreach over the stream, with small bodies: what a compiler vectorizes */
  bool deep_nesting;   /* statements and expressions nested close to VYRE_LIMIT_DEPTH */
  uint32_t statements; /* about how many; 0: up to 40, by the seed */
} generate_options_t;

/* For the caller, to be given back with vyre_program_release; ends the process when memory is out. A Program without
 * no_faults may hold endless loops: its fuel bounds the time of a call. */
vyre_program_t *generate_program(uint64_t seed, const generate_options_t *options);

#endif
