#!/usr/bin/env bash
# dist.sh VERSION GO LDFLAGS WHEELS ARCH…: writes dist/mlq-VERSION-linux-ARCH.tar.gz, the
# Python packages beside them, and SHA256SUMS. The same commit makes the same bytes.
set -euo pipefail

version=$1 go=$2 ldflags=$3 wheels=$4
shift 4
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# The time of the commit, for all files.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
umask 022
rm -rf dist && mkdir -p dist/stage

mkdir dist/client
"$go" run ./agent/runner/pack dist/client
cp "$wheels"/*.whl dist/client/

for arch in "$@"; do
  name=mlq-$version-linux-$arch
  stage=dist/stage/$name
  mkdir -p "$stage/docs"
  scripts/build.sh "$go" "$ldflags" "$arch" "$stage/mlq" | sed "s|$stage/mlq|dist/$name.tar.gz|"
  nvml=$("$go" version -m "$stage/mlq" | grep -q 'CGO_ENABLED=1' && echo yes || echo no)
  glibc=$("$go" run ./scripts/glibc "$stage/mlq")
  cp -R dist/client "$stage/client"
  mkdir "$stage/deploy" && cp -R deploy/systemd deploy/env "$stage/deploy/"
  for folder in grafana prometheus; do [[ ! -d deploy/$folder ]] || cp -R "deploy/$folder" "$stage/deploy/"; done
  cp LICENSE scripts/install.sh "$stage/"
  cp docs/install.md docs/systemd.md "$stage/docs/"
  printf 'version: %s\ncommit: %s\nplatform: linux/%s\nNVML: %s\noldest glibc: %s\n' "$version" "$commit" "$arch" "$nvml" "$glibc" >"$stage/BUILD"
  (cd "$stage" && find . -type f ! -name SHA256SUMS -print0 | LC_ALL=C sort -z | xargs -0 sha256sum >SHA256SUMS)
  chmod -R u=rwX,go=rX "$stage"
  tar --create --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --format=gnu -C dist/stage "$name" | gzip -n -9 >"dist/$name.tar.gz"
  echo "dist/$name.tar.gz: NVML: $nvml, oldest glibc: $glibc"
done
rm -rf dist/stage
(cd dist && find . -type f ! -name SHA256SUMS -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum >SHA256SUMS)
echo "dist/SHA256SUMS"
