"""From an answer to a value or an exception.

Only one thing is ever unpickled: the frame ``pickle`` of an envelope that the
server sent as the result of the job that was asked for, complete, with the
digest that the server keeps for it, and written by a Python of our own
``major.minor``. Anything else is an MlqError.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import platform
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from ._answers import media_type, not_ours
from ._envelope import MEDIA_TYPE, Envelope, EnvelopeError, unpack
from ._errors import MlqError, RemoteError, RemoteTraceback, TooLarge, VersionMismatch

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

PYTHON = platform.python_version()
_PIECE = 1 << 20  # bytes read at once

_warned: set[str] = set()


class Received(NamedTuple):
    """An envelope that arrived, and the SHA-256 of its bytes in hex."""

    envelope: Envelope
    sha256: str


def receive(response: BaseHTTPResponse, max_bytes: int) -> Received:
    """Read an envelope into one writable buffer, so that arrays in it can be used in place.

    Raises MlqError for what is no envelope and TooLarge for one of more than
    ``max_bytes``, before it is read.
    """
    if media_type(response.headers) != MEDIA_TYPE:
        raise not_ours(response.status, response.headers)
    size = _content_length(response)
    if size > max_bytes:
        raise TooLarge(
            f"the result has {size} bytes and this client takes {max_bytes}: "
            "allow more with mlq.Client(max_result=…), or have the job write it to out/ "
            "and use job.download()"
        )
    data = bytearray(size)
    digest = hashlib.sha256()
    view, filled = memoryview(data), 0
    while filled < size:
        piece = response.read(min(_PIECE, size - filled))
        if not piece:
            raise MlqError(f"the result broke off after {filled} of {size} bytes")
        view[filled : filled + len(piece)] = piece
        digest.update(piece)
        filled += len(piece)
    response.read(1)  # lets urllib3 see the end, so that the connection can be used again
    try:
        return Received(unpack(data), digest.hexdigest())
    except EnvelopeError as err:
        raise MlqError(f"the result is not an envelope: {err}") from err


def _content_length(response: BaseHTTPResponse) -> int:
    text = response.headers.get("Content-Length", "")
    if not text.isascii() or not text.isdigit():
        raise MlqError("the server sent a result without its length")
    return int(text)


def check_digest(received: Received, expected: str) -> None:
    """Raise MlqError unless the bytes are those that the server keeps."""
    if received.sha256 != expected.strip('"').lower():
        raise MlqError(
            "the result is damaged: its SHA-256 is not the one that the server keeps for it"
        )


def value_of(envelope: Envelope) -> Any:
    """Exactly what the function returned."""
    how = envelope.header.get("value")
    if envelope.kind != "result" or "view" not in envelope.frames:
        raise MlqError("the result's envelope has no value")
    view = envelope.frames["view"]
    if how == "bytes":
        return bytes(view)
    if how == "text":
        return bytes(view).decode("utf-8")
    if how == "json":
        return json.loads(bytes(view))
    if how != "pickle":
        raise MlqError(f"the result is of a kind that this client does not know: {how!r}")
    _check_python(envelope)
    return _load(envelope)


def _load(envelope: Envelope) -> Any:
    try:
        return pickle.loads(envelope.frames["pickle"], buffers=envelope.buffers())
    except ModuleNotFoundError as err:
        raise MlqError(
            f"the result needs the module {err.name!r}, which is not installed here; "
            "it is kept, so install the module and ask again"
        ) from err
    except Exception as err:
        raise MlqError(f"the result arrived, but cannot be rebuilt here: {err!r}") from err


def _check_python(envelope: Envelope) -> None:
    theirs = str(envelope.header.get("python", ""))
    if _minor(theirs) != _minor(PYTHON):
        raise VersionMismatch(
            f"the result was pickled by Python {theirs or '?'} and this is {PYTHON}; loading it "
            "could crash this interpreter. Ask with that version, or let the job return bytes, "
            "text or plain JSON values"
        )
    if theirs != PYTHON and theirs not in _warned:
        _warned.add(theirs)
        warnings.warn(
            f"jobs run on Python {theirs} and this is {PYTHON}; "
            "the two exchange pickles well in nearly all cases",
            UserWarning,
            stacklevel=2,
        )


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])


def error_of(envelope: Envelope, where: str) -> BaseException:
    """The exception that ended a job, with its traceback as cause.

    Its own type where that can be rebuilt here, else RemoteError. ``where``
    says which job it was, in words.
    """
    header = envelope.header
    text = str(header.get("traceback", ""))
    error = _rebuilt(envelope) or _remote(header)
    error.__cause__ = RemoteTraceback(f"{where}\n{text}" if text else where)
    return error


def _rebuilt(envelope: Envelope) -> Exception | None:
    """The original exception. Whatever goes wrong here must not hide the text of the real one."""
    if "pickle" not in envelope.frames or envelope.kind != "error":
        return None
    if _minor(str(envelope.header.get("python", ""))) != _minor(PYTHON):
        return None
    try:
        error = pickle.loads(envelope.frames["pickle"], buffers=envelope.buffers())
    except Exception:  # noqa: BLE001 - any class may fail in any way to be rebuilt
        return None
    return error if isinstance(error, Exception) else None


def _remote(header: dict[str, Any]) -> RemoteError:
    kind, message = str(header.get("type", "")), str(header.get("message", ""))
    error = RemoteError(f"{kind}: {message}" if message else kind or "the job failed")
    error.type_name, error.message = kind, message
    error.traceback = str(header.get("traceback", ""))
    return error
