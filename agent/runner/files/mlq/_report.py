"""The envelope of an end: what a function returned, or raised.

The error travels as text first (``type``, ``message``, ``traceback``); its
pickle is a bonus for whoever can load it.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import cloudpickle

from . import _envelope, _raised, _trace, _values

if TYPE_CHECKING:
    from ._envelope import Body, Buffer

_SHORT = 1024  # bytes of UTF-8
_MESSAGE = 16 << 10  # bytes
_TRACEBACK = 64 << 10  # bytes
_PICKLED_ERROR = 1 << 20  # bytes: a larger exception travels as text only


class NotSerializable(Exception):
    """The value cannot be pickled; the text says which part of it, and why."""


def of_value(value: Any, short: str | None = None) -> list[Buffer]:
    """The envelope of what a function returned. Raises NotSerializable."""
    try:
        header, frames = _values.encode(value)
    except Exception as err:  # pickling runs whatever code the value has
        raise NotSerializable(_not_picklable(value, err)) from err
    header["short"] = _start(_values.short(value) if short is None else short)
    if short is not None:
        header["given"] = True
    return _envelope.pack({"kind": "result", **versions(), **header}, frames)


def of_error(err: BaseException, reason: str = "error") -> list[Buffer]:
    """The envelope of an exception."""
    message = _text_of(err)
    header: dict[str, Any] = {
        "kind": "error",
        **versions(),
        "type": _trace.type_name(type(err)),
        "message": _cut(message, _MESSAGE),
        "traceback": _cut(_trace.render(err), _TRACEBACK),
        "reason": "oom" if _trace.is_out_of_memory(err) else reason,
        "short": _start(f"{_trace.type_name(type(err))}: {message}"),
    }
    if isinstance(err, ModuleNotFoundError) and err.name:
        header["module"] = err.name
    return _envelope.pack(header, _pickled(err))


def of_refusal(type_name: str, message: str, reason: str = "rejected") -> list[Buffer]:
    """The envelope of an end that is not an exception of the job."""
    header = {
        "kind": "error",
        **versions(),
        "type": type_name,
        "message": _cut(message, _MESSAGE),
        "traceback": "",
        "reason": reason,
        "short": _start(message),
    }
    return _envelope.pack(header, [])


def size_of(parts: list[Buffer]) -> int:
    """Bytes of an envelope."""
    return sum(memoryview(part).nbytes for part in parts)


def too_large(size: int, limit: int) -> str:
    """What to say of a result of more bytes than a job's result may have."""
    return f"the result has {size} bytes, and {limit} are allowed"


def versions() -> dict[str, str]:
    """What every envelope says of who pickled."""
    return {"python": platform.python_version(), "cloudpickle": cloudpickle.__version__}


def _not_picklable(value: Any, err: Exception) -> str:
    where, cause = _values.find_unpicklable(value, err)
    text = f"{where} cannot be pickled: {_text_of(cause)}"
    return text if where == "the result" else f"the result cannot be sent: {text}"


def _pickled(err: BaseException) -> list[tuple[str, Body]]:
    data = _raised.dumps(err, _PICKLED_ERROR)
    return [] if data is None else [("pickle", data)]


def _text_of(err: BaseException) -> str:
    try:
        return str(err)
    except Exception:  # noqa: BLE001  # a broken __str__ must not hide the error
        return f"<a {type(err).__name__} without a text>"


def _start(text: str) -> str:
    """The short form of a text: as much of it as 1 KiB of UTF-8 holds."""
    return text.encode("utf-8", "backslashreplace")[:_SHORT].decode(errors="ignore")


def _cut(text: str, limit: int) -> str:
    """The text in at most ``limit`` bytes of UTF-8, its middle left out where it is longer."""
    raw = text.encode("utf-8", "backslashreplace")
    if len(raw) <= limit:
        return raw.decode()
    half = limit // 2 - 40
    left_out = len(raw) - 2 * half
    head, tail = raw[:half].decode(errors="ignore"), raw[-half:].decode(errors="ignore")
    return f"{head}\n… {left_out} bytes left out …\n{tail}"
