#!/usr/bin/env bash
# Fuzzes what reads foreign bytes: every FuzzXxx of the tree, or those whose folder/name
# holds one of the words, one after the other, and a line for each.
#
#   scripts/fuzz.sh TIME [WORD...]     TIME as of -fuzztime: 5m, 2000x; a word that none has is an error
#
# Go notes an input that fails as a seed in testdata/fuzz of the target's folder.
set -euo pipefail

time=${1:?"usage: scripts/fuzz.sh TIME [WORD...]"}
shift
go=${GO:-go}
cd "$(dirname "$0")/.."

# wanted reports whether a target is one of those that were asked for.
wanted() {
  local target=$1 word
  shift
  [ $# = 0 ] && return 0
  for word; do [[ $target == *"$word"* ]] && return 0; done
  return 1
}

targets=$(git ls-files -co --exclude-standard '*_test.go' | xargs grep -HoE '^func Fuzz[A-Za-z0-9_]*' | sed 's/func //' | sort)
for word; do
  while IFS=: read -r file name; do
    wanted "$(dirname "$file")/$name" "$word" && continue 2
  done <<<"$targets"
  echo "fuzz.sh: no target has \"$word\" in its folder or name" >&2
  exit 2
done

# last gives the number after a word in the last of the fuzzer's lines that has it.
last() { grep -oE "$1[: ]+[0-9]+" <<<"$2" | tail -1 | grep -oE '[0-9]+$' || echo 0; }

failed=0
printf '%-52s %12s %9s %8s\n' target executions 'new found' seconds
while IFS=: read -r file name; do
  folder=$(dirname "$file")
  wanted "$folder/$name" "$@" || continue
  begun=$SECONDS
  ok=
  said=$($go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -parallel "${PARALLEL:-1}" "./$folder" 2>&1) || ok='  FAILED'
  printf '%-52s %12s %9s %8s%s\n' "$folder.$name" "$(last execs "$said")" "$(last interesting "$said")" $((SECONDS - begun)) "$ok"
  [ -z "$ok" ] || { failed=1; printf '%s\n' "$said" >&2; }
done <<<"$targets"
exit $failed
