#!/bin/sh
# Installs the packages of packages.txt that are missing. Says nothing and changes nothing when all are there.
# VYRE_SKIP_SETUP=1 skips it, for systems that are not Debian and have the same by other means.
set -eu
[ "${VYRE_SKIP_SETUP:-0}" = 1 ] && exit 0
cd "$(dirname "$0")/.."
packages=$(sed 's/#.*//' packages.txt)

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is not a Debian system, so the packages of packages.txt cannot be checked" >&2
  echo "Fix: Install what packages.txt lists by your system's means, then run again with VYRE_SKIP_SETUP=1." >&2
  exit 1
fi

# dpkg-query prints a line for each package it knows, fails when it knows one not at all, and knows removed ones.
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $packages 2>/dev/null |
  sed -n 's/ installed$//p') || true
missing=
for package in $packages; do
  case "
$installed
" in
    *"
$package
"*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -z "$missing" ] && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root='sudo -n'
  else
    echo "setup: packages are missing and this user may not install them:$missing" >&2
    echo "Fix: Run \`sudo apt-get update && sudo apt-get install --no-install-recommends$missing\`, then run again." >&2
    exit 1
  fi
fi

echo "setup: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! {
  $as_root apt-get -q update &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends $missing
} >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "setup: apt-get failed, its last lines are above" >&2
  echo "Fix: Run \`apt-get update && apt-get install --no-install-recommends$missing\` by hand and see what it lacks." >&2
  exit 1
fi
