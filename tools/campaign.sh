#!/bin/sh
# Random Programs by the many, in two processes beside each other: machine code against the interpreter, and sessions of
# the builder jit against interpreted ones, each over COUNT Programs.
# Usage: campaign.sh BUILD_DIR COUNT [FIRST_SEED]. Prints what differs as soon as a chunk of seeds has ended, and one line
# for each process at the end; the exit status says whether anything differed, crashed or did not end.
# `BUILD_DIR/bin/test-differential SEED 1` and `BUILD_DIR/bin/test-builders cpu SEED COUNT` replay seeds.
set -eu
bin=$1/bin
count=$2
first=${3:-1}
chunk=1000
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# chunks NAME COMMAND...: runs COMMAND SEED COUNT for each chunk; keeps the lines that count in $folder/NAME.
chunks() {
  name=$1
  shift
  seed=$first
  end=$((first + count))
  while [ "$seed" -lt "$end" ]; do
    n=$((end - seed < chunk ? end - seed : chunk))
    status=0
    "$@" "$seed" "$n" >"$folder/$name.log" 2>&1 || status=$?
    if [ $status -eq 0 ]; then
      grep -E '^(seeds|cpu:) ' "$folder/$name.log" >>"$folder/$name"
    else
      echo "$name: seeds $seed to $((seed + n - 1)), exit status $status"
      sed '/^\[/d' "$folder/$name.log"
      echo "failed $n" >>"$folder/$name"
    fi
    seed=$((seed + n))
  done
}

chunks builders "$bin/test-builders" cpu &
chunks differential "$bin/test-differential"
wait

# "seeds A to B: R runs, F of them faults, D differences"
awk '/^failed/ { failed += $2; next }
     { gsub(/[:,]/, ""); programs += $4 - $2 + 1; runs += $5; faults += $7 }
     END { printf "ref = cpu: %d Programs, %d runs, %d of them faults; %d Programs in chunks that failed\n", programs, runs, faults, failed
           exit failed > 0 }' "$folder/differential" || bad=1
# "cpu: P Programs of seeds A to B, S slots, F of them faults, K of finish"
awk '/^failed/ { failed += $2; next }
     { programs += $2; slots += $9; faults += $11; finishes += $15 }
     END { printf "interpreted = jit: %d Programs, %d slots, %d of them faults, %d of finish; %d Programs in chunks that failed\n", programs, slots, faults, finishes, failed
           exit failed > 0 }' "$folder/builders" || bad=1
[ -z "${bad:-}" ]
