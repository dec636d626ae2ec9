#!/bin/sh
# Builds each preset with its own compiler and flags and runs all its tests; stops at the first that fails.
# Usage: test.sh [PRESET...]     JOBS: parallel compilations and tests, default all cores.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- dev clang asan tsan release
jobs=${JOBS:-$(nproc)}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# ThreadSanitizer of clang 14 cannot map its shadow where a kernel places memory at very random addresses.
fixed_addresses=
if setarch -R true 2>/dev/null; then fixed_addresses='setarch -R'; fi

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
  elif [ "$preset" = tsan ]; then
    $fixed_addresses ctest --preset "$preset" -j "$jobs" --no-tests=error
  else
    ctest --preset "$preset" -j "$jobs" --no-tests=error
  fi
done
