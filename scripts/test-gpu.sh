#!/usr/bin/env bash
# Tries MLQ on a real NVIDIA GPU and writes test-gpu-report.md.   test-gpu.sh [PYTHON]
# PYTHON (or the first of $VIRTUAL_ENV's, python3, /usr/bin/python3 that has it) needs torch.
# DRY=1: on NVML's stand-in, without a GPU (and torch).   DEVICE=UUID: on this device.   ROUNDS=N IDLE=S: measure less.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "test-gpu: $*" >&2; exit 2; }

dry=${DRY-}
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
[[ -x ${MLQ:-bin/mlq} ]] || die "there is no ${MLQ:-bin/mlq}: make build"
flags=(--report "${REPORT:-test-gpu-report.md}")

go=${GO:-go}
export CGO_CFLAGS=${CGO_CFLAGS--O2 -g -Wno-deprecated-declarations}
if command -v "$go" >/dev/null; then
  "$go" build -o bin/nvmltimes ./e2e/gpu/nvmltimes
elif [[ ! -x bin/nvmltimes ]]; then
  die "Go is not installed, and there is no bin/nvmltimes that was built elsewhere"
fi

if [[ -n $dry ]]; then
  "$go" run ./e2e/gpu/place "$temp/standin"
  export LD_LIBRARY_PATH="$temp/standin${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  flags+=(--standin "$temp/standin")
else
  if ! said=$(bin/nvmltimes 2>&1 >"$temp/found"); then
    said=${said#nvmltimes: }
    die "no NVIDIA GPU can be asked here: ${said%, or use --gpus cpu:N}; without one: make test-gpu DRY=1"
  fi
  grep -q '"uuid"' "$temp/found" || die "NVIDIA's driver lists no GPU here: look at nvidia-smi -L; without one: make test-gpu DRY=1"
fi
for flag in device rounds idle; do
  value=${flag^^}
  if [[ -n ${!value-} ]]; then flags+=("--$flag" "${!value}"); fi
done

# A Python with torch. Where one is named, no other is taken.
tried=()
python=""
candidates=("${VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}" python3 /usr/bin/python3)
if [[ -n ${1-} ]]; then candidates=("$1"); fi
for candidate in "${candidates[@]}"; do
  [[ -n $candidate ]] || continue
  if "$candidate" -c 'import torch' 2>/dev/null; then
    python=$("$candidate" -c 'import sys; print(sys.executable)')
    break
  fi
  tried+=("$candidate")
done
if [[ -n $dry && -z $python ]]; then
  python=$("${candidates[-1]}" -c 'import sys; print(sys.executable)') # its jobs do without torch
fi
[[ -n $python ]] || die "no Python here has torch (tried ${tried[*]}); name one: make test-gpu PYTHON=/path/to/python"
if [[ -z $dry ]]; then
  "$python" -c 'import torch; torch.zeros(1).cuda()' 2>"$temp/cuda" || die "torch of $python cannot use CUDA: $(tail -1 "$temp/cuda")"
fi

# An environment of our own, which sees that Python's packages, also where it is an environment itself.
"$python" -m venv --without-pip "$temp/venv" || die "$python cannot make environments; on Debian: apt-get install python3-venv"
site=$("$temp/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$python" -c 'import sys; print("\n".join(p for p in sys.path if p and "-packages" in p))' >"$site/theirs.pth"
echo "$PWD/client/python/src" >"$site/ours.pth"

venv="$temp/venv/bin/python"
if ! "$venv" -c 'import cloudpickle, urllib3' 2>/dev/null; then
  from=()
  if [[ -d .tools/wheels ]]; then from=(--no-index --find-links .tools/wheels); fi
  "$python" -m pip install --quiet --target "$site" "${from[@]}" 'cloudpickle>=3' 'urllib3>=2' 2>"$temp/pip" ||
    "$python" -m pip install --quiet --target "$site" 'cloudpickle>=3' 'urllib3>=2' 2>"$temp/pip" ||
    die "$python lacks cloudpickle>=3 or urllib3>=2, and they could not be installed: $(tail -1 "$temp/pip"); install them into it, or put their wheels into .tools/wheels"
fi

"$venv" e2e/gpu/run.py "${flags[@]}"
