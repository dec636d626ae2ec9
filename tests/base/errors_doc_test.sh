#!/bin/sh
# docs/errors.md is what errors-doc prints. Usage: errors_doc_test.sh ERRORS_DOC SOURCE_DIR BINARY_DIR
set -eu
"$1" >"$3/errors.md.expected"
if ! diff -u "$2/docs/errors.md" "$3/errors.md.expected"; then
  echo "docs/errors.md is not what include/vyre/error_codes.def says"
  echo "Fix: Run \`cmake --build build/dev --target docs\` and commit docs/errors.md."
  exit 1
fi
