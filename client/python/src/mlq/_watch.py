"""Tells when jobs end: one thread and one event stream per server, however many jobs.

The stream says only what happens from the moment that it is open. So the
order is: note who waits, open the stream, then look at each job once. What
ends before that look is found by it, what ends after it comes as an event.
Because a notice may be lost on its way through several servers, all jobs are
looked at again every minute.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Callable, Optional

from urllib3.exceptions import HTTPError

from ._answers import reading
from ._deadline import Deadline
from ._errors import MlqError, Unavailable
from ._follow import FINAL, no_answer, stream
from ._fork import renew_in_child
from ._http import LONG_PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._http import Transport

    Notify = Callable[[int, Optional[MlqError]], None]
    Hear = Callable[[int, str], None]

_STATES = FINAL | {"scheduled", "queued", "leased", "running"}
_LOOK_AGAIN = 60.0  # seconds
_PAGE = 200  # jobs of one page of a list
_GLANCE = 1.0  # seconds that a look takes at most for which somebody waits
_SINGLY = 4  # up to so many jobs are asked for one by one


class Watcher:
    """Calls back once for each job that ends. Safe to use from several threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._after_fork()
        renew_in_child(self)

    def _after_fork(self) -> None:
        """Nobody waits yet, and no thread runs."""
        self._lock = threading.Lock()
        self._waiting: dict[int, list[Notify]] = {}
        self._listeners: list[Hear] = []
        self._thread: threading.Thread | None = None
        self._open = False  # the stream is open: what ends now comes as an event

    def add(self, jobs: Iterable[int], notify: Notify) -> None:
        """Call ``notify(job, None)`` when each of ``jobs`` has ended, or at once if it has.

        ``notify(job, error)`` where that cannot be found out. It is called in
        the watcher's thread or in this one, and must not block.
        """
        ids = set(jobs)
        with self._lock:
            for job in ids:
                self._waiting.setdefault(job, []).append(notify)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mlq-watch", daemon=True)
                self._thread.start()
            looks = self._open
        if looks:
            self._look(ids)

    def glance(self, jobs: Iterable[int]) -> None:
        """Look at those of ``jobs`` that somebody waits for once, now. What is not answered
        is left to the stream.
        """
        with contextlib.suppress(MlqError, TimeoutError):
            self._look(set(jobs) & self._waits(), patience=0, deadline=Deadline(_GLANCE))

    def drop(self, notify: Notify) -> None:
        """Forget a callback: nobody waits for it any more."""
        with self._lock:
            for job in list(self._waiting):
                left = [n for n in self._waiting[job] if n is not notify]
                if left:
                    self._waiting[job] = left
                else:
                    del self._waiting[job]

    def hear(self, listener: Hear) -> None:
        """Call ``listener(job, state)`` for what is seen of any job while somebody waits for one.

        The state is "succeeded", "failed" or "cancelled" before that end is notified.
        Called in the watcher's thread or that of ``add``; must not block.
        """
        with self._lock:
            self._listeners.append(listener)

    def unhear(self, listener: Hear) -> None:
        """Forget a listener."""
        with self._lock, contextlib.suppress(ValueError):  # after a fork it is the parent's
            self._listeners.remove(listener)

    def _seen(self, job: int, state: str) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(job, state)

    def _run(self) -> None:
        away = Deadline(LONG_PATIENCE)
        while not self._finished():
            try:
                for _ in self._watch():
                    away = Deadline(LONG_PATIENCE)
            except (HTTPError, OSError) as err:
                if away.remaining() <= 0:
                    self._give_up(no_answer(self._transport, err))
            except MlqError as err:
                self._give_up(err)
            finally:
                self._open = False
            if self._waits():
                time.sleep(0.5)

    def _watch(self) -> Iterable[None]:
        """One stream; yields at each sign of life."""
        look_at = 0.0
        for event in stream(self._transport, "/events", "", Deadline(None)):
            self._open = True
            if time.monotonic() >= look_at:
                self._look(self._waits())
                look_at = time.monotonic() + _LOOK_AGAIN
            with reading("event"):
                kind, job = str(event.data.get("kind")), int(event.data.get("job") or 0)
            if kind in _STATES:
                self._seen(job, kind)
            if kind in FINAL:
                self._tell(job, None)
            if not self._waits():
                return
            yield

    def _waits(self) -> set[int]:
        with self._lock:
            return set(self._waiting)

    def _finished(self) -> bool:
        """Whether nobody waits, in which case the thread is forgotten and must end."""
        with self._lock:
            if not self._waiting:
                self._thread = None
            return self._thread is None

    def _tell(self, job: int, error: MlqError | None) -> None:
        with self._lock:
            callbacks = self._waiting.pop(job, [])
        for notify in callbacks:
            notify(job, error)

    def _give_up(self, error: MlqError) -> None:
        for job in self._waits():
            self._tell(job, error)

    def _look(
        self,
        jobs: set[int],
        patience: float = LONG_PATIENCE,
        deadline: Deadline | None = None,
    ) -> None:
        """Ask once how each of these jobs is."""
        left = jobs - self._look_by_page(jobs, patience, deadline) if len(jobs) > _SINGLY else jobs
        for job in sorted(left):
            try:
                answer = self._transport.request(
                    "GET", f"/jobs/{job}", patience=patience, deadline=deadline
                )
                state = str(answer.object().get("state"))
                self._seen(job, state)
                if state in FINAL:
                    self._tell(job, None)
            except MlqError as err:
                if not patience and isinstance(err, Unavailable):
                    raise
                self._tell(job, err)

    def _look_by_page(self, jobs: set[int], patience: float, deadline: Deadline | None) -> set[int]:
        """Look at many jobs at once; returns those that were found."""
        found: set[int] = set()
        before = max(jobs) + 1
        for _ in range(2 + len(jobs) // 20):  # ids that lie far apart are better asked for singly
            query = {"before": str(before), "limit": str(_PAGE)}
            page = self._transport.request(
                "GET", "/jobs", query=query, patience=patience, deadline=deadline
            )
            told = page.object()
            with reading("list of jobs"):
                states = {int(job["id"]): str(job["state"]) for job in told["jobs"]}
                following = int(told.get("next") or 0)
            for job, state in states.items():
                if job in jobs:
                    found.add(job)
                    self._seen(job, state)
                    if state in FINAL:
                        self._tell(job, None)
            if following <= min(jobs):
                break
            before = following
        return found
