"""What a job can ask MLQ while it runs: `context` and `progress`."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    from typing import Protocol

    from ._line import Line
    from ._sharing import Data

    class Reports(Protocol):
        """Takes what the job reports: a packet, never waiting long."""

        def send(self, message: dict[str, Any], /) -> object: ...


T = TypeVar("T")

_MAX_PROGRESS = 4 << 10  # bytes of JSON
_MAX_DEPTH = 32  # levels, as the server takes them
_MAX_TEXT = 1000  # characters of what is too long


class Context(Mapping[str, Any]):
    """The utilities of a job, as attributes and as keys.

    ``full_message`` is the job as its users see it (``id``, ``timestamp``,
    ``worker``, ``functions``, ``retries``, ``msg``, …). The others are functions.
    """

    full_message: Mapping[str, Any]

    def __init__(
        self, full_message: Mapping[str, Any], channel: Reports | None, line: Line | None = None
    ) -> None:
        self.full_message = full_message
        self._channel = channel
        self._line = line

    def update_progress(self, value: Any) -> None:
        """Tell how far the job is: a number, a text, or anything that JSON can carry in 4 KiB.

        Of anything else the start of its text is told.

        Never raises and never waits long; whoever watches sees at most four a
        second, and always the last.
        """
        if self._channel is not None:
            self._channel.send({"progress": _bounded(value)})

    def post(
        self, msg: Any, callback: str | None = None, functions: Iterable[str] | None = None
    ) -> str:
        """Submit another message as the same user; returns its job's id as a string.

        Raises MlqError when the server refuses or cannot be reached, TypeError or ValueError
        where the message cannot be sent.
        """
        from . import _posting

        return _posting.post(self._server(), msg, callback, functions)

    def _server(self) -> Line:
        """The line to the server that this job belongs to."""
        if self._line is None:
            # Late: with the libraries of TLS it would double what every fork has to copy.
            from ._config import load
            from ._line import Line

            self._line = Line(load())
        return self._line

    def store_data(self, data: Data, key: str | None = None, expiry: float | None = None) -> str:
        """Keep bytes, a text or a number for other jobs of the same user; returns the key.

        Without a key it makes one. What was under the key before is gone. ``expiry`` is in
        seconds, up to 10 years; None: for ever. At most 64 MiB, else TooLarge. Raises TypeError
        for any other kind of data, MlqError when the server refuses or cannot be reached.
        """
        from . import _sharing

        return _sharing.store(self._server(), data, key, expiry)

    def fetch_data(self, key: str) -> bytes | None:
        """Get what `store_data` kept, as bytes; None if nothing is there, or not any more.

        Raises MlqError when the server refuses or cannot be reached.
        """
        from . import _sharing

        return _sharing.fetch(self._server(), key)

    def block_until_result(self, job_id: int | str) -> bytes:
        """Wait for another job of the same user, and get its result as bytes.

        Text is UTF-8, other values are JSON, and a listener function's ``(short, result)``
        is its ``short``. This job keeps its device meanwhile: the wait is refused
        (MlqError with code ``would-deadlock``) where the other job could get no device but
        those of jobs that wait. Raises RemoteError if that job failed, JobCancelled if it
        was cancelled, MlqError when the server refuses or cannot be reached.
        """
        from . import _sharing

        return _sharing.wait(self._server(), int(self.full_message["id"]), job_id)

    _KEYS = (
        "full_message",
        "update_progress",
        "post",
        "store_data",
        "fetch_data",
        "block_until_result",
    )

    def __getitem__(self, key: str) -> Any:
        if key not in self._KEYS:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._KEYS)

    def __len__(self) -> int:
        return len(self._KEYS)

    def __repr__(self) -> str:
        return f"<mlq context of job {self.full_message.get('id', '?')}>"


def _bounded(value: Any) -> Any:
    """The value, or the start of its text where JSON cannot carry it within the limit."""
    with contextlib.suppress(Exception):  # also of what the value's own methods raise
        text = json.dumps(value, allow_nan=False)
        if len(text) <= _MAX_PROGRESS and _depth(text) <= _MAX_DEPTH:
            return value
    try:
        words = str(value)[:_MAX_TEXT]
    except Exception:  # noqa: BLE001  # its own methods may raise anything
        words = f"<{type(value).__name__}>"
    while len(json.dumps(words)) > _MAX_PROGRESS:  # of some characters JSON makes twelve
        words = words[: len(words) // 2]
    return words


def _depth(text: str) -> int:
    """How deep lists and objects of a JSON text lie in each other, or more."""
    depth = most = 0
    if text.count("[") + text.count("{") <= _MAX_DEPTH:
        return 0
    for c in _STRINGS.sub("", text):
        depth += (c in "[{") - (c in "]}")
        most = max(most, depth)
    return most


_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')


_current: Context | None = None
# Of a thread that runs jobs within somebody's program; the program's other threads are none.
_within: ContextVar[Context | None] = ContextVar("mlq_context", default=None)


def enter(new: Context | None) -> Context | None:
    """Make this the process's context, in place of the one that is returned."""
    global _current  # one process, one job at a time
    before, _current = _current, new
    return before


@contextlib.contextmanager
def within(new: Context) -> Iterator[None]:
    """Make this the context of this thread, while this is open."""
    token = _within.set(new)
    try:
        yield
    finally:
        _within.reset(token)


def _here() -> Context | None:
    return _within.get() or _current


def context() -> Context:
    """The utilities of the job that this code runs in.

    Raises RuntimeError outside of a job.
    """
    found = _here()
    if found is None:
        raise RuntimeError("mlq.context() works inside a job only")
    return found


def progress(iterable: Iterable[T], total: int | None = None) -> Iterator[T]:
    """Iterate, and report ``{"done": n, "total": total}`` on the way.

    Outside of a job it only iterates, so that the same code runs in a notebook.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    here = _here()
    report: Callable[[Any], None] = here.update_progress if here else lambda _value: None
    report({"done": 0, "total": total})
    for done, item in enumerate(iterable, 1):
        yield item
        report({"done": done, "total": total})
