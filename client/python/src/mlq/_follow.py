"""What happens to one job, as it happens: its states, its progress, what it prints.

One stream of events tells that something is new; the log is then read from
where the last reading ended. A stream that breaks is resumed at its last
event. The server does the waiting.
"""

from __future__ import annotations

import codecs
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from urllib3.exceptions import HTTPError

from . import _sse
from ._answers import media_type, not_ours, problem_of, read_answer
from ._deadline import Deadline
from ._errors import Unavailable
from ._http import LONG_PATIENCE, hang_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3.response import BaseHTTPResponse

    from ._http import Transport

FINAL = frozenset({"succeeded", "failed", "cancelled"})
_BEAT_TIMEOUT = 30.0  # seconds without a sign of life, which comes every 5
_PIECE = 1 << 20  # bytes of a log that are read at once
_AGAIN = 0.5  # seconds before a broken stream is opened again


class Step(NamedTuple):
    """The job has gone a step; ``text`` says more in words, ``at`` is Unix time, 0 if unknown."""

    kind: str
    state: str
    text: str
    attempt: int = 0
    at: float = 0.0


class State(NamedTuple):
    """The job is in this state now. Told with all that is new."""

    state: str


class Away(NamedTuple):
    """The stream of events broke. Whatever comes next says that it is back."""


class Notice(NamedTuple):
    """What its user has to know of a job that runs: who stops it, and why."""

    text: str


class Progress(NamedTuple):
    """The job reported how far it is."""

    value: Any


class Output(NamedTuple):
    """The job printed this."""

    text: str


Happening = Union[Step, State, Away, Notice, Progress, Output]


def follow(transport: Transport, job: int, deadline: Deadline) -> Iterator[Happening]:
    """Yield what happened to a job and what happens, until it has ended.

    Raises TimeoutError at ``deadline``, and Unavailable when the server has
    been away for long.
    """
    log = LogReader(transport, job, deadline)
    last: Any = None
    said = ""
    for event in job_events(transport, job, deadline):
        kind, attempt = str(event.get("kind")), _count(event.get("attempt"))
        if kind == _BROKE:
            yield Away()
            continue
        if kind == "update":
            yield State(str(event.get("state", "")))
            notice = _notice(event)
            if notice not in ("", said):
                yield Notice(notice)
            elif _CLOSED in said and not notice and event.get("state") == "running":
                yield Notice("where it runs is not closed any more; it may go on")
            said = notice
            if _reports(event) and event.get("progress") != last:
                last = event.get("progress")
                yield Progress(last)
            if attempt and log.lacks(attempt, _count(event.get("log_bytes"))):
                yield from log.read(attempt)
            continue
        if attempt and (kind in FINAL or kind.startswith("attempt_")):
            said = ""
            yield from log.read(attempt)
            yield from log.end()
        at = unix(str(event.get("at", "")))
        yield Step(kind, str(event.get("state", "")), str(event.get("text", "")), attempt, at)


def _count(value: object) -> int:
    """A number that an event has; 0 for what is none."""
    return value if type(value) is int and value > 0 else 0


def _reports(event: dict[str, Any]) -> bool:
    """Whether an update has what the function reported, and not what stands for its state."""
    return (
        event.get("state") == "running" and event.get("progress_text", "[started]") != "[started]"
    )


_CLOSED = "; this job is stopped then"


def _notice(event: dict[str, Any]) -> str:
    """What the user has to know of a job that runs; "" where there is nothing."""
    closing = event.get("closing")
    if event.get("text") or not isinstance(closing, dict):
        return str(event.get("text", ""))
    at = _local(str(closing.get("at", "")))
    then = "is cancelled" if closing.get("then") == "cancel" else "waits again"
    what = f"{closing.get('what')}{' (simulated)' if closing.get('simulated') else ''}"
    return f"{what} is closed at {at} by {closing.get('by')}{_CLOSED} and {then}"


def _local(at: str) -> str:
    """A time of the server's on this machine's clock, with the day where that is another one."""
    try:
        when = _moment(at).astimezone()
    except (ValueError, OverflowError):
        return at
    today = datetime.now().astimezone().date()
    return when.strftime("%H:%M:%S" if when.date() == today else "%Y-%m-%d %H:%M")


def _moment(at: str) -> datetime:
    """A time of the server's. Raises ValueError where it is none."""
    return datetime.fromisoformat(_FRACTION.sub("", at).replace("Z", "+00:00"))


