"""A Job beside a Future of the standard library: the same acts, the same answers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable

import cloudpickle
import pytest

import mlq
from conftest import dev

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG = 60.0


@pytest.fixture(autouse=True)
def _by_value() -> Iterator[None]:
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


def wait_for(path: str) -> str:
    import os
    import time

    while not os.path.exists(path):
        time.sleep(0.01)
    return "seen"


class Kinds:
    """Jobs, or Futures of a thread pool: one that succeeds, fails, is cancelled, still runs."""

    def __init__(self, submit: Callable[..., Any], gate: Path) -> None:
        self._submit, self._gate = submit, gate

    def succeeded(self) -> Any:
        return self._ended(self._submit(len, "four"))

    def failed(self) -> Any:
        return self._ended(self._submit(lambda: {}["lr"]))  # type: ignore[index]

    def running(self) -> Any:
        return self._submit(wait_for, str(self._gate))

    def _ended(self, future: Any) -> Any:
        future.exception(LONG)
        return future


class Jobs(Kinds):
    wait = staticmethod(mlq.wait)
    as_completed = staticmethod(mlq.as_completed)

    def __init__(self, client: mlq.Client, gate: Path) -> None:
        super().__init__(client.submit, gate)
        self._client = client

    def cancelled(self) -> Any:
        job = self._client.submit(len, "x", run_at="2999-01-01T00:00:00Z")
        job.cancel()
        return job


class Futures(Kinds):
    wait = staticmethod(concurrent.futures.wait)
    as_completed = staticmethod(concurrent.futures.as_completed)

    def __init__(self, pool: concurrent.futures.ThreadPoolExecutor, gate: Path) -> None:
        super().__init__(pool.submit, gate)

    def cancelled(self) -> Any:
        future: concurrent.futures.Future[int] = concurrent.futures.Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "gate"
    yield path
    path.touch()


@pytest.fixture(params=["of the standard library", "of mlq"])
def of(request: pytest.FixtureRequest, gate: Path) -> Iterator[Any]:
    if request.param == "of mlq":
        yield Jobs(request.getfixturevalue("live"), gate)
        return
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        try:
            yield Futures(pool, gate)
        finally:
            gate.touch()


class TestOne:
    """Each test passes for both, or one of them is different."""

    @pytest.mark.parametrize(
        ("kind", "done", "running", "cancelled", "cancel"),
        [
            ("succeeded", True, False, False, False),
            ("failed", True, False, False, False),
            ("cancelled", True, False, True, True),
        ],
    )
    def test_how_it_is(
        self, of: Any, kind: str, done: bool, running: bool, cancelled: bool, cancel: bool
    ) -> None:
        it = getattr(of, kind)()
        found = (it.done(), it.running(), it.cancelled(), it.cancel())
        assert found == (done, running, cancelled, cancel)

    def test_success(self, of: Any) -> None:
        it = of.succeeded()
        assert it.result() == 4
        assert it.result(timeout=0) == 4
        assert it.exception() is None

    def test_failure(self, of: Any) -> None:
        it = of.failed()
        error = it.exception()
        with pytest.raises(KeyError) as raised:
            it.result()
        assert raised.value is error
        assert it.exception(timeout=0) is error, "as often as one asks"

    def test_cancellation(self, of: Any) -> None:
        it = of.cancelled()
        for ask in (it.result, it.exception):
            with pytest.raises(concurrent.futures.CancelledError):
                ask()

    def test_time(self, of: Any) -> None:
        it = of.running()
        for ask in (it.result, it.exception):
            for timeout in (0.05, 0):
                with pytest.raises(concurrent.futures.TimeoutError):
                    ask(timeout=timeout)
        assert not it.done()

    @pytest.mark.parametrize("kind", ["succeeded", "failed", "cancelled"])
    def test_a_callback_after_the_end_is_called_at_once(self, of: Any, kind: str) -> None:
        it, seen = getattr(of, kind)(), []
        it.add_done_callback(lambda which: seen.append((which, threading.current_thread())))
        assert seen == [(it, threading.current_thread())]

    def test_callbacks_in_their_order(self, of: Any, gate: Path) -> None:
        it, seen, done = of.running(), [], threading.Event()
        for n in range(5):
            it.add_done_callback(lambda _, n=n: seen.append(n))
        it.add_done_callback(lambda _: done.set())
        gate.touch()
        assert done.wait(LONG)
        assert seen == [0, 1, 2, 3, 4]

    def test_what_a_callback_raises_is_logged(
        self, of: Any, gate: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(_: object) -> None:
            raise RuntimeError("in a callback")

        it, done = of.running(), threading.Event()
        it.add_done_callback(broken)
        it.add_done_callback(lambda _: done.set())
        gate.touch()
        assert done.wait(LONG), "the others are called all the same"
        it.add_done_callback(broken)
        assert caplog.text.count("RuntimeError: in a callback") == 2


class TestSeveral:
    def test_none(self, of: Any) -> None:
        assert of.wait([]) == (set(), set())
        assert list(of.as_completed([])) == []

    def test_one_twice(self, of: Any) -> None:
        it = of.succeeded()
        assert list(of.as_completed([it, it])) == [it]
        assert of.wait([it, it]) == ({it}, set())

    def test_no_time(self, of: Any) -> None:
        it, other = of.succeeded(), of.running()
        assert of.wait([it, other], timeout=0) == ({it}, {other})
        found = of.as_completed([it, other], timeout=0)
        assert next(found) is it
        with pytest.raises(concurrent.futures.TimeoutError):
            next(found)

    @pytest.mark.parametrize(
        ("until", "kinds", "all_done"),
        [
            ("FIRST_COMPLETED", ["succeeded", "running"], False),
            ("FIRST_EXCEPTION", ["failed", "running"], False),
            ("FIRST_COMPLETED", ["cancelled", "running"], False),
            ("FIRST_EXCEPTION", ["succeeded", "cancelled"], True),
            ("ALL_COMPLETED", ["succeeded", "failed", "cancelled"], True),
        ],
    )
    def test_until(self, of: Any, until: str, kinds: list[str], all_done: bool) -> None:
        several = [getattr(of, kind)() for kind in kinds]
        done, left = of.wait(several, timeout=LONG, return_when=until)
        assert done == set(several if all_done else several[:1])
        assert left == set(several) - done

    @pytest.mark.parametrize("kind", ["succeeded", "cancelled"])
    def test_what_is_no_exception_ends_no_waiting(self, of: Any, kind: str, gate: Path) -> None:
        it, other = getattr(of, kind)(), of.running()
        opener = threading.Timer(0.3, gate.touch)
        opener.start()
        found = of.wait([it, other], timeout=LONG, return_when="FIRST_EXCEPTION")
        opener.join()
        assert found == ({it, other}, set())

    def test_a_word_that_is_none(self, of: Any) -> None:
        with pytest.raises(ValueError):
            of.wait([of.running()], return_when="SOME")

    def test_as_they_end(self, of: Any, gate: Path) -> None:
        slow, quick = of.running(), of.succeeded()
        found = of.as_completed([slow, quick], timeout=LONG)
        assert next(found) is quick
        gate.touch()
        assert next(found) is slow


def test_a_job_that_ended_elsewhere_is_found_without_any_time(live: mlq.Client) -> None:
    """Nothing is known here of these; the one question that is asked decides."""
    ids = [live.submit(len, "x").id for _ in range(6)]
    assert len(mlq.wait([live.job(i) for i in ids], timeout=LONG).done) == 6
    again = [live.job(i) for i in ids]
    assert mlq.wait(again, timeout=0) == (set(again), set())


def test_jobs_of_two_servers(live: mlq.Client, tmp_path: Path) -> None:
    with dev(tmp_path, "cpu:1") as made, mlq.Client(made.url) as other:
        here, there = live.submit(len, "12"), other.submit(len, "1234")
        assert mlq.wait([here, there], timeout=LONG) == ({here, there}, set())
        found = {job.server: job.result() for job in mlq.as_completed([there, here], LONG)}
        assert found == {live.url: 2, other.url: 4}


class TestAsyncio:
    def test_gather_and_as_completed(self, live: mlq.Client) -> None:
        async def main() -> tuple[list[int], list[int]]:
            jobs = live.map(len, ["a", "bb", "ccc"])
            one = list(await asyncio.gather(*jobs))
            return one, [await nearest for nearest in asyncio.as_completed(jobs)]

        in_order, as_they_ended = asyncio.run(main())
        assert in_order == [1, 2, 3]
        assert sorted(as_they_ended) == [1, 2, 3]

    def test_errors(self, live: mlq.Client) -> None:
        def stop() -> None:
            raise StopIteration

        async def main() -> list[Any]:
            jobs: list[mlq.Job[Any]] = [live.submit(lambda: 1 // 0), live.submit(stop)]
            jobs[0].result  # noqa: B018 - a name, no question
            return list(await asyncio.gather(*jobs, return_exceptions=True))

        failed, stopped = asyncio.run(main())
        assert isinstance(failed, ZeroDivisionError)
        assert isinstance(stopped, RuntimeError), "as Python has it for coroutines"

    def test_who_stops_waiting_leaves_the_job(self, live: mlq.Client, gate: Path) -> None:
        job = live.submit(wait_for, str(gate))

        async def main() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(job, 0.1)
            task = asyncio.ensure_future(job)
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        assert not job.done()
        assert job.id not in live._watcher._waiting, "nobody waits any more"
        gate.touch()
        assert job.result(LONG, stream=False) == "seen"

    def test_the_loop_goes_on_meanwhile(self, live: mlq.Client, gate: Path) -> None:
        async def main() -> str:
            task = asyncio.ensure_future(live.submit(wait_for, str(gate)))
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert not task.done()
            gate.touch()
            return await task

        assert asyncio.run(main()) == "seen"


def test_a_callback_that_blocks_delays_nobody(live: mlq.Client, gate: Path) -> None:
    first, go = live.submit(len, "x"), threading.Event()
    blocked = threading.Event()

    def block(_: object) -> None:
        blocked.set()
        go.wait(LONG)

    first.add_done_callback(block)
    assert blocked.wait(LONG)
    other = live.submit(len, "xx")
    assert mlq.wait([other], timeout=LONG).done == {other}
    with live.options().executor() as executor:
        assert executor.submit(len, "xxx").result(LONG) == 3
    go.set()


def test_the_timeout_of_python_3_9() -> None:
    """Where concurrent.futures has a TimeoutError of its own, ours is both."""
    script = (
        "import concurrent.futures as f\n"
        "class Old(f._base.Error): pass\n"
        "f.TimeoutError = Old\n"
        "from mlq._deadline import late\n"
        "error = late('x')\n"
        "assert isinstance(error, Old) and isinstance(error, TimeoutError), type(error).mro()\n"
        "assert str(error) == 'x'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=LONG)
