"""What a job can ask MLQ while it runs: `context` and `progress`."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any, Callable, TypeVar

if TYPE_CHECKING:
    import urllib.request

    from ._channel import Channel

T = TypeVar("T")

_MAX_PROGRESS = 4 << 10  # bytes of JSON
_MAX_TEXT = 1000  # characters of what is too long
_POST_TIMEOUT = 30.0  # seconds
_POST_TRIES = 3


class Context(Mapping[str, Any]):
    """The utilities of a job, as attributes and as keys.

    ``full_message`` is the job as its users see it (``id``, ``timestamp``,
    ``worker``, ``functions``, ``retries``, ``msg``, …). The others are functions.
    """

    full_message: Mapping[str, Any]

    def __init__(self, full_message: Mapping[str, Any], channel: Channel | None) -> None:
        self.full_message = full_message
        self._channel = channel

    def update_progress(self, value: Any) -> None:
        """Tell how far the job is: a number, a text, or anything that JSON can carry.

        Never raises and never waits long; whoever watches sees at most four a
        second, and always the last.
        """
        if self._channel is not None:
            self._channel.send({"progress": _bounded(value)})

    def post(
        self, msg: Any, callback: str | None = None, functions: Iterable[str] | None = None
    ) -> str:
        """Submit another message as the same user; returns its job's id as a string.

        Raises OSError (also urllib.error.HTTPError) when the server refuses or cannot be reached.
        """
        body = {"msg": msg, "callback": callback, "functions": functions and list(functions)}
        sent = json.dumps({k: v for k, v in body.items() if k == "msg" or v is not None})
        return _post("/jobs", sent.encode()).strip()

    def store_data(self, data: Any, key: str | None = None, expiry: float | None = None) -> str:
        """Keep data for other jobs. Not available yet: always raises NotImplementedError."""
        raise NotImplementedError(_not_offered("store_data"))

    def fetch_data(self, key: str) -> Any:
        """Get what store_data kept. Not available yet: always raises NotImplementedError."""
        raise NotImplementedError(_not_offered("fetch_data"))

    def block_until_result(self, job_id: int | str) -> Any:
        """Wait for another job's result. Not available yet: always raises NotImplementedError."""
        raise NotImplementedError(_not_offered("block_until_result"))

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


def _not_offered(name: str) -> str:
    return f"{name}: the server has no endpoint for data shared between jobs"


def _bounded(value: Any) -> Any:
    """The value, or the start of its text where JSON cannot carry it within the limit."""
    try:
        if len(json.dumps(value, allow_nan=False)) <= _MAX_PROGRESS:
            return value
    except (TypeError, ValueError, RecursionError):
        pass
    return str(value)[:_MAX_TEXT]


def _post(path: str, body: bytes) -> str:
    # Late: with the libraries of TLS it would double what every fork has to copy.
    import urllib.request

    request = urllib.request.Request(  # noqa: S310  # MLQ_URL is set by the agent
        os.environ["MLQ_URL"].rstrip("/") + path,
        data=body,
        headers={
            "Content-Type": "application/json",
            "Authorization": "Bearer " + os.environ.get("MLQ_TOKEN", ""),
            # With it a repeated request finds the job of the first.
            "Idempotency-Key": str(uuid.uuid4()),
        },
    )
    opener = _opener()
    for left in reversed(range(_POST_TRIES)):
        try:
            with opener.open(request, timeout=_POST_TIMEOUT) as answer:
                text: str = answer.read(1 << 10).decode()
                return text
        except urllib.request.HTTPError:
            raise
        except OSError:
            if not left:
                raise
    raise AssertionError("unreachable")


def _opener() -> urllib.request.OpenerDirector:
    import urllib.request

    fingerprint = os.environ.get("MLQ_TLS_FINGERPRINT")
    if not fingerprint:
        return urllib.request.build_opener()
    from ._config import digits_of
    from ._pinned import Handler

    return urllib.request.build_opener(Handler(digits_of(fingerprint)))


_current: Context | None = None


def enter(new: Context) -> None:
    """Make this the process's context. A process runs one job, so it is never left."""
    global _current  # noqa: PLW0603  # one process, one job
    _current = new


def context() -> Context:
    """The utilities of the job that this code runs in.

    Raises RuntimeError outside of a job.
    """
    if _current is None:
        raise RuntimeError("mlq.context() works inside a job only")
    return _current


def progress(iterable: Iterable[T], total: int | None = None) -> Iterator[T]:
    """Iterate, and report ``{"done": n, "total": total}`` on the way.

    Outside of a job it only iterates, so that the same code runs in a notebook.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    report: Callable[[Any], None] = _current.update_progress if _current else lambda _value: None
    report({"done": 0, "total": total})
    for done, item in enumerate(iterable, 1):
        yield item
        report({"done": done, "total": total})
