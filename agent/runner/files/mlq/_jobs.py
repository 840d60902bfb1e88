"""Many jobs at once: lists of them, and waiting for whichever ends first."""

from __future__ import annotations

import contextlib
import queue
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, TypeVar

from . import _display
from ._deadline import Deadline, late, left
from ._job import Job
from ._listing import jobs_table
from ._many import Line
from ._tidy import public_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal

    from ._errors import MlqError

    ReturnWhen = Literal["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"]

R = TypeVar("R")


class JobList(list[Job[R]]):
    """Many jobs: of a ``map`` in the order of its arguments, of ``mlq.jobs()`` the newest first.

    ``print`` writes what is known of them as a table, and so does a notebook.
    """

    def results(self, timeout: float | None = None) -> list[R]:
        """All values, in order. Raises what the first failed one of them raises.

        While they run, the main thread shows how many are done; nothing that they print.
        TimeoutError after ``timeout`` seconds for all together; the jobs go on.
        """
        deadline = Deadline(timeout)
        with _shown(self) as line:
            if line is not None:
                return list(self._in_order(deadline, line))
            return [job.result(left(deadline), stream=False) for job in self]

    def _in_order(self, deadline: Deadline, line: Line) -> Iterator[R]:
        """The values, each as soon as all before it are there."""
        ended = set[Job[R]]()
        ends = _ends(self, deadline, line)
        for job in self:
            while job not in ended:
                ended.add(next(ends))
            yield job.result(left(deadline), stream=False)

    def as_completed(self, timeout: float | None = None) -> Iterator[Job[R]]:
        """The jobs in the order in which they end, as ``mlq.as_completed``."""
        yield from as_completed(self, timeout)

    def cancel(self) -> int:
        """Cancel all that have not ended. How many will end so."""
        return sum(job.cancel() for job in self)

    def __repr__(self) -> str:
        if not self:
            return "<mlq.JobList, empty>"
        return f"<mlq.JobList of {len(self)}: {self[0].id} … {self[-1].id}>"

    def __str__(self) -> str:
        return jobs_table(self).text()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """For IPython in a terminal: the table, unless it is a part of something else."""
        whole = len(printer.stack) < 2 and not cycle
        printer.text(str(self) if whole else repr(self))

    def _repr_html_(self) -> str:
        """For a notebook: what is known of the jobs, without asking."""
        return jobs_table(self).html()


JobList.__module__ = "mlq"
public_class(JobList)


class Waited(NamedTuple):
    """What ``wait`` returns, as ``concurrent.futures.wait`` does."""

    done: set[Job[Any]]
    not_done: set[Job[Any]]


Waited.__module__ = "mlq"


def as_completed(jobs: Iterable[Job[R]], timeout: float | None = None) -> Iterator[Job[R]]:
    """Yield each job as soon as it has ended, whatever way.

    While it waits for those of a ``JobList``, the main thread shows how many are done.
    TimeoutError after ``timeout`` seconds; the jobs go on.
    """
    deadline = Deadline(timeout)
    with _shown(jobs) as line:
        yield from _ends(jobs, deadline, line)


@contextlib.contextmanager
def _shown(jobs: Iterable[Job[R]]) -> Iterator[Line | None]:
    """The line of a list of jobs, where somebody reads along and not all have ended."""
    if not isinstance(jobs, JobList) or not _display.is_wanted():
        yield None
        return
    if not any(job._is_news() for job in jobs):
        yield None
        return
    line = Line(list(jobs))
    try:
        yield line
    except (KeyboardInterrupt, TimeoutError):
        line.close("nobody waits any more; they go on, and .cancel() stops them")
        raise
    except BaseException:
        if _display.is_wanted():  # a generator that nobody drops may be closed anywhere
            line.close()
        raise
    line.close()


def _ends(jobs: Iterable[Job[R]], deadline: Deadline, line: Line | None = None) -> Iterator[Job[R]]:
    unique = {(job.server, job.id): job for job in jobs}.values()
    known, waited_for = list[Job[R]](), list[Job[R]]()
    for job in unique:
        (known if job._has_ended() else waited_for).append(job)
    ended: queue.SimpleQueue[tuple[Job[R], MlqError | None]] = queue.SimpleQueue()
    groups = _by_client(waited_for)
    stops = [_subscribe(group, ended, line) for group in groups]
    try:
        yield from known
        for _ in waited_for:
            job, error = _next(ended, deadline, line, groups)
            if error is not None:
                raise error
            job._note_end()
            yield job
    finally:
        for stop in stops:
            stop()


def _by_client(jobs: Iterable[Job[R]]) -> list[list[Job[R]]]:
    groups: dict[int, list[Job[R]]] = {}
    for job in jobs:
        groups.setdefault(id(job._client), []).append(job)
    return list(groups.values())


def _subscribe(
    jobs: list[Job[R]],
    ended: queue.SimpleQueue[tuple[Job[R], MlqError | None]],
    line: Line | None,
) -> Callable[[], None]:
    """Have the ends of jobs of one server put into a queue. Returns what stops that."""
    by_id = {job.id: job for job in jobs}
    watcher = jobs[0]._client._watcher

    def notify(job: int, error: MlqError | None) -> None:
        ended.put((by_id[job], error))

    def hear(job: int, state: str) -> None:
        if line is not None and job in by_id:
            line.note(by_id[job], state)

    def stop() -> None:
        watcher.unhear(hear)
        watcher.drop(notify)

    watcher.hear(hear)
    watcher.add(by_id, notify)
    return stop


def _next(
    ended: queue.SimpleQueue[tuple[Job[R], MlqError | None]],
    deadline: Deadline,
    line: Line | None,
    groups: list[list[Job[R]]],
) -> tuple[Job[R], MlqError | None]:
    while True:
        pause = line.tick() if line is not None else None
        waits = [seconds for seconds in (pause, left(deadline)) if seconds is not None]
        try:
            return ended.get(timeout=min(waits, default=None))
        except queue.Empty:
            if deadline.remaining() > 0:
                continue
        for group in groups:  # short of time, or without any: what is true now counts
            group[0]._client._watcher.glance({job.id for job in group})
        try:
            return ended.get_nowait()
        except queue.Empty:
            raise late("not all jobs ended in time; they go on") from None


def wait(
    jobs: Iterable[Job[Any]],
    timeout: float | None = None,
    return_when: ReturnWhen = "ALL_COMPLETED",
) -> Waited:
    """Wait for jobs, as ``concurrent.futures.wait`` does; never raises TimeoutError.

    ``return_when`` is ``"ALL_COMPLETED"``, ``"FIRST_COMPLETED"`` or
    ``"FIRST_EXCEPTION"`` (a failed job; as there, a cancelled one is none).
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
            if return_when == "FIRST_EXCEPTION" and job.state == "failed":
                break
    except TimeoutError:
        pass
    return Waited(done, everything - done)
