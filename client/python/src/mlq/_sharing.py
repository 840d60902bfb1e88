"""What jobs keep for each other, and how one waits for another's result."""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import quote

from . import _envelope
from ._answers import MAX_ANSWER, reading
from ._errors import MlqError
from ._line import patience
from ._status import FINAL

if TYPE_CHECKING:
    from ._line import Line

Data = Union[bytes, bytearray, memoryview, str, int, float]

_PATIENCE = 30.0  # seconds for which a server that is away is tried again
_LONG_PATIENCE = 600.0  # seconds, where a job waits anyway
_ROUND = 10.0  # seconds: how often it is said again that the job waits


def store(line: Line, data: Data, key: str | None, expiry: float | None) -> str:
    """Keep the data under the key, or under one of its own; return the key."""
    body = _as_bytes(data)
    key = uuid.uuid4().hex if key is None else str(key)
    line.ask(
        "PUT",
        _path(key),
        query=None if expiry is None else {"expiry": repr(float(expiry))},
        body=body,
        headers={"Content-Type": "application/octet-stream"},
        more=patience(_PATIENCE),
    )
    return key


def fetch(line: Line, key: str) -> bytes | None:
    """The bytes that are kept under the key, or None."""
    try:
        return line.ask("GET", _path(str(key)), more=patience(_PATIENCE)).body
    except MlqError as err:
        if err.code == "not-found":
            return None
        raise


def _path(key: str) -> str:
    return "/data/" + quote(key, safe="")


def _as_bytes(data: Any) -> bytes:
    """Bytes as they are, and text and numbers as Redis would keep them."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        return repr(data).encode()
    raise TypeError(
        f"store_data keeps bytes, text and numbers, not {type(data).__name__}: "
        "pickle.dumps(value) makes bytes of it"
    )


def wait(line: Line, me: int, job: int | str) -> bytes:
    """The result of another job, once it has one, as bytes."""
    on = _job_id(job)
    try:
        _blocked(line, me, on)
        while (state := _ended(line, on)) is None:
            _blocked(line, me, on)
    finally:
        with contextlib.suppress(MlqError):  # the lease's end says so as well
            line.ask("DELETE", f"/jobs/{me}/blocked", more=patience(0))
    return _result(line, on, succeeded=state == "succeeded")


def _ended(line: Line, on: int) -> str | None:
    """The state of a job that has ended within the round; None: it goes on."""
    answer = line.ask(
        "GET",
        f"/jobs/{on}",
        query={"wait": f"{_ROUND:g}s"},
        wait=_ROUND,
        more=patience(_LONG_PATIENCE),
    )
    state = str(answer.object()["state"])
    return state if state in FINAL else None


def _job_id(job: int | str) -> int:
    try:
        return int(job)
    except (TypeError, ValueError):
        raise ValueError(f"want the id of a job, not {job!r}") from None


def _blocked(line: Line, me: int, on: int) -> None:
    line.ask(
        "PUT",
        f"/jobs/{me}/blocked",
        body=json.dumps({"on": on}).encode(),
        headers={"Content-Type": "application/json"},
        more=patience(_LONG_PATIENCE),
    )


def _result(line: Line, on: int, *, succeeded: bool) -> bytes:
    """The result; of a job that has none, the server's refusal says why."""
    headers = {"Accept": _envelope.MEDIA_TYPE} if succeeded else {}
    answer = line.ask("GET", f"/jobs/{on}/result", headers=headers, more=patience(_LONG_PATIENCE))
    return _told(answer.body)


def _told(data: bytes) -> bytes:
    """What the predecessor told of a result: the short one where the function gave one."""
    if len(data) > MAX_ANSWER:
        raise MlqError(f"the result is larger than {MAX_ANSWER} bytes: ask for it in a notebook")
    with reading("result"):
        envelope = _envelope.unpack(data)
        if envelope.header.get("given"):
            return str(envelope.header["short"]).encode()
        return bytes(envelope.frames["view"])
