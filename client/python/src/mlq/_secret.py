"""Secrets of the user, for their jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from ._http import Transport


def keep_secret(transport: Transport, name: str, value: str | None) -> None:
    """Send a secret to the server, which keeps it sealed; None: ask the user for it."""
    for what in (name, "" if value is None else value):
        if not isinstance(what, str):
            raise TypeError(f"a secret's name and value are str, not {type(what).__name__}")
    if value is None:
        from getpass import getpass

        value = getpass(f"value of {name} (not shown): ")
    transport.request(
        "PUT",
        f"/secrets/{quote(name, safe='')}",
        body=json.dumps({"value": value}).encode(),
        headers={"Content-Type": "application/json"},
    )
