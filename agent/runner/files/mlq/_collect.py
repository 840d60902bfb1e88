"""Collects how jobs ended: one thread learns that they did, a few others fetch what they left.

So a result of several GiB, or a callback that takes its time, delays nobody who waits
for another job's end.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Callable

from ._deadline import Deadline
from ._ending import Outcome
from ._hands import Hands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._errors import MlqError
    from ._job import Job
    from ._watch import Watcher

    Told = Callable[[Job[Any], Outcome], None]

_FETCHERS = 4  # threads: as many results at once come no faster than over one connection each


class Collector:
    """Tells the outcomes of jobs of one client. Safe to use from several threads."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._hands = Hands("mlq-fetch", _FETCHERS)

    def collect(self, jobs: Sequence[Job[Any]], told: Told) -> Callable[[], None]:
        """Call ``told(job, outcome)`` once for each job, in a thread of its own. Asks nothing here.

        The outcome's error is an MlqError where the end cannot be found out or had.
        Returns what ends the waiting: ``told`` may still be called for what had ended by then.
        """
        by_id = {job.id: job for job in jobs}
        stopped = threading.Event()

        def notify(number: int, error: MlqError | None) -> None:
            if not stopped.is_set():
                self._hands.do(lambda: told(by_id[number], _outcome(by_id[number], error)))

        def add() -> None:
            if stopped.is_set():
                return
            self._watcher.add(by_id, notify)
            if stopped.is_set():  # since then: what drops it came too early
                self._watcher.drop(notify)

        def stop() -> None:
            stopped.set()
            self._watcher.drop(notify)

        self._hands.do(add)
        return stop

    def is_mine(self) -> bool:
        """Whether the thread that calls this is one that tells."""
        return self._hands.is_mine()


def _outcome(job: Job[Any], error: MlqError | None) -> Outcome:
    if error is not None:
        return Outcome("", error=error)
    try:
        return job._wait(Deadline(None), stream=False)
    except BaseException as err:  # noqa: BLE001 - whatever it is, it belongs to who waits
        return Outcome("", error=err)
