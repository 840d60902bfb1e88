"""Post a message: what the predecessor's ``post`` takes, and what it answers."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from . import _message
from ._line import patience

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._line import Line

_PATIENCE = 30.0  # seconds for which a server that is away is tried again


def post(line: Line, msg: Any, callback: str | None, functions: Iterable[str] | None) -> str:
    """The new job's id as a string."""
    body = body_of(msg, callback, functions)
    answer = line.ask("POST", "/jobs", body=body, headers=headers(), more=patience(_PATIENCE))
    return answer.body.decode().strip()


def headers() -> dict[str, str]:
    """Those of one submission: with its key, a repeated request finds the job of the first."""
    return {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}


def body_of(
    msg: Any, callback: str | None, functions: Iterable[str] | None, **request: Any
) -> bytes:
    """The submission as JSON. ``request`` are further request fields, as JSON has them."""
    names = None if functions is None else _names(functions)
    fields = {"callback": callback, "functions": names, **request}
    beside = "".join(
        f", {json.dumps(name)}: {json.dumps(value)}"
        for name, value in fields.items()
        if value is not None
    )
    return f'{{"msg": {_message.dumps(msg)}{beside}}}'.encode()


def _names(functions: Iterable[str]) -> list[str]:
    if isinstance(functions, str):
        raise TypeError(f"functions is a list of names: [{functions!r}]")
    return list(functions)
