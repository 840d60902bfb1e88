"""A job as its submitter holds it: a Future whose work happens elsewhere."""

from __future__ import annotations

import contextlib
import html
import json
import logging
import time
from typing import TYPE_CHECKING, Any, Callable, Generic, NamedTuple, TypeVar, overload

from . import _display, _follow, _giveup
from ._answers import reading
from ._deadline import Deadline
from ._ending import NOT_YET, Outcome, fetch
from ._errors import MlqError
from ._files import File, download, list_files
from ._show import Show
from ._story import waiting_of
from ._tidy import public, public_class

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterator, Mapping
    from pathlib import Path
    from typing import Literal

    from ._client import Client
    from ._transfer import Transfer

R = TypeVar("R")

_log = logging.getLogger("mlq")
_WAIT = 30.0  # seconds that the server waits before it answers "not yet"


class WhyReason(NamedTuple):
    """One reason why a job waits. ``code`` is stable, ``text`` is for people."""

    code: str
    text: str


class Why(NamedTuple):
    """Why a job waits.

    ``position`` is its place from 1, or None when it does not wait;
    ``earliest`` and ``latest`` are seconds from now until it starts, None
    where nothing is known; ``basis`` says what that rests on.
    """

    position: int | None
    reasons: list[WhyReason]
    earliest: float | None
    latest: float | None
    basis: str

    def __str__(self) -> str:
        return "; ".join(reason.text for reason in self.reasons) or "the job does not wait"


@reading("answer to why")
def _why(found: Mapping[str, Any]) -> Why:
    waiting = waiting_of(found)
    return Why(
        position=waiting.position,
        reasons=[WhyReason(str(r["code"]), str(r["text"])) for r in found.get("reasons") or []],
        earliest=waiting.earliest,
        latest=waiting.latest,
        basis=waiting.basis,
    )


