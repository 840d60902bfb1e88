#!/usr/bin/env bash
# wheels.sh PYTHON LIST FOLDER: fetches the wheels of a list, each by its digest.
# One at a time: two versions of a package may stand in it, for two Pythons.
set -euo pipefail
python=$1 list=$2 folder=$3
rm -rf "$folder" && mkdir -p "$folder"
one=$(mktemp)
trap 'rm -f "$one"' EXIT
while read -r line; do
  [[ -n $line && $line != \#* ]] || continue
  echo "$line" >"$one"
  "$python" -m pip download --quiet --no-deps --only-binary :all: --ignore-requires-python --require-hashes --dest "$folder" -r "$one"
done <"$list"
