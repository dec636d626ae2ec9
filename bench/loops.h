/* The hand-written C loops that Programs are compared with: what one writes first, and what one writes when it matters.
 * Each counts in `bytes` bytes at `data`; the histograms add to `counts`. */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <stdint.h>

uint64_t bench_count_lines_plain(const uint8_t *data, uint64_t bytes);
/* 64 counters of a byte each, emptied before they can overflow: what a compiler turns into whole vector registers. */
uint64_t bench_count_lines_lanes(const uint8_t *data, uint64_t bytes);

void bench_histogram_one(const uint8_t *data, uint64_t bytes, uint64_t counts[256]);
/* Neighbouring bytes go to different tables, so that equal ones do not wait for each other. */
void bench_histogram_four(const uint8_t *data, uint64_t bytes, uint64_t counts[256]);

enum { BENCH_SCAN_BLOCK = 256 };
/* What programs/block_scan.vyre does, step by step, over whole blocks of words: the prefix sums of each block, and the
 * sum of all. Between two barriers of the Program here is one loop over the lanes. */
uint64_t bench_block_scan(const uint32_t *data, uint64_t words, uint32_t *sums);
/* The same answers as one writes it when nothing asks for lanes: one running sum. */
uint64_t bench_block_scan_running(const uint32_t *data, uint64_t words, uint32_t *sums);

#endif
