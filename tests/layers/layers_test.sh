#!/bin/sh
# The layers hold; and a check that finds nothing wrong is no proof, so violations planted in a copy must be found.
# Usage: layers_test.sh LAYERS SOURCE_DIR
set -eu
layers=$(realpath "$1")
source=$(realpath "$2")
check=$source/tests/layers/check.sh
"$check" "$layers" "$source"

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R "$source/src" "$source/cli" "$source/include" "$copy"
cp "$layers" "$copy/layers.txt"
"$check" "$copy/layers.txt" "$copy" >/dev/null

# plant FILE LINE MESSAGE: with this line in front, check.sh must name the file's first line and say the message.
plant() {
  existed=no
  mkdir -p "$(dirname "$copy/$1")"
  if [ -e "$copy/$1" ]; then
    existed=yes
    cp "$copy/$1" "$copy/saved"
    { echo "$2"; cat "$copy/saved"; } >"$copy/$1"
  else
    echo "$2" >"$copy/$1"
  fi
  if "$check" "$copy/layers.txt" "$copy" >"$copy/found"; then
    echo "not found: '$2' in $1"
    exit 1
  fi
  if ! grep -F "$3" "$copy/found" | grep -q "^$1:1: "; then
    echo "found, but not as '$1:1: ... $3': '$2'"
    cat "$copy/found"
    exit 1
  fi
  if [ $existed = yes ]; then cp "$copy/saved" "$copy/$1"; else rm "$copy/$1"; fi
}

plant src/base/status.c '#include "ir/program.h"' 'module base may not include "ir/program.h"'
plant src/base/status.h '  #  include <ir/program.h>' 'module base may not include "ir/program.h"'
plant src/base/status.c '#include "../ir/program.h"' 'is relative'
plant src/base/status.c '#include "status.h"' 'is not the path of a header'
plant src/base/status.c '#include HEADER' 'cannot be checked'
plant src/ir/program.h '#include "device/cpu/loader.h"' 'module ir may not include'
plant src/ir/planted.def '#include "device/cpu/loader.h"' 'module ir may not include'
plant src/ir/program.c '#include <llvm-c/Core.h>' 'belongs in src/codegen/ only'
plant src/device/cpu/loader.c '#include <liburing.h>' 'belongs in src/uring/ only'
plant src/base/status.c '#include <jansson.h>' 'belongs in cli/ only'
plant src/planted/planted.c 'int planted;' 'is not declared with vyre_module()'
plant cli/planted.c '#include "base/status.h"' 'is internal'
plant cli/planted.c '#include "src/base/status.h"' 'is not a header of cli/'
plant cli/planted.c '#include <liburing.h>' 'belongs in src/uring/ only'
plant include/vyre/status.h '#include "base/memory.h"' 'a public header includes'

sed 's/^base:.*/base: ir/' "$layers" >"$copy/layers.txt"
if "$check" "$copy/layers.txt" "$copy" >"$copy/found"; then
  echo "not found: base requires ir, which is below it"
  exit 1
fi
"$check" "$layers" "$copy" >/dev/null # every plant was taken out again: each was found by itself
echo "all planted violations were found"
