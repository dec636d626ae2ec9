#!/bin/sh
# Runs the benchmarks of a build folder, one after the other. Usage: bench.sh BUILD_DIR [RESULTS_DIR]
# RESULTS_DIR: the output of bench-NAME also goes to RESULTS_DIR/NAME.txt, with commit and machine on top.
# BENCH='NAME...': these only.
set -eu
build=$1
results=${2:-}
[ -z "$results" ] || mkdir -p "$results"

compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo 'no git')
# Raw output and the table made from it may differ from the commit; nothing else may.
[ -z "$(git status --porcelain -- . ':!docs' 2>/dev/null)" ] || commit="$commit, with changes"

heading() {
  echo "commit:   $commit"
  echo "date:     $(date -u '+%Y-%m-%d %H:%M UTC')"
  echo "cpu:      $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
    "family $(sed -n 's/^cpu family[^:]*: //p' /proc/cpuinfo | head -n 1)" \
    "model $(sed -n 's/^model[[:space:]]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors"
  echo "memory:   $(sed -n 's/^MemTotal: *//p' /proc/meminfo)"
  echo "kernel:   $(uname -sr)"
  echo "compiler: $("$compiler" --version | head -n 1); $("$build/bin/vyre" doctor | sed -n 's/^compiler *//p')"
  echo "wc:       $(wc --version | head -n 1)"
}

load() { echo "load $1: $(cut -d ' ' -f 1-3 /proc/loadavg)"; }

run() {
  echo "== bench-$1"
  load before
  "$build/bin/bench-$1" || return
  load after
}

if [ -z "${BENCH:-}" ]; then
  for bench in "$build"/bin/bench-*; do
    [ ! -x "$bench" ] || BENCH="${BENCH:-} ${bench##*/bench-}"
  done
fi
if [ -z "${BENCH:-}" ]; then
  echo "bench.sh: there is no benchmark in $build/bin" >&2
  echo "Fix: Configure with -DVYRE_BENCH=ON and build; benchmarks are programs named bench-NAME." >&2
  exit 1
fi

heading
for name in $BENCH; do
  if [ -z "$results" ]; then
    run "$name"
  else
    # What fails leaves the results of an earlier run alone.
    heading >"$results/$name.new"
    run "$name" >>"$results/$name.new" 2>&1 || {
      cat "$results/$name.new"
      exit 1
    }
    mv "$results/$name.new" "$results/$name.txt"
    sed -n '/^== /,$p' "$results/$name.txt"
  fi
done
