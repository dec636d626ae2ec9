/* What a benchmark does with an error: it prints it and ends with status 1. */
#ifndef BENCH_OK_H
#define BENCH_OK_H

#include <stdio.h>
#include <stdlib.h>

#include <vyre/status.h>

static inline void ok(vyre_status_t status) {
  if (!status) return;
  char text[2000];
  vyre_status_format(status, text, sizeof text);
  fputs(text, stderr);
  exit(1);
}

#endif
