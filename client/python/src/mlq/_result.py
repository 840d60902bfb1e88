"""From an answer to a value or an exception.

Only one thing is ever unpickled: the frame ``pickle`` of an envelope that the
server sent as the result of the job that was asked for, complete, with the
digest that the server keeps for it, and written by a Python of our own
``major.minor``. Anything else is an MlqError.
"""

from __future__ import annotations

import json
import pickle
import platform
import warnings
from typing import TYPE_CHECKING, Any

from ._caller import caller
from ._cells import with_cells
from ._errors import MlqError, RemoteError, RemoteTraceback, VersionMismatch

if TYPE_CHECKING:
    from ._envelope import Envelope

PYTHON = platform.python_version()

_warned: set[str] = set()


def value_of(envelope: Envelope) -> Any:
    """Exactly what the function returned."""
    how = envelope.header.get("value")
    if envelope.kind != "result" or "view" not in envelope.frames:
        raise MlqError("the result's envelope has no value")
    view = envelope.frames["view"]
    if how == "bytes":
        return bytes(view)
    if how in ("text", "json"):
        return _of_text(bytes(view), how)
    if how != "pickle":
        raise MlqError(f"the result is of a kind that this client does not know: {how!r}")
    _check_python(envelope)
    return _load(envelope)


def _of_text(view: bytes, how: str) -> Any:
    try:
        text = view.decode("utf-8")
        return json.loads(text) if how == "json" else text
    except (ValueError, RecursionError) as err:
        raise MlqError(f"the result says that it is {how}, and is not") from err


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
            stacklevel=caller(),
        )


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])


def error_of(envelope: Envelope, where: str) -> BaseException:
    """The exception that ended a job, with its traceback as cause.

    Its own type where that can be rebuilt here, else RemoteError. ``where``
    says which job it was, in words.
    """
    header = envelope.header
    text = with_cells(str(header.get("traceback", "")))
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
