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
