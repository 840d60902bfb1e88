"""Which URLs a token may be sent to."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ._errors import MlqError

if TYPE_CHECKING:
    from ._config import Settings


def check_url(settings: Settings, *, allow_insecure: bool) -> None:
    """Raise MlqError for what is no server, or would show the token to others on the way."""
    url = urlsplit(settings.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise MlqError(f"{settings.url!r} is not an http:// or https:// URL of a server")
    if url.username or url.password:
        raise MlqError("the server's URL holds a password; give a token instead (MLQ_TOKEN)")
    if settings.token and not settings.token.isascii():
        raise MlqError("the token has characters that no token has")
    insecure = url.scheme == "http" and not _is_loopback(url.hostname)
    if settings.token and insecure and not allow_insecure:
        raise MlqError(
            f"refusing to send a token over plain http:// to {url.hostname}, where it can be read "
            "on the way: use https://, or Client(…, allow_insecure=True)"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
