#!/bin/sh
# Runs all benchmarks of a build folder, one after the other. Usage: bench.sh BUILD_DIR
set -eu
found=no
for bench in "$1"/bin/bench-*; do
  [ -x "$bench" ] || continue
  found=yes
  echo "== ${bench##*/}"
  "$bench"
done
if [ $found = no ]; then
  echo "bench.sh: there is no benchmark in $1/bin" >&2
  echo "Fix: Configure with -DVYRE_BENCH=ON and build; benchmarks are programs named bench-NAME." >&2
  exit 1
fi
