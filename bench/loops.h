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

#endif
