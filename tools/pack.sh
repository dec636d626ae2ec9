#!/bin/sh
# Packs a build and the Debian libraries it needs into a folder, for a GPU machine that has no packages of ours.
# Usage: pack.sh BUILD_DIR OUT_DIR     then there: OUT_DIR/run.sh, which runs the label gpu and the bench
# The libraries stay in their packages (44 MB) and are unpacked on the other machine with dpkg -x; they were seen to
# serve on Ubuntu 24.04.
set -eu
cd "$(dirname "$0")/.."
[ $# -eq 2 ] || { echo "usage: pack.sh BUILD_DIR OUT_DIR" >&2; exit 2; }
build=$1
out=$2
libraries='libllvm19 libz3-4 libedit2 libxml2 libicu72 libffi8 libtinfo6 libbsd0 libmd0 libzstd1 libcmocka0 liburing2'
mkdir -p "$out/bin" "$out/deb/partial"
cp -r programs tests/codegen/corners "$out/"
for file in vyre test-cuda-programs test-session test-conformance test-buffer test-builders test-traffic test-torn test-soak gpu-bench-programs; do
  cp "$build/bin/$file" "$out/bin/"
  strip "$out/bin/$file"
done
for file in libvyre-codegen.so libvyre.so.0; do
  cp -L "$build/bin/$file" "$out/bin/"
  strip "$out/bin/$file"
done
for library in $libraries; do
  ls "$out/deb/${library}"_*.deb >/dev/null 2>&1 || (cd "$out/deb" && apt-get -q download "$library" >/dev/null)
done
cp tools/gpu_run.sh "$out/run.sh"
cp tests/device/cuda_files_test.sh "$out/"
git describe --always --dirty --abbrev=12 >"$out/commit" 2>/dev/null || echo unknown >"$out/commit"
du -sh "$out"
