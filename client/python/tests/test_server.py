"""The whole client against a real server, its agent and its runners."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

import mlq
from conftest import REPOSITORY
from gates import LONG, add, until, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Server

pytestmark = pytest.mark.usefixtures("travelling")


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [None, True, 7, 2**70, 0.5, "text", b"\0bytes", (1, 2), [1, [2]], {"a": {1: 2}}, {1, 2}],
    )
    def test_there_and_back(self, live: mlq.Client, value: Any) -> None:
        def same(x: Any) -> Any:
            return x

        back = live.submit(same, value).result(LONG, stream=False)
        assert back == value
        assert type(back) is type(value)

    def test_a_large_array_goes_as_a_blob_and_comes_back_whole(self, live: mlq.Client) -> None:
        def turn(data: bytes) -> tuple[str, bytearray]:
            import hashlib

            return hashlib.sha256(data).hexdigest(), bytearray(reversed(data))

        data = os.urandom(5 << 20)
        digest, back = live.submit(turn, data).result(LONG, stream=False)
        assert digest == hashlib.sha256(data).hexdigest()
        assert bytes(reversed(back)) == data

    def test_a_class_of_the_notebook(self, live: mlq.Client) -> None:
        class Point:
            def __init__(self, x: int) -> None:
                self.x = x

        def moved(point: Point) -> Point:
            return Point(point.x + 1)

        back = live.submit(moved, Point(1)).result(LONG, stream=False)
        assert isinstance(back, Point)
        assert back.x == 2

    def test_it_ran_in_another_process(self, live: mlq.Client) -> None:
        assert live.submit(os.getpid).result(LONG, stream=False) != os.getpid()

    def test_a_link_needs_no_token(self, live: mlq.Client) -> None:
        job = live.submit(lambda: b"PNG")
        with urllib.request.urlopen(job.link("result.png", ttl=60) + "&wait=30") as answer:
            assert (answer.read(), answer.headers["Content-Type"]) == (b"PNG", "image/png")
        with pytest.raises(mlq.MlqError, match="at most 24h"):
            job.link(ttl="25h")

    def test_map(self, live: mlq.Client) -> None:
        jobs = live.map(add, range(20), b=100)
        assert jobs.results(LONG) == list(range(100, 120))
        assert {job.result() for job in jobs.as_completed(LONG)} == set(range(100, 120))

    def test_a_job_that_submits_a_job(self, live: mlq.Client) -> None:
        def parent() -> Any:
            import mlq

            return mlq.submit(max, 3, 4).id

        child = live.submit(parent).result(LONG, stream=False)
        assert live.job(child).result(LONG, stream=False) == 4


class TestContext:
    def test_second_argument(self, live: mlq.Client) -> None:
        def listen(msg: Any, ctx: Any) -> Any:
            ctx.update_progress({"epoch": 1})
            return [msg, ctx["full_message"]["id"]]

        job = live.submit(listen, "m")
        assert job.result(LONG, stream=False) == ["m", job.id]

    def test_progress_is_seen(self, live: mlq.Client, gate: Path) -> None:
        def report(path: str) -> None:
            import time

            import mlq

            for _ in mlq.progress(range(1)):
                while not os.path.exists(path):
                    time.sleep(0.01)

        job = live.submit(report, str(gate))
        until(lambda: job.progress == {"done": 0, "total": 1})
        assert job.progress_text == '{"done":0,"total":1}'
        gate.touch()
        job.result(LONG, stream=False)
        assert (job.progress, job.progress_text) == (100, "[completed]")

    def test_progress_before_and_after_a_failure(self, live: mlq.Client, gate: Path) -> None:
        def fail(path: str) -> NoReturn:
            import time

            while not os.path.exists(path):
                time.sleep(0.01)
            raise LookupError("no such row")

        job = live.submit(fail, str(gate), run_at=time.time() + 3600)
        assert (job.progress, job.progress_text) == (None, "[queued; not started]")
        job.cancel()
        job = live.submit(fail, str(gate))
        until(lambda: job.progress == 0)
        assert job.progress_text == "[started]"
        gate.touch()
        assert isinstance(job.exception(LONG), LookupError)
        assert (job.progress, job.progress_text) == (-1, "[failed]")


class TestWaiting:
    def test_timeout_leaves_the_job(self, live: mlq.Client, gate: Path) -> None:
        job = live.submit(wait_for, str(gate))
        with pytest.raises(TimeoutError):
            job.result(0.2, stream=False)
        gate.touch()
        assert job.result(LONG, stream=False) == "seen"

    def test_who_stops_waiting_leaves_nothing_behind(self, live: mlq.Client, gate: Path) -> None:
        job = live.submit(wait_for, str(gate))
        with pytest.raises(TimeoutError):
            job.result(0.5)
        for thread in threading.enumerate():
            if thread.name == "mlq-follow":
                thread.join(4.0)  # the server's next sign of life may come after 5 s
                assert not thread.is_alive(), "it still follows"

    def test_as_completed_in_order_of_ending(self, live: mlq.Client, gate: Path) -> None:
        slow, fast = live.submit(wait_for, str(gate)), live.submit(add, 1)
        ended = mlq.as_completed([slow, fast], timeout=LONG)
        assert next(ended) == fast
        gate.touch()
        assert next(ended) == slow

    def test_a_callback(self, live: mlq.Client, gate: Path) -> None:
        job = live.submit(wait_for, str(gate))
        called = threading.Event()
        job.add_done_callback(lambda j: called.set())
        until(job.running)
        assert not called.is_set()
        gate.touch()
        assert called.wait(LONG)

    def test_await(self, live: mlq.Client) -> None:
        import asyncio

        async def main() -> Any:
            return await live.submit(add, 2, 3)

        assert asyncio.run(main()) == 5

    def test_output_is_live(
        self, live: mlq.Client, gate: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        job = live.submit(wait_for, str(gate))
        pieces = job.logs(follow=True)
        assert next(pieces).startswith("waiting")
        gate.touch()
        assert "".join(pieces) == ""
        assert job.result(LONG) == "seen"
        out, err = capsys.readouterr()
        assert out == "waiting\n"
        assert f"mlq job {job.id} wait_for: succeeded in " in err


def test_the_quickstart(server: Server) -> None:
    program = REPOSITORY / "examples" / "quickstart" / "train.py"
    done = subprocess.run(
        [sys.executable, str(program), "--server", server.url],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 400  loss 0." in done.stdout
    assert "accuracy on 25 flowers" in done.stdout


def test_a_call_of_another_python_is_refused_before_it_is_queued(
    live: mlq.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlq._pickle.PYTHON", "3.2.1")
    with pytest.raises(mlq.VersionMismatch, match=r"default is Python 3\.\d+, the call needs 3\.2"):
        live.submit(add, 1)
