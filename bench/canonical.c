/* What it costs to bring a Program into canonical form and to hash it, and to write and read its wire form: Programs of
 * 1,000 and of 10,000 nodes (expressions and statements) as people write them, and one close to the limits.
 *
 * bench-canonical: every figure is the median of the rounds; a round does each once. Fingerprints are compared. */
#include <inttypes.h>

#include "ir/builder.h"
#include "ir/canonical.h"
#include "ir/wire.h"

#include "measure.h"

enum { ROUNDS = 31, BIG_ROUNDS = 5 };

static void require(vyre_status_t status) {
  if (!status) return;
  fprintf(stderr, "%s: %s\n", vyre_status_where(status), vyre_status_detail(status));
  exit(1);
}

/* x = (x + data[i] * 3 + 0) ^ (data[i] >> 1); if !(x < limit) { x -= limit }: sums, products, conditions and constants,
 * again and again, in a loop over the stream. */
static vyre_program_t *make_program(uint32_t nodes) {
  vyre_builder_t b;
  vyre_program_t *program = NULL;
  vyre_builder_init(&b, "bench", "", false);
  vyre_param_id_t data = vyre_build_stream(&b, "data", VYRE_TYPE_U32);
  vyre_param_id_t out = vyre_build_output(&b, "out", VYRE_TYPE_U64, 0, VYRE_REDUCER_SUM);
  vyre_var_id_t i =
      vyre_build_range(&b, VYRE_STMT_FOREACH, "i", vyre_build_const(&b, VYRE_TYPE_U64, 0), vyre_build_len(&b, data));
  vyre_var_id_t x = vyre_build_let(&b, "x", vyre_build_const(&b, VYRE_TYPE_U32, 1), true);
  while (vyre_builder_ok(&b) && b.program->expr_count + b.program->stmt_count < nodes) {
    vyre_expr_id_t first = vyre_build_load(&b, data, vyre_build_var(&b, i));
    vyre_expr_id_t product = vyre_build_binary(&b, VYRE_EXPR_MUL, vyre_build_const(&b, VYRE_TYPE_U32, 3), first);
    vyre_expr_id_t sum = vyre_build_binary(&b, VYRE_EXPR_ADD, vyre_build_var(&b, x), product);
    sum = vyre_build_binary(&b, VYRE_EXPR_ADD, sum, vyre_build_const(&b, VYRE_TYPE_U32, 0));
    vyre_expr_id_t half =
        vyre_build_binary(&b, VYRE_EXPR_SHR, vyre_build_var(&b, x), vyre_build_const(&b, VYRE_TYPE_U32, 1));
    vyre_build_assign(&b, x, vyre_build_binary(&b, VYRE_EXPR_XOR, sum, half));
    vyre_expr_id_t limit = vyre_build_const(&b, VYRE_TYPE_U32, 1000);
    vyre_build_if(&b, vyre_build_unary(&b, VYRE_EXPR_LOGICAL_NOT,
                                       vyre_build_binary(&b, VYRE_EXPR_LT, vyre_build_var(&b, x), limit)));
    vyre_build_assign(
        &b, x, vyre_build_binary(&b, VYRE_EXPR_SUB, vyre_build_var(&b, x), vyre_build_const(&b, VYRE_TYPE_U32, 1000)));
    vyre_build_end(&b);
  }
  vyre_build_reduce(&b, out, vyre_build_cast(&b, VYRE_TYPE_U64, vyre_build_var(&b, x)));
  vyre_build_end(&b);
  require(vyre_builder_finish(&b, &program));
  return program;
}

static double time_fingerprint(const vyre_program_t *program, unsigned char out[VYRE_BLAKE3_BYTES]) {
  double begin = bench_now();
  require(vyre_fingerprint(program, out));
  return (bench_now() - begin) * 1e3;
}

static double time_wire(const vyre_program_t *program) {
  vyre_strbuf_t bytes;
  vyre_program_t *read = NULL;
  double begin = bench_now();
  vyre_strbuf_init(&bytes);
  require(vyre_wire_encode(program, VYRE_WIRE_DEBUG, &bytes));
  require(vyre_wire_decode(bytes.text, bytes.length, "", false, &read));
  double end = bench_now();
  if (read->expr_count != program->expr_count || read->stmt_count != program->stmt_count) bench_wrong("nodes read");
  vyre_strbuf_deinit(&bytes);
  vyre_program_destroy(&read);
  return (end - begin) * 1e3;
}

static void measure(uint32_t nodes, size_t rounds, double asked_ms) {
  double canonical[ROUNDS], wire[ROUNDS];
  unsigned char first[VYRE_BLAKE3_BYTES], again[VYRE_BLAKE3_BYTES];
  char name[64];
  vyre_program_t *program = make_program(nodes);
  time_fingerprint(program, first);
  for (size_t round = 0; round < rounds; round++) {
    canonical[round] = time_fingerprint(program, again);
    if (memcmp(first, again, sizeof first) != 0) bench_wrong("a fingerprint");
    wire[round] = time_wire(program);
  }
  snprintf(name, sizeof name, "canonical form and fingerprint, %" PRIu32 " nodes", nodes);
  if (asked_ms > 0)
    bench_at_most(name, "ms", canonical, rounds, asked_ms);
  else
    bench_report(name, "ms", canonical, rounds);
  snprintf(name, sizeof name, "wire form written and read, %" PRIu32 " nodes", nodes);
  bench_report(name, "ms", wire, rounds);
  vyre_program_destroy(&program);
}

int main(void) {
  measure(1000, ROUNDS, 1.0);
  measure(10000, ROUNDS, 0);
  measure(1000000, BIG_ROUNDS, 0);
  return 0;
}
