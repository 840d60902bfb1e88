"""What the runner hands back: one envelope into a descriptor, then the end."""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

from . import _report, _trace
from ._cancel import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._channel import Channel
    from ._envelope import Buffer

_LARGE = 16 << 20  # bytes: a result that the slot hashes while it is written
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
            parts = _report.of_value(value, short)
        except _report.NotSerializable as err:
            return self.refuse("mlq.NotSerializable", str(err))
        return self._write(parts, 0)

    def fail(self, err: BaseException, reason: str = "error", code: int = _FAILED) -> int:
        """Write the exception; the exit code."""
        if not self.is_ours() and not isinstance(err, SystemExit):
            print(_trace.render(err), file=sys.stderr)
        return self._write(_report.of_error(err, reason), code)

    def refuse(
        self, type_name: str, message: str, reason: str = "rejected", code: int = _FAILED
    ) -> int:
        """Write an end that is not an exception of the job; the exit code."""
        return self._write(_report.of_refusal(type_name, message, reason), code)

    def _write(self, parts: list[Buffer], code: int) -> int:
        if not self.is_ours():
            return code
        size = _report.size_of(parts)
        if size > self._limit:
            return self.refuse("mlq.TooLarge", _report.too_large(size, self._limit))
        if size >= _LARGE:
            self._channel.send({"op": "result"})
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


def end_copy(error: BaseException | None) -> NoReturn:
    """End a process that a job has forked, and that came back, as it would without MLQ."""
    code: Any = _FAILED if error is None else getattr(error, "code", _FAILED)
    if error is None or (isinstance(error, SystemExit) and code is None):
        code = 0
    elif not isinstance(error, SystemExit):
        print(_trace.render(error), file=sys.stderr)
    elif type(code) is not int:
        print(code, file=sys.stderr)
    end(code & 0xFF if type(code) is int else _FAILED, Stop(), None)


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
