#!/bin/sh
# What tools/pack.sh packs as run.sh: on the GPU machine it unpacks the libraries, runs every test of label gpu (a missing
# GPU is an error), then the bench, and prints a short table last. With $OUT the output of each is kept there.
# Usage: run.sh [tests] [sanitizer] [soak] [bench]     tests and bench by default
# In the environment: BYTES of the file of streams, ROUNDS, PROGRAMS, BUILDERS, CONFORMANCE, TORN (slots), SOAK (seconds).
set -u
cd "$(dirname "$0")" || exit 1
root=${TMPDIR:-/tmp}/vyre-libraries
mkdir -p "$root"
for package in deb/*.deb; do dpkg -x "$package" "$root" || exit 1; done
export LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu"
export VYRE_REQUIRE=gpu VYRE_CORNERS=corners
out=${OUT:-$(mktemp -d)}
parts=${*:-tests bench}
table=$out/table.txt
: >"$table"
failed=0

# step NAME SECONDS COMMAND...
step() {
  name=$1
  limit=$2
  shift 2
  start=$(date +%s)
  timeout -k 5 "$limit" "$@" >"$out/$name.txt" 2>&1
  status=$?
  [ $status -eq 0 ] || failed=1
  [ $status -eq 0 ] || tail -n 25 "$out/$name.txt"
  printf '%-18s %-8s %4s s\n' "$name" "$([ $status -eq 0 ] && echo passed || echo "exit $status")" $(($(date +%s) - start)) >>"$table"
}

{
  cat commit
  date -u '+%Y-%m-%d %H:%M UTC'
  nvidia-smi --query-gpu=name,driver_version,pcie.link.gen.current,pcie.link.width.current --format=csv,noheader
  grep -m 1 'model name' /proc/cpuinfo
  nproc
  uname -r
} >"$out/machine.txt" 2>&1

case " $parts " in *' tests '*)
  step cuda-session 120 bin/test-session cuda:0
  step cuda-programs 120 bin/test-cuda-programs 1 "${PROGRAMS:-100}"
  step cuda-buffer 60 bin/test-buffer cuda:0
  step cuda-builders 300 bin/test-builders cuda:0 1 "${BUILDERS:-96}"
  step cuda-conformance 300 bin/test-conformance cuda:0 1 "${CONFORMANCE:-128}"
  step cuda-files 300 ./cuda_files_test.sh bin/vyre programs "${BYTES:-8589934592}" "${ROUNDS:-20}"
  step cuda-traffic 120 bin/test-traffic cuda:0 1 "${TRAFFIC:-200000}"
  step cuda-torn 300 bin/test-torn cuda:0 "${TORN:-20000000}" 1 131
  step cuda-soak 60 bin/test-soak cuda:0 20
  ;;
esac
case " $parts " in *' sanitizer '*) # of Programs as launches, and of a session with one worker
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -n 1)
  [ -n "$sanitizer" ] || echo 'sanitizer          skipped, compute-sanitizer is not there' >>"$table"
  for tool in memcheck racecheck synccheck initcheck; do
    [ -n "$sanitizer" ] || continue
    step "cuda-$tool" 120 "$sanitizer" --tool $tool --report-api-errors no --error-exitcode 9 bin/test-cuda-programs 1 "${SANITIZED:-4}"
    step "session-$tool" 120 "$sanitizer" --tool $tool --error-exitcode 9 bin/test-torn cuda:0 2000
  done
  ;;
esac
case " $parts " in *' soak '*)
  step soak $((${SOAK:-180} + 60)) bin/test-soak cuda:0 "${SOAK:-180}"
  ;;
esac
case " $parts " in *' bench '*)
  step bench-slots 200 bin/vyre bench --device cuda:0 --only latency,rate,start,compile --rounds 5
  file=$(mktemp "${TMPDIR:-/var/tmp}/vyre-bench.XXXXXX")
  head -c $((${BYTES:-8589934592} / 32 / 4 * 3)) /dev/urandom | base64 -w 0 | tr 'aeiou' '\n    ' >"$file.part"
  for part in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32; do
    cat "$file.part"
  done >"$file"
  step bench-stream 300 bin/vyre bench --device cuda:0 --only stream --rounds 5 --file "$file"
  step bench-cold 300 bin/vyre bench --device cuda:0 --only cold --rounds "${COLD_ROUNDS:-7}" --bytes "${COLD_BYTES:-2G}"
  rm -f "$file" "$file.part"
  step bench-resident 120 bin/gpu-bench-programs
  grep -h '/' "$out/bench-slots.txt" "$out/bench-stream.txt" "$out/bench-cold.txt" | grep -v 'GB/s\|M/s\|us (' >>"$table"
  ;;
esac
cat "$out/machine.txt" "$table"
exit $failed
