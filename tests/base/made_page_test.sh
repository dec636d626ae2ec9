#!/bin/sh
# A page of docs/ that is made from tables is what its maker prints.
# Usage: made_page_test.sh PAGE SOURCE_DIR BINARY_DIR MAKER [ARGUMENT...]
set -eu
page=$1 source=$2 expected=$3/$(basename "$1").expected
shift 3
"$@" >"$expected"
if ! diff -u "$source/$page" "$expected"; then
  echo "$page is not what $(basename "$1") prints"
  echo "Fix: Run \`cmake --build build/dev --target docs\` and commit $page."
  exit 1
fi
