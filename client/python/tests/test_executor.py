"""``mlq.Executor`` as programs use it that know ``concurrent.futures`` only, on a real server."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest

import mlq
from mlq import _executor
from mlq._deadline import Deadline
from scripted import DROP, Reply, as_json, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Server
    from scripted import Request, Scripted

LONG = 60.0  # seconds, far more than anything here takes


@pytest.fixture(autouse=True)
def _by_value() -> Iterator[None]:
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


@pytest.fixture
def executor(live: mlq.Client) -> Iterator[mlq.Executor]:
    with live.options().executor() as made:
        yield made


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """What jobs of ``wait_for`` wait for; made at the end in any case."""
    path = tmp_path / "gate"
    yield path
    path.touch()


def add(a: int, b: int = 0) -> int:
    return a + b


def wait_for(path: str) -> str:
    import os
    import time

    while not os.path.exists(path):
        time.sleep(0.01)
    return "seen"


def until(condition: Callable[[], object]) -> None:
    tick, deadline = threading.Event(), time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        tick.wait(0.02)


class TestSubmit:
    def test_a_future_of_the_standard_library(self, executor: mlq.Executor) -> None:
        future = executor.submit(add, 1, b=2)
        assert isinstance(executor, concurrent.futures.Executor)
        assert isinstance(future, concurrent.futures.Future)
        assert future.result(LONG) == 3
        assert future.exception() is None
        assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
        assert future.job.result(stream=False) == 3

    def test_all_keywords_are_the_function_s(self, executor: mlq.Executor) -> None:
        def named(name: str) -> str:
            return name

        assert executor.submit(named, name="Ana").result(LONG) == "Ana"

    def test_request_fields(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLQ_URL", server.url)
        with mlq.Executor(name="a sweep", env_vars={"LR": "0.5"}) as executor:
            future = executor.submit(lambda: __import__("os").environ["LR"])
            assert future.result(LONG) == "0.5"
            assert future.job.details()["name"] == "a sweep"

    def test_the_job_s_own_exception(self, executor: mlq.Executor) -> None:
        error = executor.submit(lambda: {}["lr"]).exception(LONG)  # type: ignore[index]
        assert isinstance(error, KeyError)
        assert "in <lambda>" in str(error.__cause__)

    def test_what_cannot_be_sent_is_told_by_submit(self, executor: mlq.Executor) -> None:
        with pytest.raises(mlq.NotSerializable):
            executor.submit(add, threading.Lock())  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="missing a required argument"):
            executor.submit(add)  # type: ignore[call-arg]

    def test_wait_and_as_completed(self, executor: mlq.Executor, gate: Path) -> None:
        slow, quick = executor.submit(wait_for, str(gate)), executor.submit(add, 1)
        both: list[concurrent.futures.Future[Any]] = [slow, quick]
        found = concurrent.futures.wait(
            both, timeout=LONG, return_when=concurrent.futures.FIRST_COMPLETED
        )
        assert found == ({quick}, {slow})
        ended = concurrent.futures.as_completed(both, timeout=LONG)
        assert next(ended) is quick
        gate.touch()
        assert next(ended) is slow

    def test_a_timeout_leaves_the_job(self, executor: mlq.Executor, gate: Path) -> None:
        future = executor.submit(wait_for, str(gate))
        with pytest.raises(concurrent.futures.TimeoutError):
            future.result(timeout=0.05)
        gate.touch()
        assert future.result(LONG) == "seen"

    def test_a_callback_may_submit_as_joblib_does(self, executor: mlq.Executor) -> None:
        """joblib sends a few batches, and each further one from the callback of one that ended."""
        left, values = queue.SimpleQueue[int](), queue.SimpleQueue[int]()
        for n in range(6):
            left.put(n)

        def dispatch(done: concurrent.futures.Future[int] | None = None) -> None:
            if done is not None:
                values.put(done.result())
            with contextlib.suppress(queue.Empty):
                executor.submit(add, left.get_nowait(), 10).add_done_callback(dispatch)

        dispatch()
        dispatch()
        assert sorted(values.get(timeout=LONG) for _ in range(6)) == [10, 11, 12, 13, 14, 15]

    def test_no_thread_per_job(self, executor: mlq.Executor, gate: Path) -> None:
        futures = [executor.submit(wait_for, str(gate)) for _ in range(12)]
        until(futures[0].running)
        mine = [t.name for t in threading.enumerate() if t.name.startswith("mlq-")]
        assert mine.count("mlq-watch") == 1
        assert len(mine) <= 5, mine
        for future in futures:
            future.cancel()


class TestCancel:
    def test_one_that_waits_never_runs(self, executor: mlq.Executor, tmp_path: Path) -> None:
        mark = tmp_path / "ran"
        later = executor._client.options(run_at="2999-01-01T00:00:00Z").executor()
        future = later.submit(mark.touch)
        called = threading.Event()
        future.add_done_callback(lambda _: called.set())
        assert future.cancel()
        assert future.cancelled()
        assert future.cancel(), "as often as one likes"
        assert called.is_set()
        with pytest.raises(concurrent.futures.CancelledError):
            future.result()
        assert concurrent.futures.wait([future], timeout=0).done == {future}
        assert future.job.cancelled()
        later.shutdown()

    def test_one_that_runs_is_told_to_stop(self, executor: mlq.Executor, gate: Path) -> None:
        future = executor.submit(wait_for, str(gate))
        until(future.running)
        assert not future.cancel(), "as the standard library's: it runs"
        error = future.exception(LONG)
        assert isinstance(error, mlq.JobCancelled)
        assert isinstance(error, concurrent.futures.CancelledError)
        assert not future.cancelled()
        assert future.job.cancelled()

    def test_one_that_ended(self, executor: mlq.Executor) -> None:
        future = executor.submit(add, 1)
        assert future.result(LONG) == 1
        assert not future.cancel()

    def test_by_somebody_else(self, executor: mlq.Executor, live: mlq.Client) -> None:
        later = live.options(run_at="2999-01-01T00:00:00Z").executor()
        future = later.submit(add, 1)
        mlq.Client(live.url).job(future.job.id).cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            future.result(LONG)
        assert future.cancelled()


class TestMap:
    def test_in_order(self, executor: mlq.Executor) -> None:
        assert list(executor.map(add, [1, 2, 3], [10, 20, 30], timeout=LONG)) == [11, 22, 33]
        assert list(executor.map(add, [])) == []

    def test_chunks(self, executor: mlq.Executor) -> None:
        def where(n: int) -> tuple[int, int]:
            import os

            return n, os.getpid()

        found = list(executor.map(where, range(7), chunksize=3, timeout=LONG))
        assert [n for n, _ in found] == list(range(7))
        assert [pid for _, pid in found[:3]] == [found[0][1]] * 3
        assert len({pid for _, pid in found}) == 3, "three jobs"
        with pytest.raises(ValueError, match="chunksize"):
            executor.map(add, [1], chunksize=0)

    def test_a_chunk_is_called_as_single_calls_are(self, executor: mlq.Executor) -> None:
        def listen(msg: str, context: mlq.Context) -> str:
            context.update_progress(msg)
            return msg * int(context.full_message["id"] > 0)

        assert list(executor.map(listen, "abc", chunksize=2, timeout=LONG)) == ["a", "b", "c"]
        with pytest.raises(TypeError, match=r"add\(\) too many positional arguments"):
            executor.map(add, [1], [2], [3], chunksize=2)

    def test_an_exception_comes_in_its_turn(self, executor: mlq.Executor) -> None:
        values = executor.map(lambda n: 1 // n, [1, 0, 1], timeout=LONG)
        assert next(values) == 1
        with pytest.raises(ZeroDivisionError):
            next(values)

    @pytest.mark.parametrize("chunksize", [1, 2])
    def test_who_leaves_it_cancels_the_rest(
        self, executor: mlq.Executor, gate: Path, chunksize: int
    ) -> None:
        values = executor.map(wait_for, [str(gate)] * 4, timeout=0.2, chunksize=chunksize)
        jobs = [future.job for future in executor._open.values()]
        with pytest.raises(concurrent.futures.TimeoutError):
            next(values)
        assert len(jobs) == 4 // chunksize
        for job in jobs:
            with pytest.raises(mlq.JobCancelled):
                job.result(LONG, stream=False)


class TestShutdown:
    def test_leaving_with_waits_and_refuses_more(self, live: mlq.Client) -> None:
        told: list[int] = []
        with live.options().executor() as executor:
            futures = [executor.submit(add, n) for n in range(3)]
            for future in futures:
                future.add_done_callback(lambda f: told.append(f.result()))
        assert all(future.done() for future in futures)
        assert sorted(told) == [0, 1, 2], "callbacks have been called"
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(add, 1)
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.map(add, [1])
        executor.shutdown()

    def test_without_waiting(self, live: mlq.Client, gate: Path) -> None:
        executor = live.options().executor()
        future = executor.submit(wait_for, str(gate))
        executor.shutdown(wait=False)
        assert not future.done()
        gate.touch()
        assert future.result(LONG) == "seen"

    def test_what_has_not_begun_is_cancelled(self, live: mlq.Client, gate: Path) -> None:
        executor = live.options(gpus=2).executor()
        running, waiting = (executor.submit(wait_for, str(gate)) for _ in range(2))
        until(running.running)
        executor.shutdown(wait=False, cancel_futures=True)
        assert waiting.cancelled()
        gate.touch()
        assert running.result(LONG) == "seen"

    def test_in_a_callback(self, live: mlq.Client) -> None:
        executor, done = live.options().executor(), threading.Event()

        def end(_: object) -> None:
            executor.shutdown()
            done.set()

        executor.submit(add, 1).add_done_callback(end)
        assert done.wait(LONG)


class TestAsyncio:
    def test_run_in_executor(self, executor: mlq.Executor) -> None:
        async def main() -> list[int]:
            loop = asyncio.get_running_loop()
            calls = [loop.run_in_executor(executor, add, n, 1) for n in range(3)]
            return list(await asyncio.gather(*calls))

        assert asyncio.run(main()) == [1, 2, 3]

    def test_wrap_future(self, executor: mlq.Executor) -> None:
        async def main() -> int:
            return await asyncio.wrap_future(executor.submit(add, 4))

        assert asyncio.run(main()) == 4

    def test_a_task_that_is_cancelled_cancels_the_job(
        self, executor: mlq.Executor, gate: Path
    ) -> None:
        future = executor.submit(wait_for, str(gate))

        async def main() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(future), 0.2)

        asyncio.run(main())
        with pytest.raises(mlq.JobCancelled):
            future.job.result(LONG, stream=False)

    def test_errors(self, executor: mlq.Executor) -> None:
        async def main() -> None:
            await asyncio.get_running_loop().run_in_executor(executor, lambda: 1 // 0)

        with pytest.raises(ZeroDivisionError):
            asyncio.run(main())


def test_a_program_that_exits_does_not_wait(server: Server, gate: Path) -> None:
    script = f"""
