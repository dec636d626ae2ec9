#include "loops.h"

#include <string.h>

uint64_t bench_count_lines_plain(const uint8_t *data, uint64_t bytes) {
  uint64_t lines = 0;
  for (uint64_t i = 0; i < bytes; i++) lines += data[i] == '\n';
  return lines;
}

uint64_t bench_count_lines_lanes(const uint8_t *data, uint64_t bytes) {
  uint64_t lines = 0, i = 0;
  while (bytes - i >= 64) {
    uint8_t lanes[64] = {0};
    uint64_t rows = (bytes - i) / 64;
    if (rows > 255) rows = 255;
    for (uint64_t row = 0; row < rows; row++, i += 64)
      for (int lane = 0; lane < 64; lane++) lanes[lane] = (uint8_t)(lanes[lane] + (data[i + (uint64_t)lane] == '\n'));
    for (int lane = 0; lane < 64; lane++) lines += lanes[lane];
  }
  for (; i < bytes; i++) lines += data[i] == '\n';
  return lines;
}

void bench_histogram_one(const uint8_t *data, uint64_t bytes, uint64_t counts[256]) {
  for (uint64_t i = 0; i < bytes; i++) counts[data[i]]++;
}

void bench_histogram_four(const uint8_t *data, uint64_t bytes, uint64_t counts[256]) {
  uint64_t tables[4][256];
  memset(tables, 0, sizeof tables);
  uint64_t i = 0;
  for (; bytes - i >= 4; i += 4) {
    tables[0][data[i]]++;
    tables[1][data[i + 1]]++;
    tables[2][data[i + 2]]++;
    tables[3][data[i + 3]]++;
  }
  for (; i < bytes; i++) tables[0][data[i]]++;
  for (int value = 0; value < 256; value++)
    counts[value] += tables[0][value] + tables[1][value] + tables[2][value] + tables[3][value];
}

/* sum[l] += sum[l - distance] for all l at once, for distances 1, 2, 4, ... */
static void scan_block(uint32_t tile[BENCH_SCAN_BLOCK]) {
  uint32_t value[BENCH_SCAN_BLOCK];
  for (uint32_t distance = 1; distance < BENCH_SCAN_BLOCK; distance *= 2) {
    for (uint32_t l = 0; l < BENCH_SCAN_BLOCK; l++) value[l] = l >= distance ? tile[l] + tile[l - distance] : tile[l];
    for (uint32_t l = 0; l < BENCH_SCAN_BLOCK; l++) tile[l] = value[l];
  }
}

static uint32_t sum_block(uint32_t tile[BENCH_SCAN_BLOCK]) {
  for (uint32_t half = BENCH_SCAN_BLOCK / 2; half > 0; half /= 2)
    for (uint32_t l = 0; l < half; l++) tile[l] += tile[l + half];
  return tile[0];
}

uint64_t bench_block_scan(const uint32_t *data, uint64_t words, uint32_t *sums) {
  uint32_t tile[BENCH_SCAN_BLOCK];
  uint64_t total = 0;
  for (uint64_t at = 0; at + BENCH_SCAN_BLOCK <= words; at += BENCH_SCAN_BLOCK) {
    memcpy(tile, data + at, sizeof tile);
    scan_block(tile);
    memcpy(sums + at, tile, sizeof tile);
    memcpy(tile, data + at, sizeof tile);
    total += sum_block(tile);
  }
  return total;
}

uint64_t bench_block_scan_running(const uint32_t *data, uint64_t words, uint32_t *sums) {
  uint64_t total = 0;
  for (uint64_t at = 0; at + BENCH_SCAN_BLOCK <= words; at += BENCH_SCAN_BLOCK) {
    uint32_t sum = 0;
    for (uint32_t l = 0; l < BENCH_SCAN_BLOCK; l++) sums[at + l] = sum += data[at + l];
    total += sum;
  }
  return total;
}
