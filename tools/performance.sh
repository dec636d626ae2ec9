#!/bin/sh
# Writes the table of docs/performance.md, between its two markers, out of the output of the benchmarks.
# Usage: performance.sh RESULTS_DIR [docs/performance.md]
set -eu
results=$1
page=${2:-docs/performance.md}

# bench | the asked figure | what is shown beside it, in the words of the benchmarks' output
table() {
  awk -F ' *[|] *' -v results="$results" '
    function load(bench,   file, line, at, name) {
      file = results "/" bench ".txt"
      while ((getline line < file) > 0)
        if ((at = index(line, " = ")) > 0) {
          name = substr(line, 1, at - 1)
          sub(/ +$/, "", name)
          value[bench, name] = substr(line, at + 3)
        }
      close(file)
      loaded[bench] = 1
    }
    function find(bench, name) {
      if (!((bench, name) in value)) {
        print "performance.sh: " results "/" bench ".txt has no figure \"" name "\"" > "/dev/stderr"
        print "Fix: Run `make bench RESULTS=" results "`, or correct the list in tools/performance.sh." > "/dev/stderr"
        failed = 1
        exit 1
      }
      return value[bench, name]
    }
    function short(text) { sub(/^ +/, "", text); sub(/ \(.*/, "", text); sub(/ +$/, "", text); return text }
    BEGIN {
      print "| figure | asked | median | spread, rounds | | beside it |"
      print "|---|---|---|---|---|---|"
    }
    {
      if (!loaded[$1]) load($1)
      text = find($1, $2)
      spread = asked = text
      sub(/^[^(]*\(/, "", spread)
      sub(/\).*/, "", spread)
      sub(/ of /, ", ", spread)
      sub(/.*asked: /, "", asked)
      verdict = asked
      sub(/: .*/, "", asked)
      sub(/.*: /, "", verdict)
      unit = short(text)
      sub(/^[^ ]+ ?/, "", unit)
      beside = ""
      for (i = 3; i <= NF; i++) beside = beside (i > 3 ? "; " : "") $i ": " short(find($1, $i))
      print "| " $2 " | " asked (unit == "" ? "" : " " unit) " | " short(text) " | " spread " | " verdict " | " beside " |"
    }
    END { exit failed }
  ' <<'ROWS'
stream | wc -l wall / vyre run count_lines wall | wc -l, wall | vyre run count_lines, wall | vyre run count_lines, stream
stream | C loop one table / vyre run histogram wall | C loop, one table, loop alone | vyre run histogram, wall
stream | C loop one table / vyre histogram stream | C loop, one table, mapping, loop alone | C loop, four tables, mapping, loop alone | vyre run histogram, stream
stream | vyre run count_lines, peak memory | wc -l, peak memory
stream | vyre run histogram, peak memory | C loop, peak memory (its mapping)
stream | vyre run histogram, peak memory, 64 MiB file
stream | vyre run count_lines, peak memory, 12 GiB hole
checks | count_lines: cost of checks | count_lines with checks | count_lines without checks | C loop, plain | C loop, 64 lanes
checks | histogram: cost of checks | histogram with checks | histogram without checks | C loop, one table | C loop, four tables
session | session, NOP | session, LOAD_U32
session | session NOP / C ring | C ring, 64-byte records
session | session, round trip p50 (LOAD_U32) | C ring, round trip p50 | session, round trip p99
session | jit session, NOP | jit session, LOAD_U32 | handler rate, jit / interpreted
session | jit session NOP / C ring
session | jit session, round trip p50 (LOAD_U32) | handler round trip p50, jit / interpreted
protocol | batches of 1000 with a fence / one by one | NOP, one by one | NOP, batches of 1000 with a fence
protocol | dispatched, NOP | dispatched, handler | direct, handler
lanes | block_scan / the same in C | block_scan, compiled | block scan in C | running sum in C
canonical | canonical form and fingerprint, 1000 nodes | wire form written and read, 1000 nodes
compile | compile 10000 nodes, slowest shape
compile | compile 500 nodes, slowest shape
start | compile count_lines, library loaded | cc -O3 -c of the same loop, the process
start | compile count_lines, with loading the library | the same, second time in a fresh process
start | vyre run, one chunk, until its answer is read | wc -l, one chunk, wall | vyre run, one chunk, wall
start | CPU over 5 s, idle session | CPU over 5 s, no session
ROWS
}

new=$(mktemp)
trap 'rm -f "$new"' EXIT
table >"$new.table" || { rm -f "$new.table"; exit 1; }
awk -v table="$new.table" -v results="$results" '
  /^<!-- end of figures -->/ { inside = 0 }
  !inside { print }
  /^<!-- figures:/ {
    inside = found = 1
    file = results "/stream.txt"
    print ""
    while ((getline line < file) > 0 && line !~ /^==/) print "    " line
    print ""
    while ((getline line < table) > 0) print line
    print ""
  }
  END { exit !found }
' "$page" >"$new" || { rm -f "$new.table"; echo "performance.sh: $page has no marker of the figures" >&2; exit 1; }
rm -f "$new.table"
cat "$new" >"$page"
