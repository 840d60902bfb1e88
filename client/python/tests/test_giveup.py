"""An interrupt of mlq.run while its job is being submitted: whatever is queued is cancelled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import mlq
from scripted import DROP, Reply, Request, as_json, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripted import Scripted

LONG = 20.0  # seconds, far more than anything here takes
CANCELLED = as_json({"id": 53, "state": "cancelled", "already": False})


def press_stop() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def until(holds: Callable[[], Any]) -> None:
    tick, deadline = threading.Event(), time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < deadline, "it never came to be"
        tick.wait(0.01)


class Slow:
    """Queues a job while stop is pressed, and answers when it is told to."""

    def __init__(self, scripted: Scripted, *answers: Reply) -> None:
        self.answer = threading.Event()
        self._answers = list(answers)
        scripted.on("POST /jobs", self)
        scripted.on("DELETE /jobs/53", CANCELLED)

    def __call__(self, _: Request) -> Reply:
        if len(self._answers) == 1:
            return self._answers[0]
        press_stop()
        self.answer.wait(LONG)
        return self._answers.pop(0)


@pytest.fixture(params=["run", "options"])
def run(request: pytest.FixtureRequest, client: mlq.Client) -> Callable[..., Any]:
    return client.run if request.param == "run" else client.options(gpus=1).run


def test_its_job_is_cancelled_when_the_answer_comes(
    scripted: Scripted, run: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    slow = Slow(scripted, as_json(53, 201), DROP)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(len, "x")
    assert time.monotonic() - began < 0.5
    said = capsys.readouterr().err
    assert said == "mlq len: this interrupt cancels its job as soon as the server answers\n"
    assert not scripted.asked("DELETE /jobs/53")
    slow.answer.set()
    until(lambda: scripted.asked("DELETE /jobs/53"))


def test_a_program_that_ends_waits_for_what_it_has_promised(scripted: Scripted) -> None:
    """Its threads end with it, and the job would run for nobody."""
    pressed, answer = threading.Event(), threading.Event()

    def slow(_: Request) -> Reply:
        pressed.set()
        answer.wait(LONG)
        return as_json(53, 201)

    scripted.on("POST /jobs", slow)
    scripted.on("DELETE /jobs/53", CANCELLED)
    program = [sys.executable, "-c", "import mlq; mlq.run(len, 'x')"]
    with subprocess.Popen(
        program, env={**os.environ, "MLQ_URL": scripted.url}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert pressed.wait(LONG)
        process.send_signal(signal.SIGINT)
        for line in process.stderr:
            if line.startswith("KeyboardInterrupt"):
                break
        threading.Event().wait(0.3)  # in which it would have ended
        answer.set()
        process.wait(LONG)
    assert len(scripted.asked("DELETE /jobs/53")) == 1


def test_an_answer_that_comes_soon(
    scripted: Scripted, client: mlq.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = Slow(scripted, as_json(53, 201), DROP)
    slow.answer.set()
    with pytest.raises(KeyboardInterrupt):
        client.run(len, "x")
    assert capsys.readouterr().err == "mlq job 53 len: cancelled by this interrupt\n"
    assert len(scripted.asked("DELETE /jobs/53")) == 1


def test_an_answer_that_is_lost(scripted: Scripted, client: mlq.Client) -> None:
    """The job is found by its key, which is that of the first try."""
    slow = Slow(scripted, DROP, as_json(53, 201))
    slow.answer.set()
    with pytest.raises(KeyboardInterrupt):
        client.run(len, "x")
    until(lambda: scripted.asked("DELETE /jobs/53"))
    keys = {request.headers["Idempotency-Key"] for request in scripted.asked("POST /jobs")}
    assert len(keys) == 1


def test_what_is_refused_is_no_job(
    scripted: Scripted, client: mlq.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = Slow(scripted, problem("unsatisfiable", 422, "no host has 9 devices"), DROP)
    slow.answer.set()
    with pytest.raises(KeyboardInterrupt):
        client.run(len, "x")
    assert capsys.readouterr().err == "mlq len: nothing was queued: no host has 9 devices\n"


def test_a_large_call_is_not_uploaded_further(scripted: Scripted, client: mlq.Client) -> None:
    """Nothing is queued before all of it is there."""

    def interrupt(_: Request) -> Reply:
        press_stop()
        return DROP

    scripted.otherwise = interrupt
    with pytest.raises(KeyboardInterrupt):
        client.run(len, b"x" * (2 << 20))
    assert not scripted.asked("POST /jobs")


def test_submit_leaves_it(scripted: Scripted, client: mlq.Client) -> None:
    """It owns no job: an interrupt of it is no wish to cancel."""
    slow = Slow(scripted, as_json(53, 201), DROP)
    with pytest.raises(KeyboardInterrupt):
        client.submit(len, "x")
    slow.answer.set()
    assert not scripted.asked("DELETE /jobs/53")


def test_errors_come_as_those_of_submit(scripted: Scripted, client: mlq.Client) -> None:
    scripted.on("POST /jobs", problem("quota", 429, "you have 10 jobs"))
    with pytest.raises(mlq.QuotaExceeded, match="you have 10 jobs"):
        client.run(len, "x")
