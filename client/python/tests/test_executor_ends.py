"""The end of an Executor, of its futures, and of programs that have one, on a real server."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

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
