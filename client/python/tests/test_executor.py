"""``mlq.Executor`` as programs use it that know ``concurrent.futures`` only, on a real server."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from gates import LONG, add, until, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Server

pytestmark = pytest.mark.usefixtures("travelling")


@pytest.fixture
def executor(live: mlq.Client) -> Iterator[mlq.Executor]:
    with live.options().executor() as made:
        yield made


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
            executor.submit(add, threading.Lock())
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
        before = set(threading.enumerate())  # one of a test before may be about to end
        futures = [executor.submit(wait_for, str(gate)) for _ in range(12)]
        until(futures[0].running)
        mine = [t.name for t in set(threading.enumerate()) - before if t.name.startswith("mlq-")]
        assert mine.count("mlq-watch") <= 1
        assert len(mine) <= 5, mine
        for future in futures:
            future.cancel()


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
