#!/bin/sh
# Runs every command that README.md shows behind a `$`, as it stands there, in a folder that holds the example Programs;
# the command is that of this build. Left out: what needs a GPU, and the benchmark, which takes minutes.
# Usage: readme_test.sh SOURCE_DIR VYRE
set -eu
source=$(realpath "$1")
vyre=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p build/release/bin
ln -s "$vyre" build/release/bin/vyre
cp -R "$source/programs" "$source/README.md" .
sed -n 's/^\$ //p' README.md | grep -v -e 'cuda:' -e 'vyre bench' >commands
shown=0
while read -r command; do
  shown=$((shown + 1))
  if ! sh -c "$command" >out 2>err </dev/null; then
    echo "README.md: $command"
    cat err
    exit 1
  fi
  case $command in
    *' -o '*) ;;
    *) [ -s out ] || { echo "README.md: $command: printed nothing"; exit 1; } ;;
  esac
done <commands
if [ $shown -lt 15 ]; then
  echo "README.md shows $shown commands; at least 15 were expected"
  exit 1
fi
echo "$shown commands work as shown"
