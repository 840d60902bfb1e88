"""What the runner hands back: one envelope into a descriptor, then the end.

The error travels as text first (``type``, ``message``, ``traceback``); its
pickle is a bonus for whoever can load it.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import platform
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

import cloudpickle

from . import _envelope, _raised, _trace, _values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._cancel import Stop
    from ._channel import Channel
    from ._envelope import Body, Buffer

_SHORT = 1024  # bytes of UTF-8
_MESSAGE = 16 << 10  # bytes
_TRACEBACK = 64 << 10  # bytes
_PICKLED_ERROR = 1 << 20  # bytes: a larger exception travels as text only
_IOV_MAX = 512
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FAILED = 1  # exit code of a runner that wrote an error envelope


class Outcome:
    """Writes the one envelope of an attempt. The slot gave the descriptor; no path is involved.

    A process that the job forks may come back to here, by ``sys.exit()`` or by
    returning. It ends as it would without MLQ; the outcome is not its to tell.
    """

    def __init__(self, fd: int, limit: int, channel: Channel) -> None:
        self._fd = fd
        self._limit = limit
        self._channel = channel
        self._pid = os.getpid()

    def is_ours(self) -> bool:
        """Whether this is the process that was made for the attempt, no copy of it."""
        return os.getpid() == self._pid

    def succeed(self, value: Any, short: str | None = None) -> int:
        """Write the value; the exit code."""
        try:
            header, frames = _values.encode(value)
        except Exception as err:  # noqa: BLE001  # pickling runs whatever code the value has
            return self._not_picklable(value, err)
        header["short"] = _start(_values.short(value) if short is None else short)
        return self._write({"kind": "result", **versions(), **header}, frames, 0)

    def fail(self, err: BaseException, reason: str = "error", code: int = _FAILED) -> int:
        """Write the exception; the exit code."""
        if not self.is_ours() and not isinstance(err, SystemExit):
            print(_trace.render(err), file=sys.stderr)
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
        return self._write(header, _pickled(err), code)

    def refuse(
        self, type_name: str, message: str, reason: str = "rejected", code: int = _FAILED
    ) -> int:
        """Write an end that is not an exception of the job; the exit code."""
        header = {
            "kind": "error",
            **versions(),
            "type": type_name,
            "message": _cut(message, _MESSAGE),
            "traceback": "",
            "reason": reason,
            "short": _start(message),
        }
        return self._write(header, [], code)

    def _not_picklable(self, value: Any, err: Exception) -> int:
        where, cause = _values.find_unpicklable(value, err)
        text = f"{where} cannot be pickled: {_text_of(cause)}"
        if where != "the result":
            text = f"the result cannot be sent: {text}"
        return self.refuse("mlq.NotSerializable", text)

    def _write(self, header: dict[str, Any], frames: list[tuple[str, Body]], code: int) -> int:
        if not self.is_ours():
            return code
        parts = _envelope.pack(header, frames)
        size = sum(memoryview(part).nbytes for part in parts)
        if size > self._limit:
            return self.refuse(
                "mlq.TooLarge", f"the result has {size} bytes, and {self._limit} are allowed"
            )
        try:
            _write_all(self._fd, parts)
        except OSError as err:
            if err.errno not in _NO_ROOM:
                raise
            # The job's own words for it would need room too: tell the slot instead.
            os.ftruncate(self._fd, 0)
            self._channel.send({"op": "rejected", "detail": "the host's spool is full"})
            return _FAILED
        return code


def versions() -> dict[str, str]:
    """What every envelope says of who pickled."""
    return {"python": platform.python_version(), "cloudpickle": cloudpickle.__version__}


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


def _write_all(fd: int, parts: list[Buffer]) -> None:
    """Write without copying: large buffers go from where they lie."""
    views = [memoryview(part).cast("B") for part in parts if memoryview(part).nbytes]
    at = 0
    while at < len(views):
        written = os.writev(fd, views[at : at + _IOV_MAX])
        while at < len(views) and written >= len(views[at]):
            written -= len(views[at])
            at += 1
        if written:
            views[at] = views[at][written:]


@contextlib.contextmanager
def _whatever_happens() -> Iterator[None]:
    """An end must come, whatever the job left behind (a closed stdout, a raising atexit)."""
    with contextlib.suppress(BaseException):
        yield


def end(code: int, stop: Stop, channel: Channel | None) -> NoReturn:
    """End the process as Python does: other threads first, then atexit, then the streams.

    It does not take the interpreter apart: that would cost milliseconds and
    can only go wrong. ``channel`` is None in a copy of the process: the slot is
    told the exit code by the original alone.
    """
    with _whatever_happens(), stop.armed():
        threading._shutdown()  # type: ignore[attr-defined]  # joins non-daemon threads
    with _whatever_happens():
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with _whatever_happens():
            stream.flush()
    if channel is not None:
        channel.send({"op": "exit", "code": code})  # so that nobody waits for our parent to say it
    os._exit(code)
