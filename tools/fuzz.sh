#!/bin/sh
# Runs the fuzz targets, each for SECONDS, as fuzz/README.md says; stops at the first finding.
# Usage: fuzz.sh SECONDS [TARGET]     JOBS: parallel compilations, default all cores.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
targets=${2:-text wire}
cmake --preset fuzz >/dev/null
for target in $targets; do
  cmake --build --preset fuzz -j "${JOBS:-$(nproc)}" --target "fuzz-$target" >/dev/null
  mkdir -p "build/fuzz/corpus/$target" build/fuzz/findings
  seeds="fuzz/corpus/$target"
  [ "$target" != text ] || seeds="$seeds tests/ir/golden programs"
  # shellcheck disable=SC2086 # several folders
  build/fuzz/bin/fuzz-$target -max_len=4096 -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/findings/$target-" "build/fuzz/corpus/$target" $seeds
done
