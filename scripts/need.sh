#!/usr/bin/env bash
# Says in one line what this machine lacks and what mends it.
#   need.sh go GO        Go 1.21 or newer, which fetches the toolchain of go.mod
#   need.sh python PY    Python 3.9 or newer that can make virtual environments
#   need.sh cc           a C compiler with the C library's headers; root has it installed
#   need.sh torch PY     PyTorch and pandas for the system's Python; root has them installed
#   need.sh test         redis-server, curl, systemd-analyze, dbus-daemon, a C compiler, Chromium, for root a Python for all; root has them installed
set -euo pipefail

die() { echo "make: $*" >&2; exit 2; }

need_go() {
  local go=$1 found wanted
  command -v "$go" >/dev/null || die "Go is not installed; install Go 1.21 or newer from https://go.dev/dl and put its bin folder on PATH"
  # Outside the module, so that an old Go tells its own version.
  found=$(cd / && GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null | sed -E 's/^go//')
  at_least "$found" 1 21 || die "Go $found is too old; install Go 1.21 or newer from https://go.dev/dl (it fetches the toolchain that go.mod names)"
  wanted=$(sed -nE 's/^go ([0-9]+)\.([0-9]+).*/\1 \2/p' go.mod)
  # Inside the module, Go is the toolchain of go.mod, or says that it could not be.
  # shellcheck disable=SC2086 # two numbers
  at_least "$("$go" env GOVERSION 2>/dev/null | sed -E 's/^go//')" $wanted ||
    die "Go $found could not fetch the toolchain that go.mod names; connect this machine (or set GOPROXY to a mirror), and leave GOTOOLCHAIN at auto"
}

need_python() {
  local py=$1 found
  command -v "$py" >/dev/null || die "there is no $py; run: apt-get install python3 python3-venv, or name another with make PYTHON=python3.x"
  found=$("$py" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
    die "$py does not start; name another Python with make PYTHON=python3.x"
  at_least "$found" 3 9 || die "Python $found is too old; install Python 3.9 or newer and run: make PYTHON=python3.x"
  "$py" -c 'import venv, ensurepip' 2>/dev/null || die "Python $found cannot make virtual environments; run: apt-get install python3-venv"
}

# at_least VERSION MAJOR MINOR
at_least() {
  [[ $1 =~ ^([0-9]+)\.([0-9]+) ]] || return 1
  ((BASH_REMATCH[1] > $2 || (BASH_REMATCH[1] == $2 && BASH_REMATCH[2] >= $3)))
}

# Code behind cgo is not looked at without a C compiler, and the linter would not say so.
need_cc() {
  if has_cc; then return; fi
  install "checking and tests need gcc libc6-dev" gcc libc6-dev
}

# With headers: Debian's gcc comes without those of the C library.
has_cc() { echo '#include <dlfcn.h>' | "${CC:-gcc}" -E - >/dev/null 2>&1; }

need_test() {
  local packages=()
  command -v redis-server >/dev/null || packages+=(redis-server)
  command -v curl >/dev/null || packages+=(curl)
  # NVML's stand-in and the race detector.
  has_cc || packages+=(gcc libc6-dev)
  command -v systemd-analyze >/dev/null || packages+=(systemd)
  command -v dbus-daemon >/dev/null || packages+=(dbus-daemon)
  # A browser for the tests of the page: with what it needs, more than 300 MB.
  [[ -n ${MLQ_CHROMIUM-} ]] || command -v chromium >/dev/null || packages+=(chromium)
  # Root tests jobs of other users, who need a Python that is in nobody's home.
  if ((EUID == 0)) && [[ ! -x /usr/bin/python3 && ! -x /usr/local/bin/python3 ]]; then packages+=(python3); fi
  if ((${#packages[@]} == 0)); then return; fi
  install "the tests need ${packages[*]}" "${packages[@]}"
}

# PyTorch as the system has it: no wheel of the index for x86-64 is without CUDA, which is gigabytes.
need_torch() {
  local py=$1
  # Not beside a PYTHONPATH: it is the system's that the environment will see.
  if env -u PYTHONPATH "$py" -c 'import torch, numpy, pandas, venv, ensurepip' >/dev/null 2>&1; then return; fi
  [[ $py == /usr/bin/python3 ]] ||
    die "$py has no PyTorch, numpy, pandas or venv; install them, or leave TORCH_PYTHON at /usr/bin/python3"
  install "the tests need PyTorch" python3-torch python3-pandas python3-venv
  # What is installed and cannot be loaded says itself why.
  env -u PYTHONPATH "$py" -c 'import torch, numpy, pandas, venv, ensurepip' >/dev/null ||
    die "$py has PyTorch, numpy, pandas and venv, and cannot load them; the lines above say why"
}

# install WHY PACKAGE…, if this is root; else it says how.
install() {
  local why=$1 large=""
  shift
  if [[ " $* " == *" chromium "* ]]; then large=" (chromium is large: a few minutes)"; fi
  if ((EUID != 0)); then
    die "$why; run: sudo apt-get install $*"
  fi
  command -v apt-get >/dev/null || die "$why; install them from your system's packages"
  echo "make: $why; installing from the system's packages$large"
  export DEBIAN_FRONTEND=noninteractive
  # A package that starts its service is told not to: the tests start their own servers.
  export RUNLEVEL=1
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null 2>&1 ||
    die "apt-get could not install $*; connect this machine, or install them by hand"
}

case ${1-} in
  go) need_go "$2" ;;
  python) need_python "$2" ;;
  cc) need_cc ;;
  test) need_test ;;
  torch) need_torch "$2" ;;
  *) die "need.sh: go, python, cc, torch or test" ;;
esac
