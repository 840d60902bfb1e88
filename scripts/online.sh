#!/usr/bin/env bash
# Runs a command that may have to download something. Where it fails for want
# of a network, one line says so instead of a page of retries; any other failure
# is shown as it is.
set -uo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT

code=0
"$@" 2>"$log" || code=$?

network='dial tcp|TLS handshake timeout|no such host|Name or service not known|Temporary failure in name resolution'
network+='|Network is unreachable|Connection refused|Failed to establish a new connection|NewConnectionError|ConnectTimeoutError'
network+='|i/o timeout|Read timed out|proxyconnect|ProxyError|from versions: none'
if ((code != 0)) && grep -qE "$network" "$log"; then
  echo "make: no network: '$1 ${2-}' could not reach its package registry; connect this machine (or set GOPROXY and PIP_INDEX_URL to mirrors) and run make again" >&2
  exit 2
fi
grep -v '^go: downloading' "$log" >&2
exit "$code"
