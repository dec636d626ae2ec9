#!/bin/sh
# Builds each preset with its own compiler and flags and runs all its tests; stops at the first that fails.
# Usage: test.sh [PRESET...]     JOBS: parallel compilations and tests, default all cores.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- dev clang asan release
jobs=${JOBS:-$(nproc)}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# What it prints matters only when it fails.
quietly() {
  "$@" >"$log" 2>&1 || {
    status=$?
    cat "$log"
    echo "test.sh: $preset: '$*' failed" >&2
    exit $status
  }
}

for preset; do
  echo "== $preset"
  quietly cmake --preset "$preset"
  quietly cmake --build --preset "$preset" -j "$jobs"
  if [ "$preset" = release ]; then
    echo "built; this preset has no tests of its own"
  else
    ctest --preset "$preset" -j "$jobs" --no-tests=error
  fi
done
