#!/usr/bin/env bash
# Tries the isolation of jobs on this host, with a real agent, and prints a report
# for docs/isolation.md.   test-isolation.sh PYTHON
# LEVEL=cgroup tries a host without systemd; LIMITS="" one whose tree has no controllers.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "test-isolation: $*" >&2; exit 1; }

python=$1
level=${LEVEL-systemd}
limits=${LIMITS---job-memory 512MiB --job-processes 64}
((EUID == 0)) || die "only root can limit what devices a job opens: run it as root"
if [[ $level == systemd ]]; then
  [[ -d /run/systemd/system ]] || die "systemd is not the init of this host: nothing was tried (LEVEL=cgroup tries the other way)"
fi

data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
# read's words are flags
# shellcheck disable=SC2086
bin/mlq dev --data "$data/held" --listen 127.0.0.1:0 --gpus cpu:1 --python "$python" --isolation "$level" $limits --once -- \
  "$python" scripts/isolation.py --level "$level" --limits "$limits"
bin/mlq dev --data "$data/free" --listen 127.0.0.1:0 --gpus cpu:1 --python "$python" --isolation none --once -- \
  "$python" scripts/isolation.py --cost-only
