#!/usr/bin/env bash
# Runs a command that may have to download something. Where it fails for want
# of a network, one line says so instead of a page of retries.
set -uo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT

"$@" 2> >(tee "$log" | grep -v '^go: downloading' >&2)
code=$?
wait
if ((code == 0)); then exit 0; fi

network='dial tcp|no such host|Temporary failure in name resolution|Network is unreachable|Failed to establish a new connection|NewConnectionError|i/o timeout|proxyconnect'
if grep -qE "$network" "$log"; then
  echo "make: no network: '$1 ${2-}' could not reach its package registry; connect this machine (or set GOPROXY and PIP_INDEX_URL to mirrors) and run make again" >&2
  exit 2
fi
exit "$code"
