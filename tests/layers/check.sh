#!/bin/sh
# Holds the real includes of src/, cli/ and include/ against the declared layers.
# Usage: check.sh LAYERS SOURCE_DIR
#   LAYERS: lines "module: required modules", in the order of the layers, as CMake writes them.
# Prints FILE:LINE: for each include that is not allowed, and a count at the end. Exit status 1 if there was one.
set -eu
layers=$(realpath "$1")
cd "$2"
# In one list, so that awk sees each name as one argument; no file of the repository has a blank in its name.
files=$(find src cli include -type f \( -name '*.[ch]' -o -name '*.def' -o -name '*.inc' \) | LC_ALL=C sort)
# shellcheck disable=SC2086
exec awk '
function wrong(text) {
  print place ": " text
  failures++
}

# Third-party headers and the one place of each.
function owner_of(path) {
  if (path ~ /^llvm(-c)?\//) return "src/codegen/"
  if (path ~ /^liburing(\.h$|\/)/) return "src/uring/"
  if (path ~ /^jansson/) return "cli/"
  return ""
}

function check(path, quoted,    first, owner) {
  includes++
  owner = owner_of(path)
  if (owner != "") {
    if (index(FILENAME, owner) != 1) wrong("<" path "> belongs in " owner " only")
    return
  }
  if (path ~ /(^|\/)\.\.?\//) { wrong("\"" path "\" is relative: name headers from src/"); return }
  if (path ~ /^vyre\//) return
  first = path
  sub(/\/.*/, "", first)
  if (area == "cli") {
    if (first in folder) wrong("\"" path "\" is internal: the command uses <vyre/...> and headers of cli/ only")
    else if (quoted && path ~ /\// && first != "cli") wrong("\"" path "\" is not a header of cli/")
  } else if (area == "include") {
    if (quoted || first in folder) wrong("\"" path "\": a public header includes <vyre/...> and system headers only")
  } else if (first in folder && path ~ /\//) {
    if (first != module && !((module, first) in allowed))
      wrong("module " module " may not include \"" path "\": it requires" (required[module] == "" ? " nothing" : required[module]))
  } else if (quoted) {
    wrong("\"" path "\" is not the path of a header below src/")
  }
}

# First argument: the layers.
FILENAME == ARGV[1] {
  name = $1
  place = FILENAME ":" FNR
  if (sub(/:$/, "", name) != 1) { wrong("not a line of layers: " $0); next }
  declared[name] = FNR
  modules++
  for (i = 2; i <= NF; i++) {
    allowed[name, $i] = 1
    required[name] = required[name] " " $i
    requires[FNR] = name
  }
  next
}

FNR == 1 {
  split(FILENAME, part, "/")
  area = part[1]
  module = area == "src" ? part[2] : ""
  if (area == "src" && FILENAME ~ /\.c$/ && !(module in declared)) {
    place = FILENAME ":1"
    wrong("folder src/" module " is not declared with vyre_module()")
  }
}

# A folder with headers alone is no module yet.
area == "src" && !(module in declared) { next }

/^[ \t]*#[ \t]*include/ {
  place = FILENAME ":" FNR
  line = $0
  sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line)
  if (match(line, /^"[^"]*"/) || match(line, /^<[^>]*>/)) check(substr(line, 2, RLENGTH - 2), substr(line, 1, 1) == "\"")
  else wrong("an include of a macro cannot be checked")
}

# A folder below src/ is a module, declared or not yet.
BEGIN {
  for (i = 2; i < ARGC; i++)
    if (ARGV[i] ~ /^src\/[^\/]*\//) {
      split(ARGV[i], part, "/")
      folder[part[2]] = 1
    }
}

END {
  for (pair in allowed) {
    split(pair, part, SUBSEP)
    place = ARGV[1] ":" declared[part[1]]
    if (part[2] in declared && declared[part[2]] >= declared[part[1]])
      wrong("module " part[1] " requires " part[2] ", which is not above it")
  }
  if (includes == 0 || modules == 0) { print "nothing was checked"; failures++ }
  if (failures) print "Fix: Include only headers of the modules named in REQUIRES of src/CMakeLists.txt."
  print includes " includes, " failures + 0 " not allowed"
  exit failures != 0
}' "$layers" $files
