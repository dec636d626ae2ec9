#!/bin/sh
# Random Programs by the many: machine code against the interpreter, in two processes with half of the seeds each.
# Usage: campaign.sh BUILD_DIR COUNT [FIRST_SEED]. Prints what differs, and one line at the end; the exit status says
# whether anything did. `BUILD_DIR/bin/test-differential SEED 1` replays a seed.
set -eu
build=$1
count=$2
first=${3:-1}
test=$build/bin/test-differential
half=$((count / 2))
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

part() {
  status=0
  "$test" "$2" "$3" 100 >"$folder/$1" 2>&1 || status=$?
  echo "$status" >"$folder/status-$1"
}
part 1 "$first" "$half" &
part 2 $((first + half)) $((count - half)) &
wait

sed '/^\[/d' "$folder/1" "$folder/2" | grep -v '^seeds ' || true
# "seeds A to B: R runs, F of them faults, D differences", in each part that came to its end.
sed -n 's/^seeds \([0-9]*\) to \([0-9]*\): \([0-9]*\) runs, \([0-9]*\) of them faults, \([0-9]*\) differences$/\1 \2 \3 \4 \5/p' \
  "$folder/1" "$folder/2" |
  awk -v ends="$(cat "$folder/status-1" "$folder/status-2" | tr '\n' ' ')" '
    { programs += $2 - $1 + 1; runs += $3; faults += $4; differences += $5 }
    END {
      printf "campaign: %d Programs, %d runs, %d of them faults, %d differences", programs, runs, faults, differences
      if (NR < 2) printf "; %d of 2 processes did not end (exit status %s)", 2 - NR, ends
      printf "\n"
      exit NR < 2 || differences > 0
    }'