import mlq
def wait_for(path):
    import os, time
    while not os.path.exists(path): time.sleep(0.01)
executor = mlq.Executor()
futures = [executor.submit(wait_for, {str(gate)!r}) for _ in range(3)]
mlq.job(futures[0].job.id).add_done_callback(print)
print(futures[0].job.id)
"""
    env = {"MLQ_URL": server.url, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=env, capture_output=True, text=True, timeout=LONG, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert not mlq.Client(server.url).job(done.stdout.strip()).done()


class TestWithoutAServer:
    """What real servers seldom do."""

    def test_a_server_that_forgot_the_job(self, scripted: Scripted, client: mlq.Client) -> None:
        scripted.on("POST /jobs", as_json(53, 201))
        scripted.on("GET /jobs/53", problem("not-found", 404, "no such job"))
        scripted.on("GET /events", problem("forbidden", 403, "not you"))
        executor = client.options().executor()
        with pytest.raises(mlq.Unauthorized, match="not you"):
            executor.submit(add, 1).result(LONG)
        executor.shutdown()

    def test_a_cancel_that_cannot_be_told(self, scripted: Scripted, client: mlq.Client) -> None:
        scripted.on("POST /jobs", as_json(53, 201))
        scripted.on("GET /jobs/53", as_json({"id": 53, "state": "queued"}))
        scripted.on("DELETE /jobs/53", problem("forbidden", 403, "not you"))
        future = client.options().executor().submit(add, 1)
        with pytest.raises(mlq.Unauthorized):
            future.cancel()

    def test_a_refused_cancel_is_no_reason_to_leave_the_others(
        self, scripted: Scripted, client: mlq.Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        scripted.on("DELETE /jobs/53", problem("conflict", 409, "not now"))
        scripted.on("DELETE /jobs/54", problem("forbidden", 403, "not you"))
        _executor._cancel([_executor.JobFuture(client.job(n)) for n in (53, 54, 55)])
        assert [r.path for r in scripted.requests] == ["/jobs/53", "/jobs/54"]
        assert caplog.messages == [
            "job 53 is not cancelled: not now",
            "job 54 and those after it are not cancelled: not you",
        ]

    def test_two_kinds_of_too_late(self, scripted: Scripted, client: mlq.Client) -> None:
        scripted.on("DELETE /jobs/53", problem("forbidden", 403, "not you"))
        future: mlq.JobFuture[int] = _executor.JobFuture(client.job(53))
        for kind in (TimeoutError, concurrent.futures.TimeoutError):
            with pytest.raises(kind, match="not all values are there in time"):
                next(_executor._values([future], Deadline(0.01)))
        future.set_exception(TimeoutError("the call's own"))
        with pytest.raises(TimeoutError, match="the call's own"):
            next(_executor._values([future], Deadline(0.01)))

    def test_a_program_that_exits_waits_for_no_result(self, scripted: Scripted) -> None:
        """The server is silent in the middle of it; a pool of the standard library would wait."""
        asked, go = threading.Event(), threading.Event()

        def silent(_: Request) -> Reply:
            asked.set()
            go.wait(LONG)
            return DROP

        scripted.on("POST /jobs", as_json(53, 201))
        scripted.on("GET /jobs/53", as_json({"id": 53, "state": "succeeded"}))
        scripted.on("GET /jobs/53/result", silent)
        stream = b": still here\n\n"
        scripted.on("GET /events", Reply(200, {"Content-Type": "text/event-stream"}, stream))
        script = "import mlq; future = mlq.Executor().submit(len, 'x'); input()"
        with subprocess.Popen(
            [sys.executable, "-c", script],
            env={"MLQ_URL": scripted.url}, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as program:  # fmt: skip
            try:
                assert asked.wait(LONG)
                _, said = program.communicate(b"\n", timeout=LONG / 2)
            finally:
                go.set()
                program.kill()
        assert (program.returncode, said) == (0, b"")

    @pytest.mark.parametrize("wrong", [{"sumbit": 1}, {"gpus": "two"}, {"key": "x"}])
    def test_wrong_fields(self, client: mlq.Client, wrong: Any) -> None:
        with pytest.raises(TypeError):
            client.options(**wrong).executor()
