"""The whole client against a real server, its agent and its runners."""

from __future__ import annotations

import concurrent.futures
import hashlib
import linecache
import os
import platform
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NoReturn

import cloudpickle
import pytest

import mlq
from conftest import REPOSITORY
from mlq._envelope import MEDIA_TYPE, pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Server

LONG = 60.0  # seconds, far more than anything here takes


@pytest.fixture(autouse=True)
def _by_value() -> Iterator[None]:
    """Functions of this file travel as those of a notebook do: jobs cannot import it."""
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


def add(a: Any, b: Any = 0) -> Any:
    return a + b


def wait_for(path: str) -> str:
    """Blocks until a file appears: the test decides when the job ends."""
    import time

    print("waiting", flush=True)
    while not os.path.exists(path):
        time.sleep(0.01)
    return "seen"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that jobs of ``wait_for`` wait for; made at the end in any case."""
    path = tmp_path / "gate"
    yield path
    path.touch()


@pytest.fixture
def busy(live: mlq.Client, gate: Path) -> list[mlq.Job[str]]:
    """Both devices are taken until the gate opens."""
    jobs = [live.submit(wait_for, str(gate)) for _ in range(2)]
    for job in jobs:
        until(job.running)
    return jobs


def until(condition: Any) -> None:
    """Wait for a condition, with an end."""
    tick, deadline = threading.Event(), time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        tick.wait(0.02)


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


class TestErrors:
    def test_its_own_type_with_the_remote_line(self, live: mlq.Client) -> None:
        def broken() -> NoReturn:
            raise LookupError("no such row")

        job = live.submit(broken)
        with pytest.raises(LookupError, match="no such row") as caught:
            job.result(LONG, stream=False)
        assert 'raise LookupError("no such row")' in str(caught.value.__cause__)
        assert f"job {job.id} on " in str(caught.value.__cause__)
        assert isinstance(job.exception(), LookupError)
        assert job.state == "failed"

    def test_the_line_of_a_cell_that_is_no_file(
        self, live: mlq.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = "def cell():\n    raise LookupError('in a cell')\n"
        entry = (len(text), None, text.splitlines(keepends=True), "<cell 7>")
        monkeypatch.setitem(linecache.cache, "<cell 7>", entry)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(text, "<cell 7>", "exec"), namespace)
        with pytest.raises(LookupError) as caught:
            live.submit(namespace["cell"]).result(LONG, stream=False)
        shown = "File \"<cell 7>\", line 2, in cell\n    raise LookupError('in a cell')\n"
        assert shown in str(caught.value.__cause__)

    def test_a_type_that_only_the_job_has(self, live: mlq.Client) -> None:
        def broken() -> NoReturn:
            class Fussy(Exception):
                def __reduce__(self) -> NoReturn:
                    raise TypeError("it stays where it is")

            raise Fussy("1 and 2")

        with pytest.raises(mlq.RemoteError, match="Fussy: 1 and 2"):
            live.submit(broken).result(LONG, stream=False)

    def test_a_crash_comes_with_the_end_of_its_log(self, live: mlq.Client) -> None:
        def crash() -> None:
            import os
            import signal

            print("last words", flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)

        with pytest.raises(mlq.JobLost, match="last words") as caught:
            live.submit(crash).result(LONG, stream=False)
        assert "SIGSEGV" in str(caught.value)
        assert caught.value.log_tail.splitlines()[-1] == "last words"

    @pytest.mark.parametrize("code", [b"junk", b"\x80\x05\x95\x10\0", b""])
    def test_a_call_that_is_no_pickle_is_not_tried_again(
        self, live: mlq.Client, code: bytes
    ) -> None:
        header = {
            "kind": "call",
            "function": "f",
            "python": platform.python_version(),
            "request": {"retries": 3},
        }
        body = b"".join(pack(header, [("code", code), ("args", b"")]))
        media = {"Content-Type": MEDIA_TYPE}
        sent = live._transport.request("POST", "/jobs", body=body, headers=media)
        job = live.job(sent.json())
        assert job.exception(LONG) is not None
        details = job.details()
        assert details["reason"] == "rejected"
        assert len(details["attempts"]) == 1

    def test_a_result_that_cannot_be_pickled(self, live: mlq.Client) -> None:
        def leak() -> Any:
            import threading

            return {"lock": threading.Lock()}

        with pytest.raises(mlq.NotSerializable, match=r"result\['lock'\] cannot be pickled"):
            live.submit(leak).result(LONG, stream=False)

    def test_an_unknown_job(self, live: mlq.Client) -> None:
        with pytest.raises(mlq.MlqError, match="no such job") as caught:
            live.job(10**9).details()
        assert caught.value.code == "not-found"


class TestCancel:
    def test_a_job_that_waits_never_starts(
        self, live: mlq.Client, busy: list[mlq.Job[str]], gate: Path, tmp_path: Path
    ) -> None:
        mark = tmp_path / "ran"
        job = live.submit(mark.touch)
        assert job.position is not None
        assert "in use" in str(job.why()) or job.why().reasons
        assert job.cancel()
        with pytest.raises(mlq.JobCancelled):
            job.result(LONG, stream=False)
        assert job.cancelled()
        gate.touch()
        assert [j.result(LONG, stream=False) for j in busy] == ["seen", "seen"]
        assert not mark.exists()
        assert job.cancel() is True
        assert busy[0].cancel() is False

    def test_a_job_that_runs_may_clean_up(
        self, live: mlq.Client, gate: Path, tmp_path: Path
    ) -> None:
        def tidy(path: str, mark: str) -> None:
            import time

            import mlq

            try:
                print("started", flush=True)
                while not os.path.exists(path):
                    time.sleep(0.01)
            except mlq.Cancelled:
                open(mark, "w").close()
                raise

        mark = tmp_path / "tidied"
        job = live.submit(tidy, str(gate), str(mark))
        until(lambda: "started" in job.logs())
        assert job.cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            job.result(LONG, stream=False)
        assert mark.exists()

    def test_retry(self, live: mlq.Client, tmp_path: Path) -> None:
        def second_time(path: str) -> str:
            import os

            if not os.path.exists(path):
                open(path, "w").close()
                raise RuntimeError("the first time")
            return "fine"

        job = live.submit(second_time, str(tmp_path / "seen"))
        assert isinstance(job.exception(LONG), RuntimeError)
        again = job.retry()
        assert again.id > job.id
        assert again.result(LONG, stream=False) == "fine"
        assert job.details()["requeued_as"] == again.id


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
                frame = sys._current_frames().get(thread.ident or 0)
                assert not thread.is_alive(), traceback.format_stack(frame)

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


def forgotten(job: mlq.Job[Any]) -> bool:
    """Whether the server knows nothing of a job any more."""
    try:
        job.details()
    except mlq.MlqError as err:
        return err.code == "not-found"
    return False


class TestFields:
    """Each request field: a test that fails if it is ignored."""

    def one(self, live: mlq.Client, **request: Any) -> Any:
        return live.options(**request).submit(add, 1).result(LONG, stream=False)

    def never(self, live: mlq.Client, words: str, **request: Any) -> None:
        """Refused before it is queued, with what was asked for in the words."""
        with pytest.raises(mlq.Unsatisfiable, match=words):
            live.options(**request).submit(add, 1)

    def test_gpus(self, live: mlq.Client) -> None:
        job = live.submit(add, 1, gpus=2)
        assert job.result(LONG, stream=False) == 1
        assert len(job.details()["attempts"][0]["devices"]) == 2
        self.never(live, "no host has 60 devices", gpus=60)

    def test_gpu_mem(self, live: mlq.Client) -> None:
        self.never(live, "no memory, model or capability", gpu_mem="900TB")

    def test_gpu_type(self, live: mlq.Client) -> None:
        self.never(live, "no memory, model or capability", gpu_type="H100")

    def test_min_cc(self, live: mlq.Client) -> None:
        self.never(live, "no memory, model or capability", min_cc=(9, 0))

    def test_host(self, live: mlq.Client) -> None:
        job = live.submit(add, 1)
        job.result(LONG, stream=False)
        here = job.details()["attempts"][0]["host"]
        assert self.one(live, host=here) == 1
        self.never(live, "no-such-host", host="no-such-host")

    def test_labels(self, live: mlq.Client) -> None:
        self.never(live, "rack=none", labels={"rack": "none"})

    def test_python(self, live: mlq.Client) -> None:
        assert self.one(live, python="default") == 1
        assert self.one(live, python=".".join(platform.python_version_tuple()[:2])) == 1
        with pytest.raises(mlq.Unsatisfiable):
            self.one(live, python="no-such-environment")

    def test_workdir(self, live: mlq.Client, tmp_path: Path) -> None:
        job = live.submit(os.getcwd, workdir=tmp_path)
        assert job.result(LONG, stream=False) == str(tmp_path)

    def test_env_vars(self, live: mlq.Client) -> None:
        job = live.submit(os.getenv, "SEED", env_vars={"SEED": "7"})
        assert job.result(LONG, stream=False) == "7"
        with pytest.raises(mlq.MlqError, match="belongs to the system"):
            live.submit(add, 1, env_vars={"LD_PRELOAD": "x"})

    def test_name(self, live: mlq.Client) -> None:
        assert live.submit(add, 1, name="ablation").details()["name"] == "ablation"

    def test_priority(self, live: mlq.Client, busy: list[mlq.Job[str]], gate: Path) -> None:
        low = live.submit(add, 1, priority=-5)
        high = live.submit(add, 1, priority=0)
        assert (high.position, low.position) == (1, 2)
        gate.touch()
        assert [low.result(LONG, stream=False), high.result(LONG, stream=False)] == [1, 1]

    def test_timeout(self, live: mlq.Client, gate: Path) -> None:
        job = live.submit(wait_for, str(gate), timeout="1s", grace=1)
        with pytest.raises(mlq.JobTimeout):
            job.result(LONG, stream=False)
        assert not gate.exists()

    def test_queue_timeout(self, live: mlq.Client, busy: list[mlq.Job[str]], gate: Path) -> None:
        job = live.submit(add, 1, queue_timeout=timedelta(seconds=0.2))
        with pytest.raises(mlq.JobTimeout):
            job.result(LONG, stream=False)
        assert job.details()["reason"] == "expired"

    def test_retries(self, live: mlq.Client, tmp_path: Path) -> None:
        def second_time(path: str) -> str:
            import os

            if not os.path.exists(path):
                open(path, "w").close()
                raise RuntimeError("the first time")
            return "fine"

        job = live.submit(second_time, str(tmp_path / "seen"), retries=1)
        assert job.result(LONG, stream=False) == "fine"
        assert len(job.details()["attempts"]) == 2

    def test_grace(self, live: mlq.Client, gate: Path) -> None:
        def stubborn(path: str) -> None:
            import time

            import mlq

            print("started", flush=True)
            while not os.path.exists(path):
                try:
                    time.sleep(0.01)
                except mlq.Cancelled:
                    print("refuses", flush=True)

        job = live.submit(stubborn, str(gate), grace=0.2)
        until(lambda: "started" in job.logs())
        begun = time.monotonic()
        job.cancel()
        with pytest.raises(mlq.JobCancelled):
            job.result(LONG, stream=False)
        assert time.monotonic() - begun < 9, "the default grace is 10 s"

    def test_run_at(self, live: mlq.Client) -> None:
        later = datetime.now(timezone.utc) + timedelta(hours=1)
        job = live.submit(add, 1, run_at=later)
        assert job.state == "scheduled"
        assert job.cancel()

    def test_after(self, live: mlq.Client, gate: Path) -> None:
        first = live.submit(wait_for, str(gate))
        second = live.submit(add, 1, after=first)
        assert second.state == "scheduled"
        gate.touch()
        assert second.result(LONG, stream=False) == 1
        assert first.done()

    def test_after_a_job_that_fails(self, live: mlq.Client) -> None:
        first = live.submit(add, 1, "x")
        with pytest.raises(mlq.JobLost, match=str(first.id)):
            live.submit(add, 1, after=[first]).result(LONG, stream=False)

    def test_on_partition(self, live: mlq.Client) -> None:
        assert self.one(live, on_partition="keep") == 1
        with pytest.raises(mlq.MlqError, match="on_partition"):
            live.submit(add, 1, on_partition="sometimes")

    def test_result_ttl(self, live: mlq.Client) -> None:
        job, kept = live.submit(add, 1, result_ttl="1s"), live.submit(add, 2)
        assert (job.result(LONG, stream=False), kept.result(LONG, stream=False)) == (1, 2)
        until(lambda: forgotten(live.job(job.id)))
        assert live.job(kept.id).result(LONG, stream=False) == 2
        with pytest.raises(mlq.MlqError, match="result_ttl"):
            live.submit(add, 1, result_ttl=0)

    def test_key(self, live: mlq.Client) -> None:
        key = os.urandom(8).hex()
        first = live.submit(add, 1, key=key)
        assert live.submit(add, 1, key=key) == first
        with pytest.raises(mlq.MlqError) as caught:
            live.submit(add, 2, key=key)
        assert caught.value.code == "key-reused"


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
