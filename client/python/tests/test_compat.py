"""The predecessor's Python interface, on a real server."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Callable

import cloudpickle
import pytest

import mlq
from conftest import REPOSITORY, dev
from consuming import wait_for
from mlq import _registered
from mlq.compat import MLQ

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Server


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Of this file alone: a message runs all functions that its user has registered."""
    with dev(tmp_path_factory.mktemp("compat"), "cpu:1") as made:
        yield made


@pytest.fixture
def queue(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[MLQ]:
    monkeypatch.setenv("MLQ_URL", own_server.url)
    made = MLQ("example_app", "localhost", 6379, 0)
    yield made
    made.shutdown()
    for function in made.funcs_to_execute:
        made.remove_listener(function)


def result(queue: MLQ, job_id: str) -> Any:
    """As the predecessor's page has it: ask until there is one."""
    wait_for(lambda: queue.get_progress(job_id) in ("[completed]", "[failed]"))
    return queue.get_job(job_id)["result"]


def shutdown(queue: MLQ) -> None:
    """And until its thread has ended: what it was just given it gives back."""
    queue.shutdown()
    assert queue._listener is not None
    assert queue._listener._over.wait(20)


def test_the_quick_start_of_its_page(queue: MLQ) -> None:
    def simple_multiply(params_dict: Any, *args: Any) -> Any:
        return params_dict["my_data"] * 2

    job_id = queue.post({"my_data": 1234})  # before there is any worker
    assert isinstance(job_id, str)
    assert job_id.isdecimal()
    assert queue.get_progress(job_id) == "[queued; not started]"
    waiting = queue.get_job(job_id)
    assert (waiting["result"], waiting["short_result"], waiting["progress"]) == (None, None, None)
    count = queue.job_count()
    assert queue.create_listener(simple_multiply) is True
    assert result(queue, job_id) == 2468
    assert queue.get_progress(job_id) == "[completed]"
    assert queue.job_count() == count - 1


def test_a_job_has_the_fields_that_it_had(queue: MLQ) -> None:
    def f(msg: Any, utils: Any) -> Any:
        return "widget", b"\x89PNG"

    queue.create_listener(f)
    job_id = queue.post({"image": b"\x00"}, functions=["f"])
    assert result(queue, job_id) == b"\x89PNG"
    job = queue.get_job(int(job_id))
    assert list(job) == [
        "id",
        "timestamp",
        "worker",
        "processing_started",
        "processing_finished",
        "progress",
        "short_result",
        "result",
        "callback",
        "retries",
        "functions",
        "msg",
    ]
    assert (job["id"], job["short_result"], job["progress"]) == (job_id, "widget", 100)
    assert (job["functions"], job["callback"], job["retries"]) == (["f"], None, 0)
    assert job["msg"] == {"image": b"\x00"}
    assert job["timestamp"] <= job["processing_started"] <= job["processing_finished"]


def test_the_second_argument(queue: MLQ, capsys: pytest.CaptureFixture[str]) -> None:
    seen: dict[str, Any] = {}
    go = threading.Event()

    def f(msg: Any, utils: Any) -> Any:
        seen.update(utils["full_message"], posted=utils["post"]("inner", functions=["g"]))
        utils["update_progress"](50)
        print("half way")
        go.wait(20)
        return mlq.context()["full_message"]["msg"]

    def g(msg: Any) -> Any:
        return msg + " done"

    queue.create_listener(f)
    queue.create_listener(g)
    job_id = queue.post("outer", functions=["f"])
    wait_for(lambda: queue.get_progress(job_id) == "50")
    go.set()
    assert result(queue, job_id) == "outer"
    assert result(queue, seen["posted"]) == "inner done"
    assert (str(seen["id"]), seen["msg"], seen["functions"]) == (job_id, "outer", ["f"])
    assert seen["worker"].startswith("consumer-")
    with mlq.Client() as client:
        assert client.job(job_id).logs() == "half way\n"
    assert capsys.readouterr().out == "half way\n"  # in the worker's terminal, as before


def test_data_and_the_result_of_another_worker(queue: MLQ) -> None:
    def f(msg: Any, utils: Any) -> Any:
        key = utils["store_data"]("some data", expiry=100)
        return utils["block_until_result"](utils["post"]({"key": key}, functions=["g"]))

    def g(msg: Any, utils: Any) -> Any:
        return utils["fetch_data"](msg["key"]).upper()

    other = MLQ("example_app", "localhost", 6379, 0)
    other.create_listener(g)
    queue.create_listener(f)
    try:
        assert result(queue, queue.post(None, functions=["f"])) == b"SOME DATA"
    finally:
        shutdown(other)
        other.remove_listener(g)


def test_a_wait_for_a_job_that_only_this_worker_could_run_is_refused(queue: MLQ) -> None:
    def f(msg: Any, utils: Any) -> Any:
        if msg == "inner":
            return msg
        utils["store_data"](utils["post"]("inner", functions=["f"]), key="inner")
        return utils["block_until_result"](utils["fetch_data"]("inner").decode())

    queue.create_listener(f)
    told = result(queue, queue.post("outer", functions=["f"]))
    assert told.startswith("it would wait for ever")
    with mlq.Client() as client:
        inner = client._transport.request("GET", "/data/inner").body.decode()
    assert result(queue, inner) == "inner"  # the worker is not blocked


def test_an_exception_is_kept_and_the_next_job_runs(queue: MLQ) -> None:
    def f(msg: Any, *args: Any) -> Any:
        return 1 / msg

    queue.create_listener(f)
    bad, good = queue.post(0, functions=["f"]), queue.post(4, functions=["f"])
    assert result(queue, bad) == "division by zero"
    assert (queue.get_progress(bad), queue.get_job(bad)["progress"]) == ("[failed]", -1)
    assert result(queue, good) == 0.25
    with mlq.Client() as client, pytest.raises(ZeroDivisionError):
        client.job(bad).result(stream=False)


def test_a_cancelled_job_is_stopped_here(queue: MLQ) -> None:
    began = threading.Event()

    def f(msg: Any, *args: Any) -> None:
        began.set()
        wait_for(lambda: False)

    queue.create_listener(f)
    job_id = queue.post(None, functions=["f"])
    assert began.wait(20)
    with mlq.Client() as client:
        job = client.job(job_id)
        assert job.cancel()
        wait_for(lambda: job.state == "cancelled")
    assert "cancelled" in queue.get_job(job_id)["result"]


def test_the_reapers_limit_is_that_of_its_jobs(queue: MLQ) -> None:
    def f(msg: Any, *args: Any) -> None:
        wait_for(lambda: False)

    queue.create_listener(f)
    queue.create_reaper(call_how_often=1, job_timeout=1, max_retries=0)
    job_id = queue.post(None, functions=["f"])
    assert "its time limit passed" in result(queue, job_id)
    with mlq.Client() as client:
        job = client._transport.request("GET", f"/jobs/{job_id}").json()
    assert (job["timeout_s"], job["reason"]) == (1, "timeout")


def test_shutdown_and_a_removed_function(queue: MLQ) -> None:
    def f(msg: Any) -> Any:
        return msg

    queue.create_listener(f)
    assert result(queue, queue.post(1, functions=["f"])) == 1
    shutdown(queue)
    later = queue.post(2, functions=["f"])
    assert queue.get_progress(later) == "[queued; not started]"
    queue.create_listener()
    assert result(queue, later) == 2
    assert queue.remove_listener(f) is True
    assert queue.remove_listener(f) is False
    assert "f" not in _registered.names(queue._client._transport)
    assert queue.funcs_to_execute == []


def test_a_function_as_jsonpickle_writes_it(queue: MLQ) -> None:
    def multiply(msg: Any, *args: Any) -> Any:
        return msg["arg1"] * msg["arg2"]

    wrapped = {"py/b64": base64.b64encode(cloudpickle.dumps(multiply)).decode()}
    queue.create_listener(wrapped)
    assert result(queue, queue.post({"arg1": 6, "arg2": 3}, functions=["multiply"])) == 18
    assert queue.remove_listener(wrapped) is True


def test_other_functions_of_the_user_are_told(queue: MLQ, caplog: pytest.LogCaptureFixture) -> None:
    def f(msg: Any) -> None: ...

    def left_over(msg: Any) -> None: ...

    other = MLQ("other", "localhost", 6379, 0)
    other.create_listener(left_over)
    other.shutdown()
    queue.create_listener(f)
    assert "this process has not: left_over" in caplog.text
    assert other.remove_listener("nothing of that name") is False
    assert other.remove_listener("left_over") is True


WORKER = """
import asyncio, logging, time
from mlq.compat import MLQ

logging.basicConfig(format="%(message)s")
logging.getLogger("mlq").setLevel(logging.INFO)
mlq = MLQ('example_app', 'localhost', 6379, 0)

def listener_func(number_dict, *args):
    print(number_dict['number'], flush=True)
    if number_dict['number'] == 'long':
        while True:
            time.sleep(0.01)
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor() as pool:
        return pool.submit(pow, number_dict['number'], 2).result()

async def main():
    print("Running, waiting for messages.", flush=True)
    mlq.create_listener(listener_func)

if __name__ == '__main__':
    asyncio.run(main())
    END
"""


def worker(folder: Path, url: str, end: str = "") -> subprocess.Popen[bytes]:
    """The worker's process; what it writes is in the folder."""
    (folder / "worker.py").write_text(WORKER.replace("END", end))
    env = {
        **os.environ,
        "MLQ_URL": url,
        "PYTHONPATH": os.path.dirname(os.path.dirname(mlq.__file__)),
    }
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        return subprocess.Popen(
            [sys.executable, str(folder / "worker.py")], env=env, stdout=out, stderr=err
        )


def test_a_worker_whose_main_ends_goes_on_and_an_interrupt_puts_its_job_back(
    queue: MLQ, tmp_path: Path
) -> None:
    with worker(tmp_path, queue._client.url) as process:
        try:
            wait_for(lambda: "listener_func" in _registered.names(queue._client._transport))
            first = queue.post({"number": 7})
            assert result(queue, first) == 49
            assert queue.get_job(first)["short_result"] == "49"
            long = queue.post({"number": "long"})
            wait_for(lambda: "long" in (tmp_path / "out").read_text())
            wait_for(lambda: "Ctrl-C ends it" in (tmp_path / "err").read_text())
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert "Traceback" not in (tmp_path / "err").read_text()
    assert (tmp_path / "out").read_text() == "Running, waiting for messages.\n7\nlong\n"
    assert queue.get_progress(long) == "[queued; not started]"
    with mlq.Client() as client:
        client.job(long).cancel()
    _registered.remove(queue._client._transport, "listener_func")


def test_an_interrupt_of_main_ends_a_worker_that_waits(queue: MLQ, tmp_path: Path) -> None:
    with worker(tmp_path, queue._client.url, "time.sleep(60)") as process:
        try:
            wait_for(lambda: "listener_func" in _registered.names(queue._client._transport))
            assert result(queue, queue.post({"number": 7})) == 49
            process.send_signal(signal.SIGINT)
            assert process.wait(30) != 0
        finally:
            process.kill()
    assert "KeyboardInterrupt" in (tmp_path / "err").read_text()
    _registered.remove(queue._client._transport, "listener_func")


def test_the_page_has_every_method() -> None:
    page = (REPOSITORY / "docs" / "predecessor.md").read_text()
    for name, value in vars(MLQ).items():
        if callable(value) and not name.startswith("_"):
            assert f"`mlq.{name}(" in page, name
            assert value.__doc__, name


def test_importing_mlq_does_not_bring_it() -> None:
    code = "import sys, mlq; print([n for n in sys.modules if n.startswith('mlq.')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout == "['mlq._version']\n"


# --- bad inputs


@pytest.mark.parametrize("job_id", ["0", "-1", "abc", "99999999", "../whoami", "1/result", ""])
def test_a_job_that_there_is_not(queue: MLQ, job_id: str) -> None:
    with pytest.raises(mlq.MlqError, match="there is no job"):
        queue.get_progress(job_id)
    with pytest.raises(mlq.MlqError, match="there is no job"):
        queue.get_job(job_id)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda _: MLQ(None), TypeError, r"the namespace is a name, as in MLQ\('example_app', …\)"),
        (lambda _: MLQ(""), TypeError, "the namespace is a name"),
        (lambda q: q.create_listener(5), TypeError, r"create_listener\(f\), not 5"),
        (lambda q: q.create_listener({"x": 1}), TypeError, "a dict given for a function is"),
        (lambda q: q.create_listener(partial(print)), TypeError, "has no name by which"),
        (lambda q: q.create_reaper(0), ValueError, "call_how_often is seconds above 0, not 0"),
        (lambda q: q.create_reaper(60, -1), ValueError, "job_timeout is seconds above 0, not -1"),
        (lambda q: q.create_reaper(60, "5m"), ValueError, "job_timeout is seconds above 0"),
        (lambda q: q.create_reaper(60, 300, 101), ValueError, "max_retries is 0 to 100, not 101"),
        (lambda q: q.post(object()), TypeError, "the message cannot be sent in a message"),
        (lambda q: q.post(1, functions="f"), TypeError, r"a list of names: \['f'\]"),
        (lambda q: q.post(1, callback="no url"), mlq.MlqError, "callback"),
    ],
)
def test_what_cannot_be_is_said_in_words(
    queue: MLQ, call: Callable[[MLQ], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        call(queue)


def test_no_server_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLQ_URL", "http://127.0.0.1:1")
    began = time.monotonic()
    with pytest.raises(mlq.Unavailable, match="Is the server running"):
        MLQ("example_app", "localhost", 6379, 0).create_listener(lambda msg: msg)
    assert time.monotonic() - began < 15
