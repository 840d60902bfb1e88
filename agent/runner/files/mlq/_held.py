"""A job that this process has taken, and what is to become of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from ._answers import reading, seconds
from ._belief import Belief, now

if TYPE_CHECKING:
    from collections.abc import Mapping

# No thread can wait for 1e300 s. To believe in a lease for less than it is long does no harm.
_LONGEST = 86400.0


class Taken(NamedTuple):
    """The server's answer to a take: a job that is running as of now."""

    job: int
    attempt: int
    fence: Any  # as the server wrote it
    msg: Any  # as JSON has it
    functions: list[str]  # to be run, in order
    full_message: dict[str, Any]
    timeout: float  # seconds; inf: none
    grace: float  # seconds
    lease: float  # seconds for which it may be believed in

    @classmethod
    @reading("job to run")
    def of(cls, answer: Mapping[str, Any]) -> Taken:
        """Read the answer. Raises MlqError where it is no job."""
        return cls(
            int(answer["job"]),
            int(answer["attempt"]),
            answer["fence"],
            answer["msg"],
            [str(name) for name in answer["functions"]],
            dict(answer.get("full_message") or {}),
            seconds(answer.get("timeout") or 0) or float("inf"),
            seconds(answer.get("grace") or 0),
            min(seconds(answer["lease"]), _LONGEST),
        )

    def within(self, limit: float) -> Taken:
        """The same with a time limit of at most so many seconds."""
        return self._replace(timeout=min(self.timeout, limit))


class Stopped(NamedTuple):
    """Why a job has to stop, and as what it ends: ``cancelled``, ``timed_out``, ``released``.

    ``lost``: it is somebody else's already, and nothing may be sent.
    """

    outcome: str
    why: str


class Held:
    """The job in hand: the belief in its lease, its time limit, and whether it has to stop.

    ``interrupt`` is called once, when it has to; ``stuck`` once, when its grace, or the
    belief, is over and its function has still not come back. Both from another thread.
    """

    def __init__(
        self, taken: Taken, since: float, interrupt: Callable[[], None], stuck: Callable[[], None]
    ) -> None:
        self.taken = taken
        self.belief = Belief(since, taken.lease)
        self.stopped: Stopped | None = None
        self.returned = False  # its function has come back
        self.on_stop: Callable[[], None] = lambda: None  # called when its grace begins
        self.told = False  # the server knows, or is being told, how it ended
        self._limit = now() + taken.timeout
        self._gone = float("inf")  # when its grace is over
        self._interrupt, self._stuck = interrupt, stuck
        self._was_stuck = False
        self._lock = threading.Lock()

    def renew(self, since: float) -> None:
        """A heartbeat that was sent at ``since`` has succeeded."""
        self.belief = Belief(since, self.belief.length)

    def stop(self, outcome: str, why: str) -> None:
        """Have it stop. The first one counts; ``lost`` outdoes the others."""
        with self._lock:
            first = self.stopped is None
            if first or outcome == "lost":
                self.stopped = Stopped(outcome, why)
            if not first or self.returned:
                return
            self._gone = now() + self.taken.grace
        self._interrupt()
        self.on_stop()

    def came_back(self) -> Stopped | None:
        """Its function has ended: what it returned counts, unless it had to stop before."""
        with self._lock:
            self.returned = True
            return self.stopped

    def is_ours(self) -> bool:
        """Whether anything of it may be sent."""
        lost = self.stopped is not None and self.stopped.outcome == "lost"
        return not lost and now() < self.belief.ends()

    def judge(self, at: float) -> float:
        """Do what is due ``at`` this time; when to look again."""
        if self.returned:
            return float("inf")
        if at >= self.belief.ends():
            self.stop("lost", "the server could not be told for too long that it still runs")
        elif at >= self._limit:
            self.stop("timed_out", f"it ran longer than {self.taken.timeout:g} s")
        elif at >= self.belief.stops():
            self.stop("released", "the server could not be told for long that it still runs")
        if at >= min(self._gone, self.belief.ends()) and not self._was_stuck:
            self._was_stuck = True
            self._stuck()
        dues = (self._limit, self.belief.stops(), self._gone, self.belief.ends())
        return min((due for due in dues if due > at), default=float("inf"))
