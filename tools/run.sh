#!/bin/sh
# Runs the example Programs over a real file of this machine. Usage: run.sh VYRE [FILE]
set -eu
cd "$(dirname "$0")/.."
vyre=$1
file=${2:-}
# The largest file up to 1 GiB, since it shows the most: a library or a program, mostly. Links are not followed.
[ -n "$file" ] ||
  file=$(find /usr/lib /usr/bin -xdev -maxdepth 4 -type f -readable -size +1M -size -1024M -printf '%s %p\n' 2>/dev/null |
    sort -n | tail -n 1 | cut -d ' ' -f 2-)
[ -n "$file" ] || file=README.md
for program in count_lines histogram; do
  echo "\$ vyre run programs/$program.vyre $file"
  "$vyre" run "programs/$program.vyre" "$file"
done