def unix(at: str) -> float:
    """The same in seconds since 1970, with its fraction; 0 where it is none."""
    fraction = _FRACTION.search(at)
    try:
        return _moment(at).timestamp() + (float(fraction[0]) if fraction else 0.0)
    except (ValueError, OverflowError):
        return 0.0


_FRACTION = re.compile(r"\.\d+")  # Python before 3.11 takes no fraction of any length
_BROKE = "stream broke"  # no kind of the server's


def job_events(transport: Transport, job: int, deadline: Deadline) -> Iterator[dict[str, Any]]:
    """The events of one job from its first to its last, over as many streams as it takes.

    One of kind _BROKE tells that a stream was cut and could not be opened again at once.
    """
    place = ""
    broken = 0
    away = Deadline(LONG_PATIENCE)
    while True:
        try:
            for event in stream(transport, f"/jobs/{job}/events", place, deadline):
                away, broken = Deadline(LONG_PATIENCE), 0
                place = event.id or place
                if event.data:
                    yield event.data
                if event.data.get("kind") in FINAL:
                    return
                deadline.check()
        except (HTTPError, OSError) as err:
            deadline.check()
            if away.remaining() <= 0:
                raise no_answer(transport, err)  # noqa: B904 - it has its cause
            broken += 1
            if broken == 2:
                yield {"kind": _BROKE}
        time.sleep(deadline.cut(_AGAIN))
        deadline.check()


def no_answer(transport: Transport, err: Exception) -> Unavailable:
    """What to raise where nobody answered for long: what was said instead, where it was said."""
    if isinstance(err, Unavailable):
        return err
    error = Unavailable(f"no answer from {transport.settings.url}")
    error.__cause__ = err
    return error


def stream(
    transport: Transport, path: str, place: str, deadline: Deadline
) -> Iterator[_sse.ServerEvent]:
    """One stream of events, until it ends or breaks; from ``place`` on where that is given."""
    headers = {"Accept": "text/event-stream"}
    if place:
        headers["Last-Event-ID"] = place
    timeout = max(0.05, deadline.cut(_BEAT_TIMEOUT))
    with transport.open(
        "GET", path, headers=headers, read_timeout=timeout, deadline=deadline
    ) as response:
        if response.status >= 500:
            raise Unavailable(str(problem_of(read_answer(response))))
        if response.status >= 400:
            raise problem_of(read_answer(response))
        if media_type(response.headers) != "text/event-stream":
            raise not_ours(response.status, response.headers)
        deadline.when_ended(lambda: hang_up(response))
        try:
            yield _sse.ServerEvent("", {})  # it is open
            yield from _sse.events(response.stream(1 << 16))
        finally:
            deadline.when_ended(None)


class LogReader:
    """Reads a job's log from where it stopped the last time, one attempt after the other."""

    def __init__(self, transport: Transport, job: int, deadline: Deadline) -> None:
        self._transport, self._job, self._deadline = transport, job, deadline
        self._attempt = 0
        self._offset = 0
        self._decoder = _decoder()

    def lacks(self, attempt: int, size: int) -> bool:
        """Whether an attempt's log of this size has what was not read."""
        return size > (self._offset if attempt == self._attempt else 0)

    def read(self, attempt: int) -> Iterator[Output]:
        """What was printed since. A character that is cut in two waits for its rest."""
        if attempt != self._attempt:
            self._attempt, self._offset = attempt, 0
            yield from self.end()
        while True:
            piece = self._piece(attempt)
            self._offset += len(piece)
            text = self._decoder.decode(piece)
            if text:
                yield Output(text)
            if len(piece) < _PIECE:
                return

    def _piece(self, attempt: int) -> bytes:
        """The next bytes of the log, however long it is."""

        def read(response: BaseHTTPResponse) -> bytes:
            if response.status >= 400:
                raise problem_of(read_answer(response))
            if media_type(response.headers) != "text/plain":
                raise not_ours(response.status, response.headers)
            return response.read(_PIECE)

        query = {"attempt": str(attempt), "offset": str(self._offset)}
        return self._transport.call(
            "GET",
            f"/jobs/{self._job}/logs",
            read,
            query=query,
            deadline=self._deadline,
            patience=LONG_PATIENCE,
        )

    def end(self) -> Iterator[Output]:
        """What is left of a character that never got its rest."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder = _decoder()
        if rest:
            yield Output(rest)


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("replace")


def logs(transport: Transport, job: int) -> Iterator[str]:
    """What a job prints, piece by piece, until it has ended."""
    for happening in follow(transport, job, Deadline(None)):
        if isinstance(happening, Output):
            yield happening.text
