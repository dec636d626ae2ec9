#!/bin/sh
# Tests the tests: plants each defect of the list `mutants` in a copy of the sources, builds, and requires that one of its
# tests fails. Usage: mutate.sh [FILE]; the table goes to FILE, too. MUTANTS='NAME...': these only. JOBS: compilations.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
table=${1:-}
jobs=${JOBS:-$(nproc)}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
source=$copy/source
build=$source/build/dev

list() {
  sed '/^#/d; /^$/d' "$here/mutants" | while IFS='|' read -r name rest; do
    name=$(echo $name)
    [ -z "${MUTANTS:-}" ] || case " $MUTANTS " in *" $name "*) ;; *) continue ;; esac
    printf '%s|%s\n' "$name" "$rest"
  done
}

# Test NAME is the program test-NAME, but for what a program does with an argument.
make_tests() {
  targets=vyre-codegen-library
  for test; do
    case $test in group) test=differential ;; esac
    targets="$targets test-$test"
  done
  cmake --build "$build" -j "$jobs" --target $targets >"$copy/log" 2>&1
}

# Leaves the name of the first test that failed in $copy/failed; differences are shown as they are found.
run_tests() {
  names=$(echo "$@" | tr ' ' '|')
  status=0
  VYRE_SHRINK=0 ctest --test-dir "$build" -R "^($names)\$" --stop-on-failure --no-tests=error --output-on-failure \
    >"$copy/log" 2>&1 || status=$?
  sed -n 's/^[[:space:]]*[0-9]* - \([^ ]*\) (.*/\1/p' "$copy/log" | head -n 1 >"$copy/failed"
  return $status
}

line() { printf '%-32s %-32s %-9s %-14s %5s\n' "$@" | tee -a "$copy/table"; }

mkdir -p "$source"
(cd "$root" && git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf -) | tar -C "$source" -xf -
cmake -S "$source" --preset dev >"$copy/log" 2>&1 || { cat "$copy/log"; exit 1; }
all=$(list | cut -d '|' -f 3 | tr ' ' '\n' | sed '/^$/d' | sort -u)
[ -n "$all" ] || { echo "mutate.sh: no such mutant" >&2; exit 2; }
make_tests $all || { tail -n 40 "$copy/log"; exit 1; }
run_tests $all || { tail -n 40 "$copy/log"; echo 'mutate.sh: the tests fail without a defect' >&2; exit 1; }

: >"$copy/survivors"
line mutant file result 'found by' s
list | while IFS='|' read -r name file tests script; do
  file=$(echo $file)
  cp "$source/$file" "$copy/original"
  sed -i "${script# }" "$source/$file"
  started=$(date +%s)
  result=killed
  if cmp -s "$source/$file" "$copy/original"; then
    result=unchanged
  elif ! make_tests $tests; then
    result=broken
    grep -m 3 'error' "$copy/log" >&2 || true
  elif run_tests $tests; then
    result=survived
  fi
  found=-
  [ $result != killed ] || found=$(cat "$copy/failed")
  line "$name" "$file" $result "$found" $(($(date +%s) - started))
  [ $result = killed ] || echo "$name" >>"$copy/survivors"
  cp "$copy/original" "$source/$file"
done
[ -z "$table" ] || cp "$copy/table" "$table"
[ ! -s "$copy/survivors" ] || { echo "mutate.sh: not found: $(tr '\n' ' ' <"$copy/survivors")" >&2; exit 1; }
