#!/usr/bin/env bash
# Looks whether what MLQ is built of has known holes, and licences that a company can take.
#   audit.sh go GO TOOLS       govulncheck over all packages, with the newest advisories
#   audit.sh python PYTHON     pip-audit over the environment
#   audit.sh licences TOOLS PYTHON
#                              of all that is linked into mlq, or that the Python package needs
# MLQ_AUDIT=required makes it an error where an index has no advisories to give.
set -euo pipefail
cd "$(dirname "$0")/.."

# Of what is linked into a binary and handed on. None asks that its users publish their own code.
linked=Apache-2.0,MIT,BSD-2-Clause,BSD-3-Clause,ISC

# Go's advisories come as a module from the proxy that everything else comes from.
advisories() {
  local go=$1 found
  found=$("$go" mod download -json golang.org/x/vulndb@latest 2>/dev/null | sed -nE 's/^\s*"Dir": "(.*)",?$/\1/p') || true
  # Without a network: the newest that is here already.
  [[ -d $found/data/osv ]] || found=$(find "$("$go" env GOMODCACHE)/golang.org/x" -maxdepth 1 -name 'vulndb@*' 2>/dev/null | sort | tail -1)
  [[ -d $found/data/osv ]] || { echo "make: no network: Go's advisories (golang.org/x/vulndb) could not be fetched" >&2; exit 2; }
  echo "$found/data/osv"
}

audit_go() {
  local go=$1 tools=$2 db
  db=$(advisories "$go")
  # With the toolchain that go.mod names, also where this machine's Go is an older one.
  GOTOOLCHAIN=auto "$tools"/govulncheck -db "file://$db" ./... >"$tools/govulncheck.log" 2>&1 || { cat "$tools/govulncheck.log" >&2; exit 1; }
  echo "  $(find "$db" -name '*.json' | wc -l) advisories, the newest $(find "$db" -name 'GO-*.json' -printf '%f\n' | sort | tail -1 | sed 's/\.json//'); none that MLQ calls"
  behind "$go"
}

# behind warns where what this machine builds lacks fixes that go.mod asks for.
behind() {
  local here wanted
  here=$("$1" env GOVERSION)
  wanted=$(sed -nE 's/^toolchain (go\S+)/\1/p' go.mod)
  [[ $(printf '%s\n' "$here" "$wanted" | sort -V | tail -1) == "$here" ]] ||
    echo "  warning: this machine builds with $here, go.mod asks for $wanted because of its security fixes; set GOTOOLCHAIN=auto, or install it"
}

audit_python() {
  local py=$1
  # A version with known holes: an index that finds none in it has no advisories to give.
  if ! known "$py"; then
    echo "  warning: the package index of this machine gives no advisories: Python packages were NOT looked at"
    [[ ${MLQ_AUDIT-} != required ]] || exit 1
    return
  fi
  "$py" -m pip_audit --local --skip-editable --progress-spinner off
}

known() {
  local found
  found=$("$1" -m pip_audit --disable-pip --no-deps --progress-spinner off -r <(echo urllib3==1.24.1) 2>/dev/null) || true
  grep -qE 'PYSEC|GHSA|CVE' <<<"$found"
}

audit_licences() {
  local tools=$1 py=$2 names goroot
  # It knows the standard library by its folder: that of the toolchain which go.mod names, if this is one.
  goroot=$(go env GOROOT)
  GOROOT=$goroot GOTOOLCHAIN=local PATH="$goroot/bin:$PATH" "$tools"/go-licenses check ./cmd/mlq --allowed_licenses="$linked" 2>"$tools/licences.log" ||
    { grep -vE '^W[0-9]|^/' "$tools/licences.log" >&2; exit 1; }
  names=$(sed -nE 's/^([A-Za-z0-9_.-]+)==.*/\1/p' client/python/wheels.txt | sort -u)
  # shellcheck disable=SC2086 # a list of names
  "$py" -m piplicenses --from=mixed --partial-match --allow-only='Apache;MIT;BSD;ISC' --packages mlq-gpu $names >/dev/null
}

kind=$1
shift
"audit_$kind" "$@"
