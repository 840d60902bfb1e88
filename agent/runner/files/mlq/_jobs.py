"""Many jobs at once: lists of them, and waiting for whichever ends first."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ._deadline import Deadline
from ._job import Job

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal

    from ._errors import MlqError

    ReturnWhen = Literal["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"]

R = TypeVar("R")


class JobList(list[Job[R]]):
    """The jobs of a ``map``, in the order of its arguments."""

    def results(self, timeout: float | None = None) -> list[R]:
        """All values, in order. Raises what the first failed one of them raises.

        TimeoutError after ``timeout`` seconds for all together; the jobs go on.
        """
        deadline = Deadline(timeout)
        return [job.result(_left(deadline), stream=False) for job in self]

    def as_completed(self, timeout: float | None = None) -> Iterator[Job[R]]:
        """The jobs in the order in which they end, as ``mlq.as_completed``."""
        return as_completed(self, timeout)

    def cancel(self) -> int:
        """Cancel all that have not ended. How many will end so."""
        return sum(job.cancel() for job in self)

    def __repr__(self) -> str:
        if not self:
            return "<mlq.JobList, empty>"
        return f"<mlq.JobList of {len(self)}: {self[0].id} … {self[-1].id}>"


JobList.__module__ = "mlq"


class Waited(NamedTuple):
    """What ``wait`` returns, as ``concurrent.futures.wait`` does."""

    done: set[Job[Any]]
    not_done: set[Job[Any]]


Waited.__module__ = "mlq"


def as_completed(jobs: Iterable[Job[R]], timeout: float | None = None) -> Iterator[Job[R]]:
    """Yield each job as soon as it has ended, whatever way.

    TimeoutError after ``timeout`` seconds; the jobs go on.
    """
    by_id = {(job.server, job.id): job for job in jobs}
    ended: queue.SimpleQueue[tuple[Job[R], MlqError | None]] = queue.SimpleQueue()
    stops = [_subscribe(group, ended) for group in _by_client(by_id.values())]
    deadline = Deadline(timeout)
    try:
        for _ in range(len(by_id)):
            job, error = _next(ended, deadline)
            if error is not None:
                raise error
            job._note_end()
            yield job
    finally:
        for client, notify in stops:
            client._watcher.drop(notify)


def _by_client(jobs: Iterable[Job[R]]) -> list[list[Job[R]]]:
    groups: dict[int, list[Job[R]]] = {}
    for job in jobs:
        groups.setdefault(id(job._client), []).append(job)
    return list(groups.values())


def _subscribe(
    jobs: list[Job[R]], ended: queue.SimpleQueue[tuple[Job[R], MlqError | None]]
) -> tuple[Any, Any]:
    by_id = {job.id: job for job in jobs}

    def notify(job: int, error: MlqError | None) -> None:
        ended.put((by_id[job], error))

    client = jobs[0]._client
    client._watcher.add(by_id, notify)
    return client, notify


def _next(
    ended: queue.SimpleQueue[tuple[Job[R], MlqError | None]], deadline: Deadline
) -> tuple[Job[R], MlqError | None]:
    try:
        return ended.get(timeout=_left(deadline))
    except queue.Empty:
        raise TimeoutError("not all jobs ended in time; they go on") from None


def _left(deadline: Deadline) -> float | None:
    """What is left as a timeout of the standard library: None for no limit."""
    left = deadline.remaining()
    return None if left == float("inf") else left


def wait(
    jobs: Iterable[Job[Any]],
    timeout: float | None = None,
    return_when: ReturnWhen = "ALL_COMPLETED",
) -> Waited:
    """Wait for jobs, as ``concurrent.futures.wait`` does; never raises TimeoutError.

    ``return_when`` is ``"ALL_COMPLETED"``, ``"FIRST_COMPLETED"`` or
    ``"FIRST_EXCEPTION"`` (a failed or cancelled job counts as one).
    """
    if return_when not in ("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"):
        raise ValueError(
            f"return_when must be one of concurrent.futures' words, not {return_when!r}"
        )
    everything, done = set(jobs), set[Job[Any]]()
    try:
        for job in as_completed(everything, timeout):
            done.add(job)
            if return_when == "FIRST_COMPLETED":
                break
            if return_when == "FIRST_EXCEPTION" and job.state != "succeeded":
                break
    except TimeoutError:
        pass
    return Waited(done, everything - done)
