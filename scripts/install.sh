#!/usr/bin/env bash
# Installs MLQ, or takes away exactly what it installed.
#   install.sh [install|uninstall]
# PREFIX (/usr/local) is where programs go, DESTDIR a folder to put before all
# paths, SYSCONFDIR (/etc) where settings are. It lies in the source tree and in
# the archives of make dist, beside the program or in scripts/.
set -euo pipefail

PREFIX=${PREFIX:-/usr/local} DESTDIR=${DESTDIR:-} SYSCONFDIR=${SYSCONFDIR:-/etc}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ -d $here/deploy ]] || here=$(dirname "$here")
# In the source tree only what make build made: a program that lies about there may be of any day.
binary=$here/mlq
[[ ! -f $here/go.mod ]] || binary=$here/bin/mlq

bin=$DESTDIR$PREFIX/bin
units=$DESTDIR$PREFIX/lib/systemd/system
settings=$DESTDIR$SYSCONFDIR/mlq
bash_completion=$DESTDIR$PREFIX/share/bash-completion/completions
zsh_completion=$DESTDIR$PREFIX/share/zsh/site-functions
fish_completion=$DESTDIR$PREFIX/share/fish/vendor_completions.d

install_all() {
  "$binary" version >/dev/null || {
    echo "install.sh: $binary does not start on this machine; $(grep -s 'oldest glibc' "$here/BUILD" || echo 'make build made it for another one')" >&2
    exit 1
  }
  install -D -m 0755 "$binary" "$bin/mlq"
  local unit name
  mkdir -p "$units"
  for unit in "$here"/deploy/systemd/*; do
    sed "s|^ExecStart=/usr/local/bin/mlq |ExecStart=$PREFIX/bin/mlq |" "$unit" >"$units/${unit##*/}"
    chmod 0644 "$units/${unit##*/}"
  done
  # Settings are the admin's: those that are there stay.
  install -d -m 0755 "$settings"
  for name in "$here"/deploy/env/*; do
    [[ -e $settings/${name##*/} ]] || install -m 0600 "$name" "$settings/${name##*/}"
  done
  mkdir -p "$bash_completion" "$zsh_completion" "$fish_completion"
  "$binary" completion bash >"$bash_completion/mlq"
  "$binary" completion zsh >"$zsh_completion/_mlq"
  "$binary" completion fish >"$fish_completion/mlq.fish"
  echo "installed $bin/mlq, units in $units, settings in $settings, completions for bash, zsh and fish"
}

uninstall_all() {
  "$binary" version >/dev/null || {
    echo "install.sh: $binary does not start on this machine; $(grep -s 'oldest glibc' "$here/BUILD" || echo 'make build made it for another one')" >&2
    exit 1
  }
  local file kept=()
  rm -f "$bin/mlq" "$bash_completion/mlq" "$zsh_completion/_mlq" "$fish_completion/mlq.fish"
  for file in "$here"/deploy/systemd/*; do rm -f "$units/${file##*/}"; done
  for file in "$here"/deploy/env/*; do
    if cmp -s "$file" "$settings/${file##*/}"; then rm "$settings/${file##*/}"; fi
  done
  [[ ! -d $settings ]] || rmdir --ignore-fail-on-non-empty "$settings"
  # In a folder of a packager's, folders that were made for it go too.
  if [[ -n $DESTDIR && -d $DESTDIR ]]; then
    for file in "$bin" "$units" "${settings%/mlq}" "$bash_completion" "$zsh_completion" "$fish_completion"; do
      (cd "$DESTDIR" && [[ -d .${file#"$DESTDIR"} ]] && rmdir -p --ignore-fail-on-non-empty ".${file#"$DESTDIR"}" 2>/dev/null) || true
    done
  fi
  echo "removed $bin/mlq, its units and its completions"
  if [[ -d $settings ]]; then mapfile -t kept < <(find "$settings" -type f | sort); fi
  if ((${#kept[@]})); then printf 'settings that were changed stay: %s\n' "${kept[@]}"; fi
  echo "data stays where it is: $DESTDIR/var/lib/mlq (server, and agents of root), $DESTDIR/var/lib/mlq-agent (agents of systemd), ~/.local/share/mlq (of users), and where --data named another folder"
}

case ${1-install} in
  install) install_all ;;
  uninstall) uninstall_all ;;
  *) echo "usage: install.sh [install|uninstall]" >&2; exit 2 ;;
esac
