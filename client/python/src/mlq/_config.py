"""Which server, and with which token.

In this order: what is given to ``Client``, the variables ``MLQ_URL``,
``MLQ_TOKEN`` and ``MLQ_TLS_FINGERPRINT``, the file ``$XDG_CONFIG_HOME/mlq/config.toml`` (by default
``~/.config/mlq/config.toml``), and ``http://127.0.0.1:5001`` without a token.

The file is read by a reader of its own, the same on every Python: lines of
``name = "value"``, comments and empty lines. Names: ``url``, ``token``,
``token_file``, ``tls_fingerprint``. Anything else is an error with its line.
"""

from __future__ import annotations

import os
import re
import stat
import warnings
from pathlib import Path
from typing import NamedTuple

from ._errors import MlqError

DEFAULT_URL = "http://127.0.0.1:5001"

_NAMES = frozenset({"url", "token", "token_file", "tls_fingerprint"})
_LINE = re.compile(r"""\s*([A-Za-z_]+)\s*=\s*(?:"([^"\\]*)"|'([^']*)')\s*(?:\#.*)?""", re.X)
_BLANK = re.compile(r"\s*(#.*)?")


class Settings(NamedTuple):
    """What a client needs to know about its server."""

    url: str
    token: str | None = None
    tls_fingerprint: str | None = None  # of the server's certificate: SHA-256, 64 hex digits


def load(
    url: str | None = None,
    token: str | None = None,
    token_file: str | os.PathLike[str] | None = None,
    tls_fingerprint: str | None = None,
) -> Settings:
    """Find the settings.

    A token belongs to a server: one of the environment or of the file goes
    only to the server that the same place names, or to the default where it
    names none.
    """
    if token_file is not None and token is None:
        token = read_token(Path(token_file))
    elsewhere = _elsewhere()
    if url is None:
        url, token = elsewhere.url, token or elsewhere.token
        tls_fingerprint = tls_fingerprint or elsewhere.tls_fingerprint
    elif url.rstrip("/") == elsewhere.url:
        token = token or elsewhere.token
        tls_fingerprint = tls_fingerprint or elsewhere.tls_fingerprint
    return Settings(url.rstrip("/"), token, tls_fingerprint and digits_of(tls_fingerprint))


def digits_of(fingerprint: str) -> str:
    """A fingerprint as servers print it, without its colons. MlqError if it is none."""
    digits = fingerprint.lower().replace("sha256:", "", 1).replace(":", "")
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise MlqError("tls_fingerprint: want the SHA-256 of a certificate, 64 hexadecimal digits")
    return digits


def _elsewhere() -> Settings:
    """What environment and file say."""
    env_url, env_token = os.environ.get("MLQ_URL"), os.environ.get("MLQ_TOKEN") or None
    env_fingerprint = os.environ.get("MLQ_TLS_FINGERPRINT") or None
    if env_url:
        return Settings(env_url.rstrip("/"), env_token, env_fingerprint)
    saved = read_file(config_path())
    token = saved.get("token")
    if token is None and "token_file" in saved:
        token = read_token(Path(saved["token_file"]).expanduser())
    url = saved.get("url", DEFAULT_URL).rstrip("/")
    return Settings(url, env_token or token, env_fingerprint or saved.get("tls_fingerprint"))


def config_path() -> Path:
    """Where the configuration file is, whether it exists or not."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "mlq" / "config.toml"


def read_file(path: Path) -> dict[str, str]:
    """The file's settings; none where there is no file. MlqError names a line that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as err:
        raise MlqError(f"{path} cannot be read: {err}") from err
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if _BLANK.fullmatch(line):
            continue
        match = _LINE.fullmatch(line)
        if match is None or match[1] not in _NAMES:
            names = ", ".join(sorted(_NAMES))
            raise MlqError(f'{path}, line {number}: want name = "value" with one of {names}')
        found[match[1]] = match[2] if match[2] is not None else match[3]
    if "token" in found:
        _warn_if_shared(path)
    return found


def read_token(path: Path) -> str:
    """The token in a file. Warns when others can read the file."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise MlqError(f"the token file {path} cannot be read: {err}") from err
    if not token:
        raise MlqError(f"the token file {path} is empty")
    _warn_if_shared(path)
    return token


def _warn_if_shared(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        warnings.warn(
            f"{path} holds a token and others can read it (mode {mode:04o}): chmod 600 {path}",
            UserWarning,
            stacklevel=2,
        )
