"""A job's time limit in words, and whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHOSE = {
    "server-default": " (the server's default)",
    "server-max": " (the server's maximum)",
    "user-max": " (your maximum)",
}


def limit_in_words(details: Mapping[str, Any]) -> str:
    """As "24h (the server's default)"; "" where the job has no limit."""
    seconds = float(details.get("timeout_s") or 0)
    if seconds <= 0:
        return ""
    return _duration(seconds) + _WHOSE.get(str(details.get("timeout_from")), "")


def _duration(seconds: float) -> str:
    """As people say it, and as ``timeout`` may: "90s", "2h", "1h30m", "7d"."""
    if seconds >= 2 * 86400 and seconds % 86400 == 0:
        return f"{seconds / 86400:.0f}d"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "m"), (rest, "s")]
    return "".join(f"{n:g}{unit}" for n, unit in parts if n) or "0s"
