"""``mlq.Executor``: jobs for programs that know ``concurrent.futures`` and not MLQ."""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from . import _chunks
from ._deadline import Deadline, late, left
from ._errors import MlqError, Unauthorized, Unavailable
from ._fork import renew_in_child
from ._tidy import public_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from typing_extensions import ParamSpec, Unpack

    from ._ending import Outcome
    from ._job import Job
    from ._request import Request
    from ._submitter import Submitter

    P = ParamSpec("P")

R = TypeVar("R")

_log = logging.getLogger("mlq")


class JobFuture(concurrent.futures.Future[R]):
    """The Future of a job of an ``Executor``, with the ``Job`` as ``job``.

    It is told how the job is: ``done()`` and ``running()`` ask nothing. A callback is called
    in one of four threads that also fetch results, so it must not wait for other futures.
    """

    job: Job[R]
    """The job."""

    def __init__(self, job: Job[R]) -> None:
        super().__init__()
        self.job = job
        self._turn = threading.Lock()
        self._over = False  # somebody ends this Future, and nobody else may

    def cancel(self) -> bool:
        """Cancel the job. True if it had not begun: then it never runs, and this is cancelled.

        One that runs is told to stop, which other executors cannot do. As theirs this then
        answers False and ends when the job has, usually with ``JobCancelled``. Asks the
        server; MlqError where that cannot be asked.
        """
        if not self.done():
            if self.job._cancel() == "cancelled":
                self._end_unrun()
            else:
                self._begin()  # from now on it cannot become a cancelled one
        return self.cancelled()

    def _begin(self) -> None:
        """The job runs."""
        with self._turn:
            if not self._over and not self.running():
                self.set_running_or_notify_cancel()

    def _end_unrun(self) -> None:
        """The job was cancelled. A Future whose job has run cannot become a cancelled one."""
        with self._turn:
            if self._over or self.running():
                return
            self._over = True
        super().cancel()
        self.set_running_or_notify_cancel()  # tells those in concurrent.futures.wait

    def _settle(self, outcome: Outcome) -> None:
        """The job ended."""
        if outcome.cancelled:
            self._end_unrun()
        with self._turn:
            if self._over:
                return
            self._over = True
        if outcome.error is not None:
            self.set_exception(outcome.error.with_traceback(None))
        else:
            self.set_result(outcome.value)


class Executor(concurrent.futures.Executor):
    """A ``concurrent.futures.Executor`` whose calls are jobs.

    Takes the request fields of ``mlq.options``, for all its jobs, but ``key``. For
    ``asyncio``'s ``run_in_executor``, joblib and all else that takes an Executor. What is
    submitted goes on when the program ends; ``mlq.job(id)`` finds it again.
    """

    def __init__(self, **request: Unpack[Request]) -> None:
        from ._default import default_client

        self._through(default_client().options(**request))

    def _through(self, submitter: Submitter) -> Executor:
        if "key" in submitter._request:
            raise TypeError("key names one job, so that an Executor does not take it")
        self._submitter = submitter
        self._client = submitter._client
        self._shut = False
        self._after_fork()
        renew_in_child(self)
        return self

    def _after_fork(self) -> None:
        """The futures that there are belong to the process that made them."""
        self._changed = threading.Condition()
        self._entering = 0  # submits under way
        self._open: dict[int, JobFuture[Any]] = {}  # by job, until all callbacks were called

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> JobFuture[R]:
        """Queue ``fn(*args, **kwargs)``. All keywords belong to ``fn``.

        Raises what ``mlq.submit`` does, and RuntimeError after ``shutdown``.
        """
        with self._admitted():
            return self._follow([self._submitter.submit(fn, *args, **kwargs)])[0]

    def map(
        self,
        fn: Callable[..., R],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[R]:
        """Queue ``fn`` for each element, in one request; iterates over the values, in order.

        With ``chunksize`` a job does so many elements, one after the other, which pays for
        short calls. TimeoutError where a value is not there ``timeout`` seconds after this
        call. Whoever leaves the iterator before its end, and be it by an exception, cancels
        the jobs of the values that are left.
        """
        deadline = Deadline(timeout)
        with self._admitted():
            if chunksize == 1:
                return _values(self._follow(self._submitter.map(fn, *iterables)), deadline)
            each, chunks = _chunks.of(fn, iterables, chunksize)
            jobs = self._submitter.map(each, chunks)
            lists = _values(self._follow(jobs), deadline)
        return _chunks.joined(lists)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; leaving ``with`` does that.

        ``wait`` returns when all jobs have ended, their results are here and the callbacks
        were called; without it the jobs go on and their futures still end.
        ``cancel_futures`` cancels the jobs that have not begun.
        """
        with self._changed:
            self._shut = True
            self._changed.wait_for(lambda: not self._entering)
            futures = list(self._open.values())
        if cancel_futures:
            _cancel(future for future in futures if not future.running())
        if wait:
            concurrent.futures.wait(futures)
            if not self._client._collector.is_mine():  # in a callback, its own end never comes
                with self._changed:
                    self._changed.wait_for(lambda: not self._open)

    def __repr__(self) -> str:
        return f"<mlq.Executor {self._submitter!r}, {len(self._open)} not done>"

    @contextlib.contextmanager
    def _admitted(self) -> Iterator[None]:
        with self._changed:
            if self._shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._entering += 1
        try:
            yield
        finally:
            with self._changed:
                self._entering -= 1
                self._changed.notify_all()

    def _follow(self, jobs: Sequence[Job[Any]]) -> list[JobFuture[Any]]:
        """The futures of new jobs, which are told how these are from now on."""
        futures = [JobFuture(job) for job in jobs]
        if not futures:
            return []
        with self._changed:
            if not self._open:
                self._client._watcher.hear(self._hear)
            self._open.update((future.job.id, future) for future in futures)
        self._client._collector.collect(jobs, self._ended)
        return futures

    def _hear(self, job: int, state: str) -> None:
        future = self._open.get(job)
        if future is not None and state == "running":
            future._begin()

    def _ended(self, job: Job[Any], outcome: Outcome) -> None:
        try:
            self._open[job.id]._settle(outcome)
        finally:
            with self._changed:
                del self._open[job.id]
                if not self._open:
                    self._client._watcher.unhear(self._hear)
                self._changed.notify_all()


def through(submitter: Submitter) -> Executor:
    """An executor with these request fields, of this client."""
    return Executor.__new__(Executor)._through(submitter)


def _values(futures: list[JobFuture[R]], deadline: Deadline) -> Iterator[R]:
    """Their values, in order. None is kept once it was given away."""
    waiting = deque(futures)
    futures.clear()
    try:
        while waiting:
            # Not by result: a TimeoutError may be the call's own.
            if not concurrent.futures.wait([waiting[0]], left(deadline)).done:
                raise late("not all values are there in time; the jobs of those left are cancelled")
            value = waiting[0].result()
            waiting.popleft()
            yield value
            del value
    finally:
        _cancel(waiting)


def _cancel(futures: Iterable[JobFuture[Any]]) -> None:
    """Cancel what has not ended, as far as the server can be told."""
    for future in futures:
        try:
            future.cancel()
        except (Unavailable, Unauthorized) as err:  # the next ones would fare no better
            _log.warning("job %d and those after it are not cancelled: %s", future.job.id, err)
            return
        except MlqError as err:
            _log.warning("job %d is not cancelled: %s", future.job.id, err)


JobFuture.__module__ = "mlq"
Executor.__module__ = "mlq"
public_class(Executor)