class Job(Generic[R]):
    """A job: shaped like a ``concurrent.futures.Future``, and found again by its ``id``.

    Made by ``submit``, ``map`` and ``job``. Pickling keeps id and server, never
    the token. What asks the server says so; ``repr`` does not.
    """

    id: int
    """The job's number, unique on its server."""

    def __init__(self, client: Client, job_id: int, *, name: str = "") -> None:
        self.id = job_id
        self._client = client
        self._name = name
        self._last_state = ""
        self._known: dict[str, Any] = {}  # what a list of jobs told of it
        self._over = False  # it is known that it ended, though maybe not how
        self._outcome: Outcome | None = None
        self._show: Show | None = None  # the last one

    @property
    def server(self) -> str:
        """The URL of the server that has the job."""
        return self._client.url

    # As a Future.

    def result(self, timeout: float | None = None, *, stream: bool | None = None) -> R:
        """Wait for the job and return exactly what the function returned.

        While it waits in the main thread, the job's place, state and output are
        shown; ``stream=False`` waits in silence. Raises the job's own exception, or
        the JobError that tells how it ended; TimeoutError after ``timeout``
        seconds, and then the job goes on; Unavailable where the server stopped in the middle
        of its answer. The job goes on after KeyboardInterrupt, too.
        """
        return self._value(Deadline(timeout), stream, owned=False)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the job and return its exception, or None. Raises when it was cancelled."""
        outcome = self._wait(Deadline(timeout), stream=False)
        if outcome.cancelled and outcome.error is not None:
            raise outcome.error.with_traceback(None)
        return outcome.error

    def done(self) -> bool:
        """Whether the job has ended. Asks the server until it has."""
        return self.state in _follow.FINAL

    def running(self) -> bool:
        """Whether it runs now. Asks the server."""
        return self.state == "running"

    def cancelled(self) -> bool:
        """Whether it was cancelled and has ended. Asks the server until it has."""
        return self.state == "cancelled"

    def cancel(self) -> bool:
        """Cancel the job: one that waits never starts, one that runs is told to stop.

        False if it had ended already. A running job's function gets
        ``mlq.Cancelled``, and is killed after the job's ``grace``.
        """
        state = self._cancel()
        return state == "cancelled" or state not in _follow.FINAL

    def _cancel(self) -> str:
        """Cancel the job; its state then."""
        answer = self._client._transport.request("DELETE", self._path()).object()
        self._last_state = state = str(answer.get("state", ""))
        return state

    def add_done_callback(self, fn: Callable[[Job[R]], object]) -> None:
        """Call ``fn(job)`` when the job has ended: at once where that is known, else in a thread.

        One thread of the package calls all callbacks, in the order in which jobs end. What
        one raises is logged. If the server stays away for 2 minutes, that is logged, and
        ``fn`` is not called.
        """
        if self._has_ended():
            self._call(fn)
            return

        def notify(_job: int, error: MlqError | None) -> None:
            if error is not None:
                _log.error("job %d is not watched any more: %s", self.id, error)
            else:
                self._over = True
                self._client._callbacks.do(lambda: self._call(fn))

        self._client._watcher.add([self.id], notify)

    def _call(self, fn: Callable[[Job[R]], object]) -> None:
        try:
            fn(self)
        except Exception:  # noqa: BLE001 - as concurrent.futures does
            _log.exception("a callback of job %d failed", self.id)

    def __await__(self) -> Generator[Any, None, R]:
        """``await job``: the result, without blocking the loop. Cancelling it leaves the job."""
        awaited: Coroutine[Any, Any, R] = public(self._awaited)()
        return awaited.__await__()

    async def _awaited(self) -> R:
        import asyncio

        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome] = loop.create_future()

        def settle(outcome: Outcome) -> None:
            if not ended.done():
                ended.set_result(outcome)

        def told(_job: Job[Any], outcome: Outcome) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, outcome)

        stop = self._client._collector.collect([self], told)
        try:
            return self._taken(await ended)
        finally:
            stop()

    # What it does now. Each of these asks the server.

    @property
    def state(self) -> str:
        """scheduled, queued, leased, running, succeeded, failed or cancelled."""
        if self._last_state not in _follow.FINAL:
            self.details()
        return self._last_state

    @property
    def progress(self) -> Any:
        """None before it starts, 0 from then, what it last reported, 100, or -1 where it failed.

        -1 also of a cancelled job. Whether 0 was reported, `progress_text` tells.
        """
        return self.details().get("progress")

    @property
    def progress_text(self) -> str:
        """The same in words.

        ``[queued; not started]``, ``[started]``, what it reported, ``[completed]``, ``[failed]``
        or ``[cancelled]``.
        """
        return str(self.details().get("progress_text", ""))

    @property
    def position(self) -> int | None:
        """Its place in the queue from 1, or None when it does not wait for a device."""
        return self.details().get("position") or None

    def details(self) -> dict[str, Any]:
        """All that the server tells of the job, as ``GET /jobs/{id}`` does."""
        found = dict(self._client._transport.request("GET", self._path()).object())
        if found.get("id") != self.id:
            raise MlqError("the server's answer is about something else than this job")
        self._remember(found)
        return found

    def why(self) -> Why:
        """Why the job waits, the most decisive reason first, and an estimate."""
        found = self._client._transport.request("GET", self._path("/why")).object()
        return _why(found)

    @overload
    def logs(self, follow: Literal[False] = False) -> str: ...
    @overload
    def logs(self, follow: Literal[True]) -> Iterator[str]: ...
    def logs(self, follow: bool = False) -> str | Iterator[str]:
        """What the last attempt printed. ``follow=True`` iterates until the job has ended."""
        if follow:
            return public(_follow.logs)(self._client._transport, self.id)
        answer = self._client._transport.request("GET", self._path("/logs"))
        return answer.body.decode("utf-8", "replace")

    # What can be done with it.

    def retry(self) -> Job[R]:
        """Run a failed or cancelled job again, as a new one."""
        answer = self._client._transport.request(
            "POST", self._path("/requeue"), body=b"", repeatable=False
        ).json()
        if type(answer) is not int:
            raise MlqError("the server did not answer with a job's id")
        return Job(self._client, answer, name=self._name)

    def files(self) -> list[File]:
        """What lay in the job's ``out/`` when it ended."""
        return list_files(self._client._transport, self.id)

    def download(self, directory: str | Path = ".") -> list[Path]:
        """Write the job's files below ``directory`` and return their paths."""
        return download(self._client._transport, self.id, directory)

    def link(self, path: str = "result", *, ttl: str | float = "1h") -> str:
        """A URL that needs no token, for one thing of the job: for a mail, or an image in a page.

        ``path`` is ``result``, ``result.png`` or another ending, ``files/NAME``, ``logs`` or
        ``events``; it need not be there yet. Whoever has the link can read that one
        thing for ``ttl`` (seconds or a text as ``"90s"``, at most 24 hours), or until the token
        that made it is revoked. A running job cannot make links.
        """
        body = json.dumps({"path": path, "ttl": ttl}).encode()
        answer = self._client._transport.request(
            "POST", self._path("/links"), body=body, headers={"Content-Type": "application/json"}
        )
        return str(answer.object()["url"])

    def __repr__(self) -> str:
        words = [f"mlq.Job {self.id}", self._name, self._last_state]
        return f"<{' '.join(word for word in words if word)}>"

    def _repr_html_(self) -> str:
        """For a notebook: no script, no style sheet, nothing that asks the server."""
        state = html.escape(self._last_state or "submitted")
        name = f" {html.escape(self._name)}" if self._name else ""
        return f"<code>mlq job {self.id}{name}</code> <em>{state}</em>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Job):
            return NotImplemented
        return (self.id, self.server) == (other.id, other.server)

    def __hash__(self) -> int:
        return hash((self.id, self.server))

    def __reduce__(self) -> tuple[Callable[[str, int], Job[Any]], tuple[str, int]]:
        return _attach, (self.server, self.id)

    def _path(self, rest: str = "") -> str:
        return f"/jobs/{self.id}{rest}"

    def _value(self, deadline: Deadline, stream: bool | None, *, owned: bool) -> R:
        """As ``result``. Whoever waits for an ``owned`` job cancels it by an interrupt."""
        try:
            outcome = self._wait(deadline, stream, owned=owned)
        except (KeyboardInterrupt, TimeoutError) as stop:
            raise stop.with_traceback(None) from None  # where exactly it waited helps nobody
        return self._taken(outcome)

    def _taken(self, outcome: Outcome) -> R:
        if outcome.error is not None:
            raise outcome.error.with_traceback(None)
        value: R = outcome.value
        return value

    def _wait(self, deadline: Deadline, stream: bool | None, *, owned: bool = False) -> Outcome:
        """The outcome, asked for until it is there."""
        if self._outcome is not None:
            if self._show is not None and stream is not False and _display.is_wanted():
                self._show.again()
        else:
            shown = stream or (stream is None and self._is_news() and _display.is_wanted())
            self._show = show = Show(self._client._transport, self.id, deadline) if shown else None
            try:
                if show is not None:
                    show.run()
                self._outcome = self._poll(deadline, show.transfer if show else None)
                if show is not None:
                    show.arrived()
            except (KeyboardInterrupt, TimeoutError) as stop:
                gave_up = owned and isinstance(stop, KeyboardInterrupt)
                left = _giveup.cancel(self._client._transport, self.id) if gave_up else ""
                if show is not None:
                    show.leave(left)
                raise
            self._last_state = self._outcome.state
        return self._outcome

    def _remember(self, told: dict[str, Any]) -> None:
        """What the server told of it, so that showing it needs no question."""
        self._known = told
        self._last_state = str(told.get("state", ""))
        self._name = self._name or str(told.get("name") or told.get("function") or "")

    def _note_end(self) -> None:
        """It is known to have ended, though not yet how: what it printed is no news any more."""
        self._over = True
        if self._last_state not in _follow.FINAL:
            self._last_state = "ended"

    def _has_ended(self) -> bool:
        """Whether it is known here that it ended. Asks nothing."""
        return self._over or self._last_state in _follow.FINAL

    def _is_news(self) -> bool:
        """Whether nobody was told yet that it ended."""
        return self._last_state not in (*_follow.FINAL, "ended")

    def _poll(self, deadline: Deadline, tell: Callable[[Transfer], None] | None = None) -> Outcome:
        """Ask for the result; each question waits on the server, not here."""
        while True:
            asked = time.monotonic()
            wait = deadline.cut(_WAIT)
            outcome = fetch(self._client, self.id, wait, deadline, tell)
            if outcome is not NOT_YET:
                return outcome
            deadline.check()
            if time.monotonic() - asked < wait / 2:  # it is stopping: do not run in circles
                time.sleep(deadline.cut(1.0))


Job.__module__ = "mlq"
public_class(Job)
Why.__module__ = "mlq"
WhyReason.__module__ = "mlq"


def _attach(server: str, job_id: int) -> Job[Any]:
    from ._default import client_for

    return client_for(server).job(job_id)
