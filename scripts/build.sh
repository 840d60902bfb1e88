#!/usr/bin/env bash
# build.sh GO LDFLAGS ARCH OUT: builds mlq for Linux on ARCH as OUT. It can ask NVIDIA's
# driver (NVML) where there is a C compiler for ARCH; else it is static, and says so.
# NVML=1 fails where it cannot, NVML=0 leaves NVML out.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

go=$1 ldflags=$2 arch=$3 out=$4
wanted=${NVML:-auto}
[[ ${CGO_ENABLED-} != 0 || $wanted != auto ]] || wanted=0

die() { echo "make: $*" >&2; exit 2; }

# The compiler for ARCH, and the Debian packages that it comes in.
cc=${CC:-gcc} packages="gcc libc6-dev"
if [[ $arch != "$("$go" env GOHOSTARCH)" ]]; then
  case $arch in
    amd64) cc=x86_64-linux-gnu-gcc packages=gcc-x86-64-linux-gnu ;;
    arm64) cc=aarch64-linux-gnu-gcc packages=gcc-aarch64-linux-gnu ;;
    *) cc="" packages="" ;;
  esac
fi

# It needs the C library's own files too, so something is compiled.
compiles() {
  [[ -n $cc ]] && command -v "${cc%% *}" >/dev/null &&
    printf '#include <dlfcn.h>\n#include <pthread.h>\nint main(void) { return !dlopen("", RTLD_NOW); }\n' |
    $cc -x c - -o /dev/null >/dev/null 2>&1
}

case $wanted in
  0) cgo=0 ;;
  1)
    compiles || die "NVML=1 needs a C compiler for $arch (${cc:-none is known}); on Debian: apt-get install ${packages:-none}"
    cgo=1
    ;;
  auto)
    cgo=1
    compiles || {
      cgo=0
      echo "make: $out has no NVML and cannot ask a GPU, because there is no C compiler for $arch (${cc:-none is known}); on Debian: apt-get install ${packages:-none}"
    }
    ;;
  *) die "NVML=$wanted: want 1, 0 or nothing" ;;
esac

# As the Makefile has it, for who runs this alone.
export CGO_CFLAGS=${CGO_CFLAGS--O2 -g -Wno-deprecated-declarations}
# With the tags, names of hosts and accounts are looked up as in the static build.
CC=${cc:-gcc} CGO_ENABLED=$cgo GOOS=linux GOARCH=$arch "$here/online.sh" "$go" build -trimpath -tags netgo,osusergo -ldflags "$ldflags" -o "$out" ./cmd/mlq
