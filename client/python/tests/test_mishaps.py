"""How jobs die, and what is said of it, on a real server; docs/notebook.md has the same words."""

from __future__ import annotations

import re
import sqlite3
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest

import mlq
from conftest import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = 60.0  # seconds, far more than anything here takes
PAGE = (REPOSITORY / "docs" / "notebook.md").read_text()


@pytest.fixture(autouse=True)
def _by_value() -> Iterator[None]:
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    yield
    cloudpickle.unregister_pickle_by_value(here)


def on_the_page(error: BaseException) -> str:
    """The text of an error, which the page has with other numbers."""
    text = str(error).splitlines()[0]
    as_there = re.sub(r"\bjob \d+", "job 52", re.sub(r"^job \d+", "job fifty-three", text))
    assert as_there.replace("fifty-three", "53") in PAGE, text
    return text


def segfault() -> None:
    import ctypes

    print("epoch 1", flush=True)
    ctypes.string_at(0)


def killed() -> None:
    import os
    import signal

    print("epoch 1", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def aborted() -> None:
    import os

    print("epoch 1", flush=True)
    os.abort()


def left() -> None:
    import os

    print("epoch 1", flush=True)
    os._exit(3)


def slow() -> None:
    import time

    print("epoch 1", flush=True)
    time.sleep(LONG)


def with_a_lock() -> Any:
    import threading

    return {"model": [1, threading.Lock()]}


DEATHS: dict[str, tuple[Callable[[], Any], type[mlq.MlqError], dict[str, Any]]] = {
    "SIGSEGV": (segfault, mlq.JobLost, {}),
    "SIGKILL": (killed, mlq.JobLost, {}),
    "SIGABRT": (aborted, mlq.JobLost, {}),
    "os._exit": (left, mlq.JobLost, {}),
    "timeout": (slow, mlq.JobTimeout, {"timeout": "1s", "grace": 1}),
}


@pytest.mark.parametrize("way", DEATHS)
def test_a_death_is_explained(live: mlq.Client, way: str) -> None:
    function, kind, request = DEATHS[way]
    with pytest.raises(kind) as caught:
        live.options(**request).submit(function).result(LONG, stream=False)
    on_the_page(caught.value)
    assert isinstance(caught.value, mlq.JobError)
    assert caught.value.log_tail == "epoch 1"
    assert str(caught.value).endswith("The last lines of its log:\nepoch 1")


def test_a_job_that_follows_one_that_failed(live: mlq.Client) -> None:
    first = live.submit(left)
    with pytest.raises(mlq.JobLost) as caught:
        live.submit(slow, after=first).result(LONG, stream=False)
    assert str(first.id) in on_the_page(caught.value)


def test_a_job_that_waits_too_long(live: mlq.Client) -> None:
    busy = [live.submit(slow) for _ in range(2)]
    try:
        with pytest.raises(mlq.JobTimeout) as caught:
            live.submit(slow, queue_timeout="500ms").result(LONG, stream=False)
        on_the_page(caught.value)
    finally:
        for job in busy:
            job.cancel()
    with pytest.raises(mlq.JobCancelled) as cancelled:
        busy[0].result(LONG, stream=False)
    assert re.fullmatch(r"the job was cancelled by \w+", str(cancelled.value))


def test_a_result_that_cannot_be_sent(live: mlq.Client) -> None:
    with pytest.raises(mlq.NotSerializable) as caught:
        live.submit(with_a_lock).result(LONG, stream=False)
    assert "result['model'][1]" in on_the_page(caught.value)


class Unlucky(Exception):
    """As a notebook defines one: it needs a keyword, and holds what cannot be sent."""

    def __init__(self, *, epoch: int) -> None:
        import threading

        super().__init__(f"unlucky in epoch {epoch}")
        self.epoch, self.lock = epoch, threading.Lock()


def unlucky() -> None:
    try:
        dict[str, int]()["lr"]
    except KeyError as cause:
        raise Unlucky(epoch=3) from cause


def test_the_class_of_a_notebook_is_caught(live: mlq.Client) -> None:
    with pytest.raises(Unlucky, match="unlucky in epoch 3") as caught:
        live.submit(unlucky).result(LONG, stream=False)
    assert caught.value.epoch == 3
    remote = str(caught.value.__cause__)
    assert 'dict[str, int]()["lr"]' in remote
    assert "direct cause" in remote
    assert "raise Unlucky(epoch=3) from cause" in remote


@pytest.mark.parametrize(("kind", "words"), [(SystemExit, "giving up"), (KeyboardInterrupt, "no")])
def test_what_would_end_this_program(live: mlq.Client, kind: type, words: str) -> None:
    def ends() -> None:
        raise kind(words)

    with pytest.raises(mlq.RemoteError, match=f"{kind.__name__}: {words}"):
        live.submit(ends).result(LONG, stream=False)


# Bad inputs: one or two lines each, and no frame of ours.


def refused(call: Callable[[], Any], kind: type[BaseException]) -> str:
    with pytest.raises(kind) as caught:
        call()
    shown = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    hidden = sys.version_info >= (3, 11)
    assert not (hidden and "/src/mlq/" in shown), shown
    text = str(caught.value)
    assert text.count("\n") < 2
    return text


def of_bytes() -> Any:
    return Path(__file__).open("rb")


SOME: dict[str, tuple[Callable[[], Any], str]] = {
    "a generator": (lambda: (n for n in range(3)), "list("),
    "an open file": (Path(__file__).open, "its path"),
    "an open file of bytes": (of_bytes, "its path"),
    "a connection": (lambda: sqlite3.connect(":memory:"), "open it within the function"),
    "a lock": (threading.Lock, "make it within the function"),
}


@pytest.mark.parametrize("what", SOME)
def test_arguments_that_stay_here(live: mlq.Client, what: str) -> None:
    make, advice = SOME[what]
    value = make()
    text = refused(lambda: live.submit(len, {"a": [value]}), mlq.NotSerializable)
    assert text.startswith("cannot send args[0]['a'][0] (")
    assert advice in text
    getattr(value, "close", lambda: None)()


def test_a_lambda_over_a_connection(live: mlq.Client) -> None:
    db = sqlite3.connect(":memory:")
    text = refused(
        lambda: live.submit(lambda q: db.execute(q).fetchall(), "select 1"), mlq.NotSerializable
    )
    assert "<lambda> → variable 'db' (sqlite3.Connection)" in text
    assert "open it within the function" in text
    db.close()


def test_the_call_instead_of_the_function(live: mlq.Client) -> None:
    call: Any = len([1])
    assert "submit(f, x), not submit(f(x))" in refused(lambda: live.submit(call), TypeError)


class Model:
    def __init__(self, size: int) -> None:
        self.size = size


def test_a_class_is_a_function_that_makes_one(live: mlq.Client) -> None:
    made = live.submit(Model, 3).result(LONG, stream=False)
    assert (type(made), made.size) == (Model, 3)


def test_a_job_of_another_server(live: mlq.Client) -> None:
    with mlq.Client("http://127.0.0.1:5999") as other:
        text = refused(lambda: live.submit(len, [1], after=other.job(7)), ValueError)
        assert "job 7 is of http://127.0.0.1:5999" in text
        assert refused(lambda: live.options(after=[other.job(7)]), ValueError) == text
        job = live.submit(lambda j: (j.id, j.server), other.job(7))
        assert job.result(LONG, stream=False) == (7, "http://127.0.0.1:5999")


def test_a_job_is_a_job_there_too(live: mlq.Client) -> None:
    first = live.submit(len, [1, 2])
    assert live.submit(lambda j: j.result(30), first).result(LONG, stream=False) == 2
