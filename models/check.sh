#!/bin/sh
# Explores all states of a model as `runs` says: a sound one must hold in each of its configurations, and each planted
# error must be found. Usage: check.sh MODEL [NAME...]    MODEL: direct or dispatched; NAME: these runs only
# Prints a line for each: states, depth, MiB, seconds. Leaves nothing behind. Needs spin and cc.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || { echo "usage: check.sh direct|dispatched [NAME...]" >&2; exit 2; }
model=$1
shift
command -v spin >/dev/null || {
  echo "check.sh: spin is not installed" >&2
  echo "Fix: Install what packages.txt lists, for example with tools/setup.sh." >&2
  exit 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cd "$folder"
cp "$here"/*.pml .
# KiB of memory of a run: one that grows beyond it ends, and fails.
limit=2500000

# Prints the number that stands before or behind these words in pan's output.
before() { sed -n "s/^ *\([0-9.]*\)[[:space:]]*$1.*/\1/p" out | head -n 1; }
behind() { sed -n "s/.*$1 \([0-9.]*\).*/\1/p" out | head -n 1; }

explore() {
  rm -f pan pan.c out ./*.trail
  spin -a "$@" "$model.pml" >out 2>&1 && [ -f pan.c ] || { cat out; return 1; }
  cc $optimized -w -DSAFETY -DCOLLAPSE -DVECTORSZ=256 -o pan pan.c || return 1
  (ulimit -v $limit; ./pan -m100000 -w22) >out 2>&1 || true
}

# All of it was seen, and nothing was wrong.
holds() { grep -q 'errors: 0$' out && ! grep -q 'max search depth too small\|Search not completed\|out of memory' out; }
# An assertion, or a state in which all wait for each other.
breaks() { grep -q '^pan:1: assertion violated\|^pan:1: invalid end state' out; }

failed=0
count=0
printf '%-12s %-34s %-8s %10s %6s %6s %7s\n' model run '' states depth MiB s
sed '/^#/d; /^$/d; s/ *| */|/g' "$here/runs" >list
while IFS='|' read -r of name wanted flags; do
  [ "$of" = "$model" ] || continue
  [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
  # An error is found soon, where all states have to be seen a faster program pays.
  optimized=-O2
  [ "$wanted" = holds ] || optimized=-O0
  explore $flags || { echo "check.sh: $model, $name: no model was made" >&2; exit 1; }
  count=$((count + 1))
  result=$wanted
  $wanted || { result=WRONG; failed=1; }
  printf '%-12s %-34s %-8s %10s %6s %6s %7s\n' "$model" "$name" "$result" "$(before 'states, stored')" \
    "$(behind 'depth reached')" "$(before 'total actual memory' | cut -d . -f 1)" "$(behind 'elapsed time')"
  [ $result != WRONG ] || grep '^pan:\|errors:\|not completed' out || true
done <list
[ $count -gt 0 ] || { echo "check.sh: there is no such run in $here/runs" >&2; exit 2; }
exit $failed
