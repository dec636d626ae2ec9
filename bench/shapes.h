/* Large Programs, one for each shape that a generator of Programs may write: what compiling them takes is measured by
 * bench-compile and bounded by a test. */
#ifndef BENCH_SHAPES_H
#define BENCH_SHAPES_H

#include <stdint.h>

#include "ir/program.h"

typedef struct bench_shape {
  const char *name, *what;
  const char *begin, *end; /* of the text, around the units */
  const char *unit;        /* in it @ stands for the unit's number, ^ for the number of the unit before */
} bench_shape_t;

extern const bench_shape_t bench_shapes[];
extern const unsigned bench_shape_count;

uint32_t bench_shape_nodes(const vyre_program_t *program); /* expressions and statements */
/* A Program of about `nodes` nodes. */
vyre_status_t bench_shape_make(const bench_shape_t *shape, uint32_t nodes, vyre_program_t **out_program);

#endif
