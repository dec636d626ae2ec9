#!/bin/sh
# Files through the command on a GPU: the same answers as wc, cpu and ref, many times over; and nothing is left on the GPU
# by a run that a signal ended. Label gpu: without a GPU a skip (77), with VYRE_REQUIRE=gpu an error.
# Usage: cuda_files_test.sh VYRE PROGRAMS [BYTES] [ROUNDS]
set -u
vyre=$1
programs=$2
bytes=${3:-268435456}
rounds=${4:-3}
dir=$(mktemp -d "${TMPDIR:-/var/tmp}/vyre-gpu.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}

# On cuda:0, within a minute, whatever happens.
on_gpu() { timeout -k 5 60 "$vyre" run "$@" --device cuda:0 --quiet; }

: >"$dir/empty"
if ! on_gpu "$programs/count_lines.vyre" "$dir/empty" >"$dir/out" 2>"$dir/err"; then
  cat "$dir/err"
  grep -q VYRE-4004 "$dir/err" || exit 1
  case ",${VYRE_REQUIRE:-}," in *,gpu,*) exit 1 ;; esac
  exit 77
fi

# Machine code of a Program by itself.
timeout 60 "$vyre" inspect --emit cubin -o "$dir/cubin" "$programs/histogram.vyre" 2>"$dir/err" || fail "$(cat "$dir/err")"
[ "$(head -c 4 "$dir/cubin" | od -An -c | tr -d ' ')" = '177ELF' ] || fail 'no ELF file as cubin'

# Text whose lines vary, about as large as asked.
part=$((bytes / 32 / 4 * 3))
head -c "$part" /dev/urandom | base64 -w 0 | tr 'aeiou' '\n    ' >"$dir/part"
i=0
while [ $i -lt 32 ]; do
  cat "$dir/part"
  i=$((i + 1))
done >"$dir/large"
size=$(stat -c %s "$dir/large")

same_as_wc() {
  expected="lines $(wc -l <"$1")"
  shift_arguments=$2
  # shellcheck disable=SC2086
  got=$(on_gpu "$programs/count_lines.vyre" "$1" $shift_arguments 2>&1)
  [ "$got" = "$expected" ] || fail "count_lines $1 $shift_arguments: '$got', not '$expected'"
}

round=0
while [ $round -lt "$rounds" ]; do
  same_as_wc "$dir/large" '--chunk 4M'
  round=$((round + 1))
done
echo "$rounds runs over $size bytes in chunks of 4 MiB"

# Sizes around the borders of vectors, strips and chunks; on ref, too.
for n in 0 1 15 16 17 65535 65536 65537 1048575 1048576 1048577 4194303 4194304 4194305 12582913; do
  head -c "$n" "$dir/large" >"$dir/file"
  same_as_wc "$dir/file" ''
  same_as_wc "$dir/file" '--chunk 1M'
  on_gpu "$programs/histogram.vyre" "$dir/file" --all >"$dir/a" 2>&1
  "$vyre" run "$programs/histogram.vyre" "$dir/file" --all --quiet --device cpu >"$dir/b" 2>&1
  cmp -s "$dir/a" "$dir/b" || fail "histogram of $n bytes: cuda:0 and cpu differ"
  [ "$n" -gt 65537 ] && continue
  "$vyre" run "$programs/histogram.vyre" "$dir/file" --all --quiet --device ref >"$dir/b" 2>&1
  cmp -s "$dir/a" "$dir/b" || fail "histogram of $n bytes: cuda:0 and ref differ"
done
on_gpu "$programs/histogram.vyre" "$dir/large" --all >"$dir/a" 2>&1
"$vyre" run "$programs/histogram.vyre" "$dir/large" --all --quiet --device cpu >"$dir/b" 2>&1
cmp -s "$dir/a" "$dir/b" || fail "histogram of $size bytes: cuda:0 and cpu differ"

# A handler that never ends by itself, ended by a signal: the process leaves, and with it the kernel.
printf 'program endless\nstream data : u8\noutput n : u64 sum\n\nforever {\n}\n' >"$dir/endless.vyre"
head -c 1000 "$dir/large" >"$dir/file"
for signal in INT TERM KILL; do
  # A shell's background jobs ignore INT.
  env --default-signal=INT "$vyre" run "$dir/endless.vyre" "$dir/file" --device cuda:0 --quiet --fuel 1000000000000000 >"$dir/out" 2>&1 &
  pid=$!
  sleep 3
  kill -0 $pid 2>/dev/null || fail "SIG$signal: the run was over before it: $(cat "$dir/out")"
  kill -s $signal $pid
  i=0
  while kill -0 $pid 2>/dev/null && [ $i -lt 100 ]; do
    sleep 0.1
    i=$((i + 1))
  done
  if kill -0 $pid 2>/dev/null; then
    fail "SIG$signal: the process is there after 10 s"
    kill -s KILL $pid
  fi
  wait $pid
  [ $? -ne 0 ] || fail "SIG$signal: exit status 0"
  if command -v nvidia-smi >/dev/null; then
    left=$(nvidia-smi --query-compute-apps=pid --format=csv,noheader 2>/dev/null | grep -cx "$pid")
    [ "$left" = 0 ] || fail "SIG$signal: its kernel is left on the GPU"
  fi
  same_as_wc "$dir/file" ''
done
echo "ended by INT, TERM and KILL: nothing left on the GPU"
exit $failed
